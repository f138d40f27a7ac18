#include "tests/support/link_pair.h"

#include <string.h>

#include "tests/support/check.h"

static enum err hear(struct transport *transport, struct buffer *waiting, struct buffer *answer,
                     struct now now, struct transport_event *event);

enum {
    WAITING_MAX = 64 * 1024 * 1024,
    EPHEMERAL_DIALLER = 5, /* each byte of it */
    EPHEMERAL_ANSWERER = 6,
};

static const struct now start = {.wall = {INT64_C(1795500000000)}, .mono = {7200000}};

void link_pair_init(struct link_pair *pair) {
    memset(pair, 0, sizeof *pair);
    pair->now = start;
    memset(pair->dialler_static.b, 1, sizeof pair->dialler_static.b);
    memset(pair->answerer_static.b, 2, sizeof pair->answerer_static.b);
    box_public_of(&pair->dialler_static, &pair->dialler_public);
    box_public_of(&pair->answerer_static, &pair->answerer_public);
    pair->door = (struct transport_door_key){.door = TRANSPORT_MEMBER, .tag = 77};
    memset(pair->door.community.b, 3, sizeof pair->door.community.b);
    memset(pair->door.psk0, 4, sizeof pair->door.psk0);
    transport_types_add(&pair->door.passes, LINK_PAIR_TYPE);
    transport_types_add(&pair->door.passes, TRANSPORT_TYPE_BULK);
    struct now earlier = {.wall = {pair->now.wall.ms - DURATION_HOUR_MS},
                          .mono = {pair->now.mono.ms - DURATION_HOUR_MS}};
    pair->replay = transport_replay_create(earlier);
    CHECK(pair->replay != NULL);
    buffer_init(&pair->to_answerer, WAITING_MAX);
    buffer_init(&pair->to_dialler, WAITING_MAX);
}

void link_pair_finish(struct link_pair *pair) {
    transport_destroy(pair->dialler);
    transport_destroy(pair->answerer);
    transport_replay_destroy(pair->replay);
    buffer_finish(&pair->to_answerer);
    buffer_finish(&pair->to_dialler);
}

void link_pair_dial(struct link_pair *pair) {
    struct box_secret ephemeral;
    memset(ephemeral.b, EPHEMERAL_DIALLER, sizeof ephemeral.b);
    transport_destroy(pair->dialler);
    pair->dialler = NULL;
    const struct transport_dial_config config = {
        .own_static = &pair->dialler_static,
        .responder = &pair->answerer_public,
        .door = &pair->door,
        .ephemeral = &ephemeral,
        .payload = BYTES_TEXT("dialler's certificate"),
    };
    CHECK_ERR(ERR_OK, transport_dial(&config, pair->now, &pair->to_answerer, &pair->dialler));
}

void link_pair_answer(struct link_pair *pair) {
    struct box_secret ephemeral;
    memset(ephemeral.b, EPHEMERAL_ANSWERER, sizeof ephemeral.b);
    transport_destroy(pair->answerer);
    pair->answerer = NULL;
    const struct transport_answer_config config = {
        .own_static = &pair->answerer_static,
        .doors = &pair->door,
        .door_count = 1,
        .ephemeral = &ephemeral,
        .payload = BYTES_TEXT("answerer's certificate"),
        .replay = pair->replay,
    };
    CHECK_ERR(ERR_OK, transport_answer(&config, pair->now, &pair->answerer));
}

void link_pair_establish(struct link_pair *pair) {
    struct transport_event event;
    link_pair_dial(pair);
    link_pair_answer(pair);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(pair, &event));
    CHECK(event.kind == TRANSPORT_EV_NONE);
    CHECK_ERR(ERR_OK, link_pair_hear_dialler(pair, &event));
    CHECK(event.kind == TRANSPORT_EV_ESTABLISHED);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(pair, &event));
    CHECK(event.kind == TRANSPORT_EV_ESTABLISHED);
    CHECK(pair->to_answerer.len == 0);
    CHECK(pair->to_dialler.len == 0);
}

void link_pair_insider(struct link_pair *pair, struct bytes payload, struct noise_cipher *cipher) {
    struct noise noise;
    struct noise_cipher unused;
    struct box_secret ephemeral;
    struct transport_event event;
    uint8_t prologue[7 + 32] = {'s', 't', 'o', 'o', 'p', 1, 1};
    uint8_t hash[NOISE_HASH_BYTES];
    uint8_t message[NOISE_OVERHEAD_1 + 8];
    uint8_t padded[256];
    uint8_t dated[8];
    uint8_t *at = NULL;

    /* Message 1 is the engine's, with its mac1; this side takes the same steps. */
    link_pair_dial(pair);
    memset(ephemeral.b, EPHEMERAL_DIALLER, sizeof ephemeral.b);
    memcpy(prologue + 7, pair->door.community.b, 32);
    noise_start(&noise, &(struct noise_setup){
                            .initiator = true,
                            .prologue = BYTES_OF(prologue),
                            .static_secret = &pair->dialler_static,
                            .responder_static = &pair->answerer_public,
                            .ephemeral_secret = &ephemeral,
                            .psk0 = pair->door.psk0,
                            .psk3 = pair->door.psk3,
                        });
    write_u64(dated, (uint64_t)pair->now.wall.ms);
    CHECK(noise_write(&noise, BYTES_OF(dated), message));
    CHECK(memcmp(message, pair->to_answerer.at + 2, sizeof message) == 0);
    CHECK_ERR(ERR_OK, link_pair_hear_answerer(pair, &event));
    struct bytes answer = {pair->to_dialler.at + 2, pair->to_dialler.len - 2};
    CHECK(answer.len == NOISE_OVERHEAD_2 + sizeof padded);
    CHECK(noise_read(&noise, answer, padded));

    size_t len = NOISE_OVERHEAD_3 + payload.len;
    CHECK_ERR(ERR_OK, buffer_extend(&pair->to_answerer, 2 + len, &at));
    write_u16(at, (uint16_t)len);
    CHECK(noise_write(&noise, payload, at + 2));
    noise_split(&noise, cipher, &unused, hash);
}

enum err link_pair_hear_answerer(struct link_pair *pair, struct transport_event *event) {
    return hear(pair->answerer, &pair->to_answerer, &pair->to_dialler, pair->now, event);
}

enum err link_pair_hear_dialler(struct link_pair *pair, struct transport_event *event) {
    return hear(pair->dialler, &pair->to_dialler, &pair->to_answerer, pair->now, event);
}

static enum err hear(struct transport *transport, struct buffer *waiting, struct buffer *answer,
                     struct now now, struct transport_event *event) {
    struct bytes input = buffer_bytes(waiting);
    enum err err = transport_receive(transport, &input, now, event, answer);
    buffer_drop_front(waiting, waiting->len - input.len);
    return err;
}
