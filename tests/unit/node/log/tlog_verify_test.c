/* A log of ours, written as files, is verified by tests/e2e/tlog_verify: Go's own note and tlog
 * packages and c2sp.org/tlog-tiles, none of our code (P7, PROTOCOL 8.3). */
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/log/log_tiles.h"
#include "tests/support/check.h"

#define GO "/usr/bin/go"
#define GO_PACKAGES "/usr/share/gocode"
#define SOURCE "./tests/e2e/tlog_verify"
#define ORIGIN "stoop.log/0011223344556677"

enum {
    LEAVES_MAX = 66000, /* three levels of tiles, each of them partial at its edge */
    LEVELS = 17,
    PATH_MAX_BYTES = 256,
};

/* A log, with all that core keeps of one in the store. */
struct home {
    char folder[64];
    struct log *log;
    struct sign_secret secret;
    struct note_key key;
    struct log_leaf *leaves;
    struct id *nodes[LEVELS];
    uint64_t files; /* size that the files show */
};

static struct home home;

static void make_parents(const char *path) {
    char folder[PATH_MAX_BYTES];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        (void)mkdir(folder, 0700);
    }
}

static void write_file(const char *name, struct bytes content) {
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, "%s/log/%s", home.folder, name);
    make_parents(path);
    FILE *file = fopen(path, "wbe");
    CHECK(file != NULL);
    CHECK(fwrite(content.at, 1, content.len, file) == content.len);
    CHECK(fclose(file) == 0);
}

static void flip_byte(const char *name, long offset) {
    char path[PATH_MAX_BYTES];
    (void)snprintf(path, sizeof path, "%s/log/%s", home.folder, name);
    FILE *file = fopen(path, "r+be");
    CHECK(file != NULL);
    CHECK(fseek(file, offset, SEEK_SET) == 0);
    int byte = fgetc(file);
    CHECK(byte != EOF);
    CHECK(fseek(file, offset, SEEK_SET) == 0);
    CHECK(fputc(byte ^ 1, file) != EOF);
    CHECK(fclose(file) == 0);
}

static bool read_hash(void *context, unsigned level, uint64_t index, struct id *out) {
    (void)context;
    *out = home.nodes[level][index];
    return true;
}

static bool read_leaf(void *context, uint64_t index, struct bytes *out) {
    (void)context;
    *out = (struct bytes){(const uint8_t *)home.leaves[index].text, home.leaves[index].len};
    return true;
}

static void keep(const struct log_leaf *leaf) {
    uint64_t index = leaf->index;
    home.leaves[index] = *leaf;
    home.nodes[0][index] = leaf->hash;
    for (unsigned level = 1; (index & 1) != 0; level++, index >>= 1) {
        merkle_node(&home.nodes[level - 1][index - 1], &home.nodes[level - 1][index],
                    &home.nodes[level][index >> 1]);
    }
}

/* Two slots, one request seen, and again. */
static void grow(uint64_t size) {
    static struct log_slot slot;
    static int64_t minute;
    while (log_size(home.log) < size) {
        struct log_leaf leaf;
        struct log_entry seen = {.kind = LOG_REQUEST_SEEN, .at = {minute * 60000}, .numbers = {1}};
        struct log_entry match = {.kind = LOG_MATCH, .at = {minute * 60000}};
        if (log_size(home.log) % 3 == 2) {
            log_append(home.log, &seen, &leaf);
            keep(&leaf);
            continue;
        }
        uint8_t salt[LOG_SALT_BYTES] = {(uint8_t)minute};
        minute++;
        CHECK_ERR(ERR_OK, log_wait(home.log, &match));
        CHECK(log_close_slot(home.log, (struct now){{minute * 60000}, {minute * 60000}}, salt,
                             &slot));
        keep(&slot.leaf);
    }
    log_committed(home.log);
}

static void write_log(void) {
    static struct log_tiles tiles;
    const struct log_source source = {NULL, read_hash, read_leaf};
    char note[NOTE_MAX];
    bool more = true;
    log_tiles_start(&tiles, home.files, log_committed_size(home.log));
    for (;;) {
        CHECK_ERR(ERR_OK, log_tiles_next(&tiles, &source, &more));
        if (!more) {
            break;
        }
        write_file(tiles.path, (struct bytes){tiles.bytes, tiles.len});
    }
    CHECK_ERR(ERR_OK, log_checkpoint(home.log, ORIGIN, &home.secret, note));
    write_file("checkpoint", BYTES_TEXT(note));
    home.files = log_committed_size(home.log);
}

static int run(char *const arguments[], char *const environment[], bool quiet) {
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int status = -1;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    if (quiet) {
        CHECK(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
        CHECK(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) == 0);
    }
    CHECK(posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environment) == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int verify(const struct note_key *key, bool quiet) {
    char program[PATH_MAX_BYTES];
    char log[PATH_MAX_BYTES];
    char text[NOTE_KEY_MAX];
    char *const none[] = {NULL};
    (void)snprintf(program, sizeof program, "%s/tlog_verify", home.folder);
    (void)snprintf(log, sizeof log, "%s/log", home.folder);
    note_key_write(key, text);
    char *const arguments[] = {program, log, text, NULL};
    return run(arguments, none, quiet);
}

static void build_verifier(void) {
    char cache[PATH_MAX_BYTES];
    char program[PATH_MAX_BYTES];
    (void)snprintf(cache, sizeof cache, "GOCACHE=%s/cache", home.folder);
    (void)snprintf(program, sizeof program, "%s/tlog_verify", home.folder);
    char *const arguments[] = {GO, "build", "-o", program, SOURCE, NULL};
    char packages[] = "GOPATH=" GO_PACKAGES;
    char *const environment[] = {packages,    cache,           "GO111MODULE=off", "GOFLAGS=",
                                 "GOENV=off", "CGO_ENABLED=0", "PATH=/usr/bin",   NULL};
    CHECK(run(arguments, environment, false) == 0);
}

static int make_home(void **state) {
    const uint8_t seed[32] = {8};
    (void)state;
    CHECK(crypto_start());
    (void)snprintf(home.folder, sizeof home.folder, "/tmp/stoop-log-XXXXXX");
    CHECK(mkdtemp(home.folder) != NULL);
    home.key = (struct note_key){.name = ORIGIN};
    sign_from_seed(seed, &home.secret, &home.key.key);
    home.log = log_create((struct now){{0}, {0}});
    home.leaves = calloc(LEAVES_MAX, sizeof *home.leaves);
    CHECK(home.log != NULL && home.leaves != NULL);
    for (unsigned level = 0; level < LEVELS; level++) {
        home.nodes[level] = calloc((LEAVES_MAX >> level) + 1, sizeof *home.nodes[level]);
        CHECK(home.nodes[level] != NULL);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int remove_home(void **state) {
    (void)state;
    log_destroy(home.log);
    free(home.leaves);
    for (unsigned level = 0; level < LEVELS; level++) {
        free(home.nodes[level]);
    }
    return nftw(home.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_others_tools_verify_every_leaf_as_the_log_grows(void **state) {
    static const uint64_t sizes[] = {0, 1, 3, 255, 256, 257, 512, 700, 65536, LEAVES_MAX};
    (void)state;
    if (access(GO, X_OK) != 0 || access(GO_PACKAGES "/src/golang.org/x/mod", R_OK) != 0) {
        print_message("skipped: no go, or no golang-golang-x-mod-dev\n");
        skip();
    }
    build_verifier();
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        grow(sizes[i]);
        write_log();
        CHECK(verify(&home.key, false) == 0);
    }

    struct note_key other = home.key;
    other.key.b[0] ^= 1;
    CHECK(verify(&other, true) == 1);
    static const struct {
        const char *file;
        long offset;
    } touched[] = {
        {"checkpoint", 30},         {"tile/entries/000", 9},
        {"tile/0/000", 32},         {"tile/entries/257.p/208", 5},
        {"tile/0/257.p/208", 6624}, {"tile/1/000", 0},
        {"tile/1/001.p/1", 31},     {"tile/2/000.p/1", 0},
    };
    for (size_t i = 0; i < COUNT_OF(touched); i++) {
        flip_byte(touched[i].file, touched[i].offset);
        CHECK(verify(&home.key, true) == 1);
        flip_byte(touched[i].file, touched[i].offset);
    }
    CHECK(verify(&home.key, true) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_tools_verify_every_leaf_as_the_log_grows),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
