/* Treaties between two communities as people are shown them (PROTOCOL 4.12), worked out from what
 * is signed and never from what anybody says of it. Without I/O. */
#ifndef CLI_TREATIES_H
#define CLI_TREATIES_H

#include "cli/changes.h"
#include "proto/treaty.h"

enum {
    TREATY_DAYS = 365, /* unless it is said otherwise */
    TREATY_DAILY = 16,
};

/* The homes that sign this community's rolls unless others are named: those of its administrators
 * that belong. How many there are; 0: none. */
size_t treaty_clerks(const struct charter *charter, const struct member_list *members,
                     const struct listed *out[CLERKS_MAX]);
/* This community as it was founded, and its service area as it is now. */
void treaty_own_side(const struct governance *governance, const struct listed *const *clerks,
                     size_t count, struct treaty_side *out);
/* The one that lets most: all that the charter does. `own` and `far` are of different communities.
 */
void treaty_between(const struct treaty_side *own, const struct treaty_side *far,
                    const struct charter *charter, struct instant now, struct treaty *out);

/* One in force with the community of that side; NULL: none. */
const struct agreed *treaty_with(const struct governance *governance, const struct id *community,
                                 struct instant now);
/* What the clerks of each treaty's other side said last, in the order of the treaties: of rolls
 * that live, one by one, whatever they say. Starts zeroed. Large: it is static. */
struct treaties_heard {
    struct roll rolls[TREATIES_KEPT_MAX][CLERKS_MAX];
};
void treaties_hear(const struct governance *governance, struct bytes signed_roll,
                   struct instant now, struct treaties_heard *heard);
/* Of the treaty at that place: as the node has it, clerks that others disown do not count. NULL:
 * nothing does. */
const struct roll *treaties_counting(const struct governance *governance,
                                     const struct treaties_heard *heard, size_t place,
                                     struct instant now);
/* "over", "ended by act 5"; "in force" once the other side's roll names it, and while nobody
 * carries "in force, by its word of 2026-11-29": no news of its end would come. "decided here; no
 * word of it from the other side" while none is here, "decided here; not in force there" where it
 * does not. `said`: the one that counts; NULL or zeroed: none does. `carried`: some home does. */
enum {
    TREATY_STATE_MAX = 64
};
const char *treaty_state(const struct agreed *agreed, const struct roll *said, bool carried,
                         struct instant now, char out[TREATY_STATE_MAX]);
bool treaty_stands(const struct agreed *agreed, struct instant now);
/* Why a request about a place in `far`, of a member of that role, does not go there: "its treaty
 * lets 20 s be asked for at most". NULL: it does, as far as this home knows. `said`: what counts
 * of that side's own words; NULL: nothing does. */
enum {
    HOLDS_BACK_MAX = 288
};
const char *treaty_holds_back(const struct agreed *agreed, const struct treaty_side *far,
                              const struct roll *said, const struct request *request,
                              enum member_role role, char out[HOLDS_BACK_MAX]);
/* "Oak Street (9d1b64a3f00c275e)": a name, which is what a community calls itself, and the
 * beginning of its id. */
const char *treaty_side_text(const struct treaty_side *side, char out[PERSON_MAX]);

/* All that it says, a line each, as the community `own` is shown it. */
void treaty_lines(const struct treaty *treaty, const struct id *own,
                  const struct member_list *members, struct changes *out);
/* Why it cannot come into force here at that time, or would be of no use, a line each. `members`
 * NULL: its clerks are not looked at. */
void treaty_faults(const struct governance *governance, const struct treaty *treaty,
                   struct instant at, const struct member_list *members, struct changes *out);

/* What an act that makes or ends one does: with everything above. */
void treaty_change(const struct governance *governance, const struct act *act,
                   const struct member_list *members, struct changes *out);
void treaty_end_change(const struct governance *governance, const struct act *act,
                       struct changes *out);

/* What becomes of treaties in force whose rolls this home signs, and with `subtree` those below it,
 * when it is removed, a line each. */
void treaty_clerk_goes(const struct governance *governance, const struct member_list *members,
                       const struct listed *home, bool subtree, struct instant now,
                       struct changes *out);

#endif
