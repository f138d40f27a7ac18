/* Links are renewed every hour and nobody loses anything by it; a link that ends in good order ends
 * with a close record (PROTOCOL 3.5). */
#include "tests/support/check.h"

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    HOMES = 8,
    REQUESTER = 1,
    GRANTING = 3,
    SECOND = DURATION_SECOND_MS,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
    CLOSELY = 20,
    AGE_MAX = HOUR + 6 * MINUTE, /* the hour, and a dial that has to be made again */
    WITHOUT_MAX = 3 * SECOND,    /* from an old link's end to the new one's beginning */
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 16};

struct watch {
    int64_t oldest;     /* age that a link between members has reached */
    int64_t oldest_now; /* of those that there are */
    int64_t without;    /* how long the mesh has not been whole */
    int64_t without_longest;
};

static int64_t oldest_link(const struct core *core) {
    int64_t oldest = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &core->links[i];
        int64_t age = core->now.mono.ms - link->opened.ms;
        oldest = link->no != 0 && link->in_overlay && age > oldest ? age : oldest;
    }
    return oldest;
}

static void pass(struct world *world, struct watch *watch, int64_t ms, int64_t step) {
    for (int64_t left = ms; left > 0; left -= step) {
        bool whole = true;
        world_run(world, step);
        watch->oldest_now = 0;
        for (int home = 0; home < HOMES; home++) {
            const struct core *core = world->homes[home].core;
            int64_t age = oldest_link(core);
            watch->oldest_now = age > watch->oldest_now ? age : watch->oldest_now;
            whole = whole && overlay_link_count(core->overlay) == HOMES - 1;
        }
        watch->oldest = watch->oldest_now > watch->oldest ? watch->oldest_now : watch->oldest;
        watch->without = whole ? 0 : watch->without + step;
        watch->without_longest =
            watch->without > watch->without_longest ? watch->without : watch->without_longest;
    }
}

static bool dials(const struct world *world, int home, enum link_purpose purpose, bool open_too) {
    const struct core *core = world->homes[home].core;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        const struct link *link = &core->links[i];
        if (link->no != 0 && link->purpose == purpose && (open_too || link->state != LINK_OPEN)) {
            return true;
        }
    }
    return false;
}

/* On until a home renews a link. */
static void pass_to_renewal(struct world *world, struct watch *watch, int home) {
    pass(world, watch, (world->now / HOUR + 1) * HOUR - world->now - SECOND, SECOND);
    for (int64_t ms = 0; !dials(world, home, PURPOSE_MEMBER, false); ms += CLOSELY) {
        CHECK(ms < MINUTE);
        CHECK(watch->oldest_now > HOUR - MINUTE); /* and not before its time */
        pass(world, watch, CLOSELY, CLOSELY);
    }
}

static bool everywhere(struct world *world, const struct id *request) {
    for (int i = 0; i < HOMES; i++) {
        if (!world_has_object(world, i, request)) {
            return false;
        }
    }
    return true;
}

static void test_links_are_renewed_hourly_and_nothing_is_lost(void **state) {
    (void)state;
    struct world *world = world_create(71, HOMES, NULL);
    struct watch watch = {.oldest = 0};
    struct request request;
    struct id id;
    struct grant grant;
    world_settle(world, &terms);
    world->latency_min = 50; /* so that much is on its way, and a new link may be late */
    world->latency_max = 350;
    world->homes[GRANTING].footage = WORLD_MATCH;
    world->homes[GRANTING].payload_plain = 2000000;
    pass(world, &watch, SECOND, SECOND);
    CHECK(watch.oldest_now <= MINUTE);

    pass_to_renewal(world, &watch, REQUESTER);
    world_voluntary(world, REQUESTER, 3 * HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    pass(world, &watch, 10 * SECOND, CLOSELY);
    CHECK(everywhere(world, &id));
    CHECK(watch.oldest_now <= MINUTE);
    pass(world, &watch, MINUTE, SECOND);
    const struct world_clip *clip = world_clip(world, GRANTING, &id);
    CHECK(clip != NULL);

    pass(world, &watch, 2 * HOUR - world->now - 20 * SECOND, SECOND);
    world_grant(world, GRANTING, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, clip, &grant, 0, 1, NULL));
    bool at_once = false;
    for (int64_t ms = 0; ms < MINUTE; ms += CLOSELY) {
        pass(world, &watch, CLOSELY, CLOSELY);
        at_once = at_once || (dials(world, GRANTING, PURPOSE_DELIVERY, true) &&
                              dials(world, GRANTING, PURPOSE_MEMBER, false));
    }
    CHECK(at_once);
    CHECK(world_delivered(world, REQUESTER, &id) == 1);
    CHECK(world_delivered_opens(world, REQUESTER, &id, clip));
    /* Who renews all its links at once may find no room for the last, and does it again. */
    pass(world, &watch, 6 * MINUTE, SECOND);
    CHECK(watch.oldest_now <= 7 * MINUTE);

    pass_to_renewal(world, &watch, REQUESTER);
    pass(world, &watch, 10 * SECOND, CLOSELY);
    pass(world, &watch, 6 * MINUTE, SECOND);
    CHECK(watch.oldest_now <= 12 * MINUTE);
    CHECK(watch.oldest <= AGE_MAX);
    CHECK(watch.without_longest <= WITHOUT_MAX);
    world_destroy(world);
}

/* Only one way leads to each home, and what is pushed into a link that its dialler has just closed
 * is lost with it: the new link's first reconciliation brings it. */
static void test_what_is_said_into_an_ending_link_comes_over_the_new_one(void **state) {
    (void)state;
    struct world *world = world_create(73, 3, NULL);
    struct request request;
    struct id ids[2][9];
    world->mesh = false;
    world_settle(world, &terms);
    world->latency_min = 300;
    world->latency_max = 300;
    world_run(world, HOUR - world->now);
    while (!dials(world, 0, PURPOSE_MEMBER, false) && !dials(world, 1, PURPOSE_MEMBER, false)) {
        world_run(world, CLOSELY);
    }
    for (size_t i = 0; i < COUNT_OF(ids[0]); i++) { /* over the time of a handshake and more */
        for (int home = 0; home < 2; home++) {
            world_voluntary(world, home, HOUR, &request);
            request.reason[0] = (char)('A' + i);
            CHECK_ERR(ERR_OK, world_request(world, home, &request, &ids[home][i]));
        }
        world_run(world, 150);
    }
    world_run(world, 10 * SECOND);
    for (size_t i = 0; i < COUNT_OF(ids[0]); i++) {
        CHECK(world_has_object(world, 1, &ids[0][i]));
        CHECK(world_has_object(world, 0, &ids[1][i]));
    }
    world_destroy(world);
}

/* A member that has nothing to say, not even to a ping: the home lets go of it, and says so. */
static void test_a_link_ends_with_a_close_record_unless_it_is_cut(void **state) {
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        struct world *world = world_create(72, 2, NULL);
        struct world_insider insider;
        struct link_message message;
        world_settle(world, &terms);
        world_kill(world, 1);
        world_run(world, SECOND);
        CHECK(world_insider_dial(world, 1, 0, NULL, (struct bytes){NULL, 0}, &insider));
        if (cut) {
            world_run(world, SECOND);
            world_kill(world, 0);
        } else {
            world_run(world, 10 * MINUTE);
            CHECK(!insider.open);
        }
        size_t heard = 0;
        while (world_insider_hear(&insider, &message)) {
            heard++;
        }
        CHECK(heard > 0);
        CHECK(insider.heard.len == 0);
        CHECK_ERR(cut ? ERR_PEER_TRUNCATED : ERR_OK, transport_end(insider.transport));
        world_insider_hang_up(&insider);
        world_destroy(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_are_renewed_hourly_and_nothing_is_lost),
        cmocka_unit_test(test_what_is_said_into_an_ending_link_comes_over_the_new_one),
        cmocka_unit_test(test_a_link_ends_with_a_close_record_unless_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
