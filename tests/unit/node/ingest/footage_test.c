/* Camera files as recorders, crashes and mischief leave them: what is taken into the
 * index, and what becomes of it in a clip. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/ingest_rig.h"

static struct ingest_rig rig;
static struct manifest *manifest;
static struct buffer plain;

static int start(void **state) {
    (void)state;
    ingest_rig_start(&rig);
    manifest = calloc(1, sizeof *manifest);
    CHECK(manifest != NULL);
    return 0;
}

static int stop(void **state) {
    (void)state;
    buffer_finish(&plain);
    free(manifest);
    ingest_rig_stop(&rig);
    return 0;
}

/* A whole pass; answers how many slices it took. */
static size_t scan_all(struct instant now) {
    bool more = true;
    size_t slices = 0;
    while (more) {
        CHECK_ERR(ERR_OK, scan_slice(rig.ingest, now, &more));
        slices++;
        CHECK(slices < 1000);
    }
    return slices;
}

static uint64_t indexed(void) {
    uint64_t count = 0;
    CHECK_ERR(ERR_OK, index_segment_count(rig.ingest->index, &count));
    return count;
}

/* Seconds from 21:10:00. */
static struct instant second(int64_t s) {
    return (struct instant){SAMPLE_NOW.ms - INT64_C(20) * DURATION_MINUTE_MS + s * 1000};
}

/* Asks for these seconds; false when nothing comes. Opens the clip else. */
static bool ask_for(int64_t from, int64_t to) {
    static int number = 0;
    struct request request;
    struct buffer bytes;
    struct ingest_message ask;
    bool matched = false;
    sample_request(&rig.community, &request);
    (void)snprintf(request.reason, sizeof request.reason, "Hit and run, number %d", number++);
    request.from = second(from);
    request.to = second(to);
    struct id id = ingest_rig_sign(&rig, &request, &bytes);
    ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
    ingest_rig_give(&rig, &ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    while (ingest_rig_hear(&rig)) {
        if (rig.said.kind == INGEST_MATCH && id_equal(&rig.said.as.match.request, &id)) {
            buffer_finish(&plain);
            ingest_rig_open(&rig, manifest, &plain);
            matched = true;
        }
    }
    buffer_finish(&bytes);
    return matched;
}

/* Frames of the clip that was opened last, edit lists ignored. */
static int frames(void) {
    char path[PATH_MAX];
    char line[64];
    footage_path(&rig.footage, "clip.mp4", path);
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    CHECK(fwrite(plain.at, 1, plain.len, file) == plain.len);
    CHECK(fclose(file) == 0);
    footage_run(&rig.footage,
                "ffprobe -v error -ignore_editlist 1 -count_frames -select_streams v:0 "
                "-show_entries stream=nb_read_frames -of csv=p=0 clip.mp4 >frames && ffprobe -v "
                "error -show_entries stream=codec_type -of csv=p=0 clip.mp4 | grep -c audio >sound "
                "|| true");
    footage_read(&rig.footage, "sound", line, sizeof line);
    CHECK((strtol(line, NULL, 10) > 0) == manifest->audio); /* what the manifest says is there */
    footage_read(&rig.footage, "frames", line, sizeof line);
    return (int)strtol(line, NULL, 10);
}

static void check_run(size_t i, int64_t from, int64_t to) {
    CHECK(manifest->run_count > i);
    CHECK(manifest->runs[i].from.ms == second(from).ms);
    CHECK(manifest->runs[i].to.ms == second(to).ms);
}

/* ---- the index ---- */

static void test_only_whole_videos_are_taken(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(
        &rig.footage,
        "cd camera && cp 01-20261124211000.mp4 ../outside.mp4 && "
        "mkdir -p a.mp4 deep/1/2/3/4/5/6 deep/1/2/3/4/5/6/7/8/9 .hidden && "
        "ln -s ../outside.mp4 link.mp4 && ln -s .. linked && mkfifo pipe.mp4 && "
        "mknod device.mp4 c 1 5 && mknod zero.mkv b 7 0 && "
        ": >empty.mp4 && printf '#EXTM3U\\n/etc/passwd\\n' >list.mp4 && "
        "printf 'ffconcat version 1.0\\nfile 01-20261124211000.mp4\\n' >concat.mp4 && "
        "cp /usr/bin/env program.mp4 && head -c 9000 01-20261124211000.mp4 >headless.mp4 && "
        "cp ../outside.mp4 notes.txt && cp ../outside.mp4 .hidden/01-20261124211010.mp4 && "
        "cp ../outside.mp4 \"$(printf 'new\\nline.mp4')\" && "
        "cp ../outside.mp4 deep/1/2/3/4/5/6/01-20261124211010.mp4 && "
        "cp ../outside.mp4 deep/1/2/3/4/5/6/7/8/9/01-20261124211020.mp4 && "
        "find . -type f -exec touch -d 2026-11-24T21:10:30Z {} +");
    (void)scan_all(SAMPLE_NOW);
    CHECK(indexed() == 2); /* the one at the top and the one that is deep, but not too deep */
    (void)scan_all(SAMPLE_NOW);
    CHECK(indexed() == 2);
}

static void test_a_file_that_grows_is_waited_for(void **state) {
    struct instant now = second(10);
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    now.ms += 1000; /* finished a second ago, or perhaps not */
    (void)scan_all(now);
    CHECK(indexed() == 0);
    now.ms += 3000;
    (void)scan_all(now);
    CHECK(indexed() == 1);
}

/* Motion's cannot be read until the event is over: not the same as a file that is no video. */
static void test_a_file_that_cannot_be_read_yet_is_tried_again(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(&rig.footage, "cd camera && mv 01-20261124211000.mp4 ../whole.mp4 && "
                              "head -c 9000 ../whole.mp4 >01-20261124211000.mp4 && "
                              "touch -d 2026-11-24T21:10:05Z 01-20261124211000.mp4");
    (void)scan_all(second(10));
    CHECK(indexed() == 0);
    footage_run(&rig.footage, "cp -p whole.mp4 camera/01-20261124211000.mp4");
    (void)scan_all(second(20));
    CHECK(indexed() == 1);
    /* One that was refused is looked at again when it has changed, and only then. */
    footage_run(&rig.footage, "cd camera && head -c 9000 ../whole.mp4 >01-20261124211010.mp4 && "
                              "touch -d 2026-11-24T21:10:20Z 01-20261124211010.mp4");
    (void)scan_all(second(200));
    CHECK(indexed() == 1);
    footage_run(&rig.footage, "cp -p whole.mp4 camera/01-20261124211010.mp4");
    (void)scan_all(second(210));
    CHECK(indexed() == 2);
}

/* Each slice goes on where the last one stopped; it does not look at all the known ones again. */
static void test_a_pass_over_many_files_keeps_its_place(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(&rig.footage,
                "cd camera && mkdir many && for i in $(seq 10 57); do "
                "cp -p 01-20261124211000.mp4 01-202611242111$i.mp4; done && cd many && "
                "seq -f '%%.0f.txt' 1 30000 | xargs touch");
    size_t slices = scan_all(SAMPLE_NOW);
    CHECK(indexed() == 49);
    CHECK(slices >= 30000 / INGEST_SLICE_NAMES && slices <= 8 + 30000 / INGEST_SLICE_NAMES);
    slices = scan_all(SAMPLE_NOW);
    CHECK(slices <= 2 + 30100 / INGEST_SLICE_NAMES);
    /* It can be left in the middle. */
    bool more = false;
    CHECK_ERR(ERR_OK, scan_slice(rig.ingest, SAMPLE_NOW, &more));
    CHECK(more && rig.ingest->scan != NULL);
    scan_restart(rig.ingest);
    CHECK(rig.ingest->scan == NULL);
}

static void test_a_folder_that_is_away_is_waited_for(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(&rig.footage, "mv camera away");
    (void)scan_all(SAMPLE_NOW);
    CHECK(indexed() == 0);
    footage_run(&rig.footage, "mv away camera");
    (void)scan_all(SAMPLE_NOW);
    CHECK(indexed() == 1);
}

/* ---- clips ---- */

static void record_three(void) {
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    ingest_rig_record(&rig, 10, "");
    ingest_rig_record(&rig, 20, "");
    (void)scan_all(SAMPLE_NOW);
    CHECK(indexed() == 3);
}

static void test_the_exact_seconds_across_files_and_no_other_frame(void **state) {
    (void)state;
    record_three();
    CHECK(ask_for(5, 22));
    CHECK(manifest->making == CLIP_REENCODED);
    CHECK(manifest->run_count == 1 && manifest->source_count == 3);
    check_run(0, 5, 22);
    CHECK(frames() == 170);
}

static void test_whole_files_are_joined_untouched(void **state) {
    (void)state;
    record_three();
    CHECK(ask_for(0, 60));
    CHECK(manifest->making == CLIP_COPIED);
    check_run(0, 0, 30);
    CHECK(frames() == 300);
}

static void test_a_whole_file_arrives_bit_for_bit(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    CHECK(ask_for(0, 60));
    CHECK(manifest->making == CLIP_WHOLE_FILE);
    CHECK(id_equal(&manifest->sha256, &manifest->sources[0].sha256));
    CHECK(frames() == 100);
    footage_run(&rig.footage, "cmp clip.mp4 camera/01-20261124211000.mp4");
}

static void test_a_file_that_tells_a_place_does_not_go_as_it_is(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "-metadata comment=ElmStreet12");
    CHECK(ask_for(0, 60));
    CHECK(manifest->making == CLIP_COPIED);
    CHECK(frames() == 100);
    footage_run(&rig.footage, "grep -qa ElmStreet12 camera/01-20261124211000.mp4 && "
                              "! grep -qa ElmStreet12 clip.mp4");
}

/* Cut without re-encoding by somebody before us: what is behind the edit list stays at home. */
static void test_hidden_frames_stay_at_home(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(&rig.footage,
                "ffmpeg -f lavfi -i testsrc=size=160x120:rate=10:duration=10 -c:v libx264 -g 100 "
                "-pix_fmt yuv420p long.mp4 && ffmpeg -ss 3 -i long.mp4 -c copy hidden.mp4 && "
                "cp hidden.mp4 camera/01-20261124211000.mp4 && "
                "touch -d 2026-11-24T21:10:10Z camera/01-20261124211000.mp4");
    CHECK(ask_for(0, 60));
    CHECK(manifest->making == CLIP_REENCODED);
    check_run(0, 0, 7);
    CHECK(frames() == 70);
    /* In the middle of others too. */
    ingest_rig_record(&rig, 10, "");
    CHECK(ask_for(0, 60));
    CHECK(frames() == 170);
}

static void test_a_cut_off_file_leaves_a_gap_where_it_ends(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "-movflags +faststart");
    ingest_rig_record(&rig, 10, "");
    footage_run(&rig.footage, "cd camera && truncate -s -20000 01-20261124211000.mp4 && "
                              "touch -d 2026-11-24T21:10:10Z 01-20261124211000.mp4");
    CHECK(ask_for(0, 60));
    CHECK(manifest->run_count == 2);
    CHECK(manifest->runs[0].to.ms < second(9).ms);
    check_run(1, 10, 20);
    int shown = frames();
    CHECK(shown > 100 && shown < 195);
}

static void test_a_file_that_vanished_leaves_a_gap(void **state) {
    (void)state;
    record_three();
    footage_run(&rig.footage, "rm camera/01-20261124211010.mp4");
    CHECK(ask_for(0, 60));
    CHECK(manifest->run_count == 2 && manifest->source_count == 2);
    check_run(0, 0, 10);
    check_run(1, 20, 30);
    CHECK(frames() == 200);
    footage_run(&rig.footage, "rm camera/*.mp4");
    CHECK(!ask_for(0, 60));
}

/* The manifest names the hashes of its sources: another file of the same name is not among them. */
static void test_a_file_that_was_replaced_is_another_file(void **state) {
    (void)state;
    record_three();
    struct manifest *first = malloc(sizeof *first);
    CHECK(first != NULL);
    CHECK(ask_for(0, 60));
    *first = *manifest;
    ingest_rig_record(&rig, 10, "-crf 40");
    CHECK(ask_for(0, 60)); /* it was indexed anew before the match */
    CHECK(manifest->source_count == 3);
    CHECK(id_equal(&manifest->sources[0].sha256, &first->sources[0].sha256));
    CHECK(!id_equal(&manifest->sources[1].sha256, &first->sources[1].sha256));
    free(first);
}

/* Written over in place, with its times put back: only its bytes tell. */
static void test_a_whole_file_must_still_have_its_hash(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    (void)scan_all(SAMPLE_NOW);
    footage_run(&rig.footage,
                "cd camera && touch -r 01-20261124211000.mp4 ../times && printf XXXX | "
                "dd of=01-20261124211000.mp4 bs=1 seek=3000 conv=notrunc 2>/dev/null && "
                "touch -r ../times 01-20261124211000.mp4");
    CHECK(!ask_for(0, 60));
    footage_run(&rig.footage, "test -z \"$(find home/vault -type f)\"");
}

static void test_a_file_that_became_a_pipe_or_a_link_is_gone(void **state) {
    (void)state;
    record_three();
    footage_run(&rig.footage,
                "cd camera && mv 01-20261124211000.mp4 ../moved.mp4 && "
                "ln -s ../moved.mp4 01-20261124211000.mp4 && rm 01-20261124211010.mp4 && "
                "mkfifo 01-20261124211010.mp4");
    CHECK(ask_for(0, 60)); /* and it does not wait for somebody to write into the pipe */
    CHECK(manifest->source_count == 1);
    check_run(0, 20, 30);
}

static void test_sound_is_in_the_clip_when_the_manifest_says_so(void **state) {
    static const char sound[] = "-f lavfi -i sine=duration=10 -c:a aac";
    (void)state;
    ingest_rig_install(&rig);
    footage_run(&rig.footage,
                "for s in 00 10 20; do ffmpeg -f lavfi -i testsrc=size=160x120:rate=10:duration=10 "
                "%s -c:v libx264 -g 10 -pix_fmt yuv420p camera/01-202611242110$s.mp4; done; "
                "touch -d 2026-11-24T21:10:30Z camera/*",
                sound);
    CHECK(ask_for(0, 10)); /* whole */
    CHECK(manifest->audio && frames() == 100);
    CHECK(ask_for(0, 30)); /* joined */
    CHECK(manifest->audio && frames() == 300);
    CHECK(ask_for(5, 25)); /* cut */
    CHECK(manifest->audio && frames() == 200);
    /* The microphone went off, and on. */
    ingest_rig_record(&rig, 10, "");
    CHECK(ask_for(0, 30));
    CHECK(manifest->making == CLIP_REENCODED && frames() == 300);
    ingest_rig_record(&rig, 0, "");
    CHECK(ask_for(0, 30));
    CHECK(!manifest->audio && frames() == 300);
}

static void test_files_of_another_size_are_made_one(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    ingest_rig_record(&rig, 10, "-s 320x240");
    CHECK(ask_for(0, 60));
    CHECK(manifest->making == CLIP_REENCODED);
    CHECK(manifest->width == 160 && manifest->height == 120);
    CHECK(frames() == 200);
}

/* The camera's clock is 5 s ahead: what it calls 21:10:05 was 21:10:00. */
static void test_the_cameras_clock_is_set_right(void **state) {
    (void)state;
    rig.list->cameras[0].clock_offset_ms = 5000;
    record_three();
    CHECK(ask_for(0, 10));
    CHECK(manifest->clock_offset_ms == 5000);
    check_run(0, 0, 10);
    CHECK(manifest->source_count == 2);
    CHECK(frames() == 100);
}

static void test_without_a_time_in_the_name_others_are_asked(void **state) {
    (void)state;
    rig.list->cameras[0].layout = LAYOUT_PLAIN;
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
    footage_run(&rig.footage, "cd camera && mv 01-20261124211000.mp4 porch.mp4");
    CHECK(ask_for(0, 60)); /* by modification time, when it was finished */
    CHECK(manifest->time_source == TIME_FROM_FILE_SYSTEM);
    check_run(0, 0, 10);
    ingest_rig_record(&rig, 20, "-metadata creation_time=2026-11-24T21:10:20Z");
    footage_run(&rig.footage, "cd camera && mv 01-20261124211020.mp4 garden.mp4 && rm porch.mp4 && "
                              "touch -d 2026-11-24T21:20:00Z garden.mp4");
    CHECK(ask_for(0, 60));
    CHECK(manifest->time_source == TIME_FROM_CONTAINER);
    check_run(0, 20, 30);
}

/* Nothing is written, moved or touched where the recorder writes. */
static void test_originals_are_as_they_were(void **state) {
    (void)state;
    record_three();
    footage_run(&rig.footage,
                "cd camera && (stat -c '%%n %%s %%Y %%Z %%i' * ; sha256sum *) >../before");
    CHECK(ask_for(5, 22));
    CHECK(ask_for(0, 60));
    footage_run(&rig.footage,
                "cd camera && (stat -c '%%n %%s %%Y %%Z %%i' * ; sha256sum *) | cmp - ../before");
    /* And what is written elsewhere is ciphertext: not one of their bytes is in the vault. */
    footage_run(&rig.footage, "! grep -raq -e ftyp -e moov -e mdat home/");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_only_whole_videos_are_taken),
        TEST(test_a_file_that_grows_is_waited_for),
        TEST(test_a_file_that_cannot_be_read_yet_is_tried_again),
        TEST(test_a_pass_over_many_files_keeps_its_place),
        TEST(test_a_folder_that_is_away_is_waited_for),
        TEST(test_the_exact_seconds_across_files_and_no_other_frame),
        TEST(test_whole_files_are_joined_untouched),
        TEST(test_a_whole_file_arrives_bit_for_bit),
        TEST(test_a_file_that_tells_a_place_does_not_go_as_it_is),
        TEST(test_hidden_frames_stay_at_home),
        TEST(test_a_cut_off_file_leaves_a_gap_where_it_ends),
        TEST(test_a_file_that_vanished_leaves_a_gap),
        TEST(test_a_file_that_was_replaced_is_another_file),
        TEST(test_a_whole_file_must_still_have_its_hash),
        TEST(test_a_file_that_became_a_pipe_or_a_link_is_gone),
        TEST(test_sound_is_in_the_clip_when_the_manifest_says_so),
        TEST(test_files_of_another_size_are_made_one),
        TEST(test_the_cameras_clock_is_set_right),
        TEST(test_without_a_time_in_the_name_others_are_asked),
        TEST(test_originals_are_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
