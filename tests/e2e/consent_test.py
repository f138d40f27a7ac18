#!/usr/bin/env python3
"""P3 at a real terminal: every way of not answering leaves the clip undecided and releases nothing, the
terminal is left as it was found, nothing of what was looked at stays behind, and the right answer counts once.

The short form tries each way at the answer and fewer of them at the two passphrases; --long tries all at all.

usage: tests/e2e/consent_test.py BIN-FOLDER [--long]
"""
import fcntl
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home, Terminal  # noqa: E402
from street import (PASSPHRASE, QUESTION, accept, add_camera, ask, at_question, count, delivered,  # noqa: E402
                    entries, found_and_join, half_an_hour_ago, open_clips, set_up, start_home, wait_delivered)

SECRET = Home.PASSPHRASE
LONG = "--long" in sys.argv
DONE, FAILED, USAGE, PENDING, NO_TERMINAL, NO_NODE = 0, 1, 2, 3, 5, 10


class Bench:
    def __init__(self, ada, ben, memory):
        self.ada, self.ben, self.memory = ada, ben, memory
        self.ways = 0
        self.open = 0

    def undecided(self, name, terminal=None):
        """What holds after every way of not answering."""
        self.ways += 1
        facts = self.ben.facts("status")
        assert facts["open_clips"] == self.open, f"{name}: {facts['open_clips']} clips are open, not {self.open}"
        if terminal:
            assert SECRET not in terminal.text, f"{name}: the passphrase was shown"
        until = time.monotonic() + 30
        while list(self.memory.iterdir()):
            assert time.monotonic() < until, f"{name}: left behind: {list(self.memory.iterdir())}"
            time.sleep(0.05)

    def ends(self, name, terminal, *codes):
        got = terminal.wait()
        assert got in codes, f"{name}: exit {got}, not {codes}\n{terminal.text}"
        modes = termios.tcgetattr(terminal.fd)[3]
        assert modes & termios.ECHO and modes & termios.ICANON and modes & termios.ISIG, f"{name}: the terminal is spoilt"
        terminal.close()
        self.undecided(name, terminal)


# The three questions of an acceptance, each reached with a look at the clip lying in memory where there is one.
def at_first_passphrase(ben, code):
    terminal = ben.at_terminal("review", code)
    terminal.expect(PASSPHRASE)
    return terminal


def at_answer(ben, code):
    terminal = at_question(ben, "review", code)
    terminal.line("p")
    terminal.expect("written to ")
    terminal.expect(QUESTION)
    return terminal


def at_second_passphrase(ben, code):
    terminal = at_answer(ben, code)
    terminal.line(code)
    terminal.expect("it cannot be recalled")
    terminal.expect(PASSPHRASE)
    return terminal


QUESTIONS = {"passphrase": at_first_passphrase, "answer": at_answer, "signature": at_second_passphrase}


def wrong_answers(bench, code, other):
    answers = ("", "yes", code[:4], code + "\x00x", code + " " * 70, other, "l")
    more = ("y", "accept", "a", "\t", " ", code[:-1], code + "0", code[:4] + " " + code[5:], code[::-1], "\x00" + code,
            code + "\x00", code + " " + code)
    for answer in answers + (more if LONG else ()):
        terminal = at_question(bench.ben, "review", code)
        terminal.line(answer)
        if answer not in ("", "l"):  # it is asked about again, and then nobody is there
            terminal.expect("not understood, nothing was done")
            terminal.expect("or the code to accept: ")
            terminal.type("\x04")
        bench.ends(f"answer {answer!r}", terminal, PENDING)


def wrong_passphrases(bench, code):
    terminal = at_first_passphrase(bench.ben, code)
    for i in range(3):
        terminal.line("wrong")
        terminal.expect("wrong passphrase")
        if i < 2:
            terminal.expect(PASSPHRASE)
    bench.ends("three wrong passphrases to open", terminal, PENDING)
    terminal = at_second_passphrase(bench.ben, code)
    for i, wrong in enumerate((code, "", SECRET + "\x00")):
        terminal.line(wrong)
        terminal.expect("wrong passphrase")
        if i < 2:
            terminal.expect(PASSPHRASE)
    bench.ends("the code, and three wrong passphrases to sign", terminal, PENDING)


def ends_of_input(bench, code):
    for name, reach in QUESTIONS.items():
        every = LONG or name == "answer"
        for key, what in (("\x04", "Ctrl-D"), ("\x03", "Ctrl-C"), ("\x1c", "Ctrl-\\")):
            if not every and what == "Ctrl-C":
                continue
            terminal = reach(bench.ben, code)
            terminal.type(key)
            bench.ends(f"{what} at {name}", terminal, PENDING)
        for number in (signal.SIGTERM, signal.SIGHUP) if every else ():
            terminal = reach(bench.ben, code)
            os.kill(terminal.pid, number)
            bench.ends(f"{number.name} at {name}", terminal, PENDING)
        terminal = reach(bench.ben, code)
        terminal.close()  # the window is closed
        os.waitpid(terminal.pid, 0)
        bench.undecided(f"terminal closed at {name}", terminal)
        terminal = reach(bench.ben, code)
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
        terminal.close()
        bench.undecided(f"SIGKILL at {name}", terminal)
        bench.ben.env["TMOUT"] = "3"
        try:
            terminal = reach(bench.ben, code)
        finally:
            del bench.ben.env["TMOUT"]
        bench.ends(f"time-out at {name}", terminal, PENDING)
    terminal = at_answer(bench.ben, code)
    terminal.type(code + "\x04\x04")
    bench.ends("the code without its end", terminal, PENDING)


def paste(terminal, *lines):
    """All at once, so that it is there before anything that the first line brings about."""
    os.write(terminal.fd, "".join(line + "\n" for line in lines).encode())


def typed_ahead(bench, code):
    """One paste answers one question, and nothing typed before a question answers it."""
    terminal = bench.ben.at_terminal("review", code)
    paste(terminal, SECRET, code, SECRET)
    terminal.expect(PASSPHRASE)
    time.sleep(1.5)
    paste(terminal, SECRET, code, SECRET)
    terminal.expect(QUESTION)
    time.sleep(1.5)
    paste(terminal, "p", code, SECRET, code)
    terminal.expect("written to ")
    terminal.expect(QUESTION)
    time.sleep(0.5)
    paste(terminal, "?", code)
    terminal.expect("look at the clip")
    terminal.expect(QUESTION)
    time.sleep(0.2)
    paste(terminal, code, SECRET, SECRET)
    terminal.expect(PASSPHRASE)
    time.sleep(2)
    while terminal.read(0.2):
        pass
    assert "accepted;" not in terminal.text, terminal.text
    terminal.type("\x04")
    terminal.expect("left as it is")
    got = terminal.wait()
    assert got == PENDING
    terminal.close()
    bench.undecided("type-ahead")


def stopped(bench, code):
    """Ctrl-Z gives the terminal back with echo; continued, the question is asked anew, and what was typed while it
    was not there is dropped."""
    for name, reach_text in (("passphrase", None), ("answer", QUESTION)):
        shell = Terminal(["dash", "-i"], dict(bench.ben.env, PS1="$ "))
        shell.expect(r"\$ ")
        shell.line(f"{bench.ben.bin / 'stoop'} review {code}")
        shell.expect(PASSPHRASE)
        if reach_text:
            shell.line(SECRET)
            shell.expect(reach_text)
        shell.type("\x1a")
        shell.expect(r"\$ ")
        assert termios.tcgetattr(shell.fd)[3] & termios.ECHO, f"echo is off after Ctrl-Z at {name}"
        time.sleep(0.2)
        paste(shell, "fg", code, SECRET)
        shell.expect(reach_text or PASSPHRASE)
        time.sleep(1.5)
        shell.type("\x04")
        shell.expect("left as it is|nothing was done")
        shell.line("exit")
        shell.wait()
        shell.close()
        assert "accepted;" not in shell.text, shell.text
        bench.undecided(f"Ctrl-Z at {name}")
    terminal = at_answer(bench.ben, code)
    os.kill(terminal.pid, signal.SIGSTOP)
    paste(terminal, code)
    time.sleep(0.2)
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.expect(QUESTION)
    terminal.type("\x04")
    bench.ends("typed while it was stopped", terminal, PENDING)


def no_terminal(bench, code):
    stoop = str(bench.ben.bin / "stoop")
    words = f"{code}\n{SECRET}\n"
    answers = bench.memory.parent / f"{bench.memory.name}-answers"
    answers.write_text(SECRET + "\n" + words)
    try:
        for name, stdin in (("nothing", subprocess.DEVNULL), ("file", answers.open())):
            done = subprocess.run([stoop, "review", code], env=bench.ben.env, stdin=stdin, capture_output=True)
            assert done.returncode == NO_TERMINAL, (name, done)
            bench.undecided(f"no terminal, stdin {name}")
        for line in (f"printf '%s\\n' '{SECRET}' {code} '{SECRET}' | {stoop} review {code}", f"yes | {stoop} review {code}",
                     f"yes {code} | {stoop} review {code}", f"{stoop} review {code} < {answers}",
                     f"{stoop} review {code} > {answers}.out", f"setsid -w {stoop} review {code}"):
            terminal = Terminal(["sh", "-c", line], bench.ben.env)
            bench.ends(line, terminal, NO_TERMINAL)
    finally:
        for path in bench.memory.parent.glob(answers.name + "*"):
            path.unlink()
    assert bench.ben.run("review", "--accept", code, check=False).returncode == USAGE
    assert bench.ben.run("review", code, code, check=False).returncode == USAGE
    bench.undecided("usage")


def two_at_once(bench, code):
    first = at_second_passphrase(bench.ben, code)
    second = at_second_passphrase(bench.ben, code)
    fcntl.ioctl(first.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))  # and the window changes its size
    first.line(SECRET)
    got = first.wait()
    assert got == DONE and "accepted" in first.text, first.text
    second.line(SECRET)
    got = second.wait()
    assert got == FAILED and "decided meanwhile" in second.text and "accepted;" not in second.text, second.text
    for terminal in (first, second):
        assert SECRET not in terminal.text
        terminal.close()
    bench.open -= 1
    bench.undecided("two at once")
    wait_delivered(bench.ada, code)
    bench.ben.until(lambda: count(bench.ben, "sent"), lambda n: n == 1)
    kinds = [kind for kind, _ in entries(bench.ben)]
    assert (kinds.count("signed"), kinds.count("disclosure"), kinds.count("sent")) == (1, 1, 1), kinds
    done = bench.ben.at_terminal("review", code)
    assert done.wait() == DONE and "you have accepted it already, on " in done.text, done.text
    done.close()


def node_gone(bench, code):
    for again in (False, True):  # dead, and alive again meanwhile
        terminal = at_answer(bench.ben, code)
        bench.ben.stop()
        if again:
            bench.ben.start()
        terminal.line(code)
        got = terminal.wait()
        assert got == NO_NODE and "hung up" in terminal.text, terminal.text
        terminal.close()
        if not again:
            assert bench.ben.run("review", code, check=False).returncode == NO_TERMINAL
            dead = bench.ben.at_terminal("review", code)
            assert dead.wait() == NO_NODE, dead.text
            dead.close()
            bench.ben.start()
        bench.undecided(f"node gone, again {again}")
    terminal = at_second_passphrase(bench.ben, code)
    bench.ben.stop()
    bench.ben.start()
    terminal.line(SECRET)
    got = terminal.wait()
    assert got == NO_NODE, terminal.text
    terminal.close()
    bench.undecided("node restarted before the signature")


def main():
    with tempfile.TemporaryDirectory(prefix="test-consent-", dir="/dev/shm") as memory, \
            set_up("consent", "ada", "ben") as (_, ada, ben):
        homes = [ada, ben]
        ben.env["XDG_RUNTIME_DIR"] = memory
        bench = Bench(ada, ben, pathlib.Path(memory))
        for home in homes:
            start_home(home)
        found_and_join(homes)
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        code, other = ask(ada, start), ask(ada, start, 3, 17)
        ben.until(lambda: open_clips(ben), lambda n: n == 2)
        bench.open = 2

        wrong_answers(bench, code, other)
        wrong_passphrases(bench, code)
        ends_of_input(bench, code)
        typed_ahead(bench, code)
        stopped(bench, code)
        no_terminal(bench, code)
        time.sleep(2.5)  # two slots: what would have been released has gone by now
        assert not {"signed", "disclosure", "sent", "declined"} & {kind for kind, _ in entries(ben)}
        assert ada.facts("delivered") == []

        node_gone(bench, code)
        two_at_once(bench, code)
        assert delivered(ada, other) == [] and count(ben, "signed") == 1
        got, text = accept(ben, other.lower().replace("-", ""))
        assert got == DONE, text
        wait_delivered(ada, other)
        for home in homes:
            home.until(lambda h=home: h.facts("log", "verify")["result"], lambda r: r == "verified")
        print(f"consent: {bench.ways} ways of not answering released nothing; the right answer counted once")


if __name__ == "__main__":
    main()
