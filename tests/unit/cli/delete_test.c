/* `stoop delete`, and what is said of what is overdue (P10). The program is run as it is built;
 * nothing of it is linked here. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/fake_person.h"

static struct fake_home fake;
static char folder[PATH_MAX];
static char clip[PATH_MAX + 64]; /* as it was collected last */

static int run(const char *const *arguments, const char *answer, struct buffer *shown) {
    const char *const answers[] = {answer, NULL};
    const struct fake_run how = {
        .arguments = arguments, .answers = answers, .passphrase = fake_passphrase};
    return fake_run(&fake, &how, shown);
}

static size_t files_there(void) {
    char pattern[PATH_MAX + 8];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/stoop-*", folder);
    int failed = glob(pattern, 0, NULL, &found);
    size_t count = failed == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

static void set_day(int64_t hence) {
    const struct sign_secret *owner = &fake.community.homes[SAMPLE_NEIGHBOUR].owner.sign;
    struct signed_object object;
    struct grant grant;
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&fake.grant), &object));
    CHECK_ERR(ERR_OK, grant_decode(object.body, &grant));
    grant.terms.delete_by.ms = fake.now.ms + hence;
    if (hence < 0) { /* and it was made before that */
        grant.created.ms = grant.terms.delete_by.ms - DURATION_MINUTE_MS;
    }
    grant.expires.ms = grant.created.ms + DURATION_MINUTE_MS;
    CHECK_ERR(ERR_OK, grant_encode(&grant, &body));
    (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), &owner, 1, &bytes);
    buffer_finish(&fake.grant);
    fake.grant = bytes;
}

static void collect_anew(void) {
    SCOPED(buffer_finish) struct buffer shown = {0};
    char command[PATH_MAX + 16];
    const char *const arguments[] = {"collect", fake.code, "--to", folder, NULL};
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own making */
    set_day(20 * (int64_t)DURATION_DAY_MS);
    fake.deleted = 0;
    fake.discarded = 0;
    assert_int_equal(run(arguments, NULL, &shown), 0);
    assert_int_equal(files_there(), 3);
    (void)snprintf(clip, sizeof clip, "%s.mp4", strchr(fake.place.place, ':') + 1);
    CHECK(access(clip, F_OK) == 0);
}

static int delete (const char *what, const char *answer, struct buffer *shown) {
    const char *const arguments[] = {"delete", what, NULL};
    return run(arguments, answer, shown);
}

static void test_clip_and_certificate_go_when_they_are_what_was_written(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    collect_anew();
    assert_int_equal(delete (fake.code, "y\n", &shown), 0);
    CHECK(fake_shows(&shown, "copies that were made elsewhere are not known"));
    assert_int_equal(files_there(), 0);
    assert_int_equal(fake.deleted, 1); /* before its day: the node's own too */
    assert_int_equal(fake.discarded, 3);
    CHECK(fake.place.place[0] == '\0'); /* nothing is left to be listed */
}

static void test_without_a_yes_nothing_goes_before_the_day(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const answers[] = {"\n", "n\n", "delete\n", "\x04"};
    collect_anew();
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        assert_int_equal(delete (fake.code, answers[i], &shown), 3);
    }
    SCOPED(buffer_finish) struct buffer shown = {0};
    assert_int_equal(delete ("--due", NULL, &shown), 0); /* its day has not come */
    assert_int_equal(files_there(), 3);
    assert_int_equal(fake.deleted, 0);
    assert_int_equal(fake.discarded, 0);
}

static void test_what_is_overdue_is_said_until_it_is_gone(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const status[] = {"status", NULL};
    static const char *const list[] = {"delivered", NULL};
    collect_anew();
    {
        SCOPED(buffer_finish) struct buffer shown = {0};
        assert_int_equal(run(status, NULL, &shown), 0);
        CHECK(!fake_shows(&shown, "deletion"));
        set_day(6 * (int64_t)DURATION_DAY_MS);
        buffer_finish(&shown);
        assert_int_equal(run(status, NULL, &shown), 0);
        CHECK(fake_shows(&shown, "1 clip has files to be deleted within 7 days"));
    }
    set_day(-5 * (int64_t)DURATION_MINUTE_MS);
    fake.deleted = 1; /* the node has kept its day */
    for (size_t i = 0; i < 2; i++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        assert_int_equal(run(i == 0 ? status : list, NULL, &shown), 0);
        CHECK(fake_shows(&shown, "1 clip is overdue for deletion"));
    }
    SCOPED(buffer_finish) struct buffer shown = {0};
    assert_int_equal(delete ("--due", NULL, &shown), 0); /* nobody is asked: the day has come */
    assert_int_equal(files_there(), 0);
    buffer_finish(&shown);
    assert_int_equal(run(list, NULL, &shown), 0);
    CHECK(!fake_shows(&shown, "overdue"));
}

static void test_what_is_not_as_it_was_written_is_named_and_left(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    collect_anew();
    FILE *file = fopen(clip, "ae");
    CHECK(file != NULL && fputs("my notes", file) >= 0 && fclose(file) == 0);
    assert_int_equal(delete (fake.code, "y\n", &shown), 1);
    CHECK(fake_shows(&shown, "it is not what 'stoop collect' wrote"));
    assert_int_equal(files_there(), 1);
    CHECK(access(clip, F_OK) == 0);
    CHECK(fake.place.place[0] != '\0'); /* listed until it is gone */
    CHECK(unlink(clip) == 0);
    buffer_finish(&shown);
    assert_int_equal(delete (fake.code, "y\n", &shown), 0);
    CHECK(fake.place.place[0] == '\0');
    assert_int_equal(fake.discarded, 2);
}

/* Neither the clip's name nor its folder leads anywhere else. */
static void test_no_link_is_followed(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char moved[PATH_MAX + 16];
    char in_moved[2 * PATH_MAX];
    collect_anew();
    (void)snprintf(moved, sizeof moved, "%s/../kept.mp4", folder);
    CHECK(rename(clip, moved) == 0);
    CHECK(symlink(moved, clip) == 0);
    assert_int_equal(delete (fake.code, "y\n", &shown), 1);
    CHECK(access(moved, F_OK) == 0);
    CHECK(unlink(moved) == 0);
    collect_anew();
    (void)snprintf(moved, sizeof moved, "%s.moved", folder);
    CHECK(rename(folder, moved) == 0);
    CHECK(symlink(moved, folder) == 0);
    buffer_finish(&shown);
    assert_int_equal(delete (fake.code, "y\n", &shown), 1);
    assert_int_equal(files_there(), 3);
    CHECK(fake_shows(&shown, "cannot be read or removed"));
    (void)snprintf(in_moved, sizeof in_moved, "rm -rf '%s' '%s'", moved, folder);
    CHECK(system(in_moved) == 0); /* NOLINT(cert-env33-c): folders of our own making */
}

static void test_it_can_be_done_again_after_a_part_of_it(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    collect_anew();
    CHECK(unlink(clip) == 0); /* as if it had been broken off behind the first */
    assert_int_equal(delete (fake.code, "y\n", &shown), 0);
    assert_int_equal(files_there(), 0);
    assert_int_equal(fake.discarded, 2);
    CHECK(fake.place.place[0] == '\0');
    buffer_finish(&shown);
    assert_int_equal(delete (fake.code, "y\n", &shown), 0);
    CHECK(fake_shows(&shown, "nothing was left to delete"));
}

static void test_files_of_another_machine_are_not_looked_for_here(void **state) {
    (void)state;
    fake_skip_unless_built();
    SCOPED(buffer_finish) struct buffer shown = {0};
    char rest[CODE_MAX_BYTES];
    collect_anew();
    (void)snprintf(rest, sizeof rest, "%s", strchr(fake.place.place, ':'));
    (void)snprintf(fake.place.place, sizeof fake.place.place, "laptop%.400s", rest);
    assert_int_equal(delete (fake.code, "y\n", &shown), 1);
    CHECK(fake_shows(&shown, "on that machine"));
    assert_int_equal(files_there(), 3);
    assert_int_equal(fake.discarded, 0);
}

static void test_the_prompt_says_what_an_asker_has_not_deleted(void **state) {
    (void)state;
    fake_skip_unless_built();
    static const char *const review[] = {"review", NULL};
    static const char *const overdue[] = {"overdue", NULL};
    for (uint64_t count = 0; count < 3; count++) {
        SCOPED(buffer_finish) struct buffer shown = {0};
        fake.overdue = count;
        assert_int_equal(run(review, "l\n", &shown), 3);
        CHECK(fake_shows(&shown, "overdue for deletion") == (count > 0));
        CHECK(count != 2 || fake_shows(&shown, "of 3 clips that they were given, 2 are overdue"));
        buffer_finish(&shown);
        assert_int_equal(run(overdue, NULL, &shown), 0);
        CHECK(fake_shows(&shown, "Riverside PD") == (count > 0));
    }
    fake.overdue = 0;
}

/* What the owner grants here comes back as delivered. */
static int start(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer shown = {0};
    fake_home_start(&fake);
    (void)snprintf(folder, sizeof folder, "%.64s/evidence", fake.folder);
    if (!fake_program_there()) {
        return 0;
    }
    char answer[24];
    (void)snprintf(answer, sizeof answer, "%s\n", fake.code);
    static const char *const arguments[] = {"review", NULL};
    return run(arguments, answer, &shown) == 0 && fake.grants == 1 ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    fake_home_stop(&fake);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip_and_certificate_go_when_they_are_what_was_written),
        cmocka_unit_test(test_without_a_yes_nothing_goes_before_the_day),
        cmocka_unit_test(test_what_is_overdue_is_said_until_it_is_gone),
        cmocka_unit_test(test_what_is_not_as_it_was_written_is_named_and_left),
        cmocka_unit_test(test_no_link_is_followed),
        cmocka_unit_test(test_it_can_be_done_again_after_a_part_of_it),
        cmocka_unit_test(test_files_of_another_machine_are_not_looked_for_here),
        cmocka_unit_test(test_the_prompt_says_what_an_asker_has_not_deleted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
