#!/usr/bin/env python3
"""Three homes are each other's witnesses: cosigned checkpoints, an old backup that is put back, a log that forks.

What they sign is checked here by the rules of C2SP, with none of our code, and by Go's tlog_verify.

usage: tests/e2e/witness_test.py BIN-FOLDER [--long]
       tests/e2e/witness_test.py --peer FILE      (used by itself) a member that contradicts itself
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import types

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[2]
PEER_PYTHON = "/usr/bin/python3"  # Debian's, which has dissononce and cryptography
sys.path.insert(0, str(ROOT / "tests/support"))
sys.path.insert(0, str(HERE.parent))

if sys.executable != PEER_PYTHON and __name__ == "__main__":
    os.execv(PEER_PYTHON, [PEER_PYTHON, str(HERE), *sys.argv[1:]])

from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519  # noqa: E402
from street import found_and_join, set_up, start_home  # noqa: E402

CHECKPOINT, WITNESSED, CONSISTENCY, COSIGNATURE, FORK = 40, 41, 42, 43, 44
RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


# ---- c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature ----

def read_vkey(vkey):
    name, key_id, blob = vkey.split("+", 2)
    blob = base64.b64decode(blob)
    assert hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4].hex() == key_id, vkey
    return name, bytes.fromhex(key_id), blob[0], ed25519.Ed25519PublicKey.from_public_bytes(blob[1:])


def read_note(note):
    text, signatures = note.rsplit("\n\n", 1)
    lines = []
    for line in signatures.splitlines():
        dash, name, blob = line.split(" ")
        assert dash == "\u2014", line
        lines.append((name, base64.b64decode(blob)))
    origin, size, root = text.split("\n")
    return text + "\n", origin, int(size), base64.b64decode(root), lines


def signed_by(note, vkey):
    """The time of a cosignature, 0 for a log's own signature, None when there is none that verifies."""
    name, key_id, kind, key = read_vkey(vkey)
    text, _, _, _, lines = read_note(note)
    for line_name, blob in lines:
        if line_name != name or blob[:4] != key_id:
            continue
        try:
            if kind == 1:
                key.verify(blob[4:], text.encode())
                return 0
            assert kind == 4 and len(blob) == 4 + 8 + 64
            at = struct.unpack(">Q", blob[4:12])[0]
            key.verify(blob[12:], f"cosignature/v1\ntime {at}\n{text}".encode())
            return at
        except InvalidSignature:
            return None
    return None


def sign_note(seed, size, root):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public = key.public_key().public_bytes(*RAW)
    name = "stoop.log/" + public[:8].hex()
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    return f"{text}\n\u2014 {name} {base64.b64encode(key_id + key.sign(text.encode())).decode()}\n"


def vkey_of(name, public, kind):
    blob = bytes([kind]) + public
    key_id = hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(blob).decode()}"


# ---- a member that lies, on dissononce ----

def field(number, data):
    def varint(value):
        out = b""
        while value > 0x7f:
            out += bytes([value & 0x7f | 0x80])
            value >>= 7
        return out + bytes([value])
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def first_bytes(body):
    """Field 1 of a message, of up to 16 KiB."""
    assert body[0] == 0x0a
    length, at = body[1], 2
    if length > 0x7f:
        length, at = length & 0x7f | body[2] << 7, 3
    return body[at:at + length]


def peer(path):
    import noise_peer
    told = json.loads(pathlib.Path(path).read_text())
    options = types.SimpleNamespace(**{k: bytes.fromhex(v) for k, v in told.items() if k != "port"})
    options.psk0 = noise_peer.door_psk0("member", options.community, options.epoch)
    options.psk3 = bytes(32)
    heard = []
    with socket.create_connection(("127.0.0.1", told["port"]), timeout=10) as link:
        sending, receiving = noise_peer.shake_hands(link, options)

        def hear(wanted, seconds=5):
            until = time.monotonic() + seconds
            while True:
                try:
                    link.settimeout(max(0.01, until - time.monotonic()))
                    kind, body = noise_peer.receive(link, receiving)
                except (TimeoutError, noise_peer.Bad):
                    return None
                if kind == noise_peer.PING:
                    noise_peer.send(link, sending, noise_peer.PONG, body)
                heard.append(kind)
                if kind == wanted:
                    return body
                if time.monotonic() > until:
                    return None

        def show(size, root):
            noise_peer.send(link, sending, CHECKPOINT, field(1, sign_note(options.log, size, root).encode()))

        held = first_bytes(hear(WITNESSED)).decode()  # the witness says first what it remembers
        _, _, size, _, _ = read_note(held)
        show(size - 1, bytes(32))  # a smaller head: it says again what it has
        assert first_bytes(hear(WITNESSED)).decode() == held
        show(size + 7, bytes(32))  # a larger one without its proof: the same
        assert first_bytes(hear(WITNESSED)).decode() == held
        assert COSIGNATURE not in heard, heard
        show(size, hashlib.sha256(b"another past").digest())  # and now it contradicts itself
        assert hear(FORK) is not None, heard
        show(size, read_note(held)[3])  # nobody cosigns a log that has forked
        assert hear(COSIGNATURE, 2) is None, heard
    print(size)


def keys_of(home):
    raw = base64.b64decode("".join((home.data / "node/node.key").read_text().splitlines()[1:]))
    return raw[1:33], raw[33:65], raw[65:97]


def box_public(secret):
    return x25519.X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(*RAW)


def lie_as(home, to, root):
    """Runs the lying peer with the keys of `home`, which is stopped, against `to`."""
    db = sqlite3.connect(f"file:{home.data}/node/stoop.db?mode=ro", uri=True)
    founding = db.execute("SELECT key FROM epochs").fetchone()[0]
    label = b"stoop epoch key v1"  # nobody has been removed (PROTOCOL 4.8)
    epoch = hashlib.blake2b(bytes([len(label)]) + label, key=founding, digest_size=32).digest()
    community = db.execute("SELECT value FROM meta WHERE key = 1").fetchone()[0]
    certificate = db.execute("SELECT object FROM objects WHERE id = (SELECT value FROM meta WHERE key = 3)")
    certificate = certificate.fetchone()[0]
    db.close()
    _, log, box = keys_of(home)
    told = {"port": to.port, "community": community.hex(), "epoch": epoch.hex(), "secret": box.hex(),
            "responder": box_public(keys_of(to)[2]).hex(), "payload": certificate.hex(), "log": log.hex()}
    path = root / "peer.json"
    path.write_text(json.dumps(told))
    done = subprocess.run([PEER_PYTHON, str(HERE), "--peer", str(path)], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


# ---- the test ----

def verified(home):
    facts = home.facts("log", "verify")
    assert facts["result"] == "verified", facts
    return facts


def until_cosigned(home, wanted="2 of 2 wanted", beyond=0):
    return home.until(lambda: verified(home), lambda f: f["witnesses"] == wanted and f["size"] > beyond)


def leaves(home, word):
    return [line for line in home.run("log", "show").stdout.splitlines() if f"  {word} " in line]


def check_by_other_tools(home, facts, root):
    note = (home.data / "node/log/checkpoint").read_text()
    assert signed_by(note, facts["key"]) == 0
    for i in (1, 2):
        at = signed_by(note, facts[f"witness_{i}_key"])
        assert at is not None and abs(at - time.time()) < 600, (at, facts)
    assert signed_by(note.replace("\u2014 stoop.witness/", "\u2014 stoop.Witness/"), facts["witness_1_key"]) is None
    broken = note.replace("\n" + str(facts["size"]) + "\n", "\n" + str(facts["size"] + 1) + "\n")
    assert signed_by(broken, facts["key"]) is None or facts["size"] != read_note(note)[2]
    go = root / "tlog_verify"
    if not go.exists():
        env = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="",
                   GOCACHE=str(root / "go-cache"))
        subprocess.run(["/usr/bin/go", "build", "-o", str(go), "./tests/e2e/tlog_verify"], cwd=ROOT, env=env, check=True)
    copy = root / "log-copy"  # the node writes on meanwhile
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home.data / "node/log", copy)
    subprocess.run([str(go), str(copy), facts["key"]], check=True, stdout=subprocess.DEVNULL)
    offline = home.facts("log", "verify", str(copy), "--key", facts["key"], "--witness", facts["witness_1_key"])
    assert offline["witnesses"] in ("1", "0"), offline  # the copy may be of a moment before the cosignature


def restored(home, backup):
    shutil.rmtree(home.data / "node")
    shutil.copytree(backup, home.data / "node")


def expect_succeeded(home, old_key):
    home.until(lambda: home.facts("status"), lambda s: "log_key" in s)
    status = home.facts("status")
    assert status["log_previous"] == old_key.hex(), status
    assert "warn log: key succeeded" in home.journal(), home.journal()
    assert leaves(home, "key_succeeded")[-1].count(old_key.hex()) == 1
    # for a moment the file is still the old key's
    home.until(lambda: home.run("log", "verify", check=False).returncode, lambda code: code == 0)
    facts = until_cosigned(home)
    assert old_key[:8].hex() not in facts["origin"], facts
    return facts


def main():
    long_form = "--long" in sys.argv
    with set_up("witness", "ada", "ben", "cleo") as (root, ada, ben, cleo):
        homes = [ada, ben, cleo]
        for home in homes:
            start_home(home)
        found_and_join(homes, "--witnesses", "2")

        # Every home's checkpoint is cosigned by both others, as it grows.
        for home in homes:
            facts = until_cosigned(home)
            check_by_other_tools(home, until_cosigned(home, beyond=facts["size"]), root)
        home_names = {facts["witness_1"], facts["witness_2"]}
        assert home_names == {"ada", "ben"}, facts

        # One witness away: the log goes on and says so; it comes back and all is as before.
        ben.stop()
        ada.until(lambda: verified(ada), lambda f: f["witnesses"] == "1 of 2 wanted")
        backup = root / "backup"
        shutil.copytree(ben.data / "node", backup)
        ben.start()
        until_cosigned(ada)
        old_key = ed25519.Ed25519PrivateKey.from_private_bytes(keys_of(ben)[1]).public_key().public_bytes(*RAW)
        for _ in range(8 if long_form else 1):  # and an ordinary restart, or a kill, is no succession
            until_cosigned(ben, beyond=verified(ben)["size"])
            ben.daemon.kill()
            ben.daemon.wait()
            ben.start()
        lost = until_cosigned(ben, beyond=verified(ben)["size"])
        assert "log_key" not in ben.facts("status"), ben.journal()

        # An old backup of all of node/: the neighbours remember more.
        ben.stop()
        restored(ben, backup)
        ben.start()
        facts = expect_succeeded(ben, old_key)
        numbers = leaves(ben, "key_succeeded")[-1].rsplit("n=", 1)[1].split(",")
        assert int(numbers[0]) < int(numbers[1]) and int(numbers[1]) >= lost["size"], numbers
        assert not ada.facts("log", "forks") and not ben.facts("log", "forks")  # it signed nothing twice

        # Only the database is old, and nobody is there: its own checkpoint says more.
        new_key = read_vkey(facts["key"])[3].public_bytes(*RAW)
        ben.stop()
        backup_2 = root / "backup-2"
        shutil.copytree(ben.data / "node", backup_2)
        ben.start()
        until_cosigned(ben, beyond=verified(ben)["size"])
        for home in homes:
            home.stop()
        for name in ("stoop.db", "stoop.db-wal", "stoop.db-shm"):
            (ben.data / "node" / name).unlink(missing_ok=True)
            if (backup_2 / name).exists():
                shutil.copy(backup_2 / name, ben.data / "node" / name)
        ben.start()
        ben.until(lambda: ben.facts("status"), lambda s: s.get("log_previous") == new_key.hex())
        ada.start()
        cleo.start()
        expect_succeeded(ben, new_key)

        # A log that contradicts itself is proven to have forked, everywhere, and cosigned no more.
        until_cosigned(cleo)
        cleo.stop()
        cleo_key = ed25519.Ed25519PrivateKey.from_private_bytes(keys_of(cleo)[1]).public_key().public_bytes(*RAW)
        size = lie_as(cleo, ben, root)
        for home in (ben, ada):
            fork, = home.until(lambda h=home: h.facts("log", "forks"), lambda f: f)
            assert fork["key"] == vkey_of("stoop.log/" + cleo_key[:8].hex(), cleo_key, 1), fork
            heads = [read_note(fork[part]) for part in ("older", "newer")]
            assert all(signed_by(fork[part], fork["key"]) == 0 for part in ("older", "newer"))
            assert heads[0][2] == heads[1][2] == size and heads[0][3] != heads[1][3]
            assert len(leaves(home, "fork_seen")) == 1
            assert "warn log: forked" in home.journal() and home.facts("status")["forks"] == 1
        cleo.start()  # it learns from them that somebody has used its key, and goes on under another
        expect_succeeded(cleo, cleo_key)
        ben.stop()
        ben.start()  # proof outlives a restart, and is recorded once
        assert len(ben.facts("log", "forks")) == 1
        until_cosigned(ben)
        assert len(leaves(ben, "fork_seen")) == 1
        print("witnesses: cosigned, restored backups found, a fork proven")


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        peer(sys.argv[2])
    else:
        main()
