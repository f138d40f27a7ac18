/* init, key, status. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cmd_init.h"
#include "cli/decisions.h"
#include "cli/delivered.h"
#include "crypto/age.h"
#include "proto/fence.h"

enum {
    PASSPHRASE_MIN = 8,
    LINE_ROOM = 512,
    KEY_WORDS = 3, /* of a public line, before the name */
};

struct standing_outside { /* of an outsider's node */
    bool known;           /* an act lets it in */
    struct outsider as;   /* then */
};

static int take_init_options(struct cli *cli, struct init *out);
static int check_address(const struct cli *cli, const char *address);
static int check_owner_is_free(const struct cli *cli);
static int find_owner_key(const struct cli *cli, bool *there);
static int nobody_to_choose(void);
static int make_outer_folders(const struct cli *cli);
static int make_folders(const struct cli *cli);
static int write_home(const struct cli *cli, struct init *init, const struct keyfile_public *pub);
static void say_made(const struct cli *cli, const struct init *init,
                     const struct keyfile_public *pub);
static bool owner_has_home(const struct cli *cli);
static bool any_community(const struct pins *pins);
static int make_owner_key(struct cli *cli, const char *name, struct keyfile_public *out);
static int seal_key(const struct keyfile_public *pub, const struct owner_secret *secret,
                    const char *passphrase, char file[KEYFILE_BYTES_MAX]);
static int choose_passphrase(char *out, const char *otherwise);
static int pin_co_owner(struct pins *pins, const char *text);
static void on_one_line(const char *from, char out[LINE_ROOM]);
static int write_ingest_key(const struct cli *cli, struct pins *pins);
static int write_key(const struct cli *cli, const char *kind, const struct keyset *keys);
static const char *login_name(void);
static int key_new(struct cli *cli);
static int key_show(struct cli *cli);
static int show_key(struct cli *cli);
static int key_passphrase(struct cli *cli);
static int replace_key(const char *path, const struct keyfile_public *pub,
                       const struct owner_secret *secret);
static int key_export(struct cli *cli);
static void public_line(const struct keyfile_public *pub, char out[LINE_ROOM]);
static size_t count_to_sign(const struct cli *cli, struct client *client,
                            const struct control_reply *status);
static void show_to_sign(struct facts *facts, size_t count);
static int ask_how_outside(const struct cli *cli, struct client *client,
                           const struct control_reply *status, struct standing_outside *out);
static void show_outside(const struct cli *cli, struct facts *facts,
                         const struct control_reply *status, const struct standing_outside *outside,
                         bool removed);
static void show_reach(struct facts *facts, const struct control_reply *reply);
static void tell_overlay(struct facts *facts, const struct overlay_figures *overlay);
static void show_log(struct facts *facts, const struct control_reply *reply);

/* ---- init ---- */

int cmd_init(struct cli *cli) {
    struct init init = {0};
    struct settler *settler = NULL;
    struct keyfile_public pub;
    int failed = take_init_options(cli, &init);
    if (failed == 0 && init.community != NULL) {
        return init_further(cli, &init);
    }
    if (failed == 0) {
        failed = init_check_nothing_there(cli);
    }
    if (failed == 0) {
        failed = check_owner_is_free(cli);
    }
    if (failed == 0) {
        failed = find_owner_key(cli, &init.has_key);
    }
    if (failed == 0 && init.service) {
        failed = settler_start(cli, &settler);
    }
    if (failed == 0) {
        failed = make_outer_folders(cli);
    }
    if (failed == 0) { /* what follows makes secrets */
        walls_allow(cli, cli->home);
        failed = walls_raise(cli);
    }
    if (failed == 0) {
        failed = init.has_key ? owner_public_of(cli->owner_dir, &pub)
                              : make_owner_key(cli, init.owner, &pub);
    }
    if (failed == 0) { /* whoever breaks off before leaves nothing that looks like a home */
        failed = make_folders(cli);
    }
    if (failed == 0) {
        failed = write_home(cli, &init, &pub);
    }
    if (failed == 0 && init.service) {
        failed = settler_settle(settler);
    }
    settler_stop(settler);
    if (failed == 0) {
        say_made(cli, &init, &pub);
    }
    return failed;
}

static int take_init_options(struct cli *cli, struct init *out) {
    const char *co_owners[OWNERS_MAX];
    size_t co_count = 0;
    const struct cli_option options[] = {
        {.name = "--owner", .value = &out->owner},
        {.name = "--listen", .value = &out->listen},
        {.name = "--community", .value = &out->community},
        {.name = "--service", .flag = &out->service},
        {.name = "--co-owner",
         .list = co_owners,
         .list_max = OWNERS_MAX - 1,
         .list_count = &co_count},
        {.name = "--address",
         .list = out->addresses,
         .list_max = ADDRESSES_MAX,
         .list_count = &out->address_count},
    };
    int failed = take_options(cli, options, COUNT_OF(options), "");
    for (size_t i = 0; failed == 0 && i < out->address_count; i++) {
        failed = check_address(cli, out->addresses[i]);
    }
    if (failed == 0 && out->listen != NULL) {
        failed = check_address(cli, out->listen);
    }
    out->pins.owner_count = 1; /* the first place is ours */
    for (size_t i = 0; failed == 0 && i < co_count; i++) {
        failed = pin_co_owner(&out->pins, co_owners[i]);
    }
    if (failed == 0 && out->community != NULL && (out->owner != NULL || co_count > 0)) {
        failed = usage_error(cli->command, "the owners are the home's, in every community");
    }
    if (failed == 0 && out->service && !cli->home_named) {
        (void)snprintf(cli->home, sizeof cli->home, SYSTEM_HOME);
        (void)snprintf(cli->base, sizeof cli->base, SYSTEM_HOME);
    }
    out->owner = out->owner == NULL ? login_name() : out->owner;
    return failed;
}

static int check_address(const struct cli *cli, const char *address) {
    return address_valid(address)
               ? 0
               : usage_error(cli->command,
                             "'%s' is not an address: write IP:PORT, as 203.0.113.7:7878; names "
                             "are not looked up",
                             address);
}

int init_check_nothing_there(const struct cli *cli) {
    char config[PATH_MAX + 8];
    (void)snprintf(config, sizeof config, "%s/config", cli->home);
    if (access(config, F_OK) == 0) {
        return strcmp(place_of(cli), SLUG_FIRST) == 0
                   ? fail("see 'stoop status'", "there is a home in '%s' already", cli->home)
                   : fail("see 'stoop communities'", "this home has a community '%s' already",
                          place_of(cli));
    }
    if (strlen(cli->home) + sizeof "/control.sock" > sizeof((struct sockaddr_un *)0)->sun_path) {
        return fail("use a shorter folder", "the path of '%.200s' is too long for a socket",
                    cli->home);
    }
    return 0;
}

static int check_owner_is_free(const struct cli *cli) {
    return owner_has_home(cli)
               ? fail("take another folder with '--owner-dir'",
                      "the owner's folder '%s' belongs to another home already", cli->owner_dir)
               : 0;
}

/* Without one a passphrase is to be chosen: is there somebody to choose it, before anything is
 * made? */
static int find_owner_key(const struct cli *cli, bool *there) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/owner.key", cli->owner_dir);
    *there = access(path, F_OK) == 0;
    return *there || term_present() ? 0 : nobody_to_choose();
}

static int nobody_to_choose(void) {
    (void)fail("run it at a terminal", "a passphrase is to be chosen, and there is nobody to ask");
    return EXIT_NO_TERMINAL;
}

/* The walls are raised around them. */
static int make_outer_folders(const struct cli *cli) {
    int failed = folder_make(cli->owner_dir, 0700);
    return failed == 0 ? folder_make(cli->home, 0750) : failed;
}

static int make_folders(const struct cli *cli) {
    static const struct {
        const char *name;
        unsigned mode;
    } folders[] = {{"/node", 0700}, {"/ingest", 0700}, {"/vault", 0750}};
    int failed = 0;
    for (size_t i = 0; failed == 0 && i < COUNT_OF(folders); i++) {
        char path[PATH_MAX + 8];
        (void)snprintf(path, sizeof path, "%s%s", cli->home, folders[i].name);
        failed = folder_make(path, folders[i].mode);
    }
    return failed;
}

static int write_home(const struct cli *cli, struct init *init, const struct keyfile_public *pub) {
    char ingest[PATH_MAX + 8];
    init->pins.owners[0] = pub->owner;
    (void)snprintf(init->pins.owner_names[0], NAME_MAX_BYTES, "%s", pub->name);
    (void)snprintf(ingest, sizeof ingest, "%s/ingest", cli->home);
    int failed = init_write_node_key(cli, &init->pins);
    if (failed == 0) {
        failed = write_ingest_key(cli, &init->pins);
    }
    if (failed == 0) {
        failed = pins_save(ingest, &init->pins, false);
    }
    if (failed == 0) {
        failed = pins_save(cli->owner_dir, &init->pins, false);
    }
    if (failed == 0) { /* last: a home is whole when its config is there */
        failed = init_write_config(cli, init);
    }
    return failed;
}

static void say_made(const struct cli *cli, const struct init *init,
                     const struct keyfile_public *pub) {
    if (cli->json) {
        char line[LINE_ROOM];
        struct facts *facts = facts_start(cli, false);
        public_line(pub, line);
        facts_text(facts, "home", NULL, cli->home);
        facts_text(facts, "owner_dir", NULL, cli->owner_dir);
        facts_text(facts, "line", NULL, line);
        facts_end(facts);
        return;
    }
    (void)printf("made a home in %s\nyour key is in %s\n", cli->home, cli->owner_dir);
    term_text("keep a copy of it, and the passphrase, somewhere safe");
    term_text(init->service ? "let its owner talk to it with 'usermod -aG stoop-owners NAME', and "
                              "start it with 'systemctl enable --now stoopd'"
                            : "start it with 'stoopd', then 'stoop community found NAME' or "
                              "'stoop community join CODE'");
    if (init->address_count == 0) {
        term_text("nobody can dial this home yet: say where with 'address =' in its config");
    }
}

/* One owner's folder has the pins of one home. Those of an init that broke off are made anew. */
static bool owner_has_home(const struct cli *cli) {
    char path[PATH_MAX];
    struct pins pins;
    (void)snprintf(path, sizeof path, "%s/cameras", cli->owner_dir);
    if (access(path, F_OK) == 0) {
        return true;
    }
    (void)snprintf(path, sizeof path, "%s/pins", cli->owner_dir);
    return access(path, F_OK) == 0 && (pins_load(cli, &pins) != 0 || any_community(&pins));
}

static bool any_community(const struct pins *pins) {
    for (size_t i = 0; i < pins->place_count; i++) {
        if (pins->places[i].has_community) {
            return true;
        }
    }
    return false;
}

static int make_owner_key(struct cli *cli, const char *name, struct keyfile_public *out) {
    char path[PATH_MAX];
    char file[KEYFILE_BYTES_MAX];
    if (strlen(name) >= KEYFILE_NAME_MAX || *name == '\0' || !fence_text_valid(BYTES_TEXT(name))) {
        return usage_error("init", "an owner's name has 1 to 64 bytes, in one line of UTF-8");
    }
    if (!term_present()) {
        return nobody_to_choose();
    }
    int failed = walls_raise(cli);
    if (failed != 0) {
        return failed;
    }
    struct owner_secret *secret = secret_create(sizeof *secret);
    char *passphrase = secret_create(PASSPHRASE_MAX);
    bool locked = secret != NULL && passphrase != NULL;
    failed = locked
                 ? choose_passphrase(passphrase, "nothing was made")
                 : fail("raise the limit of locked memory (ulimit -l)", "memory cannot be locked");
    if (locked && failed == 0) {
        *out = (struct keyfile_public){.created_ms = now_wall().ms};
        (void)snprintf(out->name, sizeof out->name, "%s", name);
        sign_generate(&secret->sign, &out->owner.sign);
        box_generate(&secret->box, &out->owner.box);
        failed = seal_key(out, secret, passphrase, file);
    }
    secret_destroy(secret);
    secret_destroy(passphrase);
    (void)snprintf(path, sizeof path, "%s/owner.key", cli->owner_dir);
    return failed == 0 ? file_write(path, BYTES_TEXT(file), 0600, true) : failed;
}

static int seal_key(const struct keyfile_public *pub, const struct owner_secret *secret,
                    const char *passphrase, char file[KEYFILE_BYTES_MAX]) {
    term_busy("sealing the key ...");
    enum keyfile_result result =
        keyfile_seal(pub, secret, BYTES_TEXT(passphrase), KEYFILE_COST_MODERATE, file);
    term_busy(NULL);
    return result == KEYFILE_OK ? 0 : fail(NULL, "too little memory to seal the key");
}

/* `otherwise`: what becomes of it when none is chosen. */
static int choose_passphrase(char *out, const char *otherwise) {
    char *again = secret_create(PASSPHRASE_MAX);
    int failed = again == NULL ? fail(NULL, "memory cannot be locked") : 1;
    (void)fputs("choose a passphrase; without it nobody can open this home's clips, you neither\n",
                stderr);
    for (int i = 0; again != NULL && i < 3 && failed != 0; i++) {
        if (!term_passphrase("passphrase: ", out, PASSPHRASE_MAX)) {
            break;
        }
        if (strlen(out) < PASSPHRASE_MIN) {
            (void)fail(NULL, "at least %d characters", PASSPHRASE_MIN);
            continue;
        }
        if (!term_passphrase("again: ", again, PASSPHRASE_MAX)) {
            break;
        }
        if (strcmp(out, again) == 0) {
            failed = 0;
        } else {
            (void)fail(NULL, "the two differ");
        }
    }
    secret_destroy(again);
    return failed == 0 ? 0 : fail(NULL, "no passphrase was chosen; %s", otherwise);
}

/* "owner SIGN BOX NAME", as 'stoop key new' prints it, or as it came over a terminal. */
static int pin_co_owner(struct pins *pins, const char *text) {
    struct pins one;
    size_t number = 0;
    char line[LINE_ROOM];
    on_one_line(text, line);
    if (pins_read(BYTES_TEXT(line), &one, &number) != ERR_OK || one.owner_count != 1) {
        return usage_error("init", "'%.60s' is not the line that 'stoop key new' prints", text);
    }
    pins->owners[pins->owner_count] = one.owners[0];
    memcpy(pins->owner_names[pins->owner_count++], one.owner_names[0], NAME_MAX_BYTES);
    return 0;
}

/* Without blanks around, and with one between its words, but for those that a name has. */
static void on_one_line(const char *from, char out[LINE_ROOM]) {
    static const char blanks[] = " \t\r\n";
    size_t len = 0;
    for (size_t words = 0; *from != '\0' && len + 1 < LINE_ROOM;) {
        size_t blank = strspn(from, blanks);
        bool of_name = words >= KEY_WORDS && strspn(from, " ") == blank;
        if (blank == 0 || (of_name && from[blank] != '\0')) {
            out[len++] = *from++;
            continue;
        }
        from += blank;
        words++;
        if (len > 0 && *from != '\0') {
            out[len++] = ' ';
        }
    }
    out[len] = '\0';
}

int init_write_node_key(const struct cli *cli, struct pins *pins) {
    SCOPED(keyset_wipe) struct keyset keys = {0};
    struct pinned_place *place = pins_place_add(pins, place_of(cli));
    if (place == NULL) {
        return fail("see the file 'pins' in its folder",
                    "this owner has pinned %d communities already", COMMUNITIES_MAX);
    }
    keyset_generate(&keys);
    place->has_node = place->has_transport = true;
    sign_public_of(&keys.sign, &place->node);
    box_public_of(&keys.box, &place->transport);
    return write_key(cli, "node", &keys);
}

static int write_ingest_key(const struct cli *cli, struct pins *pins) {
    SCOPED(keyset_wipe) struct keyset keys = {0};
    keyset_generate(&keys);
    pins->has_ingest = true;
    sign_public_of(&keys.sign, &pins->ingest.sign);
    box_public_of(&keys.box, &pins->ingest.box);
    return write_key(cli, "ingest", &keys);
}

static int write_key(const struct cli *cli, const char *kind, const struct keyset *keys) {
    char path[PATH_MAX];
    char file[KEYFILE_BYTES_MAX];
    keyset_write(kind, keys, file);
    (void)snprintf(path, sizeof path, "%s/%s/%s.key", cli->home, kind, kind);
    int failed = file_write(path, BYTES_TEXT(file), 0600, false); /* of an init that broke off */
    secret_wipe(file, sizeof file);
    return failed;
}

int init_write_config(const struct cli *cli, const struct init *init) {
    char path[PATH_MAX];
    char text[2048];
    int len = snprintf(text, sizeof text,
                       "# Stoop: this home's settings. Restart stoopd after a change.\n\n[node]\n"
                       "# where others' dials are taken\nlisten = %s\n"
                       "# where others can dial this home; may be repeated\n",
                       init->listen == NULL ? "0.0.0.0:7878" : init->listen);
    for (size_t i = 0; i < init->address_count; i++) {
        len +=
            snprintf(text + len, sizeof text - (size_t)len, "address = %s\n", init->addresses[i]);
    }
    len += snprintf(text + len, sizeof text - (size_t)len, "%s",
                    init->address_count == 0 ? "#address = 203.0.113.7:7878\n" : "");
    if (init->community == NULL) { /* ingest is the home's */
        (void)snprintf(text + len, sizeof text - (size_t)len,
                       "\n[ingest]\n# matching starts after a random part of so many seconds, so "
                       "that its time tells\n# nothing to who asks\nmatch_delay_s = %d\n",
                       20);
    }
    (void)snprintf(path, sizeof path, "%s/config", cli->home);
    return file_write(path, BYTES_TEXT(text), 0640, true);
}

static const char *login_name(void) {
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *entry = getpwuid(getuid());
    return sudo != NULL && *sudo != '\0' ? sudo : entry == NULL ? "owner" : entry->pw_name;
}

/* ---- key ---- */

int cmd_key(struct cli *cli) {
    static const struct cli_branch branches[] = {{"new", key_new},
                                                 {"show", key_show},
                                                 {"passphrase", key_passphrase},
                                                 {"export-age", key_export}};
    return run_branch(cli, branches, COUNT_OF(branches));
}

static int key_new(struct cli *cli) {
    const char *owner = NULL;
    struct keyfile_public pub;
    char path[PATH_MAX];
    const struct cli_option options[] = {{.name = "--owner", .value = &owner}};
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed != 0) {
        return failed;
    }
    (void)snprintf(path, sizeof path, "%s/owner.key", cli->owner_dir);
    if (access(path, F_OK) == 0) { /* before a passphrase is chosen for nothing */
        return fail("take another folder with '--owner-dir'", "'%s' exists already", path);
    }
    failed = folder_make(cli->owner_dir, 0700);
    if (failed == 0) {
        failed = make_owner_key(cli, owner == NULL ? login_name() : owner, &pub);
    }
    return failed == 0 ? show_key(cli) : failed;
}

static int key_show(struct cli *cli) {
    int failed = take_options(cli, NULL, 0, "");
    return failed == 0 ? show_key(cli) : failed;
}

static int show_key(struct cli *cli) {
    struct keyfile_public pub;
    char age[AGE_TEXT_MAX];
    char line[LINE_ROOM];
    int failed = owner_public_of(cli->owner_dir, &pub);
    if (failed != 0) {
        return failed;
    }
    age_recipient_text(&pub.owner.box, age);
    public_line(&pub, line);
    struct facts *facts = facts_start(cli, false);
    facts_text(facts, "name", "name", pub.name);
    facts_text(facts, "age_recipient", "age", age);
    facts_whole(facts, "line", "public line", line);
    facts_end(facts);
    return EXIT_DONE;
}

/* As in a file of pins: what `stoop init --co-owner` takes. */
static void public_line(const struct keyfile_public *pub, char out[LINE_ROOM]) {
    struct pins pins = {.owner_count = 1};
    SCOPED(buffer_finish) struct buffer file = {.max = 1024};
    pins.owners[0] = pub->owner;
    (void)snprintf(pins.owner_names[0], NAME_MAX_BYTES, "%s", pub->name);
    *out = '\0';
    if (pins_write(&pins, &file) == ERR_OK) {
        const uint8_t *from = memchr(file.at, '\n', file.len); /* after the file's comment */
        (void)snprintf(out, LINE_ROOM, "%.*s", (int)(file.len - (size_t)(from + 1 - file.at) - 1),
                       (const char *)from + 1);
    }
}

/* The key stays the same: what was sealed to it, and who knows it, has no part in this. */
static int key_passphrase(struct cli *cli) {
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    struct stat is;
    char path[PATH_MAX + 16];
    int failed = take_options(cli, NULL, 0, "");
    (void)snprintf(path, sizeof path, "%s/owner.key", cli->owner_dir);
    if (failed == 0 && stat(path, &is) == 0 && is.st_uid != geteuid()) {
        failed = fail("run it as its owner", "the key file '%s' is another user's", path);
    }
    if (failed == 0) {
        failed = owner_open(cli, cli->owner_dir, NULL, &secret, &pub);
    }
    if (failed == 0) {
        failed = replace_key(path, &pub, secret);
    }
    secret_destroy(secret);
    if (failed == 0) {
        term_text("the passphrase is changed; copies of the key that were made before open with "
                  "the old one still: make new ones, and destroy them");
    }
    return failed;
}

/* By one that has been seen to open with what was typed: the old one is the only other. */
static int replace_key(const char *path, const struct keyfile_public *pub,
                       const struct owner_secret *secret) {
    char file[KEYFILE_BYTES_MAX];
    struct owner_secret *again = secret_create(sizeof *again);
    char *passphrase = secret_create(PASSPHRASE_MAX);
    bool locked = again != NULL && passphrase != NULL;
    int failed =
        locked ? choose_passphrase(passphrase, "the old one is good still")
               : fail("raise the limit of locked memory (ulimit -l)", "memory cannot be locked");
    if (locked && failed == 0) {
        failed = seal_key(pub, secret, passphrase, file);
    }
    if (locked && failed == 0 &&
        (keyfile_open(BYTES_TEXT(file), BYTES_TEXT(passphrase), again) != KEYFILE_OK ||
         memcmp(again, secret, sizeof *again) != 0)) {
        failed = fail("the old passphrase is good still", "the sealed key does not open");
    }
    secret_destroy(again);
    secret_destroy(passphrase);
    return failed == 0 ? file_write(path, BYTES_TEXT(file), 0600, false) : failed;
}

static int key_export(struct cli *cli) {
    const char *path = NULL;
    struct owner_secret *secret = NULL;
    struct keyfile_public pub;
    char folder[PATH_MAX];
    const struct cli_option options[] = {{.name = "--out", .value = &path}};
    int failed = take_options(cli, options, COUNT_OF(options), "");
    if (failed != 0) {
        return failed;
    }
    if (path != NULL && access(path, F_OK) == 0) {
        return fail(NULL, "'%s' exists already", path);
    }
    if (path != NULL) {
        folder_of(path, folder);
        walls_allow(cli, folder);
    }
    failed = owner_open(cli, cli->owner_dir,
                        "this writes the key that opens every clip of yours in clear; whoever "
                        "reads it can too",
                        &secret, &pub);
    if (failed != 0) {
        return failed;
    }
    char text[AGE_TEXT_MAX + 128];
    char identity[AGE_TEXT_MAX];
    char recipient[AGE_TEXT_MAX];
    age_identity_text(&secret->box, identity);
    age_recipient_text(&pub.owner.box, recipient);
    (void)snprintf(text, sizeof text, "# public key: %s\n%s\n", recipient, identity);
    if (path != NULL) {
        failed = file_write(path, BYTES_TEXT(text), 0600, true);
    } else if (!cli->json) {
        (void)fputs(text, stdout);
    }
    if (failed == 0 && cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "recipient", NULL, recipient);
        facts_text(facts, path == NULL ? "identity" : "file", NULL, path == NULL ? identity : path);
        facts_end(facts);
    } else if (failed == 0 && path != NULL) {
        (void)printf("written to %s, readable by you alone\nopen a clip with 'age -d -i %s CLIP'\n",
                     path, path);
    }
    secret_wipe(text, sizeof text);
    secret_wipe(identity, sizeof identity);
    secret_destroy(secret);
    return failed;
}

/* ---- status ---- */

int cmd_status(struct cli *cli) {
    static struct control_reply reply;
    struct deliveries all = {0};
    struct delivered_due due;
    struct client *client = NULL;
    enum control_member state = CONTROL_MEMBER_AWAY;
    struct standing_outside outside = {.known = false};
    int failed = take_options(cli, NULL, 0, "");
    if (failed == 0) {
        failed = client_open(cli, &client);
    }
    if (failed == 0) {
        failed = client_status(client, &reply);
    }
    if (failed == 0) {
        failed = ask_how_outside(cli, client, &reply, &outside);
    }
    if (failed == 0) {
        failed = delivered_load(client, &all);
    }
    if (failed == 0 && reply.as.status.has_community) {
        failed = belongs_ask(client, &reply, &state);
    }
    const size_t to_sign = failed == 0 ? count_to_sign(cli, client, &reply) : 0;
    client_close(client);
    delivered_count_due(&all, now_wall(), &due);
    delivered_unload(&all);
    if (failed != 0) {
        return failed;
    }
    struct facts *facts = facts_start(cli, false);
    facts_text(facts, "version", "version", reply.as.status.version);
    facts_text(facts, "home", "home", cli->home);
    bool removed = state == CONTROL_MEMBER_REMOVED;
    if (removed || state == CONTROL_MEMBER_DISPLACED) {
        facts_text(facts, "standing", "standing",
                   removed ? "NO MEMBER any more: it left or was removed"
                           : "NO MEMBER any more: who brought it in let in more homes than it may");
    }
    if (!id_is_zero(&reply.as.status.outside)) {
        show_outside(cli, facts, &reply, &outside, removed);
    }
    show_reach(facts, &reply);
    show_to_sign(facts, to_sign);
    show_log(facts, &reply);
    facts_time(facts, "started", "running since", reply.as.status.started);
    facts_number(facts, "deletions_overdue", NULL, (int64_t)due.overdue);
    facts_number(facts, "deletions_soon", NULL, (int64_t)due.soon);
    facts_end(facts);
    if (!cli->json) {
        delivered_remind(&due);
    }
    return EXIT_DONE;
}

/* Proposals that wait for this owner as an administrator. Whoever sees this home without its
 * owner's folder is no administrator of it. */
static size_t count_to_sign(const struct cli *cli, struct client *client,
                            const struct control_reply *status) {
    static struct decisions decisions;
    struct keyfile_public pub;
    char key[PATH_MAX + 16];
    size_t count = 0;
    (void)snprintf(key, sizeof key, "%s/owner.key", cli->owner_dir);
    if (!status->as.status.has_community || !id_is_zero(&status->as.status.outside) ||
        access(key, R_OK) != 0 || owner_public_of(cli->owner_dir, &pub) != 0 ||
        decisions_load(cli, client, &decisions) != 0) {
        return 0;
    }
    const struct listed *self = members_self(&decisions.members);
    bool may =
        charter_has_administrator(&decisions.community.governance.charter, &pub.owner.sign) &&
        self != NULL && listed_stands(self);
    for (size_t i = 0; may && i < decisions.proposal_count; i++) {
        const struct proposal *proposal = decisions.proposals[i];
        bool waits =
            proposal->state == PROPOSAL_OPEN && !proposal_signed_by(proposal, &pub.owner.sign);
        count += waits ? 1 : 0;
    }
    decisions_finish(&decisions);
    return count;
}

static void show_to_sign(struct facts *facts, size_t count) {
    char text[64];
    (void)snprintf(text, sizeof text, "%zu: 'stoop charter proposals'", count);
    facts_shown(facts, "to_sign", count > 0 ? "to sign" : NULL, (int64_t)count, text);
}

/* What acts say of this outsider, as far as its doors have told. */
static int ask_how_outside(const struct cli *cli, struct client *client,
                           const struct control_reply *status, struct standing_outside *out) {
    static struct community_terms community;
    if (!status->as.status.has_community || id_is_zero(&status->as.status.outside)) {
        return 0;
    }
    int failed = client_community(cli, client, &community);
    const struct outsider *as =
        failed == 0 ? governance_outsider(&community.governance, &status->as.status.outside) : NULL;
    out->known = as != NULL;
    if (as != NULL) {
        out->as = *as;
    }
    return failed;
}

static void show_outside(const struct cli *cli, struct facts *facts,
                         const struct control_reply *status, const struct standing_outside *outside,
                         bool removed) {
    const struct admission *admission = &outside->as.admission;
    char text[OUTSIDE_TEXT_MAX];
    char day[DAY_BYTES];
    const char *state = removed                                         ? "removed"
                        : !outside->known                               ? "applied"
                        : admission->suspended                          ? "suspended"
                        : instant_reached(now_wall(), admission->until) ? "ended"
                                                                        : "admitted";
    day_text(admission->until, day);
    if (removed) {
        (void)snprintf(text, sizeof text, "%s by administrators: nothing can be asked from here",
                       state);
    } else if (outside->known) {
        (void)snprintf(text, sizeof text, "%s, until %s, %u requests at a time", state, day,
                       admission->live_requests);
    } else {
        (void)snprintf(text, sizeof text, "%s: administrators have not let it in yet", state);
    }
    facts_text(facts, "outsider", NULL, state);
    facts_text(facts, NULL, "outsider", text);
    if (outside->known) {
        facts_time(facts, "outsider_until", NULL, admission->until);
    }
    facts_items(facts, "doors");
    for (size_t i = 0; i < status->as.status.door_count; i++) {
        const struct door_link *door = &status->as.status.doors[i];
        char safe[SAFE_MAX];
        (void)snprintf(text, sizeof text, "%.300s, %s", safe_text(door->name, 60, safe),
                       door->linked     ? "linked"
                       : outside->known ? "does not answer"
                                        : "answers once you are let in");
        if (!cli->json) {
            facts_text(facts, NULL, "door", text);
            continue;
        }
        facts_item(facts);
        facts_text(facts, "name", NULL, door->name);
        facts_flag(facts, "linked", door->linked);
    }
    facts_items(facts, NULL);
}

/* Who it is, and with whom. */
static void show_reach(struct facts *facts, const struct control_reply *reply) {
    char text[64];
    facts_bytes(facts, "node", "node", BYTES_OF(reply->as.status.node.b));
    for (size_t i = 0; i < reply->as.status.address_count; i++) {
        (void)snprintf(text, sizeof text, i == 0 ? "address" : "address_%zu", i + 1);
        facts_text(facts, text, "address", reply->as.status.addresses[i]);
    }
    facts_text(facts, "ingest", "cameras",
               reply->as.status.ingest_up ? "watched" : "NOT watched: ingest is down");
    facts_number(facts, "camera_list_version", NULL, (int64_t)reply->as.status.camera_list_version);
    if (reply->as.status.has_community) {
        facts_text(facts, "community", "community", reply->as.status.community_name);
        facts_bytes(facts, "community_id", NULL, BYTES_OF(reply->as.status.community.b));
        facts_bytes(facts, "certificate", NULL, BYTES_OF(reply->as.status.certificate.b));
        /* From outside nobody is known but who granted something. */
        bool outside = !id_is_zero(&reply->as.status.outside);
        facts_number(facts, "members", outside ? NULL : "members", reply->as.status.members);
        facts_number(facts, "links", outside ? NULL : "links", reply->as.status.links);
        facts_number(facts, "live_objects", NULL, reply->as.status.live_objects);
        tell_overlay(facts, &reply->as.status.overlay);
    } else if (id_is_zero(&reply->as.status.outside)) {
        facts_text(facts, "community", "community",
                   "none yet: 'stoop community found NAME' or 'stoop community join CODE'");
    }
    if (reply->as.status.address_count == 0) {
        facts_text(facts, "address", "address", "none: others cannot dial this home");
    }
    facts_number(facts, "open_requests", "requests", reply->as.status.open_requests);
    facts_number(facts, "open_clips", "to decide", reply->as.status.open_clips);
}

/* For programs: a person asks 'stoop peers'. */
static void tell_overlay(struct facts *facts, const struct overlay_figures *overlay) {
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {
        {"accepted", overlay->accepted},
        {"duplicates", overlay->duplicates},
        {"pushes", overlay->pushes},
        {"grafts", overlay->grafts},
        {"prunes", overlay->prunes},
        {"announced", overlay->announced},
        {"missed", overlay->missed},
        {"dials", overlay->dials},
        {"dials_failed", overlay->dials_failed},
        {"links_up", overlay->links_up},
        {"links_lost", overlay->links_lost},
        {"refused", overlay->refused},
        {"shuffles", overlay->shuffles},
        {"walks", overlay->walks},
        {"swaps", overlay->swaps},
        {"reconciliations", overlay->reconciliations},
        {"faults", overlay->faults},
        {"book", overlay->book},
        {"passive", overlay->passive},
        {"memory", overlay->bytes},
    };
    facts_object(facts, "overlay");
    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        facts_number(facts, figures[i].key, NULL, (int64_t)figures[i].value);
    }
    facts_object(facts, NULL);
}

static void show_log(struct facts *facts, const struct control_reply *reply) {
    static const struct sign_public none;
    const unsigned long long size = reply->as.status.head_size;
    const bool more = reply->as.status.cosigned > reply->as.status.witnesses;
    char text[80];
    facts_number(facts, "log_size", "log entries", (int64_t)reply->as.status.log_size);
    facts_bytes(facts, "log_root", "log root", BYTES_OF(reply->as.status.log_root.b));
    if (reply->as.status.witnesses == 0) {
        (void)snprintf(text, sizeof text, "none wanted");
    } else {
        (void)snprintf(text, sizeof text, "%u of %s%u wanted, for %s%llu entr%s",
                       reply->as.status.cosigned, more ? "at least " : "",
                       reply->as.status.witnesses, size == 1 ? "" : "the first ", size,
                       size == 1 ? "y" : "ies");
    }
    facts_text(facts, "witnesses", "witnesses", text);
    facts_number(facts, "cosigned", NULL, reply->as.status.cosigned);
    if (!sign_public_equal(&reply->as.status.log_previous, &none)) {
        facts_text(facts, "log_key", "log key",
                   "NEW: the old one had signed entries that this home no longer has: an old "
                   "backup, or a second copy of this home, has run: end one of them");
        facts_bytes(facts, "log_previous", NULL, BYTES_OF(reply->as.status.log_previous.b));
    }
    if (reply->as.status.copy_seen.ms > 0) {
        facts_text(facts, "copy", "copy",
                   "ANOTHER COPY of this home runs, or has run: it said where it is; end one of "
                   "them");
        facts_time(facts, "copy_seen", "copy seen", reply->as.status.copy_seen);
    }
    if (reply->as.status.forks > 0) {
        facts_number(facts, "forks", "FORKED logs", reply->as.status.forks);
    }
}
