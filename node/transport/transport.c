/* Invariants:
 *
 *   1. Before a first message was checked in full (mac1, replay, decryption, date) an answerer has
 *      written no byte.
 *   2. The event ESTABLISHED leaves transport_receive() before any record has been decrypted.
 *   3. Once a call has failed, the keys are gone and every further call answers with that failure.
 *   4. What a failed call appended to `to_send` is taken back. */
#include "node/transport/transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/mac1.h"
#include "node/base/assert.h"
#include "node/transport/record.h"
#include "node/transport/replay.h"

enum {
    PROLOGUE_BYTES = 5 + 1 + 1 + 32,
    TIME_BYTES = 8,
    NOISE_1_BYTES = NOISE_OVERHEAD_1 + TIME_BYTES,
    MESSAGE_1_BYTES = NOISE_1_BYTES + MAC1_BYTES, /* without its length */
    QUIET_ROOM = 4096, /* a buffer up to this size stays while the link is quiet */
};

static_assert(TRANSPORT_DATA_MAX == RECORD_PLAIN_MAX - RECORD_HEADER_BYTES,
              "sizes of PROTOCOL 3.4");
static_assert(TRANSPORT_PAYLOAD_MAX == RECORD_PAYLOAD_MAX - RECORD_LENGTH_BYTES,
              "sizes of PROTOCOL 3.1");
static_assert((int)TRANSPORT_SESSION_BYTES == (int)NOISE_HASH_BYTES, "a session is its handshake");
static_assert(TRANSPORT_WIRE_MAX == NOISE_MESSAGE_MAX + RECORD_LENGTH_BYTES,
              "sizes of PROTOCOL 3.4");

/* What is needed until the link is established, and not a moment longer. */
struct handshake {
    struct noise noise;
    struct box_secret own_static;
    struct box_secret ephemeral;
    struct box_public own_public;
    struct transport_door_key *doors; /* the answerer's, until message 1 has chosen one */
    size_t door_count;
    struct transport_replay *replay; /* the answerer's */
    struct buffer payload;           /* ours, padded */
};

struct transport {
    enum stage {
        STAGE_MESSAGE_1, /* waits for it: answerer */
        STAGE_MESSAGE_2, /* dialler */
        STAGE_MESSAGE_3, /* answerer */
        STAGE_RECORDS,
        STAGE_BULK,
        STAGE_CLOSED, /* by the peer */
        STAGE_FAILED,
    } stage;
    enum err failure;            /* STAGE_FAILED */
    struct handshake *handshake; /* NULL once established or failed */
    struct noise_cipher to_send;
    struct noise_cipher to_receive;
    struct transport_door_key door; /* secrets wiped; valid from STAGE_MESSAGE_2 on */
    struct box_public peer_static;
    struct tick deadline;
    uint64_t bulk_remaining;
    bool established;
    bool closed;    /* by us */
    bool delivered; /* the buffer holds what the last event borrows */
    struct buffer buffer;
};

static enum err create(const struct box_secret *own_static, const struct box_secret *ephemeral,
                       struct bytes payload, struct now now, struct transport **out);
static enum err copy_doors(struct handshake *handshake,
                           const struct transport_answer_config *config);
static void handshake_destroy(struct handshake *handshake);
static void doors_destroy(struct handshake *handshake);
static void prologue_write(const struct id *community, uint8_t out[PROLOGUE_BYTES]);
static void start_noise(struct transport *transport, const struct transport_door_key *door,
                        const struct box_public *responder);

static enum err write_message_1(struct transport *transport, struct now now,
                                struct buffer *to_send);
static enum err write_message(struct transport *transport, struct bytes payload, size_t trailer,
                              struct buffer *to_send);

static enum err take_some(struct transport *transport, struct bytes *input, struct now now,
                          struct transport_event *event, struct buffer *to_send);
static enum err take_frame(struct transport *transport, struct bytes *input, struct bytes *frame);
static enum err gather(struct transport *transport, struct bytes *input, size_t wanted);
static bool frame_len_valid(const struct transport *transport, size_t len);
static enum err take_message_1(struct transport *transport, struct bytes frame, struct now now,
                               struct buffer *to_send);
static const struct transport_door_key *find_door(const struct handshake *handshake,
                                                  struct bytes message, const uint8_t *mac);
static enum err take_message_2(struct transport *transport, struct bytes frame,
                               struct transport_event *event, struct buffer *to_send);
static enum err take_message_3(struct transport *transport, struct bytes frame,
                               struct transport_event *event);
static enum err read_payload(struct transport *transport, struct bytes frame, struct bytes *out);
static void establish(struct transport *transport, struct bytes payload,
                      struct transport_event *event);
static enum err take_record(struct transport *transport, struct bytes frame,
                            struct transport_event *event);
static enum err take_plain(struct transport *transport, const struct record *record,
                           struct transport_event *event);
static void take_bulk(struct transport *transport, struct bytes *input,
                      struct transport_event *event);
static void release_delivered(struct transport *transport);
static void fail(struct transport *transport, enum err err);
static enum err send_record(struct transport *transport, uint8_t type, struct bytes data,
                            struct buffer *to_send);

void transport_types_add(struct transport_types *types, uint8_t type) {
    types->bits[type / 64] |= UINT64_C(1) << (type % 64);
}

bool transport_types_has(const struct transport_types *types, uint8_t type) {
    return (types->bits[type / 64] >> (type % 64) & 1) != 0;
}

void transport_psk0(enum transport_door door, const struct id *community, struct bytes secret,
                    uint8_t psk0[32]) {
    const char *label = NULL;
    switch (door) {
    case TRANSPORT_MEMBER:
        label = "stoop/1 door member";
        break;
    case TRANSPORT_JOIN:
        label = "stoop/1 door join";
        break;
    case TRANSPORT_CATCH_UP:
        label = "stoop/1 door catch-up";
        break;
    case TRANSPORT_OUTSIDER:
        label = "stoop/1 door outsider";
        break;
    case TRANSPORT_DELIVERY:
        label = "stoop/1 door delivery";
        break;
    case TRANSPORT_MEET:
        label = "stoop/1 door meet";
        break;
    case TRANSPORT_SIBLING:
        label = "stoop/1 door sibling";
        break;
    }
    ASSERT(secret.len >= 16);
    hash_labelled(label, secret, BYTES_OF(community->b), psk0, 32);
}

enum err transport_dial(const struct transport_dial_config *config, struct now now,
                        struct buffer *to_send, struct transport **out) {
    struct transport *transport = NULL;
    enum err err = create(config->own_static, config->ephemeral, config->payload, now, &transport);
    if (err != ERR_OK) {
        return err;
    }
    transport->stage = STAGE_MESSAGE_2;
    transport->peer_static = *config->responder;
    start_noise(transport, config->door, config->responder);
    err = write_message_1(transport, now, to_send);
    if (err != ERR_OK) {
        transport_destroy(transport);
        return err;
    }
    *out = transport;
    return ERR_OK;
}

enum err transport_answer(const struct transport_answer_config *config, struct now now,
                          struct transport **out) {
    struct transport *transport = NULL;
    enum err err = create(config->own_static, config->ephemeral, config->payload, now, &transport);
    if (err != ERR_OK) {
        return err;
    }
    transport->stage = STAGE_MESSAGE_1;
    err = copy_doors(transport->handshake, config);
    if (err != ERR_OK) {
        transport_destroy(transport);
        return err;
    }
    *out = transport;
    return ERR_OK;
}

void transport_destroy(struct transport *transport) {
    if (transport == NULL) {
        return;
    }
    fail(transport, ERR_PEER_SEQUENCE);
    secret_wipe(transport, sizeof *transport);
    free(transport);
}

enum err transport_receive(struct transport *transport, struct bytes *input, struct now now,
                           struct transport_event *event, struct buffer *to_send) {
    if (transport->stage == STAGE_FAILED) {
        return transport->failure;
    }
    release_delivered(transport);
    size_t unsent = to_send->len;
    struct transport_event found = {.kind = TRANSPORT_EV_NONE};
    enum err err = ERR_OK;
    if (tick_reached(now.mono, transport_deadline(transport))) {
        err = ERR_PEER_HANDSHAKE;
    }
    while (err == ERR_OK && found.kind == TRANSPORT_EV_NONE && input->len > 0) {
        err = take_some(transport, input, now, &found, to_send);
    }
    if (err != ERR_OK) {
        to_send->len = unsent;
        fail(transport, err);
        return err;
    }
    if (transport->buffer.len == 0 && transport->buffer.room > QUIET_ROOM) {
        buffer_finish(&transport->buffer);
    }
    *event = found;
    return ERR_OK;
}

enum err transport_end(const struct transport *transport) {
    return transport->stage == STAGE_CLOSED ? ERR_OK : ERR_PEER_TRUNCATED;
}

enum err transport_send(struct transport *transport, uint8_t type, struct bytes data,
                        struct buffer *to_send) {
    ASSERT(type != TRANSPORT_TYPE_CLOSE);
    ASSERT(type != TRANSPORT_TYPE_BULK);
    return send_record(transport, type, data, to_send);
}

enum err transport_send_bulk(struct transport *transport, uint64_t length, struct buffer *to_send) {
    ASSERT(length > 0);
    uint8_t announced[8];
    write_u64(announced, length);
    return send_record(transport, TRANSPORT_TYPE_BULK, BYTES_OF(announced), to_send);
}

enum err transport_send_close(struct transport *transport, struct buffer *to_send) {
    enum err err = send_record(transport, TRANSPORT_TYPE_CLOSE, (struct bytes){NULL, 0}, to_send);
    transport->closed = transport->closed || err == ERR_OK;
    return err;
}

struct tick transport_deadline(const struct transport *transport) {
    return transport->established ? TICK_NEVER : transport->deadline;
}

static enum err create(const struct box_secret *own_static, const struct box_secret *ephemeral,
                       struct bytes payload, struct now now, struct transport **out) {
    ASSERT(payload.len <= TRANSPORT_PAYLOAD_MAX);
    struct transport *transport = calloc(1, sizeof *transport);
    if (transport == NULL) {
        return ERR_HOST_MEMORY;
    }
    buffer_init(&transport->buffer, TRANSPORT_WIRE_MAX);
    transport->deadline = tick_add(now.mono, (struct duration){TRANSPORT_HANDSHAKE_MS});
    struct handshake *handshake = calloc(1, sizeof *handshake);
    transport->handshake = handshake;
    if (handshake == NULL) {
        transport_destroy(transport);
        return ERR_HOST_MEMORY;
    }
    handshake->own_static = *own_static;
    handshake->ephemeral = *ephemeral;
    box_public_of(own_static, &handshake->own_public);

    size_t padded = record_padded_size(RECORD_LENGTH_BYTES + payload.len);
    uint8_t *at = NULL;
    buffer_init(&handshake->payload, padded);
    enum err err = buffer_extend(&handshake->payload, padded, &at);
    if (err != ERR_OK) {
        transport_destroy(transport);
        return err;
    }
    record_pad(payload, at, padded);
    *out = transport;
    return ERR_OK;
}

static enum err copy_doors(struct handshake *handshake,
                           const struct transport_answer_config *config) {
    ASSERT(config->door_count <= TRANSPORT_DOORS_MAX);
    handshake->replay = config->replay;
    if (config->door_count == 0) {
        return ERR_OK; /* nobody may come in */
    }
    handshake->doors = calloc(config->door_count, sizeof *handshake->doors);
    if (handshake->doors == NULL) {
        return ERR_HOST_MEMORY;
    }
    handshake->door_count = config->door_count;
    memcpy(handshake->doors, config->doors, config->door_count * sizeof *handshake->doors);
    return ERR_OK;
}

static void handshake_destroy(struct handshake *handshake) {
    if (handshake == NULL) {
        return;
    }
    doors_destroy(handshake);
    buffer_finish(&handshake->payload);
    secret_wipe(handshake, sizeof *handshake);
    free(handshake);
}

static void doors_destroy(struct handshake *handshake) {
    if (handshake->doors != NULL) {
        secret_wipe(handshake->doors, handshake->door_count * sizeof *handshake->doors);
        free(handshake->doors);
    }
    handshake->doors = NULL;
    handshake->door_count = 0;
}

/* PROTOCOL 3.1: name, major version, suite, community. */
static void prologue_write(const struct id *community, uint8_t out[PROLOGUE_BYTES]) {
    static const uint8_t start[PROLOGUE_BYTES - 32] = {'s', 't', 'o', 'o', 'p', 1, 1};
    memcpy(out, start, sizeof start);
    memcpy(out + sizeof start, community->b, sizeof community->b);
}

static void start_noise(struct transport *transport, const struct transport_door_key *door,
                        const struct box_public *responder) {
    struct handshake *handshake = transport->handshake;
    uint8_t prologue[PROLOGUE_BYTES];
    prologue_write(&door->community, prologue);
    noise_start(&handshake->noise, &(struct noise_setup){
                                       .initiator = responder != NULL,
                                       .prologue = BYTES_OF(prologue),
                                       .static_secret = &handshake->own_static,
                                       .responder_static = responder,
                                       .ephemeral_secret = &handshake->ephemeral,
                                       .psk0 = door->psk0,
                                       .psk3 = door->psk3,
                                   });
    transport->door = *door;
}

static enum err write_message_1(struct transport *transport, struct now now,
                                struct buffer *to_send) {
    size_t start = to_send->len;
    uint8_t dated[TIME_BYTES];
    write_u64(dated, (uint64_t)now.wall.ms);
    enum err err = write_message(transport, BYTES_OF(dated), MAC1_BYTES, to_send);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t *message = to_send->at + start + RECORD_LENGTH_BYTES;
    uint8_t prologue[PROLOGUE_BYTES];
    struct mac1_key key;
    prologue_write(&transport->door.community, prologue);
    mac1_key_make(&key, &transport->peer_static, transport->door.psk0);
    mac1_make(&key, BYTES_OF(prologue), (struct bytes){message, NOISE_1_BYTES},
              message + NOISE_1_BYTES);
    mac1_key_wipe(&key);
    return ERR_OK;
}

/* Appends length and handshake message, and leaves room for `trailer` bytes that the length counts
 * too. */
static enum err write_message(struct transport *transport, struct bytes payload, size_t trailer,
                              struct buffer *to_send) {
    struct noise *noise = &transport->handshake->noise;
    size_t len = noise_overhead(noise) + payload.len + trailer;
    uint8_t *at = NULL;
    enum err err = buffer_extend(to_send, RECORD_LENGTH_BYTES + len, &at);
    if (err != ERR_OK) {
        return err;
    }
    write_u16(at, (uint16_t)len);
    if (!noise_write(noise, payload, at + RECORD_LENGTH_BYTES)) {
        to_send->len -= RECORD_LENGTH_BYTES + len;
        return ERR_PEER_HANDSHAKE;
    }
    return ERR_OK;
}

/* Takes what the stage asks for; ends with an event, or having moved *input on. */
static enum err take_some(struct transport *transport, struct bytes *input, struct now now,
                          struct transport_event *event, struct buffer *to_send) {
    struct bytes frame = {NULL, 0};
    if (transport->stage == STAGE_BULK) {
        take_bulk(transport, input, event);
        return ERR_OK;
    }
    if (transport->stage == STAGE_CLOSED) {
        return ERR_PEER_SEQUENCE;
    }
    enum err err = take_frame(transport, input, &frame);
    if (err != ERR_OK || frame.len == 0) {
        return err;
    }
    switch (transport->stage) {
    case STAGE_MESSAGE_1:
        return take_message_1(transport, frame, now, to_send);
    case STAGE_MESSAGE_2:
        return take_message_2(transport, frame, event, to_send);
    case STAGE_MESSAGE_3:
        return take_message_3(transport, frame, event);
    case STAGE_RECORDS:
        return take_record(transport, frame, event);
    case STAGE_BULK:
    case STAGE_CLOSED:
    case STAGE_FAILED:
        break;
    }
    ASSERT(false);
    return ERR_PEER_SEQUENCE;
}

/* One whole frame with its length, or an empty one while bytes are missing. A record that lies
 * whole in the input stays there: it is decrypted from it into the buffer, without a copy.
 * Handshake messages are always gathered, since they are decrypted in place. */
static enum err take_frame(struct transport *transport, struct bytes *input, struct bytes *frame) {
    struct buffer *buffer = &transport->buffer;
    if (transport->stage == STAGE_RECORDS && buffer->len == 0 &&
        input->len >= RECORD_LENGTH_BYTES) {
        size_t whole = RECORD_LENGTH_BYTES + read_u16(input->at);
        if (!frame_len_valid(transport, whole - RECORD_LENGTH_BYTES)) {
            return ERR_PEER_MALFORMED;
        }
        if (input->len >= whole) {
            *frame = (struct bytes){input->at, whole};
            *input = (struct bytes){input->at + whole, input->len - whole};
            return ERR_OK;
        }
    }

    enum err err = gather(transport, input, RECORD_LENGTH_BYTES);
    if (err != ERR_OK || buffer->len < RECORD_LENGTH_BYTES) {
        return err;
    }
    size_t len = read_u16(buffer->at);
    if (transport->stage == STAGE_MESSAGE_1) {
        /* Read in full whatever it claims, so that a scanner sees one behaviour, not two. */
        len = MESSAGE_1_BYTES;
    } else if (!frame_len_valid(transport, len)) {
        return transport->established ? ERR_PEER_MALFORMED : ERR_PEER_HANDSHAKE;
    }
    err = gather(transport, input, RECORD_LENGTH_BYTES + len);
    if (err == ERR_OK && buffer->len == RECORD_LENGTH_BYTES + len) {
        *frame = buffer_bytes(buffer);
    }
    return err;
}

/* Moves input into the buffer until it holds `wanted` bytes or the input is used up. */
static enum err gather(struct transport *transport, struct bytes *input, size_t wanted) {
    struct buffer *buffer = &transport->buffer;
    if (buffer->len >= wanted) {
        return ERR_OK;
    }
    size_t len = wanted - buffer->len;
    if (len > input->len) {
        len = input->len;
    }
    enum err err = buffer_append(buffer, (struct bytes){input->at, len});
    if (err == ERR_OK) {
        *input = (struct bytes){input->at + len, input->len - len};
    }
    return err;
}

static bool frame_len_valid(const struct transport *transport, size_t len) {
    if (transport->established) {
        return record_sealed_len_valid(len);
    }
    size_t overhead = noise_overhead(&transport->handshake->noise);
    return len > overhead && len - overhead <= RECORD_PAYLOAD_MAX &&
           record_size_valid(len - overhead);
}

static enum err take_message_1(struct transport *transport, struct bytes frame, struct now now,
                               struct buffer *to_send) {
    struct handshake *handshake = transport->handshake;
    struct bytes message = {frame.at + RECORD_LENGTH_BYTES, NOISE_1_BYTES};
    if (read_u16(frame.at) != MESSAGE_1_BYTES) {
        return ERR_PEER_HANDSHAKE;
    }
    const struct transport_door_key *door = find_door(handshake, message, message.at + message.len);
    if (door == NULL) {
        return ERR_PEER_HANDSHAKE;
    }
    struct box_public ephemeral;
    memcpy(ephemeral.b, message.at, sizeof ephemeral.b);
    if (replay_seen(handshake->replay, &ephemeral)) {
        return ERR_PEER_REPEATED;
    }
    uint8_t dated[TIME_BYTES];
    start_noise(transport, door, NULL);
    if (!noise_read(&handshake->noise, message, dated)) {
        return ERR_PEER_HANDSHAKE;
    }
    if (!replay_time_valid(handshake->replay, read_u64(dated), now)) {
        return ERR_DENY_TIME;
    }
    replay_add(handshake->replay, &ephemeral);
    doors_destroy(handshake);
    buffer_clear(&transport->buffer);
    transport->stage = STAGE_MESSAGE_3;
    static const uint8_t nothing[256]; /* as record_pad() spells an empty payload */
    return write_message(
        transport, transport->door.bare ? BYTES_OF(nothing) : buffer_bytes(&handshake->payload), 0,
        to_send);
}

/* All keys are tried, also after one fits, so that the time does not tell which door it was. */
static const struct transport_door_key *find_door(const struct handshake *handshake,
                                                  struct bytes message, const uint8_t *mac) {
    const struct transport_door_key *found = NULL;
    for (size_t i = 0; i < handshake->door_count; i++) {
        const struct transport_door_key *door = &handshake->doors[i];
        uint8_t prologue[PROLOGUE_BYTES];
        struct mac1_key key;
        prologue_write(&door->community, prologue);
        mac1_key_make(&key, &handshake->own_public, door->psk0);
        if (mac1_check(&key, BYTES_OF(prologue), message, mac) && found == NULL) {
            found = door;
        }
        mac1_key_wipe(&key);
    }
    return found;
}

static enum err take_message_2(struct transport *transport, struct bytes frame,
                               struct transport_event *event, struct buffer *to_send) {
    struct bytes payload;
    enum err err = read_payload(transport, frame, &payload);
    if (err != ERR_OK) {
        return err;
    }
    err = write_message(transport, buffer_bytes(&transport->handshake->payload), 0, to_send);
    if (err != ERR_OK) {
        return err;
    }
    establish(transport, payload, event);
    return ERR_OK;
}

static enum err take_message_3(struct transport *transport, struct bytes frame,
                               struct transport_event *event) {
    struct bytes payload;
    enum err err = read_payload(transport, frame, &payload);
    if (err != ERR_OK) {
        return err;
    }
    transport->peer_static = *noise_remote_static(&transport->handshake->noise);
    establish(transport, payload, event);
    return ERR_OK;
}

/* The frame lies in our own buffer and is decrypted there. */
static enum err read_payload(struct transport *transport, struct bytes frame, struct bytes *out) {
    ASSERT(frame.at == transport->buffer.at);
    struct noise *noise = &transport->handshake->noise;
    size_t overhead = noise_overhead(noise);
    struct bytes message = {frame.at + RECORD_LENGTH_BYTES, frame.len - RECORD_LENGTH_BYTES};
    uint8_t *payload = transport->buffer.at + RECORD_LENGTH_BYTES + overhead - NOISE_TAG_BYTES;
    if (!noise_read(noise, message, payload)) {
        return ERR_PEER_HANDSHAKE;
    }
    if (!record_unpad((struct bytes){payload, message.len - overhead}, 0, out)) {
        return ERR_PEER_HANDSHAKE;
    }
    return ERR_OK;
}

static void establish(struct transport *transport, struct bytes payload,
                      struct transport_event *event) {
    uint8_t hash[NOISE_HASH_BYTES];
    noise_split(&transport->handshake->noise, &transport->to_send, &transport->to_receive, hash);
    handshake_destroy(transport->handshake);
    transport->handshake = NULL;
    secret_wipe(transport->door.psk0, sizeof transport->door.psk0);
    secret_wipe(transport->door.psk3, sizeof transport->door.psk3);
    transport->stage = STAGE_RECORDS;
    transport->established = true;
    transport->delivered = true;
    *event = (struct transport_event){
        .kind = TRANSPORT_EV_ESTABLISHED,
        .data = payload,
        .door = transport->door.door,
        .tag = transport->door.tag,
        .community = transport->door.community,
        .peer_static = transport->peer_static,
    };
    memcpy(event->session, hash, sizeof event->session);
}

static enum err take_record(struct transport *transport, struct bytes frame,
                            struct transport_event *event) {
    struct buffer *buffer = &transport->buffer;
    struct bytes sealed = {frame.at + RECORD_LENGTH_BYTES, frame.len - RECORD_LENGTH_BYTES};
    uint8_t *plain = NULL;
    if (buffer->len == 0) {
        enum err err = buffer_extend(buffer, sealed.len - NOISE_TAG_BYTES, &plain);
        if (err != ERR_OK) {
            return err;
        }
    } else {
        plain = buffer->at + RECORD_LENGTH_BYTES; /* gathered there: decrypt in place */
    }
    struct record record;
    if (!record_open(&transport->to_receive, sealed, plain, &record)) {
        return ERR_PEER_MALFORMED;
    }
    enum err err = take_plain(transport, &record, event);
    transport->delivered = true;
    if (event->kind == TRANSPORT_EV_NONE) {
        release_delivered(transport);
    }
    return err;
}

static enum err take_plain(struct transport *transport, const struct record *record,
                           struct transport_event *event) {
    if (record->type == TRANSPORT_TYPE_CLOSE) {
        if (record->data.len != 0) {
            return ERR_PEER_MALFORMED;
        }
        transport->stage = STAGE_CLOSED;
        *event = (struct transport_event){.kind = TRANSPORT_EV_CLOSED};
        return ERR_OK;
    }
    if (!transport_types_has(&transport->door.passes, record->type)) {
        return ERR_PEER_SEQUENCE;
    }
    if (record->type == TRANSPORT_TYPE_BULK) {
        if (record->data.len != 8 || read_u64(record->data.at) == 0) {
            return ERR_PEER_MALFORMED;
        }
        transport->bulk_remaining = read_u64(record->data.at);
        transport->stage = STAGE_BULK;
        return ERR_OK;
    }
    *event = (struct transport_event){
        .kind = TRANSPORT_EV_MESSAGE,
        .type = record->type,
        .data = record->data,
    };
    return ERR_OK;
}

static void take_bulk(struct transport *transport, struct bytes *input,
                      struct transport_event *event) {
    size_t len = input->len;
    if (len > transport->bulk_remaining) {
        len = (size_t)transport->bulk_remaining;
    }
    transport->bulk_remaining -= len;
    if (transport->bulk_remaining == 0) {
        transport->stage = STAGE_RECORDS;
    }
    *event = (struct transport_event){
        .kind = TRANSPORT_EV_BULK,
        .data = {input->at, len},
        .remaining = transport->bulk_remaining,
    };
    *input = (struct bytes){input->at + len, input->len - len};
}

/* A message may hold secrets (the epoch key comes in one): none outlives its delivery. */
static void release_delivered(struct transport *transport) {
    if (!transport->delivered) {
        return;
    }
    secret_wipe(transport->buffer.at, transport->buffer.len);
    buffer_clear(&transport->buffer);
    transport->delivered = false;
}

static void fail(struct transport *transport, enum err err) {
    handshake_destroy(transport->handshake);
    transport->handshake = NULL;
    noise_cipher_wipe(&transport->to_send);
    noise_cipher_wipe(&transport->to_receive);
    secret_wipe(transport->door.psk0, sizeof transport->door.psk0);
    secret_wipe(transport->door.psk3, sizeof transport->door.psk3);
    if (transport->buffer.at != NULL) {
        secret_wipe(transport->buffer.at, transport->buffer.len);
    }
    buffer_finish(&transport->buffer);
    transport->delivered = false;
    transport->stage = STAGE_FAILED;
    transport->failure = err;
}

static enum err send_record(struct transport *transport, uint8_t type, struct bytes data,
                            struct buffer *to_send) {
    if (transport->stage == STAGE_FAILED) {
        return transport->failure;
    }
    ASSERT(transport->established);
    ASSERT(!transport->closed);
    ASSERT(data.len <= TRANSPORT_DATA_MAX);
    uint8_t *at = NULL;
    enum err err = buffer_extend(to_send, record_wire_size(data.len), &at);
    if (err == ERR_OK) {
        record_seal(&transport->to_send, type, data, at);
    }
    return err;
}
