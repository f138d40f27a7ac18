#!/usr/bin/env python3
"""A home belongs no more. Whose place went to another, because who brought it in let in more homes than it may, is told
so by every command that the community would refuse. Who leaves a further community takes the room for it away again:
asked first, with nothing deleted that is still owed, through Ctrl-C and kills, and without the other community's node.

usage: tests/e2e/leave_test.py BIN-FOLDER
"""
import base64
import os
import pathlib
import re
import signal
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from governing import FAILED, NO_TERMINAL, PENDING, USAGE, answered  # noqa: E402
from second_home import DAY_MS, GOSSIP, NEIGHBOUR, Peer, SigningKey, read_code, schemas, sign  # noqa: E402
from street import (accept, add_camera, ask, found_and_join, half_an_hour_ago, invite, node_pids, open_clips,  # noqa: E402
                    request_words, set_up, start_home, wait_delivered)

OAK = ("--community", "oak-lane")
REMOVE = ("communities", "remove", "oak-lane")
NAME = "type its name, oak-lane: "


def refused(home, told, *words, code=FAILED):
    """Before anybody types anything: nobody is there who could."""
    got = home.run(*words, check=False)
    assert got.returncode == code, (words, got)
    for text in told:
        assert text in " ".join(got.stderr.split()), (words, got.stderr)


def confirmed(home, question, answer, *words):
    terminal = home.at_terminal(*words)
    terminal.expect(question)
    terminal.line(answer)
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
    for words in ((), ("--spoken",), ("--json",)):
        refused(ada, ("this home may bring in nobody more: it has brought in 2 of 2",), "invite", *words)


# ---- a further community ----

def join_oak(ada, dan):
    ada.run("init", "--community", "Oak Lane")
    ada.until(lambda: ada.run(*OAK, "status", check=False).returncode, lambda code: code == 0)
    ada.with_passphrase(*OAK, "join", "--yes", invite(dan))
    ada.until(lambda: ada.facts(*OAK, "status")["links"], lambda n: n == 1)


def owed(ada, dan, start):
    """A clip of Dan's, collected."""
    text = ada.with_passphrase(*OAK, *request_words(start, 5, 22))
    code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)
    dan.until(lambda: open_clips(dan), lambda n: n == 1)
    assert accept(dan, code)[0] == 0
    ada.until(lambda: [d["state"] for d in ada.facts(*OAK, "delivered")], lambda s: s and s[0].startswith("here"))
    ada.with_passphrase(*OAK, "collect", "--to", str(ada.root))
    return code


def first_of(ada):
    """What must not be touched by what happens to the further one."""
    status = ada.facts("--community", "first", "status")
    return status["started"], status["overlay"]["links_lost"], node_pids(ada)[str(ada.data)]


def not_removed(ada, dan, code):
    """Before it is left, while something is owed, by a slip, and without anybody."""
    refused(ada, ("'first' is the home itself",), "communities", "remove", "first")
    refused(ada, ("this home has no community 'ash'", "there are: first, oak-lane"), "communities", "remove", "ash")
    refused(ada, ("NAME",), "communities", "remove", code=USAGE)
    refused(ada, ("'--json' is for what asks nothing",), *REMOVE, "--json", code=USAGE)
    refused(ada, ("this home belongs to 'Oak Lane' still", "'stoop --community oak-lane leave'"), *REMOVE)
    text = answered(ada, "type the community's name, Oak Lane: ", "Oak Lane", *OAK, "leave")
    assert "'stoop communities remove oak-lane' ends its node and deletes them" in " ".join(text.split()), text
    dan.until(lambda: {m["name"]: m["state"] for m in dan.facts("members")}["ada"], lambda state: state == "removed")
    ended = "ended with this home's membership"
    refused(ada, (f"'{code}' was {ended} already",), *OAK, "request", "--withdraw", code)
    for words in (("request", "status"), ("requests",)):
        assert ended in ada.run(*OAK, *words, code).stdout, ada.run(*OAK, *words, code).stdout
    assert "ended with its author's membership" in dan.run("requests", code).stdout, dan.run("requests", code).stdout
    assert "NO MEMBER" in ada.facts(*OAK, "status")["standing"]
    assert [c["belongs"] for c in ada.facts("communities")] == [True, False], ada.facts("communities")
    assert "belongs to 'Oak Lane' no more" in " ".join(ada.run(*OAK, "requests").stderr.split())
    refused(ada, ("1 clip was delivered there and not deleted yet", "'stoop delete CODE'"), *REMOVE)
    ada.run("delete", code, "--yes")
    refused(ada, ("there is nobody to ask",), *REMOVE, code=NO_TERMINAL)
    before = node_pids(ada)
    for answer in ("\x03", "\n", "y\n", "Oak Lane\n"):
        terminal = ada.at_terminal(*REMOVE)
        terminal.expect(NAME)
        terminal.type(answer)
        assert terminal.wait() == PENDING and "not removed" in terminal.text, terminal.text
    text = " ".join(terminal.text.split())
    for told in ("oak-lane, room for Oak Lane", f"{ada.data}/communities/oak-lane: its node's keys, log and vault",
                 "1 of this home's clips wait there for your decision: they go undecided", "copy that folder before you go on", "'yard' can be asked for there alone", "names it from line 1 on"):
        assert told in text, (told, text)
    assert node_pids(ada) == before and ada.facts(*OAK, "log", "verify")


def removed(ada):
    text = confirmed(ada, NAME, "oak-lane", *REMOVE)
    assert "removed 'oak-lane'" in text, text


def is_gone(ada, before):
    assert list((ada.data / "communities").iterdir()) == []
    assert node_pids(ada) == {str(ada.data): before[2]} and first_of(ada) == before
    assert "oak-lane" not in (ada.root / "config/stoop/pins").read_text()
    assert (ada.data / "node/siblings").read_text() == ""
    assert [c["name"] for c in ada.facts("communities")] == ["first"] and "COMMUNITY" not in ada.run("status").stdout
    refused(ada, ("this home has no community 'oak-lane'",), *REMOVE)
    ada.until(lambda: ada.facts("status")["ingest"], lambda state: state == "watched")
    ada.until(ada.journal, lambda text: "info stoopd: removed community=oak-lane" in text)


def not_again(ada, dan):
    """In another room neither: said before anybody is asked."""
    ada.run("init", "--community", "Ash")
    ada.until(lambda: ada.run("--community", "ash", "status", check=False).returncode, lambda code: code == 0)
    refused(ada, ("this home was in that community, as 'oak-lane', and belongs to it no more", "'stoop init' in empty folders"),
            "--community", "ash", "join", "--yes", invite(dan))
    confirmed(ada, "type its name, ash: ", "ash", "communities", "remove", "ash")


def only_asks(ada, rex):
    start_home(rex)
    text = " ".join(rex.with_passphrase("join", "--yes", invite(ada, "--role", "requester")).split())
    assert "ask with 'stoop request'" in text and "stoop camera" not in text, text
    refused(rex, ("this home may bring in nobody: it is a requester",), "invite")
    refused(rex, ("in 'first' this home is a requester: it may ask, and has no cameras",), "camera", "add", "porch",
            "--folder", str(rex.root), "--layout", "plain", "--at", "52.52,13.405", "--reach", "30")


def killed_meanwhile(ada):
    """Whatever is broken off: nothing has changed, or the same command goes on."""
    terminal = ada.at_terminal(*REMOVE)
    terminal.expect(NAME)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    assert len(node_pids(ada)) == 2 and ada.facts(*OAK, "status")
    terminal = ada.at_terminal(*REMOVE)
    terminal.expect(NAME)
    terminal.line("oak-lane")
    ada.until(lambda: (ada.data / "communities/.oak-lane").exists(), lambda there: there)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    assert "remove oak-lane' goes on with it" in " ".join(ada.run("communities").stderr.split())
    refused(ada, ("the removal of 'oak-lane' is not through", "goes on with it"), "init", "--community", "Oak Lane")
    assert "removed 'oak-lane'" in ada.run(*REMOVE).stdout  # it was asked before


def further(ada, ben, dan, rex):
    for home in (ada, ben, dan):
        start_home(home)
    found_and_join([ada, ben])
    dan.with_passphrase("community", "found", "Oak Lane", "--slot", "1")
    join_oak(ada, dan)
    start = half_an_hour_ago()
    add_camera(dan, "porch", start)
    add_camera(ada, "yard", start, "--community", "oak-lane")
    code = owed(ada, dan, start)
    waits = ask(dan, start, 6, 21)
    ada.until(lambda: ada.facts(*OAK, "status")["open_clips"], lambda n: n == 1)
    (ada.root / "config/stoop/rules").write_text('[asker "Eve"]\nmute = yes\ncommunity = oak-lane\n')
    not_removed(ada, dan, code)
    (ada.root / "config/stoop/rules").unlink()
    before = first_of(ada)
    removed(ada)
    is_gone(ada, before)
    # Made anew it is another home, and is asked what waits still; the clip that went with the first is made again.
    join_oak(ada, dan)
    ada.until(lambda: [clip["request"] for clip in ada.facts(*OAK, "vault", "list")], lambda found: found == [waits])
    answered(ada, "type the community's name, Oak Lane: ", "Oak Lane", *OAK, "leave")
    not_again(ada, dan)
    before = first_of(ada)
    killed_meanwhile(ada)
    is_gone(ada, before)
    ada.with_passphrase("camera", "edit", "yard", "--everywhere")
    ask(ben, start)
    ada.until(lambda: open_clips(ada), lambda n: n == 1)
    ada.run("log", "verify")
    only_asks(ada, rex)


def main():
    with set_up("displaced", "ada", "ben", last=3000) as (root, ada, ben):
        displaced(root, ada, ben)
    with set_up("leave", "ada", "ben", "dan", "rex", last=3000) as (_, ada, ben, dan, rex):
        further(ada, ben, dan, rex)
    print("leave: who has lost its place is told so; the room for a further community goes, and nothing else")


if __name__ == "__main__":
    main()
