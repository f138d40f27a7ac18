/* A court's certificates, and good and bad signatures of one document, in a folder of their own:
 * what authority.sh makes, by the openssl command. */
#ifndef TESTS_SUPPORT_AUTHORITY_H
#define TESTS_SUPPORT_AUTHORITY_H

#include "node/base/bytes.h"

struct authority {
    char folder[32];
    struct buffer document;
};

void authority_start(struct authority *authority);
int authority_stop(struct authority *authority); /* 0: the folder is gone */
/* *out is initialised here. */
void authority_read(const struct authority *authority, const char *name, struct buffer *out);

#endif
