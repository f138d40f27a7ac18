/* Shapes that several messages share. Private to proto/. */
#ifndef PROTO_SHAPES_H
#define PROTO_SHAPES_H

#include "proto/shape.h"

extern const struct shape head_shape;
extern const struct shape place_shape;
extern const struct shape terms_shape;
extern const struct shape caps_shape;

/* Every shape that is not part of another, for the tests that hold them against the schema and walk
 * them. NULL ends each list. */
extern const struct shape *const signed_shapes[];
extern const struct shape *const object_shapes[];
extern const struct shape *const message_shapes[];

#endif
