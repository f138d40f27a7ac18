/* age files: each chunk opens alone, a header is made anew without the payload, and nothing that
 * was cut, moved or meant for another opens (PROTOCOL 6.1, 6.3). */
#include <stdlib.h>
#include <string.h>

#include "crypto/age.h"
#include "tests/support/check.h"

enum {
    CHUNK = 65536,
    TAG = 16,
    PLAIN = 3 * CHUNK + 1000,
    PIECES = 4,
};

static struct box_secret owner_secret;
static struct box_public owner;
static struct box_secret other_secret;
static struct box_public other;
static uint8_t plain[PLAIN];
static struct age_file_key file_key;
static struct buffer header;
static struct buffer payload;

static int seal(void **state) {
    (void)state;
    static uint8_t piece[PIECE_MAX];
    static struct age_writer writer;
    size_t len = 0;
    CHECK(crypto_start());
    box_generate(&owner_secret, &owner);
    box_generate(&other_secret, &other);
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 7 + i / CHUNK);
    }
    buffer_init(&header, AGE_HEADER_MAX);
    buffer_init(&payload, 2 * sizeof plain);
    age_file_key_generate(&file_key);
    CHECK_ERR(ERR_OK, age_header_make(&owner, 1, &file_key, &header));
    age_writer_start(&writer, &file_key);
    for (size_t at = 0; at < sizeof plain;) {
        at += age_writer_take(&writer, (struct bytes){plain + at, sizeof plain - at}, piece, &len);
        CHECK_ERR(ERR_OK, buffer_append(&payload, (struct bytes){piece, len}));
    }
    age_writer_end(&writer, piece, &len);
    CHECK_ERR(ERR_OK, buffer_append(&payload, (struct bytes){piece, len}));
    CHECK(payload.len == age_payload_size(sizeof plain) && piece_count(payload.len) == PIECES);
    return 0;
}

static int unseal(void **state) {
    (void)state;
    buffer_finish(&header);
    buffer_finish(&payload);
    return 0;
}

static struct bytes chunk(size_t i) {
    size_t at = PIECE_NONCE + i * PIECE_CHUNK;
    size_t left = payload.len - at;
    return (struct bytes){payload.at + at, left < PIECE_CHUNK ? left : PIECE_CHUNK};
}

static struct age_payload_key payload_key_of(const struct box_secret *secret,
                                             struct bytes from_header) {
    struct age_file_key key;
    struct age_payload_key out;
    CHECK(age_header_open(from_header, secret, &key));
    age_payload_key_derive(&key, payload.at, &out);
    return out;
}

static void test_each_chunk_opens_alone_in_any_order(void **state) {
    (void)state;
    static const size_t order[] = {2, 0, 3, 1, 3, 0};
    struct age_payload_key key = payload_key_of(&owner_secret, buffer_bytes(&header));
    for (size_t k = 0; k < COUNT_OF(order); k++) {
        static uint8_t out[CHUNK];
        size_t i = order[k];
        CHECK(age_chunk_open(&key, i, i + 1 == PIECES, chunk(i), out));
        assert_memory_equal(out, plain + i * CHUNK, chunk(i).len - TAG);
    }
}

static void test_a_chunk_opens_at_its_own_place_alone(void **state) {
    (void)state;
    struct age_payload_key key = payload_key_of(&owner_secret, buffer_bytes(&header));
    static uint8_t out[CHUNK];
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < PIECES + 1; at++) {
            CHECK(age_chunk_open(&key, at, i + 1 == PIECES, chunk(i), out) == (at == i));
        }
        CHECK(!age_chunk_open(&key, i, i + 1 != PIECES, chunk(i), out)); /* last, and not */
    }
    CHECK(!age_chunk_open(&key, UINT64_C(1) << 32, false, chunk(0), out)); /* all of the number */
}

/* To grant: a new header for another key; the payload is not even read. */
static void test_a_new_header_opens_the_same_payload_for_another(void **state) {
    (void)state;
    static uint8_t out[CHUNK];
    struct buffer granted;
    struct age_file_key key;
    struct id before;
    struct id after;
    buffer_init(&granted, AGE_HEADER_MAX);
    sha256(buffer_bytes(&payload), &before);
    CHECK(age_header_open(buffer_bytes(&header), &owner_secret, &key));
    CHECK_ERR(ERR_OK, age_header_make(&other, 1, &key, &granted));
    sha256(buffer_bytes(&payload), &after);
    CHECK(id_equal(&before, &after));
    struct age_payload_key opened = payload_key_of(&other_secret, buffer_bytes(&granted));
    CHECK(age_chunk_open(&opened, 1, false, chunk(1), out));
    assert_memory_equal(out, plain + CHUNK, CHUNK);
    CHECK(
        !age_header_open(buffer_bytes(&granted), &owner_secret, &key)); /* and not for the owner */
    buffer_finish(&granted);
}

static void test_only_a_recipient_opens_a_header(void **state) {
    (void)state;
    struct buffer both;
    struct box_public recipients[AGE_RECIPIENTS_MAX];
    struct box_secret secrets[AGE_RECIPIENTS_MAX];
    struct age_file_key key = {{0}};
    const struct age_file_key untouched = key;
    CHECK(!age_header_open(buffer_bytes(&header), &other_secret, &key));
    assert_memory_equal(&key, &untouched, sizeof key);
    buffer_init(&both, AGE_HEADER_MAX);
    for (size_t i = 0; i < AGE_RECIPIENTS_MAX; i++) {
        box_generate(&secrets[i], &recipients[i]);
    }
    CHECK_ERR(ERR_OK, age_header_make(recipients, AGE_RECIPIENTS_MAX, &file_key, &both));
    for (size_t i = 0; i < AGE_RECIPIENTS_MAX; i++) {
        CHECK(age_header_open(buffer_bytes(&both), &secrets[i], &key));
        assert_memory_equal(&key, &file_key, sizeof key);
    }
    CHECK(!age_header_open(buffer_bytes(&both), &owner_secret, &key));
    buffer_finish(&both);
}

static void test_a_point_of_low_order_is_no_recipient(void **state) {
    (void)state;
    const struct box_public low[] = {{{0}}, {{1}}};
    struct buffer out;
    buffer_init(&out, AGE_HEADER_MAX);
    for (size_t i = 0; i < COUNT_OF(low); i++) {
        CHECK_ERR(ERR_USER_WRONG_KEY, age_header_make(&low[i], 1, &file_key, &out));
        CHECK(out.len == 0);
    }
    buffer_finish(&out);
}

static void test_a_header_with_any_bit_changed_or_cut_anywhere_does_not_open(void **state) {
    (void)state;
    struct age_file_key key;
    uint8_t copy[1024];
    CHECK(header.len < sizeof copy);
    for (size_t i = 0; i < header.len; i++) {
        memcpy(copy, header.at, header.len);
        copy[i] ^= 1;
        CHECK(!age_header_open((struct bytes){copy, header.len}, &owner_secret, &key));
        CHECK(!age_header_open((struct bytes){header.at, i}, &owner_secret, &key));
    }
    memcpy(copy, header.at, header.len);
    copy[header.len] = '\n'; /* nor with anything behind it */
    CHECK(!age_header_open((struct bytes){copy, header.len + 1}, &owner_secret, &key));
    CHECK(age_header_open(buffer_bytes(&header), &owner_secret, &key));
}

/* Whole small files, cut at every byte of every part: header, nonce, chunk, tag, chunk border. */
static void test_a_file_cut_anywhere_does_not_open(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK};
    for (size_t k = 0; k < COUNT_OF(sizes); k++) {
        struct buffer file;
        struct buffer out;
        size_t head = 0;
        buffer_init(&file, 4 * CHUNK);
        buffer_init(&out, 4 * CHUNK);
        CHECK_ERR(ERR_OK, age_seal_small(&owner, 1, (struct bytes){plain, sizes[k]}, &file));
        CHECK(age_open_small(&owner_secret, buffer_bytes(&file), &out));
        CHECK(out.len == sizes[k] && (out.len == 0 || memcmp(out.at, plain, out.len) == 0));
        CHECK(!age_open_small(&other_secret, buffer_bytes(&file), &out) && out.len == sizes[k]);
        CHECK(age_header_length(buffer_bytes(&file), &head));
        for (size_t cut = 0; cut < file.len; cut++) {
            size_t in_payload = cut < head ? 0 : cut - head;
            bool border = in_payload < 40 || file.len - cut < 40 ||
                          (in_payload - PIECE_NONCE + 20) % PIECE_CHUNK < 40;
            if (cut < head || border) {
                CHECK(!age_open_small(&owner_secret, (struct bytes){file.at, cut}, &out));
                CHECK(out.len == sizes[k]); /* nothing of it comes out */
            }
        }
        const uint8_t more = 0;
        CHECK_ERR(ERR_OK, buffer_append(&file, (struct bytes){&more, 1}));
        CHECK(!age_open_small(&owner_secret, buffer_bytes(&file), &out));
        buffer_finish(&file);
        buffer_finish(&out);
    }
}

static void test_sizes_of_plaintext_and_payload_follow_from_each_other(void **state) {
    (void)state;
    uint64_t size = 0;
    for (uint64_t plain_size = 0; plain_size < 3 * CHUNK; plain_size += plain_size % 997 + 1) {
        CHECK(age_plaintext_size(age_payload_size(plain_size), &size) && size == plain_size);
    }
    static const uint64_t none[] = {0,
                                    1,
                                    PIECE_NONCE,
                                    PIECE_NONCE + TAG - 1,
                                    PIECE_NONCE + PIECE_CHUNK + 1,
                                    PIECE_NONCE + PIECE_CHUNK + TAG}; /* an empty last chunk */
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        CHECK(!age_plaintext_size(none[i], &size));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_chunk_opens_alone_in_any_order),
        cmocka_unit_test(test_a_chunk_opens_at_its_own_place_alone),
        cmocka_unit_test(test_a_new_header_opens_the_same_payload_for_another),
        cmocka_unit_test(test_only_a_recipient_opens_a_header),
        cmocka_unit_test(test_a_point_of_low_order_is_no_recipient),
        cmocka_unit_test(test_a_header_with_any_bit_changed_or_cut_anywhere_does_not_open),
        cmocka_unit_test(test_a_file_cut_anywhere_does_not_open),
        cmocka_unit_test(test_sizes_of_plaintext_and_payload_follow_from_each_other),
    };
    return cmocka_run_group_tests(tests, seal, unseal);
}
