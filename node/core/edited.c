/* What an owner hands back in place of a sealed clip: the payload of an edited one (PROTOCOL 6.7).
 * Invariants:
 *  1. A file is named by the root of its payload. Whole pieces come, in order; each is hashed on
 *     its way, so that nothing is kept under a root that it does not have.
 *  2. A clip's row names a file only once it is whole and durable, and together with a grant for
 *     it. Until then the clip is as it was.
 *  3. A file that a row names, or that somebody else hands over, is not written again.
 *  4. What no row names and nobody is handing over is removed, at start and by upkeep. */
#include <string.h>

#include "crypto/age.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

struct orphan { /* the first that is found */
    const struct core *core;
    bool found;
    struct id root;
};

static enum err begin(struct core *core, uint64_t client, const struct control_request *request);
static enum err find_prompt(struct core *core, const struct clip_id *clip, struct store_clip *out);
static struct handing *find(struct core *core, uint64_t client);
static struct handing *find_free(struct core *core);
static enum err find_use(const struct core *core, const struct handing *but, const struct id *root,
                         bool *out);
static enum err take_pieces(struct core *core, struct handing *handing, struct bytes pieces);
static void drop(struct handing *handing);
static enum err find_orphan(struct core *core, struct orphan *out);
static enum err visit_file(void *context, const struct id *root);

enum err edited_load(struct core *core) {
    const struct core_disk *disk = &core->config.disk;
    struct orphan orphan;
    enum err err = ERR_OK;
    do {
        err = find_orphan(core, &orphan);
        if (err == ERR_OK && orphan.found) {
            err = disk->remove(disk->context, CORE_FILE_EDITED, BYTES_OF(orphan.root.b));
        }
    } while (err == ERR_OK && orphan.found);
    if (err != ERR_OK && err != ERR_HOST_DATABASE) {
        core_journal(core, "warn consent: remains not removed reason=\"%s\"", err_text(err));
        return ERR_OK;
    }
    return err;
}

/* ---- handing over ---- */

enum err edited_put(struct core *core, uint64_t client, const struct control_request *request) {
    enum err err = request->offset == 0 ? begin(core, client, request) : ERR_OK;
    struct handing *handing = find(core, client);
    if (err != ERR_OK) {
        return err;
    }
    if (handing == NULL || handing->state != HANDING_PIECES ||
        !id_equal(&handing->root, &request->id) || handing->have != request->offset ||
        handing->total != request->total) {
        return ERR_PEER_SEQUENCE;
    }
    err = take_pieces(core, handing, request->blob);
    if (err != ERR_OK) {
        drop(handing);
    }
    return err == ERR_HOST_DISK ? ERR_FULL_DISK : err;
}

/* One at a time for each client. */
static enum err begin(struct core *core, uint64_t client, const struct control_request *request) {
    const struct core_disk *disk = &core->config.disk;
    struct handing *handing = find(core, client);
    struct store_clip clip;
    uint64_t missing = request->total;
    uint64_t plain = 0;
    bool used = false;
    enum err err = find_prompt(core, &request->clip, &clip);
    if (err == ERR_OK) {
        err = find_use(core, handing, &request->id, &used);
    }
    if (err != ERR_OK || used) {
        return err == ERR_OK ? ERR_USER_EXISTS : err;
    }
    if (request->total > edit_payload_max(clip.payload_size) || id_is_zero(&request->id) ||
        !age_plaintext_size(request->total, &plain) || plain == 0) {
        return ERR_PEER_BOUNDS;
    }
    if (handing != NULL && handing->state == HANDING_SYNC) {
        return ERR_FULL_QUEUE;
    }
    drop(handing);
    handing = find_free(core);
    if (handing == NULL) {
        return ERR_FULL_QUEUE;
    }
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        missing += core->handings[i].total - core->handings[i].have;
    }
    for (int leaves = 0; err == ERR_OK && leaves < 2; leaves++) {
        err = disk->make(disk->context, leaves ? CORE_FILE_EDITED_LEAVES : CORE_FILE_EDITED,
                         BYTES_OF(request->id.b), missing);
    }
    if (err == ERR_OK) {
        *handing = (struct handing){.state = HANDING_PIECES,
                                    .client = client,
                                    .clip = request->clip,
                                    .root = request->id,
                                    .total = request->total,
                                    .header = {.max = HEADER_MAX}};
    }
    return err == ERR_HOST_DISK ? ERR_FULL_DISK : err;
}

/* It waits for its owners still. */
static enum err find_prompt(struct core *core, const struct clip_id *clip, struct store_clip *out) {
    enum err err = store_clip_get(core->store, clip, out);
    if (err == ERR_USER_NOT_FOUND ||
        (err == ERR_OK && out->state != CLIP_OPEN && out->state != CLIP_PART_SIGNED)) {
        err = ERR_USER_NO_PROMPT;
    }
    return err;
}

static struct handing *find(struct core *core, uint64_t client) {
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        if (core->handings[i].state != HANDING_FREE && core->handings[i].client == client) {
            return &core->handings[i];
        }
    }
    return NULL;
}

static struct handing *find_free(struct core *core) {
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        if (core->handings[i].state == HANDING_FREE) {
            return &core->handings[i];
        }
    }
    return NULL;
}

/* By a row, or by any handing but one. */
static enum err find_use(const struct core *core, const struct handing *but, const struct id *root,
                         bool *out) {
    enum err err = store_edited_known(core->store, root, out);
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        const struct handing *handing = &core->handings[i];
        *out |= handing != but && handing->state != HANDING_FREE && id_equal(&handing->root, root);
    }
    return err;
}

static enum err take_pieces(struct core *core, struct handing *handing, struct bytes pieces) {
    const struct core_disk *disk = &core->config.disk;
    struct id leaves[CONTROL_DATA_MAX / PIECE_CHUNK + 1];
    uint64_t first = handing->pieces;
    uint64_t offset = handing->have;
    struct bytes rest = pieces;
    size_t count = 0;
    while (rest.len > 0 && handing->have < handing->total && count < COUNT_OF(leaves)) {
        size_t len = piece_length(handing->total, handing->pieces);
        if (rest.len < len) {
            return ERR_PEER_BOUNDS; /* not a whole piece */
        }
        piece_leaf((struct bytes){rest.at, len}, &leaves[count]);
        merkle_append(&handing->tree, &leaves[count]);
        rest.at += len;
        rest.len -= len;
        handing->have += len;
        handing->pieces++;
        count++;
    }
    if (rest.len > 0 || count == 0) {
        return ERR_PEER_BOUNDS;
    }
    enum err err =
        disk->write(disk->context, CORE_FILE_EDITED, BYTES_OF(handing->root.b), offset, pieces);
    return err == ERR_OK ? disk->write(disk->context, CORE_FILE_EDITED_LEAVES,
                                       BYTES_OF(handing->root.b), first * sizeof leaves[0],
                                       (struct bytes){leaves[0].b, count * sizeof leaves[0]})
                         : err;
}

enum err edited_keep(struct core *core, uint64_t client, const struct control_request *request) {
    struct handing *handing = find(core, client);
    struct id root;
    size_t len = 0;
    if (handing == NULL || handing->state != HANDING_PIECES || handing->have != handing->total ||
        !id_equal(&handing->root, &request->id) ||
        memcmp(handing->clip.b, request->clip.b, sizeof request->clip.b) != 0) {
        return ERR_PEER_SEQUENCE;
    }
    merkle_root(&handing->tree, &root);
    enum err err = id_equal(&root, &handing->root) ? ERR_OK : ERR_PEER_TREE;
    if (err == ERR_OK && (!age_header_length(request->blob, &len) || len != request->blob.len)) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = buffer_append(&handing->header, request->blob);
    }
    if (err != ERR_OK) {
        drop(handing);
        return err;
    }
    handing->state = HANDING_SYNC;
    const struct core_work work = {
        .kind = WORK_SYNC, .file = CORE_FILE_EDITED, .name = handing->root};
    return work_begin(core, &work);
}

const struct handing *edited_kept(const struct core *core, uint64_t client,
                                  const struct clip_id *clip) {
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        const struct handing *handing = &core->handings[i];
        if (handing->state == HANDING_KEPT && handing->client == client &&
            memcmp(handing->clip.b, clip->b, sizeof clip->b) == 0) {
            return handing;
        }
    }
    return NULL;
}

/* One that is on its way to the disk is waited for, by its client too. */
void edited_granted(struct core *core, uint64_t client, const struct clip_id *clip) {
    struct handing *handing = find(core, client);
    if (handing != NULL && handing->state != HANDING_SYNC &&
        memcmp(handing->clip.b, clip->b, sizeof clip->b) == 0) {
        drop(handing);
    }
}

/* The place of one that is on its way to the disk is free when it comes back from there. */
void edited_drop(struct core *core, uint64_t client) {
    struct handing *handing = find(core, client);
    if (handing != NULL && handing->state == HANDING_SYNC) {
        handing->client = 0;
    } else {
        drop(handing);
    }
}

static void drop(struct handing *handing) {
    if (handing != NULL) {
        buffer_finish(&handing->header);
        memset(handing, 0, sizeof *handing);
    }
}

enum err edited_worked(struct core *core, const struct core_work *done) {
    struct handing *handing = NULL;
    if (done->kind == WORK_REMOVE) {
        if (done->result != ERR_OK) {
            core_journal(core, "warn consent: remains not removed reason=\"%s\"",
                         err_text(done->result));
            return ERR_OK; /* upkeep tries again */
        }
        return edited_tick(core); /* what its row said went with a slot, write-ahead log and all */
    }
    for (size_t i = 0; i < COUNT_OF(core->handings); i++) {
        if (core->handings[i].state == HANDING_SYNC &&
            id_equal(&core->handings[i].root, &done->name)) {
            handing = &core->handings[i];
        }
    }
    ASSERT(handing != NULL); /* it keeps its place until this */
    uint64_t client = handing->client;
    handing->state = HANDING_KEPT;
    if (done->result != ERR_OK || client == 0) {
        drop(handing);
    }
    enum err result = done->result == ERR_HOST_DISK ? ERR_FULL_DISK : done->result;
    return client == 0 ? ERR_OK : control_done(core, client, result, "");
}

/* ---- remains ---- */

/* Shredded, replaced, or given up: by the name of its file, after the commit that let go of it. */
enum err edited_tick(struct core *core) {
    struct orphan orphan;
    if (work_removes(core, CORE_FILE_EDITED)) {
        return ERR_OK;
    }
    enum err err = find_orphan(core, &orphan);
    if (err != ERR_OK || !orphan.found) {
        /* A folder that cannot be read: next time. */
        return err == ERR_HOST_DATABASE || err == ERR_HOST_MEMORY ? err : ERR_OK;
    }
    const struct core_work work = {
        .kind = WORK_REMOVE, .file = CORE_FILE_EDITED, .name = orphan.root};
    return work_begin(core, &work);
}

static enum err find_orphan(struct core *core, struct orphan *out) {
    const struct core_disk *disk = &core->config.disk;
    *out = (struct orphan){.core = core};
    enum err err = disk->each(disk->context, CORE_FILE_EDITED, visit_file, out);
    return out->found ? ERR_OK : err;
}

static enum err visit_file(void *context, const struct id *root) {
    struct orphan *orphan = context;
    bool used = false;
    enum err err = find_use(orphan->core, NULL, root, &used);
    if (err == ERR_OK && !used) {
        orphan->found = true;
        orphan->root = *root;
        err = ERR_FULL_TABLE; /* one at a time */
    }
    return err;
}
