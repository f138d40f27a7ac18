/* Links: a first message takes three ways to open one, as the handshake does; what is sent arrives
 * in order; a network that does not let it pass holds it up, as TCP would. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    DIAL_FAILS_MS = 10 * 1000,
    HELD_UP_MS = 500,
    SEGMENT_LOST_MS = 200,    /* until it is sent again */
    QUEUE_BYTES = 256 * 1024, /* as core's: of it, announcements have half */
};

static bool lives_since(const struct sim *sim, uint32_t node, uint32_t since);
static bool is_refused(const struct sim *sim, uint32_t node, uint32_t other);
static void answer_with_reset(struct sim *sim, uint32_t lane);
static uint32_t new_pair(struct sim *sim);
static void event(struct sim *sim, uint32_t place, uint32_t at, enum event_kind kind, uint32_t ref);
static bool event_over(struct sim *sim, uint32_t place);
static bool sleeps(struct sim *sim, uint32_t place, uint32_t node, enum event_kind kind,
                   uint32_t ref);
static void forget_link(struct sim *sim, uint32_t number, uint32_t place);
static bool remember_link(struct sim *sim, uint32_t number, uint32_t place);
static void end_down(struct sim *sim, uint32_t place, int end, bool told);
static struct packet *new_packet(const struct packet *head, struct bytes body);
static void drop_lane(struct lane *lane);
static uint16_t latency(const struct sim *sim, uint32_t a, uint32_t b);
static uint32_t uniform(const struct sim *sim, uint64_t of);
static enum wire_kind kind_of(uint8_t type);

void net_destroy(struct net *net) {
    for (uint32_t i = 0; i < net->count; i++) {
        drop_lane(&net->pairs[i].lane[0]);
        drop_lane(&net->pairs[i].lane[1]);
    }
    free(net->pairs);
}

/* ---- dialling ---- */

void net_dial(struct sim *sim, uint32_t from, uint32_t to, bool raw) {
    uint32_t place = new_pair(sim);
    struct pair *pair = &sim->net.pairs[place];
    uint32_t generation = pair->generation;
    *pair = (struct pair){.node = {from, to},
                          .raw = raw,
                          .latency = latency(sim, from, to),
                          .began = sim_now(sim),
                          .generation = generation,
                          .next_free = SIM_NONE};
    bool there = to < sim->node_count && home_runs(sim, to) && !sim->nodes[to].nat &&
                 net_passes(sim, from, to) && net_passes(sim, to, from);
    if (there && remember_link(sim, from, place)) {
        event(sim, place, sim_now(sim) + 2U * pair->latency, EVENT_ANSWER, place);
    } else {
        event(sim, place, sim_now(sim) + DIAL_FAILS_MS, EVENT_FAIL, place);
    }
}

void net_answer(struct sim *sim, uint32_t place) {
    uint32_t from = sim->net.pairs[place].node[0];
    if (sleeps(sim, place, from, EVENT_ANSWER, place)) {
        return;
    }
    struct pair *pair = &sim->net.pairs[place];
    if (!lives_since(sim, from, pair->began)) {
        (void)event_over(sim, place);
        return;
    }
    pair->events--;
    if (is_refused(sim, from, pair->node[1])) {
        forget_link(sim, from, place);
        event(sim, place, sim_now(sim), EVENT_FAIL, place);
        return;
    }
    if (!home_runs(sim, pair->node[1]) || !remember_link(sim, pair->node[1], place)) {
        forget_link(sim, from, place);
        event(sim, place, sim_now(sim) + DIAL_FAILS_MS, EVENT_FAIL, place);
        return;
    }
    uint32_t opens = sim_now(sim) + pair->latency;
    pair->up[0] = true;
    pair->opens = true;
    pair->began = sim_now(sim);
    pair->lane[0].arrives = opens;
    event(sim, place, opens, EVENT_OPEN, place);
    if (pair->raw && sim->params.silent != 0) {
        return;
    }
    if (pair->raw) {
        const struct link_message neighbour = {.kind = LINK_NEIGHBOUR,
                                               .as.neighbour.wish = NEIGHBOUR_NONE};
        home_say(sim, 2 * place, &neighbour);
        return;
    }
    const struct overlay_event up = {.kind = OVERLAY_EV_LINK_UP,
                                     .peer = pair->node[1],
                                     .link = net_number(sim, place),
                                     .group = home_group(sim, pair->node[1]),
                                     .dialled = true};
    if (!home_step(sim, from, &up) && sim->net.pairs[place].up[0]) {
        net_close(sim, 2 * place);
    }
}

void net_open(struct sim *sim, uint32_t place) {
    uint32_t to = sim->net.pairs[place].node[1];
    if (sleeps(sim, place, to, EVENT_OPEN, place)) {
        return;
    }
    struct pair *pair = &sim->net.pairs[place];
    bool stands = lives_since(sim, to, pair->began) && (pair->up[0] || pair->lane[0].first != NULL);
    pair->opens = false;
    pair->silent[1] = !stands;
    pair->up[1] = stands;
    if (stands && is_refused(sim, to, pair->node[0])) {
        net_close(sim, 2 * place + 1);
        stands = false;
    }
    (void)event_over(sim, place);
    if (stands) {
        const struct overlay_event up = {.kind = OVERLAY_EV_LINK_UP,
                                         .peer = pair->node[0],
                                         .link = net_number(sim, place),
                                         .group = home_group(sim, pair->node[0])};
        if (!home_step(sim, to, &up) && sim->net.pairs[place].up[1]) {
            net_close(sim, 2 * place + 1);
        }
    } else {
        forget_link(sim, to, place);
    }
}

void net_fail(struct sim *sim, uint32_t place) {
    struct pair pair = sim->net.pairs[place];
    if (sleeps(sim, place, pair.node[0], EVENT_FAIL, place)) {
        return;
    }
    (void)event_over(sim, place);
    if (lives_since(sim, pair.node[0], pair.began) && !pair.raw) {
        const struct overlay_event down = {.kind = OVERLAY_EV_LINK_DOWN, .peer = pair.node[1]};
        if (sim->nodes[pair.node[0]].failed_peer != pair.node[1]) {
            sim->nodes[pair.node[0]].failed_times = 0;
        }
        sim->nodes[pair.node[0]].failed_peer = pair.node[1];
        sim->nodes[pair.node[0]].failed_at = sim_now(sim);
        (void)home_step(sim, pair.node[0], &down);
    }
}

/* ---- what is sent ---- */

void net_send(struct sim *sim, uint32_t lane_no, const struct packet *head, struct bytes body,
              size_t size) {
    struct pair *pair = &sim->net.pairs[lane_no / 2];
    struct lane *lane = &pair->lane[lane_no % 2];
    const struct node *reader = &sim->nodes[pair->node[1 - lane_no % 2]];
    uint32_t bytes = net_record_bytes(size);
    uint32_t rate = reader->slow ? sim->params.slow_rate : sim->params.rate;
    uint64_t now_us = (uint64_t)sim_now(sim) * 1000;
    lane->free_us = lane->free_us < now_us ? now_us : lane->free_us;
    uint64_t queued = (lane->free_us - now_us) * rate / 1000000;
    if (queued > (head->type == LINK_IHAVE ? QUEUE_BYTES / 2 : QUEUE_BYTES) &&
        head->type != PACKET_CLOSE) {
        sim->net.left_out++; /* found again by reconciliation */
        return;
    }
    lane->free_us += rate == 0 ? 0 : (uint64_t)bytes * 1000000 / rate;
    struct packet *packet = new_packet(head, body);
    uint32_t arrives = (uint32_t)(lane->free_us / 1000) + pair->latency;
    if (sim->params.loss_pct > 0 && rng_below(&sim->rng, 100) < sim->params.loss_pct) {
        arrives += SEGMENT_LOST_MS + 2U * pair->latency;
    }
    lane->arrives = arrives > lane->arrives ? arrives : lane->arrives;
    *(lane->first == NULL ? &lane->first : &lane->last->next) = packet;
    lane->last = packet;
    if (head->type != PACKET_CLOSE && head->type != PACKET_RESET) {
        sim->net.bytes[kind_of(head->type)] += bytes;
        sim->net.records[kind_of(head->type)]++;
    }
    if (head->type == LINK_GOSSIP && !lane->drains) {
        lane->drains = true;
        event(sim, lane_no / 2, (uint32_t)(lane->free_us / 1000) + 1, EVENT_DRAIN, lane_no);
        lane = &sim->net.pairs[lane_no / 2].lane[lane_no % 2];
    }
    event(sim, lane_no / 2, lane->arrives, EVENT_DELIVER, lane_no);
}

void net_deliver(struct sim *sim, uint32_t lane_no) {
    uint32_t place = lane_no / 2;
    struct pair *pair = &sim->net.pairs[place];
    struct lane *lane = &pair->lane[lane_no % 2];
    int to_end = 1 - (int)(lane_no % 2);
    uint32_t to = pair->node[to_end];
    struct node *node = &sim->nodes[to];
    bool held_up = !net_passes(sim, pair->node[lane_no % 2], to);
    bool opens = pair->opens && to_end == 1; /* it wakes, and will open the link before */
    bool waits = held_up || opens || node->resume_at > sim_now(sim);
    if (lane->first != NULL && (pair->up[to_end] || opens) && waits) {
        uint32_t wakes = node->resume_at > sim_now(sim) ? node->resume_at : sim_now(sim);
        pair->events--;
        event(sim, place, held_up ? sim_now(sim) + HELD_UP_MS : wakes, EVENT_DELIVER, lane_no);
        return;
    }
    struct packet *packet = lane->first;
    if (packet != NULL) {
        lane->first = packet->next;
    }
    bool up = pair->up[to_end] && packet != NULL;
    if (up && (packet->type == PACKET_CLOSE || packet->type == PACKET_RESET)) {
        end_down(sim, place, to_end, packet->type == PACKET_CLOSE);
    } else if (!up && !held_up) {
        answer_with_reset(sim, lane_no);
    } else if (up && !hostile_hears(sim, 2 * place + (uint32_t)to_end, packet) &&
               !(pair->raw && to_end == 0)) {
        home_record(sim, to, 2 * place + (uint32_t)to_end, packet);
    }
    free(packet);
    (void)event_over(sim, place);
}

void net_drain(struct sim *sim, uint32_t lane_no) {
    struct pair *pair = &sim->net.pairs[lane_no / 2];
    struct lane *lane = &pair->lane[lane_no % 2];
    uint32_t node = pair->node[lane_no % 2];
    if (sleeps(sim, lane_no / 2, node, EVENT_DRAIN, lane_no)) {
        return;
    }
    if (pair->up[lane_no % 2] && lane->free_us / 1000 > sim_now(sim)) {
        pair->events--;
        event(sim, lane_no / 2, (uint32_t)(lane->free_us / 1000) + 1, EVENT_DRAIN, lane_no);
        return;
    }
    lane->drains = false;
    bool tell = pair->up[lane_no % 2] && sim->nodes[node].overlay != NULL &&
                !(pair->raw && lane_no % 2 == 0);
    const struct overlay_event drained = {.kind = OVERLAY_EV_DRAINED,
                                          .link = net_number(sim, lane_no / 2)};
    if (tell) {
        (void)home_step(sim, node, &drained);
    }
    (void)event_over(sim, lane_no / 2);
}

void net_close(struct sim *sim, uint32_t lane) {
    static const struct packet close = {.type = PACKET_CLOSE};
    struct pair *pair = &sim->net.pairs[lane / 2];
    if (!pair->up[lane % 2]) {
        return;
    }
    net_send(sim, lane, &close, (struct bytes){NULL, 0}, 0);
    pair = &sim->net.pairs[lane / 2];
    pair->up[lane % 2] = false;
    forget_link(sim, pair->node[lane % 2], lane / 2);
}

void net_drop_node(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    while (node->link_count > 0) {
        uint32_t place = node->links[node->link_count - 1];
        struct pair *pair = &sim->net.pairs[place];
        int end = pair->node[0] == number ? 0 : 1;
        pair->silent[end] = pair->up[end];
        pair->up[end] = false;
        forget_link(sim, number, place);
        drop_lane(&pair->lane[1 - end]); /* what was on its way to it */
    }
}

/* Who sends to a home that has started anew since hears so; a dead one says nothing. */
static void answer_with_reset(struct sim *sim, uint32_t lane) {
    static const struct packet reset = {.type = PACKET_RESET};
    struct pair *pair = &sim->net.pairs[lane / 2];
    uint32_t to_end = 1 - lane % 2;
    if (pair->silent[to_end] && pair->up[lane % 2] && home_runs(sim, pair->node[to_end])) {
        pair->silent[to_end] = false;
        net_send(sim, lane / 2 * 2 + to_end, &reset, (struct bytes){NULL, 0}, 0);
    }
}

/* ---- who can reach whom ---- */

bool net_passes(const struct sim *sim, uint32_t from, uint32_t to) {
    const struct net *net = &sim->net;
    if (net->parts > 1 && mix64_pair(net->parts_salt, from) % net->parts !=
                              mix64_pair(net->parts_salt, to) % net->parts) {
        return false;
    }
    return net->silent_pm == 0 ||
           mix64_pair(net->silent_salt, (uint64_t)from << 32 | to) % 1000 >= net->silent_pm;
}

link_no net_number(const struct sim *sim, uint32_t place) {
    return (link_no)(sim->net.pairs[place].generation + 1) << 32 | place;
}

uint32_t net_lane(const struct sim *sim, link_no link, uint32_t node) {
    uint32_t place = (uint32_t)link;
    if (place >= sim->net.count || net_number(sim, place) != link) {
        return SIM_NONE;
    }
    const struct pair *pair = &sim->net.pairs[place];
    for (uint32_t end = 0; end < 2; end++) {
        if (pair->node[end] == node && pair->up[end]) {
            return 2 * place + end;
        }
    }
    return SIM_NONE;
}

uint32_t net_peer(const struct sim *sim, uint32_t lane) {
    return sim->net.pairs[lane / 2].node[1 - lane % 2];
}

/* Not a later life of it. */
static bool lives_since(const struct sim *sim, uint32_t node, uint32_t since) {
    return sim->nodes[node].overlay != NULL && sim->nodes[node].up_at <= since;
}

/* By core, which looks whether the other's certificate is in standing. */
static bool is_refused(const struct sim *sim, uint32_t node, uint32_t other) {
    return sim->nodes[other].removed && sim->nodes[node].hostile == HONEST;
}

/* ---- places ---- */

static uint32_t new_pair(struct sim *sim) {
    struct net *net = &sim->net;
    if (net->count > 0 && net->free != SIM_NONE) {
        uint32_t place = net->free;
        net->free = net->pairs[place].next_free;
        net->pairs[place].generation++;
        return place;
    }
    if (net->count == net->room) {
        net->room = net->room == 0 ? 1024 : net->room + net->room / 2;
        net->pairs = realloc(net->pairs, net->room * sizeof net->pairs[0]);
        ASSERT(net->pairs != NULL);
    }
    net->free = SIM_NONE;
    net->pairs[net->count] = (struct pair){.generation = 0};
    return net->count++;
}

static void event(struct sim *sim, uint32_t place, uint32_t at, enum event_kind kind,
                  uint32_t ref) {
    sim->net.pairs[place].events++;
    queue_add(sim->queue, at, kind, ref);
}

/* True when the place is free now. */
static bool event_over(struct sim *sim, uint32_t place) {
    struct pair *pair = &sim->net.pairs[place];
    ASSERT(pair->events > 0);
    pair->events--;
    if (pair->events > 0 || pair->up[0] || pair->up[1]) {
        return false;
    }
    forget_link(sim, pair->node[0], place);
    forget_link(sim, pair->node[1], place);
    drop_lane(&pair->lane[0]);
    drop_lane(&pair->lane[1]);
    pair->next_free = sim->net.free;
    sim->net.free = place;
    return true;
}

/* Then it happens when the node wakes. */
static bool sleeps(struct sim *sim, uint32_t place, uint32_t node, enum event_kind kind,
                   uint32_t ref) {
    if (sim->nodes[node].resume_at <= sim_now(sim)) {
        return false;
    }
    sim->net.pairs[place].events--;
    event(sim, place, sim->nodes[node].resume_at, kind, ref);
    return true;
}

static void end_down(struct sim *sim, uint32_t place, int end, bool told) {
    struct pair *pair = &sim->net.pairs[place];
    uint32_t node = pair->node[end];
    const struct overlay_event down = {
        .kind = OVERLAY_EV_LINK_DOWN, .link = net_number(sim, place), .told = told};
    pair->up[end] = false;
    forget_link(sim, node, place);
    if (!(pair->raw && end == 0)) {
        (void)home_step(sim, node, &down);
    }
}

static bool remember_link(struct sim *sim, uint32_t number, uint32_t place) {
    struct node *node = &sim->nodes[number];
    if (node->link_count == LINKS_OF_NODE) {
        return false;
    }
    node->links[node->link_count++] = place;
    return true;
}

static void forget_link(struct sim *sim, uint32_t number, uint32_t place) {
    struct node *node = &sim->nodes[number];
    for (uint16_t i = 0; i < node->link_count; i++) {
        if (node->links[i] == place) {
            node->links[i] = node->links[--node->link_count];
            return;
        }
    }
}

static struct packet *new_packet(const struct packet *head, struct bytes body) {
    struct packet *packet = malloc(sizeof *packet + body.len);
    ASSERT(packet != NULL);
    *packet = *head;
    packet->next = NULL;
    packet->len = (uint16_t)body.len;
    if (body.len > 0) {
        memcpy(packet->at, body.at, body.len);
    }
    return packet;
}

static void drop_lane(struct lane *lane) {
    while (lane->first != NULL) {
        struct packet *packet = lane->first;
        lane->first = packet->next;
        free(packet);
    }
}

/* Uniform, or the mean of what each node has, or lognormal with nine tenths between the two: of the
 * same pair always the same. */
static uint16_t latency(const struct sim *sim, uint32_t a, uint32_t b) {
    uint64_t two = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    if (sim->params.lines != 0) {
        return (uint16_t)((uniform(sim, a) + uniform(sim, b)) / 2);
    }
    if (sim->params.lognormal != 0) {
        double least = sim->params.latency_min;
        double most = sim->params.latency_max;
        double z = -6; /* of a normal distribution, as a sum of twelve */
        for (uint64_t i = 0; i < 12; i++) {
            z += (double)(mix64_pair(sim->params.seed + i, two) >> 11) * 0x1p-53;
        }
        return (uint16_t)(1 + sqrt(least * most) * exp(z * log(most / least) / 2 / 1.645));
    }
    return (uint16_t)uniform(sim, two);
}

static uint32_t uniform(const struct sim *sim, uint64_t of) {
    uint32_t spread = sim->params.latency_max - sim->params.latency_min + 1;
    return (uint32_t)(sim->params.latency_min + mix64_pair(sim->params.seed, of) % spread);
}

/* PROTOCOL 3.4 */
uint32_t net_record_bytes(size_t size) {
    static const uint32_t classes[] = {256, 1024, 4096, 16384, 65519};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (size + 3 <= classes[i]) {
            return classes[i] + 16;
        }
    }
    return classes[4] + 16;
}

static enum wire_kind kind_of(uint8_t type) {
    return type == LINK_GOSSIP                          ? WIRE_PAYLOAD
           : type == LINK_IHAVE                         ? WIRE_IHAVE
           : type == LINK_GRAFT || type == LINK_PRUNE   ? WIRE_TREE
           : type >= LINK_NEIGHBOUR && type < LINK_SYNC ? WIRE_VIEW
           : type >= LINK_SYNC                          ? WIRE_SYNC
                                                        : WIRE_ALIVE;
}
