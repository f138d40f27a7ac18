#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            const char *word);
static int unknown_option(const struct cli *cli, const struct cli_option *options, size_t count,
                          const char *word);
static int take_option(const struct cli *cli, const struct cli_option *option, int *at);
static int check_operands(const struct cli *cli, const char *operands);
static int check_needed(const struct cli *cli, const struct cli_option *options, size_t count);
static size_t edits(const char *a, size_t a_len, const char *b);

int take_options(struct cli *cli, const struct cli_option *options, size_t count,
                 const char *operands) {
    int found = 0;
    bool all_operands = false;
    for (int i = 1; i < cli->argc; i++) {
        char *word = cli->argv[i];
        if (all_operands || word[0] != '-' || word[1] == '\0') {
            cli->argv[++found] = word;
        } else if (strcmp(word, "--") == 0) {
            all_operands = true;
        } else if (strcmp(word, "--json") == 0) {
            cli->json = true;
        } else {
            const struct cli_option *option = find_option(options, count, word);
            int failed = option == NULL ? unknown_option(cli, options, count, word)
                                        : take_option(cli, option, &i);
            if (failed != 0) {
                return failed;
            }
        }
    }
    cli->argc = found + 1;
    int failed = check_operands(cli, operands);
    return failed == 0 ? check_needed(cli, options, count) : failed;
}

static const struct cli_option *find_option(const struct cli_option *options, size_t count,
                                            const char *word) {
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == len && strncmp(options[i].name, word, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static int unknown_option(const struct cli *cli, const struct cli_option *options, size_t count,
                          const char *word) {
    size_t len = strcspn(word, "=");
    struct nearest nearest = nearest_to(word, len);
    for (size_t i = 0; i < count; i++) {
        nearest_consider(&nearest, options[i].name);
    }
    nearest_consider(&nearest, "--json");
    if (len > 2 && (strncmp(word, "--home", len) == 0 || strncmp(word, "--owner-dir", len) == 0)) {
        return usage_error(cli->command, "unknown option '%.*s'; it goes before the command",
                           (int)len, word);
    }
    return nearest.best == NULL
               ? usage_error(cli->command, "unknown option '%.*s'", (int)len, word)
               : usage_error(cli->command, "unknown option '%.*s'; did you mean '%s'?", (int)len,
                             word, nearest.best);
}

/* The option at cli->argv[*at]; *at moves on to its value when that is a word of its own. */
static int take_option(const struct cli *cli, const struct cli_option *option, int *at) {
    const char *word = cli->argv[*at];
    const char *equals = strchr(word, '=');
    if (option->flag != NULL) {
        *option->flag = true;
        return equals == NULL ? 0 : usage_error(cli->command, "'%s' takes no value", option->name);
    }
    const char *value = equals != NULL ? equals + 1 : *at + 1 < cli->argc ? cli->argv[++*at] : NULL;
    if (value == NULL) {
        return usage_error(cli->command, "'%s' needs a value", word);
    }
    if (option->list != NULL) {
        if (*option->list_count == option->list_max) {
            return usage_error(cli->command, "too many '%s'", option->name);
        }
        option->list[(*option->list_count)++] = value;
        return 0;
    }
    if (*option->value != NULL) {
        return usage_error(cli->command, "'%s' is given twice", option->name);
    }
    *option->value = value;
    return 0;
}

static int check_operands(const struct cli *cli, const char *operands) {
    int left = cli->argc - 1;
    for (const char *at = operands; *at != '\0'; left--) {
        size_t len = strcspn(at, " ");
        if (left <= 0) {
            return *at == '[' ? 0 : usage_error(cli->command, "%.*s is missing", (int)len, at);
        }
        at += len + strspn(at + len, " ");
    }
    return left <= 0 ? 0
                     : usage_error(cli->command, "unexpected '%s'", cli->argv[cli->argc - left]);
}

static int check_needed(const struct cli *cli, const struct cli_option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (options[i].needed && *options[i].value == NULL) {
            return usage_error(cli->command, "'%s' is missing", options[i].name);
        }
    }
    return 0;
}

int run_branch(struct cli *cli, const struct cli_branch *branches, size_t count) {
    char words[128] = "";
    const char *word = cli->argc > 1 ? cli->argv[1] : NULL;
    struct nearest nearest = nearest_to(word == NULL ? "" : word, word == NULL ? 0 : strlen(word));
    for (size_t i = 0; i < count; i++) {
        if (word != NULL && strcmp(branches[i].word, word) == 0) {
            cli->argc--;
            cli->argv++;
            return branches[i].run(cli);
        }
        size_t len = strlen(words);
        (void)snprintf(words + len, sizeof words - len, "%s'%s'",
                       i == 0           ? ""
                       : i + 1 == count ? " or "
                                        : ", ",
                       branches[i].word);
        nearest_consider(&nearest, branches[i].word);
    }
    if (word == NULL || *word == '-') {
        return usage_error(cli->command, "say what to do: %s", words);
    }
    return nearest.best != NULL
               ? usage_error(cli->command, "unknown '%s %s'; did you mean '%s %s'?", cli->command,
                             word, cli->command, nearest.best)
               : usage_error(cli->command, "unknown '%s %s'; say %s", cli->command, word, words);
}

int parse_number(const char *text, long low, long high, long *out) {
    char *end = NULL;
    long value = strtol(text, &end, 10);
    bool digits = *text != '\0' && strspn(text + (*text == '-' ? 1 : 0), "0123456789") > 0;
    if (!digits || *end != '\0' || value < low || value > high) {
        return -1;
    }
    *out = value;
    return 0;
}

int number_option(const struct cli *cli, const char *text, struct number_range range, long *out) {
    if (text == NULL || parse_number(text, range.low, range.high, out) == 0) {
        return 0;
    }
    return usage_error(cli->command, "'%s' is not %ld to %ld%s%s", text, range.low, range.high,
                       range.unit == NULL ? "" : " ", range.unit == NULL ? "" : range.unit);
}

int time_option(const struct cli *cli, const char *text, struct instant *out) {
    char in_utc[64];
    struct instant any;
    enum err err = instant_parse(text, out);
    if (err == ERR_USER_TIME) {
        (void)snprintf(in_utc, sizeof in_utc, "%.60sZ", text);
        return instant_parse(in_utc, &any) == ERR_OK
                   ? usage_error(cli->command,
                                 "'%s' does not exist or comes twice, as clocks change then; write "
                                 "it with its offset, as in 2026-10-25T01:30:00+01:00",
                                 text)
                   : usage_error(cli->command, "there is no such time as '%s'", text);
    }
    return err == ERR_OK ? 0
                         : usage_error(cli->command,
                                       "'%s' is not a time; write it as '2026-11-24 21:10'", text);
}

bool name_good(const char *name) {
    char safe[SAFE_MAX];
    return *name != '\0' && strlen(name) < NAME_MAX_BYTES &&
           strcmp(safe_text(name, NAME_MAX_BYTES, safe), name) == 0;
}

int bad_name(const char *command, const char *name) {
    char safe[SAFE_MAX];
    return usage_error(command, "'%s' is not a name: 1 to %d bytes that can be seen",
                       safe_text(name, 24, safe), NAME_MAX_BYTES - 1);
}

/* ---- what was meant ---- */

struct nearest nearest_to(const char *word, size_t len) {
    return (struct nearest){.word = word, .len = len, .distance = 3};
}

void nearest_consider(struct nearest *nearest, const char *candidate) {
    size_t len = nearest->len;
    size_t distance = edits(nearest->word, len, candidate);
    size_t dashes = strspn(candidate, "-");
    if (len >= dashes + 2 && strncmp(nearest->word, candidate, len) == 0) {
        distance = 1; /* begun, and not ended */
    }
    if (distance < nearest->distance && distance * 2 <= len - (len > dashes ? dashes : 0)) {
        nearest->distance = distance;
        nearest->best = candidate;
    }
}

/* Letters to put in, leave out, change or swap with the next. */
static size_t edits(const char *a, size_t a_len, const char *b) {
    enum {
        WORD_MAX = 24
    };
    size_t table[WORD_MAX + 1][WORD_MAX + 1];
    size_t b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i <= a_len; i++) {
        for (size_t k = 0; k <= b_len; k++) {
            if (i == 0 || k == 0) {
                table[i][k] = i + k;
                continue;
            }
            size_t change = table[i - 1][k - 1] + (a[i - 1] == b[k - 1] ? 0 : 1);
            size_t shorter = table[i - 1][k] < table[i][k - 1] ? table[i - 1][k] : table[i][k - 1];
            table[i][k] = change < shorter + 1 ? change : shorter + 1;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                table[i - 2][k - 2] + 1 < table[i][k]) {
                table[i][k] = table[i - 2][k - 2] + 1;
            }
        }
    }
    return table[a_len][b_len];
}
