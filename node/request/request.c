#include "node/request/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    FUTURE_MAX_MS = 15 * DURATION_MINUTE_MS,
    SLOTS = 2 * REQUESTS_MAX, /* of each table of hashes: at most half full */
    NONE = 0,                 /* places are counted from 1 */
};

struct live {
    struct id id;
    struct id author;
    struct id account;
    struct instant expires;
    bool taken_back;
};

/* Finds entries of a table by the id that each begins with: open addressing. Ids are hashes;
 * whoever makes such as meet in one slot gains a walk of at most their number. */
struct index {
    const uint8_t *table;
    size_t entry_bytes;
    uint16_t places[SLOTS];
};

struct refusal {
    bool used;
    struct id id;
    struct id account;
    struct tick at;
};

struct author { /* an account: a member, or an outsider with its officers */
    struct id id;
    struct instant since; /* of the day that is counted */
    uint32_t count;
    uint32_t live;
};

/* Invariants:
 *  1. A live request's account is in the table, and its `live` says how many there are.
 *  2. Each index names every entry of its table, and nothing else. */
struct requests {
    size_t author_count;
    struct author authors[AUTHORS_MAX];
    struct index author_index;
    size_t count;
    struct live live[REQUESTS_MAX];
    struct index live_index;
    size_t next_refusal;
    struct refusal refusals[REFUSALS_MAX]; /* a ring */
};

static_assert((int)AUTHORS_MAX >= (int)REQUESTS_MAX, "there is room for who makes one more");

static const struct live *find(const struct requests *requests, const struct id *id);
static const struct author *find_author(const struct requests *requests, const struct id *id);
static enum err judge_time(const struct request *request, struct instant now);
static enum err judge_amendment(const struct requests *requests, const struct request *request,
                                size_t *rule);
static size_t rule_about(const char *field);
static void remove_live(struct requests *requests, size_t i);
static void count_one(struct requests *requests, const struct id *account, struct instant now);
static struct author *place_for_author(struct requests *requests);
static bool day_is_over(const struct author *author, struct instant now);
static const struct id *id_at(const struct index *index, size_t place);
static size_t index_slot(const struct index *index, const struct id *id);
static void index_put(struct index *index, size_t place);
static void index_drop(struct index *index, const struct id *id);

struct requests *requests_create(void) {
    struct requests *requests = calloc(1, sizeof *requests);
    if (requests != NULL) {
        requests->live_index.table = (const uint8_t *)requests->live;
        requests->live_index.entry_bytes = sizeof requests->live[0];
        requests->author_index.table = (const uint8_t *)requests->authors;
        requests->author_index.entry_bytes = sizeof requests->authors[0];
    }
    return requests;
}

void requests_destroy(struct requests *requests) {
    free(requests);
}

enum err requests_judge(const struct requests *requests, const struct id *id,
                        const struct request *request, const struct asker *asker,
                        const struct charter *charter, bool elsewhere, struct instant now,
                        size_t *rule) {
    if (find(requests, id) != NULL) {
        return ERR_PEER_REPEATED;
    }
    if (asker->role == MEMBER_WITNESS) {
        return ERR_DENY_ROLE;
    }
    enum err err = judge_time(request, now);
    if (err == ERR_OK) {
        err = judge_amendment(requests, request, rule);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct legal_terms terms = {
        .charter = charter, .elsewhere = elsewhere, .instruments = asker->instruments};
    err = legal_refuse(request, &terms, now, rule);
    if (err != ERR_OK) {
        return err;
    }
    const struct author *counted = find_author(requests, &asker->account);
    if (counted != NULL && (counted->live >= asker->live_requests ||
                            (counted->count >= REQUESTS_DAILY && !day_is_over(counted, now)))) {
        return ERR_DENY_QUOTA;
    }
    return requests->count == REQUESTS_MAX ? ERR_FULL_TABLE : ERR_OK;
}

bool requests_refuse(struct requests *requests, const struct id *id, const struct id *account,
                     struct now now) {
    size_t lately = 0;
    for (size_t i = 0; i < REFUSALS_MAX; i++) {
        const struct refusal *refusal = &requests->refusals[i];
        if (!refusal->used) {
            continue;
        }
        if (id_equal(&refusal->id, id)) {
            return false;
        }
        bool late =
            !tick_reached(now.mono, tick_add(refusal->at, (struct duration){DURATION_HOUR_MS}));
        lately += late && id_equal(&refusal->account, account) ? 1 : 0;
    }
    if (lately >= REFUSALS_HOURLY) {
        return false;
    }
    requests->refusals[requests->next_refusal] = (struct refusal){true, *id, *account, now.mono};
    requests->next_refusal = (requests->next_refusal + 1) % REFUSALS_MAX;
    return true;
}

enum err requests_admit(struct requests *requests, const struct id *id,
                        const struct request *request, const struct id *account,
                        struct instant now) {
    if (find(requests, id) != NULL) {
        return ERR_OK;
    }
    if (requests->count == REQUESTS_MAX) {
        return ERR_FULL_TABLE;
    }
    count_one(requests, account, now);
    requests->live[requests->count++] =
        (struct live){*id, request->head.author, *account, request->head.expires, false};
    index_put(&requests->live_index, requests->count);
    return ERR_OK;
}

void requests_take_back(struct requests *requests, const struct id *id) {
    for (size_t i = 0; i < requests->count; i++) {
        requests->live[i].taken_back |= id_equal(&requests->live[i].id, id);
    }
}

bool requests_live(const struct requests *requests, const struct id *id) {
    const struct live *live = find(requests, id);
    return live != NULL && !live->taken_back;
}

size_t requests_count(const struct requests *requests) {
    size_t live = 0;
    for (size_t i = 0; i < requests->count; i++) {
        live += requests->live[i].taken_back ? 0 : 1;
    }
    return live;
}

enum err requests_each_of(const struct requests *requests, const struct id *author,
                          requests_visit *visit, void *context) {
    enum err err = ERR_OK;
    for (size_t i = 0; i < requests->count && err == ERR_OK; i++) {
        if (id_equal(&requests->live[i].author, author)) {
            err = visit(context, &requests->live[i].id);
        }
    }
    return err;
}

bool requests_next(const struct requests *requests, const struct id *account,
                   const struct id *after, struct id *out) {
    const struct live *next = NULL;
    for (size_t i = 0; i < requests->count; i++) {
        const struct live *live = &requests->live[i];
        bool counts = !live->taken_back && id_compare(&live->id, after) > 0 &&
                      (id_is_zero(account) || id_equal(account, &live->account));
        next = counts && (next == NULL || id_compare(&live->id, &next->id) < 0) ? live : next;
    }
    if (next != NULL) {
        *out = next->id;
    }
    return next != NULL;
}

bool requests_expire(struct requests *requests, struct instant now, struct id *out) {
    for (size_t i = 0; i < requests->count; i++) {
        if (instant_reached(now, requests->live[i].expires)) {
            *out = requests->live[i].id;
            remove_live(requests, i);
            return true;
        }
    }
    return false;
}

struct instant requests_deadline(const struct requests *requests) {
    struct instant due = INSTANT_NEVER;
    for (size_t i = 0; i < requests->count; i++) {
        if (requests->live[i].expires.ms < due.ms) {
            due = requests->live[i].expires;
        }
    }
    return due;
}

static void remove_live(struct requests *requests, size_t i) {
    struct live *gone = &requests->live[i];
    const struct live *last = &requests->live[--requests->count];
    size_t author =
        requests->author_index.places[index_slot(&requests->author_index, &gone->account)];
    ASSERT(author != NONE); /* invariant 1 */
    requests->authors[author - 1].live--;
    index_drop(&requests->live_index, &gone->id);
    if (gone != last) {
        index_drop(&requests->live_index, &last->id);
        *gone = *last;
        index_put(&requests->live_index, i + 1);
    }
}

static const struct live *find(const struct requests *requests, const struct id *id) {
    size_t place = requests->live_index.places[index_slot(&requests->live_index, id)];
    return place == NONE ? NULL : &requests->live[place - 1];
}

static const struct author *find_author(const struct requests *requests, const struct id *id) {
    size_t place = requests->author_index.places[index_slot(&requests->author_index, id)];
    return place == NONE ? NULL : &requests->authors[place - 1];
}

static enum err judge_time(const struct request *request, struct instant now) {
    int64_t life = request->head.expires.ms - request->head.created.ms;
    int64_t keep = request->terms.delete_by.ms - request->head.created.ms;
    if (life > (int64_t)REQUEST_LIFE_MAX_DAYS * DURATION_DAY_MS || keep <= 0) {
        return ERR_PEER_BOUNDS;
    }
    if (request->head.created.ms > now.ms + FUTURE_MAX_MS) {
        return ERR_DENY_TIME;
    }
    return instant_reached(now, request->head.expires) ? ERR_DENY_EXPIRED : ERR_OK;
}

/* What it amends may have expired here and not elsewhere: then it stands for itself, and only what
 * is live is held to the same requester. */
static enum err judge_amendment(const struct requests *requests, const struct request *request,
                                size_t *rule) {
    const struct live *before =
        id_is_zero(&request->amends) ? NULL : find(requests, &request->amends);
    if (before != NULL && !id_equal(&before->author, &request->head.author)) {
        *rule = rule_about("amends");
        return ERR_DENY_OTHERS;
    }
    return ERR_OK;
}

static size_t rule_about(const char *field) {
    size_t i = 0;
    while (strcmp(legal_rule_at(i)->field, field) != 0) {
        i++;
    }
    return i;
}

static void count_one(struct requests *requests, const struct id *account, struct instant now) {
    size_t place = requests->author_index.places[index_slot(&requests->author_index, account)];
    struct author *one = place == NONE ? place_for_author(requests) : &requests->authors[place - 1];
    if (place == NONE) {
        *one = (struct author){.id = *account, .since = now};
        index_put(&requests->author_index, (size_t)(one - requests->authors) + 1);
    } else if (day_is_over(one, now)) {
        one->since = now;
        one->count = 0;
    }
    one->count++;
    one->live++;
}

/* Where there is none, of those without a live request the one whose day began first is
 * forgotten. */
static struct author *place_for_author(struct requests *requests) {
    struct author *place = NULL;
    if (requests->author_count < AUTHORS_MAX) {
        return &requests->authors[requests->author_count++];
    }
    for (size_t i = 0; i < AUTHORS_MAX; i++) {
        struct author *one = &requests->authors[i];
        if (one->live == 0 && (place == NULL || one->since.ms < place->since.ms)) {
            place = one;
        }
    }
    ASSERT(place != NULL); /* fewer than REQUESTS_MAX are live */
    index_drop(&requests->author_index, &place->id);
    return place;
}

/* A clock that was set back must not make a day last for years. */
static bool day_is_over(const struct author *author, struct instant now) {
    int64_t passed = now.ms - author->since.ms;
    return passed < 0 || passed >= DURATION_DAY_MS;
}

/* ---- index ---- */

static const struct id *id_at(const struct index *index, size_t place) {
    return (const struct id *)(index->table + (place - 1) * index->entry_bytes);
}

/* Where it is, or the empty slot where it would go. */
static size_t index_slot(const struct index *index, const struct id *id) {
    size_t slot = read_u64(id->b) % SLOTS;
    while (index->places[slot] != NONE && !id_equal(id_at(index, index->places[slot]), id)) {
        slot = (slot + 1) % SLOTS;
    }
    return slot;
}

static void index_put(struct index *index, size_t place) {
    size_t slot = index_slot(index, id_at(index, place));
    ASSERT(index->places[slot] == NONE);
    index->places[slot] = (uint16_t)place;
}

/* What was put behind it on its way there moves up (Knuth 6.4, algorithm R). */
static void index_drop(struct index *index, const struct id *id) {
    size_t hole = index_slot(index, id);
    ASSERT(index->places[hole] != NONE);
    for (size_t at = (hole + 1) % SLOTS; index->places[at] != NONE; at = (at + 1) % SLOTS) {
        size_t home = read_u64(id_at(index, index->places[at])->b) % SLOTS;
        if ((at - home) % SLOTS >= (at - hole) % SLOTS) {
            index->places[hole] = index->places[at];
            hole = at;
        }
    }
    index->places[hole] = NONE;
}
