#include "cli/siblings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/siblings.h"

static int add_node(struct cli *cli, struct pins *pins, const char *name, bool is_new,
                    struct kin_node *out);
static bool were_several(const struct cli *cli);
static void learn_static(struct cli *cli, const char *name, struct pins *pins);
static void gather(const struct kin *kin, const struct pins *pins, const char *name,
                   struct siblings *out);
static void address_here(const char *listen, char out[ADDRESS_MAX_BYTES]);
static bool says_already(const char *path, struct bytes wanted);
static int write_file(const char *folder, const char *path, struct bytes wanted);

int place_config(const struct cli *cli, const char *name, struct config *out) {
    char home[PATH_MAX];
    char path[PATH_MAX + 8];
    struct config_error error;
    SCOPED(buffer_finish) struct buffer file = {.max = CONFIG_FILE_MAX};
    place_home(cli, name, home);
    (void)snprintf(path, sizeof path, "%s/config", home);
    int failed = file_read(path, CONFIG_FILE_MAX, false, &file);
    if (failed == 0 && config_read(buffer_bytes(&file), out, &error) != ERR_OK) {
        failed = fail(NULL, "'%s', line %zu: %s", path, error.line, error.text);
    }
    return failed;
}

int siblings_prepare(struct cli *cli, struct pins *pins, struct kin *out) {
    struct places places;
    bool known = false;
    places_list(cli, &places);
    for (size_t i = 0; i < places.count; i++) {
        known |= strcmp(places.names[i], place_of(cli)) == 0;
    }
    if (!known && places.count < COMMUNITIES_MAX) { /* `stoop init` is about to make it */
        (void)snprintf(places.names[places.count++], SLUG_MAX_BYTES, "%s", place_of(cli));
    }
    out->count = 0;
    int failed = 0;
    bool several = places.count > 1 || were_several(cli);
    for (size_t i = 0; failed == 0 && several && i < places.count; i++) {
        bool is_new = !known && i + 1 == places.count;
        failed = add_node(cli, pins, places.names[i], is_new, &out->list[out->count++]);
    }
    return failed;
}

/* The first node has been told of another one. */
static bool were_several(const struct cli *cli) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/node/siblings", cli->base);
    return access(path, F_OK) == 0;
}

static int add_node(struct cli *cli, struct pins *pins, const char *name, bool is_new,
                    struct kin_node *out) {
    struct config config;
    char home[PATH_MAX];
    *out = (struct kin_node){.address = ""};
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    place_home(cli, name, home);
    (void)snprintf(out->folder, sizeof out->folder, "%.*s/node", PATH_MAX - 8, home);
    walls_allow(cli, out->folder);
    if (is_new) {
        return 0;
    }
    int failed = place_config(cli, name, &config);
    if (failed == 0) {
        address_here(config.listen, out->address);
        learn_static(cli, name, pins);
    }
    return failed;
}

/* Homes that were made before it was pinned; one whose node is down is told of next time. */
static void learn_static(struct cli *cli, const char *name, struct pins *pins) {
    static struct control_reply status;
    struct pinned_place *place = pins_place_add(pins, name);
    struct client *client = NULL;
    char before[SLUG_MAX_BYTES];
    if (place == NULL || place->has_transport) {
        return;
    }
    (void)snprintf(before, sizeof before, "%s", place_of(cli));
    place_choose(cli, name);
    if (client_there(cli) && client_open(cli, &client) == 0 &&
        client_status(client, &status) == 0 &&
        (!place->has_node || sign_public_equal(&place->node, &status.as.status.node))) {
        place->has_transport = true;
        place->transport = status.as.status.transport;
    }
    client_close(client);
    place_choose(cli, before);
}

int siblings_tell(const struct kin *kin, const struct pins *pins) {
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < kin->count; i++) {
        failed = siblings_tell_one(kin, pins, kin->list[i].name);
    }
    return failed;
}

int siblings_tell_one(const struct kin *kin, const struct pins *pins, const char *name) {
    struct siblings siblings;
    char path[PATH_MAX + 16];
    SCOPED(buffer_finish) struct buffer wanted = {.max = SIBLINGS_FILE_MAX};
    size_t at = 0;
    while (at < kin->count && strcmp(kin->list[at].name, name) != 0) {
        at++;
    }
    if (at == kin->count) {
        return 0;
    }
    gather(kin, pins, name, &siblings);
    if (siblings_write(&siblings, &wanted) != ERR_OK) {
        return fail(NULL, "out of memory");
    }
    (void)snprintf(path, sizeof path, "%s/siblings", kin->list[at].folder);
    return says_already(path, buffer_bytes(&wanted))
               ? 0
               : write_file(kin->list[at].folder, path, buffer_bytes(&wanted));
}

static void gather(const struct kin *kin, const struct pins *pins, const char *name,
                   struct siblings *out) {
    out->count = 0;
    for (size_t i = 0; i < kin->count && out->count < SIBLINGS_MAX; i++) {
        const struct pinned_place *place = pins_place(pins, kin->list[i].name);
        if (strcmp(kin->list[i].name, name) == 0 || place == NULL || !place->has_community ||
            !place->has_transport) {
            continue;
        }
        struct sibling *sibling = &out->list[out->count++];
        sibling->community = place->community;
        sibling->transport = place->transport;
        memcpy(sibling->address, kin->list[i].address, sizeof sibling->address);
    }
}

/* "127.0.0.1:7878" for a node that listens on all addresses. */
static void address_here(const char *listen, char out[ADDRESS_MAX_BYTES]) {
    const char *port = strrchr(listen, ':');
    bool four = strncmp(listen, "0.0.0.0:", 8) == 0;
    bool six = strncmp(listen, "[::]:", 5) == 0;
    (void)snprintf(out, ADDRESS_MAX_BYTES, "%s%s",
                   four  ? "127.0.0.1"
                   : six ? "[::1]"
                         : "",
                   four || six ? port : listen);
}

static bool says_already(const char *path, struct bytes wanted) {
    uint8_t said[SIBLINGS_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, said, sizeof said);
    if (fd >= 0) {
        (void)close(fd);
    }
    return got >= 0 && bytes_equal((struct bytes){said, (size_t)got}, wanted);
}

/* In a system service's home the folder is the node's, and the file alone its owners' to write. A
 * node that reads half of it says so, and reads it again when the rest is there. */
static int write_file(const char *folder, const char *path, struct bytes wanted) {
    struct stat info;
    if (stat(folder, &info) == 0 && info.st_uid == geteuid()) {
        return file_write(path, wanted, 0600, false);
    }
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
    bool good =
        fd >= 0 && write(fd, wanted.at, wanted.len) == (ssize_t)wanted.len && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good ? 0 : fail(NULL, "cannot write '%s': %s", path, strerror(reason));
}
