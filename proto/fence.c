#include "proto/fence.h"

#include <string.h>

#include "node/base/assert.h"
#include "node/base/instant.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_LENGTH = 2,
    WIRE_FIXED32 = 5
};

enum {
    EIGHT = 8
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool eight_are_plain(const uint8_t *at);
static enum err decode_message(const struct shape *shape, struct bytes from, uint8_t *plain,
                               unsigned depth);
static enum err decode_field(const struct shape_field *field, struct cursor *cursor,
                             enum wire_type wire, uint8_t *plain, uint32_t index, unsigned depth);
static enum err decode_number(const struct shape_field *field, uint64_t value, uint8_t *to);
static enum err decode_run(const struct shape_field *field, struct bytes run, uint8_t *to,
                           uint8_t *plain, unsigned depth);
static enum err settle_counts(const struct shape *shape, const uint32_t *seen, uint8_t *plain);
static enum err encode_message(const struct shape *shape, const uint8_t *plain, unsigned depth,
                               struct buffer *out);
static enum err encode_field(const struct shape_field *field, const uint8_t *plain, unsigned depth,
                             struct buffer *out);
static enum err encode_element(const struct shape_field *field, const uint8_t *at, unsigned depth,
                               struct buffer *out);
static enum err encode_packed(const struct shape_field *field, const uint8_t *plain,
                              struct buffer *out);
static bool is_empty(const struct shape_field *field, const uint8_t *at);
static size_t element_count(const struct shape_field *field, const uint8_t *plain);
static bool number_of(const struct shape_field *field, const uint8_t *at, uint64_t *value);
static bool in_bounds(const struct shape_field *field, uint64_t value);
static enum wire_type wire_of(enum shape_kind kind);
static struct cursor cursor_over(struct bytes from);
static enum err read_varint(struct cursor *cursor, uint64_t *out);
static enum err read_tag(struct cursor *cursor, uint32_t *number, enum wire_type *wire);
static enum err read_run(struct cursor *cursor, struct bytes *out);
static enum err skip_value(struct cursor *cursor, enum wire_type wire, struct bytes *run);
static enum err write_varint(struct buffer *out, uint64_t value);
static enum err write_tag(struct buffer *out, uint32_t number, enum wire_type wire);
static enum err write_run(struct buffer *out, uint32_t number, struct bytes run);
static size_t varint_size(uint64_t value);

enum err fence_decode(const struct shape *shape, struct bytes from, void *plain) {
    return decode_message(shape, from, plain, 1);
}

enum err fence_decode_into(const struct shape *shape, struct bytes from, void *plain, size_t size) {
    memset(plain, 0, size);
    enum err err = fence_decode(shape, from, plain);
    if (err != ERR_OK) {
        memset(plain, 0, size);
    }
    return err;
}

size_t fence_reach(const struct shape *shape) {
    size_t reach = 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        size_t elements = field->max_count > 1 ? field->max_count : 1;
        size_t count_bytes =
            field->kind == SHAPE_MESSAGE && !field->repeated ? sizeof(bool) : sizeof(size_t);
        size_t end = field->offset + elements * field->size;
        size_t count_end = field->counted ? field->count_offset + count_bytes : 0;
        reach = end > reach ? end : reach;
        reach = count_end > reach ? count_end : reach;
    }
    return reach;
}

enum err fence_encode(const struct shape *shape, const void *plain, struct buffer *out) {
    size_t before = out->len;
    enum err err = encode_message(shape, plain, 1, out);
    if (err != ERR_OK) {
        out->len = before;
    }
    return err;
}

enum err fence_find(struct bytes from, uint32_t number, struct bytes *out) {
    struct cursor cursor = cursor_over(from);
    bool found = false;
    while (cursor.at < cursor.end) {
        uint32_t field = 0;
        enum wire_type wire = WIRE_VARINT;
        struct bytes run = {NULL, 0};
        if (read_tag(&cursor, &field, &wire) != ERR_OK ||
            skip_value(&cursor, wire, &run) != ERR_OK) {
            return ERR_PEER_MALFORMED;
        }
        if (field == number) {
            if (found || wire != WIRE_LENGTH) {
                return ERR_PEER_MALFORMED;
            }
            found = true;
            *out = run;
        }
    }
    return found ? ERR_OK : ERR_PEER_MALFORMED;
}

bool fence_text_valid(struct bytes text) {
    for (size_t i = 0; i < text.len;) {
        if (text.len - i >= EIGHT && eight_are_plain(text.at + i)) {
            i += EIGHT;
            continue;
        }
        uint8_t lead = text.at[i++];
        if (lead < 0x20 || lead == 0x7f) {
            return false;
        }
        if (lead < 0x80) {
            continue;
        }
        size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
        if (lead < 0xc2 || lead > 0xf4 || more > text.len - i) {
            return false;
        }
        uint32_t point = lead & (0x3fU >> more);
        for (size_t k = 0; k < more; k++, i++) {
            if ((text.at[i] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (text.at[i] & 0x3fU);
        }
        bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
        bool surrogate = point >= 0xd800 && point <= 0xdfff;
        if (overlong || surrogate || point > 0x10ffff || point < 0xa0) { /* below A0: C1 */
            return false;
        }
    }
    return true;
}

/* Of ASCII, and no control character: no byte has its high bit, is below 0x20 or is 0x7f. Each of
 * the sums stays within its byte, so eight are looked at together. */
static bool eight_are_plain(const uint8_t *at) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = 0x80 * ones;
    uint64_t eight = read_u64(at);
    if ((eight & high) != 0) {
        return false;
    }
    uint64_t printable = eight + 0x60 * ones; /* carries into the high bit from 0x20 on */
    uint64_t deleted = eight + ones;          /* and from 0x7f on */
    return (printable & ~deleted & high) == high;
}

/* ---- decoding ---- */

static enum err decode_message(const struct shape *shape, struct bytes from, uint8_t *plain,
                               unsigned depth) {
    uint32_t seen[FENCE_SHAPE_FIELDS_MAX] = {0};
    ASSERT(shape->field_count <= FENCE_SHAPE_FIELDS_MAX);
    if (depth > FENCE_DEPTH_MAX) {
        return ERR_PEER_MALFORMED;
    }
    struct cursor cursor = cursor_over(from);
    while (cursor.at < cursor.end) {
        uint32_t number = 0;
        enum wire_type wire = WIRE_VARINT;
        if (read_tag(&cursor, &number, &wire) != ERR_OK) {
            return ERR_PEER_MALFORMED;
        }
        size_t i = 0;
        while (i < shape->field_count && shape->fields[i].number != number) {
            i++;
        }
        if (i == shape->field_count) {
            return ERR_PEER_MALFORMED;
        }
        const struct shape_field *field = &shape->fields[i];
        if (seen[i] >= (field->repeated ? field->max_count : 1)) {
            return field->repeated ? ERR_PEER_BOUNDS : ERR_PEER_MALFORMED;
        }
        enum err err = decode_field(field, &cursor, wire, plain, seen[i]++, depth);
        if (err != ERR_OK) {
            return err;
        }
    }
    enum err err = settle_counts(shape, seen, plain);
    if (err == ERR_OK && shape->check != NULL && !shape->check(plain)) {
        err = ERR_PEER_BOUNDS;
    }
    return err;
}

static enum err decode_field(const struct shape_field *field, struct cursor *cursor,
                             enum wire_type wire, uint8_t *plain, uint32_t index, unsigned depth) {
    uint8_t *to = plain + field->offset + (field->repeated ? index * field->size : 0);
    if (wire != wire_of(field->kind)) {
        return ERR_PEER_MALFORMED;
    }
    enum err err = ERR_OK;
    if (wire == WIRE_VARINT) {
        uint64_t value = 0;
        err = read_varint(cursor, &value);
        if (err == ERR_OK) {
            err = decode_number(field, value, to);
        }
    } else {
        struct bytes run = {NULL, 0};
        err = read_run(cursor, &run);
        if (err == ERR_OK) {
            err = decode_run(field, run, to, plain, depth);
        }
    }
    if (err == ERR_OK && field->required && field->kind != SHAPE_PACKED && is_empty(field, to)) {
        err = ERR_PEER_BOUNDS;
    }
    return err;
}

static enum err decode_number(const struct shape_field *field, uint64_t value, uint8_t *to) {
    if (field->kind == SHAPE_SINT) {
        if (value > UINT32_MAX) {
            return ERR_PEER_BOUNDS;
        }
        int32_t number = (int32_t)((uint32_t)value >> 1) ^ -(int32_t)(value & 1);
        if (!in_bounds(field, (uint64_t)(number < 0 ? -(int64_t)number : number))) {
            return ERR_PEER_BOUNDS;
        }
        memcpy(to, &number, sizeof number);
        return ERR_OK;
    }
    if (!in_bounds(field, value)) {
        return ERR_PEER_BOUNDS;
    }
    if (field->kind == SHAPE_BOOL) {
        *(bool *)to = value != 0;
    } else if (field->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(to, &narrow, sizeof narrow);
    } else {
        ASSERT(field->size == sizeof(uint64_t));
        memcpy(to, &value, sizeof value);
    }
    return ERR_OK;
}

static enum err decode_run(const struct shape_field *field, struct bytes run, uint8_t *to,
                           uint8_t *plain, unsigned depth) {
    if (field->kind == SHAPE_FIXED) {
        if (run.len != field->size) {
            return ERR_PEER_BOUNDS;
        }
        memcpy(to, run.at, run.len);
        return ERR_OK;
    }
    if (field->kind == SHAPE_TEXT) {
        if (run.len >= field->size) {
            return ERR_PEER_BOUNDS;
        }
        if (!fence_text_valid(run)) {
            return ERR_PEER_MALFORMED;
        }
        memcpy(to, run.at, run.len);
        to[run.len] = '\0';
        return ERR_OK;
    }
    if (field->kind == SHAPE_BYTES) {
        if (run.len > field->max) {
            return ERR_PEER_BOUNDS;
        }
        memcpy(to, &run, sizeof run);
        return ERR_OK;
    }
    if (field->kind == SHAPE_PACKED) {
        size_t count = run.len / field->size;
        if (run.len % field->size != 0) {
            return ERR_PEER_MALFORMED;
        }
        if (count > field->max_count || (field->required && count == 0)) {
            return ERR_PEER_BOUNDS;
        }
        memcpy(to, run.at, run.len);
        memcpy(plain + field->count_offset, &count, sizeof count);
        return ERR_OK;
    }
    ASSERT(field->kind == SHAPE_MESSAGE);
    return decode_message(field->sub, run, to, depth + 1);
}

/* Counts what came, and refuses what had to come and did not. Two arrays that share a count (a list
 * of owners and their names) must have come in equal number. */
static enum err settle_counts(const struct shape *shape, const uint32_t *seen, uint8_t *plain) {
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];
        if (field->required && seen[i] == 0) {
            return ERR_PEER_BOUNDS;
        }
        if (!field->repeated) {
            if (field->counted && field->kind == SHAPE_MESSAGE) {
                *(bool *)(plain + field->count_offset) = seen[i] != 0;
            }
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            const struct shape_field *other = &shape->fields[k];
            if (other->repeated && other->count_offset == field->count_offset &&
                seen[k] != seen[i]) {
                return ERR_PEER_BOUNDS;
            }
        }
        size_t count = seen[i];
        memcpy(plain + field->count_offset, &count, sizeof count);
    }
    return ERR_OK;
}

/* ---- encoding ---- */

static enum err encode_message(const struct shape *shape, const uint8_t *plain, unsigned depth,
                               struct buffer *out) {
    ASSERT(depth <= FENCE_DEPTH_MAX);
    for (size_t i = 0; i < shape->field_count; i++) {
        enum err err = encode_field(&shape->fields[i], plain, depth, out);
        if (err != ERR_OK) {
            return err;
        }
    }
    /* After the rows: a check trusts counts and ends of texts. */
    return shape->check == NULL || shape->check(plain) ? ERR_OK : ERR_PEER_BOUNDS;
}

static enum err encode_field(const struct shape_field *field, const uint8_t *plain, unsigned depth,
                             struct buffer *out) {
    if (field->kind == SHAPE_PACKED) {
        return encode_packed(field, plain, out);
    }
    size_t count = element_count(field, plain);
    if (count > (field->repeated ? field->max_count : 1) || (field->required && count == 0)) {
        return ERR_PEER_BOUNDS;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = plain + field->offset + i * field->size;
        bool empty = is_empty(field, at);
        if (empty && field->required) {
            return ERR_PEER_BOUNDS;
        }
        if (empty && !field->repeated) {
            continue;
        }
        enum err err = encode_element(field, at, depth, out);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err encode_element(const struct shape_field *field, const uint8_t *at, unsigned depth,
                               struct buffer *out) {
    uint64_t value = 0;
    if (number_of(field, at, &value)) {
        /* A signed number is zigzag already; its bound is on its magnitude. */
        uint64_t bounded = field->kind == SHAPE_SINT ? (value >> 1) + (value & 1) : value;
        if (!in_bounds(field, bounded)) {
            return ERR_PEER_BOUNDS;
        }
        enum err err = write_tag(out, field->number, WIRE_VARINT);
        return err == ERR_OK ? write_varint(out, value) : err;
    }
    if (field->kind == SHAPE_MESSAGE) {
        struct buffer inner;
        buffer_init(&inner, out->max);
        enum err err = encode_message(field->sub, at, depth + 1, &inner);
        if (err == ERR_OK) {
            err = write_run(out, field->number, buffer_bytes(&inner));
        }
        buffer_finish(&inner);
        return err;
    }
    struct bytes run = {at, field->size};
    if (field->kind == SHAPE_TEXT) {
        run.len = strnlen((const char *)at, field->size);
        if (run.len == field->size || !fence_text_valid(run)) {
            return ERR_PEER_BOUNDS;
        }
    } else if (field->kind == SHAPE_BYTES) {
        memcpy(&run, at, sizeof run);
        if (run.len > field->max) {
            return ERR_PEER_BOUNDS;
        }
    }
    return write_run(out, field->number, run);
}

static enum err encode_packed(const struct shape_field *field, const uint8_t *plain,
                              struct buffer *out) {
    size_t count = element_count(field, plain);
    if (count > field->max_count || (field->required && count == 0)) {
        return ERR_PEER_BOUNDS;
    }
    struct bytes run = {plain + field->offset, count * field->size};
    return count == 0 ? ERR_OK : write_run(out, field->number, run);
}

/* ---- rows ---- */

/* Zero, or without content: what a required field must not be and the wire leaves out. */
static bool is_empty(const struct shape_field *field, const uint8_t *at) {
    uint64_t value = 0;
    struct bytes run = {NULL, 0};
    switch (field->kind) {
    case SHAPE_U32:
    case SHAPE_U64:
    case SHAPE_TIME:
    case SHAPE_SINT:
    case SHAPE_BOOL:
        return number_of(field, at, &value) && value == 0;
    case SHAPE_TEXT:
        return *at == '\0';
    case SHAPE_BYTES:
        memcpy(&run, at, sizeof run);
        return run.len == 0;
    case SHAPE_FIXED:
        for (size_t i = 0; i < field->size; i++) {
            if (at[i] != 0) {
                return false;
            }
        }
        return true;
    case SHAPE_MESSAGE: /* there or not is for its count to say */
    case SHAPE_PACKED:
        return false;
    }
    return false;
}

static size_t element_count(const struct shape_field *field, const uint8_t *plain) {
    if (!field->counted) {
        return 1;
    }
    if (field->kind == SHAPE_MESSAGE && !field->repeated) {
        return *(const bool *)(plain + field->count_offset) ? 1 : 0;
    }
    size_t count = 0;
    memcpy(&count, plain + field->count_offset, sizeof count);
    return count;
}

static bool number_of(const struct shape_field *field, const uint8_t *at, uint64_t *value) {
    if (wire_of(field->kind) != WIRE_VARINT) {
        return false;
    }
    if (field->kind == SHAPE_BOOL) {
        *value = *(const bool *)at ? 1 : 0;
    } else if (field->kind == SHAPE_SINT) {
        int32_t number = 0;
        memcpy(&number, at, sizeof number);
        *value = ((uint32_t)number << 1) ^ (uint32_t)(number >> 31);
    } else if (field->size == sizeof(uint32_t)) {
        uint32_t narrow = 0;
        memcpy(&narrow, at, sizeof narrow);
        *value = narrow;
    } else {
        memcpy(value, at, sizeof *value);
    }
    return true;
}

static bool in_bounds(const struct shape_field *field, uint64_t value) {
    if (field->kind == SHAPE_TIME) {
        return value <= (uint64_t)INSTANT_MAX_MS;
    }
    if (field->kind == SHAPE_BOOL) {
        return value <= 1;
    }
    uint64_t natural = field->size == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
    return value >= field->min && value <= (field->max == 0 ? natural : field->max);
}

static enum wire_type wire_of(enum shape_kind kind) {
    switch (kind) {
    case SHAPE_U32:
    case SHAPE_U64:
    case SHAPE_TIME:
    case SHAPE_SINT:
    case SHAPE_BOOL:
        return WIRE_VARINT;
    case SHAPE_FIXED:
    case SHAPE_TEXT:
    case SHAPE_BYTES:
    case SHAPE_MESSAGE:
    case SHAPE_PACKED:
        return WIRE_LENGTH;
    }
    return WIRE_LENGTH;
}

/* ---- wire ---- */

static struct cursor cursor_over(struct bytes from) {
    if (from.len == 0) { /* `at` may be NULL, to which nothing may be added */
        return (struct cursor){NULL, NULL};
    }
    return (struct cursor){from.at, from.at + from.len};
}

static enum err read_varint(struct cursor *cursor, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (cursor->at == cursor->end) {
            return ERR_PEER_MALFORMED;
        }
        uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1) {
            return ERR_PEER_MALFORMED; /* more than 64 bits */
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0) {
                return ERR_PEER_MALFORMED; /* overlong */
            }
            *out = value;
            return ERR_OK;
        }
    }
    return ERR_PEER_MALFORMED;
}

static enum err read_tag(struct cursor *cursor, uint32_t *number, enum wire_type *wire) {
    uint64_t tag = 0;
    enum err err = read_varint(cursor, &tag);
    if (err != ERR_OK || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        return ERR_PEER_MALFORMED;
    }
    unsigned type = tag & 7;
    if (type != WIRE_VARINT && type != WIRE_FIXED64 && type != WIRE_LENGTH &&
        type != WIRE_FIXED32) {
        return ERR_PEER_MALFORMED;
    }
    *number = (uint32_t)(tag >> 3);
    *wire = (enum wire_type)type;
    return ERR_OK;
}

static enum err read_run(struct cursor *cursor, struct bytes *out) {
    uint64_t len = 0;
    enum err err = read_varint(cursor, &len);
    if (err != ERR_OK || len > (uint64_t)(cursor->end - cursor->at)) {
        return ERR_PEER_MALFORMED;
    }
    *out = (struct bytes){cursor->at, (size_t)len};
    cursor->at += len;
    return ERR_OK;
}

static enum err skip_value(struct cursor *cursor, enum wire_type wire, struct bytes *run) {
    uint64_t value = 0;
    size_t fixed = wire == WIRE_FIXED64 ? 8 : 4;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(cursor, &value);
    case WIRE_LENGTH:
        return read_run(cursor, run);
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        if ((size_t)(cursor->end - cursor->at) < fixed) {
            return ERR_PEER_MALFORMED;
        }
        cursor->at += fixed;
        return ERR_OK;
    }
    return ERR_PEER_MALFORMED;
}

static enum err write_varint(struct buffer *out, uint64_t value) {
    uint8_t *to = NULL;
    size_t size = varint_size(value);
    enum err err = buffer_extend(out, size, &to);
    if (err != ERR_OK) {
        return err;
    }
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)((value & 0x7f) | (i + 1 < size ? 0x80 : 0));
        value >>= 7;
    }
    return ERR_OK;
}

static enum err write_tag(struct buffer *out, uint32_t number, enum wire_type wire) {
    return write_varint(out, (uint64_t)number << 3 | wire);
}

static enum err write_run(struct buffer *out, uint32_t number, struct bytes run) {
    enum err err = write_tag(out, number, WIRE_LENGTH);
    if (err == ERR_OK) {
        err = write_varint(out, run.len);
    }
    return err == ERR_OK ? buffer_append(out, run) : err;
}

static size_t varint_size(uint64_t value) {
    size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        size++;
    }
    return size;
}
