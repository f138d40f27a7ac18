/* How broad a request is (PROTOCOL 5.3): numbers and words to show beside it. Nothing here refuses
 * or fails; whoever reads it judges. */
#ifndef PROTO_BREADTH_H
#define PROTO_BREADTH_H

#include "proto/request.h"

enum breadth_topic {
    TOPIC_PROTEST,
    TOPIC_UNION,
    TOPIC_IMMIGRATION,
    TOPIC_RELIGION,
    TOPIC_COUNT
};

enum {
    BREADTH_PERCENT_MAX = 1000000, /* which stands for whatever is more */
};

struct breadth {
    int64_t span_ms;  /* of the time asked for */
    uint64_t area_m2; /* of the place, rounded */
    uint32_t
        span_percent; /* of the charter's caps, rounded up: 0 is nothing, 101 and more beyond */
    uint32_t area_percent;
    const char *mentions[TOPIC_COUNT]; /* the first word or phrase about the topic; NULL: none */
};

/* Looks for whole words, folded as the rules fold them, in all that the request says in its own
 * words. Linear in the request; never fails: the fence has bounded it. */
void breadth_of(const struct request *request, const struct caps *caps, struct breadth *out);

const char *breadth_topic_label(enum breadth_topic topic);        /* "a protest" */
const char *const *breadth_topic_words(enum breadth_topic topic); /* static, until NULL */

#endif
