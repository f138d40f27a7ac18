/* What the people of a world do: they sign as `stoop` would, and look at what has come of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "node/base/assert.h"
#include "node/log/log.h"
#include "tests/support/samples.h"
#include "tests/support/world_parts.h"

#define TEXT(to, text) (void)snprintf((to), sizeof(to), "%s", (text))

enum {
    CERTIFICATE_DAYS = 300,
    JOIN_MS = 30000,
    SETTLE_MS = 120000,
};

static void fill_member(struct world *world, int number, struct member *out);
static struct bytes signed_member(struct world *world, int number, const struct member *member,
                                  const uint8_t *invite_secret, struct buffer *out);
static void invite(struct world *world, int sponsor, enum member_role role, int64_t life,
                   uint32_t allowance, char code[CODE_MAX_BYTES]);
static bool joined(struct world *world, void *context);
static bool settled(struct world *world, void *context);
static bool is_plaintext_of(struct bytes payload, const struct age_file_key *file_key,
                            const struct world_clip *clip);
static size_t visit_log(struct world *world, int number, const char *words, struct id *roots,
                        size_t room);

void world_found(struct world *world, int number, const struct world_terms *terms) {
    struct world_home *home = &world->homes[number];
    const struct sign_secret *founders[ADMINISTRATORS_MAX] = {&home->owners[0].sign};
    for (size_t i = 1; i < terms->administrators; i++) {
        founders[i] = &world->homes[i].owners[0].sign;
    }
    struct charter charter = {.name = "Elm Street",
                              .created = world_wall(world, number),
                              .administrator_count = 1,
                              .administrators = {home->owner_publics[0].sign},
                              .threshold = 1,
                              .invite_allowance = terms->invite_allowance,
                              .caps = CAPS_DEFAULT,
                              .slot_s = terms->slot_s,
                              .delete_by_max_days = 90};
    struct member member;
    struct buffer charter_bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer member_bytes = {.max = SIGNED_GOSSIP_MAX};
    for (size_t i = 1; i < terms->administrators; i++) {
        charter.administrators[charter.administrator_count++] =
            world->homes[i].owner_publics[0].sign;
    }
    charter.threshold = terms->threshold == 0 ? 1 : terms->threshold;
    if (terms->live_requests > 0) {
        charter.caps.live_requests = terms->live_requests;
    }
    if (terms->directory) {
        charter.agency_count = 1;
        charter.agencies[0] = (struct agency){"Riverside PD", WORLD_NUMBER};
    }
    ASSERT(charter_encode(&charter, &body) == ERR_OK);
    world->community = sample_sign(OBJECT_CHARTER, buffer_bytes(&body), founders, charter.threshold,
                                   &charter_bytes);
    fill_member(world, number, &member);
    member.role = MEMBER_ADMINISTRATOR;
    member.invite_allowance = terms->invite_allowance;
    struct control_request request = {
        .op = CONTROL_FOUND,
        .blob = buffer_bytes(&charter_bytes),
        .blob2 = signed_member(world, number, &member, NULL, &member_bytes)};
    ASSERT(world_ask(world, number, &request) == ERR_OK);
    buffer_finish(&charter_bytes);
    ASSERT(world_certificate(world, number));
}

void world_invite(struct world *world, int sponsor, enum member_role role, int64_t life,
                  char code[CODE_MAX_BYTES]) {
    invite(world, sponsor, role, life, 0, code);
}

void world_invite_to_invite(struct world *world, int sponsor, uint32_t allowance,
                            char code[CODE_MAX_BYTES]) {
    invite(world, sponsor, MEMBER_HOME, DURATION_DAY_MS, allowance, code);
}

static void invite(struct world *world, int sponsor, enum member_role role, int64_t life,
                   uint32_t allowance, char code[CODE_MAX_BYTES]) {
    struct world_home *home = &world->homes[sponsor];
    struct invite_code made = {.community = world->community,
                               .sponsor = home->certificate,
                               .transport = home->transport,
                               .owner = home->owner_publics[0].sign,
                               .created = world_wall(world, sponsor),
                               .role = role,
                               .invite_allowance = allowance,
                               .address_count = 1};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    made.expires.ms = made.created.ms + life;
    world_address(sponsor, made.addresses[0]);
    random_bytes(made.secret, sizeof made.secret);
    ASSERT(invite_code_object(&made, &body, &object) == ERR_OK);
    ASSERT(signed_add(&object, &home->owners[0].sign, &made.owner) == ERR_OK);
    made.signature = object.signatures[0].signature;
    ASSERT(invite_code_write(&made, code) == ERR_OK);
    ASSERT(signed_encode(&object, &bytes) == ERR_OK);
    struct control_request request = {.op = CONTROL_INVITE, .blob = buffer_bytes(&bytes)};
    memcpy(request.secret, made.secret, sizeof request.secret);
    ASSERT(world_ask(world, sponsor, &request) == ERR_OK);
}

enum err world_join(struct world *world, int number, const char *code) {
    struct invite_code invite;
    struct member member;
    SCOPED(buffer_finish) struct buffer signed_invite = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(invite_code_read(code, &invite) == ERR_OK);
    ASSERT(invite_code_signed(&invite, &signed_invite) == ERR_OK);
    fill_member(world, number, &member);
    if (member.head.created.ms < invite.created.ms) { /* as `stoop join` */
        member.head.created = invite.created;
    }
    member.role = invite.role;
    member.invite_allowance = invite.invite_allowance;
    member.head.community = invite.community;
    member.head.author = invite.sponsor;
    member.invite = buffer_bytes(&signed_invite);
    struct control_request request = {
        .op = CONTROL_JOIN, .blob = signed_member(world, number, &member, invite.secret, &bytes)};
    TEXT(request.text, code);
    return world_ask(world, number, &request);
}

void world_settle(struct world *world, const struct world_terms *terms) {
    world_found(world, 0, terms);
    for (int i = 1; (size_t)i < world->home_count; i++) {
        char code[CODE_MAX_BYTES];
        world_invite(world, 0, MEMBER_HOME, DURATION_DAY_MS, code);
        ASSERT(world_join(world, i, code) == ERR_OK);
        ASSERT(world_run_until(world, JOIN_MS, joined, &i));
    }
    ASSERT(world_run_until(world, SETTLE_MS, settled, NULL));
    world_run(world, 1000); /* the last duplicate links go */
}

size_t world_links(struct world *world, int home) {
    const struct control_request request = {.op = CONTROL_STATUS};
    ASSERT(world_ask(world, home, &request) == ERR_OK);
    return world->reply.as.status.links;
}

bool world_is_member(struct world *world, int home) {
    const struct control_request request = {.op = CONTROL_STATUS};
    ASSERT(world_ask(world, home, &request) == ERR_OK);
    return world->reply.as.status.has_community;
}

static void fill_member(struct world *world, int number, struct member *out) {
    struct world_home *home = &world->homes[number];
    *out = (struct member){
        .head = {.community = world->community, .created = world_wall(world, number)},
        .role = MEMBER_HOME,
        .node = home->node,
        .log = home->log,
        .transport = home->transport,
        .owner_count = home->owner_count};
    out->head.expires.ms = out->head.created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS;
    (void)snprintf(out->name, sizeof out->name, "Number %d", number);
    for (size_t i = 0; i < home->owner_count; i++) {
        out->owners[i] = home->owner_publics[i];
        (void)snprintf(out->owner_names[i], NAME_MAX_BYTES, "Owner %zu", i);
    }
}

static struct bytes signed_member(struct world *world, int number, const struct member *member,
                                  const uint8_t *invite_secret, struct buffer *out) {
    struct world_home *home = &world->homes[number];
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(member_encode(member, &body) == ERR_OK);
    signed_start(OBJECT_MEMBER, buffer_bytes(&body), &object);
    for (size_t i = 0; i < home->owner_count; i++) {
        ASSERT(signed_add(&object, &home->owners[i].sign, &home->owner_publics[i].sign) == ERR_OK);
    }
    if (invite_secret != NULL) {
        struct sign_secret secret;
        struct sign_public key;
        invite_key(invite_secret, &secret, &key);
        ASSERT(signed_add(&object, &secret, &key) == ERR_OK);
    }
    ASSERT(signed_encode(&object, out) == ERR_OK);
    return buffer_bytes(out);
}

bool world_certificate(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    struct bytes value;
    ASSERT(store_begin(home->store) == ERR_OK);
    enum err err = store_get(home->store, STORE_CERTIFICATE, &value);
    if (err == ERR_OK) {
        memcpy(home->certificate.b, value.at, sizeof home->certificate.b);
    }
    store_roll_back(home->store);
    return err == ERR_OK;
}

static bool joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

static bool settled(struct world *world, void *context) {
    (void)context;
    size_t all = world->home_count - 1;
    for (size_t i = 0; i < world->home_count; i++) {
        size_t want = world->mesh || i == 0 ? all : 1;
        if (world_links(world, (int)i) != want) {
            return false;
        }
    }
    return true;
}

/* ---- requests ---- */

void world_request_secret(int home, struct box_secret *out) {
    world_seed_key(home, 0x20 + home, out->b);
}

void world_voluntary(struct world *world, int number, int64_t life, struct request *out) {
    struct box_secret secret;
    struct instant now = world_wall(world, number);
    *out = (struct request){
        .head = {.community = world->community,
                 .author = world->homes[number].certificate,
                 .created = now,
                 .expires = {now.ms + life}},
        .transport = world->homes[number].transport,
        .address_count = 1,
        .place = {.radius_m = 60, .count = 1, .points = {{525201000, 134051000}}},
        .from = {now.ms - 20 * (int64_t)DURATION_MINUTE_MS},
        .to = {now.ms - 19 * (int64_t)DURATION_MINUTE_MS},
        .instrument = {.kind = INSTRUMENT_VOLUNTARY, .court_signature = COURT_SIGNATURE_NONE},
        .terms = {.delete_by = {now.ms + 30 * (int64_t)DURATION_DAY_MS},
                  .no_face_recognition = true,
                  .no_passing_on = true}};
    world_address(number, out->addresses[0]);
    world_request_secret(number, &secret);
    box_public_of(&secret, &out->key);
    TEXT(out->reason, "Hit and run, silver hatchback");
    TEXT(out->terms.purpose, "Finding the driver");
}

void world_warrant(struct world *world, int number, int64_t life, struct request *out) {
    struct sample_community *samples = calloc(1, sizeof *samples);
    struct request warrant;
    int64_t shift = world_wall(world, number).ms - SAMPLE_NOW.ms;
    ASSERT(samples != NULL);
    sample_request(samples, &warrant);
    free(samples);
    world_voluntary(world, number, life, out);
    out->instrument = warrant.instrument;
    out->instrument.issued_at.ms += shift;
    out->instrument.execute_by.ms += shift;
}

struct id world_sign_request(struct world *world, int number, const struct request *request,
                             struct buffer *out) {
    const struct sign_secret *owner = &world->homes[number].owners[0].sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(request_encode(request, &body) == ERR_OK);
    return sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &owner, 1, out);
}

enum err world_request(struct world *world, int number, const struct request *request,
                       struct id *id) {
    struct buffer bytes;
    *id = world_sign_request(world, number, request, &bytes);
    struct control_request ask = {.op = CONTROL_REQUEST_PUT,
                                  .blob = buffer_bytes(&bytes),
                                  .blob2 = BYTES_TEXT("the request key, sealed to its owner")};
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

struct id world_sign_withdrawal(struct world *world, int number, const struct id *request,
                                struct instant expires, struct buffer *out) {
    const struct world_home *home = &world->homes[number];
    const struct sign_secret *owner = &home->owners[0].sign;
    const struct withdrawal withdrawal = {.head = {.community = world->community,
                                                   .author = home->certificate,
                                                   .created = world_wall(world, number),
                                                   .expires = expires},
                                          .request = *request};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(withdrawal_encode(&withdrawal, &body) == ERR_OK);
    return sample_sign(OBJECT_WITHDRAWAL, buffer_bytes(&body), &owner, 1, out);
}

enum err world_withdraw(struct world *world, int number, const struct id *request,
                        struct instant expires) {
    struct buffer bytes;
    (void)world_sign_withdrawal(world, number, request, expires, &bytes);
    struct control_request ask = {.op = CONTROL_WITHDRAW, .blob = buffer_bytes(&bytes)};
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

void world_call(struct world *world, int number, const struct id *id, const struct request *request,
                struct call_back *out) {
    struct instant now = world_wall(world, number);
    *out = (struct call_back){.head = {.community = world->community,
                                       .author = world->homes[number].certificate,
                                       .created = now,
                                       .expires = request->head.expires},
                              .request = *id,
                              .agency = "Riverside PD",
                              .number = WORLD_NUMBER,
                              .spoke_to = "Sgt. Lee",
                              .at = now,
                              .outcome = CALL_CONFIRMED};
}

struct id world_sign_call(struct world *world, int number, const struct call_back *call,
                          struct buffer *out) {
    const struct sign_secret *owner = &world->homes[number].owners[0].sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(call_back_encode(call, &body) == ERR_OK);
    return sample_sign(OBJECT_CALL_BACK, buffer_bytes(&body), &owner, 1, out);
}

enum err world_call_put(struct world *world, int number, const struct call_back *call,
                        struct id *id) {
    struct buffer bytes;
    *id = world_sign_call(world, number, call, &bytes);
    struct control_request ask = {.op = CONTROL_CALL_BACK, .blob = buffer_bytes(&bytes)};
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

bool world_has_object(struct world *world, int number, const struct id *id) {
    struct store_object row;
    struct world_home *home = &world->homes[number];
    ASSERT(store_begin(home->store) == ERR_OK);
    enum err err = store_object_get(home->store, id, &row);
    store_roll_back(home->store);
    return err == ERR_OK;
}

/* ---- decisions ---- */

struct world_clip *world_clip(struct world *world, int number, const struct id *request) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        struct world_clip *clip = world->homes[number].clips[i];
        if (clip != NULL && id_equal(&clip->request, request)) {
            return clip;
        }
    }
    return NULL;
}

void world_grant(struct world *world, int number, const struct world_clip *clip,
                 struct grant *out) {
    struct store_object row;
    struct signed_object object;
    struct request request;
    struct world_home *home = &world->homes[number];
    ASSERT(store_begin(home->store) == ERR_OK);
    ASSERT(store_object_get(home->store, &clip->request, &row) == ERR_OK);
    ASSERT(signed_decode(row.object, &object) == ERR_OK);
    ASSERT(request_decode(object.body, &request) == ERR_OK);
    store_roll_back(home->store);
    *out = (struct grant){.community = world->community,
                          .home = home->certificate,
                          .request = clip->request,
                          .clip = clip->clip,
                          .recipient = request.key,
                          .sha256 = clip->sha256,
                          .size = home->payload_plain,
                          .payload_size = clip->payload.len,
                          .payload_root = clip->root,
                          .from = clip->from,
                          .to = clip->to,
                          .terms = request.terms,
                          .created = world_wall(world, number),
                          .expires = {request.head.expires.ms + 7 * (int64_t)DURATION_DAY_MS},
                          .owner_count = home->owner_count};
    if (out->expires.ms > out->terms.delete_by.ms) {
        out->expires = out->terms.delete_by;
    }
    memset(out->manifest.b, 0x77, sizeof out->manifest.b);
    for (size_t i = 0; i < home->owner_count; i++) {
        out->owners[i] = home->owner_publics[i].sign;
    }
}

enum err world_grant_put(struct world *world, int number, const struct world_clip *clip,
                         const struct grant *grant, size_t first, size_t count, struct id *id) {
    struct world_home *home = &world->homes[number];
    const struct sign_secret *keys[WORLD_OWNERS_MAX];
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    ASSERT(grant_encode(grant, &body) == ERR_OK);
    ASSERT(first + count <= WORLD_OWNERS_MAX);
    for (size_t i = 0; i < count; i++) {
        keys[i] = &home->owners[first + i].sign;
    }
    struct id signed_id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, count, &bytes);
    ASSERT(age_header_make(&grant->recipient, 1, &clip->key, &header) == ERR_OK);
    if (id != NULL) {
        *id = signed_id;
    }
    struct control_request ask = {.op = CONTROL_GRANT,
                                  .clip = clip->clip,
                                  .blob = buffer_bytes(&bytes),
                                  .blob2 = buffer_bytes(&header),
                                  .blob3 = BYTES_TEXT("the manifest, sealed to the request key")};
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

enum err world_decline(struct world *world, int number, const struct world_clip *clip) {
    const struct sign_secret *owner = &world->homes[number].owners[0].sign;
    struct decision decision = {.request = clip->request,
                                .clip = clip->clip,
                                .kind = DECISION_DECLINE,
                                .created = world_wall(world, number)};
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(decision_encode(&decision, &body) == ERR_OK);
    (void)sample_sign(OBJECT_DECISION, buffer_bytes(&body), &owner, 1, &bytes);
    struct control_request ask = {
        .op = CONTROL_DECIDE, .clip = clip->clip, .blob = buffer_bytes(&bytes)};
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

/* ---- what has come of it ---- */

struct delivered {
    const struct id *request;
    size_t whole;
    struct id grant;
};

static enum err visit_delivered(void *context, const struct store_delivered *row) {
    struct delivered *found = context;
    if (id_equal(&row->request, found->request) && row->completed.ms != 0) {
        found->whole++;
        found->grant = row->grant;
    }
    return ERR_OK;
}

static struct delivered find_delivered(struct world *world, int number, const struct id *request) {
    struct delivered found = {.request = request};
    struct store *store = world->homes[number].store;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_delivered_each(store, visit_delivered, &found) == ERR_OK);
    store_roll_back(store);
    return found;
}

size_t world_delivered(struct world *world, int number, const struct id *request) {
    struct delivered found = find_delivered(world, number, request);
    return found.whole;
}

bool world_delivered_opens(struct world *world, int number, const struct id *request,
                           const struct world_clip *clip) {
    struct delivered found = find_delivered(world, number, request);
    return found.whole > 0 && world_grant_opens(world, number, &found.grant, clip);
}

bool world_grant_opens(struct world *world, int number, const struct id *grant,
                       const struct world_clip *clip) {
    struct world_home *home = &world->homes[number];
    struct store_delivered row;
    struct box_secret secret;
    struct age_file_key file_key;
    world_request_secret(number, &secret);
    ASSERT(store_begin(home->store) == ERR_OK);
    bool good = store_delivered_get(home->store, grant, &row) == ERR_OK && row.completed.ms != 0 &&
                age_header_open(row.header, &secret, &file_key);
    store_roll_back(home->store);
    const struct world_file *file = home->delivered;
    while (file != NULL && memcmp(file->name, grant->b, sizeof file->name) != 0) {
        file = file->next;
    }
    return good && file != NULL && file->data.len >= PAYLOAD_MIN &&
           is_plaintext_of(buffer_bytes(&file->data), &file_key, clip);
}

static bool is_plaintext_of(struct bytes payload, const struct age_file_key *file_key,
                            const struct world_clip *clip) {
    static uint8_t plain[65536];
    struct age_payload_key key;
    struct id digest;
    age_payload_key_derive(file_key, payload.at, &key);
    struct sha256_state *state = sha256_create();
    ASSERT(state != NULL);
    size_t at = PIECE_NONCE;
    bool good = true;
    for (uint64_t i = 0; good && at < payload.len; i++) {
        size_t left = payload.len - at;
        size_t len = left < PIECE_CHUNK ? left : PIECE_CHUNK;
        good = age_chunk_open(&key, i, len == left, (struct bytes){payload.at + at, len}, plain);
        sha256_update(state, (struct bytes){plain, len - PIECE_TAG});
        at += len;
    }
    sha256_final(state, &digest);
    sha256_destroy(state);
    return good && id_equal(&digest, &clip->sha256);
}

bool world_log_verifies(struct world *world, int number) {
    struct world_home *home = &world->homes[number];
    enum {
        LEAVES_MAX = 100000
    };
    struct id *roots = calloc(LEAVES_MAX + 1, sizeof *roots);
    ASSERT(roots != NULL);
    size_t leaves = visit_log(world, number, NULL, roots, LEAVES_MAX);
    bool good = leaves != SIZE_MAX;
    const struct control_request ask = {.op = CONTROL_CHECKPOINT};
    struct checkpoint checkpoint = {0};
    struct note_key key;
    log_verifier(&home->log, &key);
    ASSERT(world_ask(world, number, &ask) == ERR_OK);
    good = good && checkpoint_verify(world->reply.as.object.object, &key, &checkpoint) == ERR_OK &&
           checkpoint.size <= leaves && id_equal(&checkpoint.root, &roots[checkpoint.size]);
    size_t kept = home->checkpoint_count < COUNT_OF(home->checkpoints)
                      ? home->checkpoint_count
                      : COUNT_OF(home->checkpoints);
    for (size_t i = 0; good && i < kept; i++) {
        good = home->checkpoints[i].size <= leaves &&
               id_equal(&home->checkpoints[i].root, &roots[home->checkpoints[i].size]);
    }
    free(roots);
    return good;
}

size_t world_log_count(struct world *world, int number, const char *words) {
    return visit_log(world, number, words, NULL, 0);
}

/* Counts the lines that begin with `words`; or, NULL, all leaves, and fills the root of every
 * prefix. SIZE_MAX: a leaf does not fit its hash, or an opening its leaf. */
static size_t visit_log(struct world *world, int number, const char *words, struct id *roots,
                        size_t room) {
    struct store *store = world->homes[number].store;
    struct merkle_edge edge = {0};
    uint64_t leaves = 0;
    size_t count = 0;
    bool good = true;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_leaf_count(store, &leaves) == ERR_OK);
    for (uint64_t i = 0; good && i < leaves; i++) {
        struct store_leaf leaf;
        struct id hash;
        ASSERT(store_leaf_get(store, i, &leaf) == ERR_OK);
        merkle_leaf(leaf.leaf, &hash);
        good = id_equal(&hash, &leaf.hash) &&
               (leaf.opening.len == 0 || log_slot_verify(leaf.leaf, leaf.opening));
        if (words == NULL) {
            ASSERT(i < room);
            merkle_append(&edge, &hash);
            merkle_root(&edge, &roots[i + 1]);
            count++;
            continue;
        }
        size_t len = strlen(words);
        count += leaf.leaf.len >= len && memcmp(leaf.leaf.at, words, len) == 0 ? 1 : 0;
        if (leaf.opening.len < LOG_SALT_BYTES) {
            continue;
        }
        struct log_entry entry;
        struct bytes rest = {leaf.opening.at + LOG_SALT_BYTES, leaf.opening.len - LOG_SALT_BYTES};
        while (log_opening_next(&rest, &entry)) {
            char line[LOG_LEAF_MAX];
            log_entry_write(&entry, line);
            count += strncmp(line, words, len) == 0 ? 1 : 0;
        }
    }
    store_roll_back(store);
    return good ? count : SIZE_MAX;
}
