/* What crosses. Promises, by number:
 *
 *   1  No request is seen in a community that is not its own and has no treaty with its own.
 *   2  What has crossed is not carried on.
 *   3  A request comes to where its place lies, and nowhere else.
 *   4  While all gateways are up, mostly one of each treaty carries it: its crossing has come to
 * the far nodes of the others before their turn.
 *
 * Where hostile gateways say things as well, 1 to 3 hold for whatever an honest home takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/federation.h"

static enum border_verdict judge(void *context, uint32_t node, const struct object *object);
static enum err judge_crossing(struct community *community, uint32_t node,
                               const struct object *object);
static bool has_effect(const struct community *community, uint32_t node,
                       const struct object *object);
static void note_said(struct came *came, uint32_t gateway, uint32_t node, uint32_t node_room);
static void accepted(void *context, uint32_t node, const struct object *object);
static void check_where(struct community *community, uint32_t node, const struct object *object);
static bool is_touched(const struct asked *asked, uint32_t community);
static void consider(struct community *community, uint32_t node, uint32_t asked, uint32_t number);
static void add_carry(struct federation *federation, const struct carry *carry);
static void carry_over(struct federation *federation, const struct carry *carry);
static void say_on(struct federation *federation, const struct carry *carry);
static void pushed(void *context, uint32_t node, const struct object *object, uint32_t bytes);
static void said(void *context, const struct link_message *message, uint32_t bytes);
static void named(struct community *community, const uint8_t *id, enum spent_kind kind,
                  struct spent cost);
static void differed(struct community *community, uint32_t bytes);
static struct came *came_at(struct community *community, const struct object *object);
static bool has(const uint8_t *homes, uint32_t node);
static void put(uint8_t *homes, uint32_t node);
static void spend(struct spent *spent, uint64_t bytes);

void border_between(struct community *community) {
    community->border = (struct border){community, judge, accepted, pushed, said};
}

void border_break(struct federation *federation, const char *name, uint32_t community,
                  uint32_t node, const char *text) {
    if (federation->broken.name == NULL) {
        federation->broken = (struct broken){
            .name = name, .at = federation->now, .node = node, .object = UINT64_MAX};
        federation->broken_in = community;
        (void)snprintf(federation->broken.text, sizeof federation->broken.text, "community %u: %s",
                       community, text);
    }
}

/* ---- what a home makes of it ---- */

/* As core, and what it blames the sender for (PROTOCOL 5.1). */
static enum border_verdict judge(void *context, uint32_t node, const struct object *object) {
    switch ((int)judge_crossing(context, node, object)) {
    case ERR_OK:
        return BORDER_TAKE;
    case ERR_PEER_REPEATED:
    case ERR_DENY_TREATY:
    case ERR_DENY_QUOTA:
    case ERR_DENY_CAP:
        return BORDER_IGNORE;
    default:
        return BORDER_REJECT;
    }
}

static enum err judge_crossing(struct community *community, uint32_t node,
                               const struct object *object) {
    const struct federation *federation = community->federation;
    const struct request *request = &federation->asked[object->asked - 1]->request;
    if (object->pact == 0) {
        return id_equal(&request->head.community, &community->id) ? ERR_OK : ERR_PEER_CERTIFICATE;
    }
    const struct came *came = border_came(community, object->asked - 1);
    for (uint32_t i = 0; came != NULL && i < came->said_count; i++) {
        if (came->said[i].gateway == object->author && has(came->said[i].to, node)) {
            return ERR_PEER_REPEATED; /* a gateway says a thing once */
        }
    }
    const struct treaty *treaty = &federation->pacts[object->pact - 1].treaty;
    const struct treaty_side *far = treaty_far_side(treaty, &community->id);
    return far == NULL ? ERR_DENY_TREATY
                       : treaty_crosses(treaty, &far->community, request, MEMBER_HOME);
}

/* What was judged so is kept and passed on; but does anything come of it here? */
static bool has_effect(const struct community *community, uint32_t node,
                       const struct object *object) {
    uint32_t today = 0;
    for (uint32_t i = 0; i < community->came_count; i++) {
        const struct came *came = &community->came[i];
        if (has(came->has, node) && came->asked == object->asked - 1) {
            return false;
        }
        today += has(came->has, node) && came->pact == object->pact - 1 ? 1 : 0;
    }
    return object->pact == 0 || today < community->federation->pacts[object->pact - 1].treaty.daily;
}

static void note_said(struct came *came, uint32_t gateway, uint32_t node, uint32_t node_room) {
    uint32_t i = 0;
    while (i < came->said_count && came->said[i].gateway != gateway) {
        i++;
    }
    ASSERT(i < COUNT_OF(came->said));
    if (i == came->said_count) {
        came->said[came->said_count++] = (struct said){gateway, calloc(node_room / 8 + 1, 1)};
        ASSERT(came->said[i].to != NULL);
    }
    put(came->said[i].to, node);
}

static void accepted(void *context, uint32_t node, const struct object *object) {
    struct community *community = context;
    struct federation *federation = community->federation;
    const struct asked *asked = federation->asked[object->asked - 1];
    const bool effect = has_effect(community, node, object);
    struct came *came = came_at(community, object);
    uint32_t now = sim_now(community->sim);
    if (object->pact != 0) {
        note_said(came, object->author, node, community->sim->node_room);
    }
    if (!effect) {
        return;
    }
    put(came->has, node);
    if (community->sim->nodes[node].hostile != HONEST) {
        return;
    }
    check_where(community, node, object);
    uint32_t delay = now - asked->at;
    for (int i = 0; i < DIRECTIONS; i++) {
        if (community->pacts[i] != SIM_NONE) {
            consider(community, node, object->asked - 1, community->pacts[i]);
        }
    }
    if (community->sim->nodes[node].up_at > asked->at) {
        return; /* it was off */
    }
    came->taken++;
    came->last_at = now;
    federation->delays.at[delay < DELAYS_MAX ? delay : DELAYS_MAX]++;
    federation->delays.count++;
    federation->delays.most = delay > federation->delays.most ? delay : federation->delays.most;
}

/* By the grid, not by the rules that are tried. */
static void check_where(struct community *community, uint32_t node, const struct object *object) {
    struct federation *federation = community->federation;
    const struct asked *asked = federation->asked[object->asked - 1];
    uint32_t own = asked->touched[0];
    bool beside = false;
    for (int i = 0; i < DIRECTIONS; i++) {
        beside = beside || federation_beside(federation, community->number, i) == own;
    }
    if (object->pact != 0) {
        const struct pact *pact = &federation->pacts[object->pact - 1];
        if (pact->sides[0] != own && pact->sides[1] != own) {
            border_break(federation, "what has crossed is not carried on", community->number, node,
                         "by a treaty that its own community has no part in");
        }
    }
    if (community->number != own && !beside) {
        border_break(federation, "nothing is seen where there is no treaty", community->number,
                     node, "of a community that is not beside it");
    } else if (!is_touched(asked, community->number)) {
        border_break(federation, "a request comes to where its place lies", community->number, node,
                     "and nowhere else");
    }
}

static bool is_touched(const struct asked *asked, uint32_t community) {
    for (uint32_t i = 0; i < asked->touched_count; i++) {
        if (asked->touched[i] == community) {
            return true;
        }
    }
    return false;
}

/* ---- a gateway's part ---- */

/* As core for every request that it has taken, wherever it is from. */
static void consider(struct community *community, uint32_t node, uint32_t asked, uint32_t number) {
    struct federation *federation = community->federation;
    const struct pact *pact = &federation->pacts[number];
    uint32_t side = pact->sides[0] == community->number ? 0 : 1;
    for (uint32_t i = 0; i < GATEWAYS; i++) {
        const struct asked *what = federation->asked[asked];
        if (pact->gateways[i].nodes[side] == node &&
            treaty_crosses(&pact->treaty, &community->id, &what->request, MEMBER_HOME) == ERR_OK) {
            uint32_t rank = border_rank(pact, side, &what->id, i);
            const struct carry carry = {.due = sim_now(community->sim) + rank * CARRY_RANK_MS +
                                               CARRY_MS,
                                        .asked = asked,
                                        .pact = number,
                                        .gateway = i,
                                        .from = side};
            add_carry(federation, &carry);
        }
    }
}

uint32_t border_rank(const struct pact *pact, uint32_t side, const struct id *object,
                     uint32_t gateway) {
    const struct id own = home_id(pact->gateways[gateway].nodes[side]);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < GATEWAYS; i++) {
        const struct id other = home_id(pact->gateways[i].nodes[side]);
        rank += gateway_before(&pact->id, object, &other, &own) ? 1 : 0;
    }
    return rank;
}

static void add_carry(struct federation *federation, const struct carry *carry) {
    if (federation->carry_count == federation->carry_room) {
        federation->carry_room = federation->carry_room == 0 ? 64 : 2 * federation->carry_room;
        federation->carries =
            realloc(federation->carries, federation->carry_room * sizeof federation->carries[0]);
        ASSERT(federation->carries != NULL);
    }
    federation->carries[federation->carry_count++] = *carry;
}

void border_carry(struct federation *federation, uint32_t until) {
    uint32_t left = 0;
    uint32_t count = federation->carry_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct carry carry = federation->carries[i];
        if (carry.due > until) {
            federation->carries[left++] = carry;
        } else {
            carry_over(federation, &carry);
        }
    }
    /* What the far gateway takes may have to be carried at once, were nothing to stop it. */
    for (uint32_t i = count; i < federation->carry_count; i++) {
        federation->carries[left++] = federation->carries[i];
    }
    federation->carry_count = left;
}

/* The node here sends it; the one there answers that it need not come again. */
static void carry_over(struct federation *federation, const struct carry *carry) {
    const struct pact *pact = &federation->pacts[carry->pact];
    struct asked *asked = federation->asked[carry->asked];
    struct community *here = &federation->list[pact->sides[carry->from]];
    struct community *there = &federation->list[pact->sides[1 - carry->from]];
    const uint32_t *nodes = pact->gateways[carry->gateway].nodes;
    if (asked->touched[0] != here->number) {
        border_break(federation, "what has crossed is not carried on", here->number,
                     nodes[carry->from], "a gateway does");
        return;
    }
    (void)sim_run(there->sim, federation->now);
    if (!home_runs(here->sim, nodes[carry->from]) ||
        !home_runs(there->sim, nodes[1 - carry->from])) {
        return;
    }
    spend(&asked->carried, net_record_bytes(federation->params.size + CROSSING_BYTES));
    spend(&asked->carried, net_record_bytes(sizeof asked->id.b));
    say_on(federation, carry);
}

static void say_on(struct federation *federation, const struct carry *carry) {
    const struct pact *pact = &federation->pacts[carry->pact];
    const struct asked *asked = federation->asked[carry->asked];
    struct community *there = &federation->list[pact->sides[1 - carry->from]];
    uint32_t node = pact->gateways[carry->gateway].nodes[1 - carry->from];
    int64_t now = home_now(there->sim, node).wall.ms;
    const struct object crossing = {.created = now,
                                    .expires = asked->request.head.expires.ms,
                                    .author = node,
                                    .sent_at = federation->now,
                                    .last_at = federation->now,
                                    .replaces = SIM_NONE,
                                    .asked = carry->asked + 1,
                                    .pact = carry->pact + 1,
                                    .size = (uint16_t)(federation->params.size + CROSSING_BYTES)};
    if (judge(there, node, &crossing) != BORDER_TAKE || !has_effect(there, node, &crossing)) {
        return;
    }
    there->busy = true;
    came_at(there, &crossing)->crossings++;
    home_put(there->sim, node, &crossing);
}

/* ---- what it costs ---- */

static void pushed(void *context, uint32_t node, const struct object *object, uint32_t bytes) {
    struct community *community = context;
    if (community->sim->nodes[node].hostile != HONEST) {
        spend(&community->flood, bytes);
    } else {
        spend(&came_at(community, object)->spent[SPENT_OBJECT], bytes);
    }
}

/* Each record counts for the requests that it names, its bytes in equal parts. */
static void said(void *context, const struct link_message *message, uint32_t bytes) {
    struct community *community = context;
    switch ((int)message->kind) {
    case LINK_IHAVE:
        for (size_t i = 0; i < message->as.ihave.count; i++) {
            named(community, message->as.ihave.ids[i].b, SPENT_IHAVE,
                  (struct spent){1, bytes / message->as.ihave.count});
        }
        return;
    case LINK_GRAFT:
        for (size_t i = 0; i < message->as.graft.count; i++) {
            named(community, message->as.graft.ids[i].b, SPENT_TREE,
                  (struct spent){1, bytes / message->as.graft.count});
        }
        return;
    case LINK_PRUNE:
        named(community, message->as.prune.id, SPENT_TREE, (struct spent){1, bytes});
        return;
    case LINK_SYNC:
        if (message->as.sync.round > 0) {
            differed(community, bytes);
        }
        return;
    case LINK_SYNC_IDS:
    case LINK_SYNC_WANT:
        differed(community, bytes);
        return;
    default:
        return;
    }
}

static void named(struct community *community, const uint8_t *id, enum spent_kind kind,
                  struct spent cost) {
    struct id whole = {{0}};
    memcpy(whole.b, id, LINK_SHORT_BYTES);
    uint32_t object = object_find(community->sim, &whole);
    if (object != SIM_NONE && community->sim->objects[object].asked != 0) {
        struct spent *spent = &came_at(community, &community->sim->objects[object])->spent[kind];
        spent->records += cost.records;
        spent->bytes += cost.bytes;
    }
}

/* Where all have the same, reconciliation ends with its first message; else the newest request is
 * why it goes on, as all before it came to all. */
static void differed(struct community *community, uint32_t bytes) {
    spend(community->came_count == 0
              ? &community->stray
              : &community->came[community->came_count - 1].spent[SPENT_SYNC],
          bytes);
}

struct came *border_came(struct community *community, uint32_t asked) {
    for (uint32_t i = community->came_count; i > 0; i--) {
        if (community->came[i - 1].asked == asked) {
            return &community->came[i - 1];
        }
    }
    return NULL;
}

static struct came *came_at(struct community *community, const struct object *object) {
    struct came *came = border_came(community, object->asked - 1);
    if (came != NULL) {
        return came;
    }
    if (community->came_count == community->came_room) {
        community->came_room = community->came_room == 0 ? 16 : 2 * community->came_room;
        community->came =
            realloc(community->came, community->came_room * sizeof community->came[0]);
        ASSERT(community->came != NULL);
    }
    came = &community->came[community->came_count++];
    *came = (struct came){.asked = object->asked - 1,
                          .pact = object->pact == 0 ? SIM_NONE : object->pact - 1,
                          .first_at = sim_now(community->sim),
                          .has = calloc(community->sim->node_room / 8 + 1, 1)};
    ASSERT(came->has != NULL);
    return came;
}

static bool has(const uint8_t *homes, uint32_t node) {
    return (homes[node / 8] >> node % 8 & 1) != 0;
}

static void put(uint8_t *homes, uint32_t node) {
    homes[node / 8] |= (uint8_t)(1U << node % 8);
}

static void spend(struct spent *spent, uint64_t bytes) {
    spent->records++;
    spent->bytes += bytes;
}
