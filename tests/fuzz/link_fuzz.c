/* Bodies of a link's records. The first byte of an input is the record's type. */
#include "tests/fuzz/fuzz.h"

#include "proto/link.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"

static uint8_t type; /* of the input at hand */

static enum err decode(struct bytes from, void *plain) {
    return link_decode(type, from, plain);
}

static enum err encode(const void *plain, struct buffer *out) {
    return link_encode(plain, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct link_message first;
    static struct link_message second;
    const struct round_trip codec = {decode, encode, &first, &second};
    if (size > 0) {
        type = data[0];
        (void)round_trip_check(&codec, (struct bytes){data + 1, size - 1});
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    size_t count = 0;
    const struct fill_kind *kinds = fill_link_kinds(&count);
    const struct fill_kind *kind = &kinds[choice % count];
    const uint8_t head = (uint8_t)kind->kind;
    return round_trip_seed(fill_shape_named(kind->shape), choice >> 8, (struct bytes){&head, 1},
                           out, room);
}
