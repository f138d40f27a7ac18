/* `stoop delivered` and `stoop collect` against a node that may lie. The program is run as it is
 * built; nothing of it is linked here. */
#include <glob.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/fake_person.h"

static struct fake_home fake;
static char folder[PATH_MAX];
static char code[16];

static int run(const char *const *arguments, struct buffer *shown) {
    const struct fake_run how = {.arguments = arguments, .passphrase = fake_passphrase};
    return fake_run(&fake, &how, shown);
}

/* The certificate of what was collected into `folder`; the caller gives it back. */
static json_t *certificate(void) {
    char pattern[PATH_MAX];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/*.json", folder);
    CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0);
    json_t *certificate = json_load_file(found.gl_pathv[0], 0, NULL);
    globfree(&found);
    return certificate;
}

/* Exit code; *proofs is how many log proofs its certificate has. */
static int collect(enum fake_lie lie, size_t *proofs) {
    SCOPED(buffer_finish) struct buffer shown = {0};
    char command[PATH_MAX + 16];
    const char *const arguments[] = {"collect", code, "--to", folder, NULL};
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own making */
    fake.lie = lie;
    fake.collected = 0;
    int left = run(arguments, &shown);
    json_t *json = certificate();
    *proofs = json_array_size(json_object_get(json, "log_proofs"));
    json_decref(json);
    if (left != 0) {
        print_message("exit %d\n%.*s\n", left, (int)shown.len, (const char *)shown.at);
    }
    return left;
}

static void test_the_hundred_and_first_delivery_is_listed_and_collected(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    static const char *const arguments[] = {"delivered", "--json", NULL};
    size_t proofs = 0;
    fake.earlier = 100;
    fake.lie = FAKE_HONEST;
    assert_int_equal(run(arguments, &shown), 0);
    CHECK(fake_shows(&shown, code));
    assert_int_equal(collect(FAKE_HONEST, &proofs), 0);
    assert_int_equal(fake.collected, 1);
    assert_int_equal(proofs, 1);
    fake.earlier = 0;
}

/* The log's name follows from its key, whatever the node says. */
static void test_a_node_that_names_no_log_stops_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    size_t proofs = 0;
    assert_int_equal(collect(FAKE_LOG_WITHOUT_ORIGIN, &proofs), 0);
    assert_int_equal(fake.collected, 1);
    assert_int_equal(proofs, 1);
}

static void test_a_proof_that_does_not_verify_is_left_out(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const enum fake_lie lies[] = {FAKE_LOG_PROOF_BY_ANOTHER_KEY,
                                         FAKE_LOG_PROOF_OF_ANOTHER_LEAF};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        size_t proofs = 1;
        assert_int_equal(collect(lies[i], &proofs), 0);
        assert_int_equal(fake.collected, 1);
        assert_int_equal(proofs, 0);
    }
}

/* One home's garbage keeps nobody from what the others sent. */
static void test_what_does_not_open_is_left_and_the_rest_collected(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const enum fake_lie lies[] = {FAKE_DELIVERED_HEADER, FAKE_DELIVERED_MANIFEST};
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        size_t proofs = 0;
        assert_int_equal(collect(lies[i], &proofs), 1);
        assert_int_equal(proofs, 1); /* the good one's certificate is there */
        const char *const arguments[] = {"collect", "--to", folder, NULL};
        assert_int_equal(run(arguments, &shown), 1);
        CHECK(fake_shows(&shown, "the clip of grant 6a6a6a6a: not collected"));
        CHECK(fake_shows(&shown, "1 of 2 clips could not be collected"));
    }
    fake.lie = FAKE_HONEST;
}

/* By the beginning of its grant. */
static void test_one_of_several_clips_is_collected_alone(void **state) {
    (void)state;
    fake_skip_unless_built();
    char hex[65];
    char grant[9];
    struct signed_object object;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&fake.grant), &object));
    hex_write(BYTES_OF(object.id.b), hex);
    (void)snprintf(grant, sizeof grant, "%.8s", hex);
    const char *const good[] = {"collect", grant, "--to", folder, NULL};
    const char *const bad[] = {"collect", "6A6A-6A6A", "--to", folder, NULL};
    SCOPED(buffer_finish) struct buffer shown = {0};
    SCOPED(buffer_finish) struct buffer more = {0};
    fake.lie = FAKE_DELIVERED_HEADER;
    fake.collected = 0;
    assert_int_equal(run(good, &shown), 0);
    assert_int_equal(fake.collected, 1);
    assert_int_equal(run(bad, &more), 1);
    CHECK(fake_shows(&more, "1 of 1 clips"));
    fake.lie = FAKE_HONEST;
}

/* Whoever keeps a predictable name open before must not get what is written under it later. */
static void test_a_file_laid_out_before_gets_nothing(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char path[2][PATH_MAX + 64];
    char out[PATH_MAX + 32];
    char hex[65];
    struct signed_object grant;
    struct stat info;
    FILE *laid[2];
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&fake.grant), &grant));
    hex_write(BYTES_OF(grant.id.b), hex);
    fake.lie = FAKE_HONEST;
    (void)mkdir(folder, 0700);
    (void)snprintf(out, sizeof out, "%s/key", folder);
    (void)snprintf(path[0], sizeof path[0], "%s.new", out);
    (void)snprintf(path[1], sizeof path[1], "%s/again/stoop-%s-%.8s.mp4.part", folder, code, hex);
    char again[PATH_MAX + 32];
    (void)snprintf(again, sizeof again, "%s/again", folder);
    (void)mkdir(again, 0700);
    for (size_t i = 0; i < 2; i++) {
        laid[i] = fopen(path[i], "we");
        assert_non_null(laid[i]);
    }
    const char *const export[] = {"key", "export-age", "--out", out, NULL};
    assert_int_equal(run(export, &shown), 0);
    SCOPED(buffer_finish) struct buffer more = {0};
    const char *const collecting[] = {"collect", code, "--to", again, NULL};
    assert_int_equal(run(collecting, &more), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fstat(fileno(laid[i]), &info), 0);
        assert_int_equal(info.st_size, 0);
        (void)fclose(laid[i]);
    }
}

/* An error or a hang-up is not an empty list. */
static void test_a_list_that_fails_is_no_empty_list(void **state) {
    (void)state;
    fake_skip_unless_built();
    char out[PATH_MAX + 32];
    (void)snprintf(out, sizeof out, "%s/none", fake.folder);
    const char *const lists[][6] = {
        {"vault", "list"}, {"vault", "export", "c1c1", "--out", out},
        {"log", "show"},   {"log", "proof", "0", "--open"},
        {"log", "forks"},  {"log", "verify"},
        {"requests"},      {"members"},
        {"delivered"},     {"collect", code, "--to", fake.folder},
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (int cut = 0; cut < 2; cut++) {
            SCOPED(buffer_finish) struct buffer shown = {0};
            fake.lie = cut ? FAKE_LIST_CUT : FAKE_LIST_REFUSED;
            int left = run(lists[i], &shown);
            if (left != (cut ? 10 : 1) || (!cut && !fake_shows(&shown, "disk failed"))) {
                print_message("%s %s: exit %d\n%.*s\n", lists[i][0],
                              lists[i][1] == NULL ? "" : lists[i][1], left, (int)shown.len,
                              (const char *)shown.at);
            }
            assert_int_equal(left, cut ? 10 : 1);
            CHECK(cut || fake_shows(&shown, "disk failed"));
        }
    }
}

/* Ctrl-C while a clip is read. */
static void test_an_interrupt_leaves_no_half_file(void **state) {
    (void)state;
    fake_skip_unless_built();
    char half[PATH_MAX + 32];
    char out[PATH_MAX + 64];
    (void)snprintf(half, sizeof half, "%s/half", fake.folder);
    (void)snprintf(out, sizeof out, "%s/clip.age", half);
    (void)mkdir(half, 0700);
    const char *const commands[][6] = {{"vault", "export", "c1c1", "--out", out},
                                       {"delivered", "export", code, "--out", out},
                                       {"review", "--to", half}};
    const char *const answers[] = {"p\n", NULL};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        const struct fake_run how = {
            .arguments = commands[i], .answers = answers, .passphrase = fake_passphrase};
        fake.lie = FAKE_INTERRUPTS;
        int left = fake_run(&fake, &how, &shown);
        if (left != 1 || rmdir(half) != 0) {
            print_message("%s: exit %d\n%.*s\n", commands[i][0], left, (int)shown.len,
                          (const char *)shown.at);
        }
        assert_int_equal(left, 1);
        assert_int_equal(mkdir(half, 0700), 0); /* it was empty */
    }
}

static void test_log_entries_reach_the_screen_without_escapes(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const commands[][4] = {{"log", "show"}, {"log", "proof", "0"}};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        fake.lie = FAKE_LOG_ESCAPES;
        assert_int_equal(run(commands[i], &shown), 0);
        CHECK(fake_shows(&shown, "request_made"));
        CHECK(!fake_shows(&shown, "\x1b"));
        CHECK(!fake_shows(&shown, "\x07"));
    }
}

/* What the owner grants here comes back as delivered. */
static int start(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer shown = {0};
    fake_home_start(&fake);
    (void)snprintf(folder, sizeof folder, "%.64s/evidence", fake.folder);
    (void)snprintf(code, sizeof code, "%s", fake.code);
    if (!fake_program_there()) {
        return 0;
    }
    char answer[24];
    (void)snprintf(answer, sizeof answer, "%s\n", code);
    static const char *const arguments[] = {"review", NULL};
    const char *const answers[] = {answer, NULL};
    const struct fake_run how = {
        .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
    return fake_run(&fake, &how, &shown) == 0 && fake.grants == 1 ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    fake_home_stop(&fake);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_hundred_and_first_delivery_is_listed_and_collected),
        cmocka_unit_test(test_a_node_that_names_no_log_stops_nothing),
        cmocka_unit_test(test_a_proof_that_does_not_verify_is_left_out),
        cmocka_unit_test(test_what_does_not_open_is_left_and_the_rest_collected),
        cmocka_unit_test(test_one_of_several_clips_is_collected_alone),
        cmocka_unit_test(test_a_file_laid_out_before_gets_nothing),
        cmocka_unit_test(test_a_list_that_fails_is_no_empty_list),
        cmocka_unit_test(test_an_interrupt_leaves_no_half_file),
        cmocka_unit_test(test_log_entries_reach_the_screen_without_escapes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
