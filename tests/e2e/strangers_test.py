#!/usr/bin/env python3
"""Strangers at a live node: who does not know a door's secret gets not one byte, whatever it sends, and moves nothing.

Port scans, TLS, HTTP, noise of many lengths, half messages; well-formed first messages under a wrong key, community or
static key, dated wrongly, before the process started, or recorded on the way and played again; 10 000 half-open
connections, while members stay linked and can link anew; slow readers and slow writers; certificates that are forged,
self-signed, somebody else's, or expired. In a network namespace of its own.

usage: tests/e2e/strangers_test.py BIN-FOLDER [--long]
"""
import fcntl
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import second_home  # noqa: E402
from homes import free_port  # noqa: E402
from second_home import Peer, noise_peer, read_code, schemas, sign  # noqa: E402
from street import set_up  # noqa: E402

HANDSHAKE_S = 5
FLOOD = 10000
MEMORY_KB = 32 * 1024  # a node's whole process, flooded or not
NODE_FILES = 256       # the limit that the node runs under
MOST_FILES = 140       # 96 links, 16 that wait for the end of a turn, and its own


def own_network():
    """Again, in a namespace with nothing but a loopback."""
    if os.environ.get("STOOP_OWN_NETWORK") != "yes":
        os.environ["STOOP_OWN_NETWORK"] = "yes"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running


# ---- silence ----

def answers(address, openings, patience=HANDSHAKE_S + 4):
    """Sends each opening on a connection of its own, all at once; what comes back on each until the node ends it."""
    selector = selectors.DefaultSelector()
    got, left = {}, 0
    for name, opening in openings.items():
        link = socket.create_connection(address, timeout=5)
        link.setblocking(False)
        try:
            link.send(opening)
        except OSError:
            pass
        got[name] = b""
        selector.register(link, selectors.EVENT_READ, name)
        left += 1
    until = time.monotonic() + patience
    while left and time.monotonic() < until:
        for key, _ in selector.select(0.2):
            try:
                more = key.fileobj.recv(65536)
            except OSError:
                more = b""
            got[key.data] += more
            if not more:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                left -= 1
    still_open = [key.data for key in list(selector.get_map().values())]
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    assert not still_open, f"still open after {patience} s: {still_open[:5]}"
    return got


def tls_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def scans_get_nothing(address):
    chance = random.Random(7)
    openings = {"nothing": b"", "tls": tls_hello(), "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
                "zeros": bytes(74), "ones": b"\xff" * 74, "length only": b"\x00\x48", "short length": b"\x00\x01" + bytes(80)}
    for length in [*range(1, 40, 4), *range(70, 80), 100, 272, 1040, 4096, 65537, 1 << 20]:
        openings[f"random {length}"] = chance.randbytes(length)
        openings[f"framed {length}"] = b"\x00\x48" + chance.randbytes(length)
    for _ in range(20):  # a port scan: connect, close
        socket.create_connection(address).close()
    names = list(openings)
    for at in range(0, len(names), 40):  # below the node's own bound on half-open ones
        for name, got in answers(address, {name: openings[name] for name in names[at:at + 40]}).items():
            assert got == b"", f"{name}: {len(got)} bytes came back"
    return len(openings) + 20


def first_message(code, door, secret, when=None, community=None, responder=None):
    """A well-formed message 1, as a dialler would make it at `when` (seconds)."""
    kept = time.time
    made = []
    options = types.SimpleNamespace(community=community or code.community, responder=responder or code.transport,
                                    psk0=noise_peer.door_psk0(door, community or code.community, secret),
                                    psk3=bytes(32), secret=os.urandom(32), payload=b"")

    class Sink:
        def sendall(self, data):
            made.append(data)

        def recv(self, _length):
            return b""
    try:
        if when is not None:
            noise_peer.time.time = lambda: when
        noise_peer.shake_hands(Sink(), options)
    except noise_peer.Bad:
        pass
    finally:
        noise_peer.time.time = kept
    return made[0]


def wrong_openings_get_nothing(address, code, epoch_key, started, recorded):
    now = time.time()
    key = ("member", epoch_key)
    openings = {
        "wrong key": first_message(code, "member", os.urandom(32)),
        "key of another door": first_message(code, "catch-up", epoch_key),
        "wrong community": first_message(code, *key, community=os.urandom(32)),
        "wrong static key": first_message(code, *key, responder=bytes(Peer(None, None).static.public_key)),
        "16 minutes old": first_message(code, *key, when=now - 16 * 60),
        "16 minutes ahead": first_message(code, *key, when=now + 16 * 60),
        "before the process started": first_message(code, *key, when=started - 2),
        "a used invite's secret for a member": first_message(code, "member", code.secret + bytes(16)),
    }
    for at, message in enumerate(recorded):
        openings[f"recorded {at}"] = message
    good = first_message(code, *key)
    for length in (1, 2, 40, 58, 73):
        openings[f"first {length} bytes"] = good[:length]
    for at in (0, 1, 2, 40, 60, 73):
        openings[f"one bit of byte {at}"] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1:]
    for name, got in answers(address, openings).items():
        assert got == b"", f"{name}: {len(got)} bytes came back"
    # The same with nothing wrong gets an answer: so the silence above is about what was wrong.
    assert len(answers(address, {"good": good, "bound by 14 minutes": first_message(code, *key, when=now + 14 * 60)})[
        "good"]) >= 50
    assert answers(address, {"again": good})["again"] == b"", "a first message was taken twice"
    return len(openings)


class Recorder(threading.Thread):
    """A proxy on the way to a node, which keeps the first message of each connection."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.target, self.recorded = target, []

    def run(self):
        while True:
            inward, _ = self.listener.accept()
            try:
                outward = socket.create_connection(self.target)
            except OSError:
                inward.close()
                continue
            for ends in ((inward, outward, True), (outward, inward, False)):
                threading.Thread(target=self.carry, args=ends, daemon=True).start()

    def carry(self, source, sink, keep):
        first = b""
        try:
            while data := source.recv(65536):
                if keep and len(first) < 74:
                    first += data
                    if len(first) >= 74:
                        self.recorded.append(first[:74])
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


# ---- a flood ----

def node_of(home):
    for path in pathlib.Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                if (path / "comm").read_text().strip() == "stoop-node" and \
                        int(re.search(r"PPid:\s+(\d+)", (path / "status").read_text()).group(1)) == home.daemon.pid:
                    return int(path.name)
            except OSError:
                pass
    raise AssertionError("no stoop-node")


def memory_kb(pid, field="VmHWM"):
    return int(re.search(rf"{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


FLOODER = r"""
import resource, selectors, socket, sys, time
host, port, count, seconds, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
opening = {"silent": b"", "half": b"\x00\x48" + bytes(30)}[kind]
held, answered, made = [], 0, 0
until = time.monotonic() + seconds
def read(link):
    global answered
    try:
        answered += len(link.recv(64))
    except OSError:
        pass
for number in range(count):
    link = socket.socket()
    link.bind(("127.0.%d.%d" % (1 + number % 5, 1 + number % 250), 0))
    link.settimeout(5)
    try:
        link.connect((host, port))
        if opening:
            link.send(opening)
        made += 1
    except OSError:
        pass
    link.setblocking(False)
    held.append(link)
    if number == 0:
        print("begun", flush=True)
    ahead = until - seconds + seconds * number / count - time.monotonic()
    if ahead > 0:
        time.sleep(ahead)
for link in held:
    read(link)
print(made, answered, flush=True)
"""


def flood(home, members, peer, code, long):
    """10 000 connections that say nothing, or half of it, within seconds; held open as long as the node lets them."""
    node = node_of(home)
    before = home.facts("status")["links"]
    ups = home.journal().count("link: up")
    host, port = home.address.rsplit(":", 1)
    worst_files, linked_after = 0, []
    for kind, lasting in (("half", 10), ("silent", 10), ("half", 1))[0 if long else 1:]:
        flooder = subprocess.Popen([sys.executable, "-c", FLOODER, host, port, str(FLOOD), str(lasting), kind],
                                   stdout=subprocess.PIPE, text=True)
        assert flooder.stdout.readline() == "begun\n"
        while flooder.poll() is None:
            worst_files = max(worst_files, len(os.listdir(f"/proc/{node}/fd")))
            begun = time.monotonic()
            link = link_in_flood(peer, code)
            linked_after.append(time.monotonic() - begun)
            link.close()
        made, answered = map(int, flooder.stdout.read().split())
        assert made == FLOOD, f"only {made} connections were made"
        assert answered == 0, f"{answered} bytes came back"
    assert home.daemon.poll() is None and node_of(home) == node, "the node ended"
    assert worst_files < MOST_FILES, f"{worst_files} files open of {MOST_FILES}"
    assert memory_kb(node) < MEMORY_KB, f"{memory_kb(node)} KiB"
    assert len(linked_after) >= 3, linked_after
    for member in members:  # nobody lost a link: not one came up anew
        assert member.facts("status")["links"] >= 1
    home.until(lambda: home.facts("status")["links"], lambda n: n == before)
    new = home.journal().count("link: up") - ups
    assert new == len(linked_after), f"{new} links came up, {len(linked_after)} were dialled"
    return worst_files, memory_kb(node), max(linked_after)


def link_in_flood(peer, code, tries=20):
    for _ in range(tries):
        try:
            link = peer.dial(code, "member", peer.epoch_key, peer.member)
            link.send(noise_peer.PING, peer.link_pb.Ping(nonce=1).SerializeToString())
            while link.receive()[0] != noise_peer.PONG:
                pass
            return link
        except (noise_peer.Bad, OSError):
            time.sleep(0.05)
    raise AssertionError(f"a member could not link in {tries} tries")


def half_way(address, peer, code):
    """Whoever has shown the secret of a door is not pushed out by strangers before it can show who it is."""
    strangers = []

    def crowd():
        for _ in range(300):
            strangers.append(socket.create_connection(address))
        time.sleep(0.5)
    link = peer.dial(code, "member", peer.epoch_key, peer.member, half_way=crowd)
    link.settimeout(HANDSHAKE_S)
    link.send(noise_peer.PING, peer.link_pb.Ping(nonce=1).SerializeToString())
    while link.receive()[0] != noise_peer.PONG:
        pass
    link.close()
    for stranger in strangers:
        stranger.close()


# ---- slow ones ----

def slow_writer(address, code, epoch_key):
    """One byte a second of a good first message: given up after five seconds, without a word."""
    message = first_message(code, "member", epoch_key)
    link = socket.create_connection(address)
    begun = time.monotonic()
    got = None
    for byte in message:
        try:
            link.send(bytes([byte]))
            link.settimeout(1)
            got = link.recv(100)
            break
        except TimeoutError:
            continue
        except OSError:
            got = b""
            break
    lasted = time.monotonic() - begun
    assert got == b"" and HANDSHAKE_S - 1 <= lasted <= HANDSHAKE_S + 2, (got, lasted)


def trickle(slow, code, out):
    """A member that sends a byte a second of a record that never ends: given up as dead after twelve."""
    link = slow.dial(code, "member", slow.epoch_key, slow.member)
    begun = time.monotonic()
    link.settimeout(0.1)
    try:
        for byte in b"\x01" + b"\x10" * 40:  # a record of 272 bytes
            link.send_raw(bytes([byte]))
            until = time.monotonic() + 1
            while time.monotonic() < until:
                try:
                    if link.receive_raw() == b"":
                        raise ConnectionResetError
                except TimeoutError:
                    pass
    except OSError:
        pass
    out.append(time.monotonic() - begun)
    link.close()


def slow_reader(home, peer, code):
    """A member that asks and asks and reads nothing: what waits for it is bounded."""
    node = node_of(home)
    link = link_in_flood(peer, code)
    before = memory_kb(node, "VmRSS")
    ping = peer.link_pb.Ping(nonce=5).SerializeToString()
    sent = 0
    try:
        link.settimeout(2)
        for sent in range(40000):  # 11 MB, with as much to come back
            link.send(noise_peer.PING, ping)
    except OSError:
        pass
    after = memory_kb(node, "VmRSS")
    link.close()
    assert sent > 2000, sent
    assert after - before < 4096, f"{after - before} KiB more for {sent} unread answers"
    return sent


# ---- certificates ----

def certificates(peer, code, unused, pb, link_pb, expired):
    """Who knows the epoch key but has no certificate in standing hears nothing behind the handshake."""
    now = int(time.time() * 1000)
    other = Peer(pb, link_pb)
    unsigned = other.certificate(unused, second_home.DAY_MS)  # all of it is right but for the sponsor's signature
    forged = pb.Signed.FromString(unsigned.SerializeToString())
    forged.signatures.add(key=peer.members[code.sponsor].node, signature=os.urandom(64))
    founder = pb.Member(head=pb.Head(community=code.community, created=now, expires=now + second_home.DAY_MS),
                        name="Sybil", role=3, node=bytes(other.node.verify_key), log=bytes(other.log.verify_key),
                        transport=bytes(other.static.public_key),
                        owners=[bytes(other.owner.verify_key) + bytes(other.owner_box.public_key)], owner_names=["Sybil"])
    self_signed = sign(pb, "member", founder.SerializeToString(deterministic=True), other.owner, other.node)
    cases = {"forged": (other, forged.SerializeToString()), "without the sponsor": (other, unsigned.SerializeToString()),
             "self-signed": (other, self_signed.SerializeToString()), "somebody else's": (other, peer.member),
             "none": (peer, b""), "noise": (peer, os.urandom(300)), "expired": (expired, expired.member)}
    for name, (who, payload) in cases.items():
        link = who.dial(code, "member", peer.epoch_key, payload)
        link.settimeout(HANDSHAKE_S + 4)
        try:
            kind, _ = link.receive()
            raise AssertionError(f"{name}: a record of type {kind} came")
        except noise_peer.Bad as ended:
            assert "after 0 of 2 bytes" in str(ended), (name, ended)
        except ConnectionResetError:
            pass
        link.close()
    return len(cases)


def invite_code(home, pb):
    text = home.with_passphrase("invite", "--json")
    return read_code(pb, json.loads(text[text.index("{"):])["code"])


def main():
    own_network()
    long = "--long" in sys.argv
    with set_up("strangers", "ada", "ben", last=3000) as (root, ada, ben):
        host, port = ada.address.rsplit(":", 1)
        address = (host, int(port))
        recorder = Recorder(address)
        recorder.start()
        pb, link_pb = schemas(root)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        for home in (ada, ben):
            home.init()
        ada.set_config("address", recorder.address)  # ben dials through it
        resource.setrlimit(resource.RLIMIT_NOFILE, (NODE_FILES, limit[1]))
        for home in (ada, ben):
            home.start()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        ada.with_passphrase("community", "found", "Elm Street")
        invite = ada.with_passphrase("invite", "--json")
        ben.with_passphrase("join", "--yes", json.loads(invite[invite.index("{"):])["code"])
        ada.until(lambda: ada.facts("status")["links"], lambda n: n == 1)
        code = invite_code(ada, pb)
        code.address = ada.address  # behind the proxy
        expired = Peer(pb, link_pb)
        second = invite_code(ada, pb)
        second.address = ada.address
        expired.member = expired.join(second, lives_ms=4000)
        peer = Peer(pb, link_pb)
        peer.member = peer.join(code)
        started = ada.daemon_started
        assert recorder.recorded, "ben did not dial through the proxy"

        scans = scans_get_nothing(address)
        wrong = wrong_openings_get_nothing(address, code, peer.epoch_key, started, recorder.recorded)
        bad = certificates(peer, code, invite_code(ada, pb), pb, link_pb, expired)
        lasted = []
        slow = Peer(pb, link_pb)
        third = invite_code(ada, pb)
        third.address = ada.address
        slow.member = slow.join(third)
        trickler = threading.Thread(target=trickle, args=(slow, code, lasted), daemon=True)
        trickler.start()
        slow_writer(address, code, peer.epoch_key)
        half_way(address, peer, code)
        unread = slow_reader(ada, peer, code)
        trickler.join(60)
        assert lasted and 9 < lasted[0] < 18, lasted  # it never says NEIGHBOUR
        files, kilobytes, slowest = flood(ada, [ben], peer, code, long)
        ada.with_passphrase("invite")  # it still does its work
        print(f"strangers: {scans} scans, {wrong} wrong first messages, {bad} bad certificates: not one byte; "
              f"{unread} answers unread; a flood of {FLOOD}: {files} files, {kilobytes} KiB, a member linked within "
              f"{slowest:.1f} s")


if __name__ == "__main__":
    main()
