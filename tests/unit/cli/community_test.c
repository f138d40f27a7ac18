/* What `stoop` says of a community when something does not go: names are others' words there too.
 */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/fake_person.h"

static struct fake_home fake;

static void test_a_home_that_belongs_is_told_where_and_harmlessly(void **state) {
    (void)state;
    static const char *const arguments[] = {"community", "found", "Oak Lane", NULL};
    static const char *const answers[] = {NULL};
    const struct fake_run how = {
        .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
    fake_skip_unless_built();
    fake_home_start(&fake);
    for (int turns = 0; turns <= 1; turns++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        fake_home_lie(&fake, turns == 1 ? FAKE_NAME_TURNS : FAKE_HONEST);
        assert_int_equal(fake_run(&fake, &how, &shown), 1);
        CHECK(fake_shows(&shown, turns == 1 ? "this home belongs to 'Elm <202E>Street' already"
                                            : "this home belongs to 'Elm Street' already"));
        CHECK(!fake_shows(&shown, "passphrase"));
        CHECK(!fake_shows(&shown, "\xe2\x80\xae"));
    }
    fake_home_stop(&fake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_home_that_belongs_is_told_where_and_harmlessly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
