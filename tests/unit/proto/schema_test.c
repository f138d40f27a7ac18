/* The tables that our reader goes by say what proto/ (the schemas) say: names, numbers, types,
 * bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fence.h"
#include "tests/support/check.h"
#include "tests/support/fill.h"
#include "tests/support/schema.h"

static const char *last_word(const char *name) { /* "as.ping.nonce": nonce */
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

static bool same_type(const struct shape_field *row, const ProtobufCFieldDescriptor *field) {
    switch (row->kind) {
    case SHAPE_FIXED:
    case SHAPE_BYTES:
    case SHAPE_PACKED:
        return field->type == PROTOBUF_C_TYPE_BYTES;
    case SHAPE_TEXT:
        return field->type == PROTOBUF_C_TYPE_STRING;
    case SHAPE_U32:
        if (field->type == PROTOBUF_C_TYPE_ENUM) { /* 0 is "not said", which no row lets pass */
            const ProtobufCEnumDescriptor *values = field->descriptor;
            return row->required && row->min <= 1 && row->max + 1 == values->n_values;
        }
        return field->type == PROTOBUF_C_TYPE_UINT32;
    case SHAPE_U64:
        return field->type == PROTOBUF_C_TYPE_UINT64 ||
               (field->type == PROTOBUF_C_TYPE_INT64 && row->max == INT64_MAX);
    case SHAPE_TIME:
        return field->type == PROTOBUF_C_TYPE_INT64;
    case SHAPE_SINT:
        return field->type == PROTOBUF_C_TYPE_SINT32;
    case SHAPE_BOOL:
        return field->type == PROTOBUF_C_TYPE_BOOL;
    case SHAPE_MESSAGE:
        return field->type == PROTOBUF_C_TYPE_MESSAGE &&
               field->descriptor == schema_named(row->sub->name);
    }
    return false;
}

static void test_every_row_is_a_field_and_every_field_a_row(void **state) {
    (void)state;
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    CHECK(count == schema_count());
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessageDescriptor *schema = schema_named(shapes[i]->name);
        if (schema == NULL || schema->n_fields != shapes[i]->field_count) {
            fail_msg("%s is not as in the schema", shapes[i]->name);
            return;
        }
        for (size_t k = 0; k < shapes[i]->field_count; k++) {
            const struct shape_field *row = &shapes[i]->fields[k];
            const ProtobufCFieldDescriptor *field =
                protobuf_c_message_descriptor_get_field(schema, row->number);
            if (field == NULL || strcmp(field->name, last_word(row->name)) != 0 ||
                !same_type(row, field) ||
                row->repeated != (field->label == PROTOBUF_C_LABEL_REPEATED)) {
                fail_msg("%s.%s is not as in the schema", shapes[i]->name, row->name);
            }
        }
    }
}

/* ---- bounds, which the schemas give in comments ---- */

static void append(char *text, size_t room, const char *word) {
    size_t len = strlen(text);
    (void)snprintf(text + len, room - len, "%s%s", len == 0 ? "" : ", ", word);
}

static void number_text(uint64_t number, char text[24]) {
    (void)snprintf(text, 24, "%llu", (unsigned long long)number);
    if (number == INT64_MAX) {
        (void)snprintf(text, 24, "2^63-1");
    }
}

/* The words in which a schema states a row's bounds. */
static void bounds_text(const struct shape_field *row, char *text, size_t room) {
    char word[96] = "";
    char most[24];
    number_text(row->max, most);
    text[0] = '\0';
    switch (row->kind) {
    case SHAPE_FIXED:
        (void)snprintf(word, sizeof word, "%zu bytes", row->size);
        break;
    case SHAPE_TEXT:
        (void)snprintf(word, sizeof word, "at most %zu bytes", row->size - 1);
        break;
    case SHAPE_BYTES:
        (void)snprintf(word, sizeof word, "at most %s bytes", most);
        break;
    case SHAPE_PACKED:
        (void)snprintf(word, sizeof word, "records of %zu bytes, at most %u", row->size,
                       row->max_count);
        break;
    case SHAPE_SINT:
        (void)snprintf(word, sizeof word, "-%s to %s", most, most);
        break;
    case SHAPE_U32:
    case SHAPE_U64:
        if (row->max == row->min && row->max > 0) {
            (void)snprintf(word, sizeof word, "%s", most);
        } else if (row->max > 0) {
            (void)snprintf(word, sizeof word, "%llu to %s", (unsigned long long)row->min, most);
        } else if (row->min > 0) {
            (void)snprintf(word, sizeof word, "at least %llu", (unsigned long long)row->min);
        }
        break;
    case SHAPE_TIME:
    case SHAPE_BOOL:
    case SHAPE_MESSAGE:
        break;
    }
    if (word[0] != '\0') {
        append(text, room, word);
    }
    if (row->repeated) {
        (void)snprintf(word, sizeof word, row->required ? "1 to %u times" : "at most %u times",
                       row->max_count);
        append(text, room, word);
    } else if (row->required) {
        append(text, room, "required");
    }
}

/* The comment behind `name = number;` in message `message`, up to a semicolon; "" without one. */
static bool schema_comment(const char *source, const char *message, const struct shape_field *row,
                           char *out, size_t room) {
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "\nmessage %s {", message);
    const char *at = strstr(source, wanted);
    if (at == NULL) {
        return false;
    }
    (void)snprintf(wanted, sizeof wanted, " %s = %u;", last_word(row->name), row->number);
    const char *end = strstr(at, "\n}");
    at = strstr(at, wanted);
    if (at == NULL || end == NULL || at > end) {
        return false;
    }
    at += strlen(wanted);
    size_t len = strncmp(at, " // ", 4) == 0 ? strcspn(at + 4, ";\n") : 0;
    (void)snprintf(out, room, "%.*s", (int)len, at + 4);
    return true;
}

static void test_schemas_state_the_bounds_that_the_reader_holds(void **state) {
    (void)state;
    static const char *const files[] = {"proto/object.proto", "proto/link.proto",
                                        "proto/frame.proto", "proto/ingest.proto",
                                        "proto/control.proto"};
    static char source[256 * 1024];
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        FILE *file = fopen(files[i], "rbe");
        CHECK(file != NULL);
        len += fread(source + len, 1, sizeof source - 1 - len, file);
        (void)fclose(file);
    }
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < shapes[i]->field_count; k++) {
            const struct shape_field *row = &shapes[i]->fields[k];
            char said[256];
            char held[256];
            CHECK(schema_comment(source, shapes[i]->name, row, said, sizeof said));
            bounds_text(row, held, sizeof held);
            if (strncmp(said, held, strlen(held)) != 0) {
                fail_msg("%s.%s: the schema says '%s', the reader holds '%s'", shapes[i]->name,
                         row->name, said, held);
            }
        }
    }
}

/* protobuf-c reads what we write and writes the same bytes: fields in order, defaults left out. */
static void test_protobuf_c_agrees_byte_by_byte(void **state) {
    (void)state;
    const struct shape *shapes[FILL_SHAPES_MAX];
    size_t count = fill_all_shapes(shapes);
    uint8_t *plain = malloc(FILL_ROOM);
    CHECK(plain != NULL);
    for (size_t i = 0; i < count; i++) {
        for (uint64_t seed = 0; seed < 24; seed++) {
            struct buffer ours;
            struct buffer theirs;
            buffer_init(&ours, WIRE_ROOM);
            buffer_init(&theirs, WIRE_ROOM);
            fill_shape(shapes[i], seed > FILL_SOME ? FILL_SOME : (enum fill_how)seed, seed, plain);
            CHECK_ERR(ERR_OK, fence_encode(shapes[i], plain, &ours));
            CHECK(schema_repack(schema_named(shapes[i]->name), buffer_bytes(&ours), &theirs));
            if (!bytes_equal(buffer_bytes(&ours), buffer_bytes(&theirs))) {
                fail_msg("%s, seed %u", shapes[i]->name, (unsigned)seed);
            }
            buffer_finish(&ours);
            buffer_finish(&theirs);
        }
    }
    free(plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_a_field_and_every_field_a_row),
        cmocka_unit_test(test_schemas_state_the_bounds_that_the_reader_holds),
        cmocka_unit_test(test_protobuf_c_agrees_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
