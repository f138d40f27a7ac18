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
    SHORTS_AS_ONE = 32, /* are compared in the time in which one is made */
    PUSH_AT_ONCE = 16,  /* the largest objects fill a link's queue */
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
    size_t work; /* ranges and ids looked at for this peer since work_since */
    struct tick work_since;
    bool pushing;       /* not drained yet */
    uint64_t push_salt; /* of the round that they belong to */
    bool push_more;     /* they were too many for one round, and others than last time */
    struct id push_last;
    size_t push_at, push_count;
    struct id *pushes; /* owned: ids that the peer lacks, from push_at on */
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
};

struct unwanted { /* short ids of what was ignored, made when they are needed */
    const struct overlay *overlay;
    struct now now;
    bool ready;
    size_t work; /* ids looked at */
    size_t count;
    struct sync_short ids[OVERLAY_IGNORED_MAX];
};

static enum err learn_peer(struct overlay *o, const struct id *id, struct now now, uint64_t random);
static void forget_peer(struct overlay *o, const struct id *id, struct overlay_actions *actions);
static enum err link_up(struct overlay *o, const struct overlay_event *event, struct now now,
                        struct overlay_actions *actions);
static void link_down(struct overlay *o, const struct overlay_event *event, struct now now,
                      uint64_t random);
static enum err take_message(struct overlay *o, const struct overlay_event *event, struct now now,
                             struct overlay_actions *actions);
static bool may_answer(struct link *link, struct now now);
static void come_back_early(struct link *link, struct now now);
static bool is_unwanted(void *context, uint64_t salt, const struct sync_short *id);
static void send_answer(const struct link *link, struct overlay_actions *actions);
static enum err queue_pushes(const struct overlay *o, struct link *link,
                             const struct link_message *message, struct now now,
                             struct overlay_actions *actions);
static void push_some(const struct overlay *o, struct link *link, struct now now,
                      struct overlay_actions *actions);
static void free_link(struct link *link);
static void drop_pushes(struct link *link);
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
static void act(struct overlay_actions *actions, enum overlay_action_kind kind, link_no link,
                const struct id *id);
static struct duration jitter(int64_t base_ms, uint64_t random);

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
        for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
            drop_pushes(&overlay->links[i]);
        }
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
    case OVERLAY_EV_DRAINED:
        link = find_link(overlay, event->link);
        if (link != NULL) {
            push_some(overlay, link, now, out);
        }
        break;
    case OVERLAY_EV_MESSAGE:
        err = take_message(overlay, event, now, out);
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
        free_link(find_link(o, peer->link));
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
    drop_pushes(link);
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
        free_link(link);
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
                             struct overlay_actions *actions) {
    struct link *link = find_link(o, event->link);
    if (link == NULL) {
        return ERR_OK; /* closed while the message was on its way */
    }
    link->heard = now.mono;
    /* Only the three messages of reconciliation come here; core keeps the others. */
    if (!may_answer(link, now)) {
        return ERR_OK;
    }
    struct unwanted unwanted = {.overlay = o, .now = now};
    enum err err = sync_take(o->objects, event->message, is_unwanted, &unwanted, &actions->sync);
    if (err != ERR_OK) {
        return err;
    }
    link->work += actions->sync.work + unwanted.work;
    if (actions->sync.differs) {
        come_back_early(link, now);
    }
    send_answer(link, actions);
    return queue_pushes(o, link, event->message, now, actions);
}

/* A peer that asks for more than any honest one gets no answer. */
static bool may_answer(struct link *link, struct now now) {
    if (tick_reached(now.mono,
                     tick_add(link->work_since, (struct duration){OVERLAY_SYNC_WORK_MS}))) {
        link->work_since = now.mono;
        link->work = 0;
    }
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

/* Is the short id that of an object that was ignored a moment ago? */
static bool is_unwanted(void *context, uint64_t salt, const struct sync_short *id) {
    struct unwanted *unwanted = context;
    if (!unwanted->ready) {
        unwanted->ready = true;
        for (size_t i = 0; i < OVERLAY_IGNORED_MAX; i++) {
            const struct ignored *ignored = &unwanted->overlay->ignored[i];
            if (!id_is_zero(&ignored->id) && !tick_reached(unwanted->now.mono, ignored->until)) {
                sync_shorten(salt, &ignored->id, &unwanted->ids[unwanted->count++]);
                unwanted->work++;
            }
        }
    }
    unwanted->work += 1 + unwanted->count / SHORTS_AS_ONE;
    for (size_t i = 0; i < unwanted->count; i++) {
        if (memcmp(unwanted->ids[i].b, id->b, sizeof id->b) == 0) {
            return true;
        }
    }
    return false;
}

static void send_answer(const struct link *link, struct overlay_actions *actions) {
    for (size_t i = 0; i < actions->sync.message_count; i++) {
        act(actions, OVERLAY_ACT_SEND, link->no, NULL);
        actions->list[actions->count - 1].message = &actions->sync.messages[i];
    }
}

/* ---- pushes ---- */

/* In parts that a link's queue can take, the next one when it has drained. Meanwhile only what
 * belongs to the same round is added: another would mostly name the same, and the next one comes
 * when all have gone. */
static enum err queue_pushes(const struct overlay *o, struct link *link,
                             const struct link_message *message, struct now now,
                             struct overlay_actions *actions) {
    uint64_t salt = message->kind == LINK_SYNC ? message->as.sync.salt : message->as.sync_ids.salt;
    size_t left = link->push_count - link->push_at;
    size_t room = left + actions->sync.push_count;
    room = room < OVERLAY_PUSHES_MAX ? room : OVERLAY_PUSHES_MAX;
    if (room <= left || (link->pushing && link->push_salt != salt)) {
        return ERR_OK;
    }
    if (left > 0) {
        memmove(link->pushes, link->pushes + link->push_at, left * sizeof link->pushes[0]);
    }
    link->push_at = 0;
    link->push_count = left;
    struct id *pushes = reallocarray(link->pushes, room, sizeof *pushes);
    if (pushes == NULL) {
        return ERR_HOST_MEMORY;
    }
    link->pushes = pushes;
    memcpy(pushes + left, actions->sync.pushes, (room - left) * sizeof *pushes);
    link->push_count = room;
    link->push_salt = salt;
    if (actions->sync.push_count == SYNC_PUSHES_MAX || room == OVERLAY_PUSHES_MAX) {
        link->push_more |= !id_equal(&pushes[room - 1], &link->push_last);
        link->push_last = pushes[room - 1];
    }
    if (!link->pushing) {
        push_some(o, link, now, actions);
    }
    return ERR_OK;
}

static void push_some(const struct overlay *o, struct link *link, struct now now,
                      struct overlay_actions *actions) {
    bool had = link->pushing;
    link->pushing = false;
    for (size_t i = 0; i < PUSH_AT_ONCE && link->push_at < link->push_count;) {
        const struct id *id = &link->pushes[link->push_at++];
        if (is_known(o, id)) { /* it has not expired meanwhile */
            act(actions, OVERLAY_ACT_PUSH, link->no, id);
            link->pushing = true;
            i++;
        }
    }
    if (link->push_at == link->push_count) {
        drop_pushes(link);
    }
    if (had && !link->pushing && link->push_more) {
        link->sync_at = now.mono;
        link->push_more = false;
    }
}

static void free_link(struct link *link) {
    drop_pushes(link);
    link->no = 0;
}

static void drop_pushes(struct link *link) {
    free(link->pushes);
    link->pushes = NULL;
    link->push_at = link->push_count = 0;
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
    bool opened = false;
    for (size_t i = 0; i < OVERLAY_LINKS_MAX; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || actions->count + 5 > OVERLAY_ACTIONS_MAX) {
            continue;
        }
        if (tick_reached(now.mono, tick_add(link->heard, (struct duration){DEAD_AFTER_MS}))) {
            act(actions, OVERLAY_ACT_CLOSE, link->no, NULL);
            struct peer *peer = &o->peers[link->peer];
            peer->link = 0;
            peer->dial_at = tick_add(now.mono, jitter(DIAL_FIRST_MS, random + i));
            free_link(link);
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
        if (tick_reached(now.mono, link->sync_at) && !opened) { /* one a step */
            opened = true;
            sync_open(o->objects, random + i, &actions->sync);
            send_answer(link, actions);
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
