/* The owner's rules may hide voluntary requests and order them; none may accept (P3). */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/review.h"
#include "tests/support/check.h"

static struct rules rules;
static struct memory memory;
static const struct id elm = {{1}};
static const struct id oak = {{2}};

static enum err read(const char *text, struct rules_error *error) {
    return rules_read(BYTES_TEXT(text), &rules, error);
}

static void test_what_a_rule_may_say(void **state) {
    (void)state;
    struct rules_error error;
    CHECK_ERR(ERR_OK, read("# mine\n[asker \"Acme # Insurance\"]\nmute = yes\n\n[asker \"Bob\"]\n"
                           "\tmute\t=\tno\r\n[quiet]\nfrom = 22:00\nto = 07:00\n"
                           "[rank]\nfirst = orders\n[asker \"Cleo\"]\nmute=yes",
                           &error));
    assert_int_equal(rules_mute_line(&rules, &elm, "Acme # Insurance"), 2);
    assert_int_equal(rules_mute_line(&rules, &elm, "Bob"), 0);
    assert_int_equal(rules_mute_line(&rules, &elm, "bob"), 0);
    assert_int_equal(rules_mute_line(&rules, &oak, "Cleo"), 12);
    assert_int_equal(rules.rank, RULES_ORDERS);
    assert_int_equal(rules.quiet_from, 22 * 60);
    assert_int_equal(rules.quiet_to, 7 * 60);
    CHECK_ERR(ERR_OK, read("", &error));
    assert_int_equal(rules.rank, RULES_ENDING);
    CHECK(!rules.quiet);
}

/* Whoever is called Ben in one community is somebody else in another; what names the community goes
 * before what names none. */
static void test_a_rule_may_be_about_one_community(void **state) {
    (void)state;
    struct rules_error error;
    struct pins pins = {.place_count = 3,
                        .places = {{.name = SLUG_FIRST, .has_community = true, .community = elm},
                                   {.name = "grant-row", .has_community = true, .community = oak},
                                   {.name = "ash"}}};
    CHECK_ERR(ERR_OK, read("[asker \"Ben\"]\ncommunity = grant-row\nmute = yes\n"
                           "[asker \"Cleo\"]\nmute = yes\n"
                           "[asker \"Cleo\"]\nmute = no\ncommunity = first\n"
                           "[asker \"Dan\"]\nmute = yes\ncommunity = ash\n",
                           &error));
    CHECK_ERR(ERR_OK, rules_settle(&rules, &pins, &error));
    assert_int_equal(rules_mute_line(&rules, &oak, "Ben"), 1);
    assert_int_equal(rules_mute_line(&rules, &elm, "Ben"), 0);
    assert_int_equal(rules_mute_line(&rules, &oak, "Cleo"), 4);
    assert_int_equal(rules_mute_line(&rules, &elm, "Cleo"), 0);
    assert_int_equal(rules_mute_line(&rules, &elm, "Dan"), 0); /* nobody, so far */
    CHECK_ERR(ERR_OK, read("[asker \"Ben\"]\nmute = yes\ncommunity = oka\n", &error));
    CHECK_ERR(ERR_USER_SYNTAX, rules_settle(&rules, &pins, &error));
    assert_int_equal(error.line, 1);
    assert_string_equal(error.text, "this home has no community 'oka'");
}

static void test_anything_else_is_an_error_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t line;
        const char *wanted;
    } rows[] = {
        {"mute = yes\n", 1, "key before any section 'mute'"},
        {"[asker \"A\"]\nmute = maybe\n", 2, "neither 'yes' nor 'no': 'maybe'"},
        {"[asker \"A\"]\nmute = yes\nmute = yes\n", 3, "doubled key 'mute'"},
        {"[asker \"A\"]\nfrom = 22:00\n", 2, "unknown key 'from'"},
        {"[asker \"A\"]\n\n[asker \"A\"]\n", 3, "doubled asker 'A'"},
        {"[asker \"A\"]\ncommunity = oak\n[asker \"A\"]\n[asker \"A\"]\ncommunity = oak\n[rank]\n",
         4, "doubled asker 'A'"},
        {"[asker \"A\"]\ncommunity = oak\ncommunity = elm\n", 3, "doubled key 'community'"},
        {"[asker \"A\"]\ncommunity = Oak Lane\n", 2,
         "not what 'stoop communities' calls one: 'Oak Lane'"},
        {"[asker \"A\"]\ncommunity =\n", 2, "not what 'stoop communities' calls one:"},
        {"[quiet]\ncommunity = oak\n", 2, "unknown key 'community'"},
        {"[asker A]\n", 1, "expected [asker \"NAME\"], got '[asker A]'"},
        {"[asker \"\"]\n", 1, "expected [asker \"NAME\"], got '[asker \"\"]'"},
        {"[asker \"A\xe2\x80\xae\"]\n", 1, "not a name: 'A<202E>'"},
        {"[asker \"A\x1b[2J\"]\n", 1, "line is not plain UTF-8 text"},
        {"[asker \"\xff\"]\n", 1, "line is not plain UTF-8 text"},
        {"[quiet]\nfrom = 22:00\n", 2, "[quiet] needs both 'from' and 'to'"},
        {"[quiet]\nto = 22:00\n[rank]\n", 3, "[quiet] needs both 'from' and 'to'"},
        {"[quiet]\nfrom = 24:00\n", 2, "not a time of day, as 22:00: '24:00'"},
        {"[quiet]\nfrom = 7:00\n", 2, "not a time of day, as 22:00: '7:00'"},
        {"[quiet]\nfrom = 07:60\n", 2, "not a time of day, as 22:00: '07:60'"},
        {"[quiet]\nfrom = 07:00\nto = 08:00\n[quiet]\n", 4, "doubled section '[quiet]'"},
        {"[rank]\nfirst = Acme\n", 2, "none of 'orders', 'ending', 'oldest': 'Acme'"},
        {"[rank]\nlast = orders\n", 2, "unknown key 'last'"},
        {"[notice]\n", 1, "unknown section '[notice]'"},
        {"[rank]\nfirst\n", 2, "expected 'key = value', got 'first'"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rules_error error;
        enum err err = read(rows[i].text, &error);
        if (err != ERR_USER_SYNTAX || error.line != rows[i].line ||
            strcmp(error.text, rows[i].wanted) != 0) {
            print_message("%s: line %zu: %s\n", rows[i].text, error.line, error.text);
        }
        CHECK_ERR(ERR_USER_SYNTAX, err);
        assert_int_equal(error.line, rows[i].line);
        assert_string_equal(error.text, rows[i].wanted);
    }
}

static void test_no_rule_accepts_and_it_says_so(void **state) {
    (void)state;
    static const char *const texts[] = {
        "[asker \"Ada\"]\naccept = yes\n",
        "[asker \"Ada\"]\nAuto-Accept = yes\n",
        "[asker \"Ada\"]\nmute = accept\n",
        "[asker \"Ada\"]\nallow = always\n",
        "[asker \"Ada\"]\ngrant = yes\n",
        "[asker \"Ada\"]\nanswer = yes\n",
        "[asker \"Ada\"]\nconsent\n",
        "[accept]\n",
        "[rank]\nfirst = accepted\n",
        "approve = all\n",
        "[quiet]\nshare = no\n",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct rules_error error;
        CHECK_ERR(ERR_USER_SYNTAX, read(texts[i], &error));
        if (strstr(error.text, "no rule may accept; only you can, at the prompt") == NULL) {
            print_message("%s: %s\n", texts[i], error.text);
        }
        CHECK(strstr(error.text, "no rule may accept; only you can, at the prompt") != NULL);
    }
}

static void test_a_whole_file_of_noise_ends_in_an_error_or_rules(void **state) {
    (void)state;
    static char text[RULES_FILE_MAX];
    struct rules_error error;
    memset(text, 'x', sizeof text - 1);
    CHECK_ERR(ERR_USER_SYNTAX, read(text, &error));
    assert_string_equal(error.text, "line is too long");
    CHECK_ERR(ERR_USER_SYNTAX,
              rules_read((struct bytes){(const uint8_t *)"a\0b", 3}, &rules, &error));
    size_t len = 0;
    for (int i = 0; i <= RULES_ASKERS_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "[asker \"%d\"]\n", i);
    }
    CHECK_ERR(ERR_USER_SYNTAX, read(text, &error));
    assert_string_equal(error.text, "too many askers");
    assert_int_equal(error.line, RULES_ASKERS_MAX + 1);
}

static struct instant at_local(int hour, int minute) {
    struct tm tm = {.tm_year = 126,
                    .tm_mon = 10,
                    .tm_mday = 24,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_isdst = -1};
    return (struct instant){mktime(&tm) * 1000};
}

static void test_quiet_hours_go_over_midnight(void **state) {
    (void)state;
    struct rules_error error;
    CHECK_ERR(ERR_OK, read("[quiet]\nfrom = 22:00\nto = 07:00\n", &error));
    CHECK(!rules_quiet_at(&rules, at_local(21, 59)));
    CHECK(rules_quiet_at(&rules, at_local(22, 0)));
    CHECK(rules_quiet_at(&rules, at_local(0, 0)));
    CHECK(rules_quiet_at(&rules, at_local(6, 59)));
    CHECK(!rules_quiet_at(&rules, at_local(7, 0)));
    CHECK_ERR(ERR_OK, read("[quiet]\nfrom = 12:00\nto = 13:30\n", &error));
    CHECK(!rules_quiet_at(&rules, at_local(11, 59)));
    CHECK(rules_quiet_at(&rules, at_local(12, 0)));
    CHECK(!rules_quiet_at(&rules, at_local(13, 30)));
    CHECK_ERR(ERR_OK, read("[quiet]\nfrom = 12:00\nto = 12:00\n", &error)); /* none */
    CHECK(!rules_quiet_at(&rules, at_local(12, 0)));
    CHECK_ERR(ERR_OK, read("", &error));
    CHECK(!rules_quiet_at(&rules, at_local(0, 0)));
}

/* Of every kind of instrument, only a voluntary request is ever muted or kept for the morning. */
static void test_a_claimed_order_is_always_shown(void **state) {
    (void)state;
    static struct checked_request asked;
    struct rules_error error;
    CHECK_ERR(
        ERR_OK,
        read("[asker \"Riverside PD\"]\nmute = yes\n[quiet]\nfrom = 22:00\nto = 21:59\n", &error));
    memset(&memory, 0, sizeof memory);
    const struct muted riverside = {.community = oak, .name = "Riverside PD"};
    CHECK(memory_mute(&memory, &riverside));
    asked.request.head.community = oak;
    for (int kind = INSTRUMENT_SEARCH_WARRANT; kind <= INSTRUMENT_VOLUNTARY; kind++) {
        bool voluntary = kind == INSTRUMENT_VOLUNTARY;
        asked.request.instrument.kind = (enum instrument_kind)kind;
        (void)snprintf(asked.account, sizeof asked.account, "Riverside PD");
        assert_int_equal(pending_hides(&asked, &rules, &memory, at_local(23, 0)),
                         voluntary ? PENDING_MUTED : PENDING_SHOWN);
        (void)snprintf(asked.account, sizeof asked.account, "Ada");
        assert_int_equal(pending_hides(&asked, &rules, &memory, at_local(23, 0)),
                         voluntary ? PENDING_QUIET : PENDING_SHOWN);
    }
}

static void test_the_owner_s_order(void **state) {
    (void)state;
    struct pending list[] = {
        {.code = "A", .kind = INSTRUMENT_VOLUNTARY, .created = {3}, .expires = {10}},
        {.code = "B", .kind = INSTRUMENT_SUBPOENA, .created = {2}, .expires = {30}},
        {.code = "C", .kind = INSTRUMENT_VOLUNTARY, .created = {1}, .expires = {20}},
        {.code = "D", .kind = INSTRUMENT_EMERGENCY, .created = {4}, .expires = {25}},
    };
    static const struct {
        enum rules_rank rank;
        const char *wanted;
    } rows[] = {{RULES_ENDING, "ACDB"}, {RULES_OLDEST, "CBAD"}, {RULES_ORDERS, "DBAC"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char got[8] = "";
        pending_sort(list, COUNT_OF(list), rows[i].rank);
        for (size_t k = 0; k < COUNT_OF(list); k++) {
            got[k] = list[k].code[0];
        }
        assert_string_equal(got, rows[i].wanted);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_rule_may_say),
        cmocka_unit_test(test_a_rule_may_be_about_one_community),
        cmocka_unit_test(test_anything_else_is_an_error_with_its_line),
        cmocka_unit_test(test_no_rule_accepts_and_it_says_so),
        cmocka_unit_test(test_a_whole_file_of_noise_ends_in_an_error_or_rules),
        cmocka_unit_test(test_quiet_hours_go_over_midnight),
        cmocka_unit_test(test_a_claimed_order_is_always_shown),
        cmocka_unit_test(test_the_owner_s_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
