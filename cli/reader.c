/* A document's text, got by pdftotext. What reads a stranger's PDF has no key, no network, no file
 * but the document, and little time and memory: the walls of media work, and limits. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

struct reader {
    int socket;
};

static void serve(int socket, const void *with);
static bool receive_files(int socket, int files[FILES]);
static bool send_files(int socket, const int files[FILES]);
static _Noreturn void convert(const int files[FILES]);
static bool limit_work(void);
static bool fill(int file, struct bytes bytes);
static bool take_text(int file, struct buffer *out);

bool reader_installed(void) {
    return access(PDFTOTEXT, X_OK) == 0;
}

int reader_start(struct reader **out) {
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = child_start("what reads documents", serve, NULL, &reader->socket);
    if (failed != 0) {
        free(reader);
        return failed;
    }
    *out = reader;
    return 0;
}

bool reader_text(struct reader *reader, struct bytes pdf, struct buffer *out) {
    char done = '\0';
    int files[FILES] = {memfd_create("document", MFD_CLOEXEC), memfd_create("text", MFD_CLOEXEC)};
    bool good = files[0] >= 0 && files[1] >= 0 && fill(files[0], pdf) &&
                send_files(reader->socket, files) && read(reader->socket, &done, 1) == 1 &&
                done == 'y' && take_text(files[1], out);
    for (size_t i = 0; i < FILES; i++) {
        if (files[i] >= 0) {
            (void)close(files[i]);
        }
    }
    return good;
}

void reader_stop(struct reader *reader) {
    if (reader != NULL) {
        (void)close(reader->socket); /* the child sees the end, and ends */
        free(reader);
    }
}

static void serve(int socket, const void *with) {
    int files[FILES];
    (void)with;
    while (receive_files(socket, files)) {
        int status = -1;
        pid_t child = fork();
        if (child == 0) {
            convert(files);
        }
        bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
        (void)close(files[0]);
        (void)close(files[1]);
        if (send(socket, good ? "y" : "n", 1, MSG_NOSIGNAL) != 1) {
            return;
        }
    }
}

static bool receive_files(int socket, int files[FILES]) {
    char byte = 0;
    char room[CMSG_SPACE(FILES * sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) {
        return false;
    }
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights == NULL || rights->cmsg_type != SCM_RIGHTS ||
        rights->cmsg_len != CMSG_LEN(FILES * sizeof(int))) {
        return false;
    }
    memcpy(files, CMSG_DATA(rights), FILES * sizeof(int));
    return true;
}

static bool send_files(int socket, const int files[FILES]) {
    char byte = 'd';
    char room[CMSG_SPACE(FILES * sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(FILES * sizeof(int));
    memcpy(CMSG_DATA(rights), files, FILES * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
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
