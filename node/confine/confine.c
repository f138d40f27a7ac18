#include "node/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
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

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG)
#define FS_ALL_V1 ((1ULL << 13) - 1)
#define FS_FILE_ONLY                                                                               \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |   \
     LANDLOCK_ACCESS_FS_TRUNCATE)

static enum err fail(char *why, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err drop_privileges(const struct confine_plan *plan, char *why);
static bool keeps(const struct confine_plan *plan, unsigned long cap);
static enum err raise_landlock(const struct confine_plan *plan, char *why);
static enum err add_path(int ruleset, const struct confine_path *path, uint64_t handled, char *why);
static uint64_t rights_of(enum confine_access access);
static enum err raise_seccomp(enum confine_profile profile, char *why);
static int deny(scmp_filter_ctx filter, const char *const *names, size_t count);
static int deny_sockets(scmp_filter_ctx filter, enum confine_profile profile);
static int deny_truncating_open(scmp_filter_ctx filter);

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
    "lookup_dcookie",
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
static const char *const denied_peers[] = {"bind", "listen", "connect", "accept", "accept4"};

enum err confine_raise(const struct confine_plan *plan, char why[CONFINE_WHY_MAX]) {
    enum err err = drop_privileges(plan, why);
    if (err == ERR_OK) {
        err = raise_landlock(plan, why);
    }
    return err == ERR_OK ? raise_seccomp(plan->profile, why) : err;
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
static enum err drop_privileges(const struct confine_plan *plan, char *why) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(why, "no_new_privs: %s", strerror(errno));
    }
    for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++) {
        if (keeps(plan, cap)) {
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

static bool keeps(const struct confine_plan *plan, unsigned long cap) {
    return plan->keep_users && plan->profile == CONFINE_SUPERVISOR &&
           (cap == CAP_SETUID || cap == CAP_SETGID || cap == CAP_KILL);
}

static enum err raise_landlock(const struct confine_plan *plan, char *why) {
    struct confine_probe probe;
    confine_probe(&probe);
    if (probe.landlock_abi == 0) {
        return fail(why, "this kernel has no Landlock; Linux 5.13 or later has it, and 'landlock' "
                         "must be among its security modules");
    }
    if (plan->profile == CONFINE_SUPERVISOR) {
        return ERR_OK; /* its children, who inherit, need all of it between them */
    }
    struct landlock_ruleset_attr rules = {.handled_access_fs = FS_ALL_V1};
    if (probe.landlock_abi >= 2) {
        rules.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (probe.landlock_abi >= 3) {
        rules.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (ruleset < 0) {
        return fail(why, "Landlock: %s", strerror(errno));
    }
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < plan->count; i++) {
        err = add_path(ruleset, &plan->paths[i], rules.handled_access_fs, why);
    }
    if (err == ERR_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        err = fail(why, "Landlock: %s", strerror(errno));
    }
    (void)close(ruleset);
    return err;
}

static enum err add_path(int ruleset, const struct confine_path *path, uint64_t handled,
                         char *why) {
    struct stat info;
    int fd = path->fd >= 0 ? path->fd : open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return path->optional ? ERR_OK : fail(why, "'%.100s': %s", path->path, strerror(errno));
    }
    struct landlock_path_beneath_attr rule = {.allowed_access = rights_of(path->access) & handled,
                                              .parent_fd = fd};
    bool good = fstat(fd, &info) == 0;
    if (good && !S_ISDIR(info.st_mode)) {
        rule.allowed_access &= FS_FILE_ONLY;
    }
    good =
        good && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    int reason = errno;
    if (path->fd < 0) {
        (void)close(fd);
    }
    return good ? ERR_OK
                : fail(why, "'%.100s': %s", path->path == NULL ? "descriptor" : path->path,
                       strerror(reason));
}

static uint64_t rights_of(enum confine_access access) {
    switch (access) {
    case CONFINE_READ:
        return FS_READ;
    case CONFINE_READ_EXEC:
        return FS_READ | LANDLOCK_ACCESS_FS_EXECUTE;
    case CONFINE_WRITE:
        return FS_READ | FS_WRITE | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    return 0;
}

static enum err raise_seccomp(enum confine_profile profile, char *why) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        return fail(why, "seccomp is not there");
    }
    int code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    code = code != 0 ? code : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    code = code != 0 ? code : deny(filter, denied_to_all, COUNT_OF(denied_to_all));
    code = code != 0 ? code : deny_truncating_open(filter);
    code = code != 0 ? code : deny_sockets(filter, profile);
    if (profile == CONFINE_NODE || profile == CONFINE_OWNER) {
        code = code != 0 ? code : deny(filter, denied_exec, COUNT_OF(denied_exec));
        code = code != 0 ? code : deny(filter, denied_processes, COUNT_OF(denied_processes));
    }
    code = code != 0 ? code : seccomp_load(filter);
    seccomp_release(filter);
    return code == 0 ? ERR_OK : fail(why, "seccomp: %s", strerror(-code));
}

/* A name that this machine's libseccomp does not know is a call that its kernel headers lack too.
 */
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

static int deny_sockets(scmp_filter_ctx filter, enum confine_profile profile) {
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    int code = 0;
    switch (profile) {
    case CONFINE_NODE: /* TCP over IPv4 and IPv6, nothing else; the control socket is bound already
                        */
        code = seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 0);
        for (uint64_t family = 0; code == 0 && family < 64; family++) {
            if (family != AF_INET && family != AF_INET6) {
                code = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                        SCMP_A0_32(SCMP_CMP_EQ, (uint32_t)family, 0));
            }
        }
        return code != 0 ? code
                         : seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1,
                                            SCMP_A0_32(SCMP_CMP_GE, 64, 0));
    case CONFINE_INGEST:
    case CONFINE_MEDIA:
    case CONFINE_OWNER:
        code = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 0);
        code = code != 0 ? code : seccomp_rule_add(filter, refuse, SCMP_SYS(socketpair), 0);
        return code != 0 ? code : deny(filter, denied_peers, COUNT_OF(denied_peers));
    case CONFINE_SUPERVISOR: /* its children inherit this, and the node needs its sockets */
        return 0;
    }
    return 0;
}

/* open(O_RDONLY | O_TRUNC) empties a file for which there is only the right to read. */
static int deny_truncating_open(scmp_filter_ctx filter) {
    const uint64_t mask = O_ACCMODE | O_TRUNC;
    int code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, mask, O_RDONLY | O_TRUNC));
    return code != 0 ? code
                     : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                                        SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY | O_TRUNC));
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
