#include "proto/process.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/base/instant.h"
#include "proto/fence.h"
#include "proto/periods.h"

enum {
    KEY_MAX_BYTES = 32,
    QUOTE_MAX_BYTES = 48, /* of a value in an error */
};

struct field {
    const char *key; /* as in the rules of legal process, where one has it */
    enum field_kind {
        FIELD_TEXT,
        FIELD_TIME,
        FIELD_FLAG,
        FIELD_INSTRUMENT,
        FIELD_COURT_SIGNATURE
    } kind;
    size_t offset;
    size_t size;
    bool of_silence; /* means something only with non_disclosure = yes */
};

#define FIELD(key, kind, member)                                                                   \
    {                                                                                              \
        key, kind, offsetof(struct instrument, member), sizeof(((struct instrument *)0)->member),  \
            false                                                                                  \
    }
#define SILENCE(key, kind, member)                                                                 \
    {                                                                                              \
        key, kind, offsetof(struct instrument, member), sizeof(((struct instrument *)0)->member),  \
            true                                                                                   \
    }
static const struct field fields[] = {
    FIELD("instrument", FIELD_INSTRUMENT, kind),
    FIELD("jurisdiction", FIELD_TEXT, jurisdiction),
    FIELD("court", FIELD_TEXT, court),
    FIELD("case", FIELD_TEXT, case_number),
    FIELD("statute", FIELD_TEXT, statute),
    FIELD("offence", FIELD_TEXT, offence),
    FIELD("applicant_name", FIELD_TEXT, applicant_name),
    FIELD("applicant_agency", FIELD_TEXT, applicant_agency),
    FIELD("applicant_badge", FIELD_TEXT, applicant_badge),
    FIELD("authority_name", FIELD_TEXT, authority_name),
    FIELD("authority_title", FIELD_TEXT, authority_title),
    FIELD("issued_at", FIELD_TIME, issued_at),
    FIELD("execute_by", FIELD_TIME, execute_by),
    FIELD("items", FIELD_TEXT, items),
    FIELD("produce_to", FIELD_TEXT, produce_to),
    FIELD("produce_by", FIELD_TIME, produce_by),
    FIELD("non_disclosure", FIELD_FLAG, non_disclosure),
    SILENCE("non_disclosure_authority", FIELD_TEXT, non_disclosure_authority),
    SILENCE("non_disclosure_issued", FIELD_TIME, non_disclosure_issued),
    SILENCE("non_disclosure_expires", FIELD_TIME, non_disclosure_expires),
    FIELD("preserve_until", FIELD_TIME, preserve_until),
    FIELD("emergency_facts", FIELD_TEXT, emergency_facts),
    FIELD("emergency_person", FIELD_TEXT, emergency_person),
    FIELD("emergency_why_now", FIELD_TEXT, emergency_why_now),
    FIELD("court_signature", FIELD_COURT_SIGNATURE, court_signature),
};

static const char *const court_signatures[] = {
    [COURT_SIGNATURE_NONE] = "none",
    [COURT_SIGNATURE_IMAGE] = "image",
    [COURT_SIGNATURE_CMS] = "cms",
};

static_assert(COUNT_OF(fields) == PROCESS_KEYS_MAX, "a reading has room for every key");

struct reader {
    size_t line;
    struct process_reading *out;
};

/* A value, ended by NUL: no field is longer than that. */
struct value {
    char text[LONG_FIELD_MAX_BYTES];
    bool too_long;
};

static void read_line(struct reader *reader, struct bytes line);
static void read_key(struct reader *reader, const struct field *field, struct bytes rest);
static bool read_value(struct reader *reader, const struct field *field, const struct value *value);
static bool read_time(struct reader *reader, const struct field *field, const char *text);
static void check_whole(struct reader *reader);
static struct bytes trim(struct bytes text);
static const struct field *find_field(struct bytes key);
static void complain(struct reader *reader, size_t line, const char *format, ...) PRINTF_LIKE(3, 4);
static const char *quote(const char *text, char out[QUOTE_MAX_BYTES]);
static bool useful(const char *key, enum instrument_kind kind);
static bool wanted(const char *key, enum instrument_kind kind);
static enum err write_rule(size_t index, struct buffer *out);
static enum err write_periods(struct buffer *out);
static enum err write_field(const struct field *field, enum instrument_kind kind,
                            struct buffer *out);
static enum err write_text(struct buffer *out, const char *format, ...) PRINTF_LIKE(2, 3);

enum err process_read(struct bytes file, struct process_reading *out) {
    struct reader reader = {.out = out};
    size_t at = 0;
    memset(out, 0, sizeof *out);
    out->instrument.court_signature = COURT_SIGNATURE_NONE;
    if (file.len > PROCESS_FILE_MAX) {
        complain(&reader, 0, "the file is larger than %d bytes", PROCESS_FILE_MAX);
        return ERR_USER_SYNTAX;
    }
    while (at < file.len) {
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? file.len - at : (size_t)(end - file.at) - at;
        reader.line++;
        read_line(&reader, trim((struct bytes){file.at + at, len}));
        at += len + 1;
    }
    check_whole(&reader);
    return out->errors.count > 0 ? ERR_USER_SYNTAX : ERR_OK;
}

const struct process_key *process_key_of(const struct process_reading *reading, const char *key) {
    const struct field *field = find_field(BYTES_TEXT(key));
    if (field == NULL) {
        return NULL;
    }
    const struct process_key *found = &reading->keys[field - fields];
    return field->of_silence && found->line == 0 ? process_key_of(reading, "non_disclosure")
                                                 : found;
}

enum err process_template(enum instrument_kind kind, struct buffer *out) {
    enum err err = write_text(
        out,
        "# The legal process of a request: %s.\n"
        "#\n"
        "# One 'key = value' a line; a line that begins with '#' is left out. Give every\n"
        "# key a value, or put '#' before it: one without is an error. To add a key that\n"
        "# has one, take its '#' away. Times: 2026-12-01T18:00:00-08:00, or 2026-12-01 18:00\n"
        "# in this computer's time zone.\n"
        "#\n"
        "# LP-01 and so on are rules. Every home refuses a request that breaks one marked\n"
        "# '!'; any other is shown to the owner as a failed check. 'stoop process check\n"
        "# FILE' tells all that are broken, 'stoop process rules' where they come from.\n",
        instrument_label(kind));
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(fields); i++) {
        if (useful(fields[i].key, kind)) {
            err = write_field(&fields[i], kind, out);
        }
    }
    if (err == ERR_OK) {
        err = write_text(out, "\n# Not of this file: checked when it is asked.\n");
    }
    for (size_t i = 0; err == ERR_OK && i < legal_rule_count(); i++) {
        if (find_field(BYTES_TEXT(legal_rule_at(i)->field)) == NULL) {
            err = write_rule(i, out);
        }
    }
    return err;
}

/* ---- reading ---- */

static void read_line(struct reader *reader, struct bytes line) {
    if (line.len == 0 || line.at[0] == '#') {
        return;
    }
    const uint8_t *equals = memchr(line.at, '=', line.len);
    if (equals == NULL) {
        complain(reader, reader->line, "expected 'key = value'");
        return;
    }
    struct bytes key = trim((struct bytes){line.at, (size_t)(equals - line.at)});
    struct bytes rest = trim((struct bytes){equals + 1, (size_t)(line.at + line.len - equals) - 1});
    const struct field *field = find_field(key);
    if (field == NULL) {
        struct value name = {0};
        char quoted[QUOTE_MAX_BYTES];
        bool plain = key.len < KEY_MAX_BYTES && fence_text_valid(key);
        memcpy(name.text, key.at, plain ? key.len : 0);
        complain(reader, reader->line, plain ? "unknown key '%s'" : "unknown key%s",
                 plain ? quote(name.text, quoted) : "");
        return;
    }
    read_key(reader, field, rest);
}

static void read_key(struct reader *reader, const struct field *field, struct bytes rest) {
    struct process_key *key = &reader->out->keys[field - fields];
    if (key->line != 0) {
        complain(reader, reader->line, "'%s' is there already, in line %zu", field->key, key->line);
        return;
    }
    key->line = reader->line;
    key->bad = true;
    if (rest.len == 0) {
        complain(reader, reader->line, "'%s' has no value", field->key);
        return;
    }
    if (!fence_text_valid(rest)) {
        complain(reader, reader->line, "'%s' is not plain UTF-8 text", field->key);
        return;
    }
    struct value value = {.too_long = rest.len >= sizeof value.text};
    memcpy(value.text, rest.at, value.too_long ? 0 : rest.len);
    key->bad = !read_value(reader, field, &value);
}

/* False after complaining. */
static bool read_value(struct reader *reader, const struct field *field,
                       const struct value *value) {
    void *to = (uint8_t *)&reader->out->instrument + field->offset;
    char quoted[QUOTE_MAX_BYTES];
    size_t len = strlen(value->text);
    switch (field->kind) {
    case FIELD_TEXT:
        if (value->too_long || len >= field->size) {
            complain(reader, reader->line, "'%s' is longer than %zu bytes", field->key,
                     field->size - 1);
            return false;
        }
        memcpy(to, value->text, len + 1);
        return true;
    case FIELD_TIME:
        return read_time(reader, field, value->text);
    case FIELD_FLAG: {
        bool yes = strcmp(value->text, "yes") == 0;
        if (!yes && strcmp(value->text, "no") != 0) {
            complain(reader, reader->line, "'%s' is yes or no, not '%s'", field->key,
                     quote(value->text, quoted));
            return false;
        }
        *(bool *)to = yes;
        return true;
    }
    case FIELD_INSTRUMENT:
        if (instrument_from_word(value->text, (enum instrument_kind *)to) == ERR_OK) {
            return true;
        }
        complain(reader, reader->line, "no instrument is called '%s'", quote(value->text, quoted));
        return false;
    case FIELD_COURT_SIGNATURE:
        for (size_t i = COURT_SIGNATURE_NONE; i <= COURT_SIGNATURE_CMS; i++) {
            if (strcmp(value->text, court_signatures[i]) == 0) {
                *(enum court_signature *)to = (enum court_signature)i;
                return true;
            }
        }
        complain(reader, reader->line, "'%s' is none, image or cms, not '%s'", field->key,
                 quote(value->text, quoted));
        return false;
    }
    return false;
}

static bool read_time(struct reader *reader, const struct field *field, const char *text) {
    struct instant *to = (struct instant *)((uint8_t *)&reader->out->instrument + field->offset);
    char quoted[QUOTE_MAX_BYTES];
    struct instant at;
    enum err err = instant_parse(text, &at);
    if (err == ERR_OK && at.ms > 0) { /* 0 stands for none */
        *to = at;
        return true;
    }
    if (err == ERR_USER_SYNTAX) {
        complain(reader, reader->line, "'%s' is not a time: '%s'", field->key, quote(text, quoted));
    } else {
        complain(reader, reader->line, "'%s': no such time, or an ambiguous one: '%s'", field->key,
                 quote(text, quoted));
    }
    return false;
}

/* What no single line shows. */
static void check_whole(struct reader *reader) {
    const struct process_reading *out = reader->out;
    const struct process_key *flag = process_key_of(out, "non_disclosure");
    if (out->keys[0].line == 0) {
        complain(reader, 0, "'%s' is missing", fields[0].key);
    }
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].of_silence && out->keys[i].line != 0 && !out->instrument.non_disclosure &&
            !flag->bad) {
            complain(reader, out->keys[i].line, "'%s' needs 'non_disclosure = yes'", fields[i].key);
        }
    }
}

static struct bytes trim(struct bytes text) {
    while (text.len > 0 && memchr(" \t\r", text.at[0], 3) != NULL) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && memchr(" \t\r", text.at[text.len - 1], 3) != NULL) {
        text.len--;
    }
    return text;
}

static const struct field *find_field(struct bytes key) {
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (bytes_equal(key, BYTES_TEXT(fields[i].key))) {
            return &fields[i];
        }
    }
    return NULL;
}

static void complain(struct reader *reader, size_t line, const char *format, ...) {
    struct process_errors *errors = &reader->out->errors;
    if (errors->count == PROCESS_ERRORS_MAX) {
        return;
    }
    struct process_error *error = &errors->list[errors->count++];
    va_list more;
    va_start(more, format);
    error->line = line;
    (void)vsnprintf(error->text, sizeof error->text, format, more);
    va_end(more);
}

/* Cut to length between characters. */
static const char *quote(const char *text, char out[QUOTE_MAX_BYTES]) {
    size_t len = strlen(text);
    bool cut = len >= QUOTE_MAX_BYTES;
    if (cut) {
        len = QUOTE_MAX_BYTES - sizeof "...";
        while (((uint8_t)text[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(out, text, len);
    memcpy(out + len, cut ? "..." : "", cut ? sizeof "..." : 1);
    return out;
}

/* ---- the template ---- */

/* The facts of an emergency are no other instrument's. */
static bool useful(const char *key, enum instrument_kind kind) {
    return kind == INSTRUMENT_EMERGENCY || strncmp(key, "emergency_", 10) != 0;
}

/* Some rule fails for an instrument of this kind that says nothing else. */
static bool wanted(const char *key, enum instrument_kind kind) {
    static const struct charter charter = {.caps = CAPS_DEFAULT};
    const struct legal_terms terms = {.charter = &charter, .instruments = INSTRUMENTS_ALL};
    static const struct instant now = {INT64_C(1767225600000)};
    const struct request request = {
        .head = {.created = now, .expires = INSTANT_NEVER},
        .place = {.radius_m = 1, .count = 1},
        .from = {now.ms - 2},
        .to = {now.ms - 1},
        .instrument = {.kind = kind, .court_signature = COURT_SIGNATURE_CMS},
        .document = {.present = true},
        .court_seal = {.present = true},
    };
    struct legal_report report;
    legal_check(&request, &terms, now, true, &report);
    for (size_t i = 0; i < report.count; i++) {
        if (report.outcomes[i] == LEGAL_FAILED && strcmp(legal_rule_at(i)->field, key) == 0) {
            return true;
        }
    }
    return false;
}

static enum err write_field(const struct field *field, enum instrument_kind kind,
                            struct buffer *out) {
    enum err err = write_text(out, "\n");
    for (size_t i = 0; err == ERR_OK && i < legal_rule_count(); i++) {
        if (strcmp(legal_rule_at(i)->field, field->key) == 0) {
            err = write_rule(i, out);
        }
    }
    if (err == ERR_OK && kind == INSTRUMENT_SEARCH_WARRANT &&
        strcmp(field->key, "execute_by") == 0) {
        err = write_periods(out);
    }
    if (err != ERR_OK) {
        return err;
    }
    switch (field->kind) {
    case FIELD_INSTRUMENT:
        return write_text(out, "%s = %s\n", field->key, instrument_word(kind));
    case FIELD_FLAG:
        return write_text(out, "# %s = no\n", field->key);
    case FIELD_COURT_SIGNATURE:
        return write_text(out, "# %s = none\n", field->key);
    case FIELD_TEXT:
    case FIELD_TIME:
        break;
    }
    return write_text(out, "%s%s =\n", wanted(field->key, kind) ? "" : "# ", field->key);
}

static enum err write_rule(size_t index, struct buffer *out) {
    const struct legal_rule *rule = legal_rule_at(index);
    return write_text(out, "# %s %c %s\n", rule->id, rule->severity == LEGAL_FAIL ? ' ' : '!',
                      rule->text);
}

static enum err write_periods(struct buffer *out) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < execution_period_count(); i++) {
        const struct execution_period *period = execution_period_at(i);
        char text[PERIOD_TEXT_MAX];
        execution_period_text(period, text);
        err = write_text(out, "#         %s%s: %s (%s)\n", period->jurisdiction,
                         period->court == PERIOD_FEDERAL ? ", federal court" : "", text,
                         period->source);
    }
    return err == ERR_OK ? write_text(out, "#         elsewhere: not known here\n") : err;
}

static enum err write_text(struct buffer *out, const char *format, ...) {
    char text[1024];
    va_list more;
    va_start(more, format);
    int len = vsnprintf(text, sizeof text, format, more);
    va_end(more);
    ASSERT(len >= 0 && (size_t)len < sizeof text);
    return buffer_append(out, (struct bytes){(const uint8_t *)text, (size_t)len});
}
