/* Pins of a home in several communities, and those of homes that were made before there could be
 * any (PROTOCOL 6.5). */
#include <stdio.h>
#include <string.h>

#include "proto/pins.h"
#include "tests/support/check.h"

#define KEY_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define KEY_3 "3333333333333333333333333333333333333333333333333333333333333333"

static enum err read_pins(const char *text, struct pins *out, size_t *line) {
    return pins_read(BYTES_TEXT(text), out, line);
}

static void test_pins_without_names_are_the_first_communitys(void **state) {
    (void)state;
    struct pins pins;
    size_t line = 0;
    CHECK_ERR(ERR_OK, read_pins("node " KEY_1 "\ncommunity " KEY_2 "\n", &pins, &line));
    assert_int_equal(pins.place_count, 1);
    const struct pinned_place *first = pins_place(&pins, SLUG_FIRST);
    assert_non_null(first);
    CHECK(first->has_node && first->node.b[0] == 0x11);
    CHECK(!first->has_transport);
    CHECK(first->has_community && first->community.b[0] == 0x22);
    assert_null(pins_place(&pins, "elm"));
}

static void test_each_community_has_pins_of_its_own(void **state) {
    (void)state;
    static const char text[] = "# public keys, pinned by 'stoop'; do not edit\n"
                               "node " KEY_1 "\nstatic " KEY_2 "\ncommunity " KEY_3 "\n"
                               "node " KEY_2 " elm\ncommunity " KEY_1 " elm\n"
                               "static " KEY_3 " oak-lane\n";
    struct pins pins;
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer again = {.max = PINS_FILE_MAX};
    CHECK_ERR(ERR_OK, read_pins(text, &pins, &line));
    assert_int_equal(pins.place_count, 3);
    CHECK(pins_place(&pins, SLUG_FIRST)->community.b[0] == 0x33);
    CHECK(pins_place(&pins, "elm")->community.b[0] == 0x11);
    CHECK(pins_place(&pins, "elm")->node.b[0] == 0x22);
    CHECK(!pins_place(&pins, "oak-lane")->has_community);
    CHECK(pins_place(&pins, "oak-lane")->transport.b[0] == 0x33);
    CHECK_ERR(ERR_OK, pins_write(&pins, &again));
    CHECK(bytes_equal(buffer_bytes(&again), BYTES_TEXT(text)));
}

static void refused(const char *text, size_t where) {
    struct pins pins;
    size_t line = 0;
    CHECK_ERR(ERR_USER_SYNTAX, read_pins(text, &pins, &line));
    assert_int_equal(line, where);
}

static void test_pins_that_say_it_twice_or_name_nothing_are_refused(void **state) {
    (void)state;
    refused("community " KEY_1 "\ncommunity " KEY_2 "\n", 2);
    refused("node " KEY_1 " elm\nnode " KEY_2 " elm\n", 2);
    refused("node " KEY_1 " first\n", 1);
    refused("node " KEY_1 " ../elm\n", 1);
    refused("node " KEY_1 " \n", 1);
    refused("node " KEY_1 "elm\n", 1);
    refused("static 11 elm\n", 1);
    refused("nodes " KEY_1 "\n", 1);
}

static void test_there_is_room_for_so_many_communities_and_no_more(void **state) {
    (void)state;
    struct pins pins = {.place_count = 0};
    char name[SLUG_MAX_BYTES];
    for (int i = 0; i < COMMUNITIES_MAX; i++) {
        (void)snprintf(name, sizeof name, "c%d", i);
        struct pinned_place *place = pins_place_add(&pins, name);
        assert_non_null(place);
        CHECK(pins_place_add(&pins, name) == place);
    }
    assert_null(pins_place_add(&pins, "one-more"));
    assert_int_equal(pins.place_count, COMMUNITIES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pins_without_names_are_the_first_communitys),
        cmocka_unit_test(test_each_community_has_pins_of_its_own),
        cmocka_unit_test(test_pins_that_say_it_twice_or_name_nothing_are_refused),
        cmocka_unit_test(test_there_is_room_for_so_many_communities_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
