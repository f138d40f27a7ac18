#include "node/base/instant.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct civil {
    int year, month, day, hour, minute, second, milli;
};

static bool read_digits(const char **text, int count, int *out);
static bool read_fraction(const char **text, int *milli);
static bool read_civil(const char **text, struct civil *out);
static bool civil_is_real(const struct civil *civil);
static int64_t civil_to_utc_ms(const struct civil *civil);
static enum err civil_local_ms(const struct civil *civil, int64_t *out);
static bool read_zone(const char *text, int64_t *offset_ms);

bool instant_reached(struct instant now, struct instant deadline) {
    return now.ms >= deadline.ms;
}

struct instant instant_add(struct instant at, struct duration by) {
    if (by.ms > 0 && at.ms > INT64_MAX - by.ms) {
        return INSTANT_NEVER;
    }
    return (struct instant){at.ms + by.ms};
}

bool tick_reached(struct tick now, struct tick deadline) {
    return now.ms >= deadline.ms;
}

struct tick tick_add(struct tick at, struct duration by) {
    if (by.ms > 0 && at.ms > INT64_MAX - by.ms) {
        return TICK_NEVER;
    }
    return (struct tick){at.ms + by.ms};
}

struct tick tick_earliest(struct tick a, struct tick b) {
    return a.ms <= b.ms ? a : b;
}

void instant_utc(struct instant at, char text[INSTANT_TEXT_MAX]) {
    int64_t milli = at.ms % 1000;
    time_t seconds = (time_t)(at.ms / 1000);
    if (milli < 0) {
        milli += 1000;
        seconds--;
    }
    struct tm tm;
    if (at.ms > INSTANT_MAX_MS || gmtime_r(&seconds, &tm) == NULL) {
        (void)snprintf(text, INSTANT_TEXT_MAX, "never");
        return;
    }
    size_t len = strftime(text, INSTANT_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (milli == 0) {
        (void)snprintf(text + len, INSTANT_TEXT_MAX - len, "Z");
    } else {
        (void)snprintf(text + len, INSTANT_TEXT_MAX - len, ".%03dZ", (int)milli);
    }
}

void instant_local(struct instant at, char text[INSTANT_TEXT_MAX]) {
    time_t seconds = (time_t)(at.ms / 1000);
    struct tm tm;
    if (at.ms > INSTANT_MAX_MS || localtime_r(&seconds, &tm) == NULL ||
        strftime(text, INSTANT_TEXT_MAX, "%a %d %b %Y %H:%M:%S %Z", &tm) == 0) {
        (void)snprintf(text, INSTANT_TEXT_MAX, "never");
    }
}

enum err instant_parse(const char *text, struct instant *out) {
    struct civil civil = {0};
    if (!read_civil(&text, &civil)) {
        return ERR_USER_SYNTAX;
    }
    int64_t zone_ms = 0;
    bool local = *text == '\0';
    if (!local && !read_zone(text, &zone_ms)) {
        return ERR_USER_SYNTAX;
    }
    if (!civil_is_real(&civil)) {
        return ERR_USER_TIME;
    }
    int64_t ms = 0;
    if (local) {
        enum err err = civil_local_ms(&civil, &ms);
        if (err != ERR_OK) {
            return err;
        }
    } else {
        ms = civil_to_utc_ms(&civil) - zone_ms;
    }
    if (ms < 0 || ms > INSTANT_MAX_MS) {
        return ERR_USER_TIME;
    }
    out->ms = ms;
    return ERR_OK;
}

static bool read_digits(const char **text, int count, int *out) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *text += count;
    *out = value;
    return true;
}

static bool read_fraction(const char **text, int *milli) {
    if (**text != '.') {
        return true;
    }
    (*text)++;
    int digits = 0;
    int value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++, digits++) {
        if (digits < 3) { /* what is finer than a millisecond is cut off */
            value = value * 10 + (**text - '0');
        }
        if (digits == 9) {
            return false;
        }
    }
    for (int i = digits; i < 3; i++) {
        value *= 10;
    }
    *milli = value;
    return digits > 0;
}

static bool read_civil(const char **text, struct civil *out) {
    if (!read_digits(text, 4, &out->year) || *(*text)++ != '-' ||
        !read_digits(text, 2, &out->month) || *(*text)++ != '-' ||
        !read_digits(text, 2, &out->day)) {
        return false;
    }
    if (**text != 'T' && **text != 't' && **text != ' ') {
        return false;
    }
    (*text)++;
    if (!read_digits(text, 2, &out->hour) || *(*text)++ != ':' ||
        !read_digits(text, 2, &out->minute)) {
        return false;
    }
    if (**text != ':') {
        return true;
    }
    (*text)++;
    return read_digits(text, 2, &out->second) && read_fraction(text, &out->milli);
}

static bool civil_is_real(const struct civil *civil) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (civil->month < 1 || civil->month > 12 || civil->day < 1) {
        return false;
    }
    bool leap = (civil->year % 4 == 0 && civil->year % 100 != 0) || civil->year % 400 == 0;
    int last = days[civil->month - 1] + (leap && civil->month == 2 ? 1 : 0);
    return civil->day <= last && civil->hour <= 23 && civil->minute <= 59 && civil->second <= 59;
}

static int64_t civil_to_utc_ms(const struct civil *civil) {
    struct tm tm = {.tm_year = civil->year - 1900,
                    .tm_mon = civil->month - 1,
                    .tm_mday = civil->day,
                    .tm_hour = civil->hour,
                    .tm_min = civil->minute,
                    .tm_sec = civil->second};
    return (int64_t)timegm(&tm) * 1000 + civil->milli;
}

/* A local time names no instant, one, or two. It is tried under both readings of daylight saving:
 * what does not come back as it was written does not exist, and two different answers are
 * ambiguous. */
static enum err civil_local_ms(const struct civil *civil, int64_t *out) {
    time_t found[2];
    size_t count = 0;
    for (int dst = 0; dst <= 1; dst++) {
        struct tm tm = {.tm_year = civil->year - 1900,
                        .tm_mon = civil->month - 1,
                        .tm_mday = civil->day,
                        .tm_hour = civil->hour,
                        .tm_min = civil->minute,
                        .tm_sec = civil->second,
                        .tm_isdst = dst};
        time_t at = mktime(&tm);
        struct tm back;
        if (localtime_r(&at, &back) == NULL || back.tm_hour != civil->hour ||
            back.tm_min != civil->minute || back.tm_mday != civil->day) {
            continue;
        }
        if (count == 0 || found[0] != at) {
            found[count++] = at;
        }
    }
    if (count != 1) {
        return ERR_USER_TIME;
    }
    *out = (int64_t)found[0] * 1000 + civil->milli;
    return ERR_OK;
}

static bool read_zone(const char *text, int64_t *offset_ms) {
    if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
        *offset_ms = 0;
        return true;
    }
    if (text[0] != '+' && text[0] != '-') {
        return false;
    }
    int sign = text[0] == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    text++;
    if (!read_digits(&text, 2, &hours) || *text++ != ':' || !read_digits(&text, 2, &minutes) ||
        *text != '\0' || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_ms = sign * ((int64_t)hours * DURATION_HOUR_MS + (int64_t)minutes * DURATION_MINUTE_MS);
    return true;
}
