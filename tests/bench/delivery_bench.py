#!/usr/bin/env python3
"""A large clip end to end between two real homes on loopback, beside scp of the same bytes in the same run.

It reports and never judges. The clip is real footage (a noisy picture, joined without re-encoding until it is
large enough) that lies wholly within the time asked for, so it is sealed, reviewed, granted and delivered bit for
bit by the programs themselves. The time of a delivery runs from the requester's taking the offer to the moment when
the whole payload is on its disk and the header has come. scp has its own server, keys and configuration. The limits
are printed too: a bare sendfile into a reader, and one pass of SHA-256.

usage: tests/bench/delivery_bench.py BIN-FOLDER [--mb N] [--rounds N]
"""
import argparse
import datetime
import hashlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from footage import make_large_file  # noqa: E402
from homes import Home, free_port  # noqa: E402
from street import PLACE, accept, ask, found_and_join, open_clips, start_home  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def node_pid(home):
    """The network process below the supervisor."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        if name == "stoop-node" and int(rest.split()[1]) == home.daemon.pid:
            return int(stat.parent.name)
    raise AssertionError(f"{home.name} has no node")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def status_kib(pid, key):
    return int(re.search(rf"{key}:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class TimedHome(Home):
    """Its journal with the moment of each line."""

    def start(self, log=None):
        out, into = os.pipe()
        self.lines = getattr(self, "lines", [])
        self.daemon = subprocess.Popen([str(self.bin / "stoopd"), "--home", str(self.data)], env=self.env,
                                       stdin=subprocess.DEVNULL, stdout=into, stderr=into)
        os.close(into)
        threading.Thread(target=self.follow, args=(out,), daemon=True).start()
        self.wait_ready()

    def follow(self, out):
        with os.fdopen(out, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self.lines.append((time.monotonic(), line.rstrip("\n")))

    def journal(self):
        return "\n".join(line for _, line in self.lines)

    def moment(self, wanted, after, timeout=300):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            for at, line in list(self.lines):
                if at > after and re.search(wanted, line):
                    return at
            time.sleep(0.01)
        raise AssertionError(f"{self.name}: no {wanted!r}:\n{self.journal()}")


class Scp:
    """A server of our own on loopback, with keys made for it."""

    def __init__(self, root):
        self.root = root / "scp"
        self.root.mkdir(mode=0o700)
        self.port = free_port()
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.root / key)], check=True)
        shutil.copy(self.root / "user.pub", self.root / "authorized_keys")
        (self.root / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.root}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.root}/authorized_keys\nStrictModes no\nPasswordAuthentication no\n"
            f"PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n")
        os.makedirs("/run/sshd", exist_ok=True)
        self.server = subprocess.Popen([shutil.which("sshd", path="/usr/sbin:/usr/bin"), "-D", "-f",
                                        str(self.root / "sshd_config")], stderr=subprocess.DEVNULL)

    def copy(self, source, target):
        """Seconds: until scp ends, and until the bytes are on the disk as ours are."""
        began = time.monotonic()
        for _ in range(50):
            done = subprocess.run(["scp", "-q", "-F", "none", "-P", str(self.port), "-i", str(self.root / "user"), "-o",
                                   "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.root}/known", str(source),
                                   f"127.0.0.1:{target}"], stderr=subprocess.PIPE, text=True)
            if done.returncode == 0:
                break
            time.sleep(0.1)
            began = time.monotonic()
        else:
            raise AssertionError(done.stderr)
        copied = time.monotonic() - began
        with open(target, "rb") as file:
            os.fsync(file.fileno())
        durable = time.monotonic() - began
        target.unlink()
        return copied, durable

    def stop(self):
        self.server.terminate()
        self.server.wait(10)


def bare_sendfile(path):
    """Seconds and CPU seconds of a sender and a reader that throws away."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = socket.create_connection(server.getsockname())
        reader, _ = server.accept()
    size = path.stat().st_size

    def send():
        with open(path, "rb") as file:
            at = 0
            while at < size:
                at += os.sendfile(sender.fileno(), file.fileno(), at, 4 << 20)
        sender.close()
    thread = threading.Thread(target=send)
    began, cpu = time.monotonic(), time.process_time()
    thread.start()
    room = bytearray(128 * 1024)
    while reader.recv_into(room):
        pass
    thread.join()
    reader.close()
    return time.monotonic() - began, time.process_time() - cpu


def bare_sha256(path):
    """Seconds and CPU seconds of one pass."""
    began, cpu = time.monotonic(), time.process_time()
    state, room = hashlib.sha256(), bytearray(64 * 1024)
    with open(path, "rb", buffering=0) as file:
        while got := file.readinto(room):
            state.update(memoryview(room)[:got])
    return time.monotonic() - began, time.process_time() - cpu


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--mb", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=3)
    options = options.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-delivery-"))
    ada, ben = homes = [TimedHome(options.bin, root, name) for name in ("ada", "ben")]
    scp = Scp(root)
    try:
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = (datetime.datetime.now() - datetime.timedelta(hours=1)).replace(microsecond=0)
        clip, seconds = make_large_file(root / "camera", start, options.mb * 1000 * 1000)
        size = clip.stat().st_size
        gb = size / 1e9
        ben.with_passphrase("camera", "add", "porch", "--folder", str(clip.parent), "--layout", "motion", "--at",
                            PLACE, "--reach", "40")
        time.sleep(4)
        times = {"delivery": [], "scp": [], "scp, on disk": [], "sendfile": [], "sha256": []}
        cpu, floor = [], []
        for turn in range(options.rounds):
            code = ask(ada, start, -5 - turn, seconds + 5)
            ben.until(lambda: open_clips(ben), lambda n: n == 1, timeout=120)
            asked = time.monotonic()
            before = sum(cpu_seconds(node_pid(home)) for home in homes)
            exit_code, text = accept(ben, code)
            assert exit_code == 0, text
            reviewed = sum(cpu_seconds(node_pid(home)) for home in homes)
            began = ada.moment("transfer: offered", asked)
            ended = ada.moment("transfer: received", asked)
            after = sum(cpu_seconds(node_pid(home)) for home in homes)
            times["delivery"].append(ended - began)
            cpu.append((after - reviewed, reviewed - before))
            copied, durable = scp.copy(clip, root / "copy")
            times["scp"].append(copied)
            times["scp, on disk"].append(durable)
            sendfile, sha256 = bare_sendfile(clip), bare_sha256(clip)
            times["sendfile"].append(sendfile[0])
            times["sha256"].append(sha256[0])
            floor.append(sendfile[1] + sha256[1])
            print(f"round {turn + 1}: " + ", ".join(f"{name} {size / 1e6 / t[-1]:.0f} MB/s" for name, t in times.items())
                  + f"; both nodes {cpu[-1][0] / gb:.2f} CPU s a GB (review before it {cpu[-1][1] / gb:.2f})", flush=True)
            if turn == 0:
                ada.with_passphrase("collect", code, "--to", str(root / "out"))
                assert next((root / "out").glob(f"stoop-{code}-*.mp4")).read_bytes() == clip.read_bytes()
                shutil.rmtree(root / "out")
        middle = {name: statistics.median(t) for name, t in times.items()}
        print(f"payload of {size / 1e6:.0f} MB, median of {options.rounds}: "
              f"{middle['scp'] / middle['delivery']:.2f} times as fast as scp, "
              f"{middle['scp, on disk'] / middle['delivery']:.2f} times as scp to disk (aim 3)")
        print(f"both nodes together: {statistics.median(c for c, _ in cpu) / gb:.2f} CPU s a GB (aim 1); a bare sendfile "
              f"and a bare pass of SHA-256, neither of which writes, {statistics.median(floor) / gb:.2f}: "
              f"{statistics.median(c for c, _ in cpu) / statistics.median(floor):.2f} times that")
        for home in homes:
            print(f"{home.name}: at most {status_kib(node_pid(home), 'VmHWM') / 1024:.1f} MiB resident (aim 32)")
    except BaseException:
        for home in homes:
            print(f"--- {home.name}\n{home.journal()}", file=sys.stderr)
        raise
    finally:
        for home in homes:
            home.stop()
        scp.stop()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
