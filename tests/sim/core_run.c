/* One run, from the founding of the community to the end of the calm. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    MESH = 8, /* so many homes join one after the other, and end up linked each with each */
    FEW = 32,
    SLOT_OF_FEW_S = 10,
    SLOT_S = 60,
    START_MS = 10000,
    SETTLE_MS = 30000,
    RESTS_MS = 3000,
    WAYS_SHOWN = 3, /* requests whose way is printed */
};

static char last_words[160]; /* in case that an assertion fails */

static void set_up(struct sim *sim);
static void open_folder(struct sim *sim);
static void remove_folder(struct sim *sim);
static void trouble(struct sim *sim);
static void plant_for_the_calm(struct sim *sim);
static void print_summary(const struct sim *sim);
static void print_trace(const struct sim *sim);
static void print_ways(const struct sim *sim);
static void tear_down(struct sim *sim);
static void on_abort(int number);

bool sim_run(const struct options *options, struct outcome *outcome) {
    struct sim *sim = calloc(1, sizeof *sim);
    ASSERT(sim != NULL);
    sim->options = *options;
    (void)signal(SIGABRT, on_abort);
    set_up(sim);
    trouble(sim);
    if (sim->broken == NULL) {
        hostile_stop(sim);
        faults_lift(sim);
        plant_for_the_calm(sim);
        calm_run(sim);
    }
    bool good = sim->broken == NULL;
    if (outcome != NULL) {
        *outcome = (struct outcome){.broken = !good, .fault_count = sim->fault_count};
        outcome->minutes =
            good ? options->minutes : (int)((sim->broken_at - sim->begin_at) / MINUTE_MS + 1);
        (void)snprintf(outcome->invariant, sizeof outcome->invariant, "%s",
                       good ? "" : sim->broken);
    }
    if (!options->quiet) {
        print_summary(sim);
    }
    tear_down(sim);
    return good;
}

void sim_broken(struct sim *sim, const char *invariant, const char *format, ...) {
    va_list arguments;
    if (sim->broken != NULL) {
        return;
    }
    sim->broken = invariant;
    sim->broken_at = sim->world->now;
    va_start(arguments, format);
    (void)vsnprintf(sim->detail, sizeof sim->detail, format, arguments);
    va_end(arguments);
}

uint64_t sim_draw(struct sim *sim, uint64_t below) {
    return world_draw(&sim->random) % below;
}

bool sim_honest(const struct sim *sim, int home) {
    return !sim->homes[home].hostile && !sim->homes[home].gone;
}

/* ---- the beginning ---- */

static void set_up(struct sim *sim) {
    int nodes = sim->options.nodes;
    struct world_terms terms = {.invite_allowance = (uint32_t)MESH};
    if (sim->options.scenario->files) {
        open_folder(sim);
    }
    sim->world =
        world_create(sim->options.seed, (size_t)nodes, sim->folder[0] == '\0' ? NULL : sim->folder);
    sim->world->rests = RESTS_MS;
    sim->random = sim->options.seed ^ UINT64_C(0x70656f706c65);
    sim->homes = calloc((size_t)nodes, sizeof *sim->homes);
    ASSERT(sim->homes != NULL);
    sim->slot_s = nodes <= FEW ? SLOT_OF_FEW_S : SLOT_S;
    terms.slot_s = sim->slot_s;
    people_start(sim);
    hostile_start(sim);
    if (sim->options.scenario->governs) {
        govern_found(sim, &terms);
    } else if (nodes <= MESH) {
        world_settle(sim->world, &terms);
    } else {
        world_populate(sim->world, (size_t)nodes, &terms);
        world_start_all(sim->world, START_MS);
        world_run(sim->world, SETTLE_MS);
    }
    watch_start(sim);
    if (sim->options.scenario->governs) {
        charters_start(sim);
        forgers_start(sim);
    }
    for (int i = 0; i < nodes; i++) {
        if (sim->homes[i].hostile) {
            world_kill(sim->world, i);
        }
    }
    sim->begin_at = sim->world->now;
    faults_plan(sim);
}

/* Where nothing reaches a disk, if there is such a place. */
static void open_folder(struct sim *sim) {
    static const char *const places[] = {"/dev/shm", "/tmp"};
    const char *made = NULL;
    for (size_t i = 0; i < COUNT_OF(places) && made == NULL; i++) {
        (void)snprintf(sim->folder, sizeof sim->folder, "%s/stoop-sim-XXXXXX", places[i]);
        made = mkdtemp(sim->folder);
    }
    ASSERT(made != NULL);
}

static void remove_folder(struct sim *sim) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < sim->options.nodes; i++) {
        for (size_t k = 0; k < COUNT_OF(ends); k++) {
            char path[128];
            (void)snprintf(path, sizeof path, "%s/%d.db%s", sim->folder, i, ends[k]);
            (void)unlink(path);
        }
    }
    (void)rmdir(sim->folder);
}

/* ---- the trouble ---- */

static void trouble(struct sim *sim) {
    int64_t end = sim->begin_at + (int64_t)sim->options.minutes * MINUTE_MS;
    int64_t step = sim->world->now + STEP_MS;
    while (sim->world->now < end && sim->broken == NULL) {
        int64_t next = faults_next(sim);
        next = next < step ? next : step;
        world_run(sim->world, next > sim->world->now ? next - sim->world->now : 0);
        faults_run(sim);
        if (sim->world->now >= step) {
            sim_step(sim);
            step += STEP_MS;
        }
    }
}

void sim_step(struct sim *sim) {
    people_step(sim);
    if (!sim->calm) {
        hostile_step(sim);
    }
    if (sim->govern != NULL && !sim->calm) {
        govern_step(sim);
    }
    watch_step(sim);
    (void)snprintf(last_words, sizeof last_words,
                   "core_sim: seed %llu: the last whole step was %lld s into the run, at %lld ms\n",
                   (unsigned long long)sim->options.seed,
                   (long long)((sim->world->now - sim->begin_at) / 1000),
                   (long long)sim->world->now);
}

static void plant_for_the_calm(struct sim *sim) {
    for (int i = 0; i < sim->options.nodes; i++) {
        if (sim->options.plant == PLANT_SPLIT && i > 0) {
            world_cut(sim->world, 0, i, true);
        }
        if (sim->options.plant == PLANT_HOARD) {
            sim->world->homes[i].disk_room = 1;
        }
    }
}

/* ---- the end ---- */

static void print_summary(const struct sim *sim) {
    const struct options *options = &sim->options;
    size_t put = 0;
    size_t granted = 0;
    size_t declined = 0;
    size_t turns = 0;
    for (size_t i = 0; i < sim->asked_count; i++) {
        put += sim->asked[i].put ? 1 : 0;
    }
    for (size_t i = 0; i < sim->matched_count; i++) {
        granted += sim->matched[i].granted ? 1 : 0;
        declined += sim->matched[i].declined ? 1 : 0;
    }
    for (int i = 0; i < options->nodes; i++) {
        turns += sim->world->homes[i].turns;
    }
    (void)printf("core_sim: seed %llu, %d nodes, scenario %s, %d minutes: %s\n",
                 (unsigned long long)options->seed, options->nodes, options->scenario->name,
                 options->minutes, sim->broken == NULL ? "all held" : "BROKEN");
    faults_print(sim);
    (void)printf("  %zu requests, %zu clips sealed, %zu granted, %zu declined, %zu turns\n", put,
                 sim->matched_count, granted, declined, turns);
    if (sim->govern != NULL) {
        govern_print(sim);
        charters_print(sim);
        forgers_print(sim);
    }
    if (sim->broken == NULL) {
        (void)printf("  equal after %lld s of calm, all delivered after %lld s\n",
                     (long long)(sim->live_after / 1000), (long long)(sim->delivered_after / 1000));
    } else {
        (void)printf("  %s at %lld.%03lld s, %lld s into the run: %s\n", sim->broken,
                     (long long)(sim->broken_at / 1000), (long long)(sim->broken_at % 1000),
                     (long long)((sim->broken_at - sim->begin_at) / 1000), sim->detail);
        print_ways(sim);
    }
    print_trace(sim);
}

static void print_trace(const struct sim *sim) {
    char hex[2 * sizeof sim->world->trace + 1];
    hex_write(BYTES_OF(sim->world->trace), hex);
    (void)printf("  trace %s\n", hex);
}

/* Of the requests that have not come everywhere: when they came where. */
static void print_ways(const struct sim *sim) {
    size_t shown = 0;
    for (size_t i = sim->asked_count; i > 0 && shown < WAYS_SHOWN; i--) {
        const struct asked *asked = &sim->asked[i - 1];
        int missing = 0;
        for (int k = 0; k < sim->options.nodes; k++) {
            missing += sim_honest(sim, k) && k != asked->home && asked->came[k] < 0 ? 1 : 0;
        }
        if (!asked->put || missing == 0) {
            continue;
        }
        shown++;
        (void)printf("  request %02x%02x%02x%02x of home %d at %lld ms is missing at %d homes;",
                     asked->id.b[0], asked->id.b[1], asked->id.b[2], asked->id.b[3], asked->home,
                     (long long)asked->at, missing);
        for (int k = 0; k < sim->options.nodes && k < FEW; k++) {
            if (asked->came[k] >= 0) {
                (void)printf(" %d: +%lld", k, (long long)(asked->came[k] - asked->at));
            }
        }
        (void)printf("\n");
    }
}

static void tear_down(struct sim *sim) {
    hostile_finish(sim);
    people_finish(sim);
    faults_finish(sim);
    govern_finish(sim);
    charters_finish(sim);
    forgers_finish(sim);
    watch_finish(sim);
    world_destroy(sim->world);
    if (sim->folder[0] != '\0') {
        remove_folder(sim);
    }
    free(sim->homes);
    free(sim);
}

/* An assertion of the core's, or of the world's, is a breach as well: its text is on stderr
 * already.
 */
static void on_abort(int number) {
    (void)!write(STDERR_FILENO, last_words, strlen(last_words));
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}
