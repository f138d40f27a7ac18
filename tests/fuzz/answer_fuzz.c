/* What ffprobe says of a camera file, whose words a hostile file chooses. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/base/attr.h"
#include "node/media/media.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct media_answer answer;
    struct media_info info = {.duration_ms = -1};
    media_answer_start(&answer);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - (data + at));
        char *line = strndup((const char *)data + at, len); /* ends where it ends */
        ASSERT(line != NULL);
        media_answer_line(&answer, line);
        free(line);
        at += len + 1;
    }
    if (media_answer_end(&answer, &info) == ERR_OK) {
        ASSERT(info.duration_ms > 0 && info.duration_ms <= INT64_C(86400000));
        ASSERT(info.width > 0 && info.width <= 16384);
        ASSERT(info.height > 0 && info.height <= 16384);
    } else {
        ASSERT(info.duration_ms == -1);
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    int len =
        snprintf((char *)out, room,
                 "packets.packet.0.stream_index=0\npackets.packet.0.pts_time=\"%u.5\"\n"
                 "packets.packet.0.dts_time=\"-0.2\"\npackets.packet.0.duration_time=\"0.1\"\n"
                 "packets.packet.0.flags=\"%s\"\npackets.packet.1.stream_index=0\n"
                 "packets.packet.1.pts_time=\"%u.5\"\npackets.packet.1.flags=\"__\"\n"
                 "streams.stream.0.index=0\nstreams.stream.0.codec_type=\"video\"\n"
                 "streams.stream.0.width=640\nstreams.stream.0.height=480\n"
                 "streams.stream.0.nb_frames=\"%s\"\n"
                 "streams.stream.0.tags.handler_name=\"VideoHandler\"\n"
                 "format.duration=\"10.0\"\nformat.tags.location=\"+52.5+13.4/\"\n"
                 "format.tags.creation_time=\"2026-11-24T21:10:00.000000Z\"\n",
                 (unsigned)(choice % 100), choice % 3 == 0 ? "KD" : "K_",
                 (unsigned)(choice % 100 + choice / 100 % 50), choice % 5 == 0 ? "N/A" : "2");
    ASSERT(len > 0);
    return (size_t)len < room ? (size_t)len : room - 1;
}
