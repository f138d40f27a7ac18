/* stoopd: starts and restarts the two confined programs of a home, node and ingest, and joins them
 * by a socket pair. It opens no connection and reads nothing that a peer sent.
 *
 * Walls are inherited and can never be widened, so the supervisor can only put up those that every
 * child may live with: no new privileges, no capabilities, and the calls that none of them needs.
 * It keeps the right to make sockets for the node's sake; the children take it away from
 * themselves.
 *
 * Started as root, it runs each of them as the user who owns its folder, DIR/node and DIR/ingest,
 * with that user's groups: `stoop init --service` has made them the users stoop and stoop-ingest.
 *
 * usage: stoopd [--home DIR] [--listen ADDR:PORT] */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
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

#include "node/base/attr.h"
#include "node/base/supervise.h"
#include "node/confine/confine.h"

enum {
    RESTART_FIRST_MS = 1000,
    RESTART_LAST_MS = 30000,
    HEALTHY_MS = 60000,
    STOP_MS = 10000,
    LOCK_SUPERVISOR = 0, /* bytes of the lock file */
    LOCK_CHILDREN = 1,
};

enum child_kind {
    CHILD_NODE,
    CHILD_INGEST,
    CHILDREN
};

struct child {
    pid_t pid; /* 0: not running */
    long long started_ms;
    long long start_at_ms; /* when it is to be started again */
    long long back_off_ms;
};

struct supervisor {
    char home[PATH_MAX];
    char folder[PATH_MAX]; /* of the programs that it starts */
    const char *listen;
    struct child children[CHILDREN];
    int control; /* to the node */
    int signals;
    int lock; /* passed to the children */
};

static int parse_options(int argc, char **argv, struct supervisor *out);
static void default_home(char out[PATH_MAX]);
static int find_programs(struct supervisor *supervisor);
static int check_home(const struct supervisor *supervisor);
static bool owner_of(const struct supervisor *supervisor, enum child_kind kind, struct stat *out);
static bool become_owner(const struct supervisor *supervisor, enum child_kind kind);
static int take_lock(struct supervisor *supervisor);
static int lock_byte(const struct supervisor *supervisor, off_t byte, long long wait_ms);
static int supervise(struct supervisor *supervisor);
static int start_both(struct supervisor *supervisor);
static int start_ingest_again(struct supervisor *supervisor);
static pid_t start(struct supervisor *supervisor, enum child_kind kind, int pair, int control);
static int reap(struct supervisor *supervisor);
static int child_ended(struct supervisor *supervisor, enum child_kind kind, int status);
static void stop_all(struct supervisor *supervisor);
static int send_descriptor(int control, int fd);
static void hear_node(struct supervisor *supervisor);
static long long now_ms(void);

static const char usage[] =
    "usage: stoopd [--home DIR] [--listen ADDR:PORT]\n"
    "\n"
    "Runs a home: the node that talks to the neighbours, and the ingest that reads the cameras.\n"
    "  --home DIR          data folder; else $STOOP_HOME, else $XDG_DATA_HOME/stoop, else\n"
    "                      ~/.local/share/stoop\n"
    "  --listen ADDR:PORT  instead of the config file's\n"
    "  --version, --help\n"
    "\n"
    "example: stoop init && stoopd\n";

int main(int argc, char **argv) {
    static struct supervisor supervisor = {.control = -1};
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
    bool keep_users =
        owner_of(&supervisor, CHILD_NODE, &owner) || owner_of(&supervisor, CHILD_INGEST, &owner);
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
        (void)fprintf(stderr, "stoop: no home in '%s'\nmake one with 'stoop init'\n", given);
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
    int own = lock_byte(supervisor, LOCK_SUPERVISOR, 0);
    supervisor->lock = own < 0 ? -1 : lock_byte(supervisor, LOCK_CHILDREN, STOP_MS);
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
            (void)fprintf(stderr, "stoopd: another node runs on '%s'\n", supervisor->home);
            (void)close(fd);
            return -1;
        }
        (void)poll(NULL, 0, 20);
    }
    return fd;
}

/* ---- the loop ---- */

static int supervise(struct supervisor *supervisor) {
    int result = start_both(supervisor);
    while (result < 0) {
        struct pollfd fds[2] = {{.fd = supervisor->signals, .events = POLLIN},
                                {.fd = supervisor->control, .events = POLLIN}};
        long long wait = -1;
        for (int i = 0; i < CHILDREN; i++) {
            const struct child *child = &supervisor->children[i];
            if (child->pid == 0) {
                long long left = child->start_at_ms - now_ms();
                wait = wait < 0 || left < wait ? (left > 0 ? left : 0) : wait;
            }
        }
        (void)poll(fds, 2, (int)wait);
        if ((fds[1].revents & POLLIN) != 0) {
            hear_node(supervisor);
        }
        result = reap(supervisor);
        if (result >= 0) {
            break;
        }
        struct child *node = &supervisor->children[CHILD_NODE];
        struct child *ingest = &supervisor->children[CHILD_INGEST];
        if (node->pid == 0 && now_ms() >= node->start_at_ms) {
            if (ingest->pid != 0) { /* its end of the pair is gone: it goes too, and comes back */
                (void)kill(ingest->pid, SIGTERM);
                (void)waitpid(ingest->pid, NULL, 0);
                ingest->pid = 0;
            }
            result = start_both(supervisor);
        } else if (node->pid != 0 && ingest->pid == 0 && now_ms() >= ingest->start_at_ms) {
            result = start_ingest_again(supervisor);
        }
    }
    stop_all(supervisor);
    return result;
}

static int start_both(struct supervisor *supervisor) {
    int pair[2];
    int control[2];
    if (supervisor->control >= 0) {
        (void)close(supervisor->control);
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
        (void)fprintf(stderr, "stoopd: %s\n", strerror(errno));
        return 1;
    }
    supervisor->control = control[0];
    supervisor->children[CHILD_NODE].pid = start(supervisor, CHILD_NODE, pair[0], control[1]);
    supervisor->children[CHILD_INGEST].pid = start(supervisor, CHILD_INGEST, pair[1], -1);
    (void)close(pair[0]);
    (void)close(pair[1]);
    (void)close(control[1]);
    return supervisor->children[CHILD_NODE].pid > 0 && supervisor->children[CHILD_INGEST].pid > 0
               ? -1
               : 1;
}

/* The node keeps its links: it is handed its end of a new pair. */
static int start_ingest_again(struct supervisor *supervisor) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return 1;
    }
    supervisor->children[CHILD_INGEST].pid = start(supervisor, CHILD_INGEST, pair[1], -1);
    int sent = send_descriptor(supervisor->control, pair[0]);
    (void)close(pair[0]);
    (void)close(pair[1]);
    if (sent != 0) { /* the node is ending: its end is seen next */
        (void)fprintf(stderr, "warn stoopd: the node did not take the new ingest\n");
    }
    return supervisor->children[CHILD_INGEST].pid > 0 ? -1 : 1;
}

static pid_t start(struct supervisor *supervisor, enum child_kind kind, int pair, int control) {
    char program[PATH_MAX + 16];
    static const char *const keep[] = {"PATH", "HOME", "TZ", "LANG", "TMPDIR"};
    char *environment[COUNT_OF(keep) + 1] = {NULL};
    char values[COUNT_OF(keep)][512];
    const char *arguments[12] = {program, "--home", supervisor->home};
    size_t count = 3;
    (void)snprintf(program, sizeof program, "%s/%s", supervisor->folder,
                   kind == CHILD_NODE ? "stoop-node" : "stoop-ingest");
    arguments[count++] = kind == CHILD_NODE ? "--ingest-fd" : "--node-fd";
    arguments[count++] = "3";
    if (kind == CHILD_NODE) {
        arguments[count++] = "--supervise-fd";
        arguments[count++] = "5";
        if (supervisor->listen != NULL) {
            arguments[count++] = "--listen";
            arguments[count++] = supervisor->listen;
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < COUNT_OF(keep); i++) {
        const char *value = getenv(keep[i]);
        if (value != NULL && strlen(value) < 480) {
            (void)snprintf(values[kept], sizeof values[kept], "%s=%s", keep[i], value);
            environment[kept] = values[kept];
            kept++;
        }
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        int high = fcntl(pair, F_DUPFD, 16); /* out of the way of 3 and 4 */
        int high_control = control >= 0 ? fcntl(control, F_DUPFD, 16) : -1;
        int high_lock = fcntl(supervisor->lock, F_DUPFD, 16);
        bool good = become_owner(supervisor, kind);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* which a change of user forgets */
        good = good && getppid() == parent && dup2(high, SUPERVISE_PAIR_FD) >= 0 &&
               dup2(high_lock, SUPERVISE_LOCK_FD) >= 0 &&
               (control < 0 || dup2(high_control, SUPERVISE_CONTROL_FD) >= 0);
        (void)close_range(SUPERVISE_CONTROL_FD + (control < 0 ? 0 : 1), ~0U, 0);
        if (good) {
            (void)execve(program, (char *const *)arguments, environment);
            (void)fprintf(stderr, "stoopd: cannot start '%s': %s\n", program, strerror(errno));
        }
        _exit(SUPERVISE_EXIT_CONFIG);
    }
    supervisor->children[kind].started_ms = now_ms();
    if (pid < 0) {
        (void)fprintf(stderr, "stoopd: cannot start '%s': %s\n", program, strerror(errno));
    }
    return pid;
}

/* True when the child is to run as another user than root. */
static bool owner_of(const struct supervisor *supervisor, enum child_kind kind, struct stat *out) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/%s", supervisor->home,
                   kind == CHILD_NODE ? "node" : "ingest");
    return geteuid() == 0 && stat(path, out) == 0 && out->st_uid != 0;
}

static bool become_owner(const struct supervisor *supervisor, enum child_kind kind) {
    struct stat owner;
    (void)umask(027);
    if (!owner_of(supervisor, kind, &owner)) {
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

/* Answers the exit code when all is to end, -1 to go on. */
static int reap(struct supervisor *supervisor) {
    struct signalfd_siginfo info;
    bool stopping = false;
    while (read(supervisor->signals, &info, sizeof info) == sizeof info) {
        stopping |= info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    }
    if (stopping) {
        return 0;
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int kind = 0; kind < CHILDREN; kind++) {
            if (supervisor->children[kind].pid == pid) {
                int result = child_ended(supervisor, (enum child_kind)kind, status);
                if (result >= 0) {
                    return result;
                }
            }
        }
    }
    return -1;
}

static int child_ended(struct supervisor *supervisor, enum child_kind kind, int status) {
    struct child *child = &supervisor->children[kind];
    const char *name = kind == CHILD_NODE ? "node" : "ingest";
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
    for (int i = 0; i < CHILDREN; i++) {
        if (supervisor->children[i].pid > 0) {
            (void)kill(supervisor->children[i].pid, SIGTERM);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        struct child *child = &supervisor->children[i];
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
    return sendmsg(control, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static void hear_node(struct supervisor *supervisor) {
    char byte = 0;
    ssize_t len = recv(supervisor->control, &byte, 1, MSG_DONTWAIT);
    if (len == 1 && byte == 'R') {
        (void)fprintf(stderr, "info stoopd: ready\n");
    } else if (len == 0) { /* the node is going; reap() sees it */
        (void)close(supervisor->control);
        supervisor->control = -1;
    }
}

static long long now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
