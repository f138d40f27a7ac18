#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum {
    LABEL_COLUMNS = 14
};

struct facts {
    bool json;
    bool list;
    bool first;
    json_t *root;
    json_t *item;
};

static void line(const struct facts *facts, const char *label, const char *value);
static void put(const struct facts *facts, const char *key, json_t *value);

struct facts *facts_start(const struct cli *cli, bool list) {
    static struct facts facts;
    facts = (struct facts){.json = cli->json, .list = list, .first = true};
    if (facts.json) {
        facts.root = list ? json_array() : json_object();
        facts.item = list ? NULL : facts.root;
    }
    return &facts;
}

void facts_item(struct facts *facts) {
    if (facts->json) {
        facts->item = json_object();
        (void)json_array_append_new(facts->root, facts->item);
    } else if (!facts->first) {
        (void)puts("");
    }
    facts->first = false;
}

void facts_text(struct facts *facts, const char *key, const char *label, const char *value) {
    char safe[SAFE_MAX];
    if (facts->json) {
        put(facts, key, json_string(value));
    } else {
        line(facts, label, safe_text(value, 1000, safe));
    }
}

void facts_number(struct facts *facts, const char *key, const char *label, int64_t value) {
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    if (facts->json) {
        put(facts, key, json_integer(value));
    } else {
        line(facts, label, text);
    }
}

void facts_time(struct facts *facts, const char *key, const char *label, struct instant at) {
    char utc[INSTANT_TEXT_MAX];
    char local[INSTANT_TEXT_MAX];
    char both[2 * INSTANT_TEXT_MAX + 4];
    instant_utc(at, utc);
    instant_local(at, local);
    (void)snprintf(both, sizeof both, "%s (%s)", local, utc);
    if (facts->json) {
        put(facts, key, json_string(utc));
    } else {
        line(facts, label, both);
    }
}

void facts_bytes(struct facts *facts, const char *key, const char *label, struct bytes value) {
    char hex[2 * 64 + 1] = "";
    if (value.len <= 64) {
        hex_write(value, hex);
    }
    facts_text(facts, key, label, hex);
}

void facts_end(struct facts *facts) {
    if (facts->json) {
        (void)json_dumpf(facts->root, stdout, JSON_INDENT(2));
        (void)puts("");
        json_decref(facts->root);
    }
}

static void line(const struct facts *facts, const char *label, const char *value) {
    (void)facts;
    if (label != NULL) { /* NULL: for JSON only */
        (void)printf("%-*s %s\n", LABEL_COLUMNS, label, value);
    }
}

static void put(const struct facts *facts, const char *key, json_t *value) {
    (void)json_object_set_new(facts->item, key, value == NULL ? json_null() : value);
}
