#include "node/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's headers stop at ABI 2. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
struct rules { /* struct landlock_ruleset_attr as of ABI 6 */
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};
#define NETWORK_TCP 3ULL /* bind and connect */
#define SCOPED_ABSTRACT_AND_SIGNAL                                                                 \
    3ULL /* no abstract Unix socket, no signal, outside of the walls */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG)
#define FS_ALL_V1 ((1ULL << 13) - 1)
#define FS_FILE_ONLY                                                                               \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     LANDLOCK_ACCESS_FS_TRUNCATE)

enum {
    NEWEST_CALL = 450, /* Linux 5.17; the numbers are the same on every architecture from 424 on */
    ARM_OWN_CALLS = 0x0f0000,
    SOCKET_TYPES = 16, /* the bits of socket()'s type that are no flags */
    FAMILIES = 64,     /* more than there are */
};

enum profile {
    SUPERVISOR,
    NODE,
    INGEST,
    MEDIA,
    OWNER
};

enum access {
    READ,      /* read files and folders below it, or one file */
    READ_EXEC, /* and execute: programs and their libraries */
    WRITE,     /* read, write, create, rename, remove in a folder */
};

struct place {
    const char *path;
    enum access access;
    bool optional; /* may be missing */
};

static enum err fail(char *why, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err drop_privileges(bool keep_users, char *why);
static bool gives_users(unsigned long cap);
static enum err start_rules(enum profile profile, int *out, char *why);
static enum err add_places(int rules, const struct place *places, size_t count, char *why);
static enum err add_folder(int rules, const char *home, const char *name, enum access access,
                           char *why);
static enum err add_place(int rules, const char *path, enum access access, bool optional,
                          char *why);
static enum err add_open(int rules, int fd, enum access access, const char *what, char *why);
static uint64_t rights_of(enum access access);
static enum err close_walls(enum profile profile, int take_rules, enum err err, char *why);
static enum err refuse_newer_calls(char *why);
static enum err raise_seccomp(enum profile profile, char *why);
static int deny(scmp_filter_ctx filter, const char *const *names, size_t count);
static int deny_processes(scmp_filter_ctx filter);
static int deny_signals(scmp_filter_ctx filter);
static int deny_sockets(scmp_filter_ctx filter, enum profile profile);
static int deny_families(scmp_filter_ctx filter, bool also_unix);
static int deny_truncating_open(scmp_filter_ctx filter);
static int deny_typing(scmp_filter_ctx filter);

/* What a program that runs others needs of the system. */
static const struct place system_places[] = {
    {"/usr", READ_EXEC, false},
    {"/lib", READ_EXEC, true},
    {"/lib64", READ_EXEC, true},
    {"/etc/ld.so.cache", READ, true},
    {"/etc/alternatives", READ_EXEC, true},
};
static const struct place time_zone[] = {
    {"/etc/localtime", READ, true},
    {"/usr/share/zoneinfo", READ, true},
};

/* Nothing here is needed by any of the programs. */
static const char *const denied_to_all[] = {
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "perf_event_open",
    "process_madvise",
    "process_mrelease",
    "move_pages",
    "migrate_pages",
    "fanotify_init",
    "lookup_dcookie",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fsconfig",
    "fspick",
    "mount_setattr",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "swapon",
    "swapoff",
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "open_by_handle_at",
    "name_to_handle_at",
    "quotactl",
    "quotactl_fd",
    "acct",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "personality",
    "syslog",
    "vhangup",
    "uselib",
    "nfsservctl",
    "openat2",
    "truncate",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "chmod",
    "fchmod",
    "fchmodat",
    "utime",
    "utimes",
    "futimesat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "mknod",
    "mknodat",
};
static const char *const denied_exec[] = {"execve", "execveat"};
static const char *const denied_processes[] = {"fork", "vfork"};
static const char *const denied_signals[] = {
    "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal",
};
static const char *const denied_peers[] = {"bind", "listen", "connect", "accept", "accept4"};
/* These carry descriptors: a socket to who has none, a camera's file to who has a socket. */
static const char *const denied_messages[] = {"sendmsg", "sendmmsg", "recvmsg", "recvmmsg"};

enum err confine_supervisor(bool keep_users, char why[CONFINE_WHY_MAX]) {
    enum err err = drop_privileges(keep_users, why);
    return close_walls(SUPERVISOR, -1, err, why);
}

/* Neither a camera's folder nor an owner's key lies in these. */
enum err confine_node(const char *home, char why[CONFINE_WHY_MAX]) {
    int rules = -1;
    enum err err = start_rules(NODE, &rules, why);
    err = err == ERR_OK ? add_folder(rules, home, "node", WRITE, why) : err;
    err = err == ERR_OK ? add_folder(rules, home, "vault", READ, why) : err;
    err = err == ERR_OK ? add_places(rules, time_zone, COUNT_OF(time_zone), why) : err;
    return close_walls(NODE, rules, err, why);
}

/* What ffmpeg needs to start is in it: children inherit these walls and put up narrower ones. */
enum err confine_ingest(const char *home, const char *worker, struct confine_paths homes,
                        struct confine_paths cameras, char why[CONFINE_WHY_MAX]) {
    int rules = -1;
    enum err err = start_rules(INGEST, &rules, why);
    err = err == ERR_OK ? add_folder(rules, home, "ingest", WRITE, why) : err;
    for (size_t i = 0; err == ERR_OK && i < homes.count; i++) {
        err = add_folder(rules, homes.list[i], "vault", WRITE, why);
    }
    err = err == ERR_OK ? add_place(rules, worker, READ_EXEC, false, why) : err;
    err = err == ERR_OK ? add_place(rules, "/dev/null", WRITE, false, why) : err;
    err = err == ERR_OK ? add_places(rules, system_places, COUNT_OF(system_places), why) : err;
    err = err == ERR_OK ? add_places(rules, time_zone, COUNT_OF(time_zone), why) : err;
    for (size_t i = 0; err == ERR_OK && i < cameras.count; i++) {
        err = add_place(rules, cameras.list[i], READ, true, why);
    }
    return close_walls(INGEST, rules, err, why);
}

enum err confine_media(const char *const *files, size_t count, char why[CONFINE_WHY_MAX]) {
    int rules = -1;
    enum err err = start_rules(MEDIA, &rules, why);
    err = err == ERR_OK ? add_places(rules, system_places, COUNT_OF(system_places), why) : err;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = add_place(rules, files[i], READ, true, why); /* gone: ffmpeg will say so */
    }
    return close_walls(MEDIA, rules, err, why);
}

enum err confine_owner(const char *owner_folder, const char *const *writable, size_t count,
                       char why[CONFINE_WHY_MAX]) {
    int rules = -1;
    enum err err = start_rules(OWNER, &rules, why);
    err = err == ERR_OK ? add_place(rules, owner_folder, WRITE, false, why) : err;
    err = err == ERR_OK ? add_place(rules, "/dev/tty", WRITE, true, why) : err;
    err = err == ERR_OK ? add_places(rules, time_zone, COUNT_OF(time_zone), why) : err;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = add_place(rules, writable[i], WRITE, false, why);
    }
    return close_walls(OWNER, rules, err, why);
}

void confine_probe(struct confine_probe *out) {
    struct rlimit limit = {0, 0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    (void)getrlimit(RLIMIT_MEMLOCK, &limit);
    out->landlock_abi = abi > 0 ? (int)abi : 0;
    out->seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
    out->memlock_bytes = limit.rlim_cur;
}

static enum err fail(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, CONFINE_WHY_MAX, format, arguments);
    va_end(arguments);
    return ERR_HOST_WALLS;
}

/* Root without capabilities is as weak as anybody where Landlock is concerned, and weaker where
 * files of others are. The bounding set goes too, so that no set-user-id program gives one back. */
static enum err drop_privileges(bool keep_users, char *why) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(why, "no_new_privs: %s", strerror(errno));
    }
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
        if (keep_users && gives_users(cap)) {
            data[0].permitted |= 1U << cap;
            data[0].effective |= 1U << cap;
            continue;
        }
        (void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); /* needs a capability that most users lack */
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, data) != 0) {
        return fail(why, "capabilities could not be dropped: %s", strerror(errno));
    }
    return ERR_OK;
}

static bool gives_users(unsigned long cap) {
    return cap == CAP_SETUID || cap == CAP_SETGID || cap == CAP_KILL;
}

static enum err start_rules(enum profile profile, int *out, char *why) {
    struct confine_probe probe;
    enum err err = drop_privileges(false, why);
    if (err != ERR_OK) {
        return err;
    }
    confine_probe(&probe);
    if (probe.landlock_abi == 0) {
        return fail(why, "this kernel has no Landlock; Linux 5.13 or later has it, and 'landlock' "
                         "must be among its security modules");
    }
    struct rules rules = {.files = FS_ALL_V1};
    size_t size = sizeof rules.files;
    if (probe.landlock_abi >= 2) {
        rules.files |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (probe.landlock_abi >= 3) {
        rules.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    if (probe.landlock_abi >= 4) { /* once more what seccomp says */
        rules.network = profile == NODE ? 0 : NETWORK_TCP;
        size = sizeof rules.files + sizeof rules.network;
    }
    if (probe.landlock_abi >= 6) {
        rules.scoped = SCOPED_ABSTRACT_AND_SIGNAL;
        size = sizeof rules;
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0) {
        return fail(why, "Landlock: %s", strerror(errno));
    }
    *out = fd;
    return ERR_OK;
}

static enum err add_places(int rules, const struct place *places, size_t count, char *why) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = add_place(rules, places[i].path, places[i].access, places[i].optional, why);
    }
    return err;
}

static enum err add_folder(int rules, const char *home, const char *name, enum access access,
                           char *why) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", home, name);
    return len < 0 || (size_t)len >= sizeof path ? fail(why, "'%.100s': too long a path", home)
                                                 : add_place(rules, path, access, false, why);
}

static enum err add_place(int rules, const char *path, enum access access, bool optional,
                          char *why) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return optional ? ERR_OK : fail(why, "'%.100s': %s", path, strerror(errno));
    }
    enum err err = add_open(rules, fd, access, path, why);
    (void)close(fd);
    return err;
}

static enum err add_open(int rules, int fd, enum access access, const char *what, char *why) {
    struct confine_probe probe;
    struct stat info;
    confine_probe(&probe);
    struct landlock_path_beneath_attr rule = {.allowed_access = rights_of(access), .parent_fd = fd};
    if (probe.landlock_abi < 2) {
        rule.allowed_access &= ~LANDLOCK_ACCESS_FS_REFER;
    }
    if (probe.landlock_abi < 3) {
        rule.allowed_access &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    bool good = fstat(fd, &info) == 0;
    if (good && !S_ISDIR(info.st_mode)) {
        rule.allowed_access &= FS_FILE_ONLY;
    }
    good = good && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    return good ? ERR_OK : fail(why, "'%.100s': %s", what, strerror(errno));
}

static uint64_t rights_of(enum access access) {
    switch (access) {
    case READ:
        return FS_READ;
    case READ_EXEC:
        return FS_READ | LANDLOCK_ACCESS_FS_EXECUTE;
    case WRITE:
        return FS_READ | FS_WRITE | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    return 0;
}

/* The last step. The supervisor has no rules for files: its children, who inherit, need all of it
 * between them; but it does not start where they could not. */
static enum err close_walls(enum profile profile, int take_rules, enum err err, char *why) {
    struct confine_probe probe;
    confine_probe(&probe);
    if (err == ERR_OK && profile == SUPERVISOR && probe.landlock_abi == 0) {
        err = fail(why, "this kernel has no Landlock; Linux 5.13 or later has it, and 'landlock' "
                        "must be among its security modules");
    }
    if (err == ERR_OK && take_rules >= 0 &&
        syscall(SYS_landlock_restrict_self, take_rules, 0) != 0) {
        err = fail(why, "Landlock: %s", strerror(errno));
    }
    if (take_rules >= 0) {
        (void)close(take_rules);
    }
    err = err == ERR_OK ? refuse_newer_calls(why) : err;
    return err == ERR_OK ? raise_seccomp(profile, why) : err;
}

/* A list of what is forbidden ages: Linux 6.6 brought a second fchmodat, 6.13 setxattrat. So what
 * this list cannot have known does not exist, and libraries do without it. */
static enum err refuse_newer_calls(char *why) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ARM_OWN_CALLS, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    const struct sock_fprog program = {.len = COUNT_OF(code), .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0
               ? ERR_OK
               : fail(why, "seccomp: %s", strerror(errno));
}

static enum err raise_seccomp(enum profile profile, char *why) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return fail(why, "seccomp is not there");
    }
    int code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    code = code != 0 ? code : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    code = code != 0 ? code : deny(filter, denied_to_all, COUNT_OF(denied_to_all));
    code = code != 0 ? code : deny_truncating_open(filter);
    code = code != 0 ? code : deny_typing(filter);
    code = code != 0 ? code : deny_sockets(filter, profile);
    /* The limits of another process. */
    code = code != 0 ? code
                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                                        SCMP_A0_32(SCMP_CMP_NE, 0, 0));
    if (profile == NODE || profile == OWNER) {
        code = code != 0 ? code : deny(filter, denied_exec, COUNT_OF(denied_exec));
    }
    if (profile == NODE || profile == OWNER || profile == MEDIA) {
        code = code != 0 ? code : deny_processes(filter);
        code = code != 0 ? code : deny_signals(filter);
    }
    code = code != 0 ? code : seccomp_load(filter);
    seccomp_release(filter);
    return code == 0 ? ERR_OK : fail(why, "seccomp: %s", strerror(-code));
}

/* A name that this machine's libseccomp does not know is a call that its kernel headers lack too,
 * and newer than NEWEST_CALL. */
static int deny(scmp_filter_ctx filter, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR) {
            continue;
        }
        int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (code != 0 && code != -EEXIST) {
            return code;
        }
    }
    return 0;
}

/* Threads are made by clone() too, and told apart by a flag. What clone3() is asked for lies in
 * memory, where seccomp cannot look: the C library falls back to clone(). */
static int deny_processes(scmp_filter_ctx filter) {
    int code = deny(filter, denied_processes, COUNT_OF(denied_processes));
    code = code != 0 ? code
                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return code != 0 ? code : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* abort() signals its own process. */
static int deny_signals(scmp_filter_ctx filter) {
    int code = deny(filter, denied_signals, COUNT_OF(denied_signals));
    return code != 0 ? code
                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                        SCMP_A0_32(SCMP_CMP_NE, (uint32_t)getpid(), 0));
}

static int deny_sockets(scmp_filter_ctx filter, enum profile profile) {
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    int code = 0;
    switch (profile) {
    case SUPERVISOR: /* its children inherit this, and the node needs its sockets */
        return deny_families(filter, false);
    case NODE: /* TCP over IPv4 and IPv6, nothing else; the control socket is bound already */
        code = seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 0);
        code = code != 0 ? code : deny_families(filter, true);
        for (uint32_t type = 0; code == 0 && type < SOCKET_TYPES; type++) {
            if (type != SOCK_STREAM) {
                code = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                        SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPES - 1, type));
            }
        }
        code = code != 0 ? code
                         : seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                            SCMP_A2_32(SCMP_CMP_GT, IPPROTO_TCP, 0));
        for (uint32_t protocol = 1; code == 0 && protocol < IPPROTO_TCP; protocol++) {
            code = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                    SCMP_A2_32(SCMP_CMP_EQ, protocol, 0));
        }
        return code;
    case INGEST:
    case MEDIA:
        code = deny(filter, denied_messages, COUNT_OF(denied_messages));
        break;
    case OWNER: /* hands clips to its player by message */
        break;
    }
    code = code != 0 ? code : seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 0);
    code = code != 0 ? code : seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 0);
    return code != 0 ? code : deny(filter, denied_peers, COUNT_OF(denied_peers));
}

/* All but IPv4 and IPv6, and perhaps Unix. */
static int deny_families(scmp_filter_ctx filter, bool also_unix) {
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    int code =
        seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_GE, FAMILIES, 0));
    for (uint32_t family = 0; code == 0 && family < FAMILIES; family++) {
        if (family != AF_INET && family != AF_INET6 && (family != AF_UNIX || also_unix)) {
            code = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                    SCMP_A0_32(SCMP_CMP_EQ, family, 0));
        }
    }
    return code;
}

/* open(O_RDONLY | O_TRUNC) empties a file for which there is only the right to read; so does access
 * mode 3, which asks for neither reading nor writing. */
static int deny_truncating_open(scmp_filter_ctx filter) {
    const uint64_t mask = O_ACCMODE | O_TRUNC;
    const uint64_t modes[] = {O_RDONLY, O_ACCMODE};
    int code = 0;
    for (size_t i = 0; code == 0 && i < COUNT_OF(modes); i++) {
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, mask, modes[i] | O_TRUNC));
        code = code != 0 ? code
                         : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                                            SCMP_A2(SCMP_CMP_MASKED_EQ, mask, modes[i] | O_TRUNC));
    }
    return code;
}

/* Who shares the owner's terminal could type into it: the answer to a prompt (P3), or a command to
 * the shell that has no walls. */
static int deny_typing(scmp_filter_ctx filter) {
    const uint64_t typing[] = {TIOCSTI, TIOCLINUX};
    int code = 0;
    /* The kernel looks at 32 bits, a plain comparison at all 64. */
    for (size_t i = 0; code == 0 && i < COUNT_OF(typing); i++) {
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, typing[i]));
    }
    return code;
}

/* Only in builds with sanitizers: the leak checker traces its own process at exit, which the walls
 * forbid. Everything else that the sanitizers do works inside them. */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifdef CONFINE_SANITIZED
const char *__asan_default_options(void);

const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
#endif
