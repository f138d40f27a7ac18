/* The owner's own program that is told when something waits. It runs in a child without keys,
 * started first of all, one at a time, for at most HOOK_WALL_S; by its arguments, without a shell.
 * It is told how many requests wait and their codes, and nothing else: no name, place or picture,
 * and there is nothing that it could accept with. Its failures are told, and end nothing; the end
 * of that child does, for nobody would be told any more. */
#ifndef CLI_HOOK_H
#define CLI_HOOK_H

#include "cli/cli.h"

enum {
    HOOK_WALL_S = 30,
    HOOK_MESSAGE_MAX = 1024,
    HOOK_CODES = 5, /* are named; more are counted */
};

enum hook_event {
    HOOK_WAITS,
    HOOK_ENDS_SOON
};

struct hook;
/* `words` end with NULL and outlive the hook. */
/* EXIT_USAGE after printing: there is no such program. */
int hook_start(char *const *words, struct hook **out);
/* Ready: the one before has ended; says how it failed. EXIT_FAILED after printing: the child is
 * gone. */
int hook_look(struct hook *hook, bool *ready);
/* Runs it: it must be ready. The first HOOK_CODES of the codes, at most `count`. EXIT_FAILED after
 * printing: the child is gone. */
int hook_tell(struct hook *hook, enum hook_event event, size_t count,
              char (*codes)[REQUEST_CODE_BYTES]);
void hook_stop(struct hook *hook); /* NULL is fine; one that runs goes on to its end */

/* ---- what this owner was notified of: `notified` in the owner's own folder ----
 * Text, a line each: "EVENT REQUEST EXPIRES-SECONDS", behind a title line. It is written before the
 * hook runs, so nothing is told twice over restarts. Lines go when their request has ended. */
enum {
    NOTIFIED_MAX = 2048,
    NOTIFIED_LINE_MAX = 128
};
struct notified {
    size_t count;
    struct notified_line {
        enum hook_event event;
        struct id request;
        struct instant expires;
    } list[NOTIFIED_MAX];
};
/* One at a time may notify an owner: the lock is held until this process ends. EXIT_FAILED after
 * printing. */
int notified_open(const struct cli *cli, struct notified *out);
bool notified_has(const struct notified *notified, enum hook_event event, const struct id *request);
/* The oldest make room. */
void notified_add(struct notified *notified, enum hook_event event, const struct id *request,
                  struct instant expires);
int notified_save(const struct cli *cli, struct notified *notified, struct instant now);
/* The file's text; ERR_USER_SYNTAX. */
MUST_USE enum err notified_read(struct bytes file, struct notified *out);

#endif
