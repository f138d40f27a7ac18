/* Removed, gone, renewed, away (PROTOCOL 4.7 to 4.9): cut off everywhere at once, and nobody else
 * is; who comes back catches up; two halves end with one key that no removed one can make. */
#include "tests/support/check.h"

#include <string.h>

#include "node/core/parts.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    HOMES = 6,
    SECOND = 1000,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};
static const struct world_terms two_of_three = {
    .slot_s = 60, .invite_allowance = 8, .administrators = 3, .threshold = 2};

static struct world *settled(uint64_t seed, const struct world_terms *of) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, of);
    return world;
}

static bool in_standing(const struct world *world, int at, int member) {
    return community_in_standing(world->homes[at].core->community,
                                 &world->homes[member].certificate, world_wall(world, at));
}

struct parted { /* all but one have parted with that one, and share a key that it has not */
    int removed;
    int away; /* is down; -1: nobody */
};

static bool all_parted(struct world *world, void *context) {
    const struct parted *parted = context;
    int first = parted->removed == 0 ? 1 : 0;
    for (int i = 0; i < HOMES; i++) {
        if (i == parted->removed || i == parted->away) {
            continue;
        }
        size_t others = HOMES - 2 - (parted->away >= 0 ? 1 : 0);
        if (in_standing(world, i, parted->removed) || !world_same_epoch(world, i, first) ||
            world_links(world, i) != others) {
            return false;
        }
    }
    return true;
}

static void test_a_sponsor_removes_whom_it_brought(void **state) {
    struct world *world = settled(1, &terms);
    struct parted parted = {.removed = 3, .away = -1};
    struct world_insider insider;
    uint8_t before[EPOCH_KEY_BYTES];
    (void)state;
    world_epoch(world, 3, before);
    CHECK_ERR(ERR_DENY_ROLE, world_remove(world, 1, 3, false)); /* a neighbour may not */
    CHECK_ERR(ERR_OK, world_remove(world, 0, 3, false));
    CHECK_ERR(ERR_USER_EXISTS, world_remove(world, 0, 3, false));
    CHECK(world_run_until(world, 5 * SECOND, all_parted, &parted));
    world_run(world, 120 * SECOND);
    CHECK(all_parted(world, &parted));
    CHECK(world_links(world, 0) == HOMES - 2);
    CHECK(world->reply.as.status.members == HOMES - 1); /* whom it knows still is none */
    CHECK(world_links(world, 3) == 0);
    uint8_t after[EPOCH_KEY_BYTES];
    world_epoch(world, 3, after);
    CHECK(memcmp(before, after, sizeof after) == 0); /* it got no part */
    CHECK(!world_same_epoch(world, 3, 0));
    for (int i = 0; i < HOMES; i++) {
        CHECK(i == 3 || world_log_count(world, i, "removed ") == 1);
        CHECK(world_log_verifies(world, i));
    }
    world_kill(world, 3); /* with the old key, and with the founding one: nobody opens */
    CHECK(!world_insider_dial(world, 3, 1, NULL, (struct bytes){NULL, 0}, &insider));
    world_insider_hang_up(&insider);
    world_kill(world, 1);
    CHECK_ERR(ERR_OK, world_start(world, 1));
    world_run(world, 30 * SECOND);
    CHECK(all_parted(world, &parted));
    world_destroy(world);
}

static void test_k_administrators_remove_anyone(void **state) {
    struct world *world = settled(2, &two_of_three);
    struct parted parted = {.removed = 0, .away = -1};
    struct act act;
    uint8_t key[EPOCH_KEY_BYTES] = {7};
    (void)state;
    world_act(world, 1, &act);
    act.has_removed = true;
    act.removed.member = world->homes[0].certificate; /* their founder */
    sha256(BYTES_OF(key), &act.removed.epoch);
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, key, NULL));
    world_run(world, 20 * SECOND);
    CHECK(in_standing(world, 4, 0));
    CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
    CHECK(world_run_until(world, 5 * SECOND, all_parted, &parted));
    for (int i = 1; i < HOMES; i++) { /* those whom it brought stay */
        CHECK(in_standing(world, i, 5));
    }
    world_destroy(world);
}

static bool has_joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

static void bring(struct world *world, int sponsor, int home, uint32_t allowance) {
    char code[CODE_MAX_BYTES];
    world_invite_to_invite(world, sponsor, allowance, code);
    CHECK_ERR(ERR_OK, world_join(world, home, code));
    CHECK(world_run_until(world, 60 * SECOND, has_joined, &home));
    world_run(world, 5 * SECOND);
}

static bool removed_everywhere(struct world *world, void *context) {
    const int *member = context;
    for (int i = 0; i < 3; i++) {
        if (in_standing(world, i, *member) || !world_same_epoch(world, i, 0)) {
            return false;
        }
    }
    return true;
}

/* An act that removes 3 waits for its second signature, and 3 has heard of it: whom it brings in
 * meanwhile hears nothing any more when the act counts, and whom it brought in before stays. */
static void test_who_was_brought_in_by_a_removed_one_goes_too(void **state) {
    struct world *world = world_create(45, HOMES, NULL);
    struct act act;
    struct request request;
    struct id asked;
    int brought = 4;
    uint8_t key[EPOCH_KEY_BYTES] = {7};
    (void)state;
    world_found(world, 0, &two_of_three);
    for (int i = 1; i < 4; i++) {
        bring(world, 0, i, i == 3 ? 4 : 0);
    }
    bring(world, 3, 5, 0);
    world_act(world, 1, &act);
    act.has_removed = true;
    act.removed.member = world->homes[3].certificate;
    sha256(BYTES_OF(key), &act.removed.epoch);
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, key, NULL));
    world_run(world, 5 * SECOND);
    bring(world, 3, brought, 0);
    world_run(world, 60 * SECOND);
    CHECK(in_standing(world, 0, brought) && world_links(world, brought) == HOMES - 1);
    world_voluntary(world, brought, DURATION_DAY_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, brought, &request, &asked));
    world_run(world, 10 * SECOND);
    CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
    CHECK(world_run_until(world, 5 * SECOND, removed_everywhere, &brought));
    world_run(world, 60 * SECOND);
    for (int i = 0; i < 3; i++) {
        CHECK(in_standing(world, i, 5) && !in_standing(world, i, 3));
        CHECK(world_links(world, i) == 3);
        CHECK(world_log_count(world, i, "request_withdrawn ") == 1);
    }
    CHECK(world_same_epoch(world, 5, 0) && world_links(world, 5) == 3);
    for (int gone = 3; gone <= 4; gone++) {
        CHECK(!world_same_epoch(world, gone, 0)); /* it got no part */
    }
    world_destroy(world);
}

static void test_a_home_leaves(void **state) {
    struct world *world = settled(3, &terms);
    struct parted parted = {.removed = 4, .away = -1};
    (void)state;
    CHECK_ERR(ERR_OK, world_remove(world, 4, 4, false));
    CHECK(world_run_until(world, 5 * SECOND, all_parted, &parted));
    world_run(world, 60 * SECOND);
    CHECK(all_parted(world, &parted));
    CHECK(world_links(world, 4) == 0);
    world_destroy(world);
}

/* It knows, those who dial it do not yet: it goes on until they do. */
static void test_a_home_that_left_alone_starts_again(void **state) {
    struct world *world = settled(4, &terms);
    struct parted parted = {.removed = 4, .away = -1};
    const bool alone[HOMES] = {false, false, false, false, true, false};
    struct world_insider insider;
    (void)state;
    world_part(world, alone, true);
    CHECK_ERR(ERR_OK, world_remove(world, 4, 4, false));
    world_run(world, 60 * SECOND);
    world_kill(world, 4);
    CHECK_ERR(ERR_OK, world_start(world, 4));
    CHECK(in_standing(world, 0, 4));
    world_kill(world, 5);
    CHECK(world_insider_dial(world, 5, 4, NULL, (struct bytes){NULL, 0}, &insider));
    world_insider_hang_up(&insider);
    CHECK_ERR(ERR_OK, world_start(world, 5));
    world_heal(world);
    CHECK(world_run_until(world, 600 * SECOND, all_parted, &parted));
    world_destroy(world);
}

/* With a certificate of its own making, dated before it was removed: nobody is heard of first from
 * itself whose sponsor is gone, and one that is dated after is no member anywhere. */
static void test_a_removed_one_does_not_let_itself_in(void **state) {
    (void)state;
    struct world *world = world_create(40, HOMES, NULL);
    char code[CODE_MAX_BYTES];
    world_found(world, 0, &terms);
    world_invite_to_invite(world, 0, 4, code);
    CHECK_ERR(ERR_OK, world_join(world, 1, code));
    world_run(world, 5 * SECOND);
    world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
    CHECK_ERR(ERR_OK, world_join(world, 2, code));
    world_run(world, 5 * SECOND);
    CHECK(world_certificate(world, 1));
    world_invite(world, 1, MEMBER_HOME, DURATION_DAY_MS, code); /* for 3, who is with it */
    for (int member = 0; member <= 2; member += 2) {
        world_cut(world, 1, member, true);
        world_cut(world, 3, member, true);
    }
    world_run(world, 15 * SECOND);
    CHECK_ERR(ERR_OK, world_join(world, 3, code));
    world_run(world, 10 * SECOND);
    CHECK(world_is_member(world, 3)); /* 1 says so, nobody else knows */
    CHECK(world_certificate(world, 3));
    CHECK_ERR(ERR_OK, world_remove(world, 0, 1, false));
    world_run(world, 10 * SECOND);
    world_kill(world, 1);
    world_heal(world);
    world_run(world, 180 * SECOND);
    CHECK(!in_standing(world, 0, 3) && !in_standing(world, 2, 3));
    CHECK(world_links(world, 3) == 0);
    CHECK(!world_same_epoch(world, 3, 0) && world_same_epoch(world, 2, 0));
    world_destroy(world);
}

static void join(struct world *world, int home) {
    char code[CODE_MAX_BYTES];
    world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
    CHECK_ERR(ERR_OK, world_join(world, home, code));
    world_run(world, 5 * SECOND);
    CHECK(world_certificate(world, home));
}

static bool has_removals(const struct world *world, int count) {
    for (int i = 0; i < 3; i++) {
        if (community_removals(world->homes[i].core->community) != (size_t)count) {
            return false;
        }
    }
    return true;
}

/* As many as one likes to name, but no more than its share; neither key nor joining hangs on them,
 * nor does a new start. */
static void test_who_removes_nobody_changes_nothing(void **state) {
    enum {
        SHARE = 16
    };
    struct world *world = world_create(41, HOMES, NULL);
    uint8_t before[EPOCH_KEY_BYTES];
    uint8_t after[EPOCH_KEY_BYTES];
    (void)state;
    world_found(world, 0, &terms);
    join(world, 1);
    join(world, 2);
    world_epoch(world, 0, before);
    for (int i = 0; i <= SHARE; i++) {
        const struct id nobody = {{(uint8_t)(i + 1), 0x55}};
        CHECK_ERR(i < SHARE ? ERR_OK : ERR_DENY_QUOTA, world_remove_id(world, 1, &nobody, true));
        world_run(world, SECOND);
    }
    CHECK(has_removals(world, SHARE));
    CHECK(world_log_count(world, 0, "removed ") == 0);
    join(world, 3);
    for (int i = 0; i < 4; i++) {
        world_kill(world, i);
        CHECK_ERR(ERR_OK, world_start(world, i));
    }
    world_run(world, 30 * SECOND);
    CHECK(has_removals(world, SHARE));
    for (int i = 0; i < 4; i++) {
        world_epoch(world, i, after);
        CHECK(memcmp(before, after, sizeof after) == 0);
        CHECK(world_links(world, i) == 3);
    }
    world_destroy(world);
}

/* The sponsor's word waits for the certificate, with its part of the key; a neighbour's goes. */
static void test_a_removal_may_come_before_whom_it_removes(void **state) {
    struct world *world = world_create(42, HOMES, NULL);
    struct world_insider insider;
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    uint8_t before[EPOCH_KEY_BYTES];
    uint8_t after[EPOCH_KEY_BYTES];
    (void)state;
    world_found(world, 0, &terms);
    for (int i = 1; i < 4; i++) {
        join(world, i);
    }
    const struct id late = world_certify(world, 0, 4, world_wall(world, 0), 7, &certificate);
    CHECK_ERR(ERR_OK, world_remove_id(world, 1, &late, false));
    CHECK_ERR(ERR_OK, world_remove_id(world, 0, &late, false));
    world_run(world, 5 * SECOND);
    CHECK(has_removals(world, 2));
    world_epoch(world, 1, before);
    world_kill(world, 3);
    CHECK(world_insider_dial(world, 3, 2, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&certificate)));
    world_run(world, 5 * SECOND);
    CHECK(has_removals(world, 1));
    for (int i = 0; i < 3; i++) {
        const struct community *community = world->homes[i].core->community;
        world_epoch(world, i, after);
        CHECK(memcmp(before, after, sizeof after) != 0 && world_same_epoch(world, i, 0));
        CHECK(community_find(community, &late) != NULL);
        CHECK(!community_in_standing(community, &late, world_wall(world, i)));
        CHECK(world_log_count(world, i, "removed ") == 1);
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* Whether it removes nobody hangs on whom a home knows: whoever brings it is not to blame. */
static void test_a_removal_that_changes_nothing_costs_no_link(void **state) {
    struct world *world = settled(46, &terms);
    struct world_insider insider;
    struct removal removal = {
        .head = {.community = world->community,
                 .author = world->homes[1].certificate,
                 .created = world_wall(world, 1),
                 .expires = INSTANT_FOR_GOOD},
        .removed = {.member = world->homes[3].certificate, .epoch = world->homes[1].certificate}};
    const struct sign_secret *owner = &world->homes[1].owners[0].sign;
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    (void)state;
    CHECK_ERR(ERR_OK, removal_encode(&removal, &body));
    const struct id id = sample_sign(OBJECT_REMOVAL, buffer_bytes(&body), &owner, 1, &bytes);
    world_kill(world, 2);
    CHECK(world_insider_dial(world, 2, 0, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(!world_has_object(world, 0, &id) && in_standing(world, 0, 3));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_destroy(world);
}

/* Its invite is its own still, but opens nothing any more: neither key nor members. */
static void test_a_removed_one_learns_nothing_by_its_invite(void **state) {
    struct world *world = world_create(43, HOMES, NULL);
    char code[CODE_MAX_BYTES];
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        const int joiner = 2 + removed;
        if (removed == 0) {
            world_found(world, 0, &terms);
            join(world, 1);
        }
        world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
        CHECK_ERR(ERR_OK, world_join(world, joiner, code));
        while (community_size(world->homes[0].core->community) != (size_t)joiner + 1) {
            world_run(world, 1);
        }
        world_kill(world, joiner); /* before it is told anything */
        const struct id id = *community_member_id(world->homes[0].core->community, (size_t)joiner);
        if (removed == 1) {
            CHECK_ERR(ERR_OK, world_remove_id(world, 0, &id, false));
        }
        CHECK_ERR(ERR_OK, world_start(world, joiner));
        world_run(world, 30 * SECOND);
        CHECK(world_is_member(world, joiner) == (removed == 0));
    }
    world_destroy(world);
}

/* Home 5 has asked, home 2 has a clip for it, and its owner is about to grant that. */
static struct world_clip *clip_to_grant(struct world *world, struct id *request_id,
                                        struct grant *grant) {
    struct request request;
    world->homes[2].footage = WORLD_MATCH;
    world_voluntary(world, 5, DURATION_DAY_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, 5, &request, request_id));
    world_run(world, 90 * SECOND);
    struct world_clip *clip = world_clip(world, 2, request_id);
    CHECK(clip != NULL);
    world_grant(world, 2, clip, grant);
    return clip;
}

/* Its requests end, at whoever had a clip for them too, and nothing more is sent. */
static void test_a_removed_ones_requests_end(void **state) {
    struct world *world = settled(4, &terms);
    struct id id;
    struct grant grant;
    (void)state;
    struct world_clip *clip = clip_to_grant(world, &id, &grant);
    CHECK_ERR(ERR_OK, world_remove(world, 0, 5, false));
    world_run(world, 10 * SECOND);
    CHECK(world_grant_put(world, 2, clip, &grant, 0, 1, NULL) != ERR_OK);
    world_run(world, 180 * SECOND);
    CHECK(world_delivered(world, 5, &id) == 0);
    CHECK(world_log_count(world, 1, "request_withdrawn ") == 1);
    CHECK(world_clip(world, 2, &id) == NULL); /* shredded */
    world_destroy(world);
}

static void test_a_grant_under_way_stops(void **state) {
    struct world *world = settled(5, &terms);
    struct id id;
    struct grant grant;
    (void)state;
    struct world_clip *clip = clip_to_grant(world, &id, &grant);
    CHECK_ERR(ERR_OK, world_remove(world, 0, 5, false));
    CHECK_ERR(ERR_OK, world_grant_put(world, 2, clip, &grant, 0, 1, NULL)); /* it does not know */
    world_run(world, 300 * SECOND);
    CHECK(world_delivered(world, 5, &id) == 0);
    world_destroy(world);
}

static void test_who_was_away_catches_up(void **state) {
    (void)state;
    for (int removals = 1; removals <= 3; removals++) {
        struct world *world = settled(10 + (uint64_t)removals, &terms);
        struct parted parted = {.removed = 3, .away = 1};
        world_kill(world, 1);
        CHECK_ERR(ERR_OK, world_remove(world, 0, 3, false));
        CHECK(world_run_until(world, 5 * SECOND, all_parted, &parted));
        for (int i = 1; i < removals; i++) {
            CHECK_ERR(ERR_OK, world_remove(world, 0, 3 + i, false));
        }
        world_run(world, 120 * SECOND);
        CHECK_ERR(ERR_OK, world_start(world, 1));
        world_run(world, 90 * SECOND);
        CHECK(!in_standing(world, 1, 3));
        CHECK(world_same_epoch(world, 1, 0));
        CHECK(world_links(world, 1) == (size_t)(HOMES - 1 - removals));
        world_destroy(world);
    }
}

/* Each half removes one of the other: in the end both are out, and all others have one key. */
static void test_two_halves_come_to_one_key(void **state) {
    (void)state;
    for (uint64_t seed = 20; seed < 23; seed++) {
        struct world *world = settled(seed, &two_of_three);
        const bool part[HOMES] = {false, true, false, true, false, true};
        world_part(world, part, true);
        world_run(world, 20 * SECOND);
        CHECK_ERR(ERR_OK, world_remove(world, 0, 5, false)); /* in the other half */
        CHECK_ERR(ERR_OK, world_remove(world, 3, 3, false)); /* leaves */
        struct act act; /* and administrators 0 and 2 remove 4 */
        uint8_t key[EPOCH_KEY_BYTES] = {9};
        world_act(world, 0, &act);
        act.has_removed = true;
        act.removed.member = world->homes[4].certificate;
        sha256(BYTES_OF(key), &act.removed.epoch);
        CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, key, NULL));
        CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
        world_run(world, 20 * SECOND);
        CHECK(in_standing(world, 1, 5) && !in_standing(world, 0, 5));
        CHECK(in_standing(world, 0, 3) && !in_standing(world, 1, 3));
        world_heal(world);
        world_run(world, 300 * SECOND);
        for (int i = 0; i < 3; i++) {
            for (int gone = 3; gone < HOMES; gone++) { /* 3 left: it has made no part */
                CHECK(!in_standing(world, i, gone));
                CHECK(gone == 3 || !world_same_epoch(world, gone, i));
            }
            CHECK(world_same_epoch(world, i, 0));
            CHECK(world_links(world, i) == 2);
        }
        world_destroy(world);
    }
}

/* A certificate's end comes near: its sponsor's node puts it off, and a founder its own; not that
 * of one that is removed, nor of one that has not been heard of for long. */
static void test_certificates_are_renewed_by_themselves(void **state) {
    struct world *world = settled(30, &terms);
    (void)state;
    world_kill(world, 4);
    CHECK_ERR(ERR_OK, world_remove(world, 0, 3, false));
    world_run(world, 20 * SECOND);
    const struct community *community = world->homes[1].core->community;
    struct instant before[HOMES];
    for (int i = 0; i < HOMES; i++) {
        before[i] = community_ends(community, &world->homes[i].certificate);
    }
    for (int i = 0; i < HOMES; i++) {
        world_kill(world, i);
    }
    /* To some days before the last end, then alive for some minutes. */
    struct instant last = before[0].ms > before[1].ms ? before[0] : before[1];
    world_run(world, last.ms - world_wall(world, 1).ms - INT64_C(59) * DURATION_DAY_MS);
    for (int i = 0; i < HOMES; i++) {
        if (i != 4) {
            CHECK_ERR(ERR_OK, world_start(world, i));
        }
    }
    world_run(world, 180 * SECOND);
    community = world->homes[1].core->community;
    for (int i = 0; i < HOMES; i++) {
        struct instant now = community_ends(community, &world->homes[i].certificate);
        bool renewed = now.ms > before[i].ms;
        CHECK(renewed == (i != 3 && i != 4));
    }
    world_kill(world, 1); /* and after a restart */
    CHECK_ERR(ERR_OK, world_start(world, 1));
    CHECK(community_ends(world->homes[1].core->community, &world->homes[2].certificate).ms >
          before[2].ms);
    world_destroy(world);
}

/* Who was away when all were renewed: by what it knows nobody is a member any more, itself among
 * them, until it has knocked at the catch-up door; whether it was off, or suspended. */
static void test_who_was_away_while_all_were_renewed_comes_back(void **state) {
    const int64_t day = DURATION_DAY_MS;
    (void)state;
    for (int suspended = 0; suspended < 2; suspended++) {
        struct world *world = settled(31, &terms);
        struct instant last =
            community_ends(world->homes[0].core->community, &world->homes[HOMES - 1].certificate);
        for (int i = 0; i < HOMES; i++) {
            world_kill(world, i);
        }
        world_run(world, last.ms - world_wall(world, 0).ms - 62 * day); /* too soon to renew */
        for (int i = 0; i < HOMES; i++) {
            CHECK_ERR(ERR_OK, world_start(world, i));
        }
        world_run(world, 90 * SECOND);
        for (int i = 0; i < HOMES; i++) {
            if (i != 1 || suspended == 1) {
                world_sleep(world, i, i == 1 ? 68 * day : 3 * day);
            } else {
                world_kill(world, i);
            }
        }
        world_run(world, 3 * day + 180 * SECOND);
        for (int i = 0; i < HOMES; i++) {
            if (i != 1) {
                world_sleep(world, i, 65 * day);
            }
        }
        world_run(world, 65 * day + SECOND);
        if (suspended == 0) {
            CHECK_ERR(ERR_OK, world_start(world, 1));
        }
        CHECK(in_standing(world, 0, 1));
        world_run(world, 120 * SECOND);
        for (int i = 0; i < HOMES; i++) {
            CHECK(in_standing(world, 1, i) && in_standing(world, i, 1));
            CHECK(world_links(world, i) == HOMES - 1);
        }
        world_destroy(world);
    }
}

/* A certificate may name a key of low order, with which nobody can agree on anything: what cannot
 * be dialled opens no socket, and takes no number that another link then has as well. */
static void test_a_key_that_nobody_can_agree_with_is_not_dialled(void **state) {
    (void)state;
    struct world *world = settled(44, &terms);
    struct core *core = world->homes[0].core;
    const struct box_public low = {{1}};
    struct transport_door_key door;
    struct core_effects effects;
    const uint64_t next = core->next_link;
    uint64_t no = 0;
    CHECK_ERR(ERR_OK, core_turn_begin(core));
    doors_key(TRANSPORT_MEMBER, BYTES_OF(core->epoch_key), &world->community, 0, &door);
    CHECK(core_dial(core, PURPOSE_MEMBER, &world->homes[1].certificate, "127.0.0.1:9", &door, &low,
                    (struct bytes){NULL, 0}, &no) != ERR_OK);
    CHECK_ERR(ERR_OK, core_turn_end(core, &effects));
    CHECK(effects.count == 0 && no == 0 && core->next_link == next);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sponsor_removes_whom_it_brought),
        cmocka_unit_test(test_k_administrators_remove_anyone),
        cmocka_unit_test(test_who_was_brought_in_by_a_removed_one_goes_too),
        cmocka_unit_test(test_a_home_leaves),
        cmocka_unit_test(test_a_home_that_left_alone_starts_again),
        cmocka_unit_test(test_a_removed_one_does_not_let_itself_in),
        cmocka_unit_test(test_who_removes_nobody_changes_nothing),
        cmocka_unit_test(test_a_removal_may_come_before_whom_it_removes),
        cmocka_unit_test(test_a_removal_that_changes_nothing_costs_no_link),
        cmocka_unit_test(test_a_removed_one_learns_nothing_by_its_invite),
        cmocka_unit_test(test_a_key_that_nobody_can_agree_with_is_not_dialled),
        cmocka_unit_test(test_a_removed_ones_requests_end),
        cmocka_unit_test(test_a_grant_under_way_stops),
        cmocka_unit_test(test_who_was_away_catches_up),
        cmocka_unit_test(test_two_halves_come_to_one_key),
        cmocka_unit_test(test_certificates_are_renewed_by_themselves),
        cmocka_unit_test(test_who_was_away_while_all_were_renewed_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
