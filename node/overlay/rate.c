/* A bucket is kept as the time at which it will be full: what it lacks now is the time from now to
 * there, at one token for each EVERY_MS. (The "generic cell rate algorithm", ITU-T I.371.) */
#include "node/overlay/rate.h"

#include <assert.h>
#include <stdlib.h>

#include "node/base/assert.h"

static_assert(RATE_AUTHOR_TOKENS >= 64 + 16 * 4 + 10 * 4 + 1, "all that one author may have live");
static_assert(RATE_SPONSOR_TOKENS >= 64 * 64, "a fair part for each whom a sponsor can let in");

struct bucket {
    struct tick full_at;
};

struct rate {
    size_t members;
    struct bucket *authors;  /* owned: one a member */
    struct bucket *sponsors; /* likewise */
};

struct kind {
    int64_t tokens, every_ms;
};

static const struct kind author_kind = {RATE_AUTHOR_TOKENS, RATE_AUTHOR_EVERY_MS};
static const struct kind sponsor_kind = {RATE_SPONSOR_TOKENS, RATE_SPONSOR_EVERY_MS};

static bool has(const struct rate *rate, const struct bucket *buckets, const struct kind *kind,
                peer_no peer, int64_t tokens, struct tick now);
static void take(const struct rate *rate, struct bucket *buckets, const struct kind *kind,
                 peer_no peer, int64_t tokens, struct tick now);
static int64_t cost_of(const struct rate_object *object);
static int64_t lacking_ms(const struct bucket *bucket, struct tick now);

struct rate *rate_create(size_t members) {
    struct rate *rate = calloc(1, sizeof *rate);
    if (rate == NULL) {
        return NULL;
    }
    rate->members = members;
    rate->authors = calloc(members, sizeof *rate->authors);
    rate->sponsors = calloc(members, sizeof *rate->sponsors);
    if (rate->authors == NULL || rate->sponsors == NULL) {
        rate_destroy(rate);
        return NULL;
    }
    return rate;
}

void rate_destroy(struct rate *rate) {
    if (rate != NULL) {
        free(rate->authors);
        free(rate->sponsors);
        free(rate);
    }
}

bool rate_allows(const struct rate *rate, const struct rate_object *object, struct tick now) {
    int64_t cost = cost_of(object);
    return has(rate, rate->authors, &author_kind, object->author, cost, now) &&
           has(rate, rate->sponsors, &sponsor_kind, object->sponsor, cost, now);
}

void rate_spend(struct rate *rate, const struct rate_object *object, struct tick now) {
    ASSERT(rate_allows(rate, object, now));
    int64_t cost = cost_of(object);
    take(rate, rate->authors, &author_kind, object->author, cost, now);
    take(rate, rate->sponsors, &sponsor_kind, object->sponsor, cost, now);
}

static bool has(const struct rate *rate, const struct bucket *buckets, const struct kind *kind,
                peer_no peer, int64_t tokens, struct tick now) {
    if (peer == OVERLAY_NOBODY) {
        return true;
    }
    ASSERT(peer < rate->members);
    return lacking_ms(&buckets[peer], now) + tokens * kind->every_ms <=
           kind->tokens * kind->every_ms;
}

static void take(const struct rate *rate, struct bucket *buckets, const struct kind *kind,
                 peer_no peer, int64_t tokens, struct tick now) {
    if (peer != OVERLAY_NOBODY) {
        ASSERT(peer < rate->members);
        int64_t lacking = lacking_ms(&buckets[peer], now) + tokens * kind->every_ms;
        buckets[peer].full_at = tick_add(now, (struct duration){lacking});
    }
}

static int64_t cost_of(const struct rate_object *object) {
    size_t tokens = (object->size_bytes + RATE_TOKEN_BYTES - 1) / RATE_TOKEN_BYTES;
    return tokens == 0 ? 1 : (int64_t)tokens;
}

/* Zeroed memory is a full bucket. */
static int64_t lacking_ms(const struct bucket *bucket, struct tick now) {
    return tick_reached(now, bucket->full_at) ? 0 : bucket->full_at.ms - now.ms;
}
