/* A home's way into a community: as the founder of it, by an invite or from outside.
 *
 *   entry_open()   could it enter, and who signs for it? entry.member is the caller's to begin
 *   entry_sign()   the certificate that it is to have
 *   entry_pin()    before the node is told anything
 *
 * All of them give EXIT codes, after printing. */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include "cli/siblings.h"

struct entry {
    const char *home_name; /* as neighbours see it; NULL: its owner's */
    struct co_signers co_signers;
    struct client *client;
    bool applied;                 /* from outside, earlier */
    struct sign_public node, log; /* of the node */
    struct box_public transport;
    struct pins pins; /* with this community, once it is decided */
    struct kin kin;
    struct signers signers;
    struct member member; /* the certificate that the home is to have */
};

extern const struct told entry_belongs; /* the node's word against a second community */

/* Both of the next two. */
int entry_open(struct cli *cli, struct entry *entry);
/* Before anybody is asked for anything: could it enter? Once, however often it is called. */
int entry_reach(struct cli *cli, struct entry *entry);
int entry_open_keys(struct cli *cli, struct entry *entry); /* asks for passphrases */
void entry_close(struct entry *entry);                     /* a zeroed one is fine */
/* Fills in the home's name, keys, owners and days, signs with every owner's key and, for a joiner,
 * the invite's (else NULL). The node adds its own. */
int entry_sign(struct entry *entry, const uint8_t *invite_secret, struct buffer *out);
/* Before anybody is asked whether to enter: is no other node of this home that community's? */
int entry_check_new(const struct cli *cli, const struct entry *entry, const struct id *community);
/* In every signing owner's folder: from here on each of them checks requests against this community
 * whatever the node says. */
int entry_pin(const struct cli *cli, struct entry *entry, const struct id *community);

#endif
