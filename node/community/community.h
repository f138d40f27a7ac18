/* Community: who belongs to it, on whose word (PROTOCOL 4).
 *
 * Holds the charter and every certificate that has been checked back to it. A certificate is
 * admitted only after its sponsor's; standing is judged along the whole chain at a given time.
 *
 * Memory: taken by community_create(). Bounds: COMMUNITY_MEMBERS_MAX. */
#ifndef NODE_COMMUNITY_COMMUNITY_H
#define NODE_COMMUNITY_COMMUNITY_H

#include "proto/community.h"

enum {
    COMMUNITY_MEMBERS_MAX = 1024
};

struct community;

struct community *community_create(void); /* NULL when memory is short */
void community_destroy(struct community *community);

/* The first version of the charter, whose id is the community's. ERR_PEER_SIGNATURE,
 * ERR_PEER_CERTIFICATE. */
MUST_USE enum err community_set_charter(struct community *community,
                                        const struct signed_object *object,
                                        const struct charter *charter);
const struct id *community_id(const struct community *community);
const struct charter *community_charter(const struct community *community);

/* ERR_PEER_UNKNOWN (sponsor not known here: ask again later), ERR_DENY_QUOTA (sponsor's allowance
 * is used up), ERR_DENY_EXPIRED, ERR_PEER_CERTIFICATE, ERR_PEER_SIGNATURE, ERR_DENY_ROLE,
 * ERR_FULL_TABLE. One that is known already is ERR_OK. */
MUST_USE enum err community_admit(struct community *community, const struct signed_object *object,
                                  const struct member *member, struct instant now);

/* Borrowed until the next admission; `invite` in it is empty. NULL: not known. */
const struct member *community_find(const struct community *community,
                                    const struct id *certificate);
/* Known, and neither it nor a sponsor above it has expired. */
bool community_in_standing(const struct community *community, const struct id *certificate,
                           struct instant now);
/* Certificates from the founder to this one; 0 when it is not known. */
size_t community_chain(const struct community *community, const struct id *certificate,
                       struct id out[CHAIN_MAX]);
size_t community_size(const struct community *community);
/* Its place in the order of admission; COMMUNITY_MEMBERS_MAX: not known. */
size_t community_number(const struct community *community, const struct id *certificate);
/* Members in order of admission: 0 to community_size() - 1. */
const struct id *community_member_id(const struct community *community, size_t index);

#endif
