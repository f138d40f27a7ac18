/* Who may ask for a camera of a home in several communities (PROTOCOL 6.5). */
#include <string.h>

#include "proto/clip.h"
#include "tests/support/check.h"

static const struct id elm = {{1}};
static const struct id oak = {{2}};
static const struct id ash = {{3}};

static void test_a_camera_is_open_to_all_or_to_those_it_names(void **state) {
    (void)state;
    struct camera camera = {.community_count = 0};
    CHECK(camera_open_to(&camera, &elm));
    CHECK(camera_open_to(&camera, &oak));
    camera.community_count = 1;
    camera.communities[0] = elm;
    CHECK(camera_open_to(&camera, &elm));
    CHECK(!camera_open_to(&camera, &oak));
    camera.community_count = 2;
    camera.communities[1] = oak;
    CHECK(camera_open_to(&camera, &oak));
    CHECK(!camera_open_to(&camera, &ash));
}

static void test_a_node_speaks_for_its_own_community_alone(void **state) {
    (void)state;
    static struct camera_list list;
    list.community_count = 2;
    list.communities[0] = elm;
    list.communities[1] = oak;
    list.further_count = 1;
    list.further[0] = (struct further_community){.community = oak, .name = "oak"};
    CHECK(camera_list_serves(&list, &elm, "first"));
    CHECK(camera_list_serves(&list, &oak, "oak"));
    CHECK(!camera_list_serves(&list, &elm, "oak"));
    CHECK(!camera_list_serves(&list, &oak, "first"));
    CHECK(!camera_list_serves(&list, &ash, "first"));
    list.further[0].community = ash; /* one that the list does not serve */
    CHECK(!camera_list_serves(&list, &ash, "oak"));
    CHECK(camera_list_serves(&list, &oak, "first"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_camera_is_open_to_all_or_to_those_it_names),
        cmocka_unit_test(test_a_node_speaks_for_its_own_community_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
