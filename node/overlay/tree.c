/* Broadcast (PROTOCOL 5.1): objects go over the eager links, which prunes turn into a tree; the
 * others are told ids, from which the tree is mended.
 *
 * Invariants:
 *  1. An object is announced or pushed once at most to each link, and not to the one it came from.
 *  2. `missing` holds no id that is in `objects`.
 *  3. Where tree and delivery disagree, deliver: a lost neighbour makes all links eager. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    ANNOUNCE_MS = 400,    /* to twice that: ids are said together */
    GRAFT_FIRST_MS = 600, /* what is announced, late as that is, may still come over the tree */
    GRAFT_NEXT_MS = 300,
    BROKEN_MS = 3000, /* asked for and not come: its announcer has broken its word */
    PRUNE_AGAIN_MS = 300,
    PACE_HALF_MS = 8000, /* after so long half as much counts */
    PACE_ONE = 256,
    PACE_AT_ONCE = 6, /* of a pace: one object in two seconds */
    CROSSED_MS = 300, /* so late a PRUNE may come that was sent before our GRAFT arrived */
    STRAY_MS = 1000,  /* what a pruned link still brings was on its way */
    SLOWER_MS = 200,  /* than an announcement, which was late itself: worth a change of the tree */
    GRAFT_IDS_MAX = 64,
};

static_assert(OVERLAY_SLOTS <= 16, "bits of announced.slots");

static void take_ihave(struct overlay *o, struct link *link, const struct link_message *message);
static void take_graft(struct overlay *o, struct link *link, const struct link_message *message);
static void await(struct overlay *o, const struct link *link, const struct ihave_id *id);
static bool has_its_share(const struct overlay *o, const struct link *link);
static void shorten(struct overlay *o, const struct missing *missing, struct link *from);
static void announce(struct overlay *o, const struct id *id, uint8_t hops, uint16_t slots);
static void unannounce(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES],
                       const struct link *link);
static void say_announced(struct overlay *o);
static void graft(struct overlay *o, struct link *link);
static void prune(struct overlay *o, struct link *link, const uint8_t *id);
static void ask_for_missing(struct overlay *o);
static void ask_next(struct overlay *o, struct missing *missing,
                     struct link_message *asked[OVERLAY_SLOTS]);
static void break_word(struct overlay *o, const struct missing *missing);
static void blame_slow(struct overlay *o, const struct missing *missing, const struct link *from);
static struct missing *find_missing(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]);
static void forget_missing(struct overlay *o, struct missing *missing);
static void remember(struct overlay *o, const struct overlay_event *event, const struct link *from,
                     bool tree);
static void keep_pace(struct overlay *o, bool fresh);
static bool may_change_tree(const struct overlay *o, const uint8_t *id);
static struct recent *find_recent(struct overlay *o, const uint8_t *id);
static bool is_within(const struct overlay *o, struct tick at, int64_t ms);
static uint8_t slot_of(const struct overlay *o, const struct link *link);
static uint8_t one_more(uint8_t hops);

void tree_link_open(struct link *link, bool eager) {
    link->eager = eager;
}

void tree_link_lost(struct overlay *o, const struct link *link, bool all_eager) {
    uint8_t slot = slot_of(o, link);
    for (size_t i = 0; i < o->announced_count; i++) {
        o->announced[i].slots &= (uint16_t) ~(1U << slot);
    }
    for (size_t i = 0; i < o->missing_count; i++) {
        struct missing *missing = &o->missing[i];
        for (uint8_t k = 0; k < missing->count; k++) {
            if (missing->slots[k] == slot) {
                missing->slots[k] = OVERLAY_NO_SLOT;
            }
        }
    }
    for (size_t i = 0; i < OVERLAY_RECENT_MAX; i++) {
        if (o->recent[i].slot == slot) {
            o->recent[i].slot = OVERLAY_NO_SLOT;
        }
    }
    for (size_t i = 0; all_eager && i < OVERLAY_SLOTS; i++) {
        struct link *other = &o->links[i];
        if (other->no != 0 && other != link && other->state == LINK_STATE_OPEN && !other->eager &&
            o->out->send_count < OVERLAY_SENDS_MAX && overlay_room_for(o, 1)) {
            graft(o, other);
        }
    }
}

void tree_accepted(struct overlay *o, const struct overlay_event *event, struct link *from) {
    const struct id *id = &event->key.id;
    struct missing *missing = find_missing(o, id->b);
    bool fresh = event->hops != LINK_HOPS_CAUGHT_UP;
    bool stray = from != NULL && !from->eager && is_within(o, from->pruned_at, STRAY_MS);
    remember(o, event, from, fresh && !stray && !event->urgent);
    keep_pace(o, fresh);
    if (from != NULL && fresh && !stray && from->state == LINK_STATE_OPEN) {
        from->eager = true;
    }
    if (missing != NULL) {
        if (fresh && !stray && !event->urgent && from != NULL && may_change_tree(o, id->b)) {
            shorten(o, missing, from);
        }
        blame_slow(o, missing, from);
        forget_missing(o, missing);
    }
    uint16_t slots = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || link == from || link->state != LINK_STATE_OPEN) {
            continue;
        }
        if (fresh && (link->eager || event->urgent)) {
            overlay_push(o, link, id, one_more(event->hops));
        } else {
            slots |= (uint16_t)(1U << i);
        }
    }
    announce(o, id, event->hops, slots);
}

/* The tree has a circle here: this link is not needed. */
void tree_duplicate(struct overlay *o, struct link *link, const struct overlay_event *event) {
    const struct recent *recent = find_recent(o, event->key.id.b);
    unannounce(o, event->key.id.b, link);
    if (event->urgent || event->hops == LINK_HOPS_CAUGHT_UP || recent == NULL || !recent->tree ||
        recent->slot == slot_of(o, link) || !may_change_tree(o, event->key.id.b)) {
        return;
    }
    prune(o, link, event->key.id.b);
}

void tree_ignored(struct overlay *o, const struct id *id) {
    struct missing *missing = find_missing(o, id->b);
    if (missing != NULL) {
        forget_missing(o, missing);
    }
}

void tree_message(struct overlay *o, struct link *link, const struct link_message *message) {
    if (message->kind == LINK_IHAVE) {
        take_ihave(o, link, message);
    } else if (message->kind == LINK_GRAFT) {
        take_graft(o, link, message);
    } else {
        ASSERT(message->kind == LINK_PRUNE);
        /* One that crossed a GRAFT of ours: the other end is eager again. */
        link->eager &= is_within(o, link->grafted_at, CROSSED_MS);
    }
}

void tree_tick(struct overlay *o) {
    if (tick_reached(o->now.mono, o->announce_at) &&
        overlay_room_for(o, OVERLAY_SLOTS + OVERLAY_SLOTS)) {
        say_announced(o);
    }
    ask_for_missing(o);
}

struct tick tree_deadline(const struct overlay *o) {
    struct tick due = o->announce_at;
    for (size_t i = 0; i < o->missing_count; i++) {
        due = tick_earliest(due, o->missing[i].due);
    }
    return due;
}

void tree_finish(struct overlay *o) {
    free(o->missing);
    free(o->announced);
}

/* ---- messages ---- */

static void take_ihave(struct overlay *o, struct link *link, const struct link_message *message) {
    size_t count = message->as.ihave.count;
    if (!score_afford(o, link, &link->window.ihave, count, OVERLAY_WINDOW_IHAVE)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct ihave_id *id = &message->as.ihave.ids[i];
        unannounce(o, id->b, link);
        if (sync_set_find_short(o->objects, id->b) == NULL && !overlay_is_ignored(o, id->b)) {
            await(o, link, id);
        }
    }
}

/* A neighbour announced it long before it came over the tree: take that way instead. Times order
 * who had it before whom, so no circle comes of it; numbers of links would not: the quickest way
 * is hardly ever the one over the fewest. */
static void shorten(struct overlay *o, const struct missing *missing, struct link *from) {
    struct link *link = missing->slots[0] == OVERLAY_NO_SLOT ? NULL : &o->links[missing->slots[0]];
    int64_t left = missing->due.ms - o->now.mono.ms;
    if (missing->asked == 0 && GRAFT_FIRST_MS - left >= SLOWER_MS && link != NULL && link != from &&
        !link->eager && missing->hops[0] != LINK_HOPS_CAUGHT_UP) {
        graft(o, link);
        prune(o, from, missing->id);
    }
}

static void await(struct overlay *o, const struct link *link, const struct ihave_id *id) {
    struct missing *missing = find_missing(o, id->b);
    if (missing == NULL) {
        if (o->missing_count == OVERLAY_MISSING_MAX || has_its_share(o, link)) {
            return; /* reconciliation finds it */
        }
        if (o->missing_count == o->missing_room) {
            size_t room = o->missing_room == 0 ? 4 : o->missing_room * 2;
            struct missing *grown = reallocarray(o->missing, room, sizeof *grown);
            if (grown == NULL) {
                return;
            }
            o->missing = grown;
            o->missing_room = room;
        }
        missing = &o->missing[o->missing_count++];
        *missing =
            (struct missing){.due = tick_add(o->now.mono, (struct duration){GRAFT_FIRST_MS})};
        memcpy(missing->id, id->b, sizeof missing->id);
        o->counts.missed++;
    }
    for (uint8_t i = 0; i < missing->count; i++) {
        if (missing->slots[i] == slot_of(o, link)) {
            return;
        }
    }
    if (missing->count < OVERLAY_SOURCES_MAX) {
        missing->slots[missing->count] = slot_of(o, link);
        missing->hops[missing->count++] = id->hops;
        if (missing->late) {
            missing->late = false;
            missing->due = o->now.mono;
        }
    }
}

/* So that one that invents ids leaves the others room. */
static bool has_its_share(const struct overlay *o, const struct link *link) {
    size_t first = 0;
    for (size_t i = 0; i < o->missing_count; i++) {
        first += o->missing[i].slots[0] == slot_of(o, link) ? 1 : 0;
    }
    return first >= OVERLAY_MISSING_MAX / OVERLAY_LINKS_MAX;
}

static void take_graft(struct overlay *o, struct link *link, const struct link_message *message) {
    size_t count = message->as.graft.count;
    link->eager |= !message->as.graft.once;
    if (!score_afford(o, link, &link->window.graft, count, OVERLAY_WINDOW_GRAFT)) {
        return;
    }
    for (size_t i = 0; i < count && i < GRAFT_IDS_MAX; i++) {
        const struct sync_item *item = sync_set_find_short(o->objects, message->as.graft.ids[i].b);
        const struct recent *recent = find_recent(o, message->as.graft.ids[i].b);
        if (item != NULL) {
            unannounce(o, item->key.id.b, link);
            overlay_push(o, link, &item->key.id,
                         recent == NULL ? LINK_HOPS_CAUGHT_UP : one_more(recent->hops));
        }
    }
}

/* ---- announcing ---- */

static void announce(struct overlay *o, const struct id *id, uint8_t hops, uint16_t slots) {
    if (slots == 0) {
        return;
    }
    if (o->announced_count == LINK_IHAVE_MAX) {
        say_announced(o);
    }
    if (o->announced_count == o->announced_room) {
        size_t room = o->announced_room == 0 ? 4 : o->announced_room * 2;
        struct announced *grown = reallocarray(o->announced, room, sizeof *grown);
        if (grown == NULL) {
            return; /* reconciliation finds it */
        }
        o->announced = grown;
        o->announced_room = room;
    }
    struct announced *announced = &o->announced[o->announced_count++];
    *announced = (struct announced){.hops = hops, .slots = slots};
    memcpy(announced->id, id->b, sizeof announced->id);
    o->announce_at = tick_earliest(o->announce_at, overlay_after(o, ANNOUNCE_MS));
}

/* The other end has it: it need not be told. */
static void unannounce(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES],
                       const struct link *link) {
    for (size_t i = 0; i < o->announced_count; i++) {
        if (memcmp(o->announced[i].id, short_id, LINK_SHORT_BYTES) == 0) {
            o->announced[i].slots &= (uint16_t) ~(1U << slot_of(o, link));
            return;
        }
    }
}

static void say_announced(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        struct link_message *message = NULL;
        for (size_t k = 0; link->no != 0 && k < o->announced_count; k++) {
            const struct announced *announced = &o->announced[k];
            if ((announced->slots & (1U << i)) == 0) {
                continue;
            }
            message = message == NULL ? overlay_send(o, link, LINK_IHAVE) : message;
            struct ihave_id *id = &message->as.ihave.ids[message->as.ihave.count++];
            memcpy(id->b, announced->id, sizeof id->b);
            id->hops = announced->hops;
            o->counts.announced++;
        }
    }
    free(o->announced);
    o->announced = NULL;
    o->announced_count = o->announced_room = 0;
    o->announce_at = TICK_NEVER;
}

/* ---- mending ---- */

static void graft(struct overlay *o, struct link *link) {
    (void)overlay_send(o, link, LINK_GRAFT);
    o->counts.grafts++;
    link->eager = true;
    link->grafted_at = o->now.mono;
}

static void prune(struct overlay *o, struct link *link, const uint8_t *id) {
    bool lately = !link->eager && is_within(o, link->pruned_at, PRUNE_AGAIN_MS);
    link->eager = false;
    if (lately || o->out->send_count == OVERLAY_SENDS_MAX || !overlay_room_for(o, 1)) {
        return; /* what comes now was on its way when we said so */
    }
    link->pruned_at = o->now.mono;
    o->counts.prunes++;
    memcpy(overlay_send(o, link, LINK_PRUNE)->as.prune.id, id, LINK_SHORT_BYTES);
}

static void ask_for_missing(struct overlay *o) {
    struct link_message *asked[OVERLAY_SLOTS] = {NULL};
    for (size_t i = 0; i < o->missing_count;) {
        struct missing *missing = &o->missing[i];
        if (!tick_reached(o->now.mono, missing->due)) {
            i++;
        } else if (missing->late) {
            break_word(o, missing);
            forget_missing(o, missing);
        } else {
            ask_next(o, missing, asked);
            i++;
        }
    }
}

static void ask_next(struct overlay *o, struct missing *missing,
                     struct link_message *asked[OVERLAY_SLOTS]) {
    while (missing->asked < missing->count) {
        uint8_t slot = missing->slots[missing->asked];
        bool once = missing->hops[missing->asked] == LINK_HOPS_CAUGHT_UP;
        if (slot == OVERLAY_NO_SLOT) {
            missing->asked++;
            continue;
        }
        if (asked[slot] == NULL) {
            if (!overlay_room_for(o, 1) || o->out->send_count == OVERLAY_SENDS_MAX) {
                return; /* still due: the driver ticks again */
            }
            asked[slot] = overlay_send(o, &o->links[slot], LINK_GRAFT);
            asked[slot]->as.graft.once = true;
            o->counts.grafts++;
        }
        struct link_message *message = asked[slot];
        if (message->as.graft.count == GRAFT_IDS_MAX) {
            return;
        }
        memcpy(message->as.graft.ids[message->as.graft.count++].b, missing->id, LINK_SHORT_BYTES);
        message->as.graft.once &= once;
        if (!once) {
            o->links[slot].eager = true;
            o->links[slot].grafted_at = o->now.mono;
        }
        missing->asked++;
        missing->due = tick_add(o->now.mono, (struct duration){GRAFT_NEXT_MS});
        return;
    }
    missing->late = true;
    missing->due = tick_add(o->now.mono, (struct duration){BROKEN_MS});
}

static void break_word(struct overlay *o, const struct missing *missing) {
    uint8_t slots[OVERLAY_SOURCES_MAX];
    uint8_t asked = missing->asked;
    memcpy(slots, missing->slots, sizeof slots); /* a link that is closed changes them */
    for (uint8_t i = 0; i < asked; i++) {
        struct link *link = slots[i] == OVERLAY_NO_SLOT ? NULL : &o->links[slots[i]];
        if (link != NULL && link->no != 0 && overlay_room_for(o, 1)) {
            score_fault(o, link, OVERLAY_FAULT_BROKEN);
        }
    }
}

/* Another had to be asked. A slow link is forgiven that, a habit is not. */
static void blame_slow(struct overlay *o, const struct missing *missing, const struct link *from) {
    for (uint8_t i = 0; i + 1 < missing->asked; i++) {
        uint8_t slot = missing->slots[i];
        struct link *link = slot == OVERLAY_NO_SLOT ? NULL : &o->links[slot];
        if (link != NULL && link != from && link->points < OVERLAY_FAULTS_MAX) {
            link->points++;
        }
    }
}

static struct missing *find_missing(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]) {
    for (size_t i = 0; i < o->missing_count; i++) {
        if (memcmp(o->missing[i].id, short_id, LINK_SHORT_BYTES) == 0) {
            return &o->missing[i];
        }
    }
    return NULL;
}

static void forget_missing(struct overlay *o, struct missing *missing) {
    *missing = o->missing[--o->missing_count];
    if (o->missing_count == 0) {
        free(o->missing);
        o->missing = NULL;
        o->missing_room = 0;
    }
}

static void remember(struct overlay *o, const struct overlay_event *event, const struct link *from,
                     bool tree) {
    o->recent[o->next_recent] =
        (struct recent){.id = read_u64(event->key.id.b),
                        .slot = from == NULL ? OVERLAY_NO_SLOT : slot_of(o, from),
                        .hops = event->hops,
                        .tree = tree};
    o->next_recent = (uint8_t)((o->next_recent + 1) % OVERLAY_RECENT_MAX);
}

static struct recent *find_recent(struct overlay *o, const uint8_t *id) {
    uint64_t start = read_u64(id);
    for (size_t i = 0; i < OVERLAY_RECENT_MAX; i++) {
        if (o->recent[i].id == start) {
            return &o->recent[i];
        }
    }
    return NULL;
}

static void keep_pace(struct overlay *o, bool fresh) {
    int64_t past = o->now.mono.ms - o->pace_at.ms;
    while (past >= PACE_HALF_MS && o->pace > 0) {
        o->pace /= 2;
        past -= PACE_HALF_MS;
    }
    o->pace_at.ms = o->now.mono.ms - (o->pace == 0 ? 0 : past);
    o->pace += fresh && o->pace < UINT32_MAX / 2 ? PACE_ONE : 0;
}

/* A circle is cut once if one object at a time says where: two that go round it together, from
 * different homes, meet in different places and cut it twice. So when there are many in a while,
 * only those count whose ids end in some zeros, as many as keep them rare; all homes see the same
 * objects and come to the same number. */
static bool may_change_tree(const struct overlay *o, const uint8_t *id) {
    uint32_t share = o->pace / PACE_ONE / PACE_AT_ONCE;
    unsigned zeros = 0;
    while (share > 0) {
        zeros++;
        share /= 2;
    }
    uint32_t end = (uint32_t)id[14] << 8 | id[15];
    return (end & ((1U << (zeros < 16 ? zeros : 16)) - 1)) == 0;
}

static bool is_within(const struct overlay *o, struct tick at, int64_t ms) {
    return at.ms != 0 && !tick_reached(o->now.mono, tick_add(at, (struct duration){ms}));
}

static uint8_t slot_of(const struct overlay *o, const struct link *link) {
    return (uint8_t)(link - o->links);
}

static uint8_t one_more(uint8_t hops) {
    return hops >= LINK_HOPS_CAUGHT_UP - 1 ? hops : (uint8_t)(hops + 1);
}
