/* Whether an object that came by gossip counts here (PROTOCOL 5.1): what its kind, its author's
 * standing and the shares of all allow. */
#include <string.h>

#include "node/core/parts.h"

static enum err judge_head(struct core *core, const struct signed_object *object,
                           const struct head *head);
static enum err judge_member(struct core *core, const struct signed_object *object);
static enum err judge_standing(const struct core *core, enum object_kind kind,
                               const struct id *author);
static bool passes_from_outside(enum object_kind kind);
static enum err judge_kind(struct core *core, const struct signed_object *object,
                           const struct head *head, const struct member *author,
                           struct request *request);
static enum err judge_request(struct core *core, const struct signed_object *object,
                              const struct member *author, struct request *out);
static enum err judge_record(struct core *core, const struct signed_object *object,
                             const struct head *head, const struct member *author);
static enum err judge_commitment(struct core *core, const struct signed_object *object,
                                 const struct head *head);
static enum err judge_quota(struct core *core, enum object_kind kind, const struct head *head,
                            uint64_t most);
static bool signed_by_member(const struct signed_object *object, const struct member *member);

enum err gossip_judge(struct core *core, const struct signed_object *object,
                      const struct head *head, const struct rate_object *load, struct bytes bytes,
                      struct request *request) {
    enum err err = judge_head(core, object, head);
    if (err == ERR_OK && !rate_allows(core->rate, load, core->now.mono)) {
        err = ERR_DENY_QUOTA;
    }
    if (err != ERR_OK) {
        return err;
    }
    if (object->kind == OBJECT_ACT) {
        return acts_judge(core, object, bytes);
    }
    if (object->kind == OBJECT_MEMBER) {
        return judge_member(core, object);
    }
    const struct member *author = community_find(core->community, &head->author);
    if (author == NULL || !community_counts(core->community, &head->author)) {
        return ERR_PEER_UNKNOWN; /* its certificate may be on the way: ask again later */
    }
    err = judge_standing(core, object->kind, &head->author);
    return err == ERR_OK ? judge_kind(core, object, head, author, request) : err;
}

/* What is asked of a place that is not ours, but of a treaty's other side, is live here too: it is
 * from here that it crosses. */
enum err gossip_judge_rules(struct core *core, const struct id *id, const struct request *request,
                            const struct asker *asker) {
    const bool elsewhere = border_lets(core, request, asker->role);
    size_t rule = 0;
    enum err err =
        requests_judge(core->requests, id, request, asker, community_charter(core->community),
                       elsewhere, core->now.wall, &rule);
    if (err == ERR_PEER_RULE || err == ERR_DENY_CAP || err == ERR_DENY_TIME ||
        err == ERR_DENY_OTHERS) {
        struct log_entry refused = {
            .kind = LOG_REQUEST_REFUSED, .at = core->now.wall, .a = *id, .numbers = {rule + 1}};
        bool room = false;
        enum err logged = withheld_has_room(core, request, &room);
        if (logged != ERR_OK || !room ||
            !requests_refuse(core->requests, id, &asker->account, core->now)) {
            return logged == ERR_OK ? err : logged;
        }
        logged = withheld_record(core, request, &refused, NULL);
        core_journal(core, "info request: refused rule=%s", legal_rule_at(rule)->id);
        return logged == ERR_OK ? err : logged;
    }
    bool room = true;
    if (err == ERR_OK) {
        err = withheld_has_room(core, request, &room);
    }
    return err == ERR_OK && !room ? ERR_DENY_QUOTA : err;
}

/* Every home comes to the same one, whatever came first. */
enum err gossip_judge_newest(struct core *core, const struct signed_object *object,
                             const struct head *head) {
    struct store_object newest;
    enum err err = store_object_newest(core->store, object->kind, &head->author, &newest);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    const struct sync_key old = {newest.created, newest.id};
    const struct sync_key new = {head->created, object->id};
    return sync_key_compare(&old, &new) < 0 ? ERR_OK : ERR_DENY_QUOTA;
}

bool signed_by_owner(const struct signed_object *object, const struct member *member) {
    bool good = false;
    for (size_t i = 0; i < member->owner_count && !good; i++) {
        good = signed_by(object, &member->owners[i].sign);
    }
    return good;
}

static enum err judge_head(struct core *core, const struct signed_object *object,
                           const struct head *head) {
    if (!id_equal(&head->community, community_id(core->community))) {
        return ERR_PEER_CERTIFICATE;
    }
    if (!standing_lasts(object->kind) && head->expires.ms - head->created.ms > OBJECT_LIFE_MAX_MS) {
        return ERR_PEER_BOUNDS;
    }
    if (head->created.ms > core->now.wall.ms + FUTURE_MAX_MS) {
        return ERR_DENY_TIME;
    }
    /* Others may hang on a certificate that has ended. */
    return object->kind != OBJECT_MEMBER && instant_reached(core->now.wall, head->expires)
               ? ERR_DENY_EXPIRED
               : ERR_OK;
}

static enum err judge_member(struct core *core, const struct signed_object *object) {
    struct member member;
    enum err err = member_decode(object->body, &member);
    if (err == ERR_OK && member.role == MEMBER_OUTSIDER) {
        return ERR_PEER_UNKNOWN; /* an act brings it, and nothing else does */
    }
    return err == ERR_OK ? community_admit(core->community, object, &member) : err;
}

/* May this author say such a thing at all, and today? */
static enum err judge_standing(const struct core *core, enum object_kind kind,
                               const struct id *author) {
    bool outside = community_is_outside(core->community, author);
    if (outside && !passes_from_outside(kind)) {
        return ERR_DENY_ROLE;
    }
    /* What decides who is a member counts whatever became of its author: all come to the same. */
    if (kind == OBJECT_REMOVAL || kind == OBJECT_RENEWAL ||
        community_in_standing(core->community, author, core->now.wall)) {
        return ERR_OK;
    }
    return outside && !community_is_removed(core->community, author, NULL) ? ERR_DENY_SUSPENDED
                                                                           : ERR_DENY_EXPIRED;
}

/* An outsider asks, takes back, tells what became of what it got, and takes back its officers. */
static bool passes_from_outside(enum object_kind kind) {
    return kind == OBJECT_REQUEST || kind == OBJECT_WITHDRAWAL ||
           kind == OBJECT_RECEIPT_COMMITMENT || kind == OBJECT_DELETION_RECEIPT ||
           kind == OBJECT_REMOVAL;
}

/* What each kind's own rules say. */
static enum err judge_kind(struct core *core, const struct signed_object *object,
                           const struct head *head, const struct member *author,
                           struct request *request) {
    enum err err = ERR_OK;
    switch (object->kind) {
    case OBJECT_REQUEST:
        return judge_request(core, object, author, request);
    case OBJECT_NODE_RECORD:
        return judge_record(core, object, head, author);
    case OBJECT_RECEIPT_COMMITMENT:
    case OBJECT_DELETION_RECEIPT:
        return signed_by(object, &author->node) ? judge_commitment(core, object, head)
                                                : ERR_PEER_SIGNATURE;
    case OBJECT_WITHDRAWAL:
        err = taken_back_judge(core, object, author);
        return err == ERR_OK ? judge_quota(core, object->kind, head, WITHDRAWALS_MAX) : err;
    case OBJECT_CALL_BACK:
        return called_judge(core, object, author);
    case OBJECT_ENDORSEMENT:
        return acts_judge_endorsement(core, object, head, author);
    case OBJECT_REMOVAL:
        return standing_judge_removal(core, object, head, author);
    case OBJECT_RENEWAL:
        return standing_judge_renewal(core, object, head, author);
    case OBJECT_ROLL:
        return rolls_judge(core, object, head, author);
    case OBJECT_GATEWAY:
        return gateway_judge(core, object, head, author);
    case OBJECT_CROSSING:
        return border_judge_crossing(core, object, author);
    case OBJECT_UNKNOWN: /* of a later version: passed on, so that old homes do not split us */
        return signed_by_member(object, author)
                   ? judge_quota(core, object->kind, head, UNKNOWNS_MAX)
                   : ERR_PEER_SIGNATURE;
    case OBJECT_CHARTER:
    case OBJECT_MEMBER:
    case OBJECT_ACT:
    case OBJECT_INVITE:
    case OBJECT_DECISION:
    case OBJECT_GRANT:
    case OBJECT_RECEIPT:
    case OBJECT_MANIFEST:
    case OBJECT_CAMERA_LIST:
        break;
    }
    return ERR_PEER_SEQUENCE; /* these never travel by gossip */
}

static enum err judge_request(struct core *core, const struct signed_object *object,
                              const struct member *author, struct request *out) {
    struct asker asker;
    enum err err = request_decode(object->body, out);
    if (err == ERR_OK && (!signed_by_owner(object, author) ||
                          !box_public_equal(&out->transport, &author->transport))) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err != ERR_OK) {
        return err;
    }
    asker_of(community_governance(core->community), &out->head.author, author, &asker);
    return gossip_judge_rules(core, &object->id, out, &asker);
}

static enum err judge_record(struct core *core, const struct signed_object *object,
                             const struct head *head, const struct member *author) {
    struct node_record record;
    enum err err = node_record_decode(object->body, &record);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    return err == ERR_OK ? gossip_judge_newest(core, object, head) : err;
}

static enum err judge_commitment(struct core *core, const struct signed_object *object,
                                 const struct head *head) {
    bool ends = false;
    enum err err = owed_is_ended_by(core, object, &ends);
    return err != ERR_OK || ends ? err : judge_quota(core, object->kind, head, COMMITMENTS_MAX);
}

/* One author must not fill what all share (P11). */
static enum err judge_quota(struct core *core, enum object_kind kind, const struct head *head,
                            uint64_t most) {
    uint64_t live = 0;
    enum err err = store_object_count(core->store, kind, &head->author, core->now.wall, &live);
    return err == ERR_OK && live >= most ? ERR_DENY_QUOTA : err;
}

static bool signed_by_member(const struct signed_object *object, const struct member *member) {
    return signed_by(object, &member->node) || signed_by_owner(object, member);
}
