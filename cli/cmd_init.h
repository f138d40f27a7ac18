/* What `stoop init` makes: a home, or room in it for a further community. */
#ifndef CLI_CMD_INIT_H
#define CLI_CMD_INIT_H

#include "cli/cli.h"

struct init {
    const char *owner, *listen; /* listen NULL: the usual port everywhere */
    const char *community;      /* as it was typed; NULL: a home */
    bool service;
    size_t address_count;
    const char *addresses[ADDRESSES_MAX];
    bool has_key; /* the owner, from before */
    struct pins pins;
};

int init_further(struct cli *cli, struct init *init);
int init_check_nothing_there(const struct cli *cli);
/* The keys of the node in cli->home; pins the public ones. */
int init_write_node_key(const struct cli *cli, struct pins *pins);
int init_write_config(const struct cli *cli, const struct init *init);

#endif
