/* Requests with and without secrecy, days that pass, homes that die at any turn: whatever happens,
 * each is on record once at each home, withheld ones name nothing before their day, and each is
 * published once behind it (P7, P12, PROTOCOL 8.7). */
#include <stdio.h>
#include <string.h>

#include "node/log/log.h"
#include "proto/log_head.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    HOMES = 3,
    SEEDS = 4,
    STEPS = 14,
    ASKED_MAX = STEPS,
    SLOT_MS = 10 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

#define DAYS(n) ((n) * (int64_t)DURATION_DAY_MS)

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

struct model {
    size_t count;
    struct {
        struct id id;
        int64_t ends; /* wall time; 0: never was secret */
    } asked[ASKED_MAX];
};

static uint64_t next(uint64_t *random, uint64_t below) {
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % below;
}

static void ask(struct world *world, struct model *model, uint64_t *random) {
    struct request request;
    struct instrument *instrument = &request.instrument;
    int home = (int)next(random, HOMES);
    int64_t ends = 0;
    world_warrant(world, home, 3 * HOUR, &request);
    (void)snprintf(request.reason, sizeof request.reason, "A car that drove off, number %zu",
                   model->count);
    if (next(random, 3) != 0) {
        instrument->non_disclosure = true;
        (void)snprintf(instrument->non_disclosure_authority,
                       sizeof instrument->non_disclosure_authority, "D. Whitfield");
        instrument->non_disclosure_issued.ms = request.head.created.ms - HOUR;
        ends = request.head.created.ms + HOUR + (int64_t)next(random, (uint64_t)DAYS(8));
        instrument->non_disclosure_expires.ms = ends;
    }
    if (world_request(world, home, &request, &model->asked[model->count].id) == ERR_OK) {
        model->asked[model->count++].ends = ends;
        world_run(world, MINUTE); /* everybody has it */
    }
}

/* Public leaves of this home that begin with one of two words, and name the request. */
static size_t naming(struct world *world, int home, const char *first, const char *second,
                     const struct id *about, struct log_entry *out) {
    struct store *store = world->homes[home].store;
    uint64_t count = 0;
    size_t found = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_leaf_count(store, &count));
    for (uint64_t i = 0; i < count; i++) {
        struct store_leaf row;
        struct log_entry entry;
        CHECK_ERR(ERR_OK, store_leaf_get(store, i, &row));
        if (log_entry_read(row.leaf, &entry) == ERR_OK && id_equal(&entry.a, about) &&
            (strcmp(log_kind_word(entry.kind), first) == 0 ||
             strcmp(log_kind_word(entry.kind), second) == 0)) {
            found++;
            *out = entry;
        }
    }
    store_roll_back(store);
    return found;
}

static void check_all(struct world *world, const struct model *model, uint64_t seed) {
    for (int home = 0; home < HOMES; home++) {
        for (size_t i = 0; i < model->count; i++) {
            struct log_entry entry = {.kind = LOG_STARTED};
            struct log_entry before;
            struct id hash;
            const struct id *id = &model->asked[i].id;
            bool secret = model->asked[i].ends > world_wall(world, home).ms;
            size_t plain = naming(world, home, "request_seen", "request_made", id, &entry);
            size_t published =
                naming(world, home, "request_published", "request_published", id, &entry);
            bool good = model->asked[i].ends == 0 ? plain == 1 && published == 0
                        : secret                  ? plain == 0 && published == 0
                                                  : plain == 0 && published == 1;
            if (good && published == 1) {
                log_withheld(&entry.b, id, &hash);
                good = naming(world, home, "request_withheld", "", &hash, &before) == 1;
            }
            if (!good) {
                fail_msg("seed %d, home %d, request %zu: plain %zu, published %zu", (int)seed, home,
                         i, plain, published);
            }
        }
        CHECK(world_log_verifies(world, home));
    }
}

static void test_each_request_is_named_once_and_on_its_day(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_create(900 + seed, HOMES, NULL);
        struct model model = {0};
        uint64_t random = seed;
        world_settle(world, &terms);
        for (int step = 0; step < STEPS; step++) {
            int64_t passes = (int64_t)next(&random, (uint64_t)DAYS(2));
            ask(world, &model, &random);
            if (next(&random, 2) == 0) {
                world_doom(world, (int)next(&random, HOMES),
                           next(&random, 2) == 0 ? WORLD_DIES_BEFORE_COMMIT
                                                 : WORLD_DIES_BEFORE_RELEASE,
                           1 + next(&random, 60));
            }
            for (int home = 0; home < HOMES; home++) {
                world->homes[home].wall_skew += passes;
            }
            world_run(world, 3 * MINUTE); /* upkeep, and a start where one died */
            check_all(world, &model, seed);
        }
        CHECK(model.count > STEPS / 2);
        world_destroy(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_request_is_named_once_and_on_its_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
