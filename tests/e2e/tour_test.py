#!/usr/bin/env python3
"""The tour as the README has it, but for installing and building: it ends well, leaves clip and certificates, and no
process; the clip is of the length that was asked for.

usage: tests/e2e/tour_test.py BIN-FOLDER
"""
import json
import pathlib
import subprocess
import sys
import tempfile

TOUR = pathlib.Path(__file__).resolve().parents[2] / "cli/tour.py"


def check_options():
    """Before anything is installed or built."""
    for words, told in ((["--keep"], "--keep needs a folder"), (["--keep", "--interactive"], "--keep needs a folder"),
                        (["--keep="], "--keep needs a folder"), (["--keep", "/etc"], "'/etc' is not empty"),
                        (["--interactive"], "needs a terminal"), (["--kept"], "unknown option '--kept'"),
                        (["--keep", "/nowhere", "more"], "unknown option 'more'")):
        done = subprocess.run([str(TOUR.with_suffix("")), *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=20)
        assert done.returncode == 2 and told in done.stderr and done.stdout == "", (words, done)
    done = subprocess.run([str(TOUR.with_suffix("")), "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "--interactive" in done.stdout, done


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    check_options()
    with tempfile.TemporaryDirectory(prefix="stoop-tour-test-") as folder:
        kept = pathlib.Path(folder) / "kept"
        run = [sys.executable, str(TOUR), str(bin_dir), "--keep", str(kept)]
        done = subprocess.run(run, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=290)
        assert done.returncode == 0, done.stdout + done.stderr
        for said in ("claims a search warrant", "declined; the sealed copy is shredded", "the clip lasts 19.0 s; 19 s",
                     "Cleo: log of", f"all of it is in {kept}", "rm -r it when you are done"):
            assert said in done.stdout, (said, done.stdout)
        clip = next((kept / "evidence").glob("*.mp4"))
        facts = json.loads(clip.with_suffix(".json").read_text())
        assert clip.with_suffix(".txt").exists() and facts["home"] == "Ben", facts
        left = subprocess.run(["pgrep", "-f", str(kept)], capture_output=True, text=True).stdout
        assert left == "", left
        again = subprocess.run(run, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        assert again.returncode == 2 and "is not empty" in again.stderr, again
    print("tour: from three new homes to a clip with its certificate")


if __name__ == "__main__":
    main()
