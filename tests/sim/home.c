/* Nodes: gives an engine its events and carries out its actions, in core's order. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    ATTACK_EVERY_MS = 1000,
    CRASHED_MS = 5000,
    RECORD_ONE_IN = 20,             /* messages */
    FUTURE_MAX_MS = 15 * 60 * 1000, /* PROTOCOL 5.1 */
};

/* Wall time at the start; a node's monotonic clock is never 0. */
static const int64_t WALL_BEGIN_MS = INT64_C(1795555800000);
static const int64_t MONO_BEGIN_MS = INT64_C(1000000);

static void carry_out(struct sim *sim, uint32_t number, const struct overlay_action *action);
static void keep(struct sim *sim, uint32_t number, uint32_t object, struct tick until);
static void schedule(struct sim *sim, uint32_t number);
static void know_others(struct sim *sim, uint32_t number);
static uint32_t sponsor_near(const struct sim *sim, uint32_t number, uint32_t other);
static void load_objects(struct sim *sim, uint32_t number);
static void forget_removed(struct sim *sim, uint32_t number);
static void crash(struct sim *sim, uint32_t number);
static void keep_book(struct sim *sim, struct node *node);
static void offered(struct sim *sim, uint32_t number, uint32_t lane, const struct packet *packet);
static void accept(struct sim *sim, uint32_t number, uint32_t no, link_no link,
                   const struct packet *packet);
static bool has_newer(const struct sim *sim, uint32_t number, uint32_t no);
static void drop_older(struct sim *sim, uint32_t number, uint32_t no);
static void fault(struct sim *sim, uint32_t number, uint32_t lane);
static void send_body(struct sim *sim, uint32_t lane, const struct link_message *message);

/* ---- life ---- */

void home_start(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->overlay != NULL) {
        return;
    }
    const struct overlay_config config = {
        .members = &sim->members,
        .self = number,
        .seed = mix64_pair(sim->params.seed + 1, number + (node->steps << 32))};
    node->overlay = overlay_create(&config);
    ASSERT(node->overlay != NULL);
    node->up_at = sim_now(sim);
    node->tick_at = SIM_NONE;
    node->checked_at = sim_now(sim);
    node->dials = node->views = node->forgeries = 0;
    node->resume_at = 0;
    node->crash_next = CRASH_NOT;
    sim_trace(sim, TRACE_UP, number, TRACE_NOBODY, 0, 0);
    load_objects(sim, number);
    know_others(sim, number);
    forget_removed(sim, number);
    if (node->hostile != HONEST) {
        node->attacks = sim_now(sim) + ATTACK_EVERY_MS;
        queue_add(sim->queue, node->attacks, EVENT_ATTACK, number);
    }
}

void home_die(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->overlay == NULL) {
        return;
    }
    object_left(sim, number);
    keep_book(sim, node);
    overlay_destroy(node->overlay);
    node->overlay = NULL;
    node->kept_count = 0;
    net_drop_node(sim, number);
    sim_trace(sim, TRACE_DOWN, number, TRACE_NOBODY, 0, 0);
}

static void crash(struct sim *sim, uint32_t number) {
    home_die(sim, number);
    queue_add(sim->queue, sim_now(sim) + CRASHED_MS, EVENT_START, number);
}

void home_suspend(struct sim *sim, uint32_t number, uint32_t ms) {
    struct node *node = &sim->nodes[number];
    node->resume_at = sim_now(sim) + ms;
    queue_add(sim->queue, node->resume_at, EVENT_RESUME, number);
    sim_trace(sim, TRACE_SUSPENDED, number, TRACE_NOBODY, 0, ms);
}

/* Its wall clock has gone on, its monotonic one has not. */
void home_resume(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->resume_at == sim_now(sim) && node->overlay != NULL) {
        node->resume_at = 0;
        sim_trace(sim, TRACE_RESUMED, number, TRACE_NOBODY, 0, 0);
        forget_removed(sim, number);
        schedule(sim, number);
    }
}

void home_tick(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->overlay == NULL || node->tick_at != sim_now(sim) || node->resume_at > sim_now(sim)) {
        return;
    }
    static const struct overlay_event tick = {.kind = OVERLAY_EV_TICK};
    node->tick_at = SIM_NONE;
    check_tick(sim, number);
    (void)home_step(sim, number, &tick);
}

/* False: the engine refused it. */
bool home_step(struct sim *sim, uint32_t number, const struct overlay_event *event) {
    struct node *node = &sim->nodes[number];
    if (node->overlay == NULL || sim->broken.name != NULL) {
        return true;
    }
    uint64_t random = mix64_pair(mix64_pair(sim->params.seed, number), node->steps++);
    uint64_t ref = event->link;
    uint8_t detail = event->hops;
    if (event->kind == OVERLAY_EV_MESSAGE) {
        detail = (uint8_t)event->message->kind;
    } else if ((event->kind >= OVERLAY_EV_OFFERED && event->kind <= OVERLAY_EV_IGNORED) ||
               event->kind == OVERLAY_EV_REPLACED) {
        ref = object_find(sim, &event->key.id);
    }
    sim_trace(sim, (uint8_t)(TRACE_EVENT + event->kind), number,
              event->kind <= OVERLAY_EV_LINK_DOWN ? event->peer : TRACE_NOBODY, detail, ref);
    enum err err = overlay_step(node->overlay, event, home_now(sim, number), random, sim->actions);
    bool dies = node->crash_next == CRASH_BEFORE_RELEASE && event->kind == OVERLAY_EV_ACCEPTED;
    for (size_t i = 0; i < sim->actions->count && !dies; i++) {
        const struct overlay_action *action = &sim->actions->list[i];
        check_action(sim, number, action);
        carry_out(sim, number, action);
    }
    if (dies) { /* it is on its disk; nothing has left */
        crash(sim, number);
        return true;
    }
    check_node(sim, number);
    schedule(sim, number);
    if (err == ERR_PEER_BOUNDS && event->kind == OVERLAY_EV_MESSAGE) {
        uint32_t lane = net_lane(sim, event->link, number);
        if (lane != SIM_NONE) {
            fault(sim, number, lane);
        }
    }
    return err == ERR_OK || err == ERR_FULL_TABLE;
}

void home_publish(struct sim *sim, uint32_t number, bool urgent) {
    struct node *node = &sim->nodes[number];
    int64_t now = home_now(sim, number).wall.ms;
    bool record =
        (sim->params.faults & FAULT_RECORDS) != 0 && rng_below(&sim->rng, RECORD_ONE_IN) == 0;
    if (record && node->record != SIM_NONE && sim->objects[node->record].created >= now) {
        now = sim->objects[node->record].created + 1; /* as core, when its clock was set back */
    }
    struct object object = {.created = now,
                            .expires = now + (int64_t)sim->params.life_s * 1000,
                            .author = number,
                            .sent_at = sim_now(sim),
                            .last_at = sim_now(sim),
                            .size = (uint16_t)sim->params.size,
                            .urgent = urgent,
                            .record = record,
                            .replaces = record ? node->record : SIM_NONE,
                            .measured = sim->delays.at != NULL};
    for (uint32_t i = 0; i < sim->node_count; i++) {
        object.reach += i != number && home_is_honest(sim, i) ? 1 : 0;
    }
    if (object.replaces != SIM_NONE) {
        sim->objects[object.replaces].replaced = true;
    }
    node->record = record ? sim->object_count : node->record;
    home_put(sim, number, &object);
}

void home_put(struct sim *sim, uint32_t number, const struct object *object) {
    static const struct packet ours;
    uint32_t no = object_add(sim, object);
    sim_trace(sim, TRACE_PUBLISH, number, TRACE_NOBODY, 0, no);
    accept(sim, number, no, 0, &ours);
}

/* Everybody who is awake learns it at once, the others when they wake or start. */
void home_remove(struct sim *sim, uint32_t number) {
    sim->nodes[number].removed = true;
    sim->removed_count++;
    sim_trace(sim, TRACE_REMOVED, number, TRACE_NOBODY, 0, 0);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct overlay_event gone = {.kind = OVERLAY_EV_PEER_GONE, .peer = number};
        if (i != number && home_runs(sim, i)) {
            (void)home_step(sim, i, &gone);
        }
    }
}

/* ---- what arrives ---- */

void home_record(struct sim *sim, uint32_t number, uint32_t lane, const struct packet *packet) {
    link_no link = net_number(sim, lane / 2);
    if (packet->type == LINK_GOSSIP) {
        offered(sim, number, lane, packet);
        return;
    }
    struct overlay_event event = {.kind = OVERLAY_EV_HEARD, .link = link};
    if (packet->type == LINK_PING || packet->type == LINK_PONG) {
        (void)home_step(sim, number, &event);
        return;
    }
    if (link_decode(packet->type, (struct bytes){packet->at, packet->len}, sim->message) !=
        ERR_OK) {
        sim_break(sim, "what engines say is within the fence", number, UINT64_MAX, "type %u",
                  packet->type);
        return;
    }
    event.kind = OVERLAY_EV_MESSAGE;
    event.message = sim->message;
    (void)home_step(sim, number, &event);
}

/* As core's gossip_take(): look up, verify, put on record, and only then forward. */
static void offered(struct sim *sim, uint32_t number, uint32_t lane, const struct packet *packet) {
    struct node *node = &sim->nodes[number];
    link_no link = net_number(sim, lane / 2);
    uint32_t no = packet->object;
    struct overlay_event event = {.kind = OVERLAY_EV_OFFERED,
                                  .link = link,
                                  .hops = packet->hops,
                                  .everywhere = packet->everywhere,
                                  .urgent = sim->objects[no].urgent,
                                  .key.id = object_id(sim, no)};
    (void)home_step(sim, number, &event);
    enum overlay_verdict verdict = sim->actions->verdict;
    if (node->overlay == NULL || verdict != OVERLAY_WANTED) {
        sim->totals.duplicates +=
            verdict == OVERLAY_DUPLICATE && home_is_honest(sim, number) && sim->objects[no].measured
                ? 1
                : 0;
        return;
    }
    const struct object *object = &sim->objects[no];
    int64_t now = home_now(sim, number).wall.ms;
    enum border_verdict border = object->asked == 0 || object->forged
                                     ? BORDER_TAKE
                                     : sim->border->judge(sim->border->context, number, object);
    sim->totals.verified++;
    if (object->forged || border == BORDER_REJECT) {
        sim->totals.forged++;
        node->forgeries++;
        fault(sim, number, lane);
    } else if (node->crash_next == CRASH_BEFORE_COMMIT) {
        crash(sim, number); /* it never came */
    } else if (object->expires <= now || object->created > now + FUTURE_MAX_MS ||
               has_newer(sim, number, no) || border == BORDER_IGNORE) {
        event.kind = OVERLAY_EV_IGNORED;
        (void)home_step(sim, number, &event);
    } else {
        accept(sim, number, no, link, packet);
    }
}

static void accept(struct sim *sim, uint32_t number, uint32_t no, link_no link,
                   const struct packet *packet) {
    check_accept(sim, number, no);
    const struct object *object = &sim->objects[no];
    const struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                        .link = link,
                                        .hops = packet->hops,
                                        .everywhere = packet->everywhere,
                                        .urgent = object->urgent,
                                        .key = {{object->created}, object_id(sim, no)},
                                        .expires = {object->expires}};
    drop_older(sim, number, no);
    if (sim->nodes[number].overlay == NULL) {
        return;
    }
    object_hold(sim, no, number);
    if (link != 0) {
        object_delivered(sim, no, number);
    }
    if (object->asked != 0) {
        sim->border->accepted(sim->border->context, number, object);
    }
    if (!home_step(sim, number, &event)) {
        object_let_go(sim, no, number);
    }
}

/* Of records a node keeps the author's newest (PROTOCOL 5.1). */
static bool has_newer(const struct sim *sim, uint32_t number, uint32_t no) {
    if (!sim->objects[no].record) {
        return false;
    }
    uint32_t newer = sim->nodes[sim->objects[no].author].record;
    while (newer != SIM_NONE && newer > no) {
        if (object_held(sim, newer, number)) {
            return true;
        }
        newer = sim->objects[newer].replaces;
    }
    return false;
}

static void drop_older(struct sim *sim, uint32_t number, uint32_t no) {
    for (uint32_t older = sim->objects[no].replaces; older != SIM_NONE;
         older = sim->objects[older].replaces) {
        if (object_held(sim, older, number)) {
            const struct overlay_event event = {
                .kind = OVERLAY_EV_REPLACED,
                .key = {{sim->objects[older].created}, object_id(sim, older)}};
            (void)home_step(sim, number, &event);
            object_let_go(sim, older, number);
        }
    }
}

static void fault(struct sim *sim, uint32_t number, uint32_t lane) {
    const struct overlay_event event = {.kind = OVERLAY_EV_FAULT,
                                        .link = net_number(sim, lane / 2)};
    uint32_t peer = net_peer(sim, lane);
    if (sim->nodes[peer].hostile == HONEST) {
        sim_break(sim, "no honest node is called hostile", number, UINT64_MAX, "node %u", peer);
    }
    (void)home_step(sim, number, &event);
}

/* ---- what is done ---- */

static void carry_out(struct sim *sim, uint32_t number, const struct overlay_action *action) {
    struct node *node = &sim->nodes[number];
    uint32_t lane = action->link == 0 ? SIM_NONE : net_lane(sim, action->link, number);
    uint32_t object = 0;
    sim_trace(sim, (uint8_t)(TRACE_ACTION + action->kind), number,
              action->kind == OVERLAY_ACT_DIAL ? action->peer : TRACE_NOBODY,
              action->kind == OVERLAY_ACT_SEND ? (uint8_t)action->message->kind : action->hops,
              action->kind >= OVERLAY_ACT_PUSH && action->kind != OVERLAY_ACT_SEND
                  ? object_find(sim, &action->id)
                  : action->link);
    switch (action->kind) {
    case OVERLAY_ACT_DIAL:
        node->dials++;
        net_dial(sim, number, action->peer, false);
        return;
    case OVERLAY_ACT_KEEP:
        keep(sim, number, object_find(sim, &action->id), action->until);
        return;
    case OVERLAY_ACT_DROP:
        object = object_find(sim, &action->id);
        ASSERT(object != SIM_NONE);
        object_let_go(sim, object, number);
        return;
    case OVERLAY_ACT_CLOSE:
    case OVERLAY_ACT_PING:
    case OVERLAY_ACT_PUSH:
    case OVERLAY_ACT_SEND:
        break;
    }
    if (lane == SIM_NONE) {
        return; /* the other end has closed it: the event is on its way */
    }
    if (action->kind == OVERLAY_ACT_CLOSE) {
        net_close(sim, lane);
    } else if (action->kind == OVERLAY_ACT_PING) {
        static const struct packet ping = {.type = LINK_PING};
        net_send(sim, lane, &ping, (struct bytes){NULL, 0}, 9);
    } else if (action->kind == OVERLAY_ACT_PUSH) {
        object = object_find(sim, &action->id);
        if (!object_held(sim, object, number) && !home_keeps(sim, number, object)) {
            return; /* as core, which has no bytes to send */
        }
        if (node->hostile == HONEST || hostile_passes(sim, number, action, NULL)) {
            home_push(sim, lane, object, action->hops,
                      action->everywhere || node->hostile == WASTER);
        }
    } else if (node->hostile == HONEST) {
        node->views +=
            action->message->kind >= LINK_WALK && action->message->kind < LINK_SYNC ? 1 : 0;
        send_body(sim, lane, action->message);
    } else {
        *sim->message = *action->message;
        if (hostile_passes(sim, number, action, sim->message)) {
            send_body(sim, lane, sim->message);
        }
    }
}

static void keep(struct sim *sim, uint32_t number, uint32_t object, struct tick until) {
    struct node *node = &sim->nodes[number];
    int64_t now = home_now(sim, number).mono.ms;
    for (uint32_t i = 0; i < node->kept_count;) {
        bool over = node->kept[i].until <= now;
        node->kept[i] = over ? node->kept[--node->kept_count] : node->kept[i];
        i += over ? 0 : 1;
    }
    node->kept = realloc(node->kept, (node->kept_count + 1) * sizeof node->kept[0]);
    ASSERT(node->kept != NULL);
    node->kept[node->kept_count++] = (struct kept){object, until.ms};
}

bool home_keeps(const struct sim *sim, uint32_t number, uint32_t object) {
    const struct node *node = &sim->nodes[number];
    for (uint32_t i = 0; i < node->kept_count; i++) {
        if (node->kept[i].object == object && node->kept[i].until > home_now(sim, number).mono.ms) {
            return true;
        }
    }
    return false;
}

void home_say(struct sim *sim, uint32_t lane, const struct link_message *message) {
    send_body(sim, lane, message);
}

void home_push(struct sim *sim, uint32_t lane, uint32_t object, uint8_t hops, bool everywhere) {
    const struct packet packet = {
        .type = LINK_GOSSIP, .object = object, .hops = hops, .everywhere = everywhere};
    net_send(sim, lane, &packet, (struct bytes){NULL, 0}, sim->objects[object].size);
    if (sim->objects[object].asked != 0) {
        sim->border->pushed(sim->border->context, sim->net.pairs[lane / 2].node[lane % 2],
                            &sim->objects[object], net_record_bytes(sim->objects[object].size));
    }
}

static void send_body(struct sim *sim, uint32_t lane, const struct link_message *message) {
    SCOPED(buffer_finish) struct buffer body = {.max = 65536};
    const struct packet packet = {.type = (uint8_t)message->kind};
    ASSERT(link_encode(message, &body) == ERR_OK);
    net_send(sim, lane, &packet, buffer_bytes(&body), body.len);
    if (sim->border != NULL) {
        sim->border->said(sim->border->context, message, net_record_bytes(body.len));
    }
}

/* ---- what a node knows ---- */

static void know_others(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    for (uint32_t i = 0; i < node->book_count; i++) {
        const struct overlay_event event = {.kind = OVERLAY_EV_PEER,
                                            .peer = node->book[i].peer,
                                            .met = node->book[i].met,
                                            .anchor = node->book[i].anchor};
        (void)home_step(sim, number, &event);
    }
    free(node->book);
    node->book = NULL;
    node->book_count = 0;
    uint32_t others = sim->node_count - 1;
    uint32_t count = sim->params.known < others ? sim->params.known : others;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t two = (uint64_t)number << 32 | i;
        uint32_t other = i;
        if (others > 0 && count < others) {
            other = (uint32_t)(mix64_pair(sim->params.seed ^ 77, two) % others);
        }
        other = other < number ? other : other + 1;
        const struct overlay_event event = {
            .kind = OVERLAY_EV_PEER, .peer = i == 0 ? sponsor_near(sim, number, other) : other};
        (void)home_step(sim, number, &event);
    }
}

/* Nobody joins by a home that he cannot reach, that is no member any more, or that lies to him. */
static uint32_t sponsor_near(const struct sim *sim, uint32_t number, uint32_t other) {
    for (uint32_t i = 0; i < sim->node_count; i++) {
        uint32_t sponsor = (other + i) % sim->node_count;
        const struct node *node = &sim->nodes[sponsor];
        if (sponsor != number && !node->nat && !node->removed && node->hostile == HONEST) {
            return sponsor;
        }
    }
    return other;
}

static void forget_removed(struct sim *sim, uint32_t number) {
    for (uint32_t i = 0; sim->removed_count > 0 && i < sim->node_count; i++) {
        const struct overlay_event gone = {.kind = OVERLAY_EV_PEER_GONE, .peer = i};
        if (i != number && sim->nodes[i].removed) {
            (void)home_step(sim, number, &gone);
        }
    }
}

static void load_objects(struct sim *sim, uint32_t number) {
    for (uint32_t i = sim->first_live; i < sim->object_count; i++) {
        const struct object *object = &sim->objects[i];
        if (!object_held(sim, i, number)) {
            continue;
        }
        if (object->expires <= home_now(sim, number).wall.ms) {
            object_let_go(sim, i, number);
            continue;
        }
        const struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                            .key = {{object->created}, object_id(sim, i)},
                                            .expires = {object->expires}};
        (void)home_step(sim, number, &event);
    }
}

static void keep_book(struct sim *sim, struct node *node) {
    (void)sim;
    struct overlay_known book[OVERLAY_BOOK_MAX];
    size_t count = overlay_book(node->overlay, book);
    free(node->book);
    node->book = calloc(count + 1, sizeof book[0]);
    ASSERT(node->book != NULL);
    memcpy(node->book, book, count * sizeof book[0]);
    node->book_count = (uint32_t)count;
}

/* ---- clocks ---- */

static void schedule(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    if (node->overlay == NULL || node->resume_at > sim_now(sim)) {
        return;
    }
    struct now now = home_now(sim, number);
    struct tick due = overlay_deadline(node->overlay, now);
    if (due.ms == TICK_NEVER.ms || due.ms - now.mono.ms > INT32_MAX) {
        node->tick_at = SIM_NONE;
        return;
    }
    int64_t wait = due.ms - now.mono.ms;
    uint32_t at = sim_now(sim) + (uint32_t)(wait > 0 ? wait : 0);
    if (node->tick_at != at) {
        node->tick_at = at;
        queue_add(sim->queue, at, EVENT_TICK, number);
    }
}

/* SIM_NONE: of a clock that is right. */
struct now home_now(const struct sim *sim, uint32_t number) {
    int64_t mono = number == SIM_NONE ? 0 : sim->nodes[number].mono_ms;
    int64_t wall = number == SIM_NONE ? 0 : sim->nodes[number].wall_ms;
    return (struct now){.wall = {WALL_BEGIN_MS + sim_now(sim) + wall},
                        .mono = {MONO_BEGIN_MS + sim_now(sim) + mono}};
}

bool home_runs(const struct sim *sim, uint32_t number) {
    const struct node *node = &sim->nodes[number];
    return node->overlay != NULL && node->resume_at <= sim_now(sim);
}

bool home_is_honest(const struct sim *sim, uint32_t number) {
    const struct node *node = &sim->nodes[number];
    return node->hostile == HONEST && !node->removed && home_runs(sim, number);
}

uint32_t home_random(struct sim *sim) {
    for (int i = 0; i < 1000; i++) {
        uint32_t node = rng_below(&sim->rng, sim->node_count);
        if (home_is_honest(sim, node)) {
            return node;
        }
    }
    return SIM_NONE;
}

uint32_t home_group(const struct sim *sim, uint32_t number) {
    return sim->params.groups == 0
               ? 0
               : 1 + (uint32_t)(mix64_pair(sim->params.seed ^ 99, number) % sim->params.groups);
}

struct id home_id(uint32_t number) {
    struct id id;
    write_u64(id.b, mix64(number)); /* so that order says nothing of it */
    for (size_t i = 8; i < sizeof id.b; i += 8) {
        write_u64(id.b + i, mix64_pair(i, number));
    }
    return id;
}
