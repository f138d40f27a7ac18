#include "tests/support/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/base/instant.h"
#include "node/community/community.h"

#define MINUTES(n) ((int64_t)(n)*DURATION_MINUTE_MS)
#define DAYS(n) ((int64_t)(n)*DURATION_DAY_MS)

#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

static void init(struct sample_community *community);
static void make_home(int number, struct sample_home *home);
static void make_signing(int number, int which, struct sign_secret *secret,
                         struct sign_public *pub);
static void make_side(const struct sample_community *community, struct treaty_side *out);
static struct id sign_act(const struct sample_community *side, const struct sample_treaty *treaty,
                          struct buffer *out);
static void sign_roll(const struct sample_community *side, const struct sample_treaty *treaty,
                      struct buffer *out);
static void certify(struct sample_community *community, int number);
static struct bytes make_invite(const struct sample_community *community, int number,
                                struct buffer *out, struct sign_secret *secret);
static struct id id_of(uint8_t fill);
static struct instant before_now(int64_t ms);

void sample_community_init(struct sample_community *community) {
    ASSERT(crypto_start());
    memset(community, 0, sizeof *community);
    community->name = "Elm Street";
    community->area =
        (struct geo_place){.radius_m = 5000, .count = 1, .points = {{525200000, 134050000}}};
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        make_home(i, &community->homes[i]);
    }
    memset(community->request_secret.b, 0x77, sizeof community->request_secret.b);
    init(community);
}

/* With what it is to differ in, in place. */
static void init(struct sample_community *community) {
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

struct community *sample_found(const struct sample_community *community) {
    struct community *engine = community_create();
    struct signed_object object;
    struct charter charter;
    ASSERT(engine != NULL);
    ASSERT(signed_decode(buffer_bytes(&community->charter), &object) == ERR_OK);
    ASSERT(charter_decode(object.body, &charter) == ERR_OK);
    ASSERT(community_found(engine, &object, &charter) == ERR_OK);
    ASSERT(id_equal(community_id(engine), &community->id));
    return engine;
}

enum err sample_admit(struct community *community, struct bytes certificate) {
    struct signed_object object;
    struct member member;
    ASSERT(signed_decode(certificate, &object) == ERR_OK);
    ASSERT(member_decode(object.body, &member) == ERR_OK);
    return community_admit(community, &object, &member);
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
        .area = community->area,
        .witnesses = 1,
        .slot_s = 60,
        .delete_by_max_days = 90,
        .agency_count = 1,
        .agencies = {{"Riverside PD", "+1 951 555 0100"}},
    };
    TEXT(out->name, community->name);
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

/* ---- a treaty ---- */

void sample_treaty_init(const struct sample_community *near, struct sample_treaty *treaty) {
    struct sample_community *far = &treaty->far;
    struct treaty body;
    memset(treaty, 0, sizeof *treaty);
    far->name = "Oak Lane";
    far->area =
        (struct geo_place){.radius_m = 5000, .count = 1, .points = {{525600000, 134600000}}};
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        make_home(SAMPLE_HOMES + i, &far->homes[i]); /* other people */
    }
    memset(far->request_secret.b, 0x78, sizeof far->request_secret.b);
    init(far);

    sample_treaty_body(near, treaty, &body);
    buffer_init(&treaty->body, TREATY_BODY_MAX);
    ASSERT(treaty_encode(&body, &treaty->body) == ERR_OK);
    sha256(buffer_bytes(&treaty->body), &treaty->id);
    treaty->near_act_id = sign_act(near, treaty, &treaty->near_act);
    treaty->far_act_id = sign_act(far, treaty, &treaty->far_act);
    sign_roll(near, treaty, &treaty->near_roll);
    sign_roll(far, treaty, &treaty->far_roll);

    struct crossing crossing;
    const struct sign_secret *gateway = &near->homes[SAMPLE_NEIGHBOUR].node;
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    sample_crossing(near, treaty, &crossing);
    ASSERT(crossing_encode(&crossing, &bytes) == ERR_OK);
    treaty->crossing_id =
        sample_sign(OBJECT_CROSSING, buffer_bytes(&bytes), &gateway, 1, &treaty->crossing);
}

void sample_treaty_finish(struct sample_treaty *treaty) {
    sample_community_finish(&treaty->far);
    buffer_finish(&treaty->body);
    buffer_finish(&treaty->near_act);
    buffer_finish(&treaty->far_act);
    buffer_finish(&treaty->near_roll);
    buffer_finish(&treaty->far_roll);
    buffer_finish(&treaty->crossing);
}

void sample_treaty_body(const struct sample_community *near, const struct sample_treaty *treaty,
                        struct treaty *out) {
    const struct sample_community *far = &treaty->far;
    bool first = id_compare(&near->id, &far->id) < 0; /* they lie in the order of their ids */
    *out = (struct treaty){
        .created = before_now(DAYS(2)),
        .until = instant_add(SAMPLE_NOW, (struct duration){DAYS(200)}),
        .side_count = 2,
        .instruments = 1U << INSTRUMENT_SEARCH_WARRANT | 1U << INSTRUMENT_SUBPOENA,
        .roles = 1U << MEMBER_REQUESTER | 1U << MEMBER_ADMINISTRATOR,
        .caps = {.span_s = 3600, .area_m2 = 50000, .live_requests = 4},
        .daily = 8,
    };
    make_side(near, &out->sides[first ? 0 : 1]);
    make_side(far, &out->sides[first ? 1 : 0]);
}

void sample_treaty_act(const struct sample_community *side, struct bytes body, struct act *out) {
    memset(out, 0, sizeof *out);
    out->head = (struct head){
        .community = side->id, .created = before_now(DAYS(1)), .expires = INSTANT_FOR_GOOD};
    out->previous = side->id;
    out->treaty = body;
}

void sample_roll(const struct sample_community *side, const struct sample_treaty *treaty,
                 struct roll *out) {
    struct id ids[SAMPLE_HOMES];
    for (size_t i = 0; i < SAMPLE_HOMES; i++) {
        ids[i] = side->homes[i + 1].certificate;
    }
    *out = (struct roll){
        .head = {.community = side->id,
                 .author = side->homes[SAMPLE_FOUNDER].certificate,
                 .created = before_now(MINUTES(40)),
                 .expires = instant_add(SAMPLE_NOW, (struct duration){DAYS(2) - MINUTES(40)})},
        .act = side == &treaty->far ? treaty->far_act_id : treaty->near_act_id,
        .version = 2,
        .caps = CAPS_DEFAULT,
        .member_count = SAMPLE_HOMES,
        .treaty_count = 1,
        .treaties = {treaty->id},
    };
    ASSERT(roll_tree(ids, SAMPLE_HOMES, NULL, &out->members, NULL) == ERR_OK);
}

void sample_membership(const struct sample_community *side, int number, struct bytes roll,
                       struct membership *out) {
    struct id ids[SAMPLE_HOMES];
    struct id root;
    for (size_t i = 0; i < SAMPLE_HOMES; i++) {
        ids[i] = side->homes[i + 1].certificate;
    }
    memset(out, 0, sizeof *out);
    out->chain[out->chain_count++] = buffer_bytes(&side->homes[SAMPLE_FOUNDER].member);
    if (number != SAMPLE_FOUNDER) {
        out->chain[out->chain_count++] = buffer_bytes(&side->homes[number].member);
    }
    out->roll = roll;
    ASSERT(roll_tree(ids, SAMPLE_HOMES, &side->homes[number].certificate, &root, out) == ERR_OK);
}

void sample_crossing(const struct sample_community *near, const struct sample_treaty *treaty,
                     struct crossing *out) {
    const struct sample_community *far = &treaty->far;
    struct request request;
    sample_request(far, &request);
    *out = (struct crossing){
        .head = {.community = near->id,
                 .author = near->homes[SAMPLE_NEIGHBOUR].certificate,
                 .created = before_now(MINUTES(1) / 2),
                 .expires = request.head.expires},
        .treaty = treaty->id,
        .object = buffer_bytes(&far->request),
    };
    sample_membership(far, SAMPLE_AGENCY, buffer_bytes(&treaty->far_roll), &out->membership);
}

void sample_agreed(const struct sample_community *near, const struct sample_treaty *treaty,
                   struct governance *out) {
    struct signed_object object;
    struct act act;
    sample_governance(near, out);
    ASSERT(signed_decode(buffer_bytes(&treaty->near_act), &object) == ERR_OK);
    ASSERT(act_decode(object.body, &act) == ERR_OK);
    ASSERT(governance_follow(out, &object, &act) == ERR_OK);
}

static void make_side(const struct sample_community *community, struct treaty_side *out) {
    struct charter charter;
    sample_charter(community, &charter);
    *out = (struct treaty_side){
        .community = community->id,
        .founder_count = charter.administrator_count,
        .founders = {charter.administrators[0]},
        .allowance = charter.invite_allowance,
        .clerk_count = 1,
        .clerks = {community->homes[SAMPLE_FOUNDER].node_public},
        .has_area = true,
        .area = charter.area,
    };
    TEXT(out->name, charter.name);
}

static struct id sign_act(const struct sample_community *side, const struct sample_treaty *treaty,
                          struct buffer *out) {
    struct act act;
    const struct sign_secret *founder = &side->homes[SAMPLE_FOUNDER].owner.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    sample_treaty_act(side, buffer_bytes(&treaty->body), &act);
    ASSERT(act_encode(&act, &body) == ERR_OK);
    return sample_sign(OBJECT_ACT, buffer_bytes(&body), &founder, 1, out);
}

static void sign_roll(const struct sample_community *side, const struct sample_treaty *treaty,
                      struct buffer *out) {
    struct roll roll;
    const struct sign_secret *clerk = &side->homes[SAMPLE_FOUNDER].node;
    SCOPED(buffer_finish) struct buffer body = {.max = ROLL_BYTES_MAX};
    sample_roll(side, treaty, &roll);
    ASSERT(roll_encode(&roll, &body) == ERR_OK);
    (void)sample_sign(OBJECT_ROLL, buffer_bytes(&body), &clerk, 1, out);
}

/* ---- what they are made of ---- */

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
