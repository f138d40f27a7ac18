/* The log: what was decided becomes a leaf, leaves become files (PROTOCOL 8).
 *
 * Once a slot, when the log has grown, a new head is made over what is committed: its tiles, then a
 * checkpoint, which goes to the neighbours for their cosignatures (witness.c). The checkpoint's
 * file is written a moment later, with those that have come. All of this goes by the slots' clock,
 * which private entries do not move (P2). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "node/base/assert.h"
#include "node/core/parts.h"
#include "node/log/log_tiles.h"

enum {
    TILES_AT_ONCE = 64, /* of one level, in one turn: each is two files to be synced */
    NODE_LEVELS = 4,    /* of the tree's levels each fourth is kept: those that tiles show, and one
                           between, as 16 nodes are soon gone through and 256 are not */
};

#define WITNESS_LINE "\n\xe2\x80\x94 stoop.witness/"

static_assert((int)TILE_HEIGHT % (int)NODE_LEVELS == 0, "what tiles show is kept");

static enum err load_key(struct core *core);
static enum err load_files(struct core *core);
static enum err store_leaf(struct core *core, const struct log_leaf *leaf, struct bytes opening);
static enum err visit_waiting(void *context, struct bytes line);
static enum err close_slots(struct core *core);
static enum err recorded(struct core *core, const struct log_entry *entry);
static enum err write_checkpoint(struct core *core);
static enum err make_head(struct core *core);
static enum err write_tiles(struct core *core, uint64_t size);
static bool read_node(void *context, unsigned level, uint64_t index, struct id *out);
static bool read_leaf(void *context, uint64_t index, struct bytes *out);

enum err record_load(struct core *core) {
    uint64_t count = 0;
    struct merkle_edge edge;
    struct bytes slot;
    enum err err = store_leaf_count(core->store, &count);
    if (err == ERR_OK && !merkle_edge_read(count, read_node, core, &edge)) {
        err = ERR_HOST_DATABASE;
    }
    if (err != ERR_OK) {
        return err;
    }
    log_load(core->log, &edge);
    err = load_key(core);
    if (err == ERR_OK) {
        err = store_get(core->store, STORE_LOG_SLOT, &slot);
        if (err == ERR_OK && slot.len == 8) {
            log_load_slot(core->log, read_u64(slot.at));
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    if (err == ERR_OK) {
        err = store_waiting_each(core->store, visit_waiting, core);
    }
    return err == ERR_OK ? load_files(core) : err;
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

bool record_has_room(const struct core *core, enum record_share share, size_t entries) {
    size_t kept = core->camera_list_waits ? 1 : 0;
    return log_waiting(core->log) + kept + entries <= (size_t)share;
}

enum err record_tick(struct core *core) {
    enum err err = close_slots(core);
    if (core->say_succeeded) {
        core->say_succeeded = false;
        core_journal(core, "warn log: key succeeded, the old one has signed a head that this home "
                           "no longer has: was an old backup put back?");
    }
    bool due = log_committed_size(core->log) > core->head.size &&
               tick_reached(core->now.mono, core->head_due);
    bool pending = core->files_due.ms != TICK_NEVER.ms;
    if (err == ERR_OK && pending && (due || tick_reached(core->now.mono, core->files_due))) {
        core->files_due = TICK_NEVER; /* each head is shown, however short the slots are */
        err = write_checkpoint(core);
    }
    if (err == ERR_OK && due) {
        err = make_head(core);
    }
    if (err == ERR_FULL_DISK) { /* the leaves are safe; their files come when there is room */
        struct tick later = tick_add(core->now.mono, (struct duration){FILES_RETRY_MS});
        core_journal(core, "warn log: files not written reason=\"%s\"", err_text(err));
        core->head_due = later;
        core->files_due = core->head.size == 0 ? TICK_NEVER : later;
        err = ERR_OK;
    }
    return err;
}

struct tick record_deadline(const struct core *core) {
    struct tick due = tick_earliest(log_deadline(core->log), core->files_due);
    if (log_committed_size(core->log) > core->head.size) {
        due = tick_earliest(due, core->head_due);
    }
    return due;
}

/* The newest head where it reaches far enough: witnesses have cosigned that one. */
enum err record_checkpoint(struct core *core, uint64_t past, uint64_t *size, char out[NOTE_MAX]) {
    char origin[NAME_MAX_BYTES];
    if (core->head.size > past) {
        *size = core->head.size;
        memcpy(out, core->head.note, NOTE_MAX);
        return ERR_OK;
    }
    *size = log_committed_size(core->log);
    log_origin(&core->log_public, origin);
    return log_checkpoint(core->log, origin, &core->config.keys.log, out);
}

enum err record_root_at(struct core *core, uint64_t size, struct id *out) {
    struct merkle_edge edge;
    ASSERT(size <= log_committed_size(core->log));
    if (!merkle_edge_read(size, read_node, core, &edge)) {
        return ERR_HOST_DATABASE;
    }
    merkle_root(&edge, out);
    return ERR_OK;
}

/* The entries stay, and the tree with them; what signs from here on is another log to whoever
 * follows it. The leaf says so, and the node record tells the new key. The key is in the same
 * transaction as the leaf. */
enum err record_succeed(struct core *core, uint64_t signed_size) {
    struct log_entry entry = {.kind = LOG_KEY_SUCCEEDED,
                              .at = core->now.wall,
                              .numbers = {log_size(core->log), signed_size}};
    uint8_t seed[32];
    memcpy(entry.b.b, core->log_public.b, sizeof entry.b.b);
    core_random_bytes(core, seed, sizeof seed);
    sign_from_seed(seed, &core->config.keys.log, &core->log_public);
    memcpy(entry.a.b, core->log_public.b, sizeof entry.a.b);
    enum err err = store_put(core->store, STORE_LOG_KEY, BYTES_OF(seed));
    secret_wipe(seed, sizeof seed);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_LOG_PREVIOUS, BYTES_OF(entry.b.b));
    }
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    core->head = (struct log_head){0};
    core->head_due = core->now.mono;
    core->files_due = TICK_NEVER; /* the file there is the old key's: the new head replaces it */
    core->say_succeeded = true;
    return err;
}

enum err record_prove(struct core *core, uint64_t index, uint64_t size, struct merkle_proof *out) {
    if (size > log_committed_size(core->log) || index >= size) {
        return ERR_USER_NOT_FOUND;
    }
    return merkle_prove_inclusion(index, size, read_node, core, out) ? ERR_OK : ERR_HOST_DATABASE;
}

enum err record_prove_consistency(struct core *core, uint64_t old_size, uint64_t size,
                                  struct merkle_proof *out) {
    ASSERT(old_size > 0);
    ASSERT(old_size <= size);
    ASSERT(size <= log_committed_size(core->log));
    return merkle_prove_consistency(old_size, size, read_node, core, out) ? ERR_OK
                                                                          : ERR_HOST_DATABASE;
}

/* A key that has succeeded the one in node.key. */
static enum err load_key(struct core *core) {
    struct bytes seed;
    enum err err = store_get(core->store, STORE_LOG_KEY, &seed);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK;
    }
    if (err == ERR_OK && seed.len != 32) {
        err = ERR_HOST_DATABASE;
    }
    if (err == ERR_OK) {
        sign_from_seed(seed.at, &core->config.keys.log, &core->log_public);
    }
    return err;
}

/* What the files show, so that a start writes what is missing only. A checkpoint is signed over
 * committed leaves: one of our own that says more than the database knows means that the database
 * was put back. */
static enum err load_files(struct core *core) {
    SCOPED(buffer_finish) struct buffer note = {.max = NOTE_MAX - 1};
    struct note_key key;
    struct checkpoint checkpoint;
    struct id root;
    log_verifier(&core->log_public, &key);
    enum err err = core->config.disk.read_log(core->config.disk.context, "checkpoint", &note);
    if (err != ERR_OK || checkpoint_verify(buffer_bytes(&note), &key, &checkpoint) != ERR_OK) {
        return ERR_OK; /* none, a damaged one or another key's: they are all written anew */
    }
    if (checkpoint.size > log_committed_size(core->log)) {
        return record_succeed(core, checkpoint.size);
    }
    err = record_root_at(core, checkpoint.size, &root);
    if (err != ERR_OK) {
        return err;
    }
    if (!id_equal(&root, &checkpoint.root)) {
        return record_succeed(core, checkpoint.size);
    }
    core->files_size = checkpoint.size;
    core->head.size = checkpoint.size;
    memcpy(core->head.note, note.at, note.len);
    for (const char *at = core->head.note; (at = strstr(at, WITNESS_LINE)) != NULL; at++) {
        core->head.cosigned++;
    }
    return ERR_OK;
}

static enum err store_leaf(struct core *core, const struct log_leaf *leaf, struct bytes opening) {
    struct store_leaf row = {.index = leaf->index,
                             .hash = leaf->hash,
                             .leaf = {(const uint8_t *)leaf->text, leaf->len},
                             .opening = opening};
    enum err err = store_leaf_add(core->store, &row);
    for (unsigned level = NODE_LEVELS; err == ERR_OK && level <= leaf->node_count;
         level += NODE_LEVELS) {
        err = store_node_add(core->store, level, leaf->index >> level, &leaf->nodes[level - 1]);
    }
    return err;
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
    if (!tick_reached(core->now.mono, log_deadline(core->log))) {
        return ERR_OK;
    }
    enum err err = clips_slot(core);
    if (err != ERR_OK) {
        return err;
    }
    core_random_bytes(core, salt, sizeof salt);
    if (!log_close_slot(core->log, core->now, salt, &slot)) {
        return ERR_OK;
    }
    /* Cutting the write-ahead log off takes a while, and neighbours can time what a home does: so
     * it comes with every slot, whether something was shredded in it or not (P2). */
    core->shredded = true;
    err = store_leaf(core, &slot.leaf, (struct bytes){slot.opening, slot.opening_len});
    write_u64(number, slot.number);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_LOG_SLOT, BYTES_OF(number));
    }
    if (err == ERR_OK && slot.count > 0) {
        err = store_waiting_drop(core->store, slot.count);
    }
    for (size_t i = 0; err == ERR_OK && i < slot.count; i++) {
        err = recorded(core, &slot.entries[i]);
    }
    if (err == ERR_OK) {
        err = gossip_forget(core);
    }
    return err;
}

static enum err recorded(struct core *core, const struct log_entry *entry) {
    return entry->kind == LOG_DELETED ? received_deleted(core, &entry->a)
                                      : clips_recorded(core, entry);
}

static enum err write_checkpoint(struct core *core) {
    return core->config.disk.write_log(core->config.disk.context, "checkpoint",
                                       BYTES_TEXT(core->head.note));
}

static enum err make_head(struct core *core) {
    struct log_head head = {.size = log_committed_size(core->log)};
    char origin[NAME_MAX_BYTES];
    log_origin(&core->log_public, origin);
    uint64_t tiles = core->files_size / TILE_WIDTH + TILES_AT_ONCE;
    bool whole = head.size / TILE_WIDTH <= tiles;
    enum err err = write_tiles(core, whole ? head.size : tiles * TILE_WIDTH);
    if (!whole) { /* a log of years whose files are gone: others get their turn in between */
        return err;
    }
    if (err == ERR_OK) {
        err = log_checkpoint(core->log, origin, &core->config.keys.log, head.note);
    }
    if (err != ERR_OK) {
        return err;
    }
    core->head = head;
    core->head_due = tick_add(core->now.mono, log_slot_length(core->log));
    core->files_due = tick_add(core->now.mono, (struct duration){FILES_AFTER_MS});
    return witness_offer_all(core);
}

static enum err write_tiles(struct core *core, uint64_t size) {
    static struct log_tiles tiles; /* 90 KiB: not for the stack; rebuilt whole by every call */
    const struct log_source source = {
        .context = core, .read_hash = read_node, .read_leaf = read_leaf};
    log_tiles_start(&tiles, core->files_size, size);
    for (bool more = true; more;) {
        enum err err = log_tiles_next(&tiles, &source, &more);
        if (err == ERR_OK && more) {
            err = core->config.disk.write_log(core->config.disk.context, tiles.path,
                                              (struct bytes){tiles.bytes, tiles.len});
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    core->files_size = size;
    return ERR_OK;
}

/* The levels that are not kept are made from the next below that is. */
static bool read_node(void *context, unsigned level, uint64_t index, struct id *out) {
    struct core *core = context;
    unsigned above = level % NODE_LEVELS;
    struct merkle_edge edge = {0};
    if (above == 0) {
        return store_node_get(core->store, level, index, out) == ERR_OK;
    }
    for (uint64_t i = index << above; i < (index + 1) << above; i++) {
        struct id hash;
        if (store_node_get(core->store, level - above, i, &hash) != ERR_OK) {
            return false;
        }
        merkle_append(&edge, &hash);
    }
    merkle_root(&edge, out);
    return true;
}

static bool read_leaf(void *context, uint64_t index, struct bytes *out) {
    struct core *core = context;
    struct store_leaf leaf;
    bool read = store_leaf_get(core->store, index, &leaf) == ERR_OK;
    *out = read ? leaf.leaf : (struct bytes){NULL, 0};
    return read;
}
