/* Invariants:
 *  1. A flood pushes out itself: the place that one who comes takes from another is that of one who
 *     came and is half-open, or of its own share.
 *  2. No open link goes from here but by core_close(), so that those who use it hear of it. */
#include "node/core/links.h"

#include <assert.h>

#include "node/core/parts.h"

/* Do both take from the same share? */
typedef bool links_alike(const struct core *core, const struct link *a, const struct link *b);

static enum err keep_newest(struct core *core, const struct link *link, links_alike *alike,
                            size_t most);
static size_t count_alike(const struct core *core, const struct link *link, links_alike *alike,
                          bool of_its_key);
static bool is_open_inbound(const struct link *link);
static bool of_one(const struct core *core, const struct link *a, const struct link *b);
static bool both_guests(const struct core *core, const struct link *a, const struct link *b);
static bool is_guest(const struct core *core, const struct link *link);
static bool both_passing(const struct core *core, const struct link *a, const struct link *b);
static bool is_passing(const struct link *link);
static bool both_outside(const struct core *core, const struct link *a, const struct link *b);
static bool is_outside(const struct link *link);
static struct link *give_way(struct core *core);
static struct tick deadline_of(const struct link *link);

/* Of the places for links that come to this home. What is in none of them has a bound of its own:
 * the overlay's places, clips that come, codes that are out, this home's other nodes, and who was
 * let in by an invite of its own. */
static const struct {
    links_alike *alike;
    size_t most;
} shares[] = {{of_one, INBOUND_OF_ONE},
              {both_guests, GUESTS_MAX},
              {both_passing, PASSING_MAX},
              {both_outside, OUTSIDE_LINKS_MAX}};
static_assert(OVERLAY_DIALS_MAX + TRANSFER_SENDS_MAX <= CORE_LINKS_MAX - INBOUND_MAX,
              "nobody who comes keeps this home from dialling");
static_assert(OVERLAY_SLOTS + GUESTS_MAX + PASSING_MAX + OUTSIDE_LINKS_MAX + TRANSFER_RECEIVES_MAX +
                      SPOKEN_MAX <
                  INBOUND_MAX,
              "all of them full leave a place to come by");

struct link *links_find(struct core *core, uint64_t no) {
    for (size_t i = 0; no != 0 && i < CORE_LINKS_MAX; i++) {
        if (core->links[i].no == no) {
            return &core->links[i];
        }
    }
    return NULL;
}

/* When those that came to us, or the half-open ones among them, take more than their share, the
 * oldest half-open one gives way: a flood pushes out itself, and leaves this home what it dials. */
struct link *links_add_inbound(struct core *core, uint64_t no) {
    size_t inbound = 0;
    size_t half_open = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &core->links[i];
        if (link->no != 0 && link->purpose == PURPOSE_IN) {
            inbound++;
            half_open += link->state == LINK_HANDSHAKE ? 1 : 0;
        }
    }
    bool fits = inbound < INBOUND_MAX && half_open < CORE_HALF_OPEN_MAX;
    return fits || give_way(core) != NULL ? links_add(core, no) : NULL;
}

struct link *links_add(struct core *core, uint64_t no) {
    struct link *slot = NULL;
    for (size_t i = 0; slot == NULL && i < CORE_LINKS_MAX; i++) {
        slot = core->links[i].no == 0 ? &core->links[i] : NULL;
    }
    slot = slot == NULL ? give_way(core) : slot;
    if (slot != NULL) {
        *slot = (struct link){.no = no, .opened = core->now.mono, .heard = core->now.mono};
        buffer_init(&slot->manifest, SEALED_MANIFEST_MAX);
        buffer_init(&slot->vouch, TRANSPORT_DATA_MAX);
        buffer_init(&slot->shown, CHAIN_PARTS_MAX * (SIGNED_GOSSIP_MAX + 4));
    }
    return slot;
}

void links_free(struct link *link) {
    transport_destroy(link->transport);
    buffer_finish(&link->manifest);
    buffer_finish(&link->vouch);
    buffer_finish(&link->shown);
    *link = (struct link){0};
}

enum err links_share(struct core *core, const struct link *link) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && link->no != 0 && i < COUNT_OF(shares); i++) {
        err = keep_newest(core, link, shares[i].alike, shares[i].most);
    }
    return err;
}

struct tick links_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &core->links[i];
        if (link->no != 0) {
            due = tick_earliest(due, deadline_of(link));
        }
    }
    return due;
}

enum err links_expire(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; i < CORE_LINKS_MAX && err == ERR_OK; i++) {
        struct link *link = &core->links[i];
        if (link->no == 0) {
            continue;
        }
        struct tick due = deadline_of(link);
        if (tick_reached(core->now.mono, due)) {
            err = core_close(core, link, NULL);
        }
    }
    return err;
}

/* ---- who gives way ---- */

/* Of those that are as this one, it counted: of the key that has most of them the one that has
 * stood longest gives way. So whoever comes again and again takes none from who came once. */
static enum err keep_newest(struct core *core, const struct link *link, links_alike *alike,
                            size_t most) {
    enum err err = ERR_OK;
    while (err == ERR_OK && link->no != 0 && count_alike(core, link, alike, false) > most) {
        struct link *gives_way = NULL;
        size_t most_of_one = 0;
        for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
            struct link *other = &core->links[i];
            if (other == link || !is_open_inbound(other) || !alike(core, link, other)) {
                continue;
            }
            size_t of_one_key = count_alike(core, other, alike, true);
            bool older = gives_way == NULL || other->since.ms < gives_way->since.ms ||
                         (other->since.ms == gives_way->since.ms && other->no < gives_way->no);
            if (of_one_key > most_of_one || (of_one_key == most_of_one && older)) {
                most_of_one = of_one_key;
                gives_way = other;
            }
        }
        err = core_close(core, gives_way, NULL);
    }
    return err;
}

/* It counted. */
static size_t count_alike(const struct core *core, const struct link *link, links_alike *alike,
                          bool of_its_key) {
    size_t count = 1;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *other = &core->links[i];
        count += other != link && is_open_inbound(other) && alike(core, link, other) &&
                         (!of_its_key || box_public_equal(&link->peer_static, &other->peer_static))
                     ? 1
                     : 0;
    }
    return count;
}

static bool is_open_inbound(const struct link *link) {
    return link->no != 0 && link->state == LINK_OPEN && link->purpose == PURPOSE_IN;
}

/* The newest stays: one that broke may still look alive here, and nobody else has this key. Several
 * clips of one home may come at once, each over a link of its own. */
static bool of_one(const struct core *core, const struct link *a, const struct link *b) {
    (void)core;
    return a->door == b->door && a->door != TRANSPORT_DELIVERY &&
           box_public_equal(&a->peer_static, &b->peer_static);
}

/* Guests may come under as many keys as they like. An honest one says what it wants right behind
 * its handshake, so that a flood pushes out itself. */
static bool both_guests(const struct core *core, const struct link *a, const struct link *b) {
    return is_guest(core, a) && is_guest(core, b);
}

static bool is_guest(const struct core *core, const struct link *link) {
    struct id grant;
    bool held = false;
    switch (link->door) {
    case TRANSPORT_JOIN:
        return !link->spoken;
    case TRANSPORT_MEET:
        return !link->compares && !link->spoken;
    case TRANSPORT_DELIVERY:
        return !transfer_receiving(core->transfer, link->no, &grant, &held);
    case TRANSPORT_MEMBER:
    case TRANSPORT_CATCH_UP:
    case TRANSPORT_OUTSIDER:
    case TRANSPORT_SIBLING:
        return false;
    }
    return false;
}

/* Members that come by for a minute. */
static bool both_passing(const struct core *core, const struct link *a, const struct link *b) {
    (void)core;
    return is_passing(a) && is_passing(b);
}

static bool is_passing(const struct link *link) {
    return link->door == TRANSPORT_CATCH_UP || (link->door == TRANSPORT_MEET && link->compares);
}

static bool both_outside(const struct core *core, const struct link *a, const struct link *b) {
    (void)core;
    return is_outside(a) && is_outside(b);
}

static bool is_outside(const struct link *link) {
    return link->state == LINK_OPEN && link->door == TRANSPORT_OUTSIDER;
}

/* The place of the oldest half-open inbound link; NULL when there is none. Those of whom a good
 * first message has come give way last, so that strangers cannot push out a member that is in the
 * middle of its handshake. */
static struct link *give_way(struct core *core) {
    struct link *oldest = NULL;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->state == LINK_HANDSHAKE && link->purpose == PURPOSE_IN) {
            bool older = oldest == NULL ||
                         (link->proved == oldest->proved ? link->no < oldest->no : !link->proved);
            oldest = older ? link : oldest;
        }
    }
    if (oldest == NULL ||
        core_effect(core, &(struct core_effect){.kind = CORE_DO_CLOSE, .link = oldest->no},
                    (struct bytes){NULL, 0}) != ERR_OK) {
        return NULL;
    }
    links_free(oldest);
    return oldest;
}

/* ---- time ---- */

/* When a link has had its time. Members are kept alive by pings; who came through another door and
 * says nothing would hold a slot for ever, and so would who says a byte now and then where there is
 * little to say. */
static struct tick deadline_of(const struct link *link) {
    if (link->state != LINK_OPEN) { /* an open port costs a scanner more than us */
        int64_t most = link->purpose == PURPOSE_IN ? TRANSPORT_HANDSHAKE_MS : DIAL_TIME_MS;
        return tick_add(link->opened, (struct duration){most});
    }
    bool idles = (link->purpose == PURPOSE_IN && !link->in_overlay) || link->compares ||
                 link->door == TRANSPORT_CATCH_UP || is_outside(link);
    struct tick due = idles ? tick_add(link->heard, (struct duration){IDLE_TIME_MS}) : TICK_NEVER;
    bool is_short = link->door == TRANSPORT_JOIN || link->door == TRANSPORT_CATCH_UP ||
                    link->door == TRANSPORT_MEET;
    struct tick end = tick_add(link->opened, (struct duration){SHORT_LIFE_MS});
    return is_short ? tick_earliest(due, end) : due;
}
