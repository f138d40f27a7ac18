/* The file that tells a node of the home's other nodes is read strictly, whole or not at all. */
#include <stdio.h>
#include <string.h>

#include "proto/siblings.h"
#include "tests/support/check.h"

static struct siblings some(size_t count) {
    struct siblings siblings = {.count = count};
    for (size_t i = 0; i < count; i++) {
        memset(siblings.list[i].community.b, 0x10 + (int)i, 32);
        memset(siblings.list[i].transport.b, 0xa0 + (int)i, 32);
        (void)snprintf(siblings.list[i].address, ADDRESS_MAX_BYTES, "127.0.0.1:%zu", 7879 + i);
    }
    return siblings;
}

static void test_what_is_written_is_read_back(void **state) {
    (void)state;
    for (size_t count = 0; count <= SIBLINGS_MAX; count++) {
        const struct siblings written = some(count);
        struct siblings read = {.count = 99};
        SCOPED(buffer_finish) struct buffer file = {.max = SIBLINGS_FILE_MAX};
        size_t line = 0;
        CHECK_ERR(ERR_OK, siblings_write(&written, &file));
        CHECK_ERR(ERR_OK, siblings_read(buffer_bytes(&file), &read, &line));
        assert_int_equal(read.count, count);
        for (size_t i = 0; i < count; i++) {
            CHECK(id_equal(&read.list[i].community, &written.list[i].community));
            assert_memory_equal(read.list[i].transport.b, written.list[i].transport.b, 32);
            assert_string_equal(read.list[i].address, written.list[i].address);
        }
    }
}

static void refused_at(const char *text, size_t where) {
    struct siblings read = {.count = 99};
    size_t line = 0;
    CHECK_ERR(ERR_USER_SYNTAX, siblings_read(BYTES_TEXT(text), &read, &line));
    assert_int_equal(line, where);
    assert_int_equal(read.count, 99); /* nothing of it */
}

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define GOOD KEY_1 " " KEY_2 " 127.0.0.1:7878\n"

static void test_anything_else_is_refused_with_its_line(void **state) {
    (void)state;
    refused_at("\n", 1);
    refused_at("# a comment\n", 1);
    refused_at(KEY_1 " " KEY_2 " 127.0.0.1:7878", 1); /* cut off */
    refused_at(KEY_1 " " KEY_2 " localhost:7878\n", 1);
    refused_at(KEY_1 " " KEY_2 " \n", 1);
    refused_at(KEY_1 "  " KEY_2 " 127.0.0.1:7878\n", 1);
    refused_at("x" KEY_1 " " KEY_2 " 127.0.0.1:7878\n", 1);
    refused_at(KEY_1 " " KEY_2 " 127.0.0.1:7878 more\n", 1);
    refused_at(GOOD KEY_2 " " KEY_1 "\n", 2);
    refused_at(GOOD GOOD, 2); /* twice the same community */
}

static void test_there_are_no_more_than_communities(void **state) {
    (void)state;
    const struct siblings all = some(SIBLINGS_MAX);
    struct siblings read;
    SCOPED(buffer_finish) struct buffer file = {.max = SIBLINGS_FILE_MAX};
    size_t line = 0;
    CHECK_ERR(ERR_OK, siblings_write(&all, &file));
    CHECK_ERR(ERR_OK, buffer_append(&file, BYTES_TEXT(GOOD)));
    CHECK_ERR(ERR_USER_SYNTAX, siblings_read(buffer_bytes(&file), &read, &line));
    assert_int_equal(line, SIBLINGS_MAX + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_anything_else_is_refused_with_its_line),
        cmocka_unit_test(test_there_are_no_more_than_communities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
