#!/usr/bin/env python3
"""A warrant that a court keeps secret for two minutes: on record at two homes at once and named at none; the prompt and the
list say until when; the node is stopped and started; then every home publishes it by itself, once, and verification
follows it from the first day. Then what was collected is listed, and deleted.

usage: tests/e2e/secrecy_test.py BIN-FOLDER
"""
import datetime
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from street import (WARRANT, accept, add_camera, at_question, found_and_join, half_an_hour_ago, open_clips,  # noqa: E402
                    request_words, set_up, start_home)

SECRET_S = 120
CONF = WARRANT + """non_disclosure = yes
non_disclosure_authority = M. Okafor
non_disclosure_issued = {issued}
non_disclosure_expires = {secret}
"""


def utc(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def leaves(home, *words):
    return [leaf for leaf in home.facts("log", "show") if leaf["leaf"].split(" ")[0] in words]


def main():
    with set_up("secrecy", "ada", "ben") as (root, ada, ben):
        homes = [ada, ben]
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        conf = root / "warrant.conf"
        conf.write_text(CONF.format(issued=utc(-7200), until=utc(5 * 86400), secret=utc(SECRET_S)))
        text = ada.with_passphrase(*request_words(start, 5, 22)[:-1], "--process", str(conf))
        code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        for home in homes:
            asked = [r for r in home.facts("requests") if r["code"] == code][0]
            assert asked["secret_by"] == "M. Okafor" and asked["secret_until"], asked
            whole = json.dumps([leaf["leaf"] for leaf in home.facts("log", "show")])
            assert asked["request"] not in whole, "named while it is secret"
            withheld = leaves(home, "request_withheld")
            assert len(withheld) == 1 and withheld[0]["withheld_until"], withheld
            assert not leaves(home, "request_made", "request_seen", "request_published")
        terminal = at_question(ben, "review", code)
        assert "SECRET until" in terminal.text and "the log names it from that day on" in terminal.text, terminal.text
        terminal.line("l")
        assert terminal.wait() == 3
        accept(ben, code)
        ada.until(lambda: ada.facts("delivered"), lambda d: d and d[0]["state"].startswith("here"))
        ada.with_passphrase("collect", code, "--to", str(root / "out"))
        ben.stop()
        ben.start()
        request = asked["request"]
        for home in homes:
            shown = home.until(lambda h=home: leaves(h, "request_published"), lambda found: found, SECRET_S + 60)
            home.until(lambda h=home: h.facts("log", "verify").get("published"), lambda n: n == 1)
            assert len(leaves(home, "request_published")) == 1
            assert f" a={request} " in leaves(home, "request_published")[0]["leaf"], shown
            verified = home.facts("log", "verify")
            assert (verified["result"], verified["withheld"], verified["published"]) == ("verified", 0, 1), verified

        # Its terms: what was collected is listed, and goes where it still is what it was.
        held = ada.facts("delivered")[0]
        assert [f["state"] for f in held["files"]] == ["there"] * 3 and not held["overdue"], held
        assert ada.facts("status")["deletions_overdue"] == 0
        assert ben.facts("overdue")[0]["received"] == 1
        assert ada.run("delete", code, check=False).returncode == 5  # nobody to ask
        assert len(list((root / "out").iterdir())) == 3
        part = next((root / "out").glob("*.mp4")).with_suffix(".mp4.part")
        part.write_bytes(b"half")
        done = ada.run("delete", code.replace("-", "").lower(), "--yes", "--json", check=False)
        items = json.loads(done.stdout)
        assert done.returncode == 1 and len(items) == 5, done
        assert [(i["state"], "file" in i) for i in items] == [("deleted", False)] + [("deleted", True)] * 3 + [("left", True)]
        assert "a part of it is there" in ada.run("delivered").stdout
        done = ada.run("delete", code, "--yes", check=False)
        assert done.returncode == 1 and "a collect that was killed; remove it yourself" in done.stdout, done
        part.unlink()
        done = ada.run("delete", code)  # nothing is left that need be asked about
        assert "nothing was left to delete" in done.stdout, done
        assert not list((root / "out").iterdir())
        ada.until(lambda: ada.facts("delivered")[0]["state"], lambda s: s == "deleted")
        ben.until(lambda: ben.facts("overdue")[0]["deleted"], lambda n: n == 1)
        print("secrecy: withheld, said, published by itself and once; collected, listed, deleted")


if __name__ == "__main__":
    main()
