#!/usr/bin/env python3
"""Three communities, two treaties, Elm with Oak and Oak with Ash. What is asked in Elm is granted in Oak and never seen in
Ash; what is asked in Oak goes to both. Homes that are in two communities carry requests over; when one is off another
one does. One side ends its treaty, and the next request does not cross.

usage: tests/e2e/federation_test.py BIN-FOLDER
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from street import (PASSPHRASE, accept, add_camera, ask, found_and_join, half_an_hour_ago, invite,  # noqa: E402
                    open_clips, set_up, start_home, wait_delivered)

YES_NO = r"\[y/N\] "


def in_another(home, name, founder):
    """A home joins one more community, as a further node of its own."""
    slug = name.lower().replace(" ", "-")
    home.run("init", "--community", name)
    home.until(lambda: home.run("--community", slug, "status", check=False).returncode, lambda code: code == 0)
    home.with_passphrase("--community", slug, "join", "--yes", invite(founder))


def confirmed(home, *words):
    """A command that asks once and then for the passphrase: what it printed."""
    terminal = home.at_terminal(*words)
    terminal.expect(YES_NO)
    terminal.line("y")
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    assert terminal.wait() == 0, terminal.text
    return terminal.text


def agree(one, other):
    """A treaty of the communities that these two founded."""
    side = other.run("treaty", "side").stdout.strip()
    line = re.search(r"stoop-treaty1:\S+", confirmed(one, "treaty", "propose", side)).group(0)
    confirmed(other, "treaty", "propose", line)


def codes(home, *which):
    return {request["code"] for request in home.facts(*which, "requests")}


def sees(home, code, *which):
    home.until(lambda: codes(home, *which), lambda found: code in found, 60)


def granted_across(ada, otto, start):
    """Asked in Elm, granted in Oak, collected in Elm: everything about it is checked again there."""
    code = ask(ada, start)
    sees(otto, code)
    otto.until(lambda: open_clips(otto), lambda n: n == 1, 60)
    listed = [r for r in otto.facts("requests") if r["code"] == code][0]
    assert listed["community"] == "Elm Street" and listed["by"] == "ada", listed
    status, text = accept(otto, code)
    assert status == 0 and "not of this community, but of Elm Street, by treaty" in text, text
    wait_delivered(ada, code)
    out = ada.root / "evidence"
    out.mkdir()
    ada.with_passphrase("collect", "--to", str(out))
    facts = json.loads(next(out.glob("*.json")).read_text())
    assert (facts["home"], facts["home_community"]) == ("otto", "Oak Street"), facts
    return code


def main():
    with set_up("federation", "ada", "gil", "hal", "ben", "otto", "ivy", "cleo") as (_, ada, gil, hal, ben, otto, ivy, cleo):
        for home in (ada, gil, hal, ben, otto, ivy, cleo):
            start_home(home)
        found_and_join([ada, gil, hal])
        found_and_join([ben, otto, ivy], name="Oak Street")
        cleo.with_passphrase("community", "found", "Ash Street", "--slot", "1")
        for home in (gil, hal):
            in_another(home, "Oak Street", ben)
        in_another(ivy, "Ash Street", cleo)
        for home, links in ((ada, 2), (ben, 4), (cleo, 1)):
            home.until(lambda h=home: h.facts("status")["links"], lambda n, want=links: n == want, 60)
        agree(ada, ben)
        agree(ben, cleo)
        start = half_an_hour_ago()
        add_camera(otto, "porch", start)
        otto.until(lambda: otto.facts("status")["camera_list_version"], lambda v: v == 1)
        crossed = granted_across(ada, otto, start)
        sees(ben, crossed)
        # What is asked in the middle goes to both sides, and no further.
        middle = ask(ben, start, 6, 20)
        sees(ada, middle)
        sees(cleo, middle)
        assert crossed not in codes(cleo)
        # One that carries is off: another one does it.
        for off, on in ((gil, hal), (hal, gil)):
            off.stop()
            sees(otto, ask(ada, start, 7, 20))
            off.start()
            off.until(lambda h=off: h.run("--community", "oak-street", "status", check=False).returncode,
                      lambda code: code == 0, 60)
        # Ended by one side: what crossed lives on, nothing more crosses.
        confirmed(ben, "treaty", "end", "Elm Street")
        sees_no_more = ask(ada, start, 8, 20)
        sees(gil, sees_no_more, "--community", "first")
        last = ask(ben, start, 9, 20)
        sees(cleo, last)
        assert sees_no_more not in codes(otto) and last not in codes(ada) and crossed in codes(otto)
        for home in (ada, ben, otto, cleo):
            home.run("log", "verify")
        print("federation: what crosses by treaty is granted, goes one way at a time, and ends with it")


if __name__ == "__main__":
    main()
