/* Options of the simulator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/federation.h"

enum {
    SETS_MAX = 40,
};

struct options {
    const char *scenario;
    struct params params;
    uint32_t swarm_s;
    size_t set_count;
    const char *sets[SETS_MAX];
    bool trace, json, list, help, no_shrink;
};

static bool read_options(int argc, char **argv, struct options *out);
static bool read_one(const char *name, const char *value, struct options *out);
static bool read_number(const char *text, uint64_t most, uint64_t *out);

static const char help[] =
    "usage: overlay_sim --scenario NAME [--seed N] [--nodes N] [--set NAME=VALUE]...\n"
    "                   [--trace] [--json]\n"
    "       overlay_sim --scenario federation [--communities N] [--nodes HOMES-OF-EACH] [--seed "
    "N]\n"
    "                   [--json] [--swarm-seconds S]\n"
    "       overlay_sim --swarm MINUTES | --swarm-seconds S [--seed N] [--set NAME=VALUE]...\n"
    "                   [--no-shrink]\n"
    "       overlay_sim --list\n"
    "\n"
    "Simulates a network of overlay engines from a seed: the same seed gives the same trace.\n"
    "--scenario faults runs twice and compares the traces. --set changes what a simulation is "
    "made\n"
    "of (tests/sim/params.h). Exit: 0 ok, 1 a promise was broken, 2 usage.\n";

int main(int argc, char **argv) {
    struct options options = {.params.seed = 1};
    if (!read_options(argc, argv, &options)) {
        (void)fputs("overlay_sim: not understood; see --help\n", stderr);
        return 2;
    }
    if (options.help) {
        (void)fputs(help, stdout);
        return 0;
    }
    if (options.list) {
        scenario_list();
        return 0;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    bool federation = options.scenario != NULL && strcmp(options.scenario, "federation") == 0;
    uint32_t communities = options.params.communities;
    if (federation && (options.params.nodes < NODES_MIN || communities < FEDERATION_MIN ||
                       communities > FEDERATION_MAX)) {
        (void)fprintf(stderr,
                      "overlay_sim: a federation has %d to %d communities, each of %d homes at "
                      "least\n",
                      FEDERATION_MIN, FEDERATION_MAX, NODES_MIN);
        return 2;
    }
    if (options.swarm_s > 0 && federation) {
        return scenario_swarm(options.scenario, &options.params, options.swarm_s);
    }
    if (options.swarm_s > 0) {
        const struct swarm swarm = {.seed = options.params.seed,
                                    .seconds = options.swarm_s,
                                    .shrinks = !options.no_shrink,
                                    .set_count = options.set_count,
                                    .sets = options.sets};
        return swarm_run(&swarm);
    }
    if (options.scenario == NULL) {
        (void)fputs(help, stderr);
        return 2;
    }
    return strcmp(options.scenario, "faults") == 0
               ? swarm_one(&options.params, options.trace, !options.no_shrink)
               : scenario_run(options.scenario, &options.params, options.trace, options.json);
}

/* The scenario first: the others change what it usually is. */
static bool read_options(int argc, char **argv, struct options *out) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--scenario") == 0) {
            out->scenario = argv[i + 1];
            if (!scenario_usual(out->scenario, &out->params)) {
                (void)fprintf(stderr, "overlay_sim: no scenario '%s'; see --list\n", argv[i + 1]);
                return false;
            }
        }
    }
    for (int i = 1; i < argc; i++) {
        bool *const flags[] = {&out->trace, &out->json, &out->list, &out->help, &out->no_shrink};
        static const char *const names[] = {"--trace", "--json", "--list", "--help", "--no-shrink"};
        bool flag = false;
        for (size_t k = 0; k < COUNT_OF(names) && !flag; k++) {
            flag = strcmp(argv[i], names[k]) == 0;
            *flags[k] |= flag;
        }
        if (!flag && (i + 1 == argc || !read_one(argv[i], argv[i + 1], out))) {
            return false;
        }
        i += flag ? 0 : 1;
    }
    return true;
}

static bool read_one(const char *name, const char *value, struct options *out) {
    uint64_t number = 0;
    if (strcmp(name, "--scenario") == 0) {
        return true;
    }
    if (strcmp(name, "--set") == 0) {
        if (out->set_count == SETS_MAX) {
            return false;
        }
        out->sets[out->set_count++] = value;
        return params_set(&out->params, value);
    }
    if (!read_number(value, UINT64_MAX, &number)) {
        return false;
    }
    if (strcmp(name, "--seed") == 0) {
        out->params.seed = number;
    } else if (strcmp(name, "--nodes") == 0 && number >= 2 && number <= 1000000) {
        out->params.nodes = (uint32_t)number;
    } else if (strcmp(name, "--communities") == 0 && out->params.communities > 0 &&
               number <= FEDERATION_MAX) {
        out->params.communities = (uint32_t)number;
    } else if (strcmp(name, "--swarm") == 0 && number > 0 && number <= 100000) {
        out->swarm_s = (uint32_t)number * 60;
    } else if (strcmp(name, "--swarm-seconds") == 0 && number > 0 && number <= 1000000) {
        out->swarm_s = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

static bool read_number(const char *text, uint64_t most, uint64_t *out) {
    char *end = NULL;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= most;
}
