#include "crypto/cpace.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static const char dsi[] = "CPaceRistretto255";
static const char dsi_isk[] = "CPaceRistretto255_ISK";
static const char dsi_mac[] = "CPaceMac";

enum {
    BLOCK_BYTES = 128, /* of SHA-512 */
    LENGTH_MAX = 10,   /* bytes of a length in LEB128 */
};

static_assert(CPACE_POINT_BYTES == crypto_core_ristretto255_BYTES, "one encoding");
static_assert(CPACE_RANDOM_BYTES == crypto_core_ristretto255_NONREDUCEDSCALARBYTES,
              "so that the scalar is even over the group's order");
static_assert(CPACE_KEY_BYTES == crypto_hash_sha512_BYTES, "isk is one hash");

static void generator(const struct cpace_setup *setup, uint8_t out[CPACE_POINT_BYTES]);
static void session_key(const struct cpace_setup *setup, const uint8_t shared[CPACE_POINT_BYTES],
                        const struct cpace_point *initiator, const struct cpace_point *responder,
                        uint8_t out[CPACE_KEY_BYTES]);
static void tag_of(const uint8_t key[crypto_hash_sha512_BYTES], const struct cpace_point *point,
                   struct bytes data, struct cpace_tag *out);
static size_t length_write(size_t len, uint8_t out[LENGTH_MAX]);
static void hash_value(crypto_hash_sha512_state *hash, struct bytes value);
static void mac_value(crypto_auth_hmacsha512_state *mac, struct bytes value);

void cpace_begin(const struct cpace_setup *setup, const uint8_t random[CPACE_RANDOM_BYTES],
                 struct cpace_secret *secret, struct cpace_point *point) {
    uint8_t base[CPACE_POINT_BYTES];
    generator(setup, base);
    crypto_core_ristretto255_scalar_reduce(secret->scalar, random);
    /* It fails for a scalar of zero alone, one in 2^252; the other side refuses the point then. */
    if (crypto_scalarmult_ristretto255(point->b, secret->scalar, base) != 0) {
        sodium_memzero(point->b, sizeof point->b);
    }
    sodium_memzero(base, sizeof base);
}

bool cpace_end(const struct cpace_setup *setup, const struct cpace_secret *secret,
               const struct cpace_point *own, const struct cpace_point *others,
               struct cpace_keys *out) {
    uint8_t shared[CPACE_POINT_BYTES];
    uint8_t mac_key[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_state hash;
    const struct cpace_point *initiator = setup->initiator ? own : others;
    const struct cpace_point *responder = setup->initiator ? others : own;
    struct cpace_tag by_initiator;
    struct cpace_tag by_responder;
    memset(out, 0, sizeof *out);
    /* Refuses what is no encoding, and a neutral result. */
    if (crypto_scalarmult_ristretto255(shared, secret->scalar, others->b) != 0) {
        sodium_memzero(shared, sizeof shared);
        return false;
    }
    session_key(setup, shared, initiator, responder, out->isk);
    (void)crypto_hash_sha512_init(&hash);
    (void)crypto_hash_sha512_update(&hash, (const uint8_t *)dsi_mac, sizeof dsi_mac - 1);
    (void)crypto_hash_sha512_update(&hash, setup->session.at, setup->session.len);
    (void)crypto_hash_sha512_update(&hash, out->isk, sizeof out->isk);
    (void)crypto_hash_sha512_final(&hash, mac_key);
    tag_of(mac_key, initiator, setup->initiator_data, &by_initiator);
    tag_of(mac_key, responder, setup->responder_data, &by_responder);
    out->own = setup->initiator ? by_initiator : by_responder;
    out->others = setup->initiator ? by_responder : by_initiator;
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(mac_key, sizeof mac_key);
    sodium_memzero(&hash, sizeof hash);
    sodium_memzero(&by_initiator, sizeof by_initiator);
    sodium_memzero(&by_responder, sizeof by_responder);
    return true;
}

bool cpace_tag_equal(const struct cpace_tag *a, const struct cpace_tag *b) {
    return sodium_memcmp(a->b, b->b, sizeof a->b) == 0;
}

void cpace_secret_wipe(struct cpace_secret *secret) {
    sodium_memzero(secret, sizeof *secret);
}

/* The zeros put the password in a block of its own with the label, so that the time of the rest
 * does not depend on it. */
static void generator(const struct cpace_setup *setup, uint8_t out[CPACE_POINT_BYTES]) {
    static const uint8_t zeros[BLOCK_BYTES];
    uint8_t length[LENGTH_MAX];
    uint8_t wide[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_state hash;
    size_t password = length_write(setup->password.len, length) + setup->password.len;
    size_t used = 1 + password + 1 + sizeof dsi - 1;
    (void)crypto_hash_sha512_init(&hash);
    hash_value(&hash, BYTES_TEXT(dsi));
    hash_value(&hash, setup->password);
    hash_value(&hash, (struct bytes){zeros, used < BLOCK_BYTES ? BLOCK_BYTES - used : 0});
    hash_value(&hash, setup->channel);
    hash_value(&hash, setup->session);
    (void)crypto_hash_sha512_final(&hash, wide);
    (void)crypto_core_ristretto255_from_hash(out, wide);
    sodium_memzero(wide, sizeof wide);
    sodium_memzero(&hash, sizeof hash);
}

static void session_key(const struct cpace_setup *setup, const uint8_t shared[CPACE_POINT_BYTES],
                        const struct cpace_point *initiator, const struct cpace_point *responder,
                        uint8_t out[CPACE_KEY_BYTES]) {
    crypto_hash_sha512_state hash;
    (void)crypto_hash_sha512_init(&hash);
    hash_value(&hash, BYTES_TEXT(dsi_isk));
    hash_value(&hash, setup->session);
    hash_value(&hash, (struct bytes){shared, CPACE_POINT_BYTES});
    hash_value(&hash, BYTES_OF(initiator->b));
    hash_value(&hash, setup->initiator_data);
    hash_value(&hash, BYTES_OF(responder->b));
    hash_value(&hash, setup->responder_data);
    (void)crypto_hash_sha512_final(&hash, out);
    sodium_memzero(&hash, sizeof hash);
}

static void tag_of(const uint8_t key[crypto_hash_sha512_BYTES], const struct cpace_point *point,
                   struct bytes data, struct cpace_tag *out) {
    crypto_auth_hmacsha512_state mac;
    (void)crypto_auth_hmacsha512_init(&mac, key, crypto_hash_sha512_BYTES);
    mac_value(&mac, BYTES_OF(point->b));
    mac_value(&mac, data);
    (void)crypto_auth_hmacsha512_final(&mac, out->b);
    sodium_memzero(&mac, sizeof mac);
}

static size_t length_write(size_t len, uint8_t out[LENGTH_MAX]) {
    size_t count = 0;
    do {
        out[count] = (uint8_t)(len & 0x7f);
        len >>= 7;
        out[count] |= len > 0 ? 0x80 : 0;
        count++;
    } while (len > 0);
    return count;
}

/* The draft's lv_cat, one value at a time. */
static void hash_value(crypto_hash_sha512_state *hash, struct bytes value) {
    uint8_t length[LENGTH_MAX];
    (void)crypto_hash_sha512_update(hash, length, length_write(value.len, length));
    (void)crypto_hash_sha512_update(hash, value.at, value.len);
}

static void mac_value(crypto_auth_hmacsha512_state *mac, struct bytes value) {
    uint8_t length[LENGTH_MAX];
    (void)crypto_auth_hmacsha512_update(mac, length, length_write(value.len, length));
    (void)crypto_auth_hmacsha512_update(mac, value.at, value.len);
}
