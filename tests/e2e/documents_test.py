#!/usr/bin/env python3
"""Documents and the court's own signature on them: what is taken as a document; whose seals the charter pins; twelve
good and bad seals, made by the openssl command, as `stoop process check` tells them apart; a sealed warrant and one
whose seal is over another document, as the prompt of a home shows them that got both over the network.

usage: tests/e2e/documents_test.py BIN-FOLDER
"""
import datetime
import json
import pathlib
import re
import subprocess
import shutil
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from street import (PASSPHRASE, QUESTION, WARRANT, add_camera, found_and_join, half_an_hour_ago, open_clips,  # noqa: E402
                    request_words, set_up, start_home)

MIB = 1024 * 1024
SEALS = {
    "good": "sealed by Superior Court of Riverside",
    "intermediate": "sealed by Clerk of Riverside",
    "self_signed": "by NOBODY whom the charter knows",
    "expired": "expired, or not valid yet",
    "wrong_usage": "by a key that is NOT for documents",
    "tampered_signature": "NOT over this document",
    "other_document": "NOT over this document",
    "attached": "cannot be read",
    "many": "cannot be read",
    "no_attributes": "cannot be read",
    "truncated": "cannot be read",
}


def check(got, wanted, about):
    assert got == wanted, f"{about}: {got!r}, not {wanted!r}"


def test_what_is_a_document(home, folder):
    conf = folder / "voluntary.conf"
    conf.write_text("instrument = voluntary\n")
    refused = {
        "zip.pdf": (b"PK\x03\x04" + bytes(100), "zip archive"),
        "word.doc": (b"\xd0\xcf\x11\xe0" + bytes(100), "office file"),
        "photo.png": (b"\xff\xd8\xff\xe0" + bytes(100), "a JPEG"),
        "late.pdf": (b"\x00%PDF-1.7\n", "something else"),
        "escape.txt": (b"by order\x1b[2J\n", "something else"),
        "latin.txt": ("Überwachung".encode("latin-1"), "something else"),
        "overlong.txt": (b"a\xc0\x80b", "something else"),
        "nul.txt": (b"by\x00order", "something else"),
        "empty.txt": (b"", "is empty"),
        "large.txt": (b"a" * (2 * MIB + 1), "larger than it may be"),
    }
    for name, (content, why) in refused.items():
        (folder / name).write_bytes(content)
        done = home.run("process", "check", str(conf), "--document", str(folder / name), check=False)
        assert done.returncode == 1 and name in done.stderr and why in done.stderr, (name, done)
        assert done.stdout.startswith("not all of it could be read: "), done
    taken = {"a.txt": b"%PDF-1.7\n\x00\xff", "b.pdf": b"\x89PNG\r\n\x1a\n\x00", "c.doc": "Zürich\r\n\tx".encode(),
             "whole.txt": b"a" * (2 * MIB)}
    for name, content in taken.items():
        (folder / name).write_bytes(content)
        home.run("process", "check", str(conf), "--document", str(folder / name))


def test_whose_seals_count(homes, folder):
    ada = homes[0]
    done = ada.run("community", "found", "Elm Street", "--authority", str(folder / "document"), check=False)
    assert done.returncode == 1 and "is no certificate" in done.stderr, done
    done = ada.run("community", "found", "Elm Street", *["--authority", str(folder / "root.pem")] * 5, check=False)
    check(done.returncode, 2, done.stderr)
    found_and_join(homes, "--authority", str(folder / "root.pem"), "--authority", str(folder / "notary.pem"))
    for home in homes:
        check(home.facts("community", "show")["authorities"], ["Court Root", "Notary Office"], home.name)
    check(len(re.findall(r"(?m)^court seals by ", ada.run("community", "show").stdout)), 2, "show")


def test_seals_are_told_apart(home, folder, conf):
    sealed = bytearray((folder / "good.p7s").read_bytes())
    sealed[-1] ^= 1
    (folder / "tampered_signature.p7s").write_bytes(sealed)

    def outcome(*words):
        outcomes = json.loads(home.run("process", "check", str(conf), *words, "--json").stdout)["rules"]
        return next((o["outcome"], o["seal"]) for o in outcomes if o["field"] == "court_signature")

    document = ("--document", str(folder / "document"))
    for name, text in SEALS.items():
        wanted = ("passed" if text.startswith("sealed by") else "FAILED", text)
        check(outcome(*document, "--seal", str(folder / f"{name}.p7s")), wanted, name)
    check(outcome(*document), ("FAILED", "none"), "no seal")
    check(outcome("--document", str(folder / "another"), "--seal", str(folder / "good.p7s"))[0], "FAILED", "another")
    for name, content in {"empty": b"", "large": bytes(64 * 1024 + 1)}.items():
        (folder / f"{name}.p7s").write_bytes(content)
        done = home.run("process", "check", str(conf), *document, "--seal", str(folder / f"{name}.p7s"), check=False)
        assert done.returncode == 1 and f"{name}.p7s" in done.stderr, done


def ask(home, start, *more):
    words = [w for w in request_words(start, 5, 22) if w != "--voluntary"]
    text = home.with_passphrase(*words, *more)
    return re.search(r"sent as ([0-9A-F]{4}-[0-9A-F]{2})", text).group(1), text


def wait_for(home, code, *papers):
    home.until(lambda: [r for r in home.facts("requests") if r["code"] == code],
               lambda found: found and all(found[0][paper] for paper in papers))
    home.until(lambda: [v for v in home.facts("vault", "list") if v["request"] == code], lambda v: v)


def test_the_prompt_says_by_whom(ada, ben, folder, conf, start):
    document = ("--process", str(conf), "--document", str(folder / "document"))
    done = ada.run(*request_words(start, 5, 22)[:-1], "--process", str(conf), "--seal", str(folder / "good.p7s"),
                   check=False)
    assert done.returncode == 2 and "--document" in done.stderr, done
    codes = {}
    for name in ("other_document", "good"):
        code, text = ask(ada, start, *document, "--seal", str(folder / f"{name}.p7s"))
        assert f"COURT    the court's own signature: {SEALS[name]}\n" in text, text
        codes[code] = name
    for code in codes:
        wait_for(ben, code, "document", "seal", "document_here", "seal_here")
        shown = ben.run("requests", code).stdout
        for label in ("document", "court's seal"):
            assert re.search(rf"(?m)^{label} +here$", shown), shown
    check(open_clips(ben), 2, "clips")
    terminal = ben.at_terminal("review")
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    for _ in range(2):  # the second of them is looked at behind the walls
        code = terminal.expect(r"(?m)^([0-9A-F]{4}-[0-9A-F]{2})  claims ").group(1)
        shown = terminal.expect(r"(?s)CHECKS .*?ASKS").group(0)
        name = codes.pop(code)
        assert "document here" in shown and f"the court's own signature: {SEALS[name]}\n" in shown, shown
        assert ("LP-32" in shown) == (name != "good"), shown
        terminal.expect(QUESTION)
        terminal.line("w")
        path = terminal.expect(r"written to (\S+)").group(1)
        terminal.expect(QUESTION)
        check(pathlib.Path(path).read_bytes(), (folder / "document").read_bytes(), path)
        terminal.line("l")
    check(terminal.wait(), 3, terminal.text)
    assert not codes
    # Another process does not take the document along that came with the earlier one.
    other = folder / "other.conf"
    other.write_text(conf.read_text().replace("26-SW-1182", "26-SW-1183"))
    for more, dropped in (((), True), (document[2:], False)):
        terminal = ada.at_terminal("request", "--amend", code, "--process", str(other), *more)
        terminal.expect(r"\[y/N\] ")
        terminal.line("n")
        check(terminal.wait(), 3, terminal.text)
        assert ("WAS      document: another one" in terminal.text) == dropped, terminal.text


def pdf_of(content):
    """One page whose content is this, packed."""
    packed = zlib.compress(content, 9)
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
               b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed),
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    text, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj%s endobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return text + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table, len(text))


def test_the_text_of_a_pdf_is_shown(ada, ben, folder, conf, start):
    lines = b"".join(b"1 0 0 1 50 %d Tm (Line %d of the warrant) Tj " % (800 - 12 * i, i) for i in range(50))
    pdfs = {
        "text": (pdf_of(b"BT /F 10 Tf " + lines + b"ET"), r"\| +Line 0 of the warrant\n(?s:.*)and 10 lines more"),
        "broken": (b"%PDF-1.4\nnothing of a PDF", "no text could be got out of it"),
        "bomb": (pdf_of(b"BT /F 1 Tf " + b"(bomb) Tj " * 20_000_000 + b"ET"),
                 r"no text could be got out of it|\| bombbomb"),  # within its time, or not
    }
    if shutil.which("pdftotext") is None:
        pdfs = {name: (content, "if pdftotext .* were installed") for name, (content, _) in pdfs.items()}
    for name, (content, wanted) in pdfs.items():
        (folder / f"{name}.pdf").write_bytes(content)
        code, _ = ask(ada, start, "--process", str(conf), "--document", str(folder / f"{name}.pdf"))
        wait_for(ben, code, "document_here")
        terminal = ben.at_terminal("review", code)
        terminal.expect(PASSPHRASE)
        terminal.line(Home.PASSPHRASE)
        terminal.expect(QUESTION)
        terminal.line("w")
        terminal.expect(r"written to (\S+)\.pdf")
        terminal.expect(wanted)
        terminal.expect(QUESTION)
        terminal.line("d")
        check(terminal.wait(), 3, terminal.text)


def main():
    with set_up("documents", "ada", "ben") as (root, ada, ben):
        folder = root / "authority"
        folder.mkdir()
        subprocess.run([str(pathlib.Path(__file__).resolve().parents[1] / "support/authority.sh"), str(folder)],
                       check=True)
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        conf = folder / "warrant.conf"
        conf.write_text(WARRANT.format(issued=f"{now - datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                                       until=f"{now + datetime.timedelta(days=5):%Y-%m-%dT%H:%M:%SZ}"))
        for home in (ada, ben):
            start_home(home)
        test_what_is_a_document(ada, folder)
        test_whose_seals_count([ada, ben], folder)
        test_seals_are_told_apart(ada, folder, conf)
        start = half_an_hour_ago()
        add_camera(ben, "porch", start)
        test_the_prompt_says_by_whom(ada, ben, folder, conf, start)
        test_the_text_of_a_pdf_is_shown(ada, ben, folder, conf, start)
        print("documents: types, authorities, seals, and what the prompt says of them")


if __name__ == "__main__":
    main()
