/* What an asker received and did not delete in time is public in the community; whose clips they
 * are is not (P2, P10, PROTOCOL 7). */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/receipts.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR,
    REQUESTER,
    GRANTING,
    HOMES,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

static bool sealed(struct world *world, void *context) {
    return world_clip(world, GRANTING, context) != NULL;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

/* One clip, to be deleted in three hours. */
static struct world *given(uint64_t seed, struct id *request_id) {
    struct world *world = world_create(seed, HOMES, NULL);
    struct request request;
    struct grant grant;
    world_settle(world, &terms);
    world->homes[GRANTING].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    request.terms.delete_by.ms = world_wall(world, REQUESTER).ms + 3 * HOUR;
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, request_id));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, request_id));
    world_run(world, 2 * SLOT_MS);
    const struct world_clip *clip = world_clip(world, GRANTING, request_id);
    world_grant(world, GRANTING, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, clip, &grant, 0, 1, NULL));
    CHECK(world_run_until(world, 10 * MINUTE, delivered, request_id));
    world_run(world, MINUTE);
    return world;
}

/* As this home has counted the requester; zeros when it has nothing. */
static struct asker_keeping keeping(struct world *world, int home) {
    const struct control_request ask = {.op = CONTROL_OVERDUE};
    struct asker_keeping found = {.overdue = 0};
    CHECK_ERR(ERR_OK, world_ask(world, home, &ask));
    for (size_t i = 0; i < world->reply_count; i++) {
        struct control_reply reply;
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[i]), &reply));
        if (reply.kind == CONTROL_GOT_OVERDUE &&
            id_equal(&reply.as.overdue.certificate, &world->homes[REQUESTER].certificate)) {
            found = reply.as.overdue;
        }
    }
    return found;
}

static bool counts(struct world *world, int home, uint64_t received, uint64_t deleted,
                   uint64_t overdue, uint64_t unknown) {
    struct asker_keeping now = keeping(world, home);
    bool same = now.received == received && now.deleted == deleted && now.overdue == overdue &&
                now.unknown == unknown;
    if (!same) {
        print_message("home %d: received %d deleted %d overdue %d unknown %d\n", home,
                      (int)now.received, (int)now.deleted, (int)now.overdue, (int)now.unknown);
    }
    return same;
}

/* All clocks alike; a slot passes, so that everybody has noticed. */
static void days_pass(struct world *world, int64_t ms) {
    for (int i = 0; i < HOMES; i++) {
        world->homes[i].wall_skew += ms;
    }
    world_run(world, 2 * SLOT_MS);
}

static void start_again(struct world *world, int home) {
    world_kill(world, home);
    CHECK_ERR(ERR_OK, world_start(world, home));
    world_run(world, MINUTE);
}

static void test_an_honest_asker_is_never_overdue(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(61, &request);
    for (int home = 0; home < HOMES; home++) {
        CHECK(counts(world, home, 1, 0, 0, 0));
    }
    days_pass(world, 3 * HOUR);
    world_run(world, 3 * SLOT_MS);
    days_pass(world, 3 * (int64_t)DURATION_DAY_MS);
    for (int home = 0; home < HOMES; home++) {
        CHECK(counts(world, home, 1, 1, 0, 0));
        start_again(world, home);
        CHECK(counts(world, home, 1, 1, 0, 0));
    }
    world_destroy(world);
}

/* Nobody's clip shows: the home that granted it says no more than one without a camera. */
static void test_who_never_deletes_is_overdue_at_every_home_alike(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(62, &request);
    world_kill(world, REQUESTER); /* for good */
    days_pass(world, 3 * HOUR + 47 * HOUR);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 0, 0)); /* it may be away, or its clock late */
    CHECK(counts(world, GRANTING, 1, 0, 0, 0));
    days_pass(world, 2 * HOUR);
    struct asker_keeping all[] = {keeping(world, NEIGHBOUR), keeping(world, GRANTING)};
    CHECK(all[0].overdue == 1);
    CHECK(strcmp(all[0].name, all[1].name) == 0);
    CHECK(id_equal(&all[0].certificate, &all[1].certificate));
    CHECK(all[1].overdue == 1 && all[0].unknown == all[1].unknown);
    CHECK(all[0].received == all[1].received && all[0].deleted == all[1].deleted);
    start_again(world, NEIGHBOUR);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 1, 0));
    /* Long after the commitment itself has gone. */
    for (int i = 0; i < 6; i++) {
        days_pass(world, 5 * (int64_t)DURATION_DAY_MS);
    }
    CHECK(counts(world, NEIGHBOUR, 1, 0, 1, 0));
    CHECK(counts(world, GRANTING, 1, 0, 1, 0));
    world_destroy(world);
}

static void test_who_deletes_late_is_overdue_until_then(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(63, &request);
    world->homes[REQUESTER].removal_fails = true;
    days_pass(world, 3 * HOUR);
    world_run(world, 3 * SLOT_MS);
    days_pass(world, 49 * HOUR);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 1, 0));
    start_again(world, NEIGHBOUR);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 1, 0));
    world->homes[REQUESTER].removal_fails = false;
    world_run(world, 3 * MINUTE);
    CHECK(counts(world, NEIGHBOUR, 1, 1, 0, 0));
    CHECK(counts(world, GRANTING, 1, 1, 0, 0));
    world_destroy(world);
}

/* The deletion was told, and forgotten, while it was off: that is not called overdue. */
static void test_a_home_that_was_away_says_that_it_does_not_know(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(64, &request);
    world_kill(world, NEIGHBOUR);
    days_pass(world, 3 * HOUR);
    world_run(world, 3 * SLOT_MS);
    for (int i = 0; i < 4; i++) {
        days_pass(world, 2 * (int64_t)DURATION_DAY_MS);
    }
    CHECK(counts(world, GRANTING, 1, 1, 0, 0));
    CHECK_ERR(ERR_OK, world_start(world, NEIGHBOUR));
    world_run(world, 5 * MINUTE);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 0, 1));
    world_destroy(world);
}

/* Only who asked can owe, and only who owes can be done. */
static void test_nobody_counts_for_another(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(65, &request);
    struct world_insider insider;
    const struct world_home *liar = &world->homes[GRANTING];
    struct signed_object object;
    struct receipt_commitment about = {.head = {.community = world->community,
                                                .author = liar->certificate,
                                                .created = world_wall(world, GRANTING),
                                                .expires = world_wall(world, GRANTING)},
                                       .request = request,
                                       .commitment = {{7}}};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    about.head.expires.ms += HOUR;
    CHECK_ERR(ERR_OK, receipt_commitment_encode(&about, &body));
    signed_start(OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body), &object);
    CHECK_ERR(ERR_OK, signed_add(&object, &liar->keys.sign, &liar->node));
    CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
    world_kill(world, GRANTING);
    CHECK(world_insider_dial(world, GRANTING, NEIGHBOUR, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(world_has_object(world, NEIGHBOUR, &object.id));
    world_insider_hang_up(&insider);
    CHECK(counts(world, NEIGHBOUR, 1, 0, 0, 0));
    const struct control_request ask = {.op = CONTROL_OVERDUE};
    CHECK_ERR(ERR_OK, world_ask(world, NEIGHBOUR, &ask));
    CHECK(world->reply_count == 2); /* one asker, and the end */
    world_destroy(world);
}

/* What is wrong with it is found before it is taken: later it would be blamed on whoever passes it
 * on. What names no request harms nobody. */
static void test_a_crooked_commitment_is_its_bringers_fault_or_nobodys(void **state) {
    (void)state;
    struct id request;
    struct world *world = given(66, &request);
    struct world_insider insider;
    const struct world_home *liar = &world->homes[GRANTING];
    world_kill(world, GRANTING);
    for (int crooked = 0; crooked < 2; crooked++) {
        struct signed_object object;
        struct receipt_commitment about = {.head = {.community = world->community,
                                                    .author = liar->certificate,
                                                    .created = world_wall(world, GRANTING),
                                                    .expires = world_wall(world, GRANTING)},
                                           .request = liar->certificate,
                                           .commitment = {{8}}};
        SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
        SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
        about.head.expires.ms += HOUR;
        CHECK_ERR(ERR_OK, receipt_commitment_encode(&about, &body));
        body.len -= crooked == 1 ? 34 : 0; /* the last field */
        signed_start(OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body), &object);
        CHECK_ERR(ERR_OK, signed_add(&object, &liar->keys.sign, &liar->node));
        CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
        CHECK(world_insider_dial(world, GRANTING, NEIGHBOUR, NULL, (struct bytes){NULL, 0},
                                 &insider));
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)) == (crooked == 0));
        CHECK(world_has_object(world, NEIGHBOUR, &object.id) == (crooked == 0));
        world_insider_hang_up(&insider);
    }
    CHECK(counts(world, NEIGHBOUR, 1, 0, 0, 0));
    world_destroy(world);
}

/* Every home knows of a request. */
static struct world *asked(uint64_t seed, struct id *id) {
    struct world *world = world_create(seed, HOMES, NULL);
    struct request request;
    world_settle(world, &terms);
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, id));
    world_run(world, MINUTE);
    return world;
}

/* As many as a requester holds at a time: what it has deleted makes way, what it owes never does.
 */
static void test_one_asker_takes_no_more_than_its_room(void **state) {
    (void)state;
    enum {
        OWED_OF_ONE = 1024
    };
    struct id id;
    uint64_t count = 0;
    struct world *world = asked(67, &id);
    struct core *core = world->homes[NEIGHBOUR].core;
    const struct id *asker = &world->homes[REQUESTER].certificate;
    CHECK_ERR(ERR_OK, store_begin(core->store));
    for (uint32_t i = 0; i <= OWED_OF_ONE; i++) {
        receipts_tell(core, asker, &id, i, false);
    }
    CHECK_ERR(ERR_OK, store_owed_count(core->store, asker, &count));
    CHECK(count == OWED_OF_ONE);
    CHECK(receipts_owed(core, asker, 0) && !receipts_owed(core, asker, OWED_OF_ONE));
    receipts_tell(core, asker, &id, 5, true);
    receipts_tell(core, asker, &id, OWED_OF_ONE, false);
    CHECK_ERR(ERR_OK, store_owed_count(core->store, asker, &count));
    CHECK(count == OWED_OF_ONE);
    CHECK(!receipts_owed(core, asker, 5) && receipts_owed(core, asker, OWED_OF_ONE));
    receipts_tell(core, asker, &world->community, 7000, false); /* about no request */
    CHECK(!receipts_owed(core, asker, 7000));
    const int others[] = {NEIGHBOUR, GRANTING}; /* the first brought it in */
    for (int i = 0; i < 2; i++) {
        const struct id *other = &world->homes[others[i]].certificate;
        receipts_tell(core, other, &id, 7000, false); /* about another's */
        CHECK(!receipts_owed(core, other, 7000));
    }
    store_roll_back(core->store);
    world_destroy(world);
}

/* Gossip comes in any order. */
static void test_a_deletion_may_come_before_what_it_ends(void **state) {
    (void)state;
    struct id id;
    struct world *world = asked(68, &id);
    struct core *core = world->homes[NEIGHBOUR].core;
    const struct id *asker = &world->homes[REQUESTER].certificate;
    uint64_t count = 0;
    CHECK_ERR(ERR_OK, store_begin(core->store));
    receipts_tell(core, asker, &id, 1, true);
    receipts_tell(core, asker, &id, 1, false);
    CHECK(!receipts_owed(core, asker, 1));
    CHECK_ERR(ERR_OK, store_owed_count(core->store, asker, &count));
    CHECK(count == 1);
    store_roll_back(core->store);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_honest_asker_is_never_overdue),
        cmocka_unit_test(test_who_never_deletes_is_overdue_at_every_home_alike),
        cmocka_unit_test(test_who_deletes_late_is_overdue_until_then),
        cmocka_unit_test(test_a_home_that_was_away_says_that_it_does_not_know),
        cmocka_unit_test(test_nobody_counts_for_another),
        cmocka_unit_test(test_a_crooked_commitment_is_its_bringers_fault_or_nobodys),
        cmocka_unit_test(test_one_asker_takes_no_more_than_its_room),
        cmocka_unit_test(test_a_deletion_may_come_before_what_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
