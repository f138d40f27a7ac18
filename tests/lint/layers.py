#!/usr/bin/env python3
"""Checks each #include against the table of layers, and each cited PROTOCOL section against PROTOCOL.md."""
import pathlib
import re
import sys

LAYERS = {
    "node/base": 0,
    "crypto": 1, "node/confine": 1,
    "proto": 2,
    "node/store": 3, "node/media": 3,
    "node/transport": 4, "node/overlay": 4, "node/community": 4, "node/request": 4,
    "node/consent": 4, "node/transfer": 4, "node/log": 4,
    "cli": 4,
    "node/core": 5, "node/ingest": 5,
    "node/shell": 6,
    "node": 7,
}
ENGINES = {"transport", "overlay", "community", "request", "consent", "transfer", "log"}
SYSTEM = {  # headers beyond libc, and where they may be used
    "sodium": {"crypto"}, "openssl/": {"crypto"},
    "seccomp": {"node/confine"}, "linux/": {"node/confine"},
    "sqlite3": {"node/store"},
    "uv.h": {"node/shell"},
    "jansson": {"cli"}, "qrencode": {"cli"},
    "protobuf-c": {"proto"},
}

root = pathlib.Path(__file__).resolve().parents[2]
faults = []


def folder_of(path):
    folder = str(path.parent)
    return folder if folder in LAYERS else None


def check_includes(path, text):
    here = folder_of(path)
    if here is None:
        faults.append(f"{path}: is in no layer")
        return
    for number, line in enumerate(text.splitlines(), 1):
        own = re.match(r'#include "([^"]+)"', line)
        system = re.match(r"#include <([^>]+)>", line)
        if own:
            there = folder_of(pathlib.PurePosixPath(own.group(1)))
            if there is None:
                faults.append(f"{path}:{number}: '{own.group(1)}' is in no layer")
            elif there != here and LAYERS[there] >= LAYERS[here]:
                faults.append(f"{path}:{number}: layer {LAYERS[here]} includes {own.group(1)} of layer {LAYERS[there]}")
            elif there == "node/media" and here not in ("node/media", "node/ingest", "cli"):
                faults.append(f"{path}:{number}: only ingest and cli have ffmpeg run")
            elif there == "node/store" and here not in ("node/core", "node/ingest", "node/store", "node/shell", "node"):
                faults.append(f"{path}:{number}: only core and ingest call the store")
        if system:
            for header, allowed in SYSTEM.items():
                if system.group(1).startswith(header) and here not in allowed:
                    faults.append(f"{path}:{number}: <{system.group(1)}> belongs to {', '.join(sorted(allowed))}")
            if here.removeprefix("node/") in ENGINES and system.group(1) in (
                    "stdio.h", "time.h", "unistd.h", "fcntl.h") and system.group(1) != "stdio.h":
                faults.append(f"{path}:{number}: an engine does no I/O")


def check_sections(path, text, sections):
    for number, line in enumerate(text.splitlines(), 1):
        for citation in re.findall(r"PROTOCOL (\d+(?:\.\d+)*(?:(?:,| and| to|, and) \d+\.\d+)*)", line):
            for cited in re.findall(r"\d+(?:\.\d+)*", citation):
                if cited not in sections:
                    faults.append(f"{path}:{number}: PROTOCOL {cited} does not exist")


protocol = (root / "proto/PROTOCOL.md").read_text()
sections = set(re.findall(r"^#+ (\d+(?:\.\d+)*)\b", protocol, re.M))
for source in sorted(root.rglob("*.[ch]")):
    path = source.relative_to(root)
    if path.parts[0].startswith("."):
        continue
    text = source.read_text()
    check_sections(path, text, sections)
    if path.parts[0] != "tests":
        check_includes(path, text)
for fault in faults:
    print(fault)
sys.exit(1 if faults else 0)
