/* Key files as text, and owner key files from the bytes behind base64 and checksum, which no
 * mutation would find. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "crypto/keyfile.h"
#include "node/base/assert.h"

enum {
    AT_NAME = 73, /* PROTOCOL 1.2 */
    AT_OPS = 138,
    AT_MEMORY = 142,
    AT_CHECK = 270,
    RAW = 286,
};

static void try_keyset(struct bytes from) {
    static const char *const kinds[] = {"node", "ingest"};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct keyset keys;
        struct keyset same;
        char text[KEYFILE_BYTES_MAX];
        if (keyset_read(kinds[i], from, &keys) == KEYFILE_OK) {
            keyset_write(kinds[i], &keys, text);
            ASSERT(keyset_read(kinds[i], BYTES_TEXT(text), &same) == KEYFILE_OK);
            ASSERT(memcmp(&keys, &same, sizeof keys) == 0);
            ASSERT(keyset_read(kinds[1 - i], from, &same) == KEYFILE_BROKEN);
        }
    }
}

static void try_owner(struct bytes from) {
    struct keyfile_public pub;
    struct owner_secret secret;
    if (keyfile_read_public(from, &pub) == KEYFILE_OK) {
        ASSERT(memchr(pub.name, '\0', sizeof pub.name) != NULL);
    } else {
        ASSERT(keyfile_open(from, BYTES_TEXT("x"), &secret) == KEYFILE_BROKEN);
    }
}

/* Costs within a fuzzer's patience, or over the limits. */
static void try_raw(const uint8_t *data, size_t size) {
    uint8_t raw[RAW] = {1};
    char base64[BASE64_ROOM(RAW)];
    char text[KEYFILE_BYTES_MAX];
    struct owner_secret secret;
    memcpy(raw, data, size < AT_CHECK ? size : AT_CHECK);
    uint32_t ops = read_u32(raw + AT_OPS);
    uint64_t memory = read_u64(raw + AT_MEMORY);
    bool refused =
        ops == 0 || ops > KEYFILE_OPS_MAX || memory < 8192 || memory > (uint64_t)KEYFILE_MEMORY_MAX;
    if (!refused) {
        write_u32(raw + AT_OPS, 1);
        write_u64(raw + AT_MEMORY, 8192);
    }
    hash_labelled("stoop key file v1", (struct bytes){NULL, 0}, (struct bytes){raw, AT_CHECK},
                  raw + AT_CHECK, 16);
    base64_write(BYTES_OF(raw), base64);
    (void)snprintf(text, sizeof text, "stoop owner key v1\n%s\n", base64);
    try_owner(BYTES_TEXT(text));
    enum keyfile_result result = keyfile_open(BYTES_TEXT(text), BYTES_TEXT("x"), &secret);
    ASSERT(!refused || result == KEYFILE_BROKEN);
    ASSERT(result != KEYFILE_OK); /* that would be a forgery */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bytes from = {data, size};
    ASSERT(crypto_start());
    try_keyset(from);
    try_owner(from);
    try_raw(data, size);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    char text[KEYFILE_BYTES_MAX];
    struct keyset keys;
    struct keyfile_public pub = {.created_ms = 1, .name = "Ada"};
    struct owner_secret secret;
    const uint8_t seed[32] = {3};
    ASSERT(crypto_start());
    sign_from_seed(seed, &secret.sign, &pub.owner.sign);
    memcpy(secret.box.b, seed, sizeof seed);
    box_public_of(&secret.box, &pub.owner.box);
    keys = (struct keyset){.sign = secret.sign, .log = secret.sign, .box = secret.box};
    if (choice % 3 == 0) {
        uint8_t raw[AT_CHECK] = {1};
        write_u32(raw + AT_OPS, (uint32_t)(choice / 3 % 12));
        write_u64(raw + AT_MEMORY, UINT64_C(1) << (choice / 36 % 40));
        memcpy(raw + AT_NAME, "Ada", 3);
        memcpy(out, raw, sizeof raw);
        return sizeof raw;
    }
    if (choice % 3 == 1) {
        keyset_write("node", &keys, text);
    } else {
        ASSERT(keyfile_seal(&pub, &secret, BYTES_TEXT("p"), (struct keyfile_cost){1, 8192}, text) ==
               KEYFILE_OK);
    }
    ASSERT(strlen(text) <= room);
    memcpy(out, text, strlen(text));
    return strlen(text);
}
