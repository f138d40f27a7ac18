/* Process files: every fault at once with its line, and a template that is strict and whole. */
#include <stdio.h>
#include <string.h>

#include "proto/process.h"
#include "tests/support/check.h"

static struct process_reading reading;

static enum err read_text(const char *text) {
    return process_read(BYTES_TEXT(text), &reading);
}

static void check_fault(size_t index, size_t line, const char *text) {
    CHECK(index < reading.errors.count);
    CHECK(reading.errors.list[index].line == line);
    assert_string_equal(reading.errors.list[index].text, text);
}

static void test_all_faults_are_told_at_once_with_their_lines(void **state) {
    (void)state;
    CHECK_ERR(ERR_USER_SYNTAX, read_text("# a comment\n"
                                         "cuort = X\n"
                                         "case\n"
                                         "issued_at = never\n"
                                         "execute_by = 2016-12-31T23:59:60Z\n"
                                         "court = \x1b[2J\n"
                                         "items =\n"
                                         "non_disclosure_authority = M. Okafor\n"
                                         "non_disclosure = perhaps\n"));
    check_fault(0, 2, "unknown key 'cuort'");
    check_fault(1, 3, "expected 'key = value'");
    check_fault(2, 4, "'issued_at' is not a time: 'never'");
    check_fault(3, 5, "'execute_by': no such time, or an ambiguous one: '2016-12-31T23:59:60Z'");
    check_fault(4, 6, "'court' is not plain UTF-8 text");
    check_fault(5, 7, "'items' has no value");
    check_fault(6, 9, "'non_disclosure' is yes or no, not 'perhaps'");
    check_fault(7, 0, "'instrument' is missing");
    CHECK(reading.errors.count == 8);
}

static void test_what_could_be_read_is_kept_beside_the_faults(void **state) {
    (void)state;
    CHECK_ERR(ERR_USER_SYNTAX, read_text("instrument = subpoena\r\n"
                                         "court = Crown Court\r\n"
                                         "issued_at = 2026-02-29T10:00:00Z\r\n"
                                         "court = again\r\n"));
    CHECK(reading.instrument.kind == INSTRUMENT_SUBPOENA);
    assert_string_equal(reading.instrument.court, "Crown Court");
    const struct process_key *court = process_key_of(&reading, "court");
    const struct process_key *issued = process_key_of(&reading, "issued_at");
    CHECK(court->line == 2 && !court->bad);
    CHECK(issued->line == 3 && issued->bad && reading.instrument.issued_at.ms == 0);
    CHECK(process_key_of(&reading, "case")->line == 0);
    CHECK(process_key_of(&reading, "document") == NULL);
}

static void test_secrecy_without_a_line_of_its_own_stands_where_it_is_asked(void **state) {
    (void)state;
    CHECK_ERR(ERR_OK, read_text("instrument = subpoena\n\nnon_disclosure = yes\n"
                                "non_disclosure_issued = 2026-11-01 10:00\n"));
    CHECK(process_key_of(&reading, "non_disclosure_authority")->line == 3);
    CHECK(process_key_of(&reading, "non_disclosure_issued")->line == 4);
}

/* Every rule is named in it; it is taken only once what it wants has a value. */
static void test_a_template_is_strict_and_names_its_rules(void **state) {
    (void)state;
    for (int kind = INSTRUMENT_SEARCH_WARRANT; kind <= INSTRUMENT_VOLUNTARY; kind++) {
        SCOPED(buffer_finish) struct buffer text = {.max = PROCESS_FILE_MAX};
        CHECK_ERR(ERR_OK, process_template((enum instrument_kind)kind, &text));
        enum err err = process_read(buffer_bytes(&text), &reading);
        CHECK_ERR(kind == INSTRUMENT_VOLUNTARY ? ERR_OK : ERR_USER_SYNTAX, err);
        CHECK(reading.instrument.kind == (enum instrument_kind)kind);
        for (size_t i = 0; i < reading.errors.count; i++) {
            CHECK(strstr(reading.errors.list[i].text, "has no value") != NULL);
        }
        CHECK_ERR(ERR_OK, buffer_append(&text, (struct bytes){(const uint8_t *)"", 1}));
        for (size_t i = 0; i < legal_rule_count(); i++) {
            const struct legal_rule *rule = legal_rule_at(i);
            bool of_emergency = strncmp(rule->field, "emergency_", 10) == 0;
            bool named = strstr((const char *)text.at, rule->id) != NULL;
            CHECK(named == (!of_emergency || kind == INSTRUMENT_EMERGENCY));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_faults_are_told_at_once_with_their_lines),
        cmocka_unit_test(test_what_could_be_read_is_kept_beside_the_faults),
        cmocka_unit_test(test_secrecy_without_a_line_of_its_own_stands_where_it_is_asked),
        cmocka_unit_test(test_a_template_is_strict_and_names_its_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
