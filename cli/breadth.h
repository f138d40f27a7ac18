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
/* Only with --json. */
void breadth_facts(struct facts *facts, const struct breadth *breadth);
void breadth_mention_facts(struct facts *facts, const struct breadth *breadth);

#endif
