#include "crypto/noise.h"

#include <string.h>

#include <sodium.h>

#include "tests/support/check.h"

enum {
    PAYLOAD_BYTES = 40,
    MESSAGE_MAX = PAYLOAD_BYTES + NOISE_OVERHEAD_3,
};

/* What two sides hold before they speak, one of each so that a test can make them differ. */
struct side {
    bool initiator;
    uint8_t prologue[8];
    uint8_t static_seed;
    struct box_public responder; /* as the initiator knows it */
    uint8_t psk0[32];
    uint8_t psk3[32];
};

static const uint8_t payload[PAYLOAD_BYTES] = "forty bytes that nobody else may read.";

static void make_sides(struct side sides[2]) {
    memset(sides, 0, 2 * sizeof *sides);
    for (size_t i = 0; i < 2; i++) {
        sides[i].initiator = i == 0;
        memset(sides[i].psk0, 0xa0, 32);
        memset(sides[i].psk3, 0xa3, 32);
        sides[i].static_seed = (uint8_t)(1 + i);
    }
    struct box_secret responder;
    memset(responder.b, sides[1].static_seed, sizeof responder.b);
    box_public_of(&responder, &sides[0].responder);
}

static void start(const struct side *side, struct noise *noise) {
    struct box_secret own;
    struct box_secret ephemeral;
    memset(own.b, side->static_seed, sizeof own.b);
    memset(ephemeral.b, 0x40 + side->static_seed, sizeof ephemeral.b);
    noise_start(noise, &(struct noise_setup){
                           .initiator = side->initiator,
                           .prologue = BYTES_OF(side->prologue),
                           .static_secret = &own,
                           .responder_static = &side->responder,
                           .ephemeral_secret = &ephemeral,
                           .psk0 = side->psk0,
                           .psk3 = side->psk3,
                       });
}

/* Runs messages until one is refused and returns its number, 1 to 3, or 0 when all pass. When
 * `flip_at` is not negative that byte of message `flip_in` arrives changed. */
static unsigned run(const struct side sides[2], struct noise noise[2], unsigned flip_in,
                    int flip_at) {
    start(&sides[0], &noise[0]);
    start(&sides[1], &noise[1]);
    for (unsigned i = 0; i < NOISE_MESSAGES; i++) {
        uint8_t message[MESSAGE_MAX];
        uint8_t got[PAYLOAD_BYTES];
        struct noise *writer = &noise[i % 2];
        size_t len = PAYLOAD_BYTES + noise_overhead(writer);
        CHECK(noise_write(writer, BYTES_OF(payload), message));
        if (i + 1 == flip_in && flip_at >= 0) {
            message[flip_at] ^= 1;
        }
        if (!noise_read(&noise[1 - i % 2], (struct bytes){message, len}, got)) {
            return i + 1;
        }
        CHECK(memcmp(got, payload, sizeof got) == 0);
    }
    return 0;
}

static void make_ciphers(struct noise_cipher to_send[2], struct noise_cipher to_receive[2]) {
    struct side sides[2];
    struct noise noise[2];
    uint8_t hash[NOISE_HASH_BYTES];
    make_sides(sides);
    CHECK(run(sides, noise, 0, -1) == 0);
    for (size_t i = 0; i < 2; i++) {
        noise_split(&noise[i], &to_send[i], &to_receive[i], hash);
    }
}

static void test_every_changed_byte_of_every_message_is_refused(void **state) {
    (void)state;
    static const size_t overhead[] = {NOISE_OVERHEAD_1, NOISE_OVERHEAD_2, NOISE_OVERHEAD_3};
    struct side sides[2];
    struct noise noise[2];
    make_sides(sides);
    for (unsigned message = 1; message <= NOISE_MESSAGES; message++) {
        for (size_t at = 0; at < PAYLOAD_BYTES + overhead[message - 1]; at++) {
            CHECK(run(sides, noise, message, (int)at) == message);
        }
    }
    CHECK(run(sides, noise, 0, -1) == 0);
}

/* Each secret is proved by the first message that it enters. */
static void test_any_secret_that_differs_ends_the_handshake(void **state) {
    (void)state;
    struct side sides[2];
    struct noise noise[2];

    make_sides(sides);
    sides[1].psk0[31] ^= 1;
    CHECK(run(sides, noise, 0, -1) == 1);

    make_sides(sides);
    sides[1].prologue[0] ^= 1;
    CHECK(run(sides, noise, 0, -1) == 1);

    make_sides(sides);
    sides[1].static_seed ^= 0x10; /* not the one who was called */
    CHECK(run(sides, noise, 0, -1) == 1);

    make_sides(sides);
    sides[1].psk3[0] ^= 1;
    CHECK(run(sides, noise, 0, -1) == 3);
}

static void test_a_point_of_low_order_is_no_responder(void **state) {
    (void)state;
    struct side sides[2];
    struct noise noise;
    uint8_t message[MESSAGE_MAX];
    make_sides(sides);
    memset(&sides[0].responder, 0, sizeof sides[0].responder);
    start(&sides[0], &noise);
    CHECK(!noise_write(&noise, BYTES_OF(payload), message));
}

static void test_split_leaves_no_secret_behind(void **state) {
    (void)state;
    struct side sides[2];
    struct noise noise[2];
    struct noise_cipher ciphers[2];
    uint8_t hash[NOISE_HASH_BYTES];
    make_sides(sides);
    CHECK(run(sides, noise, 0, -1) == 0);
    noise_split(&noise[0], &ciphers[0], &ciphers[1], hash);
    CHECK(sodium_is_zero((const uint8_t *)&noise[0], sizeof noise[0]) == 1);
    CHECK(memcmp(ciphers[0].key, ciphers[1].key, sizeof ciphers[0].key) != 0);
    noise_wipe(&noise[1]);
    CHECK(sodium_is_zero((const uint8_t *)&noise[1], sizeof noise[1]) == 1);
}

static void test_messages_open_once_and_in_turn(void **state) {
    (void)state;
    struct noise_cipher to_send[2];
    struct noise_cipher to_receive[2];
    const struct bytes none = {NULL, 0};
    uint8_t first[PAYLOAD_BYTES + NOISE_TAG_BYTES];
    uint8_t second[PAYLOAD_BYTES + NOISE_TAG_BYTES];
    uint8_t plain[PAYLOAD_BYTES];
    make_ciphers(to_send, to_receive);
    CHECK(noise_seal(&to_send[0], none, BYTES_OF(payload), first));
    CHECK(noise_seal(&to_send[0], none, BYTES_OF(payload), second));
    CHECK(memcmp(first, second, sizeof first) != 0);

    CHECK(!noise_open(&to_receive[1], none, BYTES_OF(second), plain));
    CHECK(!noise_open(&to_receive[0], none, BYTES_OF(first), plain)); /* other direction */
    CHECK(noise_open(&to_receive[1], none, BYTES_OF(first), plain));
    CHECK(!noise_open(&to_receive[1], none, BYTES_OF(first), plain));
    CHECK(noise_open(&to_receive[1], none, BYTES_OF(second), plain));
    CHECK(!noise_open(&to_receive[1], none, (struct bytes){first, 15}, plain));
}

/* ENCRYPT(k, 2^64-1, "", zeros) is 32 bytes of the ChaCha20 stream from block 1, under the nonce of
 * 32 zero and 64 one bits: made here without the AEAD. */
static void test_rekey_takes_the_cipher_stream_of_the_last_nonce(void **state) {
    (void)state;
    static const uint8_t nonce[12] = {0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t zeros[32];
    struct noise_cipher cipher = {.nonce = 1024};
    uint8_t expected[32];
    memset(cipher.key, 7, sizeof cipher.key);
    CHECK(crypto_stream_chacha20_ietf_xor_ic(expected, zeros, sizeof zeros, nonce, 1, cipher.key) ==
          0);
    noise_rekey(&cipher);
    CHECK(memcmp(expected, cipher.key, sizeof expected) == 0);
    CHECK(cipher.nonce == 1024);
}

static void test_the_last_nonce_is_never_used_for_a_message(void **state) {
    (void)state;
    struct noise_cipher cipher = {.nonce = UINT64_MAX - 1};
    uint8_t out[PAYLOAD_BYTES + NOISE_TAG_BYTES];
    CHECK(noise_seal(&cipher, (struct bytes){NULL, 0}, BYTES_OF(payload), out));
    CHECK(!noise_seal(&cipher, (struct bytes){NULL, 0}, BYTES_OF(payload), out));
    CHECK(!noise_open(&cipher, (struct bytes){NULL, 0}, BYTES_OF(out), out));
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_changed_byte_of_every_message_is_refused),
        cmocka_unit_test(test_any_secret_that_differs_ends_the_handshake),
        cmocka_unit_test(test_a_point_of_low_order_is_no_responder),
        cmocka_unit_test(test_split_leaves_no_secret_behind),
        cmocka_unit_test(test_messages_open_once_and_in_turn),
        cmocka_unit_test(test_rekey_takes_the_cipher_stream_of_the_last_nonce),
        cmocka_unit_test(test_the_last_nonce_is_never_used_for_a_message),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
