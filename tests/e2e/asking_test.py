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


def being_sought(home, code):
    """Between its coming and its clip: what there is is looked for, and nobody but the owner is told so."""
    home.until(lambda: state(home, code), lambda s: s == "open", 30)
    facts = home.facts("requests", code)[0]
    if facts["open_clips"]:
        return  # a fast machine
    assert facts["being_made_ready"], facts
    text = home.run("requests", code).stdout
    assert "being made ready" in text and not re.search(r"(?m)^review ", text), text
    terminal = home.at_terminal("review")
    terminal.wait()
    assert re.search(r"nothing waits for your\s+decision yet", terminal.text) or PASSPHRASE in terminal.text, terminal.text


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


def leave(home, code, answer="l"):
    terminal = home.at_terminal("review", code)
    terminal.expect(PASSPHRASE, 20)
    terminal.line(Home.PASSPHRASE)
    terminal.expect(re.escape(QUESTION), 20)
    terminal.line(answer)
    assert terminal.wait() == PENDING, terminal.text
    return terminal.text


def amended(ada, ben, start):
    """Ben leaves it for later; Ada asks for less in its place, which he has to decide anew."""
    first = ask(ada, start, "Who took the parcel")
    being_sought(ben, first)
    ben.until(lambda: waits(ben, first), bool, 90)
    asked = waits(ben, first)[0]
    assert asked["touches"] == {"cameras": 1, "of_cameras": 2, "indoor": 0, "indoor_closed": 1, "camera_seconds": 17}, asked
    assert "touches 1 of your 2 cameras for 17s; 1 indoors cannot be asked for" in ben.run("requests", first).stdout
    leave(ben, first)
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
    assert "LP-34" not in terminal.text, terminal.text  # the other request is here
    assert state(ben, first) == "open"
    second = SENT.search(ada.with_passphrase("request", "--amend", first, "--radius", "50", "--yes")).group(1)
    for home in (ada, ben):
        home.until(lambda h=home: state(h, first), lambda s: s == "amended", 30)
        by = next(r for r in home.facts("requests") if r["code"] == first)["amended_by"]
        assert by == next(r for r in home.facts("requests") if r["code"] == second)["request"], by
    ben.until(lambda: waits(ben, second), bool, 90)
    ben.until(lambda: count(ben, "shred"), lambda n: n == 1, 30)
    got, text = accept(ben, second)
    assert re.search(r"(?m)^ *by you +accepted on \d", ben.run("requests", second).stdout), ben.run("requests", second)
    assert got == DONE and f"AMENDS   {first}" in text and "LP-34" not in text, text
    assert "asked 1 other time in 30 days" in text and "replaced" not in text, text
    assert "an earlier form of it" not in text, text  # that was left for later
    again = ada.run("request", "--amend", first, "--radius", "5", check=False)
    assert again.returncode == FAILED and f"was amended by {second} already" in again.stderr, again.stderr
    return first, second


def amended_again(ada, ben, first, second):
    """Who asks about the first is told of the newest."""
    third = SENT.search(ada.with_passphrase("request", "--amend", second, "--radius", "40", "--yes")).group(1)
    for home in (ada, ben):
        home.until(lambda h=home: state(h, second), lambda s: s == "amended", 30)
        assert f"amended by {third}" in home.run("requests", first).stdout
    status = ada.run("request", "status", first).stdout
    assert f"amended by {third}" in status, status
    again = ada.run("request", "--amend", first, "--radius", "5", check=False)
    assert again.returncode == FAILED and f"was amended by {third} already" in again.stderr, again.stderr
    facts = {r["code"]: r for r in ada.facts("request", "status")}
    assert facts[first]["amended_by"] == facts[second]["request"], facts
    assert facts[first]["newest"] == facts[second]["newest"] == facts[third]["request"], facts
    own = {r["code"]: r for r in ada.facts("requests")}
    assert own[third]["ours"] and own[third]["expires"] == facts[third]["expires"] and "touches" not in own[third], own
    assert own[first]["newest"] == facts[third]["request"] and not ben.facts("requests", third)[0]["ours"], own
    assert "open until" not in status and "open until" in ada.run("request", "status", third).stdout, status
    assert facts[second]["amended_by"] == facts[third]["request"] and facts[third]["state"] == "open", facts
    assert "amended_by" not in facts[third], facts
    declined_and_asked_again(ada, ben, third)


def declined_and_asked_again(ada, ben, third):
    """Ben declines; in the next form he is asked anew, and told what he said to the last and how often she amends."""
    ben.until(lambda: waits(ben, third), bool, 90)
    text = leave(ben, third, "d")
    assert "you have accepted an earlier form of it" in text, text
    fourth = SENT.search(ada.with_passphrase("request", "--amend", third, "--radius", "30", "--yes")).group(1)
    ben.until(lambda: waits(ben, fourth), bool, 90)
    text = leave(ben, fourth)
    assert "you have declined an earlier form of it" in text, text
    assert re.search(r"asked 4 other times in 30 days; you accepted 1, declined 1\s+2 of these replaced an earlier one", text), text


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


EMERGENCY = """instrument = emergency
applicant_name = Sergeant Doe
applicant_agency = Riverside PD
applicant_badge = 12
emergency_facts = A child of six left the school alone and was last seen here
emergency_person = The child
emergency_why_now = It is freezing, and the child has been gone for three hours
"""


def emergency(home, start, agency="Riverside PD"):
    path = home.root / "emergency.conf"
    path.write_text(EMERGENCY.replace("Riverside PD", agency))
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (5, 22)]
    text = home.with_passphrase("request", "--at", PLACE, "--radius", "60", "--from", times[0], "--to", times[1],
                                "--reason", "A child is missing", "--process", str(path), "--yes")
    return SENT.search(text).group(1)


def calls(home, code):
    return [c for r in home.facts("requests", code) for c in r["calls"]]


def refused(home, told, *words, exit=FAILED):
    got = home.run("callback", *words, check=False)
    assert got.returncode == exit and told in got.stderr, (got.returncode, got.stderr)


def called_back(ada, ben, start):
    """Ben rings the directory's number twice; both homes are shown the newest record of his."""
    code = emergency(ada, start)
    ben.until(lambda: waits(ben, code), bool, 90)
    shown = ben.run("requests", code).stdout
    assert "nobody has called back yet" in shown and re.search(r"call +\+1 951 555 0100 Riverside PD", shown), shown
    asked = ben.facts("requests", code)[0]
    assert (asked["call_number"], asked["call_agency"]) == ("+1 951 555 0100", "Riverside PD"), asked
    refused(ben, "--outcome", code, exit=USAGE)
    refused(ben, "none of confirmed, denied, not-reached", code, "--outcome", "maybe", exit=USAGE)
    refused(ben, "who was reached", code, "--outcome", "not-reached", "--spoke-to", "Sgt. Lee", exit=USAGE)
    refused(ben, "up to 200 bytes", code, "--outcome", "denied", "--note", "x" * 201, exit=USAGE)
    refused(ben, "still to come", code, "--outcome", "denied", "--at", "2999-01-01 00:00", exit=USAGE)
    refused(ben, "had not been made yet", code, "--outcome", "denied", "--at", "2020-01-01 00:00")
    refused(ben, "no open request", "0000-00", "--outcome", "denied")
    refused(ada, "this home's own request", code, "--outcome", "confirmed")
    text = ben.with_passphrase("callback", code, "--outcome", "not-reached")
    assert "+1 951 555 0100 is the community's own number for Riverside PD" in text, text
    ada.until(lambda: calls(ada, code), lambda c: [x["outcome"] for x in c] == ["not-reached"], 30)
    ben.with_passphrase("callback", code, "--outcome", "confirmed", "--spoke-to", "Sgt. Lee", "--note",
                        "Ask for the desk")
    for home in (ada, ben):
        home.until(lambda h=home: [x["outcome"] for x in calls(h, code)], lambda o: o == ["confirmed"], 30)
        assert count(home, "call_back") == 2
        shown = home.run("requests", code).stdout
        assert re.search(r"called +Ben rang \+1 951 555 0100, .*: confirmed by Sgt\. Lee", shown), shown
        assert "Ask for the desk" in shown, shown
    call = calls(ada, code)[0]
    assert call["by"] == "Ben" and call["number"] == "+1 951 555 0100" and call["spoke_to"] == "Sgt. Lee", call
    assert waits(ben, code), "it decides nothing"
    other = emergency(ada, start, "County Sheriff")
    ben.until(lambda: state(ben, other), lambda s: s == "open", 30)
    refused(ben, "has no number for 'County Sheriff'", other, "--outcome", "confirmed")
    ada.with_passphrase("request", "--withdraw", code, "--yes")
    ben.until(lambda: state(ben, code), lambda s: s == "withdrawn", 30)
    refused(ben, "was withdrawn already", code, "--outcome", "confirmed")
    ada.with_passphrase("request", "--withdraw", other, "--yes")


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
        ben.with_passphrase("join", "--yes", invite(ada), "--name", "Ben")
        start = half_an_hour_ago()
        folder = ben.root / "camera-porch"
        make_segments(folder, "motion", "porch", start, 3, 10, size="160x120")
        for name, more in (("porch", []), ("hall", ["--indoor"])):
            said = ben.with_passphrase("camera", "add", name, "--folder", str(folder), "--layout", "motion", "--at",
                                       PLACE, "--reach", "40", *more)
            assert ("is indoors: it cannot be asked for" if more else "may be asked about") in said, said
        first, second = amended(ada, ben, start)
        third = withdrawn(ada, ben, start)
        ada.until(lambda: [r["delivered"] for r in ada.facts("request", "status", second)], lambda d: d == [1], 60)
        states = {r["code"]: (r["state"], r["delivered"]) for r in ada.facts("request", "status")}
        assert states[first] == ("amended", 0) and states[third] == ("withdrawn", 0), states
        amended_again(ada, ben, first, second)
        assert "homes" not in ada.run("request", "status").stdout
        called_back(ada, ben, start)
        for home in (ada, ben):
            home.until(lambda h=home: count(h, "request_withdrawn"), lambda n: n == 3, 30)
            assert count(home, "request_amended") == 3
            home.until(lambda h=home: h.facts("log", "verify")["result"], lambda r: r == "verified")
    print("asking: amended, taken back, decided anew; everybody is told what became of it")


if __name__ == "__main__":
    main()
