#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ingest/ingest.h"
#include "proto/layout.h"

/* A pass over the folders of all cameras. It keeps its place from slice to slice: beginning anew
 * each time would look at a million known files again for every few new ones. */
struct scan {
    struct unreadable unreadable;
    size_t camera;
    size_t depth; /* open folders; the camera's own is the first */
    struct level {
        DIR *list;
        size_t path_len; /* of `path`, up to and with this folder */
    } levels[INGEST_DEPTH_MAX + 1];
    char path[MEDIA_PATH_MAX]; /* below the camera's folder */
};

struct slice {
    struct ingest *ingest;
    struct scan *scan;
    const struct camera *camera;
    struct instant now;
    size_t left;  /* files that may still be taken */
    size_t looks; /* and names looked at */
};

static enum err next_folder(struct slice *slice);
static enum err next_entry(struct slice *slice);
static void enter(struct slice *slice, int folder, const char *name, const char *path);
static bool append_name(const struct scan *scan, const char *name, char out[MEDIA_PATH_MAX]);
static enum err look_at(struct slice *slice, int folder, const char *name, const char *path);
static enum err take_file(struct slice *slice, int fd, const char *path, const struct stat *info,
                          enum media_format format);
static enum err hash_file(int fd, struct id *out);
static bool is_shut(int reason);
static void tell_unreadable(struct ingest *ingest, struct unreadable now);

enum err scan_slice(struct ingest *ingest, struct instant now, bool *more) {
    enum err err = ERR_OK;
    if (ingest->scan == NULL) {
        ingest->scan = calloc(1, sizeof *ingest->scan);
    }
    struct scan *scan = ingest->scan;
    if (scan == NULL) {
        return ERR_HOST_MEMORY;
    }
    struct slice slice = {.ingest = ingest,
                          .scan = scan,
                          .now = now,
                          .left = INGEST_SLICE_FILES,
                          .looks = INGEST_SLICE_NAMES};
    while (err == ERR_OK && slice.left > 0 && slice.looks > 0 &&
           scan->camera < ingest->list.camera_count) {
        slice.camera = &ingest->list.cameras[scan->camera];
        err = scan->depth == 0 ? next_folder(&slice) : next_entry(&slice);
    }
    *more = err == ERR_OK && scan->camera < ingest->list.camera_count;
    if (err == ERR_OK && !*more) {
        tell_unreadable(ingest, scan->unreadable);
    }
    if (!*more) {
        scan_restart(ingest);
    }
    return err;
}

void scan_restart(struct ingest *ingest) {
    struct scan *scan = ingest->scan;
    if (scan != NULL) {
        while (scan->depth > 0) {
            (void)closedir(scan->levels[--scan->depth].list);
        }
        free(scan);
        ingest->scan = NULL;
    }
}

/* A camera's own. One that is away may come back. */
static enum err next_folder(struct slice *slice) {
    struct scan *scan = slice->scan;
    int folder = open(slice->camera->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scan->path[0] = '\0';
    DIR *list = folder < 0 ? NULL : fdopendir(folder);
    if (list == NULL) {
        scan->unreadable.folders++;
        if (folder >= 0) {
            (void)close(folder);
        }
        scan->camera++;
        return ERR_OK;
    }
    scan->levels[scan->depth++] = (struct level){list, 0};
    return ERR_OK;
}

static enum err next_entry(struct slice *slice) {
    struct scan *scan = slice->scan;
    struct level *level = &scan->levels[scan->depth - 1];
    const struct dirent *entry = readdir(level->list);
    char path[MEDIA_PATH_MAX];
    slice->looks--;
    if (entry == NULL) {
        (void)closedir(level->list);
        scan->depth--;
        scan->camera += scan->depth == 0 ? 1 : 0;
        return ERR_OK;
    }
    if (entry->d_name[0] == '.' || strchr(entry->d_name, '\n') != NULL ||
        !append_name(scan, entry->d_name, path)) {
        return ERR_OK;
    }
    int folder = dirfd(level->list);
    if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) {
        enter(slice, folder, entry->d_name, path);
    }
    return entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN
               ? look_at(slice, folder, entry->d_name, path)
               : ERR_OK;
}

/* Does nothing when `name` is no folder. */
static void enter(struct slice *slice, int folder, const char *name, const char *path) {
    struct scan *scan = slice->scan;
    if (scan->depth > INGEST_DEPTH_MAX ||
        !layout_enters(slice->camera->layout, slice->camera->name, path)) {
        return;
    }
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    DIR *list = inner < 0 ? NULL : fdopendir(inner);
    if (list == NULL) {
        scan->unreadable.folders += is_shut(errno) ? 1 : 0;
        if (inner >= 0) {
            (void)close(inner);
        }
        return;
    }
    size_t len = strlen(path);
    memcpy(scan->path, path, len + 1); /* both have MEDIA_PATH_MAX */
    scan->levels[scan->depth++] = (struct level){list, len};
}

/* False when it is too long. */
static bool append_name(const struct scan *scan, const char *name, char out[MEDIA_PATH_MAX]) {
    int folder_len = (int)scan->levels[scan->depth - 1].path_len;
    int len = snprintf(out, MEDIA_PATH_MAX, "%.*s%s%s", folder_len, scan->path,
                       folder_len == 0 ? "" : "/", name);
    return len > 0 && len < MEDIA_PATH_MAX;
}

static enum err look_at(struct slice *slice, int folder, const char *name, const char *path) {
    enum media_format format;
    struct stat info;
    if (!media_format_of(name, &format) || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || info.st_size == 0) {
        return ERR_OK;
    }
    int64_t modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (slice->now.ms - modified_ns / 1000000 < INGEST_SETTLED_MS ||
        index_segment_known(slice->ingest->index, slice->camera->name, path, (uint64_t)info.st_size,
                            modified_ns, info.st_ino)) {
        return ERR_OK;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        slice->scan->unreadable.files += is_shut(errno) ? 1 : 0;
        return ERR_OK; /* perhaps next time */
    }
    enum err err = take_file(slice, fd, path, &info, format);
    (void)close(fd);
    return err;
}

static enum err take_file(struct slice *slice, int fd, const char *path, const struct stat *info,
                          enum media_format format) {
    char whole[FOLDER_MAX_BYTES + MEDIA_PATH_MAX];
    struct media_info media;
    struct segment segment = {.size = (uint64_t)info->st_size,
                              .modified_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 +
                                             info->st_mtim.tv_nsec,
                              .inode = info->st_ino,
                              .format = format};
    struct instant modified = {segment.modified_ns / 1000000};
    (void)snprintf(segment.camera, sizeof segment.camera, "%s", slice->camera->name);
    (void)snprintf(segment.path, sizeof segment.path, "%s", path);
    (void)snprintf(whole, sizeof whole, "%s/%s", slice->camera->folder, path);

    enum err err =
        layout_start(slice->camera->layout, slice->camera->name, path, modified, &segment.from);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK; /* another camera's */
    }
    slice->left--;
    segment.time_source = TIME_FROM_NAME;
    bool named = err == ERR_OK;
    err = media_probe(slice->ingest->config.worker, whole, format, &media);
    if (err == ERR_USER_MEDIA) {
        return slice->now.ms - modified.ms > INGEST_REFUSE_AFTER_MS
                   ? index_refused_put(slice->ingest->index, &segment)
                   : ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (!named && media.created_ms > 0) {
        segment.from.ms = media.created_ms;
        segment.time_source = TIME_FROM_CONTAINER;
    } else if (!named) {
        segment.from.ms = modified.ms - media.duration_ms;
        segment.time_source = TIME_FROM_FILE_SYSTEM;
    }
    segment.to.ms = segment.from.ms + media.duration_ms;
    segment.width = media.width;
    segment.height = media.height;
    segment.audio = media.audio;
    segment.tagged = media.tagged;
    segment.hidden = media.hidden;
    err = hash_file(fd, &segment.sha256);
    if (err == ERR_USER_MEDIA || (err == ERR_OK && !segment_is(&segment, fd))) {
        return ERR_OK; /* it went, or grew while we read it */
    }
    return err == ERR_OK ? index_segment_put(slice->ingest->index, &segment) : err;
}

bool segment_is(const struct segment *segment, int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
           (uint64_t)info.st_size == segment->size && info.st_ino == segment->inode &&
           (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec == segment->modified_ns;
}

static enum err hash_file(int fd, struct id *out) {
    static uint8_t part[256 * 1024];
    struct sha256_state *state = sha256_create();
    enum err err = state == NULL ? ERR_HOST_MEMORY : ERR_OK;
    for (off_t at = 0; err == ERR_OK;) {
        ssize_t got = pread(fd, part, sizeof part, at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            err = got == 0 ? ERR_OK : ERR_USER_MEDIA;
            break;
        }
        sha256_update(state, (struct bytes){part, (size_t)got});
        at += got;
    }
    if (err == ERR_OK) {
        sha256_final(state, out);
    }
    sha256_destroy(state);
    return err;
}

/* Not gone, nor something else than footage. */
static bool is_shut(int reason) {
    return reason == EACCES || reason == EPERM;
}

/* Once for each change, not for each pass. */
static void tell_unreadable(struct ingest *ingest, struct unreadable now) {
    if (now.folders == ingest->unreadable.folders && now.files == ingest->unreadable.files) {
        return;
    }
    ingest->unreadable = now;
    if (now.folders + now.files == 0) {
        (void)fputs("info ingest: all footage can be read again\n", stderr);
    } else {
        (void)fprintf(stderr, "warn ingest: footage cannot be read folders=%zu files=%zu\n",
                      now.folders, now.files);
    }
}
