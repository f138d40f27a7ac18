/* The worker's side: walls up, then it becomes ffmpeg. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/confine/confine.h"
#include "node/media/media.h"

enum {
    JOIN_CPU_S = 4 * 3600,
    FILES_MAX = 512,
    WORDS_MAX = 64,
};
#define ADDRESS_SPACE ((rlim_t)8 << 30)
#define PROBED                                                                                     \
    ("packet=stream_index,pts_time,dts_time,duration_time,flags:format=duration:format_tags:"      \
     "stream=index,codec_type,width,height,nb_frames:stream_tags:chapter_tags:program_tags")
#define PIXELS_MAX "67108864" /* twice an 8K picture: more is made to take memory */

struct job {
    bool cut;
    int64_t from_ms, to_ms;
    size_t count;
    struct media_input inputs[MEDIA_INPUTS_MAX];
};

static void read_spec(int spec, bool has_window, struct job *job);
static void raise_walls(const struct job *job);
static void set_limits(rlim_t cpu_s);
static int write_list(const struct job *job);
static _Noreturn void become(const char *program, char *const *words);
static _Noreturn void probe(const struct job *job);
static _Noreturn void join(const struct job *job);
static _Noreturn void give_up(const char *why);

static const char *const demuxers[] = {[MEDIA_MOV] = "mov",
                                       [MEDIA_MATROSKA] = "matroska",
                                       [MEDIA_MPEGTS] = "mpegts",
                                       [MEDIA_AVI] = "avi"};

static int quiet = -1; /* /dev/null, opened before the walls */

_Noreturn void media_work(const char *kind, int spec) {
    static struct job job;
    quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool joins = strcmp(kind, "join") == 0;
    if (quiet < 0 || (!joins && strcmp(kind, "probe") != 0)) {
        give_up("unknown job");
    }
    read_spec(spec, joins, &job);
    if (joins) {
        join(&job);
    }
    probe(&job);
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

/* These files and the system's libraries. What ingest may read besides is lost here. */
static void raise_walls(const struct job *job) {
    static const char *files[MEDIA_INPUTS_MAX];
    char why[CONFINE_WHY_MAX];
    for (size_t i = 0; i < job->count; i++) {
        files[i] = job->inputs[i].path;
        if (access(files[i], R_OK) != 0) {
            _exit(MEDIA_EXIT_UNFIT);
        }
    }
    if (confine_media(files, job->count, why) != ERR_OK) {
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

static _Noreturn void probe(const struct job *job) {
    char *words[] = {"ffprobe",
                     "-v",
                     "quiet",
                     "-max_pixels",
                     PIXELS_MAX,
                     "-fflags",
                     "+discardcorrupt",
                     "-protocol_whitelist",
                     "file",
                     "-f",
                     (char *)demuxers[job->inputs[0].format],
                     "-show_entries",
                     PROBED,
                     "-of",
                     "flat",
                     "-i",
                     (char *)job->inputs[0].path,
                     NULL};
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
    size_t count = 0;
    int64_t start = job->inputs[0].start_ms;
    int64_t from = job->from_ms > start ? job->from_ms - start : 0;
    int fd = write_list(job);
    (void)snprintf(list, sizeof list, "/proc/self/fd/%d", fd);
    (void)snprintf(skip, sizeof skip, "%.3f", (double)from / 1000);
    (void)snprintf(length, sizeof length, "%.3f", (double)(job->to_ms - start - from) / 1000);
    const char *const before[] = {"ffmpeg",
                                  "-nostdin",
                                  "-v",
                                  "quiet",
                                  "-max_pixels",
                                  PIXELS_MAX,
                                  "-fflags", /* else half a frame ends all the files after it */
                                  "+discardcorrupt",
                                  "-protocol_whitelist",
                                  "file",
                                  "-format_whitelist",
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
                                  "0:a:0?",
                                  "-map_metadata",
                                  "-1",
                                  "-map_metadata:s",
                                  "-1",
                                  "-map_chapters",
                                  "-1",
                                  "-fflags",
                                  "+bitexact",
                                  "-flags:v",
                                  "+bitexact"};
    const char *const copy[] = {"-c", "copy"};
    /* Moments are the files' own (-copyts), not counted from a sound that begins before the
     * picture. Each picture once, at its own moment: at a constant rate, or in beats of the frame
     * rate, ffmpeg fills a gap with a frozen picture and drops a picture that comes between two
     * beats. Without B frames the first picture is shown at once, and no edit list is needed to say
     * so. */
    const char *const cut[] = {"-copyts",  "-ss",       skip,          "-t",
                               length,     "-fps_mode", "passthrough", "-enc_time_base",
                               "1:90000",  "-c:v",      "libx264",     "-preset",
                               "veryfast", "-crf",      "18",          "-bf",
                               "0",        "-pix_fmt",  "yuv420p",     "-c:a",
                               "aac"};
    const char *const after[] = {"-avoid_negative_ts",
                                 "make_zero",
                                 "-movflags",
                                 "frag_keyframe+empty_moov+default_base_moof",
                                 "-f",
                                 "mp4",
                                 "pipe:1"};
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        words[count++] = (char *)before[i];
    }
    for (size_t i = 0; i < (job->cut ? COUNT_OF(cut) : COUNT_OF(copy)); i++) {
        words[count++] = (char *)(job->cut ? cut[i] : copy[i]);
    }
    for (size_t i = 0; i < COUNT_OF(after); i++) {
        words[count++] = (char *)after[i];
    }
    words[count] = NULL;
    raise_walls(job);
    set_limits(JOIN_CPU_S);
    become("/usr/bin/ffmpeg", words);
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
