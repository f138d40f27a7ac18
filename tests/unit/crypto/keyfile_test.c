/* Key files (PROTOCOL 1.2): whoever is told "wrong passphrase" has a whole file, and whoever is
 * told "broken" need not try another one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/keyfile.h"
#include "tests/support/check.h"

enum {
    AT_OPS = 138, /* of the bytes behind the base64, PROTOCOL 1.2 */
    AT_MEMORY = 142,
    AT_CHECK = 270,
    RAW = 286,
};

static const struct keyfile_cost cheap = {1, 8192};
static struct keyfile_public pub;
static struct owner_secret secret;
static char file[KEYFILE_BYTES_MAX];

static int make(void **state) {
    (void)state;
    CHECK(crypto_start());
    sign_generate(&secret.sign, &pub.owner.sign);
    box_generate(&secret.box, &pub.owner.box);
    pub.created_ms = 1795554600000;
    (void)snprintf(pub.name, sizeof pub.name, "Ada");
    CHECK(keyfile_seal(&pub, &secret, BYTES_TEXT("correct horse"), cheap, file) == KEYFILE_OK);
    return 0;
}

/* The file with its bytes changed by `change`, and a checksum that fits when `mend`. */
static void altered(void (*change)(uint8_t *raw, size_t at), size_t at, bool mend,
                    char out[KEYFILE_BYTES_MAX]) {
    uint8_t raw[RAW];
    char text[KEYFILE_BYTES_MAX];
    char base64[BASE64_ROOM(RAW)];
    size_t count = 0;
    size_t len = 0;
    size_t title = strlen("stoop owner key v1\n");
    for (const char *c = file + title; *c != '\0'; c++) {
        if (*c != '\n') {
            text[count++] = *c;
        }
    }
    CHECK_ERR(ERR_OK, base64_read((struct bytes){(uint8_t *)text, count}, raw, sizeof raw, &len));
    CHECK(len == RAW);
    change(raw, at);
    if (mend) {
        hash_labelled("stoop key file v1", (struct bytes){NULL, 0}, (struct bytes){raw, AT_CHECK},
                      raw + AT_CHECK, 16);
    }
    base64_write(BYTES_OF(raw), base64);
    (void)snprintf(out, KEYFILE_BYTES_MAX, "stoop owner key v1\n%s\n", base64);
}

static enum keyfile_result open_with(const char *text, const char *passphrase) {
    struct owner_secret got;
    enum keyfile_result result = keyfile_open(BYTES_TEXT(text), BYTES_TEXT(passphrase), &got);
    if (result == KEYFILE_OK) {
        assert_memory_equal(&got, &secret, sizeof got);
    }
    return result;
}

static void flip(uint8_t *raw, size_t at) {
    raw[at] ^= 1;
}

static void test_the_passphrase_opens_it_and_no_other_does(void **state) {
    (void)state;
    struct keyfile_public got;
    CHECK(open_with(file, "correct horse") == KEYFILE_OK);
    static const char *const wrong[] = {"",  "correct hors",  "correct horse ", "Correct horse",
                                        " ", "correct\nhorse"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK(open_with(file, wrong[i]) == KEYFILE_PASSPHRASE);
    }
    CHECK(keyfile_read_public(BYTES_TEXT(file), &got) == KEYFILE_OK);
    CHECK(sign_public_equal(&got.owner.sign, &pub.owner.sign) &&
          box_public_equal(&got.owner.box, &pub.owner.box) && got.created_ms == pub.created_ms);
    assert_string_equal(got.name, "Ada");
}

/* Whatever was damaged, and even with the right passphrase: broken, and told so without hashing. */
static void test_a_damaged_file_is_broken_whatever_the_passphrase(void **state) {
    (void)state;
    char text[KEYFILE_BYTES_MAX];
    for (size_t at = 0; at < RAW; at++) {
        altered(flip, at, false, text);
        CHECK(open_with(text, "correct horse") == KEYFILE_BROKEN);
        CHECK(open_with(text, "wrong") == KEYFILE_BROKEN);
    }
    for (size_t len = 0; len + 1 < strlen(file); len++) {
        (void)snprintf(text, sizeof text, "%.*s", (int)len, file);
        CHECK(open_with(text, "correct horse") == KEYFILE_BROKEN);
    }
    CHECK(open_with("stoop node keys v1\n", "") == KEYFILE_BROKEN);
    CHECK(open_with("-----BEGIN OPENSSH PRIVATE KEY-----\n", "") == KEYFILE_BROKEN);
}

/* The checksum is public: what it lets through is still authenticated by the seal. */
static void test_a_change_with_a_checksum_that_fits_does_not_open(void **state) {
    (void)state;
    char text[KEYFILE_BYTES_MAX];
    for (size_t at = 1; at < AT_CHECK; at++) {
        if (at < AT_OPS || at >= AT_MEMORY + 8) { /* those ask for more work; see below */
            altered(flip, at, true, text);
            CHECK(open_with(text, "correct horse") != KEYFILE_OK);
        }
    }
}

static void set_ops(uint8_t *raw, size_t ops) {
    write_u32(raw + AT_OPS, (uint32_t)ops);
}

static void set_memory(uint8_t *raw, size_t memory) {
    write_u64(raw + AT_MEMORY, memory);
}

static void test_a_file_that_asks_for_a_day_of_hashing_is_broken(void **state) {
    (void)state;
    char text[KEYFILE_BYTES_MAX];
    static const size_t ops[] = {0, KEYFILE_OPS_MAX + 1, UINT32_MAX};
    static const size_t memory[] = {0, 1, 8191, (size_t)KEYFILE_MEMORY_MAX + 1, SIZE_MAX};
    clock_t begin = clock();
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        altered(set_ops, ops[i], true, text);
        CHECK(open_with(text, "correct horse") == KEYFILE_BROKEN);
    }
    for (size_t i = 0; i < COUNT_OF(memory); i++) {
        altered(set_memory, memory[i], true, text);
        CHECK(open_with(text, "correct horse") == KEYFILE_BROKEN);
    }
    CHECK(clock() - begin < CLOCKS_PER_SEC);
}

/* What `stoop` writes: Argon2id MODERATE, as libsodium names it. */
static void test_a_passphrase_costs_a_guesser_a_quarter_of_a_gibibyte(void **state) {
    (void)state;
    CHECK(KEYFILE_COST_MODERATE.ops == 3 && KEYFILE_COST_MODERATE.memory_bytes == 268435456);
    char text[KEYFILE_BYTES_MAX];
    struct owner_secret got;
    CHECK(keyfile_seal(&pub, &secret, BYTES_TEXT("p"), KEYFILE_COST_MODERATE, text) == KEYFILE_OK);
    clock_t begin = clock();
    CHECK(keyfile_open(BYTES_TEXT(text), BYTES_TEXT("p"), &got) == KEYFILE_OK);
    CHECK(clock() - begin > CLOCKS_PER_SEC / 10);
}

static void test_two_files_of_one_key_share_no_secret_bytes(void **state) {
    (void)state;
    char again[KEYFILE_BYTES_MAX];
    CHECK(keyfile_seal(&pub, &secret, BYTES_TEXT("correct horse"), cheap, again) == KEYFILE_OK);
    size_t title = strlen("stoop owner key v1\n");
    size_t public_text = (AT_MEMORY + 8) / 3 * 4;
    size_t same = 0;
    for (size_t i = title + public_text + 8; i < strlen(file); i++) {
        same += file[i] == again[i] && file[i] != '\n' && file[i] != '=' ? 1 : 0;
    }
    CHECK(same < 20); /* of 180: by chance three */
}

static void test_process_keys_are_of_one_kind_and_whole(void **state) {
    (void)state;
    struct keyset keys;
    struct keyset got;
    char text[KEYFILE_BYTES_MAX];
    keyset_generate(&keys);
    keyset_write("node", &keys, text);
    CHECK(keyset_read("node", BYTES_TEXT(text), &got) == KEYFILE_OK);
    assert_memory_equal(&keys, &got, sizeof keys);
    CHECK(keyset_read("ingest", BYTES_TEXT(text), &got) == KEYFILE_BROKEN);
    for (size_t i = 0; i + 1 < strlen(text); i++) {
        char cut[KEYFILE_BYTES_MAX];
        char bent[KEYFILE_BYTES_MAX];
        (void)snprintf(cut, sizeof cut, "%.*s", (int)i, text);
        CHECK(keyset_read("node", BYTES_TEXT(cut), &got) == KEYFILE_BROKEN);
        (void)snprintf(bent, sizeof bent, "%s", text);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        if (text[i] != '\n') { /* lines may be broken anywhere */
            CHECK(keyset_read("node", BYTES_TEXT(bent), &got) == KEYFILE_BROKEN);
        }
    }
    keyset_wipe(&keys);
    const struct keyset zero = {0};
    assert_memory_equal(&keys, &zero, sizeof keys);
    keyset_wipe(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_passphrase_opens_it_and_no_other_does),
        cmocka_unit_test(test_a_damaged_file_is_broken_whatever_the_passphrase),
        cmocka_unit_test(test_a_change_with_a_checksum_that_fits_does_not_open),
        cmocka_unit_test(test_a_file_that_asks_for_a_day_of_hashing_is_broken),
        cmocka_unit_test(test_a_passphrase_costs_a_guesser_a_quarter_of_a_gibibyte),
        cmocka_unit_test(test_two_files_of_one_key_share_no_secret_bytes),
        cmocka_unit_test(test_process_keys_are_of_one_kind_and_whole),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
