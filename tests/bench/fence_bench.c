/* What the fence costs beside protobuf-c's unpacking of the same bytes.
 *
 * usage: fence_bench   microseconds a message: the whole fence; the fence without the rules between
 *                      fields, which unpacking does not check either; unpacking; and the ratio of
 *                      the last two */
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <time.h>

#include "node/base/assert.h"
#include "proto/fence.h"
#include "tests/support/fill.h"
#include "tests/support/schema.h"

static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];

/* A copy of the shape and all shapes within it, without their checks, good until the next call. */
static const struct shape *unchecked(const struct shape *shape, size_t level) {
    static struct shape copies[FENCE_DEPTH_MAX * FENCE_SHAPE_FIELDS_MAX];
    static struct shape_field rows[FENCE_DEPTH_MAX * FENCE_SHAPE_FIELDS_MAX];
    static size_t copy_count;
    static size_t row_count;
    if (level == 0) {
        copy_count = row_count = 0;
    }
    struct shape *copy = &copies[copy_count++];
    struct shape_field *own = &rows[row_count];
    row_count += shape->field_count;
    ASSERT(row_count <= COUNT_OF(rows));
    *copy = *shape;
    copy->fields = own;
    copy->check = NULL;
    for (size_t i = 0; i < shape->field_count; i++) {
        own[i] = shape->fields[i];
        if (own[i].sub != NULL) {
            own[i].sub = unchecked(own[i].sub, level + 1);
        }
    }
    return copy;
}

static double seconds(void) {
    struct timespec at;
    ASSERT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double fence_once(const struct shape *shape, struct bytes from, size_t runs) {
    double start = seconds();
    for (size_t i = 0; i < runs; i++) {
        ASSERT(fence_decode_into(shape, from, plain, fill_size(shape)) == ERR_OK);
    }
    return (seconds() - start) / (double)runs * 1e6;
}

static double unpack_once(const ProtobufCMessageDescriptor *schema, struct bytes from,
                          size_t runs) {
    double start = seconds();
    for (size_t i = 0; i < runs; i++) {
        ProtobufCMessage *message = protobuf_c_message_unpack(schema, NULL, from.len, from.at);
        ASSERT(message != NULL);
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return (seconds() - start) / (double)runs * 1e6;
}

int main(void) {
    static const char *const names[] = {"Ping",    "Head",   "Member", "Request", "Charter",
                                        "SyncIds", "Leaves", "Grant",  "Manifest"};
    (void)printf("%-10s %8s %9s %9s %9s %6s\n", "message", "bytes", "fence", "walk", "unpack",
                 "ratio");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct shape *shape = fill_shape_named(names[i]);
        struct buffer bytes;
        buffer_init(&bytes, WIRE_ROOM);
        fill_shape(shape, FILL_MOST, 1, plain);
        ASSERT(fence_encode(shape, plain, &bytes) == ERR_OK);
        size_t runs = 20000000 / (bytes.len + 1000);
        double fence = fence_once(shape, buffer_bytes(&bytes), runs);
        double walk = fence_once(unchecked(shape, 0), buffer_bytes(&bytes), runs);
        double unpack = unpack_once(schema_named(names[i]), buffer_bytes(&bytes), runs);
        (void)printf("%-10s %8zu %9.2f %9.2f %9.2f %6.2f\n", names[i], bytes.len, fence, walk,
                     unpack, walk / unpack);
        buffer_finish(&bytes);
    }
    return 0;
}
