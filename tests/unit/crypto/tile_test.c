/* Names and contents of a log's files (PROTOCOL 8.3). */
#include <string.h>

#include "crypto/merkle.h"
#include "crypto/tile.h"
#include "tests/support/check.h"

static void test_paths_are_those_of_tlog_tiles(void **state) {
    (void)state;
    static const struct {
        struct tile tile;
        const char *path;
    } cases[] = {
        {{0, 0, 256}, "tile/0/000"},
        {{0, 1067, 5}, "tile/0/x001/067.p/5"},
        {{0, 1234067, 256}, "tile/0/x001/x234/067"},
        {{5, 999, 255}, "tile/5/999.p/255"},
        {{1, 1000, 1}, "tile/1/x001/000.p/1"},
        {{TILE_ENTRIES, 1000000, 256}, "tile/entries/x001/x000/000"},
        {{TILE_ENTRIES, 7, 16}, "tile/entries/007.p/16"},
        {{0, (UINT64_C(1) << 40) - 1, 256}, "tile/0/x001/x099/x511/x627/775"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct tile *tile = &cases[i].tile;
        char path[TILE_PATH_MAX];
        struct tile again;
        tile_path(tile->level, tile->index, tile->width, path);
        assert_string_equal(cases[i].path, path);
        CHECK_ERR(ERR_OK, tile_path_read(path, &again));
        CHECK(again.level == tile->level && again.index == tile->index);
        CHECK(again.width == tile->width);
    }
}

static void test_no_other_path_is_read(void **state) {
    (void)state;
    static const char *const paths[] = {
        "",
        "tile",
        "tile/0/",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1067",
        "tile/0/001/067",
        "tile/0/x000/067",
        "tile/0/x001/x067",
        "tile/6/000",
        "tile/-1/000",
        "tile/00/000",
        "tile/data/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/05",
        "tile/0/000.p/99999999999",
        "tile/0/000.p",
        "tile/0/000.q/5",
        "tile/0/../000",
        "../tile/0/000",
        "tile/0/000/",
        "tile/0/x001/x099/x511/x627/776",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
    };
    struct tile tile;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        if (tile_path_read(paths[i], &tile) != ERR_USER_SYNTAX) {
            fail_msg("read: %s", paths[i]);
        }
    }
}

/* A walk's slow model: every tile of the one tree that the other does not have at that width. */
static bool lacks(uint64_t before, uint64_t size, int level, uint64_t index, unsigned *width) {
    unsigned widths[2];
    const uint64_t sizes[2] = {before, size};
    for (int i = 0; i < 2; i++) {
        uint64_t count = level < 0 ? sizes[i] : sizes[i] >> (8 * level);
        uint64_t from = index * 256;
        widths[i] = (unsigned)(count <= from ? 0 : count - from < 256 ? count - from : 256);
    }
    *width = widths[1];
    return widths[1] > widths[0];
}

static void test_a_walk_gives_what_the_older_tree_lacks_and_nothing_else(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0,   1,   2,   255, 256,   257,   511,   512,
                                     513, 700, 767, 768, 65535, 65536, 65537, 66000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (size_t k = i; k < COUNT_OF(sizes); k++) {
            struct tile_walk walk;
            struct tile tile;
            tile_walk_start(&walk, sizes[i], sizes[k]);
            for (int level = TILE_ENTRIES; level < TILE_LEVELS; level++) {
                for (uint64_t index = 0; index <= 66000 / 256; index++) {
                    unsigned width = 0;
                    if (lacks(sizes[i], sizes[k], level, index, &width)) {
                        CHECK(tile_walk_next(&walk, &tile));
                        CHECK(tile.level == level && tile.index == index);
                        CHECK(tile.width == width);
                    }
                }
            }
            CHECK(!tile_walk_next(&walk, &tile));
        }
    }
}

static void test_a_span_is_the_subtree_or_nothing(void **state) {
    (void)state;
    struct id tile[TILE_WIDTH];
    struct merkle_edge edge = {0};
    struct id root;
    struct id got;
    struct tile_span span;
    for (unsigned i = 0; i < TILE_WIDTH; i++) {
        tile[i] = (struct id){{(uint8_t)i}};
        if (i >= 96 && i < 128) {
            merkle_append(&edge, &tile[i]);
        }
    }
    merkle_root(&edge, &root);
    CHECK(tile_span_of(13, (UINT64_C(5) << 3) + 3, &span)); /* 32 hashes from the 96th */
    CHECK(span.level == 1 && span.index == 5 && span.first == 96 && span.count == 32);
    CHECK(tile_span_hash((struct bytes){tile[0].b, sizeof tile}, &span, &got));
    CHECK(id_equal(&root, &got));
    CHECK(tile_span_hash((struct bytes){tile[0].b, 128 * sizeof tile[0]}, &span, &got));
    CHECK(!tile_span_hash((struct bytes){tile[0].b, 127 * sizeof tile[0]}, &span, &got));
    CHECK(!tile_span_hash((struct bytes){tile[0].b, 128 * sizeof tile[0] + 1}, &span, &got));
    CHECK(!tile_span_of(48, 0, &span));
    CHECK(!tile_span_of(47, 2, &span));
    CHECK(tile_span_of(47, 1, &span));
}

static void test_bundles_come_apart_as_they_were_put_together(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer bundle = {.max = 16};
    struct bytes entry;
    CHECK_ERR(ERR_OK, tile_entry_add(&bundle, BYTES_TEXT("one")));
    CHECK_ERR(ERR_OK, tile_entry_add(&bundle, (struct bytes){NULL, 0}));
    CHECK_ERR(ERR_FULL_BUFFER, tile_entry_add(&bundle, BYTES_TEXT("far too long")));
    struct bytes rest = buffer_bytes(&bundle);
    CHECK(bytes_equal(rest, (struct bytes){(const uint8_t *)"\0\3one\0\0", 7}));
    CHECK(tile_entry_next(&rest, &entry) && bytes_equal(entry, BYTES_TEXT("one")));
    CHECK(tile_entry_next(&rest, &entry) && entry.len == 0);
    CHECK(!tile_entry_next(&rest, &entry) && rest.len == 0);
    for (size_t len = 1; len < 5; len++) {
        rest = (struct bytes){bundle.at, len};
        CHECK(!tile_entry_next(&rest, &entry) && rest.len == len);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_are_those_of_tlog_tiles),
        cmocka_unit_test(test_no_other_path_is_read),
        cmocka_unit_test(test_a_walk_gives_what_the_older_tree_lacks_and_nothing_else),
        cmocka_unit_test(test_a_span_is_the_subtree_or_nothing),
        cmocka_unit_test(test_bundles_come_apart_as_they_were_put_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
