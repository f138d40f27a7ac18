#include "proto/periods.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/base/assert.h"
#include "proto/wording.h"

/* To add a jurisdiction: a row here, a line in PROTOCOL 5.3, a case in periods_test.c. */
static const struct execution_period periods[] = {
#define WARRANT(jurisdiction, court, amount, unit, source)                                         \
    { jurisdiction, court, INSTRUMENT_SEARCH_WARRANT, amount, unit, source }
    WARRANT("US", PERIOD_FEDERAL, 14, PERIOD_DAYS, "US Fed. R. Crim. P. 41(e)(2)(A)(i)"),
    WARRANT("US-CA", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Cal. Penal Code 1534(a)"),
    WARRANT("US-FL", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Fla. Stat. 933.05"),
    WARRANT("US-GA", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Ga. Code 17-5-25"),
    WARRANT("US-IL", PERIOD_ANY_COURT, 96, PERIOD_HOURS, "725 ILCS 5/108-6"),
    WARRANT("US-IN", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Ind. Code 35-33-5-7(b)"),
    WARRANT("US-MN", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Minn. Stat. 626.15"),
    WARRANT("US-NC", PERIOD_ANY_COURT, 48, PERIOD_HOURS, "N.C. Gen. Stat. 15A-248"),
    WARRANT("US-NJ", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "N.J. Court Rule 3:5-5(a)"),
    WARRANT("US-NY", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "N.Y. Crim. Proc. Law 690.30(1)"),
    WARRANT("US-TX", PERIOD_ANY_COURT, 3, PERIOD_WHOLE_DAYS, "Tex. Code Crim. Proc. 18.07(a)"),
    WARRANT("US-VA", PERIOD_ANY_COURT, 15, PERIOD_DAYS, "Va. Code 19.2-56"),
    WARRANT("US-WA", PERIOD_ANY_COURT, 10, PERIOD_DAYS, "Wash. CrR 2.3(c)"),
    WARRANT("GB-EAW", PERIOD_ANY_COURT, 3, PERIOD_MONTHS, "PACE 1984 s.16(3)"),
    WARRANT("GB-ENG", PERIOD_ANY_COURT, 3, PERIOD_MONTHS, "PACE 1984 s.16(3)"),
    WARRANT("GB-WLS", PERIOD_ANY_COURT, 3, PERIOD_MONTHS, "PACE 1984 s.16(3)"),
};

static bool applies(const struct execution_period *period, const struct instrument *instrument);
static bool is_federal(const char *court);
static struct instant months_later(struct instant from, int months);

size_t execution_period_count(void) {
    return COUNT_OF(periods);
}

const struct execution_period *execution_period_at(size_t index) {
    ASSERT(index < COUNT_OF(periods));
    return &periods[index];
}

const struct execution_period *execution_period_of(const struct instrument *instrument) {
    for (size_t i = 0; i < COUNT_OF(periods); i++) {
        if (applies(&periods[i], instrument)) {
            return &periods[i];
        }
    }
    return NULL;
}

struct instant execution_period_end(const struct execution_period *period, struct instant issued) {
    const struct duration last_day = {25 * (int64_t)DURATION_HOUR_MS};
    int64_t amount = period->amount;
    switch (period->unit) {
    case PERIOD_HOURS:
        return instant_add(issued, (struct duration){amount * DURATION_HOUR_MS});
    case PERIOD_WHOLE_DAYS:
        amount++;
        break;
    case PERIOD_DAYS:
        break;
    case PERIOD_MONTHS:
        return instant_add(months_later(issued, period->amount), last_day);
    }
    return instant_add(instant_add(issued, (struct duration){amount * DURATION_DAY_MS}), last_day);
}

void execution_period_text(const struct execution_period *period, char out[PERIOD_TEXT_MAX]) {
    static const char *const units[] = {[PERIOD_HOURS] = "hours",
                                        [PERIOD_DAYS] = "days",
                                        [PERIOD_WHOLE_DAYS] = "whole days between",
                                        [PERIOD_MONTHS] = "months"};
    (void)snprintf(out, PERIOD_TEXT_MAX, "%d %s", period->amount, units[period->unit]);
}

static bool applies(const struct execution_period *period, const struct instrument *instrument) {
    const char *jurisdiction = instrument->jurisdiction;
    if (period->kind != instrument->kind) {
        return false;
    }
    if (period->court == PERIOD_FEDERAL) {
        size_t len = strlen(period->jurisdiction);
        return strncmp(jurisdiction, period->jurisdiction, len) == 0 &&
               (jurisdiction[len] == '\0' || jurisdiction[len] == '-') &&
               is_federal(instrument->court);
    }
    return strcmp(jurisdiction, period->jurisdiction) == 0;
}

static bool is_federal(const char *court) {
    struct words words;
    words_fold(court, &words);
    return words_have(&words, " united states district court ") ||
           words_have(&words, " u s district court ") ||
           words_have(&words, " us district court ") || words_have(&words, " federal ");
}

/* The same day some months later, or that month's last day. */
static struct instant months_later(struct instant from, int months) {
    time_t seconds = (time_t)(from.ms / 1000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) {
        return INSTANT_NEVER;
    }
    int day = tm.tm_mday;
    tm.tm_mon += months;
    struct tm same = tm;
    time_t end = timegm(&same);
    if (same.tm_mday != day) { /* ran over into the next month: day 0 of it */
        tm.tm_mon++;
        tm.tm_mday = 0;
        end = timegm(&tm);
    }
    return (struct instant){(int64_t)end * 1000 + from.ms % 1000};
}
