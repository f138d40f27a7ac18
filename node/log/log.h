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
#include "crypto/note.h"
#include "node/base/instant.h"

enum {
    LOG_WAITING_MAX = 512,
    LOG_SLOT_ENTRIES_MAX = 128,
    LOG_LEAF_MAX = 320, /* text of one leaf or entry, NUL included */
    LOG_OPENING_MAX = 32 + LOG_SLOT_ENTRIES_MAX * LOG_LEAF_MAX,
    LOG_NUMBERS_MAX = 3,
    LOG_SALT_BYTES = 32,
    LOG_SLOT_LEAF_BYTES = 5 + 20 + 1 + 10 + 1 + 64, /* of every slot leaf, busy or dummy */
    LOG_SLOT_LENGTH_MIN_MS = 1000,                  /* what a charter may say (PROTOCOL 4.1) */
    LOG_SLOT_LENGTH_MAX_MS = 3600 * 1000,
};

enum log_kind {
    /* public */
    LOG_STARTED = 1,
    LOG_CHARTER,            /* a: community */
    LOG_MEMBER,             /* a: certificate */
    LOG_REQUEST_MADE,       /* a: request; numbers: instrument, seconds, square metres */
    LOG_REQUEST_SEEN,       /* the same, by others */
    LOG_REQUEST_REFUSED,    /* a: request; numbers: index of the rule, from 1 */
    LOG_REQUEST_AMENDED,    /* a: request; b: the one that takes its place */
    LOG_REQUEST_WITHDRAWN,  /* a: request; b: withdrawal, or what removed its author */
    LOG_CALL_BACK,          /* a: request, or a of its LOG_REQUEST_WITHHELD; b: call-back; numbers:
                               outcome */
    LOG_RECEIPT_COMMITMENT, /* a: commitment; b: request, or a of its LOG_REQUEST_WITHHELD */
    LOG_DELETION_RECEIPT,   /* the same */
    LOG_KEY_SUCCEEDED,      /* a: the log key that signs from here on; b: the one before; numbers:
                               leaves that we have, leaves that the old one has signed */
    LOG_FORK_SEEN,          /* a: log key; numbers: both sizes */
    LOG_REQUEST_WITHHELD,   /* a: salted hash of a request; numbers: seconds since 1970 when its
                               secrecy ends */
    LOG_REQUEST_PUBLISHED,  /* it has ended: a: request; b: salt; numbers as when it was made */
    LOG_REFUSAL_PUBLISHED,  /* the same of one that was refused; numbers: index of the rule, from 1
                             */
    LOG_ACT,                /* a: act; b: the one before; numbers: version, from 2 on */
    LOG_ACT_LOST,           /* a: act; b: the one in its place */
    LOG_REMOVED,            /* a: certificate; b: removal, act or the one in its place */
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
    LOG_DISCARDED, /* a: grant; numbers: files of it that its owner's `stoop` is about to delete */
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

/* A slot's leaf: "slot 2026-11-24T21:10:00Z 0000000042 HEX", always LOG_SLOT_LEAF_BYTES long.
 * ERR_PEER_MALFORMED. */
struct log_slot_leaf {
    struct instant at; /* whole seconds */
    uint64_t number;   /* below 10^10: no home lives that long */
    struct id commitment;
};
MUST_USE enum err log_slot_read(struct bytes leaf, struct log_slot_leaf *out);

/* An opening is the salt and then the slot's entries, each ended by a newline (PROTOCOL 8.2).
 * log_slot_verify() checks for anyone that it is what the leaf commits to and holds private entries
 * and nothing else; log_opening_next() then takes entry by entry off `rest`, the opening without
 * its salt, and is false at the end. */
void log_slot_commit(struct bytes opening, struct id *out); /* opening.len >= LOG_SALT_BYTES */
MUST_USE bool log_slot_verify(struct bytes leaf, struct bytes opening);
MUST_USE bool log_opening_next(struct bytes *rest, struct log_entry *out);

struct log;

struct log *log_create(struct now now); /* NULL when memory is short */
void log_destroy(struct log *log);

/* At start: the tree's right edge as it is stored and committed, and the number of the last slot.
 */
void log_load(struct log *log, const struct merkle_edge *edge);
void log_load_slot(struct log *log, uint64_t slot);
/* One minute until told otherwise. The running slot begins anew. */
void log_set_slot_length(struct log *log, struct duration length, struct now now);
struct duration log_slot_length(const struct log *log);

/* With the leaves of this turn, which may yet be rolled back. */
uint64_t log_size(const struct log *log);
void log_root(const struct log *log, struct id *out);

/* The turn's transaction is on disk. A checkpoint is signed over committed leaves only: one over a
 * leaf that a power cut takes back would be a fork of our own making (PROTOCOL 8.3, P12). The
 * checkpoint's origin is also its key's name. ERR_FULL_BUFFER. */
void log_committed(struct log *log);
uint64_t log_committed_size(const struct log *log);
MUST_USE enum err log_checkpoint(const struct log *log, const char *origin,
                                 const struct sign_secret *secret, char out[NOTE_MAX]);

/* Adds a leaf; the caller stores it in this turn. */
struct log_leaf {
    uint64_t index;
    struct id hash;
    size_t len;
    char text[LOG_LEAF_MAX];
    size_t node_count;
    struct id nodes[MERKLE_PROOF_MAX]; /* of the subtrees that it completes, from level 1 up */
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
