#!/usr/bin/env python3
"""A bad host: ports and folders taken, disks full or read-only, files missing, damaged or with wrong modes, an old
backup, odd paths and umasks. A plain error that names what is wrong, or the node goes on when the host is well again;
nothing acknowledged is lost.

Mounts are made in a namespace of the test's own; where that is not allowed, those parts are skipped and it says so.

usage: tests/e2e/host_test.py BIN-FOLDER [--long] [PART...]
"""
import contextlib
import datetime
import os
import pathlib
import pty
import random
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home, Terminal  # noqa: E402
from footage import make_segments, segment_path  # noqa: E402
from street import (PASSPHRASE, PLACE, accept, add_camera, ask, count, delivered, found_and_join,  # noqa: E402
                    half_an_hour_ago, invite, open_clips, request_words, set_up, start_home, wait_delivered,
                    watched)

BIN = sys.argv[1]
PASS_S = 180  # until the next pass over all footage: one in twenty parts of the time, so a slow pass is long in coming
MOUNTS = os.environ.get("STOOP_TEST_MOUNTS")
LONG = "--long" in sys.argv
SHORT = ["taken", "damaged", "ended by keys", "odd paths", "umasks", "moved", "odd footage", "read-only", "full disk"]
done = []


def starts(home, timeout=4, command=None):
    """(exit code or None while it runs, what it said). It is stopped at the end."""
    out = home.root / "said"
    with out.open("wb") as file:
        daemon = subprocess.Popen(command or [f"{BIN}/stoopd", "--home", str(home.data)], env=home.env,
                                  stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        try:
            code = daemon.wait(timeout)
        except subprocess.TimeoutExpired:
            daemon.terminate()
            daemon.wait(20)
            code = None
    return code, out.read_text()


def refuses(home, *words, **how):
    code, said = starts(home, **how)
    assert code == 1, f"exit {code}: {said}"
    for word in words:
        assert word in said, f"{word!r} is not in: {said}"
    return said


def well(home):
    home.start()
    assert home.run("log", "verify", check=False).returncode in (0, 1)
    home.until((home.data / "node/log/checkpoint").exists, lambda there: there)
    home.stop()


def part(function):
    began = time.monotonic()
    function()
    done.append(function.__name__)
    print(f"host: {function.__name__.replace('_', ' ')} ({time.monotonic() - began:.0f} s)", flush=True)


# ---- one home alone ----

def taken(home):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", home.port))
        other.listen()
        refuses(home, home.address, "taken by another program", "change 'listen'")
    home.start()
    began = time.monotonic()
    refuses(home, "another node runs on", str(home.data))
    assert time.monotonic() - began < 2, "a second node has to learn it at once"
    assert home.run("status", check=False).returncode == 0, "the first one goes on"
    home.stop()


def damaged(home):
    well(home)

    def with_file(name, change, *words):
        path = home.data / name
        old, mode = path.read_bytes(), path.stat().st_mode & 0o777
        kept = [(p, p.read_bytes()) for p in path.parent.glob(path.name + "-*")]
        for p, _ in kept:
            p.unlink()
        try:
            change(path, old)
            refuses(home, name.rsplit("/", 1)[-1], *words)
        finally:
            path.write_bytes(old)
            path.chmod(mode)
            for p in path.parent.glob(path.name + "-*"):
                p.unlink()
            for p, data in kept:
                p.write_bytes(data)

    def missing(path, _):
        path.unlink()

    def garbage(path, old):
        path.write_bytes(b"\x00garbage\xff\n" * 1000)

    def half(path, old):
        path.write_bytes(old[:len(old) // 2])

    def last_page(path, old):
        path.write_bytes(old[:4096] + os.urandom(len(old) - 4096))

    def open_to_all(path, _):
        path.chmod(0o644)

    def other_version(path, _):
        with sqlite3.connect(path) as base:
            base.execute("PRAGMA user_version = 99")
        base.close()

    for name in ("config", "node/node.key", "ingest/ingest.key", "ingest/pins"):
        with_file(name, missing, "No such file")
        with_file(name, garbage)
    for name in ("node/node.key", "ingest/ingest.key", "ingest/pins"):
        with_file(name, half)
    for name in ("node/node.key", "ingest/ingest.key"):
        with_file(name, open_to_all, "can be read by others", "chmod 600")
    with_file("node/stoop.db", garbage, "damaged", "put back a copy")
    with_file("node/stoop.db", half, "damaged", "put back a copy")
    with_file("node/stoop.db", last_page, "damaged", "put back a copy")
    with_file("node/stoop.db", missing, "lost", "put back a copy")  # never a second log under the same key
    with_file("node/stoop.db", lambda path, _: path.write_bytes(b""), "lost")
    with_file("node/stoop.db", other_version, "another version")
    with_file("ingest/index.db", other_version, "another version")
    with_file("ingest/index.db", garbage, "database failed")
    for name in ("node", "ingest", "vault"):
        (home.data / name).rename(home.data / "away")
        refuses(home, "no home in")
        (home.data / "away").rename(home.data / name)

    owner = home.root / "config" / "stoop" / "owner.key"
    old = owner.read_bytes()
    home.start()
    for change, words in ((lambda: owner.chmod(0o644), "can be read by others"),
                          (lambda: owner.write_bytes(old[:100]), "is broken"), (owner.unlink, "there is no owner's key")):
        change()
        terminal = home.at_terminal("community", "found", "Elm Street")
        assert terminal.wait() == 1 and words in terminal.text, terminal.text
        owner.write_bytes(old)
        owner.chmod(0o600)
    home.stop()
    well(home)


def read_only(home):
    def mounted(folder):
        return ["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" --home "$3"',
                "sh", str(folder), f"{BIN}/stoopd", str(home.data)]

    well(home)
    refuses(home, "lock", "Read-only file system", command=mounted(home.data))
    for name, words in (("node", "permission denied"), ("node/log", "Read-only file system")):
        code, said = starts(home, command=mounted(home.data / name))
        assert code is None and words in said and "restart_in" in said, said
        assert said.count("restart_in") < 10, f"it has to leave the machine in peace: {said}"
    well(home)


def ended_by_keys(home):
    """Ctrl-C in the terminal where stoopd runs, and SIGTERM: all three end in good order."""
    for how in ("Ctrl-C", "SIGTERM"):
        terminal = Terminal([f"{BIN}/stoopd", "--home", str(home.data)], home.env)
        terminal.expect("ingest: up")
        pids = [int(pid) for pid in subprocess.run(["pgrep", "-P", str(terminal.pid)], capture_output=True,
                                                   text=True).stdout.split()]
        assert len(pids) == 2, pids
        if how == "Ctrl-C":
            terminal.type("\x03")
        else:
            os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait(15) == 0, terminal.text
        assert "ended" not in terminal.text, terminal.text
        for pid in pids:
            assert not pathlib.Path(f"/proc/{pid}").exists(), "a child stayed"
        terminal.close()
    well(home)


def odd_paths(root):
    # The socket's path has to fit into 107 bytes, so init says so; what is odd but short works.
    for name in ("my home", "häuser • 家", "a'b\"c$d;e", "new\nline"):
        home = Home(BIN, root, name)
        home.env.pop("STOOP_HOME")
        home.env["XDG_DATA_HOME"] = str(home.root / "data of mine")
        home.name = "ben"
        home.init()
        assert (home.root / "data of mine" / "stoop" / "config").exists()
        daemon = subprocess.Popen([f"{BIN}/stoopd"], env=home.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        home.until(lambda h=home: h.run("status", check=False).returncode, lambda code: code == 0, 15)
        home.with_passphrase("community", "found", "Elm Street")
        daemon.terminate()
        assert daemon.wait(15) == 0
    for name in ("new\nline", "", "x" * 65, "\x1b[31mred"):
        terminal = Home(BIN, root, "name").at_terminal("init", "--owner", name)
        assert terminal.wait() == 2 and "in one line" in terminal.text, terminal.text
    long = Home(BIN, root, "x" * 100)
    terminal = long.at_terminal("init", "--owner", "ben")
    assert terminal.wait() == 1 and "too long" in terminal.text and "shorter" in terminal.text, terminal.text
    assert not (long.data / "config").exists()
    very = Home(BIN, root, "/".join(["y" * 200] * 15))
    terminal = very.at_terminal("init", "--owner", "ben")
    assert terminal.wait() == 1 and "too long" in terminal.text, terminal.text


def umasks(root):
    for mask in (0o000, 0o077):
        home = Home(BIN, root, f"mask{mask:03o}")
        before = os.umask(mask)
        try:
            home.init()
            os.umask(before)  # the journal is the test's own
            command = ["sh", "-c", f'umask {mask:03o}; exec "$0" --home "$1"', f"{BIN}/stoopd", str(home.data)]
            daemon = subprocess.Popen(command, env=home.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
            home.until(lambda: home.run("status", check=False).returncode, lambda code: code == 0, 15)
            home.with_passphrase("community", "found", "Elm Street", "--slot", "1")
            home.until((home.data / "node" / "log" / "checkpoint").exists, lambda there: there, 15)
            home.until(lambda: home.run("log", "verify", check=False).returncode, lambda code: code == 0, 15)
            daemon.terminate()
            assert daemon.wait(15) == 0
        finally:
            os.umask(before)
        assert (home.data / "node" / "stoop.db").stat().st_mode & 0o777 == 0o640
        for path in [*home.data.rglob("*"), *(home.root / "config").rglob("*")]:
            mode = path.stat().st_mode & 0o777
            secret = path.suffix == ".key" or path.name in ("pins", "stoop.db", "index.db", "lock")
            assert mode & 0o007 == 0, f"umask {mask:03o}: {path} is {mode:03o}: open to the world"
            assert mode & 0o020 == 0 or stat.S_ISSOCK(path.stat().st_mode), f"umask {mask:03o}: {path} is {mode:03o}"
            closed = any(parent.stat().st_mode & 0o077 == 0 for parent in path.parents if home.root in parent.parents)
            assert not secret or mode & 0o077 == 0 or closed, f"umask {mask:03o}: {path} is {mode:03o}"


# ---- a street, with a disk that fills ----

class Disk:
    """A small file system below a home's data folder."""

    def __init__(self, home, mib):
        self.home = home
        home.data.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0750", "tmpfs", str(home.data)], check=True)
        self.filler = home.data / "filler"

    def fill(self, leave=0):
        room = os.statvfs(self.home.data)
        left = room.f_bavail * room.f_frsize - leave - (1 << 20)
        with self.filler.open("wb") as file:
            if left > 0:
                os.posix_fallocate(file.fileno(), 0, left)
        if leave:
            return
        with self.filler.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"\x00" * size)
                except OSError:
                    pass

    def empty(self):
        self.filler.unlink(missing_ok=True)

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.home.data)], check=False)


def full_disk(root):
    ada, ben = homes = [Home(BIN, root, name) for name in ("ada", "ben")]
    with contextlib.ExitStack() as unmounted, watched(*homes):
        disks = {home: Disk(home, 300) for home in homes}  # a home keeps room free when it seals or receives
        for disk in disks.values():
            unmounted.callback(disk.unmount)
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        sizes = {}

        def says(home, words=("disk", "full")):
            home.until(lambda: home.journal().split("\nMARK\n")[-1], lambda said: all(w in said for w in words), 30)

        def mark(home):
            with (home.root / "journal").open("a") as journal:
                journal.write("\nMARK\n")
            sizes[home] = home.facts("status")["log_size"]

        def well_again(home):
            disks[home].empty()
            home.until(lambda: home.run("status", "--json", check=False).returncode, lambda code: code == 0, 45)
            assert home.facts("status")["log_size"] >= sizes[home], "what was acknowledged is lost"

        # at the log: an idle node has a slot to write each second
        mark(ben)
        disks[ben].fill()
        says(ben)
        well_again(ben)

        # at the request
        mark(ada)
        disks[ada].fill()
        terminal = ada.at_terminal(*request_words(start, 5, 22))
        ended = "no node is running|its node in .* does not|hung up"  # by the full disk, before it was asked
        if "passphrase" in terminal.expect(f"passphrase of .*: |{ended}").group(0):
            terminal.line(Home.PASSPHRASE)
        code = terminal.wait()
        assert code in (1, 10), f"exit {code}\n{terminal.text}"
        says(ada)
        well_again(ada)
        assert ada.facts("requests") == [], "it said no, and did it"
        code = ask(ada, start)

        # at sealing: the request comes to a home that has no room for the match; it is tried again in a minute
        ben.until(lambda: open_clips(ben), lambda n: n == 1, 60)
        mark(ben)
        if LONG:
            disks[ben].fill(leave=100 << 20)
        other = ask(ada, start, 2, 27)
        if LONG:
            says(ben, ("no room to seal a match",))
            well_again(ben)
        ben.until(lambda: open_clips(ben), lambda n: n == 2, 90)

        # at receiving
        mark(ada)
        disks[ada].fill()
        got, text = accept(ben, code)
        assert got == 0, text
        says(ada)
        well_again(ada)
        wait_delivered(ada, code, 90)
        got, text = accept(ben, other)
        assert got == 0, text
        wait_delivered(ada, other, 90)
        ben.until(lambda: count(ben, "sent"), lambda n: n == 2)
        assert (count(ben, "match"), count(ben, "disclosure"), count(ada, "received")) == (2, 2, 2)
        for c in (code, other):
            ada.with_passphrase("collect", c, "--to", str(root / "out"))
        assert len(list((root / "out").glob("*.mp4"))) == 2
        for home in homes:
            home.until(lambda h=home: h.run("log", "verify", check=False).returncode, lambda c: c == 0, 15)


# ---- a recorder's folder that is not as it should be ----

class Nobody(Home):
    """A home of a user whom modes hold back; root they do not."""
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []

    def own(self):
        for path in (self.root, *self.root.rglob("*")):
            if self.prefix:
                os.chown(path, 65534, 65534, follow_symlinks=False)


def vanishing(folder, model, name, stop):
    """Files as of a minute ago that are gone before anybody has read them."""
    old = time.time() - 60
    chance = random.Random(4)
    while not stop.is_set():
        path = folder / name
        shutil.copy(model, folder.parent / "making")
        os.utime(folder.parent / "making", (old, old))
        (folder.parent / "making").rename(path)
        time.sleep(chance.uniform(0, 0.02))
        path.unlink()


def odd_footage(root):
    """A recorder's folder with what cannot be read and what is no footage: all else is indexed, and matches."""
    root.mkdir(exist_ok=True)
    for path in (root.parent, root):
        path.chmod(0o755)
    programs = shutil.copytree(BIN, root / "bin")  # where a user without rights may run them
    ada, ben = homes = [Home(BIN, root, "ada"), Nobody(programs, root, "ben")]
    ben.own()
    stop = threading.Event()
    with watched(*homes):
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = half_an_hour_ago()

        def at(seconds):
            return segment_path("motion", "", start + datetime.timedelta(seconds=seconds))

        porch, garden = ben.root / "camera-porch", ben.root / "camera-garden"
        later = start + datetime.timedelta(seconds=100)
        shut = make_segments(porch, "motion", "porch", later, 1, 10, size="160x120")[0]
        shut.chmod(0)
        (porch / at(200)).symlink_to("/nowhere/at/all.mp4")
        (porch / at(300)).symlink_to(porch)
        os.mkfifo(porch / at(400))
        (porch / at(500)).mkdir()
        (porch / at(600)).write_bytes(b"")
        garden.mkdir()
        (garden / "inner").mkdir()
        ben.own()
        ben.with_passphrase("camera", "add", "garden", "--folder", str(garden), "--layout", "motion", "--at", PLACE,
                            "--reach", "40")
        garden.chmod(0)
        add_camera(ben, "porch", start)
        thread = threading.Thread(target=vanishing, args=(porch, porch / at(0), at(700), stop))
        thread.start()
        try:
            code = ask(ada, start)
            ben.until(lambda: open_clips(ben), lambda n: n == 1)
            ben.until(ben.journal, lambda said: "footage cannot be read folders=1 files=1\n" in said, PASS_S)
            time.sleep(8)  # some more passes
        finally:
            stop.set()
            thread.join()
        assert ben.journal().count("folders=1 files=1\n") == 1, "each pass says it"
        got, text = accept(ben, code)
        assert got == 0, text
        wait_delivered(ada, code)
        garden.chmod(0o700)
        shut.chmod(0o644)
        ben.until(ben.journal, lambda said: "all footage can be read again\n" in said, PASS_S)
        ask(ada, start, 102, 108)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        said = ben.journal()
        for word in ("porch", "garden", "camera-", str(root), ".mp4"):
            assert word not in said, f"the journal says {word!r}"
        assert " ended " not in said, said


def old_backup(root):
    """node/ put back as it was: it starts, says what it is, and what neighbours know comes back to it."""
    ada, ben = homes = [Home(BIN, root, name) for name in ("ada", "ben")]
    with watched(*homes):
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        for home in homes:
            home.stop()
        shutil.copytree(ben.data / "node", root / "backup")
        for home in homes:
            home.start()
        code = ask(ada, start)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        ben.stop()
        shutil.rmtree(ben.data / "node")
        shutil.copytree(root / "backup", ben.data / "node")
        ben.start()
        ben.until(lambda: ben.facts("status")["links"], lambda n: n == 1, 60)
        ben.until(lambda: [r["code"] for r in ben.facts("requests")], lambda codes: code in codes, 60)
        assert delivered(ada, code) == []  # the header of that clip went with what was overwritten: nobody can grant it
        code = ask(ada, start, 3, 25)
        ben.until(lambda: ben.facts("requests"), lambda all_: any(r["code"] == code and r["open_clips"] == 1 for r in all_))
        got, text = accept(ben, code)
        assert got == 0, text
        wait_delivered(ada, code)
        for home in homes:
            home.until(lambda h=home: h.run("log", "verify", check=False).returncode, lambda c: c == 0, 15)


def moved(root):
    """New hardware and a new address: what is copied is the same home, and what waited there can still be granted."""
    ada, ben = (Home(BIN, root, name) for name in ("ada", "ben"))
    fresh = Home(BIN, root, "fresh")
    with watched(ada, ben, fresh):
        for home in (ada, ben):
            start_home(home)
        found_and_join([ada, ben])
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        code = ask(ada, start)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        ben.stop()
        for folder in ("data", "config"):
            subprocess.run(["cp", "-a", ben.root / folder, fresh.root / folder], check=True)
        fresh.set_config("listen", fresh.address)
        fresh.set_config("address", fresh.address)
        fresh.start()
        fresh.until(lambda: fresh.facts("status")["links"], lambda n: n == 1, 60)
        got, text = accept(fresh, code)
        assert got == 0, text
        wait_delivered(ada, code)
        assert [m["name"] for m in ada.facts("members")] == ["ada", "ben"]
        for home in (ada, fresh):
            home.until(lambda h=home: h.run("log", "verify", check=False).returncode, lambda c: c == 0, 15)
        ben.start()  # by mistake: its log lacks what the new one has signed
        ben.until(lambda: ben.run("status").stdout, lambda text: "the old one had signed" in text, 60)


def main():
    if MOUNTS is None:
        able = subprocess.run(["unshare", "-m", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                              capture_output=True).returncode == 0
        prefix = ["unshare", "-m", "--propagation", "private"] if able else []
        os.environ["STOOP_TEST_MOUNTS"] = "1" if able else "0"
        words = prefix + [sys.executable, *sys.argv]
        os.execvp(words[0], words)
    with set_up("host", "home") as (root, home):
        home.init()
        only = [word for word in sys.argv[2:] if word != "--long"] or ([] if LONG else SHORT)
        parts = [lambda: taken(home), lambda: damaged(home), lambda: ended_by_keys(home), lambda: odd_paths(root / "p"),
                 lambda: umasks(root), lambda: old_backup(root / "b"), lambda: moved(root / "m"),
                 lambda: odd_footage(root / "o")]
        if MOUNTS == "1":
            parts += [lambda: read_only(home), lambda: full_disk(root / "f")]
        else:
            print("skipped: read-only and full disks: no mounts here")
        for name in ("p", "b", "m", "f", "o"):
            (root / name).mkdir()
        for function, name in zip(parts, ("taken", "damaged", "ended by keys", "odd paths", "umasks", "old backup",
                                          "moved", "odd footage", "read-only", "full disk")):
            function.__name__ = name
            if not only or name in only:
                part(function)
        print(f"host: {', '.join(done)}: a plain error, or well again")


if __name__ == "__main__":
    main()
