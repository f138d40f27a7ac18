/* 'stoop requests --watch': a line when a request comes, waits for this owner, is about to end, and
 * ends. It holds no key. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli/hook.h"

enum {
    WATCH_SOON_MIN_MAX = 7 * 24 * 60
};

struct watch_options {
    long soon_min;      /* minutes before the end; 0: an hour, or a tenth of its life if shorter */
    char *const *words; /* the program to notify with its arguments, ended by NULL; NULL: none */
};
int watch_requests(struct cli *cli, const struct watch_options *options);

#endif
