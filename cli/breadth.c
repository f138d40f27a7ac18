/* How broad a request is, in words and as facts. "Mentions" is all that is said of its words. */
#include <string.h>

#include "cli/breadth.h"

enum {
    KM2 = 1000000, /* in m2 */
};

static const char *beyond(uint32_t percent);
static size_t write_mentions(const struct breadth *breadth, bool words, char out[BREADTH_TEXT_MAX]);

const char *breadth_text(const struct breadth *breadth, char out[BREADTH_TEXT_MAX]) {
    char span[32];
    char area[32];
    span_text(breadth->span_ms, span);
    if (breadth->area_m2 < KM2) {
        (void)snprintf(area, sizeof area, "%llu m2", (unsigned long long)breadth->area_m2);
    } else {
        (void)snprintf(area, sizeof area, "%.1f km2", (double)breadth->area_m2 / KM2);
    }
    (void)snprintf(out, BREADTH_TEXT_MAX, "%s (%s%u%% of the longest), %s (%s%u%% of the largest)",
                   span, beyond(breadth->span_percent), breadth->span_percent, area,
                   beyond(breadth->area_percent), breadth->area_percent);
    return out;
}

static const char *beyond(uint32_t percent) {
    return percent == BREADTH_PERCENT_MAX ? "more than " : "";
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

void touches_of(const struct camera_list *list, const struct request *request,
                const struct id *community, struct touches *out) {
    bool served = false;
    *out = (struct touches){.all = list->camera_count};
    for (size_t i = 0; i < list->community_count; i++) {
        served |= id_equal(&list->communities[i], community);
    }
    for (size_t i = 0; served && i < list->camera_count; i++) {
        const struct camera *camera = &list->cameras[i];
        if (!camera_open_to(camera, community) ||
            !geo_place_meets_view(&request->place, &camera->view)) {
            continue;
        }
        bool asked = camera_may_be_asked(camera);
        out->cameras += asked ? 1 : 0;
        out->indoor += asked && camera->indoor ? 1 : 0;
        out->closed += asked ? 0 : 1;
    }
    out->camera_ms = (int64_t)out->cameras * (request->to.ms - request->from.ms);
}

const char *touches_text(const struct touches *touches, char out[BREADTH_TEXT_MAX]) {
    char which[64];
    char indoor[48] = "";
    char closed[64] = "";
    char span[32] = "";
    bool any = touches->cameras > 0;
    out[0] = '\0';
    if (touches->all == 0) {
        return out;
    }
    if (touches->all == 1 && touches->closed == 1) {
        (void)snprintf(out, BREADTH_TEXT_MAX, "your one camera is indoors and cannot be asked for");
        return out;
    }
    if (touches->all == 1) {
        (void)snprintf(which, sizeof which, "%s your one camera",
                       any ? "touches" : "does not touch");
    } else if (any) {
        (void)snprintf(which, sizeof which, "touches %zu of your %zu cameras", touches->cameras,
                       touches->all);
    } else {
        (void)snprintf(which, sizeof which, "touches none of your %zu cameras", touches->all);
    }
    if (any) {
        span_text(touches->camera_ms, span);
    }
    if (touches->indoor > 0) {
        (void)snprintf(indoor, sizeof indoor, ", %zu of them indoors,", touches->indoor);
    }
    if (touches->closed > 0) {
        (void)snprintf(closed, sizeof closed, "; %zu indoors cannot be asked for", touches->closed);
    }
    (void)snprintf(out, BREADTH_TEXT_MAX, "%s%s%s%s%s%s", which, indoor, any ? " for " : "", span,
                   touches->cameras > 1 ? " together" : "", closed);
    return out;
}

void touches_facts(struct facts *facts, const struct touches *touches) {
    facts_object(facts, "touches");
    facts_number(facts, "cameras", NULL, (int64_t)touches->cameras);
    facts_number(facts, "of_cameras", NULL, (int64_t)touches->all);
    facts_number(facts, "indoor", NULL, (int64_t)touches->indoor);
    facts_number(facts, "indoor_closed", NULL, (int64_t)touches->closed);
    facts_number(facts, "camera_seconds", NULL, touches->camera_ms / DURATION_SECOND_MS);
    facts_object(facts, NULL);
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
