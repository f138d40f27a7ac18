/* The other nodes of a home on this machine, one a community: what `stoop` writes into each node's
 * own folder, node/siblings, and the node reads when it starts, and again when it changes
 * (PROTOCOL 1.3). Text, one a line, without comments or blank lines:
 *
 *   COMMUNITY-HEX STATIC-HEX ADDRESS
 */
#ifndef PROTO_SIBLINGS_H
#define PROTO_SIBLINGS_H

#include "proto/clip.h"

enum {
    SIBLINGS_MAX = COMMUNITIES_MAX - 1,
    SIBLINGS_FILE_MAX = 4 * 1024,
};

struct sibling {
    struct id community;
    struct box_public transport; /* its node's static key */
    char address[ADDRESS_MAX_BYTES];
};

struct siblings {
    size_t count;
    struct sibling list[SIBLINGS_MAX];
};

/* ERR_USER_SYNTAX: a line is none, there are too many, or two name the same community; *line says
 * where, from 1. */
MUST_USE enum err siblings_read(struct bytes file, struct siblings *out, size_t *line);
MUST_USE enum err siblings_write(const struct siblings *siblings, struct buffer *out);

#endif
