"""A street of homes for the end-to-end tests: founded, joined, with footage, ready to be asked."""
import contextlib
import datetime
import json
import pathlib
import re
import shutil
import sys
import tempfile

from footage import make_segments
from homes import Home

PLACE = "52.5200,13.4050"
QUESTION = "or the code to accept: "
PASSPHRASE = "passphrase of .*: "
WARRANT = """instrument = search_warrant
jurisdiction = US-CA
court = Superior Court of California, County of Riverside
case = 26-SW-1182
statute = Cal. Penal Code 1524
offence = Hit and run causing injury, Veh. Code 20001
applicant_name = R. Alvarez
applicant_agency = Riverside PD
applicant_badge = 4471
authority_name = M. Okafor
authority_title = Judge of the Superior Court
issued_at = {issued}
execute_by = {until}
items = Footage of a silver hatchback leaving the crossing
"""


@contextlib.contextmanager
def watched(*homes, last=0):
    """Stops these homes whatever happens. When it is a failure, their journals are printed, or `last` characters."""
    try:
        yield homes
    except BaseException:
        for home in homes:
            print(f"--- {home.name}\n{home.journal()[-last:]}", file=sys.stderr)
        raise
    finally:
        for home in homes:
            home.stop()


@contextlib.contextmanager
def set_up(test, *names, last=0, **kinds):
    """A folder of the test's own, and homes in it from BIN-FOLDER, the first argument: ada=Household is one of its own
    kind. The folder stays after a failure."""
    root = pathlib.Path(tempfile.mkdtemp(prefix=f"stoop-{test}-"))
    homes = [kind(sys.argv[1], root, name) for name, kind in {**dict.fromkeys(names, Home), **kinds}.items()]
    with watched(*homes, last=last):
        yield root, *homes
    shutil.rmtree(root)


def start_home(home, *init, delay="0"):
    home.init(*init)
    home.set_config("match_delay_s", delay)
    home.start()


def found_and_join(homes, *found, name="Elm Street", slot="1"):
    homes[0].with_passphrase("community", "found", name, "--slot", slot, *found)
    for home in homes[1:]:
        home.with_passphrase("join", "--yes", invite(homes[0]))
    for home in homes:
        home.until(lambda h=home: h.facts("status")["links"], lambda n: n == len(homes) - 1)


def invite(home, *words):
    text = home.with_passphrase("invite", *words, "--json")
    return json.loads(text[text.index("{"):])["code"]


def compare_words(first, second, names=None, columns=80):
    """Both run 'stoop meet' with each other; their terminals, at the question, and the words that each was shown."""
    ours, theirs = names or (first.name, second.name)
    terminals = [first.at_terminal("meet", theirs, columns=columns), second.at_terminal("meet", ours, columns=columns)]
    words = [terminal.expect(r"\n    ([a-z]+ [a-z]+ [a-z]+ [a-z]+)\n").group(1) for terminal in terminals]
    for terminal in terminals:
        terminal.expect(r"very same words\? \[y/N\] ")
    return terminals, words


def half_an_hour_ago():
    return (datetime.datetime.now() - datetime.timedelta(minutes=30)).replace(microsecond=0)


def add_camera(home, name, start, *more, seconds=10, count=3, times=1):
    folder = home.root / f"camera-{name}"
    make_segments(folder, "motion", name, start, count, seconds, size="160x120")
    home.with_passphrase("camera", "add", name, "--folder", str(folder), "--layout", "motion", "--at", PLACE,
                         "--reach", "40", *more, times=times)


def request_words(start, first, last, radius=60):
    at = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in (first, last)]
    return ("request", "--at", "52.5201,13.4051", "--radius", str(radius), "--from", at[0], "--to", at[1], "--reason",
            "Hit and run, silver hatchback", "--yes", "--voluntary")


def ask(home, start, first=5, last=22):
    text = home.with_passphrase(*request_words(start, first, last))
    return re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)


def open_clips(home):
    return home.facts("status")["open_clips"]


def at_question(home, *words, passphrase=Home.PASSPHRASE):
    """A review whose first question is before the owner."""
    terminal = home.at_terminal(*words)
    terminal.expect(PASSPHRASE)
    terminal.line(passphrase)
    terminal.expect(QUESTION)
    return terminal


def accept(home, code, *words):
    terminal = at_question(home, *words, "review", code)
    terminal.line(code)
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    return terminal.wait(), terminal.text


def entries(home):
    """Every entry of the home's log, the private ones opened: (kind, whole line)."""
    found = []
    for leaf in home.facts("log", "show"):
        for line in [leaf["leaf"], *leaf.get("private", "").splitlines()]:
            if line.strip():
                found.append((line.split()[0], line))
    return found


def count(home, kind):
    return sum(1 for k, _ in entries(home) if k == kind)


def delivered(home, code):
    return [d for d in home.facts("delivered") if d["code"] == code]


def wait_delivered(home, code, timeout=60):
    return home.until(lambda: delivered(home, code), lambda d: d and d[0]["state"].startswith("here"), timeout)


def node_pids(home):
    """Of the supervisor: data folder -> pid."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == home.daemon.pid and words[0].endswith(b"stoop-node"):
            found[words[words.index(b"--home") + 1].decode()] = int(entry.name)
    return found
