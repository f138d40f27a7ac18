/* Merkle trees over SHA-256 as RFC 6962 section 2.1 defines them (PROTOCOL 6.3, 8.3): a leaf's hash
 * is SHA-256(0x00 || leaf), a node's SHA-256(0x01 || left || right), the empty tree's SHA-256("").
 */
#ifndef CRYPTO_MERKLE_H
#define CRYPTO_MERKLE_H

#include "crypto/keys.h"

enum {
    MERKLE_PROOF_MAX = 64
};

void merkle_leaf(struct bytes leaf, struct id *out);
void merkle_node(const struct id *left, const struct id *right, struct id *out);

/* Grows by appending: holds one hash for each complete subtree on the right edge. Zeroed: empty. */
struct merkle_edge {
    uint64_t size;
    struct id hashes[MERKLE_PROOF_MAX]; /* of the subtrees, largest first */
};
void merkle_append(struct merkle_edge *edge, const struct id *leaf_hash);
/* The same; the hashes of the subtrees that this leaf completes, from level 1 up. Their number. */
size_t merkle_append_nodes(struct merkle_edge *edge, const struct id *leaf_hash,
                           struct id nodes[MERKLE_PROOF_MAX]);
void merkle_root(const struct merkle_edge *edge, struct id *out);

struct merkle_proof {
    size_t count;
    struct id hashes[MERKLE_PROOF_MAX];
};

/* Verification, RFC 9162 sections 2.1.3.2 and 2.1.4.2. False for anything that does not fit. Every
 * tree is consistent with the empty one, so that says nothing: an old size of 0 is always false. */
MUST_USE bool merkle_verify_inclusion(const struct id *leaf_hash, uint64_t index, uint64_t size,
                                      const struct merkle_proof *proof, const struct id *root);
MUST_USE bool merkle_verify_consistency(uint64_t old_size, uint64_t new_size,
                                        const struct merkle_proof *proof, const struct id *old_root,
                                        const struct id *new_root);

/* Hash of the complete subtree `index` at `level` (0: leaves); false when it cannot be read. */
typedef bool merkle_read(void *context, unsigned level, uint64_t index, struct id *out);

/* The edge of the tree of the first `size` leaves, from stored hashes: one read for each complete
 * subtree, 64 at most. False when a read fails. */
MUST_USE bool merkle_edge_read(uint64_t size, merkle_read *read, void *context,
                               struct merkle_edge *out);

/* Proofs of a tree of `size` leaves from stored hashes of complete subtrees; O(log^2 size) reads.
 * False when a read fails or the numbers do not fit (old_size 0 among them). */
MUST_USE bool merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_read *read,
                                     void *context, struct merkle_proof *out);
MUST_USE bool merkle_prove_consistency(uint64_t old_size, uint64_t new_size, merkle_read *read,
                                       void *context, struct merkle_proof *out);

#endif
