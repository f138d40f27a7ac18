/* What two members' owners compare is carried, and bound to both (PROTOCOL 4.10): whatever the peer
 * says, and in whatever order, this owner's program is told one commitment before it reveals, and
 * one nonce after. */
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static enum err say(struct world *world, int home, enum control_op op, const struct id *peer,
                    const uint8_t what[MEET_NONCE_BYTES]) {
    const struct control_request request = {
        .op = op, .id = *peer, .blob = {what, MEET_NONCE_BYTES}};
    world->client = 100 + (uint64_t)home; /* each person has a socket of their own */
    return world_ask(world, home, &request);
}

struct side {
    struct meet_side own;
    uint8_t commitment[MEET_NONCE_BYTES];
};

static struct side side_of(struct world *world, int home, int peer, uint8_t nonce) {
    struct side side = {.own.certificate = world->homes[home].certificate};
    memset(side.own.nonce, nonce, sizeof side.own.nonce);
    meet_commitment(&world->community, &side.own, &world->homes[peer].certificate, side.commitment);
    return side;
}

static bool heard(struct world *world, const uint8_t what[MEET_NONCE_BYTES]) {
    for (size_t i = 0; i < world->reply_count; i++) {
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[i]), &world->reply));
        if (world->reply.kind == CONTROL_GOT_DATA &&
            bytes_equal(world->reply.as.data.data, (struct bytes){what, MEET_NONCE_BYTES})) {
            return true;
        }
    }
    return false;
}

static struct world *acquainted(uint64_t seed, int homes) {
    struct world *world = world_create(seed, (size_t)homes, NULL);
    world_settle(world, &terms);
    for (int i = 0; i < homes; i++) {
        CHECK(world_certificate(world, i));
    }
    return world;
}

static void test_each_hears_what_the_other_committed_to_and_revealed(void **state) {
    (void)state;
    struct world *world = acquainted(7, 3);
    const struct id *first = &world->homes[0].certificate;
    const struct id *second = &world->homes[1].certificate;
    struct side a = side_of(world, 0, 1, 0xa1);
    struct side b = side_of(world, 1, 0, 0xb2);
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_COMMIT, second, a.commitment));
    /* Before the other has committed there is nothing to answer, and nothing may be revealed. */
    CHECK_ERR(ERR_PEER_SEQUENCE, say(world, 0, CONTROL_MEET_REVEAL, second, a.own.nonce));
    world_run(world, 3 * MINUTE); /* its person takes a while */
    CHECK_ERR(ERR_OK, say(world, 1, CONTROL_MEET_COMMIT, first, b.commitment));
    world_run(world, 15000);
    CHECK(heard(world, a.commitment) && heard(world, b.commitment));
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_REVEAL, second, a.own.nonce));
    world_run(world, 15000);
    CHECK(world->reply_count == 0); /* one who has revealed waits for the other */
    CHECK_ERR(ERR_OK, say(world, 1, CONTROL_MEET_REVEAL, first, b.own.nonce));
    CHECK(heard(world, a.own.nonce));
    world_run(world, 15000);
    CHECK(heard(world, b.own.nonce));

    /* Another time begins from nothing, whoever is still at the old one. */
    struct side c = side_of(world, 0, 1, 0xc3);
    struct side d = side_of(world, 1, 0, 0xd4);
    world->client = 100;
    world_client_down(world, 0);
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_COMMIT, second, c.commitment));
    world_run(world, 15000);
    CHECK(world->reply_count == 0);
    world->client = 101;
    world_client_down(world, 1);
    CHECK_ERR(ERR_OK, say(world, 1, CONTROL_MEET_COMMIT, first, d.commitment));
    world_run(world, 15000);
    CHECK(heard(world, c.commitment) && heard(world, d.commitment));
    world_destroy(world);
}

/* The link breaks when one has heard all, and the other has not. */
static void test_a_link_that_breaks_takes_nothing_back(void **state) {
    (void)state;
    struct world *world = acquainted(9, 3);
    const struct id *first = &world->homes[0].certificate;
    const struct id *second = &world->homes[1].certificate;
    struct side a = side_of(world, 0, 1, 0xa1);
    struct side b = side_of(world, 1, 0, 0xb2);
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_COMMIT, second, a.commitment));
    CHECK_ERR(ERR_OK, say(world, 1, CONTROL_MEET_COMMIT, first, b.commitment));
    world_run(world, 15000);
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_REVEAL, second, a.own.nonce));
    world_run(world, 5000);
    world_cut(world, 0, 1, true); /* what is said now is lost */
    CHECK_ERR(ERR_OK, say(world, 1, CONTROL_MEET_REVEAL, first, b.own.nonce));
    CHECK(heard(world, a.own.nonce));
    world_run(world, 30000);
    CHECK(!heard(world, b.own.nonce));
    world_cut(world, 0, 1, false);
    world_run(world, 3 * MINUTE);
    CHECK(heard(world, b.own.nonce));
    world_destroy(world);
}

static void test_nobody_is_compared_with_who_does_not_ask(void **state) {
    (void)state;
    struct world *world = acquainted(8, 3);
    const struct id nobody = {{1}};
    struct side a = side_of(world, 0, 1, 0xa1);
    const struct id *second = &world->homes[1].certificate;
    CHECK_ERR(ERR_USER_NOT_FOUND, say(world, 0, CONTROL_MEET_COMMIT, &nobody, a.commitment));
    CHECK_ERR(ERR_PEER_BOUNDS,
              say(world, 0, CONTROL_MEET_COMMIT, &world->homes[0].certificate, a.commitment));
    CHECK_ERR(ERR_OK, say(world, 0, CONTROL_MEET_COMMIT, second, a.commitment));
    CHECK_ERR(ERR_USER_EXISTS, say(world, 0, CONTROL_MEET_COMMIT, second, a.commitment));
    world_run(world, 6 * MINUTE);
    CHECK(world->reply_count == 2); /* that one's, and the first one's end */
    CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[1]), &world->reply));
    CHECK(world->reply.kind == CONTROL_DONE);
    CHECK_ERR(ERR_USER_NO_ANSWER, world->reply.err);
    world_destroy(world);
}

/* ---- a peer that lies ---- */

/* An owner of home 0 is to compare with home 1, which is in hostile hands. */
static struct rig {
    struct world *world;
    struct world_insider liar;
    const struct id *peer;
    struct side own;
} rig;

static int start(void **state) {
    (void)state;
    rig = (struct rig){.world = acquainted(10, 3)};
    rig.peer = &rig.world->homes[1].certificate;
    rig.own = side_of(rig.world, 0, 1, 0xa1);
    world_kill(rig.world, 1);
    return 0;
}

static int finish(void **state) {
    (void)state;
    world_insider_hang_up(&rig.liar);
    world_destroy(rig.world);
    return 0;
}

static bool dials(void) {
    return world_insider_compare(rig.world, 1, 0, &rig.liar);
}

static enum err owner_commits(void) {
    return say(rig.world, 0, CONTROL_MEET_COMMIT, rig.peer, rig.own.commitment);
}

static enum err owner_reveals(void) {
    return say(rig.world, 0, CONTROL_MEET_REVEAL, rig.peer, rig.own.own.nonce);
}

static bool commits(uint8_t what) {
    struct link_message message = {.kind = LINK_MEET_COMMIT};
    memset(message.as.meet_commit.commitment, what, MEET_NONCE_BYTES);
    return world_insider_say(&rig.liar, &message);
}

static bool reveals(uint8_t what) {
    struct link_message message = {.kind = LINK_MEET_REVEAL};
    memset(message.as.meet_reveal.nonce, what, MEET_NONCE_BYTES);
    return world_insider_say(&rig.liar, &message);
}

/* Since the owner's program asked last, it was told this and nothing else. */
static bool told(uint8_t what) {
    uint8_t bytes[MEET_NONCE_BYTES];
    memset(bytes, what, sizeof bytes);
    return rig.world->reply_count == 1 && heard(rig.world, bytes);
}

static bool told_nothing(void) {
    return rig.world->reply_count == 0;
}

/* What the liar hears next. */
static bool hears(enum link_kind kind, const uint8_t *what) {
    struct link_message message;
    return world_insider_hear(&rig.liar, &message) && message.kind == kind &&
           memcmp(kind == LINK_MEET_COMMIT ? message.as.meet_commit.commitment
                                           : message.as.meet_reveal.nonce,
                  what, MEET_NONCE_BYTES) == 0;
}

/* Whoever has heard what this owner reveals could look for a nonce that gives the same words: it is
 * held to what this owner's program was told before. */
static void test_a_commitment_that_was_told_is_not_changed(void **state) {
    (void)state;
    CHECK_ERR(ERR_OK, owner_commits());
    CHECK(dials());
    CHECK(hears(LINK_MEET_COMMIT, rig.own.commitment));
    CHECK(commits(1));
    CHECK(told(1));
    CHECK(commits(2));
    CHECK(told(1));
    CHECK_ERR(ERR_OK, owner_reveals());
    CHECK(hears(LINK_MEET_COMMIT, rig.own.commitment));
    CHECK(hears(LINK_MEET_REVEAL, rig.own.own.nonce));
    CHECK(commits(3));
    CHECK(told_nothing());
    CHECK(reveals(4));
    CHECK(told(4));
    CHECK(reveals(5));
    CHECK(told(4));
}

/* Until then it may begin again, as one whose program was stopped does. */
static void test_before_the_owner_asks_the_newest_commitment_counts(void **state) {
    (void)state;
    CHECK(dials());
    CHECK(commits(1));
    CHECK(commits(2));
    CHECK_ERR(ERR_OK, owner_commits());
    CHECK(told(2));
}

static void test_what_is_revealed_without_a_commitment_is_not_told(void **state) {
    (void)state;
    CHECK_ERR(ERR_OK, owner_commits());
    CHECK(dials());
    CHECK(reveals(1));
    CHECK_ERR(ERR_PEER_SEQUENCE, owner_reveals());
    CHECK(commits(2));
    CHECK_ERR(ERR_OK, owner_reveals());
    CHECK(told_nothing());
    CHECK(reveals(3));
    CHECK(told(3));
    CHECK_ERR(ERR_PEER_SEQUENCE, owner_reveals());
}

static void test_what_is_no_comparison_ends_the_link(void **state) {
    (void)state;
    static const struct link_message confirm = {.kind = LINK_MEET_CONFIRM};
    CHECK(dials());
    CHECK(commits(1));
    CHECK(!world_insider_say(&rig.liar, &confirm));
}

/* ---- bounds ---- */

static void test_so_many_are_compared_at_a_time(void **state) {
    (void)state;
    struct world *world = acquainted(14, COMPARISONS_MAX + 2);
    const uint8_t what[MEET_NONCE_BYTES] = {1};
    struct control_request ask = {.op = CONTROL_MEET_COMMIT, .blob = {what, sizeof what - 1}};
    ask.id = world->homes[1].certificate;
    CHECK_ERR(ERR_PEER_BOUNDS, world_ask(world, 0, &ask));
    ask.blob.len++;
    for (int peer = 1; peer <= COMPARISONS_MAX; peer++) {
        world->client = 200 + (uint64_t)peer;
        ask.id = world->homes[peer].certificate;
        CHECK_ERR(ERR_OK, world_ask(world, 0, &ask));
    }
    ask.id = world->homes[COMPARISONS_MAX + 1].certificate;
    CHECK_ERR(ERR_USER_EXISTS, world_ask(world, 0, &ask)); /* this program compares already */
    world->client = 200;
    CHECK_ERR(ERR_FULL_TABLE, world_ask(world, 0, &ask));
    ask.id = world->homes[1].certificate;
    CHECK_ERR(ERR_USER_EXISTS, world_ask(world, 0, &ask)); /* another does, with that home */
    world->client = 201;
    world_client_down(world, 0);
    CHECK_ERR(ERR_OK, world_ask(world, 0, &ask));
    world_destroy(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_hears_what_the_other_committed_to_and_revealed),
        cmocka_unit_test(test_a_link_that_breaks_takes_nothing_back),
        cmocka_unit_test(test_nobody_is_compared_with_who_does_not_ask),
        TEST(test_a_commitment_that_was_told_is_not_changed),
        TEST(test_before_the_owner_asks_the_newest_commitment_counts),
        TEST(test_what_is_revealed_without_a_commitment_is_not_told),
        TEST(test_what_is_no_comparison_ends_the_link),
        cmocka_unit_test(test_so_many_are_compared_at_a_time),
    };
    CHECK(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
