#!/usr/bin/env python3
"""Other people's tools agree with a live home: Debian's `age` opens a clip of the vault and a delivered one; Go's
x/mod verifies the log as it grows and single proofs of it; a second implementation of PROTOCOL 2 to 5 in Python
(dissononce, PyNaCl, protobuf; none of our code) joins from nothing but an invite's text, is a member, and is asked.

usage: tests/e2e/tools_test.py BIN-FOLDER [--long]
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from footage import make_segments  # noqa: E402
from homes import Home  # noqa: E402
from second_home import DAY_MS, GOSSIP, NEIGHBOUR, Peer, check_signatures, noise_peer, read_code, schemas, sign  # noqa: E402
from street import found_and_join, set_up, start_home  # noqa: E402

QUESTION = "or the code to accept: "


# ---- age ----

def give_clip(ada, ben, root):
    """Ada asks, Ben accepts; the request's code."""
    start = (datetime.datetime.now() - datetime.timedelta(minutes=30)).replace(microsecond=0)
    make_segments(root / "camera", "motion", "porch", start, 2, 10)
    ben.with_passphrase("camera", "add", "porch", "--folder", str(root / "camera"), "--layout", "motion", "--at",
                        "52.52,13.405", "--reach", "40")
    times = [f"{start + datetime.timedelta(seconds=s):%Y-%m-%d %H:%M:%S}" for s in (3, 14)]
    text = ada.with_passphrase("request", "--at", "52.5201,13.4051", "--radius", "60", "--from", times[0], "--to",
                               times[1], "--reason", "Hit and run, silver hatchback", "--voluntary", "--yes")
    code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)
    ben.until(lambda: ben.facts("status")["open_clips"], lambda n: n == 1)
    return code


def age(identity, path):
    return subprocess.run(["age", "-d", "-i", str(identity), str(path)], capture_output=True, check=False)


def age_opens_clips(ada, ben, root):
    code = give_clip(ada, ben, root)
    clip = ben.facts("vault", "list")[0]["clip"]
    ben.run("vault", "export", clip[:8], "--out", str(root / "vault.age"))
    ben.with_passphrase("key", "export-age", "--out", str(root / "ben.key"))
    ada.with_passphrase("key", "export-age", "--out", str(root / "ada.key"))
    sealed = age(root / "ben.key", root / "vault.age")
    assert sealed.returncode == 0 and sealed.stdout[4:8] == b"ftyp", sealed.stderr
    assert age(root / "ada.key", root / "vault.age").returncode != 0, "the asker opens a clip that nobody granted"

    terminal = ben.at_terminal("review", code)
    for question, answer in (("passphrase of .*: ", Home.PASSPHRASE), (QUESTION, code),
                             ("passphrase of .*: ", Home.PASSPHRASE)):
        terminal.expect(question)
        terminal.line(answer)
    assert terminal.wait() == 0, terminal.text
    ada.until(lambda: ada.facts("delivered"), lambda d: d and d[0]["state"].startswith("here"))
    ada.with_passphrase("delivered", "export", code, "--out", str(root / "given.age"), "--identity",
                        str(root / "request.key"))
    opened = age(root / "request.key", root / "given.age")
    assert opened.returncode == 0 and opened.stdout == sealed.stdout, opened.stderr
    assert (root / "request.key").stat().st_mode & 0o77 == 0
    for other in ("ada.key", "ben.key"):
        assert age(root / other, root / "given.age").returncode != 0, f"{other} opens what was given to the request"
    assert ada.run("delivered", "export", code, "--out", str(root / "given.age"), check=False).returncode == 1
    ada.with_passphrase("collect", code, "--to", str(root / "out"))
    collected = next((root / "out").glob("*.mp4")).read_bytes()
    facts = json.loads(next((root / "out").glob("*.json")).read_text())
    assert opened.stdout == collected and hashlib.sha256(collected).hexdigest() == facts["sha256"]
    return facts


# ---- the log ----

def go_program(root):
    program = root / "tlog_verify"
    subprocess.run(["go", "build", "-o", str(program), str(HERE / "tlog_verify" / "main.go")], check=True,
                   env={**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                        "GOCACHE": os.environ.get("GOCACHE", str(root / "go-cache"))})
    return program


def verify(program, *words, stdin=""):
    return subprocess.run([str(program), *map(str, words)], input=stdin, capture_output=True, text=True, check=False)


def logs_verify_elsewhere(program, homes, certificate, root):
    for home in homes:
        key = home.facts("log", "verify")["key"]
        for _ in range(3):  # it grows while we look: each state is whole
            shutil.rmtree(root / "log", ignore_errors=True)
            shutil.copytree(home.data / "node" / "log", root / "log")
            done = verify(program, root / "log", key)
            assert done.returncode == 0, done.stderr
            time.sleep(1)
        size = int(done.stdout.split()[0])
        assert size >= 4
        for index in (0, size // 2, size - 1):
            proof = home.facts("log", "proof", str(index))
            good = verify(program, "-proof", key, stdin=json.dumps(proof))
            assert good.returncode == 0, good.stderr
            for spoil in ({"leaf": proof["leaf"] + " "}, {"index": proof["index"] + 1},
                          {"checkpoint": proof["checkpoint"].replace("\n", "\n1", 1)}):
                assert verify(program, "-proof", key, stdin=json.dumps({**proof, **spoil})).returncode == 1, spoil
        other = homes[homes.index(home) - 1].facts("log", "verify")["key"]
        assert verify(program, root / "log", other).returncode == 1
        entries = next((root / "log" / "tile" / "entries").rglob("*.p/*"), None) or next(
            (root / "log" / "tile" / "entries").rglob("000"))
        bytes_ = bytearray(entries.read_bytes())
        bytes_[10] ^= 1
        for path in (root / "log" / "tile" / "entries").rglob("*"):
            if path.is_file():
                changed = bytearray(path.read_bytes())
                changed[10] ^= 1
                path.write_bytes(changed)
        assert verify(program, root / "log", key).returncode == 1, "a changed entry goes unseen"
    # The certificate that came with the clip carries a proof of its own.
    for proof in certificate["log_proofs"]:
        done = verify(program, "-proof", certificate["log_key"], stdin=json.dumps(proof))
        assert done.returncode == 0, done.stderr
    assert certificate["log_key"] == homes[0].facts("log", "verify")["key"]
    assert certificate["request"] in certificate["log_proofs"][0]["leaf"]


# ---- a second implementation joins ----


def second_implementation(ada, ben, root):
    pb, link_pb = schemas(root)
    peer = Peer(pb, link_pb)
    invite = ada.with_passphrase("invite", "--json")
    code = read_code(pb, json.loads(invite[invite.index("{"):])["code"])
    member = peer.join(code)
    assert peer.id.hex() in [m["certificate"] for m in ada.facts("members")]
    ben.until(lambda: [m["certificate"] for m in ben.facts("members")], lambda ids: peer.id.hex() in ids)

    # The same invite is worth nothing to another joiner, and good for the same one again.
    other = Peer(pb, link_pb)
    try:
        other.join(code)
        raise AssertionError("an invite let two homes in")
    except noise_peer.Bad:
        pass
    assert peer.join(code) == member

    links = ada.facts("status")["links"]
    link = peer.dial(code, "member", peer.epoch_key, member)
    link.send(NEIGHBOUR, link_pb.Neighbour(wish=3).SerializeToString())  # it has no link
    ada.until(lambda: ada.facts("status")["links"], lambda n: n == links + 1)
    for nonce in range(2100):  # both directions get a new key twice (PROTOCOL 3.5)
        link.send(noise_peer.PING, link_pb.Ping(nonce=nonce + 1).SerializeToString())
        kind, data = link.receive()
        while kind != noise_peer.PONG:
            kind, data = link.receive()
        assert link_pb.Ping.FromString(data).nonce == nonce + 1
    link.send(noise_peer.PING, link_pb.Ping(nonce=4711).SerializeToString())
    now = int(time.time() * 1000)
    record = pb.NodeRecord(head=pb.Head(community=code.community, author=peer.id, created=now,
                                        expires=now + 6 * DAY_MS), sequence=1, addresses=["127.0.0.1:9"],
                           log=bytes(peer.log.verify_key))
    signed = sign(pb, "node-record", record.SerializeToString(deterministic=True), peer.node)
    objects = ben.facts("status")["live_objects"]
    link.send(GOSSIP, link_pb.Gossip(object=signed.SerializeToString(), hops=0).SerializeToString())
    ben.until(lambda: ben.facts("status")["live_objects"], lambda n: n > objects)  # passed on: it was accepted

    seconds = (datetime.datetime.now() - datetime.timedelta(minutes=20)).replace(microsecond=0)
    text = ben.with_passphrase("request", "--at", "52.61,13.5", "--radius", "60", "--from", f"{seconds:%Y-%m-%d %H:%M:%S}",
                               "--to", f"{seconds + datetime.timedelta(seconds=30):%Y-%m-%d %H:%M:%S}", "--reason",
                               "Stolen bicycle, blue", "--voluntary", "--yes")
    wanted = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1).replace("-", "").lower()
    ponged = asked = False
    while not (ponged and asked):
        kind, data = link.receive()
        ponged = ponged or kind == noise_peer.PONG and link_pb.Ping.FromString(data).nonce == 4711
        if kind == noise_peer.PING:
            link.send(noise_peer.PONG, data)
        if kind == GOSSIP:
            signed = pb.Signed.FromString(link_pb.Gossip.FromString(data).object)
            if hashlib.sha256(signed.body).hexdigest().startswith(wanted):
                request = pb.Request.FromString(signed.body)
                check_signatures(signed, peer.members[request.head.author].owners[0][:32])
                assert request.reason == "Stolen bicycle, blue"
                asked = True
    link.send(noise_peer.CLOSE, b"")
    link.close()


def main():
    with set_up("tools", "ada", "ben") as (root, ada, ben):
        program = go_program(root)
        for home in (ada, ben):
            start_home(home)
        found_and_join((ada, ben))
        certificate = age_opens_clips(ada, ben, root)
        second_implementation(ada, ben, root)
        logs_verify_elsewhere(program, (ada, ben), certificate, root)
        print("tools: age opens a vault clip and a delivered one; x/mod verifies logs and proofs; a Python home joined")


if __name__ == "__main__":
    main()
