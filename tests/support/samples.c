#include "tests/support/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/base/instant.h"

#define MINUTES(n) ((int64_t)(n)*DURATION_MINUTE_MS)
#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)

#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

static void make_home(int number, struct sample_home *home);
static void make_signing(int number, int which, struct sign_secret *secret,
                         struct sign_public *pub);
static void certify(struct sample_community *community, int number);
static struct bytes make_invite(const struct sample_community *community, int number,
                                struct buffer *out, struct sign_secret *secret);
static struct id id_of(uint8_t fill);
static struct instant before_now(int64_t ms);

void sample_community_init(struct sample_community *community) {
    ASSERT(crypto_start());
    memset(community, 0, sizeof *community);
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        make_home(i, &community->homes[i]);
    }
    memset(community->request_secret.b, 0x77, sizeof community->request_secret.b);
    struct buffer body;
    struct charter charter;
    const struct sign_secret *founder = &community->homes[SAMPLE_FOUNDER].owner.sign;
    sample_charter(community, &charter);
    buffer_init(&body, SIGNED_BODY_MAX);
    ASSERT(charter_encode(&charter, &body) == ERR_OK);
    community->id =
        sample_sign(OBJECT_CHARTER, buffer_bytes(&body), &founder, 1, &community->charter);
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        certify(community, i);
    }

    struct request request;
    const struct sign_secret *agency = &community->homes[SAMPLE_AGENCY].owner.sign;
    sample_request(community, &request);
    buffer_clear(&body);
    ASSERT(request_encode(&request, &body) == ERR_OK);
    community->request_id =
        sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &agency, 1, &community->request);

    struct manifest *manifest = malloc(sizeof *manifest);
    const struct sign_secret *ingest = &community->homes[SAMPLE_NEIGHBOUR].ingest;
    ASSERT(manifest != NULL);
    sample_manifest(community, manifest);
    buffer_clear(&body);
    ASSERT(manifest_encode(manifest, &body) == ERR_OK);
    community->manifest_id =
        sample_sign(OBJECT_MANIFEST, buffer_bytes(&body), &ingest, 1, &community->manifest);
    free(manifest);

    struct grant grant;
    const struct sign_secret *neighbour = &community->homes[SAMPLE_NEIGHBOUR].owner.sign;
    sample_grant(community, &grant);
    buffer_clear(&body);
    ASSERT(grant_encode(&grant, &body) == ERR_OK);
    community->grant_id =
        sample_sign(OBJECT_GRANT, buffer_bytes(&body), &neighbour, 1, &community->grant);
    buffer_finish(&body);
}

void sample_community_finish(struct sample_community *community) {
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        buffer_finish(&community->homes[i].member);
    }
    buffer_finish(&community->charter);
    buffer_finish(&community->request);
    buffer_finish(&community->manifest);
    buffer_finish(&community->grant);
}

struct id sample_sign(enum object_kind kind, struct bytes body,
                      const struct sign_secret *const *keys, size_t count, struct buffer *out) {
    struct signed_object object;
    signed_start(kind, body, &object);
    for (size_t i = 0; i < count; i++) {
        struct sign_public pub;
        sign_public_of(keys[i], &pub);
        ASSERT(signed_add(&object, keys[i], &pub) == ERR_OK);
    }
    buffer_init(out, SIGNED_BODY_MAX + SIGNED_GOSSIP_MAX);
    ASSERT(signed_encode(&object, out) == ERR_OK);
    return object.id;
}

void sample_governance(const struct sample_community *community, struct governance *out) {
    struct signed_object object;
    struct charter charter;
    ASSERT(signed_decode(buffer_bytes(&community->charter), &object) == ERR_OK);
    ASSERT(charter_decode(object.body, &charter) == ERR_OK);
    ASSERT(governance_found(out, &object, &charter) == ERR_OK);
}

void sample_charter(const struct sample_community *community, struct charter *out) {
    *out = (struct charter){
        .created = before_now(DAYS(30)),
        .administrator_count = 1,
        .administrators = {community->homes[SAMPLE_FOUNDER].owner_public.sign},
        .threshold = 1,
        .invite_allowance = 8,
        .caps = CAPS_DEFAULT,
        .has_area = true,
        .area = {.radius_m = 5000, .count = 1, .points = {{525200000, 134050000}}},
        .witnesses = 1,
        .slot_s = 60,
        .delete_by_max_days = 90,
        .agency_count = 1,
        .agencies = {{"Riverside PD", "+1 951 555 0100"}},
    };
    TEXT(out->name, "Elm Street");
}

void sample_member(const struct sample_community *community, int number, struct bytes invite,
                   struct member *out) {
    static const char *const names[] = {"", "Number 12", "Number 14", "Riverside PD"};
    const struct sample_home *home = &community->homes[number];
    bool founder = number == SAMPLE_FOUNDER;
    *out = (struct member){
        .head = {.community = community->id,
                 .author =
                     founder ? (struct id){{0}} : community->homes[SAMPLE_FOUNDER].certificate,
                 .created = before_now(DAYS(29)),
                 .expires = instant_add(SAMPLE_NOW, (struct duration){DAYS(300)})},
        .role = founder                   ? MEMBER_ADMINISTRATOR
                : number == SAMPLE_AGENCY ? MEMBER_REQUESTER
                                          : MEMBER_HOME,
        .node = home->node_public,
        .log = home->log_public,
        .transport = home->transport_public,
        .owner_count = 1,
        .owners = {home->owner_public},
        .invite_allowance = founder ? 8 : 0,
        .invite = invite,
    };
    TEXT(out->name, names[number]);
    TEXT(out->owner_names[0], number == SAMPLE_AGENCY ? "R. Alvarez" : "Sam");
}

void sample_request(const struct sample_community *community, struct request *out) {
    const struct sample_home *agency = &community->homes[SAMPLE_AGENCY];
    *out = (struct request){
        .head = {.community = community->id,
                 .author = agency->certificate,
                 .created = before_now(MINUTES(1)),
                 .expires = instant_add(SAMPLE_NOW, (struct duration){DAYS(6)})},
        .transport = agency->transport_public,
        .address_count = 1,
        .addresses = {"203.0.113.7:7878"},
        .place = {.radius_m = 60, .count = 1, .points = {{525201000, 134051000}}},
        .from = before_now(MINUTES(20)),
        .to = before_now(MINUTES(17) + INT64_C(30) * DURATION_SECOND_MS),
        .instrument = {.kind = INSTRUMENT_SEARCH_WARRANT,
                       .issued_at = before_now(MINUTES(15)),
                       .execute_by = instant_add(SAMPLE_NOW, (struct duration){DAYS(7)}),
                       .court_signature = COURT_SIGNATURE_NONE},
        .document = {.present = true, .sha256 = id_of(0xd0), .size = 48213},
        .terms = {.delete_by = instant_add(SAMPLE_NOW, (struct duration){DAYS(30)}),
                  .no_face_recognition = true,
                  .no_passing_on = true},
    };
    box_public_of(&community->request_secret, &out->key);
    struct instrument *instrument = &out->instrument;
    TEXT(instrument->jurisdiction, "US-CA");
    TEXT(instrument->court, "Superior Court of California, County of Riverside");
    TEXT(instrument->case_number, "26-SW-1182");
    TEXT(instrument->statute, "Cal. Penal Code 1524");
    TEXT(instrument->offence, "Hit and run causing injury, Veh. Code 20001");
    TEXT(instrument->applicant_name, "R. Alvarez");
    TEXT(instrument->applicant_agency, "Riverside PD");
    TEXT(instrument->applicant_badge, "4471");
    TEXT(instrument->authority_name, "M. Okafor");
    TEXT(instrument->authority_title, "Judge of the Superior Court");
    TEXT(instrument->items, "Footage of a silver hatchback leaving the crossing");
    TEXT(instrument->produce_to, "R. Alvarez");
    TEXT(out->reason, "Hit and run, silver hatchback");
    TEXT(out->document.media_type, "application/pdf");
    TEXT(out->terms.purpose, "Finding the driver");
    TEXT(out->terms.case_number, "26-SW-1182");
}

void sample_camera_list(const struct sample_community *community, struct camera_list *out) {
    const struct sample_home *home = &community->homes[SAMPLE_NEIGHBOUR];
    memset(out, 0, sizeof *out);
    out->version = 1;
    out->created = before_now(DAYS(20));
    out->ingest = home->ingest_public;
    out->community_count = 1;
    out->communities[0] = community->id;
    out->camera_count = 1;
    struct camera *camera = &out->cameras[0];
    TEXT(camera->name, "front-door");
    TEXT(camera->folder, "/srv/cameras/front-door");
    camera->layout = LAYOUT_FRIGATE;
    camera->view = (struct geo_view){
        .at = {525201200, 134051300}, .reach_m = 40, .facing_deg = 210, .angle_deg = 110};
    camera->owner_count = 1;
    camera->owners[0] = home->owner_public;
}

void sample_manifest(const struct sample_community *community, struct manifest *out) {
    const struct sample_home *home = &community->homes[SAMPLE_NEIGHBOUR];
    memset(out, 0, sizeof *out);
    out->request = community->request_id;
    memset(out->clip.b, 0xc1, sizeof out->clip.b);
    TEXT(out->camera, "front-door");
    out->from = before_now(MINUTES(20));
    out->to = before_now(MINUTES(17) + INT64_C(30) * DURATION_SECOND_MS);
    out->created = SAMPLE_NOW;
    out->time_source = TIME_FROM_NAME;
    out->making = CLIP_COPIED;
    out->width = 1920;
    out->height = 1080;
    out->sha256 = id_of(0x9c);
    out->size = 19293798;
    out->payload_size = 19298518; /* nonce, and a tag for each 64 KiB */
    out->payload_root = id_of(0x77);
    out->owner_count = 1;
    out->owners[0] = home->owner_public;
    out->run_count = 2; /* a gap of 20 s at 21:11:05 */
    out->runs[0] = (struct clip_run){out->from, {out->from.ms + 65000}};
    out->runs[1] = (struct clip_run){{out->from.ms + 85000}, out->to};
    out->source_count = 2;
    for (size_t i = 0; i < out->source_count; i++) {
        out->sources[i] = (struct clip_source){
            .sha256 = id_of((uint8_t)(0x50 + i)), .from = out->runs[i].from, .to = out->runs[i].to};
    }
}

void sample_grant(const struct sample_community *community, struct grant *out) {
    struct manifest *manifest = malloc(sizeof *manifest);
    struct request request;
    ASSERT(manifest != NULL);
    sample_manifest(community, manifest);
    sample_request(community, &request);
    *out = (struct grant){
        .community = community->id,
        .home = community->homes[SAMPLE_NEIGHBOUR].certificate,
        .request = community->request_id,
        .clip = manifest->clip,
        .recipient = request.key,
        .manifest = community->manifest_id,
        .sha256 = manifest->sha256,
        .size = manifest->size,
        .payload_size = manifest->payload_size,
        .payload_root = manifest->payload_root,
        .from = manifest->from,
        .to = manifest->to,
        .terms = request.terms,
        .created = SAMPLE_NOW,
        .expires = request.head.expires,
        .owner_count = 1,
        .owners = {community->homes[SAMPLE_NEIGHBOUR].owner_public.sign},
    };
    free(manifest);
}

static void make_home(int number, struct sample_home *home) {
    make_signing(number, 1, &home->owner.sign, &home->owner_public.sign);
    make_signing(number, 2, &home->node, &home->node_public);
    make_signing(number, 3, &home->log, &home->log_public);
    make_signing(number, 4, &home->ingest, &home->ingest_public);
    memset(home->owner.box.b, 0x40 + number, sizeof home->owner.box.b);
    memset(home->transport.b, 0x60 + number, sizeof home->transport.b);
    box_public_of(&home->owner.box, &home->owner_public.box);
    box_public_of(&home->transport, &home->transport_public);
}

static void make_signing(int number, int which, struct sign_secret *secret,
                         struct sign_public *pub) {
    uint8_t seed[32];
    memset(seed, 16 * number + which, sizeof seed);
    sign_from_seed(seed, secret, pub);
}

/* The founder's is signed by its owner, who is the administrator, and its node; another's by the
 * invite's key, its owner, its node, and the sponsor's node. */
static void certify(struct sample_community *community, int number) {
    struct sample_home *home = &community->homes[number];
    bool founder = number == SAMPLE_FOUNDER;
    struct buffer signed_invite = {0};
    struct sign_secret invite_secret;
    struct bytes invite = {NULL, 0};
    struct member member;
    struct buffer body;
    if (!founder) {
        invite = make_invite(community, number, &signed_invite, &invite_secret);
    }
    sample_member(community, number, invite, &member);
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    ASSERT(member_encode(&member, &body) == ERR_OK);
    const struct sign_secret *keys[] = {&home->owner.sign, &home->node, &invite_secret,
                                        &community->homes[SAMPLE_FOUNDER].node};
    home->certificate =
        sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, founder ? 2 : 4, &home->member);
    buffer_finish(&body);
    buffer_finish(&signed_invite);
}

static struct bytes make_invite(const struct sample_community *community, int number,
                                struct buffer *out, struct sign_secret *secret) {
    const struct sample_home *sponsor = &community->homes[SAMPLE_FOUNDER];
    const struct sign_secret *key = &sponsor->owner.sign;
    uint8_t text[16];
    memset(text, number, sizeof text);
    struct invite invite = {
        .head = {.community = community->id,
                 .author = sponsor->certificate,
                 .created = before_now(DAYS(29) + MINUTES(5)),
                 .expires = before_now(DAYS(22))},
        .role = number == SAMPLE_AGENCY ? MEMBER_REQUESTER : MEMBER_HOME,
    };
    invite_key(text, secret, &invite.key);
    struct buffer body;
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    ASSERT(invite_encode(&invite, &body) == ERR_OK);
    (void)sample_sign(OBJECT_INVITE, buffer_bytes(&body), &key, 1, out);
    buffer_finish(&body);
    return buffer_bytes(out);
}

static struct id id_of(uint8_t fill) {
    struct id id;
    memset(id.b, fill, sizeof id.b);
    return id;
}

static struct instant before_now(int64_t ms) {
    return (struct instant){SAMPLE_NOW.ms - ms};
}
