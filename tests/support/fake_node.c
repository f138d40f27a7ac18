#include "tests/support/fake_node.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "proto/log_head.h"

static const struct id garbage_id = {{0x6a, 0x6a, 0x6a, 0x6a, 0x6a}};

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

void *fake_node_serve(void *context) {
    struct fake_home *fake = context;
    int client = -1;
    while ((client = accept(fake->listener, NULL, NULL)) >= 0) {
        while (serve_one(fake, client)) {
        }
        (void)close(client);
    }
    return NULL;
}

void fake_payload_root(struct bytes payload, struct id *out) {
    struct id leaves[16];
    size_t count = (size_t)piece_count(payload.len);
    ASSERT(count <= COUNT_OF(leaves));
    for (size_t i = 0; i < count; i++) {
        piece_leaf((struct bytes){payload.at + piece_offset(i), piece_length(payload.len, i)},
                   &leaves[i]);
    }
    piece_root(leaves, count, out);
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
    fake_payload_root(buffer_bytes(payload), &reply.as.clip.payload_root);
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
    char text[sizeof FAKE_DOCUMENT];
    memcpy(text, FAKE_DOCUMENT, sizeof text);
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
