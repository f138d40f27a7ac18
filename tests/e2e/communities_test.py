#!/usr/bin/env python3
"""A home in two communities: two nodes, one list of cameras. What is asked in one is not seen in the other, a camera
that is closed to one is never matched for it, one node that is killed costs the other nothing, and commands are about
all of them, the one that is named, or the one that has the request.

usage: tests/e2e/communities_test.py BIN-FOLDER
"""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from footage import make_segments  # noqa: E402
from homes import Home  # noqa: E402
from street import (PASSPHRASE, QUESTION, at_question, found_and_join, half_an_hour_ago, invite, node_pids,  # noqa: E402
                    set_up, start_home, wait_delivered)

PORCH, YARD = "52.5200,13.4050", "52.5300,13.4050"  # a kilometre apart
OAK = ("--community", "oak-lane")


def in_both(home, *words):
    """What a command says in each community, by the home's names for them."""
    parts = home.facts(*words)["communities"]
    assert [part["name"] for part in parts] == ["first", "oak-lane"] and not any(part["exit"] for part in parts), parts
    return {part["name"]: part["result"] for part in parts}


def ask(home, at, start, *which):
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (5, 22)]
    text = home.with_passphrase(*which, "request", "--at", at, "--radius", "60", "--from", times[0], "--to", times[1], "--reason",
                                "Hit and run, silver hatchback", "--yes", "--voluntary", "--json")
    return json.loads(text[text.index("{"):])["code"]


def waiting(home, *which):
    return home.facts(*which, "status")["open_clips"]


def codes(home, *which):
    return {request["code"] for request in home.facts(*which, "requests")}


def grant(home, code):
    """By its code alone, wherever it is."""
    terminal = at_question(home, "review", code)
    terminal.line(code)
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    assert terminal.wait() == 0, terminal.text


def check_single(ada):
    """In one community everything is as if there were no others."""
    for words in (("status",), ("members",), ("peers",), ("requests",), ("delivered",), ("camera", "list")):
        text = ada.run(*words).stdout
        assert "COMMUNITY" not in text and "asked from" not in text, text
    assert "communities" not in ada.facts("status") and not (ada.data / "node/siblings").exists()
    assert [c["name"] for c in ada.facts("communities")] == ["first"]
    assert ada.run("--community", "oak-lane", "status", check=False).returncode == 2


def join_another(ada, dan):
    made = ada.run("init", "--community", "Oak Lane").stdout
    assert "'oak-lane'" in made and "it runs" in made, made
    assert "COMMUNITY" in ada.run("status").stdout  # its node is there; it has nothing else to show yet
    assert "COMMUNITY" not in ada.run("members").stdout and ada.run(*OAK, "members", check=False).returncode == 1
    again = ada.run("init", "--community", "oak lane", check=False)
    assert again.returncode == 1 and "already" in again.stderr, again
    stranger = ada.run("--owner-dir", str(dan.root / "config/stoop"), "init", "--community", "ash", check=False)
    assert stranger.returncode == 1 and "is not the one whose keys are pinned" in stranger.stderr, stranger
    waiting_room = [c for c in ada.facts("communities") if c["name"] == "oak-lane"][0]
    assert waiting_room["running"] and "community" not in waiting_room, waiting_room
    before = node_pids(ada)
    ada.with_passphrase("join", "--yes", invite(dan))  # there is one room that it can be for
    taken = ada.with_passphrase("--community", "first", "join", "--yes", invite(dan), times=0, expect_exit=1)
    assert "belongs to 'Elm Street' already" in taken, taken
    # The first node is told of the other one while it runs; that one knew from its start.
    ada.until(ada.journal, lambda text: text.count("info siblings: taken count=1") == 1)
    assert node_pids(ada) == before and ada.facts("--community", "first", "status")["links"] == 2
    ids = {c["name"]: c["community_id"] for c in ada.facts("communities")}
    for folder, other in ((ada.data, "oak-lane"), (ada.data / "communities/oak-lane", "first")):
        line = (folder / "node/siblings").read_text().split()
        assert line[0] == ids[other] and len(line) == 3 and line[2].startswith("127.0.0.1:"), line


def check_commands(ada):
    statuses = in_both(ada, "status")
    assert statuses["first"]["community"] == "Elm Street" and statuses["oak-lane"]["community"] == "Oak Lane", statuses
    assert statuses["first"]["node"] != statuses["oak-lane"]["node"]
    for words in (("status",), ("members",), ("peers",), ("requests",), ("delivered",), ("log", "verify"),
                  ("community", "show"), ("vault", "list")):
        text = ada.run(*words).stdout
        assert "COMMUNITY first: Elm Street\n" in text and "\nCOMMUNITY oak-lane: Oak Lane\n" in text, text
    for words in (("invite",), ("remove", "dan"), ("leave",), ("charter", "edit")):
        done = ada.run(*words, check=False)
        assert done.returncode == 2 and "'--community NAME': first, oak-lane" in done.stderr, done
    assert "and 'charter edit' is for one of them" in done.stderr, done
    for name, acts in in_both(ada, "charter", "history").items():  # whose code it is says where
        done = ada.run("charter", "sign", acts[0]["code"], check=False)
        assert done.returncode == 1 and "no proposal has the code" in done.stderr, (name, done)
    assert ada.facts(*OAK, "status")["community"] == "Oak Lane"
    assert ada.facts("status", *OAK)["community"] == "Oak Lane"
    ada.env["STOOP_COMMUNITY"] = "Oak Lane"
    assert ada.facts("status")["community"] == "Oak Lane"
    del ada.env["STOOP_COMMUNITY"]
    names = lambda community: {member["name"] for member in in_both(ada, "members")[community]}
    assert names("first") == {"ada", "ben", "cleo"} and names("oak-lane") == {"dan", "ben", "ada"}
    listed = ada.run("communities").stdout
    assert "oak-lane" in listed and "Elm Street" in listed, listed


def add_cameras(ada, start):
    for name, at, *more in (("porch", PORCH), ("yard", YARD, "--community", "first")):
        folder = ada.root / f"camera-{name}"
        make_segments(folder, "motion", name, start, 3, 10, size="160x120")
        ada.with_passphrase("camera", "add", name, "--folder", str(folder), "--layout", "motion", "--at", at, "--reach",
                            "40", *more)
    where = {camera["name"]: camera["communities"] for camera in ada.facts("camera", "list")}
    assert where == {"porch": [], "yard": ["first"]}, where
    in_both(ada, "status")
    ada.until(lambda: {s["camera_list_version"] for s in in_both(ada, "status").values()}, lambda v: v == {2})


def check_requests(ada, ben, cleo, dan, eve, start):
    elm = ask(ben, YARD, start)
    ada.until(lambda: waiting(ada, "--community", "first"), lambda n: n == 1)
    closed = ask(dan, YARD, start)  # the same camera, closed to them
    oak = ask(dan, PORCH, start)
    ada.until(lambda: waiting(ada, *OAK), lambda n: n == 1)
    cleo.until(lambda: codes(cleo), lambda found: found == {elm})
    eve.until(lambda: codes(eve), lambda found: found == {closed, oak})
    assert codes(ben) == {elm} and codes(dan) == {closed, oak}
    assert codes(ada, "--community", "first") == {elm} and codes(ada, *OAK) == {closed, oak}
    vaults = in_both(ada, "vault", "list")
    assert [clip["request"] for clip in vaults["first"]] == [elm], vaults
    assert [clip["request"] for clip in vaults["oak-lane"]] == [oak], vaults
    for folder, count in ((ada.data / "vault", 2), (ada.data / "communities/oak-lane/vault", 2)):
        assert len([p for p in folder.rglob("*") if p.is_file()]) == count  # payload and leaves
    # The code says where.
    assert all(ada.facts("requests", code)[0]["code"] == code for code in (elm, oak))
    grant(ada, elm)
    grant(ada, oak)
    wait_delivered(ben, elm)
    wait_delivered(dan, oak)
    assert not [d for d in dan.facts("delivered") if d["code"] != oak] and len(ben.facts("delivered")) == 1
    # Opened to them, it is matched.
    ada.with_passphrase("camera", "edit", "yard", "--everywhere")
    ada.until(lambda: {s["camera_list_version"] for s in in_both(ada, "status").values()}, lambda v: v == {3})
    opened = ask(eve, YARD, start)
    ada.until(lambda: waiting(ada, *OAK), lambda n: n == 1)
    held = {clip["request"] for clip in in_both(ada, "vault", "list")["oak-lane"]}
    assert opened in held and closed not in held, held


def check_mutes(ada, ben, eve, start):
    """The ben of one community is not the ben of the other."""
    by_ben, by_eve = ask(ben, PORCH, start), ask(eve, PORCH, start)

    def shown():
        return [ada.facts("requests", code)[0]["review"] for code in (by_ben, by_eve)]

    ada.until(lambda: {by_ben, by_eve} <= codes(ada, "--community", "first") | codes(ada, *OAK), lambda there: there)
    assert shown() == ["shown", "shown"]
    assert "requests of ben, of Oak Lane are not" in " ".join(ada.run("mute", by_eve).stdout.split())
    assert shown() == ["shown", "muted"]
    assert ada.facts(*OAK, "mute", "ben")["state"] == "muted already"
    for word, what in (("ada", "this home itself"), (ask(ada, YARD, start, *OAK), "a request of this home's own")):
        own = ada.run(*OAK, "mute", word, check=False)
        assert own.returncode == 1 and f"'{word}' is {what}" in own.stderr, own
    assert [(m["name"], m["community"]) for m in ada.facts("mute", "--list")] == [("ben", "oak-lane")]
    assert re.search(r"(?m)^ben +oak-lane +stoop mute$", ada.run("mute", "--list").stdout)
    assert ada.run(*OAK, "mute", "ben").stdout == "ben is muted already\n"
    ada.run("--community", "first", "mute", "ben")
    assert shown() == ["muted", "muted"]
    which = ada.run("unmute", "ben", check=False)
    assert which.returncode == 1 and "'--community NAME': oak-lane, first" in which.stderr, which
    assert ada.facts("unmute", "ben", *OAK)["state"] == "no longer muted"
    assert shown() == ["muted", "shown"]
    ada.run("unmute", "ben")
    assert shown() == ["shown", "shown"]
    # A file from before, and rules by hand.
    owner = ada.root / "config/stoop"
    memory = (owner / "memory").read_text() if (owner / "memory").exists() else "stoop memory v1\n"
    (owner / "memory").write_text(memory + "muted ben\n")
    assert shown() == ["muted", "muted"] and ada.facts("mute", "--list")[0]["community"] == "any"
    ada.run("unmute", "ben")
    (owner / "rules").write_text('[asker "ben"]\nmute = yes\ncommunity = first\n')
    assert shown() == ["muted", "shown"]
    told = ada.run("unmute", "ben", check=False)
    assert told.returncode == 1 and "is muted by line 1 of" in told.stderr, told
    (owner / "rules").write_text('[asker "ben"]\nmute = yes\ncommunity = elm\n')
    told = ada.run("requests", by_ben, check=False)
    assert told.returncode == 1 and "rules:1: this home has no community 'elm'" in told.stderr, told
    (owner / "rules").unlink()


def check_review(ada):
    """Who quits has quit all of them."""
    ada.until(lambda: [s["open_clips"] for s in in_both(ada, "status").values()], lambda counts: min(counts) > 0, 120)
    terminal = at_question(ada, "review")
    terminal.line("q")
    assert terminal.wait() == 3 and "COMMUNITY oak-lane: not looked at" in terminal.text, terminal.text
    assert terminal.text.count("passphrase of") == 1, terminal.text


def check_watch(ada, ben, dan, start):
    """One command watches all of them, and takes its parts with it when it goes."""
    told = ada.root / "told"
    watch = subprocess.Popen([str(ada.bin / "stoop"), "requests", "--watch", "--notify", "--", "sh", "-c",
                              f'echo "$1" >>{told}', "sh"], env=ada.env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    parts = lambda: subprocess.run(["pgrep", "-P", str(watch.pid)], capture_output=True, text=True).stdout.split()
    ada.until(parts, lambda found: len(found) == 2)
    asked = [ask(home, PORCH, start) for home in (ben, dan)]
    ada.until(lambda: told.read_text() if told.exists() else "", lambda text: all(code in text for code in asked))
    found = parts()
    watch.terminate()
    watch.wait(20)
    ada.until(lambda: [pid for pid in found if pathlib.Path(f"/proc/{pid}").exists()], lambda left: not left)


def check_killed(ada, dan, eve, ben):
    before, links = node_pids(ada), in_both(ada, "status")["oak-lane"]
    lost = links["overlay"]["links_lost"]
    os.kill(before[str(ada.data)], signal.SIGKILL)
    ada.until(lambda: node_pids(ada), lambda now: len(now) == 2 and now[str(ada.data)] != before[str(ada.data)])
    after = ada.facts(*OAK, "status")
    assert node_pids(ada)[str(ada.data / "communities/oak-lane")] == before[str(ada.data / "communities/oak-lane")]
    assert after["started"] == links["started"] and after["links"] == 2 and after["overlay"]["links_lost"] == lost, after
    first = ("--community", "first")
    ada.until(lambda: ada.run(*first, "status", check=False).returncode, lambda code: code == 0)
    ada.until(lambda: ada.facts(*first, "status")["links"], lambda n: n == 2)
    ada.until(lambda: {s["ingest"] for s in in_both(ada, "status").values()}, lambda both: both == {"watched"})
    for home in (ada, ben, dan, eve):
        home.run("log", "verify")


def check_hopeless(ada):
    """A node that cannot start leaves the others alone, and is tried again."""
    further = ada.data / "communities/oak-lane"
    config = (further / "config").read_text()
    (further / "config").write_text(re.sub("(?m)^listen = .*$", f"listen = {ada.address}", config))
    before = node_pids(ada)
    os.kill(before[str(further)], signal.SIGKILL)
    ada.until(ada.journal, lambda text: "warn stoopd: oak-lane ended restart_in=30000ms" in text)
    assert node_pids(ada) == {str(ada.data): before[str(ada.data)]} and ada.daemon.poll() is None
    done = ada.run("status", check=False)  # what there is is shown all the same
    assert done.returncode == 10 and "COMMUNITY first: Elm Street" in done.stdout and "stoopd runs, but its node" in done.stderr, done
    node = json.loads(ada.run(*OAK, "doctor", "--json", check=False).stdout)["node"]
    assert node["state"] == "wrong" and "though stoopd is" in node["text"], node
    (further / "config").write_text(config)
    ada.until(lambda: len(node_pids(ada)), lambda count: count == 2)


def main():
    with set_up("communities", "ada", "ben", "cleo", "dan", "eve") as (_, ada, ben, cleo, dan, eve):
        for home in (ada, ben, cleo, dan, eve):
            start_home(home)
        found_and_join([ada, ben, cleo])
        check_single(ada)
        dan.with_passphrase("community", "found", "Oak Lane", "--slot", "1")
        eve.with_passphrase("join", "--yes", invite(dan), "--name", "ben")
        join_another(ada, dan)
        ada.until(lambda: [s["links"] for s in in_both(ada, "status").values()], lambda n: n == [2, 2])
        check_commands(ada)
        start = half_an_hour_ago()
        add_cameras(ada, start)
        check_requests(ada, ben, cleo, dan, eve, start)
        check_mutes(ada, ben, eve, start)
        check_review(ada)
        check_watch(ada, ben, dan, start)
        check_killed(ada, dan, eve, ben)
        check_hopeless(ada)
        print("communities: two nodes, one list of cameras, nothing of one in the other")


if __name__ == "__main__":
    main()
