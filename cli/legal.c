/* The rules of legal process as a person or a program reads them: the table, the periods of
 * jurisdictions, and how the rules came out for a process file, the line of the file beside each.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/breadth.h"
#include "cli/legal.h"
#include "proto/periods.h"

enum rule_word {
    RULE_REFUSED,
    RULE_FAILED,
    RULE_UNKNOWN,
    RULE_PASSED,
    RULE_SILENT /* it does not apply, or its line could not be read */
};

struct tally {
    size_t passed, failed, refused, unknown;
};

static bool applies(const struct legal_of_file *file, size_t rule);
static enum rule_word word_of(const struct legal_of_file *file, size_t rule);
static void say_outcome(const struct legal_of_file *file, size_t rule);
static void say(int indent, const char *format, ...) PRINTF_LIKE(2, 3);
static bool is_of_period(const struct legal_rule *rule);
static void say_period(const struct instrument *instrument);
static void say_tally(const struct tally *tally, bool unread);
static void put_outcome(struct facts *facts, const struct legal_of_file *file, size_t rule);
static size_t line_of(const struct legal_of_file *file, size_t rule);

void legal_list(const struct cli *cli) {
    struct facts *facts = facts_start(cli, true);
    for (size_t i = 0; i < legal_rule_count(); i++) {
        const struct legal_rule *rule = legal_rule_at(i);
        bool fails = rule->severity == LEGAL_FAIL;
        if (!cli->json) {
            say(0, "%s %c %s", rule->id, fails ? ' ' : '!', rule->text);
            say(8, "key '%s'; source: %s", rule->field, rule->source);
            continue;
        }
        facts_item(facts);
        facts_text(facts, "id", NULL, rule->id);
        facts_text(facts, "field", NULL, rule->field);
        facts_text(facts, "text", NULL, rule->text);
        facts_text(facts, "source", NULL, rule->source);
        facts_text(facts, "otherwise", NULL, fails ? "a failed check" : "every home refuses it");
    }
    facts_end(facts);
    if (!cli->json) {
        (void)puts("!  every home refuses a request that breaks it; any other is shown to the\n"
                   "   owner as a failed check. Periods of LP-16: 'stoop process periods'");
    }
}

void legal_periods(const struct cli *cli) {
    struct facts *facts = facts_start(cli, true);
    for (size_t i = 0; i < execution_period_count(); i++) {
        const struct execution_period *period = execution_period_at(i);
        char text[PERIOD_TEXT_MAX] = "";
        execution_period_text(period, text);
        facts_item(facts);
        facts_text(facts, "jurisdiction", "law of", period->jurisdiction);
        facts_text(facts, "court", "court", period->court == PERIOD_FEDERAL ? "federal" : "any");
        facts_text(facts, "instrument", NULL, instrument_word(period->kind));
        facts_text(facts, "within", "within", text);
        facts_text(facts, "source", "source", period->source);
    }
    facts_end(facts);
    if (!cli->json) {
        term_text("all of search warrants; elsewhere: not known here, which is not the same as "
                  "unlimited");
        term_text("not known either: weekends and holidays that a law leaves out, and what a judge "
                  "has extended; LP-16 then fails a warrant that may be good");
    }
}

int legal_say(const struct cli *cli, const struct legal_of_file *file) {
    struct tally tally = {0};
    struct facts *facts = facts_start(cli, false);
    const struct process_errors *errors = &file->reading->errors;
    bool whole = file->report != NULL;
    facts_text(facts, "file", NULL, file->path);
    facts_items(facts, "faults");
    for (size_t i = 0; cli->json && i < errors->count; i++) {
        facts_item(facts);
        facts_number(facts, "line", NULL, (int64_t)errors->list[i].line);
        facts_text(facts, "text", NULL, errors->list[i].text);
    }
    facts_items(facts, "rules");
    for (int word = RULE_REFUSED; word <= RULE_PASSED; word++) { /* the worst first */
        for (size_t i = 0; whole && i < file->report->count; i++) {
            if (word_of(file, i) != (enum rule_word)word) {
                continue;
            }
            tally.refused += word == RULE_REFUSED ? 1 : 0;
            tally.failed += word == RULE_FAILED ? 1 : 0;
            tally.unknown += word == RULE_UNKNOWN ? 1 : 0;
            tally.passed += word == RULE_PASSED ? 1 : 0;
            if (cli->json) {
                put_outcome(facts, file, i);
            } else if (word != RULE_PASSED) {
                say_outcome(file, i);
            } else if (strcmp(legal_rule_at(i)->field, "court_signature") == 0) {
                say(0, "the court's own signature: %s", file->seal);
            }
        }
    }
    facts_items(facts, NULL);
    if (cli->json) {
        breadth_mention_facts(facts, file->breadth);
    }
    bool unread = errors->count > 0 || file->document_bad;
    facts_text(facts, "verdict", NULL,
               unread              ? "unreadable"
               : tally.refused > 0 ? "refused"
                                   : "taken");
    facts_end(facts);
    if (!cli->json && whole) {
        char text[BREADTH_TEXT_MAX];
        if (*breadth_mentions(file->breadth, MENTIONS_COLUMNS, text) != '\0') {
            say(0, "it %s", text);
        }
        say_tally(&tally, unread);
    }
    return unread || tally.refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* Only what the file or the document can answer for; a line that could not be read has been told.
 */
static bool applies(const struct legal_of_file *file, size_t rule) {
    const char *field = legal_rule_at(rule)->field;
    const struct process_key *key = process_key_of(file->reading, field);
    if (key == NULL) {
        return strcmp(field, "document") == 0 && !file->document_bad;
    }
    return !key->bad;
}

static enum rule_word word_of(const struct legal_of_file *file, size_t rule) {
    bool refuses = legal_rule_at(rule)->severity != LEGAL_FAIL;
    if (!applies(file, rule)) {
        return RULE_SILENT;
    }
    switch (file->report->outcomes[rule]) {
    case LEGAL_PASSED:
        return RULE_PASSED;
    case LEGAL_FAILED:
        return refuses ? RULE_REFUSED : RULE_FAILED;
    case LEGAL_UNKNOWN:
        return RULE_UNKNOWN;
    case LEGAL_NOT_APPLICABLE:
        break;
    }
    return RULE_SILENT;
}

static void say_outcome(const struct legal_of_file *file, size_t rule) {
    static const char *const words[] = {[RULE_REFUSED] = "REFUSED",
                                        [RULE_FAILED] = "FAILED",
                                        [RULE_UNKNOWN] = "unknown",
                                        [RULE_PASSED] = "passed",
                                        [RULE_SILENT] = "-"};
    const struct legal_rule *of = legal_rule_at(rule);
    enum rule_word word = word_of(file, rule);
    size_t line = line_of(file, rule);
    char safe[SAFE_MAX];
    char at[24] = "";
    if (line > 0) {
        (void)snprintf(at, sizeof at, ":%zu", line);
    }
    say(0, "%s%s: %s %s %s %s", safe_text(file->path, 200, safe), at, words[word], of->id,
        word == RULE_UNKNOWN ? "whether it" : "it", word == RULE_UNKNOWN ? of->text : of->broken);
    if (strcmp(of->field, "document") == 0) {
        say(4, "option '--document'; source: %s", of->source);
    } else {
        say(4, "key '%s'%s; source: %s", of->field, line > 0 ? "" : ", not in the file",
            of->source);
    }
    if (strcmp(of->field, "court_signature") == 0) {
        say(4, "the court's own signature: %s", file->seal);
    }
    if (is_of_period(of)) {
        say_period(&file->reading->instrument);
    }
}

/* At a terminal on as many lines as it takes, each so far in; for a program, on one. */
static void say(int indent, const char *format, ...) {
    char text[SAFE_MAX];
    const char *at = text;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t width = isatty(STDOUT_FILENO) ? term_width() - (size_t)indent : sizeof text;
    do {
        size_t len = safe_fit(at, width);
        (void)printf("%*s%.*s\n", indent, "", (int)len, at);
        at += len;
        at += *at == ' ' ? 1 : 0;
    } while (*at != '\0');
}

static bool is_of_period(const struct legal_rule *rule) { /* LP-16 */
    return rule->severity == LEGAL_FAIL && strcmp(rule->field, "execute_by") == 0;
}

static void say_period(const struct instrument *instrument) {
    const struct execution_period *period = execution_period_of(instrument);
    char text[PERIOD_TEXT_MAX] = "";
    if (period == NULL) {
        say(4, "no statute of this jurisdiction is known here");
        return;
    }
    execution_period_text(period, text);
    say(4, "%s: %s (%s)", period->jurisdiction, text, period->source);
}

static void say_tally(const struct tally *tally, bool unread) {
    say(0, "%s: %zu refused, %zu failed, %zu unknown, %zu passed",
        unread               ? "not all of it could be read"
        : tally->refused > 0 ? "every home refuses it"
                             : "no home refuses it",
        tally->refused, tally->failed, tally->unknown, tally->passed);
    term_text("place, times and reason are checked by 'stoop request'");
}

static void put_outcome(struct facts *facts, const struct legal_of_file *file, size_t rule) {
    static const char *const words[] = {[LEGAL_PASSED] = "passed",
                                        [LEGAL_FAILED] = "FAILED",
                                        [LEGAL_UNKNOWN] = "unknown",
                                        [LEGAL_NOT_APPLICABLE] = "-"};
    const struct legal_rule *of = legal_rule_at(rule);
    enum legal_outcome outcome = file->report->outcomes[rule];
    size_t line = line_of(file, rule);
    facts_item(facts);
    facts_text(facts, "id", NULL, of->id);
    facts_text(facts, "outcome", NULL, words[outcome]);
    facts_text(facts, "field", NULL, of->field);
    if (line > 0) {
        facts_number(facts, "line", NULL, (int64_t)line);
    }
    facts_text(facts, "text", NULL, outcome == LEGAL_FAILED ? of->broken : of->text);
    facts_text(facts, "source", NULL, of->source);
    facts_text(facts, "otherwise", NULL, of->severity == LEGAL_FAIL ? "failed check" : "refused");
    if (strcmp(of->field, "court_signature") == 0) {
        facts_text(facts, "seal", NULL, file->seal);
    }
    const struct execution_period *period = execution_period_of(&file->reading->instrument);
    if (is_of_period(of) && period != NULL) {
        char text[PERIOD_TEXT_MAX] = "";
        execution_period_text(period, text);
        facts_text(facts, "within", NULL, text);
        facts_text(facts, "statute", NULL, period->source);
    }
}

static size_t line_of(const struct legal_of_file *file, size_t rule) {
    const struct process_key *key = process_key_of(file->reading, legal_rule_at(rule)->field);
    return key == NULL ? 0 : key->line;
}
