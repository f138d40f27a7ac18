#include "proto/process.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/fence.h"

enum {
    LINE_MAX_BYTES = 1024
};

enum key_kind {
    KEY_KIND,
    KEY_TEXT,
    KEY_TIME,
    KEY_BOOL,
    KEY_COURT_SIGNATURE
};

#define COURT 0x1U    /* warrant, orders, subpoena */
#define ORDERED 0x2U  /* warrant and orders */
#define OFFICIAL 0x4U /* all but voluntary */
#define PRESERVE 0x8U
#define EMERGENCY 0x10U
#define OPTIONAL 0x20U /* in a template as a comment */

static const struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    size_t size;
    unsigned used;
    const char *hint;
} keys[] = {
#define TEXT(name, member, used, hint)                                                             \
    {                                                                                              \
        name, KEY_TEXT, offsetof(struct instrument, member),                                       \
            sizeof(((struct instrument *)0)->member), used, hint                                   \
    }
#define TIME(name, member, used, hint)                                                             \
    {                                                                                              \
        name, KEY_TIME, offsetof(struct instrument, member),                                       \
            sizeof(((struct instrument *)0)->member), used, hint                                   \
    }
    {"instrument", KEY_KIND, offsetof(struct instrument, kind), sizeof(enum instrument_kind),
     OFFICIAL, "what it is"},
    TEXT("jurisdiction", jurisdiction, COURT, "whose law: ISO 3166, as US, US-CA, GB-ENG"),
    TEXT("court", court, COURT, "which court"),
    TEXT("case", case_number, COURT, "its case or docket number"),
    TEXT("statute", statute, COURT, "the law it relies on"),
    TEXT("offence", offence, COURT, "the offence looked into"),
    TEXT("applicant_name", applicant_name, OFFICIAL, "who asks"),
    TEXT("applicant_agency", applicant_agency, OFFICIAL, "for which agency"),
    TEXT("applicant_badge", applicant_badge, OFFICIAL, "badge or number"),
    TEXT("authority_name", authority_name, ORDERED, "the judge or magistrate who issued it"),
    TEXT("authority_title", authority_title, ORDERED, "and the title"),
    TIME("issued_at", issued_at, COURT, "when it was issued"),
    TIME("execute_by", execute_by, ORDERED, "until when it may be executed"),
    TEXT("items", items, COURT, "what is looked for; 'everything' fails"),
    TEXT("produce_to", produce_to, COURT, "the officer to whom it is to go"),
    TIME("produce_by", produce_by, COURT | OPTIONAL, "and by when"),
    {"non_disclosure", KEY_BOOL, offsetof(struct instrument, non_disclosure), sizeof(bool),
     COURT | OPTIONAL, "yes: a court has ordered secrecy"},
    TEXT("non_disclosure_authority", non_disclosure_authority, COURT | OPTIONAL, "which court"),
    TIME("non_disclosure_issued", non_disclosure_issued, COURT | OPTIONAL, "since when"),
    TIME("non_disclosure_expires", non_disclosure_expires, COURT | OPTIONAL, "until when"),
    TIME("preserve_until", preserve_until, PRESERVE, "hold until; at most 90 days"),
    TEXT("emergency_facts", emergency_facts, EMERGENCY, "what has happened"),
    TEXT("emergency_person", emergency_person, EMERGENCY, "who is at risk"),
    TEXT("emergency_why_now", emergency_why_now, EMERGENCY, "why it cannot wait for a court"),
    {"court_signature", KEY_COURT_SIGNATURE, offsetof(struct instrument, court_signature),
     sizeof(enum court_signature), ORDERED | OPTIONAL, "none, image or cms"},
#undef TEXT
#undef TIME
};

static void read_line(struct instrument *instrument, char *line, size_t number, bool *seen,
                      struct process_errors *errors);
static void read_value(struct instrument *instrument, const struct key *key, const char *value,
                       size_t number, struct process_errors *errors);
static void complain(struct process_errors *errors, size_t line, const char *format, ...)
    PRINTF_LIKE(3, 4);
static char *trim(char *text);
static unsigned uses_of(enum instrument_kind kind);

enum err process_read(struct bytes file, struct instrument *out, struct process_errors *errors) {
    struct instrument instrument = {.court_signature = COURT_SIGNATURE_NONE};
    bool seen[COUNT_OF(keys)] = {false};
    size_t number = 0;
    errors->count = 0;
    for (size_t at = 0; at < file.len;) {
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? file.len - at : (size_t)(end - file.at) - at;
        char line[LINE_MAX_BYTES];
        number++;
        if (len >= sizeof line) {
            complain(errors, number, "line is too long");
        } else {
            memcpy(line, file.at + at, len);
            line[len] = '\0';
            for (size_t i = 0; i < len; i++) {
                line[i] = line[i] == '\t' || line[i] == '\r' ? ' ' : line[i];
            }
            if (fence_text_valid((struct bytes){(const uint8_t *)line, len})) {
                read_line(&instrument, line, number, seen, errors);
            } else {
                complain(errors, number, "not plain UTF-8 text");
            }
        }
        at += len + 1;
    }
    if (!seen[0]) {
        complain(errors, 0, "'instrument' is missing: say what kind of process it is");
    }
    if (errors->count > 0) {
        return ERR_USER_SYNTAX;
    }
    *out = instrument;
    return ERR_OK;
}

enum err process_template(enum instrument_kind kind, struct buffer *out) {
    char line[256];
    (void)snprintf(line, sizeof line, "# %s. Times: RFC 3339, or local as 2026-11-24 21:10.\n",
                   instrument_label(kind));
    enum err err = buffer_append(out, BYTES_TEXT(line));
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(keys); i++) {
        const struct key *key = &keys[i];
        if ((key->used & uses_of(kind)) == 0) {
            continue;
        }
        (void)snprintf(line, sizeof line, "\n# %s\n%s%s = %s\n", key->hint,
                       (key->used & OPTIONAL) != 0 ? "#" : "", key->name,
                       key->kind == KEY_KIND ? instrument_word(kind) : "");
        err = buffer_append(out, BYTES_TEXT(line));
    }
    return err;
}

static void read_line(struct instrument *instrument, char *line, size_t number, bool *seen,
                      struct process_errors *errors) {
    line = trim(line);
    if (*line == '\0' || *line == '#') {
        return;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        complain(errors, number, "expected 'key = value'");
        return;
    }
    *equals = '\0';
    const char *name = trim(line);
    const char *value = trim(equals + 1);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            if (seen[i]) {
                complain(errors, number, "'%s' is given twice", name);
                return;
            }
            seen[i] = true;
            read_value(instrument, &keys[i], value, number, errors);
            return;
        }
    }
    complain(errors, number, "unknown key '%.40s'", name);
}

static void read_value(struct instrument *instrument, const struct key *key, const char *value,
                       size_t number, struct process_errors *errors) {
    uint8_t *to = (uint8_t *)instrument + key->offset;
    struct instant at;
    switch (key->kind) {
    case KEY_KIND:
        if (instrument_from_word(value, &instrument->kind) != ERR_OK) {
            complain(errors, number, "'%.40s' is no kind of process", value);
        }
        return;
    case KEY_TEXT:
        if (strlen(value) >= key->size) {
            complain(errors, number, "'%s' has at most %zu bytes", key->name, key->size - 1);
        } else {
            (void)snprintf((char *)to, key->size, "%s", value);
        }
        return;
    case KEY_TIME:
        if (*value == '\0') {
            return;
        }
        if (instant_parse(value, &at) != ERR_OK) {
            complain(errors, number, "'%.40s' is no time", value);
        } else {
            memcpy(to, &at, sizeof at);
        }
        return;
    case KEY_BOOL:
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
            complain(errors, number, "'%s' is yes or no", key->name);
        }
        *(bool *)to = strcmp(value, "yes") == 0;
        return;
    case KEY_COURT_SIGNATURE:
        instrument->court_signature = strcmp(value, "cms") == 0     ? COURT_SIGNATURE_CMS
                                      : strcmp(value, "image") == 0 ? COURT_SIGNATURE_IMAGE
                                                                    : COURT_SIGNATURE_NONE;
        if (instrument->court_signature == COURT_SIGNATURE_NONE && strcmp(value, "none") != 0) {
            complain(errors, number, "'court_signature' is none, image or cms");
        }
        return;
    }
}

static void complain(struct process_errors *errors, size_t line, const char *format, ...) {
    if (errors->count == PROCESS_ERRORS_MAX) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(errors->list[errors->count].text, sizeof errors->list[0].text, format,
                    arguments);
    va_end(arguments);
    errors->list[errors->count++].line = line;
}

static char *trim(char *text) {
    while (*text == ' ') {
        text++;
    }
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ') {
        text[--len] = '\0';
    }
    return text;
}

static unsigned uses_of(enum instrument_kind kind) {
    switch (kind) {
    case INSTRUMENT_SEARCH_WARRANT:
    case INSTRUMENT_COURT_ORDER:
    case INSTRUMENT_PRODUCTION_ORDER:
        return COURT | ORDERED | OFFICIAL;
    case INSTRUMENT_SUBPOENA:
        return COURT | OFFICIAL;
    case INSTRUMENT_PRESERVATION:
        return PRESERVE | OFFICIAL;
    case INSTRUMENT_EMERGENCY:
        return EMERGENCY | OFFICIAL;
    case INSTRUMENT_VOLUNTARY:
        break;
    }
    return 0;
}
