/* stoopd: starts and restarts the confined programs of a home: one ingest, and a node for each
 * community that it belongs to, joined to ingest by a socket pair of its own. It opens no
 * connection and reads nothing that a peer sent.
 *
 * The first community's node has DIR for its home, each further one DIR/communities/NAME
 * (PROTOCOL 1.3). One that appears there is started, one that ends is started again, and one whose
 * folder is gone is ended, each without the others. Ingest gets a fresh pair to every node whenever
 * it starts, as it can be handed none later: a node that starts after it has ingest asked to start
 * anew.
 *
 * Walls are inherited and can never be widened, so the supervisor can only put up those that every
 * child may live with: no new privileges, no capabilities, and the calls that none of them needs.
 * It keeps the right to make sockets for the nodes' sake; the children take it away from
 * themselves.
 *
 * Started as root, it runs each of them as the user who owns its folder, `node` or `ingest`, with
 * that user's groups: `stoop init --service` has made them the users stoop and stoop-ingest.
 *
 * usage: stoopd [--home DIR] [--listen ADDR:PORT] */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node/base/assert.h"
#include "node/base/attr.h"
#include "node/base/supervise.h"
#include "node/confine/confine.h"
#include "proto/slug.h"

enum {
    RESTART_FIRST_MS = 1000,
    RESTART_LAST_MS = 30000,
    HEALTHY_MS = 60000,
    STOP_MS = 10000,
    LOOK_MS = 3000,                      /* between two looks for further communities */
    WORDS_MAX = 8 + 2 * COMMUNITIES_MAX, /* of a child's command line */
    WORD_BYTES = PATH_MAX + 64,
    GIVEN_MAX = 2 + COMMUNITIES_MAX, /* descriptors */
    HIGH_FD = 64,                    /* above all that a child is given */
};

struct child {
    pid_t pid; /* 0: not running */
    long long started_ms;
    long long start_at_ms; /* when it is to be started again */
    long long back_off_ms;
    bool hopeless; /* it said that it will not get better by itself */
};

struct node {
    char name[SLUG_MAX_BYTES];
    char home[PATH_MAX];
    struct child child;
    bool told_to_end; /* its folder is gone */
    int control;      /* to it; -1 while it does not run */
    int pair;         /* its end of the pair with ingest, kept for its start; -1: none */
};

struct supervisor {
    char home[PATH_MAX];
    char folder[PATH_MAX]; /* of the programs that it starts */
    const char *listen;
    size_t node_count; /* the first community's comes first */
    struct node nodes[COMMUNITIES_MAX];
    struct child ingest;
    long long look_at_ms;
    int signals;
    int lock; /* passed to the children */
};

struct launch { /* of one child */
    size_t word_count;
    char words[WORDS_MAX][WORD_BYTES];
    size_t given_count;
    int given[GIVEN_MAX]; /* borrowed; the child has them from SUPERVISE_FIRST_FD on */
    char owned[PATH_MAX]; /* it runs as whoever owns this folder */
};

static int parse_options(int argc, char **argv, struct supervisor *out);
static void default_home(char out[PATH_MAX]);
static int find_programs(struct supervisor *supervisor);
static int check_home(const struct supervisor *supervisor);
static bool other_owner(const char *folder, struct stat *out);
static bool become_owner(const char *folder);
static int take_lock(struct supervisor *supervisor);
static int lock_byte(const struct supervisor *supervisor, off_t byte, long long wait_ms);
static int supervise(struct supervisor *supervisor);
static void look_for_homes(struct supervisor *supervisor);
static bool is_there(const struct supervisor *supervisor, const struct node *node);
static void add_node(struct supervisor *supervisor, const char *name);
static void end_removed(struct supervisor *supervisor);
static bool is_removed(const struct node *node);
static int start_due(struct supervisor *supervisor);
static int start_ingest(struct supervisor *supervisor);
static void hand_over(struct node *node, int pair);
static int start_node(struct supervisor *supervisor, struct node *node);
static void launch_begin(const struct supervisor *supervisor, const char *program, const char *home,
                         struct launch *out);
static void launch_word(struct launch *launch, const char *format, ...) PRINTF_LIKE(2, 3);
static int launch_give(struct launch *launch, int fd);
static int launch(struct child *child, struct launch *what);
static _Noreturn void become(struct launch *what, pid_t parent);
static void wait_for_news(struct supervisor *supervisor);
static int reap(struct supervisor *supervisor);
static int node_ended(struct supervisor *supervisor, struct node *node, int status);
static int child_ended(struct child *child, const char *name, int status);
static bool all_hopeless(const struct supervisor *supervisor);
static void stop_all(struct supervisor *supervisor);
static void stop_child(struct child *child, long long until);
static int send_descriptor(int control, int fd);
static void hear_node(struct node *node);
static void close_end(int *fd);
static long long now_ms(void);

static const char usage[] =
    "usage: stoopd [--home DIR] [--listen ADDR:PORT]\n"
    "\n"
    "Runs a home: for each of its communities the node that talks to the\n"
    "neighbours, and the ingest that reads the cameras.\n"
    "  --home DIR          data folder; else $STOOP_HOME, else $XDG_DATA_HOME/stoop, else\n"
    "                      ~/.local/share/stoop\n"
    "  --listen ADDR:PORT  instead of the config file's, for the first community\n"
    "  --version, --help\n"
    "\n"
    "example: stoop init && stoopd\n";

int main(int argc, char **argv) {
    static struct supervisor supervisor;
    char why[CONFINE_WHY_MAX];
    int exit_code = parse_options(argc, argv, &supervisor);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (find_programs(&supervisor) != 0 || check_home(&supervisor) != 0 ||
        take_lock(&supervisor) != 0) {
        return 1;
    }
    (void)umask(
        027); /* whatever it was started with: the children's files are for the group at most */
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)signal(SIGPIPE, SIG_IGN);

    struct stat owner;
    char ingest[PATH_MAX + 16];
    char node[PATH_MAX + 16];
    (void)snprintf(ingest, sizeof ingest, "%s/ingest", supervisor.home);
    (void)snprintf(node, sizeof node, "%s/node", supervisor.home);
    bool keep_users = other_owner(node, &owner) || other_owner(ingest, &owner);
    if (confine_supervisor(keep_users, why) != ERR_OK) {
        (void)fprintf(stderr, "stoopd: the walls could not be raised: %s\n", why);
        return 1;
    }
    return supervise(&supervisor);
}

static int parse_options(int argc, char **argv, struct supervisor *out) {
    static const struct option table[] = {
        {"home", required_argument, NULL, 'd'},
        {"listen", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    int option = 0;
    char given[PATH_MAX];
    default_home(given);
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (option) {
        case 'd':
            (void)snprintf(given, sizeof given, "%s", optarg);
            break;
        case 'l':
            out->listen = optarg;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 0;
        case 'V':
            (void)puts("stoopd " STOOP_VERSION);
            return 0;
        default:
            (void)fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (realpath(given, out->home) == NULL) {
        (void)fprintf(stderr, "stoopd: no home in '%s'\nmake one with 'stoop init'\n", given);
        return 1;
    }
    return -1;
}

static void default_home(char out[PATH_MAX]) {
    const char *home = getenv("STOOP_HOME");
    const char *share = getenv("XDG_DATA_HOME");
    const char *user = getenv("HOME");
    if (home != NULL && *home != '\0') {
        (void)snprintf(out, PATH_MAX, "%s", home);
    } else if (share != NULL && *share != '\0') {
        (void)snprintf(out, PATH_MAX, "%s/stoop", share);
    } else {
        (void)snprintf(out, PATH_MAX, "%s/.local/share/stoop", user == NULL ? "" : user);
    }
}

/* Beside this one, as they are built; else where they are installed. */
static int find_programs(struct supervisor *supervisor) {
    char own[PATH_MAX / 2];
    char node[PATH_MAX + 16];
    static const char *const places[] = {"", "/../libexec/stoop"};
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    own[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(own, '/');
    for (size_t i = 0; slash != NULL && i < COUNT_OF(places); i++) {
        *slash = '\0';
        (void)snprintf(supervisor->folder, sizeof supervisor->folder, "%s%s", own, places[i]);
        (void)snprintf(node, sizeof node, "%s/stoop-node", supervisor->folder);
        if (access(node, X_OK) == 0) {
            return 0;
        }
    }
    (void)fprintf(stderr, "stoopd: 'stoop-node' is neither beside it nor in '%s'\n",
                  supervisor->folder);
    return -1;
}

static int check_home(const struct supervisor *supervisor) {
    static const char *const parts[] = {"node", "ingest", "vault"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        char path[PATH_MAX + 16];
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", supervisor->home, parts[i]);
        if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
            (void)fprintf(stderr, "stoopd: no home in '%s'\nmake one with 'stoop init'\n",
                          supervisor->home);
            return -1;
        }
    }
    return 0;
}

/* One byte of the lock file is held as long as this process lives, and passed to nobody: a second
 * supervisor learns at once that it is one. The other is held by the children too: those of a
 * supervisor that was killed are on their way out, and until they are gone, port and database are
 * theirs. */
static int take_lock(struct supervisor *supervisor) {
    int own = lock_byte(supervisor, SUPERVISE_LOCK_SUPERVISOR, 0);
    supervisor->lock = own < 0 ? -1 : lock_byte(supervisor, SUPERVISE_LOCK_CHILDREN, STOP_MS);
    return supervisor->lock < 0 ? -1 : 0;
}

static int lock_byte(const struct supervisor *supervisor, off_t byte, long long wait_ms) {
    char path[PATH_MAX + 16];
    long long until = now_ms() + wait_ms;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    (void)snprintf(path, sizeof path, "%s/lock", supervisor->home);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        (void)fprintf(stderr, "stoopd: cannot write '%s': %s\n", path, strerror(errno));
        return -1;
    }
    while (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        if (now_ms() >= until) {
            (void)fprintf(stderr,
                          "stoopd: another node runs on '%s'\nend that one first, or name another "
                          "home with '--home'\n",
                          supervisor->home);
            (void)close(fd);
            return -1;
        }
        (void)poll(NULL, 0, 20);
    }
    return fd;
}

/* ---- the loop ---- */

static int supervise(struct supervisor *supervisor) {
    int result = -1;
    add_node(supervisor, SLUG_FIRST);
    while (result < 0) {
        if (now_ms() >= supervisor->look_at_ms) {
            look_for_homes(supervisor);
        }
        result = start_due(supervisor);
        if (result < 0) {
            wait_for_news(supervisor);
            result = reap(supervisor);
        }
    }
    stop_all(supervisor);
    return result;
}

static void look_for_homes(struct supervisor *supervisor) {
    char folder[PATH_MAX + 16];
    struct dirent *entry = NULL;
    (void)snprintf(folder, sizeof folder, "%s/" FURTHER_FOLDER, supervisor->home);
    DIR *homes = opendir(folder);
    while (homes != NULL && (entry = readdir(homes)) != NULL) {
        bool known = !slug_valid(entry->d_name);
        for (size_t i = 0; i < supervisor->node_count; i++) {
            known |= strcmp(supervisor->nodes[i].name, entry->d_name) == 0;
        }
        if (!known) {
            add_node(supervisor, entry->d_name);
        }
    }
    if (homes != NULL) {
        (void)closedir(homes);
    }
    end_removed(supervisor);
    supervisor->look_at_ms = now_ms() + LOOK_MS;
}

/* `stoop communities remove` has given its folder another name. Its place is free for another one
 * when it has ended, and ingest starts anew without it. */
static void end_removed(struct supervisor *supervisor) {
    for (size_t i = supervisor->node_count; i-- > 1;) {
        struct node *node = &supervisor->nodes[i];
        if (!is_removed(node)) {
            continue;
        }
        if (node->child.pid != 0) {
            (void)kill(node->child.pid, node->told_to_end ? SIGKILL : SIGTERM);
            node->told_to_end = true;
            continue;
        }
        (void)fprintf(stderr, "info stoopd: removed community=%s\n", node->name);
        close_end(&node->control);
        close_end(&node->pair);
        supervisor->node_count--;
        memmove(node, node + 1, (supervisor->node_count - i) * sizeof *node);
        if (supervisor->ingest.pid != 0) {
            (void)kill(supervisor->ingest.pid, SIGHUP);
        }
    }
}

static bool is_removed(const struct node *node) {
    struct stat info;
    return lstat(node->home, &info) != 0 && errno == ENOENT;
}

/* A further one is whole when its config is there, which comes last; and, where root made it, when
 * it was handed over. The first says itself what it lacks. */
static bool is_there(const struct supervisor *supervisor, const struct node *node) {
    static const char *const parts[] = {"config", "vault", "node"};
    char path[PATH_MAX + 16];
    struct stat first;
    struct stat info;
    bool whole = true;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", node->home, parts[i]);
        whole = whole && lstat(path, &info) == 0 && S_ISDIR(info.st_mode) == (i > 0);
    }
    (void)snprintf(path, sizeof path, "%s/node", supervisor->home);
    whole = whole && stat(path, &first) == 0 && first.st_uid == info.st_uid;
    return whole || strcmp(node->name, SLUG_FIRST) == 0;
}

static void add_node(struct supervisor *supervisor, const char *name) {
    struct node node = {.control = -1, .pair = -1};
    bool first = strcmp(name, SLUG_FIRST) == 0;
    int len = snprintf(node.home, sizeof node.home, "%s%s%s", supervisor->home,
                       first ? "" : "/" FURTHER_FOLDER "/", first ? "" : name);
    (void)snprintf(node.name, sizeof node.name, "%s", name);
    if (len > 0 && (size_t)len < sizeof node.home && supervisor->node_count < COMMUNITIES_MAX &&
        is_there(supervisor, &node)) {
        supervisor->nodes[supervisor->node_count++] = node;
    }
}

/* Ingest first, so that there is a pair for each node that starts with it. */
static int start_due(struct supervisor *supervisor) {
    int result = -1;
    if (supervisor->ingest.pid == 0 && now_ms() >= supervisor->ingest.start_at_ms) {
        result = start_ingest(supervisor);
    }
    for (size_t i = 0; result < 0 && i < supervisor->node_count; i++) {
        struct node *node = &supervisor->nodes[i];
        if (node->child.pid != 0 || now_ms() < node->child.start_at_ms) {
            continue;
        }
        if (is_there(supervisor, node)) {
            result = start_node(supervisor, node);
        } else { /* not whole: it may be put back, or is being removed */
            node->child.start_at_ms = now_ms() + LOOK_MS;
        }
    }
    return result;
}

static int start_ingest(struct supervisor *supervisor) {
    static struct launch what;
    struct node *nodes[COMMUNITIES_MAX];
    int pairs[COMMUNITIES_MAX][2];
    size_t count = 0;
    launch_begin(supervisor, "stoop-ingest", supervisor->home, &what);
    (void)snprintf(what.owned, sizeof what.owned, "%.*s/ingest", PATH_MAX - 8, supervisor->home);
    for (size_t i = 0; i < supervisor->node_count; i++) {
        struct node *node = &supervisor->nodes[i];
        if (!is_there(supervisor, node)) {
            continue;
        }
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[count]) != 0) {
            (void)fprintf(stderr, "stoopd: %s\n", strerror(errno));
            return 1;
        }
        int fd = launch_give(&what, pairs[count][1]);
        launch_word(&what, i == 0 ? "--node-fd" : "--further");
        launch_word(&what, "%s%s%d", i == 0 ? "" : node->name, i == 0 ? "" : ":", fd);
        nodes[count++] = node;
    }
    int result = launch(&supervisor->ingest, &what);
    for (size_t i = 0; i < count; i++) {
        (void)close(pairs[i][1]);
        hand_over(nodes[i], pairs[i][0]);
    }
    return result;
}

/* One that runs keeps its links: it is handed its end of the new pair. */
static void hand_over(struct node *node, int pair) {
    close_end(&node->pair);
    if (node->child.pid == 0) {
        node->pair = pair;
        return;
    }
    if (send_descriptor(node->control, pair) != 0) { /* it is ending: its end is seen next */
        (void)fprintf(stderr, "warn stoopd: the node did not take the new ingest\n");
    }
    (void)close(pair);
}

static int start_node(struct supervisor *supervisor, struct node *node) {
    static struct launch what;
    int control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
        (void)fprintf(stderr, "stoopd: %s\n", strerror(errno));
        return 1;
    }
    launch_begin(supervisor, "stoop-node", node->home, &what);
    (void)snprintf(what.owned, sizeof what.owned, "%.*s/node", PATH_MAX - 8, node->home);
    launch_word(&what, "--supervise-fd");
    launch_word(&what, "%d", launch_give(&what, control[1]));
    if (node->pair >= 0) {
        launch_word(&what, "--ingest-fd");
        launch_word(&what, "%d", launch_give(&what, node->pair));
    } else if (supervisor->ingest.pid != 0) { /* it comes back with a pair for this one */
        (void)kill(supervisor->ingest.pid, SIGHUP);
    }
    if (supervisor->listen != NULL && node == &supervisor->nodes[0]) {
        launch_word(&what, "--listen");
        launch_word(&what, "%s", supervisor->listen);
    }
    int result = launch(&node->child, &what);
    node->told_to_end = false;
    (void)close(control[1]);
    close_end(&node->pair);
    close_end(&node->control);
    node->control = control[0];
    return result;
}

/* ---- one child ---- */

static void launch_begin(const struct supervisor *supervisor, const char *program, const char *home,
                         struct launch *out) {
    out->word_count = out->given_count = 0;
    launch_word(out, "%s/%s", supervisor->folder, program);
    launch_word(out, "--home");
    launch_word(out, "%s", home);
    (void)launch_give(out, supervisor->lock);
}

static void launch_word(struct launch *launch, const char *format, ...) {
    va_list values;
    ASSERT(launch->word_count < WORDS_MAX);
    va_start(values, format);
    (void)vsnprintf(launch->words[launch->word_count++], WORD_BYTES, format, values);
    va_end(values);
}

/* Answers its number in the child. */
static int launch_give(struct launch *launch, int fd) {
    ASSERT(launch->given_count < GIVEN_MAX);
    launch->given[launch->given_count] = fd;
    return SUPERVISE_FIRST_FD + (int)launch->given_count++;
}

/* -1, or the exit code when all is to end. */
static int launch(struct child *child, struct launch *what) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(what, parent);
    }
    child->started_ms = now_ms();
    child->hopeless = false;
    child->pid = pid > 0 ? pid : 0;
    if (pid < 0) {
        (void)fprintf(stderr, "stoopd: cannot start '%s': %s\n", what->words[0], strerror(errno));
    }
    return pid > 0 ? -1 : 1;
}

static _Noreturn void become(struct launch *what, pid_t parent) {
    static const char *const keep[] = {"PATH", "HOME", "TZ", "LANG", "TMPDIR"};
    char *arguments[WORDS_MAX + 1] = {NULL};
    char *environment[COUNT_OF(keep) + 1] = {NULL};
    char values[COUNT_OF(keep)][512];
    int high[GIVEN_MAX];
    sigset_t none;
    size_t kept = 0;
    for (size_t i = 0; i < COUNT_OF(keep); i++) {
        const char *value = getenv(keep[i]);
        if (value != NULL && strlen(value) < 480) {
            (void)snprintf(values[kept], sizeof values[kept], "%s=%s", keep[i], value);
            environment[kept] = values[kept];
            kept++;
        }
    }
    for (size_t i = 0; i < what->word_count; i++) {
        arguments[i] = what->words[i];
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t i = 0; i < what->given_count; i++) { /* out of each other's way */
        high[i] = fcntl(what->given[i], F_DUPFD, HIGH_FD);
    }
    bool good = become_owner(what->owned);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* which a change of user forgets */
    good = good && getppid() == parent;
    for (size_t i = 0; i < what->given_count; i++) {
        good = good && dup2(high[i], SUPERVISE_FIRST_FD + (int)i) >= 0;
    }
    (void)close_range(SUPERVISE_FIRST_FD + (unsigned)what->given_count, ~0U, 0);
    if (good) {
        (void)execve(arguments[0], arguments, environment);
        (void)fprintf(stderr, "stoopd: cannot start '%s': %s\n", arguments[0], strerror(errno));
    }
    _exit(SUPERVISE_EXIT_CONFIG);
}

/* True when the child is to run as another user than root. */
static bool other_owner(const char *folder, struct stat *out) {
    return geteuid() == 0 && stat(folder, out) == 0 && out->st_uid != 0;
}

static bool become_owner(const char *folder) {
    struct stat owner;
    (void)umask(027);
    if (!other_owner(folder, &owner)) {
        return true;
    }
    const struct passwd *user = getpwuid(owner.st_uid);
    bool good = user != NULL && initgroups(user->pw_name, user->pw_gid) == 0 &&
                setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
                setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0;
    if (!good) {
        (void)fprintf(stderr, "stoopd: cannot become the user %u: %s\n", (unsigned)owner.st_uid,
                      user == NULL ? "there is none" : strerror(errno));
    }
    return good;
}

/* ---- what happens ---- */

static void wait_for_news(struct supervisor *supervisor) {
    struct pollfd fds[1 + COMMUNITIES_MAX] = {{.fd = supervisor->signals, .events = POLLIN}};
    long long until = supervisor->look_at_ms;
    if (supervisor->ingest.pid == 0 && supervisor->ingest.start_at_ms < until) {
        until = supervisor->ingest.start_at_ms;
    }
    for (size_t i = 0; i < supervisor->node_count; i++) {
        const struct node *node = &supervisor->nodes[i];
        fds[1 + i] = (struct pollfd){.fd = node->control, .events = POLLIN};
        if (node->child.pid == 0 && node->child.start_at_ms < until) {
            until = node->child.start_at_ms;
        }
    }
    long long left = until - now_ms();
    (void)poll(fds, 1 + supervisor->node_count, left > 0 ? (int)left : 0);
    for (size_t i = 0; i < supervisor->node_count; i++) {
        if (fds[1 + i].revents != 0) {
            hear_node(&supervisor->nodes[i]);
        }
    }
}

/* Answers the exit code when all is to end, -1 to go on. */
static int reap(struct supervisor *supervisor) {
    struct signalfd_siginfo info;
    bool stopping = false;
    while (read(supervisor->signals, &info, sizeof info) == sizeof info) {
        stopping |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    }
    int result = stopping ? 0 : -1;
    int status = 0;
    pid_t pid = 0;
    while (result < 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (supervisor->ingest.pid == pid) {
            result = child_ended(&supervisor->ingest, "ingest", status);
        }
        for (size_t i = 0; i < supervisor->node_count; i++) {
            if (supervisor->nodes[i].child.pid == pid) {
                result = node_ended(supervisor, &supervisor->nodes[i], status);
            }
        }
    }
    return result;
}

/* One that will not get better by itself is no reason to take the others down: it is tried again,
 * as its config may be put right meanwhile. */
static int node_ended(struct supervisor *supervisor, struct node *node, int status) {
    bool first = node == &supervisor->nodes[0];
    close_end(&node->control);
    if (!first && is_removed(node)) {
        node->child.pid = 0;
        supervisor->look_at_ms = now_ms();
        return -1;
    }
    int result = child_ended(&node->child, first ? "node" : node->name, status);
    if (result < 0) {
        return result;
    }
    node->child.hopeless = true;
    node->child.start_at_ms = now_ms() + RESTART_LAST_MS;
    if (all_hopeless(supervisor)) {
        return result;
    }
    (void)fprintf(stderr, "warn stoopd: %s ended restart_in=%dms\n", first ? "node" : node->name,
                  (int)RESTART_LAST_MS);
    return -1;
}

static bool all_hopeless(const struct supervisor *supervisor) {
    for (size_t i = 0; i < supervisor->node_count; i++) {
        if (!supervisor->nodes[i].child.hopeless) {
            return false;
        }
    }
    return true;
}

/* Answers the exit code when there is no use in starting it again, else when it is to be. */
static int child_ended(struct child *child, const char *name, int status) {
    child->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISE_EXIT_CONFIG) {
        return 1; /* it has said why */
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == SUPERVISE_EXIT_AGAIN) {
        child->start_at_ms = now_ms();
        child->back_off_ms = 0;
        return -1;
    }
    if (now_ms() - child->started_ms > HEALTHY_MS || child->back_off_ms == 0) {
        child->back_off_ms = RESTART_FIRST_MS;
    }
    child->start_at_ms = now_ms() + child->back_off_ms;
    (void)fprintf(stderr, "warn stoopd: %s ended %s=%d restart_in=%lldms\n", name,
                  WIFSIGNALED(status) ? "signal" : "code",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), child->back_off_ms);
    child->back_off_ms =
        child->back_off_ms * 2 > RESTART_LAST_MS ? RESTART_LAST_MS : child->back_off_ms * 2;
    return -1;
}

static void stop_all(struct supervisor *supervisor) {
    long long until = now_ms() + STOP_MS;
    if (supervisor->ingest.pid > 0) {
        (void)kill(supervisor->ingest.pid, SIGTERM);
    }
    for (size_t i = 0; i < supervisor->node_count; i++) {
        if (supervisor->nodes[i].child.pid > 0) {
            (void)kill(supervisor->nodes[i].child.pid, SIGTERM);
        }
    }
    stop_child(&supervisor->ingest, until);
    for (size_t i = 0; i < supervisor->node_count; i++) {
        stop_child(&supervisor->nodes[i].child, until);
    }
}

static void stop_child(struct child *child, long long until) {
    while (child->pid > 0 && waitpid(child->pid, NULL, WNOHANG) == 0) {
        if (now_ms() > until) {
            (void)kill(child->pid, SIGKILL);
            (void)waitpid(child->pid, NULL, 0);
            break;
        }
        (void)poll(NULL, 0, 20);
    }
    child->pid = 0;
}

static int send_descriptor(int control, int fd) {
    char byte = 'I';
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    /* A node that takes none must not hold up the others. */
    return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}

static void hear_node(struct node *node) {
    char byte = 0;
    ssize_t len = recv(node->control, &byte, 1, MSG_DONTWAIT);
    if (len == 1 && byte == 'R') {
        bool first = strcmp(node->name, SLUG_FIRST) == 0;
        (void)fprintf(stderr, "info stoopd: ready%s%s\n",
                      first ? "" : " community=", first ? "" : node->name);
    } else if (len == 0) { /* the node is going; reap() sees it */
        close_end(&node->control);
    }
}

static void close_end(int *fd) {
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

static long long now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
