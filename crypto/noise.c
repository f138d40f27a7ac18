#include "crypto/noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "crypto/noise_pattern.h"
#include "node/base/assert.h"

enum {
    BLAKE2B_BLOCK_BYTES = 128,
    KEY_BYTES = 32,
};

static_assert(sizeof((struct noise_cipher){0}.key) == crypto_aead_chacha20poly1305_ietf_KEYBYTES,
              "one cipher only");
static_assert(NOISE_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "one cipher only");

static bool write_tokens(struct noise *noise, uint8_t **at);
static bool read_tokens(struct noise *noise, const uint8_t **at);
static void write_ephemeral(struct noise *noise, uint8_t **at);
static void read_ephemeral(struct noise *noise, const uint8_t **at);
static bool agree_es(struct noise *noise);
static bool agree_se(struct noise *noise);
static bool mix_agreement(struct noise *noise, const struct box_secret *secret,
                          const struct box_public *pub);

static void symmetric_start(struct noise_symmetric *symmetric, const char *protocol_name);
static void mix_key(struct noise_symmetric *symmetric, struct bytes material);
static void mix_hash(struct noise_symmetric *symmetric, struct bytes more);
static void mix_key_and_hash(struct noise_symmetric *symmetric, const uint8_t psk[NOISE_PSK_BYTES]);
static void encrypt_and_hash(struct noise_symmetric *symmetric, struct bytes plain, uint8_t *out);
static bool decrypt_and_hash(struct noise_symmetric *symmetric, struct bytes sealed, uint8_t *out);
static void cipher_start(struct noise_cipher *cipher, const uint8_t key[KEY_BYTES]);
static void cipher_nonce(uint64_t number, uint8_t out[crypto_aead_chacha20poly1305_ietf_NPUBBYTES]);

static void hkdf(const uint8_t chaining_key[NOISE_HASH_BYTES], struct bytes material,
                 size_t outputs, uint8_t out[3][NOISE_HASH_BYTES]);
static void hmac_blake2b(const uint8_t key[NOISE_HASH_BYTES], struct bytes first,
                         struct bytes second, uint8_t out[NOISE_HASH_BYTES]);
static void blake2b(struct bytes first, struct bytes second, uint8_t out[NOISE_HASH_BYTES]);

void noise_start(struct noise *noise, const struct noise_setup *setup) {
    static const struct noise_pattern pattern = {
        .name = "Noise_XKpsk0+psk3_25519_ChaChaPoly_BLAKE2b",
        .psk0 = true,
        .psk3 = true,
    };
    noise_start_pattern(noise, &pattern, setup);
}

void noise_start_pattern(struct noise *noise, const struct noise_pattern *pattern,
                         const struct noise_setup *setup) {
    *noise = (struct noise){
        .static_secret = *setup->static_secret,
        .ephemeral_secret = *setup->ephemeral_secret,
        .psk0_used = pattern->psk0,
        .psk3_used = pattern->psk3,
        .initiator = setup->initiator,
    };
    if (pattern->psk0) {
        memcpy(noise->psk0, setup->psk0, sizeof noise->psk0);
    }
    if (pattern->psk3) {
        memcpy(noise->psk3, setup->psk3, sizeof noise->psk3);
    }
    box_public_of(&noise->static_secret, &noise->static_public);
    box_public_of(&noise->ephemeral_secret, &noise->ephemeral_public);
    if (setup->initiator) {
        noise->remote_static = *setup->responder_static;
    }

    symmetric_start(&noise->symmetric, pattern->name);
    mix_hash(&noise->symmetric, setup->prologue);
    /* The pre-message: the responder's static, which the initiator knows beforehand. */
    const struct box_public *responder =
        setup->initiator ? &noise->remote_static : &noise->static_public;
    mix_hash(&noise->symmetric, BYTES_OF(responder->b));
}

void noise_wipe(struct noise *noise) {
    if (noise != NULL) {
        secret_wipe(noise, sizeof *noise);
    }
}

size_t noise_overhead(const struct noise *noise) {
    static const size_t overhead[NOISE_MESSAGES] = {NOISE_OVERHEAD_1, NOISE_OVERHEAD_2,
                                                    NOISE_OVERHEAD_3};
    ASSERT(noise->next_message < NOISE_MESSAGES);
    return overhead[noise->next_message];
}

bool noise_writes_next(const struct noise *noise) {
    return !noise_done(noise) && (noise->next_message % 2 == 0) == noise->initiator;
}

bool noise_done(const struct noise *noise) {
    return noise->next_message == NOISE_MESSAGES;
}

bool noise_write(struct noise *noise, struct bytes payload, uint8_t *out) {
    ASSERT(noise_writes_next(noise));
    ASSERT(payload.len <= NOISE_MESSAGE_MAX - noise_overhead(noise));
    if (!write_tokens(noise, &out)) {
        return false;
    }
    encrypt_and_hash(&noise->symmetric, payload, out);
    noise->next_message++;
    return true;
}

bool noise_read(struct noise *noise, struct bytes message, uint8_t *out) {
    ASSERT(!noise_done(noise));
    ASSERT(!noise_writes_next(noise));
    if (message.len < noise_overhead(noise) || message.len > NOISE_MESSAGE_MAX) {
        return false;
    }
    const uint8_t *at = message.at;
    if (!read_tokens(noise, &at)) {
        return false;
    }
    struct bytes payload = {at, message.len - (size_t)(at - message.at)};
    if (!decrypt_and_hash(&noise->symmetric, payload, out)) {
        return false;
    }
    noise->next_message++;
    return true;
}

const struct box_public *noise_remote_static(const struct noise *noise) {
    ASSERT(noise->initiator || noise_done(noise));
    return &noise->remote_static;
}

void noise_split(struct noise *noise, struct noise_cipher *to_send, struct noise_cipher *to_receive,
                 uint8_t hash[NOISE_HASH_BYTES]) {
    ASSERT(noise_done(noise));
    uint8_t keys[3][NOISE_HASH_BYTES];
    hkdf(noise->symmetric.chaining_key, (struct bytes){NULL, 0}, 2, keys);
    cipher_start(noise->initiator ? to_send : to_receive, keys[0]);
    cipher_start(noise->initiator ? to_receive : to_send, keys[1]);
    memcpy(hash, noise->symmetric.hash, NOISE_HASH_BYTES);
    secret_wipe(keys, sizeof keys);
    noise_wipe(noise);
}

bool noise_seal(struct noise_cipher *cipher, struct bytes associated, struct bytes plain,
                uint8_t *out) {
    if (cipher->nonce == UINT64_MAX) { /* reserved for rekeying */
        return false;
    }
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    cipher_nonce(cipher->nonce, nonce);
    cipher->nonce++;
    return crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plain.at, plain.len, associated.at,
                                                     associated.len, NULL, nonce, cipher->key) == 0;
}

bool noise_open(struct noise_cipher *cipher, struct bytes associated, struct bytes sealed,
                uint8_t *out) {
    if (cipher->nonce == UINT64_MAX || sealed.len < NOISE_TAG_BYTES) {
        return false;
    }
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    cipher_nonce(cipher->nonce, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.at, sealed.len,
                                                  associated.at, associated.len, nonce,
                                                  cipher->key) != 0) {
        return false;
    }
    cipher->nonce++;
    return true;
}

void noise_rekey(struct noise_cipher *cipher) {
    static const uint8_t zeros[KEY_BYTES];
    uint8_t sealed[KEY_BYTES + NOISE_TAG_BYTES];
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    cipher_nonce(UINT64_MAX, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, zeros, sizeof zeros, NULL, 0,
                                                    NULL, nonce, cipher->key);
    memcpy(cipher->key, sealed, sizeof cipher->key);
    secret_wipe(sealed, sizeof sealed);
}

void noise_cipher_wipe(struct noise_cipher *cipher) {
    if (cipher != NULL) {
        secret_wipe(cipher, sizeof *cipher);
    }
}

static bool write_tokens(struct noise *noise, uint8_t **at) {
    struct noise_symmetric *symmetric = &noise->symmetric;
    switch (noise->next_message) {
    case 0:
        if (noise->psk0_used) {
            mix_key_and_hash(symmetric, noise->psk0);
        }
        write_ephemeral(noise, at);
        return agree_es(noise);
    case 1:
        write_ephemeral(noise, at);
        return mix_agreement(noise, &noise->ephemeral_secret, &noise->remote_ephemeral);
    default:
        encrypt_and_hash(symmetric, BYTES_OF(noise->static_public.b), *at);
        *at += sizeof noise->static_public.b + NOISE_TAG_BYTES;
        if (!agree_se(noise)) {
            return false;
        }
        if (noise->psk3_used) {
            mix_key_and_hash(symmetric, noise->psk3);
        }
        return true;
    }
}

static bool read_tokens(struct noise *noise, const uint8_t **at) {
    struct noise_symmetric *symmetric = &noise->symmetric;
    struct bytes sealed_static = {*at, sizeof noise->remote_static.b + NOISE_TAG_BYTES};
    switch (noise->next_message) {
    case 0:
        if (noise->psk0_used) {
            mix_key_and_hash(symmetric, noise->psk0);
        }
        read_ephemeral(noise, at);
        return agree_es(noise);
    case 1:
        read_ephemeral(noise, at);
        return mix_agreement(noise, &noise->ephemeral_secret, &noise->remote_ephemeral);
    default:
        if (!decrypt_and_hash(symmetric, sealed_static, noise->remote_static.b)) {
            return false;
        }
        *at += sealed_static.len;
        if (!agree_se(noise)) {
            return false;
        }
        if (noise->psk3_used) {
            mix_key_and_hash(symmetric, noise->psk3);
        }
        return true;
    }
}

/* In a pattern with a PSK an ephemeral goes into the key too, so that the key is fresh although the
 * PSK is not (Noise 9.2). */
static void write_ephemeral(struct noise *noise, uint8_t **at) {
    memcpy(*at, noise->ephemeral_public.b, sizeof noise->ephemeral_public.b);
    *at += sizeof noise->ephemeral_public.b;
    mix_hash(&noise->symmetric, BYTES_OF(noise->ephemeral_public.b));
    if (noise->psk0_used || noise->psk3_used) {
        mix_key(&noise->symmetric, BYTES_OF(noise->ephemeral_public.b));
    }
}

static void read_ephemeral(struct noise *noise, const uint8_t **at) {
    memcpy(noise->remote_ephemeral.b, *at, sizeof noise->remote_ephemeral.b);
    *at += sizeof noise->remote_ephemeral.b;
    mix_hash(&noise->symmetric, BYTES_OF(noise->remote_ephemeral.b));
    if (noise->psk0_used || noise->psk3_used) {
        mix_key(&noise->symmetric, BYTES_OF(noise->remote_ephemeral.b));
    }
}

static bool agree_es(struct noise *noise) {
    return noise->initiator ? mix_agreement(noise, &noise->ephemeral_secret, &noise->remote_static)
                            : mix_agreement(noise, &noise->static_secret, &noise->remote_ephemeral);
}

static bool agree_se(struct noise *noise) {
    return noise->initiator ? mix_agreement(noise, &noise->static_secret, &noise->remote_ephemeral)
                            : mix_agreement(noise, &noise->ephemeral_secret, &noise->remote_static);
}

static bool mix_agreement(struct noise *noise, const struct box_secret *secret,
                          const struct box_public *pub) {
    uint8_t shared[32];
    bool agreed = box_agree(secret, pub, shared);
    if (agreed) {
        mix_key(&noise->symmetric, BYTES_OF(shared));
    }
    secret_wipe(shared, sizeof shared);
    return agreed;
}

static void symmetric_start(struct noise_symmetric *symmetric, const char *protocol_name) {
    size_t len = strlen(protocol_name);
    ASSERT(len <= sizeof symmetric->hash); /* a longer one would have to be hashed */
    memcpy(symmetric->hash, protocol_name, len);
    memcpy(symmetric->chaining_key, symmetric->hash, sizeof symmetric->chaining_key);
}

static void mix_key(struct noise_symmetric *symmetric, struct bytes material) {
    uint8_t out[3][NOISE_HASH_BYTES];
    hkdf(symmetric->chaining_key, material, 2, out);
    memcpy(symmetric->chaining_key, out[0], sizeof symmetric->chaining_key);
    cipher_start(&symmetric->cipher, out[1]);
    symmetric->has_key = true;
    secret_wipe(out, sizeof out);
}

static void mix_hash(struct noise_symmetric *symmetric, struct bytes more) {
    blake2b(BYTES_OF(symmetric->hash), more, symmetric->hash);
}

static void mix_key_and_hash(struct noise_symmetric *symmetric,
                             const uint8_t psk[NOISE_PSK_BYTES]) {
    uint8_t out[3][NOISE_HASH_BYTES];
    hkdf(symmetric->chaining_key, (struct bytes){psk, NOISE_PSK_BYTES}, 3, out);
    memcpy(symmetric->chaining_key, out[0], sizeof symmetric->chaining_key);
    mix_hash(symmetric, BYTES_OF(out[1]));
    cipher_start(&symmetric->cipher, out[2]);
    symmetric->has_key = true;
    secret_wipe(out, sizeof out);
}

/* A handshake encrypts a handful of times, far from the last nonce, and in these patterns never
 * before it has a key. */
static void encrypt_and_hash(struct noise_symmetric *symmetric, struct bytes plain, uint8_t *out) {
    ASSERT(symmetric->has_key);
    bool sealed = noise_seal(&symmetric->cipher, BYTES_OF(symmetric->hash), plain, out);
    ASSERT(sealed);
    mix_hash(symmetric, (struct bytes){out, plain.len + NOISE_TAG_BYTES});
}

static bool decrypt_and_hash(struct noise_symmetric *symmetric, struct bytes sealed, uint8_t *out) {
    ASSERT(symmetric->has_key);
    uint8_t next_hash[NOISE_HASH_BYTES]; /* taken first: `out` may be where `sealed` is */
    blake2b(BYTES_OF(symmetric->hash), sealed, next_hash);
    if (!noise_open(&symmetric->cipher, BYTES_OF(symmetric->hash), sealed, out)) {
        return false;
    }
    memcpy(symmetric->hash, next_hash, sizeof symmetric->hash);
    return true;
}

static void cipher_start(struct noise_cipher *cipher, const uint8_t key[KEY_BYTES]) {
    memcpy(cipher->key, key, sizeof cipher->key);
    cipher->nonce = 0;
}

/* Noise 12.3: 32 zero bits, then the number in little-endian. */
static void cipher_nonce(uint64_t number,
                         uint8_t out[crypto_aead_chacha20poly1305_ietf_NPUBBYTES]) {
    memset(out, 0, 4);
    for (size_t i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(number >> (8 * i));
    }
}

/* Noise 4.3: output i is HMAC(HMAC(chaining key, material), output i-1 || i). */
static void hkdf(const uint8_t chaining_key[NOISE_HASH_BYTES], struct bytes material,
                 size_t outputs, uint8_t out[3][NOISE_HASH_BYTES]) {
    uint8_t temp_key[NOISE_HASH_BYTES];
    struct bytes previous = {NULL, 0};
    hmac_blake2b(chaining_key, material, previous, temp_key);
    for (size_t i = 0; i < outputs; i++) {
        uint8_t number = (uint8_t)(i + 1);
        hmac_blake2b(temp_key, previous, (struct bytes){&number, 1}, out[i]);
        previous = BYTES_OF(out[i]);
    }
    secret_wipe(temp_key, sizeof temp_key);
}

/* RFC 2104 over unkeyed BLAKE2b-512. */
static void hmac_blake2b(const uint8_t key[NOISE_HASH_BYTES], struct bytes first,
                         struct bytes second, uint8_t out[NOISE_HASH_BYTES]) {
    crypto_generichash_blake2b_state inner;
    uint8_t pad[BLAKE2B_BLOCK_BYTES];
    uint8_t inner_hash[NOISE_HASH_BYTES];

    memset(pad, 0x36, sizeof pad);
    for (size_t i = 0; i < NOISE_HASH_BYTES; i++) {
        pad[i] ^= key[i];
    }
    (void)crypto_generichash_blake2b_init(&inner, NULL, 0, sizeof inner_hash);
    (void)crypto_generichash_blake2b_update(&inner, pad, sizeof pad);
    (void)crypto_generichash_blake2b_update(&inner, first.at, first.len);
    (void)crypto_generichash_blake2b_update(&inner, second.at, second.len);
    (void)crypto_generichash_blake2b_final(&inner, inner_hash, sizeof inner_hash);

    for (size_t i = 0; i < sizeof pad; i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }
    blake2b(BYTES_OF(pad), BYTES_OF(inner_hash), out);
    secret_wipe(pad, sizeof pad);
    secret_wipe(inner_hash, sizeof inner_hash);
    secret_wipe(&inner, sizeof inner);
}

static void blake2b(struct bytes first, struct bytes second, uint8_t out[NOISE_HASH_BYTES]) {
    crypto_generichash_blake2b_state state;
    (void)crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_BYTES);
    (void)crypto_generichash_blake2b_update(&state, first.at, first.len);
    (void)crypto_generichash_blake2b_update(&state, second.at, second.len);
    (void)crypto_generichash_blake2b_final(&state, out, NOISE_HASH_BYTES);
    secret_wipe(&state, sizeof state);
}
