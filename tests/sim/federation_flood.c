/* Gateways that do harm: of each treaty one home, with both its nodes. Half of them are loud and
 * say whatever they like: crossings of what nobody asked, of what has crossed already, of what the
 * treaty does not let cross. The other half are sly: they say again and again, as a new crossing
 * each time, what was really asked and may be ignored but is nobody's fault. All of it is signed
 * by a member, so each home has to look at it. */
#include "tests/sim/federation.h"

#include <string.h>

enum {
    FORGED_A_SECOND = 3, /* over each link */
    SAID_A_SECOND = 10,
};

static struct gateway_home *hostile_of(struct federation *federation, uint32_t number);
static void flood(struct federation *federation, uint32_t number, uint32_t side);
static void say(struct community *community, uint32_t lane, uint32_t pact, bool loud);
static uint32_t choose(struct community *community, uint32_t number, bool loud);

void flood_begin(struct federation *federation) {
    for (uint32_t i = 0; i < federation->pact_count; i++) {
        const struct pact *pact = &federation->pacts[i];
        for (int side = 0; side < 2; side++) {
            struct sim *sim = federation->list[pact->sides[side]].sim;
            sim->nodes[hostile_of(federation, i)->nodes[side]].hostile = FLOODER;
        }
    }
    federation->hostile = true;
}

void flood_second(struct federation *federation) {
    for (uint32_t i = 0; i < federation->pact_count; i++) {
        flood(federation, i, 0);
        flood(federation, i, 1);
    }
}

static struct gateway_home *hostile_of(struct federation *federation, uint32_t number) {
    uint64_t chosen = mix64_pair(federation->params.seed, number) % GATEWAYS;
    return &federation->pacts[number].gateways[chosen];
}

static void flood(struct federation *federation, uint32_t number, uint32_t side) {
    const struct pact *pact = &federation->pacts[number];
    struct community *community = &federation->list[pact->sides[side]];
    struct sim *sim = community->sim;
    uint32_t node = hostile_of(federation, number)->nodes[side];
    uint32_t links[LINKS_OF_NODE];
    uint16_t count = sim->nodes[node].link_count;
    memcpy(links, sim->nodes[node].links, sizeof links);
    for (uint16_t i = 0; i < count; i++) {
        uint32_t lane = net_lane(sim, net_number(sim, links[i]), node);
        if (lane != SIM_NONE) {
            say(community, lane, number, number % 2 == 0);
        }
    }
}

static void say(struct community *community, uint32_t lane, uint32_t pact, bool loud) {
    struct sim *sim = community->sim;
    int64_t now = home_now(sim, SIM_NONE).wall.ms;
    for (uint32_t i = 0; i < SAID_A_SECOND + (loud ? FORGED_A_SECOND : 0); i++) {
        uint32_t asked = choose(community, pact, loud);
        if (asked == SIM_NONE) {
            return;
        }
        const struct object crossing = {
            .created = now,
            .expires = community->federation->asked[asked]->request.head.expires.ms,
            .author = sim->net.pairs[lane / 2].node[lane % 2],
            .sent_at = sim_now(sim),
            .last_at = sim_now(sim),
            .replaces = SIM_NONE,
            .asked = asked + 1,
            .pact = pact + 1,
            .size = (uint16_t)(sim->params.size + CROSSING_BYTES),
            .forged = i >= SAID_A_SECOND};
        home_push(sim, lane, object_add(sim, &crossing), 1, false);
    }
}

/* The sly only say what has its place in the order of things. */
static uint32_t choose(struct community *community, uint32_t number, bool loud) {
    const struct federation *federation = community->federation;
    const struct pact *pact = &federation->pacts[number];
    const struct treaty_side *far = treaty_far_side(&pact->treaty, &community->id);
    uint32_t first = rng_below(&community->sim->rng, federation->asked_count);
    for (uint32_t i = 0; i < federation->asked_count; i++) {
        uint32_t asked = (first + i) % federation->asked_count;
        const struct request *request = &federation->asked[asked]->request;
        enum err err = treaty_crosses(&pact->treaty, &far->community, request, MEMBER_HOME);
        if (loud || err == ERR_OK || err == ERR_DENY_TREATY) {
            return asked;
        }
    }
    return SIM_NONE;
}
