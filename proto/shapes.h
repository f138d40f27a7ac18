/* Shapes that several messages share. Private to proto/. */
#ifndef PROTO_SHAPES_H
#define PROTO_SHAPES_H

#include "proto/shape.h"

extern const struct shape head_shape;
extern const struct shape place_shape;
extern const struct shape terms_shape;
extern const struct shape caps_shape;

#endif
