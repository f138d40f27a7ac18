#!/usr/bin/env python3
"""P2 between real homes: does anything that a home sends, or when it sends it, tell the requester whether
it has no camera, no footage, declined, left the prompt open, is sealing a long clip just now, or has an owner
who looked at the clip and put it off, or edited it and left it?

The requester is an attacker (silence_probe.c): it times every home to the microsecond while its request
is matched, sealed, declined, expired and shredded there. Each run is one request to all homes at once; what
a home has of the time asked for differs from run to run, so that a home is compared with itself.

Matching starts at once here, without the random wait that spreads it over minutes, all homes share one computer
and its disk, and times are taken to the microsecond: so this finds what load gives away, which no virtual clock
can. tests/property/silence_test.c holds what is sent, and when the disk is written. It reports; nothing depends
on what it finds but that it can find a planted leak.

usage: tests/bench/silence_bench.py BIN-FOLDER [--runs N] [--minutes M] [--labs N] [--homes N] [--keep FILE]
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402

SLOTS = 16           # times that may be asked for; a home has footage of some
LIFE_MS = 2400       # of a request: it ends, and what was sealed is shredded, within the run
BEFORE_MS = 300
AFTER_MS = 3200
KINDS = {"a": "no camera", "b": "no footage", "c": "declined", "d": "left open", "e": "sealing a long clip",
         "f": "looked, put off", "g": "edited, left"}
ACTS = {"c": "decline", "f": "look", "g": "edit"}  # of owners; a home of one owner has no co-owner's decision
WINDOWS = [(0, .3), (.3, .8), (.8, 1.3), (1.3, 1.9), (1.9, 2.4), (2.4, 3.2)]


# ---- the lab ----

def listening_port():
    """Free, and not one that the system hands out to who dials: the homes dial each other all the time."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Lab:
    def __init__(self, bin_dir, count, number):
        self.number = number
        self.random = random.Random(number)
        self.tests = pathlib.Path(bin_dir).parent / "tests"
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-silence-"))
        self.asker = Home(bin_dir, self.root, "asker", port=listening_port())
        self.homes = [Home(bin_dir, self.root, f"home{i}", port=listening_port()) for i in range(count)]
        self.all = [self.asker, *self.homes]
        for home in self.all:
            home.env["TZ"] = "UTC"
        # Two homes have no camera, other ones in each lab; the rest has light, heavy or no footage of each time.
        bare = [(2 * number + i) % count for i in range(2)]
        self.has = [["a"] * SLOTS if i in bare else [self.random.choice("bbddddee") for _ in range(SLOTS)]
                    for i in range(count)]
        self.start = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=SLOTS + 10)
                      ).replace(second=0, microsecond=0)
        self.children = []

    def set_up(self):
        for home in self.all:
            home.init()
            home.set_config("match_delay_s", "0")
            home.start()
        # The asker does not found: it is a member like any other.
        founder = self.homes[0]
        founder.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        for home in self.all:
            if home is not founder:
                invite = founder.with_passphrase("invite", "--json")
                home.with_passphrase("join", "--yes", json.loads(invite[invite.index("{"):])["code"])
        self.asker.until(lambda: self.asker.facts("status")["members"], lambda n: n == len(self.all))
        self.make_footage()
        for i, home in enumerate(self.homes):
            if "a" not in self.has[i]:
                home.with_passphrase("camera", "add", "porch", "--folder", str(self.root / f"camera{i}"), "--layout",
                                     "motion", "--at", "52.52,13.405", "--reach", "40")
        self.asker.stop()
        self.probe = self.child("probe", self.asker)
        self.owners = [self.child("owner", home) for home in self.homes]

    def make_footage(self):
        sizes = {"d": "96x64", "e": "480x360"}
        for kind, size in sizes.items():
            subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                            f"testsrc=size={size}:rate=15:duration=20", "-c:v", "libx264", "-preset", "ultrafast", "-g",
                            "15", "-pix_fmt", "yuv420p", str(self.root / f"{kind}.mp4")], check=True)
        for i, has in enumerate(self.has):
            folder = self.root / f"camera{i}"
            folder.mkdir()
            for slot, kind in enumerate(has):
                if kind not in sizes:
                    continue
                begin = self.start + datetime.timedelta(minutes=slot)
                path = folder / begin.strftime("01-%Y%m%d%H%M%S.mp4")
                shutil.copyfile(self.root / f"{kind}.mp4", path)
                ended = begin.timestamp() + 20
                os.utime(path, (ended, ended))

    def child(self, mode, home):
        child = subprocess.Popen([str(self.tests / "silence_probe"), mode, str(home.data),
                                  str(home.root / "config" / "stoop")], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True,
                                 env={**home.env, "STOOP_PASSPHRASE": Home.PASSPHRASE})
        self.children.append(child)
        assert child.stdout.readline() == "ready\n", mode
        return child

    def say(self, child, line):
        child.stdin.write(line + "\n")
        child.stdin.flush()

    def wait_indexed(self):
        """Asks about times until every home that should has sealed something in time."""
        for slot in sorted(range(SLOTS), key=lambda s: -sum(has[s] == "d" for has in self.has))[:3]:
            until = time.monotonic() + 120
            missing = {i for i, has in enumerate(self.has) if has[slot] == "d"}
            while True:
                rows = self.run(slot, f"warm{slot}", decline=False, keep=True)
                missing -= {i for i in missing if rows[i]["sealed"]}
                if not missing:
                    break
                assert time.monotonic() < until, f"time {slot} is not indexed"

    def node_pid(self, home):
        for line in subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(home.daemon.pid)], text=True,
                                   capture_output=True).stdout.splitlines():
            pid, name = line.split()
            if name == "stoop-node":
                return int(pid)
        raise AssertionError("no node")

    def run(self, slot, name, decline=True, planted=False, keep=False):
        """One request to all; a row for each home."""
        begin = int((self.start + datetime.timedelta(minutes=slot)).timestamp() * 1000)
        kinds = [has[slot] for has in self.has]
        if decline:
            kinds = [self.random.choice("cdfg") if kind == "d" else kind for kind in kinds]
        self.say(self.probe, f"run {name} {begin + 2000} {begin + 18000} {LIFE_MS} {BEFORE_MS} {AFTER_MS}")
        assert json.loads(self.probe.stdout.readline())["asked"]
        asked = time.monotonic()
        steps = []  # (when, what, home)
        for i, kind in enumerate(kinds):
            if kind in ACTS:
                steps.append((1.4 + .6 * self.random.random(), ACTS[kind], i))
            elif keep:
                steps.append((1.4, "decline", i))
        if planted:
            steps.append((.5, "leak", [self.pids[i] for i, kind in enumerate(kinds) if kind in "cdefg"]))
        acted = [0] * len(kinds)
        for when, what, i in sorted(steps, key=lambda step: step[0]):
            time.sleep(max(0, asked + when - time.monotonic()))
            if what == "leak":
                self.leak(i)
            else:
                self.say(self.owners[i], what)
                acted[i] = int(self.owners[i].stdout.readline())
        rows = {}
        while True:
            row = json.loads(self.probe.stdout.readline())
            if "done" in row:
                break
            i = [home.address for home in self.homes].index(row["home"])
            row.update(kind=kinds[i], sealed=acted[i])
            rows[i] = row
        for i, kind in enumerate(kinds):  # too slow to act on: it was left open
            if kind in ACTS and acted[i] == 0:
                rows[i]["kind"] = "d"
        return [rows[i] for i in range(len(kinds))]

    def leak(self, pids):
        """What these homes answer comes up to 20 ms late, for most of a second."""
        for _ in range(25):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            time.sleep(.02)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(.003)

    def close(self):
        for child in self.children:
            child.stdin.close()
            child.wait(10)
        for home in self.all:
            home.stop()
        shutil.rmtree(self.root)


# ---- what an attacker makes of it ----

def features(rows):
    """Of all homes of one run: times by themselves, beside the other homes at the same moment, and beside the
    home's own before the request."""
    count = min(len(row["ping"]) for row in rows)
    at = numpy.array([p[0] for p in rows[0]["ping"][:count]]) / 1e6
    pings = numpy.array([[p[1] if p[1] >= 0 else 300000 for p in row["ping"][:count]] for row in rows], float)
    beside = pings - numpy.median(pings, axis=0)
    out = []
    for i, row in enumerate(rows):
        before = at < 0
        values = []
        for start, end in WINDOWS:
            inside = (at >= start) & (at < end)
            line = beside[i][inside] if inside.any() else numpy.zeros(1)
            values += [line.mean() - beside[i][before].mean(), line.max(), numpy.percentile(line, 90),
                       float((line > 1000).mean())]
        for kind in ("commit", "sync"):
            times = [[p[1] if p[1] >= 0 else 300000 for p in r[kind] if p[0] >= 0] for r in rows]
            width = min(len(t) for t in times)
            matrix = numpy.array([t[:width] for t in times], float)
            rel = matrix - numpy.median(matrix, axis=0)
            values += [rel[i].mean(), rel[i].max(), numpy.median(rel[i])]
        values += [row["bytes"], row["records"], row["others"], row["ids"]]
        out.append(values)
    return out


def auc(scores, labels):
    order = numpy.argsort(numpy.concatenate([scores]), kind="mergesort")
    ranks = numpy.empty(len(scores))
    sorted_scores = scores[order]
    ranks[order] = numpy.arange(1, len(scores) + 1)
    start = 0
    for i in range(1, len(scores) + 1):  # ties share their rank
        if i == len(scores) or sorted_scores[i] != sorted_scores[start]:
            ranks[order[start:i]] = (start + 1 + i) / 2
            start = i
    ones = labels.sum()
    return (ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(labels) - ones))


def margin(value, ones, zeros):
    """Half the width of the 95% interval of an AUC (Hanley and McNeil)."""
    q1, q2 = value / (2 - value), 2 * value * value / (1 + value)
    variance = (value * (1 - value) + (ones - 1) * (q1 - value ** 2) + (zeros - 1) * (q2 - value ** 2)) / (ones * zeros)
    return 1.96 * math.sqrt(max(variance, 0))


def logistic(x, y, rounds=300):
    weights = numpy.zeros(x.shape[1] + 1)
    x = numpy.hstack([x, numpy.ones((len(x), 1))])
    for _ in range(rounds):
        p = 1 / (1 + numpy.exp(-numpy.clip(x @ weights, -30, 30)))
        weights -= .3 * (x.T @ (p - y) / len(y) + .02 * weights)
    return weights


def squash(x):
    """Long tails by rank: one stall of the computer must not decide."""
    return numpy.sign(x) * numpy.log1p(numpy.abs(x))


def attack(x, y, folds):
    """AUC of what was learnt on other folds: of the best single feature, and of a logistic regression."""
    single, joint = numpy.zeros(len(y)), numpy.zeros(len(y))
    for fold in numpy.unique(folds):
        train, test = folds != fold, folds == fold
        if len(numpy.unique(y[train])) < 2:
            continue
        mean, spread = x[train].mean(axis=0), x[train].std(axis=0) + 1e-9
        xs = (x - mean) / spread
        tries = [auc(xs[train][:, k], y[train]) for k in range(x.shape[1])]
        best = int(numpy.argmax(numpy.abs(numpy.array(tries) - .5)))
        single[test] = xs[test][:, best] * (1 if tries[best] > .5 else -1)
        weights = logistic(xs[train], y[train])
        joint[test] = numpy.hstack([xs[test], numpy.ones((test.sum(), 1))]) @ weights
    return auc(single, y), auc(joint, y)


def report(table, title):
    """Each kind beside each other. Within a lab a home is compared with itself. Homes with cameras and without are
    different homes: so what is tried there is what was learnt in other labs, where the roles were others'."""
    labs, kinds, homes, runs, x = (numpy.array(column) for column in zip(*table))
    x = x.astype(float)
    for lab in numpy.unique(labs):
        for run in numpy.unique(runs[labs == lab]):  # how busy the computer is shows in all homes alike
            together = (runs == run) & (labs == lab)
            x[together] -= numpy.median(x[together], axis=0)
    x = squash(x)
    own = x.copy()
    for lab in numpy.unique(labs):
        for home in numpy.unique(homes):
            mine = (homes == home) & (labs == lab)
            if mine.any():
                own[mine] -= x[mine].mean(axis=0)
    print(title)
    results = []
    for first, second in ("bc", "bd", "be", "bf", "bg", "cd", "ce", "cf", "cg", "de", "df", "dg", "fg",
                          "ab", "ac", "ad", "ae", "af", "ag"):
        pick = (kinds == first) | (kinds == second)
        y = (kinds[pick] == second).astype(int)
        ones, zeros = int(y.sum()), int(len(y) - y.sum())
        if ones < 8 or zeros < 8 or (first == "a" and len(numpy.unique(labs)) < 2):
            continue
        if first == "a":
            values, folds = x[pick], labs[pick]
        else:
            values, folds = own[pick], runs[pick] % 5
        for name, value in zip(("best feature", "regression"), attack(values, y, folds)):
            half = margin(max(value, .5), ones, zeros)
            print(f"  {KINDS[first]:>12} / {KINDS[second]:<20} {zeros:5} / {ones:<5} {name:13} "
                  f"AUC {value:.3f} +- {half:.3f}")
            results.append((value, half, second))
    return results


def measure(lab, runs, minutes, planted=False):
    table = []
    until = time.monotonic() + minutes * 60
    for number in range(runs):
        if time.monotonic() > until:
            break
        rows = lab.run(lab.random.randrange(SLOTS), f"run{number}", planted=planted)
        for i, values in enumerate(features(rows)):
            table.append((lab.number, rows[i]["kind"], i, number, values))
    return table


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--runs", type=int, default=700)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--homes", type=int, default=8)
    parser.add_argument("--labs", type=int, default=3, help="each with other homes without a camera")
    parser.add_argument("--keep", help="write what was measured to this file")
    options = parser.parse_args()
    table, leak = [], []
    for number in range(options.labs):
        lab = Lab(options.bin, options.homes, number)
        try:
            lab.set_up()
            lab.pids = [lab.node_pid(home) for home in lab.homes]
            lab.wait_indexed()
            table += measure(lab, options.runs // options.labs, options.minutes / options.labs)
            leak += measure(lab, 15, options.minutes, planted=True)
        finally:
            lab.close()
        if options.keep:
            pathlib.Path(options.keep).write_text(json.dumps([table, leak]))
    found = report(table, "as it is")
    planted = report(leak, "planted: homes that have a match answer up to 20 ms late")
    worst = max(value for value, _, _ in found)
    print(f"silence: worst AUC {worst:.3f} as it is, best {max(v for v, _, _ in planted):.3f} with the planted leak")
    assert max(v for v, _, _ in planted) > .9, "the classifier cannot win: it proves nothing"


if __name__ == "__main__":
    main()
