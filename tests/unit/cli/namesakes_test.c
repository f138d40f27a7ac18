/* Names that look the same are told apart by an id, wherever they are shown. */
#include <string.h>

#include "cli/members.h"
#include "tests/support/check.h"

static struct listed homes[4];
static const struct member_list members = {.count = 4, .list = homes};

static void street(void) {
    static const char *const names[] = {"Ada", "Bens House", "BEN'S  house", "Cleo"};
    memset(homes, 0, sizeof homes);
    for (size_t i = 0; i < COUNT_OF(homes); i++) {
        homes[i].id = (struct id){{(uint8_t)(i + 1), 0xab}};
        homes[i].state = CONTROL_MEMBER_AWAY;
        (void)snprintf(homes[i].member.name, sizeof homes[i].member.name, "%s", names[i]);
    }
}

static void test_look_alikes_are_alike(void **state) {
    (void)state;
    static const char *const alike[][2] = {{"Bens House", "bens house"},
                                           {"Bens House", "Ben's House"},
                                           {"Bens House", "Bens  House "},
                                           {"Bens House", "Bens\xc2\xa0House"},
                                           {"Bens House", "Bens\xe2\x80\x8bHouse"},
                                           {"Bens House", "\xd0\x92\x65ns H\xd0\xbeuse"},
                                           {"Bill 10", "BIll lO"},
                                           {"\xe6\x9d\x8e", "\xe6\x9d\x8e"},
                                           {"!!", "!!"}};
    static const char *const apart[][2] = {
        {"Ada", "Adam"}, {"Ada", "Ida"}, {"!!", "??"}, {"\xe6\x9d\x8e", "\xe6\x9e\x97"}};
    for (size_t i = 0; i < COUNT_OF(alike); i++) {
        CHECK(names_alike(alike[i][0], alike[i][1]));
    }
    for (size_t i = 0; i < COUNT_OF(apart); i++) {
        CHECK(!names_alike(apart[i][0], apart[i][1]));
    }
}

static void test_only_those_that_stand_are_namesakes(void **state) {
    (void)state;
    street();
    struct namesakes found = namesakes_of(&members, &homes[1].id, "Bens House");
    assert_int_equal(found.count, 1);
    CHECK(id_equal(&found.one, &homes[2].id));
    assert_int_equal(namesakes_of(&members, &homes[0].id, "Ada").count, 0);
    homes[2].state = CONTROL_MEMBER_REMOVED;
    assert_int_equal(namesakes_of(&members, &homes[1].id, "Bens House").count, 0);
    homes[2].state = CONTROL_MEMBER_AWAY;
    homes[2].member.role = MEMBER_OFFICER; /* always shown with its outsider */
    assert_int_equal(namesakes_of(&members, &homes[1].id, "Bens House").count, 0);
}

static void test_a_shared_name_has_its_id_beside_it(void **state) {
    (void)state;
    static struct checked_request asked;
    char text[ASKER_MAX];
    char safe[SAFE_MAX];
    char warning[NAMESAKES_TEXT_MAX];
    street();
    (void)snprintf(asked.account, sizeof asked.account, "Bens House");
    asked.asker.account = homes[1].id;
    namesakes_tell(&members, &asked);
    assert_string_equal(asker_text(&asked, text), "Bens House (02ab0000)");
    assert_string_equal(namesakes_text(&asked.namesakes, warning),
                        "ANOTHER home here is called the same (03ab0000)");
    /* a long name cannot push it away */
    assert_string_equal(
        name_told_apart("A name that goes on and on", &homes[1].id, true, 21, safe) + strlen(safe) -
            strlen(" (02ab0000)"),
        " (02ab0000)");
    asked.asker.account = homes[0].id;
    (void)snprintf(asked.account, sizeof asked.account, "Ada");
    namesakes_tell(&members, &asked);
    assert_string_equal(asker_text(&asked, text), "Ada");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look_alikes_are_alike),
        cmocka_unit_test(test_only_those_that_stand_are_namesakes),
        cmocka_unit_test(test_a_shared_name_has_its_id_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
