/* A home in one community is what a command is about. In one with several, what only reads is done
 * in each of them; what names a request, where that is; and what changes something needs to be told
 * where. Each community's part is done by a process of its own: keys and walls of one never meet
 * another's node. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/delivered.h"
#include "cli/named.h"
#include "cli/reach.h"

enum reach {
    REACH_HOME, /* the home as a whole */
    REACH_ANY,  /* any node of it: the camera list goes through whichever runs */
    REACH_ONE,  /* one community, which has to be said */
    REACH_EACH, /* all of them in turn */
    REACH_WATCH /* all of them at once */
};

static const struct {
    const char *command;
    const char *word; /* its first; NULL: any other */
    bool by_code;     /* where that is whose code is named */
    enum reach reach; /* else */
} table[] = {
    {"init", NULL, false, REACH_HOME},
    {"key", NULL, false, REACH_HOME},
    {"communities", NULL, false, REACH_HOME},
    {"unmute", NULL, false, REACH_HOME},
    {"process", NULL, false, REACH_ANY},
    {"camera", NULL, false, REACH_ANY},
    {"status", NULL, false, REACH_EACH},
    {"doctor", NULL, false, REACH_EACH},
    {"members", NULL, false, REACH_EACH},
    {"peers", NULL, false, REACH_EACH},
    {"overdue", NULL, false, REACH_EACH},
    {"community", "show", false, REACH_EACH},
    {"charter", "show", false, REACH_EACH},
    {"charter", "proposals", false, REACH_EACH},
    {"charter", "history", false, REACH_EACH},
    {"charter", "sign", true, REACH_ONE}, /* an act's code */
    {"outsider", "officer", false, REACH_ONE},
    {"outsider", "list", false, REACH_EACH},
    {"treaty", "list", false, REACH_EACH},
    {"treaty", "show", false, REACH_EACH},
    {"log", "show", false, REACH_EACH},
    {"log", "verify", false, REACH_EACH},
    {"log", "forks", false, REACH_EACH},
    {"vault", "list", false, REACH_EACH},
    {"mute", "--list", false, REACH_HOME},
    {"mute", NULL, true, REACH_ONE},
    {"callback", NULL, true, REACH_ONE},
    {"request", "status", true, REACH_EACH},
    {"request", NULL, true, REACH_ONE},
    {"requests", "--watch", false, REACH_WATCH},
    {"requests", NULL, true, REACH_EACH},
    {"review", NULL, true, REACH_EACH},
    {"delivered", NULL, true, REACH_EACH},
    {"collect", NULL, true, REACH_EACH},
    {"delete", NULL, true, REACH_EACH},
};

enum {
    GRANT_DIGITS_MIN = 6,
    OUTPUT_MAX = 64 * 1024 * 1024, /* of one community, as JSON */
};

static enum reach reach_of(const struct cli *cli, bool *by_code);
static bool first_is(const struct cli *cli, const char *word);
static int say_which(const struct cli *cli, const struct places *places);
static bool choose_empty(struct cli *cli, const struct places *places);
static void choose_running(struct cli *cli, const struct places *places);
static int choose_by_code(struct cli *cli, const struct places *places, size_t *found);
static bool has(const struct cli *cli, struct client *client, const char *word);
static bool has_request(struct client *client, const char *word);
static bool has_delivery(struct client *client, const char *word);
static bool has_act(struct client *client, const char *word);
static bool may_be_code(const char *word);
static void leave_out_unjoined(const struct cli *cli, struct places *places);
static int run_each(struct cli *cli, const struct places *places, reach_run *run);
static void say_left(const struct places *places, size_t from);
static int run_at_once(struct cli *cli, const struct places *places, reach_run *run);
static void say_place(struct cli *cli, const char *name);
static pid_t start(struct cli *cli, const char *name, reach_run *run, int output);
static int wait_for(pid_t child);
static bool read_output(int fd, struct buffer *out);

int reach_run_command(struct cli *cli, reach_run *run) {
    struct places places;
    bool by_code = false;
    size_t found = 0;
    enum reach reach = reach_of(cli, &by_code);
    places_list(cli, &places);
    if (cli->community != NULL && reach != REACH_HOME) {
        int failed = place_take(cli, &places, cli->community);
        return failed == 0 ? run(cli) : failed;
    }
    if (places.count == 1 || reach == REACH_HOME) {
        return run(cli);
    }
    int failed = by_code ? choose_by_code(cli, &places, &found) : 0;
    if (failed != 0 || found == 1) {
        return failed == 0 ? run(cli) : failed;
    }
    switch (reach) {
    case REACH_HOME:
        break;
    case REACH_ANY:
        choose_running(cli, &places);
        break;
    case REACH_ONE:
        return choose_empty(cli, &places) ? run(cli) : say_which(cli, &places);
    case REACH_EACH:
        leave_out_unjoined(cli, &places);
        return places.count == 1 ? run(cli) : run_each(cli, &places, run);
    case REACH_WATCH:
        leave_out_unjoined(cli, &places);
        return places.count == 1 ? run(cli) : run_at_once(cli, &places, run);
    }
    return run(cli);
}

/* What is not in the table changes something. */
static enum reach reach_of(const struct cli *cli, bool *by_code) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].command, cli->command) == 0 &&
            (table[i].word == NULL || first_is(cli, table[i].word))) {
            *by_code = table[i].by_code;
            return table[i].reach;
        }
    }
    *by_code = false;
    return REACH_ONE;
}

/* An option may stand behind others. */
static bool first_is(const struct cli *cli, const char *word) {
    for (int i = 1; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (strcmp(cli->argv[i], word) == 0) {
            return true;
        }
        if (*word != '-') {
            return false;
        }
    }
    return false;
}

static int say_which(const struct cli *cli, const struct places *places) {
    static const char *const branching[] = {"charter", "community", "outsider", "treaty", "log"};
    char names[PLACES_TEXT_MAX];
    char next[PLACES_TEXT_MAX + 64];
    char safe[SAFE_MAX];
    (void)snprintf(next, sizeof next, "say which with '--community NAME': %s",
                   places_text(places, names));
    const char *branch = "";
    for (size_t i = 0; i < COUNT_OF(branching) && cli->argc > 1; i++) {
        branch = strcmp(cli->command, branching[i]) == 0 ? cli->argv[1] : branch;
    }
    (void)fail(next, "this home is in %zu communities, and '%s%s%s' is for one of them",
               places->count, cli->command, *branch == '\0' ? "" : " ",
               safe_text(branch, 20, safe));
    return EXIT_USAGE;
}

/* An invite can be for the one room alone that is in no community yet. */
static bool choose_empty(struct cli *cli, const struct places *places) {
    const char *empty = NULL;
    struct pins pins;
    bool joins = strcmp(cli->command, "join") == 0 ||
                 (strcmp(cli->command, "community") == 0 && first_is(cli, "join"));
    if (!joins || pins_load(cli, &pins) != 0) {
        return false;
    }
    for (size_t i = 0; i < places->count; i++) {
        const struct pinned_place *place = pins_place(&pins, places->names[i]);
        if (place != NULL && place->has_community) {
            continue;
        }
        if (empty != NULL) {
            return false;
        }
        empty = places->names[i];
    }
    if (empty != NULL) {
        place_choose(cli, empty);
    }
    return empty != NULL;
}

static void choose_running(struct cli *cli, const struct places *places) {
    for (size_t i = 0; i < places->count; i++) {
        place_choose(cli, places->names[i]);
        if (client_there(cli)) {
            return;
        }
    }
    place_choose(cli, SLUG_FIRST);
}

/* ---- where that is which has a code ---- */

static int choose_by_code(struct cli *cli, const struct places *places, size_t *found) {
    const char *where = SLUG_FIRST;
    int failed = 0;
    *found = 0;
    for (int k = 1; failed == 0 && k < cli->argc && strcmp(cli->argv[k], "--") != 0; k++) {
        for (size_t i = 0; failed == 0 && may_be_code(cli->argv[k]) && i < places->count; i++) {
            struct client *client = NULL;
            place_choose(cli, places->names[i]);
            if (!client_there(cli)) {
                continue; /* it cannot be asked */
            }
            failed = client_open(cli, &client);
            if (failed == 0 && has(cli, client, cli->argv[k])) {
                where = places->names[i];
                (*found)++;
            }
            client_close(client);
        }
    }
    place_choose(cli, where);
    return failed == 0 && *found > 1 ? say_which(cli, places) : failed;
}

static bool may_be_code(const char *word) {
    size_t len = strlen(word);
    return len >= GRANT_DIGITS_MIN && strspn(word, "0123456789abcdefABCDEF-") == len;
}

static bool has(const struct cli *cli, struct client *client, const char *word) {
    return strcmp(cli->command, "charter") == 0
               ? has_act(client, word)
               : has_request(client, word) || has_delivery(client, word);
}

static bool has_request(struct client *client, const char *word) {
    static struct control_reply reply;
    struct client_list list = {.seen = 0};
    bool there = false;
    int failed = 0;
    while (client_each_part(client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        struct signed_object object;
        there |= signed_decode(reply.as.request.request, &object) == ERR_OK &&
                 code_begins(word, &object.id);
    }
    return there;
}

/* By its request's code, or the beginning of its grant. */
static bool has_delivery(struct client *client, const char *word) {
    struct deliveries all = {0};
    bool there = false;
    int failed = delivered_load(client, &all);
    for (size_t i = 0; failed == 0 && i < all.count; i++) {
        there |= delivered_is_named(&all.list[i], word);
    }
    delivered_unload(&all);
    return there;
}

/* Proposed, or decided. */
static bool has_act(struct client *client, const char *word) {
    static const enum control_op ops[] = {CONTROL_PROPOSALS, CONTROL_CHARTER};
    static struct control_reply reply;
    static struct endorsement endorsement;
    bool there = false;
    int failed = client_status(client, &reply);
    if (failed != 0 || !reply.as.status.has_community) {
        return false; /* it would refuse to name a charter, and say so */
    }
    for (size_t i = 0; failed == 0 && i < COUNT_OF(ops); i++) {
        const struct control_request ask = {.op = ops[i]};
        failed = client_ask(client, &ask);
        while (client_each(client, CONTROL_GOT_OBJECT, &reply, &failed)) {
            struct signed_object object;
            struct id id;
            if (signed_decode(reply.as.object.object, &object) != ERR_OK) {
                continue;
            }
            id = object.id;
            if (object.kind == OBJECT_ENDORSEMENT &&
                endorsement_decode(object.body, &endorsement) == ERR_OK) {
                sha256(endorsement.act, &id);
            }
            there |= code_begins(word, &id);
        }
    }
    return there;
}

/* ---- in each ---- */

/* A further one that the home has made room for and is not in yet has nothing to show but how its
 * node is. */
static void leave_out_unjoined(const struct cli *cli, struct places *places) {
    struct pins pins;
    char path[PATH_MAX + 8];
    size_t kept = 1;
    (void)snprintf(path, sizeof path, "%s/pins", cli->owner_dir);
    if (strcmp(cli->command, "status") == 0 || strcmp(cli->command, "doctor") == 0 ||
        access(path, R_OK) != 0 || pins_load(cli, &pins) != 0) {
        return;
    }
    for (size_t i = 1; i < places->count; i++) {
        const struct pinned_place *place = pins_place(&pins, places->names[i]);
        if (place != NULL && place->has_community) {
            memcpy(places->names[kept++], places->names[i], SLUG_MAX_BYTES);
        }
    }
    places->count = kept;
}

static int run_each(struct cli *cli, const struct places *places, reach_run *run) {
    struct facts_part parts[COMMUNITIES_MAX] = {{.name = NULL}};
    struct buffer outputs[COMMUNITIES_MAX];
    size_t count = 0;
    int code = 0;
    for (size_t i = 0; i < places->count; i++) {
        int ends[2] = {-1, -1};
        if (!cli->json) {
            (void)printf("%s", i == 0 ? "" : "\n");
            say_place(cli, places->names[i]);
        } else if (pipe(ends) != 0) {
            return fail(NULL, "no process can be started: %s", strerror(errno));
        }
        pid_t child = start(cli, places->names[i], run, ends[1]);
        buffer_init(&outputs[i], OUTPUT_MAX);
        if (cli->json) {
            (void)close(ends[1]);
            (void)read_output(ends[0], &outputs[i]);
            (void)close(ends[0]);
        }
        parts[i] = (struct facts_part){.name = places->names[i], .exit = wait_for(child)};
        count++;
        if (parts[i].exit == EXIT_LEFT_ALL) {
            parts[i].exit = EXIT_PENDING;
            say_left(places, count);
            code = code == 0 ? EXIT_PENDING : code;
            break;
        }
        code = code == 0 ? parts[i].exit : code;
    }
    for (size_t i = 0; i < count; i++) {
        parts[i].document = buffer_bytes(&outputs[i]);
    }
    if (cli->json) {
        facts_parts(parts, count);
    }
    for (size_t i = 0; i < count; i++) {
        buffer_finish(&outputs[i]);
    }
    return code;
}

/* Who left one of them has left those that come after it. */
static void say_left(const struct places *places, size_t from) {
    for (size_t i = from; i < places->count; i++) {
        (void)printf("%sCOMMUNITY %s: not looked at\n", i == from ? "\n" : "", places->names[i]);
    }
}

static int run_at_once(struct cli *cli, const struct places *places, reach_run *run) {
    pid_t children[COMMUNITIES_MAX];
    int code = 0;
    for (size_t i = 0; i < places->count; i++) {
        children[i] = start(cli, places->names[i], run, -1);
    }
    for (size_t i = 0; i < places->count; i++) {
        int ended = wait_for(children[i]);
        code = code == 0 ? ended : code;
    }
    return code;
}

static void say_place(struct cli *cli, const char *name) {
    static struct control_reply status;
    struct client *client = NULL;
    char safe[SAFE_MAX];
    place_choose(cli, name);
    bool known = client_there(cli) && client_open(cli, &client) == 0 &&
                 client_status(client, &status) == 0 && status.as.status.has_community;
    client_close(client);
    (void)printf("COMMUNITY %s%s%s\n", name, known ? ": " : "",
                 known ? safe_text(status.as.status.community_name, 60, safe) : "");
}

static pid_t start(struct cli *cli, const char *name, reach_run *run, int output) {
    (void)fflush(stdout);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent || (output >= 0 && dup2(output, STDOUT_FILENO) < 0)) {
            _exit(EXIT_FAILED);
        }
        place_choose(cli, name);
        cli->among_several = true;
        exit(run(cli));
    }
    return child;
}

/* Ctrl-C is for the child, which knows what to leave in order. */
static int wait_for(pid_t child) {
    int status = 0;
    if (child < 0) {
        return fail(NULL, "no process can be started: %s", strerror(errno));
    }
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    (void)signal(SIGINT, before);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static bool read_output(int fd, struct buffer *out) {
    uint8_t part[16 * 1024];
    ssize_t got = 0;
    while ((got = read(fd, part, sizeof part)) != 0) {
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0 && buffer_append(out, (struct bytes){part, (size_t)got}) != ERR_OK) {
            return false;
        }
    }
    return true;
}
