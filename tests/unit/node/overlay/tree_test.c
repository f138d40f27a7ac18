/* How objects spread over links, and how the tree is cut and mended (tree.c, PROTOCOL 5.1). */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/overlay_rig.h"

enum {
    A = 1,
    B = 2,
    C = 3,
    ANNOUNCE_MS = 600, /* to twice that */
    GRAFT_FIRST_MS = 200,
    GRAFT_LAST_MS = 1200,
    GRAFT_NEXT_MS = 300,
    GRAFT_IDS = 64,
    MEND_MS = 500,
    CROSSED_MS = 300,
    TURN_MS = 1000,
    APART_MS = 2000,     /* between the dates of two that have a turn */
    LATE_MS = 10 * 1000, /* less than that before the last one: it comes late */
    LAID_MS = 400,       /* of what went everywhere */
    TOLD_EVERY = 16,
    LONG_MS = 10 * 1000,
    ANSWERED_MS = 10 * 1000,
    MINUTE_MS = DURATION_MINUTE_MS,
    BROKEN_POINTS = 5,
    SHARE = 113,        /* of the ids that a node waits for: one link's */
    RECENT = 32,        /* objects of which the node knows how they came */
    OLD_MS = 40 * 1000, /* to twice that */
    OLD_COUNT = 200,
    OLD_FIRST_COUNT = 32,
    HEED_S = 20,
    TURN_PACE = 24 /* so many at a time, and every second one has no turn */
};

static struct rig rig;

/* Who dials without links is on the tree at once; who has some is not. */
static void rise(peer_no peer, bool eager) {
    rig_rise(&rig, peer, false);
    rig_neighbour(&rig, peer, eager ? NEIGHBOUR_NONE : NEIGHBOUR_MORE);
    CHECK(rig_is_eager(&rig, peer) == eager);
}

/* Two links; the second as said. */
static void create(bool eager) {
    rig_create(&rig);
    rise(A, true);
    rise(B, eager);
}

static void hear(peer_no silent) {
    for (peer_no peer = A; peer <= C; peer++) {
        if (rig.up[peer] && peer != silent) {
            CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_HEARD,
                                                                    .link = peer}));
        }
    }
}

/* From deadline to deadline until this is sent to that peer; how long that took, or -1. */
static int64_t await(enum link_kind kind, peer_no peer, int64_t within) {
    int64_t begin = rig.now.mono.ms;
    for (;;) {
        int64_t due = overlay_deadline(rig.overlay, rig.now).ms;
        if (due > begin + within) {
            rig_pass(&rig, begin + within - rig.now.mono.ms);
            return -1;
        }
        rig_pass(&rig, due > rig.now.mono.ms ? due - rig.now.mono.ms : 0);
        hear(0);
        rig_tick(&rig);
        if (rig_message(&rig, kind, peer) != NULL) {
            return rig.now.mono.ms - begin;
        }
    }
}

static void pass(int64_t ms) {
    (void)await(LINK_WALK, A, ms); /* nobody sends one */
}

/* The next objects, by their dates, have none. */
static void create_after_turn(void) {
    create(false);
    rig_bring(&rig, A, 1, 1);
    pass(LONG_MS);
}

static void say_prune(peer_no from, uint16_t number) {
    static struct link_message message;
    message = (struct link_message){.kind = LINK_PRUNE};
    memcpy(message.as.prune.id, rig_key(number).id.b, LINK_SHORT_BYTES);
    rig_say(&rig, from, &message);
}

static void say_graft(peer_no from, uint16_t first, size_t count) {
    static struct link_message message;
    message = (struct link_message){.kind = LINK_GRAFT, .as.graft.count = count};
    for (size_t i = 0; i < count; i++) {
        struct sync_key key = rig_key((uint16_t)(first + i));
        memcpy(message.as.graft.ids[i].b, key.id.b, LINK_SHORT_BYTES);
    }
    rig_say(&rig, from, &message);
}

/* Accepts an object by its key alone. */
static void accept(peer_no from, const struct sync_key *key, uint8_t hops, bool urgent) {
    CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                                            .link = from,
                                                            .key = *key,
                                                            .hops = hops,
                                                            .urgent = urgent,
                                                            .expires = INSTANT_NEVER}));
}

static enum overlay_verdict offer(peer_no from, const struct sync_key *key, uint8_t hops) {
    CHECK_ERR(
        ERR_OK,
        rig_step(&rig, (struct overlay_event){
                           .kind = OVERLAY_EV_OFFERED, .link = from, .key = *key, .hops = hops}));
    return rig.actions->verdict;
}

static void say_everywhere_at(peer_no from, uint16_t number, struct instant created) {
    struct sync_key key = rig_key(number);
    key.created = created;
    CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                                            .link = from,
                                                            .key = key,
                                                            .hops = 1,
                                                            .everywhere = true,
                                                            .expires = INSTANT_NEVER}));
}

static void say_everywhere(peer_no from, uint16_t number) {
    say_everywhere_at(from, number, rig_key(number).created);
}

static enum overlay_verdict offer_everywhere(peer_no from, uint16_t number) {
    CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_OFFERED,
                                                            .link = from,
                                                            .key = rig_key(number),
                                                            .hops = 1,
                                                            .everywhere = true}));
    return rig.actions->verdict;
}

/* Is it pushed something there that it is to push everywhere? */
static bool pushes_everywhere(peer_no peer) {
    for (size_t i = 0; i < rig.actions->count; i++) {
        const struct overlay_action *action = &rig.actions->list[i];
        if (action->kind == OVERLAY_ACT_PUSH && action->link == peer) {
            return action->everywhere;
        }
    }
    return false;
}

static bool prunes(peer_no from, uint16_t number, uint8_t hops) {
    CHECK(rig_offer(&rig, from, number, hops) == OVERLAY_DUPLICATE);
    const struct link_message *prune = rig_message(&rig, LINK_PRUNE, from);
    struct sync_key key = rig_key(number);
    CHECK(prune == NULL || memcmp(prune->as.prune.id, key.id.b, LINK_SHORT_BYTES) == 0);
    CHECK(rig.actions->count == (prune == NULL ? 0 : 1));
    return prune != NULL;
}

static void fetch(peer_no peer, uint16_t number) {
    rig_announce(&rig, peer, number);
    CHECK(await(LINK_GRAFT, peer, LONG_MS) > 0);
    rig_bring(&rig, peer, number, 2);
}

static unsigned faults(peer_no peer) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    size_t count = overlay_links(rig.overlay, links);
    for (size_t i = 0; i < count; i++) {
        if (links[i].peer == peer) {
            return links[i].faults;
        }
    }
    fail_msg("no link with %u", peer);
    return 0;
}

static uint64_t missed(void) {
    struct overlay_counts counts;
    overlay_counts(rig.overlay, &counts);
    return counts.missed;
}

/* ---- pushing and announcing ---- */

static void test_eager_links_are_pushed_the_object_and_the_others_told_its_id(void **state) {
    (void)state;
    create(false);
    rise(C, true);
    rig_bring(&rig, C, 1, 2);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, A) == 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 1);
    int64_t after = await(LINK_IHAVE, B, LONG_MS);
    CHECK(after >= ANNOUNCE_MS && after <= 2 * ANNOUNCE_MS);
    const struct link_message *ihave = rig_message(&rig, LINK_IHAVE, B);
    struct sync_key key = rig_key(1);
    CHECK(ihave->as.ihave.count == 1);
    CHECK(memcmp(ihave->as.ihave.ids[0].b, key.id.b, LINK_SHORT_BYTES) == 0);
    CHECK(rig_sent(&rig, LINK_IHAVE, RIG_PEERS) == 1);
    CHECK(await(LINK_IHAVE, RIG_PEERS, LONG_MS) < 0); /* once */
    rig_destroy(&rig);
}

static void test_ids_are_said_together(void **state) {
    (void)state;
    create(false);
    for (uint16_t i = 1; i <= 5; i++) {
        rig_bring(&rig, A, i, 1);
    }
    CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
    CHECK(rig_message(&rig, LINK_IHAVE, B)->as.ihave.count == 5);
    rig_destroy(&rig);
}

static void test_a_neighbour_that_shows_that_it_has_an_object_is_not_told_its_id(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        create(false);
        rig_bring(&rig, A, 1, 1);
        if (how == 0) {
            rig_announce(&rig, B, 1);
        } else if (how == 1) {
            CHECK(rig_offer(&rig, B, 1, 1) == OVERLAY_DUPLICATE);
        } else if (how == 2) {
            say_graft(B, 1, 1); /* it gets it */
        }
        CHECK((await(LINK_IHAVE, B, LONG_MS) < 0) == (how < 3));
        rig_destroy(&rig);
    }
}

/* Else one on whose branch nobody speaks would look as if it kept all to itself. */
static void test_who_brings_all_is_told_one_of_sixteen(void **state) {
    (void)state;
    create(false);
    for (int n = 1; n <= 3 * TOLD_EVERY; n++) {
        uint16_t i = (uint16_t)n;
        rig_bring(&rig, A, i, 1);
        rig_announce(&rig, B, i); /* it need not be told either */
        bool told = i % TOLD_EVERY == 0;
        int64_t after = await(LINK_IHAVE, A, 2 * ANNOUNCE_MS);
        CHECK((after > 0) == told);
        const struct link_message *ihave = rig_message(&rig, LINK_IHAVE, A);
        struct sync_key key = rig_key(i);
        CHECK(!told || (ihave->as.ihave.count == 1 &&
                        memcmp(ihave->as.ihave.ids[0].b, key.id.b, LINK_SHORT_BYTES) == 0));
        CHECK(rig_sent(&rig, LINK_IHAVE, B) == (told ? 1 : 0));
    }
    rig_destroy(&rig);
}

static void test_each_link_counts_one_hop_up_to_254(void **state) {
    (void)state;
    static const uint8_t hops[][2] = {{0, 1}, {5, 6}, {253, 254}, {254, 254}};
    create(true);
    for (uint16_t i = 0; i < 4; i++) {
        CHECK_ERR(ERR_OK, rig_accept(&rig, i == 0 ? 0 : B, (uint16_t)(i + 1), hops[i][0]));
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, A) == 1);
        CHECK(rig.actions->list[0].hops == hops[i][1]);
    }
    rig_destroy(&rig);
}

static void test_what_came_by_reconciliation_is_announced_alone(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, B, 1, LINK_HOPS_CAUGHT_UP);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 0);
    CHECK(await(LINK_IHAVE, A, LONG_MS) > 0);
    CHECK(rig_sent(&rig, LINK_IHAVE, B) == 0);
    rig_destroy(&rig);
}

static void test_what_is_urgent_goes_over_every_link_and_has_no_turn(void **state) {
    (void)state;
    create(false);
    rise(C, true);
    struct sync_key key = rig_key(1);
    accept(A, &key, 1, true);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, C) == 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 2);
    CHECK(!prunes(C, 1, 1));
    rig_destroy(&rig);
}

static void test_what_goes_everywhere_goes_over_every_link_and_is_said_to(void **state) {
    (void)state;
    create(false);
    rise(C, true);
    say_everywhere(A, 1);
    CHECK(pushes_everywhere(B));
    CHECK(pushes_everywhere(C));
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 2);
    CHECK(!rig_is_eager(&rig, B));
    rig_bring(&rig, A, 2, 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, C) == 1);
    CHECK(!pushes_everywhere(C));
    say_graft(B, 1, 1); /* who asks for it has it for itself */
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    CHECK(!pushes_everywhere(B));
    rig_destroy(&rig);
}

/* What comes by reconciliation is late, and what is urgent goes everywhere as it is. */
static void test_what_is_late_or_urgent_does_not_lay_the_tree(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        create(false);
        struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                      .link = A,
                                      .key = rig_key(1),
                                      .hops = late == 1 ? LINK_HOPS_CAUGHT_UP : 1,
                                      .everywhere = true,
                                      .urgent = late == 0,
                                      .expires = INSTANT_NEVER};
        CHECK_ERR(ERR_OK, rig_step(&rig, event));
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == (late == 1 ? 0 : 1));
        CHECK(!pushes_everywhere(B));
        say_everywhere(A, 2); /* so it has cost nothing yet */
        CHECK(pushes_everywhere(B));
        rig_destroy(&rig);
    }
}

static void test_who_says_of_all_that_it_goes_everywhere_gets_one_in_20_s(void **state) {
    (void)state;
    create(false);
    for (uint16_t i = 0; i < 60; i++) {
        say_everywhere(A, (uint16_t)(i * 1000 + 1));
        CHECK(pushes_everywhere(B) == (i % HEED_S == 0));
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == (i % HEED_S == 0 ? 1 : 0));
        pass(1000);
    }
    rig_destroy(&rig);
}

/* With dates that are far apart each time, as nobody's are who is honest. */
static void test_who_makes_up_dates_gets_one_in_10_s(void **state) {
    (void)state;
    create(false);
    for (uint16_t i = 0; i < 60; i++) {
        say_everywhere(A, (uint16_t)(i % 3 * 25000 + i + 1)); /* the third before is another */
        CHECK(pushes_everywhere(B) == (i % (HEED_S / 2) == 0));
        pass(1000);
    }
    rig_destroy(&rig);
}

/* It has no turn, for it may have come by a way that is not on the tree; and they are told so who
 * get it from us. */
static void test_what_goes_everywhere_too_soon_goes_over_the_tree(void **state) {
    (void)state;
    create(true);
    rise(C, false);
    say_everywhere(A, 3);
    pass(APART_MS);
    say_everywhere(C, APART_MS + 5);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 2);
    CHECK(pushes_everywhere(A) && pushes_everywhere(B));
    CHECK(rig_sent(&rig, LINK_GRAFT, C) == 0);
    CHECK(!rig_is_eager(&rig, C)); /* the other end has pushed it over all its links */
    CHECK(!prunes(B, APART_MS + 5, 1));
    rig_destroy(&rig);
}

/* Of two that say so at once all take the one that was made first, whichever came first. */
static void test_of_two_that_go_everywhere_the_earlier_one_does(void **state) {
    (void)state;
    for (int late = 0; late < 4; late++) {
        create(false);
        rise(C, true);
        if (late == 3) { /* an ordinary turn before forbids neither */
            rig_bring(&rig, A, 2, 1);
            pass(TURN_MS);
        }
        say_everywhere(A, APART_MS);
        CHECK(prunes(C, APART_MS, 1));
        pass(late == 1 ? LAID_MS : LAID_MS - 1); /* its tree is laid */
        say_everywhere(A, late == 2 ? APART_MS + 1 : 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == (late % 3 == 0 ? 1 : 0));
        CHECK(rig_is_eager(&rig, C) == (late != 1));
        CHECK(prunes(C, late == 2 ? APART_MS + 1 : 1, 1) == (late % 3 == 0));
        rig_destroy(&rig);
    }
}

static void test_what_we_say_when_the_tree_is_old_goes_everywhere(void **state) {
    (void)state;
    create(false);
    int64_t laid = rig.now.mono.ms;
    uint16_t next = 1;
    for (int time = 0; time < 3; time++) {
        uint16_t first = next;
        int least = time == 0 ? OLD_FIRST_COUNT : OLD_COUNT;
        do {
            pass(500);
            CHECK_ERR(ERR_OK, rig_accept(&rig, 0, next++, 0));
        } while (!pushes_everywhere(B));
        CHECK(rig.now.mono.ms - laid >= OLD_MS);
        CHECK(next - first >= least);
        laid = rig.now.mono.ms;
    }
    for (int i = 0; i < 2 * OLD_MS / 1000; i++) { /* what others say is not for us to choose */
        pass(1000);
        rig_bring(&rig, A, next++, 1);
        CHECK(!pushes_everywhere(B));
    }
    rig_destroy(&rig);
}

/* One says so, and all others have it from that one. */
static void test_what_others_say_goes_everywhere_keeps_us_from_saying_so(void **state) {
    (void)state;
    create(false);
    for (int i = 1; i <= 8 * OLD_COUNT; i++) {
        if (i % OLD_COUNT == 1) {
            say_everywhere_at(A, (uint16_t)i, rig.now.wall);
        } else {
            CHECK_ERR(ERR_OK, rig_accept(&rig, 0, (uint16_t)i, 0));
            CHECK(!pushes_everywhere(B));
        }
        pass(250);
    }
    rig_destroy(&rig);
}

/* How long it takes until the first has said so where `each_ms` pass between two objects. */
static int64_t mean_wait(int64_t each_ms) {
    enum {
        TIMES = 60
    };
    int64_t sum = 0;
    for (uint64_t seed = 1; seed <= TIMES; seed++) {
        rig_create(&rig);
        rig.random = seed * 1000;
        rise(A, true);
        rise(B, false);
        uint16_t number = 1;
        int64_t began = rig.now.mono.ms;
        do {
            pass(each_ms);
            CHECK_ERR(ERR_OK, rig_accept(&rig, 0, number++, 0));
        } while (!pushes_everywhere(B));
        CHECK(rig.now.mono.ms - began >= OLD_MS);
        sum += rig.now.mono.ms - began - OLD_MS;
        rig_destroy(&rig);
    }
    return sum / TIMES;
}

/* Were all to say so as soon as they may, many would at a time where much is said. */
static void test_it_is_said_some_7_s_later_however_much_is_said(void **state) {
    (void)state;
    CHECK(mean_wait(1000) > 3500 && mean_wait(1000) < 14 * 1000);
    CHECK(mean_wait(100) > 3500 && mean_wait(100) < 14 * 1000);
}

static void test_without_links_nothing_of_ours_counts_as_gone_everywhere(void **state) {
    (void)state;
    rig_create(&rig);
    rig_tick(&rig);
    int number = 1;
    for (; number <= 2 * OLD_FIRST_COUNT; number++) {
        pass(10 * 1000);
        CHECK_ERR(ERR_OK, rig_accept(&rig, 0, (uint16_t)number, 0));
    }
    rise(A, true);
    rise(B, false);
    do {
        pass(1000);
        CHECK_ERR(ERR_OK, rig_accept(&rig, 0, (uint16_t)number++, 0));
    } while (!pushes_everywhere(B) && number < 200);
    CHECK(pushes_everywhere(B));
    rig_destroy(&rig);
}

/* Over an eager link too: the other end may have made it lazy. */
static void test_who_is_the_first_to_bring_one_of_those_is_grafted(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        bool everywhere = how % 2 == 1;
        create(how >= 2);
        rise(C, false);
        if (everywhere) {
            say_everywhere(B, 1);
        } else {
            rig_bring(&rig, B, 1, 1);
        }
        CHECK(rig_sent(&rig, LINK_GRAFT, B) == (everywhere ? 1 : 0));
        CHECK(rig_sent(&rig, LINK_GRAFT, RIG_PEERS) == (everywhere ? 1 : 0));
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 0); /* not back */
        CHECK(rig_is_eager(&rig, B)); /* the others: its end of the link was eager all along */
        CHECK(!rig_is_eager(&rig, C));
        rig_destroy(&rig);
    }
}

/* Of a copy over a lazy link that does not say so, the other end has that link on its tree. */
static void test_a_copy_that_went_everywhere_prunes_eager_links_alone(void **state) {
    (void)state;
    for (int said = 0; said < 2; said++) {
        create(true);
        rise(C, false);
        say_everywhere(A, 1);
        CHECK(offer_everywhere(B, 1) == OVERLAY_DUPLICATE);
        CHECK(rig_sent(&rig, LINK_PRUNE, B) == 1);
        if (said == 1) {
            CHECK(offer_everywhere(C, 1) == OVERLAY_DUPLICATE);
        } else {
            CHECK(rig_offer(&rig, C, 1, 1) == OVERLAY_DUPLICATE);
        }
        CHECK(rig_sent(&rig, LINK_PRUNE, C) == (said == 1 ? 0 : 1));
        rig_destroy(&rig);
    }
}

/* Whoever is told asks more than a second later, and blames who has nothing then: so whoever makes
 * such objects could have a home shunned by all. */
static void test_what_ends_before_it_was_asked_for_is_not_announced(void **state) {
    (void)state;
    static const int64_t lives_ms[] = {1250, ANSWERED_MS, ANSWERED_MS + 2 * ANNOUNCE_MS, MINUTE_MS};
    for (size_t i = 0; i < sizeof lives_ms / sizeof lives_ms[0]; i++) {
        for (int late = 0; late < 2; late++) {
            create(false);
            struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                          .link = A,
                                          .key = rig_key(1),
                                          .hops = late == 1 ? LINK_HOPS_CAUGHT_UP : 1,
                                          .expires = {rig.now.wall.ms + lives_ms[i]}};
            rise(C, true);
            CHECK_ERR(ERR_OK, rig_step(&rig, event));
            CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, C) == (late == 1 ? 0 : 1));
            CHECK((await(LINK_IHAVE, B, LONG_MS) > 0) == (lives_ms[i] == MINUTE_MS));
            rig_destroy(&rig);
        }
    }
}

/* ---- turns ---- */

static void test_a_duplicate_prunes_the_link_within_its_turn_alone(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    CHECK(!prunes(A, 1, 1)); /* the link that it came over */
    CHECK(!prunes(B, 1, LINK_HOPS_CAUGHT_UP));
    CHECK(prunes(B, 1, 1));
    CHECK(!prunes(B, 1, 1)); /* it has been said */
    pass(LONG_MS);
    rig_destroy(&rig);

    create(true);
    rig_bring(&rig, A, 1, 1);
    pass(TURN_MS - 1);
    CHECK(prunes(B, 1, 1));
    rig_destroy(&rig);

    create(true);
    rig_bring(&rig, A, 1, 1);
    pass(TURN_MS);
    CHECK(!prunes(B, 1, 1));
    CHECK(rig_is_eager(&rig, B));
    rig_destroy(&rig);

    create(false); /* lazy here, and eager there: it is said again */
    rig_bring(&rig, A, 1, 1);
    CHECK(prunes(B, 1, 1));
    CHECK(!prunes(B, 1, 1));
    rig_destroy(&rig);
}

static void test_another_object_does_not_prune_in_that_turn(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    rig_bring(&rig, A, 2, 1);
    CHECK(!prunes(B, 2, 1));
    CHECK(prunes(B, 1, 1));
    rig_destroy(&rig);
}

/* What the first turn has pruned stays on the tree: others may never have seen it. */
static void test_the_one_made_first_takes_the_turn_and_undoes_what_it_pruned(void **state) {
    (void)state;
    create(true);
    rise(C, true);
    struct sync_key earlier = rig_key(9); /* whose id would come later */
    earlier.created.ms = 3;
    rig_bring(&rig, A, 5, 1);
    CHECK(prunes(B, 5, 1));
    say_prune(C, 5);
    accept(A, &earlier, 1, false);
    CHECK(!prunes(C, 5, 1));
    say_prune(C, 5);
    pass(LONG_MS);
    CHECK(rig_is_eager(&rig, B));
    CHECK(rig_is_eager(&rig, C));
    rig_destroy(&rig);
}

static void test_what_goes_everywhere_takes_the_turn_whatever_its_id(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 5, 1);
    say_everywhere(A, 9);
    rig_bring(&rig, A, 3, 1);
    CHECK(!prunes(B, 5, 1));
    CHECK(!prunes(B, 3, 1));
    CHECK(prunes(B, 9, 1));
    rig_destroy(&rig);
}

static void test_a_pruned_link_is_used_until_the_turn_ends(void **state) {
    (void)state;
    for (int theirs = 0; theirs < 2; theirs++) { /* who has said PRUNE */
        create(true);
        rig_bring(&rig, A, 1, 1);
        if (theirs == 1) {
            say_prune(B, 1);
        } else {
            CHECK(prunes(B, 1, 1));
        }
        CHECK(rig_is_eager(&rig, B));
        rig_bring(&rig, A, 2, 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
        pass(TURN_MS);
        CHECK(!rig_is_eager(&rig, B));
        rig_bring(&rig, A, 3, 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 0);
        CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
        rig_destroy(&rig);
    }
}

/* The new tree may have hung on it. */
static void test_a_link_that_is_lost_undoes_what_its_turn_pruned(void **state) {
    (void)state;
    create(true);
    rise(C, true);
    rig_bring(&rig, A, 1, 1);
    CHECK(prunes(B, 1, 1));
    rig_down(&rig, C, true);
    CHECK(!prunes(A, 1, 1));
    pass(TURN_MS);
    CHECK(rig_is_eager(&rig, B));
    rig_destroy(&rig);
}

static void test_a_prune_counts_for_the_turn_that_is_or_was_the_last(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    say_prune(B, 2);
    pass(LONG_MS);
    CHECK(rig_is_eager(&rig, B));
    say_prune(B, 2);
    CHECK(rig_is_eager(&rig, B));
    say_prune(B, 1); /* late: at once */
    CHECK(!rig_is_eager(&rig, B));
    CHECK(rig_is_eager(&rig, A));
    rig_destroy(&rig);
}

static void test_a_prune_that_crosses_our_graft_counts_for_nothing(void **state) {
    (void)state;
    for (int crossed = 0; crossed < 2; crossed++) {
        create(false);
        rig_bring(&rig, A, 1, 1);
        pass(LONG_MS);
        fetch(B, 7);
        CHECK(await(LINK_GRAFT, B, LONG_MS) == MEND_MS);
        CHECK(rig_is_eager(&rig, B));
        rig_pass(&rig, crossed == 1 ? CROSSED_MS - 1 : CROSSED_MS);
        say_prune(B, 1);
        CHECK(rig_is_eager(&rig, B) == (crossed == 1));
        rig_destroy(&rig);
    }
}

/* By their dates, which all homes see alike. */
static void test_turns_are_two_seconds_apart(void **state) {
    (void)state;
    static const struct {
        uint16_t date;
        bool turn;
    } rows[] = {{20000 + APART_MS - 1, false},
                {20000 + APART_MS, true},
                {20000 - 1, false}, /* the one of 20000 is over */
                {20000 - LATE_MS + 1, false},
                {20000 - LATE_MS, true}}; /* or one that is made up would keep all from it */
    for (int everywhere = 0; everywhere < 2; everywhere++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            create(true);
            if (everywhere == 1) {
                say_everywhere(A, 20000);
            } else {
                rig_bring(&rig, A, 20000, 1);
            }
            pass(TURN_MS);
            rig_bring(&rig, A, rows[i].date, 1);
            CHECK(prunes(B, rows[i].date, 1) == rows[i].turn);
            rig_destroy(&rig);
        }
    }
}

static void test_of_one_date_the_smaller_id_has_the_turn(void **state) {
    (void)state;
    for (uint16_t second = 4; second <= 6; second += 2) {
        create(true);
        struct sync_key key = rig_key(second);
        key.created.ms = 5;
        rig_bring(&rig, A, 5, 1);
        accept(A, &key, 1, false);
        CHECK(offer(B, &key, 1) == OVERLAY_DUPLICATE);
        CHECK(rig_sent(&rig, LINK_PRUNE, B) == (second == 4 ? 1 : 0));
        rig_destroy(&rig);
    }
}

/* Else whoever makes ever earlier ones could have a turn last for ever. */
static void test_a_turn_is_taken_twice_at_most(void **state) {
    (void)state;
    for (int everywhere = 0; everywhere < 2; everywhere++) {
        create(true);
        rise(C, false);
        for (uint16_t date = 1000; date >= 997; date--) {
            bool taken = date >= 998;
            if (everywhere == 1) {
                say_everywhere(A, date);
                CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, C) == (taken ? 1 : 0));
            } else {
                rig_bring(&rig, A, date, 1);
            }
            CHECK(prunes(B, date, 1) == taken);
            pass(LAID_MS / 2);
        }
        rig_destroy(&rig);
    }
}

/* Where it came in time, the turn before kept it from one. */
static void test_what_the_turn_before_forbids_takes_none(void **state) {
    (void)state;
    for (int before = 0; before < 2; before++) {
        create(true);
        if (before == 1) {
            rig_bring(&rig, A, 1, 1);
            pass(TURN_MS);
        }
        rig_bring(&rig, A, APART_MS + 500, 1);
        rig_bring(&rig, A, APART_MS, 1);
        CHECK(prunes(B, APART_MS, 1) == (before == 0));
        CHECK(prunes(B, APART_MS + 500, 1) == (before == 1));
        rig_destroy(&rig);
    }
}

/* All homes see about as many, and so agree without a word. */
static void test_when_there_are_many_objects_few_ids_have_a_turn(void **state) {
    (void)state;
    for (int many = 0; many < 2; many++) {
        create(true);
        for (int i = 0; i < (many == 1 ? TURN_PACE : TURN_PACE - 1); i++) {
            rig_bring(&rig, A, (uint16_t)(i + 1), 1);
        }
        pass(TURN_MS);
        struct sync_key high = rig_key(5000);
        struct sync_key low = rig_key(10000);
        high.id.b[14] = 0x81;
        accept(A, &high, 1, false);
        CHECK(offer(B, &high, 1) == OVERLAY_DUPLICATE);
        CHECK(rig_sent(&rig, LINK_PRUNE, B) == (many == 1 ? 0 : 1));
        pass(TURN_MS);
        accept(A, &low, 1, false);
        CHECK(offer(B, &low, 1) == OVERLAY_DUPLICATE);
        CHECK(rig_sent(&rig, LINK_PRUNE, B) == (many == 1 ? 1 : 0)); /* lazy by now */
        rig_destroy(&rig);
    }
}

/* ---- mending ---- */

static void
test_a_graft_with_ids_is_answered_by_pushes_and_one_without_makes_the_link_eager(void **state) {
    (void)state;
    create(false);
    rig_bring(&rig, A, 1, 2);
    pass(LONG_MS);
    say_graft(B, 1, 2); /* we have the first alone */
    CHECK(rig.actions->count == 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    CHECK(rig.actions->list[0].hops == 3);
    CHECK(!rig_is_eager(&rig, B));
    rig_bring(&rig, A, 2, 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 0);
    say_graft(B, 0, 0);
    CHECK(rig.actions->count == 0);
    CHECK(rig_is_eager(&rig, B));
    rig_bring(&rig, A, 3, 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    rig_destroy(&rig);
}

/* Whatever became of it. A word that it is gone would be at hand for whoever lies, too. */
static void test_what_was_announced_is_sent_for_ten_seconds_to_whoever_asks(void **state) {
    (void)state;
    const struct overlay_event newer = {.kind = OVERLAY_EV_REPLACED, .key = rig_key(1)};
    const struct overlay_event never_had = {.kind = OVERLAY_EV_REPLACED, .key = rig_key(3)};
    for (int replaced = 0; replaced < 2; replaced++) {
        create(false);
        CHECK_ERR(ERR_OK,
                  rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                                        .link = A,
                                                        .key = rig_key(1),
                                                        .hops = 2,
                                                        .expires = {rig.now.wall.ms + MINUTE_MS}}));
        CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
        if (replaced == 1) {
            CHECK_ERR(ERR_OK, rig_step(&rig, newer));
        } else {
            rig.now.wall.ms += MINUTE_MS; /* the clock was set */
            rig_tick(&rig);
            CHECK(rig_count(&rig, OVERLAY_ACT_DROP, RIG_PEERS) + 1 == rig.actions->count);
        }
        CHECK(rig.actions->list[0].kind == OVERLAY_ACT_KEEP);
        CHECK(read_u16(rig.actions->list[0].id.b) == 1);
        CHECK(rig.actions->list[0].until.ms == rig.now.mono.ms + ANSWERED_MS);
        CHECK_ERR(ERR_OK, rig_step(&rig, never_had));
        CHECK(rig.actions->count == 0);
        rig_bring(&rig, A, 2, 2);
        pass(ANSWERED_MS - 1);
        say_graft(B, 1, 3);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, RIG_PEERS) == 2); /* the new one too */
        CHECK(rig.actions->list[0].link == B);
        CHECK(read_u16(rig.actions->list[0].id.b) == 1);
        CHECK(rig.actions->list[0].hops == LINK_HOPS_CAUGHT_UP); /* nobody passes it on in haste */
        CHECK(read_u16(rig.actions->list[1].id.b) == 2);
        pass(1);
        say_graft(B, 1, 1);
        CHECK(rig.actions->count == 0);
        rig_destroy(&rig);
    }
}

/* A burst of records by one author, each in the place of the one before, pushes out nothing. */
static void test_what_was_not_announced_is_not_kept(void **state) {
    (void)state;
    create(false);
    rig_bring(&rig, A, 1, LINK_HOPS_CAUGHT_UP);
    CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
    for (int i = 1; i <= 500; i++) {
        struct sync_key key = rig_key((uint16_t)i);
        CHECK_ERR(ERR_OK,
                  rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_REPLACED, .key = key}));
        CHECK(rig.actions->count == (i == 1 ? 1 : 0));
        rig_bring(&rig, A, (uint16_t)(i + 1), LINK_HOPS_CAUGHT_UP);
    }
    pass(LONG_MS / 2);
    say_graft(B, 1, 2);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    CHECK(read_u16(rig.actions->list[0].id.b) == 1);
    rig_destroy(&rig);
}

/* So all of them can be kept, whoever makes them. */
static void test_no_more_is_announced_in_ten_seconds_than_is_looked_at(void **state) {
    (void)state;
    create(false);
    for (int round = 0; round < 3; round++) {
        int first = 1 + round * 2000;
        struct overlay_counts counts;
        for (int i = first; i < first + 1500; i++) {
            rig_bring(&rig, A, (uint16_t)i, LINK_HOPS_CAUGHT_UP);
        }
        CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
        overlay_counts(rig.overlay, &counts);
        CHECK(counts.announced == (uint64_t)(round + 1) * OVERLAY_SAID_MAX);
        size_t kept = 0;
        for (int i = first; i < first + 1500; i++) {
            CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_REPLACED,
                                                                    .key = rig_key((uint16_t)i)}));
            kept += rig_count(&rig, OVERLAY_ACT_KEEP, RIG_PEERS);
        }
        CHECK(kept == OVERLAY_SAID_MAX);
        pass(ANSWERED_MS);
    }
    rig_destroy(&rig);
}

/* As it comes from a home that has a newer one: whoever announced it has kept its word. */
static void test_whoever_sends_what_we_ignore_then_is_not_to_blame(void **state) {
    (void)state;
    for (int sent = 0; sent < 2; sent++) {
        create(false);
        rig_announce(&rig, B, 1);
        CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
        if (sent == 1) {
            CHECK(rig_offer(&rig, B, 1, LINK_HOPS_CAUGHT_UP) == OVERLAY_WANTED);
            CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_IGNORED,
                                                                    .key = rig_key(1)}));
        }
        pass(LONG_MS / 2);
        CHECK(faults(B) == (sent == 1 ? 0 : BROKEN_POINTS));
        rig_destroy(&rig);
    }
}

/* It brings more than we look at: what it was asked for may be among it. */
static void
test_whoever_sends_what_is_turned_away_is_not_to_blame_and_the_next_is_asked(void **state) {
    (void)state;
    create(false);
    rise(C, false);
    rig_announce(&rig, B, 1);
    rig_announce(&rig, C, 1);
    CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
    for (int i = 0; i < OVERLAY_WINDOW_LOOKS; i++) {
        CHECK(rig_offer(&rig, B, (uint16_t)(1000 + i), LINK_HOPS_CAUGHT_UP) == OVERLAY_WANTED);
    }
    CHECK(rig_offer(&rig, B, 1, LINK_HOPS_CAUGHT_UP) == OVERLAY_LATER);
    CHECK(await(LINK_GRAFT, C, LONG_MS) > 0); /* nobody keeps it from us by that */
    pass(LONG_MS / 2);
    CHECK(faults(B) == 0);
    CHECK(faults(C) == BROKEN_POINTS);
    rig_destroy(&rig);
}

static void test_a_full_table_is_nobodys_fault(void **state) {
    (void)state;
    create(false);
    rig_announce(&rig, B, 1);
    CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
    for (int i = 0; i < OVERLAY_OBJECTS_MAX - OVERLAY_RESERVED; i++) {
        CHECK_ERR(ERR_OK, rig_accept(&rig, A, (uint16_t)(100 + i), LINK_HOPS_CAUGHT_UP));
    }
    CHECK(rig_offer(&rig, B, 1, 1) == OVERLAY_FULL);
    rig_announce(&rig, B, 2);
    CHECK(missed() == 1); /* nor is anything asked for that there is no room for */
    pass(LONG_MS / 2);
    CHECK(faults(B) == 0);
    rig_destroy(&rig);
}

static void test_a_graft_undoes_a_prune_of_the_same_turn(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    CHECK(prunes(B, 1, 1));
    say_graft(B, 0, 0);
    pass(LONG_MS);
    CHECK(rig_is_eager(&rig, B));
    rig_destroy(&rig);
}

static void test_one_graft_is_answered_by_64_pushes_of_which_old_ones_hurry_nobody(void **state) {
    (void)state;
    create(false);
    for (int i = 1; i <= GRAFT_IDS + 6; i++) {
        rig_bring(&rig, A, (uint16_t)i, 1);
    }
    say_graft(B, 1, GRAFT_IDS + 6);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == GRAFT_IDS);
    for (int i = 0; i < GRAFT_IDS; i++) {
        bool recent = i + RECENT >= GRAFT_IDS + 6;
        CHECK(rig.actions->list[i].hops == (recent ? 2 : LINK_HOPS_CAUGHT_UP));
    }
    rig_destroy(&rig);
}

static void test_what_does_not_come_is_asked_of_who_announced_it_then_of_the_next(void **state) {
    (void)state;
    int64_t soonest = INT64_MAX;
    int64_t latest = 0;
    rig_create(&rig);
    for (uint16_t i = 1; i <= 60; i++) {
        rig_destroy(&rig);
        create(false);
        rise(C, false);
        rig.random = i * UINT64_C(1000);
        rig_announce(&rig, C, i);
        rig_announce(&rig, B, i);
        rig_announce(&rig, C, i); /* again is nothing */
        int64_t first = await(LINK_GRAFT, RIG_PEERS, LONG_MS);
        CHECK(rig_sent(&rig, LINK_GRAFT, C) == 1);
        const struct link_message *graft = rig_message(&rig, LINK_GRAFT, C);
        struct sync_key key = rig_key(i);
        CHECK(first >= GRAFT_FIRST_MS && first <= GRAFT_LAST_MS);
        CHECK(graft->as.graft.count == 1);
        CHECK(memcmp(graft->as.graft.ids[0].b, key.id.b, LINK_SHORT_BYTES) == 0);
        soonest = first < soonest ? first : soonest;
        latest = first > latest ? first : latest;
        CHECK(await(LINK_GRAFT, RIG_PEERS, LONG_MS) == GRAFT_NEXT_MS);
        CHECK(rig_sent(&rig, LINK_GRAFT, B) == 1);
        CHECK(await(LINK_GRAFT, RIG_PEERS, LONG_MS) < 0);
        CHECK(!rig_is_eager(&rig, B) && !rig_is_eager(&rig, C)); /* neither has brought it */
    }
    CHECK(soonest < GRAFT_FIRST_MS + 200); /* at random, so that the first asks for all */
    CHECK(latest > GRAFT_LAST_MS - 200);
    rig_destroy(&rig);
}

static void test_what_comes_in_time_or_is_ignored_is_not_asked_for(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        create(false);
        rig_announce(&rig, B, 1);
        if (how == 0) {
            rig_bring(&rig, A, 1, 1);
        } else if (how == 1) {
            CHECK_ERR(ERR_OK, rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_IGNORED,
                                                                    .key = rig_key(1)}));
            rig_announce(&rig, B, 1);
        }
        CHECK((await(LINK_GRAFT, B, LONG_MS) < 0) == (how < 2));
        CHECK(missed() == 1);
        rig_destroy(&rig);
    }
}

/* It may be late, and no more; and an object that came by reconciliation says nothing of the tree.
 */
static void test_the_tree_is_mended_soon_after_it_failed_to_bring_what_was_asked_for(void **state) {
    (void)state;
    static const struct {
        bool eager, everywhere, caught_up; /* another link brings it too */
        bool echo;                         /* and has never brought anything first */
        bool other, urgent;                /* another object; it goes over all links */
        bool mended;
    } rows[] = {{.mended = true},
                {.eager = true, .mended = false},
                {.eager = true, .other = true, .mended = true},
                {.eager = true, .urgent = true, .mended = true},
                {.eager = true, .echo = true, .mended = true},
                {.eager = true, .everywhere = true, .mended = true}, /* goes over all links */
                {.eager = true, .caught_up = true, .mended = true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        create_after_turn();
        rise(C, rows[i].eager);
        if (rows[i].eager && !rows[i].echo) {
            rig_bring(&rig, C, 5, 1);
            rig_bring(&rig, C, 6, 1);
        }
        fetch(B, 7);
        CHECK(!rig_is_eager(&rig, B));
        CHECK(await(LINK_GRAFT, B, MEND_MS - 1) < 0);
        struct overlay_event again = {.kind = OVERLAY_EV_OFFERED,
                                      .link = C,
                                      .key = rig_key(rows[i].other ? 5 : 7),
                                      .hops = rows[i].caught_up ? LINK_HOPS_CAUGHT_UP : 1,
                                      .urgent = rows[i].urgent,
                                      .everywhere = rows[i].everywhere};
        CHECK_ERR(ERR_OK, rig_step(&rig, again));
        CHECK(await(LINK_GRAFT, B, LONG_MS) == (rows[i].mended ? 1 : -1));
        CHECK(rig_is_eager(&rig, B) == rows[i].mended);
        rig_destroy(&rig);
    }
    create(false);
    rig_announce(&rig, B, 1);
    CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
    rig_bring(&rig, B, 1, LINK_HOPS_CAUGHT_UP);
    CHECK(await(LINK_GRAFT, B, LONG_MS) < 0);
    CHECK(!rig_is_eager(&rig, B));
    rig_destroy(&rig);
}

/* It does not push as it should, or we would not have had to ask: it may have it as a lazy one. */
static void test_who_is_eager_and_had_to_be_asked_is_told_to_push(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    pass(LONG_MS);
    fetch(B, 7);
    const struct link_message *graft = rig_message(&rig, LINK_GRAFT, B);
    CHECK(graft != NULL && graft->as.graft.count == 0);
    rig_destroy(&rig);
}

static void test_who_gives_up_what_it_was_grafted_for_does_not_keep_others_from_it(void **state) {
    (void)state;
    create_after_turn();
    rise(C, false);
    fetch(B, 7);
    CHECK(await(LINK_GRAFT, B, LONG_MS) == MEND_MS);
    pass(CROSSED_MS);
    say_prune(B, 1);
    CHECK(!rig_is_eager(&rig, B));
    rig_announce(&rig, B, 8);
    rig_announce(&rig, C, 9);
    CHECK(await(LINK_GRAFT, C, LONG_MS) >= 0);
    rig_bring(&rig, B, 8, 2);
    rig_bring(&rig, C, 9, 2);
    CHECK(await(LINK_GRAFT, C, LONG_MS) == MEND_MS);
    rig_destroy(&rig);
}

/* Its turn begins though it comes over a link that was made lazy a moment ago. */
static void test_what_goes_everywhere_lays_the_tree_by_a_pruned_link_too(void **state) {
    (void)state;
    create(true);
    rig_bring(&rig, A, 1, 1);
    CHECK(prunes(B, 1, 1));
    pass(TURN_MS);
    CHECK(!rig_is_eager(&rig, B));
    say_everywhere(B, 30000);
    CHECK(rig_sent(&rig, LINK_GRAFT, B) == 1);
    CHECK(offer_everywhere(A, 30000) == OVERLAY_DUPLICATE);
    CHECK(rig_sent(&rig, LINK_PRUNE, A) == 1);
    rig_destroy(&rig);
}

/* So it says how it came itself, though 32 others have come since. */
static void test_an_answer_counts_its_hops_as_long_as_its_id_is_said(void **state) {
    (void)state;
    create(false);
    rig_bring(&rig, A, 1, 2);
    CHECK(await(LINK_IHAVE, B, LONG_MS) > 0);
    for (int i = 0; i < RECENT; i++) {
        rig_bring(&rig, A, (uint16_t)(10 + i), LINK_HOPS_CAUGHT_UP);
    }
    say_graft(B, 1, 1);
    CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, B) == 1);
    CHECK(rig.actions->list[0].hops == 3);
    pass(2 * ANSWERED_MS);
    say_graft(B, 1, 1);
    CHECK(rig.actions->list[0].hops == LINK_HOPS_CAUGHT_UP);
    rig_destroy(&rig);
}

static void test_nothing_is_mended_with_a_link_that_went(void **state) {
    (void)state;
    create_after_turn();
    fetch(B, 7);
    rig_down(&rig, B, true);
    rise(C, false); /* in its place */
    CHECK(await(LINK_GRAFT, RIG_PEERS, LONG_MS) < 0);
    CHECK(!rig_is_eager(&rig, C));
    fetch(C, 8); /* nor is it waited for */
    CHECK(await(LINK_GRAFT, C, LONG_MS) == MEND_MS);
    rig_destroy(&rig);
}

/* In its turn the other links that bring it are pruned. */
static void test_who_was_asked_for_what_has_a_turn_is_a_branch_at_once(void **state) {
    (void)state;
    create(true);
    rise(C, false);
    fetch(C, 1);
    CHECK(rig_sent(&rig, LINK_GRAFT, C) == 1);
    CHECK(rig_is_eager(&rig, C));
    CHECK(prunes(A, 1, 1));
    pass(TURN_MS);
    CHECK(!rig_is_eager(&rig, A));
    rig_destroy(&rig);
}

static void test_a_link_that_went_is_not_asked(void **state) {
    (void)state;
    create(false);
    rise(C, false);
    rig_announce(&rig, C, 1);
    rig_announce(&rig, B, 1);
    rig_down(&rig, C, true);
    rise(C, false); /* another link in its place */
    CHECK(await(LINK_GRAFT, RIG_PEERS, LONG_MS) > 0);
    CHECK(rig_sent(&rig, LINK_GRAFT, B) == 1);
    CHECK(await(LINK_GRAFT, RIG_PEERS, LONG_MS) < 0);
    rig_destroy(&rig);
}

static void test_who_announces_and_does_not_send_has_broken_its_word_once_a_second(void **state) {
    (void)state;
    create(false);
    for (uint16_t i = 1; i <= 20; i++) {
        rig_announce(&rig, B, i);
    }
    CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
    pass(3000);
    CHECK(faults(B) == 0); /* it has so long to send */
    pass(2500);
    CHECK(faults(B) >= BROKEN_POINTS);
    CHECK(faults(B) <= 3 * BROKEN_POINTS); /* they were asked for within 1.6 s */
    CHECK(faults(A) == 0);
    rig_destroy(&rig);
}

static void test_who_is_silent_or_brings_something_else_is_not_to_blame(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        create(false);
        rig_announce(&rig, B, 1);
        CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
        rig_pass(&rig, GRAFT_NEXT_MS); /* all who announced it were asked */
        rig_tick(&rig);
        rig_pass(&rig, 1000);
        if (how == 1) {
            rig_bring(&rig, B, 2, 1);
        } else if (how == 2) {
            hear(0);
        }
        rig_pass(&rig, 2000);
        rig_tick(&rig);
        CHECK(faults(B) == (how == 2 ? BROKEN_POINTS : 0));
        rig_destroy(&rig);
    }
}

static void test_who_had_another_send_what_it_announced_is_noted(void **state) {
    (void)state;
    create(false);
    rise(C, false);
    rig_announce(&rig, C, 1);
    rig_announce(&rig, B, 1);
    CHECK(await(LINK_GRAFT, C, LONG_MS) > 0);
    CHECK(await(LINK_GRAFT, B, LONG_MS) > 0);
    rig_bring(&rig, B, 1, 1);
    CHECK(faults(C) == 1);
    CHECK(faults(B) == 0);
    rig_destroy(&rig);
}

static void test_when_an_eager_link_is_lost_all_become_eager(void **state) {
    (void)state;
    for (int eager = 0; eager < 2; eager++) {
        create(false);
        rise(C, false);
        rig_down(&rig, eager == 1 ? A : C, false);
        CHECK(rig_sent(&rig, LINK_GRAFT, B) == (eager == 1 ? 1 : 0));
        CHECK(rig_sent(&rig, LINK_GRAFT, C) == (eager == 1 ? 1 : 0));
        CHECK(rig_is_eager(&rig, B) == (eager == 1));
        rig_bring(&rig, B, 1, 1);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, C) == (eager == 1 ? 1 : 0));
        rig_destroy(&rig);
    }
}

/* By the end that needed it: over it came most of what came. The other end does not miss it. */
static void test_who_needed_a_link_that_was_given_up_takes_another(void **state) {
    (void)state;
    for (peer_no bringer = A; bringer <= B; bringer++) {
        create(true);
        rise(C, false);
        for (int i = 1; i <= 2 * TOLD_EVERY; i++) {
            rig_bring(&rig, bringer, (uint16_t)i, 1);
        }
        pass(1);
        rig_announce(&rig, C, 1); /* it is the one that brought something last */
        rig_down(&rig, A, true);
        CHECK(rig_sent(&rig, LINK_GRAFT, RIG_PEERS) == (bringer == A ? 1 : 0));
        CHECK(rig_is_eager(&rig, C) == (bringer == A));
        rig_destroy(&rig);
    }
}

static void test_when_a_neighbour_falls_silent_all_become_eager(void **state) {
    (void)state;
    create(false);
    rise(C, false);
    while (rig.up[B]) {
        rig_pass(&rig, 1000);
        hear(B);
        rig_tick(&rig);
        CHECK(rig.up[A]);
    }
    CHECK(rig_sent(&rig, LINK_GRAFT, C) == 1);
    CHECK(rig_is_eager(&rig, C));
    rig_destroy(&rig);
}

static void test_whoever_invents_ids_leaves_others_room(void **state) {
    (void)state;
    create(false);
    rise(C, false);
    for (int i = 1; i <= 2 * SHARE; i++) {
        rig_announce(&rig, B, (uint16_t)i);
    }
    CHECK(missed() == SHARE);
    rig_announce(&rig, C, 5000);
    CHECK(missed() == SHARE + 1);
    CHECK(await(LINK_GRAFT, C, LONG_MS) > 0);
    rig_destroy(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eager_links_are_pushed_the_object_and_the_others_told_its_id),
        cmocka_unit_test(test_ids_are_said_together),
        cmocka_unit_test(test_a_neighbour_that_shows_that_it_has_an_object_is_not_told_its_id),
        cmocka_unit_test(test_who_brings_all_is_told_one_of_sixteen),
        cmocka_unit_test(test_each_link_counts_one_hop_up_to_254),
        cmocka_unit_test(test_what_came_by_reconciliation_is_announced_alone),
        cmocka_unit_test(test_what_is_urgent_goes_over_every_link_and_has_no_turn),
        cmocka_unit_test(test_what_goes_everywhere_goes_over_every_link_and_is_said_to),
        cmocka_unit_test(test_what_is_late_or_urgent_does_not_lay_the_tree),
        cmocka_unit_test(test_who_says_of_all_that_it_goes_everywhere_gets_one_in_20_s),
        cmocka_unit_test(test_who_makes_up_dates_gets_one_in_10_s),
        cmocka_unit_test(test_what_goes_everywhere_too_soon_goes_over_the_tree),
        cmocka_unit_test(test_of_two_that_go_everywhere_the_earlier_one_does),
        cmocka_unit_test(test_what_we_say_when_the_tree_is_old_goes_everywhere),
        cmocka_unit_test(test_what_others_say_goes_everywhere_keeps_us_from_saying_so),
        cmocka_unit_test(test_it_is_said_some_7_s_later_however_much_is_said),
        cmocka_unit_test(test_without_links_nothing_of_ours_counts_as_gone_everywhere),
        cmocka_unit_test(test_who_is_the_first_to_bring_one_of_those_is_grafted),
        cmocka_unit_test(test_a_copy_that_went_everywhere_prunes_eager_links_alone),
        cmocka_unit_test(test_what_ends_before_it_was_asked_for_is_not_announced),
        cmocka_unit_test(test_a_duplicate_prunes_the_link_within_its_turn_alone),
        cmocka_unit_test(test_another_object_does_not_prune_in_that_turn),
        cmocka_unit_test(test_the_one_made_first_takes_the_turn_and_undoes_what_it_pruned),
        cmocka_unit_test(test_what_goes_everywhere_takes_the_turn_whatever_its_id),
        cmocka_unit_test(test_a_pruned_link_is_used_until_the_turn_ends),
        cmocka_unit_test(test_a_link_that_is_lost_undoes_what_its_turn_pruned),
        cmocka_unit_test(test_a_prune_counts_for_the_turn_that_is_or_was_the_last),
        cmocka_unit_test(test_a_prune_that_crosses_our_graft_counts_for_nothing),
        cmocka_unit_test(test_turns_are_two_seconds_apart),
        cmocka_unit_test(test_of_one_date_the_smaller_id_has_the_turn),
        cmocka_unit_test(test_what_the_turn_before_forbids_takes_none),
        cmocka_unit_test(test_a_turn_is_taken_twice_at_most),
        cmocka_unit_test(test_when_there_are_many_objects_few_ids_have_a_turn),
        cmocka_unit_test(
            test_a_graft_with_ids_is_answered_by_pushes_and_one_without_makes_the_link_eager),
        cmocka_unit_test(test_what_was_announced_is_sent_for_ten_seconds_to_whoever_asks),
        cmocka_unit_test(test_what_was_not_announced_is_not_kept),
        cmocka_unit_test(test_no_more_is_announced_in_ten_seconds_than_is_looked_at),
        cmocka_unit_test(test_whoever_sends_what_we_ignore_then_is_not_to_blame),
        cmocka_unit_test(
            test_whoever_sends_what_is_turned_away_is_not_to_blame_and_the_next_is_asked),
        cmocka_unit_test(test_a_full_table_is_nobodys_fault),
        cmocka_unit_test(test_a_graft_undoes_a_prune_of_the_same_turn),
        cmocka_unit_test(test_one_graft_is_answered_by_64_pushes_of_which_old_ones_hurry_nobody),
        cmocka_unit_test(test_what_does_not_come_is_asked_of_who_announced_it_then_of_the_next),
        cmocka_unit_test(test_what_comes_in_time_or_is_ignored_is_not_asked_for),
        cmocka_unit_test(test_the_tree_is_mended_soon_after_it_failed_to_bring_what_was_asked_for),
        cmocka_unit_test(test_who_is_eager_and_had_to_be_asked_is_told_to_push),
        cmocka_unit_test(test_who_gives_up_what_it_was_grafted_for_does_not_keep_others_from_it),
        cmocka_unit_test(test_what_goes_everywhere_lays_the_tree_by_a_pruned_link_too),
        cmocka_unit_test(test_an_answer_counts_its_hops_as_long_as_its_id_is_said),
        cmocka_unit_test(test_nothing_is_mended_with_a_link_that_went),
        cmocka_unit_test(test_who_was_asked_for_what_has_a_turn_is_a_branch_at_once),
        cmocka_unit_test(test_a_link_that_went_is_not_asked),
        cmocka_unit_test(test_who_announces_and_does_not_send_has_broken_its_word_once_a_second),
        cmocka_unit_test(test_who_is_silent_or_brings_something_else_is_not_to_blame),
        cmocka_unit_test(test_who_had_another_send_what_it_announced_is_noted),
        cmocka_unit_test(test_when_an_eager_link_is_lost_all_become_eager),
        cmocka_unit_test(test_who_needed_a_link_that_was_given_up_takes_another),
        cmocka_unit_test(test_when_a_neighbour_falls_silent_all_become_eager),
        cmocka_unit_test(test_whoever_invents_ids_leaves_others_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
