#include "node/community/community.h"

#include <stdlib.h>

#include "node/base/assert.h"

enum {
    SLOTS = 4 * COMMUNITY_MEMBERS_MAX /* a power of two, at most a quarter full */
};

struct admitted {
    struct id id;
    struct member member;
    struct instant ends; /* with its renewal, but for those by acts */
    struct id renewal;
};

struct gone { /* a removed member; one for each removal and act that says so */
    struct id id;
    struct id by;
    struct id author; /* zero: by an act */
    bool subtree;
    struct instant at;
};

struct followed { /* an act, or the founding charter */
    struct id id;
    struct instant created;
    size_t charter; /* the one that counts after it: a place in charters */
};

struct community {
    bool set;
    struct governance governance;
    uint32_t act_count;
    struct followed acts[COMMUNITY_ACTS_MAX];
    size_t charter_count;
    struct charter *charters; /* every one that counted: who could decide what comes after it */
    size_t removed_count;
    struct gone removed[COMMUNITY_REMOVALS_MAX];
    size_t count;
    struct admitted members[COMMUNITY_MEMBERS_MAX];
    uint16_t slots[SLOTS]; /* open addressing: a place in members, from 1; 0: empty */
};

static enum err note_act(struct community *community, const struct id *id, bool charter);
static void drop_removals(struct community *community, const struct id *by);
static const struct gone *gone_with(const struct community *community, const struct id *chain,
                                    size_t count);
static bool may_say(const struct gone *gone, const struct id *chain, size_t k);
static bool came_after(const struct community *community, const struct id *brought,
                       const struct gone *gone);
static const struct admitted *find(const struct community *community, const struct id *id);
static size_t slot_of(const struct community *community, const struct id *id);
static bool allowance_left(const struct community *community, const struct id *sponsor,
                           uint32_t allowance);

struct community *community_create(void) {
    return calloc(1, sizeof(struct community));
}

void community_destroy(struct community *community) {
    if (community != NULL) {
        free(community->charters);
    }
    free(community);
}

/* ---- charter and acts ---- */

/* Authorities are borrowed from what was decoded; owners look at seals, no node does. */
enum err community_found(struct community *community, const struct signed_object *object,
                         const struct charter *charter) {
    enum err err = governance_found(&community->governance, object, charter);
    if (err == ERR_OK) {
        community->governance.founding.authority_count = 0;
        community->governance.charter.authority_count = 0;
        err = note_act(community, &object->id, true);
        community->set = err == ERR_OK;
    }
    return err;
}

const struct id *community_id(const struct community *community) {
    return &community->governance.community;
}

const struct charter *community_charter(const struct community *community) {
    return &community->governance.charter;
}

const struct governance *community_governance(const struct community *community) {
    return &community->governance;
}

enum act_place community_place(const struct community *community, const struct id *id,
                               const struct act *act, struct instant now) {
    if (community_act_number(community, id) < COMMUNITY_ACTS_MAX) {
        return ACT_KNOWN;
    }
    uint32_t before = community_act_number(community, &act->previous);
    if (before == COMMUNITY_ACTS_MAX) {
        return ACT_ASTRAY;
    }
    if (before + 1 == community->act_count) {
        return ACT_NEXT;
    }
    const struct followed *other = &community->acts[before + 1];
    if (id_compare(&other->id, id) < 0) {
        return ACT_LOSES;
    }
    return now.ms - other->created.ms < (int64_t)ACT_SETTLES_DAYS * DURATION_DAY_MS ? ACT_WINS
                                                                                    : ACT_LATE;
}

enum err community_follow(struct community *community, const struct signed_object *object,
                          const struct act *act) {
    if (community->act_count == COMMUNITY_ACTS_MAX) {
        return ERR_FULL_TABLE;
    }
    enum err err = governance_follow(&community->governance, object, act);
    if (err == ERR_OK) {
        community->governance.charter.authority_count = 0;
        err = note_act(community, &object->id, act->has_charter);
    }
    return err == ERR_OK && act->has_removed
               ? community_remove(community, &act->removed, &object->id, act->head.created, NULL)
               : err;
}

enum err community_judge_act(const struct community *community, const struct signed_object *object,
                             const struct act *act) {
    uint32_t before = community_act_number(community, &act->previous);
    if (before == COMMUNITY_ACTS_MAX) {
        return ERR_PEER_UNKNOWN;
    }
    const struct charter *charter = &community->charters[community->acts[before].charter];
    enum err err = act->head.created.ms > community->acts[before].created.ms
                       ? act_verify(&community->charters[community->acts[before].charter], object)
                       : ERR_PEER_BOUNDS;
    return err == ERR_OK ? governance_lets(&community->governance, before + 1, charter, act) : err;
}

void community_rewind(struct community *community, uint32_t number) {
    ASSERT(number < community->act_count);
    for (uint32_t i = number + 1; i < community->act_count; i++) {
        drop_removals(community, &community->acts[i].id);
    }
    const struct followed *newest = &community->acts[number];
    governance_rewind(&community->governance, number + 1, &newest->id, newest->created,
                      &community->charters[newest->charter]);
    community->charter_count = newest->charter + 1;
    community->act_count = number + 1;
}

uint32_t community_act_count(const struct community *community) {
    return community->act_count;
}

const struct id *community_act_id(const struct community *community, uint32_t number) {
    ASSERT(number < community->act_count);
    return &community->acts[number].id;
}

uint32_t community_act_number(const struct community *community, const struct id *id) {
    for (uint32_t i = community->act_count; i > 0; i--) { /* mostly the newest is asked for */
        if (id_equal(&community->acts[i - 1].id, id)) {
            return i - 1;
        }
    }
    return COMMUNITY_ACTS_MAX;
}

static enum err note_act(struct community *community, const struct id *id, bool charter) {
    if (charter) {
        struct charter *more =
            realloc(community->charters, (community->charter_count + 1) * sizeof *more);
        if (more == NULL) {
            return ERR_HOST_MEMORY;
        }
        community->charters = more;
        more[community->charter_count++] = community->governance.charter;
    }
    community->acts[community->act_count++] =
        (struct followed){*id, community->governance.created, community->charter_count - 1};
    return ERR_OK;
}

/* ---- members ---- */

enum err community_admit(struct community *community, const struct signed_object *object,
                         const struct member *member) {
    ASSERT(community->set);
    const struct admitted *sponsor = NULL;
    struct id chain[CHAIN_MAX];
    if (find(community, &object->id) != NULL) {
        return ERR_OK;
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
    enum err err = member_verify(&community->governance, object, member,
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
        admitted->ends = member->head.expires;
        admitted->member.invite = (struct bytes){NULL, 0}; /* was borrowed */
    }
    return err;
}

const struct member *community_find(const struct community *community,
                                    const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted == NULL ? NULL : &admitted->member;
}

bool community_lets_bring(const struct community *community, const struct member *member) {
    const struct admitted *sponsor = find(community, &member->head.author);
    uint32_t act = community->act_count - 1;
    while (act > 0 && community->acts[act].created.ms > member->head.created.ms) {
        act--;
    }
    const struct charter *charter = &community->charters[community->acts[act].charter];
    return sponsor == NULL || act == 0 ||
           (charter_lets_invite(charter, sponsor->member.role) &&
            allowance_left(community, &sponsor->id, charter->invite_allowance));
}

enum err community_remove(struct community *community, const struct removed *removed,
                          const struct id *by, struct instant at, const struct id *author) {
    if (community_has_removal(community, by)) {
        return ERR_OK;
    }
    if (community->removed_count == COUNT_OF(community->removed)) {
        return ERR_FULL_TABLE;
    }
    community->removed[community->removed_count++] = (struct gone){
        removed->member, *by, author == NULL ? (struct id){{0}} : *author, removed->subtree, at};
    return ERR_OK;
}

void community_unremove(struct community *community, const struct id *by) {
    drop_removals(community, by);
}

bool community_has_removal(const struct community *community, const struct id *by) {
    for (size_t i = 0; i < community->removed_count; i++) {
        if (id_equal(&community->removed[i].by, by)) {
            return true;
        }
    }
    return false;
}

static void drop_removals(struct community *community, const struct id *by) {
    size_t kept = 0;
    for (size_t i = 0; i < community->removed_count; i++) {
        if (!id_equal(&community->removed[i].by, by)) {
            community->removed[kept++] = community->removed[i];
        }
    }
    community->removed_count = kept;
}

enum err community_may_remove(const struct community *community, const struct id *by,
                              const struct id *member) {
    const struct admitted *admitted = find(community, member);
    if (admitted == NULL) {
        return ERR_PEER_UNKNOWN;
    }
    return id_equal(by, member) || id_equal(by, &admitted->member.head.author) ? ERR_OK
                                                                               : ERR_DENY_ROLE;
}

enum err community_may_renew(const struct community *community, const struct id *by,
                             const struct id *member) {
    struct id chain[CHAIN_MAX];
    size_t count = community_chain(community, member, chain);
    if (count == 0) {
        return ERR_PEER_UNKNOWN;
    }
    size_t above = count == 1 ? 1 : count - 1;
    for (size_t i = 0; i < above; i++) {
        if (id_equal(by, &chain[i])) {
            return ERR_OK;
        }
    }
    return ERR_DENY_ROLE;
}

bool community_is_longer(const struct community *community, const struct id *member,
                         struct instant until, const struct id *by) {
    const struct admitted *admitted = find(community, member);
    return admitted != NULL &&
           (until.ms > admitted->ends.ms ||
            (until.ms == admitted->ends.ms && id_compare(by, &admitted->renewal) < 0));
}

void community_renew(struct community *community, const struct id *member, struct instant until,
                     const struct id *by) {
    size_t number = community_number(community, member);
    if (community_is_longer(community, member, until, by)) {
        community->members[number].ends = until;
        community->members[number].renewal = *by;
    }
}

struct id community_renewal(const struct community *community, const struct id *member,
                            struct instant now) {
    const struct admitted *admitted = find(community, member);
    return admitted == NULL || instant_reached(now, admitted->ends) ? (struct id){{0}}
                                                                    : admitted->renewal;
}

struct instant community_ends(const struct community *community, const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted == NULL ? (struct instant){0}
                            : governance_ends(&community->governance, certificate, admitted->ends);
}

bool community_is_removed(const struct community *community, const struct id *certificate,
                          struct instant *at) {
    struct id chain[CHAIN_MAX];
    size_t count = community_chain(community, certificate, chain);
    const struct gone *gone = gone_with(community, chain, count);
    if (gone != NULL && at != NULL) {
        *at = gone->at;
    }
    return gone != NULL;
}

bool community_in_standing(const struct community *community, const struct id *certificate,
                           struct instant now) {
    struct id chain[CHAIN_MAX];
    size_t count = community_chain(community, certificate, chain);
    for (size_t i = 0; i < count; i++) {
        if (instant_reached(now, community_ends(community, &chain[i]))) {
            return false;
        }
    }
    return count > 0 && gone_with(community, chain, count) == NULL;
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

/* What took away the last of this chain, and first: its own removal, or that of one above it with
 * all below. */
static const struct gone *gone_with(const struct community *community, const struct id *chain,
                                    size_t count) {
    const struct gone *first = NULL;
    for (size_t i = 0; i < community->removed_count; i++) {
        const struct gone *gone = &community->removed[i];
        bool takes = false;
        for (size_t k = 0; k < count && !takes; k++) {
            takes = id_equal(&gone->id, &chain[k]) && may_say(gone, chain, k) &&
                    (gone->subtree || k + 1 == count || came_after(community, &chain[k + 1], gone));
        }
        first = takes && (first == NULL || gone->at.ms < first->at.ms) ? gone : first;
    }
    return first;
}

/* An act; the member itself, which leaves; or its sponsor. */
static bool may_say(const struct gone *gone, const struct id *chain, size_t k) {
    return id_is_zero(&gone->author) || id_equal(&gone->author, &chain[k]) ||
           (k > 0 && id_equal(&gone->author, &chain[k - 1]));
}

/* Whoever was removed brings nobody in: neither is who came by it since, nor are those below. */
static bool came_after(const struct community *community, const struct id *brought,
                       const struct gone *gone) {
    return find(community, brought)->member.head.created.ms >= gone->at.ms;
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
    uint32_t used = 0; /* a removed one's place stays taken: else one could bring in any number */
    for (size_t i = 0; i < community->count; i++) {
        used += id_equal(&community->members[i].member.head.author, sponsor) ? 1 : 0;
    }
    return used < allowance;
}
