#include "crypto/tile.h"

#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"

/* Index in groups of three digits, all but the last prefixed with 'x'. */
void tile_path(int level, uint64_t index, unsigned width, char out[TILE_PATH_MAX]) {
    char groups[40] = "";
    ASSERT(width >= 1 && width <= TILE_WIDTH);
    (void)snprintf(groups, sizeof groups, "%03u", (unsigned)(index % 1000));
    while ((index /= 1000) > 0) {
        char longer[40];
        (void)snprintf(longer, sizeof longer, "x%03u/%.32s", (unsigned)(index % 1000), groups);
        memcpy(groups, longer, sizeof groups);
    }
    char kind[16];
    if (level < 0) {
        (void)snprintf(kind, sizeof kind, "entries");
    } else {
        (void)snprintf(kind, sizeof kind, "%d", level);
    }
    if (width == TILE_WIDTH) {
        (void)snprintf(out, TILE_PATH_MAX, "tile/%s/%s", kind, groups);
    } else {
        (void)snprintf(out, TILE_PATH_MAX, "tile/%s/%s.p/%u", kind, groups, width);
    }
}
