/* What owners sign: camera lists (PROTOCOL 6.5) and grants (PROTOCOL 5.4). */
#include <stdlib.h>
#include <string.h>

#include "proto/clip.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

static struct sample_community community;
static struct camera_list *list;
static struct camera_list *before;
static struct manifest *manifest;

static int set_up(void **state) {
    (void)state;
    sample_community_init(&community);
    list = malloc(sizeof *list);
    before = malloc(sizeof *before);
    manifest = malloc(sizeof *manifest);
    return list == NULL || before == NULL || manifest == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    free(list);
    free(before);
    free(manifest);
    return 0;
}

/* Signed by the owners of the homes in `homes`, as digits. */
static void sign(enum object_kind kind, const struct buffer *body, const char *homes,
                 struct buffer *whole, struct signed_object *object) {
    const struct sign_secret *keys[SAMPLE_HOMES];
    size_t count = 0;
    for (; homes[count] != '\0'; count++) {
        keys[count] = &community.homes[homes[count] - '0'].owner.sign;
    }
    (void)sample_sign(kind, buffer_bytes(body), keys, count, whole);
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(whole), object));
}

/* Cameras with the owners named, one camera a word: "12 2" is two cameras. */
static void fill_list(struct camera_list *out, uint64_t version, const char *cameras) {
    sample_camera_list(&community, out);
    struct camera first = out->cameras[0];
    out->version = version;
    out->previous.b[0] = version == 1 ? 0 : 1;
    out->camera_count = 0;
    for (const char *at = cameras; *at != '\0';) {
        struct camera *camera = &out->cameras[out->camera_count++];
        *camera = first;
        camera->name[0] = (char)('a' + out->camera_count);
        camera->owner_count = 0;
        for (; *at != '\0' && *at != ' '; at++) {
            camera->owners[camera->owner_count++] = community.homes[*at - '0'].owner_public;
        }
        at += *at == ' ' ? 1 : 0;
    }
}

static void test_a_camera_list_is_signed_by_all_owners_old_and_new(void **state) {
    (void)state;
    static const struct {
        const char *before; /* NULL: the first list */
        const char *now;
        const char *pinned;
        const char *signers;
        enum err err;
    } cases[] = {
        {NULL, "1", "1", "1", ERR_OK},
        {NULL, "1", "12", "12", ERR_OK},
        {NULL, "1", "12", "1", ERR_DENY_INCOMPLETE}, /* every pinned owner has a say in the first */
        {NULL, "1", "12", "2", ERR_DENY_INCOMPLETE},
        {NULL, "12 2", "12", "21", ERR_OK},
        {NULL, "13", "12", "123", ERR_DENY_PIN}, /* signed is not pinned */
        {NULL, "", "12", "12", ERR_OK},
        {NULL, "", "12", "3", ERR_DENY_INCOMPLETE},
        {"1", "2", "12", "12", ERR_OK},
        {"1", "2", "12", "2", ERR_DENY_INCOMPLETE}, /* taken over the head of the old owner */
        {"1", "2", "12", "1", ERR_DENY_INCOMPLETE}, /* given to one who has not agreed */
        {"1", "1", "12", "1", ERR_OK},              /* the other owner has no camera */
        {"12", "1", "12", "1", ERR_DENY_INCOMPLETE},
        {"12", "", "12", "12", ERR_OK},
        {"12", "", "12", "1", ERR_DENY_INCOMPLETE},
        {"13", "1", "1", "1", ERR_DENY_INCOMPLETE}, /* an old owner counts, pinned or not */
        {"1", "1", "1", "3", ERR_DENY_INCOMPLETE},
        {"", "", "12", "12", ERR_OK},
        {"", "", "12", "3",
         ERR_DENY_INCOMPLETE}, /* a stranger is not enough where nobody is named */
        {"", "", "12", "1", ERR_DENY_INCOMPLETE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct owner_public pinned[SAMPLE_HOMES];
        size_t count = 0;
        struct buffer body;
        struct buffer whole;
        struct signed_object object;
        bool first = cases[i].before == NULL;
        for (; cases[i].pinned[count] != '\0'; count++) {
            pinned[count] = community.homes[cases[i].pinned[count] - '0'].owner_public;
        }
        fill_list(list, first ? 1 : 8, cases[i].now);
        fill_list(before, 7, first ? "" : cases[i].before);
        buffer_init(&body, CAMERA_LIST_MAX);
        CHECK_ERR(ERR_OK, camera_list_encode(list, &body));
        sign(OBJECT_CAMERA_LIST, &body, cases[i].signers, &whole, &object);
        enum err err = camera_list_verify(&object, list, first ? NULL : before, pinned, count);
        if (err != cases[i].err) {
            fail_msg("case %zu: expected %s, got %s", i, err_name(cases[i].err), err_name(err));
        }
        if (cases[i].err == ERR_OK) { /* a broken signature is none */
            object.signatures[object.count - 1].signature.b[5] ^= 1;
            CHECK_ERR(ERR_DENY_INCOMPLETE,
                      camera_list_verify(&object, list, first ? NULL : before, pinned, count));
            object.kind = OBJECT_GRANT;
            CHECK_ERR(ERR_PEER_SEQUENCE,
                      camera_list_verify(&object, list, first ? NULL : before, pinned, count));
        }
        buffer_finish(&whole);
        buffer_finish(&body);
    }
}

static void test_a_camera_list_follows_the_one_before(void **state) {
    (void)state;
    static const uint64_t wrong[] = {1, 6, 7, 9};
    struct owner_public pinned = community.homes[1].owner_public;
    struct buffer body;
    struct buffer whole;
    struct signed_object object;
    fill_list(list, 8, "1");
    fill_list(before, 7, "1");
    buffer_init(&body, CAMERA_LIST_MAX);
    CHECK_ERR(ERR_OK, camera_list_encode(list, &body));
    sign(OBJECT_CAMERA_LIST, &body, "1", &whole, &object);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        list->version = wrong[i];
        CHECK_ERR(ERR_PEER_SEQUENCE, camera_list_verify(&object, list, before, &pinned, 1));
    }
    list->version = 2;
    CHECK_ERR(ERR_PEER_SEQUENCE, camera_list_verify(&object, list, NULL, &pinned, 1));
    list->version = 8;
    pinned.box.b[0] ^= 1; /* same name, another lock */
    CHECK_ERR(ERR_DENY_PIN, camera_list_verify(&object, list, before, &pinned, 1));
    buffer_finish(&whole);
    buffer_finish(&body);
}

static void test_a_grant_needs_every_owner_and_nobody_else(void **state) {
    (void)state;
    static const struct {
        const char *signers;
        enum err err;
    } cases[] = {
        {"12", ERR_OK},
        {"21", ERR_OK},
        {"1", ERR_DENY_INCOMPLETE},
        {"2", ERR_DENY_INCOMPLETE},
        {"123", ERR_PEER_SIGNATURE},
        {"3", ERR_PEER_SIGNATURE},
        {"13", ERR_PEER_SIGNATURE},
    };
    struct grant grant;
    struct buffer body;
    sample_grant(&community, &grant);
    grant.owner_count = 2;
    grant.owners[0] = community.homes[1].owner_public.sign;
    grant.owners[1] = community.homes[2].owner_public.sign;
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, grant_encode(&grant, &body));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer whole;
        struct signed_object object;
        sign(OBJECT_GRANT, &body, cases[i].signers, &whole, &object);
        CHECK_ERR(cases[i].err, grant_verify(&object, &grant));
        object.signatures[0].signature.b[0] ^= 1;
        CHECK_ERR(ERR_PEER_SIGNATURE, grant_verify(&object, &grant));
        object.signatures[0].signature.b[0] ^= 1;
        object.kind = OBJECT_DECISION;
        CHECK_ERR(ERR_PEER_SIGNATURE, grant_verify(&object, &grant));
        buffer_finish(&whole);
    }
    buffer_finish(&body);
}

struct trio {
    struct grant grant;
    struct request request;
    struct id manifest_id;
    struct id request_id;
};

/* NOLINTBEGIN(bugprone-macro-parentheses): statements */
#define SPOIL(name, change)                                                                        \
    static void name(struct trio *t) {                                                             \
        (void)t;                                                                                   \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
SPOIL(other_manifest, t->manifest_id.b[0] ^= 1)
SPOIL(other_request, t->request_id.b[0] ^= 1)
SPOIL(manifest_of_other_request, manifest->request.b[0] ^= 1)
SPOIL(other_clip, t->grant.clip.b[0] ^= 1)
SPOIL(other_digest, t->grant.sha256.b[0] ^= 1)
SPOIL(other_size, t->grant.size++)
SPOIL(other_payload_size, t->grant.payload_size++)
SPOIL(other_payload, t->grant.payload_root.b[0] ^= 1)
SPOIL(other_recipient, t->grant.recipient.b[0] ^= 1)
SPOIL(other_community, t->grant.community.b[0] ^= 1)
SPOIL(owner_exchanged, t->grant.owners[0].b[0] ^= 1)
SPOIL(owner_left_out, manifest->owner_count = 2;
      manifest->owners[1] = community.homes[1].owner_public)
SPOIL(owner_added, t->grant.owner_count = 2;
      t->grant.owners[1] = community.homes[1].owner_public.sign)
SPOIL(begins_elsewhere, t->grant.from.ms++)
SPOIL(ends_elsewhere, t->grant.to.ms--)
SPOIL(clip_begins_before_what_was_asked, t->request.from.ms++)
SPOIL(clip_ends_after_what_was_asked, t->request.to.ms--)
SPOIL(kept_longer, t->grant.terms.delete_by.ms++)
SPOIL(ends_after_it_is_to_be_deleted, t->grant.expires.ms = t->grant.terms.delete_by.ms + 1)
SPOIL(ends_for_good, t->grant.expires.ms = INSTANT_MAX_MS)
SPOIL(made_before_its_request,
      t->grant.created.ms = t->request.head.created.ms - 15 * DURATION_MINUTE_MS - 1)
SPOIL(for_another_purpose, t->grant.terms.purpose[0] = 'X')
SPOIL(in_another_case, t->grant.terms.case_number[0] = 'X')

static void test_a_grant_says_what_manifest_and_request_say_and_no_more(void **state) {
    (void)state;
    static const struct {
        const char *what;
        void (*spoil)(struct trio *trio);
    } cases[] = {
#define CASE(name) {#name, name}
        CASE(other_manifest),
        CASE(other_request),
        CASE(manifest_of_other_request),
        CASE(other_clip),
        CASE(other_digest),
        CASE(other_size),
        CASE(other_payload_size),
        CASE(other_payload),
        CASE(other_recipient),
        CASE(other_community),
        CASE(owner_exchanged),
        CASE(owner_left_out),
        CASE(owner_added),
        CASE(begins_elsewhere),
        CASE(ends_elsewhere),
        CASE(clip_begins_before_what_was_asked),
        CASE(clip_ends_after_what_was_asked),
        CASE(kept_longer),
        CASE(ends_after_it_is_to_be_deleted),
        CASE(ends_for_good),
        CASE(made_before_its_request),
        CASE(for_another_purpose),
        CASE(in_another_case),
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct trio trio = {.manifest_id = community.manifest_id,
                            .request_id = community.request_id};
        sample_grant(&community, &trio.grant);
        sample_request(&community, &trio.request);
        sample_manifest(&community, manifest);
        trio.grant.terms.delete_by.ms--; /* deleting earlier is allowed */
        CHECK_ERR(ERR_OK, grant_agrees(&trio.grant, &trio.manifest_id, manifest, &trio.request_id,
                                       &trio.request));
        trio.grant.terms.delete_by.ms++;
        cases[i].spoil(&trio);
        if (grant_agrees(&trio.grant, &trio.manifest_id, manifest, &trio.request_id,
                         &trio.request) != ERR_PEER_BOUNDS) {
            fail_msg("%s: should not agree", cases[i].what);
        }
    }
}

/* Another file: shorter, silent, and black somewhere. */
static void edited(struct trio *trio) {
    trio->manifest_id = community.manifest_id;
    trio->request_id = community.request_id;
    sample_grant(&community, &trio->grant);
    sample_request(&community, &trio->request);
    sample_manifest(&community, manifest);
    manifest->audio = true;
    trio->grant.sha256.b[0] ^= 1;
    trio->grant.payload_root.b[0] ^= 1;
    trio->grant.size /= 2;
    trio->grant.payload_size /= 2;
    trio->grant.from.ms++;
    trio->grant.edit = (struct edit){.present = true,
                                     .audio_removed = true,
                                     .making = CLIP_REENCODED,
                                     .area_count = 1,
                                     .areas = {{0, 0, 500, 500}}};
}

static void nothing(struct trio *trio) {
    trio->grant.from = manifest->from;
    trio->grant.edit.audio_removed = false;
    trio->grant.edit.area_count = 0;
}

SPOIL(not_said, t->grant.edit.present = false)
SPOIL(earlier, t->grant.from.ms = manifest->from.ms - 1)
SPOIL(later, t->grant.to.ms = manifest->to.ms + 1)
SPOIL(no_sound_to_remove, manifest->audio = false)
SPOIL(black_but_copied, t->grant.edit.making = CLIP_COPIED)
SPOIL(cut_but_copied, t->grant.edit.area_count = 0; t->grant.edit.making = CLIP_COPIED)
SPOIL(too_large, t->grant.payload_size = edit_payload_max(manifest->payload_size) + 1)
SPOIL(edited_for_another, t->grant.recipient.b[0] ^= 1)
SPOIL(edited_of_another, t->grant.clip.b[0] ^= 1)
SPOIL(edited_by_another_manifest, t->manifest_id.b[0] ^= 1)
SPOIL(longer_than_asked, t->request.to.ms = manifest->to.ms - 1)
SPOIL(silent, nothing(t); t->grant.edit.audio_removed = true; t->grant.edit.making = CLIP_COPIED)
SPOIL(shorter, nothing(t); t->grant.to.ms--)
SPOIL(black, nothing(t); t->grant.edit.area_count = 1)
SPOIL(of_the_same_size, t->grant.payload_size = manifest->payload_size)

static void test_an_edit_takes_away_and_only_what_was_there(void **state) {
    (void)state;
    static const struct {
        const char *what;
        void (*change)(struct trio *trio);
        enum err wanted;
    } cases[] = {
        {"silent", silent, ERR_OK},
        {"shorter", shorter, ERR_OK},
        {"black", black, ERR_OK},
        {"of_the_same_size", of_the_same_size, ERR_OK},
        {"nothing", nothing, ERR_PEER_BOUNDS},
        {"not_said", not_said, ERR_PEER_BOUNDS},
        {"earlier", earlier, ERR_PEER_BOUNDS},
        {"later", later, ERR_PEER_BOUNDS},
        {"no_sound_to_remove", no_sound_to_remove, ERR_PEER_BOUNDS},
        {"black_but_copied", black_but_copied, ERR_PEER_BOUNDS},
        {"cut_but_copied", cut_but_copied, ERR_PEER_BOUNDS},
        {"too_large", too_large, ERR_PEER_BOUNDS},
        {"edited_for_another", edited_for_another, ERR_PEER_BOUNDS},
        {"edited_of_another", edited_of_another, ERR_PEER_BOUNDS},
        {"edited_by_another_manifest", edited_by_another_manifest, ERR_PEER_BOUNDS},
        {"longer_than_asked", longer_than_asked, ERR_PEER_BOUNDS},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct trio trio;
        edited(&trio);
        CHECK_ERR(ERR_OK, grant_agrees(&trio.grant, &trio.manifest_id, manifest, &trio.request_id,
                                       &trio.request));
        cases[i].change(&trio);
        enum err err =
            grant_agrees(&trio.grant, &trio.manifest_id, manifest, &trio.request_id, &trio.request);
        if (err != cases[i].wanted) {
            fail_msg("%s: %s", cases[i].what, err_text(err));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edit_takes_away_and_only_what_was_there),
        cmocka_unit_test(test_a_camera_list_is_signed_by_all_owners_old_and_new),
        cmocka_unit_test(test_a_camera_list_follows_the_one_before),
        cmocka_unit_test(test_a_grant_needs_every_owner_and_nobody_else),
        cmocka_unit_test(test_a_grant_says_what_manifest_and_request_say_and_no_more),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
