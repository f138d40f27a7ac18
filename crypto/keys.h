/* Key types. A secret and a public key, a signing and an agreement key are different types, so that
 * none fits where another belongs. Secrets are wiped by their owner with the *_wipe function.
 *
 * Ed25519: RFC 8032. X25519: RFC 7748. All by libsodium. crypto_start() comes before anything else.
 */
#ifndef CRYPTO_KEYS_H
#define CRYPTO_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/base/attr.h"
#include "node/base/bytes.h"

struct sign_public {
    uint8_t b[32];
};

struct sign_secret {
    uint8_t b[64]; /* seed, then public key, as libsodium keeps it */
};

struct signature {
    uint8_t b[64];
};

struct box_public { /* X25519 */
    uint8_t b[32];
};

struct box_secret {
    uint8_t b[32];
};

/* An owner as others know it (PROTOCOL 1.2). */
struct owner_public {
    struct sign_public sign;
    struct box_public box;
};

struct owner_secret {
    struct sign_secret sign;
    struct box_secret box;
};

/* Starts libsodium, checks the CPU's features; false when there is no good randomness. Idempotent.
 */
MUST_USE bool crypto_start(void);

/* For processes that hold secrets: no core dumps, not dumpable, no ptrace by others. */
MUST_USE bool secret_process_harden(void);

/* Guarded, locked, wiped memory for secrets (sodium_malloc). NULL when it cannot be locked. */
void *secret_create(size_t size);
void secret_destroy(void *secret); /* wipes; NULL is fine */
void secret_wipe(void *at, size_t len);

void random_bytes(void *out, size_t len);

void sign_generate(struct sign_secret *secret, struct sign_public *pub);
void sign_from_seed(const uint8_t seed[32], struct sign_secret *secret, struct sign_public *pub);
void sign_public_of(const struct sign_secret *secret, struct sign_public *pub);
void sign_bytes(const struct sign_secret *secret, struct bytes message, struct signature *out);
MUST_USE bool sign_verify(const struct sign_public *pub, struct bytes message,
                          const struct signature *signature);
void sign_secret_wipe(struct sign_secret *secret);
bool sign_public_equal(const struct sign_public *a, const struct sign_public *b);

void box_generate(struct box_secret *secret, struct box_public *pub);
void box_public_of(const struct box_secret *secret, struct box_public *pub);
/* X25519; false for the all-zero result of a low-order point. */
MUST_USE bool box_agree(const struct box_secret *secret, const struct box_public *pub,
                        uint8_t shared[32]);
void box_secret_wipe(struct box_secret *secret);
bool box_public_equal(const struct box_public *a, const struct box_public *b);

void owner_secret_wipe(struct owner_secret *secret);

/* SHA-256 through libcrypto: four times libsodium's speed with the CPU's SHA extensions. */
void sha256(struct bytes message, struct id *out);

/* Incremental form; one allocation inside. */
struct sha256_state;
struct sha256_state *sha256_create(void); /* NULL when memory is short */
void sha256_destroy(struct sha256_state *state);
void sha256_update(struct sha256_state *state, struct bytes more);
void sha256_final(struct sha256_state *state, struct id *out); /* and starts afresh */

/* BLAKE2b with a domain label, keyed or not (key.len 0 to 64); out_len 16 to 64. */
void hash_labelled(const char *label, struct bytes key, struct bytes message, uint8_t *out,
                   size_t out_len);

#endif
