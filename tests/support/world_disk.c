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
static struct bytes held_data(const struct world_home *home, enum core_file file,
                              struct bytes name);
static enum err disk_make(void *context, struct bytes name, uint64_t missing);
static enum err disk_write(void *context, struct bytes name, uint64_t offset, struct bytes data);
static enum err disk_sync(void *context, struct bytes name);
static enum err disk_remove(void *context, struct bytes name);
static enum err disk_each(void *context, core_disk_visit *visit, void *visit_context);
static enum err disk_write_log(void *context, const char *path, struct bytes data);
static enum err disk_read_log(void *context, const char *path, struct buffer *out);
static struct world_file *find_file(const struct world_home *home, struct bytes name);

struct core_disk world_disk(struct world_home *home) {
    return (struct core_disk){home,        disk_read, disk_make,      disk_write,   disk_sync,
                              disk_remove, disk_each, disk_write_log, disk_read_log};
}

void world_disk_crash(struct world_home *home) {
    for (struct world_file *file = home->delivered; file != NULL; file = file->next) {
        file->data.len = file->synced < file->data.len ? file->synced : file->data.len;
    }
}

void world_disk_finish(struct world_home *home) {
    while (home->delivered != NULL) {
        struct world_file *next = home->delivered->next;
        buffer_finish(&home->delivered->data);
        free(home->delivered);
        home->delivered = next;
    }
}

size_t world_disk_used(const struct world_home *home) {
    size_t used = 0;
    for (const struct world_file *file = home->delivered; file != NULL; file = file->next) {
        used += file->data.len;
    }
    return used;
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

static struct bytes held_data(const struct world_home *home, enum core_file file,
                              struct bytes name) {
    if (file == CORE_FILE_DELIVERED) {
        const struct world_file *held = find_file(home, name);
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

static enum err disk_make(void *context, struct bytes name, uint64_t missing) {
    struct world_home *home = context;
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (missing > 0 && home->disk_room > 0 && world_disk_used(home) + missing > home->disk_room) {
        return ERR_FULL_DISK;
    }
    if (find_file(home, name) == NULL) {
        struct world_file *file = calloc(1, sizeof *file);
        ASSERT(file != NULL);
        ASSERT(name.len == sizeof file->name);
        memcpy(file->name, name.at, name.len);
        buffer_init(&file->data, FILE_MAX);
        file->next = home->delivered;
        home->delivered = file;
    }
    return ERR_OK;
}

static enum err disk_write(void *context, struct bytes name, uint64_t offset, struct bytes data) {
    struct world_home *home = context;
    struct world_file *file = find_file(home, name);
    if (home->disk_fails || file == NULL) {
        return ERR_HOST_DISK;
    }
    if (offset + data.len > file->data.len) {
        uint8_t *grown = NULL;
        ASSERT(buffer_extend(&file->data, offset + data.len - file->data.len, &grown) == ERR_OK);
    }
    memcpy(file->data.at + offset, data.at, data.len);
    return ERR_OK;
}

static enum err disk_sync(void *context, struct bytes name) {
    struct world_home *home = context;
    struct world_file *file = find_file(home, name);
    if (home->disk_fails) {
        return ERR_HOST_DISK;
    }
    if (file != NULL) {
        file->synced = file->data.len;
    }
    return ERR_OK;
}

static enum err disk_remove(void *context, struct bytes name) {
    struct world_home *home = context;
    if (home->disk_fails || home->removal_fails) {
        return ERR_HOST_DISK;
    }
    for (struct world_file **at = &home->delivered; *at != NULL; at = &(*at)->next) {
        struct world_file *file = *at;
        if (memcmp(file->name, name.at, sizeof file->name) == 0) {
            *at = file->next;
            buffer_finish(&file->data);
            free(file);
            return ERR_OK;
        }
    }
    return ERR_OK;
}

static enum err disk_each(void *context, core_disk_visit *visit, void *visit_context) {
    struct world_home *home = context;
    enum err err = home->disk_fails ? ERR_HOST_DISK : ERR_OK;
    for (struct world_file *file = home->delivered; err == ERR_OK && file != NULL;
         file = file->next) {
        struct id grant;
        memcpy(grant.b, file->name, sizeof grant.b);
        err = visit(visit_context, &grant);
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

static struct world_file *find_file(const struct world_home *home, struct bytes name) {
    struct world_file *file = home->delivered;
    while (file != NULL && memcmp(file->name, name.at, sizeof file->name) != 0) {
        file = file->next;
    }
    return file;
}
