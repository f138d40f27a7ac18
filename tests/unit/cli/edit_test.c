/* What an owner types to take something away (cli/edit.h). */
#include "cli/edit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "tests/support/check.h"

enum {
    SECOND = DURATION_SECOND_MS,
    START_S = 1795986600, /* 2026-11-29T21:10:00Z */
};

static struct manifest manifest; /* from 21:10:00 to 21:12:30, but for 21:11:00 to 21:11:10 */

static struct instant at(int64_t seconds) {
    return (struct instant){(START_S + seconds) * SECOND};
}

static struct wish fresh(void) {
    struct wish wish;
    wish_start(&wish, &manifest, NULL);
    return wish;
}

static void test_moments_are_by_the_clock_or_from_the_beginning(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t from, to;
    } rows[] = {
        {"21:10:05 21:11:40", 5, 100}, {"0:05 1:40", 5, 100}, {"00:05  21:11:40", 5, 100},
        {"0:00 2:30", 0, 150},         {"0:05 1:05", 5, 60}, /* ends in the gap */
        {"1:05 2:00", 70, 120},                              /* begins there */
        {"21:10:00 21:12:30", 0, 150},                       /* nothing: the caller says so */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wish wish = fresh();
        assert_null(wish_trim(&wish, rows[i].text, &manifest));
        assert_int_equal(wish.from.ms, at(rows[i].from).ms);
        assert_int_equal(wish.to.ms, at(rows[i].to).ms);
    }
    /* Counted from the beginning of what is there now; and it never grows. */
    struct wish wish = fresh();
    assert_null(wish_trim(&wish, "0:10 0:50", &manifest));
    assert_null(wish_trim(&wish, "0:05 0:20", &manifest));
    assert_int_equal(wish.from.ms, at(15).ms);
    assert_int_equal(wish.to.ms, at(30).ms);
    assert_non_null(wish_trim(&wish, "21:10:05 21:10:20", &manifest));
    assert_int_equal(wish.from.ms, at(15).ms);
}

static void test_a_clip_may_go_on_after_midnight(void **state) {
    (void)state;
    struct wish wish = fresh();
    wish.from = at(2 * 3600 + 49 * 60); /* 23:59:00 */
    wish.to = at(2 * 3600 + 52 * 60);
    struct manifest night = manifest;
    night.from = wish.from;
    night.to = wish.to;
    night.run_count = 1;
    night.runs[0] = (struct clip_run){wish.from, wish.to};
    assert_null(wish_trim(&wish, "23:59:30 0:01:00", &night));
    assert_int_equal(wish.from.ms, night.from.ms + 30 * SECOND);
    assert_int_equal(wish.to.ms, night.from.ms + 120 * SECOND);
}

/* From 02:50 summer time over the hour that comes twice: 02:00 to 03:00 (Europe, 25 October 2026).
 */
static void test_a_time_that_comes_twice_is_refused(void **state) {
    (void)state;
    char text[EDIT_TEXT_MAX];
    char times[TIME_TEXT_MAX];
    struct manifest night = manifest;
    struct wish wish = fresh();
    (void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    night.from.ms = INT64_C(1792889400000); /* 00:50 UTC, 02:50 CEST */
    night.to.ms = night.from.ms + 3600 * SECOND;
    night.run_count = 1;
    night.runs[0] = (struct clip_run){night.from, night.to};
    wish.from = night.from;
    wish.to = night.to;
    const struct wish before = wish;

    /* Both moments are in it: 02:50 begins and ends the clip. */
    const char *said = wish_trim(&wish, "02:50:00 02:30:00", &night);
    assert_non_null(said);
    assert_non_null(strstr(said, "comes twice"));
    assert_true(wish_equal(&wish, &before));
    /* Of 02:30 the second alone is, of 02:55 the first. */
    assert_null(wish_trim(&wish, "02:55:00 02:30:00", &night));
    assert_int_equal(wish.from.ms, night.from.ms + 300 * SECOND);
    assert_int_equal(wish.to.ms, night.from.ms + 2400 * SECOND);
    assert_string_equal(edit_text(&wish, &night, text), "cut to 02:55:00 CEST-02:30:00 CET");
    times_text(wish.from, wish.to, times);
    assert_string_equal(times, "Sun 25 Oct 2026 02:55:00 CEST to 02:30:00 CET");

    wish = before; /* counted from the beginning, any of them can be said */
    assert_null(wish_trim(&wish, "0:00 15:00", &night));
    assert_string_equal(edit_text(&wish, &night, text), "cut to 02:50:00 CEST-02:05:00 CET");
    wish = before;
    assert_null(wish_trim(&wish, "15:00 20:00", &night));
    assert_string_equal(edit_text(&wish, &night, text), "cut to 02:05:00-02:10:00");

    night.from.ms = INT64_C(1774745400000); /* 29 March, 01:50 CET; 02:00 is 03:00 then */
    wish.from = night.from;
    wish.to.ms = night.from.ms + 1800 * SECOND;
    assert_non_null(wish_trim(&wish, "01:55:00 02:10:00", &night));
    (void)setenv("TZ", "UTC", 1);
    tzset();
}

static void test_what_is_no_part_of_the_clip_is_not_understood(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "0:05",
        "0:05 ",
        "5 40",
        "0:05 1:40 2:00",
        "0:05-1:40",
        "a:b c:d",
        "0:60 1:00",
        "0:05 9:00",
        "1:40 0:05",
        "0:05 0:05",
        "1:01 1:09",
        "20:59:59 21:11:00",
        "24:00:00 25:00:00",
        "21:10:05 21:70:00",
        "99999:00 99999:01",
        "-0:05 1:40",
        "0:05\t1:40",
        "21:10 21:11",
        "0:05 1:40x",
        "+0:05 1:40",
        "1:00 1:10",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct wish wish = fresh();
        const struct wish before = wish;
        if (wish_trim(&wish, texts[i], &manifest) == NULL) {
            print_message("'%s' is taken\n", texts[i]);
            fail();
        }
        assert_true(wish_equal(&wish, &before));
    }
}

static void test_areas_are_in_percent_from_left_and_top(void **state) {
    (void)state;
    struct wish wish = fresh();
    assert_null(wish_redact(&wish, "10,20 30,40"));
    assert_null(wish_redact(&wish, "0,0  100%,12.5"));
    assert_int_equal(wish.area_count, 2);
    const struct edit_area wanted[] = {{100, 200, 300, 400}, {0, 0, 1000, 125}};
    assert_memory_equal(wish.areas, wanted, sizeof wanted);
    static const char *const texts[] = {
        "",
        "10,20",
        "10,20 30",
        "10 20 30 40",
        "10,20-30,40",
        "30,20 10,40",
        "10,40 30,20",
        "10,20 10,40",
        "0,0 101,100",
        "0,0 100.5,9",
        "1.25,0 9,9",
        "-1,0 9,9",
        "10,20 30,40 ",
        "10,20 30,40 x",
        "1000,0 9,9",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (wish_redact(&wish, texts[i]) == NULL) {
            print_message("'%s' is taken\n", texts[i]);
            fail();
        }
    }
    for (size_t i = 2; i < EDIT_AREAS_MAX; i++) {
        assert_null(wish_redact(&wish, "10,20 30,40"));
    }
    assert_non_null(wish_redact(&wish, "10,20 30,40"));
    assert_int_equal(wish.area_count, EDIT_AREAS_MAX);
}

static void test_sound_is_removed_once_where_there_is_any(void **state) {
    (void)state;
    struct wish wish = fresh();
    assert_non_null(wish_mute(&wish, "0:05", &manifest));
    assert_null(wish_mute(&wish, "", &manifest));
    assert_non_null(wish_mute(&wish, "", &manifest));
    wish = fresh();
    manifest.audio = false;
    assert_non_null(wish_mute(&wish, "", &manifest));
    manifest.audio = true;
}

static void test_it_is_said_in_a_line(void **state) {
    (void)state;
    char text[EDIT_TEXT_MAX];
    struct wish wish = fresh();
    assert_string_equal(edit_text(&wish, &manifest, text), "");
    assert_null(wish_trim(&wish, "0:05 1:40", &manifest));
    assert_string_equal(edit_text(&wish, &manifest, text), "cut to 21:10:05-21:11:40");
    assert_null(wish_mute(&wish, "", &manifest));
    assert_null(wish_redact(&wish, "10,20 30,40"));
    assert_null(wish_redact(&wish, "10,20 30,40"));
    assert_string_equal(edit_text(&wish, &manifest, text),
                        "cut to 21:10:05-21:11:40, sound removed, 2 areas black");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moments_are_by_the_clock_or_from_the_beginning),
        cmocka_unit_test(test_a_clip_may_go_on_after_midnight),
        cmocka_unit_test(test_a_time_that_comes_twice_is_refused),
        cmocka_unit_test(test_what_is_no_part_of_the_clip_is_not_understood),
        cmocka_unit_test(test_areas_are_in_percent_from_left_and_top),
        cmocka_unit_test(test_sound_is_removed_once_where_there_is_any),
        cmocka_unit_test(test_it_is_said_in_a_line),
    };
    (void)setenv("TZ", "UTC", 1);
    tzset();
    manifest.from = at(0);
    manifest.to = at(150);
    manifest.audio = true;
    manifest.run_count = 2;
    manifest.runs[0] = (struct clip_run){at(0), at(60)};
    manifest.runs[1] = (struct clip_run){at(70), at(150)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
