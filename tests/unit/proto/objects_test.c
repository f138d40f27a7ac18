/* What the fields of one object must satisfy together, beyond each field's own bounds
 * (PROTOCOL 9.3). */
#include <stdlib.h>
#include <string.h>

#include "proto/clip.h"
#include "proto/control.h"
#include "proto/fence.h"
#include "proto/treaty.h"
#include "tests/support/check.h"
#include "tests/support/fill.h"
#include "tests/support/samples.h"
#include "tests/support/schema.h"

static _Alignas(max_align_t) uint8_t plain[FILL_ROOM];
static _Alignas(max_align_t) uint8_t again[FILL_ROOM];

static void put_text(char *to, const char *text) {
    memcpy(to, text, strlen(text) + 1);
}

/* ---- one rule broken in each; the struct is at its most otherwise ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type and statements */
#define BREAK(name, type, change)                                                                  \
    static void name(void *at) {                                                                   \
        type *x = at;                                                                              \
        change;                                                                                    \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
BREAK(head_ends_at_its_start, struct head, x->expires = x->created)
BREAK(place_has_two_corners, struct geo_place, x->count = 2)
BREAK(place_is_circle_and_polygon, struct geo_place, x->radius_m = 5)
BREAK(place_crosses_itself, struct geo_place, struct geo_point p = x->points[0];
      x->points[0] = x->points[20]; x->points[20] = p)
BREAK(place_is_circle_without_radius, struct geo_place, x->count = 1)
BREAK(terms_allow_faces, struct terms, x->no_face_recognition = false)
BREAK(terms_allow_passing_on, struct terms, x->no_passing_on = false)
BREAK(charter_wants_more_than_all, struct charter, x->administrator_count = 3; x->threshold = 4)
BREAK(charter_counts_one_twice, struct charter, x->administrators[3] = x->administrators[1])
BREAK(charter_rules_a_role_twice, struct charter, x->roles[1].role = x->roles[0].role)
BREAK(charter_lists_an_agency_twice, struct charter, put_text(x->agencies[3].name, "Riverside PD");
      put_text(x->agencies[9].name, "RIVERSIDE pd"))
BREAK(agency_number_is_a_name, struct agency, put_text(x->number, "ask for Lee"))
BREAK(agency_number_has_two_digits, struct agency, put_text(x->number, "+ (1) 2"))
BREAK(act_decides_nothing, struct act, x->has_charter = x->has_removed = false)
BREAK(act_renews_beside_what_else, struct act, x->has_renewed = true; x->renewed.member.b[0] = 1;
      x->renewed.until = x->head.created)
BREAK(act_makes_a_treaty_beside_an_admission, struct act, x->has_charter = x->has_removed = false;
      x->has_admission = true; x->admission.member = BYTES_TEXT("member"); x->admission.kind = 1;
      x->admission.live_requests = 1; x->admission.door_count = 1; x->admission.doors[0].b[0] = 1;
      x->admission.until = x->head.created; x->treaty = BYTES_TEXT("treaty"))
BREAK(act_makes_a_treaty_beside_what_else, struct act, x->treaty = BYTES_TEXT("treaty"))
BREAK(act_ends_a_treaty_beside_what_else, struct act, x->treaty_ended.b[0] = 1)
BREAK(treaty_with_itself, struct treaty, x->sides[1].community = x->sides[0].community)
BREAK(treaty_sides_fall, struct treaty, x->sides[0].community.b[0] = 3)
BREAK(treaty_has_one_side, struct treaty, x->side_count = 1)
BREAK(treaty_is_over_at_once, struct treaty, x->until = x->created)
BREAK(treaty_for_no_role, struct treaty, x->roles = 3)
BREAK(treaty_for_no_instrument, struct treaty, x->instruments = 3)
BREAK(treaty_has_a_clerk_twice, struct treaty, x->sides[1].clerks[2] = x->sides[1].clerks[0])
BREAK(roll_lives_three_days, struct roll, x->head.created.ms = 1;
      x->head.expires.ms = 1 + 3 * (int64_t)DURATION_DAY_MS)
BREAK(roll_by_nobody, struct roll, x->head.author = (struct id){{0}})
BREAK(roll_rules_a_role_twice, struct roll, x->roles[1].role = x->roles[0].role)
BREAK(gateway_by_nobody, struct gateway, x->head.author = (struct id){{0}})
BREAK(crossing_by_nobody, struct crossing, x->head.author = (struct id){{0}})
BREAK(act_admits_beside_what_else, struct act, x->has_admission = true;
      x->admission.member = x->charter.authorities[0]; x->admission.kind = 1;
      x->admission.live_requests = 1; x->admission.door_count = 1; x->admission.doors[0].b[0] = 1;
      x->admission.until = x->head.created)
BREAK(admission_doors_twice, struct admission, x->doors[1] = x->doors[0])
BREAK(member_outside_was_invited, struct member, x->role = MEMBER_OUTSIDER; x->invite_allowance = 0;
      x->head.author = (struct id){{0}})
BREAK(member_outside_brings_others, struct member, x->role = MEMBER_OUTSIDER; x->invite.len = 0;
      x->head.author = (struct id){{0}}; x->invite_allowance = 1)
BREAK(member_officer_of_nobody, struct member, x->role = MEMBER_OFFICER; x->owner_count = 1;
      x->invite_allowance = 0; x->invite.len = 0; x->head.author = (struct id){{0}})
BREAK(member_officer_is_two, struct member, x->role = MEMBER_OFFICER; x->owner_count = 2;
      x->invite_allowance = 0; x->invite.len = 0)
BREAK(invite_for_an_outsider, struct invite, x->role = MEMBER_OUTSIDER)
BREAK(act_has_an_author, struct act, x->head.author.b[0] = 1)
BREAK(act_ends, struct act, x->head.expires.ms--)
BREAK(removal_ends, struct removal, x->head.expires.ms--)
BREAK(removal_by_nobody, struct removal, x->head.author = (struct id){{0}})
BREAK(renewal_by_nobody, struct renewal, x->head.author = (struct id){{0}})
BREAK(renewal_lasts_too_long, struct renewal, x->head.created.ms = 1;
      x->head.expires.ms = 1 + 401 * (int64_t)DURATION_DAY_MS)
BREAK(endorsement_by_nobody, struct endorsement, x->head.author = (struct id){{0}})
BREAK(member_owner_twice, struct member, x->owners[7].sign = x->owners[0].sign)
BREAK(member_owner_box_twice, struct member, x->owners[7].box = x->owners[0].box)
BREAK(member_owner_nameless, struct member, x->owner_names[5][0] = '\0')
BREAK(member_founder_invited, struct member, x->head.author = (struct id){{0}})
BREAK(member_joined_uninvited, struct member, x->invite.len = 0)
BREAK(record_names_a_host, struct node_record, put_text(x->addresses[2], "example.org:7878"))
BREAK(record_without_port, struct node_record, put_text(x->addresses[2], "203.0.113.7"))
BREAK(request_lasts_8_days, struct request,
      x->head.created.ms = x->head.expires.ms - INT64_C(7) * DURATION_DAY_MS - 1)
BREAK(request_for_no_time, struct request, x->from = x->to)
BREAK(request_names_a_host, struct request, put_text(x->addresses[0], "localhost:7878"))
BREAK(call_number_is_a_name, struct call_back, put_text(x->number, "ask for Lee"))
BREAK(call_is_still_to_come, struct call_back, x->at.ms = x->head.created.ms + 1)
BREAK(call_reached_nobody_who_answered, struct call_back, x->outcome = CALL_NOT_REACHED;
      put_text(x->spoke_to, "Sgt. Lee"))
BREAK(camera_folder_relative, struct camera, x->folder[0] = 'a')
BREAK(camera_name_with_slash, struct camera, x->name[1] = '/')
BREAK(camera_name_in_capitals, struct camera, x->name[1] = 'A')
BREAK(camera_owner_twice, struct camera, x->owners[1] = x->owners[0])
BREAK(list_camera_twice, struct camera_list, put_text(x->cameras[40].name, x->cameras[3].name))
BREAK(list_2_follows_nothing, struct camera_list, x->previous = (struct id){{0}})
BREAK(list_says_twice_whose_a_community_is, struct camera_list,
      x->further[5].community = x->further[2].community)
BREAK(further_is_the_first, struct further_community, put_text(x->name, "first"))
BREAK(further_climbs_out_of_its_folder, struct further_community, put_text(x->name, "../vault"))
BREAK(manifest_ends_at_its_start, struct manifest, x->to = x->from)
BREAK(manifest_runs_overlap, struct manifest, x->runs[4].to.ms += 10)
BREAK(manifest_runs_backwards, struct manifest, struct clip_run r = x->runs[4];
      x->runs[4] = x->runs[5]; x->runs[5] = r)
BREAK(manifest_run_before_clip, struct manifest, x->runs[0].from.ms = x->from.ms - 1)
BREAK(manifest_run_after_clip, struct manifest, x->to.ms = x->runs[127].to.ms - 1)
BREAK(manifest_run_empty, struct manifest, x->runs[127].to = x->runs[127].from)
BREAK(manifest_source_backwards, struct manifest, x->sources[4000].from.ms += 1 << 20)
BREAK(manifest_source_before_1970, struct manifest, x->sources[0].from.ms = -1)
BREAK(manifest_source_never, struct manifest, x->sources[0].to = INSTANT_NEVER)
BREAK(manifest_camera_name, struct manifest, x->camera[0] = '.')
BREAK(manifest_owner_twice, struct manifest, x->owners[2] = x->owners[6])
BREAK(grant_for_no_time, struct grant, x->to = x->from)
BREAK(grant_expires_at_once, struct grant, x->expires = x->created)
BREAK(grant_outlives_its_terms, struct grant, x->terms.delete_by.ms = x->expires.ms - 1)
BREAK(grant_owner_twice, struct grant, x->owners[2] = x->owners[6])

static const struct {
    const char *shape;
    const char *what;
    void (*spoil)(void *at);
} rules[] = {
#define RULE(shape, name)                                                                          \
    { shape, #name, name }
    RULE("Head", head_ends_at_its_start),
    RULE("Place", place_has_two_corners),
    RULE("Place", place_is_circle_and_polygon),
    RULE("Place", place_crosses_itself),
    RULE("Place", place_is_circle_without_radius),
    RULE("Terms", terms_allow_faces),
    RULE("Terms", terms_allow_passing_on),
    RULE("Charter", charter_wants_more_than_all),
    RULE("Charter", charter_counts_one_twice),
    RULE("Charter", charter_rules_a_role_twice),
    RULE("Act", act_decides_nothing),
    RULE("Act", act_renews_beside_what_else),
    RULE("Act", act_makes_a_treaty_beside_an_admission),
    RULE("Act", act_makes_a_treaty_beside_what_else),
    RULE("Act", act_ends_a_treaty_beside_what_else),
    RULE("Treaty", treaty_with_itself),
    RULE("Treaty", treaty_sides_fall),
    RULE("Treaty", treaty_has_one_side),
    RULE("Treaty", treaty_is_over_at_once),
    RULE("Treaty", treaty_for_no_role),
    RULE("Treaty", treaty_for_no_instrument),
    RULE("Treaty", treaty_has_a_clerk_twice),
    RULE("Roll", roll_lives_three_days),
    RULE("Roll", roll_by_nobody),
    RULE("Roll", roll_rules_a_role_twice),
    RULE("Gateway", gateway_by_nobody),
    RULE("Crossing", crossing_by_nobody),
    RULE("Act", act_admits_beside_what_else),
    RULE("Admission", admission_doors_twice),
    RULE("Member", member_outside_was_invited),
    RULE("Invite", invite_for_an_outsider),
    RULE("Member", member_outside_brings_others),
    RULE("Member", member_officer_of_nobody),
    RULE("Member", member_officer_is_two),
    RULE("Act", act_has_an_author),
    RULE("Act", act_ends),
    RULE("Removal", removal_ends),
    RULE("Removal", removal_by_nobody),
    RULE("Renewal", renewal_by_nobody),
    RULE("Renewal", renewal_lasts_too_long),
    RULE("Endorsement", endorsement_by_nobody),
    RULE("Charter", charter_lists_an_agency_twice),
    RULE("Agency", agency_number_is_a_name),
    RULE("Agency", agency_number_has_two_digits),
    RULE("Member", member_owner_twice),
    RULE("Member", member_owner_box_twice),
    RULE("Member", member_owner_nameless),
    RULE("Member", member_founder_invited),
    RULE("Member", member_joined_uninvited),
    RULE("NodeRecord", record_names_a_host),
    RULE("NodeRecord", record_without_port),
    RULE("Request", request_lasts_8_days),
    RULE("Request", request_for_no_time),
    RULE("Request", request_names_a_host),
    RULE("CallBack", call_number_is_a_name),
    RULE("CallBack", call_is_still_to_come),
    RULE("CallBack", call_reached_nobody_who_answered),
    RULE("Camera", camera_folder_relative),
    RULE("Camera", camera_name_with_slash),
    RULE("Camera", camera_name_in_capitals),
    RULE("Camera", camera_owner_twice),
    RULE("CameraList", list_camera_twice),
    RULE("CameraList", list_2_follows_nothing),
    RULE("CameraList", list_says_twice_whose_a_community_is),
    RULE("FurtherCommunity", further_is_the_first),
    RULE("FurtherCommunity", further_climbs_out_of_its_folder),
    RULE("Manifest", manifest_ends_at_its_start),
    RULE("Manifest", manifest_runs_overlap),
    RULE("Manifest", manifest_runs_backwards),
    RULE("Manifest", manifest_run_before_clip),
    RULE("Manifest", manifest_run_after_clip),
    RULE("Manifest", manifest_run_empty),
    RULE("Manifest", manifest_source_backwards),
    RULE("Manifest", manifest_source_before_1970),
    RULE("Manifest", manifest_source_never),
    RULE("Manifest", manifest_camera_name),
    RULE("Manifest", manifest_owner_twice),
    RULE("Grant", grant_for_no_time),
    RULE("Grant", grant_expires_at_once),
    RULE("Grant", grant_outlives_its_terms),
    RULE("Grant", grant_owner_twice),
};

/* The shape without anybody's checks and requirements: what a peer with another program may send.
 */
static struct shape loosened(const struct shape *shape, struct shape_field *rows,
                             struct shape *run) {
    struct shape loose = *shape;
    memcpy(rows, shape->fields, shape->field_count * sizeof *rows);
    for (size_t i = 0; i < shape->field_count; i++) {
        rows[i].required = false;
        if (rows[i].sub != NULL && strcmp(rows[i].sub->name, "Run") == 0) {
            *run = *rows[i].sub;
            run->check = NULL;
            rows[i].sub = run;
        }
    }
    loose.fields = rows;
    loose.check = NULL;
    return loose;
}

static void test_each_rule_between_fields_holds_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        const struct shape *shape = fill_shape_named(rules[i].shape);
        struct shape_field rows[FENCE_SHAPE_FIELDS_MAX];
        struct shape run;
        struct shape loose = loosened(shape, rows, &run);
        struct buffer strict_out;
        struct buffer out;
        buffer_init(&strict_out, WIRE_ROOM);
        buffer_init(&out, WIRE_ROOM);
        fill_shape(shape, FILL_MOST, i, plain);
        CHECK_ERR(ERR_OK, fence_encode(shape, plain, &strict_out));
        buffer_clear(&strict_out);
        rules[i].spoil(plain);
        if (fence_encode(shape, plain, &strict_out) != ERR_PEER_BOUNDS) {
            fail_msg("%s was encoded", rules[i].what);
        }
        CHECK_ERR(ERR_OK, fence_encode(&loose, plain, &out));
        if (fence_decode_into(shape, buffer_bytes(&out), again, fill_size(shape)) !=
            ERR_PEER_BOUNDS) {
            fail_msg("%s was decoded", rules[i].what);
        }
        buffer_finish(&strict_out);
        buffer_finish(&out);
    }
}

/* The largest object of every gossiped kind fits into gossip with every signature it can carry, and
 * the largest manifest and camera list into theirs. */
static void test_the_largest_objects_fit_where_they_go(void **state) {
    (void)state;
    static const struct {
        const char *shape;
        enum object_kind kind;
        size_t room;
    } cases[] = {
        {"Charter", OBJECT_CHARTER, SIGNED_GOSSIP_MAX},
        {"Member", OBJECT_MEMBER, SIGNED_GOSSIP_MAX},
        {"NodeRecord", OBJECT_NODE_RECORD, SIGNED_GOSSIP_MAX},
        {"Request", OBJECT_REQUEST, SIGNED_GOSSIP_MAX},
        {"Withdrawal", OBJECT_WITHDRAWAL, SIGNED_GOSSIP_MAX},
        {"CallBack", OBJECT_CALL_BACK, CONTROL_CALL_BYTES}, /* so that `stoop` gets it too */
        {"Grant", OBJECT_GRANT, SIGNED_GOSSIP_MAX},
        {"Decision", OBJECT_DECISION, SIGNED_GOSSIP_MAX},
        {"Receipt", OBJECT_RECEIPT, SIGNED_GOSSIP_MAX},
        {"ReceiptCommitment", OBJECT_RECEIPT_COMMITMENT, SIGNED_GOSSIP_MAX},
        {"DeletionReceipt", OBJECT_DELETION_RECEIPT, SIGNED_GOSSIP_MAX},
        {"Invite", OBJECT_INVITE, 1024}, /* inside a member certificate */
        {"Manifest", OBJECT_MANIFEST, SIGNED_BODY_MAX},
        {"CameraList", OBJECT_CAMERA_LIST, CAMERA_LIST_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buffer body;
        struct buffer whole;
        struct signed_object object;
        buffer_init(&body, WIRE_ROOM);
        buffer_init(&whole, WIRE_ROOM);
        fill_shape(fill_shape_named(cases[i].shape), FILL_MOST, i, plain);
        CHECK_ERR(ERR_OK, fence_encode(fill_shape_named(cases[i].shape), plain, &body));
        signed_start(cases[i].kind, buffer_bytes(&body), &object);
        object.count = cases[i].kind == OBJECT_INVITE ? 1 : SIGNED_SIGNATURES_MAX;
        for (size_t k = 0; k < object.count; k++) {
            memset(&object.signatures[k], (int)k + 1, sizeof object.signatures[k]);
        }
        CHECK_ERR(ERR_OK, signed_encode(&object, &whole));
        if (whole.len > cases[i].room) {
            fail_msg("%s: %zu of %zu bytes", cases[i].shape, whole.len, cases[i].room);
        }
        buffer_finish(&body);
        buffer_finish(&whole);
    }
}

static void test_borrowed_bytes_lie_in_the_input(void **state) {
    (void)state;
    struct buffer out;
    struct member member;
    buffer_init(&out, SIGNED_GOSSIP_MAX);
    fill_shape(fill_shape_named("Member"), FILL_MOST, 1, plain);
    CHECK_ERR(ERR_OK, member_encode((const struct member *)(const void *)plain, &out));
    CHECK_ERR(ERR_OK, member_decode(buffer_bytes(&out), &member));
    CHECK(member.invite.at > out.at && member.invite.at + member.invite.len <= out.at + out.len);
    buffer_finish(&out);
}

static void test_failure_leaves_small_structs_alone_and_zeroes_large_ones(void **state) {
    (void)state;
    struct buffer out;
    struct grant grant;
    struct grant before;
    buffer_init(&out, SIGNED_BODY_MAX);
    memset(&grant, 0xa5, sizeof grant);
    memset(&before, 0xa5, sizeof before);
    fill_shape(fill_shape_named("Grant"), FILL_MOST, 1, plain);
    CHECK_ERR(ERR_OK, grant_encode((const struct grant *)(const void *)plain, &out));
    CHECK(grant_decode((struct bytes){out.at, out.len - 1}, &grant) != ERR_OK);
    CHECK(bytes_equal((struct bytes){(const uint8_t *)&grant, sizeof grant},
                      (struct bytes){(const uint8_t *)&before, sizeof before}));

    buffer_clear(&out);
    fill_shape(fill_shape_named("Manifest"), FILL_MOST, 1, plain);
    CHECK_ERR(ERR_OK, manifest_encode((const struct manifest *)(const void *)plain, &out));
    memset(again, 0xa5, sizeof(struct manifest));
    CHECK(manifest_decode((struct bytes){out.at, out.len - 1}, (struct manifest *)(void *)again) !=
          ERR_OK);
    for (size_t i = 0; i < sizeof(struct manifest); i++) {
        CHECK(again[i] == 0);
    }
    buffer_finish(&out);
}

/* The community that other tests start from stands by the rules of all modules. */
static void test_samples_pass_every_check(void **state) {
    (void)state;
    struct sample_community community;
    struct governance governance;
    struct member leaf;
    struct id leaf_id;
    struct request request;
    struct grant grant;
    struct legal_report report;
    struct signed_object object;
    struct manifest *manifest = malloc(sizeof *manifest);
    struct camera_list *list = malloc(sizeof *list);
    struct buffer body;
    CHECK(manifest != NULL && list != NULL);
    sample_community_init(&community);
    sample_governance(&community, &governance);
    for (int i = SAMPLE_FOUNDER; i <= SAMPLE_HOMES; i++) {
        struct bytes chain[2] = {buffer_bytes(&community.homes[SAMPLE_FOUNDER].member),
                                 buffer_bytes(&community.homes[i].member)};
        CHECK_ERR(ERR_OK, chain_verify(&governance, chain, i == SAMPLE_FOUNDER ? 1 : 2, SAMPLE_NOW,
                                       &leaf, &leaf_id));
    }
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&community.request), &object));
    CHECK_ERR(ERR_OK, request_decode(object.body, &request));
    CHECK(signed_by(&object, &leaf.owners[0].sign)); /* the agency's chain came last */
    const struct legal_terms terms = {.charter = &governance.charter,
                                      .instruments = INSTRUMENTS_ALL};
    legal_check(&request, &terms, SAMPLE_NOW, true, &report);
    CHECK_ERR(ERR_OK, legal_verdict(&report, NULL));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&community.manifest), &object));
    CHECK_ERR(ERR_OK, manifest_decode(object.body, manifest));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&community.grant), &object));
    CHECK_ERR(ERR_OK, grant_decode(object.body, &grant));
    CHECK_ERR(ERR_OK, grant_verify(&object, &grant));
    CHECK_ERR(ERR_OK, grant_agrees(&grant, &community.manifest_id, manifest, &community.request_id,
                                   &request));
    sample_camera_list(&community, list);
    CHECK(geo_place_meets_view(&request.place, &list->cameras[0].view));
    buffer_init(&body, CAMERA_LIST_MAX);
    CHECK_ERR(ERR_OK, camera_list_encode(list, &body));
    CHECK_ERR(ERR_OK, camera_list_decode(buffer_bytes(&body), list));
    buffer_finish(&body);
    sample_community_finish(&community);
    free(manifest);
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_between_fields_holds_both_ways),
        cmocka_unit_test(test_the_largest_objects_fit_where_they_go),
        cmocka_unit_test(test_borrowed_bytes_lie_in_the_input),
        cmocka_unit_test(test_failure_leaves_small_structs_alone_and_zeroes_large_ones),
        cmocka_unit_test(test_samples_pass_every_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
