#include "node/consent/consent.h"

#include "tests/support/check.h"

#include <string.h>

#include "tests/support/samples.h"

enum {
    HOUR = DURATION_HOUR_MS,
    GRANT_HEADER = true,
};

static struct sample_community community;
static struct sign_secret second_secret; /* of an owner beside the sample's one */
static struct member home;
static struct id home_id;

static int set_up(void **state) {
    (void)state;
    uint8_t seed[32] = {42};
    sample_community_init(&community);
    sample_member(&community, SAMPLE_NEIGHBOUR, (struct bytes){NULL, 0}, &home);
    home.owners[1] = home.owners[0];
    sign_from_seed(seed, &second_secret, &home.owners[1].sign);
    home.owner_count = 2;
    home_id = community.homes[SAMPLE_NEIGHBOUR].certificate;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* A prompt for the sample's clip, open until an hour from now. */
static struct consent *open_prompt(struct grant *grant) {
    struct consent *consent = consent_create();
    CHECK(consent != NULL);
    sample_grant(&community, grant);
    grant->owner_count = 2;
    grant->owners[1] = home.owners[1].sign;
    CHECK_ERR(ERR_OK, consent_open(consent, &grant->clip, &grant->request,
                                   (struct instant){SAMPLE_NOW.ms + HOUR}));
    return consent;
}

static struct id replaced; /* the grant that the next one takes the place of; zero: none */

static enum err give(struct consent *consent, const struct grant *grant, bool first, bool second,
                     bool has_header, struct instant now, bool *complete) {
    const struct sign_secret *keys[2];
    size_t count = 0;
    struct buffer bytes;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    if (first) {
        keys[count++] = &community.homes[SAMPLE_NEIGHBOUR].owner.sign;
    }
    if (second) {
        keys[count++] = &second_secret;
    }
    CHECK_ERR(ERR_OK, grant_encode(grant, &body));
    (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, count, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    enum err err = consent_grant(consent, &object, grant, &replaced, &home_id, &home, has_header,
                                 now, complete);
    buffer_finish(&bytes);
    return err;
}

static enum err decline(struct consent *consent, const struct grant *grant,
                        const struct sign_secret *key, enum object_kind kind, struct instant now) {
    struct decision decision = {.request = grant->request,
                                .clip = grant->clip,
                                .kind = DECISION_DECLINE,
                                .created = SAMPLE_NOW};
    struct buffer bytes;
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, decision_encode(&decision, &body));
    (void)sample_sign(kind, buffer_bytes(&body), &key, 1, &bytes);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&bytes), &object));
    enum err err = consent_decline(consent, &object, &decision, &home, now);
    buffer_finish(&bytes);
    return err;
}

static void test_every_owner_must_sign_the_same_grant(void **state) {
    (void)state;
    struct grant grant;
    bool complete = true;
    struct consent *consent = open_prompt(&grant);
    CHECK_ERR(ERR_OK, give(consent, &grant, true, false, false, SAMPLE_NOW, &complete));
    CHECK(!complete);
    struct grant other = grant;
    other.to.ms -= 1; /* one second less, and yet not what the first one agreed to */
    CHECK_ERR(ERR_USER_EXISTS,
              give(consent, &other, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK_ERR(ERR_DENY_INCOMPLETE,
              give(consent, &grant, true, true, false, SAMPLE_NOW, &complete)); /* no header */
    CHECK(!complete);
    CHECK_ERR(ERR_OK, give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK(complete);
    CHECK(consent_count(consent) == 0);
    CHECK_ERR(ERR_USER_NO_PROMPT,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    consent_destroy(consent);
}

static struct id id_of(const struct grant *grant) {
    struct id id;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, grant_encode(grant, &body));
    sha256(buffer_bytes(&body), &id);
    return id;
}

/* Who takes more away says whose grant theirs is in the place of; that one's signatures are void.
 */
static void test_another_grant_takes_only_the_place_that_it_names(void **state) {
    (void)state;
    struct grant grant;
    bool complete = true;
    struct consent *consent = open_prompt(&grant);
    CHECK_ERR(ERR_OK, give(consent, &grant, true, false, false, SAMPLE_NOW, &complete));
    struct grant other = grant;
    other.to.ms -= 1;
    replaced = id_of(&other);
    CHECK_ERR(ERR_USER_EXISTS, give(consent, &other, false, true, false, SAMPLE_NOW, &complete));
    replaced = id_of(&grant);
    complete = true;
    CHECK_ERR(ERR_OK, give(consent, &other, false, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK(!complete);
    replaced = (struct id){{0}};
    CHECK_ERR(ERR_USER_EXISTS,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK_ERR(ERR_OK, give(consent, &other, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK(complete);
    consent_destroy(consent);
}

static void test_what_was_signed_in_part_stands_after_a_restart(void **state) {
    (void)state;
    struct grant grant;
    bool complete = false;
    struct consent *consent = open_prompt(&grant);
    struct id part = {{9}};
    consent_load_part(consent, &grant.clip, &part);
    CHECK_ERR(ERR_USER_EXISTS,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    consent_destroy(consent);
}

static void test_a_grant_that_names_another_thing_or_owner_is_refused(void **state) {
    (void)state;
    struct grant good;
    bool complete = false;
    struct consent *consent = open_prompt(&good);
    struct grant grant = good;
    grant.request.b[0] ^= 1;
    CHECK_ERR(ERR_PEER_BOUNDS,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    grant = good;
    grant.home.b[0] ^= 1;
    CHECK_ERR(ERR_PEER_BOUNDS,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    grant = good;
    grant.clip.b[0] ^= 1;
    CHECK_ERR(ERR_USER_NO_PROMPT,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    grant = good;
    grant.owners[1] = community.homes[SAMPLE_FOUNDER].owner_public.sign;
    CHECK_ERR(ERR_USER_NOT_OWNER,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    grant = good;
    grant.created.ms = SAMPLE_NOW.ms - 2 * HOUR;
    grant.expires = SAMPLE_NOW;
    CHECK_ERR(ERR_PEER_BOUNDS,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK(!complete);
    CHECK(consent_count(consent) == 1);
    consent_destroy(consent);
}

static void test_one_owner_declines_for_all_and_nobody_else_does(void **state) {
    (void)state;
    struct grant grant;
    bool complete = false;
    struct consent *consent = open_prompt(&grant);
    CHECK_ERR(ERR_USER_NOT_OWNER,
              decline(consent, &grant, &community.homes[SAMPLE_FOUNDER].owner.sign, OBJECT_DECISION,
                      SAMPLE_NOW));
    CHECK_ERR(ERR_PEER_BOUNDS,
              decline(consent, &grant, &second_secret, OBJECT_RECEIPT, SAMPLE_NOW));
    struct grant other = grant;
    other.request.b[0] ^= 1;
    CHECK_ERR(ERR_PEER_BOUNDS,
              decline(consent, &other, &second_secret, OBJECT_DECISION, SAMPLE_NOW));
    CHECK(consent_count(consent) == 1);
    CHECK_ERR(ERR_OK, decline(consent, &grant, &second_secret, OBJECT_DECISION, SAMPLE_NOW));
    CHECK(consent_count(consent) == 0);
    CHECK_ERR(ERR_USER_NO_PROMPT,
              give(consent, &grant, true, true, GRANT_HEADER, SAMPLE_NOW, &complete));
    CHECK_ERR(ERR_USER_NO_PROMPT,
              decline(consent, &grant, &second_secret, OBJECT_DECISION, SAMPLE_NOW));
    consent_destroy(consent);
}

/* The tick may lag behind the deadline: an answer in that gap is late all the same (P2, P3). */
static void test_an_answer_after_the_end_is_late_even_if_no_timer_fired(void **state) {
    (void)state;
    struct grant grant;
    bool complete = false;
    struct consent *consent = open_prompt(&grant);
    const struct instant end = {SAMPLE_NOW.ms + HOUR};
    const struct instant last = {end.ms - 1};
    struct clip_id clip;
    struct id request;
    CHECK_ERR(ERR_USER_NO_PROMPT, give(consent, &grant, true, true, GRANT_HEADER, end, &complete));
    CHECK_ERR(ERR_USER_NO_PROMPT, decline(consent, &grant, &second_secret, OBJECT_DECISION, end));
    CHECK(!consent_expire(consent, last, &clip, &request));
    CHECK(consent_expire(consent, end, &clip, &request));
    CHECK(memcmp(clip.b, grant.clip.b, sizeof clip.b) == 0);
    CHECK(id_equal(&request, &grant.request));
    CHECK(!consent_expire(consent, end, &clip, &request)); /* a prompt ends once */
    consent_destroy(consent);
}

static void test_a_clock_set_back_only_keeps_a_prompt_open_longer(void **state) {
    (void)state;
    struct grant grant;
    bool complete = false;
    struct consent *consent = open_prompt(&grant);
    const struct instant back = {SAMPLE_NOW.ms - 6 * HOUR};
    struct clip_id clip;
    struct id request;
    CHECK(!consent_expire(consent, back, &clip, &request));
    CHECK_ERR(ERR_OK, give(consent, &grant, true, true, GRANT_HEADER, back, &complete));
    CHECK(complete);
    consent_destroy(consent);
}

static void test_a_clip_has_one_prompt_and_prompts_have_a_bound(void **state) {
    (void)state;
    struct grant grant;
    struct consent *consent = open_prompt(&grant);
    const struct instant end = {SAMPLE_NOW.ms + HOUR};
    CHECK_ERR(ERR_OK, consent_open(consent, &grant.clip, &grant.request, end));
    CHECK(consent_count(consent) == 1);
    for (size_t i = 1; i < CONSENT_PROMPTS_MAX; i++) {
        struct clip_id clip = {{(uint8_t)i, (uint8_t)(i >> 8)}};
        CHECK_ERR(ERR_OK, consent_open(consent, &clip, &grant.request, end));
    }
    struct clip_id clip = {{0xff, 0xff}};
    CHECK_ERR(ERR_FULL_PROMPTS, consent_open(consent, &clip, &grant.request, end));
    consent_destroy(consent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_owner_must_sign_the_same_grant),
        cmocka_unit_test(test_another_grant_takes_only_the_place_that_it_names),
        cmocka_unit_test(test_what_was_signed_in_part_stands_after_a_restart),
        cmocka_unit_test(test_a_grant_that_names_another_thing_or_owner_is_refused),
        cmocka_unit_test(test_one_owner_declines_for_all_and_nobody_else_does),
        cmocka_unit_test(test_an_answer_after_the_end_is_late_even_if_no_timer_fired),
        cmocka_unit_test(test_a_clock_set_back_only_keeps_a_prompt_open_longer),
        cmocka_unit_test(test_a_clip_has_one_prompt_and_prompts_have_a_bound),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
