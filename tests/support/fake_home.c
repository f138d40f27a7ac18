#include "tests/support/fake_home.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "node/base/assert.h"
#include "proto/pins.h"
#include "tests/support/fake_node.h"

enum {
    PLAIN_BYTES = 200 * 1000, /* four pieces, the last one short */
};

const char fake_passphrase[] = "correct horse battery";

static void make_folders(struct fake_home *fake);
static void make_pins(const struct fake_home *fake);
static void make_owner_key(const struct fake_home *fake);
static void certify(struct fake_home *fake, int number, bool over);
static void renew(const struct fake_home *fake, const struct id *member, struct buffer *out);
static void shift(const struct fake_home *fake, struct instant *at);
static void make_clip(const struct fake_home *fake, uint8_t fill, struct age_file_key *key,
                      struct id *sha, struct buffer *payload, struct buffer *header);
static void make_request(struct fake_home *fake);
static void make_twins(struct fake_home *fake);
static void make_manifest(struct fake_home *fake);
static void write_file(const char *folder, const char *name, struct bytes data);

void fake_home_start(struct fake_home *fake) {
    memset(fake, 0, sizeof *fake);
    fake->now.ms = (int64_t)time(NULL) * 1000;
    sample_community_init(&fake->community);
    sample_community_finish(&fake->community); /* its keys stay; what they sign is made anew */
    struct charter charter;
    const struct sign_secret *founder = &fake->community.homes[SAMPLE_FOUNDER].owner.sign;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    sample_charter(&fake->community, &charter);
    shift(fake, &charter.created);
    ASSERT(charter_encode(&charter, &body) == ERR_OK);
    fake->community.id =
        sample_sign(OBJECT_CHARTER, buffer_bytes(&body), &founder, 1, &fake->community.charter);
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        certify(fake, i, false);
    }
    struct sample_home *agency = &fake->community.homes[SAMPLE_AGENCY];
    const struct sample_home as_it_is = *agency;
    certify(fake, SAMPLE_AGENCY, true);
    fake->over = agency->certificate;
    fake->over_member = agency->member;
    renew(fake, &fake->over, &fake->over_renewal);
    *agency = as_it_is;
    memset(fake->clip.b, 0xc1, sizeof fake->clip.b);
    make_clip(fake, 1, &fake->file_key, &fake->sha256, &fake->payload, &fake->header);
    make_clip(fake, 2, &fake->other_file_key, &fake->other_sha256, &fake->other_payload,
              &fake->other_header);
    make_folders(fake);
    fake_home_lie(fake, FAKE_HONEST);

    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t room = sizeof where.sun_path;
    ASSERT((size_t)snprintf(where.sun_path, room, "%s/control.sock", fake->home) < room);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(bind(fake->listener, (const struct sockaddr *)&where, sizeof where) == 0);
    ASSERT(listen(fake->listener, 4) == 0);
    ASSERT(pthread_create(&fake->thread, NULL, fake_node_serve, fake) == 0);
}

void fake_home_stop(struct fake_home *fake) {
    char command[PATH_MAX + 16];
    (void)shutdown(fake->listener, SHUT_RDWR);
    (void)pthread_join(fake->thread, NULL);
    (void)close(fake->listener);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fake->folder);
    ASSERT(system(command) == 0); /* NOLINT(cert-env33-c): a folder of our own making */
    struct buffer *const buffers[] = {
        &fake->payload,          &fake->header, &fake->manifest, &fake->other_payload,
        &fake->other_header,     &fake->grant,  &fake->decision, &fake->granted_header,
        &fake->granted_manifest, &fake->call,   &fake->twin,     &fake->over_member,
        &fake->over_renewal};
    for (size_t i = 0; i < COUNT_OF(buffers); i++) {
        buffer_finish(buffers[i]);
    }
    buffer_finish(&fake->community.charter);
    buffer_finish(&fake->community.request);
    for (int i = 1; i <= SAMPLE_HOMES; i++) {
        buffer_finish(&fake->community.homes[i].member);
    }
}

void fake_home_lie(struct fake_home *fake, enum fake_lie lie) {
    fake->lie = lie;
    fake->grants = 0;
    fake->decisions = 0;
    fake->calls = 0;
    fake->others = 0;
    fake->others_over = false;
    fake->others_end = false;
    fake->lists = 0;
    fake->clips_got = 0;
    make_pins(fake);
    make_request(fake);
    make_manifest(fake);
}

/* ---- what the home has ---- */

static void make_folders(struct fake_home *fake) {
    (void)snprintf(fake->folder, sizeof fake->folder, "/tmp/stoop-test-XXXXXX");
    ASSERT(mkdtemp(fake->folder) != NULL);
    (void)snprintf(fake->home, sizeof fake->home, "%.64s/home", fake->folder);
    (void)snprintf(fake->owner, sizeof fake->owner, "%.64s/owner", fake->folder);
    ASSERT(mkdir(fake->home, 0700) == 0);
    ASSERT(mkdir(fake->owner, 0700) == 0);
    make_owner_key(fake);
}

static void make_pins(const struct fake_home *fake) {
    struct pins pins = {.owner_count = 1,
                        .has_ingest = true,
                        .place_count = 1,
                        .places = {{.name = SLUG_FIRST, .has_node = true, .has_community = true}}};
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    SCOPED(buffer_finish) struct buffer file = {.max = PINS_FILE_MAX};
    pins.owners[0] = home->owner_public;
    (void)snprintf(pins.owner_names[0], NAME_MAX_BYTES, "Sam");
    pins.ingest.sign = home->ingest_public;
    pins.ingest.box = home->transport_public; /* only has to be a point */
    struct pinned_place *place = &pins.places[0];
    place->node = home->node_public;
    place->community = fake->community.id;
    place->community.b[0] ^= fake->lie == FAKE_ANOTHER_COMMUNITY ? 1 : 0;
    ASSERT(pins_write(&pins, &file) == ERR_OK);
    write_file(fake->owner, "pins", buffer_bytes(&file));
}

static void make_owner_key(const struct fake_home *fake) {
    char text[KEYFILE_BYTES_MAX];
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    struct keyfile_public pub = {.owner = home->owner_public, .created_ms = fake->now.ms};
    (void)snprintf(pub.name, sizeof pub.name, "Sam");
    /* As little hashing as the format allows: the tests open it some fifty times. */
    ASSERT(keyfile_seal(&pub, &home->owner, BYTES_TEXT(fake_passphrase),
                        (struct keyfile_cost){1, 65536}, text) == KEYFILE_OK);
    write_file(fake->owner, "owner.key", BYTES_TEXT(text));
}

/* As samples.c does it, with times that are good today. */
static void certify(struct fake_home *fake, int number, bool over) {
    struct sample_home *home = &fake->community.homes[number];
    const struct sample_home *sponsor = &fake->community.homes[SAMPLE_FOUNDER];
    bool founder = number == SAMPLE_FOUNDER;
    struct member member;
    uint8_t secret[16];
    struct sign_secret invite_secret;
    struct buffer signed_invite = {0};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer invite_body = {.max = SIGNED_GOSSIP_MAX};
    struct invite invite = {.head = {.community = fake->community.id,
                                     .author = sponsor->certificate,
                                     .created = {fake->now.ms - 30 * (int64_t)DURATION_DAY_MS},
                                     .expires = {fake->now.ms - 20 * (int64_t)DURATION_DAY_MS}},
                            .role = number == SAMPLE_AGENCY ? MEMBER_REQUESTER : MEMBER_HOME};
    memset(secret, number, sizeof secret);
    invite_key(secret, &invite_secret, &invite.key);
    if (!founder) {
        const struct sign_secret *key = &sponsor->owner.sign;
        ASSERT(invite_encode(&invite, &invite_body) == ERR_OK);
        (void)sample_sign(OBJECT_INVITE, buffer_bytes(&invite_body), &key, 1, &signed_invite);
    }
    sample_member(&fake->community, number, buffer_bytes(&signed_invite), &member);
    shift(fake, &member.head.created);
    shift(fake, &member.head.expires);
    member.head.expires.ms = over ? fake->now.ms - DURATION_HOUR_MS : member.head.expires.ms;
    ASSERT(member_encode(&member, &body) == ERR_OK);
    const struct sign_secret *keys[] = {&home->owner.sign, &home->node, &invite_secret,
                                        &sponsor->node};
    home->certificate =
        sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, founder ? 2 : 4, &home->member);
    buffer_finish(&signed_invite);
}

static void renew(const struct fake_home *fake, const struct id *member, struct buffer *out) {
    const struct sample_home *founder = &fake->community.homes[SAMPLE_FOUNDER];
    const struct sign_secret *key = &founder->node;
    const struct renewal renewal = {.head = {.community = fake->community.id,
                                             .author = founder->certificate,
                                             .created = {fake->now.ms - DURATION_DAY_MS},
                                             .expires = {fake->now.ms + 9 * DURATION_DAY_MS}},
                                    .member = *member};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(renewal_encode(&renewal, &body) == ERR_OK);
    (void)sample_sign(OBJECT_RENEWAL, buffer_bytes(&body), &key, 1, out);
}

static void shift(const struct fake_home *fake, struct instant *at) {
    at->ms += fake->now.ms - SAMPLE_NOW.ms;
}

static void make_clip(const struct fake_home *fake, uint8_t fill, struct age_file_key *key,
                      struct id *sha, struct buffer *payload, struct buffer *header) {
    const struct box_public *owner = &fake->community.homes[SAMPLE_NEIGHBOUR].owner_public.box;
    struct age_writer *writer = malloc(sizeof *writer);
    uint8_t *plain = malloc(PLAIN_BYTES);
    uint8_t *piece = malloc(PIECE_MAX);
    size_t len = 0;
    ASSERT(writer != NULL);
    ASSERT(plain != NULL);
    ASSERT(piece != NULL);
    buffer_init(payload, PLAIN_BYTES + PIECE_MAX);
    buffer_init(header, HEADER_MAX);
    for (size_t i = 0; i < PLAIN_BYTES; i++) {
        plain[i] = (uint8_t)(fill + i * 7);
    }
    struct bytes left = {plain, PLAIN_BYTES};
    sha256(left, sha);
    age_file_key_generate(key);
    ASSERT(age_header_make(owner, 1, key, header) == ERR_OK);
    age_writer_start(writer, key);
    while (left.len > 0) {
        size_t taken = age_writer_take(writer, left, piece, &len);
        ASSERT(buffer_append(payload, (struct bytes){piece, len}) == ERR_OK);
        left.at += taken;
        left.len -= taken;
    }
    age_writer_end(writer, piece, &len);
    ASSERT(buffer_append(payload, (struct bytes){piece, len}) == ERR_OK);
    ASSERT(payload->len == age_payload_size(PLAIN_BYTES));
    free(piece);
    free(plain);
    free(writer);
}

/* A warrant of the agency for the last half hour, asked for a minute ago. */
static void make_request(struct fake_home *fake) {
    int author = fake->lie == FAKE_REQUEST_BY_A_STRANGER ? SAMPLE_FOUNDER : SAMPLE_AGENCY;
    const struct sign_secret *key = &fake->community.homes[author].owner.sign;
    struct request *request = &fake->request;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    sample_request(&fake->community, request);
    struct instant *const times[] = {&request->head.created,
                                     &request->head.expires,
                                     &request->from,
                                     &request->to,
                                     &request->instrument.issued_at,
                                     &request->instrument.execute_by,
                                     &request->terms.delete_by};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        shift(fake, times[i]);
    }
    /* A right-to-left override and a zero-width space: the fence lets them pass, a screen must not.
     */
    (void)snprintf(request->reason + strlen(request->reason),
                   sizeof request->reason - strlen(request->reason), "%s",
                   "\xe2\x80\xaeraey dna\xe2\x80\x8b");
    request->document = (struct document){.present = true, .size = sizeof FAKE_DOCUMENT - 1};
    (void)snprintf(request->document.media_type, sizeof request->document.media_type, "%s",
                   fake->lie == FAKE_DOCUMENT_OF_ANOTHER_TYPE ? "application/pdf" : "text/plain");
    sha256(BYTES_TEXT(FAKE_DOCUMENT), &request->document.sha256);
    if (fake->lie == FAKE_REQUEST_OVER_THE_CAP) {
        request->from.ms = request->to.ms - 13 * (int64_t)DURATION_HOUR_MS;
    }
    if (fake->lie == FAKE_TWIN_CODE) {
        make_twins(fake);
    }
    buffer_finish(&fake->community.request);
    ASSERT(request_encode(request, &body) == ERR_OK);
    fake->community.request_id =
        sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &key, 1, &fake->community.request);
    if (fake->lie == FAKE_REQUEST_KEY_SWAPPED) {
        struct signed_object object;
        SCOPED(buffer_finish) struct buffer swapped = {.max = SIGNED_BODY_MAX};
        request->key = fake->community.homes[SAMPLE_FOUNDER].owner_public.box;
        ASSERT(request_encode(request, &swapped) == ERR_OK);
        ASSERT(signed_decode(buffer_bytes(&fake->community.request), &object) == ERR_OK);
        object.body = buffer_bytes(&swapped);
        struct buffer whole = {.max = SIGNED_BODY_MAX};
        ASSERT(signed_encode(&object, &whole) == ERR_OK);
        sha256(buffer_bytes(&swapped), &fake->community.request_id);
        buffer_finish(&fake->community.request);
        fake->community.request = whole;
    }
    request_code(&fake->community.request_id, fake->code);
}

/* As whoever makes a request can: words are tried until two of different authors have one code. */
static void make_twins(struct fake_home *fake) {
    const struct sample_home *founder = &fake->community.homes[SAMPLE_FOUNDER];
    const struct sign_secret *key = &founder->owner.sign;
    struct request tried = fake->request;
    uint32_t *by_code = calloc(UINT32_C(1) << 24, sizeof *by_code);
    bool found = false;
    ASSERT(by_code != NULL);
    for (uint32_t i = 1; !found; i++) {
        struct id id;
        SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
        bool twin = i % 2 == 0;
        tried.head.author = twin ? founder->certificate : fake->request.head.author;
        (void)snprintf(tried.reason, sizeof tried.reason, "try %u", i);
        ASSERT(request_encode(&tried, &body) == ERR_OK);
        sha256(buffer_bytes(&body), &id);
        uint32_t *earlier = &by_code[(uint32_t)id.b[0] << 16 | (uint32_t)id.b[1] << 8 | id.b[2]];
        found = *earlier != 0 && *earlier % 2 != i % 2;
        if (found) {
            (void)snprintf(fake->request.reason, sizeof fake->request.reason, "try %u",
                           twin ? *earlier : i);
            (void)snprintf(tried.reason, sizeof tried.reason, "try %u", twin ? i : *earlier);
        }
        *earlier = i;
    }
    free(by_code);
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    tried.head.author = founder->certificate;
    ASSERT(request_encode(&tried, &body) == ERR_OK);
    buffer_finish(&fake->twin);
    fake->twin_id = sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &key, 1, &fake->twin);
}

static void make_manifest(struct fake_home *fake) {
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    const struct sign_secret *key = fake->lie == FAKE_MANIFEST_BY_ANOTHER_KEY
                                        ? &fake->community.homes[SAMPLE_FOUNDER].ingest
                                        : &home->ingest;
    struct manifest *manifest = malloc(sizeof *manifest);
    struct buffer whole = {0};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    ASSERT(manifest != NULL);
    sample_manifest(&fake->community, manifest);
    manifest->clip = fake->clip;
    manifest->request = fake->community.request_id;
    shift(fake, &manifest->from);
    shift(fake, &manifest->to);
    shift(fake, &manifest->created);
    for (size_t i = 0; i < manifest->run_count; i++) {
        shift(fake, &manifest->runs[i].from);
        shift(fake, &manifest->runs[i].to);
    }
    for (size_t i = 0; i < manifest->source_count; i++) {
        shift(fake, &manifest->sources[i].from);
        shift(fake, &manifest->sources[i].to);
    }
    manifest->sha256 = fake->sha256;
    manifest->size = PLAIN_BYTES;
    manifest->payload_size = fake->payload.len;
    fake_payload_root(buffer_bytes(&fake->payload), &manifest->payload_root);
    if (fake->lie == FAKE_MANIFEST_OF_ANOTHER_REQUEST) {
        manifest->request.b[0] ^= 1;
    }
    if (fake->lie == FAKE_MANIFEST_OF_ANOTHER_CLIP) {
        manifest->clip.b[0] ^= 1;
    }
    ASSERT(manifest_encode(manifest, &body) == ERR_OK);
    fake->manifest_id = sample_sign(OBJECT_MANIFEST, buffer_bytes(&body), &key, 1, &whole);
    buffer_finish(&fake->manifest);
    buffer_init(&fake->manifest, SEALED_MANIFEST_MAX);
    ASSERT(age_seal_small(&home->owner_public.box, 1, buffer_bytes(&whole), &fake->manifest) ==
           ERR_OK);
    buffer_finish(&whole);
    free(manifest);
}

static void write_file(const char *folder, const char *name, struct bytes data) {
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0);
    ASSERT(write(fd, data.at, data.len) == (ssize_t)data.len);
    (void)close(fd);
}
