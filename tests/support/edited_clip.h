/* An edited clip as `stoop` has it when it signs (PROTOCOL 6.7), and what it does with it. */
#ifndef TESTS_SUPPORT_EDITED_CLIP_H
#define TESTS_SUPPORT_EDITED_CLIP_H

#include "tests/support/world.h"

enum {
    EDITED_PLAIN = 200000, /* bytes */
    EDITED_PIECES = 4,
};

struct edited_clip {
    struct world_clip clip;
    struct buffer payload, header;
    struct grant grant;
};

/* In place of what this home has sealed for the request. The sound is gone, say: another plaintext,
 * of bytes `fill`, under a key of its own. */
void edited_clip_make(struct world *world, int number, const struct id *request, uint8_t fill,
                      struct edited_clip *out);
void edited_clip_finish(struct edited_clip *edited);

/* To the home's node: `count` pieces from `first` on; that these were all, which is answered when
 * the disk has them; and the grant, signed by the owners from `first` on. *id when not NULL. */
enum err edited_clip_put(struct world *world, int number, const struct edited_clip *edited,
                         size_t first, size_t count);
enum err edited_clip_keep(struct world *world, int number, const struct edited_clip *edited);
enum err edited_clip_grant(struct world *world, int number, const struct edited_clip *edited,
                           size_t first, size_t count, const struct id *replaces, struct id *id);

#endif
