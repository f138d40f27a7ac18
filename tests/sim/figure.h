/* What a scenario has measured, for people as it comes, or in the end as one JSON object. */
#ifndef TESTS_SIM_FIGURE_H
#define TESTS_SIM_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FIGURES_MAX = 96
};

struct figures {
    bool json;
    unsigned count;
    struct figure {
        char name[96];
        const char *unit; /* a literal; may be empty */
        double value;
        double reach;
        bool has_reach;
    } list[FIGURES_MAX];
};

void figure_add(struct figures *figures, const char *what, double value, const char *unit);
/* It should be `reach` at most. */
void figure_compare(struct figures *figures, const char *what, double value, double reach,
                    const char *unit);
/* "[{...}, ...]" */
void figure_print_json(const struct figures *figures);

#endif
