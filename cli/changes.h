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

/* A line that is safe to print: each part that others wrote is cut to a length of its own. */
void changes_add(struct changes *out, const char *format, ...) PRINTF_LIKE(2, 3);

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
/* With every corner: who signs has to see which one moves. NULL: "anywhere". */
enum {
    CORNERS_TEXT_MAX = GEO_POINTS_MAX * 28, /* "-89.1234567,-179.1234567 " */
};
const char *corners_text(const struct geo_place *place, char out[CORNERS_TEXT_MAX]);
/* The beginning of a key or an id, in hex: as much of it as people compare. */
enum {
    KEY_TEXT_BYTES = 17
};
const char *key_text(struct bytes key, char out[KEY_TEXT_BYTES]);
/* "0.5 sq mi (1294994 m2)" */
const char *area_text(uint32_t m2, char out[PLACE_TEXT_MAX]);

#endif
