/* A court's seal is checked behind walls, with the outcome that cms_check() has, and what comes
 * back is not believed beyond what it may say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/clip.h"
#include "tests/support/check.h"

enum {
    FILE_MAX = 128 * 1024
};

static char folder[] = "/tmp/stoop-seals-XXXXXX";
static struct buffer document;
static struct authorities authorities;

static void read_file(const char *name, struct buffer *out) {
    char path[128];
    static uint8_t bytes[FILE_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    CHECK(feof(file) != 0);
    CHECK(fclose(file) == 0);
    buffer_init(out, FILE_MAX);
    CHECK_ERR(ERR_OK, buffer_append(out, (struct bytes){bytes, len}));
}

static void pin(const char *name) {
    struct buffer der;
    read_file(name, &der);
    CHECK(der.len <= AUTHORITY_MAX);
    memcpy(authorities.der[authorities.count], der.at, der.len);
    authorities.len[authorities.count++] = der.len;
    buffer_finish(&der);
}

static int make_authority(void **state) {
    char command[128];
    (void)state;
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(command, sizeof command, "tests/support/authority.sh %s", folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a test's own script */
    read_file("document", &document);
    pin("middle.der");
    pin("root.der");
    return 0;
}

static int remove_authority(void **state) {
    char command[128];
    (void)state;
    buffer_finish(&document);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command); /* NOLINT(cert-env33-c) */
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
        read_file(path, &seal);
        enum cms_result wanted =
            cms_check(buffer_bytes(&seal), buffer_bytes(&document), anchors, 2, now(), by);
        seal_check(seals, buffer_bytes(&seal), buffer_bytes(&document), &authorities, now(),
                   &outcome);
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
        seal_check(&seals, buffer_bytes(&document), buffer_bytes(&document), &authorities, now(),
                   &outcome);
        CHECK(outcome.checked && outcome.result == CMS_MALFORMED);
        assert_string_equal(outcome.by, "");
        (void)close(pair[0]);
        if (way != 3) {
            (void)close(pair[1]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_child_finds_what_the_check_finds),
        cmocka_unit_test(test_an_answer_that_cannot_be_is_malformed),
    };
    return cmocka_run_group_tests(tests, make_authority, remove_authority);
}
