#include "tests/support/footage.h"

#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

enum {
    COMMAND_MAX = 4096
};

int run_shell(const char *command) {
    char *const words[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    pid_t child = 0;
    int status = -1;
    CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, words, environ) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

void footage_start(struct footage *footage) {
    char own[PATH_MAX - 32];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    CHECK(len > 0);
    own[len] = '\0';
    for (int up = 0; up < 2; up++) { /* BUILD/tests/PROGRAM */
        *strrchr(own, '/') = '\0';
    }
    (void)snprintf(footage->worker, sizeof footage->worker, "%s/bin/stoop-media", own);
    CHECK(access(footage->worker, X_OK) == 0);
    (void)strcpy(footage->folder, "/tmp/stoop-footage-XXXXXX");
    CHECK(mkdtemp(footage->folder) != NULL);
}

void footage_stop(struct footage *footage) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", footage->folder);
    CHECK(run_shell(command) == 0);
}

void footage_path(const struct footage *footage, const char *name, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%s/%s", footage->folder, name);
}

void footage_run(const struct footage *footage, const char *format, ...) {
    char command[COMMAND_MAX];
    char whole[COMMAND_MAX + 256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    CHECK(len > 0 && len < COMMAND_MAX);
    (void)snprintf(whole, sizeof whole,
                   "cd %s && ffmpeg() { command ffmpeg -nostdin -v error -y \"$@\"; } && %s",
                   footage->folder, command);
    int code = run_shell(whole);
    if (code != 0) {
        print_error("%s: %d\n", command, code);
    }
    CHECK(code == 0);
}

void footage_read(const struct footage *footage, const char *name, char *out, size_t room) {
    char path[PATH_MAX];
    footage_path(footage, name, path);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    size_t len = fread(out, 1, room - 1, file);
    for (size_t i = 0; i < len; i++) { /* an environment holds NULs */
        out[i] = out[i] == '\0' ? '\n' : out[i];
    }
    out[len] = '\0';
    (void)fclose(file);
}
