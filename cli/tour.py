"""The tour's homes and its script. Started by cli/tour."""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "support"))
from footage import make_segments, warrant_pdf  # noqa: E402
from homes import Home  # noqa: E402

PLACE = "52.5200,13.4050"


def say(text):
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else f"\n== {text}",
          flush=True)


def show(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def warrant(path, case, now):
    when = lambda days: (now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path.write_text(f"""instrument = search_warrant
jurisdiction = GB-ENG
court = Westminster Magistrates' Court
case = {case}
statute = Police and Criminal Evidence Act 1984 s.8
offence = Failing to stop after an accident, Road Traffic Act 1988 s.170
applicant_name = R. Okafor
applicant_agency = Riverside Police
applicant_badge = 4471
authority_name = M. Lindqvist
authority_title = District Judge
issued_at = {when(-1)}
execute_by = {when(20)}
items = Footage of a silver hatchback leaving the junction
produce_to = R. Okafor
""")


def review_by_hand(home, code):
    print(f"You are {home.name}. The passphrase of this home's key is: {Home.PASSPHRASE}\n"
          f"(to accept, type the code {code}; anything else lets nothing go)\n")
    return subprocess.run([str(home.bin / "stoop"), "review", code],
                          env={**home.env, "TERM": os.environ.get("TERM", "dumb")}).returncode


def review_at_pty(home, code, accept, look=False):
    terminal = home.at_terminal("review", code)
    terminal.expect("passphrase of .*: ")
    terminal.line(Home.PASSPHRASE, 0.02)
    for keys in (["w", "p"] if look else []):
        terminal.expect("or the code to accept: ")
        terminal.line(keys, 0.2)
    terminal.expect("or the code to accept: ")
    terminal.line(code if accept else "d", 0.2)
    if accept:
        terminal.expect("passphrase of .*: ")
        terminal.line(Home.PASSPHRASE, 0.02)
    return terminal.wait()


def refuse(why):
    print(f"tour: {why}", file=sys.stderr)
    sys.exit(2)


def say_left(root):
    print(f"all of it is in {root}: keys, clips, logs. The homes are stopped now, so no 'stoop delete' is needed\n"
          f"or works: rm -r it when you are done")


def main():
    parser = argparse.ArgumentParser(prog="cli/tour")
    parser.add_argument("bin")
    parser.add_argument("--interactive", action="store_true")
    parser.add_argument("--keep", metavar="DIR")
    args = parser.parse_args()
    if args.interactive and not (sys.stdin.isatty() and sys.stdout.isatty()):
        refuse("--interactive needs a terminal")
    if args.keep and os.path.isdir(args.keep) and os.listdir(args.keep):
        refuse(f"'{args.keep}' is not empty: name a new folder")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    began = time.monotonic()
    root = pathlib.Path(args.keep).resolve() if args.keep else pathlib.Path(tempfile.mkdtemp(prefix="stoop-tour-"))
    root.mkdir(parents=True, exist_ok=True)
    homes = [Home(args.bin, root, name, echo=show) for name in ("Ada", "Ben", "Cleo")]
    ada, ben, cleo = homes
    try:
        say("three homes on loopback: each with its own keys, node and cameras")
        for home in homes:
            home.echo = None
            home.init()
            home.set_config("match_delay_s", "2")
            home.start()
            home.echo = show
            print(f"{home.name}: {home.data} listens on {home.address}")

        say("Ada founds a community and invites Ben and Cleo, one invite each")
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "2")
        for home in (ben, cleo):
            ada.echo = None
            text = ada.with_passphrase("community", "invite", "--json")
            ada.echo = show
            home.with_passphrase("community", "join", "--yes", json.loads(text[text.index("{"):])["code"])
        for home in homes:
            home.until(lambda h=home: h.facts("status")["links"], lambda n: n == 2)
        print(ada.run("members").stdout, end="")

        say("footage with a burnt-in clock, laid out as Frigate (Ben) and MediaMTX (Cleo) write it")
        start = (datetime.datetime.now() - datetime.timedelta(hours=1)).replace(microsecond=0)
        make_segments(root / "frigate", "frigate", "front", start, 4, 10)
        make_segments(root / "mediamtx", "mediamtx", "yard", start, 4, 10)
        ben.with_passphrase("camera", "add", "front", "--folder", str(root / "frigate"), "--layout", "frigate", "--at",
                            PLACE, "--reach", "40", "--facing", "90", "--angle", "110")
        cleo.with_passphrase("camera", "add", "yard", "--folder", str(root / "mediamtx"), "--layout", "mediamtx",
                             "--at", "52.5202,13.4052", "--reach", "30")

        say("Ada asks, under a warrant, with its document")
        process, document = root / "warrant.conf", root / "warrant.pdf"
        warrant(process, "26-SW-1182", datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None))
        document.write_bytes(warrant_pdf("Search warrant 26-SW-1182", "Westminster Magistrates' Court"))
        first, last = (start + datetime.timedelta(seconds=s) for s in (8, 27))
        terminal = ada.at_terminal("request", "--at", PLACE, "--radius", "80", "--from", f"{first:%Y-%m-%d %H:%M:%S}",
                                   "--to", f"{last:%Y-%m-%d %H:%M:%S}", "--reason", "Hit and run, silver hatchback",
                                   "--process", str(process), "--document", str(document))
        terminal.expect(r"\[y/N\] ")
        terminal.line("y", 0.2)
        terminal.expect("passphrase of .*: ")
        terminal.line(Home.PASSPHRASE, 0.02)
        assert terminal.wait() == 0
        code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", terminal.text).group(1)

        say("each home matches at home; nobody learns whether it did")
        for home in (ben, cleo):
            home.until(lambda h=home: h.facts("status")["open_clips"], lambda n: n == 1)
            print(f"{home.name} has one clip to decide about")

        say("Ben's prompt: he reads the warrant, looks at the clip, and accepts by typing its code")
        if args.interactive:
            accepted = review_by_hand(ben, code) == 0
        else:
            accepted = review_at_pty(ben, code, accept=True, look=True) == 0
        say("Cleo's prompt: she declines; Ada will not be able to tell that from silence")
        review_at_pty(cleo, code, accept=False)
        if not accepted:
            say("Ben let nothing go: nothing is delivered, and Ada cannot tell why")
            say_left(root)
            return

        say("delivery: sealed, piece by checked piece, the header last")
        ada.until(lambda: ada.facts("delivered"), lambda d: d and d[0]["state"].startswith("here"))
        evidence = root / "evidence"
        ada.with_passphrase("collect", "--to", str(evidence))
        clip = next(evidence.glob("*.mp4"))
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0",
                                str(clip)], capture_output=True, text=True, check=True)
        print(f"the clip lasts {float(probe.stdout):.1f} s; {(last - first).seconds} s were asked for")

        say("everything is on the record")
        time.sleep(3.5)
        for home in homes:
            facts = home.facts("log", "verify")
            print(f"{home.name}: log of {facts['size']} entries {facts['result']}, root {facts['root'][:16]}")
        say(f"done in {time.monotonic() - began:.0f} s")
        print(f"clip         {clip}\ncertificate  {clip.with_suffix('.txt')}\n             {clip.with_suffix('.json')}")
        say_left(root)
    except KeyboardInterrupt:
        print(f"\ntour: stopped; what there is lies in {root}: rm -r it when you are done", file=sys.stderr)
        sys.exit(130)
    except (AssertionError, OSError, subprocess.SubprocessError) as fault:
        print(f"\ntour: {fault}\nwhat there is lies in {root}", file=sys.stderr)
        for home in homes:
            print(f"--- journal of {home.name}\n{home.journal()}", file=sys.stderr)
        sys.exit(1)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # every node is stopped, however often it is pressed
        for home in homes:
            home.stop()
            shutil.rmtree(home.root / "run", ignore_errors=True)


if __name__ == "__main__":
    main()
