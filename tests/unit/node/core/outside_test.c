/* Who asks from outside (PROTOCOL 4.11): let in by k administrators, heard through a home that is
 * its door, told nothing of anybody until somebody grants it something. */
#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#include "node/core/parts.h"
#include "proto/log_head.h"
#include "tests/support/away.h"
#include "tests/support/receipts.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    MEMBERS = 3, /* homes 0 to 2, who are administrators too; two of them decide */
    AGENCY = 3,
    PRESS = 4,
    OFFICER = 5, /* a home that is none: its owner's key is the officer's */
    HOMES = 6,
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
};

struct wait {
    int home;
    struct id id;
};

static bool has_joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

static struct world *settled(uint64_t seed) {
    static const struct world_terms terms = {
        .slot_s = 10, .invite_allowance = 8, .administrators = MEMBERS, .threshold = 2};
    struct world *world = world_create(seed, HOMES, NULL);
    world_found(world, 0, &terms);
    for (int i = 1; i < MEMBERS; i++) {
        char code[CODE_MAX_BYTES];
        world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
        CHECK_ERR(ERR_OK, world_join(world, i, code));
        CHECK(world_run_until(world, MINUTE, has_joined, &i));
    }
    world_run(world, 20 * SECOND);
    return world;
}

static void sign_member(struct world *world, int number, const struct member *member,
                        const struct sign_secret *second, struct buffer *out) {
    const struct sign_secret *keys[] = {&world->homes[number].owners[0].sign, second};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    CHECK_ERR(ERR_OK, member_encode(member, &body));
    (void)sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, second == NULL ? 1 : 2, out);
}

static void fill_outsider(struct world *world, int number, struct member *out) {
    const struct world_home *home = &world->homes[number];
    *out = (struct member){
        .head = {.community = world->community, .created = world_wall(world, number)},
        .role = MEMBER_OUTSIDER,
        .node = home->node,
        .log = home->log,
        .transport = home->transport,
        .owner_count = 1,
        .owners = {home->owner_publics[0]}};
    out->head.expires.ms = out->head.created.ms + 300 * (int64_t)DURATION_DAY_MS;
    (void)snprintf(out->name, sizeof out->name, "Outsider %d", number);
    (void)snprintf(out->owner_names[0], NAME_MAX_BYTES, "Owner");
}

static void door_text(struct world *world, int door, const struct id *community,
                      char text[CODE_MAX_BYTES]) {
    struct door_code code = {.community = *community,
                             .home = world->homes[door].certificate,
                             .transport = world->homes[door].transport,
                             .address_count = 1};
    (void)snprintf(code.name, sizeof code.name, "Number %d", door);
    world_address(door, code.addresses[0]);
    CHECK_ERR(ERR_OK, door_code_write(&code, text));
}

static enum err put_application(struct world *world, int number, struct bytes doors) {
    struct member member;
    struct buffer bytes;
    fill_outsider(world, number, &member);
    sign_member(world, number, &member, NULL, &bytes);
    const struct control_request request = {
        .op = CONTROL_OUTSIDE_APPLY, .blob = buffer_bytes(&bytes), .blob2 = doors};
    enum err err = world_ask(world, number, &request);
    buffer_finish(&bytes);
    return err;
}

/* With one home as its door; its certificate comes back whole. */
static void apply(struct world *world, int number, int door, struct buffer *certificate) {
    char text[CODE_MAX_BYTES];
    door_text(world, door, &world->community, text);
    CHECK_ERR(ERR_OK, put_application(world, number,
                                      (struct bytes){(const uint8_t *)text, strlen(text) + 1}));
    buffer_init(certificate, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, buffer_append(certificate, world->reply.as.data.data));
}

static struct admission admission_of(struct world *world, const struct buffer *certificate,
                                     int door) {
    return (struct admission){.member = buffer_bytes(certificate),
                              .kind = OUTSIDER_AGENCY,
                              .instruments = 1U << INSTRUMENT_VOLUNTARY,
                              .live_requests = 2,
                              .door_count = 1,
                              .doors = {world->homes[door].certificate},
                              .until = {world_wall(world, 0).ms + 60 * (int64_t)DURATION_DAY_MS}};
}

/* Two administrators. */
static void decide(struct world *world, const struct admission *admission) {
    struct act act;
    world_act(world, 0, &act);
    act.has_admission = true;
    act.admission = *admission;
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL));
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
}

static struct world *let_in(uint64_t seed, struct admission *admission,
                            struct buffer *certificate) {
    struct world *world = settled(seed);
    int agency = AGENCY;
    apply(world, AGENCY, 2, certificate);
    *admission = admission_of(world, certificate, 2);
    decide(world, admission);
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &agency));
    return world;
}

static bool home_has(struct world *world, void *context) {
    const struct wait *wait = context;
    return world_has_object(world, wait->home, &wait->id);
}

static bool delivered(struct world *world, void *context) {
    const struct wait *wait = context;
    return world_delivered(world, wait->home, &wait->id) > 0;
}

static bool matched(struct world *world, void *context) {
    const struct wait *wait = context;
    const struct world_clip *clip = world_clip(world, wait->home, &wait->id);
    return clip != NULL && clip->held;
}

/* Certificates that a node holds, its own counted. */
static size_t certificates(struct world *world, int home) {
    return community_size(world->homes[home].core->community);
}

static void test_it_is_let_in_by_k_and_asks_through_its_door(void **state) {
    (void)state;
    struct buffer certificate;
    struct request request;
    struct world *world = settled(1);
    apply(world, AGENCY, 2, &certificate);
    world_run(world, 3 * MINUTE);
    CHECK(!world_certificate(world, AGENCY)); /* nobody has let it in */
    const struct admission admission = admission_of(world, &certificate, 2);
    struct act act;
    world_act(world, 0, &act);
    act.has_admission = true;
    act.admission = admission;
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL));
    world_run(world, 2 * MINUTE);
    CHECK(!world_certificate(world, AGENCY)); /* one of two is not enough */
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
    struct wait wait = {.home = AGENCY};
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &wait.home));
    CHECK(world_is_member(world, AGENCY));
    CHECK(world_links(world, AGENCY) == 0); /* to the overlay */
    world->homes[1].footage = WORLD_MATCH;
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    for (int i = 0; i < MEMBERS; i++) {
        wait.home = i;
        CHECK(world_run_until(world, MINUTE, home_has, &wait));
    }
    wait.home = 1;
    CHECK(world_run_until(world, 10 * MINUTE, matched, &wait));
    CHECK(certificates(world, AGENCY) == 1); /* it knows nobody yet */
    const struct world_clip *clip = world_clip(world, 1, &wait.id);
    struct grant grant;
    world_grant(world, 1, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, 1, clip, &grant, 0, 1, NULL));
    wait.home = AGENCY;
    CHECK(world_run_until(world, 5 * MINUTE, delivered, &wait));
    CHECK(world_delivered_opens(world, AGENCY, &wait.id, clip));
    CHECK(certificates(world, AGENCY) == 3); /* who granted, and who vouched for it: home 0 */
    world_run(world, MINUTE);
    for (int i = 0; i < MEMBERS; i++) { /* it counts for all */
        CHECK(world_log_count(world, i, "request_seen ") == 1);
        CHECK(world_log_verifies(world, i));
    }
    CHECK(world_log_count(world, AGENCY, "receipt_commitment ") == 1);
    CHECK(world_log_verifies(world, AGENCY));
    world_kill(world, AGENCY);
    CHECK_ERR(ERR_OK, world_start(world, AGENCY));
    world_run(world, MINUTE);
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    wait.home = 1;
    CHECK(world_run_until(world, MINUTE, home_has, &wait));
    for (int i = 0; i < MEMBERS; i++) {
        world_kill(world, i);
        CHECK_ERR(ERR_OK, world_start(world, i));
    }
    CHECK(world_has_object(world, 1, &wait.id));
    buffer_finish(&certificate);
    world_destroy(world);
}

/* Nothing of it is kept: the node starts, and what it applied with before stands. */
static void test_an_application_that_makes_no_sense_is_refused_whole(void **state) {
    (void)state;
    struct buffer certificate;
    struct world *world = settled(13);
    int agency = AGENCY;
    const struct id elsewhere = {{9}};
    char far[CODE_MAX_BYTES];
    char both[2 * CODE_MAX_BYTES] = {0};
    door_text(world, 2, &elsewhere, far);
    door_text(world, 2, &world->community, both);
    const size_t first = strlen(both) + 1;
    (void)snprintf(both + first, CODE_MAX_BYTES, "%s", far);
    const struct bytes wrong[] = {
        {NULL, 0},
        {(const uint8_t *)"", 1},
        {(const uint8_t *)far, strlen(far) + 1},
        {(const uint8_t *)both, first - 1},
        {(const uint8_t *)both, first + 1},
        {(const uint8_t *)both, first + strlen(far) + 1},
    };
    for (int applied = 0; applied < 2; applied++) {
        for (size_t i = 0; i < COUNT_OF(wrong); i++) {
            CHECK(put_application(world, AGENCY, wrong[i]) != ERR_OK);
            CHECK(world->homes[AGENCY].core->outside.door_count == (size_t)applied);
            world_kill(world, AGENCY);
            CHECK_ERR(ERR_OK, world_start(world, AGENCY));
        }
        if (applied == 0) {
            apply(world, AGENCY, 2, &certificate);
        }
    }
    const struct admission admission = admission_of(world, &certificate, 2);
    decide(world, &admission);
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &agency));
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_suspended_it_asks_nothing_and_resumed_it_does(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct wait wait = {.home = 0};
    struct world *world = let_in(2, &admission, &certificate);
    world->homes[1].footage = WORLD_MATCH;
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    wait.home = 1;
    CHECK(world_run_until(world, 10 * MINUTE, matched, &wait));
    admission.suspended = true;
    decide(world, &admission);
    world_run(world, 20 * SECOND);
    CHECK(world_clip(world, 1, &wait.id) == NULL); /* what it has asked for ends */
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_DENY_SUSPENDED, world_request(world, AGENCY, &request, &wait.id));
    admission.suspended = false;
    decide(world, &admission);
    world_run(world, 20 * SECOND);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    wait.home = 1;
    CHECK(world_run_until(world, MINUTE, home_has, &wait));
    buffer_finish(&certificate);
    world_destroy(world);
}

/* Let in for an hour and a half, it asks for longer: that ends with its time, at every home and
 * without an act. */
static void test_what_it_asks_ends_with_its_time(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct wait wait = {.home = 1};
    struct world *world = let_in(12, &admission, &certificate);
    world->homes[1].footage = WORLD_MATCH;
    admission.until.ms = world_wall(world, 0).ms + HOUR + HOUR / 2;
    decide(world, &admission);
    world_voluntary(world, AGENCY, 4 * HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    CHECK(world_run_until(world, 10 * MINUTE, matched, &wait));
    world_run(world, HOUR);
    CHECK(world_clip(world, 1, &wait.id) != NULL);
    world_run(world, HOUR / 2 + 5 * MINUTE);
    CHECK(world_clip(world, 1, &wait.id) == NULL);
    for (int i = 0; i < MEMBERS; i++) {
        CHECK(world_log_count(world, i, "request_withdrawn ") == 1);
    }
    buffer_finish(&certificate);
    world_destroy(world);
}

/* By homes 0 and 2. */
static void prolong(struct world *world, struct admission *admission) {
    struct act act;
    admission->until.ms += 4 * HOUR;
    world_run(world, SECOND);
    world_act(world, 0, &act);
    act.has_admission = true;
    act.admission = *admission;
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL));
    world_run(world, 2 * SECOND);
    CHECK_ERR(ERR_OK, world_endorse(world, 2, &act, NULL, NULL));
}

static void restart(struct world *world, int home, bool ingest_down) {
    world_kill(world, home);
    world->homes[home].ingest_down = ingest_down;
    CHECK_ERR(ERR_OK, world_start(world, home));
}

/* Its time ends in an hour, what it asks lives for longer; home 1 has matched that, and is off. */
static void ask_and_part(struct world *world, struct admission *admission, struct wait *wait) {
    const bool part[HOMES] = {[1] = true};
    struct request request;
    world->homes[1].footage = WORLD_MATCH;
    admission->until.ms = world_wall(world, 0).ms + HOUR;
    decide(world, admission);
    world_voluntary(world, AGENCY, 4 * HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait->id));
    CHECK(world_run_until(world, 10 * MINUTE, matched, wait));
    world_part(world, part, true);
}

/* An act prolongs it while home 1 is off, and its first end comes: nothing has ended when that home
 * has heard of the act, however long that takes. */
static void test_who_was_away_ends_nothing_that_was_prolonged(void **state) {
    (void)state;
    for (int asleep = 0; asleep < 2; asleep++) {
        struct admission admission;
        struct buffer certificate;
        struct wait wait = {.home = 1};
        struct world *world = let_in(14, &admission, &certificate);
        ask_and_part(world, &admission, &wait);
        if (asleep == 0) {
            world_kill(world, 1);
        } else {
            world_sleep(world, 1, HOUR);
        }
        prolong(world, &admission);
        world_run(world, HOUR + MINUTE);
        if (asleep == 0) {
            CHECK_ERR(ERR_OK, world_start(world, 1));
        }
        world_run(world, 10 * MINUTE);
        world_heal(world);
        world_run(world, 10 * MINUTE);
        CHECK(world_log_count(world, 1, "request_withdrawn ") == 0);
        CHECK(world_clip(world, 1, &wait.id) != NULL);
        buffer_finish(&certificate);
        world_destroy(world);
    }
}

/* The newest act that home 0 knows, to another whose turn has no room for anything that it says. */
static void tell_act_in_a_full_turn(struct world *world, int to) {
    const struct core *from = world->homes[0].core;
    struct core *core = world->homes[to].core;
    struct core_effects effects;
    struct store_object row;
    enum err verdict = ERR_FULL_QUEUE;
    static const uint8_t nothing[4096] = {0};
    CHECK_ERR(ERR_OK, store_object_get(from->store,
                                       community_act_id(from->community,
                                                        community_act_count(from->community) - 1),
                                       &row));
    CHECK_ERR(ERR_OK, core_turn_begin(core));
    while (buffer_append(&core->bytes, BYTES_OF(nothing)) == ERR_OK) {
    }
    CHECK_ERR(ERR_OK, gossip_take(core, NULL, row.object, (struct way){0}, &verdict));
    CHECK_ERR(ERR_OK, verdict);
    CHECK_ERR(ERR_OK, core_turn_end(core, &effects));
}

/* Somebody who only connects, again and again, tells it of no act: that is none whom it hears. */
static void test_who_says_nothing_is_nobody_to_hear(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct world_insider mute;
    struct wait wait = {.home = 1};
    struct world *world = let_in(16, &admission, &certificate);
    ask_and_part(world, &admission, &wait);
    world_kill(world, 1);
    prolong(world, &admission);
    world_run(world, HOUR + MINUTE);
    world_kill(world, 2);
    CHECK_ERR(ERR_OK, world_start(world, 1));
    for (int i = 0; i < 300; i++) {
        CHECK(world_insider_knock(world, 2, 1, &mute));
        world_run(world, 2 * SECOND);
        world_insider_hang_up(&mute);
    }
    CHECK_ERR(ERR_OK, world_start(world, 2));
    world_heal(world);
    world_run(world, 10 * MINUTE);
    CHECK(world_log_count(world, 1, "request_withdrawn ") == 0);
    CHECK(world_clip(world, 1, &wait.id) != NULL);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* The time of another is over 150 s later: that puts off nothing. */
static void test_each_outsiders_time_is_its_own(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct buffer second;
    struct request request;
    struct wait waits[2];
    struct world *world = let_in(17, &admission, &certificate);
    int press = PRESS;
    apply(world, PRESS, 2, &second);
    struct admission other = admission_of(world, &second, 2);
    other.kind = OUTSIDER_PRESS;
    world->homes[1].footage = WORLD_MATCH;
    admission.until.ms = world_wall(world, 0).ms + HOUR;
    other.until.ms = admission.until.ms + 150 * (int64_t)SECOND;
    decide(world, &admission);
    world_run(world, 10 * SECOND);
    decide(world, &other);
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &press));
    for (int i = 0; i < 2; i++) {
        waits[i].home = 1;
        world_voluntary(world, i == 0 ? AGENCY : PRESS, 4 * HOUR, &request);
        CHECK_ERR(ERR_OK, world_request(world, i == 0 ? AGENCY : PRESS, &request, &waits[i].id));
        CHECK(world_run_until(world, 10 * MINUTE, matched, &waits[i]));
    }
    world_run(world, admission.until.ms - world_wall(world, 0).ms + 4 * MINUTE);
    CHECK(world_clip(world, 1, &waits[0].id) == NULL);
    CHECK(world_clip(world, 1, &waits[1].id) != NULL);
    world_run(world, 3 * MINUTE);
    CHECK(world_clip(world, 1, &waits[1].id) == NULL);
    buffer_finish(&second);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* Home 1 has its request and no ingest; when that comes up, the outsider's time is over, as far as
 * home 1 knows. It is answered for good only once the act has come that prolongs it. */
static void what_waits_is_matched(bool full_turn) {
    const bool part[HOMES] = {[1] = true};
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct wait wait = {.home = 1};
    struct world *world = let_in(15, &admission, &certificate);
    world->homes[1].footage = WORLD_MATCH;
    restart(world, 1, true);
    world_run(world, MINUTE);
    admission.until.ms = world_wall(world, 0).ms + HOUR;
    decide(world, &admission);
    world_run(world, MINUTE);
    world_voluntary(world, AGENCY, 4 * HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    CHECK(world_run_until(world, 10 * MINUTE, home_has, &wait));
    world_part(world, part, true);
    prolong(world, &admission);
    world_run(world, HOUR + MINUTE);
    restart(world, 1, false);
    world_run(world, 10 * MINUTE);
    CHECK(world_clip(world, 1, &wait.id) == NULL);
    if (full_turn) {
        tell_act_in_a_full_turn(world, 1);
    } else {
        world_heal(world);
    }
    CHECK(world_run_until(world, 10 * MINUTE, matched, &wait));
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_what_waits_for_ingest_waits_for_the_act_too(void **state) {
    (void)state;
    what_waits_is_matched(false);
}

/* It takes effect whole, and ingest hears of it in the next. */
static void test_an_act_counts_though_its_turn_is_full(void **state) {
    (void)state;
    what_waits_is_matched(true);
}

/* Its clock is ahead: what has ended there still lives at its door, where one more is one too many.
 * Nobody asks it for what was ignored. */
static void test_what_its_door_ignored_is_heard_later(void **state) {
    (void)state;
    struct buffer certificate;
    struct request request;
    struct wait wait = {.home = 2};
    struct world *world = settled(10);
    int agency = AGENCY;
    world->homes[AGENCY].wall_skew = 20 * SECOND;
    apply(world, AGENCY, 2, &certificate);
    const struct admission admission = admission_of(world, &certificate, 2);
    decide(world, &admission);
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &agency));
    world_run(world, 10 * SECOND);
    for (unsigned i = 0; i < admission.live_requests; i++) {
        world_voluntary(world, AGENCY, MINUTE, &request);
        CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
        CHECK(world_run_until(world, 10 * SECOND, home_has, &wait));
    }
    world_run(world, 62 * SECOND);
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    world_run(world, 5 * SECOND);
    CHECK(!home_has(world, &wait));
    CHECK(world_run_until(world, 2 * MINUTE, home_has, &wait));
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_an_instrument_that_it_may_not_use_is_refused_by_name(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct buffer bytes;
    struct request request;
    struct id id;
    struct world *world = let_in(3, &admission, &certificate);
    world_warrant(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_DENY_CAP, world_request(world, AGENCY, &request, &id));
    CHECK(world_log_count(world, AGENCY, "request_refused ") == 1);
    /* And by whoever gets it by another way: a member passes it on. */
    struct world_insider insider;
    id = world_sign_request(world, AGENCY, &request, &bytes);
    CHECK(world_insider_dial(world, 1, 0, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(!world_has_object(world, 0, &id));
    CHECK(world_log_count(world, 0, "request_refused ") == 1);
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    buffer_finish(&certificate);
    world_destroy(world);
}

static enum err put_officer(struct world *world, struct id *id) {
    struct member member;
    struct signed_object object;
    struct buffer bytes;
    fill_outsider(world, AGENCY, &member);
    member.role = MEMBER_OFFICER;
    member.head.author = world->homes[AGENCY].certificate;
    member.head.expires.ms -= DURATION_DAY_MS;
    member.owners[0] = world->homes[OFFICER].owner_publics[0];
    sign_member(world, AGENCY, &member, &world->homes[OFFICER].owners[0].sign, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    *id = object.id;
    const struct control_request request = {.op = CONTROL_OFFICER_PUT,
                                            .blob = buffer_bytes(&bytes)};
    enum err err = world_ask(world, AGENCY, &request);
    buffer_finish(&bytes);
    return err;
}

/* By the officer's key, at the agency's node. */
static enum err ask_as_officer(struct world *world, const struct id *officer, struct id *id) {
    struct request request;
    struct buffer bytes;
    world_voluntary(world, AGENCY, HOUR, &request);
    request.head.author = *officer;
    *id = world_sign_request(world, OFFICER, &request, &bytes);
    const struct control_request ask = {
        .op = CONTROL_REQUEST_PUT, .blob = buffer_bytes(&bytes), .blob2 = BYTES_TEXT("sealed")};
    enum err err = world_ask(world, AGENCY, &ask);
    buffer_finish(&bytes);
    return err;
}

static enum err take_back_officer(struct world *world, const struct id *officer) {
    struct removal removal = {.head = {.community = world->community,
                                       .author = world->homes[AGENCY].certificate,
                                       .created = world_wall(world, AGENCY),
                                       .expires = INSTANT_FOR_GOOD},
                              .removed = {.member = *officer}};
    const struct sign_secret *owner = &world->homes[AGENCY].owners[0].sign;
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, removal_encode(&removal, &body));
    (void)sample_sign(OBJECT_REMOVAL, buffer_bytes(&body), &owner, 1, &bytes);
    const struct control_request request = {.op = CONTROL_REMOVE, .blob = buffer_bytes(&bytes)};
    enum err err = world_ask(world, AGENCY, &request);
    buffer_finish(&bytes);
    return err;
}

static void test_an_officer_asks_on_its_outsiders_account_until_it_is_taken_back(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct id officer;
    struct wait wait = {.home = 1};
    struct world *world = let_in(4, &admission, &certificate);
    uint8_t before[EPOCH_KEY_BYTES];
    uint8_t after[EPOCH_KEY_BYTES];
    CHECK_ERR(ERR_OK, put_officer(world, &officer));
    world->homes[1].footage = WORLD_MATCH;
    CHECK_ERR(ERR_OK, ask_as_officer(world, &officer, &wait.id));
    CHECK(world_run_until(world, 10 * MINUTE, matched, &wait));
    const struct world_clip *clip = world_clip(world, 1, &wait.id);
    struct grant grant;
    world_grant(world, 1, clip, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, 1, clip, &grant, 0, 1, NULL));
    wait.home = AGENCY;
    CHECK(world_run_until(world, 5 * MINUTE, delivered, &wait));
    const struct control_request overdue = {.op = CONTROL_OVERDUE};
    world_run(world, MINUTE);
    CHECK_ERR(ERR_OK, world_ask(world, 0, &overdue)); /* the outsider answers for it */
    CHECK(world->reply_count == 2);
    /* The second of two that may live; the third is one too many, whoever asks. */
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    CHECK_ERR(ERR_DENY_QUOTA, ask_as_officer(world, &officer, &wait.id));
    world_epoch(world, 0, before);
    CHECK_ERR(ERR_OK, take_back_officer(world, &officer));
    world_run(world, 2 * HOUR); /* what lived has ended */
    CHECK(community_is_removed(world->homes[0].core->community, &officer, NULL));
    CHECK(ask_as_officer(world, &officer, &wait.id) != ERR_OK);
    world_epoch(world, 0, after);
    CHECK(memcmp(before, after, sizeof before) == 0); /* no outsider has a part in it */
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    buffer_finish(&certificate);
    world_destroy(world);
}

/* One chain for each offer, of as many parts as the longest; a home is shown none. */
static void test_it_is_shown_no_more_than_a_chain_at_a_time(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct world *world = let_in(32, &admission, &certificate);
    struct core *core = world->homes[AGENCY].core;
    const struct bytes part = buffer_bytes(&certificate);
    struct link link = {.no = 1000001};
    buffer_init(&link.shown, 2 * CHAIN_PARTS_MAX * SIGNED_GOSSIP_MAX);
    for (int offer = 0; offer < 2; offer++) {
        for (int i = 0; i < CHAIN_PARTS_MAX; i++) {
            CHECK_ERR(ERR_OK, shown_take(core, &link, part));
        }
        CHECK_ERR(ERR_PEER_SEQUENCE, shown_take(core, &link, part));
        CHECK(shown_judge(core, &link, &world->homes[1].certificate) != ERR_OK);
        CHECK(link.shown.len == 0);
    }
    CHECK_ERR(ERR_PEER_SEQUENCE, shown_take(world->homes[0].core, &link, part));
    buffer_finish(&link.shown);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* As `home` would show its own, but behind an offer by another: nothing of it is kept. */
static void test_it_takes_a_chain_for_nobody_but_who_offers(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct world *world = let_in(33, &admission, &certificate);
    const struct world_home *home = &world->homes[1];
    struct core *core = world->homes[AGENCY].core;
    struct link link = {.no = 1000001};
    buffer_init(&link.shown, CHAIN_PARTS_MAX * SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, store_begin(home->store));
    CHECK_ERR(ERR_OK, store_begin(core->store));
    for (int own = 0; own < 2; own++) {
        struct id chain[CHAIN_PARTS_MAX];
        struct store_object row;
        const size_t count = standing_chain(home->core, &home->certificate, chain);
        for (size_t i = 0; i < count; i++) {
            CHECK_ERR(ERR_OK, store_object_get(home->store, &chain[i], &row));
            CHECK_ERR(ERR_OK, shown_take(core, &link, row.object));
        }
        CHECK_ERR(own == 1 ? ERR_OK : ERR_PEER_CERTIFICATE,
                  shown_judge(core, &link, &world->homes[own == 1 ? 1 : 2].certificate));
        CHECK(certificates(world, AGENCY) == (own == 1 ? 3 : 1));
    }
    store_roll_back(core->store);
    store_roll_back(home->store);
    buffer_finish(&link.shown);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* The act that let it in tells of it: its certificate alone has no place there. */
static void test_who_catches_up_is_told_of_an_outsider_by_its_act_alone(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct world *world = let_in(31, &admission, &certificate);
    CHECK(world_has_object(world, 0, &world->homes[AGENCY].certificate));
    CHECK(away_tell(world, 0, 0, NULL) == 1 + MEMBERS);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* As long as a receipt may come, though the request is here no more. */
static void test_an_outsider_answers_for_what_its_officer_asked_for(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct id officer;
    struct wait wait = {.home = 1};
    struct world *world = let_in(30, &admission, &certificate);
    struct core *core = world->homes[1].core;
    CHECK_ERR(ERR_OK, put_officer(world, &officer));
    CHECK_ERR(ERR_OK, ask_as_officer(world, &officer, &wait.id));
    CHECK(world_run_until(world, 5 * MINUTE, home_has, &wait));
    CHECK_ERR(ERR_OK, store_begin(core->store));
    for (uint32_t gone = 0; gone < 2; gone++) {
        const struct id *other = &world->homes[0].certificate;
        receipts_tell(core, &world->homes[AGENCY].certificate, &wait.id, gone, false);
        CHECK(receipts_owed(core, &world->homes[AGENCY].certificate, gone));
        receipts_tell(core, other, &wait.id, 2 + gone, false);
        CHECK(!receipts_owed(core, other, 2 + gone));
        if (gone == 0) {
            CHECK_ERR(ERR_OK, store_object_remove(core->store, &wait.id));
        }
    }
    store_roll_back(core->store);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* On its disk while it is down: founders' certificates, which need nobody else's word. */
static void put_founders(struct world *world, int home, size_t count) {
    struct store *store = world->homes[home].store;
    struct member member;
    fill_outsider(world, home, &member);
    member.role = MEMBER_ADMINISTRATOR;
    CHECK_ERR(ERR_OK, store_begin(store));
    for (size_t i = 0; i < count; i++) {
        struct signed_object object;
        struct buffer bytes;
        member.head.created.ms--;
        sign_member(world, home, &member, &world->homes[home].keys.sign, &bytes);
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
        const struct store_object row = {.id = object.id,
                                         .kind = OBJECT_MEMBER,
                                         .created = member.head.created,
                                         .expires = member.head.expires,
                                         .object = buffer_bytes(&bytes)};
        CHECK_ERR(ERR_OK, store_object_add(store, &row));
        buffer_finish(&bytes);
    }
    CHECK_ERR(ERR_OK, store_commit(store));
}

/* Full of homes, it lets in an outsider, and starts again; and so it does with more than it can
 * take. */
static void test_a_full_community_starts_again(void **state) {
    (void)state;
    struct buffer certificate;
    struct act act;
    struct world *world = settled(14);
    apply(world, AGENCY, 2, &certificate);
    world_act(world, 0, &act);
    act.has_admission = true;
    act.admission = admission_of(world, &certificate, 2);
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
    world_run(world, 10 * SECOND);
    for (int i = 0; i < MEMBERS; i++) {
        world_kill(world, i);
    }
    put_founders(world, 0, COMMUNITY_HOMES_MAX - MEMBERS);
    CHECK_ERR(ERR_OK, world_start(world, 0));
    CHECK(certificates(world, 0) == COMMUNITY_HOMES_MAX);
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, NULL, NULL));
    CHECK(certificates(world, 0) == COMMUNITY_HOMES_MAX + 1);
    for (size_t more = 0; more < 2; more++) {
        world_run(world, SECOND); /* what is signed is another one each time */
        world_kill(world, 0);
        put_founders(world, 0, more);
        CHECK_ERR(ERR_OK, world_start(world, 0));
        CHECK(certificates(world, 0) == COMMUNITY_HOMES_MAX + 1);
    }
    buffer_finish(&certificate);
    world_destroy(world);
}

/* By two administrators: in the place of the first act there is, whatever that was. */
static void undo_first_act(struct world *world, int insider_home, int to) {
    const struct id first = *community_act_id(world->homes[to].core->community, 1);
    const struct sign_secret *keys[] = {&world->homes[0].owners[0].sign,
                                        &world->homes[1].owners[0].sign};
    struct world_insider insider;
    struct act act;
    struct id id = {{0xff}};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    world_act(world, to, &act);
    act.previous = world->community;
    act.has_charter = true;
    while (id_compare(&id, &first) > 0) {
        SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
        act.charter.caps.area_m2--;
        CHECK_ERR(ERR_OK, act_encode(&act, &body));
        buffer_finish(&bytes);
        id = sample_sign(OBJECT_ACT, buffer_bytes(&body), keys, 2, &bytes);
    }
    world_kill(world, insider_home);
    CHECK(world_insider_return(world, insider_home, to, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    world_run(world, 5 * SECOND);
    world_insider_hang_up(&insider);
    CHECK_ERR(ERR_OK, world_start(world, insider_home));
    world_run(world, MINUTE);
    CHECK(id_equal(community_act_id(world->homes[to].core->community, 1), &id));
}

/* Where the act that let it in has lost, nobody knows it or its officers any more but itself; and
 * when another lets it in all are heard again. */
static void test_it_is_let_in_again_when_its_act_has_lost(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct id officer;
    struct wait wait = {.home = 0};
    struct world *world = let_in(13, &admission, &certificate);
    CHECK_ERR(ERR_OK, put_officer(world, &officer));
    wait.id = officer;
    CHECK(world_run_until(world, 2 * MINUTE, home_has, &wait));
    undo_first_act(world, 1, 0);
    for (int i = 0; i < MEMBERS; i++) {
        CHECK(!community_counts(world->homes[i].core->community, &officer));
        CHECK(
            !community_counts(world->homes[i].core->community, &world->homes[AGENCY].certificate));
        CHECK(!world_has_object(world, i, &officer));
        CHECK(!world_has_object(world, i, &world->homes[AGENCY].certificate));
    }
    CHECK(world_has_object(world, AGENCY, &officer));
    decide(world, &admission);
    for (wait.home = 0; wait.home < MEMBERS; wait.home++) {
        CHECK(world_run_until(world, HOUR, home_has, &wait));
    }
    wait.home = 0;
    CHECK_ERR(ERR_OK, ask_as_officer(world, &officer, &wait.id));
    CHECK(world_run_until(world, 2 * MINUTE, home_has, &wait));
    for (int i = 0; i <= AGENCY; i++) {
        CHECK(
            community_in_standing(world->homes[i].core->community, &officer, world_wall(world, i)));
    }
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_one_outsider_hears_nothing_of_another(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct buffer second;
    struct request request;
    struct wait wait = {.home = 0};
    struct world *world = let_in(5, &admission, &certificate);
    int press = PRESS;
    apply(world, PRESS, 2, &second);
    struct admission other = admission_of(world, &second, 2);
    other.kind = OUTSIDER_PRESS;
    decide(world, &other);
    CHECK(world_run_until(world, 2 * MINUTE, has_joined, &press));
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, AGENCY, &request, &wait.id));
    struct id by_home;
    world_voluntary(world, 1, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, 1, &request, &by_home));
    CHECK(world_run_until(world, MINUTE, home_has, &wait));
    world_run(world, 10 * MINUTE);
    CHECK(!world_has_object(world, PRESS, &wait.id));
    CHECK(!world_has_object(world, PRESS, &by_home));
    CHECK(!world_has_object(world, AGENCY, &by_home));
    CHECK(community_find(world->homes[AGENCY].core->community, &world->homes[2].certificate) ==
          NULL);
    buffer_finish(&second);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* So it cannot rewrite what it asked for, and what became of that (PROTOCOL 8.5). */
static void test_its_door_is_a_witness_of_its_log(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct id id;
    struct world *world = let_in(9, &admission, &certificate);
    const struct world_home *agency = &world->homes[AGENCY];
    struct note_key log;
    struct note_key door;
    uint64_t before = 0;
    log_verifier(&agency->log, &log);
    witness_verifier(&world->homes[2].log, &door);
    world_run(world, MINUTE);
    for (int i = 0; i < 3; i++) {
        struct checkpoint head;
        struct instant at;
        struct bytes kept;
        world_voluntary(world, AGENCY, HOUR, &request);
        CHECK_ERR(i < 2 ? ERR_OK : ERR_DENY_QUOTA, world_request(world, AGENCY, &request, &id));
        world_run(world, 30 * SECOND);
        CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(agency->note), &log, &head));
        CHECK_ERR(ERR_OK, checkpoint_verify_cosigned(BYTES_TEXT(agency->note), &door, &at));
        CHECK_ERR(ERR_OK, store_witnessed_get(world->homes[2].store, &agency->log, &kept));
        CHECK(head.size > before);
        before = head.size;
        if (i == 1) { /* over a start of either */
            world_kill(world, AGENCY);
            CHECK_ERR(ERR_OK, world_start(world, AGENCY));
            world_run(world, MINUTE);
            world_kill(world, 2);
            CHECK_ERR(ERR_OK, world_start(world, 2));
            world_run(world, MINUTE);
        }
    }
    buffer_finish(&certificate);
    world_destroy(world);
}

static size_t doors_linked(struct world *world, int home) {
    const struct control_request request = {.op = CONTROL_STATUS};
    size_t count = 0;
    CHECK_ERR(ERR_OK, world_ask(world, home, &request));
    for (size_t i = 0; i < world->reply.as.status.door_count; i++) {
        count += world->reply.as.status.doors[i].linked ? 1 : 0;
    }
    return count;
}

static void test_what_is_not_its_own_ends_the_link(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct buffer bytes;
    struct request request;
    struct world *world = let_in(6, &admission, &certificate);
    world_run(world, 10 * SECOND);
    CHECK(doors_linked(world, AGENCY) == 1);
    struct core *core = world->homes[2].core;
    struct link *link = NULL;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        link = core->links[i].no != 0 && core->links[i].state == LINK_OPEN &&
                       core->links[i].door == TRANSPORT_OUTSIDER
                   ? &core->links[i]
                   : link;
    }
    CHECK(link != NULL);
    const struct link_message wrong[] = {
        {.kind = LINK_STANDING, .as.standing.object = buffer_bytes(&certificate)},
        {.kind = LINK_ATTACHMENT_WANT},
        {.kind = LINK_CAUGHT_UP},
        {.kind = LINK_WITNESSED}, /* a home's log is none of its business */
        {.kind = LINK_COSIGNATURE},
        {.kind = LINK_FORK},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_ERR(ERR_PEER_SEQUENCE, outside_message(core, link, &wrong[i]));
    }
    world_voluntary(world, 1, HOUR, &request); /* of a home, in whatever way it came by it */
    (void)world_sign_request(world, 1, &request, &bytes);
    const struct link_message others = {.kind = LINK_GOSSIP,
                                        .as.gossip.object = buffer_bytes(&bytes)};
    CHECK_ERR(ERR_PEER_SEQUENCE, outside_message(core, link, &others));
    buffer_finish(&bytes);
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_removed_it_finds_its_door_shut(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct id id;
    struct act act;
    uint8_t key[EPOCH_KEY_BYTES] = {7};
    struct world *world = let_in(7, &admission, &certificate);
    world_run(world, 10 * SECOND);
    CHECK(doors_linked(world, AGENCY) == 1);
    world_act(world, 0, &act);
    act.has_removed = true;
    act.removed.member = world->homes[AGENCY].certificate;
    sha256(BYTES_OF(key), &act.removed.epoch);
    CHECK_ERR(ERR_OK, world_endorse(world, 0, &act, key, NULL));
    CHECK_ERR(ERR_OK, world_endorse(world, 1, &act, NULL, NULL));
    world_run(world, 5 * MINUTE);
    CHECK(doors_linked(world, AGENCY) == 0);
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK(world_request(world, AGENCY, &request, &id) != ERR_OK); /* it has heard so */
    buffer_finish(&certificate);
    world_destroy(world);
}

static void test_an_outsider_opens_no_other_door(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct world_insider insider;
    struct world *world = let_in(8, &admission, &certificate);
    /* Even with the epoch key, which a broken home might hand it. */
    (void)world_insider_dial(world, AGENCY, 0, NULL, buffer_bytes(&certificate), &insider);
    CHECK(!insider.open);
    world_insider_hang_up(&insider);
    buffer_finish(&certificate);
    world_destroy(world);
}

/* The agency has a node on the other side too, and is no gateway by that. */
static void make_treaty(struct world *world) {
    struct treaty treaty;
    struct id id;
    struct world_home *agency = &world->homes[AGENCY];
    world_treaty_with_nobody(world, 0, &treaty);
    agency->siblings.count = 1;
    agency->siblings.list[0].community = treaty.sides[1].community;
    agency->siblings.list[0].transport = world->homes[PRESS].transport;
    world_address(PRESS, agency->siblings.list[0].address);
    world_kill(world, AGENCY);
    CHECK_ERR(ERR_OK, world_start(world, AGENCY));
    CHECK_ERR(ERR_OK, world_treaty_make(world, 0, &treaty, &id));
    CHECK_ERR(ERR_OK, world_treaty_make(world, 1, &treaty, &id));
}

static void test_treaties_are_for_members_alone(void **state) {
    (void)state;
    struct admission admission;
    struct buffer certificate;
    struct request request;
    struct id officer;
    struct store_object row;
    struct signed_object object;
    struct roll roll;
    struct world *world = let_in(9, &admission, &certificate);
    struct core *core = world->homes[0].core;
    CHECK_ERR(ERR_OK, put_officer(world, &officer));
    world_run(world, MINUTE);
    CHECK_ERR(ERR_OK, take_back_officer(world, &officer));
    world_run(world, MINUTE);
    CHECK(community_is_removed(core->community, &officer, NULL));
    make_treaty(world);
    world_run(world, 5 * MINUTE);
    CHECK_ERR(ERR_OK, store_object_newest(core->store, OBJECT_ROLL, &core->self, &row));
    CHECK_ERR(ERR_OK, signed_decode(row.object, &object));
    CHECK_ERR(ERR_OK, roll_decode(object.body, &roll));
    CHECK(roll.member_count == MEMBERS && roll.removed_count == 0 && roll.treaty_count == 1);
    world_voluntary(world, AGENCY, HOUR, &request);
    CHECK(border_lets(core, &request, MEMBER_HOME));
    CHECK(!border_lets(core, &request, MEMBER_OUTSIDER));
    CHECK(!border_lets(core, &request, MEMBER_OFFICER));
    struct core *agency = world->homes[AGENCY].core;
    const struct governance *governance = community_governance(agency->community);
    CHECK(governance->treaty_count == 1); /* it has heard of it */
    CHECK_ERR(ERR_USER_NOT_FOUND,
              store_object_newest(agency->store, OBJECT_GATEWAY, &agency->self, &row));
    buffer_finish(&certificate);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_let_in_by_k_and_asks_through_its_door),
        cmocka_unit_test(test_an_application_that_makes_no_sense_is_refused_whole),
        cmocka_unit_test(test_suspended_it_asks_nothing_and_resumed_it_does),
        cmocka_unit_test(test_what_it_asks_ends_with_its_time),
        cmocka_unit_test(test_who_was_away_ends_nothing_that_was_prolonged),
        cmocka_unit_test(test_who_says_nothing_is_nobody_to_hear),
        cmocka_unit_test(test_each_outsiders_time_is_its_own),
        cmocka_unit_test(test_what_waits_for_ingest_waits_for_the_act_too),
        cmocka_unit_test(test_an_act_counts_though_its_turn_is_full),
        cmocka_unit_test(test_what_its_door_ignored_is_heard_later),
        cmocka_unit_test(test_an_instrument_that_it_may_not_use_is_refused_by_name),
        cmocka_unit_test(test_an_officer_asks_on_its_outsiders_account_until_it_is_taken_back),
        cmocka_unit_test(test_it_is_shown_no_more_than_a_chain_at_a_time),
        cmocka_unit_test(test_it_takes_a_chain_for_nobody_but_who_offers),
        cmocka_unit_test(test_who_catches_up_is_told_of_an_outsider_by_its_act_alone),
        cmocka_unit_test(test_an_outsider_answers_for_what_its_officer_asked_for),
        cmocka_unit_test(test_a_full_community_starts_again),
        cmocka_unit_test(test_it_is_let_in_again_when_its_act_has_lost),
        cmocka_unit_test(test_one_outsider_hears_nothing_of_another),
        cmocka_unit_test(test_its_door_is_a_witness_of_its_log),
        cmocka_unit_test(test_what_is_not_its_own_ends_the_link),
        cmocka_unit_test(test_removed_it_finds_its_door_shut),
        cmocka_unit_test(test_an_outsider_opens_no_other_door),
        cmocka_unit_test(test_treaties_are_for_members_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
