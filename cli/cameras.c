/* The camera list is signed by the owners and sealed to ingest: the node carries it and cannot read
 * it. A copy in clear lies in each signing owner's own folder. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/age.h"

static int lock_folder(const char *folder);
static void next_path(const char *folder, char out[PATH_MAX]);
static int read_list(const char *path, struct cameras *out);
static void forget_left(struct camera_list *list, const struct pins *pins);
static bool is_needed(const struct camera_list *list, const struct pins *pins,
                      const struct id *community);
static enum err sign_list(const struct camera_list *list, const struct signers *signers,
                          struct buffer *out);
static enum err seal_list(const struct pins *pins, struct bytes list, struct buffer *for_ingest,
                          struct buffer *for_owners);
static int keep_next(const struct signers *signers, struct bytes list);
static int take_next(const struct signers *signers);
static void forget_next(const struct signers *signers);

int cameras_settle(struct cli *cli) {
    static struct control_reply status;
    static struct cameras given;
    struct client *client = NULL;
    char path[PATH_MAX];
    char next[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/cameras", cli->owner_dir);
    next_path(cli->owner_dir, next);
    int failed = lock_folder(cli->owner_dir);
    if (failed != 0 || access(next, F_OK) != 0) {
        return failed;
    }
    failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    client_close(client);
    if (failed != 0) {
        return failed;
    }
    if (status.as.status.camera_list_waits) {
        return fail("try again in a moment; 'stoop status' says whether the cameras are watched",
                    "it is not known yet whether the camera list given last was taken");
    }
    bool taken =
        read_list(next, &given) == 0 && given.list.version == status.as.status.camera_list_version;
    return (taken ? rename(next, path) : unlink(next)) == 0
               ? 0
               : fail(NULL, "cannot write '%s': %s", path, strerror(errno));
}

/* One change at a time, until this command ends. */
static int lock_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return fail("try again when it has ended", "another command is changing the cameras");
    }
    return 0; /* a folder that is not there is somebody else's error */
}

/* The list that the node was given, until its answer: beside the one that ingest took last. */
static void next_path(const char *folder, char out[PATH_MAX]) {
    (void)snprintf(out, PATH_MAX, "%s/cameras.next", folder);
}

int cameras_load(const struct cli *cli, struct cameras *out) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/cameras", cli->owner_dir);
    memset(out, 0, sizeof *out);
    out->there = access(path, F_OK) == 0;
    return out->there ? read_list(path, out) : 0;
}

static int read_list(const char *path, struct cameras *out) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer file = {.max = CAMERA_LIST_MAX};
    int failed = file_read(path, CAMERA_LIST_MAX, true, &file);
    if (failed != 0) {
        return failed;
    }
    if (signed_decode(buffer_bytes(&file), &object) != ERR_OK ||
        camera_list_decode(object.body, &out->list) != ERR_OK) {
        return fail("restore it from a backup", "'%s' is broken", path);
    }
    out->id = object.id;
    return 0;
}

void cameras_admit(struct cameras *cameras, const struct pins *pins, const char *name,
                   const struct id *community) {
    struct camera_list *list = &cameras->list;
    size_t at = 0;
    size_t further = 0;
    if (list->community_count == COMMUNITIES_MAX) {
        forget_left(list, pins);
    }
    while (at < list->community_count && !id_equal(&list->communities[at], community)) {
        at++;
    }
    if (at == COMMUNITIES_MAX) {
        return;
    }
    if (at == list->community_count) {
        list->communities[list->community_count++] = *community;
    }
    while (further < list->further_count &&
           !id_equal(&list->further[further].community, community)) {
        further++;
    }
    if (strcmp(name, SLUG_FIRST) != 0 && further < COMMUNITIES_MAX) {
        struct further_community *to = &list->further[further];
        list->further_count += further == list->further_count ? 1 : 0;
        to->community = *community;
        (void)snprintf(to->name, sizeof to->name, "%s", name);
    }
}

static void forget_left(struct camera_list *list, const struct pins *pins) {
    size_t kept = 0;
    size_t further = 0;
    for (size_t i = 0; i < list->community_count; i++) {
        if (is_needed(list, pins, &list->communities[i])) {
            list->communities[kept++] = list->communities[i];
        }
    }
    for (size_t i = 0; i < list->further_count; i++) {
        if (is_needed(list, pins, &list->further[i].community)) {
            list->further[further++] = list->further[i];
        }
    }
    list->community_count = kept;
    list->further_count = further;
}

/* A camera that names it alone would be open to all without it. */
static bool is_needed(const struct camera_list *list, const struct pins *pins,
                      const struct id *community) {
    bool needed = false;
    for (size_t i = 0; i < pins->place_count; i++) {
        const struct pinned_place *place = &pins->places[i];
        needed |= place->has_community && id_equal(&place->community, community);
    }
    for (size_t i = 0; i < list->camera_count; i++) {
        const struct camera *camera = &list->cameras[i];
        needed |= camera->community_count > 0 && camera_open_to(camera, community);
    }
    return needed;
}

int cameras_put(const struct cli *cli, struct client *client, const struct signers *signers,
                struct cameras *cameras) {
    struct camera_list *list = &cameras->list;
    struct pins pins;
    SCOPED(buffer_finish) struct buffer bytes = {.max = CAMERA_LIST_MAX};
    SCOPED(buffer_finish) struct buffer for_ingest = {.max = CAMERA_LIST_MAX};
    SCOPED(buffer_finish) struct buffer for_owners = {.max = CAMERA_LIST_MAX};
    int failed = pins_load(cli, &pins);
    if (failed != 0) {
        return failed;
    }
    list->previous = cameras->id;
    list->version = cameras->there ? list->version + 1 : 1;
    list->created = now_wall();
    list->ingest = pins.ingest.sign;
    enum err err = sign_list(list, signers, &bytes);
    if (err == ERR_OK) {
        err = seal_list(&pins, buffer_bytes(&bytes), &for_ingest, &for_owners);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the camera list cannot be made: %s", err_text(err));
    }
    const struct control_request request = {.op = CONTROL_CAMERAS_PUT,
                                            .blob = buffer_bytes(&for_ingest),
                                            .blob2 = buffer_bytes(&for_owners)};
    failed = keep_next(signers, buffer_bytes(&bytes));
    if (failed != 0) {
        return failed;
    }
    failed = client_do(client, &request,
                       "the camera list was not taken (co-owners sign with '--co-sign DIR')");
    if (failed == EXIT_FAILED && !term_stopped()) { /* it was answered */
        forget_next(signers);
    }
    return failed == 0 ? take_next(signers) : failed;
}

int cameras_resign(const struct cli *cli, struct client *client, const struct signers *signers,
                   const struct id *community) {
    static struct cameras cameras;
    struct pins pins;
    int failed = cameras_load(cli, &cameras);
    if (failed == 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed != 0 || !cameras.there) {
        return failed;
    }
    cameras_admit(&cameras, &pins, place_of(cli), community);
    return cameras_put(cli, client, signers, &cameras);
}

static enum err sign_list(const struct camera_list *list, const struct signers *signers,
                          struct buffer *out) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = CAMERA_LIST_MAX};
    enum err err = camera_list_encode(list, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_CAMERA_LIST, buffer_bytes(&body), &object);
        err = signers_sign(signers, &object);
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

static enum err seal_list(const struct pins *pins, struct bytes list, struct buffer *for_ingest,
                          struct buffer *for_owners) {
    struct box_public owners[OWNERS_MAX];
    for (size_t i = 0; i < pins->owner_count; i++) {
        owners[i] = pins->owners[i].box;
    }
    enum err err = age_seal_small(&pins->ingest.box, 1, list, for_ingest);
    return err == ERR_OK ? age_seal_small(owners, pins->owner_count, list, for_owners) : err;
}

/* Before the node is told: so that a list is not lost that was taken when nobody heard of it. */
static int keep_next(const struct signers *signers, struct bytes list) {
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < signers->count; i++) {
        char next[PATH_MAX];
        next_path(signers->folders[i], next);
        failed = file_write(next, list, 0600, false);
    }
    return failed;
}

static int take_next(const struct signers *signers) {
    for (size_t i = 0; i < signers->count; i++) {
        char path[PATH_MAX];
        char next[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/cameras", signers->folders[i]);
        next_path(signers->folders[i], next);
        if (rename(next, path) != 0) {
            return fail(NULL, "cannot write '%s': %s", path, strerror(errno));
        }
    }
    return 0;
}

static void forget_next(const struct signers *signers) {
    for (size_t i = 0; i < signers->count; i++) {
        char next[PATH_MAX];
        next_path(signers->folders[i], next);
        (void)unlink(next);
    }
}
