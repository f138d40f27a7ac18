#include "cli/edit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    MINUTES_MAX = 24 * 60, /* no clip is longer */
    PERCENT_DIGITS = 3,
    CLOCK_AT = sizeof "Sat 28 Nov 2026 " - 1, /* in what instant_local() writes */
    ZONE_AT = CLOCK_AT + sizeof "20:52:47 " - 1,
};

static bool read_moment(const char **text, const struct wish *wish, struct instant *out,
                        bool *twice);
static bool read_number(const char **text, size_t digits, int64_t *out);
static bool clock_moment(const struct wish *wish, const int64_t parts[3], struct instant *out,
                         bool *twice);
static bool clock_at(struct instant day, int days, const int64_t parts[3], int summer,
                     struct instant *out);
static bool to_footage(const struct manifest *manifest, struct instant *from, struct instant *to);
static bool read_point(const char **text, uint32_t *across, uint32_t *down);
static bool read_percent(const char **text, uint32_t *out);
static bool skip_blanks(const char **text);
static void add_text(char out[EDIT_TEXT_MAX], const char *more);

void wish_start(struct wish *wish, const struct manifest *manifest, const struct grant *left) {
    *wish = (struct wish){.from = manifest->from, .to = manifest->to};
    if (left != NULL) {
        wish->from = left->from;
        wish->to = left->to;
        wish->mute = left->edit.audio_removed;
        wish->area_count = left->edit.area_count;
        memcpy(wish->areas, left->edit.areas, sizeof wish->areas);
    }
}

bool wish_equal(const struct wish *a, const struct wish *b) {
    return a->from.ms == b->from.ms && a->to.ms == b->to.ms && a->mute == b->mute &&
           a->area_count == b->area_count &&
           memcmp(a->areas, b->areas, a->area_count * sizeof a->areas[0]) == 0;
}

const char *wish_trim(struct wish *wish, const char *text, const struct manifest *manifest) {
    struct instant from;
    struct instant to;
    bool twice = false;
    if (!read_moment(&text, wish, &from, &twice) || !skip_blanks(&text) ||
        !read_moment(&text, wish, &to, &twice) || *text != '\0') {
        return "say the first and the last moment to keep, as in 't 21:10:05 21:11:40',\n"
               "or counted from the clip's beginning: 't 0:05 1:40'";
    }
    if (twice) {
        return "the clocks go back within this clip, so such a time comes twice: count from its\n"
               "beginning, as in 't 0:05 1:40'";
    }
    if (from.ms < wish->from.ms || to.ms > wish->to.ms) {
        return "that is not within the clip as it is now";
    }
    if (from.ms >= to.ms) {
        return "the first moment has to come before the last";
    }
    if (!to_footage(manifest, &from, &to)) {
        return "there is no footage in these seconds";
    }
    if (to.ms - from.ms < EDIT_SPAN_MIN_MS) {
        return "less than a second would be left";
    }
    wish->from = from;
    wish->to = to;
    return NULL;
}

const char *wish_redact(struct wish *wish, const char *text) {
    struct edit_area area;
    if (!read_point(&text, &area.left, &area.top) || !skip_blanks(&text) ||
        !read_point(&text, &area.right, &area.bottom) || *text != '\0') {
        return "say two corners in percent of the picture, from its left and its top, as in\n"
               "'r 10,20 30,40'; 'p' shows what came of it";
    }
    if (area.left >= area.right || area.top >= area.bottom) {
        return "the upper left corner comes first, then the lower right one";
    }
    if (wish->area_count == EDIT_AREAS_MAX) {
        return "no more areas can be blacked out in one clip";
    }
    wish->areas[wish->area_count++] = area;
    return NULL;
}

const char *wish_mute(struct wish *wish, const char *text, const struct manifest *manifest) {
    if (*text != '\0') {
        return "'m' alone removes the sound";
    }
    if (!manifest->audio || wish->mute) {
        return "there is no sound in it";
    }
    wish->mute = true;
    return NULL;
}

const char *edit_text(const struct wish *wish, const struct manifest *manifest,
                      char out[EDIT_TEXT_MAX]) {
    char from[INSTANT_TEXT_MAX];
    char to[INSTANT_TEXT_MAX];
    char text[64];
    *out = '\0';
    if (wish->from.ms != manifest->from.ms || wish->to.ms != manifest->to.ms) {
        instant_local(wish->from, from);
        instant_local(wish->to, to);
        bool same_zone = strcmp(from + ZONE_AT, to + ZONE_AT) == 0;
        int len = same_zone ? ZONE_AT - 1 - CLOCK_AT : INSTANT_TEXT_MAX;
        (void)snprintf(text, sizeof text, "cut to %.*s-%.*s", len, from + CLOCK_AT, len,
                       to + CLOCK_AT);
        add_text(out, text);
    }
    if (wish->mute) {
        add_text(out, "sound removed");
    }
    if (wish->area_count > 0) {
        (void)snprintf(text, sizeof text, "%zu area%s black", wish->area_count,
                       wish->area_count == 1 ? "" : "s");
        add_text(out, text);
    }
    return out;
}

/* "21:10:05" is by the clock, "0:05" from the beginning of what is there now. */
static bool read_moment(const char **text, const struct wish *wish, struct instant *out,
                        bool *twice) {
    int64_t parts[3] = {0};
    size_t count = 0;
    do {
        *text += count == 0 ? 0 : 1;
        if (!read_number(text, count == 0 ? 4 : 2, &parts[count])) {
            return false;
        }
        count++;
    } while (count < 3 && **text == ':');
    if (count == 3) {
        return parts[0] < 24 && parts[1] < 60 && parts[2] < 60 &&
               clock_moment(wish, parts, out, twice);
    }
    if (count != 2 || parts[0] > MINUTES_MAX || parts[1] >= 60) {
        return false;
    }
    out->ms = wish->from.ms + (parts[0] * 60 + parts[1]) * DURATION_SECOND_MS;
    return true;
}

static bool read_number(const char **text, size_t digits, int64_t *out) {
    size_t len = strspn(*text, "0123456789");
    if (len == 0 || len > digits) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        *out = *out * 10 + ((*text)[i] - '0');
    }
    *text += len;
    return true;
}

/* On the day when the clip begins; or on the next, where it goes on after midnight. In the hour
 * that clocks repeat a time is two moments: the one that lies in the clip is meant, and where both
 * do neither is. False: there is no such time. */
static bool clock_moment(const struct wish *wish, const int64_t parts[3], struct instant *out,
                         bool *twice) {
    bool any = false;
    bool within = false;
    for (int days = 0; days < 2 && !within; days++) {
        for (int summer = 0; summer < 2; summer++) {
            struct instant at = {0};
            if (!clock_at(wish->from, days, parts, summer, &at)) {
                continue;
            }
            bool in = at.ms + DURATION_SECOND_MS > wish->from.ms &&
                      at.ms - DURATION_SECOND_MS < wish->to.ms;
            *twice |= in && within && at.ms != out->ms;
            *out = in || !any ? at : *out;
            within |= in;
            any = true;
        }
    }
    /* What the prompt shows leaves out what lies below a second. */
    if (within && out->ms < wish->from.ms) {
        *out = wish->from;
    }
    if (within && out->ms > wish->to.ms) {
        *out = wish->to;
    }
    return any;
}

/* False where the clocks do not show that then. */
static bool clock_at(struct instant day, int days, const int64_t parts[3], int summer,
                     struct instant *out) {
    time_t start = (time_t)(day.ms / 1000);
    struct tm tm;
    struct tm back;
    if (localtime_r(&start, &tm) == NULL) {
        return false;
    }
    tm.tm_mday += days;
    tm.tm_hour = (int)parts[0];
    tm.tm_min = (int)parts[1];
    tm.tm_sec = (int)parts[2];
    tm.tm_isdst = summer;
    time_t at = mktime(&tm);
    out->ms = (int64_t)at * 1000;
    return localtime_r(&at, &back) != NULL && back.tm_hour == (int)parts[0] &&
           back.tm_min == (int)parts[1] && back.tm_sec == (int)parts[2];
}

/* An end that lies in a gap is moved inwards. False: nothing else is between them. */
static bool to_footage(const struct manifest *manifest, struct instant *from, struct instant *to) {
    struct instant first = INSTANT_NEVER;
    struct instant last = {0};
    for (size_t i = 0; i < manifest->run_count; i++) {
        const struct clip_run *run = &manifest->runs[i];
        struct instant begin = run->from.ms > from->ms ? run->from : *from;
        struct instant end = run->to.ms < to->ms ? run->to : *to;
        if (begin.ms < end.ms) {
            first = begin.ms < first.ms ? begin : first;
            last = end;
        }
    }
    *from = first;
    *to = last;
    return first.ms < last.ms;
}

static bool read_point(const char **text, uint32_t *across, uint32_t *down) {
    if (!read_percent(text, across) || **text != ',') {
        return false;
    }
    (*text)++;
    return read_percent(text, down);
}

/* "12" or "12.5", into thousandths. */
static bool read_percent(const char **text, uint32_t *out) {
    int64_t whole = 0;
    int64_t tenth = 0;
    if (!read_number(text, PERCENT_DIGITS, &whole)) {
        return false;
    }
    if (**text == '.') {
        (*text)++;
        if (!read_number(text, 1, &tenth)) {
            return false;
        }
    }
    *text += **text == '%' ? 1 : 0;
    *out = (uint32_t)(whole * 10 + tenth);
    return *out <= EDIT_SCALE;
}

static bool skip_blanks(const char **text) {
    size_t len = strspn(*text, " ");
    *text += len;
    return len > 0;
}

static void add_text(char out[EDIT_TEXT_MAX], const char *more) {
    size_t len = strlen(out);
    (void)snprintf(out + len, EDIT_TEXT_MAX - len, "%s%s", len == 0 ? "" : ", ", more);
}
