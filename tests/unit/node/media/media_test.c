/* What ffprobe says and what ffmpeg makes, with the real stoop-media: cut-off files,
 * frames behind edit lists, metadata, playlists in disguise. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/bytes.h"
#include "node/media/media.h"
#include "tests/support/check.h"
#include "tests/support/footage.h"

enum {
    LEAK_FD = 50
};

/* ---- words ---- */

static enum err read_answer(const char *text, struct media_info *out) {
    struct media_answer answer;
    char *copy = strdup(text);
    char *rest = NULL;
    CHECK(copy != NULL);
    media_answer_start(&answer);
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        media_answer_line(&answer, line);
    }
    free(copy);
    return media_answer_end(&answer, out);
}

#define PACKET(n, at, flags)                                                                       \
    "packets.packet." #n ".stream_index=0\npackets.packet." #n ".pts_time=\"" at                   \
    "\"\npackets.packet." #n ".duration_time=\"0.5\"\npackets.packet." #n ".flags=\"" flags "\"\n"
#define VIDEO                                                                                      \
    "streams.stream.0.index=0\nstreams.stream.0.codec_type=\"video\"\n"                            \
    "streams.stream.0.width=640\nstreams.stream.0.height=480\n"

static void test_length_is_that_of_the_frames_that_are_there(void **state) {
    struct media_info info;
    (void)state;
    CHECK_ERR(ERR_OK, read_answer(PACKET(0, "1.0", "K_") PACKET(1, "2.5", "__") VIDEO
                                  "format.duration=\"2.1\"\n",
                                  &info));
    CHECK(info.duration_ms == 2000);
    CHECK(info.width == 640 && info.height == 480);
    CHECK(!info.audio && !info.tagged && !info.hidden);
    CHECK_ERR(ERR_OK, read_answer(PACKET(0, "1.0", "K_") PACKET(1, "2.5", "__") VIDEO
                                  "format.duration=\"3600.0\"\n",
                                  &info)); /* it promises an hour */
    CHECK(info.duration_ms == 2000 && info.hidden);
    /* AVI and the like tell no times: the container is believed. */
    CHECK_ERR(ERR_OK, read_answer(VIDEO "format.duration=\"12.345\"\n", &info));
    CHECK(info.duration_ms == 12345);
}

static void test_frames_not_shown_or_not_there_are_noticed(void **state) {
    struct media_info info;
    (void)state;
    CHECK_ERR(ERR_OK, read_answer(PACKET(0, "-1.0", "KD") PACKET(1, "0.0", "__") VIDEO, &info));
    CHECK(info.hidden && info.duration_ms == 500);
    CHECK_ERR(ERR_OK, read_answer(PACKET(0, "0.0", "K_") PACKET(1, "0.5", "__") VIDEO
                                  "streams.stream.0.nb_frames=\"3\"\n",
                                  &info));
    CHECK(info.hidden);
    CHECK_ERR(ERR_OK, read_answer(PACKET(0, "0.0", "K_") PACKET(1, "0.5", "__") VIDEO
                                  "streams.stream.0.nb_frames=\"2\"\n",
                                  &info));
    CHECK(!info.hidden);
}

static void test_what_may_identify_is_noticed(void **state) {
    static const struct {
        const char *line;
        bool tagged;
    } cases[] = {
        {"format.tags.major_brand=\"isom\"\n", false},
        {"format.tags.encoder=\"Lavf59.27.100\"\n", false},
        {"format.tags.encoder=\"Porchcam 3000 serial 12\"\n", true},
        {"format.tags.creation_time=\"2026-11-24T21:10:00.000000Z\"\n", false},
        {"format.tags.location=\"+52.5201+013.4051/\"\n", true},
        {"format.tags.com_apple_quicktime_make=\"Apple\"\n", true},
        {"streams.stream.0.tags.handler_name=\"VideoHandler\"\n", false},
        {"streams.stream.0.tags.handler_name=\"\"\n", false},
        {"streams.stream.0.tags.handler_name=\"DJI.AVC\"\n", true},
        {"streams.stream.0.tags.vendor_id=\"[0][0][0][0]\"\n", false},
        {"streams.stream.0.tags.vendor_id=\"appl\"\n", true},
        {"streams.stream.0.tags.major_brand_is_not=\"x\"\n", true},
        {"chapters.chapter.0.tags.title=\"Elm Street 12\"\n", true},
        {"programs.program.0.tags.service_name=\"Porch\"\n", true},
        {"streams.stream.1.index=1\nstreams.stream.1.codec_type=\"audio\"\n", false},
        {"streams.stream.1.index=1\nstreams.stream.1.codec_type=\"data\"\n", true},
        {"streams.stream.1.index=1\nstreams.stream.1.codec_type=\"subtitle\"\n", true},
        {"streams.stream.1.index=1\nstreams.stream.1.codec_type=\"attachment\"\n", true},
        {"streams.stream.1.index=1\n", true}, /* ffprobe does not know it */
        {"streams.stream.1.index=1\nstreams.stream.1.codec_type=\"video\"\n", true},
        {"streams.stream.99.codec_type=\"data\"\n", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[1024];
        struct media_info info;
        (void)snprintf(text, sizeof text, "%s%s", VIDEO "format.duration=\"10.0\"\n",
                       cases[i].line);
        CHECK_ERR(ERR_OK, read_answer(text, &info));
        if (info.tagged != cases[i].tagged) {
            print_error("%s", cases[i].line);
        }
        CHECK(info.tagged == cases[i].tagged);
    }
}

/* A file that calls itself a width. */
static void test_no_tag_passes_for_a_fact(void **state) {
    struct media_info info;
    (void)state;
    CHECK_ERR(ERR_OK, read_answer(VIDEO "format.duration=\"10.0\"\n"
                                        "streams.stream.0.tags.comment=\"a.width=1\"\n"
                                        "streams.stream.0.tags.width=2\n"
                                        "streams.stream.0.tags.x=\".codec_type=audio\"\n"
                                        "format.tags.duration=\"99999\"\n",
                                  &info));
    CHECK(info.width == 640 && !info.audio && info.duration_ms == 10000 && info.tagged);
}

static void test_what_is_no_video_is_refused(void **state) {
    static const char *const texts[] = {
        "",
        "format.duration=\"10.0\"\n",
        "streams.stream.0.codec_type=\"audio\"\nformat.duration=\"10.0\"\n",
        "streams.stream.0.codec_type=\"video\"\nformat.duration=\"10.0\"\n",
        VIDEO,
        VIDEO "format.duration=\"0.0\"\n",
        VIDEO "format.duration=\"-5\"\n",
        VIDEO "format.duration=\"nan\"\n",
        VIDEO "format.duration=\"inf\"\n",
        VIDEO "format.duration=\"86401\"\n",
        VIDEO "format.duration=\"N/A\"\n",
        VIDEO "streams.stream.0.width=16385\nformat.duration=\"10.0\"\n",
        VIDEO "streams.stream.0.height=4294967297\nformat.duration=\"10.0\"\n",
        PACKET(0, "0.0", "KD") VIDEO,
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct media_info info = {.duration_ms = -1};
        enum err err = read_answer(texts[i], &info);
        if (err != ERR_USER_MEDIA) {
            print_error("%s", texts[i]);
        }
        CHECK_ERR(ERR_USER_MEDIA, err);
        CHECK(info.duration_ms == -1);
    }
}

/* ---- files ---- */

static struct footage footage;

static int start(void **state) {
    (void)state;
    footage_start(&footage);
    return 0;
}

static int stop(void **state) {
    (void)state;
    footage_stop(&footage);
    return 0;
}

static enum err probe(const char *name, struct media_info *out) {
    char path[PATH_MAX];
    enum media_format format = MEDIA_MOV;
    footage_path(&footage, name, path);
    CHECK(media_format_of(path, &format));
    return media_probe(footage.worker, path, format, out);
}

static void test_a_whole_file_is_probed(void **state) {
    struct media_info info;
    (void)state;
    footage_run(&footage, "ffmpeg -f lavfi -i testsrc=size=160x120:rate=10:duration=10 -f lavfi -i "
                          "sine=duration=10 -c:v libx264 -g 50 -bf 2 -pix_fmt yuv420p -c:a aac "
                          "whole.mp4");
    CHECK_ERR(ERR_OK, probe("whole.mp4", &info));
    CHECK(info.duration_ms == 10000 && info.width == 160 && info.height == 120);
    CHECK(info.audio && !info.tagged && !info.hidden);
    static const char *const others[] = {"mkv", "ts", "mov"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "whole.%s", others[i]);
        footage_run(&footage, "ffmpeg -i whole.mp4 -c copy %s", name);
        CHECK_ERR(ERR_OK, probe(name, &info));
        CHECK(info.duration_ms >= 9900 && info.duration_ms <= 10100 && info.audio && !info.hidden);
    }
    footage_run(&footage, "ffmpeg -i whole.mp4 -an -c:v mjpeg whole.avi");
    CHECK_ERR(ERR_OK, probe("whole.avi", &info));
    CHECK(info.duration_ms == 10000 && !info.audio);
    /* As recorders write that can be killed at any time. */
    footage_run(&footage,
                "ffmpeg -i whole.mp4 -c copy -movflags frag_keyframe+empty_moov fragments.mp4");
    CHECK_ERR(ERR_OK, probe("fragments.mp4", &info));
    CHECK(info.duration_ms == 10000 && !info.hidden);
}

static void test_a_cut_off_file_is_as_long_as_what_is_left(void **state) {
    struct media_info info;
    (void)state;
    footage_run(&footage, "ffmpeg -i whole.mp4 -c copy -movflags +faststart cut.mp4");
    footage_run(&footage, "truncate -s -40000 cut.mp4");
    CHECK_ERR(ERR_OK, probe("cut.mp4", &info));
    CHECK(info.duration_ms > 1000 && info.duration_ms < 9000);
    CHECK(info.hidden);
    /* Without its index, at its end, nothing can be read. */
    footage_run(&footage, "head -c 50000 whole.mp4 >headless.mp4");
    CHECK_ERR(ERR_USER_MEDIA, probe("headless.mp4", &info));
}

static void test_frames_behind_an_edit_list_are_found(void **state) {
    struct media_info info;
    (void)state;
    footage_run(&footage, "ffmpeg -ss 3 -i whole.mp4 -c copy hidden.mp4");
    CHECK_ERR(ERR_OK, probe("hidden.mp4", &info));
    CHECK(info.hidden && info.duration_ms == 7000);
}

static void test_places_and_devices_are_found(void **state) {
    struct media_info info;
    (void)state;
    footage_run(&footage,
                "ffmpeg -i whole.mp4 -c copy -metadata location=+52.5201+013.4051/ gps.mp4");
    CHECK_ERR(ERR_OK, probe("gps.mp4", &info));
    CHECK(info.tagged);
    footage_run(&footage, "ffmpeg -i whole.mp4 -c copy -movflags use_metadata_tags -metadata "
                          "com.apple.quicktime.model=iCam device.mp4");
    CHECK_ERR(ERR_OK, probe("device.mp4", &info));
    CHECK(info.tagged);
    footage_run(&footage,
                "printf '1\\n00:00:00,000 --> 00:00:05,000\\n52.5201 13.4051\\n' >gps.srt");
    footage_run(&footage, "ffmpeg -i whole.mp4 -i gps.srt -map 0 -map 1 -c copy -c:s mov_text "
                          "-map_metadata -1 track.mp4");
    CHECK_ERR(ERR_OK, probe("track.mp4", &info));
    CHECK(info.tagged);
}

static void test_what_only_has_a_videos_name_is_refused(void **state) {
    static const char *const makers[] = {
        "printf '#EXTM3U\\n#EXTINF:10,\\n%s/whole.mp4\\n' \"$PWD\" >bad.mp4",
        "printf 'ffconcat version 1.0\\nfile whole.mp4\\n' >bad.mp4",
        "printf '' >bad.mp4",
        "head -c 100000 /dev/urandom >bad.mp4",
        "head -c 100000 /dev/zero >bad.mp4",
        "cp /usr/bin/env bad.mp4",
        "cp whole.mkv bad.mp4",
        "ffmpeg -f lavfi -i sine=duration=2 -c:a aac bad.mp4", /* sound only */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(makers); i++) {
        struct media_info info;
        footage_run(&footage, "%s", makers[i]);
        enum err err = probe("bad.mp4", &info);
        if (err != ERR_USER_MEDIA) {
            print_error("%s\n", makers[i]);
        }
        CHECK_ERR(ERR_USER_MEDIA, err);
        footage_run(&footage, "rm bad.mp4");
    }
    struct media_info info;
    CHECK_ERR(ERR_USER_MEDIA, probe("not-there.mp4", &info));
    footage_run(&footage, "mkfifo bad.mp4");
    /* ingest opens none; stoop-media would be stopped by its silence */
    footage_run(&footage, "rm bad.mp4");
}

/* What fails on our side is not held against the file: it would never be looked at again. */
static void test_a_worker_that_fails_is_no_verdict_on_the_file(void **state) {
    struct media_info info;
    char path[PATH_MAX];
    char fake[PATH_MAX];
    (void)state;
    footage_path(&footage, "whole.mp4", path);
    CHECK_ERR(ERR_HOST_CHILD, media_probe("/nowhere/stoop-media", path, MEDIA_MOV, &info));
    static const int codes[] = {MEDIA_EXIT_HOST, MEDIA_EXIT_NOT_STARTED, MEDIA_EXIT_NO_FFMPEG};
    footage_path(&footage, "fake", fake);
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        footage_run(&footage, "printf '#!/bin/sh\\nexit %d\\n' >fake && chmod 700 fake", codes[i]);
        CHECK_ERR(ERR_HOST_CHILD, media_probe(fake, path, MEDIA_MOV, &info));
    }
    footage_run(&footage, "printf '#!/bin/sh\\nexit %d\\n' >fake", MEDIA_EXIT_UNFIT);
    CHECK_ERR(ERR_USER_MEDIA, media_probe(fake, path, MEDIA_MOV, &info));
    footage_run(&footage, "printf '#!/bin/sh\\nkill -9 $$\\n' >fake");
    CHECK_ERR(ERR_USER_MEDIA, media_probe(fake, path, MEDIA_MOV, &info));
}

/* What the worker is started with: its job, an answer, no environment, nothing else of ours. */
static void test_the_worker_inherits_nothing(void **state) {
    struct media_info info;
    char path[PATH_MAX];
    char fake[PATH_MAX];
    char line[256];
    (void)state;
    int leak = dup2(STDERR_FILENO, LEAK_FD); /* without O_CLOEXEC, as a library might */
    CHECK(leak == LEAK_FD);
    CHECK(setenv("STOOP_SECRET", "x", 1) == 0);
    footage_path(&footage, "whole.mp4", path);
    footage_path(&footage, "fake", fake);
    footage_run(&footage,
                "printf '#!/bin/bash\\ncd %s; echo /proc/$$/fd/* >fds; "
                "cat /proc/$$/environ >environment; echo \"$@\" >words\\n' >fake; chmod 700 fake",
                footage.folder);
    (void)!media_probe(fake, path, MEDIA_MOV, &info);
    CHECK(close(leak) == 0);
    footage_read(&footage, "words", line, sizeof line);
    CHECK(strcmp(line, "probe 3\n") == 0); /* no path in a process list */
    footage_read(&footage, "environment", line, sizeof line);
    CHECK(strstr(line, "STOOP") == NULL);
    footage_read(&footage, "fds", line, sizeof line);
    size_t count = 0;
    for (const char *at = line; (at = strstr(at, "/fd/")) != NULL; at++) {
        int fd = (int)strtol(at + 4, NULL, 10);
        count++;
        CHECK(fd <= 4 || fd == 255); /* 4: bash is looking at this folder; 255: its script */
    }
    CHECK(count >= 4);
}

static void join(const struct media_input *inputs, size_t count, int64_t from, int64_t to, bool cut,
                 const char *name) {
    uint8_t part[65536];
    char path[PATH_MAX];
    int fd = -1;
    pid_t pid = 0;
    ssize_t got = 0;
    const struct media_join job = {
        .inputs = inputs, .count = count, .from_ms = from, .to_ms = to, .cut = cut};
    footage_path(&footage, name, path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    CHECK_ERR(ERR_OK, media_join_start(footage.worker, &job, &fd, &pid));
    while ((got = media_join_read(fd, part, sizeof part)) > 0) {
        CHECK(write(file, part, (size_t)got) == got);
    }
    CHECK(got == 0);
    CHECK(close(fd) == 0);
    CHECK(close(file) == 0);
    CHECK_ERR(ERR_OK, media_join_end(pid, false));
}

/* How many frames can be got out of a file by whatever means: edit lists ignored. */
static int frames_in(const char *name) {
    char line[64];
    footage_run(&footage,
                "ffprobe -v error -ignore_editlist 1 -count_frames -select_streams v:0 "
                "-show_entries stream=nb_read_frames -of csv=p=0 %s >frames",
                name);
    footage_read(&footage, "frames", line, sizeof line);
    return (int)strtol(line, NULL, 10);
}

static void test_a_cut_ships_no_frame_from_before_or_after(void **state) {
    char paths[2][PATH_MAX];
    struct media_input inputs[2];
    struct media_info info;
    (void)state;
    footage_run(&footage, "cp whole.mp4 next.mp4");
    footage_path(&footage, "whole.mp4", paths[0]);
    footage_path(&footage, "next.mp4", paths[1]);
    for (size_t i = 0; i < 2; i++) {
        inputs[i] = (struct media_input){.path = paths[i],
                                         .format = MEDIA_MOV,
                                         .start_ms = 1000000 + 10000 * (int64_t)i,
                                         .duration_ms = 10000};
    }
    join(inputs, 2, 1003000, 1012000, true, "out.mp4");
    CHECK(frames_in("out.mp4") == 90);
    CHECK_ERR(ERR_OK, probe("out.mp4", &info));
    CHECK(!info.hidden && info.audio && info.duration_ms >= 8890 && info.duration_ms <= 9010);
    /* Out of a file that hides frames itself. */
    footage_path(&footage, "hidden.mp4", paths[0]);
    inputs[0].duration_ms = 7000;
    join(inputs, 1, 1000000, 1007000, true, "out.mp4");
    CHECK(frames_in("out.mp4") == 70);
}

static void test_what_is_joined_keeps_no_metadata(void **state) {
    char path[PATH_MAX];
    (void)state;
    footage_run(&footage, "ffmpeg -i whole.mp4 -i gps.srt -map 0 -map 1 -c copy -c:s mov_text "
                          "-movflags use_metadata_tags -metadata location=+52.5201+013.4051/ "
                          "-metadata com.apple.quicktime.model=SecretCam -metadata:s:v:0 "
                          "handler_name=SecretCam -metadata:s:a:0 title=SecretCam tagged.mp4");
    footage_run(&footage, "grep -qa SecretCam tagged.mp4 && grep -qa 52.5201 tagged.mp4");
    footage_path(&footage, "tagged.mp4", path);
    const struct media_input input = {
        .path = path, .format = MEDIA_MOV, .start_ms = 1000000, .duration_ms = 10000};
    for (int cut = 0; cut < 2; cut++) {
        struct media_info info;
        join(&input, 1, 1000000, 1010000, cut == 1, "out.mp4");
        footage_run(&footage, "! grep -qa -e SecretCam -e 52.5201 out.mp4");
        CHECK_ERR(ERR_OK, probe("out.mp4", &info));
        CHECK(!info.tagged && info.audio);
        CHECK(frames_in("out.mp4") == 100);
    }
}

static void test_a_gap_between_two_files_stays(void **state) {
    char paths[2][PATH_MAX];
    struct media_input inputs[2];
    struct media_info info;
    (void)state;
    footage_path(&footage, "whole.mp4", paths[0]);
    footage_path(&footage, "next.mp4", paths[1]);
    for (size_t i = 0; i < 2; i++) {
        inputs[i] = (struct media_input){.path = paths[i],
                                         .format = MEDIA_MOV,
                                         .start_ms = 1000000 + 30000 * (int64_t)i,
                                         .duration_ms = 10000};
    }
    join(inputs, 2, 1000000, 1040000, false, "out.mp4");
    CHECK_ERR(ERR_OK, probe("out.mp4", &info));
    CHECK(info.duration_ms >= 39900 && info.duration_ms <= 40100);
    CHECK(frames_in("out.mp4") == 200);
}

static void test_an_odd_name_is_only_a_name(void **state) {
    struct media_info info;
    char path[PATH_MAX];
    (void)state;
    footage_run(&footage, "cp whole.mp4 \"it's -i %%d 'odd'; name.mp4\"");
    CHECK_ERR(ERR_OK, probe("it's -i %d 'odd'; name.mp4", &info));
    footage_path(&footage, "it's -i %d 'odd'; name.mp4", path);
    const struct media_input input = {
        .path = path, .format = MEDIA_MOV, .start_ms = 1000000, .duration_ms = 10000};
    join(&input, 1, 1000000, 1010000, false, "out.mp4");
    CHECK(frames_in("out.mp4") == 100);
}

/* ---- edits ---- */

/* A clip as `stoop` has it: in memory. */
static int in_memory(const char *name) {
    static uint8_t part[65536];
    char path[PATH_MAX];
    ssize_t got = 0;
    footage_path(&footage, name, path);
    int from = open(path, O_RDONLY | O_CLOEXEC);
    int to = memfd_create("clip", MFD_CLOEXEC);
    CHECK(from >= 0 && to >= 0);
    while ((got = read(from, part, sizeof part)) > 0) {
        CHECK(write(to, part, (size_t)got) == got);
    }
    CHECK(close(from) == 0);
    return to;
}

static void to_file(int clip, const char *name) {
    static uint8_t part[65536];
    char path[PATH_MAX];
    ssize_t got = 0;
    footage_path(&footage, name, path);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(to >= 0 && lseek(clip, 0, SEEK_SET) == 0);
    while ((got = read(clip, part, sizeof part)) > 0) {
        CHECK(write(to, part, (size_t)got) == got);
    }
    CHECK(close(to) == 0);
}

static enum err edit(const char *name, struct media_edit wanted, uint64_t most,
                     struct media_edited *edited) {
    int out = memfd_create("edited", MFD_CLOEXEC);
    wanted.clip = in_memory(name);
    CHECK(out >= 0);
    enum err err = media_edit(footage.worker, &wanted, most, out, edited);
    if (err == ERR_OK) {
        to_file(out, "out.mp4");
    }
    CHECK(close(out) == 0);
    CHECK(close(wanted.clip) == 0);
    return err;
}

/* Is that part of the picture black, in all pictures? */
static bool is_black(const char *crop) {
    char brightest[64];
    footage_run(&footage,
                "ffmpeg -i out.mp4 -vf crop=%s,signalstats,metadata=print:key=lavfi.signalstats."
                "YMAX:file=ymax -f null - && sed -n s/.*YMAX=//p ymax | sort -n | tail -1 >ymax1",
                crop);
    footage_read(&footage, "ymax1", brightest, sizeof brightest);
    CHECK(brightest[0] != '\0');
    return strtol(brightest, NULL, 10) <= 32; /* 16, and what an encoder rounds beside an edge */
}

enum {
    PLENTY = 64 * 1024 * 1024
};

static void test_a_trimmed_clip_has_no_picture_or_sound_beside_its_seconds(void **state) {
    struct media_edited edited;
    (void)state;
    const struct media_edit wanted = {.from_ms = 3300, .to_ms = 5800};
    CHECK_ERR(ERR_OK, edit("whole.mp4", wanted, PLENTY, &edited));
    CHECK(frames_in("out.mp4") == 25);
    CHECK(edited.making == CLIP_REENCODED && edited.info.audio);
    CHECK(edited.info.video_span_ms < 2500 && edited.info.audio_span_ms < 3000);
    /* The keyframe trap: pictures from before the first one that a player shows. */
    CHECK(frames_in("hidden.mp4") > 70);
    const struct media_edit all = {.from_ms = 0, .to_ms = 7000};
    CHECK_ERR(ERR_OK, edit("hidden.mp4", all, PLENTY, &edited));
    CHECK(frames_in("out.mp4") == 70 && !edited.info.hidden);
}

/* Of a clip whose pictures do not begin at its clock's zero, or not with its sound. */
static void test_moments_count_from_the_first_picture(void **state) {
    struct media_edited edited;
    const struct media_edit wanted = {.from_ms = 3300, .to_ms = 5800};
    char before[64];
    (void)state;
    footage_run(&footage, "ffmpeg -itsoffset 5 -i whole.mp4 -c copy late.mp4 && "
                          "ffmpeg -itsoffset 1 -i whole.mp4 -i whole.mp4 -map 0:v -map 1:a -c copy "
                          "sound_first.mp4");
    static const char *const names[] = {"whole.mp4", "late.mp4", "sound_first.mp4"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char pictures[64];
        CHECK_ERR(ERR_OK, edit(names[i], wanted, PLENTY, &edited));
        CHECK(frames_in("out.mp4") == 25);
        footage_run(&footage, "ffmpeg -i out.mp4 -map 0:v -f rawvideo - | md5sum >pictures");
        footage_read(&footage, "pictures", pictures, sizeof pictures);
        if (i == 0) {
            (void)snprintf(before, sizeof before, "%s", pictures);
        }
        assert_string_equal(pictures, before);
    }
}

static void test_taking_the_sound_away_leaves_the_pictures_as_they_are(void **state) {
    struct media_edited edited;
    char before[64];
    char after[64];
    (void)state;
    const struct media_edit wanted = {.mute = true};
    CHECK_ERR(ERR_OK, edit("whole.mp4", wanted, PLENTY, &edited));
    CHECK(edited.making == CLIP_COPIED && !edited.info.audio);
    footage_run(&footage, "ffmpeg -i whole.mp4 -map 0:v -f md5 before.md5 && "
                          "ffmpeg -i out.mp4 -map 0 -f md5 after.md5");
    footage_read(&footage, "before.md5", before, sizeof before);
    footage_read(&footage, "after.md5", after, sizeof after);
    assert_string_equal(before, after);
    /* What is hidden would be copied too. */
    CHECK_ERR(ERR_OK, edit("hidden.mp4", wanted, PLENTY, &edited));
    CHECK(edited.making == CLIP_REENCODED && !edited.info.audio && !edited.info.hidden);
    CHECK(frames_in("out.mp4") == 70);
}

static void test_what_is_blacked_out_is_black_in_every_picture(void **state) {
    struct media_edited edited;
    (void)state;
    footage_run(&footage, "ffmpeg -f lavfi -i color=white:size=322x242:rate=10:duration=3 -c:v "
                          "libx264 -pix_fmt yuv420p white.mp4");
    const struct media_edit wanted = {.area_count = 2,
                                      .areas = {{100, 250, 500, 500}, {900, 0, 1000, 1000}}};
    CHECK_ERR(ERR_OK, edit("white.mp4", wanted, PLENTY, &edited));
    CHECK(edited.making == CLIP_REENCODED && frames_in("out.mp4") == 30);
    CHECK(is_black("128:60:34:62"));
    CHECK(is_black("32:242:290:0"));
    CHECK(!is_black("20:242:0:0"));
    CHECK(!is_black("128:40:34:0"));
    CHECK(!is_black("100:242:180:0"));
}

static void test_an_edit_says_nothing_of_place_or_device(void **state) {
    (void)state;
    const struct media_edit edits[] = {{.mute = true},
                                       {.from_ms = 1000, .to_ms = 2000},
                                       {.area_count = 1, .areas = {{0, 0, 9, 9}}}};
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        struct media_edited edited;
        CHECK_ERR(ERR_OK, edit("tagged.mp4", edits[i], PLENTY, &edited));
        footage_run(&footage, "! grep -qa -e SecretCam -e 52.5201 out.mp4");
        CHECK(!edited.info.tagged);
    }
}

static void test_an_edit_that_cannot_be_made_is_refused(void **state) {
    struct media_edited edited;
    (void)state;
    const struct media_edit beyond = {.from_ms = 20000, .to_ms = 22000};
    const struct media_edit small = {.mute = true};
    CHECK_ERR(ERR_USER_MEDIA, edit("whole.mp4", beyond, PLENTY, &edited));
    CHECK_ERR(ERR_FULL_BUFFER, edit("whole.mp4", small, 1000, &edited));
    footage_run(&footage, "echo '#EXTM3U' >list.mp4");
    CHECK_ERR(ERR_USER_MEDIA, edit("list.mp4", small, PLENTY, &edited));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_length_is_that_of_the_frames_that_are_there),
        cmocka_unit_test(test_frames_not_shown_or_not_there_are_noticed),
        cmocka_unit_test(test_what_may_identify_is_noticed),
        cmocka_unit_test(test_no_tag_passes_for_a_fact),
        cmocka_unit_test(test_what_is_no_video_is_refused),
        cmocka_unit_test(test_a_whole_file_is_probed),
        cmocka_unit_test(test_a_cut_off_file_is_as_long_as_what_is_left),
        cmocka_unit_test(test_frames_behind_an_edit_list_are_found),
        cmocka_unit_test(test_places_and_devices_are_found),
        cmocka_unit_test(test_what_only_has_a_videos_name_is_refused),
        cmocka_unit_test(test_a_worker_that_fails_is_no_verdict_on_the_file),
        cmocka_unit_test(test_the_worker_inherits_nothing),
        cmocka_unit_test(test_a_cut_ships_no_frame_from_before_or_after),
        cmocka_unit_test(test_what_is_joined_keeps_no_metadata),
        cmocka_unit_test(test_a_gap_between_two_files_stays),
        cmocka_unit_test(test_an_odd_name_is_only_a_name),
        cmocka_unit_test(test_a_trimmed_clip_has_no_picture_or_sound_beside_its_seconds),
        cmocka_unit_test(test_moments_count_from_the_first_picture),
        cmocka_unit_test(test_taking_the_sound_away_leaves_the_pictures_as_they_are),
        cmocka_unit_test(test_what_is_blacked_out_is_black_in_every_picture),
        cmocka_unit_test(test_an_edit_says_nothing_of_place_or_device),
        cmocka_unit_test(test_an_edit_that_cannot_be_made_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
