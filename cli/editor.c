#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clip.h"

enum {
    FILES = 2, /* the clip, and what is made of it */
    LOOK_MS = 50,
};

struct job {
    struct media_edit edit;
    uint64_t most;
};

struct answer {
    enum err err;
    struct media_edited edited;
};

static bool find_worker(char out[PATH_MAX]);
static void serve(int socket, const void *worker);
static _Noreturn void work(int socket, const char *worker, struct job *job, const int files[FILES]);

int editor_start(struct helper **out) {
    static char worker[PATH_MAX]; /* the child's copy outlives this call */
    return find_worker(worker) ? helper_start(serve, worker, "what edits clips", out) : 0;
}

enum err editor_run(struct helper *editor, const struct media_edit *edit, uint64_t most, FILE *clip,
                    FILE *out, struct media_edited *edited) {
    const struct job job = {.edit = *edit, .most = most};
    struct answer answer = {.err = ERR_HOST_CHILD};
    int files[FILES] = {fileno(clip), fileno(out)};
    bool stopped = false;
    if (fflush(clip) != 0 || !helper_send(editor->socket, &job, sizeof job, files, FILES)) {
        return ERR_HOST_CHILD;
    }
    term_busy("editing ...");
    ssize_t got = -1;
    while (got < 0) {
        got = helper_receive(editor->socket, &answer, sizeof answer, NULL, 0);
        if (got < 0 && term_stopped() && !stopped) {
            stopped = true;
            (void)helper_send(editor->socket, "s", 1, NULL, 0);
        }
    }
    term_busy(NULL);
    if (got != sizeof answer) {
        return ERR_HOST_CHILD;
    }
    *edited = answer.edited;
    return stopped ? ERR_USER_NOT_FOUND : answer.err;
}

/* Beside this one, as they are built; else where they are installed. */
static bool find_worker(char out[PATH_MAX]) {
    static const char *const places[] = {"", "/../libexec/stoop"};
    char own[PATH_MAX / 2];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    own[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(own, '/');
    for (size_t i = 0; slash != NULL && i < COUNT_OF(places); i++) {
        *slash = '\0';
        (void)snprintf(out, PATH_MAX, "%s%s/stoop-media", own, places[i]);
        if (access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* A job runs in a process group of its own, so that it can be stopped with all that it started:
 * when it is told to, or when who asked has gone. */
static void serve(int socket, const void *worker) {
    struct job job;
    int files[FILES];
    while (helper_receive(socket, &job, sizeof job, files, FILES) == sizeof job) {
        struct answer answer = {.err = ERR_HOST_CHILD};
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            work(socket, worker, &job, files);
        }
        (void)close(files[0]);
        (void)close(files[1]);
        bool stopped = child < 0;
        while (child > 0 && waitpid(child, &status, WNOHANG) == 0) {
            struct pollfd asked = {.fd = socket, .events = POLLIN};
            if (!stopped && poll(&asked, 1, LOOK_MS) > 0) {
                stopped = true;
                (void)kill(-child, SIGKILL);
                (void)kill(child, SIGKILL);
            } else if (stopped) {
                (void)poll(NULL, 0, LOOK_MS);
            }
        }
        char byte = 0;
        if (stopped && child > 0 && helper_receive(socket, &byte, 1, NULL, 0) != 1) {
            return;
        }
        bool answered = !stopped && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (!answered && !helper_send(socket, &answer, sizeof answer, NULL, 0)) {
            return;
        }
    }
}

static _Noreturn void work(int socket, const char *worker, struct job *job,
                           const int files[FILES]) {
    struct answer answer = {.err = ERR_OK};
    (void)setpgid(0, 0);
    job->edit.clip = files[0];
    answer.err = lseek(files[1], 0, SEEK_SET) == 0
                     ? media_edit(worker, &job->edit, job->most, files[1], &answer.edited)
                     : ERR_HOST_CHILD;
    _exit(helper_send(socket, &answer, sizeof answer, NULL, 0) ? 0 : 1);
}
