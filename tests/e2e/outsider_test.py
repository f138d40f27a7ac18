#!/usr/bin/env python3
"""An agency asks from outside: its application is carried to the administrators, two of three let it in, its officer asks
through homes that are its doors, one home grants, and the clip comes with what proves it. It sees no member before that
and no request but its own, nor does a second outsider. Its doors are witnesses of its log. Suspended, it is refused at once.

usage: tests/e2e/outsider_test.py BIN-FOLDER
"""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from governing import DONE, FAILED, PENDING, YES_NO, answered, code_of, sign  # noqa: E402
from homes import Home  # noqa: E402
from street import (PASSPHRASE, accept, add_camera, ask, at_question, count, found_and_join, half_an_hour_ago,  # noqa: E402
                    open_clips, request_words, set_up, start_home, wait_delivered)

NAME = r"type its name, .*: "
VERIFY = pathlib.Path(__file__).resolve().parents[1] / "verify_membership.py"


def decided(ada, ben, *words):
    """What one administrator begins and another signs: both were shown the same."""
    text = answered(ada, YES_NO, "y", *words)
    code = code_of(text)
    shown = [line for line in text.splitlines() if line.startswith("CHANGE")]
    seen = sign(ben, code)
    assert shown and all(line in seen for line in shown), (shown, seen)
    return text


def two_of_three(ada, homes):
    path = ada.root / "charter.conf"
    ada.run("charter", "edit", str(path))
    text = path.read_text()
    text = text.replace("decide = 1", "decide = 2")
    text = text.replace("administrator = Ada / Ada\n" if "Ada / Ada" in text else "administrator = ada / ada\n",
                        "".join(f"administrator = {h.name} / {h.name}\n" for h in homes))
    path.write_text(text)
    answered(ada, YES_NO, "y", "charter", "propose", str(path))
    for home in homes:
        home.until(lambda h=home: h.facts("charter", "show"), lambda c: len(c["administrators"]) == 3, 30)


def apply(outsider, doors, kind, name):
    codes = [home.run("outsider", "door").stdout.strip() for home in doors]
    assert all(code.startswith("stoop-door1:") for code in codes), codes
    text = outsider.with_passphrase("outsider", "apply", *codes, "--name", name, "--kind", kind)
    path = outsider.root / "application"
    path.write_text(re.search(r"stoop-apply1:\S+", text).group(0) + "\n")
    status = outsider.facts("status")
    assert status["outsider"] == "applied" and not status.get("members"), status
    return path


def certificate_in(path):
    """Behind kind, number of doors and their ids; before the four bytes of the checksum."""
    text = path.read_text().strip().removeprefix("stoop-apply1:")
    application = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return application[2 + 32 * application[1]:-4]


def state(home, name):
    return {o["name"]: o["state"] for o in home.facts("outsider", "list")}.get(name)


def linked_doors(home):
    return sum(1 for door in home.facts("status")["doors"] if door["linked"])


def let_in(ada, ben, outsider, path, instruments, name):
    text = decided(ada, ben, "outsider", "propose", str(path), "--instruments", instruments, "--live", "4", "--days", "90")
    assert f"outsider {name}" in text and "it is no member" in text, text
    outsider.until(lambda: outsider.facts("status")["outsider"], lambda s: s == "admitted", 90)
    outsider.until(lambda: linked_doors(outsider), lambda n: n >= 1)
    assert state(ada, name) == "admitted"


def certificates_known(home):
    return {m["name"] for m in home.facts("members")}


def knows_nothing_of(home, others):
    """Neither its database nor its journal has the certificate of one of these, or its node's key."""
    kept = [path.read_bytes() for path in (home.data / "node").glob("stoop.db*")]
    for other in others:
        status = other.facts("status")
        for key in (status["certificate"], status["node"]):
            doors = home.facts("status")["doors"]
            if other.name not in {door["name"] for door in doors}:  # a door's code says which home it is
                assert not any(bytes.fromhex(key) in data for data in kept), (other.name, key)
        assert other.facts("status")["certificate"][:8] not in home.journal()


def refused(home, told, *words):
    terminal = home.at_terminal(*words)
    if terminal_asks(terminal):
        terminal.line(Home.PASSPHRASE)
    code = terminal.wait()
    assert code == FAILED and told in re.sub(r"\s+", " ", terminal.text), (words, code, terminal.text)


def terminal_asks(terminal):
    """Whether it comes to the passphrase, or ends before."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if re.search(PASSPHRASE, terminal.text):
            return True
        if terminal.read(0.2) is None:
            return False
    return False


def check_custody(agency, clip):
    """Its own script, which uses nothing of ours."""
    certificate = clip.with_suffix(".json")
    text = clip.with_suffix(".txt").read_text()
    assert "from OUTSIDE: agency Riverside PD, by its officer Sgt. Lee" in text, text
    script = clip.with_name("check.py")
    script.write_text("import base64" + text.split("\nimport base64", 1)[1])
    done = subprocess.run([sys.executable, str(script), str(certificate)], capture_output=True, text=True)
    assert done.returncode == 0 and "the log has the request" in done.stdout, done
    assert json.loads(certificate.read_text())["requester"] == "Riverside PD"


def main():
    with set_up("outsider", "ada", "ben", "cleo", "agency", "press") as (root, ada, ben, cleo, agency, press):
        homes = [ada, ben, cleo]
        for home in [*homes, agency, press]:
            start_home(home)
        found_and_join(homes)
        two_of_three(ada, homes)
        ada.until(lambda: {m["name"] for m in ada.facts("members") if m["decides"]}, lambda names: names == {"ada", "ben", "cleo"})
        assert ada.run("members").stdout.count("administrator") == 3, ada.run("members").stdout
        start = half_an_hour_ago()
        add_camera(ben, "front", start)

        # Again, it is the same application, by other doors: whichever is let in, it is this home.
        first = certificate_in(apply(agency, [ada], "agency", "Riverside PD"))
        door = ada.run("outsider", "door").stdout.strip()
        for told, words in (("applied or is joining already",
                             ["outsider", "apply", door, "--name", "Lakeside PD", "--kind", "agency"]),
                            ("administrators have not let it in yet", request_words(start, 5, 22)),
                            ("administrators have not let it in yet", ["peers"]),
                            ("administrators have not let it in yet", ["requests"])):
            refused(agency, told, *words)
        shown = re.sub(r"\s+", " ", agency.run("status").stdout)
        assert "door ada, answers once you are let in" in shown and "does not answer" not in shown, shown
        refused(ada, "no outsider is called 'Riverside PD' see them with 'stoop outsider list'", "outsider", "suspend",
                "Riverside PD")
        path = apply(agency, [ada, cleo], "agency", "Riverside PD")
        assert certificate_in(path) == first
        text = press.with_passphrase("outsider", "apply", door, "--name", "Gazette", "--kind", "press")
        assert "is void" not in text, text
        text = press.with_passphrase("outsider", "apply", door, "--name", "Elm Gazette", "--kind", "press", "--anew")
        assert "is void" in text, text
        let_in(ada, ben, agency, path, "voluntary", "Riverside PD")
        assert certificates_known(agency) == {"Riverside PD"}
        assert {m["name"] for m in ada.facts("members")} >= {"ada", "ben", "cleo"}
        assert agency.facts("status")["links"] == 0
        agency.until(lambda: agency.run("peers").stdout, lambda text: "door ada: linked" in text and "invite" not in text)

        officer = root / "lee"
        made = agency.at_terminal("--owner-dir", str(officer), "key", "new", "--owner", "Lee")
        made.expect("passphrase: ")
        made.line(Home.PASSPHRASE)
        made.expect("again: ")
        made.line(Home.PASSPHRASE)
        assert made.wait() == DONE, made.text
        refused(agency, "there is no owner's key in 'nope'", "outsider", "officer", "add", "Sgt. Lee", "--key", "nope")
        agency.with_passphrase("outsider", "officer", "add", "Sgt. Lee", "--key", str(officer), times=2)
        lee, = agency.facts("outsider", "officer", "list")  # no longer than its outsider
        assert lee["name"] == "Sgt. Lee" and lee["until"] == agency.facts("status")["outsider_until"], lee

        # The officer asks; every home hears of it, and one grants.
        text = agency.with_passphrase("--owner-dir", str(officer), *request_words(start, 5, 22))
        code = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1)
        for home in homes:
            asked = home.until(lambda h=home: h.facts("requests"), lambda all_: any(r["code"] == code for r in all_))
            mine = next(r for r in asked if r["code"] == code)
            assert (mine["outside"], mine["by"], mine["kind"], mine["officer"], mine["let_in_by"]) == \
                (True, "Riverside PD", "agency", "Sgt. Lee", 2), mine
        ben.until(lambda: open_clips(ben), lambda n: n == 1)
        assert certificates_known(agency) == {"Riverside PD", "Sgt. Lee"}  # nobody has granted yet
        knows_nothing_of(agency, homes)
        terminal = at_question(ben, "review", code)
        flat = re.sub(r"\s+", " ", terminal.text)
        assert "from OUTSIDE: agency Riverside PD, by its officer Sgt. Lee" in flat, terminal.text
        assert "no member: let in by 2 administrators on" in flat, terminal.text
        assert "they are shown this home's certificate, and of who vouched for it" in flat, terminal.text
        terminal.line("l")
        terminal.wait()
        got, text = accept(ben, code)
        assert got == DONE and "with it this home's certificate" in text, text
        wait_delivered(agency, code)
        assert certificates_known(agency) == {"Riverside PD", "Sgt. Lee", "ada", "ben"}  # and who vouched for him
        refused(agency, "that of 'Sgt. Lee' does, who asked", "collect", code, "--to", str(root / "evidence"))
        agency.with_passphrase("--owner-dir", str(officer), "collect", code, "--to", str(root / "evidence"))
        clips = sorted((root / "evidence").glob("*.mp4"))
        assert len(clips) == 1, list((root / "evidence").iterdir())
        check_custody(agency, clips[0])
        assert count(agency, "receipt_commitment") == 1
        for home in homes:  # the outsider answers for its officer
            home.until(lambda h=home: [(o["name"], o["received"]) for o in h.facts("overdue")],
                       lambda all_: all_ == [("Riverside PD", 1)])

        # Its doors are witnesses of its log, and an old backup of it is found out.
        agency.until(lambda: agency.facts("log", "verify"),
                     lambda f: {f.get("witness_1"), f.get("witness_2")} == {"ada", "cleo"} and "witness_3" not in f)
        agency.stop()
        shutil.copytree(agency.data / "node", root / "backup")
        agency.start()
        size = agency.facts("log", "verify")["size"]
        agency.until(lambda: agency.facts("log", "verify"), lambda f: int(f["size"]) > int(size) and "witness_2" in f)
        agency.stop()
        shutil.rmtree(agency.data / "node")
        shutil.copytree(root / "backup", agency.data / "node")
        agency.start()
        agency.until(lambda: agency.facts("status"), lambda s: "log_key" in s)
        agency.until(lambda: agency.run("log", "verify", check=False).returncode, lambda status: status == DONE)
        assert all(not home.facts("log", "forks") for home in [agency, *homes])

        # A second outsider hears of none of it, nor does the agency of what homes ask.
        second = apply(press, [ada], "press", "Elm Gazette")
        let_in(ada, ben, press, second, "voluntary", "Elm Gazette")
        asked_by_home = ask(cleo, start)
        ben.until(lambda: ben.facts("requests"), lambda all_: any(r["code"] == asked_by_home for r in all_))
        mine = agency.with_passphrase(*request_words(start, 1, 9))
        mine = re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", mine).group(1)
        ben.until(lambda: open_clips(ben), lambda n: n >= 2)
        ben.run("mute", mine)  # whoever of it asks
        assert "Riverside PD" in ben.run("mute", "--list").stdout
        hidden = {r["code"]: r["review"] for r in ben.facts("requests") if not r["ours"] and "review" in r}
        assert hidden[mine] == "muted" and hidden[asked_by_home] == "shown", hidden
        assert not press.facts("requests"), press.facts("requests")
        assert asked_by_home not in {r["code"] for r in agency.facts("requests")}
        assert certificates_known(press) == {"Elm Gazette"} | ({"Riverside PD"} & certificates_known(press))

        # By rule: an instrument that is not its own.
        process = root / "warrant.conf"
        filled = {"instrument": "emergency", "applicant_name": "A. Lee", "applicant_agency": "Riverside PD",
                  "emergency_facts": "A child of six left the playground with a stranger",
                  "emergency_person": "Mia, six years old", "emergency_why_now": "no judge answers at this hour"}
        process.write_text("".join(f"{k} = {v}\n" for k, v in filled.items()))
        words = [w for w in request_words(start, 5, 22) if w != "--voluntary"]
        refused(agency, "by rule LP-35", *words, "--process", str(process))

        terminal = ben.at_terminal("remove", "ada")  # a door of both
        terminal.expect(r"type its name, ada, or \w+: ")
        terminal.line("")
        assert terminal.wait() == PENDING, terminal.text
        flat = re.sub(r"\s+", " ", terminal.text)
        assert "DOOR of the outsider Riverside PD, which has 1 more" in flat, terminal.text
        assert "DOOR the last one of the outsider Elm Gazette, which reaches nobody then" in flat, terminal.text

        # Suspended: refused at once; resumed: not.
        decided(ada, ben, "outsider", "suspend", "Riverside PD")
        agency.until(lambda: agency.facts("status")["outsider"], lambda s: s == "suspended")
        assert state(cleo, "Riverside PD") == "suspended"
        refused(agency, "suspended you: no home takes a request", *request_words(start, 5, 20))
        decided(ada, ben, "outsider", "resume", "Riverside PD")
        agency.until(lambda: agency.facts("status")["outsider"], lambda s: s == "admitted")
        ask(agency, start, 5, 20)

        # The officer is taken back, and then the agency.
        answered(agency, NAME, "Sgt. Lee", "outsider", "officer", "remove", "Sgt. Lee")
        refused(agency, "no officer's that may ask", "--owner-dir", str(officer), *request_words(start, 5, 18))
        folder = root / "export"
        ada.run("community", "export", str(folder))
        done = subprocess.run([sys.executable, str(VERIFY), str(folder)], capture_output=True, text=True)
        assert done.returncode == 0 and re.search(r"outsider +in standing.*: Riverside PD\n", done.stdout), done
        assert re.search(r"officer +removed.*: Sgt. Lee\n", done.stdout), done
        agency.with_passphrase("outsider", "officer", "add", "Sgt. Lee", "--key", str(officer), times=2)
        ada.until(lambda: [m["name"] for m in ada.facts("members") if m["state"] == "outside"],
                  lambda names: "Sgt. Lee" in names)
        text = answered(ada, NAME, "Riverside PD", "remove", "Riverside PD")
        assert re.search(r"AND +Sgt. Lee, its officer, may ask no more", text) and "STAY" not in text, text
        for home, waits in ((ada, 0), (ben, 1), (cleo, 1)):
            home.until(lambda h=home: h.facts("charter", "proposals"), bool, 30)
            assert home.facts("status")["to_sign"] == waits, home.name
        assert "to sign        1: 'stoop charter proposals'" in ben.run("status").stdout
        sign(ben, code_of(text))
        assert ben.facts("status")["to_sign"] == 0
        cleo.until(lambda: state(cleo, "Riverside PD"), lambda s: s == "removed")
        for home in (ada, cleo):  # what it asked has ended, and that is no alarm
            done = home.run("requests")
            assert done.stderr == "" and "Riverside PD" not in done.stdout, done
        agency.until(lambda: agency.facts("status")["outsider"], lambda s: s == "removed")
        agency.until(lambda: linked_doors(agency), lambda n: n == 0)
        refused(agency, "administrators removed this outsider: nothing can be asked from here", "--owner-dir",
                str(officer), *request_words(start, 5, 18))
        refused(agency, "removed this home, an outsider there", "community", "found", "Oak Street")
        shown = agency.run("status").stdout
        assert re.search(r"outsider +removed by administrators: nothing can be asked from here\n", shown), shown
    print("outsider: ok")


if __name__ == "__main__":
    main()
