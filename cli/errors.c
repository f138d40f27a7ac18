#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* The last error, for --json. */
static char said[1024];
static char said_next[512];

static void say(const char *next);

int fail(const char *next, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    say(next == NULL ? "" : next);
    return EXIT_FAILED;
}

int usage_error(const char *command, const char *format, ...) {
    char next[64] = "see 'stoop --help'";
    va_list arguments;
    if (command != NULL) {
        (void)snprintf(next, sizeof next, "see 'stoop help %s'", command);
    }
    va_start(arguments, format);
    (void)vsnprintf(said, sizeof said, format, arguments);
    va_end(arguments);
    say(next);
    return EXIT_USAGE;
}

/* What stands in `said`. */
static void say(const char *next) {
    (void)snprintf(said_next, sizeof said_next, "%s", next);
    (void)fflush(stdout); /* in the order in which it happened */
    term_busy(NULL);
    (void)fprintf(stderr, "stoop: %s\n", said);
    while (*next != '\0') { /* an error may be long; what to do next can be typed as it stands */
        size_t len = isatty(STDERR_FILENO) ? safe_fit(next, term_width()) : strlen(next);
        (void)fprintf(stderr, "%.*s\n", (int)len, next);
        next += len;
        next += *next == ' ' ? 1 : 0;
    }
}

const char *last_error(void) {
    return said;
}

const char *last_advice(void) {
    return said_next;
}
