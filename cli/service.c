#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

struct settler {
    pid_t child;
    int go; /* a byte sets it to work; its end does not */
};

struct user {
    uid_t uid;
    gid_t gid;
};

struct plan {
    const struct cli *cli;
    struct user node, ingest, owner;
    gid_t owners;     /* the group stoop-owners */
    size_t there_len; /* of the part of cli->owner_dir that was there before */
};

static int find_user(const char *name, struct user *out);
static int find_owner(struct plan *plan);
static _Noreturn void serve(const struct plan *plan, int go);
static bool settle(const struct plan *plan);
static bool settle_home(const struct plan *plan);
static bool settle_further(const struct plan *plan);
static bool settle_node(const struct plan *plan, const char *home);
static bool settle_siblings(const struct plan *plan, const char *home);
static bool settle_pins(const struct plan *plan);
static bool settle_owner(const struct plan *plan);
static bool give(const char *folder, const char *name, struct user to, mode_t mode);

int settler_start(struct cli *cli, struct settler **out) {
    struct plan plan = {.cli = cli};
    int go[2];
    if (geteuid() != 0) {
        return fail("run it with sudo", "only root can make a home for the system service");
    }
    const struct group *owners = getgrnam("stoop-owners");
    if (owners == NULL) {
        return fail("'systemd-sysusers' makes it", "there is no group 'stoop-owners'");
    }
    plan.owners = owners->gr_gid;
    int failed = find_user("stoop", &plan.node);
    if (failed == 0) {
        failed = find_user("stoop-ingest", &plan.ingest);
    }
    if (failed == 0) {
        failed = find_owner(&plan);
    }
    if (failed != 0) {
        return failed;
    }
    struct settler *settler = calloc(1, sizeof *settler);
    if (settler == NULL || pipe2(go, O_CLOEXEC) != 0) {
        free(settler);
        return fail(NULL, "out of memory");
    }
    settler->child = fork();
    if (settler->child == 0) {
        (void)close(go[1]);
        serve(&plan, go[0]);
    }
    (void)close(go[0]);
    settler->go = go[1];
    if (settler->child < 0) {
        settler->child = 0;
        settler_stop(settler);
        return fail(NULL, "no process can be started: %s", strerror(errno));
    }
    *out = settler;
    return 0;
}

int settler_settle(struct settler *settler) {
    int status = -1;
    bool told = write(settler->go, "g", 1) == 1;
    (void)waitpid(settler->child, &status, 0);
    settler->child = 0;
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EXIT_FAILED;
}

void settler_stop(struct settler *settler) {
    if (settler != NULL) {
        (void)close(settler->go);
        if (settler->child > 0) {
            (void)waitpid(settler->child, NULL, 0);
        }
        free(settler);
    }
}

/* In a process of its owner's: root follows no link in a folder that is another's. */
int pins_save_as_owner(const char *folder, const struct pins *pins) {
    struct stat info;
    int status = -1;
    if (geteuid() != 0 || stat(folder, &info) != 0 || info.st_uid == 0) {
        return pins_save(folder, pins, false);
    }
    pid_t child = fork();
    if (child == 0) {
        bool good = setgroups(0, NULL) == 0 &&
                    setresgid(info.st_gid, info.st_gid, info.st_gid) == 0 &&
                    setresuid(info.st_uid, info.st_uid, info.st_uid) == 0;
        _exit(good ? pins_save(folder, pins, false) : fail(NULL, "the pins cannot be written"));
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                   WEXITSTATUS(status) == 0
               ? 0
               : EXIT_FAILED;
}

static int find_user(const char *name, struct user *out) {
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        return fail("'systemd-sysusers' makes it", "there is no user '%s'", name);
    }
    *out = (struct user){entry->pw_uid, entry->pw_gid};
    return 0;
}

/* Whoever owns the nearest folder above that is not root's: what an init that broke off made is
 * root's still. Where all of them are, it stays so. */
static int find_owner(struct plan *plan) {
    char path[PATH_MAX];
    struct stat info;
    if (*plan->cli->owner_dir != '/') {
        return fail(NULL, "'%s' is not a whole path", plan->cli->owner_dir);
    }
    (void)snprintf(path, sizeof path, "%s", plan->cli->owner_dir);
    plan->there_len = strlen(path);
    while (strcmp(path, "/") != 0) {
        if (stat(path, &info) == 0 && info.st_uid != 0) {
            plan->there_len = strlen(path);
            plan->owner = (struct user){info.st_uid, info.st_gid};
            return 0;
        }
        char *slash = strrchr(path, '/');
        slash[slash == path ? 1 : 0] = '\0';
    }
    return 0;
}

/* ---- the child ---- */

static _Noreturn void serve(const struct plan *plan, int go) {
    char byte = 0;
    bool told = read(go, &byte, 1) == 1;
    _exit(!told || settle(plan) ? 0 : 1);
}

static bool settle(const struct plan *plan) {
    bool first = strcmp(place_of(plan->cli), SLUG_FIRST) == 0;
    return (first || settle_pins(plan)) && settle_owner(plan) &&
           (first ? settle_home(plan) : settle_further(plan));
}

/* Those of a further community lie in its folder, until they are moved to where the owner's are. */
static bool settle_pins(const struct plan *plan) {
    char from[PATH_MAX + 8];
    char to[PATH_MAX + 8];
    SCOPED(buffer_finish) struct buffer file = {.max = PINS_FILE_MAX};
    (void)snprintf(from, sizeof from, "%s/pins", plan->cli->home);
    (void)snprintf(to, sizeof to, "%s/pins", plan->cli->owner_dir);
    return file_read(from, PINS_FILE_MAX, false, &file) == 0 &&
           file_write(to, buffer_bytes(&file), 0600, false) == 0 && unlink(from) == 0;
}

static bool settle_home(const struct plan *plan) {
    const char *home = plan->cli->home;
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/lock", home);
    int lock = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* the supervisor's */
    return lock >= 0 && close(lock) == 0 && give(home, "ingest/ingest.key", plan->ingest, 0600) &&
           give(home, "ingest/pins", plan->ingest, 0600) &&
           give(home, "ingest", plan->ingest, 0700) && settle_node(plan, home);
}

/* The folder of them all is root's; the nodes pass through it, each to its own. */
static bool settle_further(const struct plan *plan) {
    const struct user listed = {0, plan->owners};
    return give(plan->cli->base, FURTHER_FOLDER, listed, 0751) &&
           settle_siblings(plan, plan->cli->base) && settle_siblings(plan, plan->cli->home) &&
           settle_node(plan, plan->cli->home);
}

/* `node` comes last: with it the supervisor takes a further one for handed over. */
static bool settle_node(const struct plan *plan, const char *home) {
    const struct user root = {0, 0};
    const struct user shared = {plan->node.uid, plan->owners};
    const struct user vault = {plan->ingest.uid, plan->node.gid};
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/node/log", home);
    bool good = mkdir(path, 0750) == 0 || errno == EEXIST;
    /* The log is for its owners to verify; of the rest of the node's folder they see nothing. */
    return good && give(home, "config", root, 0644) &&
           give(home, "node/node.key", plan->node, 0600) &&
           give(home, "node/log", shared, S_ISGID | 0750) &&
           give(home, "vault", vault, S_ISGID | 0750) && /* the node reads what ingest writes */
           give(home, "", shared, S_ISGID | 0751) &&     /* so the socket is of stoop-owners */
           give(home, "node", shared, 0710);
}

/* The one file of a node's folder that its owners write, when they join a community. */
static bool settle_siblings(const struct plan *plan, const char *home) {
    const struct user shared = {plan->node.uid, plan->owners};
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/node/siblings", home);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return file >= 0 && close(file) == 0 && give(home, "node/siblings", shared, 0660);
}

static bool settle_owner(const struct plan *plan) {
    const char *owner_dir = plan->cli->owner_dir;
    char path[PATH_MAX + 16];
    bool good = give(owner_dir, "owner.key", plan->owner, 0600) &&
                give(owner_dir, "pins", plan->owner, 0600);
    for (size_t len = strlen(owner_dir); good && len > plan->there_len; len--) {
        if (owner_dir[len] == '\0' || owner_dir[len] == '/') {
            (void)snprintf(path, sizeof path, "%.*s", (int)len, owner_dir);
            good = give(path, "", plan->owner, 0700);
        }
    }
    return good;
}

/* What root has just made in folders of its own; a link in its place is refused all the same. */
static bool give(const char *folder, const char *name, struct user to, mode_t mode) {
    char path[2 * PATH_MAX];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s%s%s", folder, *name == '\0' ? "" : "/", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && fstat(fd, &info) == 0 && fchown(fd, to.uid, to.gid) == 0 &&
                fchmod(fd, mode) == 0;
    if (!good) {
        (void)fail(NULL, "'%s' cannot be handed over: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}
