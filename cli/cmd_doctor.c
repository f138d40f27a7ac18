/* doctor: what this machine lacks. It changes nothing and needs no node. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/recordings.h"
#include "node/confine/confine.h"
#include "proto/config.h"

enum {
    DIAL_MS = 500,
    SUN_PATH = 108
};

enum finding {
    FINE,
    WARN,  /* it works, and not as it might */
    FAULT, /* it does not work */
};

struct doctor {
    struct cli *cli;
    struct facts *facts;
    size_t faults, warnings;
    bool node_up;
};

static void say(struct doctor *doctor, const char *key, const char *label, enum finding finding,
                const char *format, ...) PRINTF_LIKE(5, 6);
static void look_at_kernel(struct doctor *doctor);
static void look_at_programs(struct doctor *doctor);
static void look_at_clock(struct doctor *doctor);
static void look_at_home(struct doctor *doctor);
static void look_at_modes(struct doctor *doctor);
static void look_at_disk(struct doctor *doctor);
static void look_at_node(struct doctor *doctor);
static void look_at_network(struct doctor *doctor);
static void look_at_port(struct doctor *doctor, const char *listen);
static void look_at_cameras(struct doctor *doctor);
static void look_at_recordings(struct doctor *doctor, const char *key, const struct camera *camera);
static void look_at_recorders(struct doctor *doctor);
static bool others_may(const char *path, mode_t bits);
static bool dial(const char *address);
static bool parse_ipv4(const char *text, struct sockaddr_in *out);

int cmd_doctor(struct cli *cli) {
    struct doctor doctor = {.cli = cli};
    int failed = take_options(cli, NULL, 0, "");
    if (failed != 0) {
        return failed;
    }
    doctor.facts = facts_start(cli, false);
    look_at_kernel(&doctor);
    look_at_programs(&doctor);
    look_at_clock(&doctor);
    look_at_home(&doctor);
    facts_number(doctor.facts, "wrong", NULL, (int64_t)doctor.faults);
    facts_number(doctor.facts, "to_look_at", NULL, (int64_t)doctor.warnings);
    facts_end(doctor.facts);
    if (!cli->json && doctor.faults + doctor.warnings == 0) {
        (void)puts("\nnothing is missing");
    } else if (!cli->json) {
        (void)printf("\n%zu missing or wrong, %zu to look at\n", doctor.faults, doctor.warnings);
    }
    return doctor.faults == 0 ? EXIT_DONE : EXIT_FAILED;
}

static void say(struct doctor *doctor, const char *key, const char *label, enum finding finding,
                const char *format, ...) {
    static const char *const leads[] = {[FINE] = "ok", [WARN] = "LOOK", [FAULT] = "WRONG"};
    char detail[512];
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    (void)snprintf(text, sizeof text, "%s%s%s", leads[finding], *detail == '\0' ? "" : ": ",
                   detail);
    if (doctor->cli->json) {
        static const char *const states[] = {[FINE] = "ok", [WARN] = "look", [FAULT] = "wrong"};
        facts_object(doctor->facts, key);
        facts_text(doctor->facts, "state", NULL, states[finding]);
        facts_text(doctor->facts, "text", NULL, detail);
        facts_object(doctor->facts, NULL);
    } else {
        facts_text(doctor->facts, key, label, text);
    }
    doctor->faults += finding == FAULT ? 1 : 0;
    doctor->warnings += finding == WARN ? 1 : 0;
}

static void look_at_kernel(struct doctor *doctor) {
    struct confine_probe probe;
    confine_probe(&probe);
    if (probe.landlock_abi > 0) {
        say(doctor, "landlock", "Landlock", FINE, "version %d", probe.landlock_abi);
    } else {
        say(doctor, "landlock", "Landlock", FAULT,
            "the walls need Linux 5.13 or later with 'landlock' among its security modules");
    }
    say(doctor, "seccomp", "seccomp", probe.seccomp ? FINE : FAULT, "%s",
        probe.seccomp ? "" : "this kernel lacks it, and the walls need it");
    bool enough = probe.memlock_bytes >= 65536;
    say(doctor, "memlock", "locked memory", enough ? FINE : FAULT, "%s",
        enough ? "" : "keys need 64 KiB: raise 'ulimit -l' to 64 or more");
}

static void look_at_programs(struct doctor *doctor) {
    static const char *const names[] = {"ffmpeg", "ffprobe"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/usr/bin/%s", names[i]);
        bool there = access(path, X_OK) == 0;
        say(doctor, names[i], names[i], there ? FINE : FAULT, "%s",
            there ? "" : "no clip can be made: apt-get install ffmpeg");
    }
}

/* Requests, clips and logs carry times; the overlay bears 15 minutes. */
static void look_at_clock(struct doctor *doctor) {
    struct timex state = {.modes = 0};
    if (now_wall().ms < INT64_C(1767225600000)) {
        say(doctor, "clock", "clock", FAULT, "it says a time before 2026; set it");
    } else if (adjtimex(&state) < 0) {
        say(doctor, "clock", "clock", WARN, "whether it is kept right cannot be seen");
    } else if ((state.status & STA_UNSYNC) != 0) {
        say(doctor, "clock", "clock", WARN,
            "nothing keeps it right: apt-get install systemd-timesyncd");
    } else {
        say(doctor, "clock", "clock", FINE, "kept right");
    }
}

static void look_at_home(struct doctor *doctor) {
    const char *home = doctor->cli->home;
    struct stat info;
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/config", home);
    if (stat(home, &info) != 0 || access(path, F_OK) != 0) {
        say(doctor, "home", "home", FAULT, "there is none in %.300s: 'stoop init' makes one", home);
        return;
    }
    if (strlen(home) + sizeof "/control.sock" > SUN_PATH) {
        say(doctor, "home", "home", FAULT, "the path %.200s is too long for a socket", home);
        return;
    }
    say(doctor, "home", "home", FINE, "%.400s", home);
    look_at_modes(doctor);
    look_at_disk(doctor);
    look_at_node(doctor);
    look_at_network(doctor);
    look_at_cameras(doctor);
    look_at_recorders(doctor);
}

static void look_at_modes(struct doctor *doctor) {
    static const struct {
        bool owners; /* in the owner's folder */
        const char *name;
        mode_t bits; /* that it must not have */
    } paths[] = {{false, "", 006},      {false, "node", 007}, {false, "ingest", 077},
                 {false, "vault", 007}, {true, "", 077},      {true, "owner.key", 077},
                 {true, "pins", 022}};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char path[PATH_MAX + 16];
        (void)snprintf(path, sizeof path, "%s%s%s",
                       paths[i].owners ? doctor->cli->owner_dir : doctor->cli->home,
                       paths[i].name[0] == '\0' ? "" : "/", paths[i].name);
        if (others_may(path, paths[i].bits)) {
            say(doctor, "modes", "permissions", FAULT, "others may enter: chmod %s '%.300s'",
                paths[i].bits == 077   ? "go-rwx"
                : paths[i].bits == 022 ? "go-w"
                                       : "o-rwx",
                path);
            return;
        }
    }
    char key[PATH_MAX + 16];
    (void)snprintf(key, sizeof key, "%s/owner.key", doctor->cli->owner_dir);
    if (access(key, R_OK) != 0) {
        say(doctor, "modes", "permissions", WARN, "no owner's key to be read in %.300s",
            doctor->cli->owner_dir);
    } else {
        say(doctor, "modes", "permissions", FINE, "%s", "");
    }
}

static void look_at_disk(struct doctor *doctor) {
    struct statvfs disk;
    char size[32];
    if (statvfs(doctor->cli->home, &disk) != 0) {
        say(doctor, "disk", "disk", WARN, "%s", strerror(errno));
        return;
    }
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    size_text(left, size);
    if (left < UINT64_C(1) << 30) {
        say(doctor, "disk", "disk", FAULT, "%s free; sealed clips need at least 1 GB", size);
    } else if (disk.f_files > 0 && disk.f_favail < 10000) {
        say(doctor, "disk", "disk", WARN, "few files can be made on it");
    } else {
        say(doctor, "disk", "disk", FINE, "%s free", size);
    }
}

static void look_at_node(struct doctor *doctor) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    (void)snprintf(where.sun_path, sizeof where.sun_path, "%.90s/control.sock", doctor->cli->home);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int reason =
        fd < 0 || connect(fd, (const struct sockaddr *)&where, sizeof where) != 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    doctor->node_up = reason == 0;
    if (reason == 0) {
        say(doctor, "node", "node", FINE, "running");
    } else if (reason == EACCES) {
        say(doctor, "node", "node", FAULT,
            "you may not talk to it: 'usermod -aG stoop-owners NAME', then log in anew");
    } else if (client_supervised(doctor->cli)) {
        say(doctor, "node", "node", FAULT, "not running, though stoopd is: its journal says why");
    } else {
        say(doctor, "node", "node", WARN, "not running: start it with 'stoopd'");
    }
}

static void look_at_network(struct doctor *doctor) {
    char path[PATH_MAX + 16];
    struct config config;
    struct config_error error;
    SCOPED(buffer_finish) struct buffer file = {.max = CONFIG_FILE_MAX};
    uint8_t *to = NULL;
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/config", doctor->cli->home);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &info) == 0 && info.st_size <= CONFIG_FILE_MAX &&
                buffer_extend(&file, (size_t)info.st_size, &to) == ERR_OK &&
                read(fd, to, (size_t)info.st_size) == info.st_size;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!good) {
        say(doctor, "config", "config", FAULT, "it cannot be read: %s", strerror(errno));
        return;
    }
    if (config_read(buffer_bytes(&file), &config, &error) != ERR_OK) {
        say(doctor, "config", "config", FAULT, "line %zu: %s", error.line, error.text);
        return;
    }
    say(doctor, "config", "config", FINE, "%s", "");
    look_at_port(doctor, config.listen);
    if (config.address_count == 0) {
        say(doctor, "address", "address", WARN,
            "neighbours cannot dial this home: say where, with 'address =' in its config");
        return;
    }
    for (size_t i = 0; i < config.address_count; i++) {
        bool near =
            address_is_private(config.addresses[i]) || address_is_loopback(config.addresses[i]);
        char key[32] = "address";
        if (i > 0) {
            (void)snprintf(key, sizeof key, "address_%zu", i + 1);
        }
        say(doctor, key, "address", near ? WARN : FINE, "%s%s", config.addresses[i],
            near ? " is of this network only; neighbours elsewhere need "
                   "the router's, and a port forwarded to here"
                 : "");
    }
}

/* With the node running its port must answer on this machine; else it must be free. Whether the
 * router lets others in only they can say. */
static void look_at_port(struct doctor *doctor, const char *listen) {
    char address[ADDRESS_MAX_BYTES + 16];
    bool any = strncmp(listen, "0.0.0.0:", 8) == 0;
    bool any6 = strncmp(listen, "[::]:", 5) == 0;
    (void)snprintf(address, sizeof address, "%s%s", any || any6 ? "127.0.0.1:" : "",
                   any    ? listen + 8
                   : any6 ? listen + 5
                          : listen);
    bool answers = dial(address);
    if (doctor->node_up) {
        say(doctor, "port", "port", answers ? FINE : FAULT, "%s %s", listen,
            answers ? "answers on this machine" : "does not answer: is a firewall in between?");
    } else {
        say(doctor, "port", "port", answers ? FAULT : FINE, "%s %s", listen,
            answers ? "is taken by another program: change 'listen =' in the config" : "is free");
    }
}

static void look_at_cameras(struct doctor *doctor) {
    static struct cameras cameras;
    if (cameras_load(doctor->cli, &cameras) != 0 || !cameras.there) {
        say(doctor, "cameras", "cameras", WARN, "none: 'stoop camera add' names one");
        return;
    }
    for (size_t i = 0; i < cameras.list.camera_count; i++) {
        const struct camera *camera = &cameras.list.cameras[i];
        char key[96];
        (void)snprintf(key, sizeof key, "camera_%s", camera->name);
        DIR *folder = opendir(camera->folder);
        int reason = folder == NULL ? errno : 0;
        if (folder != NULL) {
            (void)closedir(folder);
        }
        if (reason == EACCES) { /* ingest may be another user, in the recorder's group */
            say(doctor, key, "camera", WARN, "'%s': not yours to read: may stoop-ingest read it?",
                camera->name);
        } else if (reason != 0) {
            say(doctor, key, "camera", FAULT, "'%s': %.300s: %s", camera->name, camera->folder,
                strerror(reason));
        } else if (others_may(camera->folder, 005)) {
            say(doctor, key, "camera", WARN,
                "'%s': everybody on this machine may read %.300s, sealed or not", camera->name,
                camera->folder);
        } else {
            look_at_recordings(doctor, key, camera);
        }
    }
}

static void look_at_recordings(struct doctor *doctor, const char *key,
                               const struct camera *camera) {
    struct recordings recordings;
    char text[RECORDINGS_TEXT_MAX];
    recordings_look(camera, &recordings);
    (void)recordings_text(camera, &recordings, text);
    if (recordings_missing(camera, &recordings)) {
        say(doctor, key, "camera", WARN, "'%s': recordings in %.300s: %s", camera->name,
            camera->folder, text);
    } else {
        say(doctor, key, "camera", FINE, "'%s': %s", camera->name, text);
    }
}

/* What serves a recorder's footage past Stoop (P1: what remains). */
static void look_at_recorders(struct doctor *doctor) {
    static const struct {
        const char *address;
        const char *what;
    } doors[] = {{"127.0.0.1:5000", "Frigate without a password"},
                 {"127.0.0.1:8971", "Frigate"},
                 {"127.0.0.1:8554", "RTSP: MediaMTX, Frigate or a camera"},
                 {"127.0.0.1:8888", "HLS: MediaMTX"},
                 {"127.0.0.1:8081", "Motion"}};
    bool open = false;
    for (size_t i = 0; i < COUNT_OF(doors); i++) {
        if (dial(doors[i].address)) {
            char key[32];
            open = true;
            (void)snprintf(key, sizeof key, "recorder_%s",
                           doors[i].address + sizeof "127.0.0.1:" - 1);
            say(doctor, key, "recorder", WARN,
                "port %s answers (%s): set a password there; Stoop's walls do not guard it",
                doors[i].address + sizeof "127.0.0.1:" - 1, doors[i].what);
        }
    }
    if (!open) {
        say(doctor, "recorder", "recorder", FINE,
            "no recorder serves footage on its usual ports here");
    }
}

static bool others_may(const char *path, mode_t bits) {
    struct stat info;
    return stat(path, &info) == 0 && (info.st_mode & bits) != 0;
}

static bool dial(const char *address) {
    struct sockaddr_in where;
    if (!parse_ipv4(address, &where)) {
        return false;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : 0;
    socklen_t len = sizeof error;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&where, sizeof where) != 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        error = errno;
        if (error == EINPROGRESS) {
            error = poll(&wait, 1, DIAL_MS) == 1 ? 0 : ETIMEDOUT;
            if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
                error = errno;
            }
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return error == 0;
}

/* IPv6 is not tried: the same node listens. */
static bool parse_ipv4(const char *text, struct sockaddr_in *out) {
    char host[ADDRESS_MAX_BYTES + 16];
    long port = 0;
    (void)snprintf(host, sizeof host, "%s", text);
    char *colon = strrchr(host, ':');
    if (colon == NULL || parse_number(colon + 1, 1, 65535, &port) != 0) {
        return false;
    }
    *colon = '\0';
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}
