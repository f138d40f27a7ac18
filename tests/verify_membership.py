#!/usr/bin/python3
"""Who belongs to a community, worked out from what 'stoop community export DIR' wrote, by PROTOCOL.md alone: it shares no
code with Stoop. Checks every signature, the founding charter and each act after it (4.1, 4.6), every certificate up to a
founder (4.2, 4.3), removals (4.7), renewals (4.9), who may ask from outside (4.11) and treaties (4.12). Prints a line
for each member and exits 0, or says all that is wrong and exits 1.

usage: verify_membership.py DIR [--community ID] [--at TIME]
  --community ID  the community's id in hex, as its members know it: any other's charter is refused
  --at TIME       whether they belonged then, as 2027-01-01T12:00:00Z (default: now)
"""
import argparse
import collections
import datetime
import hashlib
import pathlib
import sys

try:
    from nacl.exceptions import CryptoError
    from nacl.signing import VerifyKey
except ModuleNotFoundError:
    sys.exit("this needs PyNaCl, for the signatures: apt-get install python3-nacl, and run it with /usr/bin/python3")

DAY_MS = 86400 * 1000
FOR_GOOD = 253402300799999  # the end of the year 9999
CERTIFICATE_DAYS, RENEWED_DAYS, CHAIN_MAX = 400, 3660, 16
TREATIES, TREATY_BYTES, STANDS_DAYS = 8, 4096, 15
ROLES = {1: "home", 2: "requester", 3: "administrator", 4: "witness", 5: "outsider", 6: "officer"}
ADMINISTRATOR, OUTSIDER, OFFICER = 3, 5, 6
OUTSIDERS, OUTSIDERS_EVER, OFFICERS, DOORS, OUTSIDER_BYTES = 32, 128, 32, 4, 4096
TYPE = "application/vnd.stoop.{}.v1+protobuf"

# Field number -> name, kind; a kind in a list may be there many times. What is not looked into is bytes.
SHAPES = {
    "Signed": {1: ("type", "text"), 2: ("body", "bytes"), 3: ("signatures", ["Signature"])},
    "Signature": {1: ("key", "bytes"), 2: ("signature", "bytes")},
    "Head": {1: ("community", "bytes"), 2: ("author", "bytes"), 3: ("created", "int"), 4: ("expires", "int")},
    "Charter": {1: ("name", "text"), 2: ("created", "int"), 3: ("administrators", ["bytes"]), 4: ("threshold", "int"),
                5: ("invite_allowance", "int"), 6: ("caps", "Caps"), 7: ("area", "Place"), 8: ("witnesses", "int"),
                9: ("slot_s", "int"), 10: ("delete_by_max_days", "int"), 11: ("authorities", ["bytes"]),
                12: ("agencies", ["Agency"]), 13: ("roles", ["RoleRule"])},
    "Caps": {1: ("span_s", "int"), 2: ("area_m2", "int"), 3: ("live_requests", "int")},
    "Place": {1: ("radius_m", "int"), 2: ("points", ["Point"])},
    "Point": {1: ("lat", "signed"), 2: ("lon", "signed")},
    "Agency": {1: ("name", "text"), 2: ("number", "text")},
    "RoleRule": {1: ("role", "int"), 2: ("instruments", "int"), 3: ("may_not_invite", "int")},
    "Member": {1: ("head", "Head"), 2: ("name", "text"), 3: ("role", "int"), 4: ("node", "bytes"), 5: ("log", "bytes"),
               6: ("transport", "bytes"), 7: ("owners", ["bytes"]), 8: ("owner_names", ["text"]),
               9: ("invite_allowance", "int"), 10: ("invite", "bytes")},
    "Invite": {1: ("head", "Head"), 2: ("key", "bytes"), 3: ("role", "int"), 4: ("invite_allowance", "int")},
    "Removed": {1: ("member", "bytes"), 2: ("subtree", "int"), 3: ("epoch", "bytes"), 4: ("reason", "text")},
    "Renewed": {1: ("member", "bytes"), 2: ("until", "int")},
    "Act": {1: ("head", "Head"), 2: ("previous", "bytes"), 3: ("charter", "Charter"), 4: ("removed", "Removed"),
            5: ("renewed", "Renewed"), 6: ("admission", "Admission"), 7: ("treaty", "bytes"), 8: ("treaty_ended", "bytes")},
    "Treaty": {1: ("created", "int"), 2: ("until", "int"), 3: ("sides", ["TreatySide"]), 4: ("instruments", "int"),
               5: ("roles", "int"), 6: ("caps", "Caps"), 7: ("daily", "int")},
    "TreatySide": {1: ("community", "bytes"), 2: ("name", "text"), 3: ("founders", ["bytes"]), 4: ("allowance", "int"),
                   5: ("clerks", ["bytes"]), 6: ("area", "Place")},
    "Admission": {1: ("member", "bytes"), 2: ("kind", "int"), 3: ("instruments", "int"), 4: ("live_requests", "int"),
                  5: ("doors", ["bytes"]), 6: ("until", "int"), 7: ("suspended", "int")},
    "Removal": {1: ("head", "Head"), 2: ("removed", "Removed")},
    "Renewal": {1: ("head", "Head"), 2: ("member", "bytes")},
}
KINDS = {TYPE.format(shape.lower()): shape for shape in ("Charter", "Member", "Invite", "Act", "Removal", "Renewal")}
EMPTY = {"int": 0, "signed": 0, "bytes": b"", "text": ""}
# What a number of these may be, as proto/object.proto says.
BOUNDS = {
    "Charter": {"threshold": (1, 16), "invite_allowance": (0, 64), "witnesses": (0, 8), "slot_s": (1, 3600),
                "delete_by_max_days": (1, 3650)},
    "Caps": {"span_s": (1, 43200), "area_m2": (1, 1294994), "live_requests": (1, 10)},
    "Place": {"radius_m": (0, 100000)},
    "Point": {"lat": (-900000000, 900000000), "lon": (-1800000000, 1800000000)},
    "Admission": {"kind": (1, 5), "instruments": (0, 254), "live_requests": (1, 10), "suspended": (0, 1)},
    "RoleRule": {"role": (1, 6), "instruments": (0, 254), "may_not_invite": (0, 1)},
    "Member": {"role": (1, 6), "invite_allowance": (0, 64)},
    "Invite": {"role": (1, 4), "invite_allowance": (0, 64)},
    "Treaty": {"instruments": (2, 254), "roles": (2, 14), "daily": (1, 64)},
    "TreatySide": {"allowance": (0, 64)},
}
NAME_BYTES, NUMBER_BYTES, AUTHORITY_BYTES, AUTHORITIES, AGENCIES, PLACE_POINTS = 64, 31, 2048, 4, 16, 64
MAY_SPONSOR = (1, ADMINISTRATOR)  # who only asks, or only watches, brings nobody in


class Wrong(Exception):
    """What is wrong with an object."""


def need(what, told):
    if not what:
        raise Wrong(told)


# ---- protobuf (9) ----

def varint(data, at):
    value = 0
    for i in range(10):
        need(at + i < len(data), "it ends within a number")
        value |= (data[at + i] & 0x7f) << (7 * i)
        if data[at + i] < 0x80:
            need(i == 0 or data[at + i] != 0, "a number is written longer than it is")
            need(value < 1 << 64, "a number of more than 64 bits")
            return value, at + i + 1
    raise Wrong("a number does not end")


def decode(shape, data):
    message = {name: [] if isinstance(kind, list) else EMPTY.get(kind) for name, kind in SHAPES[shape].values()}
    seen, at = set(), 0
    while at < len(data):
        tag, at = varint(data, at)
        need(tag >> 3 in SHAPES[shape], f"{shape} has an unknown field {tag >> 3}")
        name, kind = SHAPES[shape][tag >> 3]
        many = isinstance(kind, list)
        kind = kind[0] if many else kind
        need(many or name not in seen, f"{shape} has '{name}' twice")
        seen.add(name)
        number = kind in ("int", "signed")
        need(tag & 7 == (0 if number else 2), f"'{name}' of {shape} is of another type")
        value, at = varint(data, at)
        if kind == "signed":
            value = value >> 1 ^ -(value & 1)
        if not number:
            need(at + value <= len(data), f"'{name}' of {shape} goes past the end")
            value, at = data[at:at + value], at + value
        if kind == "text":
            try:
                value = value.decode("utf-8")
            except UnicodeDecodeError:
                raise Wrong(f"'{name}' of {shape} is no text") from None
            need(not any(c < " " or "\x7f" <= c <= "\x9f" for c in value), f"'{name}' of {shape} has control characters")
        elif kind in SHAPES:
            value = decode(kind, value)
        if many:
            message[name].append(value)
        else:
            message[name] = value
    for name, (low, high) in BOUNDS.get(shape, {}).items():
        need(low <= message[name] <= high, f"'{name}' of {shape} is {message[name]}, which is not {low} to {high}")
    return message


# ---- signed objects (2) ----

class Object:
    def __init__(self, data):
        envelope = decode("Signed", data)
        self.type, self.bytes = envelope["type"], envelope["body"]
        need(self.type in KINDS, f"an object of type '{self.type}'")
        self.kind = KINDS[self.type]
        self.id = hashlib.sha256(self.bytes).digest()
        self.body = decode(self.kind, self.bytes)
        self.head = self.body.get("head")
        self.signatures = {s["key"]: s["signature"] for s in envelope["signatures"]}
        need(len(self.signatures) == len(envelope["signatures"]) >= 1, "a key signs twice, or none does")
        if self.kind != "Charter":
            need(self.head is not None and 0 < self.head["created"] < self.head["expires"], "its times make no sense")

    def signed_by(self, key):
        lead = f"DSSEv1 {len(self.type)} {self.type} {len(self.bytes)} ".encode()
        try:
            VerifyKey(key).verify(lead + self.bytes, self.signatures[key])
        except (KeyError, ValueError, TypeError, CryptoError):
            return False
        return True


Gone = collections.namedtuple("Gone", "member subtree at")


class Community:
    """What the objects come to. `wrong` collects (file, what)."""

    def __init__(self, objects):
        self.wrong, self.members, self.gone, self.ends = [], {}, [], {}
        self.admissions, self.outsiders = {}, {}  # what the newest act says of each; certificates that acts have brought
        self.of_kind = collections.defaultdict(list)
        for name, item in objects:
            self.of_kind[item.kind].append((name, item))
        charters = self.of_kind["Charter"]
        if len(charters) != 1:
            self.wrong.append(("DIR", f"{len(charters)} founding charters"))
            return
        if not self.each(charters, self.found):
            return
        self.charters, self.treaties = [(0, self.founding)], []
        self.follow(self.of_kind["Act"])
        self.admit(self.of_kind["Member"])
        self.each(self.of_kind["Renewal"], self.renew)
        self.remove(self.of_kind["Removal"])
        self.each(self.of_kind["Member"], self.check_sponsor)
        self.each(self.of_kind["Member"], self.check_place)

    @classmethod
    def of(cls, community, founding):
        """One of which nothing but that is known yet."""
        made = cls([])
        made.id, made.founding, made.wrong = community, founding, []
        return made

    def each(self, items, check):
        before = len(self.wrong)
        for name, item in items:
            try:
                check(item)
            except Wrong as why:
                self.wrong.append((name, str(why)))
        return len(self.wrong) == before

    # ---- charter and acts (4.1, 4.6) ----

    def check_charter(self, charter):
        keys = charter["administrators"]
        need(charter["name"] and charter["threshold"] <= len(keys) <= 16, "a charter that nobody could sign for")
        need(len(set(keys)) == len(keys) and all(len(k) == 32 for k in keys), "administrators are named twice")
        need(len(charter["name"].encode()) <= NAME_BYTES and charter["created"] > 0, "a charter of no name or time")
        need(charter["caps"] is not None, "a charter without caps")
        if charter["area"] is not None:
            check_place(charter["area"])
        need(len(charter["authorities"]) <= AUTHORITIES and all(0 < len(a) <= AUTHORITY_BYTES for a in
                                                               charter["authorities"]), "its authorities make no sense")
        agencies = [agency["name"].lower() for agency in charter["agencies"]]
        need(len(set(agencies)) == len(agencies) <= AGENCIES, "agencies are named twice, or too many")
        for agency in charter["agencies"]:
            need(0 < len(agency["name"].encode()) <= NAME_BYTES and number_good(agency["number"]), "an agency of no name "
                 "or number")
        roles = [rule["role"] for rule in charter["roles"]]
        need(len(set(roles)) == len(roles), "two rules for one role")

    def decided(self, item, charter):
        signed = sum(item.signed_by(key) for key in charter["administrators"])
        need(signed >= charter["threshold"],
             f"signed by {signed} of its administrators, and {charter['threshold']} have to")

    def found(self, item):
        self.check_charter(item.body)
        self.decided(item, item.body)
        self.founding = self.charter = item.body
        self.id = self.newest = item.id
        self.newest_at = item.body["created"]

    def follow(self, acts):
        """In the order of the chain, whatever the files are called."""
        waiting = dict(acts)
        while waiting:
            name = next((n for n, item in waiting.items() if item.body["previous"] == self.newest), None)
            if name is None:
                self.wrong += [(n, "it follows nothing that is here, or another follows the same") for n in waiting]
                return
            if not self.each([(name, waiting.pop(name))], self.follow_one):
                self.wrong += [(n, "it follows an act that does not count") for n in waiting]
                return

    def follow_one(self, item):
        act, head = item.body, item.head
        need(head["community"] == self.id and not head["author"] and head["expires"] == FOR_GOOD, "it is no act of this "
             "community")
        need(head["created"] > self.newest_at, "it is not later than the act before")
        things = (act["charter"] is not None or act["removed"] is not None, act["renewed"] is not None,
                  act["admission"] is not None, bool(act["treaty"]), bool(act["treaty_ended"]))
        need(sum(things) == 1, "it decides nothing, or one thing too many")
        self.decided(item, self.charter)
        if act["admission"] is not None:
            self.let_in(act["admission"])
        if act["treaty"]:
            self.make_treaty(act["treaty"], head["created"])
        if act["treaty_ended"]:
            treaty = self.treaty(act["treaty_ended"], head["created"])
            need(treaty is not None, "it ends a treaty that is not in force")
            treaty["over"] = head["created"]
        if act["charter"] is not None:
            self.check_charter(act["charter"])
            self.charter = act["charter"]
            self.charters.append((head["created"], self.charter))
        if act["removed"] is not None:
            need(len(act["removed"]["epoch"]) == 32, "a removal without what changes the key")
            self.gone.append(Gone(act["removed"]["member"], bool(act["removed"]["subtree"]), head["created"]))
        if act["renewed"] is not None:
            until = act["renewed"]["until"]
            need(until - head["created"] <= RENEWED_DAYS * DAY_MS, "it renews for too long")
            member = act["renewed"]["member"]
            self.ends[member] = max(until, self.ends.get(member, 0))
        self.newest, self.newest_at = item.id, head["created"]

    # ---- outsiders (4.11) ----

    def let_in(self, admission):
        doors = admission["doors"]
        need(1 <= len(set(doors)) == len(doors) <= DOORS and all(len(d) == 32 for d in doors), "its doors make no sense")
        need(0 < len(admission["member"]) <= OUTSIDER_BYTES and admission["until"] > 0, "an admission that is not whole")
        item = Object(admission["member"])
        need(item.kind == "Member" and item.body["role"] == OUTSIDER and not item.head["author"], "it admits no outsider")
        need(not item.body["invite"] and item.body["invite_allowance"] == 0, "it admits one that was invited, or invites")
        self.check_owned(item)
        need(item.id in self.outsiders or len(self.outsiders) < OUTSIDERS_EVER, "acts have admitted as many as they may")
        if item.id not in self.admissions and len(self.admissions) == OUTSIDERS:
            del self.admissions[min(self.admissions, key=lambda i: self.admissions[i]["until"])]
        self.admissions[item.id] = admission
        self.outsiders[item.id] = item

    def check_officer(self, item, outsider):
        member, above = item.body, outsider.body
        need(above["role"] == OUTSIDER and not member["invite"] and member["invite_allowance"] == 0, "it is no outsider's")
        need(len(member["owners"]) == 1 and all(member[k] == above[k] for k in ("node", "log", "transport")), "it is not at "
             "its outsider's node")
        need(item.head["expires"] <= outsider.head["expires"], "it outlives its outsider")
        need(any(item.signed_by(owner[:32]) for owner in above["owners"]), "no owner of its outsider signed it")

    # ---- treaties (4.12) ----

    def make_treaty(self, data, at):
        treaty, name = check_treaty(data), hashlib.sha256(data).digest()
        own = next((side for side in treaty["sides"] if side["community"] == self.id), None)
        need(own is not None and own["founders"] == self.founding["administrators"]
             and own["allowance"] == self.founding["invite_allowance"], "no side of it is as this community was founded")
        need(all(treaty["caps"][cap] <= most for cap, most in self.charter["caps"].items()), "it is looser than the charter")
        need(at < treaty["until"], "its treaty is over already")
        standing = [t["id"] for t in self.treaties if at < t["over"] + STANDS_DAYS * DAY_MS]
        need(name not in standing and len(standing) < TREATIES, "its treaty stands already, or as many as may")
        self.treaties.append({"id": name, "body": treaty, "made": at, "over": treaty["until"]})

    def treaty(self, name, at):
        """The one of that id that is in force; None: none."""
        return next((t for t in self.treaties if t["id"] == name and t["made"] <= at < t["over"]), None)

    # ---- certificates (4.2, 4.3) ----

    def admit(self, items):
        """Sponsors before those whom they brought."""
        for item in self.outsiders.values():
            self.members[item.id] = item
            self.ends[item.id] = max(item.head["expires"], self.ends.get(item.id, 0))
        waiting = list(items)
        while waiting:
            ready = [(n, m) for n, m in waiting if not m.head["author"] or m.head["author"] in self.members]
            if not ready:
                self.wrong += [(n, "who brought it in is not here, or does not count") for n, _ in waiting]
                return
            waiting = [pair for pair in waiting if pair not in ready]
            self.each(ready, self.admit_one)

    def check_owned(self, item):
        """What holds for every certificate."""
        member, head = item.body, item.head
        need(head["community"] == self.id, "it belongs to another community")
        need(head["expires"] - head["created"] <= CERTIFICATE_DAYS * DAY_MS, "it lives for too long")
        owners = [owner[:32] for owner in member["owners"]]
        need(owners and len(set(owners)) == len(owners) and all(len(o) == 64 for o in member["owners"]), "its owners "
             "make no sense")
        need(len(member["owner_names"]) == len(owners) and member["role"] in ROLES and member["name"], "it is not whole")
        keys = owners if member["role"] == OFFICER else (*owners, member["node"])
        need(all(item.signed_by(key) for key in keys), "an owner or its node has not signed it")

    def admit_one(self, item):
        member, head = item.body, item.head
        owners = [owner[:32] for owner in member["owners"]]
        self.check_owned(item)
        if member["role"] == OUTSIDER:
            need(item.id in self.outsiders, "no act lets it ask from outside")
            return
        if member["role"] == OFFICER:
            need(head["author"], "an officer of nobody")
            self.check_officer(item, self.members[head["author"]])
            self.members[item.id] = item
            self.ends[item.id] = head["expires"]
            return
        need(bool(head["author"]) == bool(member["invite"]), "an invite without who gave it, or the other way round")
        if head["author"]:
            self.check_invite(item, self.members[head["author"]])
        else:
            need(member["role"] == ADMINISTRATOR and any(o in self.founding["administrators"] for o in owners),
                 "it founds, and no owner is an administrator of the founding charter")
            need(member["invite_allowance"] <= self.founding["invite_allowance"], "it founds, and may bring in more than "
                 "the founding charter lets a home")
        self.members[item.id] = item
        self.ends[item.id] = max(head["expires"], self.ends.get(item.id, 0))

    def check_invite(self, item, sponsor):
        invite = Object(item.body["invite"])
        need(invite.kind == "Invite", "its invite is none")
        above, member, given = sponsor.body, item.body, invite.body
        need(any(invite.signed_by(owner[:32]) for owner in above["owners"]), "no owner of its sponsor signed its invite")
        need(item.signed_by(given["key"]) and item.signed_by(above["node"]), "its invite's key or its sponsor has not "
             "signed it")
        need(invite.head["community"] == self.id and invite.head["author"] == sponsor.id, "its invite is for another")
        need(invite.head["created"] <= item.head["created"] < invite.head["expires"], "its invite was not alive")
        need(member["role"] == given["role"] != ADMINISTRATOR and given["role"] <= 4, "its invite is for another role")
        need(above["role"] in MAY_SPONSOR, "its sponsor's role brings nobody in")
        need(member["invite_allowance"] <= given["invite_allowance"] <= above["invite_allowance"], "it may bring in more "
             "than its sponsor may")
        need(len(self.chain(sponsor)) < CHAIN_MAX, "its chain is too long")

    def chain(self, item):
        """From it up to its founder."""
        found = [item]
        while found[-1].head["author"]:
            found.append(self.members[found[-1].head["author"]])
        return found

    # ---- renewals and removals (4.7, 4.9) ----

    def renew(self, item):
        need(item.body["member"] in self.members and item.head["author"] in self.members, "about or by nobody here")
        member, author = self.members[item.body["member"]], self.members[item.head["author"]]
        above = self.chain(member)[1:] or [member]
        need(member.body["role"] not in (OUTSIDER, OFFICER), "no home renews who asks from outside")
        need(item.head["community"] == self.id and author in above, "its author is not above who is renewed")
        need(item.head["expires"] - item.head["created"] <= CERTIFICATE_DAYS * DAY_MS, "it renews for too long")
        need(item.signed_by(author.body["node"]), "its author's node has not signed it")
        self.ends[member.id] = max(item.head["expires"], self.ends[member.id])

    def remove(self, items):
        """Of one author about one member the smallest id counts, whatever became of its author."""
        self.each(items, self.check_removal)
        bad = {name for name, _ in self.wrong}
        counted = {}
        for _, item in sorted((pair for pair in items if pair[0] not in bad), key=lambda pair: pair[1].id):
            counted.setdefault((item.head["author"], item.body["removed"]["member"]), item)
        for (author, member), item in counted.items():
            # What is about a certificate that is not here is kept too, as it adds to the key; whether its author may say so
            # shows when that one comes.
            if member in self.members and author in (member, self.members[member].head["author"]):
                self.gone.append(Gone(member, bool(item.body["removed"]["subtree"]), item.head["created"]))

    def check_removal(self, item):
        removed, head = item.body["removed"], item.head
        need(removed is not None and len(removed["member"]) == 32 and head["author"] in self.members, "about nobody, or by "
             "nobody here")
        author = self.members[head["author"]]
        need(head["community"] == self.id and head["expires"] == FOR_GOOD, "it is no removal of this community")
        need(any(item.signed_by(owner[:32]) for owner in author.body["owners"]), "no owner of its author signed it")
        partless = removed["member"] == author.id or author.body["role"] == OUTSIDER
        need(len(removed["epoch"]) == (0 if partless else 32), "what changes the key is there, or missing, wrongly")

    def removed_at(self, item):
        """The first removal that takes it away; None: it stays."""
        chain = self.chain(item)
        along = item.body["role"] == OFFICER  # with its outsider, whatever the removal says
        times = [g.at for g in self.gone for k, m in enumerate(chain) if g.member == m.id
                 and (k == 0 or g.subtree or along or chain[k - 1].head["created"] >= g.at)]
        return min(times, default=None)

    def check_sponsor(self, item):
        if item.id in self.members and item.head["author"]:
            gone = self.removed_at(self.members[item.head["author"]])
            need(gone is None or item.head["created"] < gone, "its sponsor had been removed before it was made")

    def check_place(self, item):
        """The lowest of its sponsor's by (created, id) count: as many as that and the charter that stood when it was made
        let there be; the founding one's word is in allowances."""
        if item.id not in self.members or not item.head["author"]:
            return
        sponsor, made = self.members[item.head["author"]], item.head["created"]
        since, charter = [pair for pair in self.charters if pair[0] <= made][-1]
        before = sum(m.head["author"] == sponsor.id and (m.head["created"], m.id) < (made, item.id)
                     for m in self.members.values())
        officer = item.body["role"] == OFFICER
        need(before < (OFFICERS if officer else sponsor.body["invite_allowance"]), "its sponsor has brought in more than it "
             "may: it is no member")
        if since == 0 or officer:
            return
        need(not any(rule["role"] == sponsor.body["role"] and rule["may_not_invite"] for rule in charter["roles"]),
             "the charter of that time let nobody of its sponsor's role bring others in")
        need(before < charter["invite_allowance"], "the charter of that time let its sponsor bring in fewer")

    # ---- standing ----

    def state(self, item, at):
        removed = self.removed_at(item)
        end = min(self.ends[m.id] for m in self.chain(item))
        root = self.chain(item)[-1]
        if root.body["role"] == OUTSIDER:
            admission = self.admissions.get(root.id)
            end = min(end, admission["until"] if admission else 0)
        if removed is not None and removed <= at:
            return f"removed {day(removed)}"
        if item.head["created"] > at:
            return f"not yet, from {day(item.head['created'])}"
        if root.body["role"] == OUTSIDER and self.admissions.get(root.id, {}).get("suspended"):
            return "suspended"
        return f"in standing until {day(end)}" if at < end else f"ended {day(end)}"


# ---- what a charter and a treaty may say (4.1, 4.12) ----

def check_treaty(data):
    need(len(data) <= TREATY_BYTES, "its treaty is too long")
    treaty = decode("Treaty", data)
    sides, times = treaty["sides"], (treaty["created"], treaty["until"])
    need(0 < times[0] < times[1] <= FOR_GOOD and treaty["caps"] is not None and treaty["instruments"] % 2 == 0
         and treaty["roles"] % 2 == 0, "its treaty has no times or caps, or names what there is not")
    need(len(sides) == 2 and sides[0]["community"] < sides[1]["community"], "its treaty is not of two, in their order")
    for side in sides:
        keys = side["clerks"]
        need(0 < len(side["name"].encode()) <= NAME_BYTES and len(side["community"]) == 32, "a side of it is nameless")
        need(1 <= len(set(keys)) == len(keys) <= 4 and 1 <= len(side["founders"]) <= 16
             and all(len(key) == 32 for key in keys + side["founders"]), "a side of it has no clerks or founders")
        if side["area"] is not None:
            check_place(side["area"])
    return treaty


def number_good(number):
    return (len(number) <= NUMBER_BYTES and sum(c in "0123456789" for c in number) >= 3
            and all(c in "0123456789+ ()-./" for c in number))


def check_place(place):
    corners = [(point["lon"], point["lat"]) for point in place["points"]]
    if len(corners) == 1:
        need(place["radius_m"] >= 1, "a circle without radius")
        return
    need(place["radius_m"] == 0 and 3 <= len(corners) <= PLACE_POINTS, "an area that is neither circle nor polygon")
    sides = [(corners[i - 1], corners[i]) for i in range(len(corners))]
    for i, side in enumerate(sides):
        for k in range(i + 2, len(sides)):
            need((k + 1) % len(sides) == i or not cross(*side, *sides[k]), "an area whose sides cross")


def cross(a, b, c, d):
    """Whether two sides have a point in common."""
    def turn(p, q, r):
        value = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        return (value > 0) - (value < 0)

    def between(p, q, r):
        return turn(p, q, r) == 0 and all(min(p[i], q[i]) <= r[i] <= max(p[i], q[i]) for i in (0, 1))

    crossed = turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
    return crossed or between(a, b, c) or between(a, b, d) or between(c, d, a) or between(c, d, b)


def day(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%d")


def read(folder):
    objects, wrong = [], []
    for path in sorted(pathlib.Path(folder).glob("*.bin")):
        try:
            objects.append((path.name, Object(path.read_bytes())))
        except Wrong as why:
            wrong.append((path.name, str(why)))
    return objects, wrong


def main():
    parser = argparse.ArgumentParser(description="Who belongs to a community, by PROTOCOL.md alone.")
    parser.add_argument("folder", metavar="DIR", help="what 'stoop community export DIR' wrote")
    parser.add_argument("--community", metavar="ID", help="the community's id in hex: any other's charter is refused")
    parser.add_argument("--at", metavar="TIME", help="whether they belonged then, as 2027-01-01T12:00:00Z (default: now)")
    words = parser.parse_args()
    if not pathlib.Path(words.folder).is_dir():
        parser.error(f"there is no folder '{words.folder}'")
    now = datetime.datetime.now(datetime.timezone.utc)
    at = now if words.at is None else datetime.datetime.fromisoformat(words.at.replace("Z", "+00:00"))
    objects, wrong = read(words.folder)
    community = Community(objects)
    wrong += community.wrong
    if not wrong and words.community not in (None, community.id.hex()):
        wrong.append(("DIR", f"it is the community {community.id.hex()}"))
    for name, why in wrong:
        print(f"{name}: {why}", file=sys.stderr)
    if wrong:
        return 1
    for item in community.members.values():
        name = "".join(c if c.isprintable() else "?" for c in item.body["name"])
        print(f"{item.id.hex()[:8]} {ROLES[item.body['role']]:13} {community.state(item, int(at.timestamp() * 1000))}: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
