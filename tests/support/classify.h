/* What an attacker makes of numbers: how well does any one of them, or all together, tell two kinds
 * apart? AUC: 0.5 is chance, 1 is certainty. */
#ifndef TESTS_SUPPORT_CLASSIFY_H
#define TESTS_SUPPORT_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CLASSIFY_FEATURES_MAX = 32,
    CLASSIFY_FOLDS = 5,
};

struct sample {
    bool second; /* of the two kinds */
    double values[CLASSIFY_FEATURES_MAX];
};

/* Both learn on four folds of five and are tried on the fifth; samples must be in no order that
 * tells. The best single feature, by the AUC it has where it was chosen; and a logistic regression
 * over all. */
double classify_best_feature(const struct sample *samples, size_t count, size_t features);
double classify_regression(const struct sample *samples, size_t count, size_t features);

#endif
