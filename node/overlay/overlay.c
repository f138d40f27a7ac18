/* Invariants:
 *  1. `objects` holds only what the driver has accepted.
 *  2. No action forwards an object that is not in `objects`, or was until a moment ago.
 *  3. With one peer at most one link is open; of two that were dialled at once the one stays whose
 *     dialler has the smaller certificate id, so both ends close the same one.
 *  4. What a step does is a function of the engine's state, the event, `now` and `random`. */
#include "node/overlay/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    IGNORED_MS = 60 * 1000,
};

static enum err step(struct overlay *o, const struct overlay_event *event, struct link *link);
static enum err take_message(struct overlay *o, struct link *link,
                             const struct link_message *message);
static void offer(struct overlay *o, struct link *link, const struct overlay_event *event);
static enum err accept_object(struct overlay *o, const struct overlay_event *event,
                              struct link *from);
static enum err replace_object(struct overlay *o, const struct id *id);
static enum err ignore_object(struct overlay *o, const struct id *id);
static void drop_expired(struct overlay *o);
static void heard(struct overlay *o, struct link *link);

struct overlay *overlay_create(const struct overlay_config *config) {
    struct overlay *o = calloc(1, sizeof *o);
    struct sync_set *objects = sync_set_create(OVERLAY_OBJECTS_MAX, config->seed);
    if (o == NULL || objects == NULL) {
        sync_set_destroy(objects);
        free(o);
        return NULL;
    }
    o->members = config->members;
    o->self = config->self;
    o->objects = objects;
    o->announce_at = TICK_NEVER;
    o->turn_ends = TICK_NEVER;
    o->mend_at = TICK_NEVER;
    o->sync_at = TICK_NEVER;
    o->began = TICK_NEVER;
    view_start(o);
    return o;
}

void overlay_destroy(struct overlay *overlay) {
    if (overlay != NULL) {
        for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
            catch_up_link_lost(&overlay->links[i]);
        }
        tree_finish(overlay);
        free(overlay->ignored);
        free(overlay->shunned);
        sync_set_destroy(overlay->objects);
        free(overlay);
    }
}

enum overlay_verdict overlay_look_up(const struct overlay *overlay, const struct id *id,
                                     bool reserved, struct now now) {
    if (sync_set_find(overlay->objects, id) != NULL) {
        return OVERLAY_DUPLICATE;
    }
    for (size_t i = 0; overlay->ignored != NULL && i < OVERLAY_IGNORED_MAX; i++) {
        const struct ignored *ignored = &overlay->ignored[i];
        if (id_equal(&ignored->id, id) && !tick_reached(now.mono, ignored->until)) {
            return OVERLAY_LATER;
        }
    }
    return overlay_has_room(overlay, reserved) ? OVERLAY_WANTED : OVERLAY_FULL;
}

bool overlay_has_room(const struct overlay *overlay, bool reserved) {
    size_t most = reserved ? OVERLAY_OBJECTS_MAX : OVERLAY_OBJECTS_MAX - OVERLAY_RESERVED;
    return sync_set_count(overlay->objects) < most;
}

enum err overlay_step(struct overlay *overlay, const struct overlay_event *event, struct now now,
                      uint64_t random, struct overlay_actions *out) {
    ASSERT(overlay != NULL);
    ASSERT(out != NULL);
    overlay->now = now;
    overlay->random = random;
    if (overlay->began.ms == TICK_NEVER.ms) {
        overlay->began.ms = now.mono.ms - 1000; /* second 0 is before all that happens */
        tree_start(overlay);
    }
    overlay->out = out;
    out->count = 0;
    out->send_count = 0;
    out->verdict = OVERLAY_LATER;
    return step(overlay, event, event->link == 0 ? NULL : overlay_find_link(overlay, event->link));
}

static enum err step(struct overlay *o, const struct overlay_event *event, struct link *link) {
    switch (event->kind) {
    case OVERLAY_EV_PEER:
        view_peer(o, event);
        return ERR_OK;
    case OVERLAY_EV_PEER_GONE:
        view_peer_gone(o, event->peer);
        return ERR_OK;
    case OVERLAY_EV_LINK_UP:
        return view_link_up(o, event);
    case OVERLAY_EV_LINK_DOWN:
        view_link_down(o, event);
        return ERR_OK;
    case OVERLAY_EV_HEARD:
        heard(o, link);
        return ERR_OK;
    case OVERLAY_EV_DRAINED:
        if (link != NULL) {
            catch_up_drained(o, link);
        }
        return ERR_OK;
    case OVERLAY_EV_MESSAGE:
        heard(o, link);
        return link == NULL ? ERR_OK : take_message(o, link, event->message);
    case OVERLAY_EV_OFFERED:
        heard(o, link);
        offer(o, link, event);
        return ERR_OK;
    case OVERLAY_EV_ACCEPTED:
        return accept_object(o, event, link);
    case OVERLAY_EV_IGNORED:
        return ignore_object(o, &event->key.id);
    case OVERLAY_EV_FAULT:
        if (link != NULL) {
            score_fault(o, link, OVERLAY_FAULTS_MAX);
        }
        return ERR_OK;
    case OVERLAY_EV_REPLACED:
        return replace_object(o, &event->key.id);
    case OVERLAY_EV_TICK:
        drop_expired(o);
        view_tick(o);
        tree_tick(o);
        catch_up_tick(o);
        return ERR_OK;
    }
    return ERR_OK;
}

struct tick overlay_deadline(const struct overlay *overlay, struct now now) {
    struct tick due = TICK_NEVER;
    const struct sync_item *soonest = sync_set_soonest(overlay->objects);
    if (soonest != NULL && soonest->expires.ms != INSTANT_NEVER.ms) {
        int64_t wait = soonest->expires.ms - now.wall.ms;
        due = tick_add(now.mono, (struct duration){wait > 0 ? wait : 0});
    }
    due = tick_earliest(due, view_deadline(overlay));
    due = tick_earliest(due, tree_deadline(overlay));
    return tick_earliest(due, catch_up_deadline(overlay));
}

/* ---- what people and the disk are told ---- */

size_t overlay_links(const struct overlay *overlay, struct overlay_link out[OVERLAY_LINKS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &overlay->links[i];
        if (link->no == 0 || link->state != LINK_STATE_OPEN) {
            continue;
        }
        bool anchor = false;
        for (size_t k = 0; k < overlay->book_count; k++) {
            anchor |= overlay->book[k].peer == link->peer && overlay->book[k].anchor;
        }
        ASSERT(count < OVERLAY_LINKS_MAX);
        out[count++] = (struct overlay_link){.link = link->no,
                                             .peer = link->peer,
                                             .dialled = link->dialled,
                                             .anchor = anchor,
                                             .eager = link->eager,
                                             .faults = link->points,
                                             .group = link->group,
                                             .since = link->since,
                                             .heard = link->heard};
    }
    return count;
}

size_t overlay_gone(const struct overlay *overlay, struct overlay_gone out[OVERLAY_GONE_MAX]) {
    for (size_t i = 0; i < overlay->gone_count; i++) { /* the last one first */
        size_t at = (overlay->next_gone + OVERLAY_GONE_MAX - 1 - i) % OVERLAY_GONE_MAX;
        const struct gone *gone = &overlay->gone[at];
        out[i] = (struct overlay_gone){gone->peer, gone->why, gone->since, gone->at};
    }
    return overlay->gone_count;
}

size_t overlay_book(const struct overlay *overlay, struct overlay_known out[OVERLAY_BOOK_MAX]) {
    for (size_t i = 0; i < overlay->book_count; i++) {
        const struct known *known = &overlay->book[i];
        out[i] = (struct overlay_known){known->peer, known->met, known->anchor};
    }
    return overlay->book_count;
}

size_t overlay_passive(const struct overlay *overlay, peer_no out[OVERLAY_PASSIVE_MAX]) {
    for (size_t i = 0; i < overlay->passive_count; i++) {
        out[i] = overlay->passive[i].peer;
    }
    return overlay->passive_count;
}

void overlay_counts(const struct overlay *overlay, struct overlay_counts *out) {
    *out = overlay->counts;
}

size_t overlay_link_count(const struct overlay *overlay) {
    return overlay_open_links(overlay);
}

size_t overlay_object_count(const struct overlay *overlay) {
    return sync_set_count(overlay->objects);
}

bool overlay_is_linked(const struct overlay *overlay, peer_no peer) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &overlay->links[i];
        if (link->no != 0 && link->state == LINK_STATE_OPEN && link->peer == peer) {
            return true;
        }
    }
    return false;
}

size_t overlay_bytes(const struct overlay *overlay) {
    size_t bytes = sizeof *overlay + sync_set_bytes(overlay->objects) +
                   overlay->missing_room * sizeof(struct missing) +
                   overlay->announced_room * sizeof(struct announced) +
                   overlay->shunned_room * sizeof(struct shunned);
    bytes += overlay->ignored == NULL ? 0 : OVERLAY_IGNORED_MAX * sizeof(struct ignored);
    bytes +=
        overlay->said_room * sizeof(struct said) + overlay->replaced_room * sizeof(struct replaced);
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        bytes += overlay->links[i].push_count * sizeof(struct id);
    }
    return bytes;
}

/* ---- events ---- */

static void heard(struct overlay *o, struct link *link) {
    if (link != NULL) {
        link->heard = o->now.mono;
    }
}

/* A link is open for gossip once both ends have said NEIGHBOUR. Who does not wait for that has
 * missed that it was closed, or that another link took its place. */
static enum err take_message(struct overlay *o, struct link *link,
                             const struct link_message *message) {
    if (link->state != LINK_STATE_OPEN && message->kind != LINK_NEIGHBOUR) {
        return ERR_OK;
    }
    switch ((int)message->kind) { /* the driver keeps all others */
    case LINK_IHAVE:
    case LINK_GRAFT:
    case LINK_PRUNE:
        tree_message(o, link, message);
        return ERR_OK;
    case LINK_SYNC:
    case LINK_SYNC_IDS:
    case LINK_SYNC_WANT:
        return catch_up_message(o, link, message);
    default:
        return view_message(o, link, message);
    }
}

static void offer(struct overlay *o, struct link *link, const struct overlay_event *event) {
    if (link == NULL || link->state != LINK_STATE_OPEN) {
        return; /* closed while the object was on its way */
    }
    o->out->verdict = overlay_look_up(o, &event->key.id, event->reserved, o->now);
    if (o->out->verdict == OVERLAY_DUPLICATE) {
        o->counts.duplicates++;
        tree_duplicate(o, link, event);
    } else if (o->out->verdict == OVERLAY_WANTED &&
               !score_afford(o, link, &link->window.looks, 1, OVERLAY_WINDOW_LOOKS)) {
        o->out->verdict = OVERLAY_LATER;
    }
    if (o->out->verdict == OVERLAY_LATER || o->out->verdict == OVERLAY_FULL) {
        tree_turned_away(o, link, &event->key.id);
    }
}

static enum err accept_object(struct overlay *o, const struct overlay_event *event,
                              struct link *from) {
    const struct sync_item item = {event->key, event->expires};
    if (sync_set_find(o->objects, &event->key.id) != NULL) {
        return ERR_OK;
    }
    enum err err = sync_set_add(o->objects, &item);
    if (err != ERR_OK) {
        return err;
    }
    o->counts.accepted++;
    if (from != NULL) {
        o->useful_at = o->now.mono;
        score_useful(o, from);
        from->brought = true;
        book_set_brought(o, from->peer, true);
        catch_up_accepted(o, from);
    }
    tree_accepted(o, event, from);
    return ERR_OK;
}

static enum err replace_object(struct overlay *o, const struct id *id) {
    if (sync_set_remove(o->objects, id)) {
        tree_keep(o, id);
    }
    return ignore_object(o, id); /* neighbours may still announce it */
}

/* The ring forgets the earliest: then it may be looked at once more. */
static enum err ignore_object(struct overlay *o, const struct id *id) {
    tree_gone(o, id);
    if (o->ignored == NULL) {
        o->ignored = calloc(OVERLAY_IGNORED_MAX, sizeof o->ignored[0]);
    }
    if (o->ignored == NULL) {
        return ERR_HOST_MEMORY;
    }
    o->ignored[o->next_ignored] =
        (struct ignored){*id, tick_add(o->now.mono, (struct duration){IGNORED_MS})};
    o->next_ignored = (o->next_ignored + 1) % OVERLAY_IGNORED_MAX;
    return ERR_OK;
}

static void drop_expired(struct overlay *o) {
    const struct sync_item *soonest = NULL;
    while (overlay_room_for(o, OVERLAY_ACTIONS_MAX / 2) &&
           (soonest = sync_set_soonest(o->objects)) != NULL &&
           instant_reached(o->now.wall, soonest->expires)) {
        struct id id = soonest->key.id;
        tree_keep(o, &id); /* the clock was set, or it would not have been announced */
        overlay_act(o, OVERLAY_ACT_DROP, NULL);
        o->out->list[o->out->count - 1].id = id;
        (void)sync_set_remove(o->objects, &id);
        tree_gone(o, &id);
    }
}

/* ---- what the parts use ---- */

uint64_t overlay_draw(struct overlay *o) { /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (o->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct tick overlay_after(struct overlay *o, int64_t base_ms) {
    int64_t more = (int64_t)(overlay_draw(o) % (uint64_t)(base_ms + 1));
    return tick_add(o->now.mono, (struct duration){base_ms + more});
}

struct link *overlay_find_link(struct overlay *o, link_no no) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no == no) {
            return &o->links[i];
        }
    }
    return NULL;
}

struct link *overlay_link_to(struct overlay *o, peer_no peer, enum link_state state) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no != 0 && link->state == state && link->peer == peer) {
            return link;
        }
    }
    return NULL;
}

size_t overlay_open_links(const struct overlay *o) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        count += o->links[i].no != 0 && o->links[i].state == LINK_STATE_OPEN ? 1 : 0;
    }
    return count;
}

struct link *overlay_random_link(struct overlay *o, const struct link *besides) {
    struct link *chosen = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no != 0 && link != besides && link->state == LINK_STATE_OPEN &&
            overlay_draw(o) % ++seen == 0) {
            chosen = link;
        }
    }
    return chosen;
}

uint32_t overlay_seconds(const struct overlay *o) {
    return (uint32_t)((o->now.mono.ms - o->began.ms) / 1000);
}

bool overlay_room_for(const struct overlay *o, size_t actions) {
    return o->out->count + actions <= OVERLAY_ACTIONS_MAX;
}

void overlay_act(struct overlay *o, enum overlay_action_kind kind, const struct link *link) {
    ASSERT(o->out->count < OVERLAY_ACTIONS_MAX);
    o->out->list[o->out->count++] = (struct overlay_action){
        .kind = kind, .peer = OVERLAY_NOBODY, .link = link == NULL ? 0 : link->no};
}

struct link_message *overlay_send(struct overlay *o, struct link *link, enum link_kind kind) {
    ASSERT(o->out->send_count < OVERLAY_SENDS_MAX);
    struct link_message *message = &o->out->sends[o->out->send_count++];
    memset(message, 0, sizeof *message);
    message->kind = kind;
    overlay_act(o, OVERLAY_ACT_SEND, link);
    o->out->list[o->out->count - 1].message = message;
    link->ping_at = view_next_ping(o);
    return message;
}

struct overlay_action *overlay_push(struct overlay *o, struct link *link, const struct id *id,
                                    uint8_t hops) {
    overlay_act(o, OVERLAY_ACT_PUSH, link);
    struct overlay_action *action = &o->out->list[o->out->count - 1];
    action->id = *id;
    action->hops = hops;
    o->counts.pushes++;
    link->ping_at = view_next_ping(o);
    return action;
}

bool overlay_is_ignored(const struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]) {
    for (size_t i = 0; o->ignored != NULL && i < OVERLAY_IGNORED_MAX; i++) {
        const struct ignored *ignored = &o->ignored[i];
        if (memcmp(ignored->id.b, short_id, LINK_SHORT_BYTES) == 0 &&
            !tick_reached(o->now.mono, ignored->until)) {
            return true;
        }
    }
    return false;
}
