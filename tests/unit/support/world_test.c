/* What the world does to its homes is what it says that it does. */
#include "tests/support/check.h"

#include <string.h>

#include "tests/support/world.h"

enum {
    MINUTE = DURATION_MINUTE_MS,
    DEAD_AFTER = 20000, /* a link that is silent is given up */
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static struct world *two(void) {
    struct world *world = world_create(5, 2, NULL);
    world_settle(world, &terms);
    return world;
}

static void test_every_home_has_keys_and_an_address_of_its_own(void **state) {
    (void)state;
    struct world *world = world_create(1, 60, NULL);
    for (int i = 0; i < 60; i++) {
        const struct world_home *a = &world->homes[i];
        char address[ADDRESS_MAX_BYTES];
        world_address(i, address);
        CHECK(world_home_at(address) == i);
        for (int k = 0; k < i; k++) {
            const struct world_home *b = &world->homes[k];
            CHECK(!sign_public_equal(&a->node, &b->node));
            CHECK(!sign_public_equal(&a->log, &b->log));
            CHECK(!sign_public_equal(&a->owner_publics[0].sign, &b->owner_publics[0].sign));
            CHECK(!box_public_equal(&a->transport, &b->transport));
            CHECK(!box_public_equal(&a->owner_publics[0].box, &b->owner_publics[0].box));
        }
    }
    for (int i = 0; i < WORLD_HOMES_MAX; i++) {
        char address[ADDRESS_MAX_BYTES];
        world_address(i, address);
        CHECK(world_home_at(address) == i);
    }
    world_destroy(world);
}

static void test_a_short_hush_only_delays(void **state) {
    (void)state;
    struct world *world = two();
    struct request request;
    struct id id;
    world_hush(world, 1, 0, 8000);
    world_voluntary(world, 1, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &id));
    world_run(world, 7900);
    CHECK(!world_has_object(world, 0, &id));
    CHECK(world_links(world, 0) == 1);
    world_run(world, 300);
    CHECK(world_has_object(world, 0, &id));
    world_destroy(world);
}

/* One direction is enough for both to give up; when it is over they find each other again. */
static void test_a_long_hush_ends_the_link(void **state) {
    (void)state;
    struct world *world = two();
    world_hush(world, 1, 0, 2 * (int64_t)MINUTE);
    world_run(world, DEAD_AFTER);
    CHECK(world_links(world, 0) == 0);
    CHECK(world_links(world, 1) == 0);
    world_run(world, 8 * (int64_t)MINUTE);
    CHECK(world_links(world, 0) == 1);
    CHECK(world_links(world, 1) == 1);
    world_destroy(world);
}

static void test_who_does_not_read_hears_later(void **state) {
    (void)state;
    struct world *world = two();
    struct request request;
    struct id id;
    world_stall(world, 1, 6000);
    world_voluntary(world, 0, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, 0, &request, &id));
    world_run(world, 5900);
    CHECK(!world_has_object(world, 1, &id));
    world_run(world, 300);
    CHECK(world_has_object(world, 1, &id));
    world_destroy(world);
}

struct waiting {
    int home;
    size_t most;
};

static void visit_waiting(void *context, int home, int peer, uint64_t link, size_t waiting) {
    struct waiting *found = context;
    (void)peer;
    (void)link;
    if (home == found->home && waiting > found->most) {
        found->most = waiting;
    }
}

static void test_a_slow_reader_leaves_bytes_waiting(void **state) {
    (void)state;
    struct waiting quick = {.home = 0};
    struct waiting slow = {.home = 0};
    struct world *world = two();
    struct request request;
    struct id id;
    for (int i = 0; i < 2; i++) {
        struct waiting *found = i == 0 ? &quick : &slow;
        world->homes[1].read_rate = i == 0 ? 0 : 100;
        world_voluntary(world, 0, DURATION_HOUR_MS + i, &request);
        CHECK_ERR(ERR_OK, world_request(world, 0, &request, &id));
        for (int k = 0; k < 50; k++) {
            world_run(world, 100);
            world_links_each(world, visit_waiting, found);
        }
    }
    CHECK(slow.most > 500);
    CHECK(slow.most > quick.most);
    world_destroy(world);
}

/* A short sleep is not even noticed; after a long one the links come again. Its wall clock is right
 * at once, and its monotonic one has missed it all. */
static void test_a_home_that_slept_goes_on(void **state) {
    (void)state;
    struct world *world = two();
    struct request request;
    struct id id;
    world_sleep(world, 1, 3 * (int64_t)MINUTE);
    CHECK(!world_is_up(world, 1));
    size_t turns = world->homes[1].turns;
    world_voluntary(world, 0, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, 0, &request, &id));
    world_run(world, 3 * (int64_t)MINUTE - 100);
    CHECK(world->homes[1].turns == turns);
    CHECK(world_links(world, 0) == 0);
    world_run(world, 6 * (int64_t)MINUTE);
    CHECK(world_is_up(world, 1));
    CHECK(world_links(world, 0) == 1);
    CHECK(world_has_object(world, 1, &id));
    CHECK(world->homes[1].slept == 3 * (int64_t)MINUTE);
    world_destroy(world);
}

static void test_a_home_that_is_doomed_dies_and_comes_back(void **state) {
    (void)state;
    struct world *world = two();
    world_doom(world, 1, WORLD_DIES_BEFORE_COMMIT, 3);
    world_run(world, MINUTE);
    CHECK(world->homes[1].died);
    CHECK(world->homes[1].starts == 2);
    CHECK(world_links(world, 1) == 1);
    world_destroy(world);
}

struct kinds {
    size_t members, records, others, signatures;
};

static enum err visit_kinds(void *context, const struct store_object *row) {
    struct kinds *kinds = context;
    struct signed_object object;
    CHECK_ERR(ERR_OK, signed_decode(row->object, &object));
    kinds->members += row->kind == OBJECT_MEMBER ? 1 : 0;
    kinds->records += row->kind == OBJECT_NODE_RECORD ? 1 : 0;
    kinds->others += row->kind != OBJECT_MEMBER && row->kind != OBJECT_NODE_RECORD ? 1 : 0;
    kinds->signatures += object.count;
    return ERR_OK;
}

static struct kinds kinds_of(struct world *world, int home) {
    struct kinds kinds = {0};
    struct store *store = world->homes[home].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_UNKNOWN, visit_kinds, &kinds));
    store_roll_back(store);
    return kinds;
}

/* The stores hold what they hold when all have joined one after the other, and the homes go on as
 * these do: they link, ask, and let others in. */
static void test_a_populated_community_is_as_one_that_has_joined(void **state) {
    (void)state;
    enum {
        HOMES = 6
    };
    struct world *joined = world_create(8, HOMES, NULL);
    struct world *world = world_create(8, HOMES + 1, NULL);
    struct request request;
    struct id id;
    char code[CODE_MAX_BYTES];
    world_settle(joined, &terms);
    world_populate(world, HOMES, &terms);
    for (int i = 0; i < HOMES; i++) {
        struct kinds a = kinds_of(joined, i);
        struct kinds b = kinds_of(world, i);
        CHECK(b.members == HOMES && b.records == HOMES && b.others == 0);
        CHECK(memcmp(&a, &b, sizeof a) == 0);
    }
    world_start_all(world, 10000);
    world_run(world, MINUTE);
    world_voluntary(world, 3, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, 3, &request, &id));
    world_invite(world, 4, MEMBER_HOME, DURATION_DAY_MS, code);
    CHECK_ERR(ERR_OK, world_join(world, HOMES, code));
    world_run(world, MINUTE);
    for (int i = 0; i <= HOMES; i++) {
        CHECK(world_links(world, i) == HOMES);
        CHECK(world->reply.as.status.members == HOMES + 1);
        CHECK(world_has_object(world, i, &id));
        CHECK(world_log_verifies(world, i));
    }
    world_destroy(joined);
    world_destroy(world);
}

static void test_two_insiders_talk_at_once(void **state) {
    (void)state;
    struct world *world = world_create(6, 3, NULL);
    struct world_insider insiders[2];
    const struct link_message ping = {.kind = LINK_PING, .as.ping.nonce = 7};
    world_settle(world, &terms);
    world_kill(world, 1);
    world_kill(world, 2);
    for (int i = 0; i < 2; i++) {
        CHECK(world_insider_dial(world, 1 + i, 0, NULL, (struct bytes){NULL, 0}, &insiders[i]));
    }
    for (int i = 0; i < 2; i++) {
        struct link_message heard;
        bool pong = false;
        CHECK(world_insider_say(&insiders[i], &ping));
        while (!pong && world_insider_hear(&insiders[i], &heard)) {
            pong = heard.kind == LINK_PONG;
        }
        CHECK(pong);
    }
    world_kill(world, 0);
    CHECK(!insiders[0].open && !insiders[1].open);
    world_insider_hang_up(&insiders[0]);
    world_insider_hang_up(&insiders[1]);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_home_has_keys_and_an_address_of_its_own),
        cmocka_unit_test(test_a_short_hush_only_delays),
        cmocka_unit_test(test_a_long_hush_ends_the_link),
        cmocka_unit_test(test_who_does_not_read_hears_later),
        cmocka_unit_test(test_a_slow_reader_leaves_bytes_waiting),
        cmocka_unit_test(test_a_home_that_slept_goes_on),
        cmocka_unit_test(test_a_home_that_is_doomed_dies_and_comes_back),
        cmocka_unit_test(test_a_populated_community_is_as_one_that_has_joined),
        cmocka_unit_test(test_two_insiders_talk_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
