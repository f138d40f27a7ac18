/* Meeting by words that are said (PROTOCOL 4.6), for the commands that invite and join. */
#ifndef CLI_CMD_MEET_H
#define CLI_CMD_MEET_H

#include "cli/cli.h"

/* Gives `code` out by a spoken code, shows that, and waits until it was used, burned or ended. */
int meet_offer(const struct cli *cli, struct client *client, const struct invite_code *code,
               const char *code_text, long minutes);
/* Asks for the words, then the sponsor's home; `code` is the invite that it gives for them. */
int meet_sponsor(const struct cli *cli, const char *text, char code[CODE_MAX_BYTES]);
/* What stands for a community and a sponsor, a line each, on stderr. */
void meet_show_home(const struct id *community, const struct box_public *sponsor, size_t count,
                    const char addresses[][ADDRESS_MAX_BYTES]);

#endif
