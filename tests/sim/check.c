/* Promises of the engine, each by its name. What a hostile node's engine does is not looked at. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    CHECK_EVERY = 16, /* steps of a node */
    MINUTE_MS = 60 * 1000,
    TICKS_AT_ONCE = 1000,
    AT_ONCE_MS = 400,
    DIALS_A_MINUTE = 240,
    VIEWS_A_MINUTE = 1600,       /* walks and shuffles of all its links */
    FORGERIES_A_MINUTE = 120,    /* or two by each of the hostile: shunned for a minute at first */
    ENGINE_BYTES = 8 * 1024,     /* beside its objects and what waits */
    OBJECT_BYTES = 256 + 9 * 32, /* of one, at most, and its id in what waits for each link */
    WAITING_BYTES = 72 * 1024,   /* what is missed, and to be announced */
    SKEW_MS = 16 * 60 * 1000,    /* clocks: what one drops another may still hold */
    LINKS_IN_CALM = 5,
};

static void check_drop(struct sim *sim, uint32_t number, uint32_t no);
static void check_dial(struct sim *sim, uint32_t number, uint32_t peer);
static void check_bounds(struct sim *sim, uint32_t number);
static void check_links(struct sim *sim, uint32_t number);
static void check_pace(struct sim *sim, uint32_t number);
static uint32_t reachable(const struct sim *sim, uint32_t number);
static bool is_mutual(const struct sim *sim, uint32_t number, const struct overlay_link *link);
static uint32_t find_root(uint32_t *parents, uint32_t node);

void sim_break(struct sim *sim, const char *name, uint32_t node, uint64_t object, const char *text,
               ...) {
    if (sim->broken.name != NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, text);
    sim->broken = (struct broken){.name = name, .at = sim_now(sim), .node = node, .object = object};
    (void)vsnprintf(sim->broken.text, sizeof sim->broken.text, text, arguments);
    va_end(arguments);
}

/* ---- at every step ---- */

void check_accept(struct sim *sim, uint32_t number, uint32_t no) {
    const struct object *object = &sim->objects[no];
    if (sim->nodes[number].hostile != HONEST) {
        return;
    }
    if (object->forged) {
        sim_break(sim, "nothing unsigned is delivered", number, no, "forged");
    } else if (object->expires <= home_now(sim, number).wall.ms) {
        sim_break(sim, "nothing expired is delivered", number, no, "expired");
    } else if (object_held(sim, no, number)) {
        sim_break(sim, "nothing is delivered twice", number, no, "it has it");
    }
}

void check_action(struct sim *sim, uint32_t number, const struct overlay_action *action) {
    if (sim->nodes[number].hostile != HONEST) {
        return;
    }
    if (action->kind == OVERLAY_ACT_PUSH) {
        uint32_t no = object_find(sim, &action->id);
        bool kept = no != SIM_NONE && home_keeps(sim, number, no);
        uint32_t set_at = sim->nodes[number].clock_set_at; /* its tick may not have come yet */
        bool set = set_at != 0 && sim_now(sim) < set_at + MINUTE_MS;
        if (!kept && (no == SIM_NONE || !object_held(sim, no, number))) {
            sim_break(sim, "nothing is forwarded that was not accepted", number, no, "pushed");
        } else if (!kept && !set &&
                   sim->objects[no].expires + MINUTE_MS < home_now(sim, number).wall.ms) {
            sim_break(sim, "nothing expired is forwarded", number, no, "pushed");
        }
    } else if (action->kind == OVERLAY_ACT_DIAL) {
        check_dial(sim, number, action->peer);
    } else if (action->kind == OVERLAY_ACT_KEEP) {
        uint32_t no = object_find(sim, &action->id);
        if (no == SIM_NONE || !object_held(sim, no, number)) {
            sim_break(sim, "only what is held is kept", number, no, "keep");
        } else if (sim->nodes[number].kept_count > OVERLAY_SAID_MAX) {
            sim_break(sim, "memory is bounded", number, no, "%u kept",
                      sim->nodes[number].kept_count);
        }
    } else if (action->kind == OVERLAY_ACT_DROP) {
        check_drop(sim, number, object_find(sim, &action->id));
    } else if (action->kind == OVERLAY_ACT_CLOSE && action->why == OVERLAY_END_FAULT) {
        uint32_t lane = net_lane(sim, action->link, number);
        if (lane != SIM_NONE && sim->nodes[net_peer(sim, lane)].hostile == HONEST) {
            sim_break(sim, "no honest node is called hostile", number, UINT64_MAX, "node %u",
                      net_peer(sim, lane));
        }
    } else if (action->kind == OVERLAY_ACT_CLOSE && action->why == OVERLAY_END_FULL) {
        uint32_t place = (uint32_t)action->link;
        const struct pair *pair = &sim->net.pairs[place];
        if (place < sim->net.count && net_number(sim, place) == action->link &&
            pair->node[0] == number && sim_now(sim) - sim->nodes[number].up_at > MINUTE_MS &&
            overlay_link_count(sim->nodes[number].overlay) < OVERLAY_LINKS_MAX) {
            sim_break(sim, "others push out no link that we dialled", number, UINT64_MAX, "peer %u",
                      pair->node[1]);
        }
    }
}

static void check_drop(struct sim *sim, uint32_t number, uint32_t no) {
    if (no == SIM_NONE || !object_held(sim, no, number)) {
        sim_break(sim, "only what is held is dropped", number, no, "drop");
    } else if (sim->objects[no].expires > home_now(sim, number).wall.ms) {
        sim_break(sim, "nothing is dropped before its time", number, no, "%lld ms early",
                  (long long)(sim->objects[no].expires - home_now(sim, number).wall.ms));
    }
}

void check_retired(struct sim *sim, uint32_t no) {
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (home_is_honest(sim, i) && object_held(sim, no, i)) {
            sim_break(sim, "what has expired goes", i, no, "long ago");
            return;
        }
    }
}

static void check_dial(struct sim *sim, uint32_t number, uint32_t peer) {
    struct node *node = &sim->nodes[number];
    bool again = node->failed_peer == peer && sim_now(sim) - node->failed_at < AT_ONCE_MS;
    node->failed_times = again ? node->failed_times + 1 : 0;
    if (peer == number || peer >= sim->node_count) {
        sim_break(sim, "others are dialled, and members", number, UINT64_MAX, "peer %u", peer);
    } else if (node->failed_times > 2) {
        sim_break(sim, "who does not answer is left in peace", number, UINT64_MAX, "peer %u", peer);
    }
}

/* What is due must be done, or the driver would never get to anything else. */
void check_tick(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    node->ticks = node->ticked_at == sim_now(sim) ? node->ticks + 1 : 1;
    node->ticked_at = sim_now(sim);
    if (node->ticks > TICKS_AT_ONCE) {
        sim_break(sim, "what is due gets done", number, UINT64_MAX, "%u ticks", node->ticks);
    }
}

void check_node(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->overlay == NULL || node->hostile != HONEST || node->removed ||
        node->steps % CHECK_EVERY != 0) {
        return;
    }
    check_bounds(sim, number);
    check_links(sim, number);
    check_pace(sim, number);
}

static void check_bounds(struct sim *sim, uint32_t number) {
    struct overlay *overlay = sim->nodes[number].overlay;
    struct overlay_known book[OVERLAY_BOOK_MAX];
    peer_no passive[OVERLAY_PASSIVE_MAX];
    size_t count = overlay_passive(overlay, passive);
    if (overlay_book(overlay, book) > OVERLAY_BOOK_MAX || count > OVERLAY_PASSIVE_MAX) {
        sim_break(sim, "views are bounded", number, UINT64_MAX, "passive %zu", count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (passive[i] == number || overlay_is_linked(overlay, passive[i])) {
            sim_break(sim, "the passive view holds whom to dial", number, UINT64_MAX, "peer %u",
                      passive[i]);
            return;
        }
    }
    size_t most = ENGINE_BYTES + WAITING_BYTES + OBJECT_BYTES * overlay_object_count(overlay);
    if (overlay_bytes(overlay) > most) {
        sim_break(sim, "memory is bounded", number, UINT64_MAX, "%zu bytes for %zu objects",
                  overlay_bytes(overlay), overlay_object_count(overlay));
    }
}

static void check_links(struct sim *sim, uint32_t number) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    size_t count = overlay_links(sim->nodes[number].overlay, links);
    for (size_t i = 0; i < count; i++) {
        size_t group = 0;
        for (size_t k = 0; k < count; k++) {
            group += links[k].group != 0 && links[k].group == links[i].group ? 1 : 0;
            if (k != i && links[k].peer == links[i].peer) {
                sim_break(sim, "one link with one peer", number, UINT64_MAX, "peer %u",
                          links[i].peer);
            }
        }
        if (group > OVERLAY_LINKS_FEW) { /* two, and any while there are few */
            sim_break(sim, "few links into one network", number, UINT64_MAX, "%zu", group);
        }
    }
}

/* What may happen in a minute, whatever others do. */
static void check_pace(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    uint32_t hostile = sim->node_count * sim->params.hostile_pct / 100;
    uint32_t forgeries = 2 * hostile < FORGERIES_A_MINUTE ? FORGERIES_A_MINUTE : 2 * hostile;
    if (sim_now(sim) - node->checked_at < MINUTE_MS) {
        return;
    }
    if (node->dials > DIALS_A_MINUTE) {
        sim_break(sim, "dials are few", number, UINT64_MAX, "%u in a minute", node->dials);
    } else if (node->views > VIEWS_A_MINUTE) {
        sim_break(sim, "walks end", number, UINT64_MAX, "%u messages in a minute", node->views);
    } else if (node->forgeries > forgeries) {
        sim_break(sim, "who forges is shunned", number, UINT64_MAX, "%u looked at in a minute",
                  node->forgeries);
    }
    node->checked_at = sim_now(sim);
    node->dials = node->views = node->forgeries = 0;
}

/* ---- at the end ---- */

/* Two minutes are enough for reconciliation to bring what the tree did not. */
void check_reach(struct sim *sim) {
    for (uint32_t i = sim->first_live; i < sim->object_count; i++) {
        const struct object *object = &sim->objects[i];
        if (object->measured && !object->replaced && object->delivered < object->reach) {
            sim_break(sim, "all that is sent comes to all", object->author, i, "%u of %u",
                      object->delivered, object->reach);
            return;
        }
    }
}

const char *check_calm(struct sim *sim, struct broken *out) {
    *out = (struct broken){.at = sim_now(sim), .node = SIM_NONE, .object = UINT64_MAX};
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct overlay_link links[OVERLAY_LINKS_MAX];
        if (!home_is_honest(sim, i)) {
            continue;
        }
        out->node = i;
        size_t count = overlay_links(sim->nodes[i].overlay, links);
        if (count < LINKS_IN_CALM && count < reachable(sim, i) && sim->params.groups == 0) {
            (void)snprintf(out->text, sizeof out->text, "%zu, of %u that it could reach%s", count,
                           reachable(sim, i), sim->nodes[i].nat ? ", itself behind a NAT" : "");
            return "in the calm a node has links enough";
        }
        for (size_t k = 0; k < count; k++) {
            if (!is_mutual(sim, i, &links[k])) {
                return "in the calm both ends have a link, or neither";
            }
        }
    }
    uint32_t alone = SIM_NONE;
    if (check_components(sim, &alone) > 1) {
        out->node = alone;
        return "in the calm there is one component";
    }
    return check_sets_equal(sim, out) ? NULL : "in the calm all hold the same objects";
}

/* Two of which neither can be dialled have no link. */
static uint32_t reachable(const struct sim *sim, uint32_t number) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        bool either = !sim->nodes[i].nat || !sim->nodes[number].nat;
        count += i != number && home_is_honest(sim, i) && either ? 1 : 0;
    }
    return count;
}

uint32_t check_components(struct sim *sim, uint32_t *alone) {
    uint32_t *parents = calloc(sim->node_count + 1, sizeof *parents);
    uint32_t count = 0;
    ASSERT(parents != NULL);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        parents[i] = i;
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct overlay_link links[OVERLAY_LINKS_MAX];
        size_t links_count =
            home_is_honest(sim, i) ? overlay_links(sim->nodes[i].overlay, links) : 0;
        for (size_t k = 0; k < links_count; k++) {
            if (home_is_honest(sim, links[k].peer) && is_mutual(sim, i, &links[k]) &&
                net_passes(sim, i, links[k].peer)) {
                parents[find_root(parents, i)] = find_root(parents, links[k].peer);
            }
        }
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (home_is_honest(sim, i) && find_root(parents, i) == i) {
            count++;
            *alone = i;
        }
    }
    free(parents);
    return count;
}

bool check_sets_equal(struct sim *sim, struct broken *out) {
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    for (uint32_t i = sim->first_live; i < sim->object_count; i++) {
        const struct object *object = &sim->objects[i];
        bool somewhere = false;
        if (object->forged || object->replaced || object->expires < now + SKEW_MS) {
            continue;
        }
        for (uint32_t k = 0; k < sim->node_count && !somewhere; k++) {
            somewhere = home_is_honest(sim, k) && object_held(sim, i, k);
        }
        for (uint32_t k = 0; k < sim->node_count && somewhere; k++) {
            if (home_is_honest(sim, k) && !object_held(sim, i, k)) {
                out->node = k;
                out->object = i;
                return false;
            }
        }
    }
    return true;
}

static bool is_mutual(const struct sim *sim, uint32_t number, const struct overlay_link *link) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    uint32_t lane = net_lane(sim, link->link, number);
    const struct overlay *other = sim->nodes[link->peer].overlay;
    size_t count = lane == SIM_NONE || other == NULL ? 0 : overlay_links(other, links);
    if (sim->nodes[link->peer].hostile != HONEST) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (links[i].link == link->link) {
            return true;
        }
    }
    return false;
}

static uint32_t find_root(uint32_t *parents, uint32_t node) {
    while (parents[node] != node) {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    return node;
}
