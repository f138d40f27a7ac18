#include "node/base/geo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARC_STEPS = 64, /* a circle or sector is met as a polygon of so many sides: within 0.2 % */
    UNITS_PER_DEGREE = 10000000,
};
#define EARTH_RADIUS_M 6371008.8
#define PI 3.14159265358979323846

/* Metres east and north of an origin: over a few kilometres the earth is flat enough for caps. */
struct flat {
    double x, y;
};

struct outline {
    size_t count;
    struct flat points[GEO_POINTS_MAX + ARC_STEPS + 2];
};

static double radians(int32_t units);
static struct flat flatten(struct geo_point origin, struct geo_point at);
static void outline_place(const struct geo_place *place, struct geo_point origin,
                          struct outline *out);
static void outline_view(const struct geo_view *view, struct outline *out);
static double cross(struct flat a, struct flat b, struct flat c);
static bool segments_meet(struct flat a, struct flat b, struct flat c, struct flat d);
static bool inside(const struct outline *outline, struct flat at);
static bool outlines_meet(const struct outline *a, const struct outline *b);
static bool is_simple(const struct geo_place *place);
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
    (void)snprintf(text, 32, "%s%d.%05d,%s%d.%05d", at.lat < 0 ? "-" : "",
                   abs(at.lat) / UNITS_PER_DEGREE, abs(at.lat) % UNITS_PER_DEGREE / 100,
                   at.lon < 0 ? "-" : "", abs(at.lon) / UNITS_PER_DEGREE,
                   abs(at.lon) % UNITS_PER_DEGREE / 100);
}

bool geo_place_valid(const struct geo_place *place) {
    if (place->count == 1) {
        double reach_deg = place->radius_m / EARTH_RADIUS_M * 180 / PI;
        double lat = fabs((double)place->points[0].lat) / UNITS_PER_DEGREE;
        double lon = fabs((double)place->points[0].lon) / UNITS_PER_DEGREE;
        double shrink = cos(lat * PI / 180);
        return place->radius_m >= 1 && place->radius_m <= GEO_RADIUS_MAX_M &&
               lat + reach_deg < 89 && lon + reach_deg / shrink < 180;
    }
    if (place->count < 3 || place->count > GEO_POINTS_MAX || place->radius_m != 0) {
        return false;
    }
    for (size_t i = 0; i < place->count; i++) {
        struct geo_point a = place->points[i];
        struct geo_point b = place->points[(i + 1) % place->count];
        /* A side of more than a degree is no neighbourhood, and one that seems longer than half the
         * earth crosses the 180th meridian. */
        if (abs(a.lat) >= 89 * UNITS_PER_DEGREE || abs(a.lon) > 180 * UNITS_PER_DEGREE ||
            llabs((long long)a.lat - b.lat) > UNITS_PER_DEGREE ||
            llabs((long long)a.lon - b.lon) > UNITS_PER_DEGREE) {
            return false;
        }
    }
    return is_simple(place) && geo_place_area_m2(place) >= 1;
}

bool geo_view_valid(const struct geo_view *view) {
    return view->reach_m >= 1 && view->reach_m <= GEO_REACH_MAX_M && view->facing_deg < 360 &&
           view->angle_deg >= 1 && view->angle_deg <= 360 &&
           abs(view->at.lat) < 89 * UNITS_PER_DEGREE &&
           abs(view->at.lon) < 180 * UNITS_PER_DEGREE - UNITS_PER_DEGREE / 2;
}

double geo_place_area_m2(const struct geo_place *place) {
    if (place->count == 1) {
        return PI * place->radius_m * place->radius_m;
    }
    double twice = 0;
    for (size_t i = 0; i < place->count; i++) {
        struct flat a = flatten(place->points[0], place->points[i]);
        struct flat b = flatten(place->points[0], place->points[(i + 1) % place->count]);
        twice += a.x * b.y - b.x * a.y;
    }
    return fabs(twice) / 2;
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
    if (place->count == 1) { /* far away, as most are: no need for outlines */
        double gap = geo_distance_m(place->points[0], view->at) - place->radius_m - view->reach_m;
        if (gap > 0) {
            return false;
        }
        if (view->angle_deg == 360) {
            return true;
        }
    }
    struct outline a;
    struct outline b;
    outline_place(place, view->at, &a);
    outline_view(view, &b);
    return outlines_meet(&a, &b);
}

bool geo_place_inside(const struct geo_place *inner, const struct geo_place *outer) {
    struct outline a;
    struct outline b;
    outline_place(inner, outer->points[0], &a);
    outline_place(outer, outer->points[0], &b);
    for (size_t i = 0; i < a.count; i++) {
        if (!inside(&b, a.points[i])) {
            return false;
        }
        for (size_t k = 0; k < b.count; k++) {
            if (segments_meet(a.points[i], a.points[(i + 1) % a.count], b.points[k],
                              b.points[(k + 1) % b.count])) {
                return false;
            }
        }
    }
    return true;
}

static double radians(int32_t units) {
    return (double)units / UNITS_PER_DEGREE * PI / 180;
}

static struct flat flatten(struct geo_point origin, struct geo_point at) {
    return (struct flat){EARTH_RADIUS_M * (radians(at.lon) - radians(origin.lon)) *
                             cos(radians(origin.lat)),
                         EARTH_RADIUS_M * (radians(at.lat) - radians(origin.lat))};
}

static void outline_place(const struct geo_place *place, struct geo_point origin,
                          struct outline *out) {
    out->count = 0;
    if (place->count > 1) {
        for (size_t i = 0; i < place->count; i++) {
            out->points[out->count++] = flatten(origin, place->points[i]);
        }
        return;
    }
    struct flat centre = flatten(origin, place->points[0]);
    for (int i = 0; i < ARC_STEPS; i++) {
        double angle = 2 * PI * i / ARC_STEPS;
        out->points[out->count++] = (struct flat){centre.x + place->radius_m * sin(angle),
                                                  centre.y + place->radius_m * cos(angle)};
    }
}

/* Around the camera, which is the origin. */
static void outline_view(const struct geo_view *view, struct outline *out) {
    double from = ((double)view->facing_deg - view->angle_deg / 2.0) * PI / 180;
    double sweep = view->angle_deg * PI / 180;
    out->count = 0;
    if (view->angle_deg < 360) {
        out->points[out->count++] = (struct flat){0, 0};
    }
    for (int i = 0; i <= ARC_STEPS; i++) {
        double angle = from + sweep * i / ARC_STEPS;
        out->points[out->count++] =
            (struct flat){view->reach_m * sin(angle), view->reach_m * cos(angle)};
    }
}

static double cross(struct flat a, struct flat b, struct flat c) {
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

static bool segments_meet(struct flat a, struct flat b, struct flat c, struct flat d) {
    double abc = cross(a, b, c);
    double abd = cross(a, b, d);
    double cda = cross(c, d, a);
    double cdb = cross(c, d, b);
    return ((abc > 0) != (abd > 0)) && ((cda > 0) != (cdb > 0));
}

/* Even-odd rule. */
static bool inside(const struct outline *outline, struct flat at) {
    bool in = false;
    for (size_t i = 0, k = outline->count - 1; i < outline->count; k = i++) {
        struct flat a = outline->points[i];
        struct flat b = outline->points[k];
        if ((a.y > at.y) != (b.y > at.y) && at.x < (b.x - a.x) * (at.y - a.y) / (b.y - a.y) + a.x) {
            in = !in;
        }
    }
    return in;
}

static bool outlines_meet(const struct outline *a, const struct outline *b) {
    if (inside(a, b->points[0]) || inside(b, a->points[0])) {
        return true;
    }
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (segments_meet(a->points[i], a->points[(i + 1) % a->count], b->points[k],
                              b->points[(k + 1) % b->count])) {
                return true;
            }
        }
    }
    return false;
}

/* No two sides that are not neighbours meet, no corner comes twice. */
static bool is_simple(const struct geo_place *place) {
    size_t n = place->count;
    for (size_t i = 0; i < n; i++) {
        struct flat a = flatten(place->points[0], place->points[i]);
        struct flat b = flatten(place->points[0], place->points[(i + 1) % n]);
        for (size_t k = i + 1; k < n; k++) {
            if (place->points[i].lat == place->points[k].lat &&
                place->points[i].lon == place->points[k].lon) {
                return false;
            }
            bool neighbours = k == i + 1 || (i == 0 && k == n - 1);
            struct flat c = flatten(place->points[0], place->points[k]);
            struct flat d = flatten(place->points[0], place->points[(k + 1) % n]);
            if (!neighbours && segments_meet(a, b, c, d)) {
                return false;
            }
        }
    }
    return true;
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
