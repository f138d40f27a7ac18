#include "tests/support/overlay_rig.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    DIAL_FAILS_MS = 1000,
    STEPS_MAX = 1000000,
};

static bool is_of(const struct overlay_action *action, peer_no peer) {
    return peer == RIG_PEERS || action->link == peer ||
           (action->kind == OVERLAY_ACT_DIAL && action->peer == peer);
}

void rig_create(struct rig *rig) {
    *rig = (struct rig){.overlay = members_overlay(RIG_SELF),
                        .now = {.wall = {1000000}, .mono = {50000}},
                        .actions = calloc(1, sizeof *rig->actions)};
    ASSERT(rig->actions != NULL);
}

void rig_destroy(struct rig *rig) {
    overlay_destroy(rig->overlay);
    free(rig->actions);
    *rig = (struct rig){0};
}

enum err rig_step(struct rig *rig, struct overlay_event event) {
    enum err err = overlay_step(rig->overlay, &event, rig->now, ++rig->random, rig->actions);
    for (size_t i = 0; i < rig->actions->count; i++) {
        const struct overlay_action *action = &rig->actions->list[i];
        if (action->kind == OVERLAY_ACT_DIAL) {
            rig->dials[action->peer]++;
        } else if (action->kind == OVERLAY_ACT_CLOSE) {
            rig->closed[action->link]++;
            rig->up[action->link] = false;
        }
    }
    return err;
}

void rig_tick(struct rig *rig) {
    ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_TICK}) == ERR_OK);
}

void rig_pass(struct rig *rig, int64_t ms) {
    rig->now.wall.ms += ms;
    rig->now.mono.ms += ms;
}

void rig_run(struct rig *rig, int64_t ms, bool alive) {
    int64_t end = rig->now.mono.ms + ms;
    for (size_t n = 0; rig->now.mono.ms < end; n++) {
        ASSERT(n < STEPS_MAX);
        int64_t due = overlay_deadline(rig->overlay, rig->now).ms;
        due = due < end ? due : end;
        rig_pass(rig, due > rig->now.mono.ms ? due - rig->now.mono.ms : 0);
        for (peer_no peer = 0; alive && peer < RIG_PEERS; peer++) {
            if (rig->up[peer]) {
                ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_HEARD,
                                                            .link = peer}) == ERR_OK);
            }
        }
        rig_tick(rig);
        peer_no failed[OVERLAY_ACTIONS_MAX];
        size_t count = 0;
        for (size_t i = 0; i < rig->actions->count; i++) {
            if (rig->actions->list[i].kind == OVERLAY_ACT_DIAL) {
                failed[count++] = rig->actions->list[i].peer;
            }
        }
        rig_pass(rig, count > 0 ? DIAL_FAILS_MS : 0);
        for (size_t i = 0; i < count; i++) {
            ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_LINK_DOWN,
                                                        .peer = failed[i]}) == ERR_OK);
        }
    }
}

void rig_name(struct rig *rig, peer_no peer) {
    ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = peer}) == ERR_OK);
}

void rig_rise(struct rig *rig, peer_no peer, bool dialled) {
    rig->up[peer] = true;
    ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                                .peer = peer,
                                                .link = peer,
                                                .dialled = dialled}) == ERR_OK);
}

void rig_up(struct rig *rig, peer_no peer, bool dialled) {
    rig_rise(rig, peer, dialled);
    rig_neighbour(rig, peer, NEIGHBOUR_MORE);
}

void rig_down(struct rig *rig, peer_no peer, bool told) {
    rig->up[peer] = false;
    ASSERT(rig_step(rig,
                    (struct overlay_event){
                        .kind = OVERLAY_EV_LINK_DOWN, .peer = peer, .link = peer, .told = told}) ==
           ERR_OK);
}

void rig_say(struct rig *rig, peer_no peer, const struct link_message *message) {
    ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_MESSAGE,
                                                .link = peer,
                                                .message = message}) == ERR_OK);
}

void rig_neighbour(struct rig *rig, peer_no peer, enum neighbour_wish wish) {
    static struct link_message message;
    message = (struct link_message){.kind = LINK_NEIGHBOUR, .as.neighbour.wish = wish};
    rig_say(rig, peer, &message);
}

/* ---- objects ---- */

struct sync_key rig_key(uint16_t number) {
    struct sync_key key = {.created = {number}};
    write_u16(key.id.b, number);
    key.id.b[15] = 4; /* it has a turn while few are said */
    return key;
}

enum overlay_verdict rig_offer(struct rig *rig, peer_no from, uint16_t number, uint8_t hops) {
    ASSERT(rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_OFFERED,
                                                .link = from,
                                                .key = rig_key(number),
                                                .hops = hops}) == ERR_OK);
    return rig->actions->verdict;
}

enum err rig_accept(struct rig *rig, peer_no from, uint16_t number, uint8_t hops) {
    return rig_step(rig, (struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                                .link = from,
                                                .key = rig_key(number),
                                                .hops = hops,
                                                .expires = INSTANT_NEVER});
}

void rig_bring(struct rig *rig, peer_no from, uint16_t number, uint8_t hops) {
    ASSERT(rig_offer(rig, from, number, hops) == OVERLAY_WANTED);
    ASSERT(rig_accept(rig, from, number, hops) == ERR_OK);
}

void rig_announce(struct rig *rig, peer_no from, uint16_t number) {
    static struct link_message message;
    message = (struct link_message){.kind = LINK_IHAVE, .as.ihave.count = 1};
    memcpy(message.as.ihave.ids[0].b, rig_key(number).id.b, LINK_SHORT_BYTES);
    rig_say(rig, from, &message);
}

/* ---- what it said ---- */

size_t rig_count(const struct rig *rig, enum overlay_action_kind kind, peer_no peer) {
    size_t count = 0;
    for (size_t i = 0; i < rig->actions->count; i++) {
        const struct overlay_action *action = &rig->actions->list[i];
        count += action->kind == kind && is_of(action, peer) ? 1 : 0;
    }
    return count;
}

size_t rig_sent(const struct rig *rig, enum link_kind kind, peer_no peer) {
    size_t count = 0;
    for (size_t i = 0; i < rig->actions->count; i++) {
        const struct overlay_action *action = &rig->actions->list[i];
        count +=
            action->kind == OVERLAY_ACT_SEND && action->message->kind == kind && is_of(action, peer)
                ? 1
                : 0;
    }
    return count;
}

const struct link_message *rig_message(const struct rig *rig, enum link_kind kind, peer_no peer) {
    for (size_t i = 0; i < rig->actions->count; i++) {
        const struct overlay_action *action = &rig->actions->list[i];
        if (action->kind == OVERLAY_ACT_SEND && action->message->kind == kind &&
            is_of(action, peer)) {
            return action->message;
        }
    }
    return NULL;
}

bool rig_is_eager(const struct rig *rig, peer_no peer) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    size_t count = overlay_links(rig->overlay, links);
    for (size_t i = 0; i < count; i++) {
        if (links[i].peer == peer) {
            return links[i].eager;
        }
    }
    return false;
}

bool rig_in_passive(const struct rig *rig, peer_no peer) {
    peer_no passive[OVERLAY_PASSIVE_MAX];
    size_t count = overlay_passive(rig->overlay, passive);
    for (size_t i = 0; i < count; i++) {
        if (passive[i] == peer) {
            return true;
        }
    }
    return false;
}

bool rig_in_book(const struct rig *rig, peer_no peer, struct overlay_known *out) {
    struct overlay_known book[OVERLAY_BOOK_MAX];
    size_t count = overlay_book(rig->overlay, book);
    for (size_t i = 0; i < count; i++) {
        if (book[i].peer == peer) {
            if (out != NULL) {
                *out = book[i];
            }
            return true;
        }
    }
    return false;
}
