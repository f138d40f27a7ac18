/* One of many homes is removed while a fifth of them is switched off: how soon it has no link, what
 * still reaches it, and whether those who come back end where the others are (PROTOCOL 4.7, 4.8).
 * Nothing is asserted about time that is not the protocol's own. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    REMOVED = 7, /* the founder has brought it in */
    OFF_EVERY = 5,
    START_MS = 30000,
    SETTLE_MS = 60000,
    LOOK_MS = 50,
    LOOK_CLOSELY_MS = 5, /* a visit at the catch-up door is short */
    ROUND_MS = 60000,    /* of reconciliation, the longest */
    TRIES_MS = 240000,   /* so long it knocks at every door that it knows */
    REQUESTS = 3,
    BACK_MS = 10000, /* within which those who were off start */
    CAUGHT_UP_MS = 30 * MINUTE_MS,
};

struct removal_run {
    struct world *world;
    int nodes;
    bool *off;
    bool *via_door; /* seen at the catch-up door */
    uint8_t key_before[EPOCH_KEY_BYTES];
    uint8_t key_after[EPOCH_KEY_BYTES];
    bool good;
};

static bool is_off(int home);
static void start(struct removal_run *run, const struct options *options);
static void check(struct removal_run *run, bool good, const char *format, ...) PRINTF_LIKE(3, 4);
static int links_to_removed(const struct removal_run *run);
static int knowing(const struct removal_run *run, bool back);
static int with_key(const struct removal_run *run, bool back);
static void let_go(struct removal_run *run);
static void keep_out(struct removal_run *run);
static size_t parts_of_removed(const struct removal_run *run);
static enum err count_part(void *context, const struct store_epoch *epoch);
static void come_back(struct removal_run *run);
static void note_doors(struct removal_run *run);

bool removal_run(const struct options *options) {
    struct removal_run run = {.nodes = options->nodes, .good = true};
    if (options->nodes <= REMOVED + 1) {
        (void)printf("removal: of %d homes at least\n", REMOVED + 2);
        return false;
    }
    start(&run, options);
    let_go(&run);
    keep_out(&run);
    come_back(&run);
    world_destroy(run.world);
    free(run.off);
    free(run.via_door);
    (void)printf("removal: %s\n", run.good ? "all held" : "BROKEN");
    return run.good;
}

static bool is_off(int home) {
    return home != 0 && home != REMOVED && home % OFF_EVERY == OFF_EVERY - 1;
}

/* All are linked; then a fifth is switched off, and the others settle again. */
static void start(struct removal_run *run, const struct options *options) {
    const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
    size_t nodes = (size_t)options->nodes;
    int off = 0;
    run->off = calloc(nodes, sizeof *run->off);
    run->via_door = calloc(nodes, sizeof *run->via_door);
    ASSERT(run->off != NULL && run->via_door != NULL);
    run->world = world_create(options->seed, nodes, NULL);
    world_populate(run->world, nodes, &terms);
    world_start_all(run->world, START_MS);
    world_run(run->world, SETTLE_MS);
    for (int i = 0; i < run->nodes; i++) {
        run->off[i] = is_off(i);
        if (run->off[i]) {
            world_kill(run->world, i);
            off++;
        }
    }
    world_run(run->world, SETTLE_MS);
    world_epoch(run->world, 0, run->key_before);
    (void)printf("removal: %d full homes, %d switched off; one that has %d links is removed\n",
                 run->nodes, off, links_to_removed(run));
    check(run, links_to_removed(run) > 0, "it has no link to begin with");
}

static void check(struct removal_run *run, bool good, const char *format, ...) {
    va_list arguments;
    if (good) {
        return;
    }
    run->good = false;
    va_start(arguments, format);
    (void)printf("  broken: ");
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
}

/* At the others' ends, as whatever it has shown itself. */
static int links_to_removed(const struct removal_run *run) {
    const struct id *removed = &run->world->homes[REMOVED].certificate;
    int count = 0;
    for (int i = 0; i < run->nodes; i++) {
        const struct core *core = run->world->homes[i].core;
        for (size_t k = 0; core != NULL && i != REMOVED && k < CORE_LINKS_MAX; k++) {
            const struct link *link = &core->links[k];
            count += link->no != 0 && link->state == LINK_OPEN && id_equal(&link->about, removed)
                         ? 1
                         : 0;
        }
    }
    return count;
}

/* Of those that were on all the time, or of those that came back. */
static int knowing(const struct removal_run *run, bool back) {
    const struct id *removed = &run->world->homes[REMOVED].certificate;
    int count = 0;
    for (int i = 0; i < run->nodes; i++) {
        const struct core *core = run->world->homes[i].core;
        bool asked = i != REMOVED && core != NULL && run->off[i] == back;
        count += asked && community_is_removed(core->community, removed, NULL) ? 1 : 0;
    }
    return count;
}

static int with_key(const struct removal_run *run, bool back) {
    int count = 0;
    for (int i = 0; i < run->nodes; i++) {
        const struct core *core = run->world->homes[i].core;
        bool asked = i != REMOVED && core != NULL && run->off[i] == back;
        count +=
            asked && memcmp(core->epoch_key, run->key_after, sizeof run->key_after) == 0 ? 1 : 0;
    }
    return count;
}

/* Its sponsor removes it; one round later nobody has a link to it. */
static void let_go(struct removal_run *run) {
    struct world *world = run->world;
    int64_t began = world->now;
    int64_t gone = -1;
    int64_t known = -1;
    int64_t keys = -1;
    int on = -1; /* but for itself */
    for (int i = 0; i < run->nodes; i++) {
        on += run->off[i] ? 0 : 1;
    }
    check(run, world_remove(world, 0, REMOVED, false) == ERR_OK, "the removal is refused");
    world_epoch(world, 0, run->key_after);
    check(run, memcmp(run->key_before, run->key_after, sizeof run->key_after) != 0,
          "the epoch key is the old one");
    while (world->now - began < ROUND_MS) {
        int64_t after = world->now - began;
        gone = links_to_removed(run) > 0 ? -1 : gone < 0 ? after : gone;
        known = known < 0 && knowing(run, false) == on ? after : known;
        keys = keys < 0 && with_key(run, false) == on ? after : keys;
        world_run(world, LOOK_MS);
    }
    (void)printf("  no link after %lld ms; all %d that were on knew it after %lld ms, and had the "
                 "new key after %lld ms\n",
                 (long long)gone, on, (long long)known, (long long)keys);
    check(run, gone >= 0, "%d links after a round", links_to_removed(run));
    check(run, knowing(run, false) == on, "%d of %d know it", knowing(run, false), on);
    check(run, with_key(run, false) == on, "%d of %d have the key", with_key(run, false), on);
}

/* It goes on as it was, and dials everybody whom it knows: no handshake leads to a link, no request
 * comes to it, no part of the key. */
static void keep_out(struct removal_run *run) {
    struct world *world = run->world;
    struct id ids[REQUESTS];
    int64_t began = world->now;
    int completed = 0;
    int dials = 0;
    int got = 0;
    int spread = 0;
    for (int i = 0; i < REQUESTS; i++) {
        struct request request;
        world_voluntary(world, i, 60 * (int64_t)MINUTE_MS, &request);
        check(run, world_request(world, i, &request, &ids[i]) == ERR_OK, "a request is refused");
    }
    while (world->now - began < TRIES_MS) {
        const struct core *core = world->homes[REMOVED].core;
        completed += links_to_removed(run);
        for (size_t k = 0; k < CORE_LINKS_MAX; k++) {
            bool open = core->links[k].no != 0 && core->links[k].state != LINK_OPEN;
            dials += open ? 1 : 0;
        }
        world_run(world, LOOK_MS);
    }
    for (int i = 0; i < REQUESTS; i++) {
        for (int k = 0; k < run->nodes; k++) {
            bool has = !run->off[k] && world_has_object(world, k, &ids[i]);
            got += k == REMOVED && has ? 1 : 0;
            spread += k != REMOVED && has ? 1 : 0;
        }
    }
    size_t parts = parts_of_removed(run);
    uint8_t key[EPOCH_KEY_BYTES];
    world_epoch(world, REMOVED, key);
    (void)printf("  in the next %d s: %d handshakes led to a link, %d of %d requests came to it "
                 "(%d copies to the others), %zu parts of the key\n",
                 TRIES_MS / 1000, completed, got, REQUESTS, spread, parts);
    check(run, dials > 0, "it never tried");
    check(run, completed == 0 && got == 0 && parts == 0, "something came to it");
    check(run, memcmp(key, run->key_before, sizeof key) == 0, "it has another key");
    int on = 0;
    for (int i = 0; i < run->nodes; i++) {
        on += run->off[i] || i == REMOVED ? 0 : 1;
    }
    check(run, spread == REQUESTS * on, "%d copies of %d", spread, REQUESTS * on);
}

/* Without the founding key, which it has had. */
static size_t parts_of_removed(const struct removal_run *run) {
    struct store *store = run->world->homes[REMOVED].store;
    size_t count = 0;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_epoch_each(store, count_part, &count) == ERR_OK);
    store_roll_back(store);
    return count;
}

static enum err count_part(void *context, const struct store_epoch *epoch) {
    *(size_t *)context += id_is_zero(&epoch->removal) ? 0 : 1;
    return ERR_OK;
}

static void come_back(struct removal_run *run) {
    struct world *world = run->world;
    int64_t began = world->now;
    int64_t all = -1;
    int off = 0;
    int doors = 0;
    for (int i = 0; i < run->nodes; i++) {
        off += run->off[i] ? 1 : 0;
    }
    int next = 0; /* to start */
    while (all < 0 && world->now - began < CAUGHT_UP_MS) {
        int64_t due = (world->now - began) * run->nodes / BACK_MS;
        for (; next < run->nodes && next <= due; next++) {
            check(run, !run->off[next] || world_start(world, next) == ERR_OK,
                  "home %d does not start", next);
        }
        world_run(world, LOOK_CLOSELY_MS);
        note_doors(run);
        all = with_key(run, true) == off && knowing(run, true) == off ? world->now - began : -1;
    }
    world_run(world, ROUND_MS);
    for (int i = 0; i < run->nodes; i++) {
        const struct core *core = world->homes[i].core;
        doors += run->via_door[i] ? 1 : 0;
        check(run, i == REMOVED || !run->off[i] || overlay_link_count(core->overlay) > 0,
              "home %d came back and has no link", i);
    }
    (void)printf("  %d came back: all have the same key %lld ms after the first; %d were seen at "
                 "the catch-up door\n",
                 off, (long long)all, doors);
    check(run, all >= 0, "%d of %d have the key, %d know it", with_key(run, true), off,
          knowing(run, true));
    check(run, off == 0 || doors > 0, "nobody came by the catch-up door");
    check(run, links_to_removed(run) == 0, "%d links in the end", links_to_removed(run));
    check(run, parts_of_removed(run) == 0, "those who came back told it a part");
}

/* Others learn at the door too, or over links with those who did. */
static void note_doors(struct removal_run *run) {
    for (int i = 0; i < run->nodes; i++) {
        const struct core *core = run->world->homes[i].core;
        for (size_t k = 0; core != NULL && run->off[i] && k < CORE_LINKS_MAX; k++) {
            const struct link *link = &core->links[k];
            run->via_door[i] = run->via_door[i] || (link->no != 0 && link->state == LINK_OPEN &&
                                                    link->door == TRANSPORT_CATCH_UP);
        }
    }
}
