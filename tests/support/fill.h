/* Fills plain structs by their shapes, to the edge of every bound, so that tests and fuzz seeds
 * reach all fields of all messages. Contents follow from `seed` alone; what a shape's check demands
 * on top of its rows is put right. */
#ifndef TESTS_SUPPORT_FILL_H
#define TESTS_SUPPORT_FILL_H

#include "proto/shapes.h"

enum {
    FILL_ROOM = 512 * 1024, /* for the largest plain struct */
    FILL_SHAPES_MAX = 128,
};

enum fill_how {
    FILL_LEAST, /* what must be there, at its least */
    FILL_MOST,  /* everything, at its most */
    FILL_SOME,  /* by the seed */
};

/* `plain` is zeroed first, FILL_ROOM bytes. Borrowed bytes point into static memory. */
void fill_shape(const struct shape *shape, enum fill_how how, uint64_t seed, void *plain);

/* Two plain structs, field by field; borrowed bytes by content. */
bool fill_equal(const struct shape *shape, const void *a, const void *b);

/* All shapes and those within them, each once; returns their count. */
size_t fill_all_shapes(const struct shape *out[FILL_SHAPES_MAX]);
const struct shape *fill_shape_named(const char *name); /* NULL when there is none */

struct fill_kind { /* of message */
    uint32_t kind;
    const char *shape;
};
/* Every kind of a link's messages. */
const struct fill_kind *fill_link_kinds(size_t *count);

/* Bytes that a struct of this shape needs. */
size_t fill_size(const struct shape *shape);

#endif
