/* What an owner's `stoop` remembers: counts, snoozes, mutes; within bounds, and back from its file.
 */
#include <string.h>

#include "cli/memory.h"
#include "tests/support/check.h"

static struct memory memory;
static struct memory again;
static const struct id elm = {{1}};
static const struct id oak = {{2}};
static const struct id nothing = {{0}};

static struct id id_of(uint32_t number) {
    struct id id = {{0}};
    write_u32(id.b, number);
    return id;
}

static const struct instant now = {INT64_C(1790000000000)};

static struct instant days_ago(int days) {
    return (struct instant){now.ms - (int64_t)days * DURATION_DAY_MS};
}

/* In place of `amends`; 0: of none. */
static void note_form(uint32_t id, uint32_t amends, uint32_t author, struct instant at) {
    static struct request request;
    struct id a = id_of(id);
    request.head.author = id_of(author);
    request.head.created = at;
    request.amends = id_of(amends);
    memory_note(&memory, &a, &request.head.author, &request, now);
}

static void note(uint32_t id, uint32_t author, struct instant at) {
    note_form(id, 0, author, at);
}

/* Whoever is called so; good until the next call but one. */
static const struct muted *called(const struct id *community, const char *name) {
    static struct muted whom[2];
    static size_t turn;
    struct muted *out = &whom[turn++ % COUNT_OF(whom)];
    *out = (struct muted){.community = *community};
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    return out;
}

static void decide(uint32_t request, enum memory_outcome outcome) {
    struct id id = id_of(request);
    memory_decide(&memory, &id, outcome, now);
}

static void test_the_past_with_one_asker_is_counted_once_each(void **state) {
    (void)state;
    struct id ada = id_of(100);
    struct id ben = id_of(200);
    struct id second = id_of(2);
    memset(&memory, 0, sizeof memory);
    for (uint32_t i = 1; i <= 4; i++) {
        note(i, 100, days_ago(3));
        note(i, 100, days_ago(3)); /* seen again */
    }
    note(5, 200, days_ago(1));
    note(6, 100, days_ago(MEMORY_DAYS + 1)); /* long ago */
    decide(1, MEMORY_ACCEPTED);
    decide(1, MEMORY_DECLINED); /* another clip of it */
    decide(2, MEMORY_DECLINED);
    decide(99, MEMORY_ACCEPTED); /* of nothing that is known */
    struct memory_past past = memory_past_of(&memory, &ada, &nothing, now);
    assert_int_equal(past.asked, 4);
    assert_int_equal(past.accepted, 1);
    assert_int_equal(past.declined, 1);
    assert_int_equal(memory_past_of(&memory, &ben, &nothing, now).asked, 1);
    past = memory_past_of(&memory, &ada, &second, now); /* besides the one that is looked at */
    assert_int_equal(past.asked, 3);
    assert_int_equal(past.declined, 0);
    past = memory_past_of(&memory, &ada, &nothing,
                          (struct instant){now.ms + (int64_t)40 * DURATION_DAY_MS});
    assert_int_equal(past.asked, 0);
}

static enum memory_outcome earlier(uint32_t request) {
    struct id id = id_of(request);
    return memory_earlier(&memory, &id);
}

/* Who amends ten times has asked eleven times, and the owner is told that ten were amendments: what
 * was said to the first is not lost among them. */
static void test_every_amendment_counts_and_the_earlier_decision_is_known(void **state) {
    (void)state;
    struct id ada = id_of(100);
    struct id second = id_of(2);
    memset(&memory, 0, sizeof memory);
    note(1, 100, days_ago(3));
    decide(1, MEMORY_DECLINED);
    memory_snooze(&memory, &(struct id){{0, 0, 0, 1}}, (struct instant){now.ms + 1000});
    for (uint32_t i = 2; i <= 11; i++) {
        note_form(i, i - 1, 100, days_ago(2));
        note_form(i, i - 1, 100, days_ago(2)); /* seen again */
    }
    struct memory_past past = memory_past_of(&memory, &ada, &nothing, now);
    assert_int_equal(past.asked, 11);
    assert_int_equal(past.amended, 10);
    assert_int_equal(past.declined, 1);
    assert_int_equal(past.accepted, 0);
    assert_int_equal(memory_snoozed(&memory, &second, now).ms, 0); /* does not carry over */
    assert_int_equal(earlier(1), MEMORY_OPEN);                     /* there is none before it */
    assert_int_equal(earlier(2), MEMORY_DECLINED);
    assert_int_equal(earlier(11), MEMORY_DECLINED);
    decide(11, MEMORY_ACCEPTED);
    assert_int_equal(earlier(11), MEMORY_DECLINED); /* it is no form before itself */
    note_form(12, 11, 100, days_ago(1));
    assert_int_equal(earlier(12), MEMORY_ACCEPTED); /* the newest decision of them */
}

/* An asker who names another's request takes neither its place nor what was decided about it. */
static void test_no_asker_amends_for_another(void **state) {
    (void)state;
    struct id ada = id_of(100);
    memset(&memory, 0, sizeof memory);
    note(1, 100, days_ago(3));
    decide(1, MEMORY_DECLINED);
    note_form(2, 1, 200, days_ago(1));
    note_form(3, 99, 200, days_ago(1)); /* nothing that is known */
    assert_int_equal(earlier(2), MEMORY_OPEN);
    assert_int_equal(earlier(3), MEMORY_OPEN);
    assert_int_equal(earlier(99), MEMORY_OPEN);
    struct memory_past past = memory_past_of(&memory, &ada, &nothing, now);
    assert_int_equal(past.asked, 1);
    assert_int_equal(past.amended, 0);
    assert_int_equal(past.declined, 1);
}

/* No signed request can be in a ring; a file could say so, and looking would still end. */
static void test_a_ring_ends(void **state) {
    (void)state;
    memset(&memory, 0, sizeof memory);
    note_form(1, 2, 100, days_ago(1));
    note_form(2, 1, 100, days_ago(1));
    assert_int_equal(earlier(1), MEMORY_OPEN);
}

static void test_a_snooze_ends_by_itself(void **state) {
    (void)state;
    struct id one = id_of(1);
    memset(&memory, 0, sizeof memory);
    note(1, 100, now);
    struct instant until = {now.ms + DURATION_HOUR_MS};
    memory_snooze(&memory, &one, until);
    assert_int_equal(memory_snoozed(&memory, &one, now).ms, until.ms);
    assert_int_equal(memory_snoozed(&memory, &one, (struct instant){until.ms - 1}).ms, until.ms);
    assert_int_equal(memory_snoozed(&memory, &one, until).ms, 0);
}

static void test_it_comes_back_from_its_file(void **state) {
    (void)state;
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    SCOPED(buffer_finish) struct buffer twice = {.max = MEMORY_FILE_MAX};
    struct id one = id_of(1);
    memset(&memory, 0, sizeof memory);
    note(1, 100, now);
    note_form(2, 0xffffffff, 100, days_ago(2));
    decide(2, MEMORY_ACCEPTED);
    note_form(3, 2, 100, now);
    memory_snooze(&memory, &one, (struct instant){now.ms + DURATION_DAY_MS});
    CHECK(memory_mute(&memory, called(&elm, "Acme  Insurance")));
    CHECK(memory_mute(&memory, called(&elm, "Ada L\xc3\xb8velace")));
    CHECK(!memory_mute(&memory, called(&elm, "Acme  Insurance")));
    CHECK(memory_mute(&memory, called(&oak, "Acme  Insurance")));
    CHECK_ERR(ERR_OK, memory_write(&memory, &file));
    CHECK_ERR(ERR_OK, memory_read(buffer_bytes(&file), &again, &line));
    CHECK_ERR(ERR_OK, memory_write(&again, &twice));
    CHECK(bytes_equal(buffer_bytes(&file), buffer_bytes(&twice)));
    assert_int_equal(again.asked_count, 3);
    CHECK(id_equal(&again.asked[2].amends, &again.asked[1].request));
    CHECK(id_is_zero(&again.asked[0].amends));
    CHECK(again.asked[1].decided.ms == now.ms && again.asked[0].decided.ms == 0);
    CHECK(memory_muted(&again, called(&elm, "Acme  Insurance")));
    CHECK(memory_unmute(&again, called(&elm, "Acme  Insurance")));
    CHECK(!memory_unmute(&again, called(&elm, "Acme  Insurance")));
    CHECK(!memory_muted(&again, called(&elm, "Acme  Insurance")));
    CHECK(memory_muted(&again, called(&oak, "Acme  Insurance")));
    CHECK(memory_muted(&again, called(&elm, "Ada L\xc3\xb8velace")));
    CHECK(!memory_muted(&again, called(&oak, "Ada L\xc3\xb8velace")));
    assert_int_equal(memory_snoozed(&again, &one, now).ms, now.ms + DURATION_DAY_MS);
}

/* From before mutes told communities apart: it holds in all of them, until it is taken back. */
static void test_an_earlier_mute_is_read_and_holds_everywhere(void **state) {
    (void)state;
    static const char text[] = "stoop memory v1\nmuted Ben Two\n";
    const struct id any = {{0}};
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    CHECK_ERR(ERR_OK, memory_read(BYTES_TEXT(text), &memory, &line));
    CHECK(memory_muted(&memory, called(&elm, "Ben Two")) &&
          memory_muted(&memory, called(&oak, "Ben Two")));
    CHECK(!memory_mute(&memory, called(&elm, "Ben Two")));
    CHECK_ERR(ERR_OK, memory_write(&memory, &file));
    CHECK(bytes_equal(buffer_bytes(&file), BYTES_TEXT(text)));
    CHECK(!memory_unmute(&memory, called(&elm, "Ben Two")));
    CHECK(memory_unmute(&memory, called(&any, "Ben Two")));
    CHECK(!memory_muted(&memory, called(&elm, "Ben Two")));
}

/* From before it was known when: what was decided is. */
static void test_an_earlier_decision_is_read_without_its_time(void **state) {
    (void)state;
    static const char text[] =
        "stoop memory v1\nasked "
        "00000001000000000000000000000000000000000000000000000000000000ff "
        "00000001000000000000000000000000000000000000000000000000000000ff 1 declined 0\n";
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    CHECK_ERR(ERR_OK, memory_read(BYTES_TEXT(text), &memory, &line));
    CHECK(memory.asked[0].outcome == MEMORY_DECLINED && memory.asked[0].decided.ms == 0);
    CHECK_ERR(ERR_OK, memory_write(&memory, &file));
    CHECK(bytes_equal(buffer_bytes(&file), BYTES_TEXT(text)));
}

#define ID_A "00000001000000000000000000000000000000000000000000000000000000ff"

static void test_a_damaged_file_is_an_error_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t line;
    } rows[] = {
        {"", 0},
        {"stoop memory v2\n", 1},
        {"stoop memory v1", 1}, /* cut short */
        {"stoop memory v1\nasked x\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 open 0\nasked " ID_A " " ID_A " 1 open 0\n",
         3},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 open 0 0\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 open 0 " ID_A " \n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " -1 open 0\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 agreed 0\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 open:5 0\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 accepted: 0\n", 2},
        {"stoop memory v1\nasked " ID_A " " ID_A " 1 open 999999999999\n", 2},
        {"stoop memory v1\nasked " ID_A "0 " ID_A " 1 open 0\n", 2},
        {"stoop memory v1\nmuted A\nmuted A\n", 3},
        {"stoop memory v1\nmuted-in " ID_A " A\nmuted A\nmuted-in " ID_A " A\n", 4},
        {"stoop memory v1\nmuted-in " ID_A "\n", 2},
        {"stoop memory v1\nmuted-in " ID_A " \n", 2},
        {"stoop memory v1\nmuted-in oak-lane A\n", 2},
        {"stoop memory v1\nmuted-in "
         "0000000000000000000000000000000000000000000000000000000000000000 A\n",
         2},
        {"stoop memory v1\nmuted \n", 2},
        {"stoop memory v1\nmuted \x1b[2J\n", 2},
        {"stoop memory v1\n\n", 2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t line = 0;
        enum err err = memory_read(BYTES_TEXT(rows[i].text), &again, &line);
        if (err != ERR_USER_SYNTAX || line != rows[i].line) {
            print_message("row %zu: line %zu\n", i, line);
        }
        CHECK_ERR(ERR_USER_SYNTAX, err);
        assert_int_equal(line, rows[i].line);
    }
}

/* A flood of requests pushes out the oldest, and the file still holds all of it. */
static void test_it_is_bounded(void **state) {
    (void)state;
    size_t line = 0;
    struct id ada = id_of(7);
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    memset(&memory, 0, sizeof memory);
    note(1, 7, days_ago(9));
    for (uint32_t i = 2; i < MEMORY_ASKED_MAX + 2; i++) {
        note(i, 8, days_ago(1));
    }
    assert_int_equal(memory.asked_count, MEMORY_ASKED_MAX);
    assert_int_equal(memory_past_of(&memory, &ada, &nothing, now).asked, 0);
    char name[NAME_MAX_BYTES];
    for (int i = 0; i < MEMORY_MUTED_MAX; i++) {
        (void)snprintf(name, sizeof name, "%064d", i);
        CHECK(memory_mute(&memory, called(&elm, name)));
    }
    CHECK(!memory_mute(&memory, called(&elm, "one more")));
    CHECK_ERR(ERR_OK, memory_write(&memory, &file));
    CHECK_ERR(ERR_OK, memory_read(buffer_bytes(&file), &again, &line));
    assert_int_equal(again.asked_count, MEMORY_ASKED_MAX);
}

/* One of two that are called the same is muted alone, and comes back so from the file. */
static void test_one_of_two_namesakes_is_muted_alone(void **state) {
    (void)state;
    struct muted one = *called(&elm, "Bens House");
    struct muted other = one;
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    one.account = id_of(100);
    other.account = id_of(200);
    memset(&memory, 0, sizeof memory);
    CHECK(memory_mute(&memory, &one));
    CHECK(memory_write(&memory, &file) == ERR_OK);
    CHECK(memory_read(buffer_bytes(&file), &again, &line) == ERR_OK);
    CHECK(memory_muted(&again, &one) && !memory_muted(&again, &other));
    CHECK(!memory_muted(&again, called(&elm, "Bens House")));
    CHECK(!memory_unmute(&again, &other) && memory_unmute(&again, &one));
    CHECK(!memory_muted(&again, &one));
    CHECK(memory_mute(&again, called(&elm, "Bens House"))); /* by the name: both */
    CHECK(memory_muted(&again, &one) && memory_muted(&again, &other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_past_with_one_asker_is_counted_once_each),
        cmocka_unit_test(test_every_amendment_counts_and_the_earlier_decision_is_known),
        cmocka_unit_test(test_no_asker_amends_for_another),
        cmocka_unit_test(test_a_ring_ends),
        cmocka_unit_test(test_a_snooze_ends_by_itself),
        cmocka_unit_test(test_it_comes_back_from_its_file),
        cmocka_unit_test(test_an_earlier_mute_is_read_and_holds_everywhere),
        cmocka_unit_test(test_an_earlier_decision_is_read_without_its_time),
        cmocka_unit_test(test_a_damaged_file_is_an_error_with_its_line),
        cmocka_unit_test(test_it_is_bounded),
        cmocka_unit_test(test_one_of_two_namesakes_is_muted_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
