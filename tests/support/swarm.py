"""A community of many real homes, each in a network namespace of its own, when each of them has which request, and
what is measured of that: here for the swarm test, and for a bench that measures others' systems in the same way.

A home *has* a request when its node has committed it: from then on it survives a power cut and is passed on. That is
seen from outside and costs the node nothing: inotify tells when it writes to its database, and the rows are read
until the commit shows there, some 2 ms apart. So a time is right to about 3 ms, more when the processors are busy.
"""
import concurrent.futures
import contextlib
import ctypes
import datetime
import json
import math
import os
import random
import select
import signal
import sqlite3
import statistics
import string
import struct
import threading
import time

from homes import Home

PORT = 7878
SPONSORS_MAX = 6  # an invite and a join take turns at one of them, and go on beside those at the others
ALLOWANCE = "64"  # the most that a charter may give
READY_S = 300
REASON_BYTES = 500  # makes a request of about 1 KiB
SOON_S = 2          # within which a payload that needs no repair is everywhere
REPAIR_S = 75       # within which one that does is, or is lost: more than the time between reconciliations
PACE_S = 1          # from one payload to the next, at least: a home's takes most of that, to open its owner's key
IN_A_ROW = 3
IN_MODIFY = 0x2
KIND_REQUEST = 5  # of enum object_kind, as the database has it
libc = ctypes.CDLL(None, use_errno=True)


class NodeHome(Home):
    def __init__(self, bin_dir, root, name, node):
        super().__init__(bin_dir, root, name, port=PORT)
        self.node = node
        self.prefix = node.prefix

    @property
    def address(self):
        return f"{self.node.address}:{self.port}"

    def lose_power(self):
        """The others are not even told that its links have ended."""
        self.node.cut_off()
        super().lose_power()

    def start(self, log=None):
        self.node.connect()
        super().start(log)

    def programs(self):
        """name -> process."""
        return {"stoopd": self.daemon.pid, **self.children()}


def in_parallel(work, items, workers):
    """All of them, or the first failure once nothing is under way any more."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def make_homes(bin_dir, root, network):
    return [NodeHome(bin_dir, root, f"home{node.number}", node) for node in network.nodes]


def start_homes(homes, workers=4):
    """Who calls kills them, also when this fails."""
    def start(home):
        home.init()
        home.start()

    in_parallel(start, homes, workers)


def make_community(homes, slot="3600", timeout=120):
    """Founded, then joined at several sponsors at a time; waits until all know all."""
    homes[0].with_passphrase("community", "found", "Elm Street", "--slot", slot, "--allowance", ALLOWANCE)
    sponsors = homes[:1 + min(SPONSORS_MAX - 1, max(0, len(homes) // 4))]
    for home in sponsors[1:]:
        join(home, homes[0])
    rest = homes[len(sponsors):]

    def bring_in(number):
        for home in rest[number::len(sponsors)]:
            join(home, sponsors[number])

    in_parallel(bring_in, range(len(sponsors)), len(sponsors))
    wait_all(homes, "members", lambda n: n == len(homes), timeout)
    # A certificate and a node record of each.
    wait_all(homes, "live_objects", lambda n: n >= 2 * len(homes), timeout)


def join(home, sponsor):
    text = sponsor.with_passphrase("invite", "--allowance", ALLOWANCE, "--json")
    home.with_passphrase("join", "--yes", json.loads(text[text.index("{"):])["code"])


def wait_all(homes, fact, wanted, timeout):
    for home in homes:
        home.until(lambda h=home: h.facts("status")[fact], wanted, timeout)


def kill_homes(homes):
    """At the end of a run: at once, and whatever state they are in."""
    for home in homes:
        if home.daemon is not None and home.daemon.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                home.kill("all")


def publish(home, reason_bytes=300):
    """A voluntary request; the reason, which nobody can compress, makes it as large as is wanted."""
    at = datetime.datetime.now() - datetime.timedelta(minutes=30)
    times = [f"{at + datetime.timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for s in (0, 60)]
    reason = "".join(random.choices(string.ascii_letters + string.digits, k=reason_bytes))
    home.with_passphrase("request", "--at", "52.5201,13.4051", "--radius", "60", "--from", times[0], "--to", times[1],
                         "--reason", reason, "--voluntary", "--yes")


class Arrivals:
    """Follows all homes until it is closed. Times are of time.time_ns()."""
    AFTER_WRITE_S = 0.3  # within which what was written is committed

    def __init__(self, homes):
        self.homes = homes
        self.lock = threading.Condition()
        self.requests = {}  # id -> {number of the home: when}
        self.authors = {}   # id -> number of its home
        self.sizes = {}     # id -> bytes
        self.failure = None
        self.ended = False
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def close(self):
        self.ended = True
        self.thread.join()

    def wait(self, done, timeout):
        """Until done() is true; False when it did not become so."""
        with self.lock:
            ok = self.lock.wait_for(lambda: self.failure or done(), timeout)
        if self.failure:
            raise AssertionError("arrivals are not followed any more") from self.failure
        return bool(ok)

    def of(self, author, known):
        """The request that this home has made beside the `known` ones, or None."""
        with self.lock:
            return next((i for i, number in self.authors.items() if number == author and i not in known), None)

    def follow(self):
        notify = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self.follow_by(notify)
        except Exception as failure:  # not to be lost in a thread
            with self.lock:
                self.failure = failure
                self.lock.notify_all()
        finally:
            os.close(notify)

    def follow_by(self, notify):
        watches, databases = {}, {}
        for number, home in enumerate(self.homes):
            folder = home.data / "node"
            watch = libc.inotify_add_watch(notify, os.fsencode(folder), IN_MODIFY)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"inotify: {folder}")
            watches[watch] = number
            databases[number] = sqlite3.connect(f"file:{folder}/stoop.db?mode=ro", uri=True, isolation_level=None)
        written = dict.fromkeys(databases, time.monotonic())  # which to look at, since when
        while not self.ended:
            ready, _, _ = select.select([notify], [], [], 0.002 if written else 0.1)
            if ready:
                for watch in written_folders(os.read(notify, 65536)):
                    written[watches[watch]] = time.monotonic()
            for number, since in list(written.items()):
                self.look(number, databases[number])
                if time.monotonic() > since + self.AFTER_WRITE_S:
                    del written[number]
        for database in databases.values():
            database.close()

    def look(self, number, database):
        rows = database.execute("SELECT id, id IN (SELECT id FROM own_requests), length(object) FROM objects"
                                f" WHERE kind = {KIND_REQUEST}").fetchall()
        now = time.time_ns()
        with self.lock:
            for request, ours, size in rows:
                have = self.requests.setdefault(request, {})
                if number not in have:
                    have[number] = now
                    self.sizes[request] = size
                    if ours:
                        self.authors[request] = number
                    self.lock.notify_all()


def written_folders(events):
    """Watches in which the write-ahead log was written to."""
    at = 0
    while at < len(events):
        watch, _, _, length = struct.unpack_from("iIII", events, at)
        name = events[at + 16:at + 16 + length].rstrip(b"\0")
        at += 16 + length
        if name.endswith(b"-wal"):
            yield watch


# ---- a system that can be started, published to, looked at, killed ----

class Swarm:
    name = "stoop"

    def __init__(self, bin_dir, root, network, workers=4):
        self.bin, self.root, self.network, self.workers = bin_dir, root, network, workers
        self.homes, self.arrivals = [], None
        self.alive = set(range(len(network.nodes)))

    def start(self):
        self.homes = make_homes(self.bin, self.root, self.network)
        start_homes(self.homes, self.workers)
        make_community(self.homes, timeout=READY_S)
        self.arrivals = Arrivals(self.homes)

    def publish(self, number):
        known = set(self.arrivals.authors)
        publish(self.homes[number], REASON_BYTES)
        if not self.arrivals.wait(lambda: self.arrivals.of(number, known) is not None, READY_S):
            raise AssertionError(f"home{number} does not have its own request")
        return self.arrivals.of(number, known)

    def times(self, payload):
        """number of the node -> when it had it, in nanoseconds."""
        return dict(self.arrivals.requests[payload])

    def wait(self, payload, numbers, timeout):
        return self.arrivals.wait(lambda: numbers <= self.arrivals.requests[payload].keys(), timeout)

    def payload_bytes(self):
        return round(statistics.median(self.arrivals.sizes.values()))

    def programs(self):
        """role -> processes of that role, of all nodes."""
        roles = {}
        for number in self.alive:
            for name, pid in self.homes[number].programs().items():
                roles.setdefault(name, []).append(pid)
        return roles

    def kill(self, numbers):
        self.alive -= set(numbers)
        kill_homes([self.homes[number] for number in numbers])

    def start_again(self, numbers):
        """After kill(), whether they lost their link or not."""
        in_parallel(lambda number: self.homes[number].start(), numbers, self.workers)
        self.alive |= set(numbers)

    def close(self):
        if self.arrivals:
            self.arrivals.close()
        kill_homes(self.homes)


@contextlib.contextmanager
def on_network(network, kind, *words):
    """A kind(*words), which is closed in the end, and the network with it, whatever happens."""
    system = None
    try:
        system = kind(*words)
        yield system
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C leaves nothing behind either
        try:
            if system is not None:
                system.close()
        finally:
            network.close()
            hear_signals()


def hear_signals():
    """Ends of all kinds go through the same clean-up."""
    def end(number, _):
        raise SystemExit("the run takes too long" if number == signal.SIGALRM else 128 + number)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end)


# ---- measuring ----

def percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)]


def publish_one(system, author):
    """The payload, and whether it was soon with all that live."""
    began = time.monotonic()
    payload = system.publish(author)
    soon = system.wait(payload, set(system.alive), SOON_S)
    time.sleep(max(0, began + PACE_S - time.monotonic()))
    return payload, soon


def wait_repaired(system, payloads, until):
    for payload in payloads:
        system.wait(payload, set(system.alive), max(0, until - time.monotonic()))


def deliveries(system, network, published):
    """Of (author, payload) pairs: for each other node that has it, after how many milliseconds, and how many of them
    the way from its author takes."""
    waits, direct = [], []
    for author, payload in published:
        times = system.times(payload)
        for number, at in times.items():
            if number != author:
                waits.append((at - times[author]) / 1e6)
                direct.append(network.one_way_ms(author, number))
    return waits, direct


def measure_kill(system, network, victims, dice, recovery_s):
    """Kills them so that nobody is told; then payloads of survivors, until three in a row are soon everywhere. Returns
    what was measured, and the payloads."""
    killed, until = time.time_ns(), time.monotonic() + recovery_s
    for victim in victims:
        network.nodes[victim].cut_off()
    system.kill(victims)
    survivors = sorted(system.alive)
    payloads, row = [], []
    while len(row) < IN_A_ROW and time.monotonic() < until:
        author = dice.choice(survivors)
        payload, soon = publish_one(system, author)
        payloads.append(payload)
        row = row + [system.times(payload)[author]] if soon else []
    wait_repaired(system, payloads, until)
    complete = [max(times.values()) for times in map(system.times, payloads) if system.alive <= times.keys()]
    return {"killed": len(victims), "survivors": len(survivors), "published": len(payloads),
            "every_s": (min(system.times(payloads[-1]).values()) - killed) / 1e9 / len(payloads),
            "reached_all": len(complete),
            "first_everywhere_s": (min(complete) - killed) / 1e9 if complete else None,
            "whole_again_s": (row[0] - killed) / 1e9 if len(row) == IN_A_ROW else None}, payloads
