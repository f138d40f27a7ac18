#!/usr/bin/env python3
"""Who belongs can be checked by a program that shares no code with Stoop: tests/verify_membership.py, written from
PROTOCOL.md, finds in an exported community what its homes find, and nothing in it can be changed without being found: not
one bit of a file, no signature too few, nobody brought in by who was removed. A community made here by hand says what no
home of ours would: each of these forgeries is found too. So is who belongs to the far side of a treaty, from what crosses
(tests/verify_treaty.py), in two communities made by hand.

usage: tests/e2e/verify_test.py BIN-FOLDER
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from nacl.signing import SigningKey

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "support")]
import verify_membership as verifier  # noqa: E402
import verify_treaty as border  # noqa: E402
from govern_test import NAME, answered, propose, reach, sign  # noqa: E402
from street import found_and_join, invite, set_up, start_home  # noqa: E402

FLIPS = 8  # bits of each file, spread over it
CODE_FIELDS = (32, 32, 32, 32, 64, 8, 8, 16, 1, 1)  # of an invite's text (PROTOCOL 4.4)


def check(folder, *words):
    done = subprocess.run([sys.executable, TESTS / "verify_membership.py", folder, *words], text=True,
                          capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def without_its_library():
    """By a python3 that has no packages: it says what to install."""
    for name in ("verify_membership.py", "verify_treaty.py"):
        done = subprocess.run([sys.executable, "-S", TESTS / name, "."], text=True, capture_output=True, timeout=60)
        assert done.returncode == 1 and "apt-get install python3-nacl" in done.stderr, done
        assert "Traceback" not in done.stderr, done


def refused(folder, name, told):
    code, out, err = check(folder)
    assert code == 1 and not out and re.search(rf"(?m)^{re.escape(name)}: .*{told}", err), (name, code, out, err)


# ---- making objects (PROTOCOL 2, 9) ----

def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def encode(shape, message):
    """A message as verify_membership.py decodes it; zero and empty fields are left out."""
    out = b""
    for number, (name, kind) in verifier.SHAPES[shape].items():
        values = message.get(name) if isinstance(kind, list) else [message.get(name)]
        kind = kind[0] if isinstance(kind, list) else kind
        for value in values or []:
            if not value:
                continue
            if kind in ("int", "signed"):
                out += varint(number << 3) + varint(value if kind == "int" else value << 1 ^ value >> 63)
                continue
            data = encode(kind, value) if kind in verifier.SHAPES else value.encode() if kind == "text" else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def signed(kind, body, keys):
    text, data = verifier.TYPE.format(kind), encode(kind.capitalize(), body)
    message = f"DSSEv1 {len(text)} {text} {len(data)} ".encode() + data
    return encode("Signed", {"type": text, "body": data, "signatures": [
        {"key": key.verify_key.encode(), "signature": key.sign(message).signature} for key in keys]})


def node_key(home):
    """Of the home's node: the seed behind the version (PROTOCOL 1.2)."""
    lines = (home.data / "node" / "node.key").read_text().splitlines()
    return SigningKey(base64.b64decode("".join(lines[1:]))[1:33])


def hash_labelled(label, key, message):
    return hashlib.blake2b(bytes([len(label)]) + label + message, key=key, digest_size=32).digest()


def brought_in(sponsor, code):
    """A certificate that this home's invite and node vouch for, made now."""
    data, parts = base64.urlsafe_b64decode(code[7:] + "=" * (-len(code[7:]) % 4)), []
    for size in CODE_FIELDS:
        parts.append(data[:size])
        data = data[size:]
    community, certificate, _, owner, signature, created, expires, secret, role, allowance = parts
    invited = SigningKey(hash_labelled(b"stoop invite key v1", secret, b""))
    number = {"role": role[0], "invite_allowance": allowance[0]}
    head = {"community": community, "author": certificate, "created": int.from_bytes(created, "big"),
            "expires": int.from_bytes(expires, "big")}
    given = encode("Signed", {"type": verifier.TYPE.format("invite"), "body": encode("Invite", {
        "head": head, "key": invited.verify_key.encode(), **number}), "signatures": [{"key": owner,
                                                                                     "signature": signature}]})
    new, node = SigningKey.generate(), SigningKey.generate()
    now = int(time.time() * 1000)
    body = {"head": {"community": community, "author": certificate, "created": now, "expires": now + 300 * verifier.DAY_MS},
            "name": "Eve", "node": node.verify_key.encode(), "log": os.urandom(32), "transport": os.urandom(32),
            "owners": [new.verify_key.encode() + os.urandom(32)], "owner_names": ["Eve"], "invite": given, **number}
    return signed("member", body, [invited, new, node, node_key(sponsor)])


def renewal(by, of, home):
    now = int(time.time() * 1000)
    head = {"community": of.head["community"], "author": by.id, "created": now, "expires": now + 399 * verifier.DAY_MS}
    return signed("renewal", {"head": head, "member": of.id}, [node_key(home)])


# ---- a community by hand ----

BEGAN = 1700000000000  # nothing in it depends on the clock
KINDS = {"charter": "000-charter", "act": "001-act", "founder": "member-00000000", "sponsor": "member-00000001",
         "joined": "member-00000002", "second": "member-00000003"}


class Made:
    """Keys and certificate of a home; the certificate is signed when it is brought in."""

    def __init__(self, name):
        self.name, self.owner, self.node, self.id = name, SigningKey.generate(), SigningKey.generate(), b""

    def body(self, community, author, created, role, allowance, **more):
        head = {"community": community, "author": author, "created": created, "expires": created + 300 * verifier.DAY_MS}
        return {"head": head, "name": self.name, "role": role, "node": self.node.verify_key.encode(),
                "log": bytes([1]) * 32, "transport": bytes([2]) * 32, "owner_names": [self.name],
                "owners": [self.owner.verify_key.encode() + bytes([3]) * 32], "invite_allowance": allowance, **more}


def by_hand(folder, forged=None, founder=8, sponsor=(1, 4), given=(1, 2), charter=None, later=None):
    """Charter, founder; whom it brought ("sponsor"); an act a day later; whom that one brings in then, twice. What differs
    from a good one is named: allowances, (role, allowance) of certificates, fields of the charters."""
    ada, ben, cleo, dan = (Made(name) for name in ("Ada", "Ben", "Cleo", "Dan"))
    first = {"name": "By hand", "created": BEGAN, "administrators": [ada.owner.verify_key.encode()], "threshold": 1,
             "invite_allowance": 8, "caps": {"span_s": 43200, "area_m2": 1294994, "live_requests": 10}, "slot_s": 60,
             "delete_by_max_days": 365, **(charter or {})}
    files = {"charter": signed("charter", first, [ada.owner])}
    community = hashlib.sha256(encode("Charter", first)).digest()
    act = {"head": {"community": community, "created": BEGAN + verifier.DAY_MS, "expires": verifier.FOR_GOOD},
           "previous": community, "charter": {**first, "created": BEGAN + verifier.DAY_MS, **(later or {})}}
    files["act"] = signed("act", act, [ada.owner])

    def let_in(home, by, role, allowance, created):
        invited = SigningKey.generate()
        head = {"community": community, "author": by.id, "created": created - 1, "expires": created + verifier.DAY_MS}
        word = {"head": head, "key": invited.verify_key.encode(), "role": role, "invite_allowance": allowance}
        body = home.body(community, by.id, created, role, allowance, invite=signed("invite", word, [by.owner]))
        home.id = hashlib.sha256(encode("Member", body)).digest()
        return signed("member", body, [invited, home.owner, home.node, by.node])

    body = ada.body(community, b"", BEGAN, verifier.ADMINISTRATOR, founder)
    ada.id = hashlib.sha256(encode("Member", body)).digest()
    files["founder"] = signed("member", body, [ada.owner, ada.node])
    files["sponsor"] = let_in(ben, ada, *sponsor, BEGAN + 1000)
    files["joined"] = let_in(cleo, ben, *given, BEGAN + 2 * verifier.DAY_MS)
    files["second"] = let_in(dan, ben, *given, BEGAN + 2 * verifier.DAY_MS + 1000)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for kind, data in files.items():
        (folder / f"{KINDS[kind]}.bin").write_bytes(data)
    if forged is None:
        code, out, err = check(folder, "--at", "2023-11-20T00:00:00Z")
        assert code == 0 and out.count("in standing") == 4, (code, out, err)
    else:
        refused(folder, f"{KINDS[forged[0]]}.bin", forged[1])
    return community, ada, ben, cleo, dan


def point(lat, lon):
    return {"lat": round(lat * 1e7), "lon": round(lon * 1e7)}


def removals(folder):
    """One counts whatever became of its author; one about who is not here, or is another's, changes nobody's standing."""
    community, ada, ben, cleo, dan = by_hand(folder)

    def remove(name, by, member, day, key=None, **changed):
        head = {"community": community, "author": by.id, "created": BEGAN + day * verifier.DAY_MS,
                "expires": verifier.FOR_GOOD}
        body = {"head": head, "removed": {"member": member, "epoch": b"e" * 32, **changed}}
        (folder / f"removal-{name}.bin").write_bytes(signed("removal", body, [key or by.owner]))

    remove("0", ada, ben.id, 3)
    remove("1", ben, cleo.id, 4)
    remove("2", ada, b"x" * 32, 4)
    remove("3", ada, dan.id, 4)
    code, out, err = check(folder, "--at", "2023-11-20T00:00:00Z")
    states = {line.rsplit(": ", 1)[1]: "removed" in line for line in out.splitlines()}
    assert code == 0 and states == {"Ada": False, "Ben": True, "Cleo": True, "Dan": False}, (code, out, err)
    remove("0", ada, ben.id, 2)  # at the very time when Ben brought in Cleo
    for kind in ("joined", "second"):
        refused(folder, f"{KINDS[kind]}.bin", "its sponsor had been removed")
    remove("0", ada, ben.id, 3)
    for wrong, told in (({"key": dan.owner}, "no owner of its author signed it"), ({"epoch": b""}, "or missing, wrongly"),
                        ({"member": b"x"}, "about nobody")):
        remove("2", ada, **{"member": b"x" * 32, "day": 4, **wrong})
        refused(folder, "removal-2.bin", told)


def forgeries(folder):
    """Each in the founding charter or in the act, in a certificate before or after it."""
    square = [point(0.1, 0.1), point(0.1, -0.1), point(-0.1, -0.1), point(-0.1, 0.1)]
    caps = {"span_s": 43200, "area_m2": 1294994, "live_requests": 10}
    by_hand(folder)
    by_hand(folder, later={"caps": {"span_s": 1, "area_m2": 1, "live_requests": 1}, "area": {"points": square},
                           "agencies": [{"name": "PD", "number": "+1 951 555 0100"}], "authorities": [b"der"],
                           "roles": [{"role": 2, "instruments": 2, "may_not_invite": 1}, {"role": 1, "instruments": 254}]})
    by_hand(folder, later={"area": {"points": [point(52.5, -13.4)], "radius_m": 3000}, "invite_allowance": 2})

    by_hand(folder, ("founder", "may bring in more than the founding charter"), founder=9)
    by_hand(folder, ("sponsor", "bring in more than its sponsor"), founder=2)
    by_hand(folder, ("sponsor", "for another role"), sponsor=(verifier.ADMINISTRATOR, 4))
    by_hand(folder, ("joined", "sponsor's role brings nobody in"), sponsor=(2, 4))
    by_hand(folder, ("second", "brought in more than it may"), sponsor=(1, 1), given=(1, 0))

    silent = {"roles": [{"role": 1, "instruments": 254, "may_not_invite": 1}]}
    by_hand(folder, ("joined", "let nobody of its sponsor's role"), later=silent)
    by_hand(folder, ("joined", "let its sponsor bring in fewer"), later={"invite_allowance": 0})
    by_hand(folder, ("second", "let its sponsor bring in fewer"), later={"invite_allowance": 1})

    for wrong, told in (({"caps": {**caps, "span_s": 43201}}, "'span_s' of Caps"),
                        ({"caps": {**caps, "area_m2": 1294995}}, "'area_m2' of Caps"),
                        ({"caps": {**caps, "live_requests": 11}}, "'live_requests' of Caps"),
                        ({"caps": {**caps, "span_s": 0}}, "'span_s' of Caps"),
                        ({"caps": None}, "without caps"),
                        ({"slot_s": 0}, "'slot_s' of Charter"), ({"slot_s": 3601}, "'slot_s' of Charter"),
                        ({"witnesses": 9}, "'witnesses' of Charter"),
                        ({"delete_by_max_days": 3651}, "'delete_by_max_days' of Charter"),
                        ({"delete_by_max_days": 0}, "'delete_by_max_days' of Charter"),
                        ({"invite_allowance": 65}, "'invite_allowance' of Charter"),
                        ({"threshold": 2}, "nobody could sign"),
                        ({"name": "x" * 65}, "no name"), ({"name": "By\x1bhand"}, "control characters"),
                        ({"area": {"points": square[:2]}}, "neither circle nor polygon"),
                        ({"area": {"points": [square[0], square[2], square[1], square[3]]}}, "sides cross"),
                        ({"area": {"points": square[:1]}}, "without radius"),
                        ({"area": {"points": square[:1], "radius_m": 100001}}, "'radius_m' of Place"),
                        ({"area": {"points": [point(91, 0)], "radius_m": 9}}, "'lat' of Point"),
                        ({"agencies": [{"name": "PD", "number": "555"}, {"name": "pd", "number": "556"}]}, "named twice"),
                        ({"agencies": [{"name": "PD", "number": "call us"}]}, "no name or number"),
                        ({"authorities": [b"a" * 2049]}, "authorities make no sense"),
                        ({"authorities": [bytes([i]) for i in range(1, 6)]}, "authorities make no sense"),
                        ({"roles": [{"role": 1, "instruments": 2}, {"role": 1, "instruments": 4}]}, "two rules"),
                        ({"roles": [{"role": 7, "instruments": 2}]}, "'role' of RoleRule"),
                        ({"roles": [{"role": 1, "instruments": 256}]}, "'instruments' of RoleRule")):
        by_hand(folder, ("act", told), later=wrong)
        by_hand(folder, ("charter", told), charter=wrong)


# ---- two communities by hand, and a treaty (PROTOCOL 4.12, 4.13) ----

AT = BEGAN + 10 * verifier.DAY_MS
CAPS = {"span_s": 3600, "area_m2": 50000, "live_requests": 4}
HOUR_MS = 3600 * 1000


class Side:
    """A community of five: who founded it, and whom that one brought."""

    def __init__(self, name):
        self.name, self.homes = name, [Made(who) for who in ("Ada", "Ben", "Cleo", "Dan", "Eve")]
        founder = self.homes[0]
        charter = {"name": name, "created": BEGAN, "administrators": [founder.owner.verify_key.encode()], "threshold": 1,
                   "invite_allowance": 8, "caps": {"span_s": 7200, "area_m2": 60000, "live_requests": 5}, "slot_s": 60,
                   "delete_by_max_days": 365}
        self.community = hashlib.sha256(encode("Charter", charter)).digest()
        self.newest, self.acts = self.community, 0
        self.files = {"000-charter": signed("charter", charter, [founder.owner])}
        for i, home in enumerate(self.homes):
            self.certify(home, i)

    def certify(self, home, i):
        founder, created, more, invited = self.homes[0], BEGAN + 1000 * i, {}, []
        if i > 0:
            invited = [SigningKey.generate()]
            head = {"community": self.community, "author": founder.id, "created": created - 1,
                    "expires": created + verifier.DAY_MS}
            word = {"head": head, "key": invited[0].verify_key.encode(), "role": 2}
            more = {"invite": signed("invite", word, [founder.owner])}
        body = home.body(self.community, founder.id, created, 2 if i else verifier.ADMINISTRATOR, 0 if i else 8, **more)
        home.id = hashlib.sha256(encode("Member", body)).digest()
        keys = [*invited, home.owner, *({founder.node, home.node})]
        home.certificate = self.files[f"member-{i:08}"] = signed("member", body, keys)

    def let_in(self, day):
        """An outsider and its officer."""
        agency, lee = Made("Agency"), Made("Lee")
        body = agency.body(self.community, b"", BEGAN + 1, verifier.OUTSIDER, 0)
        agency.id = hashlib.sha256(encode("Member", body)).digest()
        self.act(day, admission={"member": signed("member", body, [agency.owner, agency.node]), "kind": 1, "instruments": 2,
                                 "live_requests": 2, "doors": [self.homes[0].id], "until": BEGAN + 90 * verifier.DAY_MS})
        below = {**body, "head": {**body["head"], "author": agency.id}, "name": "Lee", "role": verifier.OFFICER,
                 "owners": [lee.owner.verify_key.encode() + bytes([4]) * 32], "owner_names": ["Lee"]}
        self.files["member-officer"] = signed("member", below, [lee.owner, agency.owner])

    def treaty_side(self):
        founder = self.homes[0]
        return {"community": self.community, "name": self.name, "founders": [founder.owner.verify_key.encode()],
                "allowance": 8, "clerks": [founder.node.verify_key.encode()]}

    def act(self, day, **what):
        self.acts += 1
        body = {"head": {"community": self.community, "created": BEGAN + day * verifier.DAY_MS,
                         "expires": verifier.FOR_GOOD}, "previous": self.newest, **what}
        self.newest = hashlib.sha256(encode("Act", body)).digest()
        self.files[f"{self.acts:03}-act"] = signed("act", body, [self.homes[0].owner])

    def write(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in self.files.items():
            (folder / f"{name}.bin").write_bytes(data)

    def roll(self, treaty, clerk=None, **changed):
        ids = sorted(home.id for home in self.homes)
        head = {"community": self.community, "author": self.homes[0].id, "created": AT - HOUR_MS, "expires": AT + HOUR_MS}
        body = {"head": {**head, **changed.pop("head", {})}, "act": self.newest, "version": 2, "caps": CAPS,
                "member_count": len(ids), "members": border.tree(ids), "treaties": [treaty], **changed}
        return signed("roll", body, [clerk or self.homes[0].node])

    def membership(self, number, roll, **changed):
        ids = sorted(home.id for home in self.homes)
        at = ids.index(self.homes[number].id)
        chain = [home.certificate for home in (self.homes[0], self.homes[number])][:1 + (number > 0)]
        return encode("Membership", {"chain": chain, "roll": roll, "index": at, "hashes": b"".join(path(ids, at)),
                                     **changed})


def path(ids, at):
    """RFC 9162 2.1.3.1."""
    if len(ids) == 1:
        return []
    half = 1 << (len(ids) - 1).bit_length() - 1
    left, right = ids[:half], ids[half:]
    return path(left, at) + [border.tree(right)] if at < half else path(right, at - half) + [border.tree(left)]


def agree(near, far, **changed):
    sides = sorted((near.treaty_side(), far.treaty_side()), key=lambda side: side["community"])
    return encode("Treaty", {"created": BEGAN, "until": BEGAN + 100 * verifier.DAY_MS, "sides": sides, "instruments": 2,
                             "roles": 4, "caps": CAPS, "daily": 8, **changed})


def crossed(root, near, far, membership):
    for side, name in ((near, "near"), (far, "far")):
        side.write(root / name)
    (root / "membership").write_bytes(membership)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(AT // 1000))
    done = subprocess.run([sys.executable, TESTS / "verify_treaty.py", root / "near", root / "far", root / "membership",
                           "--at", at], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def stopped(root, near, far, membership, told):
    code, out, err = crossed(root, near, far, membership)
    assert code == 1 and not out and re.search(told, err), (told, code, out, err)


def over_the_border(root):
    near, far = Side("Elm Street"), Side("Oak Lane")
    body = agree(near, far)
    treaty = hashlib.sha256(body).digest()
    roll = far.roll(treaty)
    stopped(root, near, far, far.membership(4, roll), "no treaty is in force")
    near.act(1, treaty=body)
    stopped(root, near, far, far.membership(4, roll), "no treaty is in force")
    far.act(2, treaty=body)
    for number, home in enumerate(far.homes):
        code, out, err = crossed(root, near, far, far.membership(number, roll))
        assert code == 0 and re.match(f"{home.id.hex()[:8]} .* of Oak Lane .* so it is there: {home.name}\n", out), (out, err)

    # Who asks from outside is in no roll.
    far.let_in(3)
    code, out, err = crossed(root, near, far, far.membership(4, far.roll(treaty)))
    assert code == 0 and "so it is there" in out, (out, err)

    stopped(root, near, far, far.membership(4, far.roll(treaty, far.homes[1].node)), "no clerk")
    stopped(root, near, far, far.membership(4, far.roll(treaty, near.homes[0].node)), "no clerk")
    for changed, told in (({"head": {"community": near.community}}, "of another community"),
                          ({"head": {"created": AT + 15 * 60000 + 1}}, "from the future"),
                          ({"head": {"expires": AT}}, "has expired"),
                          ({"head": {"created": AT - 48 * HOUR_MS}}, "it is no roll"),
                          ({"treaties": [bytes(31) + b"x"]}, "does not name the treaty"),
                          ({"members": bytes(31) + b"x"}, "no such member"),
                          ({"member_count": 9}, "no such member")):
        stopped(root, near, far, far.membership(4, far.roll(treaty, **changed)), told)
    founder, other = far.homes[0].certificate, near.homes[4].certificate
    for changed, told in (({"index": 7}, "no such member"), ({"hashes": bytes(96)}, "no such member"),
                          ({"hashes": b"x"}, "a proof that is none"),
                          ({"chain": [far.homes[4].certificate]}, "torn"),
                          ({"chain": [founder]}, "no such member"),
                          ({"chain": [founder, other]}, "torn"),
                          ({"chain": [near.homes[0].certificate, other]}, "another community"),
                          ({"chain": [founder] + [far.homes[4].certificate] * 32}, "too many")):
        stopped(root, near, far, far.membership(4, roll, **changed), told)

    # Its clerk says another than its own objects come to: nobody sees that from outside.
    ids = sorted(home.id for home in far.homes[:4])
    at = ids.index(far.homes[3].id)
    short = far.roll(treaty, members=border.tree(ids), member_count=4)
    code, out, err = crossed(root, near, far, far.membership(3, short, index=at, hashes=b"".join(path(ids, at))))
    assert code == 0 and "not as it is there" in out, (out, err)

    near.act(9, treaty_ended=treaty)
    stopped(root, near, far, far.membership(4, roll), "no treaty is in force")
    near.act(10, treaty_ended=treaty)
    stopped(root, near, far, far.membership(4, roll), "003-act.bin: it ends a treaty that is not in force")


def treaties_that_do_not_count(root):
    def refuse(told, day=1, **changed):
        near, far = Side("Elm Street"), Side("Oak Lane")
        near.act(day, treaty=agree(near, far, **changed))
        near.write(root / "near")
        refused(root / "near", "001-act.bin", told)

    near, far, third = Side("Elm Street"), Side("Oak Lane"), Side("Ash Road")
    by_id = sorted((far.treaty_side(), third.treaty_side()), key=lambda side: side["community"])
    refuse("no side of it", sides=by_id)
    refuse("in their order", sides=by_id[::-1])
    refuse("in their order", sides=by_id[:1])
    refuse("no clerks", sides=[by_id[0], {**by_id[1], "clerks": by_id[1]["clerks"] * 2}])
    refuse("over already", day=100)
    refuse("looser", caps={**CAPS, "span_s": 7201})
    refuse("looser", caps={**CAPS, "live_requests": 6})
    refuse("'daily' of Treaty", daily=65)
    refuse("names what there is not", roles=3)
    refuse("no times", until=BEGAN)

    own, other = near.treaty_side(), far.treaty_side()
    for wrong in ({"founders": other["founders"]}, {"allowance": 7}):
        sides = sorted(({**own, **wrong}, other), key=lambda side: side["community"])
        made = Side("Elm Street")
        made.__dict__.update(near.__dict__, files=dict(near.files))
        made.act(1, treaty=agree(near, far, sides=sides))
        made.write(root / "near")
        refused(root / "near", "001-act.bin", "as this community was founded")
    for i in range(8):
        near.act(1 + i, treaty=agree(near, far, daily=1 + i))
    near.act(10, treaty_ended=hashlib.sha256(agree(near, far, daily=3)).digest())
    near.write(root / "near")
    assert check(root / "near", "--at", "2023-11-20T00:00:00Z")[0] == 0
    for day, body, good in ((24, agree(near, far, daily=9), False), (24, agree(near, far, daily=3), False),
                            (25, agree(near, far, daily=3), True)):
        made = Side("Elm Street")
        made.__dict__.update(near.__dict__, files=dict(near.files))
        made.act(day, treaty=body)
        made.write(root / "near")
        code, _, err = check(root / "near", "--at", "2023-11-20T00:00:00Z")
        assert code == (0 if good else 1) and (good or "010-act.bin: its treaty stands already" in err), (day, err)


def from_outside(folder, forged=None, role=verifier.OUTSIDER, by_node=True, admission=None, act=None, officer=None,
                 vouched=True):
    """Charter and founder; an act that lets an outsider in; its officer."""
    ada, agency, lee = (Made(name) for name in ("Ada", "Agency", "Lee"))
    first = {"name": "By hand", "created": BEGAN, "administrators": [ada.owner.verify_key.encode()], "threshold": 1,
             "invite_allowance": 8, "caps": {"span_s": 43200, "area_m2": 1294994, "live_requests": 10}, "slot_s": 60,
             "delete_by_max_days": 365}
    community = hashlib.sha256(encode("Charter", first)).digest()
    founder = ada.body(community, b"", BEGAN, verifier.ADMINISTRATOR, 8)
    outsider = agency.body(community, b"", BEGAN + 1, role, 0)
    agency.id = hashlib.sha256(encode("Member", outsider)).digest()
    certificate = signed("member", outsider, [agency.owner, *([agency.node] if by_node else [])])
    let_in = {"member": certificate, "kind": 1, "instruments": 2, "live_requests": 2,
              "doors": [hashlib.sha256(encode("Member", founder)).digest()], "until": BEGAN + 90 * verifier.DAY_MS,
              **(admission or {})}
    decided = {"head": {"community": community, "created": BEGAN + verifier.DAY_MS, "expires": verifier.FOR_GOOD},
               "previous": community, "admission": let_in, **(act or {})}
    below = {**outsider, "head": {**outsider["head"], "author": agency.id}, "name": "Lee", "role": verifier.OFFICER,
             "owners": [lee.owner.verify_key.encode() + bytes([4]) * 32], "owner_names": ["Lee"], **(officer or {})}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for kind, data in (("charter", signed("charter", first, [ada.owner])), ("act", signed("act", decided, [ada.owner])),
                       ("founder", signed("member", founder, [ada.owner, ada.node])),
                       ("sponsor", signed("member", below, [lee.owner, *([agency.owner] if vouched else [])]))):
        (folder / f"{KINDS[kind]}.bin").write_bytes(data)
    if forged is not None:
        refused(folder, f"{KINDS[forged[0]]}.bin", forged[1])
        return
    for at, states in (("2023-11-20", 3), ("2024-02-20", 1)):  # its time is over after 90 days, and its officer's with it
        code, out, err = check(folder, "--at", f"{at}T00:00:00Z")
        assert code == 0 and out.count("in standing") == states, (code, out, err)


def forged_from_outside(folder):
    from_outside(folder)
    from_outside(folder, ("act", "admits no outsider"), role=2)
    from_outside(folder, ("act", "its node has not signed"), by_node=False)
    from_outside(folder, ("act", "doors make no sense"), admission={"doors": [b"a" * 32, b"a" * 32]})
    from_outside(folder, ("act", "'live_requests' of Admission"), admission={"live_requests": 11})
    from_outside(folder, ("act", "one thing too many"), act={"renewed": {"member": b"a" * 32, "until": BEGAN + 1}})
    from_outside(folder, ("sponsor", "not at its outsider's node"), officer={"node": b"n" * 32})
    from_outside(folder, ("sponsor", "no owner of its outsider"), vouched=False)


# ---- what must be found ----

def broken(export, work):
    """One bit at a time: in what stands first, in what stands last, and between."""
    for path in sorted(export.glob("*.bin")):
        data = path.read_bytes()
        for i in range(FLIPS):
            at = i * (len(data) - 1) // (FLIPS - 1)
            copy = work / "flipped"
            shutil.copytree(export, copy, dirs_exist_ok=True)
            (copy / path.name).write_bytes(data[:at] + bytes([data[at] ^ 1 << i]) + data[at + 1:])
            code, out, err = check(copy)
            assert code == 1 and not out and path.name in err + "DIR", (path.name, at, i, code, out, err)
            shutil.rmtree(copy)


def with_file(export, work, name, data):
    copy = work / "changed"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(export, copy)
    (copy / name).write_bytes(data)
    return copy


def main():
    without_its_library()
    with set_up("verify", "Ada", "Ben", "Cleo", last=2000) as (root, ada, ben, cleo):
        for home in (ada, ben, cleo):
            start_home(home)
        found_and_join((ada, ben))
        cleo.with_passphrase("join", "--yes", invite(ben))
        for home in (ada, ben, cleo):
            home.until(lambda h=home: len(h.facts("members")), lambda n: n == 3)
        propose(ada, ("administrator = Ada / Ada\n", "administrator = Ada / Ada\nadministrator = Ben\n"),
                ("decide = 1", "decide = 2"))
        reach((ada, ben), 2)
        sign(ben, propose(ada, ("largest = 0.5 sq mi", "largest = 300 m2"))[0])
        reach((ada, ben), 3)
        code_of_ben = invite(ben)  # while it belongs still
        answered(ada, NAME, "Ben", "remove", "Ben")
        export = root / "export"
        ada.run("community", "export", str(export))
        again = ada.run("community", "export", str(export), check=False)
        assert again.returncode == 1 and "exists already" in again.stderr, again.stderr
        by_name = {m.body["name"]: m for m in (verifier.Object(p.read_bytes()) for p in export.glob("member-*.bin"))}

        community = ada.facts("community", "show")["id"]
        code, out, err = check(export, "--community", community)
        got = {line.rsplit(": ", 1)[1]: line for line in out.splitlines()}
        assert code == 0 and set(got) == {"Ada", "Ben", "Cleo"}, (code, out, err)
        for member in ada.facts("members"):
            line = got[member["name"]]
            assert line.startswith(f"{member['certificate'][:8]} {member['role']}"), (line, member)
            assert ("removed" if member["state"] == "removed" else f"until {member['expires'][:10]}") in line, (line, member)
        code, _, err = check(export, "--community", "00" * 32)
        assert code == 1 and f"it is the community {community}" in err, err
        assert all("not yet" in line for line in check(export, "--at", "2020-01-01T00:00:00Z")[1].splitlines())
        later = check(export, "--at", "2099-01-01T00:00:00Z")[1]
        assert later.count(" ended ") == 2 and later.count(" removed ") == 1, later

        renewed = renewal(by_name["Ada"], by_name["Cleo"], ada)
        whole = with_file(export, root, "renewal-00000000.bin", renewed)
        assert check(whole)[0] == 0, check(whole)
        broken(shutil.copytree(whole, root / "whole"), root)
        own = with_file(export, root, "renewal-00000000.bin", renewal(by_name["Cleo"], by_name["Cleo"], cleo))
        refused(own, "renewal-00000000.bin", "not above who is renewed")

        act = export / "002-act.bin"
        envelope = verifier.decode("Signed", act.read_bytes())
        assert len(envelope["signatures"]) == 2
        envelope["signatures"].pop()
        refused(with_file(export, root, act.name, encode("Signed", envelope)), act.name, "signed by 1 of .*, and 2 have to")
        assert check(with_file(export, root, "member-00000000.bin", brought_in(ada, invite(ada))))[0] == 0
        refused(with_file(export, root, "member-00000000.bin", brought_in(ben, code_of_ben)), "member-00000000.bin",
                "its sponsor had been removed")
        removals(root / "by-hand")
        forgeries(root / "by-hand")
        forged_from_outside(root / "from-outside")
        over_the_border(root)
        treaties_that_do_not_count(root)
    print("verify: another program finds the same members, and whatever was changed")


if __name__ == "__main__":
    main()
