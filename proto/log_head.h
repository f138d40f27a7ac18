/* What nodes know of each other's logs: the names of keys, and proof that a log has forked
 * (PROTOCOL 8.3, 8.5, 8.6). */
#ifndef PROTO_LOG_HEAD_H
#define PROTO_LOG_HEAD_H

#include "crypto/merkle.h"
#include "crypto/note.h"
#include "node/base/err.h"

/* Of a log and its key, and of a witness's key: "stoop.log/" or "stoop.witness/" and the first 16
 * hex digits of the log key. The origin follows from the key, so that a log under a new key is
 * another log to everybody who follows it. */
void log_origin(const struct sign_public *log, char out[NOTE_NAME_MAX]);
void log_verifier(const struct sign_public *log, struct note_key *out);
void witness_verifier(const struct sign_public *log, struct note_key *out);

/* Two checkpoints signed by one log of which neither can be an earlier state of the other. Of equal
 * sizes: the roots differ. Of different ones: `root` and `proof` show that the newer tree begins
 * with other leaves than the older one has. Whoever has the log's key can check it alone. */
struct log_fork {
    struct sign_public log;
    struct bytes older, newer; /* notes, borrowed; sizes in order */
    struct id root;            /* of the newer tree's first leaves; zero for equal sizes */
    struct merkle_proof proof;
};

/* ERR_PEER_SIGNATURE, ERR_PEER_MALFORMED: a checkpoint is not the log's. ERR_PEER_TREE: no fork. */
MUST_USE enum err log_fork_verify(const struct log_fork *fork, struct checkpoint *older,
                                  struct checkpoint *newer);

/* What stands in a log for a request whose court has ordered secrecy, until that ends:
 * SHA-256("stoop withheld v1" || salt || request) (PROTOCOL 8.7). */
void log_withheld(const struct id *salt, const struct id *request, struct id *out);

#endif
