#!/usr/bin/env python3
"""What becomes of a request once it is sent: its author amends it and takes it back, is told before what changes, and
afterwards what was delivered; owners are told too, and what they decided about the earlier one does not carry over. The
community's directory of numbers is its charter's.

usage: tests/e2e/asking_test.py BIN-FOLDER
"""
import datetime
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from footage import make_segments  # noqa: E402
from homes import Home  # noqa: E402
from street import PASSPHRASE, PLACE, QUESTION, count, half_an_hour_ago, invite, set_up, start_home  # noqa: E402

SENT = re.compile(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})")
DONE, FAILED, USAGE, PENDING = 0, 1, 2, 3


def ask(home, start, reason):
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (5, 22)]
    text = home.with_passphrase("request", "--at", PLACE, "--radius", "60", "--from", times[0], "--to", times[1],
                                "--reason", reason, "--voluntary", "--yes")
    return SENT.search(text).group(1)


def state(home, code):
    return {r["code"]: r["state"] for r in home.facts("requests")}.get(code)


def waits(home, code):
    return [r for r in home.facts("requests") if r["code"] == code and r.get("open_clips")]


def accept(home, code):
    terminal = home.at_terminal("review", code)
    terminal.expect(PASSPHRASE, 20)
    terminal.line(Home.PASSPHRASE)
    terminal.expect(re.escape(QUESTION), 20)
    terminal.line(code)
    terminal.expect(PASSPHRASE, 20)
    terminal.line(Home.PASSPHRASE)
    return terminal.wait(), terminal.text


def amended(ada, ben, start):
    """Ben declines; Ada asks for less, which he has to decide anew."""
    first = ask(ada, start, "Who took the parcel")
    ben.until(lambda: waits(ben, first), bool, 90)
    nothing = ada.run("request", "--amend", first, check=False)
    assert nothing.returncode == USAGE and "nothing changes" in nothing.stderr, nothing.stderr
    shorter = ada.run("request", "--amend", first, "--days", "1", check=False)
    assert shorter.returncode == USAGE and "at least as long" in shorter.stderr, shorter.stderr
    theirs = ben.run("request", "--amend", first, "--radius", "5", check=False)
    assert theirs.returncode == FAILED and "another home" in theirs.stderr, theirs.stderr
    terminal = ada.at_terminal("request", "--amend", first, "--radius", "50", "--reason", "Who took the blue parcel")
    terminal.expect(r"\[y/N\] ")
    terminal.line("n")
    assert terminal.wait() == PENDING, terminal.text
    for told in ("PLACE    50 m", "WAS      place: 60 m around", "WAS      says: Who took the parcel", f"AMENDS   {first}"):
        assert told in terminal.text, terminal.text
    assert state(ben, first) == "open"
    second = SENT.search(ada.with_passphrase("request", "--amend", first, "--radius", "50", "--yes")).group(1)
    for home in (ada, ben):
        home.until(lambda h=home: state(h, first), lambda s: s == f"amended by {second}", 30)
    ben.until(lambda: waits(ben, second), bool, 90)
    ben.until(lambda: count(ben, "shred"), lambda n: n == 1, 30)
    got, text = accept(ben, second)
    assert got == DONE and f"AMENDS   {first}" in text, text
    again = ada.run("request", "--amend", first, "--radius", "5", check=False)
    assert again.returncode == FAILED and f"was amended by {second} already" in again.stderr, again.stderr
    return first, second


def withdrawn(ada, ben, start):
    code = ask(ada, start, "Has anybody seen our cat")
    ben.until(lambda: waits(ben, code), bool, 90)
    terminal = ada.at_terminal("request", "--withdraw", code)
    terminal.expect(r"\[y/N\] ")
    terminal.line("")
    assert terminal.wait() == PENDING and "not withdrawn" in terminal.text, terminal.text
    ada.with_passphrase("request", "--withdraw", code, "--yes")
    for home in (ada, ben):
        home.until(lambda h=home: state(h, code), lambda s: s == "withdrawn", 30)
    ben.until(lambda: count(ben, "shred"), lambda n: n == 2, 30)
    twice = ada.run("request", "--withdraw", code, "--yes", check=False)
    assert twice.returncode == FAILED and "was withdrawn already" in twice.stderr, twice.stderr
    both = ada.run("request", "--withdraw", code, "--radius", "5", check=False)
    assert both.returncode == USAGE, both.stderr
    return code


def main():
    with set_up("asking", "ada", "ben") as (root, ada, ben):
        for home in (ada, ben):
            start_home(home)
        for wrong in ("Riverside PD", "=110", "Riverside PD=ask for Lee", "Riverside PD=11"):
            bad = ada.run("community", "found", "Elm Street", "--agency", wrong, check=False)
            assert bad.returncode == USAGE and "is not an agency" in bad.stderr, bad.stderr
        twice = ada.run("community", "found", "Elm Street", "--agency", "A=110", "--agency", "a=112", check=False)
        assert twice.returncode == USAGE and "named twice" in twice.stderr, twice.stderr
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1", "--name", "Ada", "--agency",
                            "Riverside PD=+1 951 555 0100")
        assert ada.facts("community", "show")["agencies"] == [{"name": "Riverside PD", "number": "+1 951 555 0100"}]
        assert re.search(r"call back on +\+1 951 555 0100 Riverside PD", ada.run("community", "show").stdout)
        ben.with_passphrase("join", invite(ada), "--name", "Ben")
        start = half_an_hour_ago()
        folder = ben.root / "camera-porch"
        make_segments(folder, "motion", "porch", start, 3, 10, size="160x120")
        ben.with_passphrase("camera", "add", "porch", "--folder", str(folder), "--layout", "motion", "--at", PLACE,
                            "--reach", "40")
        first, second = amended(ada, ben, start)
        third = withdrawn(ada, ben, start)
        ada.until(lambda: [r["delivered"] for r in ada.facts("request", "status", second)], lambda d: d == [1], 60)
        states = {r["code"]: (r["state"], r["delivered"]) for r in ada.facts("request", "status")}
        assert states[first] == (f"amended by {second}", 0) and states[third] == ("withdrawn", 0), states
        assert "homes" not in ada.run("request", "status").stdout
        for home in (ada, ben):
            assert count(home, "request_amended") == 1 and count(home, "request_withdrawn") == 1
            home.until(lambda h=home: h.facts("log", "verify")["result"], lambda r: r == "verified")
    print("asking: amended, taken back, decided anew; everybody is told what became of it")


if __name__ == "__main__":
    main()
