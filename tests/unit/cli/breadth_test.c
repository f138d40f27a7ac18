/* How much of this home a request is about, by the owner's own camera list. */
#include <string.h>

#include "cli/breadth.h"
#include "cli/review.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

static struct sample_community community;
static struct request request; /* within 80 m or so of where the cameras are */
static struct camera_list list;

static int start(void **state) {
    (void)state;
    sample_community_init(&community);
    return 0;
}

static int finish(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* All where the request asks, none indoors. */
static void put_cameras(size_t count) {
    sample_request(&community, &request);
    memset(&list, 0, sizeof list);
    list.community_count = 1;
    list.communities[0] = community.id;
    list.camera_count = count;
    for (size_t i = 0; i < count; i++) {
        list.cameras[i].view =
            (struct geo_view){.at = request.place.points[0], .reach_m = 10, .angle_deg = 360};
    }
    request.to.ms = request.from.ms + 2 * DURATION_HOUR_MS;
}

static void says(const char *wanted) {
    struct touches touches;
    char text[BREADTH_TEXT_MAX];
    touches_of(&list, &request, &community.id, &touches);
    assert_string_equal(touches_text(&touches, text), wanted);
}

static void test_sizes_and_shares_are_said_as_they_are(void **state) {
    (void)state;
    struct breadth breadth = {.span_ms = 17000,
                              .area_m2 = 11310,
                              .span_percent = 1,
                              .area_percent = BREADTH_PERCENT_MAX - 1};
    char text[BREADTH_TEXT_MAX];
    assert_string_equal(breadth_text(&breadth, text),
                        "17s (1% of the longest), 11310 m2 (999999% of the largest)");
    breadth.area_m2 = 1294994;
    breadth.area_percent = BREADTH_PERCENT_MAX;
    assert_string_equal(breadth_text(&breadth, text),
                        "17s (1% of the longest), 1.3 km2 (more than 1000000% of the largest)");
}

static void test_cameras_and_their_hours_are_counted(void **state) {
    (void)state;
    put_cameras(3);
    says("touches 3 of your 3 cameras for 6h00m together");
    list.cameras[0].view.at.lat += 10000000; /* a degree away */
    says("touches 2 of your 3 cameras for 4h00m together");
    list.cameras[1].view.at.lat += 10000000;
    says("touches 1 of your 3 cameras for 2h00m");
    list.cameras[2].view.at.lat += 10000000;
    says("touches none of your 3 cameras");
    put_cameras(1);
    says("touches your one camera for 2h00m");
    list.cameras[0].indoor = true;
    says("your one camera is indoors and cannot be asked for");
    list.cameras[0].view.at.lat += 10000000;
    says("does not touch your one camera");
}

static void test_those_indoors_are_told_apart(void **state) {
    (void)state;
    put_cameras(4);
    list.cameras[0].indoor = true;
    says("touches 3 of your 4 cameras for 6h00m together; 1 indoors cannot be asked for");
    list.cameras[0].indoor_open = true;
    says("touches 4 of your 4 cameras, 1 of them indoors, for 8h00m together");
    list.cameras[1].indoor = list.cameras[2].indoor = true;
    says("touches 2 of your 4 cameras, 1 of them indoors, for 4h00m together; 2 indoors cannot be "
         "asked for");
    list.cameras[2].view.at.lat += 10000000; /* elsewhere: not a matter of this request */
    says("touches 2 of your 4 cameras, 1 of them indoors, for 4h00m together; 1 indoors cannot "
         "be asked for");
}

static void test_those_closed_to_a_community_are_not_touched_by_it(void **state) {
    (void)state;
    put_cameras(3);
    list.cameras[0].community_count = 1;
    list.cameras[0].communities[0] = community.request_id; /* another one */
    says("touches 2 of your 3 cameras for 4h00m together");
    list.cameras[0].community_count = 2;
    list.cameras[0].communities[1] = community.id;
    says("touches 3 of your 3 cameras for 6h00m together");
}

/* By treaty: what counts is the community in which it came, not the asker's own. */
static void test_a_request_from_elsewhere_touches_those_open_here(void **state) {
    (void)state;
    put_cameras(3);
    request.head.community = community.request_id; /* another one */
    says("touches 3 of your 3 cameras for 6h00m together");
    list.cameras[0].community_count = 1;
    list.cameras[0].communities[0] = request.head.community;
    says("touches 2 of your 3 cameras for 4h00m together");
}

static void test_what_is_not_known_is_not_said(void **state) {
    (void)state;
    put_cameras(2);
    list.community_count = 0; /* this community may not ask about them */
    says("touches none of your 2 cameras");
    memset(&list, 0, sizeof list);
    says("");
}

/* For a while after it came nothing waits, and that is no answer yet; afterwards it is. */
static void test_what_came_just_now_is_looked_for(void **state) {
    (void)state;
    static struct checked_request asked;
    static struct memory memory;
    memset(&memory, 0, sizeof memory);
    put_cameras(1);
    asked = (struct checked_request){.request = request, .here = community.id};
    const struct instant at = request.head.created;
    const struct instant later = {at.ms + 5 * DURATION_MINUTE_MS};
    CHECK(pending_sought(&asked, &list, &memory, at));
    CHECK(!pending_sought(&asked, &list, &memory, later));
    asked.open_clips = 1;
    CHECK(!pending_sought(&asked, &list, &memory, at));
    asked.open_clips = 0;
    asked.ours = true;
    CHECK(!pending_sought(&asked, &list, &memory, at));
    asked.ours = false;
    asked.end = REQUEST_WITHDRAWN;
    CHECK(!pending_sought(&asked, &list, &memory, at));
    asked.end = REQUEST_STANDS;
    list.cameras[0].view.at.lat += 10000000; /* a degree away */
    CHECK(!pending_sought(&asked, &list, &memory, at));
    list.cameras[0].view.at.lat -= 10000000;
    asked.request.instrument.kind = INSTRUMENT_PRESERVATION; /* asks for no clip */
    CHECK(!pending_sought(&asked, &list, &memory, at));
    asked.request.instrument.kind = INSTRUMENT_VOLUNTARY;
    memory_note(&memory, &asked.id, &community.id, &request, at);
    CHECK(pending_sought(&asked, &list, &memory, at));
    memory_decide(&memory, &asked.id, MEMORY_DECLINED, at);
    CHECK(!pending_sought(&asked, &list, &memory, at));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_shares_are_said_as_they_are),
        cmocka_unit_test(test_cameras_and_their_hours_are_counted),
        cmocka_unit_test(test_what_came_just_now_is_looked_for),
        cmocka_unit_test(test_those_indoors_are_told_apart),
        cmocka_unit_test(test_those_closed_to_a_community_are_not_touched_by_it),
        cmocka_unit_test(test_a_request_from_elsewhere_touches_those_open_here),
        cmocka_unit_test(test_what_is_not_known_is_not_said),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
