/* Whose fault it was, and what one link may cost us (PROTOCOL 5.1). */
#include <assert.h>
#include <stdlib.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    FORGIVEN_POINTS = 2, /* in each window */
    IDLE_MS = 10 * 1000,
    IDLE_OBJECTS = 40, /* a correct neighbour says one in OVERLAY_TOLD_EVERY at least */
    SHUNNED_FIRST_S = 60,
    SHUNNED_LAST_S = 3600,
    SHUNNED_TIMES_MAX = 7,
};

static_assert(2 * OVERLAY_FAULTS_MAX <= UINT8_MAX, "link.points holds what ends it");

static struct shunned *find_shunned(const struct overlay *o, peer_no peer);
static void shun(struct overlay *o, peer_no peer);
static struct shunned *place_for_shunned(struct overlay *o);

void score_open_window(const struct overlay *o, struct link *link) {
    struct duration length = {OVERLAY_WINDOW_MS};
    if (tick_reached(o->now.mono, tick_add(link->window.since, length))) {
        int64_t windows = (o->now.mono.ms - link->window.since.ms) / OVERLAY_WINDOW_MS;
        int64_t forgiven = windows * FORGIVEN_POINTS;
        link->points = (uint8_t)(forgiven < link->points ? link->points - forgiven : 0);
        link->window = (struct window){.since = o->now.mono};
    }
}

/* What is left undone costs us nothing, and the other end may not have known: nobody is to blame.
 */
bool score_afford(const struct overlay *o, struct link *link, uint16_t *used, size_t cost,
                  size_t most) {
    score_open_window(o, link);
    if (*used + cost > most) {
        return false;
    }
    *used = (uint16_t)(*used + cost);
    return true;
}

void score_fault(struct overlay *o, struct link *link, unsigned points) {
    o->counts.faults++;
    link->points = (uint8_t)(link->points + points);
    if (link->points >= OVERLAY_FAULTS_MAX) {
        shun(o, link->peer);
        view_close(o, link, OVERLAY_END_FAULT);
    }
}

void score_useful(struct overlay *o, struct link *link) {
    link->useful_at = o->now.mono;
    link->useful_count = o->sayable;
}

bool score_is_idle(const struct overlay *o, const struct link *link) {
    return tick_reached(o->now.mono, tick_add(link->useful_at, (struct duration){IDLE_MS})) &&
           o->sayable - link->useful_count >= IDLE_OBJECTS;
}

bool score_is_shunned(const struct overlay *o, peer_no peer) {
    return score_shunned_until(o, peer) > overlay_seconds(o);
}

uint32_t score_shunned_until(const struct overlay *o, peer_no peer) {
    const struct shunned *entry = find_shunned(o, peer);
    return entry == NULL ? 0 : entry->until;
}

static struct shunned *find_shunned(const struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < o->shunned_count; i++) {
        if (o->shunned[i].peer == peer) {
            return &o->shunned[i];
        }
    }
    return NULL;
}

/* Each time for twice as long. */
static void shun(struct overlay *o, peer_no peer) {
    struct shunned *entry = find_shunned(o, peer);
    if (entry == NULL) {
        entry = place_for_shunned(o);
        if (entry == NULL) {
            return;
        }
        *entry = (struct shunned){.peer = peer};
    }
    uint32_t wait = SHUNNED_FIRST_S << entry->times;
    entry->until = overlay_seconds(o) + (wait < SHUNNED_LAST_S ? wait : SHUNNED_LAST_S);
    entry->times = (uint8_t)(entry->times < SHUNNED_TIMES_MAX ? entry->times + 1 : entry->times);
}

/* A new one; in a full table, or without memory, that of whose time ends first. NULL: there is
 * none. */
static struct shunned *place_for_shunned(struct overlay *o) {
    if (o->shunned_count == o->shunned_room && o->shunned_room < OVERLAY_SHUNNED_MAX) {
        size_t room = o->shunned_room == 0 ? 4 : o->shunned_room * 2;
        struct shunned *grown = reallocarray(o->shunned, room, sizeof *grown);
        if (grown != NULL) {
            o->shunned = grown;
            o->shunned_room = room;
        }
    }
    if (o->shunned_count < o->shunned_room) {
        return &o->shunned[o->shunned_count++];
    }
    struct shunned *first = NULL;
    for (size_t i = 0; i < o->shunned_count; i++) {
        first = first == NULL || o->shunned[i].until < first->until ? &o->shunned[i] : first;
    }
    return first;
}
