#include "cli/recordings.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>

#include "proto/layout.h"

enum {
    FOLDERS_OPEN_MAX = 10
};

static struct looking { /* nftw() hands nothing through */
    const struct camera *camera;
    struct recordings *out;
    size_t looks;
} looking;

static int look_at(const char *path, const struct stat *info, int kind, struct FTW *at);
static bool is_footage(const char *path);

void recordings_look(const struct camera *camera, struct recordings *out) {
    *out = (struct recordings){.shut = false};
    looking = (struct looking){.camera = camera, .out = out};
    if (nftw(camera->folder, look_at, FOLDERS_OPEN_MAX, FTW_PHYS | FTW_ACTIONRETVAL) < 0) {
        out->shut |= errno == EACCES;
    }
}

static int look_at(const char *path, const struct stat *info, int kind, struct FTW *at) {
    struct recordings *out = looking.out;
    const struct camera *camera = looking.camera;
    struct instant from;
    if (looking.looks++ == RECORDINGS_LOOKS_MAX) {
        out->more = true;
        return FTW_STOP;
    }
    const char *below = path + strlen(camera->folder);
    below += *below == '/' ? 1 : 0;
    out->shut |= kind == FTW_DNR;
    if (kind == FTW_D && at->level > 0 && !layout_enters(camera->layout, camera->name, below)) {
        return FTW_SKIP_SUBTREE;
    }
    if (kind != FTW_F || !is_footage(path)) {
        return FTW_CONTINUE;
    }
    const struct instant modified = {(int64_t)info->st_mtim.tv_sec * 1000};
    enum err err = layout_start(camera->layout, camera->name, below, modified, &from);
    if (err == ERR_OK) {
        out->told++;
        out->newest = from.ms > out->newest.ms ? from : out->newest;
    } else if (err == ERR_USER_TIME) {
        out->untold++;
    }
    return FTW_CONTINUE;
}

/* What else recorders write there are pictures and databases. */
static bool is_footage(const char *path) {
    static const char *const ends[] = {".mp4", ".mkv", ".ts", ".mov", ".avi", ".m4v"};
    const char *end = strrchr(path, '.');
    for (size_t i = 0; end != NULL && i < COUNT_OF(ends); i++) {
        if (strcmp(end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A plain layout takes what tells no time by the recording's own. */
bool recordings_missing(const struct camera *camera, const struct recordings *recordings) {
    bool any = recordings->told > 0 || (camera->layout == LAYOUT_PLAIN && recordings->untold > 0);
    return !any && !recordings->shut && !recordings->more;
}

const char *recordings_text(const struct camera *camera, const struct recordings *recordings,
                            char out[RECORDINGS_TEXT_MAX]) {
    char at[INSTANT_TEXT_MAX];
    instant_local(recordings->newest, at);
    if (recordings_missing(camera, recordings)) {
        (void)snprintf(out, RECORDINGS_TEXT_MAX, "none found%s",
                       recordings->untold > 0 ? ": no name tells the time by that layout" : "");
    } else if (recordings->told + recordings->untold == 0) {
        (void)snprintf(out, RECORDINGS_TEXT_MAX, "%s",
                       recordings->shut ? "not yours to read" : "not looked through");
    } else {
        (void)snprintf(out, RECORDINGS_TEXT_MAX, "%zu%s%s%.11s%.5s",
                       recordings->told + recordings->untold,
                       recordings->more || recordings->shut ? " or more" : "",
                       recordings->told > 0 ? ", the newest of " : "",
                       recordings->told > 0 ? at : "", recordings->told > 0 ? at + 16 : "");
    }
    return out;
}
