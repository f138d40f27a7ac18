#!/usr/bin/env python3
"""Does the simulator find bugs? Plants them one by one in a copy of the engine, and runs the swarm.

usage: tests/sim/planted.py [--build DIR] [--seconds S] [--seed N] [NAME...]

Each bug is a few words of the source replaced by others. Prints what found it, and after how long;
fails when one was not found within S seconds (default 60), or its place in the source is gone.
"""

import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = "node/overlay"

# name: (file, words, words in their place)
BUGS = {
    "forwards before it verifies": (
        "overlay.c",
        "    o->out->verdict = overlay_look_up(o, &event->key.id, event->reserved, o->now);\n",
        "    o->out->verdict = overlay_look_up(o, &event->key.id, event->reserved, o->now);\n"
        "    for (size_t i = 0; o->out->verdict == OVERLAY_WANTED && i < OVERLAY_SLOTS; i++) {\n"
        "        if (o->links[i].no != 0 && o->links[i].state == LINK_STATE_OPEN) {\n"
        "            overlay_push(o, &o->links[i], &event->key.id, 1);\n"
        "        }\n"
        "    }\n",
    ),
    "forgets to prune": ("tree.c", "    prune(o, link, event->key.id.b);\n", ""),
    "takes an object twice": (
        "overlay.c",
        "    if (sync_set_find(overlay->objects, id) != NULL) {\n        return OVERLAY_DUPLICATE;",
        "    if (sync_set_find(overlay->objects, id) != NULL && id->b[0] != 0) {\n        return OVERLAY_DUPLICATE;",
    ),
    "keeps what has expired": (
        "overlay.c",
        "instant_reached(o->now.wall, soonest->expires)",
        "instant_reached(o->now.wall, instant_add(soonest->expires, (struct duration){3600000}))",
    ),
    "off by one in a range": (
        "sync.c",
        "for (size_t k = range.from; k < range.to && out->push_count",
        "for (size_t k = range.from; k + 1 < range.to && out->push_count",
    ),
    "never reconciles": (
        "catch_up.c",
        "    sync_open(o->objects, overlay_draw(o), &o->out->sync);\n    send_answer(o, link);\n",
        "",
    ),
    "no back-off": ("book.c", "& SECONDS_MASK;\n        known->failures", "* 0;\n        known->failures"),
    "an unbounded queue": (
        "tree.c",
        "if (o->missing_count == OVERLAY_MISSING_MAX || has_its_share(o, link)) {",
        "if (o->missing_count == 64 * OVERLAY_MISSING_MAX) {",
    ),
    "does not keep links alive": ("view.c", "KEEP_ALIVE_MS = 4000,", "KEEP_ALIVE_MS = 400000,"),
    "takes one link too many": (
        "view.c",
        "if (!group_full && open < OVERLAY_LINKS_MAX &&",
        "if (!group_full && open <= OVERLAY_LINKS_MAX &&",
    ),
    "takes any number from one network": (
        "view.c",
        "return link->group != 0 && count >= OVERLAY_GROUP_MAX &&",
        "return link->group != 0 && count >= 4 * OVERLAY_GROUP_MAX &&",
    ),
    "names itself": ("book.c", "if (peer == o->self || overlay_link_to", "if (overlay_link_to"),
    "gives up what it dialled": (
        "view.c",
        "struct link *victim = choose_newcomer(o, group_full ? link->group : 0);",
        "struct link *victim = choose_victim(o);",
    ),
    "walks without end": ("walk.c", "    walk->as.walk.left--;\n", ""),
    "shuns nobody": ("score.c", "if (link->points >= OVERLAY_FAULTS_MAX) {", "if (link->points == UINT16_MAX) {"),
    "forgets whom it cannot reach": (
        "book.c",
        "    if (known != NULL) {\n        int64_t wait = DIAL_FIRST_MS;",
        "    if (known != NULL) {\n        book_remove(o, peer);\n    } else if (known != NULL) {\n        int64_t wait = DIAL_FIRST_MS;",
    ),
}


def plant(name, build, folder):
    """The program with this bug, or None when its place is gone."""
    file, words, instead = BUGS[name]
    tree = folder / ENGINE
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / ENGINE, tree)
    text = (tree / file).read_text()
    if text.count(words) != 1:
        return None
    (tree / file).write_text(text.replace(words, instead))
    program = folder / "overlay_sim"
    compiler = os.environ.get("CC", "cc")
    libraries = shlex.split(
        subprocess.check_output(["pkg-config", "--libs", "libsodium", "libcrypto", "libprotobuf-c"], text=True)
    )
    subprocess.run(
        [compiler, "-std=c17", "-O2", "-w", "-D_GNU_SOURCE", f"-I{folder}", f"-I{ROOT}", f"-I{build}"]
        + [str(path) for path in sorted(tree.glob("*.c"))]
        + ["-o", str(program), "-Wl,--start-group", str(build / "tests" / "liboverlay_sim.a")]
        + [str(build / f"lib{name}.a") for name in ("proto", "proto_generated", "crypto", "node_base")]
        + ["-Wl,--end-group"]
        + libraries
        + ["-lm"],
        check=True,
    )
    return program


def find(program, seconds, seed):
    """(seconds, what it said) or None."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [program, "--swarm-seconds", str(seconds), "--seed", str(seed), "--no-shrink"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds + 120,
        )
    except subprocess.TimeoutExpired:
        return time.monotonic() - began, "it never ended"
    if done.returncode == 0:
        return None
    said = [line for line in done.stdout.splitlines() if line.startswith("broken:") or "assertion" in line.lower()]
    return time.monotonic() - began, said[0] if said else f"exit {done.returncode}"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=pathlib.Path, default=ROOT / ".build" / "clang")
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("names", nargs="*", metavar="NAME")
    options = options.parse_args()
    build = options.build.resolve()
    missed = []
    for name in options.names or BUGS:
        if name not in BUGS:
            sys.exit(f"planted: no bug is called '{name}'; there are: {', '.join(BUGS)}")
        program = plant(name, build, build / "planted" / name.replace(" ", "-"))
        found = None if program is None else find(program, options.seconds, options.seed)
        if found is None:
            missed.append(name)
            print(f"{name:36} {'cannot be planted any more' if program is None else 'NOT FOUND'}", flush=True)
        else:
            print(f"{name:36} {found[0]:5.1f} s  {found[1]}", flush=True)
    if missed:
        sys.exit(f"planted: {len(missed)} of {len(options.names or BUGS)} were not found: {', '.join(missed)}")
    print(f"planted: all {len(options.names or BUGS)} found")


if __name__ == "__main__":
    main()
