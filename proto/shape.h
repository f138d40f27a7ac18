/* Shapes: one table for each message says how its fields lie on the wire and in the plain struct,
 * and within which bounds. The fence (proto/fence.h) walks wire bytes by it; there is no other
 * decoder.
 *
 * Bounds are part of a row, so the table is where a reader finds them, and a message that decodes
 * is within all of them. What several fields must satisfy together is the shape's `check`. */
#ifndef PROTO_SHAPE_H
#define PROTO_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/base/bytes.h"

enum shape_kind {
    SHAPE_FIXED,   /* bytes of exactly `size`, copied */
    SHAPE_TEXT,    /* UTF-8 without control characters, copied, NUL added; at most size - 1 bytes */
    SHAPE_U32,     /* varint, min to max */
    SHAPE_U64,     /* varint, min to max */
    SHAPE_TIME,    /* int64 milliseconds since 1970, into struct instant; 0 to year 9999 */
    SHAPE_SINT,    /* zigzag int32, -max to max */
    SHAPE_BOOL,    /* varint, 0 or 1 */
    SHAPE_BYTES,   /* borrowed from the input, at most `max` bytes, into struct bytes */
    SHAPE_MESSAGE, /* a message of shape `sub`, in place */
    SHAPE_PACKED,  /* bytes: records of `size` bytes, at most max_count, into an array */
};

struct shape_field {
    const char *name; /* as in the .proto file, after the last dot */
    const struct shape *sub;
    size_t offset; /* in the plain struct */
    size_t size;   /* of one element there */
    size_t count_offset;
    uint64_t min, max;
    uint32_t number;
    uint32_t max_count;
    enum shape_kind kind;
    bool required; /* must be there: not empty, not zero; of an array, every element */
    bool repeated; /* into an array of max_count elements of `size` bytes */
    bool counted;  /* count_offset is used: size_t for arrays, bool for an optional message */
};

struct shape {
    const char *name; /* of the message in the .proto file */
    const struct shape_field *fields;
    size_t field_count;
    bool (*check)(const void *plain); /* called when all rows hold; NULL: nothing beyond them */
};

/* Rows. T: the plain struct. */
#define SHAPE_ROW(n, k, T, member, ...)                                                            \
    {                                                                                              \
        .number = (n), .kind = (k), .offset = offsetof(T, member),                                 \
        .size = sizeof(((T *)0)->member), .name = #member, __VA_ARGS__                             \
    }
#define SHAPE_ARRAY(n, k, T, member, count_member, ...)                                            \
    {                                                                                              \
        .number = (n), .kind = (k), .offset = offsetof(T, member),                                 \
        .size = sizeof(((T *)0)->member[0]), .max_count = (uint32_t)COUNT_OF(((T *)0)->member),    \
        .repeated = (k) != SHAPE_PACKED, .counted = true,                                          \
        .count_offset = offsetof(T, count_member), .name = #member, __VA_ARGS__                    \
    }
#define SHAPE_OPTIONAL(n, T, member, present_member, ...)                                          \
    {                                                                                              \
        .number = (n), .kind = SHAPE_MESSAGE, .offset = offsetof(T, member),                       \
        .size = sizeof(((T *)0)->member), .counted = true,                                         \
        .count_offset = offsetof(T, present_member), .name = #member, __VA_ARGS__                  \
    }
#define SHAPE_OF(name_, rows, check_)                                                              \
    { .name = (name_), .fields = (rows), .field_count = COUNT_OF(rows), .check = (check_) }

#endif
