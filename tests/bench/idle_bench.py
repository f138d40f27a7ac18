#!/usr/bin/env python3
"""What a home costs while nothing happens: eight homes, seven links each. Resident memory of the node, its wake-ups in
a minute beside those that keep-alives, the log's slot and reconciliation explain, and the time from start to ready.
It reports and never judges.

usage: tests/bench/idle_bench.py BIN-FOLDER [--seconds N]
"""
import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from street import invite, start_home  # noqa: E402

NAMES = ("ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hana")
PING_S, SLOT_S, SYNC_S = 4, 60, 30


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {key: int(value) for key, value in re.findall(r"(\w+):\s+(\d+)", text)}


def node_pid(home):
    return int(subprocess.run(["pgrep", "-P", str(home.daemon.pid), "stoop-node"], capture_output=True, text=True,
                              check=True).stdout)


def ready_seconds(home):
    """From exec to the first answer on the control socket."""
    home.stop()
    began = time.monotonic()
    out = open(home.root / "journal", "ab")
    home.daemon = subprocess.Popen([str(home.bin / "stoopd"), "--home", str(home.data)], env=home.env,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    while home.run("status", check=False).returncode != 0:
        time.sleep(0.002)
    return time.monotonic() - began


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin")
    options.add_argument("--seconds", type=int, default=60)
    options = options.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-idle-"))
    homes = [Home(options.bin, root, name) for name in NAMES]
    try:
        for home in homes:
            start_home(home)
        homes[0].with_passphrase("community", "found", "Elm Street", "--slot", str(SLOT_S))
        for home in homes[1:]:
            home.with_passphrase("join", "--yes", invite(homes[0]))
        for home in homes:
            home.until(lambda h=home: h.facts("status")["links"], lambda n: n == len(homes) - 1)
        time.sleep(10)
        pids = [node_pid(home) for home in homes]
        before = [status(pid) for pid in pids]
        time.sleep(options.seconds)
        after = [status(pid) for pid in pids]
        wakes = [a["voluntary_ctxt_switches"] - b["voluntary_ctxt_switches"] for a, b in zip(after, before)]
        links = len(homes) - 1
        # On each link the timer of our own ping, the answer to it, and the other side's; a slot closes, its files
        # are written; now and then a link is reconciled.
        most = options.seconds / PING_S * 3 * links + 2 * options.seconds / SLOT_S + 2 * links * options.seconds / SYNC_S
        print(f"{links} links, {options.seconds} s: {statistics.median(wakes):.0f} wake-ups of a node (median of "
              f"{len(homes)}, {min(wakes)} to {max(wakes)}); keep-alives and the slot explain up to {most:.0f}: "
              f"{statistics.median(wakes) / most:.2f} of that")
        print(f"resident: {statistics.median(a['VmRSS'] for a in after) / 1024:.1f} MiB, of it of its own "
              f"{statistics.median(a['RssAnon'] for a in after) / 1024:.1f}; at most "
              f"{max(a['VmHWM'] for a in after) / 1024:.1f} (aim 10)")
        print(f"start to ready: {statistics.median(ready_seconds(homes[1]) for _ in range(5)) * 1000:.0f} ms "
              f"(a bare 'stoop --version' {bare(homes[1]) * 1000:.0f} ms)")
    finally:
        for home in homes:
            home.stop()
    shutil.rmtree(root)


def bare(home):
    def one():
        began = time.monotonic()
        home.run("--version")
        return time.monotonic() - began
    return statistics.median(one() for _ in range(5))


if __name__ == "__main__":
    main()
