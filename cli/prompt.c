#include "cli/prompt.h"

#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"

static void take_line(struct prompt *prompt, const char *line);
static bool take_edit(struct prompt *prompt, const char *line);
static bool take_later(struct prompt *prompt, const char *line);
static bool read_span(const char *text, struct duration *out);
static void take_done(struct prompt *prompt, const struct prompt_event *event);
static void take_failed(struct prompt *prompt);
static void end(struct prompt *prompt, enum prompt_end how);

void prompt_start(struct prompt *prompt, const char *code) {
    *prompt = (struct prompt){.doing = PROMPT_DO_SHOW};
    (void)snprintf(prompt->code, sizeof prompt->code, "%s", code);
}

enum prompt_do prompt_step(struct prompt *prompt, const struct prompt_event *event) {
    if (prompt->doing == PROMPT_DO_END) {
        return PROMPT_DO_END;
    }
    switch (event->kind) {
    case PROMPT_EV_SHOWN:
        prompt->shown = prompt->doing == PROMPT_DO_SHOW;
        prompt->digest = event->digest;
        prompt->already = event->already;
        prompt->doing = prompt->shown ? PROMPT_DO_ASK : PROMPT_DO_SHOW;
        break;
    case PROMPT_EV_LINE:
        if (prompt->doing == PROMPT_DO_ASK) {
            take_line(prompt, event->line);
        } else {
            end(prompt, PROMPT_NO_ANSWER); /* to a question that was not asked */
        }
        break;
    case PROMPT_EV_NONE:
        end(prompt, PROMPT_NO_ANSWER);
        break;
    case PROMPT_EV_RESIZED:
        prompt->shown = false;
        prompt->doing = PROMPT_DO_SHOW;
        break;
    case PROMPT_EV_DONE:
        take_done(prompt, event);
        break;
    case PROMPT_EV_FAILED:
        take_failed(prompt);
        break;
    }
    return prompt->doing;
}

static void take_line(struct prompt *prompt, const char *line) {
    static const struct {
        const char *letter, *word;
        enum prompt_do action;
    } words[] = {{"p", "play", PROMPT_DO_PLAY},       {"w", "warrant", PROMPT_DO_DOCUMENT},
                 {"c", "checks", PROMPT_DO_DETAILS},  {"?", "help", PROMPT_DO_HELP},
                 {"d", "decline", PROMPT_DO_DECLINE}, {"s", "show", PROMPT_DO_SHOW}};
    ASSERT(prompt->shown);
    if (prompt_is_code(line, prompt->code)) {
        if (prompt->already) {
            end(prompt, PROMPT_ALREADY);
        } else {
            prompt->doing = PROMPT_DO_CHECK;
        }
        return;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(line, words[i].letter) == 0 || strcmp(line, words[i].word) == 0) {
            prompt->doing = words[i].action;
            return;
        }
    }
    if (take_edit(prompt, line)) {
        return;
    }
    if (*line == '\0') {
        end(prompt, PROMPT_LATER);
    } else if (strcmp(line, "q") == 0 || strcmp(line, "quit") == 0) {
        end(prompt, PROMPT_QUIT);
    } else if (!take_later(prompt, line)) {
        prompt->doing = PROMPT_DO_UNKNOWN;
    }
}

/* "m", "trim 0:05 1:40". What the text means is for who carries it out. */
static bool take_edit(struct prompt *prompt, const char *line) {
    static const struct {
        const char *letter, *word;
        enum prompt_edit edit;
    } words[] = {{"t", "trim", PROMPT_TRIM},
                 {"r", "redact", PROMPT_REDACT},
                 {"m", "mute", PROMPT_MUTE},
                 {"u", "undo", PROMPT_UNDO}};
    size_t len = strcspn(line, " ");
    const char *text = line + len + strspn(line + len, " ");
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        bool named = (strlen(words[i].letter) == len && strncmp(line, words[i].letter, len) == 0) ||
                     (strlen(words[i].word) == len && strncmp(line, words[i].word, len) == 0);
        if (named && strlen(text) < sizeof prompt->text) {
            prompt->edit = words[i].edit;
            (void)snprintf(prompt->text, sizeof prompt->text, "%s", text);
            for (size_t end = strlen(text); end > 0 && prompt->text[end - 1] == ' '; end--) {
                prompt->text[end - 1] = '\0';
            }
            prompt->doing = PROMPT_DO_EDIT;
            return true;
        }
    }
    return false;
}

/* "l", "later", "l 2h", "later 1d". */
static bool take_later(struct prompt *prompt, const char *line) {
    struct duration snooze = {0};
    const char *rest = line + (strncmp(line, "later", 5) == 0 ? 5 : 1);
    bool good = *line == 'l' && (*rest == '\0' || (*rest == ' ' && read_span(rest + 1, &snooze)));
    if (good) {
        prompt->snooze = snooze;
        end(prompt, PROMPT_LATER);
    }
    return good;
}

/* "30m", "2h", "1d". */
static bool read_span(const char *text, struct duration *out) {
    int64_t count = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] == '\0' || text[digits + 1] != '\0') {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        count = count * 10 + (text[i] - '0');
    }
    int64_t unit = text[digits] == 'm'   ? DURATION_MINUTE_MS
                   : text[digits] == 'h' ? DURATION_HOUR_MS
                   : text[digits] == 'd' ? DURATION_DAY_MS
                                         : 0;
    out->ms = count * unit;
    return out->ms >= PROMPT_SNOOZE_MIN_MS &&
           out->ms <= (int64_t)PROMPT_SNOOZE_MAX_DAYS * DURATION_DAY_MS;
}

static void take_done(struct prompt *prompt, const struct prompt_event *event) {
    switch (prompt->doing) {
    case PROMPT_DO_PLAY:
    case PROMPT_DO_DOCUMENT:
    case PROMPT_DO_DETAILS:
    case PROMPT_DO_HELP:
    case PROMPT_DO_UNKNOWN:
        prompt->doing = PROMPT_DO_ASK;
        break;
    case PROMPT_DO_EDIT: /* what was shown is no longer what would leave */
        prompt->shown = false;
        prompt->doing = PROMPT_DO_SHOW;
        break;
    case PROMPT_DO_DECLINE:
        end(prompt, PROMPT_DECLINED);
        break;
    case PROMPT_DO_CHECK: /* not that digest: it has to be shown, and the code typed, anew */
        prompt->shown &= id_equal(&event->digest, &prompt->digest);
        prompt->doing = prompt->shown ? PROMPT_DO_PASSPHRASE : PROMPT_DO_SHOW;
        break;
    case PROMPT_DO_PASSPHRASE:
        ASSERT(prompt->shown);
        prompt->doing = PROMPT_DO_SIGN;
        break;
    case PROMPT_DO_SIGN:
        end(prompt, PROMPT_SIGNED);
        break;
    case PROMPT_DO_SHOW:
    case PROMPT_DO_ASK:
    case PROMPT_DO_END:
        end(prompt, PROMPT_NO_ANSWER);
        break;
    }
}

/* A look or an edit that fails has changed nothing and may be taken again; a decision that fails
 * ends it undecided. */
static void take_failed(struct prompt *prompt) {
    bool look = prompt->doing == PROMPT_DO_PLAY || prompt->doing == PROMPT_DO_DOCUMENT ||
                prompt->doing == PROMPT_DO_DETAILS || prompt->doing == PROMPT_DO_HELP ||
                prompt->doing == PROMPT_DO_UNKNOWN || prompt->doing == PROMPT_DO_EDIT;
    if (look) {
        prompt->doing = PROMPT_DO_ASK;
    } else {
        end(prompt, PROMPT_FAILED);
    }
}

static void end(struct prompt *prompt, enum prompt_end how) {
    prompt->doing = PROMPT_DO_END;
    prompt->end = how;
    prompt->shown = false;
}

bool prompt_is_code(const char *answer, const char *code) {
    for (; *code != '\0'; code++) {
        if (*code == '-') {
            answer += *answer == '-' ? 1 : 0;
            continue;
        }
        char c = *answer >= 'a' && *answer <= 'f' ? (char)(*answer - 32) : *answer;
        if (c != *code) {
            return false;
        }
        answer++;
    }
    return *answer == '\0';
}
