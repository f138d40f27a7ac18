/* `communities remove`: the room that was made for a further community is taken away again, with
 * its node's keys, log and vault.
 *
 * The folder gets another name first, durably: by that the supervisor ends its node, and no command
 * finds it. What is broken off behind that, by Ctrl-C or a power cut, goes on when the command is
 * given again; before it, nothing is changed. */
#include "cli/room.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/delivered.h"
#include "cli/members.h"
#include "cli/rules.h"
#include "cli/sent.h"
#include "cli/siblings.h"

enum {
    END_MS = 20000, /* stoopd looks every few seconds, and a node ends within ten */
    DEPTH_MAX = 16, /* of a log's tiles, ten */
    ZEROS = 64 * 1024
};

struct room {
    char name[SLUG_MAX_BYTES];
    char folder[PATH_MAX]; /* as it is, and as it is called while it goes */
    char going[PATH_MAX];
    bool goes_on;          /* what was begun before */
    struct client *client; /* of its node; NULL: it does not run */
    struct pins pins;
    struct control_reply status;
    enum control_member state;
    size_t kept; /* delivered, and not deleted */
};

static bool is_going(const struct cli *cli, const char *name);
static void going_path(const struct cli *cli, const char *name, char out[PATH_MAX]);
static int find_room(const struct cli *cli, const char *said, struct room *out);
static int may_remove(const struct cli *cli);
static int look_into(struct cli *cli, struct room *room);
static int count_kept(struct room *room);
static int check_left(const struct room *room);
static int say_room(const struct cli *cli, const struct room *room);
static void say_cameras(const struct cameras *cameras, const struct id *community);
static int say_rules(const struct cli *cli, const struct room *room);
static int take_away(struct cli *cli, struct room *room);
static int rename_folder(const struct cli *cli, const struct room *room);
static int wait_for_end(struct cli *cli, struct room *room);
static int tell_others(struct cli *cli, struct room *room);
static int delete_folder(const struct room *room);
static bool empty_folder(int folder, int depth, bool keys);
static bool remove_entry(int folder, const char *name, int depth, bool keys);
static void overwrite(int folder, const char *name);

int room_remove(struct cli *cli) {
    static struct room room;
    char question[160];
    room = (struct room){.state = CONTROL_MEMBER_AWAY};
    int failed = take_options(cli, NULL, 0, "NAME");
    if (failed == 0 && cli->json) {
        failed = usage_error(cli->command, "'--json' is for what asks nothing");
    }
    if (failed == 0) {
        failed = find_room(cli, cli->argv[1], &room);
    }
    if (failed == 0) {
        failed = may_remove(cli);
    }
    if (failed == 0) {
        failed = pins_load(cli, &room.pins);
    }
    if (failed == 0 && !room.goes_on) {
        failed = look_into(cli, &room);
    }
    if (failed == 0 && !room.goes_on) {
        failed = check_left(&room);
    }
    if (failed == 0 && room.goes_on) {
        term_note("", 0, "its removal was begun before, and goes on");
    } else if (failed == 0) {
        (void)snprintf(question, sizeof question,
                       "to remove it for good, type its name, %s: ", room.name);
        failed = say_room(cli, &room);
        failed = failed == 0 ? sent_ask_for(question, room.name, room.name, "not removed") : failed;
    }
    if (failed == 0) {
        failed = take_away(cli, &room);
    }
    client_close(room.client);
    if (failed == 0) {
        (void)printf("removed '%s'\n", room.name);
    }
    return failed;
}

int room_free(const struct cli *cli, const char *name) {
    char next[96];
    (void)snprintf(next, sizeof next, "'stoop communities remove %s' goes on with it", name);
    return is_going(cli, name) ? fail(next, "the removal of '%s' is not through", name) : 0;
}

void room_note_going(const struct cli *cli) {
    char folder[PATH_MAX + 16];
    char text[SAFE_MAX];
    const struct dirent *entry = NULL;
    (void)snprintf(folder, sizeof folder, "%s/" FURTHER_FOLDER, cli->base);
    DIR *list = opendir(folder);
    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name + 1;
        if (entry->d_name[0] == '.' && slug_valid(name)) {
            (void)snprintf(text, sizeof text,
                           "the removal of '%s' is not through: 'stoop communities remove %s' goes "
                           "on with it",
                           name, name);
            term_note("", 0, text);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

static bool is_going(const struct cli *cli, const char *name) {
    char path[PATH_MAX];
    struct stat info;
    going_path(cli, name, path);
    return lstat(path, &info) == 0;
}

/* No community is called so: the dot hides it from all that lists them. */
static void going_path(const struct cli *cli, const char *name, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%.*s/" FURTHER_FOLDER "/.%s", PATH_MAX - 64, cli->base, name);
}

static int find_room(const struct cli *cli, const char *said, struct room *out) {
    struct places places;
    char safe[SAFE_MAX];
    char names[PLACES_TEXT_MAX];
    char next[PLACES_TEXT_MAX + 64];
    bool there = false;
    places_list(cli, &places);
    if (strcmp(said, SLUG_FIRST) == 0) {
        return fail("'stoop --community first leave' takes the home out of its community",
                    "'first' is the home itself, with its cameras, and stays");
    }
    slug_of(said, out->name);
    place_home(cli, out->name, out->folder);
    going_path(cli, out->name, out->going);
    for (size_t i = 1; i < places.count; i++) {
        there |= strcmp(places.names[i], out->name) == 0;
    }
    out->goes_on = slug_valid(out->name) && !there && is_going(cli, out->name);
    if (there && is_going(cli, out->name)) {
        return fail("move it out of the way by hand", "'%s' is there besides", out->going);
    }
    (void)snprintf(next, sizeof next, "there are: %s", places_text(&places, names));
    return there || out->goes_on
               ? 0
               : fail(next, "this home has no community '%s'", safe_text(said, 60, safe));
}

/* Those of a system service are root's. */
static int may_remove(const struct cli *cli) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/" FURTHER_FOLDER, cli->base);
    return access(path, W_OK | X_OK) == 0
               ? 0
               : fail("run it with sudo, and name the owner's folder with '--owner-dir'",
                      "'%s' may not be written", path);
}

/* ---- what is in it ---- */

static int look_into(struct cli *cli, struct room *room) {
    place_choose(cli, room->name);
    if (!client_there(cli)) {
        return 0;
    }
    int failed = client_open(cli, &room->client);
    if (failed == 0) {
        failed = client_status(room->client, &room->status);
    }
    if (failed == 0 && room->status.as.status.has_community) {
        failed = belongs_ask(room->client, &room->status, &room->state);
    }
    return failed == 0 ? count_kept(room) : failed;
}

/* Its deletion has to be on record, and collected files stay listed until they are deleted (P10).
 */
static int count_kept(struct room *room) {
    struct deliveries all = {0};
    int failed = delivered_load(room->client, &all);
    for (size_t i = 0; failed == 0 && i < all.count; i++) {
        room->kept += all.list[i].whole || delivered_left(&all.list[i]) ? 1 : 0;
    }
    delivered_unload(&all);
    return failed;
}

static int check_left(const struct room *room) {
    char next[160];
    char safe[SAFE_MAX];
    bool in = room->client != NULL && room->status.as.status.has_community &&
              id_is_zero(&room->status.as.status.outside);
    if (in && (room->state == CONTROL_MEMBER_SELF || room->state == CONTROL_MEMBER_LINKED)) {
        (void)snprintf(next, sizeof next, "leave it first: 'stoop --community %s leave'",
                       room->name);
        return fail(next, "this home belongs to '%s' still",
                    safe_text(room->status.as.status.community_name, NAME_MAX_BYTES, safe));
    }
    (void)snprintf(next, sizeof next,
                   "see them with 'stoop --community %s delivered', and delete them with 'stoop "
                   "delete CODE'",
                   room->name);
    return room->kept == 0 ? 0
                           : fail(next, "%zu %s delivered there and not deleted yet", room->kept,
                                  room->kept == 1 ? "clip was" : "clips were");
}

static int say_room(const struct cli *cli, const struct room *room) {
    static struct cameras cameras;
    const struct pinned_place *place = pins_place(&room->pins, room->name);
    const struct control_reply *status = &room->status;
    const char *called = status->as.status.community_name;
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    bool joined = place != NULL && place->has_community;
    (void)snprintf(text, sizeof text, "%s, room for %.300s", room->name,
                   !joined                ? "a community that this home is in none of yet"
                   : room->client == NULL ? "a community"
                                          : safe_text(called, NAME_MAX_BYTES, safe));
    term_line("REMOVE", "", text);
    (void)snprintf(text, sizeof text, "%.1000s: its node's keys, log and vault", room->folder);
    term_line("DELETES", "", text);
    if (joined) {
        term_line(
            "", "",
            "the record of what was asked and given there is in that log alone: to keep it as "
            "evidence, copy that folder before you go on");
    }
    if (joined && room->client == NULL) {
        term_line("UNKNOWN", "",
                  "its node does not run: whether this home has left, and what was delivered "
                  "there and is to be deleted by its day, cannot be seen");
    }
    if (status->as.status.open_clips > 0) {
        (void)snprintf(text, sizeof text,
                       "%u of this home's clips wait there for your decision: they go undecided, "
                       "and nobody is told",
                       status->as.status.open_clips);
        term_line("WAITS", "", text);
    }
    int failed = joined ? cameras_load(cli, &cameras) : 0;
    if (failed == 0 && joined) {
        say_cameras(&cameras, &place->community);
    }
    if (failed == 0) {
        failed = say_rules(cli, room);
    }
    term_line("STAYS", "", "this home's owners, cameras and other communities");
    return failed;
}

/* One that names no other: to open it to all instead is for its owner to say. */
static void say_cameras(const struct cameras *cameras, const struct id *community) {
    for (size_t i = 0; cameras->there && i < cameras->list.camera_count; i++) {
        const struct camera *camera = &cameras->list.cameras[i];
        char text[SAFE_MAX];
        if (camera->community_count == 1 && id_equal(&camera->communities[0], community)) {
            (void)snprintf(
                text, sizeof text,
                "'%s' can be asked for there alone, and from then on nowhere: see 'stoop "
                "help camera'",
                camera->name);
            term_line("CAMERA", "", text);
        }
    }
}

static int say_rules(const struct cli *cli, const struct room *room) {
    static struct rules rules;
    char text[PATH_MAX + 128];
    int failed = rules_load(cli, &rules);
    for (size_t i = 0; failed == 0 && i < rules.asker_count; i++) {
        if (strcmp(rules.askers[i].place, room->name) == 0) {
            (void)snprintf(
                text, sizeof text,
                "'%s/rules' names it from line %zu on: take that out, or no command will "
                "read the rules",
                cli->owner_dir, rules.askers[i].line);
            term_line("RULES", "", text);
            break;
        }
    }
    return failed;
}

/* ---- taken away ---- */

static int take_away(struct cli *cli, struct room *room) {
    int failed = room->goes_on ? 0 : rename_folder(cli, room);
    if (failed == 0) {
        failed = wait_for_end(cli, room);
    }
    place_choose(cli, SLUG_FIRST);
    if (failed == 0) {
        pins_place_remove(&room->pins, room->name);
        failed = pins_save_as_owner(cli->owner_dir, &room->pins);
    }
    if (failed == 0) {
        failed = tell_others(cli, room);
    }
    return failed == 0 ? delete_folder(room) : failed;
}

static int rename_folder(const struct cli *cli, const struct room *room) {
    char folder[PATH_MAX + 16];
    (void)snprintf(folder, sizeof folder, "%s/" FURTHER_FOLDER, cli->base);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && rename(room->folder, room->going) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good ? 0 : fail(NULL, "'%s' cannot be removed: %s", room->folder, strerror(reason));
}

/* Nothing is deleted under a node that runs. */
static int wait_for_end(struct cli *cli, struct room *room) {
    (void)snprintf(cli->home, sizeof cli->home, "%s", room->going);
    if (room->client == NULL && client_there(cli) && client_open(cli, &room->client) != 0) {
        return EXIT_FAILED;
    }
    term_busy("ending its node ...");
    bool ended = room->client == NULL || client_ended(room->client, END_MS);
    term_busy(NULL);
    return ended ? 0
                 : fail("when it has ended, the same command goes on",
                        "the node of '%s' does not end", room->name);
}

static int tell_others(struct cli *cli, struct room *room) {
    struct kin kin;
    int failed = siblings_prepare(cli, &room->pins, &kin);
    return failed == 0 ? siblings_tell(&kin, &room->pins) : failed;
}

static int delete_folder(const struct room *room) {
    int folder = open(room->going, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool good = folder >= 0;
    term_busy("deleting ...");
    good = good && empty_folder(folder, 0, false) && rmdir(room->going) == 0;
    term_busy(NULL);
    int reason = errno;
    if (folder >= 0) {
        (void)close(folder);
    }
    return good ? 0
                : fail("the same command goes on with it", "'%s' cannot be deleted: %s",
                       room->going, strerror(reason));
}

/* By the folder itself and no path, as another user may own it. What opens clips lies in `node`; in
 * the folders there, and in the vault, is ciphertext and what others could read as well. */
static bool empty_folder(int folder, int depth, bool keys) {
    const struct dirent *entry = NULL;
    int again = depth < DEPTH_MAX ? openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *list = again < 0 ? NULL : fdopendir(again);
    bool good = list != NULL;
    while (good && (entry = readdir(list)) != NULL) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        good = self || remove_entry(folder, entry->d_name, depth, keys);
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    return good;
}

static bool remove_entry(int folder, const char *name, int depth, bool keys) {
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    if (!S_ISDIR(info.st_mode)) {
        if (keys && S_ISREG(info.st_mode)) {
            overwrite(folder, name);
        }
        return unlinkat(folder, name, 0) == 0;
    }
    int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool good = below >= 0 &&
                empty_folder(below, depth + 1, depth == 0 && strcmp(name, "node") == 0) &&
                unlinkat(folder, name, AT_REMOVEDIR) == 0;
    if (below >= 0) {
        (void)close(below);
    }
    return good;
}

/* As deleting a clip's row overwrites its place: README says what flash may keep. A disk that
 * cannot do it is no reason to keep the file. */
static void overwrite(int folder, const char *name) {
    static const uint8_t zeros[ZEROS];
    struct stat info;
    int fd = openat(folder, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1;
    for (off_t at = 0; good && at < info.st_size; at += ZEROS) {
        size_t len = info.st_size - at < ZEROS ? (size_t)(info.st_size - at) : ZEROS;
        good = pwrite(fd, zeros, len, at) == (ssize_t)len;
    }
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}
