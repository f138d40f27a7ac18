/* Objects: one table for all nodes. An id is the object's number, mixed with the seed, so it is
 * found without a search, and looks like a hash. */
#include <stdlib.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    RETIRE_MS = 20 * 60 * 1000, /* after its end, on every clock */
};

uint32_t object_add(struct sim *sim, const struct object *object) {
    if (sim->object_count == sim->object_room) {
        sim->object_room = sim->object_room == 0 ? 256 : sim->object_room * 2;
        sim->objects = realloc(sim->objects, sim->object_room * sizeof sim->objects[0]);
        ASSERT(sim->objects != NULL);
    }
    sim->objects[sim->object_count] = *object;
    return sim->object_count++;
}

struct id object_id(const struct sim *sim, uint32_t object) {
    struct id id;
    write_u64(id.b, mix64(object ^ sim->params.seed << 32));
    for (size_t i = 8; i < sizeof id.b; i += 8) {
        write_u64(id.b + i, mix64_pair(sim->params.seed + i, object));
    }
    return id;
}

uint32_t object_find(const struct sim *sim, const struct id *id) {
    uint64_t number = unmix64(read_u64(id->b)) ^ sim->params.seed << 32;
    return number < sim->object_count ? (uint32_t)number : SIM_NONE;
}

bool object_held(const struct sim *sim, uint32_t object, uint32_t node) {
    const uint8_t *has = sim->objects[object].has;
    return has != NULL && (has[node / 8] >> node % 8 & 1) != 0;
}

void object_hold(struct sim *sim, uint32_t number, uint32_t node) {
    struct object *object = &sim->objects[number];
    if (object->has == NULL) {
        object->has = calloc(sim->node_room / 8 + 1, 1);
        ASSERT(object->has != NULL);
    }
    object->has[node / 8] |= (uint8_t)(1U << node % 8);
}

void object_let_go(struct sim *sim, uint32_t number, uint32_t node) {
    struct object *object = &sim->objects[number];
    if (object->has != NULL) {
        object->has[node / 8] &= (uint8_t) ~(1U << node % 8);
    }
}

void object_delivered(struct sim *sim, uint32_t number, uint32_t node) {
    struct object *object = &sim->objects[number];
    if (!home_is_honest(sim, node) || sim->nodes[node].up_at > object->sent_at) {
        return;
    }
    uint32_t delay = sim_now(sim) - object->sent_at;
    object->delivered++;
    object->last_at = sim_now(sim);
    sim->totals.delivered++;
    if (object->measured) {
        struct delays *delays = &sim->delays;
        delays->at[delay < DELAYS_MAX ? delay : DELAYS_MAX]++;
        delays->count++;
        delays->most = delay > delays->most ? delay : delays->most;
    }
}

void object_left(struct sim *sim, uint32_t node) {
    if (!home_is_honest(sim, node)) {
        return;
    }
    for (uint32_t i = sim->first_live; i < sim->object_count; i++) {
        struct object *object = &sim->objects[i];
        bool counted = object->measured && sim->nodes[node].up_at <= object->sent_at;
        if (counted && !object_held(sim, i, node) && object->reach > object->delivered) {
            object->reach--;
        }
    }
}

void object_retire(struct sim *sim) {
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    while (sim->first_live < sim->object_count &&
           sim->objects[sim->first_live].expires + RETIRE_MS < now) {
        check_retired(sim, sim->first_live);
        free(sim->objects[sim->first_live].has);
        sim->objects[sim->first_live++].has = NULL;
    }
}

uint32_t delays_percentile(const struct delays *delays, double of) {
    uint64_t wanted = (uint64_t)((double)delays->count * of);
    uint64_t seen = 0;
    for (uint32_t i = 0; i <= DELAYS_MAX; i++) {
        seen += delays->at[i];
        if (seen > wanted || seen == delays->count) {
            return i;
        }
    }
    return DELAYS_MAX;
}
