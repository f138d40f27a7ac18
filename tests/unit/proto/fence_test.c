/* The fence against bytes that no encoder of ours makes (PROTOCOL 9). */
#include "proto/fence.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/signed.h"
#include "tests/support/check.h"
#include "tests/support/schema.h"

enum {
    HOSTILE_BYTES = 1024 * 1024
};

struct leaf {
    uint64_t number;
    char text[9];
};

static const struct shape_field leaf_rows[] = {
    SHAPE_ROW(1, SHAPE_U64, struct leaf, number),
    SHAPE_ROW(2, SHAPE_TEXT, struct leaf, text),
};
static const struct shape leaf_shape = SHAPE_OF("Leaf", leaf_rows, NULL);

struct nest { /* lies within itself, as no message of ours does, to be as deep as one likes */
    uint64_t number;
    bool more;
};
static const struct shape nest_shape;
static const struct shape_field nest_rows[] = {
    SHAPE_ROW(1, SHAPE_U64, struct nest, number),
    {.number = 2,
     .kind = SHAPE_MESSAGE,
     .counted = true,
     .offset = 0,
     .size = sizeof(struct nest),
     .count_offset = offsetof(struct nest, more),
     .name = "nest",
     .sub = &nest_shape},
};
static const struct shape nest_shape = SHAPE_OF("Nest", nest_rows, NULL);

#define WIRE(bytes) bytes, sizeof(bytes) - 1

static void test_wire_faults_are_malformed(void **state) {
    (void)state;
    static const struct {
        const char *what;
        const char *wire;
        size_t len;
        enum err err;
    } cases[] = {
        {"nothing at all", WIRE(""), ERR_OK},
        {"number and text", WIRE("\x08\x05\x12\x02hi"), ERR_OK},
        {"any order", WIRE("\x12\x02hi\x08\x05"), ERR_OK},
        {"largest number", WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_OK},
        {"UTF-8 of 2, 3 and 4 bytes", WIRE("\x12\x08\xc3\xa9\xf0\x9f\x8f\xa0hi"), ERR_OK},
        {"more than 64 bits", WIRE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
         ERR_PEER_MALFORMED},
        {"eleven bytes of number", WIRE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
         ERR_PEER_MALFORMED},
        {"overlong number", WIRE("\x08\x85\x00"), ERR_PEER_MALFORMED},
        {"overlong zero", WIRE("\x08\x80\x00"), ERR_PEER_MALFORMED},
        {"overlong tag", WIRE("\x88\x00\x05"), ERR_PEER_MALFORMED},
        {"overlong length", WIRE("\x12\x82\x00hi"), ERR_PEER_MALFORMED},
        {"number cut off", WIRE("\x08\x85"), ERR_PEER_MALFORMED},
        {"tag alone", WIRE("\x08"), ERR_PEER_MALFORMED},
        {"text cut off", WIRE("\x12\x03hi"), ERR_PEER_MALFORMED},
        {"length past all memory", WIRE("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01hi"),
         ERR_PEER_MALFORMED},
        {"field 0", WIRE("\x00\x05"), ERR_PEER_MALFORMED},
        {"field beyond 2^29", WIRE("\x80\x80\x80\x80\x10\x05"), ERR_PEER_MALFORMED},
        {"unknown field", WIRE("\x18\x05"), ERR_PEER_MALFORMED},
        {"number twice", WIRE("\x08\x05\x08\x05"), ERR_PEER_MALFORMED},
        {"text twice", WIRE("\x12\x02hi\x12\x02hi"), ERR_PEER_MALFORMED},
        {"zero, then a number", WIRE("\x08\x00\x08\x05"), ERR_PEER_MALFORMED},
        {"text as number", WIRE("\x10\x05"), ERR_PEER_MALFORMED},
        {"number as run", WIRE("\x0a\x01\x05"), ERR_PEER_MALFORMED},
        {"group", WIRE("\x0b\x0c"), ERR_PEER_MALFORMED},
        {"NUL in text", WIRE("\x12\x03h\0i"), ERR_PEER_MALFORMED},
        {"line end in text", WIRE("\x12\x03h\ni"), ERR_PEER_MALFORMED},
        {"DEL in text", WIRE("\x12\x01\x7f"), ERR_PEER_MALFORMED},
        {"C1 control in text", WIRE("\x12\x02\xc2\x9b"), ERR_PEER_MALFORMED},
        {"Latin-1 in text", WIRE("\x12\x03h\xe9i"), ERR_PEER_MALFORMED},
        {"overlong slash", WIRE("\x12\x02\xc0\xaf"), ERR_PEER_MALFORMED},
        {"overlong of 3 bytes", WIRE("\x12\x03\xe0\x80\xaf"), ERR_PEER_MALFORMED},
        {"surrogate", WIRE("\x12\x03\xed\xa0\x80"), ERR_PEER_MALFORMED},
        {"beyond Unicode", WIRE("\x12\x04\xf4\x90\x80\x80"), ERR_PEER_MALFORMED},
        {"character cut off", WIRE("\x12\x01\xc3"), ERR_PEER_MALFORMED},
        {"continuation alone", WIRE("\x12\x01\x80"), ERR_PEER_MALFORMED},
        {"text too long", WIRE("\x12\x09ninechars"), ERR_PEER_BOUNDS},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct leaf leaf;
        uint8_t *exact = malloc(cases[i].len + 1); /* so that a byte too far is seen */
        CHECK(exact != NULL);
        memcpy(exact + 1, cases[i].wire, cases[i].len);
        enum err err = fence_decode_into(&leaf_shape, (struct bytes){exact + 1, cases[i].len},
                                         &leaf, sizeof leaf);
        if (err != cases[i].err) {
            fail_msg("%s: %s", cases[i].what, err_name(err));
        }
        free(exact);
    }
    struct leaf leaf;
    CHECK_ERR(ERR_OK, fence_decode_into(&leaf_shape, (struct bytes){NULL, 0}, &leaf, sizeof leaf));
}

static void nest(size_t levels, struct buffer *out) {
    struct buffer inner;
    buffer_init(out, WIRE_ROOM);
    buffer_init(&inner, WIRE_ROOM);
    for (size_t i = 1; i < levels; i++) {
        buffer_clear(&inner);
        wire_run(&inner, 2, buffer_bytes(out));
        buffer_clear(out);
        wire_raw(out, buffer_bytes(&inner));
    }
    buffer_finish(&inner);
}

static void test_depth_is_limited(void **state) {
    (void)state;
    static const size_t levels[] = {FENCE_DEPTH_MAX, FENCE_DEPTH_MAX + 1, 10000};
    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        struct buffer bytes;
        struct nest plain;
        nest(levels[i], &bytes);
        CHECK_ERR(i == 0 ? ERR_OK : ERR_PEER_MALFORMED,
                  fence_decode_into(&nest_shape, buffer_bytes(&bytes), &plain, sizeof plain));
        buffer_finish(&bytes);
    }
}

static double seconds(void) { /* this process's own, so a busy machine does not matter */
    struct timespec at;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* What costs an ordinary reader 29 s (a repeated singular message in 256 KiB) ends at its second
 * copy; a megabyte of fields that a signed object may not have ends at the first. */
static void test_hostile_megabytes_are_refused_at_once(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "\x12\x00",                 /* empty messages in a singular field */
        "\x1a\x00",                 /* empty signatures */
        "\x22\x00",                 /* an unknown run */
        "\xf8\xff\xff\xff\x0f\x01", /* an unknown number */
        "\x0a\x00",                 /* empty types */
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct buffer bytes;
        struct signed_object object;
        struct nest plain;
        size_t len = i == 3 ? 6 : 2;
        buffer_init(&bytes, HOSTILE_BYTES);
        while (bytes.len + len <= bytes.max) {
            wire_raw(&bytes, (struct bytes){(const uint8_t *)bodies[i], len});
        }
        double start = seconds();
        CHECK(signed_decode(buffer_bytes(&bytes), &object) != ERR_OK);
        CHECK(fence_decode_into(&nest_shape, buffer_bytes(&bytes), &plain, sizeof plain) != ERR_OK);
        CHECK(seconds() - start < 0.05);
        buffer_finish(&bytes);
    }
}

/* A later version's object may have any fields; their wire format is checked all the same. */
static void test_find_reads_one_field_among_unknown_ones(void **state) {
    (void)state;
    static const struct {
        const char *wire;
        size_t len;
        enum err err;
    } cases[] = {
        {WIRE("\x0a\x02hi"), ERR_OK},
        {WIRE("\x10\x05\x1d----\x21--------\x0a\x02hi\x2a\x00"), ERR_OK},
        {WIRE(""), ERR_PEER_MALFORMED},
        {WIRE("\x08\x05"), ERR_PEER_MALFORMED},
        {WIRE("\x0a\x02hi\x0a\x02hi"), ERR_PEER_MALFORMED},
        {WIRE("\x0a\x02hi\x2a\x01"), ERR_PEER_MALFORMED},
        {WIRE("\x0a\x02hi\x1d---"), ERR_PEER_MALFORMED},
        {WIRE("\x0a\x02hi\x13\x14"), ERR_PEER_MALFORMED},
        {WIRE("\x0a\x02hi\x10\x80\x00"), ERR_PEER_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bytes run = {NULL, 0};
        struct bytes from = {(const uint8_t *)cases[i].wire, cases[i].len};
        CHECK_ERR(cases[i].err, fence_find(from, 1, &run));
        CHECK(cases[i].err != ERR_OK || bytes_equal(run, BYTES_TEXT("hi")));
    }
}

/* Every possible character, against the definition. */
static void test_text_is_utf8_without_controls(void **state) {
    (void)state;
    for (uint32_t point = 1; point < 0x111000; point++) {
        uint8_t text[4] = {(uint8_t)point};
        size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
        for (size_t i = len - 1, rest = point; len > 1 && i < len; i--, rest >>= 6) {
            text[i] = (uint8_t)(i == 0 ? leads[len] | rest : 0x80 | (rest & 0x3f));
        }
        bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
        bool surrogate = point >= 0xd800 && point < 0xe000;
        CHECK(fence_text_valid((struct bytes){text, len}) ==
              (!control && !surrogate && point < 0x110000));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_faults_are_malformed),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_hostile_megabytes_are_refused_at_once),
        cmocka_unit_test(test_find_reads_one_field_among_unknown_ones),
        cmocka_unit_test(test_text_is_utf8_without_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
