/* What is told by the catch-up door (PROTOCOL 4.8): all that decides who is a member, once. */
#include "tests/support/check.h"

#include "node/core/parts.h"
#include "tests/support/away.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    HOMES = 3,
    MINUTE = DURATION_MINUTE_MS,
};

static struct world *settled(uint64_t seed) {
    static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    return world;
}

/* Another one in the first act's place: one of the two loses. */
static void act_twice(struct world *world) {
    const struct sign_secret *owner = &world->homes[0].owners[0].sign;
    for (int i = 0; i < 2; i++) {
        struct act act;
        SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
        SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
        world_act(world, 0, &act);
        act.previous = world->community;
        act.has_charter = true;
        act.charter.caps.area_m2 = 5000 + (uint32_t)i;
        CHECK_ERR(ERR_OK, act_encode(&act, &body));
        (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), &owner, 1, &bytes);
        (void)world_take(world, 0, buffer_bytes(&bytes));
    }
}

static enum err count_row(void *context, const struct store_object *row) {
    (void)row;
    ++*(uint64_t *)context;
    return ERR_OK;
}

static uint64_t count_acts(const struct world *world) {
    struct store *store = world->homes[0].store;
    uint64_t count = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_ACT, count_row, &count));
    store_roll_back(store);
    return count;
}

static void test_an_act_that_lost_is_not_told(void **state) {
    (void)state;
    struct world *world = settled(1);
    const uint64_t before = away_tell(world, 0, 0, NULL);
    const uint64_t acts = count_acts(world);
    act_twice(world);
    CHECK(count_acts(world) == acts + 2);
    CHECK(away_tell(world, 0, 0, NULL) == before + 1);
    world_destroy(world);
}

static void test_what_a_slow_link_does_not_take_is_told_when_it_has_drained(void **state) {
    (void)state;
    struct world *world = settled(2);
    size_t rounds = 0;
    CHECK_ERR(ERR_OK, world_remove(world, 0, 2, false));
    world_run(world, MINUTE);
    const uint64_t at_once = away_tell(world, 0, 0, &rounds);
    CHECK(rounds == 0 && at_once > 4);
    CHECK(away_tell(world, 0, CORE_QUEUE_MAX, &rounds) == at_once);
    CHECK(rounds >= at_once); /* one part at a time */
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_act_that_lost_is_not_told),
        cmocka_unit_test(test_what_a_slow_link_does_not_take_is_told_when_it_has_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
