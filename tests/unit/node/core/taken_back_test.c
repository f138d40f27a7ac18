/* A request that its author takes back ends everywhere: prompts, part-signatures and grants that
 * are not delivered yet; on the record first, and with the slot (P2, P7, PROTOCOL 5.6). */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "node/request/request.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR,
    REQUESTER,
    OWNER,
    HOSTILE,
    HOMES,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    LIFE = 4 * HOUR, /* of a request */
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

struct asked {
    struct world *world;
    struct request request;
    struct id id;
    struct world_clip clip; /* a copy: the home's own goes when it is shredded */
    struct grant grant;     /* that an honest owner would sign */
};

static bool sealed(struct world *world, void *context) {
    return world_clip(world, OWNER, context) != NULL;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

/* A request that one home has a clip for, whose prompt is open. */
static struct asked ask(uint64_t seed, size_t owners) {
    struct asked asked = {.world = world_create(seed, HOMES, NULL)};
    asked.world->homes[OWNER].owner_count = owners;
    world_settle(asked.world, &terms);
    asked.world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(asked.world, REQUESTER, LIFE, &asked.request);
    CHECK_ERR(ERR_OK, world_request(asked.world, REQUESTER, &asked.request, &asked.id));
    CHECK(world_run_until(asked.world, 5 * MINUTE, sealed, &asked.id));
    world_run(asked.world, 2 * SLOT_MS);
    asked.clip = *world_clip(asked.world, OWNER, &asked.id);
    world_grant(asked.world, OWNER, &asked.clip, &asked.grant);
    return asked;
}

static enum err withdraw(struct asked *asked) {
    return world_withdraw(asked->world, REQUESTER, &asked->id, asked->request.head.expires);
}

static struct id amend(struct asked *asked) {
    struct id id;
    asked->request.amends = asked->id;
    asked->request.head.created = world_wall(asked->world, REQUESTER);
    asked->request.from.ms += 1000;
    CHECK_ERR(ERR_OK, world_request(asked->world, REQUESTER, &asked->request, &id));
    return id;
}

static enum err accept(struct asked *asked, size_t first, size_t count) {
    return world_grant_put(asked->world, OWNER, &asked->clip, &asked->grant, first, count, NULL);
}

static size_t shreds(struct asked *asked) {
    return world_log_count(asked->world, OWNER, "shred ");
}

static void test_a_withdrawn_request_ends_at_every_home(void **state) {
    (void)state;
    struct asked asked = ask(1, 1);
    CHECK_ERR(ERR_OK, withdraw(&asked));
    world_run(asked.world, 2000);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        CHECK(world_log_count(asked.world, home, "request_withdrawn ") == 1);
    }
    CHECK(shreds(&asked) == 0); /* with the slot, as every home writes then */
    CHECK_ERR(ERR_USER_NO_PROMPT, accept(&asked, 0, 1));
    CHECK_ERR(ERR_USER_NO_PROMPT, world_decline(asked.world, OWNER, &asked.clip));
    world_run(asked.world, 2 * SLOT_MS);
    CHECK(shreds(&asked) == 1);
    CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
    CHECK(world_log_count(asked.world, OWNER, "expired ") == 1);
    CHECK_ERR(ERR_USER_NO_CLIP, accept(&asked, 0, 1));
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        CHECK(world_log_verifies(asked.world, home));
    }
    world_destroy(asked.world);
}

static void test_an_amended_request_ends_and_the_new_one_is_decided_anew(void **state) {
    (void)state;
    struct asked asked = ask(2, 1);
    CHECK_ERR(ERR_OK, world_decline(asked.world, OWNER, &asked.clip));
    world_run(asked.world, 2 * SLOT_MS);
    struct id later = amend(&asked);
    world_run(asked.world, 2000);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        CHECK(world_log_count(asked.world, home, "request_amended ") == 1);
    }
    CHECK(world_run_until(asked.world, 5 * MINUTE, sealed, &later));
    world_run(asked.world, 2 * SLOT_MS);
    asked.clip = *world_clip(asked.world, OWNER, &later);
    world_grant(asked.world, OWNER, &asked.clip, &asked.grant);
    CHECK_ERR(ERR_OK, accept(&asked, 0, 1)); /* what was declined is no answer to it */
    CHECK(world_run_until(asked.world, 10 * MINUTE, delivered, &later));
    world_destroy(asked.world);
}

/* It lies a slot longer where a clip was about it: what is said of it then must not show that. */
static void test_what_has_ended_is_amended_nowhere(void **state) {
    (void)state;
    struct id id;
    struct request request;
    struct world *world = world_create(31, HOMES, NULL);
    world_settle(world, &terms);
    world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, 10 * MINUTE, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &id));
    int64_t left = request.head.expires.ms - world_wall(world, OWNER).ms;
    world_run(world, left + 1000);
    request.amends = id;
    for (int i = 0; i < 8; i++) {
        struct id later;
        request.head.created = world_wall(world, REQUESTER);
        request.head.expires.ms = request.head.created.ms + 60 * MINUTE;
        CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &later));
        world_run(world, SLOT_MS / 4);
        CHECK(world_has_object(world, OWNER, &later));
    }
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_amended ") == 0);
    }
    world_destroy(world);
}

static void test_an_acceptance_of_what_was_amended_does_not_carry_over(void **state) {
    (void)state;
    struct asked asked = ask(3, 2);
    CHECK_ERR(ERR_OK, accept(&asked, 0, 1)); /* one of two owners */
    struct id later = amend(&asked);
    world_run(asked.world, 2000);
    CHECK_ERR(ERR_USER_NO_PROMPT, accept(&asked, 0, 2));
    CHECK(world_run_until(asked.world, 5 * MINUTE, sealed, &later));
    world_run(asked.world, 10 * MINUTE);
    CHECK(world_delivered(asked.world, REQUESTER, &asked.id) == 0);
    CHECK(world_delivered(asked.world, REQUESTER, &later) == 0);
    CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
    CHECK(world_clip(asked.world, OWNER, &later) != NULL);
    world_destroy(asked.world);
}

static void test_a_grant_that_is_not_delivered_yet_stops(void **state) {
    (void)state;
    for (int on_record = 0; on_record < 2; on_record++) {
        struct asked asked = ask(4, 1);
        world_cut(asked.world, OWNER, REQUESTER, true);
        CHECK_ERR(ERR_OK, accept(&asked, 0, 1));
        world_run(asked.world, on_record ? 2 * SLOT_MS : 0);
        CHECK_ERR(ERR_OK, withdraw(&asked));
        world_run(asked.world, 10 * MINUTE); /* it comes by way of the neighbour */
        world_cut(asked.world, OWNER, REQUESTER, false);
        world_run(asked.world, HOUR);
        CHECK(world_delivered(asked.world, REQUESTER, &asked.id) == 0);
        CHECK(world_log_count(asked.world, REQUESTER, "offered ") == 0);
        CHECK(world_log_count(asked.world, OWNER, "sent ") == 0);
        CHECK(shreds(&asked) == 1);
        CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
        world_destroy(asked.world);
    }
}

static void test_a_transfer_under_way_is_broken_off(void **state) {
    (void)state;
    struct asked asked = ask(5, 1);
    world_stall(asked.world, REQUESTER, 3 * SLOT_MS); /* it takes nothing, so it is under way */
    CHECK_ERR(ERR_OK, accept(&asked, 0, 1));
    world_run(asked.world, 2 * SLOT_MS);
    struct buffer bytes;
    struct world_insider insider;
    (void)world_sign_withdrawal(asked.world, REQUESTER, &asked.id, asked.request.head.expires,
                                &bytes);
    world_kill(asked.world, HOSTILE);
    CHECK(world_insider_dial(asked.world, HOSTILE, OWNER, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_run(asked.world, HOUR);
    CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 1);
    CHECK(world_delivered(asked.world, REQUESTER, &asked.id) == 0);
    CHECK(world_log_count(asked.world, OWNER, "sent ") == 0);
    world_destroy(asked.world);
}

static void test_what_was_delivered_stays_delivered(void **state) {
    (void)state;
    struct asked asked = ask(6, 1);
    CHECK_ERR(ERR_OK, accept(&asked, 0, 1));
    CHECK(world_run_until(asked.world, 10 * MINUTE, delivered, &asked.id));
    CHECK_ERR(ERR_OK, withdraw(&asked));
    world_run(asked.world, HOUR);
    CHECK(world_delivered_opens(asked.world, REQUESTER, &asked.id, &asked.clip));
    CHECK(world_log_count(asked.world, OWNER, "sent ") == 1);
    world_destroy(asked.world);
}

static void test_it_holds_over_a_restart(void **state) {
    (void)state;
    struct asked asked = ask(7, 2);
    CHECK_ERR(ERR_OK, accept(&asked, 0, 1));
    CHECK_ERR(ERR_OK, withdraw(&asked));
    world_run(asked.world, 2000);
    world_kill(asked.world, OWNER); /* before its slot */
    world_kill(asked.world, REQUESTER);
    CHECK_ERR(ERR_OK, world_start(asked.world, OWNER));
    CHECK_ERR(ERR_OK, world_start(asked.world, REQUESTER));
    CHECK_ERR(ERR_USER_NO_PROMPT, accept(&asked, 0, 2));
    world_run(asked.world, 3 * SLOT_MS);
    CHECK(shreds(&asked) == 1);
    CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
    CHECK_ERR(ERR_USER_EXISTS, withdraw(&asked));
    world_destroy(asked.world);
}

/* ---- out of order, and by others ---- */

static struct asked unasked(uint64_t seed, struct buffer *request) {
    struct asked asked = {.world = world_create(seed, HOMES, NULL)};
    world_settle(asked.world, &terms);
    asked.world->homes[OWNER].footage = WORLD_MATCH;
    world_kill(asked.world, REQUESTER); /* what it says comes by an insider */
    world_run(asked.world, 1000);
    world_voluntary(asked.world, REQUESTER, LIFE, &asked.request);
    asked.id = world_sign_request(asked.world, REQUESTER, &asked.request, request);
    return asked;
}

static bool say(struct world *world, int as, const struct buffer *bytes) {
    struct world_insider insider;
    CHECK(world_insider_dial(world, as, OWNER, NULL, (struct bytes){NULL, 0}, &insider));
    bool stays = world_insider_gossip(&insider, buffer_bytes(bytes));
    world_insider_hang_up(&insider);
    world_run(world, 1000);
    return stays;
}

static void restart_owner(struct asked *asked) {
    world_kill(asked->world, OWNER);
    CHECK_ERR(ERR_OK, world_start(asked->world, OWNER));
    world_run(asked->world, 1000);
}

static void test_what_comes_first_counts_after_a_restart_too(void **state) {
    (void)state;
    for (int amends = 0; amends < 2; amends++) {
        SCOPED(buffer_finish) struct buffer request = {0};
        SCOPED(buffer_finish) struct buffer first = {0};
        struct asked asked = unasked(14, &request);
        asked.request.amends = asked.id;
        asked.request.to.ms += 1000;
        (void)(amends ? world_sign_request(asked.world, REQUESTER, &asked.request, &first)
                      : world_sign_withdrawal(asked.world, REQUESTER, &asked.id,
                                              asked.request.head.expires, &first));
        CHECK(say(asked.world, REQUESTER, &first));
        restart_owner(&asked);
        CHECK(say(asked.world, REQUESTER, &request));
        world_run(asked.world, 10 * MINUTE);
        CHECK(world_log_count(asked.world, OWNER,
                              amends ? "request_amended " : "request_withdrawn ") == 1);
        CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
        world_destroy(asked.world);
    }
}

static void test_a_withdrawal_that_comes_first_counts_when_its_request_comes(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer request = {0};
    SCOPED(buffer_finish) struct buffer bytes = {0};
    struct asked asked = unasked(8, &request);
    (void)world_sign_withdrawal(asked.world, REQUESTER, &asked.id, asked.request.head.expires,
                                &bytes);
    CHECK(say(asked.world, REQUESTER, &bytes));
    CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 0);
    CHECK(say(asked.world, REQUESTER, &request));
    world_run(asked.world, 10 * MINUTE);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        CHECK(home == REQUESTER || world_has_object(asked.world, home, &asked.id));
        CHECK(home == REQUESTER || world_log_count(asked.world, home, "request_withdrawn ") == 1);
    }
    CHECK(world_log_count(asked.world, OWNER, "match ") == 0); /* it is not even looked for */
    world_destroy(asked.world);
}

static void test_an_amendment_that_comes_first_counts_when_its_request_comes(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer request = {0};
    SCOPED(buffer_finish) struct buffer amendment = {0};
    struct asked asked = unasked(9, &request);
    asked.request.amends = asked.id;
    asked.request.to.ms += 1000;
    struct id later = world_sign_request(asked.world, REQUESTER, &asked.request, &amendment);
    CHECK(say(asked.world, REQUESTER, &amendment));
    CHECK(say(asked.world, REQUESTER, &request));
    world_run(asked.world, 10 * MINUTE);
    CHECK(world_log_count(asked.world, OWNER, "request_amended ") == 1);
    CHECK(world_clip(asked.world, OWNER, &asked.id) == NULL);
    CHECK(world_clip(asked.world, OWNER, &later) != NULL);
    world_destroy(asked.world);
}

/* Whoever passed it on may not have had the request: nobody is blamed. */
static void test_nobody_else_withdraws_a_request(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        SCOPED(buffer_finish) struct buffer request = {0};
        SCOPED(buffer_finish) struct buffer bytes = {0};
        struct asked asked = unasked(10, &request);
        world_kill(asked.world, HOSTILE);
        struct id withdrawal = world_sign_withdrawal(asked.world, HOSTILE, &asked.id,
                                                     asked.request.head.expires, &bytes);
        CHECK(first || say(asked.world, REQUESTER, &request));
        CHECK(say(asked.world, HOSTILE, &bytes));
        CHECK(!first || say(asked.world, REQUESTER, &request));
        CHECK(world_has_object(asked.world, OWNER, &withdrawal) == (first != 0));
        CHECK(world_run_until(asked.world, 5 * MINUTE, sealed, &asked.id));
        CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 0);
        world_destroy(asked.world);
    }
}

static void test_a_withdrawal_that_a_node_signed_is_refused(void **state) {
    (void)state;
    struct asked asked = ask(11, 1);
    SCOPED(buffer_finish) struct buffer bytes = {0};
    struct owner_secret owner = asked.world->homes[REQUESTER].owners[0];
    asked.world->homes[REQUESTER].owners[0].sign = asked.world->homes[REQUESTER].keys.sign;
    (void)world_sign_withdrawal(asked.world, REQUESTER, &asked.id, asked.request.head.expires,
                                &bytes);
    asked.world->homes[REQUESTER].owners[0] = owner;
    world_kill(asked.world, HOSTILE);
    CHECK(!say(asked.world, HOSTILE, &bytes));
    CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 0);
    world_destroy(asked.world);
}

static void test_a_second_withdrawal_changes_nothing(void **state) {
    (void)state;
    struct asked asked = ask(12, 1);
    SCOPED(buffer_finish) struct buffer bytes = {0};
    CHECK_ERR(ERR_OK, withdraw(&asked));
    world_run(asked.world, 2000);
    struct id second = world_sign_withdrawal(asked.world, REQUESTER, &asked.id,
                                             asked.request.head.expires, &bytes);
    world_kill(asked.world, HOSTILE);
    CHECK(say(asked.world, HOSTILE, &bytes));
    CHECK(world_has_object(asked.world, OWNER, &second));
    (void)amend(&asked); /* nor does an amendment of what is withdrawn */
    world_run(asked.world, 3 * SLOT_MS);
    CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 1);
    CHECK(world_log_count(asked.world, OWNER, "request_amended ") == 0);
    CHECK(shreds(&asked) == 1);
    world_destroy(asked.world);
}

/* It lives as long as its request, so there is none of a request that has ended. */
static void test_a_withdrawal_ends_with_its_request(void **state) {
    (void)state;
    struct asked asked = ask(13, 1);
    struct instant longer = {asked.request.head.expires.ms + HOUR};
    CHECK_ERR(ERR_PEER_UNKNOWN, world_withdraw(asked.world, REQUESTER, &asked.id, longer));
    world_run(asked.world, LIFE);
    CHECK_ERR(ERR_USER_NO_REQUEST, world_withdraw(asked.world, REQUESTER, &asked.id, longer));
    CHECK(world_log_count(asked.world, OWNER, "request_withdrawn ") == 0);
    world_destroy(asked.world);
}

static void test_it_counts_against_the_cap_until_its_own_end(void **state) {
    (void)state;
    struct world *world = world_create(14, HOMES, NULL);
    const struct world_terms few = {
        .slot_s = SLOT_MS / 1000, .invite_allowance = 8, .live_requests = 2};
    struct request request;
    struct id id;
    struct id second;
    world_settle(world, &few);
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    CHECK_ERR(ERR_OK, world_withdraw(world, REQUESTER, &id, request.head.expires));
    request.from.ms += 1000;
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &second));
    request.from.ms += 1000;
    CHECK_ERR(ERR_DENY_QUOTA, world_request(world, REQUESTER, &request, &second));
    world_destroy(world);
}

/* ---- the requester ---- */

static void test_a_requester_that_took_it_back_takes_no_offer_for_it(void **state) {
    (void)state;
    struct asked asked = ask(15, 1);
    struct world_insider insider;
    CHECK_ERR(ERR_OK, withdraw(&asked));
    world_kill(asked.world, HOSTILE);
    CHECK(!world_insider_dial(asked.world, HOSTILE, REQUESTER, &asked.id, (struct bytes){NULL, 0},
                              &insider));
    world_insider_hang_up(&insider);
    world_destroy(asked.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_withdrawn_request_ends_at_every_home),
        cmocka_unit_test(test_an_amended_request_ends_and_the_new_one_is_decided_anew),
        cmocka_unit_test(test_what_has_ended_is_amended_nowhere),
        cmocka_unit_test(test_an_acceptance_of_what_was_amended_does_not_carry_over),
        cmocka_unit_test(test_a_grant_that_is_not_delivered_yet_stops),
        cmocka_unit_test(test_a_transfer_under_way_is_broken_off),
        cmocka_unit_test(test_what_was_delivered_stays_delivered),
        cmocka_unit_test(test_it_holds_over_a_restart),
        cmocka_unit_test(test_a_withdrawal_that_comes_first_counts_when_its_request_comes),
        cmocka_unit_test(test_what_comes_first_counts_after_a_restart_too),
        cmocka_unit_test(test_an_amendment_that_comes_first_counts_when_its_request_comes),
        cmocka_unit_test(test_nobody_else_withdraws_a_request),
        cmocka_unit_test(test_a_withdrawal_that_a_node_signed_is_refused),
        cmocka_unit_test(test_a_second_withdrawal_changes_nothing),
        cmocka_unit_test(test_a_withdrawal_ends_with_its_request),
        cmocka_unit_test(test_it_counts_against_the_cap_until_its_own_end),
        cmocka_unit_test(test_a_requester_that_took_it_back_takes_no_offer_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
