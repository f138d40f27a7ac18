#include "node/media/media.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static enum err start_worker(const char *worker, const char *kind, struct bytes spec, int *out_fd,
                             pid_t *out_pid);
static enum err read_answer(int fd, pid_t pid, struct media_info *out);
static enum err spec_line(struct buffer *out, const struct media_input *input);

static const struct {
    const char *ending;
    enum media_format format;
} endings[] = {
    {".mp4", MEDIA_MOV},       {".mov", MEDIA_MOV},   {".m4v", MEDIA_MOV}, {".mkv", MEDIA_MATROSKA},
    {".webm", MEDIA_MATROSKA}, {".ts", MEDIA_MPEGTS}, {".avi", MEDIA_AVI},
};

bool media_format_of(const char *path, enum media_format *out) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < COUNT_OF(endings); i++) {
        if (strcasecmp(dot, endings[i].ending) == 0) {
            *out = endings[i].format;
            return true;
        }
    }
    return false;
}

enum err media_probe(const char *worker, const char *path, enum media_format format,
                     struct media_info *out) {
    struct media_input input = {.path = path, .format = format};
    SCOPED(buffer_finish) struct buffer spec = {.max = MEDIA_PATH_MAX + 128};
    int fd = -1;
    pid_t pid = 0;
    enum err err = spec_line(&spec, &input);
    if (err == ERR_OK) {
        err = start_worker(worker, "probe", buffer_bytes(&spec), &fd, &pid);
    }
    return err == ERR_OK ? read_answer(fd, pid, out) : err;
}

enum err media_join_start(const char *worker, const struct media_join *join, int *out_fd,
                          pid_t *out_pid) {
    SCOPED(buffer_finish) struct buffer spec = {.max = MEDIA_INPUTS_MAX * (MEDIA_PATH_MAX + 96)};
    char line[96];
    (void)snprintf(line, sizeof line, "%s %" PRId64 " %" PRId64 "\n", join->cut ? "cut" : "copy",
                   join->from_ms, join->to_ms);
    enum err err = buffer_append(&spec, BYTES_TEXT(line));
    for (size_t i = 0; err == ERR_OK && i < join->count; i++) {
        err = spec_line(&spec, &join->inputs[i]);
    }
    return err == ERR_OK ? start_worker(worker, "join", buffer_bytes(&spec), out_fd, out_pid) : err;
}

ssize_t media_join_read(int fd, uint8_t *out, size_t room) {
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int count = poll(&ready, 1, MEDIA_SILENCE_S * 1000);
        ssize_t got = count > 0 ? read(fd, out, room) : -1;
        if (got >= 0 || (count != 0 && errno != EINTR)) {
            return got;
        }
        if (count == 0) {
            return -1;
        }
    }
}

enum err media_join_end(pid_t pid, bool stop) {
    int status = 0;
    if (stop) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return ERR_HOST_CHILD;
        }
    }
    if (!WIFEXITED(status)) {
        return ERR_USER_MEDIA;
    }
    /* What fails on our side must not be held against the file, or its footage is lost. */
    bool ours = WEXITSTATUS(status) >= MEDIA_EXIT_HOST;
    bool known = WEXITSTATUS(status) <= MEDIA_EXIT_NO_FFMPEG;
    return WEXITSTATUS(status) == 0 ? ERR_OK : ours && known ? ERR_HOST_CHILD : ERR_USER_MEDIA;
}

static enum err spec_line(struct buffer *out, const struct media_input *input) {
    char line[MEDIA_PATH_MAX + 96];
    if (strlen(input->path) >= MEDIA_PATH_MAX || strchr(input->path, '\n') != NULL) {
        return ERR_USER_MEDIA;
    }
    (void)snprintf(line, sizeof line, "%d %" PRId64 " %" PRId64 " %s\n", (int)input->format,
                   input->start_ms, input->duration_ms, input->path);
    return buffer_append(out, BYTES_TEXT(line));
}

/* The job travels in a memory file, so nothing of it shows in a process list. */
static enum err start_worker(const char *worker, const char *kind, struct bytes spec, int *out_fd,
                             pid_t *out_pid) {
    int answer[2] = {-1, -1};
    int job = memfd_create("stoop-job", MFD_CLOEXEC);
    bool good = job >= 0 && write(job, spec.at, spec.len) == (ssize_t)spec.len &&
                lseek(job, 0, SEEK_SET) == 0 && pipe2(answer, O_CLOEXEC) == 0;
    pid_t pid = good ? fork() : -1;
    if (pid == 0) {
        char number[16];
        char *arguments[] = {(char *)worker, (char *)kind, number, NULL};
        char *environment[] = {"LANG=C.UTF-8", "TZ=UTC", NULL};
        int null = open("/dev/null", O_RDONLY);
        int high = fcntl(job, F_DUPFD, 10);
        (void)snprintf(number, sizeof number, "%d", 3);
        if (null >= 0 && dup2(null, 0) == 0 && dup2(answer[1], 1) == 1 && dup2(high, 3) == 3) {
            (void)close_range(4, ~0U, 0);
            (void)execve(worker, arguments, environment);
        }
        _exit(MEDIA_EXIT_NOT_STARTED);
    }
    if (job >= 0) {
        (void)close(job);
    }
    if (answer[1] >= 0) {
        (void)close(answer[1]);
    }
    if (pid < 0) {
        if (answer[0] >= 0) {
            (void)close(answer[0]);
        }
        return ERR_HOST_CHILD;
    }
    *out_fd = answer[0];
    *out_pid = pid;
    return ERR_OK;
}

/* A line at a time: a day at 30 pictures a second has millions of them. */
static enum err read_answer(int fd, pid_t pid, struct media_info *out) {
    char line[MEDIA_LINE_MAX];
    uint8_t part[16 * 1024];
    size_t len = 0;
    ssize_t got = 0;
    struct media_answer answer;
    media_answer_start(&answer);
    while ((got = media_join_read(fd, part, sizeof part)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (part[i] == '\n') {
                line[len] = '\0';
                media_answer_line(&answer, line);
                len = 0;
            } else if (len + 1 < sizeof line && part[i] != '\0') {
                line[len++] = (char)part[i];
            }
        }
    }
    (void)close(fd);
    enum err err = media_join_end(pid, got < 0);
    return err == ERR_OK ? media_answer_end(&answer, out) : err;
}
