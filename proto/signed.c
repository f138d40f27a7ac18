#include "proto/signed.h"

#include <stdio.h>
#include <string.h>

#include "crypto/dsse.h"
#include "node/base/assert.h"
#include "proto/fence.h"
#include "proto/shapes.h"

static const struct shape_field signature_rows[] = {
    SHAPE_ROW(1, SHAPE_FIXED, struct signed_signature, key, .required = true),
    SHAPE_ROW(2, SHAPE_FIXED, struct signed_signature, signature, .required = true),
};
static const struct shape signature_shape = SHAPE_OF("Signature", signature_rows, NULL);

static bool signatures_distinct(const void *plain) {
    const struct signed_object *object = plain;
    for (size_t i = 0; i < object->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (sign_public_equal(&object->signatures[i].key, &object->signatures[k].key)) {
                return false;
            }
        }
    }
    return object->count > 0;
}

static const struct shape_field signed_rows[] = {
    SHAPE_ROW(1, SHAPE_TEXT, struct signed_object, type, .required = true),
    SHAPE_ROW(2, SHAPE_BYTES, struct signed_object, body, .required = true, .max = SIGNED_BODY_MAX),
    SHAPE_ARRAY(3, SHAPE_MESSAGE, struct signed_object, signatures, count, .required = true,
                .sub = &signature_shape),
};
static const struct shape signed_shape = SHAPE_OF("Signed", signed_rows, signatures_distinct);

static const struct shape_field head_rows[] = {
    SHAPE_ROW(1, SHAPE_FIXED, struct head, community, .required = true),
    SHAPE_ROW(2, SHAPE_FIXED, struct head, author),
    SHAPE_ROW(3, SHAPE_TIME, struct head, created, .required = true),
    SHAPE_ROW(4, SHAPE_TIME, struct head, expires, .required = true),
};

static bool head_in_order(const void *plain) {
    const struct head *head = plain;
    return head->created.ms < head->expires.ms;
}

const struct shape head_shape = SHAPE_OF("Head", head_rows, head_in_order);

const struct shape *const signed_shapes[] = {&signed_shape, &head_shape, NULL};

static bool type_well_formed(const char *type);

static const char type_prefix[] = "application/vnd.stoop.";
static const char type_suffix[] = "+protobuf";

const char *object_type(enum object_kind kind) {
    switch (kind) {
    case OBJECT_UNKNOWN:
        return NULL;
    case OBJECT_CHARTER:
        return "application/vnd.stoop.charter.v1+protobuf";
    case OBJECT_MEMBER:
        return "application/vnd.stoop.member.v1+protobuf";
    case OBJECT_INVITE:
        return "application/vnd.stoop.invite.v1+protobuf";
    case OBJECT_NODE_RECORD:
        return "application/vnd.stoop.node-record.v1+protobuf";
    case OBJECT_REQUEST:
        return "application/vnd.stoop.request.v1+protobuf";
    case OBJECT_DECISION:
        return "application/vnd.stoop.decision.v1+protobuf";
    case OBJECT_GRANT:
        return "application/vnd.stoop.grant.v1+protobuf";
    case OBJECT_RECEIPT:
        return "application/vnd.stoop.receipt.v1+protobuf";
    case OBJECT_RECEIPT_COMMITMENT:
        return "application/vnd.stoop.receipt-commitment.v1+protobuf";
    case OBJECT_DELETION_RECEIPT:
        return "application/vnd.stoop.deletion-receipt.v1+protobuf";
    case OBJECT_MANIFEST:
        return "application/vnd.stoop.manifest.v1+protobuf";
    case OBJECT_CAMERA_LIST:
        return "application/vnd.stoop.camera-list.v1+protobuf";
    case OBJECT_WITHDRAWAL:
        return "application/vnd.stoop.withdrawal.v1+protobuf";
    case OBJECT_CALL_BACK:
        return "application/vnd.stoop.call-back.v1+protobuf";
    case OBJECT_ACT:
        return "application/vnd.stoop.act.v1+protobuf";
    case OBJECT_ENDORSEMENT:
        return "application/vnd.stoop.endorsement.v1+protobuf";
    case OBJECT_REMOVAL:
        return "application/vnd.stoop.removal.v1+protobuf";
    case OBJECT_RENEWAL:
        return "application/vnd.stoop.renewal.v1+protobuf";
    case OBJECT_ROLL:
        return "application/vnd.stoop.roll.v1+protobuf";
    case OBJECT_GATEWAY:
        return "application/vnd.stoop.gateway.v1+protobuf";
    case OBJECT_CROSSING:
        return "application/vnd.stoop.crossing.v1+protobuf";
    }
    return NULL;
}

enum err signed_decode(struct bytes from, struct signed_object *out) {
    struct signed_object object;
    enum err err = fence_decode_into(&signed_shape, from, &object, sizeof object);
    if (err != ERR_OK) {
        return err;
    }
    if (!type_well_formed(object.type)) {
        return ERR_PEER_MALFORMED;
    }
    object.kind = OBJECT_UNKNOWN;
    for (int kind = OBJECT_CHARTER; kind <= OBJECT_KIND_LAST; kind++) {
        if (strcmp(object.type, object_type((enum object_kind)kind)) == 0) {
            object.kind = (enum object_kind)kind;
        }
    }
    sha256(object.body, &object.id);
    *out = object;
    return ERR_OK;
}

enum err signed_encode(const struct signed_object *object, struct buffer *out) {
    return fence_encode(&signed_shape, object, out);
}

void signed_start(enum object_kind kind, struct bytes body, struct signed_object *out) {
    ASSERT(kind != OBJECT_UNKNOWN);
    *out = (struct signed_object){.kind = kind, .body = body};
    (void)snprintf(out->type, sizeof out->type, "%s", object_type(kind));
    sha256(body, &out->id);
}

enum err signed_add(struct signed_object *object, const struct sign_secret *secret,
                    const struct sign_public *pub) {
    if (object->count == SIGNED_SIGNATURES_MAX) {
        return ERR_FULL_TABLE;
    }
    for (size_t i = 0; i < object->count; i++) {
        if (sign_public_equal(&object->signatures[i].key, pub)) {
            return ERR_USER_EXISTS;
        }
    }
    struct signed_signature *signature = &object->signatures[object->count];
    if (!dsse_sign(object->type, object->body, secret, &signature->signature)) {
        return ERR_HOST_MEMORY;
    }
    signature->key = *pub;
    object->count++;
    return ERR_OK;
}

bool signed_by(const struct signed_object *object, const struct sign_public *key) {
    for (size_t i = 0; i < object->count; i++) {
        if (sign_public_equal(&object->signatures[i].key, key)) {
            return dsse_verify(object->type, object->body, key, &object->signatures[i].signature);
        }
    }
    return false;
}

enum err head_decode(struct bytes body, struct head *out) {
    struct bytes run;
    enum err err = fence_find(body, 1, &run);
    struct head head;
    if (err == ERR_OK) {
        err = fence_decode_into(&head_shape, run, &head, sizeof head);
    }
    if (err == ERR_OK) {
        *out = head;
    }
    return err;
}

/* prefix, a word of [a-z-], ".v", digits, suffix */
static bool type_well_formed(const char *type) {
    if (strncmp(type, type_prefix, sizeof type_prefix - 1) != 0) {
        return false;
    }
    const char *word = type + sizeof type_prefix - 1;
    size_t letters = strspn(word, "abcdefghijklmnopqrstuvwxyz-");
    if (letters == 0 || word[letters] != '.' || word[letters + 1] != 'v') {
        return false;
    }
    const char *version = word + letters + 2;
    size_t digits = strspn(version, "0123456789");
    return digits > 0 && version[0] != '0' && strcmp(version + digits, type_suffix) == 0;
}
