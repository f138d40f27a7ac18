/* Walks and shuffles: how members get to know each other (PROTOCOL 5.1). */
#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    SHUFFLE_MS = 54 * 1000, /* to 66 */
    SHUFFLE_SPREAD_MS = 12 * 1000,
    SHUFFLE_FIRST_MS = 5 * 1000, /* to twice that, the first times */
    SHUFFLES_FIRST = 6,
    SHUFFLE_OPEN = 3, /* of our links in a SHUFFLE; the rest is passive */
    WALK_PASSIVE = 3, /* left when a walk is put into the passive view */
};

static void take_walk(struct overlay *o, struct link *from, const struct link_message *message);
static void take_shuffle(struct overlay *o, struct link *from, const struct link_message *message);
static void take_shuffled(struct overlay *o, struct link *from, const struct link_message *message);
static void list_peers(struct overlay *o, struct link_message *message, bool ourselves,
                       peer_no besides);
static void add_peer(struct overlay *o, struct link_message *message, peer_no peer);
static void learn_listed(struct overlay *o, const struct link_message *message);

/* Each of our other links carries the newcomer on. */
void walk_start(struct overlay *o, const struct link *joiner) {
    if (!view_afford_room(o)) {
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

void walk_message(struct overlay *o, struct link *link, const struct link_message *message) {
    if (message->kind == LINK_WALK) {
        take_walk(o, link, message);
    } else if (message->kind == LINK_SHUFFLE) {
        take_shuffle(o, link, message);
    } else {
        ASSERT(message->kind == LINK_SHUFFLED);
        take_shuffled(o, link, message);
    }
}

void walk_shuffle(struct overlay *o) {
    struct link *link = overlay_random_link(o, NULL);
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

static void take_walk(struct overlay *o, struct link *from, const struct link_message *message) {
    peer_no peer = o->members->find(o->members->context, &message->as.walk.peer);
    struct link *next = overlay_random_link(o, from);
    o->counts.walks++;
    if (peer == OVERLAY_NOBODY || peer == o->self) {
        return;
    }
    if (message->as.walk.left == 0 || next == NULL) {
        book_name(o, peer);
        if (overlay_open_links(o) + view_dialling(o) < OVERLAY_LINKS_MAX &&
            book_may_dial(o, peer) && view_afford_room(o)) {
            view_dial(o, peer, NEIGHBOUR_MORE);
        }
        return;
    }
    if (message->as.walk.left == WALK_PASSIVE) {
        book_name(o, peer);
    }
    struct link_message *walk = overlay_send(o, next, LINK_WALK);
    walk->as.walk = message->as.walk;
    walk->as.walk.left--;
}

static void take_shuffle(struct overlay *o, struct link *from, const struct link_message *message) {
    struct link *next = message->as.shuffle.left == 0 ? NULL : overlay_random_link(o, from);
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
            book_name(o, peer);
        }
    }
}
