/* The worker's side: walls up, then it becomes ffmpeg. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "node/confine/confine.h"
#include "node/media/media.h"

enum {
    JOIN_CPU_S = 4 * 3600,
    FILES_MAX = 512,
    WORDS_MAX = 64,
};
#define ADDRESS_SPACE ((rlim_t)8 << 30)
#define PROBED                                                                                     \
    ("packet=stream_index,pts_time,dts_time,duration_time,flags:format=duration,start_time:"       \
     "format_tags:"                                                                                \
     "stream=index,codec_type,width,height,nb_frames:stream_tags:chapter_tags:program_tags")
#define PIXELS_MAX "67108864" /* twice an 8K picture: more is made to take memory */

struct job {
    bool cut;
    int64_t from_ms, to_ms;
    size_t count;
    struct media_input inputs[MEDIA_INPUTS_MAX];
};

struct edit_job {
    int64_t from_ms, to_ms; /* from whatever is first in it; 0 and 0: all of it */
    bool mute, copy;
    size_t area_count;
    struct edit_area areas[EDIT_AREAS_MAX];
};

static void read_edit(int spec, struct edit_job *job);
static void read_spec(int spec, bool has_window, struct job *job);
static void raise_walls(const struct job *job);
static void set_limits(rlim_t cpu_s);
static int write_list(const struct job *job);
static _Noreturn void become(const char *program, char *const *words);
static _Noreturn void probe(const char *path, enum media_format format, const struct job *job,
                            bool all);
static _Noreturn void join(const struct job *job);
static _Noreturn void edit(const struct edit_job *job);
static void black_areas(const struct edit_job *job, char *out, size_t room);
static size_t add_words(char **words, size_t count, const char *const *more, size_t more_count);
static _Noreturn void give_up(const char *why);

static const char *const demuxers[] = {[MEDIA_MOV] = "mov",
                                       [MEDIA_MATROSKA] = "matroska",
                                       [MEDIA_MPEGTS] = "mpegts",
                                       [MEDIA_AVI] = "avi"};

static const char clip_path[] = "/proc/self/fd/4";
static_assert(MEDIA_EDIT_FD == 4, "as clip_path says");

/* What every job of ffmpeg begins with. */
static const char *const before[] = {"ffmpeg",
                                     "-nostdin",
                                     "-v",
                                     "quiet",
                                     "-max_pixels",
                                     PIXELS_MAX,
                                     "-fflags", /* else half a frame ends all the files after it */
                                     "+discardcorrupt",
                                     "-protocol_whitelist",
                                     "file"};
/* Moments are the files' own (-copyts), not counted from a sound that begins before the
 * picture. Each picture once, at its own moment: at a constant rate, or in beats of the frame
 * rate, ffmpeg fills a gap with a frozen picture and drops a picture that comes between two
 * beats. Without B frames the first picture is shown at once, and no edit list is needed to say
 * so. */
static const char *const anew[] = {
    "-copyts", "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-c:v",
    "libx264", "-preset",   "veryfast",    "-crf",           "18",      "-bf",
    "0",       "-pix_fmt",  "yuv420p",     "-c:a",           "aac"};
/* Fragmented MP4 to standard output, without metadata. */
static const char *const after[] = {"-map_metadata",
                                    "-1",
                                    "-map_metadata:s",
                                    "-1",
                                    "-map_chapters",
                                    "-1",
                                    "-fflags",
                                    "+bitexact",
                                    "-flags:v",
                                    "+bitexact",
                                    "-avoid_negative_ts",
                                    "make_zero",
                                    "-movflags",
                                    "frag_keyframe+empty_moov+default_base_moof",
                                    "-f",
                                    "mp4",
                                    "pipe:1"};

static int quiet = -1; /* /dev/null, opened before the walls */

_Noreturn void media_work(const char *kind, int spec) {
    static struct job job;
    quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (quiet < 0) {
        give_up("no /dev/null");
    }
    if (strcmp(kind, "edit") == 0) {
        static struct edit_job edits;
        read_edit(spec, &edits);
        edit(&edits);
    }
    if (strcmp(kind, "probe-clip") == 0 || strcmp(kind, "probe-all") == 0) {
        probe(clip_path, MEDIA_MOV, NULL, strcmp(kind, "probe-all") == 0);
    }
    bool joins = strcmp(kind, "join") == 0;
    if (!joins && strcmp(kind, "probe") != 0) {
        give_up("unknown job");
    }
    read_spec(spec, joins, &job);
    if (joins) {
        join(&job);
    }
    probe(job.inputs[0].path, job.inputs[0].format, &job, false);
}

static void read_edit(int spec, struct edit_job *job) {
    FILE *file = fdopen(spec, "re");
    char line[128];
    int mute = 0;
    int copy = 0;
    if (file == NULL || fgets(line, sizeof line, file) == NULL ||
        sscanf(line, "edit %" SCNd64 " %" SCNd64 " %d %d", &job->from_ms, &job->to_ms, &mute,
               &copy) != 4) {
        give_up("bad job");
    }
    job->mute = mute != 0;
    job->copy = copy != 0;
    while (fgets(line, sizeof line, file) != NULL) {
        struct edit_area area;
        if (job->area_count == EDIT_AREAS_MAX ||
            sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &area.left, &area.top,
                   &area.right, &area.bottom) != 4 ||
            area.left >= area.right || area.right > EDIT_SCALE || area.top >= area.bottom ||
            area.bottom > EDIT_SCALE) {
            give_up("bad job");
        }
        job->areas[job->area_count++] = area;
    }
    (void)fclose(file);
}

static void read_spec(int spec, bool has_window, struct job *job) {
    FILE *file = fdopen(spec, "re");
    static char line[MEDIA_PATH_MAX + 128];
    if (file == NULL) {
        give_up("no job");
    }
    if (has_window) {
        char mode[8];
        if (fgets(line, sizeof line, file) == NULL ||
            sscanf(line, "%7s %" SCNd64 " %" SCNd64, mode, &job->from_ms, &job->to_ms) != 3) {
            give_up("bad job");
        }
        job->cut = strcmp(mode, "cut") == 0;
    }
    while (fgets(line, sizeof line, file) != NULL && job->count < MEDIA_INPUTS_MAX) {
        struct media_input *input = &job->inputs[job->count];
        int format = 0;
        int at = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%d %" SCNd64 " %" SCNd64 " %n", &format, &input->start_ms,
                   &input->duration_ms, &at) != 3 ||
            format < MEDIA_MOV || format > MEDIA_AVI || line[at] != '/') {
            give_up("bad job");
        }
        input->format = (enum media_format)format;
        input->path = strdup(line + at);
        if (input->path == NULL) {
            give_up("out of memory");
        }
        job->count++;
    }
    (void)fclose(file);
    if (job->count == 0) {
        give_up("empty job");
    }
}

/* These files and the system's libraries. What ingest may read besides is lost here. NULL: no file
 * at all; a clip in memory lies behind no wall. */
static void raise_walls(const struct job *job) {
    static const char *files[MEDIA_INPUTS_MAX];
    char why[CONFINE_WHY_MAX];
    size_t count = job == NULL ? 0 : job->count;
    for (size_t i = 0; i < count; i++) {
        files[i] = job->inputs[i].path;
        if (access(files[i], R_OK) != 0) {
            _exit(MEDIA_EXIT_UNFIT);
        }
    }
    if (confine_media(files, count, why) != ERR_OK) {
        give_up(why);
    }
}

static void set_limits(rlim_t cpu_s) {
    const struct {
        int what;
        rlim_t most;
    } limits[] = {
        {RLIMIT_CPU, cpu_s}, {RLIMIT_NOFILE, FILES_MAX}, {RLIMIT_CORE, 0},
        {RLIMIT_FSIZE, 0},   {RLIMIT_AS, ADDRESS_SPACE},
    };
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        const struct rlimit limit = {limits[i].most, limits[i].most};
        if (setrlimit((__rlimit_resource_t)limits[i].what, &limit) != 0) {
            give_up("limits could not be set");
        }
    }
}

/* `job` NULL: a clip in memory. */
static _Noreturn void probe(const char *path, enum media_format format, const struct job *job,
                            bool all) {
    const char *const first[] = {"ffprobe",  "-v",      "quiet",           "-max_pixels",
                                 PIXELS_MAX, "-fflags", "+discardcorrupt", "-protocol_whitelist",
                                 "file",     "-f",      demuxers[format]};
    const char *const whole[] = {"-ignore_editlist", "1"};
    const char *const then[] = {"-show_entries", PROBED, "-of", "flat", "-i", path};
    char *words[WORDS_MAX];
    size_t count = add_words(words, 0, first, COUNT_OF(first));
    count = add_words(words, count, whole, all ? COUNT_OF(whole) : 0);
    count = add_words(words, count, then, COUNT_OF(then));
    words[count] = NULL;
    raise_walls(job);
    set_limits(MEDIA_PROBE_CPU_S);
    become("/usr/bin/ffprobe", words);
}

/* Through the concat demuxer, whose list lies in memory; its parts may only be containers that we
 * know. A gap stays a gap: each part's duration in the list is the distance to the next one's
 * start. */
static _Noreturn void join(const struct job *job) {
    char list[32];
    char skip[32];
    char length[32];
    char *words[WORDS_MAX];
    int64_t start = job->inputs[0].start_ms;
    int64_t from = job->from_ms > start ? job->from_ms - start : 0;
    int fd = write_list(job);
    (void)snprintf(list, sizeof list, "/proc/self/fd/%d", fd);
    (void)snprintf(skip, sizeof skip, "%.3f", (double)from / 1000);
    (void)snprintf(length, sizeof length, "%.3f", (double)(job->to_ms - start - from) / 1000);
    const char *const from_list[] = {"-format_whitelist",
                                     "concat,mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi",
                                     "-f",
                                     "concat",
                                     "-safe",
                                     "0",
                                     "-i",
                                     list,
                                     "-map",
                                     "0:v:0",
                                     "-map",
                                     "0:a:0?"};
    const char *const copy[] = {"-c", "copy"};
    const char *const window[] = {"-ss", skip, "-t", length};
    size_t count = add_words(words, 0, before, COUNT_OF(before));
    count = add_words(words, count, from_list, COUNT_OF(from_list));
    if (job->cut) {
        count = add_words(words, count, window, COUNT_OF(window));
        count = add_words(words, count, anew, COUNT_OF(anew));
    } else {
        count = add_words(words, count, copy, COUNT_OF(copy));
    }
    count = add_words(words, count, after, COUNT_OF(after));
    words[count] = NULL;
    raise_walls(job);
    set_limits(JOIN_CPU_S);
    become("/usr/bin/ffmpeg", words);
}

/* From a clip in memory. What is taken away is not in the output at all: pictures before a moment
 * are decoded and dropped, black is painted before they are encoded. */
static _Noreturn void edit(const struct edit_job *job) {
    char skip[32];
    char length[32];
    char areas[EDIT_AREAS_MAX * 160];
    char *words[WORDS_MAX];
    black_areas(job, areas, sizeof areas);
    (void)snprintf(skip, sizeof skip, "%.3f", (double)job->from_ms / 1000);
    (void)snprintf(length, sizeof length, "%.3f", (double)(job->to_ms - job->from_ms) / 1000);
    /* Sought before it is read, so that hours before a moment are not decoded: ffmpeg goes to the
     * keyframe before it, and drops what it decodes up to there. */
    const char *const from_clip[] = {"-f", "mov", "-i", clip_path, "-map", "0:v:0"};
    const char *const sound[] = {"-map", "0:a:0?"};
    const char *const copy[] = {"-c", "copy"};
    const char *const window[] = {"-ss", skip, "-t", length};
    const char *const black[] = {"-vf", areas};
    size_t count = add_words(words, 0, before, COUNT_OF(before));
    count = add_words(words, count, window, job->to_ms > 0 ? COUNT_OF(window) : 0);
    count = add_words(words, count, from_clip, COUNT_OF(from_clip));
    count = add_words(words, count, sound, job->mute ? 0 : COUNT_OF(sound));
    if (job->copy) {
        count = add_words(words, count, copy, COUNT_OF(copy));
    } else {
        count = add_words(words, count, black, job->area_count > 0 ? COUNT_OF(black) : 0);
        count = add_words(words, count, anew, COUNT_OF(anew));
    }
    count = add_words(words, count, after, COUNT_OF(after));
    words[count] = NULL;
    raise_walls(NULL);
    set_limits(JOIN_CPU_S);
    become("/usr/bin/ffmpeg", words);
}

/* Outwards to even pixels, as one sample of colour covers two by two. */
static void black_areas(const struct edit_job *job, char *out, size_t room) {
    size_t len = 0;
    *out = '\0';
    for (size_t i = 0; i < job->area_count; i++) {
        const struct edit_area *area = &job->areas[i];
        len += (size_t)snprintf(out + len, room - len,
                                "%sdrawbox=color=black:t=fill:x=trunc(iw*%" PRIu32
                                "/2000)*2:y=trunc(ih*%" PRIu32 "/2000)*2:w=ceil(iw*%" PRIu32
                                "/2000)*2-trunc(iw*%" PRIu32 "/2000)*2:h=ceil(ih*%" PRIu32
                                "/2000)*2-trunc(ih*%" PRIu32 "/2000)*2",
                                i == 0 ? "" : ",", area->left, area->top, area->right, area->left,
                                area->bottom, area->top);
    }
}

static size_t add_words(char **words, size_t count, const char *const *more, size_t more_count) {
    for (size_t i = 0; i < more_count; i++) {
        ASSERT(count + 1 < WORDS_MAX);
        words[count++] = (char *)more[i];
    }
    return count;
}

static int write_list(const struct job *job) {
    int fd = memfd_create("stoop-list", 0);
    FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "we");
    if (file == NULL) {
        give_up("no memory for the list");
    }
    (void)fputs("ffconcat version 1.0\n", file);
    for (size_t i = 0; i < job->count; i++) {
        const struct media_input *input = &job->inputs[i];
        (void)fputs("file '", file);
        for (const char *at = input->path; *at != '\0'; at++) {
            if (*at == '\'') {
                (void)fputs("'\\''", file);
            } else {
                (void)fputc(*at, file);
            }
        }
        (void)fputs("'\n", file);
        if (i + 1 < job->count) {
            (void)fprintf(file, "duration %.3f\n",
                          (double)(job->inputs[i + 1].start_ms - input->start_ms) / 1000);
        }
    }
    if (fclose(file) != 0) {
        give_up("no memory for the list");
    }
    return fd;
}

static _Noreturn void become(const char *program, char *const *words) {
    char *environment[] = {"LANG=C.UTF-8", "TZ=UTC", NULL};
    int journal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    /* What ffmpeg says names the file, and quotes it: neither belongs in the journal. */
    (void)dup2(quiet, STDERR_FILENO);
    (void)execve(program, words, environment);
    (void)dprintf(journal, "stoop-media: cannot start '%s': %s\n", program, strerror(errno));
    _exit(MEDIA_EXIT_NO_FFMPEG);
}

static _Noreturn void give_up(const char *why) {
    (void)fprintf(stderr, "stoop-media: %s\n", why);
    _exit(MEDIA_EXIT_HOST);
}
