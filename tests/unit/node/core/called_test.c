/* That a member has called a request's agency back, on the number in the community's directory, is
 * on record and shown everywhere: one record a home, the newest. It decides
 * nothing (PROTOCOL 5.7). */
#include <stdio.h>
#include <string.h>

#include "node/store/store.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    NEIGHBOUR,
    REQUESTER,
    OWNER,
    HOSTILE,
    HOMES,
    SLOT_MS = 60 * 1000,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {
    .slot_s = SLOT_MS / 1000, .invite_allowance = 8, .directory = true};

struct asked {
    struct world *world;
    struct request request;
    struct id id;
};

static struct asked ask(uint64_t seed) {
    struct asked asked = {.world = world_create(seed, HOMES, NULL)};
    world_settle(asked.world, &terms);
    world_warrant(asked.world, REQUESTER, 2 * HOUR, &asked.request);
    CHECK_ERR(ERR_OK, world_request(asked.world, REQUESTER, &asked.request, &asked.id));
    world_run(asked.world, 2000);
    return asked;
}

static struct call_back call_of(const struct asked *asked, int home) {
    struct call_back call;
    world_call(asked->world, home, &asked->id, &asked->request, &call);
    return call;
}

struct shown { /* call-backs in the order in which the node hands them out */
    size_t count;
    struct id ids[16];
};

static enum err visit(void *context, const struct store_object *row) {
    struct shown *shown = context;
    shown->ids[shown->count++] = row->id;
    return ERR_OK;
}

static struct shown shown_at(struct world *world, int home, const struct id *request) {
    struct shown shown = {0};
    struct store *store = world->homes[home].store;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_call_each(store, request, CALLS_SHOWN_MAX, visit, &shown));
    store_roll_back(store);
    return shown;
}

/* False when the home closed on whoever brought it. */
static bool say(struct world *world, int as, const struct call_back *call, struct id *id) {
    struct world_insider insider;
    struct buffer bytes;
    *id = world_sign_call(world, as, call, &bytes);
    CHECK(world_insider_dial(world, as, OWNER, NULL, (struct bytes){NULL, 0}, &insider));
    bool stays = world_insider_gossip(&insider, buffer_bytes(&bytes));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_run(world, 1000);
    return stays;
}

static void test_a_call_is_on_record_at_every_home(void **state) {
    (void)state;
    struct asked asked = ask(1);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    struct id id;
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &id));
    world_run(asked.world, 2000);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        struct shown shown = shown_at(asked.world, home, &asked.id);
        CHECK(shown.count == 1 && id_equal(&shown.ids[0], &id));
        CHECK(world_log_count(asked.world, home, "call_back ") == 1);
        CHECK(world_log_verifies(asked.world, home));
    }
    world_destroy(asked.world);
}

static void test_of_one_home_the_newest_counts(void **state) {
    (void)state;
    struct asked asked = ask(2);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    struct id first;
    struct id second;
    struct id late;
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &first));
    call.head.created.ms += 1;
    call.outcome = CALL_DENIED;
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &second));
    call.head.created.ms -= 2; /* one that comes late is not the newest */
    call.at.ms -= 2;
    CHECK_ERR(ERR_DENY_QUOTA, world_call_put(asked.world, NEIGHBOUR, &call, &late));
    world_run(asked.world, 2 * MINUTE);
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        struct shown shown = shown_at(asked.world, home, &asked.id);
        CHECK(shown.count == 1 && id_equal(&shown.ids[0], &second));
        CHECK(!world_has_object(asked.world, home, &first));
    }
    world_destroy(asked.world);
}

static void test_each_home_has_its_own(void **state) {
    (void)state;
    struct asked asked = ask(3);
    struct id ids[HOMES];
    for (int home = NEIGHBOUR; home < HOMES; home++) {
        struct call_back call = call_of(&asked, home);
        CHECK(home == REQUESTER || world_call_put(asked.world, home, &call, &ids[home]) == ERR_OK);
        world_run(asked.world, 2000);
    }
    struct shown shown = shown_at(asked.world, REQUESTER, &asked.id);
    CHECK(shown.count == 3);
    CHECK(id_equal(&shown.ids[0], &ids[HOSTILE]) && id_equal(&shown.ids[2], &ids[NEIGHBOUR]));
    world_destroy(asked.world);
}

/* The newest are handed out, and how many there are besides. As if more homes had called than a
 * world has. */
static void test_how_many_are_left_out_is_told(void **state) {
    (void)state;
    const struct control_request list = {.op = CONTROL_REQUESTS};
    static struct control_reply reply;
    struct asked asked = ask(14);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    struct store *store = asked.world->homes[NEIGHBOUR].store;
    struct store_call row = {.request = asked.id, .created = call.head.created};
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &row.call));
    for (int calls = 1; calls <= CALLS_SHOWN_MAX + 3; calls++) {
        CHECK_ERR(ERR_OK, world_ask(asked.world, NEIGHBOUR, &list));
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&asked.world->replies[0]), &reply));
        CHECK(reply.kind == CONTROL_GOT_REQUEST);
        int more = calls <= CALLS_SHOWN_MAX ? 0 : calls - CALLS_SHOWN_MAX;
        assert_int_equal(reply.as.request.call_count, calls - more);
        assert_int_equal(reply.as.request.calls_more, more);
        row.author.b[0] = (uint8_t)calls;
        CHECK_ERR(ERR_OK, store_begin(store));
        CHECK_ERR(ERR_OK, store_call_put(store, &row));
        CHECK_ERR(ERR_OK, store_commit(store));
    }
    world_destroy(asked.world);
}

static void test_whoever_asked_does_not_call_itself(void **state) {
    (void)state;
    struct asked asked = ask(4);
    struct call_back call = call_of(&asked, REQUESTER);
    struct id id;
    CHECK_ERR(ERR_PEER_UNKNOWN, world_call_put(asked.world, REQUESTER, &call, &id));
    world_kill(asked.world, REQUESTER);
    CHECK(say(asked.world, REQUESTER, &call, &id)); /* ignored */
    CHECK(!world_has_object(asked.world, OWNER, &id));
    CHECK(world_log_count(asked.world, OWNER, "call_back ") == 0);
    world_destroy(asked.world);
}

static void test_a_number_that_is_not_in_the_directory_is_refused(void **state) {
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct asked asked = ask(5);
        struct call_back call = call_of(&asked, HOSTILE);
        struct id id;
        (void)snprintf(wrong == 0 ? call.number : call.agency,
                       wrong == 0 ? sizeof call.number : sizeof call.agency, "%s",
                       wrong == 0 ? "+1 900 555 0199" : "Riverside P.D.");
        CHECK_ERR(ERR_PEER_BOUNDS, world_call_put(asked.world, HOSTILE, &call, &id));
        world_kill(asked.world, HOSTILE);
        CHECK(!say(asked.world, HOSTILE, &call, &id));
        CHECK(!world_has_object(asked.world, OWNER, &id));
        world_destroy(asked.world);
    }
}

static void test_a_call_to_another_agency_than_the_request_names_does_not_count(void **state) {
    (void)state;
    struct asked asked = ask(6);
    struct id id;
    struct id other;
    (void)snprintf(asked.request.instrument.applicant_agency,
                   sizeof asked.request.instrument.applicant_agency, "County Sheriff");
    CHECK_ERR(ERR_OK, world_request(asked.world, REQUESTER, &asked.request, &other));
    world_run(asked.world, 2000);
    struct call_back call = call_of(&asked, HOSTILE);
    call.request = other;
    world_kill(asked.world, HOSTILE);
    CHECK(say(asked.world, HOSTILE, &call, &id));
    CHECK(!world_has_object(asked.world, OWNER, &id));
    world_destroy(asked.world);
}

static void test_a_call_about_what_is_not_known_here_is_ignored(void **state) {
    (void)state;
    struct asked asked = ask(7);
    struct call_back call = call_of(&asked, HOSTILE);
    struct id id;
    call.request.b[5] ^= 1;
    CHECK_ERR(ERR_USER_NO_REQUEST, world_call_put(asked.world, HOSTILE, &call, &id));
    world_kill(asked.world, HOSTILE);
    CHECK(say(asked.world, HOSTILE, &call, &id));
    CHECK(!world_has_object(asked.world, OWNER, &id));
    call = call_of(&asked, HOSTILE);
    call.head.expires.ms += HOUR; /* nor one that outlives its request */
    CHECK(say(asked.world, HOSTILE, &call, &id));
    CHECK(!world_has_object(asked.world, OWNER, &id));
    world_destroy(asked.world);
}

static void test_a_call_that_a_node_signed_is_refused(void **state) {
    (void)state;
    struct asked asked = ask(8);
    struct call_back call = call_of(&asked, HOSTILE);
    struct world_home *home = &asked.world->homes[HOSTILE];
    struct id id;
    home->owners[0].sign = home->keys.sign;
    world_kill(asked.world, HOSTILE);
    CHECK(!say(asked.world, HOSTILE, &call, &id));
    CHECK(world_log_count(asked.world, OWNER, "call_back ") == 0);
    world_destroy(asked.world);
}

static void test_nobody_records_a_call_in_anothers_name(void **state) {
    (void)state;
    struct asked asked = ask(9);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    struct id id;
    CHECK_ERR(ERR_PEER_BOUNDS, world_call_put(asked.world, HOSTILE, &call, &id));
    world_destroy(asked.world);
}

static void test_it_holds_over_a_restart_and_ends_with_its_request(void **state) {
    (void)state;
    struct asked asked = ask(10);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    struct id id;
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &id));
    world_run(asked.world, 2000);
    world_kill(asked.world, OWNER);
    CHECK_ERR(ERR_OK, world_start(asked.world, OWNER));
    world_run(asked.world, 2000);
    CHECK(shown_at(asked.world, OWNER, &asked.id).count == 1);
    world_run(asked.world, 2 * HOUR + 2 * SLOT_MS);
    CHECK(shown_at(asked.world, OWNER, &asked.id).count == 0);
    CHECK(!world_has_object(asked.world, OWNER, &id));
    world_destroy(asked.world);
}

static void test_it_ends_no_request_and_answers_for_nobody(void **state) {
    (void)state;
    struct asked asked = {.world = world_create(11, HOMES, NULL)};
    struct id id;
    struct grant grant;
    world_settle(asked.world, &terms);
    asked.world->homes[OWNER].footage = WORLD_MATCH;
    world_warrant(asked.world, REQUESTER, 2 * HOUR, &asked.request);
    CHECK_ERR(ERR_OK, world_request(asked.world, REQUESTER, &asked.request, &asked.id));
    world_run(asked.world, 5 * MINUTE);
    struct call_back call = call_of(&asked, NEIGHBOUR);
    CHECK_ERR(ERR_OK, world_call_put(asked.world, NEIGHBOUR, &call, &id));
    world_run(asked.world, HOUR);
    CHECK(world_delivered(asked.world, REQUESTER, &asked.id) == 0);
    struct world_clip clip = *world_clip(asked.world, OWNER, &asked.id);
    world_grant(asked.world, OWNER, &clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(asked.world, OWNER, &clip, &grant, 0, 1, NULL));
    world_destroy(asked.world);
}

static void test_a_home_has_so_many_and_no_more(void **state) {
    (void)state;
    enum {
        ASKERS = 7,
        OF_EACH = 10,
        MOST = 64
    };
    struct asked asked = {.world = world_create(13, ASKERS + 1, NULL)};
    world_settle(asked.world, &terms);
    int made = 0;
    for (int asker = 1; asker <= ASKERS; asker++) {
        for (int i = 0; i < OF_EACH; i++) {
            struct id id;
            world_warrant(asked.world, asker, 2 * HOUR, &asked.request);
            CHECK_ERR(ERR_OK, world_request(asked.world, asker, &asked.request, &asked.id));
            world_run(asked.world, 5000);
            struct call_back call = call_of(&asked, NEIGHBOUR);
            enum err wanted = made++ < MOST ? ERR_OK : ERR_DENY_QUOTA;
            CHECK_ERR(wanted, world_call_put(asked.world, NEIGHBOUR, &call, &id));
            call.head.created.ms++; /* a better record of the same call takes no more room */
            CHECK_ERR(wanted, world_call_put(asked.world, NEIGHBOUR, &call, &id));
        }
    }
    world_destroy(asked.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_on_record_at_every_home),
        cmocka_unit_test(test_of_one_home_the_newest_counts),
        cmocka_unit_test(test_each_home_has_its_own),
        cmocka_unit_test(test_how_many_are_left_out_is_told),
        cmocka_unit_test(test_whoever_asked_does_not_call_itself),
        cmocka_unit_test(test_a_number_that_is_not_in_the_directory_is_refused),
        cmocka_unit_test(test_a_call_to_another_agency_than_the_request_names_does_not_count),
        cmocka_unit_test(test_a_call_about_what_is_not_known_here_is_ignored),
        cmocka_unit_test(test_a_call_that_a_node_signed_is_refused),
        cmocka_unit_test(test_nobody_records_a_call_in_anothers_name),
        cmocka_unit_test(test_it_holds_over_a_restart_and_ends_with_its_request),
        cmocka_unit_test(test_it_ends_no_request_and_answers_for_nobody),
        cmocka_unit_test(test_a_home_has_so_many_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
