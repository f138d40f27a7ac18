/* Instruments, good and bad (tests/support/instruments.txt), have one outcome at the fence, at the
 * gate of a node, and at the prompt; `stoop process check` has the same one by
 * tests/e2e/instruments_test.py. What no process file can say is refused by the fence too, when
 * somebody writes it on the wire by hand. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "node/request/request.h"
#include "proto/process.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"
#include "tests/support/schema.h"

enum {
    ROWS_MAX = 320,
    ROWS_MIN = 180,
    LINES_MAX = 32,
    CORNERS_MAX = 5000,
    VALUE_ROOM = 256 * 1024,
    PLACE_FIELD = 5, /* of Request */
    FROM_FIELD = 6,
    TO_FIELD = 7,
    INSTRUMENT_FIELD = 9,
};

struct pair {
    char key[32];
    char value[256];
    bool gone;
};

struct row {
    char name[96];
    bool form;
    const struct row *from; /* NULL: itself */
    size_t pair_count;
    struct pair pairs[LINES_MAX];
    char document[8], amends[8], reason[192], time[64], place[512];
    char fails[256], unknown[64], holds[64], verdict[128];
};

struct area {
    uint32_t radius_m;
    size_t count;
    struct geo_point points[CORNERS_MAX];
};

struct outcome { /* bits by index of the rule */
    uint64_t failed, unknown;
};

static struct sample_community community;
static struct charter charter;
static struct member agency;
static struct row rows[ROWS_MAX];
static size_t row_count;
static struct process_reading reading;
static size_t complaints;

/* ---- reading the table ---- */

static void cut(char *to, size_t room, const char *from) {
    size_t len = strcspn(from, "\n");
    CHECK(len < room);
    memcpy(to, from, len);
    to[len] = '\0';
}

static const struct row *row_named(const char *name) {
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].form && strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    fail_msg("no form is called '%s'", name);
    return NULL;
}

static void take_option(struct row *row, const char *line) {
    const struct {
        const char *word;
        char *to;
        size_t room;
    } options[] = {
        {"?document ", row->document, sizeof row->document},
        {"?amends ", row->amends, sizeof row->amends},
        {"?reason ", row->reason, sizeof row->reason},
        {"?time ", row->time, sizeof row->time},
        {"?place ", row->place, sizeof row->place},
        {"?fails ", row->fails, sizeof row->fails},
        {"?unknown ", row->unknown, sizeof row->unknown},
        {"?holds ", row->holds, sizeof row->holds},
        {"?verdict ", row->verdict, sizeof row->verdict},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        size_t len = strlen(options[i].word);
        if (strncmp(line, options[i].word, len) == 0) {
            cut(options[i].to, options[i].room, line + len);
            return;
        }
    }
    char form[96];
    CHECK(strncmp(line, "?from ", 6) == 0);
    cut(form, sizeof form, line + 6);
    row->from = row_named(form);
}

static void start_row(const char *line) {
    CHECK(row_count < ROWS_MAX);
    struct row *row = &rows[row_count];
    row->form = strncmp(line, "[form ", 6) == 0;
    line += row->form ? 6 : 1;
    size_t len = strcspn(line, "]");
    CHECK(len < sizeof row->name);
    memcpy(row->name, line, len);
    row_count++;
}

static void take_line(const char *line) {
    if (line[0] == '\n' || line[0] == '#') {
        return;
    }
    if (line[0] == '[') {
        start_row(line);
        return;
    }
    CHECK(row_count > 0);
    struct row *row = &rows[row_count - 1];
    if (line[0] == '?') {
        take_option(row, line);
        return;
    }
    CHECK(row->pair_count < LINES_MAX);
    struct pair *pair = &row->pairs[row->pair_count++];
    if (line[0] == '-') {
        pair->gone = true;
        cut(pair->key, sizeof pair->key, line + 1);
        return;
    }
    const char *equals = strstr(line, " = ");
    CHECK(equals != NULL && (size_t)(equals - line) < sizeof pair->key);
    memcpy(pair->key, line, (size_t)(equals - line));
    cut(pair->value, sizeof pair->value, equals + 3);
}

static int read_table(void **state) {
    (void)state;
    char line[1024];
    FILE *file = fopen("tests/support/instruments.txt", "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        take_line(line);
    }
    (void)fclose(file);
    sample_community_init(&community);
    sample_charter(&community, &charter);
    charter.has_area = false; /* forms come from everywhere */
    sample_member(&community, SAMPLE_AGENCY, (struct bytes){NULL, 0}, &agency);
    return 0;
}

static int forget_table(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* ---- what its lines stand for ---- */

/* "-2h": milliseconds. */
static int64_t span_of(const char *text, char **end) {
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', DURATION_SECOND_MS},
                 {'m', DURATION_MINUTE_MS},
                 {'h', DURATION_HOUR_MS},
                 {'d', DURATION_DAY_MS}};
    int64_t amount = strtoll(text, end, 10);
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (**end == units[i].unit) {
            ++*end;
            return amount * units[i].ms;
        }
    }
    fail_msg("'%s' has no unit", text);
    return 0;
}

/* "{-2h}" or "{+7d -08:00}" */
static void write_time(const char *text, char out[64]) {
    char *end = NULL;
    int64_t ms = SAMPLE_NOW.ms + span_of(text, &end);
    const char *zone = *end == ' ' ? end + 1 : "Z}";
    int hours = 0;
    int minutes = 0;
    if (*zone != 'Z') {
        CHECK(sscanf(zone + 1, "%2d:%2d", &hours, &minutes) == 2);
    }
    int64_t offset = (hours * INT64_C(60) + minutes) * DURATION_MINUTE_MS;
    time_t seconds = (time_t)((ms + (*zone == '-' ? -offset : offset)) / 1000);
    struct tm tm;
    CHECK(gmtime_r(&seconds, &tm) != NULL);
    size_t len = strftime(out, 64, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, 64 - len, "%.*s", (int)strcspn(zone, "}"), zone);
}

static void put(struct buffer *out, const char *text, size_t len) {
    CHECK_ERR(ERR_OK, buffer_append(out, (struct bytes){(const uint8_t *)text, len}));
}

static void expand(const char *from, size_t len, struct buffer *out) {
    const char *end = from + len;
    while (from < end) {
        if (from[0] == '\\') {
            char byte = (char)strtoul((char[]){from[2], from[3], '\0'}, NULL, 16);
            put(out, &byte, 1);
            from += 4;
        } else if (from[0] == '{' && (from[1] == '+' || from[1] == '-')) {
            char time[64];
            write_time(from + 1, time);
            put(out, time, strlen(time));
            from = strchr(from, '}') + 1;
        } else if (from[0] == '{') {
            char *what = NULL;
            long times = strtol(from + 1, &what, 10);
            const char *close = strchr(from, '}');
            for (long i = 0; i < times; i++) {
                expand(what + 1, (size_t)(close - what) - 1, out);
            }
            from = close + 1;
        } else {
            put(out, from++, 1);
        }
    }
}

static const struct pair *pair_of(const struct row *row, const char *key) {
    for (size_t i = 0; i < row->pair_count; i++) {
        if (strcmp(row->pairs[i].key, key) == 0) {
            return &row->pairs[i];
        }
    }
    return NULL;
}

static void put_pair(const struct pair *pair, struct buffer *out) {
    put(out, pair->key, strlen(pair->key));
    put(out, " = ", 3);
    expand(pair->value, strlen(pair->value), out);
    put(out, "\n", 1);
}

static void write_file(const struct row *row, struct buffer *out) {
    const struct row *form = row->from == NULL ? row : row->from;
    for (size_t i = 0; i < form->pair_count; i++) {
        const struct pair *own = row->from == NULL ? NULL : pair_of(row, form->pairs[i].key);
        if (own == NULL || !own->gone) {
            put_pair(own == NULL ? &form->pairs[i] : own, out);
        }
    }
    for (size_t i = 0; row->from != NULL && i < row->pair_count; i++) {
        if (pair_of(form, row->pairs[i].key) == NULL) {
            put_pair(&row->pairs[i], out);
        }
    }
}

static struct geo_point point_of(const char *text, char **end) {
    double lat = strtod(text, end);
    CHECK(**end == ',');
    double lon = strtod(*end + 1, end);
    return (struct geo_point){(int32_t)lround(lat * 1e7), (int32_t)lround(lon * 1e7)};
}

static void read_area(const char *text, struct area *out) {
    char *end = NULL;
    *out = (struct area){.radius_m = 60, .count = 1, .points = {{525201000, 134051000}}};
    if (strncmp(text, "circle ", 7) == 0) {
        out->radius_m = (uint32_t)strtoul(text + 7, &end, 10);
        out->points[0] = point_of(end, &end);
    } else if (strncmp(text, "polygon ", 8) == 0) {
        out->radius_m = 0;
        out->count = 0;
        end = (char *)text + 8;
        for (; *end != '\0'; end += *end == ' ' ? 1 : 0) {
            out->points[out->count++] = point_of(end, &end);
        }
    } else if (strncmp(text, "ring ", 5) == 0) {
        out->radius_m = 0;
        out->count = strtoul(text + 5, &end, 10);
        double radius = strtod(end, &end) * 1e7;
        struct geo_point at = point_of(end, &end);
        CHECK(out->count <= CORNERS_MAX);
        for (size_t i = 0; i < out->count; i++) {
            double angle = 2 * 3.14159265358979 * (double)i / (double)out->count;
            out->points[i] = (struct geo_point){at.lat + (int32_t)lround(radius * cos(angle)),
                                                at.lon + (int32_t)lround(radius * sin(angle))};
        }
    } else {
        CHECK(*text == '\0');
    }
}

/* The request as its sender would sign it, but for what does not fit a struct. */
static void fill_request(const struct row *row, const struct area *area, struct request *out) {
    char *end = NULL;
    sample_request(&community, out);
    out->instrument = reading.instrument;
    out->document.present =
        out->instrument.kind <= INSTRUMENT_SUBPOENA && strcmp(row->document, "no") != 0;
    out->amends.b[0] = strcmp(row->amends, "yes") == 0 ? 1 : 0;
    if (row->reason[0] != '\0') {
        SCOPED(buffer_finish) struct buffer text = {.max = sizeof out->reason};
        expand(row->reason, strlen(row->reason), &text);
        (void)snprintf(out->reason, sizeof out->reason, "%.*s", (int)text.len,
                       (const char *)text.at);
    }
    if (row->time[0] != '\0') {
        out->from.ms = SAMPLE_NOW.ms + span_of(row->time, &end);
        out->to.ms = SAMPLE_NOW.ms + span_of(end + 1, &end);
    }
    out->place = (struct geo_place){.radius_m = area->radius_m, .count = area->count};
    for (size_t i = 0; i < area->count && i < GEO_POINTS_MAX; i++) {
        out->place.points[i] = area->points[i];
    }
}

/* ---- the wire, by hand ---- */

static uint64_t zigzag(int32_t value) {
    return value < 0 ? (uint64_t)(-(int64_t)value) * 2 - 1 : (uint64_t)value * 2;
}

static void number_unless_zero(struct buffer *out, uint32_t number, uint64_t value) {
    if (value != 0) {
        wire_number(out, number, value);
    }
}

static void wire_place(const struct area *area, struct buffer *out) {
    number_unless_zero(out, 1, area->radius_m);
    for (size_t i = 0; i < area->count; i++) {
        SCOPED(buffer_finish) struct buffer point = {.max = 64};
        number_unless_zero(&point, 1, zigzag(area->points[i].lat));
        number_unless_zero(&point, 2, zigzag(area->points[i].lon));
        wire_run(out, 2, buffer_bytes(&point));
    }
}

static uint32_t wire_number_of(const char *key) {
    static const struct {
        const char *key;
        uint32_t number;
    } texts[] = {{"jurisdiction", 2},     {"court", 3},   {"case", 4},
                 {"statute", 5},          {"offence", 6}, {"applicant_name", 7},
                 {"applicant_agency", 8}, {"items", 14}};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (strcmp(texts[i].key, key) == 0) {
            return texts[i].number;
        }
    }
    return 0;
}

/* `good` with one text of its instrument replaced. */
static void forge_text(struct bytes good, uint32_t number, struct bytes text, struct buffer *out) {
    static struct wire_field fields[WIRE_FIELDS_MAX];
    size_t count = wire_split(good, fields);
    for (size_t i = 0; i < count; i++) {
        struct bytes run = {good.at + fields[i].value, fields[i].end - fields[i].value};
        if (number != 0 && fields[i].number == INSTRUMENT_FIELD) {
            SCOPED(buffer_finish) struct buffer inner = {.max = WIRE_ROOM};
            static struct wire_field within[WIRE_FIELDS_MAX];
            size_t inside = wire_split(run, within);
            for (size_t k = 0; k < inside; k++) {
                if (within[k].number == number) {
                    wire_run(&inner, number, text);
                } else {
                    wire_raw(&inner, (struct bytes){run.at + within[k].start,
                                                    within[k].end - within[k].start});
                }
            }
            wire_run(out, INSTRUMENT_FIELD, buffer_bytes(&inner));
        } else {
            wire_raw(out,
                     (struct bytes){good.at + fields[i].start, fields[i].end - fields[i].start});
        }
    }
}

/* `good` with another place and other times, which no struct need be able to hold. */
static void forge_place(struct bytes good, const struct area *area, const struct request *request,
                        struct buffer *out) {
    static struct wire_field fields[WIRE_FIELDS_MAX];
    size_t count = wire_split(good, fields);
    for (size_t i = 0; i < count; i++) {
        SCOPED(buffer_finish) struct buffer place = {.max = WIRE_ROOM};
        switch (fields[i].number) {
        case PLACE_FIELD:
            wire_place(area, &place);
            wire_run(out, PLACE_FIELD, buffer_bytes(&place));
            break;
        case FROM_FIELD:
            wire_number(out, FROM_FIELD, (uint64_t)request->from.ms);
            break;
        case TO_FIELD:
            wire_number(out, TO_FIELD, (uint64_t)request->to.ms);
            break;
        default:
            wire_raw(out,
                     (struct bytes){good.at + fields[i].start, fields[i].end - fields[i].start});
        }
    }
}

static void encode_sample(struct buffer *out) {
    struct request request;
    sample_request(&community, &request);
    CHECK_ERR(ERR_OK, request_encode(&request, out));
}

/* ---- outcomes ---- */

static uint64_t rules_in(const char *ids) {
    uint64_t found = 0;
    for (size_t i = 0; i < legal_rule_count(); i++) {
        found |= strstr(ids, legal_rule_at(i)->id) != NULL ? UINT64_C(1) << i : 0;
    }
    CHECK((size_t)__builtin_popcountll(found) == (strlen(ids) + 1) / sizeof "LP-00");
    return found;
}

static struct outcome expected_of(const struct row *row) {
    struct outcome out = {rules_in(row->fails), rules_in(row->unknown)};
    if (row->from != NULL) {
        out.failed |= rules_in(row->from->fails) & ~rules_in(row->holds);
        out.unknown |= rules_in(row->from->unknown) & ~rules_in(row->holds);
        out.unknown &= ~(rules_in(row->fails) | rules_in(row->holds)) | rules_in(row->unknown);
    }
    return out;
}

/* Those that keep a request from a person, whatever the time. */
static uint64_t lasting(uint64_t failed) {
    for (size_t i = 0; i < legal_rule_count(); i++) {
        failed &= legal_rule_at(i)->severity == LEGAL_REFUSE ? UINT64_MAX : ~(UINT64_C(1) << i);
    }
    return failed;
}

static const char *verdict_text(enum err err, size_t rule, char out[32]) {
    const char *word = err == ERR_PEER_RULE   ? "refused"
                       : err == ERR_DENY_TIME ? "timed"
                       : err == ERR_DENY_CAP  ? "capped"
                       : err == ERR_OK        ? ""
                                              : err_name(err);
    (void)snprintf(out, 32, "%s%s%s", word, err == ERR_OK ? "" : " ",
                   err == ERR_OK ? "" : legal_rule_at(rule)->id);
    return out;
}

/* All of them at once: a changed rule shows all that it changes. */
PRINTF_LIKE(1, 2) static void complain(const char *format, ...) {
    va_list more;
    va_start(more, format);
    (void)vfprintf(stderr, format, more);
    (void)fputs("\n", stderr);
    va_end(more);
    complaints++;
}

static void expect_verdict(const struct row *row, const char *where, enum err err, size_t rule) {
    char text[32];
    if (strcmp(verdict_text(err, rule, text), row->verdict) != 0) {
        complain("%s: '%s' %s, not '%s'", row->name, text, where, row->verdict);
    }
}

static void expect_outcomes(const struct row *row, const struct legal_report *report) {
    struct outcome expected = expected_of(row);
    for (size_t i = 0; i < report->count; i++) {
        bool failed = (expected.failed >> i & 1) != 0;
        bool unknown = (expected.unknown >> i & 1) != 0;
        if ((report->outcomes[i] == LEGAL_FAILED) != failed ||
            (report->outcomes[i] == LEGAL_UNKNOWN) != unknown) {
            complain("%s: %s came out as %d", row->name, legal_rule_at(i)->id, report->outcomes[i]);
        }
    }
}

/* Signed by its sender, decoded, judged as it comes in, shown. */
static void try_taken(const struct row *row, const struct area *area) {
    static struct request request;
    static struct request decoded;
    static struct checked_request asked; /* large */
    struct legal_report report;
    struct requests *requests = requests_create();
    const struct id id = {{77}};
    size_t rule = 0;
    SCOPED(buffer_finish) struct buffer bytes = {.max = WIRE_ROOM};
    SCOPED(buffer_finish) struct buffer forged = {.max = WIRE_ROOM};
    fill_request(row, area, &request);
    CHECK_ERR(ERR_OK, request_encode(&request, &bytes));
    forge_place(buffer_bytes(&bytes), area, &request, &forged);
    CHECK(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&forged))); /* what forging has to match */
    CHECK_ERR(ERR_OK, request_decode(buffer_bytes(&bytes), &decoded));

    const struct asker asker = {.role = agency.role,
                                .account = decoded.head.author,
                                .instruments = INSTRUMENTS_ALL,
                                .live_requests = charter.caps.live_requests};
    enum err err =
        requests_judge(requests, &id, &decoded, &asker, &charter, false, SAMPLE_NOW, &rule);
    expect_verdict(row, "at the gate", err, rule);

    bool here = decoded.document.present && strcmp(row->document, "away") != 0;
    asked = (struct checked_request){
        .request = decoded, .charter = charter, .asker = asker, .document_here = here};
    checked_law(&asked, SAMPLE_NOW, &report);
    expect_outcomes(row, &report);
    expect_verdict(row, "at the prompt", legal_verdict(&report, &rule), rule);
    bool shown = checked_verdict(&asked, SAMPLE_NOW, &rule) == ERR_OK;
    if (shown != (lasting(expected_of(row).failed) == 0)) {
        complain("%s: %s", row->name, shown ? "shown" : "not shown");
    }
    requests_destroy(requests);
}

static void try_malformed(const struct row *row, const struct area *area) {
    static struct request request;
    static struct request decoded;
    SCOPED(buffer_finish) struct buffer good = {.max = WIRE_ROOM};
    SCOPED(buffer_finish) struct buffer bytes = {.max = WIRE_ROOM};
    fill_request(row, area, &request);
    if (area->count <= GEO_POINTS_MAX && request_encode(&request, &bytes) == ERR_OK) {
        complain("%s: is sent", row->name);
    }
    encode_sample(&good);
    forge_place(buffer_bytes(&good), area, &request, &bytes);
    if (request_decode(buffer_bytes(&bytes), &decoded) == ERR_OK) {
        complain("%s: passes the fence", row->name);
    }
}

/* The file has exactly those faults; a text among them does not pass the fence either. */
static void try_unreadable(const struct row *row, enum err err) {
    char keys[128] = "unreadable";
    CHECK_ERR(ERR_USER_SYNTAX, err);
    for (size_t i = 0; i < row->pair_count; i++) {
        const char *key = row->pairs[i].key;
        const struct process_key *of = process_key_of(&reading, key);
        if (of == NULL || !of->bad) {
            continue;
        }
        (void)snprintf(keys + strlen(keys), sizeof keys - strlen(keys), " %s", key);
        uint32_t number = wire_number_of(key);
        if (number == 0) {
            continue;
        }
        static struct request decoded;
        SCOPED(buffer_finish) struct buffer good = {.max = WIRE_ROOM};
        SCOPED(buffer_finish) struct buffer same = {.max = WIRE_ROOM};
        SCOPED(buffer_finish) struct buffer forged = {.max = WIRE_ROOM};
        SCOPED(buffer_finish) struct buffer text = {.max = VALUE_ROOM};
        expand(row->pairs[i].value, strlen(row->pairs[i].value), &text);
        encode_sample(&good);
        forge_text(buffer_bytes(&good), number, BYTES_TEXT("plain"), &same);
        CHECK_ERR(ERR_OK, request_decode(buffer_bytes(&same), &decoded));
        forge_text(buffer_bytes(&good), number, buffer_bytes(&text), &forged);
        if (request_decode(buffer_bytes(&forged), &decoded) == ERR_OK) {
            complain("%s: passes the fence", row->name);
        }
    }
    if (strcmp(keys, row->verdict) != 0) {
        complain("%s: %s", row->name, keys);
    }
}

static void test_each_instrument_has_one_outcome_everywhere(void **state) {
    (void)state;
    static struct area area;
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        SCOPED(buffer_finish) struct buffer file = {.max = VALUE_ROOM};
        CHECK(row->form == (row->from == NULL));
        write_file(row, &file);
        enum err err = process_read(buffer_bytes(&file), &reading);
        read_area(row->place, &area);
        if (strncmp(row->verdict, "unreadable ", 11) == 0) {
            try_unreadable(row, err);
            continue;
        }
        if (err != ERR_OK) {
            complain("%s:%zu: %s", row->name, reading.errors.list[0].line,
                     reading.errors.list[0].text);
            continue;
        }
        if (strcmp(row->verdict, "malformed") == 0) {
            try_malformed(row, &area);
        } else {
            try_taken(row, &area);
        }
    }
    CHECK(complaints == 0);
}

static void test_the_table_is_whole(void **state) {
    (void)state;
    uint64_t alone = 0;
    uint64_t open = 0;
    size_t pairs = 0;
    for (size_t i = 0; i < row_count; i++) {
        uint64_t failed = rules_in(rows[i].fails);
        alone |= __builtin_popcountll(failed) == 1 ? failed : 0;
        pairs += __builtin_popcountll(failed) == 2 ? 1 : 0;
        open |= rules_in(rows[i].unknown);
    }
    CHECK(row_count >= ROWS_MIN);
    CHECK(pairs >= 15);
    for (size_t i = 0; i < legal_rule_count(); i++) {
        bool of_asker = strcmp(legal_rule_at(i)->id, "LP-35") == 0; /* by whoever asks with it */
        if (((alone | open) >> i & 1) == 0 && !of_asker) {
            fail_msg("no instrument breaks %s alone, or leaves it open", legal_rule_at(i)->id);
        }
    }
}

/* A place beyond the service area, and clips that would be kept too long, at the gate of a node, at
 * the prompt and before `stoop request` sends. `lets`: a treaty does, so
 * that it may be asked of another community. */
struct local {
    const char *name;
    struct geo_point at;
    enum member_role role;
    bool treaty;
    int64_t kept_days;
    enum err verdict;
};

static void judge_everywhere(const struct local *local, const struct governance *governance) {
    static struct request request;
    static struct checked_request asked;
    const struct id id = {{78}};
    struct legal_report report;
    struct requests *requests = requests_create();
    size_t rules[3] = {0};
    sample_request(&community, &request);
    request.place.points[0] = local->at;
    request.terms.delete_by.ms = request.head.created.ms + local->kept_days * DURATION_DAY_MS;
    const struct asker asker = {.role = local->role,
                                .account = request.head.author,
                                .instruments = INSTRUMENTS_ALL,
                                .live_requests = charter.caps.live_requests};
    bool elsewhere = treaties_let(governance, &request, local->role, SAMPLE_NOW);
    CHECK_ERR(local->verdict, requests_judge(requests, &id, &request, &asker, &governance->charter,
                                             elsewhere, SAMPLE_NOW, &rules[0]));
    asked = (struct checked_request){
        .request = request,
        .charter = governance->charter,
        .asker = asker,
        .elsewhere = treaties_let_once(governance, &request, local->role, SAMPLE_NOW)};
    CHECK_ERR(local->verdict, checked_verdict(&asked, SAMPLE_NOW, &rules[1]));
    const struct seal_outcome seal = {.checked = false};
    const struct drafted draft = {.request = &request,
                                  .governance = governance,
                                  .role = local->role,
                                  .instruments = INSTRUMENTS_ALL,
                                  .seal = &seal};
    CHECK_ERR(local->verdict, drafted_law(&draft, SAMPLE_NOW, &report, &rules[2]));
    CHECK(rules[0] == rules[1] && rules[1] == rules[2]);
    CHECK(local->verdict != ERR_DENY_CAP || strcmp(legal_rule_at(rules[0])->id, "LP-17") == 0);
    requests_destroy(requests);
}

static void test_the_service_area_and_the_longest_keeping_count_everywhere(void **state) {
    (void)state;
    static struct sample_treaty treaty;
    static struct governance alone;
    static struct governance agreed;
    sample_treaty_init(&community, &treaty);
    sample_governance(&community, &alone);
    sample_agreed(&community, &treaty, &agreed);
    const struct geo_point here = community.area.points[0];
    const struct geo_point there = treaty.far.area.points[0];
    const struct geo_point nowhere = {here.lat - 10000000, here.lon};
    const struct local table[] = {
        {"here", here, MEMBER_REQUESTER, false, 30, ERR_OK},
        {"nowhere", nowhere, MEMBER_REQUESTER, false, 30, ERR_DENY_CAP},
        {"nowhere, with a treaty", nowhere, MEMBER_REQUESTER, true, 30, ERR_DENY_CAP},
        {"there", there, MEMBER_REQUESTER, false, 30, ERR_DENY_CAP},
        {"there, by treaty", there, MEMBER_REQUESTER, true, 30, ERR_OK},
        {"there, by one whom it does not let", there, MEMBER_HOME, true, 30, ERR_DENY_CAP},
        {"as long as may be", here, MEMBER_REQUESTER, false, 90, ERR_OK},
        {"a day longer", here, MEMBER_REQUESTER, false, 91, ERR_DENY_CHARTER},
        {"both", nowhere, MEMBER_REQUESTER, false, 91, ERR_DENY_CHARTER},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        print_message("%s\n", table[i].name);
        judge_everywhere(&table[i], table[i].treaty ? &agreed : &alone);
    }
    sample_treaty_finish(&treaty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_service_area_and_the_longest_keeping_count_everywhere),
        cmocka_unit_test(test_each_instrument_has_one_outcome_everywhere),
        cmocka_unit_test(test_the_table_is_whole),
    };
    return cmocka_run_group_tests(tests, read_table, forget_table);
}
