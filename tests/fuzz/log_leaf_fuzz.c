/* Leaves, openings and bundles of a log, as whoever hands a log over supplies them. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "crypto/tile.h"
#include "node/base/assert.h"
#include "node/log/log.h"

static void try_entry(struct bytes line) {
    struct log_entry entry;
    char again[LOG_LEAF_MAX];
    if (log_entry_read(line, &entry) == ERR_OK) {
        log_entry_write(&entry, again);
        ASSERT(bytes_equal(line, BYTES_TEXT(again)));
        ASSERT(strncmp(again, log_kind_word(entry.kind), strlen(log_kind_word(entry.kind))) == 0);
    }
}

static void try_slot(struct bytes leaf) {
    struct log_slot_leaf slot;
    struct log_entry entry;
    if (log_slot_read(leaf, &slot) == ERR_OK) {
        ASSERT(leaf.len == LOG_SLOT_LEAF_BYTES && slot.at.ms % 1000 == 0);
        ASSERT(log_entry_read(leaf, &entry) != ERR_OK); /* no leaf is both */
    }
}

/* The leaf that commits to this very opening: then its form alone decides. */
static void try_opening(struct bytes opening) {
    char leaf[LOG_LEAF_MAX];
    char hex[65];
    struct id commitment;
    struct log_entry entry;
    size_t count = 0;
    if (opening.len < LOG_SALT_BYTES) {
        return;
    }
    log_slot_commit(opening, &commitment);
    hex_write(BYTES_OF(commitment.b), hex);
    (void)snprintf(leaf, sizeof leaf, "slot 2026-11-24T21:10:00Z 0000000001 %s", hex);
    bool good = log_slot_verify(BYTES_TEXT(leaf), opening);
    struct bytes rest = {opening.at + LOG_SALT_BYTES, opening.len - LOG_SALT_BYTES};
    while (log_opening_next(&rest, &entry)) {
        ASSERT(log_kind_private(entry.kind));
        count++;
    }
    ASSERT(good == (rest.len == 0 && count <= LOG_SLOT_ENTRIES_MAX));
}

static void try_bundle(struct bytes rest) {
    SCOPED(buffer_finish) struct buffer again = {.max = rest.len};
    struct bytes whole = rest;
    struct bytes entry;
    while (tile_entry_next(&rest, &entry)) {
        ASSERT(tile_entry_add(&again, entry) == ERR_OK);
        try_entry(entry);
    }
    ASSERT(bytes_equal(buffer_bytes(&again), (struct bytes){whole.at, whole.len - rest.len}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = {data, size};
    try_entry(input);
    try_slot(input);
    try_opening(input);
    try_bundle(input);
    return 0;
}

static void seed_entry(uint64_t choice, char line[LOG_LEAF_MAX]) {
    struct log_entry entry = {
        .kind = (enum log_kind)(LOG_STARTED + choice % LOG_DISCARDED),
        .at = {(int64_t)(choice % (uint64_t)INSTANT_MAX_MS)},
        .a = {{(uint8_t)(choice >> 8 & 1)}},
        .b = {{(uint8_t)(choice >> 9 & 1)}},
        .numbers = {choice, choice >> 32, 0},
    };
    log_entry_write(&entry, line);
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = room};
    char line[LOG_LEAF_MAX];
    const uint8_t salt[LOG_SALT_BYTES] = {(uint8_t)choice};
    switch (choice % 4) {
    case 0:
        seed_entry(choice / 4, line);
        ASSERT(buffer_append(&bytes, BYTES_TEXT(line)) == ERR_OK);
        break;
    case 1:
        (void)snprintf(line, sizeof line,
                       "slot 2026-11-24T21:10:00Z %010u "
                       "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                       (unsigned)(choice >> 40));
        ASSERT(buffer_append(&bytes, BYTES_TEXT(line)) == ERR_OK);
        break;
    case 2:
        ASSERT(buffer_append(&bytes, BYTES_OF(salt)) == ERR_OK);
        for (uint64_t i = 0; i < choice / 4 % 4; i++) {
            seed_entry(LOG_CAMERA_LIST - LOG_STARTED + choice / 16 % 3 + i * LOG_DISCARDED, line);
            ASSERT(buffer_append(&bytes, BYTES_TEXT(line)) == ERR_OK);
            ASSERT(buffer_append(&bytes, BYTES_TEXT("\n")) == ERR_OK);
        }
        break;
    default:
        for (uint64_t i = 0; i < choice / 4 % 4; i++) {
            seed_entry(choice / 16 + i, line);
            ASSERT(tile_entry_add(&bytes, BYTES_TEXT(line)) == ERR_OK);
        }
        break;
    }
    size_t len = bytes.len;
    if (len > 0) {
        memcpy(out, bytes.at, len);
    }
    return len;
}
