#include "node/community/community.h"

#include <stdlib.h>

#include "node/base/assert.h"

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
};

static const struct admitted *find(const struct community *community, const struct id *id);
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
        struct admitted *admitted = &community->members[community->count++];
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

static const struct admitted *find(const struct community *community, const struct id *id) {
    for (size_t i = 0; i < community->count; i++) {
        if (id_equal(&community->members[i].id, id)) {
            return &community->members[i];
        }
    }
    return NULL;
}

static bool allowance_left(const struct community *community, const struct id *sponsor,
                           uint32_t allowance) {
    uint32_t used = 0;
    for (size_t i = 0; i < community->count; i++) {
        used += id_equal(&community->members[i].member.head.author, sponsor) ? 1 : 0;
    }
    return used < allowance;
}
