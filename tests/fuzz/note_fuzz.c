/* Signed notes as a neighbour or a file supplies them: the first byte of an input chooses between a
 * whole note, a verifier key and a tile's path. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "crypto/tile.h"
#include "node/base/assert.h"

#define NAME "stoop.log/0011223344556677"

enum {
    NOTE,
    KEY,
    PATH,
    KINDS,
};

static const uint8_t seed[32] = {42};

static struct note_key key_of(enum note_type type, struct sign_secret *secret) {
    struct note_key key = {.name = NAME, .type = type};
    ASSERT(crypto_start());
    sign_from_seed(seed, secret, &key.key);
    return key;
}

/* What verifies writes itself again, and goes on verifying with one signature more. */
static void try_note(struct bytes note) {
    struct sign_secret secret;
    struct note_key log = key_of(NOTE_LOG, &secret);
    struct note_key witness = key_of(NOTE_WITNESS, &secret);
    struct checkpoint checkpoint;
    struct bytes text;
    struct instant at;
    char again[CHECKPOINT_TEXT_MAX];
    char line[NOTE_LINE_MAX];
    char whole[NOTE_MAX];
    if (checkpoint_verify_cosigned(note, &witness, &at) == ERR_OK) {
        ASSERT(at.ms >= 0 && at.ms <= INSTANT_MAX_MS);
    }
    if (checkpoint_read(note, &checkpoint) == ERR_OK) {
        checkpoint_write(&checkpoint, again);
        ASSERT(bytes_equal(note, BYTES_TEXT(again)));
    }
    if (checkpoint_verify(note, &log, &checkpoint) != ERR_OK) {
        return;
    }
    checkpoint_write(&checkpoint, again);
    ASSERT(note_verify(note, &log, &text) == ERR_OK);
    ASSERT(bytes_equal(text, BYTES_TEXT(again)));
    ASSERT(checkpoint_cosign(note, "w.example", &secret, (struct instant){0}, line) == ERR_OK);
    ASSERT(note.len < NOTE_MAX);
    memcpy(whole, note.at, note.len);
    whole[note.len] = '\0';
    enum err err = note_attach(whole, BYTES_TEXT(line));
    ASSERT(err == ERR_OK || err == ERR_FULL_BUFFER || err == ERR_PEER_REPEATED);
    ASSERT(checkpoint_verify(BYTES_TEXT(whole), &log, &checkpoint) == ERR_OK);
}

static void try_key(const char *text) {
    struct note_key key;
    struct note_key twice;
    char again[NOTE_KEY_MAX];
    if (note_key_read(text, &key) == ERR_OK) {
        note_key_write(&key, again);
        ASSERT(note_key_read(again, &twice) == ERR_OK);
        ASSERT(strcmp(key.name, twice.name) == 0 && key.type == twice.type);
        ASSERT(sign_public_equal(&key.key, &twice.key));
    }
}

static void try_path(const char *text) {
    struct tile tile;
    char again[TILE_PATH_MAX];
    if (tile_path_read(text, &tile) == ERR_OK) {
        tile_path(tile.level, tile.index, tile.width, again);
        ASSERT(strcmp(text, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[NOTE_MAX];
    if (size == 0) {
        return 0;
    }
    struct bytes rest = {data + 1, size - 1};
    if (data[0] % KINDS == NOTE) {
        try_note(rest);
    } else if (rest.len < sizeof text) {
        if (rest.len > 0) {
            memcpy(text, rest.at, rest.len);
        }
        text[rest.len] = '\0';
        (data[0] % KINDS == KEY ? try_key : try_path)(text);
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    struct sign_secret secret;
    struct note_key key = key_of((enum note_type)(choice / KINDS % 2), &secret);
    struct checkpoint checkpoint = {.origin = NAME, .size = choice >> 8};
    char text[NOTE_MAX] = "";
    char line[NOTE_LINE_MAX];
    checkpoint.size &= INT64_MAX;
    switch (choice % KINDS) {
    case NOTE:
        ASSERT(checkpoint_sign(&checkpoint, NAME, &secret, text) == ERR_OK);
        for (uint64_t i = 0; i < choice / KINDS % 4; i++) {
            char name[8];
            (void)snprintf(name, sizeof name, "w%u", (unsigned)i);
            ASSERT(checkpoint_cosign(BYTES_TEXT(text), i == 0 ? NAME : name, &secret,
                                     (struct instant){1700000000000}, line) == ERR_OK);
            ASSERT(note_attach(text, BYTES_TEXT(line)) == ERR_OK);
        }
        if (choice / 16 % 8 == 0) { /* the text alone */
            checkpoint_write(&checkpoint, text);
        }
        break;
    case KEY:
        note_key_write(&key, text);
        break;
    default:
        tile_path((int)(choice / KINDS % (TILE_LEVELS + 1)) - 1, choice >> 24,
                  1 + (unsigned)(choice >> 8) % TILE_WIDTH, text);
        break;
    }
    struct bytes made = BYTES_TEXT(text);
    ASSERT(1 + made.len <= room);
    out[0] = (uint8_t)(choice % KINDS);
    memcpy(out + 1, made.at, made.len);
    return 1 + made.len;
}
