#include "cli/delivered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/named.h"
#include "proto/clip.h"

enum {
    GRANT_WORD_MIN = 8, /* so that no home can make its grant pass for a request's short code */
};

static bool keep(struct deliveries *out, const struct control_reply *reply);
static struct delivered *next_free(struct deliveries *all);
static bool grant_is_named(const struct delivered *one, const char *name);
static const char *came_from(const struct delivered *one, char out[NAMED_SAYS_BYTES]);
static void machine_name(char out[NAME_MAX_BYTES]);
static const char *stem_of(const struct collected_place *place, bool *here);
static enum file_state open_place(const struct collected_place *place, enum place_file file,
                                  char name[NAME_MAX + 1], int *folder);
static int open_folder(const char *path);
static enum file_state check(int folder, const char *name, const struct id *expected,
                             struct place_checked *out);
static void fill_in(const struct stat *info, struct place_checked *out);
static bool hash_file(int fd, struct id *out);

static const char *const endings[] = {".mp4", ".txt", ".json", ".mp4.part"};

int delivered_load(struct client *client, struct deliveries *out) {
    static struct control_reply reply;
    struct client_list list = {0};
    bool whole = true;
    int failed = 0;
    while (client_each_part(client, CONTROL_DELIVERED, &list, &reply, &failed)) {
        whole = whole && keep(out, &reply);
    }
    return failed != 0 || whole ? failed
                                : fail(NULL, "too little memory for all that was delivered");
}

static bool keep(struct deliveries *out, const struct control_reply *reply) {
    struct signed_object object;
    struct grant grant;
    struct delivered *one = next_free(out);
    if (one == NULL) {
        return false;
    }
    *one = (struct delivered){.grant_id = reply->as.delivered.grant,
                              .request = reply->as.delivered.request,
                              .received = reply->as.delivered.received,
                              .payload_size = reply->as.delivered.payload_size,
                              .whole = reply->as.delivered.completed.ms > 0 &&
                                       !reply->as.delivered.deleted,
                              .deleted = reply->as.delivered.deleted,
                              .place_count = reply->as.delivered.place_count};
    memcpy(one->places, reply->as.delivered.places, sizeof one->places);
    if (signed_decode(reply->as.delivered.signed_grant, &object) == ERR_OK &&
        grant_decode(object.body, &grant) == ERR_OK) {
        one->delete_by = grant.terms.delete_by;
        one->sha256 = grant.sha256;
    }
    struct buffer *const parts[] = {&one->signed_grant, &one->member, &one->sealed_key};
    const struct bytes from[] = {reply->as.delivered.signed_grant, reply->as.delivered.member,
                                 reply->as.delivered.sealed_key};
    bool whole = true;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        buffer_init(parts[i], SIGNED_GOSSIP_MAX);
        whole &= buffer_append(parts[i], from[i]) == ERR_OK;
    }
    return whole;
}

/* NULL when there are too many, or too little memory. */
static struct delivered *next_free(struct deliveries *all) {
    if (all->count == all->room) {
        size_t room = all->room == 0 ? 64 : 2 * all->room;
        struct delivered *list =
            room > DELIVERED_MAX ? NULL : reallocarray(all->list, room, sizeof *list);
        if (list == NULL) {
            return NULL;
        }
        all->list = list;
        all->room = room;
    }
    return &all->list[all->count++];
}

void delivered_unload(struct deliveries *all) {
    for (size_t i = 0; i < all->count; i++) {
        buffer_finish(&all->list[i].signed_grant);
        buffer_finish(&all->list[i].member);
        buffer_finish(&all->list[i].sealed_key);
        buffer_finish(&all->list[i].header);
        buffer_finish(&all->list[i].manifest);
        buffer_finish(&all->list[i].vouch);
    }
    free(all->list);
}

/* ---- names ---- */

bool delivered_is_named(const struct delivered *one, const char *name) {
    return code_begins(name, &one->request) || grant_is_named(one, name);
}

static bool grant_is_named(const struct delivered *one, const char *name) {
    return strlen(name) >= GRANT_WORD_MIN && code_begins(name, &one->grant_id);
}

int delivered_choose(const struct deliveries *all, const char *name, bool chosen[DELIVERED_MAX],
                     size_t *found) {
    static struct named named;
    char from[NAMED_SAYS_BYTES];
    *found = 0;
    named_start(&named, name);
    for (size_t i = 0; i < all->count; i++) {
        const struct delivered *one = &all->list[i];
        chosen[i] = delivered_is_named(one, name);
        *found += chosen[i] ? 1 : 0;
        (void)named_note(&named, &one->request, "a request", "all that came for it");
        if (grant_is_named(one, name)) {
            (void)named_note(&named, &one->grant_id, "a clip alone", came_from(one, from));
        }
    }
    return named_settle(&named, "requests and clips");
}

static const char *came_from(const struct delivered *one, char out[NAMED_SAYS_BYTES]) {
    struct signed_object object;
    struct member home;
    bool known = signed_decode(buffer_bytes(&one->member), &object) == ERR_OK &&
                 member_decode(object.body, &home) == ERR_OK;
    (void)snprintf(out, NAMED_SAYS_BYTES, "from %s", known ? home.name : "a home");
    return out;
}

/* ---- places ---- */

int place_name(const char *stem, char out[CODE_MAX_BYTES]) {
    char folder[PATH_MAX];
    char whole[PATH_MAX];
    char machine[NAME_MAX_BYTES];
    const char *name = strrchr(stem, '/');
    folder_of(stem, folder);
    if (realpath(folder, whole) == NULL) {
        return fail(NULL, "cannot find '%s': %s", folder, strerror(errno));
    }
    machine_name(machine);
    int len = snprintf(out, CODE_MAX_BYTES, "%s:%s/%s", machine,
                       strcmp(whole, "/") == 0 ? "" : whole, name == NULL ? stem : name + 1);
    return len > 0 && len < CODE_MAX_BYTES
               ? 0
               : fail("name another with '--to'", "the path of '%s' is too long to be kept", whole);
}

/* Where a clip was collected over a forwarded socket, its files are another machine's. */
static void machine_name(char out[NAME_MAX_BYTES]) {
    if (gethostname(out, NAME_MAX_BYTES) != 0) {
        out[0] = '\0';
    }
    out[NAME_MAX_BYTES - 1] = '\0';
    out[strcspn(out, ":")] = '\0';
}

static const char *stem_of(const struct collected_place *place, bool *here) {
    char machine[NAME_MAX_BYTES];
    const char *colon = strchr(place->place, ':');
    if (colon == NULL || colon[1] != '/') {
        *here = false; /* no `stoop` wrote that */
        return place->place;
    }
    size_t len = (size_t)(colon - place->place);
    machine_name(machine);
    *here = len == 0 || (strlen(machine) == len && memcmp(machine, place->place, len) == 0);
    return colon + 1;
}

void place_path(const struct collected_place *place, enum place_file file, char out[PATH_MAX]) {
    bool here = false;
    const char *stem = stem_of(place, &here);
    (void)snprintf(out, PATH_MAX, "%s%s", here ? stem : place->place, endings[file]);
}

bool place_left(const struct collected_place *place) {
    bool left = false;
    for (enum place_file file = PLACE_CLIP; file < PLACE_FILES && !left; file++) {
        left = place_look(place, file) != FILE_GONE;
    }
    return left;
}

bool delivered_left(const struct delivered *one) {
    bool left = false;
    for (size_t i = 0; i < one->place_count && !left; i++) {
        left = place_left(&one->places[i]);
    }
    return left;
}

bool delivered_is_overdue(const struct delivered *one, struct instant now) {
    return instant_reached(now, one->delete_by) && (one->whole || delivered_left(one));
}

void delivered_count_due(const struct deliveries *all, struct instant now,
                         struct delivered_due *out) {
    const struct instant soon = {now.ms + DUE_SOON_MS};
    *out = (struct delivered_due){0};
    for (size_t i = 0; i < all->count; i++) {
        const struct delivered *one = &all->list[i];
        if (delivered_is_overdue(one, now)) {
            out->overdue++;
        } else if (instant_reached(soon, one->delete_by) && delivered_left(one)) {
            out->soon++;
        }
    }
}

void delivered_remind(const struct delivered_due *due) {
    if (due->overdue > 0) {
        (void)printf("\n%zu %s overdue for deletion, as you agreed to: 'stoop delete --due'\n",
                     due->overdue, due->overdue == 1 ? "clip is" : "clips are");
    }
    if (due->soon > 0) {
        (void)printf("%s%zu %s files to be deleted within 7 days: 'stoop delivered'\n",
                     due->overdue > 0 ? "" : "\n", due->soon,
                     due->soon == 1 ? "clip has" : "clips have");
    }
}

/* ---- files, by the descriptor of their folder ---- */

enum file_state place_look(const struct collected_place *place, enum place_file file) {
    char name[NAME_MAX + 1];
    struct stat info;
    int folder = -1;
    enum file_state state = open_place(place, file, name, &folder);
    if (state == FILE_THERE) {
        state = fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 ? FILE_THERE
                : errno == ENOENT                                      ? FILE_GONE
                                                                       : FILE_UNSEEN;
        (void)close(folder);
    }
    return state;
}

void place_check(const struct delivered *one, const struct collected_place *place,
                 struct place_checked out[PLACE_FILES]) {
    const struct id none = {{0}};
    const struct id *const expected[PLACE_FILES] = {&one->sha256, &place->text, &place->json,
                                                    &none};
    for (enum place_file file = PLACE_CLIP; file < PLACE_FILES; file++) {
        char name[NAME_MAX + 1];
        int folder = -1;
        out[file] = (struct place_checked){.state = open_place(place, file, name, &folder)};
        if (out[file].state == FILE_THERE) {
            out[file].state = check(folder, name, expected[file], &out[file]);
            (void)close(folder);
        }
    }
}

enum file_state place_remove(const struct collected_place *place, enum place_file file,
                             const struct place_checked *checked) {
    char name[NAME_MAX + 1];
    struct stat info;
    struct place_checked now = {0};
    int folder = -1;
    enum file_state state = open_place(place, file, name, &folder);
    if (state != FILE_THERE) {
        return state;
    }
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        state = errno == ENOENT ? FILE_GONE : FILE_UNSEEN;
    } else {
        fill_in(&info, &now);
        bool same = now.device == checked->device && now.file == checked->file &&
                    now.changed == checked->changed;
        bool gone = same && unlinkat(folder, name, 0) == 0 && fsync(folder) == 0;
        state = gone ? FILE_GONE : same ? FILE_UNSEEN : FILE_CHANGED;
    }
    (void)close(folder);
    return state;
}

/* FILE_THERE: its folder is, and open. */
static enum file_state open_place(const struct collected_place *place, enum place_file file,
                                  char name[NAME_MAX + 1], int *folder) {
    char path[PATH_MAX];
    char parent[PATH_MAX];
    bool here = false;
    (void)stem_of(place, &here);
    if (!here) {
        return FILE_ELSEWHERE;
    }
    place_path(place, file, path);
    folder_of(path, parent);
    int len = snprintf(name, NAME_MAX + 1, "%s", strrchr(path, '/') + 1);
    *folder = len <= NAME_MAX ? open_folder(parent) : -1;
    return *folder >= 0 ? FILE_THERE : errno == ENOENT ? FILE_GONE : FILE_UNSEEN;
}

/* From the root, part by part: where a link has taken the place of a folder since, it is not the
 * one that was written to. */
static int open_folder(const char *path) {
    char rest[PATH_MAX];
    char *save = NULL;
    (void)snprintf(rest, sizeof rest, "%s", path);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char *part = strtok_r(rest, "/", &save); folder >= 0 && part != NULL;
         part = strtok_r(NULL, "/", &save)) {
        int next = openat(folder, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int reason = errno;
        (void)close(folder);
        errno = reason;
        folder = next;
    }
    return folder;
}

static enum file_state check(int folder, const char *name, const struct id *expected,
                             struct place_checked *out) {
    struct id hash;
    struct stat info;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? FILE_GONE : errno == ELOOP ? FILE_CHANGED : FILE_UNSEEN;
    }
    enum file_state state = FILE_CHANGED;
    if (fstat(fd, &info) != 0) {
        state = FILE_UNSEEN;
    } else if (S_ISREG(info.st_mode) && !id_is_zero(expected)) {
        fill_in(&info, out);
        bool read = hash_file(fd, &hash);
        state = !read ? FILE_UNSEEN : id_equal(&hash, expected) ? FILE_THERE : FILE_CHANGED;
    }
    (void)close(fd);
    return state;
}

static void fill_in(const struct stat *info, struct place_checked *out) {
    out->device = info->st_dev;
    out->file = info->st_ino;
    out->changed = (int64_t)info->st_ctim.tv_sec * 1000000000 + info->st_ctim.tv_nsec;
}

static bool hash_file(int fd, struct id *out) {
    static uint8_t block[128 * 1024];
    struct sha256_state *state = sha256_create();
    ssize_t got = -1;
    while (state != NULL && ((got = read(fd, block, sizeof block)) > 0 ||
                             (got < 0 && errno == EINTR && !term_stopped()))) {
        sha256_update(state, (struct bytes){block, got > 0 ? (size_t)got : 0});
    }
    if (state != NULL) {
        sha256_final(state, out);
    }
    sha256_destroy(state);
    return got == 0;
}
