#include "cli/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/fence.h"

static const char first_line[] = "stoop memory v1";
static const char *const outcome_words[] = {
    [MEMORY_OPEN] = "open", [MEMORY_DECLINED] = "declined", [MEMORY_ACCEPTED] = "accepted"};

static enum err read_line(struct memory *memory, char *line);
static enum err read_asked(struct memory *memory, char *rest);
static enum err read_muted(struct memory *memory, char *rest, size_t ids);
static bool read_id(char **rest, struct id *out);
static bool read_seconds(const char *word, struct instant *out);
static bool read_outcome(char *word, struct memory_asked *out);
static size_t find(const struct memory *memory, const struct id *request);
static bool add_muted(struct memory *memory, const struct muted *whom);
static size_t find_muted(const struct memory *memory, const struct muted *whom);
static void forget_old(struct memory *memory, struct instant now);
static struct memory_asked *take_place(struct memory *memory);
static void path_of(const struct cli *cli, char out[PATH_MAX]);

enum err memory_read(struct bytes file, struct memory *out, size_t *line) {
    size_t at = 0;
    memset(out, 0, sizeof *out);
    *line = 0;
    while (at < file.len) {
        char text[MEMORY_LINE_MAX];
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? file.len - at : (size_t)(end - file.at) - at;
        ++*line;
        if (end == NULL || len >= sizeof text ||
            !fence_text_valid((struct bytes){file.at + at, len})) {
            return ERR_USER_SYNTAX;
        }
        memcpy(text, file.at + at, len);
        text[len] = '\0';
        bool good = *line == 1 ? strcmp(text, first_line) == 0 : read_line(out, text) == ERR_OK;
        if (!good) {
            return ERR_USER_SYNTAX;
        }
        at += len + 1;
    }
    return *line == 0 ? ERR_USER_SYNTAX : ERR_OK;
}

static enum err read_line(struct memory *memory, char *line) {
    if (strncmp(line, "asked ", 6) == 0) {
        return read_asked(memory, line + 6);
    }
    if (strncmp(line, "muted-in ", 9) == 0) {
        return read_muted(memory, line + 9, 1);
    }
    if (strncmp(line, "muted-one ", 10) == 0) {
        return read_muted(memory, line + 10, 2);
    }
    return strncmp(line, "muted ", 6) == 0 ? read_muted(memory, line + 6, 0) : ERR_USER_SYNTAX;
}

static enum err read_asked(struct memory *memory, char *rest) {
    enum {
        WORDS = 5
    };
    char *words[WORDS];
    struct memory_asked asked = {.outcome = MEMORY_OPEN};
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = strsep(&rest, " ");
        if (words[i] == NULL) {
            return ERR_USER_SYNTAX;
        }
    }
    bool good = memory->asked_count < MEMORY_ASKED_MAX &&
                hex_read(words[0], asked.request.b, sizeof asked.request.b) == ERR_OK &&
                hex_read(words[1], asked.author.b, sizeof asked.author.b) == ERR_OK &&
                read_seconds(words[2], &asked.at) && read_outcome(words[3], &asked) &&
                read_seconds(words[4], &asked.snoozed_until) &&
                (rest == NULL || hex_read(rest, asked.amends.b, sizeof asked.amends.b) == ERR_OK);
    if (!good || find(memory, &asked.request) < memory->asked_count) {
        return ERR_USER_SYNTAX;
    }
    memory->asked[memory->asked_count++] = asked;
    return ERR_OK;
}

/* Behind so many ids: of its community, then of its certificate. */
static enum err read_muted(struct memory *memory, char *rest, size_t ids) {
    struct muted whom = {.name = ""};
    if ((ids > 0 && !read_id(&rest, &whom.community)) ||
        (ids > 1 && !read_id(&rest, &whom.account)) || !name_good(rest)) {
        return ERR_USER_SYNTAX;
    }
    (void)snprintf(whom.name, sizeof whom.name, "%s", rest);
    return add_muted(memory, &whom) ? ERR_OK : ERR_USER_SYNTAX;
}

static bool read_id(char **rest, struct id *out) {
    const char *hex = strsep(rest, " ");
    return *rest != NULL && hex_read(hex, out->b, sizeof out->b) == ERR_OK && !id_is_zero(out);
}

/* "accepted:1795555800", or without when. */
static bool read_outcome(char *word, struct memory_asked *out) {
    char *when = word;
    (void)strsep(&when, ":");
    for (size_t i = 0; i < COUNT_OF(outcome_words); i++) {
        if (strcmp(word, outcome_words[i]) == 0) {
            out->outcome = (enum memory_outcome)i;
            return when == NULL ||
                   (out->outcome != MEMORY_OPEN && read_seconds(when, &out->decided));
        }
    }
    return false;
}

static bool read_seconds(const char *word, struct instant *out) {
    size_t digits = strspn(word, "0123456789");
    if (digits == 0 || digits > 12 || word[digits] != '\0') {
        return false;
    }
    out->ms = strtoll(word, NULL, 10) * DURATION_SECOND_MS;
    return out->ms <= INSTANT_MAX_MS;
}

enum err memory_write(const struct memory *memory, struct buffer *out) {
    char line[MEMORY_LINE_MAX];
    (void)snprintf(line, sizeof line, "%s\n", first_line);
    enum err err = buffer_append(out, BYTES_TEXT(line));
    for (size_t i = 0; err == ERR_OK && i < memory->asked_count; i++) {
        const struct memory_asked *asked = &memory->asked[i];
        char request[2 * sizeof asked->request.b + 1];
        char author[2 * sizeof asked->author.b + 1];
        char amends[2 * sizeof asked->amends.b + 1] = "";
        char when[24] = "";
        hex_write(BYTES_OF(asked->request.b), request);
        hex_write(BYTES_OF(asked->author.b), author);
        if (!id_is_zero(&asked->amends)) {
            hex_write(BYTES_OF(asked->amends.b), amends);
        }
        if (asked->decided.ms > 0) {
            (void)snprintf(when, sizeof when, ":%" PRId64, asked->decided.ms / DURATION_SECOND_MS);
        }
        (void)snprintf(line, sizeof line, "asked %s %s %" PRId64 " %s%s %" PRId64 "%s%s\n", request,
                       author, asked->at.ms / DURATION_SECOND_MS, outcome_words[asked->outcome],
                       when, asked->snoozed_until.ms / DURATION_SECOND_MS,
                       *amends == '\0' ? "" : " ", amends);
        err = buffer_append(out, BYTES_TEXT(line));
    }
    for (size_t i = 0; err == ERR_OK && i < memory->muted_count; i++) {
        const struct muted *muted = &memory->muted[i];
        char community[2 * sizeof muted->community.b + 1];
        char account[2 * sizeof muted->account.b + 1];
        hex_write(BYTES_OF(muted->community.b), community);
        hex_write(BYTES_OF(muted->account.b), account);
        bool any = id_is_zero(&muted->community);
        bool one = !any && !id_is_zero(&muted->account);
        (void)snprintf(line, sizeof line, "muted%s%s%s%s %s\n",
                       any   ? ""
                       : one ? "-one "
                             : "-in ",
                       any ? "" : community, one ? " " : "", one ? account : "", muted->name);
        err = buffer_append(out, BYTES_TEXT(line));
    }
    return err;
}

void memory_note(struct memory *memory, const struct id *id, const struct id *asker,
                 const struct request *request, struct instant now) {
    forget_old(memory, now);
    if (find(memory, id) == memory->asked_count) {
        *take_place(memory) = (struct memory_asked){.request = *id,
                                                    .author = *asker,
                                                    .at = request->head.created,
                                                    .amends = request->amends};
    }
}

void memory_decide(struct memory *memory, const struct id *request, enum memory_outcome outcome,
                   struct instant now) {
    size_t at = find(memory, request);
    if (at < memory->asked_count && memory->asked[at].outcome < outcome) {
        memory->asked[at].outcome = outcome;
        memory->asked[at].decided = now;
    }
}

const struct memory_asked *memory_of(const struct memory *memory, const struct id *request) {
    size_t at = find(memory, request);
    return at < memory->asked_count ? &memory->asked[at] : NULL;
}

void memory_snooze(struct memory *memory, const struct id *request, struct instant until) {
    size_t at = find(memory, request);
    if (at < memory->asked_count) {
        memory->asked[at].snoozed_until = until;
    }
}

struct memory_past memory_past_of(const struct memory *memory, const struct id *author,
                                  const struct id *besides, struct instant now) {
    struct memory_past past = {0};
    for (size_t i = 0; i < memory->asked_count; i++) {
        const struct memory_asked *asked = &memory->asked[i];
        if (id_equal(&asked->author, author) && !id_equal(&asked->request, besides) &&
            asked->at.ms > now.ms - (int64_t)MEMORY_DAYS * DURATION_DAY_MS) {
            past.asked++;
            past.amended += id_is_zero(&asked->amends) ? 0 : 1;
            past.accepted += asked->outcome == MEMORY_ACCEPTED ? 1 : 0;
            past.declined += asked->outcome == MEMORY_DECLINED ? 1 : 0;
        }
    }
    return past;
}

/* The bound ends a ring, which no signed requests can make, but a file could. */
enum memory_outcome memory_earlier(const struct memory *memory, const struct id *request) {
    const struct memory_asked *asked = memory->asked;
    size_t at = find(memory, request);
    for (size_t i = 0; at < memory->asked_count && i < memory->asked_count; i++) {
        size_t before = find(memory, &asked[at].amends);
        if (before == memory->asked_count || !id_equal(&asked[before].author, &asked[at].author)) {
            break;
        }
        if (asked[before].outcome != MEMORY_OPEN) {
            return asked[before].outcome;
        }
        at = before;
    }
    return MEMORY_OPEN;
}

struct instant memory_snoozed(const struct memory *memory, const struct id *request,
                              struct instant now) {
    size_t at = find(memory, request);
    bool hidden =
        at < memory->asked_count && !instant_reached(now, memory->asked[at].snoozed_until);
    return hidden ? memory->asked[at].snoozed_until : (struct instant){0};
}

bool memory_muted(const struct memory *memory, const struct muted *whom) {
    struct muted wider = *whom;
    bool muted = find_muted(memory, &wider) < memory->muted_count;
    wider.account = (struct id){{0}};
    muted |= find_muted(memory, &wider) < memory->muted_count;
    wider.community = (struct id){{0}};
    return muted || find_muted(memory, &wider) < memory->muted_count;
}

bool memory_mute(struct memory *memory, const struct muted *whom) {
    return !memory_muted(memory, whom) && add_muted(memory, whom);
}

bool memory_unmute(struct memory *memory, const struct muted *whom) {
    size_t at = find_muted(memory, whom);
    if (at == memory->muted_count) {
        return false;
    }
    memory->muted[at] = memory->muted[--memory->muted_count];
    return true;
}

/* A file may have a name in any community and, besides, in one, and one that has it there. */
static bool add_muted(struct memory *memory, const struct muted *whom) {
    if (memory->muted_count == MEMORY_MUTED_MAX || find_muted(memory, whom) < memory->muted_count) {
        return false;
    }
    memory->muted[memory->muted_count++] = *whom;
    return true;
}

/* Just that. Its place; muted_count: it is not muted. */
static size_t find_muted(const struct memory *memory, const struct muted *whom) {
    size_t at = 0;
    while (at < memory->muted_count && (strcmp(memory->muted[at].name, whom->name) != 0 ||
                                        !id_equal(&memory->muted[at].community, &whom->community) ||
                                        !id_equal(&memory->muted[at].account, &whom->account))) {
        at++;
    }
    return at;
}

/* Its place; asked_count: it is not remembered. */
static size_t find(const struct memory *memory, const struct id *request) {
    size_t at = 0;
    while (at < memory->asked_count && !id_equal(&memory->asked[at].request, request)) {
        at++;
    }
    return at;
}

static void forget_old(struct memory *memory, struct instant now) {
    size_t kept = 0;
    for (size_t i = 0; i < memory->asked_count; i++) {
        if (memory->asked[i].at.ms > now.ms - (int64_t)MEMORY_DAYS * DURATION_DAY_MS) {
            memory->asked[kept++] = memory->asked[i];
        }
    }
    memory->asked_count = kept;
}

/* The oldest one's when all are taken. */
static struct memory_asked *take_place(struct memory *memory) {
    if (memory->asked_count < MEMORY_ASKED_MAX) {
        return &memory->asked[memory->asked_count++];
    }
    struct memory_asked *oldest = &memory->asked[0];
    for (size_t i = 1; i < memory->asked_count; i++) {
        oldest = memory->asked[i].at.ms < oldest->at.ms ? &memory->asked[i] : oldest;
    }
    return oldest;
}

/* ---- the file ---- */

int memory_load(const struct cli *cli, struct memory *out) {
    char path[PATH_MAX];
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    memset(out, 0, sizeof *out);
    path_of(cli, path);
    if (access(path, F_OK) != 0) {
        return 0;
    }
    int failed = file_read(path, MEMORY_FILE_MAX, false, &file);
    if (failed == 0 && memory_read(buffer_bytes(&file), out, &line) != ERR_OK) {
        failed = fail("it holds counts, snoozes and mutes only: remove it, and they begin anew",
                      "'%s' is damaged in line %zu", path, line);
    }
    return failed;
}

int memory_save(const struct cli *cli, const struct memory *memory) {
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer file = {.max = MEMORY_FILE_MAX};
    path_of(cli, path);
    return memory_write(memory, &file) == ERR_OK
               ? file_write(path, buffer_bytes(&file), 0600, false)
               : fail(NULL, "out of memory");
}

static void path_of(const struct cli *cli, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%.*s/memory", PATH_MAX - 16, cli->owner_dir);
}
