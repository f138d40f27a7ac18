/* The node's folders as core sees them: vault (read), delivered, edited, log. Names are ids in hex,
 * so no name that a peer chose ever reaches the file system. */
#ifndef NODE_SHELL_DISK_H
#define NODE_SHELL_DISK_H

#include "node/core/core.h"

struct disk {
    int vault; /* folder descriptors; -1 while closed */
    int delivered;
    int edited;
    int log;
};

/* ERR_HOST_PERMISSION, ERR_HOST_DISK. */
MUST_USE enum err disk_start(struct disk *disk, const char *home);
void disk_finish(struct disk *disk);
struct core_disk disk_calls(struct disk *disk);

/* A descriptor for sendfile, the caller's to close; -1 when there is no such file. */
int disk_open(const struct disk *disk, const struct core_effect *effect);

#endif
