/* A home's files, in memory: clips that came to it, its vault, its log's checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    FILE_MAX = 64 * 1024 * 1024,
};

static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len);
static struct bytes held_data(struct world_home *home, enum core_file file, struct bytes name);
static enum err disk_make(void *context, enum core_file file, struct bytes name, uint64_t missing);
static enum err disk_write(void *context, enum core_file file, struct bytes name, uint64_t offset,
                           struct bytes data);
static enum err disk_sync(void *context, enum core_file file, struct bytes name);
static enum err disk_remove(void *context, enum core_file file, struct bytes name);
static enum err disk_each(void *context, enum core_file file, core_disk_visit *visit,
                          void *visit_context);
static enum err disk_write_log(void *context, const char *path, struct bytes data);
static enum err disk_read_log(void *context, const char *path, struct buffer *out);
static struct world_file **files_of(struct world_home *home, enum core_file file);
static struct world_file *find_file(struct world_home *home, enum core_file file,
                                    struct bytes name);

static const enum core_file kept[] = {CORE_FILE_DELIVERED, CORE_FILE_EDITED};

struct core_disk world_disk(struct world_home *home) {
    return (struct core_disk){home,        disk_read, disk_make,      disk_write,   disk_sync,
                              disk_remove, disk_each, disk_write_log, disk_read_log};
}

void world_disk_crash(struct world_home *home) {
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        for (struct world_file *file = *files_of(home, kept[i]); file != NULL; file = file->next) {
            file->data.len = file->synced < file->data.len ? file->synced : file->data.len;
        }
    }
}

void world_disk_finish(struct world_home *home) {
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct world_file **files = files_of(home, kept[i]);
        while (*files != NULL) {
            struct world_file *next = (*files)->next;
            buffer_finish(&(*files)->data);
            free(*files);
            *files = next;
        }
    }
}

size_t world_disk_used(const struct world_home *home) {
    size_t used = 0;
    for (const struct world_file *file = home->delivered; file != NULL; file = file->next) {
        used += file->data.len;
    }
    return used;
}

struct bytes world_disk_edited(struct world_home *home, const struct id *root) {
    const struct world_file *file = find_file(home, CORE_FILE_EDITED, BYTES_OF(root->b));
    return file == NULL ? NO_BYTES : buffer_bytes(&file->data);
}

size_t world_disk_edited_count(const struct world_home *home) {
    size_t count = 0;
    for (const struct world_file *file = home->edited; file != NULL; file = file->next) {
        count++;
    }
    return count;
}

static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len) {
    struct world_home *home = context;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    struct bytes data = held_data(home, file, name);
    if (data.len == 0 || offset > data.len || len > data.len - offset) {
        return ERR_USER_NOT_FOUND;
    }
    memcpy(out, data.at + offset, len);
    return ERR_OK;
}

static struct bytes held_data(struct world_home *home, enum core_file file, struct bytes name) {
    if (file != CORE_FILE_VAULT && file != CORE_FILE_LEAVES) {
        const struct world_file *held = find_file(home, file, name);
        return held == NULL ? NO_BYTES : buffer_bytes(&held->data);
    }
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        const struct world_clip *clip = home->clips[i];
        if (clip != NULL && memcmp(clip->clip.b, name.at, sizeof clip->clip.b) == 0) {
            size_t leaves = (size_t)piece_count(clip->payload.len) * sizeof clip->leaves[0];
            return file == CORE_FILE_VAULT ? buffer_bytes(&clip->payload)
                                           : (struct bytes){clip->leaves[0].b, leaves};
        }
    }
    return NO_BYTES;
}

static enum err disk_make(void *context, enum core_file file, struct bytes name, uint64_t missing) {
    struct world_home *home = context;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (missing > 0 && home->disk_room > 0 && world_disk_used(home) + missing > home->disk_room) {
        return ERR_FULL_DISK;
    }
    if (find_file(home, file, name) == NULL) {
        struct world_file **files = files_of(home, file);
        struct world_file *fresh = calloc(1, sizeof *fresh);
        ASSERT(fresh != NULL);
        ASSERT(name.len == sizeof fresh->name);
        memcpy(fresh->name, name.at, name.len);
        fresh->leaves = file == CORE_FILE_EDITED_LEAVES;
        buffer_init(&fresh->data, FILE_MAX);
        fresh->next = *files;
        *files = fresh;
    }
    return ERR_OK;
}

static enum err disk_write(void *context, enum core_file file, struct bytes name, uint64_t offset,
                           struct bytes data) {
    struct world_home *home = context;
    struct world_file *held = find_file(home, file, name);
    if (home->disk_fails || held == NULL) {
        return ERR_HOST_DISK;
    }
    if (offset + data.len > held->data.len) {
        uint8_t *grown = NULL;
        ASSERT(buffer_extend(&held->data, offset + data.len - held->data.len, &grown) == ERR_OK);
    }
    memcpy(held->data.at + offset, data.at, data.len);
    return ERR_OK;
}

static enum err disk_sync(void *context, enum core_file file, struct bytes name) {
    struct world_home *home = context;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    for (struct world_file *held = *files_of(home, file); held != NULL; held = held->next) {
        if (memcmp(held->name, name.at, sizeof held->name) == 0) { /* and its leaves */
            held->synced = held->data.len;
        }
    }
    return ERR_OK;
}

static enum err disk_remove(void *context, enum core_file file, struct bytes name) {
    struct world_home *home = context;
    if (home->disk_fails || home->removal_fails) {
        return ERR_HOST_DISK;
    }
    for (struct world_file **at = files_of(home, file); *at != NULL;) {
        struct world_file *held = *at;
        if (memcmp(held->name, name.at, sizeof held->name) == 0) { /* and its leaves */
            *at = held->next;
            buffer_finish(&held->data);
            free(held);
        } else {
            at = &held->next;
        }
    }
    return ERR_OK;
}

static enum err disk_each(void *context, enum core_file file, core_disk_visit *visit,
                          void *visit_context) {
    struct world_home *home = context;
    enum err err = home->disk_fails || home->listing_fails ? ERR_HOST_DISK : ERR_OK;
    for (struct world_file *held = *files_of(home, file); err == ERR_OK && held != NULL;
         held = held->next) {
        struct id name;
        memcpy(name.b, held->name, sizeof name.b);
        err = visit(visit_context, &name);
    }
    return err;
}

/* Tiles are made of the store again at any time; what a checkpoint has said stays said. */
static enum err disk_write_log(void *context, const char *path, struct bytes data) {
    struct world_home *home = context;
    struct checkpoint checkpoint;
    struct note_key key;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (strcmp(path, "checkpoint") != 0) {
        return ERR_OK;
    }
    log_verifier(&home->log, &key);
    ASSERT(checkpoint_verify(data, &key, &checkpoint) == ERR_OK);
    ASSERT(data.len < sizeof home->note);
    memset(home->note, 0, sizeof home->note);
    memcpy(home->note, data.at, data.len);
    size_t at = home->checkpoint_count++ % WORLD_CHECKPOINTS_MAX;
    home->checkpoints[at].size = checkpoint.size;
    home->checkpoints[at].root = checkpoint.root;
    return ERR_OK;
}

static enum err disk_read_log(void *context, const char *path, struct buffer *out) {
    const struct world_home *home = context;
    if (strcmp(path, "checkpoint") != 0 || home->note[0] == '\0') {
        return ERR_USER_NOT_FOUND;
    }
    return buffer_append(out, BYTES_TEXT(home->note));
}

static struct world_file **files_of(struct world_home *home, enum core_file file) {
    return file == CORE_FILE_DELIVERED ? &home->delivered : &home->edited;
}

static struct world_file *find_file(struct world_home *home, enum core_file file,
                                    struct bytes name) {
    struct world_file *held = *files_of(home, file);
    while (held != NULL && (memcmp(held->name, name.at, sizeof held->name) != 0 ||
                            held->leaves != (file == CORE_FILE_EDITED_LEAVES))) {
        held = held->next;
    }
    return held;
}
