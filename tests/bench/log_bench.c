/* How many log entries a second are durable: each in a turn of its own, and many in one turn, by
 * core's own turns; beside raw appends of a page with fdatasync(2) in the same folder.
 *
 * usage: log_bench [FOLDER [SECONDS]]   FOLDER must exist; by default the current one, 2 s each */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    BATCH = 64
};

static double seconds(void) {
    struct timespec at;
    ASSERT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double syncs_a_second(const char *path, double limit) {
    static const uint8_t page[4096] = {1};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ASSERT(fd >= 0);
    double start = seconds();
    size_t count = 0;
    for (; seconds() - start < limit; count++) {
        ASSERT(pwrite(fd, page, sizeof page, (off_t)(count * sizeof page)) == sizeof page);
        ASSERT(fdatasync(fd) == 0);
    }
    double took = seconds() - start;
    (void)close(fd);
    (void)unlink(path);
    return (double)count / took;
}

/* No slot closes and no file is written in between: entries and their tree alone. */
static double entries_a_second(const char *path, size_t batch, double limit) {
    char beside[4200];
    struct store *store = NULL;
    struct core *core = NULL;
    ASSERT(store_open(path, &store) == ERR_OK);
    struct core_config config = {
        .store = store, .now = {.wall = {INT64_C(1795554600000)}, .mono = {1000}}, .seed = {1}};
    ASSERT(core_create(&config, &core) == ERR_OK);
    struct log_entry entry = {.kind = LOG_REQUEST_SEEN, .at = config.now.wall};
    double start = seconds();
    size_t count = 0;
    while (seconds() - start < limit) {
        struct core_effects effects;
        ASSERT(core_turn_begin(core) == ERR_OK);
        for (size_t i = 0; i < batch; i++) {
            write_u64(entry.a.b, ++count);
            ASSERT(record_add(core, &entry, NULL) == ERR_OK);
        }
        ASSERT(core_turn_end(core, &effects) == ERR_OK);
    }
    double took = seconds() - start;
    core_destroy(core);
    store_close(store);
    (void)unlink(path);
    static const char *const more[] = {"-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(more); i++) {
        (void)snprintf(beside, sizeof beside, "%s%s", path, more[i]);
        (void)unlink(beside);
    }
    return (double)count / took;
}

int main(int argc, char **argv) {
    char path[4096];
    double limit = argc > 2 ? strtod(argv[2], NULL) : 2;
    (void)snprintf(path, sizeof path, "%s/log_bench.tmp", argc > 1 ? argv[1] : ".");
    ASSERT(crypto_start());
    double before = syncs_a_second(path, limit);
    double single = entries_a_second(path, 1, limit);
    double many = entries_a_second(path, BATCH, limit);
    double after = syncs_a_second(path, limit);
    double raw = (before + after) / 2;
    (void)printf("raw fdatasync    %8.0f a second (%.0f before, %.0f after)\n", raw, before, after);
    (void)printf("one by one       %8.0f entries a second: %.2f of raw\n", single, single / raw);
    (void)printf("%d in one turn   %8.0f entries a second: %.1f times raw\n", BATCH, many,
                 many / raw);
    return 0;
}
