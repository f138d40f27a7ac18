/* Test vectors lie beside the source tree and are never copied into it. */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <jansson.h>

/* Loads a JSON file, with `flags` of jansson. Skips the test when there is no such file, and fails
 * it when the file cannot be read: a test must not skip because it misunderstands its vectors. The
 * caller gives the reference back. */
json_t *vectors_load(const char *path, size_t flags);

#endif
