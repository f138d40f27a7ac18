/* The walls of each program, tried from inside (P1). A child puts them up around a real
 * home, by the very call that the program makes, and then tries what it must not be able to do and
 * what it must. The same list is tried in a child without walls first: what fails there too would
 * prove nothing.
 *
 * The control run destroys what it is let, so each run has a home of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "node/base/attr.h"
#include "node/base/bytes.h"
#include "node/confine/confine.h"
#include "tests/support/check.h"
#include "tests/support/footage.h"

enum {
    REPORT_MAX = 8192,
    FCHMODAT2 = 452,
    SETXATTRAT = 463,
    REMOVEXATTRAT = 466,
    FILE_SETATTR = 469,
};

struct yard { /* one home, and what a program holds before its walls rise */
    char root[64];
    char home[96], owner[96], camera[96], output[96], worker[PATH_MAX];
    int pair[2]; /* to a sibling */
    int control; /* bound and listening */
    bool walled;
    char *report; /* shared with the test; empty: all is well */
};

typedef enum err raise_walls(const struct yard *yard, char *why);
typedef void tries(struct yard *yard);

static void note(struct yard *yard, const char *what, const char *outcome);
static void judge(struct yard *yard, const char *what, long long result, bool forbidden);

/* Must be refused behind the walls, and must not be without them. */
#define BLOCKED(call)                                                                              \
    do {                                                                                           \
        errno = 0;                                                                                 \
        judge(yard, #call, (long long)(call), true);                                               \
    } while (0)
/* Must work with and without. */
#define WORKS(call)                                                                                \
    do {                                                                                           \
        errno = 0;                                                                                 \
        judge(yard, #call, (long long)(call), false);                                              \
    } while (0)

static void note(struct yard *yard, const char *what, const char *outcome) {
    size_t len = strlen(yard->report);
    (void)snprintf(yard->report + len, REPORT_MAX - len, "%s: %s: %s (%s)\n",
                   yard->walled ? "behind walls" : "without walls", what, outcome, strerror(errno));
}

static void judge(struct yard *yard, const char *what, long long result, bool forbidden) {
    bool refused =
        result == -1 && (errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EXDEV);
    if (forbidden && yard->walled && !refused) {
        note(yard, what, "was not refused");
    }
    if (forbidden && !yard->walled && refused) {
        note(yard, what, "is refused anyway: it proves nothing");
    }
    if (!forbidden && result == -1) {
        note(yard, what, "does not work");
    }
}

/* ---- the yard ---- */

static const char *const made_files[] = {
    "data/config",
    "data/node/node.key",
    "data/node/stoop.db",
    "data/node/own",
    "data/ingest/ingest.key",
    "data/ingest/index.db",
    "data/ingest/pins",
    "data/vault/ab/clip",
    "data/vault/ab/clip2",
    "data/vault/ab/clip3",
    "data/vault/ab/clip4",
    "data/communities/elm/config",
    "data/communities/elm/node/node.key",
    "data/communities/elm/node/stoop.db",
    "data/communities/elm/vault/clip",
    "owner/owner.key",
    "owner/pins",
    "camera/a.mp4",
    "camera/b.mp4",
    "camera/c.mp4",
    "output/list",
};

static void write_file(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, "not empty", 9) == 9);
    CHECK(close(fd) == 0);
}

static void yard_make(struct yard *yard) {
    static const char *const folders[] = {"data",
                                          "data/node",
                                          "data/ingest",
                                          "data/vault",
                                          "data/vault/ab",
                                          "data/communities",
                                          "data/communities/elm",
                                          "data/communities/elm/node",
                                          "data/communities/elm/vault",
                                          "owner",
                                          "camera",
                                          "camera/day",
                                          "output"};
    char path[PATH_MAX];
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    *yard = (struct yard){.walled = false};
    (void)strcpy(yard->root, "/tmp/stoop-walls-XXXXXX");
    CHECK(mkdtemp(yard->root) != NULL);
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", yard->root, folders[i]);
        CHECK(mkdir(path, 0700) == 0);
    }
    for (size_t i = 0; i < COUNT_OF(made_files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", yard->root, made_files[i]);
        write_file(path);
    }
    (void)snprintf(yard->home, sizeof yard->home, "%s/data", yard->root);
    (void)snprintf(yard->owner, sizeof yard->owner, "%s/owner", yard->root);
    (void)snprintf(yard->camera, sizeof yard->camera, "%s/camera", yard->root);
    (void)snprintf(yard->output, sizeof yard->output, "%s/output", yard->root);
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    CHECK(len > 0);
    path[len] = '\0';
    for (int up = 0; up < 2; up++) {
        *strrchr(path, '/') = '\0';
    }
    (void)snprintf(yard->worker, sizeof yard->worker, "%.4000s/bin/stoop-media", path);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, yard->pair) == 0);
    yard->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", yard->home);
    CHECK(bind(yard->control, (const struct sockaddr *)&where, sizeof where) == 0);
    CHECK(listen(yard->control, 4) == 0);
    yard->report =
        mmap(NULL, REPORT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(yard->report != MAP_FAILED);
}

static void yard_remove(struct yard *yard) {
    char command[128];
    (void)close(yard->pair[0]);
    (void)close(yard->pair[1]);
    (void)close(yard->control);
    (void)munmap(yard->report, REPORT_MAX);
    (void)snprintf(command, sizeof command, "rm -rf %s", yard->root);
    CHECK(run_shell(command) == 0);
}

static void run_tries(raise_walls *raise, tries *body, bool walled) {
    struct yard yard;
    int status = 0;
    yard_make(&yard);
    yard.walled = walled;
    pid_t child = fork();
    if (child == 0) {
        char why[CONFINE_WHY_MAX] = "";
        if (walled && raise(&yard, why) != ERR_OK) {
            note(&yard, "raising the walls", why);
        } else {
            body(&yard);
        }
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (yard.report[0] != '\0') {
        print_error("%s", yard.report);
    }
    bool good = yard.report[0] == '\0' && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    yard_remove(&yard);
    CHECK(good);
}

static void try_inside(raise_walls *raise, tries *body) {
    run_tries(raise, body, false);
    run_tries(raise, body, true);
}

static const char *at(const char *folder, const char *name) {
    static char paths[4][PATH_MAX];
    static unsigned next = 0;
    char *path = paths[next++ % 4];
    (void)snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

/* Answers as open(2), and closes. */
static int try_open(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = reason;
    return fd < 0 ? -1 : 0;
}

static int refused_by_seccomp(const char *path, int flags) {
    return try_open(path, flags) == -1 && errno == EPERM ? 0 : -1;
}

static int try_openat2(const char *path, uint64_t flags) {
    const struct { uint64_t flags, mode, resolve; } how = {flags | O_CLOEXEC, 0, 0};
    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

static int try_fork(void) {
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child < 0 ? -1 : waitpid(child, NULL, 0) == child ? 0 : -1;
}

/* Past the C library, which would use what is left. */
static int try_clone(uint64_t flags) {
    long child = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (child == 0) {
        _exit(0);
    }
    return child < 0 ? -1 : 0;
}

static int try_clone3(void) {
    const struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } how = {.exit_signal = SIGCHLD};
    long child = syscall(SYS_clone3, &how, sizeof how);
    if (child == 0) {
        _exit(0);
    }
    return child < 0 ? -1 : 0;
}

/* Neither of these is a program, so that without walls the child is still there to go on. */
static int try_exec(const char *path) {
    char *const words[] = {(char *)path, NULL};
    return execve(path, words, words + 1);
}

static int try_exec_memory(void) {
    char *const words[] = {(char *)"memory", NULL};
    int fd = memfd_create("program", MFD_CLOEXEC);
    return (int)syscall(SYS_execveat, fd, "", words, words + 1, AT_EMPTY_PATH);
}

static int try_socket(uint64_t family, uint64_t type, uint64_t protocol) {
    int fd = (int)syscall(SYS_socket, family, type, protocol);
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    errno = reason;
    return fd < 0 ? -1 : 0;
}

static int try_pair(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair);
}

/* A descriptor of ours to a sibling. */
static int try_hand_over(const struct yard *yard) {
    char byte = 'x';
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = 0;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return (int)sendmsg(yard->pair[0], &message, MSG_NOSIGNAL);
}

static int try_take_over(const struct yard *yard) {
    char byte = 0;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    (void)!write(yard->pair[1], "x", 1);
    return (int)recvmsg(yard->pair[0], &message, 0);
}

static void *end_thread(void *context) {
    return context;
}

static int try_thread(void) {
    pthread_t thread;
    errno = pthread_create(&thread, NULL, end_thread, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

static int try_tcp(void) {
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof where;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return server >= 0 && client >= 0 &&
                   bind(server, (const struct sockaddr *)&where, sizeof where) == 0 &&
                   getsockname(server, (struct sockaddr *)&where, &len) == 0 &&
                   listen(server, 1) == 0 &&
                   connect(client, (const struct sockaddr *)&where, sizeof where) == 0 &&
                   accept4(server, NULL, NULL, SOCK_CLOEXEC) >= 0
               ? 0
               : -1;
}

/* Writes, grows, empties, renames and removes a file, and a folder. */
static int try_keep_files(const char *folder) {
    const char *first = at(folder, "kept.new");
    const char *second = at(folder, "kept");
    int fd = open(first, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, "kept", 4) == 4 && ftruncate(fd, 2) == 0 && fsync(fd) == 0 &&
                rename(first, second) == 0 && try_open(second, O_RDWR | O_TRUNC) == 0 &&
                unlink(second) == 0 && mkdir(second, 0700) == 0 && rmdir(second) == 0;
    return good ? 0 : -1;
}

static int privileges_are_gone(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    bool none = syscall(SYS_capget, &header, data) == 0;
    for (size_t i = 0; i < 2; i++) {
        none = none && data[i].effective == 0 && data[i].permitted == 0 && data[i].inheritable == 0;
    }
    return none && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                   prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0
               ? 0
               : -1;
}

/* ---- what no program may ---- */

static void try_what_none_may(struct yard *yard) {
    pid_t parent = getppid();
    uint8_t byte = 0;
    struct iovec here = {&byte, 1};
    struct iovec there = {&byte, 1};
    const struct rlimit limit = {64, 64};
    if (yard->walled) {
        WORKS(privileges_are_gone());
    }
    BLOCKED(ptrace(PTRACE_ATTACH, (pid_t)0x3fffffff, NULL, NULL));
    BLOCKED(process_vm_readv(parent, &here, 1, &there, 1, 0));
    BLOCKED(process_vm_writev(parent, &here, 1, &there, 1, 0));
    BLOCKED(syscall(SYS_pidfd_getfd, -1, 0, 0));
    BLOCKED(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0));
    BLOCKED(syscall(SYS_io_uring_setup, 1, NULL));
    BLOCKED(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
    BLOCKED(syscall(SYS_setns, -1, 0));
    BLOCKED(unshare(CLONE_FS));
    BLOCKED(mount("none", "/nowhere", "tmpfs", 0, NULL));
    BLOCKED(chroot("/nowhere"));
    BLOCKED(syscall(SYS_add_key, "user", "stoop", "x", 1, -3));
    BLOCKED(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0));
    BLOCKED(prlimit(parent, RLIMIT_NOFILE, NULL, NULL));
    WORKS(prlimit(0, RLIMIT_NOFILE, &limit, NULL));
    BLOCKED(ioctl(-1, TIOCSTI, "y")); /* of a terminal the kernel might refuse it anyway */
    BLOCKED(ioctl(-1, TIOCLINUX, "y"));
    BLOCKED(syscall(SYS_ioctl, -1, (1ULL << 40) | TIOCSTI, "y"));
    BLOCKED(try_socket(AF_NETLINK, SOCK_RAW, 0));
    BLOCKED(try_socket(AF_PACKET, SOCK_RAW, 0));
    BLOCKED(try_socket((1ULL << 32) | AF_NETLINK, SOCK_RAW, 0));
}

/* Neither may a file's mode, owner, times or attributes be changed, nor is there a way around. */
static void try_metadata(struct yard *yard, const char *of) {
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s", of);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    BLOCKED(chmod(path, 0777));
    BLOCKED(fchmod(fd, 0777));
    BLOCKED(syscall(FCHMODAT2, AT_FDCWD, path, 0777, 0));
    BLOCKED(chown(path, 1, 1));
    BLOCKED(fchown(fd, 1, 1));
    BLOCKED(utimensat(AT_FDCWD, path, times, 0));
    BLOCKED(futimens(fd, times));
    BLOCKED(setxattr(path, "user.stoop", "x", 1, 0));
    BLOCKED(fsetxattr(fd, "user.stoop", "y", 1, 0));
    BLOCKED(removexattr(path, "user.stoop"));
    BLOCKED(syscall(SETXATTRAT, -1, path, 0x2000, "user.stoop", NULL, 0));
    BLOCKED(syscall(REMOVEXATTRAT, -1, path, 0x2000, "user.stoop"));
    BLOCKED(syscall(FILE_SETATTR, -1, path, NULL, 0, 0));
    (void)close(fd);
}

/* A file that may be read, and in no way changed. */
static void try_to_change(struct yard *yard, const char *in, const char *first, const char *second,
                          const char *third) {
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", in);
    WORKS(try_open(at(folder, first), O_RDONLY));
    BLOCKED(try_open(at(folder, first), O_WRONLY));
    BLOCKED(try_open(at(folder, first), O_RDWR));
    BLOCKED(try_open(at(folder, first), O_RDONLY | O_TRUNC));
    BLOCKED(try_open(at(folder, first), O_ACCMODE | O_TRUNC));
    if (yard->walled) { /* by seccomp: Landlock, which says EACCES, learnt it only in ABI 3 */
        WORKS(refused_by_seccomp(at(folder, first), O_RDONLY | O_TRUNC));
        WORKS(refused_by_seccomp(at(folder, first), O_ACCMODE | O_TRUNC));
    }
    BLOCKED(try_open(at(folder, first), O_WRONLY | O_TRUNC));
    BLOCKED(try_openat2(at(folder, first), O_RDONLY | O_TRUNC));
    BLOCKED(truncate(at(folder, first), 0));
    BLOCKED(try_open(at(folder, "new"), O_WRONLY | O_CREAT | O_EXCL));
    BLOCKED(mkdir(at(folder, "newer"), 0700));
    BLOCKED(link(at(folder, first), at(folder, "linked")));
    BLOCKED(symlink("/", at(folder, "pointing")));
    BLOCKED(mknod(at(folder, "pipe"), S_IFIFO | 0600, 0));
    BLOCKED(rename(at(folder, second), at(folder, "renamed")));
    BLOCKED(unlink(at(folder, third)));
    try_metadata(yard, at(folder, first));
}

/* ---- node ---- */

static enum err raise_node(const struct yard *yard, char *why) {
    return confine_node(yard->home, why);
}

static void try_as_node(struct yard *yard) {
    static const char *const closed[] = {"data/ingest/ingest.key",
                                         "data/ingest/index.db",
                                         "data/ingest/pins",
                                         "data/ingest",
                                         "data",
                                         "data/config",
                                         "owner/owner.key",
                                         "owner/pins",
                                         "owner",
                                         "camera/a.mp4",
                                         "camera",
                                         "data/communities",
                                         "data/communities/elm/node/node.key",
                                         "data/communities/elm/vault/clip",
                                         "output/list"};
    pid_t parent = getppid();
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        const char *path = at(yard->root, closed[i]);
        errno = 0;
        judge(yard, closed[i], try_open(path, O_RDONLY), true);
    }
    BLOCKED(try_open("/etc/passwd", O_RDONLY));
    BLOCKED(try_open("/proc/self/maps", O_RDONLY));
    BLOCKED(try_open("/usr/bin/env", O_RDONLY));
    BLOCKED(try_open(at(yard->root, "data/node/../ingest/ingest.key"), O_RDONLY));
    BLOCKED(try_openat2(at(yard->root, "camera/a.mp4"), O_RDONLY));

    BLOCKED(link(at(yard->home, "vault/ab/clip4"), at(yard->home, "node/linked")));
    BLOCKED(rename(at(yard->home, "node/own"), at(yard->home, "vault/ab/planted")));
    try_to_change(yard, at(yard->home, "vault/ab"), "clip", "clip2", "clip3");
    BLOCKED(rename(at(yard->home, "vault/ab/clip4"), at(yard->home, "node/taken")));
    BLOCKED(symlink(yard->camera, at(yard->home, "node/pointing")));
    BLOCKED(mknod(at(yard->home, "node/pipe"), S_IFIFO | 0600, 0));
    BLOCKED(try_open(at(yard->home, "planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_open(at(yard->root, "planted"), O_WRONLY | O_CREAT));

    BLOCKED(try_socket(AF_UNIX, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_UNIX, SOCK_DGRAM, 0));
    BLOCKED(try_socket((1ULL << 32) | AF_UNIX, SOCK_STREAM, 0));
    BLOCKED(try_pair());
    BLOCKED(try_socket(AF_INET, SOCK_DGRAM, 0));
    BLOCKED(try_socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    BLOCKED(try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    BLOCKED(try_socket(AF_INET, SOCK_STREAM, 132 /* SCTP */));
    BLOCKED(try_socket(AF_INET, SOCK_STREAM, 262 /* MPTCP */));

    BLOCKED(try_exec("/nowhere"));
    BLOCKED(try_exec_memory());
    BLOCKED(try_fork());
    BLOCKED(try_clone(SIGCHLD));
    BLOCKED(try_clone3());
    BLOCKED(kill(parent, 0));
    BLOCKED(syscall(SYS_tgkill, parent, parent, 0));
    BLOCKED(syscall(SYS_pidfd_send_signal, -1, 0, NULL, 0));
    try_what_none_may(yard);

    WORKS(try_keep_files(at(yard->home, "node")));
    WORKS(try_open(at(yard->home, "vault/ab"), O_RDONLY | O_DIRECTORY));
    WORKS(try_tcp());
    WORKS(try_socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    WORKS(try_thread());
    WORKS(try_take_over(yard)); /* of a new ingest, from the supervisor */
    WORKS(write(yard->pair[0], "x", 1));
    WORKS(syscall(SYS_tgkill, getpid(), getpid(), 0)); /* as abort() does */
}

static void test_the_node_reaches_no_camera_key_or_program(void **state) {
    (void)state;
    try_inside(raise_node, try_as_node);
}

/* Of a further community: its home lies within the first one's, whose folders are closed to it. */
static enum err raise_further_node(const struct yard *yard, char *why) {
    return confine_node(at(yard->home, "communities/elm"), why);
}

static void try_as_further_node(struct yard *yard) {
    static const char *const closed[] = {
        "node/node.key",     "node/stoop.db", "node",        "vault/ab/clip",         "vault",
        "ingest/ingest.key", "config",        "communities", "communities/elm/config"};
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        errno = 0;
        judge(yard, closed[i], try_open(at(yard->home, closed[i]), O_RDONLY), true);
    }
    BLOCKED(try_open(at(yard->home, "communities/elm/../../node/node.key"), O_RDONLY));
    BLOCKED(try_open(at(yard->home, "vault/planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_open(at(yard->home, "communities/elm/vault/planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_socket(AF_UNIX, SOCK_STREAM, 0));
    WORKS(try_keep_files(at(yard->home, "communities/elm/node")));
    WORKS(try_open(at(yard->home, "communities/elm/vault/clip"), O_RDONLY));
}

static void test_a_further_communitys_node_reaches_nothing_of_the_first(void **state) {
    (void)state;
    try_inside(raise_further_node, try_as_further_node);
}

/* The control socket is bound before the walls; people can still come through it. */
static void try_control(struct yard *yard) {
    WORKS(accept4(yard->control, NULL, NULL, SOCK_CLOEXEC));
}

static void test_the_node_answers_at_its_control_socket(void **state) {
    struct yard yard;
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int status = 0;
    (void)state;
    yard_make(&yard);
    yard.walled = true;
    pid_t child = fork();
    if (child == 0) {
        char why[CONFINE_WHY_MAX];
        if (raise_node(&yard, why) == ERR_OK) {
            try_control(&yard);
            _exit(0);
        }
        _exit(1);
    }
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(where.sun_path, sizeof where.sun_path, "%s/control.sock", yard.home);
    CHECK(connect(client, (const struct sockaddr *)&where, sizeof where) == 0);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(yard.report[0] == '\0');
    CHECK(close(client) == 0);
    yard_remove(&yard);
}

/* ---- ingest ---- */

static enum err raise_ingest(const struct yard *yard, char *why) {
    const char *folders[] = {yard->camera, "/nowhere/camera"};
    const char *homes[] = {yard->home, at(yard->home, "communities/elm")};
    return confine_ingest(yard->home, yard->worker, (struct confine_paths){homes, COUNT_OF(homes)},
                          (struct confine_paths){folders, COUNT_OF(folders)}, why);
}

static int try_worker(const struct yard *yard, bool stop) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        char *const words[] = {(char *)yard->worker, (char *)"--version", NULL};
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        if (stop) {
            (void)poll(NULL, 0, 10000);
        }
        (void)execve(yard->worker, words, words + 2);
        _exit(1);
    }
    if (child < 0 || (stop && kill(child, SIGKILL) != 0) || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return stop ? (WIFSIGNALED(status) ? 0 : -1) : (status == 0 ? 0 : -1);
}

static void try_as_ingest(struct yard *yard) {
    static const char *const closed[] = {"data/node/node.key",
                                         "data/node/stoop.db",
                                         "data/node",
                                         "data",
                                         "data/config",
                                         "owner/owner.key",
                                         "owner/pins",
                                         "owner",
                                         "output/list",
                                         "data/communities",
                                         "data/communities/elm/node/node.key"};
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        errno = 0;
        judge(yard, closed[i], try_open(at(yard->root, closed[i]), O_RDONLY), true);
    }
    BLOCKED(try_open(at(yard->home, "node/planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_open("/etc/passwd", O_RDONLY));
    BLOCKED(try_open("/proc/self/maps", O_RDONLY));
    BLOCKED(try_open(at(yard->root, "planted"), O_WRONLY | O_CREAT));
    BLOCKED(rename(at(yard->camera, "c.mp4"), at(yard->home, "vault/ab/taken")));
    try_to_change(yard, yard->camera, "a.mp4", "b.mp4", "a.mp4");
    try_metadata(yard, at(yard->home, "ingest/index.db"));

    for (uint64_t family = 0; family < 64; family++) { /* whatever it is */
        if (yard->walled && (try_socket(family, SOCK_STREAM, 0) != -1 || errno != EPERM)) {
            note(yard, "a socket of some family", "was not refused");
        }
    }
    BLOCKED(try_socket(AF_INET, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_INET, SOCK_DGRAM, 0));
    BLOCKED(try_socket(AF_INET6, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_UNIX, SOCK_STREAM, 0));
    BLOCKED(try_pair());
    BLOCKED(bind(-1, NULL, 0));
    BLOCKED(connect(-1, NULL, 0));
    BLOCKED(listen(-1, 0));
    BLOCKED(accept4(-1, NULL, NULL, 0));
    BLOCKED(try_hand_over(yard)); /* a camera's file to who has a network */
    BLOCKED(try_take_over(yard)); /* a network from who has one */
    BLOCKED(kill(getppid(), 0));
    try_what_none_may(yard);

    WORKS(try_keep_files(at(yard->home, "ingest")));
    WORKS(try_keep_files(at(yard->home, "vault")));
    WORKS(try_keep_files(at(yard->home, "communities/elm/vault")));
    WORKS(rename(at(yard->home, "vault/ab/clip"), at(yard->home, "vault/moved")));
    WORKS(try_open(at(yard->camera, "day"), O_RDONLY | O_DIRECTORY));
    WORKS(write(yard->pair[0], "x", 1));
    WORKS(try_worker(yard, false));
    WORKS(try_worker(yard, true));
}

static void test_ingest_reaches_no_network_and_no_node(void **state) {
    (void)state;
    try_inside(raise_ingest, try_as_ingest);
}

/* ---- media ---- */

static enum err raise_media(const struct yard *yard, char *why) {
    char path[PATH_MAX];
    const char *files[] = {path};
    (void)snprintf(path, sizeof path, "%s/a.mp4", yard->camera);
    return confine_media(files, 1, why);
}

static void try_as_media(struct yard *yard) {
    static const char *const closed[] = {"data/node/node.key",
                                         "data/ingest/ingest.key",
                                         "data/ingest/pins",
                                         "data/vault/ab/clip",
                                         "data",
                                         "owner/owner.key",
                                         "camera/b.mp4",
                                         "camera"};
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        errno = 0;
        judge(yard, closed[i], try_open(at(yard->root, closed[i]), O_RDONLY), true);
    }
    BLOCKED(try_open("/etc/passwd", O_RDONLY));
    BLOCKED(try_open(at(yard->root, "planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_open("/proc/self/environ", O_RDONLY));
    try_to_change(yard, yard->camera, "a.mp4", "b.mp4", "c.mp4");
    BLOCKED(try_socket(AF_INET, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_INET6, SOCK_DGRAM, 0));
    BLOCKED(try_socket(AF_UNIX, SOCK_STREAM, 0));
    BLOCKED(try_pair());
    BLOCKED(connect(-1, NULL, 0));
    BLOCKED(try_hand_over(yard));
    BLOCKED(try_take_over(yard));
    BLOCKED(try_fork());
    BLOCKED(try_clone(SIGCHLD));
    BLOCKED(try_clone3());
    BLOCKED(kill(getppid(), 0));
    try_what_none_may(yard);

    WORKS(try_open(at(yard->camera, "a.mp4"), O_RDONLY));
    WORKS(try_open("/usr/bin/env", O_RDONLY));
    WORKS(memfd_create("list", MFD_CLOEXEC));
    WORKS(try_thread());
}

static void test_media_reaches_its_own_file_only(void **state) {
    (void)state;
    try_inside(raise_media, try_as_media);
}

/* As ingest starts it: inside of ingest's walls. */
static enum err raise_media_in_ingest(const struct yard *yard, char *why) {
    enum err err = raise_ingest(yard, why);
    return err == ERR_OK ? raise_media(yard, why) : err;
}

static void become_ffprobe(struct yard *yard) {
    char *const words[] = {(char *)"ffprobe", (char *)"-v", (char *)"quiet", (char *)"-version",
                           NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)null;
    (void)close(STDOUT_FILENO);
    (void)execve("/usr/bin/ffprobe", words, words + 4);
    note(yard, "becoming ffprobe", "does not work");
}

static void test_media_becomes_ffprobe_inside_both_walls(void **state) {
    (void)state;
    run_tries(raise_media_in_ingest, become_ffprobe, true);
}

/* ---- owner ---- */

static enum err raise_owner(const struct yard *yard, char *why) {
    const char *writable[] = {yard->output};
    return confine_owner(yard->owner, writable, 1, why);
}

static void try_as_owner(struct yard *yard) {
    static const char *const closed[] = {"data/node/node.key", "data/ingest/ingest.key",
                                         "data/vault/ab/clip", "data",
                                         "camera/a.mp4",       "camera"};
    for (size_t i = 0; i < COUNT_OF(closed); i++) {
        errno = 0;
        judge(yard, closed[i], try_open(at(yard->root, closed[i]), O_RDONLY), true);
    }
    BLOCKED(try_open("/etc/passwd", O_RDONLY));
    BLOCKED(try_open(at(yard->root, "planted"), O_WRONLY | O_CREAT));
    BLOCKED(try_socket(AF_INET, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_INET, SOCK_DGRAM, 0));
    BLOCKED(try_socket(AF_INET6, SOCK_STREAM, 0));
    BLOCKED(try_socket(AF_UNIX, SOCK_STREAM, 0));
    BLOCKED(try_pair());
    BLOCKED(connect(-1, NULL, 0));
    BLOCKED(try_exec("/nowhere"));
    BLOCKED(try_exec_memory());
    BLOCKED(try_fork());
    BLOCKED(try_clone(SIGCHLD));
    BLOCKED(try_clone3());
    BLOCKED(kill(getppid(), 0));
    try_what_none_may(yard);

    WORKS(try_open(at(yard->owner, "owner.key"), O_RDONLY));
    WORKS(try_keep_files(yard->owner));
    WORKS(try_keep_files(yard->output));
    WORKS(write(yard->pair[0], "x", 1)); /* to the node */
    WORKS(try_hand_over(yard));          /* a clip to the player */
}

static void test_stoop_reaches_no_network_once_it_holds_a_key(void **state) {
    (void)state;
    try_inside(raise_owner, try_as_owner);
}

/* ---- supervisor ---- */

static enum err raise_supervisor(const struct yard *yard, char *why) {
    (void)yard;
    return confine_supervisor(false, why);
}

/* It has to hand down what its children need; they take it away from themselves. */
static void try_as_supervisor(struct yard *yard) {
    BLOCKED(truncate(at(yard->home, "vault/ab/clip"), 0));
    try_metadata(yard, at(yard->home, "vault/ab/clip2"));
    try_what_none_may(yard);
    WORKS(try_fork());
    WORKS(try_pair());
    WORKS(try_socket(AF_INET, SOCK_STREAM, 0));
    WORKS(try_hand_over(yard));
    WORKS(try_worker(yard, true));
}

static void test_the_supervisor_has_no_privilege(void **state) {
    (void)state;
    try_inside(raise_supervisor, try_as_supervisor);
}

/* Node and ingest start inside of the supervisor's walls. */
static enum err raise_node_in_supervisor(const struct yard *yard, char *why) {
    enum err err = confine_supervisor(false, why);
    return err == ERR_OK ? raise_node(yard, why) : err;
}

static enum err raise_ingest_in_supervisor(const struct yard *yard, char *why) {
    enum err err = confine_supervisor(false, why);
    return err == ERR_OK ? raise_ingest(yard, why) : err;
}

static void test_walls_stand_inside_of_walls(void **state) {
    (void)state;
    run_tries(raise_node_in_supervisor, try_as_node, true);
    run_tries(raise_ingest_in_supervisor, try_as_ingest, true);
}

/* ---- walls that cannot be raised ---- */

static raise_walls *const all_programs[] = {raise_supervisor, raise_node, raise_ingest, raise_media,
                                            raise_owner};

/* As a kernel would that lacks a system call. */
static bool take_away(unsigned number, unsigned reason) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | reason),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void check_no_walls(raise_walls *raise, unsigned missing, unsigned reason,
                           const char *named) {
    struct yard yard;
    int status = 0;
    yard_make(&yard);
    pid_t child = fork();
    if (child == 0) {
        char why[CONFINE_WHY_MAX] = "";
        if (!take_away(missing, reason) || raise(&yard, why) != ERR_HOST_WALLS ||
            strstr(why, named) == NULL) {
            note(&yard, why, "is what it says");
        }
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    if (yard.report[0] != '\0') {
        print_error("%s", yard.report);
    }
    bool good = yard.report[0] == '\0' && status == 0;
    yard_remove(&yard);
    CHECK(good);
}

static void test_without_landlock_nothing_starts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_programs); i++) {
        check_no_walls(all_programs[i], SYS_landlock_create_ruleset, ENOSYS, "Landlock");
    }
}

static void test_without_seccomp_nothing_starts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_programs); i++) {
        check_no_walls(all_programs[i], SYS_seccomp, ENOSYS, "seccomp");
    }
}

static void test_with_capabilities_left_nothing_starts(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all_programs); i++) {
        check_no_walls(all_programs[i], SYS_capset, EPERM, "capabilities");
    }
}

static void test_a_folder_that_is_missing_is_named(void **state) {
    static const struct {
        raise_walls *raise;
        const char *missing;
    } cases[] = {
        {raise_node, "data/node"},    {raise_node, "data/vault"}, {raise_ingest, "data/ingest"},
        {raise_ingest, "data/vault"}, {raise_owner, "owner"},     {raise_owner, "output"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct yard yard;
        int status = 0;
        yard_make(&yard);
        CHECK(rename(at(yard.root, cases[i].missing), at(yard.root, "away")) == 0);
        pid_t child = fork();
        if (child == 0) {
            char why[CONFINE_WHY_MAX] = "";
            bool good = cases[i].raise(&yard, why) == ERR_HOST_WALLS &&
                        strstr(why, at(yard.root, cases[i].missing)) != NULL;
            _exit(good ? 0 : 1);
        }
        CHECK(waitpid(child, &status, 0) == child);
        yard_remove(&yard);
        CHECK(status == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_node_reaches_no_camera_key_or_program),
        cmocka_unit_test(test_a_further_communitys_node_reaches_nothing_of_the_first),
        cmocka_unit_test(test_the_node_answers_at_its_control_socket),
        cmocka_unit_test(test_ingest_reaches_no_network_and_no_node),
        cmocka_unit_test(test_media_reaches_its_own_file_only),
        cmocka_unit_test(test_media_becomes_ffprobe_inside_both_walls),
        cmocka_unit_test(test_stoop_reaches_no_network_once_it_holds_a_key),
        cmocka_unit_test(test_the_supervisor_has_no_privilege),
        cmocka_unit_test(test_walls_stand_inside_of_walls),
        cmocka_unit_test(test_without_landlock_nothing_starts),
        cmocka_unit_test(test_without_seccomp_nothing_starts),
        cmocka_unit_test(test_with_capabilities_left_nothing_starts),
        cmocka_unit_test(test_a_folder_that_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
