/* The members of this home's community, from certificates that were checked back to its charter: a
 * node that lies about a name or a key is found out. What it says of links and of removals is
 * taken for what it shows. */
#ifndef CLI_MEMBERS_H
#define CLI_MEMBERS_H

#include "cli/cli.h"

enum {
    PERSON_MAX = 512, /* "Ada (Elm Cottage)", safe to print */
};

struct listed {
    struct id id;         /* certificate */
    struct member member; /* without its invite */
    struct instant ends;  /* with what renewed it */
    bool expired;         /* it, or one above it */
    bool left;            /* by its own word; it is removed then */
    enum control_member state;
    const struct listed *sponsor; /* NULL: it founded the community */
    size_t depth;                 /* below a founder */
};

struct member_list {
    size_t count, room;
    struct listed *list; /* sponsors before those whom they brought */
};

/* EXIT codes after printing. A certificate that does not verify is told and left out. */
int members_load(struct client *client, const struct community_terms *community,
                 struct member_list *out);
void members_finish(struct member_list *members);

/* One after the other as a tree is read: each, then those whom it brought. NULL begins. */
const struct listed *members_next(const struct member_list *members, const struct listed *at);

/* "here", "linked", "away", "removed", "displaced", "expired"; "outside": an outsider, or its
 * officer */
const char *listed_state(const struct listed *listed);
const char *listed_word(const struct listed *listed); /* the same to a person: "left" too */
bool listed_gone(const struct listed *listed);        /* removed, or displaced */
bool listed_stands(const struct listed *listed);      /* neither gone nor expired */
/* Is `above` one of those who vouched for it? */
bool listed_under(const struct listed *listed, const struct listed *above);
const struct listed *members_self(const struct member_list *members); /* NULL: not known */
const struct listed *members_of_id(const struct member_list *members, const struct id *id);
/* Whose owner has this key; one that stands comes before others. `owner`: which of its owners. */
const struct listed *members_of_key(const struct member_list *members,
                                    const struct sign_public *key, size_t *owner);
/* By its name, or the beginning of its id in hex, at least 4 digits: one that stands, or else any.
 * EXIT_FAILED after saying that there is none, or several. */
int members_find(const struct member_list *members, const char *word, const struct listed **out);
/* How many that is. */
size_t members_called(const struct member_list *members, const char *word);

/* Who has this key, safe to print: "Ada", "Ada (Elm Cottage)" where the home is called otherwise,
 * "Ada (1561b505)" where another is called the same, "the key 3f2a91c0" where nobody has it. */
const char *person_text(const struct member_list *members, const struct sign_public *key,
                        char out[PERSON_MAX]);

/* ---- namesakes.c ---- */
/* A name is its bearer's choice, and not unique. Wherever one that two homes share is shown, the
 * beginning of the certificate's id stands beside it. */
bool names_alike(const char *one, const char *other); /* the same to a passing eye */
/* Those that stand, beside the one of this certificate, and are called so. */
struct namesakes namesakes_of(const struct member_list *members, const struct id *certificate,
                              const char *name);
/* Fills in what only a list of members tells: who asks, vouched and called may have namesakes. */
void namesakes_tell(const struct member_list *members, struct checked_request *asked);
/* "Bens House (1561b505)" where `alike`; the name is cut so that all of it takes about `columns`.
 * Safe to print. */
const char *name_told_apart(const char *name, const struct id *certificate, bool alike,
                            size_t columns, char out[SAFE_MAX]);
/* "ANOTHER home here is called the same (0a60b2ba)" */
enum {
    NAMESAKES_TEXT_MAX = 96
};
const char *namesakes_text(const struct namesakes *namesakes, char out[NAMESAKES_TEXT_MAX]);

/* ---- belongs.c ---- */
/* Does this home belong still? By the node's word, before anybody types a passphrase for what it
 * would refuse; of an outsider it is not asked. EXIT_FAILED after saying what became of it. */
int belongs_or_says(struct client *client);
/* Its own state; CONTROL_MEMBER_AWAY: the node does not list it. */
int belongs_ask(struct client *client, const struct control_reply *status,
                enum control_member *out);
/* What the home is in the community that it calls so, by the word of its node there, which is asked
 * by a connection of its own: before the walls. PLACE_UNKNOWN: it does not run, or is in none. */
enum place_role {
    PLACE_UNKNOWN,
    PLACE_HOME,
    PLACE_REQUESTER, /* asks there, and is never asked */
    PLACE_GONE,      /* left, or removed */
};
enum place_role place_role(const struct cli *cli, const char *name);

#endif
