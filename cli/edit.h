/* What an owner wants taken away from a clip, as it is typed at the prompt; without I/O.
 *
 *   t 21:10:05 21:11:40   only these seconds stay; 0:05 1:40 counts from its beginning
 *   r 10,20 30,40         black from 10 % of the width and 20 % of the height to 30 % and 40 %,
 *                         from the picture's left and upper side
 *   m                     no sound
 *
 * An edit only ever takes away more. */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include "proto/clip.h"

enum {
    EDIT_TEXT_MAX = 128,
    EDIT_SPAN_MIN_MS = 1000,
};

struct wish { /* starts as what is there: the manifest's, or what another owner left */
    struct instant from, to;
    bool mute; /* the sound was removed */
    size_t area_count;
    struct edit_area areas[EDIT_AREAS_MAX];
};

void wish_start(struct wish *wish, const struct manifest *manifest, const struct grant *left);
bool wish_equal(const struct wish *a, const struct wish *b);

/* Each: what follows the letter, without blanks at its ends. NULL when it is done; else why not,
 * and *wish is as it was. Seconds without footage at an end go too. */
const char *wish_trim(struct wish *wish, const char *text, const struct manifest *manifest);
const char *wish_redact(struct wish *wish, const char *text);
const char *wish_mute(struct wish *wish, const char *text, const struct manifest *manifest);

/* "cut to 21:10:05-21:11:40, sound removed, 1 area black"; empty: nothing was taken. */
const char *edit_text(const struct wish *wish, const struct manifest *manifest,
                      char out[EDIT_TEXT_MAX]);

#endif
