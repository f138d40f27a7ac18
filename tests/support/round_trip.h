/* What every fuzz target of proto/ claims: what decodes encodes, and decodes to the same again. */
#ifndef TESTS_SUPPORT_ROUND_TRIP_H
#define TESTS_SUPPORT_ROUND_TRIP_H

#include "node/base/bytes.h"
#include "proto/shape.h"

struct round_trip {
    enum err (*decode)(struct bytes from, void *plain);
    enum err (*encode)(const void *plain, struct buffer *out);
    void *first, *second; /* room for two plain structs */
};

/* Stops the program (ASSERT) where the claim does not hold; true when `from` decoded. */
bool round_trip_check(const struct round_trip *codec, struct bytes from);

/* Encodes some filled struct of `shape` after `head`; what is too long for `room` gives way to the
 * least. Returns the length. */
size_t round_trip_seed(const struct shape *shape, uint64_t choice, struct bytes head, uint8_t *out,
                       size_t room);

#endif
