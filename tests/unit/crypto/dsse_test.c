/* Envelope signatures (PROTOCOL 2.1). */
#include <stdlib.h>
#include <string.h>

#include "crypto/dsse.h"
#include "tests/support/check.h"

static const uint8_t seed[32] = {1};

static void keys(struct sign_secret *secret, struct sign_public *pub) {
    CHECK(crypto_start());
    sign_from_seed(seed, secret, pub);
}

/* The example of DSSE's protocol.md, and what a body must not be able to imitate. */
static void test_the_signature_covers_the_published_encoding(void **state) {
    (void)state;
    static const struct {
        const char *type, *body, *encoding;
    } cases[] = {
        {"http://example.com/HelloWorld", "hello world",
         "DSSEv1 29 http://example.com/HelloWorld 11 hello world"},
        {"", "", "DSSEv1 0  0 "},
        {"a", " 1 b", "DSSEv1 1 a 4  1 b"},
    };
    struct sign_secret secret;
    struct sign_public pub;
    keys(&secret, &pub);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signature signature;
        CHECK(dsse_sign(cases[i].type, BYTES_TEXT(cases[i].body), &secret, &signature));
        CHECK(sign_verify(&pub, BYTES_TEXT(cases[i].encoding), &signature));
        sign_bytes(&secret, BYTES_TEXT(cases[i].encoding), &signature);
        CHECK(dsse_verify(cases[i].type, BYTES_TEXT(cases[i].body), &pub, &signature));
    }
}

static void test_another_type_body_key_or_signature_does_not_verify(void **state) {
    (void)state;
    struct sign_secret secret;
    struct sign_public pub;
    struct signature signature;
    keys(&secret, &pub);
    CHECK(dsse_sign("type", BYTES_TEXT("body"), &secret, &signature));
    CHECK(dsse_verify("type", BYTES_TEXT("body"), &pub, &signature));
    CHECK(!dsse_verify("typ", BYTES_TEXT("ebody"), &pub, &signature));
    CHECK(!dsse_verify("type", BYTES_TEXT("body "), &pub, &signature));
    CHECK(!dsse_verify("type", (struct bytes){NULL, 0}, &pub, &signature));
    signature.b[40] ^= 1;
    CHECK(!dsse_verify("type", BYTES_TEXT("body"), &pub, &signature));
    signature.b[40] ^= 1;
    pub.b[0] ^= 1;
    CHECK(!dsse_verify("type", BYTES_TEXT("body"), &pub, &signature));
}

static void test_the_bounds_hold_on_both_sides(void **state) {
    (void)state;
    struct sign_secret secret;
    struct sign_public pub;
    struct signature signature;
    char type[DSSE_TYPE_MAX + 2];
    uint8_t *body = calloc(1, DSSE_BODY_MAX + 1);
    CHECK(body != NULL);
    keys(&secret, &pub);
    memset(type, 't', sizeof type);
    type[DSSE_TYPE_MAX + 1] = '\0';
    CHECK(!dsse_sign(type, BYTES_TEXT("body"), &secret, &signature));
    CHECK(!dsse_sign(type + 1, (struct bytes){body, DSSE_BODY_MAX + 1}, &secret, &signature));
    CHECK(dsse_sign(type + 1, (struct bytes){body, DSSE_BODY_MAX}, &secret, &signature));
    CHECK(dsse_verify(type + 1, (struct bytes){body, DSSE_BODY_MAX}, &pub, &signature));
    CHECK(!dsse_verify(type + 1, (struct bytes){body, DSSE_BODY_MAX + 1}, &pub, &signature));
    free(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_signature_covers_the_published_encoding),
        cmocka_unit_test(test_another_type_body_key_or_signature_does_not_verify),
        cmocka_unit_test(test_the_bounds_hold_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
