#include <string.h>

#include "tests/sim/core_sim.h"

static const struct scenario scenarios[] = {
    {.name = "quiet", .what = "nothing goes wrong"},
    {.name = "links",
     .what = "homes do not reach each other, both ways or one way",
     .faults = {[FAULT_CUT] = 500, [FAULT_HUSH] = 500}},
    {.name = "halves", .what = "the community falls into two", .faults = {[FAULT_PART] = 400}},
    {.name = "slow",
     .what = "homes read slowly, or not at all",
     .faults = {[FAULT_STALL] = 300, [FAULT_SLOW] = 300}},
    {.name = "sleep", .what = "homes are suspended", .faults = {[FAULT_SLEEP] = 200}},
    {.name = "crash",
     .what = "homes die before a commit, after one, and at any time",
     .faults = {[FAULT_CRASH] = 300, [FAULT_MUTE] = 300, [FAULT_KILL] = 150}},
    {.name = "disk",
     .what = "commits and disks fail, disks are full",
     .faults = {[FAULT_COMMIT] = 200, [FAULT_DISK] = 200, [FAULT_FULL] = 200},
     .files = true},
    {.name = "clocks",
     .what = "wall clocks are up to ten minutes off, and are set",
     .faults = {[FAULT_CLOCK] = 150},
     .wrong_clocks = true},
    {.name = "gone",
     .what = "up to half of the homes are lost for ever, without a word",
     .faults = {[FAULT_GONE] = 150}},
    {.name = "hostile",
     .what = "three of ten members flood, replay, lie, or say nothing",
     .hostile = 30},
    {.name = "swarm",
     .what = "all of it, files and losses for ever excepted",
     .faults = {[FAULT_CUT] = 150,
                [FAULT_HUSH] = 150,
                [FAULT_PART] = 100,
                [FAULT_STALL] = 100,
                [FAULT_SLOW] = 100,
                [FAULT_SLEEP] = 60,
                [FAULT_CRASH] = 150,
                [FAULT_MUTE] = 150,
                [FAULT_KILL] = 60,
                [FAULT_DISK] = 60,
                [FAULT_FULL] = 60,
                [FAULT_CLOCK] = 30},
     .hostile = 15,
     .wrong_clocks = true},
    {.name = "govern",
     .what = "administrators and sponsors decide, while some forge, and links and homes fail",
     .faults = {[FAULT_CUT] = 150,
                [FAULT_HUSH] = 100,
                [FAULT_PART] = 800,
                [FAULT_SLEEP] = 60,
                [FAULT_CRASH] = 200,
                [FAULT_MUTE] = 200,
                [FAULT_KILL] = 150,
                [FAULT_CLOCK] = 100},
     .hostile = 25,
     .wrong_clocks = true,
     .governs = true},
};

size_t scenario_count(void) {
    return COUNT_OF(scenarios);
}

const struct scenario *scenario_at(size_t i) {
    return &scenarios[i];
}

const struct scenario *scenario_named(const char *name) {
    for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
        if (strcmp(scenarios[i].name, name) == 0) {
            return &scenarios[i];
        }
    }
    return NULL;
}

const char *plant_name(enum plant plant) {
    static const char *const names[PLANTS] = {
        [PLANT_NONE] = "none",     [PLANT_UNSIGNED] = "unsigned", [PLANT_EXPIRED] = "expired",
        [PLANT_TWICE] = "twice",   [PLANT_LEAK] = "leak",         [PLANT_GLUT] = "glut",
        [PLANT_FORGET] = "forget", [PLANT_FORGED] = "forged",     [PLANT_SPLIT] = "split",
        [PLANT_HOARD] = "hoard",
    };
    return names[plant];
}
