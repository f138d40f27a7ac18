#include "node/overlay/overlay.h"

#include "tests/support/check.h"

#include <string.h>

enum {
    KEEP_ALIVE_MS = 4000,
    DEAD_AFTER_MS = 12000,
};

static struct overlay_actions actions;
static struct now now;

static struct id id_of(uint8_t fill) {
    struct id id;
    memset(id.b, fill, sizeof id.b);
    return id;
}

static struct overlay *create(uint8_t self) {
    const struct id id = id_of(self);
    struct overlay *overlay = overlay_create(&id, 1);
    CHECK(overlay != NULL);
    now = (struct now){.wall = {1000000}, .mono = {50000}};
    return overlay;
}

static enum err step(struct overlay *overlay, struct overlay_event event) {
    return overlay_step(overlay, &event, now, 11, &actions);
}

static void pass(int64_t ms) {
    now.wall.ms += ms;
    now.mono.ms += ms;
}

static size_t count(enum overlay_action_kind kind) {
    size_t found = 0;
    for (size_t i = 0; i < actions.count; i++) {
        found += actions.list[i].kind == kind ? 1 : 0;
    }
    return found;
}

static void up(struct overlay *overlay, uint8_t peer, link_no link, bool dialled) {
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                                           .peer = id_of(peer),
                                                           .link = link,
                                                           .dialled = dialled}));
}

static enum err accept(struct overlay *overlay, uint8_t fill, link_no from, int64_t expires) {
    return step(overlay, (struct overlay_event){.kind = OVERLAY_EV_ACCEPTED,
                                                .link = from,
                                                .key = {{fill}, id_of(fill)},
                                                .expires = {expires}});
}

static void test_a_known_peer_is_dialled_soon_and_ever_more_rarely_while_it_fails(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    CHECK(overlay_deadline(overlay, now).ms == TICK_NEVER.ms);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = id_of(9)}));
    int64_t last = 0;
    for (int i = 0; i < 14; i++) {
        int64_t wait = overlay_deadline(overlay, now).ms - now.mono.ms;
        CHECK(wait > 0);
        CHECK(wait <= 600000);
        CHECK(i != 0 || wait <= 1000);
        CHECK(i < 12 || wait >= 300000); /* no more than every five minutes by then */
        last = wait;
        pass(wait);
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
        CHECK(count(OVERLAY_ACT_DIAL) == 1);
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_DOWN,
                                                               .peer = id_of(9)}));
    }
    /* A new address deserves a prompt try. */
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = id_of(9)}));
    CHECK(overlay_deadline(overlay, now).ms - now.mono.ms < last);
    CHECK(overlay_deadline(overlay, now).ms - now.mono.ms <= 1000);
    overlay_destroy(overlay);
}

static void test_a_home_is_no_peer_of_its_own(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = id_of(1)}));
    CHECK(overlay_deadline(overlay, now).ms == TICK_NEVER.ms);
    CHECK_ERR(ERR_PEER_BOUNDS,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_LINK_UP, .peer = id_of(1), .link = 3}));
    overlay_destroy(overlay);
}

static void test_of_two_links_both_ends_keep_the_one_dialled_by_the_smaller_id(void **state) {
    (void)state;
    for (int smaller_first = 0; smaller_first < 2; smaller_first++) {
        struct overlay *small = create(1);
        struct overlay *large = create(2);
        link_no by_small = 10;
        link_no by_large = 20;
        if (smaller_first == 1) {
            up(small, 2, by_small, true);
            up(small, 2, by_large, false);
        } else {
            up(small, 2, by_large, false);
            up(small, 2, by_small, true);
        }
        CHECK(count(OVERLAY_ACT_CLOSE) == 1);
        CHECK(actions.list[0].link == by_large);
        up(large, 1, by_small, false);
        up(large, 1, by_large, true);
        CHECK(actions.list[0].link == by_large);
        CHECK(overlay_link_count(small) == 1);
        CHECK(overlay_link_count(large) == 1);
        overlay_destroy(small);
        overlay_destroy(large);
    }
}

static void test_a_second_link_by_the_same_side_replaces_the_first(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    up(overlay, 2, 10, false);
    up(overlay, 2, 12, false);
    CHECK(count(OVERLAY_ACT_CLOSE) == 1);
    CHECK(actions.list[0].link == 10);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_LINK_DOWN, .peer = id_of(2), .link = 10}));
    CHECK(overlay_is_linked(overlay, &(struct id){{0}}) == false);
    const struct id peer = id_of(2);
    CHECK(overlay_is_linked(overlay, &peer));
    overlay_destroy(overlay);
}

static void test_links_have_a_bound(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (unsigned i = 0; i < OVERLAY_LINKS_MAX; i++) {
        up(overlay, (uint8_t)(10 + i), 100 + i, true);
    }
    CHECK_ERR(ERR_FULL_LINKS,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_LINK_UP, .peer = id_of(99), .link = 200}));
    CHECK(overlay_link_count(overlay) == OVERLAY_LINKS_MAX);
    overlay_destroy(overlay);
}

static void test_a_silent_link_is_pinged_then_given_up_and_its_peer_dialled_again(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    up(overlay, 2, 10, true);
    size_t pings = 0;
    size_t closed = 0;
    int64_t dead = 0;
    int64_t began = now.mono.ms;
    while (closed == 0) {
        int64_t wait = overlay_deadline(overlay, now).ms - now.mono.ms;
        CHECK(now.mono.ms - began < 60000);
        pass(wait > 0 ? wait : 0);
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
        pings += count(OVERLAY_ACT_PING);
        closed += count(OVERLAY_ACT_CLOSE);
        dead = now.mono.ms - began;
    }
    CHECK(pings == 2);
    CHECK(dead == DEAD_AFTER_MS);
    CHECK(overlay_link_count(overlay) == 0);
    pass(2000);
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
    CHECK(count(OVERLAY_ACT_DIAL) == 1);
    overlay_destroy(overlay);
}

static void test_whatever_is_heard_keeps_a_link(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    up(overlay, 2, 10, true);
    for (int i = 0; i < 20; i++) {
        pass(KEEP_ALIVE_MS);
        CHECK_ERR(ERR_OK,
                  step(overlay, (struct overlay_event){.kind = OVERLAY_EV_HEARD, .link = 10}));
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
        CHECK(count(OVERLAY_ACT_CLOSE) == 0);
        CHECK(count(OVERLAY_ACT_PING) == 1);
    }
    overlay_destroy(overlay);
}

static void test_an_accepted_object_goes_to_every_link_but_its_own(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (uint8_t i = 0; i < 4; i++) {
        up(overlay, (uint8_t)(10 + i), 100 + i, true);
    }
    CHECK_ERR(ERR_OK, accept(overlay, 7, 102, 9000000));
    CHECK(count(OVERLAY_ACT_PUSH) == 3);
    for (size_t i = 0; i < actions.count; i++) {
        CHECK(actions.list[i].link != 102);
    }
    CHECK_ERR(ERR_OK, accept(overlay, 7, 103, 9000000)); /* known by now */
    CHECK(actions.count == 0);
    CHECK_ERR(ERR_OK, accept(overlay, 8, 0, 9000000)); /* our own */
    CHECK(count(OVERLAY_ACT_PUSH) == 4);
    CHECK(overlay_object_count(overlay) == 2);
    overlay_destroy(overlay);
}

static void test_objects_go_when_they_expire_and_the_deadline_says_when(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    const struct id first = id_of(7);
    CHECK_ERR(ERR_OK, accept(overlay, 7, 0, now.wall.ms + 5000));
    CHECK_ERR(ERR_OK, accept(overlay, 8, 0, now.wall.ms + 60000));
    CHECK(overlay_deadline(overlay, now).ms == now.mono.ms + 5000);
    now.wall.ms -= 1000; /* the wall clock is set back: later, then */
    CHECK(overlay_deadline(overlay, now).ms == now.mono.ms + 6000);
    pass(6000);
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
    CHECK(count(OVERLAY_ACT_DROP) == 1);
    CHECK(id_equal(&actions.list[0].id, &first));
    CHECK(overlay_look_up(overlay, &first, false, now) == OVERLAY_VERDICT_WANTED);
    CHECK(overlay_object_count(overlay) == 1);
    overlay_destroy(overlay);
}

static void test_what_was_ignored_is_worth_a_look_again_after_a_minute(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    const struct id id = id_of(7);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_VERDICT_WANTED);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_IGNORED, .key.id = id}));
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_VERDICT_LATER);
    pass(59999);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_VERDICT_LATER);
    pass(1);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_VERDICT_WANTED);
    /* Only so many are remembered: the earliest give way. */
    for (int i = 0; i <= OVERLAY_IGNORED_MAX; i++) {
        struct id other = id_of(200);
        other.b[0] = (uint8_t)i;
        other.b[1] = (uint8_t)(i >> 8);
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_IGNORED,
                                                               .key.id = other}));
    }
    struct id oldest = id_of(200);
    oldest.b[0] = oldest.b[1] = 0;
    CHECK(overlay_look_up(overlay, &oldest, false, now) == OVERLAY_VERDICT_WANTED);
    overlay_destroy(overlay);
}

static void test_a_member_whose_certificate_ended_loses_its_link(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    up(overlay, 2, 10, true);
    CHECK_ERR(ERR_OK, step(overlay,
                           (struct overlay_event){.kind = OVERLAY_EV_PEER_GONE, .peer = id_of(2)}));
    CHECK(count(OVERLAY_ACT_CLOSE) == 1);
    CHECK(overlay_link_count(overlay) == 0);
    CHECK(overlay_deadline(overlay, now).ms == TICK_NEVER.ms);
    overlay_destroy(overlay);
}

static void test_who_dialled_makes_a_new_link_after_an_hour(void **state) {
    (void)state;
    for (int dialled = 0; dialled < 2; dialled++) {
        struct overlay *overlay = create(1);
        up(overlay, 9, 2, dialled == 1);
        size_t dials = 0;
        for (int s = 0; s < 3600; s++) { /* something is heard all the time */
            CHECK(dials == 0);
            pass(1000);
            CHECK_ERR(ERR_OK,
                      step(overlay, (struct overlay_event){.kind = OVERLAY_EV_HEARD, .link = 2}));
            CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
            dials += count(OVERLAY_ACT_DIAL);
        }
        CHECK(dials == (dialled == 1 ? 1 : 0));
        up(overlay, 9, 4, dialled == 1); /* it stands: the old one goes */
        CHECK(count(OVERLAY_ACT_CLOSE) == 1);
        CHECK(actions.list[0].link == 2);
        CHECK(overlay_link_count(overlay) == 1);
        overlay_destroy(overlay);
    }
}

static void test_what_was_replaced_is_not_known_any_longer(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    CHECK_ERR(ERR_OK, accept(overlay, 3, 0, 9000000));
    CHECK_ERR(ERR_OK, accept(overlay, 4, 0, 9000000));
    for (int i = 0; i < 2; i++) { /* again is nothing */
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_REPLACED,
                                                               .key = {{3}, id_of(3)}}));
        const struct id old = id_of(3);
        const struct id kept = id_of(4);
        CHECK(overlay_object_count(overlay) == 1);
        CHECK(overlay_look_up(overlay, &old, false, now) == OVERLAY_VERDICT_WANTED);
        CHECK(overlay_look_up(overlay, &kept, false, now) == OVERLAY_VERDICT_DUPLICATE);
    }
    overlay_destroy(overlay);
}

static void test_peers_and_objects_have_bounds(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (int i = 0; i < OVERLAY_PEERS_MAX; i++) {
        struct id peer = id_of(5);
        peer.b[0] = (uint8_t)i;
        CHECK_ERR(ERR_OK,
                  step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = peer}));
    }
    CHECK_ERR(ERR_FULL_TABLE,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = id_of(77)}));
    for (int i = 0; i < OVERLAY_OBJECTS_MAX; i++) {
        struct overlay_event event = {
            .kind = OVERLAY_EV_ACCEPTED, .key.created.ms = i, .expires = INSTANT_NEVER};
        write_u32(event.key.id.b, (uint32_t)i * 2654435761u);
        event.key.id.b[31] = 1;
        CHECK(overlay_has_room(overlay, true));
        CHECK(overlay_has_room(overlay, false) == (i < OVERLAY_OBJECTS_MAX - OVERLAY_RESERVED));
        CHECK_ERR(ERR_OK, step(overlay, event));
    }
    const struct id one_more = id_of(6);
    CHECK(overlay_look_up(overlay, &one_more, true, now) == OVERLAY_VERDICT_FULL);
    CHECK_ERR(ERR_FULL_TABLE, accept(overlay, 6, 0, 9000000));
    overlay_destroy(overlay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_known_peer_is_dialled_soon_and_ever_more_rarely_while_it_fails),
        cmocka_unit_test(test_a_home_is_no_peer_of_its_own),
        cmocka_unit_test(test_of_two_links_both_ends_keep_the_one_dialled_by_the_smaller_id),
        cmocka_unit_test(test_a_second_link_by_the_same_side_replaces_the_first),
        cmocka_unit_test(test_links_have_a_bound),
        cmocka_unit_test(test_a_silent_link_is_pinged_then_given_up_and_its_peer_dialled_again),
        cmocka_unit_test(test_whatever_is_heard_keeps_a_link),
        cmocka_unit_test(test_an_accepted_object_goes_to_every_link_but_its_own),
        cmocka_unit_test(test_objects_go_when_they_expire_and_the_deadline_says_when),
        cmocka_unit_test(test_what_was_ignored_is_worth_a_look_again_after_a_minute),
        cmocka_unit_test(test_a_member_whose_certificate_ended_loses_its_link),
        cmocka_unit_test(test_who_dialled_makes_a_new_link_after_an_hour),
        cmocka_unit_test(test_what_was_replaced_is_not_known_any_longer),
        cmocka_unit_test(test_peers_and_objects_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
