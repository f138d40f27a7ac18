/* What an act changes of a charter, in plain words, one line each: worked out from the two, never
 * from what anybody says of them. Without I/O. */
#ifndef CLI_CHANGES_H
#define CLI_CHANGES_H

#include "cli/members.h"

enum {
    CHANGES_BYTES_MAX = 64 * 1024,
    CHANGE_MAX = 4096, /* of one line: two areas with all their corners */
};

/* Lines, each ended by NUL, safe to print. Zero it except for `lines.max`. */
struct changes {
    size_t count;
    bool cut; /* there was no room for all: nobody may sign on it */
    struct buffer lines;
};
#define CHANGES_NONE ((struct changes){.lines = {.max = CHANGES_BYTES_MAX}})
void changes_finish(struct changes *changes);
const char *changes_first(const struct changes *changes); /* NULL: there is none */
const char *changes_next(const struct changes *changes, const char *line);

/* `after` with its authorities, `before` with those kept beside it. */
void changes_of(const struct community_terms *before, const struct charter *after,
                const struct member_list *members, struct changes *out);
/* What this act would do to a community as `before` has it. */
void changes_of_act(const struct community_terms *before, const struct act *act,
                    const struct member_list *members, struct changes *out);

/* "800 m around 52.52,13.405" */
enum {
    PLACE_TEXT_MAX = 96
};
const char *place_text(const struct geo_place *place, char out[PLACE_TEXT_MAX]);
/* "0.5 sq mi (1294994 m2)" */
const char *area_text(uint32_t m2, char out[PLACE_TEXT_MAX]);
/* "Court Root", or what its bytes hash to, safe to print. */
const char *authority_text(struct bytes der, char out[PERSON_MAX]);

#endif
