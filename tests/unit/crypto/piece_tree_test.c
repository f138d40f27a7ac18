/* Where the pieces of a payload lie, and the root over them (PROTOCOL 6.3). */
#include "crypto/piece_tree.h"

#include "tests/support/check.h"

static void test_there_are_as_many_pieces_as_chunks(void **state) {
    (void)state;
    static const struct {
        uint64_t size, count;
    } rows[] = {
        {0, 0}, /* no payload has less than a nonce and a tag */
        {1, 0},
        {PAYLOAD_MIN - 1, 0},
        {PAYLOAD_MIN, 1},
        {PIECE_MAX - 1, 1},
        {PIECE_MAX, 1},
        {PIECE_MAX + 1, 2},
        {PIECE_MAX + PIECE_CHUNK, 2},
        {PIECE_MAX + PIECE_CHUNK + 1, 3},
        {INT64_MAX, UINT64_C(140703137003521)}, /* the largest that the fence lets in */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (piece_count(rows[i].size) != rows[i].count) {
            fail_msg("%llu bytes: %llu pieces", (unsigned long long)rows[i].size,
                     (unsigned long long)piece_count(rows[i].size));
        }
    }
}

/* Whatever the size: no byte is in two pieces or in none, and none is empty. */
static void test_the_pieces_are_the_payload(void **state) {
    (void)state;
    static const uint64_t after[] = {0, 1, 2, PIECE_TAG, PIECE_CHUNK - 1};
    for (uint64_t chunks = 0; chunks < 4; chunks++) {
        for (size_t i = 0; i < COUNT_OF(after); i++) {
            const uint64_t size = PAYLOAD_MIN + chunks * PIECE_CHUNK + after[i];
            const uint64_t count = piece_count(size);
            uint64_t at = 0;
            for (uint64_t piece = 0; piece < count; piece++) {
                CHECK(piece_offset(piece) == at);
                size_t len = piece_length(size, piece);
                CHECK(len > 0);
                CHECK(len <= (piece == 0 ? PIECE_MAX : PIECE_CHUNK));
                CHECK(piece + 1 == count || len == (piece == 0 ? PIECE_MAX : PIECE_CHUNK));
                at += len;
            }
            CHECK(at == size);
        }
    }
}

/* By Python's hashlib, of pieces that are the bytes 0, 1, ... alone:
 * leaf = sha256(b"\0" + piece), node = sha256(b"\1" + left + right), split at the largest power of
 * two below the count. */
static void test_roots_are_those_of_rfc_6962(void **state) {
    (void)state;
    static const char *const roots[] = {
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "a20bf9a7cc2dc8a08f5f415a71b19f6ac427bab54d24eec868b5d3103449953a",
        "3b6cccd7e3e023ff393006f030315ee7ad9eb111b022b41fba7e5b7a3973f688",
        "9bcd51240af4005168f033121ba85be5a6ed4f0e6a5fac262066729b8fbfdecb",
        "b855b42d6c30f5b087e05266783fbd6e394f7b926013ccaa67700a8b0c5a596f",
    };
    struct id leaves[COUNT_OF(roots)];
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        const uint8_t piece = (uint8_t)i;
        struct id root;
        char hex[2 * sizeof root.b + 1];
        piece_leaf((struct bytes){&piece, 1}, &leaves[i]);
        piece_root(leaves, i + 1, &root);
        hex_write(BYTES_OF(root.b), hex);
        assert_string_equal(hex, roots[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_are_as_many_pieces_as_chunks),
        cmocka_unit_test(test_the_pieces_are_the_payload),
        cmocka_unit_test(test_roots_are_those_of_rfc_6962),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
