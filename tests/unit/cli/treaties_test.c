/* What administrators are shown of a treaty: all that it says, and what does not fit. */
#include "cli/treaties.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gateways.h"
#include "cli/terms.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

#define NOW ((struct instant){INT64_C(1795555800000)})

static struct governance here;
static struct community_terms terms;
static struct listed homes[3]; /* Ada and Ben are administrators' homes, Cleo's is none */
static const struct member_list members = {.count = 3, .list = homes};
static struct treaty_side far;
static struct treaty treaty;

static int set_up(void **state) {
    (void)state;
    static const char *const names[] = {"Ada", "Ben", "Cleo"};
    here = (struct governance){.community = {{2}}, .version = 1};
    struct charter *founding = &here.founding;
    (void)snprintf(founding->name, sizeof founding->name, "Elm Street");
    founding->administrator_count = founding->threshold = 1;
    founding->administrators[0] = (struct sign_public){{10}};
    founding->invite_allowance = 8;
    founding->caps = CAPS_DEFAULT;
    here.charter = *founding;
    here.charter.administrator_count = 2; /* founders stay those of the founding charter */
    here.charter.administrators[1] = (struct sign_public){{11}};
    here.charter.invite_allowance = 3;
    for (uint8_t i = 0; i < 3; i++) {
        struct member *member = &homes[i].member;
        homes[i] = (struct listed){.id = {{i}}, .state = CONTROL_MEMBER_AWAY};
        (void)snprintf(member->name, sizeof member->name, "%s", names[i]);
        member->node = (struct sign_public){{(uint8_t)(20 + i)}};
        member->owner_count = 1;
        member->owners[0].sign = (struct sign_public){{(uint8_t)(10 + i)}};
    }
    far = (struct treaty_side){.community = {{1}},
                               .name = "Oak Street",
                               .founder_count = 1,
                               .founders = {{{30}}},
                               .allowance = 5,
                               .clerk_count = 2,
                               .clerks = {{{31}}, {{32}}},
                               .has_area = true,
                               .area = {800, 1, {{525200000, 134050000}}}};
    return 0;
}

/* As 'stoop treaty propose' makes it of that side, unless more is said. */
static void propose(void) {
    struct treaty_side own;
    const struct listed *clerks[CLERKS_MAX];
    size_t count = treaty_clerks(&here.charter, &members, clerks);
    treaty_own_side(&here, clerks, count, &own);
    treaty_between(&own, &far, &here.charter, NOW, &treaty);
}

static struct treaty_side *own_side(void) {
    return &treaty.sides[1]; /* its id is the greater one */
}

static void check_lines(const struct changes *changes, const char *const *wanted, size_t count) {
    const char *line = changes_first(changes);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(line);
        assert_string_equal(line, wanted[i]);
        line = changes_next(changes, line);
    }
    CHECK(line == NULL);
}

static void check_fault(const char *wanted) {
    SCOPED(changes_finish) struct changes faults = CHANGES_NONE;
    treaty_faults(&here, &treaty, NOW, &members, &faults);
    check_lines(&faults, &wanted, wanted == NULL ? 0 : 1);
}

static void test_what_is_proposed_lets_what_the_charter_does(void **state) {
    (void)state;
    here.charter.caps = (struct caps){.span_s = 5400, .area_m2 = 300, .live_requests = 2};
    here.charter.role_count = 2;
    here.charter.roles[0] = (struct role_rule){.role = MEMBER_REQUESTER, .instruments = 0};
    here.charter.roles[1] =
        (struct role_rule){.role = MEMBER_HOME, .instruments = 1 << INSTRUMENT_VOLUNTARY};
    here.charter.has_area = true;
    here.charter.area = (struct geo_place){500, 1, {{525300000, 134050000}}};
    propose();
    CHECK(treaty.side_count == 2 && id_equal(&treaty.sides[0].community, &far.community));
    CHECK(treaty.caps.span_s == 5400 && treaty.caps.area_m2 == 300);
    CHECK(treaty.caps.live_requests == 2 && treaty.daily == 16);
    CHECK(treaty.roles == (1 << MEMBER_HOME | 1 << MEMBER_ADMINISTRATOR));
    assert_int_equal(treaty.instruments, INSTRUMENTS_ALL); /* an administrator's */
    CHECK(treaty.until.ms - NOW.ms == 365 * (int64_t)DURATION_DAY_MS);
    CHECK(own_side()->has_area && own_side()->area.radius_m == 500);
    CHECK(treaty_side_fits(own_side(), &here));
    check_fault(NULL);
    here.charter.role_count = 3; /* nobody asks with more than this */
    here.charter.roles[2] = (struct role_rule){.role = MEMBER_ADMINISTRATOR,
                                               .instruments = 1 << INSTRUMENT_SEARCH_WARRANT};
    propose();
    assert_int_equal(treaty.instruments,
                     1 << INSTRUMENT_SEARCH_WARRANT | 1 << INSTRUMENT_VOLUNTARY);
}

static void test_clerks_are_administrators_homes_that_belong(void **state) {
    (void)state;
    const struct listed *clerks[CLERKS_MAX];
    assert_int_equal(treaty_clerks(&here.charter, &members, clerks), 2);
    CHECK(clerks[0] == &homes[0] && clerks[1] == &homes[1]);
    homes[0].state = CONTROL_MEMBER_REMOVED;
    assert_int_equal(treaty_clerks(&here.charter, &members, clerks), 1);
    CHECK(clerks[0] == &homes[1]);
    homes[1].expired = true;
    assert_int_equal(treaty_clerks(&here.charter, &members, clerks), 0);
}

/* One home with two administrators is one clerk. */
static void test_a_home_is_a_clerk_once(void **state) {
    (void)state;
    const struct listed *clerks[CLERKS_MAX];
    homes[0].member.owner_count = 2;
    homes[0].member.owners[1].sign = here.charter.administrators[1];
    assert_int_equal(treaty_clerks(&here.charter, &members, clerks), 1);
}

/* Whoever signs the act sees each of these: one that is left out would be signed unseen. */
static void test_every_term_is_told_to_who_signs(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    char until[TIME_TEXT_MAX];
    char line[TIME_TEXT_MAX + 8];
    char effect[TIME_TEXT_MAX + 64];
    propose();
    own_side()->clerks[1] = (struct sign_public){{99}};
    treaty.caps = (struct caps){.span_s = 5400, .area_m2 = 300, .live_requests = 2};
    treaty.instruments = 1 << INSTRUMENT_SUBPOENA | 1 << INSTRUMENT_VOLUNTARY;
    treaty.roles = 1 << MEMBER_REQUESTER;
    CHECK_ERR(ERR_OK, treaty_encode(&treaty, &body));
    const struct act act = {.head = {.created = NOW}, .treaty = buffer_bytes(&body)};
    terms.governance = here;
    changes_of_act(&terms, &act, &members, &changes);
    time_text(treaty.until, until);
    (void)snprintf(line, sizeof line, "until %s", until);
    time_text(act.head.created, until);
    (void)snprintf(effect, sizeof effect,
                   "what was asked here since %s crosses too, and nothing from before", until);
    static const char clerks[] =
        "clerks of Elm Street, who say who belongs to it: Ada with the key "
        "1400000000000000, key 6300000000000000, no home that belongs";
    static const char far_clerks[] = "clerks of Oak Street, who say who belongs to it: key "
                                     "1f00000000000000, key 2000000000000000";
    const char *const wanted[] = {
        "a treaty of Elm Street (0200000000000000) and Oak Street (0100000000000000)",
        line,
        "members of each may ask the other with: subpoena, voluntary",
        "of them these may ask: requester",
        "longest time asked for: 90 min",
        "largest place asked about: 300 m2",
        "live requests of one asker: 2",
        "requests that cross in a day: 16 each way",
        "both charters hold beside it",
        "places asked about in Oak Street: 800 m around 52.5200,13.4050",
        far_clerks,
        ("founder of Oak Street: the key 1e00000000000000; by its founding charter it may bring in "
         "5"),
        "places asked about here: anywhere",
        clerks,
        ("founder of Elm Street: the key 0a00000000000000; by its founding charter it may bring in "
         "8"),
        effect,
    };
    check_lines(&changes, wanted, COUNT_OF(wanted));
    CHECK(!changes.cut);
}

/* Names of full length, all keys, all corners. */
static void test_nothing_of_the_largest_is_cut(void **state) {
    (void)state;
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    char last[32];
    propose();
    for (size_t i = 0; i < 2; i++) {
        struct treaty_side *side = &treaty.sides[i];
        memset(side->name, 'x', sizeof side->name - 1);
        side->founder_count = ADMINISTRATORS_MAX;
        side->clerk_count = CLERKS_MAX;
        memset(&side->founders[ADMINISTRATORS_MAX - 1], 0xee, 32);
        memset(&side->clerks[CLERKS_MAX - 1], 0xdd, 32);
        side->has_area = true;
        side->area = (struct geo_place){.count = GEO_POINTS_MAX};
        for (int k = 0; k < GEO_POINTS_MAX; k++) {
            side->area.points[k] = (struct geo_point){-891234567, -1791234567 + k};
        }
    }
    treaty_lines(&treaty, &here.community, &members, &changes);
    geo_point_write(treaty.sides[0].area.points[GEO_POINTS_MAX - 1], last);
    size_t corners = 0;
    size_t founders = 0;
    size_t clerks = 0;
    for (const char *line = changes_first(&changes); line != NULL;
         line = changes_next(&changes, line)) {
        const char *end = line + strlen(line);
        corners += strcmp(end - strlen(last), last) == 0 ? 1 : 0;
        founders +=
            strstr(line, "eeeeeeeeeeeeeeee; by its founding charter each may bring in ") != NULL
                ? 1
                : 0;
        clerks += strstr(line, "key dddddddddddddddd") != NULL ? 1 : 0;
    }
    CHECK(corners == 2 && founders == 2 && clerks == 2 && !changes.cut);
}

static void test_what_does_not_fit_is_told(void **state) {
    (void)state;
    propose();
    check_fault(NULL);
    own_side()->allowance = 9;
    check_fault("it says that each founder here could bring in 9; by the founding charter it is 8");
    propose();
    own_side()->founders[0].b[31] = 1;
    check_fault("it names other founders of this community than its founding charter");
    propose();
    own_side()->founder_count = 2; /* one who came later */
    own_side()->founders[1] = here.charter.administrators[1];
    check_fault("it names other founders of this community than its founding charter");
    propose();
    own_side()->clerks[1].b[0] = 99;
    check_fault("the key 6300000000000000 is to say who belongs here, and is no home's that "
                "belongs");
    propose();
    own_side()->community.b[0] = 7;
    check_fault("it is not with this community");
}

static void test_caps_looser_than_the_charters_are_told(void **state) {
    (void)state;
    propose();
    here.charter.caps.span_s = 3600;
    check_fault("longest time asked for: 12 h, which is more than the charter's 1 h");
    here.charter.caps = CAPS_DEFAULT;
    here.charter.caps.area_m2 = 300;
    check_fault("largest place asked about: 0.5 sq mi (1294994 m2), which is more than the "
                "charter's 300 m2");
    here.charter.caps = CAPS_DEFAULT;
    here.charter.caps.live_requests = 9;
    check_fault("live requests of one asker: 10, which is more than the charter's 9");
    here.charter.caps = CAPS_DEFAULT;
    check_fault(NULL);
}

static void stand(size_t count, struct instant until) {
    here.treaty_count = count;
    for (size_t i = 0; i < count; i++) {
        here.treaties[i] = (struct agreed){.id = {{(uint8_t)i}}, .treaty = treaty, .by = 2};
        here.treaties[i].treaty.until = until;
    }
}

static void test_one_stands_with_a_community_at_a_time(void **state) {
    (void)state;
    char time[TIME_TEXT_MAX];
    char line[TIME_TEXT_MAX + 64];
    char text[TREATY_STATE_MAX];
    const struct instant until = {NOW.ms + DURATION_DAY_MS};
    propose();
    stand(1, until);
    time_text(until, time);
    (void)snprintf(line, sizeof line, "a treaty with Oak Street stands already, until %s", time);
    check_fault(line);
    assert_string_equal(treaty_state(&here.treaties[0], NULL, true, NOW, text),
                        "decided here; no word of it from the other side");
    struct roll said = {.head = {.created = NOW}};
    assert_string_equal(treaty_state(&here.treaties[0], &said, true, NOW, text),
                        "decided here; not in force there");
    said.treaties[said.treaty_count++] = here.treaties[0].id;
    assert_string_equal(treaty_state(&here.treaties[0], &said, true, NOW, text), "in force");
    day_text(NOW, time); /* nobody would carry the news of its end */
    (void)snprintf(line, sizeof line, "in force, by its word of %s", time);
    assert_string_equal(treaty_state(&here.treaties[0], &said, false, NOW, text), line);
    here.treaties[0].ended = NOW;
    here.treaties[0].ended_by = 5;
    check_fault(NULL);
    assert_string_equal(treaty_state(&here.treaties[0], &said, true, NOW, text), "ended by act 5");
    stand(1, NOW);
    check_fault(NULL);
    assert_string_equal(treaty_state(&here.treaties[0], &said, true, NOW, text), "over");
}

static struct treaties_heard heard;

/* Of the last hour, by a clerk of the other side; with its version a later act's. */
static void clerk_says(const struct sign_secret *clerk, int64_t created_ms, struct roll roll) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer out = {.max = SIGNED_GOSSIP_MAX};
    roll.head = (struct head){.community = far.community,
                              .author = {{9}},
                              .created = {NOW.ms + created_ms},
                              .expires = {NOW.ms + created_ms + DURATION_DAY_MS}};
    roll.act = (struct id){{8}};
    roll.caps = CAPS_DEFAULT;
    roll.member_count = 3;
    roll.members = (struct id){{7}};
    CHECK_ERR(ERR_OK, roll_encode(&roll, &body));
    (void)sample_sign(OBJECT_ROLL, buffer_bytes(&body), &clerk, 1, &out);
    treaties_hear(&here, buffer_bytes(&out), NOW, &heard);
}

/* The node does not go by the one that was signed last, and people are told what it goes by. */
static void test_a_clerk_that_was_removed_there_says_nothing(void **state) {
    (void)state;
    struct sign_secret clerks[2];
    char text[TREATY_STATE_MAX];
    CHECK(crypto_start());
    memset(&heard, 0, sizeof heard);
    for (size_t i = 0; i < COUNT_OF(clerks); i++) {
        sign_generate(&clerks[i], &far.clerks[i]);
    }
    propose();
    stand(1, treaty.until);
    here.treaties[0].id = (struct id){{5}};
    const struct agreed *made = &here.treaties[0];
    CHECK(treaties_counting(&here, &heard, 0, NOW) == NULL);
    struct roll good = {.version = 3, .treaty_count = 1, .treaties = {made->id}};
    struct roll without = {.version = 4};

    clerk_says(&clerks[0], -2000, good);
    clerk_says(&clerks[1], -1000, (struct roll){.version = 2}); /* it was away */
    const struct roll *counts = treaties_counting(&here, &heard, 0, NOW);
    assert_string_equal(treaty_state(made, counts, true, NOW, text), "in force");

    clerk_says(&clerks[1], -900, without);
    counts = treaties_counting(&here, &heard, 0, NOW);
    assert_string_equal(treaty_state(made, counts, true, NOW, text),
                        "decided here; not in force there");

    memcpy(good.removed[good.removed_count++].b, far.clerks[1].b, sizeof far.clerks[1].b);
    clerk_says(&clerks[0], -800, good);
    clerk_says(&clerks[1], -700, without);
    counts = treaties_counting(&here, &heard, 0, NOW);
    assert_string_equal(treaty_state(made, counts, true, NOW, text), "in force");

    memcpy(without.removed[without.removed_count++].b, far.clerks[0].b, sizeof far.clerks[0].b);
    clerk_says(&clerks[1], -600, without); /* nobody here knows which one lies */
    CHECK(treaties_counting(&here, &heard, 0, NOW) == NULL);
}

static void test_what_was_ended_is_not_made_again(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    propose();
    stand(1, treaty.until);
    here.treaties[0].ended = NOW;
    here.treaties[0].ended_by = 5;
    check_fault(NULL); /* another one with them */
    CHECK_ERR(ERR_OK, treaty_encode(&treaty, &body));
    sha256(buffer_bytes(&body), &here.treaties[0].id);
    check_fault("it was made already, by act 2, and ended by act 5");
}

/* Eight, those counted which were over a short while ago. */
static void test_more_than_eight_are_refused(void **state) {
    (void)state;
    const struct instant yesterday = {NOW.ms - DURATION_DAY_MS};
    const struct instant long_ago = {NOW.ms - 15 * (int64_t)DURATION_DAY_MS};
    propose();
    stand(TREATIES_MAX, yesterday);
    check_fault("there are 8 treaties, as many as can be; one gives way 15 days after it is over");
    here.treaties[3].treaty.until = long_ago;
    check_fault(NULL);
}

static void test_one_that_is_over_is_told(void **state) {
    (void)state;
    char time[TIME_TEXT_MAX];
    char line[TIME_TEXT_MAX + 32];
    propose();
    treaty.until = NOW;
    time_text(NOW, time);
    (void)snprintf(line, sizeof line, "it was over on %s", time);
    check_fault(line);
}

/* Also to the second who signs, who did not begin it. */
static void test_an_act_says_what_would_not_count(void **state) {
    (void)state;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    propose();
    here.charter.caps.live_requests = 1;
    CHECK_ERR(ERR_OK, treaty_encode(&treaty, &body));
    const struct act act = {.head = {.created = NOW}, .treaty = buffer_bytes(&body)};
    treaty_change(&here, &act, &members, &changes);
    const char *last = NULL;
    for (const char *line = changes_first(&changes); line != NULL;
         line = changes_next(&changes, line)) {
        last = line;
    }
    assert_string_equal(last,
                        "BUT live requests of one asker: 10, which is more than the charter's 1");
}

static void test_an_end_is_told_with_what_it_ends(void **state) {
    (void)state;
    SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
    SCOPED(changes_finish) struct changes again = CHANGES_NONE;
    SCOPED(changes_finish) struct changes unknown = CHANGES_NONE;
    char time[TIME_TEXT_MAX];
    char line[TIME_TEXT_MAX + 96];
    const struct instant until = {NOW.ms + DURATION_DAY_MS};
    propose();
    stand(1, until);
    here.treaties[0].id.b[0] = 0xab;
    struct act act = {.head = {.created = NOW}, .treaty_ended = here.treaties[0].id};
    terms.governance = here;
    changes_of_act(&terms, &act, &members, &changes);
    time_text(until, time);
    (void)snprintf(line, sizeof line,
                   "the treaty with Oak Street (0100000000000000) ends, which was to stand until "
                   "%s",
                   time);
    const char *const wanted[] = {
        line,
        "no request crosses by it any more; what has crossed lives on until its own end",
        "BUT it is over already",
    };
    check_lines(&changes, wanted, 2);
    here.treaties[0].ended = NOW;
    here.treaties[0].ended_by = 5;
    treaty_end_change(&here, &act, &again);
    check_lines(&again, wanted, 3);
    act.treaty_ended.b[0] = 0xcd;
    treaty_end_change(&here, &act, &unknown);
    static const char *const none[] = {"the treaty cd00000000000000 ends, which is not known here"};
    check_lines(&unknown, none, 1);
}

static struct agreed agreed; /* `treaty` */
static struct roll said;     /* by the other side */
static struct request asked; /* within everything */

static void ask_across(void) {
    propose();
    agreed = (struct agreed){.id = {{7}}, .treaty = treaty};
    said = (struct roll){.caps = CAPS_DEFAULT, .treaty_count = 1, .treaties = {agreed.id}};
    asked = (struct request){.head.created = treaty.created,
                             .instrument.kind = INSTRUMENT_VOLUNTARY,
                             .from = NOW,
                             .to = {NOW.ms + 20000}};
    asked.place = (struct geo_place){60, 1, {{525200000, 134050000}}};
}

static void check_held_back(enum member_role role, const char *wanted) {
    char text[HOLDS_BACK_MAX];
    const char *why = treaty_holds_back(&agreed, &far, &said, &asked, role, text);
    if (wanted == NULL) {
        CHECK(why == NULL);
    } else {
        assert_string_equal(why, wanted);
    }
}

/* Who asks is told before it is sent: nobody over there would ever say so. */
static void test_why_a_treaty_holds_a_request_back_is_told(void **state) {
    (void)state;
    ask_across();
    agreed.treaty.caps = (struct caps){.span_s = 20, .area_m2 = 12000, .live_requests = 1};
    agreed.treaty.instruments = 1 << INSTRUMENT_VOLUNTARY;
    agreed.treaty.roles = 1 << MEMBER_HOME | 1 << MEMBER_ADMINISTRATOR;
    check_held_back(MEMBER_HOME, NULL);
    check_held_back(MEMBER_REQUESTER, "its treaty lets no requester ask, but: home, administrator");
    asked.instrument.kind = INSTRUMENT_EMERGENCY;
    check_held_back(MEMBER_HOME, "its treaty lets it be asked with nothing but: voluntary");
    asked.instrument.kind = INSTRUMENT_VOLUNTARY;
    asked.to.ms++;
    check_held_back(MEMBER_HOME, "its treaty lets 20 s be asked for at most");
    asked.to.ms--;
    asked.place.radius_m = 70;
    check_held_back(MEMBER_HOME, "its treaty lets 12000 m2 be asked about at most");
    asked.place.radius_m = 60;
    agreed.began.ms = asked.head.created.ms; /* by the act, which comes after the treaty's text */
    check_held_back(MEMBER_HOME, NULL);
    agreed.began.ms++;
    check_held_back(MEMBER_HOME, "it was asked before this treaty was made");
}

static void test_why_their_charter_holds_a_request_back_is_told(void **state) {
    (void)state;
    char text[HOLDS_BACK_MAX];
    ask_across();
    check_held_back(MEMBER_REQUESTER, NULL);
    said.caps.span_s = 15;
    check_held_back(MEMBER_HOME, "its charter lets 15 s be asked for at most");
    CHECK(treaty_holds_back(&agreed, &far, NULL, &asked, MEMBER_HOME, text) == NULL);
    said.caps = (struct caps){.span_s = 20, .area_m2 = 300, .live_requests = 1};
    check_held_back(MEMBER_HOME, "its charter lets 300 m2 be asked about at most");
    said.caps = CAPS_DEFAULT;
    said.role_count = 2;
    said.roles[0] = (struct role_rule){.role = MEMBER_REQUESTER, .instruments = 0};
    said.roles[1] =
        (struct role_rule){.role = MEMBER_HOME, .instruments = 1 << INSTRUMENT_EMERGENCY};
    check_held_back(MEMBER_REQUESTER,
                    "its charter lets no requester ask, but: home, administrator");
    check_held_back(MEMBER_HOME, "its charter lets it be asked with nothing but: emergency");
    check_held_back(MEMBER_ADMINISTRATOR, NULL);
    said.treaties[0].b[0]++;
    check_held_back(MEMBER_ADMINISTRATOR,
                    "it has no such treaty in force, as its clerks say; should it come "
                    "into force, this goes there");
}

/* Options of a treaty are written as the charter's file has them. */
static void test_roles_are_read_as_they_are_written(void **state) {
    (void)state;
    struct terms_error error;
    char text[TERMS_WORDS_MAX];
    uint32_t roles = 0;
    CHECK_ERR(ERR_OK, terms_read_roles("administrator, home", &roles, &error));
    assert_int_equal(roles, 1 << MEMBER_HOME | 1 << MEMBER_ADMINISTRATOR);
    terms_roles(roles, text);
    assert_string_equal(text, "home, administrator");
    static const char *const none[] = {"", "witness", "home, boss", ","};
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        CHECK_ERR(ERR_USER_SYNTAX, terms_read_roles(none[i], &roles, &error));
    }
    assert_string_equal(error.text, "neither home, requester nor administrator: ','");
}

/* Whoever removes one hears what it can do still. */
static void test_who_removes_a_clerk_is_told_what_it_can_do(void **state) {
    (void)state;
    static const char one[] =
        "it is a clerk of the treaty with Oak Street: the other clerks tell them that it belongs "
        "no more, but it can keep all from crossing until that treaty is made anew";
    static const char last[] = "it is the last clerk of the treaty with Oak Street, and tells them "
                               "who belongs until that treaty is made anew";
    const struct {
        int home;
        bool subtree, ben_gone, over;
        const char *told;
    } cases[] = {{0, false, false, false, one}, {0, false, true, false, last},
                 {0, true, false, false, last}, /* with Ben, whom Ada brought in */
                 {1, true, false, false, one},  {2, true, false, false, NULL},
                 {0, false, false, true, NULL}};
    propose();
    here.treaty_count = 1;
    here.treaties[0] = (struct agreed){.id = {{5}}, .treaty = treaty, .by = 2};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
        const struct instant now = cases[i].over ? treaty.until : NOW;
        homes[1].sponsor = &homes[0];
        homes[1].state = cases[i].ben_gone ? CONTROL_MEMBER_REMOVED : CONTROL_MEMBER_AWAY;
        treaty_clerk_goes(&here, &members, &homes[cases[i].home], cases[i].subtree, now, &changes);
        check_lines(&changes, &cases[i].told, cases[i].told == NULL ? 0 : 1);
    }
}

/* Whoever takes it out is told that nothing crosses then. */
static void test_the_last_home_that_carries_is_told_of(void **state) {
    (void)state;
    static const char *const last = "no other home carries for Oak Street: nothing crosses then";
    static struct gateways gateways;
    propose();
    here.treaty_count = 1;
    here.treaties[0] = (struct agreed){.id = {{5}}, .treaty = treaty, .by = 2};
    gateways.count = 2;
    gateways.list[0] = (struct gateway_home){.treaty = {{5}}, .home = &homes[0]};
    gateways.list[1] = (struct gateway_home){.treaty = {{5}}, .home = &homes[1]};
    homes[1].sponsor = &homes[0];
    const struct {
        int home, carry; /* how many do */
        bool subtree, over, told;
    } cases[] = {{0, 2, false, false, false},
                 {0, 2, true, false, true},
                 {0, 1, false, false, true},
                 {2, 1, true, false, false},
                 {0, 1, false, true, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        SCOPED(changes_finish) struct changes changes = CHANGES_NONE;
        gateways.count = (size_t)cases[i].carry;
        gateways_go(&gateways, &here, &homes[cases[i].home], cases[i].subtree,
                    cases[i].over ? treaty.until : NOW, &changes);
        check_lines(&changes, &last, cases[i].told ? 1 : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_last_home_that_carries_is_told_of, set_up),
        cmocka_unit_test_setup(test_what_is_proposed_lets_what_the_charter_does, set_up),
        cmocka_unit_test_setup(test_clerks_are_administrators_homes_that_belong, set_up),
        cmocka_unit_test_setup(test_a_home_is_a_clerk_once, set_up),
        cmocka_unit_test_setup(test_every_term_is_told_to_who_signs, set_up),
        cmocka_unit_test_setup(test_nothing_of_the_largest_is_cut, set_up),
        cmocka_unit_test_setup(test_what_does_not_fit_is_told, set_up),
        cmocka_unit_test_setup(test_caps_looser_than_the_charters_are_told, set_up),
        cmocka_unit_test_setup(test_one_stands_with_a_community_at_a_time, set_up),
        cmocka_unit_test_setup(test_a_clerk_that_was_removed_there_says_nothing, set_up),
        cmocka_unit_test_setup(test_what_was_ended_is_not_made_again, set_up),
        cmocka_unit_test_setup(test_more_than_eight_are_refused, set_up),
        cmocka_unit_test_setup(test_one_that_is_over_is_told, set_up),
        cmocka_unit_test_setup(test_an_act_says_what_would_not_count, set_up),
        cmocka_unit_test_setup(test_an_end_is_told_with_what_it_ends, set_up),
        cmocka_unit_test_setup(test_why_a_treaty_holds_a_request_back_is_told, set_up),
        cmocka_unit_test_setup(test_why_their_charter_holds_a_request_back_is_told, set_up),
        cmocka_unit_test_setup(test_roles_are_read_as_they_are_written, set_up),
        cmocka_unit_test_setup(test_who_removes_a_clerk_is_told_what_it_can_do, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
