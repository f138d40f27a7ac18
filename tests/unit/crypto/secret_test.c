/* Secrets are locked, kept out of core dumps, wiped and guarded. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/mac1.h"
#include "tests/support/check.h"

/* The address sanitizer makes mlock() do nothing: tests/run runs this test without it as well. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKING_WORKS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOCKING_WORKS false
#endif
#endif
#ifndef LOCKING_WORKS
#define LOCKING_WORKS true
#endif

/* The flags that the kernel keeps for the mapping at `at`. */
static void mapping_flags(const void *at, char flags[256]) {
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;
    flags[0] = '\0';
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from = 0;
        unsigned long to = 0;
        char mode[5] = "";
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && strchr(mode, 'p') != NULL) {
            inside = (unsigned long)at >= from && (unsigned long)at < to;
        }
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(flags, 256, "%s", line);
        }
    }
    (void)fclose(maps);
}

static void test_a_secret_is_locked_and_kept_out_of_core_dumps(void **state) {
    (void)state;
    char flags[256];
    uint8_t *secret = secret_create(200);
    CHECK(secret != NULL);
    mapping_flags(secret, flags);
    CHECK(strstr(flags, " lo") != NULL || !LOCKING_WORKS);
    CHECK(strstr(flags, " dd") != NULL);
    secret_destroy(secret);
    secret_destroy(NULL);
}

/* How a child that runs `body` ends. */
static int run_child(void (*body)(void)) {
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)fclose(stderr);
        body();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void without_locked_memory(void) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || setgid(65534) != 0 || setuid(65534) != 0) {
        _exit(2);
    }
    _exit(secret_create(200) == NULL ? 7 : 8);
}

static void test_where_memory_cannot_be_locked_there_is_no_secret(void **state) {
    (void)state;
    if (geteuid() != 0 || !LOCKING_WORKS) {
        skip(); /* to lose the right to lock takes having it */
    }
    CHECK(run_child(without_locked_memory) == 7);
}

static void read_behind(void) {
    volatile uint8_t *secret = secret_create(4096); /* whole pages: the guard is next */
    signal(SIGSEGV, SIG_DFL);
    _exit(secret[4096]);
}

static void read_freed(void) {
    volatile uint8_t *secret = secret_create(64);
    signal(SIGSEGV, SIG_DFL);
    secret_destroy((void *)secret);
    _exit(secret[0]);
}

static void test_reading_past_or_after_a_secret_ends_the_process(void **state) {
    (void)state;
    CHECK(run_child(read_behind) == 128 + SIGSEGV);
    CHECK(run_child(read_freed) == 128 + SIGSEGV);
}

static void dump_settings(void) {
    struct rlimit core = {1, 1};
    if (!secret_process_harden() || getrlimit(RLIMIT_CORE, &core) != 0) {
        _exit(2);
    }
    _exit(core.rlim_cur == 0 && core.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 7 : 8);
}

static void test_a_hardened_process_leaves_no_core_dump(void **state) {
    (void)state;
    CHECK(run_child(dump_settings) == 7);
}

static void test_wiping_leaves_zeros(void **state) {
    (void)state;
    struct sign_secret sign;
    struct sign_public sign_public;
    struct box_secret box;
    struct box_public box_public;
    struct mac1_key mac1;
    const uint8_t zero[64] = {0};
    sign_generate(&sign, &sign_public);
    box_generate(&box, &box_public);
    mac1_key_make(&mac1, &box_public, zero);
    sign_secret_wipe(&sign);
    box_secret_wipe(&box);
    mac1_key_wipe(&mac1);
    assert_memory_equal(sign.b, zero, sizeof sign.b);
    assert_memory_equal(box.b, zero, sizeof box.b);
    assert_memory_equal(mac1.b, zero, sizeof mac1.b);
    mac1_key_wipe(NULL);
}

static int start(void **state) {
    (void)state;
    CHECK(crypto_start());
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_secret_is_locked_and_kept_out_of_core_dumps),
        cmocka_unit_test(test_where_memory_cannot_be_locked_there_is_no_secret),
        cmocka_unit_test(test_reading_past_or_after_a_secret_ends_the_process),
        cmocka_unit_test(test_a_hardened_process_leaves_no_core_dump),
        cmocka_unit_test(test_wiping_leaves_zeros),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
