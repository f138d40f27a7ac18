/* A document is shown line by line, and nothing in a line hides what comes behind it. */
#include <string.h>

#include "cli/review.h"
#include "tests/support/check.h"

static void test_control_characters_hide_nothing(void **state) {
    (void)state;
    const struct {
        struct bytes line;
        bool any;
        const char *shown;
    } lines[] = {
        {BYTES_TEXT(""), false, ""},
        {BYTES_TEXT("  \t\r"), false, "   "},
        {BYTES_TEXT("plain\r"), true, "plain"},
        {{(const uint8_t *)"a\0b", 3}, true, "a<00>b"},
        {{(const uint8_t *)"\0hidden", 7}, true, "<00>hidden"},
        {{(const uint8_t *)"a\0", 2}, true, "a<00>"},
        {BYTES_TEXT("a\rhidden"), true, "a<0D>hidden"},
        {BYTES_TEXT("a\x1b[8mhidden"), true, "a<1B>[8mhidden"},
        {BYTES_TEXT("a\tb"), true, "a b"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        char one[LOOK_LINE_BYTES];
        char safe[SAFE_MAX];
        assert_int_equal(look_line(lines[i].line, one), lines[i].any);
        assert_string_equal(safe_text(one, SAFE_MAX, safe), lines[i].shown);
    }
}

static void test_a_line_of_nuls_stays_within_its_room(void **state) {
    (void)state;
    static const uint8_t nuls[4096];
    char one[LOOK_LINE_BYTES];
    CHECK(look_line(BYTES_OF(nuls), one));
    CHECK(strlen(one) < sizeof one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters_hide_nothing),
        cmocka_unit_test(test_a_line_of_nuls_stays_within_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
