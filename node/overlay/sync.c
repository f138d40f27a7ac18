#include "node/overlay/sync.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/base/assert.h"

enum {
    RECORD_HEAD = 3, /* type and length (PROTOCOL 3.4) */
    LIST_HEAD = 17,  /* the salt and the other fields' tags and lengths, at most */
    LIST_BYTES = 4096 - RECORD_HEAD - LIST_HEAD, /* of spans and ids: they fill a record of 4 KiB */
};

struct range { /* ranks, and the bounds they come from */
    struct sync_bound lower, upper;
    size_t from, to;
};

static void answer_sync(const struct sync_set *set, const struct link_message *message,
                        struct sync_answer *out);
static void answer_range(const struct sync_set *set, const struct link_message *message,
                         const struct range *range, struct sync_answer *out);
static void say_where_ours_ends(const struct sync_set *set, const struct range *range,
                                uint64_t salt, uint32_t round, struct sync_answer *out);
static void cut(const struct sync_set *set, const struct range *range,
                const struct link_message *message, struct sync_answer *out);
static void add_print(const struct sync_set *set, const struct range *range, uint64_t salt,
                      uint32_t round, struct sync_answer *out);
static void list(const struct sync_set *set, const struct range *range, uint64_t salt,
                 struct sync_answer *out);
static void answer_ids(const struct sync_set *set, const struct link_message *message,
                       sync_unwanted *unwanted, void *context, struct sync_answer *out);
static void answer_want(const struct sync_set *set, const struct link_message *message,
                        struct sync_answer *out);
static bool each_span(const struct sync_set *set, const struct link_message *message, size_t *next,
                      struct range *range, const struct sync_short **ids, size_t *count);
static void add_push(const struct sync_set *set, size_t rank, struct sync_answer *out);

static struct link_message *open_message(struct sync_answer *out, enum link_kind kind,
                                         uint64_t salt, uint32_t round);
static struct link_message *new_message(struct sync_answer *out, enum link_kind kind,
                                        uint64_t salt);
static struct link_message *room_for_span(struct sync_answer *out, enum link_kind kind,
                                          uint64_t salt, size_t ids);
static void add_span(struct link_message *message, const struct range *range, size_t count);
static struct range range_of(const struct sync_set *set, const struct sync_bound *lower,
                             const struct sync_bound *upper);
static void fingerprint(const struct sync_set *set, size_t from, size_t to, uint64_t salt,
                        uint8_t out[SYNC_PRINT_BYTES]);
static bool is_skipped(const struct sync_print *print);
static struct sync_bound bound_of(const struct sync_key *key);
static struct sync_bound bound_after(const struct sync_key *key);
static size_t rank_of(const struct sync_set *set, const struct sync_bound *bound);
static int bound_compare(const struct sync_bound *a, const struct sync_bound *b);
static int short_compare(const void *a, const void *b);

static const struct sync_bound bound_start;
static const struct sync_bound bound_end = {
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

void sync_open(const struct sync_set *set, uint64_t salt, struct sync_answer *out) {
    struct range all = range_of(set, &bound_start, &bound_end);
    out->message_count = 0;
    out->push_count = 0;
    say_where_ours_ends(set, &all, salt, 0, out);
}

enum err sync_take(const struct sync_set *set, const struct link_message *message,
                   sync_unwanted *unwanted, void *context, struct sync_answer *out) {
    out->differs = false;
    out->work = 1;
    out->push_count = 0;
    out->message_count = 0;
    if (message->kind == LINK_SYNC) {
        if (message->as.sync.round > SYNC_ROUNDS_MAX) {
            return ERR_PEER_BOUNDS;
        }
        answer_sync(set, message, out);
    } else if (message->kind == LINK_SYNC_IDS) {
        answer_ids(set, message, unwanted, context, out);
    } else {
        ASSERT(message->kind == LINK_SYNC_WANT);
        answer_want(set, message, out);
    }
    return ERR_OK;
}

/* Salted, so that nobody can make an object whose short id collides with another's in every
 * reconciliation; a collision by chance ends with the next salt. */
void sync_shorten(uint64_t salt, const struct id *id, struct sync_short *out) {
    uint8_t key[8];
    write_u64(key, salt);
    uint8_t hash[32];
    hash_labelled("stoop short id v1", BYTES_OF(key), BYTES_OF(id->b), hash, sizeof hash);
    memcpy(out->b, hash, sizeof out->b);
}

/* ---- fingerprints ---- */

static void answer_sync(const struct sync_set *set, const struct link_message *message,
                        struct sync_answer *out) {
    struct sync_bound lower = message->as.sync.lower;
    for (size_t i = 0; i < message->as.sync.count; i++) {
        const struct sync_print *print = &message->as.sync.prints[i];
        struct range range = range_of(set, &lower, &print->upper);
        uint8_t ours[SYNC_PRINT_BYTES];
        uint8_t none[SYNC_PRINT_BYTES];
        lower = print->upper;
        out->work++;
        if (is_skipped(print)) {
            continue;
        }
        fingerprint(set, range.from, range.to, message->as.sync.salt, ours);
        if (memcmp(ours, print->print, sizeof ours) == 0) {
            continue;
        }
        out->differs = true;
        fingerprint(set, 0, 0, message->as.sync.salt, none);
        if (memcmp(none, print->print, sizeof none) == 0) {
            for (size_t k = range.from; k < range.to && out->push_count < SYNC_PUSHES_MAX; k++) {
                add_push(set, k, out);
                out->work++;
            }
            continue;
        }
        answer_range(set, message, &range, out);
    }
}

static void answer_range(const struct sync_set *set, const struct link_message *message,
                         const struct range *range, struct sync_answer *out) {
    size_t ours = range->to - range->from;
    const struct sync_item *last = ours == 0 ? NULL : sync_set_at(set, range->to - 1);
    struct sync_bound end = last == NULL ? bound_start : bound_after(&last->key);
    if (message->as.sync.round == 0 && last != NULL && bound_compare(&end, &range->upper) < 0 &&
        bound_compare(&range->lower, &bound_start) == 0) {
        say_where_ours_ends(set, range, message->as.sync.salt, 1, out);
    } else if (ours <= SYNC_LISTED) {
        list(set, range, message->as.sync.salt, out);
    } else {
        cut(set, range, message, out);
    }
}

/* Two ranges: up to our newest object, and after it, where we have nothing. A peer that is only
 * ahead, or only behind, finds the first one equal. */
static void say_where_ours_ends(const struct sync_set *set, const struct range *range,
                                uint64_t salt, uint32_t round, struct sync_answer *out) {
    struct range rest = *range;
    if (range->to > range->from) {
        struct sync_bound end = bound_after(&sync_set_at(set, range->to - 1)->key);
        if (bound_compare(&end, &range->upper) < 0) {
            struct range old = {range->lower, end, range->from, range->to};
            add_print(set, &old, salt, round, out);
            rest = (struct range){end, range->upper, range->to, range->to};
        }
    }
    add_print(set, &rest, salt, round, out);
}

/* Into parts of equally many of our own. */
static void cut(const struct sync_set *set, const struct range *range,
                const struct link_message *message, struct sync_answer *out) {
    size_t ours = range->to - range->from;
    size_t parts = ours / (SYNC_LISTED / 2) < SYNC_PARTS ? ours / (SYNC_LISTED / 2) : SYNC_PARTS;
    struct range part = {.lower = range->lower, .from = range->from};
    for (size_t i = 1; i <= parts; i++) {
        part.upper = i == parts ? range->upper
                                : bound_of(&sync_set_at(set, range->from + ours * i / parts)->key);
        if (bound_compare(&part.lower, &part.upper) >= 0) {
            continue;
        }
        part.to = rank_of(set, &part.upper);
        if (i == parts && part.from == range->from) { /* not to be cut at all */
            list(set, range, message->as.sync.salt, out);
            return;
        }
        add_print(set, &part, message->as.sync.salt, message->as.sync.round + 1, out);
        part.lower = part.upper;
        part.from = part.to;
    }
}

/* A gap before it is said to be skipped. */
static void add_print(const struct sync_set *set, const struct range *range, uint64_t salt,
                      uint32_t round, struct sync_answer *out) {
    struct link_message *message = open_message(out, LINK_SYNC, salt, round);
    if (message == NULL) {
        return; /* comes with a later round */
    }
    size_t *count = &message->as.sync.count;
    struct sync_print *prints = message->as.sync.prints;
    if (*count == 0) {
        message->as.sync.lower = range->lower;
    } else if (bound_compare(&prints[*count - 1].upper, &range->lower) < 0) {
        prints[(*count)++] = (struct sync_print){.upper = range->lower};
    }
    prints[*count].upper = range->upper;
    fingerprint(set, range->from, range->to, salt, prints[*count].print);
    (*count)++;
    out->work++;
}

/* ---- ids ---- */

static void list(const struct sync_set *set, const struct range *range, uint64_t salt,
                 struct sync_answer *out) {
    size_t count = range->to - range->from;
    count = count < LINK_SHORTS_MAX ? count : LINK_SHORTS_MAX;
    struct link_message *message = room_for_span(out, LINK_SYNC_IDS, salt, count);
    if (message == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sync_shorten(salt, &sync_set_at(set, range->from + i)->key.id,
                     &message->as.sync_ids.ids[message->as.sync_ids.count + i]);
    }
    add_span(message, range, count);
    out->work += count;
}

/* Pushes what the peer did not list, asks for what is not here. */
static void answer_ids(const struct sync_set *set, const struct link_message *message,
                       sync_unwanted *unwanted, void *context, struct sync_answer *out) {
    uint64_t salt = message->as.sync_ids.salt;
    struct sync_short theirs[LINK_SHORTS_MAX];
    bool here[LINK_SHORTS_MAX];
    const struct sync_short *listed = NULL;
    struct range range;
    size_t count = 0;
    for (size_t i = 0; each_span(set, message, &i, &range, &listed, &count);) {
        if (count > 0) {
            memcpy(theirs, listed, count * sizeof theirs[0]);
            qsort(theirs, count, sizeof theirs[0], short_compare);
        }
        memset(here, 0, count * sizeof here[0]);
        for (size_t k = range.from; k < range.to; k++) {
            struct sync_short own;
            sync_shorten(salt, &sync_set_at(set, k)->key.id, &own);
            const struct sync_short *same =
                bsearch(&own, theirs, count, sizeof theirs[0], short_compare);
            if (same == NULL) {
                add_push(set, k, out);
                out->differs = true;
            } else {
                here[same - theirs] = true;
            }
        }
        out->work += range.to - range.from + count;
        size_t wanted = 0;
        for (size_t k = 0; k < count; k++) {
            if (!here[k] && !unwanted(context, salt, &theirs[k])) {
                theirs[wanted++] = theirs[k];
            }
        }
        struct link_message *want =
            wanted == 0 ? NULL : room_for_span(out, LINK_SYNC_WANT, salt, wanted);
        if (want != NULL) {
            memcpy(&want->as.sync_ids.ids[want->as.sync_ids.count], theirs,
                   wanted * sizeof theirs[0]);
            add_span(want, &range, wanted);
            out->differs = true;
        }
    }
}

static void answer_want(const struct sync_set *set, const struct link_message *message,
                        struct sync_answer *out) {
    struct sync_short theirs[LINK_SHORTS_MAX];
    const struct sync_short *listed = NULL;
    struct range range;
    size_t count = 0;
    for (size_t i = 0; each_span(set, message, &i, &range, &listed, &count);) {
        if (count == 0) {
            continue;
        }
        memcpy(theirs, listed, count * sizeof theirs[0]);
        qsort(theirs, count, sizeof theirs[0], short_compare);
        for (size_t k = range.from; k < range.to; k++) {
            struct sync_short own;
            sync_shorten(message->as.sync_ids.salt, &sync_set_at(set, k)->key.id, &own);
            if (bsearch(&own, theirs, count, sizeof theirs[0], short_compare) != NULL) {
                add_push(set, k, out); /* may have expired since we named it */
            }
        }
        out->work += range.to - range.from + count;
    }
}

/* The next span of a SYNC_IDS or SYNC_WANT message, with its part of the ids. */
static bool each_span(const struct sync_set *set, const struct link_message *message, size_t *next,
                      struct range *range, const struct sync_short **ids, size_t *count) {
    if (*next == message->as.sync_ids.span_count) {
        return false;
    }
    size_t before = 0;
    for (size_t i = 0; i < *next; i++) {
        before += read_u16(message->as.sync_ids.spans[i].count);
    }
    const struct sync_span *span = &message->as.sync_ids.spans[(*next)++];
    *range = range_of(set, &span->lower, &span->upper);
    *ids = &message->as.sync_ids.ids[before];
    *count = read_u16(span->count);
    return true;
}

static void add_push(const struct sync_set *set, size_t rank, struct sync_answer *out) {
    if (out->push_count < SYNC_PUSHES_MAX) {
        out->pushes[out->push_count++] = sync_set_at(set, rank)->key.id;
    }
}

/* ---- messages ---- */

/* The last one, when it has room for a gap and a range more. NULL when there are too many. */
static struct link_message *open_message(struct sync_answer *out, enum link_kind kind,
                                         uint64_t salt, uint32_t round) {
    for (size_t i = out->message_count; i > 0; i--) {
        struct link_message *message = &out->messages[i - 1];
        if (message->kind == kind) {
            if (message->as.sync.count + 2 <= LINK_PRINTS_MAX) {
                return message;
            }
            break;
        }
    }
    struct link_message *message = new_message(out, kind, salt);
    if (message != NULL) {
        message->as.sync.round = round;
    }
    return message;
}

static struct link_message *room_for_span(struct sync_answer *out, enum link_kind kind,
                                          uint64_t salt, size_t ids) {
    for (size_t i = out->message_count; i > 0; i--) {
        struct link_message *message = &out->messages[i - 1];
        if (message->kind == kind) {
            size_t spans = message->as.sync_ids.span_count + 1;
            size_t all = message->as.sync_ids.count + ids;
            size_t bytes = spans * sizeof(struct sync_span) + all * sizeof(struct sync_short);
            if (spans <= LINK_SPANS_MAX && all <= LINK_SHORTS_MAX && bytes <= LIST_BYTES) {
                return message;
            }
            break;
        }
    }
    return new_message(out, kind, salt);
}

static struct link_message *new_message(struct sync_answer *out, enum link_kind kind,
                                        uint64_t salt) {
    if (out->message_count == SYNC_MESSAGES_MAX) {
        return NULL;
    }
    struct link_message *message = &out->messages[out->message_count++];
    message->kind = kind;
    if (kind == LINK_SYNC) {
        message->as.sync.salt = salt;
        message->as.sync.count = 0;
    } else {
        message->as.sync_ids.salt = salt;
        message->as.sync_ids.span_count = message->as.sync_ids.count = 0;
    }
    return message;
}

static void add_span(struct link_message *message, const struct range *range, size_t count) {
    struct sync_span *span = &message->as.sync_ids.spans[message->as.sync_ids.span_count++];
    span->lower = range->lower;
    span->upper = range->upper;
    write_u16(span->count, (uint16_t)count);
    message->as.sync_ids.count += count;
}

/* ---- bounds and prints ---- */

static struct range range_of(const struct sync_set *set, const struct sync_bound *lower,
                             const struct sync_bound *upper) {
    return (struct range){*lower, *upper, rank_of(set, lower), rank_of(set, upper)};
}

/* Sum of the ids mod 2^256, hashed with the count and the salt. Whoever makes some 2^32
 * objects can find two sets with one sum (Wagner 2002): the two then look alike in a range that
 * holds nothing else that differs, and hide each other, nothing else. */
static void fingerprint(const struct sync_set *set, size_t from, size_t to, uint64_t salt,
                        uint8_t out[SYNC_PRINT_BYTES]) {
    static const uint8_t skipped[SYNC_PRINT_BYTES];
    struct sync_sum sum = sync_set_sum(set, from, to);
    uint8_t message[48];
    for (size_t i = 0; i < 32; i++) { /* little-endian */
        message[i] = (uint8_t)(sum.limb[i / 8] >> (i % 8 * 8));
    }
    write_u64(message + 32, to - from);
    write_u64(message + 40, salt);
    uint8_t hash[32];
    hash_labelled("stoop range v1", (struct bytes){NULL, 0}, BYTES_OF(message), hash, sizeof hash);
    memcpy(out, hash, SYNC_PRINT_BYTES);
    if (memcmp(out, skipped, sizeof skipped) == 0) {
        out[0] = 1;
    }
}

static bool is_skipped(const struct sync_print *print) {
    static const uint8_t skipped[SYNC_PRINT_BYTES];
    return memcmp(print->print, skipped, sizeof skipped) == 0;
}

/* Bounds have the order of keys. */
static struct sync_bound bound_of(const struct sync_key *key) {
    struct sync_bound bound;
    write_u16(bound.b, (uint16_t)(key->created.ms >> 32));
    write_u32(bound.b + 2, (uint32_t)key->created.ms);
    memcpy(bound.b + 6, key->id.b, sizeof bound.b - 6);
    return bound;
}

/* The smallest that is greater than `key`. */
static struct sync_bound bound_after(const struct sync_key *key) {
    struct sync_bound bound = bound_of(key);
    size_t i = sizeof bound.b;
    while (i > 0 && ++bound.b[i - 1] == 0) {
        i--;
    }
    return bound;
}

static size_t rank_of(const struct sync_set *set, const struct sync_bound *bound) {
    struct sync_key key = {{(int64_t)read_u16(bound->b) << 32 | (int64_t)read_u32(bound->b + 2)},
                           {{0}}};
    memcpy(key.id.b, bound->b + 6, sizeof bound->b - 6);
    return sync_set_rank(set, &key);
}

static int bound_compare(const struct sync_bound *a, const struct sync_bound *b) {
    return memcmp(a->b, b->b, sizeof a->b);
}

static int short_compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct sync_short));
}
