#include "tests/support/members.h"

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

static struct overlay *create(peer_no self) {
    struct overlay *overlay = members_overlay(self);
    now = (struct now){.wall = {1000000}, .mono = {50000}};
    return overlay;
}

static enum err step(struct overlay *overlay, struct overlay_event event) {
    static uint64_t random;
    return overlay_step(overlay, &event, now, ++random, &actions);
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

static void say(struct overlay *overlay, link_no link, const struct link_message *message) {
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_MESSAGE, .link = link, .message = message}));
}

static void neighbour(struct overlay *overlay, link_no link, enum neighbour_wish wish) {
    static struct link_message message;
    message = (struct link_message){.kind = LINK_NEIGHBOUR, .as.neighbour.wish = wish};
    say(overlay, link, &message);
}

static void rise(struct overlay *overlay, peer_no peer, link_no link, bool dialled) {
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                                           .peer = peer,
                                                           .link = link,
                                                           .dialled = dialled}));
}

/* The link stands, and both ends have said NEIGHBOUR. */
static void up(struct overlay *overlay, peer_no peer, link_no link, bool dialled) {
    rise(overlay, peer, link, dialled);
    neighbour(overlay, link, NEIGHBOUR_MORE);
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
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = 9}));
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
        CHECK_ERR(ERR_OK,
                  step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_DOWN, .peer = 9}));
    }
    /* A new address deserves a prompt try. */
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = 9}));
    CHECK(overlay_deadline(overlay, now).ms - now.mono.ms < last);
    CHECK(overlay_deadline(overlay, now).ms - now.mono.ms <= 1000);
    overlay_destroy(overlay);
}

static void test_a_home_is_no_peer_of_its_own(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = 1}));
    CHECK(overlay_deadline(overlay, now).ms == TICK_NEVER.ms);
    CHECK_ERR(
        ERR_PEER_BOUNDS,
        step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP, .peer = 1, .link = 3}));
    overlay_destroy(overlay);
}

/* Both dial at once: each end sees both links stand, in either order, before NEIGHBOUR comes. */
static void test_of_two_links_both_ends_keep_the_one_dialled_by_the_smaller_id(void **state) {
    (void)state;
    for (int order = 0; order < 4; order++) {
        struct overlay *small = create(1);
        struct overlay *large = create(2);
        link_no by_small = 10;
        link_no by_large = 20;
        rise(small, 2, order % 2 == 0 ? by_small : by_large, order % 2 == 0);
        rise(small, 2, order % 2 == 0 ? by_large : by_small, order % 2 != 0);
        rise(large, 1, order / 2 == 0 ? by_small : by_large, order / 2 != 0);
        rise(large, 1, order / 2 == 0 ? by_large : by_small, order / 2 == 0);
        neighbour(small, by_large, NEIGHBOUR_MORE);
        CHECK(count(OVERLAY_ACT_CLOSE) == 1);
        CHECK(actions.list[0].link == by_large);
        neighbour(large, by_small, NEIGHBOUR_MORE);
        CHECK(count(OVERLAY_ACT_CLOSE) == 1);
        CHECK(actions.list[0].link == by_large);
        neighbour(small, by_small, NEIGHBOUR_MORE); /* the answer */
        CHECK(overlay_link_count(small) == 1);
        CHECK(overlay_link_count(large) == 1);
        CHECK(overlay_is_linked(small, 2));
        CHECK(overlay_is_linked(large, 1));
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
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){
                                        .kind = OVERLAY_EV_LINK_DOWN, .peer = 2, .link = 10}));
    CHECK(!overlay_is_linked(overlay, 3));
    CHECK(overlay_is_linked(overlay, 2));
    overlay_destroy(overlay);
}

static void test_links_have_a_bound_and_those_who_need_one_get_in_now_and_then(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (peer_no i = 0; i < 40; i++) {
        CHECK_ERR(ERR_OK,
                  step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = 100 + i}));
    }
    size_t let_in = 0;
    for (peer_no i = 0; i < 30; i++) {
        rise(overlay, 100 + i, 100 + i, false);
        neighbour(overlay, 100 + i, NEIGHBOUR_MORE);
        CHECK(overlay_link_count(overlay) == (i < 6 ? i + 1 : 6)); /* three are for us to dial */
    }
    for (peer_no i = 0; i < 3; i++) {
        up(overlay, 200 + i, 200 + i, true);
    }
    CHECK(overlay_link_count(overlay) == OVERLAY_LINKS_MAX);
    for (peer_no i = 0; i < 30; i++) {
        rise(overlay, 300 + i, 300 + i, false);
        neighbour(overlay, 300 + i, i % 2 == 0 ? NEIGHBOUR_NONE : NEIGHBOUR_NEW);
        let_in += overlay_is_linked(overlay, 300 + i) ? 1 : 0;
        CHECK(overlay_link_count(overlay) == OVERLAY_LINKS_MAX);
        for (peer_no k = 0; k < 3; k++) {
            CHECK(overlay_is_linked(overlay, 200 + k)); /* nobody can push those out */
        }
    }
    CHECK(let_in >= 1);
    CHECK(let_in <= 5);
    overlay_destroy(overlay);
}

static void test_a_network_has_two_links_at_most_once_there_are_links_enough(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (peer_no i = 0; i < 7; i++) {
        CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_LINK_UP,
                                                               .peer = 10 + i,
                                                               .link = 10 + i,
                                                               .group = i < 3 ? 66 : 77,
                                                               .dialled = i % 2 == 0}));
        neighbour(overlay, 10 + i, NEIGHBOUR_MORE);
    }
    CHECK(overlay_link_count(overlay) == 5); /* a street of one provider is not cut off */
    CHECK(overlay_is_linked(overlay, 14) && !overlay_is_linked(overlay, 15));
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_LINK_UP, .peer = 30, .link = 30, .group = 88}));
    neighbour(overlay, 30, NEIGHBOUR_MORE);
    CHECK(overlay_is_linked(overlay, 30));
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){
                                .kind = OVERLAY_EV_LINK_UP, .peer = 31, .link = 31, .group = 77}));
    neighbour(overlay, 31, NEIGHBOUR_NONE); /* in the place of another of its network */
    CHECK(overlay_is_linked(overlay, 31) && overlay_link_count(overlay) == 6);
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

static void test_an_accepted_object_goes_to_every_eager_link_but_its_own(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    for (peer_no i = 0; i < 6; i++) { /* who has links already brings no branch of the tree */
        rise(overlay, 10 + i, 100 + i, false);
        neighbour(overlay, 100 + i, i < 4 ? NEIGHBOUR_NONE : NEIGHBOUR_MORE);
    }
    CHECK_ERR(ERR_OK, accept(overlay, 7, 102, 9000000));
    CHECK(count(OVERLAY_ACT_PUSH) == 3);
    for (size_t i = 0; i < actions.count; i++) {
        CHECK(actions.list[i].link != 102);
    }
    CHECK_ERR(ERR_OK, accept(overlay, 7, 103, 9000000)); /* known by now */
    CHECK(actions.count == 0);
    CHECK_ERR(ERR_OK, accept(overlay, 9, 0, 9000000)); /* our own */
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
    CHECK(overlay_look_up(overlay, &first, false, now) == OVERLAY_WANTED);
    CHECK(overlay_object_count(overlay) == 1);
    overlay_destroy(overlay);
}

static void test_what_was_ignored_is_worth_a_look_again_after_a_minute(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    const struct id id = id_of(7);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_WANTED);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_IGNORED, .key.id = id}));
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_LATER);
    pass(59999);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_LATER);
    pass(1);
    CHECK(overlay_look_up(overlay, &id, false, now) == OVERLAY_WANTED);
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
    CHECK(overlay_look_up(overlay, &oldest, false, now) == OVERLAY_WANTED);
    overlay_destroy(overlay);
}

static void test_a_member_whose_certificate_ended_loses_its_link(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    up(overlay, 2, 10, true);
    CHECK_ERR(ERR_OK,
              step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER_GONE, .peer = 2}));
    CHECK(count(OVERLAY_ACT_CLOSE) == 1);
    CHECK(overlay_link_count(overlay) == 0);
    pass(1000);
    CHECK_ERR(ERR_OK, step(overlay, (struct overlay_event){.kind = OVERLAY_EV_TICK}));
    CHECK(actions.count == 0); /* nobody is left to dial */
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
        CHECK(overlay_look_up(overlay, &old, false, now) == OVERLAY_LATER);
        CHECK(overlay_look_up(overlay, &kept, false, now) == OVERLAY_DUPLICATE);
    }
    overlay_destroy(overlay);
}

static void test_peers_and_objects_have_bounds(void **state) {
    (void)state;
    struct overlay *overlay = create(1);
    static struct overlay_known book[OVERLAY_BOOK_MAX];
    static peer_no passive[OVERLAY_PASSIVE_MAX];
    for (peer_no i = 2; i < 3000; i++) {
        CHECK_ERR(ERR_OK,
                  step(overlay, (struct overlay_event){.kind = OVERLAY_EV_PEER, .peer = i}));
    }
    CHECK(overlay_book(overlay, book) == OVERLAY_BOOK_MAX);
    CHECK(overlay_passive(overlay, passive) == OVERLAY_PASSIVE_MAX);
    size_t late = 0; /* each had the same chance of a place */
    for (size_t i = 0; i < OVERLAY_BOOK_MAX; i++) {
        late += book[i].peer >= 1500 ? 1 : 0;
    }
    CHECK(late > OVERLAY_BOOK_MAX / 3 && late < OVERLAY_BOOK_MAX * 2 / 3);
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
    CHECK(overlay_look_up(overlay, &one_more, true, now) == OVERLAY_FULL);
    CHECK_ERR(ERR_FULL_TABLE, accept(overlay, 6, 0, 9000000));
    overlay_destroy(overlay);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_known_peer_is_dialled_soon_and_ever_more_rarely_while_it_fails),
        cmocka_unit_test(test_a_home_is_no_peer_of_its_own),
        cmocka_unit_test(test_of_two_links_both_ends_keep_the_one_dialled_by_the_smaller_id),
        cmocka_unit_test(test_a_second_link_by_the_same_side_replaces_the_first),
        cmocka_unit_test(test_links_have_a_bound_and_those_who_need_one_get_in_now_and_then),
        cmocka_unit_test(test_a_network_has_two_links_at_most_once_there_are_links_enough),
        cmocka_unit_test(test_a_silent_link_is_pinged_then_given_up_and_its_peer_dialled_again),
        cmocka_unit_test(test_whatever_is_heard_keeps_a_link),
        cmocka_unit_test(test_an_accepted_object_goes_to_every_eager_link_but_its_own),
        cmocka_unit_test(test_objects_go_when_they_expire_and_the_deadline_says_when),
        cmocka_unit_test(test_what_was_ignored_is_worth_a_look_again_after_a_minute),
        cmocka_unit_test(test_a_member_whose_certificate_ended_loses_its_link),
        cmocka_unit_test(test_who_dialled_makes_a_new_link_after_an_hour),
        cmocka_unit_test(test_what_was_replaced_is_not_known_any_longer),
        cmocka_unit_test(test_peers_and_objects_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
