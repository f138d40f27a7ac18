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

static enum err admit(struct community *community, int number) {
    return sample_admit(community, buffer_bytes(&samples.homes[number].member));
}

/* A home that `sponsor` brought so much later than others, with keys that follow from `number`. */
static struct id bring_at(int number, int64_t later_ms, const struct id *sponsor,
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
    member.head.created.ms += later_ms;
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

static struct id bring(int number, const struct id *sponsor,
                       const struct sign_secret *sponsor_owner,
                       const struct sign_secret *sponsor_node, uint32_t allowance,
                       struct sign_secret *owner_out, struct sign_secret *node_out,
                       struct buffer *out) {
    return bring_at(number, 0, sponsor, sponsor_owner, sponsor_node, allowance, owner_out, node_out,
                    out);
}

enum {
    ALLOWED = 8, /* the founder */
    SIGNED = 12, /* and so many it signs */
    ORDERS = 20,
};

struct signed_one {
    struct id id;
    struct sign_secret owner, node;
    struct buffer bytes;
};

/* By the founder; two at each time, so that some are apart by their ids alone. */
static void sign_too_many(struct signed_one *list, int count) {
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    for (int i = 0; i < count; i++) {
        list[i].id = bring_at(100 + i, 1000 * (i / 2), &founder->certificate, &founder->owner.sign,
                              &founder->node, 2, &list[i].owner, &list[i].node, &list[i].bytes);
    }
    for (int i = 0; i + 1 < count; i += 2) {
        if (id_compare(&list[i].id, &list[i + 1].id) > 0) {
            struct signed_one higher = list[i];
            list[i] = list[i + 1];
            list[i + 1] = higher;
        }
    }
}

static void finish_signed(struct signed_one *list, int count) {
    for (int i = 0; i < count; i++) {
        buffer_finish(&list[i].bytes);
    }
}

static void test_a_certificate_is_admitted_after_its_sponsors_and_once(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    CHECK_ERR(ERR_PEER_UNKNOWN, admit(community, SAMPLE_NEIGHBOUR));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR));
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

/* Whoever is brought in brings as many as it likes below it, and leaves room for others. */
static void test_nobody_fills_all_places(void **state) {
    static struct signed_one tree[1 + COMMUNITY_BRANCH_MAX + 1]; /* its top first */
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    struct community *community = sample_found(&samples);
    struct signed_one other;
    (void)state;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    for (int i = 0; i <= COMMUNITY_BRANCH_MAX + 1; i++) {
        const struct signed_one *above = &tree[i == 0 ? 0 : (i - 1) / ALLOWED];
        struct signed_one *one = &tree[i];
        one->id = bring_at(24 + i % 226, 1 + i, i == 0 ? &founder->certificate : &above->id,
                           i == 0 ? &founder->owner.sign : &above->owner,
                           i == 0 ? &founder->node : &above->node, ALLOWED, &one->owner, &one->node,
                           &one->bytes);
        CHECK_ERR(i <= COMMUNITY_BRANCH_MAX ? ERR_OK : ERR_FULL_TABLE,
                  sample_admit(community, buffer_bytes(&one->bytes)));
    }
    other.id = bring(250, &founder->certificate, &founder->owner.sign, &founder->node, ALLOWED,
                     &other.owner, &other.node, &other.bytes);
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&other.bytes)));
    finish_signed(tree, COUNT_OF(tree));
    finish_signed(&other, 1);
    community_destroy(community);
}

static void test_of_equal_renewals_the_smaller_id_counts(void **state) {
    struct community *community = sample_found(&samples);
    const struct id *member = &samples.homes[SAMPLE_FOUNDER].certificate;
    const struct id high = {{9}};
    const struct id low = {{8}};
    (void)state;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    const struct instant until = {community_ends(community, member).ms + 1000};
    CHECK(community_renews(community, member, until, &high));
    community_renew(community, member, until, &high);
    CHECK(community_renews(community, member, until, &low));
    community_renew(community, member, until, &low);
    CHECK(!community_renews(community, member, until, &high));
    community_destroy(community);
}

static void test_standing_ends_with_ones_own_certificate_or_any_sponsors(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    struct member founder;
    sample_member(&samples, SAMPLE_FOUNDER, (struct bytes){NULL, 0}, &founder);
    const struct instant last = {founder.head.expires.ms - 1};
    const struct instant end = founder.head.expires;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR));
    const struct id *neighbour = &samples.homes[SAMPLE_NEIGHBOUR].certificate;
    CHECK(community_in_standing(community, neighbour, last));
    CHECK(!community_in_standing(community, neighbour, end));
    CHECK(community_find(community, neighbour) != NULL); /* known for the record */
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_AGENCY));  /* others may hang on it */
    CHECK(!community_in_standing(community, &samples.homes[SAMPLE_AGENCY].certificate, end));
    community_destroy(community);
}

/* Whatever came first, or came twice: the lowest count, as many as are allowed. */
static void test_of_too_many_the_lowest_count_in_whatever_order_they_come(void **state) {
    static struct signed_one list[SIGNED];
    uint32_t random = 1;
    (void)state;
    sign_too_many(list, SIGNED);
    for (int order = 0; order < ORDERS; order++) {
        struct community *community = sample_found(&samples);
        int places[SIGNED];
        CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
        for (int i = 0; i < SIGNED; i++) {
            places[i] = order == 0 ? i : SIGNED - 1 - i;
        }
        for (int i = SIGNED - 1; i > 0 && order > 1; i--) {
            random = random * 1664525U + 1013904223U;
            int k = (int)((random >> 8) % (uint32_t)(i + 1));
            int other = places[i];
            places[i] = places[k];
            places[k] = other;
        }
        for (int i = 0; i < 2 * SIGNED; i++) {
            enum err err = sample_admit(community, buffer_bytes(&list[places[i % SIGNED]].bytes));
            CHECK(err == ERR_OK || err == ERR_DENY_QUOTA);
        }
        for (int i = 0; i < SIGNED; i++) {
            CHECK(community_counts(community, &list[i].id) == (i < ALLOWED));
            CHECK(community_in_standing(community, &list[i].id, SAMPLE_NOW) == (i < ALLOWED));
        }
        community_destroy(community);
    }
    finish_signed(list, SIGNED);
}

/* With all below it; each is named once, keeps its number, and nothing may be said of it. */
static void test_one_in_whose_place_another_counts_goes_with_those_below(void **state) {
    static struct signed_one list[SIGNED];
    struct sign_secret owner;
    struct sign_secret node;
    struct buffer below_bytes;
    struct id gone[3];
    struct id by[3];
    struct instant at = {1};
    (void)state;
    struct community *community = sample_found(&samples);
    sign_too_many(list, SIGNED);
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    for (int i = 1; i <= ALLOWED; i++) {
        CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&list[i].bytes)));
    }
    const struct signed_one *highest = &list[ALLOWED];
    const struct id below = bring_at(50, 60000, &highest->id, &highest->owner, &highest->node, 0,
                                     &owner, &node, &below_bytes);
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&below_bytes)));
    size_t number = community_number(community, &highest->id);
    CHECK(!community_take_displaced(community, &gone[0], &by[0]));
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&list[0].bytes)));
    CHECK(community_take_displaced(community, &gone[0], &by[0]));
    CHECK(community_take_displaced(community, &gone[1], &by[1]));
    CHECK(!community_take_displaced(community, &gone[2], &by[2]));
    CHECK(id_equal(&gone[0], &highest->id) && id_equal(&by[0], &list[0].id));
    CHECK(id_equal(&gone[1], &below) && id_equal(&by[1], &list[0].id));
    for (int i = 0; i < 2; i++) {
        CHECK(community_is_removed(community, &gone[i], &at) && at.ms == 0);
        CHECK(!community_in_standing(community, &gone[i], SAMPLE_NOW));
        CHECK_ERR(
            ERR_PEER_UNKNOWN,
            community_may_remove(community, &samples.homes[SAMPLE_FOUNDER].certificate, &gone[i]));
        CHECK_ERR(
            ERR_PEER_UNKNOWN,
            community_may_renew(community, &samples.homes[SAMPLE_FOUNDER].certificate, &gone[i]));
    }
    CHECK(community_number(community, &highest->id) == number);
    CHECK(id_equal(community_member_id(community, number), &highest->id));
    CHECK(community_size(community) == ALLOWED + 3);
    CHECK_ERR(ERR_DENY_QUOTA, sample_admit(community, buffer_bytes(&highest->bytes)));
    CHECK_ERR(ERR_PEER_UNKNOWN, sample_admit(community, buffer_bytes(&below_bytes)));
    buffer_finish(&below_bytes);
    finish_signed(list, SIGNED);
    community_destroy(community);
}

static void test_a_place_is_left_only_where_nobody_loses_one(void **state) {
    static struct signed_one list[SIGNED];
    struct signed_object object;
    struct member member;
    (void)state;
    struct community *community = sample_found(&samples);
    sign_too_many(list, SIGNED);
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    for (int i = 1; i <= ALLOWED; i++) {
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&list[i].bytes), &object));
        CHECK_ERR(ERR_OK, member_decode(object.body, &member));
        CHECK(community_lets_bring(community, &object.id, &member));
        CHECK_ERR(ERR_OK, community_admit(community, &object, &member));
    }
    for (int i = 0; i < SIGNED; i += ALLOWED + 1) { /* one dated before, one after */
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&list[i].bytes), &object));
        CHECK_ERR(ERR_OK, member_decode(object.body, &member));
        CHECK(!community_lets_bring(community, &object.id, &member));
    }
    finish_signed(list, SIGNED);
    community_destroy(community);
}

static void test_one_sponsor_displaces_only_so_many_in_one_run(void **state) {
    static struct signed_one list[ALLOWED + COMMUNITY_DISPLACED_MAX + 1];
    const int count = (int)COUNT_OF(list);
    (void)state;
    struct community *community = sample_found(&samples);
    sign_too_many(list, count);
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    for (int i = count - 1; i >= 0; i--) { /* each lower than all before */
        CHECK_ERR(i > 0 ? ERR_OK : ERR_DENY_QUOTA,
                  sample_admit(community, buffer_bytes(&list[i].bytes)));
    }
    for (int i = 0; i < count; i++) {
        CHECK(community_counts(community, &list[i].id) == (i >= 1 && i <= ALLOWED));
    }
    finish_signed(list, count);
    community_destroy(community);
}

/* So long after the founder's certificate was made; it follows the founding charter. */
static void follow_act(struct community *community, int64_t later_ms, struct act *act) {
    struct member founder;
    struct act decoded;
    struct buffer bytes;
    struct signed_object object;
    const struct sign_secret *key = &samples.homes[SAMPLE_FOUNDER].owner.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    sample_member(&samples, SAMPLE_FOUNDER, (struct bytes){NULL, 0}, &founder);
    act->head = (struct head){.community = samples.id,
                              .created = {founder.head.created.ms + later_ms},
                              .expires = INSTANT_FOR_GOOD};
    act->previous = samples.id;
    CHECK_ERR(ERR_OK, act_encode(act, &body));
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), &key, 1, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    CHECK_ERR(ERR_OK, act_decode(object.body, &decoded));
    CHECK_ERR(ERR_OK, community_follow(community, &object, &decoded));
    buffer_finish(&bytes);
}

/* An act that lets homes bring in so many. */
static void follow(struct community *community, int64_t later_ms, uint32_t allowance) {
    struct act act = {.has_charter = true};
    sample_charter(&samples, &act.charter);
    act.charter.invite_allowance = allowance;
    follow_act(community, later_ms, &act);
}

/* One that lets an outsider in, later than all certificates here. */
static struct id let_in(struct community *community) {
    const struct sample_home *home = &samples.homes[SAMPLE_AGENCY];
    const struct sign_secret *keys[] = {&home->owner.sign, &home->node};
    struct act act = {.has_admission = true};
    struct member member;
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    sample_member(&samples, SAMPLE_AGENCY, (struct bytes){NULL, 0}, &member);
    member.role = MEMBER_OUTSIDER;
    member.head.author = (struct id){{0}};
    CHECK_ERR(ERR_OK, member_encode(&member, &body));
    const struct id id = sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, 2, &bytes);
    act.admission = (struct admission){.member = buffer_bytes(&bytes),
                                       .kind = OUTSIDER_AGENCY,
                                       .instruments = 1,
                                       .live_requests = 1,
                                       .door_count = 1,
                                       .doors = {samples.homes[SAMPLE_FOUNDER].certificate},
                                       .until = member.head.expires};
    follow_act(community, 100 * (int64_t)DURATION_DAY_MS, &act);
    buffer_finish(&bytes);
    return id;
}

/* As many homes, whether the act that lets it in came before them, as after a start, or later. */
static void test_an_outsider_takes_no_homes_place(void **state) {
    static struct signed_one list[COMMUNITY_HOMES_MAX]; /* four branches, and one too many */
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    struct community *communities[] = {sample_found(&samples), sample_found(&samples)};
    (void)state;
    const struct id outsider = let_in(communities[0]);
    CHECK_ERR(ERR_OK, admit(communities[0], SAMPLE_FOUNDER));
    CHECK_ERR(ERR_OK, admit(communities[1], SAMPLE_FOUNDER));
    for (int i = 0; i < (int)COUNT_OF(list); i++) {
        struct signed_one *one = &list[i];
        int number = i % COMMUNITY_BRANCH_MAX;
        const struct signed_one *above =
            &list[i - number + (number == 0 ? 0 : (number - 1) / ALLOWED)];
        one->id = bring_at(24 + i % 226, 1 + i, number == 0 ? &founder->certificate : &above->id,
                           number == 0 ? &founder->owner.sign : &above->owner,
                           number == 0 ? &founder->node : &above->node, ALLOWED, &one->owner,
                           &one->node, &one->bytes);
        for (int k = 0; k < 2; k++) {
            CHECK_ERR(i + 1 < COMMUNITY_HOMES_MAX ? ERR_OK : ERR_FULL_TABLE,
                      sample_admit(communities[k], buffer_bytes(&one->bytes)));
        }
    }
    (void)let_in(communities[1]);
    for (int k = 0; k < 2; k++) {
        CHECK(community_counts(communities[k], &outsider));
        CHECK(community_size(communities[k]) == COMMUNITY_HOMES_MAX + 1);
        community_destroy(communities[k]);
    }
    finish_signed(list, COUNT_OF(list));
}

/* The charter of the time when one was made, whether it came before it or after; and who lost its
 * place by one that counts no more has it again once it comes again. */
static void test_the_charter_of_the_time_counts_whenever_it_comes(void **state) {
    static struct signed_one list[SIGNED];
    struct id gone;
    struct id by;
    (void)state;
    sign_too_many(list, SIGNED);
    for (int first = 0; first < 2; first++) {
        struct community *community = sample_found(&samples);
        CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
        if (first == 0) {
            follow(community, 2000, 6); /* 0 to 3 were made before it */
        }
        for (int i = SIGNED - 1; i >= 0; i--) {
            (void)sample_admit(community, buffer_bytes(&list[i].bytes));
        }
        while (community_take_displaced(community, &gone, &by)) {
        }
        if (first == 1) {
            follow(community, 2000, 6);
            for (int i = 6; i < ALLOWED; i++) {
                CHECK(community_take_displaced(community, &gone, &by));
                CHECK(id_equal(&by, community_act_id(community, 1)));
            }
            CHECK(!community_take_displaced(community, &gone, &by));
        }
        for (int i = 0; i < SIGNED; i++) {
            CHECK(community_counts(community, &list[i].id) == (i < 6));
        }
        CHECK_ERR(ERR_DENY_CHARTER, sample_admit(community, buffer_bytes(&list[6].bytes)));
        community_rewind(community, 0);
        follow(community, 2001, 7); /* the founder's own certificate lets it bring in 8 */
        CHECK(!community_counts(community, &list[6].id));
        for (int i = SIGNED - 1; i >= 0; i--) {
            (void)sample_admit(community, buffer_bytes(&list[i].bytes));
        }
        for (int i = 0; i < SIGNED; i++) {
            CHECK(community_counts(community, &list[i].id) == (i < 7));
            CHECK(community_in_standing(community, &list[i].id, SAMPLE_NOW) == (i < 7));
        }
        community_destroy(community);
    }
    finish_signed(list, SIGNED);
}

static void test_a_chain_has_at_most_sixteen(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    struct sign_secret owner = founder->owner.sign;
    struct sign_secret node = founder->node;
    struct id sponsor = founder->certificate;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    for (int i = 1; i <= CHAIN_MAX; i++) {
        struct sign_secret next_owner;
        struct sign_secret next_node;
        struct buffer bytes;
        struct id id = bring(100 + i, &sponsor, &owner, &node, 8, &next_owner, &next_node, &bytes);
        CHECK_ERR(i < CHAIN_MAX ? ERR_OK : ERR_PEER_CERTIFICATE,
                  sample_admit(community, buffer_bytes(&bytes)));
        buffer_finish(&bytes);
        owner = next_owner;
        node = next_node;
        sponsor = id;
    }
    community_destroy(community);
}

static void test_one_without_allowance_or_in_anothers_name_brings_nobody(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    const struct sample_home *founder = &samples.homes[SAMPLE_FOUNDER];
    const struct sample_home *neighbour = &samples.homes[SAMPLE_NEIGHBOUR];
    struct sign_secret owner;
    struct sign_secret node;
    struct buffer bytes;
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_FOUNDER));
    CHECK_ERR(ERR_OK, admit(community, SAMPLE_NEIGHBOUR));
    (void)bring(100, &neighbour->certificate, &neighbour->owner.sign, &neighbour->node, 0, &owner,
                &node, &bytes);
    CHECK_ERR(ERR_DENY_ROLE, sample_admit(community, buffer_bytes(&bytes)));
    buffer_finish(&bytes);
    (void)bring(101, &founder->certificate, &neighbour->owner.sign, &neighbour->node, 0, &owner,
                &node, &bytes);
    CHECK_ERR(ERR_PEER_SIGNATURE, sample_admit(community, buffer_bytes(&bytes)));
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

static struct acts_rig {
    struct community *community;
    struct instant now;
    struct act made, ended, charter; /* drafts: a treaty is made, it is ended, a tighter charter */
    struct made_act acts[4];
} rig;

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
static enum err take(const struct made_act *act) {
    enum act_place place = community_place(rig.community, &act->object.id, &act->act, rig.now);
    CHECK(place == ACT_NEXT || place == ACT_WINS);
    enum err err = community_judge_act(rig.community, &act->object, &act->act);
    if (err == ERR_OK && place == ACT_WINS) {
        community_rewind(rig.community, community_act_number(rig.community, &act->act.previous));
    }
    if (err == ERR_OK) { /* what was judged good follows */
        CHECK_ERR(ERR_OK, community_follow(rig.community, &act->object, &act->act));
    }
    return err;
}

static bool in_force(void) {
    return governance_treaty(community_governance(rig.community), &treaties.id, rig.now) != NULL;
}

static void draft_after(const struct id *previous) {
    sample_treaty_act(&samples, buffer_bytes(&treaties.body), &rig.made);
    sample_treaty_act(&samples, (struct bytes){NULL, 0}, &rig.ended);
    sample_treaty_act(&samples, (struct bytes){NULL, 0}, &rig.charter);
    rig.ended.treaty_ended = treaties.id;
    rig.charter.has_charter = true;
    sample_charter(&samples, &rig.charter.charter);
    rig.charter.charter.caps.span_s = 600; /* less than the treaty's */
    rig.made.previous = rig.ended.previous = rig.charter.previous = *previous;
}

/* A community that has made no treaty, and what may come next. */
static int start_acts(void **state) {
    (void)state;
    rig = (struct acts_rig){.community = sample_found(&samples),
                            .now = {SAMPLE_NOW.ms + 3 * (int64_t)DURATION_DAY_MS}};
    draft_after(&samples.id);
    return 0;
}

static int finish_acts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rig.acts); i++) {
        finish_act(&rig.acts[i]);
    }
    community_destroy(rig.community);
    return 0;
}

static void test_an_act_that_wins_undoes_a_treaty_that_was_made(void **state) {
    struct made_act *acts = rig.acts;
    (void)state;
    sign_act(&rig.made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(&acts[0]));
    CHECK(in_force());
    sign_smaller(&rig.charter, 2, &acts[0].object.id, &acts[1]);
    CHECK_ERR(ERR_OK, take(&acts[1]));
    CHECK(!in_force());
    /* Where it comes after the charter that won, it is looser than that. */
    rig.made.previous = acts[1].object.id;
    sign_act(&rig.made, 3, 0, &acts[2]);
    CHECK_ERR(ERR_PEER_CERTIFICATE, take(&acts[2]));
    CHECK(community_act_count(rig.community) == 2);
}

static void test_an_act_that_wins_undoes_a_treatys_end(void **state) {
    struct made_act *acts = rig.acts;
    (void)state;
    sign_act(&rig.made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(&acts[0]));
    draft_after(&acts[0].object.id);
    sign_act(&rig.ended, 2, 0, &acts[1]);
    CHECK_ERR(ERR_OK, take(&acts[1]));
    CHECK(!in_force());
    sign_smaller(&rig.charter, 2, &acts[1].object.id, &acts[2]);
    CHECK_ERR(ERR_OK, take(&acts[2]));
    CHECK(in_force()); /* held to the tighter charter besides */
    rig.ended.previous = acts[2].object.id;
    sign_act(&rig.ended, 3, 0, &acts[3]);
    CHECK_ERR(ERR_OK, take(&acts[3]));
    CHECK(!in_force());
}

/* What cannot count undoes nothing, however small its id: it is found out before. */
static void test_an_act_whose_treaty_cannot_be_undoes_nothing(void **state) {
    struct made_act *acts = rig.acts;
    (void)state;
    sign_act(&rig.made, 1, 0, &acts[0]);
    CHECK_ERR(ERR_OK, take(&acts[0]));
    sign_smaller(&rig.ended, 1, &acts[0].object.id,
                 &acts[1]); /* of a treaty that it comes before */
    CHECK_ERR(ERR_DENY_TREATY, take(&acts[1]));
    draft_after(&acts[0].object.id);
    sign_act(&rig.charter, 2, 0, &acts[2]);
    CHECK_ERR(ERR_OK, take(&acts[2]));
    sign_smaller(&rig.made, 2, &acts[2].object.id, &acts[3]); /* a second time */
    CHECK_ERR(ERR_PEER_REPEATED, take(&acts[3]));
    CHECK(community_act_count(rig.community) == 3);
    CHECK(id_equal(community_act_id(rig.community, 1), &acts[0].object.id));
    CHECK(id_equal(community_act_id(rig.community, 2), &acts[2].object.id));
    CHECK(in_force());
}

#define TEST_ACTS(name) cmocka_unit_test_setup_teardown(name, start_acts, finish_acts)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_certificate_is_admitted_after_its_sponsors_and_once),
        cmocka_unit_test(test_nobody_fills_all_places),
        cmocka_unit_test(test_of_equal_renewals_the_smaller_id_counts),
        cmocka_unit_test(test_standing_ends_with_ones_own_certificate_or_any_sponsors),
        cmocka_unit_test(test_of_too_many_the_lowest_count_in_whatever_order_they_come),
        cmocka_unit_test(test_one_in_whose_place_another_counts_goes_with_those_below),
        cmocka_unit_test(test_a_place_is_left_only_where_nobody_loses_one),
        cmocka_unit_test(test_one_sponsor_displaces_only_so_many_in_one_run),
        cmocka_unit_test(test_the_charter_of_the_time_counts_whenever_it_comes),
        cmocka_unit_test(test_an_outsider_takes_no_homes_place),
        cmocka_unit_test(test_a_chain_has_at_most_sixteen),
        cmocka_unit_test(test_one_without_allowance_or_in_anothers_name_brings_nobody),
        cmocka_unit_test(test_a_charter_needs_its_administrators),
        TEST_ACTS(test_an_act_that_wins_undoes_a_treaty_that_was_made),
        TEST_ACTS(test_an_act_that_wins_undoes_a_treatys_end),
        TEST_ACTS(test_an_act_whose_treaty_cannot_be_undoes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
