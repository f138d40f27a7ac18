#include "cli/terms.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "proto/lines.h"
#include "proto/request.h"

#define M2_PER_SQUARE_MILE 2589988.110336

enum {
    SUBJECT_SHOWN = 40, /* columns of what is wrong */
    DIGITS_MAX = 12,
};
static_assert(INSTRUMENTS_ALL == (1 << (INSTRUMENT_VOLUNTARY + 1)) - 2, "a bit for each kind");

enum key {
    KEY_NAME,
    KEY_ADMINISTRATOR,
    KEY_DECIDE,
    KEY_INVITES,
    KEY_LONGEST,
    KEY_LARGEST,
    KEY_LIVE_REQUESTS,
    KEY_DELETE_BY,
    KEY_WITNESSES,
    KEY_SLOT,
    KEY_AREA,
    KEY_AUTHORITY,
    KEYS,
};

static const struct key_text {
    const char *word;
    bool needed;
    const char *comment;
} keys[KEYS] = {
    [KEY_NAME] = {"name", true, "# What the community is called.\n"},
    [KEY_ADMINISTRATOR] =
        {"administrator", true,
         "# Who decide, one a line: the home, ' / ', and the owner of it, as 'stoop\n"
         "# members' and 'stoop charter show' have them; or an owner's key in hex.\n"},
    [KEY_DECIDE] = {"decide", true, "# How many of them have to sign what they decide.\n"},
    [KEY_INVITES] = {"invites", true, "# How many members a home may bring in at most, 0 to 64.\n"},
    [KEY_LONGEST] = {"longest", true,
                     "# Longest time that a request may ask for: 's', 'min' or 'h', up to 12 h.\n"},
    [KEY_LARGEST] =
        {"largest", true,
         "# Largest place that a request may ask about: 'm2' or 'sq mi', up to 0.5 sq mi.\n"},
    [KEY_LIVE_REQUESTS] = {"live_requests", true,
                           "# How many requests of one asker may be open at once, 1 to 10.\n"},
    [KEY_DELETE_BY] =
        {"delete_by", true,
         "# When what was granted has to be deleted at the latest, 1 to 3650 days.\n"},
    [KEY_WITNESSES] = {"witnesses", true,
                       "# Neighbours who should cosign each home's log, 0 to 8.\n"},
    [KEY_SLOT] = {"slot", true, "# Length of a log slot, 1 s to 1 h.\n"},
    [KEY_AREA] =
        {"area", false,
         "# Requests may ask about places within this area alone; without the line, about\n"
         "# any. A circle, '52.52,13.405 radius 800 m', or three corners or more.\n"},
    [KEY_AUTHORITY] =
        {"authority", false,
         "# Whose court seals count, up to 4: a certificate (PEM or DER), as a path from\n"
         "# here, or one that the charter has already, as it stands here.\n"},
};

static const char *const role_words[] = {"",        "home",     "requester", "administrator",
                                         "witness", "outsider", "officer"};

enum section {
    SECTION_NONE,
    SECTION_AGENCY,
    SECTION_ROLE
};

struct reader {
    struct terms_file file;
    size_t lines[KEYS]; /* where each was read last; 0: nowhere */
    enum section section;
    bool has_number, has_instruments, has_invites; /* in this section */
    struct terms_error *error;
};

static enum err read_line(struct reader *reader, char *line);
static enum err read_section(struct reader *reader, char *line);
static enum err read_agency(struct reader *reader, const char *line);
static enum err read_role(struct reader *reader, const char *line);
static enum err end_section(struct reader *reader);
static enum err read_in_section(struct reader *reader, const char *key, const char *value);
static enum err read_key(struct reader *reader, const char *word, const char *value);
static enum err read_value(struct reader *reader, enum key key, const char *value);
static enum err read_named(struct reader *reader, struct terms_named *list, size_t *count,
                           size_t max, const char *value);
static enum err read_number(struct reader *reader, const char *value, struct number_range range,
                            uint32_t *out);
static enum err read_days(struct reader *reader, const char *value, uint32_t *out);
static enum err read_place(struct reader *reader, const char *value);
static enum err check_whole(struct reader *reader);
static const char *after_number(const char *value, uint32_t *out);
static void drop_rules_without_effect(struct charter *charter);
static enum err bad(struct reader *reader, const char *what, const char *subject);
static enum err wrong(struct terms_error *error, const char *what, const char *subject);
static enum err write_key(const struct charter *charter, const struct terms_names *names,
                          enum key key, struct buffer *out);
static enum err write_place(const struct geo_place *place, struct buffer *out);
static enum err write_text(struct buffer *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- reading ---- */

enum err terms_read(struct bytes file, struct terms_file *out, struct terms_error *error) {
    static struct reader reader; /* large */
    char room[TERMS_LINE_MAX];
    struct lines lines = {.file = file, .room = room, .room_size = sizeof room};
    memset(&reader, 0, sizeof reader);
    reader.error = error;
    *error = (struct terms_error){0};
    while (lines_next(&lines)) {
        error->line = lines.number;
        enum err err =
            lines.wrong != NULL ? bad(&reader, lines.wrong, "") : read_line(&reader, lines.text);
        if (err != ERR_OK) {
            return err;
        }
    }
    error->line = error->line == 0 ? 1 : error->line;
    enum err err = end_section(&reader);
    if (err == ERR_OK) {
        err = check_whole(&reader);
    }
    if (err == ERR_OK) {
        drop_rules_without_effect(&reader.file.charter);
        *out = reader.file;
    }
    return err;
}

static enum err read_line(struct reader *reader, char *line) {
    if (*line == '\0' || *line == '#') {
        return ERR_OK;
    }
    if (*line == '[') {
        enum err err = end_section(reader);
        return err == ERR_OK ? read_section(reader, line) : err;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return bad(reader, "expected 'key = value', got", line);
    }
    *equals = '\0';
    const char *key = lines_trim(line);
    const char *value = lines_trim(equals + 1);
    if (*value == '\0') {
        return bad(reader, "no value for", key);
    }
    return reader->section == SECTION_NONE ? read_key(reader, key, value)
                                           : read_in_section(reader, key, value);
}

static enum err read_section(struct reader *reader, char *line) {
    reader->has_number = reader->has_instruments = reader->has_invites = false;
    if (strncmp(line, "[agency ", 8) == 0) {
        reader->section = SECTION_AGENCY;
        return read_agency(reader, line);
    }
    if (strncmp(line, "[role ", 6) == 0) {
        reader->section = SECTION_ROLE;
        return read_role(reader, line);
    }
    return bad(reader, "unknown section", line);
}

/* [agency "NAME"] */
static enum err read_agency(struct reader *reader, const char *line) {
    struct charter *charter = &reader->file.charter;
    char name[TERMS_LINE_MAX];
    if (!lines_heading(line, "agency", name, sizeof name)) {
        return bad(reader, "expected [agency \"NAME\"], got", line);
    }
    if (!name_good(name)) {
        return bad(reader, "not a name:", name);
    }
    if (charter_agency(charter, name) != NULL) {
        return bad(reader, "doubled agency", name);
    }
    if (charter->agency_count == AGENCIES_MAX) {
        return bad(reader, "no more than 16 agencies fit", "");
    }
    struct agency *agency = &charter->agencies[charter->agency_count++];
    memcpy(agency->name, name, strlen(name) + 1);
    return ERR_OK;
}

/* [role NAME] */
static enum err read_role(struct reader *reader, const char *line) {
    struct charter *charter = &reader->file.charter;
    char closed[32];
    for (int role = MEMBER_HOME; role <= MEMBER_OFFICER; role++) {
        (void)snprintf(closed, sizeof closed, "[role %s]", role_words[role]);
        if (strcmp(line, closed) != 0) {
            continue;
        }
        for (size_t i = 0; i < charter->role_count; i++) {
            if (charter->roles[i].role == (enum member_role)role) {
                return bad(reader, "doubled section", line);
            }
        }
        charter->roles[charter->role_count++] = (struct role_rule){.role = (enum member_role)role};
        return ERR_OK;
    }
    return bad(
        reader,
        "no role, as [role home], requester, administrator, witness, outsider, officer:", line);
}

static enum err end_section(struct reader *reader) {
    if (reader->section == SECTION_AGENCY && !reader->has_number) {
        return bad(reader, "no 'number' for the agency before", "");
    }
    if (reader->section == SECTION_ROLE && !(reader->has_instruments && reader->has_invites)) {
        return bad(reader, "a role needs both 'instruments' and 'invites'", "");
    }
    return ERR_OK;
}

static enum err read_in_section(struct reader *reader, const char *key, const char *value) {
    struct charter *charter = &reader->file.charter;
    bool number = reader->section == SECTION_AGENCY && strcmp(key, "number") == 0;
    bool instruments = reader->section == SECTION_ROLE && strcmp(key, "instruments") == 0;
    bool invites = reader->section == SECTION_ROLE && strcmp(key, "invites") == 0;
    if ((number && reader->has_number) || (instruments && reader->has_instruments) ||
        (invites && reader->has_invites)) {
        return bad(reader, "doubled key", key);
    }
    reader->has_number |= number;
    reader->has_instruments |= instruments;
    reader->has_invites |= invites;
    if (number) {
        struct agency *agency = &charter->agencies[charter->agency_count - 1];
        if (strlen(value) >= sizeof agency->number || !call_number_valid(value)) {
            return bad(reader, "not a telephone number, as +1 951 555 0100:", value);
        }
        memcpy(agency->number, value, strlen(value) + 1);
        return ERR_OK;
    }
    if (instruments) {
        return terms_read_instruments(value, &charter->roles[charter->role_count - 1].instruments,
                                      reader->error);
    }
    if (invites) {
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
            return bad(reader, "neither 'yes' nor 'no':", value);
        }
        charter->roles[charter->role_count - 1].may_not_invite = strcmp(value, "no") == 0;
        return ERR_OK;
    }
    return bad(reader, "unknown key", key);
}

static enum err read_key(struct reader *reader, const char *word, const char *value) {
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(word, keys[i].word) != 0) {
            continue;
        }
        if (reader->lines[i] != 0 && i != KEY_ADMINISTRATOR && i != KEY_AUTHORITY) {
            return bad(reader, "doubled key", word);
        }
        reader->lines[i] = reader->error->line;
        return read_value(reader, (enum key)i, value);
    }
    return bad(reader, "unknown key", word);
}

static enum err read_value(struct reader *reader, enum key key, const char *value) {
    struct terms_file *file = &reader->file;
    struct charter *charter = &file->charter;
    switch (key) {
    case KEY_NAME:
        if (!name_good(value)) {
            return bad(reader, "not a name:", value);
        }
        memcpy(charter->name, value, strlen(value) + 1);
        return ERR_OK;
    case KEY_ADMINISTRATOR:
        return read_named(reader, file->administrators, &file->administrator_count,
                          ADMINISTRATORS_MAX, value);
    case KEY_DECIDE:
        return read_number(reader, value, (struct number_range){1, ADMINISTRATORS_MAX, NULL},
                           &charter->threshold);
    case KEY_INVITES:
        return read_number(reader, value, (struct number_range){0, 64, NULL},
                           &charter->invite_allowance);
    case KEY_LONGEST:
        return terms_read_span(value, CAPS_DEFAULT.span_s, &charter->caps.span_s, reader->error);
    case KEY_LARGEST:
        return terms_read_area(value, &charter->caps.area_m2, reader->error);
    case KEY_LIVE_REQUESTS:
        return read_number(reader, value,
                           (struct number_range){1, CAPS_DEFAULT.live_requests, NULL},
                           &charter->caps.live_requests);
    case KEY_DELETE_BY:
        return read_days(reader, value, &charter->delete_by_max_days);
    case KEY_WITNESSES:
        return read_number(reader, value, (struct number_range){0, CHARTER_WITNESSES_MAX, NULL},
                           &charter->witnesses);
    case KEY_SLOT:
        return terms_read_span(value, 3600, &charter->slot_s, reader->error);
    case KEY_AREA:
        return read_place(reader, value);
    case KEY_AUTHORITY:
        return read_named(reader, file->authorities, &file->authority_count, AUTHORITIES_MAX,
                          value);
    case KEYS:
        break;
    }
    return ERR_USER_SYNTAX;
}

static enum err read_named(struct reader *reader, struct terms_named *list, size_t *count,
                           size_t max, const char *value) {
    char safe[SAFE_MAX];
    if (strlen(value) >= TERMS_NAMED_MAX ||
        strcmp(safe_text(value, TERMS_NAMED_MAX, safe), value) != 0) {
        return bad(reader, "not a name:", value);
    }
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(list[i].text, value) == 0) {
            return bad(reader, "named twice:", value);
        }
    }
    if (*count == max) {
        return bad(reader, "one too many:", value);
    }
    struct terms_named *named = &list[(*count)++];
    named->line = reader->error->line;
    memcpy(named->text, value, strlen(value) + 1);
    return ERR_OK;
}

static enum err read_number(struct reader *reader, const char *value, struct number_range range,
                            uint32_t *out) {
    uint32_t number = 0;
    const char *rest = after_number(value, &number);
    if (rest == NULL || *rest != '\0' || number < range.low || number > range.high) {
        char what[48];
        (void)snprintf(what, sizeof what, "not a number from %ld to %ld:", range.low, range.high);
        return bad(reader, what, value);
    }
    *out = number;
    return ERR_OK;
}

/* "12 h", "90 min", "45 s" */
enum err terms_read_span(const char *value, uint32_t max, uint32_t *out,
                         struct terms_error *error) {
    uint32_t number = 0;
    const char *unit = after_number(value, &number);
    uint64_t seconds = unit == NULL               ? 0
                       : strcmp(unit, "s") == 0   ? number
                       : strcmp(unit, "min") == 0 ? (uint64_t)number * 60
                       : strcmp(unit, "h") == 0   ? (uint64_t)number * 3600
                                                  : 0;
    if (seconds < 1 || seconds > max) {
        return wrong(error,
                     max == 3600 ? "not a time of 1 s to 1 h, as '60 s':"
                                 : "not a time of 1 s to 12 h, as '90 min':",
                     value);
    }
    *out = (uint32_t)seconds;
    return ERR_OK;
}

static enum err read_days(struct reader *reader, const char *value, uint32_t *out) {
    uint32_t number = 0;
    const char *unit = after_number(value, &number);
    bool days = unit != NULL && (strcmp(unit, "days") == 0 || strcmp(unit, "day") == 0);
    if (!days || number < 1 || number > 3650) {
        return bad(reader, "not 1 to 3650 days, as '90 days':", value);
    }
    *out = number;
    return ERR_OK;
}

/* "300 m2", "0.25 sq mi" */
enum err terms_read_area(const char *value, uint32_t *out, struct terms_error *error) {
    size_t len = strspn(value, "0123456789.");
    const char *unit = value + len + strspn(value + len, " ");
    bool metres = strcmp(unit, "m2") == 0;
    bool miles = strcmp(unit, "sq mi") == 0;
    double number =
        len > 0 && len <= DIGITS_MAX && memchr(value, '.', len) != value ? strtod(value, NULL) : 0;
    bool fraction = memchr(value, '.', len) != NULL;
    double m2 = miles ? number * M2_PER_SQUARE_MILE : number;
    if ((!metres && !miles) || (metres && fraction) ||
        (fraction && strchr(strchr(value, '.') + 1, '.') != NULL) || m2 < 1 ||
        (uint64_t)m2 > CAPS_DEFAULT.area_m2) {
        return wrong(error, "not a size up to 0.5 sq mi, as '300 m2' or '0.25 sq mi':", value);
    }
    *out = (uint32_t)m2;
    return ERR_OK;
}

/* "52.52,13.405 radius 800 m", or corners. */
static enum err read_place(struct reader *reader, const char *value) {
    struct charter *charter = &reader->file.charter;
    struct geo_place place = {0};
    char copy[TERMS_LINE_MAX];
    char *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", value);
    char *radius = strstr(copy, " radius ");
    bool good = true;
    if (radius != NULL) {
        *radius = '\0';
        const char *unit = after_number(radius + strlen(" radius "), &place.radius_m);
        good = unit != NULL && strcmp(unit, "m") == 0;
    }
    for (char *word = strtok_r(copy, " ", &rest); good && word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        good = place.count < GEO_POINTS_MAX &&
               geo_point_parse(word, &place.points[place.count++]) == ERR_OK;
    }
    if (!good || !geo_place_valid(&place)) {
        return bad(reader, "not an area, as '52.52,13.405 radius 800 m' or corners:", value);
    }
    charter->area = place;
    charter->has_area = true;
    return ERR_OK;
}

enum err terms_read_instruments(const char *value, uint32_t *out, struct terms_error *error) {
    char copy[TERMS_LINE_MAX];
    char *rest = copy;
    if (strcmp(value, "all") == 0 || strcmp(value, "none") == 0) {
        *out = strcmp(value, "all") == 0 ? INSTRUMENTS_ALL : 0;
        return ERR_OK;
    }
    (void)snprintf(copy, sizeof copy, "%s", value);
    *out = 0;
    for (char *word = strtok_r(copy, ", ", &rest); word != NULL;
         word = strtok_r(NULL, ", ", &rest)) {
        enum instrument_kind kind;
        if (instrument_from_word(word, &kind) != ERR_OK) {
            return wrong(error, "no instrument is called", word);
        }
        *out |= 1U << kind;
    }
    return *out == 0 ? wrong(error, "no instrument is called", value) : ERR_OK;
}

enum err terms_read_roles(const char *value, uint32_t *out, struct terms_error *error) {
    char copy[TERMS_LINE_MAX];
    char *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", value);
    *out = 0;
    for (char *word = strtok_r(copy, ", ", &rest); word != NULL;
         word = strtok_r(NULL, ", ", &rest)) {
        enum member_role role = MEMBER_HOME;
        while (role < MEMBER_WITNESS && strcmp(role_words[role], word) != 0) {
            role++;
        }
        if (role == MEMBER_WITNESS) {
            return wrong(error, "neither home, requester nor administrator:", word);
        }
        *out |= 1U << role;
    }
    return *out == 0 ? wrong(error, "neither home, requester nor administrator:", value) : ERR_OK;
}

static enum err check_whole(struct reader *reader) {
    const struct terms_file *file = &reader->file;
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].needed && reader->lines[i] == 0) {
            return bad(reader, "there is no line with", keys[i].word);
        }
    }
    if (file->charter.threshold > file->administrator_count) {
        reader->error->line = reader->lines[KEY_DECIDE];
        return bad(reader, "more have to sign than there are administrators", "");
    }
    return ERR_OK;
}

/* What follows a whole number and spaces; NULL: there is no number. */
static const char *after_number(const char *value, uint32_t *out) {
    size_t len = strspn(value, "0123456789");
    if (len == 0 || len > 9) {
        return NULL;
    }
    *out = (uint32_t)strtoul(value, NULL, 10);
    return value + len + strspn(value + len, " ");
}

static void drop_rules_without_effect(struct charter *charter) {
    size_t kept = 0;
    for (size_t i = 0; i < charter->role_count; i++) {
        const struct role_rule rule = charter->roles[i];
        if (rule.instruments != INSTRUMENTS_ALL || rule.may_not_invite) {
            charter->roles[kept++] = rule;
        }
    }
    charter->role_count = kept;
}

static enum err bad(struct reader *reader, const char *what, const char *subject) {
    return wrong(reader->error, what, subject);
}

static enum err wrong(struct terms_error *error, const char *what, const char *subject) {
    char safe[SAFE_MAX];
    bool quotes = *subject != '\0';
    (void)snprintf(error->text, sizeof error->text, "%s%s%.80s%s", what, quotes ? " '" : "",
                   safe_text(subject, SUBJECT_SHOWN, safe), quotes ? "'" : "");
    return ERR_USER_SYNTAX;
}

/* ---- words ---- */

void terms_span(uint32_t s, char out[TERMS_WORDS_MAX]) {
    bool hours = s % 3600 == 0;
    bool minutes = s % 60 == 0 && s > 60;
    (void)snprintf(out, TERMS_WORDS_MAX, "%u %s",
                   hours     ? s / 3600
                   : minutes ? s / 60
                             : s,
                   hours     ? "h"
                   : minutes ? "min"
                             : "s");
}

void terms_area(uint32_t m2, char out[TERMS_WORDS_MAX]) {
    if (m2 == CAPS_DEFAULT.area_m2) {
        (void)snprintf(out, TERMS_WORDS_MAX, "0.5 sq mi");
    } else {
        (void)snprintf(out, TERMS_WORDS_MAX, "%u m2", m2);
    }
}

void terms_instruments(uint32_t instruments, char out[TERMS_WORDS_MAX]) {
    size_t len = 0;
    (void)snprintf(out, TERMS_WORDS_MAX, "%s", instruments == INSTRUMENTS_ALL ? "all" : "none");
    for (int kind = INSTRUMENT_SEARCH_WARRANT; kind <= INSTRUMENT_VOLUNTARY; kind++) {
        if (instruments != INSTRUMENTS_ALL && (instruments >> kind & 1) != 0) {
            len += (size_t)snprintf(out + len, TERMS_WORDS_MAX - len, "%s%s", len == 0 ? "" : ", ",
                                    instrument_word((enum instrument_kind)kind));
        }
    }
}

void terms_roles(uint32_t roles, char out[TERMS_WORDS_MAX]) {
    size_t len = 0;
    (void)snprintf(out, TERMS_WORDS_MAX, "none");
    for (int role = MEMBER_HOME; role <= MEMBER_WITNESS; role++) {
        if ((roles >> role & 1) != 0) {
            len += (size_t)snprintf(out + len, TERMS_WORDS_MAX - len, "%s%s", len == 0 ? "" : ", ",
                                    role_words[role]);
        }
    }
}

const char *role_word(enum member_role role) {
    return role_words[role];
}

struct role_rule terms_rule(const struct charter *charter, enum member_role role) {
    for (size_t i = 0; i < charter->role_count; i++) {
        if (charter->roles[i].role == role) {
            return charter->roles[i];
        }
    }
    return (struct role_rule){.role = role, .instruments = INSTRUMENTS_ALL};
}

/* ---- writing ---- */

enum err terms_write(const struct charter *charter, const struct terms_names *names,
                     uint32_t version, struct buffer *out) {
    char instruments[TERMS_WORDS_MAX];
    enum err err =
        write_text(out,
                   "# The charter of %s, version %u.\n"
                   "#\n"
                   "# Change what is to be different, then 'stoop charter propose FILE'. One\n"
                   "# 'key = value' a line; a line that begins with '#' is left out.\n",
                   charter->name, version);
    for (size_t i = 0; err == ERR_OK && i < KEYS; i++) {
        err = write_text(out, "\n%s", keys[i].comment);
        err = err == ERR_OK ? write_key(charter, names, (enum key)i, out) : err;
    }
    if (err == ERR_OK) {
        err = write_text(out, "\n# Agencies, up to 16, and the number to call each back on, as you "
                              "looked it up\n# yourself:\n# [agency \"Riverside PD\"]\n"
                              "# number = +1 951 555 0100\n");
    }
    for (size_t i = 0; err == ERR_OK && i < charter->agency_count; i++) {
        err = write_text(out, "\n[agency \"%s\"]\nnumber = %s\n", charter->agencies[i].name,
                         charter->agencies[i].number);
    }
    if (err == ERR_OK) {
        err = write_text(
            out, "\n# What members of a role may ask with, and whether they may bring others in:\n"
                 "# home, requester, administrator, witness, outsider or officer; one without a\n"
                 "# section may do anything. Instruments: all, none, or of search_warrant,\n"
                 "# court_order, production_order, subpoena, preservation, emergency,\n"
                 "# voluntary.\n"
                 "# [role requester]\n# instruments = search_warrant, court_order\n"
                 "# invites = no\n");
    }
    for (size_t i = 0; err == ERR_OK && i < charter->role_count; i++) {
        const struct role_rule *rule = &charter->roles[i];
        terms_instruments(rule->instruments, instruments);
        err = write_text(out, "\n[role %s]\ninstruments = %s\ninvites = %s\n",
                         role_words[rule->role], instruments, rule->may_not_invite ? "no" : "yes");
    }
    return err;
}

static enum err write_key(const struct charter *charter, const struct terms_names *names,
                          enum key key, struct buffer *out) {
    const char *word = keys[key].word;
    char text[TERMS_WORDS_MAX];
    enum err err = ERR_OK;
    switch (key) {
    case KEY_NAME:
        return write_text(out, "%s = %s\n", word, charter->name);
    case KEY_ADMINISTRATOR:
        for (size_t i = 0; err == ERR_OK && i < charter->administrator_count; i++) {
            if (names->administrator_notes[i][0] != '\0') {
                err = write_text(out, "# %s:\n", names->administrator_notes[i]);
            }
            err =
                err == ERR_OK ? write_text(out, "%s = %s\n", word, names->administrators[i]) : err;
        }
        return err;
    case KEY_DECIDE:
        return write_text(out, "%s = %u\n", word, charter->threshold);
    case KEY_INVITES:
        return write_text(out, "%s = %u\n", word, charter->invite_allowance);
    case KEY_LONGEST:
        terms_span(charter->caps.span_s, text);
        return write_text(out, "%s = %s\n", word, text);
    case KEY_LARGEST:
        terms_area(charter->caps.area_m2, text);
        return write_text(out, "%s = %s\n", word, text);
    case KEY_LIVE_REQUESTS:
        return write_text(out, "%s = %u\n", word, charter->caps.live_requests);
    case KEY_DELETE_BY:
        return write_text(out, "%s = %u days\n", word, charter->delete_by_max_days);
    case KEY_WITNESSES:
        return write_text(out, "%s = %u\n", word, charter->witnesses);
    case KEY_SLOT:
        terms_span(charter->slot_s, text);
        return write_text(out, "%s = %s\n", word, text);
    case KEY_AREA:
        return charter->has_area ? write_place(&charter->area, out) : ERR_OK;
    case KEY_AUTHORITY:
        for (size_t i = 0; err == ERR_OK && i < charter->authority_count; i++) {
            if (names->authority_names[i][0] != '\0') {
                err = write_text(out, "# %s:\n", names->authority_names[i]);
            }
            err = err == ERR_OK ? write_text(out, "%s = %s\n", word, names->authorities[i]) : err;
        }
        return err;
    case KEYS:
        break;
    }
    return err;
}

static enum err write_place(const struct geo_place *place, struct buffer *out) {
    enum err err = write_text(out, "%s =", keys[KEY_AREA].word);
    for (size_t i = 0; err == ERR_OK && i < place->count; i++) {
        char point[32];
        geo_point_write(place->points[i], point);
        err = write_text(out, " %s", point);
    }
    if (err == ERR_OK && place->radius_m > 0) {
        err = write_text(out, " radius %u m", place->radius_m);
    }
    return err == ERR_OK ? write_text(out, "\n") : err;
}

static enum err write_text(struct buffer *out, const char *format, ...) {
    char text[TERMS_NAMED_MAX + 128];
    va_list more;
    va_start(more, format);
    (void)vsnprintf(text, sizeof text, format, more);
    va_end(more);
    return buffer_append(out, BYTES_TEXT(text));
}
