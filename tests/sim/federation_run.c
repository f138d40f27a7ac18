/* What a request costs, where it comes to, and what dead and hostile gateways change of that. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "node/base/assert.h"
#include "tests/sim/federation.h"

enum {
    OWN, /* communities that it is about */
    ONE,
    TWO,
    KINDS
};

enum {
    ROUNDS = 5,
    ASK_MS = 12 * 1000, /* the last gateway offers to carry it after 9 s */
    DEAD_ROUNDS = 3,
    DEAD_MS = 30 * 1000, /* a home that is dead is given up after 12 s */
    BACK_MS = 20 * 1000,
    FLOOD_S = 10, /* before somebody asks */
    FLOOD_ROUNDS = 3,
    AFTER_S = 60,
    FEW = 3,       /* communities that the cost is compared with */
    FEW_TIMES = 2, /* for each that asks among the many */
    ASKERS_MAX = ROUNDS,
};

enum part {                   /* of the cost: as enum spent_kind, and */
    PART_CARRY = SPENT_KINDS, /* between the two nodes of gateways */
    PARTS
};

struct cost { /* of one request, or of several */
    double records, bytes;
    double others_records, others_bytes; /* in communities that it is not about */
    double part[PARTS];                  /* bytes */
};

struct costs {
    unsigned count;
    struct cost sum;
    double squares; /* of bytes */
};

struct askers { /* one asks in each round, in turn; SIM_NONE: nobody does */
    uint32_t count;
    uint32_t list[ASKERS_MAX];
};

struct load { /* of honest homes, where somebody asks while others flood */
    uint64_t bytes, looked_at;
    uint32_t homes;
};

static const char *const names[KINDS] = {"own", "own and one", "own and two"};

static bool measure_many(struct federation *federation, struct costs costs[KINDS],
                         struct figures *figures);
static bool measure_still(struct federation *federation, struct figures *figures);
static bool measure_few(struct sim *frame, const struct costs many[KINDS], struct figures *figures);
static bool among_few(struct sim *frame, uint32_t number, uint32_t askers,
                      struct costs costs[KINDS], bool print);
static bool calm(struct federation *federation, const struct askers *askers,
                 struct costs costs[KINDS]);
static uint32_t askers_wanted(uint32_t communities);
static void choose_askers(struct federation *federation, struct askers *out);
static void choose_touched(struct federation *federation, uint32_t asker,
                           uint32_t out[TOUCHED_MAX]);
static int one_of(struct federation *federation, uint32_t number, int one, int other);
static void take(const struct federation *federation, uint32_t asked, struct cost *out);
static void add(struct costs *costs, const struct cost *cost);
static void check_came(struct federation *federation, uint32_t asked);
static void check_carried(struct federation *federation, struct figures *figures);
static bool dead(struct federation *federation, struct figures *figures);
static void kill_first(struct federation *federation, uint32_t asker, uint32_t *killed);
static void bring_back(struct federation *federation, const uint32_t *killed);
static uint32_t waited(struct federation *federation, uint32_t asked);
static bool flooded(struct federation *federation, struct figures *figures);
static bool flood_for(struct federation *federation, uint32_t length);
static struct load load_of(const struct federation *federation);
static uint32_t most_crossings(const struct federation *federation, uint32_t asked);
static uint32_t crossings_kept(const struct sim *sim, uint32_t asked);
static void forget_delays(struct federation *federation);
static void print_costs(const struct costs costs[KINDS], struct figures *figures);
static void print_memory(const struct federation *federation, struct figures *figures);
static void print_delays(const struct federation *federation, const char *when,
                         struct figures *figures);
static void figure(struct figures *figures, const char *of, const char *what, double value,
                   const char *unit);
static void end(struct federation *federation, struct sim *frame, bool print);
static double seconds(void);

bool federation_measure(struct sim *frame, struct figures *figures) {
    struct costs many[KINDS] = {{0}};
    double began = seconds();
    struct federation *federation = federation_create(&frame->params);
    bool good = federation_warm(federation) && measure_many(federation, many, figures) &&
                measure_still(federation, figures) && dead(federation, figures) &&
                flooded(federation, figures);
    end(federation, frame, !figures->json);
    good = good && measure_few(frame, many, figures);
    figure_add(figures, "in all, by the clock", seconds() - began, "s");
    return good;
}

/* ---- what it costs ---- */

static bool measure_many(struct federation *federation, struct costs costs[KINDS],
                         struct figures *figures) {
    struct askers askers = {.count = 0};
    choose_askers(federation, &askers);
    if (!calm(federation, &askers, costs)) {
        return false;
    }
    check_carried(federation, figures);
    print_costs(costs, figures);
    print_delays(federation, "it comes to a home", figures);
    print_memory(federation, figures);
    return federation->broken.name == NULL;
}

/* Communities that no request was about, run once more where nobody asks: the same in every step.
 */
static bool measure_still(struct federation *federation, struct figures *figures) {
    struct federation *again = federation_create(&federation->params);
    unsigned same = 0;
    for (uint32_t i = 0; i < federation->count && federation->broken.name == NULL; i++) {
        struct sim *sim = federation->list[i].sim;
        struct id hash;
        struct id hash_again;
        if (federation->list[i].came_count > 0) {
            continue;
        }
        bool ran = federation_warm_one(again, i) && sim_run(again->list[i].sim, federation->now);
        trace_hash(sim->trace, &hash);
        trace_hash(again->list[i].sim->trace, &hash_again);
        if (!ran || !id_equal(&hash, &hash_again)) {
            border_break(federation, "who is not asked has nothing to do", i, SIM_NONE,
                         "it did something else than where nobody asks");
        }
        same++;
        sim_destroy(again->list[i].sim);
        again->list[i].sim = NULL;
    }
    federation_destroy(again);
    figure_add(figures, "communities that did in each step what they do where nobody asks", same,
               "");
    return federation->broken.name == NULL;
}

static bool measure_few(struct sim *frame, const struct costs many[KINDS],
                        struct figures *figures) {
    struct costs few[KINDS] = {{0}};
    uint32_t askers = askers_wanted(frame->params.communities);
    char text[96];
    bool good = true;
    for (uint32_t i = 0; good && i < FEW_TIMES * askers; i++) {
        good = among_few(frame, i, askers, few, !figures->json);
    }
    for (int i = 0; good && i < KINDS; i++) {
        double few_records = few[i].sum.records / few[i].count;
        double few_bytes = few[i].sum.bytes / few[i].count;
        double records = many[i].sum.records / many[i].count / few_records;
        double bytes = many[i].sum.bytes / many[i].count / few_bytes;
        figure(figures, names[i], "messages among three communities", few_records, "");
        figure(figures, names[i], "KiB among three communities", few_bytes / 1024, "KiB");
        figure(figures, names[i], "messages, of those among three", records, "");
        figure(figures, names[i], "bytes, of those among three", bytes, "");
        (void)snprintf(text, sizeof text, "%s: that differs from 1 by", names[i]);
        figure_compare(figures, text, fmax(fabs(records - 1), fabs(bytes - 1)), 0.05, "");
    }
    return good;
}

/* There one asks when one of the many does, and is as quiet in between: a tree that was not used
 * for a while is a worse one, whoever else there is. */
static bool among_few(struct sim *frame, uint32_t number, uint32_t askers,
                      struct costs costs[KINDS], bool print) {
    struct askers only = {.count = 0};
    struct params params = frame->params;
    params.communities = FEW;
    params.seed = mix64_pair(params.seed, number);
    struct federation *federation = federation_create(&params);
    choose_askers(federation, &only);
    only.list[number % askers] = only.list[0];
    only.count = askers;
    for (uint32_t i = 0; i < askers; i++) {
        only.list[i] = i == number % askers ? only.list[i] : SIM_NONE;
    }
    bool good = federation_warm(federation) && calm(federation, &only, costs);
    end(federation, frame, print);
    return good;
}

static bool calm(struct federation *federation, const struct askers *askers,
                 struct costs costs[KINDS]) {
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t asker = askers->list[round % askers->count];
        uint32_t touched[TOUCHED_MAX];
        if (asker == SIM_NONE) {
            if (!federation_run(federation, KINDS * ASK_MS)) {
                return false;
            }
            continue;
        }
        choose_touched(federation, asker, touched);
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            uint32_t asked = federation_ask(federation, touched, kind + 1);
            if (!federation_run(federation, ASK_MS)) {
                return false;
            }
            check_came(federation, asked);
        }
    }
    for (uint32_t asked = 0; asked < federation->asked_count; asked++) {
        struct cost cost;
        take(federation, asked, &cost);
        add(&costs[asked % KINDS], &cost);
        if (cost.others_records > 0) {
            border_break(federation, "all others say nothing of it", 0, SIM_NONE, "they did");
        }
    }
    return federation->broken.name == NULL;
}

/* Such as have others beside them in both directions; one of forty. */
static void choose_askers(struct federation *federation, struct askers *out) {
    while (out->count < askers_wanted(federation->count)) {
        uint32_t number = rng_below(&federation->rng, federation->count);
        bool known = one_of(federation, number, 0, 2) < 0 || one_of(federation, number, 1, 3) < 0;
        for (uint32_t i = 0; i < out->count; i++) {
            known = known || out->list[i] == number;
        }
        if (!known) {
            out->list[out->count++] = number;
        }
    }
    ASSERT(out->count > 0);
}

static uint32_t askers_wanted(uint32_t communities) {
    uint32_t wanted = 1 + communities / 40;
    return wanted < ASKERS_MAX ? wanted : ASKERS_MAX;
}

static void choose_touched(struct federation *federation, uint32_t asker,
                           uint32_t out[TOUCHED_MAX]) {
    uint32_t turned = rng_below(&federation->rng, 2);
    out[0] = asker;
    out[1 + turned] = federation_beside(federation, asker, one_of(federation, asker, 0, 2));
    out[2 - turned] = federation_beside(federation, asker, one_of(federation, asker, 1, 3));
}

/* Of two directions one where somebody is; -1. */
static int one_of(struct federation *federation, uint32_t number, int one, int other) {
    bool swaps = rng_below(&federation->rng, 2) == 0;
    int first = swaps ? other : one;
    int second = swaps ? one : other;
    if (federation_beside(federation, number, first) != SIM_NONE) {
        return first;
    }
    return federation_beside(federation, number, second) != SIM_NONE ? second : -1;
}

static void take(const struct federation *federation, uint32_t asked, struct cost *out) {
    const struct asked *what = federation->asked[asked];
    *out = (struct cost){.records = (double)what->carried.records,
                         .bytes = (double)what->carried.bytes,
                         .part[PART_CARRY] = (double)what->carried.bytes};
    for (uint32_t i = 0; i < federation->count; i++) {
        struct community *community = &federation->list[i];
        const struct came *came = border_came(community, asked);
        struct spent all[PART_CARRY] = {[SPENT_SYNC] = community->stray};
        bool touched = false;
        for (uint32_t k = 0; k < what->touched_count; k++) {
            touched = touched || what->touched[k] == i;
        }
        if (came != NULL) {
            memcpy(all, came->spent, sizeof came->spent);
        }
        for (int part = 0; part < PART_CARRY; part++) {
            *(touched ? &out->records : &out->others_records) += (double)all[part].records;
            *(touched ? &out->bytes : &out->others_bytes) += (double)all[part].bytes;
            out->part[part] += touched ? (double)all[part].bytes : 0;
        }
    }
}

static void add(struct costs *costs, const struct cost *cost) {
    costs->count++;
    costs->sum.records += cost->records;
    costs->sum.bytes += cost->bytes;
    costs->sum.others_records += cost->others_records;
    costs->sum.others_bytes += cost->others_bytes;
    for (int i = 0; i < PARTS; i++) {
        costs->sum.part[i] += cost->part[i];
    }
    costs->squares += cost->bytes * cost->bytes;
}

static void check_came(struct federation *federation, uint32_t asked) {
    const struct asked *what = federation->asked[asked];
    char text[96];
    for (uint32_t i = 0; i < what->touched_count; i++) {
        struct community *community = &federation->list[what->touched[i]];
        const struct came *came = border_came(community, asked);
        uint32_t taken = came == NULL ? 0 : came->taken;
        uint32_t homes = 0;
        for (uint32_t k = 0; k < community->sim->node_count; k++) {
            homes += home_is_honest(community->sim, k) ? 1 : 0;
        }
        if (taken != homes) {
            (void)snprintf(text, sizeof text, "%u of %u homes", taken, homes);
            border_break(federation, "all that is asked comes to all", what->touched[i], SIM_NONE,
                         text);
        }
    }
}

/* Of all that was asked until now. */
static void check_carried(struct federation *federation, struct figures *figures) {
    uint32_t made = 0;
    uint32_t needed = 0;
    for (uint32_t asked = 0; asked < federation->asked_count; asked++) {
        const struct asked *what = federation->asked[asked];
        for (uint32_t i = 1; i < what->touched_count; i++) {
            const struct came *came = border_came(&federation->list[what->touched[i]], asked);
            made += came->crossings;
            needed++;
        }
    }
    if (made > needed + needed / 2) {
        border_break(federation, "mostly one gateway carries it", 0, SIM_NONE, "several do");
    }
    figure_add(figures, "crossings made, for each that is needed", (double)made / needed, "");
}

/* ---- dead gateways ---- */

/* In silence, just before somebody asks, and of each treaty the one whose turn it would be. */
static bool dead(struct federation *federation, struct figures *figures) {
    uint32_t *killed = calloc(federation->pact_count, sizeof *killed);
    struct askers askers = {.count = 0};
    uint32_t longest = 0;
    bool good = true;
    ASSERT(killed != NULL);
    choose_askers(federation, &askers);
    forget_delays(federation);
    for (uint32_t round = 0; round < DEAD_ROUNDS && good; round++) {
        uint32_t touched[TOUCHED_MAX];
        choose_touched(federation, askers.list[round % askers.count], touched);
        kill_first(federation, touched[0], killed);
        uint32_t asked = federation_ask(federation, touched, TOUCHED_MAX);
        good = federation_run(federation, DEAD_MS);
        check_came(federation, asked);
        uint32_t wait = good ? waited(federation, asked) : 0;
        longest = wait > longest ? wait : longest;
        bring_back(federation, killed);
        good = good && federation_run(federation, BACK_MS);
    }
    free(killed);
    if (good) {
        figure_add(figures, "the first gateway of each treaty dead: it has crossed after",
                   longest / 1000.0, "s");
        print_delays(federation, "then it comes to a home", figures);
    }
    return good;
}

static void kill_first(struct federation *federation, uint32_t asker, uint32_t *killed) {
    const struct id id = federation_next_id(federation, asker);
    for (uint32_t i = 0; i < federation->pact_count; i++) {
        const struct pact *pact = &federation->pacts[i];
        uint32_t side = pact->sides[1] == asker ? 1 : 0;
        for (uint32_t k = 0; k < GATEWAYS; k++) {
            killed[i] = border_rank(pact, side, &id, k) == 0 ? k : killed[i];
        }
        for (int end = 0; end < 2; end++) {
            home_die(federation->list[pact->sides[end]].sim, pact->gateways[killed[i]].nodes[end]);
        }
    }
}

static void bring_back(struct federation *federation, const uint32_t *killed) {
    for (uint32_t i = 0; i < federation->pact_count; i++) {
        const struct pact *pact = &federation->pacts[i];
        for (int end = 0; end < 2; end++) {
            home_start(federation->list[pact->sides[end]].sim,
                       pact->gateways[killed[i]].nodes[end]);
        }
    }
}

/* Until it had come to the last community. */
static uint32_t waited(struct federation *federation, uint32_t asked) {
    const struct asked *what = federation->asked[asked];
    uint32_t longest = 0;
    for (uint32_t i = 0; i < what->touched_count; i++) {
        const struct came *came = border_came(&federation->list[what->touched[i]], asked);
        uint32_t wait = came == NULL ? 0 : came->first_at - what->at;
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

/* ---- hostile gateways ---- */

static bool flooded(struct federation *federation, struct figures *figures) {
    struct askers askers = {.count = 0};
    uint32_t touched[FLOOD_ROUNDS][TOUCHED_MAX];
    uint32_t length = FLOOD_S + FLOOD_ROUNDS * ASK_MS / 1000;
    uint32_t most = 0;
    choose_askers(federation, &askers);
    for (uint32_t round = 0; round < FLOOD_ROUNDS; round++) {
        choose_touched(federation, askers.list[round % askers.count], touched[round]);
        for (int i = 0; i < TOUCHED_MAX; i++) {
            federation->list[touched[round][i]].watched = true;
        }
    }
    forget_delays(federation);
    struct load began = load_of(federation);
    if (!federation_run(federation, BACK_MS)) {
        return false;
    }
    struct load quiet = load_of(federation);
    flood_begin(federation);
    if (!flood_for(federation, FLOOD_S)) {
        return false;
    }
    for (uint32_t round = 0; round < FLOOD_ROUNDS; round++) {
        uint32_t asked = federation_ask(federation, touched[round], TOUCHED_MAX);
        if (!flood_for(federation, ASK_MS / 1000)) {
            return false;
        }
        check_came(federation, asked);
        uint32_t kept = most_crossings(federation, asked);
        most = kept > most ? kept : most;
    }
    struct load loud = load_of(federation);
    if (!federation_run(federation, AFTER_S * 1000)) {
        return false;
    }
    struct load after = load_of(federation);
    double flood = 0;
    for (uint32_t i = 0; i < federation->count; i++) {
        flood += (double)federation->list[i].flood.records;
    }
    figure_add(figures, "a gateway of each treaty floods: crossings that each says",
               flood / length / federation->pact_count, "a second");
    figure_add(figures, "a home looks at",
               (double)(loud.looked_at - quiet.looked_at) / length / began.homes, "a second");
    figure_add(figures, "crossings of one request that one community keeps, at most", most, "");
    figure_add(figures, "an honest home sends, before",
               (double)(quiet.bytes - began.bytes) / began.homes * 1000 / BACK_MS,
               "bytes a second");
    figure_add(figures, "an honest home sends, meanwhile",
               (double)(loud.bytes - quiet.bytes) / length / began.homes, "bytes a second");
    figure_add(figures, "an honest home sends, in the minute after",
               (double)(after.bytes - loud.bytes) / AFTER_S / began.homes, "bytes a second");
    print_delays(federation, "meanwhile it comes to a home", figures);
    return federation->broken.name == NULL;
}

static bool flood_for(struct federation *federation, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        flood_second(federation);
        if (!federation_run(federation, 1000)) {
            return false;
        }
    }
    return true;
}

static struct load load_of(const struct federation *federation) {
    struct load load = {0};
    for (uint32_t i = 0; i < federation->count; i++) {
        const struct community *community = &federation->list[i];
        for (int kind = 0; community->watched && kind < WIRE_KINDS; kind++) {
            load.bytes += community->sim->net.bytes[kind];
        }
        load.bytes -= community->watched ? community->flood.bytes : 0;
        load.looked_at += community->watched ? community->sim->totals.verified : 0;
        load.homes += community->watched ? federation->params.nodes : 0;
    }
    return load;
}

static uint32_t most_crossings(const struct federation *federation, uint32_t asked) {
    const struct asked *what = federation->asked[asked];
    uint32_t most = 0;
    for (uint32_t i = 1; i < what->touched_count; i++) {
        uint32_t kept = crossings_kept(federation->list[what->touched[i]].sim, asked);
        most = kept > most ? kept : most;
    }
    return most;
}

static uint32_t crossings_kept(const struct sim *sim, uint32_t asked) {
    uint32_t count = 0;
    for (uint32_t i = sim->first_live; i < sim->object_count; i++) {
        bool held = false;
        for (uint32_t k = 0; sim->objects[i].asked == asked + 1 && k < sim->node_count; k++) {
            held = held || object_held(sim, i, k);
        }
        count += held ? 1 : 0;
    }
    return count;
}

static void forget_delays(struct federation *federation) {
    memset(federation->delays.at, 0, (DELAYS_MAX + 1) * sizeof federation->delays.at[0]);
    federation->delays.count = 0;
    federation->delays.most = 0;
}

/* ---- what is said of it ---- */

static void print_costs(const struct costs costs[KINDS], struct figures *figures) {
    static const char *const parts[PARTS] = {
        [SPENT_OBJECT] = "of them objects",
        [SPENT_IHAVE] = "of them announcements",
        [SPENT_TREE] = "of them grafts and prunes",
        [SPENT_SYNC] = "of them reconciliation",
        [PART_CARRY] = "of them between gateways' nodes",
    };
    double records = 0;
    double bytes = 0;
    for (int i = 0; i < KINDS; i++) {
        double mean = costs[i].sum.bytes / costs[i].count;
        double spread = costs[i].squares / costs[i].count - mean * mean;
        figure(figures, names[i], "messages", costs[i].sum.records / costs[i].count, "");
        figure(figures, names[i], "bytes", mean / 1024, "KiB");
        for (int part = 0; part < PARTS; part++) {
            figure(figures, names[i], parts[part], costs[i].sum.part[part] / costs[i].count / 1024,
                   "KiB");
        }
        figure(figures, names[i], "from one to the next, standard deviation",
               100 * sqrt(spread > 0 ? spread : 0) / mean, "%");
        records += costs[i].sum.others_records;
        bytes += costs[i].sum.others_bytes;
    }
    figure_compare(figures, "all other communities, messages about any of them", records, 0, "");
    figure_compare(figures, "all other communities, bytes", bytes, 0, "");
}

static void print_memory(const struct federation *federation, struct figures *figures) {
    struct rusage usage;
    double homes = (double)federation->count * federation->params.nodes;
    size_t bytes = 0;
    size_t objects = 0;
    for (uint32_t i = 0; i < federation->count; i++) {
        for (uint32_t k = 0; k < federation->list[i].sim->node_count; k++) {
            const struct overlay *overlay = federation->list[i].sim->nodes[k].overlay;
            bytes += overlay_bytes(overlay);
            objects += overlay_object_count(overlay);
        }
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    figure_add(figures, "nodes", homes, "");
    figure_add(figures, "objects that a node has", (double)objects / homes, "");
    figure_add(figures, "engine, with them", (double)bytes / homes, "bytes a node");
    figure_add(figures, "largest resident size of the process",
               (double)usage.ru_maxrss * 1024 / homes, "bytes a node");
}

static void print_delays(const struct federation *federation, const char *when,
                         struct figures *figures) {
    figure(figures, when, "p50", delays_percentile(&federation->delays, 0.5) / 1000.0, "s");
    figure(figures, when, "p99", delays_percentile(&federation->delays, 0.99) / 1000.0, "s");
    figure(figures, when, "the last", federation->delays.most / 1000.0, "s");
}

static void figure(struct figures *figures, const char *of, const char *what, double value,
                   const char *unit) {
    char text[96];
    (void)snprintf(text, sizeof text, "%s, %s", of, what);
    figure_add(figures, text, value, unit);
}

/* What was broken goes to `frame`, and the hash of all that happened into its trace. */
static void end(struct federation *federation, struct sim *frame, bool print) {
    for (uint32_t i = 0; i < federation->count; i++) {
        struct sim *sim = federation->list[i].sim;
        struct id hash;
        if (sim == NULL) {
            continue;
        }
        trace_hash(sim->trace, &hash);
        sim_trace(frame, TRACE_DOWN, i, TRACE_NOBODY, 0, read_u64(hash.b));
        if (print && federation->broken.name != NULL && i == federation->broken_in) {
            trace_print_last(sim->trace, federation->broken.node, federation->broken.object, 50,
                             stdout);
        }
    }
    if (frame->broken.name == NULL) {
        frame->broken = federation->broken;
    }
    federation_destroy(federation);
}

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
