#include "proto/signed.h"

#include <string.h>

#include "proto/fence.h"
#include "proto/shapes.h"
#include "tests/support/check.h"
#include "tests/support/schema.h"

static const char request_type[] = "application/vnd.stoop.request.v1+protobuf";

struct pair {
    struct sign_secret secret;
    struct sign_public pub;
};

static struct pair pair_of(uint8_t number) {
    struct pair pair;
    uint8_t seed[32];
    memset(seed, number, sizeof seed);
    sign_from_seed(seed, &pair.secret, &pair.pub);
    return pair;
}

/* An envelope by hand: any type, `count` signatures, `distinct` or all by one key. */
static void envelope(const char *type, struct bytes body, size_t count, bool distinct,
                     struct buffer *out) {
    buffer_init(out, WIRE_ROOM);
    wire_run(out, 1, BYTES_TEXT(type));
    wire_run(out, 2, body);
    for (size_t i = 0; i < count; i++) {
        struct buffer signature;
        uint8_t key[32] = {1, distinct ? (uint8_t)i : 0};
        uint8_t value[64] = {2};
        buffer_init(&signature, 1024);
        wire_run(&signature, 1, BYTES_OF(key));
        wire_run(&signature, 2, BYTES_OF(value));
        wire_run(out, 3, buffer_bytes(&signature));
        buffer_finish(&signature);
    }
}

static void test_objects_keep_their_bytes_and_are_named_by_them(void **state) {
    (void)state;
    struct signed_object made;
    struct signed_object read;
    struct buffer out;
    struct id id;
    struct bytes body = BYTES_TEXT("\x0a\x00not even protobuf, and kept as it is");
    struct pair a = pair_of(1);
    struct pair b = pair_of(2);
    struct pair c = pair_of(3);
    signed_start(OBJECT_GRANT, body, &made);
    CHECK_ERR(ERR_OK, signed_add(&made, &a.secret, &a.pub));
    CHECK_ERR(ERR_OK, signed_add(&made, &b.secret, &b.pub));
    buffer_init(&out, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, signed_encode(&made, &out));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&out), &read));
    sha256(body, &id);
    CHECK(id_equal(&id, &read.id));
    CHECK(read.kind == OBJECT_GRANT && read.count == 2);
    CHECK(bytes_equal(read.body, body));
    CHECK(read.body.at > out.at && read.body.at < out.at + out.len); /* borrowed, not copied */
    CHECK(signed_by(&read, &a.pub) && signed_by(&read, &b.pub));
    CHECK(!signed_by(&read, &c.pub));

    struct signed_object forged = read;
    forged.signatures[0].signature.b[5] ^= 1;
    CHECK(!signed_by(&forged, &a.pub) && signed_by(&forged, &b.pub));
    forged = read;
    signed_start(OBJECT_DECISION, body, &made);
    memcpy(forged.type, made.type, sizeof forged.type); /* the type is signed too */
    CHECK(!signed_by(&forged, &a.pub));
    forged = read;
    forged.body.len--;
    CHECK(!signed_by(&forged, &a.pub));
    buffer_finish(&out);
}

static void test_no_key_signs_twice_and_seventeen_are_too_many(void **state) {
    (void)state;
    struct signed_object object;
    struct buffer out;
    signed_start(OBJECT_CHARTER, BYTES_TEXT("body"), &object);
    buffer_init(&out, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_PEER_BOUNDS, signed_encode(&object, &out)); /* nobody has signed */
    for (size_t i = 0; i < SIGNED_SIGNATURES_MAX; i++) {
        struct pair pair = pair_of((uint8_t)(i + 1));
        CHECK_ERR(ERR_OK, signed_add(&object, &pair.secret, &pair.pub));
        if (i + 1 < SIGNED_SIGNATURES_MAX) {
            CHECK_ERR(ERR_USER_EXISTS, signed_add(&object, &pair.secret, &pair.pub));
        }
    }
    struct pair more = pair_of(99);
    CHECK_ERR(ERR_FULL_TABLE, signed_add(&object, &more.secret, &more.pub));
    CHECK_ERR(ERR_OK, signed_encode(&object, &out));
    buffer_finish(&out);

    static const struct {
        size_t count;
        bool distinct;
        enum err err;
    } cases[] = {{0, true, ERR_PEER_BOUNDS},
                 {1, true, ERR_OK},
                 {16, true, ERR_OK},
                 {2, false, ERR_PEER_BOUNDS},
                 {17, true, ERR_PEER_BOUNDS}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        envelope(request_type, BYTES_TEXT("body"), cases[i].count, cases[i].distinct, &out);
        CHECK_ERR(cases[i].err, signed_decode(buffer_bytes(&out), &object));
        buffer_finish(&out);
    }
}

static void test_types_of_later_versions_are_well_formed_and_unknown(void **state) {
    (void)state;
    static const struct {
        const char *type;
        enum err err;
    } cases[] = {
        {"application/vnd.stoop.treaty.v1+protobuf", ERR_OK},
        {"application/vnd.stoop.request.v2+protobuf", ERR_OK},
        {"application/vnd.stoop.node-record.v10+protobuf", ERR_OK},
        {"application/vnd.stoop.request.v1+json", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.request.v1+protobuf ", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.request.v0+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.request.v+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.request+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop..v1+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.Request.v1+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.a b.v1+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.other.request.v1+protobuf", ERR_PEER_MALFORMED},
        {"application/vnd.stoop.+protobuf", ERR_PEER_MALFORMED},
        {"text/plain", ERR_PEER_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signed_object object;
        struct buffer out;
        envelope(cases[i].type, BYTES_TEXT("body"), 1, true, &out);
        CHECK_ERR(cases[i].err, signed_decode(buffer_bytes(&out), &object));
        CHECK(cases[i].err != ERR_OK || object.kind == OBJECT_UNKNOWN);
        buffer_finish(&out);
    }
    for (int kind = OBJECT_CHARTER; kind <= OBJECT_CAMERA_LIST; kind++) {
        struct signed_object object;
        struct buffer out;
        envelope(object_type((enum object_kind)kind), BYTES_TEXT("body"), 1, true, &out);
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&out), &object));
        CHECK(object.kind == (enum object_kind)kind);
        buffer_finish(&out);
    }
}

/* A node forwards by the head alone what it does not know (PROTOCOL 5.1). */
static void test_heads_are_read_from_kinds_that_are_not_known(void **state) {
    (void)state;
    struct head head = {.community = {{1}}, .author = {{2}}, .created = {10}, .expires = {20}};
    struct head read;
    struct buffer run;
    struct buffer body;
    buffer_init(&run, 1024);
    buffer_init(&body, 1024);
    CHECK_ERR(ERR_OK, fence_encode(&head_shape, &head, &run));
    wire_run(&body, 1, buffer_bytes(&run));
    wire_number(&body, 77, 5);
    wire_run(&body, 2, BYTES_TEXT("from a later version"));
    CHECK_ERR(ERR_OK, head_decode(buffer_bytes(&body), &read));
    CHECK(memcmp(&head, &read, sizeof head) == 0);

    memset(&read, 0xa5, sizeof read);
    struct head before = read;
    wire_run(&body, 1, buffer_bytes(&run)); /* two heads: which one counts? */
    CHECK_ERR(ERR_PEER_MALFORMED, head_decode(buffer_bytes(&body), &read));
    buffer_clear(&body);
    CHECK_ERR(ERR_PEER_MALFORMED, head_decode(buffer_bytes(&body), &read));
    head.expires.ms = 10; /* not after created */
    buffer_clear(&run);
    CHECK_ERR(ERR_PEER_BOUNDS, fence_encode(&head_shape, &head, &run));
    wire_number(&run, 3, 10);
    wire_number(&run, 4, 10);
    wire_run(&run, 1, BYTES_OF(head.community.b));
    wire_run(&body, 1, buffer_bytes(&run));
    CHECK_ERR(ERR_PEER_BOUNDS, head_decode(buffer_bytes(&body), &read));
    CHECK(memcmp(&before, &read, sizeof read) == 0); /* untouched on failure */
    buffer_finish(&run);
    buffer_finish(&body);
}

static int start(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_keep_their_bytes_and_are_named_by_them),
        cmocka_unit_test(test_no_key_signs_twice_and_seventeen_are_too_many),
        cmocka_unit_test(test_types_of_later_versions_are_well_formed_and_unknown),
        cmocka_unit_test(test_heads_are_read_from_kinds_that_are_not_known),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
