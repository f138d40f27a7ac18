/* What ingest believes (P1, PROTOCOL 6.4, 6.5): its owners' signatures over pinned keys, and what
 * it can check itself; never the node. Everything here is handed over by a node that lies. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/age.h"
#include "node/base/supervise.h"
#include "tests/support/check.h"
#include "tests/support/ingest_rig.h"

static struct ingest_rig rig;

static int start(void **state) {
    (void)state;
    ingest_rig_start(&rig);
    return 0;
}

static int stop(void **state) {
    (void)state;
    ingest_rig_stop(&rig);
    return 0;
}

static const struct sign_secret *owner_key(void) {
    return &rig.community.homes[SAMPLE_NEIGHBOUR].owner.sign;
}

static const struct sign_secret *co_owner_key(void) {
    return &rig.co_owner_secret.sign;
}

/* ---- camera lists ---- */

static void check_list(enum err expected, const struct sign_secret *first,
                       const struct sign_secret *second) {
    const struct sign_secret *keys[] = {first, second};
    bool restart = false;
    CHECK_ERR(expected, ingest_rig_list(&rig, keys, second == NULL ? 1 : 2, &restart));
    CHECK(restart == (expected == ERR_OK));
}

static bool has_list(void) {
    struct bytes stored;
    return index_list_get(rig.ingest->index, &stored) == ERR_OK;
}

static void test_the_first_list_needs_every_pinned_owner(void **state) {
    (void)state;
    check_list(ERR_DENY_INCOMPLETE, owner_key(), NULL);
    check_list(ERR_DENY_INCOMPLETE, co_owner_key(), NULL);
    CHECK(!has_list());
    check_list(ERR_OK, owner_key(), co_owner_key());
    CHECK(has_list());
}

static void test_a_list_by_strangers_is_refused(void **state) {
    struct owner_secret stranger;
    struct owner_public stranger_public;
    (void)state;
    sign_generate(&stranger.sign, &stranger_public.sign);
    box_generate(&stranger.box, &stranger_public.box);
    check_list(ERR_DENY_INCOMPLETE, &stranger.sign, NULL);
    check_list(ERR_DENY_INCOMPLETE, owner_key(), &stranger.sign);
    check_list(ERR_DENY_INCOMPLETE, &rig.community.homes[SAMPLE_NEIGHBOUR].node, NULL);
    check_list(ERR_DENY_INCOMPLETE, &rig.community.homes[SAMPLE_NEIGHBOUR].ingest, NULL);
    /* A camera that also belongs to somebody who was never pinned. */
    rig.list->cameras[0].owner_count = 2;
    rig.list->cameras[0].owners[1] = stranger_public;
    check_list(ERR_DENY_PIN, owner_key(), co_owner_key());
    check_list(ERR_DENY_PIN, owner_key(), &stranger.sign);
    rig.list->camera_count = 0; /* an empty one asks all the same */
    check_list(ERR_DENY_INCOMPLETE, &stranger.sign, NULL);
    CHECK(!has_list());
}

/* The node's dearest wish: footage sealed to a key of its own. */
static void test_told_to_seal_to_another_key_ingest_refuses(void **state) {
    struct box_secret another;
    (void)state;
    box_generate(&another, &rig.list->cameras[0].owners[0].box);
    check_list(ERR_DENY_PIN, owner_key(), co_owner_key());
    sample_camera_list(&rig.community, rig.list);
    rig.list->cameras[0].owners[0].box = rig.community.homes[SAMPLE_AGENCY].owner_public.box;
    check_list(ERR_DENY_PIN, owner_key(), co_owner_key());
    sample_camera_list(&rig.community, rig.list);
    rig.list->cameras[0].owners[0] = rig.community.homes[SAMPLE_AGENCY].owner_public;
    check_list(ERR_DENY_PIN, owner_key(), co_owner_key());
    CHECK(!has_list());
}

static void test_a_list_follows_the_one_before(void **state) {
    (void)state;
    rig.list->version = 2; /* follows nothing */
    rig.list->previous = rig.community.id;
    check_list(ERR_PEER_SEQUENCE, owner_key(), co_owner_key());
    sample_camera_list(&rig.community, rig.list);
    ingest_rig_install(&rig);
    struct id first = rig.ingest->list_id;

    rig.list->version = 1; /* another first one */
    (void)snprintf(rig.list->cameras[0].name, sizeof rig.list->cameras[0].name, "garden");
    check_list(ERR_PEER_SEQUENCE, owner_key(), co_owner_key());
    rig.list->version = 3;
    rig.list->previous = first;
    check_list(ERR_PEER_SEQUENCE, owner_key(), co_owner_key());
    rig.list->version = 2;
    rig.list->previous = rig.community.id;
    check_list(ERR_PEER_SEQUENCE, owner_key(), co_owner_key());
    CHECK(id_equal(&rig.ingest->list_id, &first));
    rig.list->previous = first;
    check_list(ERR_OK, owner_key(), NULL); /* who owns the camera is enough from now on */
    ingest_rig_restart(&rig);
    CHECK(rig.ingest->list.version == 2);
    CHECK(!id_equal(&rig.ingest->list_id, &first));
}

static void test_the_same_list_again_changes_nothing(void **state) {
    const struct sign_secret *keys[] = {owner_key(), co_owner_key()};
    bool restart = true;
    (void)state;
    ingest_rig_install(&rig);
    CHECK_ERR(ERR_OK, ingest_rig_list(&rig, keys, 2, &restart));
    CHECK(!restart);
    CHECK(rig.said.as.camera_list_done.version == 1);
}

/* One owner cannot put the other out of the list. */
static void test_a_co_owner_is_not_removed_without_its_signature(void **state) {
    (void)state;
    rig.list->cameras[0].owner_count = 2;
    rig.list->cameras[0].owners[1] = rig.co_owner;
    ingest_rig_install(&rig);
    rig.list->version = 2;
    rig.list->previous = rig.ingest->list_id;
    rig.list->cameras[0].owner_count = 1;
    check_list(ERR_DENY_INCOMPLETE, owner_key(), NULL);
    rig.list->camera_count = 0;
    check_list(ERR_DENY_INCOMPLETE, owner_key(), NULL);
    check_list(ERR_OK, owner_key(), co_owner_key());
}

static void test_a_list_for_another_ingest_or_key_is_refused(void **state) {
    struct buffer body = {.max = SIGNED_BODY_MAX};
    struct buffer signed_list;
    struct buffer sealed = {.max = AGE_SMALL_MAX};
    const struct sign_secret *keys[] = {owner_key(), co_owner_key()};
    struct box_secret another;
    struct box_public another_public;
    (void)state;
    rig.list->ingest = rig.community.homes[SAMPLE_FOUNDER].ingest_public;
    check_list(ERR_DENY_PIN, owner_key(), co_owner_key());
    rig.list->ingest = rig.community.homes[SAMPLE_NEIGHBOUR].ingest_public;
    box_generate(&another, &another_public);
    CHECK_ERR(ERR_OK, camera_list_encode(rig.list, &body));
    (void)sample_sign(OBJECT_CAMERA_LIST, buffer_bytes(&body), keys, 2, &signed_list);
    CHECK_ERR(ERR_OK, age_seal_small(&another_public, 1, buffer_bytes(&signed_list), &sealed));
    const struct bytes blobs[] = {buffer_bytes(&sealed), buffer_bytes(&signed_list),
                                  buffer_bytes(&body), BYTES_TEXT("age-encryption.org/v1\n")};
    for (size_t i = 0; i < COUNT_OF(blobs); i++) {
        const struct ingest_message message = {.kind = INGEST_CAMERA_LIST,
                                               .as.camera_list.sealed = blobs[i]};
        ingest_rig_give(&rig, &message, NULL);
        CHECK(ingest_rig_hear(&rig));
        CHECK(rig.said.as.camera_list_done.err == ERR_USER_WRONG_KEY);
    }
    buffer_clear(&sealed); /* rightly sealed, signed as something else */
    buffer_finish(&signed_list);
    (void)sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, 2, &signed_list);
    CHECK_ERR(ERR_OK, age_seal_small(&rig.box, 1, buffer_bytes(&signed_list), &sealed));
    const struct ingest_message message = {.kind = INGEST_CAMERA_LIST,
                                           .as.camera_list.sealed = buffer_bytes(&sealed)};
    ingest_rig_give(&rig, &message, NULL);
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.as.camera_list_done.err != ERR_OK);
    CHECK(!has_list());
    buffer_finish(&body);
    buffer_finish(&signed_list);
    buffer_finish(&sealed);
}

/* ---- requests ---- */

static bool vault_is_empty(void) { /* that of the node that speaks */
    char line[256];
    footage_run(&rig.footage, "find home%s/vault -type f | wc -l >count",
                rig.from == RIG_ELM ? "/communities/elm" : "");
    footage_read(&rig.footage, "count", line, sizeof line);
    return strtol(line, NULL, 10) == 0;
}

/* True when ingest took it: then there is a clip. Refused, it is told as one without a match. */
static bool is_matched(const struct ingest_message *ask) {
    bool matched = false;
    bool done = false;
    ingest_rig_give(&rig, ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    while (ingest_rig_hear(&rig)) {
        matched |= rig.said.kind == INGEST_MATCH;
        done |= rig.said.kind == INGEST_REQUEST_DONE &&
                id_equal(&rig.said.as.request_done.request, &ask->as.request.id);
    }
    CHECK(done);
    CHECK(matched == !vault_is_empty());
    return matched;
}

static bool is_request_matched(const struct request *request) {
    struct buffer bytes;
    struct ingest_message ask;
    struct id id = ingest_rig_sign(&rig, request, &bytes);
    ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
    bool matched = is_matched(&ask);
    buffer_finish(&bytes);
    return matched;
}

static bool is_request_allowed(void) {
    struct ingest_message ask;
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &ask);
    return is_matched(&ask);
}

static void prepare(void) {
    ingest_rig_install(&rig);
    ingest_rig_record(&rig, 0, "");
}

static void test_a_sound_request_is_matched(void **state) {
    struct ingest_message ask;
    (void)state;
    prepare();
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &ask);
    CHECK(is_matched(&ask));
    /* Handed over again, nothing is made twice. */
    ingest_rig_give(&rig, &ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.kind == INGEST_REQUEST_DONE);
    CHECK(!ingest_rig_hear(&rig));
}

/* An act after `previous`, as many milliseconds after the charter: nobody's requests of a kind that
 * is not in `instruments` are allowed to requesters. */
static struct id show_act(const struct id *previous, int64_t later, uint32_t instruments) {
    static struct act act;
    const struct sign_secret *key = &rig.community.homes[SAMPLE_FOUNDER].owner.sign;
    struct buffer body = {.max = ACT_BODY_MAX};
    struct buffer bytes;
    act = (struct act){.head = {.community = rig.community.id, .expires = INSTANT_FOR_GOOD},
                       .previous = *previous,
                       .has_charter = true};
    sample_charter(&rig.community, &act.charter);
    act.head.created = (struct instant){SAMPLE_NOW.ms - DURATION_DAY_MS + later};
    act.charter.created = act.head.created;
    act.charter.role_count = 1;
    act.charter.roles[0] = (struct role_rule){MEMBER_REQUESTER, instruments, false};
    CHECK_ERR(ERR_OK, act_encode(&act, &body));
    const struct id id = sample_sign(OBJECT_ACT, buffer_bytes(&body), &key, 1, &bytes);
    const struct ingest_message message = {.kind = INGEST_ACT,
                                           .as.act.object = buffer_bytes(&bytes)};
    ingest_rig_give(&rig, &message, NULL);
    buffer_finish(&body);
    buffer_finish(&bytes);
    return id;
}

/* Of two acts that follow the same one, the one with the smaller id counts here as everywhere, and
 * what followed the other is void: a node does not choose by showing the other again, or last. */
static void test_of_two_acts_the_same_counts_as_everywhere(void **state) {
    enum {
        ALL = 254,
        NONE = 0
    };
    const struct id *community = &rig.community.id;
    struct id loser;
    struct id winner;
    int64_t later = 0;
    (void)state;
    prepare();
    do { /* until the one that forbids has the smaller id */
        ingest_rig_restart(&rig);
        later++;
        loser = show_act(community, later, ALL);
        (void)show_act(&loser, later + 1, ALL); /* its chain is the longer one */
        winner = show_act(community, later, NONE);
    } while (id_compare(&winner, &loser) > 0);
    CHECK(!is_request_allowed());
    (void)show_act(community, later, ALL);
    (void)show_act(&loser, later + 1, ALL);
    CHECK(!is_request_allowed());
    (void)show_act(&winner, later + 2, ALL); /* what follows the winner counts */
    CHECK(is_request_allowed());
}

static void test_a_request_with_a_broken_chain_is_not_matched(void **state) {
    struct ingest_message sound;
    struct ingest_message ask;
    struct sample_community other;
    (void)state;
    prepare();
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &sound);
    ask = sound; /* without its founder */
    ask.as.request.chain_count = 1;
    ask.as.request.chain[0] = sound.as.request.chain[1];
    CHECK(!is_matched(&ask));
    ask = sound; /* without its author */
    ask.as.request.chain_count = 1;
    CHECK(!is_matched(&ask));
    ask = sound; /* the wrong way round */
    ask.as.request.chain[0] = sound.as.request.chain[1];
    ask.as.request.chain[1] = sound.as.request.chain[0];
    CHECK(!is_matched(&ask));
    ask = sound; /* of another member */
    ask.as.request.chain[1] = buffer_bytes(&rig.community.homes[SAMPLE_NEIGHBOUR].member);
    CHECK(!is_matched(&ask));
    ask = sound; /* a certificate that was changed */
    struct buffer changed = {.max = SIGNED_BODY_MAX};
    CHECK_ERR(ERR_OK, buffer_append(&changed, sound.as.request.chain[1]));
    changed.at[changed.len - 1] ^= 1;
    ask.as.request.chain[1] = buffer_bytes(&changed);
    CHECK(!is_matched(&ask));
    buffer_finish(&changed);
    sample_community_init(&other); /* the same again: it is not the lies that made it fail */
    sample_community_finish(&other);
    CHECK(is_matched(&sound));
}

static void test_a_request_by_nobody_or_another_is_not_matched(void **state) {
    const struct sign_secret *const wrong[] = {
        &rig.community.homes[SAMPLE_FOUNDER].owner.sign,
        &rig.community.homes[SAMPLE_NEIGHBOUR].owner.sign,
        &rig.community.homes[SAMPLE_AGENCY].node, /* the agency's node is not the agency */
        &rig.community.homes[SAMPLE_NEIGHBOUR].node,
    };
    struct request request;
    struct buffer body = {.max = SIGNED_BODY_MAX};
    struct ingest_message ask;
    (void)state;
    prepare();
    sample_request(&rig.community, &request);
    CHECK_ERR(ERR_OK, request_encode(&request, &body));
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct buffer bytes;
        struct id id = sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &wrong[i], 1, &bytes);
        ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
        CHECK(!is_matched(&ask));
        buffer_finish(&bytes);
    }
    const struct sign_secret *right = &rig.community.homes[SAMPLE_AGENCY].owner.sign;
    struct buffer bytes; /* signed as another kind of thing */
    struct id id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), &right, 1, &bytes);
    ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
    CHECK(!is_matched(&ask));
    buffer_finish(&bytes);
    ingest_rig_ask(&rig, buffer_bytes(&body), &id, &ask); /* not signed at all */
    CHECK(!is_matched(&ask));
    /* Under another id, so that it could be had twice. */
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.id, &ask);
    CHECK(!is_matched(&ask));
    buffer_finish(&body);
    /* In the name of a member that did not sign: its limits are others, and its face. */
    request.head.author = rig.community.homes[SAMPLE_NEIGHBOUR].certificate;
    CHECK(!is_request_matched(&request));
    sample_request(&rig.community, &request);
    CHECK(is_request_matched(&request));
}

/* Sound in itself, from a community that the owners did not name. */
static void test_a_request_of_a_community_not_served_is_not_matched(void **state) {
    struct request request;
    (void)state;
    rig.list->communities[0] = rig.community.request_id;
    prepare();
    sample_request(&rig.community, &request);
    CHECK(!is_request_matched(&request));
}

static void test_a_request_that_breaks_a_rule_is_not_matched(void **state) {
    struct request sound;
    struct request request;
    (void)state;
    prepare();
    sample_request(&rig.community, &sound);
    request = sound; /* of a community that the owners never named */
    request.head.community = rig.community.request_id;
    CHECK(!is_request_matched(&request));
    request = sound; /* over */
    request.head.expires = SAMPLE_NOW;
    CHECK(!is_request_matched(&request));
    request = sound; /* 13 hours */
    request.from.ms = sound.to.ms - INT64_C(13) * DURATION_HOUR_MS;
    CHECK(!is_request_matched(&request));
    request = sound; /* a whole town */
    request.place.radius_m = 5000;
    CHECK(!is_request_matched(&request));
    request = sound; /* kept for longer than the charter lets */
    request.terms.delete_by.ms = sound.head.created.ms + INT64_C(91) * DURATION_DAY_MS;
    CHECK(!is_request_matched(&request));
    request = sound; /* no case number */
    request.instrument.case_number[0] = '\0';
    CHECK(!is_request_matched(&request));
    request = sound; /* a warrant that its applicant issued */
    (void)snprintf(request.instrument.authority_name, sizeof request.instrument.authority_name,
                   "%s", request.instrument.applicant_name);
    CHECK(!is_request_matched(&request));
    request = sound; /* run out */
    request.instrument.execute_by = (struct instant){SAMPLE_NOW.ms - 1};
    CHECK(!is_request_matched(&request));
    CHECK(is_request_matched(&sound));
}

/* LP-17: where a camera sees further than the community goes, the fence's word holds here too. */
static void test_a_place_beyond_the_service_area_is_not_matched(void **state) {
    struct request request;
    (void)state;
    rig.list->cameras[0].view.at.lat -= 10000000;
    prepare();
    sample_request(&rig.community, &request);
    CHECK(!is_request_matched(&request));
    request.place.points[0].lat -= 10000000;
    CHECK(!is_request_matched(&request));
}

static void test_places_and_cameras_that_are_not_asked_for_are_left_alone(void **state) {
    struct request request;
    (void)state;
    rig.list->cameras[0].indoor = true;
    prepare();
    sample_request(&rig.community, &request);
    CHECK(!is_request_matched(&request)); /* indoors */
    rig.list->version = 2;
    rig.list->previous = rig.ingest->list_id;
    rig.list->cameras[0].indoor_open = true;
    check_list(ERR_OK, owner_key(), NULL);
    ingest_rig_restart(&rig);
    request.place.points[0].lon += 200000; /* 1.3 km away */
    CHECK(!is_request_matched(&request));
    sample_request(&rig.community, &request);
    request.from.ms -= DURATION_HOUR_MS; /* before there was footage */
    request.to.ms -= DURATION_HOUR_MS;
    CHECK(!is_request_matched(&request));
    sample_request(&rig.community, &request); /* to hold is an owner's to begin */
    request.instrument.kind = INSTRUMENT_PRESERVATION;
    request.instrument.preserve_until = (struct instant){SAMPLE_NOW.ms + 10 * DURATION_DAY_MS};
    CHECK(!is_request_matched(&request));
    sample_request(&rig.community, &request);
    (void)snprintf(request.reason, sizeof request.reason, "Hit and run, once more");
    CHECK(is_request_matched(&request));
}

/* What the node could learn by asking over and over has a limit of ingest's own. */
static void test_a_requester_has_so_many_live_requests_and_no_more(void **state) {
    struct request request;
    struct buffer bytes;
    struct ingest_message ask;
    struct job job;
    (void)state;
    ingest_rig_install(&rig);
    for (int i = 0; i < 12; i++) {
        sample_request(&rig.community, &request);
        (void)snprintf(request.reason, sizeof request.reason, "Hit and run, number %d", i);
        struct id id = ingest_rig_sign(&rig, &request, &bytes);
        ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
        ingest_rig_give(&rig, &ask, NULL);
        CHECK_ERR(i < 10 ? ERR_OK : ERR_USER_NOT_FOUND,
                  index_job_get(rig.ingest->index, &id, &job));
        CHECK(ingest_rig_hear(&rig) == (i >= 10)); /* told at once, as without a match */
        ingest_rig_work(&rig, SAMPLE_NOW);         /* done counts too, while it is live */
        while (ingest_rig_hear(&rig)) {
        }
        buffer_finish(&bytes);
    }
    uint64_t all = 0;
    uint64_t live = 0;
    struct jobs_of whose = {.node = SLUG_FIRST, .author = &request.head.author};
    CHECK_ERR(ERR_OK, index_jobs_count(rig.ingest->index, whose, SAMPLE_NOW, &all, &live));
    CHECK(all == 10 && live == 10);
    /* Another one is not held back by it. */
    whose.author = &rig.community.id;
    CHECK_ERR(ERR_OK, index_jobs_count(rig.ingest->index, whose, SAMPLE_NOW, &all, &live));
    CHECK(all == 10 && live == 0);
    /* Nor is another community. */
    whose = (struct jobs_of){.node = "elm", .author = &request.head.author};
    CHECK_ERR(ERR_OK, index_jobs_count(rig.ingest->index, whose, SAMPLE_NOW, &all, &live));
    CHECK(all == 0 && live == 0);
    /* When they are over there is room again, and nothing of them is kept. */
    whose = (struct jobs_of){.node = SLUG_FIRST, .author = &request.head.author};
    CHECK_ERR(ERR_OK,
              index_jobs_count(rig.ingest->index, whose, request.head.expires, &all, &live));
    CHECK(all == 0 && live == 0);
}

/* ---- what comes out ---- */

static size_t count_stanzas(struct bytes header) {
    size_t count = 0;
    static const char mark[] = "\n-> X25519 ";
    for (size_t i = 0; i + sizeof mark - 1 <= header.len; i++) {
        count += memcmp(header.at + i, mark, sizeof mark - 1) == 0 ? 1 : 0;
    }
    return count;
}

static void test_a_clip_is_sealed_to_its_cameras_owners_and_nobody_else(void **state) {
    struct request request;
    static struct manifest made;
    const struct manifest *manifest = &made;
    struct buffer plain;
    struct buffer other = {.max = AGE_SMALL_MAX};
    struct age_file_key key;
    (void)state;
    rig.list->cameras[0].owner_count = 2;
    rig.list->cameras[0].owners[1] = rig.co_owner;
    prepare();
    sample_request(&rig.community, &request);
    struct buffer bytes;
    struct ingest_message ask;
    struct id id = ingest_rig_sign(&rig, &request, &bytes);
    ingest_rig_ask(&rig, buffer_bytes(&bytes), &id, &ask);
    ingest_rig_give(&rig, &ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.kind == INGEST_MATCH);
    struct bytes header = rig.said.as.match.header;
    ingest_rig_open(&rig, &made, &plain); /* the first owner */
    CHECK(age_header_open(header, &rig.co_owner_secret.box, &key));
    CHECK(age_open_small(&rig.co_owner_secret.box, rig.said.as.match.manifest, &other));
    CHECK(count_stanzas(header) == 2);
    CHECK(count_stanzas(rig.said.as.match.manifest) == 2);
    CHECK(manifest->owner_count == 2);
    CHECK(sign_public_equal(&manifest->owners[0].sign,
                            &rig.community.homes[SAMPLE_NEIGHBOUR].owner_public.sign));
    CHECK(sign_public_equal(&manifest->owners[1].sign, &rig.co_owner.sign));
    CHECK(id_equal(&manifest->request, &id));
    const struct box_secret *const others[] = {&rig.keys.box, &rig.community.request_secret,
                                               &rig.community.homes[SAMPLE_AGENCY].owner.box,
                                               &rig.community.homes[SAMPLE_NEIGHBOUR].transport};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        CHECK(!age_header_open(header, others[i], &key));
        CHECK(!age_open_small(others[i], rig.said.as.match.manifest, &other));
    }
    buffer_finish(&plain);
    buffer_finish(&other);
    buffer_finish(&bytes);
}

static struct clip_id make_clip(void) {
    struct ingest_message ask;
    prepare();
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &ask);
    ingest_rig_give(&rig, &ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.kind == INGEST_MATCH);
    return rig.said.as.match.clip;
}

/* No file of ingest's own holds what would open the clip. */
static void check_header_gone(struct bytes header, bool gone) {
    char first[64];
    char found[64];
    size_t skip = strlen("age-encryption.org/v1\n-> X25519 ");
    CHECK(header.len > skip + 43);
    memcpy(first, header.at + skip, 43); /* the first stanza's share */
    first[43] = '\0';
    footage_run(&rig.footage, "grep -raFl -e '%s' home | wc -l >count", first);
    footage_read(&rig.footage, "count", found, sizeof found);
    CHECK((strtol(found, NULL, 10) == 0) == gone);
}

static void test_a_clip_that_is_shredded_leaves_no_header(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    struct bytes header = rig.said.as.match.header;
    struct ingest_message shred = {.kind = INGEST_SHRED, .as.shred.clip = clip};
    bool known = true;
    check_header_gone(header, false);
    CHECK(!vault_is_empty());
    ingest_rig_give(&rig, &shred, NULL);
    CHECK(vault_is_empty());
    check_header_gone(header, true);
    CHECK_ERR(ERR_OK, index_clip_known(rig.ingest->index, SLUG_FIRST, &clip, &known));
    CHECK(!known);
    ingest_rig_give(&rig, &shred, NULL); /* again: nothing, but it is answered */
    size_t answers = 0;
    while (ingest_rig_hear(&rig)) {
        answers += rig.said.kind == INGEST_SHRED_DONE &&
                   memcmp(rig.said.as.shred_done.clip.b, clip.b, sizeof clip.b) == 0;
    }
    CHECK(answers == 2);
    /* Nor is it made anew for the same request. */
    struct ingest_message ask;
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &ask);
    while (ingest_rig_hear(&rig)) {
    }
    ingest_rig_give(&rig, &ask, NULL);
    ingest_rig_work(&rig, SAMPLE_NOW);
    CHECK(vault_is_empty());
}

static void test_a_header_is_the_nodes_once_it_has_it(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    struct bytes header = rig.said.as.match.header;
    struct ingest_message held = {.kind = INGEST_HELD, .as.held.count = 1};
    held.as.held.clips[0] = clip;
    struct buffer kept = {.max = HEADER_MAX};
    CHECK_ERR(ERR_OK, buffer_append(&kept, header));
    while (ingest_rig_hear(&rig)) {
    }
    CHECK_ERR(ERR_OK, ingest_tell_matches(rig.ingest)); /* until then it is told again */
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.kind == INGEST_MATCH);
    ingest_rig_give(&rig, &held, NULL);
    check_header_gone(buffer_bytes(&kept), true);
    CHECK(!vault_is_empty());
    CHECK_ERR(ERR_OK, ingest_tell_matches(rig.ingest));
    CHECK(!ingest_rig_hear(&rig));
    buffer_finish(&kept);
}

static void test_a_clip_that_the_node_has_lost_is_removed_and_an_untold_one_is_not(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    struct ingest_message held = {.kind = INGEST_HELD, .as.held.count = 1};
    struct ingest_message none = {.kind = INGEST_HELD, .as.held.last = true};
    held.as.held.clips[0] = clip;
    ingest_rig_give(&rig, &none, NULL); /* it has not been told of it yet */
    CHECK(!vault_is_empty());
    ingest_rig_give(&rig, &held, NULL);
    ingest_rig_restart(&rig);
    ingest_rig_give(&rig, &held, NULL); /* a list in two parts */
    ingest_rig_give(&rig, &none, NULL);
    CHECK(!vault_is_empty());
    ingest_rig_restart(&rig);
    held.as.held.clips[0].b[0] ^= 1;
    ingest_rig_give(&rig, &held, NULL);
    CHECK(!vault_is_empty());
    ingest_rig_give(&rig, &none, NULL);
    CHECK(vault_is_empty());
}

static void test_commands_for_unknown_clips_touch_nothing(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    struct ingest_message shred = {.kind = INGEST_SHRED};
    struct ingest_message held = {.kind = INGEST_HELD, .as.held.count = 2};
    bool known = false;
    while (ingest_rig_hear(&rig)) {
    }
    memset(shred.as.shred.clip.b, 0x11, sizeof shred.as.shred.clip.b);
    ingest_rig_give(&rig, &shred, NULL);
    memset(shred.as.shred.clip.b, 0xff, sizeof shred.as.shred.clip.b);
    ingest_rig_give(&rig, &shred, NULL);
    memset(held.as.held.clips[0].b, 0x22, sizeof held.as.held.clips[0].b);
    memset(held.as.held.clips[1].b, 0xee, sizeof held.as.held.clips[1].b);
    ingest_rig_give(&rig, &held, NULL);
    CHECK_ERR(ERR_OK, index_clip_known(rig.ingest->index, SLUG_FIRST, &clip, &known));
    CHECK(known);
    CHECK(!vault_is_empty());
    while (ingest_rig_hear(&rig)) {
    }
    CHECK_ERR(ERR_OK, ingest_tell_matches(rig.ingest));
    CHECK(ingest_rig_hear(&rig));
    CHECK(rig.said.kind == INGEST_MATCH);
    /* What only ingest may say means nothing from the node; nor does noise. */
    struct ingest_message match = {.kind = INGEST_REQUEST_DONE,
                                   .as.request_done.request = rig.community.request_id};
    ingest_rig_give(&rig, &match, NULL);
    bool restart = false;
    CHECK_ERR(ERR_OK, ingest_take(rig.ingest, &rig.ingest->nodes[RIG_FIRST],
                                  BYTES_TEXT("\x08\x02nonsense"), SAMPLE_NOW, &restart));
    CHECK(!restart);
}

/* A crash leaves at most a file that no row names. */
static void test_what_a_crash_left_is_swept_and_nothing_else(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    char hex[33];
    hex_write(BYTES_OF(clip.b), hex);
    footage_run(
        &rig.footage,
        "cd home/vault && touch new-00112233445566778899aabbccddeeff new-x && "
        "mkdir -p 0a %.2s zz && touch 0a/0112233445566778899aabbccddeef "
        "%.2s/0112233445566778899aabbccddeef 0a/notes.txt zz/0112233445566778899aabbccddeef",
        hex, hex);
    ingest_rig_restart(&rig);
    CHECK_ERR(ERR_OK, seal_sweep(rig.ingest, &rig.ingest->nodes[RIG_FIRST]));
    char line[512];
    char expected[512];
    footage_run(&rig.footage, "cd home/vault && find . -type f | sort | tr '\\n' ' ' >../../left");
    footage_read(&rig.footage, "left", line, sizeof line);
    (void)snprintf(expected, sizeof expected, "./%.2s/%s ", hex, hex + 2);
    CHECK(strstr(line, expected) != NULL);
    CHECK(strstr(line, "./0a/notes.txt ") != NULL);
    CHECK(strstr(line, "./zz/") != NULL); /* not a name of ours */
    CHECK(strstr(line, "new-") == NULL);
    CHECK(strstr(line, "0a/0112") == NULL);
    (void)snprintf(expected, sizeof expected, "./%.2s/0112", hex);
    CHECK(strstr(line, expected) == NULL);
}

/* ---- a home in several communities ---- */

/* The sample's community, as that of the node of elm. */
static void move_to_elm(void) {
    rig.list->further_count = 1;
    rig.list->further[0] = (struct further_community){.community = rig.community.id};
    (void)snprintf(rig.list->further[0].name, sizeof rig.list->further[0].name, "elm");
}

static void show_charter(void) {
    const struct ingest_message charter = {.kind = INGEST_ACT,
                                           .as.act.object = buffer_bytes(&rig.community.charter)};
    ingest_rig_give(&rig, &charter, NULL);
}

static void hear_all(void) {
    while (ingest_rig_hear(&rig)) {
    }
}

/* A node that was broken into shows another community's charter, and asks in its name. */
static void test_a_node_asks_in_its_own_communitys_name_alone(void **state) {
    struct request request;
    (void)state;
    prepare();
    sample_request(&rig.community, &request);
    rig.from = RIG_ELM;
    show_charter();
    CHECK(!is_request_matched(&request));
    rig.from = RIG_FIRST;
    CHECK(is_request_matched(&request)); /* and it has used nothing up */
}

static void test_a_further_node_is_served_from_its_own_vault(void **state) {
    struct request request;
    (void)state;
    move_to_elm();
    prepare();
    sample_request(&rig.community, &request);
    CHECK(!is_request_matched(&request)); /* it is not the first one's any more */
    rig.from = RIG_ELM;
    CHECK(!is_request_matched(&request)); /* no charter shown */
    show_charter();
    (void)snprintf(request.reason, sizeof request.reason, "Hit and run, once more");
    CHECK(is_request_matched(&request));
    rig.from = RIG_FIRST;
    CHECK(vault_is_empty());
}

static void test_a_node_has_nothing_to_do_with_anothers_clip(void **state) {
    struct ingest_message shred = {.kind = INGEST_SHRED};
    struct ingest_message held = {.kind = INGEST_HELD, .as.held.last = true};
    struct ingest_message ask;
    (void)state;
    struct clip_id clip = make_clip();
    hear_all();
    rig.from = RIG_ELM;
    show_charter();
    ingest_rig_ask(&rig, buffer_bytes(&rig.community.request), &rig.community.request_id, &ask);
    ingest_rig_give(&rig, &ask, NULL); /* "done", as for a request that matches nothing */
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_REQUEST_DONE);
    CHECK_ERR(ERR_OK, ingest_tell_matches(rig.ingest));
    CHECK(!ingest_rig_hear(&rig)); /* it is not told of it */
    held.as.held.count = 1;
    held.as.held.clips[0] = clip;
    ingest_rig_give(&rig, &held, NULL); /* "I have it" */
    rig.from = RIG_FIRST;
    hear_all();
    CHECK_ERR(ERR_OK, ingest_tell_matches(rig.ingest));
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_MATCH); /* still to be told */
    ingest_rig_give(&rig, &held, NULL);
    ingest_rig_restart(&rig);
    rig.from = RIG_ELM;
    held.as.held.count = 0;
    ingest_rig_give(&rig, &held, NULL); /* "I have none" */
    shred.as.shred.clip = clip;
    ingest_rig_give(&rig, &shred, NULL);
    rig.from = RIG_FIRST;
    CHECK(!vault_is_empty());
    ingest_rig_give(&rig, &shred, NULL);
    CHECK(vault_is_empty());
}

static enum err count_node(void *context, const char *name) {
    (void)name;
    ++*(int *)context;
    return ERR_OK;
}

static int nodes_in_index(void) {
    int count = 0;
    CHECK_ERR(ERR_OK, index_nodes(rig.ingest->index, count_node, &count));
    return count;
}

/* One that is only down may come back; one whose folder is gone has left, and if it is made anew it
 * is asked as if it had never been there. */
static void test_of_a_node_that_is_gone_for_good_nothing_is_left(void **state) {
    struct request request;
    (void)state;
    move_to_elm();
    prepare();
    sample_request(&rig.community, &request);
    rig.from = RIG_ELM;
    show_charter();
    CHECK(is_request_matched(&request));
    CHECK(nodes_in_index() == 1);
    rig.elm_left = true;
    rig.from = RIG_FIRST;
    ingest_rig_restart(&rig);
    CHECK(nodes_in_index() == 1);
    footage_run(&rig.footage, "rm -r home/communities/elm");
    ingest_rig_restart(&rig);
    CHECK(nodes_in_index() == 0);
    footage_run(&rig.footage, "mkdir -p home/communities/elm/vault");
    rig.elm_left = false;
    ingest_rig_restart(&rig);
    rig.from = RIG_ELM;
    show_charter();
    CHECK(is_request_matched(&request));
}

static void test_a_camera_closed_to_a_community_is_not_matched_for_it(void **state) {
    struct request request;
    (void)state;
    rig.list->cameras[0].community_count = 1;
    rig.list->cameras[0].communities[0] = rig.community.request_id; /* another one's alone */
    prepare();
    sample_request(&rig.community, &request);
    CHECK(!is_request_matched(&request));
    rig.list->version = 2;
    rig.list->previous = rig.ingest->list_id;
    rig.list->cameras[0].community_count = 2;
    rig.list->cameras[0].communities[1] = rig.community.id;
    check_list(ERR_OK, owner_key(), NULL);
    ingest_rig_restart(&rig);
    (void)snprintf(request.reason, sizeof request.reason, "Hit and run, once more");
    CHECK(is_request_matched(&request));
}

/* The newest counts, whoever carried it. */
static void test_a_camera_list_comes_through_whichever_node(void **state) {
    (void)state;
    ingest_rig_install(&rig);
    rig.list->version = 2;
    rig.list->previous = rig.ingest->list_id;
    rig.from = RIG_ELM;
    check_list(ERR_OK, owner_key(), NULL);
    rig.from = RIG_FIRST;
    ingest_rig_restart(&rig);
    CHECK(rig.ingest->list.version == 2);
    rig.list->camera_count = 0; /* as if the one before were the newest */
    check_list(ERR_PEER_SEQUENCE, owner_key(), NULL);
}

static void speak(int node) {
    static const uint8_t nothing[] = {0, 0, 0, 0}; /* a frame all the same */
    CHECK(write(rig.nodes[node], nothing, sizeof nothing) == sizeof nothing);
}

/* Told by the supervisor's signal it ends between two clips, to come back with new pairs. */
static void test_a_node_is_greeted_when_it_speaks_and_ingest_ends_when_asked(void **state) {
    (void)state;
    struct clip_id clip = make_clip();
    hear_all();
    ingest_rig_restart(&rig);
    rig.ingest->nodes[RIG_FIRST].up = false; /* the rig has shown it a charter */
    rig.again = 1;
    speak(RIG_FIRST);
    CHECK(ingest_run(rig.ingest) == SUPERVISE_EXIT_AGAIN);
    rig.from = RIG_ELM;
    CHECK(!ingest_rig_hear(&rig)); /* it has not spoken */
    rig.from = RIG_FIRST;
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_HELLO);
    CHECK(rig.said.as.hello.camera_list_version == 1);
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_MATCH);
    CHECK(memcmp(rig.said.as.match.clip.b, clip.b, sizeof clip.b) == 0);
    /* What goes to the node of elm is its own. */
    hear_all();
    speak(RIG_ELM);
    CHECK(ingest_run(rig.ingest) == SUPERVISE_EXIT_AGAIN);
    while (ingest_rig_hear(&rig)) {
        CHECK(rig.said.kind == INGEST_PERIOD); /* the first one is told of no clip again */
    }
    rig.from = RIG_ELM;
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_HELLO);
    while (ingest_rig_hear(&rig)) {
        CHECK(rig.said.kind == INGEST_PERIOD);
    }
}

static struct competing { /* acts that follow the founding charter, each with an outsider of its own
                           */
    struct buffer whole;
    struct id id;
} competing[COMMUNITY_OUTSIDERS_MAX + 3];

static void make_competing(int number, struct competing *out) {
    const struct sample_home *agency = &rig.community.homes[SAMPLE_AGENCY];
    const struct sign_secret *administrator = &rig.community.homes[SAMPLE_FOUNDER].owner.sign;
    const struct sign_secret *own[] = {&agency->owner.sign, &agency->node};
    struct member member;
    struct act act = {.head = {.community = rig.community.id,
                               .created = {SAMPLE_NOW.ms - DURATION_DAY_MS + 1000},
                               .expires = INSTANT_FOR_GOOD},
                      .previous = rig.community.id,
                      .has_admission = true,
                      .admission = {.kind = OUTSIDER_AGENCY,
                                    .instruments = 1U << INSTRUMENT_SEARCH_WARRANT,
                                    .live_requests = 2,
                                    .door_count = 1,
                                    .doors = {rig.community.homes[SAMPLE_FOUNDER].certificate},
                                    .until = {SAMPLE_NOW.ms + 90 * (int64_t)DURATION_DAY_MS}}};
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer member_body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    sample_member(&rig.community, SAMPLE_AGENCY, (struct bytes){NULL, 0}, &member);
    member.role = MEMBER_OUTSIDER;
    member.head.author = (struct id){{0}};
    member.head.created.ms += number;
    CHECK_ERR(ERR_OK, member_encode(&member, &member_body));
    (void)sample_sign(OBJECT_MEMBER, buffer_bytes(&member_body), own, COUNT_OF(own), &certificate);
    act.admission.member = buffer_bytes(&certificate);
    CHECK_ERR(ERR_OK, act_encode(&act, &body));
    out->id = sample_sign(OBJECT_ACT, buffer_bytes(&body), &administrator, 1, &out->whole);
}

static int by_falling_id(const void *a, const void *b) {
    return id_compare(&((const struct competing *)b)->id, &((const struct competing *)a)->id);
}

/* Each wins against the one before, so the outsider that it let in counts no more: there are never
 * two at a time, and ingest has places for more than any number of such. */
static void test_acts_that_compete_leave_room_for_the_next(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(competing); i++) {
        make_competing((int)i, &competing[i]);
    }
    qsort(competing, COUNT_OF(competing), sizeof competing[0], by_falling_id);
    show_charter();
    for (size_t i = 0; i < COUNT_OF(competing); i++) {
        const struct ingest_message message = {.kind = INGEST_ACT,
                                               .as.act.object = buffer_bytes(&competing[i].whole)};
        ingest_rig_give(&rig, &message, NULL);
        const struct community *community = rig.ingest->nodes[RIG_FIRST].community;
        CHECK(id_equal(community_act_id(community, 1), &competing[i].id));
    }
    for (size_t i = 0; i < COUNT_OF(competing); i++) {
        buffer_finish(&competing[i].whole);
    }
}

/* A node that is gone is gone alone. */
static void test_a_node_that_ends_leaves_ingest_to_the_others(void **state) {
    (void)state;
    CHECK(shutdown(rig.nodes[RIG_FIRST], SHUT_RDWR) == 0);
    rig.again = 1;
    CHECK(ingest_run(rig.ingest) == SUPERVISE_EXIT_AGAIN);
    CHECK(rig.ingest->nodes[RIG_FIRST].place.fd < 0);
    speak(RIG_ELM);
    CHECK(ingest_run(rig.ingest) == SUPERVISE_EXIT_AGAIN);
    rig.from = RIG_ELM;
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_HELLO);
    /* So is one that sends what is no frame. */
    static const uint8_t noise[] = {0xff, 0xff, 0xff, 0xff, 'x'};
    CHECK(write(rig.nodes[RIG_ELM], noise, sizeof noise) == sizeof noise);
    CHECK(ingest_run(rig.ingest) == SUPERVISE_EXIT_AGAIN);
    CHECK(rig.ingest->nodes[RIG_ELM].place.fd < 0);
}

/* A node that neither reads nor ends; the others go on. */
static void test_a_node_that_does_not_read_is_left_alone(void **state) {
    struct ingest_message done = {.kind = INGEST_REQUEST_DONE,
                                  .as.request_done.request = rig.community.request_id};
    (void)state;
    const int little = 4096;
    struct ingest_node *mute = &rig.ingest->nodes[RIG_ELM];
    CHECK(setsockopt(mute->place.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
    CHECK_ERR(ERR_OK, ingest_send(mute, &done)); /* has not spoken: nothing is said to it */
    rig.from = RIG_ELM;
    CHECK(!ingest_rig_hear(&rig));
    show_charter();
    for (int i = 0; i < 1000 && mute->place.fd >= 0; i++) {
        CHECK_ERR(ERR_OK, ingest_send(mute, &done));
    }
    CHECK(mute->place.fd < 0);
    rig.from = RIG_FIRST;
    CHECK_ERR(ERR_OK, ingest_send(&rig.ingest->nodes[RIG_FIRST], &done));
    CHECK(ingest_rig_hear(&rig) && rig.said.kind == INGEST_REQUEST_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_first_list_needs_every_pinned_owner),
        TEST(test_a_list_by_strangers_is_refused),
        TEST(test_told_to_seal_to_another_key_ingest_refuses),
        TEST(test_a_list_follows_the_one_before),
        TEST(test_the_same_list_again_changes_nothing),
        TEST(test_a_co_owner_is_not_removed_without_its_signature),
        TEST(test_a_list_for_another_ingest_or_key_is_refused),
        TEST(test_a_sound_request_is_matched),
        TEST(test_of_two_acts_the_same_counts_as_everywhere),
        TEST(test_acts_that_compete_leave_room_for_the_next),
        TEST(test_a_request_with_a_broken_chain_is_not_matched),
        TEST(test_a_request_by_nobody_or_another_is_not_matched),
        TEST(test_a_request_of_a_community_not_served_is_not_matched),
        TEST(test_a_request_that_breaks_a_rule_is_not_matched),
        TEST(test_a_place_beyond_the_service_area_is_not_matched),
        TEST(test_places_and_cameras_that_are_not_asked_for_are_left_alone),
        TEST(test_a_requester_has_so_many_live_requests_and_no_more),
        TEST(test_a_clip_is_sealed_to_its_cameras_owners_and_nobody_else),
        TEST(test_a_clip_that_is_shredded_leaves_no_header),
        TEST(test_a_header_is_the_nodes_once_it_has_it),
        TEST(test_a_clip_that_the_node_has_lost_is_removed_and_an_untold_one_is_not),
        TEST(test_commands_for_unknown_clips_touch_nothing),
        TEST(test_what_a_crash_left_is_swept_and_nothing_else),
        TEST(test_a_node_asks_in_its_own_communitys_name_alone),
        TEST(test_a_further_node_is_served_from_its_own_vault),
        TEST(test_a_node_has_nothing_to_do_with_anothers_clip),
        TEST(test_of_a_node_that_is_gone_for_good_nothing_is_left),
        TEST(test_a_camera_closed_to_a_community_is_not_matched_for_it),
        TEST(test_a_camera_list_comes_through_whichever_node),
        TEST(test_a_node_is_greeted_when_it_speaks_and_ingest_ends_when_asked),
        TEST(test_a_node_that_ends_leaves_ingest_to_the_others),
        TEST(test_a_node_that_does_not_read_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
