/* Who asks about a request that was amended is told of the newest in its place. */
#include <string.h>

#include "cli/cli.h"
#include "tests/support/check.h"

static struct amendments amendments;
static struct checked_request asked;

static struct id id_of(uint32_t number) {
    struct id id = {{0}};
    write_u32(id.b, number);
    return id;
}

static void note(uint32_t request, uint32_t by) {
    asked.id = id_of(request);
    asked.end = REQUEST_AMENDED;
    asked.end_id = id_of(by);
    amendments_note(&amendments, &asked);
}

static const char *told_of(uint32_t request, uint32_t by) {
    asked.id = id_of(request);
    asked.end = REQUEST_AMENDED;
    asked.end_id = id_of(by);
    request_code(&asked.end_id, asked.end_code);
    amendments_tell(&amendments, &asked);
    return asked.end_code;
}

static void test_the_newest_of_a_chain_is_named(void **state) {
    (void)state;
    memset(&amendments, 0, sizeof amendments);
    note(0x33333300, 0x44444400); /* as a node lists them, in any order */
    note(0x11111100, 0x22222200);
    note(0x22222200, 0x33333300);
    assert_string_equal(told_of(0x11111100, 0x22222200), "4444-44");
    struct id last = id_of(0x44444400);
    CHECK(id_equal(&asked.newest, &last) && !id_equal(&asked.newest, &asked.end_id));
    assert_string_equal(told_of(0x33333300, 0x44444400), "4444-44");
    assert_string_equal(told_of(0x55555500, 0x66666600), "6666-66"); /* not in the list */
    asked.end = REQUEST_WITHDRAWN;
    asked.id = id_of(0x77777700);
    amendments_note(&amendments, &asked);
    assert_int_equal(amendments.count, 3);
}

/* No signed request can be in a ring; if the list said so, looking would still end. */
static void test_a_ring_ends(void **state) {
    (void)state;
    memset(&amendments, 0, sizeof amendments);
    note(1, 2);
    note(2, 1);
    (void)told_of(1, 2);
}

static void test_a_full_list_takes_no_more(void **state) {
    (void)state;
    memset(&amendments, 0, sizeof amendments);
    for (uint32_t i = 0; i < AMENDMENTS_MAX + 2; i++) {
        note(2 * i + 2, 2 * i + 3);
    }
    assert_int_equal(amendments.count, AMENDMENTS_MAX);
}

static void test_what_it_amends_is_known_where_that_is_held(void **state) {
    (void)state;
    memset(&amendments, 0, sizeof amendments);
    memset(&asked, 0, sizeof asked);
    note(1, 2);
    asked.id = id_of(2);
    asked.request.amends = id_of(1);
    CHECK(amendments_have(&amendments, &asked));
    asked.id = id_of(3); /* another that names the same: it is not the one that took its place */
    CHECK(!amendments_have(&amendments, &asked));
    asked.request.amends = id_of(9);
    CHECK(!amendments_have(&amendments, &asked));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_of_a_chain_is_named),
        cmocka_unit_test(test_a_ring_ends),
        cmocka_unit_test(test_a_full_list_takes_no_more),
        cmocka_unit_test(test_what_it_amends_is_known_where_that_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
