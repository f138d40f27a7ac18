/* What this owner's `stoop` remembers by itself, in `memory` in the owner's own folder: which
 * requests it has checked and who made them, what this owner decided, until when one is to be
 * hidden, who is muted. It is the owner's own record, not the node's word; the node cannot read it,
 * and nothing of it is ever sent (P2). It can hide a voluntary request and count; it accepts
 * nothing (P3).
 *
 * Text, a line each, written whole beside its place and renamed:
 *   stoop memory v1
 *   asked REQUEST AUTHOR SECONDS open|accepted|declined SNOOZED-UNTIL-SECONDS [AMENDS]
 *   muted-in COMMUNITY NAME
 *   muted-one COMMUNITY CERTIFICATE NAME   of several that are called so
 *   muted NAME                  in any: as it was before communities were told apart
 *
 * Bounds: MEMORY_ASKED_MAX requests, the oldest make room; after MEMORY_DAYS one is forgotten. */
#ifndef CLI_MEMORY_H
#define CLI_MEMORY_H

#include "cli/cli.h"

enum {
    MEMORY_ASKED_MAX = 4096,
    MEMORY_MUTED_MAX = 256,
    MEMORY_DAYS = 30,
    MEMORY_LINE_MAX = 256,
    MEMORY_FILE_MAX = (MEMORY_ASKED_MAX + MEMORY_MUTED_MAX + 1) * MEMORY_LINE_MAX,
};

enum memory_outcome { /* a later one is never taken back by an earlier */
    MEMORY_OPEN,
    MEMORY_DECLINED,
    MEMORY_ACCEPTED,
};

struct memory {
    size_t asked_count;
    struct memory_asked {
        struct id request;
        struct id author; /* its certificate */
        struct instant at;
        enum memory_outcome outcome;
        struct instant decided;       /* 0: not, or when is not known */
        struct instant snoozed_until; /* 0: not */
        struct id amends;             /* the earlier form that it takes the place of; 0: none */
    } asked[MEMORY_ASKED_MAX];
    size_t muted_count;
    struct muted {
        struct id community; /* that the asker belongs to; zero: any */
        struct id account;   /* its certificate; zero: whoever is called so there */
        char name[NAME_MAX_BYTES];
    } muted[MEMORY_MUTED_MAX];
};

struct memory_past { /* of one asker, within MEMORY_DAYS, besides the request that is looked at */
    size_t asked;    /* every form of every request */
    size_t amended;  /* of them, forms that took the place of an earlier one */
    size_t accepted, declined;
};

/* The file's text; ERR_USER_SYNTAX with the line when it is not one. */
MUST_USE enum err memory_read(struct bytes file, struct memory *out, size_t *line);
MUST_USE enum err memory_write(const struct memory *memory, struct buffer *out);

/* A request that was checked: remembered once, with the one that it amends, if it does. Forgets
 * what is older than MEMORY_DAYS. `asker`: on whose account it goes. */
void memory_note(struct memory *memory, const struct id *id, const struct id *asker,
                 const struct request *request, struct instant now);
void memory_decide(struct memory *memory, const struct id *request, enum memory_outcome outcome,
                   struct instant now);
/* NULL: not known. */
const struct memory_asked *memory_of(const struct memory *memory, const struct id *request);
void memory_snooze(struct memory *memory, const struct id *request, struct instant until);
struct memory_past memory_past_of(const struct memory *memory, const struct id *author,
                                  const struct id *besides, struct instant now);
/* What was decided about the newest earlier form of the request that was decided at all, if that is
 * its own asker's; MEMORY_OPEN: about none. */
enum memory_outcome memory_earlier(const struct memory *memory, const struct id *request);
/* Until when it is hidden; 0: it is not. */
struct instant memory_snoozed(const struct memory *memory, const struct id *request,
                              struct instant now);
/* Whoever is called so in one community is somebody else in another. `whom` is one asker of one
 * community; what mutes it may be wider. */
bool memory_muted(const struct memory *memory, const struct muted *whom);
/* False when there is no room, or it was muted already. */
bool memory_mute(struct memory *memory, const struct muted *whom);
/* False: just that was not muted. */
bool memory_unmute(struct memory *memory, const struct muted *whom);

/* The file of this owner; without one, nothing is remembered. EXIT_FAILED after printing. */
int memory_load(const struct cli *cli, struct memory *out);
int memory_save(const struct cli *cli, const struct memory *memory);

#endif
