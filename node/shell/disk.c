#include "node/shell/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "node/base/assert.h"

#define LEAVES_ENDING ".leaves"

enum {
    NAME_TEXT_MAX = 2 * 32 + 16,
    LOG_PATH_MAX = 128,
    FREE_MIN = 64 * 1024 * 1024,     /* what no delivery may take: database, log and keys need it */
    LOG_FILE_MAX = 17 * 1024 * 1024, /* an entry bundle of 256 leaves of 64 KiB is the largest */
};

static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len);
static enum err disk_make(void *context, enum core_file file, struct bytes name, uint64_t missing);
static enum err disk_write(void *context, enum core_file file, struct bytes name, uint64_t offset,
                           struct bytes data);
static enum err disk_sync(void *context, enum core_file file, struct bytes name);
static enum err disk_remove(void *context, enum core_file file, struct bytes name);
static enum err disk_each(void *context, enum core_file file, core_disk_visit *visit,
                          void *visit_context);
static enum err disk_write_log(void *context, const char *path, struct bytes data);
static enum err disk_read_log(void *context, const char *path, struct buffer *out);

static int open_folder(int at, const char *name, bool make);
static int folder_of(const struct disk *disk, enum core_file file);
static int open_file(const struct disk *disk, enum core_file file, struct bytes name, int flags);
static bool sync_file(const struct disk *disk, enum core_file file, struct bytes name);
static void name_text(enum core_file file, struct bytes name, char text[NAME_TEXT_MAX]);
static int open_log_parent(int log, const char *path, const char **leaf, bool make);
static bool write_all(int fd, struct bytes data, uint64_t offset); /* false: errno says why */
static enum err host_error(void); /* says in the journal what the system said */

enum err disk_start(struct disk *disk, const char *home) {
    *disk = (struct disk){.vault = -1, .delivered = -1, .edited = -1, .log = -1};
    int root = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return host_error();
    }
    disk->vault = open_folder(root, "vault", false);
    disk->delivered = open_folder(root, "node/delivered", true);
    disk->edited = open_folder(root, "node/edited", true);
    disk->log = open_folder(root, "node/log", true);
    (void)close(root);
    if (disk->vault < 0 || disk->delivered < 0 || disk->edited < 0 || disk->log < 0) {
        enum err err = host_error();
        disk_finish(disk);
        return err;
    }
    return ERR_OK;
}

void disk_finish(struct disk *disk) {
    if (disk == NULL) {
        return;
    }
    int *folders[] = {&disk->vault, &disk->delivered, &disk->edited, &disk->log};
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        if (*folders[i] >= 0) {
            (void)close(*folders[i]);
            *folders[i] = -1;
        }
    }
}

struct core_disk disk_calls(struct disk *disk) {
    return (struct core_disk){.context = disk,
                              .read = disk_read,
                              .make = disk_make,
                              .write = disk_write,
                              .sync = disk_sync,
                              .remove = disk_remove,
                              .each = disk_each,
                              .write_log = disk_write_log,
                              .read_log = disk_read_log};
}

int disk_open(const struct disk *disk, const struct core_effect *effect) {
    return id_is_zero(&effect->edited)
               ? open_file(disk, CORE_FILE_VAULT, BYTES_OF(effect->clip.b), O_RDONLY)
               : open_file(disk, CORE_FILE_EDITED, BYTES_OF(effect->edited.b), O_RDONLY);
}

static enum err disk_read(void *context, enum core_file file, struct bytes name, uint64_t offset,
                          uint8_t *out, size_t len) {
    /* Opened for each read: a descriptor that stayed would keep a shredded clip on the disk. */
    int fd = open_file(context, file, name, O_RDONLY);
    if (fd < 0) {
        return errno == ENOENT ? ERR_USER_NOT_FOUND : host_error();
    }
    enum err err = ERR_OK;
    while (err == ERR_OK && len > 0) {
        ssize_t got = pread(fd, out, len, (off_t)offset);
        if (got > 0) {
            out += got;
            offset += (uint64_t)got;
            len -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            err = got == 0 ? ERR_USER_NOT_FOUND : host_error();
        }
    }
    (void)close(fd);
    return err;
}

static enum err disk_make(void *context, enum core_file file, struct bytes name, uint64_t missing) {
    const struct disk *disk = context;
    struct statvfs info;
    if (missing > 0 && (fstatvfs(folder_of(disk, file), &info) != 0 ||
                        (uint64_t)info.f_bavail * info.f_frsize < missing + FREE_MIN)) {
        return ERR_FULL_DISK;
    }
    int fd = open_file(disk, file, name, O_RDWR | O_CREAT);
    if (fd < 0) {
        return host_error();
    }
    (void)close(fd);
    return ERR_OK;
}

/* For any thread: descriptors of its own. The file was made before, so that one that was removed
 * meanwhile does not come back.
 *
 * Whole pages go past the page cache where the file system allows it: nobody reads this clip soon,
 * it would push out what the recorder on this machine works with, and the copy costs as much as all
 * else that is done with a piece. What is left at both ends is written as usual. */
static enum err disk_write(void *context, enum core_file file, struct bytes name, uint64_t offset,
                           struct bytes data) {
    size_t head = (size_t)(-offset % CORE_PAGE_BYTES);
    head = head > data.len ? data.len : head;
    size_t pages = (data.len - head) / CORE_PAGE_BYTES * CORE_PAGE_BYTES;
    bool aligned = pages > 0 && (uintptr_t)(data.at + head) % CORE_PAGE_BYTES == 0;
    int direct = aligned ? open_file(context, file, name, O_WRONLY | O_DIRECT) : -1;
    int fd = open_file(context, file, name, O_WRONLY);
    enum err err = fd < 0 ? host_error() : ERR_OK;
    if (err == ERR_OK && direct >= 0) {
        if (write_all(direct, (struct bytes){data.at + head, pages}, offset + head)) {
            err = write_all(fd, (struct bytes){data.at, head}, offset) ? ERR_OK : host_error();
            data = (struct bytes){data.at + head + pages, data.len - head - pages};
            offset += head + pages;
        } else if (errno != EINVAL) { /* EINVAL: it opens, but wants other pages */
            err = host_error();
        }
    }
    if (err == ERR_OK && !write_all(fd, data, offset)) {
        err = host_error();
    }
    if (direct >= 0) {
        (void)close(direct);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return err;
}

static enum err disk_sync(void *context, enum core_file file, struct bytes name) {
    const struct disk *disk = context;
    bool good = sync_file(disk, file, name) &&
                (file != CORE_FILE_EDITED || sync_file(disk, CORE_FILE_EDITED_LEAVES, name)) &&
                fsync(folder_of(disk, file)) == 0;
    return good ? ERR_OK : host_error();
}

static enum err disk_remove(void *context, enum core_file file, struct bytes name) {
    const struct disk *disk = context;
    const enum core_file files[] = {file, CORE_FILE_EDITED_LEAVES};
    for (size_t i = 0; i < (file == CORE_FILE_EDITED ? COUNT_OF(files) : 1); i++) {
        char text[NAME_TEXT_MAX];
        name_text(files[i], name, text);
        if (unlinkat(folder_of(disk, file), text, 0) != 0 && errno != ENOENT) {
            return host_error();
        }
    }
    return fsync(folder_of(disk, file)) == 0 ? ERR_OK : host_error();
}

/* Whatever has another name is not ours. */
static enum err disk_each(void *context, enum core_file file, core_disk_visit *visit,
                          void *visit_context) {
    const struct disk *disk = context;
    int fd = openat(folder_of(disk, file), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL) {
        enum err failed = host_error();
        if (fd >= 0) {
            (void)close(fd);
        }
        return failed;
    }
    enum err err = ERR_OK;
    const struct dirent *entry = NULL;
    while (err == ERR_OK && (entry = readdir(folder)) != NULL) {
        char hex[2 * sizeof(struct id) + 1];
        struct id name;
        const char *more = strchr(entry->d_name, '.');
        bool leaves = file == CORE_FILE_EDITED && more != NULL && strcmp(more, LEAVES_ENDING) == 0;
        (void)snprintf(hex, sizeof hex, "%s", entry->d_name);
        if ((leaves || more == NULL) && strcspn(entry->d_name, ".") == sizeof hex - 1 &&
            hex_read(hex, name.b, sizeof name.b) == ERR_OK) {
            err = visit(visit_context, &name);
        }
    }
    (void)closedir(folder);
    return err;
}

/* tlog readers may read while we write: they see the old file or the new one, never half. */
static enum err disk_write_log(void *context, const char *path, struct bytes data) {
    struct disk *disk = context;
    const char *leaf = NULL;
    int folder = open_log_parent(disk->log, path, &leaf, true);
    if (folder < 0) {
        return host_error();
    }
    enum err err = ERR_OK;
    int fd = openat(folder, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        err = host_error();
    } else {
        if (!write_all(fd, data, 0) || fsync(fd) != 0) {
            err = host_error();
        }
        (void)close(fd);
    }
    if (err == ERR_OK && (renameat(folder, ".new", folder, leaf) != 0 || fsync(folder) != 0)) {
        err = host_error();
    }
    (void)close(folder);
    return err;
}

static enum err disk_read_log(void *context, const char *path, struct buffer *out) {
    struct disk *disk = context;
    const char *leaf = NULL;
    int folder = open_log_parent(disk->log, path, &leaf, false);
    if (folder < 0) {
        return ERR_USER_NOT_FOUND;
    }
    int fd = openat(folder, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    (void)close(folder);
    if (fd < 0) {
        return ERR_USER_NOT_FOUND;
    }
    struct stat info;
    uint8_t *to = NULL;
    enum err err = fstat(fd, &info) == 0 && info.st_size <= LOG_FILE_MAX ? ERR_OK : ERR_HOST_DISK;
    if (err == ERR_OK) {
        err = buffer_extend(out, (size_t)info.st_size, &to);
    }
    if (err == ERR_OK && pread(fd, to, (size_t)info.st_size, 0) != info.st_size) {
        err = ERR_HOST_DISK;
    }
    (void)close(fd);
    return err;
}

/* ---- helpers ---- */

static int open_folder(int at, const char *name, bool make) {
    if (make && mkdirat(at, name, 0750) != 0 && errno != EEXIST) {
        return -1;
    }
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int folder_of(const struct disk *disk, enum core_file file) {
    switch (file) {
    case CORE_FILE_VAULT:
    case CORE_FILE_LEAVES:
        return disk->vault;
    case CORE_FILE_DELIVERED:
        return disk->delivered;
    case CORE_FILE_EDITED:
    case CORE_FILE_EDITED_LEAVES:
        return disk->edited;
    }
    return -1;
}

static int open_file(const struct disk *disk, enum core_file file, struct bytes name, int flags) {
    char text[NAME_TEXT_MAX];
    name_text(file, name, text);
    return openat(folder_of(disk, file), text, flags | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static bool sync_file(const struct disk *disk, enum core_file file, struct bytes name) {
    int fd = open_file(disk, file, name, O_RDWR);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

static void name_text(enum core_file file, struct bytes name, char text[NAME_TEXT_MAX]) {
    ASSERT(name.len <= 32);
    char hex[2 * 32 + 1];
    hex_write(name, hex);
    switch (file) {
    case CORE_FILE_VAULT:
        (void)snprintf(text, NAME_TEXT_MAX, "%.2s/%s", hex, hex + 2);
        break;
    case CORE_FILE_LEAVES:
        (void)snprintf(text, NAME_TEXT_MAX, "%.2s/%s" LEAVES_ENDING, hex, hex + 2);
        break;
    case CORE_FILE_DELIVERED:
    case CORE_FILE_EDITED:
        (void)snprintf(text, NAME_TEXT_MAX, "%s", hex);
        break;
    case CORE_FILE_EDITED_LEAVES:
        (void)snprintf(text, NAME_TEXT_MAX, "%s" LEAVES_ENDING, hex);
        break;
    }
}

/* "tile/0/x001/067": makes and opens the folders on the way, one by one. */
static int open_log_parent(int log, const char *path, const char **leaf, bool make) {
    int folder = openat(log, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (const char *slash = strchr(path, '/'); folder >= 0 && slash != NULL;
         path = slash + 1, slash = strchr(path, '/')) {
        char part[LOG_PATH_MAX];
        (void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        int next = open_folder(folder, part, make);
        (void)close(folder);
        folder = next;
    }
    *leaf = path;
    return folder;
}

static bool write_all(int fd, struct bytes data, uint64_t offset) {
    while (data.len > 0) {
        ssize_t put = pwrite(fd, data.at, data.len, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        data.at += put;
        data.len -= (size_t)put;
        offset += (uint64_t)put;
    }
    return true;
}

static enum err host_error(void) {
    int reason = errno;
    (void)fprintf(stderr, "error disk: a file cannot be read or written reason=\"%s\"\n",
                  strerror(reason));
    if (reason == EACCES || reason == EPERM || reason == EROFS) {
        return ERR_HOST_PERMISSION;
    }
    return reason == ENOSPC || reason == EDQUOT ? ERR_FULL_DISK : ERR_HOST_DISK;
}
