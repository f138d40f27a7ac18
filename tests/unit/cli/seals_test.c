/* A court's seal is checked behind walls, with the outcome that cms_check() has, and what comes
 * back is not believed beyond what it may say. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/clip.h"
#include "tests/support/authority.h"
#include "tests/support/check.h"

static struct authority authority;
static struct authorities authorities;

static void pin(const char *name) {
    struct buffer der;
    authority_read(&authority, name, &der);
    CHECK(der.len <= AUTHORITY_MAX);
    memcpy(authorities.der[authorities.count], der.at, der.len);
    authorities.len[authorities.count++] = der.len;
    buffer_finish(&der);
}

static int make_authority(void **state) {
    (void)state;
    authority_start(&authority);
    pin("middle.der");
    pin("root.der");
    return 0;
}

static int remove_authority(void **state) {
    (void)state;
    return authority_stop(&authority);
}

static struct instant now(void) {
    return (struct instant){(int64_t)time(NULL) * 1000};
}

static void test_the_child_finds_what_the_check_finds(void **state) {
    static const char *const names[] = {
        "good", "self_signed", "other_document", "sha1", "wrong_usage", "expired",
        "many", "empty",       "intermediate",   "two",  "good"};
    struct helper *seals = NULL;
    (void)state;
    assert_int_equal(seals_start(&seals), 0);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64];
        char by[CMS_NAME_BYTES] = "";
        struct buffer seal;
        struct seal_outcome outcome = {.checked = false};
        struct bytes anchors[] = {authority_at(&authorities, 0), authority_at(&authorities, 1)};
        (void)snprintf(path, sizeof path, "%s.p7s", names[i]);
        authority_read(&authority, path, &seal);
        enum cms_result wanted = cms_check(buffer_bytes(&seal), buffer_bytes(&authority.document),
                                           anchors, 2, now(), by);
        seal_check(seals, buffer_bytes(&seal), buffer_bytes(&authority.document), &authorities,
                   now(), &outcome);
        CHECK(outcome.checked);
        assert_int_equal(outcome.result, wanted);
        assert_string_equal(outcome.by, by);
        buffer_finish(&seal);
    }
    helper_stop(seals);
}

/* One that was taken over, or is gone. */
static void test_an_answer_that_cannot_be_is_malformed(void **state) {
    struct {
        enum cms_result result;
        char by[CMS_NAME_BYTES];
    } answer;
    (void)state;
    for (int way = 0; way < 4; way++) {
        int pair[2];
        struct seal_outcome outcome = {.checked = false};
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        struct helper seals = {.socket = pair[0]};
        memset(&answer, 0, sizeof answer);
        answer.result = CMS_SEALED;
        if (way == 0) {
            answer.result = (enum cms_result)99;
        } else if (way == 1) {
            memset(answer.by, 'x', sizeof answer.by);
        }
        size_t len = way == 2 ? sizeof answer - 1 : sizeof answer;
        assert_int_equal(write(pair[1], &answer, len), len);
        if (way == 3) {
            (void)close(pair[1]);
        }
        seal_check(&seals, buffer_bytes(&authority.document), buffer_bytes(&authority.document),
                   &authorities, now(), &outcome);
        CHECK(outcome.checked && outcome.result == CMS_MALFORMED);
        assert_string_equal(outcome.by, "");
        (void)close(pair[0]);
        if (way != 3) {
            (void)close(pair[1]);
        }
    }
}

/* ---- a child that what it read has taken over ---- */

enum {
    ANSWERS = STDERR_FILENO + 1, /* where a child answers */
    BYTES_MANY = 64 * 1024,
};

static const char *job_file; /* that the child must not open */
static pid_t test_process;

#define WORK(name)                                                                                 \
    static enum cms_result name(struct bytes seal, struct bytes paper,                             \
                                const struct bytes *anchors, size_t anchor_count,                  \
                                struct instant at, char by[CMS_NAME_BYTES])

/* As the seal says; only "good" is checked at all. */
WORK(misbehave) {
    static const char lots[BYTES_MANY];
    const struct {
        enum cms_result result;
        char by[CMS_NAME_BYTES];
    } answer = {.result = CMS_SEALED, .by = "Somebody"};
    const char *what = (const char *)seal.at;
    if (strncmp(what, "die", 3) == 0) {
        abort();
    } else if (strncmp(what, "end", 3) == 0) {
        _exit(0);
    } else if (strncmp(what, "lot", 3) == 0) {
        (void)!write(ANSWERS, lots, sizeof lots);
    } else if (strncmp(what, "two", 3) == 0) { /* a good answer first, then another */
        (void)!write(ANSWERS, &answer, sizeof answer);
    } else if (strncmp(what, "cut", 3) == 0) {
        (void)!write(ANSWERS, &answer, sizeof answer - 1);
        _exit(0);
    } else if (strncmp(what, "hang", 4) == 0) {
        (void)pause();
    } else if (strncmp(what, "late", 4) == 0) { /* it has answered, and stays */
        (void)!write(ANSWERS, &answer, sizeof answer);
        (void)pause();
    } else if (strncmp(what, "good", 4) == 0) {
        (void)snprintf(by, CMS_NAME_BYTES, "A Court");
        return CMS_SEALED;
    }
    (void)paper, (void)anchors, (void)anchor_count, (void)at;
    return CMS_SEALED;
}

static struct seal_outcome outcome_of(struct helper *seals, const char *what) {
    struct seal_outcome outcome = {.checked = false};
    seal_check(seals, BYTES_TEXT(what), buffer_bytes(&authority.document), &authorities, now(),
               &outcome);
    CHECK(outcome.checked);
    return outcome;
}

/* Whatever a child does, it is malformed, soon, and the next one is none the worse. */
static void test_a_child_that_misbehaves_is_malformed(void **state) {
    static const char *const ways[] = {"die", "end", "lot", "two", "cut", "hang", "late"};
    static const struct seals_terms terms = {.work = misbehave, .wall_ms = 3000};
    struct helper *seals = NULL;
    (void)state;
    assert_int_equal(seals_start_on(&terms, &seals), 0);
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        time_t before = time(NULL);
        struct seal_outcome outcome = outcome_of(seals, ways[i]);
        if (outcome.result != CMS_MALFORMED) {
            print_message("'%s' came out as %d\n", ways[i], (int)outcome.result);
        }
        assert_int_equal(outcome.result, CMS_MALFORMED);
        assert_string_equal(outcome.by, "");
        CHECK(time(NULL) - before < 10);
        outcome = outcome_of(seals, "good");
        assert_int_equal(outcome.result, CMS_SEALED);
        assert_string_equal(outcome.by, "A Court");
    }
    helper_stop(seals);
}

/* A wall that does not hold; empty: all do. */
static const char *breach(void) {
    const size_t much = (size_t)512 * 1024 * 1024;
    for (int i = ANSWERS + 1; i < 64; i++) {
        if (fcntl(i, F_GETFD) != -1) {
            return "a descriptor was left open";
        }
    }
    if (open(job_file, O_RDONLY | O_CLOEXEC) >= 0) {
        return "it can read a file";
    }
    if (open("/tmp/stoop-seals-out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) {
        return "it can make a file";
    }
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0) {
        return "it can make a socket";
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    if (child > 0) {
        return "it can make a process";
    }
    if (kill(test_process, 0) == 0) {
        return "it can signal another process";
    }
    if (HELPER_MEMORY_BOUND && mmap(NULL, much, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                    -1, 0) != MAP_FAILED) {
        return "it can have all the memory";
    }
    return "";
}

WORK(try_walls) {
    (void)seal, (void)paper, (void)anchors, (void)anchor_count, (void)at;
    (void)snprintf(by, CMS_NAME_BYTES, "%s", breach());
    return CMS_SEALED;
}

static void test_its_walls_hold(void **state) {
    static const struct seals_terms terms = {.work = try_walls, .wall_ms = 10000};
    char path[64];
    struct helper *seals = NULL;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/document", authority.folder);
    job_file = path;
    test_process = getpid();
    assert_int_equal(seals_start_on(&terms, &seals), 0);
    struct seal_outcome outcome = outcome_of(seals, "walls");
    assert_int_equal(outcome.result, CMS_SEALED); /* it came to its end */
    assert_string_equal(outcome.by, "");
    helper_stop(seals);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_child_finds_what_the_check_finds),
        cmocka_unit_test(test_an_answer_that_cannot_be_is_malformed),
        cmocka_unit_test(test_a_child_that_misbehaves_is_malformed),
        cmocka_unit_test(test_its_walls_hold),
    };
    return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
