#include "proto/siblings.h"

#include <stdio.h>
#include <string.h>

enum {
    HEX_KEY = 64,
    ADDRESS_AT = 2 * (HEX_KEY + 1), /* in a line: behind two keys and their blanks */
    LINE_ROOM = ADDRESS_AT + ADDRESS_MAX_BYTES,
};

static enum err read_line(const char *line, struct siblings *siblings);
static bool read_key(const char *hex, uint8_t out[32]);

enum err siblings_read(struct bytes file, struct siblings *out, size_t *line) {
    struct siblings siblings = {.count = 0};
    *line = 0;
    for (size_t at = 0; at < file.len;) {
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? 0 : (size_t)(end - file.at) - at;
        char text[LINE_ROOM];
        (*line)++;
        if (len <= ADDRESS_AT || len >= sizeof text || memchr(file.at + at, '\0', len) != NULL) {
            return ERR_USER_SYNTAX;
        }
        memcpy(text, file.at + at, len);
        text[len] = '\0';
        enum err err = read_line(text, &siblings);
        if (err != ERR_OK) {
            return err;
        }
        at += len + 1;
    }
    *out = siblings;
    return ERR_OK;
}

enum err siblings_write(const struct siblings *siblings, struct buffer *out) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < siblings->count; i++) {
        const struct sibling *sibling = &siblings->list[i];
        char community[HEX_KEY + 1];
        char transport[HEX_KEY + 1];
        char line[LINE_ROOM + 1];
        hex_write(BYTES_OF(sibling->community.b), community);
        hex_write(BYTES_OF(sibling->transport.b), transport);
        (void)snprintf(line, sizeof line, "%s %s %s\n", community, transport, sibling->address);
        err = buffer_append(out, BYTES_TEXT(line));
    }
    return err;
}

static enum err read_line(const char *line, struct siblings *siblings) {
    struct sibling sibling;
    if (siblings->count == SIBLINGS_MAX || !read_key(line, sibling.community.b) ||
        !read_key(line + HEX_KEY + 1, sibling.transport.b) || !address_valid(line + ADDRESS_AT)) {
        return ERR_USER_SYNTAX;
    }
    (void)snprintf(sibling.address, sizeof sibling.address, "%s", line + ADDRESS_AT);
    for (size_t i = 0; i < siblings->count; i++) {
        if (id_equal(&siblings->list[i].community, &sibling.community)) {
            return ERR_USER_SYNTAX;
        }
    }
    siblings->list[siblings->count++] = sibling;
    return ERR_OK;
}

/* And the blank behind it. */
static bool read_key(const char *hex, uint8_t out[32]) {
    char key[HEX_KEY + 1];
    memcpy(key, hex, HEX_KEY);
    key[HEX_KEY] = '\0';
    return hex[HEX_KEY] == ' ' && hex_read(key, out, 32) == ERR_OK;
}
