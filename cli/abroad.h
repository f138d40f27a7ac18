/* Where a request of this home goes besides, by treaty, and what keeps it from going there: by the
 * treaties and charters as this home knows them now (PROTOCOL 4.12 to 4.14). */
#ifndef CLI_ABROAD_H
#define CLI_ABROAD_H

#include "cli/gateways.h"
#include "cli/treaties.h"

/* What this home knows of the other side of each treaty. Large: it is static. */
struct abroad {
    enum err own; /* how this home's certificate verified: but for ERR_OK nothing crosses */
    enum member_role role;               /* of who asks; an outsider's requests cross nowhere */
    struct roll said[TREATIES_KEPT_MAX]; /* what counts of it; zeroed: nothing does */
    size_t proposed_count;
    struct treaty proposed[TREATIES_MAX]; /* by some administrators; not decided yet */
    struct member_list members;           /* of who carries, where there is a treaty */
    struct gateways gateways;
};

/* EXIT codes after printing. Give it back with abroad_finish(), whatever came of it. */
int abroad_load(struct client *client, const struct community_terms *community,
                const struct control_reply *status, struct abroad *out);
void abroad_finish(struct abroad *abroad);
/* What counts of each treaty's other side, in the order of the treaties; zeroed: nothing does. The
 * node is not believed: a clerk of the treaty signed each. EXIT codes after printing. */
int abroad_rolls(struct client *client, const struct governance *governance,
                 struct roll said[TREATIES_KEPT_MAX]);

/* Labelled lines, before it is sent. */
void abroad_show(const struct governance *governance, const struct abroad *abroad,
                 const struct request *request);
/* "goes_to" and "not_to"; for a person as "goes to" and "not to", where there is any. */
void abroad_facts(const struct cli *cli, const struct governance *governance,
                  const struct abroad *abroad, const struct request *request, struct facts *facts);

#endif
