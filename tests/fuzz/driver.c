/* Stands in for libFuzzer where the compiler has none: seeded mutations of the target's own seeds.
 *
 * usage: TARGET [RUNS [SEED]]   default 20000 runs, seed 1
 *        TARGET FILE            one input, to look at a finding
 *        TARGET --seeds FOLDER  writes valid inputs for libFuzzer to begin with */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum {
    INPUT_MAX = 70000,
    RUNS_DEFAULT = 20000,
    SEEDS_WRITTEN = 128,
};

static uint64_t state;

static uint64_t next_random(void) { /* splitmix64 */
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(size_t limit) {
    return limit == 0 ? 0 : (size_t)(next_random() % limit);
}

static size_t mutate(uint8_t *input, size_t len) {
    size_t edits = 1 + below(8);
    for (size_t i = 0; i < edits; i++) {
        switch (below(6)) {
        case 0: /* flip a bit */
            if (len > 0) {
                input[below(len)] ^= (uint8_t)(1U << below(8));
            }
            break;
        case 1: /* any byte */
            if (len > 0) {
                input[below(len)] = (uint8_t)next_random();
            }
            break;
        case 2: /* cut the end */
            len = below(len + 1);
            break;
        case 3: /* repeat a run at the end */
            if (len > 0) {
                size_t from = below(len);
                size_t run = 1 + below(len - from);
                if (len + run <= INPUT_MAX) {
                    memmove(input + len, input + from, run);
                    len += run;
                }
            }
            break;
        case 4: /* take a run out */
            if (len > 0) {
                size_t from = below(len);
                size_t run = 1 + below(len - from);
                memmove(input + from, input + from + run, len - from - run);
                len -= run;
            }
            break;
        default: /* put a byte in */
            if (len < INPUT_MAX) {
                size_t at = below(len + 1);
                memmove(input + at + 1, input + at, len - at);
                input[at] = (uint8_t)next_random();
                len++;
            }
            break;
        }
    }
    return len;
}

static int run_file(const char *path) {
    static uint8_t input[INPUT_MAX];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t len = fread(input, 1, sizeof input, file);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(input, len);
    return 0;
}

static int write_seeds(const char *folder) {
    static uint8_t seed[INPUT_MAX];
    for (int i = 0; i < SEEDS_WRITTEN; i++) {
        char path[4096];
        size_t len = fuzz_seed(next_random(), seed, sizeof seed);
        (void)snprintf(path, sizeof path, "%s/seed-%d", folder, i);
        FILE *file = fopen(path, "wbe");
        if (file == NULL || fwrite(seed, 1, len, file) != len || fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static uint8_t seed[INPUT_MAX];
    char *end = NULL;
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        return write_seeds(argv[2]);
    }
    unsigned long runs = argc > 1 ? strtoul(argv[1], &end, 10) : RUNS_DEFAULT;
    if (end != NULL && *end != '\0') {
        return run_file(argv[1]);
    }
    state = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    for (unsigned long i = 0; i < runs; i++) {
        size_t len = fuzz_seed(next_random(), seed, sizeof seed);
        if (i % 16 != 0) { /* now and then the seed itself: it has to get through */
            len = mutate(seed, len);
        }
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* so that ASan sees one byte too far */
        if (exact == NULL) {
            return 1;
        }
        memcpy(exact, seed, len);
        (void)LLVMFuzzerTestOneInput(exact, len);
        free(exact);
    }
    (void)printf("%lu inputs\n", runs);
    return 0;
}
