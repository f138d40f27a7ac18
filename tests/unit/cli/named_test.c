/* A code is 24 bits of an id, and whoever makes a request can try until it has another's: a code
 * that fits two means neither (PROTOCOL 2.2). The program is run as it is built, at the side of a
 * neighbour to whom two requests with one code came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/named.h"
#include "tests/support/check.h"
#include "tests/support/fake_person.h"

static struct fake_home fake;
static char asked[LONG_CODE_BYTES]; /* the agency's request */
static char twin[LONG_CODE_BYTES];

static int run(const char *const *arguments, const char *first, struct buffer *shown) {
    const char *const answers[] = {first, NULL};
    const struct fake_run how = {
        .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
    buffer_finish(shown);
    int code = fake_run(&fake, &how, shown);
    print_message("exit %d\n%.*s\n", code, (int)shown->len, (const char *)shown->at);
    return code;
}

static int start(void **state) {
    (void)state;
    if (fake_program_there()) {
        fake_home_start(&fake);
        fake_home_lie(&fake, FAKE_TWIN_CODE);
        size_t apart = code_bytes_apart(&fake.community.request_id, &fake.twin_id);
        request_long_code(&fake.community.request_id, apart, asked);
        request_long_code(&fake.twin_id, apart, twin);
    }
    return 0;
}

static int finish(void **state) {
    (void)state;
    if (fake_program_there()) {
        fake_home_stop(&fake);
    }
    return 0;
}

static bool lists_both(const struct buffer *shown) {
    return fake_shows(shown, "could be any of 2 requests") && fake_shows(shown, asked) &&
           fake_shows(shown, twin) && fake_shows(shown, "Riverside PD: ");
}

static void test_a_call_that_is_about_either_of_two_is_not_signed(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    const char *const arguments[] = {"callback", fake.code, "--outcome", "confirmed", NULL};
    assert_int_equal(run(arguments, NULL, &shown), EXIT_FAILED);
    assert_int_equal(fake.calls, 0);
    CHECK(lists_both(&shown));
}

static void test_a_longer_code_calls_about_that_one_and_shows_which(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    struct signed_object object;
    struct call_back call;
    char hex[65];
    char begins[40];
    const char *const arguments[] = {"callback", asked, "--outcome", "confirmed", NULL};
    assert_int_equal(run(arguments, NULL, &shown), 0);
    assert_int_equal(fake.calls, 1);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&fake.call), &object));
    CHECK_ERR(ERR_OK, call_back_decode(object.body, &call));
    CHECK(id_equal(&call.request, &fake.community.request_id));
    hex_write(BYTES_OF(call.request.b), hex);
    (void)snprintf(begins, sizeof begins, "its id begins %.4s %.4s %.4s %.4s", hex, hex + 4,
                   hex + 8, hex + 12);
    const char *id = memmem(shown.at, shown.len, begins, strlen(begins));
    const char *key = memmem(shown.at, shown.len, "passphrase of", 13);
    CHECK(id != NULL && key != NULL && id < key);
    CHECK(fake_shows(&shown, "a search warrant, from Riverside PD"));
    CHECK(fake_shows(&shown, fake.request.reason));
    fake.calls = 0;
}

static void test_a_mute_by_a_code_of_two_mutes_neither(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    const char *const arguments[] = {"mute", fake.code, NULL};
    assert_int_equal(run(arguments, NULL, &shown), EXIT_FAILED);
    CHECK(lists_both(&shown));
    const char *const list[] = {"mute", "--list", NULL};
    (void)run(list, NULL, &shown);
    CHECK(!fake_shows(&shown, "Number 12"));
}

static void test_a_review_by_a_code_of_two_shows_neither(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    const char *const arguments[] = {"review", fake.code, NULL};
    assert_int_equal(run(arguments, NULL, &shown), EXIT_FAILED);
    CHECK(lists_both(&shown));
    CHECK(!fake_shows(&shown, "SENDS"));
}

/* P3: what is typed is what the prompt shows, and no less. */
static void test_the_prompt_wants_as_much_of_the_code_as_it_shows(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char answer[LONG_CODE_BYTES + 2];
    const char *const arguments[] = {"review", NULL};
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    assert_int_equal(run(arguments, answer, &shown), EXIT_PENDING);
    assert_int_equal(fake.grants, 0);
    char line[LONG_CODE_BYTES + 16];
    (void)snprintf(line, sizeof line, "%s claims a search warrant", asked);
    CHECK(fake_shows(&shown, line));
    (void)snprintf(answer, sizeof answer, "%s\n", twin);
    assert_int_equal(run(arguments, answer, &shown), EXIT_PENDING);
    assert_int_equal(fake.grants, 0);
    const char *const named[] = {"review", asked, NULL};
    (void)snprintf(answer, sizeof answer, "%s\n", asked);
    assert_int_equal(run(named, answer, &shown), 0);
    assert_int_equal(fake.grants, 1);
}

static void test_requests_are_shown_with_codes_that_mean_one(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    const char *const both[] = {"requests", fake.code, NULL};
    assert_int_equal(run(both, NULL, &shown), 0);
    CHECK(fake_shows(&shown, asked));
    CHECK(fake_shows(&shown, twin));
    const char *const one[] = {"requests", twin, NULL};
    assert_int_equal(run(one, NULL, &shown), 0);
    CHECK(!fake_shows(&shown, asked));
    CHECK(fake_shows(&shown, twin));
}

static void test_a_code_is_read_in_any_form(void **state) {
    (void)state;
    const struct id id = {{0x4f, 0x2a, 0x91, 0xc3, 0x07}};
    static const char *const good[] = {"4F2A-91", "4f2a91",       "4F2A-91C3",
                                       "4f2a91c", "4F2A-91C3-07", "4f2a91c307"};
    static const char *const bad[] = {"",          "4F2A",     "4F2A9",     "4F2A-91-C3",
                                      "4F2A-92",   "4F2A--91", "-4F2A91",   "4F2A-91C3-",
                                      "4F2A-91C4", "4F2A-9 1", "4F2A-91C3x"};
    char text[LONG_CODE_BYTES];
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(code_begins(good[i], &id));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!code_begins(bad[i], &id));
    }
    for (size_t i = REQUEST_CODE_ID_BYTES; i <= sizeof id.b; i++) {
        request_long_code(&id, i, text);
        CHECK(code_begins(text, &id));
    }
    assert_int_equal(strlen(text), LONG_CODE_BYTES - 1);
}

/* Whatever is told, nobody else can make a code mean theirs alone. */
static void test_what_a_code_has_is_said_to_who_gave_less(void **state) {
    (void)state;
    const char *const less[] = {"4f2a", "4F2A-9", "9"};
    const char *const others[] = {"4F2A-91", "4f2a910", "", "Grace", "4F2A-"};
    for (size_t i = 0; i < COUNT_OF(less); i++) {
        assert_string_equal(code_advice(less[i], "see"), "a code has six characters, as 64ED-D5");
    }
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_string_equal(code_advice(others[i], "see"), "see");
    }
}

static void test_more_than_can_be_listed_are_still_too_many(void **state) {
    (void)state;
    static struct named named;
    struct id id = {{0x4f, 0x2a, 0x91}};
    char code[LONG_CODE_BYTES];
    named_start(&named, "4F2A-91");
    CHECK(named_note(&named, &id, "Ada", "one"));
    CHECK(named_note(&named, &id, "Ada", "one"));
    assert_int_equal(named_settle(&named, "requests"), 0);
    named_code(&named, &id, code);
    assert_string_equal(code, "4F2A-91");
    for (unsigned i = 1; i <= 2 * NAMED_MAX; i++) {
        id.b[4] = (uint8_t)i;
        CHECK(named_note(&named, &id, "Mallory", "another"));
    }
    id.b[0] = 0;
    CHECK(!named_note(&named, &id, "Ben", "not of that code"));
    assert_int_equal(named.meant, 2 * NAMED_MAX + 1);
    assert_int_equal(named_settle(&named, "requests"), EXIT_FAILED);
    id = (struct id){{0x4f, 0x2a, 0x91, 0xff}};
    named_code(&named, &id, code);
    assert_int_equal(strlen(code), LONG_CODE_BYTES - 1); /* not all of them are known */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_is_about_either_of_two_is_not_signed),
        cmocka_unit_test(test_a_longer_code_calls_about_that_one_and_shows_which),
        cmocka_unit_test(test_a_mute_by_a_code_of_two_mutes_neither),
        cmocka_unit_test(test_a_review_by_a_code_of_two_shows_neither),
        cmocka_unit_test(test_the_prompt_wants_as_much_of_the_code_as_it_shows),
        cmocka_unit_test(test_requests_are_shown_with_codes_that_mean_one),
        cmocka_unit_test(test_a_code_is_read_in_any_form),
        cmocka_unit_test(test_what_a_code_has_is_said_to_who_gave_less),
        cmocka_unit_test(test_more_than_can_be_listed_are_still_too_many),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
