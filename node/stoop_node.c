/* stoop-node: the process that talks to the network. It can neither read the cameras' files nor
 * open a sealed clip, nor choose whom a clip is sealed to (P1). Started by stoopd.
 *
 * usage: stoop-node --home DIR [--listen ADDR:PORT] [--ingest-fd N] [--supervise-fd N] */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/supervise.h"
#include "node/confine/confine.h"
#include "node/shell/shell.h"
#include "proto/config.h"
#include "proto/siblings.h"

struct options {
    const char *home;
    const char *listen;
    int ingest_fd;
    int supervise_fd;
};

static int parse_options(int argc, char **argv, struct options *out);
static int load_keys(const char *home, struct keyset *out);
static int load_config(const struct options *options, struct config *out);
static enum err run(struct shell *shell, const struct options *options, const struct config *config,
                    const struct keyset *keys);
static void take_siblings(const char *home, struct core_config *out);
static bool database_lost(const char *home);
static int say_stopped(const char *home, enum err err);
static int read_file(const char *home, const char *name, bool secret, struct buffer *out);

static const char usage[] =
    "usage: stoop-node --home DIR [--listen ADDR:PORT] [--ingest-fd N] [--supervise-fd N]\n"
    "\n"
    "The network side of a home. stoopd starts it; there is no need to do so by hand.\n"
    "\n"
    "example: stoop-node --home ~/.local/share/stoop --listen 127.0.0.1:7878\n";

int main(int argc, char **argv) {
    struct options options = {.ingest_fd = -1, .supervise_fd = -1};
    struct config config;
    struct shell *shell = NULL;
    char why[CORE_JOURNAL_MAX] = "";
    static_assert(sizeof why >= CONFINE_WHY_MAX, "room for the walls' reason");
    SCOPED(keyset_wipe) struct keyset keys = {0};

    int exit_code = parse_options(argc, argv, &options);
    if (exit_code >= 0) {
        return exit_code;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (!crypto_start() || !secret_process_harden()) {
        (void)fprintf(stderr, "stoop-node: this computer's randomness or limits are not usable\n");
        return SUPERVISE_EXIT_CONFIG;
    }
    if (load_config(&options, &config) != 0 || load_keys(options.home, &keys) != 0) {
        return SUPERVISE_EXIT_CONFIG;
    }
    char siblings[4096];
    (void)snprintf(siblings, sizeof siblings, "%s/node/siblings", options.home);
    struct shell_config shell_config = {.home = options.home,
                                        .siblings = siblings,
                                        .listen = config.listen,
                                        .ingest_fd = options.ingest_fd,
                                        .supervise_fd = options.supervise_fd};
    enum err err = shell_create(&shell_config, &shell, why);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "stoop-node: cannot open '%s': %s%s\n", why,
                      err == ERR_HOST_LOCKED ? "the address is taken by another program"
                                             : err_text(err),
                      err == ERR_HOST_LOCKED ? "\nend that one, or change 'listen' in the home's "
                                               "'config'; 'stoop doctor' looks"
                                             : "");
        return err == ERR_HOST_DISK ? 1 : SUPERVISE_EXIT_CONFIG; /* there may be room again */
    }
    if (confine_node(options.home, why) != ERR_OK) {
        (void)fprintf(stderr, "stoop-node: the walls could not be raised: %s\n", why);
        shell_destroy(shell);
        return SUPERVISE_EXIT_CONFIG;
    }
    err = run(shell, &options, &config, &keys);
    shell_destroy(shell);
    return err == ERR_OK ? 0 : say_stopped(options.home, err);
}

static int parse_options(int argc, char **argv, struct options *out) {
    static const struct option table[] = {
        {"home", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"ingest-fd", required_argument, NULL, 'i'},
        {"supervise-fd", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (option) {
        case 'd':
            out->home = optarg;
            break;
        case 'l':
            out->listen = optarg;
            break;
        case 'i':
            out->ingest_fd = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            out->supervise_fd = (int)strtol(optarg, NULL, 10);
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'V':
            (void)puts("stoop-node " STOOP_VERSION);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (out->home == NULL || optind < argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return -1;
}

static int load_config(const struct options *options, struct config *out) {
    SCOPED(buffer_finish) struct buffer file = {.max = CONFIG_FILE_MAX};
    struct config_error error;
    if (read_file(options->home, "config", false, &file) != 0) {
        return -1;
    }
    if (config_read(buffer_bytes(&file), out, &error) != ERR_OK) {
        (void)fprintf(stderr, "stoop-node: %s/config:%zu: %s\n", options->home, error.line,
                      error.text);
        return -1;
    }
    if (options->listen != NULL) {
        (void)snprintf(out->listen, sizeof out->listen, "%s", options->listen);
    }
    return 0;
}

static int load_keys(const char *home, struct keyset *out) {
    SCOPED(buffer_finish) struct buffer file = {.max = KEYFILE_BYTES_MAX};
    int failed = read_file(home, "node/node.key", true, &file);
    if (failed == 0 && keyset_read("node", buffer_bytes(&file), out) != KEYFILE_OK) {
        (void)fprintf(stderr, "stoop-node: '%s/node/node.key' is broken\n", home);
        failed = -1;
    }
    if (file.at != NULL) {
        secret_wipe(file.at, file.len);
    }
    return failed;
}

static enum err run(struct shell *shell, const struct options *options, const struct config *config,
                    const struct keyset *keys) {
    char path[4096];
    struct store *store = NULL;
    struct core *core = NULL;
    struct core_config core_config = {.disk = shell_disk(shell), .keys = *keys, .now = shell_now()};
    (void)snprintf(path, sizeof path, "%s/node/stoop.db", options->home);
    enum err err = database_lost(options->home) ? ERR_HOST_DATABASE : store_open(path, &store);
    if (err == ERR_OK) {
        core_config.store = store;
        core_config.address_count = config->address_count;
        memcpy(core_config.addresses, config->addresses, sizeof core_config.addresses);
        if (core_config.address_count ==
            0) { /* nothing said: what was bound, if others can dial it */
            shell_bound_address(shell, core_config.addresses[0]);
            bool any = strncmp(core_config.addresses[0], "0.0.0.0:", 8) == 0 ||
                       strncmp(core_config.addresses[0], "[::]:", 5) == 0;
            core_config.address_count = any ? 0 : 1;
        }
        for (size_t i = 0; i < core_config.address_count; i++) {
            core_config.private_addresses |= address_is_loopback(core_config.addresses[i]) ||
                                             address_is_private(core_config.addresses[i]);
        }
        take_siblings(options->home, &core_config);
        random_bytes(core_config.seed, sizeof core_config.seed);
        err = core_create(&core_config, &core);
    }
    if (err == ERR_OK) {
        err = shell_run(shell, core);
    }
    core_destroy(core);
    store_close(store);
    keyset_wipe(&core_config.keys);
    return err;
}

/* A home in one community has no such file. Without a whole one the node serves its own community
 * all the same. */
static void take_siblings(const char *home, struct core_config *out) {
    char path[4096];
    size_t line = 0;
    struct siblings siblings = {.count = 0};
    SCOPED(buffer_finish) struct buffer file = {.max = SIBLINGS_FILE_MAX};
    (void)snprintf(path, sizeof path, "%s/node/siblings", home);
    if (access(path, F_OK) != 0 || read_file(home, "node/siblings", false, &file) != 0) {
        return;
    }
    if (siblings_read(buffer_bytes(&file), &siblings, &line) != ERR_OK) {
        (void)fprintf(stderr, "warn node: %s:%zu: not a line of the home's other nodes\n", path,
                      line);
        return;
    }
    out->siblings = siblings;
}

/* A log without its database: to begin anew under the same key would be to sign two logs. */
static bool database_lost(const char *home) {
    char path[4096];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/node/stoop.db", home);
    bool there = stat(path, &info) == 0 && info.st_size > 0;
    (void)snprintf(path, sizeof path, "%s/node/log/checkpoint", home);
    return !there && access(path, F_OK) == 0;
}

/* A full disk or a folder that cannot be written may come right by itself: the supervisor tries
 * again. A damaged database does not, and to start without it would be to forget what was promised.
 */
static int say_stopped(const char *home, enum err err) {
    if (err == ERR_HOST_DATABASE) {
        (void)fprintf(stderr,
                      "stoop-node: '%s/node/stoop.db' is damaged or lost\n"
                      "put back a copy of the whole folder '%s/node'\n",
                      home, home);
    } else if (err == ERR_HOST_SCHEMA) {
        (void)fprintf(stderr, "stoop-node: '%s/node/stoop.db': %s\n", home, err_text(err));
    } else {
        (void)fprintf(stderr, "stoop-node: stopped: %s\nlook at '%s/node' and its disk\n",
                      err_text(err), home);
    }
    return err == ERR_HOST_DATABASE || err == ERR_HOST_SCHEMA ? SUPERVISE_EXIT_CONFIG : 1;
}

static int read_file(const char *home, const char *name, bool secret, struct buffer *out) {
    char path[4096];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", home, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void)fprintf(stderr, "stoop-node: cannot read '%s': %s\nmake a home with 'stoop init'\n",
                      path, strerror(errno));
        return -1;
    }
    if (secret && (info.st_mode & 077) != 0) {
        (void)fprintf(stderr, "stoop-node: '%s' can be read by others\nrun 'chmod 600 %s'\n", path,
                      path);
        (void)close(fd);
        return -1;
    }
    uint8_t *to = NULL;
    enum err err = buffer_extend(out, (size_t)info.st_size, &to);
    bool good = err == ERR_OK && read(fd, to, (size_t)info.st_size) == info.st_size;
    (void)close(fd);
    if (!good) {
        (void)fprintf(stderr, "stoop-node: '%s' is too large or cannot be read\n", path);
    }
    return good ? 0 : -1;
}
