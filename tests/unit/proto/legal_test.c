/* The rules of legal process (PROTOCOL 5.3): each broken alone gives that rule and no other. */
#include <stdio.h>
#include <string.h>

#include "proto/request.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)
#define MINUTES(n) ((int64_t)(n)*DURATION_MINUTE_MS)
#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

static struct sample_community community;

static int set_up(void **state) {
    (void)state;
    sample_community_init(&community);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* An instrument of each kind that says all it has to. */
static void fill_good(enum instrument_kind kind, struct request *out) {
    sample_request(&community, out);
    struct instrument *i = &out->instrument;
    struct instrument all = *i;
    i->kind = kind;
    switch (kind) {
    case INSTRUMENT_SEARCH_WARRANT:
    case INSTRUMENT_COURT_ORDER:
    case INSTRUMENT_PRODUCTION_ORDER:
        return;
    case INSTRUMENT_SUBPOENA:
        i->authority_name[0] = i->authority_title[0] = '\0';
        i->execute_by.ms = 0;
        i->produce_by.ms = SAMPLE_NOW.ms + DAYS(5);
        return;
    case INSTRUMENT_PRESERVATION:
    case INSTRUMENT_EMERGENCY:
    case INSTRUMENT_VOLUNTARY:
        break;
    }
    *i = (struct instrument){.kind = kind, .court_signature = COURT_SIGNATURE_NONE};
    out->document.present = false;
    if (kind != INSTRUMENT_VOLUNTARY) {
        TEXT(i->applicant_name, all.applicant_name);
        TEXT(i->applicant_agency, all.applicant_agency);
        TEXT(i->applicant_badge, all.applicant_badge);
    }
    if (kind == INSTRUMENT_PRESERVATION) {
        i->preserve_until.ms = out->head.created.ms + DAYS(90);
    }
    if (kind == INSTRUMENT_EMERGENCY) {
        TEXT(i->emergency_facts, "A child of six left the playground with a stranger");
        TEXT(i->emergency_person, "Mia, six years old");
        TEXT(i->emergency_why_now, "She was last seen 20 minutes ago; no judge answers");
    }
}

static size_t rule_named(const char *id) {
    for (size_t i = 0; i < legal_rule_count(); i++) {
        if (strcmp(legal_rule_at(i)->id, id) == 0) {
            return i;
        }
    }
    fail_msg("no rule %s", id);
    return 0;
}

static const struct charter charter_default = {.caps = CAPS_DEFAULT, .delete_by_max_days = 90};
static const struct legal_terms terms_default = {.charter = &charter_default,
                                                 .instruments = INSTRUMENTS_ALL};

static void check(const struct request *request, bool document_here, struct legal_report *out) {
    legal_check(request, &terms_default, SAMPLE_NOW, document_here, out);
}

#define WARRANT INSTRUMENT_SEARCH_WARRANT
#define ORDER INSTRUMENT_COURT_ORDER
#define PRODUCTION INSTRUMENT_PRODUCTION_ORDER
#define SUBPOENA INSTRUMENT_SUBPOENA
#define PRESERVATION INSTRUMENT_PRESERVATION
#define EMERGENCY INSTRUMENT_EMERGENCY
#define VOLUNTARY INSTRUMENT_VOLUNTARY

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct request *r) {                                                          \
        struct instrument *i = &r->instrument;                                                     \
        (void)i;                                                                                   \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(no_jurisdiction, i->jurisdiction[0] = '\0')
SPOIL(no_such_country, TEXT(i->jurisdiction, "XX-CA"))
SPOIL(no_such_country_volunteered, TEXT(i->jurisdiction, "UK"))
SPOIL(small_letters, TEXT(i->jurisdiction, "us-ca"))
SPOIL(long_subdivision, TEXT(i->jurisdiction, "US-CALI"))
SPOIL(no_subdivision, TEXT(i->jurisdiction, "US-"))
SPOIL(between_two_countries, TEXT(i->jurisdiction, "DA"))
SPOIL(no_court, i->court[0] = '\0')
SPOIL(court_not_applicable, TEXT(i->court, "N/A"))
SPOIL(no_case, i->case_number[0] = '\0')
SPOIL(case_of_two, TEXT(i->case_number, "42"))
SPOIL(case_not_applicable, TEXT(i->case_number, " n / A. "))
SPOIL(case_investigation, TEXT(i->case_number, "Investigation"))
SPOIL(case_pending, TEXT(i->case_number, "PENDING"))
SPOIL(case_pending_investigation, TEXT(i->case_number, "pending - investigation"))
SPOIL(case_none, TEXT(i->case_number, "(none)"))
SPOIL(case_tbd, TEXT(i->case_number, "T.B.D."))
SPOIL(case_tbd_word, TEXT(i->case_number, "tbd"))
SPOIL(case_unknown, TEXT(i->case_number, "case no. unknown"))
SPOIL(case_dashes, TEXT(i->case_number, "-----"))
SPOIL(case_wide, TEXT(i->case_number, "\xef\xbc\xae\xef\xbc\x8f\xef\xbc\xa1")) /* N/A, wide */
SPOIL(case_invisible, TEXT(i->case_number, "pen\xe2\x80\x8b"
                                           "ding"))
SPOIL(case_blank_in_emergency, TEXT(i->case_number, "pending"))
SPOIL(no_statute, i->statute[0] = '\0')
SPOIL(no_offence, i->offence[0] = '\0')
SPOIL(offence_vague, TEXT(i->offence, "Criminal investigation"))
SPOIL(offence_suspicious, TEXT(i->offence, "suspicious person"))
SPOIL(offence_sweeping, TEXT(i->offence, "Anything found"))
SPOIL(no_applicant, i->applicant_name[0] = '\0')
SPOIL(applicant_unknown, TEXT(i->applicant_name, "unknown"))
SPOIL(no_agency, i->applicant_agency[0] = '\0')
SPOIL(no_badge, i->applicant_badge[0] = '\0')
SPOIL(no_authority, i->authority_name[0] = '\0')
SPOIL(no_title, i->authority_title[0] = '\0')
SPOIL(own_authority, TEXT(i->authority_name, "r  ALVAREZ"))
SPOIL(no_issue, i->issued_at.ms = 0)
SPOIL(issued_tomorrow, i->issued_at.ms = SAMPLE_NOW.ms + MINUTES(5) + 1)
SPOIL(no_execution, i->execute_by.ms = 0)
SPOIL(executed_as_issued, i->issued_at.ms = i->execute_by.ms = SAMPLE_NOW.ms + MINUTES(1))
SPOIL(subpoena_executed_before, i->execute_by.ms = SAMPLE_NOW.ms + 1;
      i->issued_at.ms = SAMPLE_NOW.ms + 1)
SPOIL(run_out, i->issued_at.ms = SAMPLE_NOW.ms - DAYS(9); i->execute_by = SAMPLE_NOW)
SPOIL(federal_15_days, TEXT(i->jurisdiction, "US");
      TEXT(i->court, "United States District Court, C.D. Cal.");
      i->execute_by.ms = i->issued_at.ms + DAYS(15) + MINUTES(60) + 1)
SPOIL(english_over_3_months, TEXT(i->jurisdiction, "GB-ENG");
      i->issued_at.ms = INT64_C(1795132800000);  /* 2026-11-20 */
      i->execute_by.ms = INT64_C(1803171600001)) /* 2027-02-21 01:00 and a moment */
SPOIL(californian_over_10_days, i->execute_by.ms = i->issued_at.ms + DAYS(11) + MINUTES(60) + 1)
SPOIL(over_the_area, r->place.radius_m = 643)
SPOIL(over_the_span, r->from.ms = r->to.ms - 12 * (int64_t)DURATION_HOUR_MS - 1)
SPOIL(not_past, r->to.ms = SAMPLE_NOW.ms + MINUTES(5) + 1)
SPOIL(no_items, i->items[0] = '\0')
SPOIL(items_everything, TEXT(i->items, "Everything."))
SPOIL(items_all_footage, TEXT(i->items, "ALL  FOOTAGE of the day"))
SPOIL(items_any_and_all, TEXT(i->items, "any & all, that is any-and-all recordings"))
SPOIL(items_volunteered, TEXT(i->items, "all video"))
SPOIL(produce_to_nobody, TEXT(i->produce_to, "TBD"))
SPOIL(produce_before_issue, i->produce_by.ms = i->issued_at.ms)
SPOIL(silence_by_nobody, i->non_disclosure = true; i->non_disclosure_issued = i->issued_at;
      i->non_disclosure_expires.ms = i->issued_at.ms + DAYS(30))
SPOIL(silence_without_court, i->non_disclosure = true; TEXT(i->non_disclosure_authority, "Chief");
      i->non_disclosure_issued = SAMPLE_NOW;
      i->non_disclosure_expires.ms = SAMPLE_NOW.ms + DAYS(30))
SPOIL(silence_for_ever, i->non_disclosure = true; TEXT(i->non_disclosure_authority, "M. Okafor");
      i->non_disclosure_issued = i->issued_at)
SPOIL(silence_backwards, i->non_disclosure = true; TEXT(i->non_disclosure_authority, "M. Okafor");
      i->non_disclosure_issued = i->issued_at; i->non_disclosure_expires = i->issued_at)
SPOIL(silence_undated, i->non_disclosure = true; TEXT(i->non_disclosure_authority, "M. Okafor");
      i->non_disclosure_expires.ms = i->issued_at.ms + DAYS(30))
SPOIL(silence_over_90_days, i->non_disclosure = true;
      TEXT(i->non_disclosure_authority, "M. Okafor"); i->non_disclosure_issued = i->issued_at;
      i->non_disclosure_expires.ms = i->issued_at.ms + DAYS(90) + 1)
SPOIL(preserve_over_90_days, i->preserve_until.ms = r->head.created.ms + DAYS(90) + 1)
SPOIL(preserve_without_end, i->preserve_until.ms = 0)
SPOIL(preserve_in_a_warrant, i->preserve_until.ms = r->head.created.ms + DAYS(91))
SPOIL(no_facts, i->emergency_facts[0] = '\0')
SPOIL(no_person, TEXT(i->emergency_person, "none"))
SPOIL(not_now, i->emergency_why_now[0] = '\0')
SPOIL(no_document, r->document.present = false)
SPOIL(claimed_signature, i->court_signature = COURT_SIGNATURE_CMS; r->court_seal.present = true)
SPOIL(no_reason, TEXT(r->reason, "theft"))
SPOIL(reason_nothing, TEXT(r->reason, "not applicable"))
SPOIL(an_amendment, r->amends.b[0] = 1)

static const struct {
    const char *what;
    void (*spoil)(struct request *request);
    enum instrument_kind kind;
    const char *id;
    enum legal_outcome outcome;
    enum err verdict;
} cases[] = {
#define REFUSED(kind, id, name)                                                                    \
    { #name, name, kind, id, LEGAL_FAILED, ERR_PEER_RULE }
#define TIMED(kind, id, name)                                                                      \
    { #name, name, kind, id, LEGAL_FAILED, ERR_DENY_TIME }
#define CAPPED(kind, id, name)                                                                     \
    { #name, name, kind, id, LEGAL_FAILED, ERR_DENY_CAP }
#define FAILS(kind, id, name)                                                                      \
    { #name, name, kind, id, LEGAL_FAILED, ERR_OK }
#define OPEN(kind, id, name)                                                                       \
    { #name, name, kind, id, LEGAL_UNKNOWN, ERR_OK }
    REFUSED(WARRANT, "LP-01", no_jurisdiction),
    REFUSED(SUBPOENA, "LP-01", no_such_country),
    REFUSED(VOLUNTARY, "LP-01", no_such_country_volunteered),
    REFUSED(ORDER, "LP-01", small_letters),
    REFUSED(ORDER, "LP-01", long_subdivision),
    REFUSED(ORDER, "LP-01", no_subdivision),
    REFUSED(ORDER, "LP-01", between_two_countries),
    REFUSED(PRODUCTION, "LP-02", no_court),
    REFUSED(WARRANT, "LP-02", court_not_applicable),
    REFUSED(WARRANT, "LP-03", no_case),
    REFUSED(WARRANT, "LP-03", case_of_two),
    REFUSED(WARRANT, "LP-03", case_not_applicable),
    REFUSED(ORDER, "LP-03", case_investigation),
    REFUSED(ORDER, "LP-03", case_pending),
    REFUSED(ORDER, "LP-03", case_pending_investigation),
    REFUSED(SUBPOENA, "LP-03", case_none),
    REFUSED(SUBPOENA, "LP-03", case_tbd_word),
    REFUSED(WARRANT, "LP-03", case_unknown),
    REFUSED(WARRANT, "LP-03", case_dashes),
    REFUSED(WARRANT, "LP-03", case_wide),
    REFUSED(WARRANT, "LP-03", case_invisible),
    REFUSED(WARRANT, "LP-03", case_tbd),
    REFUSED(EMERGENCY, "LP-03", case_blank_in_emergency),
    FAILS(WARRANT, "LP-04", no_statute),
    FAILS(WARRANT, "LP-05", no_offence),
    FAILS(WARRANT, "LP-05", offence_vague),
    FAILS(WARRANT, "LP-05", offence_suspicious),
    FAILS(WARRANT, "LP-05", offence_sweeping),
    REFUSED(PRESERVATION, "LP-06", no_applicant),
    REFUSED(SUBPOENA, "LP-06", applicant_unknown),
    REFUSED(EMERGENCY, "LP-07", no_agency),
    FAILS(WARRANT, "LP-08", no_badge),
    REFUSED(ORDER, "LP-09", no_authority),
    REFUSED(PRODUCTION, "LP-10", no_title),
    REFUSED(WARRANT, "LP-11", own_authority),
    REFUSED(SUBPOENA, "LP-12", no_issue),
    TIMED(WARRANT, "LP-13", issued_tomorrow),
    REFUSED(WARRANT, "LP-14", no_execution),
    REFUSED(ORDER, "LP-14", executed_as_issued),
    REFUSED(SUBPOENA, "LP-14", subpoena_executed_before),
    TIMED(WARRANT, "LP-15", run_out),
    FAILS(WARRANT, "LP-16", federal_15_days),
    FAILS(WARRANT, "LP-16", english_over_3_months),
    FAILS(WARRANT, "LP-16", californian_over_10_days),
    CAPPED(VOLUNTARY, "LP-17", over_the_area),
    CAPPED(VOLUNTARY, "LP-18", over_the_span),
    TIMED(VOLUNTARY, "LP-19", not_past),
    FAILS(WARRANT, "LP-20", no_items),
    FAILS(WARRANT, "LP-20", items_everything),
    FAILS(WARRANT, "LP-20", items_all_footage),
    FAILS(WARRANT, "LP-20", items_any_and_all),
    FAILS(VOLUNTARY, "LP-20", items_volunteered),
    FAILS(SUBPOENA, "LP-21", produce_to_nobody),
    FAILS(SUBPOENA, "LP-22", produce_before_issue),
    REFUSED(WARRANT, "LP-23", silence_by_nobody),
    REFUSED(EMERGENCY, "LP-23", silence_without_court),
    REFUSED(WARRANT, "LP-24", silence_for_ever),
    REFUSED(WARRANT, "LP-24", silence_backwards),
    REFUSED(WARRANT, "LP-24", silence_undated),
    FAILS(WARRANT, "LP-25", silence_over_90_days),
    REFUSED(PRESERVATION, "LP-26", preserve_over_90_days),
    REFUSED(PRESERVATION, "LP-26", preserve_without_end),
    REFUSED(WARRANT, "LP-26", preserve_in_a_warrant),
    REFUSED(EMERGENCY, "LP-27", no_facts),
    REFUSED(EMERGENCY, "LP-28", no_person),
    REFUSED(EMERGENCY, "LP-29", not_now),
    FAILS(WARRANT, "LP-30", no_document),
    OPEN(WARRANT, "LP-32", claimed_signature),
    FAILS(VOLUNTARY, "LP-33", no_reason),
    FAILS(VOLUNTARY, "LP-33", reason_nothing),
    OPEN(VOLUNTARY, "LP-34", an_amendment),
};

/* Other rules may cease to apply when one is broken (no document: no hash to compare), or be left
 * open; none may fail with it. */
static void test_each_rule_broken_alone_fails_that_rule_alone(void **state) {
    (void)state;
    bool covered[LEGAL_RULES_MAX] = {false};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct request request;
        struct legal_report before;
        struct legal_report after;
        size_t wanted = rule_named(cases[k].id);
        size_t rule = SIZE_MAX;
        fill_good(cases[k].kind, &request);
        check(&request, true, &before);
        cases[k].spoil(&request);
        check(&request, true, &after);
        for (size_t i = 0; i < after.count; i++) {
            enum legal_outcome expected = i == wanted ? cases[k].outcome : before.outcomes[i];
            bool worse = after.outcomes[i] == LEGAL_FAILED || i == wanted;
            if (worse && after.outcomes[i] != expected) {
                fail_msg("%s: %s went from %d to %d", cases[k].what, legal_rule_at(i)->id,
                         before.outcomes[i], after.outcomes[i]);
            }
        }
        CHECK(before.outcomes[wanted] != cases[k].outcome);
        enum err verdict = legal_verdict(&after, &rule);
        if (verdict != cases[k].verdict || (verdict != ERR_OK && rule != wanted)) {
            fail_msg("%s: %s", cases[k].what, err_name(verdict));
        }
        CHECK((verdict == ERR_OK) ==
              (cases[k].outcome == LEGAL_UNKNOWN || legal_rule_at(wanted)->severity == LEGAL_FAIL));
        CHECK((verdict == ERR_DENY_TIME) ==
              (legal_rule_at(wanted)->severity == LEGAL_REFUSE_TIMED));
        size_t refused = 0;
        check(&request, false, &after); /* who refuses at once has no document yet */
        verdict = legal_verdict(&after, &rule);
        CHECK_ERR(verdict, legal_refuse(&request, &terms_default, SAMPLE_NOW, &refused));
        CHECK(verdict == ERR_OK || refused == rule);
        covered[wanted] = true;
    }
    covered[rule_named("LP-31")] = true; /* below */
    covered[rule_named("LP-35")] = true;
    for (size_t i = 0; i < legal_rule_count(); i++) {
        if (!covered[i]) {
            fail_msg("no case breaks %s", legal_rule_at(i)->id);
        }
    }
}

static void test_good_instruments_of_each_kind_pass(void **state) {
    (void)state;
    for (int kind = INSTRUMENT_SEARCH_WARRANT; kind <= INSTRUMENT_VOLUNTARY; kind++) {
        struct request request;
        struct legal_report report;
        size_t rule = 77;
        fill_good((enum instrument_kind)kind, &request);
        check(&request, true, &report);
        CHECK(report.count == legal_rule_count());
        CHECK_ERR(ERR_OK, legal_verdict(&report, &rule));
        CHECK(rule == 77);
        for (size_t i = 0; i < report.count; i++) { /* courts do not sign yet */
            if (report.outcomes[i] == LEGAL_FAILED && i != rule_named("LP-32")) {
                fail_msg("%s fails %s", instrument_word((enum instrument_kind)kind),
                         legal_rule_at(i)->id);
            }
        }
    }
}

/* A rule that passes is not one that was skipped: what each kind is held to. */
static void test_each_kind_is_held_to_its_own_rules(void **state) {
    (void)state;
    static const struct {
        enum instrument_kind kind;
        const char *held_to; /* rules that are not "does not apply" */
    } kinds[] = {
        {WARRANT, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 30 31 32 33 "},
        {ORDER, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 18 19 20 21 30 31 32 33 "},
        {PRODUCTION, "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 18 19 20 21 30 31 32 33 "},
        {SUBPOENA, "1 2 3 4 5 6 7 8 12 13 17 18 19 20 21 22 30 31 33 "},
        {PRESERVATION, "6 7 8 17 18 19 26 33 "},
        {EMERGENCY, "6 7 8 17 18 19 27 28 29 33 "},
        {VOLUNTARY, "17 18 19 33 "},
    };
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        struct request request;
        struct legal_report report;
        char held_to[256] = "";
        fill_good(kinds[k].kind, &request);
        check(&request, true, &report);
        for (size_t i = 0; i < report.count; i++) {
            if (report.outcomes[i] != LEGAL_NOT_APPLICABLE) {
                size_t len = strlen(held_to);
                (void)snprintf(held_to + len, sizeof held_to - len, "%zu ", i + 1);
            }
        }
        assert_string_equal(held_to, kinds[k].held_to);
    }
}

static void test_what_cannot_be_checked_is_said_to_be_open(void **state) {
    (void)state;
    struct request request;
    struct legal_report report;
    fill_good(WARRANT, &request);
    check(&request, false, &report);
    CHECK(report.outcomes[rule_named("LP-31")] == LEGAL_UNKNOWN); /* not here yet */
    check(&request, true, &report);
    CHECK(report.outcomes[rule_named("LP-31")] == LEGAL_PASSED);
    CHECK(report.outcomes[rule_named("LP-16")] == LEGAL_PASSED); /* California's own law */
    TEXT(request.instrument.jurisdiction, "US-AZ");
    check(&request, true, &report);
    CHECK(report.outcomes[rule_named("LP-16")] == LEGAL_UNKNOWN);
    request.instrument.court_signature = COURT_SIGNATURE_IMAGE;
    check(&request, true, &report);
    CHECK(report.outcomes[rule_named("LP-32")] == LEGAL_FAILED); /* a picture never counts */
    request.instrument.court_signature = COURT_SIGNATURE_CMS;
    request.document.present = false;
    check(&request, true, &report);
    CHECK(report.outcomes[rule_named("LP-32")] == LEGAL_FAILED); /* a signature over nothing */
}

/* What people do write must not be taken for an excuse. */
static void test_real_case_numbers_and_offences_pass(void **state) {
    (void)state;
    static const char *const numbers[] = {
        "26-SW-1182",
        "2:26-mj-00417",
        "N/A-26-1",
        "12 O 345/26",
        "No. 471",
        "T20267001",
        "CASE 9",
        "\xe2\x84\x96 12-345/2026",
        ("\xef\xbc\x88"
         "2026\xef\xbc\x89\xe4\xba\xac"
         "01"),
        "Investigation 26",
        "1234567890123456789012345678901234567890123456789012345678901234",
    };
    static const char *const offences[] = {
        "Hit and run",     "Theft",
        "criminal damage", "Burglary of a dwelling",
        "suspicious fire", "all-terrain vehicle theft",
    };
    struct request request;
    struct legal_report report;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        fill_good(WARRANT, &request);
        TEXT(request.instrument.case_number, numbers[i]);
        check(&request, true, &report);
        if (report.outcomes[rule_named("LP-03")] != LEGAL_PASSED) {
            fail_msg("'%s' is a case number", numbers[i]);
        }
    }
    for (size_t i = 0; i < COUNT_OF(offences); i++) {
        fill_good(WARRANT, &request);
        TEXT(request.instrument.offence, offences[i]);
        check(&request, true, &report);
        if (report.outcomes[rule_named("LP-05")] != LEGAL_PASSED) {
            fail_msg("'%s' is an offence", offences[i]);
        }
    }
}

static void test_every_country_is_known_and_no_other(void **state) {
    (void)state;
    size_t known = 0;
    struct request request;
    struct legal_report report;
    fill_good(WARRANT, &request);
    for (int a = 'A'; a <= 'Z'; a++) {
        for (int b = 'A'; b <= 'Z'; b++) {
            (void)snprintf(request.instrument.jurisdiction, 8, "%c%c", a, b);
            check(&request, true, &report);
            known += report.outcomes[0] == LEGAL_PASSED ? 1 : 0;
        }
    }
    CHECK(known == 249); /* ISO 3166-1 has so many */
}

static void test_the_first_rule_that_refuses_decides(void **state) {
    (void)state;
    struct request request;
    struct legal_report report;
    size_t rule = SIZE_MAX;
    fill_good(WARRANT, &request);
    no_statute(&request); /* fails a check, refuses nothing */
    over_the_area(&request);
    no_title(&request);
    check(&request, true, &report);
    CHECK_ERR(ERR_PEER_RULE, legal_verdict(&report, &rule));
    assert_string_equal(legal_rule_at(rule)->id, "LP-10");
    CHECK_ERR(ERR_PEER_RULE, legal_verdict(&report, NULL));
}

/* The charter's caps, not the defaults, decide. */
static void test_a_charter_tightens_the_caps(void **state) {
    (void)state;
    struct charter charter = {.caps = {.span_s = 150, .area_m2 = 11310, .live_requests = 1},
                              .delete_by_max_days = 90};
    const struct legal_terms terms = {.charter = &charter, .instruments = INSTRUMENTS_ALL};
    struct request request;
    struct legal_report report;
    fill_good(VOLUNTARY, &request); /* 150 s, radius 60 m */
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_OK, legal_verdict(&report, NULL));
    charter.caps.span_s = 149;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_DENY_CAP, legal_verdict(&report, NULL));
    charter.caps = (struct caps){.span_s = 150, .area_m2 = 11309, .live_requests = 1};
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_DENY_CAP, legal_verdict(&report, NULL));
}

static void test_rules_are_numbered_in_order_and_say_all_of_themselves(void **state) {
    (void)state;
    for (size_t i = 0; i < legal_rule_count(); i++) {
        const struct legal_rule *rule = legal_rule_at(i);
        char id[8];
        (void)snprintf(id, sizeof id, "LP-%02u", (unsigned)(i + 1) % 100);
        assert_string_equal(rule->id, id);
        CHECK(rule->field[0] != '\0' && rule->text[0] != '\0' && rule->source[0] != '\0');
    }
}

/* LP-32 passes for a seal that holds over a document that is here, and for nothing else. */
static void test_only_a_seal_that_was_checked_passes(void **state) {
    static const struct {
        enum court_signature claimed;
        bool document, seal_sent, document_here;
        enum legal_seal seal;
        enum legal_outcome outcome;
    } seals[] = {
        {COURT_SIGNATURE_CMS, true, true, true, LEGAL_SEAL_GOOD, LEGAL_PASSED},
        {COURT_SIGNATURE_CMS, true, true, true, LEGAL_SEAL_BAD, LEGAL_FAILED},
        {COURT_SIGNATURE_CMS, true, true, true, LEGAL_SEAL_UNKNOWN, LEGAL_UNKNOWN},
        {COURT_SIGNATURE_CMS, true, true, false, LEGAL_SEAL_UNKNOWN, LEGAL_UNKNOWN},
        {COURT_SIGNATURE_CMS, true, true, false, LEGAL_SEAL_GOOD, LEGAL_UNKNOWN},
        {COURT_SIGNATURE_CMS, true, false, true, LEGAL_SEAL_UNKNOWN, LEGAL_FAILED},
        {COURT_SIGNATURE_CMS, false, true, false, LEGAL_SEAL_GOOD, LEGAL_FAILED},
        {COURT_SIGNATURE_IMAGE, true, true, true, LEGAL_SEAL_GOOD, LEGAL_FAILED},
        {COURT_SIGNATURE_NONE, true, true, true, LEGAL_SEAL_GOOD, LEGAL_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(seals); i++) {
        const struct legal_evidence evidence = {.document_here = seals[i].document_here,
                                                .seal = seals[i].seal};
        struct request request;
        struct legal_report report;
        fill_good(INSTRUMENT_SEARCH_WARRANT, &request);
        request.instrument.court_signature = seals[i].claimed;
        request.document.present = seals[i].document;
        request.court_seal.present = seals[i].seal_sent;
        legal_check_evidence(&request, &terms_default, SAMPLE_NOW, &evidence, &report);
        CHECK(report.outcomes[rule_named("LP-32")] == seals[i].outcome);
        CHECK(legal_verdict(&report, NULL) == ERR_OK);
    }
}

/* LP-34 is for who holds the other request to say. */
static void test_an_amendment_passes_where_the_other_request_is_held(void **state) {
    (void)state;
    struct request request;
    struct legal_report report;
    struct legal_evidence evidence = {.amends_own = true};
    fill_good(INSTRUMENT_VOLUNTARY, &request);
    legal_check_evidence(&request, &terms_default, SAMPLE_NOW, &evidence, &report);
    CHECK(report.outcomes[rule_named("LP-34")] == LEGAL_NOT_APPLICABLE);
    request.amends = (struct id){{1}};
    legal_check_evidence(&request, &terms_default, SAMPLE_NOW, &evidence, &report);
    CHECK(report.outcomes[rule_named("LP-34")] == LEGAL_PASSED);
    evidence.amends_own = false;
    legal_check_evidence(&request, &terms_default, SAMPLE_NOW, &evidence, &report);
    CHECK(report.outcomes[rule_named("LP-34")] == LEGAL_UNKNOWN);
}

/* The place has to be the community's, but where a treaty lets it be asked of another one. */
static void test_a_place_beyond_the_service_area_refuses(void **state) {
    (void)state;
    struct charter charter = charter_default;
    struct legal_terms terms = {.charter = &charter, .instruments = INSTRUMENTS_ALL};
    struct request request;
    struct legal_report report;
    size_t rule = 0;
    size_t refused = 0;
    fill_good(INSTRUMENT_VOLUNTARY, &request);
    charter.has_area = true;
    charter.area = request.place;
    charter.area.radius_m = request.place.radius_m + 1;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_OK, legal_verdict(&report, NULL));
    charter.area.radius_m = request.place.radius_m - 1;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_DENY_CAP, legal_verdict(&report, &rule));
    CHECK_ERR(ERR_DENY_CAP, legal_refuse(&request, &terms, SAMPLE_NOW, &refused));
    CHECK(rule == rule_named("LP-17") && refused == rule);
    terms.elsewhere = true;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK_ERR(ERR_OK, legal_verdict(&report, NULL));
    CHECK_ERR(ERR_OK, legal_refuse(&request, &terms, SAMPLE_NOW, NULL));
}

static void test_clips_are_kept_no_longer_than_the_charter_says(void **state) {
    (void)state;
    struct request request;
    struct legal_report report;
    fill_good(INSTRUMENT_VOLUNTARY, &request);
    request.terms.delete_by.ms = request.head.created.ms + DAYS(90);
    check(&request, false, &report);
    CHECK_ERR(ERR_OK, legal_verdict(&report, NULL));
    request.terms.delete_by.ms += 1;
    check(&request, false, &report);
    CHECK_ERR(ERR_DENY_CHARTER, legal_verdict(&report, NULL));
    CHECK_ERR(ERR_DENY_CHARTER, legal_refuse(&request, &terms_default, SAMPLE_NOW, NULL));
}

/* LP-35 is for who holds certificate and charter to say. */
static void test_an_instrument_that_a_role_may_not_use_refuses(void **state) {
    (void)state;
    struct request request;
    struct legal_report report;
    struct legal_terms terms = {.charter = &charter_default,
                                .instruments = 1U << INSTRUMENT_SUBPOENA};
    size_t rule = 0;
    fill_good(INSTRUMENT_VOLUNTARY, &request);
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK(report.outcomes[rule_named("LP-35")] == LEGAL_FAILED);
    CHECK_ERR(ERR_DENY_CAP, legal_verdict(&report, &rule));
    CHECK(rule == rule_named("LP-35"));
    terms.instruments = 1U << INSTRUMENT_VOLUNTARY;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK(report.outcomes[rule_named("LP-35")] == LEGAL_PASSED);
    terms.instruments = INSTRUMENTS_ALL;
    legal_check(&request, &terms, SAMPLE_NOW, false, &report);
    CHECK(report.outcomes[rule_named("LP-35")] == LEGAL_NOT_APPLICABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_seal_that_was_checked_passes),
        cmocka_unit_test(test_an_amendment_passes_where_the_other_request_is_held),
        cmocka_unit_test(test_an_instrument_that_a_role_may_not_use_refuses),
        cmocka_unit_test(test_a_place_beyond_the_service_area_refuses),
        cmocka_unit_test(test_clips_are_kept_no_longer_than_the_charter_says),
        cmocka_unit_test(test_each_rule_broken_alone_fails_that_rule_alone),
        cmocka_unit_test(test_good_instruments_of_each_kind_pass),
        cmocka_unit_test(test_each_kind_is_held_to_its_own_rules),
        cmocka_unit_test(test_what_cannot_be_checked_is_said_to_be_open),
        cmocka_unit_test(test_real_case_numbers_and_offences_pass),
        cmocka_unit_test(test_every_country_is_known_and_no_other),
        cmocka_unit_test(test_the_first_rule_that_refuses_decides),
        cmocka_unit_test(test_a_charter_tightens_the_caps),
        cmocka_unit_test(test_rules_are_numbered_in_order_and_say_all_of_themselves),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
