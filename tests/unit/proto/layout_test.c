/* When a camera file was recorded, from its name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/base/instant.h"
#include "proto/layout.h"
#include "tests/support/check.h"

static void zone(const char *name) {
    CHECK(setenv("TZ", name, 1) == 0);
    tzset();
}

static int64_t at(const char *text) {
    struct instant out;
    CHECK_ERR(ERR_OK, instant_parse(text, &out));
    return out.ms;
}

static void check_start(enum camera_layout layout, const char *path, const char *modified,
                        const char *expected) {
    struct instant out = {-1};
    enum err err = layout_start(layout, "porch", path, (struct instant){at(modified)}, &out);
    if (err != ERR_OK || out.ms != at(expected)) {
        print_error("%s: %s, %lld instead of %s\n", path, err_name(err), (long long)out.ms,
                    expected);
    }
    CHECK_ERR(ERR_OK, err);
    CHECK(out.ms == at(expected));
}

static void check_refused(enum camera_layout layout, const char *path, enum err expected) {
    struct instant out = {-1};
    enum err err = layout_start(layout, "porch", path, (struct instant){0}, &out);
    if (err != expected) {
        print_error("%s: %s\n", path, err_name(err));
    }
    CHECK_ERR(expected, err);
    CHECK(out.ms == -1);
}

static void test_frigate_names_are_utc_wherever_the_home_is(void **state) {
    (void)state;
    zone("Pacific/Auckland");
    check_start(LAYOUT_FRIGATE, "2026-11-24/21/porch/10.00.mp4", "2026-11-24T21:10:10Z",
                "2026-11-24T21:10:00Z");
    check_start(LAYOUT_FRIGATE, "2026-10-25/00/porch/59.59.mp4", "2026-10-25T01:00:09Z",
                "2026-10-25T00:59:59Z");
    check_start(LAYOUT_FRIGATE, "2028-02-29/23/porch/00.01.mp4", "2028-02-29T23:00:09Z",
                "2028-02-29T23:00:01Z");
}

static void test_frigate_keeps_the_cameras_of_one_folder_apart(void **state) {
    (void)state;
    check_refused(LAYOUT_FRIGATE, "2026-11-24/21/garden/10.00.mp4", ERR_USER_NOT_FOUND);
    check_refused(LAYOUT_FRIGATE, "2026-11-24/21/porch2/10.00.mp4", ERR_USER_NOT_FOUND);
    check_refused(LAYOUT_FRIGATE, "2026-11-24/21/porc/10.00.mp4", ERR_USER_NOT_FOUND);
    check_refused(LAYOUT_FRIGATE, "clips/porch-1234.mp4", ERR_USER_NOT_FOUND);
    CHECK(layout_enters(LAYOUT_FRIGATE, "porch", "2026-11-24"));
    CHECK(layout_enters(LAYOUT_FRIGATE, "porch", "2026-11-24/21"));
    CHECK(layout_enters(LAYOUT_FRIGATE, "porch", "2026-11-24/21/porch"));
    CHECK(!layout_enters(LAYOUT_FRIGATE, "porch", "2026-11-24/21/garden"));
    CHECK(!layout_enters(LAYOUT_FRIGATE, "porch", "2026-11-24/21/porch/deeper"));
    CHECK(layout_enters(LAYOUT_PLAIN, "porch", "any/thing/at/all/deep"));
}

static void test_local_names_follow_the_zone_and_its_summer(void **state) {
    (void)state;
    zone("Europe/Berlin");
    check_start(LAYOUT_MEDIAMTX, "porch/2026-11-24_22-10-00-123456.mp4", "2026-11-24T21:10:10Z",
                "2026-11-24T21:10:00.123Z");
    check_start(LAYOUT_MEDIAMTX, "2026-07-24_22-10-00-000000.mp4", "2026-07-24T20:10:10Z",
                "2026-07-24T20:10:00Z");
    check_start(LAYOUT_MOTION, "01-20261124221000.mp4", "2026-11-24T21:10:10Z",
                "2026-11-24T21:10:00Z");
    check_start(LAYOUT_MOTION, "12345678-20260724221000.mkv", "2026-07-24T20:10:10Z",
                "2026-07-24T20:10:00Z");
    zone("America/New_York");
    check_start(LAYOUT_MOTION, "01-20261124161000.mp4", "2026-11-24T21:10:10Z",
                "2026-11-24T21:10:00Z");
}

/* 25 October 2026: 3:00 CEST becomes 2:00 CET. The modification time tells which 2:30 it was. */
static void test_the_doubled_hour_is_told_by_the_modification_time(void **state) {
    (void)state;
    zone("Europe/Berlin");
    check_start(LAYOUT_MOTION, "01-20261025023000.mp4", "2026-10-25T00:30:20Z",
                "2026-10-25T00:30:00Z");
    check_start(LAYOUT_MOTION, "01-20261025023000.mp4", "2026-10-25T01:30:20Z",
                "2026-10-25T01:30:00Z");
    check_start(LAYOUT_MEDIAMTX, "2026-10-25_02-30-00-500000.mp4", "2026-10-25T00:31:00Z",
                "2026-10-25T00:30:00.500Z");
    check_start(LAYOUT_MEDIAMTX, "2026-10-25_02-30-00-500000.mp4", "2026-10-25T01:31:00Z",
                "2026-10-25T01:30:00.500Z");
    zone("Australia/Lord_Howe"); /* by half an hour: 2:00 becomes 1:30 on 5 April 2026 */
    check_start(LAYOUT_MOTION, "01-20260405014500.mp4", "2026-04-04T14:45:30Z",
                "2026-04-04T14:45:00Z");
    check_start(LAYOUT_MOTION, "01-20260405014500.mp4", "2026-04-04T15:15:30Z",
                "2026-04-04T15:15:00Z");
}

/* 29 March 2026: 2:00 CET becomes 3:00 CEST. Nothing was recorded at 2:30, whatever the name says.
 */
static void test_an_hour_that_is_skipped_tells_no_time(void **state) {
    (void)state;
    zone("Europe/Berlin");
    check_refused(LAYOUT_MOTION, "01-20260329023000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MEDIAMTX, "2026-03-29_02-30-00-000000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_PLAIN, "cam_2026-03-29_02-30-00.mp4", ERR_USER_TIME);
    check_start(LAYOUT_MOTION, "01-20260329015959.mp4", "2026-03-29T01:00:00Z",
                "2026-03-29T00:59:59Z");
    check_start(LAYOUT_MOTION, "01-20260329030000.mp4", "2026-03-29T01:00:10Z",
                "2026-03-29T01:00:00Z");
}

static void test_plain_names_are_read_where_they_hold_a_time(void **state) {
    (void)state;
    zone("UTC");
    check_start(LAYOUT_PLAIN, "front_2026-11-24_21-10-00.mp4", "2026-11-24T21:11:00Z",
                "2026-11-24T21:10:00Z");
    check_start(LAYOUT_PLAIN, "a/b/2026-11-24T21:10:00.250.mkv", "2026-11-24T21:11:00Z",
                "2026-11-24T21:10:00.250Z");
    check_start(LAYOUT_PLAIN, "cam7_20261124_211000.mp4", "2026-11-24T21:11:00Z",
                "2026-11-24T21:10:00Z");
    check_start(LAYOUT_PLAIN, "20261124T211000.mp4", "2026-11-24T21:11:00Z",
                "2026-11-24T21:10:00Z");
    /* The camera's own number may look like a time; what stands last counts. */
    check_start(LAYOUT_PLAIN, "20010203040506-20261124211000.mp4", "2026-11-24T21:11:00Z",
                "2026-11-24T21:10:00Z");
    check_refused(LAYOUT_PLAIN, "porch.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_PLAIN, "120261124211000.mp4", ERR_USER_TIME);
}

static void test_days_that_do_not_exist_tell_no_time(void **state) {
    (void)state;
    zone("Europe/Berlin");
    check_refused(LAYOUT_FRIGATE, "2026-02-31/21/porch/10.00.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_FRIGATE, "2026-02-29/21/porch/10.00.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_FRIGATE, "2026-11-24/24/porch/10.00.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_FRIGATE, "2026-11-24/21/porch/60.00.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MOTION, "01-20260231120000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MOTION, "01-20261300120000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MEDIAMTX, "2026-04-31_12-00-00-000000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MEDIAMTX, "1969-12-31_12-00-00-000000.mp4", ERR_USER_TIME);
    check_refused(LAYOUT_MEDIAMTX, "9999-12-31_12-00-00-000000.mp4", ERR_USER_TIME);
}

/* Names are cut at every length, in memory of just that length, so that reading on is seen. */
static void test_names_that_are_cut_are_read_no_further(void **state) {
    static const char *const names[] = {"2026-11-24_21-10-00-123456.mp4", "01-20261124211000.mp4",
                                        "2026-11-24/21/porch/10.00.mp4"};
    struct instant out;
    (void)state;
    zone("UTC");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t len = 0; len <= strlen(names[i]); len++) {
            char *cut = strndup(names[i], len);
            CHECK(cut != NULL);
            for (int layout = LAYOUT_FRIGATE; layout <= LAYOUT_PLAIN; layout++) {
                (void)!layout_start((enum camera_layout)layout, "porch", cut, (struct instant){0},
                                    &out);
            }
            free(cut);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frigate_names_are_utc_wherever_the_home_is),
        cmocka_unit_test(test_frigate_keeps_the_cameras_of_one_folder_apart),
        cmocka_unit_test(test_local_names_follow_the_zone_and_its_summer),
        cmocka_unit_test(test_the_doubled_hour_is_told_by_the_modification_time),
        cmocka_unit_test(test_an_hour_that_is_skipped_tells_no_time),
        cmocka_unit_test(test_plain_names_are_read_where_they_hold_a_time),
        cmocka_unit_test(test_days_that_do_not_exist_tell_no_time),
        cmocka_unit_test(test_names_that_are_cut_are_read_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
