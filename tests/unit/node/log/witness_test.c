/* What a witness does about a head, and what is proof of a fork (PROTOCOL 8.5, 8.6). */
#include <stdio.h>
#include <string.h>

#include "node/log/witness.h"
#include "proto/log_head.h"
#include "tests/support/check.h"

enum {
    LEAVES = 40,
    PARTS_AT = 17, /* the other tree has other leaves from here on */
};

/* Two trees that part, and a log key that signs heads of both. */
struct tree {
    struct id leaves[LEAVES];
    struct id roots[LEAVES + 1];
};
static struct tree one;
static struct tree other;
static struct sign_secret secret;
static struct sign_public public_key;

static bool read_node(void *context, unsigned level, uint64_t index, struct id *out) {
    const struct tree *tree = context;
    struct merkle_edge edge = {0};
    uint64_t first = index << level;
    for (uint64_t i = first; i < first + (UINT64_C(1) << level); i++) {
        merkle_append(&edge, &tree->leaves[i]);
    }
    merkle_root(&edge, out);
    return true;
}

static void grow(struct tree *tree, uint8_t mark) {
    struct merkle_edge edge = {0};
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t leaf[2] = {(uint8_t)i, i < PARTS_AT ? 0 : mark};
        merkle_root(&edge, &tree->roots[i]);
        merkle_leaf(BYTES_OF(leaf), &tree->leaves[i]);
        merkle_append(&edge, &tree->leaves[i]);
    }
    merkle_root(&edge, &tree->roots[LEAVES]);
}

static struct checkpoint head_of(const struct tree *tree, uint64_t size) {
    struct checkpoint head = {.size = size, .root = tree->roots[size]};
    log_origin(&public_key, head.origin);
    return head;
}

static enum witness_verdict judge(const struct checkpoint *known, const struct checkpoint *head,
                                  struct tree *tree, uint64_t from) {
    struct merkle_proof proof = {0};
    struct id root = tree->roots[from];
    if (from > 0) {
        CHECK(merkle_prove_consistency(from, head->size, read_node, tree, &proof));
    }
    const struct witness_shown shown = {
        .head = head, .old_size = from, .old_root = &root, .proof = &proof};
    return witness_judge(known, &shown);
}

static void test_a_log_that_is_new_here_is_cosigned(void **state) {
    (void)state;
    struct checkpoint head = head_of(&one, 5);
    struct checkpoint empty = head_of(&one, 0);
    CHECK(judge(NULL, &head, &one, 0) == WITNESS_COSIGN);
    CHECK(judge(&empty, &head, &one, 0) == WITNESS_COSIGN);
}

static void test_the_same_head_is_cosigned_again(void **state) {
    (void)state;
    struct checkpoint head = head_of(&one, 20);
    CHECK(judge(&head, &head, &one, 0) == WITNESS_COSIGN);
}

static void test_a_smaller_head_never_is(void **state) {
    (void)state;
    struct checkpoint known = head_of(&one, 20);
    for (uint64_t size = 0; size < 20; size++) {
        struct checkpoint head = head_of(&one, size);
        CHECK(judge(&known, &head, &one, 0) == WITNESS_ASK);
        CHECK(judge(&known, &head, &one, size) == WITNESS_ASK);
    }
}

static void test_a_larger_head_is_only_with_its_proof(void **state) {
    (void)state;
    for (uint64_t old = 1; old < LEAVES; old++) {
        for (uint64_t size = old + 1; size <= LEAVES; size++) {
            struct checkpoint known = head_of(&one, old);
            struct checkpoint head = head_of(&one, size);
            CHECK(judge(&known, &head, &one, 0) == WITNESS_ASK);
            CHECK(judge(&known, &head, &one, old) == WITNESS_COSIGN);
            if (old > 1) {
                CHECK(judge(&known, &head, &one, old - 1) == WITNESS_STALE);
            }
        }
    }
}

static void test_a_proof_that_does_not_hold_is_refused(void **state) {
    (void)state;
    struct checkpoint known = head_of(&one, 12);
    struct checkpoint head = head_of(&one, 30);
    struct merkle_proof proof;
    CHECK(merkle_prove_consistency(12, 30, read_node, &one, &proof));
    for (size_t i = 0; i < proof.count; i++) {
        struct merkle_proof spoiled = proof;
        spoiled.hashes[i].b[3] ^= 1;
        const struct witness_shown shown = {
            .head = &head, .old_size = 12, .old_root = &one.roots[12], .proof = &spoiled};
        CHECK(witness_judge(&known, &shown) == WITNESS_REFUSE);
    }
    /* It does not help the log to claim another past than its proof shows. */
    const struct witness_shown shown = {
        .head = &head, .old_size = 12, .old_root = &one.roots[11], .proof = &proof};
    CHECK(witness_judge(&known, &shown) == WITNESS_REFUSE);
}

static void sign(const struct checkpoint *head, char note[NOTE_MAX]) {
    CHECK_ERR(ERR_OK, checkpoint_sign(head, head->origin, &secret, note));
}

/* What the witness finds forked is proof to anybody; what it does not is none. */
static void test_every_fork_that_a_witness_finds_is_proof_to_anybody(void **state) {
    (void)state;
    size_t forks = 0;
    for (uint64_t old = 1; old <= LEAVES; old++) {
        for (uint64_t size = old; size <= LEAVES; size++) {
            struct checkpoint known = head_of(&one, old);
            struct checkpoint head = head_of(&other, size);
            struct checkpoint older;
            struct checkpoint newer;
            char notes[2][NOTE_MAX];
            struct log_fork fork = {.log = public_key};
            bool parted = old > PARTS_AT;
            enum witness_verdict verdict = judge(&known, &head, &other, old == size ? 0 : old);
            CHECK(verdict == (parted ? WITNESS_FORK : WITNESS_COSIGN));
            sign(&known, notes[0]);
            sign(&head, notes[1]);
            fork.older = BYTES_TEXT(notes[0]);
            fork.newer = BYTES_TEXT(notes[1]);
            if (old < size) {
                fork.root = other.roots[old];
                CHECK(merkle_prove_consistency(old, size, read_node, &other, &fork.proof));
            }
            CHECK_ERR(parted ? ERR_OK : ERR_PEER_TREE, log_fork_verify(&fork, &older, &newer));
            if (parted) {
                forks++;
                CHECK(older.size == old && newer.size == size);
                fork.root.b[0] ^= 1; /* another past than the proof shows */
                CHECK_ERR(ERR_PEER_TREE, log_fork_verify(&fork, &older, &newer));
            }
        }
    }
    CHECK(forks == (LEAVES - PARTS_AT) * (LEAVES - PARTS_AT + 1) / 2);
}

static void test_nobody_else_can_make_proof_of_a_fork(void **state) {
    (void)state;
    struct checkpoint heads[2] = {head_of(&one, 30), head_of(&other, 30)};
    struct checkpoint older;
    struct checkpoint newer;
    char notes[2][NOTE_MAX];
    struct log_fork fork = {.log = public_key};
    struct sign_secret stranger;
    struct sign_public ignored;
    sign(&heads[0], notes[0]);
    sign_generate(&stranger, &ignored);
    CHECK_ERR(ERR_OK, checkpoint_sign(&heads[1], heads[1].origin, &stranger, notes[1]));
    fork.older = BYTES_TEXT(notes[0]);
    fork.newer = BYTES_TEXT(notes[1]);
    CHECK_ERR(ERR_PEER_SIGNATURE, log_fork_verify(&fork, &older, &newer));
    fork.newer = fork.older; /* nor one head twice */
    CHECK_ERR(ERR_PEER_TREE, log_fork_verify(&fork, &older, &newer));
}

static void test_a_log_knows_its_own_head_only_as_it_signed_it(void **state) {
    (void)state;
    struct checkpoint mine = head_of(&one, 25);
    struct checkpoint lost = head_of(&other, 25);
    CHECK(witness_head_is_ours(&mine, &one.roots[25]));
    CHECK(!witness_head_is_ours(&lost, &one.roots[25]));
    CHECK(!witness_head_is_ours(&mine, NULL)); /* we have fewer leaves than it says */
}

static int make(void **state) {
    (void)state;
    const uint8_t seed[32] = {8, 4};
    CHECK(crypto_start());
    sign_from_seed(seed, &secret, &public_key);
    grow(&one, 1);
    grow(&other, 2);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_that_is_new_here_is_cosigned),
        cmocka_unit_test(test_the_same_head_is_cosigned_again),
        cmocka_unit_test(test_a_smaller_head_never_is),
        cmocka_unit_test(test_a_larger_head_is_only_with_its_proof),
        cmocka_unit_test(test_a_proof_that_does_not_hold_is_refused),
        cmocka_unit_test(test_every_fork_that_a_witness_finds_is_proof_to_anybody),
        cmocka_unit_test(test_nobody_else_can_make_proof_of_a_fork),
        cmocka_unit_test(test_a_log_knows_its_own_head_only_as_it_signed_it),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
