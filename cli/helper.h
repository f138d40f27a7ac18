/* Children of `stoop` that are started before the walls and have no key: they do what nobody behind
 * the walls can, which is to start programs. Each answers at a socket, in messages that may carry
 * files, and ends when the other end is closed. */
#ifndef CLI_HELPER_H
#define CLI_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "node/base/bytes.h"

enum {
    HELPER_FILES_MAX = 2
};

struct helper {
    int socket;
};

/* Runs in the child, never returns: of what was open, only `socket` and the standard streams are.
 * Ctrl-C does not reach it: that is for the prompt. */
typedef void helper_serve(int socket, const void *argument);

/* `what` is for the error. EXIT_FAILED after printing. */
int helper_start(helper_serve *serve, const void *argument, const char *what, struct helper **out);
void helper_stop(struct helper *helper); /* NULL is fine */

/* One message. */
bool helper_send(int socket, const void *data, size_t len, const int *files, size_t file_count);
/* Its length, 0 at the end, -1 when it is interrupted. Every file of `files` is open then; a
 * message with another number of them is the end. */
ssize_t helper_receive(int socket, void *data, size_t room, int *files, size_t file_count);

bool helper_fill(int file, struct bytes bytes); /* at its end */
/* For one job on bytes of anybody's making, in a child of the child: the walls of media work, no
 * terminal, 10 s of the processor, so many bytes of a file and of address space. What it needs is
 * open already. False: nothing may be done after it but to end. */
bool helper_confine(uint64_t most_bytes, uint64_t most_memory);

/* The address sanitizer's own maps are larger than any limit that would mean something. */
#if defined(__SANITIZE_ADDRESS__)
#define HELPER_MEMORY_BOUND false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HELPER_MEMORY_BOUND false
#endif
#endif
#ifndef HELPER_MEMORY_BOUND
#define HELPER_MEMORY_BOUND true
#endif

#endif
