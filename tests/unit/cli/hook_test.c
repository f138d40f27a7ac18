/* What an owner was notified of is kept, within bounds, and comes back from its file; a damaged
 * file is no file. */
#include <string.h>

#include "cli/hook.h"
#include "tests/support/check.h"

static struct notified notified;

#define REQUEST "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10"

static struct id id_of(uint32_t number) {
    struct id id = {{0}};
    write_u32(id.b, number);
    return id;
}

static enum err read_text(const char *text) {
    return notified_read(BYTES_TEXT(text), &notified);
}

static void test_what_was_told_comes_back(void **state) {
    (void)state;
    struct id id;
    assert_int_equal(hex_read(REQUEST, id.b, sizeof id.b), ERR_OK);
    assert_int_equal(read_text("stoop notified v1\nwaits " REQUEST " 1790000000\n"), ERR_OK);
    assert_int_equal(notified.count, 1);
    CHECK(notified_has(&notified, HOOK_WAITS, &id));
    CHECK(!notified_has(&notified, HOOK_ENDS_SOON, &id));
    CHECK(notified.list[0].expires.ms == INT64_C(1790000000000));
    assert_int_equal(read_text("stoop notified v1\nends_soon " REQUEST " 1\n"), ERR_OK);
    CHECK(notified_has(&notified, HOOK_ENDS_SOON, &id));
}

static void test_a_damaged_file_is_no_file(void **state) {
    (void)state;
    static const char *const damaged[] = {
        "",
        "stoop notified v2\n",
        "stoop notified v1",
        "stoop notified v1\nwaits " REQUEST " 1790000000",
        "stoop notified v1\nwaits " REQUEST "\n",
        "stoop notified v1\nwaits " REQUEST " \n",
        "stoop notified v1\nwaits " REQUEST " 1x\n",
        "stoop notified v1\nwaits " REQUEST " -1\n",
        "stoop notified v1\nwaits " REQUEST " 1 1\n",
        "stoop notified v1\nwaits " REQUEST "1 1\n",
        "stoop notified v1\nwaits 01 1\n",
        "stoop notified v1\nwaited " REQUEST " 1\n",
        "stoop notified v1\n\n",
        "stoop notified v1\nwaits\n",
        "stoop notified v1\nwaits " REQUEST " 1790000000179\n",
    };
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        if (read_text(damaged[i]) != ERR_USER_SYNTAX) {
            fail_msg("'%s' was read", damaged[i]);
        }
    }
}

static void test_the_oldest_make_room(void **state) {
    (void)state;
    memset(&notified, 0, sizeof notified);
    for (uint32_t i = 0; i <= NOTIFIED_MAX; i++) {
        struct id id = id_of(i + 1);
        notified_add(&notified, HOOK_WAITS, &id, (struct instant){1});
    }
    struct id first = id_of(1);
    struct id last = id_of(NOTIFIED_MAX + 1);
    assert_int_equal(notified.count, NOTIFIED_MAX);
    CHECK(!notified_has(&notified, HOOK_WAITS, &first));
    CHECK(notified_has(&notified, HOOK_WAITS, &last));
}

/* Not at the first notice, which may come in a week. */
static void test_a_program_that_is_not_there_is_refused_at_once(void **state) {
    (void)state;
    char *const nowhere[] = {"/nonexistent", NULL};
    char *const no_such_name[] = {"no-such-program-of-stoop", "a", NULL};
    char *const folder[] = {"/tmp", NULL};
    char *const there[] = {"true", NULL};
    struct hook *hook = NULL;
    assert_int_equal(hook_start(nowhere, &hook), EXIT_USAGE);
    assert_int_equal(hook_start(no_such_name, &hook), EXIT_USAGE);
    assert_int_equal(hook_start(folder, &hook), EXIT_USAGE);
    CHECK(hook == NULL);
    assert_int_equal(hook_start(there, &hook), 0);
    hook_stop(hook);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_told_comes_back),
        cmocka_unit_test(test_a_damaged_file_is_no_file),
        cmocka_unit_test(test_the_oldest_make_room),
        cmocka_unit_test(test_a_program_that_is_not_there_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
