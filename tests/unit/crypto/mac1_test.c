/* mac1 hangs on every byte of all that it covers (PROTOCOL 3.2). */
#include "crypto/mac1.h"

#include <string.h>

#include "tests/support/check.h"

static void test_mac1_hangs_on_each_byte_of_all_that_it_covers(void **state) {
    (void)state;
    uint8_t prologue[39];
    uint8_t message[56];
    uint8_t psk0[32] = {1, 2, 3};
    struct box_public responder = {{9, 8, 7}};
    struct mac1_key key;
    uint8_t mac[MAC1_BYTES];
    memset(prologue, 5, sizeof prologue);
    memset(message, 6, sizeof message);
    mac1_key_make(&key, &responder, psk0);
    mac1_make(&key, BYTES_OF(prologue), BYTES_OF(message), mac);
    CHECK(mac1_check(&key, BYTES_OF(prologue), BYTES_OF(message), mac));
    for (size_t i = 0; i < sizeof prologue; i++) {
        prologue[i] ^= 0x80;
        CHECK(!mac1_check(&key, BYTES_OF(prologue), BYTES_OF(message), mac));
        prologue[i] ^= 0x80;
    }
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] ^= 0x80;
        CHECK(!mac1_check(&key, BYTES_OF(prologue), BYTES_OF(message), mac));
        message[i] ^= 0x80;
    }
    for (size_t i = 0; i < sizeof mac; i++) {
        mac[i] ^= 0x80;
        CHECK(!mac1_check(&key, BYTES_OF(prologue), BYTES_OF(message), mac));
        mac[i] ^= 0x80;
    }
    for (size_t i = 0; i < 32; i++) { /* another door, another answerer */
        struct mac1_key other;
        psk0[i] ^= 0x80;
        mac1_key_make(&other, &responder, psk0);
        CHECK(!mac1_check(&other, BYTES_OF(prologue), BYTES_OF(message), mac));
        psk0[i] ^= 0x80;
        responder.b[i] ^= 0x80;
        mac1_key_make(&other, &responder, psk0);
        CHECK(!mac1_check(&other, BYTES_OF(prologue), BYTES_OF(message), mac));
        responder.b[i] ^= 0x80;
    }
    CHECK(mac1_check(&key, BYTES_OF(prologue), BYTES_OF(message), mac));
}

/* By Python's hashlib, from the words of PROTOCOL 3.2:
 * key = blake2b(b"stoop/1 mac1" + bytes(range(32)) + bytes(range(32, 64)), digest_size=32)
 * blake2b(bytes(39) + bytes([1]) * 56, key=key, digest_size=16) */
static void test_mac1_is_what_the_protocol_says(void **state) {
    (void)state;
    static const char expected[] = "9ea7660b797800db439812fd94819702";
    uint8_t prologue[39] = {0};
    uint8_t message[56];
    uint8_t psk0[32];
    struct box_public responder;
    struct mac1_key key;
    uint8_t mac[MAC1_BYTES];
    char hex[2 * MAC1_BYTES + 1];
    memset(message, 1, sizeof message);
    for (uint8_t i = 0; i < 32; i++) {
        responder.b[i] = i;
        psk0[i] = (uint8_t)(32 + i);
    }
    mac1_key_make(&key, &responder, psk0);
    mac1_make(&key, BYTES_OF(prologue), BYTES_OF(message), mac);
    hex_write(BYTES_OF(mac), hex);
    assert_string_equal(hex, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mac1_hangs_on_each_byte_of_all_that_it_covers),
        cmocka_unit_test(test_mac1_is_what_the_protocol_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
