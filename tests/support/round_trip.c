#include "tests/support/round_trip.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/fence.h"
#include "tests/support/fill.h"
#include "tests/support/schema.h"

bool round_trip_check(const struct round_trip *codec, struct bytes from) {
    struct buffer once;
    struct buffer twice;
    if (codec->decode(from, codec->first) != ERR_OK) {
        return false;
    }
    buffer_init(&once, WIRE_ROOM);
    buffer_init(&twice, WIRE_ROOM);
    ASSERT(codec->encode(codec->first, &once) == ERR_OK);
    ASSERT(codec->decode(buffer_bytes(&once), codec->second) == ERR_OK);
    ASSERT(codec->encode(codec->second, &twice) == ERR_OK);
    ASSERT(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    buffer_finish(&once);
    buffer_finish(&twice);
    return true;
}

size_t round_trip_seed(const struct shape *shape, uint64_t choice, struct bytes head, uint8_t *out,
                       size_t room) {
    static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
    struct buffer bytes;
    buffer_init(&bytes, room);
    enum fill_how how = choice % 8 == 0 ? FILL_LEAST : choice % 8 == 1 ? FILL_MOST : FILL_SOME;
    ASSERT(buffer_append(&bytes, head) == ERR_OK);
    fill_shape(shape, how, choice, plain);
    if (fence_encode(shape, plain, &bytes) != ERR_OK) {
        fill_shape(shape, FILL_LEAST, choice, plain);
        ASSERT(fence_encode(shape, plain, &bytes) == ERR_OK);
    }
    size_t len = bytes.len;
    memcpy(out, bytes.at, len);
    buffer_finish(&bytes);
    return len;
}
