/* A sponsor that signs more certificates than it may, and shows each home others of them (PROTOCOL
 * 4.3): all homes end with the same members, and of whoever has lost its place nothing is left. */
#include "tests/support/check.h"

#include <string.h>

#include "node/core/parts.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    HOMES = 6,
    SECOND = 1000,
    LAST = 4,  /* whom the founder brought in last */
    BELOW = 5, /* brought in by that */
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 4};

static bool has_certificate(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

/* The founder brings in 1 to LAST, and may bring in no more; LAST brings in BELOW, and may bring in
 * one more. */
static struct world *street(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    char code[CODE_MAX_BYTES];
    world_found(world, 0, &terms);
    for (int i = 1; i < HOMES; i++) {
        world_invite_to_invite(world, i == BELOW ? LAST : 0, i == LAST ? 2 : 0, code);
        CHECK_ERR(ERR_OK, world_join(world, i, code));
        CHECK(world_run_until(world, 60 * SECOND, has_certificate, &i));
        world_run(world, SECOND);
    }
    world_run(world, 30 * SECOND);
    return world;
}

/* By what LAST knows. */
static struct instant created(const struct world *world, int member) {
    const struct id *id = &world->homes[member].certificate;
    return community_find(world->homes[LAST].core->community, id)->head.created;
}

static bool in_standing(const struct world *world, int at, const struct id *member) {
    return community_in_standing(world->homes[at].core->community, member, world_wall(world, at));
}

/* In the name of `as`, which is down afterwards. */
static void tell(struct world *world, int as, int home, struct bytes certificate) {
    struct world_insider insider;
    world_kill(world, as);
    CHECK(world_insider_return(world, as, home, &insider));
    CHECK(world_insider_gossip(&insider, certificate));
    world_run(world, SECOND);
    world_insider_hang_up(&insider);
}

/* One that the founder signs for itself once more, in the place of LAST. */
static struct id take_place_of_last(struct world *world, int told) {
    struct buffer bytes;
    const struct id id =
        world_certify(world, 0, 0, (struct instant){created(world, 1).ms - 1}, 1, &bytes);
    tell(world, 0, told, buffer_bytes(&bytes));
    buffer_finish(&bytes);
    return id;
}

static enum err count_object(void *context, const struct store_object *row) {
    (void)row;
    ++*(size_t *)context;
    return ERR_OK;
}

/* Of what it has said, but for requests. */
static size_t left_of(const struct world *world, int at, int member) {
    struct store *store = world->homes[at].store;
    const struct id *id = &world->homes[member].certificate;
    size_t count = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    for (int kind = OBJECT_UNKNOWN; kind <= OBJECT_KIND_LAST; kind++) {
        if (kind != OBJECT_REQUEST) {
            CHECK_ERR(ERR_OK, store_object_each_of(store, (enum object_kind)kind, id, count_object,
                                                   &count));
        }
    }
    store_roll_back(store);
    return count;
}

static void check_out(struct world *world, int at) {
    for (int member = LAST; member <= BELOW; member++) {
        const struct id *id = &world->homes[member].certificate;
        CHECK(!in_standing(world, at, id));
        CHECK(!world_has_object(world, at, id));
        CHECK(left_of(world, at, member) == 0);
    }
}

static void start(struct world *world, int home) {
    CHECK_ERR(ERR_OK, world_start(world, home));
    world_run(world, 90 * SECOND);
}

static void test_whoever_loses_its_place_is_out_everywhere(void **state) {
    struct world *world = street(1);
    struct request request;
    struct id asked;
    (void)state;
    world_voluntary(world, LAST, DURATION_DAY_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, LAST, &request, &asked));
    world_run(world, 10 * SECOND);
    CHECK(world_has_object(world, 3, &asked));
    world_kill(world, 1); /* it comes back */
    const struct id instead = take_place_of_last(world, 2);
    world_run(world, 30 * SECOND);
    for (int at = 2; at <= 3; at++) {
        check_out(world, at);
        CHECK(in_standing(world, at, &instead));
        CHECK(world_links(world, at) == 1); /* each other */
        CHECK(world_log_count(world, at, "removed ") == 2);
        CHECK(world_log_count(world, at, "request_withdrawn ") == 1);
    }
    CHECK(world_links(world, LAST) <= 1); /* with BELOW, at most */
    start(world, 1);
    check_out(world, 1);
    start(world, 0);
    for (int at = 0; at <= 3; at++) {
        check_out(world, at);
        CHECK(in_standing(world, at, &instead));
        CHECK(world_same_epoch(world, at, 0));
        CHECK(world_links(world, at) == 3);
        CHECK(world_log_verifies(world, at));
    }
    for (int at = 0; at < HOMES; at++) { /* whatever order rows lie in */
        world_kill(world, at);
        start(world, at);
    }
    for (int at = 0; at <= 3; at++) {
        check_out(world, at);
        CHECK(in_standing(world, at, &instead));
        CHECK(world_links(world, at) == 3);
    }
    for (int own = LAST; own <= BELOW; own++) { /* they know it, and have what they need to start */
        const struct community *community = world->homes[own].core->community;
        CHECK(community_is_removed(community, &world->homes[own].certificate, NULL));
        CHECK(world_has_object(world, own, &world->homes[LAST].certificate));
    }
    world_destroy(world);
}

/* What it removed is a member again, with nobody, as it hangs on it; and the key is as if it had
 * never been changed, the same at a home that never heard of it. */
static void test_what_it_decided_is_undone(void **state) {
    struct world *world = street(2);
    uint8_t before[EPOCH_KEY_BYTES];
    uint8_t after[EPOCH_KEY_BYTES];
    (void)state;
    world_epoch(world, 1, before);
    world_kill(world, 1);
    CHECK_ERR(ERR_OK, world_remove(world, LAST, BELOW, false));
    world_run(world, 20 * SECOND);
    world_epoch(world, 3, after);
    CHECK(memcmp(before, after, sizeof after) != 0);
    (void)take_place_of_last(world, 2);
    world_run(world, 30 * SECOND);
    for (int at = 2; at <= 3; at++) {
        world_epoch(world, at, after);
        CHECK(memcmp(before, after, sizeof after) == 0);
        check_out(world, at);
    }
    start(world, 1);
    CHECK(world_same_epoch(world, 1, 2));
    check_out(world, 1);
    CHECK(world_links(world, 1) == 2);
    world_destroy(world);
}

/* By LAST, signed by its owner. */
static void removal_of(struct world *world, const struct id *member, struct buffer *out) {
    const struct world_home *last = &world->homes[LAST];
    const struct sign_secret *owner = &last->owners[0].sign;
    struct removal removal = {.head = {.community = world->community,
                                       .author = last->certificate,
                                       .created = world_wall(world, LAST),
                                       .expires = INSTANT_FOR_GOOD},
                              .removed = {.member = *member, .epoch = *member}};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, removal_encode(&removal, &body));
    (void)sample_sign(OBJECT_REMOVAL, buffer_bytes(&body), &owner, 1, out);
}

/* One after the other: what it leaves behind is its share of what changes nothing, and no more
 * after a start. */
static void test_whoever_removes_and_displaces_its_own_fills_no_table(void **state) {
    enum {
        ROUNDS = 24,
        SHARE = 16,
    };
    struct world *world = street(4);
    struct world_insider insider;
    struct id id;
    (void)state;
    const int64_t below = created(world, BELOW).ms;
    world_kill(world, LAST);
    CHECK(world_insider_return(world, LAST, 2, &insider));
    for (int i = 0; i < ROUNDS; i++) {
        struct buffer certificate;
        struct buffer removal;
        id = world_certify(world, LAST, LAST, (struct instant){below + ROUNDS - i}, (uint64_t)i,
                           &certificate);
        removal_of(world, &id, &removal);
        CHECK(world_insider_gossip(&insider, buffer_bytes(&certificate)));
        CHECK(world_insider_gossip(&insider, buffer_bytes(&removal)));
        world_run(world, SECOND);
        buffer_finish(&certificate);
        buffer_finish(&removal);
    }
    world_insider_hang_up(&insider);
    world_run(world, 60 * SECOND);
    for (int at = 0; at <= 3; at++) {
        for (int starts = 0; starts < 2; starts++) {
            const struct community *community = world->homes[at].core->community;
            const size_t removals = community_removals(community);
            CHECK(removals == SHARE + 1); /* and the one that counts */
            CHECK(community_is_removed(community, &id, NULL));
            world_kill(world, at);
            start(world, at);
        }
    }
    world_destroy(world);
}

static void test_each_is_shown_another_and_all_end_with_one(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct world *world = street(3);
        const bool part[HOMES] = {false, true, false, true, false, true};
        struct buffer bytes[2];
        struct id ids[2];
        for (int i = 0; i < 2; i++) { /* by LAST, which may bring in one more */
            const struct instant made = {created(world, BELOW).ms + 1 + i};
            ids[i] = world_certify(world, LAST, LAST, made, (uint64_t)i, &bytes[i]);
        }
        world_part(world, part, true);
        tell(world, LAST, 2, buffer_bytes(&bytes[first]));
        tell(world, LAST, 3, buffer_bytes(&bytes[1 - first]));
        world_run(world, 20 * SECOND);
        CHECK(in_standing(world, 0, &ids[first]) && !in_standing(world, 0, &ids[1 - first]));
        CHECK(in_standing(world, 1, &ids[1 - first]) && !in_standing(world, 1, &ids[first]));
        world_heal(world);
        world_run(world, 420 * SECOND);
        for (int at = 0; at < HOMES; at++) {
            CHECK(at == LAST ||
                  (in_standing(world, at, &ids[0]) && !in_standing(world, at, &ids[1])));
            CHECK(at == LAST || !world_has_object(world, at, &ids[1]));
        }
        buffer_finish(&bytes[0]);
        buffer_finish(&bytes[1]);
        world_destroy(world);
    }
}

/* Three invites are out, and there are two places: the third joiner gets none, even one whose clock
 * is behind, and whose certificate would count before the others'. */
static void test_a_sponsors_node_signs_for_no_more_than_it_may(void **state) {
    static const struct world_terms two = {.slot_s = 60, .invite_allowance = 2};
    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        struct world *world = world_create(4, 4, NULL);
        char codes[4][CODE_MAX_BYTES];
        world->homes[3].wall_skew = behind == 0 ? 0 : -4 * (int64_t)DURATION_MINUTE_MS;
        world_run(world, 12 * (int64_t)DURATION_MINUTE_MS);
        world_found(world, 0, &two);
        for (int i = 1; i <= 3; i++) {
            world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, codes[i]);
        }
        world_run(world, 5 * (int64_t)DURATION_MINUTE_MS);
        for (int i = 1; i <= 2; i++) {
            CHECK_ERR(ERR_OK, world_join(world, i, codes[i]));
            CHECK(world_run_until(world, 60 * SECOND, has_certificate, &i));
        }
        CHECK_ERR(ERR_OK, world_join(world, 3, codes[3]));
        world_run(world, 90 * SECOND);
        CHECK(!world_is_member(world, 3));
        CHECK(community_size(world->homes[0].core->community) == 3);
        for (int i = 0; i <= 2; i++) {
            CHECK(in_standing(world, 0, &world->homes[i].certificate));
            CHECK(world_links(world, i) == 2);
        }
        world_destroy(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whoever_loses_its_place_is_out_everywhere),
        cmocka_unit_test(test_what_it_decided_is_undone),
        cmocka_unit_test(test_whoever_removes_and_displaces_its_own_fills_no_table),
        cmocka_unit_test(test_each_is_shown_another_and_all_end_with_one),
        cmocka_unit_test(test_a_sponsors_node_signs_for_no_more_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
