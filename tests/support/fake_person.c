#include "tests/support/fake_person.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "tests/support/check.h"

enum {
    STILL_MS = 400, /* output that stands still so long within a line is a question */
    HANG_MS = 60 * 1000,
    SHOWN_MAX = 256 * 1024,
    ARGUMENTS_MAX = 24,
};

static bool program_path(char out[PATH_MAX]);
static void become_stoop(const struct fake_home *fake, const struct fake_run *run);
static bool asks(const struct buffer *shown, size_t seen);
static void put(int terminal, const char *text);
static int64_t now_ms(void);

bool fake_program_there(void) {
    char path[PATH_MAX];
    return program_path(path);
}

void fake_skip_unless_built(void) {
    if (!fake_program_there()) {
        print_message("skipped: bin/stoop is not built\n");
        skip();
    }
}

bool fake_shows(const struct buffer *shown, const char *text) {
    return memmem(shown->at, shown->len, text, strlen(text)) != NULL;
}

int fake_run(const struct fake_home *fake, const struct fake_run *run, struct buffer *shown) {
    const struct winsize size = {.ws_row = 40, .ws_col = 80};
    int terminal = -1;
    size_t next = 0;
    size_t passphrases = 0;
    size_t seen = 0; /* of *shown, when it was answered last */
    int status = 0;
    buffer_init(shown, SHOWN_MAX);
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    ASSERT(pid >= 0);
    if (pid == 0) {
        become_stoop(fake, run);
    }
    if (run->typed_ahead != NULL) {
        put(terminal, run->typed_ahead);
        (void)tcdrain(terminal);
    }
    int64_t began = now_ms();
    for (;;) {
        char data[4096];
        struct pollfd wait = {.fd = terminal, .events = POLLIN};
        int ready = poll(&wait, 1, STILL_MS);
        ssize_t got = ready > 0 ? read(terminal, data, sizeof data) : 0;
        if (ready > 0 && got <= 0) {
            break; /* it has ended */
        }
        if (got > 0) {
            if (buffer_append(shown, (struct bytes){(const uint8_t *)data, (size_t)got}) !=
                ERR_OK) {
                break;
            }
            continue;
        }
        if (now_ms() - began > HANG_MS) {
            (void)kill(pid, SIGKILL);
            break;
        }
        if (!asks(shown, seen)) {
            continue;
        }
        const char *line = (const char *)shown->at + seen;
        bool passphrase = memmem(line, shown->len - seen, "passphrase of", 13) != NULL &&
                          shown->at[shown->len - 1] == ' ';
        seen = shown->len;
        if (passphrase && run->passphrase != NULL) {
            bool second = passphrases++ > 0 && run->second_passphrase != NULL;
            put(terminal, second ? run->second_passphrase : run->passphrase);
            put(terminal, "\n");
        } else if (run->answers != NULL && run->answers[next] != NULL) {
            put(terminal, run->answers[next++]);
        } else {
            put(terminal, "\x04"); /* end of input */
        }
    }
    (void)waitpid(pid, &status, 0);
    (void)close(terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool program_path(char out[PATH_MAX]) {
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 16);
    if (len <= 0) {
        return false;
    }
    out[len] = '\0';
    char *slash = strrchr(out, '/');
    *slash = '\0';
    slash = strrchr(out, '/');
    (void)snprintf(slash, 16, "/bin/stoop");
    return access(out, X_OK) == 0;
}

static void become_stoop(const struct fake_home *fake, const struct fake_run *run) {
    char program[PATH_MAX];
    const char *arguments[ARGUMENTS_MAX] = {"stoop", "--home", fake->home, "--owner-dir",
                                            fake->owner};
    size_t count = 5;
    for (size_t i = 0; run->arguments[i] != NULL && count + 1 < ARGUMENTS_MAX; i++) {
        arguments[count++] = run->arguments[i];
    }
    if (run->no_terminal) {
        int nothing = open("/dev/null", O_RDWR);
        (void)signal(SIGHUP, SIG_IGN); /* what a session gets that gives up its terminal */
        (void)ioctl(STDIN_FILENO, TIOCNOTTY);
        (void)dup2(nothing, STDIN_FILENO);
    }
    (void)setenv("TZ", "UTC", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)setenv("TERM", "dumb", 1);
    (void)setenv("XDG_RUNTIME_DIR", fake->folder, 1);
    if (program_path(program)) {
        (void)execv(program, (char *const *)arguments);
    }
    _exit(127);
}

/* It has printed something since it was answered last, and its output ends within a line. */
static bool asks(const struct buffer *shown, size_t seen) {
    return shown->len > seen && shown->at[shown->len - 1] != '\n';
}

static void put(int terminal, const char *text) {
    size_t len = strlen(text);
    (void)(write(terminal, text, len) == (ssize_t)len); /* a program that has ended reads nothing */
}

static int64_t now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
