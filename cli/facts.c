#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
    CLOCK_AT = sizeof "Sat 28 Nov 2026 " - 1, /* in what instant_local() writes */
    ZONE_AT = CLOCK_AT + sizeof "20:52:47 " - 1,
    LABEL_COLUMNS = 14,
    COLUMNS_MAX = 16, /* of a table */
    GAP = 2,          /* between two of them */
};

struct cell {
    size_t item; /* from 1; 0 for an object */
    const char *label;
    char *value;
    char *brief; /* for tables; NULL: the value */
    bool whole;  /* on a line of its own */
};

struct facts {
    bool json;
    bool list;
    json_t *root;
    json_t *item;
    json_t *values; /* of a list inside an item, for JSON only */
    json_t *outer;  /* the item whose object or items are under way; NULL: none are */
    json_t *inner;  /* those items */
    size_t items;
    size_t cell_count, cell_room;
    struct cell *cells;
};

static bool came; /* facts were printed: stdout holds one document */

static void step_out(struct facts *facts);
static void put(const struct facts *facts, const char *key, json_t *value);
static void add(struct facts *facts, const char *label, const char *value, const char *brief);
static void print_cell(const struct cell *cell);
static bool print_table(const struct facts *facts);
static size_t find_column(const char *const *labels, size_t count, const char *label);
static const char *table_text(const struct cell *cell);
static size_t columns_of(const char *text);
static void print_padded(const char *text, size_t width, bool last);

struct facts *facts_start(const struct cli *cli, bool list) {
    static struct facts facts;
    facts = (struct facts){.json = cli->json, .list = list};
    if (facts.json) {
        facts.root = list ? json_array() : json_object();
        facts.item = list ? NULL : facts.root;
    }
    return &facts;
}

void facts_item(struct facts *facts) {
    facts->items++;
    if (facts->json) {
        facts->item = json_object();
        (void)json_array_append_new(facts->outer == NULL ? facts->root : facts->inner, facts->item);
    }
}

void facts_object(struct facts *facts, const char *key) {
    step_out(facts);
    if (facts->json && key != NULL) {
        json_t *object = json_object();
        put(facts, key, object);
        facts->outer = facts->item;
        facts->item = object;
    }
}

void facts_items(struct facts *facts, const char *key) {
    step_out(facts);
    if (facts->json && key != NULL) {
        facts->inner = json_array();
        put(facts, key, facts->inner);
        facts->outer = facts->item;
    }
}

void facts_list(struct facts *facts, const char *key) {
    if (facts->json && key != NULL) {
        facts->values = json_array();
        put(facts, key, facts->values);
    } else {
        facts->values = NULL;
    }
}

void facts_text(struct facts *facts, const char *key, const char *label, const char *value) {
    char safe[SAFE_MAX];
    if (facts->values != NULL) {
        (void)json_array_append_new(facts->values, json_string(value));
    } else if (facts->json) {
        put(facts, key, json_string(value));
    } else {
        add(facts, label, safe_text(value, 1000, safe), NULL);
    }
}

void facts_cut(struct facts *facts, const char *key, const char *label, const char *value,
               size_t columns) {
    char safe[SAFE_MAX];
    char brief[SAFE_MAX];
    if (facts->json) {
        put(facts, key, json_string(value));
    } else {
        add(facts, label, safe_text(value, 1000, safe), safe_text(value, columns, brief));
    }
}

void facts_whole(struct facts *facts, const char *key, const char *label, const char *value) {
    size_t count = facts->cell_count;
    facts_text(facts, key, label, value);
    if (facts->cell_count > count) {
        facts->cells[count].whole = true;
    }
}

void facts_number(struct facts *facts, const char *key, const char *label, int64_t value) {
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    facts_shown(facts, key, label, value, text);
}

void facts_shown(struct facts *facts, const char *key, const char *label, int64_t value,
                 const char *text) {
    if (facts->json) {
        put(facts, key, json_integer(value));
    } else {
        add(facts, label, text, NULL);
    }
}

void facts_flag(struct facts *facts, const char *key, bool value) {
    if (facts->json) {
        put(facts, key, json_boolean(value));
    }
}

void facts_time(struct facts *facts, const char *key, const char *label, struct instant at) {
    char utc[INSTANT_TEXT_MAX];
    char local[INSTANT_TEXT_MAX];
    char both[TIME_TEXT_MAX];
    instant_utc(at, utc);
    instant_local(at, local);
    time_text(at, both);
    if (facts->json) {
        put(facts, key, json_string(utc));
    } else {
        add(facts, label, both, local);
    }
}

void day_text(struct instant at, char out[DAY_BYTES]) {
    char utc[INSTANT_TEXT_MAX];
    instant_utc(at, utc);
    (void)snprintf(out, DAY_BYTES, "%.10s", utc);
}

void facts_bytes(struct facts *facts, const char *key, const char *label, struct bytes value) {
    char hex[2 * 64 + 1] = "";
    if (value.len <= 64) {
        hex_write(value, hex);
    }
    facts_text(facts, key, label, hex);
}

void facts_end(struct facts *facts) {
    size_t before = 0;
    came = true;
    if (facts->json) {
        (void)json_dumpf(facts->root, stdout, JSON_INDENT(2));
        (void)puts("");
        json_decref(facts->root);
        return;
    }
    if (!facts->list || !print_table(facts)) {
        for (size_t i = 0; i < facts->cell_count; i++) {
            const struct cell *cell = &facts->cells[i];
            (void)fputs(i > 0 && cell->item != before ? "\n" : "", stdout);
            print_cell(cell);
            before = cell->item;
        }
    }
    for (size_t i = 0; i < facts->cell_count; i++) {
        free(facts->cells[i].value);
        free(facts->cells[i].brief);
    }
    free(facts->cells);
}

/* On a terminal, on as many lines as it takes: what others wrote never begins where a label would.
 */
static void print_cell(const struct cell *cell) {
    const char *label = cell->label;
    const char *value = cell->value;
    size_t width = term_columns();
    bool lines = isatty(STDOUT_FILENO) && width >= TERM_WIDTH_MIN;
    if (lines && cell->whole) {
        (void)printf("%s\n%s\n", label, value);
        return;
    }
    do {
        size_t len = lines ? safe_fit(value, width - LABEL_COLUMNS - 1) : strlen(value);
        (void)printf("%-*s %.*s\n", LABEL_COLUMNS, label, (int)len, value);
        value += len;
        value += *value == ' ' ? 1 : 0;
        label = "";
    } while (*value != '\0');
}

void times_text(struct instant from, struct instant to, char out[TIME_TEXT_MAX]) {
    char first[INSTANT_TEXT_MAX];
    char last[INSTANT_TEXT_MAX];
    instant_local(from, first);
    instant_local(to, last);
    bool whole = strlen(first) > ZONE_AT && strlen(last) > ZONE_AT; /* no "never" */
    bool same_zone = whole && strcmp(first + ZONE_AT, last + ZONE_AT) == 0;
    bool same_day = whole && strncmp(first, last, CLOCK_AT - 1) == 0;
    (void)snprintf(out, TIME_TEXT_MAX, "%.*s to %s", same_zone ? ZONE_AT - 1 : INSTANT_TEXT_MAX,
                   first, same_day ? last + CLOCK_AT : last);
}

void time_text(struct instant at, char out[TIME_TEXT_MAX]) {
    char utc[INSTANT_TEXT_MAX];
    char local[INSTANT_TEXT_MAX];
    time_t seconds = (time_t)(at.ms / 1000);
    struct tm tm = {0};
    instant_utc(at, utc);
    instant_local(at, local);
    bool same = at.ms > INSTANT_MAX_MS || localtime_r(&seconds, &tm) == NULL || tm.tm_gmtoff == 0;
    (void)snprintf(out, TIME_TEXT_MAX, same ? "%s" : "%s (%s)", local, utc);
}

void facts_failure(int code, const char *text, const char *next) {
    if (came || *text == '\0') {
        return;
    }
    came = true;
    json_t *root = json_object();
    (void)json_object_set_new(root, "error", json_string(text));
    if (*next != '\0') {
        (void)json_object_set_new(root, "next", json_string(next));
    }
    (void)json_object_set_new(root, "exit", json_integer(code));
    (void)json_dumpf(root, stdout, JSON_INDENT(2));
    (void)puts("");
    json_decref(root);
}

void facts_parts(const struct facts_part *parts, size_t count) {
    json_t *root = json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_object();
        json_t *result = json_loadb((const char *)parts[i].document.at, parts[i].document.len,
                                    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        (void)json_object_set_new(item, "name", json_string(parts[i].name));
        (void)json_object_set_new(item, "exit", json_integer(parts[i].exit));
        (void)json_object_set_new(item, "result", result == NULL ? json_null() : result);
        (void)json_array_append_new(list, item);
    }
    (void)json_object_set_new(root, "communities", list);
    (void)json_dumpf(root, stdout, JSON_INDENT(2));
    (void)puts("");
    json_decref(root);
    came = true;
}

static void step_out(struct facts *facts) {
    if (facts->outer != NULL) {
        facts->item = facts->outer;
        facts->outer = NULL;
        facts->inner = NULL;
    }
}

static void put(const struct facts *facts, const char *key, json_t *value) {
    (void)json_object_set_new(facts->item, key, value == NULL ? json_null() : value);
}

static void add(struct facts *facts, const char *label, const char *value, const char *brief) {
    if (label == NULL) { /* for JSON only */
        return;
    }
    if (facts->cell_count == facts->cell_room) {
        size_t room = facts->cell_room == 0 ? 64 : 2 * facts->cell_room;
        struct cell *cells = reallocarray(facts->cells, room, sizeof *cells);
        if (cells == NULL) {
            return; /* a fact that is not shown; the machine has other worries */
        }
        facts->cells = cells;
        facts->cell_room = room;
    }
    char *copy = strdup(value);
    if (copy != NULL) {
        facts->cells[facts->cell_count++] =
            (struct cell){.item = facts->items,
                          .label = label,
                          .value = copy,
                          .brief = brief == NULL ? NULL : strdup(brief)};
    }
}

/* ---- tables ---- */

/* False, and nothing printed, when the columns do not fit. */
static bool print_table(const struct facts *facts) {
    const char *labels[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    const struct cell *row[COLUMNS_MAX];
    size_t count = 0;
    size_t total = 0;
    for (size_t i = 0; i < facts->cell_count; i++) {
        const struct cell *cell = &facts->cells[i];
        size_t width = columns_of(table_text(cell));
        size_t at = find_column(labels, count, cell->label);
        if (at == COLUMNS_MAX) {
            return false;
        }
        if (at == count) {
            labels[count] = cell->label;
            widths[count++] = strlen(cell->label);
        }
        widths[at] = width > widths[at] ? width : widths[at];
    }
    for (size_t i = 0; i < count; i++) {
        total += widths[i] + (i == 0 ? 0 : GAP);
    }
    if (total > term_columns()) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        print_padded(labels[i], widths[i] + GAP, i + 1 == count);
    }
    for (size_t i = 0; i < facts->cell_count;) {
        size_t item = facts->cells[i].item;
        memset(row, 0, sizeof row);
        for (; i < facts->cell_count && facts->cells[i].item == item; i++) {
            row[find_column(labels, count, facts->cells[i].label)] = &facts->cells[i];
        }
        for (size_t k = 0; k < count; k++) {
            print_padded(row[k] == NULL ? "-" : table_text(row[k]), widths[k] + GAP,
                         k + 1 == count);
        }
    }
    return true;
}

static size_t find_column(const char *const *labels, size_t count, const char *label) {
    size_t i = 0;
    while (i < count && strcmp(labels[i], label) != 0) {
        i++;
    }
    return i;
}

static const char *table_text(const struct cell *cell) {
    return cell->brief == NULL ? cell->value : cell->brief;
}

static size_t columns_of(const char *text) {
    size_t columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : 1;
    }
    return columns;
}

static void print_padded(const char *text, size_t width, bool last) {
    size_t columns = columns_of(text);
    (void)printf("%s%*s%s", text, last || columns >= width ? 0 : (int)(width - columns), "",
                 last ? "\n" : "");
}
