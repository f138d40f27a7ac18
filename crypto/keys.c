#include "crypto/keys.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "node/base/assert.h"

static_assert(sizeof(struct sign_secret) == crypto_sign_SECRETKEYBYTES, "Ed25519 secret");
static_assert(sizeof(struct signature) == crypto_sign_BYTES, "Ed25519 signature");
static_assert(sizeof(struct box_secret) == crypto_scalarmult_SCALARBYTES, "X25519 secret");

/* Found once: libcrypto goes through its providers at each EVP_sha256(). */
static EVP_MD *sha256_found;
static const EVP_MD *sha256_algorithm(void);

bool crypto_start(void) {
    if (sha256_found == NULL) {
        sha256_found = EVP_MD_fetch(NULL, "SHA2-256", NULL);
    }
    return sha256_found != NULL && sodium_init() >= 0;
}

bool secret_process_harden(void) {
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* sodium_malloc() takes no notice when its pages cannot be locked; asked again, we do. */
void *secret_create(size_t size) {
    void *secret = sodium_malloc(size);
    if (secret != NULL && sodium_mlock(secret, size) != 0) {
        sodium_free(secret);
        return NULL;
    }
    return secret;
}

void secret_destroy(void *secret) {
    sodium_free(secret);
}

void secret_wipe(void *at, size_t len) {
    sodium_memzero(at, len);
}

void random_bytes(void *out, size_t len) {
    randombytes_buf(out, len);
}

void sign_generate(struct sign_secret *secret, struct sign_public *pub) {
    ASSERT(crypto_sign_keypair(pub->b, secret->b) == 0);
}

void sign_from_seed(const uint8_t seed[32], struct sign_secret *secret, struct sign_public *pub) {
    ASSERT(crypto_sign_seed_keypair(pub->b, secret->b, seed) == 0);
}

void sign_public_of(const struct sign_secret *secret, struct sign_public *pub) {
    ASSERT(crypto_sign_ed25519_sk_to_pk(pub->b, secret->b) == 0);
}

void sign_bytes(const struct sign_secret *secret, struct bytes message, struct signature *out) {
    ASSERT(crypto_sign_detached(out->b, NULL, message.at, message.len, secret->b) == 0);
}

bool sign_verify(const struct sign_public *pub, struct bytes message,
                 const struct signature *signature) {
    return crypto_sign_verify_detached(signature->b, message.at, message.len, pub->b) == 0;
}

void sign_secret_wipe(struct sign_secret *secret) {
    if (secret != NULL) {
        sodium_memzero(secret, sizeof *secret);
    }
}

bool sign_public_equal(const struct sign_public *a, const struct sign_public *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

void box_generate(struct box_secret *secret, struct box_public *pub) {
    randombytes_buf(secret->b, sizeof secret->b);
    box_public_of(secret, pub);
}

void box_public_of(const struct box_secret *secret, struct box_public *pub) {
    ASSERT(crypto_scalarmult_base(pub->b, secret->b) == 0);
}

bool box_agree(const struct box_secret *secret, const struct box_public *pub, uint8_t shared[32]) {
    return crypto_scalarmult(shared, secret->b, pub->b) == 0; /* refuses the all-zero result */
}

void box_secret_wipe(struct box_secret *secret) {
    if (secret != NULL) {
        sodium_memzero(secret, sizeof *secret);
    }
}

bool box_public_equal(const struct box_public *a, const struct box_public *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

void owner_secret_wipe(struct owner_secret *secret) {
    if (secret != NULL) {
        sodium_memzero(secret, sizeof *secret);
    }
}

/* Before crypto_start() it works too. */
static const EVP_MD *sha256_algorithm(void) {
    return sha256_found != NULL ? sha256_found : EVP_sha256();
}

/* libcrypto fails here only when memory is short or the library is broken: there is no going on. */
void sha256(struct bytes message, struct id *out) {
    unsigned len = 0;
    ASSERT(EVP_Digest(message.at, message.len, out->b, &len, sha256_algorithm(), NULL) == 1);
    ASSERT(len == sizeof out->b);
}

struct sha256_state *sha256_create(void) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, sha256_algorithm(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return NULL;
    }
    return (struct sha256_state *)context;
}

void sha256_destroy(struct sha256_state *state) {
    EVP_MD_CTX_free((EVP_MD_CTX *)state);
}

void sha256_update(struct sha256_state *state, struct bytes more) {
    ASSERT(EVP_DigestUpdate((EVP_MD_CTX *)state, more.at, more.len) == 1);
}

void sha256_final(struct sha256_state *state, struct id *out) {
    EVP_MD_CTX *context = (EVP_MD_CTX *)state;
    ASSERT(EVP_DigestFinal_ex(context, out->b, NULL) == 1);
    ASSERT(EVP_DigestInit_ex(context, sha256_algorithm(), NULL) == 1);
}

void hash_labelled(const char *label, struct bytes key, struct bytes message, uint8_t *out,
                   size_t out_len) {
    crypto_generichash_state state;
    uint8_t label_len = (uint8_t)strlen(label);
    ASSERT(strlen(label) < 256);
    ASSERT(key.len <= crypto_generichash_KEYBYTES_MAX);
    ASSERT(out_len >= crypto_generichash_BYTES_MIN && out_len <= crypto_generichash_BYTES_MAX);
    ASSERT(crypto_generichash_init(&state, key.at, key.len, out_len) == 0);
    ASSERT(crypto_generichash_update(&state, &label_len, 1) == 0);
    ASSERT(crypto_generichash_update(&state, (const uint8_t *)label, label_len) == 0);
    ASSERT(crypto_generichash_update(&state, message.at, message.len) == 0);
    ASSERT(crypto_generichash_final(&state, out, out_len) == 0);
    sodium_memzero(&state, sizeof state);
}
