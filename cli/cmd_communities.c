/* communities; and `init --community`, which makes room for a further one: room.c takes it away. */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd_init.h"
#include "cli/members.h"
#include "cli/room.h"
#include "cli/siblings.h"

enum {
    PORT_MAX = 65535,
    UP_MS = 10000, /* stoopd looks every few seconds */
    UP_STEP_MS = 100,
};

struct further { /* what `stoop init --community` makes */
    struct init *init;
    char name[SLUG_MAX_BYTES];
    struct kin kin;
    bool home_runs; /* its first node does, so stoopd will start this one */
    char listen[ADDRESS_MAX_BYTES];
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
};

static int list_place(struct cli *cli, const char *name, struct facts *facts);
static int choose_name(const struct cli *cli, const struct init *init, char out[SLUG_MAX_BYTES]);
static int check_owner(const struct cli *cli, const struct pins *pins);
static int choose_addresses(const struct cli *cli, struct further *further);
static int next_listen(const struct cli *cli, const char *like, char out[ADDRESS_MAX_BYTES]);
static bool port_free(const char *host, long port);
static void split_address(const char *address, char host[ADDRESS_MAX_BYTES], long *port);
static int make_place_folders(const struct cli *cli);
static int write_place(struct cli *cli, struct further *further);
static bool wait_until_up(const struct cli *cli);
static void say_place_made(const struct cli *cli, const struct further *further, bool up);

/* ---- communities ---- */

int cmd_communities(struct cli *cli) {
    struct places places;
    if (cli->argc > 1 && strcmp(cli->argv[1], "remove") == 0) {
        cli->argc--;
        cli->argv++;
        return room_remove(cli);
    }
    int failed = take_options(cli, NULL, 0, "");
    places_list(cli, &places);
    if (failed != 0) {
        return failed;
    }
    struct facts *facts = facts_start(cli, true);
    for (size_t i = 0; failed == 0 && i < places.count; i++) {
        failed = list_place(cli, places.names[i], facts);
    }
    if (failed == 0) {
        facts_end(facts);
        room_note_going(cli);
    }
    return failed;
}

static int list_place(struct cli *cli, const char *name, struct facts *facts) {
    static struct control_reply status;
    struct client *client = NULL;
    struct config config;
    int failed = place_config(cli, name, &config);
    place_choose(cli, name);
    if (failed != 0) {
        return failed;
    }
    bool up =
        client_there(cli) && client_open(cli, &client) == 0 && client_status(client, &status) == 0;
    bool in = up && status.as.status.has_community;
    client_close(client);
    facts_item(facts);
    facts_text(facts, "name", "name", name);
    if (in) {
        char id[17];
        char members[16];
        hex_write((struct bytes){status.as.status.community.b, 8}, id);
        (void)snprintf(members, sizeof members, "%u", status.as.status.members);
        facts_cut(facts, "community", "community", status.as.status.community_name, 20);
        facts_bytes(facts, "community_id", NULL, BYTES_OF(status.as.status.community.b));
        if (!cli->json) {
            facts_text(facts, NULL, "id", id);
        }
        bool gone = place_role(cli, name) == PLACE_GONE;
        facts_shown(facts, "members", "members", status.as.status.members, gone ? "out" : members);
        facts_flag(facts, "belongs", !gone);
    } else if (!cli->json) {
        facts_text(facts, NULL, "community", up ? "none yet" : "its node is down");
    }
    facts_text(facts, "listen", "listens on", config.listen);
    facts_text(facts, "home", NULL, cli->home);
    facts_flag(facts, "running", up);
    return 0;
}

/* ---- init --community ---- */

int init_further(struct cli *cli, struct init *init) {
    static struct further further;
    struct settler *settler = NULL;
    further = (struct further){.init = init, .home_runs = client_there(cli)};
    int failed = choose_name(cli, init, further.name);
    if (failed == 0) {
        failed = room_free(cli, further.name);
    }
    if (failed == 0) {
        failed = pins_load(cli, &init->pins);
    }
    if (failed == 0 && further.home_runs) {
        failed = check_owner(cli, &init->pins);
    }
    if (failed == 0) {
        place_choose(cli, further.name);
        failed = init_check_nothing_there(cli);
    }
    if (failed == 0) {
        failed = choose_addresses(cli, &further);
    }
    if (failed == 0 && init->service) {
        failed = settler_start(cli, &settler);
    }
    if (failed == 0) {
        failed = make_place_folders(cli);
    }
    if (failed == 0) {
        failed = siblings_prepare(cli, &init->pins, &further.kin);
    }
    if (failed == 0 && init->service) { /* the owner's is not root's: the settler writes it */
        (void)snprintf(cli->owner_dir, sizeof cli->owner_dir, "%s", cli->home);
    }
    if (failed == 0) { /* what follows makes a secret */
        walls_allow(cli, cli->home);
        failed = walls_raise(cli);
    }
    if (failed == 0) {
        failed = write_place(cli, &further);
    }
    if (failed == 0 && init->service) {
        failed = settler_settle(settler);
    }
    settler_stop(settler);
    if (failed == 0) {
        say_place_made(cli, &further, further.home_runs && wait_until_up(cli));
    }
    return failed;
}

static int choose_name(const struct cli *cli, const struct init *init, char out[SLUG_MAX_BYTES]) {
    char safe[SAFE_MAX];
    char config[PATH_MAX + 8];
    struct places places;
    slug_of(init->community, out);
    if (!slug_valid(out)) {
        return usage_error(cli->command,
                           "'%s' cannot be a community's name here: small letters, digits and '-'",
                           safe_text(init->community, 40, safe));
    }
    (void)snprintf(config, sizeof config, "%s/config", cli->base);
    if (access(config, F_OK) != 0) {
        return fail("make it first, with 'stoop init'", "there is no home in '%s'", cli->base);
    }
    places_list(cli, &places);
    if (places.count == COMMUNITIES_MAX) {
        return fail(NULL, "a home is in %d communities at most", COMMUNITIES_MAX);
    }
    return 0;
}

/* Is it this owner's home? */
static int check_owner(const struct cli *cli, const struct pins *pins) {
    static struct control_reply status;
    const struct pinned_place *first = pins_place(pins, SLUG_FIRST);
    struct client *client = NULL;
    int failed = client_open(cli, &client);
    if (failed == 0) {
        failed = client_status(client, &status);
    }
    client_close(client);
    bool ours = failed != 0 || first == NULL || !first->has_node ||
                sign_public_equal(&first->node, &status.as.status.node);
    return ours ? failed
                : fail("are '--home' and '--owner-dir' the right folders?",
                       "the home in '%s' is not the one whose keys are pinned in '%s'", cli->home,
                       cli->owner_dir);
}

/* As for the first community, on a port of its own. */
static int choose_addresses(const struct cli *cli, struct further *further) {
    struct init *init = further->init;
    struct config first;
    char host[ADDRESS_MAX_BYTES];
    char other[ADDRESS_MAX_BYTES];
    long port = 0;
    int failed = place_config(cli, SLUG_FIRST, &first);
    if (failed == 0 && init->listen == NULL) {
        failed = next_listen(cli, first.listen, further->listen);
        init->listen = further->listen;
    }
    if (failed != 0 || init->address_count > 0) {
        return failed;
    }
    split_address(init->listen, other, &port);
    for (size_t i = 0; i < first.address_count; i++) {
        long unused = 0;
        split_address(first.addresses[i], host, &unused);
        (void)snprintf(further->addresses[i], ADDRESS_MAX_BYTES, "%.*s:%ld", ADDRESS_MAX_BYTES - 8,
                       host, port);
        init->addresses[init->address_count++] = further->addresses[i];
    }
    return 0;
}

/* The next port after those of the home's other nodes that nothing here has taken. */
static int next_listen(const struct cli *cli, const char *like, char out[ADDRESS_MAX_BYTES]) {
    struct places places;
    char host[ADDRESS_MAX_BYTES];
    long port = 0;
    long most = 0;
    places_list(cli, &places);
    for (size_t i = 0; i < places.count; i++) {
        struct config config;
        int failed = place_config(cli, places.names[i], &config);
        if (failed != 0) {
            return failed;
        }
        split_address(config.listen, host, &port);
        most = port > most ? port : most;
    }
    split_address(like, host, &port);
    for (port = most + 1; port <= PORT_MAX; port++) {
        if (port_free(host, port)) {
            (void)snprintf(out, ADDRESS_MAX_BYTES, "%.*s:%ld", ADDRESS_MAX_BYTES - 8, host, port);
            return 0;
        }
    }
    return fail("say where with '--listen A:P'", "no port after %ld is free", most);
}

static bool port_free(const char *host, long port) {
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *where = NULL;
    char bare[ADDRESS_MAX_BYTES];
    char service[16];
    size_t brackets = *host == '[' ? 1 : 0;
    (void)snprintf(bare, sizeof bare, "%.*s", (int)(strlen(host) - 2 * brackets), host + brackets);
    (void)snprintf(service, sizeof service, "%ld", port);
    if (getaddrinfo(bare, service, &hints, &where) != 0) {
        return false;
    }
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = fd >= 0 && bind(fd, where->ai_addr, where->ai_addrlen) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    freeaddrinfo(where);
    return is_free;
}

/* "[::1]:7878": the brackets stay. */
static void split_address(const char *address, char host[ADDRESS_MAX_BYTES], long *port) {
    const char *colon = strrchr(address, ':');
    (void)snprintf(host, ADDRESS_MAX_BYTES, "%.*s", (int)(colon - address), address);
    *port = strtol(colon + 1, NULL, 10);
}

static int make_place_folders(const struct cli *cli) {
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/" FURTHER_FOLDER, cli->base);
    int failed = folder_make(path, 0750);
    if (failed == 0) {
        failed = folder_make(cli->home, 0750);
    }
    (void)snprintf(path, sizeof path, "%s/node", cli->home);
    if (failed == 0) {
        failed = folder_make(path, 0700);
    }
    (void)snprintf(path, sizeof path, "%s/vault", cli->home);
    return failed == 0 ? folder_make(path, 0750) : failed;
}

/* The owner's key is not needed: no owner is new. The config comes last, as for a home. */
static int write_place(struct cli *cli, struct further *further) {
    struct init *init = further->init;
    int failed = init_write_node_key(cli, &init->pins);
    if (failed == 0) {
        failed = siblings_tell_one(&further->kin, &init->pins, place_of(cli));
    }
    if (failed == 0) {
        failed = pins_save(cli->owner_dir, &init->pins, false);
    }
    return failed == 0 ? init_write_config(cli, init) : failed;
}

/* By its socket's file: behind the walls no connection can be made. */
static bool wait_until_up(const struct cli *cli) {
    char path[PATH_MAX + 16];
    const struct timespec step = {0, UP_STEP_MS * 1000000L};
    (void)snprintf(path, sizeof path, "%s/control.sock", cli->home);
    for (int waited = 0; waited < UP_MS; waited += UP_STEP_MS) {
        if (access(path, F_OK) == 0) {
            return true;
        }
        (void)nanosleep(&step, NULL);
    }
    return false;
}

static void say_place_made(const struct cli *cli, const struct further *further, bool up) {
    const struct init *init = further->init;
    const char *name = place_of(cli);
    char text[512];
    if (cli->json) {
        struct facts *facts = facts_start(cli, false);
        facts_text(facts, "name", NULL, name);
        facts_text(facts, "home", NULL, cli->home);
        facts_text(facts, "listen", NULL, init->listen);
        facts_flag(facts, "running", up);
        facts_end(facts);
        return;
    }
    (void)printf("made room for a further community, '%s', in\n%s\n", name, cli->home);
    if (strlen(init->community) >= SLUG_MAX_BYTES) {
        (void)snprintf(text, sizeof text,
                       "the name that you gave is long: '--community' takes '%s' for it", name);
        term_text(text);
    }
    (void)snprintf(text, sizeof text, "it listens on %s%s%s", init->listen,
                   init->address_count == 0 ? "" : ", and says that it can be dialled at ",
                   init->address_count == 0 ? "" : init->addresses[0]);
    term_text(text);
    (void)snprintf(text, sizeof text,
                   "%s 'stoop --community %s join CODE', or 'stoop --community %s community "
                   "found NAME'",
                   up                   ? "it runs: now"
                   : further->home_runs ? "as soon as 'stoop communities' says that it runs:"
                                        : "start it with 'stoopd', then",
                   name, name);
    term_text(text);
}
