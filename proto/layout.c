#include "proto/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct parts {
    int year, month, day, hour, minute, second, milli;
};

static enum err frigate(const char *camera, const char *path, struct instant *out);
static enum err local_time(const struct parts *parts, struct instant modified, struct instant *out);
static bool parts_valid(const struct parts *parts);
static bool take(const char **at, int digits, int *out);
static bool take_between(const char **at);
static bool find_in_name(const char *name, bool separated, struct parts *out);
static bool read_compact(const char *at, struct parts *out);
static bool read_separated(const char *at, struct parts *out);

enum err layout_start(enum camera_layout layout, const char *camera, const char *path,
                      struct instant modified, struct instant *out) {
    struct parts parts = {0};
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    switch (layout) {
    case LAYOUT_FRIGATE:
        return frigate(camera, path, out);
    case LAYOUT_MEDIAMTX:
        return read_separated(name, &parts) ? local_time(&parts, modified, out) : ERR_USER_TIME;
    case LAYOUT_MOTION:
        return find_in_name(name, false, &parts) ? local_time(&parts, modified, out)
                                                 : ERR_USER_TIME;
    case LAYOUT_PLAIN:
        if (find_in_name(name, true, &parts) || find_in_name(name, false, &parts)) {
            return local_time(&parts, modified, out);
        }
        return ERR_USER_TIME;
    }
    return ERR_USER_TIME;
}

bool layout_enters(enum camera_layout layout, const char *camera, const char *folder) {
    size_t depth = 1;
    const char *last = folder;
    if (layout != LAYOUT_FRIGATE) {
        return true;
    }
    for (const char *at = folder; *at != '\0'; at++) {
        if (*at == '/') {
            depth++;
            last = at + 1;
        }
    }
    return depth < 3 || (depth == 3 && strcmp(last, camera) == 0);
}

static enum err frigate(const char *camera, const char *path, struct instant *out) {
    struct parts parts = {0};
    struct tm back;
    const char *at = path;
    size_t len = strlen(camera);
    if (!take(&at, 4, &parts.year) || *at++ != '-' || !take(&at, 2, &parts.month) || *at++ != '-' ||
        !take(&at, 2, &parts.day) || *at++ != '/' || !take(&at, 2, &parts.hour) || *at++ != '/' ||
        strncmp(at, camera, len) != 0 || at[len] != '/') {
        return ERR_USER_NOT_FOUND;
    }
    at += len + 1;
    if (!take(&at, 2, &parts.minute) || *at++ != '.' || !take(&at, 2, &parts.second) ||
        *at != '.' || !parts_valid(&parts)) {
        return ERR_USER_TIME;
    }
    struct tm tm = {.tm_year = parts.year - 1900,
                    .tm_mon = parts.month - 1,
                    .tm_mday = parts.day,
                    .tm_hour = parts.hour,
                    .tm_min = parts.minute,
                    .tm_sec = parts.second};
    time_t seconds = timegm(&tm);
    if (seconds < 0 || gmtime_r(&seconds, &back) == NULL || back.tm_mday != parts.day) {
        return ERR_USER_TIME; /* the 31st of a shorter month */
    }
    out->ms = (int64_t)seconds * 1000;
    return ERR_OK;
}

static enum err local_time(const struct parts *parts, struct instant modified,
                           struct instant *out) {
    bool found = false;
    struct instant best = {0};
    if (!parts_valid(parts)) {
        return ERR_USER_TIME;
    }
    for (int dst = 0; dst <= 1; dst++) {
        struct tm tm = {.tm_year = parts->year - 1900,
                        .tm_mon = parts->month - 1,
                        .tm_mday = parts->day,
                        .tm_hour = parts->hour,
                        .tm_min = parts->minute,
                        .tm_sec = parts->second,
                        .tm_isdst = dst};
        time_t seconds = mktime(&tm);
        struct tm back;
        struct instant at = {(int64_t)seconds * 1000 + parts->milli};
        if (seconds < 0 || localtime_r(&seconds, &back) == NULL || back.tm_mday != parts->day ||
            back.tm_hour != parts->hour || back.tm_min != parts->minute) {
            continue;
        }
        if (!found || llabs(at.ms - modified.ms) < llabs(best.ms - modified.ms)) {
            best = at;
            found = true;
        }
    }
    *out = found ? best : *out;
    return found ? ERR_OK : ERR_USER_TIME;
}

static bool parts_valid(const struct parts *parts) {
    return parts->year >= 1970 && parts->year <= 9998 && parts->month >= 1 && parts->month <= 12 &&
           parts->day >= 1 && parts->day <= 31 && parts->hour <= 23 && parts->minute <= 59 &&
           parts->second <= 59;
}

static bool take(const char **at, int digits, int *out) {
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    *at += digits;
    *out = value;
    return true;
}

/* Between hours, minutes and seconds. */
static bool take_between(const char **at) {
    bool good = **at == '-' || **at == ':' || **at == '.';
    *at += good ? 1 : 0;
    return good;
}

/* The last place in the name where a date and time stand: what comes first may be a camera's
 * number. */
static bool find_in_name(const char *name, bool separated, struct parts *out) {
    bool found = false;
    for (const char *at = name; *at != '\0'; at++) {
        struct parts parts = {0};
        bool inside = at > name && at[-1] >= '0' && at[-1] <= '9';
        if (!inside && (separated ? read_separated(at, &parts) : read_compact(at, &parts)) &&
            parts_valid(&parts)) {
            *out = parts;
            found = true;
        }
    }
    return found;
}

static bool read_compact(const char *at,
                         struct parts *out) { /* YYYYMMDDHHMMSS, 'T' or '_' between */
    if (!take(&at, 4, &out->year) || !take(&at, 2, &out->month) || !take(&at, 2, &out->day)) {
        return false;
    }
    at += *at == 'T' || *at == '_' || *at == '-' ? 1 : 0;
    return take(&at, 2, &out->hour) && take(&at, 2, &out->minute) && take(&at, 2, &out->second);
}

static bool read_separated(const char *at, struct parts *out) { /* YYYY-MM-DD_HH-MM-SS[-ffffff] */
    if (!take(&at, 4, &out->year) || *at++ != '-' || !take(&at, 2, &out->month) || *at++ != '-' ||
        !take(&at, 2, &out->day) || (*at != '_' && *at != 'T' && *at != ' ')) {
        return false;
    }
    at++;
    if (!take(&at, 2, &out->hour) || !take_between(&at) || !take(&at, 2, &out->minute) ||
        !take_between(&at) || !take(&at, 2, &out->second)) {
        return false;
    }
    if (*at == '-' || *at == '.') {
        const char *fraction = at + 1;
        int milli = 0;
        out->milli = take(&fraction, 3, &milli) ? milli : 0;
    }
    return true;
}
