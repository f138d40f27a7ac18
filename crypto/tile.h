/* Names of a log's files (c2sp.org/tlog-tiles; PROTOCOL 8.3): tiles of up to 256 hashes, eight
 * levels of the tree high, and bundles of up to 256 entries. */
#ifndef CRYPTO_TILE_H
#define CRYPTO_TILE_H

#include "crypto/keys.h"

enum {
    TILE_WIDTH = 256,
    TILE_LEVELS = 6, /* 2^48 leaves */
    TILE_PATH_MAX = 96,
};

/* `width` 1 to 256; 256 is a full tile. level -1 names an entry bundle. */
void tile_path(int level, uint64_t index, unsigned width, char out[TILE_PATH_MAX]);

#endif
