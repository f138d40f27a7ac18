/* The walls that each program puts around itself (P1): Landlock for files, seccomp for system
 * calls, no capabilities, no new privileges. They are inherited by children and can never be
 * widened, so what they say holds whatever a bug, a flag or a peer does afterwards. A program whose
 * walls cannot be raised does not start; there is no option to do without.
 *
 * What they cannot do: Landlock before ABI 3 (Linux 6.2) does not know truncation, so seccomp
 * refuses truncate(2) and read-only O_TRUNC; metadata (mode, owner, times) is refused by seccomp
 * alone. */
#ifndef NODE_CONFINE_CONFINE_H
#define NODE_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "node/base/err.h"

enum {
    CONFINE_WHY_MAX = 160
};

enum confine_access {
    CONFINE_READ,      /* read files and folders below it, or one file */
    CONFINE_READ_EXEC, /* and execute: programs and their libraries */
    CONFINE_WRITE,     /* read, write, create, rename, remove in a folder */
};

struct confine_path {
    const char *path; /* used when fd is -1 */
    int fd;           /* or an open descriptor */
    enum confine_access access;
    bool optional; /* may be missing */
};

enum confine_profile {
    CONFINE_SUPERVISOR, /* starts programs; no network of its own, so no sockets but what it has */
    CONFINE_NODE,       /* TCP; no new Unix sockets, no exec */
    CONFINE_INGEST,     /* no socket at all; may start stoop-media */
    CONFINE_MEDIA,      /* no socket, no fork of programs; becomes ffmpeg by exec */
    CONFINE_OWNER,      /* no socket, no exec */
};

struct confine_plan {
    enum confine_profile profile;
    const struct confine_path *paths;
    size_t count;
    bool keep_users; /* CONFINE_SUPERVISOR as root: to start children as other users, and stop them
                      */
};

/* Call it when every file, socket and child that the walls would forbid has been opened. Writes the
 * reason on failure. ERR_HOST_WALLS: nothing may be done after it but to stop. */
MUST_USE enum err confine_raise(const struct confine_plan *plan, char why[CONFINE_WHY_MAX]);

/* What this machine offers, for `stoop doctor`. */
struct confine_probe {
    int landlock_abi; /* 0: none */
    bool seccomp;
    unsigned long memlock_bytes; /* how much memory may be locked */
};
void confine_probe(struct confine_probe *out);

#endif
