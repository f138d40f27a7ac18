#include "tests/support/fake_home.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/keyfile.h"
#include "node/base/assert.h"
#include "proto/log_head.h"
#include "proto/pins.h"
#include "tests/support/check.h"

enum {
    PLAIN_BYTES = 200 * 1000, /* four pieces, the last one short */
    STILL_MS = 400,           /* output that stands still so long within a line is a question */
    HANG_MS = 60 * 1000,
    SHOWN_MAX = 256 * 1024,
    ARGUMENTS_MAX = 24,
};

const char fake_passphrase[] = "correct horse battery";
static const struct id garbage_id = {{0x6a, 0x6a, 0x6a, 0x6a, 0x6a}};
static const char document_text[] = "Search warrant, by order of the court";

static void make_folders(struct fake_home *fake);
static void make_pins(const struct fake_home *fake);
static void make_owner_key(const struct fake_home *fake);
static void certify(struct fake_home *fake, int number, bool over);
static void renew(const struct fake_home *fake, const struct id *member, struct buffer *out);
static void shift(const struct fake_home *fake, struct instant *at);
static void make_clip(const struct fake_home *fake, uint8_t fill, struct age_file_key *key,
                      struct id *sha, struct buffer *payload, struct buffer *header);
static void payload_root(struct bytes payload, struct id *out);
static void make_request(struct fake_home *fake);
static void make_twins(struct fake_home *fake);
static void make_manifest(struct fake_home *fake);
static void *serve(void *context);
static bool serve_one(struct fake_home *fake, int client);
static void answer(struct fake_home *fake, int client, const struct control_request *request);
static void answer_overdue(const struct fake_home *fake, int client);
static void take_place(struct fake_home *fake, const struct control_request *request);
static void take_deletion(struct fake_home *fake, const struct control_request *request);
static bool is_list(enum control_op op);
static void answer_status(struct fake_home *fake, int client);
static void answer_requests(struct fake_home *fake, int client);
static struct id other_request(const struct fake_home *fake, size_t number, struct buffer *out);
static void answer_clip(struct fake_home *fake, int client, bool whole);
static void answer_other_clips(const struct fake_home *fake, int client);
static void answer_payload(struct fake_home *fake, int client, uint64_t offset);
static void answer_document(const struct fake_home *fake, int client);
static void answer_delivered(struct fake_home *fake, int client, size_t i, bool whole);
static bool sends_garbage(const struct fake_home *fake);
static void answer_garbage(const struct fake_home *fake, int client, bool whole);
static void answer_log(struct fake_home *fake, int client, uint64_t from);
static void answer_proof(struct fake_home *fake, int client);
static void log_leaf(const struct fake_home *fake, char out[256]);
static void answer_object(int client, struct bytes object, uint32_t state, bool last);
static void answer_done(int client, enum err err);
static void send_reply(int client, const struct control_reply *reply);
static bool read_all(int fd, uint8_t *to, size_t len);
static void keep(struct buffer *to, struct bytes from);
static void write_file(const char *folder, const char *name, struct bytes data);
static bool program_path(char out[PATH_MAX]);
static void become_stoop(const struct fake_home *fake, const struct fake_run *run);
static bool asks(const struct buffer *shown, size_t seen);
static void put(int terminal, const char *text);
static int64_t now_ms(clockid_t clock);

void fake_home_start(struct fake_home *fake) {
    memset(fake, 0, sizeof *fake);
    fake->now.ms = now_ms(CLOCK_REALTIME) / 1000 * 1000;
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
    ASSERT(pthread_create(&fake->thread, NULL, serve, fake) == 0);
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

static void payload_root(struct bytes payload, struct id *out) {
    struct id leaves[16];
    size_t count = (size_t)piece_count(payload.len);
    ASSERT(count <= COUNT_OF(leaves));
    for (size_t i = 0; i < count; i++) {
        piece_leaf((struct bytes){payload.at + piece_offset(i), piece_length(payload.len, i)},
                   &leaves[i]);
    }
    piece_root(leaves, count, out);
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
    request->document = (struct document){.present = true, .size = sizeof document_text - 1};
    (void)snprintf(request->document.media_type, sizeof request->document.media_type, "%s",
                   fake->lie == FAKE_DOCUMENT_OF_ANOTHER_TYPE ? "application/pdf" : "text/plain");
    sha256(BYTES_TEXT(document_text), &request->document.sha256);
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
        SCOPED(buffer_finish) struct buffer whole = {.max = SIGNED_BODY_MAX};
        ASSERT(signed_encode(&object, &whole) == ERR_OK);
        sha256(buffer_bytes(&swapped), &fake->community.request_id);
        keep(&fake->community.request, buffer_bytes(&whole));
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
    payload_root(buffer_bytes(&fake->payload), &manifest->payload_root);
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

/* ---- the node ---- */

static void *serve(void *context) {
    struct fake_home *fake = context;
    int client = -1;
    while ((client = accept(fake->listener, NULL, NULL)) >= 0) {
        while (serve_one(fake, client)) {
        }
        (void)close(client);
    }
    return NULL;
}

static bool serve_one(struct fake_home *fake, int client) {
    static struct control_request request;
    uint8_t header[4];
    if (!read_all(client, header, sizeof header) || read_u32(header) > CONTROL_FRAME_MAX) {
        return false;
    }
    size_t len = read_u32(header);
    uint8_t *frame = malloc(len + 1);
    bool good = frame != NULL && read_all(client, frame, len);
    if (good) {
        enum err err = control_request_decode((struct bytes){frame, len}, &request);
        if (err == ERR_OK) {
            answer(fake, client, &request);
        } else {
            answer_done(client, err);
        }
    }
    free(frame);
    return good;
}

static void answer(struct fake_home *fake, int client, const struct control_request *request) {
    if (is_list(request->op) && fake->lie == FAKE_LIST_REFUSED) {
        answer_done(client, ERR_HOST_DISK);
        return;
    }
    if (is_list(request->op) && fake->lie == FAKE_LIST_CUT) {
        (void)shutdown(client, SHUT_RDWR);
        return;
    }
    switch ((int)request->op) {
    case CONTROL_STATUS:
        answer_status(fake, client);
        return;
    case CONTROL_CHARTER:
        answer_object(client, buffer_bytes(&fake->community.charter), 0, false);
        answer_done(client, ERR_OK);
        return;
    case CONTROL_MEMBERS:
        for (int i = 1; i <= SAMPLE_HOMES; i++) {
            answer_object(client, buffer_bytes(&fake->community.homes[i].member),
                          i == SAMPLE_NEIGHBOUR ? 2 : 1, false);
        }
        answer_done(client, ERR_OK);
        return;
    case CONTROL_PROPOSALS:
        answer_done(client, ERR_OK);
        return;
    case CONTROL_REQUESTS:
        if (request->offset == 0) {
            answer_requests(fake, client);
            fake->lists++;
        }
        answer_done(client, ERR_OK);
        return;
    case CONTROL_CLIPS:
        if (request->offset == 0) {
            answer_clip(fake, client, false);
            answer_other_clips(fake, client);
        }
        answer_done(client, ERR_OK);
        return;
    case CONTROL_CLIP:
        answer_clip(fake, client, true);
        return;
    case CONTROL_PAYLOAD:
        answer_payload(fake, client, request->offset);
        return;
    case CONTROL_DOCUMENT_GET:
        answer_document(fake, client);
        return;
    case CONTROL_DELIVERED:
        if (request->offset == 0 && sends_garbage(fake)) {
            answer_garbage(fake, client, false);
        }
        for (size_t i = (size_t)request->offset; i <= fake->earlier; i++) {
            answer_delivered(fake, client, i, false);
        }
        answer_done(client, ERR_OK);
        return;
    case CONTROL_DELIVERED_ONE:
        if (sends_garbage(fake) && id_equal(&request->id, &garbage_id)) {
            answer_garbage(fake, client, true);
        } else {
            answer_delivered(fake, client, fake->earlier, true);
        }
        return;
    case CONTROL_DELIVERED_DATA:
        answer_payload(fake, client, request->offset);
        return;
    case CONTROL_COLLECTED:
        fake->collected++;
        take_place(fake, request);
        answer_done(client, ERR_OK);
        return;
    case CONTROL_OVERDUE:
        answer_overdue(fake, client);
        return;
    case CONTROL_DELETE:
        take_deletion(fake, request);
        answer_done(client, ERR_OK);
        return;
    case CONTROL_LOG:
        answer_log(fake, client, request->offset);
        return;
    case CONTROL_LOG_PROOF:
        answer_proof(fake, client);
        return;
    case CONTROL_CALL_BACK:
        fake->calls++;
        keep(&fake->call, request->blob);
        answer_done(client, ERR_OK);
        return;
    case CONTROL_DECIDE:
        fake->decisions++;
        keep(&fake->decision, request->blob);
        answer_done(client, ERR_OK);
        return;
    case CONTROL_GRANT:
        fake->grants++;
        keep(&fake->grant, request->blob);
        keep(&fake->granted_header, request->blob2);
        keep(&fake->granted_manifest, request->blob3);
        answer_done(client, ERR_OK);
        return;
    default:
        answer_done(client, ERR_USER_NOT_FOUND);
        return;
    }
}

static void answer_overdue(const struct fake_home *fake, int client) {
    struct control_reply reply = {.kind = CONTROL_GOT_OVERDUE};
    if (fake->overdue > 0) {
        (void)snprintf(reply.as.overdue.name, NAME_MAX_BYTES, "Riverside PD");
        reply.as.overdue.certificate = fake->community.homes[SAMPLE_AGENCY].certificate;
        reply.as.overdue.received = fake->overdue + 1;
        reply.as.overdue.deleted = 1;
        reply.as.overdue.overdue = fake->overdue;
        send_reply(client, &reply);
    }
    answer_done(client, ERR_OK);
}

static void take_place(struct fake_home *fake, const struct control_request *request) {
    ASSERT(request->blob.len == 2 * sizeof(struct id));
    memcpy(fake->place.place, request->text, sizeof fake->place.place);
    memcpy(fake->place.text.b, request->blob.at, sizeof(struct id));
    memcpy(fake->place.json.b, request->blob.at + sizeof(struct id), sizeof(struct id));
}

static void take_deletion(struct fake_home *fake, const struct control_request *request) {
    if (request->text[0] == '\0') {
        fake->deleted++;
        return;
    }
    ASSERT(strcmp(request->text, fake->place.place) == 0);
    fake->discarded += request->total;
    if (request->total == 0) {
        fake->place.place[0] = '\0';
    }
}

static bool is_list(enum control_op op) {
    return op == CONTROL_MEMBERS || op == CONTROL_REQUESTS || op == CONTROL_CLIPS ||
           op == CONTROL_DELIVERED || op == CONTROL_LOG || op == CONTROL_LOGS ||
           op == CONTROL_FORKS || op == CONTROL_PEERS || op == CONTROL_OVERDUE;
}

static void answer_status(struct fake_home *fake, int client) {
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    struct control_reply reply = {.kind = CONTROL_GOT_STATUS, .last = true};
    reply.as.status.node = home->node_public;
    reply.as.status.log = home->log_public;
    reply.as.status.transport = home->transport_public;
    reply.as.status.has_community = true;
    reply.as.status.community = fake->community.id;
    reply.as.status.certificate = home->certificate;
    reply.as.status.members = SAMPLE_HOMES;
    reply.as.status.open_requests = 1;
    reply.as.status.open_clips = 1;
    reply.as.status.log_size = 1;
    reply.as.status.ingest_up = true;
    reply.as.status.now = fake->now;
    reply.as.status.started = fake->now;
    reply.as.status.caps = CAPS_DEFAULT;
    reply.as.status.slot_s = 60;
    if (fake->lie != FAKE_LOG_WITHOUT_ORIGIN) {
        log_origin(&home->log_public, reply.as.status.log_origin);
    }
    reply.as.status.delete_by_max_days = 90;
    (void)snprintf(reply.as.status.version, sizeof reply.as.status.version, "0.1.0");
    (void)snprintf(reply.as.status.community_name, NAME_MAX_BYTES, "%s",
                   fake->lie == FAKE_NAME_TURNS ? "Elm \xe2\x80\xaeStreet" : "Elm Street");
    send_reply(client, &reply);
}

static void answer_requests(struct fake_home *fake, int client) {
    struct control_reply reply = {.kind = CONTROL_GOT_REQUEST};
    reply.as.request.request = buffer_bytes(&fake->community.request);
    if (fake->lie != FAKE_CHAIN_WITHOUT_FOUNDER) {
        reply.as.request.chain[reply.as.request.chain_count++] =
            buffer_bytes(&fake->community.homes[SAMPLE_FOUNDER].member);
    }
    reply.as.request.chain[reply.as.request.chain_count++] =
        buffer_bytes(&fake->community.homes[SAMPLE_AGENCY].member);
    reply.as.request.open_clips = 1;
    reply.as.request.document_here = true;
    reply.as.request.log_index = 0;
    send_reply(client, &reply);
    if (fake->lie == FAKE_TWIN_CODE) {
        struct control_reply twin = {.kind = CONTROL_GOT_REQUEST};
        twin.as.request.request = buffer_bytes(&fake->twin);
        twin.as.request.chain[twin.as.request.chain_count++] =
            buffer_bytes(&fake->community.homes[SAMPLE_FOUNDER].member);
        send_reply(client, &twin);
    }
    if (fake->others_over || fake->others_end) {
        reply.as.request.chain[reply.as.request.chain_count - 1] = buffer_bytes(&fake->over_member);
    }
    if (fake->others_end && fake->lists == 0) {
        reply.as.request.chain[reply.as.request.chain_count++] = buffer_bytes(&fake->over_renewal);
    }
    for (size_t i = 0; i < fake->others; i++) {
        struct buffer other = {0};
        (void)other_request(fake, i, &other);
        reply.as.request.request = buffer_bytes(&other);
        send_reply(client, &reply);
        buffer_finish(&other);
    }
}

/* Like the one that is there, but each ends a second later than the one before, from a day hence.
 */
static struct id other_request(const struct fake_home *fake, size_t number, struct buffer *out) {
    const struct sign_secret *key = &fake->community.homes[SAMPLE_AGENCY].owner.sign;
    struct request request = fake->request;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    request.head.expires.ms = fake->now.ms + DURATION_DAY_MS + (int64_t)number * DURATION_SECOND_MS;
    bool over = fake->others_over || fake->others_end;
    request.head.author = over ? fake->over : request.head.author;
    (void)snprintf(request.reason, sizeof request.reason, "other %zu", number);
    ASSERT(request_encode(&request, &body) == ERR_OK);
    return sample_sign(OBJECT_REQUEST, buffer_bytes(&body), &key, 1, out);
}

static void answer_clip(struct fake_home *fake, int client, bool whole) {
    struct control_reply reply = {.kind = CONTROL_GOT_CLIP, .last = whole};
    const struct buffer *payload =
        fake->lie == FAKE_PAYLOAD_OF_ANOTHER_CLIP ? &fake->other_payload : &fake->payload;
    reply.as.clip.request = fake->community.request_id;
    reply.as.clip.clip = fake->clip;
    fake->clips_got += whole ? 1 : 0;
    reply.as.clip.state =
        fake->lie == FAKE_CLIP_ENDS && fake->clips_got > 1 ? CLIP_ENDED : CLIP_OPEN;
    reply.as.clip.payload_size = payload->len;
    payload_root(buffer_bytes(payload), &reply.as.clip.payload_root);
    if (whole) {
        reply.as.clip.manifest = buffer_bytes(&fake->manifest);
        reply.as.clip.header = fake->lie == FAKE_HEADER_OF_ANOTHER_CLIP
                                   ? buffer_bytes(&fake->other_header)
                                   : buffer_bytes(&fake->header);
    }
    send_reply(client, &reply);
}

static void answer_other_clips(const struct fake_home *fake, int client) {
    struct control_reply reply = {.kind = CONTROL_GOT_CLIP};
    for (size_t i = 0; i < fake->others; i++) {
        struct buffer other = {0};
        reply.as.clip.request = other_request(fake, i, &other);
        reply.as.clip.state = CLIP_OPEN;
        memset(reply.as.clip.clip.b, 0, sizeof reply.as.clip.clip.b);
        write_u32(reply.as.clip.clip.b, (uint32_t)i + 1);
        send_reply(client, &reply);
        buffer_finish(&other);
    }
}

static void answer_payload(struct fake_home *fake, int client, uint64_t offset) {
    struct control_reply reply = {.kind = CONTROL_GOT_DATA, .last = true};
    const struct buffer *payload =
        fake->lie == FAKE_PAYLOAD_OF_ANOTHER_CLIP ? &fake->other_payload : &fake->payload;
    struct ucred peer = {0};
    socklen_t room = sizeof peer;
    if (fake->lie == FAKE_INTERRUPTS &&
        getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &room) == 0 && peer.pid > 0) {
        (void)kill(peer.pid, SIGINT);
    }
    if (offset > payload->len) {
        answer_done(client, ERR_USER_NOT_FOUND);
        return;
    }
    size_t left = payload->len - (size_t)offset;
    SCOPED(buffer_finish) struct buffer copy = {.max = CONTROL_DATA_MAX};
    ASSERT(buffer_append(
               &copy, (struct bytes){payload->at + offset,
                                     left < CONTROL_DATA_MAX ? left : CONTROL_DATA_MAX}) == ERR_OK);
    if (fake->lie == FAKE_PAYLOAD_ALTERED && copy.len > 0) {
        copy.at[copy.len / 2] ^= 1;
    }
    reply.as.data.data = buffer_bytes(&copy);
    reply.as.data.offset = offset;
    reply.as.data.total = payload->len;
    send_reply(client, &reply);
}

static void answer_document(const struct fake_home *fake, int client) {
    struct control_reply reply = {.kind = CONTROL_GOT_DATA, .last = true};
    char text[sizeof document_text];
    memcpy(text, document_text, sizeof text);
    text[0] ^= fake->lie == FAKE_DOCUMENT_ALTERED ? 1 : 0;
    reply.as.data.data = BYTES_TEXT(text);
    reply.as.data.total = reply.as.data.data.len;
    send_reply(client, &reply);
}

static void answer_delivered(struct fake_home *fake, int client, size_t i, bool whole) {
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    struct signed_object grant;
    SCOPED(buffer_finish) struct buffer key = {.max = HEADER_MAX};
    ASSERT(age_seal_small(&home->owner_public.box, 1, BYTES_OF(fake->community.request_secret.b),
                          &key) == ERR_OK);
    ASSERT(signed_decode(buffer_bytes(&fake->grant), &grant) == ERR_OK);
    struct control_reply reply = {.kind = CONTROL_GOT_DELIVERED, .last = whole};
    reply.as.delivered.grant = grant.id;
    reply.as.delivered.request = fake->community.request_id;
    reply.as.delivered.signed_grant = buffer_bytes(&fake->grant);
    reply.as.delivered.member = buffer_bytes(&home->member);
    reply.as.delivered.sealed_key = buffer_bytes(&key);
    reply.as.delivered.received = reply.as.delivered.payload_size = fake->payload.len;
    reply.as.delivered.completed = fake->now;
    reply.as.delivered.deleted = fake->deleted > 0;
    if (fake->place.place[0] != '\0') {
        reply.as.delivered.place_count = 1;
        reply.as.delivered.places[0] = fake->place;
    }
    if (whole) {
        reply.as.delivered.header = buffer_bytes(&fake->granted_header);
        reply.as.delivered.manifest = buffer_bytes(&fake->granted_manifest);
    }
    if (i < fake->earlier) { /* of another request, fetched long ago */
        write_u32(reply.as.delivered.request.b, (uint32_t)i);
        write_u32(reply.as.delivered.grant.b, (uint32_t)i);
        reply.as.delivered.place_count = 1;
        (void)snprintf(reply.as.delivered.places[0].place, CODE_MAX_BYTES, ":/old/%zu", i);
    }
    send_reply(client, &reply);
}

static bool sends_garbage(const struct fake_home *fake) {
    return fake->lie == FAKE_DELIVERED_HEADER || fake->lie == FAKE_DELIVERED_MANIFEST;
}

/* All that was granted, but for the part that only who collects can look into. */
static void answer_garbage(const struct fake_home *fake, int client, bool whole) {
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    static const uint8_t noise[200] = "age-encryption.org/v1\nnoise";
    SCOPED(buffer_finish) struct buffer key = {.max = HEADER_MAX};
    ASSERT(age_seal_small(&home->owner_public.box, 1, BYTES_OF(fake->community.request_secret.b),
                          &key) == ERR_OK);
    struct control_reply reply = {.kind = CONTROL_GOT_DELIVERED, .last = whole};
    bool header = fake->lie == FAKE_DELIVERED_HEADER;
    reply.as.delivered.grant = garbage_id;
    reply.as.delivered.request = fake->community.request_id;
    reply.as.delivered.signed_grant = buffer_bytes(&fake->grant);
    reply.as.delivered.member = buffer_bytes(&home->member);
    reply.as.delivered.sealed_key = buffer_bytes(&key);
    reply.as.delivered.received = reply.as.delivered.payload_size = fake->payload.len;
    reply.as.delivered.completed = fake->now;
    if (whole) {
        reply.as.delivered.header = header ? BYTES_OF(noise) : buffer_bytes(&fake->granted_header);
        reply.as.delivered.manifest =
            header ? buffer_bytes(&fake->granted_manifest) : BYTES_OF(noise);
    }
    send_reply(client, &reply);
}

/* One entry: this home's request. */
static void answer_log(struct fake_home *fake, int client, uint64_t from) {
    struct control_reply reply = {.kind = CONTROL_GOT_LEAF};
    char leaf[256];
    log_leaf(fake, leaf);
    reply.as.leaf.leaf = BYTES_TEXT(leaf);
    if (from == 0) {
        send_reply(client, &reply);
    }
    answer_done(client, ERR_OK);
}

static void answer_proof(struct fake_home *fake, int client) {
    const struct sample_home *home = &fake->community.homes[SAMPLE_NEIGHBOUR];
    bool forged = fake->lie == FAKE_LOG_PROOF_BY_ANOTHER_KEY;
    struct control_reply reply = {.kind = CONTROL_GOT_PROOF, .last = true};
    struct checkpoint checkpoint = {.size = 1};
    char leaf[256];
    char note[NOTE_MAX];
    log_leaf(fake, leaf);
    merkle_leaf(BYTES_TEXT(leaf), &checkpoint.root);
    leaf[0] = fake->lie == FAKE_LOG_PROOF_OF_ANOTHER_LEAF ? 'x' : leaf[0];
    log_origin(&home->log_public, checkpoint.origin);
    ASSERT(checkpoint_sign(&checkpoint, checkpoint.origin, forged ? &home->node : &home->log,
                           note) == ERR_OK);
    reply.as.proof.size = 1;
    reply.as.proof.leaf = BYTES_TEXT(leaf);
    reply.as.proof.checkpoint = BYTES_TEXT(note);
    send_reply(client, &reply);
}

static void log_leaf(const struct fake_home *fake, char out[256]) {
    char hex[65];
    hex_write(BYTES_OF(fake->community.request_id.b), hex);
    (void)snprintf(out, 256, "request_made 2026-11-24T21:10:00Z a=%s%s", hex,
                   fake->lie == FAKE_LOG_ESCAPES ? "\x1b]0;x\x07" : "");
}

static void answer_object(int client, struct bytes object, uint32_t state, bool last) {
    struct control_reply reply = {.kind = CONTROL_GOT_OBJECT, .last = last};
    reply.as.object.object = object;
    reply.as.object.state = state;
    send_reply(client, &reply);
}

static void answer_done(int client, enum err err) {
    const struct control_reply reply = {.kind = CONTROL_DONE, .last = true, .err = err};
    send_reply(client, &reply);
}

static void send_reply(int client, const struct control_reply *reply) {
    uint8_t header[4];
    SCOPED(buffer_finish) struct buffer frame = {.max = CONTROL_FRAME_MAX};
    ASSERT(control_reply_encode(reply, &frame) == ERR_OK);
    write_u32(header, (uint32_t)frame.len);
    (void)send(client, header, sizeof header, MSG_NOSIGNAL);
    for (size_t at = 0; at < frame.len;) {
        ssize_t sent = send(client, frame.at + at, frame.len - at, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* `stoop` has gone */
        }
        at += (size_t)sent;
    }
}

static bool read_all(int fd, uint8_t *to, size_t len) {
    while (len > 0) {
        ssize_t got = read(fd, to, len);
        if (got <= 0) {
            return false;
        }
        to += got;
        len -= (size_t)got;
    }
    return true;
}

static void keep(struct buffer *to, struct bytes from) {
    buffer_finish(to);
    buffer_init(to, CONTROL_FRAME_MAX);
    ASSERT(buffer_append(to, from) == ERR_OK);
}

static void write_file(const char *folder, const char *name, struct bytes data) {
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT(fd >= 0);
    ASSERT(write(fd, data.at, data.len) == (ssize_t)data.len);
    (void)close(fd);
}

/* ---- the person ---- */

bool fake_program_there(void) {
    char path[PATH_MAX];
    return program_path(path);
}

void fake_skip_unless_built(void) {
    if (!fake_program_there()) {
        print_message("skipped: bin/stoop is not built\n");
        skip();
    }
}

bool fake_shows(const struct buffer *shown, const char *text) {
    return memmem(shown->at, shown->len, text, strlen(text)) != NULL;
}

int fake_run(const struct fake_home *fake, const struct fake_run *run, struct buffer *shown) {
    const struct winsize size = {.ws_row = 40, .ws_col = 80};
    int terminal = -1;
    size_t next = 0;
    size_t passphrases = 0;
    size_t seen = 0; /* of *shown, when it was answered last */
    int status = 0;
    buffer_init(shown, SHOWN_MAX);
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);
    ASSERT(pid >= 0);
    if (pid == 0) {
        become_stoop(fake, run);
    }
    if (run->typed_ahead != NULL) {
        put(terminal, run->typed_ahead);
        (void)tcdrain(terminal);
    }
    int64_t began = now_ms(CLOCK_MONOTONIC);
    for (;;) {
        char data[4096];
        struct pollfd wait = {.fd = terminal, .events = POLLIN};
        int ready = poll(&wait, 1, STILL_MS);
        ssize_t got = ready > 0 ? read(terminal, data, sizeof data) : 0;
        if (ready > 0 && got <= 0) {
            break; /* it has ended */
        }
        if (got > 0) {
            if (buffer_append(shown, (struct bytes){(const uint8_t *)data, (size_t)got}) !=
                ERR_OK) {
                break;
            }
            continue;
        }
        if (now_ms(CLOCK_MONOTONIC) - began > HANG_MS) {
            (void)kill(pid, SIGKILL);
            break;
        }
        if (!asks(shown, seen)) {
            continue;
        }
        const char *line = (const char *)shown->at + seen;
        bool passphrase = memmem(line, shown->len - seen, "passphrase of", 13) != NULL &&
                          shown->at[shown->len - 1] == ' ';
        seen = shown->len;
        if (passphrase && run->passphrase != NULL) {
            bool second = passphrases++ > 0 && run->second_passphrase != NULL;
            put(terminal, second ? run->second_passphrase : run->passphrase);
            put(terminal, "\n");
        } else if (run->answers != NULL && run->answers[next] != NULL) {
            put(terminal, run->answers[next++]);
        } else {
            put(terminal, "\x04"); /* end of input */
        }
    }
    (void)waitpid(pid, &status, 0);
    (void)close(terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool program_path(char out[PATH_MAX]) {
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 16);
    if (len <= 0) {
        return false;
    }
    out[len] = '\0';
    char *slash = strrchr(out, '/');
    *slash = '\0';
    slash = strrchr(out, '/');
    (void)snprintf(slash, 16, "/bin/stoop");
    return access(out, X_OK) == 0;
}

static void become_stoop(const struct fake_home *fake, const struct fake_run *run) {
    char program[PATH_MAX];
    const char *arguments[ARGUMENTS_MAX] = {"stoop", "--home", fake->home, "--owner-dir",
                                            fake->owner};
    size_t count = 5;
    for (size_t i = 0; run->arguments[i] != NULL && count + 1 < ARGUMENTS_MAX; i++) {
        arguments[count++] = run->arguments[i];
    }
    if (run->no_terminal) {
        int nothing = open("/dev/null", O_RDWR);
        (void)signal(SIGHUP, SIG_IGN); /* what a session gets that gives up its terminal */
        (void)ioctl(STDIN_FILENO, TIOCNOTTY);
        (void)dup2(nothing, STDIN_FILENO);
    }
    (void)setenv("TZ", "UTC", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)setenv("TERM", "dumb", 1);
    (void)setenv("XDG_RUNTIME_DIR", fake->folder, 1);
    if (program_path(program)) {
        (void)execv(program, (char *const *)arguments);
    }
    _exit(127);
}

/* It has printed something since it was answered last, and its output ends within a line. */
static bool asks(const struct buffer *shown, size_t seen) {
    return shown->len > seen && shown->at[shown->len - 1] != '\n';
}

static void put(int terminal, const char *text) {
    size_t len = strlen(text);
    (void)(write(terminal, text, len) == (ssize_t)len); /* a program that has ended reads nothing */
}

static int64_t now_ms(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
