/* Points and lengths of time.
 *
 * struct instant  wall time, milliseconds since 1970-01-01T00:00:00Z. Expiry of requests, prompts
 * and grants, which must hold over a restart. struct tick     this process's monotonic clock,
 * milliseconds. Timers, keep-alives, back-off. struct duration milliseconds.
 *
 * The types differ so that one is never compared with the other. */
#ifndef NODE_BASE_INSTANT_H
#define NODE_BASE_INSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/base/err.h"

struct instant {
    int64_t ms;
};

struct tick {
    int64_t ms;
};

struct duration {
    int64_t ms;
};

/* Both clocks at one moment: what every step is handed. */
struct now {
    struct instant wall;
    struct tick mono;
};

/* Years 1970 to 9999: what RFC 3339 can write and a person can mean. */
#define INSTANT_MAX_MS INT64_C(253402300799999)
#define INSTANT_NEVER ((struct instant){INT64_MAX})
#define TICK_NEVER ((struct tick){INT64_MAX})

enum {
    DURATION_SECOND_MS = 1000,
    DURATION_MINUTE_MS = 60 * 1000,
    DURATION_HOUR_MS = 3600 * 1000,
    DURATION_DAY_MS = 86400 * 1000,
    INSTANT_TEXT_MAX = 40, /* room for any text that this module writes, NUL included */
};

bool instant_reached(struct instant now, struct instant deadline); /* now >= deadline */
struct instant instant_add(struct instant at, struct duration by); /* saturates at INSTANT_NEVER */
bool tick_reached(struct tick now, struct tick deadline);
struct tick tick_add(struct tick at, struct duration by); /* saturates at TICK_NEVER */
struct tick tick_earliest(struct tick a, struct tick b);

/* RFC 3339 in UTC, "2026-11-24T21:10:00Z"; milliseconds are written only where there are any. */
void instant_utc(struct instant at, char text[INSTANT_TEXT_MAX]);

/* In the process's time zone: "Tue 24 Nov 2026 21:10:00 CET". */
void instant_local(struct instant at, char text[INSTANT_TEXT_MAX]);

/* Reads RFC 3339 ("2026-11-24T21:10:00Z", "...+01:00", fraction up to ms, 'T' or a space) or local
 * time without zone ("2026-11-24 21:10" with or without seconds) in the process's time zone.
 *
 * ERR_USER_SYNTAX  not a time
 * ERR_USER_TIME    a local time that the change of clocks skips or doubles, a leap second, or a
 * year outside 1970-9999 */
MUST_USE enum err instant_parse(const char *text, struct instant *out);

#endif
