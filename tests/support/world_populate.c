/* A community of many homes without the months in which it grew.
 *
 * Every home joins by the protocol, at a sponsor that is up alone with it. What gossip would then
 * have carried, the certificates of those that came later and everybody's record, is written into
 * the stores while all are down: the very objects that the joins have made. So a home is as one
 * that joined last of all. Its log has its own joining and not the others'. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/support/world_parts.h"

enum {
    JOIN_MS = 30000,
    ALLOWANCE = 60, /* of the 64 that it might be: a home has doors for not quite so many invites */
};

struct pool { /* what every store is to hold */
    size_t count, room;
    struct store_object *rows; /* their bytes are owned */
};

static void join_at(struct world *world, int sponsor, int number);
static bool is_joined(struct world *world, void *context);
static void collect(struct world *world, int number, struct pool *pool);
static void add(struct pool *pool, const struct store_object *row);
static void hand_out(struct world *world, int number, const struct pool *pool);

void world_populate(struct world *world, size_t count, const struct world_terms *terms) {
    struct pool pool = {0};
    struct world_terms generous = *terms;
    int homes = (int)count;
    generous.invite_allowance = ALLOWANCE;
    world_found(world, 0, &generous);
    for (int sponsor = 0; 1 + sponsor * ALLOWANCE < homes; sponsor++) {
        if (world->homes[sponsor].core == NULL) {
            ASSERT(world_start(world, sponsor) == ERR_OK);
        }
        for (int i = 1 + sponsor * ALLOWANCE; i < homes && i <= (sponsor + 1) * ALLOWANCE; i++) {
            join_at(world, sponsor, i);
        }
        world_kill(world, sponsor);
    }
    world_kill(world, 0);
    for (int i = 0; i < homes; i++) {
        collect(world, i, &pool);
    }
    for (int i = 0; i < homes; i++) {
        hand_out(world, i, &pool);
    }
    for (size_t i = 0; i < pool.count; i++) {
        free((void *)(uintptr_t)pool.rows[i].object.at);
    }
    free(pool.rows);
}

/* Each at a moment of its own, as after a power cut. */
void world_start_all(struct world *world, int64_t within_ms) {
    uint64_t random = world->seed ^ UINT64_C(0x73746172742d7570);
    for (size_t i = 0; i < world->home_count; i++) {
        int64_t at = world->now + (int64_t)(world_draw(&random) % (uint64_t)(within_ms + 1));
        if (world->homes[i].core == NULL) {
            world_put(world, (struct world_event){.at = at, .what = HAPPENS_START, .home = (int)i},
                      NO_BYTES);
        }
    }
    world_run(world, within_ms);
}

/* Its allowance is for those who come after. */
static void join_at(struct world *world, int sponsor, int number) {
    char code[CODE_MAX_BYTES];
    world_invite_to_invite(world, sponsor, ALLOWANCE, code);
    ASSERT(world_join(world, number, code) == ERR_OK);
    ASSERT(world_run_until(world, JOIN_MS, is_joined, &number));
    world_kill(world, number);
}

static bool is_joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

/* Of every home what it has said of itself: its certificate, and its newest record. */
static void collect(struct world *world, int number, struct pool *pool) {
    const struct world_home *home = &world->homes[number];
    struct store_object row;
    ASSERT(store_begin(home->store) == ERR_OK);
    ASSERT(store_object_get(home->store, &home->certificate, &row) == ERR_OK);
    add(pool, &row);
    ASSERT(store_object_newest(home->store, OBJECT_NODE_RECORD, &home->certificate, &row) ==
           ERR_OK);
    add(pool, &row);
    store_roll_back(home->store);
}

static void add(struct pool *pool, const struct store_object *row) {
    if (pool->count == pool->room) {
        pool->room = pool->room * 2 + 64;
        pool->rows = realloc(pool->rows, pool->room * sizeof *pool->rows);
        ASSERT(pool->rows != NULL);
    }
    uint8_t *copy = malloc(row->object.len);
    ASSERT(copy != NULL);
    memcpy(copy, row->object.at, row->object.len);
    pool->rows[pool->count] = *row;
    pool->rows[pool->count++].object.at = copy;
}

static void hand_out(struct world *world, int number, const struct pool *pool) {
    struct store *store = world->homes[number].store;
    ASSERT(store_begin(store) == ERR_OK);
    for (size_t i = 0; i < pool->count; i++) {
        const struct store_object *row = &pool->rows[i];
        struct store_object old;
        if (row->kind == OBJECT_NODE_RECORD &&
            store_object_newest(store, row->kind, &row->author, &old) == ERR_OK &&
            !id_equal(&old.id, &row->id)) {
            ASSERT(store_object_remove(store, &old.id) == ERR_OK);
        }
        ASSERT(store_object_add(store, row) == ERR_OK); /* nothing when it is there */
    }
    ASSERT(store_commit(store) == ERR_OK);
}
