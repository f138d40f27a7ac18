/* The last word of a delivery is its header: taken after the payload is held, whole, for that
 * grant, and from nothing else comes a receipt (PROTOCOL 7). The granting home's keys are in
 * hostile hands. */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR,
    REQUESTER,
    GRANTING,
    HOMES,
    SLOT_MS = 5 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

static struct rig {
    struct world *world;
    struct world_insider home;
    struct id request, grant;
    struct buffer signed_grant, member, header, manifest; /* as the honest home would send them */
} rig;

static bool sealed(struct world *world, void *context) {
    return world_clip(world, GRANTING, context) != NULL;
}

static struct store_delivered row_of(const struct id *grant) {
    struct store *store = rig.world->homes[REQUESTER].store;
    struct store_delivered row = {.received = 0};
    CHECK_ERR(ERR_OK, store_begin(store));
    enum err err = store_delivered_get(store, grant, &row);
    CHECK(err == ERR_OK || err == ERR_USER_NOT_FOUND);
    store_roll_back(store);
    return row;
}

static bool is_held(struct world *world, void *context) {
    (void)world;
    const struct store_delivered row = row_of(context);
    return row.payload_size > 0 && row.received == row.payload_size;
}

static bool is_complete(void) {
    return row_of(&rig.grant).completed.ms != 0;
}

/* What the honest home has, before it is killed. */
static void take_from_home(void) {
    const struct world_home *home = &rig.world->homes[GRANTING];
    struct store_clip clip;
    struct store_object row;
    CHECK_ERR(ERR_OK, store_begin(home->store));
    CHECK_ERR(ERR_OK, store_clip_by_grant(home->store, &rig.grant, &clip));
    CHECK_ERR(ERR_OK, buffer_append(&rig.signed_grant, clip.grant));
    CHECK_ERR(ERR_OK, buffer_append(&rig.header, clip.granted_header));
    CHECK_ERR(ERR_OK, buffer_append(&rig.manifest, clip.granted_manifest));
    CHECK_ERR(ERR_OK, store_object_get(home->store, &home->certificate, &row));
    CHECK_ERR(ERR_OK, buffer_append(&rig.member, row.object));
    store_roll_back(home->store);
}

/* A clip is granted; `held`: and its payload has come, when the home goes. */
static void start(bool held) {
    struct world *world = world_create(91, HOMES, NULL);
    struct request request;
    struct grant grant;
    rig = (struct rig){.world = world,
                       .signed_grant = {.max = SIGNED_BODY_MAX + SIGNED_GOSSIP_MAX},
                       .member = {.max = SIGNED_GOSSIP_MAX},
                       .header = {.max = HEADER_MAX},
                       .manifest = {.max = SEALED_MANIFEST_MAX}};
    world_settle(world, &terms);
    world->homes[GRANTING].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &rig.request));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, &rig.request));
    world_run(world, 2 * SLOT_MS);
    const struct world_clip *clip = world_clip(world, GRANTING, &rig.request);
    world_grant(world, GRANTING, clip, &grant);
    world_cut(world, GRANTING, REQUESTER, !held);
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, clip, &grant, 0, 1, &rig.grant));
    take_from_home();
    CHECK(!held || world_run_until(world, 10 * MINUTE, is_held, &rig.grant));
    world_kill(world, GRANTING);
    CHECK(!is_complete());
}

static int start_held(void **state) {
    (void)state;
    start(true);
    return 0;
}

static int start_empty(void **state) {
    (void)state;
    start(false);
    return 0;
}

static void hang_up(void) {
    if (rig.home.world != NULL) {
        world_insider_hang_up(&rig.home);
    }
}

static int finish(void **state) {
    (void)state;
    hang_up();
    buffer_finish(&rig.signed_grant);
    buffer_finish(&rig.member);
    buffer_finish(&rig.header);
    buffer_finish(&rig.manifest);
    world_destroy(rig.world);
    return 0;
}

static bool offers(void) {
    struct link_message offer = {.kind = LINK_OFFER};
    offer.as.offer.grant = buffer_bytes(&rig.signed_grant);
    offer.as.offer.member = buffer_bytes(&rig.member);
    hang_up();
    return world_insider_dial(rig.world, GRANTING, REQUESTER, &rig.request, (struct bytes){NULL, 0},
                              &rig.home) &&
           world_insider_say(&rig.home, &offer);
}

static struct link_message header_of(struct bytes header, uint32_t manifest_offset) {
    struct link_message message = {.kind = LINK_HEADER};
    message.as.header.grant = rig.grant;
    message.as.header.header = header;
    message.as.header.manifest_size = (uint32_t)rig.manifest.len;
    message.as.header.manifest_offset = manifest_offset;
    return message;
}

static bool says_manifest(size_t len) {
    struct link_message message = header_of((struct bytes){NULL, 0}, 0);
    CHECK(rig.manifest.len <= LINK_DATA_MAX);
    message.as.header.manifest = (struct bytes){rig.manifest.at, len};
    return world_insider_say(&rig.home, &message);
}

static void test_before_the_payload_is_held_no_header_is_taken(void **state) {
    (void)state;
    const struct link_message last = header_of(buffer_bytes(&rig.header), 0);
    CHECK(offers());
    CHECK(!says_manifest(rig.manifest.len));
    CHECK(offers());
    CHECK(!world_insider_say(&rig.home, &last));
    world_run(rig.world, 2 * SLOT_MS);
    CHECK(!is_complete());
    CHECK(world_log_count(rig.world, REQUESTER, "received ") == 0);
}

static void test_a_header_that_is_not_whole_or_another_grants_is_refused(void **state) {
    (void)state;
    const struct bytes header = buffer_bytes(&rig.header);
    const uint32_t all = (uint32_t)rig.manifest.len;
    static uint8_t longer[HEADER_MAX];
    CHECK(header.len < sizeof longer);
    memcpy(longer, header.at, header.len);
    struct link_message bad[] = {
        header_of(header, all),                                    /* another grant's */
        header_of(header, all - 1),                                /* from an earlier place on */
        header_of((struct bytes){header.at, header.len - 1}, all), /* cut off */
        header_of((struct bytes){longer, header.len + 1}, all),    /* and more */
    };
    bad[0].as.header.grant.b[0] ^= 1;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK(offers());
        CHECK(says_manifest(rig.manifest.len));
        if (world_insider_say(&rig.home, &bad[i])) {
            fail_msg("row %zu was taken", i);
        }
        CHECK(!is_complete());
    }
    struct link_message short_of_some = header_of(header, all - 1);
    CHECK(offers());
    CHECK(says_manifest(rig.manifest.len - 1));
    CHECK(!world_insider_say(&rig.home, &short_of_some));
    struct link_message without = header_of(header, 0);
    without.as.header.manifest_size = 0;
    CHECK(offers());
    CHECK(!world_insider_say(&rig.home, &without));
    world_run(rig.world, 2 * SLOT_MS);
    CHECK(!is_complete());
    CHECK(world_log_count(rig.world, REQUESTER, "received ") == 0);
}

static void test_the_whole_one_ends_it_once(void **state) {
    (void)state;
    const struct link_message last =
        header_of(buffer_bytes(&rig.header), (uint32_t)rig.manifest.len);
    for (int i = 0; i < 2; i++) { /* again: its receipt was lost */
        CHECK(offers());
        CHECK(says_manifest(rig.manifest.len));
        CHECK(world_insider_say(&rig.home, &last));
        CHECK(is_complete());
    }
    world_run(rig.world, 2 * SLOT_MS);
    CHECK(world_log_count(rig.world, REQUESTER, "received ") == 1);
    CHECK(world_delivered(rig.world, REQUESTER, &rig.request) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_before_the_payload_is_held_no_header_is_taken,
                                        start_empty, finish),
        cmocka_unit_test_setup_teardown(
            test_a_header_that_is_not_whole_or_another_grants_is_refused, start_held, finish),
        cmocka_unit_test_setup_teardown(test_the_whole_one_ends_it_once, start_held, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
