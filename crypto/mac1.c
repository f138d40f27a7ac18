#include "crypto/mac1.h"

#include <sodium.h>

static const char label[] = "stoop/1 mac1";

void mac1_key_make(struct mac1_key *key, const struct box_public *responder,
                   const uint8_t psk0[32]) {
    crypto_generichash_blake2b_state state;
    (void)crypto_generichash_blake2b_init(&state, NULL, 0, sizeof key->b);
    (void)crypto_generichash_blake2b_update(&state, (const uint8_t *)label, sizeof label - 1);
    (void)crypto_generichash_blake2b_update(&state, responder->b, sizeof responder->b);
    (void)crypto_generichash_blake2b_update(&state, psk0, 32);
    (void)crypto_generichash_blake2b_final(&state, key->b, sizeof key->b);
    secret_wipe(&state, sizeof state);
}

void mac1_key_wipe(struct mac1_key *key) {
    if (key != NULL) {
        secret_wipe(key, sizeof *key);
    }
}

void mac1_make(const struct mac1_key *key, struct bytes prologue, struct bytes message,
               uint8_t mac[MAC1_BYTES]) {
    crypto_generichash_blake2b_state state;
    (void)crypto_generichash_blake2b_init(&state, key->b, sizeof key->b, MAC1_BYTES);
    (void)crypto_generichash_blake2b_update(&state, prologue.at, prologue.len);
    (void)crypto_generichash_blake2b_update(&state, message.at, message.len);
    (void)crypto_generichash_blake2b_final(&state, mac, MAC1_BYTES);
    secret_wipe(&state, sizeof state);
}

bool mac1_check(const struct mac1_key *key, struct bytes prologue, struct bytes message,
                const uint8_t mac[MAC1_BYTES]) {
    uint8_t expected[MAC1_BYTES];
    mac1_make(key, prologue, message, expected);
    bool same = sodium_memcmp(expected, mac, sizeof expected) == 0;
    secret_wipe(expected, sizeof expected);
    return same;
}
