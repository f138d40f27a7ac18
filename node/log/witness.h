/* Witness: what a node that is shown a neighbour's head does about it (PROTOCOL 8.5), as
 * c2sp.org/tlog-witness has it: it cosigns a head only when that holds everything that the largest
 * head which it has cosigned of that log holds, and it remembers before it speaks.
 *
 * Pure functions. The memory (one head for each log) is the caller's, who commits it before the
 * cosignature leaves; the caller has checked the log's signature on every head. */
#ifndef NODE_LOG_WITNESS_H
#define NODE_LOG_WITNESS_H

#include "crypto/merkle.h"
#include "crypto/note.h"

/* A head beside the proof that comes with it, if any. */
struct witness_shown {
    const struct checkpoint *head;
    uint64_t old_size;                /* that the proof starts from; 0: no proof */
    const struct id *old_root;        /* as the log has it */
    const struct merkle_proof *proof; /* from (old_size, old_root) to head */
};

enum witness_verdict {
    WITNESS_COSIGN, /* remember this head, then cosign it */
    WITNESS_ASK,    /* show the log the head that is remembered: it proves, or learns */
    WITNESS_STALE,  /* the proof starts from another head than the remembered one: ignore it */
    WITNESS_FORK,   /* remembered and shown head are proof of a fork */
    WITNESS_REFUSE, /* the proof does not hold: a fault of the sender's */
};

/* `known`: the remembered head, NULL for a log that is new here. */
enum witness_verdict witness_judge(const struct checkpoint *known,
                                   const struct witness_shown *shown);

/* What a log finds when a witness shows it one of its own heads (PROTOCOL 8.6). `own_root_at`: our
 * root at that head's size, where we have so many leaves, else NULL. False: the head is not of the
 * tree that we have. */
bool witness_head_is_ours(const struct checkpoint *head, const struct id *own_root_at);

#endif
