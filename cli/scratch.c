#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clip.h"
#include "node/base/attr.h"

enum {
    TMPFS = 0x01021994, /* statfs(2), f_type */
};

struct scratch {
    int pipe; /* the guard waits for its end */
    pid_t guard;
};

static int in_memory(char out[PATH_MAX]);
static _Noreturn void guard(int pipe, const char *folder);

int scratch_open(char folder[PATH_MAX], struct scratch **out) {
    int ends[2];
    int failed = in_memory(folder);
    if (failed != 0) {
        return failed;
    }
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        free(scratch);
        return fail(NULL, "a private folder cannot be made: %s", strerror(errno));
    }
    if (mkdtemp(folder) == NULL) {
        failed = fail(NULL, "cannot make '%s': %s", folder, strerror(errno));
    } else {
        scratch->guard = fork();
    }
    if (failed == 0 && scratch->guard == 0) {
        (void)dup2(ends[0], STDIN_FILENO);
        guard(STDIN_FILENO, folder);
    }
    (void)close(ends[0]);
    if (failed == 0 && scratch->guard < 0) {
        failed = fail(NULL, "a private folder cannot be guarded: %s", strerror(errno));
        (void)rmdir(folder);
    }
    if (failed != 0) {
        (void)close(ends[1]);
        free(scratch);
        return failed;
    }
    scratch->pipe = ends[1];
    *out = scratch;
    return 0;
}

void scratch_close(struct scratch *scratch) {
    if (scratch != NULL) {
        (void)close(scratch->pipe);
        (void)waitpid(scratch->guard, NULL, 0);
        free(scratch);
    }
}

/* Never on a disk: what was looked at must not outlive the machine's next start. */
static int in_memory(char out[PATH_MAX]) {
    const char *const places[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm"};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct statfs info;
        if (places[i] != NULL && access(places[i], W_OK | X_OK) == 0 &&
            statfs(places[i], &info) == 0 && info.f_type == TMPFS) {
            (void)snprintf(out, PATH_MAX, "%s/stoop-XXXXXX", places[i]);
            return 0;
        }
    }
    return fail("name a folder for what you look at, with '--to DIR', or a player, with '--player'",
                "this machine has no private place in memory");
}

/* In a session of its own: no key at the terminal and no hang-up reaches it. It holds nothing that
 * its parent had open. */
static _Noreturn void guard(int pipe, const char *folder) {
    char byte = 0;
    (void)setsid();
    (void)close_range(1, ~0U, 0);
    while (read(pipe, &byte, 1) < 0 && errno == EINTR) {
    }
    DIR *dir = opendir(folder);
    const struct dirent *entry = NULL;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)rmdir(folder);
    _exit(0);
}
