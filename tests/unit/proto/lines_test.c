/* Lines of a person's file come out trimmed and whole, or with why they cannot be read. */
#include <string.h>

#include "proto/lines.h"
#include "tests/support/check.h"

enum {
    ROOM = 8
};

static char room[ROOM];
static struct lines lines;

static void start(struct bytes file) {
    lines = (struct lines){.file = file, .room = room, .room_size = sizeof room};
}

static void next_is(size_t number, const char *text) {
    CHECK(lines_next(&lines));
    assert_int_equal(lines.number, number);
    assert_null(lines.wrong);
    assert_string_equal(lines.text, text);
}

static void next_is_wrong(struct bytes file, const char *why) {
    start(file);
    CHECK(lines_next(&lines));
    assert_int_equal(lines.number, 1);
    assert_string_equal(lines.wrong, why);
}

static void test_lines_come_one_by_one_and_trimmed(void **state) {
    (void)state;
    start(BYTES_TEXT("a\n\n b c \t\r\n\t\n1234567\nlast"));
    next_is(1, "a");
    next_is(2, "");
    next_is(3, "b c");
    next_is(4, "");
    next_is(5, "1234567"); /* as long as the room lets it be */
    next_is(6, "last");    /* without an end of its own */
    CHECK(!lines_next(&lines));
    CHECK(!lines_next(&lines));
    start(BYTES_TEXT("a\n"));
    next_is(1, "a");
    CHECK(!lines_next(&lines));
    start(BYTES_TEXT(""));
    CHECK(!lines_next(&lines));
}

static void test_what_cannot_be_read_is_told(void **state) {
    (void)state;
    static const uint8_t hidden[] = {'a', '\0', 'b', '\n'};
    next_is_wrong(BYTES_TEXT("12345678\nb"), "line is too long");
    next_is(2, "b"); /* and nothing of it is in the next one */
    next_is_wrong((struct bytes){hidden, sizeof hidden}, "line is too long");
    next_is_wrong(BYTES_TEXT("\x1b[2J"), "line is not plain UTF-8 text");
    next_is_wrong(BYTES_TEXT("\xff"), "line is not plain UTF-8 text");
}

static void test_a_heading_has_a_name_in_quotes(void **state) {
    (void)state;
    static const char *const others[] = {
        "[camera]",
        "[camera \"\"]",
        "[camera \"A]",
        "[camera A\"]",
        "[camera \"A\"",
        "camera \"A\"]",
        "[camera\"A\"]",
        "[cameras \"A\"]",
        "[camer \"A\"]",
        "[camera \"]",
        "[camera  \"A\"]",
        "[camera \"A\"] ",
        "",
    };
    char name[8];
    CHECK(lines_heading("[camera \"A \"b\"\"]", "camera", name, sizeof name));
    assert_string_equal(name, "A \"b\"");
    CHECK(lines_heading("[camera \"123456789\"]", "camera", name, sizeof name));
    assert_string_equal(name, "1234567");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        if (lines_heading(others[i], "camera", name, sizeof name)) {
            fail_msg("%s", others[i]);
        }
    }
    assert_string_equal(name, "1234567");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_one_by_one_and_trimmed),
        cmocka_unit_test(test_what_cannot_be_read_is_told),
        cmocka_unit_test(test_a_heading_has_a_name_in_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
