/* Places on the earth, WGS 84, in units of 1e-7 degree (about 1 cm), so that they have one
 * spelling.
 *
 * A place is a circle or a closed simple polygon. Distances and areas are spherical (mean radius
 * 6371008.8 m), good to 0.6 %: caps and matching need no more. No polygon may hold a pole or cross
 * the 180th meridian: geo_place_valid refuses it, so the plane arithmetic inside is sound. */
#ifndef NODE_BASE_GEO_H
#define NODE_BASE_GEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/base/err.h"

enum {
    GEO_POINTS_MAX = 64,       /* corners of a polygon: a city block needs 20 */
    GEO_RADIUS_MAX_M = 100000, /* far beyond every cap */
    GEO_REACH_MAX_M = 1000,    /* how far a camera can be said to see */
};

struct geo_point {
    int32_t lat; /* -900000000 to 900000000 */
    int32_t lon; /* -1800000000 to 1800000000 */
};

struct geo_place {
    uint32_t radius_m; /* circle around points[0] when count is 1, else 0 */
    size_t count;      /* 1, or 3 to GEO_POINTS_MAX without repeating the first */
    struct geo_point points[GEO_POINTS_MAX];
};

/* What a camera sees: a sector, or a full circle when angle_deg is 360. */
struct geo_view {
    struct geo_point at;
    uint32_t reach_m;    /* 1 to GEO_REACH_MAX_M */
    uint32_t facing_deg; /* 0 to 359, clockwise from north */
    uint32_t angle_deg;  /* 1 to 360 */
};

/* "52.5200,13.4050": decimal degrees, at most 7 places. ERR_USER_PLACE. What geo_point_write()
 * writes reads as the same point. */
MUST_USE enum err geo_point_parse(const char *text, struct geo_point *out);
void geo_point_write(struct geo_point at, char text[32]);

bool geo_place_valid(const struct geo_place *place); /* in bounds, simple, no pole, no date line */
bool geo_view_valid(const struct geo_view *view);
double geo_place_area_m2(const struct geo_place *place);
double geo_distance_m(struct geo_point a, struct geo_point b);
bool geo_place_meets_view(const struct geo_place *place, const struct geo_view *view);
/* Wholly inside, for a charter's service area; borders may touch. */
bool geo_place_inside(const struct geo_place *inner, const struct geo_place *outer);

#endif
