/* What was announced can be had for a while, though a newer object has taken its place: a neighbour
 * that was told its id asks for it, and would blame a home that sent nothing (PROTOCOL 5.1). */
#include "tests/support/check.h"

#include <string.h>

#include "node/core/parts.h"
#include "tests/support/world.h"

enum {
    HOME,
    OTHER,
    MEMBER, /* down: its keys are in other hands */
    HOMES,
    SECOND = DURATION_SECOND_MS,
    DAY = DURATION_DAY_MS,
    ANNOUNCED_MS = 1300,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

/* Each is newer than the one before. As if it had come by reconciliation: it is announced alone. */
static struct id say_record(struct world *world, struct world_insider *insider, int number) {
    static struct link_message message;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    const struct world_home *home = &world->homes[MEMBER];
    const struct instant now = world_wall(world, MEMBER);
    const struct node_record record = {.head = {.community = world->community,
                                                .author = home->certificate,
                                                .created = {now.ms + number},
                                                .expires = {now.ms + DAY}},
                                       .sequence = (uint64_t)now.ms + (uint64_t)number,
                                       .log = home->log,
                                       .address_count = 1,
                                       .addresses = {"10.1.0.3:1"}};
    struct signed_object object;
    CHECK_ERR(ERR_OK, node_record_encode(&record, &body));
    signed_start(OBJECT_NODE_RECORD, buffer_bytes(&body), &object);
    CHECK_ERR(ERR_OK, signed_add(&object, &home->keys.sign, &home->node));
    CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
    message = (struct link_message){.kind = LINK_GOSSIP};
    message.as.gossip.hops = LINK_HOPS_CAUGHT_UP;
    message.as.gossip.object = buffer_bytes(&bytes);
    CHECK(world_insider_say(insider, &message));
    return object.id;
}

/* Asks for it, and is it sent? */
static bool is_sent(struct world_insider *insider, const struct id *id) {
    static struct link_message message;
    bool sent = false;
    while (world_insider_hear(insider, &message)) {
    }
    message = (struct link_message){.kind = LINK_GRAFT, .as.graft.count = 1};
    memcpy(message.as.graft.ids[0].b, id->b, LINK_SHORT_BYTES);
    CHECK(world_insider_say(insider, &message));
    while (world_insider_hear(insider, &message)) {
        struct signed_object object;
        if (message.kind == LINK_GOSSIP) {
            CHECK_ERR(ERR_OK, signed_decode(message.as.gossip.object, &object));
            sent |= id_equal(&object.id, id);
        }
    }
    return sent;
}

static void
test_a_record_that_was_announced_is_sent_to_whoever_asks_though_it_was_replaced(void **state) {
    (void)state;
    struct world *world = world_create(71, HOMES, NULL);
    struct world_insider insider;
    world_settle(world, &terms);
    world_kill(world, MEMBER);
    CHECK(world_insider_dial(world, MEMBER, HOME, NULL, (struct bytes){NULL, 0}, &insider));
    world_run(world, SECOND);
    struct id old = say_record(world, &insider, 1);
    world_run(world, ANNOUNCED_MS);
    CHECK(world_has_object(world, HOME, &old));
    struct id new = say_record(world, &insider, 2);
    CHECK(!world_has_object(world, HOME, &old));
    CHECK(is_sent(&insider, &new));
    CHECK(is_sent(&insider, &old));
    world_run(world, 11 * SECOND);
    CHECK(is_sent(&insider, &new));
    CHECK(!is_sent(&insider, &old));
    world_insider_hang_up(&insider);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_record_that_was_announced_is_sent_to_whoever_asks_though_it_was_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
