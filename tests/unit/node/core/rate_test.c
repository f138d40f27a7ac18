/* A member that floods its neighbours with objects that are all valid: they pass on what its bucket
 * allows, blame nobody, and go on with the others' (PROTOCOL 5.1, P11). */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    VICTIM = 0, /* the founder: it has let all others in */
    NEIGHBOUR,
    REQUESTER,
    MEMBER, /* down: its keys are in other hands */
    HOMES,
    SECOND = DURATION_SECOND_MS,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    DAY = DURATION_DAY_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

struct sight {
    int home;
    struct id id;
    size_t size;
};

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    world_kill(world, MEMBER);
    world_run(world, 10 * MINUTE); /* all buckets are full again */
    return world;
}

static struct id sign_by_node(struct world *world, int as, enum object_kind kind, struct bytes body,
                              struct buffer *out) {
    const struct world_home *home = &world->homes[as];
    struct signed_object object;
    signed_start(kind, body, &object);
    CHECK_ERR(ERR_OK, signed_add(&object, &home->keys.sign, &home->node));
    buffer_init(out, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, signed_encode(&object, out));
    return object.id;
}

/* In the name of home `author`, by the key of home `by`. Each is newer than the one before. */
static struct id sign_record(struct world *world, int author, int by, int number,
                             struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    const struct instant now = world_wall(world, author);
    const struct node_record record = {.head = {.community = world->community,
                                                .author = world->homes[author].certificate,
                                                .created = {now.ms + number},
                                                .expires = {now.ms + DAY}},
                                       .sequence = (uint64_t)now.ms + (uint64_t)number,
                                       .log = world->homes[author].log,
                                       .address_count = 1,
                                       .addresses = {"10.1.0.3:1"}};
    CHECK_ERR(ERR_OK, node_record_encode(&record, &body));
    return sign_by_node(world, by, OBJECT_NODE_RECORD, buffer_bytes(&body), out);
}

static struct id sign_commitment(struct world *world, int author, int64_t age, int number,
                                 struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    const struct instant created = {world_wall(world, author).ms - age};
    struct receipt_commitment commitment = {
        .head = {.community = world->community,
                 .author = world->homes[author].certificate,
                 .created = created,
                 .expires = instant_add(created, (struct duration){7 * DAY})},
        .request = {{1}}};
    write_u32(commitment.commitment.b, (uint32_t)number + 1);
    CHECK_ERR(ERR_OK, receipt_commitment_encode(&commitment, &body));
    return sign_by_node(world, author, OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body), out);
}

static uint64_t accepted(const struct world *world, int home) {
    struct overlay_counts counts;
    overlay_counts(world->homes[home].core->overlay, &counts);
    return counts.accepted;
}

static size_t tokens(const struct world *world, int home, const struct rate_object *of) {
    const struct core *core = world->homes[home].core;
    struct rate_object object = *of;
    size_t count = 0;
    do {
        object.size_bytes = ++count * RATE_TOKEN_BYTES;
    } while (rate_allows(core->rate, &object, core->now.mono));
    return count - 1;
}

static size_t author_tokens(const struct world *world, int home, int author) {
    const struct community *community = world->homes[home].core->community;
    const struct id *id = &world->homes[author].certificate;
    const struct rate_object of = {(peer_no)community_number(community, id), OVERLAY_NOBODY, 0};
    return tokens(world, home, &of);
}

static size_t sponsor_tokens(const struct world *world, int home, int sponsor) {
    const struct community *community = world->homes[home].core->community;
    const struct id *id = &world->homes[sponsor].certificate;
    const struct rate_object of = {OVERLAY_NOBODY, (peer_no)community_number(community, id), 0};
    return tokens(world, home, &of);
}

static bool has_object(struct world *world, void *context) {
    const struct sight *sight = context;
    return world_has_object(world, sight->home, &sight->id);
}

static bool has_members(struct world *world, void *context) {
    const struct sight *sight = context;
    return community_size(world->homes[sight->home].core->community) == sight->size;
}

static void
test_a_flood_of_valid_objects_is_passed_on_at_its_authors_rate_and_closes_nothing(void **state) {
    (void)state;
    enum {
        SECONDS = 600,
        A_SECOND = 5,
        HONEST = 1,
    };
    struct world *world = settled(61);
    struct world_insider insider;
    struct sight sight = {.home = NEIGHBOUR};
    struct request request;
    uint64_t before[HOMES] = {accepted(world, VICTIM), accepted(world, NEIGHBOUR),
                              accepted(world, REQUESTER)};
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (int second = 0; second < SECONDS; second++) {
        for (int i = 0; i < A_SECOND; i++) {
            struct buffer bytes;
            (void)sign_record(world, MEMBER, MEMBER, i, &bytes);
            CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
            buffer_finish(&bytes);
        }
        world_run(world, SECOND);
        if (second == SECONDS / 2) { /* the bucket has been empty for a while */
            world_voluntary(world, REQUESTER, HOUR, &request);
            CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &sight.id));
            CHECK(world_run_until(world, 2 * SECOND, has_object, &sight));
            sight.home = VICTIM;
            CHECK(world_run_until(world, 2 * SECOND, has_object, &sight));
        }
    }
    CHECK(insider.open);
    for (int home = VICTIM; home <= REQUESTER; home++) {
        uint64_t taken = accepted(world, home) - before[home] - HONEST;
        CHECK(taken >= (home == VICTIM ? RATE_AUTHOR_TOKENS : 1)); /* the newest alone goes on */
        CHECK(taken <= RATE_AUTHOR_TOKENS + SECONDS / 60 + 1);
        CHECK(world_links(world, home) >= 2);
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_what_was_over_the_rate_comes_when_tokens_are_back(void **state) {
    (void)state;
    struct world *world = settled(62);
    struct world_insider insider;
    struct sight sight = {.home = NEIGHBOUR};
    struct buffer bytes;
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (int i = 0; i < RATE_AUTHOR_TOKENS; i++) {
        (void)sign_record(world, MEMBER, MEMBER, i, &bytes);
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        buffer_finish(&bytes);
    }
    CHECK(author_tokens(world, VICTIM, MEMBER) == 0);
    sight.id = sign_commitment(world, MEMBER, 0, 1, &bytes);
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(!world_has_object(world, VICTIM, &sight.id));
    world_insider_hang_up(&insider);
    world_run(world, 61 * SECOND);
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes))); /* as reconciliation would bring */
    CHECK(world_has_object(world, VICTIM, &sight.id));
    CHECK(world_run_until(world, 5 * SECOND, has_object, &sight));
    buffer_finish(&bytes);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_a_home_that_was_away_for_a_week_brings_all_it_has_at_once(void **state) {
    (void)state;
    enum {
        COMMITMENTS = 64,
        REQUESTS = 10,
        ALL = COMMITMENTS + REQUESTS + 1
    };
    struct world *world = settled(63);
    struct world_insider insider;
    struct id ids[ALL];
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (int i = 0; i < ALL; i++) {
        struct buffer bytes;
        if (i < COMMITMENTS) {
            ids[i] = sign_commitment(world, MEMBER, (i + 1) * (int64_t)2 * HOUR, i, &bytes);
        } else if (i < COMMITMENTS + REQUESTS) {
            struct request request;
            world_voluntary(world, MEMBER, HOUR, &request);
            (void)snprintf(request.reason, sizeof request.reason, "Number %d", i);
            ids[i] = world_sign_request(world, MEMBER, &request, &bytes);
        } else {
            ids[i] = sign_record(world, MEMBER, MEMBER, 0, &bytes);
        }
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        CHECK(world_has_object(world, VICTIM, &ids[i]));
        buffer_finish(&bytes);
    }
    world_run(world, 5 * SECOND);
    for (int i = 0; i < ALL; i++) {
        CHECK(world_has_object(world, NEIGHBOUR, &ids[i]));
        CHECK(world_has_object(world, REQUESTER, &ids[i]));
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_forgeries_do_not_use_up_their_victims_tokens(void **state) {
    (void)state;
    struct world *world = settled(64);
    struct world_insider insider;
    struct buffer bytes;
    CHECK(author_tokens(world, VICTIM, REQUESTER) == RATE_AUTHOR_TOKENS);
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    (void)sign_record(world, REQUESTER, MEMBER, 1, &bytes);
    CHECK(!world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(author_tokens(world, VICTIM, REQUESTER) == RATE_AUTHOR_TOKENS);
    CHECK(sponsor_tokens(world, VICTIM, VICTIM) == RATE_SPONSOR_TOKENS);
    buffer_finish(&bytes);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_what_a_home_made_itself_costs_nothing_when_others_bring_it(void **state) {
    (void)state;
    struct world *world = settled(65);
    struct world_insider insider;
    CHECK(world_insider_dial(world, MEMBER, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (int i = 0; i < RATE_AUTHOR_TOKENS + 10; i++) { /* say, from before its disk was restored */
        struct buffer bytes;
        struct id id = sign_record(world, VICTIM, VICTIM, i, &bytes);
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        CHECK(world_has_object(world, VICTIM, &id));
        buffer_finish(&bytes);
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_a_certificate_costs_its_sponsors_crowd_and_not_the_sponsor(void **state) {
    (void)state;
    struct world *world = world_create(66, HOMES, NULL);
    struct sight sight = {.home = NEIGHBOUR};
    char code[CODE_MAX_BYTES];
    world_found(world, VICTIM, &terms);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        world_invite(world, VICTIM, MEMBER_HOME, DAY, code);
        CHECK_ERR(ERR_OK, world_join(world, home, code));
        if (home == MEMBER) {
            sight.size = HOMES;
            CHECK(world_run_until(world, MINUTE, has_members, &sight));
        } else {
            world_run(world, 10 * MINUTE);
        }
    }
    CHECK(sponsor_tokens(world, NEIGHBOUR, VICTIM) == RATE_SPONSOR_TOKENS - 1);
    CHECK(author_tokens(world, NEIGHBOUR, VICTIM) == RATE_AUTHOR_TOKENS);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_flood_of_valid_objects_is_passed_on_at_its_authors_rate_and_closes_nothing),
        cmocka_unit_test(test_what_was_over_the_rate_comes_when_tokens_are_back),
        cmocka_unit_test(test_a_home_that_was_away_for_a_week_brings_all_it_has_at_once),
        cmocka_unit_test(test_forgeries_do_not_use_up_their_victims_tokens),
        cmocka_unit_test(test_what_a_home_made_itself_costs_nothing_when_others_bring_it),
        cmocka_unit_test(test_a_certificate_costs_its_sponsors_crowd_and_not_the_sponsor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
