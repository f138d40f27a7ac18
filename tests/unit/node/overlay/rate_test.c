#include "tests/support/check.h"

#include "node/overlay/rate.h"

enum {
    MEMBERS = 100,
    ALICE = 3,
    SPONSOR = 7,
};

static const struct rate_object small = {
    .author = ALICE, .sponsor = OVERLAY_NOBODY, .size_bytes = 300};

static struct tick at(int64_t ms) {
    return (struct tick){ms};
}

static bool spend(struct rate *rate, const struct rate_object *object, int64_t ms) {
    bool allowed = rate_allows(rate, object, at(ms));
    if (allowed) {
        rate_spend(rate, object, at(ms));
    }
    return allowed;
}

static size_t spend_all(struct rate *rate, const struct rate_object *object, int64_t ms) {
    size_t count = 0;
    while (spend(rate, object, ms)) {
        count++;
    }
    return count;
}

static void test_an_author_has_a_bucketful_at_once_then_one_object_a_minute(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    CHECK(spend_all(rate, &small, 5000) == RATE_AUTHOR_TOKENS);
    CHECK(!rate_allows(rate, &small, at(5000 + RATE_AUTHOR_EVERY_MS - 1)));
    for (int64_t i = 1; i <= 5; i++) {
        CHECK(spend_all(rate, &small, 5000 + i * RATE_AUTHOR_EVERY_MS) == 1);
    }
    rate_destroy(rate);
}

static void test_a_bucket_never_holds_more_than_its_fill(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    const int64_t year = INT64_C(365) * DURATION_DAY_MS;
    CHECK(spend_all(rate, &small, 0) == RATE_AUTHOR_TOKENS);
    CHECK(spend_all(rate, &small, year) == RATE_AUTHOR_TOKENS);
    rate_destroy(rate);
}

static void test_asking_costs_nothing(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    for (int i = 0; i < 10 * RATE_AUTHOR_TOKENS; i++) {
        CHECK(rate_allows(rate, &small, at(0)));
    }
    CHECK(spend_all(rate, &small, 0) == RATE_AUTHOR_TOKENS);
    rate_destroy(rate);
}

static void test_one_author_spends_nothing_of_anothers(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    struct rate_object other = small;
    CHECK(spend_all(rate, &small, 0) == RATE_AUTHOR_TOKENS);
    for (peer_no peer = 0; peer < MEMBERS; peer++) {
        other.author = peer;
        CHECK(spend_all(rate, &other, 0) == (peer == ALICE ? 0 : RATE_AUTHOR_TOKENS));
    }
    rate_destroy(rate);
}

static void test_a_large_object_costs_as_much_as_the_small_ones_that_it_holds(void **state) {
    (void)state;
    static const struct {
        size_t size_bytes;
        size_t tokens;
    } cases[] = {{0, 1}, {1, 1}, {4096, 1}, {4097, 2}, {8192, 2}, {16384, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rate *rate = rate_create(MEMBERS);
        struct rate_object object = small;
        object.size_bytes = cases[i].size_bytes;
        CHECK(spend_all(rate, &object, 0) == RATE_AUTHOR_TOKENS / cases[i].tokens);
        rate_destroy(rate);
    }
}

/* A crowd of one's own making is no way round the limit of each. */
static void test_all_whom_one_sponsor_let_in_share_its_bucket(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    size_t all = 0;
    for (peer_no peer = 10; peer < 74; peer++) {
        const struct rate_object object = {peer, SPONSOR, 1};
        all += spend_all(rate, &object, 0);
    }
    CHECK(all == RATE_SPONSOR_TOKENS);
    for (int64_t minute = 1; minute <= 10; minute++) {
        size_t now = 0;
        for (peer_no peer = 10; peer < 74; peer++) {
            const struct rate_object object = {peer, SPONSOR, 1};
            now += spend_all(rate, &object, minute * DURATION_MINUTE_MS);
        }
        CHECK(now == DURATION_MINUTE_MS / RATE_SPONSOR_EVERY_MS);
    }
    /* Those of another sponsor, and the sponsor's own, go on. */
    CHECK(spend_all(rate, &(struct rate_object){80, 8, 1}, 0) == RATE_AUTHOR_TOKENS);
    CHECK(spend_all(rate, &(struct rate_object){SPONSOR, OVERLAY_NOBODY, 1}, 0) ==
          RATE_AUTHOR_TOKENS);
    rate_destroy(rate);
}

static void test_an_object_that_one_bucket_refuses_costs_the_other_nothing(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    const struct rate_object certificate = {OVERLAY_NOBODY, SPONSOR, 1};
    const struct rate_object object = {ALICE, SPONSOR, 1};
    CHECK(spend_all(rate, &certificate, 0) == RATE_SPONSOR_TOKENS);
    CHECK(!rate_allows(rate, &object, at(0)));
    CHECK(spend_all(rate, &small, 0) == RATE_AUTHOR_TOKENS);
    rate_destroy(rate);
}

static void test_a_home_that_was_away_brings_all_that_it_may_have_live(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    for (peer_no home = 10; home < 74; home++) { /* 64: as many as one can let in */
        const struct rate_object mine = {home, SPONSOR, 1000};
        for (int i = 0; i < 64; i++) {
            CHECK(spend(rate, &mine, 0));
        }
    }
    const struct rate_object large = {ALICE, OVERLAY_NOBODY, 16384};
    for (int i = 0; i < 16 + 10; i++) { /* of unknown kinds; requests */
        CHECK(spend(rate, &large, 0));
    }
    for (int i = 0; i < 64 + 1; i++) { /* commitments; a node record */
        CHECK(spend(rate, &small, 0));
    }
    rate_destroy(rate);
}

static void test_whom_nobody_is_named_for_nobody_pays(void **state) {
    (void)state;
    struct rate *rate = rate_create(MEMBERS);
    const struct rate_object own = {OVERLAY_NOBODY, OVERLAY_NOBODY, 16384};
    for (int i = 0; i < 10000; i++) {
        CHECK(spend(rate, &own, 0));
    }
    rate_destroy(rate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_author_has_a_bucketful_at_once_then_one_object_a_minute),
        cmocka_unit_test(test_a_bucket_never_holds_more_than_its_fill),
        cmocka_unit_test(test_asking_costs_nothing),
        cmocka_unit_test(test_one_author_spends_nothing_of_anothers),
        cmocka_unit_test(test_a_large_object_costs_as_much_as_the_small_ones_that_it_holds),
        cmocka_unit_test(test_all_whom_one_sponsor_let_in_share_its_bucket),
        cmocka_unit_test(test_an_object_that_one_bucket_refuses_costs_the_other_nothing),
        cmocka_unit_test(test_a_home_that_was_away_brings_all_that_it_may_have_live),
        cmocka_unit_test(test_whom_nobody_is_named_for_nobody_pays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
