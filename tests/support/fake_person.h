/* The person in a fake home: `stoop` runs as a program at a pseudo terminal of 80 columns, as a
 * person would run it. */
#ifndef TESTS_SUPPORT_FAKE_PERSON_H
#define TESTS_SUPPORT_FAKE_PERSON_H

#include "tests/support/fake_home.h"

/* Runs `stoop` on the home and owner of `fake`. Waits until it asks, that is until its output has
 * stood still within a line, and answers: a question for a passphrase with `passphrase`, others
 * with the next of `answers`, and end of input when there are none left. Answers the exit code, -1
 * when it hung, was killed by a signal, or could not be run. *shown gets what it printed. */
struct fake_run {
    const char *const *arguments; /* NULL ends them */
    const char *const *answers;   /* the same; sent as they are, so with their "\n" */
    const char *passphrase;
    const char *second_passphrase; /* from the second question on; NULL: the same */
    const char *typed_ahead;       /* before it has asked anything; NULL: nothing */
    bool no_terminal;
};
int fake_run(const struct fake_home *fake, const struct fake_run *run, struct buffer *shown);
bool fake_program_there(void); /* built beside this test */
void fake_skip_unless_built(void);
bool fake_shows(const struct buffer *shown, const char *text);

#endif
