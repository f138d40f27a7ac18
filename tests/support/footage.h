/* A folder of footage, made by ffmpeg on the spot, and the stoop-media that was built beside the
 * test. */
#ifndef TESTS_SUPPORT_FOOTAGE_H
#define TESTS_SUPPORT_FOOTAGE_H

#include <limits.h>
#include <stddef.h>

#include "node/base/attr.h"

struct footage {
    char folder[64];
    char worker[PATH_MAX]; /* path of stoop-media */
};

/* A command of the shell; answers as waitpid() does. */
int run_shell(const char *command);

void footage_start(struct footage *footage);
void footage_stop(struct footage *footage);
void footage_path(const struct footage *footage, const char *name, char out[PATH_MAX]);
/* A command of the shell in the folder, which must succeed; ffmpeg is quiet and overwrites. */
void footage_run(const struct footage *footage, const char *format, ...) PRINTF_LIKE(2, 3);
/* A short text file. */
void footage_read(const struct footage *footage, const char *name, char *out, size_t room);

#endif
