/* Bodies of signed objects. The first byte of an input chooses the kind. What our reader takes,
 * protobuf-c takes too, and writes as we do. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/breadth.h"
#include "proto/fence.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"
#include "tests/support/schema.h"

static const struct shape *shape; /* of the input at hand */

static enum err decode(struct bytes from, void *plain) {
    return fence_decode_into(shape, from, plain, fill_size(shape));
}

static enum err encode(const void *plain, struct buffer *out) {
    return fence_encode(shape, plain, out);
}

static const struct shape *choose(uint64_t choice) {
    size_t count = 0;
    while (object_shapes[count] != NULL) {
        count++;
    }
    ASSERT(count > 0);
    return object_shapes[choice % count];
}

/* A request that passes the fence is judged and measured without fail, and in one way. */
static void judge(const struct request *request) {
    const struct charter charter = {.caps = CAPS_DEFAULT,
                                    .has_area = true,
                                    .area = {.radius_m = 5000, .count = 1},
                                    .delete_by_max_days = 90};
    const struct legal_terms terms = {.charter = &charter,
                                      .instruments = 1U << INSTRUMENT_VOLUNTARY};
    const struct instant now = {request->head.created.ms};
    struct legal_report report;
    struct breadth breadth;
    size_t first = 0;
    size_t same = 0;
    legal_check(request, &terms, now, false, &report);
    enum err err = legal_verdict(&report, &first);
    ASSERT(legal_refuse(request, &terms, now, &same) == err);
    ASSERT(first == same);
    breadth_of(request, &charter.caps, &breadth);
    ASSERT(breadth.span_percent > 0);
    ASSERT(breadth.area_percent > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static _Alignas(max_align_t) uint8_t first[FILL_ROOM];
    static _Alignas(max_align_t) uint8_t second[FILL_ROOM];
    const struct round_trip codec = {decode, encode, first, second};
    if (size == 0) {
        return 0;
    }
    struct bytes body = {data + 1, size - 1};
    shape = choose(data[0]);
    if (round_trip_check(&codec, body)) {
        struct buffer ours;
        struct buffer theirs;
        buffer_init(&ours, WIRE_ROOM);
        buffer_init(&theirs, WIRE_ROOM);
        ASSERT(fence_encode(shape, first, &ours) == ERR_OK);
        ASSERT(schema_repack(schema_named(shape->name), body, &theirs));
        ASSERT(bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs)));
        buffer_finish(&ours);
        buffer_finish(&theirs);
        if (strcmp(shape->name, "Request") == 0) {
            judge((const struct request *)(const void *)first);
        }
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    uint8_t kind = (uint8_t)choice;
    return round_trip_seed(choose(kind), choice >> 8, (struct bytes){&kind, 1}, out, room);
}
