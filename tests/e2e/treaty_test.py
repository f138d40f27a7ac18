#!/usr/bin/env python3
"""Two streets let each other ask: an administrator of one makes a treaty of both sides, the other street answers with the
same, each by an act that its own administrators sign; a request says where it goes by it; one street ends it. Whatever
is carried over between them is a line of text. What crosses is not in here: nobody is in both.

usage: tests/e2e/treaty_test.py BIN-FOLDER
"""
import datetime
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from governing import (DONE, FAILED, NO_TERMINAL, PENDING, USAGE, YES_NO, answered, code_of, refused, said,  # noqa: E402
                       sign, version)
from street import found_and_join, half_an_hour_ago, set_up, start_home  # noqa: E402

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
INSIDE, OUTSIDE = "52.5201,13.4051", "52.6001,13.4051"


def not_by_accident(home, *words):
    """Neither a key nor a missing terminal signs."""
    for answer in ("\x03", "\n", "no\n"):
        terminal = home.at_terminal(*words)
        terminal.expect(YES_NO)
        terminal.type(answer)
        assert terminal.wait() == PENDING, terminal.text
    refused(home, NO_TERMINAL, "there is nobody to ask", *words)
    refused(home, USAGE, "'--json' is for what asks nothing", *words, "--json")
    assert home.facts("charter", "proposals") == []


def treaties(home):
    return home.facts("treaty", "list")


def request_words(at, *more, hours=0):
    start = half_an_hour_ago()
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (-3600 * hours, 17)]
    return ("request", "--at", at, "--radius", "60", "--from", times[0], "--to", times[1], "--reason",
            "Hit and run, silver hatchback", "--voluntary", *more)


def asks(home, at, hours=0):
    """What is shown before a request is sent; it is not."""
    terminal = home.at_terminal(*request_words(at, hours=hours))
    terminal.expect(YES_NO)
    terminal.line("n")
    assert terminal.wait() == PENDING and "not sent" in terminal.text, terminal.text
    return terminal.text


def request(home, at, *more):
    """It is sent: its facts."""
    text = home.with_passphrase(*request_words(at, *more))
    return json.loads(text[text.index("{"):])


def two_decide(ada, ben):
    """Elm Street has an area, and two administrators who both have to sign."""
    path = ada.root / "charter.conf"
    ada.run("charter", "edit", str(path))
    text = path.read_text()
    for old, new in (("decide = 1", "decide = 2"), ("Ada / Ada\n", "Ada / Ada\nadministrator = Ben / Ben\n"),
                     ("longest = 12 h", "longest = 6 h")):
        assert old in text, text
        text = text.replace(old, new)
    path.write_text(text.replace("witnesses = ", "area = 52.52,13.405 radius 800 m\nwitnesses = "))
    answered(ada, YES_NO, "y", "charter", "propose", str(path))
    ben.until(lambda: version(ben), lambda v: v == 2, 30)


def sides(ada, ben, cleo):
    """Anybody may print it; clerks are homes of administrators, or those that are named."""
    assert "GOES TO" not in asks(ada, INSIDE)
    refused(ada, FAILED, "not sent, by rule LP-17", *request_words(OUTSIDE))  # as every home would
    side = ada.run("treaty", "side")
    line = side.stdout.strip()
    assert re.fullmatch(r"stoop-side1:[\w-]+", line) and "\n" not in line, side.stdout
    community = ada.facts("charter", "show")["id"]
    assert f"Elm Street ({community[:16]})" in side.stderr, side.stderr
    assert ben.run("treaty", "side").stdout.strip() == line
    facts = ada.facts("treaty", "side")
    assert (facts["side"], facts["community"], facts["id"], facts["clerks"]) == (line, "Elm Street", community, 2), facts
    one = ada.facts("treaty", "side", "--clerk", "Ben")
    assert one["clerks"] == 1 and one["side"] != line, one
    refused(ada, FAILED, "'Ben' is named twice", "treaty", "side", "--clerk", "Ben", "--clerk", "Ben")
    refused(ada, FAILED, "no member is called 'Eve'", "treaty", "side", "--clerk", "Eve")
    refused(ada, FAILED, "this is your own community's side", "treaty", "propose", line)
    for broken in (line[:-1], line.replace("stoop-side1:C", "stoop-side1:D"), "stoop-side1:", line + "A"):
        assert "copy the whole line" in refused(cleo, FAILED, "that is no whole side", "treaty", "propose", broken)
    refused(cleo, FAILED, "is neither a side nor a treaty", "treaty", "propose", "Elm Street")
    for words, told in ((("--instruments", "warrant"), "no instrument is called 'warrant'"),
                        (("--roles", "boss"), "neither home, requester nor administrator: 'boss'"),
                        (("--span", "13 h"), "'--span': not a time of 1 s to 12 h, as '90 min': '13 h'"),
                        (("--area", "1 sq mi"), "not a size up to 0.5 sq mi"), (("--daily", "65"), "'65' is not 1 to 64"),
                        (("--live", "11"), "'11' is not 1 to 10"), (("--days", "3651"), "'3651' is not 1 to 3650 days")):
        refused(cleo, USAGE, told, "treaty", "propose", line, *words)
    assert treaties(ada) == [] and "there is no treaty" in ada.run("treaty", "list").stdout
    return line


def made(ada, ben, cleo, side):
    """Cleo makes it and decides alone; in Elm Street it takes two, and the second is shown the same."""
    loose = answered(cleo, YES_NO, "y", "treaty", "propose", side, "--days", "30")
    assert "longest time asked for: 12 h" in loose, loose
    text = re.search(r"stoop-treaty1:\S+", loose).group(0)
    told = refused(ada, FAILED, "longest time asked for: 12 h, which is more than the charter's 6 h", "treaty", "propose", text)
    assert "a treaty that fits is made with" in told, told
    assert "a treaty with Elm Street stands already, until" in refused(cleo, FAILED, "", "treaty", "propose", side)
    answered(cleo, YES_NO, "y", "treaty", "end", "Elm Street")
    said.clear()
    words = ("treaty", "propose", side, "--span", "6 h", "--instruments", "voluntary, search_warrant")
    not_by_accident(cleo, *words)
    text = answered(cleo, YES_NO, "y", *words)
    assert "decided as" in text and version(cleo) == 4, text
    line = re.search(r"stoop-treaty1:\S+", text).group(0)
    assert line in cleo.run("treaty", "show", "Elm Street").stdout
    assert "no whole treaty" in refused(ada, FAILED, "", "treaty", "propose", line[:-2])
    not_by_accident(ada, "treaty", "propose", line)
    text = answered(ada, YES_NO, "y", "treaty", "propose", line)
    for wanted in ("members of each may ask the other with: search_warrant, voluntary", "longest time asked for: 6 h",
                   "requests that cross in a day: 16 each way", "places asked about in Oak Street: anywhere",
                   "places asked about here: 800 m around 52.5200,13.4050", "what is asked from now on crosses once both", "2 of 2 administrators: you, then 1 of Ben"):
        assert wanted in text, text
    code = code_of(text)
    assert f"stoop charter sign {code}" in refused(ada, FAILED, "is under way already", "treaty", "propose", line)
    assert treaties(ada) == [] and "1 is proposed: see 'stoop charter proposals'" in ada.run("treaty", "list").stdout
    for home in (ada, ben):  # what is asked now crosses when it is decided
        home.until(lambda h=home: " ".join(asks(h, INSIDE).split()), lambda said: "MAY GO to Oak Street too: a treaty is "
                   "proposed, and may be decided before this ends" in said, 30)
    shown = text.split("TREATY   ")[1].split("\nBY ")[0]
    text = sign(ben, code)
    lines = [c.replace("\n", " ") for c in re.sub(r"\n {9}", " ", text.split("CHANGE   ", 1)[1]).split("\nSIGNED")[0].split("\nCHANGE   ")]
    since = lines.pop()
    assert re.fullmatch("what was asked here since .* crosses too, and nothing from before", since), since
    for each in lines:
        assert each in re.sub(r"\n {9}", " ", shown), (each, shown)
    assert len(lines) == 15, lines
    for home in (ada, ben):
        home.until(lambda h=home: version(h), lambda v: v == 3, 30)
    return line


def stands(ada, cleo, line):
    """Both tell the same of it; it is named by community or id, and requests say where they go."""
    ours, theirs = treaties(ada)[0], treaties(cleo)
    assert [t["state"] for t in theirs] == ["ended", "in force"] and theirs[0]["ended_by"] == 3, theirs
    assert (ours["with"], ours["state"], ours["made_by"], ours["text"]) == ("Oak Street", "in force", 3, line), ours
    for key in ("treaty", "until", "instruments", "roles", "span_s", "area_m2", "live_requests", "daily", "text"):
        assert ours[key] == theirs[1][key], key
    assert (ours["instruments"], ours["roles"], ours["span_s"], ours["daily"]) == (
        "search_warrant, voluntary", "home, requester, administrator", 21600, 16), ours
    for name in ("Oak Street", ours["treaty"][:8], ours["community"].upper()):
        assert line in ada.run("treaty", "show", name).stdout
    # Nobody is in both, which is why nothing crosses.
    assert (ours["gateway"], ours["gateways"]) == (False, []), ours
    assert ours["other_side"] == "no word", ours
    text = ada.run("treaty", "list").stdout
    assert "decided here; no word of it from the other side" in text and "none yet" in text and "NONE" not in text, text
    text = " ".join(ada.run("treaty", "show", "Oak Street").stdout.split())
    assert "GATEWAY none yet: no home says that it carries, so nothing crosses; one that is in Oak Street too" in text, text
    refused(ada, FAILED, "there is no treaty with 'Elm Street'", "treaty", "show", "Elm Street")
    day = ours["until"][:10]
    text = asks(ada, INSIDE)
    assert "MAY GO" not in text, text
    assert f"GOES TO  also Oak Street, by treaty until {day}: every home there sees" in text and "BEYOND" not in text, text
    assert "BUT no home says that it carries there: it waits until one does" in " ".join(text.split()), text
    sent = [request(home, at, "--yes", "--json") for home, at in ((ada, INSIDE), (ada, OUTSIDE), (cleo, INSIDE))]
    mine = {r["code"]: r["goes_to"] for r in ada.facts("request", "status") if r["state"] == "open"}
    assert mine[sent[0]["code"]] == mine[sent[1]["code"]] == ["Oak Street"], mine
    text = ada.run("request", "status", sent[0]["code"]).stdout
    assert f"also Oak Street, by treaty until {ours['until'][:10]}" in text, text
    assert {"goes_to", "not_to"} <= set(next(r for r in ada.facts("requests") if r["code"] == sent[0]["code"])), text
    assert [facts["goes_to"] for facts in sent] == [["Oak Street"], ["Oak Street"], ["Elm Street"]], sent
    text = asks(ada, OUTSIDE)
    assert f"GOES TO  the homes of Oak Street, by treaty until {day}" in text and "BEYOND   the area of Elm Street" in text, text
    text = asks(cleo, INSIDE)
    assert "GOES TO  also Elm Street" in text and "BEYOND" not in text, text
    assert "GOES TO" not in asks(cleo, OUTSIDE)
    text = asks(cleo, INSIDE, hours=6)
    assert "NOT TO   Elm Street: its treaty lets 6 h be asked for at most\n" in text and "GOES TO" not in text, text
    assert "NOT TO" not in asks(cleo, OUTSIDE, hours=6)


def ended(ada, ben, cleo, line):
    """One street ends it; the other's word stands."""
    refused(ada, FAILED, "there is no treaty with 'Elm Street'", "treaty", "end", "Elm Street")
    not_by_accident(ada, "treaty", "end", "Oak Street")
    text = answered(ada, YES_NO, "y", "treaty", "end", "Oak Street")
    assert "the next request crosses no more, either way" in text and "the other community's word stands" in text, text
    code = code_of(text)
    refused(ada, FAILED, "its end is under way already", "treaty", "end", "Oak Street")
    assert treaties(ada)[0]["state"] == "in force"
    text = sign(ben, code)
    assert "CHANGE   the treaty with Oak Street (" in text, text
    ada.until(lambda: treaties(ada)[0]["state"], lambda s: s == "ended", 30)
    refused(ada, FAILED, "the treaty with 'Oak Street' is over already: ended by act 4", "treaty", "end", "Oak Street")
    assert "ended by act 4; made by act 3" in ada.run("treaty", "show", "Oak Street").stdout
    refused(ada, FAILED, "it was made already, by act 3, and ended by act 4", "treaty", "propose", line)
    assert "GOES TO" not in asks(ada, INSIDE)
    refused(ada, FAILED, "not sent, by rule LP-17", *request_words(OUTSIDE, "--yes"))
    assert treaties(cleo)[1]["state"] == "in force"
    history = ada.facts("charter", "history")
    assert history[3]["changes"][0].startswith("the treaty with Oak Street (") and history[3]["signed_by"] == ["Ada", "Ben"], history


def checked_by_others(ada):
    """A program that shares no code with Stoop finds the same members where there are treaties."""
    ada.run("community", "export", str(ada.root / "export"))
    got = subprocess.run([sys.executable, README.parent / "tests/verify_membership.py", ada.root / "export"], text=True,
                         capture_output=True, timeout=60)
    assert got.returncode == 0 and got.stdout.count("in standing") == 2, (got.returncode, got.stdout, got.stderr)


def nobody_else(ben, cleo, side):
    """Dan is a home of Oak Street, and no administrator."""
    assert "these are: Cleo" in refused(ben, FAILED, "'Dan' is no administrator of 'Oak Street'", "treaty", "propose", side,
                                        "--span", "6 h")


def as_documented():
    """README shows what these commands say, but for codes, ids, lines and times."""
    def masked(text):
        text = re.sub(r"[0-9A-F]{4}-[0-9A-F]{2}\b", "4F2A-91", text)
        text = re.sub(r"stoop-(side|treaty)1:[\w.-]+", r"stoop-\g<1>1:CiAFldQc...", text)
        text = re.sub(r"\b[0-9a-f]{16}\b", "9d1b64a3f00c275e", text)
        return re.sub(r"[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} [A-Z]+", "Sat 05 Dec 2026 21:10:00 PST", text)

    section = README.read_text().split("### Federate with the next street\n")[1].split("\n#")[0]
    shown = [line[4:] for line in section.splitlines() if line.startswith("    ") and "$ stoop " not in line]
    printed = [line.rstrip() for text in said for line in masked(text).splitlines()]
    assert len(shown) > 20
    for line in shown:
        assert masked(line).rstrip() in printed, f"README shows what is not printed: {line}"


def main():
    with set_up("treaty", "Ada", "Ben", "Cleo", "Dan", last=3000) as (root, ada, ben, cleo, dan):
        for home in (ada, ben, cleo, dan):
            start_home(home)
        found_and_join([ada, ben])
        found_and_join([cleo, dan], name="Oak Street")
        two_decide(ada, ben)
        side = sides(ada, ben, cleo)
        terminal = ada.at_terminal("treaty", "side")
        assert terminal.wait() == DONE, terminal.text
        nobody_else(dan, cleo, side)
        line = made(ada, ben, cleo, side)
        said.append(terminal.text)
        stands(ada, cleo, line)
        ended(ada, ben, cleo, line)
        checked_by_others(ada)
        as_documented()
    print("treaty: made from a line of text, signed by who decides in each street, told to who asks, ended by one")


main()
