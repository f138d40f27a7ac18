/* The homes that say that they carry for a treaty (PROTOCOL 4.14): without one nothing crosses. */
#ifndef CLI_GATEWAYS_H
#define CLI_GATEWAYS_H

#include "cli/changes.h"

enum {
    GATEWAYS_MAX = 256 /* beyond, more of them make no difference */
};

struct gateways {
    size_t count;
    struct gateway_home {
        struct id treaty;
        const struct listed *home; /* of the list that they were loaded with */
        struct instant created;    /* of its newest word, which counts */
        struct instant until;      /* it says so anew every day */
        bool ended;                /* never in a list that is loaded */
    } list[GATEWAYS_MAX];
};

/* Of all treaties, those whose word lives: signed by the node of a home that belongs. EXIT codes
 * after printing. */
int gateways_load(struct client *client, const struct id *community,
                  const struct member_list *members, struct gateways *out);
/* How many carry for this treaty; *self: this home does. */
size_t gateways_of(const struct gateways *gateways, const struct id *treaty, bool *self);
/* The treaties in force for which nobody carries when this home goes, and with `subtree` those
 * below it, a line each. */
void gateways_go(const struct gateways *gateways, const struct governance *governance,
                 const struct listed *home, bool subtree, struct instant now, struct changes *out);

#endif
