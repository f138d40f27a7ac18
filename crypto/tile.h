/* A log's files (c2sp.org/tlog-tiles; PROTOCOL 8.3): tiles of up to 256 hashes, eight levels of the
 * tree high, and bundles of up to 256 entries. A tile of fewer is partial; a tree has at most one
 * on each level, at its right edge. */
#ifndef CRYPTO_TILE_H
#define CRYPTO_TILE_H

#include "crypto/keys.h"

enum {
    TILE_WIDTH = 256,
    TILE_HEIGHT = 8,
    TILE_LEVELS = 6, /* 2^48 leaves */
    TILE_PATH_MAX = 96,
    TILE_ENTRIES = -1, /* the level of entry bundles */
    TILE_ENTRY_MAX = 65535,
};

struct tile {
    int level;      /* TILE_ENTRIES, or 0 to TILE_LEVELS - 1 */
    uint64_t index; /* below 2^48 / 256 */
    unsigned width; /* 1 to 256; 256 is a full tile */
};

/* `width` 1 to 256; 256 is a full tile. level -1 names an entry bundle. */
void tile_path(int level, uint64_t index, unsigned width, char out[TILE_PATH_MAX]);
MUST_USE enum err tile_path_read(const char *path, struct tile *out); /* ERR_USER_SYNTAX */

/* Walks over the tiles of a tree of `size` leaves, bundles included, that the tree of `before`
 * leaves lacks; before 0: all of them. */
struct tile_walk {
    uint64_t before, size;
    int level;
    uint64_t index;
};
void tile_walk_start(struct tile_walk *walk, uint64_t before, uint64_t size); /* size <= 2^48 */
bool tile_walk_next(struct tile_walk *walk, struct tile *out);

/* Where tiles hold the complete subtree `index` at tree level `level` (0: leaves): it is the root
 * over `count` hashes of one tile, from `first`. */
struct tile_span {
    int level;
    uint64_t index;
    unsigned first, count;
};
MUST_USE bool tile_span_of(unsigned level, uint64_t index, struct tile_span *out);
/* False when the tile's bytes are no hashes or end before the span does. */
MUST_USE bool tile_span_hash(struct bytes tile, const struct tile_span *span, struct id *out);

/* Entry bundles: each entry after its length in two bytes. ERR_FULL_BUFFER, ERR_HOST_MEMORY. */
MUST_USE enum err tile_entry_add(struct buffer *bundle, struct bytes entry);
/* Takes the next one off `rest`; false at the end (rest->len 0) and where the bundle is broken. */
MUST_USE bool tile_entry_next(struct bytes *rest, struct bytes *out);

#endif
