/* What is run and measured. Each prints its figures beside what they should reach. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "node/base/assert.h"
#include "tests/sim/federation.h"
#include "tests/sim/figure.h"

enum {
    PAYLOAD = 1021,           /* fills a record of 1 KiB */
    KILL_PATIENCE_MS = 10000, /* within which it has to be everywhere */
    SHUFFLE_MS = 60 * 1000,
};

struct result { /* of one run that was measured */
    double redundancy, bytes, reach;
    double bytes_for[WIRE_KINDS]; /* in payloads a delivery, as `bytes` */
    uint32_t p50, p99, most;
};

static struct figures figures;

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
static bool run_churn(struct sim *sim);
static bool run_join(struct sim *sim);
static bool run_hostile(struct sim *sim);
static bool run_huge(struct sim *sim);
static bool run_faults(struct sim *sim);
static bool run_federation(struct sim *sim);

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
                                    .latency_max = 100,
                                    .kill_every_ms = 500};

/* Known from the start: many, as a home has the node records of all members. */
#define HOSTILE "nodes=1000 known=200 every_ms=500 run_s=60 drain_s=90 hostile_pct=30 hostile="

static const struct scenario scenarios[] = {
    {"tree", "redundancy, delay and bytes over the tree", "run_s=60", run_tree},
    {"flood", "delay of what is urgent", "every_ms=1000 urgent_pct=100", run_flood},
    {"kill-30", "30 % die in silence", "kill_pct=30 run_s=60", run_kill},
    {"kill-50", "half of them do", "kill_pct=50 run_s=60", run_kill},
    {"kill-80", "80 % do", "kill_pct=80 run_s=100", run_kill},
    {"kill-90", "90 % do", "kill_pct=90 run_s=180", run_kill},
    {"churn", "one dies and one joins, five times a second",
     "nodes=2000 run_s=120 every_ms=500 churn_ms=200 drain_s=90", run_churn},
    {"halves", "cut apart for an hour, then healed", "nodes=1000 run_s=3600 every_ms=20000",
     run_halves},
    {"join", "a network that grows from one node", "nodes=2000 known=3 join_ms=50", run_join},
    {"hostile-dropper", "30 % forward nothing", HOSTILE "dropper", run_hostile},
    {"hostile-liar", "30 % announce what they never give", HOSTILE "liar", run_hostile},
    {"hostile-flooder", "30 % send forgeries and copies", HOSTILE "flooder", run_hostile},
    {"hostile-eclipser", "30 % take all places that they can get", HOSTILE "eclipser", run_hostile},
    {"hostile-echoer", "the same, and repeat what all have", HOSTILE "eclipser echo=1",
     run_hostile},
    {"hostile-giver", "the same, and give that to whoever has it", HOSTILE "eclipser echo=2",
     run_hostile},
    {"hostile-poisoner", "30 % name members that are not there", HOSTILE "poisoner", run_hostile},
    {"hostile-replayer", "30 % push what has expired", HOSTILE "replayer life_s=60", run_hostile},
    {"hostile-waster", "30 % say of all that it goes everywhere", HOSTILE "waster", run_hostile},
    {"hostile-fleeting", "30 % push what is gone when it is asked for",
     HOSTILE "fleeting nodes=200 every_ms=20000 warm_s=30 run_s=30", run_hostile},
    {"hostile-silent", "30 % dial all day and say nothing", HOSTILE "eclipser silent=1",
     run_hostile},
    {"slow", "10 % read 4 kB/s of a link",
     "nodes=1000 every_ms=1000 slow_pct=10 slow_rate=4000 rate=1000000", run_tree},
    {"nat", "30 % cannot be dialled", "nodes=1000 nat_pct=30", run_tree},
    {"huge", "100 000 nodes: memory, and a message",
     "nodes=100000 every_ms=5000 warm_s=60 run_s=10 life_s=120", run_huge},
    {"federation", "200 communities of so many: what a request about three of them costs",
     "communities=200 nodes=500 every_ms=2000 warm_s=210 drain_s=30 size=500 life_s=7200",
     run_federation},
    {"faults", "what the swarm does",
     "nodes=40 every_ms=500 warm_s=20 run_s=120 clock_s=420 hostile_pct=20 faults=511 hostile=510",
     run_faults},
};

static const struct scenario *find(const char *name);
static void take(struct sim *sim, struct result *out);
static bool run_measured(struct sim *sim, struct result *out);
static void print_result(const char *name, const struct result *result);
static void print_end(struct sim *sim);
static void print_json(struct sim *sim, const char *name);
static void hash_text(struct sim *sim, char text[17]);
static void kill_some(struct sim *sim);

int scenario_run(const char *name, const struct params *params, bool trace, bool json) {
    struct sim *sim = sim_create(params, trace);
    figures.json = json;
    bool kept = find(name)->run(sim) && sim->broken.name == NULL;
    if (json) {
        print_json(sim, name);
    } else {
        print_end(sim);
    }
    sim_destroy(sim);
    return kept ? 0 : 1;
}

int scenario_swarm(const char *name, const struct params *params, uint32_t seconds) {
    struct params next = *params;
    time_t end = time(NULL) + (time_t)seconds;
    bool kept = true;
    figures.json = true; /* nothing is printed */
    while (kept && time(NULL) < end) {
        struct sim *sim = sim_create(&next, false);
        figures.count = 0;
        kept = find(name)->run(sim) && sim->broken.name == NULL;
        if (!kept) {
            print_end(sim);
        }
        sim_destroy(sim);
        next.seed++;
    }
    (void)printf("%s: %llu runs from seed %llu: %s\n", name,
                 (unsigned long long)(next.seed - params->seed), (unsigned long long)params->seed,
                 kept ? "every promise kept" : "the last one broke a promise");
    return kept ? 0 : 1;
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
    figure_compare(&figures, "redundancy", result.redundancy, 0.05, "");
    figure_compare(&figures, "p99", result.p99 / 1000.0, 0.9, "s");
    figure_compare(&figures, "bytes on the wire per delivery, in payloads", result.bytes, 1.3, "");
    check_reach(sim);
    return true;
}

static bool run_flood(struct sim *sim) {
    struct result result;
    if (!run_measured(sim, &result)) {
        return false;
    }
    print_result("flood", &result);
    figure_compare(&figures, "p99", result.p99 / 1000.0, 0.4, "s");
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
    sim->params.every_ms = sim->params.kill_every_ms;
    sim->talk_at = began + sim->params.kill_every_ms;
    if (!sim_talk(sim, sim->params.run_s * 1000) ||
        !sim_run(sim, sim_now(sim) + KILL_PATIENCE_MS)) {
        return false;
    }
    uint32_t whole = began;
    uint32_t earliest = SIM_NONE; /* at which all have one of them */
    for (uint32_t i = first; i < sim->object_count; i++) {
        const struct object *object = &sim->objects[i];
        if (object->delivered < object->reach ||
            object->last_at - object->sent_at > KILL_PATIENCE_MS) {
            whole = object->sent_at + sim->params.kill_every_ms;
        }
        if (object->delivered == object->reach && object->last_at < earliest) {
            earliest = object->last_at;
        }
    }
    figure_add(&figures, "messages after the kill", sim->object_count - first, "");
    if (earliest != SIM_NONE) {
        figure_add(&figures, "one is everywhere after", (earliest - began) / 1000.0, "s");
    }
    for (size_t i = 0; i < COUNT_OF(reaches); i++) {
        if (reaches[i].pct == sim->params.kill_pct) {
            figure_compare(&figures, "first message from which on all reach all, after",
                           (whole - began) / 1000.0, reaches[i].reach, "s");
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
    figure_add(&figures, "components while it is cut", check_components(sim, &alone), "");
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
    figure_add(&figures, "the same objects everywhere after", equal / 1000.0, "s");
    figure_compare(&figures, "one component, in shuffles of a minute, after",
                   (double)whole / SHUFFLE_MS, 3, "");
    return true;
}

/* Who was up when a message was sent, and still is, has it in the end. */
static bool run_churn(struct sim *sim) {
    struct result result;
    if (!sim_warm(sim)) {
        return false;
    }
    sim_measure(sim);
    uint32_t end = sim_now(sim) + sim->params.run_s * 1000;
    while (sim_now(sim) < end) {
        sim_churn(sim);
        if (!sim_talk(sim, sim->params.churn_ms)) {
            return false;
        }
    }
    if (!sim_run(sim, sim_now(sim) + sim->params.drain_s * 1000)) {
        return false;
    }
    take(sim, &result);
    print_result("churn", &result);
    check_reach(sim);
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
    figure_compare(&figures, "p99 with the hostile, of that without",
                   (double)hostile.p99 / honest.p99, 3, "");
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
    figure_add(&figures, "largest resident size of the process",
               (double)usage.ru_maxrss * 1024 / sim->node_count, "bytes a node");
    figure_compare(&figures, "engine, bytes a node", (double)bytes / sim->node_count, 8192, "");
    check_reach(sim);
    return true;
}

static bool run_faults(struct sim *sim) {
    return sim_warm(sim) && sim_faults(sim);
}

static bool run_federation(struct sim *sim) {
    return federation_measure(sim, &figures);
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
    struct result talked; /* bytes: without the silence after it */
    take(sim, &talked);
    if (!sim_run(sim, sim_now(sim) + sim->params.drain_s * 1000)) {
        return false;
    }
    take(sim, out);
    out->bytes = talked.bytes;
    memcpy(out->bytes_for, talked.bytes_for, sizeof out->bytes_for);
    return true;
}

static void take(struct sim *sim, struct result *out) {
    uint64_t reach = 0;
    uint64_t delivered = 0;
    for (uint32_t i = 0; i < sim->object_count; i++) {
        reach += sim->objects[i].measured ? sim->objects[i].reach : 0;
        delivered += sim->objects[i].measured ? sim->objects[i].delivered : 0;
    }
    double count = sim->delays.count > 0 ? (double)sim->delays.count : 1;
    *out = (struct result){.redundancy = (double)sim->totals.duplicates / count,
                           .reach = reach == 0 ? 0 : 100.0 * (double)delivered / (double)reach,
                           .p50 = delays_percentile(&sim->delays, 0.5),
                           .p99 = delays_percentile(&sim->delays, 0.99),
                           .most = sim->delays.most};
    for (int i = 0; i < WIRE_KINDS; i++) {
        out->bytes_for[i] = (double)sim->net.bytes[i] / count / 1024;
        out->bytes += out->bytes_for[i];
    }
}

static void print_result(const char *name, const struct result *result) {
    static const char *const wires[WIRE_KINDS] = {
        [WIRE_PAYLOAD] = "of them objects", [WIRE_IHAVE] = "announcements",
        [WIRE_TREE] = "grafts and prunes",  [WIRE_VIEW] = "membership",
        [WIRE_ALIVE] = "keep-alive",        [WIRE_SYNC] = "reconciliation"};
    const struct {
        const char *what;
        double value;
        const char *unit;
    } rows[] = {{"delivered", result->reach, "%"},
                {"p50", result->p50 / 1000.0, "s"},
                {"p99", result->p99 / 1000.0, "s"},
                {"last", result->most / 1000.0, "s"},
                {"copies a delivery", result->redundancy, ""},
                {"payloads a delivery", result->bytes, ""}};
    char text[96];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        (void)snprintf(text, sizeof text, "%s, %s", name, rows[i].what);
        figure_add(&figures, text, rows[i].value, rows[i].unit);
    }
    for (int i = 0; i < WIRE_KINDS; i++) {
        (void)snprintf(text, sizeof text, "%s, %s", name, wires[i]);
        figure_add(&figures, text, result->bytes_for[i], "");
    }
}

static void print_end(struct sim *sim) {
    char hash[17];
    hash_text(sim, hash);
    (void)printf("trace %s after %llu entries, %.1f s of virtual time\n", hash,
                 (unsigned long long)trace_count(sim->trace), sim_now(sim) / 1000.0);
    if (sim->broken.name != NULL) {
        (void)printf("broken: %s, node %d, object %lld, at %u.%03u s: %s\n", sim->broken.name,
                     (int)sim->broken.node, (long long)sim->broken.object, sim->broken.at / 1000,
                     sim->broken.at % 1000, sim->broken.text);
        trace_print_last(sim->trace, sim->broken.node, sim->broken.object, 50, stdout);
    }
}

static void print_json(struct sim *sim, const char *name) {
    char hash[17];
    hash_text(sim, hash);
    (void)printf("{\"scenario\": \"%s\", \"seed\": %llu, \"nodes\": %u, \"trace\": \"%s\", "
                 "\"entries\": %llu, \"virtual_s\": %.1f, \"figures\": ",
                 name, (unsigned long long)sim->params.seed, sim->node_count, hash,
                 (unsigned long long)trace_count(sim->trace), sim_now(sim) / 1000.0);
    figure_print_json(&figures);
    if (sim->broken.name != NULL) {
        (void)printf(", \"broken\": \"%s\", \"node\": %d, \"text\": \"%s\"", sim->broken.name,
                     (int)sim->broken.node, sim->broken.text);
    }
    (void)printf("}\n");
}

static void hash_text(struct sim *sim, char text[17]) {
    struct id hash;
    trace_hash(sim->trace, &hash);
    hex_write((struct bytes){hash.b, 8}, text);
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
