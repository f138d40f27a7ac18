#include "cli/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "node/confine/confine.h"

enum { /* of one job */
    CPU_S = 10,
    WALL_S = 20,
    OPEN_FILES = 16,
};

static _Noreturn void become(helper_serve *serve, const void *argument, int socket);

int helper_start(helper_serve *serve, const void *argument, const char *what, struct helper **out) {
    int pair[2];
    struct helper *helper = calloc(1, sizeof *helper);
    if (helper == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(helper);
        return fail(NULL, "%s cannot be started: %s", what, strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        become(serve, argument, pair[1]);
    }
    (void)close(pair[1]);
    helper->socket = pair[0];
    if (child < 0) {
        helper_stop(helper);
        return fail(NULL, "%s cannot be started: %s", what, strerror(errno));
    }
    *out = helper;
    return 0;
}

void helper_stop(struct helper *helper) {
    if (helper != NULL) {
        (void)close(helper->socket);
        free(helper);
    }
}

bool helper_send(int socket, const void *data, size_t len, const int *files, size_t file_count) {
    char room[CMSG_SPACE(HELPER_FILES_MAX * sizeof(int))] = {0};
    struct iovec part = {(void *)data, len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (file_count > 0) {
        message.msg_control = room;
        message.msg_controllen = CMSG_SPACE(file_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(file_count * sizeof(int));
        memcpy(CMSG_DATA(rights), files, file_count * sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)len;
}

ssize_t helper_receive(int socket, void *data, size_t room, int *files, size_t file_count) {
    char rights_room[CMSG_SPACE(HELPER_FILES_MAX * sizeof(int))] = {0};
    struct iovec part = {data, room};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = rights_room,
                             .msg_controllen = sizeof rights_room};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) {
        return errno == EINTR ? -1 : 0;
    }
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    size_t came = rights == NULL || rights->cmsg_type != SCM_RIGHTS
                      ? 0
                      : (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (came != file_count) {
        return 0;
    }
    if (file_count > 0) {
        memcpy(files, CMSG_DATA(rights), file_count * sizeof(int));
    }
    return got;
}

bool helper_fill(int file, struct bytes bytes) {
    for (size_t at = 0; at < bytes.len;) {
        ssize_t put = write(file, bytes.at + at, bytes.len - at);
        if (put <= 0) {
            return false;
        }
        at += (size_t)put;
    }
    return true;
}

bool helper_confine(uint64_t most_bytes, uint64_t most_memory) {
    const struct {
        int what;
        rlim_t most;
    } limits[] = {{RLIMIT_CPU, CPU_S},
                  {RLIMIT_NOFILE, OPEN_FILES},
                  {RLIMIT_CORE, 0},
                  {RLIMIT_FSIZE, most_bytes},
                  {RLIMIT_AS, HELPER_MEMORY_BOUND ? most_memory : RLIM_INFINITY}};
    char why[CONFINE_WHY_MAX];
    (void)setsid(); /* no terminal of its own */
    (void)signal(SIGINT, SIG_DFL);
    (void)alarm(WALL_S);
    bool good = confine_media(NULL, 0, why) == ERR_OK;
    for (size_t i = 0; good && i < COUNT_OF(limits); i++) {
        const struct rlimit limit = {limits[i].most, limits[i].most};
        good = setrlimit((__rlimit_resource_t)limits[i].what, &limit) == 0;
    }
    return good;
}

/* The node's socket is closed, and what tells others that the command has ended. */
static _Noreturn void become(helper_serve *serve, const void *argument, int socket) {
    (void)signal(SIGINT, SIG_IGN);
    if (dup2(socket, STDERR_FILENO + 1) < 0 || close_range(STDERR_FILENO + 2, ~0U, 0) != 0) {
        _exit(1);
    }
    (void)fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
    serve(STDERR_FILENO + 1, argument);
    _exit(0);
}
