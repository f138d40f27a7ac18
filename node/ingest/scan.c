#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/ingest/ingest.h"
#include "node/ingest/layout.h"

struct walk {
    struct ingest *ingest;
    const struct camera *camera;
    struct instant now;
    size_t left; /* files that may still be taken in this slice */
    bool more;
    enum err err;
};

static void walk_folder(struct walk *walk, int folder, const char *path, int depth);
static void look_at(struct walk *walk, int folder, const char *name, const char *path);
static bool take_file(struct walk *walk, int fd, const char *path, const struct stat *info,
                      enum media_format format);
static enum err hash_file(int fd, struct id *out);

enum err scan_slice(struct ingest *ingest, struct instant now, bool *more) {
    struct walk walk = {.ingest = ingest, .now = now, .left = INGEST_SLICE_FILES};
    for (size_t i = 0; i < ingest->list.camera_count && walk.err == ERR_OK; i++) {
        walk.camera = &ingest->list.cameras[i];
        int folder = open(walk.camera->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) { /* a folder that is away may come back */
            walk_folder(&walk, folder, "", 0);
        }
    }
    *more = walk.more;
    return walk.err;
}

/* Takes `folder` over. */
static void walk_folder(struct walk *walk, int folder, const char *path, int depth) {
    DIR *list = fdopendir(folder);
    if (list == NULL) {
        (void)close(folder);
        return;
    }
    struct dirent *entry = NULL;
    while (walk->err == ERR_OK && !walk->more && (entry = readdir(list)) != NULL) {
        char below[MEDIA_PATH_MAX];
        int len =
            snprintf(below, sizeof below, "%s%s%s", path, *path == '\0' ? "" : "/", entry->d_name);
        if (entry->d_name[0] == '.' || len < 0 || (size_t)len >= sizeof below ||
            strchr(below, '\n') != NULL) {
            continue;
        }
        if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) {
            int inner = openat(folder, entry->d_name,
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
            if (inner >= 0 && depth < INGEST_DEPTH_MAX &&
                layout_enters(walk->camera->layout, walk->camera->name, below)) {
                walk_folder(walk, inner, below, depth + 1);
            } else if (inner >= 0) {
                (void)close(inner);
            }
        }
        if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) {
            look_at(walk, folder, entry->d_name, below);
        }
    }
    (void)closedir(list);
}

static void look_at(struct walk *walk, int folder, const char *name, const char *path) {
    enum media_format format;
    struct stat info;
    if (!media_format_of(name, &format) || fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(info.st_mode) || info.st_size == 0) {
        return;
    }
    int64_t modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (walk->now.ms - modified_ns / 1000000 < INGEST_SETTLED_MS ||
        index_segment_known(walk->ingest->index, walk->camera->name, path, (uint64_t)info.st_size,
                            modified_ns, info.st_ino)) {
        return;
    }
    if (walk->left == 0) {
        walk->more = true;
        return;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return; /* unreadable or gone: perhaps next time */
    }
    if (take_file(walk, fd, path, &info, format)) {
        walk->left--;
    }
    (void)close(fd);
}

static bool take_file(struct walk *walk, int fd, const char *path, const struct stat *info,
                      enum media_format format) {
    char whole[FOLDER_MAX_BYTES + MEDIA_PATH_MAX];
    struct media_info media;
    struct segment segment = {.size = (uint64_t)info->st_size,
                              .modified_ns = (int64_t)info->st_mtim.tv_sec * 1000000000 +
                                             info->st_mtim.tv_nsec,
                              .inode = info->st_ino,
                              .format = format};
    struct instant modified = {segment.modified_ns / 1000000};
    (void)snprintf(segment.camera, sizeof segment.camera, "%s", walk->camera->name);
    (void)snprintf(segment.path, sizeof segment.path, "%s", path);
    (void)snprintf(whole, sizeof whole, "%s/%s", walk->camera->folder, path);

    enum err err =
        layout_start(walk->camera->layout, walk->camera->name, path, modified, &segment.from);
    if (err == ERR_USER_NOT_FOUND) {
        return false; /* another camera's */
    }
    segment.time_source = TIME_FROM_NAME;
    bool named = err == ERR_OK;
    err = media_probe(walk->ingest->config.worker, whole, format, &media);
    if (err == ERR_USER_MEDIA) {
        if (walk->now.ms - modified.ms > INGEST_REFUSE_AFTER_MS) {
            walk->err = index_refused_put(walk->ingest->index, &segment);
        }
        return true;
    }
    if (err != ERR_OK) {
        walk->err = err;
        return true;
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
    struct stat after;
    err = hash_file(fd, &segment.sha256);
    if (err == ERR_OK && fstat(fd, &after) == 0 && after.st_size == info->st_size &&
        after.st_mtim.tv_sec == info->st_mtim.tv_sec &&
        after.st_mtim.tv_nsec == info->st_mtim.tv_nsec) { /* else it grew while we read it */
        walk->err = index_segment_put(walk->ingest->index, &segment);
    }
    return true;
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
