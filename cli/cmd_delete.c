/* delete: what was delivered, before its day; and the files that `stoop collect` wrote (P10). Only
 * a file that is still as it was written goes. Each is on record first; what is not known to be
 * gone stays listed, so that this can be broken off and done again. */
#include <string.h>

#include "cli/delivered.h"

struct deletion { /* what has come of it */
    struct client *client;
    struct facts *facts; /* NULL: to a person */
    size_t clips, files;
    size_t left;
};

static int choose(const struct deliveries *all, const char *name, bool due, bool chosen[]);
static int ask_first(const struct cli *cli, const struct deliveries *all, const bool chosen[]);
static int delete_one(struct deletion *deletion, const struct delivered *one);
static int delete_at(struct deletion *deletion, const struct delivered *one,
                     const struct collected_place *place);
static void tell_clip(struct deletion *deletion, const struct delivered *one);
static void tell_file(struct deletion *deletion, const struct delivered *one,
                      const struct collected_place *place, enum place_file file,
                      enum file_state state);
static void tell_all(const struct deletion *deletion);

int cmd_delete(struct cli *cli) {
    static bool chosen[DELIVERED_MAX];
    struct deliveries all = {0};
    struct deletion deletion = {0};
    bool due = false;
    bool yes = false;
    const struct cli_option options[] = {{.name = "--due", .flag = &due},
                                         {.name = "--yes", .flag = &yes}};
    int failed = take_options(cli, options, COUNT_OF(options), "[CODE]");
    if (failed == 0 && due == (cli->argc > 1)) {
        failed = usage_error(cli->command, "name a CODE, or '--due' for all whose day has come");
    }
    if (failed == 0) {
        failed = client_open(cli, &deletion.client);
    }
    if (failed == 0) {
        failed = delivered_load(deletion.client, &all);
    }
    if (failed == 0) {
        failed = choose(&all, due ? NULL : cli->argv[1], due, chosen);
    }
    if (failed == 0 && !yes) {
        failed = ask_first(cli, &all, chosen);
    }
    if (failed == 0) {
        term_guard(); /* between two files, not within one */
        deletion.facts = cli->json ? facts_start(cli, true) : NULL;
        for (size_t i = 0; failed == 0 && i < all.count; i++) {
            failed = chosen[i] ? delete_one(&deletion, &all.list[i]) : 0;
        }
        if (cli->json) {
            facts_end(deletion.facts);
        } else if (failed == 0) {
            tell_all(&deletion);
        }
    }
    delivered_unload(&all);
    client_close(deletion.client);
    return failed == 0 && deletion.left > 0 ? EXIT_FAILED : failed;
}

static int choose(const struct deliveries *all, const char *name, bool due, bool chosen[]) {
    struct instant now = now_wall();
    size_t found = 0;
    if (due) {
        for (size_t i = 0; i < all->count; i++) {
            const struct delivered *one = &all->list[i];
            bool any = one->whole || one->place_count > 0;
            chosen[i] = any && instant_reached(now, one->delete_by);
        }
        return 0;
    }
    int failed = delivered_choose(all, name, chosen, &found);
    return failed != 0 || found > 0
               ? failed
               : fail("see 'stoop delivered'", "nothing delivered has the name '%.64s'", name);
}

/* Only for what would be here otherwise: on the day nobody need be asked again. */
static int ask_first(const struct cli *cli, const struct deliveries *all, const bool chosen[]) {
    char question[160];
    char answer[8];
    size_t early = 0;
    struct instant now = now_wall();
    for (size_t i = 0; i < all->count; i++) {
        const struct delivered *one = &all->list[i];
        bool any = chosen[i] && (one->whole || delivered_left(one));
        early += any && !instant_reached(now, one->delete_by) ? 1 : 0;
    }
    if (early == 0) {
        return 0;
    }
    if (!term_present()) {
        (void)fail("run it at a terminal, or with '--yes'", "there is nobody to ask");
        return EXIT_NO_TERMINAL;
    }
    (void)snprintf(question, sizeof question,
                   "delete %zu %s before the day, here and the files collected, for good? [y/N] ",
                   early, early == 1 ? "clip" : "clips");
    if (cli->json || !term_ask(question, answer, sizeof answer) ||
        (strcmp(answer, "y") != 0 && strcmp(answer, "yes") != 0)) {
        (void)fail(NULL, "nothing was deleted");
        return EXIT_PENDING;
    }
    return 0;
}

static int delete_one(struct deletion *deletion, const struct delivered *one) {
    const struct control_request key = {.op = CONTROL_DELETE, .id = one->grant_id};
    int failed = one->whole ? client_do(deletion->client, &key, "it was not deleted") : 0;
    if (failed == 0 && one->whole) {
        deletion->clips++;
        tell_clip(deletion, one);
    }
    for (size_t i = 0; failed == 0 && i < one->place_count; i++) {
        failed = term_stopped() ? fail("what was deleted is on record; run it again", "stopped")
                                : delete_at(deletion, one, &one->places[i]);
    }
    return failed;
}

static int delete_at(struct deletion *deletion, const struct delivered *one,
                     const struct collected_place *place) {
    struct control_request ask = {.op = CONTROL_DELETE, .id = one->grant_id};
    struct place_checked checked[PLACE_FILES];
    bool left = false;
    (void)snprintf(ask.text, sizeof ask.text, "%s", place->place);
    place_check(one, place, checked);
    for (enum place_file file = PLACE_CLIP; file < PLACE_FILES; file++) {
        ask.total += checked[file].state == FILE_THERE ? 1 : 0;
    }
    int failed = ask.total > 0 ? client_do(deletion->client, &ask, "nothing was deleted") : 0;
    for (enum place_file file = PLACE_CLIP; failed == 0 && file < PLACE_FILES; file++) {
        enum file_state state = checked[file].state;
        if (state == FILE_THERE) {
            state = place_remove(place, file, &checked[file]);
            deletion->files += state == FILE_GONE ? 1 : 0;
        } else if (state == FILE_GONE) {
            continue; /* it was gone before */
        }
        if (file == PLACE_CLIP || state != FILE_ELSEWHERE) {
            tell_file(deletion, one, place, file, state);
        }
        left |= state != FILE_GONE;
    }
    if (failed == 0 && !left) {
        ask.total = 0;
        failed = client_do(deletion->client, &ask, "the files are gone, and are listed still");
    }
    deletion->left += left ? 1 : 0;
    return failed;
}

/* A program gets an item for what was held here too; to a person tell_all() says it. */
static void tell_clip(struct deletion *deletion, const struct delivered *one) {
    char code[REQUEST_CODE_BYTES];
    if (deletion->facts == NULL) {
        return;
    }
    request_code(&one->request, code);
    facts_item(deletion->facts);
    facts_text(deletion->facts, "code", NULL, code);
    facts_bytes(deletion->facts, "grant", NULL, BYTES_OF(one->grant_id.b));
    facts_text(deletion->facts, "state", NULL, "deleted");
}

static void tell_file(struct deletion *deletion, const struct delivered *one,
                      const struct collected_place *place, enum place_file file,
                      enum file_state state) {
    static const struct {
        const char *word, *text;
    } says[] = {
        [FILE_GONE] = {"deleted", "deleted"},
        [FILE_THERE] = {"there", "still there"},
        [FILE_CHANGED] = {"left", "left: it is not what 'stoop collect' wrote"},
        [FILE_ELSEWHERE] = {"elsewhere", "on that machine: run 'stoop delete' there"},
        [FILE_UNSEEN] = {"left", "left: it cannot be read or removed"},
    };
    char path[PATH_MAX];
    char code[REQUEST_CODE_BYTES];
    place_path(place, file, path);
    request_code(&one->request, code);
    if (deletion->facts != NULL) {
        facts_item(deletion->facts);
        facts_text(deletion->facts, "code", NULL, code);
        facts_bytes(deletion->facts, "grant", NULL, BYTES_OF(one->grant_id.b));
        facts_text(deletion->facts, "file", NULL, path);
        facts_text(deletion->facts, "state", NULL, says[state].word);
    } else {
        bool part = file == PLACE_PART && state == FILE_CHANGED;
        (void)printf("%s\n         %s\n", path,
                     part ? "left: may be part of a clip from a collect that was killed; remove it "
                            "yourself"
                          : says[state].text);
    }
}

static void tell_all(const struct deletion *deletion) {
    if (deletion->clips == 0 && deletion->files == 0 && deletion->left == 0) {
        (void)puts("nothing was left to delete");
        return;
    }
    if (deletion->clips > 0) {
        (void)printf("%zu %s deleted here with what opens %s\n", deletion->clips,
                     deletion->clips == 1 ? "clip is" : "clips are",
                     deletion->clips == 1 ? "it" : "them");
    }
    if (deletion->left > 0) {
        (void)puts("what was left stays listed until it is gone: see 'stoop delivered'");
    }
    (void)puts("copies that were made elsewhere are not known here");
}
