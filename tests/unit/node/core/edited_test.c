/* What owners hand back in place of a sealed clip (PROTOCOL 6.7): whole and granted for, or not at
 * all; whatever dies in between the clip is as it was. */
#include "tests/support/check.h"

#include <string.h>

#include "crypto/age.h"
#include "crypto/merkle.h"
#include "node/store/store.h"
#include "tests/support/samples.h"
#include "tests/support/world.h"

enum {
    OWNER = 1,
    REQUESTER = 2,
    HOUR = DURATION_HOUR_MS,
    MINUTE = DURATION_MINUTE_MS,
    PLAIN = 200000, /* four pieces */
    PIECES = 4,
};

static const struct world_terms terms = {.slot_s = 5, .invite_allowance = 16};

struct edited { /* an edited clip as `stoop` has it when it signs */
    struct world_clip clip;
    struct buffer payload, header;
    struct grant grant;
};

static bool has_prompt(struct world *world, void *context) {
    const struct control_request ask = {.op = CONTROL_CLIPS, .id = *(struct id *)context};
    return world_ask(world, OWNER, &ask) == ERR_OK && world->reply_count > 1;
}

static bool delivered(struct world *world, void *context) {
    return world_delivered(world, REQUESTER, context) > 0;
}

static struct world *start(uint64_t seed, size_t owners, struct id *request_id) {
    struct world *world = world_create(seed, 3, NULL);
    struct request request;
    world->homes[OWNER].owner_count = owners;
    world_settle(world, &terms);
    world->homes[OWNER].footage = WORLD_MATCH;
    world_voluntary(world, REQUESTER, HOUR, &request);
    CHECK_ERR(ERR_OK, world_request(world, REQUESTER, &request, request_id));
    CHECK(world_run_until(world, MINUTE, has_prompt, request_id));
    return world;
}

static void restart(struct world *world) {
    world_kill(world, OWNER);
    CHECK_ERR(ERR_OK, world_start(world, OWNER));
}

static void add_piece(struct edited *edited, const uint8_t *piece, size_t len,
                      struct merkle_edge *tree) {
    struct id leaf;
    CHECK_ERR(ERR_OK, buffer_append(&edited->payload, (struct bytes){piece, len}));
    piece_leaf((struct bytes){piece, len}, &leaf);
    merkle_append(tree, &leaf);
}

/* The sound is gone, say: another plaintext, under a key of its own. */
static void make(struct world *world, const struct id *request, uint8_t fill,
                 struct edited *edited) {
    static uint8_t plain[PLAIN];
    static uint8_t piece[PIECE_MAX];
    static struct age_writer writer;
    struct merkle_edge tree = {0};
    struct world_home *home = &world->homes[OWNER];
    struct box_public owners[WORLD_OWNERS_MAX];
    struct bytes rest = BYTES_OF(plain);
    size_t len = 0;
    const struct world_clip *sealed = world_clip(world, OWNER, request);
    *edited = (struct edited){.payload = {.max = 2 * PLAIN}, .header = {.max = HEADER_MAX}};
    edited->clip.clip = sealed->clip;
    memset(plain, fill, sizeof plain);
    age_file_key_generate(&edited->clip.key);
    age_writer_start(&writer, &edited->clip.key);
    while (rest.len > 0) {
        size_t taken = age_writer_take(&writer, rest, piece, &len);
        if (len > 0) {
            add_piece(edited, piece, len, &tree);
        }
        rest.at += taken;
        rest.len -= taken;
    }
    age_writer_end(&writer, piece, &len);
    add_piece(edited, piece, len, &tree);
    for (size_t i = 0; i < home->owner_count; i++) {
        owners[i] = home->owner_publics[i].box;
    }
    CHECK_ERR(ERR_OK,
              age_header_make(owners, home->owner_count, &edited->clip.key, &edited->header));
    world_grant(world, OWNER, sealed, &edited->grant);
    merkle_root(&tree, &edited->grant.payload_root);
    sha256(BYTES_OF(plain), &edited->grant.sha256);
    edited->clip.sha256 = edited->grant.sha256;
    edited->grant.size = PLAIN;
    edited->grant.payload_size = edited->payload.len;
    edited->grant.edit =
        (struct edit){.present = true, .audio_removed = true, .making = CLIP_COPIED};
}

static void finish(struct edited *edited) {
    buffer_finish(&edited->payload);
    buffer_finish(&edited->header);
}

static enum err put(struct world *world, const struct edited *edited, size_t first, size_t count) {
    uint64_t from = piece_offset(first);
    uint64_t to = first + count < PIECES ? piece_offset(first + count) : edited->payload.len;
    const struct control_request ask = {.op = CONTROL_EDIT_PUT,
                                        .clip = edited->clip.clip,
                                        .id = edited->grant.payload_root,
                                        .offset = from,
                                        .total = edited->payload.len,
                                        .blob = {edited->payload.at + from, (size_t)(to - from)}};
    return world_ask(world, OWNER, &ask);
}

/* Its answer comes when the disk has it. */
static enum err keep(struct world *world, const struct edited *edited) {
    const struct control_request ask = {.op = CONTROL_EDIT_KEEP,
                                        .clip = edited->clip.clip,
                                        .id = edited->grant.payload_root,
                                        .blob = buffer_bytes(&edited->header)};
    enum err err = world_ask(world, OWNER, &ask);
    if (err == ERR_OK && world->reply_count == 0) {
        world_run(world, 1000);
        CHECK(world->reply_count == 1);
    }
    return err;
}

static void hand_back(struct world *world, const struct edited *edited) {
    for (size_t i = 0; i < PIECES; i++) {
        CHECK_ERR(ERR_OK, put(world, edited, i, 1));
    }
    CHECK_ERR(ERR_OK, keep(world, edited));
}

static enum err grant(struct world *world, const struct edited *edited, size_t first, size_t count,
                      const struct id *replaces, struct id *id) {
    struct world_home *home = &world->homes[OWNER];
    const struct sign_secret *keys[WORLD_OWNERS_MAX];
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    for (size_t i = 0; i < count; i++) {
        keys[i] = &home->owners[first + i].sign;
    }
    CHECK_ERR(ERR_OK, grant_encode(&edited->grant, &body));
    struct id signed_id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, count, &bytes);
    CHECK_ERR(ERR_OK, age_header_make(&edited->grant.recipient, 1, &edited->clip.key, &header));
    struct control_request ask = {.op = CONTROL_GRANT,
                                  .clip = edited->clip.clip,
                                  .blob = buffer_bytes(&bytes),
                                  .blob2 = buffer_bytes(&header),
                                  .blob3 = BYTES_TEXT("the manifest, sealed to the request key")};
    if (replaces != NULL) {
        ask.id = *replaces;
    }
    if (id != NULL) {
        *id = signed_id;
    }
    enum err err = world_ask(world, OWNER, &ask);
    buffer_finish(&bytes);
    return err;
}

static size_t kept(const struct world *world) {
    return world_disk_edited_count(&world->homes[OWNER]);
}

static void test_an_edited_clip_goes_in_place_of_the_sealed_one(void **state) {
    (void)state;
    struct id id;
    struct edited edited;
    struct world *world = start(61, 1, &id);
    make(world, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, grant(world, &edited, 0, 1, NULL, NULL));
    CHECK(world_log_count(world, OWNER, "disclosure ") == 0);
    restart(world); /* it is durable, and waits for its slot */
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &edited.clip));
    CHECK(!world_delivered_opens(world, REQUESTER, &id, world_clip(world, OWNER, &id)));
    world_run(world, HOUR + 2 * MINUTE); /* the request ends: both are shredded */
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK(kept(world) == 0);
    CHECK(world_log_verifies(world, OWNER));
    finish(&edited);
    world_destroy(world);
}

static void test_a_crash_while_it_is_handed_back_leaves_the_sealed_clip(void **state) {
    (void)state;
    for (size_t pieces = 0; pieces <= PIECES + 1; pieces++) {
        struct id id;
        struct grant whole;
        struct edited edited;
        struct world *world = start(62 + pieces, 1, &id);
        make(world, &id, 7, &edited);
        for (size_t i = 0; i < pieces && i < PIECES; i++) {
            CHECK_ERR(ERR_OK, put(world, &edited, i, 1));
        }
        if (pieces > PIECES) {
            CHECK_ERR(ERR_OK, keep(world, &edited));
        }
        restart(world);
        CHECK(kept(world) == 0);
        CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &edited, 0, 1, NULL, NULL));
        const struct world_clip *clip = world_clip(world, OWNER, &id);
        world_grant(world, OWNER, clip, &whole);
        CHECK_ERR(ERR_OK, world_grant_put(world, OWNER, clip, &whole, 0, 1, NULL));
        CHECK(world_run_until(world, MINUTE, delivered, &id));
        CHECK(world_delivered_opens(world, REQUESTER, &id, clip));
        finish(&edited);
        world_destroy(world);
    }
}

static void test_who_goes_away_leaves_nothing_behind(void **state) {
    (void)state;
    struct id id;
    struct edited edited;
    struct world *world = start(71, 1, &id);
    make(world, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK(kept(world) == 2);
    world_client_down(world, OWNER);
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 0);
    CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &edited, 0, 1, NULL, NULL));
    finish(&edited);
    world_destroy(world);
}

static void test_what_is_not_what_it_says_is_refused(void **state) {
    (void)state;
    struct id id;
    struct edited edited;
    struct world *world = start(72, 1, &id);
    make(world, &id, 7, &edited);
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
    CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &edited, 0, 1, NULL, NULL)); /* not kept */
    edited.payload.at[PIECE_MAX + 5] ^= 1;
    CHECK_ERR(ERR_OK, put(world, &edited, 0, 4)); /* anew, and altered */
    CHECK_ERR(ERR_PEER_TREE, keep(world, &edited));
    edited.payload.at[PIECE_MAX + 5] ^= 1;
    hand_back(world, &edited);
    edited.grant.payload_size--;
    CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &edited, 0, 1, NULL, NULL));
    edited.grant.payload_size++;
    edited.grant.edit.present = false; /* it is not the clip as it was sealed */
    CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &edited, 0, 1, NULL, NULL));
    edited.grant.edit.present = true;
    CHECK_ERR(ERR_OK, grant(world, &edited, 0, 1, NULL, NULL));
    CHECK_ERR(ERR_USER_NO_PROMPT,
              put(world, &edited, 0, 1)); /* granted: nothing is put beside it */
    finish(&edited);
    world_destroy(world);
}

static void test_the_next_owner_signs_what_the_first_has_left(void **state) {
    (void)state;
    struct id id;
    struct edited edited;
    struct world *world = start(73, 2, &id);
    make(world, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, grant(world, &edited, 0, 1, NULL, NULL));
    restart(world);
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = edited.clip.clip};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &ask));
    CHECK(world->reply.as.clip.state == CLIP_PART_SIGNED);
    CHECK(bytes_equal(world->reply.as.clip.edited_header, buffer_bytes(&edited.header)));
    const struct control_request read = {.op = CONTROL_EDITED, .clip = edited.clip.clip};
    CHECK_ERR(ERR_OK, world_ask(world, OWNER, &read));
    CHECK(bytes_equal(world->reply.as.data.data, buffer_bytes(&edited.payload)));
    CHECK_ERR(ERR_OK, grant(world, &edited, 0, 2, NULL, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &edited.clip));
    finish(&edited);
    world_destroy(world);
}

static void test_another_edit_takes_the_place_of_the_first_only_by_its_name(void **state) {
    (void)state;
    struct id id;
    struct id first_id;
    struct edited first;
    struct edited second;
    struct world *world = start(74, 2, &id);
    make(world, &id, 7, &first);
    make(world, &id, 8, &second);
    hand_back(world, &first);
    CHECK_ERR(ERR_OK, grant(world, &first, 0, 1, NULL, &first_id));
    hand_back(world, &second);
    CHECK_ERR(ERR_USER_EXISTS, grant(world, &second, 1, 1, NULL, NULL));
    CHECK_ERR(ERR_OK, grant(world, &second, 1, 1, &first_id, NULL));
    CHECK_ERR(ERR_PEER_BOUNDS, grant(world, &first, 0, 1, NULL, NULL)); /* it is gone */
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 2);
    restart(world);
    CHECK(kept(world) == 2);
    CHECK(world_delivered(world, REQUESTER, &id) == 0); /* one has not signed this one */
    CHECK_ERR(ERR_OK, grant(world, &second, 0, 2, NULL, NULL));
    CHECK(world_run_until(world, MINUTE, delivered, &id));
    CHECK(world_delivered_opens(world, REQUESTER, &id, &second.clip));
    finish(&first);
    finish(&second);
    world_destroy(world);
}

static void test_declining_shreds_both(void **state) {
    (void)state;
    struct id id;
    struct edited edited;
    struct world *world = start(75, 2, &id);
    make(world, &id, 7, &edited);
    hand_back(world, &edited);
    CHECK_ERR(ERR_OK, grant(world, &edited, 0, 1, NULL, NULL));
    CHECK_ERR(ERR_OK, world_decline(world, OWNER, world_clip(world, OWNER, &id)));
    const struct control_request read = {.op = CONTROL_EDITED, .clip = edited.clip.clip};
    CHECK_ERR(ERR_USER_NOT_FOUND, world_ask(world, OWNER, &read));
    world_run(world, 2 * MINUTE);
    CHECK(kept(world) == 0);
    CHECK(world_clip(world, OWNER, &id) == NULL);
    CHECK_ERR(ERR_USER_NO_CLIP, grant(world, &edited, 0, 2, NULL, NULL));
    finish(&edited);
    world_destroy(world);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
