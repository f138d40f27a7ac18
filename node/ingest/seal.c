/* From segments to a sealed clip. Invariants:
 *  1. Plaintext is only in pipes and memory.
 *  2. Payload and leaf file are durable before the row that names them, the row before the node
 *     is told. To shred, the row goes first. So what a crash leaves is a file without a row.
 *  3. The file key exists only here, until the headers are made, and is wiped on every way out. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "crypto/age.h"
#include "crypto/merkle.h"
#include "node/base/assert.h"
#include "node/ingest/ingest.h"

enum {
    READ_BYTES = 256 * 1024,
    HEX_CLIP = 32,
    ROOM_EVERY = 64 * 1024 * 1024, /* payload between two looks at the disk */
};

struct clip_names { /* in the vault */
    char folder[3];
    char path[HEX_CLIP + 2];
    char leaves[HEX_CLIP + 2 + 7];
    char temporary[HEX_CLIP + 8];
    char temporary_leaves[HEX_CLIP + 8 + 7];
};

struct material { /* what there is of one camera in the time asked for */
    const struct camera *camera;
    const struct ingest_node *node; /* for which it is sealed */
    size_t count;
    size_t room;
    struct segment *segments; /* owned */
    struct instant from, to;  /* camera's clock */
    bool full;
};

struct sealing {
    struct age_writer writer;
    struct sha256_state *hash;
    struct merkle_edge tree;
    uint64_t plain_size, payload_size;
    int vault; /* borrowed */
    int file;
    FILE *leaves; /* the hash of each piece, 32 bytes, so that the node need not read the payload */
    uint8_t piece[PIECE_MAX];
    uint8_t read[READ_BYTES];
};

static enum err sweep_folder(struct ingest *ingest, const struct ingest_node *node,
                             const char *name);
static enum err visit_segment(void *context, const struct segment *segment);
static bool drop_changed(struct material *material);
static int open_segment(const struct material *material, const struct segment *segment);
static enum clip_making choose_making(const struct material *material);
static enum err open_source(struct ingest *ingest, const struct material *material,
                            enum clip_making making, int *out_fd, pid_t *out_pid);
static enum err make_clip(struct ingest *ingest, const struct material *material,
                          enum clip_making making, const struct id *request_id, struct instant now);
static enum err make_best(struct ingest *ingest, const struct material *material,
                          const struct id *request_id, struct instant now);
static struct sealing *sealing_create(int vault);
static void sealing_destroy(struct sealing *sealing);
static bool has_room(int vault);
static enum err write_clip(struct ingest *ingest, const struct material *material,
                           enum clip_making making, struct sealing *sealing,
                           struct manifest *manifest);
static enum err write_payload(struct sealing *sealing, int source);
static enum err write_piece(struct sealing *sealing, size_t len);
static int create_file(int vault, const char *name);
static enum err finish_files(const struct clip_names *names, struct sealing *sealing);
static void clip_names_of(const struct clip_id *clip, struct clip_names *out);
static void fill_manifest(const struct material *material, enum clip_making making,
                          struct manifest *manifest);
static enum err seal_manifest(struct ingest *ingest, const struct manifest *manifest,
                              const struct box_public *owners, struct buffer *out);
static enum err record_match(struct ingest *ingest, const struct manifest *manifest,
                             const struct age_file_key *key, struct vault_clip *row);
enum err seal_camera(struct ingest *ingest, const struct camera *camera, const struct asked *asked,
                     struct instant now) {
    const struct request *request = asked->request;
    struct material material = {.camera = camera,
                                .node = asked->node,
                                .from = {request->from.ms + camera->clock_offset_ms},
                                .to = {request->to.ms + camera->clock_offset_ms}};
    if (!has_room(asked->node->vault)) {
        return ERR_HOST_DISK;
    }
    enum err err = index_segments(ingest->index, camera->name, material.from, material.to,
                                  visit_segment, &material);
    if (err == ERR_OK) {
        (void)drop_changed(&material);
        err =
            material.count == 0 ? ERR_USER_NOT_FOUND : make_best(ingest, &material, asked->id, now);
    }
    /* The recorder may have removed one meanwhile: the others are still to be saved from it. */
    if (err == ERR_USER_MEDIA && drop_changed(&material) && material.count > 0) {
        err = make_best(ingest, &material, asked->id, now);
    }
    free(material.segments);
    return err;
}

/* The header, which holds the clip's only key, goes first: what is left after a crash is an orphan
 * that nobody can open, and is swept. */
enum err seal_remove(struct ingest *ingest, const struct ingest_node *node,
                     const struct clip_id *clip) {
    struct clip_names names;
    enum err err = index_clip_remove(ingest->index, node->place.name, clip);
    if (err == ERR_OK) {
        err = index_shred(ingest->index);
    }
    if (err != ERR_OK) {
        return err;
    }
    clip_names_of(clip, &names);
    if ((unlinkat(node->vault, names.path, 0) != 0 && errno != ENOENT) ||
        (unlinkat(node->vault, names.leaves, 0) != 0 && errno != ENOENT)) {
        return ERR_HOST_DISK;
    }
    int parent = openat(node->vault, names.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = parent < 0 || fsync(parent) == 0; /* not there: nor was the clip */
    if (parent >= 0) {
        (void)close(parent);
    }
    return good ? ERR_OK : ERR_HOST_DISK;
}

enum err seal_sweep(struct ingest *ingest, const struct ingest_node *node) {
    int top = openat(node->vault, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folders = top < 0 ? NULL : fdopendir(top);
    struct dirent *entry = NULL;
    enum err err = ERR_OK;
    while (err == ERR_OK && folders != NULL && (entry = readdir(folders)) != NULL) {
        if (strncmp(entry->d_name, "new-", 4) == 0) {
            (void)unlinkat(node->vault, entry->d_name, 0);
        } else if (strlen(entry->d_name) == 2 && entry->d_name[0] != '.') {
            err = sweep_folder(ingest, node, entry->d_name);
        }
    }
    if (folders != NULL) {
        (void)closedir(folders);
    }
    return err;
}

static enum err sweep_folder(struct ingest *ingest, const struct ingest_node *node,
                             const char *name) {
    int inner = openat(node->vault, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *files = inner < 0 ? NULL : fdopendir(inner);
    struct dirent *file = NULL;
    enum err err = ERR_OK;
    while (err == ERR_OK && files != NULL && (file = readdir(files)) != NULL) {
        char hex[HEX_CLIP + 1];
        struct clip_id id;
        bool known = true;                       /* a name that is not ours is not ours to remove */
        size_t len = strcspn(file->d_name, "."); /* a payload, or its ".leaves" */
        (void)snprintf(hex, sizeof hex, "%s%.30s", name, file->d_name);
        if (strlen(name) + len == HEX_CLIP && hex_read(hex, id.b, sizeof id.b) == ERR_OK) {
            err = index_clip_known(ingest->index, node->place.name, &id, &known);
        }
        if (!known) {
            (void)unlinkat(inner, file->d_name, 0);
        }
    }
    if (files != NULL) {
        (void)closedir(files);
    }
    return err;
}

/* ---- material ---- */

static enum err visit_segment(void *context, const struct segment *segment) {
    struct material *material = context;
    if (material->count == SOURCES_MAX) {
        material->full = true; /* what does not fit is a gap that the coverage shows */
        return ERR_OK;
    }
    if (material->count == material->room) {
        size_t room = material->room == 0 ? 16 : material->room * 2;
        struct segment *grown = realloc(material->segments, room * sizeof *grown);
        if (grown == NULL) {
            return ERR_HOST_MEMORY;
        }
        material->segments = grown;
        material->room = room;
    }
    material->segments[material->count++] = *segment;
    return ERR_OK;
}

/* Takes out what is not as it was when it was hashed, or cannot be joined. True when there was any.
 */
static bool drop_changed(struct material *material) {
    size_t kept = 0;
    for (size_t i = 0; i < material->count; i++) {
        const struct segment *segment = &material->segments[i];
        /* ffmpeg takes the end of a cut-off Matroska file for the end of all that follow. */
        bool ends_all = segment->hidden && segment->format == MEDIA_MATROSKA;
        int fd = ends_all && i + 1 < material->count ? -1 : open_segment(material, segment);
        if (fd >= 0) {
            material->segments[kept++] = material->segments[i];
            (void)close(fd);
        }
    }
    bool dropped = kept < material->count;
    material->count = kept;
    return dropped;
}

/* -1 when it is gone or another. */
static int open_segment(const struct material *material, const struct segment *segment) {
    char path[FOLDER_MAX_BYTES + MEDIA_PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", material->camera->folder, segment->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && !segment_is(segment, fd)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A file that lies wholly within the time asked for, and says nothing about itself that it should
 * not, goes as it is, bit for bit. Whole files of one kind are joined without touching a frame.
 * Only a window that cuts into a file, or files that hide frames, or differ, are made anew, so that
 * not one frame outside of the time asked for is in the clip. */
static enum clip_making choose_making(const struct material *material) {
    const struct segment *first = &material->segments[0];
    const struct segment *last = &material->segments[material->count - 1];
    bool within = first->from.ms >= material->from.ms && last->to.ms <= material->to.ms;
    for (size_t i = 0; i < material->count && within; i++) {
        const struct segment *segment = &material->segments[i];
        within = !segment->hidden && segment->width == first->width &&
                 segment->height == first->height && segment->audio == first->audio;
    }
    if (!within) {
        return CLIP_REENCODED;
    }
    return material->count == 1 && !first->tagged && first->format == MEDIA_MOV ? CLIP_WHOLE_FILE
                                                                                : CLIP_COPIED;
}

static enum err open_source(struct ingest *ingest, const struct material *material,
                            enum clip_making making, int *out_fd, pid_t *out_pid) {
    char path[FOLDER_MAX_BYTES + MEDIA_PATH_MAX];
    if (making == CLIP_WHOLE_FILE) {
        *out_fd = open_segment(material, &material->segments[0]);
        return *out_fd < 0 ? ERR_USER_MEDIA : ERR_OK;
    }
    struct media_input *inputs = calloc(material->count, sizeof *inputs);
    char *paths = malloc(material->count * sizeof path);
    enum err err = inputs == NULL || paths == NULL ? ERR_HOST_MEMORY : ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < material->count; i++) {
        const struct segment *segment = &material->segments[i];
        char *own = paths + i * sizeof path;
        (void)snprintf(own, sizeof path, "%s/%s", material->camera->folder, segment->path);
        inputs[i] = (struct media_input){.path = own,
                                         .format = segment->format,
                                         .start_ms = segment->from.ms,
                                         .duration_ms = segment->to.ms - segment->from.ms};
    }
    const struct segment *last = err == ERR_OK ? &material->segments[material->count - 1] : NULL;
    if (err == ERR_OK) {
        struct media_join join = {.inputs = inputs,
                                  .count = material->count,
                                  .from_ms = material->from.ms,
                                  .to_ms =
                                      last->to.ms < material->to.ms ? last->to.ms : material->to.ms,
                                  .cut = making == CLIP_REENCODED};
        err = media_join_start(ingest->config.worker, &join, out_fd, out_pid);
    }
    free(inputs);
    free(paths);
    return err;
}

/* ---- payload ---- */

static enum err make_clip(struct ingest *ingest, const struct material *material,
                          enum clip_making making, const struct id *request_id,
                          struct instant now) {
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    struct vault_clip row = {.request = *request_id};
    struct manifest *manifest = calloc(1, sizeof *manifest);
    struct sealing *sealing = sealing_create(material->node->vault);
    struct clip_names names;
    enum err err = manifest == NULL || sealing == NULL ? ERR_HOST_MEMORY : ERR_OK;
    random_bytes(row.clip.b, sizeof row.clip.b);
    (void)snprintf(row.camera, sizeof row.camera, "%s", material->camera->name);
    memcpy(row.node, material->node->place.name, sizeof row.node);
    clip_names_of(&row.clip, &names);
    if (err == ERR_OK) {
        sealing->file = create_file(sealing->vault, names.temporary);
        int leaves = create_file(sealing->vault, names.temporary_leaves);
        sealing->leaves = leaves < 0 ? NULL : fdopen(leaves, "w");
        err = sealing->file < 0 || sealing->leaves == NULL ? ERR_HOST_DISK : ERR_OK;
    }
    if (err == ERR_OK) {
        age_file_key_generate(&key);
        age_writer_start(&sealing->writer, &key);
        manifest->request = *request_id;
        manifest->clip = row.clip;
        manifest->created = now;
        fill_manifest(material, making, manifest);
        err = write_clip(ingest, material, making, sealing, manifest);
    }
    if (err == ERR_OK) {
        err = finish_files(&names, sealing);
    }
    if (err == ERR_OK) {
        err = record_match(ingest, manifest, &key, &row);
    }
    if (err != ERR_OK) { /* whichever it has got to be */
        int vault = material->node->vault;
        (void)unlinkat(vault, names.temporary, 0);
        (void)unlinkat(vault, names.temporary_leaves, 0);
        (void)unlinkat(vault, names.path, 0);
        (void)unlinkat(vault, names.leaves, 0);
    }
    sealing_destroy(sealing);
    free(manifest);
    return err;
}

static enum err make_best(struct ingest *ingest, const struct material *material,
                          const struct id *request_id, struct instant now) {
    enum clip_making making = choose_making(material);
    enum err err = make_clip(ingest, material, making, request_id, now);
    if (err == ERR_USER_MEDIA && making == CLIP_COPIED) {
        /* What an MP4 cannot hold as it is, an old recorder's codec say, is made anew. */
        err = make_clip(ingest, material, CLIP_REENCODED, request_id, now);
    }
    return err;
}

static struct sealing *sealing_create(int vault) {
    struct sealing *sealing = calloc(1, sizeof *sealing);
    if (sealing == NULL) {
        return NULL;
    }
    sealing->vault = vault;
    sealing->file = -1;
    sealing->hash = sha256_create();
    if (sealing->hash == NULL) {
        sealing_destroy(sealing);
        return NULL;
    }
    return sealing;
}

static void sealing_destroy(struct sealing *sealing) {
    if (sealing == NULL) {
        return;
    }
    if (sealing->leaves != NULL) {
        (void)fclose(sealing->leaves);
    }
    if (sealing->file >= 0) {
        (void)close(sealing->file);
    }
    sha256_destroy(sealing->hash);
    secret_wipe(sealing, sizeof *sealing);
    free(sealing);
}

static bool has_room(int vault) {
    struct statvfs disk;
    return fstatvfs(vault, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize >= INGEST_FREE_MIN;
}

static enum err write_clip(struct ingest *ingest, const struct material *material,
                           enum clip_making making, struct sealing *sealing,
                           struct manifest *manifest) {
    int source = -1;
    pid_t worker = 0;
    enum err err = open_source(ingest, material, making, &source, &worker);
    if (err != ERR_OK) {
        return err;
    }
    err = write_payload(sealing, source);
    (void)close(source);
    if (worker != 0) {
        enum err ended = media_join_end(worker, err != ERR_OK);
        err = err == ERR_OK ? ended : err;
    }
    if (err != ERR_OK) {
        return err;
    }
    sha256_final(sealing->hash, &manifest->sha256);
    merkle_root(&sealing->tree, &manifest->payload_root);
    manifest->size = sealing->plain_size;
    manifest->payload_size = sealing->payload_size;
    bool same =
        making != CLIP_WHOLE_FILE || id_equal(&manifest->sha256, &material->segments[0].sha256);
    return same ? ERR_OK : ERR_USER_MEDIA; /* written over since it was hashed */
}

static enum err write_payload(struct sealing *sealing, int source) {
    uint64_t look_at_room = ROOM_EVERY;
    for (;;) {
        ssize_t got = media_join_read(source, sealing->read, sizeof sealing->read);
        if (got < 0) {
            return ERR_USER_MEDIA;
        }
        if (got == 0) {
            break;
        }
        if (sealing->payload_size > look_at_room) {
            look_at_room += ROOM_EVERY;
            if (!has_room(sealing->vault)) {
                return ERR_HOST_DISK;
            }
        }
        struct bytes data = {sealing->read, (size_t)got};
        sha256_update(sealing->hash, data);
        sealing->plain_size += data.len;
        while (data.len > 0) {
            size_t len = 0;
            size_t taken = age_writer_take(&sealing->writer, data, sealing->piece, &len);
            enum err err = len > 0 ? write_piece(sealing, len) : ERR_OK;
            if (err != ERR_OK) {
                return err;
            }
            data.at += taken;
            data.len -= taken;
        }
    }
    if (sealing->plain_size == 0) {
        return ERR_USER_MEDIA; /* nothing came out */
    }
    size_t len = 0;
    age_writer_end(&sealing->writer, sealing->piece, &len);
    return write_piece(sealing, len);
}

static enum err write_piece(struct sealing *sealing, size_t len) {
    struct id leaf;
    piece_leaf((struct bytes){sealing->piece, len}, &leaf);
    merkle_append(&sealing->tree, &leaf);
    if (fwrite(leaf.b, sizeof leaf.b, 1, sealing->leaves) != 1) {
        return ERR_HOST_DISK;
    }
    for (size_t at = 0; at < len;) {
        ssize_t put = write(sealing->file, sealing->piece + at, len - at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return ERR_HOST_DISK;
        }
        at += (size_t)put;
    }
    sealing->payload_size += len;
    return ERR_OK;
}

static int create_file(int vault, const char *name) {
    return openat(vault, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static enum err finish_files(const struct clip_names *names, struct sealing *sealing) {
    int vault = sealing->vault;
    if (mkdirat(vault, names->folder, 0750) != 0 && errno != EEXIST) {
        return ERR_HOST_DISK;
    }
    int parent = openat(vault, names->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = parent >= 0 && fflush(sealing->leaves) == 0 &&
                fsync(fileno(sealing->leaves)) == 0 && fsync(sealing->file) == 0 &&
                renameat(vault, names->temporary_leaves, vault, names->leaves) == 0 &&
                renameat(vault, names->temporary, vault, names->path) == 0 && fsync(parent) == 0 &&
                fsync(vault) == 0;
    if (parent >= 0) {
        (void)close(parent);
    }
    return good ? ERR_OK : ERR_HOST_DISK;
}

static void clip_names_of(const struct clip_id *clip, struct clip_names *out) {
    char hex[HEX_CLIP + 1];
    hex_write(BYTES_OF(clip->b), hex);
    (void)snprintf(out->folder, sizeof out->folder, "%.2s", hex);
    (void)snprintf(out->path, sizeof out->path, "%.2s/%.30s", hex, hex + 2);
    (void)snprintf(out->leaves, sizeof out->leaves, "%s.leaves", out->path);
    (void)snprintf(out->temporary, sizeof out->temporary, "new-%.32s", hex);
    (void)snprintf(out->temporary_leaves, sizeof out->temporary_leaves, "%s.leaves",
                   out->temporary);
}

/* ---- manifest and match ---- */

static void fill_manifest(const struct material *material, enum clip_making making,
                          struct manifest *manifest) {
    int64_t offset = material->camera->clock_offset_ms;
    (void)snprintf(manifest->camera, sizeof manifest->camera, "%s", material->camera->name);
    manifest->making = making;
    manifest->clock_offset_ms = material->camera->clock_offset_ms;
    manifest->owner_count = material->camera->owner_count;
    memcpy(manifest->owners, material->camera->owners, sizeof manifest->owners);
    manifest->width = material->segments[0].width;
    manifest->height = material->segments[0].height;
    manifest->audio = material->segments[0].audio; /* the first file's tracks are joined */
    manifest->time_source = TIME_FROM_NAME;
    for (size_t i = 0; i < material->count; i++) {
        const struct segment *segment = &material->segments[i];
        struct clip_run run = {{segment->from.ms}, {segment->to.ms}};
        if (segment->time_source > manifest->time_source) {
            manifest->time_source = segment->time_source; /* the weakest counts */
        }
        manifest->sources[manifest->source_count++] =
            (struct clip_source){segment->sha256, segment->from, segment->to};
        run.from.ms = (run.from.ms < material->from.ms ? material->from.ms : run.from.ms) - offset;
        run.to.ms = (run.to.ms > material->to.ms ? material->to.ms : run.to.ms) - offset;
        struct clip_run *last =
            manifest->run_count == 0 ? NULL : &manifest->runs[manifest->run_count - 1];
        if (last != NULL &&
            (run.from.ms - last->to.ms <= INGEST_GAP_MS || manifest->run_count == COVERAGE_MAX)) {
            last->to.ms = run.to.ms > last->to.ms ? run.to.ms : last->to.ms;
        } else if (run.to.ms > run.from.ms) {
            manifest->runs[manifest->run_count++] = run;
        }
    }
    ASSERT(manifest->run_count > 0); /* each segment overlaps the time asked for */
    manifest->from = manifest->runs[0].from;
    manifest->to = manifest->runs[manifest->run_count - 1].to;
}

static enum err seal_manifest(struct ingest *ingest, const struct manifest *manifest,
                              const struct box_public *owners, struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_BODY_MAX + 4096};
    struct signed_object object;
    enum err err = manifest_encode(manifest, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_MANIFEST, buffer_bytes(&body), &object);
        err = signed_add(&object, &ingest->config.keys.sign, &ingest->sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    return err == ERR_OK ? age_seal_small(owners, manifest->owner_count, buffer_bytes(&bytes), out)
                         : err;
}

static enum err record_match(struct ingest *ingest, const struct manifest *manifest,
                             const struct age_file_key *key, struct vault_clip *row) {
    static struct ingest_message message;
    struct box_public owners[OWNERS_MAX];
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    SCOPED(buffer_finish) struct buffer sealed = {.max = SEALED_MANIFEST_MAX};
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    for (size_t i = 0; i < manifest->owner_count; i++) {
        owners[i] = manifest->owners[i].box;
    }
    enum err err = age_header_make(owners, manifest->owner_count, key, &header);
    if (err == ERR_OK) {
        err = seal_manifest(ingest, manifest, owners, &sealed);
    }
    if (err == ERR_OK) {
        message = (struct ingest_message){.kind = INGEST_MATCH};
        message.as.match.request = manifest->request;
        message.as.match.clip = manifest->clip;
        message.as.match.header = buffer_bytes(&header);
        message.as.match.manifest = buffer_bytes(&sealed);
        message.as.match.payload_size = manifest->payload_size;
        message.as.match.payload_root = manifest->payload_root;
        message.as.match.owner_count = manifest->owner_count;
        for (size_t i = 0; i < manifest->owner_count; i++) {
            message.as.match.owners[i] = manifest->owners[i].sign;
        }
        err = ingest_encode(&message, &frame);
    }
    if (err == ERR_OK) {
        row->match = buffer_bytes(&frame);
        err = index_clip_put(ingest->index, row);
    }
    return err;
}
