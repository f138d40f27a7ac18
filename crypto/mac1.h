/* mac1: who cannot make it gets no answer (PROTOCOL 3.2).
 *
 *   key  = BLAKE2b-256("stoop/1 mac1" || responder's static public key (32) || psk0 (32))
 *   mac1 = BLAKE2b-128, keyed with `key`, of prologue || noise message 1
 *
 * To make it one must know whom one calls and the secret of one of its doors. It is checked before
 * any Diffie-Hellman, so a stranger costs a node two hashes a door. */
#ifndef CRYPTO_MAC1_H
#define CRYPTO_MAC1_H

#include "crypto/keys.h"

enum {
    MAC1_BYTES = 16,
};

struct mac1_key {
    uint8_t b[32];
};

void mac1_key_make(struct mac1_key *key, const struct box_public *responder,
                   const uint8_t psk0[32]);
void mac1_key_wipe(struct mac1_key *key);

void mac1_make(const struct mac1_key *key, struct bytes prologue, struct bytes message,
               uint8_t mac[MAC1_BYTES]);
/* In constant time. */
MUST_USE bool mac1_check(const struct mac1_key *key, struct bytes prologue, struct bytes message,
                         const uint8_t mac[MAC1_BYTES]);

#endif
