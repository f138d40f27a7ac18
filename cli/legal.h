/* The rules of legal process as they are printed (legal.c): the table, the periods of
 * jurisdictions, and how the rules came out for a process file. */
#ifndef CLI_LEGAL_H
#define CLI_LEGAL_H

#include "cli/cli.h"
#include "proto/breadth.h"
#include "proto/process.h"

struct legal_of_file { /* all borrowed */
    const char *path;
    const struct process_reading *reading;
    const struct legal_report *report; /* NULL: nothing to check */
    const char *seal;                  /* what the court's own signature came to */
    const struct breadth *breadth;     /* of its words alone */
    bool document_bad;                 /* one was given, and could not be read */
};

void legal_list(const struct cli *cli);
void legal_periods(const struct cli *cli);
/* What is broken first, with its line; passed ones are counted, with --json listed. EXIT_FAILED
 * when the file has faults, which are on stderr already, or every home would refuse it. */
int legal_say(const struct cli *cli, const struct legal_of_file *file);

#endif
