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

static struct id id_of(int number) {
    struct id id = {{(uint8_t)number, (uint8_t)(number >> 8), 1}};
    return id;
}

static struct asker asker_for(const struct request *request) {
    return (struct asker){.role = agency.role,
                          .account = request->head.author,
                          .instruments = INSTRUMENTS_ALL,
                          .live_requests = charter.caps.live_requests};
}

static enum err judge(struct requests *requests, const struct request *request, size_t *rule) {
    const struct id id = id_of(9999);
    const struct asker asker = asker_for(request);
    *rule = 777;
    return requests_judge(requests, &id, request, &asker, &charter, false, SAMPLE_NOW, rule);
}

static enum err admit(struct requests *requests, const struct id *id,
                      const struct request *request) {
    return requests_admit(requests, id, request, &request->head.author, SAMPLE_NOW);
}

static void test_a_sound_request_is_let_in(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    sample_request(&community, &request);
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    CHECK(rule == 777);
    const struct id id = id_of(9999);
    CHECK_ERR(ERR_OK, admit(requests, &id, &request));
    CHECK(requests_live(requests, &id));
    CHECK_ERR(ERR_OK, admit(requests, &id, &request)); /* again is nothing */
    CHECK(requests_count(requests) == 1);
    CHECK_ERR(ERR_PEER_REPEATED, judge(requests, &request, &rule));
    requests_destroy(requests);
}

static void test_witnesses_ask_for_nothing(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    const struct id id = id_of(1);
    sample_request(&community, &request);
    struct asker witness = asker_for(&request);
    witness.role = MEMBER_WITNESS;
    CHECK_ERR(ERR_DENY_ROLE, requests_judge(requests, &id, &request, &witness, &charter, false,
                                            SAMPLE_NOW, &rule));
    requests_destroy(requests);
}

static void test_times_of_the_request_itself(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request good;
    size_t rule = 0;
    sample_request(&community, &good);
    struct request request = good;
    request.head.created.ms = SAMPLE_NOW.ms + 15 * MINUTE;
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    request.head.created.ms++;
    CHECK_ERR(ERR_DENY_TIME, judge(requests, &request, &rule));
    request = good;
    request.head.expires = SAMPLE_NOW;
    CHECK_ERR(ERR_DENY_EXPIRED, judge(requests, &request, &rule));
    request.head.expires.ms++;
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    request = good;
    request.head.expires.ms = request.head.created.ms + 7 * INT64_C(24) * HOUR;
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    request.head.expires.ms++;
    CHECK_ERR(ERR_PEER_BOUNDS, judge(requests, &request, &rule));
    request = good;
    request.terms.delete_by.ms = request.head.created.ms + 90 * INT64_C(24) * HOUR;
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    request.terms.delete_by.ms++;
    CHECK_ERR(ERR_DENY_CHARTER, judge(requests, &request, &rule));
    request.terms.delete_by = request.head.created;
    CHECK_ERR(ERR_PEER_BOUNDS, judge(requests, &request, &rule));
    requests_destroy(requests);
}

static void test_a_place_outside_the_service_area_is_named_as_such(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    sample_request(&community, &request);
    request.place.points[0].lat += 10000000; /* one degree */
    CHECK_ERR(ERR_DENY_CAP, judge(requests, &request, &rule));
    CHECK(strcmp(legal_rule_at(rule)->field, "at") == 0);
    requests_destroy(requests);
}

static void test_amending_is_for_the_same_requester(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request before;
    struct request request;
    size_t rule = 0;
    const struct id id = id_of(5);
    sample_request(&community, &before);
    before.head.author = community.homes[SAMPLE_FOUNDER].certificate;
    CHECK_ERR(ERR_OK, admit(requests, &id, &before));
    sample_request(&community, &request);
    request.amends = id;
    CHECK_ERR(ERR_DENY_OTHERS, judge(requests, &request, &rule));
    CHECK(strcmp(legal_rule_at(rule)->field, "amends") == 0);
    request.amends = id_of(6); /* not live here: it stands for itself */
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    requests_destroy(requests);
}

static void test_no_more_live_requests_of_one_author_than_the_charter_allows(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    struct id id;
    size_t rule = 0;
    sample_request(&community, &request);
    for (int i = 0; i < 10; i++) {
        id = id_of(i);
        CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
        request.head.expires.ms = SAMPLE_NOW.ms + HOUR + i;
        CHECK_ERR(ERR_OK, admit(requests, &id, &request));
    }
    CHECK_ERR(ERR_DENY_QUOTA, judge(requests, &request, &rule));
    CHECK(requests_deadline(requests).ms == SAMPLE_NOW.ms + HOUR);
    CHECK(!requests_expire(requests, SAMPLE_NOW, &id));
    CHECK(requests_expire(requests, (struct instant){SAMPLE_NOW.ms + HOUR}, &id));
    const struct id first = id_of(0);
    CHECK(id_equal(&id, &first));
    CHECK(!requests_expire(requests, (struct instant){SAMPLE_NOW.ms + HOUR}, &id));
    CHECK_ERR(ERR_OK, judge(requests, &request, &rule));
    requests_destroy(requests);
}

/* LP-35 is for who holds certificate and charter to say. */
static void test_an_instrument_that_a_role_may_not_use_is_named_as_such(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    const struct id id = id_of(1);
    sample_request(&community, &request);
    struct asker asker = asker_for(&request);
    asker.instruments = 1U << INSTRUMENT_VOLUNTARY;
    CHECK_ERR(ERR_DENY_CAP,
              requests_judge(requests, &id, &request, &asker, &charter, false, SAMPLE_NOW, &rule));
    CHECK(strcmp(legal_rule_at(rule)->id, "LP-35") == 0);
    asker.instruments |= 1U << request.instrument.kind;
    CHECK_ERR(ERR_OK,
              requests_judge(requests, &id, &request, &asker, &charter, false, SAMPLE_NOW, &rule));
    requests_destroy(requests);
}

/* An outsider's officers share what it may have. */
static void test_live_requests_count_by_account(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    const struct id id = id_of(3);
    sample_request(&community, &request);
    struct asker asker = asker_for(&request);
    asker.live_requests = 2;
    for (int i = 0; i < 2; i++) {
        const struct id made = id_of(i);
        request.head.author = id_of(500 + i); /* each by another officer */
        CHECK_ERR(ERR_OK, requests_judge(requests, &made, &request, &asker, &charter, false,
                                         SAMPLE_NOW, &rule));
        CHECK_ERR(ERR_OK, requests_admit(requests, &made, &request, &asker.account, SAMPLE_NOW));
    }
    CHECK_ERR(ERR_DENY_QUOTA,
              requests_judge(requests, &id, &request, &asker, &charter, false, SAMPLE_NOW, &rule));
    asker.account = id_of(700);
    CHECK_ERR(ERR_OK,
              requests_judge(requests, &id, &request, &asker, &charter, false, SAMPLE_NOW, &rule));
    requests_destroy(requests);
}

static void test_the_table_of_live_requests_has_a_bound(void **state) {
    (void)state;
    struct requests *requests = requests_create();
    struct request request;
    size_t rule = 0;
    sample_request(&community, &request);
    request.head.author = community.homes[SAMPLE_FOUNDER].certificate;
    for (int i = 0; i < REQUESTS_MAX; i++) {
        const struct id id = id_of(i);
        CHECK_ERR(ERR_OK, admit(requests, &id, &request));
    }
    const struct id id = id_of(REQUESTS_MAX);
    CHECK_ERR(ERR_FULL_TABLE, admit(requests, &id, &request));
    sample_request(&community, &request);
    CHECK_ERR(ERR_FULL_TABLE, judge(requests, &request, &rule));
    requests_destroy(requests);
}

static void test_a_refusal_goes_on_the_record_once_and_ten_an_hour(void **state) {
    (void)state;
    struct requests *requests = requests_create();
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
    requests_destroy(requests);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sound_request_is_let_in),
        cmocka_unit_test(test_witnesses_ask_for_nothing),
        cmocka_unit_test(test_times_of_the_request_itself),
        cmocka_unit_test(test_a_place_outside_the_service_area_is_named_as_such),
        cmocka_unit_test(test_amending_is_for_the_same_requester),
        cmocka_unit_test(test_no_more_live_requests_of_one_author_than_the_charter_allows),
        cmocka_unit_test(test_an_instrument_that_a_role_may_not_use_is_named_as_such),
        cmocka_unit_test(test_live_requests_count_by_account),
        cmocka_unit_test(test_the_table_of_live_requests_has_a_bound),
        cmocka_unit_test(test_a_refusal_goes_on_the_record_once_and_ten_an_hour),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
