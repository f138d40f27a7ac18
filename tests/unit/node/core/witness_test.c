/* Witnesses among whole homes, on a network, clock and disk made of a seed (P7, P12, PROTOCOL 8.5,
 * 8.6). */
#include <stdio.h>
#include <string.h>

#include "node/store/store.h"
#include "proto/log_head.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    HOMES = 3,
    LOG = 0, /* whose log is looked at */
    WITNESS = 1,
    SLOT_MS = 1000,
    DEATHS = 16, /* in a row: a slot of turns and more */
};

static const struct world_terms terms = {.slot_s = SLOT_MS / 1000, .invite_allowance = 8};

/* The head in the home's file, and whether `witness` cosigned it. */
static uint64_t published(const struct world_home *home, const struct world_home *witness,
                          bool *cosigned) {
    struct checkpoint checkpoint;
    struct note_key log;
    struct note_key key;
    struct instant at;
    log_verifier(&home->log, &log);
    witness_verifier(&witness->log, &key);
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(home->note), &log, &checkpoint));
    *cosigned = checkpoint_verify_cosigned(BYTES_TEXT(home->note), &key, &at) == ERR_OK;
    return checkpoint.size;
}

/* What the witness has on record. */
static uint64_t remembered(const struct world_home *witness, const struct world_home *home) {
    struct checkpoint checkpoint;
    struct note_key log;
    struct bytes note;
    log_verifier(&home->log, &log);
    if (store_witnessed_get(witness->store, &home->log, &note) != ERR_OK) {
        return 0;
    }
    CHECK_ERR(ERR_OK, checkpoint_verify(note, &log, &checkpoint));
    return checkpoint.size;
}

static void test_every_head_is_cosigned_by_every_neighbour(void **state) {
    (void)state;
    struct world *world = world_create(5, HOMES, NULL);
    world_settle(world, &terms);
    world_run(world, 3L * SLOT_MS);
    uint64_t before = 0;
    for (int slot = 0; slot < 20; slot++) {
        bool cosigned = false;
        world_run(world, SLOT_MS);
        uint64_t size = published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
        CHECK(cosigned && size > before);
        before = size;
    }
    world_destroy(world);
}

/* Whatever a witness has said it knows after any death: it commits before it speaks. */
static void die(enum world_death death) {
    size_t deaths = 0;
    size_t counted = 0;
    for (size_t at = 1; at <= DEATHS; at++) {
        struct world *world = world_create(9, HOMES, NULL);
        bool cosigned = false;
        world_settle(world, &terms);
        struct world_home *witness = &world->homes[WITNESS];
        world_doom(world, WITNESS, death, at);
        world->rests = 20L * SLOT_MS;
        uint64_t size = 0;
        for (int after = 0; after < 30;) { /* until what it said last must have been shown */
            world_run(world, SLOT_MS / 10);
            after += witness->died ? 1 : 0;
            size = published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
            if (witness->died && cosigned) {
                CHECK(remembered(&world->homes[WITNESS], &world->homes[LOG]) >= size);
                counted++;
            }
        }
        deaths += witness->died ? 1 : 0;
        witness->death = WORLD_LIVE;
        world_run(world, 30L * SLOT_MS); /* it is back, and goes on with what it remembers */
        uint64_t later = published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
        CHECK(cosigned && later > size);
        CHECK(remembered(&world->homes[WITNESS], &world->homes[LOG]) >= later);
        CHECK(world_log_verifies(world, LOG) && world_log_verifies(world, WITNESS));
        world_destroy(world);
    }
    (void)printf("%zu deaths, %zu behind a cosignature\n", deaths, counted);
    CHECK(deaths == DEATHS && counted > DEATHS);
}

static void test_a_witness_that_dies_before_any_commit_has_said_nothing(void **state) {
    (void)state;
    die(WORLD_DIES_BEFORE_COMMIT);
}

static void test_a_witness_that_dies_before_any_release_remembers(void **state) {
    (void)state;
    die(WORLD_DIES_BEFORE_RELEASE);
}

/* Messages about heads that no correct home sends, from a member's own keys. */
static void test_an_insider_gets_no_cosignature_by_lies(void **state) {
    (void)state;
    struct world *world = world_create(11, HOMES, NULL);
    struct world_insider insider;
    struct link_message heard;
    bool cosigned = false;
    world_settle(world, &terms);
    world_run(world, 5L * SLOT_MS);
    world_kill(world, LOG);
    world_run(world, 20L * SLOT_MS);
    const struct world_home *home = &world->homes[LOG];
    uint64_t known = remembered(&world->homes[WITNESS], home);
    CHECK(known > 0);
    (void)published(home, &world->homes[WITNESS], &cosigned);

    struct checkpoint head = {.size = known + 5, .root = {{1}}};
    char note[NOTE_MAX];
    log_origin(&home->log, head.origin);
    CHECK_ERR(ERR_OK, checkpoint_sign(&head, head.origin, &home->keys.log, note));
    const struct link_message lies[] = {
        /* larger, with a proof that is none */
        {.kind = LINK_CONSISTENCY,
         .as.consistency =
             {.note = BYTES_TEXT(note), .old_size = known, .old_root = {{2}}, .count = 3}},
        /* larger, from a state that the witness does not hold */
        {.kind = LINK_CONSISTENCY,
         .as.consistency =
             {.note = BYTES_TEXT(note), .old_size = known + 1, .old_root = {{2}}, .count = 3}},
        /* signed by somebody else */
        {.kind = LINK_CHECKPOINT,
         .as.checkpoint.note = BYTES_TEXT("stoop.log/0011223344556677\n1\n"
                                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"
                                          "\xe2\x80\x94 x AAAAAAAA\n")},
        /* no fork */
        {.kind = LINK_FORK,
         .as.fork = {.log = home->log, .older = BYTES_TEXT(note), .newer = BYTES_TEXT(note)}},
        /* a cosignature that nobody asked for */
        {.kind = LINK_COSIGNATURE,
         .as.cosignature = {.size = known, .line = BYTES_TEXT("\xe2\x80\x94 x AAAAAAAA\n")}},
    };
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        CHECK(world_insider_return(world, LOG, WITNESS, &insider));
        (void)world_insider_say(&insider, &lies[i]);
        world_run(world, 200);
        while (world_insider_hear(&insider, &heard)) {
            CHECK(heard.kind != LINK_COSIGNATURE && heard.kind != LINK_FORK);
        }
        world_insider_hang_up(&insider);
        world_run(world, 1000);
        CHECK(remembered(&world->homes[WITNESS], home) == known);
    }

    /* Without end: it is heard so often, and no more. */
    CHECK(world_insider_return(world, LOG, WITNESS, &insider));
    size_t answers = 0;
    const struct link_message again = {.kind = LINK_CHECKPOINT,
                                       .as.checkpoint.note = BYTES_TEXT(note)};
    for (size_t i = 0; i < 1000; i++) {
        CHECK(world_insider_say(&insider, &again));
    }
    world_run(world, 100);
    while (world_insider_hear(&insider, &heard)) {
        answers += heard.kind == LINK_WITNESSED ? 1 : 0;
    }
    CHECK(answers > 0 && answers <= 200);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* Where a copy of the home said that it was, with the log key that it went on under. */
static void say_as_a_copy(struct world *world, struct world_insider *bearer,
                          const struct sign_public *log) {
    const struct world_home *home = &world->homes[LOG];
    const struct instant now = world_wall(world, LOG);
    struct node_record record = {.head = {.community = world->community,
                                          .author = home->certificate,
                                          .created = {now.ms + 1},
                                          .expires = {now.ms + DURATION_DAY_MS}},
                                 .sequence = (uint64_t)now.ms + 1,
                                 .log = *log,
                                 .address_count = 1};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    world_address(HOMES - 1, record.addresses[0]);
    CHECK_ERR(ERR_OK, node_record_encode(&record, &body));
    signed_start(OBJECT_NODE_RECORD, buffer_bytes(&body), &object);
    CHECK_ERR(ERR_OK, signed_add(&object, &home->keys.sign, &home->node));
    CHECK_ERR(ERR_OK, signed_encode(&object, &bytes));
    CHECK(world_insider_gossip(bearer, buffer_bytes(&bytes)));
}

static const struct sign_public another = {{7}};

/* What the witness knows of where the home is. */
static struct id newest_record(struct world *world, struct node_record *out) {
    struct world_home *witness = &world->homes[WITNESS];
    struct store_object row;
    struct signed_object object;
    CHECK_ERR(ERR_OK, store_begin(witness->store));
    CHECK_ERR(ERR_OK, store_object_newest(witness->store, OBJECT_NODE_RECORD,
                                          &world->homes[LOG].certificate, &row));
    CHECK_ERR(ERR_OK, signed_decode(row.object, &object));
    CHECK_ERR(ERR_OK, node_record_decode(object.body, out));
    store_roll_back(witness->store);
    return object.id;
}

static bool is_where_it_is(const struct node_record *record) {
    char address[ADDRESS_MAX_BYTES];
    world_address(LOG, address);
    return record->address_count == 1 && strcmp(record->addresses[0], address) == 0;
}

/* Its old copy ran for a moment: neighbours take that one's log key for the home's, until the home
 * says again which it has, by itself. */
static void test_a_home_whose_old_copy_ran_is_cosigned_again_soon(void **state) {
    (void)state;
    struct world *world = world_create(13, HOMES, NULL);
    struct world_insider bearer;
    bool cosigned = false;
    world_settle(world, &terms);
    world_run(world, 3000); /* or their link may be young, and a second one taken for its twin */
    world_kill(world, HOMES - 1);
    CHECK(world_insider_dial(world, HOMES - 1, WITNESS, NULL, (struct bytes){NULL, 0}, &bearer));
    world_run(world, 3L * SLOT_MS);
    (void)published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
    CHECK(cosigned);
    say_as_a_copy(world, &bearer, &another);
    world_run(world, 3L * SLOT_MS);
    (void)published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
    CHECK(!cosigned);
    world_run(world, 40L * SLOT_MS);
    (void)published(&world->homes[LOG], &world->homes[WITNESS], &cosigned);
    CHECK(cosigned);
    world_insider_hang_up(&bearer);
    world_destroy(world);
}

/* One that goes on under the same log key was elsewhere. */
static void test_a_home_says_again_where_it_is_after_a_copy_did(void **state) {
    (void)state;
    struct world *world = world_create(14, HOMES, NULL);
    const struct control_request status = {.op = CONTROL_STATUS};
    struct world_insider bearer;
    struct node_record record;
    world_settle(world, &terms);
    CHECK_ERR(ERR_OK, world_ask(world, LOG, &status));
    CHECK(world->reply.as.status.copy_seen.ms == 0);
    world_kill(world, HOMES - 1);
    CHECK(world_insider_return(world, HOMES - 1, WITNESS, &bearer));
    say_as_a_copy(world, &bearer, &world->homes[LOG].log);
    world_run(world, 1000);
    (void)newest_record(world, &record);
    CHECK(!is_where_it_is(&record));
    world_run(world, 40 * 1000);
    (void)newest_record(world, &record);
    CHECK(is_where_it_is(&record));
    CHECK_ERR(ERR_OK, world_ask(world, LOG, &status)); /* its owner can end one of them */
    CHECK(world->reply.as.status.copy_seen.ms > world_wall(world, LOG).ms - 60 * 1000);
    world_insider_hang_up(&bearer);
    world_destroy(world);
}

/* Each says where it is whenever the other has. Neighbours go on hearing of the home all the same.
 */
static void test_two_copies_of_a_home_do_not_talk_it_deaf(void **state) {
    (void)state;
    struct world *world = world_create(13, HOMES, NULL);
    struct world_insider bearer;
    struct node_record record;
    struct request request;
    struct id id;
    struct id before = {{0}};
    size_t answers = 0;
    world_settle(world, &terms);
    world_kill(world, HOMES - 1);
    for (int half_minute = 0; half_minute < 240; half_minute++) {
        id = newest_record(world, &record);
        answers += !id_equal(&id, &before) && is_where_it_is(&record) ? 1 : 0;
        before = id;
        if (is_where_it_is(&record)) {
            CHECK(world_insider_return(world, HOMES - 1, WITNESS, &bearer));
            say_as_a_copy(world, &bearer, &another);
            world_run(world, 1000);
            world_insider_hang_up(&bearer);
        }
        world_run(world, 30 * 1000);
    }
    CHECK(answers >= 5 && answers <= 10); /* within two hours */
    world_voluntary(world, LOG, 5 * DURATION_MINUTE_MS, &request);
    CHECK_ERR(ERR_OK, world_request(world, LOG, &request, &id));
    world_run(world, 20 * 1000);
    CHECK(world_has_object(world, WITNESS, &id));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_head_is_cosigned_by_every_neighbour),
        cmocka_unit_test(test_a_witness_that_dies_before_any_commit_has_said_nothing),
        cmocka_unit_test(test_a_witness_that_dies_before_any_release_remembers),
        cmocka_unit_test(test_an_insider_gets_no_cosignature_by_lies),
        cmocka_unit_test(test_a_home_whose_old_copy_ran_is_cosigned_again_soon),
        cmocka_unit_test(test_a_home_says_again_where_it_is_after_a_copy_did),
        cmocka_unit_test(test_two_copies_of_a_home_do_not_talk_it_deaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
