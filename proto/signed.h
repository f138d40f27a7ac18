/* Signed objects (PROTOCOL 2): a DSSE envelope around protobuf bytes that are never re-encoded.
 *
 * The signature covers PAE(type, body) as carried; the id is SHA-256(body). Decoding checks form
 * and bounds; signed_by() checks one signature. What a signature means (whose it must be) is for
 * the object's own rules: proto/chain.h, proto/grant.h.
 *
 * Memory: a signed_object borrows type and body from the bytes that were decoded. */
#ifndef PROTO_SIGNED_H
#define PROTO_SIGNED_H

#include "crypto/keys.h"
#include "node/base/bytes.h"
#include "node/base/instant.h"

enum {
    SIGNED_SIGNATURES_MAX = 16,    /* owners of a camera, administrators of a charter */
    SIGNED_TYPE_MAX = 96,          /* with NUL */
    SIGNED_GOSSIP_MAX = 16 * 1024, /* an object that travels by gossip (PROTOCOL 2.1) */
    SIGNED_BODY_MAX = 512 * 1024,  /* a manifest with its sources is the largest */
};

enum object_kind {
    OBJECT_UNKNOWN, /* a well-formed type of a later version: forwarded, never used */
    OBJECT_CHARTER,
    OBJECT_MEMBER,
    OBJECT_INVITE,
    OBJECT_NODE_RECORD,
    OBJECT_REQUEST,
    OBJECT_DECISION,
    OBJECT_GRANT,
    OBJECT_RECEIPT,
    OBJECT_RECEIPT_COMMITMENT,
    OBJECT_DELETION_RECEIPT,
    OBJECT_MANIFEST,
    OBJECT_CAMERA_LIST,
    OBJECT_WITHDRAWAL,
    OBJECT_CALL_BACK,
    OBJECT_ACT,
    OBJECT_ENDORSEMENT,
    OBJECT_REMOVAL,
    OBJECT_RENEWAL,
    OBJECT_ROLL,
    OBJECT_GATEWAY,
    OBJECT_CROSSING,
    OBJECT_KIND_LAST = OBJECT_CROSSING,
};

struct signed_object {
    enum object_kind kind;
    char type[SIGNED_TYPE_MAX]; /* "application/vnd.stoop.request.v1+protobuf" */
    struct bytes body;          /* borrowed */
    struct id id;               /* SHA-256(body) */
    size_t count;               /* of signatures, 1 to SIGNED_SIGNATURES_MAX, no key twice */
    struct signed_signature {
        struct sign_public key;
        struct signature signature;
    } signatures[SIGNED_SIGNATURES_MAX];
};

/* The first field of every object that travels by gossip, so that a node can forward a kind that it
 * does not know yet (PROTOCOL 5.1). */
struct head {
    struct id community;
    struct id author; /* id of the author's member certificate; zero in a founder's own */
    struct instant created;
    struct instant expires; /* > created */
};

const char *object_type(enum object_kind kind); /* NULL for OBJECT_UNKNOWN */

MUST_USE enum err signed_decode(struct bytes from, struct signed_object *out);
MUST_USE enum err signed_encode(const struct signed_object *object, struct buffer *out);

/* Starts an envelope without signatures over `body`, which stays borrowed. */
void signed_start(enum object_kind kind, struct bytes body, struct signed_object *out);
/* Adds a signature; ERR_FULL_TABLE, ERR_USER_EXISTS when this key has signed already. */
MUST_USE enum err signed_add(struct signed_object *object, const struct sign_secret *secret,
                             const struct sign_public *pub);
/* True when `key` has a signature here and it verifies. */
MUST_USE bool signed_by(const struct signed_object *object, const struct sign_public *key);

/* Reads only the head of any gossiped body, known kind or not. */
MUST_USE enum err head_decode(struct bytes body, struct head *out);

#endif
