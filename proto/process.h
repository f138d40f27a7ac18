/* Process files: the legal process of a request as a person writes it down for `stoop request
 * --process FILE` (PROTOCOL 5.3). UTF-8 text; strict:
 *
 *   # a comment has a line to itself
 *   instrument = search_warrant
 *   execute_by = 2026-12-01T18:00:00-08:00
 *
 * The keys are the fields of the rules of legal process and of struct instrument, each at most
 * once. A value is the rest of its line, so '#' in it is part of it. Times are RFC 3339, or local
 * without a zone; `non_disclosure` is yes or no; `court_signature` is none, image or cms. An
 * unknown or doubled key, a key without value, and a value that does not fit are errors; all of
 * them are told at once. */
#ifndef PROTO_PROCESS_H
#define PROTO_PROCESS_H

#include "proto/request.h"

enum {
    PROCESS_FILE_MAX = 64 * 1024,
    PROCESS_ERRORS_MAX = 32, /* more than anyone mends in one go */
    PROCESS_ERROR_TEXT_MAX = 128,
    PROCESS_KEYS_MAX = 25,
};

struct process_errors {
    size_t count; /* the first PROCESS_ERRORS_MAX */
    struct process_error {
        size_t line;                       /* from 1; 0: of the file as a whole */
        char text[PROCESS_ERROR_TEXT_MAX]; /* "unknown key 'cuort'": UTF-8, no control characters */
    } list[PROCESS_ERRORS_MAX];
};

struct process_reading {
    struct instrument instrument; /* what could be read */
    struct process_key {
        size_t line; /* from 1; 0: not in the file */
        bool bad;    /* it is there, and could not be read */
    } keys[PROCESS_KEYS_MAX];
    struct process_errors errors;
};

/* Reads what the file says; whether it obeys the rules is legal_check()'s to say. Fills *out in any
 * case. ERR_USER_SYNTAX: errors.count is at least 1, and the instrument is good for explaining
 * alone. */
MUST_USE enum err process_read(struct bytes file, struct process_reading *out);

/* What is known of the key that a rule is about: NULL when it is no key of process files. What is
 * said of secrecy stands in the line of `non_disclosure` where it has none of its own. */
const struct process_key *process_key_of(const struct process_reading *reading, const char *key);

/* Appends a file to fill in: every key that an instrument of this kind has a use for, with the
 * rules about it; those that it must have stand without a value, the others as comments.
 * ERR_FULL_BUFFER, ERR_HOST_MEMORY. */
MUST_USE enum err process_template(enum instrument_kind kind, struct buffer *out);

#endif
