#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
    CHILD_SOCKET = STDERR_FILENO + 1
};

static _Noreturn void become(int socket, child_serve *serve, const void *with);

int child_start(const char *what, child_serve *serve, const void *with, int *out) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return fail(NULL, "%s cannot be started: %s", what, strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        become(pair[1], serve, with);
    }
    int reason = errno;
    (void)close(pair[1]);
    if (child < 0) {
        (void)close(pair[0]);
        return fail(NULL, "%s cannot be started: %s", what, strerror(reason));
    }
    *out = pair[0];
    return 0;
}

/* The node's socket goes, and what tells others that this command has ended. */
static _Noreturn void become(int socket, child_serve *serve, const void *with) {
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C is for the command; it ends the child by ending */
    if (dup2(socket, CHILD_SOCKET) < 0 || close_range(CHILD_SOCKET + 1, ~0U, 0) != 0) {
        _exit(1);
    }
    (void)fcntl(CHILD_SOCKET, F_SETFD, FD_CLOEXEC);
    serve(CHILD_SOCKET, with);
    _exit(0);
}
