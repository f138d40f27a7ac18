/* The fence (PROTOCOL 9): the one place where outside bytes become plain structs.
 *
 * Decoding is one pass over the wire by the message's shape, with no allocation and work linear in
 * the input. It refuses: more than FENCE_DEPTH_MAX levels; more elements than a shape's array holds
 * (so the fields of a message are bounded by its table); a singular field twice; an unknown field;
 * a wrong wire type, a group; an overlong varint or one of more than 64 bits; a length past the
 * end; a text that is not UTF-8 or holds NUL or a control character; a required field that is
 * missing, empty or zero; and whatever a row's bounds or the shape's check exclude.
 *
 * Encoding writes fields in the order of the shape and leaves zero and empty ones out, so equal
 * structs give equal bytes. It checks the same bounds: what cannot be decoded is never sent. The
 * plain struct may hold anything that a person typed; only pointers and bools have to be sound.
 */
#ifndef PROTO_FENCE_H
#define PROTO_FENCE_H

#include "proto/shape.h"

enum {
    FENCE_DEPTH_MAX = 8,
    FENCE_SHAPE_FIELDS_MAX = 48, /* rows of one shape */
};

/* Fills *plain, which has to be zeroed; it is unspecified on failure, so callers decode into their
 * own copy or zero it (fence_decode_into does). ERR_PEER_MALFORMED, ERR_PEER_BOUNDS. */
MUST_USE enum err fence_decode(const struct shape *shape, struct bytes from, void *plain);

/* Zeroes `size` bytes first and on failure, so nothing half-decoded is ever left. */
MUST_USE enum err fence_decode_into(const struct shape *shape, struct bytes from, void *plain,
                                    size_t size);

/* How many bytes of a plain struct, from its start, the shape's rows lie within. */
size_t fence_reach(const struct shape *shape);

/* Appends. ERR_PEER_BOUNDS, ERR_FULL_BUFFER, ERR_HOST_MEMORY; then *out is as before. */
MUST_USE enum err fence_encode(const struct shape *shape, const void *plain, struct buffer *out);

/* Finds field `number` of wire type 2 in a message of any shape, checking the wire format of the
 * whole top level: for what is read of kinds that a later version brings. ERR_PEER_MALFORMED when
 * the wire is broken, the field is missing or there twice. */
MUST_USE enum err fence_find(struct bytes from, uint32_t number, struct bytes *out);

/* UTF-8 (no surrogates, no overlong forms), no NUL, no C0, C1 or DEL. */
bool fence_text_valid(struct bytes text);

#endif
