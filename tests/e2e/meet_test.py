#!/usr/bin/env python3
"""Meeting for the first time: an invite by words that are said, and two members who compare words.

Wrong words, a second use, many at once, an introduction that is replayed or has expired, people who go away; what
'stoop join' says before and after; what the prompt says of somebody whom words were compared with.

usage: tests/e2e/meet_test.py BIN-FOLDER
"""
import base64
import json
import os
import pathlib
import re
import socket
import struct
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from street import PASSPHRASE, compare_words, invite, set_up, start_home  # noqa: E402
import noise_peer  # noqa: E402

INTRODUCTION = re.compile(r"stoop-meet1:[A-Za-z0-9_-]+")
ASK_WORDS = "words that you were told: "
ASK_JOIN = r"join it\? \[y/N\] "
BURNED = "the words did not match; the code is burned"
TRIES = 50
AT_ONCE = 10
MEET_SHARE = 53
POINT = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")  # ristretto255's base


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Offer:
    """`stoop invite --spoken` that waits at its terminal."""

    def __init__(self, home, *words, columns=80):
        self.terminal = home.at_terminal("invite", "--spoken", *words, columns=columns)
        self.terminal.expect(PASSPHRASE)
        self.terminal.line(home.PASSPHRASE)
        self.introduction = self.terminal.expect(INTRODUCTION).group()
        self.words = self.terminal.expect(r"\n    (\d+ [a-z]+ [a-z]+ [a-z]+)\n").group(1)
        self.terminal.expect(r"while this\s+command\s+runs")

    def ends(self, code, text, timeout=30):
        check(self.terminal.wait(timeout) == code, self.terminal.text)
        check(text in self.terminal.text, self.terminal.text)

    def cancel(self):
        self.terminal.type("\x03")
        check(self.terminal.wait() != 0, self.terminal.text)
        check("nobody joined by these words, and they are burned" in " ".join(self.terminal.text.split()), self.terminal.text)


def other_words(words):
    number, *rest = words.split()
    return " ".join([str((int(number) + 1) % 100), *rest])


def fits(text, columns):
    """Nothing of ours is wider: not what is to be passed on whole, not an answer behind its question, no error."""
    for line in text.splitlines():
        ours = not line.startswith(("stoop:", "stoop-meet1:", "stoop1:")) and ASK_WORDS not in line
        check(not ours or len(line) <= columns, (columns, line))


def say_words(home, introduction, words, *options, columns=80):
    terminal = home.at_terminal("join", introduction, *options, columns=columns)
    terminal.expect(PASSPHRASE)
    terminal.line(home.PASSPHRASE)
    terminal.expect(ASK_WORDS)
    terminal.line(words)
    return terminal


def test_words_let_one_home_in(ada, ben):
    offer = Offer(ada)
    nothing_here_costs_the_attempt(ada, ben, offer)
    terminal = home_says(ben, offer)
    terminal.expect(ASK_JOIN)
    shown = terminal.text
    for line in (r"community +[a-z ]+\n", r"sponsor +[a-z ]+\n", rf"where +{re.escape(ada.address)}", "as +home",
                 "good until"):
        check(re.search(line, shown), shown)
    terminal.line("y")
    check(terminal.wait() == 0, terminal.text)
    check(terminal.text.count("passphrase of") == 1, terminal.text)
    for words in ("joined 'Elm Street', 2 members", "one administrator decides: ada", "about 12 h and",
                  "0.5 sq mi (1294994 m2)", "this home may invite 4"):
        check(words in terminal.text.replace("\n         ", " "), terminal.text)
    offer.ends(0, "knew the words")
    ben.until(lambda: ben.facts("status")["links"], lambda n: n == 1)
    return offer


def nothing_here_costs_the_attempt(ada, ben, offer):
    """A home that is none, that belongs, or whose owner has forgotten: told before the words are asked for."""
    terminal = ben.at_terminal("--home", str(ben.root / "nowhere"), "join", offer.introduction)
    check(terminal.wait() == 10 and "there is no home in" in terminal.text, terminal.text)
    terminal = ada.at_terminal("join", offer.introduction)
    check(terminal.wait() == 1 and "belongs to 'Elm Street' already" in terminal.text, terminal.text)
    terminal = ben.at_terminal("join", offer.introduction, "--co-sign", str(ben.root / "nobody"))
    check(terminal.wait() == 1, terminal.text)
    terminal = ben.at_terminal("join", offer.introduction)
    for _ in range(3):
        terminal.expect(PASSPHRASE)
        terminal.line("not it")
    check(terminal.wait() == 3 and ASK_WORDS not in terminal.text, terminal.text)


def home_says(home, offer):
    """With a slip on the way, which costs nothing, and in the spelling of somebody in a hurry."""
    number, first, *rest = offer.words.split()
    terminal = say_words(home, offer.introduction, f"{number} {first}x {' '.join(rest)}")
    terminal.expect(f"is none of the words, did you mean '{first}'")
    terminal.expect(ASK_WORDS)
    terminal.line(offer.words.upper().replace(" ", ", "))
    return terminal


def test_a_used_introduction_is_met_with_silence(used, eve):
    terminal = say_words(eve, used.introduction, used.words)
    check(terminal.wait(120) == 1, terminal.text)
    check("does not answer to this introduction" in terminal.text, terminal.text)


def test_wrong_words_burn_the_code(ada, eve):
    offer = Offer(ada, columns=40)
    terminal = say_words(eve, offer.introduction, other_words(offer.words), columns=40)
    check(terminal.wait() == 1 and BURNED in terminal.text, terminal.text)
    offer.ends(1, BURNED)
    check("make a new one with 'stoop invite --spoken'" in " ".join(offer.terminal.text.split()), offer.terminal.text)
    for text in (terminal.text, offer.terminal.text):
        fits(text, 40)


def test_a_code_ends_with_the_command(ada):
    """By Ctrl-C, and by its minutes."""
    Offer(ada).cancel()
    for _ in range(6):  # so the next ones find room
        offer = Offer(ada)
        offer.cancel()


def test_few_are_out_at_a_time(ada):
    offers = [Offer(ada) for _ in range(4)]
    terminal = ada.at_terminal("invite", "--spoken")
    terminal.expect(PASSPHRASE)
    terminal.line(ada.PASSPHRASE)
    check(terminal.wait() == 1 and "as many spoken codes" in terminal.text, terminal.text)
    for offer in offers:
        offer.cancel()


def test_a_node_that_dies_takes_the_code_along(ada):
    offer = Offer(ada)
    ada.kill("stoop-node")
    offer.ends(1, "the node went away, and the code with it")
    ada.wait_ready()


def test_nobody_is_asked_without_a_terminal(eve, used):
    done = eve.run("join", used.introduction, check=False)
    check(done.returncode == 5 and "nobody to ask for the words" in done.stderr, done)
    done = eve.run("join", used.introduction[:-4], check=False)
    check(done.returncode == 1 and "not a whole introduction" in done.stderr, done)


def test_no_is_no(ada, eve):
    """Nothing is kept of an invite that was looked at and not taken."""
    text = ada.with_passphrase("invite", "--json")
    code = json.loads(text[text.index("{"):])["code"]
    for columns in (80, 40):
        terminal = eve.at_terminal("join", code, columns=columns)
        terminal.expect(ASK_JOIN)
        terminal.line("n")
        check(terminal.wait() == 3 and "nothing was done" in terminal.text, terminal.text)
        check("may invite 4" in " ".join(terminal.text.split()), terminal.text)
        fits(terminal.text, columns)
    done = eve.run("join", code, check=False)
    check(done.returncode == 5 and "nobody to ask whether to join" in done.stderr, done)
    check(eve.facts("status")["community"].startswith("none yet"), eve.facts("status"))


class Stranger:
    """Who has seen the introduction and was told no words: another implementation of the door."""

    def __init__(self, introduction):
        raw = base64.urlsafe_b64decode(introduction.split(":")[1] + "==")
        community, responder, tag, length = raw[:32], raw[64:96], raw[96:112], raw[121]
        host, port = raw[122:122 + length].decode().split(":")
        self.link = socket.create_connection((host, int(port)), timeout=10)
        self.heard = 0
        self.options = types.SimpleNamespace(community=community, responder=responder, payload=b"", psk3=bytes(32),
                                             secret=os.urandom(32),
                                             psk0=noise_peer.door_psk0("meet", community, tag))

    def shake_hands(self):
        """False where nothing at all comes back."""
        recv = self.link.recv

        def counted(length):
            got = recv(length)
            self.heard += len(got)
            return got
        counting = types.SimpleNamespace(recv=counted, sendall=self.link.sendall)
        try:
            self.sending, self.receiving = noise_peer.shake_hands(counting, self.options)
        except (noise_peer.Bad, ConnectionError):
            return False
        return True

    def guess(self):
        """The answer to a point of CPace, or None."""
        noise_peer.send(self.link, self.sending, MEET_SHARE, b"\x0a" + struct.pack("B", len(POINT)) + POINT)
        try:
            return noise_peer.receive(self.link, self.receiving)
        except (noise_peer.Bad, ConnectionError):
            return None


def test_guessing_gets_one_guess(ada):
    """Many stand in the open door at once, and guess: one is answered, and the door is shut."""
    offer = Offer(ada, "--minutes", "5")
    strangers = [Stranger(offer.introduction) for _ in range(AT_ONCE)]
    check(all(stranger.shake_hands() for stranger in strangers), "the door is open")
    answers = [answer for answer in (stranger.guess() for stranger in strangers) if answer]
    check(len(answers) == 1 and answers[0][0] == MEET_SHARE, answers)
    for stranger in strangers:
        stranger.link.close()
    offer.ends(1, "it is burned")
    late = [Stranger(offer.introduction) for _ in range(TRIES)]
    check(not any(stranger.shake_hands() for stranger in late), "the door is shut")
    check(sum(stranger.heard for stranger in late) == 0, "silence")


def test_two_members_see_the_same_words(ada, ben):
    seen = set()
    for answers, columns in ((("n", "n"), 80), (("y", "y"), 40)):
        terminals, words = compare_words(ada, ben, columns=columns)
        check(words[0] == words[1] and words[0] not in seen, words)
        seen.add(words[0])
        for terminal, answer in zip(terminals, answers):
            terminal.line(answer)
            check(terminal.wait() == (0 if answer == "y" else 3), terminal.text)
            fits(terminal.text, columns)
    pins = [(home.root / "config/stoop/pins").read_text() for home in (ada, ben)]
    check(all(len(re.findall(r"(?m)^met [0-9a-f]{64} \d+$", text)) == 1 for text in pins), pins)


def test_who_goes_away_before_is_not_compared_with(ada, ben):
    terminal = ada.at_terminal("meet", "ben")
    terminal.expect("five minutes at most")
    terminal.type("\x03")
    check(terminal.wait() != 0, terminal.text)
    terminals, words = compare_words(ben, ada)  # and does not stand in the way of the next time
    check(words[0] == words[1], words)
    for terminal in terminals:
        terminal.line("")
        check(terminal.wait() == 3, terminal.text)


def own_words(text):
    """What stands for community and sponsor."""
    return re.findall(r"(?m)^  (?:community|sponsor) +([a-z ]+)$", text)


def test_the_sponsor_has_what_the_joiner_is_shown(ada, ben):
    pipe = ada.at_terminal("invite", "--no-qr")
    pipe.expect(PASSPHRASE)
    pipe.line(ada.PASSPHRASE)
    check(pipe.wait() == 0, pipe.text)
    text = " ".join(pipe.text.split())
    check("these words for 'Elm Street' and this home; read them out if asked:" in text, text)
    terminal = ben.at_terminal("join", re.search(r"stoop1:\S+", pipe.text).group())
    terminal.expect(ASK_JOIN)
    check(len(own_words(terminal.text)) == 2 and own_words(terminal.text) == own_words(pipe.text),
          (terminal.text, pipe.text))
    check(terminal.text.count("read out theirs") == 1, terminal.text)
    terminal.line("n")
    check(terminal.wait() == 3, terminal.text)


def test_a_name_that_is_taken_is_told_apart(ada, ben, eve):
    """Nothing forbids it; wherever the name is shown, both have an id, and nobody is muted by it."""
    check("(" not in ada.run("members").stdout, "an id without need")
    code = invite(ada)
    text = eve.with_passphrase("join", code, "--yes", "--name", "ben")
    check("ANOTHER home here is called the same" in " ".join(text.split()), text)
    ada.until(lambda: ada.facts("members"), lambda all_: len(all_) == 3)
    ids = [one["certificate"][:8] for one in ada.facts("members") if one["name"] == "ben"]
    check(sorted(re.findall(r"ben \((\w{8})\)", ada.run("members").stdout)) == sorted(ids), ids)
    refused = ada.run("mute", "ben", check=False)
    check("2 members are called 'ben'" in refused.stderr, refused)
    check(f"voluntary requests of ben ({ids[1]}) are not put before you" in " ".join(ada.run("mute", ids[1]).stdout.split()), ids)
    check([one["certificate"][:8] for one in ada.facts("mute", "--list")] == [ids[1]], "another one")
    check("no longer muted" in ada.run("unmute", ids[1]).stdout, ids)


def test_a_sponsor_that_is_off_is_no_bad_invite(ada, eve):
    code = invite(ada)
    ada.stop()
    terminal = eve.at_terminal("join", code, "--yes")
    terminal.expect(PASSPHRASE)
    terminal.line(eve.PASSPHRASE)
    check(terminal.wait(120) == 1, terminal.text)
    text = " ".join(terminal.text.split())
    check(f"({ada.address}) did not answer within a minute: the invite was used or has expired, the home is off" in text, text)
    ada.start()
    ada.wait_ready()


def test_only_members_can_be_met(ada):
    for name, text in (("nobody", "no member is called 'nobody'"), ("ada", "'ada' is this home itself")):
        terminal = ada.at_terminal("meet", name)
        check(terminal.wait() == 1 and text in terminal.text, terminal.text)


def main():
    with set_up("meet", "ada", "ben", "eve") as (_, ada, ben, eve):
        for home in (ada, ben, eve):
            start_home(home)
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        used = test_words_let_one_home_in(ada, ben)
        test_nobody_is_asked_without_a_terminal(eve, used)
        test_no_is_no(ada, eve)
        test_the_sponsor_has_what_the_joiner_is_shown(ada, eve)
        test_wrong_words_burn_the_code(ada, eve)
        test_guessing_gets_one_guess(ada)
        test_a_code_ends_with_the_command(ada)
        test_few_are_out_at_a_time(ada)
        test_only_members_can_be_met(ada)
        test_two_members_see_the_same_words(ada, ben)
        test_who_goes_away_before_is_not_compared_with(ada, ben)
        test_a_node_that_dies_takes_the_code_along(ada)
        test_a_used_introduction_is_met_with_silence(used, eve)
        test_a_sponsor_that_is_off_is_no_bad_invite(ada, eve)
        test_a_name_that_is_taken_is_told_apart(ada, ben, eve)
    print("meet: ok")


if __name__ == "__main__":
    main()
