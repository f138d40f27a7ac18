/* The home's config file, DIR/config: sections in brackets, `key = value` lines, `#` comments.
 * Strict: an unknown section or key, a doubled key or a bad value is an error with its line.
 * Outside input, so it is read at the fence. `stoop init` writes one with every key in it,
 * commented.
 *
 *   [node]
 *   listen = 0.0.0.0:7878          where others' dials are taken
 *   address = 203.0.113.7:7878     where others can dial us; may be repeated up to ADDRESSES_MAX
 *   [ingest]
 *   match_delay_s = 60             matching starts after a random part of this (P2), 0 to 3600 */
#ifndef PROTO_CONFIG_H
#define PROTO_CONFIG_H

#include "proto/community.h"

enum {
    CONFIG_FILE_MAX = 64 * 1024,
    CONFIG_DELAY_DEFAULT_S = 60, /* as long as a slot is as a rule */
    CONFIG_DELAY_MAX_S = 3600,
};

struct config {
    char listen[ADDRESS_MAX_BYTES]; /* "0.0.0.0:7878" where the file says nothing */
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
    uint32_t match_delay_s;
};

struct config_error {
    size_t line;   /* from 1 */
    char text[96]; /* "unknown key 'adress'" */
};

/* ERR_USER_SYNTAX fills *error; an empty file gives the defaults. */
MUST_USE enum err config_read(struct bytes file, struct config *out, struct config_error *error);

#endif
