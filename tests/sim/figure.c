#include "tests/sim/figure.h"

#include <stdio.h>

#include "node/base/assert.h"

static void add(struct figures *figures, const struct figure *figure, const char *name);

void figure_add(struct figures *figures, const char *what, double value, const char *unit) {
    const struct figure figure = {.unit = unit, .value = value};
    add(figures, &figure, what);
    if (!figures->json) {
        (void)printf("  %s: %.4f%s%s\n", what, value, unit[0] == '\0' ? "" : " ", unit);
    }
}

void figure_compare(struct figures *figures, const char *what, double value, double reach,
                    const char *unit) {
    const struct figure figure = {.unit = unit, .value = value, .reach = reach, .has_reach = true};
    add(figures, &figure, what);
    if (!figures->json) {
        (void)printf("  %s: %.4f%s%s (reach %.4g) %s\n", what, value, unit[0] == '\0' ? "" : " ",
                     unit, reach, value <= reach ? "ok" : "MISSED");
    }
}

void figure_print_json(const struct figures *figures) {
    (void)printf("[");
    for (unsigned i = 0; i < figures->count; i++) {
        const struct figure *figure = &figures->list[i];
        (void)printf("%s{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", i == 0 ? "" : ", ",
                     figure->name, figure->value, figure->unit);
        if (figure->has_reach) {
            (void)printf(", \"reach\": %.6g, \"ok\": %s", figure->reach,
                         figure->value <= figure->reach ? "true" : "false");
        }
        (void)printf("}");
    }
    (void)printf("]");
}

static void add(struct figures *figures, const struct figure *figure, const char *name) {
    ASSERT(figures->count < FIGURES_MAX);
    struct figure *added = &figures->list[figures->count++];
    *added = *figure;
    (void)snprintf(added->name, sizeof added->name, "%s", name);
}
