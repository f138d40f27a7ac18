/* What lies in a camera's folder, by the names and layouts that ingest reads: so that a wrong
 * layout, or a name that no folder has, is told before somebody asks for it. */
#ifndef CLI_RECORDINGS_H
#define CLI_RECORDINGS_H

#include "cli/cli.h"

enum {
    RECORDINGS_LOOKS_MAX = 20000, /* names; a folder with more has recordings of this camera, or
                                     another's */
    RECORDINGS_TEXT_MAX = 128,
};

struct recordings {
    bool shut;             /* not for this user to read, or some of it */
    bool more;             /* not all was looked at */
    size_t told, untold;   /* files that may be footage: whose names tell the time, and others */
    struct instant newest; /* of those that do */
};

void recordings_look(const struct camera *camera, struct recordings *out);
/* Is it as if nothing of this camera came there? False where that cannot be seen. */
bool recordings_missing(const struct camera *camera, const struct recordings *recordings);
/* "4, the newest of Sat 28 Nov 20:53"; "none found"; "not yours to read". */
const char *recordings_text(const struct camera *camera, const struct recordings *recordings,
                            char out[RECORDINGS_TEXT_MAX]);

#endif
