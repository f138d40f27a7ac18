/* stoop-ingest: the process that reads the cameras. It has no network (P1). Started by stoopd.
 *
 * usage: stoop-ingest --home DIR --node-fd N [--further NAME:N]... */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "node/base/supervise.h"
#include "node/confine/confine.h"
#include "node/ingest/ingest.h"
#include "proto/config.h"

static volatile sig_atomic_t again; /* the supervisor has another node, or a new one, for it */

static int parse_options(int argc, char **argv, struct ingest_config *out);
static bool take_place(const char *name, const char *fd, struct ingest_config *out);
static bool take_further(const char *word, struct ingest_config *out);
static void wait_for_hint(void);
static void on_hint(int number);
static int load(struct ingest_config *config);
static int read_file(const char *home, const char *name, bool secret, struct buffer *out);
static int raise_walls(const struct ingest *ingest);
static void be_idle(void);

static const char usage[] =
    "usage: stoop-ingest --home DIR --node-fd N [--further NAME:N]...\n"
    "\n"
    "The camera side of a home. stoopd starts it; there is no need to do so "
    "by hand.\n";

int main(int argc, char **argv) {
    static struct ingest_config config = {.again = &again};
    static char worker[PATH_MAX];
    struct ingest *ingest = NULL;
    int exit_code = parse_options(argc, argv, &config);
    if (exit_code >= 0) {
        return exit_code;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    wait_for_hint();
    tzset();
    ssize_t len = readlink("/proc/self/exe", worker, sizeof worker - 16);
    if (len <= 0 || !crypto_start() || !secret_process_harden()) {
        (void)fprintf(stderr, "stoop-ingest: this computer is not usable: %s\n", strerror(errno));
        return SUPERVISE_EXIT_CONFIG;
    }
    char *name = strrchr(worker, '/') + 1;
    (void)snprintf(name, sizeof worker - (size_t)(name - worker), "stoop-media");
    config.worker = worker;
    if (load(&config) != 0) {
        return SUPERVISE_EXIT_CONFIG;
    }
    enum err err = ingest_create(&config, &ingest);
    keyset_wipe(&config.keys);
    if (err != ERR_OK) {
        (void)fprintf(stderr, "stoop-ingest: cannot open '%s/ingest/index.db': %s\n", config.home,
                      err_text(err));
        return err == ERR_HOST_SCHEMA || err == ERR_HOST_DATABASE ? SUPERVISE_EXIT_CONFIG : 1;
    }
    be_idle();
    if (raise_walls(ingest) != 0) {
        ingest_destroy(ingest);
        return SUPERVISE_EXIT_CONFIG;
    }
    exit_code = ingest_run(ingest);
    ingest_destroy(ingest);
    return exit_code;
}

static int parse_options(int argc, char **argv, struct ingest_config *out) {
    static const struct option table[] = {
        {"home", required_argument, NULL, 'd'},    {"node-fd", required_argument, NULL, 'n'},
        {"further", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
    };
    int option = 0;
    bool good = true;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (option) {
        case 'd':
            out->home = optarg;
            break;
        case 'n':
            good = good && take_place(SLUG_FIRST, optarg, out);
            break;
        case 'f':
            good = good && take_further(optarg, out);
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'V':
            (void)puts("stoop-ingest " STOOP_VERSION);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (out->home == NULL || out->place_count == 0 || !good || optind < argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return -1;
}

static bool take_further(const char *word, struct ingest_config *out) {
    char name[SLUG_MAX_BYTES];
    const char *colon = strchr(word, ':');
    size_t len = colon == NULL ? sizeof name : (size_t)(colon - word);
    if (len >= sizeof name) {
        return false;
    }
    memcpy(name, word, len);
    name[len] = '\0';
    return slug_valid(name) && take_place(name, colon + 1, out);
}

static bool take_place(const char *name, const char *fd, struct ingest_config *out) {
    char *end = NULL;
    long number = strtol(fd, &end, 10);
    if (*fd < '0' || *fd > '9' || *end != '\0' || number > INT_MAX ||
        out->place_count == COUNT_OF(out->places)) {
        return false;
    }
    struct ingest_place *place = &out->places[out->place_count++];
    (void)snprintf(place->name, sizeof place->name, "%s", name);
    place->fd = (int)number;
    return true;
}

/* Blocked, but where ingest waits: it ends no clip that is being made. */
static void wait_for_hint(void) {
    const struct sigaction action = {.sa_handler = on_hint};
    sigset_t hint;
    (void)sigemptyset(&hint);
    (void)sigaddset(&hint, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &hint, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

static void on_hint(int number) {
    (void)number;
    again = 1;
}

static int load(struct ingest_config *config) {
    SCOPED(buffer_finish) struct buffer keys = {.max = KEYFILE_BYTES_MAX};
    SCOPED(buffer_finish) struct buffer pins = {.max = PINS_FILE_MAX};
    SCOPED(buffer_finish) struct buffer file = {.max = CONFIG_FILE_MAX};
    struct config home;
    struct config_error error;
    size_t line = 0;
    if (read_file(config->home, "ingest/ingest.key", true, &keys) != 0 ||
        read_file(config->home, "ingest/pins", false, &pins) != 0 ||
        read_file(config->home, "config", false, &file) != 0) {
        return -1;
    }
    bool good = keyset_read("ingest", buffer_bytes(&keys), &config->keys) == KEYFILE_OK;
    secret_wipe(keys.at, keys.len);
    if (!good) {
        (void)fprintf(stderr, "stoop-ingest: '%s/ingest/ingest.key' is broken\n", config->home);
        return -1;
    }
    if (pins_read(buffer_bytes(&pins), &config->pins, &line) != ERR_OK ||
        config->pins.owner_count == 0) {
        (void)fprintf(stderr, "stoop-ingest: %s/ingest/pins:%zu: not a line of pinned keys\n",
                      config->home, line);
        return -1;
    }
    if (config_read(buffer_bytes(&file), &home, &error) != ERR_OK) {
        (void)fprintf(stderr, "stoop-ingest: %s/config:%zu: %s\n", config->home, error.line,
                      error.text);
        return -1;
    }
    config->match_delay_ms = home.match_delay_s * 1000;
    return 0;
}

static int read_file(const char *home, const char *name, bool secret, struct buffer *out) {
    char path[PATH_MAX];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", home, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &info) != 0) {
        (void)fprintf(stderr, "stoop-ingest: cannot read '%s': %s\n", path, strerror(errno));
        return -1;
    }
    if (secret && (info.st_mode & 077) != 0) {
        (void)fprintf(stderr, "stoop-ingest: '%s' can be read by others\nrun 'chmod 600 %s'\n",
                      path, path);
        (void)close(fd);
        return -1;
    }
    uint8_t *to = NULL;
    bool good = buffer_extend(out, (size_t)info.st_size, &to) == ERR_OK &&
                read(fd, to, (size_t)info.st_size) == info.st_size;
    (void)close(fd);
    if (!good) {
        (void)fprintf(stderr, "stoop-ingest: '%s' is too large or cannot be read\n", path);
    }
    return good ? 0 : -1;
}

static int raise_walls(const struct ingest *ingest) {
    static char rooms[COMMUNITIES_MAX][PATH_MAX];
    const char *homes[COMMUNITIES_MAX];
    const char *folders[CAMERAS_MAX];
    char why[CONFINE_WHY_MAX];
    for (size_t i = 0; i < ingest->list.camera_count; i++) {
        folders[i] = ingest->list.cameras[i].folder;
    }
    for (size_t i = 0; i < ingest->node_count; i++) {
        ingest_node_home(ingest->config.home, ingest->nodes[i].place.name, rooms[i]);
        homes[i] = rooms[i];
    }
    if (confine_ingest(ingest->config.home, ingest->config.worker,
                       (struct confine_paths){homes, ingest->node_count},
                       (struct confine_paths){folders, ingest->list.camera_count}, why) != ERR_OK) {
        (void)fprintf(stderr, "stoop-ingest: the walls could not be raised: %s\n", why);
        return -1;
    }
    return 0;
}

/* The recorder on this machine comes first, and the node: a neighbour that times its answers must
 * not see ingest at work (P2). Its children inherit both. Failing costs nothing but manners. */
static void be_idle(void) {
    enum {
        IOPRIO_WHO_PROCESS = 1,
        IOPRIO_CLASS_IDLE = 3,
        IOPRIO_CLASS_SHIFT = 13
    };
    const struct sched_param none = {.sched_priority = 0};
    (void)setpriority(PRIO_PROCESS, 0, 10);
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT);
}
