/* Process files: what a requester writes about its legal process, one `key = value` a line
 * (PROTOCOL 5.3). Strict: an unknown or doubled key is an error with its line; all errors are told
 * at once. Keys are the fields of struct instrument; `#` begins a comment. */
#ifndef PROTO_PROCESS_H
#define PROTO_PROCESS_H

#include "proto/request.h"

enum {
    PROCESS_FILE_MAX = 64 * 1024,
    PROCESS_ERRORS_MAX = 32,
};

struct process_errors {
    size_t count;
    struct {
        size_t line; /* 0: of the file as a whole */
        char text[128];
    } list[PROCESS_ERRORS_MAX];
};

/* ERR_USER_SYNTAX with at least one entry in *errors. Does not judge by the rules: legal_check
 * does. */
MUST_USE enum err process_read(struct bytes file, struct instrument *out,
                               struct process_errors *errors);

/* A commented file for this kind, from the same table. */
MUST_USE enum err process_template(enum instrument_kind kind, struct buffer *out);

#endif
