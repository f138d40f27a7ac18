/* DSSE signatures (PROTOCOL 2.1; secure-systems-lab/dsse, protocol.md v1.0.0): Ed25519 over
 * PAE(type, body) = "DSSEv1" SP len(type) SP type SP len(body) SP body, lengths in ASCII decimal.
 */
#ifndef CRYPTO_DSSE_H
#define CRYPTO_DSSE_H

#include "crypto/keys.h"

enum {
    DSSE_TYPE_MAX = 128,
    DSSE_BODY_MAX = 1024 * 1024, /* twice what the fence lets through (PROTOCOL 2.1) */
};

/* Ed25519 takes its message in one piece, so each call copies the body once. Both are false when
 * memory is short or something is over its bound; dsse_verify also when the signature does not
 * verify. */
MUST_USE bool dsse_sign(const char *type, struct bytes body, const struct sign_secret *secret,
                        struct signature *out);
MUST_USE bool dsse_verify(const char *type, struct bytes body, const struct sign_public *pub,
                          const struct signature *signature);

#endif
