/* A whole log that transparency-dev/tessera wrote: checkpoints of sizes 0 to 15 with the tiles and
 * bundles of each. Ours must come out byte for byte, and proofs out of those tiles must hold. */
#include <stdio.h>
#include <string.h>

#include "node/log/log_tiles.h"
#include "tests/support/check.h"
#include "tests/support/vectors.h"

#define VECTORS "../shared/vectors/tlog/tessera-testdata-log.json"

enum {
    SIZE = 15,
    FILE_MAX = 1024,
};

struct file {
    uint8_t at[FILE_MAX];
    size_t len;
};

/* One tree, as we build it from their entries. */
struct tree {
    const json_t *files;
    struct bytes leaves[SIZE];
    struct id hashes[SIZE];
    struct id roots[SIZE + 1];
    struct file bundle;
};

static void read_file(const json_t *files, const char *path, struct file *out) {
    const char *text = json_string_value(json_object_get(files, path));
    out->len = 0;
    if (text == NULL) {
        fail_msg("the vectors have no %s", path);
        return;
    }
    CHECK_ERR(ERR_OK, base64_read(BYTES_TEXT(text), out->at, sizeof out->at, &out->len));
}

static void build(const json_t *vectors, struct tree *tree) {
    struct merkle_edge edge = {0};
    tree->files = json_object_get(vectors, "files");
    read_file(tree->files, "tile/entries/000.p/15", &tree->bundle);
    struct bytes rest = {tree->bundle.at, tree->bundle.len};
    merkle_root(&edge, &tree->roots[0]);
    for (size_t i = 0; i < SIZE; i++) {
        CHECK(tile_entry_next(&rest, &tree->leaves[i]));
        merkle_leaf(tree->leaves[i], &tree->hashes[i]);
        merkle_append(&edge, &tree->hashes[i]);
        merkle_root(&edge, &tree->roots[i + 1]);
    }
    CHECK(rest.len == 0);
}

static bool read_leaf_hash(void *context, unsigned level, uint64_t index, struct id *out) {
    const struct tree *tree = context;
    CHECK(level == 0 && index < SIZE);
    *out = tree->hashes[index];
    return true;
}

static bool read_leaf(void *context, uint64_t index, struct bytes *out) {
    const struct tree *tree = context;
    *out = tree->leaves[index];
    return true;
}

static bool read_tile(void *context, unsigned level, uint64_t index, struct id *out) {
    const struct tree *tree = context;
    struct tile_span span;
    struct file file;
    CHECK(tile_span_of(level, index, &span));
    CHECK(span.level == 0 && span.index == 0);
    read_file(tree->files, "tile/0/000.p/15", &file);
    return tile_span_hash((struct bytes){file.at, file.len}, &span, out);
}

static void test_their_checkpoints_are_ours(void **state) {
    (void)state;
    json_t *vectors = vectors_load(VECTORS, 0);
    static struct tree tree;
    struct note_key key;
    build(vectors, &tree);
    CHECK_ERR(ERR_OK, note_key_read(json_string_value(json_object_get(vectors, "vkey")), &key));
    for (uint64_t size = 0; size <= SIZE; size++) {
        char path[32];
        char text[CHECKPOINT_TEXT_MAX];
        struct file file;
        struct checkpoint checkpoint;
        (void)snprintf(path, sizeof path, "checkpoint.%u", (unsigned)size);
        read_file(tree.files, path, &file);
        CHECK_ERR(ERR_OK, checkpoint_verify((struct bytes){file.at, file.len}, &key, &checkpoint));
        CHECK(checkpoint.size == size);
        CHECK(id_equal(&checkpoint.root, &tree.roots[size]));
        checkpoint_write(&checkpoint, text);
        CHECK(memcmp(text, file.at, strlen(text)) == 0);
    }
    json_decref(vectors);
}

static void test_our_files_are_theirs_byte_for_byte(void **state) {
    (void)state;
    json_t *vectors = vectors_load(VECTORS, 0);
    static struct tree tree;
    static struct log_tiles tiles;
    const struct log_source source = {&tree, read_leaf_hash, read_leaf};
    size_t count = 0;
    build(vectors, &tree);
    for (uint64_t size = 0; size <= SIZE; size++) {
        bool more = true;
        log_tiles_start(&tiles, size == 0 ? 0 : size - 1, size);
        for (;;) {
            struct file file;
            CHECK_ERR(ERR_OK, log_tiles_next(&tiles, &source, &more));
            if (!more) {
                break;
            }
            read_file(tree.files, tiles.path, &file);
            CHECK(bytes_equal((struct bytes){file.at, file.len},
                              (struct bytes){tiles.bytes, tiles.len}));
            count++;
        }
    }
    CHECK(count == (size_t)2 * SIZE); /* and there are no others in the vectors */
    json_decref(vectors);
}

static void test_proofs_out_of_their_tiles_hold(void **state) {
    (void)state;
    json_t *vectors = vectors_load(VECTORS, 0);
    static struct tree tree;
    build(vectors, &tree);
    for (uint64_t size = 1; size <= SIZE; size++) {
        struct merkle_proof proof;
        for (uint64_t i = 0; i < size; i++) {
            CHECK(merkle_prove_inclusion(i, size, read_tile, &tree, &proof));
            CHECK(merkle_verify_inclusion(&tree.hashes[i], i, size, &proof, &tree.roots[size]));
        }
        for (uint64_t old = 1; old <= size; old++) {
            CHECK(merkle_prove_consistency(old, size, read_tile, &tree, &proof));
            CHECK(
                merkle_verify_consistency(old, size, &proof, &tree.roots[old], &tree.roots[size]));
        }
    }
    json_decref(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_their_checkpoints_are_ours),
        cmocka_unit_test(test_our_files_are_theirs_byte_for_byte),
        cmocka_unit_test(test_proofs_out_of_their_tiles_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
