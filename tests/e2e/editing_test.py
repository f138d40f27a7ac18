#!/usr/bin/env python3
"""An owner takes something away from a clip before it goes (P1, P5, PROTOCOL 6.7): what arrives is the very file whose
digest was shown, has those seconds only, no sound and black where it was asked for; everything else is as it was.

usage: tests/e2e/editing_test.py BIN-FOLDER
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

os.environ["TZ"] = "UTC"
time.tzset()
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from coowner_test import Household  # noqa: E402
from homes import Home  # noqa: E402
from street import (PASSPHRASE, PLACE, QUESTION, ask, at_question, count, delivered, half_an_hour_ago,  # noqa: E402
                    invite, open_clips, set_up, start_home, wait_delivered)

DONE, FAILED, PENDING = 0, 1, 3
RATE, SIZE = 10, (160, 120)


def ffmpeg(*words):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, words)], check=True,
                          capture_output=True).stdout


def probe(path, what):
    return subprocess.run(["ffprobe", "-v", "error", "-ignore_editlist", "1", *what, "-of", "csv=p=0", str(path)],
                          check=True, capture_output=True, text=True).stdout.split()


def streams(path):
    return probe(path, ["-show_entries", "stream=codec_type"])


def pictures(path):
    """Every picture that can be got out of it, in grey, edit lists ignored."""
    raw = ffmpeg("-ignore_editlist", "1", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-pix_fmt", "gray",
                 "-f", "rawvideo", "-")
    step = SIZE[0] * SIZE[1]
    return [raw[at:at + step] for at in range(0, len(raw), step)]


def part(picture, left, top, right, bottom):
    """Of the rectangle, in percent."""
    rows = range(SIZE[1] * top // 100, SIZE[1] * bottom // 100)
    return b"".join(picture[y * SIZE[0] + SIZE[0] * left // 100:y * SIZE[0] + SIZE[0] * right // 100] for y in rows)


def difference(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)


def add_camera(home, start, *co_sign, times=1):
    """Half a minute with sound, of which every picture is another, as three of the recorder's files."""
    folder = home.root / "camera"
    folder.mkdir()
    for index in range(3):
        begin = start + datetime.timedelta(seconds=10 * index)
        path = folder / f"01-{begin:%Y%m%d%H%M%S}.mp4"
        ffmpeg("-f", "lavfi", "-i", f"testsrc=size=160x120:rate={RATE}:duration=10,hue=h={100 * index}", "-f", "lavfi", "-i",
               "sine=frequency=440:duration=10", "-c:v", "libx264", "-g", 25, "-pix_fmt", "yuv420p", "-c:a", "aac", path)
        ended = (begin + datetime.timedelta(seconds=10)).timestamp()
        os.utime(path, (ended, ended))
    home.with_passphrase("camera", "add", "porch", "--folder", str(folder), "--layout", "motion", "--at", PLACE,
                         "--reach", "40", *co_sign, times=times)


class Prompt:
    """A review at its question."""

    def __init__(self, home, code, *owner):
        self.home, self.code = home, code
        self.terminal = at_question(home, *owner, "review", code)

    def type(self, line):
        before = self.terminal.seen
        self.terminal.line(line)
        self.terminal.expect(QUESTION)
        return self.terminal.text[before:self.terminal.seen]

    def look(self):
        """A copy of what 'p' shows."""
        text = self.type("p")
        return pathlib.Path(re.search(r"written to (\S+)\n", text).group(1)).read_bytes()

    def accept(self):
        self.terminal.line(self.code)
        self.terminal.expect(PASSPHRASE)
        self.terminal.line(Home.PASSPHRASE)
        return self.terminal.wait(), self.terminal.text

    def leave(self):
        self.terminal.line("q")
        assert self.terminal.wait() == PENDING


def shown_digest(text):
    return re.findall(r"digest ((?:[0-9a-f]{4} ){4})", text)[-1].replace(" ", "")


def collect(asker, code, folder):
    wait_delivered(asker, code)
    asker.with_passphrase("collect", code, "--to", str(folder))
    clip = next(folder.glob("*.mp4"))
    return clip, json.loads(clip.with_suffix(".json").read_text()), clip.with_suffix(".txt").read_text()


def check_certificate(clip, text):
    script = text[text.index("import base64"):]
    done = subprocess.run([sys.executable, "-c", script, str(clip.with_suffix(".json"))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trimmed_muted_redacted(home, asker, start):
    code = ask(asker, start, 0, 30)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    prompt = Prompt(home, code)
    whole = prompt.look()
    assert "WITH SOUND" in prompt.terminal.text
    (home.root / "whole.mp4").write_bytes(whole)
    before = shown_digest(prompt.terminal.text)
    text = prompt.type("m")
    assert "no sound" in text and "edited by you: sound removed" in text and shown_digest(text) != before, text
    text = prompt.type(f"t {start + datetime.timedelta(seconds=4):%H:%M:%S} {start + datetime.timedelta(seconds=9):%H:%M:%S}")
    assert re.search(r"SENDS\s+5s ", text), text
    text = prompt.type("r 25,50 50,100")
    assert "1 area black" in text, text
    digest = shown_digest(text)
    seen = prompt.look()
    assert hashlib.sha256(seen).hexdigest().startswith(digest)
    got, text = prompt.accept()
    assert got == DONE and "accepted; it goes" in text, text
    clip, certificate, words = collect(asker, code, home.root / "out")
    assert clip.read_bytes() == seen
    assert streams(clip) == ["video"]
    came, source = pictures(clip), pictures(home.root / "whole.mp4")
    assert len(source) == 300 and len(came) == 50, (len(source), len(came))
    for i, picture in enumerate(came):
        assert max(part(picture, 25, 50, 50, 100)) < 24, i
        for area in ((0, 0, 100, 48), (52, 0, 100, 100)):
            assert difference(part(picture, *area), part(source[40 + i], *area)) < 30, i
    # The certificate says what was taken away, and what it was before.
    edit = certificate["edit"]
    assert certificate["sha256"] == hashlib.sha256(seen).hexdigest() and certificate["size"] == len(seen)
    assert edit["clip_sha256"] == hashlib.sha256(whole).hexdigest() and edit["clip_size"] == len(whole)
    assert edit["audio_removed"] and not certificate["audio"] and edit["making"] == "reencoded"
    assert edit["black_per_mille"] == [{"left": 250, "top": 500, "right": 500, "bottom": 1000}]
    assert (certificate["from"], certificate["to"]) == tuple(
        f"{start + datetime.timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}" for s in (4, 9)), certificate
    assert "sound removed, 1 area black" in words and "black: 25.0% to 50.0% from the left" in words, words
    assert "its owners edited it" in check_certificate(clip, words)


def undone(home, asker, start):
    """What was undone is as if it had never been; nothing of it reaches the node."""
    code = ask(asker, start, 1, 29)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    kept = set((home.data / "node/edited").iterdir())
    prompt = Prompt(home, code)
    first = shown_digest(prompt.terminal.text)
    trimmed = prompt.type("t 0:05 0:10")
    assert "SENDS    5s" in trimmed, trimmed
    assert "not within the clip" in prompt.type("t 0:00 0:10")
    assert "first moment has to come before" in prompt.type("t 0:01 0:01")
    prompt.type("m")
    assert shown_digest(prompt.type("u")) == shown_digest(trimmed)
    assert shown_digest(prompt.type("u")) == first
    assert "changed nothing" in prompt.type("u")
    assert set((home.data / "node/edited").iterdir()) == kept
    prompt.type("m")
    prompt.leave()
    assert "left as it is; no answer means no; what you edited is not kept" in prompt.terminal.text.replace("\r\n", " ")
    assert [v["state"] for v in home.facts("vault", "list") if v["request"] == code] == ["waits for you"]
    terminal = at_question(home, "review", code)
    terminal.line("d")
    assert terminal.wait() == PENDING


def two_owners(home, asker, start):
    """The second sees what the first has left, and takes more away: the first one's acceptance is void, and said to be."""
    code = ask(asker, start, 2, 28)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    prompt = Prompt(home, code)
    prompt.type("m")
    prompt.type("r 0,0 50,100")
    first = shown_digest(prompt.terminal.text)
    got, text = prompt.accept()
    assert got == DONE and "when every owner" in text, text
    home.again()
    assert count(home, "disclosure") == 0 and delivered(asker, code) == []
    # As it was left, to the other one; left once more.
    prompt = Prompt(home, code, *home.as_owner("cleo"))
    text = prompt.terminal.text
    assert "edited by ben: sound removed, 1 area black" in text and shown_digest(text) == first, text
    seen = prompt.look()
    assert hashlib.sha256(seen).hexdigest().startswith(first)
    text = prompt.type("t 0:03 0:06")
    assert "ben accepted it as it was, and is asked again" in text and "1 area black" in text, text
    assert "changed nothing" not in prompt.type("u") and shown_digest(prompt.terminal.text) == first
    prompt.type("t 0:03 0:06")
    last = shown_digest(prompt.terminal.text)
    got, text = prompt.accept()
    assert got == DONE and "when every owner" in text, text
    time.sleep(2.2)
    assert count(home, "disclosure") == 0 and delivered(asker, code) == [] and open_clips(home) == 1
    prompt = Prompt(home, code)
    assert "edited by cleo: cut to" in prompt.terminal.text and shown_digest(prompt.terminal.text) == last
    assert "has accepted" in prompt.terminal.text
    got, text = prompt.accept()
    assert got == DONE and "accepted; it goes" in text, text
    clip, certificate, _ = collect(asker, code, home.root / "out")
    assert certificate["sha256"].startswith(last) and len(certificate["owners"]) == 2
    assert len(pictures(clip)) == 30 and streams(clip) == ["video"]
    assert all(max(part(p, 0, 0, 48, 100)) < 24 for p in pictures(clip))


def replaced_unseen(home, asker, start):
    """While the second owner types, the first one leaves another edit of the very same bytes: it is not signed unseen."""
    code = ask(asker, start, 4, 26)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    prompt = Prompt(home, code)
    prompt.type("r 0,0 50,50")
    digest = shown_digest(prompt.terminal.text)
    got, text = prompt.accept()
    assert got == DONE and "when every owner" in text, text
    late = Prompt(home, code, *home.as_owner("cleo"))
    assert shown_digest(late.terminal.text) == digest
    late.terminal.line(code)
    late.terminal.expect(PASSPHRASE)
    prompt = Prompt(home, code)
    assert shown_digest(prompt.type("r 0,0 10,10")) == digest, "the same bytes, or this proves nothing"
    got, text = prompt.accept()
    assert got == DONE and "when every owner" in text, text
    late.terminal.line(Home.PASSPHRASE)
    got, text = late.terminal.wait(), late.terminal.text
    assert got == FAILED and "another owner has accepted something else meanwhile" in text, (got, text)
    time.sleep(2.2)
    assert delivered(asker, code) == [] and open_clips(home) == 1
    # Seen once more, it can be accepted, and what arrives opens.
    got, text = Prompt(home, code, *home.as_owner("cleo")).accept()
    assert got == DONE and "accepted; it goes" in text, text
    _, certificate, _ = collect(asker, code, home.root / "same")
    assert certificate["sha256"].startswith(digest) and len(certificate["edit"]["black_per_mille"]) == 2, certificate


def killed_while_handing_back(home, asker, start):
    """Each time at another moment. The clip is there as it was sealed, or granted as it was edited, and nothing else."""
    code = ask(asker, start, 3, 27)
    home.until(lambda: open_clips(home), lambda n: n == 1)
    for moment in (0.0, 0.02, 0.05, 0.1):
        prompt = Prompt(home, code)
        prompt.type("t 0:02 0:08")
        prompt.terminal.line(code)
        prompt.terminal.expect(PASSPHRASE)
        prompt.terminal.line(Home.PASSPHRASE)
        time.sleep(moment)
        home.kill("all")
        prompt.terminal.wait()
        home.start()
        files = list((home.data / "node/edited").iterdir())
        states = [v["state"] for v in home.facts("vault", "list") if v["request"] == code]
        if states == ["granted"] or states == ["delivered"]:
            break
        assert states == ["waits for you"], states
        assert len([f for f in files if f.suffix != ".leaves"]) == len([f for f in files if f.suffix == ".leaves"])
    else:
        got, text = Prompt(home, code).accept()
        assert got == DONE, text
    clip, certificate, _ = collect(asker, code, home.root / "killed")
    assert ("edit" in certificate) == (len(pictures(clip)) == 60), certificate


def main():
    with set_up("editing", "ada", "ben", two=Household) as (root, ada, ben, two):
        for home in (ada, ben):
            start_home(home)
        two.found("ben", "cleo")
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        ben.with_passphrase("join", "--yes", invite(ada))
        two.with_passphrase("join", "--yes", invite(ada), *two.co_sign("cleo"), times=2)
        start = half_an_hour_ago()
        add_camera(ben, start)
        trimmed_muted_redacted(ben, ada, start)
        undone(ben, ada, start)
        killed_while_handing_back(ben, ada, start)
        add_camera(two, start, *two.co_sign("cleo"), times=2)
        two_owners(two, ada, start)
        replaced_unseen(two, ada, start)
        for home in (ada, ben):
            home.until(lambda h=home: h.facts("log", "verify")["result"], lambda r: r == "verified")
    print("editing: what arrives is what was shown: those seconds, no sound, black where it was asked for")


if __name__ == "__main__":
    main()
