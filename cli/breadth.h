/* How broad a request is, in words and as facts (breadth.c). */
#ifndef CLI_BREADTH_H
#define CLI_BREADTH_H

#include "cli/cli.h"
#include "proto/breadth.h"

enum {
    BREADTH_TEXT_MAX = 256, /* each topic once, with its longest word */
    MENTIONS_COLUMNS = 71,  /* of 80, beside a label */
};

/* "2m30s (1% of the longest), 20106 m2 (2% of the largest)", of what the charter allows. */
const char *breadth_text(const struct breadth *breadth, char out[BREADTH_TEXT_MAX]);
/* "mentions a protest ('rally'), religion ('mosque')", without the words where they do not fit so
 * many columns; or nothing. */
const char *breadth_mentions(const struct breadth *breadth, size_t columns,
                             char out[BREADTH_TEXT_MAX]);
/* How much of this home a request is about, by the owner's own copy of the camera list: the node
 * does not know places. By the rule that ingest matches by; whether there is footage is not in it.
 * `community`: of this home's, the one in which it is asked, wherever it came from. */
struct touches {
    size_t cameras;    /* that are asked about */
    size_t indoor;     /* of them */
    size_t closed;     /* indoors besides, in the same place, that cannot be asked for */
    size_t all;        /* cameras of this home; 0: not known here, or none */
    int64_t camera_ms; /* the time asked for, of each camera, together */
};
void touches_of(const struct camera_list *list, const struct request *request,
                const struct id *community, struct touches *out);
/* "touches 2 of your 3 cameras, 1 of them indoors, for 3h30m together"; empty where nothing is
 * known.
 */
const char *touches_text(const struct touches *touches, char out[BREADTH_TEXT_MAX]);
void touches_facts(struct facts *facts, const struct touches *touches); /* only with --json */

/* Only with --json. */
void breadth_facts(struct facts *facts, const struct breadth *breadth);
void breadth_mention_facts(struct facts *facts, const struct breadth *breadth);

#endif
