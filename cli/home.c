#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "node/base/assert.h"
#include "node/confine/confine.h"

static void owner_path(const char *owner_dir, const char *name, char out[PATH_MAX]);
static enum keyfile_result ask_to_open(struct bytes file, const char *name, char *passphrase,
                                       struct owner_secret *out);

int file_read(const char *path, size_t max, bool secret, struct buffer *out) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int reason = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return fail(NULL, "cannot read '%s': %s", path, strerror(reason));
    }
    if (!S_ISREG(info.st_mode) || (uint64_t)info.st_size > max) {
        char most[32];
        (void)close(fd);
        size_text(max, most);
        return S_ISREG(info.st_mode)
                   ? fail(NULL, "'%s' is larger than it may be, which is %s", path, most)
                   : fail(NULL, "'%s' is not a file", path);
    }
    if (secret && (info.st_mode & 077) != 0) {
        (void)close(fd);
        return fail("close it with 'chmod 600 FILE'", "'%s' can be read by others", path);
    }
    uint8_t *to = NULL;
    bool good = buffer_extend(out, (size_t)info.st_size, &to) == ERR_OK &&
                read(fd, to, (size_t)info.st_size) == info.st_size;
    (void)close(fd);
    return good ? 0 : fail(NULL, "cannot read '%s'", path);
}

int file_there(const char *path, const char *next) {
    return access(path, F_OK) == 0 || errno != ENOENT ? 0
                                                      : fail(next, "there is no file '%s'", path);
}

int file_write(const char *path, struct bytes data, unsigned mode, bool fresh) {
    char temporary[PATH_MAX + 8];
    char folder[PATH_MAX];
    folder_of(path, folder);
    if (fresh && access(path, F_OK) == 0) {
        return fail("choose another name, or remove it", "'%s' exists already", path);
    }
    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    (void)unlink(temporary); /* a file that somebody opened before would be theirs to read */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool good = fd >= 0;
    for (size_t at = 0; good && at < data.len;) {
        ssize_t put = write(fd, data.at + at, data.len - at);
        good = put > 0 || (put < 0 && errno == EINTR);
        at += put > 0 ? (size_t)put : 0;
    }
    good = good && fsync(fd) == 0;
    good = (fd < 0 || close(fd) == 0) && good && rename(temporary, path) == 0;
    int reason = errno;
    if (!good && fd >= 0) {
        (void)unlink(temporary);
    }
    int parent = good ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (parent >= 0) {
        (void)fsync(parent);
        (void)close(parent);
    }
    return good ? 0 : fail(NULL, "cannot write '%s': %s", path, strerror(reason));
}

FILE *part_open(const char *path, char part[PATH_MAX + 8]) {
    (void)snprintf(part, PATH_MAX + 8, "%s.part", path);
    if (access(path, F_OK) == 0) {
        errno = EEXIST;
        return NULL;
    }
    (void)unlink(part); /* of one that was killed */
    return fopen(part, "wxe");
}

int part_end(const char *path, const char *part, int failed) {
    int fd = failed == 0 ? open(part, O_WRONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (failed == 0 && (fd < 0 || fsync(fd) != 0 || rename(part, path) != 0)) {
        failed = fail(NULL, "cannot write '%s': %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (failed != 0) {
        (void)unlink(part); /* half of it is of no use */
    }
    return failed;
}

int folder_make(const char *path, unsigned mode) {
    char part[PATH_MAX];
    struct stat info;
    (void)snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)mkdir(part, 0755);
            *at = '/';
        }
    }
    if (mkdir(part, mode) != 0 && errno != EEXIST) {
        return fail(NULL, "cannot make '%s': %s", path, strerror(errno));
    }
    if (stat(part, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return fail(NULL, "'%s' is not a folder", path);
    }
    return 0;
}

void folder_of(const char *path, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%s", path);
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        (void)snprintf(out, PATH_MAX, ".");
    } else {
        slash[slash == out ? 1 : 0] = '\0';
    }
}

int pins_load(const struct cli *cli, struct pins *out) {
    char path[PATH_MAX];
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = PINS_FILE_MAX};
    owner_path(cli->owner_dir, "pins", path);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return fail("make one with 'stoop init', or name its owner's folder with '--owner-dir'",
                    "no home belongs to '%s'", cli->owner_dir);
    }
    int failed = file_read(path, PINS_FILE_MAX, false, &file);
    if (failed == 0 && pins_read(buffer_bytes(&file), out, &line) != ERR_OK) {
        failed = fail(NULL, "'%s', line %zu: not a line of pinned keys", path, line);
    }
    return failed;
}

int owner_public_of(const char *owner_dir, struct keyfile_public *out) {
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer file = {.max = KEYFILE_BYTES_MAX};
    owner_path(owner_dir, "owner.key", path);
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return fail(
            "make one with 'stoop init' or 'stoop --owner-dir DIR key new', or name another folder",
            "there is no owner's key in '%s'", owner_dir);
    }
    int failed = file_read(path, KEYFILE_BYTES_MAX, true, &file);
    if (failed == 0 && keyfile_read_public(buffer_bytes(&file), out) != KEYFILE_OK) {
        failed = fail("restore it from a backup", "the key file '%s' is broken", path);
    }
    return failed;
}

int pins_save(const char *folder, const struct pins *pins, bool fresh) {
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer file = {.max = PINS_FILE_MAX};
    if (pins_write(pins, &file) != ERR_OK) {
        return fail(NULL, "out of memory");
    }
    owner_path(folder, "pins", path);
    return file_write(path, buffer_bytes(&file), 0600, fresh);
}

int pinned_community(const struct cli *cli, struct id *out) {
    struct pins pins = {0};
    int failed = pins_load(cli, &pins);
    const struct pinned_place *place = failed == 0 ? pins_place(&pins, place_of(cli)) : NULL;
    if (failed == 0 && (place == NULL || !place->has_community)) {
        failed = fail("found one with 'stoop community found NAME', or 'stoop community join CODE'",
                      "this home belongs to no community yet");
    }
    *out = place != NULL && failed == 0 ? place->community : (struct id){{0}};
    return failed;
}

int owner_open(struct cli *cli, const char *owner_dir, const char *why,
               struct owner_secret **secret, struct keyfile_public *pub) {
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer file = {.max = KEYFILE_BYTES_MAX};
    int failed = owner_public_of(owner_dir, pub); /* public: and a folder without a key says so */
    if (failed == 0) {
        failed = walls_raise(cli);
    }
    owner_path(owner_dir, "owner.key", path);
    if (failed == 0) {
        failed = file_read(path, KEYFILE_BYTES_MAX, true, &file);
    }
    if (failed != 0) {
        return failed;
    }
    if (!term_present()) {
        (void)fail("run it at a terminal", "a passphrase is needed, and there is nobody to ask");
        return EXIT_NO_TERMINAL;
    }
    char *passphrase = secret_create(PASSPHRASE_MAX);
    struct owner_secret *opened = secret_create(sizeof *opened);
    if (passphrase == NULL || opened == NULL) {
        secret_destroy(passphrase);
        secret_destroy(opened);
        return fail("raise the limit of locked memory (ulimit -l)", "memory cannot be locked");
    }
    if (why != NULL) {
        (void)fprintf(stderr, "%s\n", why); /* stdout may be a file */
    }
    enum keyfile_result result = ask_to_open(buffer_bytes(&file), pub->name, passphrase, opened);
    secret_destroy(passphrase);
    if (result != KEYFILE_OK) {
        secret_destroy(opened);
        if (result == KEYFILE_BROKEN) {
            return fail("restore it from a backup", "the key file '%s' is broken", path);
        }
        if (result == KEYFILE_MEMORY) {
            return fail(NULL, "too little memory to open the key");
        }
        (void)fail(NULL, "nothing was done");
        return EXIT_PENDING;
    }
    *secret = opened;
    return 0;
}

/* KEYFILE_PASSPHRASE: nobody knew it. */
static enum keyfile_result ask_to_open(struct bytes file, const char *name, char *passphrase,
                                       struct owner_secret *out) {
    char question[192];
    (void)snprintf(question, sizeof question, "passphrase of %s: ", name);
    enum keyfile_result result = KEYFILE_PASSPHRASE;
    for (int i = 0; i < 3 && result == KEYFILE_PASSPHRASE; i++) {
        if (!term_passphrase(question, passphrase, PASSPHRASE_MAX)) {
            break;
        }
        term_hush();
        term_busy("opening the key ...");
        result = keyfile_open(file, BYTES_TEXT(passphrase), out);
        term_busy(NULL);
        term_unhush();
        if (result == KEYFILE_PASSPHRASE) {
            (void)fail(NULL, "wrong passphrase");
        }
    }
    return result;
}

struct instant now_wall(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (struct instant){(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

void walls_allow(struct cli *cli, const char *folder) {
    ASSERT(!cli->walled);
    ASSERT(cli->writable_count < WRITABLE_MAX);
    cli->writable[cli->writable_count++] = folder;
}

int walls_raise(struct cli *cli) {
    char why[CONFINE_WHY_MAX];
    if (cli->walled) {
        return 0;
    }
    if (!secret_process_harden()) {
        return fail(NULL, "core dumps could not be switched off");
    }
    if (confine_owner(cli->owner_dir, cli->writable, cli->writable_count, why) != ERR_OK) {
        return fail("see 'stoop doctor'", "the walls could not be raised: %s", why);
    }
    cli->walled = true;
    return 0;
}

static void owner_path(const char *owner_dir, const char *name, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%s/%s", owner_dir, name);
}
