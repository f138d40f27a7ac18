#include "crypto/keyfile.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"

/* Owner file, before base64:
 *   0    1  version, 1
 *   1   64  public keys, signing then agreement
 *  65    8  created, big-endian ms
 *  73   65  name, padded with NUL
 * 138    4  ops     142  8  memory     150 16  salt     166 24  nonce
 * 190   80  sealed: signing seed 32, agreement secret 32, tag 16; everything before it is
 * authenticated 270   16  BLAKE2b over all before */
enum {
    AT_OWNER = 1,
    AT_CREATED = 65,
    AT_NAME = 73,
    AT_OPS = AT_NAME + KEYFILE_NAME_MAX,
    AT_MEMORY = AT_OPS + 4,
    AT_SALT = AT_MEMORY + 8,
    AT_NONCE = AT_SALT + crypto_pwhash_SALTBYTES,
    AT_SEALED = AT_NONCE + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    AT_CHECK = AT_SEALED + 64 + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    OWNER_BYTES = AT_CHECK + 16,
    KEYSET_BYTES = 1 + 96 + 16,
    LINE_COLUMNS = 64,
};

static const char owner_title[] = "stoop owner key v1\n";

static void checksum(struct bytes over, uint8_t out[16]);
static void armour(const char *title, struct bytes from, char out[KEYFILE_BYTES_MAX]);
static bool unarmour(const char *title, struct bytes file, uint8_t *out, size_t len);
static bool derive(struct bytes passphrase, const uint8_t *raw, uint8_t key[32]);
static void keyset_title(const char *kind, char out[64]);

enum keyfile_result keyfile_seal(const struct keyfile_public *pub,
                                 const struct owner_secret *secret, struct bytes passphrase,
                                 struct keyfile_cost cost, char out[KEYFILE_BYTES_MAX]) {
    uint8_t raw[OWNER_BYTES] = {1};
    uint8_t key[32];
    uint8_t secrets[64];
    memcpy(raw + AT_OWNER, &pub->owner, sizeof pub->owner);
    write_u64(raw + AT_CREATED, (uint64_t)pub->created_ms);
    (void)snprintf((char *)raw + AT_NAME, KEYFILE_NAME_MAX, "%s", pub->name);
    write_u32(raw + AT_OPS, cost.ops);
    write_u64(raw + AT_MEMORY, cost.memory_bytes);
    random_bytes(raw + AT_SALT, AT_SEALED - AT_SALT);
    if (!derive(passphrase, raw, key)) {
        return KEYFILE_MEMORY;
    }
    memcpy(secrets, secret->sign.b, 32);
    memcpy(secrets + 32, secret->box.b, 32);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(raw + AT_SEALED, NULL, secrets, sizeof secrets,
                                                     raw, AT_SEALED, NULL, raw + AT_NONCE, key);
    secret_wipe(key, sizeof key);
    secret_wipe(secrets, sizeof secrets);
    checksum((struct bytes){raw, AT_CHECK}, raw + AT_CHECK);
    armour(owner_title, BYTES_OF(raw), out);
    return KEYFILE_OK;
}

enum keyfile_result keyfile_read_public(struct bytes file, struct keyfile_public *out) {
    uint8_t raw[OWNER_BYTES];
    uint8_t check[16];
    if (!unarmour(owner_title, file, raw, sizeof raw)) {
        return KEYFILE_BROKEN;
    }
    checksum((struct bytes){raw, AT_CHECK}, check);
    if (raw[0] != 1 || memcmp(check, raw + AT_CHECK, sizeof check) != 0 ||
        raw[AT_OPS - 1] != '\0') {
        return KEYFILE_BROKEN;
    }
    memcpy(&out->owner, raw + AT_OWNER, sizeof out->owner);
    out->created_ms = (int64_t)read_u64(raw + AT_CREATED);
    memcpy(out->name, raw + AT_NAME, KEYFILE_NAME_MAX);
    return KEYFILE_OK;
}

enum keyfile_result keyfile_open(struct bytes file, struct bytes passphrase,
                                 struct owner_secret *out) {
    struct keyfile_public pub;
    uint8_t raw[OWNER_BYTES];
    uint8_t key[32];
    uint8_t secrets[64];
    if (keyfile_read_public(file, &pub) != KEYFILE_OK ||
        !unarmour(owner_title, file, raw, sizeof raw) || read_u32(raw + AT_OPS) < 1 ||
        read_u32(raw + AT_OPS) > KEYFILE_OPS_MAX ||
        read_u64(raw + AT_MEMORY) > KEYFILE_MEMORY_MAX ||
        read_u64(raw + AT_MEMORY) < crypto_pwhash_MEMLIMIT_MIN) {
        return KEYFILE_BROKEN; /* a file that asks for a day of hashing is not one of ours */
    }
    if (!derive(passphrase, raw, key)) {
        return KEYFILE_MEMORY;
    }
    bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(secrets, NULL, NULL, raw + AT_SEALED,
                                                           AT_CHECK - AT_SEALED, raw, AT_SEALED,
                                                           raw + AT_NONCE, key) == 0;
    secret_wipe(key, sizeof key);
    if (!good) {
        return KEYFILE_PASSPHRASE;
    }
    struct sign_public sign;
    struct box_public box;
    sign_from_seed(secrets, &out->sign, &sign);
    memcpy(out->box.b, secrets + 32, 32);
    secret_wipe(secrets, sizeof secrets);
    box_public_of(&out->box, &box);
    if (!sign_public_equal(&sign, &pub.owner.sign) || !box_public_equal(&box, &pub.owner.box)) {
        owner_secret_wipe(out);
        return KEYFILE_BROKEN;
    }
    return KEYFILE_OK;
}

void keyset_generate(struct keyset *out) {
    struct sign_public sign;
    struct box_public box;
    sign_generate(&out->sign, &sign);
    sign_generate(&out->log, &sign);
    box_generate(&out->box, &box);
}

void keyset_wipe(struct keyset *keys) {
    if (keys != NULL) {
        secret_wipe(keys, sizeof *keys);
    }
}

void keyset_write(const char *kind, const struct keyset *keys, char out[KEYFILE_BYTES_MAX]) {
    uint8_t raw[KEYSET_BYTES] = {1};
    char title[64];
    memcpy(raw + 1, keys->sign.b, 32);
    memcpy(raw + 33, keys->log.b, 32);
    memcpy(raw + 65, keys->box.b, 32);
    checksum((struct bytes){raw, 97}, raw + 97);
    keyset_title(kind, title);
    armour(title, BYTES_OF(raw), out);
    secret_wipe(raw, sizeof raw);
}

enum keyfile_result keyset_read(const char *kind, struct bytes file, struct keyset *out) {
    uint8_t raw[KEYSET_BYTES];
    uint8_t check[16];
    char title[64];
    struct sign_public pub;
    keyset_title(kind, title);
    if (!unarmour(title, file, raw, sizeof raw)) {
        return KEYFILE_BROKEN;
    }
    checksum((struct bytes){raw, 97}, check);
    bool good = raw[0] == 1 && memcmp(check, raw + 97, sizeof check) == 0;
    if (good) {
        sign_from_seed(raw + 1, &out->sign, &pub);
        sign_from_seed(raw + 33, &out->log, &pub);
        memcpy(out->box.b, raw + 65, 32);
    }
    secret_wipe(raw, sizeof raw);
    return good ? KEYFILE_OK : KEYFILE_BROKEN;
}

static void checksum(struct bytes over, uint8_t out[16]) {
    hash_labelled("stoop key file v1", (struct bytes){NULL, 0}, over, out, 16);
}

static void armour(const char *title, struct bytes from, char out[KEYFILE_BYTES_MAX]) {
    char text[BASE64_ROOM(OWNER_BYTES)];
    ASSERT(from.len <= OWNER_BYTES);
    base64_write(from, text);
    size_t len = (size_t)snprintf(out, KEYFILE_BYTES_MAX, "%s", title);
    for (size_t at = 0; at < strlen(text); at += LINE_COLUMNS) {
        len +=
            (size_t)snprintf(out + len, KEYFILE_BYTES_MAX - len, "%.*s\n", LINE_COLUMNS, text + at);
    }
    secret_wipe(text, sizeof text);
}

static bool unarmour(const char *title, struct bytes file, uint8_t *out, size_t len) {
    char text[KEYFILE_BYTES_MAX];
    size_t count = 0;
    size_t at = strlen(title);
    size_t got = 0;
    if (file.len > KEYFILE_BYTES_MAX || file.len < at || memcmp(file.at, title, at) != 0) {
        return false;
    }
    for (; at < file.len; at++) {
        if (file.at[at] != '\n' && file.at[at] != '\r') {
            text[count++] = (char)file.at[at];
        }
    }
    bool good =
        base64_read((struct bytes){(const uint8_t *)text, count}, out, len, &got) == ERR_OK &&
        got == len;
    secret_wipe(text, sizeof text);
    return good;
}

static bool derive(struct bytes passphrase, const uint8_t *raw, uint8_t key[32]) {
    return crypto_pwhash(key, 32, (const char *)passphrase.at, passphrase.len, raw + AT_SALT,
                         read_u32(raw + AT_OPS), (size_t)read_u64(raw + AT_MEMORY),
                         crypto_pwhash_ALG_ARGON2ID13) == 0;
}

static void keyset_title(const char *kind, char out[64]) {
    (void)snprintf(out, 64, "stoop %s keys v1\n", kind);
}
