#include "node/request/request.h"

#include "tests/support/check.h"

#include <string.h>

#include "tests/support/samples.h"

enum {
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static struct sample_community community;
static struct charter charter;
static struct member agency;

/* Anew for each test. */
static struct requests *requests;
static struct request request; /* a sound one */
static size_t rule;            /* as judge() had it */

static int set_up(void **state) {
    (void)state;
    sample_community_init(&community);
    sample_charter(&community, &charter);
    sample_member(&community, SAMPLE_AGENCY, (struct bytes){NULL, 0}, &agency);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

static int start(void **state) {
    (void)state;
    requests = requests_create();
    sample_request(&community, &request);
    return requests == NULL ? -1 : 0;
}

static int finish(void **state) {
    (void)state;
    requests_destroy(requests);
    return 0;
}

static struct id id_of(int number) {
    struct id id = {{(uint8_t)number, (uint8_t)(number >> 8), 1}};
    return id;
}

static struct asker asker_for(void) {
    return (struct asker){.role = agency.role,
                          .account = request.head.author,
                          .instruments = INSTRUMENTS_ALL,
                          .live_requests = charter.caps.live_requests};
}

static enum err judge_by(const struct asker *asker, int number) {
    const struct id id = id_of(number);
    rule = 777;
    return requests_judge(requests, &id, &request, asker, &charter, false, SAMPLE_NOW, &rule);
}

static enum err judge(void) {
    const struct asker asker = asker_for();
    return judge_by(&asker, 9999);
}

static enum err admit(int number) {
    const struct id id = id_of(number);
    return requests_admit(requests, &id, &request, &request.head.author, SAMPLE_NOW);
}

static void test_a_sound_request_is_let_in(void **state) {
    (void)state;
    const struct id id = id_of(9999);
    CHECK_ERR(ERR_OK, judge());
    CHECK(rule == 777);
    CHECK_ERR(ERR_OK, admit(9999));
    CHECK(requests_live(requests, &id));
    CHECK_ERR(ERR_OK, admit(9999)); /* again is nothing */
    CHECK(requests_count(requests) == 1);
    CHECK_ERR(ERR_PEER_REPEATED, judge());
    requests_take_back(requests, &id);
    CHECK(requests_count(requests) == 0);
}

static void test_witnesses_ask_for_nothing(void **state) {
    (void)state;
    struct asker witness = asker_for();
    witness.role = MEMBER_WITNESS;
    CHECK_ERR(ERR_DENY_ROLE, judge_by(&witness, 1));
}

static void test_times_of_the_request_itself(void **state) {
    (void)state;
    const struct request good = request;
    request.head.created.ms = SAMPLE_NOW.ms + 15 * MINUTE;
    CHECK_ERR(ERR_OK, judge());
    request.head.created.ms++;
    CHECK_ERR(ERR_DENY_TIME, judge());
    request = good;
    request.head.expires = SAMPLE_NOW;
    CHECK_ERR(ERR_DENY_EXPIRED, judge());
    request.head.expires.ms++;
    CHECK_ERR(ERR_OK, judge());
    request = good;
    request.head.expires.ms = request.head.created.ms + 7 * INT64_C(24) * HOUR;
    CHECK_ERR(ERR_OK, judge());
    request.head.expires.ms++;
    CHECK_ERR(ERR_PEER_BOUNDS, judge());
    request = good;
    request.terms.delete_by.ms = request.head.created.ms + 90 * INT64_C(24) * HOUR;
    CHECK_ERR(ERR_OK, judge());
    request.terms.delete_by.ms++;
    CHECK_ERR(ERR_DENY_CHARTER, judge());
    request.terms.delete_by = request.head.created;
    CHECK_ERR(ERR_PEER_BOUNDS, judge());
}

static void test_a_place_outside_the_service_area_is_named_as_such(void **state) {
    (void)state;
    request.place.points[0].lat += 10000000; /* one degree */
    CHECK_ERR(ERR_DENY_CAP, judge());
    CHECK(strcmp(legal_rule_at(rule)->field, "at") == 0);
}

static void test_amending_is_for_the_same_requester(void **state) {
    (void)state;
    const struct id requester = request.head.author;
    request.head.author = community.homes[SAMPLE_FOUNDER].certificate;
    CHECK_ERR(ERR_OK, admit(5));
    request.head.author = requester;
    request.amends = id_of(5);
    CHECK_ERR(ERR_DENY_OTHERS, judge());
    CHECK(strcmp(legal_rule_at(rule)->field, "amends") == 0);
    request.amends = id_of(6); /* not live here: it stands for itself */
    CHECK_ERR(ERR_OK, judge());
}

static void test_no_more_live_requests_of_one_author_than_the_charter_allows(void **state) {
    (void)state;
    const struct id first = id_of(0);
    struct id id;
    for (int i = 0; i < 10; i++) {
        CHECK_ERR(ERR_OK, judge());
        request.head.expires.ms = SAMPLE_NOW.ms + HOUR + i;
        CHECK_ERR(ERR_OK, admit(i));
    }
    CHECK_ERR(ERR_DENY_QUOTA, judge());
    CHECK(requests_deadline(requests).ms == SAMPLE_NOW.ms + HOUR);
    CHECK(!requests_expire(requests, SAMPLE_NOW, &id));
    CHECK(requests_expire(requests, (struct instant){SAMPLE_NOW.ms + HOUR}, &id));
    CHECK(id_equal(&id, &first));
    CHECK(!requests_expire(requests, (struct instant){SAMPLE_NOW.ms + HOUR}, &id));
    CHECK_ERR(ERR_OK, judge());
}

/* LP-35 is for who holds certificate and charter to say. */
static void test_an_instrument_that_a_role_may_not_use_is_named_as_such(void **state) {
    (void)state;
    struct asker asker = asker_for();
    asker.instruments = 1U << INSTRUMENT_VOLUNTARY;
    CHECK_ERR(ERR_DENY_CAP, judge_by(&asker, 1));
    CHECK(strcmp(legal_rule_at(rule)->id, "LP-35") == 0);
    asker.instruments |= 1U << request.instrument.kind;
    CHECK_ERR(ERR_OK, judge_by(&asker, 1));
}

/* In the order of their ids, whatever comes and goes between two questions. */
static void test_live_requests_are_gone_through_one_by_one(void **state) {
    const struct id all = {{0}};
    const struct id accounts[] = {id_of(1), id_of(2)};
    struct id at = {{0}};
    size_t found = 0;
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct id id = {{(uint8_t)(90 - 10 * i)}};
        CHECK_ERR(ERR_OK, requests_admit(requests, &id, &request, &accounts[i % 2], SAMPLE_NOW));
    }
    const struct id taken_back = {{40}};
    requests_take_back(requests, &taken_back);
    while (requests_next(requests, &all, &at, &at)) {
        found++;
        CHECK(at.b[0] == (found < 3 ? 10 + 10 * found : 20 + 10 * found));
    }
    CHECK(found == 7);
    at = (struct id){{50}};
    CHECK(requests_next(requests, &accounts[1], &at, &at) && at.b[0] == 60);
    CHECK(requests_next(requests, &accounts[1], &at, &at) && at.b[0] == 80);
    CHECK(!requests_next(requests, &accounts[1], &at, &at));
}

/* An outsider's officers share what it may have. */
static void test_live_requests_count_by_account(void **state) {
    (void)state;
    struct asker asker = asker_for();
    asker.live_requests = 2;
    for (int i = 0; i < 2; i++) {
        const struct id made = id_of(i);
        request.head.author = id_of(500 + i); /* each by another officer */
        CHECK_ERR(ERR_OK, judge_by(&asker, i));
        CHECK_ERR(ERR_OK, requests_admit(requests, &made, &request, &asker.account, SAMPLE_NOW));
    }
    CHECK_ERR(ERR_DENY_QUOTA, judge_by(&asker, 3));
    asker.account = id_of(700);
    CHECK_ERR(ERR_OK, judge_by(&asker, 3));
}

static void test_the_table_of_live_requests_has_a_bound(void **state) {
    (void)state;
    const struct id requester = request.head.author;
    request.head.author = community.homes[SAMPLE_FOUNDER].certificate;
    for (int i = 0; i < REQUESTS_MAX; i++) {
        CHECK_ERR(ERR_OK, admit(i));
    }
    CHECK_ERR(ERR_FULL_TABLE, admit(REQUESTS_MAX));
    request.head.author = requester;
    CHECK_ERR(ERR_FULL_TABLE, judge());
}

static void test_a_refusal_goes_on_the_record_once_and_ten_an_hour(void **state) {
    (void)state;
    struct now now = {.wall = SAMPLE_NOW, .mono = {1000}};
    const struct id author = id_of(1);
    const struct id other = id_of(2);
    for (int i = 0; i < REFUSALS_HOURLY; i++) {
        const struct id id = id_of(100 + i);
        CHECK(requests_refuse(requests, &id, &author, now));
        CHECK(!requests_refuse(requests, &id, &author, now));
    }
    const struct id id = id_of(200);
    CHECK(!requests_refuse(requests, &id, &author, now));
    CHECK(requests_refuse(requests, &id, &other, now));
    now.mono.ms += HOUR;
    const struct id late = id_of(201);
    CHECK(requests_refuse(requests, &late, &author, now));
    CHECK(!requests_refuse(requests, &id, &other, now)); /* the same one, an hour later */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_sound_request_is_let_in),
        TEST(test_witnesses_ask_for_nothing),
        TEST(test_times_of_the_request_itself),
        TEST(test_a_place_outside_the_service_area_is_named_as_such),
        TEST(test_amending_is_for_the_same_requester),
        TEST(test_no_more_live_requests_of_one_author_than_the_charter_allows),
        TEST(test_an_instrument_that_a_role_may_not_use_is_named_as_such),
        TEST(test_live_requests_are_gone_through_one_by_one),
        TEST(test_live_requests_count_by_account),
        TEST(test_the_table_of_live_requests_has_a_bound),
        TEST(test_a_refusal_goes_on_the_record_once_and_ten_an_hour),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
