/* Media: what ffmpeg does for us, each time in a process of its own behind walls (P1).
 *
 * `stoop-media` runs one job and becomes ffmpeg or ffprobe: it may read the files of its job and
 * the system's libraries, write its standard output, and nothing else; it has no network and no
 * keys. This side starts it and reads what it says. Formats are forced by the file's name, never
 * guessed from its contents: a playlist that is called .mp4 is refused, not followed.
 *
 * All calls block; the caller is ingest, which has nothing else to do, or a child of `stoop` that
 * has no keys. */
#ifndef NODE_MEDIA_MEDIA_H
#define NODE_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/base/bytes.h"
#include "proto/clip.h"

enum {
    MEDIA_PATH_MAX = 2048,
    MEDIA_LINE_MAX = 1024, /* of a probe's answer; what is longer is cut */
    MEDIA_SILENCE_S = 60,  /* a worker that says nothing for so long is stopped */
    MEDIA_PROBE_CPU_S = 600,
    MEDIA_INPUTS_MAX = 4500,
    MEDIA_STREAMS_MAX = 16,

    /* Exit codes of stoop-media that are not ffmpeg's. */
    MEDIA_EXIT_UNFIT = 124, /* an input is gone, or cannot be opened */
    MEDIA_EXIT_HOST = 125,  /* no walls, no memory, no limits: not the file's fault */
    MEDIA_EXIT_NOT_STARTED = 126,
    MEDIA_EXIT_NO_FFMPEG = 127,

    MEDIA_EDIT_FD = 4, /* the clip that an edit is made of, in the worker */
};

enum media_format {
    MEDIA_MOV = 1,
    MEDIA_MATROSKA,
    MEDIA_MPEGTS,
    MEDIA_AVI
};

struct media_info {
    int64_t duration_ms; /* > 0: of the frames that are there, whatever the container promises */
    uint32_t width, height;
    bool audio;
    bool tagged; /* holds what may identify: a place, a device, a name, a track that is neither
                    picture nor sound */
    bool hidden; /* holds frames that a player does not show, or promises some that are not there */
    int64_t created_ms; /* as the container says; 0: it does not */
    int64_t start_ms;   /* of whatever is first in it, by its own clock */
    int64_t first_ms;   /* of its pictures */
    /* From the first to the last moment at which a packet of it begins. */
    int64_t video_span_ms, audio_span_ms;
};

/* By the name's ending; false for anything else. */
bool media_format_of(const char *path, enum media_format *out);

/* Reads the whole file: a cut-off one still promises its full length. `worker` is the path of
 * stoop-media. ERR_USER_MEDIA: not a video that can be read; ERR_HOST_CHILD: the worker or ffprobe
 * could not be started. */
MUST_USE enum err media_probe(const char *worker, const char *path, enum media_format format,
                              struct media_info *out);

struct media_input {
    const char *path; /* borrowed */
    enum media_format format;
    int64_t start_ms; /* wall time of its first frame */
    int64_t duration_ms;
};

struct media_join {
    const struct media_input *inputs; /* in order of time */
    size_t count;
    int64_t from_ms, to_ms; /* wall time wanted; inside what the inputs cover */
    bool cut;               /* re-encode to these exact moments; else the inputs are joined whole */
};

/* A clip that takes something away from another (PROTOCOL 6.7). */
struct media_edit {
    int clip;               /* an MP4 in memory, whole */
    int64_t from_ms, to_ms; /* from its first picture; 0 and 0: all of it */
    bool mute;
    size_t area_count;
    struct edit_area areas[EDIT_AREAS_MAX]; /* made black */
};
struct media_edited {
    enum clip_making making; /* copied, when sound alone is taken away and nothing else is in the
                                file; else re-encoded */
    struct media_info info;
};
/* Writes it to `out`, an empty file in memory, and probes that: no picture or sound but of these
 * seconds, none that a player does not show, no tag, no sound when it was to go. ERR_USER_MEDIA:
 * cannot be made, or is not so; ERR_FULL_BUFFER: larger than `most` bytes; ERR_HOST_CHILD. */
MUST_USE enum err media_edit(const char *worker, const struct media_edit *edit, uint64_t most,
                             int out, struct media_edited *edited);

/* Starts the worker; its standard output, fragmented MP4 without metadata, comes through *out_fd.
 */
MUST_USE enum err media_join_start(const char *worker, const struct media_join *join, int *out_fd,
                                   pid_t *out_pid);
/* The next bytes of its output, 0 at the end, -1 when it says nothing for MEDIA_SILENCE_S. */
ssize_t media_join_read(int fd, uint8_t *out, size_t room);
/* After its output was closed. ERR_USER_MEDIA: ffmpeg failed, and what it wrote is worth nothing;
 * ERR_HOST_CHILD as above. `stop`: it is not waited for. */
MUST_USE enum err media_join_end(pid_t pid, bool stop);

/* What ffprobe says, in its flat form (answer.c). */
struct media_answer {
    struct media_packet { /* under way */
        uint32_t stream;
        bool timed;
        double at_s, duration_s;
    } packet;
    struct media_stream {
        enum {
            MEDIA_STREAM_NONE,
            MEDIA_STREAM_VIDEO,
            MEDIA_STREAM_AUDIO,
            MEDIA_STREAM_OTHER
        } kind;
        uint32_t width, height;
        uint64_t packets;  /* that are there */
        uint64_t hidden;   /* of these, not to be shown */
        uint64_t promised; /* by the container; 0: it does not say */
        bool timed;
        double first_s, last_s;
        double last_start_s;
    } streams[MEDIA_STREAMS_MAX];
    double duration_s, start_s;
    bool tagged;
    int64_t created_ms;
};
void media_answer_start(struct media_answer *answer);
void media_answer_line(struct media_answer *answer, char *line); /* without its end; is changed */
MUST_USE enum err media_answer_end(const struct media_answer *answer, struct media_info *out);

/* The worker's side (main.c): reads a job from descriptor `spec`, never returns. Kinds: probe,
 * probe-clip, probe-all, join, edit. */
_Noreturn void media_work(const char *kind, int spec);

#endif
