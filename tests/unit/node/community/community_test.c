#include "node/community/community.h"

#include "tests/support/check.h"

#include <string.h>

#include "tests/support/samples.h"

static struct sample_community samples;
static struct sample_treaty treaties;

static int set_up(void **state) {
    (void)state;
    sample_community_init(&samples);
    sample_treaty_init(&samples, &treaties);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_treaty_finish(&treaties);
    sample_community_finish(&samples);
    return 0;
}

static struct community *create(void) {
    struct community *community = community_create();
    struct signed_object object;
    struct charter charter;
    CHECK(community != NULL);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&samples.charter), &object));
    CHECK_ERR(ERR_OK, charter_decode(object.body, &charter));
    CHECK_ERR(ERR_OK, community_found(community, &object, &charter));
    CHECK(id_equal(community_id(community), &samples.id));
    return community;
}

static enum err admit_bytes(struct community *community, struct bytes bytes, struct instant now) {
    struct signed_object object;
    struct member member;
    CHECK_ERR(ERR_OK, signed_decode(bytes, &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &member));
    (void)now;
    return community_admit(community, &object, &member);
}

static enum err admit(struct community *community, int number, struct instant now) {
    return admit_bytes(community, buffer_bytes(&samples.homes[number].member), now);
}

/* A home that `sponsor` brought, with keys that follow from `number`. */
static struct id bring(int number, const struct id *sponsor,
                       const struct sign_secret *sponsor_owner,
                       const struct sign_secret *sponsor_node, uint32_t allowance,
                       struct sign_secret *owner_out, struct sign_secret *node_out,
                       struct buffer *out) {
    struct member member;
    struct sign_secret invite_secret;
    struct buffer signed_invite;
    uint8_t seed[32];
    uint8_t secret[16];
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer invite_body = {.max = SIGNED_GOSSIP_MAX};
    memset(seed, number, sizeof seed);
    memset(secret, number, sizeof secret);
    sample_member(&samples, SAMPLE_NEIGHBOUR, (struct bytes){NULL, 0}, &member);
    sign_from_seed(seed, owner_out, &member.owners[0].sign);
    seed[0] ^= 0xff;
    sign_from_seed(seed, node_out, &member.node);
    member.head.author = *sponsor;
    member.invite_allowance = allowance;
    struct invite invite = {.head = {.community = samples.id,
                                     .author = *sponsor,
                                     .created = {member.head.created.ms - 1000},
                                     .expires = {member.head.created.ms + DURATION_DAY_MS}},
                            .role = MEMBER_HOME,
                            .invite_allowance = allowance};
    invite_key(secret, &invite_secret, &invite.key);
    CHECK_ERR(ERR_OK, invite_encode(&invite, &invite_body));
    (void)sample_sign(OBJECT_INVITE, buffer_bytes(&invite_body), &sponsor_owner, 1, &signed_invite);
    member.invite = buffer_bytes(&signed_invite);
    CHECK_ERR(ERR_OK, member_encode(&member, &body));
    const struct sign_secret *keys[] = {owner_out, node_out, &invite_secret, sponsor_node};
    struct id id = sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, 4, out);
    buffer_finish(&signed_invite);
    return id;
}

static void test_a_certificate_is_admitted_after_its_sponsors_and_once(void **state) {
    (void)state;
    struct community *community = create();
    CHECK_ERR(ERR_PEER_UNKNOWN, admit(community, SAMPLE_NEIGHBOUR, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR, SAMPLE_NOW));
    CHECK(community_size(community) == 2);
    const struct id *neighbour = &samples.homes[SAMPLE_NEIGHBOUR].certificate;
    struct id chain[CHAIN_MAX];
    CHECK(community_chain(community, neighbour, chain) == 2);
    CHECK(id_equal(&chain[0], &samples.homes[SAMPLE_FOUNDER].certificate));
    CHECK(id_equal(&chain[1], neighbour));
    CHECK(id_equal(community_member_id(community, 1), neighbour));
    CHECK(community_find(community, neighbour)->invite.len == 0); /* it was borrowed */
    const struct id nobody = {{1}};
    CHECK(community_find(community, &nobody) == NULL);
    CHECK(community_chain(community, &nobody, chain) == 0);
    CHECK(!community_in_standing(community, &nobody, SAMPLE_NOW));
    community_destroy(community);
}

static void test_standing_ends_with_ones_own_certificate_or_any_sponsors(void **state) {
    (void)state;
    struct community *community = create();
    struct member founder;
    sample_member(&samples, SAMPLE_FOUNDER, (struct bytes){NULL, 0}, &founder);
    const struct instant last = {founder.head.expires.ms - 1};
    const struct instant end = founder.head.expires;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR, last));
    const struct id *neighbour = &samples.homes[SAMPLE_NEIGHBOUR].certificate;
    CHECK(community_in_standing(community, neighbour, last));
    CHECK(!community_in_standing(community, neighbour, end));
    CHECK(community_find(community, neighbour) != NULL);     /* known for the record */
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_AGENCY, end)); /* others may hang on it */
    CHECK(!community_in_standing(community, &samples.homes[SAMPLE_AGENCY].certificate, end));
    community_destroy(community);
}

static void test_a_sponsor_brings_no_more_than_its_allowance(void **state) {
    (void)state;
    struct community *community = create();
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER, SAMPLE_NOW));
    for (int i = 0; i < 9; i++) {
        struct sign_secret owner;
        struct sign_secret node;
        struct buffer bytes;
        (void)bring(100 + i, &founder->certificate, &founder->owner.sign, &founder->node, 0, &owner,
                    &node, &bytes);
        CHECK_ERR(i < 8 ? ERR_OK : ERR_DENY_QUOTA,
                  admit_bytes(community, buffer_bytes(&bytes), SAMPLE_NOW));
        buffer_finish(&bytes);
    }
    CHECK(community_size(community) == 9);
    community_destroy(community);
}

static void test_a_chain_has_at_most_sixteen(void **state) {
    (void)state;
    struct community *community = create();
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    struct sign_secret owner = founder->owner.sign;
    struct sign_secret node = founder->node;
    struct id sponsor = founder->certificate;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER, SAMPLE_NOW));
    for (int i = 1; i <= CHAIN_MAX; i++) {
        struct sign_secret next_owner;
        struct sign_secret next_node;
        struct buffer bytes;
        struct id id = bring(100 + i, &sponsor, &owner, &node, 8, &next_owner, &next_node, &bytes);
        CHECK_ERR(i < CHAIN_MAX ? ERR_OK : ERR_PEER_CERTIFICATE,
                  admit_bytes(community, buffer_bytes(&bytes), SAMPLE_NOW));
        buffer_finish(&bytes);
        owner = next_owner;
        node = next_node;
        sponsor = id;
    }
    community_destroy(community);
}

static void test_one_without_allowance_or_in_anothers_name_brings_nobody(void **state) {
    (void)state;
    struct community *community = create();
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    const struct sample_home *neighbour = &samples.homes[SAMPLE_NEIGHBOUR];
    struct sign_secret owner;
    struct sign_secret node;
    struct buffer bytes;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR, SAMPLE_NOW));
    (void)bring(100, &neighbour->certificate, &neighbour->owner.sign, &neighbour->node, 0, &owner,
                &node, &bytes);
    CHECK_ERR(ERR_DENY_ROLE, admit_bytes(community, buffer_bytes(&bytes), SAMPLE_NOW));
    buffer_finish(&bytes);
    (void)bring(101, &founder->certificate, &neighbour->owner.sign, &neighbour->node, 0, &owner,
                &node, &bytes);
    CHECK_ERR(ERR_PEER_SIGNATURE, admit_bytes(community, buffer_bytes(&bytes), SAMPLE_NOW));
    buffer_finish(&bytes);
    community_destroy(community);
}

static void test_a_charter_needs_its_administrators(void **state) {
    (void)state;
    struct community *community = community_create();
    struct charter charter;
    struct signed_object object;
    struct buffer bytes;
    const struct sign_secret *stranger = &samples.homes[SAMPLE_NEIGHBOUR].owner.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    sample_charter(&samples, &charter);
    CHECK_ERR(ERR_OK, charter_encode(&charter, &body));
    (void)sample_sign(OBJECT_CHARTER, buffer_bytes(&body), &stranger, 1, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    CHECK_ERR(ERR_PEER_SIGNATURE, community_found(community, &object, &charter));
    CHECK(id_is_zero(community_id(community)));
    buffer_finish(&bytes);
    community_destroy(community);
}

/* ---- acts in competition that make and end treaties ---- */

struct made_act { /* signed; both buffers have to live as long */
    struct buffer body, bytes;
    struct signed_object object;
    struct act act;
};

/* `previous` and what it does are set; on a day counted from SAMPLE_NOW, and `ms` after that. */
static void sign_act(const struct act *draft, int day, int64_t ms, struct made_act *out) {
    const struct sign_secret *key = &samples.homes[SAMPLE_FOUNDER].owner.sign;
    struct act act = *draft;
    act.head.created.ms = SAMPLE_NOW.ms + day * (int64_t)DURATION_DAY_MS + ms;
    buffer_init(&out->body, ACT_BODY_MAX);
    CHECK_ERR(ERR_OK, act_encode(&act, &out->body));
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&out->body), &key, 1, &out->bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&out->bytes), &out->object));
    CHECK_ERR(ERR_OK, act_decode(out->object.body, &out->act));
}

static void finish_act(struct made_act *act) {
    buffer_finish(&act->body);
    buffer_finish(&act->bytes);
}

/* One of the smaller id than that, by another millisecond. */
static void sign_smaller(const struct act *draft, int day, const struct id *than,
                         struct made_act *out) {
    for (int64_t ms = 1;; ms++) {
        sign_act(draft, day, ms, out);
        if (id_compare(&out->object.id, than) < 0) {
            return;
        }
        finish_act(out);
    }
}

/* As core does with one that came by gossip. */
static enum err take(struct community *community, const struct made_act *act, struct instant now) {
    enum act_place place = community_place(community, &act->object.id, &act->act, now);
    CHECK(place == ACT_NEXT || place == ACT_WINS);
    enum err err = community_judge_act(community, &act->object, &act->act);
    if (err == ERR_OK && place == ACT_WINS) {
        community_rewind(community, community_act_number(community, &act->act.previous));
    }
    if (err == ERR_OK) { /* what was judged good follows */
        CHECK_ERR(ERR_OK, community_follow(community, &act->object, &act->act));
    }
    return err;
}

static bool in_force(const struct community *community, const struct id *treaty,
                     struct instant now) {
    return governance_treaty(community_governance(community), treaty, now) != NULL;
}

static void drafts(const struct id *previous, struct act *made, struct act *ended,
                   struct act *charter) {
    sample_treaty_act(&samples, buffer_bytes(&treaties.body), made);
    sample_treaty_act(&samples, (struct bytes){NULL, 0}, ended);
    sample_treaty_act(&samples, (struct bytes){NULL, 0}, charter);
    ended->treaty_ended = treaties.id;
    charter->has_charter = true;
    sample_charter(&samples, &charter->charter);
    charter->charter.caps.span_s = 600; /* less than the treaty's */
    made->previous = ended->previous = charter->previous = *previous;
}

static void test_an_act_that_wins_undoes_a_treaty_that_was_made(void **state) {
    const struct instant now = {SAMPLE_NOW.ms + 3 * (int64_t)DURATION_DAY_MS};
    struct act made;
    struct act ended;
    struct act charter;
    struct made_act acts[3];
    struct community *community = create();
    (void)state;
    drafts(&samples.id, &made, &ended, &charter);
    sign_act(&made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(community, &acts[0], now));
    CHECK(in_force(community, &treaties.id, now));
    sign_smaller(&charter, 2, &acts[0].object.id, &acts[1]);
    CHECK_ERR(ERR_OK, take(community, &acts[1], now));
    CHECK(!in_force(community, &treaties.id, now));
    /* Where it comes after the charter that won, it is looser than that. */
    made.previous = acts[1].object.id;
    sign_act(&made, 3, 0, &acts[2]);
    CHECK_ERR(ERR_PEER_CERTIFICATE, take(community, &acts[2], now));
    CHECK(community_act_count(community) == 2);
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        finish_act(&acts[i]);
    }
    community_destroy(community);
}

static void test_an_act_that_wins_undoes_a_treatys_end(void **state) {
    const struct instant now = {SAMPLE_NOW.ms + 3 * (int64_t)DURATION_DAY_MS};
    struct act made;
    struct act ended;
    struct act charter;
    struct made_act acts[4];
    struct community *community = create();
    (void)state;
    drafts(&samples.id, &made, &ended, &charter);
    sign_act(&made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(community, &acts[0], now));
    drafts(&acts[0].object.id, &made, &ended, &charter);
    sign_act(&ended, 2, 0, &acts[1]);
    CHECK_ERR(ERR_OK, take(community, &acts[1], now));
    CHECK(!in_force(community, &treaties.id, now));
    sign_smaller(&charter, 2, &acts[1].object.id, &acts[2]);
    CHECK_ERR(ERR_OK, take(community, &acts[2], now));
    CHECK(in_force(community, &treaties.id, now)); /* held to the tighter charter besides */
    ended.previous = acts[2].object.id;
    sign_act(&ended, 3, 0, &acts[3]);
    CHECK_ERR(ERR_OK, take(community, &acts[3], now));
    CHECK(!in_force(community, &treaties.id, now));
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        finish_act(&acts[i]);
    }
    community_destroy(community);
}

/* What cannot count undoes nothing, however small its id: it is found out before. */
static void test_an_act_whose_treaty_cannot_be_undoes_nothing(void **state) {
    const struct instant now = {SAMPLE_NOW.ms + 3 * (int64_t)DURATION_DAY_MS};
    struct act made;
    struct act ended;
    struct act charter;
    struct made_act acts[4];
    struct community *community = create();
    (void)state;
    drafts(&samples.id, &made, &ended, &charter);
    sign_act(&made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(community, &acts[0], now));
    sign_smaller(&ended, 1, &acts[0].object.id, &acts[1]); /* of a treaty that it comes before */
    CHECK_ERR(ERR_DENY_TREATY, take(community, &acts[1], now));
    drafts(&acts[0].object.id, &made, &ended, &charter);
    sign_act(&charter, 2, 0, &acts[2]);
    CHECK_ERR(ERR_OK, take(community, &acts[2], now));
    sign_smaller(&made, 2, &acts[2].object.id, &acts[3]); /* a second time */
    CHECK_ERR(ERR_PEER_REPEATED, take(community, &acts[3], now));
    CHECK(community_act_count(community) == 3);
    CHECK(id_equal(community_act_id(community, 1), &acts[0].object.id));
    CHECK(id_equal(community_act_id(community, 2), &acts[2].object.id));
    CHECK(in_force(community, &treaties.id, now));
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        finish_act(&acts[i]);
    }
    community_destroy(community);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_is_admitted_after_its_sponsors_and_once),
        cmocka_unit_test(test_standing_ends_with_ones_own_certificate_or_any_sponsors),
        cmocka_unit_test(test_a_sponsor_brings_no_more_than_its_allowance),
        cmocka_unit_test(test_a_chain_has_at_most_sixteen),
        cmocka_unit_test(test_one_without_allowance_or_in_anothers_name_brings_nobody),
        cmocka_unit_test(test_a_charter_needs_its_administrators),
        cmocka_unit_test(test_an_act_that_wins_undoes_a_treaty_that_was_made),
        cmocka_unit_test(test_an_act_that_wins_undoes_a_treatys_end),
        cmocka_unit_test(test_an_act_whose_treaty_cannot_be_undoes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
