/* What the files of `stoop review` share: one clip as it was opened and checked, what the prompt
 * says about it, and the requests that wait. */
#ifndef CLI_REVIEW_H
#define CLI_REVIEW_H

#include "cli/clip.h"
#include "cli/edit.h"
#include "cli/members.h"
#include "cli/memory.h"
#include "cli/prompt.h"
#include "cli/rules.h"

enum {
    WISHES_MAX = 32, /* edits that can be undone one by one */
};

struct desk { /* what an owner sits at */
    struct cli *cli;
    struct client *client;
    struct pins pins;
    struct id certificate;
    struct community_terms community;
    struct member_list members;
    struct cameras cameras;      /* none where this owner has no copy of the list */
    struct owner_secret *secret; /* NULL until the first clip is opened */
    struct keyfile_public pub;
    struct helper *player;   /* NULL: looks are files */
    struct helper *reader;   /* NULL: pdftotext is not installed */
    struct helper *seals;    /* checks courts' */
    struct helper *editor;   /* NULL: stoop-media is not installed */
    char looks[PATH_MAX];    /* the folder for them */
    struct scratch *scratch; /* NULL: the owner named the folder, and keeps what is in it */
};

struct outgoing { /* what would leave the house */
    struct instant from, to;
    bool audio;
    enum clip_making making;
    uint64_t size;
    struct id sha256;
    uint64_t payload_size; /* of an edit of this owner's: once it is sealed, to be signed */
    struct id payload_root;
};

struct opened { /* one clip, checked */
    struct checked_request *asked;
    struct asker_keeping keeping; /* this asker's, of what others gave it */
    struct memory_past past;      /* with this asker, as this owner's `stoop` saw it */
    enum memory_outcome earlier;  /* what this owner decided about an earlier form of it */
    enum memory_outcome before;   /* and about a clip of this very one, wherever it was asked */
    struct instant before_at;     /* 0: when is not known */
    bool muted;                   /* and shown all the same: it was named by its code */
    struct clip_id clip;
    struct manifest *manifest;
    struct id manifest_id;
    struct buffer signed_manifest;
    struct buffer header;
    struct buffer part;      /* the grant so far, verified */
    struct id part_id;       /* zero: there is none */
    bool left;               /* and it is for what another owner left of the clip */
    struct grant left_grant; /* that one */
    struct buffer left_header;
    struct wish wish; /* what would be taken away */
    size_t wish_count;
    struct wish wishes[WISHES_MAX]; /* the same before each edit of this owner's */
    FILE *original;                 /* in memory, once it was needed; NULL */
    FILE *edited;                   /* in memory: this owner's edit; NULL: none */
    struct outgoing goes;
    bool looked; /* the whole of that was handed out to be seen */
};

/* ---- opened.c: nothing of what the node says is believed (P1) ---- */
/* Opens and checks the clip, and the grant so far. EXIT codes after printing. */
int opened_load(struct desk *desk, struct opened *clip);
void opened_finish(struct opened *clip);
/* What would leave as it was when this owner came to it. */
void opened_reset(struct opened *clip);
/* Has this owner signed what would leave now? */
bool has_signed(const struct opened *clip, const struct sign_public *key);
/* Reads what would leave, and holds it against its digest. `file` NULL: only checked. */
int read_outgoing(struct desk *desk, struct opened *clip, const char *what, FILE *file);
int read_original(struct desk *desk, const struct opened *clip, const char *what, FILE *file);
/* Another owner may have signed while this one was reading. */
int refresh_part(struct desk *desk, struct opened *clip);
/* Document and seal of the request, and its rules. */
int check_document(struct desk *desk, struct checked_request *asked);
int fetch_attachment(struct desk *desk, const struct id *named, size_t size, struct buffer *out);
int check_rules(const struct checked_request *asked);

/* ---- edits.c: the owner takes something away (PROTOCOL 6.7) ---- */
int edits_make(struct desk *desk, struct opened *clip, enum prompt_edit what, const char *text);

/* ---- sign.c ---- */
int sign(struct desk *desk, struct opened *clip, const struct owner_secret *again);
int decline(struct desk *desk, const struct opened *clip);

/* ---- look.c ---- */
int show_clip(struct desk *desk, struct opened *clip);
int write_document(struct desk *desk, const struct opened *clip);
/* A line of a document's text, to be made safe. False: there is nothing in it. */
enum {
    LOOK_LINE_BYTES = 512,
};
bool look_line(struct bytes line, char out[LOOK_LINE_BYTES]);

/* ---- show.c: lines only, as wide as the terminal is now ---- */
void show_prompt(const struct opened *clip, const struct desk *desk);
/* What the prompt had to cut: the request's words at length, then how every rule came out. */
void show_details(const struct opened *clip);
void show_seen(const struct opened *clip);

/* ---- meanwhile.c ---- */
/* Can the clip still be decided? If not, says in one line what happened: EXIT_FAILED. */
int meanwhile_open(struct client *client, const struct community_terms *community,
                   const struct opened *clip);
/* As client_do(), for a decision: what comes too late is told in the same line. */
int meanwhile_do(struct client *client, const struct community_terms *community,
                 const struct opened *clip, const struct control_request *request,
                 const char *subject);

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
    char code[LONG_CODE_BYTES];
    char author[ASKER_MAX];
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
/* It came just now, touches a camera of `cameras`, and nothing of it is there or was decided: what
 * this home has of it is looked for yet. Only this owner's own terminal may say so (P2). */
bool pending_sought(const struct checked_request *asked, const struct camera_list *cameras,
                    const struct memory *memory, struct instant now);
/* Longer codes where two have the same. */
void pending_tell_apart(struct pending *list, size_t count);
void pending_sort(struct pending *list, size_t count, enum rules_rank rank);
/* One line that fits the terminal. */
void pending_show(const struct pending *item, struct instant now);

#endif
