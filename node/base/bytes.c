#include "node/base/bytes.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

static int hex_digit(char c);
static void base64_encode(struct bytes from, const char alphabet[65], bool padded, char *text);
static enum err base64_decode(struct bytes text, const char alphabet[65], bool padded, uint8_t *out,
                              size_t room, size_t *out_len);

static const char alphabet_standard[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool bytes_line(struct bytes *from, struct bytes *out) {
    const uint8_t *end = from->len == 0 ? NULL : memchr(from->at, '\n', from->len);
    if (end == NULL) {
        return false;
    }
    *out = (struct bytes){from->at, (size_t)(end - from->at)};
    from->at = end + 1;
    from->len -= out->len + 1;
    return true;
}

bool id_is_zero(const struct id *id) {
    static const struct id zero;
    return id_equal(id, &zero);
}

int id_compare(const struct id *a, const struct id *b) {
    return memcmp(a->b, b->b, sizeof a->b);
}

void buffer_init(struct buffer *buffer, size_t max) {
    *buffer = (struct buffer){.max = max};
}

void buffer_finish(struct buffer *buffer) {
    if (buffer == NULL) {
        return;
    }
    free(buffer->at);
    *buffer = (struct buffer){.max = buffer->max};
}

void buffer_clear(struct buffer *buffer) {
    buffer->len = 0;
}

struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->at, buffer->len};
}

enum err buffer_append(struct buffer *buffer, struct bytes more) {
    uint8_t *to = NULL;
    enum err err = buffer_extend(buffer, more.len, &to);
    if (err == ERR_OK && more.len > 0) {
        ASSERT(to != NULL);
        memcpy(to, more.at, more.len);
    }
    return err;
}

enum err buffer_extend(struct buffer *buffer, size_t len, uint8_t **out) {
    if (len > buffer->max - buffer->len) {
        return ERR_FULL_BUFFER;
    }
    if (len > buffer->room - buffer->len) {
        size_t room = buffer->room < 256 ? 256 : buffer->room * 2;
        if (room < buffer->len + len) {
            room = buffer->len + len;
        }
        if (room > buffer->max) {
            room = buffer->max;
        }
        uint8_t *grown = realloc(buffer->at, room);
        if (grown == NULL) {
            return ERR_HOST_MEMORY;
        }
        buffer->at = grown;
        buffer->room = room;
    }
    *out = buffer->at == NULL ? NULL : buffer->at + buffer->len;
    buffer->len += len;
    return ERR_OK;
}

void buffer_drop_front(struct buffer *buffer, size_t len) {
    ASSERT(len <= buffer->len);
    if (len == 0) {
        return;
    }
    memmove(buffer->at, buffer->at + len, buffer->len - len);
    buffer->len -= len;
}

void hex_write(struct bytes from, char *text) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < from.len; i++) {
        text[2 * i] = digits[from.at[i] >> 4];
        text[2 * i + 1] = digits[from.at[i] & 15];
    }
    text[2 * from.len] = '\0';
}

enum err hex_read(const char *text, uint8_t *out, size_t out_len) {
    if (strlen(text) != 2 * out_len) {
        return ERR_USER_SYNTAX;
    }
    for (size_t i = 0; i < 2 * out_len; i++) {
        if (hex_digit(text[i]) < 0) {
            return ERR_USER_SYNTAX;
        }
    }
    for (size_t i = 0; i < out_len; i++) {
        out[i] = (uint8_t)(hex_digit(text[2 * i]) * 16 + hex_digit(text[2 * i + 1]));
    }
    return ERR_OK;
}

void base64_write(struct bytes from, char *text) {
    base64_encode(from, alphabet_standard, true, text);
}

void base64url_write(struct bytes from, char *text) {
    base64_encode(from, alphabet_url, false, text);
}

enum err base64_read(struct bytes text, uint8_t *out, size_t room, size_t *out_len) {
    return base64_decode(text, alphabet_standard, true, out, room, out_len);
}

enum err base64url_read(struct bytes text, uint8_t *out, size_t room, size_t *out_len) {
    return base64_decode(text, alphabet_url, false, out, room, out_len);
}

uint16_t read_u16(const uint8_t at[2]) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t read_u32(const uint8_t at[4]) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint64_t read_u64(const uint8_t at[8]) {
    return (uint64_t)read_u32(at) << 32 | read_u32(at + 4);
}

void write_u16(uint8_t at[2], uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

void write_u32(uint8_t at[4], uint32_t value) {
    write_u16(at, (uint16_t)(value >> 16));
    write_u16(at + 2, (uint16_t)value);
}

void write_u64(uint8_t at[8], uint64_t value) {
    write_u32(at, (uint32_t)(value >> 32));
    write_u32(at + 4, (uint32_t)value);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static void base64_encode(struct bytes from, const char alphabet[65], bool padded, char *text) {
    size_t at = 0;
    for (size_t i = 0; i < from.len; i += 3) {
        size_t left = from.len - i;
        uint32_t word = (uint32_t)from.at[i] << 16;
        word |= left > 1 ? (uint32_t)from.at[i + 1] << 8 : 0;
        word |= left > 2 ? from.at[i + 2] : 0;
        size_t digits = left > 2 ? 4 : left + 1;
        for (size_t d = 0; d < 4; d++) {
            if (d < digits) {
                text[at++] = alphabet[word >> (18 - 6 * d) & 63];
            } else if (padded) {
                text[at++] = '=';
            }
        }
    }
    text[at] = '\0';
}

static enum err base64_decode(struct bytes text, const char alphabet[65], bool padded, uint8_t *out,
                              size_t room, size_t *out_len) {
    size_t len = text.len;
    if (padded) {
        if (len % 4 != 0) {
            return ERR_USER_SYNTAX;
        }
        for (int i = 0; i < 2 && len > 0 && text.at[len - 1] == '='; i++) {
            len--;
        }
    }
    if (len % 4 == 1) {
        return ERR_USER_SYNTAX;
    }
    size_t out_size = len / 4 * 3 + (len % 4 == 0 ? 0 : len % 4 - 1);
    if (out_size > room) {
        return ERR_FULL_BUFFER;
    }
    uint32_t word = 0;
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text.at[i] == '\0' ? NULL : strchr(alphabet, text.at[i]);
        if (digit == NULL) {
            return ERR_USER_SYNTAX;
        }
        word = word << 6 | (uint32_t)(digit - alphabet);
        if (i % 4 != 0) { /* the 2nd, 3rd and 4th digit of four each complete a byte */
            size_t spare = 6 - 2 * (i % 4);
            out[at++] = (uint8_t)(word >> spare);
            word &= (1U << spare) - 1;
        }
    }
    if (word != 0 && len % 4 != 0) {
        return ERR_USER_SYNTAX; /* stray bits: a second spelling of the same bytes */
    }
    *out_len = at;
    return ERR_OK;
}
