/* Which of the home's communities a command is for. */
#ifndef CLI_REACH_H
#define CLI_REACH_H

#include "cli/cli.h"

/* The whole of a command, in the community that cli->home is of; answers its exit code. */
typedef int reach_run(struct cli *cli);

/* Runs it there: in the one community there is, or that was named; else where it belongs, in each
 * of them, or not at all and says that one has to be named. */
int reach_run_command(struct cli *cli, reach_run *run);

#endif
