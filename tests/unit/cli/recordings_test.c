/* Whether a camera's folder has what its layout promises, from the folder itself. */
#include "cli/recordings.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"

static struct camera camera;

static int start(void **state) {
    (void)state;
    camera = (struct camera){.name = "porch"};
    (void)snprintf(camera.folder, sizeof camera.folder, "/tmp/stoop-recordings-XXXXXX");
    return setenv("TZ", "UTC", 1) == 0 && mkdtemp(camera.folder) != NULL ? 0 : -1;
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static int stop(void **state) {
    (void)state;
    return nftw(camera.folder, drop, 10, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name) {
    char path[FOLDER_MAX_BYTES + 128];
    for (const char *at = strchr(name, '/'); at != NULL; at = strchr(at + 1, '/')) {
        (void)snprintf(path, sizeof path, "%s/%.*s", camera.folder, (int)(at - name), name);
        (void)mkdir(path, 0700);
    }
    (void)snprintf(path, sizeof path, "%s/%s", camera.folder, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    (void)close(fd);
}

static void says(enum camera_layout layout, bool missing, const char *wanted) {
    struct recordings recordings;
    char text[RECORDINGS_TEXT_MAX];
    camera.layout = layout;
    recordings_look(&camera, &recordings);
    assert_string_equal(recordings_text(&camera, &recordings, text), wanted);
    assert_int_equal(recordings_missing(&camera, &recordings), missing);
}

static void test_a_wrong_layout_or_name_is_told(void **state) {
    (void)state;
    says(LAYOUT_MOTION, true, "none found");
    put("01-20261124211003.mp4");
    put("01-20261124211003.jpg");
    put("02-20261125080000.mp4");
    says(LAYOUT_MOTION, false, "2, the newest of Wed 25 Nov 08:00");
    says(LAYOUT_MEDIAMTX, true, "none found: no name tells the time by that layout");
    says(LAYOUT_FRIGATE, true, "none found");
    says(LAYOUT_PLAIN, false, "2, the newest of Wed 25 Nov 08:00");
}

static void test_frigates_folders_are_by_camera(void **state) {
    (void)state;
    put("2026-11-24/21/front_door/10.03.mp4");
    says(LAYOUT_FRIGATE, true, "none found");
    put("2026-11-24/21/porch/10.03.mp4");
    says(LAYOUT_FRIGATE, false, "1, the newest of Tue 24 Nov 21:10");
}

static void test_a_plain_layout_needs_no_times(void **state) {
    (void)state;
    put("a.mp4");
    says(LAYOUT_PLAIN, false, "1");
    says(LAYOUT_MOTION, true, "none found: no name tells the time by that layout");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_wrong_layout_or_name_is_told, start, stop),
        cmocka_unit_test_setup_teardown(test_frigates_folders_are_by_camera, start, stop),
        cmocka_unit_test_setup_teardown(test_a_plain_layout_needs_no_times, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
