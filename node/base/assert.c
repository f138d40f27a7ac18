#include "node/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *fact, const char *file, int line) {
    (void)fprintf(stderr, "assertion failed: %s (%s:%d)\n", fact, file, line);
    abort();
}
