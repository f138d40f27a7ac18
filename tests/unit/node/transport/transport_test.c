#include "node/transport/transport.h"

#include <string.h>

#include "node/transport/record.h"
#include "node/transport/replay.h"
#include "tests/support/check.h"
#include "tests/support/link_pair.h"

enum {
    MESSAGE_1_WIRE = 2 + 48 + 8 + 16,
    RUN_BYTES = 100,
};

/* What one side heard, as bytes that can be compared. How a bulk run was cut up leaves no trace. */
static void note_event(const struct transport_event *event, struct buffer *heard) {
    uint8_t head[4] = {(uint8_t)event->kind, event->type, (uint8_t)(event->data.len >> 8),
                       (uint8_t)event->data.len};
    if (event->kind == TRANSPORT_EV_NONE) {
        return;
    }
    if (event->kind != TRANSPORT_EV_BULK) {
        CHECK_ERR(ERR_OK, buffer_append(heard, BYTES_OF(head)));
    }
    CHECK_ERR(ERR_OK, buffer_append(heard, event->data));
}

/* Feeds all of `input`; every event must come out. */
static void hear_all(struct transport *transport, struct bytes input, struct now now,
                     struct buffer *heard, struct buffer *to_send) {
    struct transport_event event = {.kind = TRANSPORT_EV_CLOSED};
    while (input.len > 0 || event.kind != TRANSPORT_EV_NONE) {
        CHECK_ERR(ERR_OK, transport_receive(transport, &input, now, &event, to_send));
        note_event(&event, heard);
    }
}

static void send_some(struct transport *transport, struct buffer *to_send) {
    static const uint8_t big[300] = {1, 2, 3};
    static const uint8_t run[RUN_BYTES] = {9, 8, 7};
    CHECK_ERR(ERR_OK, transport_send(transport, LINK_PAIR_TYPE, BYTES_TEXT("first"), to_send));
    CHECK_ERR(ERR_OK, transport_send_bulk(transport, sizeof run, to_send));
    CHECK_ERR(ERR_OK, buffer_append(to_send, BYTES_OF(run)));
    CHECK_ERR(ERR_OK, transport_send(transport, LINK_PAIR_TYPE, BYTES_OF(big), to_send));
    CHECK_ERR(ERR_OK, transport_send_close(transport, to_send));
}

/* Runs one side afresh over the recorded stream of the other, cut at every multiple of `chunk` and,
 * once, at `cut`. */
static void replay_stream(struct link_pair *pair, bool answerer, struct bytes stream, size_t cut,
                          size_t chunk, struct buffer *heard, struct buffer *sent) {
    buffer_clear(heard);
    buffer_clear(sent);
    buffer_clear(&pair->to_answerer);
    if (answerer) {
        transport_replay_destroy(pair->replay);
        pair->replay = transport_replay_create((struct now){.wall = {0}, .mono = {0}});
        CHECK(pair->replay != NULL);
        link_pair_answer(pair);
    } else {
        link_pair_dial(pair);
    }
    struct transport *side = answerer ? pair->answerer : pair->dialler;
    while (stream.len > 0) {
        size_t len = cut != 0 ? cut : chunk;
        len = len < stream.len ? len : stream.len;
        cut = 0;
        hear_all(side, (struct bytes){stream.at, len}, pair->now, heard, sent);
        stream = (struct bytes){stream.at + len, stream.len - len};
    }
    CHECK_ERR(ERR_OK, transport_end(side));
}

static void check_every_split(struct link_pair *pair, bool answerer, struct bytes stream) {
    struct buffer expected;
    struct buffer answer;
    struct buffer heard;
    struct buffer sent;
    buffer_init(&expected, 1 << 20);
    buffer_init(&answer, 1 << 20);
    buffer_init(&heard, 1 << 20);
    buffer_init(&sent, 1 << 20);
    replay_stream(pair, answerer, stream, 0, stream.len, &expected, &answer);
    CHECK(expected.len > 5 + RUN_BYTES + 300);
    CHECK(answer.len > 0);
    for (size_t cut = 1; cut < stream.len; cut++) {
        replay_stream(pair, answerer, stream, cut, stream.len, &heard, &sent);
        CHECK(bytes_equal(buffer_bytes(&expected), buffer_bytes(&heard)));
        CHECK(bytes_equal(buffer_bytes(&answer), buffer_bytes(&sent)));
    }
    for (size_t chunk = 1; chunk < 400; chunk += 7) {
        replay_stream(pair, answerer, stream, 0, chunk, &heard, &sent);
        CHECK(bytes_equal(buffer_bytes(&expected), buffer_bytes(&heard)));
        CHECK(bytes_equal(buffer_bytes(&answer), buffer_bytes(&sent)));
    }
    buffer_finish(&expected);
    buffer_finish(&answer);
    buffer_finish(&heard);
    buffer_finish(&sent);
}

static void test_events_do_not_depend_on_how_input_is_split(void **state) {
    (void)state;
    struct link_pair pair;
    struct buffer from_dialler;
    struct buffer from_answerer;
    struct transport_event event;
    link_pair_init(&pair);
    buffer_init(&from_dialler, 1 << 20);
    buffer_init(&from_answerer, 1 << 20);

    link_pair_dial(&pair);
    link_pair_answer(&pair);
    CHECK_ERR(ERR_OK, buffer_append(&from_dialler, buffer_bytes(&pair.to_answerer)));
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_OK, buffer_append(&from_answerer, buffer_bytes(&pair.to_dialler)));
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
    CHECK_ERR(ERR_OK, buffer_append(&from_dialler, buffer_bytes(&pair.to_answerer)));
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    send_some(pair.dialler, &from_dialler);
    send_some(pair.answerer, &from_answerer);

    check_every_split(&pair, true, buffer_bytes(&from_dialler));
    check_every_split(&pair, false, buffer_bytes(&from_answerer));
    buffer_finish(&from_dialler);
    buffer_finish(&from_answerer);
    link_pair_finish(&pair);
}

/* The certificate is checked before anything else of the peer is even decrypted. */
static void test_established_comes_alone_with_the_peers_key_and_payload(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_dial(&pair);
    link_pair_answer(&pair);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
    CHECK(event.kind == TRANSPORT_EV_ESTABLISHED);
    CHECK(bytes_equal(event.data, BYTES_TEXT("answerer's certificate")));
    CHECK(box_public_equal(&event.peer_static, &pair.answerer_public));
    CHECK_ERR(ERR_OK, transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("at once"),
                                     &pair.to_answerer));

    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK(event.kind == TRANSPORT_EV_ESTABLISHED);
    CHECK(bytes_equal(event.data, BYTES_TEXT("dialler's certificate")));
    CHECK(box_public_equal(&event.peer_static, &pair.dialler_public));
    CHECK(id_equal(&event.community, &pair.door.community));
    CHECK(event.tag == 77 && event.door == TRANSPORT_MEMBER);
    CHECK(pair.to_answerer.len == record_wire_size(7));

    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK(event.kind == TRANSPORT_EV_MESSAGE && event.type == LINK_PAIR_TYPE);
    CHECK(bytes_equal(event.data, BYTES_TEXT("at once")));
    link_pair_finish(&pair);
}

enum stranger {
    STRANGER_NOT, /* the control: this one is answered */
    STRANGER_WRONG_PSK0,
    STRANGER_WRONG_STATIC,
    STRANGER_WRONG_COMMUNITY,
    STRANGER_SLOW_CLOCK,
    STRANGER_FAST_CLOCK,
    STRANGER_BEFORE_START,
    STRANGER_REPLAY,
    STRANGER_BAD_LENGTH,
    STRANGER_LATE,
    STRANGER_NO_DOOR,
};

static void make_strange(struct link_pair *pair, enum stranger stranger) {
    struct transport_event event;
    struct now dialled = pair->now;
    switch (stranger) {
    case STRANGER_WRONG_PSK0:
        pair->door.psk0[0] ^= 1;
        break;
    case STRANGER_WRONG_STATIC:
        pair->answerer_public = pair->dialler_public;
        break;
    case STRANGER_WRONG_COMMUNITY:
        pair->door.community.b[31] ^= 1;
        break;
    case STRANGER_SLOW_CLOCK:
        pair->now.wall.ms -= TRANSPORT_SKEW_MS + 1;
        break;
    case STRANGER_FAST_CLOCK:
        pair->now.wall.ms += TRANSPORT_SKEW_MS + 1;
        break;
    case STRANGER_BEFORE_START:
        transport_replay_destroy(pair->replay);
        pair->replay = transport_replay_create(pair->now);
        link_pair_answer(pair);
        pair->now.wall.ms--;
        break;
    case STRANGER_REPLAY:
        link_pair_dial(pair);
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(pair, &event));
        buffer_clear(&pair->to_dialler);
        link_pair_answer(pair);
        break;
    case STRANGER_NOT:
    case STRANGER_BAD_LENGTH:
    case STRANGER_LATE:
    case STRANGER_NO_DOOR:
        break;
    }
    link_pair_dial(pair);
    pair->now = dialled;
    if (stranger == STRANGER_BAD_LENGTH) {
        pair->to_answerer.at[1] ^= 1;
    }
    if (stranger == STRANGER_LATE) {
        pair->now.mono.ms += TRANSPORT_HANDSHAKE_MS;
    }
    if (stranger == STRANGER_NO_DOOR) {
        const struct transport_answer_config config = {
            .own_static = &pair->answerer_static,
            .ephemeral = &pair->answerer_static,
            .replay = pair->replay,
        };
        transport_destroy(pair->answerer);
        CHECK_ERR(ERR_OK, transport_answer(&config, pair->now, &pair->answerer));
    }
}

static void test_strangers_get_silence(void **state) {
    (void)state;
    static const struct {
        enum stranger stranger;
        enum err err;
    } table[] = {
        {STRANGER_NOT, ERR_OK},
        {STRANGER_WRONG_PSK0, ERR_PEER_HANDSHAKE},
        {STRANGER_WRONG_STATIC, ERR_PEER_HANDSHAKE},
        {STRANGER_WRONG_COMMUNITY, ERR_PEER_HANDSHAKE},
        {STRANGER_SLOW_CLOCK, ERR_DENY_TIME},
        {STRANGER_FAST_CLOCK, ERR_DENY_TIME},
        {STRANGER_BEFORE_START, ERR_DENY_TIME},
        {STRANGER_REPLAY, ERR_PEER_REPEATED},
        {STRANGER_BAD_LENGTH, ERR_PEER_HANDSHAKE},
        {STRANGER_LATE, ERR_PEER_HANDSHAKE},
        {STRANGER_NO_DOOR, ERR_PEER_HANDSHAKE},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct link_pair pair;
        struct transport_event event;
        link_pair_init(&pair);
        link_pair_answer(&pair);
        make_strange(&pair, table[i].stranger);
        CHECK(pair.to_answerer.len == MESSAGE_1_WIRE);
        CHECK_ERR(table[i].err, link_pair_hear_answerer(&pair, &event));
        CHECK((pair.to_dialler.len > 0) == (table[i].err == ERR_OK));
        link_pair_finish(&pair);
    }
}

/* What a scanner sends is read to the same length, whatever is in it, and never answered. */
static void test_a_scanner_learns_nothing_before_its_74th_byte(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    for (unsigned fill = 0; fill < 256; fill++) {
        uint8_t noise[MESSAGE_1_WIRE];
        memset(noise, (int)fill, sizeof noise);
        link_pair_answer(&pair);
        struct bytes most = {noise, sizeof noise - 1};
        struct bytes last = {noise + sizeof noise - 1, 1};
        CHECK_ERR(ERR_OK,
                  transport_receive(pair.answerer, &most, pair.now, &event, &pair.to_dialler));
        CHECK(event.kind == TRANSPORT_EV_NONE && most.len == 0);
        CHECK_ERR(ERR_PEER_HANDSHAKE,
                  transport_receive(pair.answerer, &last, pair.now, &event, &pair.to_dialler));
    }
    CHECK(pair.to_dialler.len == 0);
    link_pair_finish(&pair);
}

static void test_changed_handshake_bytes_never_establish(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_dial(&pair);
    link_pair_answer(&pair);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    size_t message_2 = pair.to_dialler.len;
    CHECK(message_2 == 2 + 48 + 256);
    for (size_t at = 0; at < message_2; at++) {
        uint8_t copy[2 + 48 + 256];
        struct bytes input = BYTES_OF(copy);
        memcpy(copy, pair.to_dialler.at, sizeof copy);
        copy[at] ^= 0x10;
        buffer_clear(&pair.to_answerer);
        link_pair_dial(&pair);
        buffer_clear(&pair.to_answerer);
        enum err err = ERR_OK;
        event.kind = TRANSPORT_EV_NONE;
        err = transport_receive(pair.dialler, &input, pair.now, &event, &pair.to_answerer);
        if (err == ERR_OK) { /* the length now claims a larger class: it waits, then gives up */
            CHECK(at < 2 && event.kind == TRANSPORT_EV_NONE);
            pair.now.mono.ms += TRANSPORT_HANDSHAKE_MS;
            err = transport_receive(pair.dialler, &input, pair.now, &event, &pair.to_answerer);
        }
        CHECK_ERR(ERR_PEER_HANDSHAKE, err);
        CHECK(pair.to_answerer.len == 0);
    }
    link_pair_finish(&pair);
}

static void test_a_failed_call_sends_nothing_of_what_it_had_ready(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_dial(&pair);
    link_pair_answer(&pair);
    CHECK_ERR(ERR_OK, buffer_append(&pair.to_answerer, BYTES_TEXT("no message 3")));
    CHECK_ERR(ERR_PEER_HANDSHAKE, link_pair_hear_answerer(&pair, &event));
    CHECK(pair.to_dialler.len == 0);
    link_pair_finish(&pair);
}

static void test_a_differing_pairwise_secret_fails_the_last_message(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_answer(&pair);
    pair.door.psk3[0] = 1;
    link_pair_dial(&pair);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
    CHECK_ERR(ERR_PEER_HANDSHAKE, link_pair_hear_answerer(&pair, &event));
    CHECK(pair.to_dialler.len == 0);
    link_pair_finish(&pair);
}

static void test_an_answerer_finds_the_door_among_64(void **state) {
    (void)state;
    static struct transport_door_key doors[TRANSPORT_DOORS_MAX];
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    for (size_t i = 0; i < COUNT_OF(doors); i++) {
        doors[i] = pair.door;
        doors[i].tag = (uint32_t)i;
        doors[i].psk0[1] = (uint8_t)i;
    }
    for (size_t i = 0; i < COUNT_OF(doors); i += 21) {
        transport_replay_destroy(pair.replay);
        pair.replay = transport_replay_create((struct now){.wall = {0}, .mono = {0}});
        const struct transport_answer_config config = {
            .own_static = &pair.answerer_static,
            .doors = doors,
            .door_count = COUNT_OF(doors),
            .ephemeral = &pair.answerer_static,
            .replay = pair.replay,
        };
        transport_destroy(pair.answerer);
        CHECK_ERR(ERR_OK, transport_answer(&config, pair.now, &pair.answerer));
        pair.door = doors[i];
        link_pair_dial(&pair);
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
        CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
        CHECK(event.kind == TRANSPORT_EV_ESTABLISHED && event.tag == i);
    }
    link_pair_finish(&pair);
}

/* PROTOCOL 3.3: one secret behind two doors, or of two communities, opens one. */
static void test_each_door_has_its_own_key(void **state) {
    (void)state;
    static const uint8_t secret[32] = {1};
    struct id communities[2] = {{{1}}, {{2}}};
    uint8_t keys[10][32];
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        transport_psk0((enum transport_door)(i / 2), &communities[i % 2], BYTES_OF(secret),
                       keys[i]);
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(keys[i], keys[k], sizeof keys[i]) != 0);
        }
    }
}

static void test_a_type_that_the_door_does_not_pass_ends_the_link(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_establish(&pair);
    CHECK_ERR(ERR_OK, transport_send(pair.dialler, LINK_PAIR_SHUT_TYPE, BYTES_TEXT("x"),
                                     &pair.to_answerer));
    CHECK_ERR(ERR_PEER_SEQUENCE, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_PEER_SEQUENCE, link_pair_hear_answerer(&pair, &event)); /* for good */
    CHECK_ERR(ERR_PEER_SEQUENCE,
              transport_send(pair.answerer, LINK_PAIR_TYPE, BYTES_TEXT("x"), &pair.to_dialler));
    CHECK(pair.to_dialler.len == 0);
    link_pair_finish(&pair);

    link_pair_init(&pair);
    pair.door.passes.bits[3] = 0;
    link_pair_establish(&pair);
    CHECK_ERR(ERR_OK, transport_send_bulk(pair.dialler, 5, &pair.to_answerer));
    CHECK_ERR(ERR_PEER_SEQUENCE, link_pair_hear_answerer(&pair, &event));
    link_pair_finish(&pair);
}

/* Who has shown no secret is not told whose home it is (PROTOCOL 3.1, 4.6). */
static void test_a_bare_door_shows_nothing_of_the_answerer(void **state) {
    (void)state;
    for (int bare = 0; bare < 2; bare++) {
        struct link_pair pair;
        struct transport_event ours;
        struct transport_event theirs;
        link_pair_init(&pair);
        pair.door.bare = bare == 1;
        link_pair_dial(&pair);
        link_pair_answer(&pair);
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &theirs));
        CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &ours));
        CHECK(ours.kind == TRANSPORT_EV_ESTABLISHED && (ours.data.len == 0) == (bare == 1));
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &theirs));
        CHECK(theirs.kind == TRANSPORT_EV_ESTABLISHED);
        CHECK(memcmp(ours.session, theirs.session, sizeof ours.session) == 0);
        link_pair_finish(&pair);
    }
}

static void test_only_a_close_record_ends_a_link_in_good_order(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_establish(&pair);
    CHECK_ERR(ERR_PEER_TRUNCATED, transport_end(pair.answerer));
    CHECK_ERR(ERR_OK,
              transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("x"), &pair.to_answerer));
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_PEER_TRUNCATED, transport_end(pair.answerer));
    CHECK_ERR(ERR_OK, transport_send_close(pair.dialler, &pair.to_answerer));
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK(event.kind == TRANSPORT_EV_CLOSED);
    CHECK_ERR(ERR_OK, transport_end(pair.answerer));

    struct bytes more = BYTES_TEXT("!");
    CHECK_ERR(ERR_PEER_SEQUENCE,
              transport_receive(pair.answerer, &more, pair.now, &event, &pair.to_dialler));
    link_pair_finish(&pair);
}

/* PROTOCOL 3.6: no copy is made of the bytes of a run, and records go on right behind it. */
static void test_a_bulk_run_passes_as_it_lies(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    uint8_t run[RUN_BYTES];
    memset(run, 0xee, sizeof run);
    link_pair_init(&pair);
    link_pair_establish(&pair);
    CHECK_ERR(ERR_OK, transport_send_bulk(pair.dialler, sizeof run, &pair.to_answerer));
    size_t start = pair.to_answerer.len;
    CHECK_ERR(ERR_OK, buffer_append(&pair.to_answerer, BYTES_OF(run)));
    CHECK_ERR(ERR_OK,
              transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("after"), &pair.to_answerer));

    struct bytes input = {pair.to_answerer.at, start + 30};
    CHECK_ERR(ERR_OK, transport_receive(pair.answerer, &input, pair.now, &event, &pair.to_dialler));
    CHECK(event.kind == TRANSPORT_EV_BULK && event.remaining == sizeof run - 30);
    CHECK(event.data.at == pair.to_answerer.at + start && event.data.len == 30);
    CHECK_ERR(ERR_PEER_TRUNCATED, transport_end(pair.answerer));

    input = (struct bytes){input.at, pair.to_answerer.len - start - 30};
    CHECK_ERR(ERR_OK, transport_receive(pair.answerer, &input, pair.now, &event, &pair.to_dialler));
    CHECK(event.kind == TRANSPORT_EV_BULK && event.remaining == 0);
    CHECK(event.data.len == sizeof run - 30);
    CHECK_ERR(ERR_OK, transport_receive(pair.answerer, &input, pair.now, &event, &pair.to_dialler));
    CHECK(event.kind == TRANSPORT_EV_MESSAGE);
    CHECK(bytes_equal(event.data, BYTES_TEXT("after")));
    link_pair_finish(&pair);
}

/* PROTOCOL 3.5: the key changes with every 1024th record of a direction, and only then. */
static void test_each_direction_rekeys_after_1024_records(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_establish(&pair);
    for (unsigned i = 0; i < 2 * TRANSPORT_REKEY_RECORDS + 3; i++) {
        uint8_t number[4];
        write_u32(number, i);
        CHECK_ERR(ERR_OK, transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_OF(number),
                                         &pair.to_answerer));
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
        CHECK(event.kind == TRANSPORT_EV_MESSAGE && read_u32(event.data.at) == i);
    }
    CHECK_ERR(ERR_OK,
              transport_send(pair.answerer, LINK_PAIR_TYPE, BYTES_TEXT("back"), &pair.to_dialler));
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
    CHECK(bytes_equal(event.data, BYTES_TEXT("back")));
    link_pair_finish(&pair);

    struct noise_cipher cipher = {.key = {1}};
    struct noise_cipher before = cipher;
    for (unsigned i = 1; i <= TRANSPORT_REKEY_RECORDS; i++) {
        uint8_t wire[2 + 256 + 16];
        CHECK(memcmp(cipher.key, before.key, sizeof cipher.key) == 0);
        record_seal(&cipher, LINK_PAIR_TYPE, (struct bytes){NULL, 0}, wire);
    }
    noise_rekey(&before);
    CHECK(memcmp(cipher.key, before.key, sizeof cipher.key) == 0);
    CHECK(cipher.nonce == TRANSPORT_REKEY_RECORDS);
}

/* PROTOCOL 3.4: five lengths are all that shows on the wire. */
static void test_wire_length_tells_only_the_size_class(void **state) {
    (void)state;
    static const struct {
        size_t data, wire;
    } table[] = {
        {0, 274},       {1, 274},       {253, 274},     {254, 1042},
        {1021, 1042},   {1022, 4114},   {4093, 4114},   {4094, 16402},
        {16381, 16402}, {16382, 65537}, {65515, 65537}, {TRANSPORT_DATA_MAX, TRANSPORT_WIRE_MAX},
    };
    static uint8_t data[TRANSPORT_DATA_MAX];
    struct link_pair pair;
    struct transport_event event;
    memset(data, 0x5a, sizeof data);
    link_pair_init(&pair);
    link_pair_establish(&pair);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct bytes sent = {data, table[i].data};
        CHECK_ERR(ERR_OK, transport_send(pair.dialler, LINK_PAIR_TYPE, sent, &pair.to_answerer));
        CHECK(pair.to_answerer.len == table[i].wire);
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
        CHECK(event.kind == TRANSPORT_EV_MESSAGE && bytes_equal(event.data, sent));
    }
    link_pair_finish(&pair);
}

static void test_a_length_of_no_class_is_refused_at_once(void **state) {
    (void)state;
    static const uint16_t lengths[] = {0, 15, 16, 271, 273, 1039, 1041, 4113, 16399, 65534};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        struct link_pair pair;
        struct transport_event event;
        uint8_t wire[2];
        struct bytes input = BYTES_OF(wire);
        write_u16(wire, lengths[i]);
        link_pair_init(&pair);
        link_pair_establish(&pair);
        CHECK_ERR(ERR_PEER_MALFORMED,
                  transport_receive(pair.answerer, &input, pair.now, &event, &pair.to_dialler));
        link_pair_finish(&pair);
    }
}

/* Padding that could carry something, or a class larger than needed, would be a second spelling. */
static void test_a_record_has_one_spelling(void **state) {
    (void)state;
    static const struct {
        size_t plain, len, stray;
        bool good;
    } table[] = {
        {256, 5, 0, true},   {256, 5, 255, false}, {256, 5, 8, false},     {256, 254, 0, false},
        {1024, 5, 0, false}, {256, 253, 0, true},  {256, 65535, 0, false}, {1024, 254, 0, true},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct noise_cipher writer = {.key = {1}};
        struct noise_cipher reader = writer;
        uint8_t plain[1024] = {LINK_PAIR_TYPE};
        uint8_t sealed[1024 + NOISE_TAG_BYTES];
        struct record record;
        write_u16(plain + 1, (uint16_t)table[i].len);
        if (table[i].stray != 0) {
            plain[table[i].stray] = 1;
        }
        CHECK(noise_seal(&writer, (struct bytes){NULL, 0}, (struct bytes){plain, table[i].plain},
                         sealed));
        CHECK(record_open(&reader, (struct bytes){sealed, table[i].plain + NOISE_TAG_BYTES}, sealed,
                          &record) == table[i].good);
    }
}

static void test_close_and_bulk_records_have_fixed_data(void **state) {
    (void)state;
    static const struct {
        size_t len;
        enum err err;
        uint8_t type;
        uint8_t last;
    } table[] = {
        {0, ERR_OK, TRANSPORT_TYPE_CLOSE, 0},
        {1, ERR_PEER_MALFORMED, TRANSPORT_TYPE_CLOSE, 0},
        {8, ERR_OK, TRANSPORT_TYPE_BULK, 1},
        {8, ERR_PEER_MALFORMED, TRANSPORT_TYPE_BULK, 0},
        {7, ERR_PEER_MALFORMED, TRANSPORT_TYPE_BULK, 1},
        {9, ERR_PEER_MALFORMED, TRANSPORT_TYPE_BULK, 1},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct link_pair pair;
        struct transport_event event;
        struct noise_cipher cipher;
        uint8_t payload[256] = {0};
        uint8_t data[10] = {0};
        uint8_t wire[2 + 256 + NOISE_TAG_BYTES];
        struct bytes input = BYTES_OF(wire);
        link_pair_init(&pair);
        link_pair_answer(&pair);
        link_pair_insider(&pair, BYTES_OF(payload), &cipher);
        CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
        CHECK(event.kind == TRANSPORT_EV_ESTABLISHED && event.data.len == 0);
        if (table[i].len > 0) {
            data[table[i].len - 1] = table[i].last;
        }
        record_seal(&cipher, table[i].type, (struct bytes){data, table[i].len}, wire);
        CHECK_ERR(table[i].err,
                  transport_receive(pair.answerer, &input, pair.now, &event, &pair.to_dialler));
        link_pair_finish(&pair);
    }
}

static void test_every_changed_byte_of_a_record_ends_the_link(void **state) {
    (void)state;
    for (size_t at = 0; at < 274; at++) {
        struct link_pair pair;
        struct transport_event event;
        link_pair_init(&pair);
        link_pair_establish(&pair);
        CHECK_ERR(ERR_OK,
                  transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("x"), &pair.to_answerer));
        pair.to_answerer.at[at] ^= 0x80;
        CHECK_ERR(ERR_PEER_MALFORMED, link_pair_hear_answerer(&pair, &event));
        link_pair_finish(&pair);
    }
}

static void test_a_full_buffer_costs_no_record(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    struct buffer small;
    link_pair_init(&pair);
    link_pair_establish(&pair);
    buffer_init(&small, 273);
    CHECK_ERR(ERR_FULL_BUFFER,
              transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("lost"), &small));
    CHECK(small.len == 0);
    CHECK_ERR(ERR_OK,
              transport_send(pair.dialler, LINK_PAIR_TYPE, BYTES_TEXT("kept"), &pair.to_answerer));
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK(bytes_equal(event.data, BYTES_TEXT("kept")));
    buffer_finish(&small);
    link_pair_finish(&pair);
}

static void test_the_deadline_is_5_seconds_and_ends_with_the_handshake(void **state) {
    (void)state;
    struct link_pair pair;
    struct transport_event event;
    link_pair_init(&pair);
    link_pair_dial(&pair);
    link_pair_answer(&pair);
    CHECK(transport_deadline(pair.dialler).ms == pair.now.mono.ms + 5000);
    CHECK(transport_deadline(pair.answerer).ms == pair.now.mono.ms + 5000);
    pair.now.mono.ms += 4999;
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(&pair, &event));
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(&pair, &event));
    CHECK(transport_deadline(pair.dialler).ms == TICK_NEVER.ms);
    pair.now.mono.ms += 1;
    CHECK_ERR(ERR_PEER_HANDSHAKE, link_pair_hear_answerer(&pair, &event));
    link_pair_finish(&pair);
}

static void test_the_last_4096_first_messages_are_remembered(void **state) {
    (void)state;
    struct transport_replay *replay = transport_replay_create((struct now){{0}, {0}});
    struct box_public ephemeral = {{0}};
    CHECK(replay != NULL);
    for (uint32_t i = 0; i <= TRANSPORT_REPLAY_MAX; i++) {
        write_u32(ephemeral.b, i);
        CHECK(!replay_seen(replay, &ephemeral));
        replay_add(replay, &ephemeral);
        CHECK(replay_seen(replay, &ephemeral));
    }
    write_u32(ephemeral.b, 0);
    CHECK(!replay_seen(replay, &ephemeral));
    write_u32(ephemeral.b, 1);
    CHECK(replay_seen(replay, &ephemeral));
    transport_replay_destroy(replay);
}

/* A clock set back an hour after the start must not lock everybody out for an hour. */
static void test_the_start_is_reckoned_by_the_clock_of_today(void **state) {
    (void)state;
    const int64_t start = INT64_C(1795500000000);
    struct transport_replay *replay =
        transport_replay_create((struct now){.wall = {start}, .mono = {5000}});
    struct now now = {.wall = {start - DURATION_HOUR_MS}, .mono = {5000 + 60000}};
    CHECK(replay != NULL);
    CHECK(replay_time_valid(replay, (uint64_t)now.wall.ms, now));
    CHECK(replay_time_valid(replay, (uint64_t)now.wall.ms - 60000, now));
    CHECK(!replay_time_valid(replay, (uint64_t)now.wall.ms - 60001, now));
    CHECK(!replay_time_valid(replay, UINT64_MAX, now));
    transport_replay_destroy(replay);
}

static int start_crypto(void **state) {
    (void)state;
    return crypto_start() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_do_not_depend_on_how_input_is_split),
        cmocka_unit_test(test_established_comes_alone_with_the_peers_key_and_payload),
        cmocka_unit_test(test_strangers_get_silence),
        cmocka_unit_test(test_a_scanner_learns_nothing_before_its_74th_byte),
        cmocka_unit_test(test_changed_handshake_bytes_never_establish),
        cmocka_unit_test(test_a_failed_call_sends_nothing_of_what_it_had_ready),
        cmocka_unit_test(test_a_differing_pairwise_secret_fails_the_last_message),
        cmocka_unit_test(test_an_answerer_finds_the_door_among_64),
        cmocka_unit_test(test_each_door_has_its_own_key),
        cmocka_unit_test(test_a_type_that_the_door_does_not_pass_ends_the_link),
        cmocka_unit_test(test_a_bare_door_shows_nothing_of_the_answerer),
        cmocka_unit_test(test_only_a_close_record_ends_a_link_in_good_order),
        cmocka_unit_test(test_a_bulk_run_passes_as_it_lies),
        cmocka_unit_test(test_each_direction_rekeys_after_1024_records),
        cmocka_unit_test(test_wire_length_tells_only_the_size_class),
        cmocka_unit_test(test_a_length_of_no_class_is_refused_at_once),
        cmocka_unit_test(test_a_record_has_one_spelling),
        cmocka_unit_test(test_close_and_bulk_records_have_fixed_data),
        cmocka_unit_test(test_every_changed_byte_of_a_record_ends_the_link),
        cmocka_unit_test(test_a_full_buffer_costs_no_record),
        cmocka_unit_test(test_the_deadline_is_5_seconds_and_ends_with_the_handshake),
        cmocka_unit_test(test_the_last_4096_first_messages_are_remembered),
        cmocka_unit_test(test_the_start_is_reckoned_by_the_clock_of_today),
    };
    return cmocka_run_group_tests(tests, start_crypto, NULL);
}
