/* One word or line: invite codes, addresses, times, points, hex, base64, names of tiles, verifier
 * keys. What reads has one spelling: written again it is the same word, or reads as the same. */
#include "cli/edit.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "crypto/note.h"
#include "crypto/tile.h"
#include "node/base/assert.h"
#include "node/base/geo.h"
#include "node/base/instant.h"
#include "proto/community.h"

enum {
    TEXT_MAX = 1024,
    BINARY_MAX = 600
};

static void try_invite(const char *text) {
    static struct invite_code code;
    char again[CODE_MAX_BYTES];
    if (invite_code_read(text, &code) == ERR_OK) {
        ASSERT(invite_code_write(&code, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

static void try_address(const char *text) {
    if (address_valid(text)) {
        ASSERT(strlen(text) < ADDRESS_MAX_BYTES);
        ASSERT(!(address_is_loopback(text) && address_is_private(text)));
    }
}

static void try_time(const char *text) {
    struct instant at;
    struct instant same;
    char again[INSTANT_TEXT_MAX];
    if (instant_parse(text, &at) == ERR_OK) {
        ASSERT(at.ms >= 0 && at.ms <= INSTANT_MAX_MS);
        instant_utc(at, again);
        ASSERT(instant_parse(again, &same) == ERR_OK && same.ms == at.ms);
    }
}

static void try_point(const char *text) {
    struct geo_point point;
    if (geo_point_parse(text, &point) == ERR_OK) {
        ASSERT(point.lat >= -900000000 && point.lat <= 900000000);
        ASSERT(point.lon >= -1800000000 && point.lon <= 1800000000);
    }
}

static void try_binary(const char *text) {
    uint8_t raw[BINARY_MAX];
    char again[BASE64_ROOM(BINARY_MAX) + 2 * BINARY_MAX + 1];
    size_t len = 0;
    if (base64_read(BYTES_TEXT(text), raw, sizeof raw, &len) == ERR_OK) {
        base64_write((struct bytes){raw, len}, again);
        ASSERT(strcmp(text, again) == 0);
    }
    size_t half = strlen(text) / 2;
    if (half <= BINARY_MAX && hex_read(text, raw, half) == ERR_OK) {
        hex_write((struct bytes){raw, half}, again);
        ASSERT(strncasecmp(text, again, 2 * half) == 0);
    }
}

static void try_tile(const char *text) {
    struct tile tile;
    char again[TILE_PATH_MAX];
    if (tile_path_read(text, &tile) == ERR_OK) {
        tile_path(tile.level, tile.index, tile.width, again);
        ASSERT(strcmp(text, again) == 0);
    }
}

static void try_verifier(const char *text) {
    struct note_key key;
    char again[NOTE_KEY_MAX];
    if (note_key_read(text, &key) == ERR_OK) {
        note_key_write(&key, again);
        ASSERT(strcasecmp(text, again) == 0); /* the hash may be written in capitals */
    }
}

/* What is taken narrows the clip; what is not leaves it alone. */
static void try_edit(const char *text) {
    static struct manifest manifest;
    struct wish wish;
    manifest.from.ms = 1795554600000;
    manifest.to.ms = manifest.from.ms + DURATION_HOUR_MS;
    manifest.run_count = 1;
    manifest.runs[0] = (struct clip_run){manifest.from, manifest.to};
    wish_start(&wish, &manifest, NULL);
    const struct wish before = wish;
    bool cut = wish_trim(&wish, text, &manifest) == NULL;
    ASSERT(wish.from.ms >= manifest.from.ms && wish.to.ms <= manifest.to.ms);
    ASSERT(wish.to.ms - wish.from.ms >= EDIT_SPAN_MIN_MS);
    ASSERT(cut || wish_equal(&wish, &before));
    if (wish_redact(&wish, text) == NULL) {
        const struct edit_area *area = &wish.areas[0];
        ASSERT(area->left < area->right && area->right <= EDIT_SCALE);
        ASSERT(area->top < area->bottom && area->bottom <= EDIT_SCALE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[TEXT_MAX];
    if (size >= sizeof text || (size > 0 && memchr(data, '\0', size) != NULL)) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    try_invite(text);
    try_address(text);
    try_time(text);
    try_point(text);
    try_binary(text);
    try_tile(text);
    try_verifier(text);
    try_edit(text);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const char *const words[] = {
        "203.0.113.7:7878",
        "[2001:db8::1]:7878",
        "2026-11-24T21:10:00.250Z",
        "2026-11-24T21:10:00-08:00",
        "52.5201,13.4051",
        "c29tZSBiYXNlNjQ=",
        "00ff10aA",
        "tile/0/x001/234.p/17",
        "tile/entries/000",
        "0:05 1:40",
        "21:10:05 21:11:40",
        "10,20.5 30%,40",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    size_t which = (size_t)(choice % (COUNT_OF(words) + 1));
    char code[CODE_MAX_BYTES];
    const char *word = code;
    ASSERT(crypto_start());
    if (which < COUNT_OF(words)) {
        word = words[which];
    } else {
        struct invite_code invite = {.community = {{1}},
                                     .sponsor = {{2}},
                                     .transport = {{3}},
                                     .owner = {{4}},
                                     .created = {1795554600000},
                                     .expires = {1795954600000},
                                     .role = MEMBER_HOME,
                                     .address_count = 1};
        (void)snprintf(invite.addresses[0], ADDRESS_MAX_BYTES, "203.0.113.7:7878");
        ASSERT(invite_code_write(&invite, code) == ERR_OK);
    }
    ASSERT(strlen(word) <= room);
    memcpy(out, word, strlen(word));
    return strlen(word);
}
