/* What a requester holds of others' clips: how much a home can make it hold, and how it goes on its
 * day (P7, P10, PROTOCOL 7, 8.2). */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/overlay/overlay.h"
#include "node/transfer/transfer.h"
#include "tests/support/samples.h"
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

static bool sealed(struct world *world, void *context) {
    const struct id *id = context;
    return world_clip(world, GRANTING, id) != NULL;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

/* A request that the granting home has a clip for. */
static struct world *asked(uint64_t seed, struct id *request_id, struct grant *grant) {
    struct world *world = world_create(seed, HOMES, NULL);
    struct request request;
    world_settle(world, &terms);
    world->homes[GRANTING].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    request.terms.delete_by.ms = world_wall(world, REQUESTER).ms + 3 * HOUR;
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, request_id));
    CHECK(world_run_until(world, 5 * MINUTE, sealed, request_id));
    world_run(world, 2 * SLOT_MS);
    world_grant(world, GRANTING, world_clip(world, GRANTING, request_id), grant);
    return world;
}

static struct id deliver(struct world *world, struct id *request, const struct grant *grant) {
    struct id id;
    CHECK_ERR(ERR_OK, world_grant_put(world, GRANTING, world_clip(world, GRANTING, request), grant,
                                      0, 1, &id));
    CHECK(world_run_until(world, 10 * MINUTE, delivered, request));
    return id;
}

static bool has_key(struct world *world, const struct id *request) {
    struct store *store = world->homes[REQUESTER].store;
    struct store_request row;
    CHECK_ERR(ERR_OK, store_begin(store));
    enum err err = store_request_get(store, request, &row);
    CHECK(err == ERR_OK || err == ERR_USER_NOT_FOUND); /* the row goes with the next slot */
    bool has = err == ERR_OK && row.sealed_key.len > 0;
    store_roll_back(store);
    return has;
}

static bool has_file(struct world *world, const struct id *grant) {
    const struct world_file *file = world->homes[REQUESTER].delivered;
    while (file != NULL && memcmp(file->name, grant->b, sizeof grant->b) != 0) {
        file = file->next;
    }
    return file != NULL;
}

static void let_go_at(struct grant *grant, int64_t ms) {
    grant->terms.delete_by.ms = ms;
    grant->expires.ms = ms;
}

/* False: there is no row. */
static bool get_row(struct world *world, const struct id *grant, struct store_delivered *out) {
    struct store *store = world->homes[REQUESTER].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    enum err err = store_delivered_get(store, grant, out);
    store_roll_back(store);
    return err == ERR_OK;
}

/* The granting home's keys in hostile hands; true when the requester keeps the link. */
static bool offer(struct world *world, const struct id *request, const struct grant *grant,
                  struct id *id, struct world_insider *insider) {
    struct store *store = world->homes[GRANTING].store;
    const struct sign_secret *owner = &world->homes[GRANTING].owners[0].sign;
    struct link_message message = {.kind = LINK_OFFER};
    struct store_object row;
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer member = {.max = SIGNED_GOSSIP_MAX};
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_get(store, &world->homes[GRANTING].certificate, &row));
    CHECK_ERR(ERR_OK, buffer_append(&member, row.object));
    store_roll_back(store);
    CHECK_ERR(ERR_OK, grant_encode(grant, &body));
    *id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), &owner, 1, &bytes);
    message.as.offer.grant = buffer_bytes(&bytes);
    message.as.offer.member = buffer_bytes(&member);
    CHECK(
        world_insider_dial(world, GRANTING, REQUESTER, request, (struct bytes){NULL, 0}, insider));
    bool stays = world_insider_say(insider, &message);
    buffer_finish(&bytes);
    return stays;
}

static enum err count_one(void *context, const struct store_object *row) {
    size_t *count = context;
    struct signed_object object;
    struct deletion_receipt receipt;
    CHECK_ERR(ERR_OK, signed_decode(row->object, &object));
    CHECK_ERR(ERR_OK, deletion_receipt_decode(object.body, &receipt));
    (*count)++;
    return ERR_OK;
}

/* That the other homes hold. */
static size_t deletion_receipts(struct world *world) {
    struct store *store = world->homes[NEIGHBOUR].store;
    size_t count = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_DELETION_RECEIPT, count_one, &count));
    store_roll_back(store);
    return count;
}

static void test_a_grant_to_be_deleted_already_is_refused(void **state) {
    (void)state;
    struct id request;
    struct id id;
    struct grant grant;
    struct world_insider insider;
    struct store_delivered row;
    struct world *world = asked(41, &request, &grant);
    world_kill(world, GRANTING);
    let_go_at(&grant, world_wall(world, REQUESTER).ms - 1000);
    grant.created.ms = grant.expires.ms - 1000;
    CHECK(!offer(world, &request, &grant, &id, &insider));
    world_insider_hang_up(&insider);
    CHECK(!get_row(world, &id, &row));
    world_run(world, 3 * SLOT_MS);
    CHECK(has_key(world, &request));
    CHECK(world_log_count(world, REQUESTER, "offered ") == 0);
    world_destroy(world);
}

/* One home's earlier day is no other home's. */
static void test_on_a_grants_day_that_clip_goes_and_on_the_requests_the_key(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct store_delivered row;
    struct world *world = asked(42, &request, &grant);
    let_go_at(&grant, world_wall(world, REQUESTER).ms + HOUR);
    struct id id = deliver(world, &request, &grant);
    world_run(world, HOUR + 2 * SLOT_MS + MINUTE);
    CHECK(!has_file(world, &id));
    CHECK(get_row(world, &id, &row));
    CHECK(row.deletion == DELETION_DONE);
    CHECK(row.header.len == 0);
    CHECK(has_key(world, &request));
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 1);
    CHECK(world_log_count(world, REQUESTER, "deletion_receipt ") == 1);
    CHECK(deletion_receipts(world) == 1);
    world_run(world, 2 * HOUR);
    CHECK(!has_key(world, &request));
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 2);
    CHECK(world_log_count(world, REQUESTER, "deletion_receipt ") ==
          1); /* of the key there is none */
    CHECK(world_log_verifies(world, REQUESTER));
    world_destroy(world);
}

static void test_the_key_of_a_request_that_nobody_answered_goes_on_its_day(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(43, &request, &grant);
    CHECK(has_key(world, &request));
    world_run(world, 3 * HOUR + 2 * SLOT_MS);
    CHECK(!has_key(world, &request));
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 1);
    world_destroy(world);
}

static bool recorded(struct world *world, void *context) {
    (void)context;
    return world_log_count(world, REQUESTER, "deleted ") > 0;
}

static bool overdue(struct world *world, void *context) {
    struct store_delivered row;
    return get_row(world, context, &row) && row.deletion != DELETION_NONE;
}

static void test_nothing_is_deleted_before_it_is_on_record(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct store_delivered row;
    struct world *world = asked(44, &request, &grant);
    let_go_at(&grant, world_wall(world, REQUESTER).ms + HOUR);
    struct id id = deliver(world, &request, &grant);
    CHECK(world_run_until(world, 2 * HOUR, overdue, &id));
    CHECK(!recorded(world, NULL));
    CHECK(get_row(world, &id, &row));
    CHECK(row.header.len > 0);
    CHECK(has_file(world, &id));
    /* A node that dies in the very turn of the slot has removed nothing either. */
    while (!recorded(world, NULL)) {
        CHECK(has_file(world, &id));
        world_run(world, 1000);
    }
    world_run(world, MINUTE);
    CHECK(!has_file(world, &id));
    world_destroy(world);
}

static void test_a_file_that_cannot_be_removed_is_tried_again_and_stops_nothing(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct store_delivered row;
    struct world *world = asked(45, &request, &grant);
    let_go_at(&grant, world_wall(world, REQUESTER).ms + HOUR);
    struct id id = deliver(world, &request, &grant);
    world->homes[REQUESTER].removal_fails = true;
    CHECK(world_run_until(world, 2 * HOUR, recorded, NULL));
    world_run(world, 5 * MINUTE);
    CHECK(world->homes[REQUESTER].core != NULL);
    CHECK(has_file(world, &id));
    CHECK(get_row(world, &id, &row));
    CHECK(row.header.len == 0);
    CHECK(deletion_receipts(world) == 0); /* it is not said before it is so */
    world_kill(world, REQUESTER);         /* what is to go is known after a restart */
    CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
    world->homes[REQUESTER].removal_fails = false;
    world_run(world, 2 * MINUTE);
    CHECK(!has_file(world, &id));
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 1);
    CHECK(deletion_receipts(world) == 1);
    world_destroy(world);
}

static void test_a_home_makes_the_requester_keep_a_few_grants_only(void **state) {
    (void)state;
    struct id request;
    struct id id;
    struct grant grant;
    struct world *world = asked(46, &request, &grant);
    size_t taken = 0;
    struct id last = {{0}};
    world_kill(world, GRANTING);
    for (int i = 0; i < 40; i++) {
        struct world_insider insider;
        grant.created.ms++;
        if (offer(world, &request, &grant, &id, &insider)) {
            taken++;
            last = id;
        }
        world_insider_hang_up(&insider);
        world_run(world, 1000);
    }
    CHECK(taken == 8);
    CHECK(!has_file(world, &id)); /* the refused leave nothing */
    struct store_delivered row;
    CHECK(get_row(world, &last, &row));
    world_run(world, 2 * SLOT_MS);
    CHECK(world_log_count(world, REQUESTER, "offered ") == 8);
    /* Nothing of them ever came, and they go on their day all the same. */
    world_run(world, 3 * HOUR + 3 * SLOT_MS);
    CHECK(!has_file(world, &last));
    CHECK(!get_row(world, &last, &row));
    world_destroy(world);
}

/* More than may be received at once costs neither a row nor an entry. */
static void test_an_offer_that_finds_no_place_leaves_nothing(void **state) {
    (void)state;
    struct id request;
    struct id ids[TRANSFER_RECEIVES_OF_ONE + 1];
    struct world_insider insiders[TRANSFER_RECEIVES_OF_ONE];
    struct grant grant;
    struct store_delivered row;
    struct world *world = asked(47, &request, &grant);
    world_kill(world, GRANTING);
    for (size_t i = 0; i < TRANSFER_RECEIVES_OF_ONE; i++) {
        grant.created.ms++;
        CHECK(offer(world, &request, &grant, &ids[i], &insiders[i]));
    }
    struct world_insider more;
    grant.created.ms++;
    CHECK(!offer(world, &request, &grant, &ids[TRANSFER_RECEIVES_OF_ONE], &more));
    CHECK(!get_row(world, &ids[TRANSFER_RECEIVES_OF_ONE], &row));
    CHECK(!has_file(world, &ids[TRANSFER_RECEIVES_OF_ONE]));
    world_insider_hang_up(&more);
    world_run(world, 2 * SLOT_MS);
    CHECK(world_log_count(world, REQUESTER, "offered ") == TRANSFER_RECEIVES_OF_ONE);
    for (size_t i = 0; i < TRANSFER_RECEIVES_OF_ONE; i++) {
        world_insider_hang_up(&insiders[i]);
    }
    world_destroy(world);
}

/* Bytes that are lost are not said to be held, after a restart either. */
static void test_a_lost_file_is_forgotten_on_record(void **state) {
    (void)state;
    struct id request;
    struct id id;
    struct grant grant;
    struct world_insider insider;
    struct store_delivered row;
    struct world *world = asked(48, &request, &grant);
    world_kill(world, GRANTING);
    CHECK(offer(world, &request, &grant, &id, &insider));
    world_insider_hang_up(&insider);
    world_run(world, 1000);
    struct store *store =
        world->homes[REQUESTER].store; /* as if a piece had come; no file has it */
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_delivered_set_received(store, &id, 100));
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK(offer(world, &request, &grant, &id, &insider));
    world_insider_hang_up(&insider);
    CHECK(get_row(world, &id, &row));
    CHECK(row.received == 0);
    world_destroy(world);
}

/* As after a crash between the making of a file and the commit of its row. */
static void test_a_file_that_no_row_knows_goes_at_the_next_start(void **state) {
    (void)state;
    struct id request;
    struct id orphan = {{7}};
    struct grant grant;
    struct world *world = asked(49, &request, &grant);
    struct id id = deliver(world, &request, &grant);
    struct world_file *file = calloc(1, sizeof *file);
    ASSERT(file != NULL);
    memcpy(file->name, orphan.b, sizeof file->name);
    buffer_init(&file->data, 64);
    file->next = world->homes[REQUESTER].delivered;
    world->homes[REQUESTER].delivered = file;
    world_kill(world, REQUESTER);
    CHECK(has_file(world, &orphan));
    CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
    CHECK(!has_file(world, &orphan));
    CHECK(has_file(world, &id));
    world_destroy(world);
}

/* So many rows of the requester's own, before it starts anew. */
static void fill_own(struct world *world, enum object_kind kind, uint32_t count,
                     struct instant until) {
    const struct world_home *home = &world->homes[REQUESTER];
    struct store_object row = {.kind = kind,
                               .author = home->certificate,
                               .created = {world_wall(world, REQUESTER).ms - MINUTE},
                               .expires = until,
                               .object = {(const uint8_t *)"street party", 12}};
    CHECK_ERR(ERR_OK, store_begin(home->store));
    for (uint32_t i = 0; i < count; i++) {
        write_u32(row.id.b, i * 2654435761U);
        row.id.b[31] = 1;
        CHECK_ERR(ERR_OK, store_object_add(home->store, &row));
    }
    CHECK_ERR(ERR_OK, store_commit(home->store));
    world_kill(world, REQUESTER);
    CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
}

/* What cannot travel yet is not on record yet, and is so once. */
static void test_a_deletion_that_finds_no_room_is_told_later_and_once(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(50, &request, &grant);
    let_go_at(&grant, world_wall(world, REQUESTER).ms + 2 * HOUR);
    struct id id = deliver(world, &request, &grant);
    world_run(world, 2 * HOUR - 5 * MINUTE); /* the request has ended: its place is taken too */
    world_kill(world, NEIGHBOUR);
    world_kill(world, GRANTING);
    fill_own(world, OBJECT_UNKNOWN, OVERLAY_OBJECTS_MAX,
             (struct instant){world_wall(world, REQUESTER).ms + 15 * MINUTE});
    world_run(world, 10 * MINUTE);
    CHECK(!has_file(world, &id));
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 1);
    CHECK(world_log_count(world, REQUESTER, "deletion_receipt ") == 0);
    world_run(world, 10 * MINUTE);
    CHECK_ERR(ERR_OK, world_start(world, NEIGHBOUR));
    world_run(world, 10 * MINUTE);
    CHECK(world_log_count(world, REQUESTER, "deletion_receipt ") == 1);
    CHECK(deletion_receipts(world) == 1);
    world_destroy(world);
}

/* More than others take of one author at a time. */
static void test_a_receipt_beyond_the_quota_is_told_later_and_once(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(51, &request, &grant);
    world_kill(world, NEIGHBOUR); /* it would find what fills the quota malformed */
    fill_own(world, OBJECT_RECEIPT_COMMITMENT, 64,
             (struct instant){world_wall(world, REQUESTER).ms + 30 * MINUTE});
    struct id id = deliver(world, &request, &grant);
    CHECK(has_file(world, &id));
    world_run(world, 10 * MINUTE);
    CHECK(world_log_count(world, REQUESTER, "receipt_commitment ") == 0);
    world_run(world, 30 * MINUTE);
    CHECK(world_log_count(world, REQUESTER, "receipt_commitment ") == 1);
    world_destroy(world);
}

static enum err collect_to(struct world *world, const struct id *grant, const char *place) {
    uint8_t hashes[64] = {1};
    struct control_request ask = {.op = CONTROL_COLLECTED, .id = *grant, .blob = BYTES_OF(hashes)};
    (void)snprintf(ask.text, sizeof ask.text, "%s", place);
    return world_ask(world, REQUESTER, &ask);
}

static enum err delete_at(struct world *world, const struct id *grant, const char *place,
                          uint64_t files) {
    struct control_request ask = {.op = CONTROL_DELETE, .id = *grant, .total = files};
    (void)snprintf(ask.text, sizeof ask.text, "%s", place);
    return world_ask(world, REQUESTER, &ask);
}

/* As on the day: recorded, then gone, then told. */
static void test_a_clip_may_be_deleted_before_its_day(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct store_delivered row;
    struct world *world = asked(52, &request, &grant);
    struct id id = deliver(world, &request, &grant);
    CHECK_ERR(ERR_OK, delete_at(world, &id, "", 0));
    CHECK(has_file(world, &id)); /* its entry waits for a slot */
    world_kill(world, REQUESTER);
    CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
    world_run(world, 3 * SLOT_MS);
    CHECK(!has_file(world, &id));
    CHECK(get_row(world, &id, &row));
    CHECK(row.deletion == DELETION_DONE);
    CHECK_ERR(ERR_OK, delete_at(world, &id, "", 0));
    CHECK_ERR(ERR_USER_NOT_FOUND, delete_at(world, &request, "", 0));
    world_run(world, 4 * HOUR);
    CHECK(world_log_count(world, REQUESTER, "deleted ") == 2); /* the clip, and later its key */
    CHECK(world_log_count(world, REQUESTER, "deletion_receipt ") == 1);
    CHECK(deletion_receipts(world) == 1);
    CHECK_ERR(ERR_DENY_EXPIRED, collect_to(world, &id, "here:/late/stoop"));
    world_destroy(world);
}

static void test_a_place_is_known_until_nothing_is_left_there(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct control_request list = {.op = CONTROL_DELIVERED};
    struct world *world = asked(53, &request, &grant);
    struct id id = deliver(world, &request, &grant);
    CHECK_ERR(ERR_OK, collect_to(world, &id, "here:/one/stoop"));
    CHECK_ERR(ERR_OK, collect_to(world, &id, "here:/two/stoop"));
    CHECK_ERR(ERR_OK, collect_to(world, &id, "here:/one/stoop"));
    CHECK_ERR(ERR_USER_NOT_FOUND, delete_at(world, &id, "here:/three/stoop", 3));
    CHECK_ERR(ERR_USER_NOT_FOUND, delete_at(world, &id, "here:/one/stoop", 4));
    world_run(world, 4 * HOUR); /* over its day, and a restart */
    world_kill(world, REQUESTER);
    CHECK_ERR(ERR_OK, world_start(world, REQUESTER));
    CHECK_ERR(ERR_OK, delete_at(world, &id, "here:/one/stoop", 3));
    CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &list));
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[0]), &world->reply));
    CHECK(world->reply.as.delivered.place_count == 2);
    CHECK_ERR(ERR_OK, delete_at(world, &id, "here:/one/stoop", 0));
    CHECK_ERR(ERR_OK, delete_at(world, &id, "here:/two/stoop", 0));
    CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &list));
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[0]), &world->reply));
    CHECK(world->reply.as.delivered.place_count == 0);
    world_run(world, 2 * SLOT_MS);
    CHECK(world_log_count(world, REQUESTER, "collected ") == 3);
    CHECK(world_log_count(world, REQUESTER, "discarded ") == 1);
    world_destroy(world);
}

static void test_so_many_places_are_known_and_no_more(void **state) {
    (void)state;
    struct id request;
    struct grant grant;
    struct world *world = asked(54, &request, &grant);
    struct id id = deliver(world, &request, &grant);
    for (int i = 0; i < CONTROL_PLACES_MAX; i++) {
        char place[32];
        (void)snprintf(place, sizeof place, "here:/%d/stoop", i);
        CHECK_ERR(ERR_OK, collect_to(world, &id, place));
    }
    CHECK_ERR(ERR_FULL_TABLE, collect_to(world, &id, "here:/more/stoop"));
    CHECK_ERR(ERR_OK, collect_to(world, &id, "here:/0/stoop")); /* it is known */
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_grant_to_be_deleted_already_is_refused),
        cmocka_unit_test(test_on_a_grants_day_that_clip_goes_and_on_the_requests_the_key),
        cmocka_unit_test(test_the_key_of_a_request_that_nobody_answered_goes_on_its_day),
        cmocka_unit_test(test_nothing_is_deleted_before_it_is_on_record),
        cmocka_unit_test(test_a_file_that_cannot_be_removed_is_tried_again_and_stops_nothing),
        cmocka_unit_test(test_a_home_makes_the_requester_keep_a_few_grants_only),
        cmocka_unit_test(test_an_offer_that_finds_no_place_leaves_nothing),
        cmocka_unit_test(test_a_lost_file_is_forgotten_on_record),
        cmocka_unit_test(test_a_file_that_no_row_knows_goes_at_the_next_start),
        cmocka_unit_test(test_a_deletion_that_finds_no_room_is_told_later_and_once),
        cmocka_unit_test(test_a_clip_may_be_deleted_before_its_day),
        cmocka_unit_test(test_a_place_is_known_until_nothing_is_left_there),
        cmocka_unit_test(test_so_many_places_are_known_and_no_more),
        cmocka_unit_test(test_a_receipt_beyond_the_quota_is_told_later_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
