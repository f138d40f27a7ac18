/* Whom a home is linked with, and whom it knows (view.c, book.c, walk.c). */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/overlay_rig.h"

enum {
    A = 1,
    B = 2,
    C = 3,
    SECOND = DURATION_SECOND_MS,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    ANSWER_MS = 10 * 1000,
    REFUSED_MS = 20 * 1000,
    THEIRS = OVERLAY_SLOTS - OVERLAY_DIALLED_FEW, /* slots that others may have */
    DIALLED = 5, /* by us: numbers 1 to 5, the first three the oldest */
};

static struct rig rig;
static struct link_message message;

static void say_walk(peer_no from, peer_no about, uint32_t left) {
    message = (struct link_message){.kind = LINK_WALK};
    message.as.walk.peer = members_id(about);
    message.as.walk.left = left;
    rig_say(&rig, from, &message);
}

static void say_shuffle(enum link_kind kind, peer_no from, uint64_t nonce, uint32_t left,
                        peer_no about) {
    message = (struct link_message){.kind = kind};
    message.as.shuffle.nonce = nonce;
    message.as.shuffle.left = left;
    message.as.shuffle.count = 1;
    message.as.shuffle.peers[0] = members_id(about);
    rig_say(&rig, from, &message);
}

/* From deadline to deadline, with something heard over all links, until this is sent. */
static const struct link_message *await_message(enum link_kind kind) {
    for (int i = 0; i < 10000; i++) {
        const struct link_message *sent = rig_message(&rig, kind, RIG_PEERS);
        if (sent != NULL) {
            return sent;
        }
        int64_t wait = overlay_deadline(rig.overlay, rig.now).ms - rig.now.mono.ms;
        rig_pass(&rig, wait > 0 ? wait : 0);
        for (peer_no peer = 0; peer < RIG_PEERS; peer++) {
            if (rig.up[peer]) {
                CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_HEARD,
                                                                        .link = peer}));
            }
        }
        rig_tick(&rig);
    }
    fail_msg("no message of kind %d was sent", (int)kind);
    return NULL;
}

/* The peer that is dialled next and is not linked, time going on likewise. */
static peer_no await_dial(void) {
    for (int i = 0; i < 100000; i++) {
        int64_t wait = overlay_deadline(rig.overlay, rig.now).ms - rig.now.mono.ms;
        rig_pass(&rig, wait > 0 ? wait : 0);
        for (peer_no peer = 0; peer < RIG_PEERS; peer++) {
            if (rig.up[peer]) {
                CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_HEARD,
                                                                        .link = peer}));
            }
        }
        rig_tick(&rig);
        for (size_t k = 0; k < rig.actions->count; k++) {
            const struct overlay_action *action = &rig.actions->list[k];
            if (action->kind == OVERLAY_ACT_DIAL && !rig.up[action->peer]) {
                return action->peer;
            }
        }
    }
    fail_msg("nobody is dialled");
    return OVERLAY_NOBODY;
}

static size_t anchors(struct overlay_known out[OVERLAY_BOOK_MAX]) {
    struct overlay_known book[OVERLAY_BOOK_MAX];
    size_t all = overlay_book(rig.overlay, book);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (book[i].anchor) {
            out[count++] = book[i];
        }
    }
    return count;
}

/* ---- walks ---- */

static void test_a_newcomer_is_sent_round_over_each_other_link(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    rig_up(&rig, B, true);
    rig_rise(&rig, C, false);
    rig_neighbour(&rig, C, NEIGHBOUR_NEW);
    CHECK(rig_sent(&rig, LINK_WALK, A) == 1);
    CHECK(rig_sent(&rig, LINK_WALK, B) == 1);
    CHECK(rig_sent(&rig, LINK_WALK, C) == 0);
    const struct id newcomer = members_id(C);
    const struct link_message *walk = rig_message(&rig, LINK_WALK, A);
    CHECK(id_equal(&walk->as.walk.peer, &newcomer));
    CHECK(walk->as.walk.left == LINK_WALK_MAX);
    rig_destroy(&rig);
}

static void test_a_walk_goes_on_over_another_link_with_one_less_left(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    rig_up(&rig, B, true);
    for (uint32_t left = LINK_WALK_MAX; left > 0; left--) {
        say_walk(A, 50 + left, left);
        CHECK(rig_sent(&rig, LINK_WALK, RIG_PEERS) == 1);
        CHECK(rig_message(&rig, LINK_WALK, B)->as.walk.left == left - 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_DIAL, RIG_PEERS) == 0);
        CHECK(rig_in_passive(&rig, 50 + left) == (left == 3));
    }
    rig_destroy(&rig);
}

static void test_where_a_walk_ends_the_newcomer_is_dialled_if_there_is_room(void **state) {
    (void)state;
    enum {
        AT_ONCE = 4
    };
    rig_create(&rig);
    rig_up(&rig, A, true);
    say_walk(A, 60, LINK_WALK_MAX); /* nobody else to send it to */
    CHECK(rig_sent(&rig, LINK_WALK, RIG_PEERS) == 0);
    CHECK(rig_count(&rig, OVERLAY_ACT_DIAL, 60) == 1);
    for (peer_no peer = 61; peer < 61 + AT_ONCE - 1; peer++) {
        say_walk(A, peer, 0);
        CHECK(rig_count(&rig, OVERLAY_ACT_DIAL, peer) == 1);
    }
    say_walk(A, 70, 0); /* nobody makes us dial without end */
    CHECK(rig_count(&rig, OVERLAY_ACT_DIAL, 70) == 0);
    CHECK(rig_in_passive(&rig, 70));
    rig_destroy(&rig);

    rig_create(&rig);
    for (peer_no peer = A; overlay_link_count(rig.overlay) < OVERLAY_LINKS_MAX; peer++) {
        rig_up(&rig, peer, true);
    }
    say_walk(A, 61, 0);
    CHECK(rig_sent(&rig, LINK_WALK, RIG_PEERS) == 0);
    CHECK(rig_count(&rig, OVERLAY_ACT_DIAL, RIG_PEERS) == 0);
    rig_destroy(&rig);
}

static void test_a_walk_about_ourselves_or_nobody_known_ends(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    rig_up(&rig, B, true);
    say_walk(A, RIG_SELF, LINK_WALK_MAX);
    CHECK(rig.actions->count == 0);
    message.as.walk.peer = (struct id){{1}};
    rig_say(&rig, A, &message);
    CHECK(rig.actions->count == 0);
    rig_destroy(&rig);
}

/* ---- shuffles ---- */

static void test_a_shuffle_lists_ourselves_links_and_passive_view_to_one_link(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, false);
    for (peer_no peer = 20; peer < 30; peer++) {
        rig_name(&rig, peer);
    }
    const struct link_message *sent = await_message(LINK_SHUFFLE);
    const struct id self = members_id(RIG_SELF);
    CHECK(sent->as.shuffle.left == LINK_WALK_MAX);
    CHECK(sent->as.shuffle.nonce != 0);
    CHECK(sent->as.shuffle.count == LINK_PEERS_MAX);
    CHECK(id_equal(&sent->as.shuffle.peers[0], &self));
    for (size_t i = 1; i < sent->as.shuffle.count; i++) { /* not the one whom it goes to */
        uint32_t peer = read_u32(sent->as.shuffle.peers[i].b);
        CHECK(peer >= 20 && peer < 30);
    }
    rig_destroy(&rig);
}

static void test_the_answer_to_our_shuffle_counts_once(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, false);
    uint64_t nonce = await_message(LINK_SHUFFLE)->as.shuffle.nonce;
    say_shuffle(LINK_SHUFFLED, A, nonce ^ 1, 0, 70);
    CHECK(!rig_in_passive(&rig, 70)); /* to nothing that we asked */
    say_shuffle(LINK_SHUFFLED, A, nonce, 0, 71);
    CHECK(rig_in_passive(&rig, 71));
    say_shuffle(LINK_SHUFFLED, A, nonce, 0, 72);
    CHECK(!rig_in_passive(&rig, 72));
    rig_destroy(&rig);
}

static void test_an_answer_goes_back_the_way_that_its_shuffle_came_once(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    rig_up(&rig, B, true);
    say_shuffle(LINK_SHUFFLE, A, 99, 3, 70);
    CHECK(rig_sent(&rig, LINK_SHUFFLE, RIG_PEERS) == 1);
    CHECK(rig_message(&rig, LINK_SHUFFLE, B)->as.shuffle.left == 2);
    CHECK(rig_message(&rig, LINK_SHUFFLE, B)->as.shuffle.nonce == 99);
    CHECK(!rig_in_passive(&rig, 70)); /* it is for where it ends */
    say_shuffle(LINK_SHUFFLED, B, 99, 0, 71);
    CHECK(rig_sent(&rig, LINK_SHUFFLED, RIG_PEERS) == 1);
    CHECK(rig_message(&rig, LINK_SHUFFLED, A)->as.shuffle.nonce == 99);
    CHECK(!rig_in_passive(&rig, 71));
    say_shuffle(LINK_SHUFFLED, B, 99, 0, 71);
    CHECK(rig.actions->count == 0);
    rig_destroy(&rig);
}

static void test_where_a_shuffle_ends_it_is_answered_and_learned_from(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    rig_up(&rig, B, true);
    say_shuffle(LINK_SHUFFLE, A, 99, 0, 70);
    CHECK(rig_sent(&rig, LINK_SHUFFLE, RIG_PEERS) == 0);
    CHECK(rig_sent(&rig, LINK_SHUFFLED, RIG_PEERS) == 1);
    CHECK(rig_message(&rig, LINK_SHUFFLED, A)->as.shuffle.nonce == 99);
    CHECK(rig_in_passive(&rig, 70));
    rig_destroy(&rig);
}

/* ---- passive view and book ---- */

static void test_the_passive_view_holds_neither_ourselves_nor_who_is_linked(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, true);
    say_shuffle(LINK_SHUFFLE, A, 1, 0, RIG_SELF);
    CHECK(!rig_in_passive(&rig, RIG_SELF));
    say_shuffle(LINK_SHUFFLE, A, 2, 0, A);
    CHECK(!rig_in_passive(&rig, A));
    say_shuffle(LINK_SHUFFLE, A, 3, 0, B);
    CHECK(rig_in_passive(&rig, B));
    rig_up(&rig, B, false);
    CHECK(!rig_in_passive(&rig, B));
    rig_down(&rig, B, true); /* it lives: worth a try later */
    CHECK(rig_in_passive(&rig, B));
    rig_destroy(&rig);
}

static void test_the_book_survives_an_hour_in_which_nobody_answers(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 100; peer++) {
        rig_name(&rig, peer);
    }
    rig_run(&rig, HOUR, true);
    for (peer_no peer = 1; peer <= 100; peer++) {
        CHECK(rig_in_book(&rig, peer, NULL));
        CHECK(!rig_in_passive(&rig, peer)); /* it did not answer */
        CHECK(rig.dials[peer] >= 2);
    }
    rig_destroy(&rig);
}

static void test_newcomers_do_not_push_out_of_the_book_whom_we_have_met(void **state) {
    (void)state;
    struct overlay_known known;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= DIALLED; peer++) {
        rig_name(&rig, peer);
        rig_up(&rig, peer, true);
    }
    for (peer_no peer = 1000; peer < 4000; peer++) {
        rig_name(&rig, peer);
    }
    for (peer_no peer = 1; peer <= DIALLED; peer++) {
        CHECK(rig_in_book(&rig, peer, &known));
        CHECK(known.met);
    }
    rig_destroy(&rig);
}

/* ---- anchors ---- */

/* All that we dialled have brought something. */
static void make_anchors(void) {
    rig_create(&rig);
    for (peer_no peer = 1; peer <= DIALLED; peer++) {
        rig_name(&rig, peer);
        rig_up(&rig, peer, true);
        rig_pass(&rig, 100);
        if (rig_offer(&rig, peer, 1, 1) == OVERLAY_WANTED) {
            CHECK_ERR(ERR_OK, rig_accept(&rig, peer, 1, 1));
        }
    }
    for (peer_no peer = 20; peer < 24; peer++) {
        rig_name(&rig, peer);
        rig_up(&rig, peer, false);
    }
    for (peer_no peer = 30; peer < 60; peer++) {
        rig_name(&rig, peer);
    }
    rig_run(&rig, 20 * MINUTE, true);
}

static void test_the_three_links_that_we_dialled_and_had_longest_are_anchors(void **state) {
    (void)state;
    struct overlay_known known;
    struct overlay_known all[OVERLAY_BOOK_MAX];
    make_anchors();
    CHECK(anchors(all) == OVERLAY_ANCHORS_MAX);
    for (peer_no peer = 1; peer <= OVERLAY_ANCHORS_MAX; peer++) {
        CHECK(rig_in_book(&rig, peer, &known));
        CHECK(known.anchor);
    }
    rig_destroy(&rig);
}

static void test_no_flood_of_newcomers_takes_an_anchors_link(void **state) {
    (void)state;
    make_anchors();
    for (peer_no peer = 100; peer < 1100; peer++) {
        rig_rise(&rig, peer, false);
        rig_neighbour(&rig, peer, peer % 2 == 0 ? NEIGHBOUR_NEW : NEIGHBOUR_NONE);
        rig_run(&rig, 5 * SECOND, true);
        for (peer_no anchor = 1; anchor <= DIALLED; anchor++) { /* nor any that we dialled */
            CHECK(rig.closed[anchor] == 0);
            CHECK(overlay_is_linked(rig.overlay, anchor));
        }
    }
    rig_destroy(&rig);
}

static void test_after_a_restart_the_anchors_are_dialled_first(void **state) {
    (void)state;
    struct overlay_known book[OVERLAY_BOOK_MAX];
    make_anchors();
    size_t count = overlay_book(rig.overlay, book);
    rig_destroy(&rig);
    rig_create(&rig);
    for (size_t i = 0; i < count; i++) {
        CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_PEER,
                                                                .peer = book[i].peer,
                                                                .met = book[i].met,
                                                                .anchor = book[i].anchor}));
    }
    (void)await_dial();
    for (size_t i = 0; i < OVERLAY_ANCHORS_MAX; i++) {
        CHECK(rig.actions->list[i].kind == OVERLAY_ACT_DIAL);
        CHECK(rig.actions->list[i].peer <= OVERLAY_ANCHORS_MAX);
    }
    struct overlay_known again[OVERLAY_BOOK_MAX];
    CHECK(anchors(again) == OVERLAY_ANCHORS_MAX); /* until there are new ones */
    rig_destroy(&rig);
}

/* ---- links ---- */

static void test_nothing_counts_before_neighbour(void **state) {
    (void)state;
    static const enum link_kind kinds[] = {LINK_IHAVE, LINK_GRAFT,    LINK_PRUNE,  LINK_WALK,
                                           LINK_SYNC,  LINK_SYNC_IDS, LINK_SHUFFLE};
    for (int dialled = 0; dialled < 2; dialled++) {
        rig_create(&rig);
        rig_up(&rig, B, true);
        CHECK_ERR(ERR_OK, rig_accept(&rig, 0, 7, 0));
        rig_rise(&rig, A, dialled == 1);
        CHECK(rig_sent(&rig, LINK_NEIGHBOUR, A) ==
              (dialled == 1 ? 1 : 0)); /* who dialled is first */
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            message = (struct link_message){.kind = kinds[i]};
            rig_say(&rig, A, &message);
            CHECK(rig.actions->count == 0);
        }
        CHECK(rig_offer(&rig, A, 8, 1) == OVERLAY_LATER);
        CHECK_ERR(ERR_OK, rig_accept(&rig, 0, 9, 0));
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, A) == 0);
        CHECK(!overlay_is_linked(rig.overlay, A));
        CHECK(overlay_link_count(rig.overlay) == 1);
        rig_neighbour(&rig, A, NEIGHBOUR_NONE);
        CHECK(rig_sent(&rig, LINK_NEIGHBOUR, A) == (dialled == 1 ? 0 : 1));
        CHECK(overlay_is_linked(rig.overlay, A));
        CHECK(rig_offer(&rig, A, 8, 1) == OVERLAY_WANTED);
        rig_destroy(&rig);
    }
}

static void test_who_does_not_say_neighbour_is_given_up_after_ten_seconds(void **state) {
    (void)state;
    for (int dialled = 0; dialled < 2; dialled++) {
        rig_create(&rig);
        rig_rise(&rig, A, dialled == 1);
        rig_run(&rig, ANSWER_MS - 1, true); /* whatever else it says */
        CHECK(rig.closed[A] == 0);
        rig_run(&rig, 1, true);
        CHECK(rig.closed[A] == 1);
        rig_destroy(&rig);
    }
}

static void test_a_peer_that_refused_is_not_dialled_for_twenty_seconds(void **state) {
    (void)state;
    for (int open = 0; open < 2; open++) {
        rig_create(&rig);
        rig_name(&rig, A);
        CHECK(await_dial() == A);
        rig_rise(&rig, A, true);
        if (open == 1) { /* it took the link first */
            rig_neighbour(&rig, A, NEIGHBOUR_MORE);
        }
        rig_down(&rig, A, true);
        rig_run(&rig, REFUSED_MS - SECOND, true);
        CHECK(rig.dials[A] == 1);
        rig_run(&rig, 3 * SECOND, true);
        CHECK(rig.dials[A] >= 2);
        rig_destroy(&rig);
    }
}

static size_t dials_in(int64_t ms) {
    size_t count = 0;
    for (int64_t at = 0; at < ms; at += 50) {
        rig_pass(&rig, 50);
        for (peer_no peer = 0; peer < RIG_PEERS; peer++) {
            if (rig.up[peer]) {
                CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_HEARD,
                                                                        .link = peer}));
            }
        }
        rig_tick(&rig);
        count += rig_count(&rig, OVERLAY_ACT_DIAL, RIG_PEERS);
    }
    return count;
}

/* Most of whom it knows may be gone without a word, and each takes the driver ten seconds. */
static void test_who_has_few_links_does_not_wait_for_those_that_do_not_answer(void **state) {
    (void)state;
    static const struct {
        peer_no links;
        size_t at_once, late;
    } rows[] = {{0, 8, 8}, {1, 8, 8}, {OVERLAY_LINKS_FEW + 1, 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_create(&rig);
        for (peer_no peer = 0; peer < rows[i].links; peer++) {
            rig_up(&rig, 201 + peer, false);
        }
        for (peer_no peer = 1; peer <= 100; peer++) {
            rig_name(&rig, peer);
        }
        CHECK(dials_in(2000) == rows[i].at_once);
        CHECK(dials_in(4000) == rows[i].late);
        CHECK(dials_in(4000) == 0);
        for (peer_no peer = 1; peer <= 100; peer++) {
            if (rig.dials[peer] > 0) {
                CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){
                                                     .kind = OVERLAY_EV_LINK_DOWN, .peer = peer}));
            }
        }
        CHECK(dials_in(2000) == rows[i].at_once);
        rig_destroy(&rig);
    }
}

/* It may be no member any more, and never hear of it. */
static void test_whom_nobody_wants_dials_ever_more_rarely(void **state) {
    (void)state;
    enum {
        IN_HASTE = 64,
        AND_MORE = 64
    };
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 200; peer++) {
        rig_name(&rig, peer);
    }
    int64_t began = rig.now.mono.ms;
    for (int i = 0; i < IN_HASTE + AND_MORE; i++) {
        peer_no peer = await_dial();
        rig_rise(&rig, peer, true);
        rig_down(&rig, peer, true);
        CHECK(i >= IN_HASTE || rig.now.mono.ms - began < 2 * 60 * SECOND);
    }
    began = rig.now.mono.ms;
    for (int i = 0; i < 8; i++) {
        peer_no peer = await_dial();
        rig_rise(&rig, peer, true);
        rig_down(&rig, peer, true);
    }
    CHECK(rig.now.mono.ms - began > 60 * SECOND);
    rig_up(&rig, 201, false); /* somebody does */
    rig_down(&rig, 201, false);
    began = rig.now.mono.ms;
    (void)await_dial();
    CHECK(rig.now.mono.ms - began < 2 * SECOND);
    rig_destroy(&rig);
}

static void test_a_swap_gives_up_a_link_that_we_dialled_but_no_anchor(void **state) {
    (void)state;
    enum {
        SWAPS = 20
    };
    make_anchors();
    for (peer_no peer = 22; peer < 24; peer++) { /* seven: none is lacking */
        rig_down(&rig, peer, true);
    }
    for (int swaps = 0; swaps < SWAPS; swaps++) {
        peer_no other = await_dial();
        rig_rise(&rig, other, true);
        CHECK(rig_message(&rig, LINK_NEIGHBOUR, other)->as.neighbour.wish == NEIGHBOUR_SWAP);
        rig_neighbour(&rig, other, NEIGHBOUR_MORE);
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, RIG_PEERS) == 1);
        CHECK(rig.actions->list[0].why == OVERLAY_END_SWAPPED);
        CHECK(rig.actions->list[0].link > OVERLAY_ANCHORS_MAX);
        CHECK(rig.actions->list[0].link < 20 || rig.actions->list[0].link >= 22);
        CHECK(overlay_is_linked(rig.overlay, other));
        CHECK(overlay_link_count(rig.overlay) == OVERLAY_LINKS_WANTED);
        rig.now.mono.ms += MINUTE / 2; /* longer than who was given up is put off */
        rig_run(&rig, 1, true);
    }
    struct overlay_counts counts;
    overlay_counts(rig.overlay, &counts);
    CHECK(counts.swaps >= SWAPS);
    rig_destroy(&rig);
}

static void test_whoever_repeats_what_it_was_told_has_brought_nothing(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= 60; peer++) {
        rig_name(&rig, peer);
    }
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_WANTED; peer++) {
        rig_up(&rig, peer, peer <= OVERLAY_ANCHORS_MAX);
    }
    CHECK_ERR(ERR_OK, rig_accept(&rig, 0, 1, 0)); /* ours: all are told, in two seconds */
    rig_run(&rig, 2 * SECOND, true);
    struct overlay_counts before;
    struct overlay_counts after;
    overlay_counts(rig.overlay, &before);
    for (int i = 0; i < 120; i++) {
        for (peer_no peer = 1; peer <= OVERLAY_LINKS_WANTED; peer++) {
            rig_announce(&rig, peer, 1);
        }
        rig_run(&rig, SECOND, true);
    }
    overlay_counts(rig.overlay, &after);
    CHECK(after.swaps - before.swaps >= 2); /* it looks for others all the same */
    rig_destroy(&rig);
}

/* As when a community has grown: all came in while there were few. */
static void test_nine_that_others_dialled_leave_room_for_three_of_ours(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
        rig_name(&rig, peer);
        rig_up(&rig, peer, false);
    }
    for (peer_no peer = 20; peer < 60; peer++) {
        rig_name(&rig, peer);
    }
    for (int i = 0; i < OVERLAY_DIALLED_FEW; i++) {
        peer_no other = await_dial();
        rig_rise(&rig, other, true);
        rig_neighbour(&rig, other, NEIGHBOUR_MORE);
        CHECK(overlay_is_linked(rig.overlay, other));
        CHECK(overlay_link_count(rig.overlay) <= OVERLAY_LINKS_MAX);
    }
    rig_destroy(&rig);
}

static void test_a_link_that_ended_with_its_peers_certificate_is_replaced(void **state) {
    (void)state;
    make_anchors();
    for (peer_no peer = 22; peer < 24; peer++) { /* seven: none is lacking */
        rig_down(&rig, peer, true);
    }
    rig_run(&rig, 2 * SECOND, true);
    size_t before = 0;
    size_t after = 0;
    for (peer_no peer = 30; peer < 60; peer++) {
        before += rig.dials[peer];
    }
    CHECK_ERR(ERR_OK,
              rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_PEER_GONE, .peer = 20}));
    CHECK(rig.closed[20] == 1);
    rig_run(&rig, 2 * SECOND, true);
    for (peer_no peer = 30; peer < 60; peer++) {
        after += rig.dials[peer];
    }
    CHECK(after > before);
    CHECK(rig.dials[20] == 0);
    rig_destroy(&rig);
}

static void rise_from(peer_no peer, link_no link, uint32_t group, bool dialled) {
    CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                                            .peer = peer,
                                                            .link = link,
                                                            .group = group,
                                                            .dialled = dialled}));
}

/* By each its own, or by one that dials again and again. */
static void rise_in_silence(bool each) {
    for (peer_no link = 100; link < 100 + 2 * OVERLAY_SLOTS; link++) {
        rise_from(each ? link : 100, link, 0, false);
        rig_pass(&rig, 700);
    }
}

static void test_who_dials_again_and_says_nothing_has_two_links(void **state) {
    (void)state;
    rig_create(&rig);
    rise_from(A, A, 0, false);
    rig_pass(&rig, 100);
    rise_in_silence(false);
    for (peer_no link = 100; link < 100 + 2 * OVERLAY_SLOTS - 2; link++) {
        CHECK(rig.closed[link] == 1);
    }
    for (peer_no link = 1; link <= 2; link++) { /* it may have lost the others */
        CHECK(rig.closed[100 + 2 * OVERLAY_SLOTS - link] == 0);
    }
    CHECK(rig.actions->list[0].why == OVERLAY_END_TWICE);
    CHECK(rig.closed[A] == 0);
    rig_neighbour(&rig, 100 + 2 * OVERLAY_SLOTS - 1, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(rig.overlay, 100));
    rig_destroy(&rig);
}

/* A home that starts again would stay alone. */
static void test_those_who_say_nothing_keep_no_link_of_ours_out(void **state) {
    (void)state;
    rig_create(&rig);
    rise_in_silence(true);
    rig_pass(&rig, 2 * SECOND);
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
        rise_from(peer, peer, 0, true);
        CHECK(rig_sent(&rig, LINK_NEIGHBOUR, peer) == 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, RIG_PEERS) ==
              (peer <= OVERLAY_DIALLED_FEW ? 0 : 1)); /* so many places are ours */
    }
    for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
        rig_neighbour(&rig, peer, NEIGHBOUR_MORE);
        CHECK(overlay_is_linked(rig.overlay, peer));
    }
    rise_in_silence(true);
    rig_pass(&rig, 2 * SECOND);
    for (peer_no peer = 20; peer < 20 + OVERLAY_DIALLED_FEW; peer++) { /* nor when it has all */
        rise_from(peer, peer, 0, true);
    }
    CHECK(overlay_link_count(rig.overlay) == OVERLAY_LINKS_MAX);
    rig_destroy(&rig);
}

/* Nor is one cut off that may be about to say it. */
static void test_who_has_just_dialled_gives_way_to_nobody(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 100; peer < 100 + THEIRS; peer++) {
        rise_from(peer, peer, 0, false);
        rig_pass(&rig, 100);
    }
    CHECK(rig_step(&rig, (struct overlay_event){
                             .kind = OVERLAY_EV_LINK_UP, .peer = A, .link = A}) == ERR_FULL_LINKS);
    rig_neighbour(&rig, 100, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(rig.overlay, 100));
    rig_destroy(&rig);
}

/* Each has two links, none of them older than a second. */
static void crowd_in(link_no *link, peer_no count) {
    for (peer_no i = 0; i < 2 * count; i++) {
        (void)rig_step(&rig, (struct overlay_event){
                                 .kind = OVERLAY_EV_LINK_UP, .peer = 100 + i / 2, .link = ++*link});
        rig_pass(&rig, 500 / count);
    }
}

static void test_those_who_dial_all_the_time_keep_no_link_of_ours_out(void **state) {
    (void)state;
    for (peer_no count = 1; count <= 2 * OVERLAY_SLOTS; count++) {
        link_no link = 100;
        rig_create(&rig);
        for (peer_no peer = 1; peer <= OVERLAY_LINKS_MAX; peer++) {
            crowd_in(&link, count);
            rise_from(peer, peer, 0, true);
            crowd_in(&link, count);
            rig_neighbour(&rig, peer, NEIGHBOUR_MORE);
            CHECK(overlay_is_linked(rig.overlay, peer));
        }
        rig_destroy(&rig);
    }
}

/* Else one home would keep others out with half as many certificates. */
static void test_who_has_two_links_gives_one_up_to_who_has_none(void **state) {
    (void)state;
    link_no link = 100;
    rig_create(&rig);
    crowd_in(&link, THEIRS / 2);
    rise_from(A, A, 0, false);
    CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, 101) == 1); /* the oldest */
    CHECK(rig.actions->count == 1);
    rig_neighbour(&rig, A, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(rig.overlay, A));
    rig_destroy(&rig);
}

static void test_a_dial_that_finds_no_slot_is_made_again_soon(void **state) {
    (void)state;
    rig_create(&rig);
    for (peer_no peer = 100; peer < 100 + THEIRS; peer++) {
        rise_from(peer, peer, 0, false);
    }
    for (peer_no peer = 1; peer <= OVERLAY_DIALLED_FEW; peer++) {
        rise_from(peer, peer, 0, true);
    }
    CHECK(overlay_deadline(rig.overlay, rig.now).ms - rig.now.mono.ms > SECOND);
    CHECK(rig_step(&rig,
                   (struct overlay_event){
                       .kind = OVERLAY_EV_LINK_UP, .peer = 50, .link = 50, .dialled = true}) ==
          ERR_FULL_LINKS);
    CHECK(overlay_deadline(rig.overlay, rig.now).ms - rig.now.mono.ms <= SECOND / 2);
    rig_destroy(&rig);
}

static void test_who_says_nothing_for_longest_gives_way_to_who_comes(void **state) {
    (void)state;
    rig_create(&rig);
    rise_in_silence(true);
    rise_from(A, A, 0, false);
    CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, 100 + 2 * OVERLAY_SLOTS - THEIRS) == 1);
    rig_neighbour(&rig, A, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(rig.overlay, A));
    rig_destroy(&rig);
}

/* Nor may whoever is shunned push others out. */
static void test_who_is_shunned_takes_no_slot_from_others(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, A, false);
    CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_FAULT, .link = A}));
    rise_in_silence(true);
    CHECK(rig_step(&rig, (struct overlay_event){
                             .kind = OVERLAY_EV_LINK_UP, .peer = A, .link = A}) == ERR_FULL_LINKS);
    CHECK(rig.actions->count == 0);
    rig_destroy(&rig);
}

/* So many that a network may be too crowded. */
static void rise_elsewhere(bool dialled) {
    for (peer_no peer = 20; peer < 23; peer++) {
        rise_from(peer, peer, 0, dialled);
        rig_neighbour(&rig, peer, NEIGHBOUR_NONE);
    }
}

static void test_a_third_link_into_one_network_is_closed_whoever_dials(void **state) {
    (void)state;
    for (int dialled = 0; dialled < 2; dialled++) {
        rig_create(&rig);
        rise_elsewhere(dialled == 1);
        for (peer_no peer = A; peer <= C; peer++) {
            rise_from(peer, peer, 7, dialled == 1);
            rig_neighbour(&rig, peer, peer == C ? NEIGHBOUR_MORE : NEIGHBOUR_NONE);
        }
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, C) == 1);
        CHECK(rig.actions->list[0].why == OVERLAY_END_GROUP);
        CHECK(overlay_link_count(rig.overlay) == 3 + OVERLAY_GROUP_MAX);
        rise_from(A, 11, 7, dialled == 1); /* one of the two comes again: it takes no more */
        rig_neighbour(&rig, 11, NEIGHBOUR_NONE);
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, 11) == 0);
        CHECK(overlay_is_linked(rig.overlay, A));
        CHECK(overlay_link_count(rig.overlay) == 3 + OVERLAY_GROUP_MAX);
        rig_destroy(&rig);
    }
}

/* Else one network could have all links, each begun from elsewhere. */
static void test_who_comes_again_from_a_network_that_is_full_keeps_the_old_link(void **state) {
    (void)state;
    for (int dialled = 0; dialled < 2; dialled++) {
        rig_create(&rig);
        rise_elsewhere(dialled == 1);
        for (peer_no peer = A; peer <= C; peer++) {
            rise_from(peer, peer, peer == C ? 8 : 7, dialled == 1);
            rig_neighbour(&rig, peer, NEIGHBOUR_NONE);
        }
        rig_pass(&rig, MINUTE); /* not two that crossed */
        rise_from(C, 13, 7, dialled == 1);
        rig_neighbour(&rig, 13, NEIGHBOUR_MORE);
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, 13) == 1);
        CHECK(rig.actions->list[0].why == OVERLAY_END_GROUP);
        CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, C) == 0);
        CHECK(overlay_is_linked(rig.overlay, C));
        rig_destroy(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_newcomer_is_sent_round_over_each_other_link),
        cmocka_unit_test(test_a_walk_goes_on_over_another_link_with_one_less_left),
        cmocka_unit_test(test_where_a_walk_ends_the_newcomer_is_dialled_if_there_is_room),
        cmocka_unit_test(test_a_walk_about_ourselves_or_nobody_known_ends),
        cmocka_unit_test(test_a_shuffle_lists_ourselves_links_and_passive_view_to_one_link),
        cmocka_unit_test(test_the_answer_to_our_shuffle_counts_once),
        cmocka_unit_test(test_an_answer_goes_back_the_way_that_its_shuffle_came_once),
        cmocka_unit_test(test_where_a_shuffle_ends_it_is_answered_and_learned_from),
        cmocka_unit_test(test_the_passive_view_holds_neither_ourselves_nor_who_is_linked),
        cmocka_unit_test(test_the_book_survives_an_hour_in_which_nobody_answers),
        cmocka_unit_test(test_newcomers_do_not_push_out_of_the_book_whom_we_have_met),
        cmocka_unit_test(test_the_three_links_that_we_dialled_and_had_longest_are_anchors),
        cmocka_unit_test(test_no_flood_of_newcomers_takes_an_anchors_link),
        cmocka_unit_test(test_after_a_restart_the_anchors_are_dialled_first),
        cmocka_unit_test(test_nothing_counts_before_neighbour),
        cmocka_unit_test(test_who_does_not_say_neighbour_is_given_up_after_ten_seconds),
        cmocka_unit_test(test_a_peer_that_refused_is_not_dialled_for_twenty_seconds),
        cmocka_unit_test(test_who_has_few_links_does_not_wait_for_those_that_do_not_answer),
        cmocka_unit_test(test_whom_nobody_wants_dials_ever_more_rarely),
        cmocka_unit_test(test_a_swap_gives_up_a_link_that_we_dialled_but_no_anchor),
        cmocka_unit_test(test_whoever_repeats_what_it_was_told_has_brought_nothing),
        cmocka_unit_test(test_nine_that_others_dialled_leave_room_for_three_of_ours),
        cmocka_unit_test(test_a_link_that_ended_with_its_peers_certificate_is_replaced),
        cmocka_unit_test(test_who_dials_again_and_says_nothing_has_two_links),
        cmocka_unit_test(test_those_who_say_nothing_keep_no_link_of_ours_out),
        cmocka_unit_test(test_who_has_just_dialled_gives_way_to_nobody),
        cmocka_unit_test(test_those_who_dial_all_the_time_keep_no_link_of_ours_out),
        cmocka_unit_test(test_who_has_two_links_gives_one_up_to_who_has_none),
        cmocka_unit_test(test_a_dial_that_finds_no_slot_is_made_again_soon),
        cmocka_unit_test(test_who_says_nothing_for_longest_gives_way_to_who_comes),
        cmocka_unit_test(test_who_is_shunned_takes_no_slot_from_others),
        cmocka_unit_test(test_a_third_link_into_one_network_is_closed_whoever_dials),
        cmocka_unit_test(test_who_comes_again_from_a_network_that_is_full_keeps_the_old_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
