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
#include <time.h>
#include <unistd.h>

#include "node/base/instant.h"

static enum err start_worker(const char *worker, const char *kind, struct bytes spec, int *out_fd,
                             pid_t *out_pid);
static enum err read_answer(int fd, pid_t pid, char *out, size_t room);
static bool parse_line(const char *line, struct media_info *info);
static void first_of(uint32_t *size, const char *text);
static bool value_of(const char *line, const char *key, char *out, size_t room);
static bool harmless_tag(const char *line);
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
    char answer[MEDIA_ANSWER_MAX];
    struct media_info info = {0};
    struct media_input input = {.path = path, .format = format};
    SCOPED(buffer_finish) struct buffer spec = {.max = MEDIA_PATH_MAX + 128};
    int fd = -1;
    pid_t pid = 0;
    enum err err = spec_line(&spec, &input);
    if (err == ERR_OK) {
        err = start_worker(worker, "probe", buffer_bytes(&spec), &fd, &pid);
    }
    if (err == ERR_OK) {
        err = read_answer(fd, pid, answer, sizeof answer);
    }
    if (err != ERR_OK) {
        return err;
    }
    char *rest = NULL;
    for (char *line = strtok_r(answer, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (!parse_line(line, &info)) {
            return ERR_USER_MEDIA;
        }
    }
    if (info.duration_ms <= 0 || info.width == 0 || info.height == 0) {
        return ERR_USER_MEDIA;
    }
    *out = info;
    return ERR_OK;
}

enum err media_join_start(const char *worker, const struct media_join *join, int *out_fd,
                          pid_t *out_pid) {
    SCOPED(buffer_finish) struct buffer spec = {.max = MEDIA_INPUTS_MAX * 512};
    char line[96];
    (void)snprintf(line, sizeof line, "%s %" PRId64 " %" PRId64 "\n", join->cut ? "cut" : "copy",
                   join->from_ms, join->to_ms);
    enum err err = buffer_append(&spec, BYTES_TEXT(line));
    for (size_t i = 0; err == ERR_OK && i < join->count; i++) {
        err = spec_line(&spec, &join->inputs[i]);
    }
    return err == ERR_OK ? start_worker(worker, "join", buffer_bytes(&spec), out_fd, out_pid) : err;
}

enum err media_join_end(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return ERR_HOST_CHILD;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? ERR_OK : ERR_USER_MEDIA;
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
        _exit(126);
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

static enum err read_answer(int fd, pid_t pid, char *out, size_t room) {
    size_t len = 0;
    time_t until = time(NULL) + MEDIA_PROBE_S;
    bool whole = false;
    while (!whole && len + 1 < room && time(NULL) <= until) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 1000) <= 0) {
            continue;
        }
        ssize_t got = read(fd, out + len, room - 1 - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        whole = got <= 0;
        len += got > 0 ? (size_t)got : 0;
    }
    (void)close(fd);
    if (!whole) { /* too slow or too much: a file that is made to be so */
        (void)kill(pid, SIGKILL);
    }
    out[len] = '\0';
    enum err err = media_join_end(pid);
    return whole ? err : ERR_USER_MEDIA;
}

/* ffprobe's flat form: format.duration="12.345000", streams.stream.0.width=640. */
static bool parse_line(const char *line, struct media_info *info) {
    char value[256];
    if (value_of(line, "format.duration=", value, sizeof value)) {
        double seconds = strtod(value, NULL);
        info->duration_ms = seconds > 0 && seconds < 1e9 ? (int64_t)(seconds * 1000 + 0.5) : 0;
    } else if (strstr(line, ".codec_type=\"audio\"") != NULL) {
        info->audio = true;
    } else if (strstr(line, ".codec_type=") != NULL && strstr(line, "=\"video\"") == NULL) {
        info->tagged = true; /* a track of subtitles or data: where it was, how it moved */
    } else if (strncmp(line, "streams.", 8) == 0 && strstr(line, ".width=") != NULL) {
        first_of(&info->width, strstr(line, ".width=") + 7);
    } else if (strncmp(line, "streams.", 8) == 0 && strstr(line, ".height=") != NULL) {
        first_of(&info->height, strstr(line, ".height=") + 8);
    } else if (value_of(line, "format.tags.creation_time=", value, sizeof value)) {
        struct instant at;
        info->created_ms = instant_parse(value, &at) == ERR_OK ? at.ms : 0;
    } else if (strstr(line, ".tags.") != NULL && !harmless_tag(line)) {
        info->tagged = true;
    }
    return info->width <= 16384 && info->height <= 16384;
}

/* The picture that is sent is the first one's; a track without one says "N/A". */
static void first_of(uint32_t *size, const char *text) {
    unsigned long value = strtoul(text, NULL, 10);
    *size = *size == 0 && value <= UINT32_MAX ? (uint32_t)value : *size;
}

static bool value_of(const char *line, const char *key, char *out, size_t room) {
    size_t len = strlen(key);
    if (strncmp(line, key, len) != 0) {
        return false;
    }
    const char *from = line + len + (line[len] == '"' ? 1 : 0);
    (void)snprintf(out, room, "%s", from);
    out[strcspn(out, "\"")] = '\0';
    return true;
}

/* What a muxer writes about itself. Everything else may say where, with what or by whom. */
static bool harmless_tag(const char *line) {
    static const char *const names[] = {
        "major_brand", "minor_version", "compatible_brands", "encoder",  "handler_name",
        "vendor_id",   "language",      "creation_time",     "DURATION", "ENCODER"};
    const char *tag = strstr(line, ".tags.") + 6;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t len = strlen(names[i]);
        if (strncmp(tag, names[i], len) == 0 && tag[len] == '=') {
            return true;
        }
    }
    return false;
}
