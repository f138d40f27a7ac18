/* Membership (PROTOCOL 5.1): a few links, some members to dial when one is lost (the passive view,
 * filled by shuffles), and an address book that no run of failures empties.
 *
 * Invariants:
 *  1. At most OVERLAY_LINKS_MAX links are open, at most one with a peer.
 *  2. Others cannot choose all our links: OVERLAY_DIALLED_FEW places are for those that we dial,
 *     unless we know so few members that all may be linked with all.
 *  3. A link that we dialled is given up only for one out of the address book, an anchor never.
 *  4. A peer that closed a link, or did not answer, is not dialled again at once. */
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    KEEP_ALIVE_MS = 4000,
    DEAD_AFTER_MS = 12000,
    ANSWER_MS = 10 * 1000,     /* for a NEIGHBOUR */
    RENEW_MS = 60 * 60 * 1000, /* whoever dialled makes a new link (PROTOCOL 3.5) */
    RENEW_AGAIN_MS = 5 * 60 * 1000,
    SETTLED_MS = 2000, /* a link this old is none of two that crossed */
    DIAL_AGAIN_MS = 250,
    DIAL_FIRST_MS = 500,
    DIAL_LAST_MS = 300 * 1000,
    REFUSED_S = 20,         /* before a peer is dialled again that had no room */
    GROUP_S = 600,          /* or that lies where we have links enough */
    SHUFFLE_MS = 54 * 1000, /* to 66 */
    SHUFFLE_SPREAD_MS = 12 * 1000,
    SHUFFLE_FIRST_MS = 5 * 1000, /* to twice that, for the first ones */
    SHUFFLES_FIRST = 6,
    SHUFFLE_OPEN = 3, /* of our links in a SHUFFLE; the rest is passive */
    WALK_PASSIVE = 3, /* left when a walk is put into the passive view */
    SWAP_ONE_IN = 10, /* shuffles */
    ROOM_BURST = 4,   /* links that we give up for others, and how often one more */
    ROOM_EVERY_MS = 15 * 1000,
    ANCHOR_AGE_MS = 10 * 60 * 1000,
    DIAL_GIVEN_UP_S = 20, /* the driver answers sooner; who comes under another name, later */
};

static void learn_book(struct overlay *o, const struct overlay_event *event);
static struct known *place_in_book(struct overlay *o);
static void learn_passive(struct overlay *o, peer_no peer, uint32_t not_before);
static struct known *find_known(struct overlay *o, peer_no peer);
static struct named *find_named(struct overlay *o, peer_no peer);
static void forget_named(struct overlay *o, peer_no peer);
static void put_off(struct overlay *o, peer_no peer, uint32_t seconds);
static void has_failed(struct overlay *o, peer_no peer);
static void has_met(struct overlay *o, peer_no peer);

static struct dial *find_dial(struct overlay *o, peer_no peer);
static size_t dialling(const struct overlay *o);
static bool may_dial(struct overlay *o, peer_no peer, uint32_t not_before);
static peer_no choose(struct overlay *o);
static peer_no choose_anchor(struct overlay *o);
static peer_no choose_passive(struct overlay *o);
static peer_no choose_book(struct overlay *o);
static void dial(struct overlay *o, peer_no peer, enum neighbour_wish wish);
static void dial_more(struct overlay *o);
static size_t links_lacking(struct overlay *o);
static struct tick next_chance(struct overlay *o);

static void take_neighbour(struct overlay *o, struct link *link, enum neighbour_wish wish);
static void be_answered(struct overlay *o, struct link *link);
static bool settle_twins(struct overlay *o, struct link *link);
static bool make_room(struct overlay *o, const struct link *link, enum neighbour_wish wish);
static bool afford_room(struct overlay *o);
static struct link *choose_victim(struct overlay *o, bool dialled);
static void open_link(struct overlay *o, struct link *link);
static bool group_is_full(const struct overlay *o, const struct link *link);
static void remember_end(struct overlay *o, const struct link *link, enum overlay_end why);
static void lose(struct overlay *o, struct link *link, enum overlay_end why);

static void take_walk(struct overlay *o, struct link *from, const struct link_message *message);
static void start_walks(struct overlay *o, const struct link *joiner);
static void take_shuffle(struct overlay *o, struct link *from, const struct link_message *message);
static void take_shuffled(struct overlay *o, struct link *from, const struct link_message *message);
static void shuffle(struct overlay *o);
static void swap_link(struct overlay *o);
static void list_peers(struct overlay *o, struct link_message *message, bool ourselves,
                       peer_no besides);
static void add_peer(struct overlay *o, struct link_message *message, peer_no peer);
static void learn_listed(struct overlay *o, const struct link_message *message);
static struct link *random_link(struct overlay *o, const struct link *besides);

static void tick_link(struct overlay *o, struct link *link);
static void choose_anchors(struct overlay *o);
static uint32_t seconds(const struct overlay *o);

void view_start(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        o->dials[i].peer = OVERLAY_NOBODY;
    }
    o->dial_at = TICK_NEVER;
    o->shuffle_at = TICK_NEVER;
    o->room = ROOM_BURST;
}

void view_peer(struct overlay *o, const struct overlay_event *event) {
    if (event->peer == o->self) {
        return;
    }
    struct known *known = find_known(o, event->peer);
    struct named *named = find_named(o, event->peer);
    if (known != NULL) { /* a new address deserves a prompt try */
        known->failures = 0;
        known->not_before = 0;
    } else {
        learn_book(o, event);
    }
    if (named != NULL) {
        named->not_before = 0;
    } else if (o->passive_count < OVERLAY_PASSIVE_MAX) {
        learn_passive(o, event->peer, 0);
    }
    if (find_dial(o, event->peer) == NULL) {
        o->dial_at = tick_earliest(o->dial_at, overlay_after(o, DIAL_FIRST_MS));
    }
}

void view_peer_gone(struct overlay *o, peer_no peer) {
    struct known *known = find_known(o, peer);
    struct dial *wait = find_dial(o, peer);
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no != 0 && o->links[i].peer == peer) {
            view_close(o, &o->links[i], OVERLAY_END_REMOVED);
        }
    }
    if (known != NULL) {
        o->met_count -= known->met ? 1 : 0;
        *known = o->book[--o->book_count];
    }
    if (wait != NULL) {
        wait->peer = OVERLAY_NOBODY;
    }
    forget_named(o, peer);
}

/* ---- links ---- */

enum err view_link_up(struct overlay *o, const struct overlay_event *event) {
    struct link *link = NULL;
    struct dial *wait = event->dialled ? find_dial(o, event->peer) : NULL;
    enum neighbour_wish wish = wait == NULL ? NEIGHBOUR_MORE : wait->wish;
    if (wait != NULL) {
        wait->peer = OVERLAY_NOBODY;
    }
    for (size_t i = 0; link == NULL && i < OVERLAY_SLOTS; i++) {
        link = o->links[i].no == 0 ? &o->links[i] : NULL;
    }
    if (event->peer == o->self || link == NULL) {
        return event->peer == o->self ? ERR_PEER_BOUNDS : ERR_FULL_LINKS;
    }
    *link = (struct link){.no = event->link,
                          .peer = event->peer,
                          .group = event->group,
                          .state = event->dialled ? LINK_STATE_ASKED : LINK_STATE_NEW,
                          .dialled = event->dialled,
                          .wish = wish,
                          .since = o->now.mono,
                          .heard = o->now.mono,
                          .ping_at = view_next_ping(o),
                          .renew_at = TICK_NEVER,
                          .sync_at = TICK_NEVER,
                          .window.since = o->now.mono};
    if (score_is_shunned(o, event->peer)) {
        view_close(o, link, OVERLAY_END_FAULT);
    } else if (event->dialled) {
        overlay_send(o, link, LINK_NEIGHBOUR)->as.neighbour.wish = wish;
    }
    return ERR_OK;
}

void view_link_down(struct overlay *o, const struct overlay_event *event) {
    struct link *link = event->link == 0 ? NULL : overlay_find_link(o, event->link);
    if (link != NULL) {
        lose(o, link, event->told ? OVERLAY_END_TOLD : OVERLAY_END_CUT);
        return;
    }
    struct dial *wait = find_dial(o, event->peer);
    if (event->link != 0 || wait == NULL) {
        return; /* one that we closed ourselves */
    }
    wait->peer = OVERLAY_NOBODY;
    o->counts.dials_failed++;
    has_failed(o, event->peer);
    if (links_lacking(o) > 0) {
        struct tick next = choose(o) == OVERLAY_NOBODY ? next_chance(o) : o->now.mono;
        o->dial_at = tick_earliest(o->dial_at, next);
    }
}

enum err view_message(struct overlay *o, struct link *link, const struct link_message *message) {
    if (message->kind == LINK_NEIGHBOUR) {
        take_neighbour(o, link, message->as.neighbour.wish);
    } else if (message->kind == LINK_SHUFFLED) {
        take_shuffled(o, link, message);
    } else if (score_afford(o, link, &link->window.walks, 1, OVERLAY_WINDOW_WALKS)) {
        if (message->kind == LINK_WALK) {
            take_walk(o, link, message);
        } else {
            ASSERT(message->kind == LINK_SHUFFLE);
            take_shuffle(o, link, message);
        }
    }
    return ERR_OK;
}

void view_tick(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no != 0) {
            tick_link(o, &o->links[i]);
        }
    }
    if (tick_reached(o->now.mono, o->shuffle_at)) {
        choose_anchors(o);
        shuffle(o);
        if (overlay_draw(o) % SWAP_ONE_IN == 0) {
            swap_link(o);
        }
    }
    if (tick_reached(o->now.mono, o->dial_at)) {
        dial_more(o);
    }
}

struct tick view_deadline(const struct overlay *o) {
    struct tick due = tick_earliest(o->dial_at, o->shuffle_at);
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &o->links[i];
        if (link->no == 0) {
            continue;
        }
        if (link->state == LINK_STATE_OPEN) {
            due = tick_earliest(due, tick_earliest(link->ping_at, link->renew_at));
            due = tick_earliest(due, tick_add(link->heard, (struct duration){DEAD_AFTER_MS}));
        } else {
            due = tick_earliest(due, tick_add(link->since, (struct duration){ANSWER_MS}));
        }
    }
    return due;
}

struct tick view_next_ping(const struct overlay *o) {
    return tick_add(o->now.mono, (struct duration){KEEP_ALIVE_MS});
}

void view_close(struct overlay *o, struct link *link, enum overlay_end why) {
    overlay_act(o, OVERLAY_ACT_CLOSE, link);
    o->out->list[o->out->count - 1].why = why;
    lose(o, link, why);
}

/* What is left of a link, whoever ended it. */
static void lose(struct overlay *o, struct link *link, enum overlay_end why) {
    peer_no peer = link->peer;
    bool open = link->state == LINK_STATE_OPEN;
    bool dialled = link->dialled;
    bool twin = why == OVERLAY_END_TWICE;
    if (open && !twin) {
        remember_end(o, link, why);
    }
    if (open) {
        o->counts.links_lost++;
        tree_link_lost(o, link, !twin && (link->eager || why == OVERLAY_END_DEAD));
    } else {
        o->counts.refused++;
    }
    catch_up_link_lost(link);
    *link = (struct link){0};
    if (overlay_open_links(o) == 0) {
        o->shuffle_at = TICK_NEVER;
        o->sync_at = TICK_NEVER;
    }
    if (twin || why == OVERLAY_END_REMOVED) {
        return;
    }
    if (why == OVERLAY_END_DEAD || why == OVERLAY_END_CUT) {
        has_failed(o, peer);
    } else if (why != OVERLAY_END_FAULT) { /* it lives */
        learn_passive(o, peer, 0);
        put_off(o, peer, why == OVERLAY_END_GROUP ? GROUP_S : open || dialled ? REFUSED_S : 1);
    }
    o->dial_at = tick_earliest(o->dial_at, open ? overlay_after(o, DIAL_AGAIN_MS) : o->now.mono);
}

static void remember_end(struct overlay *o, const struct link *link, enum overlay_end why) {
    o->gone[o->next_gone] = (struct gone){link->peer, why, link->since, o->now.mono};
    o->next_gone = (uint8_t)((o->next_gone + 1) % OVERLAY_GONE_MAX);
    o->gone_count += o->gone_count < OVERLAY_GONE_MAX ? 1 : 0;
}

/* ---- opening ---- */

static void take_neighbour(struct overlay *o, struct link *link, enum neighbour_wish wish) {
    if (link->state == LINK_STATE_ASKED) {
        be_answered(o, link);
        return;
    }
    if (link->state == LINK_STATE_OPEN || !settle_twins(o, link)) {
        return;
    }
    if (overlay_link_to(o, link->peer, LINK_STATE_OPEN) == NULL) {
        if (group_is_full(o, link)) {
            view_close(o, link, OVERLAY_END_GROUP);
            return;
        }
        if (!make_room(o, link, wish)) {
            view_close(o, link, OVERLAY_END_FULL);
            return;
        }
    }
    open_link(o, link);
    overlay_send(o, link, LINK_NEIGHBOUR)->as.neighbour.wish = NEIGHBOUR_MORE;
    if (wish == NEIGHBOUR_NEW) {
        start_walks(o, link);
    }
}

static void be_answered(struct overlay *o, struct link *link) {
    bool again = overlay_link_to(o, link->peer, LINK_STATE_OPEN) != NULL;
    if (!again && group_is_full(o, link)) {
        view_close(o, link, OVERLAY_END_GROUP);
        return;
    }
    if (!again && link->wish == NEIGHBOUR_SWAP && overlay_open_links(o) >= OVERLAY_LINKS_WANTED) {
        struct link *victim = choose_victim(o, true);
        if (victim != NULL) {
            view_close(o, victim, OVERLAY_END_SWAPPED);
        }
    }
    if (!again && overlay_open_links(o) >= OVERLAY_LINKS_MAX) {
        view_close(o, link, OVERLAY_END_FULL);
        return;
    }
    link->renew_at = tick_add(o->now.mono, (struct duration){RENEW_MS});
    has_met(o, link->peer);
    open_link(o, link);
}

/* Another link to the same peer. One that stood for a while is replaced: the peer has lost it, or
 * makes it anew. Of two that have crossed each end keeps the same one. */
static bool settle_twins(struct overlay *o, struct link *link) {
    struct link *asked = overlay_link_to(o, link->peer, LINK_STATE_ASKED);
    struct link *open = overlay_link_to(o, link->peer, LINK_STATE_OPEN);
    struct id self = o->members->id(o->members->context, o->self);
    struct id peer = o->members->id(o->members->context, link->peer);
    bool ours = id_compare(&self, &peer) < 0;
    bool young = open != NULL && open->dialled &&
                 !tick_reached(o->now.mono, tick_add(open->since, (struct duration){SETTLED_MS}));
    if (ours && (asked != NULL || young)) {
        view_close(o, link, OVERLAY_END_TWICE);
        return false;
    }
    if (asked != NULL) {
        view_close(o, asked, OVERLAY_END_TWICE);
    }
    return true;
}

static void open_link(struct overlay *o, struct link *link) {
    struct link *before = overlay_link_to(o, link->peer, LINK_STATE_OPEN);
    if (before != NULL) {
        view_close(o, before, OVERLAY_END_TWICE);
    }
    link->state = LINK_STATE_OPEN;
    link->since = o->now.mono;
    o->counts.links_up++;
    o->had_links = true;
    forget_named(o, link->peer);
    if (o->shuffle_at.ms == TICK_NEVER.ms) {
        o->shuffle_at = overlay_after(o, SHUFFLE_FIRST_MS);
    }
    tree_link_open(o, link);
    catch_up_link_open(o, link);
    ASSERT(overlay_open_links(o) <= OVERLAY_LINKS_MAX);
}

static bool make_room(struct overlay *o, const struct link *link, enum neighbour_wish wish) {
    size_t open = 0;
    size_t inbound = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *other = &o->links[i];
        if (other->no != 0 && other != link && other->state == LINK_STATE_OPEN) {
            open++;
            inbound += other->dialled ? 0 : 1;
        }
    }
    bool few = o->book_count <= OVERLAY_LINKS_MAX; /* members: all may be linked with all */
    if (open < OVERLAY_LINKS_MAX && (few || inbound < OVERLAY_LINKS_MAX - OVERLAY_DIALLED_FEW)) {
        return true;
    }
    if (wish == NEIGHBOUR_MORE || !afford_room(o)) {
        return false;
    }
    struct link *victim = choose_victim(o, false);
    if (victim == NULL) {
        return false;
    }
    view_close(o, victim, OVERLAY_END_FULL);
    return true;
}

static bool afford_room(struct overlay *o) {
    while (o->room < ROOM_BURST && tick_reached(o->now.mono, o->room_at)) {
        o->room++;
        o->room_at = tick_add(o->room_at, (struct duration){ROOM_EVERY_MS});
    }
    if (o->room == ROOM_BURST) {
        o->room_at = tick_add(o->now.mono, (struct duration){ROOM_EVERY_MS});
    }
    if (o->room == 0) {
        return false;
    }
    o->room--;
    return true;
}

/* A random open one of those that we dialled, anchors apart, or that others did. */
static struct link *choose_victim(struct overlay *o, bool dialled) {
    struct link *victim = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || link->state != LINK_STATE_OPEN || link->dialled != dialled) {
            continue;
        }
        const struct known *known = find_known(o, link->peer);
        if (!(dialled && known != NULL && known->anchor) && overlay_draw(o) % ++seen == 0) {
            victim = link;
        }
    }
    return victim;
}

static bool group_is_full(const struct overlay *o, const struct link *link) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *other = &o->links[i];
        count += other->no != 0 && other->state == LINK_STATE_OPEN && other->group == link->group;
    }
    return link->group != 0 && count >= OVERLAY_GROUP_MAX;
}

/* ---- walks and shuffles ---- */

/* Each of our other links carries the newcomer on. */
static void start_walks(struct overlay *o, const struct link *joiner) {
    if (!afford_room(o)) {
        return; /* newcomers by the dozen: they find others by themselves */
    }
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no != 0 && link != joiner && link->state == LINK_STATE_OPEN) {
            struct link_message *walk = overlay_send(o, link, LINK_WALK);
            walk->as.walk.peer = o->members->id(o->members->context, joiner->peer);
            walk->as.walk.left = LINK_WALK_MAX;
        }
    }
}

static void take_walk(struct overlay *o, struct link *from, const struct link_message *message) {
    peer_no peer = o->members->find(o->members->context, &message->as.walk.peer);
    struct link *next = random_link(o, from);
    o->counts.walks++;
    if (peer == OVERLAY_NOBODY || peer == o->self) {
        return;
    }
    if (message->as.walk.left == 0 || next == NULL) {
        learn_passive(o, peer, 0);
        if (overlay_open_links(o) + dialling(o) < OVERLAY_LINKS_MAX && may_dial(o, peer, 0)) {
            dial(o, peer, NEIGHBOUR_MORE);
        }
        return;
    }
    if (message->as.walk.left == WALK_PASSIVE) {
        learn_passive(o, peer, 0);
    }
    struct link_message *walk = overlay_send(o, next, LINK_WALK);
    walk->as.walk = message->as.walk;
    walk->as.walk.left--;
}

static void take_shuffle(struct overlay *o, struct link *from, const struct link_message *message) {
    struct link *next = message->as.shuffle.left == 0 ? NULL : random_link(o, from);
    if (next != NULL) {
        o->routes[o->next_route] = (struct route){message->as.shuffle.nonce, from->no};
        o->next_route = (uint8_t)((o->next_route + 1) % OVERLAY_ROUTES_MAX);
        struct link_message *passed = overlay_send(o, next, LINK_SHUFFLE);
        passed->as.shuffle = message->as.shuffle;
        passed->as.shuffle.left--;
        return;
    }
    struct link_message *answer = overlay_send(o, from, LINK_SHUFFLED);
    answer->as.shuffle.nonce = message->as.shuffle.nonce;
    list_peers(o, answer, true, OVERLAY_NOBODY);
    learn_listed(o, message);
}

/* Back the way that the question came, once. */
static void take_shuffled(struct overlay *o, struct link *from,
                          const struct link_message *message) {
    for (size_t i = 0; i < OVERLAY_ROUTES_MAX; i++) {
        struct route *route = &o->routes[i];
        if (route->nonce != message->as.shuffle.nonce || route->nonce == 0) {
            continue;
        }
        link_no back = route->from;
        *route = (struct route){0};
        struct link *link = back == 0 ? NULL : overlay_find_link(o, back);
        if (back == 0) {
            learn_listed(o, message);
        } else if (link != NULL && link != from && link->state == LINK_STATE_OPEN) {
            overlay_send(o, link, LINK_SHUFFLED)->as.shuffle = message->as.shuffle;
        }
        return;
    }
}

static void shuffle(struct overlay *o) {
    struct link *link = random_link(o, NULL);
    o->shuffle_at =
        o->counts.shuffles < SHUFFLES_FIRST
            ? overlay_after(o, SHUFFLE_FIRST_MS)
            : tick_add(o->now.mono, (struct duration){SHUFFLE_MS + (int64_t)(overlay_draw(o) %
                                                                             SHUFFLE_SPREAD_MS)});
    if (link == NULL) {
        return;
    }
    o->counts.shuffles++;
    struct link_message *message = overlay_send(o, link, LINK_SHUFFLE);
    message->as.shuffle.nonce = overlay_draw(o) | 1;
    message->as.shuffle.left = LINK_WALK_MAX;
    list_peers(o, message, true, link->peer);
    o->routes[o->next_route] = (struct route){message->as.shuffle.nonce, 0};
    o->next_route = (uint8_t)((o->next_route + 1) % OVERLAY_ROUTES_MAX);
}

/* Halves that have lost each other know nobody of the other half but by the book. */
static void swap_link(struct overlay *o) {
    peer_no peer = choose_book(o);
    if (peer != OVERLAY_NOBODY && overlay_open_links(o) >= OVERLAY_LINKS_WANTED) {
        o->counts.swaps++;
        dial(o, peer, NEIGHBOUR_SWAP);
    }
}

static void list_peers(struct overlay *o, struct link_message *message, bool ourselves,
                       peer_no besides) {
    if (ourselves) {
        add_peer(o, message, o->self);
    }
    size_t start = overlay_draw(o) % OVERLAY_SLOTS;
    for (size_t i = 0; i < OVERLAY_SLOTS && message->as.shuffle.count < 1 + SHUFFLE_OPEN; i++) {
        const struct link *link = &o->links[(start + i) % OVERLAY_SLOTS];
        if (link->no != 0 && link->state == LINK_STATE_OPEN && link->peer != besides) {
            add_peer(o, message, link->peer);
        }
    }
    start = o->passive_count == 0 ? 0 : overlay_draw(o) % o->passive_count;
    for (size_t i = 0; i < o->passive_count && message->as.shuffle.count < LINK_PEERS_MAX; i++) {
        add_peer(o, message, o->passive[(start + i) % o->passive_count].peer);
    }
}

static void add_peer(struct overlay *o, struct link_message *message, peer_no peer) {
    message->as.shuffle.peers[message->as.shuffle.count++] =
        o->members->id(o->members->context, peer);
}

static void learn_listed(struct overlay *o, const struct link_message *message) {
    for (size_t i = 0; i < message->as.shuffle.count; i++) {
        peer_no peer = o->members->find(o->members->context, &message->as.shuffle.peers[i]);
        if (peer != OVERLAY_NOBODY) {
            learn_passive(o, peer, 0);
        }
    }
}

static struct link *random_link(struct overlay *o, const struct link *besides) {
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

/* ---- what we know of others ---- */

/* While the book is full, each member that the driver names has the same chance of a place. */
static void learn_book(struct overlay *o, const struct overlay_event *event) {
    struct known *known = NULL;
    o->peers_seen++;
    if (o->book_count < OVERLAY_BOOK_MAX) {
        known = &o->book[o->book_count++];
    } else if (event->anchor || event->met || overlay_draw(o) % o->peers_seen < OVERLAY_BOOK_MAX) {
        known = place_in_book(o);
    }
    if (known != NULL) {
        *known = (struct known){.peer = event->peer,
                                .anchor = event->anchor,
                                .met = event->met && o->met_count < OVERLAY_BOOK_MET_MAX};
        o->met_count += known->met ? 1 : 0;
    }
}

/* A random entry gives way that we have not met, or the last resort. */
static struct known *place_in_book(struct overlay *o) {
    size_t start = overlay_draw(o) % o->book_count;
    for (size_t i = 0; i < o->book_count; i++) {
        struct known *known = &o->book[(start + i) % o->book_count];
        if (!known->met && !known->anchor) {
            return known;
        }
    }
    return NULL;
}

/* While it is full, a random one gives way. */
static void learn_passive(struct overlay *o, peer_no peer, uint32_t not_before) {
    if (peer == o->self || overlay_link_to(o, peer, LINK_STATE_OPEN) != NULL ||
        find_named(o, peer) != NULL || score_is_shunned(o, peer)) {
        return;
    }
    struct named *named = o->passive_count < OVERLAY_PASSIVE_MAX
                              ? &o->passive[o->passive_count++]
                              : &o->passive[overlay_draw(o) % OVERLAY_PASSIVE_MAX];
    *named = (struct named){peer, not_before};
    if (o->book_count < OVERLAY_BOOK_MAX && find_known(o, peer) == NULL) {
        o->book[o->book_count++] = (struct known){.peer = peer};
    }
    if (overlay_open_links(o) < OVERLAY_LINKS_WANTED) {
        o->dial_at = tick_earliest(o->dial_at, overlay_after(o, DIAL_AGAIN_MS));
    }
}

static struct known *find_known(struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < o->book_count; i++) {
        if (o->book[i].peer == peer) {
            return &o->book[i];
        }
    }
    return NULL;
}

static struct named *find_named(struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < o->passive_count; i++) {
        if (o->passive[i].peer == peer) {
            return &o->passive[i];
        }
    }
    return NULL;
}

static void forget_named(struct overlay *o, peer_no peer) {
    struct named *named = find_named(o, peer);
    if (named != NULL) {
        *named = o->passive[--o->passive_count];
    }
}

static void put_off(struct overlay *o, peer_no peer, uint32_t wait) {
    struct named *named = find_named(o, peer);
    struct known *known = find_known(o, peer);
    if (named != NULL) {
        named->not_before = seconds(o) + wait;
    }
    if (known != NULL) {
        known->not_before = seconds(o) + wait;
    }
}

/* Nobody is forgotten for that: a home may be off for weeks. */
static void has_failed(struct overlay *o, peer_no peer) {
    struct known *known = find_known(o, peer);
    forget_named(o, peer);
    if (known != NULL) {
        int64_t wait = DIAL_FIRST_MS;
        for (unsigned i = 0; i < known->failures && wait < DIAL_LAST_MS; i++) {
            wait *= 2;
        }
        wait = wait < DIAL_LAST_MS ? wait : DIAL_LAST_MS;
        wait += (int64_t)(overlay_draw(o) % (uint64_t)wait);
        known->not_before = seconds(o) + (uint32_t)((wait + 999) / 1000);
        known->failures = (uint8_t)(known->failures < UINT8_MAX ? known->failures + 1 : UINT8_MAX);
    }
}

static void has_met(struct overlay *o, peer_no peer) {
    struct known *known = find_known(o, peer);
    if (known == NULL) {
        known = o->book_count < OVERLAY_BOOK_MAX ? &o->book[o->book_count++] : place_in_book(o);
        if (known == NULL) {
            return;
        }
        *known = (struct known){.peer = peer};
    }
    known->failures = 0;
    known->not_before = 0;
    if (!known->met && o->met_count < OVERLAY_BOOK_MET_MAX) {
        known->met = true;
        o->met_count++;
    }
}

/* The links that we dialled and have had longest. */
static void choose_anchors(struct overlay *o) {
    struct tick old = {o->now.mono.ms - ANCHOR_AGE_MS};
    struct tick last = {INT64_MIN};
    bool any = false;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &o->links[i];
        any |= link->no != 0 && link->state == LINK_STATE_OPEN && link->dialled &&
               tick_reached(old, link->since);
    }
    if (!any) {
        return; /* those from before the restart stay */
    }
    for (size_t i = 0; i < o->book_count; i++) {
        o->book[i].anchor = false;
    }
    for (size_t n = 0; n < OVERLAY_ANCHORS_MAX; n++) {
        const struct link *oldest = NULL;
        for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
            const struct link *link = &o->links[i];
            struct known *known = link->no == 0 ? NULL : find_known(o, link->peer);
            if (known != NULL && !known->anchor && link->state == LINK_STATE_OPEN &&
                link->dialled && tick_reached(old, link->since) && link->since.ms >= last.ms &&
                (oldest == NULL || link->since.ms < oldest->since.ms)) {
                oldest = link;
            }
        }
        if (oldest == NULL) {
            return;
        }
        last = oldest->since;
        find_known(o, oldest->peer)->anchor = true;
    }
}

/* ---- dialling ---- */

static void dial_more(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        if (o->dials[i].give_up <= seconds(o)) {
            o->dials[i].peer = OVERLAY_NOBODY;
        }
    }
    size_t lacking = links_lacking(o);
    o->dial_at = TICK_NEVER;
    while (lacking > 0 && dialling(o) < OVERLAY_DIALS_MAX && overlay_room_for(o, 2)) {
        peer_no peer = choose(o);
        if (peer == OVERLAY_NOBODY) {
            break;
        }
        size_t open = overlay_open_links(o);
        dial(o, peer, open > 0 ? NEIGHBOUR_MORE : o->had_links ? NEIGHBOUR_NONE : NEIGHBOUR_NEW);
        lacking--;
    }
    if (lacking > 0) {
        o->dial_at =
            dialling(o) == OVERLAY_DIALS_MAX ? overlay_after(o, DIAL_AGAIN_MS) : next_chance(o);
    }
}

/* So many dials more. While there are few links twice as many are tried as are wanted: most of
 * whom we know may be gone. */
static size_t links_lacking(struct overlay *o) {
    size_t open = 0;
    size_t ours = 0;
    size_t waiting = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *link = &o->links[i];
        if (link->no != 0) {
            open += link->state == LINK_STATE_OPEN ? 1 : 0;
            ours += link->state == LINK_STATE_OPEN && link->dialled ? 1 : 0;
            waiting += link->state == LINK_STATE_ASKED ? 1 : 0;
        }
    }
    size_t wanted = open < OVERLAY_LINKS_WANTED ? OVERLAY_LINKS_WANTED - open : 0;
    if (ours < OVERLAY_DIALLED_FEW && wanted < OVERLAY_DIALLED_FEW - ours &&
        o->book_count > OVERLAY_LINKS_MAX && open < OVERLAY_LINKS_MAX) {
        wanted = 1;
    }
    wanted *= open < OVERLAY_LINKS_FEW ? 2 : 1;
    waiting += dialling(o);
    return wanted > waiting ? wanted - waiting : 0;
}

/* Anchors, then from the passive view or the book with the same chance: shuffles fill the one, and
 * whoever shuffles most would have all of it. */
static peer_no choose(struct overlay *o) {
    peer_no peer = choose_anchor(o);
    if (peer != OVERLAY_NOBODY) {
        return peer;
    }
    bool book = overlay_draw(o) % 2 == 0;
    peer = book ? choose_book(o) : choose_passive(o);
    if (peer != OVERLAY_NOBODY) {
        return peer;
    }
    return book ? choose_passive(o) : choose_book(o);
}

static peer_no choose_anchor(struct overlay *o) {
    for (size_t i = 0; i < o->book_count; i++) {
        const struct known *known = &o->book[i];
        if (known->anchor && may_dial(o, known->peer, known->not_before)) {
            return known->peer;
        }
    }
    return OVERLAY_NOBODY;
}

static peer_no choose_passive(struct overlay *o) {
    size_t start = o->passive_count == 0 ? 0 : overlay_draw(o) % o->passive_count;
    for (size_t i = 0; i < o->passive_count; i++) {
        const struct named *named = &o->passive[(start + i) % o->passive_count];
        if (may_dial(o, named->peer, named->not_before)) {
            return named->peer;
        }
    }
    return OVERLAY_NOBODY;
}

static peer_no choose_book(struct overlay *o) {
    size_t start = o->book_count == 0 ? 0 : overlay_draw(o) % o->book_count;
    for (size_t i = 0; i < o->book_count; i++) {
        const struct known *known = &o->book[(start + i) % o->book_count];
        if (may_dial(o, known->peer, known->not_before)) {
            return known->peer;
        }
    }
    return OVERLAY_NOBODY;
}

static bool may_dial(struct overlay *o, peer_no peer, uint32_t not_before) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no != 0 && o->links[i].peer == peer) {
            return false;
        }
    }
    const struct known *known = find_known(o, peer);
    return not_before <= seconds(o) && (known == NULL || known->not_before <= seconds(o)) &&
           find_dial(o, peer) == NULL && !score_is_shunned(o, peer);
}

/* When there may be somebody to dial again. */
static struct tick next_chance(struct overlay *o) {
    uint32_t soonest = UINT32_MAX;
    for (size_t i = 0; i < o->book_count; i++) {
        const struct known *known = &o->book[i];
        if (known->not_before > seconds(o) && known->not_before < soonest) {
            soonest = known->not_before;
        }
    }
    for (size_t i = 0; i < o->passive_count; i++) {
        const struct named *named = &o->passive[i];
        if (named->not_before > seconds(o) && named->not_before < soonest) {
            soonest = named->not_before;
        }
    }
    return soonest == UINT32_MAX ? TICK_NEVER : (struct tick){(int64_t)soonest * 1000};
}

static void dial(struct overlay *o, peer_no peer, enum neighbour_wish wish) {
    struct dial *wait = find_dial(o, OVERLAY_NOBODY);
    if (wait == NULL || !overlay_room_for(o, 1)) {
        return;
    }
    *wait = (struct dial){peer, wish, seconds(o) + DIAL_GIVEN_UP_S};
    o->counts.dials++;
    overlay_act(o, OVERLAY_ACT_DIAL, NULL);
    o->out->list[o->out->count - 1].peer = peer;
}

static struct dial *find_dial(struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        if (o->dials[i].peer == peer) {
            return &o->dials[i];
        }
    }
    return NULL;
}

static size_t dialling(const struct overlay *o) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        count += o->dials[i].peer != OVERLAY_NOBODY ? 1 : 0;
    }
    return count;
}

/* ---- time ---- */

static void tick_link(struct overlay *o, struct link *link) {
    if (!overlay_room_for(o, 2 * OVERLAY_SLOTS)) {
        return; /* still due: the driver ticks again */
    }
    if (link->state != LINK_STATE_OPEN) {
        if (tick_reached(o->now.mono, tick_add(link->since, (struct duration){ANSWER_MS}))) {
            view_close(o, link, OVERLAY_END_DEAD);
        }
        return;
    }
    if (tick_reached(o->now.mono, tick_add(link->heard, (struct duration){DEAD_AFTER_MS}))) {
        view_close(o, link, OVERLAY_END_DEAD);
        return;
    }
    if (tick_reached(o->now.mono, link->renew_at)) { /* when it stands, it takes this one's place */
        link->renew_at = tick_add(o->now.mono, (struct duration){RENEW_AGAIN_MS});
        if (find_dial(o, link->peer) == NULL) {
            dial(o, link->peer, NEIGHBOUR_MORE);
        }
    }
    if (tick_reached(o->now.mono, link->ping_at)) {
        overlay_act(o, OVERLAY_ACT_PING, link);
        link->ping_at = view_next_ping(o);
    }
}

static uint32_t seconds(const struct overlay *o) {
    return (uint32_t)(o->now.mono.ms / 1000);
}
