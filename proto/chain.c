/* Charters, acts, certificates (PROTOCOL 4): pure checks over decoded objects, shared by node,
 * ingest and stoop. */
#include "crypto/dsse.h"
#include "node/base/assert.h"
#include "proto/treaty.h"

/* What chain_verify() keeps of each certificate: who may renew those below, and when it was made.
 */
struct above {
    bool outside; /* it begins with an outsider's */
    size_t count;
    struct id ids[CHAIN_MAX];
    struct instant created[CHAIN_MAX];
    struct sign_public nodes[CHAIN_MAX];
};

static const struct role_rule *rule_of(const struct charter *charter, enum member_role role);
static size_t signed_by_administrators(const struct signed_object *object,
                                       const struct charter *charter);
static void note_renewed(struct governance *governance, const struct renewed *renewed);
static void note_removed(struct governance *governance, const struct act *act);
static void note_treaty(struct governance *governance, const struct act *act);
static enum err judge_made(const struct governance *governance, uint32_t version,
                           const struct charter *charter, const struct act *act);
static size_t free_place(const struct governance *governance, struct instant at);
static size_t in_force(const struct governance *governance, uint32_t version, const struct id *id,
                       struct instant at);
static bool stands(const struct agreed *agreed, uint32_t version, struct instant at);
static struct instant over_since(const struct agreed *agreed, uint32_t version);
static bool had_ended(const struct agreed *agreed, uint32_t version);
static bool is_removed(const struct governance *governance, const struct above *chain,
                       struct instant now);
static bool takes(const struct removed_by_act *removed, const struct above *chain, size_t k);
static enum err verify_renewal(const struct governance *governance, struct bytes bytes,
                               const struct above *above, struct instant *ends);
static enum err verify_founder(const struct charter *charter, const struct member *member);
static enum err verify_joined(const struct signed_object *object, const struct member *member,
                              const struct member *sponsor);
static enum err verify_common(const struct id *community, const struct signed_object *object,
                              const struct member *member);
static enum err verify_officer(const struct signed_object *object, const struct member *member,
                               const struct member *outsider);
static bool owners_signed(const struct signed_object *object, const struct member *member);
static bool signed_by_owner(const struct signed_object *object, const struct member *member);

/* ---- what the charter says ---- */

uint32_t charter_instruments(const struct charter *charter, enum member_role role) {
    const struct role_rule *rule = rule_of(charter, role);
    return rule == NULL ? INSTRUMENTS_ALL : rule->instruments;
}

bool charter_lets_invite(const struct charter *charter, enum member_role role) {
    const struct role_rule *rule = rule_of(charter, role);
    return rule == NULL || !rule->may_not_invite;
}

bool charter_has_administrator(const struct charter *charter, const struct sign_public *key) {
    for (size_t i = 0; i < charter->administrator_count; i++) {
        if (sign_public_equal(&charter->administrators[i], key)) {
            return true;
        }
    }
    return false;
}

bool charter_has_member(const struct charter *charter, const struct member *member) {
    for (size_t i = 0; i < member->owner_count; i++) {
        if (charter_has_administrator(charter, &member->owners[i].sign)) {
            return true;
        }
    }
    return false;
}

static const struct role_rule *rule_of(const struct charter *charter, enum member_role role) {
    for (size_t i = 0; i < charter->role_count; i++) {
        if (charter->roles[i].role == role) {
            return &charter->roles[i];
        }
    }
    return NULL;
}

/* ---- charter and acts ---- */

enum err governance_found(struct governance *out, const struct signed_object *object,
                          const struct charter *charter) {
    if (object->kind != OBJECT_CHARTER) {
        return ERR_PEER_CERTIFICATE;
    }
    if (signed_by_administrators(object, charter) < charter->threshold) {
        return ERR_PEER_SIGNATURE;
    }
    *out = (struct governance){.community = object->id,
                               .founding = *charter,
                               .charter = *charter,
                               .head = object->id,
                               .created = charter->created,
                               .version = 1};
    return ERR_OK;
}

enum err act_verify(const struct charter *charter, const struct signed_object *object) {
    if (object->kind != OBJECT_ACT) {
        return ERR_PEER_CERTIFICATE;
    }
    return signed_by_administrators(object, charter) >= charter->threshold ? ERR_OK
                                                                           : ERR_PEER_SIGNATURE;
}

/* Each is later than the one before, so that they come in the order of the chain wherever objects
 * are sorted by their time. */
enum err governance_follow(struct governance *governance, const struct signed_object *object,
                           const struct act *act) {
    struct signed_object certificate;
    struct member member;
    if (!id_equal(&act->head.community, &governance->community)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (!id_equal(&act->previous, &governance->head)) {
        return ERR_PEER_SEQUENCE;
    }
    if (governance->version == ACTS_MAX) {
        return ERR_FULL_TABLE;
    }
    enum err err = act->head.created.ms > governance->created.ms
                       ? act_verify(&governance->charter, object)
                       : ERR_PEER_BOUNDS;
    if (err == ERR_OK) {
        err = governance_lets(governance, governance->version, &governance->charter, act);
    }
    if (err == ERR_OK && act->has_admission) {
        err = admission_verify(&governance->community, &act->admission, &certificate, &member);
    }
    if (err != ERR_OK) {
        return err;
    }
    size_t signers = signed_by_administrators(object, &governance->charter);
    governance->head = object->id;
    governance->created = act->head.created;
    governance->version++;
    if (act->has_charter) {
        governance->charter = act->charter;
    }
    if (act->has_renewed) {
        note_renewed(governance, &act->renewed);
    }
    if (act->has_removed) {
        note_removed(governance, act);
    }
    note_treaty(governance, act);
    if (act->has_admission) {
        struct outsider outsider = {.certificate = certificate.id,
                                    .admission = act->admission,
                                    .since = act->head.created,
                                    .signers = (uint32_t)signers,
                                    .by = governance->version};
        outsider.admission.member = (struct bytes){NULL, 0};
        governance_admit(governance, &outsider);
    }
    return ERR_OK;
}

void governance_rewind(struct governance *governance, uint32_t version, const struct id *head,
                       struct instant created, const struct charter *charter) {
    size_t kept = 0;
    for (size_t i = 0; i < governance->renewed_count; i++) {
        if (governance->renewed_by[i] <= version) {
            governance->renewed[kept] = governance->renewed[i];
            governance->renewed_by[kept++] = governance->renewed_by[i];
        }
    }
    governance->renewed_count = kept;
    while (governance->removed_count > 0 &&
           governance->removed[governance->removed_count - 1].by > version) {
        governance->removed_count--; /* they lie in the order of the acts */
    }
    for (size_t i = 0; i < governance->treaty_count; i++) {
        struct agreed *agreed = &governance->treaties[i];
        if (agreed->by > version) {
            *agreed = (struct agreed){.by = 0};
        } else if (agreed->ended_by > version) {
            agreed->ended_by = 0;
        }
    }
    governance->outsider_count = 0;
    governance->head = *head;
    governance->created = created;
    governance->version = version;
    governance->charter = *charter;
}

const struct agreed *governance_treaty(const struct governance *governance, const struct id *id,
                                       struct instant now) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        bool stood = agreed->by != 0 && !instant_reached(now, agreed->treaty.until) &&
                     (agreed->ended_by == 0 || !instant_reached(now, agreed->ended));
        if (stood && id_equal(&agreed->id, id)) {
            return agreed;
        }
    }
    return NULL;
}

/* By nothing but the acts before it, and never by what the table still holds: homes differ in that
 * when some have seen acts that lost. */
enum err governance_lets(const struct governance *governance, uint32_t version,
                         const struct charter *charter, const struct act *act) {
    if (act->treaty.len > 0) {
        return judge_made(governance, version, charter, act);
    }
    return id_is_zero(&act->treaty_ended) || in_force(governance, version, &act->treaty_ended,
                                                      act->head.created) < governance->treaty_count
               ? ERR_OK
               : ERR_DENY_TREATY;
}

static enum err judge_made(const struct governance *governance, uint32_t version,
                           const struct charter *charter, const struct act *act) {
    const struct caps *caps = &charter->caps;
    struct treaty treaty;
    struct id id;
    size_t standing = 0;
    enum err err = treaty_decode(act->treaty, &treaty);
    if (err != ERR_OK) {
        return err;
    }
    const struct treaty_side *own = treaty_side(&treaty, &governance->community);
    if (own == NULL || !treaty_side_fits(own, governance) || treaty.caps.span_s > caps->span_s ||
        treaty.caps.area_m2 > caps->area_m2 || treaty.caps.live_requests > caps->live_requests ||
        instant_reached(act->head.created, treaty.until)) {
        return ERR_PEER_CERTIFICATE;
    }
    sha256(act->treaty, &id);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        bool counts = stands(agreed, version, act->head.created);
        if (counts && id_equal(&agreed->id, &id)) {
            return ERR_PEER_REPEATED;
        }
        standing += counts ? 1 : 0;
    }
    return standing < TREATIES_MAX ? ERR_OK : ERR_FULL_TABLE;
}

static void note_treaty(struct governance *governance, const struct act *act) {
    const struct instant at = act->head.created;
    if (!id_is_zero(&act->treaty_ended)) {
        size_t place = in_force(governance, governance->version, &act->treaty_ended, at);
        governance->treaties[place].ended = at;
        governance->treaties[place].ended_by = governance->version;
    }
    if (act->treaty.len == 0) {
        return;
    }
    size_t place = free_place(governance, at);
    ASSERT(place < COUNT_OF(governance->treaties));
    governance->treaty_count += place == governance->treaty_count ? 1 : 0;
    struct agreed *agreed = &governance->treaties[place];
    *agreed = (struct agreed){.by = governance->version, .began = at};
    sha256(act->treaty, &agreed->id);
    enum err err = treaty_decode(act->treaty, &agreed->treaty);
    ASSERT(err == ERR_OK); /* governance_lets() has read it */
}

/* One is used again when what lay there stands no more, and has not for as long again: should the
 * act be undone, the one that comes in its stead may be older. There is room: whatever else is kept
 * stood TREATY_STANDS_DAYS ago or stands now, and neither are more than TREATIES_MAX. */
static size_t free_place(const struct governance *governance, struct instant at) {
    const struct duration kept = {INT64_C(2) * TREATY_STANDS_DAYS * DURATION_DAY_MS};
    size_t place = 0;
    while (place < governance->treaty_count) {
        const struct agreed *agreed = &governance->treaties[place];
        if (agreed->by == 0 ||
            instant_reached(at, instant_add(over_since(agreed, governance->version), kept))) {
            break;
        }
        place++;
    }
    return place;
}

/* Its place; treaty_count: nowhere. */
static size_t in_force(const struct governance *governance, uint32_t version, const struct id *id,
                       struct instant at) {
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        if (agreed->by != 0 && agreed->by <= version && id_equal(&agreed->id, id) &&
            !had_ended(agreed, version) && !instant_reached(at, agreed->treaty.until)) {
            return i;
        }
    }
    return governance->treaty_count;
}

static bool stands(const struct agreed *agreed, uint32_t version, struct instant at) {
    const struct duration more = {(int64_t)TREATY_STANDS_DAYS * DURATION_DAY_MS};
    return agreed->by != 0 && agreed->by <= version &&
           !instant_reached(at, instant_add(over_since(agreed, version), more));
}

static struct instant over_since(const struct agreed *agreed, uint32_t version) {
    return had_ended(agreed, version) && agreed->ended.ms < agreed->treaty.until.ms
               ? agreed->ended
               : agreed->treaty.until;
}

static bool had_ended(const struct agreed *agreed, uint32_t version) {
    return agreed->ended_by != 0 && agreed->ended_by <= version;
}

enum err admission_verify(const struct id *community, const struct admission *admission,
                          struct signed_object *object, struct member *member) {
    enum err err = signed_decode(admission->member, object);
    if (err == ERR_OK && object->kind != OBJECT_MEMBER) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = member_decode(object->body, member);
    }
    if (err == ERR_OK && member->role != MEMBER_OUTSIDER) {
        err = ERR_PEER_CERTIFICATE;
    }
    return err == ERR_OK ? verify_common(community, object, member) : err;
}

const struct outsider *governance_outsider(const struct governance *governance,
                                           const struct id *certificate) {
    for (size_t i = 0; i < governance->outsider_count; i++) {
        if (id_equal(&governance->outsiders[i].certificate, certificate)) {
            return &governance->outsiders[i];
        }
    }
    return NULL;
}

bool governance_lets_ask(const struct governance *governance, const struct id *certificate,
                         struct instant now) {
    const struct outsider *outsider = governance_outsider(governance, certificate);
    /* What was asked before it was suspended was asked by one that might. */
    bool suspended =
        outsider != NULL && outsider->admission.suspended && instant_reached(now, outsider->since);
    return outsider != NULL && !suspended && !instant_reached(now, outsider->admission.until);
}

/* All come to the same list: which one gives way is a matter of what the acts say. */
void governance_admit(struct governance *governance, const struct outsider *outsider) {
    struct outsider *list = governance->outsiders;
    size_t place = 0;
    while (place < governance->outsider_count &&
           !id_equal(&list[place].certificate, &outsider->certificate)) {
        place++;
    }
    if (place == OUTSIDERS_MAX) {
        place = 0;
        for (size_t i = 1; i < OUTSIDERS_MAX; i++) {
            place = list[i].admission.until.ms < list[place].admission.until.ms ? i : place;
        }
    }
    governance->outsider_count += place == governance->outsider_count ? 1 : 0;
    list[place] = *outsider;
}

void asker_of(const struct governance *governance, const struct id *certificate,
              const struct member *member, struct asker *out) {
    bool officer = member->role == MEMBER_OFFICER;
    *out = (struct asker){.role = member->role,
                          .account = officer ? member->head.author : *certificate,
                          .instruments = charter_instruments(&governance->charter, member->role),
                          .live_requests = governance->charter.caps.live_requests};
    if (!officer && member->role != MEMBER_OUTSIDER) {
        return;
    }
    const struct outsider *outsider = governance_outsider(governance, &out->account);
    out->instruments &= charter_instruments(&governance->charter, MEMBER_OUTSIDER);
    out->instruments &= outsider == NULL ? 0 : outsider->admission.instruments;
    if (outsider != NULL && outsider->admission.live_requests < out->live_requests) {
        out->live_requests = outsider->admission.live_requests;
    }
}

bool act_signed_by(struct bytes act, const struct sign_public *key,
                   const struct signature *signature) {
    return dsse_verify(object_type(OBJECT_ACT), act, key, signature);
}

struct instant governance_ends(const struct governance *governance, const struct id *certificate,
                               struct instant expires) {
    for (size_t i = 0; i < governance->renewed_count; i++) {
        const struct renewed *renewed = &governance->renewed[i];
        if (id_equal(&renewed->member, certificate) && renewed->until.ms > expires.ms) {
            expires = renewed->until;
        }
    }
    return expires;
}

static size_t signed_by_administrators(const struct signed_object *object,
                                       const struct charter *charter) {
    size_t good = 0;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        good += signed_by(object, &charter->administrators[i]) ? 1 : 0;
    }
    return good;
}

static void note_renewed(struct governance *governance, const struct renewed *renewed) {
    size_t place = governance->renewed_count;
    if (place == RENEWED_MAX) {
        place = 0;
        for (size_t i = 1; i < RENEWED_MAX; i++) {
            bool sooner = governance->renewed[i].until.ms < governance->renewed[place].until.ms;
            place = sooner ? i : place;
        }
    } else {
        governance->renewed_count++;
    }
    governance->renewed[place] = *renewed;
    governance->renewed_by[place] = governance->version;
}

static void note_removed(struct governance *governance, const struct act *act) {
    size_t i = governance->removed_count++;
    governance->removed[i].member = act->removed.member;
    governance->removed[i].subtree = act->removed.subtree;
    governance->removed[i].at = act->head.created;
    governance->removed[i].by = governance->version;
}

/* The last of this chain, by `now`. */
static bool is_removed(const struct governance *governance, const struct above *chain,
                       struct instant now) {
    for (size_t i = 0; i < governance->removed_count; i++) {
        const struct removed_by_act *removed = &governance->removed[i];
        for (size_t k = 0; k < chain->count; k++) {
            if (id_equal(&removed->member, &chain->ids[k]) && takes(removed, chain, k) &&
                instant_reached(now, removed->at)) {
                return true;
            }
        }
    }
    return false;
}

/* With the one at this place, which it names. An officer always goes with its outsider; and who was
 * brought in by one that was removed by then is no member, nor are those below. */
static bool takes(const struct removed_by_act *removed, const struct above *chain, size_t k) {
    return removed->subtree || chain->outside || k + 1 == chain->count ||
           instant_reached(chain->created[k + 1], removed->at);
}

/* ---- certificates ---- */

enum err member_verify(const struct governance *governance, const struct signed_object *object,
                       const struct member *member, const struct member *sponsor) {
    if (id_is_zero(&member->head.author) != (sponsor == NULL)) {
        return ERR_PEER_CERTIFICATE;
    }
    enum err err = verify_common(&governance->community, object, member);
    if (err != ERR_OK) {
        return err;
    }
    switch (member->role) {
    case MEMBER_HOME:
    case MEMBER_REQUESTER:
    case MEMBER_ADMINISTRATOR:
    case MEMBER_WITNESS:
        break;
    case MEMBER_OUTSIDER:
        return governance_outsider(governance, &object->id) != NULL ? ERR_OK : ERR_DENY_ROLE;
    case MEMBER_OFFICER:
        return verify_officer(object, member, sponsor);
    }
    return sponsor == NULL ? verify_founder(&governance->founding, member)
                           : verify_joined(object, member, sponsor);
}

/* Where it belongs, how long it lives, and the signatures that each has. An officer has no node of
 * its own: the outsider's need not sign for it. */
static enum err verify_common(const struct id *community, const struct signed_object *object,
                              const struct member *member) {
    int64_t life = member->head.expires.ms - member->head.created.ms;
    if (object->kind != OBJECT_MEMBER || !id_equal(&member->head.community, community) ||
        life > (int64_t)CERTIFICATE_LIFE_MAX_DAYS * DURATION_DAY_MS) {
        return ERR_PEER_CERTIFICATE;
    }
    bool by_node = member->role == MEMBER_OFFICER || signed_by(object, &member->node);
    return by_node && owners_signed(object, member) ? ERR_OK : ERR_PEER_SIGNATURE;
}

enum err chain_verify(const struct governance *governance, const struct bytes *chain, size_t count,
                      struct instant now, struct member *leaf_out, struct id *leaf_id) {
    struct signed_object object = {0};
    struct member members[2]; /* the sponsor and the one that it sponsors, in turn */
    struct above above = {.count = 0};
    enum err err = count == 0 || count > CHAIN_PARTS_MAX ? ERR_PEER_CERTIFICATE : ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count;) {
        struct member *member = &members[above.count % 2];
        const struct member *sponsor = above.count == 0 ? NULL : &members[(above.count + 1) % 2];
        const struct id none = {{0}};
        const struct id *sponsor_id = above.count == 0 ? &none : &above.ids[above.count - 1];
        err = above.count == CHAIN_MAX ? ERR_PEER_CERTIFICATE : signed_decode(chain[i++], &object);
        if (err == ERR_OK) {
            err = member_decode(object.body, member);
        }
        if (err == ERR_OK && !id_equal(&member->head.author, sponsor_id)) {
            err = ERR_PEER_CERTIFICATE;
        }
        if (err == ERR_OK) {
            err = member_verify(governance, &object, member, sponsor);
        }
        if (err != ERR_OK) {
            break;
        }
        above.ids[above.count] = object.id;
        above.created[above.count] = member->head.created;
        above.nodes[above.count++] = member->node;
        struct instant ends = governance_ends(governance, &object.id, member->head.expires);
        bool renewed = i < count && signed_decode(chain[i], &object) == ERR_OK &&
                       object.kind == OBJECT_RENEWAL;
        above.outside |= member->role == MEMBER_OUTSIDER;
        err = renewed ? verify_renewal(governance, chain[i++], &above, &ends) : ERR_OK;
        if (err == ERR_OK && instant_reached(now, ends)) {
            err = ERR_DENY_EXPIRED;
        }
    }
    if (err == ERR_OK && is_removed(governance, &above, now)) {
        err = ERR_DENY_REMOVED;
    }
    if (err == ERR_OK && above.outside && !governance_lets_ask(governance, &above.ids[0], now)) {
        err = ERR_DENY_SUSPENDED;
    }
    if (err == ERR_OK) {
        *leaf_out = members[(above.count - 1) % 2];
        *leaf_id = above.ids[above.count - 1];
    }
    return err;
}

/* The newest of `above` is what it renews; whoever stands before it there may, and a founder,
 * before whom nobody stands, itself. Administrators alone put off an outsider's end. */
static enum err verify_renewal(const struct governance *governance, struct bytes bytes,
                               const struct above *above, struct instant *ends) {
    struct signed_object object;
    struct renewal renewal;
    bool good = false;
    enum err err = above->outside ? ERR_PEER_CERTIFICATE : signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = renewal_decode(object.body, &renewal);
    }
    if (err != ERR_OK) {
        return err;
    }
    size_t renewers = above->count == 1 ? 1 : above->count - 1;
    for (size_t i = 0; i < renewers && !good; i++) {
        good =
            id_equal(&renewal.head.author, &above->ids[i]) && signed_by(&object, &above->nodes[i]);
    }
    if (!good || !id_equal(&renewal.member, &above->ids[above->count - 1]) ||
        !id_equal(&renewal.head.community, &governance->community)) {
        return ERR_PEER_CERTIFICATE;
    }
    *ends = renewal.head.expires.ms > ends->ms ? renewal.head.expires : *ends;
    return ERR_OK;
}

/* A founder is an administrator of the charter, who owns that home and has signed as such. */
static enum err verify_founder(const struct charter *charter, const struct member *member) {
    if (member->role != MEMBER_ADMINISTRATOR ||
        member->invite_allowance > charter->invite_allowance) {
        return ERR_PEER_CERTIFICATE;
    }
    /* Every owner's signature is checked by now. */
    return charter_has_member(charter, member) ? ERR_OK : ERR_PEER_CERTIFICATE;
}

/* Invite by an owner of the sponsor, use of its secret, and the sponsor's node: the three together
 * are the sponsor's word that this is whom it brought. */
static enum err verify_joined(const struct signed_object *object, const struct member *member,
                              const struct member *sponsor) {
    struct signed_object signed_invite;
    struct invite invite;
    enum err err = signed_decode(member->invite, &signed_invite);
    if (err == ERR_OK && signed_invite.kind != OBJECT_INVITE) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK) {
        err = invite_decode(signed_invite.body, &invite);
    }
    if (err != ERR_OK) {
        return ERR_PEER_CERTIFICATE;
    }
    if (!signed_by_owner(&signed_invite, sponsor) || !signed_by(object, &invite.key) ||
        !signed_by(object, &sponsor->node)) {
        return ERR_PEER_SIGNATURE;
    }
    if (!id_equal(&invite.head.community, &member->head.community) ||
        !id_equal(&invite.head.author, &member->head.author) ||
        member->head.created.ms < invite.head.created.ms ||
        member->head.created.ms >= invite.head.expires.ms) {
        return ERR_PEER_CERTIFICATE;
    }
    /* An outsider may only ask: it brings nobody in. */
    bool may_sponsor = (sponsor->role == MEMBER_HOME || sponsor->role == MEMBER_ADMINISTRATOR) &&
                       sponsor->invite_allowance > 0;
    if (!may_sponsor || member->role != invite.role || invite.role == MEMBER_ADMINISTRATOR ||
        member->invite_allowance > invite.invite_allowance ||
        invite.invite_allowance > sponsor->invite_allowance) {
        return ERR_DENY_ROLE;
    }
    return ERR_OK;
}

/* At the very node of its outsider, one of whose owners has signed, and for no longer. */
static enum err verify_officer(const struct signed_object *object, const struct member *member,
                               const struct member *outsider) {
    bool at_node = outsider != NULL && sign_public_equal(&member->node, &outsider->node) &&
                   sign_public_equal(&member->log, &outsider->log) &&
                   box_public_equal(&member->transport, &outsider->transport);
    if (!at_node || outsider->role != MEMBER_OUTSIDER ||
        member->head.expires.ms > outsider->head.expires.ms) {
        return ERR_PEER_CERTIFICATE;
    }
    return signed_by_owner(object, outsider) ? ERR_OK : ERR_PEER_SIGNATURE;
}

static bool owners_signed(const struct signed_object *object, const struct member *member) {
    for (size_t i = 0; i < member->owner_count; i++) {
        if (!signed_by(object, &member->owners[i].sign)) {
            return false;
        }
    }
    return member->owner_count > 0;
}

static bool signed_by_owner(const struct signed_object *object, const struct member *member) {
    for (size_t i = 0; i < member->owner_count; i++) {
        if (signed_by(object, &member->owners[i].sign)) {
            return true;
        }
    }
    return false;
}
