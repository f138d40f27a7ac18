/* Trees and proofs against RFC 6962 section 2.1 written down as it stands: recursive, over all
 * leaves. */
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "tests/support/check.h"

enum {
    LEAVES = 700,
    ALL_PAIRS = 66, /* every pair of sizes up to here */
    ROUNDS = 4000,
};

static struct id leaves[LEAVES];
static uint64_t seed = 6962;

static uint64_t below(uint64_t limit) { /* splitmix64 */
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static size_t model_split(size_t n) {
    size_t k = 1;
    while (k * 2 < n) {
        k *= 2;
    }
    return k;
}

/* MTH(D[from:to]) */
static struct id model_root(size_t from, size_t to) {
    struct id out;
    if (from == to) {
        sha256((struct bytes){NULL, 0}, &out);
        return out;
    }
    if (to - from == 1) {
        return leaves[from];
    }
    size_t middle = from + model_split(to - from);
    struct id left = model_root(from, middle);
    struct id right = model_root(middle, to);
    uint8_t both[65] = {1};
    memcpy(both + 1, left.b, 32);
    memcpy(both + 33, right.b, 32);
    sha256(BYTES_OF(both), &out);
    return out;
}

/* PATH(m, D[from:to]) */
static void model_path(size_t m, size_t from, size_t to, struct merkle_proof *out) {
    if (to - from <= 1) {
        return;
    }
    size_t middle = from + model_split(to - from);
    if (m < middle) {
        model_path(m, from, middle, out);
        out->hashes[out->count++] = model_root(middle, to);
    } else {
        model_path(m, middle, to, out);
        out->hashes[out->count++] = model_root(from, middle);
    }
}

/* SUBPROOF(m, D[from:to], b) */
static void model_subproof(size_t m, size_t from, size_t to, bool whole, struct merkle_proof *out) {
    if (m == to) {
        if (!whole) {
            out->hashes[out->count++] = model_root(from, to);
        }
        return;
    }
    size_t middle = from + model_split(to - from);
    if (m <= middle) {
        model_subproof(m, from, middle, whole, out);
        out->hashes[out->count++] = model_root(middle, to);
    } else {
        model_subproof(m, middle, to, false, out);
        out->hashes[out->count++] = model_root(from, middle);
    }
}

/* Reads complete subtrees of a tree of *context leaves, and no others. */
static bool read_model(void *context, unsigned level, uint64_t index, struct id *out) {
    uint64_t size = *(uint64_t *)context;
    uint64_t from = index << level;
    CHECK(from + (UINT64_C(1) << level) <= size);
    *out = model_root((size_t)from, (size_t)(from + (UINT64_C(1) << level)));
    return true;
}

static void check_same(const struct merkle_proof *a, const struct merkle_proof *b) {
    CHECK(a->count == b->count);
    CHECK(memcmp(a->hashes, b->hashes, a->count * sizeof a->hashes[0]) == 0);
}

/* Any one change makes a proof false. */
static void change(struct merkle_proof *proof) {
    uint64_t way = below(3);
    if (proof->count == 0 || way == 0) {
        proof->hashes[proof->count++] = leaves[below(LEAVES)];
    } else if (way == 1) {
        proof->hashes[below(proof->count)].b[below(32)] ^= (uint8_t)(1U << below(8));
    } else {
        proof->count--;
    }
}

static void check_inclusion(uint64_t index, uint64_t size, const struct id *root) {
    struct merkle_proof proof;
    struct merkle_proof expected = {0};
    CHECK(merkle_prove_inclusion(index, size, read_model, &size, &proof));
    model_path(index, 0, size, &expected);
    check_same(&expected, &proof);
    CHECK(merkle_verify_inclusion(&leaves[index], index, size, &proof, root));
    uint64_t other = below(LEAVES);
    CHECK(other == index || !merkle_verify_inclusion(&leaves[index], other, size, &proof, root));
    change(&proof);
    CHECK(!merkle_verify_inclusion(&leaves[index], index, size, &proof, root));
}

static void check_consistency(uint64_t old, uint64_t size, const struct id *old_root,
                              const struct id *root) {
    struct merkle_proof proof;
    struct merkle_proof expected = {0};
    CHECK(merkle_prove_consistency(old, size, read_model, &size, &proof));
    model_subproof(old, 0, size, true, &expected);
    check_same(&expected, &proof);
    CHECK(merkle_verify_consistency(old, size, &proof, old_root, root));
    if (old < size) {
        CHECK(!merkle_verify_consistency(old, size, &proof, root, root));
        CHECK(!merkle_verify_consistency(old, size, &proof, old_root, old_root));
    }
    change(&proof);
    CHECK(!merkle_verify_consistency(old, size, &proof, old_root, root));
}

static int make_leaves(void **state) {
    (void)state;
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        uint8_t prefixed[3] = {0, text[0], text[1]};
        struct id expected;
        merkle_leaf(BYTES_OF(text), &leaves[i]);
        sha256(BYTES_OF(prefixed), &expected);
        CHECK(id_equal(&expected, &leaves[i]));
    }
    return 0;
}

static void test_an_edge_has_the_root_of_every_size(void **state) {
    (void)state;
    struct merkle_edge edge = {0};
    for (size_t size = 0; size <= LEAVES; size++) {
        struct id root;
        struct id expected = model_root(0, size);
        merkle_root(&edge, &root);
        CHECK(id_equal(&expected, &root));
        if (size < LEAVES) {
            merkle_append(&edge, &leaves[size]);
        }
    }
}

static void test_proofs_are_the_rfcs_and_only_those_verify(void **state) {
    (void)state;
    static struct id roots[LEAVES + 1];
    for (size_t size = 0; size <= LEAVES; size++) {
        roots[size] = model_root(0, size);
    }
    for (uint64_t size = 1; size <= ALL_PAIRS; size++) {
        for (uint64_t other = 1; other <= size; other++) {
            check_inclusion(other - 1, size, &roots[size]);
            check_consistency(other, size, &roots[other], &roots[size]);
        }
    }
    for (int i = 0; i < ROUNDS / 20; i++) {
        uint64_t size = 1 + below(LEAVES);
        uint64_t old = 1 + below(size);
        check_inclusion(below(size), size, &roots[size]);
        check_consistency(old, size, &roots[old], &roots[size]);
    }
}

static void test_numbers_that_do_not_fit_prove_nothing(void **state) {
    (void)state;
    uint64_t size = 7;
    struct merkle_proof proof = {0};
    struct id root = model_root(0, size);
    struct id empty = model_root(0, 0);
    CHECK(!merkle_prove_inclusion(7, 7, read_model, &size, &proof));
    CHECK(!merkle_prove_inclusion(0, 0, read_model, &size, &proof));
    CHECK(!merkle_prove_consistency(8, 7, read_model, &size, &proof));
    CHECK(!merkle_prove_consistency(0, 7, read_model, &size, &proof));
    CHECK(!merkle_verify_consistency(0, 7, &proof, &empty, &root));
    CHECK(!merkle_verify_consistency(0, 0, &proof, &empty, &empty));
    CHECK(!merkle_verify_consistency(7, 6, &proof, &root, &root));
    proof.count = MERKLE_PROOF_MAX + 1; /* what a careless decoder might hand over */
    CHECK(!merkle_verify_inclusion(&leaves[0], 0, 7, &proof, &root));
    CHECK(!merkle_verify_consistency(3, 7, &proof, &root, &root));
}

/* A tree of equal leaves: all subtrees of one level have one hash, so a tree of any size fits. */
struct equal_tree {
    struct id level[MERKLE_PROOF_MAX];
    unsigned reads;
};

static bool read_equal(void *context, unsigned level, uint64_t index, struct id *out) {
    struct equal_tree *tree = context;
    (void)index;
    tree->reads++;
    *out = tree->level[level];
    return true;
}

static struct id equal_root(const struct equal_tree *tree, uint64_t size) {
    struct merkle_edge edge = {.size = size};
    size_t count = 0;
    struct id root;
    for (unsigned bit = 64; bit-- > 0;) {
        if ((size >> bit & 1) != 0) {
            edge.hashes[count++] = tree->level[bit];
        }
    }
    merkle_root(&edge, &root);
    return root;
}

static void test_trees_of_any_size_are_proved_in_few_reads(void **state) {
    (void)state;
    struct equal_tree tree = {.level = {leaves[0]}};
    for (unsigned level = 1; level < MERKLE_PROOF_MAX; level++) {
        merkle_node(&tree.level[level - 1], &tree.level[level - 1], &tree.level[level]);
    }
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t size = 2 + below(UINT64_C(1) << (2 + below(61)));
        uint64_t old = 1 + below(size - 1);
        struct id root = equal_root(&tree, size);
        struct id old_root = equal_root(&tree, old);
        struct merkle_proof proof;
        tree.reads = 0;
        CHECK(merkle_prove_inclusion(old, size, read_equal, &tree, &proof));
        CHECK(tree.reads <= 64 + 64);
        CHECK(merkle_verify_inclusion(&leaves[0], old, size, &proof, &root));
        CHECK(merkle_prove_consistency(old, size, read_equal, &tree, &proof));
        CHECK(merkle_verify_consistency(old, size, &proof, &old_root, &root));
        CHECK(!merkle_verify_consistency(old, size, &proof, &leaves[1], &root));
        CHECK(!merkle_verify_consistency(old, size, &proof, &old_root, &leaves[1]));
    }
}

/* What a node does at its start: the edge of any log from a read for each bit of its size. */
static void test_an_edge_read_back_is_the_one_that_grew(void **state) {
    (void)state;
    struct merkle_edge grown = {0};
    for (uint64_t size = 0; size <= LEAVES; size++) {
        struct merkle_edge read;
        uint64_t limit = size;
        CHECK(merkle_edge_read(size, read_model, &limit, &read));
        CHECK(read.size == size);
        CHECK(memcmp(read.hashes, grown.hashes,
                     (size_t)__builtin_popcountll(size) * sizeof read.hashes[0]) == 0);
        if (size < LEAVES) {
            merkle_append(&grown, &leaves[size]);
        }
    }
    struct equal_tree tree = {.reads = 0};
    struct merkle_edge large;
    CHECK(merkle_edge_read(UINT64_C(0x0123456789abcdef), read_equal, &tree, &large));
    CHECK(tree.reads == 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edge_has_the_root_of_every_size),
        cmocka_unit_test(test_proofs_are_the_rfcs_and_only_those_verify),
        cmocka_unit_test(test_numbers_that_do_not_fit_prove_nothing),
        cmocka_unit_test(test_trees_of_any_size_are_proved_in_few_reads),
        cmocka_unit_test(test_an_edge_read_back_is_the_one_that_grew),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
