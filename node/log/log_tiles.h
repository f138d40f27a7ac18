/* The log's files as bytes: which tiles and entry bundles are new when the log has grown, and what
 * is in them (PROTOCOL 8.3). The caller writes each file whole, and the checkpoint after all of
 * them.
 *
 * Memory: the caller's struct, some 90 KiB; nothing is allocated. */
#ifndef NODE_LOG_LOG_TILES_H
#define NODE_LOG_LOG_TILES_H

#include "crypto/merkle.h"
#include "crypto/tile.h"
#include "node/log/log.h"

enum {
    LOG_TILE_BYTES_MAX = TILE_WIDTH * (2 + LOG_LEAF_MAX),
};

/* Committed leaves and subtrees, borrowed. A leaf is good until the next read. */
struct log_source {
    void *context;
    merkle_read *read_hash;
    bool (*read_leaf)(void *context, uint64_t index, struct bytes *out);
};

struct log_tiles {
    struct tile_walk walk;
    struct tile tile; /* of the file that log_tiles_next() has made */
    char path[TILE_PATH_MAX];
    size_t len;
    uint8_t bytes[LOG_TILE_BYTES_MAX];
};

/* From the files of a log of `before` leaves (0: none yet) to those of `size`. */
void log_tiles_start(struct log_tiles *tiles, uint64_t before, uint64_t size);

/* Makes the next file; *more is false when there is none left. ERR_HOST_DATABASE when something
 * cannot be read or is no leaf. */
MUST_USE enum err log_tiles_next(struct log_tiles *tiles, const struct log_source *source,
                                 bool *more);

#endif
