/* What the files of `stoop review` share: one clip as it was opened and checked, what the prompt
 * says about it, and the requests that wait. */
#ifndef CLI_REVIEW_H
#define CLI_REVIEW_H

#include "cli/clip.h"
#include "cli/memory.h"
#include "cli/rules.h"

struct opened { /* one clip, checked */
    struct checked_request *asked;
    struct asker_keeping keeping; /* this asker's, of what others gave it */
    struct memory_past past;      /* with this asker, as this owner's `stoop` saw it */
    bool muted;                   /* and shown all the same: it was named by its code */
    struct clip_id clip;
    struct manifest *manifest;
    struct id manifest_id;
    struct buffer signed_manifest;
    struct buffer header;
    struct buffer part; /* the grant so far */
    uint64_t payload_size;
    bool looked; /* the whole of it was handed out to be seen */
};

bool has_signed(const struct opened *clip, const struct sign_public *key);

/* ---- show.c: lines only, as wide as the terminal is now ---- */
void show_prompt(const struct opened *clip, const struct pins *pins);
/* What the prompt had to cut: the request's words at length, then how every rule came out. */
void show_details(const struct opened *clip);
void show_seen(const struct opened *clip);

/* ---- meanwhile.c ---- */
/* Can the clip still be decided? If not, says in one line what happened: EXIT_FAILED. */
int meanwhile_open(struct client *client, const struct id *community, const struct opened *clip);
/* As client_do(), for a decision: what comes too late is told in the same line. */
int meanwhile_do(struct client *client, const struct id *community, const struct opened *clip,
                 const struct control_request *request, const char *subject);

/* ---- pending.c ---- */
enum {
    PENDING_MAX = 512, /* requests that touch this home and wait */
    PENDING_REASON_MAX = 128,
};

enum pending_hidden {
    PENDING_SHOWN,
    PENDING_SNOOZED,
    PENDING_MUTED, /* voluntary requests only: a claimed order is always shown */
    PENDING_QUIET, /* likewise */
};

struct pending {
    struct id request;
    char code[REQUEST_CODE_BYTES];
    char author[NAME_MAX_BYTES];
    enum instrument_kind kind;
    char reason[PENDING_REASON_MAX];
    struct instant created, expires;
    enum pending_hidden hidden;
    struct instant snoozed_until;
};

/* Why `asked` is not shown by itself now. */
enum pending_hidden pending_hides(const struct checked_request *asked, const struct rules *rules,
                                  const struct memory *memory, struct instant now);
void pending_fill(const struct checked_request *asked, const struct rules *rules,
                  const struct memory *memory, struct instant now, struct pending *out);
void pending_sort(struct pending *list, size_t count, enum rules_rank rank);
/* One line that fits the terminal. */
void pending_show(const struct pending *item, struct instant now);

#endif
