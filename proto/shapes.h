/* Shapes that several messages share. Private to proto/. */
#ifndef PROTO_SHAPES_H
#define PROTO_SHAPES_H

#include "proto/fence.h"
#include "proto/shape.h"

extern const struct shape head_shape;
extern const struct shape place_shape;
extern const struct shape caps_shape;
extern const struct shape role_rule_shape;
extern const struct shape membership_shape;
extern const struct shape treaty_shape;
extern const struct shape roll_shape;
extern const struct shape gateway_shape;
extern const struct shape crossing_shape;

/* Every shape that is not part of another, for the tests that hold them against the schema and walk
 * them. NULL ends each list. */
extern const struct shape *const signed_shapes[];
extern const struct shape *const object_shapes[];
extern const struct shape *const message_shapes[];

/* Decoder and encoder of a body: small structs by way of a copy, large ones in place. */
/* NOLINTBEGIN(bugprone-macro-parentheses): `type` is a type */
#define CODEC(noun, type)                                                                          \
    enum err noun##_decode(struct bytes body, type *out) {                                         \
        type plain;                                                                                \
        enum err err = fence_decode_into(&noun##_shape, body, &plain, sizeof plain);               \
        if (err == ERR_OK) {                                                                       \
            *out = plain;                                                                          \
        }                                                                                          \
        return err;                                                                                \
    }                                                                                              \
    enum err noun##_encode(const type *plain, struct buffer *out) {                                \
        return fence_encode(&noun##_shape, plain, out);                                            \
    }
#define CODEC_LARGE(noun, type)                                                                    \
    enum err noun##_decode(struct bytes body, type *out) {                                         \
        return fence_decode_into(&noun##_shape, body, out, sizeof *out);                           \
    }                                                                                              \
    enum err noun##_encode(const type *plain, struct buffer *out) {                                \
        return fence_encode(&noun##_shape, plain, out);                                            \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
