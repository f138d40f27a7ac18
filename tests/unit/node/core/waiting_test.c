/* Who may fill the log's queue how far: what others cause can put off one another, never an owner's
 * decision (P7, P11). */
#include "tests/support/check.h"

#include <string.h>

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR,
    REQUESTER,
    GRANTING,
    HOMES,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

static size_t waiting(const struct world *world, int home) {
    return log_waiting(world->homes[home].core->log);
}

static void fill(struct world *world, int home, size_t up_to) {
    const struct ingest_message list = {.kind = INGEST_CAMERA_LIST_DONE,
                                        .as.camera_list_done.version = 1};
    /* An owner's word each time, and ingest's that it has it. */
    const struct control_request put = {
        .op = CONTROL_CAMERAS_PUT, .blob = BYTES_TEXT("sealed"), .blob2 = BYTES_TEXT("sealed")};
    while (waiting(world, home) < up_to) {
        CHECK_ERR(ERR_OK, world_ask(world, home, &put));
        CHECK_ERR(ERR_FULL_QUEUE, world_ask(world, home, &put)); /* one at a time */
        world_ingest_say(world, home, &list);
    }
}

static bool has_prompt(struct world *world, void *context) {
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *(const struct id *)context};
    CHECK_ERR(ERR_OK, world_ask(world, GRANTING, &ask));
    return world->reply_count > 1;
}

static bool dialled(struct world *world, void *context) {
    (void)context;
    const struct core *core = world->homes[GRANTING].core;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        if (core->links[i].no != 0 && core->links[i].purpose == PURPOSE_DELIVERY) {
            return true;
        }
    }
    return false;
}

static bool hung_up(struct world *world, void *context) {
    return !dialled(world, context);
}

static bool offered(struct world *world, void *context) {
    struct store *store = world->homes[REQUESTER].store;
    struct store_delivered row;
    CHECK_ERR(ERR_OK, store_begin(store));
    enum err err = store_delivered_get(store, context, &row);
    store_roll_back(store);
    return err == ERR_OK;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

/* A request with a prompt, early in a slot of every home; messages take a while. */
static struct world *asked(uint64_t seed, struct id *request_id, struct grant *grant) {
    struct world *world = world_create(seed, HOMES, NULL);
    struct request request;
    world_settle(world, &terms);
    world->homes[GRANTING].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, 2 * HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, request_id));
    CHECK(world_run_until(world, 5 * MINUTE, has_prompt, request_id));
    world->latency_min = 200;
    world->latency_max = 200;
    world_grant(world, GRANTING, world_clip(world, GRANTING, request_id), grant);
    return world;
}

/* Up to where the granting home has dialled: its offer is not here yet. */
static struct id dial(struct world *world, const struct id *request, const struct grant *grant) {
    struct id id;
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, world_clip(world, GRANTING, request), grant,
                                      0, 1, &id));
    CHECK(world_run_until(world, 2 * SLOT_MS, dialled, NULL));
    CHECK(!offered(world, &id));
    return id;
}

static void test_an_offer_is_put_off_when_its_share_is_full(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(61, &request, &grant);
    struct id id = dial(world, &request, &grant);
    fill(world, REQUESTER, RECORD_OF_OFFERS);
    CHECK(world_run_until(world, 5000, hung_up, NULL));
    CHECK(!offered(world, &id));
    CHECK(waiting(world, REQUESTER) == RECORD_OF_OFFERS); /* no slot has passed */
    CHECK(world_run_until(world, 10 * MINUTE, delivered, &request));
    world_destroy(world);
}

static void test_the_last_place_of_the_share_is_for_an_offer(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(62, &request, &grant);
    struct id id = dial(world, &request, &grant);
    fill(world, REQUESTER, RECORD_OF_OFFERS - 1);
    CHECK(world_run_until(world, 5000, offered, &id));
    CHECK(waiting(world, REQUESTER) == RECORD_OF_OFFERS);
    world_destroy(world);
}

static void test_a_clip_that_comes_whole_has_room_where_offers_have_none(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(63, &request, &grant);
    struct id id = dial(world, &request, &grant);
    CHECK(world_run_until(world, 5000, offered, &id));
    fill(world, REQUESTER, RECORD_OF_OTHERS - 1);
    CHECK(world_run_until(world, 10000, delivered, &request));
    CHECK(waiting(world, REQUESTER) == RECORD_OF_OTHERS);
    world_destroy(world);
}

static void test_a_clip_that_comes_whole_is_put_off_when_its_share_is_full(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(64, &request, &grant);
    struct id id = dial(world, &request, &grant);
    CHECK(world_run_until(world, 5000, offered, &id));
    fill(world, REQUESTER, RECORD_OF_OTHERS);
    CHECK(world_run_until(world, 10000, hung_up, NULL));
    CHECK(!delivered(world, &request));
    CHECK(waiting(world, REQUESTER) == RECORD_OF_OTHERS);
    CHECK(world_run_until(world, 10 * MINUTE, delivered, &request));
    CHECK(world_log_count(world, REQUESTER, "offered ") == 1);
    world_run(world, 5 * SLOT_MS);
    CHECK(world_log_count(world, REQUESTER, "received ") == 1);
    world_destroy(world);
}

static void test_an_owner_decides_where_nothing_else_has_room(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    for (int accept = 0; accept < 2; accept++) {
        struct world *world = asked(65, &request, &grant);
        const struct world_clip *clip = world_clip(world, GRANTING, &request);
        const struct core *core = world->homes[GRANTING].core;
        fill(world, GRANTING, RECORD_OF_FOOTAGE);
        CHECK(!record_has_room(core, RECORD_OF_OFFERS, 1));
        CHECK(!record_has_room(core, RECORD_OF_OTHERS, 1));
        CHECK(!record_has_room(core, RECORD_OF_FOOTAGE, 1));
        fill(world, GRANTING, LOG_WAITING_MAX - 2);
        CHECK_ERR(ERR_OK, accept ? world_grant_put(world, GRANTING, clip, &grant, 0, 1, NULL)
                                 : world_decline(world, GRANTING, clip));
        CHECK(waiting(world, GRANTING) == LOG_WAITING_MAX);
        CHECK(!record_has_room(core, RECORD_OF_OWNERS, 1));
        world_run(world, 5 * SLOT_MS);
        CHECK(world_log_count(world, GRANTING, accept ? "disclosure " : "shred ") == 1);
        world_destroy(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_offer_is_put_off_when_its_share_is_full),
        cmocka_unit_test(test_the_last_place_of_the_share_is_for_an_offer),
        cmocka_unit_test(test_a_clip_that_comes_whole_has_room_where_offers_have_none),
        cmocka_unit_test(test_a_clip_that_comes_whole_is_put_off_when_its_share_is_full),
        cmocka_unit_test(test_an_owner_decides_where_nothing_else_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
