/* Runs at random; and of one that fails, the smallest that still does. */
#include <stdio.h>
#include <time.h>

#include "node/base/assert.h"
#include "tests/sim/apart.h"

enum {
    SHRINKS_MAX = 60,
    FAULT_BITS = 9,
    SHRINK_WAYS = 3 + 7 + FAULT_BITS + HOSTILE_KINDS,
};

static void choose(const struct swarm *swarm, uint64_t seed, struct params *out);
static void shrink(struct params *params, struct broken *broken);
static bool smaller(struct params *params, unsigned way);
static void print_broken(const struct params *params, const struct broken *broken);
static double seconds(void);

int swarm_run(const struct swarm *swarm) {
    double end = seconds() + swarm->seconds;
    unsigned runs = 0;
    uint64_t entries = 0;
    double hours = 0;
    while (seconds() < end) {
        struct params params;
        choose(swarm, swarm->seed + runs, &params);
        struct outcome outcome = run_apart(&params, false, false);
        runs++;
        entries += outcome.entries;
        hours += outcome.virtual_ms / 3600e3;
        if (outcome.broken.name != NULL) {
            (void)printf("broken: %s (seed %llu, run %u)\n", outcome.broken.name,
                         (unsigned long long)params.seed, runs);
            if (swarm->shrinks) {
                shrink(&params, &outcome.broken);
            }
            print_broken(&params, &outcome.broken);
            return 1;
        }
    }
    (void)printf("swarm: %u runs from seed %llu, %.1f hours, %llu entries of trace: every promise "
                 "kept\n",
                 runs, (unsigned long long)swarm->seed, hours, (unsigned long long)entries);
    return 0;
}

/* Each fault by itself and all together, small and larger networks, some with hostile members. */
static void choose(const struct swarm *swarm, uint64_t seed, struct params *out) {
    struct rng rng = {seed * 977};
    (void)scenario_usual("faults", out);
    out->seed = seed;
    out->nodes = rng_below(&rng, 3) == 0 ? rng_between(&rng, 2, 12) : rng_between(&rng, 13, 90);
    out->faults = rng_below(&rng, 3) == 0 ? FAULTS_ALL : (uint32_t)rng_draw(&rng) & FAULTS_ALL;
    out->run_s = rng_between(&rng, 20, 150);
    out->every_ms = rng_between(&rng, 50, 1500);
    out->life_s = rng_below(&rng, 2) == 0 ? rng_between(&rng, 60, 200) : 7200;
    if ((out->faults & FAULT_CLOCK) != 0) {
        out->life_s = 7200; /* or it may have ended on some clocks before it came */
    }
    out->urgent_pct = rng_below(&rng, 3) == 0 ? rng_below(&rng, 50) : 0;
    out->known = rng_between(&rng, 2, 20);
    out->loss_pct = rng_below(&rng, 3) == 0 ? rng_below(&rng, 31) : 0;
    out->lognormal = rng_below(&rng, 4) == 0 ? 1 : 0;
    out->groups = rng_below(&rng, 5) == 0 ? rng_between(&rng, 2, out->nodes / 2 + 3) : 0;
    out->nat_pct = rng_below(&rng, 4) == 0 ? rng_below(&rng, 31) : 0;
    out->known = out->nat_pct > 0 ? out->nodes : out->known; /* or none of them may be there */
    out->slow_pct = rng_below(&rng, 5) == 0 ? rng_below(&rng, 21) : 0;
    out->slow_rate = rng_between(&rng, 8000, 100000);
    out->hostile_pct = rng_below(&rng, 2) == 0 && out->nodes > 12 ? rng_below(&rng, 31) : 0;
    out->hostile = (uint32_t)rng_draw(&rng) & 0x1fe;
    if (out->hostile_pct > 0 && (out->hostile >> ECLIPSER & 1) != 0) {
        out->known = out->nodes; /* as in a home: it has the records of all members */
    }
    out->silent = rng_below(&rng, 2);
    for (size_t i = 0; i < swarm->set_count; i++) {
        bool known = params_set(out, swarm->sets[i]);
        ASSERT(known);
    }
}

int swarm_one(const struct params *params, bool print_trace, bool shrinks) {
    struct params shrunk = *params;
    struct outcome first = run_apart(params, print_trace, false);
    struct outcome again = run_apart(params, false, false);
    bool same = id_equal(&first.hash, &again.hash);
    (void)printf("trace %02x%02x%02x%02x%02x%02x%02x%02x, twice the same: %s\n", first.hash.b[0],
                 first.hash.b[1], first.hash.b[2], first.hash.b[3], first.hash.b[4],
                 first.hash.b[5], first.hash.b[6], first.hash.b[7], same ? "yes" : "NO");
    if (first.broken.name != NULL) {
        if (shrinks) {
            shrink(&shrunk, &first.broken);
        }
        print_broken(&shrunk, &first.broken);
    }
    return first.broken.name == NULL && same ? 0 : 1;
}

/* ---- the smallest ---- */

static void shrink(struct params *params, struct broken *broken) {
    unsigned tries = 0;
    bool any = true;
    while (any && tries < SHRINKS_MAX) {
        any = false;
        for (unsigned way = 0; way < SHRINK_WAYS && tries < SHRINKS_MAX; way++) {
            struct params less = *params;
            if (!smaller(&less, way)) {
                continue;
            }
            tries++;
            struct outcome still = run_apart(&less, false, false);
            if (still.broken.name == broken->name) { /* the very same promise */
                *params = less;
                *broken = still.broken;
                any = true;
            }
        }
    }
}

/* Half of the nodes or of the time; without one of the things that make it harder; without one
 * fault, or one kind of hostile. */
static bool smaller(struct params *params, unsigned way) {
    uint32_t *const halved[] = {&params->nodes, &params->run_s, &params->warm_s};
    uint32_t *const zeroed[] = {&params->hostile_pct, &params->loss_pct, &params->groups,
                                &params->urgent_pct,  &params->nat_pct,  &params->slow_pct,
                                &params->lognormal};
    if (way < COUNT_OF(halved)) {
        uint32_t least = way == 0 ? 2 : 1;
        bool can = *halved[way] / 2 >= least;
        *halved[way] = can ? *halved[way] / 2 : *halved[way];
        return can;
    }
    way -= (unsigned)COUNT_OF(halved);
    if (way < COUNT_OF(zeroed)) {
        bool can = *zeroed[way] > 0;
        *zeroed[way] = 0;
        return can;
    }
    way -= (unsigned)COUNT_OF(zeroed);
    uint32_t *bits = way < FAULT_BITS ? &params->faults : &params->hostile;
    uint32_t bit = UINT32_C(1) << (way < FAULT_BITS ? way : way - FAULT_BITS);
    bool can = (*bits & bit) != 0 && (bits == &params->faults || params->hostile_pct > 0);
    *bits &= ~bit;
    return can;
}

static void print_broken(const struct params *params, const struct broken *broken) {
    struct params usual;
    (void)scenario_usual("faults", &usual);
    (void)printf("broken: %s, node %d, object %lld, at %u.%03u s: %s\nthe way there:\n",
                 broken->name, (int)broken->node, (long long)broken->object, broken->at / 1000,
                 broken->at % 1000, broken->text);
    (void)run_apart(params, false, true);
    (void)printf("again: tests/sim/run --scenario faults --seed %llu",
                 (unsigned long long)params->seed);
    params_print(params, &usual, stdout);
    (void)printf("\n");
}

static double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
