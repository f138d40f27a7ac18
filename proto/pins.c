#include "proto/pins.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fence.h"

enum {
    LINE_MAX_BYTES = 256,
    HEX_KEY = 64
};

static enum err read_line(const char *line, struct pins *pins);
static enum err read_place(const char *word, const char *at, struct pins *pins);
static enum err take_key(bool *has, uint8_t to[32], const uint8_t key[32]);
static enum err read_met(const char *at, struct pins *pins);
static bool read_key(const char **at, uint8_t out[32]);
static void forget_met(struct pins *pins, size_t i);
static enum err write_place(struct buffer *out, const struct pinned_place *place);
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
    for (size_t i = 0; err == ERR_OK && i < pins->place_count; i++) {
        err = write_place(out, &pins->places[i]);
    }
    for (size_t i = 0; err == ERR_OK && i < pins->met_count; i++) {
        char at[24];
        (void)snprintf(at, sizeof at, "%" PRId64, pins->met[i].at.ms);
        err = write_line(out, "met", pins->met[i].keys.b, 1, at);
    }
    return err;
}

static enum err write_place(struct buffer *out, const struct pinned_place *place) {
    const char *name = strcmp(place->name, SLUG_FIRST) == 0 ? "" : place->name;
    enum err err = place->has_node ? write_line(out, "node", place->node.b, 1, name) : ERR_OK;
    if (err == ERR_OK && place->has_transport) {
        err = write_line(out, "static", place->transport.b, 1, name);
    }
    return err == ERR_OK && place->has_community
               ? write_line(out, "community", place->community.b, 1, name)
               : err;
}

const struct pinned_place *pins_place(const struct pins *pins, const char *name) {
    for (size_t i = 0; i < pins->place_count; i++) {
        if (strcmp(pins->places[i].name, name) == 0) {
            return &pins->places[i];
        }
    }
    return NULL;
}

struct pinned_place *pins_place_add(struct pins *pins, const char *name) {
    const struct pinned_place *known = pins_place(pins, name);
    if (known != NULL) {
        return &pins->places[known - pins->places];
    }
    if (pins->place_count == COMMUNITIES_MAX) {
        return NULL;
    }
    struct pinned_place *place = &pins->places[pins->place_count++];
    *place = (struct pinned_place){.has_node = false};
    (void)snprintf(place->name, sizeof place->name, "%s", name);
    return place;
}

void pins_place_remove(struct pins *pins, const char *name) {
    const struct pinned_place *place = pins_place(pins, name);
    if (place != NULL) {
        size_t at = (size_t)(place - pins->places);
        pins->place_count--;
        memmove(&pins->places[at], &pins->places[at + 1],
                (pins->place_count - at) * sizeof pins->places[0]);
    }
}

void pins_keys(const struct member *member, struct id *out) {
    uint8_t keys[64 + OWNERS_MAX * 64];
    size_t len = 64;
    memcpy(keys, member->node.b, 32);
    memcpy(keys + 32, member->transport.b, 32);
    for (size_t i = 0; i < member->owner_count; i++) {
        memcpy(keys + len, member->owners[i].sign.b, 32);
        memcpy(keys + len + 32, member->owners[i].box.b, 32);
        len += 64;
    }
    hash_labelled("stoop met v1", (struct bytes){NULL, 0}, (struct bytes){keys, len}, out->b,
                  sizeof out->b);
}

const struct met *pins_met(const struct pins *pins, const struct member *member) {
    struct id keys;
    pins_keys(member, &keys);
    for (size_t i = 0; i < pins->met_count; i++) {
        if (id_equal(&pins->met[i].keys, &keys)) {
            return &pins->met[i];
        }
    }
    return NULL;
}

void pins_meet(struct pins *pins, const struct member *member, struct instant now) {
    const struct met *before = pins_met(pins, member);
    if (before != NULL) {
        forget_met(pins, (size_t)(before - pins->met));
    } else if (pins->met_count == PINS_MET_MAX) {
        forget_met(pins, 0);
    }
    struct met *met = &pins->met[pins->met_count++];
    pins_keys(member, &met->keys);
    met->at = now;
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
    if (strncmp(line, "met ", 4) == 0) {
        return read_met(line + 4, pins);
    }
    static const char *const words[] = {"node", "static", "community"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        size_t len = strlen(words[i]);
        if (strncmp(line, words[i], len) == 0 && line[len] == ' ') {
            return read_place(words[i], line + len + 1, pins);
        }
    }
    return ERR_USER_SYNTAX;
}

/* A key, and whose it is. */
static enum err read_place(const char *word, const char *at, struct pins *pins) {
    uint8_t key[32];
    if (!read_key(&at, key) || (*at != '\0' && (*at != ' ' || !slug_valid(at + 1)))) {
        return ERR_USER_SYNTAX;
    }
    struct pinned_place *place = pins_place_add(pins, *at == '\0' ? SLUG_FIRST : at + 1);
    if (place == NULL) {
        return ERR_USER_SYNTAX;
    }
    if (strcmp(word, "node") == 0) {
        return take_key(&place->has_node, place->node.b, key);
    }
    return strcmp(word, "static") == 0 ? take_key(&place->has_transport, place->transport.b, key)
                                       : take_key(&place->has_community, place->community.b, key);
}

static enum err take_key(bool *has, uint8_t to[32], const uint8_t key[32]) {
    if (*has) {
        return ERR_USER_SYNTAX; /* twice */
    }
    *has = true;
    memcpy(to, key, 32);
    return ERR_OK;
}

static enum err read_met(const char *at, struct pins *pins) {
    struct met met;
    char *end = NULL;
    if (pins->met_count == PINS_MET_MAX || !read_key(&at, met.keys.b) || at[0] != ' ' ||
        at[1] < '1' || at[1] > '9' || strlen(at + 1) > 15) {
        return ERR_USER_SYNTAX;
    }
    met.at.ms = strtoll(at + 1, &end, 10);
    if (*end != '\0' || met.at.ms > INSTANT_MAX_MS) {
        return ERR_USER_SYNTAX;
    }
    pins->met[pins->met_count++] = met;
    return ERR_OK;
}

static void forget_met(struct pins *pins, size_t i) {
    pins->met_count--;
    memmove(&pins->met[i], &pins->met[i + 1], (pins->met_count - i) * sizeof pins->met[0]);
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
