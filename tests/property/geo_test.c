/* What a camera sees of a place, against a slow model: points strewn over the view, each asked
 * whether it lies in the place, with distance and direction from first principles. */
#include "node/base/geo.h"

#include <math.h>
#include <stdio.h>

#include "tests/support/check.h"

enum {
    CASES = 4000,
    RINGS = 40,
    RAYS = 180,
};
#define PI 3.14159265358979323846
#define METRES_PER_UNIT (6371008.8 * PI / 180 / 1e7)

static uint64_t state;

static double chance(void) { /* splitmix64, 0 to 1 */
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static struct geo_point walk(struct geo_point from, double metres, double direction) {
    double shrink = cos(from.lat * METRES_PER_UNIT / 6371008.8);
    return (struct geo_point){
        from.lat + (int32_t)lround(metres * cos(direction) / METRES_PER_UNIT),
        from.lon + (int32_t)lround(metres * sin(direction) / METRES_PER_UNIT / shrink)};
}

/* A circle, or corners in order around a centre, which make a simple polygon of any shape. */
static struct geo_place any_place(struct geo_point near) {
    struct geo_place place = {0};
    struct geo_point centre = walk(near, 200 * chance(), 2 * PI * chance());
    if (chance() < 0.4) {
        place.count = 1;
        place.radius_m = 1 + (uint32_t)(120 * chance());
        place.points[0] = centre;
        return place;
    }
    place.count = 3 + (size_t)(10 * chance());
    for (size_t i = 0; i < place.count; i++) {
        double angle = 2 * PI * ((double)i + 0.8 * chance()) / (double)place.count;
        place.points[i] = walk(centre, 5 + 150 * chance(), angle);
    }
    return place;
}

static double cross(struct geo_point a, struct geo_point b, struct geo_point c) {
    return ((double)b.lon - a.lon) * ((double)c.lat - a.lat) -
           ((double)b.lat - a.lat) * ((double)c.lon - a.lon);
}

/* Winding number, unlike the even-odd rule of the module. */
static bool in_place(const struct geo_place *place, struct geo_point at) {
    if (place->count == 1) {
        return geo_distance_m(place->points[0], at) <= place->radius_m;
    }
    int winding = 0;
    for (size_t i = 0; i < place->count; i++) {
        struct geo_point a = place->points[i];
        struct geo_point b = place->points[(i + 1) % place->count];
        if (a.lat <= at.lat && b.lat > at.lat && cross(a, b, at) > 0) {
            winding++;
        } else if (a.lat > at.lat && b.lat <= at.lat && cross(a, b, at) < 0) {
            winding--;
        }
    }
    return winding != 0;
}

static bool seen_by(const struct geo_view *view, struct geo_point at, double slack_m) {
    double distance = geo_distance_m(view->at, at);
    double shrink = cos(view->at.lat * METRES_PER_UNIT / 6371008.8);
    double direction =
        atan2((at.lon - view->at.lon) * shrink, (double)at.lat - view->at.lat) * 180 / PI;
    double off = fabs(direction - view->facing_deg);
    off = off > 180 ? 360 - off : off;
    double aside = (off - view->angle_deg / 2.0) * PI / 180;
    return distance <= view->reach_m + slack_m &&
           (aside <= 0 || (aside < PI / 2 ? distance * sin(aside) : distance) <= slack_m);
}

/* Some point strewn over the view lies in the place, or some point strewn over the place in the
 * view, both grown by slack_m. */
static bool model_meets(const struct geo_place *place, const struct geo_view *view,
                        double slack_m) {
    for (int ring = 0; ring <= RINGS; ring++) {
        for (int ray = 0; ray <= RAYS; ray++) {
            double angle = view->facing_deg + view->angle_deg * ((double)ray / RAYS - 0.5);
            struct geo_point at =
                walk(view->at, (double)view->reach_m * ring / RINGS, angle * PI / 180);
            if (in_place(place, at)) {
                return true;
            }
        }
    }
    if (slack_m == 0) {
        return false;
    }
    for (size_t i = 0; i < place->count; i++) { /* its border, finely */
        struct geo_point a = place->points[i];
        struct geo_point b = place->points[(i + 1) % place->count];
        for (int step = 0; step < 2000; step++) {
            struct geo_point at =
                place->count == 1
                    ? walk(a, place->radius_m, 2 * PI * step / 2000)
                    : (struct geo_point){a.lat + (int32_t)(((double)b.lat - a.lat) * step / 2000),
                                         a.lon + (int32_t)(((double)b.lon - a.lon) * step / 2000)};
            if (seen_by(view, at, slack_m)) {
                return true;
            }
        }
    }
    return false;
}

/* Sampled points that meet are proof that they do; and where the module says that they meet, they
 * do once both are grown by a quarter of a metre and what the samples miss. */
static void test_meeting_agrees_with_points_strewn_over_the_view(void **unused) {
    (void)unused;
    static const int32_t latitudes[] = {0, 525200000, -338688000, 700000000, -850000000};
    size_t met = 0;
    size_t missed = 0;
    state = 1;
    for (int i = 0; i < CASES; i++) {
        struct geo_view view = {
            .at = {latitudes[i % 5] + (int32_t)(1e6 * chance()), (int32_t)(1.7e9 * chance())},
            .reach_m = 1 + (uint32_t)(150 * chance()),
            .facing_deg = (uint32_t)(360 * chance()),
            .angle_deg = chance() < 0.15 ? 360 : 1 + (uint32_t)(359 * chance()),
        };
        struct geo_place place = any_place(view.at);
        if (!geo_place_valid(&place)) {
            continue; /* rounding can make a corner touch */
        }
        bool meets = geo_place_meets_view(&place, &view);
        bool certain = model_meets(&place, &view, 0);
        if (certain && !meets) {
            fail_msg("case %d: points of the view lie in the place", i);
        }
        if (meets && !certain && !model_meets(&place, &view, 0.25)) {
            fail_msg("case %d: nothing of the view is near the place", i);
        }
        met += meets ? 1 : 0;
        missed += meets ? 0 : 1;
    }
    CHECK(met > CASES / 5 && missed > CASES / 5); /* or the cases prove nothing */
}

static struct geo_point in_box(double size) {
    return (struct geo_point){(int32_t)(size * chance()), (int32_t)(size * chance())};
}

/* On a grid so coarse that corners, sides and borders keep falling on each other. */
static void test_simple_and_inside_agree_with_looking_at_every_cell(void **unused) {
    (void)unused;
    enum {
        GRID = 6
    };
    size_t simple = 0;
    size_t inside = 0;
    state = 2;
    for (int i = 0; i < 60000; i++) {
        struct geo_place a = {.count = 3 + (size_t)(3 * chance())};
        struct geo_place b = {.count = 3 + (size_t)(3 * chance())};
        for (size_t k = 0; k < GEO_POINTS_MAX; k++) {
            if (k < a.count) {
                a.points[k] = in_box(GRID);
                a.points[k].lat *= 10000;
                a.points[k].lon *= 10000;
            }
            if (k < b.count) {
                b.points[k] = in_box(GRID);
                b.points[k].lat *= 10000;
                b.points[k].lon *= 10000;
            }
        }
        if (!geo_place_valid(&a) || !geo_place_valid(&b)) {
            continue;
        }
        simple++;
        bool out = false; /* some point well within a is not in b */
        for (int32_t lat = 251; lat < GRID * 10000 && !out; lat += 499) {
            for (int32_t lon = 353; lon < GRID * 10000 && !out; lon += 607) {
                struct geo_point at = {lat, lon};
                out = in_place(&a, at) && !in_place(&b, at);
            }
        }
        bool said = geo_place_inside(&a, &b);
        if (said && out) {
            fail_msg("case %d: a point of the inner one is outside", i);
        }
        if (!said && !out) {
            fail_msg("case %d: no point of it is outside", i);
        }
        inside += said ? 1 : 0;
    }
    CHECK(simple > 1000 && inside > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meeting_agrees_with_points_strewn_over_the_view),
        cmocka_unit_test(test_simple_and_inside_agree_with_looking_at_every_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
