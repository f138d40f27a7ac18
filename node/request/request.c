#include "node/request/request.h"

#include <stdlib.h>
#include <string.h>

enum {
    FUTURE_MAX_MS = 15 * DURATION_MINUTE_MS
};

struct live {
    struct id id;
    struct id author;
    struct instant expires;
    bool taken_back;
};

struct refusal {
    bool used;
    struct id id;
    struct id author;
    struct tick at;
};

struct author {
    struct id id;
    struct instant since; /* of the day that is counted */
    uint32_t count;
};

struct requests {
    size_t author_count;
    struct author authors[AUTHORS_MAX];
    size_t count;
    struct live live[REQUESTS_MAX];
    size_t next_refusal;
    struct refusal refusals[REFUSALS_MAX]; /* a ring */
};

static const struct live *find(const struct requests *requests, const struct id *id);
static enum err judge_time(const struct request *request, const struct charter *charter,
                           struct instant now);
static enum err judge_amendment(const struct requests *requests, const struct request *request,
                                size_t *rule);
static size_t rule_about(const char *field);
static uint32_t live_of(const struct requests *requests, const struct id *author);
static uint32_t lately_of(const struct requests *requests, const struct id *author,
                          struct instant now);
static void count_one(struct requests *requests, const struct id *author, struct instant now);
static bool day_is_over(const struct author *author, struct instant now);

struct requests *requests_create(void) {
    return calloc(1, sizeof(struct requests));
}

void requests_destroy(struct requests *requests) {
    free(requests);
}

enum err requests_judge(const struct requests *requests, const struct id *id,
                        const struct request *request, const struct member *author,
                        const struct charter *charter, struct instant now, size_t *rule) {
    if (find(requests, id) != NULL) {
        return ERR_PEER_REPEATED;
    }
    if (author->role == MEMBER_WITNESS) {
        return ERR_DENY_ROLE;
    }
    enum err err = judge_time(request, charter, now);
    if (err == ERR_OK) {
        err = judge_amendment(requests, request, rule);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (charter->has_area && !geo_place_inside(&request->place, &charter->area)) {
        *rule = rule_about("at");
        return ERR_DENY_CAP;
    }
    err = legal_refuse(request, &charter->caps, now, rule);
    if (err != ERR_OK) {
        return err;
    }
    if (live_of(requests, &request->head.author) >= charter->caps.live_requests ||
        lately_of(requests, &request->head.author, now) >= REQUESTS_DAILY) {
        return ERR_DENY_QUOTA;
    }
    return requests->count == REQUESTS_MAX ? ERR_FULL_TABLE : ERR_OK;
}

bool requests_refuse(struct requests *requests, const struct id *id, const struct id *author,
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
        lately += late && id_equal(&refusal->author, author) ? 1 : 0;
    }
    if (lately >= REFUSALS_HOURLY) {
        return false;
    }
    requests->refusals[requests->next_refusal] = (struct refusal){true, *id, *author, now.mono};
    requests->next_refusal = (requests->next_refusal + 1) % REFUSALS_MAX;
    return true;
}

enum err requests_admit(struct requests *requests, const struct id *id,
                        const struct request *request, struct instant now) {
    if (find(requests, id) != NULL) {
        return ERR_OK;
    }
    if (requests->count == REQUESTS_MAX) {
        return ERR_FULL_TABLE;
    }
    count_one(requests, &request->head.author, now);
    requests->live[requests->count++] =
        (struct live){*id, request->head.author, request->head.expires, false};
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
    return requests->count;
}

bool requests_expire(struct requests *requests, struct instant now, struct id *out) {
    for (size_t i = 0; i < requests->count; i++) {
        if (instant_reached(now, requests->live[i].expires)) {
            *out = requests->live[i].id;
            requests->live[i] = requests->live[--requests->count];
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

static const struct live *find(const struct requests *requests, const struct id *id) {
    for (size_t i = 0; i < requests->count; i++) {
        if (id_equal(&requests->live[i].id, id)) {
            return &requests->live[i];
        }
    }
    return NULL;
}

static enum err judge_time(const struct request *request, const struct charter *charter,
                           struct instant now) {
    int64_t life = request->head.expires.ms - request->head.created.ms;
    int64_t keep = request->terms.delete_by.ms - request->head.created.ms;
    if (life > (int64_t)REQUEST_LIFE_MAX_DAYS * DURATION_DAY_MS || keep <= 0 ||
        keep > (int64_t)charter->delete_by_max_days * DURATION_DAY_MS) {
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
        return ERR_PEER_RULE;
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

static uint32_t live_of(const struct requests *requests, const struct id *author) {
    uint32_t count = 0;
    for (size_t i = 0; i < requests->count; i++) {
        count += id_equal(&requests->live[i].author, author) ? 1 : 0;
    }
    return count;
}

static uint32_t lately_of(const struct requests *requests, const struct id *author,
                          struct instant now) {
    for (size_t i = 0; i < requests->author_count; i++) {
        const struct author *one = &requests->authors[i];
        if (id_equal(&one->id, author)) {
            return day_is_over(one, now) ? 0 : one->count;
        }
    }
    return 0;
}

/* Where there is no place, the one whose day began first is forgotten. */
static void count_one(struct requests *requests, const struct id *author, struct instant now) {
    struct author *place = &requests->authors[0];
    for (size_t i = 0; i < requests->author_count; i++) {
        struct author *one = &requests->authors[i];
        if (id_equal(&one->id, author)) {
            place = one;
            break;
        }
        place = one->since.ms < place->since.ms ? one : place;
    }
    bool known = requests->author_count > 0 && id_equal(&place->id, author);
    if (!known && requests->author_count < AUTHORS_MAX) {
        place = &requests->authors[requests->author_count++];
    }
    if (!known || day_is_over(place, now)) {
        *place = (struct author){.id = *author, .since = now};
    }
    place->count++;
}

/* A clock that was set back must not make a day last for years. */
static bool day_is_over(const struct author *author, struct instant now) {
    int64_t passed = now.ms - author->since.ms;
    return passed < 0 || passed >= DURATION_DAY_MS;
}
