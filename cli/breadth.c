/* How broad a request is, in words and as facts. "Mentions" is all that is said of its words. */
#include <string.h>

#include "cli/breadth.h"

static size_t write_mentions(const struct breadth *breadth, bool words, char out[BREADTH_TEXT_MAX]);

const char *breadth_text(const struct breadth *breadth, char out[BREADTH_TEXT_MAX]) {
    char span[32];
    span_text(breadth->span_ms, span);
    (void)snprintf(out, BREADTH_TEXT_MAX, "%s (%u%% of the longest), %llu m2 (%u%% of the largest)",
                   span, breadth->span_percent, (unsigned long long)breadth->area_m2,
                   breadth->area_percent);
    return out;
}

const char *breadth_mentions(const struct breadth *breadth, size_t columns,
                             char out[BREADTH_TEXT_MAX]) {
    if (write_mentions(breadth, true, out) > columns) {
        (void)write_mentions(breadth, false, out);
    }
    return out;
}

static size_t write_mentions(const struct breadth *breadth, bool words,
                             char out[BREADTH_TEXT_MAX]) {
    size_t len = 0;
    out[0] = '\0';
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        const char *word = breadth->mentions[topic];
        if (word == NULL) {
            continue;
        }
        len += (size_t)snprintf(out + len, BREADTH_TEXT_MAX - len, "%s%s%s%s%s",
                                len == 0 ? "mentions " : ", ",
                                breadth_topic_label((enum breadth_topic)topic), words ? " ('" : "",
                                words ? word : "", words ? "')" : "");
    }
    return len;
}

void breadth_facts(struct facts *facts, const struct breadth *breadth) {
    facts_object(facts, "breadth");
    facts_number(facts, "seconds", NULL, breadth->span_ms / DURATION_SECOND_MS);
    facts_number(facts, "seconds_percent", NULL, breadth->span_percent);
    facts_number(facts, "area_m2", NULL, (int64_t)breadth->area_m2);
    facts_number(facts, "area_percent", NULL, breadth->area_percent);
    facts_object(facts, NULL);
    breadth_mention_facts(facts, breadth);
}

void breadth_mention_facts(struct facts *facts, const struct breadth *breadth) {
    facts_items(facts, "mentions");
    for (int topic = 0; topic < TOPIC_COUNT; topic++) {
        if (breadth->mentions[topic] != NULL) {
            facts_item(facts);
            facts_text(facts, "topic", NULL, breadth_topic_label((enum breadth_topic)topic));
            facts_text(facts, "word", NULL, breadth->mentions[topic]);
        }
    }
    facts_items(facts, NULL);
}
