/* Treaties that acts make and end (PROTOCOL 4.12): which count, how many stand, and that acts which
 * are undone leave no trace. */
#include <string.h>

#include "proto/treaty.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)

static struct sample_community near;
static struct sample_treaty sample;
static struct governance governance;

static int set_up(void **state) {
    (void)state;
    sample_community_init(&near);
    sample_treaty_init(&near, &sample);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_treaty_finish(&sample);
    sample_community_finish(&near);
    return 0;
}

/* The one who administers the near community signs it, on a day counted from SAMPLE_NOW. */
static enum err follow(struct act *act, int day) {
    const struct sign_secret *key = &near.homes[SAMPLE_FOUNDER].owner.sign;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    act->previous = governance.head;
    act->head.created.ms = SAMPLE_NOW.ms + DAYS(day);
    CHECK_ERR(ERR_OK, act_encode(act, &body));
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), &key, 1, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    return governance_follow(&governance, &object, act);
}

static enum err make(const struct treaty *treaty, int day, struct id *id) {
    struct act act;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    CHECK_ERR(ERR_OK, treaty_encode(treaty, &body));
    sha256(buffer_bytes(&body), id);
    sample_treaty_act(&near, buffer_bytes(&body), &act);
    return follow(&act, day);
}

/* The sample's, but for its number, until that day. */
static enum err make_number(uint32_t number, int until, int day, struct id *id) {
    struct treaty treaty;
    sample_treaty_body(&near, &sample, &treaty);
    treaty.daily = number;
    treaty.until.ms = SAMPLE_NOW.ms + DAYS(until);
    return make(&treaty, day, id);
}

static enum err end(const struct id *id, int day) {
    struct act act;
    sample_treaty_act(&near, (struct bytes){NULL, 0}, &act);
    act.treaty_ended = *id;
    return follow(&act, day);
}

static bool in_force(const struct id *id, int day) {
    const struct instant now = {SAMPLE_NOW.ms + DAYS(day)};
    const struct agreed *agreed = governance_treaty(&governance, id, now);
    CHECK(agreed == NULL || id_equal(&agreed->id, id));
    return agreed != NULL;
}

/* As after that version, which came on that day. */
static void rewind_to(uint32_t version, int day, const struct id *head) {
    governance_rewind(&governance, version, head, (struct instant){SAMPLE_NOW.ms + DAYS(day)},
                      &governance.founding);
}

static struct treaty_side *own_side(struct treaty *treaty) {
    return &treaty->sides[id_equal(&treaty->sides[0].community, &near.id) ? 0 : 1];
}

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct treaty *t) {                                                           \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(nothing, (void)t)
SPOIL(as_loose_as_the_charter, t->caps = governance.charter.caps)
SPOIL(over_the_moment_after, t->until.ms = SAMPLE_NOW.ms + 1)
SPOIL(of_another_community, own_side(t)->community.b[31] ^= 1)
SPOIL(of_two_others, t->sides[0].community.b[31] ^= 1; t->sides[1].community.b[31] ^= 1)
SPOIL(another_founder, own_side(t)->founders[0] = near.homes[2].owner_public.sign)
SPOIL(a_founder_too_many, own_side(t)->founder_count = 2;
      own_side(t)->founders[1] = near.homes[2].owner_public.sign)
SPOIL(another_allowance, own_side(t)->allowance--)
SPOIL(longer_than_the_charter, t->caps.span_s = governance.charter.caps.span_s + 1)
SPOIL(larger_than_the_charter, t->caps.area_m2 = governance.charter.caps.area_m2 + 1)
SPOIL(more_than_the_charter, t->caps.live_requests = governance.charter.caps.live_requests + 1)
SPOIL(over_already, t->until = SAMPLE_NOW)

static void test_a_treaty_fits_the_community_and_its_charter(void **state) {
    static const struct {
        const char *what;
        void (*spoil)(struct treaty *treaty);
        enum err err;
    } cases[] = {
#define CASE(name, err) {#name, name, err}
        CASE(nothing, ERR_OK),
        CASE(as_loose_as_the_charter, ERR_OK),
        CASE(over_the_moment_after, ERR_OK),
        CASE(of_another_community, ERR_PEER_CERTIFICATE),
        CASE(of_two_others, ERR_PEER_CERTIFICATE),
        CASE(another_founder, ERR_PEER_CERTIFICATE),
        CASE(a_founder_too_many, ERR_PEER_CERTIFICATE),
        CASE(another_allowance, ERR_PEER_CERTIFICATE),
        CASE(longer_than_the_charter, ERR_PEER_CERTIFICATE),
        CASE(larger_than_the_charter, ERR_PEER_CERTIFICATE),
        CASE(more_than_the_charter, ERR_PEER_CERTIFICATE),
        CASE(over_already, ERR_PEER_CERTIFICATE),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct treaty treaty;
        struct id id;
        sample_governance(&near, &governance);
        /* Tighter than any charter may be, and than the founding one. */
        governance.charter.caps =
            (struct caps){.span_s = 7200, .area_m2 = 60000, .live_requests = 5};
        sample_treaty_body(&near, &sample, &treaty);
        cases[i].spoil(&treaty);
        enum err err = make(&treaty, 0, &id);
        if (err != cases[i].err) {
            fail_msg("%s: expected %s, got %s", cases[i].what, err_name(cases[i].err),
                     err_name(err));
        }
        CHECK(governance.version == (err == ERR_OK ? 2U : 1U)); /* all of it or nothing */
        CHECK(in_force(&id, 0) == (err == ERR_OK));
        CHECK((governance.treaty_count == 1) == (err == ERR_OK));
    }
}

static void test_an_act_whose_treaty_is_none_does_not_count(void **state) {
    struct act act;
    (void)state;
    sample_governance(&near, &governance);
    sample_treaty_act(&near, BYTES_TEXT("no treaty"), &act);
    CHECK_ERR(ERR_PEER_MALFORMED, follow(&act, 0));
    CHECK(governance.version == 1);
}

static void test_a_treaty_is_ended_once_and_while_it_is_in_force(void **state) {
    struct id first;
    struct id second;
    struct id unknown = {{1}};
    (void)state;
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_DENY_TREATY, end(&unknown, 0));
    CHECK_ERR(ERR_OK, make_number(1, 10, 1, &first));
    CHECK_ERR(ERR_OK, make_number(2, 200, 2, &second));
    CHECK_ERR(ERR_DENY_TREATY, end(&unknown, 3));
    CHECK(in_force(&first, 9) && !in_force(&first, 10) && in_force(&second, 10));
    CHECK_ERR(ERR_DENY_TREATY, end(&first, 10)); /* it has ended itself */
    CHECK_ERR(ERR_OK, end(&second, 11));
    CHECK(!in_force(&second, 11) && !in_force(&second, 12));
    CHECK_ERR(ERR_DENY_TREATY, end(&second, 12));
    CHECK(governance.version == 4);
    CHECK(governance_treaty(&governance, &(struct id){{0}}, SAMPLE_NOW) == NULL);
}

static void test_the_same_treaty_comes_again_when_it_stands_no_more(void **state) {
    struct id id;
    struct id again;
    (void)state;
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_OK, make_number(1, 200, 0, &id));
    CHECK_ERR(ERR_PEER_REPEATED, make_number(1, 200, 1, &again));
    CHECK_ERR(ERR_OK, end(&id, 5));
    CHECK_ERR(ERR_PEER_REPEATED, make_number(1, 200, 19, &again));
    CHECK_ERR(ERR_OK, make_number(1, 200, 20, &again));
    CHECK(id_equal(&id, &again) && in_force(&id, 20));
    CHECK_ERR(ERR_OK, end(&id, 21)); /* the new one, though the old one is known still */
    CHECK(!in_force(&id, 21));
}

static void test_eight_stand_and_one_gives_way_15_days_after_it_is_over(void **state) {
    struct id ids[TREATIES_MAX];
    struct id id;
    (void)state;
    sample_governance(&near, &governance);
    for (uint32_t i = 0; i < TREATIES_MAX; i++) { /* the third ends on its own on day 20 */
        CHECK_ERR(ERR_OK, make_number(i + 1, i == 2 ? 20 : 200, (int)i, &ids[i]));
    }
    CHECK_ERR(ERR_FULL_TABLE, make_number(20, 200, 9, &id));
    CHECK_ERR(ERR_OK, end(&ids[5], 10));
    CHECK_ERR(ERR_FULL_TABLE, make_number(20, 200, 24, &id));
    CHECK_ERR(ERR_OK, make_number(20, 200, 25, &id)); /* in place of the one that was ended */
    CHECK_ERR(ERR_FULL_TABLE, make_number(21, 200, 34, &id));
    CHECK_ERR(ERR_OK, make_number(21, 200, 35, &id)); /* and of the one that is over */
    CHECK_ERR(ERR_FULL_TABLE, make_number(22, 200, 36, &id));
    for (uint32_t i = 0; i < TREATIES_MAX; i++) {
        CHECK(in_force(&ids[i], 36) == (i != 2 && i != 5));
    }
}

/* As many as can be known at a time, by whoever makes and ends them as fast as may be. */
static void test_there_is_room_for_all_that_are_known(void **state) {
    struct id ids[4][TREATIES_MAX];
    (void)state;
    sample_governance(&near, &governance);
    for (int round = 0; round < 4; round++) {
        int day = 17 * round;
        for (uint32_t i = 0; i < TREATIES_MAX; i++) {
            CHECK_ERR(ERR_OK, make_number(1 + 8 * (uint32_t)round + i, 200, day, &ids[round][i]));
            governance.created.ms--; /* more on one day */
        }
        for (uint32_t i = 0; i < TREATIES_MAX; i++) {
            CHECK_ERR(ERR_OK, end(&ids[round][i], day + 1));
            governance.created.ms--;
        }
    }
    CHECK(governance.treaty_count <= TREATIES_KEPT_MAX);
}

static void test_a_treaty_whose_act_is_undone_never_was(void **state) {
    struct id first;
    struct id second;
    struct id third;
    (void)state;
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_OK, make_number(1, 200, 1, &first));
    const struct id head = governance.head;
    CHECK_ERR(ERR_OK, make_number(2, 200, 2, &second));
    CHECK_ERR(ERR_OK, end(&second, 3)); /* gone with it */
    rewind_to(2, 1, &head);
    CHECK(in_force(&first, 4) && !in_force(&second, 4));
    CHECK_ERR(ERR_DENY_TREATY, end(&second, 4));
    CHECK_ERR(ERR_OK, make_number(2, 200, 5, &third)); /* it stands nowhere */
    CHECK(id_equal(&second, &third) && in_force(&second, 5) && in_force(&first, 5));
    rewind_to(1, 0, &near.id);
    CHECK(!in_force(&first, 5) && !in_force(&second, 5));
    for (uint32_t i = 0; i < TREATIES_MAX; i++) { /* nor takes a place */
        CHECK_ERR(ERR_OK, make_number(1 + i, 200, 6 + (int)i, &third));
    }
}

static void test_a_treaty_whose_end_is_undone_is_in_force(void **state) {
    struct id id;
    struct id other;
    (void)state;
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_OK, make_number(1, 200, 1, &id));
    const struct id head = governance.head;
    CHECK_ERR(ERR_OK, end(&id, 2));
    CHECK(!in_force(&id, 3));
    rewind_to(2, 1, &head);
    CHECK(in_force(&id, 3));
    CHECK_ERR(ERR_OK, make_number(2, 200, 4, &other)); /* not in its place */
    CHECK(in_force(&id, 5) && in_force(&other, 5));
    CHECK_ERR(ERR_OK, end(&id, 6));
    CHECK(!in_force(&id, 7));
}

/* Where an act was undone its competitor may be older: what was over by then is not forgotten. */
static void test_what_an_undone_act_took_the_place_of_still_stands_for_an_older_one(void **state) {
    struct id ids[TREATIES_MAX];
    struct id id;
    struct id before = {{0}};
    (void)state;
    sample_governance(&near, &governance);
    for (uint32_t i = 0; i < TREATIES_MAX; i++) {
        CHECK_ERR(ERR_OK, make_number(i + 1, 200, (int)i, &ids[i]));
    }
    CHECK_ERR(ERR_OK, end(&ids[0], 10));
    before = governance.head;
    uint32_t version = governance.version;
    CHECK_ERR(ERR_OK, make_number(20, 200, 25, &id));
    rewind_to(version, 10, &before);
    CHECK_ERR(ERR_FULL_TABLE, make_number(21, 200, 24, &id));
    CHECK_ERR(ERR_OK, make_number(21, 200, 25, &id));
}

/* What stood after an earlier act decides about one that follows that. */
static void test_an_act_is_judged_by_what_stood_when_it_was_next(void **state) {
    struct id first;
    struct id second;
    struct act act;
    (void)state;
    sample_governance(&near, &governance);
    CHECK_ERR(ERR_OK, make_number(1, 200, 1, &first));  /* 2 */
    CHECK_ERR(ERR_OK, make_number(2, 200, 2, &second)); /* 3 */
    CHECK_ERR(ERR_OK, end(&first, 3));                  /* 4 */
    sample_treaty_act(&near, (struct bytes){NULL, 0}, &act);
    act.head.created.ms = SAMPLE_NOW.ms + DAYS(5);
    act.treaty_ended = first;
    static const enum err ends_first[] = {ERR_OK, ERR_DENY_TREATY, ERR_OK, ERR_OK, ERR_DENY_TREATY};
    static const enum err ends_second[] = {ERR_OK, ERR_DENY_TREATY, ERR_DENY_TREATY, ERR_OK,
                                           ERR_OK};
    for (uint32_t version = 1; version <= 4; version++) {
        act.treaty_ended = first;
        CHECK_ERR(ends_first[version],
                  governance_lets(&governance, version, &governance.charter, &act));
        act.treaty_ended = second;
        CHECK_ERR(ends_second[version],
                  governance_lets(&governance, version, &governance.charter, &act));
    }
    struct treaty treaty;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    sample_treaty_body(&near, &sample, &treaty);
    treaty.daily = 2;
    treaty.until.ms = SAMPLE_NOW.ms + DAYS(200);
    CHECK_ERR(ERR_OK, treaty_encode(&treaty, &body));
    act.treaty = buffer_bytes(&body);
    act.treaty_ended = (struct id){{0}};
    CHECK_ERR(ERR_OK, governance_lets(&governance, 2, &governance.charter, &act));
    CHECK_ERR(ERR_PEER_REPEATED, governance_lets(&governance, 3, &governance.charter, &act));
    struct charter tighter = governance.charter; /* of then */
    tighter.caps.span_s = 1;
    CHECK_ERR(ERR_PEER_CERTIFICATE, governance_lets(&governance, 2, &tighter, &act));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_treaty_fits_the_community_and_its_charter),
        cmocka_unit_test(test_an_act_whose_treaty_is_none_does_not_count),
        cmocka_unit_test(test_a_treaty_is_ended_once_and_while_it_is_in_force),
        cmocka_unit_test(test_the_same_treaty_comes_again_when_it_stands_no_more),
        cmocka_unit_test(test_eight_stand_and_one_gives_way_15_days_after_it_is_over),
        cmocka_unit_test(test_there_is_room_for_all_that_are_known),
        cmocka_unit_test(test_a_treaty_whose_act_is_undone_never_was),
        cmocka_unit_test(test_a_treaty_whose_end_is_undone_is_in_force),
        cmocka_unit_test(test_what_an_undone_act_took_the_place_of_still_stands_for_an_older_one),
        cmocka_unit_test(test_an_act_is_judged_by_what_stood_when_it_was_next),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
