/* protobuf-c's view of proto/ (the schemas compiled by protoc-c), as a second reader to hold ours
 * against, and hand-made wire bytes. */
#ifndef TESTS_SUPPORT_SCHEMA_H
#define TESTS_SUPPORT_SCHEMA_H

#include <protobuf-c/protobuf-c.h>

#include "node/base/bytes.h"

size_t schema_count(void);
const ProtobufCMessageDescriptor *schema_at(size_t index);
const ProtobufCMessageDescriptor *schema_named(const char *name); /* NULL when there is none */

/* Unpacks with protobuf-c and packs again; false when it refuses. */
bool schema_repack(const ProtobufCMessageDescriptor *schema, struct bytes from, struct buffer *out);

enum {
    WIRE_FIELDS_MAX = 2048,
    WIRE_ROOM = 16 * 1024 * 1024, /* for anything that a test makes */
};

struct wire_field { /* one field of one level, with where it lies */
    uint32_t number;
    unsigned type;
    size_t start, value, end; /* tag; value or, of a run, its content; one past */
};

/* Splits valid wire bytes; returns the count. */
size_t wire_split(struct bytes from, struct wire_field out[WIRE_FIELDS_MAX]);

/* Append; these never fail within the buffer's max. */
void wire_varint(struct buffer *out, uint64_t value);
void wire_number(struct buffer *out, uint32_t number, uint64_t value);
void wire_run(struct buffer *out, uint32_t number, struct bytes run);
void wire_raw(struct buffer *out, struct bytes raw);

#endif
