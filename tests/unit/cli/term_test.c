/* What others wrote reaches a terminal as visible text of a known width. */
#include <string.h>

#include "cli/cli.h"
#include "tests/support/check.h"

static void shows(const char *from, size_t columns, const char *wanted) {
    char out[SAFE_MAX];
    const char *got = safe_text(from, columns, out);
    if (strcmp(got, wanted) != 0) {
        print_message("'%s' in %zu columns: '%s', wanted '%s'\n", from, columns, got, wanted);
    }
    assert_string_equal(got, wanted);
}

static void test_plain_text_stays_as_it_is(void **state) {
    (void)state;
    shows("", 10, "");
    shows("Ada L\xc3\xb8velace", 12, "Ada L\xc3\xb8velace");
    shows("\xe5\xb1\xb1\xe7\x94\xb0", 4, "\xe5\xb1\xb1\xe7\x94\xb0"); /* two of two columns each */
}

static void test_what_hides_or_turns_becomes_visible(void **state) {
    (void)state;
    shows("a\x1b[2Jb", 20, "a<1B>[2Jb");
    shows("a\nb\r\tc", 20, "a<0A>b<0D><09>c");
    shows("\x7f\xc2\x9b", 20, "<7F><9B>");        /* DEL; CSI in eight bits */
    shows("x\xe2\x80\xaey", 20, "x<202E>y");      /* right-to-left override */
    shows("x\xe2\x81\xa6y", 20, "x<2066>y");      /* isolate */
    shows("x\xe2\x80\x8by", 20, "x<200B>y");      /* zero width */
    shows("x\xef\xbb\xbfy", 20, "x<FEFF>y");      /* byte order mark */
    shows("x\xc2\xady", 20, "x<AD>y");            /* soft hyphen */
    shows("x\xe2\x80\xa8y", 20, "x<2028>y");      /* line separator */
    shows("x\xe3\x85\xa4y", 20, "x<3164>y");      /* a letter without ink */
    shows("x\xf3\xa0\x80\xa1y", 20, "x<E0021>y"); /* a tag */
    shows("a\xff\xfe"
          "b\xc3",
          20, "a<FF><FE>b<C3>"); /* not UTF-8 */
    shows("a\x9b"
          "b\xa0\xc1",
          20, "a<9B>b<A0><C1>");             /* nor is what looks like its middle */
    shows("x\xef\xb8\x8fy", 20, "x<FE0F>y"); /* a variation selector */
}

static void test_it_is_cut_to_its_columns(void **state) {
    (void)state;
    shows("abcdef", 6, "abcdef");
    shows("abcdef", 5, "abcd\xe2\x80\xa6");
    shows("abcdef", 1, "\xe2\x80\xa6");
    shows("ab\x1b"
          "cd",
          5, "ab\xe2\x80\xa6"); /* never half of a mark */
    shows("\xe5\xb1\xb1\xe7\x94\xb0\xe5\xb1\xb1", 5, "\xe5\xb1\xb1\xe7\x94\xb0\xe2\x80\xa6");
    shows("\xe5\xb1\xb1\xe7\x94\xb0\xe5\xb1\xb1", 4, "\xe5\xb1\xb1\xe2\x80\xa6");
    shows("e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 3, "e\xcc\x81\xe2\x80\xa6"); /* a heap of accents */
}

static void test_no_text_overruns_the_room(void **state) {
    (void)state;
    char from[2 * SAFE_MAX];
    char out[SAFE_MAX];
    static const char *const fills[] = {"a", "\x1b", "\xf3\xa0\x80\xa1", "\xe5\xb1\xb1"};
    for (size_t i = 0; i < COUNT_OF(fills); i++) {
        size_t len = strlen(fills[i]);
        for (size_t at = 0; at + len < sizeof from; at += len) {
            memcpy(from + at, fills[i], len + 1);
        }
        for (size_t columns = 1; columns < 2 * SAFE_MAX; columns += 97) {
            assert_true(strlen(safe_text(from, columns, out)) < SAFE_MAX);
        }
    }
}

static void fits(const char *text, size_t columns, size_t wanted) {
    size_t got = safe_fit(text, columns);
    if (got != wanted) {
        print_message("'%s' in %zu columns: %zu bytes, wanted %zu\n", text, columns, got, wanted);
    }
    assert_int_equal(got, wanted);
}

static void test_a_line_is_broken_between_words_where_there_are_any(void **state) {
    (void)state;
    fits("", 10, 0);
    fits("one two", 7, 7);
    fits("one two", 6, 3);
    fits("one two", 4, 3);
    fits("one two", 3, 3);
    fits("onetwo", 4, 4); /* one word: through it */
    fits("\xc3\xa9\xc3\xa9\xc3\xa9", 2, 4);
    fits("\xe5\xb1\xb1\xe7\x94\xb0", 3, 3); /* of two columns each */
    fits(" abc", 3, 3);
}

/* What is to be typed stands on one line, so that it can be read and copied. */
static void test_an_example_is_not_broken_where_it_fits(void **state) {
    (void)state;
    fits("see 'a b' now", 9, 9);
    fits("see 'a b' now", 8, 3);
    fits("see 'a b' now", 6, 3);
    fits("'a b' now", 4, 2); /* longer than a line */
    fits("'a b' now", 6, 5);
    fits("('a b')", 4, 3);
    fits("the dog's 'a b'", 14, 9);
    fits("we don't, or can't do", 14, 12); /* apostrophes */
    fits("the 'tis of old", 8, 8);
    fits("x 'a b' 'c d' y", 12, 7);
}

static void test_lengths_of_time_and_sizes_in_plain_words(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *wanted;
    } spans[] = {{0, "0s"},
                 {499, "0s"},
                 {59499, "59s"},
                 {59500, "1m00s"},
                 {130000, "2m10s"},
                 {3599000, "59m59s"},
                 {3600000, "1h00m"},
                 {86399000, "23h59m"},
                 {86400000, "1 day"},
                 {172799000, "1 day 23h"},
                 {259199000, "2 days 23h"},
                 {864000000, "10 days"}};
    char out[32];
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        span_text(spans[i].ms, out);
        assert_string_equal(out, spans[i].wanted);
    }
    size_text(999, out);
    assert_string_equal(out, "999 bytes");
    size_text(18400000, out);
    assert_string_equal(out, "18.4 MB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_text_stays_as_it_is),
        cmocka_unit_test(test_what_hides_or_turns_becomes_visible),
        cmocka_unit_test(test_it_is_cut_to_its_columns),
        cmocka_unit_test(test_no_text_overruns_the_room),
        cmocka_unit_test(test_a_line_is_broken_between_words_where_there_are_any),
        cmocka_unit_test(test_an_example_is_not_broken_where_it_fits),
        cmocka_unit_test(test_lengths_of_time_and_sizes_in_plain_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
