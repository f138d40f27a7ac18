#include "proto/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/lines.h"

enum {
    SUBJECT_SHOWN = 40, /* bytes of what is wrong */
    LINE_MAX_BYTES = 512
};

struct reader {
    struct config config;
    char section[16];
    bool has_listen, has_delay;
    struct config_error *error;
};

static enum err read_line(struct reader *reader, char *line);
static enum err read_section(struct reader *reader, char *line);
static enum err read_key(struct reader *reader, const char *key, const char *value);
static enum err read_address(struct reader *reader, const char *value, char *out);
static enum err fail(struct reader *reader, const char *what, const char *subject);

enum err config_read(struct bytes file, struct config *out, struct config_error *error) {
    struct reader reader = {.error = error};
    (void)snprintf(reader.config.listen, sizeof reader.config.listen, "0.0.0.0:%d",
                   LINK_DEFAULT_PORT);
    reader.config.match_delay_s = CONFIG_DELAY_DEFAULT_S;
    error->line = 0;
    char room[LINE_MAX_BYTES];
    struct lines lines = {.file = file, .room = room, .room_size = sizeof room};
    while (lines_next(&lines)) {
        error->line = lines.number;
        enum err err =
            lines.wrong != NULL ? fail(&reader, lines.wrong, "") : read_line(&reader, lines.text);
        if (err != ERR_OK) {
            return err;
        }
    }
    *out = reader.config;
    return ERR_OK;
}

static enum err read_line(struct reader *reader, char *line) {
    char *comment = strchr(line, '#');
    if (comment != NULL) {
        *comment = '\0';
    }
    line = lines_trim(line);
    if (*line == '\0') {
        return ERR_OK;
    }
    if (*line == '[') {
        return read_section(reader, line);
    }
    char *equals = strchr(line, '=');
    if (equals == NULL) {
        return fail(reader, "expected 'key = value', got", line);
    }
    *equals = '\0';
    return read_key(reader, lines_trim(line), lines_trim(equals + 1));
}

static enum err read_section(struct reader *reader, char *line) {
    if (strcmp(line, "[node]") != 0 && strcmp(line, "[ingest]") != 0) {
        return fail(reader, "unknown section", line);
    }
    (void)snprintf(reader->section, sizeof reader->section, "%s", line);
    return ERR_OK;
}

static enum err read_key(struct reader *reader, const char *key, const char *value) {
    struct config *config = &reader->config;
    bool node = strcmp(reader->section, "[node]") == 0;
    bool ingest = strcmp(reader->section, "[ingest]") == 0;
    if (node && strcmp(key, "listen") == 0) {
        if (reader->has_listen) {
            return fail(reader, "doubled key", key);
        }
        reader->has_listen = true;
        return read_address(reader, value, config->listen);
    }
    if (node && strcmp(key, "address") == 0) {
        if (config->address_count == ADDRESSES_MAX) {
            return fail(reader, "too many lines of", key);
        }
        return read_address(reader, value, config->addresses[config->address_count++]);
    }
    if (ingest && strcmp(key, "match_delay_s") == 0) {
        char *end = NULL;
        unsigned long seconds = strtoul(value, &end, 10);
        if (reader->has_delay) {
            return fail(reader, "doubled key", key);
        }
        if (*value < '0' || *value > '9' || *end != '\0' || seconds > CONFIG_DELAY_MAX_S) {
            return fail(reader, "not a number of seconds from 0 to 3600:", value);
        }
        reader->has_delay = true;
        config->match_delay_s = (uint32_t)seconds;
        return ERR_OK;
    }
    return fail(reader, *reader->section == '\0' ? "key before any section" : "unknown key", key);
}

static enum err read_address(struct reader *reader, const char *value, char *out) {
    if (!address_valid(value)) {
        return fail(reader, "not an address literal with a port:", value);
    }
    (void)snprintf(out, ADDRESS_MAX_BYTES, "%s", value);
    return ERR_OK;
}

static enum err fail(struct reader *reader, const char *what, const char *subject) {
    size_t len = strnlen(subject, SUBJECT_SHOWN);
    while (len > 0 && ((uint8_t)subject[len] & 0xc0) == 0x80) {
        len--; /* not through a character */
    }
    (void)snprintf(reader->error->text, sizeof reader->error->text, "%s%s%.*s%s", what,
                   *subject == '\0' ? "" : " '", (int)len, subject, *subject == '\0' ? "" : "'");
    return ERR_USER_SYNTAX;
}
