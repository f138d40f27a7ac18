/* A document's text, got by pdftotext. What reads a stranger's PDF has no key, no network, no file
 * but the document, and little time and memory: the walls of media work, and limits. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clip.h"
#include "node/confine/confine.h"

#define PDFTOTEXT "/usr/bin/pdftotext"

enum {
    FILES = 2, /* the document, and where its text goes */
    CPU_S = 10,
    WALL_S = 20,
    OPEN_FILES = 16,
    ADDRESS_SPACE = 512 * 1024 * 1024,
};

static void serve(int socket, const void *argument);
static _Noreturn void convert(const int files[FILES]);
static bool limit_work(void);
static bool fill(int file, struct bytes bytes);
static bool take_text(int file, struct buffer *out);

bool reader_installed(void) {
    return access(PDFTOTEXT, X_OK) == 0;
}

int reader_start(struct helper **out) {
    return helper_start(serve, NULL, "what reads documents", out);
}

bool reader_text(struct helper *reader, struct bytes pdf, struct buffer *out) {
    char done = '\0';
    int files[FILES] = {memfd_create("document", MFD_CLOEXEC), memfd_create("text", MFD_CLOEXEC)};
    bool good = files[0] >= 0 && files[1] >= 0 && fill(files[0], pdf) &&
                helper_send(reader->socket, "d", 1, files, FILES) &&
                read(reader->socket, &done, 1) == 1 && done == 'y' && take_text(files[1], out);
    for (size_t i = 0; i < FILES; i++) {
        if (files[i] >= 0) {
            (void)close(files[i]);
        }
    }
    return good;
}

static void serve(int socket, const void *argument) {
    int files[FILES];
    char byte = 0;
    (void)argument;
    while (helper_receive(socket, &byte, 1, files, FILES) == 1) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            convert(files);
        }
        bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        (void)close(files[0]);
        (void)close(files[1]);
        if (!helper_send(socket, good ? "y" : "n", 1, NULL, 0)) {
            break;
        }
    }
}

static _Noreturn void convert(const int files[FILES]) {
    char *const words[] = {"pdftotext", "-q", "-layout", "-nopgbrk", "-enc",
                           "UTF-8",     "-",  "-",       NULL};
    char *const nothing[] = {NULL};
    char why[CONFINE_WHY_MAX];
    (void)setsid(); /* no terminal of its own */
    (void)signal(SIGINT, SIG_DFL);
    if (dup2(files[0], STDIN_FILENO) < 0 || dup2(files[1], STDOUT_FILENO) < 0 ||
        dup2(files[1], STDERR_FILENO) < 0) {
        _exit(1);
    }
    (void)alarm(WALL_S);
    if (confine_media(NULL, 0, why) == ERR_OK && limit_work()) {
        (void)execve(PDFTOTEXT, words, nothing);
    }
    _exit(1);
}

static bool limit_work(void) {
    const struct {
        int what;
        rlim_t most;
    } limits[] = {{RLIMIT_CPU, CPU_S},
                  {RLIMIT_NOFILE, OPEN_FILES},
                  {RLIMIT_CORE, 0},
                  {RLIMIT_FSIZE, READER_TEXT_MAX},
                  {RLIMIT_AS, ADDRESS_SPACE}};
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const struct rlimit limit = {limits[i].most, limits[i].most};
        if (setrlimit((__rlimit_resource_t)limits[i].what, &limit) != 0) {
            return false;
        }
    }
    return true;
}

static bool fill(int file, struct bytes bytes) {
    for (size_t at = 0; at < bytes.len;) {
        ssize_t put = write(file, bytes.at + at, bytes.len - at);
        if (put <= 0) {
            return false;
        }
        at += (size_t)put;
    }
    return lseek(file, 0, SEEK_SET) == 0;
}

static bool take_text(int file, struct buffer *out) {
    off_t size = lseek(file, 0, SEEK_END);
    uint8_t *to = NULL;
    return size >= 0 && size <= READER_TEXT_MAX && lseek(file, 0, SEEK_SET) == 0 &&
           buffer_extend(out, (size_t)size, &to) == ERR_OK && read(file, to, (size_t)size) == size;
}
