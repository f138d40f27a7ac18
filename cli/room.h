/* The room that a home has made for a further community, taken away again. */
#ifndef CLI_ROOM_H
#define CLI_ROOM_H

#include "cli/cli.h"

int room_remove(struct cli *cli); /* 'communities remove NAME', NAME at cli->argv[1] */
/* EXIT_FAILED after printing: one of that name is being removed still. */
int room_free(const struct cli *cli, const char *name);
void room_note_going(const struct cli *cli); /* tells of removals that were broken off */

#endif
