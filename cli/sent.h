/* This home's own requests once they are sent: what came of them, amending, withdrawing. */
#ifndef CLI_SENT_H
#define CLI_SENT_H

#include "cli/cli.h"

/* The one with this code that still stands, checked. EXIT_FAILED after printing. */
int sent_find(const struct cli *cli, struct client *client, const char *code,
              struct checked_request *out);
/* What `after` changes of `before`, in plain words, a line each; how many that are. `print` false:
 * only counted. */
size_t sent_changes(const struct request *before, const struct request *after, bool print);

int sent_withdraw(struct cli *cli, const char *code, bool yes);
int sent_status(struct cli *cli); /* 'request status [CODE]' */

/* Asks `question` at the terminal: 0 for yes; else says that there was nobody to ask `about` (as in
 * "whether to send it"), or
 * `not_done`. */
int sent_ask(const char *question, const char *about, const char *not_done);
/* The same for what cannot be taken back: 0 for the word that is `wanted`, or `or_else`. */
int sent_ask_for(const char *question, const char *wanted, const char *or_else,
                 const char *not_done);

#endif
