/* Links: whom this node dials, whom it accepts, and what ends a link (PROTOCOL 5.1).
 *
 * Invariants:
 *  1. At most OVERLAY_LINKS_MAX links are open, at most one with a peer.
 *  2. Others cannot choose all our links: OVERLAY_DIALLED_FEW places are for those that we dial,
 *     unless we know so few members that all may be linked with all.
 *  3. A link that we dialled is given up only for one out of the address book, an anchor that
 *     brings objects never.
 *  4. A peer that closed a link, or did not answer, is not dialled again at once.
 *  5. Whoever dials and says nothing keeps nobody out for long: it has two slots at most, gives one
 *     of them up to whoever has none, and both when it has had its time. And none of our dials:
 *     those that others dialled leave OVERLAY_DIALLED_FEW slots, or give way. */
#include <assert.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    KEEP_ALIVE_MS = 4000,
    DEAD_AFTER_MS = 12000,
    ANSWER_MS = 10 * 1000,     /* for a NEIGHBOUR */
    RENEW_MS = 60 * 60 * 1000, /* whoever dialled makes a new link (PROTOCOL 3.5) */
    RENEW_AGAIN_MS = 5 * 60 * 1000,
    TRIES_MAX = 2,     /* links of one peer that has not said NEIGHBOUR: one may be lost */
    MEANS_MS = 2000,   /* in which whoever dialled says NEIGHBOUR, far away as it may be */
    SETTLED_MS = 2000, /* a link this old is none of two that crossed */
    DIAL_AGAIN_MS = 250,
    DIAL_REFUSED_MS = 500, /* to twice that, while there is a link at least */
    DIAL_NEW_MS = 500,     /* to twice that, after a member became known */
    REFUSED_S = 20,        /* before a peer is dialled again that had no room */
    TURNED_AWAY_S = 15,    /* less than that: who keeps to it finds no closed door */
    VAIN_FREE = 64,        /* dials without a link; then ever fewer, if we have none */
    VAIN_STEP = 8,         /* for half as many */
    VAIN_MS = 500,         /* to VAIN_LAST_MS between them */
    VAIN_LAST_MS = 32 * 1000,
    GROUP_S = 600,              /* or that lies where we have links enough */
    SHUFFLE_SOON_MS = 5 * 1000, /* to twice that, after the first link */
    TRIED_MS = 5 * 1000,        /* to bring something, before another has its chance */
    SILENT_GAPS = 8,            /* without an object: others may know more */
    SILENT_FIRST_MS = 4000,     /* at least, */
    SILENT_LAST_MS = 30 * 1000, /* and at most */
    LOOK_FIRST_MS = 8 * 1000,   /* to twice that; then each time as long again */
    LOOK_LAST_MS = 1024 * 1000,
    LOOK_CROWDED_MS = 2 * 1000, /* a dial in 2 s at most is what others can make us do */
    BRANCH_MS = 30 * 60 * 1000, /* is no link given up that the tree needs */
    KNOCK_MS = 3000,            /* for each who is turned away: somebody crowds in */
    SWAP_ONE_IN = 10,           /* shuffles */
    ROOM_BURST = 4,             /* links that we give up for others, and how often one more */
    ROOM_EVERY_MS = 15 * 1000,
    DIAL_LATE_S = 3,
    DIAL_GIVEN_UP_S = 20, /* the driver answers sooner; who comes under another name, later */
};

static_assert(OVERLAY_SLOTS > OVERLAY_LINKS_MAX + OVERLAY_DIALLED_FEW,
              "slots for our own dials, and for others");

enum proof { /* what a link is worth to us, as far as it has shown */
    PROOF_IDLE,
    PROOF_NONE,    /* yet */
    PROOF_TOLD,    /* it said what came: anybody can repeat that */
    PROOF_BROUGHT, /* its peer has, over this link or one before */
    PROOF_NEEDED,  /* and most of what comes, comes over it */
};

struct waiting {                       /* links that have not said NEIGHBOUR, and places */
    size_t taken;                      /* by open links, and by those that others dialled */
    size_t tries;                      /* of the peer in question */
    struct link *free;                 /* NULL: none, as all of these */
    struct link *own, *oldest, *twice; /* the oldest of the peer's, of all, of peers with two */
};

static struct link *take_slot(struct overlay *o, const struct overlay_event *event);
static void look_for_slot(struct overlay *o, peer_no peer, struct waiting *out);
static struct link *older(struct link *one, struct link *other);
static bool has_another_try(const struct overlay *o, const struct link *link);
static void take_neighbour(struct overlay *o, struct link *link, enum neighbour_wish wish);
static void be_answered(struct overlay *o, struct link *link);
static bool settle_twins(struct overlay *o, struct link *link);
static bool make_room(struct overlay *o, const struct link *link, enum neighbour_wish wish,
                      bool group_full);
static bool afford_room(const struct overlay *o, struct room *room);
static struct link *choose_newcomer(struct overlay *o, uint32_t group);
static enum proof proven(struct overlay *o, const struct link *link);
static struct link *choose_victim(struct overlay *o);
static bool is_spared(struct overlay *o, const struct link *link);
static unsigned worth(struct overlay *o, const struct link *link);
static void turn_away(struct overlay *o, peer_no peer);
static bool is_turned_away(const struct overlay *o, peer_no peer);
static void open_link(struct overlay *o, struct link *link, enum neighbour_wish wish);
static bool group_is_full(const struct overlay *o, const struct link *link);
static size_t links_dialled(const struct overlay *o);
static void remember_end(struct overlay *o, const struct link *link, enum overlay_end why);
static void lose(struct overlay *o, struct link *link, enum overlay_end why);

static void dial_in_vain(struct overlay *o);
static void dial_more(struct overlay *o);
static size_t links_lacking(struct overlay *o);
static bool may_dial_more(const struct overlay *o);
static size_t dials_awaited(const struct overlay *o);
static bool has_idle_link(struct overlay *o);
static void look_elsewhere(struct overlay *o);
static bool is_silent(const struct overlay *o);
static int64_t silent_after(const struct overlay *o);
static peer_no choose_proven(struct overlay *o);
static void swap_link(struct overlay *o);
static struct dial *find_dial(struct overlay *o, peer_no peer);
static void tick_link(struct overlay *o, struct link *link);

void view_start(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        o->dials[i].peer = OVERLAY_NOBODY;
    }
    o->dial_at = o->look_at = TICK_NEVER;
    o->shuffle_at = TICK_NEVER;
    o->room.left = o->friends_room.left = ROOM_BURST;
}

void view_peer(struct overlay *o, const struct overlay_event *event) {
    if (event->peer == o->self) {
        return;
    }
    book_add(o, event);
    if (find_dial(o, event->peer) == NULL) {
        o->dial_at = tick_earliest(o->dial_at, overlay_after(o, DIAL_NEW_MS));
    }
}

void view_peer_gone(struct overlay *o, peer_no peer) {
    struct dial *wait = find_dial(o, peer);
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no != 0 && o->links[i].peer == peer) {
            view_close(o, &o->links[i], OVERLAY_END_REMOVED);
        }
    }
    if (wait != NULL) {
        wait->peer = OVERLAY_NOBODY;
    }
    book_remove(o, peer);
}

/* ---- links ---- */

enum err view_link_up(struct overlay *o, const struct overlay_event *event) {
    struct dial *wait = event->dialled ? find_dial(o, event->peer) : NULL;
    enum neighbour_wish wish = wait == NULL ? NEIGHBOUR_MORE : wait->wish;
    if (wait != NULL) {
        wait->peer = OVERLAY_NOBODY;
    }
    if (event->peer == o->self) {
        return ERR_PEER_BOUNDS;
    }
    struct link *link = take_slot(o, event);
    if (link == NULL) {
        if (event->dialled) { /* or nothing would have us dial again */
            o->dial_at = tick_earliest(o->dial_at, overlay_after(o, DIAL_AGAIN_MS));
        }
        return ERR_FULL_LINKS;
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
    book_has_failed(o, event->peer);
    dial_in_vain(o);
    if (links_lacking(o) > 0) {
        struct tick next = book_choose(o) == OVERLAY_NOBODY ? book_next_chance(o) : o->now.mono;
        o->dial_at = tick_earliest(o->dial_at, next);
    }
}

enum err view_message(struct overlay *o, struct link *link, const struct link_message *message) {
    if (message->kind == LINK_NEIGHBOUR) {
        take_neighbour(o, link, message->as.neighbour.wish);
    } else if (score_afford(o, link, &link->window.walks, 1, OVERLAY_WINDOW_WALKS)) {
        walk_message(o, link, message);
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
        book_choose_anchors(o);
        walk_shuffle(o);
        if (has_idle_link(o) || overlay_draw(o) % SWAP_ONE_IN == 0) {
            swap_link(o);
        }
    }
    if (tick_reached(o->now.mono, o->look_at)) {
        look_elsewhere(o);
    }
    if (tick_reached(o->now.mono, o->dial_at)) {
        dial_more(o);
    }
}

struct tick view_deadline(const struct overlay *o) {
    struct tick due = tick_earliest(tick_earliest(o->dial_at, o->shuffle_at), o->look_at);
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
    /* The other end may close the old link before its word on the new one has come. */
    struct link *next = open ? overlay_link_to(o, peer, LINK_STATE_ASKED) : NULL;
    bool twin = why == OVERLAY_END_TWICE || (why == OVERLAY_END_TOLD && next != NULL);
    if (next != NULL) {
        next->eager |= link->eager;
        next->share = link->share;
    }
    if (open && !twin) {
        remember_end(o, link, why);
    }
    bool spoke = why != OVERLAY_END_DEAD && why != OVERLAY_END_CUT && !twin;
    if (open && spoke && score_is_idle(o, link)) {
        book_set_brought(o, peer, false);
    }
    if (open) {
        o->counts.links_lost++;
        link->eager &= !twin; /* the other has its place in the tree */
        tree_link_lost(o, link, why);
    } else {
        o->counts.refused++;
        if (dialled) {
            dial_in_vain(o);
        }
    }
    bool waited = link->state == LINK_STATE_NEW && why == OVERLAY_END_SWAPPED;
    catch_up_link_lost(link);
    *link = (struct link){0};
    if (overlay_open_links(o) == 0) {
        o->shuffle_at = o->sync_at = o->look_at = TICK_NEVER;
    }
    if (twin || waited) { /* who said nothing has not earned that we dial it, or that we do not */
        return;
    }
    if (why == OVERLAY_END_DEAD || why == OVERLAY_END_CUT) {
        book_has_failed(o, peer);
    } else if (why != OVERLAY_END_FAULT && why != OVERLAY_END_REMOVED) { /* it lives */
        book_name(o, peer);
        book_put_off(o, peer, why == OVERLAY_END_GROUP ? GROUP_S : open || dialled ? REFUSED_S : 1);
    }
    bool some = overlay_open_links(o) > 0;
    o->dial_at = tick_earliest(o->dial_at, open   ? overlay_after(o, DIAL_AGAIN_MS)
                                           : some ? overlay_after(o, DIAL_REFUSED_MS)
                                                  : o->now.mono);
}

static void remember_end(struct overlay *o, const struct link *link, enum overlay_end why) {
    o->gone[o->next_gone] = (struct gone){link->peer, why, link->since, o->now.mono};
    o->next_gone = (uint8_t)((o->next_gone + 1) % OVERLAY_GONE_MAX);
    o->gone_count += o->gone_count < OVERLAY_GONE_MAX ? 1 : 0;
}

/* ---- opening ---- */

/* Of those that dialled and have not said NEIGHBOUR, in this order: one that the peer has tried
 * before; where there is no place, the one that has waited longest, for who means it says so at
 * once; and the older one of a peer that has two. One that has just come gives way to our own dials
 * alone, and where others have what is ours. NULL: there is none. */
static struct link *take_slot(struct overlay *o, const struct overlay_event *event) {
    struct waiting waiting;
    look_for_slot(o, event->peer, &waiting);
    size_t theirs = OVERLAY_SLOTS - OVERLAY_DIALLED_FEW;
    if (!event->dialled && waiting.tries >= TRIES_MAX) {
        view_close(o, waiting.own, OVERLAY_END_TWICE);
        return waiting.own;
    }
    if (waiting.free != NULL && (event->dialled || waiting.taken < theirs)) {
        return waiting.free;
    }
    if (waiting.oldest == NULL || score_is_shunned(o, event->peer)) {
        return NULL;
    }
    struct tick said = tick_add(waiting.oldest->since, (struct duration){MEANS_MS});
    struct link *slot = waiting.twice;
    if (tick_reached(o->now.mono, said) ||
        (slot == NULL && event->dialled && waiting.taken > theirs)) {
        slot = waiting.oldest;
    }
    if (slot != NULL) {
        view_close(o, slot, OVERLAY_END_SWAPPED);
    }
    return slot;
}

static void look_for_slot(struct overlay *o, peer_no peer, struct waiting *out) {
    *out = (struct waiting){0};
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        out->taken += link->no != 0 && link->state != LINK_STATE_ASKED ? 1 : 0;
        if (link->no == 0) {
            out->free = out->free == NULL ? link : out->free;
        } else if (link->state == LINK_STATE_NEW) {
            bool its = link->peer == peer;
            out->tries += its ? 1 : 0;
            out->own = its ? older(out->own, link) : out->own;
            out->oldest = older(out->oldest, link);
            out->twice = has_another_try(o, link) ? older(out->twice, link) : out->twice;
        }
    }
}

static struct link *older(struct link *one, struct link *other) {
    return one == NULL || other->since.ms < one->since.ms ? other : one;
}

static bool has_another_try(const struct overlay *o, const struct link *link) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *other = &o->links[i];
        if (other != link && other->no != 0 && other->state == LINK_STATE_NEW &&
            other->peer == link->peer) {
            return true;
        }
    }
    return false;
}

static void take_neighbour(struct overlay *o, struct link *link, enum neighbour_wish wish) {
    if (link->state == LINK_STATE_ASKED) {
        be_answered(o, link);
        return;
    }
    if (link->state == LINK_STATE_OPEN || !settle_twins(o, link)) {
        return;
    }
    if (is_turned_away(o, link->peer)) {
        view_close(o, link, OVERLAY_END_FULL);
        return;
    }
    bool full = group_is_full(o, link);
    if (full || overlay_link_to(o, link->peer, LINK_STATE_OPEN) == NULL) {
        if (!make_room(o, link, wish, full)) {
            turn_away(o, link->peer);
            view_close(o, link, full ? OVERLAY_END_GROUP : OVERLAY_END_FULL);
            return;
        }
    }
    open_link(o, link, wish);
    overlay_send(o, link, LINK_NEIGHBOUR)->as.neighbour.wish = NEIGHBOUR_MORE;
    if (wish == NEIGHBOUR_NEW) {
        walk_start(o, link);
    }
}

static void be_answered(struct overlay *o, struct link *link) {
    bool again = overlay_link_to(o, link->peer, LINK_STATE_OPEN) != NULL;
    if (group_is_full(o, link)) {
        view_close(o, link, OVERLAY_END_GROUP);
        return;
    }
    size_t most = link->wish == NEIGHBOUR_SWAP ? OVERLAY_LINKS_WANTED : OVERLAY_LINKS_MAX;
    if (!again && overlay_open_links(o) >= most) {
        bool few = links_dialled(o) < OVERLAY_DIALLED_FEW && o->book_count > OVERLAY_LINKS_MAX;
        struct link *victim = link->wish == NEIGHBOUR_SWAP ? choose_victim(o) : NULL;
        victim = victim == NULL && few ? choose_newcomer(o, 0) : victim;
        if (victim != NULL) {
            view_close(o, victim, OVERLAY_END_SWAPPED);
        }
    }
    if (!again && overlay_open_links(o) >= OVERLAY_LINKS_MAX) {
        view_close(o, link, OVERLAY_END_FULL);
        return;
    }
    link->renew_at = tick_add(o->now.mono, (struct duration){RENEW_MS});
    book_has_met(o, link->peer);
    open_link(o, link, link->wish);
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

static void open_link(struct overlay *o, struct link *link, enum neighbour_wish wish) {
    struct link *before = overlay_link_to(o, link->peer, LINK_STATE_OPEN);
    bool eager = link->eager || (before != NULL && before->eager);
    uint8_t share = before == NULL ? link->share : before->share;
    if (before != NULL) {
        if (before->dialled && !link->dialled) { /* we have chosen it, and may do so no less */
            link->dialled = true;
            link->renew_at = before->renew_at;
        }
        view_close(o, before, OVERLAY_END_TWICE);
    }
    link->state = LINK_STATE_OPEN;
    link->since = o->now.mono;
    link->useful_at = o->now.mono;
    link->useful_count = o->sayable;
    o->counts.links_up++;
    o->had_links = true;
    if (o->dialled_in_vain > VAIN_FREE) {
        book_forgive(o); /* it was we who were away */
    }
    o->dialled_in_vain = 0;
    book_unname(o, link->peer);
    if (o->shuffle_at.ms == TICK_NEVER.ms) {
        o->shuffle_at = overlay_after(o, SHUFFLE_SOON_MS);
        o->look_wait = LOOK_FIRST_MS;
        o->look_at = overlay_after(o, LOOK_FIRST_MS);
    }
    /* Who has links is on the tree already: a branch more would only make a circle. */
    link->share = share;
    tree_link_open(link, eager || wish == NEIGHBOUR_NONE || wish == NEIGHBOUR_NEW);
    catch_up_link_open(o, link);
    ASSERT(overlay_open_links(o) <= OVERLAY_LINKS_MAX);
}

/* `group_full`: in the place of another one into the same network. */
static bool make_room(struct overlay *o, const struct link *link, enum neighbour_wish wish,
                      bool group_full) {
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
    if (!group_full && open < OVERLAY_LINKS_MAX &&
        (few || inbound < OVERLAY_LINKS_MAX - OVERLAY_DIALLED_FEW)) {
        return true;
    }
    struct link *victim = choose_newcomer(o, group_full ? link->group : 0);
    if (victim == NULL) {
        return false;
    }
    struct tick tried = tick_add(victim->since, (struct duration){TRIED_MS});
    bool friend = book_has_brought(o, link->peer);
    bool waited = wish != NEIGHBOUR_MORE && tick_reached(o->now.mono, tried);
    enum proof shown = proven(o, victim);
    bool easy = shown == PROOF_IDLE || (shown == PROOF_NONE && (waited || friend)) ||
                (shown == PROOF_TOLD && friend && wish != NEIGHBOUR_MORE &&
                 afford_room(o, &o->friends_room));
    if (!easy && (wish == NEIGHBOUR_MORE || !view_afford_room(o))) {
        return false;
    }
    turn_away(o, victim->peer);
    view_close(o, victim, OVERLAY_END_FULL);
    return true;
}

bool view_afford_room(struct overlay *o) {
    return afford_room(o, &o->room);
}

static bool afford_room(const struct overlay *o, struct room *room) {
    while (room->left < ROOM_BURST && tick_reached(o->now.mono, room->more_at)) {
        room->left++;
        room->more_at = tick_add(room->more_at, (struct duration){ROOM_EVERY_MS});
    }
    if (room->left == ROOM_BURST) {
        room->more_at = tick_add(o->now.mono, (struct duration){ROOM_EVERY_MS});
    }
    if (room->left == 0) {
        return false;
    }
    room->left--;
    return true;
}

/* Of the links that others dialled one that is worth least, and of those the last that came. So
 * those who crowd in push out each other. `group`: into this network; 0: any. */
static struct link *choose_newcomer(struct overlay *o, uint32_t group) {
    struct link *victim = NULL;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || link->state != LINK_STATE_OPEN || link->dialled ||
            (group != 0 && link->group != group)) {
            continue;
        }
        bool worse = victim != NULL && proven(o, link) < proven(o, victim);
        bool later = victim == NULL ||
                     (link->since.ms > victim->since.ms && proven(o, link) == proven(o, victim));
        victim = worse || later ? link : victim;
    }
    return victim;
}

static enum proof proven(struct overlay *o, const struct link *link) {
    if (score_is_idle(o, link) || tree_has_failed(o, link)) {
        return PROOF_IDLE;
    }
    if (link->brought || book_has_brought(o, link->peer)) {
        return tree_needs(link) ? PROOF_NEEDED : PROOF_BROUGHT;
    }
    return link->useful_at.ms == link->since.ms ? PROOF_NONE : PROOF_TOLD;
}

/* Of those that we dialled and do not spare, a random one of those worth least. */
static struct link *choose_victim(struct overlay *o) {
    struct link *victim = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || link->state != LINK_STATE_OPEN || !link->dialled ||
            is_spared(o, link) || (victim != NULL && worth(o, link) > worth(o, victim))) {
            continue;
        }
        seen = victim != NULL && worth(o, link) < worth(o, victim) ? 1 : seen + 1;
        if (overlay_draw(o) % seen == 0) {
            victim = link;
        }
    }
    return victim;
}

/* A branch of the tree for a while: to mend the tree costs more than a swap brings, but whoever
 * holds all our branches, and passes on what it likes, must not hold them for ever. */
static bool is_spared(struct overlay *o, const struct link *link) {
    bool branch = link->eager && !is_silent(o) &&
                  !tick_reached(o->now.mono, tick_add(link->since, (struct duration){BRANCH_MS}));
    return proven(o, link) >= PROOF_TOLD && (branch || book_is_anchor(o, link->peer));
}

static unsigned worth(struct overlay *o, const struct link *link) {
    return 4U * proven(o, link) + (link->eager ? 2 : 0) + (book_is_anchor(o, link->peer) ? 1 : 0);
}

/* Who asks again and again is no more likely to get in than who asks now and then. */
static void turn_away(struct overlay *o, peer_no peer) {
    o->knocks = (uint8_t)(o->knocks + (o->knocks < UINT8_MAX ? 1 : 0));
    o->turned_away[o->next_turned_away] =
        (struct turned_away){peer, overlay_seconds(o) + TURNED_AWAY_S};
    o->next_turned_away = (uint8_t)((o->next_turned_away + 1) % OVERLAY_TURNED_AWAY_MAX);
}

static bool is_turned_away(const struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < OVERLAY_TURNED_AWAY_MAX; i++) {
        if (o->turned_away[i].peer == peer && o->turned_away[i].until > overlay_seconds(o)) {
            return true;
        }
    }
    return false;
}

/* A street may share one provider, and so one network: while there are few links any will do.
 * Another link with the same peer does not count: this one takes its place. */
static bool group_is_full(const struct overlay *o, const struct link *link) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        const struct link *other = &o->links[i];
        count += other->no != 0 && other->state == LINK_STATE_OPEN && other->group == link->group &&
                 other->peer != link->peer;
    }
    return link->group != 0 && count >= OVERLAY_GROUP_MAX &&
           overlay_open_links(o) >= OVERLAY_LINKS_FEW;
}

static size_t links_dialled(const struct overlay *o) {
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        count += o->links[i].no != 0 && o->links[i].state == LINK_STATE_OPEN && o->links[i].dialled;
    }
    return count;
}

/* ---- looking elsewhere ---- */

static bool has_idle_link(struct overlay *o) {
    const struct link *victim = choose_victim(o);
    return victim != NULL && proven(o, victim) == PROOF_IDLE;
}

/* No link brings anything: nobody speaks, or those around us keep it from us. */
static void look_elsewhere(struct overlay *o) {
    bool silent = is_silent(o);
    o->crowded = o->knocks == UINT8_MAX || (int64_t)o->knocks * KNOCK_MS >= o->look_wait;
    o->knocks = 0;
    int64_t longer = 2 * o->look_wait < LOOK_LAST_MS ? 2 * o->look_wait : LOOK_LAST_MS;
    o->look_wait = !silent ? silent_after(o) : o->crowded ? LOOK_CROWDED_MS : longer;
    o->look_at = overlay_after(o, o->look_wait);
    if (silent || (o->crowded && has_idle_link(o))) {
        swap_link(o);
    }
}

static bool is_silent(const struct overlay *o) {
    return tick_reached(o->now.mono, tick_add(o->useful_at, (struct duration){silent_after(o)}));
}

/* Where much is said it shows soon that nothing comes. */
static int64_t silent_after(const struct overlay *o) {
    int64_t gaps = SILENT_GAPS * tree_mean_gap(o);
    return gaps < SILENT_FIRST_MS ? SILENT_FIRST_MS : gaps < SILENT_LAST_MS ? gaps : SILENT_LAST_MS;
}

/* Who is kept from what others say knows by the book who has said something before, and is known
 * there; that may have been one of those who keep it. OVERLAY_NOBODY: any other. */
static peer_no choose_proven(struct overlay *o) {
    bool wanted = (o->crowded || is_silent(o)) && overlay_draw(o) % 4 != 0;
    return wanted ? book_choose_old(o, true) : OVERLAY_NOBODY;
}

/* Halves that have lost each other know nobody of the other half but by the book. */
static void swap_link(struct overlay *o) {
    peer_no peer = choose_proven(o);
    peer = peer == OVERLAY_NOBODY ? book_choose_old(o, false) : peer;
    if (peer != OVERLAY_NOBODY && overlay_open_links(o) >= OVERLAY_LINKS_WANTED) {
        o->counts.swaps++;
        view_dial(o, peer, NEIGHBOUR_SWAP);
    }
}

/* ---- dialling ---- */

/* Whom nobody wants any more, since it is no member or has the wrong time, keeps trying, but not
 * for ever in haste. */
static void dial_in_vain(struct overlay *o) {
    if (overlay_open_links(o) > 0) {
        return;
    }
    o->dialled_in_vain = (uint8_t)(o->dialled_in_vain + (o->dialled_in_vain < UINT8_MAX ? 1 : 0));
    if (o->dialled_in_vain > VAIN_FREE) {
        unsigned doubled = (unsigned)(o->dialled_in_vain - VAIN_FREE) / VAIN_STEP;
        int64_t wait = doubled < 6 ? (int64_t)VAIN_MS << doubled : VAIN_LAST_MS;
        o->dial_not_before = overlay_after(o, wait / 2);
    }
}

static void dial_more(struct overlay *o) {
    if (o->dialled_in_vain > VAIN_FREE && !tick_reached(o->now.mono, o->dial_not_before)) {
        o->dial_at = o->dial_not_before;
        return;
    }
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        if (o->dials[i].give_up <= overlay_seconds(o)) {
            o->dials[i].peer = OVERLAY_NOBODY;
        }
    }
    size_t lacking = links_lacking(o);
    o->dial_at = TICK_NEVER;
    while (lacking > 0 && may_dial_more(o) && overlay_room_for(o, 2)) {
        peer_no peer = choose_proven(o);
        peer = peer == OVERLAY_NOBODY ? book_choose(o) : peer;
        if (peer == OVERLAY_NOBODY) {
            break;
        }
        size_t open = overlay_open_links(o);
        view_dial(o, peer,
                  open >= OVERLAY_LINKS_FEW && !is_silent(o) ? NEIGHBOUR_MORE
                  : open > 0                                 ? NEIGHBOUR_FEW
                  : o->had_links                             ? NEIGHBOUR_NONE
                                                             : NEIGHBOUR_NEW);
        lacking--;
    }
    if (lacking > 0 && may_dial_more(o)) {
        o->dial_at = book_next_chance(o);
    } else if (lacking > 0 || (overlay_open_links(o) < OVERLAY_LINKS_FEW && view_dialling(o) > 0)) {
        o->dial_at = overlay_after(o, DIAL_AGAIN_MS);
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
        o->book_count > OVERLAY_LINKS_MAX) {
        wanted = 1;
    }
    wanted *= open < OVERLAY_LINKS_FEW ? 2 : 1;
    waiting += dials_awaited(o);
    return wanted > waiting ? wanted - waiting : 0;
}

static bool may_dial_more(const struct overlay *o) {
    return dials_awaited(o) < OVERLAY_DIALS_MAX / 2 && view_dialling(o) < OVERLAY_DIALS_MAX;
}

/* Whoever has few links does not wait for those that do not answer soon: most may be gone. */
static size_t dials_awaited(const struct overlay *o) {
    bool few = overlay_open_links(o) < OVERLAY_LINKS_FEW;
    size_t count = 0;
    for (size_t i = 0; i < OVERLAY_DIALS_MAX; i++) {
        bool late = overlay_seconds(o) + DIAL_GIVEN_UP_S >= o->dials[i].give_up + DIAL_LATE_S;
        count += o->dials[i].peer != OVERLAY_NOBODY && !(few && late) ? 1 : 0;
    }
    return count;
}

bool view_may_dial(struct overlay *o, peer_no peer) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (o->links[i].no != 0 && o->links[i].peer == peer) {
            return false;
        }
    }
    return find_dial(o, peer) == NULL && !score_is_shunned(o, peer);
}

void view_may_have_whom_to_dial(struct overlay *o) {
    if (overlay_open_links(o) < OVERLAY_LINKS_WANTED) {
        o->dial_at = tick_earliest(o->dial_at, overlay_after(o, DIAL_AGAIN_MS));
    }
}

void view_dial(struct overlay *o, peer_no peer, enum neighbour_wish wish) {
    struct dial *wait = find_dial(o, OVERLAY_NOBODY);
    if (wait == NULL || !overlay_room_for(o, 1)) {
        return;
    }
    *wait = (struct dial){peer, wish, overlay_seconds(o) + DIAL_GIVEN_UP_S};
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

size_t view_dialling(const struct overlay *o) {
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
            view_dial(o, link->peer, NEIGHBOUR_MORE);
        }
    }
    if (tick_reached(o->now.mono, link->ping_at)) {
        overlay_act(o, OVERLAY_ACT_PING, link);
        link->ping_at = view_next_ping(o);
    }
}
