/* The charter as a file that a person edits (`stoop charter edit`), without I/O. UTF-8 text,
 * strict:
 *
 *   # a comment has a line to itself
 *   name = Elm Street
 *   administrator = Elm Cottage / Ada
 *   [agency "Riverside PD"]
 *   number = +1 951 555 0100
 *   [role requester]
 *   instruments = search_warrant, court_order
 *   invites = no
 *
 * Every key that a charter cannot do without has to be there: nothing is taken from elsewhere, so
 * that a line that was lost is told and not guessed. An unknown key or section, a doubled one, and
 * a value beyond the bounds of PROTOCOL 4.1 are errors with their line. */
#ifndef CLI_TERMS_H
#define CLI_TERMS_H

#include "proto/community.h"

enum {
    TERMS_FILE_MAX = 64 * 1024,
    TERMS_LINE_MAX = 4096,  /* an area with all its corners */
    TERMS_NAMED_MAX = 1024, /* an administrator, or the path of a certificate */
};

struct terms_named {
    size_t line;
    char text[TERMS_NAMED_MAX];
};

struct terms_file {
    struct charter charter; /* without administrators, authorities and time */
    size_t administrator_count;
    struct terms_named administrators[ADMINISTRATORS_MAX]; /* "HOME / OWNER", or a key in hex */
    size_t authority_count;
    struct terms_named authorities[AUTHORITIES_MAX]; /* "sha256:HEX", or a path */
};

struct terms_error {
    size_t line;    /* from 1 */
    char text[160]; /* "unknown key 'adress'": UTF-8, no control characters */
};

/* What terms_write() names, as terms_read() gives it back. */
struct terms_names {
    char administrators[ADMINISTRATORS_MAX][TERMS_NAMED_MAX];
    char administrator_notes[ADMINISTRATORS_MAX][TERMS_NAMED_MAX]; /* a comment; may be empty */
    char authorities[AUTHORITIES_MAX][TERMS_NAMED_MAX];
    char authority_names[AUTHORITIES_MAX][NAME_MAX_BYTES]; /* a comment; may be empty */
};

/* ERR_USER_SYNTAX fills *error, and leaves *out alone. */
MUST_USE enum err terms_read(struct bytes file, struct terms_file *out, struct terms_error *error);
/* Appends what reads as this charter, every line explained. ERR_FULL_BUFFER, ERR_HOST_MEMORY. */
MUST_USE enum err terms_write(const struct charter *charter, const struct terms_names *names,
                              uint32_t version, struct buffer *out);

/* In the words of the file: "12 h", "0.5 sq mi", "search_warrant, subpoena" (or all, none). */
enum {
    TERMS_WORDS_MAX = 192
};
void terms_span(uint32_t s, char out[TERMS_WORDS_MAX]);
void terms_area(uint32_t m2, char out[TERMS_WORDS_MAX]);
void terms_instruments(uint32_t instruments, char out[TERMS_WORDS_MAX]);
void terms_roles(uint32_t roles, char out[TERMS_WORDS_MAX]); /* "home, requester" (or none) */
/* The same, read: for options too. ERR_USER_SYNTAX fills error->text; roles are of those who may
 * ask by treaty. */
MUST_USE enum err terms_read_span(const char *value, uint32_t max, uint32_t *out,
                                  struct terms_error *error);
MUST_USE enum err terms_read_area(const char *value, uint32_t *out, struct terms_error *error);
MUST_USE enum err terms_read_instruments(const char *value, uint32_t *out,
                                         struct terms_error *error);
MUST_USE enum err terms_read_roles(const char *value, uint32_t *out, struct terms_error *error);
const char *role_word(enum member_role role); /* "requester" */
/* What members of this role may do, said or not. */
struct role_rule terms_rule(const struct charter *charter, enum member_role role);

#endif
