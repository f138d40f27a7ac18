"""Many computers on one: network namespaces with an address each, and distances between them.

The namespaces have no names. This process holds them by descriptors, so they go with it and with the processes in
them, whatever happens, and nothing of the computer's own network is touched.

Node I (from 0) is 10.77.I+1.1: no two share a /24. Between two nodes lies the sum of their delays, as between two
homes that each have a line of their own to a fast core. Delays are made by

  netem   where the kernel has it: on both ends of the veth pair that joins a node to the bridge
  switch  else, by tests/bench/delay_switch.c: its packets are counted without an Ethernet header
  bridge  with no delays: veth pairs on a bridge, as netem
"""
import contextlib
import ctypes
import json
import os
import random
import subprocess

CLONE_NEWNET = 0x40000000
NODES_MAX = 250
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """What this computer does not let us have; a reason to skip."""


def random_delays(count, seed, low_ms=5.0, high_ms=50.0):
    """For each node its own part of a way: of two, 10 to 100 ms one way."""
    dice = random.Random(seed)
    return [round(dice.uniform(low_ms, high_ms), 3) for _ in range(count)]


class Node:
    def __init__(self, number, delay_ms):
        self.number = number
        self.delay_ms = delay_ms
        self.address = f"10.77.{number + 1}.1"
        self.fd = new_namespace()
        self.file = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.prefix = ["nsenter", f"--net={self.file}", "--"]  # what starts a program in it

    def sent(self):
        """Bytes and packets that it has sent so far."""
        with entered(self.fd), open("/proc/thread-self/net/dev", encoding="ascii") as table:
            for line in table:
                name, _, numbers = line.partition(":")
                if name.strip() == "wan":
                    numbers = numbers.split()
                    return int(numbers[8]), int(numbers[9])
        raise AssertionError(f"node {self.number} has no device")

    def cut_off(self):
        """Nothing comes or goes any more, not even that its programs have ended."""
        with entered(self.fd):
            run("ip", "link", "set", "dev", "wan", "down")

    def connect(self):
        """After cut_off()."""
        with entered(self.fd):
            run("ip", "link", "set", "dev", "wan", "up")


class Network:
    def __init__(self, count, delays_ms=None, switch=None):
        """`switch`: the program, for kernels without netem."""
        assert 2 <= count <= NODES_MAX
        self.switch = None
        self.hub = None
        self.nodes = []
        delays = delays_ms or [0.0] * count
        try:
            self.nodes = [Node(i, delays[i]) for i in range(count)]
            self.kind = "bridge" if delays_ms is None else "netem" if has_netem(self.nodes[0]) else "switch"
            if self.kind == "switch":
                self.start_switch(switch)
            else:
                self.make_bridge()
        except BaseException:
            self.close()
            raise

    def start_switch(self, program):
        if program is None or not os.access(program, os.X_OK):
            raise Unavailable(f"the kernel has no netem, and there is no {program}")
        for node in self.nodes:
            quieten(node.fd)
        spaces = [f"{node.file}:{round(node.delay_ms * 1000)}" for node in self.nodes]
        self.switch = subprocess.Popen([str(program), *spaces], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True, start_new_session=True)
        # When there is too little processor the nodes wait for it, not the packets: the delays are what is given.
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(self.switch.pid, os.SCHED_FIFO, os.sched_param(1))
        if self.switch.stdout.readline() != "ready\n":
            raise Unavailable(f"{program} does not start: /dev/net/tun?")
        for node in self.nodes:
            batch(node.fd, "link set lo up", f"addr add {node.address}/16 dev wan", "link set wan txqueuelen 5000 up")

    def make_bridge(self):
        self.hub = new_namespace()
        quieten(self.hub)
        batch(self.hub, "link add name core type bridge", "link set dev core up")
        for node in self.nodes:
            quieten(node.fd)
            port = f"port{node.number}"
            # One packet is what the wire carries, not what the kernel would cut up later: it is counted.
            batch(self.hub, f"link add {port} gso_max_segs 1 type veth peer name wan gso_max_segs 1 netns {node.file}",
                  f"link set dev {port} master core up")
            batch(node.fd, "link set lo up", f"addr add {node.address}/16 dev wan", "link set wan up")
            if node.delay_ms > 0:
                for fd, device in ((self.hub, port), (node.fd, "wan")):
                    with entered(fd):
                        run("tc", "qdisc", "add", "dev", device, "root", "netem", "delay", f"{node.delay_ms}ms",
                            "limit", "100000")

    def one_way_ms(self, a, b):
        return self.nodes[a].delay_ms + self.nodes[b].delay_ms

    def sent(self):
        """Bytes and packets that all nodes have sent so far."""
        both = [node.sent() for node in self.nodes]
        return sum(b for b, _ in both), sum(p for _, p in both)

    def figures(self):
        """What the switch says about itself, where there is one."""
        if self.switch is None:
            return None
        self.switch.stdin.write("\n")
        self.switch.stdin.flush()
        return json.loads(self.switch.stdout.readline())

    def close(self):
        if self.switch is not None:
            self.switch.stdin.close()
            self.switch.wait(20)
            self.switch.stdout.close()
            self.switch = None
        for fd in [node.fd for node in self.nodes] + ([] if self.hub is None else [self.hub]):
            os.close(fd)
        self.nodes, self.hub = [], None


def new_namespace():
    """A descriptor of a fresh one; this thread stays where it is."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET) != 0:
            raise Unavailable(f"no permission to make network namespaces: {os.strerror(ctypes.get_errno())}")
        fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        enter(own)
        return fd
    finally:
        os.close(own)


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def entered(fd):
    """This thread, and what it starts, is in that namespace."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(fd)
        try:
            yield
        finally:
            enter(own)
    finally:
        os.close(own)


def run(*words, text=None):
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise Unavailable(f"there is no '{words[0]}' here (Debian's iproute2)") from missing
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


def batch(fd, *lines):
    with entered(fd):
        run("ip", "-batch", "-", text="\n".join(lines) + "\n")


def quieten(fd):
    """No neighbour discovery and no multicast reports of the kernel's: only what programs send is counted."""
    with entered(fd):
        for which in ("all", "default"):
            path = f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6"
            if os.path.exists(path):
                with open(path, "w", encoding="ascii") as switch:
                    switch.write("1")


def has_netem(node):
    with entered(node.fd):
        try:
            run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
        except Unavailable:
            return False
        run("tc", "qdisc", "del", "dev", "lo", "root")
    return True
