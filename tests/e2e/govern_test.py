#!/usr/bin/env python3
"""A street governs itself: administrators change the charter together, each is shown what they sign, and what came too
late or lost is told; certificates that no home renews run on by their word; members are taken out by who brought them in and by administrators, and leave. Whoever is out has
no links, whoever was away finds the others again, and no question is answered by accident.

usage: tests/e2e/govern_test.py BIN-FOLDER
"""
import datetime
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from governing import (CODE, FAILED, NO_TERMINAL, PENDING, USAGE, YES_NO, answered, code_of, refused, said,  # noqa: E402
                       sign, version)
from street import PASSPHRASE, found_and_join, invite, set_up, start_home  # noqa: E402

NAME = r"type (its|the community's) name, .*: "
CTRL_C = "\x03"
README = pathlib.Path(__file__).resolve().parents[2] / "README.md"
SOON_S = 5  # within which a removal has ended the links of whoever is removed


def as_documented():
    """README shows what these commands say, but for codes and times."""
    def masked(text):
        text = re.sub(r"[0-9A-F]{4}-[0-9A-F]{2}\b", "4F2A-91", text)
        text = re.sub(r", key [0-9a-f]{16}\b", ", key 9d1b64a3f00c275e", text)
        return re.sub(r"[A-Z][a-z]{2} \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} [A-Z]+", "Sat 05 Dec 2026 21:10:00 PST", text)

    section = README.read_text().split("### Govern your community\n")[1].split("\n#")[0]
    shown = [line[4:] for line in section.splitlines() if line.startswith("    ") and "$ stoop " not in line]
    printed = [line.rstrip() for text in said for line in masked(text).splitlines()]
    assert len(shown) > 20
    for line in shown:
        assert masked(line).rstrip() in printed, f"README shows what is not printed: {line}"


def states(home):
    return {m["name"]: m["state"] for m in home.facts("members")}


def links(home):
    return home.facts("status")["links"]


def linked_with(home):
    return {name for name, state in states(home).items() if state == "linked"}


def reach(homes, number):
    for home in homes:
        home.until(lambda h=home: version(h), lambda v: v == number, 30)


def edited(home, *changes, name="charter.conf"):
    """The charter in force as a file, with these (old, new) lines."""
    path = home.root / name
    home.run("charter", "edit", str(path), "--force")
    text = path.read_text()
    for old, new in changes:
        assert old in text, (old, text)
        text = text.replace(old, new)
    path.write_text(text)
    return str(path)


def propose(home, *changes):
    text = answered(home, YES_NO, "y", "charter", "propose", edited(home, *changes))
    return code_of(text), text


def edits(ada):
    """The file says what the charter says, overwrites nothing, and is strict."""
    path = edited(ada)
    again = ada.run("charter", "propose", path)
    assert "nothing to change" in again.stdout, again.stdout
    assert "overwrite it with '--force'" in refused(ada, FAILED, "exists already", "charter", "edit", path)
    for old, new, told in (("decide = 1", "decide = 2", "more have to sign than there are administrators"),
                           ("longest = 12 h", "longest = 13 h", "not a time of 1 s to 12 h"),
                           ("largest = 0.5 sq mi", "largest = 0.6 sq mi", "not a size up to 0.5 sq mi"),
                           ("slot = 1 s", "slots = 1 s", "unknown key 'slots'"),
                           ("Ada / Ada", "Ada / Bob", "no member's owner is called 'Ada / Bob'"),
                           ("witnesses = 2\n", "", "there is no line with 'witnesses'")):
        text = pathlib.Path(path).read_text()
        wrong = pathlib.Path(edited(ada, (old, new), name="wrong.conf"))
        line = 1 + (text[:text.index(old)].count("\n") if new else wrong.read_text().rstrip("\n").count("\n"))
        refused(ada, FAILED, f"wrong.conf:{line}: {told}", "charter", "propose", str(wrong))


def not_by_accident(home, question, *words):
    """Ctrl-C and the wrong word end each question, three wrong passphrases the last one; nothing comes of it."""
    right = {YES_NO: "y"}.get(question) or words[-1]
    for answer in (CTRL_C, "\n", "no\n"):
        terminal = home.at_terminal(*words)
        terminal.expect(question)
        terminal.type(answer)
        assert terminal.wait() == PENDING, terminal.text
    terminal = home.at_terminal(*words)
    terminal.expect(question)
    terminal.line(right)
    terminal.expect(PASSPHRASE)
    terminal.type(CTRL_C)
    assert terminal.wait() == PENDING and "nothing was done" in terminal.text, terminal.text
    terminal = home.at_terminal(*words)
    terminal.expect(question)
    terminal.line(right)
    for _ in range(3):
        terminal.expect(PASSPHRASE)
        terminal.line("wrong")
    assert terminal.wait() == PENDING and terminal.text.count("wrong passphrase") == 3, terminal.text
    refused(home, NO_TERMINAL, "there is nobody to ask", *words)
    refused(home, USAGE, "'--json' is for what asks nothing", *words, "--json")


def amended(ada, ben, cleo, everyone):
    """One decides alone, then two together: the second is shown what it signs, from the signed bytes."""
    first, text = propose(ada, ("administrator = Ada / Ada\n", "administrator = Ada / Ada\nadministrator = Ben\n"),
                          ("decide = 1", "decide = 2"), ("largest = 0.5 sq mi", "largest = 300 m2"))
    key = {m["name"]: m["owners"][0]["key"][:16] for m in ada.facts("members")}
    changes = [f"administrator Ben added, key {key['Ben']}", "1 of 1 decide -> 2 of 2",
               "largest place asked about: 0.5 sq mi (1294994 m2) -> 300 m2"]
    for line in (*changes, "Elm Street, version 1 -> 2", "with your signature it is decided"):
        assert line in text, text
    reach(everyone, 2)
    path = edited(ada, ("administrator = Ben / Ben\n", "administrator = Ben / Ben\nadministrator = Cleo / Cleo\n"),
                  ("slot = 1 s", "slot = 2 s"))
    not_by_accident(ada, YES_NO, "charter", "propose", path)
    assert not ada.facts("charter", "proposals")
    text = answered(ada, YES_NO, "y", "charter", "propose", path)
    assert "1 more of 2 administrators: of Ben" in text and "what is not signed by then lapses" in text, text
    second = re.search(r"signed as ([0-9A-F]{4}-[0-9A-F]{2}); 1 more", text).group(1)
    for home in (ada, ben, cleo):
        got = home.until(lambda h=home: h.facts("charter", "proposals"), bool, 30)
        assert [(p["code"], p["state"], p["signed_by"], p["missing"]) for p in got] == [(second, "open", ["Ada"], 1)], got
        assert got[0]["changes"] == [f"administrator Cleo added, key {key['Cleo']}", "2 of 2 decide -> 2 of 3", "log slot: 1 s -> 2 s"], got
    assert f"stoop charter sign {second}" in ben.run("charter", "proposals").stdout
    assert f"stoop charter sign {second}" not in cleo.run("charter", "proposals").stdout
    assert "these are: Ada and Ben" in refused(cleo, FAILED, "'Cleo' is no administrator", "charter", "sign", second)
    refused(ada, FAILED, "you have signed", "charter", "sign", second)
    refused(ben, FAILED, "no proposal has the code '0000-00'", "charter", "sign", "0000-00")
    not_by_accident(ben, CODE, "charter", "sign", second)
    assert version(ben) == 2
    text = sign(ben, second)
    assert f"CHANGE   administrator Cleo added, key {key['Cleo']}\n" in text and "SIGNED   Ada\n" in text, text
    reach(everyone, 3)
    for home in everyone:
        assert home.facts("charter", "proposals") == []
        acts = home.facts("charter", "history")
        assert [(a["version"], a["code"], a["signed_by"]) for a in acts[1:]] == [
            (2, first, ["Ada"]), (3, second, ["Ada", "Ben"])], acts
        assert acts[1]["changes"] == changes, acts
    assert re.search(rf"VERSION  3, {second}, .*\nCHANGE   administrator Cleo added, key {key['Cleo']}\n",
                     ada.run("charter", "history").stdout)
    assert f"'{second}' is decided" in refused(cleo, FAILED, second, "charter", "sign", second)


def late(ada, ben, everyone):
    """Of two under way one is decided; whoever had signed the other is told."""
    lost, _ = propose(ada, ("witnesses = 2", "witnesses = 1"))
    taken, text = propose(ada, ("invites = 8", "invites = 5"))
    assert f"BESIDE   {lost} is under way too" in text, text
    sign(ben, taken)
    reach(everyone, 4)
    got = ada.facts("charter", "proposals")
    assert [(p["code"], p["state"], p["other"]) for p in got] == [(lost, "late", taken)], got
    assert f"another act came first, {taken}: propose it again" in ada.run("charter", "proposals").stdout
    assert ben.facts("charter", "proposals") == []
    refused(ada, FAILED, "can be signed no more", "charter", "sign", lost)


def removed_by_sponsor(ada, ben, cleo, dan):
    """Cleo brought Dan in and takes him out while Ben is off. Ben finds the others when he is back."""
    told = refused(dan, FAILED, "you cannot remove 'Ben'", "remove", "Ben")
    assert "Ada, who brought it in, or 2 of the administrators could: Ada, Ben and Cleo" in told, told
    refused(cleo, FAILED, "no member is called 'Eve'", "remove", "Eve")
    refused(cleo, FAILED, "'Cleo' is this home", "remove", "Cleo")
    ben.stop()
    not_by_accident(cleo, NAME, "remove", "Dan")
    assert states(cleo)["Dan"] == "linked"
    before = {p["name"]: p for p in cleo.facts("peers")[0]["links"]}
    text = answered(cleo, NAME, "Dan", "remove", "Dan", "--reason", "moved away")
    assert "this home brought it in: at once" in text and "BECAUSE| moved away\n" in text, text
    dan.until(lambda: links(dan), lambda n: n == 0, SOON_S)
    for home in (ada, cleo, dan):
        home.until(lambda h=home: states(h)["Dan"], lambda s: s == "removed", 30)
    assert linked_with(ada) == {"Cleo"} and linked_with(cleo) == {"Ada"}
    after = {p["name"]: p for p in cleo.facts("peers")[0]["links"]}
    assert after["Ada"]["age_ms"] >= before["Ada"]["age_ms"], "their link went"
    ben.start()
    ben.until(lambda: linked_with(ben), lambda names: names == {"Ada", "Cleo"}, 60)
    ben.until(lambda: states(ben)["Dan"], lambda s: s == "removed", 30)
    assert links(dan) == 0 and linked_with(dan) == set()
    assert "NO MEMBER any more" in dan.facts("status")["standing"] and "standing" not in cleo.facts("status")
    refused(cleo, FAILED, "was removed already", "remove", "Dan")
    refused(dan, FAILED, "belongs to 'Elm Street' no more", "leave")


def removed_by_act(ada, ben, cleo):
    text = answered(ben, NAME, "Cleo", "remove", "Cleo", "--with-those-it-brought")
    assert "2 of 3 administrators: you, then 1 of Ada and Cleo" in text, text
    assert "DECIDE   Cleo decides no more" in text, text
    code = re.search(r"signed as (\S+);", text).group(1)
    assert states(ada)["Cleo"] == "linked"
    text = sign(ada, code)
    assert re.search(r"CHANGE   administrator Cleo removed\n(CHANGE .*\n)?CHANGE   Cleo \([0-9a-f]{8}\) is removed\n",
                     text), text
    cleo.until(lambda: links(cleo), lambda n: n == 0, SOON_S)
    for home in (ada, ben):
        home.until(lambda h=home: states(h)["Cleo"], lambda s: s == "removed", 30)
    assert linked_with(ada) == {"Ben"} and linked_with(ben) == {"Ada"}
    administrators = {a["name"]: a["can_sign"] for a in ada.facts("charter", "show")["administrators"]}
    assert administrators == {"Ada": True, "Ben": True}, administrators
    three = pathlib.Path(edited(ada, ("decide = 2", "decide = 3")))
    refused(ada, FAILED, "more have to sign than there are", "charter", "propose", str(three))
    refused(ben, FAILED, "then 1 could decide, and 2 have to", "remove", "Ada")


def loser(ada, ben):
    """Each decides alone while the other is off. Both end with the same one, and tell of the other."""
    code, _ = propose(ada, ("decide = 2", "decide = 1"))
    sign(ben, code)
    reach((ada, ben), 6)
    ben.stop()
    acts = [propose(ada, ("live_requests = 10", "live_requests = 9"))[0]]
    ada.stop()
    ben.start()
    acts.append(propose(ben, ("live_requests = 10", "live_requests = 8"))[0])
    ada.start()
    won, lost = sorted(acts)
    for home in (ada, ben):
        home.until(lambda h=home: h.facts("charter", "history")[-1]["code"], lambda c: c == won, 60)
        home.until(lambda h=home: [(p["code"], p["other"]) for p in h.facts("charter", "proposals")
                                   if p["state"] == "lost"], lambda got: got == [(lost, won)], 60)
        assert [p["code"] for p in home.facts("charter", "history")[-1]["lost"]] == [lost]
        assert f"LOST     {lost}, against the act {won}\n" in home.run("charter", "history").stdout
        assert version(home) == 7


def left(ada, ben):
    not_by_accident_leaving(ben)
    text = answered(ben, NAME, "Elm Street", "leave")
    for line in ("this home's log and vault", "has to be deleted by its day", "does not come back"):
        assert line in " ".join(text.split()), text
    ben.until(lambda: links(ben), lambda n: n == 0, SOON_S)
    ada.until(lambda: states(ada)["Ben"], lambda s: s == "removed", 30)
    listed = {m["name"]: m["left"] for m in ada.facts("members")}
    assert listed["Ben"] and not listed["Ada"], listed
    assert re.search(r"(?m)^ *Ben .* left$", ada.run("members").stdout), ada.run("members").stdout
    assert links(ada) == 0 and ben.facts("log", "verify")
    assert {a["name"]: a["can_sign"] for a in ada.facts("charter", "show")["administrators"]} == {"Ada": True, "Ben": False}
    refused(ada, FAILED, "2 would have to sign, and 1 of these administrators could", "charter", "propose",
            str(edited(ada, ("decide = 1", "decide = 2"))))
    assert "# Ben, left:\nadministrator = " in (ada.root / "charter.conf").read_text()
    refused(ben, FAILED, "belongs to 'Elm Street' no more", "leave")


def not_by_accident_leaving(ben):
    for answer in (CTRL_C, "y\n", "Elm\n"):
        terminal = ben.at_terminal("leave")
        terminal.expect(NAME)
        terminal.type(answer)
        assert terminal.wait() == PENDING and "not left" in terminal.text, terminal.text
    refused(ben, NO_TERMINAL, "there is nobody to ask", "leave")


def renewed(root, ada, ben, cleo):
    """Ada founded and has left, so no home renews her certificate, nor Ben's, whom she brought in: administrators do. Cleo's
    is Ben's to renew."""
    everyone = (ada, ben, cleo)
    for home in everyone:
        start_home(home)
    found_and_join((ada, ben))
    cleo.with_passphrase("join", "--yes", invite(ben))
    for home in everyone:
        home.until(lambda h=home: links(h), lambda n: n == 2)
    told = refused(ada, FAILED, "'Ben' is renewed without administrators", "renew", "Ben")
    assert "Ada does it by itself, in the last 60 days before" in told, told
    told = refused(ada, FAILED, "'Ada' is renewed without administrators", "renew", "Ada")
    assert "its own home does it by itself" in told, told
    refused(ada, USAGE, "is not 1 to 3660 days", "renew", "Ben", "--days", "3661")
    propose(ada, ("administrator = Ada / Ada\n", "administrator = Ada / Ada\nadministrator = Ben\nadministrator = Cleo\n"),
            ("decide = 1", "decide = 2"))
    reach(everyone, 2)
    answered(ada, NAME, "Elm Street", "leave")
    for home in (ben, cleo):
        home.until(lambda h=home: states(h)["Ada"], lambda s: s == "removed", 30)
    refused(ada, FAILED, "belongs to 'Elm Street' no more", "renew", "Ada", "--days", "500")
    refused(ben, FAILED, "runs until", "renew", "Ada", "--days", "300")
    not_by_accident(ben, YES_NO, "renew", "Ada", "--days", "500")

    text = answered(cleo, YES_NO, "y", "renew", "Ben", "--days", "500")
    for line in ("nobody who vouched for it belongs any more", "1 whom it brought in", "Ada vouched for it, whose own",
                 "2 of 3 administrators: you, then 1 of Ben"):
        assert line in " ".join(text.split()), (line, text)
    sign(ben, re.search(r"signed as (\S+);", text).group(1))
    reach((ben, cleo), 3)
    text = answered(ben, YES_NO, "y", "renew", "Ada", "--days", "500")
    for line in ("it founded the community and belongs no more", "2 whom it brought in", "it belongs no more, and does not"):
        assert line in " ".join(text.split()), (line, text)
    text = sign(cleo, re.search(r"signed as (\S+);", text).group(1))
    assert re.search(r"CHANGE   the certificate of Ada \([0-9a-f]{8}\) runs until ", text), text
    reach((ben, cleo), 4)
    told = refused(ben, FAILED, "'Cleo' is renewed without administrators", "renew", "Cleo")
    assert "Ben does it by itself" in told, told

    day = datetime.datetime.now(datetime.timezone.utc)
    for home in (ben, cleo):
        until = {m["name"]: datetime.datetime.fromisoformat(m["expires"].replace("Z", "+00:00")) for m in home.facts("members")}
        assert {name: round((end - day).days, -1) for name, end in until.items()} == {"Ada": 500, "Ben": 500, "Cleo": 400}, until
    export = root / "export"
    ben.run("community", "export", str(export))
    at = (day + datetime.timedelta(days=450)).strftime("%Y-%m-%dT%H:%M:%SZ")
    stranger = subprocess.run([sys.executable, README.parent / "tests" / "verify_membership.py", export, "--at", at],
                              text=True, capture_output=True, check=True).stdout
    assert re.search(r"in standing until .*: Ben\n", stranger) and re.search(r"ended .*: Cleo\n", stranger), stranger
    answered(cleo, NAME, "Elm Street", "leave")
    ben.until(lambda: states(ben)["Cleo"], lambda s: s == "removed", 30)
    refused(ben, FAILED, "too few administrators are left to decide it: 2 have to, and 1 of 3", "renew", "Ada", "--days", "900")


def main():
    with set_up("renew", "Ada", "Ben", "Cleo", last=3000) as (root, *homes):
        renewed(root, *homes)
    with set_up("govern", "Ada", "Ben", "Cleo", "Dan", last=3000) as (_, ada, ben, cleo, dan):
        everyone = (ada, ben, cleo, dan)
        for home in everyone:
            start_home(home)
        ada.with_passphrase("community", "found", "Elm Street", "--slot", "1")
        for home, sponsor in ((ben, ada), (cleo, ada), (dan, cleo)):
            home.with_passphrase("join", "--yes", invite(sponsor))
        for home in everyone:
            home.until(lambda h=home: links(h), lambda n: n == 3)
        tree = ada.run("members").stdout.splitlines()
        assert [line.split()[0] for line in tree[1:]] == ["Ada", "Ben", "Cleo", "Dan"], tree
        assert [len(line) - len(line.lstrip()) for line in tree[1:]] == [0, 2, 2, 4], tree
        edits(ada)
        amended(ada, ben, cleo, everyone)
        late(ada, ben, everyone)
        removed_by_sponsor(ada, ben, cleo, dan)
        removed_by_act(ada, ben, cleo)
        loser(ada, ben)
        left(ada, ben)
        as_documented()
    print("govern: the street decided together, took two out, one left, and certificates run on")


if __name__ == "__main__":
    main()
