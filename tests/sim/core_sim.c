/* core_sim: a community of full cores, its troubles, and what must hold (core_sim.h).
 *
 *   core_sim --seed N --nodes N --scenario NAME --minutes M    one run
 *   core_sim ... --shrink       when it fails, looks for a shorter run that does
 *   core_sim ... --swarm M      other seeds, one after the other, for M minutes by the wall clock
 *   core_sim ... --swarm-seconds S --no-shrink    for S seconds; what fails is left as it is
 *   core_sim --removal --seed N --nodes N    one is removed while a fifth is off: figures
 *   core_sim --years --seed N [--long]       eight homes over three years; --long: day by day
 *   core_sim --list             the scenarios
 *
 * Exit: 0 all held; 1 an invariant was broken, which is printed with the seed and the virtual time;
 * 2 the command line. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/core_sim.h"

enum {
    NODES_LEAST = 2,
    MINUTES_MOST = 24 * 60,
    MMAP_THRESHOLD = 1024 * 1024,
};

struct wish {
    struct options options;
    bool shrink;
    bool no_shrink; /* after a swarm */
    bool list;
    bool removal;
    bool years;
    bool is_long;
    int swarm_s; /* 0: one run */
};

static bool read_wish(int count, char **arguments, struct wish *out);
static bool take_option(int option, const char *value, struct wish *wish);
static bool read_number(const char *text, int64_t least, int64_t most, int64_t *out);
static bool read_plant(const char *text, enum plant *out);
static void list(void);

int main(int count, char **arguments) {
    struct wish wish = {
        .options = {.seed = 1, .nodes = 6, .minutes = 5, .scenario = scenario_named("swarm")}};
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    /* A core is megabytes, of which it touches little: fresh pages, each time that one is made. */
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
    if (!read_wish(count, arguments, &wish)) {
        (void)fprintf(stderr, "usage: core_sim [--seed N] [--nodes N] [--scenario NAME] "
                              "[--minutes M] [--faults N,N,...|none] [--plant NAME] [--shrink] "
                              "[--swarm M] [--swarm-seconds S] [--no-shrink] [--removal] "
                              "[--years [--long]] [--list]\n");
        return 2;
    }
    if (wish.list) {
        list();
        return 0;
    }
    if (wish.removal) {
        return removal_run(&wish.options) ? 0 : 1;
    }
    if (wish.years) {
        return years_run(&wish.options, wish.is_long) ? 0 : 1;
    }
    if (wish.swarm_s > 0) {
        return shrink_swarm(&wish.options, wish.swarm_s, !wish.no_shrink) ? 0 : 1;
    }
    if (wish.shrink) {
        return shrink_run(&wish.options) ? 0 : 1;
    }
    return sim_run(&wish.options, NULL) ? 0 : 1;
}

static bool read_wish(int count, char **arguments, struct wish *out) {
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},
        {"nodes", required_argument, NULL, 'n'},
        {"scenario", required_argument, NULL, 'c'},
        {"minutes", required_argument, NULL, 'm'},
        {"faults", required_argument, NULL, 'f'},
        {"plant", required_argument, NULL, 'p'},
        {"swarm", required_argument, NULL, 'w'},
        {"swarm-seconds", required_argument, NULL, 'W'},
        {"shrink", no_argument, NULL, 'k'},
        {"no-shrink", no_argument, NULL, 'K'},
        {"list", no_argument, NULL, 'l'},
        {"removal", no_argument, NULL, 'r'},
        {"years", no_argument, NULL, 'y'},
        {"long", no_argument, NULL, 'L'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        if (!take_option(option, optarg, out)) {
            return false;
        }
    }
    return optind == count;
}

static bool take_option(int option, const char *value, struct wish *wish) {
    struct options *options = &wish->options;
    int64_t number = 0;
    bool good = true;
    switch (option) {
    case 's':
        good = read_number(value, 0, INT64_MAX, &number);
        options->seed = (uint64_t)number;
        break;
    case 'n':
        good = read_number(value, NODES_LEAST, WORLD_HOMES_MAX, &number);
        options->nodes = (int)number;
        break;
    case 'm':
        good = read_number(value, 0, MINUTES_MOST, &number);
        options->minutes = (int)number;
        break;
    case 'w':
        good = read_number(value, 1, MINUTES_MOST, &number);
        wish->swarm_s = (int)number * 60;
        break;
    case 'W':
        good = read_number(value, 1, MINUTES_MOST * 60, &number);
        wish->swarm_s = (int)number;
        break;
    case 'c':
        options->scenario = scenario_named(value);
        good = options->scenario != NULL;
        break;
    case 'f':
        options->faults = value;
        break;
    case 'p':
        good = read_plant(value, &options->plant);
        break;
    case 'k':
        wish->shrink = true;
        break;
    case 'K':
        wish->no_shrink = true;
        break;
    case 'l':
        wish->list = true;
        break;
    case 'r':
        wish->removal = true;
        break;
    case 'y':
        wish->years = true;
        break;
    case 'L':
        wish->is_long = true;
        break;
    default:
        good = false;
        break;
    }
    return good;
}

static bool read_number(const char *text, int64_t least, int64_t most, int64_t *out) {
    char *end = NULL;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool read_plant(const char *text, enum plant *out) {
    for (int plant = 0; plant < PLANTS; plant++) {
        if (strcmp(text, plant_name((enum plant)plant)) == 0) {
            *out = (enum plant)plant;
            return true;
        }
    }
    return false;
}

static void list(void) {
    for (size_t i = 0; i < scenario_count(); i++) {
        (void)printf("%-9s %s\n", scenario_at(i)->name, scenario_at(i)->what);
    }
}
