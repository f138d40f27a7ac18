/* Media: what ffmpeg does for us, each time in a process of its own behind walls (P1).
 *
 * `stoop-media` runs one job and becomes ffmpeg or ffprobe: it may read the files of its job and
 * the system's libraries, write its standard output, and nothing else; it has no network and no
 * keys. This side starts it and reads what it says. Formats are forced by the file's name, never
 * guessed from its contents: a playlist that is called .mp4 is refused, not followed.
 *
 * All calls block; the caller is ingest, which has nothing else to do. */
#ifndef NODE_MEDIA_MEDIA_H
#define NODE_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "node/base/bytes.h"

enum {
    MEDIA_PATH_MAX = 2048,
    MEDIA_ANSWER_MAX = 64 * 1024, /* of a probe */
    MEDIA_PROBE_S = 20,           /* longest probe */
    MEDIA_INPUTS_MAX = 4500,
};

enum media_format {
    MEDIA_MOV = 1,
    MEDIA_MATROSKA,
    MEDIA_MPEGTS,
    MEDIA_AVI
};

struct media_info {
    int64_t duration_ms; /* > 0 */
    uint32_t width, height;
    bool audio;
    bool tagged;        /* holds metadata that may identify: a place, a device, a name */
    int64_t created_ms; /* as the container says; 0: it does not */
};

/* By the name's ending; false for anything else. */
bool media_format_of(const char *path, enum media_format *out);

/* `worker` is the path of stoop-media. ERR_USER_MEDIA: not a video that can be read;
 * ERR_HOST_CHILD: the worker or ffprobe could not be started. */
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

/* Starts the worker; its standard output, fragmented MP4 without metadata, comes through *out_fd.
 */
MUST_USE enum err media_join_start(const char *worker, const struct media_join *join, int *out_fd,
                                   pid_t *out_pid);
/* After the end of its output. ERR_USER_MEDIA: ffmpeg failed, and what it wrote is worth nothing.
 */
MUST_USE enum err media_join_end(pid_t pid);

/* The worker's side (main.c): reads a job from descriptor `spec`, never returns. */
_Noreturn void media_work(const char *kind, int spec);

#endif
