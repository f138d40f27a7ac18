/* A charter's file says all of it, and nothing beyond its bounds; what it changes is told in plain
 * words. */
#include <string.h>

#include "cli/changes.h"
#include "cli/terms.h"
#include "tests/support/check.h"

#define WHOLE                                                                                      \
    "name = Elm Street\nadministrator = Ada / Ada\ndecide = 1\ninvites = 8\nlongest = 12 h\n"      \
    "largest = 0.5 sq mi\nlive_requests = 10\ndelete_by = 365 days\nwitnesses = 2\nslot = 60 s\n"
enum {
    WHOLE_LINES = 10
};

static struct terms_file file;
static struct community_terms before;
static struct charter after;
static const struct member_list nobody;

static enum err read(const char *text, struct terms_error *error) {
    return terms_read(BYTES_TEXT(text), &file, error);
}

static void test_what_a_charter_says(void **state) {
    (void)state;
    struct terms_error error;
    CHECK_ERR(ERR_OK, read("# ours\r\n" WHOLE
                           "\tadministrator\t=\tBen # 2\narea = 52.52,13.405 radius 800 m\n"
                           "authority = court.pem\n[agency \"A \"B\" C\"]\nnumber = 951-555\n"
                           "[role requester]\ninstruments = subpoena, voluntary\ninvites = yes\n"
                           "[role home]\ninstruments = all\ninvites = yes",
                           &error));
    const struct charter *charter = &file.charter;
    assert_string_equal(charter->name, "Elm Street");
    assert_int_equal(file.administrator_count, 2);
    assert_string_equal(file.administrators[1].text, "Ben # 2");
    assert_int_equal(file.administrators[1].line, WHOLE_LINES + 2);
    assert_int_equal(charter->caps.span_s, 43200);
    assert_int_equal(charter->caps.area_m2, 1294994);
    CHECK(charter->has_area && charter->area.radius_m == 800 && charter->area.count == 1);
    assert_string_equal(file.authorities[0].text, "court.pem");
    assert_string_equal(charter->agencies[0].name, "A \"B\" C");
    assert_int_equal(charter->role_count, 1); /* the other says what is so without it */
    assert_int_equal(charter->roles[0].instruments,
                     1 << INSTRUMENT_SUBPOENA | 1 << INSTRUMENT_VOLUNTARY);
    CHECK_ERR(ERR_OK, read(WHOLE "area = 52.1,13.1 52.2,13.1 52.2,13.2", &error));
    CHECK(file.charter.area.count == 3 && file.charter.area.radius_m == 0);
}

static void test_anything_else_is_an_error_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t line;
        const char *wanted;
    } rows[] = {
        {"", 1, "there is no line with 'name'"},
        {"name = A\nname = B\n", 2, "doubled key 'name'"},
        {"name =\n", 1, "no value for 'name'"},
        {"nmae = A\n", 1, "unknown key 'nmae'"},
        {"name\n", 1, "expected 'key = value', got 'name'"},
        {"name = A\xff\n", 1, "line is not plain UTF-8 text"},
        {"name = A\xe2\x80\xae\n", 1, "not a name: 'A<202E>'"},
        {"decide = 0\n", 1, "not a number from 1 to 16: '0'"},
        {"decide = 2x\n", 1, "not a number from 1 to 16: '2x'"},
        {"invites = 65\n", 1, "not a number from 0 to 64: '65'"},
        {"longest = 43201 s\n", 1, "not a time of 1 s to 12 h, as '90 min': '43201 s'"},
        {"longest = 12\n", 1, "not a time of 1 s to 12 h, as '90 min': '12'"},
        {"longest = 0 h\n", 1, "not a time of 1 s to 12 h, as '90 min': '0 h'"},
        {"slot = 2 h\n", 1, "not a time of 1 s to 1 h, as '60 s': '2 h'"},
        {"largest = 1294995 m2\n", 1,
         "not a size up to 0.5 sq mi, as '300 m2' or '0.25 sq mi': '1294995 m2'"},
        {"largest = 1.5 m2\n", 1,
         "not a size up to 0.5 sq mi, as '300 m2' or '0.25 sq mi': '1.5 m2'"},
        {"largest = 0 m2\n", 1, "not a size up to 0.5 sq mi, as '300 m2' or '0.25 sq mi': '0 m2'"},
        {"live_requests = 11\n", 1, "not a number from 1 to 10: '11'"},
        {"delete_by = 3651 days\n", 1, "not 1 to 3650 days, as '90 days': '3651 days'"},
        {"witnesses = 9\n", 1, "not a number from 0 to 8: '9'"},
        {"area = 91,0 radius 5 m\n", 1,
         "not an area, as '52.52,13.405 radius 800 m' or corners: '91,0 radius 5 m'"},
        {"area = 52,13 53,13\n", 1,
         "not an area, as '52.52,13.405 radius 800 m' or corners: '52,13 53,13'"},
        {"administrator = A\nadministrator = A\n", 2, "named twice: 'A'"},
        {"[role boss]\n", 1,
         "no role, as [role home], requester, administrator, witness, "
         "outsider, officer: '[role boss]'"},
        {"[role home]\ninvites = no\n", 2, "a role needs both 'instruments' and 'invites'"},
        {"[role home]\ninstruments = warrant\n", 2, "no instrument is called 'warrant'"},
        {"[role home]\nname = A\n", 2, "unknown key 'name'"},
        {"[agency \"A\"]\n[agency \"B\"]\n", 2, "no 'number' for the agency before"},
        {"[agency \"A\"]\nnumber = 112\n[agency \"a\"]\n", 3, "doubled agency 'a'"},
        {"[agency \"A\"]\nnumber = call me\n", 2,
         "not a telephone number, as +1 951 555 0100: 'call me'"},
        {WHOLE "decide = 2\n", 11, "doubled key 'decide'"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct terms_error error;
        CHECK_ERR(ERR_USER_SYNTAX, read(rows[i].text, &error));
        assert_string_equal(error.text, rows[i].wanted);
        assert_int_equal(error.line, rows[i].line);
    }
}

static void test_more_than_there_are_cannot_decide(void **state) {
    (void)state;
    struct terms_error error;
    CHECK_ERR(ERR_USER_SYNTAX,
              read("name = A\ndecide = 2\nadministrator = Ada\ninvites = 8\nlongest = 12 h\n"
                   "largest = 1 m2\nlive_requests = 1\ndelete_by = 1 day\nwitnesses = 0\n"
                   "slot = 1 h\n",
                   &error));
    assert_int_equal(error.line, 2);
    assert_string_equal(error.text, "more have to sign than there are administrators");
}

/* Every field of a charter: one that changes and is not told would be signed unseen. */
static void check_told(const char *const *wanted, size_t count) {
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    changes_of(&before, &after, &nobody, &changes);
    assert_int_equal(changes.count, count);
    const char *line = changes_first(&changes);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(line, wanted[i]);
        line = changes_next(&changes, line);
    }
    CHECK(line == NULL);
}

static void test_every_change_is_told(void **state) {
    (void)state;
    const struct geo_point corners[] = {{1, 1}, {1, 2}, {2, 1}, {3, 3}};
    static uint8_t seal[] = "no certificate";
    before.governance.charter = (struct charter){.name = "Elm",
                                                 .administrator_count = 1,
                                                 .administrators = {{{1}}},
                                                 .threshold = 1,
                                                 .invite_allowance = 8,
                                                 .caps = CAPS_DEFAULT,
                                                 .witnesses = 2,
                                                 .slot_s = 60,
                                                 .delete_by_max_days = 365,
                                                 .agency_count = 1,
                                                 .agencies = {{"Riverside PD", "112"}}};
    after = before.governance.charter;
    after.created.ms = 1;
    check_told(NULL, 0);
    after = (struct charter){.name = "Oak",
                             .administrator_count = 2,
                             .administrators = {{{2}}, {{3}}},
                             .threshold = 2,
                             .invite_allowance = 4,
                             .caps = {.span_s = 5400, .area_m2 = 300, .live_requests = 9},
                             .has_area = true,
                             .area = {.count = 3, .points = {corners[0], corners[1], corners[2]}},
                             .witnesses = 1,
                             .slot_s = 3600,
                             .delete_by_max_days = 90,
                             .authority_count = 1,
                             .authorities = {BYTES_OF(seal)},
                             .agency_count = 1,
                             .agencies = {{"Sheriff", "110"}},
                             .role_count = 1,
                             .roles = {{MEMBER_REQUESTER, 1 << INSTRUMENT_SEARCH_WARRANT, true}}};
    static const char *const wanted[] = {
        "name: Elm -> Oak",
        "administrator the key 01000000 removed",
        "administrator the key 02000000 added, key 0200000000000000",
        "administrator the key 03000000 added, key 0300000000000000",
        "1 of 1 decide -> 2 of 2",
        "members that a home may bring in: 8 -> 4",
        "longest time asked for: 12 h -> 90 min",
        "largest place asked about: 0.5 sq mi (1294994 m2) -> 300 m2",
        "live requests of one asker: 10 -> 9",
        "clips are deleted after at most: 365 days -> 90 days",
        "witnesses of each log: 2 -> 1",
        "log slot: 60 s -> 1 h",
        "service area: anywhere -> 0.0000001,0.0000001 0.0000001,0.0000002 0.0000002,0.0000001",
        "court seals by what is no certificate (8d4fc96b) count from now on",
        "agency Riverside PD removed",
        "agency Sheriff added, called back on 110",
        "a requester may ask with: all -> search_warrant",
        "a requester may bring others in: yes -> no",
    };
    check_told(wanted, COUNT_OF(wanted));
    before.governance.charter = after;
    authorities_keep(&after, &before.authorities);
    check_told(NULL, 0);
    after.area.points[1] = corners[3]; /* one corner of three */
    static const char *const moved[] = {
        "service area: 0.0000001,0.0000001 0.0000001,0.0000002 0.0000002,0.0000001 -> "
        "0.0000001,0.0000001 0.0000003,0.0000003 0.0000002,0.0000001"};
    check_told(moved, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_charter_says),
        cmocka_unit_test(test_anything_else_is_an_error_with_its_line),
        cmocka_unit_test(test_more_than_there_are_cannot_decide),
        cmocka_unit_test(test_every_change_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
