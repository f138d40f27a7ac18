#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    DEATH_WITHIN = 200,             /* turns */
    SKEW_OF_FEW_MS = 7 * MINUTE_MS, /* where few may stay: any two of them talk (PROTOCOL 3.4) */
};

static const struct {
    const char *name;
    int64_t least_ms, most_ms;
} kinds[FAULT_KINDS] = {
    [FAULT_CUT] = {"cut", 2000, 120000},    [FAULT_HUSH] = {"hush", 1000, 60000},
    [FAULT_PART] = {"part", 10000, 180000}, [FAULT_STALL] = {"stall", 1000, 40000},
    [FAULT_SLOW] = {"slow", 5000, 60000},   [FAULT_SLEEP] = {"sleep", 2000, 300000},
    [FAULT_CRASH] = {"crash", 0, 0},        [FAULT_MUTE] = {"mute", 0, 0},
    [FAULT_KILL] = {"kill", 500, 120000},   [FAULT_COMMIT] = {"commit", 0, 0},
    [FAULT_DISK] = {"disk", 1000, 60000},   [FAULT_FULL] = {"full", 10000, 120000},
    [FAULT_CLOCK] = {"clock", 0, 0},        [FAULT_GONE] = {"gone", 0, 0},
};

static void plan_minute(struct sim *sim, int minute);
static int plan_home(const struct sim *sim, uint64_t *random, int but);
static void add(struct sim *sim, const struct fault *fault);
static int by_time(const void *a, const void *b);
static void leave_out(struct sim *sim);
static void begin(struct sim *sim, struct fault *fault);
static void begin_gone(struct sim *sim, int home);
static void end(struct sim *sim, struct fault *fault);
static void part(struct sim *sim, const struct fault *fault, bool cut);
static void cut_gone(struct sim *sim);
static void start(struct sim *sim, int home);
static int64_t some_skew(const struct sim *sim, uint64_t random);

void faults_plan(struct sim *sim) {
    uint64_t random = sim->options.seed ^ UINT64_C(0x636c6f636b73);
    for (int i = 0; i < sim->options.nodes && sim->options.scenario->wrong_clocks; i++) {
        uint64_t drawn = world_draw(&random);
        if (drawn % 3 == 0) { /* the others are right to a second or two */
            sim->world->homes[i].wall_skew = some_skew(sim, drawn >> 8);
        } else {
            sim->world->homes[i].wall_skew = (int64_t)(drawn % 4001) - 2000;
        }
    }
    for (int minute = 0; minute < sim->options.minutes; minute++) {
        size_t before = sim->fault_count;
        plan_minute(sim, minute);
        if (sim->fault_count > before) {
            qsort(sim->faults + before, sim->fault_count - before, sizeof *sim->faults, by_time);
        }
    }
    leave_out(sim);
}

static void plan_minute(struct sim *sim, int minute) {
    const struct scenario *scenario = sim->options.scenario;
    uint64_t random = sim->options.seed * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)minute;
    (void)world_draw(&random);
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        uint64_t nodes = kind == FAULT_PART ? 1 : (uint64_t)sim->options.nodes;
        uint64_t thousandths = scenario->faults[kind] * nodes;
        uint64_t count = thousandths / 1000;
        count += world_draw(&random) % 1000 < thousandths % 1000 ? 1 : 0;
        for (uint64_t i = 0; i < count; i++) {
            struct fault fault = {.kind = (enum fault_kind)kind};
            uint64_t span = (uint64_t)(kinds[kind].most_ms - kinds[kind].least_ms) + 1;
            fault.at = minute * (int64_t)MINUTE_MS + (int64_t)(world_draw(&random) % MINUTE_MS);
            fault.until = fault.at + kinds[kind].least_ms + (int64_t)(world_draw(&random) % span);
            fault.home = plan_home(sim, &random, NO_HOME);
            fault.peer = plan_home(sim, &random, fault.home);
            fault.value = world_draw(&random);
            add(sim, &fault);
        }
    }
}

static int plan_home(const struct sim *sim, uint64_t *random, int but) {
    int home = (int)(world_draw(random) % (uint64_t)sim->options.nodes);
    for (int i = 0; i < sim->options.nodes; i++) {
        int chosen = (home + i) % sim->options.nodes;
        if (!sim->homes[chosen].hostile && chosen != but) {
            return chosen;
        }
    }
    return home;
}

static void add(struct sim *sim, const struct fault *fault) {
    if (sim->fault_count == sim->fault_room) {
        sim->fault_room = sim->fault_room * 2 + 64;
        sim->faults = realloc(sim->faults, sim->fault_room * sizeof *sim->faults);
        ASSERT(sim->faults != NULL);
    }
    sim->faults[sim->fault_count++] = *fault;
}

static int by_time(const void *a, const void *b) {
    const struct fault *x = a;
    const struct fault *y = b;
    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->value < y->value ? -1 : x->value > y->value ? 1 : 0;
}

static void leave_out(struct sim *sim) {
    const char *at = sim->options.faults;
    if (at == NULL) {
        return;
    }
    for (size_t i = 0; i < sim->fault_count; i++) {
        sim->faults[i].left_out = true;
    }
    while (*at >= '0' && *at <= '9') {
        char *after = NULL;
        unsigned long long number = strtoull(at, &after, 10);
        if (number < sim->fault_count) {
            sim->faults[number].left_out = false;
        }
        at = *after == ',' ? after + 1 : after;
    }
}

int64_t faults_next(const struct sim *sim) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < sim->fault_count; i++) {
        const struct fault *fault = &sim->faults[i];
        int64_t edge = fault->begun ? fault->until : fault->at;
        if (!fault->left_out && !fault->over && edge < next) {
            next = edge;
        }
    }
    return next == INT64_MAX ? next : sim->begin_at + next;
}

void faults_run(struct sim *sim) {
    int64_t now = sim->world->now - sim->begin_at;
    int64_t end_of_all = (int64_t)sim->options.minutes * MINUTE_MS;
    for (size_t i = 0; i < sim->fault_count; i++) {
        struct fault *fault = &sim->faults[i];
        if (fault->left_out || fault->over) {
            continue;
        }
        if (!fault->begun && fault->at <= now) {
            fault->until = fault->until < end_of_all ? fault->until : end_of_all;
            fault->begun = true;
            begin(sim, fault);
        }
        if (fault->begun && fault->until <= now) {
            fault->over = true;
            end(sim, fault);
        }
    }
}

static void begin(struct sim *sim, struct fault *fault) {
    struct world *world = sim->world;
    struct world_home *home = &world->homes[fault->home];
    int64_t ms = fault->until - fault->at;
    bool up = sim_honest(sim, fault->home) && world_is_up(world, fault->home);
    switch (fault->kind) {
    case FAULT_CUT:
        world_cut(world, fault->home, fault->peer, true);
        break;
    case FAULT_HUSH:
        world_hush(world, fault->home, fault->peer, ms);
        break;
    case FAULT_PART:
        part(sim, fault, true);
        break;
    case FAULT_STALL:
        world_stall(world, fault->home, ms);
        break;
    case FAULT_SLOW:
        home->read_rate = 200 + (int64_t)(fault->value % 20000);
        break;
    case FAULT_SLEEP:
        if (up && ms > 0) {
            world_sleep(world, fault->home, ms);
        }
        break;
    case FAULT_CRASH:
    case FAULT_MUTE:
    case FAULT_COMMIT:
        world_doom(world, fault->home,
                   fault->kind == FAULT_CRASH  ? WORLD_DIES_BEFORE_COMMIT
                   : fault->kind == FAULT_MUTE ? WORLD_DIES_BEFORE_RELEASE
                                               : WORLD_COMMIT_FAILS,
                   1 + fault->value % DEATH_WITHIN);
        break;
    case FAULT_KILL:
        if (up) {
            world_kill(world, fault->home);
        }
        break;
    case FAULT_DISK:
        home->disk_fails = true;
        break;
    case FAULT_FULL:
        home->disk_room = world_disk_used(home) + 1 + fault->value % 100000;
        break;
    case FAULT_CLOCK:
        home->wall_skew = some_skew(sim, fault->value);
        /* What was over by its clock lives again when that is set back, and is new to it. */
        sim->homes[fault->home].given_count = 0;
        break;
    case FAULT_GONE:
        begin_gone(sim, fault->home);
        break;
    case FAULT_KINDS:
        break;
    }
}

/* Half of the homes stay. */
static void begin_gone(struct sim *sim, int home) {
    int gone = 0;
    for (int i = 0; i < sim->options.nodes; i++) {
        gone += sim->homes[i].gone || sim->homes[i].hostile ? 1 : 0;
    }
    if (!sim_honest(sim, home) || 2 * (gone + 1) > sim->options.nodes) {
        return;
    }
    sim->homes[home].gone = true;
    sim->world->homes[home].death = WORLD_LIVE;
    cut_gone(sim);
    world_kill(sim->world, home);
}

static void end(struct sim *sim, struct fault *fault) {
    struct world *world = sim->world;
    struct world_home *home = &world->homes[fault->home];
    switch (fault->kind) {
    case FAULT_CUT:
        world_cut(world, fault->home, fault->peer, false);
        cut_gone(sim);
        break;
    case FAULT_PART:
        part(sim, fault, false);
        cut_gone(sim);
        break;
    case FAULT_SLOW:
        home->read_rate = 0;
        break;
    case FAULT_KILL:
        start(sim, fault->home);
        break;
    case FAULT_DISK:
        home->disk_fails = false;
        start(sim, fault->home);
        break;
    case FAULT_FULL:
        home->disk_room = 0;
        break;
    case FAULT_HUSH:
    case FAULT_STALL:
    case FAULT_SLEEP:
    case FAULT_CRASH:
    case FAULT_MUTE:
    case FAULT_COMMIT:
    case FAULT_CLOCK:
    case FAULT_GONE:
    case FAULT_KINDS:
        break; /* by themselves, or never */
    }
}

void faults_lift(struct sim *sim) {
    struct world *world = sim->world;
    world_heal(world);
    cut_gone(sim);
    for (int i = 0; i < sim->options.nodes; i++) {
        struct world_home *home = &world->homes[i];
        home->death = WORLD_LIVE;
        home->disk_fails = false;
        home->disk_room = 0;
        home->read_rate = 0;
        start(sim, i);
    }
}

/* The two parts are drawn of the fault's own value. */
static void part(struct sim *sim, const struct fault *fault, bool cut) {
    uint64_t random = fault->value;
    bool *sides = calloc((size_t)sim->options.nodes, sizeof *sides);
    ASSERT(sides != NULL);
    for (int i = 0; i < sim->options.nodes; i++) {
        sides[i] = (world_draw(&random) & 1) != 0;
    }
    world_part(sim->world, sides, cut);
    free(sides);
}

static void cut_gone(struct sim *sim) {
    bool *gone = calloc((size_t)sim->options.nodes, sizeof *gone);
    ASSERT(gone != NULL);
    for (int i = 0; i < sim->options.nodes; i++) {
        gone[i] = sim->homes[i].gone;
    }
    world_part(sim->world, gone, true);
    free(gone);
}

static void start(struct sim *sim, int home) {
    struct world_home *h = &sim->world->homes[home];
    if (h->core == NULL && sim_honest(sim, home)) {
        enum err err = world_start(sim->world, home);
        if (err != ERR_OK && !h->disk_fails) {
            sim_broken(sim, "homes_start", "home %d: %s", home, err_text(err));
        }
    }
}

static int64_t some_skew(const struct sim *sim, uint64_t random) {
    int64_t most = sim->options.scenario->governs ? SKEW_OF_FEW_MS : SIM_SKEW_MS;
    return (int64_t)(random % (2 * (uint64_t)most + 1)) - most;
}

void faults_print(const struct sim *sim) {
    size_t counts[FAULT_KINDS] = {0};
    size_t all = 0;
    for (size_t i = 0; i < sim->fault_count; i++) {
        if (sim->faults[i].begun) {
            counts[sim->faults[i].kind]++;
            all++;
        }
    }
    (void)printf("  %zu faults:", all);
    for (int kind = 0; kind < FAULT_KINDS; kind++) {
        if (counts[kind] > 0) {
            (void)printf(" %s %zu", kinds[kind].name, counts[kind]);
        }
    }
    (void)printf("\n");
}

void faults_finish(struct sim *sim) {
    free(sim->faults);
}
