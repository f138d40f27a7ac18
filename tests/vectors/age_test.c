/* The age test kit of C2SP's CCTV (see ../shared/vectors/README.md), each file through our reader
 * with header and payload apart, as clips are kept. */
#include <string.h>

#include <zlib.h>

#include "crypto/age.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define VECTORS "../shared/vectors/cctv/age-testkit.json"

enum {
    FILE_MAX = 32 * 1024 * 1024,
    VALUE_MAX = 128,
    NAMED_FILES = 67,
};

enum outcome {
    OUTCOME_SUCCESS,
    OUTCOME_HEADER, /* a bad header, or one for somebody else: our reader does not tell why */
    OUTCOME_PAYLOAD,
};

struct kit_file {
    enum outcome expected;
    bool has_hash;
    struct id plain_hash; /* of what is readable, up to the failure */
    struct age_file_key key;
    bool has_identity;
    struct box_secret identity;
    struct bytes age; /* owned by the test's static room */
};

static uint8_t encoded[FILE_MAX];
static uint8_t inflated[FILE_MAX];
static uint8_t plain[FILE_MAX];

/* The value of "KEY: VALUE" among the lines before the file; false when there is none. */
static bool value_of(const char *head, const char *key, char out[VALUE_MAX]) {
    size_t len = strlen(key);
    for (const char *line = head; line != NULL;
         line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1) {
        if (strncmp(line, key, len) == 0 && line[len] == ':') {
            size_t value = strcspn(line + len + 2, "\n");
            CHECK(value < VALUE_MAX);
            memcpy(out, line + len + 2, value);
            out[value] = '\0';
            return true;
        }
    }
    return false;
}

/* Bech32 without its checksum; the stock tool's text of the result has to be the one given. */
static void read_identity(const char *text, struct box_secret *out) {
    static const char alphabet[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    char again[AGE_TEXT_MAX];
    const char *at = strrchr(text, '1') + 1;
    uint32_t bits = 0;
    size_t held = 0;
    for (size_t i = 0; i < 32; at++) {
        const char *digit = strchr(alphabet, *at);
        CHECK(*at != '\0' && digit != NULL);
        bits = bits << 5 | (uint32_t)(digit - alphabet);
        held += 5;
        if (held >= 8) {
            held -= 8;
            out->b[i++] = (uint8_t)(bits >> held);
        }
    }
    age_identity_text(out, again);
    assert_string_equal(again, text);
}

static void read_file(const char *base64, struct kit_file *out) {
    char value[VALUE_MAX];
    char head[2048];
    size_t len = 0;
    *out = (struct kit_file){.expected = OUTCOME_HEADER};
    CHECK_ERR(ERR_OK, base64_read(BYTES_TEXT(base64), encoded, sizeof encoded, &len));
    const uint8_t *end = memmem(encoded, len, "\n\n", 2);
    CHECK(end != NULL && (size_t)(end - encoded) < sizeof head);
    memcpy(head, encoded, (size_t)(end - encoded));
    head[end - encoded] = '\0';
    out->age = (struct bytes){end + 2, len - (size_t)(end + 2 - encoded)};

    CHECK(value_of(head, "expect", value));
    if (strcmp(value, "success") == 0) {
        out->expected = OUTCOME_SUCCESS;
    } else if (strcmp(value, "payload failure") == 0) {
        out->expected = OUTCOME_PAYLOAD;
    } else {
        CHECK(strcmp(value, "header failure") == 0 || strcmp(value, "HMAC failure") == 0 ||
              strcmp(value, "no match") == 0);
    }
    CHECK(value_of(head, "file key", value));
    if (strlen(value) == 2 * sizeof out->key.b) { /* another length may not come out of a header */
        CHECK_ERR(ERR_OK, hex_read(value, out->key.b, sizeof out->key.b));
    }
    out->has_hash = value_of(head, "payload", value);
    if (out->has_hash) {
        CHECK_ERR(ERR_OK, hex_read(value, out->plain_hash.b, sizeof out->plain_hash.b));
    }
    out->has_identity = value_of(head, "identity", value);
    if (out->has_identity) {
        read_identity(value, &out->identity);
    }
    if (value_of(head, "compressed", value)) {
        uLongf room = sizeof inflated;
        CHECK(strcmp(value, "zlib") == 0);
        CHECK(uncompress(inflated, &room, out->age.at, out->age.len) == Z_OK);
        out->age = (struct bytes){inflated, room};
    }
}

/* Chunk by chunk, as a reader of clips does; whether all of it is good, and how much is. */
static bool open_payload(const struct age_file_key *key, struct bytes payload, size_t *readable) {
    struct age_payload_key payload_key;
    uint64_t size = 0;
    bool whole = age_plaintext_size(payload.len, &size);
    *readable = 0;
    age_payload_key_derive(key, payload.at, &payload_key);
    size_t at = PIECE_NONCE;
    for (uint64_t i = 0; at < payload.len; i++) {
        size_t len = payload.len - at < PIECE_CHUNK ? payload.len - at : PIECE_CHUNK;
        bool last = at + len == payload.len;
        if (!age_chunk_open(&payload_key, i, last, (struct bytes){payload.at + at, len},
                            plain + *readable)) {
            /* A reader of a stream, who does not know where it ends, still takes a chunk that is
             * sealed as the last one where another follows, or the other way round: only what comes
             * behind it tells. The kit counts that as readable; we know the length and refuse. */
            if (age_chunk_open(&payload_key, i, !last, (struct bytes){payload.at + at, len},
                               plain + *readable)) {
                *readable += len - PIECE_TAG;
            }
            return false;
        }
        *readable += len - PIECE_TAG;
        at += len;
    }
    CHECK(!whole || *readable == size);
    return whole;
}

/* Both of the ways in which we read: in parts, and small files in one go. */
static enum outcome open_file(const struct kit_file *file, size_t *readable) {
    size_t header = 0;
    struct age_file_key key;
    if (!age_header_length(file->age, &header) ||
        !age_header_open((struct bytes){file->age.at, header}, &file->identity, &key)) {
        return OUTCOME_HEADER;
    }
    CHECK(memcmp(key.b, file->key.b, sizeof key.b) == 0);
    struct bytes payload = {file->age.at + header, file->age.len - header};
    if (payload.len < PIECE_NONCE) { /* the kit counts the nonce among the header */
        uint64_t size = 0;
        CHECK(!age_plaintext_size(payload.len, &size));
        return OUTCOME_HEADER;
    }
    return open_payload(&key, payload, readable) ? OUTCOME_SUCCESS : OUTCOME_PAYLOAD;
}

static void check_small(const struct kit_file *file, enum outcome outcome, size_t readable) {
    SCOPED(buffer_finish) struct buffer out = {.max = FILE_MAX};
    bool opens = age_open_small(&file->identity, file->age, &out);
    CHECK(opens == (outcome == OUTCOME_SUCCESS && readable <= AGE_SMALL_MAX));
    CHECK(out.len == (opens ? readable : 0));
    CHECK(out.len == 0 || memcmp(out.at, plain, readable) == 0);
}

static void test_every_file_of_the_kit_opens_or_fails_as_it_says(void **state) {
    (void)state;
    json_t *root = vectors_load(VECTORS, 0);
    const char *name = NULL;
    json_t *text = NULL;
    size_t count = 0;
    size_t opened = 0;
    size_t broken = 0;
    json_object_foreach(json_object_get(root, "files"), name, text) {
        static struct kit_file file;
        size_t readable = 0;
        read_file(json_string_value(text), &file);
        enum outcome outcome = open_file(&file, &readable);
        if (outcome != file.expected) {
            fail_msg("%s: outcome %d, expected %d", name, (int)outcome, (int)file.expected);
        }
        if (outcome != OUTCOME_HEADER) {
            struct id hash;
            CHECK(file.has_hash);
            sha256((struct bytes){plain, readable}, &hash);
            if (!id_equal(&hash, &file.plain_hash)) {
                fail_msg("%s: %zu bytes are readable, but others", name, readable);
            }
        }
        check_small(&file, outcome, readable);
        count++;
        opened += outcome == OUTCOME_SUCCESS ? 1 : 0;
        broken += outcome == OUTCOME_PAYLOAD ? 1 : 0;
    }
    json_decref(root);
    CHECK(count == NAMED_FILES);
    CHECK(opened == 14);
    CHECK(broken == 18);
}

/* What granting does: the same payload under a new header, for another recipient. */
static void test_a_new_header_opens_the_kits_own_payload(void **state) {
    (void)state;
    static struct kit_file file;
    json_t *root = vectors_load(VECTORS, 0);
    read_file(
        json_string_value(json_object_get(json_object_get(root, "files"), "stream_three_chunks")),
        &file);
    json_decref(root);
    struct box_secret other;
    struct box_public pub;
    struct age_file_key key;
    struct age_file_key again;
    size_t header = 0;
    size_t readable = 0;
    struct id hash;
    SCOPED(buffer_finish) struct buffer made = {.max = AGE_HEADER_MAX};
    box_generate(&other, &pub);
    CHECK(age_header_length(file.age, &header));
    CHECK(age_header_open((struct bytes){file.age.at, header}, &file.identity, &key));
    CHECK_ERR(ERR_OK, age_header_make(&pub, 1, &key, &made));
    CHECK(age_header_open(buffer_bytes(&made), &other, &again));
    CHECK(!age_header_open(buffer_bytes(&made), &file.identity, &key));
    CHECK(open_payload(&again, (struct bytes){file.age.at + header, file.age.len - header},
                       &readable));
    sha256((struct bytes){plain, readable}, &hash);
    CHECK(id_equal(&hash, &file.plain_hash));
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_of_the_kit_opens_or_fails_as_it_says),
        cmocka_unit_test(test_a_new_header_opens_the_kits_own_payload),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
