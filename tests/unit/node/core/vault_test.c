/* The granting home and its ingest: what was decided is carried out whatever dies in between. */
#include "tests/support/check.h"

#include <string.h>

#include "node/log/log.h"
#include "node/store/store.h"
#include "tests/support/world.h"

enum {
    OWNER = 1,
    REQUESTER = 2,
    HOUR = DURATION_HOUR_MS,
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static size_t prompts(struct world *world, const struct id *request) {
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *request};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &ask));
    return world->reply_count - 1;
}

static bool has_prompt(struct world *world, void *context) {
    return prompts(world, context) > 0;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

/* A sealed clip of the owner's for a request that lives for `life`. */
static struct world *start(uint64_t seed, size_t owners, int64_t life, struct id *id) {
    struct world *world = world_create(seed, 3, NULL);
    struct request request;
    world->homes[OWNER].owner_count = owners;
    world_settle(world, &terms);
    world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, life, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, id));
    CHECK(world_run_until(world, MINUTE, has_prompt, id));
    return world;
}

static enum err visit_row(void *context, const struct store_clip *clip) {
    (void)clip;
    *(bool *)context = true;
    return ERR_OK;
}

static bool has_row(struct world *world) {
    struct store *store = world->homes[OWNER].store;
    bool found = false;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_clip_each(store, NULL, visit_row, &found));
    store_roll_back(store);
    return found;
}

static void fill_record(struct world *world) {
    const struct ingest_message list = {.kind = INGEST_CAMERA_LIST_DONE,
                                        .as.camera_list_done.version = 1};
    /* An owner's word each time, and ingest's that it has it. */
    const struct control_request put = {
        .op = CONTROL_CAMERAS_PUT, .blob = BYTES_TEXT("sealed"), .blob2 = BYTES_TEXT("sealed")};
    for (size_t i = 0; i < LOG_WAITING_MAX; i++) {
        (void)world_ask(world, OWNER, &put); /* the last ones find it full */
        world_ingest_say(world, OWNER, &list);
    }
}

static void test_a_full_record_refuses_a_decision_and_changes_nothing(void **state) {
    (void)state;
    struct id id;
    struct grant grant;
    struct world *world = start(41, 1, HOUR, &id);
    const struct world_clip *clip = world_clip(world, OWNER, &id);
    world_grant(world, OWNER, clip, &grant);
    fill_record(world);
    CHECK_ERR(ERR_FULL_QUEUE, world_decline(world, OWNER, clip));
    CHECK_ERR(ERR_FULL_QUEUE, world_grant_put(world, OWNER, clip, &grant, 0, 1, NULL));
    world_run(world, 6000); /* a slot */
    CHECK_ERR(ERR_OK, world_decline(world, OWNER, clip));
    world_run(world, MINUTE);
    CHECK(world_log_count(world, OWNER, "declined ") == 1);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    world_destroy(world);
}

static void test_a_prompt_that_ends_while_the_record_is_full_ends_with_a_later_slot(void **state) {
    (void)state;
    struct id id;
    struct world *world = start(42, 1, HOUR, &id);
    CHECK(world_clip(world, OWNER, &id)->held); /* ingest knows, so it need not tell it again */
    world_run(world, HOUR - 2 * MINUTE);
    for (size_t i = 0; i < 40; i++) { /* full whenever a slot closes */
        fill_record(world);
        world_run(world, 5000);
    }
    world_run(world, MINUTE);
    CHECK(world_log_count(world, OWNER, "expired ") == 1);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    world_destroy(world);
}

/* As the supervisor would: both are started anew. */
static void restart(struct world *world, bool ingest_down) {
    world_kill(world, OWNER);
    world->homes[OWNER].ingest_down = ingest_down;
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
}

static void say_match(struct world *world, const struct world_clip *clip) {
    struct ingest_message match = {.kind = INGEST_MATCH};
    match.as.match.request = clip->request;
    match.as.match.clip = clip->clip;
    match.as.match.header = buffer_bytes(&clip->header);
    match.as.match.manifest = BYTES_TEXT("sealed to the owners");
    match.as.match.payload_size = clip->payload.len;
    match.as.match.payload_root = clip->root;
    match.as.match.owner_count = 1;
    match.as.match.owners[0] = world->homes[OWNER].owner_publics[0].sign;
    world_ingest_say(world, OWNER, &match);
}

static void test_what_is_shredded_while_ingest_is_down_goes_when_it_is_back(void **state) {
    (void)state;
    struct id id;
    struct world *world = start(43, 1, HOUR, &id);
    CHECK_ERR(ERR_OK, world_decline(world, OWNER, world_clip(world, OWNER, &id)));
    restart(world, true);
    world_run(world, MINUTE);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    CHECK(world_clip(world, OWNER, &id) != NULL);
    /* Offered again, as a clip that ingest was never told about would be. */
    say_match(world, world_clip(world, OWNER, &id));
    world_run(world, MINUTE);
    CHECK(prompts(world, &id) == 0);
    restart(world, false);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    world_run(world, MINUTE);
    CHECK(prompts(world, &id) == 0);
    CHECK(world_log_count(world, OWNER, "match ") == 1);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    /* It has answered: the node has forgotten the clip. */
    CHECK(!has_row(world));
    world_destroy(world);
}

static void test_a_clip_that_was_delivered_is_shredded_when_its_request_ends(void **state) {
    (void)state;
    struct id id;
    struct grant grant;
    struct world *world = start(44, 1, HOUR, &id);
    const struct world_clip *clip = world_clip(world, OWNER, &id);
    world_grant(world, OWNER, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, OWNER, clip, &grant, 0, 1, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    world_run(world, 30 * MINUTE);
    CHECK(world_clip(world, OWNER, &id) != NULL);
    world_run(world, 31 * MINUTE);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK(world_log_count(world, OWNER, "sent ") == 1);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    CHECK(!has_row(world));
    CHECK(world_delivered(world, REQUESTER, &id) == 1); /* the requester's is kept */
    CHECK(world_log_verifies(world, OWNER));
    world_destroy(world);
}

static void test_a_granted_clip_that_nobody_fetched_is_shredded_when_its_grant_ends(void **state) {
    (void)state;
    struct id id;
    struct grant grant;
    struct world *world = start(45, 1, HOUR, &id);
    const struct world_clip *clip = world_clip(world, OWNER, &id);
    world_kill(world, REQUESTER);
    world_grant(world, OWNER, clip, &grant);
    grant.expires.ms = world_wall(world, OWNER).ms + 2 * HOUR;
    CHECK_ERR(ERR_OK, world_grant_put(world, OWNER, clip, &grant, 0, 1, NULL));
    world_run(world, HOUR + 30 * MINUTE);
    CHECK(world_clip(world, OWNER, &id) != NULL); /* it may still be fetched */
    world_run(world, 31 * MINUTE);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK(world_log_count(world, OWNER, "shred ") == 1);
    CHECK(!has_row(world));
    world_destroy(world);
}

/* As many as one home can be given: the list has to come through a client's queue. */
static void test_what_was_delivered_is_listed_in_parts_and_opened_one_by_one(void **state) {
    (void)state;
    enum {
        ALL = 70
    };
    static uint8_t manifest[512 * 1024];
    static const uint8_t header[200];
    struct id id;
    struct world *world = start(46, 1, HOUR, &id);
    struct store *store = world->homes[REQUESTER].store;
    for (int i = 0; i < ALL; i++) {
        struct store_delivered row = {.request = id,
                                      .signed_grant = BYTES_OF(header),
                                      .member = BYTES_OF(header),
                                      .payload_size = 1,
                                      .delete_by = INSTANT_NEVER};
        write_u32(row.grant.b, (uint32_t)i + 1);
        CHECK_ERR(ERR_OK, store_delivered_add(store, &row));
        CHECK_ERR(ERR_OK,
                  store_delivered_complete(store, &row.grant, BYTES_OF(header), BYTES_OF(manifest),
                                           world_wall(world, REQUESTER)));
    }
    struct control_request ask = {.op = CONTROL_DELIVERED};
    size_t parts = 0;
    do {
        CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &ask));
        for (size_t i = 0; i + 1 < world->reply_count; i++) {
            CHECK(world->replies[i].len < 2048);
        }
        ask.offset += world->reply_count - 1;
        parts++;
    } while (world->reply_count > 1);
    CHECK(ask.offset == ALL);
    CHECK(parts > 2);
    struct control_request one = {.op = CONTROL_DELIVERED_ONE};
    write_u32(one.id.b, ALL);
    CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &one));
    CHECK(world->reply.as.delivered.manifest.len == sizeof manifest);
    CHECK(world->reply.as.delivered.header.len == sizeof header);
    write_u32(one.id.b, ALL + 1);
    CHECK_ERR(ERR_USER_NOT_FOUND, world_ask(world, REQUESTER, &one));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_record_refuses_a_decision_and_changes_nothing),
        cmocka_unit_test(test_a_prompt_that_ends_while_the_record_is_full_ends_with_a_later_slot),
        cmocka_unit_test(test_what_is_shredded_while_ingest_is_down_goes_when_it_is_back),
        cmocka_unit_test(test_a_clip_that_was_delivered_is_shredded_when_its_request_ends),
        cmocka_unit_test(test_a_granted_clip_that_nobody_fetched_is_shredded_when_its_grant_ends),
        cmocka_unit_test(test_what_was_delivered_is_listed_in_parts_and_opened_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
