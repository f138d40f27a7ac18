/* Broadcast (PROTOCOL 5.1): objects go over the eager links, which are a tree; the others are told
 * ids, from which the tree is mended.
 *
 * The tree changes by one object at a time. Two that went round a circle together, from different
 * homes, would meet in different places and cut it twice. So there are turns: an object has one
 * if its id says so, and of those that were made within TURN_APART_MS the first. Who gets that one
 * twice prunes the link; what was pruned is used until the turn ends, so that nothing falls between
 * the old tree and the new one.
 *
 * Invariants:
 *  1. An object is announced or pushed once at most to each link, unless that asks for it; to the
 *     one it came from, or that has said it, one of OVERLAY_TOLD_EVERY.
 *  2. `missing` holds no id that is in `objects`.
 *  3. Whose id was announced can be sent for OVERLAY_ANSWERED_MS, whatever becomes of the object
 *     meanwhile. Else whoever makes objects that are gone soon could have our neighbours shun us.
 *  4. Where tree and delivery disagree, deliver: a neighbour that falls silent, or an eager link
 *     that breaks, makes all links eager. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/parts.h"

enum {
    ANNOUNCE_MS = 600,    /* to twice that: ids are said together */
    GRAFT_FIRST_MS = 200, /* what is announced, late as that is, may still come over the tree; then
                             up to GRAFT_SPREAD_MS later: of many who miss it, the first asks */
    GRAFT_SPREAD_MS = 1000,
    GRAFT_NEXT_MS = 300,
    MEND_MS = 500, /* so late the tree may bring what had to be asked for; else it is mended */
    MEND_AGAIN_MS = 10 * 1000, /* with one link */
    CROWDED_HASTE = 4,         /* times: ids are said, and asked for, sooner by */
    BROKEN_MS = 3000,          /* asked for and not come: its announcer has broken its word */
    TURN_MS = 1000,            /* until all have the object, and have said what it showed */
    TURN_APART_MS = 2000,      /* by their dates: the first one is over everywhere */
    TURN_LATE_MS = 10 * 1000,  /* one so much older than the last: that was dated ahead */
    LAID_MS = 400,             /* the turn of what went everywhere, as that is sooner with all */
    PACE_S = 12,               /* the pace counts what came in about so long */
    PACE_ONE = 256,
    PACE_A_TURN = 2 * PACE_S, /* two a second may have one, and some do */
    SHARE_OF = 16,            /* objects, about */
    TAKEN_MAX = 2,            /* times: or ever earlier dates would make it last for ever */
    OLD_MS = 40 * 1000,
    CHOICE_S = 7,         /* until somebody has said it, however much is said */
    OLD_COUNT = 200,      /* objects at least, as one that goes everywhere costs like seven */
    OLD_FIRST_COUNT = 32, /* after a start: nobody may ever have laid the tree */
    HEED_MS = 20 * 1000,  /* the most that one who says it of all can have us do */
    CROSSED_MS = 300,     /* so late a PRUNE may come that was sent before our GRAFT arrived */
    STRAY_MS = 1000,      /* what a pruned link still brings was on its way */
    GRAFT_IDS_MAX = 64,
    TESTED_S = 4, /* to bring what it was asked for; and so long before it is tested again: */
    TESTED_AGAIN_S = 30,
};

static const struct instant LONG_AGO = {INT64_MIN / 2};

static_assert(OVERLAY_SLOTS <= 16, "bits of announced.slots");
static_assert(GRAFT_FIRST_MS + GRAFT_SPREAD_MS + OVERLAY_SOURCES_MAX * GRAFT_NEXT_MS + BROKEN_MS <
                  OVERLAY_ANSWERED_MS,
              "who asks gets an answer in time");

static void spread(struct overlay *o, const struct overlay_event *event, const struct link *from,
                   bool anew);
static void forget_link(struct overlay *o, const struct link *link);
static void unlist(struct missing *missing, uint8_t slot);
static void mend_with_all(struct overlay *o, const struct link *lost);
static void mend_with_one(struct overlay *o, const struct link *lost);
static bool may_graft(const struct overlay *o, const struct link *link, const struct link *lost);
static void take_ihave(struct overlay *o, struct link *link, const struct link_message *message);
static void take_graft(struct overlay *o, struct link *link, const struct link_message *message);
static void take_prune(struct overlay *o, struct link *link, const struct link_message *message);
static void test(struct overlay *o, struct link *link, const struct short_id *id);
static bool passes_test(struct link *link, const struct id *id);
static void await(struct overlay *o, const struct link *link, const struct short_id *id);
static bool has_its_share(const struct overlay *o, const struct link *link);
static bool has_turn(const struct overlay *o, const uint8_t *id);
static bool lays_anew(struct overlay *o, const struct overlay_event *event);
static bool may_heed(const struct overlay *o, struct instant created);
static void grow_old(struct overlay *o, uint32_t count);
static bool begin_turn(struct overlay *o, const struct sync_key *key, bool everywhere);
static bool is_near(struct instant created, struct instant other);
static void end_turn(struct overlay *o);
static void drop_turn(struct overlay *o);
static bool ends_soon(const struct overlay *o, const struct overlay_event *event);
static void announce(struct overlay *o, const struct overlay_event *event, uint16_t slots,
                     uint16_t owed);
static void unannounce(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES],
                       const struct link *link);
static void credit(struct overlay *o, struct recent *recent, struct link *link);
static void say_announced(struct overlay *o);
static void remember_said(struct overlay *o, const struct announced *announced);
static bool make_room_for_said(struct overlay *o);
static void forget_said(struct overlay *o);
static const struct said *find_said(const struct overlay *o,
                                    const uint8_t short_id[LINK_SHORT_BYTES]);
static const struct id *find_replaced(const struct overlay *o,
                                      const uint8_t short_id[LINK_SHORT_BYTES]);
static void graft(struct overlay *o, struct link *link);
static void prune(struct overlay *o, struct link *link, const uint8_t *id);
static void mend_if_need_be(struct overlay *o, const struct id *id, const struct link *from);
static void mend(struct overlay *o);
static bool was_asked(const struct missing *missing, uint8_t slot);
static int haste(const struct overlay *o);
static void ask_for_missing(struct overlay *o);
static void ask_next(struct overlay *o, struct missing *missing,
                     struct link_message *asked[OVERLAY_SLOTS]);
static void swap_source(struct missing *missing, uint8_t a, uint8_t b);
static void ask_too(struct overlay *o, struct missing *missing,
                    struct link_message *asked[OVERLAY_SLOTS]);
static void break_word(struct overlay *o, const struct missing *missing);
static void blame_slow(struct overlay *o, const struct missing *missing, const struct link *from);
static struct missing *find_missing(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]);
static void forget_missing(struct overlay *o, struct missing *missing);
static void remember(struct overlay *o, const struct overlay_event *event, const struct link *from);
static void keep_pace(struct overlay *o, bool fresh);
static struct recent *find_recent(struct overlay *o, const uint8_t *id);
static bool is_within(const struct overlay *o, struct tick at, int64_t ms);
static uint8_t slot_of(const struct overlay *o, const struct link *link);
static uint8_t one_more(uint8_t hops);

void tree_start(struct overlay *o) {
    o->turn_created = o->turn_before = o->laid_created = LONG_AGO;
    grow_old(o, OLD_FIRST_COUNT);
}

void tree_link_open(struct link *link, bool eager) {
    link->eager = eager;
    link->share = link->share == 0 && eager && link->dialled ? UINT8_MAX : link->share;
}

void tree_link_lost(struct overlay *o, const struct link *link, enum overlay_end why) {
    forget_link(o, link);
    if (link->eager) {
        drop_turn(o); /* the new tree may have hung on that link */
    }
    if (why == OVERLAY_END_DEAD || (why == OVERLAY_END_CUT && link->eager)) {
        mend_with_all(o, link);
    } else if (link->eager && why != OVERLAY_END_TWICE &&
               (tree_needs(link) || why == OVERLAY_END_FAULT || why == OVERLAY_END_REMOVED)) {
        mend_with_one(o, link); /* else the other end is the one that is cut off */
    }
}

void tree_accepted(struct overlay *o, const struct overlay_event *event, struct link *from) {
    const struct id *id = &event->key.id;
    bool fresh = event->hops != LINK_HOPS_CAUGHT_UP;
    bool anew = lays_anew(o, event);
    bool everywhere = event->everywhere || anew;
    struct missing *missing = find_missing(o, id->b);
    bool lazy = from != NULL && !from->eager;
    bool asked = from != NULL && missing != NULL && was_asked(missing, slot_of(o, from));
    bool stray = lazy && !asked && is_within(o, from->pruned_at, STRAY_MS);
    /* What others may have said goes everywhere can have come by a way that is not on the tree. */
    bool turn = fresh && !event->urgent && overlay_open_links(o) > 0 &&
                (anew || (!stray && !everywhere && has_turn(o, id->b))) &&
                begin_turn(o, &event->key, anew);
    remember(o, event, from);
    keep_pace(o, fresh);
    if (lazy && !asked && fresh && !stray && !event->urgent && !everywhere &&
        from->state == LINK_STATE_OPEN) {
        from->eager = true; /* as the other end has it */
    }
    spread(o, event, from, anew);
    if (from != NULL && from->state == LINK_STATE_OPEN &&
        (turn ? anew || asked : asked && fresh && !lazy)) {
        graft(o, from); /* a branch, though the other end may have made it lazy */
    } else if (asked && fresh) {
        mend_if_need_be(o, id, from);
    }
    if (missing != NULL) {
        blame_slow(o, missing, from);
        forget_missing(o, missing);
    }
}

/* The tree has a circle here: this link is not needed. */
void tree_duplicate(struct overlay *o, struct link *link, const struct overlay_event *event) {
    struct recent *recent = find_recent(o, event->key.id.b);
    unannounce(o, event->key.id.b, link);
    credit(o, recent, link);
    bool fresh = event->hops != LINK_HOPS_CAUGHT_UP;
    if (fresh && link->eager && link->share >= SHARE_OF && !event->everywhere && !event->urgent &&
        read_u64(event->key.id.b) == o->mend_id) {
        o->mend_at = TICK_NEVER; /* nobody puts it off who says again what we say, and no more */
    }
    if (passes_test(link, &event->key.id)) {
        return; /* we asked for it: no circle */
    }
    bool turn = o->turn_ends.ms != TICK_NEVER.ms && read_u64(event->key.id.b) == o->turn;
    bool pushed = fresh && recent != NULL && recent->slot != slot_of(o, link);
    /* Over a lazy link: the other end has had another turn, and knows nothing of our PRUNE. */
    bool needless = link->eager || !(event->everywhere || is_within(o, link->pruned_at, STRAY_MS));
    if (turn && pushed && needless && !link->pruned) {
        prune(o, link, event->key.id.b);
    }
}

/* So it has kept its word, whatever we do with it. Others are asked still: else one that brings too
 * much could keep from us what they announced. */
void tree_turned_away(struct overlay *o, struct link *link, const struct id *id) {
    struct missing *missing = find_missing(o, id->b);
    (void)passes_test(link, id);
    if (missing != NULL) {
        unlist(missing, slot_of(o, link));
        if (missing->count == 0) {
            forget_missing(o, missing);
        }
    }
}

void tree_gone(struct overlay *o, const struct id *id) {
    struct missing *missing = find_missing(o, id->b);
    if (missing != NULL) {
        forget_missing(o, missing);
    }
    for (size_t i = 0; i < o->announced_count; i++) {
        if (memcmp(o->announced[i].id, id->b, LINK_SHORT_BYTES) == 0) {
            o->announced[i].slots = 0;
        }
    }
}

void tree_keep(struct overlay *o, const struct id *id) {
    const struct said *said = find_said(o, id->b);
    if (said == NULL || find_replaced(o, id->b) != NULL) {
        return;
    }
    if (o->replaced_count == o->replaced_room) {
        size_t room = o->replaced_room == 0 ? 4 : o->replaced_room * 2;
        struct replaced *grown = reallocarray(o->replaced, room, sizeof *grown);
        if (grown == NULL) {
            return;
        }
        o->replaced = grown;
        o->replaced_room = room;
    }
    o->replaced[o->replaced_count++] = (struct replaced){*id, said->until};
    overlay_act(o, OVERLAY_ACT_KEEP, NULL);
    o->out->list[o->out->count - 1].id = *id;
    o->out->list[o->out->count - 1].until = said->until;
}

void tree_message(struct overlay *o, struct link *link, const struct link_message *message) {
    if (message->kind == LINK_IHAVE) {
        take_ihave(o, link, message);
    } else if (message->kind == LINK_GRAFT) {
        take_graft(o, link, message);
    } else {
        ASSERT(message->kind == LINK_PRUNE);
        take_prune(o, link, message);
    }
}

void tree_tick(struct overlay *o) {
    if (tick_reached(o->now.mono, o->announce_at) &&
        overlay_room_for(o, OVERLAY_SLOTS + OVERLAY_SLOTS)) {
        say_announced(o);
    }
    forget_said(o);
    ask_for_missing(o);
    if (tick_reached(o->now.mono, o->mend_at) && o->out->send_count < OVERLAY_SENDS_MAX &&
        overlay_room_for(o, 1)) {
        mend(o);
    }
    if (tick_reached(o->now.mono, o->turn_ends)) {
        end_turn(o);
    }
}

struct tick tree_deadline(const struct overlay *o) {
    struct tick due = tick_earliest(tick_earliest(o->announce_at, o->turn_ends), o->mend_at);
    for (size_t i = 0; i < o->missing_count; i++) {
        due = tick_earliest(due, o->missing[i].due);
    }
    return due;
}

void tree_finish(struct overlay *o) {
    free(o->missing);
    free(o->announced);
    free(o->said);
    free(o->replaced);
}

/* ---- links that end ---- */

bool tree_needs(const struct link *link) {
    return link->share > UINT8_MAX / 2;
}

static void forget_link(struct overlay *o, const struct link *link) {
    uint8_t slot = slot_of(o, link);
    o->mend_at = o->mend_slot == slot ? TICK_NEVER : o->mend_at;
    for (size_t i = 0; i < o->announced_count; i++) {
        o->announced[i].slots &= (uint16_t) ~(1U << slot);
        o->announced[i].owed &= (uint16_t) ~(1U << slot);
    }
    for (size_t i = 0; i < o->missing_count; i++) {
        unlist(&o->missing[i], slot);
    }
    for (size_t i = 0; i < OVERLAY_RECENT_MAX; i++) {
        o->recent[i].said &= (uint16_t) ~(1U << slot);
        if (o->recent[i].slot == slot) {
            o->recent[i].slot = OVERLAY_NO_SLOT;
        }
    }
}

/* As if that link had not announced it. */
static void unlist(struct missing *missing, uint8_t slot) {
    uint8_t kept = 0;
    for (uint8_t i = 0; i < missing->count; i++) {
        if (missing->slots[i] != slot) {
            missing->slots[kept++] = missing->slots[i];
        } else if (i < missing->asked) {
            missing->asked--; /* a link is there once */
        }
    }
    missing->count = kept;
}

/* Who went without a word may not be the only one. */
static void mend_with_all(struct overlay *o, const struct link *lost) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        if (may_graft(o, &o->links[i], lost)) {
            graft(o, &o->links[i]);
        }
    }
}

/* The rest of the tree is as it was: one link makes it whole. */
static void mend_with_one(struct overlay *o, const struct link *lost) {
    struct link *best = NULL;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (may_graft(o, link, lost) && (best == NULL || link->useful_at.ms > best->useful_at.ms)) {
            best = link;
        }
    }
    if (best != NULL) {
        graft(o, best);
    }
}

static bool may_graft(const struct overlay *o, const struct link *link, const struct link *lost) {
    return link->no != 0 && link != lost && link->state == LINK_STATE_OPEN && !link->eager &&
           o->out->send_count < OVERLAY_SENDS_MAX && overlay_room_for(o, 1);
}

/* ---- messages ---- */

static void take_ihave(struct overlay *o, struct link *link, const struct link_message *message) {
    size_t count = message->as.ihave.count;
    if (!score_afford(o, link, &link->window.ihave, count, OVERLAY_WINDOW_IHAVE)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct short_id *id = &message->as.ihave.ids[i];
        unannounce(o, id->b, link);
        if (sync_set_find_short(o->objects, id->b) != NULL) {
            credit(o, find_recent(o, id->b), link);
            test(o, link, id);
        } else if (!overlay_is_ignored(o, id->b) && overlay_has_room(o, false)) {
            await(o, link, id);
        }
    }
}

/* Anybody can say what all have. While others crowd in, who has never brought us anything shows
 * that it does, with what came lately: so does a home on a leaf of the tree. */
static void test(struct overlay *o, struct link *link, const struct short_id *id) {
    bool known = link->brought || book_has_brought(o, link->peer);
    bool lately = link->tested_s + TESTED_AGAIN_S > overlay_seconds(o);
    if (!o->crowded || known || (link->tested != 0 && lately) || link->pushing ||
        find_recent(o, id->b) == NULL || !overlay_room_for(o, 1) ||
        o->out->send_count == OVERLAY_SENDS_MAX) {
        return;
    }
    struct link_message *message = overlay_send(o, link, LINK_GRAFT);
    message->as.graft.count = 1;
    memcpy(message->as.graft.ids[0].b, id->b, LINK_SHORT_BYTES);
    o->counts.grafts++;
    link->tested = read_u64(id->b);
    link->tested_s = overlay_seconds(o) + TESTED_S;
}

/* The link alone, not its peer, is the better for it: once, as anybody can get such an object. */
static bool passes_test(struct link *link, const struct id *id) {
    bool passes = link->tested != 0 && link->tested == read_u64(id->b);
    link->brought |= passes;
    link->tested = passes ? 0 : link->tested;
    return passes;
}

/* Not so a link that is silent, or after we were away ourselves: it was heard since. */
bool tree_has_failed(const struct overlay *o, const struct link *link) {
    struct tick due = tick_add(o->began, (struct duration){INT64_C(1000) * link->tested_s});
    return o->crowded && link->tested != 0 && !link->brought && tick_reached(link->heard, due);
}

static void await(struct overlay *o, const struct link *link, const struct short_id *id) {
    struct missing *missing = find_missing(o, id->b);
    if (missing == NULL) {
        if (o->missing_count == OVERLAY_MISSING_MAX || has_its_share(o, link)) {
            return; /* reconciliation finds it */
        }
        if (o->missing_count == o->missing_room) {
            size_t room = o->missing_room == 0 ? 4 : o->missing_room * 2;
            struct missing *grown = reallocarray(o->missing, room, sizeof *grown);
            if (grown == NULL) {
                return;
            }
            o->missing = grown;
            o->missing_room = room;
        }
        missing = &o->missing[o->missing_count++];
        *missing = (struct missing){
            .due = {o->now.mono.ms + GRAFT_FIRST_MS +
                    (int64_t)(overlay_draw(o) % (uint64_t)(GRAFT_SPREAD_MS / haste(o)))}};
        memcpy(missing->id, id->b, sizeof missing->id);
        o->counts.missed++;
    }
    for (uint8_t i = 0; i < missing->count; i++) {
        if (missing->slots[i] == slot_of(o, link)) {
            return;
        }
    }
    if (missing->count < OVERLAY_SOURCES_MAX) {
        missing->slots[missing->count++] = slot_of(o, link);
        if (missing->late) {
            missing->late = false;
            missing->due = o->now.mono;
        }
    }
}

/* So that one that invents ids leaves the others room. */
static bool has_its_share(const struct overlay *o, const struct link *link) {
    size_t first = 0;
    for (size_t i = 0; i < o->missing_count; i++) {
        first += o->missing[i].slots[0] == slot_of(o, link) ? 1 : 0;
    }
    return first >= OVERLAY_MISSING_MAX / OVERLAY_LINKS_MAX;
}

static void take_graft(struct overlay *o, struct link *link, const struct link_message *message) {
    size_t count = message->as.graft.count;
    if (count == 0) {
        link->eager = true;
        link->pruned = false;
    }
    if (!score_afford(o, link, &link->window.graft, count, OVERLAY_WINDOW_GRAFT)) {
        return;
    }
    for (size_t i = 0; i < count && i < GRAFT_IDS_MAX; i++) {
        const struct sync_item *item = sync_set_find_short(o->objects, message->as.graft.ids[i].b);
        const struct recent *recent = find_recent(o, message->as.graft.ids[i].b);
        const struct said *said = find_said(o, message->as.graft.ids[i].b);
        const struct id *replaced = find_replaced(o, message->as.graft.ids[i].b);
        if (item != NULL) {
            unannounce(o, item->key.id.b, link);
            (void)overlay_push(o, link, &item->key.id,
                               one_more(said != NULL     ? said->hops
                                        : recent != NULL ? recent->hops
                                                         : LINK_HOPS_CAUGHT_UP));
        } else if (replaced != NULL) { /* who has the newer one ignores it, and blames nobody */
            (void)overlay_push(o, link, replaced, LINK_HOPS_CAUGHT_UP);
        }
    }
}

/* Of the turn that it is, or was: else one end has given that turn up for another. */
static void take_prune(struct overlay *o, struct link *link, const struct link_message *message) {
    if (read_u64(message->as.prune.id) != o->turn || is_within(o, link->grafted_at, CROSSED_MS)) {
        return; /* or it has crossed a GRAFT of ours: the other end is eager again */
    }
    if (o->turn_ends.ms != TICK_NEVER.ms) {
        link->pruned = true;
    } else {
        link->eager = false;
        link->pruned_at = o->now.mono;
    }
}

/* ---- turns ---- */

/* When there are many objects in a while only a share of them have one, by their ids: all homes see
 * the same objects and come to about the same share, so they differ about few. */
static bool has_turn(const struct overlay *o, const uint8_t *id) {
    uint64_t one_in = o->pace / PACE_A_TURN + PACE_ONE; /* each, times PACE_ONE */
    return ((uint32_t)id[14] << 8 | id[15]) * one_in < (1U << 16) * PACE_ONE;
}

/* Now and then one goes over every link: those that it comes by first are the quickest way from its
 * home to everybody, whatever the tree was before. Whoever says something when the tree is old may
 * say so of it; the others do as it says, but not for whoever says so all the time. Two at a time
 * would lay half a tree each: so the more is said, the less likely it is of any one. */
static bool lays_anew(struct overlay *o, const struct overlay_event *event) {
    bool ours = event->link == 0 && o->young_count == 0 && may_heed(o, event->key.created) &&
                tick_reached(o->now.mono, o->old_at) && overlay_open_links(o) > 0 &&
                overlay_draw(o) % (o->pace / PACE_ONE * CHOICE_S / PACE_S + 1) == 0;
    bool theirs = event->everywhere && may_heed(o, event->key.created);
    if (event->urgent || event->hops == LINK_HOPS_CAUGHT_UP || !(ours || theirs)) {
        return false;
    }
    o->laid_at = o->now.mono;
    o->laid_created = event->key.created;
    grow_old(o, OLD_COUNT);
    return true;
}

/* By the dates, as all see them alike: half a tree would be laid where only some do. */
static bool may_heed(const struct overlay *o, struct instant created) {
    int64_t after = created.ms - o->laid_created.ms;
    if (after <= 0 && after > -HEED_MS) { /* it should have been this one */
        return o->turn_ends.ms != TICK_NEVER.ms && o->turn_everywhere && o->turn_taken < TAKEN_MAX;
    }
    return (after >= HEED_MS || after <= -HEED_MS) && !is_within(o, o->laid_at, HEED_MS / 2);
}

static void grow_old(struct overlay *o, uint32_t count) {
    o->young_count = count;
    o->old_at = tick_add(o->now.mono, (struct duration){OLD_MS});
}

/* Of two that were made within TURN_APART_MS all homes take the same one, and by then each has it:
 * when they came does not count, for that differs from home to home. */
static bool begin_turn(struct overlay *o, const struct sync_key *key, bool everywhere) {
    int64_t after = key->created.ms - o->turn_created.ms;
    bool active = o->turn_ends.ms != TICK_NEVER.ms;
    bool sooner = (after < 0 || (after == 0 && read_u64(key->id.b) < o->turn)) &&
                  (everywhere || !is_near(key->created, o->turn_before));
    bool first = everywhere != o->turn_everywhere ? everywhere : active && sooner;
    if ((active && o->turn_taken == TAKEN_MAX) ||
        ((active || is_near(key->created, o->turn_created)) && !first)) {
        return false;
    }
    o->turn_before = active ? o->turn_before : o->turn_created;
    o->turn_taken = (uint8_t)(active ? o->turn_taken + 1 : 0);
    drop_turn(o);
    o->turn = read_u64(key->id.b);
    o->turn_created = key->created;
    o->turn_everywhere = everywhere;
    o->turn_ends = tick_add(o->now.mono, (struct duration){everywhere ? LAID_MS : TURN_MS});
    return true;
}

static bool is_near(struct instant created, struct instant other) {
    int64_t after = created.ms - other.ms;
    return after > -TURN_LATE_MS && after < TURN_APART_MS;
}

static void end_turn(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->pruned) {
            link->eager = link->pruned = false;
            link->pruned_at = o->now.mono;
        }
    }
    o->turn_ends = TICK_NEVER;
}

/* As if nobody had pruned. */
static void drop_turn(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        o->links[i].pruned = false;
    }
    o->turn_ends = TICK_NEVER;
}

/* ---- announcing ---- */

/* Each link is owed one of OVERLAY_TOLD_EVERY: on a branch where nobody speaks, who brings us all
 * would else take us for one that keeps all to itself. */
static void spread(struct overlay *o, const struct overlay_event *event, const struct link *from,
                   bool anew) {
    bool fresh = event->hops != LINK_HOPS_CAUGHT_UP;
    bool sayable = fresh && !ends_soon(o, event);
    uint16_t told = 0;
    uint16_t owed = 0;
    o->sayable += sayable ? 1 : 0;
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        if (link->no == 0 || link->state != LINK_STATE_OPEN) {
            continue;
        }
        unsigned part = link == from ? UINT8_MAX / SHARE_OF : 0;
        link->share = (uint8_t)(fresh ? link->share - link->share / SHARE_OF + part : link->share);
        link->untold = (uint8_t)(link->untold + (sayable ? 1 : 0));
        if (link != from && fresh && (link->eager || event->urgent || anew)) {
            link->untold = 0;
            overlay_push(o, link, &event->key.id, one_more(event->hops))->everywhere =
                anew || (event->everywhere && !event->urgent);
        } else if (link->untold == OVERLAY_TOLD_EVERY) {
            link->untold = 0;
            owed |= (uint16_t)(1U << i);
        } else if (link != from) {
            told |= (uint16_t)(1U << i);
        }
    }
    if (!ends_soon(o, event)) {
        announce(o, event, told | owed, owed);
    }
}

/* It may have ended when somebody asks for it. The tree and reconciliation bring it all the same.
 */
static bool ends_soon(const struct overlay *o, const struct overlay_event *event) {
    struct duration most = {2 * ANNOUNCE_MS + OVERLAY_ANSWERED_MS};
    return instant_reached(instant_add(o->now.wall, most), event->expires);
}

static void announce(struct overlay *o, const struct overlay_event *event, uint16_t slots,
                     uint16_t owed) {
    forget_said(o);
    if (slots == 0 || o->said_count + o->announced_count == OVERLAY_SAID_MAX) {
        return; /* reconciliation finds it */
    }
    if (o->announced_count == LINK_IHAVE_MAX) {
        say_announced(o);
    }
    if (!make_room_for_said(o)) {
        return;
    }
    if (o->announced_count == o->announced_room) {
        size_t room = o->announced_room == 0 ? 4 : o->announced_room * 2;
        struct announced *grown = reallocarray(o->announced, room, sizeof *grown);
        if (grown == NULL) {
            return; /* reconciliation finds it */
        }
        o->announced = grown;
        o->announced_room = room;
    }
    struct announced *announced = &o->announced[o->announced_count++];
    *announced = (struct announced){.hops = event->hops, .slots = slots, .owed = owed};
    memcpy(announced->id, event->key.id.b, sizeof announced->id);
    o->announce_at = tick_earliest(o->announce_at, overlay_after(o, ANNOUNCE_MS / haste(o)));
}

/* The other end has it: it need not be told. */
static void unannounce(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES],
                       const struct link *link) {
    for (size_t i = 0; i < o->announced_count; i++) {
        if (memcmp(o->announced[i].id, short_id, LINK_SHORT_BYTES) == 0) {
            o->announced[i].slots &= (uint16_t)(~(1U << slot_of(o, link)) | o->announced[i].owed);
            return;
        }
    }
}

/* It has what came lately: once for each object, lest it say an old one for ever. */
static void credit(struct overlay *o, struct recent *recent, struct link *link) {
    uint16_t bit = (uint16_t)(1U << slot_of(o, link));
    if (recent != NULL && (recent->said & bit) == 0) {
        recent->said |= bit;
        score_useful(o, link);
    }
}

static void say_announced(struct overlay *o) {
    for (size_t i = 0; i < OVERLAY_SLOTS; i++) {
        struct link *link = &o->links[i];
        struct link_message *message = NULL;
        for (size_t k = 0; link->no != 0 && k < o->announced_count; k++) {
            const struct announced *announced = &o->announced[k];
            if ((announced->slots & (1U << i)) == 0) {
                continue;
            }
            message = message == NULL ? overlay_send(o, link, LINK_IHAVE) : message;
            struct short_id *id = &message->as.ihave.ids[message->as.ihave.count++];
            memcpy(id->b, announced->id, sizeof id->b);
            o->counts.announced++;
        }
    }
    for (size_t k = 0; k < o->announced_count; k++) {
        if (o->announced[k].slots != 0) {
            remember_said(o, &o->announced[k]);
        }
    }
    free(o->announced);
    o->announced = NULL;
    o->announced_count = o->announced_room = 0;
    o->announce_at = TICK_NEVER;
}

/* There is room: announce() has seen to it. */
static void remember_said(struct overlay *o, const struct announced *announced) {
    struct said *said = &o->said[o->said_count++];
    ASSERT(o->said_count <= o->said_room);
    said->until = tick_add(o->now.mono, (struct duration){OVERLAY_ANSWERED_MS});
    said->hops = announced->hops;
    memcpy(said->id, announced->id, sizeof said->id);
}

static bool make_room_for_said(struct overlay *o) {
    size_t room = o->said_room == 0 ? 4 : o->said_room * 2;
    if (o->said_count + o->announced_count < o->said_room) {
        return true;
    }
    struct said *grown = reallocarray(o->said, room, sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    o->said = grown;
    o->said_room = room;
    return true;
}

/* Nobody asks for them any more. */
static void forget_said(struct overlay *o) {
    size_t past = 0;
    while (past < o->said_count && tick_reached(o->now.mono, o->said[past].until)) {
        past++;
    }
    if (past == 0) {
        return;
    }
    o->said_count -= past;
    memmove(o->said, o->said + past, o->said_count * sizeof o->said[0]);
    for (size_t i = 0; i < o->replaced_count;) {
        bool over = tick_reached(o->now.mono, o->replaced[i].until);
        o->replaced[i] = over ? o->replaced[--o->replaced_count] : o->replaced[i];
        i += over ? 0 : 1;
    }
    if (o->said_count + o->announced_count == 0) {
        free(o->said);
        free(o->replaced);
        o->said = NULL;
        o->replaced = NULL;
        o->said_room = o->replaced_room = o->replaced_count = 0;
    }
}

static const struct said *find_said(const struct overlay *o,
                                    const uint8_t short_id[LINK_SHORT_BYTES]) {
    for (size_t i = o->said_count; i > 0; i--) {
        const struct said *said = &o->said[i - 1];
        if (memcmp(said->id, short_id, sizeof said->id) == 0) {
            return tick_reached(o->now.mono, said->until) ? NULL : said;
        }
    }
    return NULL;
}

static const struct id *find_replaced(const struct overlay *o,
                                      const uint8_t short_id[LINK_SHORT_BYTES]) {
    for (size_t i = 0; i < o->replaced_count; i++) {
        const struct replaced *replaced = &o->replaced[i];
        if (memcmp(replaced->id.b, short_id, LINK_SHORT_BYTES) == 0 &&
            !tick_reached(o->now.mono, replaced->until)) {
            return &replaced->id;
        }
    }
    return NULL;
}

/* ---- mending ---- */

static void graft(struct overlay *o, struct link *link) {
    (void)overlay_send(o, link, LINK_GRAFT);
    o->counts.grafts++;
    link->eager = true;
    link->pruned = false;
    link->grafted_at = o->now.mono;
    link->share = UINT8_MAX; /* it will bring what we lack, as we suppose */
}

/* What had to be asked for may be late, and no more: a branch besides would be a circle, and turns
 * that cut many circles make a tree deeper. So the tree has MEND_MS to bring it too. */
static void mend_if_need_be(struct overlay *o, const struct id *id, const struct link *from) {
    /* Else one that gives up what it was grafted for could keep the others from being. */
    if (o->mend_at.ms == TICK_NEVER.ms && !is_within(o, from->grafted_at, MEND_AGAIN_MS)) {
        o->mend_id = read_u64(id->b);
        o->mend_slot = slot_of(o, from);
        o->mend_at = tick_add(o->now.mono, (struct duration){MEND_MS / haste(o)});
    }
}

static void mend(struct overlay *o) {
    struct link *link = &o->links[o->mend_slot];
    o->mend_at = TICK_NEVER;
    if (link->state == LINK_STATE_OPEN && !link->eager) {
        graft(o, link);
    }
}

static bool was_asked(const struct missing *missing, uint8_t slot) {
    for (uint8_t i = 0; i < missing->asked; i++) {
        if (missing->slots[i] == slot) {
            return true;
        }
    }
    return false;
}

static void prune(struct overlay *o, struct link *link, const uint8_t *id) {
    link->pruned = true;
    if (o->out->send_count < OVERLAY_SENDS_MAX && overlay_room_for(o, 1)) {
        o->counts.prunes++;
        memcpy(overlay_send(o, link, LINK_PRUNE)->as.prune.id, id, LINK_SHORT_BYTES);
    }
}

/* While others crowd in, links go that the tree needs: what it misses is to come sooner. */
static int haste(const struct overlay *o) {
    return o->crowded ? CROWDED_HASTE : 1;
}

static void ask_for_missing(struct overlay *o) {
    struct link_message *asked[OVERLAY_SLOTS] = {NULL};
    for (size_t i = 0; i < o->missing_count;) {
        struct missing *missing = &o->missing[i];
        if (!tick_reached(o->now.mono, missing->due)) {
            i++;
        } else if (missing->late) {
            break_word(o, missing);
            forget_missing(o, missing);
        } else {
            ask_next(o, missing, asked);
            i++;
        }
    }
    for (size_t i = 0; i < o->missing_count; i++) {
        ask_too(o, &o->missing[i], asked);
    }
}

/* Whoever asks there asks for all that it lacks: else others would ask for those. */
static void ask_too(struct overlay *o, struct missing *missing,
                    struct link_message *asked[OVERLAY_SLOTS]) {
    for (uint8_t i = 0; missing->asked == 0 && i < missing->count; i++) {
        if (asked[missing->slots[i]] != NULL) {
            swap_source(missing, 0, i);
            ask_next(o, missing, asked);
        }
    }
}

static void swap_source(struct missing *missing, uint8_t a, uint8_t b) {
    uint8_t slot = missing->slots[a];
    missing->slots[a] = missing->slots[b];
    missing->slots[b] = slot;
}

static void ask_next(struct overlay *o, struct missing *missing,
                     struct link_message *asked[OVERLAY_SLOTS]) {
    if (missing->asked < missing->count) {
        uint8_t slot = missing->slots[missing->asked];
        if (asked[slot] == NULL) {
            if (!overlay_room_for(o, 1) || o->out->send_count == OVERLAY_SENDS_MAX) {
                return; /* still due: the driver ticks again */
            }
            asked[slot] = overlay_send(o, &o->links[slot], LINK_GRAFT);
            o->counts.grafts++;
        }
        struct link_message *message = asked[slot];
        if (message->as.graft.count == GRAFT_IDS_MAX) {
            return;
        }
        memcpy(message->as.graft.ids[message->as.graft.count++].b, missing->id, LINK_SHORT_BYTES);
        missing->asked++;
        missing->due = tick_add(o->now.mono, (struct duration){GRAFT_NEXT_MS});
        return;
    }
    missing->late = true;
    missing->due = tick_add(o->now.mono, (struct duration){BROKEN_MS});
}

/* Not so a link that is slow, or silent: it must have been heard since it was asked, and have
 * brought nothing. Once a second, lest one delay count many times. */
static void break_word(struct overlay *o, const struct missing *missing) {
    struct tick asked_at = {missing->due.ms - BROKEN_MS};
    uint8_t slots[OVERLAY_SOURCES_MAX];
    uint8_t asked = missing->asked;
    memcpy(slots, missing->slots, sizeof slots); /* a link that is closed changes them */
    for (uint8_t i = 0; i < asked; i++) {
        struct link *link = &o->links[slots[i]];
        if (link->no != 0 && overlay_room_for(o, 1) && link->heard.ms > asked_at.ms &&
            link->useful_at.ms <= asked_at.ms && link->broken_s != overlay_seconds(o)) {
            link->broken_s = overlay_seconds(o);
            score_fault(o, link, OVERLAY_FAULT_BROKEN);
        }
    }
}

/* Another had to be asked. A slow link is forgiven that, a habit is not. */
static void blame_slow(struct overlay *o, const struct missing *missing, const struct link *from) {
    for (uint8_t i = 0; i + 1 < missing->asked; i++) {
        struct link *link = &o->links[missing->slots[i]];
        if (link != from && link->points < OVERLAY_FAULTS_MAX - 1) {
            link->points++; /* never the last: it may have been bad luck */
        }
    }
}

static struct missing *find_missing(struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]) {
    for (size_t i = 0; i < o->missing_count; i++) {
        if (memcmp(o->missing[i].id, short_id, LINK_SHORT_BYTES) == 0) {
            return &o->missing[i];
        }
    }
    return NULL;
}

static void forget_missing(struct overlay *o, struct missing *missing) {
    *missing = o->missing[--o->missing_count];
    if (o->missing_count == 0) {
        free(o->missing);
        o->missing = NULL;
        o->missing_room = 0;
    }
}

static void remember(struct overlay *o, const struct overlay_event *event,
                     const struct link *from) {
    o->recent[o->next_recent] =
        (struct recent){.id = read_u64(event->key.id.b),
                        .slot = from == NULL ? OVERLAY_NO_SLOT : slot_of(o, from),
                        .hops = event->hops};
    o->next_recent = (uint8_t)((o->next_recent + 1) % OVERLAY_RECENT_MAX);
}

static struct recent *find_recent(struct overlay *o, const uint8_t *id) {
    uint64_t start = read_u64(id);
    for (size_t i = 0; i < OVERLAY_RECENT_MAX; i++) {
        if (o->recent[i].id == start) {
            return &o->recent[i];
        }
    }
    return NULL;
}

static void keep_pace(struct overlay *o, bool fresh) {
    int64_t past = o->now.mono.ms - o->pace_at.ms;
    past = past < PACE_S * 1000 ? past : PACE_S * 1000;
    o->pace -= (uint32_t)(o->pace * past / (PACE_S * 1000));
    o->pace_at = o->now.mono;
    o->pace += fresh && o->pace < UINT32_MAX / 2 ? PACE_ONE : 0;
    o->young_count -= fresh && o->young_count > 0 ? 1 : 0;
}

int64_t tree_mean_gap(const struct overlay *o) {
    return INT64_C(1000) * PACE_S * PACE_ONE / (o->pace + 1);
}

static bool is_within(const struct overlay *o, struct tick at, int64_t ms) {
    return at.ms != 0 && !tick_reached(o->now.mono, tick_add(at, (struct duration){ms}));
}

static uint8_t slot_of(const struct overlay *o, const struct link *link) {
    return (uint8_t)(link - o->links);
}

static uint8_t one_more(uint8_t hops) {
    return hops >= LINK_HOPS_CAUGHT_UP - 1 ? hops : (uint8_t)(hops + 1);
}
