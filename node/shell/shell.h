/* Shell: libuv and the operating system around core. It moves bytes between sockets and core, keeps
 * turns (step, commit, release) and decides nothing.
 *
 * One turn covers everything that one pass of the loop brought. Reads go through one shared buffer
 * and straight into core; writes go out at once where the system takes them and queue where not. A
 * bulk run is sent by sendfile(2) from the vault. Work that blocks runs on libuv's thread pool.
 *
 * Memory: shell_create() to shell_destroy(). Bounds: those of core; a frame of a control client or
 * of ingest is at most CONTROL_FRAME_MAX or INGEST_FRAME_MAX bytes. */
#ifndef NODE_SHELL_SHELL_H
#define NODE_SHELL_SHELL_H

#include "node/core/core.h"

struct shell;

struct shell_config {
    const char *home;     /* data folder, absolute */
    const char *listen;   /* "0.0.0.0:7878", "[::]:7878"; port 0: any */
    int ingest_fd;        /* connected to ingest, or -1 */
    int supervise_fd;     /* connected to the supervisor, or -1 */
    const char *siblings; /* the file node/siblings: core is told when it changes; NULL: none */
};

/* Binds the port and the control socket, which must precede the walls. Fills *why with the subject
 * of the failure. ERR_HOST_NETWORK, ERR_HOST_PERMISSION, ERR_HOST_LOCKED (socket in use),
 * ERR_HOST_MEMORY. */
MUST_USE enum err shell_create(const struct shell_config *config, struct shell **out,
                               char why[CORE_JOURNAL_MAX]);
void shell_destroy(struct shell *shell); /* NULL is fine */

/* The address that was bound, with its real port. */
void shell_bound_address(const struct shell *shell, char out[ADDRESS_MAX_BYTES]);

/* File access for core_config, in the home's folders. */
struct core_disk shell_disk(struct shell *shell);

/* Runs core until SIGTERM or SIGINT (ERR_OK), or until the database or disk fails (ERR_HOST_*). */
MUST_USE enum err shell_run(struct shell *shell, struct core *core);

struct now shell_now(void);

#endif
