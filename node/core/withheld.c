/* Requests whose court has ordered secrecy (LP-23 to LP-25): on record at once like any other (P7),
 * but not by their name. The leaf is a salted hash until the order ends; on that day the home adds
 * request, counts and salt by itself, so that anyone can check that it was there from the first
 * day (PROTOCOL 8.7). Every home does the same, cameras or not (P2). The small row that remembers
 * it lives until then, though the request itself lives a week; it goes in the very transaction that
 * adds the leaf, so a request is published once (P12). */
#include <string.h>

#include "node/core/parts.h"

enum {
    WITHHELD_OF_ONE = 1024, /* of one requester; beyond, its requests are ignored */
    PUBLISHED_AT_ONCE = 64,
};

static bool is_secret(const struct core *core, const struct request *request);

enum err withheld_has_room(struct core *core, const struct request *request, bool *out) {
    uint64_t count = 0;
    *out = true;
    if (!is_secret(core, request)) {
        return ERR_OK;
    }
    enum err err = store_withheld_count(core->store, &request->head.author, &count);
    *out = count < WITHHELD_OF_ONE;
    return err;
}

enum err withheld_record(struct core *core, const struct request *request,
                         const struct log_entry *entry, uint64_t *index) {
    struct instant ends = legal_secret_until(request);
    struct store_withheld known;
    struct store_withheld row = {.request = entry->a,
                                 .author = request->head.author,
                                 .refused = entry->kind == LOG_REQUEST_REFUSED,
                                 .until = ends};
    struct log_entry leaf = {
        .kind = LOG_REQUEST_WITHHELD, .at = entry->at, .numbers = {(uint64_t)ends.ms / 1000}};
    if (!is_secret(core, request)) {
        return record_add(core, entry, index);
    }
    enum err err = store_withheld_get(core->store, &row.request, row.refused, &known);
    if (err != ERR_USER_NOT_FOUND) {
        return err; /* refused again after a restart */
    }
    memcpy(row.numbers, entry->numbers, sizeof row.numbers);
    core_random_bytes(core, row.salt.b, sizeof row.salt.b);
    log_withheld(&row.salt, &row.request, &leaf.a);
    err = store_withheld_add(core->store, &row);
    return err == ERR_OK ? record_add(core, &leaf, index) : err;
}

/* Not ordered, or over. Of the request alone: what it was refused for has no say in it. */
static bool is_secret(const struct core *core, const struct request *request) {
    return !instant_reached(core->now.wall, legal_secret_until(request));
}

enum err withheld_name(struct core *core, const struct id *request, struct id *out) {
    struct store_withheld row;
    enum err err = store_withheld_get(core->store, request, false, &row);
    *out = *request;
    if (err == ERR_OK) {
        log_withheld(&row.salt, request, out);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err withheld_tick(struct core *core) {
    enum err err = ERR_OK;
    if (!tick_reached(core->now.mono, core->upkeep_due)) {
        return ERR_OK;
    }
    for (int i = 0; err == ERR_OK && i < PUBLISHED_AT_ONCE; i++) {
        struct store_withheld row;
        err = store_withheld_due(core->store, core->now.wall, &row);
        if (err != ERR_OK) {
            break;
        }
        struct log_entry leaf = {.kind =
                                     row.refused ? LOG_REFUSAL_PUBLISHED : LOG_REQUEST_PUBLISHED,
                                 .at = core->now.wall,
                                 .a = row.request,
                                 .b = row.salt};
        memcpy(leaf.numbers, row.numbers, sizeof leaf.numbers);
        err = record_add(core, &leaf, NULL);
        if (err == ERR_OK) {
            err = store_withheld_remove(core->store, &row.request, row.refused);
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}
