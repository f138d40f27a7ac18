/* What the administrators have decided, are deciding and did not get decided (PROTOCOL 4.6), and
 * this owner's own signature on an act. All of it is worked out from signed bytes. */
#ifndef CLI_DECISIONS_H
#define CLI_DECISIONS_H

#include "cli/changes.h"
#include "proto/request.h"

enum {
    PROPOSALS_MAX = 256, /* 16 administrators' with 16 each */
    ENDORSEMENT_DAYS = 7,
};

struct proposal { /* an act that does not count, or not yet */
    struct id id;
    char code[LONG_CODE_BYTES]; /* longer than the short one where two have that */
    enum proposal_state {
        PROPOSAL_OPEN, /* signatures are being gathered */
        PROPOSAL_LATE, /* another act came first; this home had signed it */
        PROPOSAL_LOST, /* another act with as many signatures counts in its place */
    } state;
    struct buffer body;
    struct act act; /* borrows body */
    size_t signer_count;
    struct sign_public signers[SIGNED_SIGNATURES_MAX];
    struct instant until;           /* when the first of their signatures ends */
    char other[REQUEST_CODE_BYTES]; /* the act that counts in its place */
    struct changes changes;         /* of the charter that it follows */
};

struct decided { /* an act, or the founding charter */
    struct id id, previous;
    char code[REQUEST_CODE_BYTES];
    uint32_t version;
    struct instant created;
    size_t signer_count;
    struct sign_public signers[SIGNED_SIGNATURES_MAX];
    struct changes changes;
};

struct decisions {
    struct community_terms community; /* as it is now */
    struct member_list members;
    size_t act_count, act_room;
    struct decided *acts; /* the founding charter first */
    size_t proposal_count;
    struct proposal *proposals[PROPOSALS_MAX];
};

/* Large: keep it static. EXIT codes after printing. */
int decisions_load(const struct cli *cli, struct client *client, struct decisions *out);
/* The same of a node that is asked first; *client is the caller's to close whatever comes of it. */
int decisions_open(struct cli *cli, struct client **client, struct decisions *out);
void decisions_finish(struct decisions *decisions);
/* The open one with this code. EXIT_FAILED after saying what became of it. */
int decisions_find(const struct decisions *decisions, const char *code, struct proposal **out);
bool proposal_signed_by(const struct proposal *proposal, const struct sign_public *key);

/* This owner's key, where it is an administrator's of a home that belongs: EXIT_FAILED after saying
 * who is. No passphrase is asked for. */
int decisions_may_sign(const struct cli *cli, const struct decisions *decisions,
                       struct keyfile_public *pub);
/* The same of one that is to be begun: are there as many administrators left as have to sign it? */
int decisions_may_begin(const struct cli *cli, const struct decisions *decisions,
                        struct keyfile_public *pub);
int decisions_enough_left(const struct decisions *decisions); /* that alone */
/* Begins an act that follows the newest; what it is to do is the caller's to fill in. */
void decisions_start_act(const struct decisions *decisions, struct act *out);
/* Asks for the passphrase, signs and hands it to the node; `key`: the 32 bytes that it commits to,
 * or empty. */
int decisions_endorse(struct cli *cli, struct client *client, const struct decisions *decisions,
                      struct bytes act, struct bytes key);

/* The same for an act that is begun here; says what has come of it. */
int decisions_begin(struct cli *cli, struct client *client, const struct decisions *decisions,
                    const struct act *act, struct bytes key);
/* Who has to sign it, `own` being this owner's key: a line. */
void decisions_say_by(const struct decisions *decisions, const struct sign_public *own);
/* Those under way `but` that one (NULL: all): of acts that follow the same one a single one counts.
 */
void decisions_say_others(const struct decisions *decisions, const struct id *but);

/* What has come of it, once the node has taken it; `signers`: how many have signed now. */
void decisions_say_signed(const struct decisions *decisions, const struct id *act, size_t signers);

/* "Ada, Ben and Cleo (Elm Cottage)", safe to print. */
enum {
    PEOPLE_MAX = ADMINISTRATORS_MAX * PERSON_MAX
};
const char *people_text(const struct member_list *members, const struct sign_public *keys,
                        size_t count, char out[PEOPLE_MAX]);
/* Who could still sign it: administrators of homes that belong. */
const char *missing_text(const struct decisions *decisions, const struct sign_public *signers,
                         size_t count, char out[PEOPLE_MAX]);

#endif
