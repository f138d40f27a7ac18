/* Execution periods: how long the law of a jurisdiction lets an instrument be executed. Facts as
 * data, one row each (PROTOCOL 5.3, LP-16); only what a statute says in so many words has a row.
 * What has none is unknown, which is not the same as unlimited. */
#ifndef PROTO_PERIODS_H
#define PROTO_PERIODS_H

#include "proto/request.h"

enum {
    PERIOD_TEXT_MAX = 32
};

struct execution_period {
    const char *jurisdiction; /* ISO 3166 */
    enum period_court {
        PERIOD_ANY_COURT,
        PERIOD_FEDERAL, /* in any state: it goes before the state's own row */
    } court;
    enum instrument_kind kind;
    int amount;
    enum period_unit {
        PERIOD_HOURS,      /* from the moment of issue */
        PERIOD_DAYS,       /* the day of issue does not count; the last one counts whole */
        PERIOD_WHOLE_DAYS, /* between the day of issue and the day of execution */
        PERIOD_MONTHS, /* the same day so many months later, or that month's last; it counts whole
                        */
    } unit;
    const char *source;
};

size_t execution_period_count(void);
const struct execution_period *execution_period_at(size_t index); /* static */
/* NULL: none is known for such an instrument of that jurisdiction and court. */
const struct execution_period *execution_period_of(const struct instrument *instrument);
/* What is later is too late in whatever time zone: where a day counts whole, 25 hours are added,
 * for nobody says in which zone it ends, and one day a year has so many. */
struct instant execution_period_end(const struct execution_period *period, struct instant issued);
void execution_period_text(const struct execution_period *period, char out[PERIOD_TEXT_MAX]);

#endif
