/* Who called back is believed from signed bytes alone: what does not verify, is about something
 * else or comes twice of one home is not shown, whatever the node says (PROTOCOL 5.7). */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

static struct sample_community community;
static struct community_terms terms;
static struct request request;
static struct control_reply reply;
static struct checked_request asked;
static struct buffer bytes[CALLS_SHOWN_MAX];

static int start(void **state) {
    (void)state;
    sample_community_init(&community);
    sample_governance(&community, &terms.governance);
    sample_request(&community, &request);
    return 0;
}

static int finish(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* As an honest node answers while nobody has called. */
static void answer(void) {
    memset(&reply, 0, sizeof reply);
    reply.kind = CONTROL_GOT_REQUEST;
    reply.as.request.request = buffer_bytes(&community.request);
    reply.as.request.chain_count = 2;
    reply.as.request.chain[0] = buffer_bytes(&community.homes[SAMPLE_FOUNDER].member);
    reply.as.request.chain[1] = buffer_bytes(&community.homes[SAMPLE_AGENCY].member);
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        reply.as.request.callers[reply.as.request.caller_count++] =
            buffer_bytes(&community.homes[i].member);
    }
}

static struct call_back call_by(int home) {
    struct call_back call = {
        .head = {.community = community.id,
                 .author = community.homes[home].certificate,
                 .created = SAMPLE_NOW,
                 .expires = request.head.expires},
        .request = community.request_id,
        .agency = "Riverside PD",
        .number = "+1 951 555 0100",
        .spoke_to = "Sgt. Lee",
        .at = SAMPLE_NOW,
        .outcome = CALL_CONFIRMED,
    };
    return call;
}

static void add(const struct call_back *call, int signer) {
    const struct sign_secret *key = &community.homes[signer].owner.sign;
    struct buffer *out = &bytes[reply.as.request.call_count];
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, call_back_encode(call, &body));
    buffer_finish(out);
    (void)sample_sign(OBJECT_CALL_BACK, buffer_bytes(&body), &key, 1, out);
    reply.as.request.calls[reply.as.request.call_count++] = buffer_bytes(out);
}

static size_t shown(void) {
    CHECK_ERR(ERR_OK, check_request(&reply, &terms, SAMPLE_NOW, &asked));
    return asked.call_count;
}

static void test_a_call_is_shown_with_who_made_it(void **state) {
    (void)state;
    char text[SAFE_MAX];
    struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    answer();
    CHECK(shown() == 0);
    add(&call, SAMPLE_NEIGHBOUR);
    CHECK(shown() == 1);
    CHECK(strcmp(asked.calls[0].by, "Number 14") == 0);
    CHECK(strstr(call_text(&asked.calls[0], text), "Number 14 rang +1 951 555 0100, ") == text);
    CHECK(strstr(text, ": confirmed by Sgt. Lee") != NULL);
    call.outcome = CALL_NOT_REACHED;
    call.spoke_to[0] = '\0';
    answer();
    add(&call, SAMPLE_NEIGHBOUR);
    CHECK(shown() == 1);
    CHECK(strstr(call_text(&asked.calls[0], text), ": nobody reached") != NULL);
}

/* Who reads eight of them is told that they are not all. */
static void test_how_many_are_not_shown_is_said(void **state) {
    (void)state;
    char text[CALLS_MORE_MAX];
    const struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    answer();
    add(&call, SAMPLE_NEIGHBOUR);
    CHECK(shown() == 1);
    CHECK(calls_more_text(&asked, text) == NULL);
    reply.as.request.calls_more = 1;
    CHECK(shown() == 1);
    assert_string_equal(calls_more_text(&asked, text),
                        "1 more home has called; only the newest are shown");
    reply.as.request.calls_more = 12;
    CHECK(shown() == 1);
    assert_string_equal(calls_more_text(&asked, text),
                        "12 more homes have called; only the newest are shown");
}

static void test_what_others_signed_is_not_shown(void **state) {
    (void)state;
    const struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    answer();
    add(&call, SAMPLE_FOUNDER);
    CHECK(shown() == 0);
}

static void test_a_home_has_one_say(void **state) {
    (void)state;
    struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    const struct call_back other = call_by(SAMPLE_FOUNDER);
    answer();
    add(&call, SAMPLE_NEIGHBOUR);
    call.outcome = CALL_DENIED;
    add(&call, SAMPLE_NEIGHBOUR);
    add(&other, SAMPLE_FOUNDER);
    CHECK(shown() == 2);
    CHECK(asked.calls[0].call.outcome == CALL_CONFIRMED);
}

static void test_whoever_asked_does_not_vouch_for_itself(void **state) {
    (void)state;
    const struct call_back call = call_by(SAMPLE_AGENCY);
    answer();
    add(&call, SAMPLE_AGENCY);
    CHECK(shown() == 0);
}

static void test_a_number_of_no_directory_is_not_shown(void **state) {
    (void)state;
    struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    (void)snprintf(call.number, sizeof call.number, "+1 900 555 0199");
    answer();
    add(&call, SAMPLE_NEIGHBOUR);
    CHECK(shown() == 0);
}

static void test_a_call_about_another_request_is_not_shown(void **state) {
    (void)state;
    struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    answer();
    call.request.b[0] ^= 1;
    add(&call, SAMPLE_NEIGHBOUR);
    call = call_by(SAMPLE_FOUNDER);
    call.head.expires.ms += 1;
    add(&call, SAMPLE_FOUNDER);
    CHECK(shown() == 0);
}

static void test_a_caller_who_is_no_member_is_not_shown(void **state) {
    (void)state;
    const struct call_back call = call_by(SAMPLE_NEIGHBOUR);
    answer();
    add(&call, SAMPLE_NEIGHBOUR);
    reply.as.request.caller_count = 1; /* the founder's alone: nothing leads to the neighbour */
    CHECK(shown() == 0);
}

/* An order may name a day in a hundred years: the records name the request after five. */
static void test_the_day_that_ends_secrecy_is_the_true_one(void **state) {
    (void)state;
    char text[SECRECY_TEXT_MAX];
    struct request secret = request;
    struct instrument *instrument = &secret.instrument;
    instrument->non_disclosure = true;
    (void)snprintf(instrument->non_disclosure_authority,
                   sizeof instrument->non_disclosure_authority, "Judge Ortiz");
    instrument->non_disclosure_issued = instrument->issued_at;
    instrument->non_disclosure_expires.ms = SAMPLE_NOW.ms + 30 * (int64_t)DURATION_DAY_MS;
    CHECK(strstr(secrecy_text(&secret, SAMPLE_NOW, text), "names it from that day on") != NULL);
    CHECK(strstr(secrecy_text(&secret, instrument->non_disclosure_expires, text),
                 "nothing keeps it secret now") != NULL);
    instrument->non_disclosure_expires.ms = SAMPLE_NOW.ms + 100 * 365 * (int64_t)DURATION_DAY_MS;
    char day[INSTANT_TEXT_MAX];
    instant_local((struct instant){secret.head.created.ms + 5 * 365 * (int64_t)DURATION_DAY_MS},
                  day);
    day[15] = '\0';
    const char *told = secrecy_text(&secret, SAMPLE_NOW, text);
    CHECK(strstr(told, "after five years at most") != NULL);
    CHECK(strstr(told, day) != NULL);
    instrument->non_disclosure_authority[0] = '\0'; /* no court stands behind it */
    CHECK(strstr(secrecy_text(&secret, SAMPLE_NOW, text), "nothing keeps it secret") != NULL);
}

/* A clip may be collected when who asked for it may ask no more; nobody else's request is shown. */
static void test_ones_own_request_is_read_when_ones_certificate_has_ended(void **state) {
    (void)state;
    const struct instant later = {SAMPLE_NOW.ms + 400 * (int64_t)DURATION_DAY_MS};
    answer();
    CHECK_ERR(ERR_DENY_EXPIRED, check_request(&reply, &terms, later, &asked));
    reply.as.request.ours = true;
    CHECK_ERR(ERR_OK, check_request(&reply, &terms, later, &asked));
    CHECK(!asked.outside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_shown_with_who_made_it),
        cmocka_unit_test(test_ones_own_request_is_read_when_ones_certificate_has_ended),
        cmocka_unit_test(test_how_many_are_not_shown_is_said),
        cmocka_unit_test(test_what_others_signed_is_not_shown),
        cmocka_unit_test(test_a_home_has_one_say),
        cmocka_unit_test(test_whoever_asked_does_not_vouch_for_itself),
        cmocka_unit_test(test_a_number_of_no_directory_is_not_shown),
        cmocka_unit_test(test_a_call_about_another_request_is_not_shown),
        cmocka_unit_test(test_a_caller_who_is_no_member_is_not_shown),
        cmocka_unit_test(test_the_day_that_ends_secrecy_is_the_true_one),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
