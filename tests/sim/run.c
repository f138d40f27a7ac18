/* One run: the nodes start, talk, and suffer; everything from the parameters and their seed. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    CALM_STEP_MS = 5000,
    FAULT_EVERY_MS = 3000,
    MENDED_MS = 60 * 1000,
    LATE_PCT = 15,
    KEPT = 1 << 18, /* entries of the trace */
    KEPT_OF_MANY = 1 << 12,
};

static peer_no find_member(void *context, const struct id *id);
static struct id id_of_member(void *context, peer_no peer);
static void happen(struct sim *sim, const struct queue_event *event);
static void choose_roles(struct sim *sim);
static void go_wrong(struct sim *sim);
static void go_wrong_at(struct sim *sim, uint32_t number);
static void put_right(struct sim *sim);
static bool settle(struct sim *sim);

struct sim *sim_create(const struct params *params, bool print_trace) {
    struct sim *sim = calloc(1, sizeof *sim);
    ASSERT(sim != NULL);
    sim->params = *params;
    sim->rng.state = params->seed;
    sim->queue = queue_create();
    sim->trace = trace_create(print_trace, params->communities == 0 ? KEPT : KEPT_OF_MANY);
    sim->node_room = params->nodes;
    sim->node_count = params->nodes;
    sim->nodes = calloc(sim->node_room, sizeof sim->nodes[0]);
    sim->members = (struct overlay_members){sim, find_member, id_of_member};
    sim->actions = calloc(1, sizeof *sim->actions);
    sim->message = calloc(1, sizeof *sim->message);
    sim->net.free = SIM_NONE;
    ASSERT(sim->nodes != NULL);
    ASSERT(sim->actions != NULL);
    ASSERT(sim->message != NULL);
    choose_roles(sim);
    return sim;
}

void sim_destroy(struct sim *sim) {
    for (uint32_t i = 0; i < sim->node_count; i++) {
        overlay_destroy(sim->nodes[i].overlay);
        free(sim->nodes[i].book);
        free(sim->nodes[i].kept);
    }
    for (uint32_t i = 0; i < sim->object_count; i++) {
        free(sim->objects[i].has);
    }
    net_destroy(&sim->net);
    queue_destroy(sim->queue);
    trace_destroy(sim->trace);
    free(sim->nodes);
    free(sim->objects);
    free(sim->delays.at);
    free(sim->actions);
    free(sim->message);
    free(sim);
}

uint32_t sim_now(const struct sim *sim) {
    return queue_now(sim->queue);
}

void sim_trace(struct sim *sim, uint8_t kind, uint32_t node, uint32_t peer, uint8_t detail,
               uint64_t ref) {
    const struct trace_entry entry = {
        .at = sim_now(sim), .node = node, .peer = peer, .kind = kind, .detail = detail, .ref = ref};
    trace_add(sim->trace, &entry);
}

bool sim_run(struct sim *sim, uint32_t until_ms) {
    struct queue_event event;
    while (sim->broken.name == NULL && queue_take(sim->queue, until_ms, &event)) {
        happen(sim, &event);
    }
    object_retire(sim);
    return sim->broken.name == NULL;
}

static void happen(struct sim *sim, const struct queue_event *event) {
    switch ((enum event_kind)event->kind) {
    case EVENT_TICK:
        home_tick(sim, event->ref);
        return;
    case EVENT_START:
        home_start(sim, event->ref);
        return;
    case EVENT_RESUME:
        home_resume(sim, event->ref);
        return;
    case EVENT_ATTACK:
        hostile_attack(sim, event->ref);
        return;
    case EVENT_ANSWER:
        net_answer(sim, event->ref);
        return;
    case EVENT_OPEN:
        net_open(sim, event->ref);
        return;
    case EVENT_FAIL:
        net_fail(sim, event->ref);
        return;
    case EVENT_DELIVER:
        net_deliver(sim, event->ref);
        return;
    case EVENT_DRAIN:
        net_drain(sim, event->ref);
        return;
    }
}

bool sim_warm(struct sim *sim) {
    for (uint32_t i = 0; i < sim->node_count; i++) {
        uint32_t at = sim->params.start_ms == 0 ? 0 : rng_below(&sim->rng, sim->params.start_ms);
        if (sim->nodes[i].late) {
            continue;
        }
        queue_add(sim->queue, sim_now(sim) + at, EVENT_START, i);
    }
    if (!sim_run(sim, sim_now(sim) + sim->params.start_ms)) {
        return false;
    }
    return sim_talk(sim, sim->params.warm_s * 1000);
}

bool sim_talk(struct sim *sim, uint32_t ms) {
    uint32_t end = sim_now(sim) + ms;
    while (sim_now(sim) < end) {
        if (sim_now(sim) >= sim->talk_at) {
            uint32_t node = home_random(sim);
            if (node != SIM_NONE) {
                home_publish(sim, node, rng_below(&sim->rng, 100) < sim->params.urgent_pct);
            }
            sim->talk_at = sim_now(sim) + sim->params.every_ms;
        }
        if (!sim_run(sim, sim->talk_at < end ? sim->talk_at : end)) {
            return false;
        }
    }
    return true;
}

/* In silence; and somebody who does not run starts. */
void sim_churn(struct sim *sim) {
    uint32_t dies = home_random(sim);
    if (dies != SIM_NONE) {
        home_die(sim, dies);
    }
    for (int i = 0; i < 100; i++) {
        uint32_t starts = rng_below(&sim->rng, sim->node_count);
        if (sim->nodes[starts].overlay == NULL && starts != dies) {
            home_start(sim, starts);
            return;
        }
    }
}

void sim_measure(struct sim *sim) {
    free(sim->delays.at);
    sim->delays = (struct delays){.at = calloc(DELAYS_MAX + 1, sizeof(uint32_t))};
    ASSERT(sim->delays.at != NULL);
    sim->totals = (struct totals){0};
    memset(sim->net.bytes, 0, sizeof sim->net.bytes);
    memset(sim->net.records, 0, sizeof sim->net.records);
}

/* ---- faults ---- */

bool sim_faults(struct sim *sim) {
    uint32_t end = sim_now(sim) + sim->params.run_s * 1000;
    while (sim_now(sim) < end) {
        go_wrong(sim);
        if (!sim_talk(sim, FAULT_EVERY_MS)) {
            return false;
        }
    }
    put_right(sim);
    return settle(sim);
}

static void go_wrong(struct sim *sim) {
    const struct params *params = &sim->params;
    if ((params->faults & FAULT_CUT) != 0 && rng_below(&sim->rng, 10) == 0) {
        sim->net.parts = sim->net.parts > 1 ? 0 : rng_between(&sim->rng, 2, 4);
        sim->net.parts_salt = rng_draw(&sim->rng);
        sim_trace(sim, TRACE_CUT, TRACE_NOBODY, TRACE_NOBODY, (uint8_t)sim->net.parts, 0);
    }
    if ((params->faults & FAULT_SILENCE) != 0 && rng_below(&sim->rng, 10) == 0) {
        sim->net.silent_pm = sim->net.silent_pm > 0 ? 0 : rng_below(&sim->rng, 300);
        sim->net.silent_salt = rng_draw(&sim->rng);
        sim_trace(sim, TRACE_SILENCE, TRACE_NOBODY, TRACE_NOBODY, 0, sim->net.silent_pm);
    }
    uint32_t some = 1 + sim->node_count / 60;
    for (uint32_t i = 0; i < some; i++) {
        go_wrong_at(sim, rng_below(&sim->rng, sim->node_count));
    }
}

static void go_wrong_at(struct sim *sim, uint32_t number) {
    struct node *node = &sim->nodes[number];
    uint32_t faults = sim->params.faults;
    uint32_t what = rng_below(&sim->rng, 6);
    if (node->overlay == NULL) {
        home_start(sim, number);
    } else if (what == 0 && (faults & FAULT_SUSPEND) != 0 && node->resume_at == 0) {
        uint32_t ms = rng_between(&sim->rng, 500, 60000);
        node->mono_ms -= ms; /* its clock stands still */
        home_suspend(sim, number, ms);
    } else if (what == 1 && (faults & FAULT_RESTART) != 0 && node->resume_at == 0) {
        home_die(sim, number);
        queue_add(sim->queue, sim_now(sim) + rng_between(&sim->rng, 100, 40000), EVENT_START,
                  number);
    } else if (what == 2 && (faults & FAULT_CRASH) != 0) {
        node->crash_next =
            rng_below(&sim->rng, 2) == 0 ? CRASH_BEFORE_COMMIT : CRASH_BEFORE_RELEASE;
    } else if (what == 3 && (faults & FAULT_CHURN) != 0 && node->resume_at == 0) {
        home_die(sim, number); /* until go_wrong_at() comes by again, or the calm */
    } else if (what == 4 && (faults & FAULT_CLOCK) != 0 && sim->params.clock_s > 0) {
        int64_t most = (int64_t)sim->params.clock_s * 1000;
        node->clock_set_at = sim_now(sim);
        node->wall_ms = (int64_t)rng_below(&sim->rng, (uint32_t)(2 * most)) - most;
        sim_trace(sim, TRACE_CLOCK, number, TRACE_NOBODY, 0, (uint64_t)node->wall_ms);
    } else if (what == 5 && (faults & FAULT_REMOVE) != 0 && !node->removed && number > 0 &&
               sim->removed_count < sim->node_count / 10) {
        home_remove(sim, number);
    }
}

/* The hostile go on; all else is as it should be, but for clocks, which stay wrong. */
static void put_right(struct sim *sim) {
    sim->net.parts = 0;
    sim->net.silent_pm = 0;
    sim_trace(sim, TRACE_CUT, TRACE_NOBODY, TRACE_NOBODY, 0, 0);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        sim->nodes[i].crash_next = CRASH_NOT;
        home_start(sim, i);
    }
    sim->calm = true;
}

/* Then what is sent comes to all, without many copies: twice as many as the tree of a network that
 * has just been mended may be. */
static bool settle(struct sim *sim) {
    struct broken unwell;
    const char *what = "";
    for (uint32_t ms = 0; ms <= sim->params.calm_s * 1000; ms += CALM_STEP_MS) {
        if (!sim_run(sim, sim_now(sim) + CALM_STEP_MS)) {
            return false;
        }
        what = check_calm(sim, &unwell);
        if (what == NULL) {
            break;
        }
    }
    if (what != NULL) {
        unwell.name = what;
        sim->broken = unwell;
        return false;
    }
    sim->params.urgent_pct = 0;                 /* goes by no tree */
    uint32_t mends = 60 * sim->params.every_ms; /* the tree, by a turn now and then */
    if (!sim_talk(sim, mends < MENDED_MS ? MENDED_MS : mends)) {
        return false;
    }
    sim_measure(sim);
    if (!sim_talk(sim, 40 * sim->params.every_ms) ||
        !sim_run(sim, sim_now(sim) + sim->params.drain_s * 1000)) {
        return false;
    }
    check_reach(sim);
    bool fair = sim->params.hostile_pct == 0 && sim->params.slow_pct == 0 &&
                sim->params.loss_pct <= 10; /* or much comes late */
    if (fair && sim->totals.duplicates > sim->totals.delivered) {
        sim_break(sim, "the tree is a tree", SIM_NONE, UINT64_MAX, "%llu copies of %llu",
                  (unsigned long long)sim->totals.duplicates,
                  (unsigned long long)sim->totals.delivered);
    }
    return sim->broken.name == NULL;
}

/* ---- who is who ---- */

static void choose_roles(struct sim *sim) {
    const struct params *params = &sim->params;
    uint8_t kinds[HOSTILE_KINDS];
    uint32_t kind_count = 0;
    for (unsigned kind = 1; kind < HOSTILE_KINDS; kind++) {
        if ((params->hostile >> kind & 1) != 0) {
            kinds[kind_count++] = (uint8_t)kind;
        }
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct node *node = &sim->nodes[i];
        node->up_at = SIM_NONE;
        node->tick_at = SIM_NONE;
        node->record = SIM_NONE;
        bool churns = (params->faults & FAULT_CHURN) != 0 || params->churn_ms > 0;
        node->late = churns && i > 1 && mix64_pair(params->seed ^ 7, i) % 100 < LATE_PCT;
        node->nat = i > 0 && mix64_pair(params->seed ^ 3, i) % 100 < params->nat_pct;
        node->slow = mix64_pair(params->seed ^ 4, i) % 100 < params->slow_pct;
        if (kind_count > 0 && mix64_pair(params->seed ^ 5, i) % 100 < params->hostile_pct) {
            node->hostile = kinds[mix64_pair(params->seed ^ 6, i) % kind_count];
        }
    }
}

static peer_no find_member(void *context, const struct id *id) {
    const struct sim *sim = context;
    uint64_t number = unmix64(read_u64(id->b));
    return number < sim->node_count && !sim->nodes[number].removed ? (peer_no)number
                                                                   : OVERLAY_NOBODY;
}

static struct id id_of_member(void *context, peer_no peer) {
    (void)context;
    return home_id(peer);
}
