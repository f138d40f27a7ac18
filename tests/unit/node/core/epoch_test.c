/* What a removal adds to the epoch key (PROTOCOL 4.8): it is what the removal commits to or
 * nothing, whoever says it and in whatever order. Who knows no more than a member says it here. */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    ADMINISTRATOR,
    LIAR, /* a member in standing, in hostile hands */
    REMOVED,
    VICTIM,
    HOMES,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 8};

/* Everybody but the victim knows of a removal, and what it adds; the liar talks to the victim. */
static struct rig {
    struct world *world;
    struct world_insider liar;
    struct buffer removal; /* signed */
    struct store_epoch part;
} rig;

static enum err visit_removal(void *context, const struct store_object *row) {
    (void)context;
    rig.part.removal = row->id;
    return buffer_append(&rig.removal, row->object);
}

static int start(void **state) {
    struct world *world = world_create(61, HOMES, NULL);
    (void)state;
    rig = (struct rig){.world = world, .removal = {.max = SIGNED_GOSSIP_MAX}};
    world_settle(world, &terms);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_certificate(world, i));
        world_cut(world, i, VICTIM, i != VICTIM);
    }
    CHECK_ERR(ERR_OK, world_remove(world, ADMINISTRATOR, REMOVED, false));
    struct store *store = world->homes[ADMINISTRATOR].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_REMOVAL, visit_removal, NULL));
    const struct id removal = rig.part.removal;
    CHECK_ERR(ERR_OK, store_epoch_get(store, &removal, &rig.part));
    store_roll_back(store);
    CHECK(!world_same_epoch(world, ADMINISTRATOR, VICTIM));
    world_kill(world, LIAR);
    CHECK(world_insider_return(world, LIAR, VICTIM, &rig.liar));
    return 0;
}

static int finish(void **state) {
    (void)state;
    world_insider_hang_up(&rig.liar);
    buffer_finish(&rig.removal);
    world_destroy(rig.world);
    return 0;
}

static bool say(const struct id *removal, uint8_t change) {
    struct link_message message = {.kind = LINK_EPOCH, .as.epoch.removal = *removal};
    memcpy(message.as.epoch.key, rig.part.key, sizeof message.as.epoch.key);
    message.as.epoch.key[0] ^= change;
    return world_insider_say(&rig.liar, &message);
}

static bool say_right(void) {
    return say(&rig.part.removal, 0);
}

static bool say_wrong(void) {
    return say(&rig.part.removal, 1);
}

static bool has_the_key(void) {
    return world_same_epoch(rig.world, ADMINISTRATOR, VICTIM);
}

static void test_what_a_removal_does_not_commit_to_is_its_bringers_fault(void **state) {
    (void)state;
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    CHECK(!say_wrong());
    CHECK(!has_the_key());
    world_insider_hang_up(&rig.liar);
    CHECK(world_insider_return(rig.world, LIAR, VICTIM, &rig.liar));
    CHECK(say_right());
    CHECK(has_the_key());
}

static void test_what_overtakes_its_removal_waits_for_it(void **state) {
    (void)state;
    CHECK(say_right());
    CHECK(!has_the_key());
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    CHECK(has_the_key());
}

/* Nobody can tell yet which is the lie, so nobody is blamed. */
static void test_a_lie_that_came_first_keeps_nothing_out(void **state) {
    (void)state;
    CHECK(say_wrong());
    CHECK(say_right());
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    CHECK(has_the_key());
    CHECK(say_right()); /* it is known: nothing */
    CHECK(say_wrong());
    CHECK(has_the_key());
}

static void test_a_lie_that_came_second_pushes_nothing_out(void **state) {
    (void)state;
    CHECK(say_right());
    CHECK(say_wrong());
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    CHECK(has_the_key());
}

static void test_a_lie_alone_changes_nothing(void **state) {
    (void)state;
    uint8_t before[EPOCH_KEY_BYTES];
    uint8_t after[EPOCH_KEY_BYTES];
    world_epoch(rig.world, VICTIM, before);
    CHECK(say_wrong());
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    world_epoch(rig.world, VICTIM, after);
    assert_memory_equal(before, after, sizeof before);
    CHECK(say_right());
    CHECK(has_the_key());
}

/* There is room for a few that overtook theirs: what is pushed out has to be said again. */
static void test_parts_of_removals_that_never_come_take_no_more_than_their_room(void **state) {
    (void)state;
    CHECK(say_right());
    for (unsigned i = 0; i < EPOCHS_PENDING; i++) {
        const struct id none = {{(uint8_t)i, 1}};
        CHECK(say(&none, 0));
    }
    CHECK(world_insider_gossip(&rig.liar, buffer_bytes(&rig.removal)));
    CHECK(!has_the_key());
    CHECK(say_right());
    CHECK(has_the_key());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_removal_does_not_commit_to_is_its_bringers_fault),
        TEST(test_what_overtakes_its_removal_waits_for_it),
        TEST(test_a_lie_that_came_first_keeps_nothing_out),
        TEST(test_a_lie_that_came_second_pushes_nothing_out),
        TEST(test_a_lie_alone_changes_nothing),
        TEST(test_parts_of_removals_that_never_come_take_no_more_than_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
