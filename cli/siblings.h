/* Each node of a home in several communities is told of the others (PROTOCOL 1.3). */
#ifndef CLI_SIBLINGS_H
#define CLI_SIBLINGS_H

#include "cli/cli.h"
#include "proto/config.h"

struct kin { /* the home's nodes */
    size_t count;
    struct kin_node {
        char name[SLUG_MAX_BYTES];
        char folder[PATH_MAX];           /* its own, `node` */
        char address[ADDRESS_MAX_BYTES]; /* where it is dialled on this machine */
    } list[COMMUNITIES_MAX];
};

int place_config(const struct cli *cli, const char *name, struct config *out);

/* Before the walls: reads what the files will say, fills in static keys that are not pinned yet,
 * and lets the nodes' folders be written. Nothing for a home that was never in more than one. */
int siblings_prepare(struct cli *cli, struct pins *pins, struct kin *out);
/* Writes node/siblings of every node, where it changes: within seconds the node has read it. */
int siblings_tell(const struct kin *kin, const struct pins *pins);
/* The same for one of them. */
int siblings_tell_one(const struct kin *kin, const struct pins *pins, const char *name);

#endif
