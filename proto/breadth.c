#include "proto/breadth.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "node/base/assert.h"
#include "proto/wording.h"

/* Words and phrases about one topic, folded, the longer before those that begin them. To add one:
 * a line here and in PROTOCOL 5.3. Words that mostly mean something else (march, visa, ice, a
 * person's name) are left out: a mention that is none teaches people not to look. */
static const struct {
    const char *label;
    const char *const *words;
} topics[] = {
    [TOPIC_PROTEST] = {"a protest", (const char *const[]){"protest march",   "protest",
                                                          "protests",        "protester",
                                                          "protesters",      "protestor",
                                                          "protestors",      "protesting",
                                                          "demonstration",   "demonstrations",
                                                          "demonstrator",    "demonstrators",
                                                          "rally",           "rallies",
                                                          "marchers",        "vigil",
                                                          "boycott",         "activist",
                                                          "activists",       "activism",
                                                          "public assembly", NULL}},
    [TOPIC_UNION] = {"a union",
                     (const char *const[]){"trade union", "labor union", "labour union", "union",
                                           "unions", "unionized", "unionised", "on strike",
                                           "strikers", "picket line", "picket", "pickets",
                                           "picketing", "walkout", "industrial action",
                                           "labor dispute", "labour dispute", NULL}},
    [TOPIC_IMMIGRATION] = {"immigration", (const char *const[]){"immigration",
                                                                "immigrant",
                                                                "immigrants",
                                                                "migrant",
                                                                "migrants",
                                                                "undocumented",
                                                                "deportation",
                                                                "deportations",
                                                                "deported",
                                                                "deport",
                                                                "asylum",
                                                                "refugee",
                                                                "refugees",
                                                                "noncitizen",
                                                                "noncitizens",
                                                                "illegal alien",
                                                                "illegal aliens",
                                                                "border patrol",
                                                                "customs enforcement",
                                                                NULL}},
    [TOPIC_RELIGION] = {"religion",
                        (const char *const[]){
                            "religion",     "religious",  "mosque",      "mosques", "church",
                            "churches",     "synagogue",  "synagogues",  "temple",  "gurdwara",
                            "worship",      "worshipper", "worshippers", "prayer",  "prayers",
                            "congregation", "muslim",     "muslims",     "islamic", "jewish",
                            "jews",         "christians", "hindus",      "sikhs",   "imam",
                            "rabbi",        "priest",     NULL}},
};
static_assert(COUNT_OF(topics) == TOPIC_COUNT, "every topic has words");

enum {
    WORD_MAX = 32,
};

static void look_for_topics(const char *text, struct breadth *out);
static const char *find_word(const struct words *words, const char *const *list);
static uint32_t percent_of(double part, double whole);

void breadth_of(const struct request *request, const struct caps *caps, struct breadth *out) {
    const struct instrument *instrument = &request->instrument;
    const char *const texts[] = {
        request->reason,
        request->terms.purpose,
        instrument->items,
        instrument->offence,
        instrument->statute,
        instrument->applicant_agency,
        instrument->emergency_facts,
        instrument->emergency_person,
        instrument->emergency_why_now,
    };
    double area = geo_place_area_m2(&request->place);
    *out = (struct breadth){
        .span_ms = request->to.ms - request->from.ms,
        .area_m2 = (uint64_t)llround(area),
        .area_percent = percent_of(area, caps->area_m2),
    };
    out->span_percent = percent_of((double)out->span_ms, (double)caps->span_s * 1000);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        look_for_topics(texts[i], out);
    }
}

const char *breadth_topic_label(enum breadth_topic topic) {
    ASSERT(topic < TOPIC_COUNT);
    return topics[topic].label;
}

const char *const *breadth_topic_words(enum breadth_topic topic) {
    ASSERT(topic < TOPIC_COUNT);
    return topics[topic].words;
}

static void look_for_topics(const char *text, struct breadth *out) {
    struct words words;
    words_fold(text, &words);
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (out->mentions[i] == NULL) {
            out->mentions[i] = find_word(&words, topics[i].words);
        }
    }
}

static const char *find_word(const struct words *words, const char *const *list) {
    for (; *list != NULL; list++) {
        char whole[WORD_MAX + 2];
        int len = snprintf(whole, sizeof whole, " %s ", *list);
        ASSERT(len > 2 && (size_t)len < sizeof whole);
        if (words_have(words, whole)) {
            return *list;
        }
    }
    return NULL;
}

/* Rounded up, so that what is asked for is never 0 %. A caps of 0 is beyond any percentage. */
static uint32_t percent_of(double part, double whole) {
    double percent = part <= 0 ? 0 : whole <= 0 ? BREADTH_PERCENT_MAX : ceil(100 * part / whole);
    return (uint32_t)fmin(percent, BREADTH_PERCENT_MAX);
}
