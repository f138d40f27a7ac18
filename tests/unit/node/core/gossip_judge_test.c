/* What the head of any object must say before its kind is looked at (PROTOCOL 5.1): here a node
 * record, of which the newest stays, so that one of next year would be the newest till then. */
#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    VICTIM,
    HOSTILE,
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

struct said {
    int64_t ahead_ms; /* of the clock */
    int64_t life_ms;
    int signer; /* a home */
    bool stays; /* ignored at most: the link's fault is not certain */
    bool kept;
};

static struct id sign_record(const struct world *world, const struct said *said,
                             struct buffer *out) {
    const struct world_home *hostile = &world->homes[HOSTILE];
    const struct sign_secret *key = &world->homes[said->signer].keys.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    struct node_record record = {.head = {.community = world->community,
                                          .author = hostile->certificate,
                                          .created = world_wall(world, VICTIM)},
                                 .sequence = 1,
                                 .log = hostile->log,
                                 .address_count = 1,
                                 .addresses = {"10.1.0.3:1"}};
    record.head.created.ms += said->ahead_ms;
    record.head.expires.ms = record.head.created.ms + said->life_ms;
    CHECK_ERR(ERR_OK, node_record_encode(&record, &body));
    return sample_sign(OBJECT_NODE_RECORD, buffer_bytes(&body), &key, 1, out);
}

static void check_said(const struct said *said) {
    struct world *world = world_create(1, HOMES, NULL);
    struct world_insider insider;
    struct buffer bytes;
    world_settle(world, &terms);
    world_kill(world, HOSTILE);
    world_run(world, MINUTE);
    struct id id = sign_record(world, said, &bytes);
    CHECK(world_insider_return(world, HOSTILE, VICTIM, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)) == said->stays);
    CHECK(world_has_object(world, VICTIM, &id) == said->kept);
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_destroy(world);
}

static void test_what_is_sound_is_kept_a_little_ahead_and_for_seven_days(void **state) {
    (void)state;
    check_said(&(struct said){14 * MINUTE, OBJECT_LIFE_MAX_MS, HOSTILE, true, true});
}

static void test_what_is_of_the_future_waits_and_blames_nobody(void **state) {
    (void)state;
    check_said(&(struct said){16 * MINUTE, OBJECT_LIFE_MAX_MS, HOSTILE, true, false});
}

static void test_what_lives_too_long_is_its_bringers_fault(void **state) {
    (void)state;
    check_said(&(struct said){0, OBJECT_LIFE_MAX_MS + 1, HOSTILE, false, false});
}

static void test_what_another_node_signed_is_its_bringers_fault(void **state) {
    (void)state;
    check_said(&(struct said){0, OBJECT_LIFE_MAX_MS, VICTIM, false, false});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sound_is_kept_a_little_ahead_and_for_seven_days),
        cmocka_unit_test(test_what_is_of_the_future_waits_and_blames_nobody),
        cmocka_unit_test(test_what_lives_too_long_is_its_bringers_fault),
        cmocka_unit_test(test_what_another_node_signed_is_its_bringers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
