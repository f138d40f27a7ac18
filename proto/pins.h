/* Pins: public keys written down by `stoop init`, before the node first starts, once for ingest and
 * once for the owner, each where the node cannot reach (P1, PROTOCOL 6.5). Text, one a line:
 *
 *   owner SIGN-HEX BOX-HEX NAME
 *   ingest SIGN-HEX BOX-HEX
 *   node SIGN-HEX [NAME]
 *   static BOX-HEX [NAME]     that node's static key
 *   community ID-HEX [NAME]   in the owner's folder only, once that node founded or joined one
 *   met KEYS-HEX MS           likewise: words were compared with the member of these keys, and when
 *
 * A line without a NAME is about the home's first community, one with a NAME about that further one
 * (PROTOCOL 1.3). */
#ifndef PROTO_PINS_H
#define PROTO_PINS_H

#include "proto/community.h"
#include "proto/slug.h"

enum {
    PINS_FILE_MAX = 16 * 1024,
    PINS_MET_MAX = 100,
};

struct pins {
    size_t owner_count;
    struct owner_public owners[OWNERS_MAX];
    char owner_names[OWNERS_MAX][NAME_MAX_BYTES];
    bool has_ingest;
    struct owner_public ingest; /* signing and agreement */
    size_t place_count;
    struct pinned_place {
        char name[SLUG_MAX_BYTES];
        bool has_node;
        struct sign_public node;
        bool has_transport;
        struct box_public transport;
        bool has_community;
        struct id community;
    } places[COMMUNITIES_MAX];
    size_t met_count; /* the oldest first */
    struct met {
        struct id keys; /* pins_keys() */
        struct instant at;
    } met[PINS_MET_MAX];
};

/* What is pinned of one of the home's communities; NULL: nothing. */
const struct pinned_place *pins_place(const struct pins *pins, const char *name);
/* The same to be filled in; NULL: there are COMMUNITIES_MAX others. */
struct pinned_place *pins_place_add(struct pins *pins, const char *name);
void pins_place_remove(struct pins *pins, const char *name); /* unknown: nothing */

/* Stands for the keys of a member's node and of all its owners: a renewed certificate with the same
 * keys is the same, another owner is not. */
void pins_keys(const struct member *member, struct id *out);
/* When words were compared with whoever has the keys of `member`; NULL: never. */
const struct met *pins_met(const struct pins *pins, const struct member *member);
/* They were, now. The one that lies back longest gives way. */
void pins_meet(struct pins *pins, const struct member *member, struct instant now);

/* ERR_USER_SYNTAX; *line says where, from 1. */
MUST_USE enum err pins_read(struct bytes file, struct pins *out, size_t *line);
MUST_USE enum err pins_write(const struct pins *pins, struct buffer *out);

#endif
