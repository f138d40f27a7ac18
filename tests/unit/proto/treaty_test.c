/* Rolls, memberships and crossings (PROTOCOL 4.13, 4.14): everything as it must be but one thing.
 */
#include "proto/treaty.h"

#include <string.h>

#include "tests/support/check.h"
#include "tests/support/samples.h"

#define HOURS(n) ((int64_t)(n)*DURATION_HOUR_MS)
#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)

enum {
    TREE_MAX = 70,
    MANY = CHAIN_MAX, /* certificates, one below the other: no more fit into a membership */
};

static struct sample_community near;
static struct sample_treaty sample;
static struct id other_community_id;

/* A crossing to be made. Zero ids in it become those of what is made for it. */
struct draft {
    struct treaty treaty;
    bool ended;
    struct roll roll;
    const struct sign_secret *clerk;
    enum object_kind roll_kind;
    const struct sample_community *side; /* whose member shows itself */
    int number;
    struct bytes chain[CHAIN_PARTS_MAX]; /* of the far agency, unless it has other parts */
    size_t chain_count;
    uint32_t index_more;
    bool proof_cut, proof_wrong;
    struct request request;
    struct withdrawal withdrawal;
    struct bytes object; /* another body */
    enum object_kind kind;
    const struct sign_secret *signer;
    struct crossing crossing;
    struct instant now;
};

/* What came out of it, level by level. */
struct outcome {
    enum err roll, member, crossing;
};

static int set_up(void **state) {
    (void)state;
    sample_community_init(&near);
    sample_treaty_init(&near, &sample);
    memset(other_community_id.b, 0x3c, sizeof other_community_id.b);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_treaty_finish(&sample);
    sample_community_finish(&near);
    return 0;
}

static void start(struct draft *draft) {
    const struct sample_community *far = &sample.far;
    memset(draft, 0, sizeof *draft);
    sample_treaty_body(&near, &sample, &draft->treaty);
    sample_roll(far, &sample, &draft->roll);
    memset(&draft->roll.treaties[0], 0, sizeof draft->roll.treaties[0]);
    draft->clerk = &far->homes[SAMPLE_FOUNDER].node;
    draft->roll_kind = OBJECT_ROLL;
    draft->side = far;
    draft->number = SAMPLE_AGENCY;
    sample_request(far, &draft->request);
    draft->withdrawal.head = draft->request.head;
    draft->withdrawal.request = far->request_id;
    draft->kind = OBJECT_REQUEST;
    draft->signer = &far->homes[SAMPLE_AGENCY].owner.sign;
    sample_crossing(&near, &sample, &draft->crossing);
    memset(&draft->crossing.treaty, 0, sizeof draft->crossing.treaty);
    draft->now = SAMPLE_NOW;
}

static struct treaty_side *far_of(struct draft *draft) {
    struct treaty_side *sides = draft->treaty.sides;
    return &sides[id_equal(&sides[0].community, &near.id) ? 1 : 0];
}

static struct treaty_side *near_of(struct draft *draft) {
    struct treaty_side *sides = draft->treaty.sides;
    return &sides[id_equal(&sides[0].community, &near.id) ? 0 : 1];
}

/* The near community's, with acts that make the treaty and perhaps end it. */
static struct id agree(const struct draft *draft, struct buffer *body, struct governance *out) {
    struct id id;
    struct act act;
    buffer_init(body, TREATY_BODY_MAX);
    CHECK_ERR(ERR_OK, treaty_encode(&draft->treaty, body));
    sha256(buffer_bytes(body), &id);
    sample_governance(&near, out);
    for (int i = 0; i < (draft->ended ? 2 : 1); i++) {
        const struct sign_secret *key = &near.homes[SAMPLE_FOUNDER].owner.sign;
        struct signed_object object;
        SCOPED(buffer_finish) struct buffer act_body = {.max = ACT_BODY_MAX};
        SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
        sample_treaty_act(&near, buffer_bytes(body), &act);
        act.previous = out->head;
        act.head.created.ms += i;
        act.treaty = i == 0 ? act.treaty : (struct bytes){NULL, 0};
        act.treaty_ended = i == 0 ? (struct id){{0}} : id;
        CHECK_ERR(ERR_OK, act_encode(&act, &act_body));
        (void)sample_sign(OBJECT_ACT, buffer_bytes(&act_body), &key, 1, &bytes);
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
        CHECK_ERR(ERR_OK, governance_follow(out, &object, &act));
    }
    return id;
}

static void sign_object(struct draft *draft, struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    struct bytes bytes = draft->object;
    if (bytes.at == NULL) {
        CHECK_ERR(ERR_OK, draft->kind == OBJECT_REQUEST
                              ? request_encode(&draft->request, &body)
                              : withdrawal_encode(&draft->withdrawal, &body));
        bytes = buffer_bytes(&body);
    }
    (void)sample_sign(draft->kind, bytes, &draft->signer, 1, out);
}

static void sign_roll(const struct draft *draft, const struct id *treaty, struct buffer *out) {
    struct roll roll = draft->roll;
    SCOPED(buffer_finish) struct buffer body = {.max = ROLL_BYTES_MAX};
    for (size_t i = 0; i < roll.treaty_count; i++) {
        roll.treaties[i] = id_is_zero(&roll.treaties[i]) ? *treaty : roll.treaties[i];
    }
    CHECK_ERR(ERR_OK, roll_encode(&roll, &body));
    (void)sample_sign(draft->roll_kind, buffer_bytes(&body), &draft->clerk, 1, out);
}

static void show_member(const struct draft *draft, struct bytes roll, struct membership *out) {
    sample_membership(draft->side, draft->number, roll, out);
    if (draft->chain_count > 0) {
        out->chain_count = draft->chain_count;
        memcpy(out->chain, draft->chain, sizeof out->chain);
    }
    out->index += draft->index_more;
    out->hash_count -= draft->proof_cut ? 1 : 0;
    out->hashes[0].b[0] ^= draft->proof_wrong ? 1 : 0;
}

static struct outcome judge(struct draft *draft) {
    static struct governance governance;
    static struct crossed crossed;
    static struct far_member member;
    struct outcome outcome;
    struct buffer treaty = {0};
    struct buffer roll_bytes = {0};
    struct buffer object = {0};
    struct roll roll;
    struct id id = agree(draft, &treaty, &governance);
    sign_roll(draft, &id, &roll_bytes);
    sign_object(draft, &object);
    struct crossing *crossing = &draft->crossing;
    crossing->object = buffer_bytes(&object);
    crossing->treaty = id_is_zero(&crossing->treaty) ? id : crossing->treaty;
    show_member(draft, buffer_bytes(&roll_bytes), &crossing->membership);
    const struct treaty_side *far = far_of(draft);
    outcome.roll = roll_verify(far, crossing->membership.roll, draft->now, &roll);
    outcome.member = membership_verify(far, &crossing->membership, draft->now, &member);
    outcome.crossing = crossing_verify(&governance, crossing, draft->now, &crossed);
    buffer_finish(&treaty);
    buffer_finish(&roll_bytes);
    buffer_finish(&object);
    return outcome;
}

static struct bytes member_of(const struct sample_community *community, int number) {
    return buffer_bytes(&community->homes[number].member);
}

static void with_chain(struct draft *draft, struct bytes first, struct bytes second,
                       struct bytes third) {
    const struct bytes parts[] = {first, second, third};
    for (size_t i = 0; i < COUNT_OF(parts) && parts[i].at != NULL; i++) {
        draft->chain[draft->chain_count++] = parts[i];
    }
}

static void ask_elsewhere(struct draft *draft) { /* where the far community is */
    draft->request.place.points[0] = sample.far.area.points[0];
}

static void with_rule(struct draft *draft, enum member_role role, uint32_t instruments) {
    draft->roll.role_count = 1;
    draft->roll.roles[0] = (struct role_rule){.role = role, .instruments = instruments};
}

/* A roll of two, in which the agency is not. */
static void leave_out(struct draft *draft) {
    struct id ids[] = {sample.far.homes[SAMPLE_FOUNDER].certificate,
                       sample.far.homes[SAMPLE_NEIGHBOUR].certificate};
    draft->roll.member_count = COUNT_OF(ids);
    CHECK_ERR(ERR_OK, roll_tree(ids, COUNT_OF(ids), NULL, &draft->roll.members, NULL));
}

static void show_far_neighbour(struct draft *draft) {
    draft->chain_count = 0;
    with_chain(draft, member_of(&sample.far, SAMPLE_FOUNDER),
               member_of(&sample.far, SAMPLE_NEIGHBOUR), (struct bytes){NULL, 0});
}

#define FAR (&sample.far)
#define NOTHING ((struct bytes){NULL, 0})
/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct draft *d) {                                                            \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(nothing, (void)d)
/* rolls */
SPOIL(roll_of_the_last_minute, d->now.ms = d->roll.head.expires.ms - 1)
SPOIL(roll_that_has_expired, d->crossing.head.created = d->now = d->roll.head.expires)
SPOIL(roll_that_ended_since, d->now = d->roll.head.expires)
SPOIL(clock_15_min_behind, d->now.ms = d->roll.head.created.ms - 15 * DURATION_MINUTE_MS)
SPOIL(roll_from_the_future, d->now.ms = d->roll.head.created.ms - 15 * DURATION_MINUTE_MS - 1;
      d->crossing.head.created = d->now)
SPOIL(roll_by_a_second_clerk, d->clerk = &FAR->homes[2].node; far_of(d)->clerk_count = 2;
      far_of(d)->clerks[1] = FAR->homes[2].node_public)
SPOIL(roll_by_a_stranger, d->clerk = &FAR->homes[2].node)
SPOIL(roll_by_the_clerks_owner, d->clerk = &FAR->homes[SAMPLE_FOUNDER].owner.sign)
SPOIL(roll_by_a_clerk_of_the_asked, d->clerk = &near.homes[SAMPLE_FOUNDER].node)
SPOIL(roll_of_another_community, d->roll.head.community = other_community_id)
SPOIL(roll_of_the_asked, d->roll.head.community = near.id)
SPOIL(roll_that_names_two, d->roll.treaty_count = 2; d->roll.treaties[1].b[0] = 1)
SPOIL(roll_without_the_treaty, d->roll.treaty_count = 0)
SPOIL(roll_with_another_treaty, d->roll.treaties[0].b[0] = 1)
SPOIL(roll_signed_as_a_gateway, d->roll_kind = OBJECT_GATEWAY)
/* memberships */
SPOIL(index_of_another, d->index_more = 1)
SPOIL(index_beyond_the_roll, d->index_more = SAMPLE_HOMES)
SPOIL(proof_too_short, d->proof_cut = true)
SPOIL(proof_of_something_else, d->proof_wrong = true)
SPOIL(root_of_another_tree, d->roll.members.b[31] ^= 1)
SPOIL(tree_of_more, d->roll.member_count = 5)
SPOIL(leaf_not_in_the_roll, leave_out(d))
SPOIL(another_leaf_than_the_proofs, show_far_neighbour(d))
SPOIL(chain_without_its_founder, with_chain(d, member_of(FAR, SAMPLE_AGENCY), NOTHING, NOTHING))
SPOIL(chain_without_its_leaf, with_chain(d, member_of(FAR, SAMPLE_FOUNDER), NOTHING, NOTHING))
SPOIL(chain_of_siblings,
      with_chain(d, member_of(FAR, SAMPLE_FOUNDER), member_of(FAR, SAMPLE_NEIGHBOUR),
                 member_of(FAR, SAMPLE_AGENCY)))
SPOIL(chain_of_the_asked,
      with_chain(d, member_of(&near, SAMPLE_FOUNDER), member_of(&near, SAMPLE_AGENCY), NOTHING))
SPOIL(leaf_of_the_asked,
      with_chain(d, member_of(FAR, SAMPLE_FOUNDER), member_of(&near, SAMPLE_AGENCY), NOTHING))
SPOIL(founder_not_among_founders, far_of(d)->founders[0] = FAR->homes[2].owner_public.sign)
SPOIL(founder_among_several, far_of(d)->founder_count = 2;
      far_of(d)->founders[1] = far_of(d)->founders[0];
      far_of(d)->founders[0] = FAR->homes[2].owner_public.sign)
SPOIL(founder_with_too_much_to_give, far_of(d)->allowance = 7)
/* crossings */
SPOIL(of_another_community, d->crossing.head.community = other_community_id)
SPOIL(sent_back_home, d->crossing.head.community = FAR->id)
SPOIL(by_an_unknown_treaty, d->crossing.treaty = other_community_id)
SPOIL(by_an_ended_treaty, d->ended = true)
SPOIL(at_a_treatys_last_moment, d->treaty.until.ms = d->crossing.head.created.ms + 1)
SPOIL(by_a_treaty_that_was_over, d->treaty.until = d->crossing.head.created)
SPOIL(asked_as_the_treaty_was_made, d->treaty.created = d->request.head.created)
SPOIL(asked_before_the_treaty, d->treaty.created.ms = d->request.head.created.ms + 1)
SPOIL(role_that_may_not, d->treaty.roles = 1U << MEMBER_HOME | 1U << MEMBER_ADMINISTRATOR)
SPOIL(instrument_that_may_not, d->treaty.instruments = 1U << INSTRUMENT_SUBPOENA)
SPOIL(as_long_as_the_treaty_lets, d->treaty.caps.span_s = 150)
SPOIL(longer_than_the_treaty_lets, d->treaty.caps.span_s = 149)
SPOIL(larger_than_the_treaty_lets, d->treaty.caps.area_m2 = 11000)
SPOIL(as_long_as_the_roll_lets, d->roll.caps.span_s = 150)
SPOIL(longer_than_the_roll_lets, d->roll.caps.span_s = 149)
SPOIL(larger_than_the_roll_lets, d->roll.caps.area_m2 = 11000)
SPOIL(role_that_its_own_charter_lets,
      with_rule(d, MEMBER_REQUESTER, 1U << INSTRUMENT_SEARCH_WARRANT))
SPOIL(role_that_its_own_charter_does_not_let,
      with_rule(d, MEMBER_REQUESTER, 1U << INSTRUMENT_SUBPOENA))
SPOIL(role_of_others_that_may_not, with_rule(d, MEMBER_HOME, 0))
SPOIL(an_emergency_without_facts, d->request.instrument.kind = INSTRUMENT_EMERGENCY)
SPOIL(to_be_deleted_before_it_was_asked, d->request.terms.delete_by = d->request.head.created)
SPOIL(a_place_elsewhere, ask_elsewhere(d))
SPOIL(a_place_elsewhere_of_all_the_world, ask_elsewhere(d); near_of(d)->has_area = false)
SPOIL(not_signed_by_an_owner, d->signer = &FAR->homes[SAMPLE_AGENCY].node)
SPOIL(signed_by_anothers_owner, d->signer = &near.homes[SAMPLE_AGENCY].owner.sign)
SPOIL(other_static_key, d->request.transport = FAR->homes[2].transport_public)
SPOIL(author_is_another, d->request.head.author = FAR->homes[2].certificate)
SPOIL(crossing_outlives_it, d->crossing.head.expires.ms += 1)
SPOIL(it_outlives_the_crossing, d->crossing.head.expires.ms -= 1)
SPOIL(crossed_before, d->request.head.community = near.id)
SPOIL(of_a_third_community, d->request.head.community = other_community_id)
SPOIL(request_from_the_future, d->now.ms -= 17 * DURATION_MINUTE_MS)
SPOIL(a_withdrawal, d->kind = OBJECT_WITHDRAWAL)
SPOIL(withdrawal_where_the_role_may_not_ask, d->kind = OBJECT_WITHDRAWAL;
      d->treaty.roles = 1U << MEMBER_HOME)
SPOIL(withdrawal_not_by_an_owner, d->kind = OBJECT_WITHDRAWAL;
      d->signer = &FAR->homes[SAMPLE_AGENCY].node)
SPOIL(withdrawal_by_another_home, d->kind = OBJECT_WITHDRAWAL;
      d->withdrawal.head.author = FAR->homes[2].certificate)
SPOIL(withdrawal_that_crossed_before, d->kind = OBJECT_WITHDRAWAL;
      d->withdrawal.head.community = near.id)
SPOIL(withdrawal_of_another_end, d->kind = OBJECT_WITHDRAWAL; d->withdrawal.head.expires.ms += 1)
SPOIL(a_call_back, d->kind = OBJECT_CALL_BACK; d->object = buffer_bytes(&sample.body))
SPOIL(a_crossing_in_a_crossing, d->kind = OBJECT_CROSSING; d->object = buffer_bytes(&sample.body))
SPOIL(a_request_that_is_none, d->object = buffer_bytes(&sample.body))

static const struct {
    const char *what;
    void (*spoil)(struct draft *draft);
    enum err roll, member, crossing;
} cases[] = {
#define GOOD(name)                                                                                 \
    { #name, name, ERR_OK, ERR_OK, ERR_OK }
#define ROLL(name, err)                                                                            \
    { #name, name, err, err, err }
#define MEMBER(name, err)                                                                          \
    { #name, name, ERR_OK, err, err }
#define CROSS(name, err)                                                                           \
    { #name, name, ERR_OK, ERR_OK, err }
    GOOD(nothing),
    GOOD(roll_of_the_last_minute),
    ROLL(roll_that_has_expired, ERR_DENY_EXPIRED),
    {"roll_that_ended_since", roll_that_ended_since, ERR_DENY_EXPIRED, ERR_DENY_EXPIRED, ERR_OK},
    CROSS(clock_15_min_behind, ERR_DENY_TIME), /* the roll is good, the request is newer */
    ROLL(roll_from_the_future, ERR_DENY_TIME),
    GOOD(roll_by_a_second_clerk),
    ROLL(roll_by_a_stranger, ERR_PEER_SIGNATURE),
    ROLL(roll_by_the_clerks_owner, ERR_PEER_SIGNATURE),
    ROLL(roll_by_a_clerk_of_the_asked, ERR_PEER_SIGNATURE),
    ROLL(roll_of_another_community, ERR_PEER_CERTIFICATE),
    ROLL(roll_of_the_asked, ERR_PEER_CERTIFICATE),
    GOOD(roll_that_names_two),
    CROSS(roll_without_the_treaty, ERR_DENY_TREATY),
    CROSS(roll_with_another_treaty, ERR_DENY_TREATY),
    ROLL(roll_signed_as_a_gateway, ERR_PEER_CERTIFICATE),
    MEMBER(index_of_another, ERR_PEER_CERTIFICATE),
    MEMBER(index_beyond_the_roll, ERR_PEER_CERTIFICATE),
    MEMBER(proof_too_short, ERR_PEER_CERTIFICATE),
    MEMBER(proof_of_something_else, ERR_PEER_CERTIFICATE),
    MEMBER(root_of_another_tree, ERR_PEER_CERTIFICATE),
    MEMBER(tree_of_more, ERR_PEER_CERTIFICATE),
    MEMBER(leaf_not_in_the_roll, ERR_PEER_CERTIFICATE),
    MEMBER(another_leaf_than_the_proofs, ERR_PEER_CERTIFICATE),
    MEMBER(chain_without_its_founder, ERR_PEER_CERTIFICATE),
    MEMBER(chain_without_its_leaf, ERR_PEER_CERTIFICATE),
    MEMBER(chain_of_siblings, ERR_PEER_CERTIFICATE),
    MEMBER(chain_of_the_asked, ERR_PEER_CERTIFICATE),
    MEMBER(leaf_of_the_asked, ERR_PEER_CERTIFICATE),
    MEMBER(founder_not_among_founders, ERR_PEER_CERTIFICATE),
    GOOD(founder_among_several),
    MEMBER(founder_with_too_much_to_give, ERR_PEER_CERTIFICATE),
    CROSS(of_another_community, ERR_PEER_CERTIFICATE),
    CROSS(sent_back_home, ERR_PEER_CERTIFICATE),
    CROSS(by_an_unknown_treaty, ERR_DENY_TREATY),
    CROSS(by_an_ended_treaty, ERR_DENY_TREATY),
    GOOD(at_a_treatys_last_moment),
    CROSS(by_a_treaty_that_was_over, ERR_DENY_TREATY),
    GOOD(asked_as_the_treaty_was_made),
    CROSS(asked_before_the_treaty, ERR_DENY_EXPIRED),
    CROSS(role_that_may_not, ERR_DENY_ROLE),
    CROSS(instrument_that_may_not, ERR_DENY_TREATY),
    GOOD(as_long_as_the_treaty_lets),
    CROSS(longer_than_the_treaty_lets, ERR_DENY_CAP),
    CROSS(larger_than_the_treaty_lets, ERR_DENY_CAP),
    GOOD(as_long_as_the_roll_lets),
    CROSS(longer_than_the_roll_lets, ERR_DENY_CAP),
    CROSS(larger_than_the_roll_lets, ERR_DENY_CAP),
    GOOD(role_that_its_own_charter_lets),
    CROSS(role_that_its_own_charter_does_not_let, ERR_DENY_ROLE),
    GOOD(role_of_others_that_may_not),
    CROSS(an_emergency_without_facts, ERR_PEER_RULE),
    CROSS(to_be_deleted_before_it_was_asked, ERR_PEER_BOUNDS),
    CROSS(a_place_elsewhere, ERR_DENY_TREATY),
    GOOD(a_place_elsewhere_of_all_the_world),
    CROSS(not_signed_by_an_owner, ERR_PEER_SIGNATURE),
    CROSS(signed_by_anothers_owner, ERR_PEER_SIGNATURE),
    CROSS(other_static_key, ERR_PEER_SIGNATURE),
    CROSS(author_is_another, ERR_PEER_CERTIFICATE),
    CROSS(crossing_outlives_it, ERR_PEER_CERTIFICATE),
    CROSS(it_outlives_the_crossing, ERR_PEER_CERTIFICATE),
    CROSS(crossed_before, ERR_PEER_CERTIFICATE),
    CROSS(of_a_third_community, ERR_PEER_CERTIFICATE),
    CROSS(request_from_the_future, ERR_DENY_TIME),
    GOOD(a_withdrawal),
    GOOD(withdrawal_where_the_role_may_not_ask),
    CROSS(withdrawal_not_by_an_owner, ERR_PEER_SIGNATURE),
    CROSS(withdrawal_by_another_home, ERR_PEER_CERTIFICATE),
    CROSS(withdrawal_that_crossed_before, ERR_PEER_CERTIFICATE),
    CROSS(withdrawal_of_another_end, ERR_PEER_CERTIFICATE),
    CROSS(a_call_back, ERR_PEER_CERTIFICATE),
    CROSS(a_crossing_in_a_crossing, ERR_PEER_CERTIFICATE),
    CROSS(a_request_that_is_none, ERR_PEER_MALFORMED),
};

static void test_one_thing_wrong_spoils_a_crossing(void **state) {
    static struct draft draft;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        start(&draft);
        cases[i].spoil(&draft);
        struct outcome got = judge(&draft);
        if (got.roll != cases[i].roll || got.member != cases[i].member ||
            got.crossing != cases[i].crossing) {
            fail_msg("%s: roll %s, membership %s, crossing %s", cases[i].what, err_name(got.roll),
                     err_name(got.member), err_name(got.crossing));
        }
    }
}

/* It is nobody else's: homes keep one of each clerk. */
static void test_a_roll_crosses_as_its_clerks_alone(void **state) {
    static struct governance governance;
    static struct crossed crossed;
    const struct sample_community *far = &sample.far;
    (void)state;
    sample_agreed(&near, &sample, &governance);
    for (int by = 0; by < 2; by++) {
        const int author = by == 0 ? SAMPLE_FOUNDER : SAMPLE_NEIGHBOUR;
        const struct sign_secret *clerk = &far->homes[SAMPLE_FOUNDER].node;
        struct crossing crossing;
        struct roll roll;
        SCOPED(buffer_finish) struct buffer body = {.max = ROLL_BYTES_MAX};
        struct buffer bytes;
        sample_roll(far, &sample, &roll);
        roll.head.author = far->homes[author].certificate;
        CHECK_ERR(ERR_OK, roll_encode(&roll, &body));
        (void)sample_sign(OBJECT_ROLL, buffer_bytes(&body), &clerk, 1, &bytes);
        sample_crossing(&near, &sample, &crossing);
        crossing.object = buffer_bytes(&bytes);
        crossing.head.expires = roll.head.expires;
        sample_membership(far, author, buffer_bytes(&bytes), &crossing.membership);
        CHECK_ERR(by == 0 ? ERR_OK : ERR_PEER_SIGNATURE,
                  crossing_verify(&governance, &crossing, SAMPLE_NOW, &crossed));
        CHECK(crossed.author.clerk == 0);
        buffer_finish(&bytes);
    }
}

/* What the asked home learns is what the requester signed. */
static void test_a_crossing_says_who_asks_for_what(void **state) {
    static struct governance governance;
    static struct crossed crossed;
    struct signed_object object;
    struct crossing crossing;
    const struct sample_home *agency = &sample.far.homes[SAMPLE_AGENCY];
    (void)state;
    sample_agreed(&near, &sample, &governance);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&sample.crossing), &object));
    CHECK(object.kind == OBJECT_CROSSING);
    CHECK(sample.crossing.len <= SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, crossing_decode(object.body, &crossing));
    CHECK_ERR(ERR_OK, crossing_verify(&governance, &crossing, SAMPLE_NOW, &crossed));
    CHECK(id_equal(&crossed.object.id, &sample.far.request_id));
    CHECK(id_equal(&crossed.author.certificate, &agency->certificate));
    CHECK(sign_public_equal(&crossed.author.member.node, &agency->node_public));
    CHECK(crossed.author.roll.version == 2);
    CHECK(strcmp(crossed.request.reason, "Hit and run, silver hatchback") == 0);
    /* The same without the treaty's act, and on the other side of the border. */
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_DENY_TREATY, crossing_verify(&governance, &crossing, SAMPLE_NOW, &crossed));
    sample_governance(&sample.far, &governance);
    CHECK_ERR(ERR_PEER_CERTIFICATE, crossing_verify(&governance, &crossing, SAMPLE_NOW, &crossed));
}

/* A requester of the near community is no stranger there. */
static void test_a_request_of_ones_own_does_not_come_over_the_border(void **state) {
    static struct draft draft;
    (void)state;
    start(&draft);
    draft.side = &near;
    sample_roll(&near, &sample, &draft.roll);
    draft.clerk = &near.homes[SAMPLE_FOUNDER].node;
    draft.roll.treaties[0] = (struct id){{0}};
    sample_request(&near, &draft.request);
    draft.signer = &near.homes[SAMPLE_AGENCY].owner.sign;
    CHECK_ERR(ERR_PEER_SIGNATURE, judge(&draft).crossing);
}

/* ---- chains ---- */

/* Each of MANY homes brought the next; the first founded. */
struct lineage {
    struct sign_secret owners[MANY], nodes[MANY];
    struct buffer members[MANY];
    struct id ids[MANY];
};

static void bring(struct lineage *lineage, int number) {
    struct sample_community *far = &sample.far;
    struct member member;
    struct buffer signed_invite = {0};
    uint8_t seed[32];
    struct sign_secret invited;
    struct sign_secret *owner = &lineage->owners[number];
    struct sign_secret *node = &lineage->nodes[number];
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    sample_member(far, SAMPLE_NEIGHBOUR, NOTHING, &member);
    memset(seed, 100 + number, sizeof seed);
    struct invite invite = {.head = {.community = far->id,
                                     .author = lineage->ids[number - 1],
                                     .created = {member.head.created.ms - 1000},
                                     .expires = {member.head.created.ms + DAYS(1)}},
                            .role = MEMBER_HOME,
                            .invite_allowance = 8};
    invite_key(seed, &invited, &invite.key);
    CHECK_ERR(ERR_OK, invite_encode(&invite, &body));
    const struct sign_secret *sponsor = &lineage->owners[number - 1];
    (void)sample_sign(OBJECT_INVITE, buffer_bytes(&body), &sponsor, 1, &signed_invite);
    sign_from_seed(seed, owner, &member.owners[0].sign);
    seed[0] ^= 0xff;
    sign_from_seed(seed, node, &member.node);
    member.head.author = lineage->ids[number - 1];
    member.invite_allowance = 8;
    member.invite = buffer_bytes(&signed_invite);
    buffer_clear(&body);
    CHECK_ERR(ERR_OK, member_encode(&member, &body));
    const struct sign_secret *keys[] = {owner, node, &invited, &lineage->nodes[number - 1]};
    lineage->ids[number] =
        sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, 4, &lineage->members[number]);
    buffer_finish(&signed_invite);
}

/* Is the last of these `count` certificates, and of `more` behind it, in a roll of the first
 * `count` of the lineage? */
static enum err judge_lineage(const struct lineage *lineage, size_t count, struct bytes more,
                              struct instant now) {
    struct far_member member;
    static struct draft draft;
    struct membership shown;
    struct id ids[MANY];
    SCOPED(buffer_finish) struct buffer roll = {0};
    start(&draft);
    memset(&shown, 0, sizeof shown);
    memcpy(ids, lineage->ids, sizeof ids);
    CHECK_ERR(ERR_OK, roll_tree(ids, count, &lineage->ids[count - 1], &draft.roll.members, &shown));
    draft.roll.member_count = (uint32_t)count;
    draft.roll.head.created.ms = now.ms - HOURS(1);
    draft.roll.head.expires.ms = now.ms + HOURS(1);
    sign_roll(&draft, &sample.id, &roll);
    shown.roll = buffer_bytes(&roll);
    for (size_t i = 0; i < count; i++) {
        shown.chain[shown.chain_count++] = buffer_bytes(&lineage->members[i]);
    }
    if (more.at != NULL) {
        shown.chain[shown.chain_count++] = more;
    }
    enum err err = membership_verify(far_of(&draft), &shown, now, &member);
    CHECK(err != ERR_OK || id_equal(&member.certificate, &lineage->ids[count - 1]));
    return err;
}

static void test_a_chain_has_sixteen_and_its_roll_says_who_has_ended(void **state) {
    static struct lineage lineage;
    const struct sample_home *founder = &sample.far.homes[SAMPLE_FOUNDER];
    const struct instant later = {SAMPLE_NOW.ms + DAYS(900)};
    struct renewal renewal = {.head = {.community = sample.far.id,
                                       .author = founder->certificate,
                                       .created = SAMPLE_NOW,
                                       .expires = {SAMPLE_NOW.ms + DAYS(400)}}};
    (void)state;
    lineage.owners[0] = founder->owner.sign;
    lineage.nodes[0] = founder->node;
    lineage.ids[0] = founder->certificate;
    buffer_init(&lineage.members[0], SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, buffer_append(&lineage.members[0], buffer_bytes(&founder->member)));
    for (int i = 1; i < MANY; i++) {
        bring(&lineage, i);
    }
    CHECK_ERR(ERR_OK, judge_lineage(&lineage, 1, NOTHING, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, judge_lineage(&lineage, CHAIN_MAX, NOTHING, SAMPLE_NOW));
    /* Whoever keeps the roll knows of renewals that did not cross. */
    CHECK_ERR(ERR_OK, judge_lineage(&lineage, 3, NOTHING, later));
    for (int by = 0; by < 3; by++) {
        const struct sign_secret *key = &lineage.nodes[by];
        SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
        SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
        renewal.head.author = lineage.ids[by];
        renewal.member = lineage.ids[2];
        CHECK_ERR(ERR_OK, renewal_encode(&renewal, &body));
        (void)sample_sign(OBJECT_RENEWAL, buffer_bytes(&body), &key, 1, &bytes);
        CHECK_ERR(ERR_PEER_CERTIFICATE, /* of certificates alone */
                  judge_lineage(&lineage, 3, buffer_bytes(&bytes), SAMPLE_NOW));
    }
    for (int i = 0; i < MANY; i++) {
        buffer_finish(&lineage.members[i]);
    }
}

/* ---- trees ---- */

/* RFC 6962, section 2.1, word for word. */
static struct id tree_hash(const struct id *leaves, size_t count) {
    struct id hash;
    if (count == 1) {
        merkle_leaf(BYTES_OF(leaves[0].b), &hash);
        return hash;
    }
    size_t half = 1;
    while (2 * half < count) {
        half *= 2;
    }
    const struct id left = tree_hash(leaves, half);
    const struct id right = tree_hash(leaves + half, count - half);
    merkle_node(&left, &right, &hash);
    return hash;
}

static void fill_ids(struct id *ids, size_t count) { /* in rising order */
    memset(ids, 0, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        ids[i].b[0] = (uint8_t)(i >> 8);
        ids[i].b[1] = (uint8_t)i;
        ids[i].b[31] = (uint8_t)(7 * i);
    }
}

static void turn_round(struct id *ids, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        struct id id = ids[i];
        ids[i] = ids[count - 1 - i];
        ids[count - 1 - i] = id;
    }
}

/* Whether that leaf is at that place of a tree of so many, by this proof. */
static bool shows(const struct id *id, size_t index, size_t count, const struct membership *shown,
                  const struct id *root) {
    struct merkle_proof proof = {.count = shown->hash_count};
    struct id leaf;
    merkle_leaf(BYTES_OF(id->b), &leaf);
    memcpy(proof.hashes, shown->hashes, shown->hash_count * sizeof proof.hashes[0]);
    return merkle_verify_inclusion(&leaf, index, count, &proof, root);
}

static void check_tree(size_t count, size_t each) {
    static struct id sorted[ROLL_MEMBERS_MAX];
    static struct id ids[ROLL_MEMBERS_MAX];
    struct membership shown;
    struct id root;
    fill_ids(sorted, count);
    const struct id expected = tree_hash(sorted, count);
    for (size_t i = 0; i < count; i += each) {
        memcpy(ids, sorted, count * sizeof *ids);
        if (i % 2 == 1) {
            turn_round(ids, count);
        } else { /* half of them */
            turn_round(ids + count / 3, count - count / 3);
        }
        CHECK_ERR(ERR_OK, roll_tree(ids, count, &sorted[i], &root, &shown));
        CHECK(id_equal(&root, &expected));
        CHECK(shown.index == i);
        CHECK(shows(&sorted[i], i, count, &shown, &root));
        CHECK(!shows(&sorted[i], i ^ 1, count, &shown, &root));
        CHECK(!shows(&sorted[(i + 1) % count], i, count, &shown, &root) || count == 1);
    }
    struct id stranger = {{0xff}};
    CHECK_ERR(ERR_OK, roll_tree(ids, count, NULL, &root, NULL));
    CHECK(id_equal(&root, &expected));
    CHECK_ERR(ERR_USER_NOT_FOUND, roll_tree(ids, count, &stranger, &root, &shown));
}

static void test_each_member_has_its_place_in_the_tree_in_whatever_order(void **state) {
    (void)state;
    for (size_t count = 1; count <= TREE_MAX; count++) {
        check_tree(count, 1);
    }
    check_tree(ROLL_MEMBERS_MAX - 1, 31);
    check_tree(ROLL_MEMBERS_MAX, 31);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thing_wrong_spoils_a_crossing),
        cmocka_unit_test(test_a_roll_crosses_as_its_clerks_alone),
        cmocka_unit_test(test_a_crossing_says_who_asks_for_what),
        cmocka_unit_test(test_a_request_of_ones_own_does_not_come_over_the_border),
        cmocka_unit_test(test_a_chain_has_sixteen_and_its_roll_says_who_has_ended),
        cmocka_unit_test(test_each_member_has_its_place_in_the_tree_in_whatever_order),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
