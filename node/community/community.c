#include "node/community/community.h"

#include <stdlib.h>

#include "node/base/assert.h"

enum {
    SLOTS = 4 * COMMUNITY_MEMBERS_MAX /* a power of two, at most a quarter full */
};

struct admitted {
    struct id id;
    struct member member;
};

struct community {
    bool set;
    struct id id;
    struct charter charter;
    size_t count;
    struct admitted members[COMMUNITY_MEMBERS_MAX];
    uint16_t slots[SLOTS]; /* open addressing: a place in members, from 1; 0: empty */
};

static const struct admitted *find(const struct community *community, const struct id *id);
static size_t slot_of(const struct community *community, const struct id *id);
static bool allowance_left(const struct community *community, const struct id *sponsor,
                           uint32_t allowance);

struct community *community_create(void) {
    return calloc(1, sizeof(struct community));
}

void community_destroy(struct community *community) {
    free(community);
}

enum err community_set_charter(struct community *community, const struct signed_object *object,
                               const struct charter *charter) {
    enum err err = charter_verify(object, charter);
    if (err == ERR_OK) {
        community->set = true;
        community->id = object->id;
        community->charter = *charter;
        community->charter.authority_count = 0; /* borrowed; owners look at seals, no node does */
    }
    return err;
}

const struct id *community_id(const struct community *community) {
    return &community->id;
}

const struct charter *community_charter(const struct community *community) {
    return &community->charter;
}

enum err community_admit(struct community *community, const struct signed_object *object,
                         const struct member *member, struct instant now) {
    ASSERT(community->set);
    const struct admitted *sponsor = NULL;
    struct id chain[CHAIN_MAX];
    if (find(community, &object->id) != NULL) {
        return ERR_OK;
    }
    if (instant_reached(now, member->head.expires)) {
        return ERR_DENY_EXPIRED;
    }
    if (community->count == COMMUNITY_MEMBERS_MAX) {
        return ERR_FULL_TABLE;
    }
    if (!id_is_zero(&member->head.author)) {
        sponsor = find(community, &member->head.author);
        if (sponsor == NULL) {
            return ERR_PEER_UNKNOWN;
        }
        if (community_chain(community, &sponsor->id, chain) >= CHAIN_MAX) {
            return ERR_PEER_CERTIFICATE;
        }
    }
    enum err err = member_verify(&community->id, &community->charter, object, member,
                                 sponsor == NULL ? NULL : &sponsor->member);
    if (err == ERR_OK && sponsor != NULL &&
        !allowance_left(community, &sponsor->id, sponsor->member.invite_allowance)) {
        err = ERR_DENY_QUOTA;
    }
    if (err == ERR_OK) {
        size_t slot = slot_of(community, &object->id);
        struct admitted *admitted = &community->members[community->count++];
        community->slots[slot] = (uint16_t)community->count;
        admitted->id = object->id;
        admitted->member = *member;
        admitted->member.invite = (struct bytes){NULL, 0}; /* was borrowed */
    }
    return err;
}

const struct member *community_find(const struct community *community,
                                    const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted == NULL ? NULL : &admitted->member;
}

bool community_in_standing(const struct community *community, const struct id *certificate,
                           struct instant now) {
    struct id chain[CHAIN_MAX];
    size_t count = community_chain(community, certificate, chain);
    for (size_t i = 0; i < count; i++) {
        const struct admitted *admitted = find(community, &chain[i]);
        if (instant_reached(now, admitted->member.head.expires)) {
            return false;
        }
    }
    return count > 0;
}

size_t community_chain(const struct community *community, const struct id *certificate,
                       struct id out[CHAIN_MAX]) {
    struct id upwards[CHAIN_MAX];
    size_t count = 0;
    struct id next = *certificate;
    while (!id_is_zero(&next)) {
        const struct admitted *admitted = find(community, &next);
        if (admitted == NULL || count == CHAIN_MAX) {
            return 0;
        }
        upwards[count++] = next;
        next = admitted->member.head.author;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = upwards[count - 1 - i];
    }
    return count;
}

size_t community_size(const struct community *community) {
    return community->count;
}

const struct id *community_member_id(const struct community *community, size_t index) {
    ASSERT(index < community->count);
    return &community->members[index].id;
}

size_t community_number(const struct community *community, const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted == NULL ? COMMUNITY_MEMBERS_MAX : (size_t)(admitted - community->members);
}

static const struct admitted *find(const struct community *community, const struct id *id) {
    uint16_t place = community->slots[slot_of(community, id)];
    return place == 0 ? NULL : &community->members[place - 1];
}

/* Where it is, or the empty slot where it would go. Ids are hashes; whoever makes certificates that
 * meet in one slot gains a walk of at most his own number of them. */
static size_t slot_of(const struct community *community, const struct id *id) {
    size_t slot = read_u64(id->b) % SLOTS;
    while (community->slots[slot] != 0 &&
           !id_equal(&community->members[community->slots[slot] - 1].id, id)) {
        slot = (slot + 1) % SLOTS;
    }
    return slot;
}

static bool allowance_left(const struct community *community, const struct id *sponsor,
                           uint32_t allowance) {
    uint32_t used = 0;
    for (size_t i = 0; i < community->count; i++) {
        used += id_equal(&community->members[i].member.head.author, sponsor) ? 1 : 0;
    }
    return used < allowance;
}
