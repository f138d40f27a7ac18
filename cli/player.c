#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/clip.h"

struct player {
    int socket;
};

static void serve(int socket, const void *command);
static int receive_file(int socket);
static _Noreturn void show(int file, const char *command);

int player_start(const char *command, struct player **out) {
    struct player *player = calloc(1, sizeof *player);
    if (player == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = child_start("the player", serve, command, &player->socket);
    if (failed != 0) {
        free(player);
        return failed;
    }
    *out = player;
    return 0;
}

FILE *player_file(void) {
    int fd = memfd_create("clip", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+e");
    if (file == NULL && fd >= 0) {
        (void)close(fd);
    }
    return file;
}

bool player_show(struct player *player, FILE *take_file) {
    char byte = 'p';
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    bool good = fflush(take_file) == 0;
    int fd = fileno(take_file);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    good = good && sendmsg(player->socket, &message, MSG_NOSIGNAL) == 1;
    (void)fclose(take_file);
    return good;
}

void player_stop(struct player *player) {
    if (player != NULL) {
        (void)close(player->socket); /* the child sees the end, and ends */
        free(player);
    }
}

static void serve(int socket, const void *command) {
    int file = -1;
    (void)signal(SIGCHLD, SIG_IGN);
    while ((file = receive_file(socket)) >= 0) {
        if (fork() == 0) {
            show(file, command);
        }
        (void)close(file);
    }
}

/* -1 at the end. */
static int receive_file(int socket) {
    char byte = 0;
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int file = -1;
    if (recvmsg(socket, &message, 0) != 1) {
        return -1;
    }
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS) {
        memcpy(&file, CMSG_DATA(rights), sizeof file);
    }
    return file;
}

/* The terminal stays the prompt's: the player gets neither its keys nor its screen. */
static _Noreturn void show(int file, const char *command) {
    char line[1024];
    char path[32];
    (void)setsid();
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)snprintf(line, sizeof line, "exec %s \"$1\" </dev/null >/dev/null 2>&1", command);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", file);
    (void)execl("/bin/sh", "sh", "-c", line, "stoop", path, (char *)NULL);
    _exit(127);
}
