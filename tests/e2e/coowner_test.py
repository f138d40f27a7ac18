#!/usr/bin/env python3
"""A camera of two or three owners (P1, P3): each signature but the last releases nothing and leaves no header that the
request key opens; the last one's makes it, in any order and over restarts; one declining ends it; what an owner has
signed cannot be replaced under them; the camera list needs every owner.

usage: tests/e2e/coowner_test.py BIN-FOLDER [--long]
"""
import base64
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from street import (PASSPHRASE, PLACE, QUESTION, accept, ask, at_question, count, delivered, half_an_hour_ago,  # noqa: E402
                    invite, open_clips, set_up, start_home, wait_delivered)
from footage import make_segments  # noqa: E402

LONG = "--long" in sys.argv
SECRET = Home.PASSPHRASE
DONE, FAILED, PENDING = 0, 1, 3
QUESTION_BYTES = 256  # no question to the node is longer, and no grant as short


# ---- searching for a header that the requester could open ----

def bech32_identity(secret):
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    prefix = "age-secret-key-"

    def polymod(values):
        check = 1
        for value in values:
            top = check >> 25
            check = (check & 0x1ffffff) << 5 ^ value
            for i, g in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
                check ^= g if top >> i & 1 else 0
        return check

    bits = int.from_bytes(secret, "big") << 4  # 256 bits and 4 of padding: 52 groups of 5
    words = [bits >> 5 * i & 31 for i in reversed(range(52))]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + words + [0] * 6) ^ 1
    words += [check >> 5 * i & 31 for i in reversed(range(6))]
    return (prefix + "1" + "".join(letters[word] for word in words)).upper()


def request_identity(requester, code, folder):
    """The request's own key, opened by its owner with the stock age tool."""
    folder.mkdir(exist_ok=True)
    owner = folder / "owner.txt"
    owner.unlink(missing_ok=True)
    requester.with_passphrase("key", "export-age", "--out", str(owner))
    with sqlite3.connect(f"file:{requester.data}/node/stoop.db?mode=ro", uri=True) as base:
        rows = base.execute("SELECT id, sealed_key FROM own_requests").fetchall()
    base.close()
    sealed = [key for id_, key in rows if id_.hex().upper().startswith(code.replace("-", "")[:4])]
    assert len(sealed) == 1, rows
    secret = subprocess.run(["age", "-d", "-i", str(owner)], input=sealed[0], capture_output=True, check=True).stdout
    assert len(secret) == 32
    path = folder / "request.txt"
    path.write_text(bech32_identity(secret) + "\n")
    return path


HEADER = re.compile(rb"age-encryption\.org/v1\n(?:-> [^\n]*\n(?:[A-Za-z0-9+/]*\n)+)+--- [A-Za-z0-9+/]{43}\n", re.S)


def headers_of(home):
    """Every age header in what the node and the vault hold: in any column, and anywhere in any file."""
    found = set()
    work = pathlib.Path(tempfile.mkdtemp())
    for path in [*(home.data / "node").rglob("*"), *(home.data / "vault").rglob("*"), *(home.data / "ingest").rglob("*")]:
        if path.is_file():
            found.update(HEADER.findall(path.read_bytes()))
            if path.name.startswith("stoop.db"):
                shutil.copy(path, work)
    with sqlite3.connect(work / "stoop.db") as base:
        for (table,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in base.execute(f"SELECT * FROM {table}"):
                for value in row:
                    if isinstance(value, bytes):
                        found.update(HEADER.findall(value))
    base.close()
    shutil.rmtree(work)
    return found


def opens(header, identity):
    """age says of a header alone whether the key fits: with a wrong key it does not come to miss the payload."""
    done = subprocess.run(["age", "-d", "-i", str(identity)], input=header + os.urandom(64), capture_output=True, text=False)
    return b"no identity matched" not in done.stderr


def usable(home, identity):
    headers = headers_of(home)
    assert headers, "the owners' own headers have to be found, or the search proves nothing"
    return [header for header in headers if opens(header, identity)]


# ---- the home ----

class Household(Home):
    """One home, several owners, each with a folder."""

    def found(self, *names):
        self.folders = {names[0]: None, **{n: self.root / f"owner-{n}" for n in names[1:]}}
        lines = []
        for name in names[1:]:
            terminal = self.at_terminal("--owner-dir", str(self.folders[name]), "key", "new", "--owner", name)
            terminal.expect("passphrase: ")
            terminal.line(SECRET)
            terminal.expect("again: ")
            terminal.line(SECRET)
            assert terminal.wait() == DONE, terminal.text
            line = self.facts("--owner-dir", str(self.folders[name]), "key", "show")["line"]
            shown = self.at_terminal("--owner-dir", str(self.folders[name]), "key", "show", columns=60)
            assert shown.wait() == DONE and f"\n{line}\n" in shown.text, shown.text  # whole, to be copied
            line = "  " + line.replace(" ", "\n               ", 2) + " \n"           # as a terminal may break it
            lines += ["--co-owner", line]
        self.name = names[0]
        start_home(self, *lines)

    def as_owner(self, name):
        return ("--owner-dir", str(self.folders[name])) if self.folders[name] else ()

    def co_sign(self, *names):
        return [word for name in names for word in ("--co-sign", str(self.folders[name]))]

    def accept(self, name, code):
        return accept(self, code, *self.as_owner(name))

    def again(self):
        self.stop()
        self.start()


def is_part(home, code):
    states = [v["state"] for v in home.facts("vault", "list") if v["request"] == code]
    return len(states) == 1 and states[0]


class Proxy(threading.Thread):
    """Stands between a `stoop` and its node, and holds back what it is told to: the only way to let two owners sign at
    one moment."""

    def __init__(self, node, folder):
        super().__init__(daemon=True)
        folder.mkdir()
        self.node = str(node / "control.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "control.sock"))
        self.listener.listen()
        self.holds = False  # what is signed; questions pass, however many are asked
        self.held = threading.Event()
        self.go = threading.Event()

    def run(self):
        person, _ = self.listener.accept()
        node = socket.socket(socket.AF_UNIX)
        node.connect(self.node)
        threading.Thread(target=self.back, args=(node, person), daemon=True).start()
        while True:
            head = self.whole(person, 4)
            if head is None:
                break
            frame = self.whole(person, struct.unpack(">I", head)[0])
            if self.holds and len(frame) > QUESTION_BYTES:
                self.held.set()
                self.go.wait(60)
            node.sendall(head + frame)
        node.close()

    @staticmethod
    def whole(peer, size):
        data = b""
        while len(data) < size:
            part = peer.recv(size - len(data))
            if not part:
                return None
            data += part
        return data

    @staticmethod
    def back(node, person):
        while True:
            try:
                data = node.recv(65536)
            except OSError:
                data = b""
            if not data:
                return
            person.sendall(data)


# ---- what is proved ----

def the_list_needs_all(home, start):
    folder = home.root / "camera"
    make_segments(folder, "motion", "porch", start, 3, 10, size="160x120")
    words = ("camera", "add", "porch", "--folder", str(folder), "--layout", "motion", "--at", PLACE, "--reach", "40")
    others = [name for name in home.folders if home.folders[name]]
    # Who is missing is said before anybody types a passphrase, and without a terminal.
    for signing in ([], others[:-1]):
        done = home.run(*words, *home.co_sign(*signing), check=False)
        missing = [name for name in others if name not in signing][0]
        assert done.returncode == FAILED and f"'{missing}' has to sign too" in done.stderr, done
    assert home.facts("camera", "list") == []
    home.with_passphrase(*words, *home.co_sign(*others), times=len(home.folders))
    for signing in ([], others[:-1]):
        assert home.run("camera", "remove", "porch", *home.co_sign(*signing), check=False).returncode == FAILED
    # One who forges the question whom to ask gets past it, and not past ingest.
    before = home.facts("status")["camera_list_version"]
    own = home.root / "config" / "stoop" / "pins"
    pins = own.read_text()
    own.write_text("\n".join(line for line in pins.split("\n") if not any(f" {o}" in line for o in others)))
    terminal = home.at_terminal(*words[:2], "alone", *words[3:])
    terminal.expect(PASSPHRASE)
    terminal.line(SECRET)
    assert terminal.wait() == FAILED and "was not taken" in terminal.text, terminal.text
    own.write_text(pins)
    assert "not every owner has signed" in home.journal().split("\n")[-2], home.journal()
    assert home.facts("status")["camera_list_version"] == before
    assert [c["name"] for c in home.facts("camera", "list")] == ["porch"]
    for name in others:
        listed = home.facts(*home.as_owner(name), "camera", "list")
        assert [(c["name"], c["owners"]) for c in listed] == [("porch", len(home.folders))], listed


def every_order(home, asker, start, orders):
    """`orders`: who signs, one after the other, with a restart of the node (True) before the next."""
    for number, (order, restart) in enumerate(orders):
        signed, disclosed = count(home, "signed"), count(home, "disclosure")
        code = ask(asker, start, 2 + number, 22)
        home.until(lambda: open_clips(home), lambda n: n == 1)
        identity = request_identity(asker, code, home.root / f"keys-{number}")
        assert usable(home, identity) == []
        for i, name in enumerate(order):
            last = i == len(order) - 1
            got, text = home.accept(name, code)
            assert got == DONE and ("accepted; it goes" in text) == last, text
            for k, other in enumerate(order):
                assert f"OWNER    {other} {'has accepted' if k < i else 'has not accepted'}" in text, text
            if last:
                break
            listed, = home.facts(*home.as_owner(name), "requests", code)
            assert (listed["open_clips"], listed["waits_for_others"]) == (1, 1), listed
            assert f"waits for {order[i + 1]}" in home.run(*home.as_owner(name), "requests", code).stdout or i + 2 < len(order)
            again, text = at_question_and_code(home, name, code)
            assert again == PENDING and "accepted this already" in text, text
            if restart:
                home.again()
            time.sleep(2.2)  # two slots
            assert usable(home, identity) == [], "a header for the requester exists before every owner has signed"
            assert delivered(asker, code) == [] and count(home, "disclosure") == disclosed
            assert open_clips(home) == 1
        assert len(usable(home, identity)) >= 1, "the search does not find what it looks for"
        wait_delivered(asker, code)
        home.until(lambda: count(home, "sent"), lambda n: n == disclosed + 1)
        assert count(home, "signed") == signed + len(order)
        asker.with_passphrase("collect", code, "--to", str(home.root / "out"))


def at_question_and_code(home, name, code):
    terminal = at_question(home, *home.as_owner(name), "review", code)
    terminal.line(code)
    return terminal.wait(), terminal.text


def one_declining_ends_it(home, asker, start, names):
    for number, (accepts, declines) in enumerate(names):
        declined, signed = count(home, "declined"), count(home, "signed")
        code = ask(asker, start, 9 + number, 24)
        home.until(lambda: open_clips(home), lambda n: n == 1)
        if accepts:
            got, text = home.accept(accepts, code)
            assert got == DONE and "every owner" in text, text
        terminal = at_question(home, *home.as_owner(declines), "review", code)
        terminal.line("d")
        assert terminal.wait() == PENDING and "declined" in terminal.text, terminal.text
        home.until(lambda: [v for v in home.facts("vault", "list") if v["request"] == code], lambda v: not v)
        assert open_clips(home) == 0
        for name in home.folders:
            done = home.at_terminal(*home.as_owner(name), "review", code)
            told = {accepts: "you have accepted it already", declines: "you have declined it already"}
            assert done.wait() == DONE and told.get(name, "nothing of this home") in done.text, done.text
        assert delivered(asker, code) == []
        assert (count(home, "declined"), count(home, "signed")) == (declined + 1, signed + (1 if accepts else 0))


def what_was_signed_stays(home, asker, start, first, second):
    """Both sign at one moment, each a body of its own: the one that comes second is refused, and the first stands."""
    code = ask(asker, start, 12, 27)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    proxy = Proxy(home.data, home.root / "p")
    proxy.start()
    late = at_question(home, "--home", str(home.root / "p"), *home.as_owner(first), "review", code)
    late.line(code)
    late.expect(PASSPHRASE)
    proxy.holds = True  # its last look at the clip passes, the grant does not
    late.line(SECRET)
    assert proxy.held.wait(30)
    got, text = home.accept(second, code)
    assert got == DONE and "every owner" in text, text
    proxy.go.set()
    assert late.wait() == FAILED and "was not taken" in late.text, late.text
    time.sleep(2.2)
    assert delivered(asker, code) == [] and open_clips(home) == 1
    got, text = home.accept(first, code)
    assert got == DONE and "accepted; it goes" in text, text
    wait_delivered(asker, code)


def reading_at_once(home, asker, start, first, second):
    """Both read, then sign one after the other: the second adds its name to what the first has signed meanwhile."""
    code = ask(asker, start, 13, 28)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    terminals = []
    for name in (first, second):
        terminal = at_question(home, *home.as_owner(name), "review", code)
        terminal.line(code)
        terminal.expect(PASSPHRASE)
        terminals.append(terminal)
    for terminal, words in zip(terminals, ("every owner", "accepted; it goes")):
        terminal.line(SECRET)
        assert terminal.wait() == DONE and words in terminal.text, terminal.text
    wait_delivered(asker, code)


def main():
    with set_up("co", "ada", two=Household, three=Household) as (_, ada, two, three):
        homes = [ada, two, three] if LONG else [ada, two]
        start_home(ada)
        two.found("ben", "grace")
        if LONG:
            three.found("cleo", "dora", "eve")
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        start = half_an_hour_ago()
        for home in homes[1:]:
            code = invite(ada)
            others = [name for name in home.folders if home.folders[name]]
            done = home.run("join", "--yes", code, check=False)
            assert done.returncode == FAILED and f"'{others[0]}' has to sign too" in done.stderr, done
            home.with_passphrase("join", "--yes", code, *home.co_sign(*others), times=len(home.folders))
        for home in homes:
            home.until(lambda h=home: h.facts("status")["links"], lambda n: n == len(homes) - 1)
        the_list_needs_all(two, start)
        every_order(two, ada, start, [(("grace", "ben"), True), (("ben", "grace"), False)][:2 if LONG else 1])
        one_declining_ends_it(two, ada, start, [("ben", "grace"), (None, "ben")][:2 if LONG else 1])
        what_was_signed_stays(two, ada, start, "ben", "grace")
        if LONG:
            reading_at_once(two, ada, start, "grace", "ben")
            two.stop()
            the_list_needs_all(three, start)
            every_order(three, ada, start, [(("eve", "cleo", "dora"), True)])
        for home in homes if not LONG else (ada, three):
            home.until(lambda h=home: h.run("log", "verify", check=False).returncode, lambda c: c == 0, 15)
        print("coowner: every owner or nothing, in any order and over restarts; no header before the last")


if __name__ == "__main__":
    main()
