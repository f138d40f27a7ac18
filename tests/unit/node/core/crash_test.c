/* A home dies at every turn of the whole flow, before its commit and between commit and release, in
 * each role. After its start the flow completes, once, and every log is a continuation of all that
 * it ever published (P7, P12). */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/world.h"

enum {
    SPONSOR,
    REQUESTER,
    OWNER,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    STRIDE = 3,
};

static const struct world_terms terms = {.slot_s = 1, .invite_allowance = 8};

struct flow {
    struct world *world;
    int home;
    struct id request;
};

/* These look into the stores: asking would be a turn of its own. */
static bool up_and_member(struct world *world, void *context) {
    const struct flow *flow = context;
    return world->homes[flow->home].core != NULL && world_certificate(world, flow->home);
}

static bool prompt_open(struct world *world, void *context) {
    (void)context;
    return world->homes[OWNER].core != NULL && world_log_count(world, OWNER, "match ") > 0;
}

static bool delivered(struct world *world, void *context) {
    const struct flow *flow = context;
    return world->homes[REQUESTER].core != NULL &&
           world_delivered(world, REQUESTER, &flow->request) > 0;
}

static bool sent(struct world *world, void *context) {
    (void)context;
    return world->homes[OWNER].core != NULL && world_log_count(world, OWNER, "sent ") > 0;
}

static void await(struct flow *flow, world_reached *reached) {
    if (!world_run_until(flow->world, 30 * MINUTE, reached, flow)) {
        for (size_t i = 0; i < flow->world->home_count; i++) {
            const struct world_home *home = &flow->world->homes[i];
            if (home->died) {
                (void)fprintf(stderr, "home %zu died at its turn %zu\n", i, home->death_at);
            }
        }
        CHECK(false);
    }
}

static void wait_up(struct flow *flow, int home) {
    while (flow->world->homes[home].core == NULL) {
        world_run(flow->world, 500);
    }
}

/* A person whose command was cut short looks whether it was done, and if not does it again. */
static void join(struct flow *flow, int home) {
    char code[CODE_MAX_BYTES];
    const struct world_home *sponsor = &flow->world->homes[SPONSOR];
    flow->home = home;
    wait_up(flow, SPONSOR);
    world_invite(flow->world, SPONSOR, MEMBER_HOME, 7 * (int64_t)DURATION_DAY_MS, code);
    if (sponsor->core == NULL) {
        wait_up(flow, SPONSOR);
        world_invite(flow->world, SPONSOR, MEMBER_HOME, 7 * (int64_t)DURATION_DAY_MS, code);
    }
    for (int tries = 0; !world_certificate(flow->world, home); tries++) {
        if (flow->world->homes[home].core != NULL) {
            (void)world_join(flow->world, home, code);
        }
        (void)world_run_until(flow->world, 2 * MINUTE, up_and_member, flow);
        CHECK(tries < 3);
    }
}

static void ask(struct flow *flow) {
    struct request request;
    wait_up(flow, REQUESTER);
    world_voluntary(flow->world, REQUESTER, 5 * 60 * MINUTE, &request);
    enum err err = world_request(flow->world, REQUESTER, &request, &flow->request);
    if (flow->world->homes[REQUESTER].core == NULL) {
        wait_up(flow, REQUESTER);
        err = world_request(flow->world, REQUESTER, &request, &flow->request);
        CHECK(err == ERR_OK || err == ERR_PEER_REPEATED);
        return;
    }
    CHECK_ERR(ERR_OK, err);
}

static void grant(struct flow *flow) {
    const struct world_clip *clip = world_clip(flow->world, OWNER, &flow->request);
    struct grant grant;
    wait_up(flow, OWNER);
    CHECK(clip != NULL);
    world_grant(flow->world, OWNER, clip, &grant);
    enum err err = world_grant_put(flow->world, OWNER, clip, &grant, 0, 1, NULL);
    if (flow->world->homes[OWNER].core == NULL) {
        wait_up(flow, OWNER);
        err = world_grant_put(flow->world, OWNER, clip, &grant, 0, 1, NULL);
        CHECK(err == ERR_OK || err == ERR_USER_NO_PROMPT);
        return;
    }
    CHECK_ERR(ERR_OK, err);
}

/* How many turns each home took, when nobody died; or with a death. */
static void run_flow(const char *folder, int dies, size_t dies_at, enum world_death death,
                     bool *died, size_t turns[HOMES]) {
    struct flow flow = {.world = world_create(77, HOMES, folder)};
    struct world *world = flow.world;
    world->homes[OWNER].footage = WORLD_MATCH;
    world->homes[OWNER].match_wait = 200;
    world_found(world, SPONSOR, &terms);
    if (dies >= 0) {
        world_doom(world, dies, death, dies_at);
    }
    world->rests = 1500;
    join(&flow, REQUESTER);
    join(&flow, OWNER);
    world_run(world, 2500);
    ask(&flow);
    await(&flow, prompt_open);
    grant(&flow);
    await(&flow, delivered);
    await(&flow, sent);
    world_run(world, 1500);
    *died = dies >= 0 && world->homes[dies].died;
    if (dies >= 0) {
        world->homes[dies].death = WORLD_LIVE;
    }
    world_run(world, 2500);

    const struct world_clip *clip = world_clip(world, OWNER, &flow.request);
    CHECK(world_delivered(world, REQUESTER, &flow.request) == 1);
    CHECK(world_delivered_opens(world, REQUESTER, &flow.request, clip));
    static const struct {
        int home;
        const char *words;
    } once[] = {{REQUESTER, "request_made "},
                {OWNER, "request_seen "},
                {OWNER, "match "},
                {OWNER, "signed "},
                {OWNER, "disclosure "},
                {OWNER, "sent "},
                {REQUESTER, "offered "},
                {REQUESTER, "received "},
                {SPONSOR, "request_seen "},
                {REQUESTER, "receipt_commitment "}};
    for (size_t i = 0; i < COUNT_OF(once); i++) {
        size_t count = world_log_count(world, once[i].home, once[i].words);
        if (count != 1) {
            (void)fprintf(stderr, "home %d died at its turn %zu (%d): %s%zu times\n", dies, dies_at,
                          (int)death, once[i].words, count);
        }
        CHECK(count == 1);
    }
    for (int i = 0; i < HOMES; i++) {
        wait_up(&flow, i);
        CHECK(world_log_verifies(world, i));
        turns[i] = world->homes[i].turns;
    }
    world_destroy(world);
}

static void die_at_every_turn(int home, enum world_death death) {
    size_t turns[HOMES];
    bool died = true;
    size_t deaths = 0;
    /* The polling of the flow takes turns too; deaths at those are as good as any. The two deaths
     * and the three homes begin at different turns, so that together they leave none out. */
    for (size_t at = 1 + ((size_t)home + (size_t)death) % STRIDE; died && at < 5000; at += STRIDE) {
        run_flow(NULL, home, at, death, &died, turns);
        deaths += died ? 1 : 0;
    }
    (void)printf("%zu deaths\n", deaths);
    CHECK(deaths > 60);
}

static void test_the_sponsor_dies_before_any_commit(void **state) {
    (void)state;
    die_at_every_turn(SPONSOR, WORLD_DIES_BEFORE_COMMIT);
}

static void test_the_sponsor_dies_before_any_release(void **state) {
    (void)state;
    die_at_every_turn(SPONSOR, WORLD_DIES_BEFORE_RELEASE);
}

static void test_the_requester_dies_before_any_commit(void **state) {
    (void)state;
    die_at_every_turn(REQUESTER, WORLD_DIES_BEFORE_COMMIT);
}

static void test_the_requester_dies_before_any_release(void **state) {
    (void)state;
    die_at_every_turn(REQUESTER, WORLD_DIES_BEFORE_RELEASE);
}

static void test_the_owner_dies_before_any_commit(void **state) {
    (void)state;
    die_at_every_turn(OWNER, WORLD_DIES_BEFORE_COMMIT);
}

static void test_the_owner_dies_before_any_release(void **state) {
    (void)state;
    die_at_every_turn(OWNER, WORLD_DIES_BEFORE_RELEASE);
}

/* Stores in files, and a disk that is full when a turn is to be committed: nothing of that turn is
 * said, the node stops, and when there is room again it goes on. Every seventh turn. */
static void full_at_some_turns(int home) {
    size_t turns[HOMES];
    bool died = true;
    size_t deaths = 0;
    for (size_t at = 1; died && at < 5000; at += 7) {
        char folder[] = "/tmp/stoop-test-XXXXXX";
        char command[64];
        CHECK(mkdtemp(folder) != NULL);
        run_flow(folder, home, at, WORLD_COMMIT_FAILS, &died, turns);
        (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
        CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own making */
        deaths += died ? 1 : 0;
    }
    CHECK(deaths > 8);
}

static void test_a_full_disk_at_the_requester_releases_nothing(void **state) {
    (void)state;
    full_at_some_turns(REQUESTER);
}

static void test_a_full_disk_at_the_owner_releases_nothing(void **state) {
    (void)state;
    full_at_some_turns(OWNER);
}

/* What was sealed cannot be read any more: that delivery waits, the home serves on. */
static void test_a_vault_file_that_is_gone_stops_its_delivery_and_nothing_else(void **state) {
    (void)state;
    struct flow flow = {.world = world_create(31, HOMES, NULL)};
    struct world *world = flow.world;
    world->homes[OWNER].footage = WORLD_MATCH;
    world_settle(world, &terms);
    ask(&flow);
    await(&flow, prompt_open);
    struct world_clip *clip = world_clip(world, OWNER, &flow.request);
    size_t len = clip->payload.len;
    grant(&flow);
    clip->payload.len = len / 2;
    size_t starts = world->homes[OWNER].starts;
    world_run(world, 5 * MINUTE);
    CHECK(world->homes[OWNER].starts == starts);
    CHECK(world_delivered(world, REQUESTER, &flow.request) == 0);
    CHECK(world_links(world, OWNER) == HOMES - 1);
    clip->payload.len = len; /* the disk is back */
    CHECK(world_run_until(world, 30 * MINUTE, delivered, &flow));
    CHECK(world_delivered_opens(world, REQUESTER, &flow.request, clip));
    world_run(world, 5000); /* a slot closes */
    CHECK(world_log_count(world, OWNER, "sent ") == 1);
    world_destroy(world);
}

static void test_a_requesters_disk_that_fails_costs_the_delivery_a_while(void **state) {
    (void)state;
    struct flow flow = {.world = world_create(32, HOMES, NULL)};
    struct world *world = flow.world;
    world->homes[OWNER].footage = WORLD_MATCH;
    world_settle(world, &terms);
    ask(&flow);
    await(&flow, prompt_open);
    world->homes[REQUESTER].disk_fails = true;
    grant(&flow);
    world_run(world, MINUTE);
    world->homes[REQUESTER].disk_fails = false;
    wait_up(&flow, REQUESTER);
    CHECK(world_delivered(world, REQUESTER, &flow.request) == 0);
    CHECK(world_run_until(world, 30 * MINUTE, delivered, &flow));
    CHECK(world_delivered_opens(world, REQUESTER, &flow.request,
                                world_clip(world, OWNER, &flow.request)));
    for (int i = 0; i < HOMES; i++) {
        wait_up(&flow, i);
        CHECK(world_log_verifies(world, i));
    }
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sponsor_dies_before_any_commit),
        cmocka_unit_test(test_the_sponsor_dies_before_any_release),
        cmocka_unit_test(test_the_requester_dies_before_any_commit),
        cmocka_unit_test(test_the_requester_dies_before_any_release),
        cmocka_unit_test(test_the_owner_dies_before_any_commit),
        cmocka_unit_test(test_the_owner_dies_before_any_release),
        cmocka_unit_test(test_a_full_disk_at_the_requester_releases_nothing),
        cmocka_unit_test(test_a_full_disk_at_the_owner_releases_nothing),
        cmocka_unit_test(test_a_vault_file_that_is_gone_stops_its_delivery_and_nothing_else),
        cmocka_unit_test(test_a_requesters_disk_that_fails_costs_the_delivery_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
