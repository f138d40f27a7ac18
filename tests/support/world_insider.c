/* Hostile members: a transport of their own with a member's keys, and no core behind it. */
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/support/world_parts.h"

enum {
    HEARD_MAX = 16 * 1024 * 1024,
    HANDSHAKE_STEPS = 4,
};

static void start(struct world_insider *insider, struct world *world, int home, int as);
static bool dial(struct world_insider *insider, enum transport_door by, const uint8_t secret[32],
                 struct bytes payload);
static void forget(struct world *world, const struct world_insider *insider);
static void member_secret(struct world *world, int number, uint8_t out[32]);
static void delivery_secret(struct world *world, int number, const struct id *request,
                            uint8_t out[32]);
static void own_certificate(struct world *world, int as, struct buffer *out);
static void pass_all(struct transport_door_key *door);
static bool is_dialled(struct world *world, void *context);
static bool established(struct world_insider *insider, struct buffer *bytes);
static bool flush(struct world_insider *insider, struct buffer *bytes);

bool world_insider_dial(struct world *world, int as, int number, const struct id *request,
                        struct bytes certificate, struct world_insider *out) {
    uint8_t secret[32] = {0};
    SCOPED(buffer_finish) struct buffer payload = {.max = TRANSPORT_PAYLOAD_MAX};
    if (request == NULL && certificate.len == 0) {
        own_certificate(world, as, &payload);
    }
    ASSERT(buffer_append(&payload, certificate) == ERR_OK);
    start(out, world, number, as);
    if (request != NULL) {
        delivery_secret(world, number, request, secret);
        return dial(out, TRANSPORT_DELIVERY, secret, buffer_bytes(&payload));
    }
    const struct link_message neighbour = {.kind = LINK_NEIGHBOUR,
                                           .as.neighbour.wish = NEIGHBOUR_NONE};
    member_secret(world, number, secret);
    return dial(out, TRANSPORT_MEMBER, secret, buffer_bytes(&payload)) &&
           world_insider_say(out, &neighbour);
}

bool world_insider_knock(struct world *world, int as, int home, struct world_insider *out) {
    uint8_t secret[32] = {0};
    SCOPED(buffer_finish) struct buffer payload = {.max = TRANSPORT_PAYLOAD_MAX};
    own_certificate(world, as, &payload);
    member_secret(world, home, secret);
    start(out, world, home, as);
    return dial(out, TRANSPORT_MEMBER, secret, buffer_bytes(&payload));
}

bool world_insider_compare(struct world *world, int as, int home, struct world_insider *out) {
    uint8_t secret[32] = {0};
    SCOPED(buffer_finish) struct buffer payload = {.max = TRANSPORT_PAYLOAD_MAX};
    own_certificate(world, as, &payload);
    member_secret(world, home, secret);
    start(out, world, home, as);
    return dial(out, TRANSPORT_MEET, secret, buffer_bytes(&payload));
}

static bool dial(struct world_insider *insider, enum transport_door by, const uint8_t secret[32],
                 struct bytes payload) {
    struct world *world = insider->world;
    struct world_home *home = &world->homes[insider->home];
    struct transport_door_key door = {.door = by, .community = world->community};
    struct box_secret ephemeral;
    SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
    pass_all(&door);
    transport_psk0(by, &world->community, (struct bytes){secret, 32}, door.psk0);
    world_draw_secret(&ephemeral);
    struct transport_dial_config config = {.own_static = &world->homes[insider->as].keys.box,
                                           .responder = &home->transport,
                                           .door = &door,
                                           .ephemeral = &ephemeral,
                                           .payload = payload};
    insider->link = home->next_link;
    insider->open = true;
    home->next_link += 2;
    ASSERT(transport_dial(&config, world_now(world, insider->home), &bytes, &insider->transport) ==
           ERR_OK);
    world_turn(world, insider->home,
               &(struct core_event){.kind = CORE_EV_LINK_IN, .link = insider->link});
    return established(insider, &bytes);
}

bool world_insider_return(struct world *world, int as, int home, struct world_insider *out) {
    if (world_insider_dial(world, as, home, NULL, NO_BYTES, out)) {
        return true;
    }
    world_insider_hang_up(out);
    world_kill(world, home);
    return world_start(world, home) == ERR_OK &&
           world_insider_dial(world, as, home, NULL, NO_BYTES, out);
}

void world_insider_listen(struct world *world, int as, int home, struct world_insider *out) {
    start(out, world, home, as);
    out->listens = true;
}

bool world_insider_answer(struct world_insider *insider, const char *code) {
    struct world *world = insider->world;
    struct invite_code invite;
    struct box_secret ephemeral;
    SCOPED(buffer_finish) struct buffer bytes = {.max = 65536};
    ASSERT(invite_code_read(code, &invite) == ERR_OK);
    if (!world_run_until(world, DURATION_MINUTE_MS, is_dialled, insider)) {
        return false;
    }
    struct transport_door_key door = {.door = TRANSPORT_JOIN, .community = invite.community};
    pass_all(&door);
    transport_psk0(TRANSPORT_JOIN, &invite.community, BYTES_OF(invite.secret), door.psk0);
    world_draw_secret(&ephemeral);
    struct now now = world_now(world, insider->home);
    struct now before = now; /* as a process that was there already */
    before.wall.ms -= DURATION_HOUR_MS;
    struct transport_replay *replay = transport_replay_create(before);
    struct transport_answer_config config = {.own_static = &world->homes[insider->as].keys.box,
                                             .doors = &door,
                                             .door_count = 1,
                                             .ephemeral = &ephemeral,
                                             .replay = replay};
    ASSERT(transport_answer(&config, now, &insider->transport) == ERR_OK);
    world_turn(world, insider->home,
               &(struct core_event){.kind = CORE_EV_LINK_OUT, .link = insider->link});
    bool there = established(insider, &bytes);
    transport_replay_destroy(replay);
    return there;
}

void world_insider_hang_up(struct world_insider *insider) {
    struct world *world = insider->world;
    if (insider->open && world->homes[insider->home].core != NULL) {
        world_turn(world, insider->home,
                   &(struct core_event){.kind = CORE_EV_LINK_DOWN, .link = insider->link});
    }
    transport_destroy(insider->transport);
    buffer_finish(&insider->heard);
    forget(world, insider);
    *insider = (struct world_insider){0};
}

bool world_insider_say(struct world_insider *insider, const struct link_message *message) {
    SCOPED(buffer_finish) struct buffer body = {.max = TRANSPORT_DATA_MAX};
    ASSERT(link_encode(message, &body) == ERR_OK);
    return world_insider_say_bytes(insider, (uint8_t)message->kind, buffer_bytes(&body));
}

bool world_insider_say_bytes(struct world_insider *insider, uint8_t type, struct bytes body) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = 2 * TRANSPORT_WIRE_MAX};
    if (!insider->open) {
        return false;
    }
    ASSERT(transport_send(insider->transport, type, body, &bytes) == ERR_OK);
    return flush(insider, &bytes);
}

bool world_insider_gossip(struct world_insider *insider, struct bytes object) {
    const struct link_message message = {.kind = LINK_GOSSIP, .as.gossip.object = object};
    return world_insider_say(insider, &message);
}

bool world_insider_hear(struct world_insider *insider, struct link_message *out) {
    struct transport_event event;
    struct bytes input = buffer_bytes(&insider->heard);
    SCOPED(buffer_finish) struct buffer none = {.max = 65536};
    if (transport_receive(insider->transport, &input, world_now(insider->world, insider->home),
                          &event, &none) != ERR_OK) {
        return false;
    }
    buffer_drop_front(&insider->heard, insider->heard.len - input.len);
    return event.kind == TRANSPORT_EV_MESSAGE && link_decode(event.type, event.data, out) == ERR_OK;
}

/* ---- what the world tells of it ---- */

struct world_insider *world_insider_of(const struct world *world, int home, uint64_t link) {
    struct world_insider *insider = world->insiders;
    while (insider != NULL && (insider->home != home || insider->link != link)) {
        insider = insider->next;
    }
    return insider;
}

bool world_insider_dialled(struct world *world, int home, int to, uint64_t link) {
    struct world_insider *insider = world->insiders;
    while (insider != NULL && !(insider->listens && insider->home == home && insider->as == to)) {
        insider = insider->next;
    }
    if (insider != NULL) {
        insider->link = link;
        insider->listens = false;
        insider->open = true;
    }
    return insider != NULL;
}

void world_insider_closed(struct world_insider *insider) {
    insider->open = false;
    forget(insider->world, insider);
}

void world_insider_kill(struct world *world, int home) {
    for (struct world_insider *insider = world->insiders; insider != NULL;) {
        struct world_insider *next = insider->next;
        if (insider->home == home && insider->open) {
            world_insider_closed(insider);
        }
        insider = next;
    }
}

/* ---- helpers ---- */

static void start(struct world_insider *insider, struct world *world, int home, int as) {
    forget(world, insider); /* its last call may never have been ended */
    *insider = (struct world_insider){.world = world, .home = home, .as = as};
    buffer_init(&insider->heard, HEARD_MAX);
    insider->next = world->insiders;
    world->insiders = insider;
}

static void forget(struct world *world, const struct world_insider *insider) {
    struct world_insider **at = &world->insiders;
    while (*at != NULL && *at != insider) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = insider->next;
    }
}

static void member_secret(struct world *world, int number, uint8_t out[32]) {
    memcpy(out, world->homes[number].core->epoch_key, EPOCH_KEY_BYTES);
}

static void delivery_secret(struct world *world, int number, const struct id *request,
                            uint8_t out[32]) {
    struct store *store = world->homes[number].store;
    struct store_object row;
    struct signed_object object;
    struct request asked;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_get(store, request, &row) == ERR_OK);
    ASSERT(signed_decode(row.object, &object) == ERR_OK);
    ASSERT(request_decode(object.body, &asked) == ERR_OK);
    store_roll_back(store);
    request_delivery_psk(request, &asked.key, out);
}

/* From itself: others may know it no more. */
static void own_certificate(struct world *world, int as, struct buffer *out) {
    struct store *store = world->homes[as].store;
    struct store_object row;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_get(store, &world->homes[as].certificate, &row) == ERR_OK);
    ASSERT(buffer_append(out, row.object) == ERR_OK);
    store_roll_back(store);
}

static void pass_all(struct transport_door_key *door) {
    for (unsigned type = 0; type < 256; type++) {
        transport_types_add(&door->passes, (uint8_t)type);
    }
}

static bool is_dialled(struct world *world, void *context) {
    const struct world_insider *insider = context;
    (void)world;
    return !insider->listens;
}

/* Carries `bytes` and what comes back to and fro until the handshake is done. */
static bool established(struct world_insider *insider, struct buffer *bytes) {
    struct transport_event event = {.kind = TRANSPORT_EV_NONE};
    for (int i = 0; i < HANDSHAKE_STEPS && event.kind != TRANSPORT_EV_ESTABLISHED; i++) {
        if (!flush(insider, bytes)) {
            return false;
        }
        struct bytes input = buffer_bytes(&insider->heard);
        if (transport_receive(insider->transport, &input, world_now(insider->world, insider->home),
                              &event, bytes) != ERR_OK) {
            return false;
        }
        buffer_drop_front(&insider->heard, insider->heard.len - input.len);
    }
    return flush(insider, bytes);
}

static bool flush(struct world_insider *insider, struct buffer *bytes) {
    struct world *world = insider->world;
    if (bytes->len > 0 && insider->open) {
        world_turn(world, insider->home,
                   &(struct core_event){.kind = CORE_EV_LINK_BYTES,
                                        .link = insider->link,
                                        .data = buffer_bytes(bytes)});
    }
    buffer_clear(bytes);
    if (insider->open && world->homes[insider->home].core != NULL) {
        world_turn(world, insider->home,
                   &(struct core_event){.kind = CORE_EV_LINK_DRAINED, .link = insider->link});
    }
    return insider->open;
}
