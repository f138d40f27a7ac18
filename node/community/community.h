/* Community: its rules, and who belongs to it on whose word (PROTOCOL 4).
 *
 * Holds what the founding charter and the acts after it have come to, every certificate that has
 * been checked back to it, and what became of each: renewed, removed. A certificate is admitted
 * only after its sponsor's; standing is judged along the whole chain at a given time.
 *
 * Two acts may follow the same one, as when administrators sign in two halves of a community that
 * is cut apart. Then the one with the smaller id counts, everywhere, until the other is older than
 * ACT_SETTLES_DAYS by its own time, which all read alike: who were administrators once cannot undo
 * what came after them. The loser is kept, so that it can be told.
 *
 * A sponsor may sign more certificates than its allowance, and show each place others of them. Of
 * those the lowest by (created, id) count, as many as it may have, whatever came first: one that
 * comes later takes the place of the highest, which is a member no more, nor are those below it. It
 * keeps its number, and counts again only when it comes again and there is a place for it.
 *
 * Homes, outsiders and officers have places of their own: none of them takes another's. Homes keep
 * theirs for good. That of an outsider whom no act admits any more, and of an officer, is another's
 * once it has been said that it is displaced.
 *
 * Memory: taken by community_create(). Bounds: COMMUNITY_MEMBERS_MAX, COMMUNITY_ACTS_MAX,
 * COMMUNITY_DISPLACED_MAX of one sponsor: certificates that would displace more are not taken. */
#ifndef NODE_COMMUNITY_COMMUNITY_H
#define NODE_COMMUNITY_COMMUNITY_H

#include "proto/community.h"

enum {
    COMMUNITY_HOMES_MAX = 1024,
    COMMUNITY_BRANCH_MAX = 256, /* below one that a founder brought in: nobody fills all places */
    COMMUNITY_OUTSIDERS_MAX = 128, /* that acts ever admitted */
    /* Of outsiders that are not on the list, as others took their places there. Those that are have
     * room for all that one may have, each, and for one that is displaced until that is said. */
    COMMUNITY_OFFICERS_IDLE_MAX = 512,
    COMMUNITY_OFFICERS_MAX = OUTSIDERS_MAX * (OFFICERS_MAX + 1) + COMMUNITY_OFFICERS_IDLE_MAX,
    /* One more outsider: an act may admit another than all those that went with what it undid. */
    COMMUNITY_MEMBERS_MAX =
        COMMUNITY_HOMES_MAX + COMMUNITY_OUTSIDERS_MAX + 1 + COMMUNITY_OFFICERS_MAX,
    COMMUNITY_ACTS_MAX = ACTS_MAX,
    /* Of each member by itself and by its sponsor, and by acts. Besides, those of whom nobody knows
     * (yet): they never take a place that one of the others may need. */
    COMMUNITY_REMOVALS_IDLE_MAX = 1024,
    COMMUNITY_REMOVALS_MAX = 2 * COMMUNITY_MEMBERS_MAX + ACTS_MAX + COMMUNITY_REMOVALS_IDLE_MAX,
    COMMUNITY_DISPLACED_MAX = 64, /* of those whom one brought; a new start counts anew */
    ACT_SETTLES_DAYS = 14,        /* endorsements live 7, and the slowest home has as long again */
};

struct community;

struct community *community_create(void); /* NULL when memory is short */
void community_destroy(struct community *community);

/* The founding charter, whose id is the community's. ERR_PEER_SIGNATURE, ERR_PEER_CERTIFICATE. */
MUST_USE enum err community_found(struct community *community, const struct signed_object *object,
                                  const struct charter *charter);
const struct id *community_id(const struct community *community);
const struct charter *community_charter(const struct community *community); /* as it is now */
const struct governance *community_governance(const struct community *community);

/* How an act stands to those that are known; its signatures have not been looked at. */
enum act_place {
    ACT_NEXT,   /* it follows the newest */
    ACT_WINS,   /* it takes the place of one that follows the same, and of all after that */
    ACT_LOSES,  /* the other way round */
    ACT_LATE,   /* it would win, but the other has settled */
    ACT_KNOWN,  /* it is one of them */
    ACT_ASTRAY, /* what it follows is not known here, perhaps not yet */
};
enum act_place community_place(const struct community *community, const struct id *id,
                               const struct act *act, struct instant now);
/* One that is ACT_NEXT: from now on it counts. Removed members of it are removed, and an outsider's
 * certificate in it is admitted. community_take_displaced() is due after it. ERR_PEER_SIGNATURE,
 * ERR_PEER_BOUNDS, ERR_PEER_CERTIFICATE, ERR_FULL_TABLE (for the same act at every home), and as
 * governance_lets(). */
MUST_USE enum err community_follow(struct community *community, const struct signed_object *object,
                                   const struct act *act);
/* The same checks for one whose predecessor is known, by who were administrators after that and
 * what treaties there were; nothing changes. One that passes and is ACT_WINS follows after
 * community_rewind(). */
MUST_USE enum err community_judge_act(const struct community *community,
                                      const struct signed_object *object, const struct act *act);
/* Back to what stood after the act with this number: those after it, and what they did, are gone;
 * outsiders whom no other admits are displaced with their officers once the next one follows. */
void community_rewind(struct community *community, uint32_t number);
/* Acts in order, the founding charter the first: 0 to community_act_count() - 1. */
uint32_t community_act_count(const struct community *community);
const struct id *community_act_id(const struct community *community, uint32_t number);
/* Its place in that order; COMMUNITY_ACTS_MAX: not one of them. */
uint32_t community_act_number(const struct community *community, const struct id *id);

/* One whose time has run out too: others may hang on it. ERR_PEER_UNKNOWN (sponsor not known here:
 * ask again later; or it is an outsider's, whom no act admits so far), ERR_DENY_QUOTA (as many
 * lower ones of its sponsor count, or this one displaces one too many), ERR_DENY_CHARTER (the same
 * by the charter of the time when it was made), ERR_PEER_CERTIFICATE, ERR_PEER_SIGNATURE,
 * ERR_DENY_ROLE, ERR_FULL_TABLE (of homes, below one that a founder brought in, or of officers
 * whose outsiders are not on the list). One that is known already is ERR_OK.
 * community_take_displaced() is due after it. An outsider may have OFFICERS_MAX officers; no
 * charter has a say in that. */
MUST_USE enum err community_admit(struct community *community, const struct signed_object *object,
                                  const struct member *member);
/* One that has been displaced since this was asked last, by a certificate or, as when a charter
 * lets sponsors bring in fewer, by an act; those below it come one by one. False: none. */
bool community_take_displaced(struct community *community, struct id *member, struct id *by);
/* Known, and not displaced. Whatever else is asked here of one that does not count, it is as if it
 * was not known, but for community_find(), community_chain(), community_number() and
 * community_member_id(). */
bool community_counts(const struct community *community, const struct id *certificate);

/* Has this one's sponsor a place for it that is nobody's? */
bool community_lets_bring(const struct community *community, const struct id *id,
                          const struct member *member);

/* Removed, whether it is known yet or not; `by`: the removal or act that says so, `at`: when that
 * was signed; `author`: of a removal, which counts only if that is the member itself or its
 * sponsor; NULL: of an act. ERR_FULL_TABLE: only when idle ones were taken though
 * community_removals() had reached COMMUNITY_REMOVALS_IDLE_MAX. */
MUST_USE enum err community_remove(struct community *community, const struct removed *removed,
                                   const struct id *by, struct instant at, const struct id *author);
/* As if that removal had never come: another of the same home took its place. */
void community_unremove(struct community *community, const struct id *by);
bool community_has_removal(const struct community *community, const struct id *by);
/* And by one who had a say in it, of a member that counts. The others are idle. */
bool community_removal_counts(const struct community *community, const struct id *by);
size_t community_removals(const struct community *community); /* all, idle ones too */
/* Of this member, from *next (0 at first) on, which moves on behind it. False: no more. `epoch` in
 * *removed is zero: it is not kept. */
bool community_removal_of(const struct community *community, const struct id *member, size_t *next,
                          struct removed *removed, struct id *by);
/* May this home remove that one: as its sponsor, or because it is itself? ERR_PEER_UNKNOWN (that
 * one, so far), ERR_DENY_ROLE. */
MUST_USE enum err community_may_remove(const struct community *community, const struct id *by,
                                       const struct id *member);
/* May it renew that one: as one above it, or as a founder itself? ERR_PEER_UNKNOWN, ERR_DENY_ROLE.
 */
MUST_USE enum err community_may_renew(const struct community *community, const struct id *by,
                                      const struct id *member);
/* Would this renewal count in place of what does: is it longer, or as long with a smaller id? */
bool community_renews(const struct community *community, const struct id *member,
                      struct instant until, const struct id *by);
/* A known member's certificate ends no sooner; `by`: the renewal. */
void community_renew(struct community *community, const struct id *member, struct instant until,
                     const struct id *by);
/* The renewal that counts for it now; zero: none. */
struct id community_renewal(const struct community *community, const struct id *member,
                            struct instant now);

/* Borrowed until the next admission; `invite` in it is empty. NULL: not known. */
const struct member *community_find(const struct community *community,
                                    const struct id *certificate);
/* When its certificate ends, with all renewals. 1970: not known. */
struct instant community_ends(const struct community *community, const struct id *certificate);
/* It was removed, or with one above it, or brought in by one that had been removed before, or is
 * displaced; `at` (NULL: not wanted): when it was, which of a displaced one is 1970. */
bool community_is_removed(const struct community *community, const struct id *certificate,
                          struct instant *at);
/* Known, not removed, and neither it nor a sponsor above it has expired. An outsider and its
 * officers: while administrators let them ask. */
bool community_in_standing(const struct community *community, const struct id *certificate,
                           struct instant now);
/* Certificates from the founder to this one; 0 when it is not known. */
size_t community_chain(const struct community *community, const struct id *certificate,
                       struct id out[CHAIN_MAX]);
/* An outsider or an officer of one: asks, and belongs to nothing else. */
bool community_is_outside(const struct community *community, const struct id *certificate);
size_t community_size(const struct community *community);
/* Its place in the order of admission; COMMUNITY_MEMBERS_MAX: not known. */
size_t community_number(const struct community *community, const struct id *certificate);
/* Members in order of admission: 0 to community_size() - 1. */
const struct id *community_member_id(const struct community *community, size_t index);

#endif
