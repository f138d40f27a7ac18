#include "tests/support/authority.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/check.h"

enum {
    FILE_MAX = 128 * 1024,
    COMMAND_MAX = 128,
};

void authority_start(struct authority *authority) {
    char command[COMMAND_MAX];
    (void)snprintf(authority->folder, sizeof authority->folder, "/tmp/stoop-authority-XXXXXX");
    CHECK(mkdtemp(authority->folder) != NULL);
    (void)snprintf(command, sizeof command, "tests/support/authority.sh %s", authority->folder);
    CHECK(system(command) == 0); /* NOLINT(cert-env33-c): a test's own script */
    authority_read(authority, "document", &authority->document);
}

int authority_stop(struct authority *authority) {
    char command[COMMAND_MAX];
    buffer_finish(&authority->document);
    (void)snprintf(command, sizeof command, "rm -r %s", authority->folder);
    return system(command); /* NOLINT(cert-env33-c) */
}

void authority_read(const struct authority *authority, const char *name, struct buffer *out) {
    static uint8_t bytes[FILE_MAX];
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", authority->folder, name);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    size_t len = fread(bytes, 1, sizeof bytes, file);
    CHECK(feof(file) != 0);
    CHECK(fclose(file) == 0);
    buffer_init(out, FILE_MAX);
    CHECK_ERR(ERR_OK, buffer_append(out, (struct bytes){bytes, len}));
}
