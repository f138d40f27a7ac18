#include "tests/sim/params.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/attr.h"

static const char *const fault_names[] = {"cut",   "silence", "suspend", "restart", "crash",
                                          "churn", "clock",   "remove",  "records", NULL};
static const char *const hostile_names[] = {"honest",   "dropper",  "liar",     "flooder",
                                            "eclipser", "poisoner", "replayer", "waster",
                                            "fleeting", NULL};

static const struct row {
    const char *name;
    size_t offset;
    const char *const *bits; /* names of bits */
} rows[] = {
#define ROW(name)                                                                                  \
    { #name, offsetof(struct params, name), NULL }
    ROW(nodes),
    ROW(communities),
    ROW(known),
    ROW(start_ms),
    ROW(warm_s),
    ROW(run_s),
    ROW(drain_s),
    ROW(calm_s),
    ROW(every_ms),
    ROW(size),
    ROW(life_s),
    ROW(urgent_pct),
    ROW(latency_min),
    ROW(latency_max),
    ROW(lines),
    ROW(lognormal),
    ROW(loss_pct),
    ROW(rate),
    ROW(slow_pct),
    ROW(slow_rate),
    ROW(nat_pct),
    ROW(groups),
    ROW(kill_pct),
    ROW(kill_every_ms),
    ROW(hostile_pct),
    ROW(echo),
    ROW(silent),
    ROW(clock_s),
    ROW(join_ms),
    ROW(churn_ms),
    ROW(cut_s),
    {"hostile", offsetof(struct params, hostile), hostile_names},
    {"faults", offsetof(struct params, faults), fault_names},
#undef ROW
};

static bool read_value(const struct row *row, const char *text, uint32_t *out);

bool params_set(struct params *params, const char *text) {
    const char *equals = strchr(text, '=');
    for (size_t i = 0; equals != NULL && i < COUNT_OF(rows); i++) {
        size_t len = strlen(rows[i].name);
        if ((size_t)(equals - text) == len && strncmp(text, rows[i].name, len) == 0) {
            uint32_t *value = (uint32_t *)((char *)params + rows[i].offset);
            return read_value(&rows[i], equals + 1, value);
        }
    }
    return false;
}

void params_print(const struct params *params, const struct params *usual, FILE *to) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        uint32_t value = *(const uint32_t *)((const char *)params + row->offset);
        if (value == *(const uint32_t *)((const char *)usual + row->offset)) {
            continue;
        }
        (void)fprintf(to, " --set %s=", row->name);
        if (row->bits == NULL || value == 0) {
            (void)fprintf(to, "%u", value);
        }
        const char *comma = "";
        for (size_t bit = 0; row->bits != NULL && row->bits[bit] != NULL; bit++) {
            if ((value >> bit & 1) != 0) {
                (void)fprintf(to, "%s%s", comma, row->bits[bit]);
                comma = ",";
            }
        }
    }
}

static bool read_value(const struct row *row, const char *text, uint32_t *out) {
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (end != text) {
        *out = (uint32_t)value;
        return *end == '\0' && value <= UINT32_MAX && text[0] != '-';
    }
    uint32_t found = 0;
    while (row->bits != NULL && *text != '\0') {
        size_t len = strcspn(text, ",");
        size_t bit = 0;
        while (row->bits[bit] != NULL &&
               (strlen(row->bits[bit]) != len || strncmp(row->bits[bit], text, len) != 0)) {
            bit++;
        }
        if (row->bits[bit] == NULL) {
            return false;
        }
        found |= UINT32_C(1) << bit;
        text += len + (text[len] == ',' ? 1 : 0);
    }
    *out = found;
    return found != 0;
}
