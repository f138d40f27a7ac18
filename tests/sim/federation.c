/* Where communities lie, who has a treaty with whom, and how their times run. */
#include "tests/sim/federation.h"

#include <stdlib.h>

#include "node/base/assert.h"

enum {
    LAT = 339500000, /* of the first community's middle, in 1e-7 degree */
    LON = -1173900000,
    HALF_LAT = 45000, /* of an area: 0.5 km */
    HALF_LON = 54000,
    MARGIN_LAT = 13500, /* by which it reaches into those beside it: 150 m */
    MARGIN_LON = 16200,
    PLACE_M = 50,
    HOUR_MS = 3600 * 1000,
    LIVES_MS = 2 * HOUR_MS,
    DAILY = 64,
};

static const struct { int x, y; } steps[DIRECTIONS] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};

static void found(struct federation *federation, uint32_t number);
static struct geo_point middle(const struct federation *federation, uint32_t number);
static void agree(struct federation *federation, uint32_t one, int direction);
static void choose_gateways(struct federation *federation, uint32_t number);
static struct id id_from(uint64_t seed, uint64_t number);
static void catch_up(struct federation *federation, uint32_t until);
static struct geo_place where(const struct federation *federation, const uint32_t *touched,
                              uint32_t count);

struct federation *federation_create(const struct params *params) {
    struct federation *federation = calloc(1, sizeof *federation);
    ASSERT(federation != NULL);
    federation->params = *params;
    federation->rng.state = params->seed ^ 0xfede;
    federation->count = params->communities;
    while (federation->columns * federation->columns < federation->count) {
        federation->columns++;
    }
    federation->list = calloc(federation->count, sizeof federation->list[0]);
    federation->pacts = calloc(2 * (size_t)federation->count, sizeof federation->pacts[0]);
    federation->delays.at = calloc(DELAYS_MAX + 1, sizeof(uint32_t));
    ASSERT(federation->list != NULL);
    ASSERT(federation->pacts != NULL);
    ASSERT(federation->delays.at != NULL);
    for (uint32_t i = 0; i < federation->count; i++) {
        found(federation, i);
    }
    for (uint32_t i = 0; i < federation->count; i++) {
        agree(federation, i, 0);
        agree(federation, i, 1);
    }
    for (uint32_t i = 0; i < federation->count; i++) {
        choose_gateways(federation, i);
    }
    return federation;
}

void federation_destroy(struct federation *federation) {
    for (uint32_t i = 0; i < federation->count; i++) {
        struct community *community = &federation->list[i];
        for (uint32_t k = 0; k < community->came_count; k++) {
            for (uint32_t s = 0; s < community->came[k].said_count; s++) {
                free(community->came[k].said[s].to);
            }
            free(community->came[k].has);
        }
        free(community->came);
        if (community->sim != NULL) {
            sim_destroy(community->sim);
        }
    }
    for (uint32_t i = 0; i < federation->asked_count; i++) {
        free(federation->asked[i]);
    }
    free(federation->asked);
    free(federation->carries);
    free(federation->delays.at);
    free(federation->pacts);
    free(federation->list);
    free(federation);
}

/* ---- the grid ---- */

static void found(struct federation *federation, uint32_t number) {
    struct community *community = &federation->list[number];
    struct geo_point at = middle(federation, number);
    const int32_t lat = HALF_LAT + MARGIN_LAT;
    const int32_t lon = HALF_LON + MARGIN_LON;
    *community = (struct community){.federation = federation,
                                    .number = number,
                                    .id = id_from(federation->params.seed, number),
                                    .area = {.count = 4,
                                             .points = {{at.lat - lat, at.lon - lon},
                                                        {at.lat - lat, at.lon + lon},
                                                        {at.lat + lat, at.lon + lon},
                                                        {at.lat + lat, at.lon - lon}}}};
    for (int i = 0; i < DIRECTIONS; i++) {
        community->pacts[i] = SIM_NONE;
    }
    border_between(community);
}

static struct geo_point middle(const struct federation *federation, uint32_t number) {
    return (struct geo_point){LAT + (int32_t)(number / federation->columns) * 2 * HALF_LAT,
                              LON + (int32_t)(number % federation->columns) * 2 * HALF_LON};
}

uint32_t federation_beside(const struct federation *federation, uint32_t number, int direction) {
    int64_t columns = federation->columns;
    int64_t x = number % federation->columns + steps[direction].x;
    int64_t y = number / federation->columns + steps[direction].y;
    bool there = x >= 0 && x < columns && y >= 0 && y * columns + x < federation->count;
    return there ? (uint32_t)(y * columns + x) : SIM_NONE;
}

static void agree(struct federation *federation, uint32_t one, int direction) {
    uint32_t other = federation_beside(federation, one, direction);
    if (other == SIM_NONE) {
        return;
    }
    struct pact *pact = &federation->pacts[federation->pact_count];
    struct community *sides[2] = {&federation->list[one], &federation->list[other]};
    int first = id_compare(&sides[0]->id, &sides[1]->id) < 0 ? 0 : 1;
    struct treaty *treaty = &pact->treaty;
    *treaty = (struct treaty){.side_count = 2,
                              .instruments = 1 << INSTRUMENT_VOLUNTARY,
                              .roles = 1 << MEMBER_HOME,
                              .caps = CAPS_DEFAULT,
                              .daily = DAILY};
    for (int i = 0; i < 2; i++) {
        struct treaty_side *side = &treaty->sides[i];
        side->community = sides[i == first ? 0 : 1]->id;
        side->has_area = true;
        side->area = sides[i == first ? 0 : 1]->area;
    }
    pact->id = id_from(federation->params.seed ^ 0x7ea, federation->pact_count);
    pact->sides[0] = one;
    pact->sides[1] = other;
    sides[0]->pacts[direction] = federation->pact_count;
    sides[1]->pacts[(direction + 2) % DIRECTIONS] = federation->pact_count++;
}

/* Of one community no home twice: a shuffle of which the first are taken. */
static void choose_gateways(struct federation *federation, uint32_t number) {
    struct community *community = &federation->list[number];
    uint32_t nodes = federation->params.nodes;
    uint32_t *order = calloc(nodes, sizeof *order);
    uint32_t taken = 0;
    ASSERT(order != NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        order[i] = i;
    }
    for (int i = 0; i < DIRECTIONS; i++) {
        struct pact *pact =
            community->pacts[i] == SIM_NONE ? NULL : &federation->pacts[community->pacts[i]];
        for (uint32_t k = 0; pact != NULL && k < GATEWAYS; k++) {
            uint32_t other = taken + rng_below(&federation->rng, nodes - taken);
            uint32_t node = order[other];
            order[other] = order[taken];
            order[taken++] = node;
            pact->gateways[k].nodes[pact->sides[0] == number ? 0 : 1] = node;
        }
    }
    free(order);
}

static struct id id_from(uint64_t seed, uint64_t number) {
    struct id id;
    for (size_t i = 0; i < sizeof id.b; i += 8) {
        write_u64(id.b + i, mix64_pair(mix64_pair(seed, i), number));
    }
    return id;
}

/* ---- time ---- */

/* Until it is warm nothing passes between communities, so each runs by itself. */
bool federation_warm_one(struct federation *federation, uint32_t number) {
    struct community *community = &federation->list[number];
    struct params params = federation->params;
    params.seed = mix64_pair(federation->params.seed, number);
    community->sim = sim_create(&params, false);
    community->sim->border = &community->border;
    return sim_warm(community->sim) &&
           sim_run(community->sim, sim_now(community->sim) + params.drain_s * 1000);
}

bool federation_warm(struct federation *federation) {
    for (uint32_t i = 0; i < federation->count; i++) {
        if (!federation_warm_one(federation, i)) {
            federation->broken = federation->list[i].sim->broken;
            federation->broken_in = i;
            return false;
        }
        federation->list[i].stray = (struct spent){0};
    }
    federation->now = sim_now(federation->list[0].sim);
    return true;
}

/* Those where nothing happens that others may hear of are behind until they are needed. */
bool federation_run(struct federation *federation, uint32_t ms) {
    uint32_t end = federation->now + ms;
    while (federation->now < end && federation->broken.name == NULL) {
        federation->now = federation->now + CARRY_MS < end ? federation->now + CARRY_MS : end;
        for (uint32_t i = 0; i < federation->count; i++) {
            if (federation->list[i].busy) {
                (void)sim_run(federation->list[i].sim, federation->now);
            }
        }
        border_carry(federation, federation->now);
    }
    catch_up(federation, end);
    return federation->broken.name == NULL;
}

static void catch_up(struct federation *federation, uint32_t until) {
    for (uint32_t i = 0; i < federation->count; i++) {
        struct community *community = &federation->list[i];
        if (federation->broken.name == NULL && !sim_run(community->sim, until)) {
            federation->broken = community->sim->broken;
            federation->broken_in = i;
        }
        community->busy = false;
    }
}

/* ---- asking ---- */

struct id federation_next_id(const struct federation *federation, uint32_t community) {
    const struct sim *sim = federation->list[community].sim;
    return object_id(sim, sim->object_count);
}

uint32_t federation_ask(struct federation *federation, const uint32_t *touched, uint32_t count) {
    struct community *here = &federation->list[touched[0]];
    struct asked *asked = calloc(1, sizeof *asked);
    ASSERT(asked != NULL);
    if (federation->asked_count == federation->asked_room) {
        federation->asked_room = federation->asked_room == 0 ? 64 : 2 * federation->asked_room;
        federation->asked =
            realloc(federation->asked, federation->asked_room * sizeof(struct asked *));
        ASSERT(federation->asked != NULL);
    }
    federation->asked[federation->asked_count++] = asked;
    struct instant now = home_now(here->sim, SIM_NONE).wall;
    asked->id = federation_next_id(federation, touched[0]);
    asked->at = federation->now;
    asked->request = (struct request){
        .head = {.community = here->id, .created = now, .expires = {now.ms + LIVES_MS}},
        .place = where(federation, touched, count),
        .from = {now.ms - HOUR_MS},
        .to = now,
        .instrument.kind = INSTRUMENT_VOLUNTARY};
    asked->touched_count = count;
    for (uint32_t i = 0; i < count; i++) {
        asked->touched[i] = touched[i];
    }
    const struct object object = {.created = now.ms,
                                  .expires = asked->request.head.expires.ms,
                                  .author = home_random(here->sim),
                                  .sent_at = federation->now,
                                  .last_at = federation->now,
                                  .replaces = SIM_NONE,
                                  .asked = federation->asked_count,
                                  .size = (uint16_t)federation->params.size};
    here->busy = true;
    home_put(here->sim, object.author, &object);
    return federation->asked_count - 1;
}

/* From the middle of the first, half the way to each of the others. */
static struct geo_place where(const struct federation *federation, const uint32_t *touched,
                              uint32_t count) {
    struct geo_point here = middle(federation, touched[0]);
    struct geo_place place = {.radius_m = PLACE_M, .count = 1, .points = {here}};
    for (uint32_t i = 1; i < count; i++) {
        struct geo_point there = middle(federation, touched[i]);
        place.points[0].lat += (there.lat - here.lat) / 2;
        place.points[0].lon += (there.lon - here.lon) / 2;
    }
    return place;
}
