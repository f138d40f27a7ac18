#!/usr/bin/python3
"""Whether somebody is a member of another community that this one has a treaty with, worked out as each home here does
from what crossed, by PROTOCOL.md alone: it shares no code with Stoop. NEAR and FAR are what 'stoop community export DIR'
wrote in the two; MEMBERSHIP is a file with a Membership (4.13). Checks both communities, the treaty in both (4.12), the roll
and who signed it, the chain of certificates back to the founders that the treaty names, and the proof that the last is in
the roll. FAR itself is not needed for that: it says whether the roll is true too, as nobody can see from outside.
Prints a line about the member and exits 0, or says what is wrong and exits 1.

usage: verify_treaty.py NEAR FAR MEMBERSHIP [--at TIME]
  --at TIME  whether it was one then, as 2027-01-01T12:00:00Z (default: now)
"""
import argparse
import datetime
import hashlib
import pathlib
import sys

import verify_membership as stranger
from verify_membership import ROLES, Community, Object, Wrong, day, decode, need

MINUTE_MS, ROLL_HOURS, FUTURE_MINUTES = 60 * 1000, 48, 15
MEMBERS, REMOVED, CHAIN_PARTS, PROOF = 1024, 64, 16, 16

stranger.SHAPES.update({
    "Roll": {1: ("head", "Head"), 2: ("act", "bytes"), 3: ("version", "int"), 4: ("caps", "Caps"), 5: ("roles", ["RoleRule"]),
             6: ("member_count", "int"), 7: ("members", "bytes"), 8: ("removed", ["bytes"]), 9: ("treaties", ["bytes"])},
    "Membership": {1: ("chain", ["bytes"]), 2: ("roll", "bytes"), 3: ("index", "int"), 4: ("hashes", "bytes")},
})
stranger.KINDS[stranger.TYPE.format("roll")] = "Roll"
stranger.BOUNDS.update({"Roll": {"version": (1, 1024), "member_count": (1, MEMBERS)},
                        "Membership": {"index": (0, MEMBERS - 1)}})


# ---- trees (RFC 9162 2.1) ----

def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree(leaves):
    if len(leaves) == 1:
        return leaf(leaves[0])
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree(leaves[:half]), tree(leaves[half:]))


def included(data, index, size, proof, root):
    """RFC 9162 2.1.3.2."""
    if index >= size:
        return False
    place, last, made = index, size - 1, leaf(data)
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            made = node(sibling, made)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            made = node(made, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and made == root


# ---- rolls and memberships (4.13) ----

def check_roll(item, side, treaty, at):
    roll, head = item.body, item.head
    need(item.kind == "Roll" and any(item.signed_by(key) for key in side["clerks"]), "no clerk of the treaty signed the roll")
    need(head["community"] == side["community"], "the roll is of another community")
    need(len(head["author"]) == 32 and head["expires"] - head["created"] <= ROLL_HOURS * 60 * MINUTE_MS, "it is no roll")
    need(head["created"] <= at + FUTURE_MINUTES * MINUTE_MS, "the roll is from the future")
    need(at < head["expires"], "the roll has expired")
    need(treaty in roll["treaties"], "the roll does not name the treaty")
    need(len(roll["removed"]) <= REMOVED and len(roll["members"]) == 32 and roll["caps"] is not None, "the roll is not whole")


def check_chain(parts, side):
    """The last of it, checked back to the treaty's founders. When certificates end is for the roll to say."""
    need(1 <= len(parts) <= CHAIN_PARTS, "a chain of none or too many")
    known = Community.of(side["community"], {"administrators": side["founders"], "invite_allowance": side["allowance"]})
    above = b""
    for item in (Object(part) for part in parts):
        need(item.kind == "Member" and item.head["author"] == above, "the chain is torn")
        known.admit_one(item)
        above = item.id
    return known.members[above]


def check_membership(data, side, treaty, at):
    shown = decode("Membership", data)
    roll, hashes = Object(shown["roll"]), shown["hashes"]
    check_roll(roll, side, treaty, at)
    member = check_chain(shown["chain"], side)
    proof = [hashes[i:i + 32] for i in range(0, len(hashes), 32)]
    need(len(hashes) % 32 == 0 and len(proof) <= PROOF, "a proof that is none")
    need(included(member.id, shown["index"], roll.body["member_count"], proof, roll.body["members"]), "the roll has no such "
         "member")
    return member, roll


def true_roll(far, roll):
    """Whether it is what the far community's own objects come to; who asks from outside is no member."""
    ids = sorted(m.id for m in far.members.values() if m.body["role"] not in (stranger.OUTSIDER, stranger.OFFICER)
                 and far.state(m, roll.head["created"]).startswith("in standing"))
    return len(ids) == roll.body["member_count"] and tree(ids) == roll.body["members"]


def between(near, far, at):
    """The treaties of the two that are in force in both."""
    found = [t for t in near.treaties if near.treaty(t["id"], at) is t and far.treaty(t["id"], at) is not None]
    need(found, "no treaty is in force in both")
    return found


def judge(near, far, data, at):
    """By whichever treaty it holds; what is wrong with the last otherwise."""
    for treaty in between(near, far, at):
        side = next(s for s in treaty["body"]["sides"] if s["community"] == far.id)
        try:
            return (*check_membership(data, side, treaty["id"], at), side)
        except Wrong as why:
            wrong = why
    raise wrong


def main():
    parser = argparse.ArgumentParser()
    for word in ("near", "far", "membership"):
        parser.add_argument(word)
    parser.add_argument("--at")
    words = parser.parse_args()
    now = datetime.datetime.now(datetime.timezone.utc)
    at = now if words.at is None else datetime.datetime.fromisoformat(words.at.replace("Z", "+00:00"))
    sides, wrong = [], []
    for folder in (words.near, words.far):
        objects, bad = stranger.read(folder)
        sides.append(Community(objects))
        wrong += [(f"{folder}/{name}", why) for name, why in bad + sides[-1].wrong]
    if not wrong:
        try:
            member, roll, side = judge(*sides, pathlib.Path(words.membership).read_bytes(), int(at.timestamp() * 1000))
        except Wrong as why:
            wrong.append((words.membership, why))
    for name, why in wrong:
        print(f"{name}: {why}", file=sys.stderr)
    if wrong:
        return 1
    said = "and so it is there" if true_roll(sides[1], roll) else "though the roll is not as it is there"
    name, community = ("".join(c if c.isprintable() else "?" for c in text) for text in (member.body["name"], side["name"]))
    print(f"{member.id.hex()[:8]} {ROLES[member.body['role']]:13} of {community} by its roll of {day(roll.head['created'])}, "
          f"{said}: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
