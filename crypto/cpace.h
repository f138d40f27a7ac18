/* CPace: two sides that were told the same short password agree on a strong key. Whoever was not
 * told it learns in each run whether one guess is right, and nothing else: what goes over the wire
 * cannot be tried against a list afterwards.
 *
 * CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace, in the initiator-responder setting, with the
 * draft's explicit key confirmation:
 *
 *   generator  ristretto255's one-way map of SHA-512 over lv_cat(DSI, password, zeros, channel,
 *              session), where DSI is "CPaceRistretto255" and the zeros fill the first block
 *   point      generator times a random scalar, 32 bytes in ristretto255's one encoding
 *   isk        SHA-512 over lv_cat(DSI "_ISK", session, K), then lv_cat(point, data) of the
 *              initiator and of the responder; 64 bytes
 *   tag        HMAC-SHA-512, keyed with SHA-512 of "CPaceMac", session and isk, over lv_cat(point,
 *              data) of the side that sends it; 64 bytes
 *
 * Each side calls cpace_begin(), sends its point, and calls cpace_end() with the other's. isk is
 * the password's until the other's tag has been checked: nothing may be sealed under it before.
 *
 * Everything takes the same time whatever the password and the secrets are; lengths are public.
 * Nothing is allocated; the caller wipes both results. */
#ifndef CRYPTO_CPACE_H
#define CRYPTO_CPACE_H

#include "crypto/keys.h"

enum {
    CPACE_POINT_BYTES = 32,
    CPACE_KEY_BYTES = 64,
    CPACE_TAG_BYTES = 64,
    CPACE_RANDOM_BYTES = 64,
};

struct cpace_point {
    uint8_t b[CPACE_POINT_BYTES];
};

struct cpace_tag {
    uint8_t b[CPACE_TAG_BYTES];
};

/* What both sides know beforehand, and have to agree on. Borrowed; the same for both calls. */
struct cpace_setup {
    bool initiator;
    struct bytes password;
    struct bytes channel;        /* what it is for, and between whom */
    struct bytes session;        /* of this run alone, and nobody's free choice */
    struct bytes initiator_data; /* as the draft's ADa and ADb */
    struct bytes responder_data;
};

struct cpace_secret {
    uint8_t scalar[32];
};

struct cpace_keys {
    uint8_t isk[CPACE_KEY_BYTES];
    struct cpace_tag own, others; /* to be sent; to be expected */
};

/* `random`: fresh bytes, for this run alone. */
void cpace_begin(const struct cpace_setup *setup, const uint8_t random[CPACE_RANDOM_BYTES],
                 struct cpace_secret *secret, struct cpace_point *point);

/* False, and *out zero, when the other's point is no encoding of an element, or is the neutral one:
 * the run is over. */
MUST_USE bool cpace_end(const struct cpace_setup *setup, const struct cpace_secret *secret,
                        const struct cpace_point *own, const struct cpace_point *others,
                        struct cpace_keys *out);

/* In constant time. */
bool cpace_tag_equal(const struct cpace_tag *a, const struct cpace_tag *b);

void cpace_secret_wipe(struct cpace_secret *secret);

#endif
