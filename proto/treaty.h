/* Treaties between two communities, and what crosses by them (PROTOCOL 4.12 to 4.14). Pure checks
 * over decoded objects, shared by node, ingest and stoop: whoever is asked from across the border
 * checks everything itself, and trusts no gateway.
 *
 * Who belongs to a community is said by its rolls, which a clerk of the treaty signs at least once
 * a day: the root of a Merkle tree (RFC 6962) over the sorted ids of the certificates in standing.
 * So one member can show that it is one, and nobody learns of the others. */
#ifndef PROTO_TREATY_H
#define PROTO_TREATY_H

#include "crypto/merkle.h"
#include "proto/request.h"

enum {
    ROLL_REMOVED_MAX = 64,
    ROLL_MEMBERS_MAX = 1024,
    ROLL_PROOF_MAX = 16, /* hashes from a leaf to the root */
    ROLL_LIFE_HOURS = 48,
    ROLL_BYTES_MAX = 5120,               /* a signed one */
    CERTIFICATE_BYTES_MAX = 2816,        /* a signed one that crosses */
    CROSSING_OBJECT_MAX = 12288,         /* the request; with all the rest it fits into 16 KiB */
    ROLL_FUTURE_MAX_MS = 15 * 60 * 1000, /* clocks differ; of what crosses too */
    TREATY_TEXT_MAX = 5504,              /* the longest one as text, NUL included */
    CARRY_RANK_MS = 3000,                /* one gateway waits for the one before it */
};

#define TREATY_SIDE_PREFIX "stoop-side1:"
#define TREATY_PREFIX "stoop-treaty1:"

struct roll {
    struct head head; /* author: the clerk's certificate; at most ROLL_LIFE_HOURS */
    struct id act;    /* the newest, at first the community's id */
    uint32_t version;
    struct caps caps;
    size_t role_count;
    struct role_rule roles[ROLES_MAX];
    uint32_t member_count;
    struct id members; /* root */
    size_t removed_count;
    /* Node keys of clerks who were, first; then certificates that were lately: requests of theirs
     * that live end. */
    struct id removed[ROLL_REMOVED_MAX];
    size_t treaty_count;
    struct id treaties[TREATIES_MAX]; /* in force */
};

struct gateway {
    struct head head;
    struct id treaty;
    bool ended; /* it took its word back: of one home and treaty the newest counts */
};

struct membership { /* all borrowed from what was decoded */
    size_t chain_count;
    struct bytes
        chain[CHAIN_MAX]; /* founder first; no renewals: the roll says who is in standing */
    struct bytes roll;
    uint32_t index; /* in the roll's tree */
    size_t hash_count;
    struct id hashes[ROLL_PROOF_MAX];
};

struct crossing {
    struct head head; /* author: the gateway's certificate here; expires: the object's */
    struct id treaty;
    struct bytes object; /* borrowed: a signed request, withdrawal or roll of the other community */
    struct membership membership; /* of its author */
};

MUST_USE enum err treaty_side_decode(struct bytes body, struct treaty_side *out);
MUST_USE enum err treaty_side_encode(const struct treaty_side *side, struct buffer *out);
MUST_USE enum err roll_decode(struct bytes body, struct roll *out);
MUST_USE enum err roll_encode(const struct roll *roll, struct buffer *out);
MUST_USE enum err gateway_decode(struct bytes body, struct gateway *out);
MUST_USE enum err gateway_encode(const struct gateway *gateway, struct buffer *out);
MUST_USE enum err membership_decode(struct bytes body, struct membership *out);
MUST_USE enum err membership_encode(const struct membership *membership, struct buffer *out);
MUST_USE enum err crossing_decode(struct bytes body, struct crossing *out);
MUST_USE enum err crossing_encode(const struct crossing *crossing, struct buffer *out);

/* As text, which people hand over by any way (PROTOCOL 4.12). There is no secret in it, and
 * nobody's word either: who reads it looks at what it says. One with a typing error is not read.
 * ERR_USER_SYNTAX, or of the body. */
MUST_USE enum err treaty_side_read(const char *text, struct treaty_side *out);
MUST_USE enum err treaty_side_write(const struct treaty_side *side, char text[TREATY_TEXT_MAX]);
MUST_USE enum err treaty_read(const char *text, struct treaty *out);
MUST_USE enum err treaty_write(const struct treaty *treaty, char text[TREATY_TEXT_MAX]);

/* The side of this community, or the one that is not it; NULL: it is neither. */
const struct treaty_side *treaty_side(const struct treaty *treaty, const struct id *community);
const struct treaty_side *treaty_far_side(const struct treaty *treaty, const struct id *community);
/* Is this what that community is founded on? */
bool treaty_side_fits(const struct treaty_side *side, const struct governance *governance);

/* The tree over `ids`, which are sorted here: its root, and where `*member` (NULL: not wanted) is,
 * with the proof; ERR_USER_NOT_FOUND: nowhere. At most ROLL_MEMBERS_MAX ids. */
MUST_USE enum err roll_tree(struct id *ids, size_t count, const struct id *member, struct id *root,
                            struct membership *out);

/* What these three write means nothing unless they return ERR_OK. */

/* A signed roll of `side`, by one of its clerks, that is not too old. ERR_PEER_SIGNATURE,
 * ERR_PEER_CERTIFICATE, ERR_DENY_TIME (from the future), ERR_DENY_EXPIRED. */
MUST_USE enum err roll_verify(const struct treaty_side *side, struct bytes signed_roll,
                              struct instant now, struct roll *out);
/* Which clerk of `side` signed it; clerk_count: none did. */
size_t roll_clerk(const struct treaty_side *side, const struct signed_object *roll);
bool roll_names(const struct roll *roll, const struct id *treaty); /* is it in force there? */
bool roll_removes(const struct roll *roll, const uint8_t what[32]);

/* What each clerk of a side said last, in its place; created 1970: nothing. Node and `stoop` judge
 * alike by it (PROTOCOL 4.14). */
/* False: that clerk said something newer already. */
bool roll_keep(struct roll rolls[CLERKS_MAX], size_t clerk, const struct roll *roll);
/* The one that counts. NULL: there is none, and nothing crosses. */
const struct roll *roll_counting(const struct roll rolls[CLERKS_MAX],
                                 const struct treaty_side *side, struct instant now);
/* Do the others disown that clerk? */
bool roll_disowned(const struct roll rolls[CLERKS_MAX], const struct treaty_side *side,
                   size_t clerk, struct instant now);

struct far_member {
    struct id certificate;
    struct member member;
    struct roll roll; /* by which it is one */
    size_t clerk;     /* of its side, who signed that */
};
/* Is that one a member of `side`? As roll_verify(), and ERR_PEER_CERTIFICATE, ERR_DENY_ROLE. */
MUST_USE enum err membership_verify(const struct treaty_side *side,
                                    const struct membership *membership, struct instant now,
                                    struct far_member *out);

struct crossed { /* about 20 KiB; its texts and bytes are borrowed from the crossing */
    struct far_member author;
    struct signed_object object;
    struct request request;       /* of a request */
    struct withdrawal withdrawal; /* of a withdrawal; of a roll: author.roll */
};
/* Everything about a crossing that came to the community of `governance`, but for whether its
 * gateway signed it and its head is as that of any object, what this community's own charter and
 * rules say of the request, how many of its author live, and how many crossed today. `now`: of the
 * check; treaty and roll have to be good when it crossed.
 * To ignore: ERR_DENY_TREATY (none such was in force on both sides; but a roll says that of its own
 * side), ERR_DENY_TIME, ERR_DENY_EXPIRED (a request from before the treaty, too).
 * To reject: ERR_PEER_*, ERR_DENY_ROLE, ERR_DENY_CAP. */
MUST_USE enum err crossing_verify(const struct governance *governance,
                                  const struct crossing *crossing, struct instant now,
                                  struct crossed *out);
/* Does the treaty let a member of that role ask this of the community whose side that is?
 * ERR_DENY_TREATY (not with this instrument, or not of a place there), ERR_DENY_ROLE, ERR_DENY_CAP.
 */
MUST_USE enum err treaty_lets(const struct treaty *treaty, const struct treaty_side *far,
                              const struct request *request, enum member_role role);
/* Does a treaty that stands at that time let a member of this community ask it of another one? Then
 * its place need not be ours (LP-17). */
bool treaties_let(const struct governance *governance, const struct request *request,
                  enum member_role role, struct instant at);
/* The same for who judges what others have taken before: a treaty that has ended since, or begun,
 * ends no request. */
bool treaties_let_once(const struct governance *governance, const struct request *request,
                       enum member_role role, struct instant now);
/* From when on a request must have been made to cross by it: from the act on that made the treaty
 * in its author's own community. Who asked before was told that nobody else sees it. */
struct instant treaty_since(const struct agreed *agreed);
/* The same for its withdrawal: by any treaty between the same two it may have crossed. */
struct instant treaties_since(const struct governance *governance, const struct agreed *agreed);
/* May it be carried from that community to the treaty's other side? Its own gateways ask this, and
 * whoever is asked there does again. As treaty_lets(), and ERR_PEER_CERTIFICATE: it was not made in
 * that community, so it would cross a second time; or that is not a side. */
MUST_USE enum err treaty_crosses(const struct treaty *treaty, const struct id *from,
                                 const struct request *request, enum member_role role);
/* Of two gateways, by their certificates where the object was made: does the one carry it before
 * the other? So each object has an order of its own, in which all agree. */
bool gateway_before(const struct id *treaty, const struct id *object, const struct id *one,
                    const struct id *other);
/* Whoever asks by it in the community of `governance`: as that lets its role, and as the treaty. */
void treaty_asker(const struct governance *governance, const struct agreed *agreed,
                  const struct far_member *author, struct asker *out);

#endif
