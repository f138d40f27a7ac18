#include "node/community/community.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    SLOTS = 4 * COMMUNITY_MEMBERS_MAX, /* at most a quarter full */
    ALLOWANCE_MAX = 64,                /* that the fence lets a certificate have */
};
static_assert((int)OFFICERS_MAX <= (int)ALLOWANCE_MAX, "what one brought fits into the list");

enum share { /* of the places: nobody takes one of another share */
    SHARE_HOMES,
    SHARE_OUTSIDERS,
    SHARE_OFFICERS,
    SHARE_COUNT,
};

static const size_t share_max[SHARE_COUNT] = {COMMUNITY_HOMES_MAX, COMMUNITY_OUTSIDERS_MAX + 1,
                                              COMMUNITY_OFFICERS_MAX};

struct admitted {
    struct id id;
    struct member member;
    struct instant ends; /* with its renewal, but for those by acts */
    struct id renewal;
    bool displaced;     /* or one above it was */
    bool told;          /* that it is displaced */
    struct id by;       /* what displaced it */
    unsigned displaces; /* so many of those whom it brought, since the start */
    uint16_t branch;    /* place of the one above it, or itself, that a founder brought in */
    uint16_t below;     /* of such a one: how many certificates, whatever became of them */
};

struct brought { /* a sponsor's that count, and one more, by (created, id) */
    size_t count;
    struct {
        struct id id;
        struct instant created;
    } list[ALLOWANCE_MAX + 1];
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
    size_t admission_count;
    struct outsider *admissions; /* by acts, every one, in their order */
    size_t removed_count;
    struct gone removed[COMMUNITY_REMOVALS_MAX];
    size_t count;
    size_t taken[SHARE_COUNT]; /* of the places below count */
    struct admitted members[COMMUNITY_MEMBERS_MAX];
    uint16_t slots[SLOTS]; /* open addressing: a place in members, from 1; 0: empty */
};

static enum err judge_room(const struct community *community, uint32_t version,
                           const struct act *act);
static enum err note_act(struct community *community, const struct id *id, bool charter);
static enum err note_admission(struct community *community, const struct admission *admission);
static void rewind_admissions(struct community *community, uint32_t version);
static bool is_top(const struct admitted *admitted);
static bool has_room(const struct community *community, const struct id *id,
                     const struct member *member);
static bool is_idle_officer(const struct community *community, const struct admitted *admitted);
static size_t idle_officers(const struct community *community);
static bool branch_is_full(const struct community *community, const struct admitted *sponsor);
static void add(struct community *community, const struct id *id, const struct member *member);
static const struct gone *removal(const struct community *community, const struct id *by);
static void drop_removals(struct community *community, const struct id *by);
static const struct gone *gone_with(const struct community *community, const struct id *chain,
                                    size_t count);
static bool may_say(const struct gone *gone, const struct id *chain, size_t k);
static bool came_after(const struct community *community, const struct id *brought,
                       const struct gone *gone);
static const struct admitted *find(const struct community *community, const struct id *id);
static size_t slot_of(const struct community *community, const struct id *id);
static const struct admitted *find_counting(const struct community *community, const struct id *id);
static struct admitted *place_of(struct community *community, const struct id *id,
                                 enum share share);
static enum share share_of(enum member_role role);
static size_t free_place(const struct community *community, enum share share);
static void fill_slots(struct community *community);
static enum err judge_place(const struct community *community, const struct admitted *sponsor,
                            const struct id *id, const struct member *member, struct id *loser);
static enum err take_place(struct community *community, const struct admitted *sponsor,
                           const struct id *id, const struct member *member);
static void gather(const struct community *community, const struct id *sponsor,
                   struct brought *out);
static void insert(struct brought *brought, const struct id *id, struct instant created);
static enum err lets_bring(const struct community *community, const struct admitted *sponsor,
                           struct instant created, uint32_t before);
static void displace(struct community *community, const struct id *member, const struct id *by);
static void displace_by_act(struct community *community);
static void displace_unlisted(struct community *community);
static bool acts_admit(const struct community *community, const struct id *outsider);

struct community *community_create(void) {
    return calloc(1, sizeof(struct community));
}

void community_destroy(struct community *community) {
    if (community != NULL) {
        free(community->charters);
        free(community->admissions);
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
    enum err err = judge_room(community, community->act_count, act);
    if (err == ERR_OK) {
        err = governance_follow(&community->governance, object, act);
    }
    if (err == ERR_OK) {
        community->governance.charter.authority_count = 0;
        err = note_act(community, &object->id, act->has_charter);
    }
    if (err == ERR_OK && act->has_admission) {
        err = note_admission(community, &act->admission);
    }
    if (err == ERR_OK) { /* what it takes the place of may have said otherwise as well */
        displace_by_act(community);
        displace_unlisted(community);
    }
    return err == ERR_OK && act->has_removed
               ? community_remove(community, &act->removed, &object->id, act->head.created, NULL)
               : err;
}

enum err community_judge_act(const struct community *community, const struct signed_object *object,
                             const struct act *act) {
    struct signed_object certificate;
    struct member member;
    uint32_t before = community_act_number(community, &act->previous);
    if (before == COMMUNITY_ACTS_MAX) {
        return ERR_PEER_UNKNOWN;
    }
    const struct charter *charter = &community->charters[community->acts[before].charter];
    enum err err = act->head.created.ms > community->acts[before].created.ms
                       ? act_verify(charter, object)
                       : ERR_PEER_BOUNDS;
    if (err == ERR_OK && act->has_admission) {
        err = admission_verify(&community->governance.community, &act->admission, &certificate,
                               &member);
    }
    if (err == ERR_OK) {
        err = governance_lets(&community->governance, before + 1, charter, act);
    }
    return err == ERR_OK ? judge_room(community, before + 1, act) : err;
}

/* What hangs on the chain of acts alone, lest some homes follow an act that others cannot. */
static enum err judge_room(const struct community *community, uint32_t version,
                           const struct act *act) {
    struct signed_object certificate;
    struct member member;
    size_t outsiders = 0;
    if (version >= COMMUNITY_ACTS_MAX) {
        return ERR_FULL_TABLE;
    }
    if (!act->has_admission) {
        return ERR_OK;
    }
    enum err err =
        admission_verify(&community->governance.community, &act->admission, &certificate, &member);
    for (size_t i = 0; err == ERR_OK && i < community->admission_count; i++) {
        const struct outsider *one = &community->admissions[i];
        bool new = one->by <= version;
        for (size_t k = 0; new &&k < i; k++) {
            new = !id_equal(&community->admissions[k].certificate, &one->certificate);
        }
        outsiders += new ? 1 : 0;
        if (one->by <= version && id_equal(&one->certificate, &certificate.id)) {
            return ERR_OK;
        }
    }
    return err == ERR_OK && outsiders == COMMUNITY_OUTSIDERS_MAX ? ERR_FULL_TABLE : err;
}

void community_rewind(struct community *community, uint32_t number) {
    ASSERT(number < community->act_count);
    for (uint32_t i = number + 1; i < community->act_count; i++) {
        drop_removals(community, &community->acts[i].id);
    }
    const struct followed *newest = &community->acts[number];
    governance_rewind(&community->governance, number + 1, &newest->id, newest->created,
                      &community->charters[newest->charter]);
    rewind_admissions(community, number + 1);
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

/* An outsider's certificate is known from the first act about it on, whatever acts say later, as
 * long as one of them counts. */
static enum err note_admission(struct community *community, const struct admission *admission) {
    struct signed_object object;
    struct member member;
    struct outsider *more =
        realloc(community->admissions, (community->admission_count + 1) * sizeof *more);
    if (more == NULL) {
        return ERR_HOST_MEMORY;
    }
    community->admissions = more;
    enum err err = admission_verify(&community->governance.community, admission, &object, &member);
    if (err == ERR_OK) {
        more[community->admission_count++] =
            *governance_outsider(&community->governance, &object.id);
        if (find_counting(community, &object.id) == NULL) {
            add(community, &object.id, &member);
        }
    }
    return err;
}

/* The newest about each counts: with those after that version gone, earlier ones do again. */
static void rewind_admissions(struct community *community, uint32_t version) {
    size_t kept = 0;
    while (kept < community->admission_count && community->admissions[kept].by <= version) {
        governance_admit(&community->governance, &community->admissions[kept++]);
    }
    community->admission_count = kept;
}

/* ---- members ---- */

enum err community_admit(struct community *community, const struct signed_object *object,
                         const struct member *member) {
    ASSERT(community->set);
    const struct admitted *sponsor = NULL;
    const struct admitted *known = find(community, &object->id);
    struct id chain[CHAIN_MAX];
    if (known != NULL && !known->displaced) {
        return ERR_OK;
    }
    if (!id_is_zero(&member->head.author)) {
        sponsor = find_counting(community, &member->head.author);
        if (sponsor == NULL) {
            return ERR_PEER_UNKNOWN;
        }
        if (community_chain(community, &sponsor->id, chain) >= CHAIN_MAX) {
            return ERR_PEER_CERTIFICATE;
        }
    }
    if (member->role == MEMBER_OUTSIDER) {
        return ERR_PEER_UNKNOWN; /* so far: an act brings it, or none ever does */
    }
    if (!has_room(community, &object->id, member)) {
        return ERR_FULL_TABLE;
    }
    enum err err = member_verify(&community->governance, object, member,
                                 sponsor == NULL ? NULL : &sponsor->member);
    if (err == ERR_OK && known == NULL && branch_is_full(community, sponsor)) {
        err = ERR_FULL_TABLE;
    }
    if (err == ERR_OK && sponsor != NULL) {
        err = take_place(community, sponsor, &object->id, member);
    }
    if (err == ERR_OK) {
        add(community, &object->id, member);
    }
    return err;
}

static bool is_top(const struct admitted *admitted) { /* a founder, or an outsider */
    return admitted == NULL || id_is_zero(&admitted->member.head.author);
}

/* Whoever is displaced has its place still; but that may be of those that idle ones share. */
static bool has_room(const struct community *community, const struct id *id,
                     const struct member *member) {
    bool idle = member->role == MEMBER_OFFICER &&
                governance_outsider(&community->governance, &member->head.author) == NULL;
    return (!idle || idle_officers(community) < COMMUNITY_OFFICERS_IDLE_MAX) &&
           (find(community, id) != NULL ||
            free_place(community, share_of(member->role)) < COMMUNITY_MEMBERS_MAX);
}

static bool is_idle_officer(const struct community *community, const struct admitted *admitted) {
    return admitted->member.role == MEMBER_OFFICER && !admitted->displaced &&
           governance_outsider(&community->governance, &admitted->member.head.author) == NULL;
}

static size_t idle_officers(const struct community *community) {
    size_t count = 0;
    for (size_t i = 0; i < community->count; i++) {
        count += is_idle_officer(community, &community->members[i]) ? 1 : 0;
    }
    return count;
}

static bool branch_is_full(const struct community *community, const struct admitted *sponsor) {
    return !is_top(sponsor) && community->members[sponsor->branch].below >= COMMUNITY_BRANCH_MAX;
}

static void add(struct community *community, const struct id *id, const struct member *member) {
    const struct admitted *sponsor = find(community, &member->head.author);
    bool new = find(community, id) == NULL;
    struct admitted *admitted = place_of(community, id, share_of(member->role));
    uint16_t place = (uint16_t)(admitted - community->members);
    *admitted = (struct admitted){.id = *id,
                                  .member = *member,
                                  .ends = member->head.expires,
                                  .displaces = admitted->displaces,
                                  .branch = is_top(sponsor) ? place : sponsor->branch,
                                  .below = admitted->below};
    if (new && admitted->branch != place) {
        community->members[admitted->branch].below++;
    }
    admitted->member.invite = (struct bytes){NULL, 0}; /* was borrowed */
}

bool community_take_displaced(struct community *community, struct id *member, struct id *by) {
    for (size_t i = 0; i < community->count; i++) {
        struct admitted *admitted = &community->members[i];
        if (admitted->displaced && !admitted->told) {
            admitted->told = true;
            *member = admitted->id;
            *by = admitted->by;
            return true;
        }
    }
    return false;
}

bool community_counts(const struct community *community, const struct id *certificate) {
    return find_counting(community, certificate) != NULL;
}

const struct member *community_find(const struct community *community,
                                    const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted == NULL ? NULL : &admitted->member;
}

bool community_lets_bring(const struct community *community, const struct id *id,
                          const struct member *member) {
    const struct admitted *sponsor = find_counting(community, &member->head.author);
    struct id loser = {{0}};
    return sponsor != NULL && judge_place(community, sponsor, id, member, &loser) == ERR_OK &&
           id_is_zero(&loser) && !branch_is_full(community, sponsor);
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
    return removal(community, by) != NULL;
}

static const struct gone *removal(const struct community *community, const struct id *by) {
    for (size_t i = 0; i < community->removed_count; i++) {
        if (id_equal(&community->removed[i].by, by)) {
            return &community->removed[i];
        }
    }
    return NULL;
}

bool community_removal_counts(const struct community *community, const struct id *by) {
    const struct gone *gone = removal(community, by);
    return gone != NULL && (id_is_zero(&gone->author) ||
                            community_may_remove(community, &gone->author, &gone->id) == ERR_OK);
}

size_t community_removals(const struct community *community) {
    return community->removed_count;
}

bool community_removal_of(const struct community *community, const struct id *member, size_t *next,
                          struct removed *removed, struct id *by) {
    while (*next < community->removed_count) {
        const struct gone *gone = &community->removed[(*next)++];
        if (id_equal(&gone->id, member)) {
            *removed = (struct removed){.member = gone->id, .subtree = gone->subtree};
            *by = gone->by;
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
    const struct admitted *admitted = find_counting(community, member);
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
    if (!community_counts(community, member)) {
        return ERR_PEER_UNKNOWN;
    }
    if (community_is_outside(community, member)) {
        return ERR_DENY_ROLE; /* administrators alone put off its end */
    }
    size_t above = count == 1 ? 1 : count - 1;
    for (size_t i = 0; i < above; i++) {
        if (id_equal(by, &chain[i])) {
            return ERR_OK;
        }
    }
    return ERR_DENY_ROLE;
}

void community_renew(struct community *community, const struct id *member, struct instant until,
                     const struct id *by) {
    size_t number = community_number(community, member);
    if (community_renews(community, member, until, by)) {
        community->members[number].ends = until;
        community->members[number].renewal = *by;
    }
}

bool community_renews(const struct community *community, const struct id *member,
                      struct instant until, const struct id *by) {
    const struct admitted *admitted = find_counting(community, member);
    return admitted != NULL &&
           (until.ms > admitted->ends.ms ||
            (until.ms == admitted->ends.ms && id_compare(by, &admitted->renewal) < 0));
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
    bool displaced = count > 0 && !community_counts(community, certificate);
    if ((gone != NULL || displaced) && at != NULL) {
        *at = displaced ? (struct instant){0} : gone->at;
    }
    return gone != NULL || displaced;
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
    if (count == 0 || !community_counts(community, certificate) ||
        gone_with(community, chain, count) != NULL) {
        return false;
    }
    return !community_is_outside(community, certificate) ||
           governance_lets_ask(&community->governance, &chain[0], now);
}

bool community_is_outside(const struct community *community, const struct id *certificate) {
    const struct admitted *admitted = find(community, certificate);
    return admitted != NULL &&
           (admitted->member.role == MEMBER_OUTSIDER || admitted->member.role == MEMBER_OFFICER);
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
 * all below. An officer always goes with its outsider. */
static const struct gone *gone_with(const struct community *community, const struct id *chain,
                                    size_t count) {
    const struct gone *first = NULL;
    bool officer = count > 0 && community_is_outside(community, &chain[count - 1]);
    for (size_t i = 0; i < community->removed_count; i++) {
        const struct gone *gone = &community->removed[i];
        bool takes = false;
        for (size_t k = 0; k < count && !takes; k++) {
            takes = id_equal(&gone->id, &chain[k]) && may_say(gone, chain, k) &&
                    (gone->subtree || officer || k + 1 == count ||
                     came_after(community, &chain[k + 1], gone));
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

static const struct admitted *find_counting(const struct community *community,
                                            const struct id *id) {
    const struct admitted *admitted = find(community, id);
    return admitted == NULL || admitted->displaced ? NULL : admitted;
}

/* Where it is, or a place of its own from now on. There is one: has_room() has said so of others,
 * and outsiders are no more than judge_room() lets acts admit. */
static struct admitted *place_of(struct community *community, const struct id *id,
                                 enum share share) {
    size_t slot = slot_of(community, id);
    if (community->slots[slot] != 0) {
        return &community->members[community->slots[slot] - 1];
    }
    size_t place = free_place(community, share);
    ASSERT(place < COMMUNITY_MEMBERS_MAX);
    community->members[place] = (struct admitted){.id = *id};
    if (place == community->count) {
        community->slots[slot] = (uint16_t)++community->count;
        community->taken[share]++;
    } else {
        fill_slots(community);
    }
    return &community->members[place];
}

static enum share share_of(enum member_role role) {
    return role == MEMBER_OUTSIDER  ? SHARE_OUTSIDERS
           : role == MEMBER_OFFICER ? SHARE_OFFICERS
                                    : SHARE_HOMES;
}

/* One that nobody has had, or whose holder is displaced and was told. A home's number stays its
 * own, as links and those whom it brought go by it. COMMUNITY_MEMBERS_MAX: none. */
static size_t free_place(const struct community *community, enum share share) {
    if (community->taken[share] < share_max[share]) {
        return community->count;
    }
    for (size_t i = 0; share != SHARE_HOMES && i < community->count; i++) {
        const struct admitted *admitted = &community->members[i];
        if (share_of(admitted->member.role) == share && admitted->displaced && admitted->told) {
            return i;
        }
    }
    return COMMUNITY_MEMBERS_MAX;
}

static void fill_slots(struct community *community) {
    memset(community->slots, 0, sizeof community->slots);
    for (size_t i = 0; i < community->count; i++) {
        community->slots[slot_of(community, &community->members[i].id)] = (uint16_t)(i + 1);
    }
}

/* ---- how many one may bring in ---- */

/* Going up, each counts while fewer do than it lets there be. So one more takes the place of one
 * other at most; and what counts of two homes' certificates is the same whether or not they had
 * left out before what does not count. *loser is left alone when nobody loses a place. */
static enum err judge_place(const struct community *community, const struct admitted *sponsor,
                            const struct id *id, const struct member *member, struct id *loser) {
    struct brought brought;
    uint32_t before = 0;
    gather(community, &sponsor->id, &brought);
    insert(&brought, id, member->head.created);
    for (size_t i = 0; i < brought.count; i++) {
        enum err err = lets_bring(community, sponsor, brought.list[i].created, before);
        if (err != ERR_OK && id_equal(&brought.list[i].id, id)) {
            return err;
        }
        if (err != ERR_OK) {
            *loser = brought.list[i].id;
        }
        before += err == ERR_OK ? 1 : 0;
    }
    return id_is_zero(loser) || sponsor->displaces < COMMUNITY_DISPLACED_MAX ? ERR_OK
                                                                             : ERR_DENY_QUOTA;
}

static enum err take_place(struct community *community, const struct admitted *sponsor,
                           const struct id *id, const struct member *member) {
    struct id loser = {{0}};
    enum err err = judge_place(community, sponsor, id, member, &loser);
    if (err == ERR_OK && !id_is_zero(&loser)) {
        community->members[community_number(community, &sponsor->id)].displaces++;
        displace(community, &loser, id);
    }
    return err;
}

static void gather(const struct community *community, const struct id *sponsor,
                   struct brought *out) {
    out->count = 0;
    for (size_t i = 0; i < community->count; i++) {
        const struct admitted *admitted = &community->members[i];
        if (!admitted->displaced && id_equal(&admitted->member.head.author, sponsor)) {
            insert(out, &admitted->id, admitted->member.head.created);
        }
    }
}

static void insert(struct brought *brought, const struct id *id, struct instant created) {
    size_t at = brought->count++;
    ASSERT(at < COUNT_OF(brought->list));
    while (at > 0 && (brought->list[at - 1].created.ms > created.ms ||
                      (brought->list[at - 1].created.ms == created.ms &&
                       id_compare(&brought->list[at - 1].id, id) > 0))) {
        brought->list[at] = brought->list[at - 1];
        at--;
    }
    brought->list[at].id = *id;
    brought->list[at].created = created;
}

/* By one that it made at this time, when so many lower ones count? Its allowance says so, and the
 * charter of that time; what the founding one says is in the allowances. */
static enum err lets_bring(const struct community *community, const struct admitted *sponsor,
                           struct instant created, uint32_t before) {
    uint32_t act = community->act_count - 1;
    while (act > 0 && community->acts[act].created.ms > created.ms) {
        act--;
    }
    const struct charter *charter = &community->charters[community->acts[act].charter];
    if (sponsor->member.role == MEMBER_OUTSIDER) { /* its officers */
        return before < OFFICERS_MAX ? ERR_OK : ERR_DENY_QUOTA;
    }
    if (before >= sponsor->member.invite_allowance) {
        return ERR_DENY_QUOTA; /* a removed one's place stays taken */
    }
    return act == 0 || (charter_lets_invite(charter, sponsor->member.role) &&
                        before < charter->invite_allowance)
               ? ERR_OK
               : ERR_DENY_CHARTER;
}

/* With all below it, so that nothing hangs on it when its certificate is no more to be had. */
static void displace(struct community *community, const struct id *member, const struct id *by) {
    for (size_t i = 0; i < community->count; i++) {
        struct admitted *admitted = &community->members[i];
        struct id chain[CHAIN_MAX];
        size_t count = community_chain(community, &admitted->id, chain);
        for (size_t k = 0; k < count && !admitted->displaced; k++) {
            if (id_equal(&chain[k], member)) {
                admitted->displaced = true;
                admitted->told = false;
                admitted->by = *by;
            }
        }
    }
}

/* Those whom the charters let in no more. Who would have a place again has to come again. */
static void displace_by_act(struct community *community) {
    for (size_t i = 0; i < community->count; i++) {
        const struct admitted *sponsor = &community->members[i];
        struct brought brought;
        uint32_t before = 0;
        if (share_of(sponsor->member.role) != SHARE_HOMES) {
            continue; /* no charter has a say in officers */
        }
        gather(community, &sponsor->id, &brought);
        for (size_t k = 0; k < brought.count; k++) {
            if (lets_bring(community, sponsor, brought.list[k].created, before) == ERR_OK) {
                before++;
            } else {
                displace(community, &brought.list[k].id, &community->governance.head);
            }
        }
    }
}

/* Outsiders whose acts have all been undone; and of officers whose outsiders gave way to others as
 * many as would take room of those that may ask. */
static void displace_unlisted(struct community *community) {
    const struct id *by = &community->governance.head;
    for (size_t i = 0; i < community->count; i++) {
        const struct admitted *admitted = &community->members[i];
        if (admitted->member.role == MEMBER_OUTSIDER && !admitted->displaced &&
            !acts_admit(community, &admitted->id)) {
            displace(community, &admitted->id, by);
        }
    }
    size_t idle = idle_officers(community);
    for (size_t i = 0; i < community->count && idle > COMMUNITY_OFFICERS_IDLE_MAX; i++) {
        const struct admitted *admitted = &community->members[i];
        if (is_idle_officer(community, admitted)) {
            displace(community, &admitted->id, by);
            idle--;
        }
    }
}

static bool acts_admit(const struct community *community, const struct id *outsider) {
    for (size_t i = 0; i < community->admission_count; i++) {
        if (id_equal(&community->admissions[i].certificate, outsider)) {
            return true;
        }
    }
    return false;
}
