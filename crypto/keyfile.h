/* Key files (PROTOCOL 1.2), as bytes: reading and writing files is the caller's.
 *
 * Owner key file: the owner's public keys and name in clear, the secrets sealed under a passphrase
 * with Argon2id (RFC 9106) and XChaCha20-Poly1305, and a public checksum over all of it, so that a
 * broken file and a wrong passphrase are told apart without telling an attacker anything.
 *
 * Keyset: the keys of a process, in clear, in a file of mode 0600. */
#ifndef CRYPTO_KEYFILE_H
#define CRYPTO_KEYFILE_H

#include "crypto/keys.h"

enum {
    KEYFILE_NAME_MAX = 65, /* NUL included */
    KEYFILE_BYTES_MAX = 1024,
    KEYFILE_OPS_MAX = 10,
    KEYFILE_MEMORY_MAX = 1024 * 1024 * 1024,
};

enum keyfile_result {
    KEYFILE_OK,
    KEYFILE_BROKEN,     /* not a key file, or damaged */
    KEYFILE_PASSPHRASE, /* whole, and the passphrase does not open it */
    KEYFILE_MEMORY,     /* this computer has too little memory for its Argon2id */
};

struct keyfile_cost {
    uint32_t ops;
    uint64_t memory_bytes;
};
#define KEYFILE_COST_MODERATE ((struct keyfile_cost){3, 268435456})

struct keyfile_public {
    struct owner_public owner;
    int64_t created_ms;
    char name[KEYFILE_NAME_MAX];
};

/* The file's text, "stoop owner key v1" and lines of base64. */
MUST_USE enum keyfile_result keyfile_seal(const struct keyfile_public *pub,
                                          const struct owner_secret *secret,
                                          struct bytes passphrase, struct keyfile_cost cost,
                                          char out[KEYFILE_BYTES_MAX]);
MUST_USE enum keyfile_result keyfile_read_public(struct bytes file, struct keyfile_public *out);
/* `out` should lie in secret_create() memory. */
MUST_USE enum keyfile_result keyfile_open(struct bytes file, struct bytes passphrase,
                                          struct owner_secret *out);

/* Keys of a process: signing, log (node only), agreement. */
struct keyset {
    struct sign_secret sign;
    struct sign_secret log;
    struct box_secret box;
};
void keyset_generate(struct keyset *out);
void keyset_wipe(struct keyset *keys);
/* `kind`: "node" or "ingest"; a file of another kind is refused. */
void keyset_write(const char *kind, const struct keyset *keys, char out[KEYFILE_BYTES_MAX]);
MUST_USE enum keyfile_result keyset_read(const char *kind, struct bytes file, struct keyset *out);

#endif
