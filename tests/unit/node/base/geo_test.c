/* Places: what is valid, how large, how far, what a camera can see of them. */
#include "node/base/geo.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

enum {
    DEGREE = 10000000
};

static struct geo_place circle(double lat, double lon, uint32_t radius_m) {
    return (struct geo_place){
        .radius_m = radius_m,
        .count = 1,
        .points = {{(int32_t)lround(lat * DEGREE), (int32_t)lround(lon * DEGREE)}}};
}

/* Corners in units of 1e-4 degree around (52, 13). */
static struct geo_place polygon(const int *corners, size_t count) {
    struct geo_place place = {.count = count};
    for (size_t i = 0; i < count; i++) {
        place.points[i] = (struct geo_point){52 * DEGREE + corners[2 * i + 1] * 1000,
                                             13 * DEGREE + corners[2 * i] * 1000};
    }
    return place;
}
#define POLYGON(...)                                                                               \
    polygon((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int) / 2)

static void check_near(double expected, double got, double share) {
    if (!(fabs(got - expected) <= expected * share)) {
        fail_msg("expected %.3f, got %.3f", expected, got);
    }
}

/* Against Vincenty's inverse formula on the WGS 84 ellipsoid, computed apart from this program. A
 * sphere is worst along a meridian at the equator: 0.56 %. */
static void test_distances_are_within_six_permille_of_wgs_84(void **state) {
    (void)state;
    static const struct {
        struct geo_point a, b;
        double metres;
    } cases[] = {
        {{488566000, 23522000}, {515072000, -1275000}, 343893.2}, /* Paris, London */
        {{407127837, -740059413}, {340522342, -1182436849}, 3944424.5},
        {{0, 0}, {0, DEGREE}, 111319.5},
        {{0, 0}, {DEGREE, 0}, 110574.4},
        {{60 * DEGREE, 0}, {60 * DEGREE, DEGREE}, 55799.5},
        {{0, 179 * DEGREE}, {0, -179 * DEGREE}, 222639}, /* across the date line */
        {{525200000, 134050000}, {525200000, 134050001}, 0.00679},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_near(cases[i].metres, geo_distance_m(cases[i].a, cases[i].b), 0.006);
        check_near(cases[i].metres, geo_distance_m(cases[i].b, cases[i].a), 0.006);
    }
    CHECK(geo_distance_m(cases[0].a, cases[0].a) == 0);
}

static void test_areas_do_not_depend_on_shape_or_start(void **state) {
    (void)state;
    struct geo_place disc = circle(52, 13, 100);
    check_near(31415.93, geo_place_area_m2(&disc), 1e-6);
    /* A degree by a degree between 52 and 53 north, and the strip below: summed over thin slices of
     * latitude, apart from this program. */
    double degree = 7526841325.0;
    struct geo_place square = POLYGON(0, 0, 10000, 0, 10000, 10000, 0, 10000);
    check_near(degree, geo_place_area_m2(&square), 1e-6);
    struct geo_place turned = POLYGON(0, 10000, 10000, 10000, 10000, 0, 0, 0);
    check_near(degree, geo_place_area_m2(&turned), 1e-6);
    struct geo_place with_corner =
        POLYGON(0, 0, 5000, 0, 10000, 0, 10000, 7000, 10000, 10000, 0, 10000);
    check_near(degree, geo_place_area_m2(&with_corner), 1e-6);
    /* The same ground north of it, cut along a diagonal: both halves make the whole. */
    struct geo_place lower = POLYGON(0, 0, 10000, 0, 10000, 10000);
    struct geo_place upper = POLYGON(0, 0, 10000, 10000, 0, 10000);
    check_near(degree, geo_place_area_m2(&lower) + geo_place_area_m2(&upper), 1e-6);
    /* A strip a degree long and 11 m wide keeps its digits. */
    struct geo_place strip = POLYGON(0, 0, 10000, 10000, 10000, 10001, 0, 1);
    check_near(752683.3, geo_place_area_m2(&strip), 1e-6);
}

static void test_only_simple_polygons_away_from_poles_and_date_line_are_places(void **state) {
    (void)state;
    const struct {
        const char *what;
        struct geo_place place;
        bool valid;
    } cases[] = {
        {"triangle", POLYGON(0, 0, 10, 0, 0, 10), true},
        {"triangle, clockwise", POLYGON(0, 10, 10, 0, 0, 0), true},
        {"star-like, not convex", POLYGON(0, 0, 10, 0, 10, 10, 5, 2, 0, 10), true},
        {"corner on a straight side", POLYGON(0, 0, 5, 0, 10, 0, 0, 10), true},
        {"two corners", POLYGON(0, 0, 10, 0), false},
        {"bow tie", POLYGON(0, 0, 10, 10, 10, 0, 0, 10), false},
        {"first corner repeated", POLYGON(0, 0, 10, 0, 0, 10, 0, 0), false},
        {"corner touches a far side", POLYGON(0, 0, 10, 0, 10, 10, 5, 0, 0, 10), false},
        {"corner touches a corner", POLYGON(0, 0, 10, 0, 10, 10, 5, 5, 0, 10, -5, 10, 5, 5), false},
        {"spike goes back on itself", POLYGON(0, 0, 10, 0, 20, 0, 10, 0, 0, 10), false},
        {"spike at the start", POLYGON(10, 0, 0, 10, 0, 0, 20, 0), false},
        {"two sides on one line overlap", POLYGON(0, 0, 10, 0, 10, 5, 8, 0, 4, 0, 0, 5), false},
        {"no area", POLYGON(0, 0, 10, 0, 20, 0), false},
        {"side of two degrees", POLYGON(0, 0, 20000, 0, 0, 10), false},
        {"circle", circle(52, 13, 60), true},
        {"circle without radius", circle(52, 13, 0), false},
        {"circle too large", circle(52, 13, GEO_RADIUS_MAX_M + 1), false},
        {"circle over the north pole", circle(89.5, 13, 100), false},
        {"circle reaches for the south pole", circle(-88.2, 13, 90000), false},
        {"circle over the date line", circle(10, 179.9999, 100), false},
        {"circle over the date line, from the west", circle(60, -179.5, 30000), false},
        {"circle just off the date line", circle(10, 179.99, 100), true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (geo_place_valid(&cases[i].place) != cases[i].valid) {
            fail_msg("%s: should be %s", cases[i].what, cases[i].valid ? "valid" : "refused");
        }
    }
    struct geo_place place = POLYGON(0, 0, 10, 0, 0, 10);
    static const struct geo_point bad[] = {
        {89 * DEGREE, 130 * DEGREE},  {90 * DEGREE, 13 * DEGREE}, {52 * DEGREE, 1800000001},
        {52 * DEGREE, -179 * DEGREE}, {INT_MIN, 13 * DEGREE},     {52 * DEGREE, INT_MIN},
        {INT_MAX, INT_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        place.points[2] = bad[i];
        CHECK(!geo_place_valid(&place));
    }
    struct geo_place across = {
        .count = 3,
        .points = {{0, 1799990000}, {0, -1799990000}, {10000, 1799990000}},
    };
    CHECK(!geo_place_valid(&across));
    place = (struct geo_place){.radius_m = 5, .count = 3, .points = {{0, 0}, {0, 9999}, {9999, 0}}};
    CHECK(!geo_place_valid(&place)); /* circle and polygon in one */
    place.radius_m = 0;
    CHECK(geo_place_valid(&place));
}

/* The count comes from outside: it is looked at before any corner is. */
static void test_thousands_of_points_are_refused_unseen(void **state) {
    (void)state;
    struct geo_place place = POLYGON(0, 0, 10, 0, 0, 10);
    static const size_t counts[] = {0, GEO_POINTS_MAX + 1, 5000, SIZE_MAX};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        place.count = counts[i];
        CHECK(!geo_place_valid(&place));
    }
}

static void test_the_most_corners_make_a_place(void **state) {
    (void)state;
    struct geo_place ring = {.count = GEO_POINTS_MAX};
    for (size_t i = 0; i < ring.count; i++) {
        double angle = 2 * 3.14159265358979 * (double)i / GEO_POINTS_MAX;
        ring.points[i] = (struct geo_point){(int32_t)lround(1e4 * sin(angle)),
                                            (int32_t)lround(1e4 * cos(angle))};
    }
    CHECK(geo_place_valid(&ring));
    struct geo_point kept = ring.points[10];
    ring.points[10] = ring.points[40];
    CHECK(!geo_place_valid(&ring));
    ring.points[10] = ring.points[40] = kept;
    CHECK(!geo_place_valid(&ring));
}

static void test_inside_means_wholly(void **state) {
    (void)state;
    struct geo_place yard =
        POLYGON(0, 0, 100, 0, 100, 100, 60, 100, 60, 40, 40, 40, 40, 100, 0, 100);
    const struct {
        const char *what;
        struct geo_place inner, outer;
        bool inside;
    } cases[] = {
        {"circle in circle", circle(52, 13, 50), circle(52.0005, 13, 106), true},
        {"circle sticks out", circle(52, 13, 50), circle(52.0005, 13, 105), false},
        {"itself", circle(52, 13, 50), circle(52, 13, 50), true},
        {"polygon in circle", POLYGON(-1, -1, 1, -1, 0, 1), circle(52, 13, 20), true},
        {"polygon sticks out", POLYGON(-1, -1, 9, -1, 0, 1), circle(52, 13, 20), false},
        {"circle in yard", circle(52.002, 13.002, 100), yard, true},
        {"circle over the fence", circle(52.002, 13.002, 150), yard, false},
        {"circle in the notch", circle(52.007, 13.005, 10), yard, false},
        {"circle elsewhere", circle(52.1, 13.002, 10), yard, false},
        {"yard in yard", yard, yard, true},
        {"arm of the yard", POLYGON(60, 40, 100, 40, 100, 100, 60, 100), yard, true},
        {"bar across the notch", POLYGON(0, 80, 100, 80, 100, 90, 0, 90), yard, false},
        {"lid over the notch", POLYGON(0, 40, 100, 40, 100, 100, 0, 100), yard, false},
        {"plug in the notch", POLYGON(40, 40, 60, 40, 60, 100, 40, 100), yard, false},
        {"one corner out", POLYGON(10, 10, 30, 10, 20, -1), yard, false},
        {"the yard is inside it", POLYGON(-9, -9, 200, -9, 200, 200, -9, 200), yard, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(geo_place_valid(&cases[i].inner) && geo_place_valid(&cases[i].outer));
        if (geo_place_inside(&cases[i].inner, &cases[i].outer) != cases[i].inside) {
            fail_msg("%s: should be %s", cases[i].what, cases[i].inside ? "inside" : "not inside");
        }
    }
}

/* A camera at (52, 13) looks east, 100 m, 90 degrees. */
static void test_a_view_meets_what_lies_before_it(void **state) {
    (void)state;
    struct geo_view east = {
        .at = {52 * DEGREE, 13 * DEGREE}, .reach_m = 100, .facing_deg = 90, .angle_deg = 90};
    struct geo_view north = east; /* 0 degrees lies in the middle of it */
    struct geo_view behind = east;
    struct geo_view around = east;
    north.facing_deg = 0;
    behind.facing_deg = 270;
    behind.angle_deg = 270;
    around.angle_deg = 360;
    const struct {
        const char *what;
        struct geo_view view;
        struct geo_place place;
        bool meets;
    } cases[] = {
        {"circle straight on", east, circle(52, 13.002, 38), true},
        {"circle just out of reach", east, circle(52, 13.002, 36), false},
        {"circle behind", east, circle(52, 12.9995, 30), false},
        {"circle behind, over the camera", east, circle(52, 12.9995, 35), true},
        {"circle beside the border", east, circle(52.0009, 13, 50), false},
        {"circle over the border", east, circle(52.0009, 13, 75), true},
        {"circle north of a view over 0 degrees", north, circle(52.0005, 12.9999, 5), true},
        {"circle in the blind angle of a wide view", behind, circle(52, 13.0008, 20), false},
        {"circle over a wide view's border", behind, circle(52, 13.0008, 40), true},
        {"circle anywhere around", around, circle(51.9995, 12.9995, 1), true},
        {"wide circle far off", east, circle(53, 13, 90000), false},
        {"wide circle that reaches here", east, circle(52.899, 13, 100000), true},
        {"polygon around all", east, POLYGON(-99, -99, 99, -99, 99, 99, -99, 99), true},
        {"polygon within the view", east, POLYGON(5, 0, 6, 0, 6, 1), true},
        {"polygon behind", east, POLYGON(-5, -1, -5, 1, -3, 0), false},
        {"long bar across", east, POLYGON(8, -99, 9, -99, 9, 99, 8, 99), true},
        {"long bar out of reach", east, POLYGON(16, -99, 17, -99, 17, 99, 16, 99), false},
        {"tip pokes through the arc", east, POLYGON(14, 0, 30, 5, 30, -5), true},
        {"bar cuts one border only", east, POLYGON(1, -9, 2, -9, 2, 0, 1, 0), true},
        {"in the blind angle", behind, POLYGON(5, 0, 6, 0, 6, 1), false},
        {"polygon around, blind only at it", around, POLYGON(5, 0, 6, 0, 6, 1), true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CHECK(geo_view_valid(&cases[i].view));
        CHECK(geo_place_valid(&cases[i].place));
        if (geo_place_meets_view(&cases[i].place, &cases[i].view) != cases[i].meets) {
            fail_msg("%s: should %s", cases[i].what, cases[i].meets ? "meet" : "not meet");
        }
    }
}

static void test_views_have_bounds(void **state) {
    (void)state;
    const struct geo_view good = {
        .at = {525200000, 134050000}, .reach_m = 40, .facing_deg = 359, .angle_deg = 360};
    CHECK(geo_view_valid(&good));
    struct geo_view bad[8];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        bad[i] = good;
    }
    bad[0].reach_m = 0;
    bad[1].reach_m = GEO_REACH_MAX_M + 1;
    bad[2].facing_deg = 360;
    bad[3].angle_deg = 0;
    bad[4].angle_deg = 361;
    bad[5].at.lat = 89 * DEGREE;
    bad[6].at.lon = 1799999999;
    bad[7].at.lat = INT_MIN;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(!geo_view_valid(&bad[i]));
    }
}

static void test_points_are_read_exactly_and_written_to_read_the_same(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct geo_point point;
        const char *written;
    } good[] = {
        {"52.5200,13.4050", {525200000, 134050000}, "52.5200,13.4050"},
        {"52.52, 13.405", {525200000, 134050000}, "52.5200,13.4050"},
        {"-0.0000001,0", {-1, 0}, "-0.0000001,0.0000"},
        {"+33.9416,-118.4085123", {339416000, -1184085123}, "33.9416,-118.4085123"},
        {"90,-180", {900000000, -1800000000}, "90.0000,-180.0000"},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct geo_point point;
        char text[32];
        CHECK_ERR(ERR_OK, geo_point_parse(good[i].text, &point));
        CHECK(point.lat == good[i].point.lat && point.lon == good[i].point.lon);
        geo_point_write(point, text);
        assert_string_equal(text, good[i].written);
        CHECK_ERR(ERR_OK, geo_point_parse(text, &point));
        CHECK(point.lat == good[i].point.lat && point.lon == good[i].point.lon);
    }
    static const char *const bad[] = {
        "",       "52.52",    "52.52,",          "90.0000001,0",   "0,180.0000001", "52.52;13.4",
        "a,b",    "52.,13",   ".5,13",           "52.12345678,13", "1e1,13",        "52.5,13.4 ",
        "--1,13", "52 .5,13", "52.5 ,13.4",      "0x10,13",        "nan,nan",       "1234,13",
        "-",      "-91,0",    "0,-180.00000010",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct geo_point point = {7, 7};
        CHECK_ERR(ERR_USER_PLACE, geo_point_parse(bad[i], &point));
        CHECK(point.lat == 7 && point.lon == 7);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances_are_within_six_permille_of_wgs_84),
        cmocka_unit_test(test_areas_do_not_depend_on_shape_or_start),
        cmocka_unit_test(test_only_simple_polygons_away_from_poles_and_date_line_are_places),
        cmocka_unit_test(test_thousands_of_points_are_refused_unseen),
        cmocka_unit_test(test_the_most_corners_make_a_place),
        cmocka_unit_test(test_inside_means_wholly),
        cmocka_unit_test(test_a_view_meets_what_lies_before_it),
        cmocka_unit_test(test_views_have_bounds),
        cmocka_unit_test(test_points_are_read_exactly_and_written_to_read_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
