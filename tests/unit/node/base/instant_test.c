#include "node/base/instant.h"

#include <stdlib.h>
#include <time.h>

#include "tests/support/check.h"

static struct instant parsed(const char *text) {
    struct instant at = {-1};
    CHECK_ERR(ERR_OK, instant_parse(text, &at));
    return at;
}

static void test_offset_and_utc_name_the_same_instant(void **state) {
    (void)state;
    CHECK(parsed("2026-11-24T21:10:00Z").ms == INT64_C(1795554600000));
    CHECK(parsed("2026-11-24T22:10:00+01:00").ms == INT64_C(1795554600000));
    CHECK(parsed("2026-11-24 16:10:00.250-05:00").ms == INT64_C(1795554600250));
}

static void test_what_is_written_is_read_back(void **state) {
    (void)state;
    const int64_t samples[] = {0, 1, 999, 951782400000, INSTANT_MAX_MS};
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        char text[INSTANT_TEXT_MAX];
        instant_utc((struct instant){samples[i]}, text);
        CHECK(parsed(text).ms == samples[i]);
    }
}

static void test_broken_texts_are_refused(void **state) {
    (void)state;
    struct instant at = {7};
    const char *syntax[] = {"",
                            "yesterday",
                            "2026-11-24",
                            "2026-11-24T21",
                            "2026-11-24T21:10:00 Z",
                            "2026-11-24T21:10:00+1:00",
                            "2026-11-24T21:10:00Zx",
                            "26-11-24T21:10Z",
                            "2026-11-24T21:10:00.Z"};
    for (size_t i = 0; i < COUNT_OF(syntax); i++) {
        CHECK_ERR(ERR_USER_SYNTAX, instant_parse(syntax[i], &at));
    }
    const char *unreal[] = {"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-06-30T23:59:60Z",
                            "2026-01-01T24:00:00Z", "1969-12-31T23:59:59Z"};
    for (size_t i = 0; i < COUNT_OF(unreal); i++) {
        CHECK_ERR(ERR_USER_TIME, instant_parse(unreal[i], &at));
    }
    CHECK(at.ms == 7);
}

static void test_skipped_and_doubled_local_times_are_refused(void **state) {
    (void)state;
    CHECK(setenv("TZ", "Europe/Berlin", 1) == 0);
    tzset();
    struct instant at = {0};
    CHECK_ERR(ERR_USER_TIME, instant_parse("2026-03-29 02:30", &at)); /* skipped */
    CHECK_ERR(ERR_USER_TIME, instant_parse("2026-10-25 02:30", &at)); /* twice */
    CHECK(parsed("2026-07-01 12:00").ms == parsed("2026-07-01T10:00:00Z").ms);
    CHECK(parsed("2026-12-01 12:00").ms == parsed("2026-12-01T11:00:00Z").ms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offset_and_utc_name_the_same_instant),
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_broken_texts_are_refused),
        cmocka_unit_test(test_skipped_and_doubled_local_times_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
