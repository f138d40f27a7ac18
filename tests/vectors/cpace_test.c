/* CPACE-RISTR255-SHA512 against the draft's own vectors (see ../shared/vectors/README.md), and what
 * they do not have: key confirmation, two passwords, two sessions. */
#include <string.h>

#include "crypto/cpace.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define VECTORS "../shared/vectors/cpace/cpace-ristretto255-sha512.json"

enum {
    VALUE_MAX = 128
};

struct value {
    uint8_t b[VALUE_MAX];
    size_t len;
};

static struct value value_of(const json_t *group, const char *key) {
    struct value value;
    const char *text = json_string_value(json_object_get(group, key));
    CHECK(text != NULL);
    value.len = strlen(text) / 2;
    CHECK(value.len <= sizeof value.b);
    CHECK_ERR(ERR_OK, hex_read(text, value.b, value.len));
    return value;
}

static struct bytes bytes_of(const struct value *value) {
    return (struct bytes){value->b, value->len};
}

/* A scalar below the group's order is its own reduction. */
static void random_for(const struct value *scalar, uint8_t out[CPACE_RANDOM_BYTES]) {
    CHECK(scalar->len == 32);
    memset(out, 0, CPACE_RANDOM_BYTES);
    memcpy(out, scalar->b, 32);
}

static struct cpace_point point_of(const struct value *value) {
    struct cpace_point point;
    CHECK(value->len == sizeof point.b);
    memcpy(point.b, value->b, sizeof point.b);
    return point;
}

struct side {
    struct cpace_secret secret;
    struct cpace_point point;
};

static struct side begin(const struct cpace_setup *setup, const uint8_t random[64]) {
    struct side side;
    cpace_begin(setup, random, &side.secret, &side.point);
    return side;
}

static void test_points_and_keys_are_those_of_the_draft(void **state) {
    (void)state;
    json_t *root = vectors_load(VECTORS, 0);
    const json_t *group = json_object_get(root, "G_Coffee25519");
    const struct value prs = value_of(group, "PRS");
    const struct value ci = value_of(group, "CI");
    const struct value sid = value_of(group, "sid");
    const struct value ada = value_of(group, "ADa");
    const struct value adb = value_of(group, "ADb");
    const struct value ya = value_of(group, "ya");
    const struct value yb = value_of(group, "yb");
    const struct value point_a = value_of(group, "Ya");
    const struct value point_b = value_of(group, "Yb");
    const struct value isk = value_of(group, "ISK_IR");
    struct cpace_setup setup = {.initiator = true,
                                .password = bytes_of(&prs),
                                .channel = bytes_of(&ci),
                                .session = bytes_of(&sid),
                                .initiator_data = bytes_of(&ada),
                                .responder_data = bytes_of(&adb)};
    uint8_t random[CPACE_RANDOM_BYTES];
    struct cpace_keys keys_a;
    struct cpace_keys keys_b;
    random_for(&ya, random);
    struct side a = begin(&setup, random);
    CHECK(bytes_equal(BYTES_OF(a.point.b), bytes_of(&point_a)));
    random_for(&yb, random);
    struct side b = begin(&setup, random);
    CHECK(bytes_equal(BYTES_OF(b.point.b), bytes_of(&point_b)));

    CHECK(cpace_end(&setup, &a.secret, &a.point, &b.point, &keys_a));
    setup.initiator = false;
    CHECK(cpace_end(&setup, &b.secret, &b.point, &a.point, &keys_b));
    CHECK(bytes_equal(BYTES_OF(keys_a.isk), bytes_of(&isk)));
    CHECK(bytes_equal(BYTES_OF(keys_b.isk), bytes_of(&isk)));
    CHECK(cpace_tag_equal(&keys_a.own, &keys_b.others));
    CHECK(cpace_tag_equal(&keys_b.own, &keys_a.others));
    CHECK(!cpace_tag_equal(&keys_a.own, &keys_b.own));
    json_decref(root);
}

static void test_points_that_are_none_end_the_run(void **state) {
    (void)state;
    json_t *root = vectors_load(VECTORS, 0);
    const json_t *group = json_object_get(root, "G_Coffee25519_points");
    const json_t *valid = json_object_get(group, "Valid");
    const struct value s = value_of(valid, "s");
    const struct value x = value_of(valid, "X");
    const struct value invalid[] = {value_of(group, "Invalid Y1"), value_of(group, "Invalid Y2")};
    static const struct cpace_keys none;
    struct cpace_keys keys;
    struct cpace_secret secret;
    struct cpace_point own;
    uint8_t random[CPACE_RANDOM_BYTES];
    const struct cpace_setup setup = {.initiator = true, .password = BYTES_TEXT("x")};
    random_for(&s, random);
    cpace_begin(&setup, random, &secret, &own);
    const struct cpace_point good = point_of(&x);
    CHECK(cpace_end(&setup, &secret, &own, &good, &keys));
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        const struct cpace_point bad = point_of(&invalid[i]);
        CHECK(!cpace_end(&setup, &secret, &own, &bad, &keys));
        CHECK(memcmp(&keys, &none, sizeof keys) == 0);
    }
    json_decref(root);
}

/* Whoever differs in anything that both have to know gets another key, and tags that do not fit. */
static void test_one_difference_in_what_both_know_gives_other_keys(void **state) {
    (void)state;
    const struct cpace_setup setup = {.initiator = true,
                                      .password = BYTES_TEXT("41 amber river stone"),
                                      .channel = BYTES_TEXT("channel"),
                                      .session = BYTES_TEXT("session"),
                                      .initiator_data = BYTES_TEXT("a"),
                                      .responder_data = BYTES_TEXT("b")};
    struct cpace_setup others[] = {setup, setup, setup, setup, setup, setup};
    others[1].password = BYTES_TEXT("41 amber river stove");
    others[2].channel = BYTES_TEXT("channels");
    others[3].session = BYTES_TEXT("sessioN");
    others[4].initiator_data = BYTES_TEXT("c");
    others[5].responder_data = BYTES_TEXT("");
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        uint8_t random[2][CPACE_RANDOM_BYTES];
        struct cpace_keys keys_a;
        struct cpace_keys keys_b;
        memset(random[0], 1 + (int)i, sizeof random[0]);
        memset(random[1], 0x80 + (int)i, sizeof random[1]);
        others[i].initiator = false;
        struct side a = begin(&setup, random[0]);
        struct side b = begin(&others[i], random[1]);
        CHECK(cpace_end(&setup, &a.secret, &a.point, &b.point, &keys_a));
        CHECK(cpace_end(&others[i], &b.secret, &b.point, &a.point, &keys_b));
        bool same = i == 0;
        CHECK((memcmp(keys_a.isk, keys_b.isk, sizeof keys_a.isk) == 0) == same);
        CHECK(cpace_tag_equal(&keys_a.own, &keys_b.others) == same);
        CHECK(cpace_tag_equal(&keys_b.own, &keys_a.others) == same);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_and_keys_are_those_of_the_draft),
        cmocka_unit_test(test_points_that_are_none_end_the_run),
        cmocka_unit_test(test_one_difference_in_what_both_know_gives_other_keys),
    };
    CHECK(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
