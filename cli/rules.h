/* The rules of legal process as they are printed (rules.c): the table, the periods of
 * jurisdictions, and how the rules came out for a process file. */
#ifndef CLI_RULES_H
#define CLI_RULES_H

#include "cli/cli.h"
#include "proto/breadth.h"
#include "proto/process.h"

struct rules_of_file { /* all borrowed */
    const char *path;
    const struct process_reading *reading;
    const struct legal_report *report; /* NULL: nothing to check */
    const struct breadth *breadth;     /* of its words alone */
    const char *seal;                  /* the court's own signature in words */
    bool document_bad;                 /* one was given, and could not be read */
};

void rules_list(const struct cli *cli);
void periods_list(const struct cli *cli);
/* What is broken first, with its line; passed ones are counted, with --json listed. EXIT_FAILED
 * when the file has faults, which are on stderr already, or every home would refuse it. */
int rules_say(const struct cli *cli, const struct rules_of_file *file);

#endif
