/* A community's name within the home is safe in a path, and is made from what was typed. */
#include <string.h>

#include "proto/slug.h"
#include "tests/support/check.h"

static void test_only_what_is_safe_in_a_path_is_a_name(void **state) {
    (void)state;
    CHECK(slug_valid("elm"));
    CHECK(slug_valid("elm-street-2"));
    CHECK(slug_valid("x"));
    CHECK(slug_valid("abcdefghijklmnopqrstuvwx")); /* 24 */
    CHECK(!slug_valid("abcdefghijklmnopqrstuvwxy"));
    CHECK(!slug_valid(""));
    CHECK(!slug_valid("-elm"));
    CHECK(!slug_valid("elm-"));
    CHECK(!slug_valid("Elm"));
    CHECK(!slug_valid("elm street"));
    CHECK(!slug_valid(".."));
    CHECK(!slug_valid("a/b"));
    CHECK(!slug_valid("first")); /* lies in the data folder itself */
}

static void made(const char *typed, const char *expected) {
    char name[SLUG_MAX_BYTES];
    slug_of(typed, name);
    assert_string_equal(name, expected);
    CHECK(*name == '\0' || strcmp(name, "first") == 0 || slug_valid(name));
}

static void test_a_name_is_made_from_what_was_typed(void **state) {
    (void)state;
    made("elm", "elm");
    made("Elm Street", "elm-street");
    made("  Elm -- Street!  ", "elm-street");
    made("../../etc", "etc");
    made("Stra\xc3\x9f"
         "e 7",
         "stra-e-7");
    made("The Society of Elm Street, Riverside", "the-society-of-elm-stree");
    made("abcdefghijklmnopqrstuvw xyz", "abcdefghijklmnopqrstuvw");
    made("First", "first"); /* which the caller refuses */
    made("\xe6\x9d\xb1\xe4\xba\xac", "");
    made("", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_safe_in_a_path_is_a_name),
        cmocka_unit_test(test_a_name_is_made_from_what_was_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
