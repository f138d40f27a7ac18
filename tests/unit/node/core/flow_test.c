/* The main job among eight homes of one process: every engine, the store, the crypto and the wire
 * are the real ones. */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/world.h"

enum {
    HOMES = 8,
    HOUR = DURATION_HOUR_MS,
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

struct spread {
    struct id request;
    int home; /* -1: every one */
};

static bool everywhere(struct world *world, void *context) {
    const struct spread *spread = context;
    for (int i = 0; (size_t)i < world->home_count; i++) {
        bool looked_at = spread->home < 0 || spread->home == i;
        if (looked_at && world->homes[i].core != NULL &&
            !world_has_object(world, i, &spread->request)) {
            return false;
        }
    }
    return true;
}

static bool delivered(struct world *world, void *context) {
    const struct spread *spread = context;
    return world_delivered(world, spread->home, &spread->request) > 0;
}

static bool sealed(struct world *world, void *context) {
    const struct spread *spread = context;
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = spread->request};
    return world_ask(world, spread->home, &ask) == ERR_OK && world->reply_count > 1;
}

static void test_eight_homes_join_to_a_full_mesh(void **state) {
    (void)state;
    struct world *world = world_create(1, HOMES, NULL);
    world_settle(world, &terms);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_links(world, i) == HOMES - 1);
        CHECK(world->reply.as.status.members == HOMES);
        CHECK(world_log_verifies(world, i));
    }
    world_run(world, 5 * MINUTE);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_links(world, i) == HOMES - 1);
    }
    world_destroy(world);
}

static void test_a_request_reaches_every_home_and_one_clip_comes_back(void **state) {
    (void)state;
    struct world *world = world_create(2, HOMES, NULL);
    struct request request;
    struct spread spread = {.home = -1};
    world_settle(world, &terms);
    world->homes[3].footage = WORLD_MATCH;
    world->homes[4].footage = WORLD_MATCH;
    world_warrant(world, 1, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &spread.request));
    CHECK(world_run_until(world, 2000, everywhere, &spread));
    for (int home = 3; home <= 4; home++) {
        spread.home = home;
        CHECK(world_run_until(world, MINUTE, sealed, &spread));
    }
    const struct world_clip *clip = world_clip(world, 3, &spread.request);
    struct grant grant;
    world_grant(world, 3, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, 3, clip, &grant, 0, 1, NULL));
    CHECK_ERR(ERR_OK, world_decline(world, 4, world_clip(world, 4, &spread.request)));
    /* On the record first: nothing leaves before its slot has closed (P7). */
    CHECK(world_log_count(world, 3, "disclosure ") == 0);
    spread.home = 1;
    CHECK(world_run_until(world, MINUTE, delivered, &spread));
    CHECK(world_log_count(world, 3, "disclosure ") == 1);
    world_run(world, MINUTE);
    CHECK(world_delivered(world, 1, &spread.request) == 1);
    CHECK(world_delivered_opens(world, 1, &spread.request, clip));
    CHECK(world_clip(world, 4, &spread.request) == NULL); /* shredded */
    CHECK(world_log_count(world, 1, "request_made ") == 1);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_log_count(world, i, "request_seen ") == (i == 1 ? 0 : 1));
        CHECK(world_log_count(world, i, "receipt_commitment ") == (i == 1 ? 1 : 0));
        CHECK(world_log_count(world, i, "match ") == (i == 3 || i == 4 ? 1 : 0));
        CHECK(world_log_count(world, i, "sent ") == (i == 3 ? 1 : 0));
        CHECK(world_log_count(world, i, "declined ") == (i == 4 ? 1 : 0));
        CHECK(world_log_count(world, i, "shred ") == (i == 4 ? 1 : 0));
        CHECK(world_log_verifies(world, i));
    }
    world_destroy(world);
}

static bool one_more(struct world *world, void *context) {
    const struct spread *spread = context;
    return world_delivered(world, spread->home, &spread->request) == 2;
}

static void test_deliveries_at_once_do_not_share_the_same_room_on_the_disk(void **state) {
    (void)state;
    struct world *world = world_create(7, HOMES, NULL);
    struct request request;
    struct spread spread = {.home = -1};
    world_settle(world, &terms);
    world_warrant(world, 1, HOUR, &request);
    for (int home = 3; home <= 4; home++) {
        world->homes[home].footage = WORLD_MATCH;
        world->homes[home].payload_plain = 2000000;
    }
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &spread.request));
    for (int home = 3; home <= 4; home++) {
        spread.home = home;
        CHECK(world_run_until(world, MINUTE, sealed, &spread));
    }
    world->latency_min = 300; /* the second is offered before anything of the first has come */
    world->latency_max = 300;
    for (int home = 3; home <= 4; home++) { /* both go with the next slot */
        struct grant grant;
        const struct world_clip *clip = world_clip(world, home, &spread.request);
        world->homes[1].disk_room = clip->payload.len * 3 / 2;
        world_grant(world, home, clip, &grant);
        CHECK_ERR(ERR_OK, world_grant_put(world, home, clip, &grant, 0, 1, NULL));
    }
    spread.home = 1;
    CHECK(world_run_until(world, MINUTE, delivered, &spread));
    world_run(world, 2 * MINUTE);
    CHECK(world_delivered(world, 1, &spread.request) == 1);
    CHECK(world_disk_used(&world->homes[1]) <= world->homes[1].disk_room);
    world->homes[1].disk_room *= 2; /* there is room again */
    CHECK(world_run_until(world, 30 * MINUTE, one_more, &spread));
    world_destroy(world);
}

static void test_what_was_missed_comes_when_a_home_is_back(void **state) {
    (void)state;
    struct world *world = world_create(3, HOMES, NULL);
    struct request request;
    struct spread missed[9];
    world_settle(world, &terms);
    for (int i = 0; i < HOMES - 1; i++) {
        world_cut(world, i, HOMES - 1, true);
    }
    world_run(world, MINUTE);
    CHECK(world_links(world, HOMES - 1) == 0);
    for (size_t i = 0; i < COUNT_OF(missed); i++) {
        world_voluntary(world, 2, 2 * HOUR, &request);
        request.reason[0] = (char)('A' + i);
        CHECK_ERR(ERR_OK, world_request(world, 2, &request, &missed[i].request));
        world_run(world, MINUTE);
    }
    world_kill(world, 2); /* the author itself is away when it comes back */
    for (int i = 0; i < HOMES - 1; i++) {
        world_cut(world, i, HOMES - 1, false);
    }
    for (size_t i = 0; i < COUNT_OF(missed); i++) {
        missed[i].home = HOMES - 1;
        CHECK(!world_has_object(world, HOMES - 1, &missed[i].request));
        CHECK(world_run_until(world, 11 * MINUTE, everywhere, &missed[i]));
    }
    world_run(world, MINUTE);
    CHECK(world_log_count(world, HOMES - 1, "request_seen ") == COUNT_OF(missed));
    CHECK(world_log_verifies(world, HOMES - 1));
    world_destroy(world);
}

static void test_the_same_seed_gives_the_same_trace(void **state) {
    (void)state;
    uint8_t traces[3][32];
    for (size_t i = 0; i < 3; i++) {
        struct world *world = world_create(i == 2 ? 8 : 7, 4, NULL);
        struct request request;
        struct id id;
        world_settle(world, &terms);
        world->homes[2].footage = WORLD_MATCH;
        world_voluntary(world, 1, HOUR, &request);
        CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
        world_run(world, MINUTE);
        memcpy(traces[i], world->trace, 32);
        world_destroy(world);
    }
    CHECK(memcmp(traces[0], traces[1], 32) == 0);
    CHECK(memcmp(traces[0], traces[2], 32) != 0);
}

static void test_an_invite_lets_one_home_in_and_that_one_again(void **state) {
    (void)state;
    struct world *world = world_create(4, 4, NULL);
    char code[CODE_MAX_BYTES];
    world_found(world, 0, &terms);
    world_invite(world, 0, MEMBER_HOME, HOUR, code);
    CHECK_ERR(ERR_OK, world_join(world, 1, code));
    world_run(world, 10000);
    CHECK(world_is_member(world, 1));
    CHECK_ERR(ERR_OK, world_join(world, 2, code));
    world_run(world, 2 * MINUTE);
    CHECK(!world_is_member(world, 2));
    CHECK(world_log_count(world, 0, "member ") == 2);
    /* One that has run out lets nobody in, and is not even tried. */
    world_invite(world, 0, MEMBER_HOME, MINUTE, code);
    world_run(world, 2 * MINUTE);
    CHECK_ERR(ERR_USER_INVITE, world_join(world, 3, code));
    world_run(world, 2 * MINUTE);
    CHECK(!world_is_member(world, 3));
    world_destroy(world);
}

static void test_ten_live_requests_and_no_more(void **state) {
    (void)state;
    struct world *world = world_create(5, 3, NULL);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    for (int i = 0; i < 10; i++) {
        world_voluntary(world, 1, HOUR, &request);
        request.reason[0] = (char)('A' + i);
        CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
    }
    world_voluntary(world, 1, HOUR, &request);
    request.reason[0] = 'Z';
    CHECK_ERR(ERR_DENY_QUOTA, world_request(world, 1, &request, &id));
    CHECK(!world_has_object(world, 1, &id));
    /* Another's are its own; and when the first ones have ended there is room again. */
    world_voluntary(world, 2, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 2, &request, &id));
    world_run(world, HOUR + MINUTE);
    world_voluntary(world, 1, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
    struct spread spread = {.request = id, .home = -1};
    CHECK(world_run_until(world, MINUTE, everywhere, &spread));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_homes_join_to_a_full_mesh),
        cmocka_unit_test(test_a_request_reaches_every_home_and_one_clip_comes_back),
        cmocka_unit_test(test_deliveries_at_once_do_not_share_the_same_room_on_the_disk),
        cmocka_unit_test(test_what_was_missed_comes_when_a_home_is_back),
        cmocka_unit_test(test_the_same_seed_gives_the_same_trace),
        cmocka_unit_test(test_an_invite_lets_one_home_in_and_that_one_again),
        cmocka_unit_test(test_ten_live_requests_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
