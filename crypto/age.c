#include "crypto/age.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    CHUNK = 65536,
    TAG = 16,
    BODY_COLUMNS = 64,
    WRAPPED = 32, /* a wrapped file key */
};

static const char version_line[] = "age-encryption.org/v1\n";
static const char x25519_info[] = "age-encryption.org/v1/X25519";

/* One line of the header at a time. */
struct lines {
    const uint8_t *at;
    const uint8_t *end;
};

struct stanza {
    bool x25519;
    struct box_public ephemeral;
    uint8_t wrapped[WRAPPED];
};

static void hkdf(struct bytes salt, struct bytes secret, const char *info, uint8_t out[32]);
static void header_mac(const struct age_file_key *key, struct bytes header, uint8_t mac[32]);
static void wrap_key(const struct box_public *ephemeral, const struct box_public *recipient,
                     const uint8_t shared[32], uint8_t wrap[32]);
static enum err write_stanza(const struct box_public *recipient, const struct age_file_key *key,
                             struct buffer *out);
static bool next_line(struct lines *lines, struct bytes *out);
static bool read_stanza(struct lines *lines, struct bytes line, struct stanza *out);
static bool read_body(struct lines *lines, uint8_t *body, size_t room, size_t *len);
static bool read_raw_base64(struct bytes text, uint8_t *out, size_t room, size_t *len);
static void write_raw_base64(struct bytes from, char *text);
static bool next_argument(struct bytes *line, struct bytes *out);
static bool open_stanza(const struct stanza *stanza, const struct box_secret *secret,
                        const struct box_public *pub, struct age_file_key *out);
static void chunk_seal(const struct age_payload_key *key, uint64_t index, bool last,
                       struct bytes plaintext, uint8_t *out);
static void chunk_nonce(uint64_t index, bool last, uint8_t nonce[12]);
static void bech32(const char *prefix, const uint8_t data[32], bool upper, char *out);

void age_file_key_generate(struct age_file_key *out) {
    random_bytes(out->b, sizeof out->b);
}

void age_file_key_wipe(struct age_file_key *key) {
    if (key != NULL) {
        secret_wipe(key, sizeof *key);
    }
}

void age_payload_key_wipe(struct age_payload_key *key) {
    if (key != NULL) {
        secret_wipe(key, sizeof *key);
    }
}

/* ---- header ---- */

enum err age_header_make(const struct box_public *recipients, size_t count,
                         const struct age_file_key *key, struct buffer *out) {
    ASSERT(count >= 1 && count <= AGE_RECIPIENTS_MAX);
    size_t start = out->len;
    enum err err = buffer_append(out, BYTES_TEXT(version_line));
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = write_stanza(&recipients[i], key, out);
    }
    if (err == ERR_OK) {
        err = buffer_append(out, BYTES_TEXT("---"));
    }
    if (err == ERR_OK) {
        uint8_t mac[32];
        char text[BASE64_ROOM(32)];
        char line[sizeof text + 2];
        header_mac(key, (struct bytes){out->at + start, out->len - start}, mac);
        write_raw_base64(BYTES_OF(mac), text);
        (void)snprintf(line, sizeof line, " %s\n", text);
        err = buffer_append(out, BYTES_TEXT(line));
    }
    if (err != ERR_OK) {
        out->len = start;
    }
    return err;
}

bool age_header_open(struct bytes header, const struct box_secret *secret,
                     struct age_file_key *out) {
    size_t len = 0;
    struct bytes line;
    struct stanza stanzas[AGE_STANZAS_MAX];
    size_t count = 0;
    if (header.len > AGE_HEADER_MAX || !age_header_length(header, &len) || len != header.len) {
        return false;
    }
    struct lines lines = {header.at + sizeof version_line - 1, header.at + header.len};
    while (next_line(&lines, &line) && !(line.len >= 3 && memcmp(line.at, "---", 3) == 0)) {
        if (count == AGE_STANZAS_MAX || !read_stanza(&lines, line, &stanzas[count++])) {
            return false;
        }
    }
    uint8_t claimed[32];
    size_t mac_len = 0;
    struct bytes text = {line.at + 4, line.len - 4};
    if (count == 0 || line.len < 4 || line.at[3] != ' ' ||
        !read_raw_base64(text, claimed, sizeof claimed, &mac_len) || mac_len != 32) {
        return false;
    }
    struct box_public pub;
    box_public_of(secret, &pub);
    for (size_t i = 0; i < count; i++) {
        struct age_file_key key;
        uint8_t mac[32];
        if (!stanzas[i].x25519 || !open_stanza(&stanzas[i], secret, &pub, &key)) {
            continue;
        }
        header_mac(&key, (struct bytes){header.at, (size_t)(line.at + 3 - header.at)}, mac);
        bool good = sodium_memcmp(mac, claimed, sizeof mac) == 0;
        if (good) {
            *out = key;
        }
        age_file_key_wipe(&key);
        return good;
    }
    return false;
}

bool age_header_length(struct bytes file, size_t *out) {
    size_t version = sizeof version_line - 1;
    if (file.len < version || memcmp(file.at, version_line, version) != 0) {
        return false;
    }
    size_t limit = file.len < AGE_HEADER_MAX ? file.len : AGE_HEADER_MAX;
    struct lines lines = {file.at + version, file.at + limit};
    struct bytes line;
    while (next_line(&lines, &line)) {
        if (line.len >= 3 && memcmp(line.at, "---", 3) == 0) {
            *out = (size_t)(lines.at - file.at);
            return true;
        }
    }
    return false;
}

/* ---- payload ---- */

void age_payload_key_derive(const struct age_file_key *key, const uint8_t nonce[PIECE_NONCE],
                            struct age_payload_key *out) {
    hkdf((struct bytes){nonce, PIECE_NONCE}, BYTES_OF(key->b), "payload", out->b);
}

uint64_t age_payload_size(uint64_t plaintext_size) {
    uint64_t chunks = plaintext_size == 0 ? 1 : (plaintext_size + CHUNK - 1) / CHUNK;
    return PIECE_NONCE + plaintext_size + chunks * TAG;
}

bool age_plaintext_size(uint64_t payload_size, uint64_t *out) {
    uint64_t pieces = piece_count(payload_size);
    if (pieces == 0 || payload_size - PIECE_NONCE < pieces * TAG) {
        return false;
    }
    uint64_t size = payload_size - PIECE_NONCE - pieces * TAG;
    if (age_payload_size(size) != payload_size) {
        return false; /* an empty chunk after a full one */
    }
    *out = size;
    return true;
}

/* plaintext.len <= 65536; `out` has room for a tag more. */
static void chunk_seal(const struct age_payload_key *key, uint64_t index, bool last,
                       struct bytes plaintext, uint8_t *out) {
    uint8_t nonce[12];
    ASSERT(plaintext.len <= CHUNK);
    chunk_nonce(index, last, nonce);
    ASSERT(crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, plaintext.at, plaintext.len, NULL,
                                                     0, NULL, nonce, key->b) == 0);
}

bool age_chunk_open(const struct age_payload_key *key, uint64_t index, bool last,
                    struct bytes chunk, uint8_t *out) {
    uint8_t nonce[12];
    if (chunk.len < TAG || chunk.len > CHUNK + TAG || (chunk.len < CHUNK + TAG && !last) ||
        (chunk.len == TAG && index > 0)) {
        return false;
    }
    chunk_nonce(index, last, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, chunk.at, chunk.len, NULL, 0,
                                                     nonce, key->b) == 0;
}

void age_writer_start(struct age_writer *writer, const struct age_file_key *key) {
    random_bytes(writer->nonce, sizeof writer->nonce);
    age_payload_key_derive(key, writer->nonce, &writer->key);
    writer->next = 0;
    writer->filled = 0;
}

size_t age_writer_take(struct age_writer *writer, struct bytes data, uint8_t *piece,
                       size_t *piece_len) {
    *piece_len = 0;
    if (writer->filled == CHUNK && data.len > 0) { /* more comes: this one is not the last */
        size_t lead = writer->next == 0 ? PIECE_NONCE : 0;
        memcpy(piece, writer->nonce, lead);
        chunk_seal(&writer->key, writer->next++, false, BYTES_OF(writer->plain), piece + lead);
        *piece_len = lead + CHUNK + TAG;
        writer->filled = 0;
    }
    size_t room = CHUNK - writer->filled;
    size_t take = data.len < room ? data.len : room;
    if (take > 0) {
        memcpy(writer->plain + writer->filled, data.at, take);
        writer->filled += take;
    }
    return take;
}

void age_writer_end(struct age_writer *writer, uint8_t *piece, size_t *piece_len) {
    size_t lead = writer->next == 0 ? PIECE_NONCE : 0;
    memcpy(piece, writer->nonce, lead);
    chunk_seal(&writer->key, writer->next, true, (struct bytes){writer->plain, writer->filled},
               piece + lead);
    *piece_len = lead + writer->filled + TAG;
    secret_wipe(writer, sizeof *writer);
}

/* ---- small files ---- */

enum err age_seal_small(const struct box_public *recipients, size_t count, struct bytes plaintext,
                        struct buffer *out) {
    struct age_file_key key;
    struct age_payload_key payload_key;
    uint8_t nonce[PIECE_NONCE];
    if (plaintext.len > AGE_SMALL_MAX) {
        return ERR_FULL_BUFFER;
    }
    size_t start = out->len;
    age_file_key_generate(&key);
    random_bytes(nonce, sizeof nonce);
    age_payload_key_derive(&key, nonce, &payload_key);
    enum err err = age_header_make(recipients, count, &key, out);
    if (err == ERR_OK) {
        err = buffer_append(out, BYTES_OF(nonce));
    }
    size_t at = 0;
    for (uint64_t index = 0; err == ERR_OK && (index == 0 || at < plaintext.len); index++) {
        size_t len = plaintext.len - at < CHUNK ? plaintext.len - at : CHUNK;
        uint8_t *to = NULL;
        err = buffer_extend(out, len + TAG, &to);
        if (err == ERR_OK) {
            bool last = at + len == plaintext.len;
            chunk_seal(&payload_key, index, last, (struct bytes){plaintext.at + at, len}, to);
            at += len;
        }
    }
    age_file_key_wipe(&key);
    age_payload_key_wipe(&payload_key);
    if (err != ERR_OK) {
        out->len = start;
    }
    return err;
}

bool age_open_small(const struct box_secret *secret, struct bytes file, struct buffer *out) {
    size_t header = 0;
    uint64_t size = 0;
    if (!age_header_length(file, &header) || !age_plaintext_size(file.len - header, &size) ||
        size > AGE_SMALL_MAX) {
        return false;
    }
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    SCOPED(age_payload_key_wipe) struct age_payload_key payload_key = {{0}};
    if (!age_header_open((struct bytes){file.at, header}, secret, &key)) {
        return false;
    }
    struct bytes payload = {file.at + header, file.len - header};
    age_payload_key_derive(&key, payload.at, &payload_key);
    uint64_t count = piece_count(payload.len);
    size_t start = out->len;
    uint8_t *to = NULL;
    if (buffer_extend(out, (size_t)size, &to) != ERR_OK) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        size_t offset = PIECE_NONCE + (size_t)i * PIECE_CHUNK;
        size_t len = payload.len - offset < PIECE_CHUNK ? payload.len - offset : PIECE_CHUNK;
        if (!age_chunk_open(&payload_key, i, i + 1 == count,
                            (struct bytes){payload.at + offset, len}, to + i * CHUNK)) {
            secret_wipe(to, (size_t)size);
            out->len = start;
            return false;
        }
    }
    return true;
}

/* ---- texts ---- */

void age_identity_text(const struct box_secret *secret, char out[AGE_TEXT_MAX]) {
    bech32("age-secret-key-", secret->b, true, out);
}

void age_recipient_text(const struct box_public *pub, char out[AGE_TEXT_MAX]) {
    bech32("age", pub->b, false, out);
}

/* ---- helpers ---- */

/* HKDF-SHA256, RFC 5869, with 32 bytes of output: one round of expansion. */
static void hkdf(struct bytes salt, struct bytes secret, const char *info, uint8_t out[32]) {
    crypto_auth_hmacsha256_state state;
    uint8_t prk[32];
    const uint8_t one = 1;
    /* An empty salt still has to point somewhere. */
    (void)crypto_auth_hmacsha256_init(&state, salt.len == 0 ? &one : salt.at, salt.len);
    (void)crypto_auth_hmacsha256_update(&state, secret.at, secret.len);
    (void)crypto_auth_hmacsha256_final(&state, prk);
    (void)crypto_auth_hmacsha256_init(&state, prk, sizeof prk);
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)info, strlen(info));
    (void)crypto_auth_hmacsha256_update(&state, &one, 1);
    (void)crypto_auth_hmacsha256_final(&state, out);
    secret_wipe(prk, sizeof prk);
    secret_wipe(&state, sizeof state);
}

/* Over everything up to and including "---". */
static void header_mac(const struct age_file_key *key, struct bytes header, uint8_t mac[32]) {
    uint8_t mac_key[32];
    hkdf((struct bytes){NULL, 0}, BYTES_OF(key->b), "header", mac_key);
    (void)crypto_auth_hmacsha256(mac, header.at, header.len, mac_key);
    secret_wipe(mac_key, sizeof mac_key);
}

static void wrap_key(const struct box_public *ephemeral, const struct box_public *recipient,
                     const uint8_t shared[32], uint8_t wrap[32]) {
    uint8_t salt[64];
    memcpy(salt, ephemeral->b, 32);
    memcpy(salt + 32, recipient->b, 32);
    hkdf(BYTES_OF(salt), (struct bytes){shared, 32}, x25519_info, wrap);
}

static enum err write_stanza(const struct box_public *recipient, const struct age_file_key *key,
                             struct buffer *out) {
    static const uint8_t nonce[12];
    struct box_secret secret;
    struct box_public ephemeral;
    uint8_t shared[32];
    uint8_t wrap[32];
    uint8_t wrapped[WRAPPED];
    char line[160];
    char share[BASE64_ROOM(32)];
    char body[BASE64_ROOM(WRAPPED)];
    box_generate(&secret, &ephemeral);
    if (!box_agree(&secret, recipient, shared)) {
        box_secret_wipe(&secret);
        return ERR_USER_WRONG_KEY;
    }
    wrap_key(&ephemeral, recipient, shared, wrap);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(wrapped, NULL, key->b, sizeof key->b, NULL, 0,
                                                    NULL, nonce, wrap);
    box_secret_wipe(&secret);
    secret_wipe(shared, sizeof shared);
    secret_wipe(wrap, sizeof wrap);
    write_raw_base64(BYTES_OF(ephemeral.b), share);
    write_raw_base64(BYTES_OF(wrapped), body);
    (void)snprintf(line, sizeof line, "-> X25519 %s\n%s\n", share, body);
    return buffer_append(out, BYTES_TEXT(line));
}

static bool next_line(struct lines *lines, struct bytes *out) {
    const uint8_t *end =
        lines->at == lines->end ? NULL : memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    *out = (struct bytes){lines->at, 0};
    if (end == NULL) {
        return false;
    }
    out->len = (size_t)(end - lines->at);
    lines->at = end + 1;
    return true;
}

static bool read_stanza(struct lines *lines, struct bytes line, struct stanza *out) {
    uint8_t body[AGE_HEADER_MAX / 2];
    struct bytes type;
    struct bytes argument;
    size_t arguments = 0;
    size_t body_len = 0;
    *out = (struct stanza){.x25519 = false};
    if (line.len < 3 || memcmp(line.at, "-> ", 3) != 0) {
        return false;
    }
    line.at += 3;
    line.len -= 3;
    if (!next_argument(&line, &type)) {
        return false;
    }
    bool x25519 = bytes_equal(type, BYTES_TEXT("X25519"));
    size_t share_len = 0;
    bool good = true;
    while (line.len > 0) {
        line.at++; /* the space that next_argument stopped at */
        line.len--;
        if (!next_argument(&line, &argument)) {
            return false;
        }
        arguments++;
        if (x25519 && arguments == 1) {
            good = read_raw_base64(argument, out->ephemeral.b, 32, &share_len) && share_len == 32;
        }
    }
    if (!read_body(lines, body, sizeof body, &body_len)) {
        return false;
    }
    if (!x25519) {
        return true; /* another kind of recipient: not ours to judge */
    }
    if (arguments != 1 || !good || body_len != WRAPPED) {
        return false;
    }
    memcpy(out->wrapped, body, WRAPPED);
    out->x25519 = true;
    return true;
}

/* Base64 in lines of 64 columns; the body ends with the first shorter line, which may be empty. */
static bool read_body(struct lines *lines, uint8_t *body, size_t room, size_t *len) {
    struct bytes line;
    *len = 0;
    do {
        size_t part = 0;
        if (!next_line(lines, &line) || line.len > BODY_COLUMNS ||
            !read_raw_base64(line, body + *len, room - *len, &part)) {
            return false;
        }
        *len += part;
    } while (line.len == BODY_COLUMNS);
    return true;
}

/* Standard alphabet without padding, in its one canonical spelling. */
static bool read_raw_base64(struct bytes text, uint8_t *out, size_t room, size_t *len) {
    char padded[256];
    size_t pad = (4 - text.len % 4) % 4;
    if (text.len + pad >= sizeof padded ||
        (text.len > 0 && memchr(text.at, '=', text.len) != NULL)) {
        return false;
    }
    if (text.len > 0) {
        memcpy(padded, text.at, text.len);
    }
    memset(padded + text.len, '=', pad);
    return base64_read((struct bytes){(const uint8_t *)padded, text.len + pad}, out, room, len) ==
           ERR_OK;
}

static void write_raw_base64(struct bytes from, char *text) {
    base64_write(from, text);
    text[strcspn(text, "=")] = '\0';
}

/* One or more characters from ! to ~, up to a space or the end. */
static bool next_argument(struct bytes *line, struct bytes *out) {
    size_t len = 0;
    while (len < line->len && line->at[len] != ' ') {
        if (line->at[len] < 0x21 || line->at[len] > 0x7e) {
            return false;
        }
        len++;
    }
    *out = (struct bytes){line->at, len};
    line->at += len;
    line->len -= len;
    return len > 0;
}

static bool open_stanza(const struct stanza *stanza, const struct box_secret *secret,
                        const struct box_public *pub, struct age_file_key *out) {
    static const uint8_t nonce[12];
    uint8_t shared[32];
    uint8_t wrap[32];
    if (!box_agree(secret, &stanza->ephemeral, shared)) {
        return false;
    }
    wrap_key(&stanza->ephemeral, pub, shared, wrap);
    bool good = crypto_aead_chacha20poly1305_ietf_decrypt(out->b, NULL, NULL, stanza->wrapped,
                                                          WRAPPED, NULL, 0, nonce, wrap) == 0;
    secret_wipe(shared, sizeof shared);
    secret_wipe(wrap, sizeof wrap);
    return good;
}

/* 11 bytes of big-endian counter, one byte that marks the last chunk. */
static void chunk_nonce(uint64_t index, bool last, uint8_t nonce[12]) {
    memset(nonce, 0, 3);
    write_u64(nonce + 3, index);
    nonce[11] = last ? 1 : 0;
}

/* BIP 173, for 32 bytes: 52 digits of five bits and a checksum of six. */
static void bech32(const char *prefix, const uint8_t data[32], bool upper, char *out) {
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint8_t values[128];
    size_t count = 0;
    size_t prefix_len = strlen(prefix);
    for (size_t i = 0; i < prefix_len; i++) {
        values[count++] = (uint8_t)prefix[i] >> 5;
    }
    values[count++] = 0;
    for (size_t i = 0; i < prefix_len; i++) {
        values[count++] = (uint8_t)prefix[i] & 31;
    }
    size_t first = count;
    for (size_t bit = 0; bit < 256; bit += 5) {
        uint32_t word = (uint32_t)data[bit / 8] << 8 | (bit / 8 + 1 < 32 ? data[bit / 8 + 1] : 0);
        values[count++] = (uint8_t)(word >> (11 - bit % 8) & 31);
    }
    size_t digits = count;
    memset(values + count, 0, 6);
    count += 6;
    uint32_t check = 1;
    for (size_t i = 0; i < count; i++) {
        uint32_t top = check >> 25;
        check = (check & 0x1ffffff) << 5 ^ values[i];
        for (size_t g = 0; g < 5; g++) {
            check ^= (top >> g & 1) != 0 ? generator[g] : 0;
        }
    }
    check ^= 1;
    for (size_t i = 0; i < 6; i++) {
        values[digits + i] = (uint8_t)(check >> (5 * (5 - i)) & 31);
    }
    size_t len = (size_t)snprintf(out, AGE_TEXT_MAX, "%s1", prefix);
    for (size_t i = first; i < count; i++) {
        out[len++] = alphabet[values[i]];
    }
    out[len] = '\0';
    for (size_t i = 0; upper && i < len; i++) {
        out[i] = (char)(out[i] >= 'a' && out[i] <= 'z' ? out[i] - 32 : out[i]);
    }
    secret_wipe(values, sizeof values);
}
