/* Homes that run for months: tables that fill, certificates that end, clocks that are wrong, and a
 * start from what has gathered. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "node/request/request.h"
#include "tests/support/world.h"

enum {
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 16};

struct wait {
    int home;
    struct id id;
};

static bool has_object(struct world *world, void *context) {
    const struct wait *wait = context;
    return world_has_object(world, wait->home, &wait->id);
}

static bool has_clip(struct world *world, void *context) {
    const struct wait *wait = context;
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = wait->id};
    return world_ask(world, wait->home, &ask) == ERR_OK && world->reply_count > 1;
}

static bool delivered(struct world *world, void *context) {
    const struct wait *wait = context;
    return world_delivered(world, wait->home, &wait->id) > 0;
}

static void grant_and_see_it_come(struct world *world, int from, int to, const struct id *request) {
    struct wait wait = {from, *request};
    struct grant grant;
    CHECK(world_run_until(world, MINUTE, has_clip, &wait));
    const struct world_clip *clip = world_clip(world, from, request);
    world_grant(world, from, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, from, clip, &grant, 0, 1, NULL));
    wait.home = to;
    CHECK(world_run_until(world, 3 * MINUTE, delivered, &wait));
}

static void restart_all(struct world *world) {
    for (int i = 0; (size_t)i < world->home_count; i++) {
        world_kill(world, i);
        CHECK_ERR(ERR_OK, world_start(world, i));
    }
}

/* Certificates stand in the order of their makers' clocks: in one millisecond, or with a clock that
 * was set back, a sponsor's may come after one whom it brought. */
static void test_a_sponsor_whose_clock_was_set_back_still_starts_and_brings_others(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        struct world *world = world_create(seed, 4, NULL);
        char code[CODE_MAX_BYTES];
        world_found(world, 0, &terms);
        for (int i = 1; i < 4; i++) {
            world->homes[0].wall_skew -= 5 * MINUTE;
            world_invite(world, 0, MEMBER_HOME, HOUR, code);
            CHECK_ERR(ERR_OK, world_join(world, i, code));
            world_run(world, 10000);
            CHECK(world_is_member(world, i));
        }
        restart_all(world);
        world_run(world, MINUTE);
        for (int i = 0; i < 4; i++) {
            CHECK(world_links(world, i) == 3);
            CHECK(world->reply.as.status.members == 4);
        }
        world_destroy(world);
    }
}

static void test_a_certificate_that_ended_ends_standing_and_not_the_node(void **state) {
    (void)state;
    struct world *world = world_create(11, 3, NULL);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    for (int i = 0; i < 3; i++) {
        world->homes[i].wall_skew += 301 * (int64_t)DURATION_DAY_MS;
    }
    world_run(world, 2 * MINUTE);
    restart_all(world);
    world_run(world, 2 * MINUTE);
    world_voluntary(world, 1, HOUR, &request);
    CHECK_ERR(ERR_DENY_EXPIRED, world_request(world, 1, &request, &id));
    for (int i = 0; i < 3; i++) {
        CHECK(world_links(world, i) == 0);
        CHECK(world->reply.as.status.members == 1); /* the founder's runs longer */
        CHECK(world_log_verifies(world, i));
    }
    world_destroy(world);
}

/* More requests than the table of live ones and the doors have room for, none of them live. */
static void test_after_a_thousand_requests_a_home_starts_and_is_delivered_to(void **state) {
    (void)state;
    struct world *world = world_create(12, 2, NULL);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    for (int i = 0; i < 1100; i++) {
        world_voluntary(world, 1, 2000, &request);
        (void)snprintf(request.reason, sizeof request.reason, "Hit and run, number %d", i);
        CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
        world_run(world, 300);
        if (i % REQUESTS_DAILY == REQUESTS_DAILY - 1) { /* that was a day's */
            world->homes[0].wall_skew += DURATION_DAY_MS;
            world->homes[1].wall_skew += DURATION_DAY_MS;
            world_run(world, REQUESTS_DAILY * MINUTE); /* until its author may go on */
        }
    }
    CHECK(world_log_count(world, 0, "request_seen ") == 1100);
    world->homes[0].footage = WORLD_MATCH;
    restart_all(world);
    world_run(world, 10000);
    world_voluntary(world, 1, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
    struct wait wait = {0, id};
    CHECK(world_run_until(world, MINUTE, has_object, &wait));
    grant_and_see_it_come(world, 0, 1, &id);
    CHECK(world_log_verifies(world, 0));
    CHECK(world_log_verifies(world, 1));
    world_destroy(world);
}

static void test_clocks_that_differ_by_a_quarter_of_an_hour_do_not_matter(void **state) {
    (void)state;
    struct world *world = world_create(13, 4, NULL);
    struct request request;
    struct id id;
    world->homes[1].wall_skew = 14 * MINUTE;
    world_settle(world, &terms);
    world_run(world,
              14 * MINUTE); /* until then a fresh start is told from a replay: PROTOCOL 3.2 */
    world->homes[3].footage = WORLD_MATCH;
    for (int author = 0; author < 4; author++) {
        world_voluntary(world, author, HOUR, &request);
        CHECK_ERR(ERR_OK, world_request(world, author, &request, &id));
        for (int home = 0; home < 4; home++) {
            struct wait wait = {home, id};
            CHECK(world_run_until(world, 2 * MINUTE, has_object, &wait));
        }
        if (author == 1) {
            grant_and_see_it_come(world, 3, 1, &id);
        }
    }
    world_destroy(world);
}

static void test_a_clock_set_back_for_hours_stops_nothing_and_forks_no_log(void **state) {
    (void)state;
    struct world *world = world_create(14, 3, NULL);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    world->homes[2].footage = WORLD_MATCH;
    world_run(world, 10 * MINUTE);
    for (int i = 0; i < 3; i++) {
        world->homes[i].wall_skew -= 6 * HOUR;
    }
    world_run(world, 5 * MINUTE);
    restart_all(world);
    world_run(world, 5 * MINUTE);
    CHECK(world_links(world, 1) == 2);
    world_voluntary(world, 1, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
    struct wait wait = {2, id};
    CHECK(world_run_until(world, MINUTE, has_object, &wait));
    grant_and_see_it_come(world, 2, 1, &id);
    size_t slots = world_log_count(world, 2, "slot ");
    world_run(world, 10 * MINUTE);
    CHECK(world_log_count(world, 2, "slot ") == slots + 10);
    for (int i = 0; i < 3; i++) {
        CHECK(world_log_verifies(world, i));
    }
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sponsor_whose_clock_was_set_back_still_starts_and_brings_others),
        cmocka_unit_test(test_a_certificate_that_ended_ends_standing_and_not_the_node),
        cmocka_unit_test(test_after_a_thousand_requests_a_home_starts_and_is_delivered_to),
        cmocka_unit_test(test_clocks_that_differ_by_a_quarter_of_an_hour_do_not_matter),
        cmocka_unit_test(test_a_clock_set_back_for_hours_stops_nothing_and_forks_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
