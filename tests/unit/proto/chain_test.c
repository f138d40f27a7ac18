/* Charters, certificates and chains (PROTOCOL 4.1 to 4.3): everything as it must be but one thing.
 */
#include <string.h>

#include "proto/community.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)

static struct sample_community community;
static struct charter charter;
static struct governance governance;

/* One certificate to be made: who signs what, and what is spoilt before it is signed. */
struct draft {
    struct member member;
    struct invite invite;
    struct member sponsor;
    const struct sign_secret *invite_signer;
    bool no_invite_key, no_node, no_owner, no_sponsor_node;
    const struct sign_secret *instead; /* signs in place of the sponsor's node */
    enum object_kind invite_kind;
};

static int set_up(void **state) {
    struct signed_object object;
    (void)state;
    sample_community_init(&community);
    if (signed_decode(buffer_bytes(&community.charter), &object) != ERR_OK ||
        charter_decode(object.body, &charter) != ERR_OK ||
        governance_found(&governance, &object, &charter) != ERR_OK) {
        return -1;
    }
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* The neighbour's certificate, by the founder's invite. */
static void start(struct draft *draft) {
    const struct sample_home *founder = &community.homes[SAMPLE_FOUNDER];
    *draft = (struct draft){
        .invite = {.head = {.community = community.id,
                            .author = founder->certificate,
                            .created = {SAMPLE_NOW.ms - DAYS(30)},
                            .expires = {SAMPLE_NOW.ms - DAYS(22)}},
                   .role = MEMBER_HOME,
                   .invite_allowance = 2},
        .invite_signer = &founder->owner.sign,
        .invite_kind = OBJECT_INVITE,
    };
    sample_member(&community, SAMPLE_NEIGHBOUR, (struct bytes){NULL, 0}, &draft->member);
    sample_member(&community, SAMPLE_FOUNDER, (struct bytes){NULL, 0}, &draft->sponsor);
}

static enum err judge(struct draft *draft) {
    const struct sample_home *home = &community.homes[SAMPLE_NEIGHBOUR];
    static const uint8_t secret[16] = {7};
    struct sign_secret key;
    struct buffer body;
    struct buffer invite = {0};
    struct buffer whole;
    struct signed_object object;
    struct member member;
    const struct sign_secret *keys[4];
    size_t count = 0;
    invite_key(secret, &key, &draft->invite.key);
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, invite_encode(&draft->invite, &body));
    (void)sample_sign(draft->invite_kind, buffer_bytes(&body), &draft->invite_signer, 1, &invite);
    draft->member.invite = buffer_bytes(&invite);
    buffer_clear(&body);
    CHECK_ERR(ERR_OK, member_encode(&draft->member, &body));
    const struct sign_secret *sponsor_node =
        draft->instead != NULL ? draft->instead : &community.homes[SAMPLE_FOUNDER].node;
    const struct {
        bool leave_out;
        const struct sign_secret *key;
    } signers[] = {{draft->no_invite_key, &key},
                   {draft->no_owner, &home->owner.sign},
                   {draft->no_node, &home->node},
                   {draft->no_sponsor_node, sponsor_node}};
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        if (!signers[i].leave_out) {
            keys[count++] = signers[i].key;
        }
    }
    (void)sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, count, &whole);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&whole), &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &member));
    enum err err = member_verify(&governance, &object, &member, &draft->sponsor);
    buffer_finish(&whole);
    buffer_finish(&body);
    buffer_finish(&invite);
    return err;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct draft *d) {                                                            \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(nothing, (void)d)
SPOIL(allowance_within_the_invite, d->member.invite_allowance = 2)
SPOIL(a_requester_as_invited, d->member.role = d->invite.role = MEMBER_REQUESTER)
SPOIL(life_of_400_days, d->member.head.expires.ms = d->member.head.created.ms + DAYS(400))
SPOIL(made_as_the_invite_was, d->member.head.created = d->invite.head.created)
SPOIL(life_over_400_days, d->member.head.expires.ms = d->member.head.created.ms + DAYS(400) + 1)
SPOIL(other_community, d->member.head.community.b[0] ^= 1)
SPOIL(invite_of_other_community, d->invite.head.community.b[0] ^= 1)
SPOIL(invite_of_other_sponsor, d->invite.head.author.b[0] ^= 1)
SPOIL(author_not_the_inviter, d->member.head.author.b[0] ^= 1)
SPOIL(made_before_the_invite, d->member.head.created.ms = d->invite.head.created.ms - 1)
SPOIL(made_when_the_invite_ended, d->member.head.created = d->invite.head.expires)
SPOIL(higher_role, d->member.role = MEMBER_REQUESTER)
SPOIL(administrator_by_invite, d->member.role = d->invite.role = MEMBER_ADMINISTRATOR)
SPOIL(more_allowance_than_invited, d->member.invite_allowance = 3)
SPOIL(invite_hands_on_too_much, d->invite.invite_allowance = 9)
SPOIL(sponsor_may_not_invite, d->sponsor.invite_allowance = 0)
SPOIL(sponsor_is_an_outsider, d->sponsor.role = MEMBER_REQUESTER)
SPOIL(sponsor_is_a_witness, d->sponsor.role = MEMBER_WITNESS)
SPOIL(no_invite_key_signature, d->no_invite_key = true)
SPOIL(no_owner_signature, d->no_owner = true)
SPOIL(no_node_signature, d->no_node = true)
SPOIL(no_countersignature, d->no_sponsor_node = true)
SPOIL(countersigned_by_another_node, d->instead = &community.homes[SAMPLE_AGENCY].node)
SPOIL(invite_by_a_stranger, d->invite_signer = &community.homes[SAMPLE_AGENCY].owner.sign)
SPOIL(invite_by_the_sponsors_node, d->invite_signer = &community.homes[SAMPLE_FOUNDER].node)
SPOIL(invite_is_another_kind, d->invite_kind = OBJECT_CHARTER)
SPOIL(a_second_owner_who_did_not_sign, d->member.owner_count = 2;
      d->member.owners[1] = community.homes[SAMPLE_AGENCY].owner_public;
      d->member.owner_names[1][0] = 'B')

static const struct {
    const char *what;
    void (*spoil)(struct draft *draft);
    enum err err;
} cases[] = {
#define CASE(name, err)                                                                            \
    { #name, name, err }
    CASE(nothing, ERR_OK),
    CASE(allowance_within_the_invite, ERR_OK),
    CASE(a_requester_as_invited, ERR_OK),
    CASE(life_of_400_days, ERR_OK),
    CASE(made_as_the_invite_was, ERR_OK),
    CASE(life_over_400_days, ERR_PEER_CERTIFICATE),
    CASE(other_community, ERR_PEER_CERTIFICATE),
    CASE(invite_of_other_community, ERR_PEER_CERTIFICATE),
    CASE(invite_of_other_sponsor, ERR_PEER_CERTIFICATE),
    CASE(author_not_the_inviter, ERR_PEER_CERTIFICATE),
    CASE(made_before_the_invite, ERR_PEER_CERTIFICATE),
    CASE(made_when_the_invite_ended, ERR_PEER_CERTIFICATE),
    CASE(higher_role, ERR_DENY_ROLE),
    CASE(administrator_by_invite, ERR_DENY_ROLE),
    CASE(more_allowance_than_invited, ERR_DENY_ROLE),
    CASE(invite_hands_on_too_much, ERR_DENY_ROLE),
    CASE(sponsor_may_not_invite, ERR_DENY_ROLE),
    CASE(sponsor_is_an_outsider, ERR_DENY_ROLE),
    CASE(sponsor_is_a_witness, ERR_DENY_ROLE),
    CASE(no_invite_key_signature, ERR_PEER_SIGNATURE),
    CASE(no_owner_signature, ERR_PEER_SIGNATURE),
    CASE(no_node_signature, ERR_PEER_SIGNATURE),
    CASE(no_countersignature, ERR_PEER_SIGNATURE),
    CASE(countersigned_by_another_node, ERR_PEER_SIGNATURE),
    CASE(invite_by_a_stranger, ERR_PEER_SIGNATURE),
    CASE(invite_by_the_sponsors_node, ERR_PEER_SIGNATURE),
    CASE(invite_is_another_kind, ERR_PEER_CERTIFICATE),
    CASE(a_second_owner_who_did_not_sign, ERR_PEER_SIGNATURE),
};

static void test_one_thing_wrong_spoils_a_joined_certificate(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct draft draft;
        start(&draft);
        cases[i].spoil(&draft);
        enum err err = judge(&draft);
        if (err != cases[i].err) {
            fail_msg("%s: expected %s, got %s", cases[i].what, err_name(cases[i].err),
                     err_name(err));
        }
    }
}

/* Signs the founder's certificate as changed with the keys named by their letters: owner,
 * node, stranger's owner. */
static enum err judge_founder(const struct member *changed, const char *letters) {
    const struct sample_home *home = &community.homes[SAMPLE_FOUNDER];
    const struct sign_secret *keys[3];
    struct buffer body;
    struct buffer whole;
    struct signed_object object;
    struct member member;
    size_t count = 0;
    for (; letters[count] != '\0'; count++) {
        keys[count] = letters[count] == 'o'   ? &home->owner.sign
                      : letters[count] == 'n' ? &home->node
                                              : &community.homes[SAMPLE_AGENCY].owner.sign;
    }
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, member_encode(changed, &body));
    (void)sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, count, &whole);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&whole), &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &member));
    enum err err = member_verify(&governance, &object, &member, NULL);
    buffer_finish(&whole);
    buffer_finish(&body);
    return err;
}

static void test_a_founder_is_an_administrator_who_owns_the_home(void **state) {
    (void)state;
    struct member good;
    struct member member;
    sample_member(&community, SAMPLE_FOUNDER, (struct bytes){NULL, 0}, &good);
    CHECK_ERR(ERR_OK, judge_founder(&good, "on"));
    CHECK_ERR(ERR_PEER_SIGNATURE, judge_founder(&good, "o"));
    CHECK_ERR(ERR_PEER_SIGNATURE, judge_founder(&good, "n"));
    CHECK_ERR(ERR_PEER_SIGNATURE, judge_founder(&good, "ns"));
    member = good;
    member.role = MEMBER_HOME;
    CHECK_ERR(ERR_PEER_CERTIFICATE, judge_founder(&member, "on"));
    member = good;
    member.invite_allowance = charter.invite_allowance + 1;
    CHECK_ERR(ERR_PEER_CERTIFICATE, judge_founder(&member, "on"));
    member = good;
    member.owners[0] =
        community.homes[SAMPLE_AGENCY].owner_public; /* the administrator only signs */
    CHECK_ERR(ERR_PEER_CERTIFICATE, judge_founder(&member, "ons"));
    member.owner_count = 2; /* an administrator beside another owner */
    member.owners[1] = community.homes[SAMPLE_FOUNDER].owner_public;
    member.owner_names[1][0] = 'B';
    CHECK_ERR(ERR_OK, judge_founder(&member, "ons"));
    CHECK_ERR(ERR_PEER_SIGNATURE, judge_founder(&member, "on"));
}

/* Neither may a joiner pass for a founder nor the other way round. */
static void test_a_sponsor_is_there_exactly_for_the_joined(void **state) {
    (void)state;
    struct signed_object object;
    struct member founder;
    struct member neighbour;
    CHECK_ERR(ERR_OK,
              signed_decode(buffer_bytes(&community.homes[SAMPLE_NEIGHBOUR].member), &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &neighbour));
    CHECK_ERR(ERR_PEER_CERTIFICATE, member_verify(&governance, &object, &neighbour, NULL));
    CHECK_ERR(ERR_OK,
              signed_decode(buffer_bytes(&community.homes[SAMPLE_FOUNDER].member), &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &founder));
    CHECK_ERR(ERR_PEER_CERTIFICATE, member_verify(&governance, &object, &founder, &founder));
}

static void test_a_charter_needs_k_of_its_administrators(void **state) {
    (void)state;
    const struct sign_secret *const keys[] = {&community.homes[1].owner.sign,
                                              &community.homes[2].owner.sign,
                                              &community.homes[3].owner.sign};
    struct charter changed = charter;
    struct buffer body;
    changed.administrator_count = 2;
    changed.administrators[1] = community.homes[2].owner_public.sign;
    changed.threshold = 2;
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, charter_encode(&changed, &body));
    static const struct {
        size_t first, count;
        enum err err;
    } by[] = {
        {0, 2, ERR_OK}, {0, 3, ERR_OK}, {0, 1, ERR_PEER_SIGNATURE}, {1, 2, ERR_PEER_SIGNATURE}};
    for (size_t i = 0; i < COUNT_OF(by); i++) {
        struct buffer whole;
        struct signed_object object;
        (void)sample_sign(OBJECT_CHARTER, buffer_bytes(&body), keys + by[i].first, by[i].count,
                          &whole);
        CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&whole), &object));
        struct governance found;
        CHECK_ERR(by[i].err, governance_found(&found, &object, &changed));
        object.kind = OBJECT_MEMBER;
        CHECK_ERR(ERR_PEER_CERTIFICATE, governance_found(&found, &object, &changed));
        buffer_finish(&whole);
    }
    buffer_finish(&body);
}

static void test_a_chain_is_whole_in_order_and_alive(void **state) {
    (void)state;
    struct bytes founder = buffer_bytes(&community.homes[SAMPLE_FOUNDER].member);
    struct bytes neighbour = buffer_bytes(&community.homes[SAMPLE_NEIGHBOUR].member);
    struct bytes agency = buffer_bytes(&community.homes[SAMPLE_AGENCY].member);
    struct governance other = governance;
    struct id leaf_id;
    struct instant later = instant_add(SAMPLE_NOW, (struct duration){DAYS(300)});
    other.community.b[31] ^= 1;
    const struct {
        const char *what;
        struct bytes chain[3];
        size_t count;
        struct instant now;
        enum err err;
    } chains[] = {
        {"founder", {founder}, 1, SAMPLE_NOW, ERR_OK},
        {"joined", {founder, agency}, 2, SAMPLE_NOW, ERR_OK},
        {"at its last moment", {founder, agency}, 2, {later.ms - 1}, ERR_OK},
        {"expired", {founder, agency}, 2, later, ERR_DENY_EXPIRED},
        {"empty", {founder}, 0, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"too long", {founder}, CHAIN_PARTS_MAX + 1, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"without its founder", {agency}, 1, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"upside down", {agency, founder}, 2, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"siblings", {founder, neighbour, agency}, 3, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"two founders", {founder, founder}, 2, SAMPLE_NOW, ERR_PEER_CERTIFICATE},
        {"a request in it",
         {founder, {community.request.at, community.request.len}},
         2,
         SAMPLE_NOW,
         ERR_PEER_MALFORMED},
        {"cut off", {founder, {agency.at, agency.len - 1}}, 2, SAMPLE_NOW, ERR_PEER_MALFORMED},
    };
    for (size_t i = 0; i < COUNT_OF(chains); i++) {
        struct member leaf;
        memset(&leaf, 0xa5, sizeof leaf);
        enum err err = chain_verify(&governance, chains[i].chain, chains[i].count, chains[i].now,
                                    &leaf, &leaf_id);
        if (err != chains[i].err) {
            fail_msg("%s: expected %s, got %s", chains[i].what, err_name(chains[i].err),
                     err_name(err));
        }
        CHECK((err == ERR_OK) == (leaf.owner_count != (size_t)0xa5a5a5a5a5a5a5a5));
    }
    struct member leaf;
    CHECK_ERR(ERR_PEER_CERTIFICATE, chain_verify(&other, &founder, 1, SAMPLE_NOW, &leaf, &leaf_id));
}

/* By an act, and alone: those whom it brought before stay, and who came by it since does not. */
static void test_who_was_removed_brings_nobody_in(void **state) {
    (void)state;
    static struct governance removed; /* large */
    const struct bytes chain[] = {buffer_bytes(&community.homes[SAMPLE_FOUNDER].member),
                                  buffer_bytes(&community.homes[SAMPLE_AGENCY].member)};
    struct signed_object object;
    struct member member;
    struct id id;
    CHECK_ERR(ERR_OK, signed_decode(chain[1], &object));
    CHECK_ERR(ERR_OK, member_decode(object.body, &member));
    const int64_t made = member.head.created.ms;
    const struct {
        int64_t at;
        bool subtree;
        enum err err;
    } removals[] = {
        {made + 1, false, ERR_OK},
        {made + 1, true, ERR_DENY_REMOVED},
        {made, false, ERR_DENY_REMOVED},
        {made - 1, false, ERR_DENY_REMOVED},
    };
    for (size_t i = 0; i < COUNT_OF(removals); i++) {
        removed = governance;
        removed.removed_count = 1;
        removed.removed[0].member = community.homes[SAMPLE_FOUNDER].certificate;
        removed.removed[0].at.ms = removals[i].at;
        removed.removed[0].subtree = removals[i].subtree;
        CHECK_ERR(removals[i].err, chain_verify(&removed, chain, 2, SAMPLE_NOW, &member, &id));
        CHECK_ERR(ERR_DENY_REMOVED, chain_verify(&removed, chain, 1, SAMPLE_NOW, &member, &id));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thing_wrong_spoils_a_joined_certificate),
        cmocka_unit_test(test_a_founder_is_an_administrator_who_owns_the_home),
        cmocka_unit_test(test_a_sponsor_is_there_exactly_for_the_joined),
        cmocka_unit_test(test_a_charter_needs_k_of_its_administrators),
        cmocka_unit_test(test_a_chain_is_whole_in_order_and_alive),
        cmocka_unit_test(test_who_was_removed_brings_nobody_in),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
