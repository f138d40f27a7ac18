/* Who may ask from outside (PROTOCOL 4.11): by an act alone, as the newest one says, and its
 * officers with it. */
#include "node/community/community.h"

#include "tests/support/check.h"

#include <stdio.h>

#include "tests/support/samples.h"

enum {
    OUTSIDER = SAMPLE_AGENCY, /* its keys */
    OFFICER = SAMPLE_NEIGHBOUR,
};

struct many { /* outsiders, apart by the times of their certificates */
    struct id ids[COMMUNITY_OUTSIDERS_MAX + 1];
};

static struct sample_community samples;
static struct buffer certificate; /* of the outsider */
static struct id outsider;

static void outsider_member(struct member *out) {
    sample_member(&samples, OUTSIDER, (struct bytes){NULL, 0}, out);
    out->role = MEMBER_OUTSIDER;
    out->head.author = (struct id){{0}};
}

static struct id sign_outsider(const struct member *member, bool owner, bool node,
                               struct buffer *out) {
    const struct sample_home *home = &samples.homes[OUTSIDER];
    const struct sign_secret *keys[2];
    size_t count = 0;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    if (owner) {
        keys[count++] = &home->owner.sign;
    }
    if (node) {
        keys[count++] = &home->node;
    }
    CHECK_ERR(ERR_OK, member_encode(member, &body));
    return sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, count, out);
}

static int set_up(void **state) {
    struct member member;
    (void)state;
    sample_community_init(&samples);
    outsider_member(&member);
    outsider = sign_outsider(&member, true, true, &certificate);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    buffer_finish(&certificate);
    sample_community_finish(&samples);
    return 0;
}

static struct admission admission_of(struct bytes member) {
    return (struct admission){.member = member,
                              .kind = OUTSIDER_AGENCY,
                              .instruments = 1U << INSTRUMENT_SEARCH_WARRANT,
                              .live_requests = 2,
                              .door_count = 1,
                              .doors = {samples.homes[SAMPLE_FOUNDER].certificate},
                              .until = {SAMPLE_NOW.ms + 90 * (int64_t)DURATION_DAY_MS}};
}

/* The next act, by the one administrator. */
static enum err follow(struct community *community, struct act *act) {
    const struct governance *governance = community_governance(community);
    const struct sign_secret *keys[] = {&samples.homes[SAMPLE_FOUNDER].owner.sign};
    struct buffer whole;
    struct signed_object object;
    struct act decoded;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    act->head = (struct head){.community = governance->community,
                              .created = {governance->created.ms + 1000},
                              .expires = INSTANT_FOR_GOOD};
    act->previous = governance->head;
    CHECK_ERR(ERR_OK, act_encode(act, &body));
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), keys, 1, &whole);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&whole), &object));
    CHECK_ERR(ERR_OK, act_decode(object.body, &decoded));
    enum err err = community_follow(community, &object, &decoded);
    buffer_finish(&whole);
    return err;
}

static enum err admit(struct community *community, const struct admission *admission) {
    struct act act = {.has_admission = true, .admission = *admission};
    return follow(community, &act);
}

static void officer_member(struct member *out) {
    outsider_member(out);
    out->role = MEMBER_OFFICER;
    out->head.author = outsider;
    out->owners[0] = samples.homes[OFFICER].owner_public;
    (void)snprintf(out->name, NAME_MAX_BYTES, "Sgt. Lee");
    (void)snprintf(out->owner_names[0], NAME_MAX_BYTES, "Sgt. Lee");
}

static struct id sign_officer(const struct member *member, const struct sign_secret *sponsor,
                              struct buffer *out) {
    const struct sign_secret *keys[] = {&samples.homes[OFFICER].owner.sign, sponsor};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    CHECK_ERR(ERR_OK, member_encode(member, &body));
    return sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, sponsor == NULL ? 1 : 2, out);
}

/* One that was made so many milliseconds after its outsider. */
static enum err take_officer(struct community *community, int later, struct id *id) {
    struct member member;
    struct buffer bytes;
    officer_member(&member);
    member.head.created.ms += later;
    *id = sign_officer(&member, &samples.homes[OUTSIDER].owner.sign, &bytes);
    enum err err = sample_admit(community, buffer_bytes(&bytes));
    buffer_finish(&bytes);
    return err;
}

/* Another, whose certificate was made so many milliseconds later. */
static enum err admit_later(struct community *community, int later, int64_t until_ms,
                            struct id *id) {
    struct member member;
    struct buffer bytes;
    outsider_member(&member);
    member.head.created.ms += later;
    *id = sign_outsider(&member, true, true, &bytes);
    struct admission admission = admission_of(buffer_bytes(&bytes));
    admission.until.ms += until_ms;
    enum err err = admit(community, &admission);
    buffer_finish(&bytes);
    return err;
}

static enum err take_officer_of(struct community *community, const struct id *of, int later,
                                struct id *id) {
    const struct id before = outsider;
    outsider = *of;
    enum err err = take_officer(community, later, id);
    outsider = before;
    return err;
}

static size_t take_all_displaced(struct community *community) {
    struct id member;
    struct id by;
    size_t count = 0;
    while (community_take_displaced(community, &member, &by)) {
        count++;
    }
    return count;
}

static size_t count_of_role(const struct community *community, enum member_role role) {
    size_t count = 0;
    for (size_t i = 0; i < community_size(community); i++) {
        const struct id *id = community_member_id(community, i);
        count += community_counts(community, id) && community_find(community, id)->role == role;
    }
    return count;
}

static void test_an_act_alone_lets_an_outsider_in(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    const struct admission admission = admission_of(buffer_bytes(&certificate));
    CHECK_ERR(ERR_PEER_UNKNOWN, sample_admit(community, buffer_bytes(&certificate)));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK(community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK(community_is_outside(community, &outsider));
    CHECK(!community_in_standing(community, &outsider, admission.until));
    const struct outsider *as = governance_outsider(community_governance(community), &outsider);
    if (as == NULL) {
        fail_msg("it is not known");
        return;
    }
    CHECK(as->by == 2 && as->signers == 1);
    CHECK(as->admission.kind == OUTSIDER_AGENCY && as->admission.member.len == 0);
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&certificate))); /* it is known */
    CHECK(community_size(community) == 1);
    community_destroy(community);
}

static void test_an_act_with_a_bad_certificate_is_none(void **state) {
    (void)state;
    struct member member;
    struct buffer bytes;
    struct community *community = sample_found(&samples);
    const struct {
        const char *what;
        bool owner, node, role, elsewhere;
        enum err err;
    } cases[] = {
        {"no owner", false, true, true, false, ERR_PEER_SIGNATURE},
        {"no node", true, false, true, false, ERR_PEER_SIGNATURE},
        {"another community", true, true, true, true, ERR_PEER_CERTIFICATE},
        {"a founder's", true, true, false, false, ERR_PEER_CERTIFICATE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        outsider_member(&member);
        member.role = cases[i].role ? MEMBER_OUTSIDER : MEMBER_ADMINISTRATOR;
        member.head.community.b[0] ^= cases[i].elsewhere ? 1 : 0;
        (void)sign_outsider(&member, cases[i].owner, cases[i].node, &bytes);
        const struct admission admission = admission_of(buffer_bytes(&bytes));
        enum err err = admit(community, &admission);
        if (err != cases[i].err) {
            fail_msg("%s: %s", cases[i].what, err_name(err));
        }
        buffer_finish(&bytes);
    }
    CHECK(community_act_count(community) == 1);
    community_destroy(community);
}

static void test_the_newest_admission_counts_and_a_rewind_brings_back_the_one_before(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    struct admission admission = admission_of(buffer_bytes(&certificate));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    admission.suspended = true;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK(!community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK(community_governance(community)->outsider_count == 1);
    admission.suspended = false;
    admission.until.ms += DURATION_DAY_MS;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK(community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK(community_in_standing(community, &outsider, (struct instant){admission.until.ms - 1}));
    community_rewind(community, 2);
    CHECK(!community_in_standing(community, &outsider, SAMPLE_NOW));
    community_rewind(community, 1);
    CHECK(community_in_standing(community, &outsider, SAMPLE_NOW));
    community_rewind(community, 0);
    CHECK(!community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK(community_governance(community)->outsider_count == 0);
    CHECK_ERR(ERR_OK, admit(community, &admission)); /* and in another way again */
    CHECK(community_in_standing(community, &outsider, SAMPLE_NOW));
    community_destroy(community);
}

/* Administrators who undo their own acts let in others each time: no more than all places are
 * taken, and those of whom no act is left are nobody. */
static void test_outsiders_of_acts_that_lost_leave_their_places(void **state) {
    static struct many many[2];
    struct id officer;
    struct id id;
    (void)state;
    struct community *community = sample_found(&samples);
    for (int fork = 0; fork < 12; fork++) {
        struct many *now = &many[fork % 2];
        for (int i = 0; i < COMMUNITY_OUTSIDERS_MAX; i++) {
            CHECK_ERR(ERR_OK, admit_later(community, fork * 200 + i, 0, &now->ids[i]));
            bool first = fork > 0 && i == 0; /* with the officer of one of them */
            CHECK(take_all_displaced(community) == (first ? COMMUNITY_OUTSIDERS_MAX + 1 : 0));
        }
        CHECK_ERR(ERR_FULL_TABLE, admit_later(community, fork * 200 + 150, 0, &id));
        const struct id *last = &now->ids[COMMUNITY_OUTSIDERS_MAX - 1];
        CHECK_ERR(ERR_OK, take_officer_of(community, last, fork * 200 + 199, &officer));
        CHECK(count_of_role(community, MEMBER_OUTSIDER) == COMMUNITY_OUTSIDERS_MAX);
        for (int i = 0; i < COMMUNITY_OUTSIDERS_MAX; i++) {
            CHECK(community_counts(community, &now->ids[i]));
            CHECK(!community_counts(community, &many[(fork + 1) % 2].ids[i]));
        }
        CHECK(community_in_standing(community, &officer, SAMPLE_NOW));
        community_rewind(community, 0);
    }
    CHECK(community_size(community) <= COMMUNITY_MEMBERS_MAX);
    community_destroy(community);
}

/* The act in whose favour another was undone lets in the same one: it and its officers stay. */
static void test_who_is_let_in_by_the_winner_too_stays(void **state) {
    (void)state;
    struct id officer;
    struct community *community = sample_found(&samples);
    struct admission admission = admission_of(buffer_bytes(&certificate));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK_ERR(ERR_OK, take_officer(community, 1, &officer));
    community_rewind(community, 0);
    admission.until.ms++;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK(take_all_displaced(community) == 0);
    CHECK(community_in_standing(community, &officer, SAMPLE_NOW));
    struct act act = {.has_charter = true, .charter = *community_charter(community)};
    community_rewind(community, 0);
    CHECK_ERR(ERR_OK, follow(community, &act));
    CHECK(take_all_displaced(community) == 2);
    CHECK(!community_counts(community, &outsider) && !community_counts(community, &officer));
    CHECK_ERR(ERR_PEER_UNKNOWN, take_officer(community, 1, &officer));
    CHECK_ERR(ERR_OK, admit(community, &admission)); /* later after all */
    CHECK(community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK_ERR(ERR_OK, take_officer(community, 1, &officer));
    CHECK(community_in_standing(community, &officer, SAMPLE_NOW));
    community_destroy(community);
}

static void test_removal_ends_it_for_good_and_its_officers_go_along(void **state) {
    (void)state;
    struct member member;
    struct buffer bytes;
    struct community *community = sample_found(&samples);
    const struct admission admission = admission_of(buffer_bytes(&certificate));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    officer_member(&member);
    const struct id officer = sign_officer(&member, &samples.homes[OUTSIDER].owner.sign, &bytes);
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&bytes)));
    CHECK(community_in_standing(community, &officer, SAMPLE_NOW));
    struct act act = {.has_removed = true, .removed = {.member = outsider, .epoch = {{1}}}};
    CHECK_ERR(ERR_OK, follow(community, &act));
    CHECK(community_is_removed(community, &outsider, NULL));
    CHECK(community_is_removed(community, &officer, NULL));
    CHECK_ERR(ERR_OK, admit(community, &admission)); /* whatever an act says of it later */
    CHECK(!community_in_standing(community, &outsider, SAMPLE_NOW));
    CHECK(!community_in_standing(community, &officer, SAMPLE_NOW));
    const struct bytes chain[] = {buffer_bytes(&certificate), buffer_bytes(&bytes)};
    struct id leaf;
    CHECK_ERR(ERR_DENY_REMOVED,
              chain_verify(community_governance(community), chain, 2, SAMPLE_NOW, &member, &leaf));
    buffer_finish(&bytes);
    community_destroy(community);
}

static void test_an_officer_is_its_outsiders_and_shares_its_node(void **state) {
    (void)state;
    const struct sign_secret *by = &samples.homes[OUTSIDER].owner.sign;
    const struct sign_secret *stranger = &samples.homes[SAMPLE_FOUNDER].owner.sign;
    struct community *community = sample_found(&samples);
    const struct admission admission = admission_of(buffer_bytes(&certificate));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    struct member member;
    struct buffer bytes;
    for (int i = 0; i < 6; i++) {
        officer_member(&member);
        member.head.created.ms += i;
        const struct sign_secret *sponsor = i == 1 ? stranger : i == 2 ? NULL : by;
        if (i == 3) {
            member.node = samples.homes[OFFICER].node_public;
        } else if (i == 4) {
            member.transport = samples.homes[OFFICER].transport_public;
        } else if (i == 5) {
            member.head.expires.ms++;
        }
        const enum err wanted = i == 0 ? ERR_OK : i < 3 ? ERR_PEER_SIGNATURE : ERR_PEER_CERTIFICATE;
        const struct id id = sign_officer(&member, sponsor, &bytes);
        CHECK_ERR(wanted, sample_admit(community, buffer_bytes(&bytes)));
        CHECK(community_in_standing(community, &id, SAMPLE_NOW) == (i == 0));
        CHECK(community_may_renew(community, &outsider, &id) != ERR_OK);
        const struct bytes chain[] = {buffer_bytes(&certificate), buffer_bytes(&bytes)};
        struct member leaf;
        struct id leaf_id;
        CHECK_ERR(wanted, chain_verify(community_governance(community), chain, 2, SAMPLE_NOW, &leaf,
                                       &leaf_id));
        buffer_finish(&bytes);
    }
    CHECK_ERR(ERR_DENY_ROLE, community_may_renew(community, &outsider, &outsider));
    community_destroy(community);
}

/* The lowest of them count, as of any sponsor, whichever came first. */
static void test_an_outsider_has_so_many_officers(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    const struct admission admission = admission_of(buffer_bytes(&certificate));
    struct id ids[OFFICERS_MAX + 2];
    struct id member;
    struct id by;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    for (int i = 1; i <= OFFICERS_MAX + 1; i++) {
        CHECK_ERR(i <= OFFICERS_MAX ? ERR_OK : ERR_DENY_QUOTA, take_officer(community, i, &ids[i]));
    }
    CHECK(!community_take_displaced(community, &member, &by));
    CHECK_ERR(ERR_OK, take_officer(community, 0, &ids[0]));
    CHECK(community_take_displaced(community, &member, &by));
    CHECK(id_equal(&member, &ids[OFFICERS_MAX]) && id_equal(&by, &ids[0]));
    CHECK(!community_in_standing(community, &member, SAMPLE_NOW));
    CHECK(community_counts(community, &outsider) && community_counts(community, &ids[0]));
    community_destroy(community);
}

/* Each outsider on the list has room for its own, however many it has displaced, and those who are
 * on it no more keep but a share; none takes a home's place. */
static void test_officers_take_nobodys_place(void **state) {
    enum {
        DISPLACED = 20
    };
    struct many many;
    struct id id;
    (void)state;
    struct community *community = sample_found(&samples);
    for (int i = 0; i < 2 * OUTSIDERS_MAX; i++) { /* the later half in place of the others */
        CHECK_ERR(ERR_OK, admit_later(community, i, i, &many.ids[i]));
        (void)take_all_displaced(community);
        int more = i < OUTSIDERS_MAX ? DISPLACED : 0;
        for (int k = OFFICERS_MAX + more; k > 0; k--) { /* each lower than all before */
            CHECK_ERR(ERR_OK, take_officer_of(community, &many.ids[i], 100 + k, &id));
            CHECK(take_all_displaced(community) == (k <= more ? 1 : 0));
        }
    }
    CHECK(count_of_role(community, MEMBER_OFFICER) ==
          OUTSIDERS_MAX * OFFICERS_MAX + COMMUNITY_OFFICERS_IDLE_MAX);
    for (int i = 0; i < OUTSIDERS_MAX; i++) { /* of whose number is whatever is not on the list */
        CHECK_ERR(ERR_FULL_TABLE, take_officer_of(community, &many.ids[i], 0, &id));
    }
    CHECK_ERR(ERR_OK, sample_admit(community, buffer_bytes(&samples.homes[SAMPLE_FOUNDER].member)));
    CHECK_ERR(ERR_OK,
              sample_admit(community, buffer_bytes(&samples.homes[SAMPLE_NEIGHBOUR].member)));
    community_destroy(community);
}

static void test_what_it_may_ask_with_is_what_charter_and_admission_both_leave_it(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    struct admission admission = admission_of(buffer_bytes(&certificate));
    struct member member;
    struct asker asker;
    admission.instruments |= 1U << INSTRUMENT_VOLUNTARY;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    outsider_member(&member);
    asker_of(community_governance(community), &outsider, &member, &asker);
    CHECK(asker.instruments == admission.instruments && asker.live_requests == 2);
    struct act act = {.has_charter = true, .charter = *community_charter(community)};
    act.charter.role_count = 1;
    act.charter.roles[0] =
        (struct role_rule){.role = MEMBER_OUTSIDER, .instruments = 1U << INSTRUMENT_VOLUNTARY};
    act.charter.caps.live_requests = 1;
    CHECK_ERR(ERR_OK, follow(community, &act));
    officer_member(&member); /* the outsider's rule is its officers' too */
    const struct id officer = {{9}};
    asker_of(community_governance(community), &officer, &member, &asker);
    CHECK(asker.instruments == 1U << INSTRUMENT_VOLUNTARY && asker.live_requests == 1);
    CHECK(id_equal(&asker.account, &outsider));
    community_destroy(community);
}

static void test_a_chain_from_outside_stands_while_it_may_ask(void **state) {
    (void)state;
    struct community *community = sample_found(&samples);
    struct admission admission = admission_of(buffer_bytes(&certificate));
    const struct bytes chain[] = {buffer_bytes(&certificate)};
    struct member leaf;
    struct id id;
    const struct governance *governance = community_governance(community);
    CHECK_ERR(ERR_DENY_ROLE, chain_verify(governance, chain, 1, SAMPLE_NOW, &leaf, &id));
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK_ERR(ERR_OK, chain_verify(governance, chain, 1, SAMPLE_NOW, &leaf, &id));
    CHECK(id_equal(&id, &outsider));
    CHECK_ERR(ERR_DENY_SUSPENDED, chain_verify(governance, chain, 1, admission.until, &leaf, &id));
    admission.suspended = true;
    CHECK_ERR(ERR_OK, admit(community, &admission));
    CHECK_ERR(ERR_DENY_SUSPENDED, chain_verify(governance, chain, 1, SAMPLE_NOW, &leaf, &id));
    community_destroy(community);
}

/* All come to the same list: what ends first gives way. */
static void test_the_list_of_outsiders_has_a_bound(void **state) {
    (void)state;
    static struct governance governance;
    for (int i = 0; i <= OUTSIDERS_MAX; i++) {
        struct outsider one = {.certificate = {{(uint8_t)(i + 1)}}};
        one.admission.until.ms = i == 5 ? 1 : 1000 + i;
        governance_admit(&governance, &one);
    }
    const struct id first = {{6}};
    const struct id last = {{OUTSIDERS_MAX + 1}};
    CHECK(governance.outsider_count == OUTSIDERS_MAX);
    CHECK(governance_outsider(&governance, &first) == NULL);
    CHECK(governance_outsider(&governance, &last) != NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_act_alone_lets_an_outsider_in),
        cmocka_unit_test(test_an_act_with_a_bad_certificate_is_none),
        cmocka_unit_test(test_the_newest_admission_counts_and_a_rewind_brings_back_the_one_before),
        cmocka_unit_test(test_outsiders_of_acts_that_lost_leave_their_places),
        cmocka_unit_test(test_who_is_let_in_by_the_winner_too_stays),
        cmocka_unit_test(test_removal_ends_it_for_good_and_its_officers_go_along),
        cmocka_unit_test(test_an_officer_is_its_outsiders_and_shares_its_node),
        cmocka_unit_test(test_an_outsider_has_so_many_officers),
        cmocka_unit_test(test_officers_take_nobodys_place),
        cmocka_unit_test(test_what_it_may_ask_with_is_what_charter_and_admission_both_leave_it),
        cmocka_unit_test(test_a_chain_from_outside_stands_while_it_may_ask),
        cmocka_unit_test(test_the_list_of_outsiders_has_a_bound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
