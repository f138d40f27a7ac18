/* What owners hand back in place of a sealed clip (PROTOCOL 6.7): whole and granted for, or not at
 * all; whatever dies in between the clip is as it was. */
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/age.h"
#include "crypto/merkle.h"
#include "node/store/store.h"
#include "tests/support/edited_clip.h"

enum {
    OWNER = 1,
    REQUESTER = 2,
    HOUR = DURATION_HOUR_MS,
    MINUTE = DURATION_MINUTE_MS,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

static bool has_prompt(struct world *world, void *context) {
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *(struct id *)context};
    return world_ask(world, OWNER, &ask) == ERR_OK && world->reply_count > 1;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

static struct world *start_in(const char *folder, const struct world_terms *with, uint64_t seed,
                              size_t owners, struct id *request_id) {
    struct world *world = world_create(seed, 3, folder);
    struct request request;
    world->homes[OWNER].owner_count = owners;
    world_settle(world, with);
    world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, request_id));
    CHECK(world_run_until(world, 10 * MINUTE, has_prompt, request_id));
    return world;
}

static struct world *start(uint64_t seed, size_t owners, struct id *request_id) {
    return start_in(NULL, &terms, seed, owners, request_id);
}

static void restart(struct world *world) {
    world_kill(world, OWNER);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
}

static enum err put(struct world *world, const struct edited_clip *edited, size_t first,
                    size_t count) {
    return edited_clip_put(world, OWNER, edited, first, count);
}

/* Its answer comes when the disk has it. */
static enum err keep(struct world *world, const struct edited_clip *edited) {
    enum err err = edited_clip_keep(world, OWNER, edited);
    if (err == ERR_OK && world->reply_count == 0) {
        world_run(world, 1000);
        CHECK(world->reply_count == 1);
    }
    return err;
}

static void hand_back(struct world *world, const struct edited_clip *edited) {
    for (size_t i = 0; i < EDITED_PIECES; i++) {
        CHECK_ERR(ERR_OK, put(world, edited, i, 1));
    }
    CHECK_ERR(ERR_OK, keep(world, edited));
}

static size_t kept(const struct world *world) {
    return world_disk_edited_count(&world->homes[OWNER]);
}

static void test_an_edited_clip_goes_in_place_of_the_sealed_one(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(61, 1, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    CHECK(world_log_count(world, OWNER, "disclosure ") == 0);
    restart(world); /* it is durable, and waits for its slot */
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &edited.clip));
    CHECK(!world_delivered_opens(world, REQUESTER, &id, world_clip(world, OWNER, &id)));
    world_run(world, HOUR + 2 * MINUTE); /* the request ends: both are shredded */
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK(kept(world) == 0);
    CHECK(world_log_verifies(world, OWNER));
    edited_clip_finish(&edited);
    world_destroy(world);
}

static void test_a_crash_while_it_is_handed_back_leaves_the_sealed_clip(void **state) {
    (void)state;
    for (size_t pieces = 0; pieces <= EDITED_PIECES + 1; pieces++) {
        struct id id;
        struct grant whole;
        struct edited_clip edited;
        struct world *world = start(62 + pieces, 1, &id);
        edited_clip_make(world, OWNER, &id, 7, &edited);
        for (size_t i = 0; i < pieces && i < EDITED_PIECES; i++) {
            CHECK_ERR(ERR_OK, put(world, &edited, i, 1));
        }
        if (pieces > EDITED_PIECES) {
            CHECK_ERR(ERR_OK, keep(world, &edited));
        }
        restart(world);
        CHECK(kept(world) == 0);
        CHECK_ERR(ERR_PEER_BOUNDS, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
        const struct world_clip *clip = world_clip(world, OWNER, &id);
        world_grant(world, OWNER, clip, &whole);
        CHECK_ERR(ERR_OK, world_grant_put(world, OWNER, clip, &whole, 0, 1, NULL));
        CHECK(world_run_until(world, MINUTE, delivered, &id));
        CHECK(world_delivered_opens(world, REQUESTER, &id, clip));
        edited_clip_finish(&edited);
        world_destroy(world);
    }
}

static void test_who_goes_away_leaves_nothing_behind(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(71, 1, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK(kept(world) == 2);
    world_client_down(world, OWNER);
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 0);
    CHECK_ERR(ERR_PEER_BOUNDS, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    edited_clip_finish(&edited);
    world_destroy(world);
}

static void test_what_is_not_what_it_says_is_refused(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(72, 1, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    struct control_request ask = {.op = CONTROL_EDIT_PUT,
                                  .clip = edited.clip.clip,
                                  .id = edited.grant.payload_root,
                                  .total = edited.payload.len,
                                  .blob = {edited.payload.at, PIECE_MAX - 1}};
    CHECK_ERR(ERR_PEER_BOUNDS, world_ask(world, OWNER, &ask)); /* half a piece */
    ask.blob.len = PIECE_MAX;
    ask.total = edit_payload_max(world_clip(world, OWNER, &id)->payload.len) + 1;
    CHECK_ERR(ERR_PEER_BOUNDS, world_ask(world, OWNER, &ask));
    ask.total = PAYLOAD_MIN;
    CHECK_ERR(ERR_PEER_BOUNDS, world_ask(world, OWNER, &ask)); /* of nothing */
    ask.total = edited.payload.len;
    ask.clip.b[0] ^= 1;
    CHECK_ERR(ERR_USER_NO_PROMPT, world_ask(world, OWNER, &ask));
    CHECK_ERR(ERR_PEER_SEQUENCE, put(world, &edited, 1, 1)); /* it has not begun */
    CHECK_ERR(ERR_PEER_SEQUENCE, keep(world, &edited));
    CHECK_ERR(ERR_OK, put(world, &edited, 0, 2));
    CHECK_ERR(ERR_PEER_SEQUENCE, keep(world, &edited)); /* not whole */
    CHECK_ERR(ERR_PEER_SEQUENCE, put(world, &edited, 3, 1));
    CHECK_ERR(ERR_OK, put(world, &edited, 2, 2));
    CHECK_ERR(ERR_PEER_BOUNDS,
              edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL)); /* not kept */
    edited.payload.at[PIECE_MAX + 5] ^= 1;
    CHECK_ERR(ERR_OK, put(world, &edited, 0, 4)); /* anew, and altered */
    CHECK_ERR(ERR_PEER_TREE, keep(world, &edited));
    edited.payload.at[PIECE_MAX + 5] ^= 1;
    hand_back(world, &edited);
    edited.grant.payload_size--;
    CHECK_ERR(ERR_PEER_BOUNDS, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    edited.grant.payload_size++;
    edited.grant.edit.present = false; /* it is not the clip as it was sealed */
    CHECK_ERR(ERR_PEER_BOUNDS, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    edited.grant.edit.present = true;
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    CHECK_ERR(ERR_USER_NO_PROMPT,
              put(world, &edited, 0, 1)); /* granted: nothing is put beside it */
    edited_clip_finish(&edited);
    world_destroy(world);
}

static void test_the_next_owner_signs_what_the_first_has_left(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(73, 2, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    restart(world);
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = edited.clip.clip};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &ask));
    CHECK(world->reply.as.clip.state == CLIP_PART_SIGNED);
    CHECK(bytes_equal(world->reply.as.clip.edited_header, buffer_bytes(&edited.header)));
    const struct control_request read = {.op = CONTROL_EDITED, .clip = edited.clip.clip};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &read));
    CHECK(bytes_equal(world->reply.as.data.data, buffer_bytes(&edited.payload)));
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 2, NULL, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &edited.clip));
    edited_clip_finish(&edited);
    world_destroy(world);
}

static void test_another_edit_takes_the_place_of_the_first_only_by_its_name(void **state) {
    (void)state;
    struct id id;
    struct id first_id;
    struct edited_clip first;
    struct edited_clip second;
    struct world *world = start(74, 2, &id);
    edited_clip_make(world, OWNER, &id, 7, &first);
    edited_clip_make(world, OWNER, &id, 8, &second);
    hand_back(world, &first);
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &first, 0, 1, NULL, &first_id));
    hand_back(world, &second);
    CHECK_ERR(ERR_USER_EXISTS, edited_clip_grant(world, OWNER, &second, 1, 1, NULL, NULL));
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &second, 1, 1, &first_id, NULL));
    CHECK_ERR(ERR_PEER_BOUNDS,
              edited_clip_grant(world, OWNER, &first, 0, 1, NULL, NULL)); /* it is gone */
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 2);
    restart(world);
    CHECK(kept(world) == 2);
    CHECK(world_delivered(world, REQUESTER, &id) == 0); /* one has not signed this one */
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &second, 0, 2, NULL, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &second.clip));
    edited_clip_finish(&first);
    edited_clip_finish(&second);
    world_destroy(world);
}

static void test_declining_shreds_both(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(75, 2, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    CHECK_ERR(ERR_OK, world_decline(world, OWNER, world_clip(world, OWNER, &id)));
    const struct control_request read = {.op = CONTROL_EDITED, .clip = edited.clip.clip};
    CHECK_ERR(ERR_USER_NOT_FOUND, world_ask(world, OWNER, &read));
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 0);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK_ERR(ERR_USER_NO_CLIP, edited_clip_grant(world, OWNER, &edited, 0, 2, NULL, NULL));
    edited_clip_finish(&edited);
    world_destroy(world);
}

/* Its bytes are what the owners signed: no client of the socket alters them. */
static void test_what_is_handed_back_or_granted_is_not_written_over(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(76, 2, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    edited.payload.at[5] ^= 1;
    world->client++;
    CHECK_ERR(ERR_USER_EXISTS, put(world, &edited, 0, 1)); /* another client has it */
    world->client--;
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    CHECK_ERR(ERR_USER_EXISTS, put(world, &edited, 0, 1));
    edited.payload.at[5] ^= 1;
    const struct control_request read = {.op = CONTROL_EDITED, .clip = edited.clip.clip};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &read));
    CHECK(bytes_equal(world->reply.as.data.data, buffer_bytes(&edited.payload)));
    edited_clip_finish(&edited);
    world_destroy(world);
}

static void test_a_folder_that_cannot_be_read_is_read_another_time(void **state) {
    (void)state;
    struct id id;
    struct edited_clip edited;
    struct world *world = start(77, 1, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    world->homes[OWNER].listing_fails = true;
    world_client_down(world, OWNER);
    world_run(world, 2 * MINUTE);
    CHECK(world->homes[OWNER].core != NULL);
    CHECK(kept(world) == 2);
    world->homes[OWNER].listing_fails = false;
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 0);
    edited_clip_finish(&edited);
    world_destroy(world);
}

/* One client for two prompts: it hands back for one of them and signs for the other. */
static void test_a_grant_for_another_clip_leaves_what_is_handed_back(void **state) {
    (void)state;
    struct id id;
    struct id other_id;
    struct request request;
    struct grant grant;
    struct edited_clip edited;
    struct world *world = start(78, 1, &id);
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, &other_id));
    CHECK(world_run_until(world, MINUTE, has_prompt, &other_id));
    const struct world_clip *other = world_clip(world, OWNER, &other_id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    CHECK_ERR(ERR_OK, put(world, &edited, 0, EDITED_PIECES));
    CHECK_ERR(ERR_OK, edited_clip_keep(world, OWNER, &edited));
    CHECK(world->reply_count == 0); /* on its way to the disk */
    world_grant(world, OWNER, other, &grant);
    CHECK_ERR(ERR_OK, world_grant_put(world, OWNER, other, &grant, 0, 1, NULL));
    CHECK(world->reply_count == 1);
    world_run(world, 1000);
    CHECK(world->reply_count == 2); /* it is there, and the client hears of it */
    CHECK_ERR(ERR_OK, edited_clip_grant(world, OWNER, &edited, 0, 1, NULL, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &edited.clip));
    edited_clip_finish(&edited);
    world_destroy(world);
}

static bool is_gone(struct world *world, void *context) {
    (void)context;
    return kept(world) == 0;
}

/* That takes a while, which neighbours can time: a home without an edited clip would not (P2). */
static void test_removing_remains_does_not_cut_the_write_ahead_log_off(void **state) {
    (void)state;
    static const struct world_terms slow = {.slot_s = 300, .invite_allowance = 16};
    char folder[] = "/tmp/stoop-test-XXXXXX";
    char text[64];
    struct stat info;
    struct id id;
    struct edited_clip edited;
    CHECK(mkdtemp(folder) != NULL);
    struct world *world = start_in(folder, &slow, 79, 1, &id);
    edited_clip_make(world, OWNER, &id, 7, &edited);
    hand_back(world, &edited);
    world_client_down(world, OWNER);
    CHECK(world_run_until(world, 2 * MINUTE, is_gone, NULL));
    (void)snprintf(text, sizeof text, "%s/%d.db-wal", folder, OWNER);
    CHECK(stat(text, &info) == 0);
    CHECK(info.st_size > 0);
    edited_clip_finish(&edited);
    world_destroy(world);
    (void)snprintf(text, sizeof text, "rm -rf '%s'", folder);
    CHECK(system(text) == 0); /* NOLINT(cert-env33-c): a folder of our own making */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edited_clip_goes_in_place_of_the_sealed_one),
        cmocka_unit_test(test_a_crash_while_it_is_handed_back_leaves_the_sealed_clip),
        cmocka_unit_test(test_who_goes_away_leaves_nothing_behind),
        cmocka_unit_test(test_what_is_not_what_it_says_is_refused),
        cmocka_unit_test(test_the_next_owner_signs_what_the_first_has_left),
        cmocka_unit_test(test_another_edit_takes_the_place_of_the_first_only_by_its_name),
        cmocka_unit_test(test_declining_shreds_both),
        cmocka_unit_test(test_what_is_handed_back_or_granted_is_not_written_over),
        cmocka_unit_test(test_a_folder_that_cannot_be_read_is_read_another_time),
        cmocka_unit_test(test_a_grant_for_another_clip_leaves_what_is_handed_back),
        cmocka_unit_test(test_removing_remains_does_not_cut_the_write_ahead_log_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
