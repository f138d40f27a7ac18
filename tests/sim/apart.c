#include "tests/sim/apart.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/base/assert.h"

enum {
    CPU_S = 300, /* of one run; the longest takes a few */
    WAY = 50,    /* entries */
};

static const char stops[] = "an engine stops nowhere";
static const char endless[] = "a run ends";

static struct sim *running; /* in the child */

static void run(const struct params *params, bool print_trace, bool way, struct outcome *out);
static void on_abort(int number);
static void be_child(const struct params *params, bool print_trace, bool way, int result);

struct outcome run_apart(const struct params *params, bool print_trace, bool way) {
    struct outcome outcome = {.broken = {.name = stops, .node = SIM_NONE, .object = UINT64_MAX}};
    int ends[2];
    int status = 0;
    (void)fflush(stdout);
    ASSERT(pipe(ends) == 0);
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        be_child(params, print_trace, way, ends[1]);
    }
    (void)close(ends[1]);
    struct outcome said;
    ssize_t got = read(ends[0], &said, sizeof said);
    (void)close(ends[0]);
    ASSERT(waitpid(child, &status, 0) == child);
    if (got == (ssize_t)sizeof said && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return said;
    }
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)) {
        outcome.broken.name = endless;
    }
    (void)snprintf(outcome.broken.text, sizeof outcome.broken.text, "%s %d",
                   WIFSIGNALED(status) ? "signal" : "exit",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return outcome;
}

static void be_child(const struct params *params, bool print_trace, bool way, int result) {
    const struct rlimit limit = {CPU_S, CPU_S + 5};
    struct outcome outcome;
    (void)setrlimit(RLIMIT_CPU, &limit);
    if (way) {
        (void)signal(SIGABRT, on_abort);
    }
    run(params, print_trace, way, &outcome);
    bool written = write(result, &outcome, sizeof outcome) == (ssize_t)sizeof outcome;
    (void)fflush(stdout);
    _exit(written ? 0 : 1);
}

static void run(const struct params *params, bool print_trace, bool way, struct outcome *out) {
    struct sim *sim = sim_create(params, print_trace);
    running = sim;
    (void)(sim_warm(sim) && sim_faults(sim));
    *out = (struct outcome){
        .broken = sim->broken, .entries = trace_count(sim->trace), .virtual_ms = sim_now(sim)};
    trace_hash(sim->trace, &out->hash);
    if (way && sim->broken.name != NULL) {
        trace_print_last(sim->trace, sim->broken.node, sim->broken.object, WAY, stdout);
    }
    sim_destroy(sim);
}

/* A failed assertion: in the step of the node that the trace was last about. No place for such
 * calls, but the process is lost anyway. NOLINTBEGIN(bugprone-signal-handler) */
static void on_abort(int number) {
    (void)signal(number, SIG_DFL);
    trace_print_last(running->trace, trace_last_node(running->trace), UINT64_MAX, WAY, stdout);
    (void)fflush(stdout);
}
/* NOLINTEND(bugprone-signal-handler) */
