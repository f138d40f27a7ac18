/* Reconciliation with each link in turn (PROTOCOL 5.1): once it is open, then now and then, and
 * early after a round that found a difference.
 *
 * Invariant: a difference that does not go away (a peer has what we may not take yet, or the other
 * way round) costs ever fewer rounds beside the usual ones. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    SYNC_MS = 30000,     /* to twice that, at random, with one link */
    SYNC_AGAIN_MS = 500, /* after a round that found a difference; doubled while nothing comes */
    SYNC_AGAIN_LAST_MS = 256 * 1000,
    SHORTS_AS_ONE = 32, /* are compared in the time in which one is made */
    PUSH_AT_ONCE = 16,  /* the largest objects fill a link's queue */
};

struct unwanted { /* short ids of what was ignored, made when they are needed */
    const struct overlay *overlay;
    bool ready;
    size_t work; /* ids looked at */
    size_t count;
    struct sync_short ids[OVERLAY_IGNORED_MAX];
};

static void come_back_early(struct overlay *o, struct link *link);
static bool is_unwanted(void *context, uint64_t salt, const struct sync_short *id);
static void send_answer(struct overlay *o, struct link *link);
static enum err queue_pushes(struct overlay *o, struct link *link,
                             const struct link_message *message);
static void push_some(struct overlay *o, struct link *link);
static void open_round(struct overlay *o, struct link *link);

/* Whoever dialled opens: the other's answer says the rest. */
void catch_up_link_open(struct overlay *o, struct link *link) {
    link->again_ms = SYNC_AGAIN_MS;
    link->sync_at = link->dialled ? o->now.mono : TICK_NEVER;
    if (o->sync_at.ms == TICK_NEVER.ms) {
        o->sync_at = overlay_after(o, SYNC_MS);
    }
}

void catch_up_link_lost(struct link *link) {
    free(link->pushes);
    link->pushes = NULL;
    link->push_at = link->push_count = 0;
}

enum err catch_up_message(struct overlay *o, struct link *link,
                          const struct link_message *message) {
    score_open_window(o, link);
    if (link->window.sync > OVERLAY_WINDOW_SYNC ||
        !overlay_room_for(o, SYNC_MESSAGES_MAX + PUSH_AT_ONCE)) {
        return ERR_OK; /* a peer that asks for more than any honest one gets no answer */
    }
    struct unwanted unwanted = {.overlay = o};
    enum err err = sync_take(o->objects, message, is_unwanted, &unwanted, &o->out->sync);
    if (err != ERR_OK) {
        return err;
    }
    link->window.sync += (uint32_t)(o->out->sync.work + unwanted.work);
    if (o->out->sync.differs) {
        come_back_early(o, link);
    }
    send_answer(o, link);
    return queue_pushes(o, link, message);
}

/* It brings something: there may be more. */
void catch_up_accepted(struct overlay *o, struct link *from) {
    from->again_ms = SYNC_AGAIN_MS;
    if (from->differs) {
        from->sync_at =
            tick_earliest(from->sync_at, tick_add(o->now.mono, (struct duration){from->again_ms}));
    }
}

void catch_up_drained(struct overlay *o, struct link *link) {
    push_some(o, link);
}

void catch_up_tick(struct overlay *o) {
    if (tick_reached(o->now.mono, o->sync_at)) {
        struct link *link = overlay_random_link(o, NULL);
        o->sync_at = overlay_after(o, SYNC_MS);
        if (link != NULL) {
            link->sync_at = o->now.mono;
        }
    }
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no != 0 && tick_reached(o->now.mono, link->sync_at)) {
            open_round(o, link);
            return; /* one a step: its messages lie in the actions; the driver ticks again */
        }
    }
}

struct tick catch_up_deadline(const struct overlay *o) {
    struct tick due = o->sync_at;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &o->links[i];
        due = link->no == 0 ? due : tick_earliest(due, link->sync_at);
    }
    return due;
}

/* ---- rounds ---- */

static void open_round(struct overlay *o, struct link *link) {
    if (!overlay_room_for(o, SYNC_MESSAGES_MAX)) {
        return; /* still due */
    }
    sync_open(o->objects, overlay_draw(o), &o->out->sync);
    send_answer(o, link);
    o->counts.reconciliations++;
    link->sync_at = TICK_NEVER;
    link->differs = false;
}

static void come_back_early(struct overlay *o, struct link *link) {
    if (!link->differs) {
        link->differs = true;
        link->sync_at =
            tick_earliest(link->sync_at, tick_add(o->now.mono, (struct duration){link->again_ms}));
        link->again_ms *= link->again_ms < SYNC_AGAIN_LAST_MS ? 2 : 1;
    }
}

/* Is the short id that of an object that was ignored a moment ago? */
static bool is_unwanted(void *context, uint64_t salt, const struct sync_short *id) {
    struct unwanted *unwanted = context;
    const struct overlay *o = unwanted->overlay;
    for (size_t i = 0; !unwanted->ready && o->ignored != NULL && i < OVERLAY_IGNORED_MAX; i++) {
        const struct ignored *ignored = &o->ignored[i];
        if (!id_is_zero(&ignored->id) && !tick_reached(o->now.mono, ignored->until)) {
            sync_shorten(salt, &ignored->id, &unwanted->ids[unwanted->count++]);
            unwanted->work++;
        }
    }
    unwanted->ready = true;
    unwanted->work += 1 + unwanted->count / SHORTS_AS_ONE;
    for (size_t i = 0; i < unwanted->count; i++) {
        if (memcmp(unwanted->ids[i].b, id->b, sizeof id->b) == 0) {
            return true;
        }
    }
    return false;
}

static void send_answer(struct overlay *o, struct link *link) {
    for (size_t i = 0; i < o->out->sync.message_count; i++) {
        overlay_act(o, OVERLAY_ACT_SEND, link);
        o->out->list[o->out->count - 1].message = &o->out->sync.messages[i];
    }
}

/* ---- pushes ---- */

/* In parts that a link's queue can take, the next one when it has drained. Meanwhile only what
 * belongs to the same round is added: another would mostly name the same, and the next one comes
 * when all have gone. */
static enum err queue_pushes(struct overlay *o, struct link *link,
                             const struct link_message *message) {
    uint64_t salt = message->kind == LINK_SYNC ? message->as.sync.salt : message->as.sync_ids.salt;
    const struct sync_answer *answer = &o->out->sync;
    size_t left = link->push_count - link->push_at;
    size_t room = left + answer->push_count;
    room = room < OVERLAY_PUSHES_MAX ? room : OVERLAY_PUSHES_MAX;
    if (room <= left || (link->pushing && link->push_salt != salt)) {
        return ERR_OK;
    }
    if (left > 0) {
        memmove(link->pushes, link->pushes + link->push_at, left * sizeof link->pushes[0]);
    }
    link->push_at = 0;
    link->push_count = (uint32_t)left;
    struct id *pushes = reallocarray(link->pushes, room, sizeof *pushes);
    if (pushes == NULL) {
        return ERR_HOST_MEMORY;
    }
    link->pushes = pushes;
    memcpy(pushes + left, answer->pushes, (room - left) * sizeof *pushes);
    link->push_count = (uint32_t)room;
    link->push_salt = salt;
    if (answer->push_count == SYNC_PUSHES_MAX || room == OVERLAY_PUSHES_MAX) {
        uint64_t last = read_u64(pushes[room - 1].b);
        link->push_more |= last != link->push_last;
        link->push_last = last;
    }
    if (!link->pushing) {
        push_some(o, link);
    }
    return ERR_OK;
}

static void push_some(struct overlay *o, struct link *link) {
    bool had = link->pushing;
    link->pushing = false;
    for (size_t i = 0; i < PUSH_AT_ONCE && link->push_at < link->push_count;) {
        struct id id = link->pushes[link->push_at++];
        if (sync_set_find(o->objects, &id) != NULL) { /* it has not expired meanwhile */
            (void)overlay_push(o, link, &id, LINK_HOPS_CAUGHT_UP);
            link->pushing = true;
            i++;
        }
    }
    if (link->push_at == link->push_count) {
        catch_up_link_lost(link);
    }
    if (had && !link->pushing && link->push_more) {
        link->sync_at = o->now.mono;
        link->push_more = false;
    }
}
