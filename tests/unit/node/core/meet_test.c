/* A spoken code gets one attempt, whatever comes of it (PROTOCOL 4.10). Nodes, network and crypto
 * are the real ones. */
#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "tests/support/check.h"
#include "tests/support/world.h"

enum {
    SPONSOR = 0,
    JOINER = 1,
    OTHER = 2,
    HOMES = 3,
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};
static const char right[] = "41 amber river pony";
static const char wrong[] = "42 amber river pony";

struct offer {
    struct introduction introduction;
    char text[CODE_MAX_BYTES];
    char code[CODE_MAX_BYTES];
};

/* As each person has a socket of their own. */
static enum err ask_as(struct world *world, int home, const struct control_request *request) {
    world->client = 100 + (uint64_t)home;
    return world_ask(world, home, request);
}

/* What the sponsor's owner makes, without giving it to the node. */
static void make_offer(struct world *world, uint8_t tag, int64_t life, struct offer *out) {
    struct world_home *sponsor = &world->homes[SPONSOR];
    struct invite_code code = {.community = world->community,
                               .sponsor = sponsor->certificate,
                               .transport = sponsor->transport,
                               .owner = sponsor->owner_publics[0].sign,
                               .created = world_wall(world, SPONSOR),
                               .role = MEMBER_HOME,
                               .address_count = 1};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    code.expires.ms = code.created.ms + DURATION_DAY_MS;
    memset(code.secret, 0x50 + tag, sizeof code.secret);
    world_address(SPONSOR, code.addresses[0]);
    CHECK_ERR(ERR_OK, invite_code_object(&code, &body, &object));
    CHECK_ERR(ERR_OK, signed_add(&object, &sponsor->owners[0].sign, &code.owner));
    code.signature = object.signatures[0].signature;
    CHECK_ERR(ERR_OK, invite_code_write(&code, out->code));
    out->introduction = (struct introduction){.community = code.community,
                                              .sponsor = code.sponsor,
                                              .transport = code.transport,
                                              .address_count = 1};
    memset(out->introduction.tag, tag, sizeof out->introduction.tag);
    out->introduction.expires.ms = code.created.ms + life;
    memcpy(out->introduction.addresses, code.addresses, sizeof code.addresses);
    CHECK_ERR(ERR_OK, introduction_write(&out->introduction, out->text));
}

static enum err give_out(struct world *world, uint64_t client, const struct offer *offer) {
    struct control_request request = {
        .op = CONTROL_MEET_INVITE, .blob = BYTES_TEXT(offer->text), .blob2 = BYTES_TEXT(right)};
    (void)snprintf(request.text, sizeof request.text, "%s", offer->code);
    world->client = client;
    return world_ask(world, SPONSOR, &request);
}

static enum err knock(struct world *world, int home, const struct offer *offer, const char *words) {
    struct control_request request = {.op = CONTROL_MEET_JOIN, .blob = BYTES_TEXT(words)};
    (void)snprintf(request.text, sizeof request.text, "%s", offer->text);
    return ask_as(world, home, &request);
}

/* Of the answers since the last question: how many say so, and the data of one that has any. */
static size_t answers(struct world *world, enum err err) {
    size_t count = 0;
    for (size_t i = 0; i < world->reply_count; i++) {
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[i]), &world->reply));
        count += world->reply.kind == CONTROL_DONE && world->reply.err == err ? 1 : 0;
    }
    return count;
}

static struct bytes data_of(struct world *world) {
    static uint8_t copy[CODE_MAX_BYTES];
    for (size_t i = 0; i < world->reply_count; i++) {
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[i]), &world->reply));
        if (world->reply.kind == CONTROL_GOT_DATA) {
            struct bytes data = world->reply.as.data.data;
            CHECK(data.len <= sizeof copy);
            memcpy(copy, data.at, data.len);
            return (struct bytes){copy, data.len};
        }
    }
    return (struct bytes){NULL, 0};
}

static struct world *with_community(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_found(world, SPONSOR, &terms);
    CHECK(world_certificate(world, SPONSOR));
    return world;
}

static void test_the_words_give_the_invite_and_the_invite_lets_in(void **state) {
    (void)state;
    struct world *world = with_community(1);
    struct offer offer;
    char code[CODE_MAX_BYTES] = "";
    make_offer(world, 1, 10 * MINUTE, &offer);
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, "41, Amber-River PONY."));
    world_run(world, 5000);
    struct bytes got = data_of(world);
    CHECK(bytes_equal(got, BYTES_TEXT(offer.code)));
    CHECK(answers(world, ERR_OK) == 1); /* the sponsor's owner */
    memcpy(code, got.at, got.len);
    CHECK_ERR(ERR_OK, world_join(world, JOINER, code));
    world_run(world, 10000);
    CHECK(world_is_member(world, JOINER));
    world_destroy(world);
}

/* Both people are told, and the right words come too late; the invite was never let in by. */
static void test_wrong_words_burn_the_code(void **state) {
    (void)state;
    struct world *world = with_community(2);
    struct offer offer;
    make_offer(world, 1, 10 * MINUTE, &offer);
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, wrong));
    world_run(world, 5000);
    CHECK(answers(world, ERR_USER_WORDS) == 2);
    CHECK_ERR(ERR_OK, knock(world, OTHER, &offer, right));
    world_run(world, 2 * MINUTE);
    CHECK(answers(world, ERR_USER_NO_ANSWER) == 1);
    CHECK_ERR(ERR_OK, world_join(world, JOINER, offer.code));
    world_run(world, 2 * MINUTE);
    CHECK(!world_is_member(world, JOINER));
    world_destroy(world);
}

/* The same link can dial often and say nothing: only a point begins the attempt. */
static void test_of_two_at_once_one_has_the_attempt(void **state) {
    (void)state;
    struct world *world = with_community(3);
    struct offer offer;
    make_offer(world, 1, 10 * MINUTE, &offer);
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, right));
    size_t replies = world->reply_count;
    CHECK(replies == 0);
    CHECK_ERR(ERR_OK, knock(world, OTHER, &offer, right));
    world_run(world, 2 * MINUTE);
    size_t codes = 0;
    for (size_t i = 0; i < world->reply_count; i++) {
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[i]), &world->reply));
        codes += world->reply.kind == CONTROL_GOT_DATA ? 1 : 0;
    }
    CHECK(codes == 1);
    CHECK(answers(world, ERR_OK) == 1);
    CHECK(answers(world, ERR_PEER_TRUNCATED) + answers(world, ERR_USER_NO_ANSWER) == 1);
    world_destroy(world);
}

/* Whatever turn the sponsor dies in, before or after its commit: the code does not come back. */
static void test_a_crash_does_not_bring_it_back(void **state) {
    (void)state;
    static const enum world_death deaths[] = {WORLD_DIES_BEFORE_COMMIT, WORLD_DIES_BEFORE_RELEASE};
    size_t died = 0;
    for (size_t i = 0; i < COUNT_OF(deaths); i++) {
        for (size_t turn = 1; turn < 12; turn++) {
            struct world *world = with_community(40 + turn);
            struct offer offer;
            world->rests = 2000;
            make_offer(world, 1, 10 * MINUTE, &offer);
            CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
            CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, right));
            world_doom(world, SPONSOR, deaths[i], turn);
            world_run(world, 2 * MINUTE);
            bool had = data_of(world).len > 0;
            died += world->homes[SPONSOR].died ? 1 : 0;
            CHECK_ERR(ERR_OK, knock(world, OTHER, &offer, right));
            world_run(world, 2 * MINUTE);
            CHECK(!had || data_of(world).len == 0);
            CHECK(answers(world, ERR_USER_NO_ANSWER) == 1);
            world_destroy(world);
        }
    }
    CHECK(died > COUNT_OF(deaths));
}

static void test_it_ends_with_its_time_and_with_whoever_waits(void **state) {
    (void)state;
    struct world *world = with_community(5);
    struct offer offer;
    make_offer(world, 1, MINUTE, &offer);
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    world_run(world, MINUTE + 1000);
    CHECK(answers(world, ERR_DENY_EXPIRED) == 1);
    CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, right)); /* its clock may be off */
    world_run(world, 2 * MINUTE);
    CHECK(answers(world, ERR_USER_NO_ANSWER) == 1); /* the sponsor's own decides */
    world_run(world, (MEET_CLOCK_MINUTES - 2) * MINUTE);
    CHECK_ERR(ERR_DENY_EXPIRED, knock(world, JOINER, &offer, right));

    make_offer(world, 2, 10 * MINUTE, &offer);
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    world->client = 7;
    world_client_down(world, SPONSOR);
    CHECK_ERR(ERR_OK, knock(world, JOINER, &offer, right));
    world_run(world, 2 * MINUTE);
    CHECK(answers(world, ERR_USER_NO_ANSWER) == 1);
    world_destroy(world);
}

/* What a sponsor's own program may ask for. */
static void test_what_is_not_of_one_piece_is_refused(void **state) {
    (void)state;
    struct world *world = with_community(6);
    struct offer offer;
    struct offer changed;
    make_offer(world, 1, 61 * MINUTE, &offer);
    CHECK_ERR(ERR_DENY_TIME, give_out(world, 7, &offer));
    make_offer(world, 1, 10 * MINUTE, &offer);
    changed = offer;
    changed.introduction.sponsor.b[0] ^= 1;
    CHECK_ERR(ERR_OK, introduction_write(&changed.introduction, changed.text));
    CHECK_ERR(ERR_PEER_BOUNDS, give_out(world, 7, &changed));
    changed.text[20] = changed.text[20] == 'A' ? 'B' : 'A';
    CHECK_ERR(ERR_USER_INVITE, give_out(world, 7, &changed));
    CHECK_ERR(ERR_OK, give_out(world, 7, &offer));
    CHECK_ERR(ERR_USER_EXISTS, give_out(world, 8, &offer)); /* its tag */
    for (unsigned i = 2; i <= SPOKEN_MAX; i++) {
        make_offer(world, (uint8_t)i, 10 * MINUTE, &offer);
        CHECK_ERR(ERR_USER_EXISTS, give_out(world, 7, &offer)); /* its owner waits for one */
        CHECK_ERR(ERR_OK, give_out(world, 7 + i, &offer));
    }
    make_offer(world, 60, 10 * MINUTE, &offer);
    CHECK_ERR(ERR_FULL_TABLE, give_out(world, 60, &offer));
    CHECK_ERR(ERR_USER_NO_COMMUNITY,
              ask_as(world, JOINER, &(struct control_request){.op = CONTROL_MEET_INVITE}));
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_words_give_the_invite_and_the_invite_lets_in),
        cmocka_unit_test(test_wrong_words_burn_the_code),
        cmocka_unit_test(test_of_two_at_once_one_has_the_attempt),
        cmocka_unit_test(test_a_crash_does_not_bring_it_back),
        cmocka_unit_test(test_it_ends_with_its_time_and_with_whoever_waits),
        cmocka_unit_test(test_what_is_not_of_one_piece_is_refused),
    };
    CHECK(crypto_start());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
