/* Checkpoints and cosignatures (PROTOCOL 8.3). */
#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "tests/support/check.h"

#define ORIGIN "stoop.log/0011223344556677"
#define DASH "\xe2\x80\x94 "
#define ROOT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define AT_SECOND ((struct instant){INT64_C(1700000000000)})

struct signer {
    struct sign_secret secret;
    struct note_key key;
};

static struct signer signer(const char *name, enum note_type type, uint8_t seed) {
    struct signer out = {.key = {.type = type}};
    const uint8_t bytes[32] = {seed};
    CHECK(crypto_start());
    sign_from_seed(bytes, &out.secret, &out.key.key);
    (void)snprintf(out.key.name, sizeof out.key.name, "%s", name);
    return out;
}

static const struct checkpoint sample = {.origin = ORIGIN, .size = 42, .root = {{1, 2, 3}}};

static void sign_sample(const struct signer *log, char note[NOTE_MAX]) {
    CHECK_ERR(ERR_OK, checkpoint_sign(&sample, log->key.name, &log->secret, note));
}

/* A note over any text, as any signer could make it. */
static void sign_text(const struct signer *log, const char *text, char note[NOTE_MAX]) {
    char whole[NOTE_MAX];
    uint8_t raw[4 + 64];
    char base64[BASE64_ROOM(sizeof raw)];
    struct signature signature;
    struct bytes one;
    size_t len = 0;
    sign_sample(log, whole); /* for the key id */
    one = BYTES_TEXT(strrchr(whole, ' ') + 1);
    CHECK_ERR(ERR_OK, base64_read((struct bytes){one.at, one.len - 1}, raw, sizeof raw, &len));
    sign_bytes(&log->secret, BYTES_TEXT(text), &signature);
    memcpy(raw + 4, signature.b, 64);
    base64_write(BYTES_OF(raw), base64);
    (void)snprintf(note, NOTE_MAX, "%s\n" DASH "%s %s\n", text, log->key.name, base64);
}

static void test_a_signed_checkpoint_comes_back_as_it_was(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct signer other = signer(ORIGIN, NOTE_LOG, 2);
    struct checkpoint got;
    char note[NOTE_MAX];
    sign_sample(&log, note);
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
    assert_string_equal(sample.origin, got.origin);
    CHECK(got.size == sample.size && id_equal(&got.root, &sample.root));
    CHECK_ERR(ERR_PEER_SIGNATURE, checkpoint_verify(BYTES_TEXT(note), &other.key, &got));
}

static void test_a_text_that_is_no_checkpoint_is_refused_though_signed(void **state) {
    (void)state;
    static const char *const texts[] = {
        ORIGIN "\n42\n",
        ORIGIN "\n42\n" ROOT "\nextension\n",
        ORIGIN "\n42\n" ROOT "\n\n",
        "\n42\n" ROOT "\n",
        ORIGIN "\n\n" ROOT "\n",
        ORIGIN "\n042\n" ROOT "\n",
        ORIGIN "\n+42\n" ROOT "\n",
        ORIGIN "\n42 \n" ROOT "\n",
        ORIGIN "\n0x2\n" ROOT "\n",
        ORIGIN "\n9223372036854775808\n" ROOT "\n",
        ORIGIN "\n99999999999999999999\n" ROOT "\n",
        ORIGIN "\n42\nAAAA\n",
        ORIGIN "\n42\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n", /* stray bits */
        "stoop\xc3\xa9\n42\n" ROOT "\n",
        ORIGIN ORIGIN ORIGIN "\n42\n" ROOT "\n",
    };
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct checkpoint got;
    char note[NOTE_MAX];
    sign_text(&log, ORIGIN "\n9223372036854775807\n" ROOT "\n", note);
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
    CHECK(got.size == INT64_MAX);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        sign_text(&log, texts[i], note);
        if (checkpoint_verify(BYTES_TEXT(note), &log.key, &got) != ERR_PEER_MALFORMED) {
            fail_msg("accepted: %s", texts[i]);
        }
    }
}

/* strtoull and strings would both have ended at the NUL. */
static void test_a_nul_hides_nothing(void **state) {
    (void)state;
    static const char text[] = "stoop\n4\0002\n" ROOT "\n";
    static const char origin[] = "sto\0op\n42\n" ROOT "\n";
    struct checkpoint got;
    CHECK_ERR(ERR_PEER_MALFORMED,
              checkpoint_read((struct bytes){(const uint8_t *)text, sizeof text - 1}, &got));
    CHECK_ERR(ERR_PEER_MALFORMED,
              checkpoint_read((struct bytes){(const uint8_t *)origin, sizeof origin - 1}, &got));
}

static void test_a_line_that_is_no_signature_spoils_the_note(void **state) {
    (void)state;
    static const char *const lines[] = {
        "\n",
        "hello\n",
        DASH "name\n",
        DASH "name \n",
        DASH "name AAAA\n",     /* three bytes: no key id */
        DASH "name AAAAAA==\n", /* a key id, but no signature */
        DASH "name AAAAAAA\n",
        DASH " AAAAAAAA\n",
        DASH "na+me AAAAAAAA\n",
        DASH "name AAAAAAAA", /* no end */
        DASH "name AAAAAAAA \n",
        DASH "na\tme AAAAAAAA\n",
        DASH "na\xff"
             "me AAAAAAAA\n",
        DASH "na\xed\xa0\x80me AAAAAAAA\n", /* a surrogate */
        DASH "na\xc0\xaeme AAAAAAAA\n",     /* overlong */
        "\xe2\x80\x93 name AAAAAAAA\n",     /* an en dash */
    };
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct checkpoint got;
    char note[NOTE_MAX];
    char whole[2 * NOTE_MAX];
    sign_sample(&log, note);
    (void)snprintf(whole, sizeof whole, "%s" DASH "caf\xc3\xa9 AAAAAAAA\n", note);
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(whole), &log.key, &got));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        (void)snprintf(whole, sizeof whole, "%s%s", note, lines[i]);
        if (checkpoint_verify(BYTES_TEXT(whole), &log.key, &got) != ERR_PEER_MALFORMED) {
            fail_msg("accepted: %s", lines[i]);
        }
    }
}

static void test_sixteen_signatures_are_read_and_not_one_more(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct checkpoint got;
    char note[NOTE_MAX];
    sign_sample(&log, note);
    for (size_t i = 1; i < NOTE_LINES_MAX; i++) {
        char line[40];
        (void)snprintf(line, sizeof line, DASH "n%zu AAAAAAAA\n", i);
        CHECK_ERR(ERR_OK, note_attach(note, BYTES_TEXT(line)));
    }
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
    CHECK_ERR(ERR_FULL_BUFFER, note_attach(note, BYTES_TEXT(DASH "n AAAAAAAA\n")));
    size_t len = strlen(note);
    (void)snprintf(note + len, sizeof note - len, DASH "n AAAAAAAA\n");
    CHECK_ERR(ERR_PEER_MALFORMED, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
}

/* A failed signature of a known key refuses the note, whatever stands below it. */
static void test_the_first_line_of_a_key_decides(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct checkpoint got;
    char note[NOTE_MAX];
    char whole[2 * NOTE_MAX];
    char bad[NOTE_MAX];
    sign_sample(&log, note);
    sign_text(&log, "another text\n", bad);
    (void)snprintf(whole, sizeof whole, "%s%s", note, strstr(bad, DASH));
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(whole), &log.key, &got));
    const char *good_line = strstr(note, DASH);
    (void)snprintf(whole, sizeof whole, "%.*s%s%s", (int)(good_line - note), note,
                   strstr(bad, DASH), good_line);
    CHECK_ERR(ERR_PEER_SIGNATURE, checkpoint_verify(BYTES_TEXT(whole), &log.key, &got));
}

static void test_witnesses_add_their_time_and_the_log_stays_signed(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    char note[NOTE_MAX];
    char line[NOTE_LINE_MAX];
    struct checkpoint got;
    struct instant at = {0};
    sign_sample(&log, note);
    for (uint8_t i = 0; i < 8; i++) { /* as many as a charter may want */
        struct signer witness = signer("stoop.log/ffeeddccbbaa9988", NOTE_WITNESS, 10 + i);
        CHECK_ERR(ERR_PEER_SIGNATURE,
                  checkpoint_verify_cosigned(BYTES_TEXT(note), &witness.key, &at));
        CHECK_ERR(ERR_OK, checkpoint_cosign(BYTES_TEXT(note), witness.key.name, &witness.secret,
                                            AT_SECOND, line));
        CHECK_ERR(ERR_OK, note_attach(note, BYTES_TEXT(line)));
        CHECK_ERR(ERR_PEER_REPEATED, note_attach(note, BYTES_TEXT(line)));
        CHECK_ERR(ERR_OK, checkpoint_verify_cosigned(BYTES_TEXT(note), &witness.key, &at));
        CHECK(at.ms == AT_SECOND.ms);
    }
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
}

/* The bytes that c2sp.org/tlog-cosignature wants signed, spelled out. */
static void test_a_cosignature_covers_header_time_and_checkpoint(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct signer witness = signer("w.example", NOTE_WITNESS, 9);
    char note[NOTE_MAX];
    char line[NOTE_LINE_MAX];
    char text[CHECKPOINT_TEXT_MAX];
    char message[256];
    uint8_t raw[4 + 8 + 64];
    struct signature signature;
    size_t len = 0;
    sign_sample(&log, note);
    checkpoint_write(&sample, text);
    CHECK_ERR(ERR_OK, checkpoint_cosign(BYTES_TEXT(note), "w.example", &witness.secret,
                                        (struct instant){AT_SECOND.ms + 999}, line));
    CHECK(strncmp(line, DASH "w.example ", sizeof DASH "w.example " - 1) == 0);
    const char *base64 = strrchr(line, ' ') + 1;
    CHECK_ERR(ERR_OK, base64_read((struct bytes){(const uint8_t *)base64, strlen(base64) - 1}, raw,
                                  sizeof raw, &len));
    CHECK(len == sizeof raw);
    CHECK(read_u64(raw + 4) == 1700000000);
    (void)snprintf(message, sizeof message, "cosignature/v1\ntime 1700000000\n%s", text);
    memcpy(signature.b, raw + 12, 64);
    CHECK(sign_verify(&witness.key.key, BYTES_TEXT(message), &signature));
}

/* A log's key may be a witness's too: neither signature passes for the other. */
static void test_a_cosignature_is_no_signature_of_the_log(void **state) {
    (void)state;
    struct signer log = signer(ORIGIN, NOTE_LOG, 1);
    struct signer same = signer(ORIGIN, NOTE_WITNESS, 1);
    struct checkpoint got;
    struct instant at;
    char note[NOTE_MAX];
    char line[NOTE_LINE_MAX];
    sign_sample(&log, note);
    CHECK_ERR(ERR_PEER_SIGNATURE, checkpoint_verify_cosigned(BYTES_TEXT(note), &same.key, &at));
    CHECK_ERR(ERR_OK, checkpoint_cosign(BYTES_TEXT(note), ORIGIN, &log.secret, AT_SECOND, line));
    (void)snprintf(strstr(note, DASH), NOTE_LINE_MAX, "%s", line);
    CHECK_ERR(ERR_OK, checkpoint_verify_cosigned(BYTES_TEXT(note), &same.key, &at));
    CHECK_ERR(ERR_PEER_SIGNATURE, checkpoint_verify(BYTES_TEXT(note), &log.key, &got));
}

static void test_verifier_keys_have_one_spelling(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "name",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=",
        "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fo +530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* type 0x02 */
    };
    const enum note_type types[] = {NOTE_LOG, NOTE_WITNESS};
    struct note_key key;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_ERR(ERR_USER_SYNTAX, note_key_read(wrong[i], &key));
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct signer one = signer("w.example/path", types[i], 3);
        char text[NOTE_KEY_MAX];
        note_key_write(&one.key, text);
        CHECK_ERR(ERR_OK, note_key_read(text, &key));
        assert_string_equal(one.key.name, key.name);
        CHECK(key.type == types[i] && sign_public_equal(&key.key, &one.key.key));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signed_checkpoint_comes_back_as_it_was),
        cmocka_unit_test(test_a_text_that_is_no_checkpoint_is_refused_though_signed),
        cmocka_unit_test(test_a_nul_hides_nothing),
        cmocka_unit_test(test_a_line_that_is_no_signature_spoils_the_note),
        cmocka_unit_test(test_sixteen_signatures_are_read_and_not_one_more),
        cmocka_unit_test(test_the_first_line_of_a_key_decides),
        cmocka_unit_test(test_witnesses_add_their_time_and_the_log_stays_signed),
        cmocka_unit_test(test_a_cosignature_covers_header_time_and_checkpoint),
        cmocka_unit_test(test_a_cosignature_is_no_signature_of_the_log),
        cmocka_unit_test(test_verifier_keys_have_one_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
