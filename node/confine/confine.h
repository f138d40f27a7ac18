/* The walls that each program puts around itself (P1): Landlock for files, seccomp for system
 * calls, no capabilities, no new privileges. They are inherited by children and can never be
 * widened, so what they say holds whatever a bug, a flag or a peer does afterwards. A program whose
 * walls cannot be raised does not start; there is no option to do without.
 *
 * This is the whole of who may touch what. Call a program's function when every file, socket and
 * child that its walls forbid has been opened. ERR_HOST_WALLS, with the reason: nothing may be done
 * after it but to stop.
 *
 *   all          no exec of what gives privileges, no ptrace or memory of others, io_uring, mounts,
 *                namespaces, keyrings; no typing into a terminal (TIOCSTI); no change of modes,
 *                owners and times of files; no truncation but through a descriptor that may write;
 *                no system call that is newer than this list
 *   supervisor   sockets of the three families that its children need; files as its user may
 *   node         TCP; its own `node/` to write, its own `vault/` to read; no other socket, no
 * program, no process, no signal to others ingest       no socket at all, and no descriptor to or
 * from others; `ingest/` and each node's `vault/` to write, camera folders to read; starts
 * stoop-media media        its input files, the system's libraries; no socket, no process, no
 * signal; becomes ffmpeg by exec owner        the owner's own folder and those that a command
 * named; no socket, no program, no process, no signal to others
 *
 * What they cannot do: Landlock before ABI 3 (Linux 6.2) does not know truncation, so seccomp
 * refuses truncate(2) and O_TRUNC without the right to write; metadata (mode, owner, times) is
 * refused by seccomp alone. */
#ifndef NODE_CONFINE_CONFINE_H
#define NODE_CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "node/base/err.h"

enum {
    CONFINE_WHY_MAX = 160
};

/* `keep_users`, as root: it may start children as other users, and stop them. They lose that too.
 */
MUST_USE enum err confine_supervisor(bool keep_users, char why[CONFINE_WHY_MAX]);
/* `home`: the data folder; of a further community, its own (PROTOCOL 1.3). */
MUST_USE enum err confine_node(const char *home, char why[CONFINE_WHY_MAX]);
struct confine_paths {
    const char *const *list;
    size_t count;
};
/* `worker`: path of stoop-media. `homes`: data folders of the nodes, in each of which lies a vault.
 * A camera folder that is not there is left out. */
MUST_USE enum err confine_ingest(const char *home, const char *worker, struct confine_paths homes,
                                 struct confine_paths cameras, char why[CONFINE_WHY_MAX]);
/* `files`: what the job may read. The reason names none of them. */
MUST_USE enum err confine_media(const char *const *files, size_t count, char why[CONFINE_WHY_MAX]);
/* `writable`: folders that the command needs besides the owner's own. */
MUST_USE enum err confine_owner(const char *owner_folder, const char *const *writable, size_t count,
                                char why[CONFINE_WHY_MAX]);

/* What this machine offers, for `stoop doctor`. */
struct confine_probe {
    int landlock_abi; /* 0: none */
    bool seccomp;
    unsigned long memlock_bytes; /* how much memory may be locked */
};
void confine_probe(struct confine_probe *out);

#endif
