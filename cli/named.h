/* Which one a person means by a code. A code is the first three bytes of an id, and whoever makes
 * a request can try until it has the code of another one (PROTOCOL 2.2): so a code that fits
 * several chooses none of them. It is refused, with a longer code for each; and wherever a code is
 * taken, so is any longer beginning of the id.
 *
 * Memory: the caller's; it borrows `word`. Large: keep it static. */
#ifndef CLI_NAMED_H
#define CLI_NAMED_H

#include "cli/cli.h"

enum {
    NAMED_MAX = 16, /* that are listed; beyond it they are counted, and share no longer code */
    NAMED_SAYS_BYTES = 160,
};

struct named {
    const char *word;
    size_t count; /* that are held below: all that begin as the short code does */
    size_t meant; /* by the word, held or not */
    bool full;
    struct named_one {
        struct id id;
        bool meant;
        char by[ASKER_MAX];
        char says[NAMED_SAYS_BYTES];
    } list[NAMED_MAX];
};

/* Six digits of it at least, in either case; hyphens may be left out. */
bool code_begins(const char *word, const struct id *id);

/* What to do about a word that means none: `next`, but where it is the beginning of a code, and no
 * more, what a code has. */
const char *code_advice(const char *word, const char *next);

/* `word` may be no code: then it means none. */
void named_start(struct named *named, const char *word);
/* Is it meant? One that is told twice counts once. `by` and `says` need not be safe to print. */
bool named_note(struct named *named, const struct id *id, const char *by, const char *says);
bool named_note_request(struct named *named, const struct checked_request *asked);
/* 0 where at most one is meant; else EXIT_FAILED after listing them. `what`: "requests". */
int named_settle(const struct named *named, const char *what);
/* Its code: the short one, or as much more as tells it from all others that were noted. */
void named_code(const struct named *named, const struct id *id, char out[LONG_CODE_BYTES]);

/* The same of a few ids that are all at hand. */
size_t code_bytes_apart(const struct id *one, const struct id *other);

#endif
