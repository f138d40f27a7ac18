/* Links are few, and one that comes to this home takes none from the others: not a member with its
 * certificate, and not whoever makes keys as it likes. */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    HOME,
    HOSTILE,
    PEER,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    CROWD = 40,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    for (int i = 0; i < HOMES; i++) {
        CHECK(world_certificate(world, i));
    }
    world_kill(world, HOSTILE);
    world_run(world, MINUTE);
    return world;
}

static size_t open_ones(const struct world_insider *insiders, size_t count) {
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        open += insiders[i].open ? 1 : 0;
    }
    return open;
}

static void hang_up(struct world_insider *insiders, size_t count) {
    for (size_t i = 0; i < count; i++) {
        world_insider_hang_up(&insiders[i]);
    }
}

static enum err compare(struct world *world, int home, int with) {
    static const uint8_t commitment[MEET_NONCE_BYTES] = {1};
    const struct control_request request = {.op = CONTROL_MEET_COMMIT,
                                            .id = world->homes[with].certificate,
                                            .blob = BYTES_OF(commitment)};
    world->client = 100 + (uint64_t)home;
    return world_ask(world, home, &request);
}

static size_t links_of(const struct world *world, enum link_purpose purpose) {
    size_t count = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &world->homes[HOME].core->links[i];
        count += link->no != 0 && link->purpose == purpose ? 1 : 0;
    }
    return count;
}

/* The old ones give way: they may have broken, and only the same key can end them. */
static void test_a_member_has_two_links_by_one_door(void **state) {
    (void)state;
    static struct world_insider crowd[CROWD];
    struct world *world = settled(3);
    size_t before = links_of(world, PURPOSE_IN);
    for (size_t i = 0; i < CROWD; i++) {
        CHECK(world_insider_compare(world, HOSTILE, HOME, &crowd[i]));
    }
    CHECK(open_ones(crowd, CROWD) == INBOUND_OF_ONE);
    CHECK(crowd[CROWD - 1].open && crowd[CROWD - 2].open);
    CHECK(links_of(world, PURPOSE_IN) == before + INBOUND_OF_ONE);
    hang_up(crowd, CROWD);
    world_destroy(world);
}

static bool has_request(struct world *world, void *context) {
    return world_has_object(world, PEER, context);
}

static void test_who_delivers_nothing_gives_way_to_who_comes(void **state) {
    (void)state;
    static struct world_insider crowd[CROWD];
    struct world *world = settled(4);
    struct request request;
    struct id id;
    world_voluntary(world, HOME, DURATION_HOUR_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, HOME, &request, &id));
    CHECK(world_run_until(world, MINUTE, has_request, &id));
    for (size_t i = 0; i < CROWD; i++) {
        CHECK(world_insider_dial(world, HOSTILE, HOME, &id, (struct bytes){NULL, 0}, &crowd[i]));
    }
    CHECK(open_ones(crowd, CROWD) == GUESTS_MAX);
    CHECK(crowd[CROWD - 1].open && !crowd[0].open);
    hang_up(crowd, CROWD);
    world_destroy(world);
}

/* A word a minute does not hold a link where two people compare four of them. */
static void test_a_link_of_a_short_lived_door_ends_however_busy(void **state) {
    (void)state;
    struct world *world = settled(5);
    struct world_insider insider;
    const struct link_message commit = {.kind = LINK_MEET_COMMIT, .as.meet_commit.commitment = {1}};
    int minutes = 0;
    CHECK(world_insider_compare(world, HOSTILE, HOME, &insider));
    while (insider.open && world_insider_say(&insider, &commit)) {
        CHECK(minutes++ < 12);
        world_run(world, MINUTE);
    }
    CHECK(minutes >= 9);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* As if it had come by one door with a key of that number. */
static struct link *place(struct core *core, enum transport_door door, uint8_t key, int64_t since) {
    size_t i = 0;
    while (core->links[i].no != 0) {
        CHECK(++i < CORE_LINKS_MAX);
    }
    core->links[i] = (struct link){.no = 1000001 + 2 * (uint64_t)i,
                                   .state = LINK_OPEN,
                                   .door = door,
                                   .peer_static = {{key}},
                                   .since = {since},
                                   .heard = TICK_NEVER,
                                   .opened = TICK_NEVER};
    return &core->links[i];
}

/* 18 certificates would take all places, by two doors. */
static void test_members_that_pass_by_have_a_share_of_the_places(void **state) {
    (void)state;
    struct world *world = settled(7);
    struct core *core = world->homes[HOME].core;
    struct world_insider insider;
    size_t before = links_of(world, PURPOSE_IN);
    for (uint8_t key = 1; key <= 18; key++) {
        (void)place(core, TRANSPORT_CATCH_UP, key, key);
        place(core, TRANSPORT_MEET, key, key)->compares = true;
    }
    CHECK(world_insider_compare(world, HOSTILE, HOME, &insider));
    CHECK(links_of(world, PURPOSE_IN) == before + PASSING_MAX);
    CHECK(insider.open);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* Each of 32 outsiders may have two links, and other doors than this home's. The newest stay. */
static void test_outsiders_have_a_share_of_the_places(void **state) {
    (void)state;
    struct world *world = settled(9);
    struct core *core = world->homes[HOME].core;
    struct core_effects effects;
    size_t before = links_of(world, PURPOSE_IN);
    uint64_t last = 0;
    CHECK_ERR(ERR_OK, core_turn_begin(core));
    for (int key = 1; key <= OUTSIDERS_MAX; key++) {
        const struct link *link = place(core, TRANSPORT_OUTSIDER, (uint8_t)key, key);
        last = link->no;
        CHECK_ERR(ERR_OK, links_share(core, link));
    }
    CHECK_ERR(ERR_OK, core_turn_end(core, &effects));
    CHECK(links_of(world, PURPOSE_IN) == before + OUTSIDE_LINKS_MAX);
    CHECK(links_find(core, last) != NULL);
    world_destroy(world);
}

/* Eight keys come with all that each may have, again and again: who came once stays. */
static void test_who_comes_often_gives_way_before_who_came_once(void **state) {
    (void)state;
    struct world *world = settled(8);
    struct core *core = world->homes[HOME].core;
    static struct world_insider crowd[CROWD];
    const uint64_t honest = place(core, TRANSPORT_CATCH_UP, 100, 1)->no;
    for (unsigned key = 1; key < PASSING_MAX; key++) {
        (void)place(core, TRANSPORT_CATCH_UP, (uint8_t)(key <= 8 ? key : key - 8), 2);
    }
    for (size_t i = 0; i < CROWD; i++) {
        CHECK(world_insider_compare(world, HOSTILE, HOME, &crowd[i]));
    }
    CHECK(links_find(core, honest) != NULL);
    hang_up(crowd, CROWD);
    world_destroy(world);
}

/* As if many certificates had come together. */
static void test_places_are_left_for_what_this_home_dials(void **state) {
    (void)state;
    struct world *world = settled(6);
    struct core *core = world->homes[HOME].core;
    struct world_insider insider;
    for (size_t i = 0; links_of(world, PURPOSE_IN) < INBOUND_MAX; i++) {
        if (core->links[i].no == 0) {
            core->links[i] = (struct link){.no = 1000001 + 2 * i,
                                           .state = LINK_OPEN,
                                           .door = TRANSPORT_SIBLING,
                                           .heard = TICK_NEVER,
                                           .opened = TICK_NEVER};
        }
    }
    CHECK(!world_insider_compare(world, HOSTILE, HOME, &insider));
    world_insider_hang_up(&insider);
    CHECK_ERR(ERR_OK, compare(world, HOME, PEER));
    world_run(world, 1000);
    CHECK(links_of(world, PURPOSE_COMPARE) == 1);
    world_destroy(world);
}

/* As if one had come, and said so much. */
static void begin(struct core *core, uint64_t no, bool proved) {
    struct link *link = links_add_inbound(core, no);
    CHECK(link != NULL);
    link->state = LINK_HANDSHAKE;
    link->proved = proved;
}

/* A good first message needs a key of this home's doors. The older stranger goes, and who has one
 * when there is no stranger. */
static void test_strangers_do_not_push_out_who_is_in_its_handshake(void **state) {
    (void)state;
    struct world *world = settled(10);
    struct core *core = world->homes[HOME].core;
    struct core_effects effects;
    const uint64_t first = 1000001;
    const uint64_t strangers = first + 2 * (uint64_t)(CORE_HALF_OPEN_MAX - 2);
    const uint64_t gone[] = {strangers, strangers + 2, first};
    CHECK_ERR(ERR_OK, core_turn_begin(core));
    struct link *own = links_add(core, first - 2); /* has no part in it */
    own->state = LINK_HANDSHAKE;
    own->purpose = PURPOSE_MEMBER;
    for (uint64_t no = first; no <= strangers + 2; no += 2) {
        begin(core, no, no < strangers);
    }
    for (size_t i = 0; i < COUNT_OF(gone); i++) {
        CHECK(links_find(core, gone[i]) != NULL);
        begin(core, strangers + 4 + 2 * i, true);
        CHECK(links_find(core, gone[i]) == NULL);
    }
    CHECK_ERR(ERR_OK, core_turn_end(core, &effects));
    CHECK(effects.count == COUNT_OF(gone) && own->no == first - 2);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_has_two_links_by_one_door),
        cmocka_unit_test(test_who_delivers_nothing_gives_way_to_who_comes),
        cmocka_unit_test(test_a_link_of_a_short_lived_door_ends_however_busy),
        cmocka_unit_test(test_members_that_pass_by_have_a_share_of_the_places),
        cmocka_unit_test(test_outsiders_have_a_share_of_the_places),
        cmocka_unit_test(test_who_comes_often_gives_way_before_who_came_once),
        cmocka_unit_test(test_strangers_do_not_push_out_who_is_in_its_handshake),
        cmocka_unit_test(test_places_are_left_for_what_this_home_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
