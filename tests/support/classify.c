#include "tests/support/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    ROUNDS = 200
};

struct scored {
    double score;
    bool second;
};

static size_t fold_of(size_t i);
static double auc(struct scored *scored, size_t count);
static int by_score(const void *a, const void *b);
static void normalise(const struct sample *samples, size_t count, size_t features, size_t fold,
                      double *mean, double *spread);
static void learn(const struct sample *samples, size_t count, size_t features, size_t fold,
                  const double *mean, const double *spread, double *weights);
static double weigh(const struct sample *sample, size_t features, const double *mean,
                    const double *spread, const double *weights);

double classify_best_feature(const struct sample *samples, size_t count, size_t features) {
    struct scored *learnt = calloc(count, sizeof *learnt);
    struct scored *tried = calloc(count, sizeof *tried);
    ASSERT(learnt != NULL);
    ASSERT(tried != NULL);
    for (size_t fold = 0; fold < CLASSIFY_FOLDS; fold++) {
        size_t best = 0;
        double best_auc = 0.5;
        double mean[CLASSIFY_FEATURES_MAX];
        double spread[CLASSIFY_FEATURES_MAX];
        normalise(samples, count, features, fold, mean, spread);
        for (size_t f = 0; f < features; f++) {
            size_t n = 0;
            for (size_t i = 0; i < count; i++) {
                if (fold_of(i) != fold) {
                    learnt[n++] = (struct scored){samples[i].values[f], samples[i].second};
                }
            }
            double value = auc(learnt, n);
            if (fabs(value - 0.5) > fabs(best_auc - 0.5)) {
                best = f;
                best_auc = value;
            }
        }
        for (size_t i = 0; i < count; i++) {
            if (fold_of(i) != fold) {
                continue;
            }
            double value = (samples[i].values[best] - mean[best]) / spread[best];
            tried[i] = (struct scored){best_auc < 0.5 ? -value : value, samples[i].second};
        }
    }
    double result = auc(tried, count);
    free(tried);
    free(learnt);
    return result;
}

double classify_regression(const struct sample *samples, size_t count, size_t features) {
    struct scored *tried = calloc(count, sizeof *tried);
    ASSERT(tried != NULL);
    for (size_t fold = 0; fold < CLASSIFY_FOLDS; fold++) {
        double mean[CLASSIFY_FEATURES_MAX];
        double spread[CLASSIFY_FEATURES_MAX];
        double weights[CLASSIFY_FEATURES_MAX + 1] = {0};
        normalise(samples, count, features, fold, mean, spread);
        learn(samples, count, features, fold, mean, spread, weights);
        for (size_t i = 0; i < count; i++) {
            if (fold_of(i) != fold) {
                continue;
            }
            tried[i] = (struct scored){weigh(&samples[i], features, mean, spread, weights),
                                       samples[i].second};
        }
    }
    double result = auc(tried, count);
    free(tried);
    return result;
}

/* Samples come in pairs of one run, one of each kind, and stay together: what differs between runs
 * alone must not make one half of the learner's data look unlike the other. */
static size_t fold_of(size_t i) {
    return i / 2 % CLASSIFY_FOLDS;
}

/* The chance that one of the second kind scores above one of the first; ties count half. */
static double auc(struct scored *scored, size_t count) {
    double ranks = 0;
    double seconds = 0;
    qsort(scored, count, sizeof *scored, by_score);
    for (size_t start = 0; start < count;) {
        size_t end = start;
        while (end < count && scored[end].score <= scored[start].score) {
            end++;
        }
        for (size_t i = start; i < end; i++) {
            if (scored[i].second) {
                ranks += ((double)start + 1 + (double)end) / 2;
                seconds++;
            }
        }
        start = end;
    }
    double firsts = (double)count - seconds;
    return (ranks - seconds * (seconds + 1) / 2) / (seconds * firsts);
}

static int by_score(const void *a, const void *b) {
    const struct scored *x = a;
    const struct scored *y = b;
    return x->score < y->score ? -1 : x->score > y->score ? 1 : 0;
}

static void normalise(const struct sample *samples, size_t count, size_t features, size_t fold,
                      double *mean, double *spread) {
    for (size_t f = 0; f < features; f++) {
        double sum = 0;
        double squares = 0;
        double n = 0;
        for (size_t i = 0; i < count; i++) {
            if (fold_of(i) != fold) {
                double value = samples[i].values[f];
                sum += value;
                squares += value * value;
                n++;
            }
        }
        mean[f] = sum / n;
        spread[f] = sqrt(fmax(squares / n - mean[f] * mean[f], 0)) + 1e-9;
    }
}

static void learn(const struct sample *samples, size_t count, size_t features, size_t fold,
                  const double *mean, const double *spread, double *weights) {
    for (int round = 0; round < ROUNDS; round++) {
        double slope[CLASSIFY_FEATURES_MAX + 1] = {0};
        double n = 0;
        for (size_t i = 0; i < count; i++) {
            if (fold_of(i) == fold) {
                continue;
            }
            double score = weigh(&samples[i], features, mean, spread, weights);
            double off = 1 / (1 + exp(-score)) - (samples[i].second ? 1 : 0);
            for (size_t f = 0; f < features; f++) {
                slope[f] += off * (samples[i].values[f] - mean[f]) / spread[f];
            }
            slope[features] += off;
            n++;
        }
        for (size_t f = 0; f <= features; f++) {
            weights[f] -= 0.3 * (slope[f] / n + 0.01 * weights[f]);
        }
    }
}

static double weigh(const struct sample *sample, size_t features, const double *mean,
                    const double *spread, const double *weights) {
    double score = weights[features];
    for (size_t f = 0; f < features; f++) {
        score += weights[f] * (sample->values[f] - mean[f]) / spread[f];
    }
    return fmin(fmax(score, -30), 30);
}
