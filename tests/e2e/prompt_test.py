#!/usr/bin/env python3
"""The owner's prompt as a person sees it: transcripts from a pseudo-terminal of 80 and of 40 columns, held against the
files in tests/e2e/golden/, and P3 there: random keys, signals and closings grant nothing unless the code and then the
passphrase were typed as answers to their questions.

Codes, times, digests, sizes and paths are fixed words in the transcripts. --update writes them anew: read what changed.

usage: tests/e2e/prompt_test.py BIN-FOLDER [--update] [--long]
"""
import datetime
import difflib
import fcntl
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from coowner_test import Household  # noqa: E402
from footage import make_segments  # noqa: E402
from homes import Home, Terminal  # noqa: E402
from street import (PASSPHRASE, PLACE, QUESTION, compare_words, count, half_an_hour_ago, invite,  # noqa: E402
                    set_up, start_home)

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
SECRET = Home.PASSPHRASE
LONG = "--long" in sys.argv
UPDATE = "--update" in sys.argv
DONE, FAILED, PENDING = 0, 1, 3
LIST = "or the code of one to look at: "
FIELD = "52.5300,13.4050"  # too far from PLACE to be in one request with it

WARRANT = """instrument = search_warrant
jurisdiction = US-CA
court = Superior Court of Riverside
case = 26-SW-1182
applicant_name = Officer Kim
applicant_agency = Riverside PD
applicant_badge = 4471
authority_name = Judge Ortiz
authority_title = Judge of the Superior Court
issued_at = {yesterday}
execute_by = {in_a_month}
items = everything
"""
PROCESS = {
    "warrant": WARRANT,
    "secret": WARRANT.replace("items = everything", "items = Footage of a silver hatchback\nstatute = Penal Code 1524\n"
                              "offence = Robbery, Penal Code 211") +
    "non_disclosure = yes\nnon_disclosure_authority = Judge Ortiz\nnon_disclosure_issued = {yesterday}\n"
    "non_disclosure_expires = {in_a_month}\n",
    "emergency": "instrument = emergency\napplicant_name = Sergeant Doe\napplicant_agency = Riverside PD\n"
    "applicant_badge = 12\nemergency_facts = A child of six left the school alone and was last seen here\n"
    "emergency_person = The child\nemergency_why_now = It is freezing, and the child has been gone for three hours\n",
    "preservation": "instrument = preservation\napplicant_name = Detective Roe\napplicant_agency = Riverside PD\n"
    "applicant_badge = 88\npreserve_until = {in_a_month}\n",
    # What a hostile requester can put into words that the prompt shows: direction, width zero, our own labels.
    "hostile": WARRANT.replace("Officer Kim", "\u202emiK reciffO\u202c").replace("applicant_agency = Riverside PD", (
        "applicant_agency = PD\u200b\u2066 CHECKS   all rules passed, valid")).replace("26-SW-1182", "26\u00ad-SW\u2028SENDS nothing"),
}


# ---- transcripts ----

class Words:
    """Fixed words of the same width for what differs from run to run."""

    def __init__(self, root):
        self.root = root
        self.codes = {}

    def name(self, code, number):
        self.codes[code] = f"C0DE-{number:02d}"

    def normal(self, text):
        for code, word in self.codes.items():
            text = text.replace(code, word).replace(code.lower(), word)  # a code may have no letters
        text = re.sub(r"\S*/stoop-(C0DE-\d\d)-[0-9a-f]{8}\.", r"FOLDER/stoop-\1-RANDOM.", text)
        text = text.replace(str(self.root), "ROOT")
        text = re.sub(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(\s+)\d\d?(\s+)[A-Z][a-z]{2}(\s+)\d{4}", r"Day\g<2>00\g<3>Mon\g<4>0000", text)
        text = re.sub(r"\b\d\d?(\s+)(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(\s+)\d{4}", r"00\1Mon\g<3>0000", text)
        text = re.sub(r"\b\d\d:\d\d:\d\d\b", "00:00:00", text)
        text = re.sub(r"\b\d\d:\d\d\b", "00:00", text)
        text = re.sub(r"\b\d\d(\s+)[A-Z][a-z]{2}(\s+)00:00:(\s+)(confirmed|denied|nobody)", r"00\1Mon\g<2>00:00:\3\4", text)
        text = re.sub(r"until\s[A-Z][a-z]{2} \d\d [A-Z][a-z]{2}\b(?! 0000)", "until Day 00 Mon", text)
        text = re.sub(r"\b\d\dh\d\dm left", "23h59m left", text)
        text = re.sub(r"digest(( |\n +)[0-9a-f]{4}){4}", lambda m: re.sub(r"\b[0-9a-f]{4}\b", "dddd", m[0]), text)
        text = re.sub(r"id begins(( |\n +)[0-9a-f]{4}){4}", lambda m: re.sub(r"\b[0-9a-f]{4}\b", "iiii", m[0]), text)
        text = re.sub(r"key(( |\n +)[0-9a-f]{4}){2}", lambda m: re.sub(r"\b[0-9a-f]{4}\b", "kkkk", m[0]), text)
        return re.sub(r"\b\d+\.\d(\s+)[kM]B", r"00.0\1kB", text)


class Desk:
    """Where an owner sits: a home, a width, and a transcript."""

    def __init__(self, home, words, columns, owner=()):
        self.home, self.words, self.columns, self.owner = home, words, columns, owner
        self.program = home.bin / "stoop"
        self.text = ""

    def start(self, *words):
        command = ["stoop", *words]
        self.text += f"$ {' '.join(command)}\n"
        self.terminal = Terminal([str(self.program), *self.owner, *words], self.home.env, size=(24, self.columns))
        return self.terminal

    def open(self, *words):
        self.start(*words)
        self.passphrase()

    def passphrase(self, word=SECRET):
        self.terminal.expect(PASSPHRASE, 20)
        self.terminal.line(word)

    def answer(self, line, question=QUESTION):
        self.terminal.expect(re.escape(question), 20)
        self.terminal.line(line)

    def ends(self, wanted):
        got = self.terminal.wait()
        assert got == wanted, f"exit {got}, not {wanted}\n{self.terminal.text}"
        self.terminal.close()
        assert SECRET not in self.terminal.text, self.terminal.text
        self.text += self.terminal.text + f"[exit {got}]\n\n"

    def runs(self, *words, ends=DONE):
        self.start(*words)
        self.ends(ends)


def check_layout(name, text, columns):
    error = False
    for line in text.splitlines():
        ours = not error and not line.startswith(("$", "written to ", "stoop: "))
        error = line.startswith("stoop: ")  # and what to do next, which follow no width
        assert not ours or len(line) <= columns or columns < 40, f"{name}: wider than {columns}: {line!r}"
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f]", line), (name, line)


def hold(name, desk):
    """Against the golden file."""
    text = desk.words.normal(desk.text)
    path = GOLDEN / f"{name}-{desk.columns}.txt"
    check_layout(path.name, text, desk.columns)
    if UPDATE:
        path.write_text(text)
    wanted = path.read_text() if path.exists() else ""
    if text != wanted:
        sys.stdout.writelines(difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), path.name, "now"))
        raise AssertionError(f"{path.name} is not what is shown now; --update writes it anew")


# ---- the street ----

def moment(**offset):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**offset)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(home, start, reason, process=None, at=PLACE, days="3"):
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (5, 22)]
    words = ["request", "--at", at, "--radius", "60", "--from", times[0], "--to", times[1], "--reason", reason,
             "--days", days, "--yes"]
    if process:
        path = home.root / f"{process}.conf"
        path.write_text(PROCESS[process].format(yesterday=moment(days=-1), in_a_month=moment(days=9)))
        words += ["--process", str(path)]
        if "warrant" in process:
            document = home.root / "warrant.txt"
            document.write_text("SEARCH WARRANT 26-SW-1182\n")
            words += ["--document", str(document)]
    else:
        words += ["--voluntary"]
    text = home.with_passphrase(*words)
    return re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)


def add_camera(home, name, at, start, *more, skip=None, times=1, sound=False):
    folder = home.root / f"camera-{name}"
    make_segments(folder, "motion", name, start, 3, 10, size="160x120", sound=sound)
    if skip is not None:
        sorted(p for p in folder.rglob("*") if p.is_file())[skip].unlink()
    home.with_passphrase("camera", "add", name, "--folder", str(folder), "--layout", "motion", "--at", at, "--reach",
                         "40", *more, times=times)


def waits(home, code):
    return [r for r in home.facts("requests") if r["code"] == code and r.get("open_clips")]


class Street:
    def __init__(self, root, ada, pd, ben, pair):
        self.ada, self.pd, self.ben, self.pair = ada, pd, ben, pair
        self.words = Words(root)
        for home in (ada, pd, ben):
            start_home(home)
        pair.found("grace", "heidi")
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1", "--name", "Ada", "--agency",
                            "Riverside PD=+1 951 555 0100")
        pd.with_passphrase("join", "--yes", invite(ada), "--name", "Riverside PD")
        ben.with_passphrase("join", "--yes", invite(ada), "--name", "Ben")
        pair.with_passphrase("join", "--yes", invite(ada), "--name", "Grace and Heidi", *pair.co_sign("heidi"), times=2)
        start = self.start = half_an_hour_ago()
        add_camera(ben, "porch", PLACE, start)
        add_camera(ben, "field", FIELD, start, skip=1)
        add_camera(ben, "barn", FIELD, start, "--indoor")
        add_camera(pair, "gate", PLACE, start, *pair.co_sign("heidi"), times=2, sound=True)
        self.code = {}

        def put(name, home, *what, **more):
            self.code[name] = ask(home, start, *what, **more)
            self.words.name(self.code[name], len(self.code))

        for width in ("80", "40"):
            put("accept" + width, ada, "Hit and run, silver hatchback")
            put("decline" + width, ada, "Who took the parcel from the porch? It was blue, with a white ribbon, and "
                "the courier says that it was left beside the door at noon, under the bench")
            put("meanwhile" + width, ada, "Has anybody seen our cat")
            put("edit" + width, ada, "Who was at the bus stop at nine")
        put("gap", ada, "Hit and run, silver hatchback", at=FIELD)
        for name in PROCESS:
            put(name, pd, "Robbery at the corner shop", process=name)
        put("party", pd, "Loud party, please help us", days="1")
        for name, code in self.code.items():
            if name != "preservation":  # which asks for nothing but to hold what there is
                ben.until(lambda c=code: waits(ben, c), bool, 90)
        for name in ("decline40", "edit40"):
            pair.until(lambda c=self.code[name]: waits(pair, c), bool, 90)

    def desk(self, columns, home=None, owner=()):
        return Desk(home or self.ben, self.words, columns, owner)


# ---- the situations ----

def accepted(street, columns):
    desk = street.desk(columns)
    code = street.code[f"accept{columns}"]
    desk.open("review", code)
    desk.answer("?")
    desk.answer("p")
    desk.answer(code.lower())
    desk.passphrase()
    desk.ends(DONE)
    desk.runs("review", code)
    hold("voluntary-accepted", desk)


def declined(street, columns):
    desk = street.desk(columns)
    desk.open("review", street.code[f"decline{columns}"])
    desk.answer("d")
    desk.ends(PENDING)
    desk.runs("review", street.code[f"decline{columns}"])
    hold("declined", desk)


def later(street, columns):
    desk = street.desk(columns)
    for answer in ("l", "", "perhaps", "q", "\x04"):
        desk.open("review", street.code["gap"])
        desk.terminal.expect(QUESTION)
        desk.terminal.type(answer + ("" if answer == "\x04" else "\n"))
        if answer == "perhaps":  # asked again
            desk.answer("q")
        desk.ends(PENDING)
    hold("left-for-later", desk)


def snoozed(street, columns):
    desk = street.desk(columns)
    desk.open("review", street.code["party"])
    desk.answer("l 2h")
    desk.ends(PENDING)
    assert listed(street, "party") == "hidden" and listed(street, "warrant") == "shown"
    assert "hidden until" in street.ben.run("requests", street.code["party"]).stdout
    assert re.search(r"(?m)^case +26-SW-1182$", street.ben.run("requests", street.code["warrant"]).stdout)
    desk.start("review")
    desk.answer("q", LIST)
    desk.ends(PENDING)
    desk.open("review", street.code["party"])
    desk.answer("l 30d")
    desk.ends(PENDING)
    hold("snoozed", desk)
    forget(street.ben)


def listed(street, name):
    """What 'stoop requests' says of its place in the review."""
    return [r["review"] for r in street.ben.facts("requests") if r["code"] == street.code[name]][0]


def forget(home):
    """As if the snooze were over."""
    path = home.root / "config/stoop/memory"
    path.write_text(re.sub(r"(?m)^(asked .* )[0-9]+$", r"\g<1>0", path.read_text()))


def claimed(name, *answers):
    def situation(street, columns):
        desk = street.desk(columns)
        desk.open("review", street.code[name])
        for answer in answers:
            desk.answer(answer)
        desk.answer("l")
        desk.ends(PENDING)
        hold(name, desk)
    return situation


def called_back(street, columns):
    """A neighbour rings the number in the directory; the second time its record takes the place of the first."""
    desk = street.desk(columns, street.ada)
    code = street.code["emergency"]
    outcome = ["--outcome", "denied"] if columns == 80 else ["--outcome", "confirmed", "--spoke-to", "Sgt. Lee"]
    desk.open("callback", code, *outcome)
    desk.ends(DONE)
    word = outcome[1]
    street.ben.until(lambda: [c["outcome"] for r in street.ben.facts("requests", code) for c in r["calls"]],
                     lambda outcomes: outcomes == [word], 30)
    desk.home = street.ben
    desk.open("review", code)
    desk.answer("l")
    desk.ends(PENDING)
    hold("emergency-called", desk)


def preserved(street, columns):
    """It asks for nothing to be shown or sent: there is nothing to decide."""
    desk = street.desk(columns)
    desk.runs("review", street.code["preservation"])
    hold("preservation", desk)


def muted(street, columns):
    desk = street.desk(columns)
    desk.runs("mute", street.code["party"])
    assert listed(street, "party") == "muted" and listed(street, "warrant") == "shown"
    desk.runs("mute", "--list")
    desk.start("review")
    desk.answer("q", LIST)
    desk.ends(PENDING)
    desk.open("review", street.code["party"])
    desk.answer("l")
    desk.ends(PENDING)
    desk.runs("unmute", "Riverside PD")
    desk.runs("unmute", "Riverside PD", ends=FAILED)
    hold("muted-asker", desk)


def quiet(street, columns):
    desk = street.desk(columns)
    rules = street.ben.root / "config/stoop/rules"
    now = datetime.datetime.now(datetime.timezone.utc)
    before, after = [(now + datetime.timedelta(hours=h)).strftime("%H:%M") for h in (-1, 1)]
    rules.write_text(f"[quiet]\nfrom = {before}\nto = {after}\n[rank]\nfirst = orders\n")
    desk.start("review")
    desk.answer("q", LIST)
    desk.ends(PENDING)
    rules.write_text("[asker \"Ada\"]\nmute = no\naccept = always\n")
    desk.runs("review", ends=FAILED)
    rules.unlink()
    hold("quiet-hours", desk)


def wrong_passphrase(street, columns):
    desk = street.desk(columns)
    code = street.code["gap"]
    desk.open("review", code)
    desk.answer(code)
    for wrong in ("hunter2", "", code):
        desk.passphrase(wrong)
        if wrong != code:
            time.sleep(0.05)
            desk.terminal.type("hunter3")  # typed while the key is opened: not shown, and dropped
    desk.ends(PENDING)
    hold("passphrase-wrong-three-times", desk)


def decided_meanwhile(street, columns):
    desk, other = street.desk(columns), street.desk(columns)
    code = street.code[f"meanwhile{columns}"]
    desk.open("review", code)
    desk.answer(code)
    desk.terminal.expect(PASSPHRASE)
    other.open("review", code)
    other.answer("d")
    other.ends(PENDING)
    desk.terminal.line(SECRET)
    desk.ends(FAILED)
    hold("decided-meanwhile", desk)


def withdrawn_meanwhile(street, columns):
    desk = street.desk(columns)
    code = ask(street.pair, street.start, f"A drone over the gardens {columns}")
    street.words.name(code, len(street.words.codes) + 1)
    street.ben.until(lambda: waits(street.ben, code), bool, 90)
    desk.open("review", code)
    desk.terminal.expect(QUESTION)
    street.pair.with_passphrase("request", "--withdraw", code, "--yes")
    street.ben.until(lambda: street.ben.facts("requests", code)[0]["state"], lambda s: s == "withdrawn", 30)
    desk.terminal.line(code)
    desk.ends(FAILED)
    desk.runs("review", code)
    hold("withdrawn-meanwhile", desk)


def newcomer(street, columns):
    """What README shows: from a request that has come to an answer. There the same words stand as here."""
    if columns != 80:
        return
    desk = street.desk(columns)
    code = ask(street.pair, street.start, "Hit and run, silver hatchback")
    street.words.name(code, len(street.words.codes) + 1)
    street.words.name("7C19-E4", len(street.words.codes))
    street.ben.until(lambda: waits(street.ben, code), bool, 90)
    desk.runs("requests", code)
    desk.open("review", code)
    for answer in ("t 0:04 0:12", "p", code):
        desk.answer(answer)
    desk.passphrase()
    desk.ends(DONE)
    hold("newcomer", desk)
    shown = (GOLDEN.parents[2] / "README.md").read_text().split("### You are asked\n")[1].split("\n### ")[0]
    block = "".join(line[4:] + "\n" for line in shown.split("\n") if line.startswith("    "))
    wanted = "".join(line + "\n" for line in street.words.normal(desk.text).split("\n") if line and line != "[exit 0]")
    got = street.words.normal(block)
    if got != wanted:
        sys.stdout.writelines(difflib.unified_diff(got.splitlines(True), wanted.splitlines(True), "README.md", "now"))
        raise AssertionError("README's transcript is not what a newcomer sees")


def two_owners(street, columns):
    code = street.code[f"decline{columns}"]
    for name, what in (("grace", "first"), ("heidi", "last")):
        desk = street.desk(columns, street.pair, street.pair.as_owner(name))
        desk.open("review", code)
        desk.answer(code)
        desk.passphrase()
        desk.ends(DONE)
        if name == "grace":
            desk.open("review", code)
            desk.answer(code)
            desk.ends(PENDING)
        hold(f"two-owners-{what}", desk)


def edited(street, columns):
    """Seconds, an area; each shown anew, and taken back one by one."""
    desk = street.desk(columns)
    code = street.code[f"edit{columns}"]
    desk.open("review", code)
    for answer in ("m", "t", "t 0:00 9:00", "t 0:05 0:05", "t 0:05 0:11", "r 50 75", "r 50,75 100,100", "u", "u", "u"):
        desk.answer(answer)
    desk.answer("d")
    desk.ends(PENDING)
    hold("edited-and-undone", desk)


def not_to_edit(street, columns):
    """Where stoop-media is not installed the prompt offers no edit, and says why."""
    desk = street.desk(columns)
    desk.program = street.ben.root / "alone/stoop"
    desk.program.parent.mkdir(exist_ok=True)
    shutil.copy(street.ben.bin / "stoop", desk.program)
    desk.open("review", street.code["gap"])
    for answer in ("?", "m", "l"):
        desk.answer(answer)
    desk.ends(PENDING)
    hold("not-to-edit", desk)


def edited_by_two(street, columns):
    """The first removes the sound; the other sees that, and takes more away, which asks the first one again."""
    code = street.code[f"edit{columns}"]
    for number, (name, answers) in enumerate((("grace", ["m"]), ("heidi", ["p", "t 0:02 0:08"]), ("grace", []))):
        desk = street.desk(columns, street.pair, street.pair.as_owner(name))
        desk.open("review", code)
        for answer in answers:
            desk.answer(answer)
        desk.answer(code)
        desk.passphrase()
        desk.ends(DONE)
        hold(f"edited-by-two-{number + 1}", desk)


def met(street, columns):
    """Who asks is somebody whom this owner has compared words with."""
    if columns == 80:
        for terminal in compare_words(street.ada, street.ben, ("Ada", "Ben"))[0]:
            terminal.line("y")
            assert terminal.wait() == DONE, terminal.text
    desk = street.desk(columns)
    desk.open("review", street.code["gap"])
    desk.answer("l")
    desk.ends(PENDING)
    hold("met-before", desk)


def narrow(street, columns):
    """Made narrow and wide again while it is open: what is asked next is laid out for what is there now."""
    desk = street.desk(columns)
    desk.open("review", street.code["warrant"])
    for wide, answer in ((30, "?"), (120, "c"), (columns, "s")):
        desk.terminal.expect(QUESTION)
        fcntl.ioctl(desk.terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, wide, 0, 0))
        desk.terminal.line(answer)
    desk.terminal.expect(QUESTION)
    desk.terminal.line("l")
    desk.ends(PENDING)
    text = street.words.normal(desk.text)
    assert text.count(f"{street.words.codes[street.code['warrant']]}  claims") >= 3, text


def many(street, columns):
    desk = street.desk(columns)
    desk.start("review")
    desk.answer(street.code["party"], LIST)
    desk.passphrase()
    desk.answer("l")
    desk.answer("o", LIST)
    desk.answer("l")
    desk.answer("q")
    desk.ends(PENDING)
    desk.start("review")
    desk.answer("x", LIST)
    desk.answer("q", LIST)
    desk.ends(PENDING)
    hold("many", desk)


SITUATIONS = [accepted, declined, later, snoozed, claimed("warrant", "c"), claimed("emergency", "c"),
              preserved, claimed("secret"), claimed("hostile", "c"), claimed("gap"), muted, quiet,
              wrong_passphrase, narrow, many, decided_meanwhile, two_owners, edited, edited_by_two, not_to_edit]
LAST = [called_back, newcomer, withdrawn_meanwhile]  # they ask for themselves, which others would count


# ---- P3 ----

def random_keys(street, seed, budget):
    """One review by a hand that means nothing. True when it has accepted, which may only be as it should be."""
    dice = random.Random(seed)
    code = dice.choice([r["code"] for r in street.ben.facts("requests") if r.get("open_clips")])
    before = count(street.ben, "signed")
    terminal = Terminal([str(street.ben.bin / "stoop"), "review", code], street.ben.env)
    typed, closed = [], False
    lines = [code, code.lower(), code[:-1], code + "0", SECRET, SECRET[:-1], "", "y", "yes", "p", "c", "s", "?", "l", "q",
             "t 0:02 0:09", "r 10,20 30,40", "m", "u"]
    while not closed:
        try:
            found = terminal.expect(f"({QUESTION})|({PASSPHRASE})", 60)
        except AssertionError:
            break  # it has ended
        question = "answer" if found.group(1) else "passphrase"
        first = question == "passphrase" and "answer" not in [q for q, _ in typed]
        way = dice.random()
        if first and way < 0.85 or question == "passphrase" and budget and way < 0.3:
            line = SECRET
        elif question == "answer" and way < 0.25:
            line = code
        elif way < 0.85:
            line = dice.choice(lines)
            if question == "passphrase" and not first and not budget and line == SECRET:
                line = ""
        elif way < 0.95:
            typed.append((question, None))
            what = dice.choice(["\x03", "\x04", "\x1c", signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
            terminal.type(what) if isinstance(what, str) else os.kill(terminal.pid, what)
            continue
        else:
            typed.append((question, None))
            closed = True
            break
        typed.append((question, line))
        terminal.type("".join(dice.choice(["", "", "", "x\x7f"]) for _ in line) + line + "\n")
    if closed:
        terminal.close()
        os.waitpid(terminal.pid, 0)
    else:
        terminal.wait()
        terminal.close()
    meant = len(typed) >= 2 and typed[-1] == ("passphrase", SECRET)
    while meant and typed and typed[-1][0] == "passphrase":
        typed.pop()
    meant = meant and bool(typed) and typed[-1] in (("answer", code), ("answer", code.lower()))
    street.ben.until(lambda: count(street.ben, "signed") - before, lambda n: n == (1 if meant else 0), 20)
    assert meant == ("accepted; it goes" in terminal.text), (seed, terminal.text)
    return meant


def random_hands(street):
    runs, accepted_count, before = 500 if LONG else 20, 0, count(street.ben, "signed")
    for seed in range(runs):
        accepted_count += random_keys(street, seed, budget=accepted_count < 3)
    street.ben.until(lambda: count(street.ben, "signed") - before, lambda n: n == accepted_count)
    assert accepted_count or not LONG
    return runs, accepted_count


def main():
    os.environ["TZ"] = "UTC"
    with set_up("prompt", "ada", "pd", "ben", pair=Household) as (root, ada, pd, ben, pair):
        street = Street(root, ada, pd, ben, pair)
        failures = []
        situations = [(s, columns) for some in (SITUATIONS, LAST, [met]) for columns in (80, 40) for s in some]
        for situation, columns in situations:
            try:
                situation(street, columns)
            except AssertionError as failure:  # the others may tell more
                failures.append(f"{situation.__name__} at {columns}: {failure}")
        assert not failures, "\n\n".join(failures)
        runs, accepted_count = random_hands(street)
        for home in (ada, ben):
            home.until(lambda h=home: h.facts("log", "verify")["result"], lambda r: r == "verified")
    print(f"prompt: {len(situations)} transcripts as they should be; {runs} reviews by random hands accepted "
          f"{accepted_count} times, each as it must be")


if __name__ == "__main__":
    main()
