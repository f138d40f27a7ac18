/* What a clerk says of who belongs to its community, and when it says so anew (PROTOCOL 4.13). */
#include "tests/support/check.h"

#include <string.h>

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    CLERK, /* founded it */
    OTHER, /* a clerk too */
    MEMBER,
    LAST,
    HOMES,
    SECOND = DURATION_SECOND_MS,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    UPKEEP = 30 * SECOND, /* so often it looks */
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 64};

/* Each time with another community that there is not, for so many days. */
static void agree(struct world *world, uint8_t other, int64_t days) {
    struct id id;
    struct treaty treaty;
    world_treaty_with_nobody(world, CLERK, &treaty);
    treaty.sides[0].clerks[treaty.sides[0].clerk_count++] = world->homes[OTHER].node;
    treaty.sides[1].community.b[1] = other;
    treaty.until.ms = treaty.created.ms + days * DURATION_DAY_MS;
    CHECK_ERR(ERR_OK, world_treaty_make(world, CLERK, &treaty, &id));
}

static struct world *settle(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    agree(world, 0, 30);
    world_run(world, 2 * MINUTE);
    return world;
}

/* What one of the clerks said last. */
static struct roll newest_of(const struct world *world, int home) {
    const struct world_home *clerk = &world->homes[home];
    struct store_object row;
    struct signed_object object;
    struct roll roll;
    CHECK_ERR(ERR_OK, store_begin(clerk->store));
    CHECK_ERR(ERR_OK, store_object_newest(clerk->store, OBJECT_ROLL, &clerk->certificate, &row));
    CHECK_ERR(ERR_OK, signed_decode(row.object, &object));
    CHECK_ERR(ERR_OK, roll_decode(object.body, &roll));
    store_roll_back(clerk->store);
    return roll;
}

static struct roll newest(const struct world *world) {
    return newest_of(world, CLERK);
}

static int64_t age(const struct world *world) {
    return world_wall(world, CLERK).ms - newest(world).head.created.ms;
}

static bool is_new(struct world *world, void *context) {
    return newest(world).head.created.ms > *(const int64_t *)context;
}

static struct roll next(struct world *world) {
    int64_t before = newest(world).head.created.ms;
    CHECK(world_run_until(world, MINUTE + UPKEEP, is_new, &before));
    return newest(world);
}

static void skew(struct world *world, int64_t ms) {
    for (int i = 0; i < HOMES; i++) {
        world->homes[i].wall_skew += ms;
    }
}

/* A home of that node, `number` of several one after the other. */
static struct id bring_in(struct world *world, int node, uint64_t number) {
    struct buffer bytes;
    const struct id id =
        world_certify(world, CLERK, node, world_wall(world, CLERK), number, &bytes);
    CHECK_ERR(ERR_OK, world_take(world, CLERK, buffer_bytes(&bytes)));
    buffer_finish(&bytes);
    return id;
}

/* It comes and goes between two rolls. */
static struct id pass(struct world *world, uint64_t number) {
    const struct id id = bring_in(world, LAST, number);
    world_run(world, 10);
    CHECK_ERR(ERR_OK, world_remove_id(world, CLERK, &id, false));
    world_run(world, 10);
    return id;
}

static void test_a_clerk_says_the_same_once_a_day(void **state) {
    (void)state;
    struct world *world = settle(1);
    const struct roll first = newest(world);
    CHECK(first.member_count == HOMES && first.removed_count == 0);
    skew(world, DURATION_DAY_MS - age(world) - 2 * MINUTE);
    world_run(world, MINUTE);
    CHECK(newest(world).head.created.ms == first.head.created.ms);
    world_run(world, MINUTE + UPKEEP);
    CHECK(age(world) <= UPKEEP);
    CHECK(newest(world).member_count == HOMES);
    world_destroy(world);
}

/* Those elsewhere learn of a removal by it: soon, and of several at once. */
static void test_what_has_changed_is_said_a_minute_after_the_last_roll(void **state) {
    (void)state;
    struct world *world = settle(2);
    world_run(world, HOUR);
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, MEMBER, false));
    const struct roll one = next(world);
    CHECK(one.member_count == HOMES - 1 && one.removed_count == 1);
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, LAST, false));
    const struct roll both = next(world);
    const int64_t later = both.head.created.ms - one.head.created.ms;
    CHECK(later >= MINUTE && later <= MINUTE + UPKEEP);
    CHECK(both.member_count == HOMES - 2 && both.removed_count == 2);
    CHECK(id_equal(&both.removed[0], &world->homes[LAST].certificate));
    CHECK(id_equal(&both.removed[1], &world->homes[MEMBER].certificate));
    world_destroy(world);
}

/* Who joined, an act, and a treaty that is over without one. */
static void test_the_next_roll_says_whatever_has_changed(void **state) {
    (void)state;
    struct world *world = settle(6);
    struct act act;
    struct id id;
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, LAST, false));
    (void)next(world);
    const int64_t over = world_wall(world, CLERK).ms + DURATION_DAY_MS;
    agree(world, 1, 1);
    CHECK(next(world).treaty_count == 2);
    (void)bring_in(world, LAST, 1);
    struct roll roll = next(world);
    CHECK(roll.member_count == HOMES && roll.removed_count == 1);
    world_act(world, CLERK, &act);
    act.has_charter = true;
    act.charter.caps.live_requests--;
    CHECK_ERR(ERR_OK, world_endorse(world, CLERK, &act, NULL, &id));
    roll = next(world);
    CHECK(id_equal(&roll.act, &id) && roll.caps.live_requests == act.charter.caps.live_requests);
    skew(world, over - world_wall(world, CLERK).ms - MINUTE);
    CHECK(newest(world).treaty_count == 2);
    world_run(world, 2 * MINUTE);
    CHECK(newest(world).treaty_count == 1);
    world_destroy(world);
}

/* The clerk's key first, then as many as there is room for, the newest before the others. */
static void check_full(const struct world *world, const struct roll *roll, const struct id *last) {
    CHECK(roll->member_count == 1 && roll->removed_count == ROLL_REMOVED_MAX);
    CHECK(memcmp(roll->removed[0].b, world->homes[OTHER].node.b, sizeof roll->removed[0].b) == 0);
    for (int i = 1; i < ROLL_REMOVED_MAX; i++) {
        CHECK(id_equal(&roll->removed[i], last + 1 - i));
    }
}

/* Whoever was removed last is named, in the place of another and though no roll ever counted it. */
static void test_a_full_roll_names_those_who_were_removed_last(void **state) {
    (void)state;
    struct world *world = settle(3);
    struct id gone[ROLL_REMOVED_MAX]; /* as many as the clerk may bring in */
    int count = 0;
    for (int home = OTHER; home <= LAST; home++) {
        CHECK_ERR(ERR_OK, world_remove(world, CLERK, home, false));
        world_run(world, 10);
        gone[count++] = world->homes[home].certificate;
    }
    (void)next(world);
    while (count < ROLL_REMOVED_MAX - 1) {
        gone[count] = pass(world, (uint64_t)count);
        count++;
    }
    struct roll roll = next(world);
    check_full(world, &roll, &gone[count - 1]);
    gone[count] = pass(world, (uint64_t)count);
    roll = next(world);
    check_full(world, &roll, &gone[count]);
    world_destroy(world);
}

/* Longer than a request may live that an older roll vouches for. */
static void test_who_was_removed_is_named_for_ten_days(void **state) {
    (void)state;
    struct world *world = settle(8);
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, LAST, false));
    const int64_t over = world_wall(world, CLERK).ms + 10 * (int64_t)DURATION_DAY_MS;
    skew(world, over - world_wall(world, CLERK).ms - 2 * MINUTE);
    world_run(world, MINUTE);
    CHECK(newest(world).removed_count == 1);
    world_run(world, 2 * MINUTE);
    CHECK(newest(world).removed_count == 0);
    world_destroy(world);
}

/* It is named by the key that it signs rolls with, until it may sign them again. */
static void test_a_clerk_that_came_back_is_a_clerk_again(void **state) {
    (void)state;
    struct world *world = settle(4);
    const struct sign_public *node = &world->homes[OTHER].node;
    agree(world, 1, 30); /* once, though of two treaties */
    (void)next(world);
    world_kill(world, OTHER);
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, OTHER, false));
    const struct roll without = next(world);
    CHECK(without.removed_count == 2 && roll_removes(&without, node->b));
    (void)bring_in(world, OTHER, 1);
    const struct roll with = next(world);
    CHECK(with.member_count == HOMES && with.removed_count == 1 && !roll_removes(&with, node->b));
    CHECK(roll_removes(&with, world->homes[OTHER].certificate.b));
    world_destroy(world);
}

static void test_a_clerk_that_was_removed_says_nothing_more(void **state) {
    (void)state;
    struct world *world = settle(7);
    const struct roll last = newest_of(world, OTHER);
    CHECK_ERR(ERR_OK, world_remove(world, CLERK, OTHER, false));
    skew(world, DURATION_DAY_MS);
    world_run(world, 3 * MINUTE);
    CHECK(newest(world).head.created.ms > last.head.created.ms);
    CHECK(newest_of(world, OTHER).head.created.ms == last.head.created.ms);
    world_destroy(world);
}

/* Its clerk may be off, and the roll not removed yet. */
static void test_nobody_is_shown_to_belong_by_a_roll_that_has_ended(void **state) {
    (void)state;
    struct world *world = settle(5);
    struct core *core = world->homes[CLERK].core;
    const struct id *member = &world->homes[MEMBER].certificate;
    const int64_t ends = newest(world).head.expires.ms;
    for (int ended = 0; ended < 2; ended++) {
        SCOPED(buffer_finish) struct buffer bytes = {.max = CROSSING_OBJECT_MAX};
        struct membership membership;
        core->now.wall.ms = ends - 1 + ended;
        CHECK_ERR(ERR_OK, store_begin(core->store));
        CHECK_ERR(ended == 1 ? ERR_USER_NOT_FOUND : ERR_OK,
                  rolls_membership(core, member, &bytes, &membership));
        store_roll_back(core->store);
    }
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clerk_says_the_same_once_a_day),
        cmocka_unit_test(test_what_has_changed_is_said_a_minute_after_the_last_roll),
        cmocka_unit_test(test_the_next_roll_says_whatever_has_changed),
        cmocka_unit_test(test_a_full_roll_names_those_who_were_removed_last),
        cmocka_unit_test(test_who_was_removed_is_named_for_ten_days),
        cmocka_unit_test(test_a_clerk_that_came_back_is_a_clerk_again),
        cmocka_unit_test(test_a_clerk_that_was_removed_says_nothing_more),
        cmocka_unit_test(test_nobody_is_shown_to_belong_by_a_roll_that_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
