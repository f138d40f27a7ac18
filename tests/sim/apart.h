/* One run in a process of its own: an engine that stops, or never ends, is a promise broken like
 * any other. */
#ifndef TESTS_SIM_APART_H
#define TESTS_SIM_APART_H

#include "tests/sim/sim.h"

struct outcome {
    struct broken broken; /* its name is a literal, and so the same in both processes */
    struct id hash;
    uint64_t entries;
    uint32_t virtual_ms;
};

/* `way`: prints the last entries of the trace that have to do with what broke. */
struct outcome run_apart(const struct params *params, bool print_trace, bool way);

#endif
