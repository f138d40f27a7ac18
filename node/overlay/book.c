/* Whom we know: the passive view, members named lately, and the address book, which no run of
 * failures empties (PROTOCOL 5.1).
 *
 * Invariants:
 *  1. Neither holds ourselves; the passive view holds nobody with whom a link is open.
 *  2. At most OVERLAY_BOOK_MET_MAX entries of the book are such as we have dialled with success, so
 *     newcomers find room, and no others push those out. */
#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    DIAL_FIRST_MS = 500,
    DIAL_LAST_MS = 300 * 1000,
    ANCHOR_AGE_MS = 10 * 60 * 1000,
    FAILURES_MAX = 15,
    UNIT_S = 2, /* of known.not_before */
    NOT_BEFORE_MAX = (1 << 25) - 1,
};

static uint32_t sooner(const struct overlay *o, uint32_t soonest, peer_no peer,
                       uint32_t not_before);
static void put_off(const struct overlay *o, struct known *known, uint32_t wait_s);
static void learn_book(struct overlay *o, const struct overlay_event *event);
static struct known *place_in_book(struct overlay *o);
static struct known *find_known(struct overlay *o, peer_no peer);
static struct named *find_named(struct overlay *o, peer_no peer);
static peer_no choose_anchor(struct overlay *o);
static peer_no choose_passive(struct overlay *o);
static bool may_dial(struct overlay *o, peer_no peer, uint32_t not_before);

void book_add(struct overlay *o, const struct overlay_event *event) {
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
        book_name(o, event->peer);
    }
}

void book_remove(struct overlay *o, peer_no peer) {
    struct known *known = find_known(o, peer);
    if (known != NULL) {
        o->met_count -= known->met ? 1 : 0;
        *known = o->book[--o->book_count];
    }
    book_unname(o, peer);
}

bool book_is_anchor(struct overlay *o, peer_no peer) {
    const struct known *known = find_known(o, peer);
    return known != NULL && known->anchor;
}

/* While it is full, a random one gives way. */
void book_name(struct overlay *o, peer_no peer) {
    if (peer == o->self || overlay_link_to(o, peer, LINK_STATE_OPEN) != NULL ||
        find_named(o, peer) != NULL || score_is_shunned(o, peer)) {
        return;
    }
    struct named *named = o->passive_count < OVERLAY_PASSIVE_MAX
                              ? &o->passive[o->passive_count++]
                              : &o->passive[overlay_draw(o) % OVERLAY_PASSIVE_MAX];
    *named = (struct named){.peer = peer};
    if (o->book_count < OVERLAY_BOOK_MAX && find_known(o, peer) == NULL) {
        o->book[o->book_count++] = (struct known){.peer = peer};
    }
    view_may_have_whom_to_dial(o);
}

void book_unname(struct overlay *o, peer_no peer) {
    struct named *named = find_named(o, peer);
    if (named != NULL) {
        *named = o->passive[--o->passive_count];
    }
}

void book_put_off(struct overlay *o, peer_no peer, uint32_t wait) {
    struct named *named = find_named(o, peer);
    struct known *known = find_known(o, peer);
    if (named != NULL) {
        named->not_before = overlay_seconds(o) + wait;
    }
    if (known != NULL) {
        put_off(o, known, wait);
    }
}

/* Nobody is forgotten for that: a home may be off for weeks. */
void book_has_failed(struct overlay *o, peer_no peer) {
    struct known *known = find_known(o, peer);
    book_unname(o, peer);
    if (known != NULL) {
        int64_t wait = DIAL_FIRST_MS;
        for (unsigned i = 0; i < known->failures && wait < DIAL_LAST_MS; i++) {
            wait *= 2;
        }
        wait = wait < DIAL_LAST_MS ? wait : DIAL_LAST_MS;
        wait += (int64_t)(overlay_draw(o) % (uint64_t)wait);
        put_off(o, known, (uint32_t)((wait + 999) / 1000));
        known->failures =
            (known->failures + (known->failures < FAILURES_MAX ? 1U : 0U)) & FAILURES_MAX;
    }
}

void book_has_met(struct overlay *o, peer_no peer) {
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

void book_forgive(struct overlay *o) {
    for (size_t i = 0; i < o->book_count; i++) {
        o->book[i].failures = 0;
        o->book[i].not_before = 0;
    }
}

void book_set_brought(struct overlay *o, peer_no peer, bool brought) {
    struct known *known = find_known(o, peer);
    if (known != NULL) {
        known->brought = brought;
    }
}

bool book_has_brought(struct overlay *o, peer_no peer) {
    const struct known *known = find_known(o, peer);
    return known != NULL && known->brought;
}

/* The links that we dialled and have had longest. */
void book_choose_anchors(struct overlay *o) {
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

/* Anchors, then from the passive view or the book with the same chance: shuffles fill the one, and
 * whoever shuffles most would have all of it. */
peer_no book_choose(struct overlay *o) {
    peer_no peer = choose_anchor(o);
    if (peer != OVERLAY_NOBODY) {
        return peer;
    }
    bool book = overlay_draw(o) % 2 == 0;
    peer = book ? book_choose_old(o, false) : choose_passive(o);
    if (peer != OVERLAY_NOBODY) {
        return peer;
    }
    return book ? choose_passive(o) : book_choose_old(o, false);
}

peer_no book_choose_old(struct overlay *o, bool brought) {
    size_t start = o->book_count == 0 ? 0 : overlay_draw(o) % o->book_count;
    for (size_t i = 0; i < o->book_count; i++) {
        const struct known *known = &o->book[(start + i) % o->book_count];
        if ((known->brought || !brought) && may_dial(o, known->peer, known->not_before * UNIT_S)) {
            return known->peer;
        }
    }
    return OVERLAY_NOBODY;
}

bool book_may_dial(struct overlay *o, peer_no peer) {
    const struct named *named = find_named(o, peer);
    return may_dial(o, peer, named == NULL ? 0 : named->not_before);
}

/* When there may be somebody to dial again. */
struct tick book_next_chance(struct overlay *o) {
    uint32_t soonest = UINT32_MAX;
    for (size_t i = 0; i < o->book_count; i++) {
        soonest = sooner(o, soonest, o->book[i].peer, o->book[i].not_before * UNIT_S);
    }
    for (size_t i = 0; i < o->passive_count; i++) {
        soonest = sooner(o, soonest, o->passive[i].peer, o->passive[i].not_before);
    }
    return soonest == UINT32_MAX ? TICK_NEVER
                                 : (struct tick){o->began.ms + (int64_t)soonest * 1000};
}

/* ---- helpers ---- */

/* `soonest`, or when this one may be dialled again, if that is sooner and not past. */
static uint32_t sooner(const struct overlay *o, uint32_t soonest, peer_no peer,
                       uint32_t not_before) {
    uint32_t shunned = score_shunned_until(o, peer);
    uint32_t at = shunned > not_before ? shunned : not_before;
    return at > overlay_seconds(o) && at < soonest ? at : soonest;
}

static void put_off(const struct overlay *o, struct known *known, uint32_t wait_s) {
    uint32_t at = (overlay_seconds(o) + wait_s + UNIT_S - 1) / UNIT_S;
    known->not_before = (at < NOT_BEFORE_MAX ? at : NOT_BEFORE_MAX) & NOT_BEFORE_MAX;
}

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

static peer_no choose_anchor(struct overlay *o) {
    for (size_t i = 0; i < o->book_count; i++) {
        const struct known *known = &o->book[i];
        if (known->anchor && may_dial(o, known->peer, known->not_before * UNIT_S)) {
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

static bool may_dial(struct overlay *o, peer_no peer, uint32_t not_before) {
    const struct known *known = find_known(o, peer);
    return not_before <= overlay_seconds(o) &&
           (known == NULL || known->not_before * UNIT_S <= overlay_seconds(o)) &&
           view_may_dial(o, peer);
}
