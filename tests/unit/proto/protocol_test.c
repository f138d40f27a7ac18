/* The tables of PROTOCOL.md say what the code says: kinds, messages and their doors, rules of legal
 * process, words of the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/core/parts.h"
#include "proto/breadth.h"
#include "proto/periods.h"
#include "tests/support/check.h"

enum {
    DOCUMENT_BYTES_MAX = 256 * 1024
};

static char *document;

static int read_document(void **state) {
    (void)state;
    FILE *file = fopen("proto/PROTOCOL.md", "re");
    document = calloc(1, DOCUMENT_BYTES_MAX);
    CHECK(file != NULL && document != NULL);
    CHECK(fread(document, 1, DOCUMENT_BYTES_MAX - 1, file) > 0 && feof(file) != 0);
    (void)fclose(file);
    return 0;
}

static int forget_document(void **state) {
    (void)state;
    free(document);
    return 0;
}

/* Lines of the document that begin so. */
static size_t lines_with(const char *start) {
    size_t count = 0;
    for (const char *at = document; (at = strstr(at, start)) != NULL; at++) {
        count += at == document || at[-1] == '\n' ? 1 : 0;
    }
    return count;
}

static void check_line(const char *start) {
    if (lines_with(start) != 1) {
        fail_msg("PROTOCOL.md has no line, or several, that begin '%s'", start);
    }
}

/* PROTOCOL 5.3 */
static void test_rules_of_legal_process_are_as_documented(void **state) {
    (void)state;
    static const char *const severities[] = {[LEGAL_REFUSE] = "refuse",
                                             [LEGAL_REFUSE_TIMED] = "refuse, timed",
                                             [LEGAL_FAIL] = "failed check"};
    for (size_t i = 0; i < legal_rule_count(); i++) {
        const struct legal_rule *rule = legal_rule_at(i);
        char line[512];
        (void)snprintf(line, sizeof line, "| %s | %s | %s | %s | %s | ", rule->id, rule->field,
                       rule->text, rule->source, severities[rule->severity]);
        check_line(line);
    }
    CHECK(lines_with("| LP-") == legal_rule_count());
}

/* PROTOCOL 5.3 */
static void test_execution_periods_are_as_documented(void **state) {
    (void)state;
    for (size_t i = 0; i < execution_period_count(); i++) {
        const struct execution_period *row = execution_period_at(i);
        char line[256];
        char text[PERIOD_TEXT_MAX];
        execution_period_text(row, text);
        (void)snprintf(line, sizeof line, "| %s | %s | %s | %s | %s |\n", row->jurisdiction,
                       row->court == PERIOD_FEDERAL ? "federal" : "any", instrument_word(row->kind),
                       text, row->source);
        check_line(line);
    }
    const char *table = strstr(document, "| jurisdiction | court | instrument |");
    CHECK(table != NULL);
    size_t lines = 0;
    for (; table[0] == '|'; table = strchr(table, '\n') + 1) {
        lines++;
    }
    CHECK(lines == execution_period_count() + 2); /* and its head */
}

/* PROTOCOL 5.3 */
static void test_words_of_the_breadth_report_are_as_documented(void **state) {
    (void)state;
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        char line[1024];
        const char *const *words = breadth_topic_words((enum breadth_topic)topic);
        size_t len = (size_t)snprintf(line, sizeof line,
                                      "- %s: ", breadth_topic_label((enum breadth_topic)topic));
        for (; *words != NULL; words++) {
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%s", *words,
                                    words[1] == NULL ? ".\n" : "; ");
        }
        check_line(line);
    }
}

/* PROTOCOL 2.3 */
static void test_kinds_of_signed_objects_are_as_documented(void **state) {
    (void)state;
    size_t known = 0;
    for (int kind = OBJECT_CHARTER; kind <= OBJECT_CAMERA_LIST; kind++, known++) {
        static const char prefix[] = "application/vnd.stoop.";
        const char *type = object_type((enum object_kind)kind);
        const char *end = strstr(type, ".v1+protobuf");
        char line[128];
        CHECK(strncmp(type, prefix, sizeof prefix - 1) == 0 && end != NULL);
        (void)snprintf(line, sizeof line, "| `%.*s` | `",
                       (int)(end - type) - (int)sizeof prefix + 1, type + sizeof prefix - 1);
        check_line(line);
    }
    CHECK(known == 12);
}

/* PROTOCOL 4.10 */
static void test_words_that_people_say_are_as_documented(void **state) {
    (void)state;
    char line[4096] = "Words: ";
    size_t len = strlen(line);
    for (size_t i = 0; i < MEET_LIST_WORDS; i++) {
        len += (size_t)snprintf(line + len, sizeof line - len, "%s%s", meet_word(i),
                                i + 1 < MEET_LIST_WORDS ? " " : ".\n");
    }
    check_line(line);
}

/* PROTOCOL 7.1: every type that passes a door is in the table with it, and no other. */
/* Is the word one of those in this cell of a table's row, counted from 1? */
static bool cell_names(const char *row, unsigned cell, const char *word) {
    for (unsigned i = 0; i < cell && row != NULL; i++) {
        row = strchr(row, '|');
        row = row == NULL ? NULL : row + 1;
    }
    const char *end = row == NULL ? NULL : strchr(row, '|');
    const char *found = row == NULL ? NULL : strstr(row, word);
    return found != NULL && found < end;
}

static void test_messages_and_their_doors_are_as_documented(void **state) {
    (void)state;
    static const char *const doors[] = {
        [TRANSPORT_MEMBER] = "member",     [TRANSPORT_JOIN] = "join",
        [TRANSPORT_CATCH_UP] = "catch-up", [TRANSPORT_OUTSIDER] = "outsider",
        [TRANSPORT_DELIVERY] = "delivery", [TRANSPORT_MEET] = "meet",
        [TRANSPORT_SIBLING] = "sibling"};
    const uint8_t secret[16] = {0};
    const struct id community = {{0}};
    size_t documented = 0;
    for (unsigned type = 1; type <= 255; type++) {
        char start[32];
        (void)snprintf(start, sizeof start, "\n| %u | ", type);
        const char *line = strstr(document, "### 7.1");
        CHECK(line != NULL);
        line = strstr(line, start);
        size_t passes = 0;
        for (size_t door = 0; door < COUNT_OF(doors); door++) {
            struct transport_door_key key;
            doors_key((enum transport_door)door, BYTES_OF(secret), &community, 0, &key);
            if (!transport_types_has(&key.passes, (uint8_t)type)) {
                continue;
            }
            if (line == NULL || !cell_names(line + 1, 4, doors[door])) {
                fail_msg("PROTOCOL 7.1 does not say that type %u passes '%s'", type, doors[door]);
            }
            passes++;
        }
        if (line != NULL && passes == 0) {
            fail_msg("PROTOCOL 7.1 has type %u, which passes no door", type);
        }
        documented += line != NULL ? 1 : 0;
    }
    CHECK(documented == 41);
}

/* PROTOCOL 8.1 */
static void test_words_of_the_log_are_as_documented(void **state) {
    (void)state;
    for (enum log_kind kind = LOG_STARTED; kind <= LOG_DISCARDED; kind++) {
        char line[64];
        (void)snprintf(line, sizeof line, "| `%s` | %s | ", log_kind_word(kind),
                       log_kind_private(kind) ? "private" : "public");
        check_line(line);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_of_legal_process_are_as_documented),
        cmocka_unit_test(test_execution_periods_are_as_documented),
        cmocka_unit_test(test_words_of_the_breadth_report_are_as_documented),
        cmocka_unit_test(test_kinds_of_signed_objects_are_as_documented),
        cmocka_unit_test(test_words_that_people_say_are_as_documented),
        cmocka_unit_test(test_messages_and_their_doors_are_as_documented),
        cmocka_unit_test(test_words_of_the_log_are_as_documented),
    };
    return cmocka_run_group_tests(tests, read_document, forget_document);
}
