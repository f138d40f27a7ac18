#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static int compare(const void *a, const void *b);

const char *place_of(const struct cli *cli) {
    return *cli->place == '\0' ? SLUG_FIRST : cli->place;
}

void place_home(const struct cli *cli, const char *name, char out[PATH_MAX]) {
    bool first = strcmp(name, SLUG_FIRST) == 0;
    (void)snprintf(out, PATH_MAX, "%.*s%s%s", PATH_MAX - 64, cli->base,
                   first ? "" : "/" FURTHER_FOLDER "/", first ? "" : name);
}

void place_choose(struct cli *cli, const char *name) {
    place_home(cli, name, cli->home);
    (void)snprintf(cli->place, sizeof cli->place, "%s", name);
}

void places_list(const struct cli *cli, struct places *out) {
    char folder[PATH_MAX];
    struct dirent *entry = NULL;
    *out = (struct places){.count = 1, .names = {SLUG_FIRST}};
    (void)snprintf(folder, sizeof folder, "%.*s/" FURTHER_FOLDER, PATH_MAX - 64, cli->base);
    DIR *homes = opendir(folder);
    while (homes != NULL && out->count < COMMUNITIES_MAX && (entry = readdir(homes)) != NULL) {
        char path[2 * PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s/config", folder, entry->d_name);
        if (slug_valid(entry->d_name) && access(path, F_OK) == 0) {
            (void)snprintf(out->names[out->count++], SLUG_MAX_BYTES, "%s", entry->d_name);
        }
    }
    if (homes != NULL) {
        (void)closedir(homes);
    }
    qsort(out->names[1], out->count - 1, sizeof out->names[0], compare);
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

const char *places_text(const struct places *places, char out[PLACES_TEXT_MAX]) {
    size_t len = 0;
    for (size_t i = 0; i < places->count; i++) {
        len += (size_t)snprintf(out + len, PLACES_TEXT_MAX - len, "%s%s", i == 0 ? "" : ", ",
                                places->names[i]);
    }
    return out;
}

int place_take(struct cli *cli, const struct places *places, const char *said) {
    char slug[SLUG_MAX_BYTES];
    char names[PLACES_TEXT_MAX];
    char next[PLACES_TEXT_MAX + 64];
    char safe[SAFE_MAX];
    slug_of(said, slug);
    for (size_t i = 0; i < places->count; i++) {
        if (strcmp(places->names[i], slug) == 0) {
            place_choose(cli, slug);
            return 0;
        }
    }
    (void)snprintf(next, sizeof next, "there are: %s; 'stoop init --community NAME' makes one",
                   places_text(places, names));
    (void)fail(next, "this home has no community '%s'", safe_text(said, 60, safe));
    return EXIT_USAGE;
}
