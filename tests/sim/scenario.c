/* What is run and measured. Each prints its figures beside what they should reach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "node/base/assert.h"
#include "tests/sim/sim.h"

enum {
    PAYLOAD = 1021,           /* fills a record of 1 KiB */
    KILL_EVERY_MS = 500,      /* a message */
    KILL_PATIENCE_MS = 10000, /* within which it has to be everywhere */
    SHUFFLE_MS = 60 * 1000,
};

struct result { /* of one run that was measured */
    double redundancy, bytes, reach;
    uint32_t p50, p99, most;
};

struct scenario {
    const char *name;
    const char *what;
    const char *changes; /* to what is usual */
    bool (*run)(struct sim *sim);
};

static bool run_tree(struct sim *sim);
static bool run_flood(struct sim *sim);
static bool run_kill(struct sim *sim);
static bool run_halves(struct sim *sim);
static bool run_join(struct sim *sim);
static bool run_hostile(struct sim *sim);
static bool run_huge(struct sim *sim);
static bool run_faults(struct sim *sim);

/* A community of 10 000 that talks ten times a second. */
static const struct params usual = {.seed = 1,
                                    .nodes = 10000,
                                    .known = 20,
                                    .start_ms = 1000,
                                    .warm_s = 150,
                                    .run_s = 20,
                                    .drain_s = 30,
                                    .calm_s = 180,
                                    .every_ms = 100,
                                    .size = PAYLOAD,
                                    .life_s = 3600,
                                    .latency_min = 10,
                                    .latency_max = 100};

/* Known from the start: many, as a home has the node records of all members. */
#define HOSTILE "nodes=1000 known=200 every_ms=500 run_s=60 hostile_pct=30 hostile="

static const struct scenario scenarios[] = {
    {"tree", "redundancy, delay and bytes over the tree", "", run_tree},
    {"flood", "delay of what is urgent", "every_ms=1000 urgent_pct=100", run_flood},
    {"kill", "a silent kill (--set kill_pct=30, 50, 80 or 90)", "kill_pct=50 run_s=120", run_kill},
    {"halves", "cut apart for an hour, then healed", "nodes=1000 run_s=3600 every_ms=20000",
     run_halves},
    {"join", "a network that grows from one node", "nodes=2000 known=3 join_ms=50", run_join},
    {"hostile-dropper", "30 % forward nothing", HOSTILE "dropper", run_hostile},
    {"hostile-liar", "30 % announce what they never give", HOSTILE "liar", run_hostile},
    {"hostile-flooder", "30 % send forgeries and copies", HOSTILE "flooder", run_hostile},
    {"hostile-eclipser", "30 % take all places that they can get", HOSTILE "eclipser", run_hostile},
    {"hostile-poisoner", "30 % name members that are not there", HOSTILE "poisoner", run_hostile},
    {"hostile-replayer", "30 % push what has expired", HOSTILE "replayer life_s=60", run_hostile},
    {"slow", "10 % read 4 kB/s of a link",
     "nodes=1000 every_ms=1000 slow_pct=10 slow_rate=4000 rate=1000000", run_tree},
    {"nat", "30 % cannot be dialled", "nodes=1000 nat_pct=30", run_tree},
    {"huge", "100 000 nodes: memory, and a message",
     "nodes=100000 every_ms=5000 warm_s=60 run_s=10 life_s=120", run_huge},
    {"faults", "what the swarm does",
     "nodes=40 every_ms=500 warm_s=20 run_s=120 clock_s=420 hostile_pct=20 faults=511 hostile=126",
     run_faults},
};

static const struct scenario *find(const char *name);
static void take(struct sim *sim, struct result *out);
static bool run_measured(struct sim *sim, struct result *out);
static void print_result(const char *name, const struct result *result);
static void print_reach(const char *what, double value, double reach, const char *unit);
static void kill_some(struct sim *sim);

int scenario_run(const char *name, const struct params *params, bool trace) {
    struct sim *sim = sim_create(params, trace);
    struct id hash;
    bool ended = find(name)->run(sim) && sim->broken.name == NULL;
    trace_hash(sim->trace, &hash);
    (void)printf(
        "trace %02x%02x%02x%02x%02x%02x%02x%02x after %llu entries, %.1f s of virtual time\n",
        hash.b[0], hash.b[1], hash.b[2], hash.b[3], hash.b[4], hash.b[5], hash.b[6], hash.b[7],
        (unsigned long long)trace_count(sim->trace), sim_now(sim) / 1000.0);
    if (!ended) {
        (void)printf("broken: %s, node %d, object %lld, at %u.%03u s: %s\n", sim->broken.name,
                     (int)sim->broken.node, (long long)sim->broken.object, sim->broken.at / 1000,
                     sim->broken.at % 1000, sim->broken.text);
        trace_print_last(sim->trace, sim->broken.node, sim->broken.object, 50, stdout);
    }
    sim_destroy(sim);
    return ended ? 0 : 1;
}

void scenario_list(void) {
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        struct params params;
        (void)scenario_usual(scenarios[i].name, &params);
        (void)printf("%-18s %6u nodes  %s\n", scenarios[i].name, params.nodes, scenarios[i].what);
    }
}

bool scenario_usual(const char *name, struct params *out) {
    const struct scenario *scenario = find(name);
    if (scenario == NULL) {
        return false;
    }
    *out = usual;
    for (const char *at = scenario->changes; *at != '\0'; at += strspn(at, " ")) {
        char change[64];
        size_t len = strcspn(at, " ");
        (void)snprintf(change, sizeof change, "%.*s", (int)len, at);
        bool known = params_set(out, change);
        ASSERT(known);
        at += len;
    }
    return true;
}

/* ---- runs ---- */

static bool run_tree(struct sim *sim) {
    struct result result;
    if (!run_measured(sim, &result)) {
        return false;
    }
    print_result("tree", &result);
    print_reach("redundancy", result.redundancy, 0.05, "");
    print_reach("p99", result.p99 / 1000.0, 0.9, " s");
    print_reach("bytes on the wire per delivery, in payloads", result.bytes, 1.3, "");
    check_reach(sim);
    return true;
}

static bool run_flood(struct sim *sim) {
    struct result result;
    if (!run_measured(sim, &result)) {
        return false;
    }
    print_result("flood", &result);
    print_reach("p99", result.p99 / 1000.0, 0.4, " s");
    check_reach(sim);
    return true;
}

static bool run_kill(struct sim *sim) {
    static const struct {
        uint32_t pct;
        double reach;
    } reaches[] = {{30, 15}, {50, 20}, {80, 45}, {90, 90}};
    if (!sim_warm(sim)) {
        return false;
    }
    kill_some(sim);
    uint32_t began = sim_now(sim);
    uint32_t first = sim->object_count;
    sim_measure(sim);
    sim->params.every_ms = KILL_EVERY_MS;
    if (!sim_talk(sim, sim->params.run_s * 1000) ||
        !sim_run(sim, sim_now(sim) + KILL_PATIENCE_MS)) {
        return false;
    }
    uint32_t whole = began;
    for (uint32_t i = first; i < sim->object_count; i++) {
        const struct object *object = &sim->objects[i];
        if (object->delivered < object->reach ||
            object->last_at - object->sent_at > KILL_PATIENCE_MS) {
            whole = object->sent_at + KILL_EVERY_MS;
        }
    }
    (void)printf("%u %% killed in silence, of %u\n", sim->params.kill_pct, sim->node_count);
    for (size_t i = 0; i < COUNT_OF(reaches); i++) {
        if (reaches[i].pct == sim->params.kill_pct) {
            print_reach("first message from which on all reach all, after",
                        (whole - began) / 1000.0, reaches[i].reach, " s");
        }
    }
    return true;
}

static bool run_halves(struct sim *sim) {
    struct broken unequal;
    uint32_t alone = 0;
    if (!sim_warm(sim)) {
        return false;
    }
    sim->net.parts = 2;
    sim->net.parts_salt = sim->params.seed;
    if (!sim_talk(sim, sim->params.run_s * 1000)) {
        return false;
    }
    (void)printf("after %u s apart: %u components\n", sim->params.run_s,
                 check_components(sim, &alone));
    sim->net.parts = 0;
    uint32_t began = sim_now(sim);
    uint32_t whole = 0;
    uint32_t equal = 0;
    while (equal == 0 && sim_now(sim) - began < 30 * SHUFFLE_MS) {
        if (!sim_run(sim, sim_now(sim) + 1000)) {
            return false;
        }
        if (whole == 0 && check_components(sim, &alone) == 1) {
            whole = sim_now(sim) - began;
        }
        if (whole != 0 && check_sets_equal(sim, &unequal)) {
            equal = sim_now(sim) - began;
        }
    }
    if (equal == 0) {
        sim_break(sim, "halves meet again", SIM_NONE, UINT64_MAX, "not within 30 min");
    }
    (void)printf("the same objects everywhere after %.0f s\n", equal / 1000.0);
    print_reach("one component, in shuffles of a minute, after", (double)whole / SHUFFLE_MS, 3, "");
    return true;
}

static bool run_join(struct sim *sim) {
    struct result result;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        home_start(sim, i);
        if (!sim_run(sim, sim_now(sim) + sim->params.join_ms)) {
            return false;
        }
    }
    if (!sim_talk(sim, sim->params.warm_s * 1000)) {
        return false;
    }
    sim_measure(sim);
    if (!sim_talk(sim, sim->params.run_s * 1000) ||
        !sim_run(sim, sim_now(sim) + sim->params.drain_s * 1000)) {
        return false;
    }
    take(sim, &result);
    print_result("after all have joined", &result);
    check_reach(sim);
    return true;
}

/* The same, first without the hostile. */
static bool run_hostile(struct sim *sim) {
    struct result honest;
    struct result hostile;
    struct params params = sim->params;
    params.hostile_pct = 0;
    struct sim *peace = sim_create(&params, false);
    bool ran = run_measured(peace, &honest);
    sim_destroy(peace);
    if (!ran || !run_measured(sim, &hostile)) {
        return false;
    }
    print_result("all honest", &honest);
    print_result("with the hostile", &hostile);
    print_reach("p99 with the hostile, of that without", (double)hostile.p99 / honest.p99, 3, "");
    check_reach(sim);
    return true;
}

static bool run_huge(struct sim *sim) {
    struct result result;
    struct rusage usage;
    size_t bytes = 0;
    if (!run_measured(sim, &result)) {
        return false;
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        bytes += overlay_bytes(sim->nodes[i].overlay);
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    print_result("huge", &result);
    (void)printf("largest resident size %.0f bytes a node, of the whole process\n",
                 (double)usage.ru_maxrss * 1024 / sim->node_count);
    print_reach("engine, bytes a node", (double)bytes / sim->node_count, 8192, "");
    check_reach(sim);
    return true;
}

static bool run_faults(struct sim *sim) {
    return sim_warm(sim) && sim_faults(sim);
}

/* ---- figures ---- */

static bool run_measured(struct sim *sim, struct result *out) {
    if (!sim_warm(sim)) {
        return false;
    }
    sim_measure(sim);
    if (!sim_talk(sim, sim->params.run_s * 1000)) {
        return false;
    }
    take(sim, out); /* bytes: without the silence after it */
    double bytes = out->bytes;
    if (!sim_run(sim, sim_now(sim) + sim->params.drain_s * 1000)) {
        return false;
    }
    take(sim, out);
    out->bytes = bytes;
    return true;
}

static void take(struct sim *sim, struct result *out) {
    uint64_t bytes = 0;
    uint64_t reach = 0;
    uint64_t delivered = 0;
    for (int i = 0; i < WIRE_KINDS; i++) {
        bytes += sim->net.bytes[i];
    }
    for (uint32_t i = 0; i < sim->object_count; i++) {
        reach += sim->objects[i].measured ? sim->objects[i].reach : 0;
        delivered += sim->objects[i].measured ? sim->objects[i].delivered : 0;
    }
    double count = sim->delays.count > 0 ? (double)sim->delays.count : 1;
    *out = (struct result){.redundancy = (double)sim->totals.duplicates / count,
                           .bytes = (double)bytes / count / 1024,
                           .reach = reach == 0 ? 0 : 100.0 * (double)delivered / (double)reach,
                           .p50 = delays_percentile(&sim->delays, 0.5),
                           .p99 = delays_percentile(&sim->delays, 0.99),
                           .most = sim->delays.most};
}

static void print_result(const char *name, const struct result *result) {
    (void)printf("%s: delivered %.4f %%, p50 %.3f s, p99 %.3f s, last %.3f s, redundancy %.4f, "
                 "%.2f payloads a delivery\n",
                 name, result->reach, result->p50 / 1000.0, result->p99 / 1000.0,
                 result->most / 1000.0, result->redundancy, result->bytes);
}

static void print_reach(const char *what, double value, double reach, const char *unit) {
    (void)printf("  %s: %.3f%s (reach %.3g) %s\n", what, value, unit, reach,
                 value <= reach ? "ok" : "MISSED");
}

static void kill_some(struct sim *sim) {
    uint32_t left = sim->node_count * sim->params.kill_pct / 100;
    while (left > 0) {
        uint32_t node = rng_below(&sim->rng, sim->node_count);
        if (sim->nodes[node].overlay != NULL) {
            home_die(sim, node);
            left--;
        }
    }
}

static const struct scenario *find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}
