#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/clip.h"

static void serve(int socket, const void *command);
static _Noreturn void show(int file, const char *command);

int player_start(const char *command, struct helper **out) {
    return helper_start(serve, command, "the player", out);
}

FILE *player_file(void) {
    int fd = memfd_create("clip", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w+e");
    if (file == NULL && fd >= 0) {
        (void)close(fd);
    }
    return file;
}

bool player_show(struct helper *player, FILE *take_file) {
    int fd = fileno(take_file);
    bool good = fflush(take_file) == 0 && helper_send(player->socket, "p", 1, &fd, 1);
    (void)fclose(take_file);
    return good;
}

static void serve(int socket, const void *command) {
    char byte = 0;
    int file = -1;
    (void)signal(SIGCHLD, SIG_IGN);
    while (helper_receive(socket, &byte, 1, &file, 1) == 1) {
        if (fork() == 0) {
            show(file, command);
        }
        (void)close(file);
    }
}

/* The terminal stays the prompt's: the player gets neither its keys nor its screen. */
static _Noreturn void show(int file, const char *command) {
    char line[1024];
    char path[32];
    (void)fcntl(file, F_SETFD, 0); /* it is the player's */
    (void)setsid();
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGCHLD, SIG_DFL);
    (void)snprintf(line, sizeof line, "exec %s \"$1\" </dev/null >/dev/null 2>&1", command);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", file);
    (void)execl("/bin/sh", "sh", "-c", line, "stoop", path, (char *)NULL);
    _exit(127);
}
