/* Envelopes of signed objects, and heads of bodies of any kind. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/fence.h"
#include "proto/signed.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"

static enum err decode(struct bytes from, void *plain) {
    return signed_decode(from, plain);
}

static enum err encode(const void *plain, struct buffer *out) {
    return signed_encode(plain, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct signed_object first;
    static struct signed_object second;
    const struct round_trip codec = {decode, encode, &first, &second};
    struct head head;
    if (round_trip_check(&codec, (struct bytes){data, size})) {
        ASSERT(first.count >= 1 && first.count <= SIGNED_SIGNATURES_MAX);
        ASSERT(first.body.at >= data && first.body.at + first.body.len <= data + size);
    }
    if (head_decode((struct bytes){data, size}, &head) == ERR_OK) {
        ASSERT(head.created.ms > 0 && head.created.ms < head.expires.ms);
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    if (choice % 4 == 0) { /* a body that begins with a head */
        return round_trip_seed(fill_shape_named("ReceiptCommitment"), choice / 4,
                               (struct bytes){NULL, 0}, out, room);
    }
    struct buffer bytes;
    struct signed_object object;
    static const uint8_t body[] = "a body, which the envelope does not look into";
    signed_start((enum object_kind)(OBJECT_CHARTER + choice / 4 % OBJECT_CAMERA_LIST),
                 BYTES_OF(body), &object);
    object.count = 1 + choice / 64 % SIGNED_SIGNATURES_MAX;
    for (size_t i = 0; i < object.count; i++) {
        object.signatures[i].key.b[0] = (uint8_t)(i + 1);
        object.signatures[i].signature.b[63] = 1;
    }
    buffer_init(&bytes, room);
    ASSERT(signed_encode(&object, &bytes) == ERR_OK);
    size_t len = bytes.len;
    memcpy(out, bytes.at, len);
    buffer_finish(&bytes);
    return len;
}
