#include "crypto/note.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    KEY_ID = 4,
    STAMP = 8, /* a cosignature's time */
    SIGNATURE_MAX = KEY_ID + STAMP + 64,
    STAMPED_MAX = 64 + NOTE_MAX, /* what a witness signs */
    PROFILE_LINES = 3,
};

static_assert(NOTE_LINE_MAX >= 4 + NOTE_NAME_MAX + BASE64_ROOM(SIGNATURE_MAX) + 1,
              "a cosignature's line fits");
static_assert(NOTE_MAX > CHECKPOINT_TEXT_MAX + 2 + 9 * (NOTE_LINE_MAX - NOTE_NAME_MAX + 26),
              "a checkpoint with eight cosignatures of our own names fits");

/* A note taken apart; all borrowed. */
struct note_lines {
    struct bytes text;
    size_t count;
    struct note_line {
        struct bytes name;
        struct bytes base64;
        uint8_t key_id[KEY_ID];
    } list[NOTE_LINES_MAX];
};

static const char dash[] = "\xe2\x80\x94 "; /* em dash, space */
static const uint8_t type_bytes[] = {[NOTE_LOG] = 0x01, [NOTE_WITNESS] = 0x04};

static bool name_valid(const char *name);
static void key_id(const struct note_key *key, uint8_t out[KEY_ID]);
static bool parse(struct bytes note, struct note_lines *out);
static bool text_valid(struct bytes text);
static size_t utf8_length(struct bytes from);
static bool parse_line(struct bytes line, struct note_line *out);
static const struct note_line *find_line(const struct note_lines *lines,
                                         const struct note_key *key);
static bool line_is(const struct note_line *line, struct bytes name, const uint8_t id[KEY_ID]);
static bool take_signature(const struct note_line *line, uint8_t *out, size_t len);
static size_t write_line(const struct note_key *key, struct bytes signature, char *out,
                         size_t room);
static size_t stamped(struct bytes text, uint64_t time_s, uint8_t out[STAMPED_MAX]);
static bool read_decimal(struct bytes from, uint64_t *out);
static bool printable(struct bytes text);

void note_key_write(const struct note_key *key, char out[NOTE_KEY_MAX]) {
    uint8_t id[KEY_ID];
    uint8_t typed[33] = {type_bytes[key->type]};
    char hex[2 * KEY_ID + 1];
    char text[BASE64_ROOM(33)];
    ASSERT(name_valid(key->name));
    key_id(key, id);
    memcpy(typed + 1, key->key.b, 32);
    hex_write(BYTES_OF(id), hex);
    base64_write(BYTES_OF(typed), text);
    (void)snprintf(out, NOTE_KEY_MAX, "%s+%s+%s", key->name, hex, text);
}

enum err note_key_read(const char *text, struct note_key *out) {
    struct note_key key = {0};
    uint8_t id[KEY_ID];
    uint8_t claimed[KEY_ID];
    uint8_t typed[33];
    char hex[2 * KEY_ID + 1] = "";
    size_t len = 0;
    const char *plus = strchr(text, '+');
    if (plus == NULL || plus - text >= NOTE_NAME_MAX || strlen(plus) < 11 || plus[9] != '+') {
        return ERR_USER_SYNTAX;
    }
    memcpy(key.name, text, (size_t)(plus - text));
    memcpy(hex, plus + 1, sizeof hex - 1);
    if (!name_valid(key.name) || hex_read(hex, claimed, sizeof claimed) != ERR_OK ||
        base64_read(BYTES_TEXT(plus + 10), typed, sizeof typed, &len) != ERR_OK ||
        len != sizeof typed ||
        (typed[0] != type_bytes[NOTE_LOG] && typed[0] != type_bytes[NOTE_WITNESS])) {
        return ERR_USER_SYNTAX;
    }
    key.type = typed[0] == type_bytes[NOTE_LOG] ? NOTE_LOG : NOTE_WITNESS;
    memcpy(key.key.b, typed + 1, sizeof key.key.b);
    key_id(&key, id);
    if (memcmp(id, claimed, sizeof id) != 0) {
        return ERR_USER_SYNTAX;
    }
    *out = key;
    return ERR_OK;
}

enum err note_verify(struct bytes note, const struct note_key *key, struct bytes *text) {
    struct note_lines lines;
    struct signature signature;
    ASSERT(key->type == NOTE_LOG);
    if (!parse(note, &lines)) {
        return ERR_PEER_MALFORMED;
    }
    const struct note_line *line = find_line(&lines, key);
    if (line == NULL || !take_signature(line, signature.b, sizeof signature.b) ||
        !sign_verify(&key->key, lines.text, &signature)) {
        return ERR_PEER_SIGNATURE;
    }
    *text = lines.text;
    return ERR_OK;
}

enum err note_attach(char note[NOTE_MAX], struct bytes line) {
    struct note_lines lines;
    struct note_line added;
    size_t len = strnlen(note, NOTE_MAX);
    if (!parse((struct bytes){(const uint8_t *)note, len}, &lines) || line.len < 1 ||
        line.at[line.len - 1] != '\n' ||
        !parse_line((struct bytes){line.at, line.len - 1}, &added)) {
        return ERR_PEER_MALFORMED;
    }
    for (size_t i = 0; i < lines.count; i++) {
        if (line_is(&lines.list[i], added.name, added.key_id)) {
            return ERR_PEER_REPEATED;
        }
    }
    if (lines.count == NOTE_LINES_MAX || line.len >= NOTE_MAX - len) {
        return ERR_FULL_BUFFER;
    }
    memcpy(note + len, line.at, line.len);
    note[len + line.len] = '\0';
    return ERR_OK;
}

void checkpoint_write(const struct checkpoint *checkpoint, char out[CHECKPOINT_TEXT_MAX]) {
    char root[BASE64_ROOM(32)];
    ASSERT(checkpoint->origin[0] != '\0');
    ASSERT(checkpoint->size <= INT64_MAX);
    base64_write(BYTES_OF(checkpoint->root.b), root);
    (void)snprintf(out, CHECKPOINT_TEXT_MAX, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin,
                   checkpoint->size, root);
}

enum err checkpoint_read(struct bytes text, struct checkpoint *out) {
    struct bytes lines[PROFILE_LINES];
    struct checkpoint checkpoint = {.size = 0};
    size_t len = 0;
    for (size_t i = 0; i < PROFILE_LINES; i++) {
        if (!bytes_line(&text, &lines[i])) {
            return ERR_PEER_MALFORMED;
        }
    }
    if (text.len != 0 || lines[0].len == 0 || lines[0].len >= NOTE_NAME_MAX ||
        !printable(lines[0]) || !read_decimal(lines[1], &checkpoint.size) ||
        checkpoint.size > INT64_MAX ||
        base64_read(lines[2], checkpoint.root.b, sizeof checkpoint.root.b, &len) != ERR_OK ||
        len != sizeof checkpoint.root.b) {
        return ERR_PEER_MALFORMED;
    }
    memcpy(checkpoint.origin, lines[0].at, lines[0].len);
    *out = checkpoint;
    return ERR_OK;
}

enum err checkpoint_sign(const struct checkpoint *checkpoint, const char *name,
                         const struct sign_secret *secret, char out[NOTE_MAX]) {
    struct note_key key = {.type = NOTE_LOG};
    struct signature signature;
    char text[CHECKPOINT_TEXT_MAX];
    char line[NOTE_LINE_MAX];
    ASSERT(strlen(name) < NOTE_NAME_MAX);
    ASSERT(name_valid(name));
    checkpoint_write(checkpoint, text);
    sign_bytes(secret, BYTES_TEXT(text), &signature);
    memcpy(key.name, name, strlen(name) + 1);
    sign_public_of(secret, &key.key);
    (void)write_line(&key, BYTES_OF(signature.b), line, sizeof line);
    int len = snprintf(out, NOTE_MAX, "%s\n%s", text, line);
    return len < NOTE_MAX ? ERR_OK : ERR_FULL_BUFFER;
}

enum err checkpoint_verify(struct bytes note, const struct note_key *key, struct checkpoint *out) {
    struct bytes text;
    enum err err = note_verify(note, key, &text);
    return err == ERR_OK ? checkpoint_read(text, out) : err;
}

enum err checkpoint_cosign(struct bytes note, const char *name, const struct sign_secret *secret,
                           struct instant at, char line[NOTE_LINE_MAX]) {
    struct note_key key = {.type = NOTE_WITNESS};
    struct note_lines lines;
    struct checkpoint checkpoint;
    struct signature signature;
    uint8_t message[STAMPED_MAX];
    uint8_t blob[STAMP + sizeof signature.b];
    ASSERT(strlen(name) < NOTE_NAME_MAX);
    ASSERT(name_valid(name));
    ASSERT(at.ms >= 0 && at.ms <= INSTANT_MAX_MS);
    if (!parse(note, &lines) || checkpoint_read(lines.text, &checkpoint) != ERR_OK) {
        return ERR_PEER_MALFORMED;
    }
    uint64_t time_s = (uint64_t)(at.ms / 1000);
    size_t len = stamped(lines.text, time_s, message);
    sign_bytes(secret, (struct bytes){message, len}, &signature);
    write_u64(blob, time_s);
    memcpy(blob + STAMP, signature.b, sizeof signature.b);
    memcpy(key.name, name, strlen(name) + 1);
    sign_public_of(secret, &key.key);
    (void)write_line(&key, BYTES_OF(blob), line, NOTE_LINE_MAX);
    return ERR_OK;
}

enum err checkpoint_verify_cosigned(struct bytes note, const struct note_key *witness,
                                    struct instant *at) {
    struct note_lines lines;
    struct checkpoint checkpoint;
    struct signature signature;
    uint8_t message[STAMPED_MAX];
    uint8_t blob[STAMP + sizeof signature.b];
    ASSERT(witness->type == NOTE_WITNESS);
    if (!parse(note, &lines) || checkpoint_read(lines.text, &checkpoint) != ERR_OK) {
        return ERR_PEER_MALFORMED;
    }
    const struct note_line *line = find_line(&lines, witness);
    if (line == NULL || !take_signature(line, blob, sizeof blob)) {
        return ERR_PEER_SIGNATURE;
    }
    uint64_t time_s = read_u64(blob);
    memcpy(signature.b, blob + STAMP, sizeof signature.b);
    size_t len = stamped(lines.text, time_s, message);
    if (time_s > INSTANT_MAX_MS / 1000 ||
        !sign_verify(&witness->key, (struct bytes){message, len}, &signature)) {
        return ERR_PEER_SIGNATURE;
    }
    at->ms = (int64_t)time_s * 1000;
    return ERR_OK;
}

/* Unicode has spaces beyond ASCII, which no name may hold; our own names have no need of Unicode.
 */
static bool name_valid(const char *name) {
    struct bytes text = BYTES_TEXT(name);
    return text.len > 0 && printable(text) && strpbrk(name, " +") == NULL;
}

/* SHA-256(name || "\n" || type || key), first four bytes. */
static void key_id(const struct note_key *key, uint8_t out[KEY_ID]) {
    uint8_t message[NOTE_NAME_MAX + 34];
    struct id hash;
    size_t len = strlen(key->name);
    memcpy(message, key->name, len);
    message[len++] = '\n';
    message[len++] = type_bytes[key->type];
    memcpy(message + len, key->key.b, 32);
    sha256((struct bytes){message, len + 32}, &hash);
    memcpy(out, hash.b, KEY_ID);
}

/* The text ends where the last empty line begins. */
static bool parse(struct bytes note, struct note_lines *out) {
    struct bytes rest;
    struct bytes line;
    size_t end = note.len;
    out->count = 0;
    if (note.len >= NOTE_MAX || !text_valid(note)) {
        return false;
    }
    while (end > 1 && !(note.at[end - 1] == '\n' && note.at[end - 2] == '\n')) {
        end--;
    }
    if (end <= 2) { /* no empty line, or no text before it */
        return false;
    }
    out->text = (struct bytes){note.at, end - 1};
    rest = (struct bytes){note.at + end, note.len - end};
    while (bytes_line(&rest, &line)) {
        if (out->count == NOTE_LINES_MAX || !parse_line(line, &out->list[out->count++])) {
            return false;
        }
    }
    return out->count > 0 && rest.len == 0;
}

/* UTF-8 without control characters other than newline. */
static bool text_valid(struct bytes text) {
    while (text.len > 0) {
        size_t len = utf8_length(text);
        if (len == 0 || (text.at[0] < 0x20 && text.at[0] != '\n')) {
            return false;
        }
        text.at += len;
        text.len -= len;
    }
    return true;
}

/* Of the character at the front; 0 when it is none (RFC 3629: shortest form, no surrogates). */
static size_t utf8_length(struct bytes from) {
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if ((from.at[0] & forms[i].mask) != forms[i].lead) {
            continue;
        }
        uint32_t point = from.at[0] & (uint8_t)~forms[i].mask;
        for (size_t k = 1; k <= i; k++) {
            if (k >= from.len || (from.at[k] & 0xc0) != 0x80) {
                return 0;
            }
            point = point << 6 | (from.at[k] & 0x3f);
        }
        bool valid = point >= forms[i].least && point <= 0x10ffff && (point >> 11) != 0xd800 >> 11;
        return valid ? i + 1 : 0;
    }
    return 0;
}

/* Any key's line: the signature may be of a kind that we do not know, but it is base64 and longer
 * than its key id. */
static bool parse_line(struct bytes line, struct note_line *out) {
    uint8_t raw[NOTE_MAX];
    size_t lead = sizeof dash - 1;
    size_t len = 0;
    if (line.len <= lead || line.len >= NOTE_MAX || memcmp(line.at, dash, lead) != 0) {
        return false;
    }
    struct bytes rest = {line.at + lead, line.len - lead};
    const uint8_t *space = memchr(rest.at, ' ', rest.len);
    if (space == NULL) {
        return false;
    }
    out->name = (struct bytes){rest.at, (size_t)(space - rest.at)};
    out->base64 = (struct bytes){space + 1, rest.len - out->name.len - 1};
    if (out->name.len == 0 || memchr(out->name.at, '+', out->name.len) != NULL ||
        base64_read(out->base64, raw, sizeof raw, &len) != ERR_OK || len <= KEY_ID) {
        return false;
    }
    memcpy(out->key_id, raw, KEY_ID);
    return true;
}

static const struct note_line *find_line(const struct note_lines *lines,
                                         const struct note_key *key) {
    uint8_t id[KEY_ID];
    key_id(key, id);
    for (size_t i = 0; i < lines->count; i++) {
        if (line_is(&lines->list[i], BYTES_TEXT(key->name), id)) {
            return &lines->list[i];
        }
    }
    return NULL;
}

static bool line_is(const struct note_line *line, struct bytes name, const uint8_t id[KEY_ID]) {
    return bytes_equal(line->name, name) && memcmp(line->key_id, id, KEY_ID) == 0;
}

/* What follows the key id, if it is `len` bytes. */
static bool take_signature(const struct note_line *line, uint8_t *out, size_t len) {
    uint8_t raw[SIGNATURE_MAX];
    size_t raw_len = 0;
    ASSERT(len <= sizeof raw - KEY_ID);
    if (base64_read(line->base64, raw, sizeof raw, &raw_len) != ERR_OK || raw_len != KEY_ID + len) {
        return false;
    }
    memcpy(out, raw + KEY_ID, len);
    return true;
}

static size_t write_line(const struct note_key *key, struct bytes signature, char *out,
                         size_t room) {
    uint8_t raw[SIGNATURE_MAX];
    char text[BASE64_ROOM(SIGNATURE_MAX)];
    ASSERT(signature.len <= sizeof raw - KEY_ID);
    key_id(key, raw);
    memcpy(raw + KEY_ID, signature.at, signature.len);
    base64_write((struct bytes){raw, KEY_ID + signature.len}, text);
    int len = snprintf(out, room, "%s%s %s\n", dash, key->name, text);
    ASSERT(len > 0 && (size_t)len < room);
    return (size_t)len;
}

static size_t stamped(struct bytes text, uint64_t time_s, uint8_t out[STAMPED_MAX]) {
    int len = snprintf((char *)out, STAMPED_MAX, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    ASSERT(len > 0 && (size_t)len + text.len <= STAMPED_MAX);
    memcpy(out + len, text.at, text.len);
    return (size_t)len + text.len;
}

/* No sign, no leading zero. */
static bool read_decimal(struct bytes from, uint64_t *out) {
    uint64_t value = 0;
    if (from.len == 0 || from.len > 19 || (from.at[0] == '0' && from.len > 1)) {
        return false;
    }
    for (size_t i = 0; i < from.len; i++) {
        if (from.at[i] < '0' || from.at[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(from.at[i] - '0');
    }
    *out = value;
    return true;
}

static bool printable(struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < 0x20 || text.at[i] > 0x7e) {
            return false;
        }
    }
    return true;
}
