#!/usr/bin/env python3
"""What a newcomer types: help, slips, wrong values, times that do not exist, no terminal, no node, Ctrl-C, a second
time. Each with its exact words and exit code, and nothing changed.

usage: tests/e2e/cli_test.py BIN-FOLDER
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home, Terminal  # noqa: E402
from footage import make_large_file  # noqa: E402
from street import (PASSPHRASE, PLACE, accept, ask, half_an_hour_ago, invite, open_clips, set_up,  # noqa: E402
                    start_home, wait_delivered)

CAMERA = ["camera", "add", "porch", "--folder", "/tmp", "--layout", "plain", "--at", "52.52,13.405", "--reach", "30"]
ASK = ["request", "--at", "52.52,13.405", "--radius", "80", "--reason", "Hit and run, silver hatchback", "--voluntary"]
QUESTION_BYTES = 256  # no question to the node is longer, and every signed list is
LATER = ["--to", "2024-12-01 10:00"]
CLOCKS = ("' does not exist or comes twice, as clocks change then; write it with its offset, as in "
          "2026-10-25T01:30:00+01:00")


def with_(words, *changes):
    """`words` with the value after each named option changed, or the option added."""
    words = list(words)
    for name, value in zip(changes[::2], changes[1::2]):
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name] if value is None else [name, value]
    return words


# words, exit code, first line on stderr after "stoop: ", and what it says to do next ("see 'stoop help X'" for a word)
USAGE = [
    (["satus"], "unknown command 'satus'; did you mean 'status'?", None),
    (["nosuch"], "unknown command 'nosuch'", None),
    (["help", "reveiw"], "unknown command 'reveiw'; did you mean 'review'?", None),
    (["--home"], "'--home' needs a value", None),
    (["--hoem", "x", "status"], "unknown option '--hoem'", None),
    (["status", "--jsn"], "unknown option '--jsn'; did you mean '--json'?", "status"),
    (["status", "--home", "/x"], "unknown option '--home'; it goes before the command", "status"),
    (["status", "extra"], "unexpected 'extra'", "status"),
    (["community"], "say what to do: 'found', 'invite', 'join', 'show' or 'export'", "community"),
    (["community", "fuond", "X"], "unknown 'community fuond'; did you mean 'community found'?", "community"),
    (["community", "dissolve"], "unknown 'community dissolve'; say 'found', 'invite', 'join', 'show' or 'export'",
     "community"),
    (["community", "export"], "DIR is missing", "community"),
    (["charter"], "say what to do: 'show', 'edit', 'propose', 'proposals', 'sign' or 'history'", "charter"),
    (["charter", "propse"], "unknown 'charter propse'; did you mean 'charter propose'?", "charter"),
    (["charter", "propose"], "FILE is missing", "charter"),
    (["charter", "sign"], "CODE is missing", "charter"),
    (["charter", "edit", "a", "b"], "unexpected 'b'", "charter"),
    (["remove"], "NAME is missing", "remove"),
    (["remove", "Ada", "--reason", ""], "a reason is one line of up to 128 bytes that can be seen", "remove"),
    (["remove", "Ada", "--reason", "a\u202eb"], "a reason is one line of up to 128 bytes that can be seen", "remove"),
    (["leave", "now"], "unexpected 'now'", "leave"),
    (["renew"], "NAME is missing", "renew"),
    (["treaty"], "say what to do: 'side', 'propose', 'list', 'show' or 'end'", "treaty"),
    (["treaty", "propose"], "SIDE is missing", "treaty"),
    (["treaty", "propose", "stoop-treaty1:A", "--days", "9"], "'--days' is for a new treaty, and this one is written",
     "treaty"),
    (["treaty", "propose", "stoop-treaty1:A", "--clerk", "Ada"], "'--clerk' is for a new treaty, and this one is written",
     "treaty"),
    (["treaty", "show"], "NAME is missing", "treaty"),
    (["treaty", "end"], "NAME is missing", "treaty"),
    (["outsider", "apply"], "CODE is missing", "outsider"),
    (["outsider", "apply", "x", "--name", "A", "--kind", "police"],
     "'--kind' is agency, defence, insurer, press or other", "outsider"),
    (["outsider", "propose", "x", "--instruments", "subpena", "--live", "1", "--days", "1"], "no instrument is called 'subpena'",
     "outsider"),
    (["outsider", "propose", "x", "--instruments", "all", "--live", "11", "--days", "1"], "'11' is not 1 to 10 requests",
     "outsider"),
    (["outsider", "officer", "add", "Lee"], "'--key' is missing", "outsider"),
    (["community", "found"], "NAME is missing", "community"),
    (["community", "found", "A", "B"], "unexpected 'B'", "community"),
    (["community", "found", ""], "'' is not a name: 1 to 64 bytes that can be seen", "community"),
    (["community", "found", "Elm\u202eStreet"], "'Elm<202E>Street' is not a name: 1 to 64 bytes that can be seen",
     "community"),
    (["community", "found", "A", "--slot", "0"], "'0' is not 1 to 3600 seconds", "community"),
    (["community", "found", "A", "--allowance", "65"], "'65' is not 0 to 64", "community"),
    (["community", "found", "A", "--allowance", " 5"], "' 5' is not 0 to 64", "community"),
    (["community", "show", "--slot", "5"], "unknown option '--slot'", "community"),
    (["community", "invite", "--days", "31"], "'31' is not 1 to 30 days", "community"),
    (["invite", "--days", "1e1"], "'1e1' is not 1 to 30 days", "invite"),
    (["invite", "--spoken", "--minutes", "61"], "'61' is not 1 to 60 minutes", "invite"),
    (["invite", "--minutes", "5"], "'--minutes' is for '--spoken'", "invite"),
    (["meet"], "HOME is missing", "meet"),
    (["invite", "--role", "boss"], "'boss' is neither home nor requester", "invite"),
    (["join"], "CODE is missing", "join"),
    (["peers", "ben"], "unexpected 'ben'", "peers"),
    (["camera", "ad", "x"], "unknown 'camera ad'; did you mean 'camera add'?", "camera"),
    (["camera", "add"], "NAME is missing", "camera"),
    (["camera", "add", "porch"], "'--folder' is missing", "camera"),
    (["camera", "edit", "porch"], "say where it may be asked for: '--community NAME', or '--everywhere'", "camera"),
    (["camera", "edit", "porch", "--everywhere", "--community", "first"],
     "say where it may be asked for: '--community NAME', or '--everywhere'", "camera"),
    (["init", "--community", "!?"], "'!?' cannot be a community's name here: small letters, digits and '-'", "init"),
    (["init", "--community", "first"], "'first' cannot be a community's name here: small letters, digits and '-'",
     "init"),
    (["init", "--community", "elm", "--owner", "Ada"], "the owners are the home's, in every community", "init"),
    (["status", "--community"], "'--community' needs a value", "status"),
    (["camera", "remove", "porch", "--reach", "3"], "unknown option '--reach'", "camera"),
    (with_(CAMERA, "--layout", "nest"), "'nest' is not a layout: frigate, mediamtx, motion or plain", "camera"),
    (with_(CAMERA, "--at", "90.1,0"), "'90.1,0' is not a place; write it as 52.52001,13.40495", "camera"),
    (with_(CAMERA, "--at", "0,180.1"), "'0,180.1' is not a place; write it as 52.52001,13.40495", "camera"),
    (with_(CAMERA, "--at", "52.52 13.4"), "'52.52 13.4' is not a place; write it as 52.52001,13.40495", "camera"),
    (with_(CAMERA, "--at", "nan,inf"), "'nan,inf' is not a place; write it as 52.52001,13.40495", "camera"),
    (with_(CAMERA, "--at", "52.52,13.40512345"), "'52.52,13.40512345' is not a place; write it as 52.52001,13.40495",
     "camera"),
    (with_(CAMERA, "--reach", "0"), "'0' is not 1 to 1000 metres", "camera"),
    (with_(CAMERA, "--reach", "1001"), "'1001' is not 1 to 1000 metres", "camera"),
    (with_(CAMERA, "--reach", "99999999999999999999"), "'99999999999999999999' is not 1 to 1000 metres", "camera"),
    (with_(CAMERA, "--facing", "360", "--angle", "90"), "'360' is not 0 to 359 degrees", "camera"),
    (with_(CAMERA, "--facing", "10"), "'--facing' needs '--angle'", "camera"),
    (with_(CAMERA, "--angle", "10"), "'--angle' needs '--facing'", "camera"),
    (with_(CAMERA, "--open", None), "'--open' is for cameras that are '--indoor'", "camera"),
    (with_(CAMERA, "--clock-offset", "90000000"), "'90000000' is not a number of milliseconds", "camera"),
    (CAMERA + ["--reach", "5"], "'--reach' is given twice", "camera"),
    (CAMERA + ["--raech", "5"], "unknown option '--raech'; did you mean '--reach'?", "camera"),
    (CAMERA + ["--folder"], "'--folder' needs a value", "camera"),
    (CAMERA + ["--indoor=1"], "'--indoor' takes no value", "camera"),
    (["camera", "add", "My Porch", *CAMERA[3:]], "'My Porch' is not a camera's name: small letters, digits and '-'",
     "camera"),
    (["request"], "'--at' is missing", "request"),
    (["request", "--reason", "--without plates", "--voluntary"], "'--at' is missing", "request"),
    (["request", *ASK[1:5], "--from", "2024-12-01 09:00", *LATER, "--reason", "--amended"],
     "say either '--voluntary' or '--process FILE'", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--radius", "0"), "'0' is not 1 to 100000 metres", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--at", "89.9999,0"),
     "'89.9999,0' is too near a pole or the 180th meridian", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--reason", "a\nb"),
     "a reason is one line of 1 to 500 bytes that can be seen", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--reason", "x" * 501),
     "a reason is one line of 1 to 500 bytes that can be seen", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--process", "x"), "say either '--voluntary' or '--process FILE'",
     "request"),
    (with_(ASK, "--from", "2024-12-01 10:00", *LATER), "'--from' is not before '--to'", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--days", "8"), "'8' is not 1 to 7 days", "request"),
    (with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--delete-days", "0"), "'0' is not 1 to 3650 days", "request"),
    (["process", "template", "warrant"], "'warrant' is no kind of process", "process"),
    (["log", "proof", "x"], "'x' is not the number of an entry", "log"),
    (["log", "proof", "18446744073709551616"], "'18446744073709551616' is not the number of an entry", "log"),
    (["log", "verify", "/tmp"], "another home's log needs its '--key'", "log"),
    (["log", "verify", "/tmp", "--key", "abc"], "'abc' is not a verifier key", "log"),
    (["vault", "export", "9c1e"], "'--out' is missing", "vault"),
    (["init", "--listen", "localhost:7878"], "'localhost:7878' is not an address: write IP:PORT, as 203.0.113.7:7878; "
     "names are not looked up", "init"),
    (["init", "--co-owner", "Grace"], "'Grace' is not the line that 'stoop key new' prints", "init"),
]

# local times of Europe/London, exit 2 and these words
TIMES = [
    ("2024-03-31 01:30", "'2024-03-31 01:30" + CLOCKS),  # skipped
    ("2024-10-27 01:30", "'2024-10-27 01:30" + CLOCKS),  # comes twice
    ("2024-02-30 10:00", "there is no such time as '2024-02-30 10:00'"),
    ("2016-12-31T23:59:60Z", "there is no such time as '2016-12-31T23:59:60Z'"),  # a leap second
    ("1969-12-31T23:59:59Z", "there is no such time as '1969-12-31T23:59:59Z'"),
    ("9999-12-31T23:59:59-01:00", "there is no such time as '9999-12-31T23:59:59-01:00'"),
    ("9999-12-31 23:59", "'--from' is not before '--to'"),
    ("10000-01-01 00:00", "'10000-01-01 00:00' is not a time; write it as '2026-11-24 21:10'"),
    ("yesterday", "'yesterday' is not a time; write it as '2026-11-24 21:10'"),
    ("2024-11-01", "'2024-11-01' is not a time; write it as '2026-11-24 21:10'"),
    ("2024-11-01 10:00 Europe/London", "'2024-11-01 10:00 Europe/London' is not a time; write it as "
     "'2026-11-24 21:10'"),
]

# what is read, and how it is said back
PRINTED = [
    ("2024-10-27T01:30:00+01:00", "Sun 27 Oct 2024 01:30:00 BST (2024-10-27T00:30:00Z)"),
    ("2024-10-27T01:30:00Z", "Sun 27 Oct 2024 01:30:00 GMT"),  # the same in UTC: once
    ("2024-07-01 12:00", "Mon 01 Jul 2024 12:00:00 BST (2024-07-01T11:00:00Z)"),
    ("2024-07-01T12:00:00.250+05:30", "Mon 01 Jul 2024 07:30:00 BST (2024-07-01T06:30:00.250Z)"),
]


def digest(root):
    """Of every name and content in the folders, journals and sockets apart."""
    state = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix not in (".sock", ".db-wal", ".db-shm") and path.name != "journal":
            state.update(str(path).encode() + path.read_bytes())
        elif path.is_dir():
            state.update(str(path).encode())
    return state.hexdigest()


def check(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}\nwanted {wanted!r}\ngot    {got!r}")


def expect_error(home, words, code, text, next_line=None):
    done = home.run(*words, check=False)
    lines = done.stderr.splitlines()
    check((done.returncode, lines[:1]), (code, ["stoop: " + text]), words)
    if next_line is not None:
        check(lines[1:2], [next_line], words)
    check(done.stdout, "", words)


MANUAL = (pathlib.Path(__file__).resolve().parents[2] / "cli/stoop.1.scd").read_text()


def test_help(home):
    overview = home.run("--help").stdout
    commands = re.findall(r"(?m)^  ([a-z]+) ", overview)
    assert len(commands) >= 15, overview
    check(home.run("help").stdout, overview, "help")
    check(home.run(check=False).returncode, 2, "no command")
    for command in commands:
        text = home.run("help", command).stdout
        assert text.startswith(f"usage: stoop {command}") and "\nexample: stoop " in text, text
        assert max(map(len, text.splitlines())) <= 80, text
        for word in {command, *re.findall(r"--[a-z][a-z-]+", text)}:
            assert word in MANUAL, f"{word} of {command} is not in the manual page"
        branches = re.findall(rf"(?m)^(?:usage:|      ) stoop {command} ([a-z-]+)(?= |$)", text)
        for words in ([command, "--help"], [command, "-h"], *([command, b, "--help"] for b in branches)):
            check(home.run(*words).stdout, text, words)
    helps = "".join(home.run("help", command).stdout for command in commands) + overview
    for word in set(re.findall(r"--[a-z][a-z-]+", MANUAL)) - {"--help", "--version"}:
        assert word in helps, f"{word} of the manual page is in no help"
    assert re.match(r"stoop \d+\.\d+", home.run("--version").stdout)


def test_usage(home):
    for words, text, command in USAGE:
        expect_error(home, words, 2, text, "see 'stoop --help'" if command is None else f"see 'stoop help {command}'")
    for when, text in TIMES:
        expect_error(home, with_(ASK, "--from", when, *LATER), 2, text, "see 'stoop help request'")


def test_no_home(home):
    for words in (["status"], ["requests"], ["delivered"], ["members"], ["peers"], ["community", "show"], ["log", "show"],
                  ["charter", "proposals"], ["remove", "Ada"], ["renew", "Ada"], ["outsider", "list"], ["treaty", "list"],
                  ["leave"], ["vault", "list"],
                  with_(ASK, "--from", "2024-12-01 09:00", *LATER)):
        expect_error(home, words, 10, f"there is no home in '{home.data}'",
                     "make one with 'stoop init', or name its folder with '--home'")
    expect_error(home, CAMERA, 1, f"no home belongs to '{home.root}/config/stoop'")
    expect_error(home, ["key", "show"], 1, f"there is no owner's key in '{home.root}/config/stoop'")
    expect_error(home, ["init"], 5, "a passphrase is to be chosen, and there is nobody to ask", "run it at a terminal")
    assert home.run("doctor", check=False).returncode == 1
    assert not home.data.exists()


def test_init(home):
    for keys in ("\x03", "\x04", "short\n\x03", "long enough\nother one\n\x03"):
        terminal = home.at_terminal("init", "--owner", "Ada")
        for line in keys.splitlines(keepends=True):
            terminal.expect(r"(passphrase|again): ")
            terminal.type(line)
        check(terminal.wait(), 1, (keys, terminal.text))
        assert "stoop: no passphrase was chosen; nothing was made" in terminal.text, terminal.text
        assert not list(home.data.glob("*")), "what is no home looks like one"
        assert not (home.data / "config").exists() and not (home.root / "config/stoop/owner.key").exists()
    home.init()
    before = digest(home.root)
    expect_error(home, ["init"], 1, f"there is a home in '{home.data}' already", "see 'stoop status'")
    expect_error(home, ["status"], 10, f"no node is running in '{home.data}'", "start it with 'stoopd'")
    terminal = home.at_terminal("join", "-")
    check(terminal.wait(), 10, terminal.text)
    assert "no node is running" in terminal.text and "the invite" not in terminal.text, terminal.text
    expect_error(home, ["key", "new"], 1, f"'{home.root}/config/stoop/owner.key' exists already")
    check(digest(home.root), before, "a second time changes nothing")


def test_passphrase_is_changed(home):
    """The old one first; until a new one was typed twice it is good, and the key stays the same."""
    key = home.root / "config/stoop/owner.key"
    line = home.facts("key", "show")["line"]
    before = key.read_bytes()

    def change(old, *answers):
        terminal = home.at_terminal("key", "passphrase")
        terminal.expect("passphrase of .*: ")
        terminal.line(old)
        for answer in answers:
            terminal.expect(r"(passphrase|again): $")
            terminal.line(answer)
        return terminal

    terminal = change(home.PASSPHRASE, "long enough")
    terminal.expect("again: ")
    terminal.type("\x03")
    check(terminal.wait(), 1, terminal.text)
    assert "the old one is good still" in terminal.text and key.read_bytes() == before, terminal.text
    terminal = change(home.PASSPHRASE, "another one", "another one")
    check(terminal.wait(), 0, terminal.text)
    assert key.read_bytes() != before and key.stat().st_mode & 0o777 == 0o600
    check(home.facts("key", "show")["line"], line, "the same key")
    terminal = change(home.PASSPHRASE)
    terminal.expect("wrong passphrase")
    terminal.type("\x03")
    check(terminal.wait(), 3, terminal.text)
    terminal = change("another one", home.PASSPHRASE, home.PASSPHRASE)
    check(terminal.wait(), 0, terminal.text)


def test_terminals(home):
    """Without one nothing is asked; at one, every way of not answering does nothing."""
    ask = with_(ASK, "--from", "2024-12-01 09:00", *LATER)
    for words, text in (
            (CAMERA, "a passphrase is needed, and there is nobody to ask"),
            (["invite"], "a passphrase is needed, and there is nobody to ask"),
            (ask, "there is nobody to ask whether to send it"),
            (ask + ["--yes"], "a passphrase is needed, and there is nobody to ask"),
            (["key", "export-age"], "a passphrase is needed, and there is nobody to ask"),
            (["join", "-"], "there is nobody to ask for the code"),
            (["meet", "ben"], "there is nobody to compare words with"),
            (["review"], "no terminal")):
        done = home.run(*words, check=False)
        check(done.returncode, 5, (words, done.stderr))
        assert done.stderr.startswith("stoop: " + text + "\n"), done.stderr
    for answer in ("\x03", "\x04", "\n", "n\n", "Yes please\n"):
        terminal = home.at_terminal(*ask)
        terminal.expect(r"\[y/N\] ")
        terminal.type(answer)
        check(terminal.wait(), 3, terminal.text)
        assert "not sent" in terminal.text
    for answers in (["\x03"], ["\x04"], ["wrong\n", "wrong\n", "wrong\n"]):
        terminal = home.at_terminal(*CAMERA)
        for answer in answers:
            terminal.expect("passphrase of ada: ")
            terminal.type(answer)
        check(terminal.wait(), 3, terminal.text)
        assert "stoop: nothing was done" in terminal.text, terminal.text
        assert "wrong\n" not in terminal.text.replace("wrong passphrase", ""), "the passphrase was echoed"
        assert terminal.text.count("stoop: wrong passphrase") == len([a for a in answers if a.startswith("wrong")])
    # On a pipe or into a file, questions are still the terminal's.
    out = home.root / "out.json"
    terminal = Terminal(["sh", "-c", f"{home.bin / 'stoop'} community invite --json > {out}"], home.env)
    terminal.expect("passphrase of ada: ")
    terminal.line(Home.PASSPHRASE)
    check(terminal.wait(), 0, terminal.text)
    assert json.loads(out.read_text())["code"].startswith("stoop1:")
    out.unlink()


def test_times_are_said_back(home):
    for when, text in PRINTED:
        first = with_(ASK, "--from", when, "--to", "2024-12-01 10:00")
        done = home.run(*first, check=False)
        assert f"\nFROM     {text}\n" in done.stdout, (when, done.stdout)


def test_next_steps(home):
    """What does not go says what would."""
    size = len(home.facts("log", "show"))
    beyond = home.run("log", "proof", "999999", check=False)
    assert beyond.returncode == 1, beyond
    assert re.search(rf"the log has (\d+) entries: 0 to \d+\nsee them with 'stoop log show'", beyond.stderr), beyond
    assert int(re.search(r"has (\d+)", beyond.stderr).group(1)) >= size
    folder = home.root / "exported"
    home.run("community", "export", str(folder))
    for words, next_step in ((["charter", "propose", "/nope.conf"], "'stoop charter edit FILE' writes one"),
                             (["outsider", "propose", "/nope.txt", "--instruments", "voluntary", "--live", "4",
                               "--days", "90"], "who applies makes one"),
                             (["requests", "4F2A"], "a code has six characters, as 64ED-D5"),
                             (["community", "export", str(folder)], "choose another name, or remove it")):
        done = home.run(*words, check=False)
        assert done.returncode == 1 and next_step in done.stderr, done


def test_json(home):
    for words in (["status"], ["members"], ["peers"], ["requests"], ["delivered"], ["vault", "list"], ["camera", "list"],
                  ["community", "show"], ["charter", "proposals"], ["charter", "history"], ["log", "show"], ["log", "verify"],
                  ["log", "proof", "0"], ["key", "show"],
                  ["process", "rules"], ["process", "periods"], ["doctor"]):
        done = home.run(*words, "--json", check=False)
        json.loads(done.stdout)
        assert done.returncode == 0 or words == ["doctor"], done  # whose answer is this machine's
    for words, code in ((["vault", "export", "9c1e", "--out", "/x/y"], 1), (["log", "proof", "999999"], 1),
                        (["nosuch"], 2), (["help", "nosuch"], 2), (["--nosuch"], 2), (["peers", "--dot"], 2), (["review"], 5),
                        (["--home", "/nowhere", "status"], 10)):
        done = home.run(*words, "--json", check=False)
        said = json.loads(done.stdout)
        check((done.returncode, said["exit"]), (code, code), (words, done))
        assert done.stderr.startswith(f"stoop: {said['error']}\n"), done.stderr


def json_of(home, out, words, answers):
    """What a command that asks at the terminal prints into a file, and its exit code."""
    terminal = Terminal(["sh", "-c", f'exec "{home.bin}/stoop" "$@" >{out}', "sh", *words, "--json"], home.env)
    for question, answer in answers:
        terminal.expect(question)
        terminal.line(answer)
    code = terminal.wait()
    return json.loads(out.read_text()), code


def test_json_of_commands_that_ask(home):
    out = home.root / "out.json"
    passphrase = [("passphrase of .*: ", home.PASSPHRASE)]
    said, code = json_of(home, out, CAMERA, passphrase)
    check((said, code), ({"camera": "porch", "state": "added"}, 0), "camera add")
    said, code = json_of(home, out, ["camera", "remove", "porch"], passphrase)
    check((said, code), ({"camera": "porch", "state": "removed"}, 0), "camera remove")
    said, code = json_of(home, out, ["key", "export-age"], passphrase)
    assert code == 0 and said["identity"].startswith("AGE-SECRET-KEY-1"), said
    said, code = json_of(home, out, with_(ASK, "--from", "2024-12-01 09:00", *LATER), [(r"\[y/N\] ", "n")])
    check((said["error"], said["exit"], code), ("not sent", 3, 3), "request")
    words = ["--owner-dir", str(home.root / "grace"), "key", "new", "--owner", "Grace"]
    said, code = json_of(home, out, words, [("passphrase: ", home.PASSPHRASE), ("again: ", home.PASSPHRASE)])
    assert code == 0, said


def test_process(home):
    path = home.root / "warrant.conf"
    for kind in ("search_warrant", "court_order", "production_order", "subpoena", "preservation", "emergency",
                 "voluntary"):
        text = home.run("process", "template", kind).stdout
        assert f"\ninstrument = {kind}\n" in text
    path.write_text("instrument = search_warrant\ncuort = X\ncase\nissued_at = never\nissued_at = 2024-01-01 00:00\n")
    expect = [f"stoop: {path}:2: unknown key 'cuort'", f"stoop: {path}:3: expected 'key = value'",
              f"stoop: {path}:4: 'issued_at' is not a time: 'never'",
              f"stoop: {path}:5: 'issued_at' is there already, in line 4",
              "'stoop process template KIND' shows how it is written",
              "stoop: cannot read '/nowhere.pdf': No such file or directory"]
    done = home.run("process", "check", str(path), "--document", "/nowhere.pdf", check=False)
    check((done.returncode, done.stderr.splitlines()), (1, expect), "check")
    path.write_text("instrument = voluntary\n")
    check(home.run("process", "check", str(path)).returncode, 0, "voluntary")
    done = home.run("process", "check", str(path), "--document", "/nowhere.pdf", check=False)
    assert done.returncode == 1 and done.stdout.startswith("not all of it could be read: "), done
    path.write_text("instrument = search_warrant\njurisdiction = GB-ENG\n")
    outcomes = json.loads(home.run("process", "check", str(path), "--json", check=False).stdout)["rules"]
    failed = {o["field"]: o for o in outcomes if o["outcome"] == "FAILED"}
    check(failed["court"]["text"], "does not name the court", outcomes)
    check(failed["court"]["otherwise"], "refused", outcomes)
    path.write_text("instrument = search_warrant\nissued_at = 2024-01-01 00:00\njurisdiction = US-TX\n"
                    "execute_by = 2024-03-01 00:00\ncase = N/A\nnot_a_key = 1\n")
    done = home.run("process", "check", str(path), check=False)
    said = done.stdout.splitlines()
    check((done.returncode, done.stderr.splitlines()[0]), (1, f"stoop: {path}:6: unknown key 'not_a_key'"), done)
    check(said[:2], [f"{path}: REFUSED LP-02 it does not name the court", "    key 'court', not in the file; source: policy"], said)
    assert f"{path}:5: REFUSED LP-03 it has no real case or docket number of 3 to 64 characters" in said, said
    at = said.index(f"{path}:4: FAILED LP-16 it allows longer than the law of its jurisdiction")
    check(said[at + 2], "    US-TX: 3 whole days between (Tex. Code Crim. Proc. 18.07(a))", said)
    assert said[-2].startswith("not all of it could be read: "), said
    assert max(len(line) for line in home.run("process", "periods").stdout.splitlines()) <= 80


def test_breadth(home):
    """Before it is sent: how broad it is, who will see it, and what its words mention."""
    asked = with_(ASK, "--from", "2024-12-01 09:00", *LATER, "--reason", "Window broken after the RALLY near the mosque")
    done = home.run(*asked, check=False)
    check(done.returncode, 5, done)
    for line in ("PLACE    80 m around 52.5200,13.4050", "BROAD    1h00m (9% of the longest), 20106 m2 (2% of the largest)",
                 "WORDS    mentions a protest ('rally'), religion ('mosque')",
                 "SEEN BY  every home of Elm Street, 1 at present: who asks, why, where and when,"):
        assert line + "\n" in done.stdout, (line, done.stdout)
    many = "Demonstration of strikers, refugees, worshippers: demonstrations, industrial action, customs enforcement"
    said = home.run(*with_(asked, "--reason", many), check=False).stdout
    assert "\nWORDS    mentions a protest, a union, immigration, religion\n" in said, said
    plain = home.run(*with_(ASK, "--from", "2024-12-01 09:00", *LATER), check=False).stdout
    assert "\nWORDS " not in plain, plain
    path = home.root / "church.conf"
    path.write_text("instrument = voluntary\nitems = Who painted on the church\n")
    assert "it mentions religion ('church')" in home.run("process", "check", str(path)).stdout
    said = json.loads(home.run("process", "check", str(path), "--json").stdout)
    check(said["mentions"], [{"topic": "religion", "word": "church"}], said)


def test_tables(home):
    lines = home.run("members").stdout.splitlines()
    assert re.fullmatch(r"name +role +since +until +state", lines[0]) and len(lines) == 2, lines
    narrow = Terminal([str(home.bin / "stoop"), "members"], home.env, size=(24, 40))
    narrow.wait()
    assert re.fullmatch(r"ada\n  administrator, here\n  [0-9-]{10} to [0-9-]{10}\n", narrow.text), narrow.text
    for words in (["members"], ["status"], ["doctor"], ["--help"]):
        terminal = home.at_terminal(*words)
        terminal.wait()
        assert "\x1b" not in terminal.text, "a dumb terminal gets no escapes"


# ---- links ----

def read_dot(text):
    """The nodes and edges of a Graphviz file, which says nothing else: key -> label, [(from, to, attributes)]."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    lines = text.splitlines()
    check((lines[:3], lines[-1]), (["digraph stoop {", "    rankdir=LR;", "    node [shape=box];"], "}"), text)
    nodes, edges = {}, []
    for line in lines[3:-1]:
        edge = re.fullmatch(rf"    {quoted} -> {quoted} \[label={quoted}(, style=dashed)?\];", line)
        node = re.fullmatch(rf"    {quoted} \[label={quoted}\];", line)
        assert edge or node, line
        if edge:
            assert edge[1] in nodes and edge[2] in nodes, line
            edges.append(edge.groups())
        else:
            nodes[node[1]] = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], node[2])
    return nodes, edges


def test_links():
    names = ['b"e\\n', "cleo"]
    with set_up("cli-links", "ada", "ben", "cleo") as (_, ada, *others):
        def links(home=ada):
            return home.facts("peers")[0]["links"]

        start_home(ada)
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        alone = ada.facts("peers")[0]
        check((alone["community"], alone["home"], alone["links"], alone["gone"], alone["book"]),
              ("Elm Street", "ada", [], [], 0), alone)
        shown = ada.run("peers").stdout
        assert shown.startswith("Elm Street: 0 links\n\n  this home   (no links)\n"), shown
        assert "no neighbour is known yet: invite one with 'stoop invite'" in shown, shown
        nodes, edges = read_dot(ada.run("peers", "--dot").stdout)
        check((list(nodes.values()), edges), (["ada\nthis home"], []), "a picture of one home")

        for home, name in zip(others, names):
            start_home(home)
            home.with_passphrase("join", "--yes", invite(ada), "--name", name)
        found = ada.until(links, lambda now: [link["name"] for link in now] == names)
        for home, name, link in zip(others, names, found):
            back = home.until(lambda h=home: links(h), lambda now: any(link["name"] == "ada" for link in now))
            back = next(link for link in back if link["name"] == "ada")
            check(link["dialled"], not back["dialled"], (link, back))
            check((link["faults"], link["faults_max"], link["certificate"][:8]), (0, 100, link["code"]), link)
            assert link["bytes_in"] > 0 and link["bytes_out"] > 0 and 0 <= link["heard_ms"] <= link["age_ms"], link
            dialled, by = (link, home) if link["dialled"] else (back, ada)
            check((dialled["address"], dialled["path"]), (by.address, f"to {by.address}"), dialled)
            dials = back if link["dialled"] else link
            assert re.fullmatch(r"127\.0\.0\.1:\d+", dials["address"]) and dials["path"] == "from " + dials["address"]
        overlay = ada.facts("status")["overlay"]
        check((overlay["links_up"] - overlay["links_lost"], overlay["book"], overlay["faults"]), (2, 2, 0), overlay)
        assert overlay["memory"] > 0 and "overlay" not in ada.run("status").stdout

        shown = ada.run("peers").stdout
        assert max(map(len, shown.splitlines())) <= 80, shown
        picture = shown.splitlines()[2:4]
        check(ada.run("peers").stdout.splitlines()[2:4], picture, "a stable picture")
        for line, link in zip(picture, found):
            edge = {(True, True): "==tree==>", (False, True): "<==tree==", (True, False): "--ids--->",
                    (False, False): "<---ids--"}[link["dialled"], link["tree"]]
            assert re.fullmatch(rf"(  this home --| +)\+{edge} {re.escape(link['name'])} \({link['code']}\)(, anchor)?",
                                line), shown
        nodes, edges = read_dot(ada.run("peers", "--dot").stdout)
        check([label.splitlines()[0] for label in nodes.values()], ["ada", *names], nodes)
        for (start, end, label, dashed), link in zip(edges, found):
            key = link["certificate"][:16]
            check((key == end, key in (start, end), label, dashed is not None),
                  (link["dialled"], True, "tree" if link["tree"] else "ids", not link["tree"]), edges)
        check(len(edges), 2, edges)

        others[0].kill("all")
        gone = ada.until(lambda: ada.facts("peers")[0]["gone"], lambda now: any(went["name"] == names[0] for went in now))
        went = next(went for went in gone if went["name"] == names[0])
        check((went["why"], went["reason"], went["code"]), ("cut", "the connection broke", found[0]["code"]), went)
        assert went["lasted_ms"] >= found[0]["age_ms"] and went["ago_ms"] >= 0, went
        check([link["name"] for link in links()], names[1:], "who is left")
        others[1].stop()
        gone = ada.until(lambda: ada.facts("peers")[0]["gone"], lambda now: any(went["name"] == names[1] for went in now))
        check(links(), [], gone)
        shown = ada.run("peers").stdout
        assert "this home goes on dialling its neighbours by itself" in shown, shown
        assert re.search(r"(?m)^cleo +[0-9a-f]{8} +\S+ +\S+ ago +the connection broke$", shown), shown
        for home in others:
            assert home.address not in ada.journal(), "the journal says where a neighbour is reached"
        assert "peer=" + found[0]["code"] in ada.journal(), "the code is the journal's"


# ---- stopped half-way, by Ctrl-C or by a kill ----

TABLES = "own_requests", "clips", "delivered", "invites", "epochs", "(SELECT id, matched, taken_back FROM objects WHERE kind = 5)"


def left(home, *folders):
    """All that a command may change: what the node keeps, and every file of the owners and of these folders."""
    base = sqlite3.connect(f"file:{home.data}/node/stoop.db?mode=ro", uri=True)
    found = {table: base.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}
    base.close()
    for folder in (home.root / "config", home.root / "grace", *folders):
        found.update((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())
    found["camera list"] = home.facts("status")["camera_list_version"]
    return found


def check_unchanged(home, before, what, *folders):
    now = left(home, *folders)
    check([name for name in {**before, **now} if before.get(name) != now.get(name)], [], what)


def check_terminal(terminal, what):
    modes = termios.tcgetattr(terminal.fd)[3]
    assert modes & termios.ECHO and modes & termios.ICANON and modes & termios.ISIG, f"{what}: the terminal is spoilt"


def stopped_at_questions(home, words, questions, *folders):
    """At each question in turn, then the whole of it: what it printed."""
    before = left(home, *folders)
    for last in range(len(questions)):
        for how in ("Ctrl-C", "kill"):
            what = f"{words[:2]}, question {last + 1}, {how}"
            terminal = home.at_terminal(*words)
            for question, answer in questions[:last]:
                terminal.expect(question)
                terminal.line(answer)
            terminal.expect(questions[last][0])
            if how == "Ctrl-C":
                terminal.type("\x03")
                check(terminal.wait(), 3, (what, terminal.text))
                assert "stoop: nothing was done" in terminal.text, (what, terminal.text)
                check_terminal(terminal, what)
            else:
                os.kill(terminal.pid, signal.SIGKILL)
                check(terminal.wait(), -signal.SIGKILL, what)
            terminal.close()
            check_unchanged(home, before, what, *folders)
    terminal = home.at_terminal(*words)
    for question, answer in questions:
        terminal.expect(question)
        terminal.line(answer)
    check(terminal.wait(), 0, (words, terminal.text))
    terminal.close()
    return terminal.text


def stopped_at_work(home, words, folder, passphrase=False):
    """While it writes a large file into `folder`: what was begun is gone, or in nobody's way."""
    def begin():
        terminal = home.at_terminal(*words)
        if passphrase:
            terminal.expect(PASSPHRASE)
            terminal.line(home.PASSPHRASE)
        until = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.iterdir()):
            assert time.monotonic() < until, terminal.text
        return terminal

    before = left(home)
    terminal = begin()
    os.write(terminal.fd, b"\x03")
    check(terminal.wait(), 1, (words, terminal.text))
    assert "stoop: stopped\n" in terminal.text, terminal.text
    check_terminal(terminal, words)
    terminal.close()
    check([*folder.iterdir()], [], words)
    check_unchanged(home, before, words)
    terminal = begin()
    os.kill(terminal.pid, signal.SIGKILL)
    check(terminal.wait(), -signal.SIGKILL, (words, terminal.text))
    terminal.close()
    for path in folder.iterdir():
        assert path.suffix == ".part", f"{path} passes for a whole one"
    check_unchanged(home, before, words)
    terminal = home.at_terminal(*words)
    if passphrase:
        terminal.expect(PASSPHRASE)
        terminal.line(home.PASSPHRASE)
    check(terminal.wait(), 0, (words, terminal.text))
    terminal.close()
    assert not [path for path in folder.iterdir() if path.suffix == ".part"], [*folder.iterdir()]


def deaf(home, folder):
    """A folder to name as the home, where a `stoop` reaches the node and gets no answer to what it hands over."""
    folder.mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "control.sock"))
    listener.listen()

    def answer(node, person, handed):
        with contextlib.suppress(OSError):
            while data := node.recv(65536):
                if not handed.is_set():
                    person.sendall(data)

    def carry(person):
        handed = threading.Event()
        with person, socket.socket(socket.AF_UNIX) as node:
            node.connect(str(home.data / "control.sock"))
            threading.Thread(target=answer, args=(node, person, handed), daemon=True).start()
            while data := person.recv(65536):
                if len(data) > QUESTION_BYTES:
                    handed.set()
                node.sendall(data)
            time.sleep(1)

    def listen():
        while True:
            threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    return folder


def killed_before_the_answer(home):
    """The node has taken a camera list, and `stoop` is gone before it knows."""
    def version():
        return home.facts("status")["camera_list_version"]

    words = ["camera", "add", "garden", "--folder", "/tmp", *CAMERA[5:], "--co-sign", str(home.root / "grace")]
    before = version()
    terminal = home.at_terminal("--home", str(deaf(home, home.root / "deaf")), *words)
    for _ in range(2):
        terminal.expect(PASSPHRASE)
        terminal.line(home.PASSPHRASE)
    home.until(version, lambda now: now == before + 1)
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    terminal.close()
    home.until(lambda: home.run(*words, check=False).stderr, lambda said: "is not known yet" not in said)
    expect_error(home, words, 1, "there is a camera 'garden' already", "remove it first, or take another name")
    for name in ("garden", "porch"):
        home.with_passphrase("camera", "remove", name, "--co-sign", str(home.root / "grace"), times=2)
    check(home.facts("camera", "list"), [], "camera list")


def test_stopped_half_way():
    with set_up("cli-stopped", "ada", "ben") as (root, ada, ben):
        phrase = lambda name: (f"passphrase of {name}: ", Home.PASSPHRASE)
        grace = ada.root / "grace"
        terminal = ada.at_terminal("--owner-dir", str(grace), "key", "new", "--owner", "Grace")
        for question in ("passphrase: ", "again: "):
            terminal.expect(question)
            terminal.line(ada.PASSPHRASE)
        check(terminal.wait(), 0, terminal.text)
        start_home(ada, "--co-owner", ada.facts("--owner-dir", str(grace), "key", "show")["line"])
        start_home(ben)
        both = ["--co-sign", str(grace)]
        stopped_at_questions(ada, ["community", "found", "Elm Street", "--slot", "1", *both],
                             [phrase("ada"), phrase("Grace")])
        stopped_at_questions(ada, ["invite"], [phrase("ada")])
        code = invite(ada)
        broken = f"{code[:76]}\n {code[76:152]} \n{code[152:]}"  # as a mail program does
        stopped_at_questions(ben, ["join", "-"], [("the invite, .*: ", broken), (r"join it\? \[y/N\] ", "y"), phrase("ben")])
        ada.until(lambda: ada.facts("status")["links"], lambda n: n == 1)
        stopped_at_questions(ada, [*CAMERA, *both], [phrase("ada"), phrase("Grace")])
        killed_before_the_answer(ada)

        start = half_an_hour_ago()
        clip, seconds = make_large_file(root / "camera", start, 40 << 20)
        stopped_at_questions(ben, ["camera", "add", "yard", "--folder", str(clip.parent), "--layout", "motion", "--at",
                                   PLACE, "--reach", "40"], [phrase("ben")])
        time.sleep(3)
        code = ask(ada, start, -5, seconds + 5)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        out = root / "out"
        out.mkdir()
        sealed = ben.facts("vault", "list")[0]["clip"]
        stopped_at_work(ben, ["vault", "export", sealed[:12], "--out", str(out / "sealed.age")], out)
        exit_code, text = accept(ben, code)
        check(exit_code, 0, text)
        wait_delivered(ada, code)
        given = root / "given"
        given.mkdir()
        stopped_at_work(ada, ["delivered", "export", code, "--out", str(given / "clip.age")], given)
        both = root / "both"
        both.mkdir()
        words = ["delivered", "export", code, "--out", str(both / "clip.age"), "--identity", str(both / "key.txt")]
        text = stopped_at_questions(ada, words, [phrase("ada")], both)
        assert f"{both / 'key.txt'} is that key, in clear" in text and "delete both by" in text, text
        assert (both / "key.txt").exists() and (both / "clip.age").stat().st_size > 40 << 20
        evidence = root / "evidence"
        stopped_at_questions(ada, ["collect", code, "--to", str(evidence)], [phrase("ada")], evidence)
        text = ada.with_passphrase("collect", code, "--to", str(evidence))
        assert "the clip was there already, and is left as it is" in text, text
        again = root / "again"
        again.mkdir()
        stopped_at_work(ada, ["collect", code, "--to", str(again)], again, passphrase=True)
        assert next(again.glob("*.mp4")).read_bytes() == clip.read_bytes()


def main():
    with set_up("cli", "ada") as (_, home):
        home.env["TZ"] = "Europe/London"
        test_help(home)
        test_usage(home)
        test_no_home(home)
        test_init(home)
        test_passphrase_is_changed(home)
        test_usage(home)
        home.start()
        second = subprocess.run([str(home.bin / "stoopd"), "--home", str(home.data)], env=home.env, text=True,
                                capture_output=True, timeout=30)
        check((second.returncode, second.stderr), (1, f"stoopd: another node runs on '{home.data}'\n"
                                                 "end that one first, or name another home with '--home'\n"), "stoopd twice")
        for words in (["community", "show"], ["charter", "history"], ["members"], ["remove", "Ada"], ["leave"], ["peers"],
                      ["peers", "--dot"], ["requests"], ["invite"]):
            expect_error(home, words, 1, "this home belongs to no community yet",
                         "found one with 'stoop community found NAME', or 'stoop community join CODE'")
        home.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        expect_error(home, ["community", "found", "Oak Street"], 1, "this home belongs to 'Elm Street' already")
        expect_error(home, ["join", "stoop1:AAAA"], 1, "this is not a whole invite",
                     "copy it whole, from 'stoop1:' to its end")
        terminal = home.at_terminal("join", "-")  # asked for nothing
        check(terminal.wait(), 1, terminal.text)
        assert "belongs to 'Elm Street' already" in terminal.text and "the invite" not in terminal.text, terminal.text
        test_times_are_said_back(home)
        test_terminals(home)
        test_json(home)
        test_next_steps(home)
        test_json_of_commands_that_ask(home)
        test_process(home)
        test_breadth(home)
        test_tables(home)
    test_links()
    test_stopped_half_way()
    print("cli: helps, corrects, refuses, and says so")


if __name__ == "__main__":
    main()
