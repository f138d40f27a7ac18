#include "cli/rules.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/lines.h"

enum {
    LINE_MAX_BYTES = 256,
    SUBJECT_SHOWN = 40, /* columns of what is wrong */
};

enum section {
    SECTION_NONE,
    SECTION_ASKER,
    SECTION_QUIET,
    SECTION_RANK
};

struct reader {
    struct rules rules;
    enum section section;
    bool had_quiet, had_rank, has_from, has_to, has_first, has_mute, has_community;
    struct rules_error *error;
};

static enum err read_line(struct reader *reader, char *line);
static enum err read_section(struct reader *reader, char *line);
static enum err read_asker(struct reader *reader, const char *line);
static enum err end_section(struct reader *reader);
static enum err end_asker(struct reader *reader);
static enum err read_key(struct reader *reader, const char *key, const char *value);
static enum err read_mute(struct reader *reader, const char *value);
static enum err read_community(struct reader *reader, const char *value);
static enum err read_minutes(struct reader *reader, const char *value, bool *has, int *out);
static enum err read_rank(struct reader *reader, const char *value);
static bool would_accept(const char *text);
static enum err bad_accept(struct reader *reader, const char *subject);
static enum err bad(struct reader *reader, const char *what, const char *subject);
static bool names_a_community(const struct rules *rules);

enum err rules_read(struct bytes file, struct rules *out, struct rules_error *error) {
    static struct reader reader;
    char room[LINE_MAX_BYTES];
    struct lines lines = {.file = file, .room = room, .room_size = sizeof room};
    reader = (struct reader){.error = error};
    *error = (struct rules_error){0};
    while (lines_next(&lines)) {
        error->line = lines.number;
        enum err err =
            lines.wrong != NULL ? bad(&reader, lines.wrong, "") : read_line(&reader, lines.text);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = end_section(&reader);
    if (err == ERR_OK) {
        *out = reader.rules;
    }
    return err;
}

static enum err read_line(struct reader *reader, char *line) {
    if (*line == '\0' || *line == '#') {
        return ERR_OK;
    }
    if (*line == '[') {
        return read_section(reader, line);
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return would_accept(line) ? bad_accept(reader, line)
                                  : bad(reader, "expected 'key = value', got", line);
    }
    *equals = '\0';
    return read_key(reader, lines_trim(line), lines_trim(equals + 1));
}

static enum err read_section(struct reader *reader, char *line) {
    enum err err = end_section(reader);
    if (err != ERR_OK) {
        return err;
    }
    if (strncmp(line, "[asker ", 7) == 0) {
        return read_asker(reader, line);
    }
    bool quiet = strcmp(line, "[quiet]") == 0;
    bool rank = strcmp(line, "[rank]") == 0;
    if ((quiet && reader->had_quiet) || (rank && reader->had_rank)) {
        return bad(reader, "doubled section", line);
    }
    reader->had_quiet |= quiet;
    reader->had_rank |= rank;
    reader->section = quiet ? SECTION_QUIET : SECTION_RANK;
    if (quiet || rank) {
        return ERR_OK;
    }
    return would_accept(line) ? bad_accept(reader, line) : bad(reader, "unknown section", line);
}

/* [asker "NAME"] */
static enum err read_asker(struct reader *reader, const char *line) {
    struct rules *rules = &reader->rules;
    char name[LINE_MAX_BYTES];
    if (!lines_heading(line, "asker", name, sizeof name)) {
        return bad(reader, "expected [asker \"NAME\"], got", line);
    }
    if (!name_good(name)) {
        return bad(reader, "not a name:", name);
    }
    if (rules->asker_count == RULES_ASKERS_MAX) {
        return bad(reader, "too many askers", "");
    }
    struct rules_asker *asker = &rules->askers[rules->asker_count++];
    (void)snprintf(asker->name, sizeof asker->name, "%s", name);
    asker->line = reader->error->line;
    reader->section = SECTION_ASKER;
    reader->has_mute = reader->has_community = false;
    return ERR_OK;
}

/* Half of the quiet hours are none. */
static enum err end_section(struct reader *reader) {
    if (reader->section == SECTION_ASKER) {
        return end_asker(reader);
    }
    if (reader->section == SECTION_QUIET && !(reader->has_from && reader->has_to)) {
        return bad(reader, "[quiet] needs both 'from' and 'to'", "");
    }
    reader->rules.quiet = reader->had_quiet;
    return ERR_OK;
}

/* Of one name there is one for each community, and one for any. */
static enum err end_asker(struct reader *reader) {
    const struct rules *rules = &reader->rules;
    const struct rules_asker *last = &rules->askers[rules->asker_count - 1];
    for (const struct rules_asker *asker = rules->askers; asker < last; asker++) {
        if (strcmp(asker->name, last->name) == 0 && strcmp(asker->place, last->place) == 0) {
            reader->error->line = last->line;
            return bad(reader, "doubled asker", last->name);
        }
    }
    return ERR_OK;
}

static enum err read_key(struct reader *reader, const char *key, const char *value) {
    struct rules *rules = &reader->rules;
    bool names = reader->section == SECTION_ASKER && strcmp(key, "community") == 0;
    if (would_accept(key) || (would_accept(value) && !names)) { /* it may be Grant Street */
        return bad_accept(reader, key);
    }
    switch (reader->section) {
    case SECTION_NONE:
        return bad(reader, "key before any section", key);
    case SECTION_ASKER:
        if (strcmp(key, "mute") == 0) {
            return read_mute(reader, value);
        }
        if (names) {
            return read_community(reader, value);
        }
        break;
    case SECTION_QUIET:
        if (strcmp(key, "from") == 0) {
            return read_minutes(reader, value, &reader->has_from, &rules->quiet_from);
        }
        if (strcmp(key, "to") == 0) {
            return read_minutes(reader, value, &reader->has_to, &rules->quiet_to);
        }
        break;
    case SECTION_RANK:
        if (strcmp(key, "first") == 0) {
            return read_rank(reader, value);
        }
        break;
    }
    return bad(reader, "unknown key", key);
}

static enum err read_mute(struct reader *reader, const char *value) {
    if (reader->has_mute) {
        return bad(reader, "doubled key", "mute");
    }
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        return bad(reader, "neither 'yes' nor 'no':", value);
    }
    reader->has_mute = true;
    reader->rules.askers[reader->rules.asker_count - 1].mute = strcmp(value, "yes") == 0;
    return ERR_OK;
}

static enum err read_community(struct reader *reader, const char *value) {
    struct rules_asker *asker = &reader->rules.askers[reader->rules.asker_count - 1];
    if (reader->has_community) {
        return bad(reader, "doubled key", "community");
    }
    if (!slug_valid(value) && strcmp(value, SLUG_FIRST) != 0) {
        return bad(reader, "not what 'stoop communities' calls one:", value);
    }
    reader->has_community = true;
    (void)snprintf(asker->place, sizeof asker->place, "%s", value);
    return ERR_OK;
}

/* "07:00" */
static enum err read_minutes(struct reader *reader, const char *value, bool *has, int *out) {
    bool good = strlen(value) == 5 && strspn(value, "0123456789") == 2 && value[2] == ':' &&
                strspn(value + 3, "0123456789") == 2;
    int hours = good ? (value[0] - '0') * 10 + value[1] - '0' : 0;
    int minutes = good ? (value[3] - '0') * 10 + value[4] - '0' : 0;
    if (!good || hours > 23 || minutes > 59) {
        return bad(reader, "not a time of day, as 22:00:", value);
    }
    if (*has) {
        return bad(reader, "doubled key, again", value);
    }
    *has = true;
    *out = hours * 60 + minutes;
    return ERR_OK;
}

static enum err read_rank(struct reader *reader, const char *value) {
    static const char *const words[] = {
        [RULES_ENDING] = "ending", [RULES_OLDEST] = "oldest", [RULES_ORDERS] = "orders"};
    if (reader->has_first) {
        return bad(reader, "doubled key", "first");
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            reader->has_first = true;
            reader->rules.rank = (enum rules_rank)i;
            return ERR_OK;
        }
    }
    return bad(reader, "none of 'orders', 'ending', 'oldest':", value);
}

/* So that who tries it is told why, and not that a word is unknown. */
static bool would_accept(const char *text) {
    static const char *const stems[] = {"accept",  "allow", "approve", "grant", "consent",
                                        "release", "share", "answer",  "auto"};
    for (size_t i = 0; i < COUNT_OF(stems); i++) {
        if (strcasestr(text, stems[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static enum err bad_accept(struct reader *reader, const char *subject) {
    char safe[SAFE_MAX];
    (void)snprintf(reader->error->text, sizeof reader->error->text,
                   "'%s': no rule may accept; only you can, at the prompt",
                   safe_text(subject, SUBJECT_SHOWN, safe));
    return ERR_USER_SYNTAX;
}

static enum err bad(struct reader *reader, const char *what, const char *subject) {
    char safe[SAFE_MAX];
    bool quotes = *subject != '\0';
    (void)snprintf(reader->error->text, sizeof reader->error->text, "%s%s%s%s", what,
                   quotes ? " '" : "", safe_text(subject, SUBJECT_SHOWN, safe), quotes ? "'" : "");
    return ERR_USER_SYNTAX;
}

/* One that the home has made room for and is not in yet has no askers. */
enum err rules_settle(struct rules *rules, const struct pins *pins, struct rules_error *error) {
    for (size_t i = 0; i < rules->asker_count; i++) {
        struct rules_asker *asker = &rules->askers[i];
        const struct pinned_place *place = pins_place(pins, asker->place);
        if (*asker->place != '\0' && place == NULL) {
            error->line = asker->line;
            (void)snprintf(error->text, sizeof error->text, "this home has no community '%s'",
                           asker->place);
            return ERR_USER_SYNTAX;
        }
        if (place != NULL && place->has_community) {
            asker->community = place->community;
        }
    }
    return ERR_OK;
}

size_t rules_mute_line(const struct rules *rules, const struct id *community, const char *name) {
    const struct rules_asker *found = NULL;
    for (size_t i = 0; i < rules->asker_count; i++) {
        const struct rules_asker *asker = &rules->askers[i];
        bool any = *asker->place == '\0';
        if (strcmp(asker->name, name) == 0 && (!any || found == NULL) &&
            (any || id_equal(&asker->community, community))) {
            found = asker;
        }
    }
    return found != NULL && found->mute ? found->line : 0;
}

bool rules_quiet_at(const struct rules *rules, struct instant now) {
    struct tm tm = {0};
    time_t seconds = (time_t)(now.ms / DURATION_SECOND_MS);
    if (!rules->quiet || localtime_r(&seconds, &tm) == NULL) {
        return false;
    }
    int minute = tm.tm_hour * 60 + tm.tm_min;
    return rules->quiet_from <= rules->quiet_to
               ? minute >= rules->quiet_from && minute < rules->quiet_to
               : minute >= rules->quiet_from || minute < rules->quiet_to;
}

int rules_load(const struct cli *cli, struct rules *out) {
    char path[PATH_MAX];
    struct rules_error error;
    SCOPED(buffer_finish) struct buffer file = {.max = RULES_FILE_MAX};
    memset(out, 0, sizeof *out);
    (void)snprintf(path, sizeof path, "%.*s/rules", PATH_MAX - 16, cli->owner_dir);
    if (access(path, F_OK) != 0) {
        return 0;
    }
    int failed = file_read(path, RULES_FILE_MAX, false, &file);
    enum err err = failed == 0 ? rules_read(buffer_bytes(&file), out, &error) : ERR_OK;
    if (failed == 0 && err == ERR_OK && names_a_community(out)) {
        struct pins pins;
        failed = pins_load(cli, &pins);
        err = failed == 0 ? rules_settle(out, &pins, &error) : ERR_OK;
    }
    return err == ERR_OK ? failed
                         : fail("'stoop help review' says what a rule may do", "%s:%zu: %s", path,
                                error.line, error.text);
}

static bool names_a_community(const struct rules *rules) {
    bool any = false;
    for (size_t i = 0; i < rules->asker_count; i++) {
        any |= *rules->askers[i].place != '\0';
    }
    return any;
}
