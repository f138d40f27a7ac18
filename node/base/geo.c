/* Two kinds of arithmetic. Whether a polygon is simple, and whether one lies in another, is decided
 * in whole units without rounding, so every node decides alike. Distances to a camera are taken in
 * a plane around it: within GEO_REACH_MAX_M of it that is exact to a few centimetres. A polygon's
 * sides are straight in latitude and longitude. */
#include "node/base/geo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNITS_PER_DEGREE = 10000000,
    LAT_MAX = 89 * UNITS_PER_DEGREE, /* nearer to a pole a degree of longitude is no measure */
    LON_MAX = 180 * UNITS_PER_DEGREE,
    WRITTEN_PLACES_MIN = 4,
};
#define EARTH_RADIUS_M 6371008.8
#define PI 3.14159265358979323846

/* Twice the coordinates, so that the middle of a side is whole too; products take 128 bits. */
struct exact {
    int64_t x, y;
};
typedef __int128 wide;

/* Metres east and north of a camera. */
struct flat {
    double x, y;
};

enum side {
    OUTSIDE,
    ON_BORDER,
    INSIDE
};

static double radians(int32_t units);
static bool polygon_in_bounds(const struct geo_place *place);
static bool polygon_is_simple(const struct geo_place *place);
static bool neighbours_fold_back(struct exact a, struct exact b, struct exact c);
static struct exact corner(const struct geo_place *place, size_t index);
static struct exact middle(struct exact a, struct exact b);
static int turn(struct exact a, struct exact b, struct exact c);
static bool on_side(struct exact a, struct exact b, struct exact at);
static bool sides_touch(struct exact a, struct exact b, struct exact c, struct exact d);
static bool sides_cross(struct exact a, struct exact b, struct exact c, struct exact d);
static enum side side_of(const struct geo_place *polygon, struct exact at);
static bool polygon_inside_polygon(const struct geo_place *inner, const struct geo_place *outer);
static bool circle_inside_polygon(const struct geo_place *inner, const struct geo_place *outer);
static struct flat flatten(struct geo_point origin, struct geo_point at);
static struct flat project(struct geo_point origin, struct geo_point at);
static double to_segment(struct flat at, struct flat a, struct flat b);
static bool holds_camera(const struct geo_place *polygon, struct geo_point camera);
static bool in_angle(const struct geo_view *view, struct flat at);
static struct flat border(const struct geo_view *view, int which);
static bool circle_meets_view(const struct geo_place *circle, const struct geo_view *view);
static bool polygon_meets_view(const struct geo_place *polygon, const struct geo_view *view);
static bool segments_cross(struct flat a, struct flat b, struct flat c, struct flat d);
static bool segment_meets_arc(struct flat a, struct flat b, const struct geo_view *view);
static size_t write_degrees(int32_t units, char *text, size_t room);
static bool parse_degrees(const char **text, int limit, int32_t *out);

enum err geo_point_parse(const char *text, struct geo_point *out) {
    struct geo_point point;
    if (!parse_degrees(&text, 90, &point.lat) || *text++ != ',') {
        return ERR_USER_PLACE;
    }
    while (*text == ' ') {
        text++;
    }
    if (!parse_degrees(&text, 180, &point.lon) || *text != '\0') {
        return ERR_USER_PLACE;
    }
    *out = point;
    return ERR_OK;
}

void geo_point_write(struct geo_point at, char text[32]) {
    size_t len = write_degrees(at.lat, text, 31);
    text[len++] = ',';
    (void)write_degrees(at.lon, text + len, 32 - len);
}

bool geo_place_valid(const struct geo_place *place) {
    if (place->count == 1) {
        double reach_deg = place->radius_m / EARTH_RADIUS_M * 180 / PI;
        double lat = fabs((double)place->points[0].lat) / UNITS_PER_DEGREE;
        double lon = fabs((double)place->points[0].lon) / UNITS_PER_DEGREE;
        if (place->radius_m < 1 || place->radius_m > GEO_RADIUS_MAX_M || lat + reach_deg >= 89) {
            return false;
        }
        return lon + reach_deg / cos((lat + reach_deg) * PI / 180) < 180;
    }
    return place->count >= 3 && place->count <= GEO_POINTS_MAX && place->radius_m == 0 &&
           polygon_in_bounds(place) && polygon_is_simple(place) && geo_place_area_m2(place) >= 1;
}

bool geo_view_valid(const struct geo_view *view) {
    return view->reach_m >= 1 && view->reach_m <= GEO_REACH_MAX_M && view->facing_deg < 360 &&
           view->angle_deg >= 1 && view->angle_deg <= 360 && view->at.lat > -LAT_MAX &&
           view->at.lat < LAT_MAX && view->at.lon > -LON_MAX + UNITS_PER_DEGREE / 2 &&
           view->at.lon < LON_MAX - UNITS_PER_DEGREE / 2;
}

/* Of a polygon: R^2 times the integral of sin(latitude) over longitude around it. Along a straight
 * side that is exactly sin(middle) * sin(h)/h * difference of longitudes, h half the difference of
 * latitudes. One sine is taken off throughout, which changes nothing around a closed line and keeps
 * the digits. */
double geo_place_area_m2(const struct geo_place *place) {
    if (place->count == 1) {
        return PI * (double)place->radius_m * place->radius_m;
    }
    double sum = 0;
    double offset = sin(radians(place->points[0].lat));
    for (size_t i = 0; i < place->count; i++) {
        struct geo_point a = place->points[i];
        struct geo_point b = place->points[(i + 1) % place->count];
        double half = (radians(b.lat) - radians(a.lat)) / 2;
        double mean = sin((radians(a.lat) + radians(b.lat)) / 2);
        if (half != 0) {
            mean *= sin(half) / half;
        }
        sum += (radians(b.lon) - radians(a.lon)) * (mean - offset);
    }
    return fabs(sum) * EARTH_RADIUS_M * EARTH_RADIUS_M;
}

/* Haversine. */
double geo_distance_m(struct geo_point a, struct geo_point b) {
    double lat = (radians(b.lat) - radians(a.lat)) / 2;
    double lon = (radians(b.lon) - radians(a.lon)) / 2;
    double h =
        sin(lat) * sin(lat) + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(lon) * sin(lon);
    return 2 * EARTH_RADIUS_M * asin(sqrt(h > 1 ? 1 : h));
}

bool geo_place_meets_view(const struct geo_place *place, const struct geo_view *view) {
    return place->count == 1 ? circle_meets_view(place, view) : polygon_meets_view(place, view);
}

bool geo_place_inside(const struct geo_place *inner, const struct geo_place *outer) {
    if (outer->count > 1) {
        return inner->count > 1 ? polygon_inside_polygon(inner, outer)
                                : circle_inside_polygon(inner, outer);
    }
    for (size_t i = 0; i < inner->count; i++) {
        if (geo_distance_m(inner->points[i], outer->points[0]) + inner->radius_m >
            outer->radius_m) {
            return false;
        }
    }
    return true;
}

static double radians(int32_t units) {
    return (double)units / UNITS_PER_DEGREE * PI / 180;
}

/* A side of more than a degree is no neighbourhood, and one that seems longer than half the earth
 * crosses the 180th meridian. */
static bool polygon_in_bounds(const struct geo_place *place) {
    for (size_t i = 0; i < place->count; i++) {
        struct geo_point a = place->points[i];
        struct geo_point b = place->points[(i + 1) % place->count];
        if (a.lat <= -LAT_MAX || a.lat >= LAT_MAX || a.lon < -LON_MAX || a.lon > LON_MAX ||
            llabs((long long)a.lat - b.lat) > UNITS_PER_DEGREE ||
            llabs((long long)a.lon - b.lon) > UNITS_PER_DEGREE) {
            return false;
        }
    }
    return true;
}

/* No two sides share a point but neighbours their corner. */
static bool polygon_is_simple(const struct geo_place *place) {
    size_t n = place->count;
    for (size_t i = 0; i < n; i++) {
        struct exact a = corner(place, i);
        struct exact b = corner(place, i + 1);
        if (neighbours_fold_back(a, b, corner(place, i + 2))) {
            return false;
        }
        for (size_t k = i + 2; k < n; k++) {
            bool neighbours = i == 0 && k == n - 1;
            if (!neighbours && sides_touch(a, b, corner(place, k), corner(place, k + 1))) {
                return false;
            }
        }
    }
    return true;
}

/* The way to `b` is gone back, wholly or in part, on the way to `c`; or a corner comes twice. */
static bool neighbours_fold_back(struct exact a, struct exact b, struct exact c) {
    wide along = (wide)(b.x - a.x) * (c.x - b.x) + (wide)(b.y - a.y) * (c.y - b.y);
    return turn(a, b, c) == 0 && along <= 0;
}

static struct exact corner(const struct geo_place *place, size_t index) {
    struct geo_point at = place->points[index % place->count];
    return (struct exact){2 * (int64_t)at.lon, 2 * (int64_t)at.lat};
}

static struct exact middle(struct exact a, struct exact b) {
    return (struct exact){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

/* 1: a, b, c turn left; -1: right; 0: they lie on one line. */
static int turn(struct exact a, struct exact b, struct exact c) {
    wide product = (wide)(b.x - a.x) * (c.y - a.y) - (wide)(b.y - a.y) * (c.x - a.x);
    return (product > 0) - (product < 0);
}

static bool on_side(struct exact a, struct exact b, struct exact at) {
    return turn(a, b, at) == 0 && (at.x >= a.x || at.x >= b.x) && (at.x <= a.x || at.x <= b.x) &&
           (at.y >= a.y || at.y >= b.y) && (at.y <= a.y || at.y <= b.y);
}

static bool sides_touch(struct exact a, struct exact b, struct exact c, struct exact d) {
    return sides_cross(a, b, c, d) || on_side(a, b, c) || on_side(a, b, d) || on_side(c, d, a) ||
           on_side(c, d, b);
}

/* In a point that is no end of either. */
static bool sides_cross(struct exact a, struct exact b, struct exact c, struct exact d) {
    return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

/* Even-odd rule; a side counts its lower end and not its upper one, so that no corner counts twice.
 */
static enum side side_of(const struct geo_place *polygon, struct exact at) {
    bool in = false;
    for (size_t i = 0; i < polygon->count; i++) {
        struct exact a = corner(polygon, i);
        struct exact b = corner(polygon, i + 1);
        if (on_side(a, b, at)) {
            return ON_BORDER;
        }
        if (a.y <= at.y && b.y > at.y) {
            in ^= turn(a, b, at) > 0;
        } else if (b.y <= at.y && a.y > at.y) {
            in ^= turn(b, a, at) > 0;
        }
    }
    return in ? INSIDE : OUTSIDE;
}

/* Borders may touch. No corner of the inner one is out, no side of it leads out, and no notch of
 * the outer one leads in: that would have a corner or the middle of a side within. */
static bool polygon_inside_polygon(const struct geo_place *inner, const struct geo_place *outer) {
    for (size_t i = 0; i < inner->count; i++) {
        struct exact a = corner(inner, i);
        struct exact b = corner(inner, i + 1);
        if (side_of(outer, a) == OUTSIDE || side_of(outer, middle(a, b)) == OUTSIDE) {
            return false;
        }
        for (size_t k = 0; k < outer->count; k++) {
            if (sides_cross(a, b, corner(outer, k), corner(outer, k + 1))) {
                return false;
            }
        }
    }
    for (size_t k = 0; k < outer->count; k++) {
        struct exact c = corner(outer, k);
        if (side_of(inner, c) == INSIDE ||
            side_of(inner, middle(c, corner(outer, k + 1))) == INSIDE) {
            return false;
        }
    }
    return true;
}

static bool circle_inside_polygon(const struct geo_place *inner, const struct geo_place *outer) {
    struct geo_point centre = inner->points[0];
    if (!holds_camera(outer, centre)) {
        return false;
    }
    for (size_t i = 0; i < outer->count; i++) {
        struct flat a = flatten(centre, outer->points[i]);
        struct flat b = flatten(centre, outer->points[(i + 1) % outer->count]);
        if (to_segment((struct flat){0, 0}, a, b) < inner->radius_m) {
            return false;
        }
    }
    return true;
}

/* Keeps straight sides straight; distances hold near the origin. */
static struct flat flatten(struct geo_point origin, struct geo_point at) {
    return (struct flat){EARTH_RADIUS_M * (radians(at.lon) - radians(origin.lon)) *
                             cos(radians(origin.lat)),
                         EARTH_RADIUS_M * (radians(at.lat) - radians(origin.lat))};
}

/* Keeps distance and direction from the origin, however far. */
static struct flat project(struct geo_point origin, struct geo_point at) {
    double lon = radians(at.lon) - radians(origin.lon);
    double east = sin(lon) * cos(radians(at.lat));
    double north = cos(radians(origin.lat)) * sin(radians(at.lat)) -
                   sin(radians(origin.lat)) * cos(radians(at.lat)) * cos(lon);
    double direction = atan2(east, north);
    double distance = geo_distance_m(origin, at);
    return (struct flat){distance * sin(direction), distance * cos(direction)};
}

static double to_segment(struct flat at, struct flat a, struct flat b) {
    struct flat side = {b.x - a.x, b.y - a.y};
    double square = side.x * side.x + side.y * side.y;
    double along = square == 0 ? 0 : ((at.x - a.x) * side.x + (at.y - a.y) * side.y) / square;
    along = along < 0 ? 0 : along > 1 ? 1 : along;
    return hypot(a.x + along * side.x - at.x, a.y + along * side.y - at.y);
}

static bool holds_camera(const struct geo_place *polygon, struct geo_point camera) {
    struct exact at = {2 * (int64_t)camera.lon, 2 * (int64_t)camera.lat};
    return side_of(polygon, at) != OUTSIDE;
}

static bool in_angle(const struct geo_view *view, struct flat at) {
    double off = fabs(atan2(at.x, at.y) * 180 / PI - view->facing_deg);
    off = off > 180 ? 360 - off : off;
    return off <= view->angle_deg / 2.0;
}

/* Where the view's border ends: 0 left, 1 right. */
static struct flat border(const struct geo_view *view, int which) {
    double half = view->angle_deg / 2.0;
    double angle = ((double)view->facing_deg + (which == 0 ? -half : half)) * PI / 180;
    return (struct flat){view->reach_m * sin(angle), view->reach_m * cos(angle)};
}

/* The nearest point of the view is straight on, or lies on one of its two borders. */
static bool circle_meets_view(const struct geo_place *circle, const struct geo_view *view) {
    struct flat camera = {0, 0};
    struct flat centre = project(view->at, circle->points[0]);
    double distance = hypot(centre.x, centre.y);
    if (distance > (double)circle->radius_m + view->reach_m) {
        return false; /* as most are */
    }
    return in_angle(view, centre) ||
           to_segment(centre, camera, border(view, 0)) <= circle->radius_m ||
           to_segment(centre, camera, border(view, 1)) <= circle->radius_m;
}

/* Either holds a point of the other, or their borders cross. */
static bool polygon_meets_view(const struct geo_place *polygon, const struct geo_view *view) {
    struct flat camera = {0, 0};
    if (holds_camera(polygon, view->at)) {
        return true;
    }
    for (size_t i = 0; i < polygon->count; i++) {
        struct flat a = flatten(view->at, polygon->points[i]);
        struct flat b = flatten(view->at, polygon->points[(i + 1) % polygon->count]);
        if (to_segment(camera, a, b) > view->reach_m) {
            continue;
        }
        if (view->angle_deg == 360 || (hypot(a.x, a.y) <= view->reach_m && in_angle(view, a)) ||
            segments_cross(a, b, camera, border(view, 0)) ||
            segments_cross(a, b, camera, border(view, 1)) || segment_meets_arc(a, b, view)) {
            return true;
        }
    }
    return false;
}

static bool segments_cross(struct flat a, struct flat b, struct flat c, struct flat d) {
    double abc = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    double abd = (b.x - a.x) * (d.y - a.y) - (b.y - a.y) * (d.x - a.x);
    double cda = (d.x - c.x) * (a.y - c.y) - (d.y - c.y) * (a.x - c.x);
    double cdb = (d.x - c.x) * (b.y - c.y) - (d.y - c.y) * (b.x - c.x);
    return ((abc >= 0) != (abd >= 0)) && ((cda >= 0) != (cdb >= 0));
}

/* Where the line through a and b enters and leaves the circle of the view's reach. */
static bool segment_meets_arc(struct flat a, struct flat b, const struct geo_view *view) {
    struct flat side = {b.x - a.x, b.y - a.y};
    double square = side.x * side.x + side.y * side.y;
    double half = a.x * side.x + a.y * side.y;
    double rest = a.x * a.x + a.y * a.y - (double)view->reach_m * view->reach_m;
    double root = half * half - square * rest;
    if (square == 0 || root < 0) {
        return false;
    }
    for (int sign = -1; sign <= 1; sign += 2) {
        double along = (-half + sign * sqrt(root)) / square;
        struct flat at = {a.x + along * side.x, a.y + along * side.y};
        if (along >= 0 && along <= 1 && in_angle(view, at)) {
            return true;
        }
    }
    return false;
}

/* As many places as it takes, so that what was written reads as the same point. */
static size_t write_degrees(int32_t units, char *text, size_t room) {
    long long size = llabs((long long)units);
    int len = snprintf(text, room, "%s%lld.%07lld", units < 0 ? "-" : "", size / UNITS_PER_DEGREE,
                       size % UNITS_PER_DEGREE);
    const char *point = strchr(text, '.');
    while (text[len - 1] == '0' && text + len - 1 > point + WRITTEN_PLACES_MIN) {
        text[--len] = '\0';
    }
    return (size_t)len;
}

/* Digits are read as digits: binary fractions would give one place two spellings. */
static bool parse_degrees(const char **text, int limit, int32_t *out) {
    const char *at = *text;
    bool negative = *at == '-';
    int64_t units = 0;
    int digits = 0;
    if (*at == '-' || *at == '+') {
        at++;
    }
    for (; *at >= '0' && *at <= '9' && digits < 3; at++, digits++) {
        units = units * 10 + (*at - '0');
    }
    if (digits == 0) {
        return false;
    }
    int places = 0;
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            if (++places > 7) {
                return false;
            }
            units = units * 10 + (*at - '0');
        }
        if (places == 0) {
            return false;
        }
    }
    for (; places < 7; places++) {
        units *= 10;
    }
    if (units > (int64_t)limit * UNITS_PER_DEGREE) {
        return false;
    }
    *out = (int32_t)(negative ? -units : units);
    *text = at;
    return true;
}
