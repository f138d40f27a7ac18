/* What a hostile member says to a home, whom it can tell anything: the home stores nothing that it
 * may not, passes nothing on, says on the record what rule was broken, and closes where the fault
 * is the speaker's own (P4, P7, PROTOCOL 5.1 to 5.4, 7). */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/piece_tree.h"
#include "node/overlay/overlay.h"
#include "node/request/request.h"
#include "proto/fence.h"
#include "tests/support/fill.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

enum {
    VICTIM = 0,
    NEIGHBOUR,
    REQUESTER,
    HOSTILE, /* down: its keys are in other hands */
    HOMES,
    MINUTE = DURATION_MINUTE_MS,
    HOUR = DURATION_HOUR_MS,
};

static const struct world_terms terms = {.slot_s = 60, .invite_allowance = 8};

static struct world *settled(uint64_t seed) {
    struct world *world = world_create(seed, HOMES, NULL);
    world_settle(world, &terms);
    world_kill(world, HOSTILE);
    world_run(world, 1000);
    return world;
}

/* ---- rules of legal process ---- */

struct spoiled {
    const char *rule;
    enum instrument_kind kind;
    bool timed; /* ignored, the speaker not blamed: of the time, or of the charter */
    void (*spoil)(struct request *request);
};

static int64_t hostile_now; /* wall time of the hostile home */

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct request *r) {                                                          \
        struct instrument *i = &r->instrument;                                                     \
        (void)i;                                                                                   \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(no_jurisdiction, i->jurisdiction[0] = '\0')
SPOIL(no_court, i->court[0] = '\0')
SPOIL(no_case, TEXT(i->case_number, "N/A"))
SPOIL(no_applicant, i->applicant_name[0] = '\0')
SPOIL(no_agency, i->applicant_agency[0] = '\0')
SPOIL(no_authority, i->authority_name[0] = '\0')
SPOIL(no_title, i->authority_title[0] = '\0')
SPOIL(own_authority, TEXT(i->authority_name, i->applicant_name))
SPOIL(no_issue, i->issued_at.ms = 0)
SPOIL(issued_ahead, i->issued_at.ms = hostile_now + 6 * MINUTE)
SPOIL(no_execution, i->execute_by.ms = 0)
SPOIL(run_out, i->issued_at.ms = hostile_now - 2 * HOUR; i->execute_by.ms = hostile_now - HOUR)
SPOIL(over_the_area, r->place.radius_m = 700)
SPOIL(over_the_span, r->from.ms = r->to.ms - 13 * HOUR)
SPOIL(not_past, r->to.ms = hostile_now + HOUR)
SPOIL(silence_by_nobody, i->non_disclosure = true; i->non_disclosure_issued.ms = hostile_now;
      i->non_disclosure_expires.ms = hostile_now + HOUR)
SPOIL(silence_for_ever, i->non_disclosure = true; i->non_disclosure_issued.ms = hostile_now;
      TEXT(i->non_disclosure_authority, "M. Okafor"))
SPOIL(preserve_over_90_days, i->preserve_until.ms += 2 * INT64_C(24) * HOUR)
SPOIL(no_facts, i->emergency_facts[0] = '\0')
SPOIL(no_person, i->emergency_person[0] = '\0')
SPOIL(not_now, i->emergency_why_now[0] = '\0')

#define WARRANT INSTRUMENT_SEARCH_WARRANT
#define PRESERVATION INSTRUMENT_PRESERVATION
#define EMERGENCY INSTRUMENT_EMERGENCY
#define VOLUNTARY INSTRUMENT_VOLUNTARY

static const struct spoiled cases[] = {
    {"LP-01", WARRANT, false, no_jurisdiction},
    {"LP-02", WARRANT, false, no_court},
    {"LP-03", WARRANT, false, no_case},
    {"LP-06", PRESERVATION, false, no_applicant},
    {"LP-07", EMERGENCY, false, no_agency},
    {"LP-09", WARRANT, false, no_authority},
    {"LP-10", WARRANT, false, no_title},
    {"LP-11", WARRANT, false, own_authority},
    {"LP-12", WARRANT, false, no_issue},
    {"LP-13", WARRANT, true, issued_ahead},
    {"LP-14", WARRANT, false, no_execution},
    {"LP-15", WARRANT, true, run_out},
    {"LP-17", VOLUNTARY, true, over_the_area},
    {"LP-18", VOLUNTARY, true, over_the_span},
    {"LP-19", VOLUNTARY, true, not_past},
    {"LP-23", WARRANT, false, silence_by_nobody},
    {"LP-24", WARRANT, false, silence_for_ever},
    {"LP-26", PRESERVATION, false, preserve_over_90_days},
    {"LP-27", EMERGENCY, false, no_facts},
    {"LP-28", EMERGENCY, false, no_person},
    {"LP-29", EMERGENCY, false, not_now},
};

static void fill_good(struct world *world, int home, enum instrument_kind kind,
                      struct request *out) {
    world_warrant(world, home, HOUR, out);
    struct instrument *i = &out->instrument;
    if (kind == WARRANT) {
        return;
    }
    struct instrument all = *i;
    *i = (struct instrument){.kind = kind, .court_signature = COURT_SIGNATURE_NONE};
    if (kind != VOLUNTARY) {
        TEXT(i->applicant_name, all.applicant_name);
        TEXT(i->applicant_agency, all.applicant_agency);
        TEXT(i->applicant_badge, all.applicant_badge);
    }
    if (kind == PRESERVATION) {
        i->preserve_until.ms = out->head.created.ms + 90 * INT64_C(24) * HOUR;
    }
    if (kind == EMERGENCY) {
        TEXT(i->emergency_facts, "A child of six left the playground with a stranger");
        TEXT(i->emergency_person, "Mia, six years old");
        TEXT(i->emergency_why_now, "She was last seen 20 minutes ago; no judge answers");
    }
}

static size_t rule_named(const char *id) {
    size_t i = 0;
    while (strcmp(legal_rule_at(i)->id, id) != 0) {
        i++;
    }
    return i;
}

static size_t refusals(struct world *world, int home, const struct id *request, size_t rule) {
    char words[128];
    char hex[65];
    size_t all = 0;
    hex_write(BYTES_OF(request->b), hex);
    /* "request_refused TIME a=HEX b=- n=RULE,0,0": the time is not known here. */
    struct store *store = world->homes[home].store;
    uint64_t leaves = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_leaf_count(store, &leaves));
    (void)snprintf(words, sizeof words, "a=%s b=- n=%zu,", hex, rule + 1);
    for (uint64_t i = 0; i < leaves; i++) {
        struct store_leaf leaf;
        CHECK_ERR(ERR_OK, store_leaf_get(store, i, &leaf));
        all += memmem(leaf.leaf.at, leaf.leaf.len, "request_refused ", 16) != NULL &&
               memmem(leaf.leaf.at, leaf.leaf.len, words, strlen(words)) != NULL;
    }
    store_roll_back(store);
    return all;
}

static void test_each_rule_that_refuses_is_kept_at_the_fence_of_every_node(void **state) {
    (void)state;
    struct world *world = settled(21);
    bool covered[LEGAL_RULES_MAX] = {false};
    covered[rule_named("LP-34")] = true; /* below */
    covered[rule_named("LP-35")] = true; /* outside_test.c */
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct request request;
        struct buffer bytes;
        size_t rule = rule_named(cases[k].rule);
        covered[rule] = true;
        if (k % 8 == 7) { /* no more than ten of one author are recorded in an hour */
            world_run(world, HOUR);
        }
        hostile_now = world_wall(world, HOSTILE).ms;
        fill_good(world, HOSTILE, cases[k].kind, &request);
        cases[k].spoil(&request);
        struct id id = world_sign_request(world, HOSTILE, &request, &bytes);
        for (int home = VICTIM; home <= REQUESTER; home++) {
            struct world_insider insider;
            CHECK(world_insider_return(world, HOSTILE, home, &insider));
            bool stays = world_insider_gossip(&insider, buffer_bytes(&bytes));
            if (stays != cases[k].timed || world_has_object(world, home, &id) ||
                refusals(world, home, &id, rule) != 1) {
                fail_msg("%s at home %d: %s, %zu on the record", cases[k].rule, home,
                         stays ? "stays" : "closed", refusals(world, home, &id, rule));
            }
            world_insider_hang_up(&insider);
        }
        buffer_finish(&bytes);
        /* Its own node, if it were honest, would not even send it. */
        fill_good(world, REQUESTER, cases[k].kind, &request);
        cases[k].spoil(&request);
        CHECK(world_request(world, REQUESTER, &request, &id) != ERR_OK);
        world_run(world, 2000);
        CHECK(!world_has_object(world, VICTIM, &id));
    }
    for (size_t i = 0; i < legal_rule_count(); i++) {
        if (!covered[i] && legal_rule_at(i)->severity != LEGAL_FAIL) {
            fail_msg("no case breaks %s", legal_rule_at(i)->id);
        }
    }
    world_destroy(world);
}

static void test_only_the_author_amends_a_request(void **state) {
    (void)state;
    struct world *world = settled(29);
    struct request request;
    struct buffer bytes;
    struct world_insider insider;
    struct id amended;
    fill_good(world, REQUESTER, VOLUNTARY, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &amended));
    world_run(world, 2000);
    fill_good(world, HOSTILE, VOLUNTARY, &request);
    request.amends = amended;
    struct id id = world_sign_request(world, HOSTILE, &request, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    /* Ignored, not blamed on the link: whoever has not the first request passes this one on. */
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(!world_has_object(world, VICTIM, &id));
    CHECK(refusals(world, VICTIM, &id, rule_named("LP-34")) == 1);
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    fill_good(world, REQUESTER, VOLUNTARY, &request);
    request.amends = amended;
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    world_run(world, 2000);
    CHECK(world_has_object(world, VICTIM, &id));
    world_destroy(world);
}

static void test_a_hostile_author_does_not_fill_the_record(void **state) {
    (void)state;
    struct world *world = settled(30);
    for (int i = 0; i < 40; i++) {
        struct request request;
        struct buffer bytes;
        struct world_insider insider;
        fill_good(world, HOSTILE, VOLUNTARY, &request);
        over_the_area(&request);
        (void)snprintf(request.reason, sizeof request.reason, "Number %d", i);
        (void)world_sign_request(world, HOSTILE, &request, &bytes);
        CHECK(world_insider_return(world, HOSTILE, VICTIM, &insider));
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        world_insider_hang_up(&insider);
        buffer_finish(&bytes);
        world_run(world, 1000);
    }
    CHECK(world_log_count(world, VICTIM, "request_refused ") == REFUSALS_HOURLY);
    world_destroy(world);
}

static void test_the_good_ones_pass_where_the_spoiled_were_refused(void **state) {
    (void)state;
    struct world *world = settled(22);
    static const enum instrument_kind kinds[] = {WARRANT, PRESERVATION, EMERGENCY, VOLUNTARY};
    struct world_insider insider;
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct request request;
        struct buffer bytes;
        fill_good(world, HOSTILE, kinds[k], &request);
        struct id id = world_sign_request(world, HOSTILE, &request, &bytes);
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        CHECK(world_has_object(world, VICTIM, &id));
        buffer_finish(&bytes);
        world_run(world, 1000);
        CHECK(world_has_object(world, NEIGHBOUR, &id));
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* One that is not acceptable yet comes again from each neighbour that takes it, and from a hostile
 * one as often as it likes: the record must not grow with it. */
static void test_a_refusal_is_on_the_record_once_however_often_it_comes(void **state) {
    (void)state;
    struct world *world = settled(23);
    struct request request;
    struct buffer bytes;
    struct world_insider insider;
    hostile_now = world_wall(world, HOSTILE).ms;
    fill_good(world, HOSTILE, VOLUNTARY, &request);
    not_past(&request);
    struct id id = world_sign_request(world, HOSTILE, &request, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (int i = 0; i < 50; i++) {
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        world_run(world, 100);
    }
    CHECK(refusals(world, VICTIM, &id, rule_named("LP-19")) == 1);
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_destroy(world);
}

/* With a clock ten minutes ahead a home asks about what is not yet past for the others. It becomes
 * acceptable as time passes, and comes to them then. */
static void test_what_is_too_early_comes_later_without_a_flood_in_between(void **state) {
    (void)state;
    struct world *world = world_create(24, 3, NULL);
    struct request request;
    struct id id;
    world_settle(world, &terms);
    world->homes[2].wall_skew = 10 * MINUTE;
    world_voluntary(world, 2, HOUR, &request);
    request.to.ms = world_wall(world, 2).ms - 1000;
    request.from.ms = request.to.ms - MINUTE;
    CHECK_ERR(ERR_OK, world_request(world, 2, &request, &id));
    size_t before = world->homes[0].turns;
    world_run(world, 4 * MINUTE);
    CHECK(!world_has_object(world, 0, &id));
    CHECK(refusals(world, 0, &id, rule_named("LP-19")) == 1);
    /* Keep-alives with two others, and what drains, are some 600 turns. */
    if (world->homes[0].turns - before > 900) {
        fail_msg("%zu turns in 4 minutes", world->homes[0].turns - before);
    }
    world_run(world, 3 * MINUTE);
    CHECK(world_has_object(world, 0, &id));
    CHECK(world_has_object(world, 1, &id));
    world_destroy(world);
}

/* ---- objects and certificates ---- */

struct forgery {
    const char *what;
    bool stays; /* ignored: not the speaker's fault for certain */
    struct id (*make)(struct world *world, struct buffer *out);
};

static struct id sign_as(struct world *world, const struct request *request,
                         const struct sign_secret *key, struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    (void)world;
    CHECK_ERR(ERR_OK, request_encode(request, &body));
    return sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &key, 1, out);
}

static struct id by_a_stranger(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    return sign_as(world, &request, &world->homes[REQUESTER].owners[0].sign, out);
}

static struct id in_anothers_name(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, REQUESTER, HOUR, &request);
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id by_the_node_alone(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    return sign_as(world, &request, &world->homes[HOSTILE].keys.sign, out);
}

static struct id of_another_community(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.head.community.b[0] ^= 1;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id by_an_unknown_author(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.head.author.b[0] ^= 1;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id to_anothers_node(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.transport = world->homes[REQUESTER].transport;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id that_has_expired(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.head.created.ms -= 3 * HOUR;
    request.head.expires.ms -= 3 * HOUR;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id of_the_far_future(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.head.created.ms += 16 * MINUTE;
    request.head.expires.ms += 16 * MINUTE;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id kept_beyond_the_charter(struct world *world, struct buffer *out) {
    struct request request;
    world_voluntary(world, HOSTILE, HOUR, &request);
    request.terms.delete_by.ms = request.head.created.ms + 91 * INT64_C(24) * HOUR;
    return sign_as(world, &request, &world->homes[HOSTILE].owners[0].sign, out);
}

static struct id a_grant(struct world *world, struct buffer *out) {
    struct id id;
    const struct sign_secret *key = &world->homes[HOSTILE].owners[0].sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    struct grant grant = {.community = world->community,
                          .home = world->homes[HOSTILE].certificate,
                          .size = 1,
                          .payload_size = age_payload_size(1),
                          .from = {1},
                          .to = {2},
                          .created = {1},
                          .expires = {INT64_C(1895555800000)},
                          .terms = {.delete_by = {INT64_C(1895555800000)},
                                    .no_face_recognition = true,
                                    .no_passing_on = true},
                          .owner_count = 1,
                          .owners = {world->homes[HOSTILE].owner_publics[0].sign}};
    memset(grant.request.b, 1, 32);
    memset(grant.clip.b, 1, 16);
    memset(grant.manifest.b, 1, 32);
    memset(grant.sha256.b, 1, 32);
    memset(grant.payload_root.b, 1, 32);
    memset(grant.recipient.b, 9, 32);
    TEXT(grant.terms.purpose, "Finding the driver");
    CHECK_ERR(ERR_OK, grant_encode(&grant, &body));
    id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), &key, 1, out);
    return id;
}

/* A certificate of the hostile home's own making: nobody let this one in. */
static void fill_stranger(struct world *world, struct member *out, struct sign_secret *node) {
    uint8_t seed[32];
    const struct world_home *hostile = &world->homes[HOSTILE];
    memset(seed, 0xee, sizeof seed);
    *out = (struct member){
        .head = {.community = world->community, .created = world_wall(world, HOSTILE)},
        .role = MEMBER_HOME,
        .log = hostile->log,
        .transport = hostile->transport,
        .owner_count = 1,
        .owners = {hostile->owner_publics[0]}};
    sign_from_seed(seed, node, &out->node);
    out->head.expires.ms = out->head.created.ms + 100 * INT64_C(24) * HOUR;
    TEXT(out->name, "Nobody");
    TEXT(out->owner_names[0], "Nobody");
}

static struct id sign_member(const struct member *member, const struct sign_secret *const *keys,
                             size_t count, struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, member_encode(member, &body));
    return sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, count, out);
}

static struct id a_founder_of_its_own(struct world *world, struct buffer *out) {
    struct member member;
    struct sign_secret node;
    fill_stranger(world, &member, &node);
    member.role = MEMBER_ADMINISTRATOR;
    const struct sign_secret *keys[] = {&world->homes[HOSTILE].owners[0].sign, &node};
    return sign_member(&member, keys, 2, out);
}

/* Its invite signed by an owner of the hostile home, which has no allowance, in the founder's name
 * or its own. */
static struct id invited_by(struct world *world, int sponsor, bool countersigned,
                            struct buffer *out) {
    struct member member;
    struct sign_secret node;
    struct sign_secret invite_secret;
    uint8_t secret[16] = {5};
    struct buffer signed_invite;
    const struct world_home *hostile = &world->homes[HOSTILE];
    const struct sign_secret *inviter = &hostile->owners[0].sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    fill_stranger(world, &member, &node);
    member.head.author = world->homes[sponsor].certificate;
    struct invite invite = {.head = {.community = world->community,
                                     .author = member.head.author,
                                     .created = {member.head.created.ms - MINUTE},
                                     .expires = {member.head.created.ms + HOUR}},
                            .role = MEMBER_HOME};
    invite_key(secret, &invite_secret, &invite.key);
    CHECK_ERR(ERR_OK, invite_encode(&invite, &body));
    (void)sample_sign(OBJECT_INVITE, buffer_bytes(&body), &inviter, 1, &signed_invite);
    member.invite = buffer_bytes(&signed_invite);
    const struct sign_secret *keys[] = {&hostile->owners[0].sign, &node, &invite_secret,
                                        &hostile->keys.sign};
    struct id id = sign_member(&member, keys, countersigned ? 4 : 3, out);
    buffer_finish(&signed_invite);
    return id;
}

static struct id invited_in_the_founders_name(struct world *world, struct buffer *out) {
    return invited_by(world, VICTIM, true, out);
}

static struct id invited_without_allowance(struct world *world, struct buffer *out) {
    return invited_by(world, HOSTILE, true, out);
}

static struct id without_the_sponsors_word(struct world *world, struct buffer *out) {
    return invited_by(world, HOSTILE, false, out);
}

static const struct forgery forgeries[] = {
    {"a request signed by a stranger", false, by_a_stranger},
    {"a request in another's name", false, in_anothers_name},
    {"a request signed by a node alone", false, by_the_node_alone},
    {"a request of another community", false, of_another_community},
    {"a request by an unknown author", true, by_an_unknown_author},
    {"a request to another's node", false, to_anothers_node},
    {"a request that has expired", true, that_has_expired},
    {"a request of the far future", true, of_the_far_future},
    {"a request that keeps beyond the charter", true, kept_beyond_the_charter},
    {"a grant by gossip", false, a_grant},
    {"a founder of its own making", false, a_founder_of_its_own},
    {"a member invited in the founder's name", false, invited_in_the_founders_name},
    {"a member invited without allowance", false, invited_without_allowance},
    {"a member without the sponsor's word", false, without_the_sponsors_word},
};

static void test_forged_objects_are_not_taken(void **state) {
    (void)state;
    struct world *world = settled(25);
    for (size_t k = 0; k < COUNT_OF(forgeries); k++) {
        struct buffer bytes;
        struct world_insider insider;
        struct id id = forgeries[k].make(world, &bytes);
        CHECK(world_insider_return(world, HOSTILE, VICTIM, &insider));
        bool stays = world_insider_gossip(&insider, buffer_bytes(&bytes));
        world_run(world, 500);
        if (stays != forgeries[k].stays || world_has_object(world, VICTIM, &id) ||
            world_has_object(world, NEIGHBOUR, &id)) {
            fail_msg("%s: %s", forgeries[k].what, stays ? "stays" : "closed");
        }
        world_insider_hang_up(&insider);
        buffer_finish(&bytes);
    }
    CHECK(world_log_count(world, VICTIM, "member ") == HOMES);
    CHECK(world_log_count(world, VICTIM, "request_seen ") == 0);
    world_destroy(world);
}

static void
test_who_dials_with_a_certificate_that_is_not_its_own_is_closed_without_a_word(void **state) {
    (void)state;
    struct world *world = settled(26);
    struct buffer forged[3] = {{0}};
    (void)a_founder_of_its_own(world, &forged[0]);
    (void)invited_in_the_founders_name(world, &forged[1]);
    struct store_object row; /* a good one, of another home */
    CHECK_ERR(ERR_OK, store_begin(world->homes[VICTIM].store));
    CHECK_ERR(ERR_OK, store_object_get(world->homes[VICTIM].store,
                                       &world->homes[REQUESTER].certificate, &row));
    buffer_init(&forged[2], 65536);
    CHECK_ERR(ERR_OK, buffer_append(&forged[2], row.object));
    store_roll_back(world->homes[VICTIM].store);
    for (size_t i = 0; i < COUNT_OF(forged); i++) {
        struct world_insider insider;
        CHECK(
            !world_insider_dial(world, HOSTILE, VICTIM, NULL, buffer_bytes(&forged[i]), &insider));
        CHECK(insider.heard.len == 0);
        world_insider_hang_up(&insider);
        buffer_finish(&forged[i]);
    }
    /* The certificate that is its own, until it has run out. */
    struct world_insider insider;
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    world_insider_hang_up(&insider);
    for (int i = 0; i < HOMES; i++) {
        world->homes[i].wall_skew += 301 * INT64_C(24) * HOUR;
    }
    CHECK(!world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(insider.heard.len == 0);
    world_insider_hang_up(&insider);
    world_destroy(world);
}

/* ---- filling what all share ---- */

/* The body of every kind here begins with a head; the rest is its own. */
static struct id sign_kind(struct world *world, enum object_kind kind, int number,
                           struct buffer *out) {
    const struct world_home *hostile = &world->homes[HOSTILE];
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    const struct head head = {.community = world->community,
                              .author = hostile->certificate,
                              .created = {world_wall(world, HOSTILE).ms + number},
                              .expires = {world_wall(world, HOSTILE).ms + 24 * HOUR}};
    if (kind == OBJECT_NODE_RECORD) {
        struct node_record record = {.head = head,
                                     .sequence = (uint64_t)number + 1,
                                     .log = hostile->log,
                                     .address_count = 1,
                                     .addresses = {"10.1.0.3:1"}};
        CHECK_ERR(ERR_OK, node_record_encode(&record, &body));
    } else {
        struct receipt_commitment commitment = {.head = head, .request = {{1}}};
        write_u32(commitment.commitment.b, (uint32_t)number + 1);
        CHECK_ERR(ERR_OK, receipt_commitment_encode(&commitment, &body));
    }
    signed_start(kind == OBJECT_UNKNOWN ? OBJECT_RECEIPT_COMMITMENT : kind, buffer_bytes(&body),
                 &object);
    if (kind == OBJECT_UNKNOWN) {
        object.kind = OBJECT_UNKNOWN;
        TEXT(object.type, "application/vnd.stoop.street-party.v1+protobuf");
    }
    CHECK_ERR(ERR_OK, signed_add(&object, &hostile->keys.sign, &hostile->node));
    buffer_init(out, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, signed_encode(&object, out));
    return object.id;
}

static void test_one_member_does_not_fill_the_table_of_objects(void **state) {
    (void)state;
    static const struct {
        enum object_kind kind;
        int said;
        size_t kept;
    } quotas[] = {
        {OBJECT_NODE_RECORD, 10, 1}, {OBJECT_RECEIPT_COMMITMENT, 70, 64}, {OBJECT_UNKNOWN, 20, 16}};
    struct world *world = settled(31);
    struct world_insider insider;
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (size_t k = 0; k < COUNT_OF(quotas); k++) {
        struct id ids[70];
        size_t kept = 0;
        for (int i = 0; i < quotas[k].said; i++) {
            struct buffer bytes;
            ids[i] = sign_kind(world, quotas[k].kind, i, &bytes);
            CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes))); /* nobody is blamed */
            buffer_finish(&bytes);
        }
        for (int i = 0; i < quotas[k].said; i++) {
            kept += world_has_object(world, VICTIM, &ids[i]) ? 1 : 0;
        }
        if (kept != quotas[k].kept) {
            fail_msg("%zu of kind %d kept", kept, (int)quotas[k].kind);
        }
        int last = quotas[k].said - 1;
        CHECK(quotas[k].kind != OBJECT_NODE_RECORD || world_has_object(world, VICTIM, &ids[last]));
        world_run(world, 2000);
        CHECK(world_has_object(world, NEIGHBOUR, &ids[quotas[k].kept == 1 ? last : 0]));
    }
    world_insider_hang_up(&insider);
    world_destroy(world);
}

static void test_a_home_whose_table_is_full_starts_and_asks(void **state) {
    (void)state;
    struct world *world = settled(32);
    struct request request;
    struct id id;
    struct store *store = world->homes[VICTIM].store;
    struct store_object row = {.kind = OBJECT_UNKNOWN,
                               .author = world->homes[HOSTILE].certificate,
                               .created = {world_wall(world, HOSTILE).ms - HOUR},
                               .expires = {world_wall(world, HOSTILE).ms + HOUR},
                               .object = {(const uint8_t *)"street party", 12}};
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint32_t i = 0; i < OVERLAY_OBJECTS_MAX; i++) {
        write_u32(row.id.b, i * 2654435761U);
        row.id.b[31] = 1;
        CHECK_ERR(ERR_OK, store_object_add(store, &row));
    }
    CHECK_ERR(ERR_OK, store_commit(store));
    world_kill(world, VICTIM);
    CHECK_ERR(ERR_OK, world_start(world, VICTIM));
    fill_good(world, VICTIM, VOLUNTARY, &request);
    CHECK_ERR(ERR_OK, world_request(world, VICTIM, &request, &id));
    CHECK(world_has_object(world, VICTIM, &id));
    world_destroy(world);
}

static void test_requests_of_seconds_are_counted_by_the_day_and_forgotten(void **state) {
    (void)state;
    enum {
        SAID = REQUESTS_DAILY + 5
    };
    struct world *world = settled(33);
    struct world_insider insider;
    struct request request;
    struct id ids[SAID];
    struct id own;
    fill_good(world, VICTIM, VOLUNTARY, &request);
    request.head.expires.ms = request.head.created.ms + 20000;
    CHECK_ERR(ERR_OK, world_request(world, VICTIM, &request, &own));
    size_t taken = 0;
    for (int i = 0; i < SAID; i++) {
        struct buffer bytes;
        fill_good(world, HOSTILE, VOLUNTARY, &request);
        request.head.expires.ms = request.head.created.ms + 20000;
        (void)snprintf(request.reason, sizeof request.reason, "Number %d", i);
        ids[i] = world_sign_request(world, HOSTILE, &request, &bytes);
        CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        taken += world_has_object(world, VICTIM, &ids[i]) ? 1 : 0;
        world_insider_hang_up(&insider);
        buffer_finish(&bytes);
        world_run(world, 21000);
    }
    CHECK(taken == REQUESTS_DAILY);
    CHECK(world_log_count(world, VICTIM, "request_seen ") == REQUESTS_DAILY);
    world_run(world, 2 * MINUTE);
    struct store *store = world->homes[VICTIM].store;
    for (int i = 0; i < SAID; i++) {
        struct store_request row;
        CHECK(!world_has_object(world, VICTIM, &ids[i]));
        CHECK(!world_has_object(world, NEIGHBOUR, &ids[i]));
        CHECK_ERR(ERR_OK, store_begin(store));
        CHECK_ERR(ERR_USER_NOT_FOUND, store_request_get(store, &ids[i], &row));
        store_roll_back(store);
    }
    CHECK(world_has_object(world, VICTIM, &own)); /* what came for it may still be deleted by it */
    CHECK(!world_has_object(world, NEIGHBOUR, &own));
    for (int i = 0; i < HOMES; i++) {
        world->homes[i].wall_skew += 91 * INT64_C(24) * HOUR;
    }
    world_run(world, 2 * MINUTE);
    CHECK(!world_has_object(world, VICTIM, &own));
    /* Another day, another forty. */
    struct buffer bytes;
    fill_good(world, HOSTILE, VOLUNTARY, &request);
    struct id id = world_sign_request(world, HOSTILE, &request, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(world_has_object(world, VICTIM, &id));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_destroy(world);
}

/* All of them, in parts that a client's queue can hold. */
static void test_a_list_of_requests_comes_in_parts(void **state) {
    (void)state;
    enum {
        ALL = 36
    };
    struct world *world = world_create(34, HOMES, NULL);
    world_settle(world, &terms);
    for (int i = 0; i < ALL; i++) {
        struct request request;
        struct id id;
        fill_good(world, i % HOMES, VOLUNTARY, &request);
        (void)snprintf(request.reason, sizeof request.reason, "Number %d", i);
        CHECK_ERR(ERR_OK, world_request(world, i % HOMES, &request, &id));
    }
    world_run(world, 2000);
    size_t seen = 0;
    size_t parts = 0;
    for (size_t came = 1; came > 0; parts++) {
        const struct control_request ask = {.op = CONTROL_REQUESTS, .offset = seen};
        CHECK_ERR(ERR_OK, world_ask(world, 0, &ask));
        came = world->reply_count - 1; /* and DONE */
        seen += came;
    }
    CHECK(seen == ALL);
    CHECK(parts == 3);
    world_destroy(world);
}

/* A document belongs to its hash: who names it with a wrong size keeps it from nobody. */
static void test_a_wrong_size_named_first_does_not_block_a_document(void **state) {
    (void)state;
    static uint8_t document[70000]; /* three pieces */
    struct world *world = settled(35);
    struct world_insider insider;
    struct request request;
    struct buffer bytes;
    struct id id;
    struct id hash;
    memset(document, 0x5a, sizeof document);
    sha256(BYTES_OF(document), &hash);
    fill_good(world, HOSTILE, WARRANT, &request);
    request.document.present = true;
    request.document.sha256 = hash;
    request.document.size = 1000;
    TEXT(request.document.media_type, "application/pdf");
    (void)world_sign_request(world, HOSTILE, &request, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_run(world, 5000); /* the requester has heard of it too */
    const struct control_request put = {.op = CONTROL_DOCUMENT_PUT,
                                        .id = hash,
                                        .total = sizeof document,
                                        .blob = BYTES_OF(document)};
    CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &put));
    fill_good(world, REQUESTER, WARRANT, &request);
    request.document.present = true;
    request.document.sha256 = hash;
    request.document.size = sizeof document;
    TEXT(request.document.media_type, "application/pdf");
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    world_run(world, MINUTE);
    const struct control_request get = {.op = CONTROL_DOCUMENT_GET, .id = hash, .offset = 60000};
    CHECK_ERR(ERR_OK, world_ask(world, VICTIM, &get));
    CHECK(world->reply.kind == CONTROL_GOT_DATA);
    CHECK(world->reply.as.data.total == sizeof document);
    world_destroy(world);
}

/* Whatever a home has, it fetches a court's seal as it does the document (P2). */
static void test_every_home_fetches_the_seal_with_the_document(void **state) {
    (void)state;
    static const int homes[] = {VICTIM, NEIGHBOUR, REQUESTER};
    static uint8_t papers[2][5000];
    struct world *world = settled(41);
    struct request request;
    struct id id;
    struct id hashes[2];
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        memset(papers[i], 0x61 + (int)i, sizeof papers[i]);
        sha256(BYTES_OF(papers[i]), &hashes[i]);
        const struct control_request put = {.op = CONTROL_DOCUMENT_PUT,
                                            .id = hashes[i],
                                            .total = sizeof papers[i],
                                            .blob = BYTES_OF(papers[i])};
        CHECK_ERR(ERR_OK, world_ask(world, REQUESTER, &put));
    }
    fill_good(world, REQUESTER, WARRANT, &request);
    request.document =
        (struct document){.present = true, .sha256 = hashes[0], .size = sizeof papers[0]};
    TEXT(request.document.media_type, "text/plain");
    request.court_seal =
        (struct court_seal){.present = true, .sha256 = hashes[1], .size = sizeof papers[1]};
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    world_run(world, MINUTE);
    for (size_t i = 0; i < COUNT_OF(homes); i++) {
        for (size_t k = 0; k < COUNT_OF(hashes); k++) {
            const struct control_request get = {.op = CONTROL_DOCUMENT_GET, .id = hashes[k]};
            CHECK_ERR(ERR_OK, world_ask(world, homes[i], &get));
            CHECK(world->reply.kind == CONTROL_GOT_DATA);
            CHECK(bytes_equal(world->reply.as.data.data, BYTES_OF(papers[k])));
        }
        const struct control_request list = {.op = CONTROL_REQUESTS};
        CHECK_ERR(ERR_OK, world_ask(world, homes[i], &list));
        struct control_reply first;
        CHECK_ERR(ERR_OK, control_reply_decode(buffer_bytes(&world->replies[0]), &first));
        CHECK(first.kind == CONTROL_GOT_REQUEST);
        CHECK(first.as.request.document_here && first.as.request.seal_here);
    }
    world_destroy(world);
}

/* Rows alone, without their bytes: what is counted is what a request has named. The home's own give
 * way to nobody. */
static void fill_with_documents(struct world *world, int home, const struct id *account,
                                int64_t last_lives) {
    struct store *store = world->homes[home].store;
    size_t count = (size_t)512 * 1024 * 1024 / DOCUMENT_MAX;
    CHECK_ERR(ERR_OK, store_begin(store));
    for (size_t i = 0; i < count; i++) {
        struct store_attachment row = {
            .size = DOCUMENT_MAX, .have = DOCUMENT_MAX, .account = *account};
        row.expires = instant_add(world_wall(world, home),
                                  (struct duration){i + 1 == count ? last_lives : 24 * HOUR});
        write_u32(row.sha256.b, (uint32_t)i + 1);
        CHECK_ERR(ERR_OK, store_attachment_want(store, &row));
    }
    CHECK_ERR(ERR_OK, store_commit(store));
}

static bool wants_document(struct world *world, int home, const struct id *hash) {
    struct store *store = world->homes[home].store;
    struct store_attachment row;
    CHECK_ERR(ERR_OK, store_begin(store));
    enum err err = store_attachment_get(store, hash, &row);
    store_roll_back(store);
    return err == ERR_OK;
}

static struct id ask_with_document(struct world *world, int home, const struct id *hash,
                                   uint32_t size, struct buffer *out) {
    struct request request;
    fill_good(world, home, WARRANT, &request);
    request.document.present = true;
    request.document.sha256 = *hash;
    request.document.size = size;
    TEXT(request.document.media_type, "application/pdf");
    return world_sign_request(world, home, &request, out);
}

static void test_documents_stay_within_their_total_and_one_that_expires_makes_room(void **state) {
    (void)state;
    static uint8_t document[30000];
    struct world *world = settled(36);
    struct world_insider insider;
    struct buffer bytes;
    struct id hash;
    sha256(BYTES_OF(document), &hash);
    const struct control_request put = {.op = CONTROL_DOCUMENT_PUT,
                                        .id = hash,
                                        .total = sizeof document,
                                        .blob = BYTES_OF(document)};
    fill_with_documents(world, VICTIM, &world->homes[VICTIM].certificate, 10 * MINUTE);
    CHECK_ERR(ERR_FULL_TABLE, world_ask(world, VICTIM, &put));
    /* A neighbour's request is taken, its document is not. */
    struct id id = ask_with_document(world, HOSTILE, &hash, sizeof document, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(world_has_object(world, VICTIM, &id));
    CHECK(!wants_document(world, VICTIM, &hash));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    world_run(world, 11 * MINUTE); /* its request lives: it is wanted once there is room */
    CHECK(wants_document(world, VICTIM, &hash));
    CHECK_ERR(ERR_OK, world_ask(world, VICTIM, &put));
    world_destroy(world);
}

static size_t documents_of(struct world *world, int home, const struct id *account) {
    struct store *store = world->homes[home].store;
    uint64_t bytes = 0;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_used(store, account, &bytes));
    store_roll_back(store);
    return (size_t)(bytes / DOCUMENT_MAX);
}

/* Those whose documents take most give way to one who has few; and nobody by that to them. */
static void test_who_names_many_documents_keeps_nobody_elses_out(void **state) {
    (void)state;
    static const struct id greedy = {{0x77}};
    const struct id hashes[2] = {{{0x51}}, {{0x52}}};
    struct world *world = settled(39);
    struct world_insider insider;
    struct buffer bytes;
    fill_with_documents(world, VICTIM, &greedy, 24 * HOUR);
    const size_t before = documents_of(world, VICTIM, &greedy);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        (void)ask_with_document(world, HOSTILE, &hashes[i], DOCUMENT_MAX, &bytes);
        CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
        CHECK(wants_document(world, VICTIM, &hashes[i]));
        buffer_finish(&bytes);
    }
    world_insider_hang_up(&insider);
    CHECK(documents_of(world, VICTIM, &greedy) == before - 2);
    CHECK(documents_of(world, VICTIM, &world->homes[HOSTILE].certificate) == 2);
    world_destroy(world);
}

/* It was handed over, and its request never came. */
static void test_a_document_that_no_request_names_goes_after_an_hour(void **state) {
    (void)state;
    static uint8_t document[30000];
    struct world *world = settled(38);
    struct id hash;
    sha256(BYTES_OF(document), &hash);
    const struct control_request put = {.op = CONTROL_DOCUMENT_PUT,
                                        .id = hash,
                                        .total = sizeof document,
                                        .blob = BYTES_OF(document)};
    CHECK_ERR(ERR_OK, world_ask(world, VICTIM, &put));
    world_run(world, 58 * MINUTE);
    CHECK(wants_document(world, VICTIM, &hash));
    world_run(world, 4 * MINUTE);
    CHECK(!wants_document(world, VICTIM, &hash));
    world_destroy(world);
}

static bool has_grown(struct world *world, void *context) {
    struct store *store = world->homes[VICTIM].store;
    struct store_attachment row;
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_get(store, context, &row));
    store_roll_back(store);
    return row.size > 1;
}

/* Who names a document of one byte, and then says that it is large, gets no more room by that. */
static void test_a_size_that_is_put_right_stays_within_the_total(void **state) {
    (void)state;
    static uint8_t document[30000];
    struct world *world = settled(37);
    struct world_insider insider;
    struct buffer bytes;
    struct id hash;
    sha256(BYTES_OF(document), &hash);
    fill_with_documents(world, VICTIM, &world->homes[VICTIM].certificate, MINUTE);
    world_run(world, 2 * MINUTE); /* room for one of the largest; then for no more than a byte */
    struct store *store = world->homes[VICTIM].store;
    struct store_attachment row = {.sha256 = {{1}},
                                   .size = DOCUMENT_MAX - 1,
                                   .have = DOCUMENT_MAX - 1,
                                   .account = world->homes[VICTIM].certificate};
    row.expires = instant_add(world_wall(world, VICTIM), (struct duration){HOUR});
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_attachment_want(store, &row));
    CHECK_ERR(ERR_OK, store_commit(store));
    (void)ask_with_document(world, HOSTILE, &hash, 1, &bytes);
    CHECK(world_insider_dial(world, HOSTILE, VICTIM, NULL, (struct bytes){NULL, 0}, &insider));
    CHECK(world_insider_gossip(&insider, buffer_bytes(&bytes)));
    CHECK(wants_document(world, VICTIM, &hash));
    world_insider_hang_up(&insider);
    buffer_finish(&bytes);
    const struct control_request put = {.op = CONTROL_DOCUMENT_PUT,
                                        .id = hash,
                                        .total = sizeof document,
                                        .blob = BYTES_OF(document)};
    CHECK_ERR(ERR_FULL_TABLE, world_ask(world, VICTIM, &put));
    /* Nor from the neighbour that has it. */
    CHECK_ERR(ERR_OK, world_ask(world, NEIGHBOUR, &put));
    CHECK(!world_run_until(world, MINUTE, has_grown, &hash));
    world_destroy(world);
}

/* ---- grants ---- */

struct grant_case {
    const char *what;
    enum err at_home; /* what the home's node answers its owner */
    void (*spoil)(struct grant *grant);
};

static void another_request(struct grant *grant) {
    grant->request.b[0] ^= 1;
}
static void another_home(struct grant *grant) {
    grant->home.b[0] ^= 1;
}
static void another_clip(struct grant *grant) {
    grant->clip.b[0] ^= 1;
}
static void another_root(struct grant *grant) {
    grant->payload_root.b[0] ^= 1;
}
static void another_size(struct grant *grant) {
    grant->payload_size += 1;
    grant->size += 1;
}
static void without_an_owner(struct grant *grant) {
    grant->owner_count = 1;
}
static void an_owner_missing(struct grant *grant) {
    grant->owners[grant->owner_count++] = (struct sign_public){{7}};
}
static void run_out_already(struct grant *grant) {
    grant->created.ms -= 2 * HOUR;
    grant->expires.ms = grant->created.ms + HOUR;
}

static const struct grant_case grant_cases[] = {
    {"another request", ERR_PEER_BOUNDS, another_request},
    {"another home", ERR_PEER_BOUNDS, another_home},
    {"another clip", ERR_USER_NO_CLIP, another_clip},
    {"another payload", ERR_PEER_BOUNDS, another_root},
    {"another size", ERR_PEER_BOUNDS, another_size},
    {"an owner who is not of this home", ERR_USER_NOT_OWNER, an_owner_missing},
    {"only one of the camera's owners", ERR_USER_NOT_OWNER, without_an_owner},
    {"an end in the past", ERR_PEER_BOUNDS, run_out_already},
};

static bool has_clip(struct world *world, void *context) {
    const struct id *request = context;
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *request};
    return world_ask(world, VICTIM, &ask) == ERR_OK && world->reply_count > 1;
}

static void
test_a_grant_that_is_not_for_this_clip_request_and_home_is_refused_at_home(void **state) {
    (void)state;
    struct world *world = world_create(27, HOMES, NULL);
    struct request request;
    struct id id;
    world->homes[VICTIM].owner_count = 2;
    world_settle(world, &terms);
    world->homes[VICTIM].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    CHECK(world_run_until(world, MINUTE, has_clip, &id));
    const struct world_clip *clip = world_clip(world, VICTIM, &id);
    struct grant good;
    world_grant(world, VICTIM, clip, &good);
    for (size_t k = 0; k < COUNT_OF(grant_cases); k++) {
        struct grant grant = good;
        grant_cases[k].spoil(&grant);
        enum err err = world_grant_put(world, VICTIM, clip, &grant, 0, 2, NULL);
        if (err != grant_cases[k].at_home) {
            fail_msg("%s: %s", grant_cases[k].what, err_name(err));
        }
    }
    /* One owner of two: kept, nothing leaves; then another body by the other owner. */
    CHECK_ERR(ERR_OK, world_grant_put(world, VICTIM, clip, &good, 0, 1, NULL));
    world_run(world, 3 * MINUTE);
    CHECK(world_log_count(world, VICTIM, "disclosure ") == 0);
    CHECK(world_delivered(world, REQUESTER, &id) == 0);
    struct grant other = good;
    other.to.ms -= 1000;
    CHECK_ERR(ERR_USER_EXISTS, world_grant_put(world, VICTIM, clip, &other, 0, 2, NULL));
    /* A decline by one owner ends it for all. */
    CHECK_ERR(ERR_OK, world_decline(world, VICTIM, clip));
    CHECK_ERR(ERR_USER_NO_PROMPT, world_grant_put(world, VICTIM, clip, &good, 0, 2, NULL));
    world_run(world, 3 * MINUTE);
    CHECK(world_clip(world, VICTIM, &id) == NULL);
    CHECK(world_delivered(world, REQUESTER, &id) == 0);
    world_destroy(world);
}

struct offer_case {
    const char *what;
    size_t signers;
    void (*spoil)(struct grant *grant);
};

static void another_recipient(struct grant *grant) {
    struct box_secret secret = {{5}};
    box_public_of(&secret, &grant->recipient);
}
static void more_seconds(struct grant *grant) {
    grant->from.ms -= 1000;
}
static void kept_longer(struct grant *grant) {
    grant->terms.delete_by.ms += 1000;
}
static void of_no_piece(struct grant *grant) {
    grant->payload_size = PAYLOAD_MIN - 1;
}
static void as_it_is(struct grant *grant) {
    (void)grant;
}

/* Without bounds: what no sound home encodes. */
static void encode_grant(const struct grant *grant, struct buffer *out) {
    static struct shape_field rows[32];
    struct shape loose = *fill_shape_named("Grant");
    CHECK(loose.field_count <= COUNT_OF(rows));
    memcpy(rows, loose.fields, loose.field_count * sizeof rows[0]);
    for (size_t i = 0; i < loose.field_count; i++) {
        rows[i].min = rows[i].kind == SHAPE_U64 ? 1 : rows[i].min;
    }
    loose.fields = rows;
    CHECK_ERR(ERR_OK, fence_encode(&loose, grant, out));
}

static const struct offer_case offers[] = {
    {"for another request", 2, another_request},
    {"for another key", 2, another_recipient},
    {"of another home", 2, another_home},
    {"for more than was asked", 2, more_seconds},
    {"to be kept longer", 2, kept_longer},
    {"that has run out", 2, run_out_already},
    {"without one owner's signature", 1, as_it_is},
    {"naming an owner of nobody", 2, an_owner_missing},
    {"of a payload that is too short for any", 2, of_no_piece},
};

/* The hostile home, whose two owners have signed, offers; the requester takes the good one alone.
 */
static void test_a_grant_that_is_not_whole_is_refused_by_the_requester(void **state) {
    (void)state;
    struct world *world = world_create(28, HOMES, NULL);
    struct request request;
    struct id id;
    struct store_object row;
    world->homes[HOSTILE].owner_count = 2;
    world_settle(world, &terms);
    world->homes[HOSTILE].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &id));
    world_run(world, 20000);
    const struct world_clip *clip = world_clip(world, HOSTILE, &id);
    struct grant good;
    world_grant(world, HOSTILE, clip, &good);
    world_kill(world, HOSTILE);
    const struct sign_secret *keys[] = {&world->homes[HOSTILE].owners[0].sign,
                                        &world->homes[HOSTILE].owners[1].sign};
    SCOPED(buffer_finish) struct buffer member = {.max = SIGNED_GOSSIP_MAX};
    CHECK_ERR(ERR_OK, store_begin(world->homes[HOSTILE].store));
    CHECK_ERR(ERR_OK, store_object_get(world->homes[HOSTILE].store,
                                       &world->homes[HOSTILE].certificate, &row));
    CHECK_ERR(ERR_OK, buffer_append(&member, row.object));
    store_roll_back(world->homes[HOSTILE].store);
    for (size_t k = 0; k <= COUNT_OF(offers); k++) {
        bool bad = k < COUNT_OF(offers);
        struct grant grant = good;
        struct buffer bytes;
        struct world_insider insider;
        SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
        if (bad) {
            offers[k].spoil(&grant);
        }
        encode_grant(&grant, &body);
        (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, bad ? offers[k].signers : 2,
                          &bytes);
        CHECK(
            world_insider_dial(world, HOSTILE, REQUESTER, &id, (struct bytes){NULL, 0}, &insider));
        struct link_message offer = {.kind = LINK_OFFER};
        offer.as.offer.grant = buffer_bytes(&bytes);
        offer.as.offer.member = buffer_bytes(&member);
        bool stays = world_insider_say(&insider, &offer);
        if (stays == bad) {
            fail_msg("%s: %s", bad ? offers[k].what : "good", stays ? "taken" : "refused");
        }
        world_insider_hang_up(&insider);
        buffer_finish(&bytes);
    }
    world_run(world, 2 * MINUTE);
    CHECK(world_log_count(world, REQUESTER, "offered ") == 1);
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_that_refuses_is_kept_at_the_fence_of_every_node),
        cmocka_unit_test(test_only_the_author_amends_a_request),
        cmocka_unit_test(test_a_hostile_author_does_not_fill_the_record),
        cmocka_unit_test(test_the_good_ones_pass_where_the_spoiled_were_refused),
        cmocka_unit_test(test_a_refusal_is_on_the_record_once_however_often_it_comes),
        cmocka_unit_test(test_what_is_too_early_comes_later_without_a_flood_in_between),
        cmocka_unit_test(test_forged_objects_are_not_taken),
        cmocka_unit_test(
            test_who_dials_with_a_certificate_that_is_not_its_own_is_closed_without_a_word),
        cmocka_unit_test(test_one_member_does_not_fill_the_table_of_objects),
        cmocka_unit_test(test_a_home_whose_table_is_full_starts_and_asks),
        cmocka_unit_test(test_requests_of_seconds_are_counted_by_the_day_and_forgotten),
        cmocka_unit_test(test_a_list_of_requests_comes_in_parts),
        cmocka_unit_test(test_a_wrong_size_named_first_does_not_block_a_document),
        cmocka_unit_test(test_every_home_fetches_the_seal_with_the_document),
        cmocka_unit_test(test_documents_stay_within_their_total_and_one_that_expires_makes_room),
        cmocka_unit_test(test_who_names_many_documents_keeps_nobody_elses_out),
        cmocka_unit_test(test_a_document_that_no_request_names_goes_after_an_hour),
        cmocka_unit_test(test_a_size_that_is_put_right_stays_within_the_total),
        cmocka_unit_test(
            test_a_grant_that_is_not_for_this_clip_request_and_home_is_refused_at_home),
        cmocka_unit_test(test_a_grant_that_is_not_whole_is_refused_by_the_requester),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
