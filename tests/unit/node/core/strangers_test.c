/* What a peer gets by saying nothing. tests/e2e/strangers_test.py has the rest, at a live node. */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/world.h"

enum {
    ASKER,
    IDLER,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static bool has_request(struct world *world, void *context) {
    return world_has_object(world, IDLER, context);
}

/* Whoever may deliver may dial; who then says nothing does not keep its slot. */
static void test_a_delivery_link_on_which_nothing_comes_is_closed(void **state) {
    (void)state;
    struct world *world = world_create(7, HOMES, NULL);
    struct request request;
    struct id id;
    struct world_insider insider;
    world_settle(world, &terms);
    world_voluntary(world, ASKER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &request, &id));
    CHECK(world_run_until(world, MINUTE, has_request, &id));
    world_kill(world, IDLER);
    CHECK(world_insider_dial(world, IDLER, ASKER, &id, (struct bytes){NULL, 0}, &insider));
    world_run(world, MINUTE);
    CHECK(insider.open);
    world_run(world, MINUTE + DURATION_SECOND_MS);
    CHECK(!insider.open);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_delivery_link_on_which_nothing_comes_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
