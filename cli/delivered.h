/* What others granted to this home, and where `stoop collect` wrote it (P10): the files there are
 * the person's, so the node knows their places and hashes, and `stoop` alone looks and deletes. */
#ifndef CLI_DELIVERED_H
#define CLI_DELIVERED_H

#include "cli/cli.h"

enum {
    DELIVERED_MAX = 64 * 1024, /* more than any community grants one home while it keeps them */
    DUE_SOON_MS = 7 * DURATION_DAY_MS
};

struct delivered { /* copied out of an answer */
    struct id grant_id, request;
    struct buffer signed_grant, member, sealed_key, header, manifest, vouch;
    struct instant delete_by; /* as the grant says; the node's own word where that is no grant */
    uint64_t received, payload_size;
    bool whole;   /* and here to be opened */
    bool deleted; /* by the node, on the day or before */
    struct id sha256;
    size_t place_count;
    struct collected_place places[CONTROL_PLACES_MAX];
};

struct deliveries { /* all that came, oldest first */
    size_t count, room;
    struct delivered *list;
};

int delivered_load(struct client *client, struct deliveries *out);
void delivered_unload(struct deliveries *all);

/* By its request's code, or by the beginning of its own grant. */
bool delivered_is_named(const struct delivered *one, const char *name);
/* Marks what `name` means, and counts it: all that came for one request, or one grant alone.
 * EXIT_FAILED after printing: it fits several, as whoever makes one can see to. */
int delivered_choose(const struct deliveries *all, const char *name, bool chosen[DELIVERED_MAX],
                     size_t *found);

/* "MACHINE:STEM", as this machine calls itself; the files' folder must exist. EXIT_FAILED after
 * printing: too long. */
int place_name(const char *stem, char out[CODE_MAX_BYTES]);

/* One file of a place, looked at without following a link. */
enum place_file {
    PLACE_CLIP,
    PLACE_TEXT,
    PLACE_JSON,
    PLACE_PART, /* what a collect that was killed left of the clip */
    PLACE_FILES
};
enum file_state {
    FILE_GONE,
    FILE_THERE,     /* something is; once checked: as it was written */
    FILE_CHANGED,   /* something else, or not known to be ours: it is left alone */
    FILE_ELSEWHERE, /* on another machine */
    FILE_UNSEEN,    /* cannot be looked at, or not be removed */
};
struct place_checked {
    enum file_state state;
    uint64_t device, file;
    int64_t changed; /* nanoseconds */
};
void place_path(const struct collected_place *place, enum place_file file, char out[PATH_MAX]);
enum file_state place_look(const struct collected_place *place, enum place_file file);
/* Reads the files: are they what was written? */
void place_check(const struct delivered *one, const struct collected_place *place,
                 struct place_checked out[PLACE_FILES]);
/* Removes one that is FILE_THERE and was not touched since it was checked. */
enum file_state place_remove(const struct collected_place *place, enum place_file file,
                             const struct place_checked *checked);
/* Is anything left, or not known to be gone? */
bool place_left(const struct collected_place *place);
bool delivered_left(const struct delivered *one);

struct delivered_due {
    size_t soon;    /* something is to be deleted within DUE_SOON_MS */
    size_t overdue; /* it was to be deleted, and something is left */
};
void delivered_count_due(const struct deliveries *all, struct instant now,
                         struct delivered_due *out);
bool delivered_is_overdue(const struct delivered *one, struct instant now);
/* The lines that remind of them, if there are any. */
void delivered_remind(const struct delivered_due *due);

#endif
