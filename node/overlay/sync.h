/* Range-based set reconciliation of live objects (PROTOCOL 5.1; after Meyer, "Range-Based Set
 * Reconciliation", SRDS 2023).
 *
 * No session is kept: each message says all that its answer needs, so a lost or repeated one costs
 * a round and nothing else. Whoever opens says where its own newest object is, so that a peer that
 * misses a run of time, or is ahead by one, costs one comparison and the objects. What differs
 * elsewhere is cut into SYNC_PARTS, then listed by short salted ids.
 *
 * Pure functions over a set. A message costs at most SYNC_MESSAGES_MAX in answer. */
#ifndef NODE_OVERLAY_SYNC_H
#define NODE_OVERLAY_SYNC_H

#include "node/overlay/set.h"
#include "proto/link.h"

enum {
    SYNC_ROUNDS_MAX = 12,
    SYNC_PARTS = 16,
    SYNC_LISTED = 24, /* no more of ours in a range: they are listed, not cut */
    SYNC_MESSAGES_MAX =
        SYNC_PARTS + 2, /* one full message cut everywhere, or listed in half as many */
    SYNC_PUSHES_MAX = 1024,
};

struct sync_answer {
    bool differs;
    size_t work; /* ranges and ids that were looked at: what the question cost */
    size_t push_count;
    struct id pushes[SYNC_PUSHES_MAX]; /* the peer lacks them; the rest comes with a later round */
    size_t message_count;
    struct link_message messages[SYNC_MESSAGES_MAX];
};

/* `out->messages[0]` opens a reconciliation of everything. `salt`: new each time. */
void sync_open(const struct sync_set *set, uint64_t salt, struct sync_answer *out);

/* Does this peer's short id name an object that we do not want just now? */
typedef bool sync_unwanted(void *context, uint64_t salt, const struct sync_short *id);

/* The answer to a SYNC, SYNC_IDS or SYNC_WANT; it may be empty.
 * ERR_PEER_BOUNDS: more rounds than any correct peer needs. */
MUST_USE enum err sync_take(const struct sync_set *set, const struct link_message *message,
                            sync_unwanted *unwanted, void *context, struct sync_answer *out);

void sync_shorten(uint64_t salt, const struct id *id, struct sync_short *out);

#endif
