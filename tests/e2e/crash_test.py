#!/usr/bin/env python3
"""P12: programs are killed at random instants of the flow, in each role, and started again. The flow completes, once:
one request, one grant, one delivery, one receipt commitment; no log loses or changes an entry; the supervisor starts
again by itself what died alone. The person does what a person would: tries again what failed.

usage: tests/e2e/crash_test.py BIN-FOLDER [--long] [--seed N] [--role requester|home|join] [--instants N]
"""
import argparse
import base64
import collections
import datetime
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from footage import segment_path  # noqa: E402
from street import (PLACE, accept, delivered, entries, found_and_join, half_an_hour_ago, invite,  # noqa: E402
                    open_clips, request_words, start_home)

PATIENCE = 240
VICTIMS = ("all", "stoopd", "stoop-node", "stoop-ingest", "stoop")
TERM = "all, by SIGTERM"


class Killer(threading.Thread):
    """Kills `who` of a home `after` so many seconds, and starts again what has no supervisor. With `pieces`, a folder,
    it waits first until a payload has begun to come in there."""

    def __init__(self, home, who, after, down, pieces=None):
        super().__init__()
        self.home, self.who, self.after, self.down, self.pieces = home, who, after, down, pieces
        self.note = ""
        self.fault = None

    def run(self):
        try:
            self.wait_for_pieces()
            time.sleep(self.after)
            if self.who == "stoop":  # some time into the first command that runs from now on
                until = time.monotonic() + 10
                while self.home.person is None and time.monotonic() < until:
                    time.sleep(0.01)
                time.sleep(self.down)
                terminal = self.home.person
                if terminal:
                    os.kill(terminal.pid, signal.SIGKILL)
                self.note = "killed" if terminal else "no command ran"
                return
            if self.who == TERM:
                self.home.stop()
                time.sleep(self.down)
                self.home.start()
                self.note = "ended"
                return
            before = self.home.children()
            self.note = "killed" if self.home.kill(self.who) else "was not there"
            if self.who in ("all", "stoopd"):
                time.sleep(self.down)
                self.home.start()
            else:
                self.home.until(self.home.children,
                                lambda now: now.get(self.who) and now[self.who] != before.get(self.who), 45)
                self.home.wait_ready(45)
        except BaseException as fault:  # reported by the flow's thread
            self.fault = fault

    def wait_for_pieces(self):
        until = time.monotonic() + PATIENCE
        had = set(self.pieces.iterdir()) if self.pieces else set()
        while self.pieces and time.monotonic() < until and set(self.pieces.iterdir()) == had:
            time.sleep(0.0005)


class Person(Home):
    """A home whose running command can be found and killed."""
    person = None

    def at_terminal(self, *words):
        self.person = super().at_terminal(*words)
        terminal, wait = self.person, self.person.wait

        def ended(timeout=120):
            code = wait(timeout)
            self.person = None
            terminal.close()
            return code

        terminal.wait = ended
        return terminal


def persist(what, attempt, done):
    """Tries `attempt` until `done`; both may fail while programs are down."""
    until = time.monotonic() + PATIENCE
    last = None
    while True:
        try:
            if done():
                return
            attempt()
            if done():
                return
        except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as fault:
            last = fault
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not done in {PATIENCE} s: {last}")
        time.sleep(0.2)


def abandon(home):
    """Ends a command that was left at a question."""
    terminal, home.person = home.person, None
    if terminal:
        try:
            os.kill(terminal.pid, signal.SIGKILL)
            os.waitpid(terminal.pid, 0)
            terminal.close()
        except OSError:
            pass


def trying(home, action):
    def attempt():
        try:
            return action()
        finally:
            abandon(home)
    return attempt


# ---- logs ----

def hash_leaf(line):
    return hashlib.sha256(b"\x00" + line.encode()).digest()


def root_of(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


def checkpoint(home):
    path = home.data / "node" / "log" / "checkpoint"
    if not path.exists():
        return None
    lines = path.read_text().split("\n")
    return int(lines[1]), base64.b64decode(lines[2])


def check_log(home, signed):
    """Every checkpoint ever seen is of a beginning of the log as it is now."""
    leaves = [hash_leaf(leaf["leaf"]) for leaf in home.facts("log", "show")]
    for size, root in signed:
        assert size <= len(leaves) and root_of(leaves[:size]) == root, f"{home.name}: the log lost what was signed"
    home.until(lambda: home.run("log", "verify", "--json", check=False).stdout,
               lambda out: out and json.loads(out)["result"] == "verified", 15)


def kinds(home):
    return collections.Counter(kind for kind, _ in entries(home))


# ---- the flow ----

class Street:
    def __init__(self, bin_dir, root):
        self.ada, self.ben = (Person(bin_dir, root, name) for name in ("ada", "ben"))
        self.homes = [self.ada, self.ben]
        self.bin_dir, self.root = bin_dir, root
        self.left = 9  # trials: a home may have 10 live requests, and a young community is a mesh of 8
        self.trial = 0  # the roles share a street
        self.signed = collections.defaultdict(set)
        for home in self.homes:
            start_home(home)
        found_and_join(self.homes, "--allowance", "64")
        self.start = half_an_hour_ago()
        self.add_noise()

    def add_noise(self):
        """Footage that does not compress: so large that its delivery can be hit."""
        folder = self.ben.root / "camera"
        folder.mkdir()
        for i in range(3):
            begin = self.start + datetime.timedelta(seconds=10 * i)
            path = folder / segment_path("motion", "noise", begin)
            noise = os.urandom(320 * 240 * 3 // 2 * 100)
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "320x240",
                            "-r", "10", "-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", "-g", "10",
                            str(path)], input=noise, check=True)
            ended = (begin + datetime.timedelta(seconds=10)).timestamp()
            os.utime(path, (ended, ended))
        self.ben.with_passphrase("camera", "add", "porch", "--folder", str(folder), "--layout", "motion", "--at", PLACE,
                                 "--reach", "40")

    def stop(self):
        for home in self.homes:
            home.stop()

    def fresh(self):
        """Restarted, so that one trial's back-off does not slow the next; linked again."""
        for home in self.homes:
            home.stop()
        for home in self.homes:
            home.start()
        self.linked()
        return {home.name: kinds(home) for home in self.homes}

    def linked(self):
        for home in self.homes:
            home.until(lambda h=home: h.facts("status")["links"], lambda n: n == len(self.homes) - 1, PATIENCE)

    def watch(self):
        for home in self.homes:
            seen = checkpoint(home)
            if seen:
                self.signed[home.name].add(seen)

    def expect(self, home, before, wanted, at_least=()):
        # a slot or two until the last private entry is in the log
        got = {}
        until = time.monotonic() + 15
        while True:
            now = kinds(home)
            got = {kind: now[kind] - before[home.name][kind] for kind in wanted}
            missing = [kind for kind in at_least if now[kind] == before[home.name][kind]]
            if got == wanted and not missing or time.monotonic() > until:
                break
            time.sleep(0.3)
        assert got == wanted and not missing, f"{home.name}: logged {got}, not {wanted}; no {missing}"

    def flow(self, killer):
        self.trial += 1
        ada, ben, trial = self.ada, self.ben, self.trial
        before = self.fresh()
        self.watch()
        words = list(request_words(self.start, *((-1 - trial, 31) if killer.pieces else (2 + trial % 5, 12 + trial % 7))))
        reason = f"Trial {trial}, silver hatchback"
        words[words.index("--reason") + 1] = reason
        killer.start()

        def asked():
            return [r for r in ada.facts("requests") if reason in json.dumps(r)]

        persist("request", trying(ada, lambda: ada.with_passphrase(*words)), asked)
        code = asked_code(persist, asked)
        self.watch()
        persist("match", lambda: None, lambda: open_clips(ben) == 1 or kinds(ben)["signed"] > before["ben"]["signed"])
        if kinds_now(ben, "signed") == before["ben"]["signed"]:
            assert quiet(lambda: delivered(ada, code)) in ([], None), "delivered before any signature"
        persist("accept", trying(ben, lambda: accept(ben, code)),
                lambda: open_clips(ben) == 0 and kinds(ben)["signed"] > before["ben"]["signed"])
        self.watch()
        persist("delivery", lambda: None, lambda: delivered(ada, code) and delivered(ada, code)[0]["state"].startswith("here"))
        out = self.root / f"out-{trial}"
        persist("collect", trying(ada, lambda: ada.with_passphrase("collect", code, "--to", str(out))),
                lambda: any(f["state"] == "there" and f["file"].endswith(".mp4") for f in delivered(ada, code)[0]["files"]))
        killer.join()
        if killer.fault:
            raise killer.fault
        self.linked()
        clip = next(out.glob("*.mp4"))
        facts = json.loads(next(out.glob("*.json")).read_text())
        assert hashlib.sha256(clip.read_bytes()).hexdigest() == facts["sha256"], facts
        assert len(delivered(ada, code)) == 1
        assert ben.journal().count(f"prompt opened request={code[:4]}") <= 1, "two prompts for one request"
        self.expect(ada, before, {"request_made": 1, "offered": 1, "received": 1, "receipt_commitment": 1}, ["collected"])
        self.expect(ben, before, {"request_seen": 1, "match": 1, "signed": 1, "disclosure": 1, "sent": 1,
                                  "shred": 0, "declined": 0})
        ben.until(lambda: [h.facts("status")["live_objects"] for h in self.homes], lambda n: len(set(n)) == 1, 30)
        self.check()

    def join(self, killer_of):
        self.trial += 1
        ada, trial = self.ada, self.trial
        before = self.fresh()
        self.watch()
        members = len(ada.facts("members"))
        name = f"new{trial}"
        new = Person(self.bin_dir, self.root, name)
        start_home(new)
        code = invite(ada)
        killer = killer_of(new)
        killer.start()
        persist("join", trying(new, lambda: new.with_passphrase("join", "--yes", code)),
                lambda: new.facts("status").get("members", 0) == members + 1)
        killer.join()
        if killer.fault:
            raise killer.fault
        self.homes.append(new)
        try:
            self.linked()
            for home in self.homes:
                home.until(lambda h=home: len(h.facts("members")), lambda n: n == members + 1, PATIENCE)
            for home in (ada, self.ben):
                self.expect(home, before, {"member": 1})
            assert len({m["certificate"] for m in ada.facts("members") if m["name"] == name}) == 1
            self.check()
        except BaseException:
            print(f"--- {name}\n{new.journal()}", file=sys.stderr)
            raise
        finally:
            new.stop()
            self.homes.remove(new)

    def check(self):
        self.watch()
        for home in self.homes:
            check_log(home, self.signed[home.name])


def quiet(question):
    try:
        return question()
    except (AssertionError, ValueError):
        return None


def kinds_now(home, kind):
    got = quiet(lambda: kinds(home))
    return got[kind] if got else None


def asked_code(persist_, asked):
    found = []
    persist_("the request's code", lambda: None, lambda: found.extend(asked()) or found)
    assert len(found) == 1, f"asked more than once: {found}"
    return found[0]["code"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--role", choices=("requester", "home", "join"))
    parser.add_argument("--instants", type=int)
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 30)
    roles = [args.role] if args.role else ["requester", "home", "join"]
    instants = args.instants or (50 if args.long else 2)
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-crash-"))
    street = None
    said = ""
    hits = collections.Counter()
    try:
        for role in roles:
            for i in range(instants):
                chance = random.Random(f"{seed} {role} {i}")
                who = VICTIMS[i % len(VICTIMS)] if args.long else chance.choice(VICTIMS[:3])
                after = chance.uniform(0, 3.0 if role == "join" else 8.0)
                down = chance.choice((0, 0, chance.uniform(0, 2)))
                of_new = chance.random() < 0.5 or who == "stoop"
                in_delivery = role != "join" and i % 3 == 1 and who in VICTIMS[:3]
                if in_delivery:
                    after = chance.uniform(0, 0.05)
                if in_delivery and chance.random() < 0.25:
                    who = TERM  # in the middle of a delivery it is no other matter than a crash
                if who == "stoop":
                    after, down = after / 5, chance.uniform(0, 1.2)
                said = f"seed {seed}, {role} {i}: {who} after {after:.3f} s{' of delivery' if in_delivery else ''}, down {down:.2f} s"
                if street is None or street.left <= 0:
                    if street:
                        street.stop()
                    home = root / f"{role}-{i}"
                    home.mkdir()
                    street = Street(args.bin, home)
                if role == "join":
                    killers = []

                    def killer_of(new):
                        killers.append(Killer(new if of_new else street.ada, who, after, down))
                        return killers[0]

                    street.left -= 2
                    street.join(killer_of)
                    killer = killers[0]
                else:
                    pieces = street.ada.data / "node" / "delivered" if in_delivery else None
                    killer = Killer(street.ada if role == "requester" else street.ben, who, after, down, pieces)
                    street.left -= 1
                    street.flow(killer)
                hits[killer.note] += 1
                if args.long:
                    print(f"{said}: {killer.note}", flush=True)
        assert hits["killed"] > 0
        print(f"crash: {instants} instants in each of {len(roles)} roles ({dict(hits)}): all completed, once; "
              f"every log verifies (seed {seed})")
    except BaseException:
        print(f"crash: FAILED at {said}\nagain: crash_test.py {args.bin} --seed {seed} --role {role} --instants {i + 1}"
              f"{' --long' if args.long else ''}", file=sys.stderr)
        for home in street.homes if street else []:
            print(f"--- {home.name}\n{home.journal()}", file=sys.stderr)
        raise
    finally:
        if street:
            street.stop()
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
