/* The owner's own rules, `rules` in the owner's folder. They may hide voluntary requests and put
 * them in order; none may accept, and what looks like one is an error that says so (P3).
 *
 *   [asker "Riverside Insurance"]
 *   mute = yes
 *   community = oak-lane       who is called so there; goes before one that names none
 *   [quiet]
 *   from = 22:00
 *   to = 07:00
 *   [rank]
 *   first = orders | ending | oldest
 *
 * Strict: a section or key that is not one of these is an error with its line. */
#ifndef CLI_RULES_H
#define CLI_RULES_H

#include "cli/cli.h"

enum {
    RULES_ASKERS_MAX = 256,
    RULES_FILE_MAX = 64 * 1024,
    RULES_ERROR_MAX = 160,
};

enum rules_rank {
    RULES_ENDING, /* what ends first comes first */
    RULES_OLDEST,
    RULES_ORDERS, /* claimed orders before voluntary requests; then what ends first */
};

struct rules {
    size_t asker_count;
    struct rules_asker {
        char name[NAME_MAX_BYTES];
        char place[SLUG_MAX_BYTES]; /* the community, as the home calls it; empty: any */
        struct id community;        /* its id, by rules_settle(); zero: any, or none so far */
        bool mute;
        size_t line;
    } askers[RULES_ASKERS_MAX];
    bool quiet;
    int quiet_from, quiet_to; /* minutes of the local day; over midnight when from > to */
    enum rules_rank rank;
};

struct rules_error {
    size_t line;
    char text[RULES_ERROR_MAX];
};

/* ERR_USER_SYNTAX with what is wrong, and where. */
MUST_USE enum err rules_read(struct bytes file, struct rules *out, struct rules_error *error);
/* Which communities they are about. ERR_USER_SYNTAX: the home has none of that name. */
MUST_USE enum err rules_settle(struct rules *rules, const struct pins *pins,
                               struct rules_error *error);
/* The line of the rule that mutes this asker of that community; 0: none does. */
size_t rules_mute_line(const struct rules *rules, const struct id *community, const char *name);
bool rules_quiet_at(const struct rules *rules, struct instant now);

/* Without a file there are no rules. EXIT_FAILED after printing. */
int rules_load(const struct cli *cli, struct rules *out);

#endif
