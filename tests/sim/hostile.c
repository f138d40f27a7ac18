/* What nodes do that want to do harm. All but the eclipse crew run the real engine, and change what
 * it says; that crew dials by itself besides. */
#include <string.h>

#include "tests/sim/sim.h"

enum {
    LIES_A_SECOND = 90,
    FLOOD_FORGED = 3,
    FLOOD_COPIES = 30,
    REPLAYS = 20,
    CREW_DIALS = 3,
    FLEETING_MS = 1250,
    RECORD_MS = 10 * 60 * 1000,
    BURST = 40, /* records at once, each in the place of the one before */
    BURST_EVERY_S = 8,
    ECHO_GIVES = 2,
};

static void lie(struct sim *sim, uint32_t lane);
static void flood(struct sim *sim, uint32_t node, uint32_t lane);
static void replay(struct sim *sim, uint32_t lane);
static void poison(struct sim *sim, uint32_t lane);
static void pass_away(struct sim *sim, uint32_t node, uint32_t lane, bool record);
static void echo(struct sim *sim, uint32_t lane);
static void crowd(struct sim *sim, uint32_t number);
static uint32_t first_honest(const struct sim *sim);
static uint32_t one_of_crew(struct sim *sim, uint32_t node);

bool hostile_passes(struct sim *sim, uint32_t node, const struct overlay_action *action,
                    struct link_message *message) {
    enum hostile_kind kind = (enum hostile_kind)sim->nodes[node].hostile;
    bool withholds = kind == DROPPER || kind == LIAR || kind == ECLIPSER;
    if (action->kind == OVERLAY_ACT_PUSH) {
        return !withholds;
    }
    if (message->kind == LINK_IHAVE) {
        return kind != DROPPER && kind != ECLIPSER;
    }
    if (message->kind >= LINK_SYNC) {
        return !withholds;
    }
    if (kind == ECLIPSER && (message->kind == LINK_SHUFFLE || message->kind == LINK_SHUFFLED)) {
        for (size_t i = 0; i < message->as.shuffle.count; i++) {
            message->as.shuffle.peers[i] = home_id(one_of_crew(sim, node));
        }
    }
    return !(kind == DROPPER && message->kind == LINK_WALK);
}

bool hostile_hears(struct sim *sim, uint32_t lane, const struct packet *packet) {
    const uint32_t *nodes = sim->net.pairs[lane / 2].node;
    struct link_message *message = sim->message;
    if (sim->params.echo != ECHO_GIVES || packet->type != LINK_GRAFT ||
        sim->nodes[nodes[lane % 2]].hostile != ECLIPSER ||
        link_decode(packet->type, (struct bytes){packet->at, packet->len}, message) != ERR_OK) {
        return false;
    }
    for (size_t i = 0; i < message->as.graft.count; i++) {
        struct id id = {{0}};
        memcpy(id.b, message->as.graft.ids[i].b, sizeof message->as.graft.ids[i].b);
        uint32_t object = object_find(sim, &id);
        if (object != SIM_NONE && object_held(sim, object, nodes[1 - lane % 2])) {
            home_push(sim, lane, object, 1, false);
        }
    }
    return true;
}

void hostile_attack(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    bool waits = node->hostile == DROPPER || node->hostile == WASTER;
    if (node->overlay == NULL || waits || node->attacks != sim_now(sim)) {
        return; /* or of an earlier life */
    }
    sim_trace(sim, TRACE_HOSTILE, number, TRACE_NOBODY, node->hostile, 0);
    uint32_t links[LINKS_OF_NODE];
    uint16_t count = node->link_count;
    memcpy(links, node->links, sizeof links);
    for (uint16_t i = 0; i < count && node->overlay != NULL; i++) {
        uint32_t lane = net_lane(sim, net_number(sim, links[i]), number);
        if (lane == SIM_NONE) {
            continue;
        }
        if (node->hostile == LIAR) {
            lie(sim, lane);
        } else if (node->hostile == FLOODER) {
            flood(sim, number, lane);
        } else if (node->hostile == REPLAYER) {
            replay(sim, lane);
        } else if (node->hostile == POISONER) {
            poison(sim, lane);
        } else if (node->hostile == FLEETING) {
            bool burst = i == 0 && (sim_now(sim) / 1000 + number) % BURST_EVERY_S == 0;
            for (int k = 0; k < (burst ? BURST : 1); k++) {
                pass_away(sim, number, lane, i == 0);
            }
        } else if (sim->params.echo != 0) {
            echo(sim, lane);
        } else if (sim->net.pairs[links[i]].raw) {
            static const struct packet pong = {.type = LINK_PONG}; /* keeps it */
            net_send(sim, lane, &pong, (struct bytes){NULL, 0}, 9);
        }
    }
    if (node->hostile == ECLIPSER) {
        crowd(sim, number);
    }
    node->attacks = sim_now(sim) + 1000;
    queue_add(sim->queue, node->attacks, EVENT_ATTACK, number);
}

static void lie(struct sim *sim, uint32_t lane) {
    struct link_message *message = sim->message;
    memset(message, 0, sizeof *message);
    message->kind = LINK_IHAVE;
    for (size_t i = 0; i < LIES_A_SECOND; i++) {
        struct short_id *id = &message->as.ihave.ids[message->as.ihave.count++];
        write_u64(id->b, rng_draw(&sim->rng));
        write_u64(id->b + 8, rng_draw(&sim->rng));
    }
    home_say(sim, lane, message);
}

/* Announces what everybody has, to look as if it brought something. */
static void echo(struct sim *sim, uint32_t lane) {
    struct link_message *message = sim->message;
    if (sim->object_count == sim->first_live) {
        return;
    }
    memset(message, 0, sizeof *message);
    message->kind = LINK_IHAVE;
    message->as.ihave.count = 1;
    struct id id =
        object_id(sim, sim->first_live + rng_below(&sim->rng, sim->object_count - sim->first_live));
    memcpy(message->as.ihave.ids[0].b, id.b, sizeof message->as.ihave.ids[0].b);
    home_say(sim, lane, message);
}

static void flood(struct sim *sim, uint32_t node, uint32_t lane) {
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    for (int i = 0; i < FLOOD_FORGED; i++) {
        const struct object forged = {.created = now,
                                      .expires = now + 600000,
                                      .author = node,
                                      .sent_at = sim_now(sim),
                                      .size = 1000,
                                      .forged = true};
        home_push(sim, lane, object_add(sim, &forged), 1, false);
    }
    for (int i = 0; i < FLOOD_COPIES && sim->object_count > sim->first_live; i++) {
        uint32_t object =
            sim->first_live + rng_below(&sim->rng, sim->object_count - sim->first_live);
        if (!sim->objects[object].forged) {
            home_push(sim, lane, object, (uint8_t)rng_below(&sim->rng, 256),
                      rng_below(&sim->rng, 2) == 0);
        }
    }
}

static void replay(struct sim *sim, uint32_t lane) {
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    for (int i = 0; i < REPLAYS && sim->object_count > 0; i++) {
        uint32_t object = rng_below(&sim->rng, sim->object_count);
        if (!sim->objects[object].forged && sim->objects[object].expires < now) {
            home_push(sim, lane, object, 1, false);
        }
    }
}

/* Members that do not exist, or of whom most are gone. */
static void poison(struct sim *sim, uint32_t lane) {
    struct link_message *message = sim->message;
    memset(message, 0, sizeof *message);
    message->kind = rng_below(&sim->rng, 2) == 0 ? LINK_SHUFFLE : LINK_WALK;
    if (message->kind == LINK_WALK) {
        message->as.walk.peer = home_id(rng_below(&sim->rng, 2 * sim->node_count));
        message->as.walk.left = rng_below(&sim->rng, LINK_WALK_MAX + 1);
    } else {
        message->as.shuffle.nonce = rng_draw(&sim->rng);
        message->as.shuffle.left = rng_below(&sim->rng, LINK_WALK_MAX + 1);
        for (size_t i = 0; i < LINK_PEERS_MAX; i++) {
            message->as.shuffle.peers[i] = home_id(rng_below(&sim->rng, 2 * sim->node_count));
        }
        message->as.shuffle.count = LINK_PEERS_MAX;
    }
    home_say(sim, lane, message);
}

/* It ends, or for one neighbour a newer one comes, when that has announced it. */
static void pass_away(struct sim *sim, uint32_t node, uint32_t lane, bool record) {
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    const struct object object = {.created = now,
                                  .expires = now + (record ? RECORD_MS : FLEETING_MS),
                                  .author = node,
                                  .sent_at = sim_now(sim),
                                  .replaces = record ? sim->nodes[node].record : SIM_NONE,
                                  .record = record,
                                  .size = 300};
    uint32_t no = object_add(sim, &object);
    if (object.replaces != SIM_NONE) {
        sim->objects[object.replaces].replaced = true;
    }
    sim->nodes[node].record = record ? no : sim->nodes[node].record;
    home_push(sim, lane, no, LINK_HOPS_CAUGHT_UP, false);
}

/* Asks for all places that it can get, as one that has no link. Those who say nothing keep one home
 * busy together. */
static void crowd(struct sim *sim, uint32_t number) {
    for (int i = 0; i < CREW_DIALS; i++) {
        bool together = i == 0 && sim->params.silent != 0;
        uint32_t victim = together ? first_honest(sim) : home_random(sim);
        if (victim != SIM_NONE && sim->nodes[number].link_count < RAW_LINKS_MAX) {
            net_dial(sim, number, victim, true);
        }
    }
}

static uint32_t first_honest(const struct sim *sim) {
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (home_is_honest(sim, i)) {
            return i;
        }
    }
    return SIM_NONE;
}

static uint32_t one_of_crew(struct sim *sim, uint32_t node) {
    for (int i = 0; i < 50; i++) {
        uint32_t other = rng_below(&sim->rng, sim->node_count);
        if (sim->nodes[other].hostile == ECLIPSER) {
            return other;
        }
    }
    return node;
}
