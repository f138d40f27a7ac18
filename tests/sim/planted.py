#!/usr/bin/env python3
"""Do the simulators find bugs? Plants them one by one, and runs the swarm.

usage: tests/sim/planted.py [--build DIR] [--seconds S] [--seed N] [--short] [NAME...]

Each bug is a few words of the source replaced by others, in a copy of one or two files; the rest of the
program is what was built. Prints after how many seconds by the clock and of the processor it was found,
its compilation included, and what found it. Fails when that took more than S seconds of the processor
(default 60), when nothing was found in twelve times as many by the clock, or when its place in the source is gone.
--short: those that are found at once.
"""

import argparse
import os
import pathlib
import resource
import shlex
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORT_SECONDS = 40
CLOCK_SHARE = 12  # others use the machine as well
OVERLAY = "overlay_sim"
CORE = "core_sim"
REMOVAL = "core_sim --removal --nodes 40"
FEDERATION = "overlay_sim --scenario federation --communities 12 --nodes 60"
GOVERN = "core_sim --scenario govern --nodes 8"
YEARS = "core_sim --years"

# name: (what finds it, (file, words, words in their place)...)
BUGS = {
    "forwards before it verifies": (
        OVERLAY,
        (
            "node/overlay/overlay.c",
            "    o->out->verdict = overlay_look_up(o, &event->key.id, event->reserved, o->now);\n",
            "    o->out->verdict = overlay_look_up(o, &event->key.id, event->reserved, o->now);\n"
            "    for (size_t i = 0; o->out->verdict == OVERLAY_WANTED && i < OVERLAY_SLOTS; i++) {\n"
            "        if (o->links[i].no != 0 && o->links[i].state == LINK_STATE_OPEN) {\n"
            "            overlay_push(o, &o->links[i], &event->key.id, 1);\n"
            "        }\n"
            "    }\n",
        ),
    ),
    "forgets to prune": (OVERLAY, ("node/overlay/tree.c", "    prune(o, link, event->key.id.b);\n", "")),
    "takes an object twice": (
        OVERLAY,
        (
            "node/overlay/overlay.c",
            "    if (sync_set_find(overlay->objects, id) != NULL) {\n        return OVERLAY_DUPLICATE;",
            "    if (sync_set_find(overlay->objects, id) != NULL && id->b[0] != 0) {\n        return OVERLAY_DUPLICATE;",
        ),
    ),
    "keeps what has expired": (
        OVERLAY,
        (
            "node/overlay/overlay.c",
            "instant_reached(o->now.wall, soonest->expires)",
            "instant_reached(o->now.wall, instant_add(soonest->expires, (struct duration){3600000}))",
        ),
    ),
    "off by one in a range": (
        OVERLAY,
        (
            "node/overlay/sync.c",
            "for (size_t k = range.from; k < range.to && out->push_count",
            "for (size_t k = range.from; k + 1 < range.to && out->push_count",
        ),
    ),
    "never reconciles": (
        OVERLAY,
        (
            "node/overlay/catch_up.c",
            "    sync_open(o->objects, overlay_draw(o), &o->out->sync);\n    send_answer(o, link);\n",
            "",
        ),
    ),
    "no back-off": (OVERLAY, ("node/overlay/book.c", "(uint32_t)((wait + 999) / 1000)", "(uint32_t)(wait * 0)")),
    "an unbounded queue": (
        OVERLAY,
        (
            "node/overlay/tree.c",
            "if (o->missing_count == OVERLAY_MISSING_MAX || has_its_share(o, link)) {",
            "if (o->missing_count == 64 * OVERLAY_MISSING_MAX) {",
        ),
    ),
    "does not keep links alive": (OVERLAY, ("node/overlay/view.c", "KEEP_ALIVE_MS = 4000,", "KEEP_ALIVE_MS = 400000,")),
    "takes one link too many": (
        OVERLAY,
        (
            "node/overlay/view.c",
            "if (!group_full && open < OVERLAY_LINKS_MAX &&",
            "if (!group_full && open <= OVERLAY_LINKS_MAX &&",
        ),
    ),
    "takes any number from one network": (
        OVERLAY,
        (
            "node/overlay/view.c",
            "return link->group != 0 && count >= OVERLAY_GROUP_MAX &&",
            "return link->group != 0 && count >= 4 * OVERLAY_GROUP_MAX &&",
        ),
    ),
    "names itself": (OVERLAY, ("node/overlay/book.c", "if (peer == o->self || overlay_link_to", "if (overlay_link_to")),
    "gives up what it dialled": (
        OVERLAY,
        (
            "node/overlay/view.c",
            "struct link *victim = choose_newcomer(o, group_full ? link->group : 0);",
            "struct link *victim = choose_victim(o);",
        ),
    ),
    "walks without end": (OVERLAY, ("node/overlay/walk.c", "    walk->as.walk.left--;\n", "")),
    "shuns nobody": (OVERLAY, ("node/overlay/score.c", "if (link->points >= OVERLAY_FAULTS_MAX) {", "if (link->points == UINT8_MAX) {")),
    "forgets whom it cannot reach": (
        OVERLAY,
        (
            "node/overlay/book.c",
            "    if (known != NULL) {\n        int64_t wait = DIAL_FIRST_MS;",
            "    if (known != NULL) {\n        book_remove(o, peer);\n    } else if (known != NULL) {\n        int64_t wait = DIAL_FIRST_MS;",
        ),
    ),
    # ---- core, and the engines that only whole homes drive ----
    "discloses before it is on record": (
        CORE,
        (
            "node/core/clips.c",
            '        core_journal(core, "info consent: %s", complete ? "granted" : "signed in part");\n    }\n',
            "        struct store_clip row;\n"
            "        if (complete && store_clip_get(core->store, clip, &row) == ERR_OK) {\n"
            "            return deliver(core, &row);\n        }\n    }\n",
        ),
    ),
    "acts though its commit failed": (
        CORE + " --scenario disk",
        ("node/core/core.c", "        store_roll_back(core->store);\n        return err;\n    }\n    log_committed",
         "        store_roll_back(core->store);\n    }\n    log_committed"),
    ),
    "forgets at its start what waits for a slot": (
        CORE,
        ("node/core/record.c", "err = store_waiting_each(core->store, visit_waiting, core);", "err = ERR_OK;"),
    ),
    "forgets at its start which slot was the last": (
        CORE,
        ("node/core/record.c", "            log_load_slot(core->log, read_u64(slot.at));\n", ""),
    ),
    "forgets a receipt": (
        CORE,
        ("node/core/clips.c", "err = store_clip_set_state(core->store, &id, CLIP_DELIVERED, clip.expires);\n", ""),
    ),
    "gives a receipt for what is not on disk": (
        CORE,
        ("node/core/work.c", "work->result = work->disk->sync(work->disk->context, work->file, name);", "work->result = ERR_OK;"),
    ),
    "sends the header before the receipt": (
        CORE,
        (
            "node/transfer/transfer.c",
            "        send->state = SEND_RECEIPT;\n",
            "        send->state = SEND_HEADER;\n"
            "        act(out, TRANSFER_ACT_SEND_HEADER, send->link, &send->clip.grant);\n",
        ),
    ),
    "accepts a request that is over": (
        CORE,
        ("node/core/gossip_judge.c", "return object->kind != OBJECT_MEMBER && instant_reached(core->now.wall, head->expires)",
         "return object->kind == OBJECT_UNKNOWN && instant_reached(core->now.wall, head->expires)"),
        ("node/request/request.c", "return instant_reached(now, request->head.expires) ? ERR_DENY_EXPIRED : ERR_OK;",
         "return ERR_OK;"),
    ),
    "accepts a request that its owner did not sign": (
        CORE,
        ("node/core/gossip_judge.c", "    if (err == ERR_OK && (!signed_by_owner(object, author) ||", "    if (err == ERR_OK && ("),
    ),
    "lets one ask without a limit": (
        CORE,
        ("node/request/request.c", "(counted->live >= asker->live_requests ||",
         "("),
    ),
    "takes one owner's word for all": (
        CORE,
        ("node/consent/consent.c", "    if (err == ERR_DENY_INCOMPLETE) {\n",
         "    err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;\n    if (false) {\n"),
    ),
    "keeps what was declined": (
        CORE,
        ("node/core/clips.c", "return err == ERR_OK ? let_go(core, clip, request, state) : err;",
         "return err == ERR_OK ? store_clip_set_state(core->store, clip, state, core->now.wall) : err;"),
    ),
    "takes a clip that is not for it": (
        CORE,
        ("node/core/received.c", "    if (err == ERR_OK && !ours) {", "    if (err == ERR_OK && !ours && false) {"),
    ),
    "takes anyone who shows a certificate": (
        CORE,
        ("node/core/core.c", "if (!good || !box_public_equal(&member.transport, &link->peer_static)) {", "if (!good) {"),
    ),
    "signs a head over what is not committed": (
        CORE,
        ("node/log/log.c", "{.size = log->committed.size}", "{.size = log->edge.size}"),
        ("node/log/log.c", "merkle_root(&log->committed, &checkpoint.root)", "merkle_root(&log->edge, &checkpoint.root)"),
    ),
    # ---- what is decided together: only where somebody decides ----
    "counts an act that one too few signed": (
        GOVERN,
        ("proto/chain.c", "return signed_by_administrators(object, charter) >= charter->threshold ? ERR_OK",
         "return signed_by_administrators(object, charter) + 1 >= charter->threshold ? ERR_OK"),
    ),
    "gathers one signature too few": (
        GOVERN,
        ("node/core/acts.c", "gathering.act.count < gathering.charter->threshold", "gathering.act.count + 1 < gathering.charter->threshold"),
        ("proto/chain.c", "return signed_by_administrators(object, charter) >= charter->threshold ? ERR_OK",
         "return signed_by_administrators(object, charter) + 1 >= charter->threshold ? ERR_OK"),
    ),
    "lets the larger id win": (
        GOVERN,
        ("node/community/community.c", "if (id_compare(&other->id, id) < 0) {", "if (id_compare(&other->id, id) < 0 || true) {"),
    ),
    "asks who was an administrator first": (
        GOVERN,
        ("proto/chain.c", "? act_verify(&governance->charter, object)", "? act_verify(&governance->founding, object)"),
        ("node/community/community.c", "? act_verify(charter, object)", "? act_verify(&community->governance.founding, object)"),
    ),
    "keeps what a lost act removed": (
        GOVERN,
        ("node/community/community.c", "        drop_removals(community, &community->acts[i].id);\n", ""),
    ),
    "tells nobody what has lost": (
        GOVERN,
        ("node/core/acts.c", "        if (err == ERR_OK) {\n            err = store_act_put(core->store, &lost);\n        }\n        if (err == ERR_OK) {\n            err = store_epoch_remove",
         "        if (err == ERR_OK) {\n            err = store_object_remove(core->store, &lost.id);\n        }\n        if (err == ERR_OK) {\n            err = store_epoch_remove"),
    ),
    "lets a removed sponsor bring in": (
        GOVERN,
        ("node/community/community.c", "return find(community, brought)->member.head.created.ms >= gone->at.ms;",
         "return find(community, brought)->member.head.created.ms >= gone->at.ms && community->count == 0;"),
    ),
    "lets those who came first keep their places": (
        GOVERN,
        ("node/community/community.c", "sponsor->displaces < COMMUNITY_DISPLACED_MAX", "sponsor->displaces > COMMUNITY_DISPLACED_MAX"),
    ),
    "offers the certificate of one who lost its place": (
        GOVERN,
        ("node/core/standing.c", "            err = unsay(core, &member);\n", "            err = ERR_OK;\n"),
    ),
    "lets a neighbour remove": (
        GOVERN,
        ("node/community/community.c", "    return id_equal(by, member) || id_equal(by, &admitted->member.head.author) ? ERR_OK",
         "    return id_equal(by, member) || admitted != NULL ? ERR_OK"),
        ("node/community/community.c", "    return id_is_zero(&gone->author) || id_equal(&gone->author, &chain[k]) ||\n",
         "    return id_is_zero(&gone->author) || id_equal(&gone->author, &chain[k]) || true ||\n"),
    ),
    "keeps the link to one that is removed": (
        GOVERN,
        ("node/core/standing.c", "err = core_close(core, link, \"no member any more\");", "err = ERR_OK;"),
        ("node/core/standing.c", "    enum err err = neighbours_run(core, &gone);\n", "    enum err err = gone.kind == OVERLAY_EV_PEER_GONE ? ERR_OK : ERR_OK;\n"),
    ),
    "catches up without the parts of the key": (
        GOVERN,
        ("node/core/away.c", "        err = epoch_each_part(core, send_part, &sending);\n", ""),
    ),
    "tells its neighbours no part of the key": (
        GOVERN,
        ("node/core/epoch.c", "        if (link->no != 0 && link->in_overlay) {", "        if (link->no == 0 && link->in_overlay) {"),
    ),
    "makes the key with what has lost": (
        GOVERN,
        ("node/core/epoch.c", "    if (!founding && !community_removal_counts(parts->core->community, &epoch->removal)) {",
         "    if (!founding && parts->core->community == NULL) {"),
    ),
    "forgets at its start what was removed": (
        GOVERN,
        ("node/core/standing.c", "    enum err err = store_object_each(core->store, OBJECT_REMOVAL, visit_removal, core);", "    enum err err = ERR_OK;"),
    ),
    "lets a removed one in at the doors": (
        REMOVAL,
        ("node/core/core.c", "    bool good = community_in_standing(core->community, &object.id, core->now.wall) ||\n",
         "    bool good = community_find(core->community, &object.id) != NULL ||\n"),
    ),
    "keeps any number of endorsements": (
        GOVERN,
        ("node/core/acts.c", "live >= ENDORSEMENTS_OF_ONE ? ERR_DENY_QUOTA : err;", "live >= 4096 ? ERR_DENY_QUOTA : err;"),
    ),
    # ---- what only shows after years ----
    "renews no certificate": (
        YEARS,
        ("node/core/standing.c", "        if (is_to_renew(core, &member)) {\n", "        if (is_to_renew(core, &member) && core == NULL) {\n"),
    ),
    "lets nobody above the sponsor renew": (
        YEARS,
        ("node/core/standing.c", "    RENEW_FOR_OTHERS_DAYS = 30,", "    RENEW_FOR_OTHERS_DAYS = -3650,"),
    ),
    "keeps the rows of what has expired": (
        YEARS,
        ("node/core/gossip.c", "    enum err err = store_object_expire(core->store, &core->self, core->now.wall);\n", "    enum err err = ERR_OK;\n"),
        ("node/core/neighbours.c", "    if (err == ERR_OK) {\n        err = store_object_remove(core->store, id);\n    }\n", ""),
    ),
    "forgets at its start what was renewed": (
        YEARS,
        ("node/core/standing.c", "    return err == ERR_OK ? store_object_each(core->store, OBJECT_RENEWAL, visit_renewal, core)\n                         : err;", "    return err;"),
    ),
    # ---- what crosses between communities ----
    "carries on what has crossed": (
        FEDERATION,
        ("proto/treaty.c", "if (far == NULL || !id_equal(&request->head.community, from)) {", "if (far == NULL) {"),
    ),
    "lets a request cross whatever its place": (
        FEDERATION,
        ("proto/treaty.c", "(far->has_area && !geo_place_inside(&request->place, &far->area))) {",
         "(far->has_area && far->area.count == 0)) {"),
    ),
    "asks a request's own side about its place": (
        FEDERATION,
        ("proto/treaty.c", "    return treaty_lets(treaty, far, request, role);",
         "    return treaty_lets(treaty, treaty_side(treaty, from), request, role);"),
    ),
    "has each gateway be the first": (
        FEDERATION,
        ("proto/treaty.c", "return memcmp(hash_of_one, hash_of_other, sizeof hash_of_one) < 0;",
         "return memcmp(hash_of_one, hash_of_other, 0) < 0;"),
    ),
}

# Of those, what the short form takes: each is found within fifteen seconds of the processor.
SHORT = (
    "forwards before it verifies",
    "forgets to prune",
    "takes an object twice",
    "names itself",
    "gives up what it dialled",
    "shuns nobody",
    "discloses before it is on record",
    "forgets at its start which slot was the last",
    "forgets a receipt",
    "accepts a request that is over",
    "accepts a request that its owner did not sign",
    "takes anyone who shows a certificate",
    "counts an act that one too few signed",
    "lets a neighbour remove",
    "keeps any number of endorsements",
    "carries on what has crossed",
)


def commands(build, program):
    """What the build runs for this program: (command that links it, {source: command that compiles it})."""
    text = subprocess.check_output(["ninja", "-C", build, "-t", "commands", program], text=True)
    lines = [line for line in text.splitlines() if " -o " in line]
    return lines[-1], {line.split()[-1]: line for line in lines if " -c " in line}


def plant(name, build, folder):
    """The program with this bug, or None when its place is gone."""
    program = BUGS[name][0].split()[0]
    link, compile_of = commands(build, program)
    texts = {}
    for file, words, instead in BUGS[name][1:]:
        text = texts.get(file) or (ROOT / file).read_text()
        if text.count(words) != 1:
            return None
        texts[file] = text.replace(words, instead)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, text in texts.items():
        copy = folder / file.replace("/", "-")
        copy.write_text(text)
        command = shlex.split(compile_of[str(ROOT / file)])
        command[-1] = str(copy)
        command[command.index("-o") + 1] = f"{copy}.o"
        command[command.index("-MF") + 1] = f"{copy}.d"
        subprocess.run(command + ["-w"], cwd=build, check=True)
        # An object goes before one of the same names in the library behind it.
        library = " lib" + os.path.dirname(file).replace("/", "_") + ".a "
        link = link.replace(library, f" {shlex.quote(str(copy))}.o{library}", 1)
    planted = folder / program
    link = link.replace(f" -o tests/{program} ", f" -o {shlex.quote(str(planted))} ", 1)
    subprocess.run(link, shell=True, cwd=build, check=True)
    return planted


def find(name, program, seconds, seed):
    """What it said, or None."""
    command = [program] + BUGS[name][0].split()[1:]
    try:
        done = subprocess.run(
            command + ["--swarm-seconds", str(CLOCK_SHARE * seconds), "--seed", str(seed), "--no-shrink"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CLOCK_SHARE * seconds + 120,
        )
    except subprocess.TimeoutExpired:
        return "it never ended"
    if done.returncode == 0:
        return None
    said = [line.strip() for line in done.stdout.splitlines()]
    said = [line for line in said if line.startswith("broken:") or " s into the run: " in line or "assertion" in line]
    return said[0] if said else f"exit {done.returncode}"


def processor():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=pathlib.Path, default=ROOT / ".build" / "clang")
    options.add_argument("--seconds", type=int)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--short", action="store_true")
    options.add_argument("names", nargs="*", metavar="NAME")
    options = options.parse_args()
    build = options.build.resolve()
    seconds = options.seconds or (SHORT_SECONDS if options.short else 60)
    names = options.names or (SHORT if options.short else BUGS)
    missed = []
    print(f"planted: each has to be found within {seconds} s of the processor")
    for name in names:
        if name not in BUGS:
            sys.exit(f"planted: no bug is called '{name}'; there are: {', '.join(BUGS)}")
        began, used = time.monotonic(), processor()
        program = plant(name, build, build / "planted" / name.replace(" ", "-"))
        found = None if program is None else find(name, program, seconds, options.seed)
        clock, took = time.monotonic() - began, processor() - used
        said = "cannot be planted any more" if program is None else found or "NOT FOUND"
        if found is None or took > seconds:
            missed.append(name)
            said = f"TOO LATE: {said}" if found else said
        print(f"{name:46} {clock:5.1f} s {took:5.1f} s  {said}", flush=True)
    if missed:
        sys.exit(f"planted: {len(missed)} of {len(names)} were not found in time: {', '.join(missed)}")
    print(f"planted: all {len(names)} found")


if __name__ == "__main__":
    main()
