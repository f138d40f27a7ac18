/* What two communities and a membership come to is told alike by tests/verify_treaty.py, which
 * shares no code with ours and was written from PROTOCOL 4.12 and 4.13. */
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/samples.h"

#define PYTHON "/usr/bin/python3"
#define SCRIPT "tests/verify_treaty.py"
#define THEN "2026-11-24T21:30:00Z" /* SAMPLE_NOW */
#define TWO_DAYS_ON "2026-11-26T21:30:00Z"

enum {
    PATH_ROOM = 128,
};

static char folder[] = "/tmp/stoop-stranger-XXXXXX";
static struct sample_community near;
static struct sample_treaty sample;

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static void write_file(const char *name, struct bytes content) {
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wbe");
    CHECK(file != NULL);
    CHECK(fwrite(content.at, 1, content.len, file) == content.len);
    CHECK(fclose(file) == 0);
}

/* As 'stoop community export' does. */
static void export_to(const char *name, const struct sample_community *side,
                      const struct buffer *act) {
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK(mkdir(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s/000-charter.bin", name);
    write_file(path, buffer_bytes(&side->charter));
    (void)snprintf(path, sizeof path, "%s/001-act.bin", name);
    write_file(path, buffer_bytes(act));
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        (void)snprintf(path, sizeof path, "%s/member-%d.bin", name, i);
        write_file(path, buffer_bytes(&side->homes[i].member));
    }
}

static int set_up(void **state) {
    (void)state;
    sample_community_init(&near);
    sample_treaty_init(&near, &sample);
    CHECK(mkdtemp(folder) != NULL);
    export_to("near", &near, &sample.near_act);
    export_to("far", &sample.far, &sample.far_act);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_treaty_finish(&sample);
    sample_community_finish(&near);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Its exit code, silently. */
static int run(char *const *arguments) {
    static char no_leftovers[] = "PYTHONDONTWRITEBYTECODE=1";
    char *environment[] = {no_leftovers, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = 0;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) == 0);
    CHECK(posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environment) == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whether the checker takes this for a member of `far` by a treaty with `near`, both folders. */
static bool takes(const char *asked, const char *side, const struct membership *shown,
                  const char *at) {
    static char python[] = PYTHON;
    static char script[] = SCRIPT;
    static char option[] = "--at";
    char paths[3][PATH_ROOM];
    char time[32];
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    CHECK_ERR(ERR_OK, membership_encode(shown, &bytes));
    write_file("membership", buffer_bytes(&bytes));
    (void)snprintf(paths[0], PATH_ROOM, "%s/%s", folder, asked);
    (void)snprintf(paths[1], PATH_ROOM, "%s/%s", folder, side);
    (void)snprintf(paths[2], PATH_ROOM, "%s/membership", folder);
    (void)snprintf(time, sizeof time, "%s", at);
    char *arguments[] = {python, script, paths[0], paths[1], paths[2], option, time, NULL};
    return run(arguments) == 0;
}

static void test_an_independent_implementation_knows_the_same_members(void **state) {
    static char python[] = PYTHON;
    static char option[] = "-c";
    static char statement[] = "import nacl";
    char *asks_for_nacl[] = {python, option, statement, NULL};
    struct membership shown;
    (void)state;
    if (access(PYTHON, X_OK) != 0 || run(asks_for_nacl) != 0) {
        print_message("skipped: no python3, or no python3-nacl\n");
        skip();
    }
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        sample_membership(&sample.far, i, buffer_bytes(&sample.far_roll), &shown);
        CHECK(takes("near", "far", &shown, THEN));
        sample_membership(&near, i, buffer_bytes(&sample.near_roll), &shown);
        CHECK(takes("far", "near", &shown, THEN));
        CHECK(!takes("near", "far", &shown, THEN));
    }
    sample_membership(&sample.far, SAMPLE_AGENCY, buffer_bytes(&sample.far_roll), &shown);
    CHECK(!takes("near", "far", &shown, TWO_DAYS_ON));
    shown.chain[1] = buffer_bytes(&sample.far.homes[SAMPLE_NEIGHBOUR].member);
    CHECK(!takes("near", "far", &shown, THEN));
    shown.roll = buffer_bytes(&sample.near_roll);
    CHECK(!takes("near", "far", &shown, THEN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_independent_implementation_knows_the_same_members),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
