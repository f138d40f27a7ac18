/* A request that a court keeps secret is on record from the first day, is not named until the order
 * ends, and is published that day by every home alike (P2, P7, P12, PROTOCOL 8.7). */
#include <stdio.h>
#include <string.h>

#include "node/log/log.h"
#include "proto/log_head.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR, /* no camera */
    ASKER,
    GRANTING,
    HOMES,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    SECRET_DAYS = 20, /* the request itself lives an hour */
};

#define DAYS(n) ((n) * (int64_t)DURATION_DAY_MS)

static const struct world_terms terms = {
    .slot_s = SLOT_MS / 1000, .invite_allowance = 8, .directory = true};

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    world->homes[GRANTING].footage = WORLD_MATCH;
    return world;
}

static void fill_secret(struct world *world, int64_t ms, struct request *out) {
    struct instrument *instrument = &out->instrument;
    world_warrant(world, ASKER, HOUR, out);
    instrument->non_disclosure = true;
    (void)snprintf(instrument->non_disclosure_authority,
                   sizeof instrument->non_disclosure_authority, "D. Whitfield");
    instrument->non_disclosure_issued.ms = out->head.created.ms - 2 * HOUR;
    instrument->non_disclosure_expires.ms = out->head.created.ms + ms;
}

static struct id ask(struct world *world, int64_t ms) {
    struct request request;
    struct id id;
    fill_secret(world, ms, &request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &request, &id));
    world_run(world, 10 * 1000);
    return id;
}

/* Steps shorter than what would make a home deaf to others for good. */
static void time_passes(struct world *world, int64_t ms) {
    while (ms > 0) {
        int64_t step = ms < DAYS(5) ? ms : DAYS(5);
        for (int i = 0; i < HOMES; i++) {
            world->homes[i].wall_skew += step;
        }
        world_run(world, 2 * SLOT_MS);
        ms -= step;
    }
}

/* Public leaves of this home that hold the text; the last of them. */
static size_t leaves_with(struct world *world, int home, const char *text, struct log_entry *last) {
    struct store *store = world->homes[home].store;
    uint64_t count = 0;
    size_t found = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_leaf_count(store, &count));
    for (uint64_t i = 0; i < count; i++) {
        struct store_leaf row;
        CHECK_ERR(ERR_OK, store_leaf_get(store, i, &row));
        if (memmem(row.leaf.at, row.leaf.len, text, strlen(text)) != NULL) {
            found++;
            if (last != NULL) {
                CHECK_ERR(ERR_OK, log_entry_read(row.leaf, last));
            }
        }
    }
    store_roll_back(store);
    return found;
}

static size_t names(struct world *world, int home, const struct id *request) {
    char hex[65];
    hex_write(BYTES_OF(request->b), hex);
    return leaves_with(world, home, hex, NULL);
}

/* Published once, with the salt that makes of it what stood there before. */
static bool is_published(struct world *world, int home, const char *word, struct log_entry *out) {
    struct log_entry before;
    struct id hash;
    if (leaves_with(world, home, word, out) != 1) {
        return false;
    }
    CHECK(leaves_with(world, home, "request_withheld ", &before) == 1);
    log_withheld(&out->b, &out->a, &hash);
    return id_equal(&hash, &before.a);
}

static void test_a_secret_request_is_on_record_and_not_named(void **state) {
    (void)state;
    struct world *world = settled(71);
    struct id hashes[HOMES];
    struct id id = ask(world, DAYS(SECRET_DAYS));
    for (int home = 0; home < HOMES; home++) {
        struct log_entry leaf;
        CHECK(leaves_with(world, home, "request_withheld ", &leaf) == 1);
        CHECK(leaves_with(world, home, "request_seen ", NULL) == 0);
        CHECK(leaves_with(world, home, "request_made ", NULL) == 0);
        CHECK(names(world, home, &id) == 0);
        CHECK(leaf.numbers[0] > 0 && leaf.numbers[1] == 0 && leaf.numbers[2] == 0);
        hashes[home] = leaf.a;
        CHECK(world_log_verifies(world, home));
    }
    CHECK(!id_equal(&hashes[NEIGHBOUR], &hashes[ASKER])); /* each with a salt of its own */
    CHECK(!id_equal(&hashes[NEIGHBOUR], &hashes[GRANTING]));
    world_destroy(world);
}

/* The leaf that says so has the same hashes. */
static void test_taking_it_back_does_not_name_it_either(void **state) {
    (void)state;
    struct world *world = settled(79);
    struct request later;
    struct id id = ask(world, DAYS(SECRET_DAYS));
    struct id second;
    fill_secret(world, DAYS(SECRET_DAYS), &later);
    later.amends = id;
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &later, &second));
    world_run(world, 10 * 1000);
    CHECK_ERR(ERR_OK, world_withdraw(world, ASKER, &second, later.head.expires));
    world_run(world, 10 * 1000);
    for (int home = 0; home < HOMES; home++) {
        CHECK(leaves_with(world, home, "request_amended ", NULL) == 1);
        CHECK(leaves_with(world, home, "request_withdrawn ", NULL) == 1);
        CHECK(names(world, home, &id) == 0);
        CHECK(names(world, home, &second) == 0);
    }
    world_destroy(world);
}

static void test_a_call_about_it_does_not_name_it_either(void **state) {
    (void)state;
    struct world *world = settled(80);
    struct request request;
    struct id id;
    struct id record;
    struct call_back call;
    fill_secret(world, DAYS(SECRET_DAYS), &request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &request, &id));
    world_run(world, 10 * 1000);
    world_call(world, NEIGHBOUR, &id, &request, &call);
    CHECK_ERR(ERR_OK, world_call_put(world, NEIGHBOUR, &call, &record));
    world_run(world, 10 * 1000);
    for (int home = 0; home < HOMES; home++) {
        struct log_entry leaf;
        CHECK(leaves_with(world, home, "call_back ", &leaf) == 1);
        CHECK(id_equal(&leaf.b, &record) && leaf.numbers[0] == CALL_CONFIRMED);
        CHECK(names(world, home, &id) == 0);
    }
    world_destroy(world);
}

static void test_it_is_published_on_the_day_and_once_at_every_home(void **state) {
    (void)state;
    struct world *world = settled(72);
    struct id id = ask(world, DAYS(SECRET_DAYS));
    time_passes(world, DAYS(SECRET_DAYS) - HOUR); /* the request has gone long ago */
    for (int home = 0; home < HOMES; home++) {
        CHECK(names(world, home, &id) == 0);
        world_kill(world, home);
        CHECK_ERR(ERR_OK, world_start(world, home));
    }
    time_passes(world, HOUR);
    for (int round = 0; round < 2; round++) {
        for (int home = 0; home < HOMES; home++) {
            struct log_entry leaf;
            CHECK(is_published(world, home, "request_published ", &leaf));
            CHECK(id_equal(&leaf.a, &id));
            CHECK(leaf.numbers[0] == INSTRUMENT_SEARCH_WARRANT);
            CHECK(leaf.numbers[1] == 60);
            CHECK(world_log_verifies(world, home));
            world_kill(world, home);
            CHECK_ERR(ERR_OK, world_start(world, home));
        }
        time_passes(world, HOUR);
    }
    world_destroy(world);
}

/* A moment before the order ends. */
static struct world *about_to_end(struct id *id) {
    struct world *world = settled(73);
    *id = ask(world, DAYS(3));
    time_passes(world, DAYS(3) - 5 * MINUTE);
    CHECK(names(world, NEIGHBOUR, id) == 0);
    for (int i = 0; i < HOMES; i++) {
        world->homes[i].wall_skew += 3 * MINUTE;
    }
    return world;
}

static bool published(struct world *world, void *context) {
    return names(world, NEIGHBOUR, context) > 0;
}

/* In the very turn that publishes it, and in those about it. */
static void test_a_home_that_dies_then_publishes_once_all_the_same(void **state) {
    (void)state;
    static const enum world_death deaths[] = {WORLD_DIES_BEFORE_COMMIT, WORLD_DIES_BEFORE_RELEASE};
    struct id id;
    struct world *world = about_to_end(&id);
    size_t before = world->homes[NEIGHBOUR].turns;
    CHECK(world_run_until(world, 3 * SLOT_MS, published, &id));
    size_t turns = world->homes[NEIGHBOUR].turns - before;
    CHECK(turns > 2);
    world_destroy(world);
    for (size_t kind = 0; kind < COUNT_OF(deaths); kind++) {
        for (size_t turn = turns - 2; turn <= turns + 2; turn++) {
            struct log_entry leaf;
            world = about_to_end(&id);
            world_doom(world, NEIGHBOUR, deaths[kind], turn);
            world_run(world, 4 * SLOT_MS);
            CHECK(world->homes[NEIGHBOUR].died);
            CHECK(is_published(world, NEIGHBOUR, "request_published ", &leaf));
            CHECK(world_log_verifies(world, NEIGHBOUR));
            world_destroy(world);
        }
    }
}

static bool sealed(struct world *world, void *context) {
    return world_clip(world, GRANTING, context) != NULL;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, ASKER, context) > 0;
}

/* Receipts are public too: they say that they belong together, and not to what. */
static void test_receipts_do_not_name_it_either(void **state) {
    (void)state;
    struct world *world = settled(74);
    struct log_entry withheld;
    struct log_entry receipt;
    struct grant grant;
    struct id id = ask(world, DAYS(SECRET_DAYS));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &id));
    world_run(world, 2 * SLOT_MS);
    const struct world_clip *clip = world_clip(world, GRANTING, &id);
    world_grant(world, GRANTING, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, clip, &grant, 0, 1, NULL));
    CHECK(world_run_until(world, 10 * MINUTE, delivered, &id));
    world_run(world, 2 * SLOT_MS);
    CHECK(leaves_with(world, ASKER, "receipt_commitment ", &receipt) == 1);
    CHECK(leaves_with(world, ASKER, "request_withheld ", &withheld) == 1);
    CHECK(id_equal(&receipt.b, &withheld.a));
    for (int home = 0; home < HOMES; home++) {
        CHECK(names(world, home, &id) == 0);
    }
    time_passes(world, DAYS(31)); /* the order ends on day 20, the clip goes on day 30 */
    world_run(world, 3 * SLOT_MS);
    CHECK(leaves_with(world, ASKER, "deletion_receipt ", &receipt) == 1);
    CHECK(id_equal(&receipt.b, &id));
    world_destroy(world);
}

/* By the neighbour, from a home that does not look at what it sends. */
static struct id refused(struct world *world, struct request *request) {
    struct world_insider insider;
    struct buffer bytes;
    struct id id = world_sign_request(world, ASKER, request, &bytes);
    world_kill(world, ASKER);
    CHECK(world_insider_dial(world, ASKER, NEIGHBOUR, NULL, (struct bytes){NULL, 0}, &insider));
    (void)world_insider_gossip(&insider, buffer_bytes(&bytes));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    return id;
}

static void test_a_refusal_is_withheld_and_published_like_the_rest(void **state) {
    (void)state;
    struct world *world = settled(75);
    struct request request;
    struct log_entry leaf;
    fill_secret(world, DAYS(3), &request);
    request.instrument.case_number[0] = '\0'; /* LP-03 */
    struct id id = refused(world, &request);
    CHECK(leaves_with(world, NEIGHBOUR, "request_withheld ", NULL) == 1);
    CHECK(leaves_with(world, NEIGHBOUR, "request_refused ", NULL) == 0);
    CHECK(names(world, NEIGHBOUR, &id) == 0);
    time_passes(world, DAYS(3));
    CHECK(is_published(world, NEIGHBOUR, "refusal_published ", &leaf));
    CHECK(id_equal(&leaf.a, &id));
    CHECK(leaf.numbers[0] == 3);
    world_destroy(world);
}

/* Whatever else was wrong with it, and was found first. */
static void test_a_refusal_whose_secrecy_no_court_ordered_is_named(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct world *world = settled(80 + (uint64_t)kind);
        struct request request;
        struct log_entry leaf;
        fill_secret(world, DAYS(3), &request);
        if (kind == 0) { /* LP-03, before LP-23 */
            request.instrument.case_number[0] = '\0';
            request.instrument.non_disclosure_authority[0] = '\0';
        } else if (kind == 1) { /* LP-03, before LP-24 */
            request.instrument.case_number[0] = '\0';
            request.instrument.non_disclosure_issued.ms = 0;
        } else { /* LP-19, and not a court's at all */
            struct request voluntary;
            world_voluntary(world, ASKER, HOUR, &voluntary);
            voluntary.instrument.non_disclosure = true;
            voluntary.instrument.non_disclosure_issued = voluntary.head.created;
            voluntary.instrument.non_disclosure_expires.ms = INSTANT_MAX_MS;
            voluntary.to.ms = voluntary.head.created.ms + HOUR;
            request = voluntary;
        }
        struct id id = refused(world, &request);
        CHECK(leaves_with(world, NEIGHBOUR, "request_withheld ", NULL) == 0);
        CHECK(leaves_with(world, NEIGHBOUR, "request_refused ", &leaf) == 1);
        CHECK(id_equal(&leaf.a, &id));
        world_destroy(world);
    }
}

static void test_no_secret_is_kept_for_more_than_five_years(void **state) {
    (void)state;
    struct world *world = settled(83);
    struct log_entry leaf;
    struct id id = ask(world, INSTANT_MAX_MS - world_wall(world, ASKER).ms);
    CHECK(leaves_with(world, NEIGHBOUR, "request_withheld ", &leaf) == 1);
    CHECK((int64_t)leaf.numbers[0] * 1000 <= world_wall(world, ASKER).ms + DAYS(5 * 365));
    world->homes[NEIGHBOUR].wall_skew += DAYS(5 * 365) - HOUR;
    world_run(world, 2 * SLOT_MS);
    CHECK(names(world, NEIGHBOUR, &id) == 0);
    world->homes[NEIGHBOUR].wall_skew += HOUR;
    world_run(world, 2 * SLOT_MS);
    CHECK(is_published(world, NEIGHBOUR, "request_published ", &leaf));
    CHECK(id_equal(&leaf.a, &id));
    world_destroy(world);
}

/* More than 90 days fail a check; the order holds for as long as it says. */
static void test_a_long_secrecy_is_kept_and_a_past_one_is_none(void **state) {
    (void)state;
    struct world *world = settled(76);
    struct id longer = ask(world, DAYS(200));
    struct id past = ask(world, -HOUR);
    CHECK(names(world, NEIGHBOUR, &longer) == 0);
    CHECK(leaves_with(world, NEIGHBOUR, "request_withheld ", NULL) == 1);
    CHECK(names(world, NEIGHBOUR, &past) == 1);
    CHECK(leaves_with(world, NEIGHBOUR, "request_seen ", NULL) == 1);
    world_destroy(world);
}

static void test_one_asker_has_so_many_secrets_and_no_more(void **state) {
    (void)state;
    struct world *world = settled(77);
    struct store *store = world->homes[ASKER].store;
    struct request request;
    struct id id;
    struct store_withheld row = {.author = world->homes[ASKER].certificate,
                                 .until = {world_wall(world, ASKER).ms + DAYS(60)}};
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint32_t i = 0; i < 1024; i++) {
        write_u32(row.request.b, i + 1);
        CHECK_ERR(ERR_OK, store_withheld_add(store, &row));
    }
    CHECK_ERR(ERR_OK, store_commit(store));
    fill_secret(world, DAYS(3), &request);
    CHECK_ERR(ERR_DENY_QUOTA, world_request(world, ASKER, &request, &id));
    request.instrument.non_disclosure = false;
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &request, &id));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret_request_is_on_record_and_not_named),
        cmocka_unit_test(test_taking_it_back_does_not_name_it_either),
        cmocka_unit_test(test_a_call_about_it_does_not_name_it_either),
        cmocka_unit_test(test_it_is_published_on_the_day_and_once_at_every_home),
        cmocka_unit_test(test_a_home_that_dies_then_publishes_once_all_the_same),
        cmocka_unit_test(test_receipts_do_not_name_it_either),
        cmocka_unit_test(test_a_refusal_is_withheld_and_published_like_the_rest),
        cmocka_unit_test(test_a_refusal_whose_secrecy_no_court_ordered_is_named),
        cmocka_unit_test(test_no_secret_is_kept_for_more_than_five_years),
        cmocka_unit_test(test_a_long_secrecy_is_kept_and_a_past_one_is_none),
        cmocka_unit_test(test_one_asker_has_so_many_secrets_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
