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

enum {
    EDIT_SPEC_MAX = 1024,
    /* An encoder's lead: two frames of sound, long ones at 8 kHz; the muxer moves pictures by it.
     */
    EDIT_SLACK_MS = 500,
};

static enum err start_worker(const char *worker, const char *kind, struct bytes spec, int clip,
                             int *out_fd, pid_t *out_pid);
static enum err read_answer(int fd, pid_t pid, struct media_info *out);
static enum err probe_clip(const char *worker, int clip, bool all, struct media_info *out);
static enum err make_edit(const char *worker, const struct media_edit *edit, bool copy,
                          int64_t lead_ms, uint64_t most, int out);
static enum err keep_output(int fd, uint64_t most, int out);
static enum err check_edit(const char *worker, const struct media_edit *edit,
                           const struct media_info *source, int out, struct media_info *info);
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
        err = start_worker(worker, "probe", buffer_bytes(&spec), -1, &fd, &pid);
    }
    return err == ERR_OK ? read_answer(fd, pid, out) : err;
}

enum err media_edit(const char *worker, const struct media_edit *edit, uint64_t most, int out,
                    struct media_edited *edited) {
    struct media_info source = {.hidden = true};
    enum err err = probe_clip(worker, edit->clip, false, &source);
    /* What a player does not show would be copied, and shown. */
    bool copy = edit->area_count == 0 && edit->to_ms == 0 && !source.hidden;
    if (err == ERR_OK) {
        err = make_edit(worker, edit, copy, source.first_ms - source.start_ms, most, out);
    }
    if (err == ERR_OK) {
        err = check_edit(worker, edit, &source, out, &edited->info);
    }
    edited->making = copy ? CLIP_COPIED : CLIP_REENCODED;
    return err;
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
    return err == ERR_OK ? start_worker(worker, "join", buffer_bytes(&spec), -1, out_fd, out_pid)
                         : err;
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

/* Of an MP4 in memory. `all`: edit lists are ignored, and all that is in it counts. */
static enum err probe_clip(const char *worker, int clip, bool all, struct media_info *out) {
    int fd = -1;
    pid_t pid = 0;
    enum err err = start_worker(worker, all ? "probe-all" : "probe-clip", (struct bytes){NULL, 0},
                                clip, &fd, &pid);
    return err == ERR_OK ? read_answer(fd, pid, out) : err;
}

/* "edit FROM TO MUTE COPY", moments from whatever is first in the clip, then an area a line. */
static enum err make_edit(const char *worker, const struct media_edit *edit, bool copy,
                          int64_t lead_ms, uint64_t most, int out) {
    SCOPED(buffer_finish) struct buffer spec = {.max = EDIT_SPEC_MAX};
    char line[EDIT_SPEC_MAX / (EDIT_AREAS_MAX + 1)];
    int fd = -1;
    pid_t pid = 0;
    bool whole = edit->to_ms == 0;
    (void)snprintf(line, sizeof line, "edit %" PRId64 " %" PRId64 " %d %d\n",
                   whole ? 0 : lead_ms + edit->from_ms, whole ? 0 : lead_ms + edit->to_ms,
                   edit->mute ? 1 : 0, copy ? 1 : 0);
    enum err err = buffer_append(&spec, BYTES_TEXT(line));
    for (size_t i = 0; err == ERR_OK && i < edit->area_count; i++) {
        const struct edit_area *area = &edit->areas[i];
        (void)snprintf(line, sizeof line, "%" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                       area->left, area->top, area->right, area->bottom);
        err = buffer_append(&spec, BYTES_TEXT(line));
    }
    if (err == ERR_OK) {
        err = start_worker(worker, "edit", buffer_bytes(&spec), edit->clip, &fd, &pid);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = keep_output(fd, most, out);
    (void)close(fd);
    enum err ended = media_join_end(pid, err != ERR_OK);
    return err == ERR_OK ? ended : err;
}

static enum err keep_output(int fd, uint64_t most, int out) {
    static uint8_t part[256 * 1024];
    ssize_t got = 0;
    while ((got = media_join_read(fd, part, sizeof part)) > 0) {
        if ((uint64_t)got > most) {
            return ERR_FULL_BUFFER;
        }
        most -= (uint64_t)got;
        for (ssize_t at = 0; at < got;) {
            ssize_t put = write(out, part + at, (size_t)(got - at));
            if (put <= 0 && errno != EINTR) {
                return ERR_HOST_MEMORY;
            }
            at += put > 0 ? put : 0;
        }
    }
    return got == 0 ? ERR_OK : ERR_USER_MEDIA;
}

/* Once as a player sees it, which finds what it would not show; once all that there is. */
static enum err check_edit(const char *worker, const struct media_edit *edit,
                           const struct media_info *source, int out, struct media_info *info) {
    struct media_info all;
    enum err err = probe_clip(worker, out, false, info);
    if (err == ERR_OK) {
        err = probe_clip(worker, out, true, &all);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool whole = edit->to_ms == 0;
    int64_t video = whole ? source->video_span_ms : edit->to_ms - edit->from_ms;
    int64_t audio = whole ? source->audio_span_ms : video;
    bool within =
        all.video_span_ms <= video + EDIT_SLACK_MS && all.audio_span_ms <= audio + EDIT_SLACK_MS;
    bool silent = !edit->mute || (!info->audio && !all.audio);
    return within && silent && !info->hidden && !info->tagged && !all.hidden && !all.tagged
               ? ERR_OK
               : ERR_USER_MEDIA;
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

/* The job travels in a memory file, so nothing of it shows in a process list. `clip`: a descriptor
 * that the worker gets as MEDIA_EDIT_FD; -1: none. */
static enum err start_worker(const char *worker, const char *kind, struct bytes spec, int clip,
                             int *out_fd, pid_t *out_pid) {
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
        int high_clip = clip < 0 ? -1 : fcntl(clip, F_DUPFD, 10);
        (void)snprintf(number, sizeof number, "%d", 3);
        if (null >= 0 && dup2(null, 0) == 0 && dup2(answer[1], 1) == 1 && dup2(high, 3) == 3 &&
            (clip < 0 || dup2(high_clip, MEDIA_EDIT_FD) == MEDIA_EDIT_FD)) {
            (void)close_range(MEDIA_EDIT_FD + (clip < 0 ? 0 : 1), ~0U, 0);
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
