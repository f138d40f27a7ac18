/* Frames between node and ingest. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/ingest.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"

static enum err decode(struct bytes from, void *plain) {
    return ingest_decode(from, plain);
}

static enum err encode(const void *plain, struct buffer *out) {
    return ingest_encode(plain, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ingest_message first;
    static struct ingest_message second;
    const struct round_trip codec = {decode, encode, &first, &second};
    (void)round_trip_check(&codec, (struct bytes){data, size});
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const char *const shapes[] = {
        [INGEST_CAMERA_LIST] = "IngestCameraList",
        [INGEST_REQUEST] = "IngestRequest",
        [INGEST_SHRED] = "IngestShred",
        [INGEST_HELD] = "IngestHeld",
        [INGEST_HELLO] = "IngestHello",
        [INGEST_CAMERA_LIST_DONE] = "IngestCameraListDone",
        [INGEST_MATCH] = "IngestMatch",
        [INGEST_REQUEST_DONE] = "IngestRequestDone",
        [INGEST_PERIOD] = "IngestPeriod",
        [INGEST_SHRED_DONE] = "IngestShredDone",
        [INGEST_ACT] = "IngestAct",
    };
    uint32_t kind = 1 + (uint32_t)(choice % (COUNT_OF(shapes) - 1));
    static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
    struct ingest_message *message = (void *)plain;
    struct buffer bytes;
    buffer_init(&bytes, room);
    fill_shape(fill_shape_named(shapes[kind]), FILL_SOME, choice >> 8, plain);
    message->kind = (enum ingest_kind)kind;
    ASSERT(ingest_encode(message, &bytes) == ERR_OK);
    size_t len = bytes.len;
    memcpy(out, bytes.at, len);
    buffer_finish(&bytes);
    return len;
}
