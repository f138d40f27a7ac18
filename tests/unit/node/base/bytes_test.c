#include "node/base/bytes.h"

#include <string.h>

#include "tests/support/check.h"

static void test_base64_matches_rfc_4648(void **state) {
    (void)state;
    const char *pairs[][2] = {{"", ""},
                              {"f", "Zg=="},
                              {"fo", "Zm8="},
                              {"foo", "Zm9v"},
                              {"foob", "Zm9vYg=="},
                              {"fooba", "Zm9vYmE="},
                              {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        char text[16];
        uint8_t back[8];
        size_t len = 99;
        base64_write(BYTES_TEXT(pairs[i][0]), text);
        CHECK(strcmp(text, pairs[i][1]) == 0);
        CHECK_ERR(ERR_OK, base64_read(BYTES_TEXT(text), back, sizeof back, &len));
        CHECK(len == strlen(pairs[i][0]));
        CHECK(memcmp(back, pairs[i][0], len) == 0);
    }
}

static void test_base64_has_one_spelling(void **state) {
    (void)state;
    const char *bad[] = {"Zh==", "Zg=", "Zg", "Z", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_", "===="};
    uint8_t out[8];
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_ERR(ERR_USER_SYNTAX, base64_read(BYTES_TEXT(bad[i]), out, sizeof out, &len));
    }
    CHECK_ERR(ERR_OK, base64url_read(BYTES_TEXT("-_8"), out, sizeof out, &len));
    CHECK(len == 2);
    CHECK_ERR(ERR_FULL_BUFFER, base64url_read(BYTES_TEXT("-_8"), out, 1, &len));
}

static void test_buffer_never_passes_its_limit(void **state) {
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    CHECK_ERR(ERR_OK, buffer_append(&buffer, BYTES_TEXT("0123456")));
    CHECK_ERR(ERR_FULL_BUFFER, buffer_append(&buffer, BYTES_TEXT("7890")));
    CHECK(buffer.len == 7);
    CHECK_ERR(ERR_OK, buffer_append(&buffer, BYTES_TEXT("789")));
    buffer_drop_front(&buffer, 8);
    CHECK(bytes_equal(buffer_bytes(&buffer), BYTES_TEXT("89")));
    buffer_finish(&buffer);
}

static void test_hex_reads_what_it_writes(void **state) {
    (void)state;
    const uint8_t from[3] = {0, 0xab, 0xff};
    uint8_t back[3];
    char text[7];
    hex_write(BYTES_OF(from), text);
    CHECK(strcmp(text, "00abff") == 0);
    CHECK_ERR(ERR_OK, hex_read("00ABff", back, 3));
    CHECK(memcmp(from, back, 3) == 0);
    CHECK_ERR(ERR_USER_SYNTAX, hex_read("00abf", back, 3));
    CHECK_ERR(ERR_USER_SYNTAX, hex_read("00abfg", back, 3));
}

static void test_a_line_is_what_ends(void **state) {
    (void)state;
    struct bytes rest = BYTES_TEXT("one\n\nthree");
    struct bytes line;
    CHECK(bytes_line(&rest, &line) && bytes_equal(line, BYTES_TEXT("one")));
    CHECK(bytes_line(&rest, &line) && line.len == 0);
    CHECK(!bytes_line(&rest, &line));
    CHECK(bytes_equal(rest, BYTES_TEXT("three"))); /* as it was */
    rest = (struct bytes){NULL, 0};
    CHECK(!bytes_line(&rest, &line));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_matches_rfc_4648),
        cmocka_unit_test(test_base64_has_one_spelling),
        cmocka_unit_test(test_buffer_never_passes_its_limit),
        cmocka_unit_test(test_hex_reads_what_it_writes),
        cmocka_unit_test(test_a_line_is_what_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
