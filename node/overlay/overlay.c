/* Invariants:
 *  1. `objects` holds only what core has accepted.
 *  2. A peer has at most one link; of two, the one stays whose dialler has the smaller certificate
 * id, so both ends close the same one.
 *  3. No action forwards an object that is not in `objects`.
 *  4. A difference that does not go away (a peer has what we may not take yet, or the other way
 * round) costs ever fewer rounds, down to the usual pace. */
#include "node/overlay/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/base/assert.h"
#include "node/overlay/set.h"

enum {
    KEEP_ALIVE_MS = 4000,
    DEAD_AFTER_MS = 12000,
    RENEW_MS = 60 * 60 * 1000, /* whoever dialled makes a new link (PROTOCOL 3.5) */
    RENEW_AGAIN_MS = 5 * 60 * 1000,
    SYNC_FIRST_MS = 30000, /* to twice that, at random */
    SYNC_AGAIN_MS = 500,   /* after a round that found a difference; doubled while nothing comes */
    IGNORED_MS = 60 * 1000,
    DIAL_FIRST_MS = 500,
    DIAL_LAST_MS = 300 * 1000,
    DIAL_PENDING_MS = 15000,
    SYNC_ROUNDS_MAX = 12,
    SYNC_SPLIT = 8,
    PUSHES_MAX = 64, /* objects for one SYNC_WANT or SYNC_IDS: the rest comes with the next round */
    MESSAGES_MAX = SYNC_SPLIT + 2,
};

struct peer {
    bool used;
    bool dialling;
    struct id id;
    link_no link; /* 0: none */
    struct tick dial_at;
    struct duration back_off;
};

struct link {
    link_no no; /* 0: free */
    size_t peer;
    bool dialled;
    struct tick heard;
    struct tick ping_at;
    struct tick sync_at;
    struct tick renew_at; /* TICK_NEVER: the peer dialled */
    bool differs;         /* found since our last round; the next one comes early */
    struct duration again;
    size_t work; /* answers and ids for this peer since work_since */
    struct tick work_since;
};

struct overlay {
    struct id self;
    struct peer peers[OVERLAY_PEERS_MAX];
    struct link links[OVERLAY_LINKS_MAX];
    struct sync_set *objects;
    size_t next_ignored;
    struct ignored {
        struct id id; /* zero: unused */
        struct tick until;
    } ignored[OVERLAY_IGNORED_MAX];
    size_t message_count;
    struct link_message messages[MESSAGES_MAX];
};

struct range {
    size_t from, to; /* ranks in `objects` */
};

static enum err learn_peer(struct overlay *o, const struct id *id, struct now now, uint64_t random);
static void forget_peer(struct overlay *o, const struct id *id, struct overlay_actions *actions);
static enum err link_up(struct overlay *o, const struct overlay_event *event, struct now now,
                        struct overlay_actions *actions);
static void link_down(struct overlay *o, const struct overlay_event *event, struct now now,
                      uint64_t random);
static enum err take_message(struct overlay *o, const struct overlay_event *event, struct now now,
                             uint64_t random, struct overlay_actions *actions);
static enum err answer_sync(struct overlay *o, struct link *link,
                            const struct link_message *message, struct now now,
                            struct overlay_actions *actions);
static enum err answer_ids(struct overlay *o, struct link *link, const struct link_message *message,
                           struct now now, struct overlay_actions *actions);
static size_t ask_for_unknown(struct overlay *o, link_no link, const struct link_message *message,
                              struct now now, struct overlay_actions *actions);
static bool may_answer(struct link *link, size_t objects, struct now now);
static void come_back_early(struct link *link, struct now now);
static size_t push_what_peer_lacks(struct overlay *o, link_no link,
                                   const struct link_message *message,
                                   struct overlay_actions *actions);
static enum err answer_want(struct overlay *o, struct link *link,
                            const struct link_message *message, struct overlay_actions *actions);
static enum err accept_object(struct overlay *o, const struct overlay_event *event, struct now now,
                              struct overlay_actions *actions);
static void ignore_object(struct overlay *o, const struct id *id, struct now now);
static void tick(struct overlay *o, struct now now, uint64_t random,
                 struct overlay_actions *actions);
static void tick_peers(struct overlay *o, struct now now, struct overlay_actions *actions);
static void tick_links(struct overlay *o, struct now now, uint64_t random,
                       struct overlay_actions *actions);
static void drop_expired(struct overlay *o, struct instant now, struct overlay_actions *actions);

static struct peer *find_peer(struct overlay *o, const struct id *id);
static struct link *find_link(struct overlay *o, link_no no);
static bool is_known(const struct overlay *o, const struct id *id);
static bool is_ignored(const struct overlay *o, const struct id *id, struct now now);
static struct range range_between(const struct overlay *o, const struct sync_key *lower,
                                  const struct sync_key *upper);
static void fingerprint(const struct overlay *o, struct range range, uint64_t salt,
                        uint8_t out[32]);
static void send_range(struct overlay *o, link_no link, struct range range,
                       const struct sync_key *lower, const struct sync_key *upper, uint64_t salt,
                       uint32_t round, struct overlay_actions *actions);
static void send_ids(struct overlay *o, link_no link, struct range range,
                     const struct sync_key *lower, const struct sync_key *upper,
                     struct overlay_actions *actions);
static struct link_message *new_message(struct overlay *o, link_no link,
                                        struct overlay_actions *actions);
static void act(struct overlay_actions *actions, enum overlay_action_kind kind, link_no link,
                const struct id *id);
static struct duration jitter(int64_t base_ms, uint64_t random);

static const struct sync_key key_lowest = {{0}, {{0}}};
static const struct sync_key key_end = {{INT64_MAX}, {{0}}};

struct overlay *overlay_create(const struct id *self, uint64_t seed) {
    struct overlay *o = calloc(1, sizeof *o);
    struct sync_set *objects = sync_set_create(OVERLAY_OBJECTS_MAX, seed);
    if (o == NULL || objects == NULL) {
        sync_set_destroy(objects);
        free(o);
        return NULL;
    }
    o->self = *self;
    o->objects = objects;
    return o;
}

void overlay_destroy(struct overlay *overlay) {
    if (overlay != NULL) {
        sync_set_destroy(overlay->objects);
        free(overlay);
    }
}

enum overlay_verdict overlay_look_up(const struct overlay *overlay, const struct id *id,
                                     bool reserved, struct now now) {
    if (is_known(overlay, id)) {
        return OVERLAY_VERDICT_DUPLICATE;
    }
    if (is_ignored(overlay, id, now)) {
        return OVERLAY_VERDICT_LATER;
    }
    return overlay_has_room(overlay, reserved) ? OVERLAY_VERDICT_WANTED : OVERLAY_VERDICT_FULL;
}

bool overlay_has_room(const struct overlay *overlay, bool reserved) {
    size_t most = reserved ? OVERLAY_OBJECTS_MAX : OVERLAY_OBJECTS_MAX - OVERLAY_RESERVED;
    return sync_set_count(overlay->objects) < most;
}

enum err overlay_step(struct overlay *overlay, const struct overlay_event *event, struct now now,
                      uint64_t random, struct overlay_actions *out) {
    ASSERT(overlay != NULL);
    ASSERT(out != NULL);

    enum err err = ERR_OK;
    struct link *link = NULL;
    out->count = 0;
    overlay->message_count = 0;
    switch (event->kind) {
    case OVERLAY_EV_PEER:
        err = learn_peer(overlay, &event->peer, now, random);
        break;
    case OVERLAY_EV_PEER_GONE:
        forget_peer(overlay, &event->peer, out);
        break;
    case OVERLAY_EV_LINK_UP:
        err = link_up(overlay, event, now, out);
        break;
    case OVERLAY_EV_LINK_DOWN:
        link_down(overlay, event, now, random);
        break;
    case OVERLAY_EV_HEARD:
        link = find_link(overlay, event->link);
        if (link != NULL) {
            link->heard = now.mono;
        }
        break;
    case OVERLAY_EV_MESSAGE:
        err = take_message(overlay, event, now, random, out);
        break;
    case OVERLAY_EV_ACCEPTED:
        err = accept_object(overlay, event, now, out);
        break;
    case OVERLAY_EV_IGNORED:
        ignore_object(overlay, &event->key.id, now);
        break;
    case OVERLAY_EV_REPLACED:
        (void)sync_set_remove(overlay->objects, &event->key.id);
        break;
    case OVERLAY_EV_TICK:
        tick(overlay, now, random, out);
        break;
    }
    return err;
}

struct tick overlay_deadline(const struct overlay *overlay, struct now now) {
    struct tick due = TICK_NEVER;
    const struct sync_item *soonest = sync_set_soonest(overlay->objects);
    if (soonest != NULL && soonest->expires.ms != INSTANT_NEVER.ms) {
        int64_t wait = soonest->expires.ms - now.wall.ms;
        due = tick_add(now.mono, (struct duration){wait > 0 ? wait : 0});
    }
    size_t links = overlay_link_count(overlay);
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        const struct link *link = &overlay->links[i];
        if (link->no != 0) {
            due = tick_earliest(due, tick_earliest(link->ping_at, link->sync_at));
            due = tick_earliest(due, link->renew_at);
            due = tick_earliest(due, tick_add(link->heard, (struct duration){DEAD_AFTER_MS}));
        }
    }
    for (size_t i = 0; i < OVERLAY_PEERS_MAX && links < OVERLAY_LINKS_MAX; i++) {
        const struct peer *peer = &overlay->peers[i];
        if (peer->used && peer->link == 0) {
            due = tick_earliest(due, peer->dial_at);
        }
    }
    return due;
}

size_t overlay_link_count(const struct overlay *overlay) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        count += overlay->links[i].no != 0 ? 1 : 0;
    }
    return count;
}

size_t overlay_object_count(const struct overlay *overlay) {
    return sync_set_count(overlay->objects);
}

bool overlay_is_linked(const struct overlay *overlay, const struct id *peer) {
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        const struct link *link = &overlay->links[i];
        if (link->no != 0 && id_equal(&overlay->peers[link->peer].id, peer)) {
            return true;
        }
    }
    return false;
}

/* ---- peers and links ---- */

static enum err learn_peer(struct overlay *o, const struct id *id, struct now now,
                           uint64_t random) {
    struct peer *peer = find_peer(o, id);
    if (id_equal(id, &o->self)) {
        return ERR_OK;
    }
    for (size_t i = 0; peer == NULL && i < OVERLAY_PEERS_MAX; i++) {
        if (!o->peers[i].used) {
            peer = &o->peers[i];
            *peer = (struct peer){.used = true, .id = *id};
        }
    }
    if (peer == NULL) {
        return ERR_FULL_TABLE;
    }
    if (!peer->dialling) { /* a new address deserves a prompt try */
        peer->back_off = (struct duration){DIAL_FIRST_MS};
        peer->dial_at = tick_add(now.mono, jitter(DIAL_FIRST_MS, random));
    }
    return ERR_OK;
}

static void forget_peer(struct overlay *o, const struct id *id, struct overlay_actions *actions) {
    struct peer *peer = find_peer(o, id);
    if (peer == NULL) {
        return;
    }
    if (peer->link != 0) {
        act(actions, OVERLAY_ACT_CLOSE, peer->link, NULL);
        find_link(o, peer->link)->no = 0;
    }
    *peer = (struct peer){0};
}

static enum err link_up(struct overlay *o, const struct overlay_event *event, struct now now,
                        struct overlay_actions *actions) {
    enum err err = learn_peer(o, &event->peer, now, 0);
    if (err != ERR_OK) {
        return err;
    }
    struct peer *peer = find_peer(o, &event->peer);
    if (peer == NULL) {
        return ERR_PEER_BOUNDS; /* ourselves */
    }
    peer->dialling = false;
    struct link *link = NULL;
    if (peer->link != 0) {
        bool smaller = id_compare(&o->self, &peer->id) < 0;
        link = find_link(o, peer->link);
        ASSERT(link != NULL);
        /* The smaller id's dialled link stays. A second link dialled by the same side replaces the
         * first: that side has lost it and does not know it from ours. */
        if (link->dialled != event->dialled && event->dialled != smaller) {
            act(actions, OVERLAY_ACT_CLOSE, event->link, NULL);
            return ERR_OK;
        }
        act(actions, OVERLAY_ACT_CLOSE, link->no, NULL);
    }
    for (size_t i = 0; link == NULL && i < OVERLAY_LINKS_MAX; i++) {
        link = o->links[i].no == 0 ? &o->links[i] : NULL;
    }
    if (link == NULL) {
        return ERR_FULL_LINKS;
    }
    *link = (struct link){
        .no = event->link,
        .peer = (size_t)(peer - o->peers),
        .dialled = event->dialled,
        .heard = now.mono,
        .ping_at = tick_add(now.mono, (struct duration){KEEP_ALIVE_MS}),
        .sync_at = now.mono,
        .renew_at = event->dialled ? tick_add(now.mono, (struct duration){RENEW_MS}) : TICK_NEVER,
        .again = {SYNC_AGAIN_MS},
        .work_since = now.mono};
    peer->link = event->link;
    peer->back_off = (struct duration){DIAL_FIRST_MS};
    return ERR_OK;
}

static void link_down(struct overlay *o, const struct overlay_event *event, struct now now,
                      uint64_t random) {
    struct link *link = event->link == 0 ? NULL : find_link(o, event->link);
    struct peer *peer = link != NULL ? &o->peers[link->peer] : find_peer(o, &event->peer);
    if (link != NULL) {
        link->no = 0;
        peer->link = 0;
    } else if (event->link != 0) {
        return; /* one that we closed ourselves */
    }
    if (peer == NULL) {
        return;
    }
    peer->dialling = false;
    peer->dial_at = tick_add(now.mono, jitter(peer->back_off.ms, random));
    peer->back_off.ms = peer->back_off.ms * 2 > DIAL_LAST_MS ? DIAL_LAST_MS : peer->back_off.ms * 2;
}

/* ---- reconciliation ---- */

static enum err take_message(struct overlay *o, const struct overlay_event *event, struct now now,
                             uint64_t random, struct overlay_actions *actions) {
    (void)random;
    struct link *link = find_link(o, event->link);
    if (link == NULL) {
        return ERR_OK; /* closed while the message was on its way */
    }
    link->heard = now.mono;
    /* Only the three messages of reconciliation come here; core keeps the others. */
    if (event->message->kind == LINK_SYNC) {
        return answer_sync(o, link, event->message, now, actions);
    }
    if (event->message->kind == LINK_SYNC_IDS) {
        return answer_ids(o, link, event->message, now, actions);
    }
    ASSERT(event->message->kind == LINK_SYNC_WANT);
    return answer_want(o, link, event->message, actions);
}

static enum err answer_sync(struct overlay *o, struct link *link,
                            const struct link_message *message, struct now now,
                            struct overlay_actions *actions) {
    const struct sync_key *lower = &message->as.sync.lower;
    const struct sync_key *upper = &message->as.sync.upper;
    uint32_t round = message->as.sync.round;
    if (round > SYNC_ROUNDS_MAX) {
        return ERR_PEER_BOUNDS;
    }
    struct range range = range_between(o, lower, upper);
    size_t ours = range.to - range.from;
    uint8_t print[32];
    if (!may_answer(link, ours <= LINK_IDS_MAX ? ours : SYNC_SPLIT, now)) {
        return ERR_OK;
    }
    fingerprint(o, range, message->as.sync.salt, print);
    if (ours == message->as.sync.count &&
        memcmp(print, message->as.sync.fingerprint, sizeof print) == 0) {
        return ERR_OK;
    }
    come_back_early(link, now);
    if (ours <= LINK_IDS_MAX) {
        send_ids(o, link->no, range, lower, upper, actions);
        return ERR_OK;
    }
    /* Too many to list: cut our own objects into equal parts and let the peer compare each. */
    struct sync_key from = *lower;
    for (size_t part = 0; part < SYNC_SPLIT; part++) {
        struct range sub = {range.from + ours * part / SYNC_SPLIT,
                            range.from + ours * (part + 1) / SYNC_SPLIT};
        struct sync_key to = part + 1 == SYNC_SPLIT ? *upper : sync_set_at(o->objects, sub.to)->key;
        send_range(o, link->no, sub, &from, &to, message->as.sync.salt, round + 1, actions);
        from = to;
    }
    return ERR_OK;
}

static enum err answer_ids(struct overlay *o, struct link *link, const struct link_message *message,
                           struct now now, struct overlay_actions *actions) {
    size_t wanted = ask_for_unknown(o, link->no, message, now, actions);
    size_t pushed = push_what_peer_lacks(o, link->no, message, actions);
    if (wanted + pushed > 0) {
        come_back_early(link, now);
    }
    return ERR_OK;
}

/* A peer that asks for more than any honest one gets no answer. */
static bool may_answer(struct link *link, size_t ids, struct now now) {
    if (tick_reached(now.mono,
                     tick_add(link->work_since, (struct duration){OVERLAY_SYNC_WORK_MS}))) {
        link->work_since = now.mono;
        link->work = 0;
    }
    link->work += ids + 1;
    return link->work <= OVERLAY_SYNC_WORK_MAX;
}

static void come_back_early(struct link *link, struct now now) {
    struct tick early = tick_add(now.mono, link->again);
    if (!link->differs) {
        link->differs = true;
        link->sync_at = tick_earliest(link->sync_at, early);
        link->again.ms = link->again.ms * 2 > SYNC_FIRST_MS ? SYNC_FIRST_MS : link->again.ms * 2;
    }
}

static size_t ask_for_unknown(struct overlay *o, link_no link, const struct link_message *message,
                              struct now now, struct overlay_actions *actions) {
    struct link_message *want = NULL;
    size_t wanted = 0;
    for (size_t i = 0; i < message->as.sync_ids.count; i++) {
        const struct id *id = &message->as.sync_ids.ids[i];
        if (is_known(o, id) || is_ignored(o, id, now)) {
            continue;
        }
        if (want == NULL) {
            want = new_message(o, link, actions);
            want->kind = LINK_SYNC_WANT;
        }
        want->as.sync_want.ids[wanted++] = *id;
        want->as.sync_want.count = wanted;
    }
    return wanted;
}

static size_t push_what_peer_lacks(struct overlay *o, link_no link,
                                   const struct link_message *message,
                                   struct overlay_actions *actions) {
    struct range range = range_between(o, &message->as.sync_ids.lower, &message->as.sync_ids.upper);
    size_t pushed = 0;
    for (size_t i = range.from; i < range.to && pushed < PUSHES_MAX; i++) {
        const struct id *id = &sync_set_at(o->objects, i)->key.id;
        bool theirs = false;
        for (size_t k = 0; k < message->as.sync_ids.count && !theirs; k++) {
            theirs = id_equal(id, &message->as.sync_ids.ids[k]);
        }
        if (!theirs) {
            act(actions, OVERLAY_ACT_PUSH, link, id);
            pushed++;
        }
    }
    return pushed;
}

static enum err answer_want(struct overlay *o, struct link *link,
                            const struct link_message *message, struct overlay_actions *actions) {
    size_t pushed = 0;
    for (size_t i = 0; i < message->as.sync_want.count && pushed < PUSHES_MAX; i++) {
        const struct id *id = &message->as.sync_want.ids[i];
        if (is_known(o, id)) { /* may have expired since we named it */
            act(actions, OVERLAY_ACT_PUSH, link->no, id);
            pushed++;
        }
    }
    return ERR_OK;
}

static enum err accept_object(struct overlay *o, const struct overlay_event *event, struct now now,
                              struct overlay_actions *actions) {
    const struct sync_item item = {event->key, event->expires};
    if (is_known(o, &event->key.id)) {
        return ERR_OK;
    }
    enum err err = sync_set_add(o->objects, &item);
    if (err != ERR_OK) {
        return err;
    }
    struct link *from = event->link == 0 ? NULL : find_link(o, event->link);
    if (from != NULL) { /* it brings something: there may be more */
        from->again = (struct duration){SYNC_AGAIN_MS};
        if (from->differs) {
            from->sync_at = tick_earliest(from->sync_at, tick_add(now.mono, from->again));
        }
    }
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        if (o->links[i].no != 0 && o->links[i].no != event->link) {
            act(actions, OVERLAY_ACT_PUSH, o->links[i].no, &event->key.id);
        }
    }
    return ERR_OK;
}

/* The ring forgets the earliest: then it may be looked at once more. */
static void ignore_object(struct overlay *o, const struct id *id, struct now now) {
    o->ignored[o->next_ignored] =
        (struct ignored){*id, tick_add(now.mono, (struct duration){IGNORED_MS})};
    o->next_ignored = (o->next_ignored + 1) % OVERLAY_IGNORED_MAX;
}

/* ---- time ---- */

static void tick(struct overlay *o, struct now now, uint64_t random,
                 struct overlay_actions *actions) {
    drop_expired(o, now.wall, actions);
    tick_links(o, now, random, actions);
    tick_peers(o, now, actions);
}

static void tick_peers(struct overlay *o, struct now now, struct overlay_actions *actions) {
    size_t links = overlay_link_count(o);
    for (size_t i = 0; i < OVERLAY_PEERS_MAX && links < OVERLAY_LINKS_MAX; i++) {
        struct peer *peer = &o->peers[i];
        if (!peer->used || peer->link != 0 || !tick_reached(now.mono, peer->dial_at)) {
            continue;
        }
        if (actions->count == OVERLAY_ACTIONS_MAX) {
            return; /* still due: the caller ticks again */
        }
        act(actions, OVERLAY_ACT_DIAL, 0, &peer->id);
        peer->dialling = true;
        peer->dial_at = tick_add(now.mono, (struct duration){DIAL_PENDING_MS});
        links++;
    }
}

static void tick_links(struct overlay *o, struct now now, uint64_t random,
                       struct overlay_actions *actions) {
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || actions->count + 4 > OVERLAY_ACTIONS_MAX) {
            continue;
        }
        if (tick_reached(now.mono, tick_add(link->heard, (struct duration){DEAD_AFTER_MS}))) {
            act(actions, OVERLAY_ACT_CLOSE, link->no, NULL);
            struct peer *peer = &o->peers[link->peer];
            peer->link = 0;
            peer->dial_at = tick_add(now.mono, jitter(DIAL_FIRST_MS, random + i));
            link->no = 0;
            continue;
        }
        if (tick_reached(now.mono,
                         link->renew_at)) { /* when it stands, it takes the place of this */
            act(actions, OVERLAY_ACT_DIAL, 0, &o->peers[link->peer].id);
            link->renew_at = tick_add(now.mono, (struct duration){RENEW_AGAIN_MS});
        }
        if (tick_reached(now.mono, link->ping_at)) {
            act(actions, OVERLAY_ACT_PING, link->no, NULL);
            link->ping_at = tick_add(now.mono, (struct duration){KEEP_ALIVE_MS});
        }
        if (tick_reached(now.mono, link->sync_at) && o->message_count < MESSAGES_MAX) {
            struct range all = {0, sync_set_count(o->objects)};
            send_range(o, link->no, all, &key_lowest, &key_end, random + i, 0, actions);
            link->sync_at = tick_add(now.mono, jitter(SYNC_FIRST_MS, random + i));
            link->differs = false;
        }
    }
}

static void drop_expired(struct overlay *o, struct instant now, struct overlay_actions *actions) {
    const struct sync_item *soonest = NULL;
    while (actions->count < OVERLAY_ACTIONS_MAX / 2 &&
           (soonest = sync_set_soonest(o->objects)) != NULL &&
           instant_reached(now, soonest->expires)) {
        struct id id = soonest->key.id;
        act(actions, OVERLAY_ACT_DROP, 0, &id);
        (void)sync_set_remove(o->objects, &id);
    }
}

/* ---- tables ---- */

static struct peer *find_peer(struct overlay *o, const struct id *id) {
    for (size_t i = 0; i < OVERLAY_PEERS_MAX; i++) {
        if (o->peers[i].used && id_equal(&o->peers[i].id, id)) {
            return &o->peers[i];
        }
    }
    return NULL;
}

static struct link *find_link(struct overlay *o, link_no no) {
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        if (o->links[i].no == no) {
            return &o->links[i];
        }
    }
    return NULL;
}

static bool is_known(const struct overlay *o, const struct id *id) {
    return sync_set_find(o->objects, id) != NULL;
}

static bool is_ignored(const struct overlay *o, const struct id *id, struct now now) {
    for (size_t i = 0; i < OVERLAY_IGNORED_MAX; i++) {
        if (id_equal(&o->ignored[i].id, id) && !tick_reached(now.mono, o->ignored[i].until)) {
            return true;
        }
    }
    return false;
}

static struct range range_between(const struct overlay *o, const struct sync_key *lower,
                                  const struct sync_key *upper) {
    struct range range = {sync_set_rank(o->objects, lower), sync_set_rank(o->objects, upper)};
    if (range.to < range.from) {
        range.to = range.from;
    }
    return range;
}

/* Sum of the ids mod 2^256, hashed with the count and the session's salt: order does not matter,
 * and nobody can prepare objects whose sums collide without knowing the salt. */
static void fingerprint(const struct overlay *o, struct range range, uint64_t salt,
                        uint8_t out[32]) {
    struct sync_sum sum = sync_set_sum(o->objects, range.from, range.to);
    uint8_t message[48];
    for (size_t i = 0; i < 32; i++) { /* little-endian */
        message[i] = (uint8_t)(sum.limb[i / 8] >> (i % 8 * 8));
    }
    write_u64(message + 32, range.to - range.from);
    write_u64(message + 40, salt);
    hash_labelled("stoop range v1", (struct bytes){NULL, 0}, BYTES_OF(message), out, 32);
}

static void send_range(struct overlay *o, link_no link, struct range range,
                       const struct sync_key *lower, const struct sync_key *upper, uint64_t salt,
                       uint32_t round, struct overlay_actions *actions) {
    struct link_message *message = new_message(o, link, actions);
    message->kind = LINK_SYNC;
    message->as.sync.salt = salt;
    message->as.sync.round = round;
    message->as.sync.lower = *lower;
    message->as.sync.upper = *upper;
    message->as.sync.count = range.to - range.from;
    fingerprint(o, range, salt, message->as.sync.fingerprint);
}

static void send_ids(struct overlay *o, link_no link, struct range range,
                     const struct sync_key *lower, const struct sync_key *upper,
                     struct overlay_actions *actions) {
    struct link_message *message = new_message(o, link, actions);
    message->kind = LINK_SYNC_IDS;
    message->as.sync_ids.lower = *lower;
    message->as.sync_ids.upper = *upper;
    message->as.sync_ids.answer = false;
    message->as.sync_ids.count = range.to - range.from;
    for (size_t i = range.from; i < range.to; i++) {
        message->as.sync_ids.ids[i - range.from] = sync_set_at(o->objects, i)->key.id;
    }
}

static struct link_message *new_message(struct overlay *o, link_no link,
                                        struct overlay_actions *actions) {
    ASSERT(o->message_count < MESSAGES_MAX);
    struct link_message *message = &o->messages[o->message_count++];
    act(actions, OVERLAY_ACT_SEND, link, NULL);
    actions->list[actions->count - 1].message = message;
    return message;
}

static void act(struct overlay_actions *actions, enum overlay_action_kind kind, link_no link,
                const struct id *id) {
    ASSERT(actions->count < OVERLAY_ACTIONS_MAX);
    struct overlay_action *action = &actions->list[actions->count++];
    *action = (struct overlay_action){.kind = kind, .link = link};
    if (id != NULL) {
        action->id = *id;
    }
}

/* base to twice base */
static struct duration jitter(int64_t base_ms, uint64_t random) {
    uint64_t z = (random + UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    z ^= z >> 31;
    return (struct duration){base_ms + (int64_t)(z % (uint64_t)(base_ms + 1))};
}
