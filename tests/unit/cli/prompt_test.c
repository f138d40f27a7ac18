/* The prompt's decision, event by event (P3). */
#include <string.h>

#include "cli/prompt.h"
#include "tests/support/check.h"

static const char code[] = "4F2A-91";
static struct prompt prompt;

static bool signed_already;

static enum prompt_do step(enum prompt_event_kind kind, const char *line, uint8_t digest) {
    struct prompt_event event = {.kind = kind, .line = line, .already = signed_already};
    event.digest.b[0] = digest;
    return prompt_step(&prompt, &event);
}

/* Shown, and the question asked. */
static void start(bool already) {
    signed_already = already;
    prompt_start(&prompt, code);
    assert_int_equal(prompt.doing, PROMPT_DO_SHOW);
    assert_int_equal(step(PROMPT_EV_SHOWN, NULL, 7), PROMPT_DO_ASK);
}

static void test_the_one_way_to_sign(void **state) {
    (void)state;
    static const char *const ways[] = {"4F2A-91", "4f2a-91", "4F2A91", "4f2a91"};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        start(false);
        assert_int_equal(step(PROMPT_EV_LINE, ways[i], 0), PROMPT_DO_CHECK);
        assert_int_equal(step(PROMPT_EV_DONE, NULL, 7), PROMPT_DO_PASSPHRASE);
        assert_int_equal(step(PROMPT_EV_DONE, NULL, 0), PROMPT_DO_SIGN);
        assert_int_equal(step(PROMPT_EV_DONE, NULL, 0), PROMPT_DO_END);
        assert_int_equal(prompt.end, PROMPT_SIGNED);
        assert_int_equal(step(PROMPT_EV_LINE, ways[i], 0), PROMPT_DO_END);
    }
}

static void test_another_digest_has_to_be_shown_and_accepted_anew(void **state) {
    (void)state;
    start(false);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 8), PROMPT_DO_SHOW);
    assert_int_equal(step(PROMPT_EV_SHOWN, NULL, 8), PROMPT_DO_ASK);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 8), PROMPT_DO_PASSPHRASE);
}

static void test_a_window_of_another_width_is_shown_it_again(void **state) {
    (void)state;
    start(false);
    assert_int_equal(step(PROMPT_EV_RESIZED, NULL, 0), PROMPT_DO_SHOW);
    assert_int_equal(step(PROMPT_EV_SHOWN, NULL, 7), PROMPT_DO_ASK);
}

static void test_every_word_and_what_it_does(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum prompt_do wanted;
        enum prompt_end end;
        int64_t snooze_ms;
    } rows[] = {
        {"p", PROMPT_DO_PLAY, PROMPT_OPEN, 0},
        {"play", PROMPT_DO_PLAY, PROMPT_OPEN, 0},
        {"w", PROMPT_DO_DOCUMENT, PROMPT_OPEN, 0},
        {"c", PROMPT_DO_DETAILS, PROMPT_OPEN, 0},
        {"?", PROMPT_DO_HELP, PROMPT_OPEN, 0},
        {"s", PROMPT_DO_SHOW, PROMPT_OPEN, 0},
        {"d", PROMPT_DO_DECLINE, PROMPT_OPEN, 0},
        {"q", PROMPT_DO_END, PROMPT_QUIT, 0},
        {"", PROMPT_DO_END, PROMPT_LATER, 0},
        {"l", PROMPT_DO_END, PROMPT_LATER, 0},
        {"later", PROMPT_DO_END, PROMPT_LATER, 0},
        {"l 1m", PROMPT_DO_END, PROMPT_LATER, DURATION_MINUTE_MS},
        {"l 2h", PROMPT_DO_END, PROMPT_LATER, 2 * DURATION_HOUR_MS},
        {"later 1d", PROMPT_DO_END, PROMPT_LATER, DURATION_DAY_MS},
        {"l 30d", PROMPT_DO_END, PROMPT_LATER, INT64_C(30) * DURATION_DAY_MS},
        {"l 31d", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l 0h", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l 2", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l 2s", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l h", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l 2hh", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l -2h", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l 999999h", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"l  2h", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"la", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"laterr", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"D", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"y", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"tt", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"T", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {" t", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"t\t0:05 1:40", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"accept", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"4F2A-9", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"4F2A-910", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {" 4F2A-91", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"4F2A-91 ", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"4F-2A91", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
        {"\x01", PROMPT_DO_UNKNOWN, PROMPT_OPEN, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        start(false);
        enum prompt_do got = step(PROMPT_EV_LINE, rows[i].line, 0);
        if (got != rows[i].wanted || prompt.end != rows[i].end) {
            print_message("'%s': does %d, ends %d\n", rows[i].line, got, prompt.end);
        }
        assert_int_equal(got, rows[i].wanted);
        assert_int_equal(prompt.end, rows[i].end);
        assert_int_equal(prompt.snooze.ms, rows[i].snooze_ms);
    }
}

static void test_no_answer_at_any_place_ends_undecided(void **state) {
    (void)state;
    static const enum prompt_event_kind path[] = {PROMPT_EV_SHOWN, PROMPT_EV_LINE, PROMPT_EV_DONE,
                                                  PROMPT_EV_DONE};
    for (size_t at = 0; at <= COUNT_OF(path); at++) {
        signed_already = false;
        prompt_start(&prompt, code);
        for (size_t i = 0; i < at; i++) {
            (void)step(path[i], code, 7);
        }
        assert_int_equal(step(PROMPT_EV_NONE, NULL, 7), PROMPT_DO_END);
        assert_int_equal(prompt.end, PROMPT_NO_ANSWER);
    }
}

static void test_after_an_edit_all_is_shown_and_accepted_anew(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum prompt_edit edit;
        const char *text;
    } rows[] = {
        {"t", PROMPT_TRIM, ""},
        {"t 0:05 1:40", PROMPT_TRIM, "0:05 1:40"},
        {"trim  0:05 1:40 ", PROMPT_TRIM, "0:05 1:40"},
        {"r 10,20 30,40", PROMPT_REDACT, "10,20 30,40"},
        {"redact 10,20 30,40", PROMPT_REDACT, "10,20 30,40"},
        {"m", PROMPT_MUTE, ""},
        {"mute", PROMPT_MUTE, ""},
        {"m x", PROMPT_MUTE, "x"},
        {"u", PROMPT_UNDO, ""},
        {"undo", PROMPT_UNDO, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        start(false);
        assert_int_equal(step(PROMPT_EV_LINE, rows[i].line, 0), PROMPT_DO_EDIT);
        assert_int_equal(prompt.edit, rows[i].edit);
        assert_string_equal(prompt.text, rows[i].text);
        assert_int_equal(step(PROMPT_EV_DONE, NULL, 9), PROMPT_DO_SHOW);
        assert_int_equal(step(PROMPT_EV_SHOWN, NULL, 9), PROMPT_DO_ASK);
        assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
        assert_int_equal(step(PROMPT_EV_DONE, NULL, 9), PROMPT_DO_PASSPHRASE);
    }
    start(false); /* one that fails has changed nothing */
    (void)step(PROMPT_EV_LINE, "t 0:05", 0);
    assert_int_equal(step(PROMPT_EV_FAILED, NULL, 7), PROMPT_DO_ASK);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 7), PROMPT_DO_PASSPHRASE);
}

/* A slip costs a line: what was shown is still what a code, typed rightly then, accepts. */
static void test_an_unknown_line_is_asked_about_again(void **state) {
    (void)state;
    start(false);
    (void)step(PROMPT_EV_LINE, "t 0:05 1:40", 0);
    (void)step(PROMPT_EV_DONE, NULL, 9);
    (void)step(PROMPT_EV_SHOWN, NULL, 9);
    assert_int_equal(step(PROMPT_EV_LINE, "4F2A-92", 0), PROMPT_DO_UNKNOWN);
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 9), PROMPT_DO_ASK);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 9), PROMPT_DO_PASSPHRASE);
    start(false); /* the code means nothing to any other question */
    (void)step(PROMPT_EV_LINE, "4F2A-92", 0);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_END);
    assert_int_equal(prompt.end, PROMPT_NO_ANSWER);
}

static void test_who_has_signed_and_edits_may_sign_that(void **state) {
    (void)state;
    start(true);
    (void)step(PROMPT_EV_LINE, "m", 0);
    signed_already = false;
    assert_int_equal(step(PROMPT_EV_DONE, NULL, 9), PROMPT_DO_SHOW);
    assert_int_equal(step(PROMPT_EV_SHOWN, NULL, 9), PROMPT_DO_ASK);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_CHECK);
}

static void test_a_failed_look_asks_again_and_a_failed_decision_ends(void **state) {
    (void)state;
    static const char *const looks[] = {"p", "w", "c", "?"};
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        start(false);
        (void)step(PROMPT_EV_LINE, looks[i], 0);
        assert_int_equal(step(PROMPT_EV_FAILED, NULL, 0), PROMPT_DO_ASK);
    }
    start(false);
    (void)step(PROMPT_EV_LINE, "d", 0);
    assert_int_equal(step(PROMPT_EV_FAILED, NULL, 0), PROMPT_DO_END);
    assert_int_equal(prompt.end, PROMPT_FAILED);
    start(false);
    (void)step(PROMPT_EV_LINE, code, 0);
    assert_int_equal(step(PROMPT_EV_FAILED, NULL, 7), PROMPT_DO_END);
    assert_int_equal(prompt.end, PROMPT_FAILED);
}

static void test_who_has_signed_signs_no_second_time(void **state) {
    (void)state;
    start(true);
    assert_int_equal(step(PROMPT_EV_LINE, code, 0), PROMPT_DO_END);
    assert_int_equal(prompt.end, PROMPT_ALREADY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_one_way_to_sign),
        cmocka_unit_test(test_another_digest_has_to_be_shown_and_accepted_anew),
        cmocka_unit_test(test_a_window_of_another_width_is_shown_it_again),
        cmocka_unit_test(test_every_word_and_what_it_does),
        cmocka_unit_test(test_no_answer_at_any_place_ends_undecided),
        cmocka_unit_test(test_after_an_edit_all_is_shown_and_accepted_anew),
        cmocka_unit_test(test_an_unknown_line_is_asked_about_again),
        cmocka_unit_test(test_who_has_signed_and_edits_may_sign_that),
        cmocka_unit_test(test_a_failed_look_asks_again_and_a_failed_decision_ends),
        cmocka_unit_test(test_who_has_signed_signs_no_second_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
