/* Runs in processes of their own, so that a failed assertion ends one of them alone; and the search
 * for a shorter run that fails in the same way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "tests/sim/core_sim.h"

enum {
    RUNS_MAX = 120, /* that a search may take */
    LIST_MAX = 64 * 1024,
    NODES_LEAST = 2,
};

struct search {
    struct options options; /* the shortest that was found */
    struct outcome outcome;
    int runs;
    size_t count; /* faults that happen in it */
    size_t *faults;
    char *list; /* of them, as text */
};

static struct outcome run_apart(const struct options *options);
static bool fails_alike(struct search *search, const struct options *options);
static void try_minutes(struct search *search);
static void try_nodes(struct search *search);
static void try_faults(struct search *search);
static bool try_without(struct search *search, size_t first, size_t count);
static void write_list(const size_t *faults, size_t count, char *out);
static void print_command(const struct options *options);

bool shrink_run(const struct options *options) {
    struct search search = {.options = *options};
    struct outcome outcome = run_apart(options);
    if (!outcome.broken) {
        return true;
    }
    search.options.quiet = true;
    search.outcome = outcome;
    (void)printf("shrinking a breach of %s\n", outcome.invariant);
    try_minutes(&search);
    try_nodes(&search);
    try_faults(&search);
    try_minutes(&search);
    (void)printf("%d runs; the shortest that fails:\n", search.runs);
    print_command(&search.options);
    free(search.faults);
    free(search.list);
    return false;
}

bool shrink_swarm(const struct options *options, int seconds, bool shrinks) {
    struct options one = *options;
    time_t end = time(NULL) + seconds;
    size_t runs = 0;
    for (; time(NULL) < end; one.seed++) {
        struct outcome outcome = run_apart(&one);
        runs++;
        if (outcome.broken) {
            if (shrinks) {
                (void)shrink_run(&one);
            }
            return false;
        }
    }
    (void)printf("%zu runs from seed %llu on, all held\n", runs, (unsigned long long)options->seed);
    return true;
}

static struct outcome run_apart(const struct options *options) {
    struct outcome outcome = {.broken = true, .minutes = options->minutes};
    int pipes[2];
    int status = 0;
    (void)snprintf(outcome.invariant, sizeof outcome.invariant, "assertions");
    (void)fflush(stdout);
    ASSERT(pipe(pipes) == 0);
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        struct outcome mine;
        (void)close(pipes[0]);
        bool good = sim_run(options, &mine);
        ssize_t written = write(pipes[1], &mine, sizeof mine);
        (void)fflush(stdout);
        _exit(good && written == (ssize_t)sizeof mine ? 0 : 1);
    }
    struct outcome told;
    (void)close(pipes[1]);
    if (read(pipes[0], &told, sizeof told) == (ssize_t)sizeof told) {
        outcome = told;
    }
    (void)close(pipes[0]);
    ASSERT(waitpid(child, &status, 0) == child);
    return outcome;
}

static bool fails_alike(struct search *search, const struct options *options) {
    if (search->runs >= RUNS_MAX) {
        return false;
    }
    search->runs++;
    struct outcome outcome = run_apart(options);
    bool alike = outcome.broken && strcmp(outcome.invariant, search->outcome.invariant) == 0;
    if (alike) {
        search->options = *options;
        search->outcome = outcome;
    }
    return alike;
}

/* A run is the beginning of a longer one, so one that broke in its trouble breaks as soon. */
static void try_minutes(struct search *search) {
    struct options options = search->options;
    int least = 0;
    int most =
        search->outcome.minutes < options.minutes ? search->outcome.minutes : options.minutes;
    while (least < most) {
        int middle = least + (most - least) / 2;
        options = search->options;
        options.minutes = middle;
        if (fails_alike(search, &options)) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
    if (most < search->options.minutes) {
        options = search->options;
        options.minutes = most;
        (void)fails_alike(search, &options);
    }
}

/* Fewer homes draw another plan: all of them are tried, the smallest first. */
static void try_nodes(struct search *search) {
    for (int nodes = NODES_LEAST; nodes < search->options.nodes; nodes++) {
        struct options options = search->options;
        options.nodes = nodes;
        if (fails_alike(search, &options)) {
            return;
        }
        nodes += nodes >= 8 ? nodes / 2 : 0;
    }
}

/* Leaves out halves, then quarters, and so on, as long as it still fails. */
static void try_faults(struct search *search) {
    search->count = search->outcome.fault_count;
    search->faults = calloc(search->count + 1, sizeof *search->faults);
    search->list = calloc(1, LIST_MAX);
    ASSERT(search->faults != NULL && search->list != NULL);
    if (search->options.faults != NULL) {
        return; /* they were chosen */
    }
    for (size_t i = 0; i < search->count; i++) {
        search->faults[i] = i;
    }
    if (search->count == 0 || try_without(search, 0, search->count)) {
        return;
    }
    for (size_t part = (search->count + 1) / 2; part > 0; part /= 2) {
        for (size_t at = 0; at < search->count;) {
            size_t count = part < search->count - at ? part : search->count - at;
            at += try_without(search, at, count) ? 0 : count;
        }
    }
}

static bool try_without(struct search *search, size_t first, size_t count) {
    struct options options = search->options;
    size_t left = search->count - count;
    size_t *faults = calloc(left + 1, sizeof *faults);
    char *list = calloc(1, LIST_MAX);
    ASSERT(faults != NULL && list != NULL);
    memcpy(faults, search->faults, first * sizeof *faults);
    memcpy(faults + first, search->faults + first + count, (left - first) * sizeof *faults);
    write_list(faults, left, list);
    options.faults = list;
    bool alike = fails_alike(search, &options);
    if (alike) {
        free(search->faults);
        free(search->list);
        search->faults = faults;
        search->list = list;
        search->count = left;
        return true;
    }
    free(faults);
    free(list);
    return false;
}

static void write_list(const size_t *faults, size_t count, char *out) {
    size_t len = (size_t)snprintf(out, LIST_MAX, count == 0 ? "none" : "");
    for (size_t i = 0; i < count && len + 16 < LIST_MAX; i++) {
        len += (size_t)snprintf(out + len, LIST_MAX - len, i == 0 ? "%zu" : ",%zu", faults[i]);
    }
}

static void print_command(const struct options *options) {
    (void)printf("core_sim --seed %llu --nodes %d --scenario %s --minutes %d",
                 (unsigned long long)options->seed, options->nodes, options->scenario->name,
                 options->minutes);
    if (options->faults != NULL) {
        (void)printf(" --faults %s", options->faults);
    }
    if (options->plant != PLANT_NONE) {
        (void)printf(" --plant %s", plant_name(options->plant));
    }
    (void)printf("\n");
}
