/* camera add, list, remove. The list is signed by the owners and sealed to ingest: the node carries
 * it and cannot read it. A copy in clear lies in each signing owner's own folder. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/age.h"

static int load_list(const struct cli *cli, struct camera_list *list, struct id *id, bool *there);
static int put_list(struct cli *cli, struct client *client, const struct signers *signers,
                    struct camera_list *list, const struct id *previous, bool had);
static int add(struct cli *cli);
static int remove_camera(struct cli *cli);
static void say_changed(const struct cli *cli, const char *name, const char *what, bool there);
static int list_cameras(struct cli *cli);
static int read_camera(const struct cli *cli, const char *const *values, bool indoor, bool open,
                       const char *const *owners, size_t owner_count, struct camera *out);
static int change(struct cli *cli, struct camera_list *list, const struct id *previous, bool had,
                  const char *const *co_sign, size_t co_count);
static int mark_owners(const struct cli *cli, const struct camera_list *list,
                       const struct pins *pins, bool needed[OWNERS_MAX]);
static void add_community(struct camera_list *list, const struct id *community);

enum {
    V_FOLDER,
    V_LAYOUT,
    V_AT,
    V_REACH,
    V_FACING,
    V_ANGLE,
    V_OFFSET,
    VALUES
};

static const struct {
    const char *word;
    enum camera_layout layout;
} layouts[] = {{"frigate", LAYOUT_FRIGATE},
               {"mediamtx", LAYOUT_MEDIAMTX},
               {"motion", LAYOUT_MOTION},
               {"plain", LAYOUT_PLAIN}};

int cmd_camera(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"add", add}, {"list", list_cameras}, {"remove", remove_camera}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int add(struct cli *cli) {
    const char *values[VALUES] = {NULL};
    const char *owners[OWNERS_MAX];
    const char *co_sign[OWNERS_MAX];
    size_t owner_count = 0;
    size_t co_count = 0;
    bool indoor = false;
    bool open = false;
    const struct cli_option options[] = {
        {.name = "--folder", .value = &values[V_FOLDER], .needed = true},
        {.name = "--layout", .value = &values[V_LAYOUT], .needed = true},
        {.name = "--at", .value = &values[V_AT], .needed = true},
        {.name = "--reach", .value = &values[V_REACH], .needed = true},
        {.name = "--facing", .value = &values[V_FACING]},
        {.name = "--angle", .value = &values[V_ANGLE]},
        {.name = "--clock-offset", .value = &values[V_OFFSET]},
        {.name = "--indoor", .flag = &indoor},
        {.name = "--open", .flag = &open},
        {.name = "--owner", .list = owners, .list_max = OWNERS_MAX, .list_count = &owner_count},
        {.name = "--co-sign", .list = co_sign, .list_max = OWNERS_MAX - 1, .list_count = &co_count},
    };
    static struct camera_list list;
    static struct camera camera;
    struct id previous;
    bool had = false;
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0) {
        failed = read_camera(cli, values, indoor, open, owners, owner_count, &camera);
    }
    if (failed == 0) {
        failed = load_list(cli, &list, &previous, &had);
    }
    for (size_t i = 0; failed == 0 && i < list.camera_count; i++) {
        if (strcmp(list.cameras[i].name, camera.name) == 0) {
            failed = fail("remove it first, or take another name", "there is a camera '%s' already",
                          camera.name);
        }
    }
    if (failed == 0 && list.camera_count == CAMERAS_MAX) {
        failed = fail(NULL, "a home has at most %d cameras", CAMERAS_MAX);
    }
    if (failed == 0) {
        list.cameras[list.camera_count++] = camera;
        failed = change(cli, &list, &previous, had, co_sign, co_count);
    }
    if (failed == 0) {
        say_changed(cli, camera.name, "may be asked about; its place stays in this home", true);
    }
    return failed;
}

static int remove_camera(struct cli *cli) {
    static struct camera_list list;
    const char *co_sign[OWNERS_MAX];
    size_t co_count = 0;
    struct id previous;
    bool had = false;
    bool found = false;
    const struct cli_option options[] = {
        {.name = "--co-sign", .list = co_sign, .list_max = OWNERS_MAX - 1, .list_count = &co_count},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0) {
        failed = load_list(cli, &list, &previous, &had);
    }
    for (size_t i = 0; failed == 0 && i < list.camera_count; i++) {
        if (strcmp(list.cameras[i].name, cli->argv[1]) == 0) {
            memmove(&list.cameras[i], &list.cameras[i + 1],
                    (list.camera_count - i - 1) * sizeof list.cameras[0]);
            list.camera_count--;
            found = true;
            break;
        }
    }
    if (failed == 0 && !found) {
        failed = fail("see 'stoop camera list'", "there is no camera '%s'", cli->argv[1]);
    }
    if (failed == 0) {
        failed = change(cli, &list, &previous, had, co_sign, co_count);
    }
    if (failed == 0) {
        say_changed(cli, cli->argv[1], "is no longer asked about", false);
    }
    return failed;
}

static void say_changed(const struct cli *cli, const char *name, const char *what, bool there) {
    char safe[SAFE_MAX];
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "camera", NULL, name);
        facts_text(facts, "state", NULL, there ? "added" : "removed");
        facts_end(facts);
    } else {
        (void)printf("camera '%s' %s\n", safe_text(name, 60, safe), what);
    }
}

static int list_cameras(struct cli *cli) {
    static struct camera_list list;
    struct id id;
    bool there = false;
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = load_list(cli, &list, &id, &there);
    }
    if (failed != 0) {
        return failed;
    }
    if (list.camera_count == 0 && !cli->json) {
        (void)puts("no cameras; add one with 'stoop camera add'");
        return EXIT_DONE;
    }
    struct facts *facts = facts_start(cli, true);
    for (size_t i = 0; i < list.camera_count; i++) {
        const struct camera *camera = &list.cameras[i];
        char at[32];
        geo_point_write(camera->view.at, at);
        facts_item(facts);
        facts_text(facts, "name", "camera", camera->name);
        facts_text(facts, "folder", "folder", camera->folder);
        facts_text(facts, "layout", "layout", layouts[camera->layout - 1].word);
        facts_text(facts, "at", "at", at);
        facts_number(facts, "reach_m", "reach (m)", camera->view.reach_m);
        facts_number(facts, "facing_deg", "facing", camera->view.facing_deg);
        facts_number(facts, "angle_deg", "angle", camera->view.angle_deg);
        facts_text(facts, "indoor", "indoor",
                   !camera->indoor       ? "no"
                   : camera->indoor_open ? "yes, opened"
                                         : "yes, cannot be asked for");
        facts_number(facts, "owners", "owners", (int64_t)camera->owner_count);
    }
    facts_end(facts);
    return EXIT_DONE;
}

int cameras_resign(struct cli *cli, struct client *client, const struct signers *signers,
                   const struct id *community) {
    static struct camera_list list;
    struct id previous;
    bool had = false;
    int failed = load_list(cli, &list, &previous, &had);
    if (failed != 0 || !had) {
        return failed;
    }
    add_community(&list, community);
    return put_list(cli, client, signers, &list, &previous, had);
}

int cameras_load(const struct cli *cli, struct camera_list *out, bool *there) {
    struct id id;
    return load_list(cli, out, &id, there);
}

/* ---- helpers ---- */

static int read_camera(const struct cli *cli, const char *const *values, bool indoor, bool open,
                       const char *const *owners, size_t owner_count, struct camera *out) {
    struct camera camera = {.indoor = indoor, .indoor_open = open};
    struct pins pins;
    struct stat info;
    long number = 0;
    if (cli->argv[1][0] == '\0' || strlen(cli->argv[1]) >= sizeof camera.name ||
        strspn(cli->argv[1], "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(cli->argv[1])) {
        return usage_error("camera",
                           "'%.64s' is not a camera's name: small letters, digits and '-'",
                           cli->argv[1]);
    }
    (void)snprintf(camera.name, sizeof camera.name, "%s", cli->argv[1]);
    char resolved[PATH_MAX];
    if (realpath(values[V_FOLDER], resolved) == NULL || stat(resolved, &info) != 0 ||
        !S_ISDIR(info.st_mode) || strlen(resolved) >= sizeof camera.folder) {
        return fail("is the recorder writing there? see its own settings",
                    "'%s' is not a folder that can be read", values[V_FOLDER]);
    }
    (void)snprintf(camera.folder, sizeof camera.folder, "%s", resolved);
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        if (strcmp(layouts[i].word, values[V_LAYOUT]) == 0) {
            camera.layout = layouts[i].layout;
        }
    }
    if (camera.layout == 0) {
        return usage_error("camera", "'%s' is not a layout: frigate, mediamtx, motion or plain",
                           values[V_LAYOUT]);
    }
    if (geo_point_parse(values[V_AT], &camera.view.at) != ERR_OK) {
        return usage_error("camera", "'%s' is not a place; write it as 52.52001,13.40495",
                           values[V_AT]);
    }
    if (parse_number(values[V_REACH], 1, GEO_REACH_MAX_M, &number) != 0) {
        return usage_error("camera", "'%s' is not 1 to 1000 metres", values[V_REACH]);
    }
    camera.view.reach_m = (uint32_t)number;
    camera.view.angle_deg = 360;
    if (open && !indoor) {
        return usage_error("camera", "'--open' is for cameras that are '--indoor'");
    }
    if (values[V_FACING] == NULL && values[V_ANGLE] != NULL) {
        return usage_error("camera", "'--angle' needs '--facing'");
    }
    if (values[V_FACING] != NULL) {
        if (values[V_ANGLE] == NULL) {
            return usage_error("camera", "'--facing' needs '--angle'");
        }
        if (parse_number(values[V_FACING], 0, 359, &number) != 0) {
            return usage_error("camera", "'%s' is not 0 to 359 degrees", values[V_FACING]);
        }
        camera.view.facing_deg = (uint32_t)number;
        if (parse_number(values[V_ANGLE], 1, 360, &number) != 0) {
            return usage_error("camera", "'%s' is not 1 to 360 degrees", values[V_ANGLE]);
        }
        camera.view.angle_deg = (uint32_t)number;
    }
    if (values[V_OFFSET] != NULL) {
        if (parse_number(values[V_OFFSET], -86400000, 86400000, &number) != 0) {
            return usage_error("camera", "'%s' is not a number of milliseconds", values[V_OFFSET]);
        }
        camera.clock_offset_ms = (int32_t)number;
    }
    int failed = pins_load(cli, &pins);
    for (size_t i = 0; failed == 0 && i < pins.owner_count; i++) {
        bool wanted = owner_count == 0;
        for (size_t k = 0; k < owner_count; k++) {
            wanted |= strcmp(owners[k], pins.owner_names[i]) == 0;
        }
        if (wanted) {
            camera.owners[camera.owner_count++] = pins.owners[i];
        }
    }
    if (failed == 0 &&
        (camera.owner_count == 0 || (owner_count > 0 && camera.owner_count != owner_count))) {
        failed = fail("owners are pinned by 'stoop init'; see 'stoop key show'",
                      "not every named owner belongs to this home");
    }
    *out = camera;
    return failed;
}

static int change(struct cli *cli, struct camera_list *list, const struct id *previous, bool had,
                  const char *const *co_sign, size_t co_count) {
    struct client *client = NULL;
    struct signers signers = {0};
    struct pins pins;
    bool needed[OWNERS_MAX] = {false};
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed == 0) {
        failed = mark_owners(cli, list, &pins, needed);
    }
    if (failed == 0) {
        failed = signers_cover(cli, co_sign, co_count, &pins, needed);
    }
    if (failed == 0 && pins.has_community) {
        add_community(list, &pins.community);
    }
    if (failed == 0) {
        failed = signers_open(cli, co_sign, co_count, NULL, &signers);
    }
    if (failed == 0) {
        failed = put_list(cli, client, &signers, list, previous, had);
    }
    signers_close(&signers);
    client_close(client);
    return failed;
}

/* Those who have to sign: every owner of a camera in the list as it was and as it will be, and all
 * of them where no camera names one, or for the first list (PROTOCOL 6.5). */
static int mark_owners(const struct cli *cli, const struct camera_list *list,
                       const struct pins *pins, bool needed[OWNERS_MAX]) {
    static struct camera_list before;
    struct id id;
    bool had = false;
    int failed = load_list(cli, &before, &id, &had);
    const struct camera_list *const lists[] = {list, &before};
    for (size_t l = 0; failed == 0 && l < COUNT_OF(lists); l++) {
        for (size_t i = 0; i < lists[l]->camera_count; i++) {
            const struct camera *camera = &lists[l]->cameras[i];
            for (size_t k = 0; k < camera->owner_count; k++) {
                for (size_t o = 0; o < pins->owner_count; o++) {
                    needed[o] |= sign_public_equal(&camera->owners[k].sign, &pins->owners[o].sign);
                }
            }
        }
    }
    if (!had || list->camera_count + before.camera_count == 0) {
        memset(needed, true, OWNERS_MAX * sizeof needed[0]);
    }
    return failed;
}

static void add_community(struct camera_list *list, const struct id *community) {
    for (size_t i = 0; i < list->community_count; i++) {
        if (id_equal(&list->communities[i], community)) {
            return;
        }
    }
    if (list->community_count < COMMUNITIES_MAX) {
        list->communities[list->community_count++] = *community;
    }
}

/* Signs, seals twice, hands over, and keeps the copy in clear once ingest has taken it. */
static int put_list(struct cli *cli, struct client *client, const struct signers *signers,
                    struct camera_list *list, const struct id *previous, bool had) {
    struct pins pins;
    struct signed_object object;
    struct box_public owners[OWNERS_MAX];
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer body = {.max = CAMERA_LIST_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = CAMERA_LIST_MAX};
    SCOPED(buffer_finish) struct buffer for_ingest = {.max = CAMERA_LIST_MAX};
    SCOPED(buffer_finish) struct buffer for_owners = {.max = CAMERA_LIST_MAX};
    int failed = pins_load(cli, &pins);
    if (failed != 0) {
        return failed;
    }
    list->previous = had ? *previous : (struct id){{0}};
    list->version = had ? list->version + 1 : 1;
    list->created = now_wall();
    list->ingest = pins.ingest.sign;
    for (size_t i = 0; i < pins.owner_count; i++) {
        owners[i] = pins.owners[i].box;
    }
    enum err err = camera_list_encode(list, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_CAMERA_LIST, buffer_bytes(&body), &object);
    }
    for (size_t i = 0; err == ERR_OK && i < signers->count; i++) {
        err = signed_add(&object, &signers->secrets[i]->sign, &signers->publics[i].owner.sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err == ERR_OK) {
        err = age_seal_small(&pins.ingest.box, 1, buffer_bytes(&bytes), &for_ingest);
    }
    if (err == ERR_OK) {
        err = age_seal_small(owners, pins.owner_count, buffer_bytes(&bytes), &for_owners);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the camera list cannot be made: %s", err_text(err));
    }
    const struct control_request request = {.op = CONTROL_CAMERAS_PUT,
                                            .blob = buffer_bytes(&for_ingest),
                                            .blob2 = buffer_bytes(&for_owners)};
    failed = client_do(client, &request,
                       "the camera list was not taken (co-owners sign with '--co-sign DIR')");
    for (size_t i = 0; failed == 0 && i < signers->count; i++) {
        (void)snprintf(path, sizeof path, "%s/cameras", signers->folders[i]);
        failed = file_write(path, buffer_bytes(&bytes), 0600, false);
    }
    return failed;
}

static int load_list(const struct cli *cli, struct camera_list *list, struct id *id, bool *there) {
    char path[PATH_MAX];
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer file = {.max = CAMERA_LIST_MAX};
    (void)snprintf(path, sizeof path, "%s/cameras", cli->owner_dir);
    memset(list, 0, sizeof *list);
    *id = (struct id){{0}};
    *there = access(path, F_OK) == 0;
    if (!*there) {
        return 0;
    }
    int failed = file_read(path, CAMERA_LIST_MAX, true, &file);
    if (failed == 0 && (signed_decode(buffer_bytes(&file), &object) != ERR_OK ||
                        camera_list_decode(object.body, list) != ERR_OK)) {
        failed = fail("restore it from a backup", "'%s' is broken", path);
    }
    *id = object.id;
    return failed;
}
