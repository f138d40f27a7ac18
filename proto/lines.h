/* A text file that a person writes, line by line: the node's config, an owner's rules, a charter's
 * terms. No line is longer than its reader's room, and each is plain text that may be printed on
 * somebody's terminal. */
#ifndef PROTO_LINES_H
#define PROTO_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "node/base/bytes.h"

struct lines {
    struct bytes file;
    char *room; /* the caller's, for one line */
    size_t room_size;
    size_t at;
    size_t number;     /* of the line read last, from 1 */
    char *text;        /* that line, trimmed, a blank for each tab; good until the next one */
    const char *wrong; /* why it cannot be read, in words; NULL: it can */
};

/* False at the end of the file. */
bool lines_next(struct lines *lines);
/* Without the blanks around it, in place. */
char *lines_trim(char *text);
/* A heading as `[kind "NAME"]`: NAME, cut to `room`. Whether that is one, the caller judges. */
bool lines_heading(const char *line, const char *kind, char *name, size_t room);

#endif
