/* Project Wycheproof: X25519 through box_agree(), Ed25519 through sign_verify(), ChaCha20-Poly1305
 * through noise_seal() and noise_open(). */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "crypto/noise.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define X25519_FILE "../shared/vectors/wycheproof/x25519_test.json"
#define ED25519_FILE "../shared/vectors/wycheproof/ed25519_test.json"
#define AEAD_FILE "../shared/vectors/wycheproof/chacha20_poly1305_test.json"

enum {
    TEXT_MAX = 4096,
};

struct aead_case {
    uint8_t key[32];
    uint8_t nonce[12];
    uint8_t associated[TEXT_MAX], plain[TEXT_MAX], sealed[TEXT_MAX + NOISE_TAG_BYTES];
    size_t associated_len, plain_len, sealed_len;
    bool valid;
};

static size_t read_member(const json_t *object, const char *key, uint8_t *out, size_t room) {
    const char *text = json_string_value(json_object_get(object, key));
    CHECK(text != NULL);
    size_t len = strlen(text) / 2;
    CHECK(len <= room);
    CHECK_ERR(ERR_OK, hex_read(text, out, len));
    return len;
}

static bool result_is(const json_t *test, const char *result) {
    return strcmp(json_string_value(json_object_get(test, "result")), result) == 0;
}

/* Low-order points give the all-zero secret: refused here, "acceptable" there. All others must come
 * out, twists and non-canonical points included. */
static void check_x25519(const json_t *test) {
    static const uint8_t zero[32];
    struct box_secret secret;
    struct box_public pub;
    uint8_t expected[32];
    uint8_t shared[32];
    CHECK(read_member(test, "private", secret.b, 32) == 32);
    CHECK(read_member(test, "public", pub.b, 32) == 32);
    CHECK(read_member(test, "shared", expected, 32) == 32);
    CHECK(!result_is(test, "invalid"));
    bool agreed = box_agree(&secret, &pub, shared);
    CHECK(agreed == (memcmp(expected, zero, 32) != 0));
    CHECK(!agreed || memcmp(expected, shared, 32) == 0);
}

/* The cipher of Noise: nonces that start with 32 zero bits. */
static bool check_through_noise(const struct aead_case *test) {
    static const uint8_t zero[4];
    uint8_t out[TEXT_MAX + NOISE_TAG_BYTES];
    if (memcmp(test->nonce, zero, 4) != 0) {
        return false;
    }
    struct noise_cipher cipher = {.nonce = 0};
    memcpy(cipher.key, test->key, 32);
    for (size_t i = 0; i < 8; i++) {
        cipher.nonce |= (uint64_t)test->nonce[4 + i] << (8 * i);
    }
    struct noise_cipher reader = cipher;
    struct bytes associated = {test->associated, test->associated_len};
    if (test->valid) {
        CHECK(noise_seal(&cipher, associated, (struct bytes){test->plain, test->plain_len}, out));
        CHECK(memcmp(out, test->sealed, test->sealed_len) == 0);
    }
    CHECK(noise_open(&reader, associated, (struct bytes){test->sealed, test->sealed_len}, out) ==
          test->valid);
    CHECK(!test->valid || memcmp(out, test->plain, test->plain_len) == 0);
    return true;
}

/* The vectors' other nonces go straight to the library that both rest on. */
static void check_through_library(const struct aead_case *test) {
    uint8_t out[TEXT_MAX];
    int opened = crypto_aead_chacha20poly1305_ietf_decrypt(
        out, NULL, NULL, test->sealed, test->sealed_len, test->associated, test->associated_len,
        test->nonce, test->key);
    CHECK((opened == 0) == test->valid);
    CHECK(!test->valid || memcmp(out, test->plain, test->plain_len) == 0);
}

static bool check_aead(const json_t *group, const json_t *test) {
    (void)group;
    static struct aead_case c;
    const char *nonce = json_string_value(json_object_get(test, "iv"));
    if (strlen(nonce) != 24) {
        return false; /* sizes that our types cannot even express */
    }
    (void)read_member(test, "key", c.key, sizeof c.key);
    (void)read_member(test, "iv", c.nonce, sizeof c.nonce);
    c.associated_len = read_member(test, "aad", c.associated, sizeof c.associated);
    c.plain_len = read_member(test, "msg", c.plain, sizeof c.plain);
    c.sealed_len = read_member(test, "ct", c.sealed, sizeof c.sealed);
    c.sealed_len += read_member(test, "tag", c.sealed + c.sealed_len, NOISE_TAG_BYTES);
    c.valid = result_is(test, "valid");
    check_through_library(&c);
    return check_through_noise(&c);
}

/* Signatures that are not of 64 bytes have no place in our type: the fence refuses them before. */
static bool check_ed25519(const json_t *group, const json_t *test) {
    static uint8_t message[TEXT_MAX];
    struct sign_public pub;
    struct signature signature;
    const char *text = json_string_value(json_object_get(test, "sig"));
    CHECK(read_member(json_object_get(group, "publicKey"), "pk", pub.b, 32) == 32);
    size_t len = read_member(test, "msg", message, sizeof message);
    if (strlen(text) != 2 * sizeof signature.b) {
        CHECK(result_is(test, "invalid"));
        return false;
    }
    (void)read_member(test, "sig", signature.b, sizeof signature.b);
    CHECK(sign_verify(&pub, (struct bytes){message, len}, &signature) == result_is(test, "valid"));
    return true;
}

static size_t each_test(const char *path, bool (*check)(const json_t *group, const json_t *test)) {
    json_t *root = vectors_load(path, 0);
    size_t count = 0;
    size_t i = 0;
    const json_t *group = NULL;
    json_array_foreach(json_object_get(root, "testGroups"), i, group) {
        size_t k = 0;
        const json_t *test = NULL;
        json_array_foreach(json_object_get(group, "tests"), k, test) {
            count += check(group, test) ? 1 : 0;
        }
    }
    json_decref(root);
    return count;
}

static bool check_x25519_counted(const json_t *group, const json_t *test) {
    (void)group;
    check_x25519(test);
    return true;
}

static void test_x25519_agrees_with_wycheproof(void **state) {
    (void)state;
    CHECK(each_test(X25519_FILE, check_x25519_counted) == 518);
}

static void test_ed25519_agrees_with_wycheproof(void **state) {
    (void)state;
    CHECK(each_test(ED25519_FILE, check_ed25519) == 139);
}

static void test_chacha20_poly1305_agrees_with_wycheproof(void **state) {
    (void)state;
    CHECK(each_test(AEAD_FILE, check_aead) == 10);
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_x25519_agrees_with_wycheproof),
        cmocka_unit_test(test_ed25519_agrees_with_wycheproof),
        cmocka_unit_test(test_chacha20_poly1305_agrees_with_wycheproof),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
