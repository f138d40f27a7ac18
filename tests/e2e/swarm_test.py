#!/usr/bin/env python3
"""Real homes, each in a network namespace of its own with 10 to 100 ms one way to each other: requests reach all of
them; a third loses its link and is killed, so that nobody is told, and requests reach all others; the killed start
again and get what they missed. Then the simulator does the same with as many nodes, the same delays and pace, and the
99th percentile and the recovery, from the kill until all survivors have a request that was made after it, are held
against each other.

--long: 50 homes, half of them are killed, and either figure is within twice the other's. The short form says how they
compare, and fails for no time that it takes: other programs may have the processors.

usage: tests/e2e/swarm_test.py BIN-FOLDER [--long] [--seed N]
"""
import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from netns import Network, Unavailable, random_delays  # noqa: E402
from swarm import (Swarm, deliveries, hear_signals, in_parallel, measure_kill, on_network,  # noqa: E402
                   percentile, publish_one)

PATIENCE_S = 240
FORMS = {False: {"nodes": 12, "kill": 4, "warm_up": 3, "requests": 8},
         True: {"nodes": 50, "kill": 25, "warm_up": 10, "requests": 50}}
SIMULATIONS = 9
AGREES = 2


def all_have(swarm, payloads):
    """Those that live; however long it takes."""
    for payload in payloads:
        if not swarm.wait(payload, set(swarm.alive), PATIENCE_S):
            missing = sorted(swarm.alive - swarm.times(payload).keys())
            journals = "".join(f"--- home{n}\n{swarm.homes[n].journal()[-2000:]}" for n in missing[:3])
            raise AssertionError(f"not at homes {missing} after {PATIENCE_S} s\n{journals}")


def publish_some(swarm, authors):
    """(author, payload) of each, and the seconds from one to the next."""
    began = time.monotonic()
    published = [(author, publish_one(swarm, author)[0]) for author in authors]
    pace = (time.monotonic() - began) / len(published)
    all_have(swarm, [payload for _, payload in published])
    return published, pace


def real(swarm, network, form, dice):
    numbers = range(form["nodes"])
    began = time.monotonic()
    swarm.start()
    together = time.monotonic() - began
    publish_some(swarm, [dice.choice(numbers) for _ in range(form["warm_up"])])
    published, pace = publish_some(swarm, [dice.choice(numbers) for _ in range(form["requests"])])
    waits, direct = deliveries(swarm, network, published)
    assert len(waits) == len(published) * (form["nodes"] - 1), "all_have() has seen them"
    print(f"swarm: {form['nodes']} homes together after {together:.0f} s; {len(published)} requests, all of "
          f"{len(waits)} deliveries: p50 {percentile(waits, .5):.0f} ms, p99 {percentile(waits, .99):.0f} ms "
          f"(the way takes {percentile(direct, .5):.0f} and {percentile(direct, .99):.0f})", flush=True)

    victims = dice.sample(numbers, form["kill"])
    killed, after = measure_kill(swarm, network, victims, dice, PATIENCE_S)
    assert killed["reached_all"] == len(after), f"half a community after {PATIENCE_S} s: {killed}"
    print(f"swarm: {len(victims)} killed: the first of {len(after)} requests is with all {killed['survivors']} others "
          f"after {killed['first_everywhere_s']:.1f} s", flush=True)

    began = time.monotonic()
    swarm.start_again(victims)
    started = time.monotonic()
    all_have(swarm, after)
    caught_up = time.monotonic() - started
    publish_some(swarm, victims[:1])
    print(f"swarm: started again in {started - began:.1f} s, they have what they missed {caught_up:.1f} s later, and "
          f"all have what they ask", flush=True)
    return {"p99": percentile(waits, .99) / 1e3, "recovery": killed["first_everywhere_s"], "pace": pace,
            "kill_pace": killed["every_s"]}


def simulate(program, form, measured, seed):
    """The medians of some seeds: what one does is as much chance as in one real run."""
    pace = measured["pace"]
    told = 2 * form["nodes"] + form["warm_up"]  # objects before: a certificate and a record of each home, requests
    usual = ["--json", "--nodes", str(form["nodes"]), "--set", "lines=1", "--set",
             f"every_ms={round(1000 * pace)}", "--set", f"warm_s={round(told * pace)}"]
    kill_pct = -(-100 * form["kill"] // form["nodes"])

    def figure(number, name, *words):
        done = subprocess.run([program, "--seed", str(number), *usual, *words], stdout=subprocess.PIPE, text=True,
                              timeout=PATIENCE_S, check=True)
        return next(f["value"] for f in json.loads(done.stdout)["figures"] if f["name"] == name)

    def both(number):
        return (figure(number, "p99", "--scenario", "tree", "--set", f"run_s={round(form['requests'] * pace)}"),
                figure(number, "one is everywhere after", "--scenario", "kill-50", "--set", f"kill_pct={kill_pct}",
                       "--set", f"kill_every_ms={round(1000 * measured['kill_pace'])}", "--set", "run_s=20"))

    p99, recovery = map(statistics.median, zip(*in_parallel(both, range(seed, seed + SIMULATIONS), 2)))
    return {"p99": p99, "recovery": recovery}


def compare(measured, simulated, asserts):
    for name in ("p99", "recovery"):
        ratio = measured[name] / simulated[name]
        print(f"swarm: {name}: {measured[name]:.2f} s, the simulator's {simulated[name]:.2f} s: {ratio:.2f} of it")
        assert not asserts or 1 / AGREES <= ratio <= AGREES, f"{name} and the simulator's are not within {AGREES}x"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("bin", type=pathlib.Path)
    options.add_argument("--long", action="store_true")
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    form = FORMS[options.long]
    programs = options.bin.resolve().parent / "tests"
    hear_signals()
    root = pathlib.Path(tempfile.mkdtemp(prefix="stoop-swarm-"))
    try:
        network = Network(form["nodes"], random_delays(form["nodes"], options.seed), programs / "delay_switch")
        with on_network(network, Swarm, options.bin, root, network) as swarm:
            measured = real(swarm, network, form, random.Random(options.seed))
    except Unavailable as why:
        print(f"swarm: skipped: no network namespaces here: {why}")
        return
    finally:
        shutil.rmtree(root, ignore_errors=True)
    compare(measured, simulate(programs / "overlay_sim", form, measured, options.seed), options.long)


if __name__ == "__main__":
    main()
