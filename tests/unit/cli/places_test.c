/* The communities that a home is in, as its folders and its owner's pins have them, and what each
 * node is told of the others (PROTOCOL 1.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/siblings.h"
#include "proto/siblings.h"
#include "tests/support/check.h"

static struct cli cli;

static void make_place(const char *folder, const char *listen) {
    char path[PATH_MAX + 64];
    char text[128];
    (void)snprintf(path, sizeof path, "%s%s/node", cli.base, folder);
    CHECK(folder_make(path, 0700) == 0);
    (void)snprintf(path, sizeof path, "%s%s/config", cli.base, folder);
    (void)snprintf(text, sizeof text, "[node]\nlisten = %s\n", listen);
    CHECK(file_write(path, BYTES_TEXT(text), 0600, true) == 0);
}

static int start(void **state) {
    (void)state;
    memset(&cli, 0, sizeof cli);
    (void)snprintf(cli.base, sizeof cli.base, "/tmp/stoop-places-XXXXXX");
    CHECK(mkdtemp(cli.base) != NULL);
    make_place("", "0.0.0.0:7878");
    place_choose(&cli, SLUG_FIRST);
    return 0;
}

static int stop(void **state) {
    char command[PATH_MAX + 16];
    (void)state;
    (void)snprintf(command, sizeof command, "rm -r %s", cli.base);
    return system(command) == 0 ? 0 : -1; /* NOLINT(cert-env33-c): a folder of our own */
}

static void make_further(void) {
    make_place("/communities/oak-lane", "127.0.0.1:7880");
    make_place("/communities/elm", "[::]:7879");
}

static void pin(struct pins *pins, const char *name, uint8_t byte) {
    struct pinned_place *place = pins_place_add(pins, name);
    assert_non_null(place);
    place->has_transport = place->has_community = true;
    memset(place->transport.b, byte, sizeof place->transport.b);
    memset(place->community.b, byte + 1, sizeof place->community.b);
}

static void test_communities_are_folders_with_a_config(void **state) {
    (void)state;
    struct places places;
    char text[PLACES_TEXT_MAX];
    char path[PATH_MAX + 64];
    places_list(&cli, &places);
    assert_string_equal(places_text(&places, text), "first");
    make_further();
    (void)snprintf(path, sizeof path, "%s/communities/half-made/node", cli.base);
    CHECK(folder_make(path, 0700) == 0); /* no config yet */
    make_place("/communities/NOT-ONE", "127.0.0.1:1");
    places_list(&cli, &places);
    assert_string_equal(places_text(&places, text), "first, elm, oak-lane");
}

static void test_a_community_is_chosen_by_what_was_typed(void **state) {
    (void)state;
    struct places places;
    char expected[PATH_MAX + 64];
    make_further();
    places_list(&cli, &places);
    CHECK(place_take(&cli, &places, "Oak Lane") == 0);
    assert_string_equal(place_of(&cli), "oak-lane");
    (void)snprintf(expected, sizeof expected, "%s/communities/oak-lane", cli.base);
    assert_string_equal(cli.home, expected);
    CHECK(place_take(&cli, &places, "ash") == EXIT_USAGE);
    assert_string_equal(place_of(&cli), "oak-lane"); /* as before */
    CHECK(place_take(&cli, &places, "first") == 0);
    assert_string_equal(cli.home, cli.base);
}

static void told(const char *folder, struct siblings *out) {
    char path[PATH_MAX + 64];
    size_t line = 0;
    SCOPED(buffer_finish) struct buffer file = {.max = SIBLINGS_FILE_MAX};
    (void)snprintf(path, sizeof path, "%s%s/node/siblings", cli.base, folder);
    CHECK(file_read(path, SIBLINGS_FILE_MAX, false, &file) == 0);
    CHECK_ERR(ERR_OK, siblings_read(buffer_bytes(&file), out, &line));
}

static void test_each_node_is_told_of_the_others_that_are_in_a_community(void **state) {
    (void)state;
    static struct kin kin;
    struct pins pins = {.place_count = 0};
    struct siblings siblings;
    char path[PATH_MAX + 64];
    struct stat before;
    struct stat after;
    make_further();
    pin(&pins, SLUG_FIRST, 0x10);
    pin(&pins, "elm", 0x20);
    CHECK(siblings_prepare(&cli, &pins, &kin) == 0);
    CHECK(siblings_tell(&kin, &pins) == 0);
    told("", &siblings);
    assert_int_equal(siblings.count, 1); /* oak-lane is in none yet */
    CHECK(siblings.list[0].community.b[0] == 0x21 && siblings.list[0].transport.b[0] == 0x20);
    assert_string_equal(siblings.list[0].address, "[::1]:7879");
    told("/communities/elm", &siblings);
    assert_int_equal(siblings.count, 1);
    assert_string_equal(siblings.list[0].address, "127.0.0.1:7878");
    told("/communities/oak-lane", &siblings);
    assert_int_equal(siblings.count, 2);
    /* What says it already is left as it is: its node need not read it. */
    (void)snprintf(path, sizeof path, "%s/communities/oak-lane/node/siblings", cli.base);
    CHECK(stat(path, &before) == 0);
    pin(&pins, "oak-lane", 0x30);
    CHECK(siblings_tell(&kin, &pins) == 0);
    CHECK(stat(path, &after) == 0);
    CHECK(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    told("", &siblings);
    assert_int_equal(siblings.count, 2);
}

static void test_a_home_in_one_community_has_no_such_file(void **state) {
    (void)state;
    static struct kin kin;
    struct pins pins = {.place_count = 0};
    char path[PATH_MAX + 64];
    pin(&pins, SLUG_FIRST, 0x10);
    CHECK(siblings_prepare(&cli, &pins, &kin) == 0);
    CHECK(siblings_tell(&kin, &pins) == 0);
    (void)snprintf(path, sizeof path, "%s/node/siblings", cli.base);
    CHECK(access(path, F_OK) != 0);
    assert_int_equal(cli.writable_count, 0); /* nor are the walls any lower */
}

/* One list of cameras serves all of them, and says whose node may ask. */
static void test_a_camera_list_admits_a_community_once_and_by_its_own_node(void **state) {
    (void)state;
    static struct cameras cameras;
    const struct id elm = {{1}};
    const struct id oak = {{2}};
    const struct pins nothing = {.place_count = 0};
    memset(&cameras, 0, sizeof cameras);
    for (int i = 0; i < 2; i++) {
        cameras_admit(&cameras, &nothing, SLUG_FIRST, &elm);
        cameras_admit(&cameras, &nothing, "oak", &oak);
    }
    assert_int_equal(cameras.list.community_count, 2);
    assert_int_equal(cameras.list.further_count, 1);
    CHECK(camera_list_serves(&cameras.list, &elm, SLUG_FIRST));
    CHECK(camera_list_serves(&cameras.list, &oak, "oak"));
    CHECK(!camera_list_serves(&cameras.list, &elm, "oak"));
}

/* Those that the home has left, and that no camera names, make room; others are not pushed out. */
static void test_a_community_that_was_left_gives_its_place_among_cameras(void **state) {
    (void)state;
    static struct cameras cameras;
    struct pins pins = {.place_count = 0};
    const struct id left = {{0x30}};
    const struct id named = {{0x40}};
    struct id last = {{0x50}};
    memset(&cameras, 0, sizeof cameras);
    pin(&pins, SLUG_FIRST, 0x10);
    pin(&pins, "oak", 0x20);
    cameras_admit(&cameras, &pins, SLUG_FIRST, &pins.places[0].community);
    cameras_admit(&cameras, &pins, "oak", &pins.places[1].community);
    cameras_admit(&cameras, &pins, "ash", &left);
    cameras_admit(&cameras, &pins, "fir", &named);
    cameras.list.camera_count = 1;
    cameras.list.cameras[0].community_count = 1;
    cameras.list.cameras[0].communities[0] = named;
    for (size_t i = 4; i < COMMUNITIES_MAX; i++) {
        last.b[1] = (uint8_t)i;
        cameras_admit(&cameras, &pins, "elm", &last);
    }
    assert_int_equal(cameras.list.community_count, COMMUNITIES_MAX);
    last.b[1] = COMMUNITIES_MAX;
    cameras_admit(&cameras, &pins, "elm", &last);
    assert_int_equal(cameras.list.community_count, 4); /* both pinned, the named and the new one */
    assert_int_equal(cameras.list.further_count, 3);
    CHECK(camera_list_serves(&cameras.list, &last, "elm"));
    CHECK(camera_list_serves(&cameras.list, &named, "fir"));
    CHECK(camera_list_serves(&cameras.list, &pins.places[1].community, "oak"));
    CHECK(!camera_list_serves(&cameras.list, &left, "ash"));
    cameras.list.cameras[0].community_count = COMMUNITIES_MAX; /* now it names as many as can be */
    for (size_t i = 0; i < COMMUNITIES_MAX; i++) {
        last.b[1] = (uint8_t)(0x70 + i);
        cameras.list.cameras[0].communities[i] = cameras.list.communities[i] = last;
    }
    cameras.list.community_count = COMMUNITIES_MAX;
    cameras_admit(&cameras, &pins, "yew", &(struct id){{9}});
    assert_int_equal(cameras.list.community_count, COMMUNITIES_MAX);
    CHECK(!camera_list_serves(&cameras.list, &(struct id){{9}}, "yew"));
}

/* What `stoop communities remove` leaves to be told: the others are alone, or fewer. */
static void test_a_community_that_goes_is_told_of_no_more(void **state) {
    (void)state;
    static struct kin kin;
    struct pins pins = {.place_count = 0};
    struct siblings siblings;
    char command[2 * PATH_MAX];
    make_further();
    pin(&pins, SLUG_FIRST, 0x10);
    pin(&pins, "elm", 0x20);
    pin(&pins, "oak-lane", 0x30);
    CHECK(siblings_prepare(&cli, &pins, &kin) == 0 && siblings_tell(&kin, &pins) == 0);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "oak-lane" : "elm";
        (void)snprintf(command, sizeof command, "mv %s/communities/%s %s/communities/.%s", cli.base,
                       name, cli.base, name);
        CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own */
        pins_place_remove(&pins, name);
        pins_place_remove(&pins, name); /* again: nothing */
        CHECK(siblings_prepare(&cli, &pins, &kin) == 0 && siblings_tell(&kin, &pins) == 0);
        told("", &siblings);
        assert_int_equal(siblings.count, 1 - i);
    }
    assert_int_equal(pins.place_count, 1);
    assert_string_equal(pins.places[0].name, SLUG_FIRST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_communities_are_folders_with_a_config),
        TEST(test_a_community_is_chosen_by_what_was_typed),
        TEST(test_each_node_is_told_of_the_others_that_are_in_a_community),
        TEST(test_a_home_in_one_community_has_no_such_file),
        TEST(test_a_camera_list_admits_a_community_once_and_by_its_own_node),
        TEST(test_a_community_that_was_left_gives_its_place_among_cameras),
        TEST(test_a_community_that_goes_is_told_of_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
