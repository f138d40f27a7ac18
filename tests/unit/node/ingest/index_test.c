/* What ingest remembers: periods of recorded footage (PROTOCOL 6.6). */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "node/ingest/index.h"

static const uint8_t salt[32] = {7, 7, 7};
static const struct instant noon = {1795000000000};

struct rig {
    char folder[64];
    char path[96];
    struct index *index;
};

static struct rig open_rig(void) {
    struct rig rig = {.folder = "/tmp/test-index-XXXXXX"};
    CHECK(mkdtemp(rig.folder) != NULL);
    (void)snprintf(rig.path, sizeof rig.path, "%s/index.db", rig.folder);
    CHECK_ERR(ERR_OK, index_open(rig.path, &rig.index));
    return rig;
}

static void close_rig(struct rig *rig) {
    static const char *const endings[] = {"", "-wal", "-shm"};
    index_close(rig->index);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", rig->path, endings[i]);
        (void)unlink(path);
    }
    CHECK(rmdir(rig->folder) == 0);
}

static struct segment segment_of(const char *camera, int number) {
    struct segment segment = {.from = {number * 10000}, .to = {number * 10000 + 9000}, .size = 1};
    (void)snprintf(segment.camera, sizeof segment.camera, "%s", camera);
    (void)snprintf(segment.path, sizeof segment.path, "%d.mp4", number);
    memset(segment.sha256.b, number, sizeof segment.sha256.b);
    return segment;
}

static void put(struct rig *rig, const char *camera, int number) {
    struct segment segment = segment_of(camera, number);
    CHECK_ERR(ERR_OK, index_segment_put(rig->index, &segment));
}

static void add_leaf(struct merkle_edge *edge, const char *camera, int number) {
    struct segment segment = segment_of(camera, number);
    struct clip_source source = {segment.sha256, segment.from, segment.to};
    struct id leaf;
    merkle_leaf((struct bytes){(const uint8_t *)&source, sizeof source}, &leaf);
    merkle_append(edge, &leaf);
}

static struct id commitment_of(const struct merkle_edge *edge) {
    uint8_t message[16 + 64];
    struct id root;
    struct id out;
    merkle_root(edge, &root);
    memcpy(message, "stoop footage v1", 16);
    memcpy(message + 16, salt, 32);
    memcpy(message + 48, root.b, 32);
    sha256(BYTES_OF(message), &out);
    return out;
}

static void test_a_period_commits_to_what_is_in_none_yet(void **state) {
    (void)state;
    struct rig rig = open_rig();
    struct merkle_edge first = {.size = 0};
    struct merkle_edge second = {.size = 0};
    struct period period;
    struct period last;
    struct segment refused = segment_of("back", 9);
    CHECK_ERR(ERR_USER_NOT_FOUND, index_period_last(rig.index, &last));
    CHECK_ERR(ERR_USER_NOT_FOUND, index_period_close(rig.index, noon, salt, &period));
    put(&rig, "front", 2);
    put(&rig, "front", 1);
    put(&rig, "back", 3);
    CHECK_ERR(ERR_OK, index_refused_put(rig.index, &refused));
    add_leaf(&first, "back", 3); /* by camera, then by time */
    add_leaf(&first, "front", 1);
    add_leaf(&first, "front", 2);
    CHECK_ERR(ERR_OK, index_period_close(rig.index, noon, salt, &period));
    struct id wanted = commitment_of(&first);
    CHECK(id_equal(&period.commitment, &wanted));
    CHECK_ERR(ERR_USER_NOT_FOUND, index_period_close(rig.index, noon, salt, &period));

    put(&rig, "front", 4);
    put(&rig, "front", 1); /* the file has changed: it is another one */
    add_leaf(&second, "front", 1);
    add_leaf(&second, "front", 4);
    CHECK_ERR(ERR_OK, index_period_close(rig.index, noon, salt, &period));
    wanted = commitment_of(&second);
    CHECK(id_equal(&period.commitment, &wanted));
    close_rig(&rig);
}

static void test_the_last_period_is_there_after_a_restart(void **state) {
    (void)state;
    struct rig rig = open_rig();
    struct period period;
    struct period last;
    put(&rig, "front", 1);
    CHECK_ERR(ERR_OK, index_period_close(rig.index, noon, salt, &period));
    index_close(rig.index);
    CHECK_ERR(ERR_OK, index_open(rig.path, &rig.index));
    CHECK_ERR(ERR_OK, index_period_last(rig.index, &last));
    CHECK(id_equal(&last.commitment, &period.commitment));
    CHECK(memcmp(last.salt, salt, sizeof salt) == 0);
    CHECK(last.closed.ms == noon.ms);
    close_rig(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_period_commits_to_what_is_in_none_yet),
        cmocka_unit_test(test_the_last_period_is_there_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
