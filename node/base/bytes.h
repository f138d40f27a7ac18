/* Runs of bytes: borrowed views and bounded buffers. */
#ifndef NODE_BASE_BYTES_H
#define NODE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "node/base/err.h"

/* A borrowed view. `at` may be NULL only when `len` is 0. */
struct bytes {
    const uint8_t *at;
    size_t len;
};

/* SHA-256 of a signed body: the name of an object everywhere (PROTOCOL 2.2). */
struct id {
    uint8_t b[32];
};

/* A growing buffer that never passes `max` bytes. Zero it except for `max`, or use buffer_init. */
struct buffer {
    uint8_t *at; /* owned; NULL while nothing was written */
    size_t len;
    size_t room;
    size_t max;
};

#define BYTES_OF(array) ((struct bytes){(const uint8_t *)(array), sizeof(array)})
#define BYTES_TEXT(text) ((struct bytes){(const uint8_t *)(text), strlen(text)})

bool bytes_equal(struct bytes a, struct bytes b); /* not constant time: public bytes only */
/* Takes a line off the front, its end with it; *out goes without. False: no line ends in it. */
bool bytes_line(struct bytes *from, struct bytes *out);
/* Here, so that whoever goes through a table makes no calls. */
static inline bool id_equal(const struct id *a, const struct id *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}
bool id_is_zero(const struct id *id);
int id_compare(const struct id *a, const struct id *b); /* memcmp order */

void buffer_init(struct buffer *buffer, size_t max);
void buffer_finish(struct buffer *buffer); /* frees; a zeroed buffer is fine */
void buffer_clear(struct buffer *buffer);  /* keeps the memory */
struct bytes buffer_bytes(const struct buffer *buffer);

/* ERR_FULL_BUFFER past max, ERR_HOST_MEMORY; on failure the buffer is as before. */
MUST_USE enum err buffer_append(struct buffer *buffer, struct bytes more);
/* Makes room for `len` more bytes, counts them as written, and points *out at them. */
MUST_USE enum err buffer_extend(struct buffer *buffer, size_t len, uint8_t **out);
void buffer_drop_front(struct buffer *buffer, size_t len);

/* Lower-case hex; `text` has room for 2*len+1. */
void hex_write(struct bytes from, char *text);
/* Reads exactly out_len bytes, either case. ERR_USER_SYNTAX. */
MUST_USE enum err hex_read(const char *text, uint8_t *out, size_t out_len);

/* Standard base64 with padding (signed notes) and unpadded base64url (invite codes).
 * Writers NUL-terminate; BASE64_ROOM says how much room that takes. Readers are strict: no white
 * space, no stray bits, and the url form takes no padding. ERR_USER_SYNTAX, ERR_FULL_BUFFER. */
#define BASE64_ROOM(len) (((len) + 2) / 3 * 4 + 1)
void base64_write(struct bytes from, char *text);
void base64url_write(struct bytes from, char *text);
MUST_USE enum err base64_read(struct bytes text, uint8_t *out, size_t room, size_t *out_len);
MUST_USE enum err base64url_read(struct bytes text, uint8_t *out, size_t room, size_t *out_len);

/* Fixed-width integers, big-endian unless named le. */
uint16_t read_u16(const uint8_t at[2]);
uint32_t read_u32(const uint8_t at[4]);
uint64_t read_u64(const uint8_t at[8]);
void write_u16(uint8_t at[2], uint16_t value);
void write_u32(uint8_t at[4], uint32_t value);
void write_u64(uint8_t at[8], uint64_t value);

#endif
