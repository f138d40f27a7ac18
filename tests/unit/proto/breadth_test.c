/* How broad a request is: numbers against the charter's caps, and words that are only mentioned. */
#include <stdio.h>
#include <string.h>

#include "proto/breadth.h"
#include "proto/wording.h"
#include "tests/support/check.h"

#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

static const struct caps caps = CAPS_DEFAULT;

static struct request request_of(int64_t span_ms, uint32_t radius_m) {
    return (struct request){.place = {.radius_m = radius_m, .count = 1},
                            .from = {INT64_C(1795555800000) - span_ms},
                            .to = {INT64_C(1795555800000)}};
}

static void test_numbers_are_shares_of_the_caps_rounded_up(void **state) {
    (void)state;
    static const struct {
        int64_t span_ms;
        uint32_t radius_m;
        uint64_t area_m2;
        uint32_t span_percent, area_percent;
    } cases[] = {
        {1, 1, 3, 1, 1},
        {150 * 1000, 60, 11310, 1, 1},
        {6 * 3600 * 1000, 454, 647533, 50, 51},
        {12 * 3600 * 1000, 642, 1294851, 100, 100},
        {12 * 3600 * 1000 + 1, 643, 1298888, 101, 101},
        {INT64_C(9) * 86400 * 1000, 100000, UINT64_C(31415926536), 1800, 1000000},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct request request = request_of(cases[i].span_ms, cases[i].radius_m);
        struct breadth breadth;
        breadth_of(&request, &caps, &breadth);
        CHECK(breadth.span_ms == cases[i].span_ms);
        CHECK(breadth.area_m2 == cases[i].area_m2);
        assert_int_equal(breadth.span_percent, cases[i].span_percent);
        assert_int_equal(breadth.area_percent, cases[i].area_percent);
    }
}

static void test_the_charter_decides_the_shares(void **state) {
    (void)state;
    const struct caps tight = {.span_s = 300, .area_m2 = 11310, .live_requests = 1};
    struct request request = request_of(150 * 1000, 60);
    struct breadth breadth;
    breadth_of(&request, &tight, &breadth);
    assert_int_equal(breadth.span_percent, 50);
    assert_int_equal(breadth.area_percent, 100);
}

static void test_each_word_is_found_where_it_stands_whole(void **state) {
    (void)state;
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        const char *const *words = breadth_topic_words((enum breadth_topic)topic);
        for (; *words != NULL; words++) {
            struct request request = request_of(1000, 1);
            struct breadth breadth;
            struct words folded;
            words_fold(*words, &folded);
            CHECK(strlen(folded.text) == strlen(*words) + 2 && strstr(folded.text, *words) != NULL);
            (void)snprintf(request.instrument.items, sizeof request.instrument.items,
                           "Persons at the (%s), 24 March", *words);
            breadth_of(&request, &caps, &breadth);
            CHECK(breadth.mentions[topic] != NULL);
            (void)snprintf(request.instrument.items, sizeof request.instrument.items,
                           "Persons at the x%sx, 24 March", *words);
            breadth_of(&request, &caps, &breadth);
            CHECK(breadth.mentions[topic] == NULL || strchr(*words, ' ') != NULL);
        }
    }
}

static void test_mentions_are_folded_and_found_in_every_text(void **state) {
    (void)state;
    struct request request = request_of(1000, 1);
    struct breadth breadth;
    TEXT(request.reason, "Broken window after the RALLY");
    TEXT(request.terms.purpose, "trade-union matters");
    TEXT(request.instrument.applicant_agency, "Immigration and Customs");
    TEXT(request.instrument.emergency_facts, "Shots near the mos\xe2\x80\x8bque"); /* hidden */
    breadth_of(&request, &caps, &breadth);
    assert_string_equal(breadth.mentions[TOPIC_PROTEST], "rally");
    assert_string_equal(breadth.mentions[TOPIC_UNION], "trade union");
    assert_string_equal(breadth.mentions[TOPIC_IMMIGRATION], "immigration");
    assert_string_equal(breadth.mentions[TOPIC_RELIGION], "mosque");
}

static void test_other_words_are_no_mention(void **state) {
    (void)state;
    static const char *const plain[] = {
        "Hit and run on 24 March, silver hatchback",
        "Reunion of the Protestant choir",
        "Christian Church-Smith's car struck on ice",
        "Visa card stolen; man walked out",
    };
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        struct request request = request_of(1000, 1);
        struct breadth breadth;
        TEXT(request.reason, plain[i]);
        breadth_of(&request, &caps, &breadth);
        for (int topic = 0; topic < TOPIC_COUNT; topic++) {
            bool surname =
                i == 2 && topic == TOPIC_RELIGION; /* 'Church' is a mention all the same */
            CHECK((breadth.mentions[topic] != NULL) == surname);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_shares_of_the_caps_rounded_up),
        cmocka_unit_test(test_the_charter_decides_the_shares),
        cmocka_unit_test(test_each_word_is_found_where_it_stands_whole),
        cmocka_unit_test(test_mentions_are_folded_and_found_in_every_text),
        cmocka_unit_test(test_other_words_are_no_mention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
