/* camera add, edit, list, remove. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/members.h"
#include "cli/recordings.h"

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

struct asked_from { /* the communities in which a camera may be asked for; none: all */
    size_t count;
    const char *names[COMMUNITIES_MAX];
};

struct add_options {
    const char *values[VALUES];
    struct asked_from from;
    bool indoor, open;
    size_t owner_count;
    const char *owners[OWNERS_MAX]; /* none: all of them */
    struct co_signers co_signers;
};

static int add(struct cli *cli);
static int take_add_options(struct cli *cli, struct add_options *out);
static int read_camera(const struct cli *cli, const struct add_options *options,
                       struct camera *out);
static int read_name(const struct cli *cli, const char *name, struct camera *out);
static int read_folder(const char *folder, struct camera *out);
static int read_layout(const struct cli *cli, const char *word, struct camera *out);
static int read_view(const struct cli *cli, const char *const *values, struct camera *out);
static int read_facing(const struct cli *cli, const char *const *values, struct camera *out);
static int read_offset(const struct cli *cli, const char *text, struct camera *out);
static int read_owners(const struct cli *cli, const struct add_options *options,
                       struct camera *out);
static bool is_named(const struct add_options *options, const char *owner);
static struct cli_option community_option(struct asked_from *out);
static int read_communities(const struct cli *cli, const struct asked_from *from,
                            struct camera *out);
static int check_askable(const struct cli *cli, const struct camera *camera);
static bool is_open_to(const struct camera *camera, const struct id *community);
static int edit(struct cli *cli);
static struct camera *find_camera(struct camera_list *list, const char *name);
static int no_camera(const char *name);
/* A requester has no cameras. In a home that is more than that elsewhere, one that is open to all
 * communities is not asked about there: see change(). Where it belongs no more nobody asks. */
static int check_askable(const struct cli *cli, const struct camera *camera) {
    const char *asks_only = NULL;
    bool askable = false;
    struct pins pins;
    int failed = pins_load(cli, &pins);
    for (size_t i = 0; failed == 0 && i < pins.place_count; i++) {
        const struct pinned_place *place = &pins.places[i];
        if (!place->has_community || !is_open_to(camera, &place->community)) {
            continue;
        }
        enum place_role role = place_role(cli, place->name);
        asks_only = role == PLACE_REQUESTER ? place->name : asks_only;
        askable |= role != PLACE_REQUESTER && role != PLACE_GONE;
    }
    return failed != 0 || askable || asks_only == NULL
               ? failed
               : fail("to share footage there, it takes an invite of the role 'home'",
                      "in '%s' this home is a requester: it may ask, and has no cameras",
                      asks_only);
}

static bool is_open_to(const struct camera *camera, const struct id *community) {
    bool open = camera->community_count == 0;
    for (size_t i = 0; i < camera->community_count; i++) {
        open |= id_equal(&camera->communities[i], community);
    }
    return open;
}

static int append(struct camera_list *list, const struct camera *camera);
static bool is_closed(const struct camera *camera);
static int remove_camera(struct cli *cli);
static int drop(struct camera_list *list, const char *name);
static int change(struct cli *cli, struct cameras *cameras, const struct co_signers *co_signers);
static int mark_owners(const struct cli *cli, const struct camera_list *list,
                       const struct pins *pins, bool needed[OWNERS_MAX]);
static void mark_owners_of(const struct camera_list *list, const struct pins *pins,
                           bool needed[OWNERS_MAX]);
static void say_changed(const struct cli *cli, const char *name, const char *what,
                        const char *state);
static void warn_missing(const struct camera *camera, const struct recordings *recordings);
static int list_cameras(struct cli *cli);
static void list_communities(struct facts *facts, const struct cli *cli, const struct pins *pins,
                             const struct camera *camera);

static const char closed[] = "is indoors: it cannot be asked for unless it is '--open'";

int cmd_camera(struct cli *cli) {
    static const struct cli_branch branches[] = {
        {"add", add}, {"edit", edit}, {"list", list_cameras}, {"remove", remove_camera}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

/* ---- add ---- */

static int add(struct cli *cli) {
    static struct cameras cameras;
    static struct camera camera;
    struct recordings recordings = {.shut = true};
    struct add_options options = {0};
    int failed = take_add_options(cli, &options);
    if (failed == 0) {
        failed = read_camera(cli, &options, &camera);
    }
    if (failed == 0) {
        failed = cameras_settle(cli);
    }
    if (failed == 0) {
        failed = cameras_load(cli, &cameras);
    }
    if (failed == 0) {
        failed = append(&cameras.list, &camera);
    }
    if (failed == 0) {
        failed = check_askable(cli, &camera);
    }
    if (failed == 0) { /* before the walls */
        recordings_look(&camera, &recordings);
    }
    if (failed == 0) {
        failed = change(cli, &cameras, &options.co_signers);
    }
    if (failed == 0) {
        say_changed(cli, camera.name,
                    is_closed(&camera) ? closed
                                       : "may be asked about; its place stays in this home",
                    "added");
        warn_missing(&camera, &recordings);
    }
    return failed;
}

static int take_add_options(struct cli *cli, struct add_options *out) {
    const struct cli_option options[] = {
        {.name = "--folder", .value = &out->values[V_FOLDER], .needed = true},
        {.name = "--layout", .value = &out->values[V_LAYOUT], .needed = true},
        {.name = "--at", .value = &out->values[V_AT], .needed = true},
        {.name = "--reach", .value = &out->values[V_REACH], .needed = true},
        {.name = "--facing", .value = &out->values[V_FACING]},
        {.name = "--angle", .value = &out->values[V_ANGLE]},
        {.name = "--clock-offset", .value = &out->values[V_OFFSET]},
        {.name = "--indoor", .flag = &out->indoor},
        {.name = "--open", .flag = &out->open},
        {.name = "--owner",
         .list = out->owners,
         .list_max = OWNERS_MAX,
         .list_count = &out->owner_count},
        community_option(&out->from),
        co_sign_option(&out->co_signers),
    };
    return take_options(cli, options, COUNT_OF(options), "NAME");
}

static int read_camera(const struct cli *cli, const struct add_options *options,
                       struct camera *out) {
    *out = (struct camera){.indoor = options->indoor, .indoor_open = options->open};
    int failed = read_name(cli, cli->argv[1], out);
    if (failed == 0) {
        failed = read_folder(options->values[V_FOLDER], out);
    }
    if (failed == 0) {
        failed = read_layout(cli, options->values[V_LAYOUT], out);
    }
    if (failed == 0) {
        failed = read_view(cli, options->values, out);
    }
    if (failed == 0) {
        failed = read_offset(cli, options->values[V_OFFSET], out);
    }
    if (failed == 0) {
        failed = read_owners(cli, options, out);
    }
    return failed == 0 ? read_communities(cli, &options->from, out) : failed;
}

static int read_name(const struct cli *cli, const char *name, struct camera *out) {
    if (*name == '\0' || strlen(name) >= sizeof out->name ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
        return usage_error(cli->command,
                           "'%.64s' is not a camera's name: small letters, digits and '-'", name);
    }
    (void)snprintf(out->name, sizeof out->name, "%s", name);
    return 0;
}

static int read_folder(const char *folder, struct camera *out) {
    struct stat info;
    char resolved[PATH_MAX];
    if (realpath(folder, resolved) == NULL || stat(resolved, &info) != 0 ||
        !S_ISDIR(info.st_mode) || strlen(resolved) >= sizeof out->folder) {
        return fail("is the recorder writing there? see its own settings",
                    "'%s' is not a folder that can be read", folder);
    }
    (void)snprintf(out->folder, sizeof out->folder, "%s", resolved);
    return 0;
}

static int read_layout(const struct cli *cli, const char *word, struct camera *out) {
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        if (strcmp(layouts[i].word, word) == 0) {
            out->layout = layouts[i].layout;
            return 0;
        }
    }
    return usage_error(cli->command, "'%s' is not a layout: frigate, mediamtx, motion or plain",
                       word);
}

static int read_view(const struct cli *cli, const char *const *values, struct camera *out) {
    long reach = 0;
    if (geo_point_parse(values[V_AT], &out->view.at) != ERR_OK) {
        return usage_error(cli->command, "'%s' is not a place; write it as 52.52001,13.40495",
                           values[V_AT]);
    }
    int failed = number_option(cli, values[V_REACH],
                               (struct number_range){1, GEO_REACH_MAX_M, "metres"}, &reach);
    if (failed != 0) {
        return failed;
    }
    out->view.reach_m = (uint32_t)reach;
    if (out->indoor_open && !out->indoor) {
        return usage_error(cli->command, "'--open' is for cameras that are '--indoor'");
    }
    return read_facing(cli, values, out);
}

/* Where and how wide it looks; all around when nothing is said. */
static int read_facing(const struct cli *cli, const char *const *values, struct camera *out) {
    long facing = 0;
    long angle = 360;
    if ((values[V_FACING] == NULL) != (values[V_ANGLE] == NULL)) {
        return values[V_FACING] == NULL ? usage_error(cli->command, "'--angle' needs '--facing'")
                                        : usage_error(cli->command, "'--facing' needs '--angle'");
    }
    int failed =
        number_option(cli, values[V_FACING], (struct number_range){0, 359, "degrees"}, &facing);
    if (failed == 0) {
        failed =
            number_option(cli, values[V_ANGLE], (struct number_range){1, 360, "degrees"}, &angle);
    }
    out->view.facing_deg = (uint32_t)facing;
    out->view.angle_deg = (uint32_t)angle;
    return failed;
}

static int read_offset(const struct cli *cli, const char *text, struct camera *out) {
    const long day_ms = 86400000;
    long offset = 0;
    if (text != NULL && parse_number(text, -day_ms, day_ms, &offset) != 0) {
        return usage_error(cli->command, "'%s' is not a number of milliseconds", text);
    }
    out->clock_offset_ms = (int32_t)offset;
    return 0;
}

static int read_owners(const struct cli *cli, const struct add_options *options,
                       struct camera *out) {
    struct pins pins;
    int failed = pins_load(cli, &pins);
    for (size_t i = 0; failed == 0 && i < pins.owner_count; i++) {
        if (options->owner_count == 0 || is_named(options, pins.owner_names[i])) {
            out->owners[out->owner_count++] = pins.owners[i];
        }
    }
    if (failed == 0 && (out->owner_count == 0 ||
                        (options->owner_count > 0 && out->owner_count != options->owner_count))) {
        failed = fail("owners are pinned by 'stoop init'; see 'stoop key show'",
                      "not every named owner belongs to this home");
    }
    return failed;
}

static bool is_named(const struct add_options *options, const char *owner) {
    for (size_t i = 0; i < options->owner_count; i++) {
        if (strcmp(options->owners[i], owner) == 0) {
            return true;
        }
    }
    return false;
}

static struct cli_option community_option(struct asked_from *out) {
    return (struct cli_option){.name = "--community",
                               .list = out->names,
                               .list_max = COMMUNITIES_MAX,
                               .list_count = &out->count};
}

static int read_communities(const struct cli *cli, const struct asked_from *from,
                            struct camera *out) {
    struct pins pins;
    int failed = from->count == 0 ? 0 : pins_load(cli, &pins);
    out->community_count = 0;
    for (size_t i = 0; failed == 0 && i < from->count; i++) {
        char name[SLUG_MAX_BYTES];
        char safe[SAFE_MAX];
        slug_of(from->names[i], name);
        const struct pinned_place *place = pins_place(&pins, name);
        if (place == NULL || !place->has_community) {
            return fail("see 'stoop communities'", "this home is in no community '%s'",
                        safe_text(from->names[i], 60, safe));
        }
        out->communities[out->community_count++] = place->community;
    }
    return failed;
}

static int append(struct camera_list *list, const struct camera *camera) {
    for (size_t i = 0; i < list->camera_count; i++) {
        if (strcmp(list->cameras[i].name, camera->name) == 0) {
            return fail("remove it first, or take another name", "there is a camera '%s' already",
                        camera->name);
        }
    }
    if (list->camera_count == CAMERAS_MAX) {
        return fail(NULL, "a home has at most %d cameras", CAMERAS_MAX);
    }
    list->cameras[list->camera_count++] = *camera;
    return 0;
}

/* ---- edit ---- */

static int edit(struct cli *cli) {
    static struct cameras cameras;
    struct asked_from from = {.count = 0};
    struct co_signers co_signers = {0};
    bool everywhere = false;
    struct camera *camera = NULL;
    struct recordings recordings = {.shut = true};
    const struct cli_option options[] = {community_option(&from),
                                         {.name = "--everywhere", .flag = &everywhere},
                                         co_sign_option(&co_signers)};
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0 && everywhere == (from.count > 0)) {
        failed = usage_error(
            cli->command, "say where it may be asked for: '--community NAME', or '--everywhere'");
    }
    if (failed == 0) {
        failed = cameras_settle(cli);
    }
    if (failed == 0) {
        failed = cameras_load(cli, &cameras);
    }
    if (failed == 0) {
        camera = find_camera(&cameras.list, cli->argv[1]);
        failed = camera == NULL ? no_camera(cli->argv[1]) : read_communities(cli, &from, camera);
    }
    if (failed == 0 && camera != NULL) {
        failed = check_askable(cli, camera);
    }
    if (failed == 0 && camera != NULL) {
        recordings_look(camera, &recordings);
    }
    if (failed == 0) {
        failed = change(cli, &cameras, &co_signers);
    }
    if (failed == 0) {
        say_changed(cli, cli->argv[1],
                    camera != NULL && is_closed(camera) ? closed
                    : everywhere ? "may be asked about in every community of this home"
                                 : "may be asked about there alone",
                    "changed");
    }
    if (failed == 0 && camera != NULL) {
        warn_missing(camera, &recordings);
    }
    return failed;
}

static bool is_closed(const struct camera *camera) {
    return camera->indoor && !camera->indoor_open;
}

static struct camera *find_camera(struct camera_list *list, const char *name) {
    for (size_t i = 0; i < list->camera_count; i++) {
        if (strcmp(list->cameras[i].name, name) == 0) {
            return &list->cameras[i];
        }
    }
    return NULL;
}

static int no_camera(const char *name) {
    return fail("see 'stoop camera list'", "there is no camera '%s'", name);
}

/* ---- remove ---- */

static int remove_camera(struct cli *cli) {
    static struct cameras cameras;
    struct co_signers co_signers = {0};
    const struct cli_option options[] = {co_sign_option(&co_signers)};
    int failed = take_options(cli, options, COUNT_OF(options), "NAME");
    if (failed == 0) {
        failed = cameras_settle(cli);
    }
    if (failed == 0) {
        failed = cameras_load(cli, &cameras);
    }
    if (failed == 0) {
        failed = drop(&cameras.list, cli->argv[1]);
    }
    if (failed == 0) {
        failed = change(cli, &cameras, &co_signers);
    }
    if (failed == 0) {
        say_changed(cli, cli->argv[1], "is no longer asked about", "removed");
    }
    return failed;
}

static int drop(struct camera_list *list, const char *name) {
    for (size_t i = 0; i < list->camera_count; i++) {
        if (strcmp(list->cameras[i].name, name) == 0) {
            memmove(&list->cameras[i], &list->cameras[i + 1],
                    (list->camera_count - i - 1) * sizeof list->cameras[0]);
            list->camera_count--;
            return 0;
        }
    }
    return no_camera(name);
}

/* ---- a changed list ---- */

static int change(struct cli *cli, struct cameras *cameras, const struct co_signers *co_signers) {
    struct client *client = NULL;
    struct signers signers = {0};
    struct pins pins;
    bool needed[OWNERS_MAX] = {false};
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed == 0) {
        failed = mark_owners(cli, &cameras->list, &pins, needed);
    }
    if (failed == 0) {
        failed = signers_cover(cli, co_signers, &pins, needed);
    }
    for (size_t i = 0; failed == 0 && i < pins.place_count; i++) {
        if (pins.places[i].has_community &&
            place_role(cli, pins.places[i].name) != PLACE_REQUESTER) {
            cameras_admit(cameras, &pins, pins.places[i].name, &pins.places[i].community);
        }
    }
    if (failed == 0) {
        failed = signers_open(cli, co_signers, &signers);
    }
    if (failed == 0) {
        failed = cameras_put(cli, client, &signers, cameras);
    }
    signers_close(&signers);
    client_close(client);
    return failed;
}

/* Those who have to sign: every owner of a camera in the list as it was and as it will be, and all
 * of them where no camera names one, or for the first list (PROTOCOL 6.5). */
static int mark_owners(const struct cli *cli, const struct camera_list *list,
                       const struct pins *pins, bool needed[OWNERS_MAX]) {
    static struct cameras before;
    int failed = cameras_load(cli, &before);
    if (failed != 0) {
        return failed;
    }
    if (!before.there || list->camera_count + before.list.camera_count == 0) {
        memset(needed, true, OWNERS_MAX * sizeof needed[0]);
    }
    mark_owners_of(list, pins, needed);
    mark_owners_of(&before.list, pins, needed);
    return 0;
}

static void mark_owners_of(const struct camera_list *list, const struct pins *pins,
                           bool needed[OWNERS_MAX]) {
    for (size_t i = 0; i < list->camera_count; i++) {
        const struct camera *camera = &list->cameras[i];
        for (size_t k = 0; k < camera->owner_count; k++) {
            for (size_t o = 0; o < pins->owner_count; o++) {
                needed[o] |= sign_public_equal(&camera->owners[k].sign, &pins->owners[o].sign);
            }
        }
    }
}

static void say_changed(const struct cli *cli, const char *name, const char *what,
                        const char *state) {
    char safe[SAFE_MAX];
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "camera", NULL, name);
        facts_text(facts, "state", NULL, state);
        facts_end(facts);
    } else {
        (void)printf("camera '%s' %s\n", safe_text(name, 60, safe), what);
    }
}

/* It is taken all the same: a recorder may be about to begin. */
static void warn_missing(const struct camera *camera, const struct recordings *recordings) {
    char text[512];
    char safe[SAFE_MAX];
    if (!recordings_missing(camera, recordings)) {
        return;
    }
    (void)snprintf(text, sizeof text,
                   "no recording of '%s' is found in %.200s by the layout '%s': is that right%s?",
                   camera->name, safe_text(camera->folder, 200, safe),
                   layouts[camera->layout - 1].word,
                   camera->layout == LAYOUT_FRIGATE ? ", and the camera's name Frigate's" : "");
    term_note("WARNING", TERM_LABEL_COLUMNS, text);
}

/* ---- list ---- */

static int list_cameras(struct cli *cli) {
    static struct cameras cameras;
    const struct camera_list *list = &cameras.list;
    struct pins pins = {.place_count = 0};
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = cameras_load(cli, &cameras);
    }
    if (failed == 0 && list->camera_count > 0) {
        failed = pins_load(cli, &pins);
    }
    if (failed != 0) {
        return failed;
    }
    if (list->camera_count == 0 && !cli->json) {
        (void)puts("no cameras; add one with 'stoop camera add'");
        return EXIT_DONE;
    }
    struct facts *facts = facts_start(cli, true);
    for (size_t i = 0; i < list->camera_count; i++) {
        const struct camera *camera = &list->cameras[i];
        struct recordings recordings;
        char text[RECORDINGS_TEXT_MAX];
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
        facts_flag(facts, "indoor", camera->indoor);
        facts_flag(facts, "may_be_asked_for", !is_closed(camera));
        if (!cli->json) {
            facts_text(facts, NULL, "indoor",
                       !camera->indoor       ? "no"
                       : camera->indoor_open ? "yes, opened"
                                             : "yes, cannot be asked for");
        }
        facts_number(facts, "owners", "owners", (int64_t)camera->owner_count);
        recordings_look(camera, &recordings);
        facts_shown(facts, "recordings", "recordings",
                    (int64_t)(recordings.told + recordings.untold),
                    recordings_text(camera, &recordings, text));
        if (pins.place_count > 1 || camera->community_count > 0) {
            list_communities(facts, cli, &pins, camera);
        }
    }
    facts_end(facts);
    return EXIT_DONE;
}

/* By the names that the home has for them. */
static void list_communities(struct facts *facts, const struct cli *cli, const struct pins *pins,
                             const struct camera *camera) {
    char text[PLACES_TEXT_MAX + COMMUNITIES_MAX * 20] = "";
    size_t len = 0;
    facts_list(facts, "communities");
    for (size_t i = 0; i < camera->community_count; i++) {
        char name[SLUG_MAX_BYTES];
        hex_write((struct bytes){camera->communities[i].b, 8}, name); /* pinned no more */
        for (size_t k = 0; k < pins->place_count; k++) {
            if (pins->places[k].has_community &&
                id_equal(&pins->places[k].community, &camera->communities[i])) {
                memcpy(name, pins->places[k].name, sizeof name);
            }
        }
        if (cli->json) {
            facts_text(facts, NULL, NULL, name);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i == 0 ? "" : ", ", name);
    }
    facts_list(facts, NULL);
    if (!cli->json) {
        facts_text(facts, NULL, "asked from", len == 0 ? "all" : text);
    }
}
