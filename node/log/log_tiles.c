#include "node/log/log_tiles.h"

#include <assert.h>
#include <string.h>

#include "node/base/assert.h"

static_assert(LOG_TILE_BYTES_MAX >= TILE_WIDTH * sizeof(struct id), "a hash tile fits as well");
static_assert((int)LOG_LEAF_MAX <= (int)TILE_ENTRY_MAX, "a leaf's length fits its two bytes");

static bool fill_hashes(struct log_tiles *tiles, const struct log_source *source);
static bool fill_entries(struct log_tiles *tiles, const struct log_source *source);

void log_tiles_start(struct log_tiles *tiles, uint64_t before, uint64_t size) {
    tile_walk_start(&tiles->walk, before, size);
    tiles->len = 0;
}

enum err log_tiles_next(struct log_tiles *tiles, const struct log_source *source, bool *more) {
    struct tile_walk walk = tiles->walk;
    if (!tile_walk_next(&walk, &tiles->tile)) {
        *more = false;
        return ERR_OK;
    }
    tiles->len = 0;
    if (!(tiles->tile.level == TILE_ENTRIES ? fill_entries(tiles, source)
                                            : fill_hashes(tiles, source))) {
        return ERR_HOST_DATABASE;
    }
    tile_path(tiles->tile.level, tiles->tile.index, tiles->tile.width, tiles->path);
    tiles->walk = walk; /* only now: what failed is tried again */
    *more = true;
    return ERR_OK;
}

static bool fill_hashes(struct log_tiles *tiles, const struct log_source *source) {
    unsigned level = (unsigned)tiles->tile.level * TILE_HEIGHT;
    uint64_t first = tiles->tile.index * TILE_WIDTH;
    for (unsigned i = 0; i < tiles->tile.width; i++) {
        struct id hash;
        if (!source->read_hash(source->context, level, first + i, &hash)) {
            return false;
        }
        memcpy(tiles->bytes + tiles->len, hash.b, sizeof hash);
        tiles->len += sizeof hash;
    }
    return true;
}

static bool fill_entries(struct log_tiles *tiles, const struct log_source *source) {
    struct buffer bundle = {.at = tiles->bytes,
                            .room = sizeof tiles->bytes,
                            .max = sizeof tiles->bytes}; /* never grows: the memory is ours */
    uint64_t first = tiles->tile.index * TILE_WIDTH;
    for (unsigned i = 0; i < tiles->tile.width; i++) {
        struct bytes leaf;
        if (!source->read_leaf(source->context, first + i, &leaf) || leaf.len >= LOG_LEAF_MAX ||
            tile_entry_add(&bundle, leaf) != ERR_OK) {
            return false;
        }
    }
    tiles->len = bundle.len;
    return true;
}
