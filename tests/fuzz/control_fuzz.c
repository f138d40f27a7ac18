/* The control socket. The first byte of an input: even for a question, odd for an answer. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/control.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"

static enum err request_from(struct bytes from, void *plain) {
    return control_request_decode(from, plain);
}

static enum err request_to(const void *plain, struct buffer *out) {
    return control_request_encode(plain, out);
}

static enum err reply_from(struct bytes from, void *plain) {
    return control_reply_decode(from, plain);
}

static enum err reply_to(const void *plain, struct buffer *out) {
    return control_reply_encode(plain, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct control_request requests[2];
    static struct control_reply replies[2];
    const struct round_trip request = {request_from, request_to, &requests[0], &requests[1]};
    const struct round_trip reply = {reply_from, reply_to, &replies[0], &replies[1]};
    if (size > 0) {
        (void)round_trip_check(data[0] % 2 == 0 ? &request : &reply,
                               (struct bytes){data + 1, size - 1});
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const char *const shapes[] = {
        [CONTROL_DONE] = "Done",
        [CONTROL_GOT_STATUS] = "Status",
        [CONTROL_GOT_OBJECT] = "GotObject",
        [CONTROL_GOT_DATA] = "GotData",
        [CONTROL_GOT_REQUEST] = "GotRequest",
        [CONTROL_GOT_CLIP] = "GotClip",
        [CONTROL_GOT_DELIVERED] = "GotDelivered",
        [CONTROL_GOT_LEAF] = "GotLeaf",
        [CONTROL_GOT_PROOF] = "GotProof",
        [CONTROL_PROGRESS] = "Progress",
        [CONTROL_GOT_LOG] = "GotLog",
        [CONTROL_GOT_PEERS] = "GotPeers",
        [CONTROL_GOT_OVERDUE] = "GotOverdue",
    };
    uint8_t odd = choice % 4 != 0;
    if (!odd) {
        return round_trip_seed(fill_shape_named("ControlRequest"), choice >> 2,
                               (struct bytes){&odd, 1}, out, room);
    }
    static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
    struct control_reply *reply = (void *)plain;
    uint32_t kind = 1 + (uint32_t)(choice / 4 % (COUNT_OF(shapes) - 1));
    struct buffer bytes;
    buffer_init(&bytes, room);
    ASSERT(buffer_append(&bytes, (struct bytes){&odd, 1}) == ERR_OK);
    fill_shape(fill_shape_named(shapes[kind]), FILL_SOME, choice >> 8, plain);
    reply->kind = (enum control_kind)kind;
    ASSERT(control_reply_encode(reply, &bytes) == ERR_OK);
    size_t len = bytes.len;
    memcpy(out, bytes.at, len);
    buffer_finish(&bytes);
    return len;
}
