#include "tests/support/vectors.h"

#include <unistd.h>

#include "tests/support/check.h"

json_t *vectors_load(const char *path, size_t flags) {
    json_error_t error;
    if (access(path, F_OK) != 0) {
        print_message("skipped: no vectors\n");
        skip();
    }
    json_t *root = json_load_file(path, flags, &error);
    if (root == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return root;
}
