#include "crypto/tile.h"

#include <stdio.h>
#include <string.h>

#include "crypto/merkle.h"
#include "node/base/assert.h"

static const uint64_t leaves_max = UINT64_C(1) << (TILE_HEIGHT * TILE_LEVELS);

static void stem(int level, uint64_t index, char out[TILE_PATH_MAX]);
static uint64_t hashes_at(int level, uint64_t size);

void tile_path(int level, uint64_t index, unsigned width, char out[TILE_PATH_MAX]) {
    ASSERT(width >= 1 && width <= TILE_WIDTH);
    stem(level, index, out);
    if (width < TILE_WIDTH) {
        size_t len = strlen(out);
        (void)snprintf(out + len, TILE_PATH_MAX - len, ".p/%u", width);
    }
}

/* Reads what may be a path and writes it again: only the one spelling comes out the same. */
enum err tile_path_read(const char *path, struct tile *out) {
    struct tile tile = {.level = TILE_ENTRIES, .width = TILE_WIDTH};
    char again[TILE_PATH_MAX];
    const char *at = path;
    if (strlen(path) >= TILE_PATH_MAX || strncmp(at, "tile/", 5) != 0) {
        return ERR_USER_SYNTAX;
    }
    at += 5;
    if (strncmp(at, "entries/", 8) == 0) {
        at += 8;
    } else if (*at >= '0' && *at < '0' + TILE_LEVELS && at[1] == '/') {
        tile.level = *at - '0';
        at += 2;
    } else {
        return ERR_USER_SYNTAX;
    }
    for (; *at != '\0' && *at != '.'; at++) {
        if (*at >= '0' && *at <= '9') {
            tile.index = tile.index * 10 + (uint64_t)(*at - '0');
        }
        if (tile.index >= leaves_max / TILE_WIDTH) {
            return ERR_USER_SYNTAX;
        }
    }
    if (strncmp(at, ".p/", 3) == 0) {
        tile.width = 0;
        for (at += 3; *at >= '0' && *at <= '9' && tile.width < TILE_WIDTH; at++) {
            tile.width = tile.width * 10 + (unsigned)(*at - '0');
        }
        if (tile.width == 0 || tile.width >= TILE_WIDTH) {
            return ERR_USER_SYNTAX;
        }
    }
    tile_path(tile.level, tile.index, tile.width, again);
    if (strcmp(again, path) != 0) {
        return ERR_USER_SYNTAX;
    }
    *out = tile;
    return ERR_OK;
}

void tile_walk_start(struct tile_walk *walk, uint64_t before, uint64_t size) {
    ASSERT(before <= size);
    ASSERT(size <= leaves_max);
    *walk = (struct tile_walk){before, size, TILE_ENTRIES, before / TILE_WIDTH};
}

bool tile_walk_next(struct tile_walk *walk, struct tile *out) {
    while (walk->level < TILE_LEVELS) {
        uint64_t count = hashes_at(walk->level, walk->size);
        bool grown = count > hashes_at(walk->level, walk->before);
        uint64_t from = walk->index * TILE_WIDTH;
        if (grown && from < count) {
            uint64_t width = count - from < TILE_WIDTH ? count - from : TILE_WIDTH;
            *out = (struct tile){walk->level, walk->index++, (unsigned)width};
            return true;
        }
        walk->level++;
        walk->index = hashes_at(walk->level, walk->before) / TILE_WIDTH;
    }
    return false;
}

bool tile_span_of(unsigned level, uint64_t index, struct tile_span *out) {
    unsigned within = level % TILE_HEIGHT;
    if (level >= TILE_HEIGHT * TILE_LEVELS || index >= leaves_max >> level) {
        return false;
    }
    uint64_t first = index << within;
    *out = (struct tile_span){(int)(level / TILE_HEIGHT), first / TILE_WIDTH,
                              (unsigned)(first % TILE_WIDTH), 1U << within};
    return true;
}

bool tile_span_hash(struct bytes tile, const struct tile_span *span, struct id *out) {
    struct merkle_edge edge = {0};
    size_t end = (size_t)(span->first + span->count) * sizeof(struct id);
    if (tile.len % sizeof(struct id) != 0 || end > tile.len) {
        return false;
    }
    for (unsigned i = 0; i < span->count; i++) {
        struct id hash;
        memcpy(hash.b, tile.at + (span->first + i) * sizeof hash, sizeof hash);
        merkle_append(&edge, &hash);
    }
    merkle_root(&edge, out);
    return true;
}

enum err tile_entry_add(struct buffer *bundle, struct bytes entry) {
    uint8_t *to = NULL;
    ASSERT(entry.len <= TILE_ENTRY_MAX);
    enum err err = buffer_extend(bundle, 2 + entry.len, &to);
    if (err == ERR_OK) {
        write_u16(to, (uint16_t)entry.len);
        if (entry.len > 0) {
            memcpy(to + 2, entry.at, entry.len);
        }
    }
    return err;
}

bool tile_entry_next(struct bytes *rest, struct bytes *out) {
    if (rest->len < 2 || rest->len - 2 < read_u16(rest->at)) {
        return false;
    }
    *out = (struct bytes){rest->at + 2, read_u16(rest->at)};
    rest->at += 2 + out->len;
    rest->len -= 2 + out->len;
    return true;
}

/* The path of a full tile: its index in groups of three digits, all but the last behind an 'x'. */
static void stem(int level, uint64_t index, char out[TILE_PATH_MAX]) {
    char groups[TILE_PATH_MAX / 2];
    char kind[8] = "entries";
    size_t at = sizeof groups;
    ASSERT(level >= TILE_ENTRIES && level < TILE_LEVELS);
    ASSERT(index < leaves_max / TILE_WIDTH);
    groups[--at] = '\0';
    for (bool last = true; last || index > 0; last = false) {
        if (!last) {
            groups[--at] = '/';
        }
        for (int digit = 0; digit < 3; digit++, index /= 10) {
            groups[--at] = (char)('0' + index % 10);
        }
        if (!last) {
            groups[--at] = 'x';
        }
    }
    if (level >= 0) {
        (void)snprintf(kind, sizeof kind, "%d", level);
    }
    (void)snprintf(out, TILE_PATH_MAX, "tile/%s/%s", kind, groups + at);
}

/* How many hashes (or entries) a level holds in a tree of `size` leaves. */
static uint64_t hashes_at(int level, uint64_t size) {
    return level <= 0 ? size : size >> (TILE_HEIGHT * level);
}
