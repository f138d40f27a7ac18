#include "proto/pins.h"

#include <stdio.h>
#include <string.h>

#include "proto/fence.h"

enum {
    LINE_MAX_BYTES = 256,
    HEX_KEY = 64
};

static enum err read_line(const char *line, struct pins *pins);
static bool read_key(const char **at, uint8_t out[32]);
static enum err write_line(struct buffer *out, const char *word, const uint8_t *keys, size_t count,
                           const char *name);

enum err pins_read(struct bytes file, struct pins *out, size_t *line) {
    struct pins pins = {0};
    size_t at = 0;
    *line = 0;
    if (file.len > PINS_FILE_MAX) {
        return ERR_USER_SYNTAX;
    }
    while (at < file.len) {
        const uint8_t *end = memchr(file.at + at, '\n', file.len - at);
        size_t len = end == NULL ? file.len - at : (size_t)(end - file.at) - at;
        char text[LINE_MAX_BYTES];
        (*line)++;
        if (len >= sizeof text || !fence_text_valid((struct bytes){file.at + at, len})) {
            return ERR_USER_SYNTAX;
        }
        memcpy(text, file.at + at, len);
        text[len] = '\0';
        enum err err = len == 0 || text[0] == '#' ? ERR_OK : read_line(text, &pins);
        if (err != ERR_OK) {
            return err;
        }
        at += len + 1;
    }
    *out = pins;
    return ERR_OK;
}

enum err pins_write(const struct pins *pins, struct buffer *out) {
    enum err err =
        buffer_append(out, BYTES_TEXT("# public keys, pinned by 'stoop'; do not edit\n"));
    for (size_t i = 0; err == ERR_OK && i < pins->owner_count; i++) {
        err = write_line(out, "owner", pins->owners[i].sign.b, 2, pins->owner_names[i]);
    }
    if (err == ERR_OK && pins->has_ingest) {
        err = write_line(out, "ingest", pins->ingest.sign.b, 2, "");
    }
    if (err == ERR_OK && pins->has_node) {
        err = write_line(out, "node", pins->node.b, 1, "");
    }
    if (err == ERR_OK && pins->has_community) {
        err = write_line(out, "community", pins->community.b, 1, "");
    }
    return err;
}

static enum err read_line(const char *line, struct pins *pins) {
    struct owner_public key;
    if (strncmp(line, "owner ", 6) == 0) {
        const char *at = line + 6;
        size_t i = pins->owner_count;
        if (i == OWNERS_MAX || !read_key(&at, key.sign.b) || *at++ != ' ' ||
            !read_key(&at, key.box.b) || *at++ != ' ' || *at == '\0' ||
            strlen(at) >= NAME_MAX_BYTES) {
            return ERR_USER_SYNTAX;
        }
        pins->owners[i] = key;
        (void)snprintf(pins->owner_names[i], NAME_MAX_BYTES, "%s", at);
        pins->owner_count++;
        return ERR_OK;
    }
    if (strncmp(line, "ingest ", 7) == 0 && !pins->has_ingest) {
        const char *at = line + 7;
        pins->has_ingest = read_key(&at, pins->ingest.sign.b) && *at++ == ' ' &&
                           read_key(&at, pins->ingest.box.b) && *at == '\0';
        return pins->has_ingest ? ERR_OK : ERR_USER_SYNTAX;
    }
    if (strncmp(line, "node ", 5) == 0 && !pins->has_node) {
        const char *at = line + 5;
        pins->has_node = read_key(&at, pins->node.b) && *at == '\0';
        return pins->has_node ? ERR_OK : ERR_USER_SYNTAX;
    }
    if (strncmp(line, "community ", 10) == 0 && !pins->has_community) {
        const char *at = line + 10;
        pins->has_community = read_key(&at, pins->community.b) && *at == '\0';
        return pins->has_community ? ERR_OK : ERR_USER_SYNTAX;
    }
    return ERR_USER_SYNTAX;
}

static bool read_key(const char **at, uint8_t out[32]) {
    char hex[HEX_KEY + 1];
    (void)snprintf(hex, sizeof hex, "%s", *at);
    if (hex_read(hex, out, 32) != ERR_OK) {
        return false;
    }
    *at += HEX_KEY;
    return true;
}

static enum err write_line(struct buffer *out, const char *word, const uint8_t *keys, size_t count,
                           const char *name) {
    char line[LINE_MAX_BYTES];
    char hex[HEX_KEY + 1];
    int len = snprintf(line, sizeof line, "%s", word);
    for (size_t i = 0; i < count; i++) {
        hex_write((struct bytes){keys + 32 * i, 32}, hex);
        len += snprintf(line + len, sizeof line - (size_t)len, " %s", hex);
    }
    (void)snprintf(line + len, sizeof line - (size_t)len, "%s%s\n", *name == '\0' ? "" : " ", name);
    return buffer_append(out, BYTES_TEXT(line));
}
