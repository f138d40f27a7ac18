/* Names of camera files, which a recorder, or whoever writes to its folder, chooses. First byte:
 * layout and zone; then the camera's name, a newline, the path. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/base/assert.h"
#include "node/base/attr.h"
#include "node/base/instant.h"
#include "proto/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const zones[] = {"UTC", "Europe/Berlin", "Australia/Lord_Howe",
                                        "America/St_Johns"};
    static int zone = -1;
    struct instant out = {-1};
    const struct instant modified = {INT64_C(1795555800000)};
    if (size == 0 || memchr(data, '\0', size) != NULL) {
        return 0; /* a name holds no NUL */
    }
    if (zone != data[0] / 4 % 4) {
        zone = data[0] / 4 % 4;
        ASSERT(setenv("TZ", zones[zone], 1) == 0);
        tzset();
    }
    enum camera_layout layout = (enum camera_layout)(LAYOUT_FRIGATE + data[0] % 4);
    char *text =
        strndup((const char *)data + 1, size - 1); /* ends where it ends, for the checker */
    ASSERT(text != NULL);
    char *line = strchr(text, '\n');
    if (line != NULL) {
        *line = '\0';
        char *path = strdup(line + 1);
        ASSERT(path != NULL);
        enum err err = layout_start(layout, text, path, modified, &out);
        ASSERT(err == ERR_OK || err == ERR_USER_NOT_FOUND || err == ERR_USER_TIME);
        ASSERT((err == ERR_OK) == (out.ms != -1));
        ASSERT(err != ERR_OK || (out.ms >= -DURATION_DAY_MS && out.ms <= INSTANT_MAX_MS));
        (void)layout_enters(layout, text, path);
        free(path);
    }
    free(text);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const char *const paths[] = {
        "porch\n2026-11-24/21/porch/10.00.mp4",
        "porch\nporch/2026-10-25_02-30-00-123456.mp4",
        "porch\n01-20261025023000.mp4",
        "porch\nfront_2026-11-24T21:10:00.5.mkv",
    };
    const char *path = paths[choice % COUNT_OF(paths)];
    size_t len = strlen(path) + 1;
    ASSERT(len <= room);
    out[0] = (uint8_t)(choice >> 8);
    memcpy(out + 1, path, len - 1);
    return len;
}
