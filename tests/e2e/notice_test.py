#!/usr/bin/env python3
"""Notice: 'stoop requests --watch' says what comes, waits, is about to end and ends, over restarts of the node; its hook
is told that something waits and nothing of it, once, and never by a shell; quiet hours, mutes and other owners' clips
are not told.

usage: tests/e2e/notice_test.py BIN-FOLDER
"""
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from footage import make_segments  # noqa: E402
from street import PLACE, half_an_hour_ago, invite, set_up, start_home  # noqa: E402

REASON = "A drone over the gardens"
HOOK = """#!/usr/bin/python3
import json, os, sys, time
told = {"argv": sys.argv[1:], "stdin": json.load(sys.stdin), "fds": sorted(os.listdir("/proc/self/fd"))}
with open(os.environ["TOLD"], "a") as out:
    out.write(json.dumps(told) + "\\n")
sys.stdout.write("not for the watcher's own output\\n")
time.sleep(float(os.environ.get("SLEEP", "0")))
sys.exit(int(os.environ.get("ENDS", "0")))
"""


class Watch:
    """One 'stoop requests --watch', its lines as JSON, and what its hook was told."""

    def __init__(self, home, *words, hook=None, **env):
        self.home, self.told = home, home.root / "told"
        more = ["--notify", "--", *hook] if hook else []
        self.errors = open(home.root / "watch-errors", "a+")
        self.out = open(home.root / "watch-out", "w+")
        self.process = subprocess.Popen([str(home.bin / "stoop"), "--json", "requests", "--watch", *words, *more],
                                        env={**home.env, "TOLD": str(self.told), **env}, stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.errors)

    def lines(self):
        return [json.loads(line) for line in pathlib.Path(self.out.name).read_text().splitlines()]

    def saw(self, event, code=None, timeout=60):
        return self.home.until(lambda: [(w["event"], w.get("code")) for w in self.lines()],
                               lambda seen: (event, code) in seen, timeout)

    def notices(self):
        return [json.loads(line) for line in self.told.read_text().splitlines()] if self.told.exists() else []

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        assert code == 0, (code, self.said())
        return self.lines()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()


def ask(home, start, reason, seconds=(5, 22)):
    times = [(start + datetime.timedelta(seconds=s)).strftime("%Y-%m-%d %H:%M:%S") for s in seconds]
    text = home.with_passphrase("request", "--at", PLACE, "--radius", "60", "--from", times[0], "--to", times[1],
                                "--reason", reason, "--voluntary", "--yes", "--days", "1")
    return re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)


def told_once_and_little(ada, ben, start, hook):
    watch = Watch(ben, hook=[hook, "a b; touch /tmp/never", "$HOME"])
    code = ask(ada, start, REASON)
    watch.saw("arrived", code)
    watch.saw("waits", code)
    ben.until(watch.notices, lambda n: len(n) == 1, 20)
    notice = watch.notices()[0]
    assert notice["argv"] == ["a b; touch /tmp/never", "$HOME", f"1 request waits: {code}"], notice
    assert notice["stdin"] == {"event": "waits", "count": 1, "codes": [code], "text": f"1 request waits: {code}"}, notice
    assert len(notice["fds"]) <= 4, notice  # the standard three, and the one that lists them
    for secret in (REASON, "Ada", "porch", PLACE.split(",")[0]):
        assert secret not in watch.told.read_text(), notice
    twice = ben.run("requests", "--watch", "--notify", "--", hook, check=False)
    assert twice.returncode == 1 and "another" in twice.stderr, twice.stderr
    ben.stop()
    watch.saw("node")
    ben.start()
    ben.until(watch.lines, lambda seen: sum(w["event"] == "node" for w in seen) == 2, 30)
    lines = watch.stop()
    assert [w["event"] for w in lines].count("waits") == 1, lines
    again = Watch(ben, "--soon", str(7 * 24 * 60), hook=[hook])
    again.saw("open", code)
    again.saw("ends", code)
    ben.until(again.notices, lambda n: len(n) == 2, 20)
    assert again.notices()[1]["stdin"]["text"] == f"1 request ends soon: {code}", again.notices()
    ada.with_passphrase("request", "--withdraw", code, "--yes")
    again.saw("ended", code)
    lines = again.stop()
    assert [w["text"] for w in lines if w["event"] == "ended"] == ["withdrawn"], lines
    assert len(again.notices()) == 2
    assert "not for the watcher" in again.said()


def hidden(ada, ben, start, hook):
    """Muted: said to come, not to wait. Unmuted while it runs: told then."""
    ben.run("mute", "Ada")
    watch = Watch(ben, hook=[hook])
    before = len(watch.notices())
    code = ask(ada, start, "Once more", (5, 20))
    watch.saw("arrived", code)
    ben.until(lambda: [r for r in ben.facts("requests") if r["code"] == code and r.get("open_clips")], bool, 60)
    time.sleep(5)
    assert len(watch.notices()) == before and ("waits", code) not in [(w["event"], w.get("code")) for w in watch.lines()]
    ben.run("unmute", "Ada")
    watch.saw("waits", code)
    ben.until(watch.notices, lambda n: len(n) == before + 1, 20)
    watch.stop()


def failing(ada, ben, start, hook):
    """It fails, hangs or is not there: said, and nothing stops."""
    nowhere = ben.run("requests", "--watch", "--notify", "--", "/nowhere/hook", check=False)
    assert nowhere.returncode == 2 and "'/nowhere/hook' cannot be run" in nowhere.stderr, nowhere
    for words, env, said in (([hook], {"ENDS": "3"}, "failed with 3"),):
        watch = Watch(ben, hook=words, **env)
        code = ask(ada, start, f"Again for {said}", (5, 21))
        watch.saw("waits", code)
        ben.until(watch.said, lambda text, s=said: s in text, 30)
        assert watch.process.poll() is None
        watch.stop()
    watch = Watch(ben, hook=[hook], SLEEP="600")
    began = time.monotonic()
    code = ask(ada, start, "One that hangs", (5, 19))
    watch.saw("waits", code)
    ben.until(watch.said, lambda text: "longer than 30 s" in text, 60)
    assert time.monotonic() - began >= 30
    watch.stop()


def gone(ben, hook):
    """What runs the hook is killed: that is said, and the watch does not go on in silence."""
    watch = Watch(ben, hook=[hook])
    children = pathlib.Path(f"/proc/{watch.process.pid}/task/{watch.process.pid}/children")
    ben.until(lambda: children.read_text().split(), lambda found: len(found) == 1, 20)
    time.sleep(3)  # a look or two
    assert watch.process.poll() is None, watch.said()
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    assert watch.process.wait(20) == 1 and "what notifies is gone" in watch.said(), watch.said()


def main():
    with set_up("notice", "ada", "ben") as (root, ada, ben):
        hook = root / "hook"
        hook.write_text(HOOK)
        hook.chmod(0o755)
        for home in (ada, ben):
            start_home(home)
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1", "--name", "Ada")
        ben.with_passphrase("join", "--yes", invite(ada), "--name", "Ben")
        start = half_an_hour_ago()
        folder = ben.root / "camera-porch"
        make_segments(folder, "motion", "porch", start, 3, 10, size="160x120")
        ben.with_passphrase("camera", "add", "porch", "--folder", str(folder), "--layout", "motion", "--at", PLACE,
                            "--reach", "40")
        for wrong in (["--notify"], ["--watch", "--notify"], ["--watch", "--", "true"], ["--soon", "5"]):
            assert ben.run("requests", *wrong, check=False).returncode == 2, wrong
        told_once_and_little(ada, ben, start, str(hook))
        hidden(ada, ben, start, str(hook))
        failing(ada, ben, start, str(hook))
        gone(ben, str(hook))
    print("notice: told once, with a code and nothing else, over restarts; hidden ones and failures as they should be")


if __name__ == "__main__":
    main()
