/* Administrators decide together (PROTOCOL 4.6): k of n, at every home the same, whatever was cut
 * apart, whoever signs too little, whoever was an administrator once. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    HOMES = 5,
    SECOND = 1000,
    LOST_KEPT = 64,
};

struct kept_lost { /* at one home */
    struct world *world;
    int home;
    size_t rows, objects;
};

static const struct world_terms two_of_three = {
    .slot_s = 60, .invite_allowance = 8, .administrators = 3, .threshold = 2};

struct same { /* what every home shall have come to */
    struct id act;
    int first, count; /* homes */
};

static bool all_have(struct world *world, void *context) {
    const struct same *same = context;
    for (int i = same->first; i < same->first + same->count; i++) {
        if (!world_is_up(world, i)) {
            return false;
        }
        const struct id act = world_newest_act(world, i);
        if (!id_equal(&act, &same->act)) {
            return false;
        }
    }
    return true;
}

static const struct charter *charter_of(const struct world *world, int home) {
    return community_charter(world->homes[home].core->community);
}

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &two_of_three);
    return world;
}

/* Tightens the area. */
static void tighter(struct world *world, int home, uint32_t area_m2, struct act *out) {
    world_act(world, home, out);
    out->has_charter = true;
    out->charter.caps.area_m2 = area_m2;
}

static void test_k_of_n_change_the_charter_everywhere(void **state) {
    struct world *world = settled(1);
    struct same same = {.count = HOMES};
    struct act act;
    (void)state;
    const struct id founding = world_newest_act(world, 4);
    CHECK(id_equal(&founding, &world->community));
    tighter(world, 0, 5000, &act);
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &same.act));
    world_run(world, 60 * SECOND);
    for (int i = 0; i < HOMES; i++) { /* one of two is not enough */
        const struct id newest = world_newest_act(world, i);
        CHECK(id_equal(&newest, &world->community));
    }
    CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
    CHECK(world_run_until(world, 5 * SECOND, all_have, &same));
    for (int i = 0; i < HOMES; i++) {
        CHECK(charter_of(world, i)->caps.area_m2 == 5000);
        CHECK(world_log_count(world, i, "act ") == 1);
        CHECK(world_log_verifies(world, i));
    }
    world_kill(world, 3); /* and after a restart */
    CHECK_ERR(ERR_OK, world_start(world, 3));
    CHECK(charter_of(world, 3)->caps.area_m2 == 5000);
    CHECK(all_have(world, &same));
    world_destroy(world);
}

/* Else one below k could have two acts signed of which one has settled and the other not. */
static void test_an_act_of_long_ago_is_signed_by_nobody(void **state) {
    const int64_t day = DURATION_DAY_MS;
    struct world *world = settled(8);
    struct same same = {.count = HOMES};
    struct act act;
    (void)state;
    for (int i = 0; i < HOMES; i++) {
        world_kill(world, i);
    }
    world_run(world, 20 * day);
    for (int i = 0; i < HOMES; i++) {
        CHECK_ERR(ERR_OK, world_start(world, i));
    }
    world_run(world, 60 * SECOND);
    tighter(world, 0, 5000, &act);
    act.head.created.ms -= 8 * day;
    CHECK_ERR(ERR_DENY_CHARTER, world_endorse(world, 0, &act, NULL, NULL));
    act.head.created.ms += 2 * day;
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &same.act));
    CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
    CHECK(world_run_until(world, 5 * SECOND, all_have, &same));
    world_destroy(world);
}

static void test_who_is_no_administrator_has_no_say(void **state) {
    struct world *world = settled(2);
    struct act act;
    (void)state;
    tighter(world, 0, 5000, &act);
    CHECK_ERR(ERR_DENY_CHARTER, world_endorse(world, 3, &act, NULL, NULL));
    CHECK_ERR(ERR_DENY_CHARTER, world_endorse(world, 4, &act, NULL, NULL));
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL));
    world_run(world, SECOND);
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL)); /* twice is once */
    world_run(world, 60 * SECOND);
    for (int i = 0; i < HOMES; i++) {
        CHECK(charter_of(world, i)->caps.area_m2 == CAPS_DEFAULT.area_m2);
    }
    world_destroy(world);
}

/* Its owner hears of it before anybody else does. */
static void test_nobody_signs_an_act_whose_treaty_could_not_count(void **state) {
    struct world *world = settled(9);
    struct act act;
    (void)state;
    world_act(world, 0, &act);
    act.treaty_ended.b[0] = 1;
    CHECK_ERR(ERR_DENY_TREATY, world_endorse(world, 0, &act, NULL, NULL));
    world_act(world, 0, &act);
    act.treaty = BYTES_TEXT("no treaty");
    CHECK_ERR(ERR_PEER_MALFORMED, world_endorse(world, 0, &act, NULL, NULL));
    world_destroy(world);
}

/* An act that k - 1 have signed, or k of whom one is no administrator, sent as if it counted. */
static void test_an_act_that_too_few_signed_costs_its_link(void **state) {
    struct world *world = settled(3);
    struct world_insider insider;
    struct act act;
    (void)state;
    tighter(world, 0, 5000, &act);
    world_kill(world, 4);
    const int by[][2] = {{0, 0}, {0, 3}, {3, 4}};
    for (size_t i = 0; i < COUNT_OF(by); i++) {
        const struct sign_secret *keys[] = {&world->homes[by[i][0]].owners[0].sign,
                                            &world->homes[by[i][1]].owners[0].sign};
        SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
        SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
        CHECK_ERR(ERR_OK, act_encode(&act, &body));
        (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), keys, by[i][0] == by[i][1] ? 1 : 2,
                          &bytes);
        CHECK(world_insider_return(world, 4, 1, &insider));
        CHECK(!world_insider_gossip(&insider, buffer_bytes(&bytes)));
        world_insider_hang_up(&insider);
    }
    world_run(world, 60 * SECOND);
    CHECK(charter_of(world, 1)->caps.area_m2 == CAPS_DEFAULT.area_m2);
    world_destroy(world);
}

/* Who was voted out signs no more, nor undoes what came after. */
static void test_a_former_administrator_has_no_say(void **state) {
    struct world *world = settled(4);
    struct same same = {.count = HOMES};
    struct act act;
    struct act late;
    (void)state;
    tighter(world, 0, 4000, &late);
    world_act(world, 0, &act);
    act.has_charter = true;
    act.charter.administrator_count = 2;
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &same.act));
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
    CHECK(world_run_until(world, 10 * SECOND, all_have, &same));
    struct act next;
    tighter(world, 2, 5000, &next);
    CHECK_ERR(ERR_DENY_CHARTER, world_endorse(world, 2, &next, NULL, NULL));
    /* With one other who was tricked, for what was once next: later than it can settle. */
    for (int i = 0; i < HOMES; i++) {
        world_kill(world, i);
    }
    world_run(world, (int64_t)15 * DURATION_DAY_MS);
    for (int i = 0; i < HOMES; i++) {
        CHECK_ERR(ERR_OK, world_start(world, i));
    }
    world_run(world, 30 * SECOND);
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    const struct sign_secret *keys[] = {&world->homes[1].owners[0].sign,
                                        &world->homes[2].owners[0].sign};
    struct id rival = {{0xff}};
    for (int try = 0; id_compare(&rival, &same.act) > 0; try++) { /* one that would win */
        SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
        late.charter.caps.area_m2 = 4000 - (uint32_t)try;
        CHECK_ERR(ERR_OK, act_encode(&late, &body));
        buffer_finish(&bytes);
        rival = sample_sign(OBJECT_ACT, buffer_bytes(&body), keys, 2, &bytes);
    }
    struct world_insider insider;
    world_kill(world, 4);
    CHECK(world_insider_return(world, 4, 0, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes))); /* ignored: it may be another's */
    world_insider_hang_up(&insider);
    world_run(world, 10 * SECOND);
    same.count = 4;
    CHECK(all_have(world, &same));
    CHECK(world_log_count(world, 0, "act_lost ") == 1);
    world_destroy(world);
}

/* The same at every home, and the loser is kept to be told. */
static void test_two_halves_that_decide_apart_come_to_one_act(void **state) {
    (void)state;
    for (uint64_t seed = 10; seed < 14; seed++) {
        struct world *world = world_create(seed, HOMES, NULL);
        const struct world_terms any_of_two = {
            .slot_s = 60, .invite_allowance = 8, .administrators = 2, .threshold = 1};
        const bool part[HOMES] = {false, true, false, true, false};
        struct act acts[2];
        struct id ids[2];
        world_settle(world, &any_of_two);
        world_part(world, part, true);
        world_run(world, 20 * SECOND);
        for (int i = 0; i < 2; i++) {
            tighter(world, i, 5000 + (uint32_t)i, &acts[i]);
            CHECK_ERR(ERR_OK, world_endorse(world, i, &acts[i], NULL, &ids[i]));
        }
        world_run(world, 20 * SECOND);
        CHECK(charter_of(world, 2)->caps.area_m2 == 5000);
        CHECK(charter_of(world, 3)->caps.area_m2 == 5001);
        struct act more; /* the half of 1 goes on */
        tighter(world, 1, 6001, &more);
        CHECK_ERR(ERR_OK, world_endorse(world, 1, &more, NULL, NULL));
        world_run(world, 20 * SECOND);
        world_heal(world);
        int winner = id_compare(&ids[0], &ids[1]) < 0 ? 0 : 1;
        struct same same = {.act = ids[winner], .count = HOMES};
        if (winner == 1) {
            same.act = world_newest_act(world, 1);
        }
        CHECK(world_run_until(world, 300 * SECOND, all_have, &same));
        uint32_t area = winner == 0 ? 5000 : 6001;
        for (int i = 0; i < HOMES; i++) {
            CHECK(charter_of(world, i)->caps.area_m2 == area);
            bool lost = (i % 2 == 0) == (winner == 1);
            CHECK(!lost || world_log_count(world, i, "act_lost ") > 0);
            world_kill(world, i);
            CHECK_ERR(ERR_OK, world_start(world, i));
            CHECK(charter_of(world, i)->caps.area_m2 == area);
        }
        world_destroy(world);
    }
}

static enum err visit_lost(void *context, const struct store_act *row) {
    struct kept_lost *kept = context;
    struct store_object object;
    struct store *store = kept->world->homes[kept->home].store;
    if (!id_is_zero(&row->lost_to)) {
        kept->rows++;
        kept->objects += store_object_get(store, &row->id, &object) == ERR_OK;
        CHECK(row->version < 2 + LOST_KEPT); /* of those that lost at once, from the first on */
    }
    return ERR_OK;
}

/* However long the chain that loses. */
static void test_of_those_that_lost_so_many_are_kept(void **state) {
    enum {
        LOST = LOST_KEPT + 6
    };
    const struct world_terms any_of_two = {
        .slot_s = 60, .invite_allowance = 8, .administrators = 2, .threshold = 1};
    struct world *world = world_create(40, 2, NULL);
    struct kept_lost kept = {.world = world};
    struct world_insider insider;
    struct act rival;
    struct act act;
    struct id ids[LOST];
    struct id id = {{0xff}};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    const struct sign_secret *key = &world->homes[1].owners[0].sign;
    (void)state;
    world_settle(world, &any_of_two);
    tighter(world, 0, 4000, &rival);
    for (int i = 0; i < LOST; i++) {
        tighter(world, 0, 5000 + (uint32_t)i, &act);
        CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &ids[i]));
        world_run(world, SECOND);
    }
    CHECK(community_act_count(world->homes[0].core->community) == LOST + 1);
    while (id_compare(&id, &ids[0]) > 0) { /* one that would win */
        SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
        rival.charter.caps.area_m2--;
        CHECK_ERR(ERR_OK, act_encode(&rival, &body));
        buffer_finish(&bytes);
        id = sample_sign(OBJECT_ACT, buffer_bytes(&body), &key, 1, &bytes);
    }
    world_kill(world, 1);
    CHECK(world_insider_return(world, 1, 0, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    world_insider_hang_up(&insider);
    const struct id newest = world_newest_act(world, 0);
    CHECK(id_equal(&newest, &id));
    CHECK(world_log_count(world, 0, "act_lost ") == LOST);
    CHECK(!world_has_object(world, 0, &ids[LOST - 1]) && world_has_object(world, 0, &ids[0]));
    CHECK_ERR(ERR_OK, store_begin(world->homes[0].store));
    CHECK_ERR(ERR_OK, store_act_each(world->homes[0].store, visit_lost, &kept));
    store_roll_back(world->homes[0].store);
    CHECK(kept.rows == LOST_KEPT && kept.objects == LOST_KEPT);
    world_kill(world, 0);
    CHECK_ERR(ERR_OK, world_start(world, 0));
    CHECK(community_act_count(world->homes[0].core->community) == 2);
    world_destroy(world);
}

static void test_who_joins_later_learns_all_acts(void **state) {
    struct world *world = world_create(20, HOMES, NULL);
    struct same same = {.count = HOMES};
    char code[CODE_MAX_BYTES];
    (void)state;
    world_found(world, 0, &(struct world_terms){.slot_s = 60, .invite_allowance = 8});
    for (uint32_t i = 0; i < 3; i++) {
        struct act act;
        tighter(world, 0, 5000 + i, &act);
        CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &same.act));
    }
    for (int i = 1; i < HOMES; i++) {
        world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
        CHECK_ERR(ERR_OK, world_join(world, i, code));
        world_run(world, 5 * SECOND);
        CHECK(world_is_member(world, i));
    }
    CHECK(all_have(world, &same));
    world_destroy(world);
}

/* At any turn: either it counts, or it does not; and then it does after all. */
static void test_a_crash_loses_no_act(void **state) {
    (void)state;
    for (size_t turn = 1; turn < 8; turn++) {
        for (int death = WORLD_DIES_BEFORE_COMMIT; death <= WORLD_DIES_BEFORE_RELEASE; death++) {
            struct world *world = settled(30 + turn);
            struct same same = {.count = HOMES};
            struct act act;
            tighter(world, 0, 5000, &act);
            CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, &same.act));
            world_run(world, 5 * SECOND);
            world->rests = 2 * SECOND;
            world_doom(world, 3, (enum world_death)death, turn);
            CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
            CHECK(world_run_until(world, 300 * SECOND, all_have, &same));
            world_destroy(world);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k_of_n_change_the_charter_everywhere),
        cmocka_unit_test(test_an_act_of_long_ago_is_signed_by_nobody),
        cmocka_unit_test(test_who_is_no_administrator_has_no_say),
        cmocka_unit_test(test_nobody_signs_an_act_whose_treaty_could_not_count),
        cmocka_unit_test(test_an_act_that_too_few_signed_costs_its_link),
        cmocka_unit_test(test_a_former_administrator_has_no_say),
        cmocka_unit_test(test_two_halves_that_decide_apart_come_to_one_act),
        cmocka_unit_test(test_of_those_that_lost_so_many_are_kept),
        cmocka_unit_test(test_who_joins_later_learns_all_acts),
        cmocka_unit_test(test_a_crash_loses_no_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
