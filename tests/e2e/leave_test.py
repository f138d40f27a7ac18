#!/usr/bin/env python3
"""A home belongs no more: whose place went to another, because who brought it in let in more homes than it may, is told
so by every command that the community would refuse.

usage: tests/e2e/leave_test.py BIN-FOLDER
"""
import base64
import pathlib
import re
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from second_home import DAY_MS, GOSSIP, NEIGHBOUR, Peer, SigningKey, read_code, schemas, sign  # noqa: E402
from street import PASSPHRASE, half_an_hour_ago, invite, request_words, set_up, start_home  # noqa: E402

FAILED = 1


def refused(home, told, *words):
    """Before anybody types a passphrase: nobody is there who could."""
    got = home.run(*words, check=False)
    assert got.returncode == FAILED, (words, got)
    for text in told:
        assert text in " ".join(got.stderr.split()), (words, got.stderr)


def answered(home, question, answer, *words):
    """A command with this question and the passphrase behind it."""
    terminal = home.at_terminal(*words)
    terminal.expect(question)
    terminal.line(answer)
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    assert terminal.wait() == 0, terminal.text
    return terminal.text


# ---- a place that is lost ----

def node_key(home):
    """Of the home's node: the seed behind the version (PROTOCOL 1.2)."""
    lines = (home.data / "node" / "node.key").read_text().splitlines()
    return SigningKey(base64.b64decode("".join(lines[1:]))[1:33])


def let_in_few(home, number):
    path = home.root / "charter.conf"
    home.run("charter", "edit", str(path))
    path.write_text(re.sub("(?m)^invites = .*$", f"invites = {number}", path.read_text()))
    answered(home, r"\[y/N\] ", "y", "charter", "propose", str(path))


def static_key(home):
    pins = (home.root / "config/stoop/pins").read_text().splitlines()
    return bytes.fromhex([line.split()[1] for line in pins if line.startswith("static ")][0])


def displaced(root, ada, ben):
    """Ada may bring in two. The second that she signs for is older than Ben's certificate, and shown after it."""
    pb, link_pb = schemas(root)
    for home in (ada, ben):
        start_home(home)
    ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
    let_in_few(ada, 2)
    peer, eve = Peer(pb, link_pb), Peer(pb, link_pb)
    peer.member = peer.join(read_code(pb, invite(ada)))
    code = read_code(pb, invite(ada))
    certificate = sign(pb, "member", eve.certificate(code, 300 * DAY_MS).body, code.key, eve.owner, eve.node, node_key(ada))
    ben.with_passphrase("join", "--yes", invite(ada))
    ben.until(lambda: ben.facts("status")["links"], lambda n: n == 1)
    to_ben = types.SimpleNamespace(community=code.community, transport=static_key(ben), address=ben.address)
    link = peer.dial(to_ben, "member", peer.epoch_key, peer.member)
    link.send(NEIGHBOUR, b"")
    link.send(GOSSIP, link_pb.Gossip(object=certificate.SerializeToString(), hops=1).SerializeToString())
    ben.until(lambda: ben.facts("status").get("standing", ""), lambda text: "let in more homes than it may" in text)
    link.close()
    ada.until(lambda: ada.facts("status")["links"], lambda n: n == 0)
    for again in range(2):  # after a start too
        for words in (("leave",), ("invite",), ("invite", "--spoken"), request_words(half_an_hour_ago(), 5, 22)):
            refused(ben, ("this home belongs to 'Elm Street' no more", "'ada' let in more homes than it may", "for a new home"),
                    *words)
        assert [m["state"] for m in ben.facts("members") if m["name"] == "ben"] == ["displaced"]
        ben.stop()
        ben.start()
    ada.with_passphrase("request", *request_words(half_an_hour_ago(), 5, 22)[1:])


def main():
    with set_up("displaced", "ada", "ben", last=3000) as (root, ada, ben):
        displaced(root, ada, ben)
    print("leave: who has lost its place is told so")


if __name__ == "__main__":
    main()
