#!/usr/bin/env python3
"""Three communities of five homes, two treaties: Elm with Oak, Oak with Ash. Each home is in a network namespace of its
own, or all are on loopback where there are none. What is asked in Elm is granted in Oak and never comes to Ash; what is
asked in Oak goes to both. What a treaty or a charter does not let through stays, and who asks is told so. Homes that are
in two communities carry requests over: they lose their power one after another and the next one carries, in the end one
that has just joined. One side ends its treaty: the next request does not cross, and what has crossed lives on. A home
that leaves takes back its word that it carries.

usage: tests/e2e/federation_test.py BIN-FOLDER
"""
import contextlib
import functools
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from homes import Home  # noqa: E402
from netns import Network, Unavailable  # noqa: E402
from street import (PASSPHRASE, accept, add_camera, found_and_join, half_an_hour_ago, invite,  # noqa: E402
                    open_clips, request_words, set_up, start_home, wait_delivered)
from swarm import NodeHome, hear_signals, in_parallel  # noqa: E402

ELM, OAK, ASH = "Elm Street", "Oak Street", "Ash Street"
NAMES = ("ada", "gil", "hal", "fay", "rex", "ben", "otto", "ivy", "jon", "eve", "cleo", "abe", "bea", "cal", "dee")
YES_NO = r"\[y/N\] "
FAILED = 1
LONG_S = 90  # a gateway tries again after 60
# As a gateway's journal has it when nobody over there takes what it carries.
CAP, QUOTA, TREATY = ("it is over a cap of the charter", "its author has too many live ones",
                      "no treaty in force allows it")
LIMITS = ("--instruments", "voluntary", "--roles", "home, administrator", "--span", "20 s", "--area", "12000 m2")
EMERGENCY = """instrument = emergency
applicant_name = Grace
applicant_agency = Riverside PD
emergency_facts = A child has not come home
emergency_person = The child
emergency_why_now = It is night, and it is cold
"""


class Place:
    """A home in one of its communities: a node of its own."""

    def __init__(self, home, slug=None):
        self.home = home
        self.which = ("--community", slug or "first")
        self.folder = home.data / "communities" / slug if slug else home.data

    def until(self, words, fact, wanted, timeout=LONG_S):
        self.home.until(lambda: fact(self.home.facts(*self.which, *words)), wanted, timeout)

    def wait_up(self):
        """Its node starts anew as the home joins another community."""
        self.home.until(lambda: self.home.run(*self.which, "status", check=False).returncode, lambda code: code == 0)

    def codes(self):
        return {request["code"] for request in self.home.facts(*self.which, "requests")}

    def holds(self, request):
        """Whether any file of this node has the request's id in it."""
        wanted = bytes.fromhex(request["request"])
        for path in self.folder.rglob("*"):
            if "communities" in path.relative_to(self.folder).parts:
                continue
            with contextlib.suppress(OSError):  # a folder, or gone by now
                if wanted in path.read_bytes():
                    return True
        return False


class Streets:
    """The homes by their names, and the places of each community."""

    def __init__(self, homes):
        self.homes = dict(zip(NAMES, homes))
        self.elm, self.oak, self.ash = ([Place(home) for home in homes[at:at + 5]] for at in (0, 5, 10))
        vars(self).update(self.homes)

    def found(self):
        streets = [(ELM, "1", [self.ada, self.gil, self.hal, self.fay]), (OAK, "1", [place.home for place in self.oak]),
                   (ASH, "60", [place.home for place in self.ash])]  # nobody waits for its logs
        in_parallel(start_home, self.homes.values(), 4)
        in_parallel(lambda street: found_and_join(street[2], name=street[0], slot=street[1]), streets, 3)
        self.rex.with_passphrase("join", "--yes", invite(self.ada, "--role", "requester"))
        self.oak += in_parallel(lambda pair: in_another(pair[0], OAK, pair[1]), [(self.gil, self.ben), (self.hal, self.otto)], 2)
        self.ash += in_parallel(lambda pair: in_another(pair[0], ASH, pair[1]), [(self.ivy, self.cleo), (self.jon, self.abe)], 2)
        for places in (self.elm, self.oak, self.ash):
            for place in places:
                place.until(("status",), lambda s: s["links"], lambda n, want=len(places) - 1: n == want)

    def federate(self):
        """Afterwards Oak's charter becomes narrower than its treaty with Elm. Its three acts come soon after each other:
        one roll tells of all, or else the next one a minute later."""
        elms = self.ada.run("treaty", "side").stdout.strip()
        oaks = self.ben.run("treaty", "side").stdout.strip()
        with_ash = proposed(self.cleo, oaks, "--daily", "2")
        with_elm = proposed(self.ben, elms, *LIMITS)
        proposed(self.ben, with_ash)
        charter = self.ben.root / "charter.conf"
        self.ben.run("charter", "edit", str(charter))
        text = charter.read_text()
        assert "longest = 12 h" in text, text
        charter.write_text(text.replace("longest = 12 h", "longest = 15 s"))
        in_parallel(lambda words: confirmed(*words), [(self.ben, "charter", "propose", str(charter)),
                                                      (self.ada, "treaty", "propose", with_elm)], 2)
        for places, version in ((self.elm, 2), (self.oak, 4), (self.ash, 2)):
            for place in places:
                place.until(("charter", "show"), lambda charter: charter["version"], lambda v, want=version: v == want)


def confirmed(home, *words):
    """A command that asks once and then for the passphrase: what it printed."""
    terminal = home.at_terminal(*words)
    terminal.expect(YES_NO)
    terminal.line("y")
    terminal.expect(PASSPHRASE)
    terminal.line(Home.PASSPHRASE)
    assert terminal.wait() == 0, terminal.text
    return terminal.text


def proposed(home, line, *words):
    """The line of the treaty that comes of that one."""
    return re.search(r"stoop-treaty1:\S+|$", confirmed(home, "treaty", "propose", line, *words)).group(0)


def in_another(home, name, sponsor):
    """A home joins one more community, as a further node of its own."""
    slug = name.lower().replace(" ", "-")
    home.run("init", "--community", name)
    place = Place(home, slug)
    place.wait_up()
    home.with_passphrase(*place.which, "join", "--yes", invite(sponsor))
    for each in (place, Place(home)):
        each.wait_up()
    return place


def gateways(s):
    """Every home tells which carry, and each of these that it does."""
    def listed(home, *which):
        return next(t for t in home.facts(*which, "treaty", "list") if t["with"] == OAK)

    s.ada.until(lambda: sorted(gateway["name"] for gateway in listed(s.ada)["gateways"]),
                lambda found: found == ["gil", "hal"], 90)
    assert [listed(s.ada)["gateway"]] + [listed(home, "--community", "first")["gateway"] for home in (s.gil, s.hal)] == [
        False, True, True]
    text = s.hal.run("--community", "first", "treaty", "show", OAK).stdout
    assert re.search(r"(?m)^(GATEWAY  |         )hal \(this home\), by its word until ", text), text
    assert re.search(r"(?m)^(GATEWAY  |         )gil, by its word until ", text), text
    s.ada.until(lambda: s.ada.run("treaty", "list").stdout,  # once a roll from there has come
                lambda listed: re.search(rf"(?m)^{OAK} .* in force .* 2$", listed), 90)


def asks(home, start, first=5, last=20, radius=60, basis=("--voluntary",)):
    """What it says of it, once it is sent."""
    text = home.with_passphrase(*request_words(start, first, last, radius)[:-1], *basis, "--json")
    return json.loads(text[text.index("{"):])


def all_see(places, *requests):
    for place in places:
        place.home.until(place.codes, lambda found: {r["code"] for r in requests} <= found, LONG_S)
        assert all(map(place.holds, requests)), "no file has it: then that no file has another proves nothing"


def none_have(places, *requests):
    for place in places:
        found = place.codes()
        for request in requests:
            assert request["code"] not in found and not place.holds(request), (place.home.name, place.which, request)


def refused(gateways, outcome, work):
    """What work() asks: each of these has carried it over, and nobody there takes it."""
    def times(home):
        return home.journal().count(f'info border: carried outcome="{outcome}"')

    before = list(map(times, gateways))
    asked = work()
    for home, had in zip(gateways, before):
        home.until(lambda h=home: times(h), lambda n, had=had: n > had, LONG_S)
    return asked


def grant(s, request):
    """What crossed is answered by Otto, and comes to Ada."""
    listed = [r for r in s.otto.facts("requests") if r["code"] == request["code"]][0]
    assert (listed["community"], listed["by"]) == (ELM, "ada"), listed
    status, text = accept(s.otto, request["code"])
    assert status == 0 and f"not of this community, but of {ELM}, by treaty" in text, text
    wait_delivered(s.ada, request["code"])


def kept_back(s, start):
    """Beyond the treaty with Oak: who asks is told, and it stays."""
    process = s.fay.root / "emergency.conf"
    process.write_text(EMERGENCY)
    beyond = {"its treaty lets 20 s be asked for at most": (s.fay, start, 5, 26),
              "its treaty lets 12000 m2 be asked about at most": (s.fay, start, 5, 20, 70),
              "its treaty lets it be asked with nothing but: voluntary":
                  (s.fay, start, 5, 20, 60, ("--process", str(process))),
              "its treaty lets no requester ask, but: home, administrator": (s.rex, start)}
    stay = in_parallel(lambda words: asks(*words), beyond.values(), 2)
    for request, why in zip(stay, beyond):
        assert (request["goes_to"], request["not_to"]) == ([], [{"community": OAK, "because": why}]), request
    all_see(s.elm, *stay)
    return stay


def granted(s, start, stay):
    """Asked in Elm, granted in Oak, collected in Elm: everything about it is checked again there."""
    add_camera(s.otto, "porch", start)
    s.otto.until(lambda: s.otto.facts("status")["camera_list_version"], lambda v: v == 1)
    for home, street in ((s.ada, OAK), (s.otto, ELM)):  # the rolls of both sides are the first that is carried
        home.until(lambda h=home, w=street: next(t["other_side"] for t in h.facts("treaty", "list") if t["with"] == w),
                   lambda word: word == "in force", LONG_S)
    request = asks(s.ada, start)
    assert (request["goes_to"], request["not_to"]) == ([OAK], []), request
    all_see(s.elm + s.oak, request)
    none_have(s.oak, *stay)
    s.otto.until(lambda: open_clips(s.otto), lambda n: n == 1)
    grant(s, request)
    out = s.ada.root / "evidence"
    out.mkdir()
    s.ada.with_passphrase("collect", "--to", str(out))
    facts = json.loads(next(out.glob("*.json")).read_text())
    assert (facts["home"], facts["home_community"]) == ("otto", OAK), facts
    return request


def beyond_their_charter(s, start):
    """It is within the treaty, so it is carried, and nobody takes it; in Oak it is not even sent."""
    longer = refused([s.gil, s.hal], CAP, lambda: asks(s.ada, start, 5, 21))
    told = s.ben.run(*request_words(start, 5, 21), check=False)
    assert told.returncode == FAILED and "not sent, by rule LP-18" in told.stderr, told
    longest = asks(s.ada, start, 6, 21)
    all_see(s.oak, longest)
    none_have(s.oak, longer)
    return longest, longer


def told_of_their_charter(s, start):
    """Who asks, before it is sent: once a roll that tells of it has come."""
    def shown():
        terminal = s.ada.at_terminal(*[word for word in request_words(start, 5, 21) if word != "--yes"])
        terminal.expect(YES_NO)
        terminal.line("n")
        terminal.wait()
        return terminal.text

    s.ada.until(shown, lambda text: "NOT TO   Oak Street: its charter lets 15 s be asked for at most\n" in text, LONG_S)


def one_way(s, start, crossed, stay):
    """What is asked in the middle goes to both sides; what came there from one of them goes no further. Two in a day go
    to Ash, whoever carries them; the other way is another matter."""
    first = asks(s.ben, start, 6, 20)
    assert sorted(first["goes_to"]) == [ASH, ELM], first
    all_see(s.elm + s.ash, first)
    none_have(s.ash, *crossed, *stay)
    s.ivy.lose_power()
    second = asks(s.ben, start, 10, 20)
    all_see([place for place in s.ash if place.home is not s.ivy], second)
    s.ivy.start()
    all_see([place for place in s.ash if place.home is s.ivy], second)
    s.jon.lose_power()
    third = refused([s.ivy], QUOTA, lambda: asks(s.ben, start, 11, 20))
    s.jon.start()
    all_see(s.elm, second, third)
    back = asks(s.cleo, start, 12, 20)
    all_see(s.oak, back)
    none_have(s.ash, third)
    none_have(s.elm, back)


def carried(s, start):
    """While one after another is off; in the end all are, and one that joins takes over what waits."""
    crossed = []
    residents = s.oak[:5]
    for off in (s.gil, s.hal):
        off.lose_power()
        crossed.append(asks(s.ada, start, 7, 20))
        all_see(residents, crossed[-1])
        off.start()
        all_see([place for place in s.elm + s.oak if place.home is off], crossed[-1])
    s.gil.lose_power()
    s.hal.lose_power()
    waits = asks(s.ada, start, 8, 20)
    all_see([place for place in s.elm if place.home not in (s.gil, s.hal)], waits)
    none_have(residents, waits)
    s.oak.append(in_another(s.fay, OAK, s.eve))
    all_see(residents, waits)
    crossed += [waits, asks(s.ada, start, 9, 20)]
    all_see(residents, crossed[-1])
    s.gil.start()
    s.hal.start()
    all_see(s.elm + s.oak, *crossed[-2:])
    return crossed


def ended(s, start, lives):
    """By one side. What is asked there nobody tries to carry. What is asked in Elm each does, where they may not have
    heard of it: the last one no sooner than it would have tried the other."""
    confirmed(s.ben, "treaty", "end", ELM)
    ours, theirs = refused([s.gil, s.hal, s.fay], TREATY, lambda: in_parallel(
        lambda home: asks(home, start, 12, 20), (s.ben, s.ada), 2))
    assert ours["goes_to"] == [ASH], ours
    all_see(s.oak, ours)
    all_see(s.elm, theirs)
    none_have(s.elm, ours)
    none_have(s.oak, theirs)
    all_see(s.oak, *lives)
    grant(s, lives[-1])


def left(s):
    """A home that is out of Ash takes its word back in Oak, and whoever leaves as the last that carries is told."""
    def carry():
        return sorted(g["name"] for t in s.ben.facts("treaty", "list") if t["with"] == ASH for g in t["gateways"])

    s.ben.until(carry, lambda names: names == ["ivy", "jon"], LONG_S)
    for home, others in ((s.jon, ["ivy"]), (s.ivy, [])):
        terminal = home.at_terminal("--community", "ash-street", "leave")
        terminal.expect("type the community's name, Ash Street: ")
        terminal.line(ASH)
        terminal.expect(PASSPHRASE)
        terminal.line(Home.PASSPHRASE)
        assert terminal.wait() == 0, terminal.text
        told = "TREATY   no other home carries for Oak Street: nothing crosses then" in terminal.text
        assert told == (others == []), terminal.text
        s.ben.until(carry, lambda names, want=others: names == want, LONG_S)
    text = s.ben.run("treaty", "list").stdout
    assert "in force, by its word of" in text and "NONE" in text, text


@contextlib.contextmanager
def apart():
    """The homes, each to have an address of its own."""
    try:
        network = Network(len(NAMES))
    except Unavailable as why:
        print(f"federation: all on loopback: no network namespaces here: {why}", flush=True)
        yield dict.fromkeys(NAMES, Home)
        return
    with contextlib.closing(network):
        yield {name: functools.partial(NodeHome, node=node) for name, node in zip(NAMES, network.nodes)}


def main():
    hear_signals()
    with apart() as kinds, set_up("federation", last=3000, **kinds) as (_, *homes):
        s = Streets(homes)
        s.found()
        s.federate()
        gateways(s)
        start = half_an_hour_ago()
        stay = kept_back(s, start)
        crossed = [granted(s, start, stay)]
        for some, one in zip((crossed, stay), beyond_their_charter(s, start)):
            some.append(one)
        one_way(s, start, crossed, stay)
        told_of_their_charter(s, start)
        crossed += carried(s, start)
        ended(s, start, crossed)
        none_have(s.ash, *crossed, *stay)
        none_have(s.oak, *stay)
        left(s)
        for home in homes:
            home.run("log", "verify")
    print("federation: what crosses by treaty is granted, goes one way at a time, and ends with it")


if __name__ == "__main__":
    main()
