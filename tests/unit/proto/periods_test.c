/* Execution periods of jurisdictions (PROTOCOL 5.3, LP-16): every row has its case here, the last
 * moment that may be meant and the first that may not. */
#include <stdio.h>
#include <string.h>

#include "proto/periods.h"
#include "tests/support/check.h"

static struct instrument warrant(const char *jurisdiction, const char *court) {
    struct instrument out = {.kind = INSTRUMENT_SEARCH_WARRANT};
    (void)snprintf(out.jurisdiction, sizeof out.jurisdiction, "%s", jurisdiction);
    (void)snprintf(out.court, sizeof out.court, "%s", court);
    return out;
}

static struct instant at(const char *text) {
    struct instant out = {0};
    CHECK_ERR(ERR_OK, instant_parse(text, &out));
    return out;
}

static void test_each_row_ends_where_its_statute_says(void **state) {
    (void)state;
    static const struct {
        const char *jurisdiction, *court, *text, *issued, *end;
    } cases[] = {
        {"US", "United States District Court for the District of Maine", "14 days",
         "2026-11-01T09:00:00Z", "2026-11-16T10:00:00Z"},
        {"US-CA", "Superior Court, County of Riverside", "10 days", "2026-11-01T00:00:00-07:00",
         "2026-11-12T01:00:00-07:00"},
        {"US-FL", "Circuit Court, Leon County", "10 days", "2026-11-01T09:00:00Z",
         "2026-11-12T10:00:00Z"},
        {"US-GA", "Superior Court of Fulton County", "10 days", "2026-11-01T09:00:00Z",
         "2026-11-12T10:00:00Z"},
        {"US-IL", "Circuit Court of Cook County", "96 hours", "2026-11-01T09:00:00Z",
         "2026-11-05T09:00:00Z"},
        {"US-IN", "Marion Superior Court", "10 days", "2026-11-01T09:00:00Z",
         "2026-11-12T10:00:00Z"},
        {"US-MN", "District Court, Fourth Judicial District", "10 days", "2028-02-20T09:00:00Z",
         "2028-03-02T10:00:00Z"},
        {"US-NC", "General Court of Justice", "48 hours", "2026-11-01T09:00:00Z",
         "2026-11-03T09:00:00Z"},
        {"US-NJ", "Superior Court of New Jersey", "10 days", "2026-11-01T09:00:00Z",
         "2026-11-12T10:00:00Z"},
        {"US-NY", "Criminal Court of the City of New York", "10 days", "2026-12-28T09:00:00Z",
         "2027-01-08T10:00:00Z"},
        {"US-TX", "District Court of Travis County", "3 whole days between", "2026-11-01T09:00:00Z",
         "2026-11-06T10:00:00Z"},
        {"US-VA", "Circuit Court of Henrico County", "15 days", "2026-11-01T09:00:00Z",
         "2026-11-17T10:00:00Z"},
        {"US-WA", "Superior Court for King County", "10 days", "2026-11-01T09:00:00Z",
         "2026-11-12T10:00:00Z"},
        {"GB-EAW", "Crown Court", "3 months", "2026-11-20T09:00:00Z", "2027-02-21T10:00:00Z"},
        {"GB-ENG", "Westminster Magistrates' Court", "3 months", "2027-11-30T09:00:00Z",
         "2028-03-01T10:00:00Z"}, /* 29 February, whole */
        {"GB-WLS", "Cardiff Magistrates' Court", "3 months", "2026-11-30T09:00:00Z",
         "2027-03-01T10:00:00Z"}, /* 28 February, whole */
    };
    assert_int_equal(COUNT_OF(cases), execution_period_count());
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct execution_period *row = execution_period_at(i);
        struct instrument instrument = warrant(cases[i].jurisdiction, cases[i].court);
        char text[PERIOD_TEXT_MAX];
        assert_string_equal(row->jurisdiction, cases[i].jurisdiction);
        assert_ptr_equal(execution_period_of(&instrument), row);
        execution_period_text(row, text);
        assert_string_equal(text, cases[i].text);
        if (execution_period_end(row, at(cases[i].issued)).ms != at(cases[i].end).ms) {
            fail_msg("%s does not end at %s", cases[i].jurisdiction, cases[i].end);
        }
    }
}

static void test_what_no_row_speaks_of_is_unknown(void **state) {
    (void)state;
    static const char *const unknown[][2] = {
        {"US", "Superior Court"},   {"US-AZ", "Superior Court"}, {"CA", "Court of Justice"},
        {"CA-ON", "Ontario Court"}, {"GB", "Crown Court"},       {"GB-SCT", "Sheriff Court"},
        {"GB-NIR", "Magistrates"},  {"DE", "Amtsgericht Mitte"}, {"", ""},
        {"CA", "Federal Court"},
    };
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        struct instrument instrument = warrant(unknown[i][0], unknown[i][1]);
        CHECK(execution_period_of(&instrument) == NULL);
    }
    struct instrument order = warrant("US-CA", "Superior Court");
    order.kind = INSTRUMENT_COURT_ORDER;
    CHECK(execution_period_of(&order) == NULL);
}

static void test_a_federal_court_goes_before_the_state(void **state) {
    (void)state;
    static const char *const courts[] = {"UNITED STATES DISTRICT COURT", "U.S. District Court",
                                         "US District Court, S.D.N.Y.", "federal court, Riverside"};
    for (size_t i = 0; i < COUNT_OF(courts); i++) {
        struct instrument instrument = warrant("US-CA", courts[i]);
        assert_ptr_equal(execution_period_of(&instrument), execution_period_at(0));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_ends_where_its_statute_says),
        cmocka_unit_test(test_what_no_row_speaks_of_is_unknown),
        cmocka_unit_test(test_a_federal_court_goes_before_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
