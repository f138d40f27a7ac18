#!/usr/bin/env python3
"""Real homes by the dozen, each in a network namespace of its own with 10 to 100 ms one way to each other; beside
them, in the same run and over the same delays, HashiCorp's memberlist and libp2p's gossipsub, as many nodes of each,
with as many payloads of the same size.

Each node has a part of the way of its own, 5 to 50 ms fixed by the seed; the way between two nodes takes the sum of
both. Of each system is measured, in this order:

  idle       bytes and processor time while nobody publishes
  delivery   N payloads, one after the other, of homes in turn: from the moment when the publisher's own node has it
             until the other has it. Of a home that is when its node has committed it to disk, right to some 3 ms;
             of the two others when the program that uses them is handed it. Bytes are those that the nodes' devices
             sent, IP packets with their headers; what is sent in as much idle time is subtracted, and shown. Where
             a payload spares a keep-alive that is to its credit; what packets that are large enough for a payload
             carry is shown by itself; redundancy is how many more of those there are than deliveries
  the kill   half of the nodes lose their link and are killed, so that nobody is told; then payloads of survivors,
             one after the other, until three in a row are with all survivors within 2 s. Two times from the kill: to
             the first moment at which all survivors have a payload that was published after it, and to the
             publication of the first of the three

Homes are real: stoopd with its node and its ingest (without a camera), founded, invited, joined and asked by the
command. The founder's --slot is an hour: what neighbours say each slot about each other's logs is no delivery.

Needs root; without netem in the kernel a program of ours makes the delays (delay_switch.c). Needs for the others: go
and Debian's golang-github-hashicorp-memberlist-dev; node and npm, which installs into the build folder. It reports
and never judges. 50 nodes of each take some ten minutes on two processors, and 6 GiB for gossipsub.

usage: tests/bench/swarm_bench.py BIN-FOLDER [--nodes N] [--requests N] [--seed N] [--no-netem] [--keep]
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from netns import Network, Unavailable, random_delays  # noqa: E402
from swarm import (READY_S, REPAIR_S, Swarm, deliveries, hear_signals, measure_kill, on_network,  # noqa: E402
                   percentile, publish_one, wait_repaired)

PORT = 7878
PAYLOAD_BYTES = 1024     # of the others, when no request was measured
GOSSIPSUB_DIALS = 6      # so that a node has 12 peers on average, twice its degree
GOSSIPSUB_MESH_MIN = 4   # its own Dlo
# All that gossipsub.mjs imports: of what only others ask for, npm may put an unfit version where we look for it, as it
# does with multiaddr 13, by which libp2p 2 cannot dial.
NPM_PACKAGES = ("libp2p@2.10.0", "@chainsafe/libp2p-gossipsub@14.1.2", "@libp2p/tcp@10.1.9",
                "@chainsafe/libp2p-noise@16.1.5", "@chainsafe/libp2p-yamux@7.0.4", "@libp2p/identify@3.0.9",
                "@multiformats/multiaddr@12.5.1")
GO_ENV = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0"}
JOINS_AT_ONCE = 4
TAIL_S = 3               # in which a system says what it has to say about the last payload


# ---- the systems: each can be started, published to, looked at, killed ----

class Stoop(Swarm):
    def __init__(self, options, network, root):
        super().__init__(options.bin, root, network, options.workers)


class Peers:
    """Programs of tests/bench/peers: one line in, one line out."""

    def __init__(self, options, network, root, size):
        self.options, self.network, self.root, self.size = options, network, root, size
        self.dice = random.Random(options.seed)
        self.alive = set(range(options.nodes))
        self.children, self.ready, self.joined, self.counts, self.ended = [], {}, set(), {}, []
        self.payloads = {}
        self.lock = threading.Condition()
        self.reader = None
        self.next = 0

    def start(self):
        words = self.build()
        self.root.mkdir(parents=True)
        for node in self.network.nodes:
            with open(self.root / f"{node.number}.log", "wb") as log:
                self.children.append(subprocess.Popen(
                    [*node.prefix, *words, f"node{node.number}", node.address, str(PORT), str(self.size)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.expect(lambda: len(self.ready) == len(self.children), "get ready")
        for number in range(1, len(self.children)):  # a few at a time: what counts is not how they bear a stampede
            self.expect(lambda n=number: len(self.joined) >= n - JOINS_AT_ONCE, "join")
            self.say(number, " ".join(["join", *self.whom_to_join(number)]))
        self.expect(lambda: len(self.joined) == len(self.children) - 1, "join")
        until = time.monotonic() + READY_S
        while not self.is_together():
            if time.monotonic() > until:
                raise AssertionError(f"{self.name}: not together: {self.counts}")
            for number in self.alive:
                self.say(number, "count")
            time.sleep(1)

    def say(self, number, line):
        self.children[number].stdin.write(line.encode() + b"\n")
        self.children[number].stdin.flush()

    def expect(self, done, what):
        with self.lock:
            self.lock.wait_for(lambda: done() or self.ended, READY_S)
            if not done():
                logs = "".join((self.root / f"{number}.log").read_text()[-1000:] for number in self.ended)
                raise AssertionError(f"{self.name}: not all {what}; ended: {self.ended}\n{logs}")

    def read(self):
        """Takes what all of them say, until all have ended."""
        chooser = selectors.DefaultSelector()
        for number, child in enumerate(self.children):
            chooser.register(child.stdout, selectors.EVENT_READ, [number, b""])
        while chooser.get_map():
            for key, _ in chooser.select():
                data = os.read(key.fd, 65536)
                if not data:
                    chooser.unregister(key.fileobj)
                    with self.lock:
                        self.ended.append(key.data[0])
                        self.lock.notify_all()
                    continue
                *lines, key.data[1] = (key.data[1] + data).split(b"\n")
                with self.lock:
                    for line in lines:
                        self.take(key.data[0], line.decode().split())
                    self.lock.notify_all()

    def take(self, number, words):
        if words[0] == "ready":
            self.ready[number] = words[1]
        elif words[0] == "joined":
            self.joined.add(number)
        elif words[0] == "count":
            self.counts[number] = int(words[1])
        else:  # sent, got
            self.payloads.setdefault(words[1], {})[number] = int(words[2])

    def publish(self, number):
        self.next += 1
        payload = f"{self.next:016x}"
        self.say(number, f"publish {payload}")
        if not self.wait(payload, {number}, READY_S):
            raise AssertionError(f"{self.name}: {number} does not publish")
        return payload

    def times(self, payload):
        with self.lock:
            return dict(self.payloads[payload])

    def wait(self, payload, numbers, timeout):
        with self.lock:
            return self.lock.wait_for(lambda: numbers <= self.payloads.get(payload, {}).keys(), timeout)

    def payload_bytes(self):
        return self.size

    def programs(self):
        return {self.name: [self.children[number].pid for number in self.alive]}

    def kill(self, numbers):
        self.alive -= set(numbers)
        for number in numbers:
            self.children[number].kill()
        for number in numbers:
            self.children[number].wait()

    def close(self):
        self.kill(set(self.alive) & set(range(len(self.children))))
        if self.reader:
            self.reader.join(10)
        for child in self.children:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            child.stdout.close()


class Memberlist(Peers):
    name = "memberlist"

    def build(self):
        folder = peers_folder(self.options)
        if shutil.which("go") is None:
            raise Unavailable("no go")
        if not os.path.isdir("/usr/share/gocode/src/github.com/hashicorp/memberlist"):
            raise Unavailable("no memberlist: apt-get install golang-github-hashicorp-memberlist-dev")
        program = folder / "memberlist"
        build(["go", "build", "-o", str(program), str(HERE / "peers" / "memberlist.go")], folder,
              {**GO_ENV, "GOCACHE": str(folder / "go-cache")})
        return [str(program)]

    def whom_to_join(self, _):
        return [self.ready[0]]

    def is_together(self):
        return all(self.counts.get(number) == len(self.children) for number in self.alive)


class Gossipsub(Peers):
    name = "gossipsub"

    def build(self):
        folder = peers_folder(self.options) / "npm"
        for tool in ("node", "npm"):
            if shutil.which(tool) is None:
                raise Unavailable(f"no {tool}")
        if not (folder / "done").exists() or (folder / "done").read_text() != repr(NPM_PACKAGES):
            shutil.rmtree(folder, ignore_errors=True)  # what an older list brought would be mixed in
            folder.mkdir()
            (folder / "package.json").write_text('{"private": true}')
            build(["npm", "install", "--no-audit", "--no-fund", "--save-exact", *NPM_PACKAGES], folder)
            (folder / "done").write_text(repr(NPM_PACKAGES))
        shutil.copy(HERE / "peers" / "gossipsub.mjs", folder)  # beside its packages, where it looks for them
        return ["node", str(folder / "gossipsub.mjs")]

    def whom_to_join(self, number):
        others = [n for n in self.ready if n != number]
        return [self.ready[n] for n in self.dice.sample(others, min(GOSSIPSUB_DIALS, len(others)))]

    def is_together(self):
        least = min(GOSSIPSUB_MESH_MIN, len(self.children) - 1)
        return all(self.counts.get(number, 0) >= least for number in self.alive)


def peers_folder(options):
    folder = pathlib.Path(options.bin).resolve().parent / "peers"
    folder.mkdir(exist_ok=True)
    return folder


def build(words, folder, env=None):
    done = subprocess.run(words, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True,
                          timeout=300, check=False)
    if done.returncode != 0:
        raise Unavailable(f"'{' '.join(words[:2])}' fails: {done.stderr.strip()[-300:]}")


# ---- measuring ----

def cpu_seconds(pids):
    """To the nanosecond, of all threads that live."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def memory_mib(pid):
    """Its share of what it has in memory: a page that N processes share counts as 1/N."""
    return int(re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1)) / 1024


class Reading:
    def __init__(self, system, network):
        self.at = time.monotonic()
        self.bytes, self.packets = network.sent()
        figures = network.figures()
        self.large_bytes, self.large_packets = (figures["large_bytes"], figures["large_packets"]) if figures else (0, 0)
        self.busy = busy_seconds()
        self.cpu = {role: cpu_seconds(pids) for role, pids in system.programs().items()}

    def since(self, before):
        """The same fields, of the time between; `seconds` beside them."""
        return argparse.Namespace(
            seconds=self.at - before.at, bytes=self.bytes - before.bytes, packets=self.packets - before.packets,
            large_bytes=self.large_bytes - before.large_bytes, large_packets=self.large_packets - before.large_packets,
            busy=self.busy - before.busy,
            cpu={role: cpu - before.cpu[role] for role, cpu in self.cpu.items()})


def busy_seconds():
    """Of all processors together, whoever used them."""
    user, nice, kernel, _, _, irq, soft, *_ = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + kernel + irq + soft) / os.sysconf("SC_CLK_TCK")


def measure(system, network, options):
    dice = random.Random(options.seed + 1)
    result = {"system": system.name, "nodes": options.nodes}
    began = time.monotonic()
    system.start()
    result["set_up_s"] = time.monotonic() - began
    say(f"{system.name}: {options.nodes} nodes together after {result['set_up_s']:.0f} s")
    for i in range(options.warm_up):
        publish_one(system, i % options.nodes)
    time.sleep(TAIL_S)
    idle = measure_idle(system, network, options, result)
    measure_delivery(system, network, options, idle, dice, result)
    result["memory_mib"] = {role: statistics.median(map(memory_mib, pids)) for role, pids in system.programs().items()}
    if options.nodes > 3:
        victims = dice.sample(range(options.nodes), options.nodes // 2)
        result["kill"], _ = measure_kill(system, network, victims, dice, options.recovery_s)
    return result


def measure_idle(system, network, options, result):
    before = Reading(system, network)
    time.sleep(options.idle_s)
    idle = Reading(system, network).since(before)
    result["idle_bytes_per_node_s"] = idle.bytes / idle.seconds / options.nodes
    result["idle_cpu_ms_per_node_s"] = {r: 1e3 * s / idle.seconds / options.nodes for r, s in idle.cpu.items()}
    return idle


def measure_delivery(system, network, options, idle, dice, result):
    authors = [dice.randrange(options.nodes) for _ in range(options.requests)]
    before = Reading(system, network)
    payloads = [publish_one(system, author)[0] for author in authors]
    wait_repaired(system, payloads, time.monotonic() + REPAIR_S)
    time.sleep(TAIL_S)
    used = Reading(system, network).since(before)
    waits, direct = deliveries(system, network, zip(authors, payloads))
    as_long = used.seconds / idle.seconds
    size = system.payload_bytes()

    def each(value, idle_value=0.0):
        return (value - idle_value * as_long) / len(waits)

    result.update(payload_bytes=size, deliveries=len(waits),
                  delivered=len(waits) / (len(payloads) * (options.nodes - 1)), seconds=used.seconds,
                  p50_ms=percentile(waits, .5), p99_ms=percentile(waits, .99), max_ms=max(waits),
                  direct_p50_ms=percentile(direct, .5), direct_p99_ms=percentile(direct, .99),
                  bytes_per_delivery=each(used.bytes, idle.bytes),
                  bytes_per_delivery_with_idle=each(used.bytes),
                  large_bytes_per_delivery=each(used.large_bytes, idle.large_bytes) if network.kind == "switch" else None,
                  copies=each(used.large_packets, idle.large_packets) - 1 if network.kind == "switch" else None,
                  packets_per_delivery=each(used.packets, idle.packets),
                  cpu_ms_per_delivery={role: 1e3 * each(s, idle.cpu[role]) for role, s in used.cpu.items()},
                  busy=used.busy / used.seconds / os.cpu_count(),
                  busy_with_it=sum(used.cpu.values()) / used.seconds / os.cpu_count())


# ---- saying it ----

def say(text):
    print(text, flush=True)


def table(results):
    """A line for each measure, a column for each system; ratios beside Stoop's where there is one."""
    def total(value):
        return sum(value.values()) if isinstance(value, dict) else value

    def ratio(r, key):
        first = total(results[0][key])
        return f" ({total(r[key]) / first:.1f}x)" if r is not results[0] and first > 0 else ""

    def seconds(value):
        return f"{value:.1f} s" if value is not None else "never"

    def payloads(r, key):
        return f"{r[key] / r['payload_bytes']:.2f} payloads" + ratio(r, key) if r[key] is not None else "-"

    lines = [
        ("delivered", lambda r: f"{100 * r['delivered']:.2f} % of {r['deliveries'] / r['delivered']:.0f}"),
        ("payload", lambda r: f"{r['payload_bytes']} bytes"),
        ("p50", lambda r: f"{r['p50_ms']:.0f} ms, {r['p50_ms'] / r['direct_p50_ms']:.2f} of direct"),
        ("p99", lambda r: f"{r['p99_ms']:.0f} ms, {r['p99_ms'] / r['direct_p99_ms']:.2f} of direct"),
        ("sent a delivery", lambda r: payloads(r, "bytes_per_delivery")),
        ("  in large packets", lambda r: payloads(r, "large_bytes_per_delivery")),
        ("  redundancy", lambda r: f"{r['copies']:.2f}" if r["copies"] is not None else "-"),
        ("  idle not taken off", lambda r: payloads(r, "bytes_per_delivery_with_idle")),
        ("  packets", lambda r: f"{r['packets_per_delivery']:.2f}"),
        ("processor a delivery", lambda r: f"{total(r['cpu_ms_per_delivery']):.2f} ms" +
         ratio(r, "cpu_ms_per_delivery")),
        ("processors busy, with it", lambda r: f"{100 * r['busy']:.0f} %, {100 * r['busy_with_it']:.0f} %"),
        ("idle, a node: sent", lambda r: f"{r['idle_bytes_per_node_s']:.0f} bytes/s" +
         ratio(r, "idle_bytes_per_node_s")),
        ("  processor", lambda r: f"{total(r['idle_cpu_ms_per_node_s']):.2f} ms/s" + ratio(r, "idle_cpu_ms_per_node_s")),
        ("memory a node", lambda r: f"{total(r['memory_mib']):.1f} MiB" + ratio(r, "memory_mib")),
        ("half killed: one everywhere", lambda r: seconds(r["kill"]["first_everywhere_s"]) if "kill" in r else "-"),
        ("  pushes reach all", lambda r: seconds(r["kill"]["whole_again_s"]) if "kill" in r else "-"),
        ("  of those published since", lambda r: f"{r['kill']['reached_all']} of {r['kill']['published']} everywhere"
         if "kill" in r else "-"),
        ("set up", lambda r: f"{r['set_up_s']:.0f} s"),
    ]
    say(f"{'':28}" + "".join(f"{r['system']:>28}" for r in results))
    for name, cell in lines:
        say(f"{name:28}" + "".join(f"{cell(r):>28}" for r in results))
    for r in results:
        if r["system"] == Stoop.name:
            say("a home's processor and memory by program: " + ", ".join(
                f"{role} {r['cpu_ms_per_delivery'][role]:.2f} ms a delivery and {r['memory_mib'][role]:.1f} MiB"
                for role in sorted(r["memory_mib"])))


def run_one(kind, options, root, results):
    """One system on a network of its own."""
    size = results[0]["payload_bytes"] if results else PAYLOAD_BYTES
    delays = None if options.no_netem else random_delays(options.nodes, options.seed)
    network = Network(options.nodes, delays, pathlib.Path(options.bin).parent / "tests" / "delay_switch")
    with on_network(network, kind, options, network, root / kind.name, *(() if kind is Stoop else (size,))) as system:
        result = measure(system, network, options)
        result["wire"] = {"kind": network.kind, **(network.figures() or {})}
    wire = result["wire"]
    if wire["kind"] == "switch":
        say(f"{kind.name}: the wire was late by {wire['late_mean_us'] / 1e3:.1f} ms on average, "
            f"{wire['late_max_us'] / 1e3:.0f} at most, and lost {wire['lost']} of {wire['packets']} packets")
    results.append(result)


def parse():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--nodes", type=int, default=50)
    options.add_argument("--requests", type=int, default=50)
    options.add_argument("--warm-up", type=int, default=10, help="payloads before, not measured: they shape the tree")
    options.add_argument("--idle-s", type=float, default=30)
    options.add_argument("--recovery-s", type=float, default=120, help="after the kill, at most")
    options.add_argument("--limit-s", type=int, default=3600, help="for all of it")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=4, help="homes that are set up at a time")
    options.add_argument("--only", action="append", choices=[kind.name for kind in KINDS], help="may be repeated")
    options.add_argument("--no-netem", action="store_true", help="no delays")
    options.add_argument("--keep", action="store_true", help="the homes' folders and what the others said stay")
    return options.parse_args()


KINDS = (Stoop, Memberlist, Gossipsub)


def main():
    options = parse()
    hear_signals()
    signal.alarm(options.limit_s)
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-swarm-"))
    results = []
    try:
        for kind in KINDS:
            if options.only and kind.name not in options.only:
                continue
            try:
                run_one(kind, options, root, results)
            except Unavailable as why:
                say(f"{'' if kind is Stoop else kind.name + ': '}skipped: {why}")
                if kind is Stoop:
                    return
    finally:
        if results:
            say(f"{options.nodes} nodes, {options.requests} payloads, wire '{results[0]['wire']['kind']}', "
                f"seed {options.seed}")
            table(results)
            say(json.dumps({"bench": "swarm", "seed": options.seed, "requests": options.requests, "systems": results}))
        if options.keep:
            say(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
