#!/usr/bin/env python3
"""`stoop process check` of every instrument in tests/support/instruments.txt comes out as at the fence and at the prompt
(tests/property/instruments_test.c): the same rules fail and are open, each with the line of its key; the same exit code.

usage: tests/e2e/instruments_test.py BIN-FOLDER
"""
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

TABLE = pathlib.Path(__file__).resolve().parents[1] / "support/instruments.txt"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
COURT = {"search_warrant", "court_order", "production_order", "subpoena"}


def read_table():
    """[{name, form, from, keys: {key: value or None}, fails, unknown, holds, verdict, document}]"""
    rows, forms = [], {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            name = line[1:line.index("]")]
            row = {"name": name.removeprefix("form "), "form": name.startswith("form "), "from": None, "keys": {}}
            rows.append(row)
            if row["form"]:
                forms[row["name"]] = row
        elif line.startswith("?"):
            word, value = line[1:].split(" ", 1)
            row[word] = forms[value] if word == "from" else value
        elif line.startswith("-"):
            row["keys"][line[1:]] = None
        elif line and not line.startswith("#"):
            key, value = line.split(" = ", 1)
            row["keys"][key] = value
    return rows


def moment(match):
    amount, unit, zone = match.groups()
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**{UNITS[unit]: int(amount)})
    if zone:
        sign = -1 if zone[0] == "-" else 1
        at += sign * datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (zone or "Z")


def expand(value):
    value = re.sub(r"\{([+-]\d+)([smhd])(?: ([+-]\d\d:\d\d))?\}", moment, value)
    value = re.sub(r"\{(\d+)\*([^}]*)\}", lambda m: int(m[1]) * m[2], value)
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), value.encode())


def file_of(row):
    """The process file, and the line of each key in it."""
    merged = dict(row["from"]["keys"] if row["from"] else {})
    merged.update(row["keys"])
    lines = [(key, value) for key, value in merged.items() if value is not None]
    text = b"".join(key.encode() + b" = " + expand(value) + b"\n" for key, value in lines)
    return text, {key: number for number, (key, _) in enumerate(lines, 1)}, merged.get("instrument")


def ids(row, what):
    return set(row.get(what, "").split())


def expected_of(row):
    base, holds = row["from"] or {}, ids(row, "holds")
    fails = ids(row, "fails") | (ids(base, "fails") - holds)
    unknown = ids(row, "unknown") | (ids(base, "unknown") - holds - ids(row, "fails"))
    return fails, unknown


def check(got, expect, what):
    assert got == expect, f"{what}\n  expected {expect!r}\n  got      {got!r}"


def main():
    stoop = pathlib.Path(sys.argv[1]).resolve() / "stoop"
    rules = {rule["id"]: rule for rule in json.loads(
        subprocess.run([stoop, "process", "rules", "--json"], capture_output=True, check=True).stdout)}
    of_file = {i for i, rule in rules.items() if rule["field"] not in ("at", "from", "to", "reason", "amends")}
    refusing = {i for i, rule in rules.items() if rule["otherwise"] == "every home refuses it"}
    counts = {"taken": 0, "refused": 0, "unreadable": 0}
    with tempfile.TemporaryDirectory(prefix="stoop-instruments-") as folder:
        path, document = pathlib.Path(folder) / "process.conf", pathlib.Path(folder) / "document.pdf"
        document.write_bytes(b"%PDF-1.7\n")
        for row in read_table():
            if row.get("document") == "away":
                continue  # of a node: here the document is given, or it is not
            text, lines, kind = file_of(row)
            path.write_bytes(text)
            given = ["--document", str(document)] if kind in COURT and row.get("document") != "no" else []
            done = subprocess.run([stoop, "process", "check", str(path), *given, "--json"], capture_output=True, timeout=60)
            said = json.loads(done.stdout)
            if row.get("verdict", "").startswith("unreadable"):
                faulty = [key for key in lines if key in row["verdict"].split()]
                check([fault["line"] for fault in said["faults"]], [lines[key] for key in faulty], (row["name"], said))
                check((done.returncode, said["verdict"]), (1, "unreadable"), row["name"])
                counts["unreadable"] += 1
                continue
            fails, unknown = (found & of_file for found in expected_of(row))
            refused = bool(fails & refusing)
            got = {word: {rule["id"] for rule in said["rules"] if rule["outcome"] == word} for word in ("FAILED", "unknown")}
            check((got["FAILED"], got["unknown"]), (fails, unknown), row["name"])
            check((done.returncode, said["verdict"]), ((1, "refused") if refused else (0, "taken")), row["name"])
            for rule in said["rules"]:
                check(rule["source"], rules[rule["id"]]["source"], row["name"])
                if rule["field"] in lines:
                    check(rule["line"], lines[rule["field"]], (row["name"], rule))
            person = subprocess.run([stoop, "process", "check", str(path), *given], capture_output=True, timeout=60)
            check(person.returncode, done.returncode, row["name"])
            for rule in fails:
                word = b"REFUSED" if rule in refusing else b"FAILED"
                assert b"%s %s " % (word, rule.encode()) in person.stdout, (row["name"], person.stdout)
            counts[said["verdict"]] += 1
    assert sum(counts.values()) >= 180 and min(counts.values()) >= 20, counts
    print(f"instruments: {sum(counts.values())} checked as elsewhere: {counts}")


if __name__ == "__main__":
    main()
