/* Log: this home's append-only record (PROTOCOL 8). What others may count is a public leaf. What
 * depends on the home's cameras, footage or decisions is a private entry, and waits for its slot:
 * each slot adds exactly one leaf of one size, a salted commitment to the slot's private entries or
 * to none, so that the log's growth tells nothing (P2). What needs a private entry (a disclosure, a
 * deletion) waits until the slot's leaf is on disk (P7).
 *
 * Slots count up by one and close every slot length of the monotonic clock: a wall clock that is
 * set back neither stops them nor numbers two alike. While the node is off there are none; a public
 * `started` leaf says so.
 *
 * Memory: taken by log_create(). Bounds: LOG_WAITING_MAX private entries wait; LOG_SLOT_ENTRIES_MAX
 * of them go into one slot, the rest into the next. */
#ifndef NODE_LOG_LOG_H
#define NODE_LOG_LOG_H

#include "crypto/merkle.h"
#include "node/base/instant.h"

enum {
    LOG_WAITING_MAX = 512,
    LOG_SLOT_ENTRIES_MAX = 128,
    LOG_LEAF_MAX = 320, /* text of one leaf or entry, NUL included */
    LOG_OPENING_MAX = 32 + LOG_SLOT_ENTRIES_MAX * LOG_LEAF_MAX,
    LOG_NUMBERS_MAX = 3,
};

enum log_kind {
    /* public */
    LOG_STARTED = 1,
    LOG_CHARTER,            /* a: community */
    LOG_MEMBER,             /* a: certificate */
    LOG_REQUEST_MADE,       /* a: request; numbers: instrument, seconds, square metres */
    LOG_REQUEST_SEEN,       /* the same, by others */
    LOG_REQUEST_REFUSED,    /* a: request; numbers: index of the rule, from 1 */
    LOG_RECEIPT_COMMITMENT, /* a: commitment; b: request */
    /* private */
    LOG_CAMERA_LIST, /* numbers: version */
    LOG_MATCH,       /* a: request; b: clip */
    LOG_DECLINED,    /* a: request; b: clip */
    LOG_EXPIRED,     /* a: request; b: clip */
    LOG_SIGNED,      /* a: grant; b: clip: one owner's acceptance */
    LOG_DISCLOSURE,  /* a: grant; b: clip: written before anything leaves */
    LOG_SENT,        /* a: grant; b: clip: the requester has receipted the header */
    LOG_SHRED,       /* a: request; b: clip */
    LOG_OFFERED,     /* a: grant; b: request: a home has offered us a clip */
    LOG_RECEIVED,    /* a: grant; b: request */
    LOG_COLLECTED,   /* a: grant */
    LOG_DELETED,     /* a: grant: key and ciphertext, at delete-by */
    LOG_FOOTAGE,     /* a: commitment over a period's hashes */
};

struct log_entry {
    enum log_kind kind;
    struct instant at;
    struct id a, b; /* zero: none */
    uint64_t numbers[LOG_NUMBERS_MAX];
};

bool log_kind_private(enum log_kind kind);
const char *log_kind_word(enum log_kind kind);

/* One line of text without its end: "request_seen 2026-11-24T21:10:00Z a=HEX b=HEX n=7,150,2827".
 * The line is the leaf (PROTOCOL 8.1). */
void log_entry_write(const struct log_entry *entry, char out[LOG_LEAF_MAX]);
MUST_USE enum err log_entry_read(struct bytes line, struct log_entry *out); /* ERR_PEER_MALFORMED */

/* A slot's leaf, and the check that an opening (salt, then entries, each ended by a newline) is
 * what it commits to (PROTOCOL 8.2). */
void log_slot_commit(struct bytes opening, struct id *out);
MUST_USE bool log_slot_verify(struct bytes leaf, struct bytes opening);

struct log;

struct log *log_create(struct now now); /* NULL when memory is short */
void log_destroy(struct log *log);

/* At start: every stored leaf's hash in order, and the number of the last slot. */
void log_load(struct log *log, const struct id *leaf_hash);
void log_load_slot(struct log *log, uint64_t slot);
void log_set_slot_length(struct log *log, struct duration length, struct now now);

uint64_t log_size(const struct log *log);
void log_root(const struct log *log, struct id *out);

/* Adds a leaf; the caller stores it in this turn. */
struct log_leaf {
    uint64_t index;
    struct id hash;
    size_t len;
    char text[LOG_LEAF_MAX];
};
void log_append(struct log *log, const struct log_entry *entry, struct log_leaf *out);

/* A private entry that the caller has stored among the waiting. ERR_FULL_QUEUE. */
MUST_USE enum err log_wait(struct log *log, const struct log_entry *entry);
size_t log_waiting(const struct log *log);

/* Closes the slot when it is due: adds its leaf and hands out the opening (empty of entries for a
 * dummy) and how many of the oldest waiting entries it holds. The entries are good until the next
 * call. False when no slot is due. */
struct log_slot {
    struct log_leaf leaf;
    uint64_t number;
    size_t count;
    struct log_entry entries[LOG_SLOT_ENTRIES_MAX];
    size_t opening_len;
    uint8_t opening[LOG_OPENING_MAX];
};
bool log_close_slot(struct log *log, struct now now, const uint8_t salt[32], struct log_slot *out);
struct tick log_deadline(const struct log *log);

#endif
