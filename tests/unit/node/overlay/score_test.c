#include "tests/support/check.h"

#include <string.h>

#include "tests/support/overlay_rig.h"

enum {
    PEER = 9,
    OTHER = 10,
    BROKEN = 5,
    FORGIVEN = 2,
    SHUNNED_MS = 60 * 1000,
    SHUNNED_LAST_MS = 3600 * 1000,
};

static struct rig rig;

static unsigned faults(peer_no peer) {
    struct overlay_link links[OVERLAY_LINKS_MAX];
    size_t count = overlay_links(rig.overlay, links);
    for (size_t i = 0; i < count; i++) {
        if (links[i].peer == peer) {
            return links[i].faults;
        }
    }
    fail_msg("no link with %u", (unsigned)peer);
    return 0;
}

static void blame(peer_no peer) {
    CHECK_ERR(ERR_OK,
              rig_step(&rig, (struct overlay_event){.kind = OVERLAY_EV_FAULT, .link = peer}));
}

/* How long from now on a link with the peer is closed as soon as it stands. */
static int64_t shunned_for(peer_no peer) {
    int64_t began = rig.now.mono.ms;
    for (;;) {
        rig_rise(&rig, peer, false);
        if (rig_count(&rig, OVERLAY_ACT_CLOSE, peer) == 0) {
            return rig.now.mono.ms - began;
        }
        rig_pass(&rig, 1000);
    }
}

static void
test_what_is_beyond_a_window_is_left_without_an_answer_and_blamed_on_nobody(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    for (int i = 0; i < OVERLAY_WINDOW_LOOKS; i++) {
        CHECK(rig_offer(&rig, PEER, (uint16_t)i, 1) == OVERLAY_WANTED);
    }
    CHECK(faults(PEER) == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(rig_offer(&rig, PEER, 9999, 1) == OVERLAY_LATER);
    }
    CHECK(faults(PEER) == 0);   /* it cannot know what else it was that we had not */
    rig_up(&rig, OTHER, false); /* each link has its own */
    CHECK(rig_offer(&rig, OTHER, 9999, 1) == OVERLAY_WANTED);
    rig_pass(&rig, OVERLAY_WINDOW_MS);
    CHECK(rig_offer(&rig, PEER, 9999, 1) == OVERLAY_WANTED);
    rig_destroy(&rig);
}

static void test_ids_announced_and_asked_for_have_windows_of_their_own(void **state) {
    (void)state;
    static struct link_message graft;
    struct overlay_counts counts;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    rig_up(&rig, OTHER, false);
    rig_bring(&rig, OTHER, 1, LINK_HOPS_CAUGHT_UP);
    graft = (struct link_message){.kind = LINK_GRAFT, .as.graft.count = 1};
    memcpy(graft.as.graft.ids[0].b, rig_key(1).id.b, LINK_SHORT_BYTES);
    for (size_t i = 0; i < OVERLAY_WINDOW_IHAVE; i++) {
        rig_announce(&rig, PEER, 1);
    }
    for (size_t i = 0; i < OVERLAY_WINDOW_GRAFT; i++) {
        rig_say(&rig, PEER, &graft);
        CHECK(rig_count(&rig, OVERLAY_ACT_PUSH, PEER) == 1);
    }
    rig_say(&rig, PEER, &graft);
    CHECK(rig.actions->count == 0);
    rig_announce(&rig, PEER, 2);
    overlay_counts(rig.overlay, &counts);
    CHECK(counts.missed == 0);
    CHECK(faults(PEER) == 0);
    rig_destroy(&rig);
}

static void test_sixteen_walks_and_shuffles_go_on_in_a_window(void **state) {
    (void)state;
    static struct link_message walk;
    walk = (struct link_message){.kind = LINK_WALK};
    walk.as.walk.peer = members_id(77);
    walk.as.walk.left = 6;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    rig_up(&rig, OTHER, false);
    size_t passed = 0;
    for (size_t i = 0; i < 100; i++) {
        rig_say(&rig, PEER, &walk);
        passed += rig_sent(&rig, LINK_WALK, OTHER);
    }
    CHECK(passed == OVERLAY_WINDOW_WALKS);
    CHECK(faults(PEER) == 0); /* many may have joined at once */
    rig_destroy(&rig);
}

/* It announces something, is asked, and sends nothing. */
static void break_word(uint16_t number) {
    rig_announce(&rig, PEER, number);
    rig_run(&rig, 6000, true);
}

static void test_two_points_are_forgiven_in_each_window(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    for (uint16_t i = 1; i <= 40; i++) { /* twice what ends a link, one by one */
        break_word(i);
        CHECK(faults(PEER) == BROKEN);
        rig_run(&rig, 3 * (int64_t)OVERLAY_WINDOW_MS, true);
    }
    break_word(41);
    rig_pass(&rig, OVERLAY_WINDOW_MS);
    rig_announce(&rig, PEER, 42);
    CHECK(faults(PEER) == BROKEN - FORGIVEN);
    rig_destroy(&rig);
}

static void test_a_fault_ends_the_link_at_once_and_shuns_the_peer_for_a_minute(void **state) {
    (void)state;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    blame(PEER);
    CHECK(rig_count(&rig, OVERLAY_ACT_CLOSE, PEER) == 1);
    CHECK(rig.actions->list[0].why == OVERLAY_END_FAULT);
    CHECK(!overlay_is_linked(rig.overlay, PEER));
    CHECK(shunned_for(PEER) == SHUNNED_MS);
    rig_destroy(&rig);
}

static void test_each_time_a_peer_is_shunned_for_twice_as_long_up_to_an_hour(void **state) {
    (void)state;
    int64_t expected = SHUNNED_MS;
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    for (int i = 0; i < 12; i++) {
        blame(PEER);
        CHECK(shunned_for(PEER) == expected);
        expected = expected * 2 < SHUNNED_LAST_MS ? expected * 2 : SHUNNED_LAST_MS;
    }
    rig_destroy(&rig);
}

static void test_who_is_shunned_is_neither_dialled_nor_taken_into_the_passive_view(void **state) {
    (void)state;
    static struct link_message shuffle;
    shuffle = (struct link_message){.kind = LINK_SHUFFLE, .as.shuffle.count = 1};
    shuffle.as.shuffle.peers[0] = members_id(PEER);
    rig_create(&rig);
    rig_up(&rig, PEER, false);
    rig_up(&rig, OTHER, false);
    blame(PEER);
    rig_say(&rig, OTHER, &shuffle);
    CHECK(!rig_in_passive(&rig, PEER));
    rig_name(&rig, PEER); /* a new address: all the same */
    rig_run(&rig, SHUNNED_MS - 2000, true);
    CHECK(rig.dials[PEER] == 0);
    rig_destroy(&rig);
}

/* Where it is the only one, a home must not stay alone for ever. */
static void test_who_was_shunned_is_dialled_again_when_that_is_over(void **state) {
    (void)state;
    rig_create(&rig);
    rig_name(&rig, PEER);
    rig_up(&rig, PEER, true);
    blame(PEER);
    rig_run(&rig, SHUNNED_MS - 2000, true);
    CHECK(rig.dials[PEER] == 0);
    rig_run(&rig, 5000, true);
    CHECK(rig.dials[PEER] >= 1);
    rig_destroy(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_what_is_beyond_a_window_is_left_without_an_answer_and_blamed_on_nobody),
        cmocka_unit_test(test_ids_announced_and_asked_for_have_windows_of_their_own),
        cmocka_unit_test(test_sixteen_walks_and_shuffles_go_on_in_a_window),
        cmocka_unit_test(test_two_points_are_forgiven_in_each_window),
        cmocka_unit_test(test_a_fault_ends_the_link_at_once_and_shuns_the_peer_for_a_minute),
        cmocka_unit_test(test_each_time_a_peer_is_shunned_for_twice_as_long_up_to_an_hour),
        cmocka_unit_test(test_who_is_shunned_is_neither_dialled_nor_taken_into_the_passive_view),
        cmocka_unit_test(test_who_was_shunned_is_dialled_again_when_that_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
