/* Known answers for inclusion and consistency proofs, good and bad, from transparency-dev/merkle
 * (see ../shared/vectors/README.md). */
#include <string.h>

#include "crypto/merkle.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define VECTORS "../shared/vectors/tlog/rfc6962-merkle-proofs.json"

static uint64_t number(const json_t *vector, const char *key) {
    const json_t *value = json_object_get(vector, key);
    CHECK(json_is_real(value)); /* some are 2^64 - 1, too large for jansson's integers */
    double real = json_real_value(value);
    return real >= 0x1p63 ? UINT64_MAX : (uint64_t)real;
}

/* Some cases hold hashes of other lengths, which ours cannot: short ones are filled up with zeros,
 * and of the empty ones each becomes another hash, so that no two are equal by our filling. */
static struct id hash(const json_t *text) {
    struct id out = {{0}};
    static uint8_t empty;
    size_t len = 0;
    CHECK(json_is_string(text));
    CHECK_ERR(ERR_OK, base64_read(BYTES_TEXT(json_string_value(text)), out.b, sizeof out.b, &len));
    if (len == 0) {
        memset(out.b, ++empty, sizeof out.b);
    }
    return out;
}

static struct merkle_proof proof_of(const json_t *vector) {
    struct merkle_proof proof = {0};
    const json_t *list = json_object_get(vector, "proof");
    CHECK(json_array_size(list) <= MERKLE_PROOF_MAX);
    for (; proof.count < json_array_size(list); proof.count++) {
        proof.hashes[proof.count] = hash(json_array_get(list, proof.count));
    }
    return proof;
}

static void check_verdict(const char *name, const json_t *vector, bool verdict) {
    if (verdict == json_is_true(json_object_get(vector, "wantErr"))) {
        fail_msg("%s: %s", name, verdict ? "accepted" : "refused");
    }
}

static void test_inclusion_verdicts_are_those_of_the_reference(void **state) {
    (void)state;
    json_t *vectors = vectors_load(VECTORS, JSON_DECODE_INT_AS_REAL);
    size_t count = 0;
    const char *name;
    json_t *vector;
    json_object_foreach(vectors, name, vector) {
        if (strncmp(name, "inclusion/", 10) != 0) {
            continue;
        }
        struct merkle_proof proof = proof_of(vector);
        struct id leaf = hash(json_object_get(vector, "leafHash"));
        struct id root = hash(json_object_get(vector, "root"));
        check_verdict(name, vector,
                      merkle_verify_inclusion(&leaf, number(vector, "leafIdx"),
                                              number(vector, "treeSize"), &proof, &root));
        count++;
    }
    CHECK(count == 98);
    json_decref(vectors);
}

static void test_consistency_verdicts_are_those_of_the_reference(void **state) {
    (void)state;
    json_t *vectors = vectors_load(VECTORS, JSON_DECODE_INT_AS_REAL);
    size_t count = 0;
    const char *name;
    json_t *vector;
    json_object_foreach(vectors, name, vector) {
        if (strncmp(name, "consistency/", 12) != 0) {
            continue;
        }
        struct merkle_proof proof = proof_of(vector);
        struct id old_root = hash(json_object_get(vector, "root1"));
        struct id new_root = hash(json_object_get(vector, "root2"));
        check_verdict(name, vector,
                      merkle_verify_consistency(number(vector, "size1"), number(vector, "size2"),
                                                &proof, &old_root, &new_root));
        count++;
    }
    CHECK(count == 98);
    json_decref(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inclusion_verdicts_are_those_of_the_reference),
        cmocka_unit_test(test_consistency_verdicts_are_those_of_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
