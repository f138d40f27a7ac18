/* Every message, by its table: whole at both ends of its bounds, refused with any one of them
 * broken. */
#include <stdlib.h>
#include <string.h>

#include "node/base/instant.h"
#include "proto/fence.h"
#include "tests/support/check.h"
#include "tests/support/fill.h"
#include "tests/support/schema.h"

struct broken { /* a message with one field replaced */
    const struct shape *shape;
    const struct shape_field *row;
    struct bytes from; /* valid, everything in it */
};

static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
static _Alignas(max_align_t) uint8_t again[FILL_ROOM];
static uint8_t filler_bytes[2 * 1024 * 1024]; /* all 'a' */

static void encode(const struct shape *shape, enum fill_how how, uint64_t seed,
                   struct buffer *out) {
    buffer_init(out, WIRE_ROOM);
    fill_shape(shape, how, seed, plain);
    CHECK_ERR(ERR_OK, fence_encode(shape, plain, out));
}

static void test_messages_round_trip_at_both_ends_of_their_bounds(void **state) {
    (void)state;
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t seed = 0; seed < 24; seed++) {
            struct buffer bytes;
            struct buffer second;
            encode(shapes[i], seed > FILL_SOME ? FILL_SOME : (enum fill_how)seed, seed, &bytes);
            memset(again, 0xa5, sizeof again);
            CHECK_ERR(ERR_OK, fence_decode_into(shapes[i], buffer_bytes(&bytes), again,
                                                fill_size(shapes[i])));
            CHECK(fill_equal(shapes[i], plain, again));
            buffer_init(&second, bytes.max);
            CHECK_ERR(ERR_OK, fence_encode(shapes[i], again, &second));
            CHECK(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&second)));
            buffer_finish(&second);
            buffer_finish(&bytes);
        }
    }
}

/* Two rows never write to the same place, so none overwrites what another has checked. */
static void test_rows_do_not_overlap(void **state) {
    (void)state;
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        memset(plain, 0, sizeof plain);
        for (size_t k = 0; k < shapes[i]->field_count; k++) {
            const struct shape_field *row = &shapes[i]->fields[k];
            size_t len = row->size * (row->max_count == 0 ? 1 : row->max_count);
            for (size_t b = 0; b < len; b++) {
                if (plain[row->offset + b]++ != 0) {
                    fail_msg("%s.%s lies over another row", shapes[i]->name, row->name);
                }
            }
        }
    }
}

static void expect(const struct broken *broken, const char *what, enum err expected,
                   const struct buffer *bytes) {
    memset(again, 0xa5, fill_size(broken->shape));
    enum err err =
        fence_decode_into(broken->shape, buffer_bytes(bytes), again, fill_size(broken->shape));
    if (err != expected) {
        fail_msg("%s.%s, %s: expected %s, got %s", broken->shape->name, broken->row->name, what,
                 err_name(expected), err_name(err));
    }
    for (size_t i = 0; i < fill_size(broken->shape); i++) { /* nothing half-decoded is left */
        CHECK(again[i] == 0);
    }
}

/* Copies the message without the row's field; the caller appends what stands for it. */
static void without(const struct broken *broken, struct buffer *out) {
    static struct wire_field fields[WIRE_FIELDS_MAX];
    size_t count = wire_split(broken->from, fields);
    buffer_init(out, WIRE_ROOM);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].number != broken->row->number) {
            wire_raw(out, (struct bytes){broken->from.at + fields[i].start,
                                         fields[i].end - fields[i].start});
        }
    }
}

static void with_number(const struct broken *broken, const char *what, enum err expected,
                        uint64_t value) {
    struct buffer bytes;
    without(broken, &bytes);
    wire_number(&bytes, broken->row->number, value);
    expect(broken, what, expected, &bytes);
    buffer_finish(&bytes);
}

static void with_run(const struct broken *broken, const char *what, enum err expected,
                     struct bytes run) {
    struct buffer bytes;
    without(broken, &bytes);
    wire_run(&bytes, broken->row->number, run);
    expect(broken, what, expected, &bytes);
    buffer_finish(&bytes);
}

static void break_number(const struct broken *broken) {
    const struct shape_field *row = broken->row;
    uint64_t most = row->max;
    if (row->kind == SHAPE_TIME) {
        most = (uint64_t)INSTANT_MAX_MS;
        with_number(broken, "before 1970", ERR_PEER_BOUNDS, (uint64_t)-1);
    } else if (row->kind == SHAPE_BOOL) {
        most = 1;
    } else if (row->kind == SHAPE_SINT) {
        with_number(broken, "one too many", ERR_PEER_BOUNDS, 2 * (most + 1));
        with_number(broken, "one too few", ERR_PEER_BOUNDS, 2 * most + 1);
        with_number(broken, "more than 32 bits", ERR_PEER_BOUNDS, UINT64_C(1) << 32);
        return;
    } else if (most == 0) {
        most = row->size == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
    }
    if (most < UINT64_MAX) {
        with_number(broken, "one too many", ERR_PEER_BOUNDS, most + 1);
    }
    if (row->min > 0) {
        with_number(broken, "one too few", ERR_PEER_BOUNDS, row->min - 1);
    }
    if (row->required) {
        with_number(broken, "zero", ERR_PEER_BOUNDS, 0);
    }
}

static void break_run(const struct broken *broken) {
    const struct shape_field *row = broken->row;
    static const uint8_t zeros[512];
    struct bytes a = {filler_bytes, 0};
    if (row->kind == SHAPE_FIXED) {
        with_run(broken, "a byte short", ERR_PEER_BOUNDS, (struct bytes){a.at, row->size - 1});
        with_run(broken, "a byte long", ERR_PEER_BOUNDS, (struct bytes){a.at, row->size + 1});
        if (row->required) {
            with_run(broken, "zero", ERR_PEER_BOUNDS, (struct bytes){zeros, row->size});
        }
    } else if (row->kind == SHAPE_TEXT) {
        static const char *const bad[] = {"\n", "\x7f", "\xff", "\xc3", "\xed\xa0\x80", "\xc2\x85"};
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            with_run(broken, "not text", ERR_PEER_MALFORMED, BYTES_TEXT(bad[i]));
        }
        with_run(broken, "NUL", ERR_PEER_MALFORMED, (struct bytes){zeros, 1});
        with_run(broken, "a byte long", ERR_PEER_BOUNDS, (struct bytes){a.at, row->size});
    } else if (row->kind == SHAPE_BYTES) {
        with_run(broken, "a byte long", ERR_PEER_BOUNDS, (struct bytes){a.at, row->max + 1});
    } else if (row->kind == SHAPE_PACKED) {
        with_run(broken, "part of a record", ERR_PEER_MALFORMED,
                 (struct bytes){a.at, row->size - 1});
        with_run(broken, "a record more", ERR_PEER_BOUNDS,
                 (struct bytes){a.at, row->size * (row->max_count + 1)});
    }
    if (row->required && row->kind != SHAPE_MESSAGE) {
        with_run(broken, "empty", ERR_PEER_BOUNDS, (struct bytes){a.at, 0});
    }
}

static void break_count(const struct broken *broken) {
    static struct wire_field fields[WIRE_FIELDS_MAX];
    size_t count = wire_split(broken->from, fields);
    struct buffer bytes;
    buffer_init(&bytes, WIRE_ROOM);
    wire_raw(&bytes, broken->from);
    size_t i = 0;
    while (i < count && fields[i].number != broken->row->number) {
        i++;
    }
    if (i < count) { /* everything is at its most already: one more of it */
        wire_raw(&bytes, (struct bytes){broken->from.at + fields[i].start,
                                        fields[i].end - fields[i].start});
    } else { /* the radius, which no polygon has */
        wire_number(&bytes, broken->row->number, 1);
        wire_number(&bytes, broken->row->number, 1);
    }
    expect(broken, "once more", broken->row->repeated ? ERR_PEER_BOUNDS : ERR_PEER_MALFORMED,
           &bytes);
    buffer_finish(&bytes);
    if (broken->row->required) {
        without(broken, &bytes);
        expect(broken, "missing", ERR_PEER_BOUNDS, &bytes);
        buffer_finish(&bytes);
    }
}

static void break_wire_type(const struct broken *broken, bool number) {
    static const uint8_t eight[8] = {1};
    struct buffer bytes;
    if (number) {
        with_run(broken, "a run", ERR_PEER_MALFORMED, (struct bytes){eight, 1});
    } else {
        with_number(broken, "a number", ERR_PEER_MALFORMED, 1);
    }
    for (unsigned type = 1; type < 8; type++) { /* fixed width, groups, and what does not exist */
        if (type != 2) {
            without(broken, &bytes);
            wire_varint(&bytes, (uint64_t)broken->row->number << 3 | type);
            wire_raw(&bytes, (struct bytes){eight, type == 5 ? 4 : 8});
            expect(broken, "wrong type", ERR_PEER_MALFORMED, &bytes);
            buffer_finish(&bytes);
        }
    }
}

static void test_each_bound_broken_alone_is_refused(void **state) {
    (void)state;
    memset(filler_bytes, 'a', sizeof filler_bytes);
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        struct buffer valid;
        encode(shapes[i], FILL_MOST, 7, &valid);
        for (size_t k = 0; k < shapes[i]->field_count; k++) {
            struct broken broken = {shapes[i], &shapes[i]->fields[k], buffer_bytes(&valid)};
            enum shape_kind kind = broken.row->kind;
            bool number = kind == SHAPE_U32 || kind == SHAPE_U64 || kind == SHAPE_TIME ||
                          kind == SHAPE_SINT || kind == SHAPE_BOOL;
            if (number) {
                break_number(&broken);
            } else {
                break_run(&broken);
            }
            break_count(&broken);
            break_wire_type(&broken, number);
        }
        buffer_finish(&valid);
    }
}

/* What a person typed too long is told to the person, not cut and not sent. */
static void test_what_cannot_be_decoded_is_never_encoded(void **state) {
    (void)state;
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < shapes[i]->field_count; k++) {
            const struct shape_field *row = &shapes[i]->fields[k];
            struct buffer out;
            buffer_init(&out, WIRE_ROOM);
            wire_raw(&out, BYTES_TEXT("before"));
            for (int how = 0; how < 3; how++) {
                fill_shape(shapes[i], FILL_MOST, 7, plain);
                uint8_t *at = plain + row->offset;
                bool breaks = true;
                if (how == 0 && row->required) { /* emptied; not a bool's or a count's business */
                    breaks = row->kind != SHAPE_MESSAGE && row->kind != SHAPE_PACKED;
                    memset(at, 0, breaks ? row->size : 0);
                } else if (how == 1 && row->kind == SHAPE_TEXT) { /* without its NUL */
                    memset(at, 'a', row->size);
                } else if (how == 1 && row->kind == SHAPE_BYTES) {
                    memcpy(at, &(struct bytes){filler_bytes, row->max + 1}, sizeof(struct bytes));
                } else if (how == 1 && row->kind == SHAPE_TIME) {
                    memset(at, 0xff, row->size);
                } else if (how == 1 && row->max != 0 && row->max < UINT32_MAX) {
                    memcpy(at, &(uint64_t){row->max + 1}, row->size);
                } else if (how == 2 && row->counted && row->max_count != 0) {
                    memcpy(plain + row->count_offset, &(size_t){(size_t)row->max_count + 1},
                           sizeof(size_t));
                } else {
                    continue;
                }
                if (breaks && fence_encode(shapes[i], plain, &out) != ERR_PEER_BOUNDS) {
                    fail_msg("%s.%s, way %d", shapes[i]->name, row->name, how);
                }
                CHECK(bytes_equal(buffer_bytes(&out), BYTES_TEXT("before")));
            }
            buffer_finish(&out);
        }
    }
}

/* A message cut off inside a field is never taken for a whole one. */
static void test_cut_messages_are_refused(void **state) {
    (void)state;
    static struct wire_field fields[WIRE_FIELDS_MAX];
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        struct buffer valid;
        encode(shapes[i], FILL_SOME, 3, &valid);
        size_t field_count = wire_split(buffer_bytes(&valid), fields);
        for (size_t f = 0; f < field_count; f++) {
            size_t step = 1 + (fields[f].end - fields[f].start) / 16;
            for (size_t cut = fields[f].start + 1; cut < fields[f].end; cut += step) {
                uint8_t *exact = malloc(cut); /* so that a byte too far is seen */
                CHECK(exact != NULL);
                memcpy(exact, valid.at, cut);
                CHECK_ERR(ERR_PEER_MALFORMED,
                          fence_decode_into(shapes[i], (struct bytes){exact, cut}, again,
                                            fill_size(shapes[i])));
                free(exact);
            }
        }
        buffer_finish(&valid);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_round_trip_at_both_ends_of_their_bounds),
        cmocka_unit_test(test_rows_do_not_overlap),
        cmocka_unit_test(test_each_bound_broken_alone_is_refused),
        cmocka_unit_test(test_what_cannot_be_decoded_is_never_encoded),
        cmocka_unit_test(test_cut_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
