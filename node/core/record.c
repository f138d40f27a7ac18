/* The log: what was decided becomes a leaf, leaves become files (PROTOCOL 8). */
#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "crypto/tile.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

static enum err store_leaf(struct core *core, const struct log_leaf *leaf, struct bytes opening);
static enum err visit_waiting(void *context, struct bytes line);
static enum err close_slots(struct core *core);
static enum err write_files(struct core *core);
static enum err write_hash_tiles(struct core *core, uint64_t size);
static enum err write_entries(struct core *core, uint64_t size);
static bool read_node(void *context, unsigned level, uint64_t index, struct id *out);

enum err record_load(struct core *core) {
    uint64_t count = 0;
    struct bytes slot;
    enum err err = store_leaf_count(core->store, &count);
    for (uint64_t i = 0; err == ERR_OK && i < count; i++) {
        struct id hash;
        err = store_node_get(core->store, 0, i, &hash);
        if (err == ERR_OK) {
            log_load(core->log, &hash);
        }
    }
    if (err == ERR_OK) {
        err = store_get(core->store, STORE_LOG_SLOT, &slot);
        if (err == ERR_OK && slot.len == 8) {
            log_load_slot(core->log, read_u64(slot.at));
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return err == ERR_OK ? store_waiting_each(core->store, visit_waiting, core) : err;
}

enum err record_add(struct core *core, const struct log_entry *entry, uint64_t *index) {
    struct log_leaf leaf;
    struct log_entry whole = *entry;
    whole.at.ms = whole.at.ms / 1000 * 1000; /* seconds are enough, and tell less */
    if (log_kind_private(whole.kind)) {
        char line[LOG_LEAF_MAX];
        enum err err = log_wait(core->log, &whole);
        log_entry_write(&whole, line);
        return err == ERR_OK ? store_waiting_add(core->store, BYTES_TEXT(line)) : err;
    }
    log_append(core->log, &whole, &leaf);
    if (index != NULL) {
        *index = leaf.index;
    }
    return store_leaf(core, &leaf, (struct bytes){NULL, 0});
}

enum err record_tick(struct core *core) {
    enum err err = close_slots(core);
    if (err == ERR_OK && tick_reached(core->now.mono, core->files_due)) {
        core->files_due = TICK_NEVER;
        err = write_files(core);
        if (err == ERR_FULL_DISK) { /* the leaves are safe; their files come when there is room */
            core_journal(core, "warn log: files not written reason=\"%s\"", err_text(err));
            core->files_due = tick_add(core->now.mono, (struct duration){FILES_RETRY_MS});
            err = ERR_OK;
        }
    }
    return err;
}

enum err record_checkpoint(struct core *core, char out[]) {
    char origin[NAME_MAX_BYTES];
    record_origin(core, origin);
    return log_checkpoint(core->log, origin, &core->config.keys.log, out);
}

enum err record_prove(struct core *core, uint64_t index, uint64_t size, struct merkle_proof *out) {
    if (size > log_size(core->log) || index >= size) {
        return ERR_USER_NOT_FOUND;
    }
    return merkle_prove_inclusion(index, size, read_node, core, out) ? ERR_OK : ERR_HOST_DATABASE;
}

void record_origin(const struct core *core, char out[NAME_MAX_BYTES]) {
    char hex[17];
    hex_write((struct bytes){core->node_public.b, 8}, hex);
    (void)snprintf(out, NAME_MAX_BYTES, "stoop.log/%s", hex);
}

static enum err store_leaf(struct core *core, const struct log_leaf *leaf, struct bytes opening) {
    struct store_leaf row = {.index = leaf->index,
                             .hash = leaf->hash,
                             .leaf = {(const uint8_t *)leaf->text, leaf->len},
                             .opening = opening};
    enum err err = store_leaf_add(core->store, &row);
    struct id hash = leaf->hash;
    uint64_t index = leaf->index;
    for (unsigned level = 1; err == ERR_OK && (index & 1) != 0; level++) {
        struct id left;
        err = store_node_get(core->store, level - 1, index - 1, &left);
        if (err == ERR_OK) {
            merkle_node(&left, &hash, &hash);
            index >>= 1;
            err = store_node_add(core->store, level, index, &hash);
        }
    }
    if (core->files_due.ms == TICK_NEVER.ms) {
        core->files_due = tick_add(core->now.mono, (struct duration){FILES_EVERY_MS});
    }
    return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
}

static enum err visit_waiting(void *context, struct bytes line) {
    struct core *core = context;
    struct log_entry entry;
    enum err err = log_entry_read(line, &entry);
    return err == ERR_OK ? log_wait(core->log, &entry) : ERR_HOST_DATABASE;
}

/* What waited for a private entry goes on when the slot's leaf is in this turn's transaction: its
 * effects come out after the commit. */
static enum err close_slots(struct core *core) {
    static struct log_slot slot; /* 40 KiB: not for the stack; rebuilt whole by every call */
    uint8_t salt[32];
    uint8_t number[8];
    core_random_bytes(core, salt, sizeof salt);
    if (!log_close_slot(core->log, core->now, salt, &slot)) {
        return ERR_OK;
    }
    enum err err = store_leaf(core, &slot.leaf, (struct bytes){slot.opening, slot.opening_len});
    write_u64(number, slot.number);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_LOG_SLOT, BYTES_OF(number));
    }
    if (err == ERR_OK && slot.count > 0) {
        err = store_waiting_drop(core->store, slot.count);
    }
    for (size_t i = 0; err == ERR_OK && i < slot.count; i++) {
        err = clips_recorded(core, &slot.entries[i]);
    }
    return err;
}

/* Files show committed leaves only: this turn's own come with the next writing. */
static enum err write_files(struct core *core) {
    char note[NOTE_MAX];
    uint64_t size = log_committed_size(core->log);
    if (size < log_size(core->log)) {
        core->files_due = tick_add(core->now.mono, (struct duration){FILES_EVERY_MS});
    }
    if (size == core->files_size) {
        return ERR_OK;
    }
    enum err err = write_hash_tiles(core, size);
    if (err == ERR_OK) {
        err = write_entries(core, size);
    }
    if (err == ERR_OK) {
        err = record_checkpoint(core, note);
    }
    if (err == ERR_OK) {
        err =
            core->config.disk.write_log(core->config.disk.context, "checkpoint", BYTES_TEXT(note));
    }
    if (err == ERR_OK) {
        core->files_size = size;
    }
    return err;
}

/* Of each level the tiles that have changed since the files were written last; the right edge of a
 * level is partial. */
static enum err write_hash_tiles(struct core *core, uint64_t size) {
    enum err err = ERR_OK;
    for (unsigned level = 0; level < TILE_LEVELS && size >> (8 * level) > 0; level++) {
        uint64_t count = size >> (8 * level);
        uint64_t before = core->files_size >> (8 * level);
        for (uint64_t tile = before / TILE_WIDTH; tile * TILE_WIDTH < count; tile++) {
            struct id hashes[TILE_WIDTH];
            char path[TILE_PATH_MAX];
            uint64_t left = count - tile * TILE_WIDTH;
            unsigned width = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
            if (count == before) {
                break;
            }
            for (unsigned i = 0; err == ERR_OK && i < width; i++) {
                err = store_node_get(core->store, 8 * level, tile * TILE_WIDTH + i, &hashes[i]);
            }
            tile_path((int)level, tile, width, path);
            if (err == ERR_OK) {
                err = core->config.disk.write_log(
                    core->config.disk.context, path,
                    (struct bytes){hashes[0].b, width * sizeof hashes[0]});
            }
            if (err != ERR_OK) {
                return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
            }
        }
    }
    return err;
}

/* Each entry: u16 big-endian length, then its bytes. */
static enum err write_entries(struct core *core, uint64_t size) {
    SCOPED(buffer_finish)
    struct buffer bundle = {.max = (LOG_LEAF_MAX + 2) * TILE_WIDTH};
    for (uint64_t tile = core->files_size / TILE_WIDTH; tile * TILE_WIDTH < size; tile++) {
        char path[TILE_PATH_MAX];
        uint64_t left = size - tile * TILE_WIDTH;
        unsigned width = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
        buffer_clear(&bundle);
        for (unsigned i = 0; i < width; i++) {
            struct store_leaf leaf;
            uint8_t len[2];
            enum err err = store_leaf_get(core->store, tile * TILE_WIDTH + i, &leaf);
            if (err == ERR_OK) {
                write_u16(len, (uint16_t)leaf.leaf.len);
                err = buffer_append(&bundle, BYTES_OF(len));
            }
            if (err == ERR_OK) {
                err = buffer_append(&bundle, leaf.leaf);
            }
            if (err != ERR_OK) {
                return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
            }
        }
        tile_path(-1, tile, width, path);
        enum err err =
            core->config.disk.write_log(core->config.disk.context, path, buffer_bytes(&bundle));
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static bool read_node(void *context, unsigned level, uint64_t index, struct id *out) {
    struct core *core = context;
    return store_node_get(core->store, level, index, out) == ERR_OK;
}
