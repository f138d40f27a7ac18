#include "crypto/merkle.h"

#include <string.h>

#include "node/base/assert.h"

enum {
    SMALL_LEAF = 512, /* every log leaf: no allocation for those */
};

static uint64_t split(uint64_t size);
static bool range_hash(uint64_t from, uint64_t to, merkle_read *read, void *context,
                       struct id *out);
static bool push(struct merkle_proof *proof, const struct id *hash);
static void reverse(struct merkle_proof *proof);

void merkle_leaf(struct bytes leaf, struct id *out) {
    if (leaf.len <= SMALL_LEAF) {
        uint8_t small[1 + SMALL_LEAF];
        small[0] = 0;
        if (leaf.len > 0) {
            memcpy(small + 1, leaf.at, leaf.len);
        }
        sha256((struct bytes){small, 1 + leaf.len}, out);
        return;
    }
    struct sha256_state *state = sha256_create();
    ASSERT(state != NULL);
    sha256_update(state, (struct bytes){(const uint8_t *)"\0", 1});
    sha256_update(state, leaf);
    sha256_final(state, out);
    sha256_destroy(state);
}

void merkle_node(const struct id *left, const struct id *right, struct id *out) {
    uint8_t both[65] = {1};
    memcpy(both + 1, left->b, 32);
    memcpy(both + 33, right->b, 32);
    sha256(BYTES_OF(both), out);
}

void merkle_append(struct merkle_edge *edge, const struct id *leaf_hash) {
    struct id nodes[MERKLE_PROOF_MAX];
    (void)merkle_append_nodes(edge, leaf_hash, nodes);
}

/* The bits of the size say which complete subtrees there are; appending is adding one, with a
 * carry. */
size_t merkle_append_nodes(struct merkle_edge *edge, const struct id *leaf_hash,
                           struct id nodes[MERKLE_PROOF_MAX]) {
    size_t count = (size_t)__builtin_popcountll(edge->size);
    size_t completed = 0;
    struct id hash = *leaf_hash;
    for (uint64_t size = edge->size; (size & 1) != 0; size >>= 1) {
        merkle_node(&edge->hashes[--count], &hash, &hash);
        nodes[completed++] = hash;
    }
    edge->hashes[count] = hash;
    edge->size++;
    return completed;
}

void merkle_root(const struct merkle_edge *edge, struct id *out) {
    size_t count = (size_t)__builtin_popcountll(edge->size);
    if (count == 0) {
        sha256((struct bytes){NULL, 0}, out);
        return;
    }
    struct id hash = edge->hashes[--count];
    while (count > 0) {
        merkle_node(&edge->hashes[--count], &hash, &hash);
    }
    *out = hash;
}

bool merkle_verify_inclusion(const struct id *leaf_hash, uint64_t index, uint64_t size,
                             const struct merkle_proof *proof, const struct id *root) {
    if (index >= size || proof->count > MERKLE_PROOF_MAX) {
        return false;
    }
    uint64_t node = index;
    uint64_t last = size - 1;
    struct id hash = *leaf_hash;
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0) {
            return false;
        }
        if ((node & 1) != 0 || node == last) {
            merkle_node(&proof->hashes[i], &hash, &hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(&hash, &proof->hashes[i], &hash);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && id_equal(&hash, root);
}

bool merkle_verify_consistency(uint64_t old_size, uint64_t new_size,
                               const struct merkle_proof *proof, const struct id *old_root,
                               const struct id *new_root) {
    if (old_size == 0 || old_size > new_size || proof->count > MERKLE_PROOF_MAX) {
        return false;
    }
    if (old_size == new_size) {
        return proof->count == 0 && id_equal(old_root, new_root);
    }
    uint64_t node = old_size - 1;
    uint64_t last = new_size - 1;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    size_t next = 0;
    struct id old_hash = *old_root;
    if (node != 0) { /* else the old tree is complete: its own root begins the proof */
        if (proof->count == 0) {
            return false;
        }
        old_hash = proof->hashes[next++];
    }
    struct id new_hash = old_hash;
    for (; next < proof->count; next++) {
        if (last == 0) {
            return false;
        }
        const struct id *hash = &proof->hashes[next];
        if ((node & 1) != 0 || node == last) {
            merkle_node(hash, &old_hash, &old_hash);
            merkle_node(hash, &new_hash, &new_hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(&new_hash, hash, &new_hash);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && id_equal(&old_hash, old_root) && id_equal(&new_hash, new_root);
}

bool merkle_edge_read(uint64_t size, merkle_read *read, void *context, struct merkle_edge *out) {
    struct merkle_edge edge = {.size = size};
    size_t count = 0;
    for (unsigned level = 64; level-- > 0;) {
        if ((size >> level & 1) != 0 &&
            !read(context, level, (size >> level) - 1, &edge.hashes[count++])) {
            return false;
        }
    }
    *out = edge;
    return true;
}

bool merkle_prove_inclusion(uint64_t index, uint64_t size, merkle_read *read, void *context,
                            struct merkle_proof *out) {
    struct merkle_proof proof = {0};
    uint64_t from = 0;
    uint64_t to = size;
    if (index >= size) {
        return false;
    }
    while (to - from > 1) { /* downwards; the proof is listed upwards */
        uint64_t middle = from + split(to - from);
        struct id hash;
        bool left = index < middle;
        if (!range_hash(left ? middle : from, left ? to : middle, read, context, &hash) ||
            !push(&proof, &hash)) {
            return false;
        }
        from = left ? from : middle;
        to = left ? middle : to;
    }
    reverse(&proof);
    *out = proof;
    return true;
}

bool merkle_prove_consistency(uint64_t old_size, uint64_t new_size, merkle_read *read,
                              void *context, struct merkle_proof *out) {
    struct merkle_proof proof = {0};
    if (old_size == 0 || old_size > new_size) {
        return false;
    }
    uint64_t from = 0;
    uint64_t to = new_size;
    struct id hash;
    while (old_size < to) { /* RFC 6962 2.1.2: SUBPROOF, as a loop */
        uint64_t middle = from + split(to - from);
        bool left = old_size <= middle;
        if (!range_hash(left ? middle : from, left ? to : middle, read, context, &hash) ||
            !push(&proof, &hash)) {
            return false;
        }
        from = left ? from : middle;
        to = left ? middle : to;
    }
    if (from != 0) {
        if (!range_hash(from, to, read, context, &hash) || !push(&proof, &hash)) {
            return false;
        }
    }
    reverse(&proof);
    *out = proof;
    return true;
}

/* Largest power of two below size; size > 1. */
static uint64_t split(uint64_t size) {
    return UINT64_C(1) << (63 - __builtin_clzll(size - 1));
}

/* Hash of leaves [from, to), where `from` is a multiple of every power of two up to the range's
 * own. */
static bool range_hash(uint64_t from, uint64_t to, merkle_read *read, void *context,
                       struct id *out) {
    struct id parts[MERKLE_PROOF_MAX];
    size_t count = 0;
    while (from < to) {
        unsigned level = 63 - (unsigned)__builtin_clzll(to - from);
        ASSERT(from % (UINT64_C(1) << level) == 0);
        if (!read(context, level, from >> level, &parts[count++])) {
            return false;
        }
        from += UINT64_C(1) << level;
    }
    struct id hash = parts[--count];
    while (count > 0) {
        merkle_node(&parts[--count], &hash, &hash);
    }
    *out = hash;
    return true;
}

static bool push(struct merkle_proof *proof, const struct id *hash) {
    if (proof->count == MERKLE_PROOF_MAX) {
        return false;
    }
    proof->hashes[proof->count++] = *hash;
    return true;
}

static void reverse(struct merkle_proof *proof) {
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct id other = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = proof->hashes[i];
        proof->hashes[i] = other;
    }
}
