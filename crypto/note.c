#include "crypto/note.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TYPE_ED25519 = 1,
    LINE_SIGNATURE = 4 + 64,
};

static const char dash[] = "\xe2\x80\x94 "; /* em dash, space */

static void key_hash(const struct note_key *key, uint8_t out[4]);
static bool name_valid(const char *name);
static bool split(struct bytes note, struct bytes *text, struct bytes *signatures);
static bool next_line(struct bytes *from, struct bytes *out);
static bool signed_line(struct bytes line, struct bytes text, const struct note_key *key);
static bool checkpoint_read(struct bytes text, struct checkpoint *out);

void note_key_write(const struct note_key *key, char out[NOTE_KEY_MAX]) {
    uint8_t hash[4];
    uint8_t typed[33] = {TYPE_ED25519};
    char hex[9];
    char text[BASE64_ROOM(33)];
    key_hash(key, hash);
    memcpy(typed + 1, key->key.b, 32);
    hex_write(BYTES_OF(hash), hex);
    base64_write(BYTES_OF(typed), text);
    (void)snprintf(out, NOTE_KEY_MAX, "%s+%s+%s", key->name, hex, text);
}

enum err note_key_read(const char *text, struct note_key *out) {
    struct note_key key = {0};
    uint8_t claimed[4];
    uint8_t hash[4];
    uint8_t typed[33];
    char hex[9] = "";
    size_t len = 0;
    const char *plus = strchr(text, '+');
    if (plus == NULL || plus - text >= NOTE_NAME_MAX || strlen(plus) < 11 || plus[9] != '+') {
        return ERR_USER_SYNTAX;
    }
    memcpy(key.name, text, (size_t)(plus - text));
    memcpy(hex, plus + 1, 8);
    if (!name_valid(key.name) || hex_read(hex, claimed, sizeof claimed) != ERR_OK ||
        base64_read(BYTES_TEXT(plus + 10), typed, sizeof typed, &len) != ERR_OK ||
        len != sizeof typed || typed[0] != TYPE_ED25519) {
        return ERR_USER_SYNTAX;
    }
    memcpy(key.key.b, typed + 1, 32);
    key_hash(&key, hash);
    if (memcmp(hash, claimed, sizeof hash) != 0) {
        return ERR_USER_SYNTAX;
    }
    *out = key;
    return ERR_OK;
}

enum err checkpoint_sign(const struct checkpoint *checkpoint, const char *name,
                         const struct sign_secret *secret, char out[NOTE_MAX]) {
    struct note_key key = {0};
    struct signature signature;
    uint8_t line[LINE_SIGNATURE];
    char text[BASE64_ROOM(LINE_SIGNATURE)];
    char root[BASE64_ROOM(32)];
    base64_write(BYTES_OF(checkpoint->root.b), root);
    int len = snprintf(out, NOTE_MAX, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin, checkpoint->size,
                       root);
    sign_bytes(secret, (struct bytes){(const uint8_t *)out, (size_t)len}, &signature);
    (void)snprintf(key.name, sizeof key.name, "%s", name);
    sign_public_of(secret, &key.key);
    key_hash(&key, line);
    memcpy(line + 4, signature.b, 64);
    base64_write(BYTES_OF(line), text);
    int more = snprintf(out + len, (size_t)(NOTE_MAX - len), "\n%s%s %s\n", dash, name, text);
    return more < NOTE_MAX - len ? ERR_OK : ERR_FULL_BUFFER;
}

enum err checkpoint_verify(struct bytes note, const struct note_key *key, struct checkpoint *out) {
    struct bytes text;
    struct bytes signatures;
    struct bytes line;
    struct checkpoint checkpoint;
    if (note.len >= NOTE_MAX || !split(note, &text, &signatures) ||
        !checkpoint_read(text, &checkpoint)) {
        return ERR_PEER_MALFORMED;
    }
    for (int i = 0; i < NOTE_LINES_MAX && next_line(&signatures, &line); i++) {
        if (signed_line(line, text, key)) {
            *out = checkpoint;
            return ERR_OK;
        }
    }
    return ERR_PEER_SIGNATURE;
}

/* SHA-256(name || "\n" || type || key), first four bytes. */
static void key_hash(const struct note_key *key, uint8_t out[4]) {
    uint8_t message[NOTE_NAME_MAX + 34];
    struct id hash;
    size_t len = strlen(key->name);
    memcpy(message, key->name, len);
    message[len++] = '\n';
    message[len++] = TYPE_ED25519;
    memcpy(message + len, key->key.b, 32);
    sha256((struct bytes){message, len + 32}, &hash);
    memcpy(out, hash.b, 4);
}

static bool name_valid(const char *name) {
    return *name != '\0' && strpbrk(name, " +\t\n") == NULL;
}

/* The text ends where the last empty line begins. */
static bool split(struct bytes note, struct bytes *text, struct bytes *signatures) {
    if (note.len < 4 || note.at[note.len - 1] != '\n') {
        return false;
    }
    for (size_t i = note.len - 1; i > 0; i--) {
        if (note.at[i] == '\n' && note.at[i - 1] == '\n') {
            *text = (struct bytes){note.at, i};
            *signatures = (struct bytes){note.at + i + 1, note.len - i - 1};
            return signatures->len > 0;
        }
    }
    return false;
}

static bool next_line(struct bytes *from, struct bytes *out) {
    const uint8_t *end = from->len == 0 ? NULL : memchr(from->at, '\n', from->len);
    if (end == NULL) {
        return false;
    }
    *out = (struct bytes){from->at, (size_t)(end - from->at)};
    from->at = end + 1;
    from->len -= out->len + 1;
    return true;
}

static bool signed_line(struct bytes line, struct bytes text, const struct note_key *key) {
    uint8_t raw[LINE_SIGNATURE];
    uint8_t hash[4];
    struct signature signature;
    size_t name = strlen(key->name);
    size_t lead = sizeof dash - 1 + name + 1;
    size_t len = 0;
    if (line.len <= lead || memcmp(line.at, dash, sizeof dash - 1) != 0 ||
        memcmp(line.at + sizeof dash - 1, key->name, name) != 0 || line.at[lead - 1] != ' ' ||
        base64_read((struct bytes){line.at + lead, line.len - lead}, raw, sizeof raw, &len) !=
            ERR_OK ||
        len != sizeof raw) {
        return false;
    }
    key_hash(key, hash);
    memcpy(signature.b, raw + 4, 64);
    return memcmp(hash, raw, 4) == 0 && sign_verify(&key->key, text, &signature);
}

static bool checkpoint_read(struct bytes text, struct checkpoint *out) {
    struct bytes origin;
    struct bytes size;
    struct bytes root;
    char digits[24];
    char *end = NULL;
    size_t len = 0;
    if (!next_line(&text, &origin) || !next_line(&text, &size) || !next_line(&text, &root) ||
        origin.len == 0 || origin.len >= NOTE_NAME_MAX || size.len == 0 ||
        size.len >= sizeof digits || (size.at[0] == '0' && size.len > 1) || size.at[0] < '0' ||
        size.at[0] > '9') {
        return false;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->origin, origin.at, origin.len);
    memcpy(digits, size.at, size.len);
    digits[size.len] = '\0';
    out->size = strtoull(digits, &end, 10);
    return *end == '\0' && out->size <= INT64_MAX &&
           base64_read(root, out->root.b, sizeof out->root.b, &len) == ERR_OK && len == 32;
}
