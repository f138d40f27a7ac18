"""Administrators at their terminals, for the end-to-end tests: what they are asked, and what they sign."""
import re

from homes import Home
from street import PASSPHRASE

DONE, FAILED, USAGE, PENDING, NO_TERMINAL = 0, 1, 2, 3, 5
YES_NO, CODE = r"\[y/N\] ", "type its code: "
said = []  # what commands printed that answered() has run


def answered(home, question, answer, *words):
    """A command with this question and the passphrase behind it: what it printed."""
    terminal = home.at_terminal(*words)
    terminal.expect(question)
    terminal.line(answer)
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    assert terminal.wait() == DONE, terminal.text
    said.append(terminal.text)
    return terminal.text


def refused(home, code, told, *words):
    got = home.run(*words, check=False)
    assert got.returncode == code and told in got.stderr, (words, got.returncode, got.stdout, got.stderr)
    return got.stderr


def code_of(text):
    """Of an act that was begun."""
    return re.search(r"(?:decided|signed) as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)


def sign(home, code):
    home.until(lambda: [p["code"] for p in home.facts("charter", "proposals")], lambda codes: code in codes, 30)
    return answered(home, CODE, code, "charter", "sign", code)


def version(home):
    return home.facts("charter", "show")["version"]
