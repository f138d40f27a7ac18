/* Two communities with a treaty: what crosses, what does not, and what ends it (PROTOCOL 4.12 to
 * 4.14). Two homes are in both: each has a node here and one there. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    ASKER,     /* founded this side, and is its clerk */
    GATE_A,    /* the first gateway's node here */
    GATE_B,    /* the second's */
    ELSEWHERE, /* founded the other side, and is its clerk */
    GATE_A_FAR,
    GATE_B_FAR,
    OWNER, /* there, with footage */
    HOMES,
    NEWCOMER = HOMES, /* here, of one test alone */
    NOBODY = -1,
    FAR = ELSEWHERE,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    LIFE = 4 * HOUR,
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

struct street {
    struct world *world;
    struct id sides[2]; /* communities: ASKER's, and ELSEWHERE's */
    struct treaty treaty;
    struct id treaty_id;
    struct request request;
    struct id id;
};

static bool joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

/* One community of the homes from `first` to `last`. */
static struct id found(struct world *world, int first, int last) {
    world_found(world, first, &terms);
    for (int i = first + 1; i <= last; i++) {
        char code[CODE_MAX_BYTES];
        world_invite(world, first, MEMBER_HOME, DURATION_DAY_MS, code);
        CHECK_ERR(ERR_OK, world_join(world, i, code));
        CHECK(world_run_until(world, MINUTE, joined, &i));
    }
    return world->community;
}

/* One knows it from its start, the other is told while it runs. */
static void be_siblings(struct street *street, int here, int there) {
    struct world *world = street->world;
    const int pair[] = {here, there};
    for (int i = 0; i < 2; i++) {
        struct world_home *home = &world->homes[pair[i]];
        struct sibling *sibling = &home->siblings.list[0];
        home->siblings.count = 1;
        sibling->community = street->sides[1 - i];
        sibling->transport = world->homes[pair[1 - i]].transport;
        world_address(pair[1 - i], sibling->address);
        if (here == GATE_B) {
            world_siblings_say(world, pair[i]);
            continue;
        }
        world_kill(world, pair[i]);
        CHECK_ERR(ERR_OK, world_start(world, pair[i]));
    }
}

/* A side's founder is its clerk; here there may be another. */
static void side(const struct street *street, int founder, int also, struct treaty_side *out) {
    world_treaty_side(street->world, founder, out);
    if (also != NOBODY && founder == ASKER) {
        out->clerks[out->clerk_count++] = street->world->homes[also].node;
    }
    (void)snprintf(out->name, sizeof out->name, "Side %d", founder == FAR);
}

static void end_treaty(struct street *street, int founder) {
    struct act ended;
    street->world->community = street->sides[founder == FAR];
    world_act(street->world, founder, &ended);
    ended.treaty_ended = street->treaty_id;
    CHECK_ERR(ERR_OK, world_endorse(street->world, founder, &ended, NULL, NULL));
    street->world->community = street->sides[0];
}

/* The founders' acts make the treaty, as it is written now. */
static void decide(struct street *street) {
    struct world *world = street->world;
    struct id *id = &street->treaty_id;
    CHECK_ERR(ERR_OK, world_treaty_make(world, ASKER, &street->treaty, id));
    world->community = street->sides[1];
    CHECK_ERR(ERR_OK, world_treaty_make(world, FAR, &street->treaty, id));
    world->community = street->sides[0];
}

/* It is written, and no act has made it. */
static struct street draft(uint64_t seed, uint32_t live, int clerk) {
    struct street street = {.world = world_create(seed, HOMES + 1, NULL)};
    struct world *world = street.world;
    struct treaty *treaty = &street.treaty;
    street.sides[1] = found(world, ELSEWHERE, OWNER);
    street.sides[0] = found(world, ASKER, GATE_B);
    be_siblings(&street, GATE_A, GATE_A_FAR);
    be_siblings(&street, GATE_B, GATE_B_FAR);
    world_treaty(world, ASKER, treaty);
    treaty->caps.live_requests = live;
    bool order = id_compare(&street.sides[0], &street.sides[1]) < 0;
    side(&street, order ? ASKER : FAR, clerk, &treaty->sides[0]);
    side(&street, order ? FAR : ASKER, clerk, &treaty->sides[1]);
    world->homes[OWNER].footage = WORLD_MATCH;
    return street;
}

static struct street agree(uint64_t seed, uint32_t live, int clerk) {
    struct street street = draft(seed, live, clerk);
    decide(&street);
    return street;
}

static struct street settle_with(uint64_t seed, uint32_t live, int clerk) {
    struct street street = agree(seed, live, clerk);
    world_run(street.world, 2 * MINUTE); /* rolls come out, and gateways say that they are some */
    return street;
}

static struct street settle(uint64_t seed) {
    return settle_with(seed, ((struct caps)CAPS_DEFAULT).live_requests, NOBODY);
}

static void ask(struct street *street) {
    world_voluntary(street->world, ASKER, LIFE, &street->request);
    CHECK_ERR(ERR_OK, world_request(street->world, ASKER, &street->request, &street->id));
}

static bool sealed(struct world *world, void *context) {
    return world_clip(world, OWNER, context) != NULL;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, ASKER, context) > 0;
}

/* As `stoop` gets it: with what it crossed in, in the place of certificates. */
static void check_listed(struct street *street) {
    const struct control_request list = {.op = CONTROL_REQUESTS};
    struct world *world = street->world;
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &list));
    CHECK(world->reply_count == 2);
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[0]), &world->reply));
    CHECK(world->reply.kind == CONTROL_GOT_REQUEST && world->reply.as.request.chain_count == 0 &&
          world->reply.as.request.crossing.len > 0);
}

static void grant(struct street *street) {
    struct world_clip *clip = world_clip(street->world, OWNER, &street->id);
    struct grant grant;
    world_grant(street->world, OWNER, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(street->world, OWNER, clip, &grant, 0, 1, NULL));
}

static void test_what_is_asked_here_is_granted_there(void **state) {
    (void)state;
    struct street street = settle(1);
    struct world *world = street.world;
    ask(&street);
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
    world_run(world, 2 * SLOT_MS);
    const struct world_clip clip = *world_clip(world, OWNER, &street.id);
    check_listed(&street);
    grant(&street);
    CHECK(world_run_until(world, 5 * MINUTE, delivered, &street.id));
    CHECK(world_delivered_opens(world, ASKER, &street.id, &clip));
    world_run(world, 2 * SLOT_MS);
    for (int home = 0; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_seen ") == (home == ASKER ? 0 : 1));
        CHECK(world_log_verifies(world, home));
    }
    CHECK(world_log_count(world, OWNER, "sent ") == 1); /* the receipt was believed */
    world_destroy(world);
}

/* Every home on the far side starts anew, and knows what it knew; nothing crosses twice. */
static void test_what_crossed_lasts_over_a_start(void **state) {
    (void)state;
    struct street street = settle(2);
    struct world *world = street.world;
    ask(&street);
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
    world_run(world, 2 * SLOT_MS);
    for (int home = 0; home < HOMES; home++) {
        world_kill(world, home);
        CHECK_ERR(ERR_OK, world_start(world, home));
    }
    world_run(world, 3 * MINUTE);
    grant(&street);
    CHECK(world_run_until(world, 5 * MINUTE, delivered, &street.id));
    for (int home = FAR; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_seen ") == 1);
    }
    world_destroy(world);
}

static void test_what_is_withdrawn_here_ends_there(void **state) {
    (void)state;
    struct street street = settle(3);
    struct world *world = street.world;
    ask(&street);
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
    CHECK_ERR(ERR_OK, world_withdraw(world, ASKER, &street.id, street.request.head.expires));
    world_run(world, MINUTE);
    for (int home = FAR; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_withdrawn ") == 1);
    }
    world_destroy(world);
}

static bool has_withdrawn(struct world *world, int home) {
    return world_log_count(world, home, "request_withdrawn ") == 1;
}

/* Who asked it was told that the homes of this side see it: so neither it nor its withdrawal
 * crosses by a treaty that was written before, and made after. */
static void test_what_was_asked_before_the_treaty_stays(void **state) {
    (void)state;
    struct street street = draft(21, 10, NOBODY);
    struct world *world = street.world;
    world_run(world, MINUTE);
    ask(&street);
    world_run(world, MINUTE);
    decide(&street);
    world_run(world, 2 * MINUTE);
    struct street later = street;
    ask(&later);
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &later.id));
    world_kill(world, GATE_A);
    CHECK_ERR(ERR_OK, world_start(world, GATE_A)); /* looks for all that may have to cross */
    CHECK_ERR(ERR_OK, world_withdraw(world, ASKER, &street.id, street.request.head.expires));
    world_run(world, 2 * MINUTE);
    for (int home = 0; home < HOMES; home++) {
        CHECK(world_has_object(world, home, &later.id));
        CHECK(world_has_object(world, home, &street.id) == (home < FAR));
        CHECK(has_withdrawn(world, home) == (home < FAR));
    }
    world_destroy(world);
}

/* It crossed by the treaty before, so its withdrawal goes by the one that took that one's place. */
static void test_what_crossed_by_a_former_treaty_is_withdrawn_by_the_next(void **state) {
    (void)state;
    struct street street = settle(22);
    struct world *world = street.world;
    ask(&street);
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
    end_treaty(&street, ASKER);
    end_treaty(&street, FAR);
    world_run(world, MINUTE);
    street.treaty.created = world_wall(world, ASKER);
    decide(&street);
    world_run(world, 2 * MINUTE);
    CHECK_ERR(ERR_OK, world_withdraw(world, ASKER, &street.id, street.request.head.expires));
    world_run(world, MINUTE);
    for (int home = FAR; home < HOMES; home++) {
        CHECK(has_withdrawn(world, home));
    }
    world_destroy(world);
}

static void test_only_what_the_treaty_names_crosses(void **state) {
    (void)state;
    struct street street = settle(4);
    struct world *world = street.world;
    world_warrant(world, ASKER, LIFE, &street.request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &street.request, &street.id));
    world_run(world, 3 * MINUTE);
    CHECK(world_has_object(world, GATE_A, &street.id));
    for (int home = FAR; home < HOMES; home++) {
        CHECK(!world_has_object(world, home, &street.id));
    }
    world_destroy(world);
}

/* Whichever side ends it: the next request does not cross any more, the one that did lives on. */
static void test_a_treatys_end_ends_the_next_request(void **state) {
    (void)state;
    for (int by = 0; by < 2; by++) {
        struct street street = settle(5 + (uint64_t)by);
        struct world *world = street.world;
        ask(&street);
        CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
        world_run(world, 2 * SLOT_MS);
        end_treaty(&street, by == 0 ? ASKER : FAR);
        world_run(world, 10 * 1000);
        struct street later = street;
        ask(&later);
        world_run(world, 3 * MINUTE);
        for (int home = FAR; home < HOMES; home++) {
            CHECK(!world_has_object(world, home, &later.id));
        }
        grant(&street);
        CHECK(world_run_until(world, 5 * MINUTE, delivered, &street.id)); /* after the end */
        world_destroy(world);
    }
}

/* By then there are newer rolls, and the one by which it crossed has ended. */
static void test_a_home_that_was_off_for_days_takes_what_crossed(void **state) {
    (void)state;
    struct street street = settle(11);
    struct world *world = street.world;
    world_kill(world, OWNER);
    world_voluntary(world, ASKER, 6 * (int64_t)DURATION_DAY_MS, &street.request);
    CHECK_ERR(ERR_OK, world_request(world, ASKER, &street.request, &street.id));
    world_run(world, MINUTE);
    CHECK(world_has_object(world, ELSEWHERE, &street.id));
    for (int home = 0; home < OWNER; home++) {
        world_sleep(world, home, 50 * (int64_t)HOUR); /* cheaper than to run */
    }
    world_run(world, 50 * (int64_t)HOUR + 3 * MINUTE);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
    world_run(world, 2 * MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* Its live request ends there, and the next one is not taken. */
static void test_a_removal_here_counts_there(void **state) {
    (void)state;
    struct street street = settle(7);
    struct world *world = street.world;
    world_voluntary(world, GATE_B, LIFE, &street.request);
    CHECK_ERR(ERR_OK, world_request(world, GATE_B, &street.request, &street.id));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &street.id));
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    for (int home = FAR; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_withdrawn ") == 1);
    }
    world_destroy(world);
}

/* One after the other is off: what one does not carry the next one does. */
static void test_a_gateway_that_is_off_is_stood_in_for(void **state) {
    (void)state;
    for (int off = 0; off < 2; off++) {
        struct street street = settle(8 + (uint64_t)off);
        struct world *world = street.world;
        world_kill(world, off == 0 ? GATE_A : GATE_B);
        ask(&street);
        world_run(world, MINUTE);
        CHECK(world_has_object(world, OWNER, &street.id));
        world_destroy(world);
    }
}

static enum err visit_word(void *context, const struct store_object *row) { /* oldest first */
    struct signed_object object;
    struct gateway gateway;
    CHECK_ERR(ERR_OK, signed_decode(row->object, &object));
    CHECK_ERR(ERR_OK, gateway_decode(object.body, &gateway));
    *(int *)context = gateway.ended ? -1 : 1;
    return ERR_OK;
}

/* As `holder` knows it: 1: `home` carries, -1: it did, 0: it never said so. */
static int word_of(const struct street *street, int holder, int home) {
    const struct world_home *held = &street->world->homes[holder];
    int word = 0;
    CHECK_ERR(ERR_OK, store_begin(held->store));
    CHECK_ERR(ERR_OK,
              store_object_each_of(held->store, OBJECT_GATEWAY,
                                   &street->world->homes[home].certificate, visit_word, &word));
    store_roll_back(held->store);
    return word;
}

static size_t sibling_links(const struct world *world, int home) {
    size_t count = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &world->homes[home].core->links[i];
        count += link->no != 0 && link->state == LINK_OPEN && link->door == TRANSPORT_SIBLING;
    }
    return count;
}

/* Without a start: what it has to carry is not carried, until it is told of its other node again.
 */
static void test_a_gateway_that_has_no_other_node_any_more_carries_nothing(void **state) {
    (void)state;
    struct street street = settle(14);
    struct world *world = street.world;
    world_kill(world, GATE_A);
    ask(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    CHECK(sibling_links(world, GATE_B) > 0 && sibling_links(world, GATE_B_FAR) > 0);
    for (int home = GATE_B; home <= GATE_B_FAR; home += GATE_B_FAR - GATE_B) {
        world->homes[home].siblings.count = 0;
        world_siblings_say(world, home);
        CHECK(sibling_links(world, home) == 0);
    }
    ask(&street);
    world_run(world, 10 * MINUTE);
    CHECK(world_has_object(world, GATE_B, &street.id));
    CHECK(!world_has_object(world, ELSEWHERE, &street.id));
    CHECK(word_of(&street, ASKER, GATE_B) == -1);
    CHECK(word_of(&street, ELSEWHERE, GATE_B_FAR) == -1);
    for (int home = GATE_B; home <= GATE_B_FAR; home += GATE_B_FAR - GATE_B) {
        world->homes[home].siblings.count = 1;
        world_siblings_say(world, home);
    }
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    CHECK(word_of(&street, ASKER, GATE_B) == 1 && word_of(&street, ELSEWHERE, GATE_B_FAR) == 1);
    for (int home = 0; home < HOMES; home++) {
        CHECK(home == GATE_A || world_is_up(world, home));
    }
    world_destroy(world);
}

static void let_days_pass(struct street *street, int64_t days) {
    for (int home = 0; home < HOMES; home++) {
        if (!world_is_up(street->world, home)) {
            continue;
        }
        world_sleep(street->world, home, days * DURATION_DAY_MS);
    }
    world_run(street->world, days * DURATION_DAY_MS + 5 * (int64_t)MINUTE);
}

static void ask_at_gate(struct street *street) {
    world_voluntary(street->world, GATE_B, LIFE, &street->request);
    CHECK_ERR(ERR_OK, world_request(street->world, GATE_B, &street->request, &street->id));
}

/* Of so many requests that GATE_B hears of, these wait there for another gateway to carry them. */
static size_t waiting_at_gate_b(struct street *street, int asks) {
    const struct core *core = street->world->homes[GATE_B].core;
    size_t waiting = 0;
    for (int i = 0; i < asks; i++) {
        ask_at_gate(street);
        for (size_t k = 0; k < CARRIES_MAX; k++) {
            const struct carry *one = &core->border->carries[k];
            waiting += one->used && id_equal(&one->object, &street->id) &&
                               !tick_reached(core->now.mono, one->ready)
                           ? 1
                           : 0;
        }
        world_run(street->world, 20 * 1000);
    }
    return waiting;
}

/* It leaves, or is removed over there: the homes here hear that it carries no more. Over a start it
 * does not say so again. */
static void test_who_belongs_there_no_more_takes_its_word_back(void **state) {
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        struct street street = settle(23 + (uint64_t)removed);
        struct world *world = street.world;
        CHECK(word_of(&street, ASKER, GATE_A) == 1 && word_of(&street, ELSEWHERE, GATE_A_FAR) == 1);
        world->community = street.sides[1];
        CHECK_ERR(ERR_OK,
                  world_remove(world, removed == 1 ? ELSEWHERE : GATE_A_FAR, GATE_A_FAR, false));
        world->community = street.sides[0];
        world_run(world, MINUTE);
        CHECK(word_of(&street, ASKER, GATE_A) == -1);
        CHECK(word_of(&street, ASKER, GATE_B) == 1);
        world_kill(world, GATE_A);
        CHECK_ERR(ERR_OK, world_start(world, GATE_A));
        world_run(world, 5 * MINUTE);
        CHECK(word_of(&street, ASKER, GATE_A) == -1);
        ask(&street); /* the other one carries alone, and does not wait for it */
        world_run(world, MINUTE);
        CHECK(world_has_object(world, OWNER, &street.id));
        CHECK(waiting_at_gate_b(&street, 6) == 0);
        world_destroy(world);
    }
}

/* Its word that it does not carry has ended since, and its node there is gone for good. */
static void test_who_belongs_there_no_more_does_not_say_so_anew(void **state) {
    (void)state;
    static const int others[] = {GATE_A, GATE_A_FAR, GATE_B, GATE_B_FAR, OWNER};
    struct street street = settle(24);
    struct world *world = street.world;
    world->community = street.sides[1];
    CHECK_ERR(ERR_OK, world_remove(world, ELSEWHERE, GATE_A_FAR, false));
    world->community = street.sides[0];
    world_run(world, MINUTE);
    CHECK(word_of(&street, ASKER, GATE_A) == -1);
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        world_kill(world, others[i]);
    }
    let_days_pass(&street, 3);
    CHECK(word_of(&street, ASKER, GATE_A) == 0);
    CHECK_ERR(ERR_OK, world_start(world, GATE_A));
    world_run(world, 5 * MINUTE);
    CHECK(word_of(&street, ASKER, GATE_A) == 0);
    world_destroy(world);
}

static void test_no_more_cross_in_a_day_than_the_treaty_says(void **state) {
    (void)state;
    struct street street = settle(10);
    struct world *world = street.world;
    size_t crossed = 0;
    for (int i = 0; i < 6; i++) {
        ask(&street);
        world_run(world, MINUTE);
        crossed += world_has_object(world, OWNER, &street.id) ? 1 : 0;
    }
    CHECK(crossed == street.treaty.daily);
    world_destroy(world);
}

/* The charters of both would let more of them live. */
static void test_no_more_live_than_the_treaty_says(void **state) {
    (void)state;
    struct street street = settle_with(12, 2, NOBODY);
    struct world *world = street.world;
    for (int i = 0; i < 3; i++) {
        ask(&street);
        world_run(world, MINUTE);
        CHECK(world_has_object(world, GATE_A, &street.id));
        CHECK(world_has_object(world, OWNER, &street.id) == (i < 2));
    }
    world_destroy(world);
}

/* ---- whatever came first ---- */

struct held { /* what reconciliation would compare */
    size_t count;
    struct id sum;
};

static enum err visit_held(void *context, const struct store_object *row) {
    struct held *held = context;
    held->count++;
    for (size_t i = 0; i < sizeof held->sum.b; i++) {
        held->sum.b[i] ^= row->id.b[i];
    }
    return ERR_OK;
}

static struct held held_by(struct street *street, int number, enum object_kind kind) {
    struct world_home *home = &street->world->homes[number];
    struct held held = {.count = 0};
    CHECK_ERR(ERR_OK, store_begin(home->store));
    CHECK_ERR(ERR_OK, store_object_each(home->store, kind, visit_held, &held));
    store_roll_back(home->store);
    return held;
}

static void check_alike(struct street *street, enum object_kind kind) {
    const struct held one = held_by(street, ELSEWHERE, kind);
    for (int home = GATE_A_FAR; home < HOMES; home++) {
        const struct held other = held_by(street, home, kind);
        CHECK(one.count == other.count && id_equal(&one.sum, &other.sum));
    }
}

/* Of those asked, these from the others. */
static void cut_off(struct street *street, bool cut, const int *homes, size_t count) {
    for (int other = FAR; other < HOMES; other++) {
        bool apart = true;
        for (size_t i = 0; i < count; i++) {
            apart = apart && other != homes[i];
        }
        for (size_t i = 0; apart && i < count; i++) {
            world_cut(street->world, homes[i], other, cut);
        }
    }
}

/* Either half hears of it by another gateway. */
static void test_halves_that_were_told_twice_hold_the_same(void **state) {
    (void)state;
    struct street street = settle(13);
    struct world *world = street.world;
    const int half[] = {GATE_B_FAR, OWNER};
    cut_off(&street, true, half, 2);
    const size_t before = held_by(&street, OWNER, OBJECT_CROSSING).count;
    ask(&street);
    world_run(world, MINUTE);
    for (int home = FAR; home < HOMES; home++) {
        CHECK(world_has_object(world, home, &street.id));
        CHECK(held_by(&street, home, OBJECT_CROSSING).count == before + 1);
    }
    cut_off(&street, false, half, 2);
    world_run(world, 5 * MINUTE);
    check_alike(&street, OBJECT_CROSSING);
    CHECK(held_by(&street, OWNER, OBJECT_CROSSING).count == before + 2);
    for (int home = FAR; home < HOMES; home++) {
        CHECK(world_log_count(world, home, "request_seen ") == 1);
    }
    world_destroy(world);
}

struct found {
    struct buffer bytes;
    bool found;
};

static enum err visit_crossing(void *context, const struct store_object *row) {
    struct found *found = context;
    struct signed_object object;
    struct signed_object inner;
    struct crossing crossing;
    CHECK_ERR(ERR_OK, signed_decode(row->object, &object));
    CHECK_ERR(ERR_OK, crossing_decode(object.body, &crossing));
    CHECK_ERR(ERR_OK, signed_decode(crossing.object, &inner));
    if (!found->found && inner.kind == OBJECT_REQUEST) {
        found->found = true;
        CHECK_ERR(ERR_OK, buffer_append(&found->bytes, row->object));
    }
    return ERR_OK;
}

/* The crossing of a request that `holder` has. It borrows *bytes, which is initialised here. */
static void read_crossing(struct street *street, int holder, struct buffer *bytes,
                          struct crossing *out) {
    struct store *store = street->world->homes[holder].store;
    struct found found = {.found = false};
    struct signed_object object;
    buffer_init(&found.bytes, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_CROSSING, visit_crossing, &found));
    store_roll_back(store);
    CHECK(found.found);
    *bytes = found.bytes;
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(bytes), &object));
    CHECK_ERR(ERR_OK, crossing_decode(object.body, out));
}

/* Said by `gateway` to `to`. */
static enum err say(struct street *street, struct crossing *crossing, int gateway, int to,
                    struct id *id) {
    const struct sign_secret *key = &street->world->homes[gateway].keys.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    crossing->head.author = street->world->homes[gateway].certificate;
    CHECK_ERR(ERR_OK, crossing_encode(crossing, &body));
    *id = sample_sign(OBJECT_CROSSING, buffer_bytes(&body), &key, 1, &bytes);
    return world_take(street->world, to, buffer_bytes(&bytes));
}

/* The crossing of a request that `holder` has, said once more by `gateway`, a little later, to
 * `to`. */
static enum err say_as(struct street *street, int holder, int gateway, int to, int later_ms,
                       struct id *id) {
    struct buffer bytes;
    struct crossing crossing;
    read_crossing(street, holder, &bytes, &crossing);
    crossing.head.created.ms += later_ms;
    enum err verdict = say(street, &crossing, gateway, to, id);
    buffer_finish(&bytes);
    return verdict;
}

/* Each is said to have crossed before the one that came before it. As many as may are taken so, as
 * by a home that was away. */
static void test_no_more_cross_in_a_day_whatever_their_gateway_dates_them(void **state) {
    (void)state;
    struct street street = settle(23);
    struct world *world = street.world;
    struct buffer bytes;
    struct crossing crossing;
    struct id id;
    size_t crossed = 0;
    ask(&street);
    world_run(world, MINUTE);
    read_crossing(&street, OWNER, &bytes, &crossing);
    for (int i = 0; i < 8; i++) {
        struct request request;
        struct buffer signed_request;
        world_voluntary(world, ASKER, LIFE, &request);
        request.head.created.ms += i;
        const struct id asked = world_sign_request(world, ASKER, &request, &signed_request);
        crossing.object = buffer_bytes(&signed_request);
        crossing.head.created.ms -= 1;
        crossing.head.expires = request.head.expires;
        CHECK_ERR(ERR_OK, say(&street, &crossing, GATE_A_FAR, OWNER, &id));
        crossed += world_has_object(world, OWNER, &asked) ? 1 : 0;
        buffer_finish(&signed_request);
    }
    CHECK(1 + crossed == street.treaty.daily);
    buffer_finish(&bytes);
    world_destroy(world);
}

/* Nobody is told anything twice by one gateway, whatever it makes of it. */
static void test_a_gateway_says_a_thing_once(void **state) {
    (void)state;
    struct street street = settle(17);
    struct world *world = street.world;
    struct id id;
    ask(&street);
    world_run(world, MINUTE);
    const size_t before = held_by(&street, OWNER, OBJECT_CROSSING).count;
    for (int later_ms = 1000; later_ms <= 8000; later_ms += 1000) {
        (void)say_as(&street, OWNER, GATE_A_FAR, GATE_A_FAR, later_ms, &id);
        (void)say_as(&street, OWNER, GATE_B_FAR, GATE_B_FAR, later_ms, &id);
    }
    world_run(world, 3 * MINUTE);
    CHECK(held_by(&street, OWNER, OBJECT_CROSSING).count == before + 1); /* one by each */
    check_alike(&street, OBJECT_CROSSING);
    world_destroy(world);
}

/* One gateway tells the halves different things: they end with the same of them. */
static void test_of_two_crossings_by_one_gateway_all_keep_the_same(void **state) {
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct street street = settle(18);
        struct world *world = street.world;
        const int half[] = {GATE_B_FAR, OWNER};
        struct id id;
        world_kill(world, GATE_B);
        ask(&street);
        cut_off(&street, true, half, 2);
        world_run(world, MINUTE);
        CHECK(world_has_object(world, GATE_A_FAR, &street.id));
        CHECK(!world_has_object(world, OWNER, &street.id));
        const size_t before = held_by(&street, OWNER, OBJECT_CROSSING).count;
        (void)say_as(&street, GATE_A_FAR, GATE_A_FAR, OWNER, swapped == 0 ? 1000 : 1001, &id);
        CHECK(world_has_object(world, OWNER, &street.id));
        cut_off(&street, false, half, 2);
        world_run(world, 5 * MINUTE);
        check_alike(&street, OBJECT_CROSSING);
        CHECK(held_by(&street, OWNER, OBJECT_CROSSING).count == before + 1);
        CHECK(world_log_count(world, OWNER, "request_seen ") == 1);
        world_destroy(world);
    }
}

/* One home hears of the removal at first, the others of the request; it lives with none. */
static void test_a_request_that_comes_after_its_authors_removal_is_kept_alike(void **state) {
    (void)state;
    struct street street = settle(14);
    struct world *world = street.world;
    const int one[] = {OWNER};
    cut_off(&street, true, one, 1);
    world_voluntary(world, GATE_B, LIFE, &street.request);
    CHECK_ERR(ERR_OK, world_request(world, GATE_B, &street.request, &street.id));
    world_run(world, MINUTE);
    CHECK(world_has_object(world, ELSEWHERE, &street.id));
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    CHECK(!world_has_object(world, OWNER, &street.id));
    cut_off(&street, false, one, 1);
    world_run(world, 5 * MINUTE);
    check_alike(&street, OBJECT_CROSSING);
    for (int home = FAR; home < HOMES; home++) {
        size_t seen = world_log_count(world, home, "request_seen ");
        CHECK(seen == world_log_count(world, home, "request_withdrawn "));
        CHECK(home == OWNER || seen == 1);
        CHECK(world_clip(world, home, &street.id) == NULL);
    }
    world_destroy(world);
}

/* What a gateway says on that has not heard of the end is dropped, by itself too. */
static void test_what_crossed_after_the_end_is_kept_by_nobody(void **state) {
    (void)state;
    struct street street = settle(15);
    struct world *world = street.world;
    const int behind[] = {GATE_A_FAR};
    ask(&street);
    world_run(world, MINUTE);
    cut_off(&street, true, behind, 1);
    end_treaty(&street, FAR);
    world_run(world, 10 * 1000);
    struct street later = street;
    ask(&later);
    world_run(world, 20 * 1000);
    const size_t crossed = held_by(&street, ELSEWHERE, OBJECT_CROSSING).count;
    CHECK(held_by(&street, GATE_A_FAR, OBJECT_CROSSING).count > crossed);
    cut_off(&street, false, behind, 1);
    world_run(world, 5 * MINUTE);
    check_alike(&street, OBJECT_CROSSING);
    check_alike(&street, OBJECT_GATEWAY);
    CHECK(world_has_object(world, OWNER, &street.id) && !world_has_object(world, OWNER, &later.id));
    world_destroy(world);
}

/* A start forgets nothing that a roll said, long after what it came in has ended. */
static void test_the_newest_roll_outlasts_what_brought_it(void **state) {
    (void)state;
    struct street street = settle(16);
    struct world *world = street.world;
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    for (int home = 0; home < FAR; home++) {
        world_kill(world, home);
    }
    for (int home = FAR; home < HOMES; home++) {
        world_sleep(world, home, 72 * (int64_t)HOUR);
    }
    world_run(world, 72 * (int64_t)HOUR + 3 * MINUTE);
    CHECK(held_by(&street, OWNER, OBJECT_CROSSING).count == 0);
    world_kill(world, OWNER);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
    size_t known = 0;
    for (size_t i = 0; i < TREATIES_MAX; i++) {
        const struct far *far = &world->homes[OWNER].core->border->far[i];
        const struct roll *roll = &far->rolls[0];
        bool good = id_equal(&far->treaty, &street.treaty_id);
        known += good && roll_names(roll, &far->treaty) && roll->removed_count == 1 ? 1 : 0;
    }
    CHECK(known == 1);
    world_destroy(world);
}

/* ---- a clerk that was removed ---- */

/* A roll by GATE_B, as far as it goes of true members, which has more acts than there are. It names
 * whom it likes as its author. */
static void forge_roll(const struct street *street, int author, int64_t ahead_ms,
                       const int *members, size_t count, const struct sign_public *removed,
                       struct buffer *out) {
    const struct world_home *home = &street->world->homes[GATE_B];
    const struct sign_secret *key = &home->keys.sign;
    const struct instant now = {world_wall(street->world, ASKER).ms + ahead_ms};
    struct id ids[HOMES];
    struct roll roll = {.head = {.community = street->sides[0],
                                 .author = street->world->homes[author].certificate,
                                 .created = now,
                                 .expires = {now.ms + 48 * (int64_t)HOUR}},
                        .act = street->sides[0],
                        .version = 1024,
                        .caps = CAPS_DEFAULT,
                        .member_count = (uint32_t)count,
                        .treaty_count = 1,
                        .treaties = {street->treaty_id}};
    SCOPED(buffer_finish) struct buffer body = {.max = ROLL_BYTES_MAX};
    if (removed != NULL) {
        memcpy(roll.removed[roll.removed_count++].b, removed->b, sizeof removed->b);
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = street->world->homes[members[i]].certificate;
    }
    CHECK_ERR(ERR_OK, roll_tree(ids, count, NULL, &roll.members, NULL));
    CHECK_ERR(ERR_OK, roll_encode(&roll, &body));
    (void)sample_sign(OBJECT_ROLL, buffer_bytes(&body), &key, 1, out);
}

static void certificate_of(struct street *street, int number, struct buffer *out) {
    struct world_home *home = &street->world->homes[ASKER];
    struct store_object row;
    buffer_init(out, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, store_begin(home->store));
    CHECK_ERR(ERR_OK,
              store_object_get(home->store, &street->world->homes[number].certificate, &row));
    CHECK_ERR(ERR_OK, buffer_append(out, row.object));
    store_roll_back(home->store);
}

/* By it GATE_B asks, through a gateway that helps it. Has it an effect? */
static bool asks_by_its_own_roll(struct street *street, const struct sign_public *removed) {
    struct world *world = street->world;
    struct buffer founder;
    struct buffer member;
    struct buffer roll;
    struct buffer object;
    struct request request;
    struct id id;
    const int itself[] = {GATE_B};
    forge_roll(street, ASKER, 0, itself, 1, removed, &roll);
    certificate_of(street, ASKER, &founder);
    certificate_of(street, GATE_B, &member);
    world_voluntary(world, GATE_B, LIFE, &request);
    const struct id asked = world_sign_request(world, GATE_B, &request, &object);
    struct crossing crossing = {
        .head = {.community = street->sides[1],
                 .created = request.head.created,
                 .expires = request.head.expires},
        .treaty = street->treaty_id,
        .object = buffer_bytes(&object),
        .membership = {.chain_count = 2,
                       .chain = {buffer_bytes(&founder), buffer_bytes(&member)},
                       .roll = buffer_bytes(&roll)}};
    CHECK_ERR(ERR_OK, say(street, &crossing, GATE_A_FAR, OWNER, &id));
    buffer_finish(&founder);
    buffer_finish(&member);
    buffer_finish(&roll);
    buffer_finish(&object);
    return world_has_object(world, OWNER, &asked);
}

/* While it belongs: all that its roll says of members is true, so gateways carry it. Its clock is
 * ahead as far as may be. */
static void say_roll_in_time(struct street *street) {
    const int members[] = {ASKER, GATE_A, GATE_B};
    struct buffer roll;
    forge_roll(street, GATE_B, 14 * MINUTE, members, 3, NULL, &roll);
    CHECK_ERR(ERR_OK, world_take(street->world, GATE_A, buffer_bytes(&roll)));
    buffer_finish(&roll);
    world_run(street->world, MINUTE);
}

/* What it said last, however new, does not stand in the way of what others say since. */
static void test_a_clerk_that_was_removed_keeps_no_others_roll_from_crossing(void **state) {
    (void)state;
    struct street street = settle_with(26, ((struct caps)CAPS_DEFAULT).live_requests, GATE_B);
    struct world *world = street.world;
    say_roll_in_time(&street);
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    CHECK(!asks_by_its_own_roll(&street, NULL));
    world_kill(world, OWNER);
    world_run(world, MINUTE);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
    ask(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* The other clerk's rolls say so, over a start and long after; what that one says still counts. */
static void test_a_clerk_that_was_removed_says_no_more_who_belongs(void **state) {
    (void)state;
    struct street street = settle_with(24, ((struct caps)CAPS_DEFAULT).live_requests, GATE_B);
    struct world *world = street.world;
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    CHECK(!asks_by_its_own_roll(&street, NULL));
    ask(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_kill(world, OWNER);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
    CHECK(!asks_by_its_own_roll(&street, NULL));
    let_days_pass(&street, 11);
    CHECK(!asks_by_its_own_roll(&street, NULL));
    ask(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* Nobody there can tell which of them belongs. */
static void test_nothing_crosses_where_clerks_remove_each_other(void **state) {
    (void)state;
    struct street street = settle_with(25, ((struct caps)CAPS_DEFAULT).live_requests, GATE_B);
    struct world *world = street.world;
    CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
    world_run(world, 3 * MINUTE);
    CHECK(!asks_by_its_own_roll(&street, &world->homes[ASKER].node));
    ask(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, GATE_A, &street.id));
    CHECK(!world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* Gateways keep the newer ones back, and one says that a request crossed while the old one was
 * good. It has an effect when a newer one comes, unless that removes its author. */
static void test_a_request_waits_where_every_roll_has_expired(void **state) {
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        struct street street = settle(27);
        struct world *world = street.world;
        const int by = removed == 0 ? ASKER : GATE_B;
        struct buffer bytes;
        struct buffer object;
        struct crossing crossing;
        struct request request;
        struct id id;
        world_voluntary(world, by, LIFE, &street.request);
        CHECK_ERR(ERR_OK, world_request(world, by, &street.request, &street.id));
        world_run(world, MINUTE);
        read_crossing(&street, OWNER, &bytes, &crossing);
        world_voluntary(world, by, 6 * (int64_t)DURATION_DAY_MS, &request);
        const struct id asked = world_sign_request(world, by, &request, &object);
        crossing.object = buffer_bytes(&object);
        crossing.head.created = request.head.created;
        crossing.head.expires = request.head.expires;
        world_kill(world, GATE_A);
        world_kill(world, GATE_B);
        if (removed == 1) {
            CHECK_ERR(ERR_OK, world_remove(world, ASKER, GATE_B, false));
        }
        let_days_pass(&street, 3);
        CHECK_ERR(ERR_DENY_EXPIRED, say(&street, &crossing, GATE_A_FAR, OWNER, &id));
        CHECK(!world_has_object(world, OWNER, &asked) && !world_has_object(world, OWNER, &id));
        CHECK_ERR(ERR_OK, world_start(world, GATE_A));
        world_run(world, 3 * MINUTE);
        CHECK_ERR(ERR_OK, say(&street, &crossing, GATE_A_FAR, OWNER, &id));
        CHECK(world_has_object(world, OWNER, &asked) == (removed == 0));
        buffer_finish(&object);
        buffer_finish(&bytes);
        world_destroy(world);
    }
}

/* In the name of a gateway, which is down. Does whom it says so to take it? */
static bool say_gateway(const struct street *street, struct world_insider *insider, int64_t ago_ms,
                        bool ended) {
    const struct world_home *home = &street->world->homes[GATE_A];
    const struct instant now = world_wall(street->world, insider->home);
    const struct gateway gateway = {.head = {.community = street->sides[0],
                                             .author = home->certificate,
                                             .created = {now.ms - ago_ms},
                                             .expires = {now.ms + HOUR}},
                                    .treaty = street->treaty_id,
                                    .ended = ended};
    SCOPED(buffer_finish) struct buffer body = {.max = 1024};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    struct signed_object object;
    CHECK_ERR(ERR_OK, gateway_encode(&gateway, &body));
    signed_start(OBJECT_GATEWAY, buffer_bytes(&body), &object);
    CHECK_ERR(ERR_OK, signed_add(&object, &home->keys.sign, &home->node));
    CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
    CHECK(world_insider_gossip(insider, buffer_bytes(&bytes)));
    world_run(street->world, 1000);
    return world_has_object(street->world, insider->home, &object.id);
}

/* Those who had it before do as well; and its clerk is off, so that no other roll comes. */
static void test_a_roll_serves_who_starts_after_somebody_joined(void **state) {
    (void)state;
    struct street street = settle(21);
    struct world *world = street.world;
    char code[CODE_MAX_BYTES];
    int newcomer = NEWCOMER;
    world_invite(world, ASKER, MEMBER_HOME, DURATION_DAY_MS, code);
    CHECK_ERR(ERR_OK, world_join(world, newcomer, code));
    CHECK(world_run_until(world, MINUTE, joined, &newcomer));
    world_kill(world, ASKER);
    world_run(world, MINUTE);
    for (int home = GATE_A; home <= GATE_B; home++) {
        CHECK(world->homes[home].core->border->known.count == 3);
        world_kill(world, home);
        CHECK_ERR(ERR_OK, world_start(world, home));
    }
    ask_at_gate(&street);
    world_run(world, MINUTE);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* What nobody could vouch for yet crosses as soon as somebody can. */
static void test_what_waits_for_a_roll_goes_with_it(void **state) {
    (void)state;
    struct street street = agree(22, ((struct caps)CAPS_DEFAULT).live_requests, NOBODY);
    struct world *world = street.world;
    ask(&street);
    world_run(world, 30 * 1000);
    CHECK(world_has_object(world, OWNER, &street.id));
    world_destroy(world);
}

/* What it said last counts, in whatever order that comes. */
static void test_a_gateways_newest_word_counts(void **state) {
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        struct street street = settle(40);
        struct world_insider insider;
        CHECK(waiting_at_gate_b(&street, 4) > 0);
        world_kill(street.world, GATE_A);
        CHECK(world_insider_return(street.world, GATE_A, GATE_B, &insider));
        CHECK(say_gateway(&street, &insider, swapped == 0 ? 20000 : 10000, swapped == 1));
        CHECK(say_gateway(&street, &insider, swapped == 0 ? 10000 : 20000, swapped == 0));
        CHECK(waiting_at_gate_b(&street, 6) == 0);
        world_insider_hang_up(&insider);
        world_destroy(street.world);
    }
}

/* Of 8 treaties each has room for a word, its renewal, one that takes it back and one that gives it
 * again (PROTOCOL 5.1). One is its own. */
static void test_nobody_says_without_end_that_it_carries(void **state) {
    (void)state;
    struct street street = settle(13);
    struct world_insider insider;
    int taken = 0;
    world_kill(street.world, GATE_A);
    CHECK(world_insider_return(street.world, GATE_A, ASKER, &insider));
    for (int i = 0; i < 40; i++) {
        taken += say_gateway(&street, &insider, 1 + i, false) ? 1 : 0;
    }
    CHECK(taken == 31);
    CHECK(insider.open); /* too many are ignored, and no fault */
    world_insider_hang_up(&insider);
    world_destroy(street.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked_here_is_granted_there),
        cmocka_unit_test(test_what_crossed_lasts_over_a_start),
        cmocka_unit_test(test_what_is_withdrawn_here_ends_there),
        cmocka_unit_test(test_what_was_asked_before_the_treaty_stays),
        cmocka_unit_test(test_what_crossed_by_a_former_treaty_is_withdrawn_by_the_next),
        cmocka_unit_test(test_only_what_the_treaty_names_crosses),
        cmocka_unit_test(test_a_treatys_end_ends_the_next_request),
        cmocka_unit_test(test_a_home_that_was_off_for_days_takes_what_crossed),
        cmocka_unit_test(test_a_removal_here_counts_there),
        cmocka_unit_test(test_a_gateway_that_is_off_is_stood_in_for),
        cmocka_unit_test(test_a_gateway_that_has_no_other_node_any_more_carries_nothing),
        cmocka_unit_test(test_who_belongs_there_no_more_takes_its_word_back),
        cmocka_unit_test(test_who_belongs_there_no_more_does_not_say_so_anew),
        cmocka_unit_test(test_no_more_cross_in_a_day_than_the_treaty_says),
        cmocka_unit_test(test_no_more_live_than_the_treaty_says),
        cmocka_unit_test(test_halves_that_were_told_twice_hold_the_same),
        cmocka_unit_test(test_no_more_cross_in_a_day_whatever_their_gateway_dates_them),
        cmocka_unit_test(test_a_gateway_says_a_thing_once),
        cmocka_unit_test(test_of_two_crossings_by_one_gateway_all_keep_the_same),
        cmocka_unit_test(test_a_request_that_comes_after_its_authors_removal_is_kept_alike),
        cmocka_unit_test(test_what_crossed_after_the_end_is_kept_by_nobody),
        cmocka_unit_test(test_the_newest_roll_outlasts_what_brought_it),
        cmocka_unit_test(test_a_roll_serves_who_starts_after_somebody_joined),
        cmocka_unit_test(test_what_waits_for_a_roll_goes_with_it),
        cmocka_unit_test(test_a_gateways_newest_word_counts),
        cmocka_unit_test(test_nobody_says_without_end_that_it_carries),
        cmocka_unit_test(test_a_request_waits_where_every_roll_has_expired),
        cmocka_unit_test(test_a_clerk_that_was_removed_says_no_more_who_belongs),
        cmocka_unit_test(test_a_clerk_that_was_removed_keeps_no_others_roll_from_crossing),
        cmocka_unit_test(test_nothing_crosses_where_clerks_remove_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
