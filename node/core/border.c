/* What crosses between communities by treaty (PROTOCOL 4.14).
 *
 * This home may have a part in it three times: as a gateway it carries what its own community's
 * members ask over to its node in the other one; there that node says it on; and as any home of a
 * community that is asked, it judges what is said so, and trusts no gateway. Who grants to somebody
 * elsewhere shows that it is a member here. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    TREATY_LINGERS_MS = 15 * DURATION_DAY_MS, /* its rolls still cross: they say that it is over */
    RANK_MAX = 4, /* whoever says that it carries cannot make others wait for ever */
    SEEN_MAX = 64,
    GATEWAY_LIFE_MS = 2 * DURATION_DAY_MS,
    GATEWAY_RENEW_MS = DURATION_DAY_MS,
    DIAL_AGAIN_MS = 5000,
    DIAL_AGAIN_MAX_MS = 300000,
    CARRIED_MAX = 14 * 1024, /* object, chain and roll: with the rest they fit into gossip */
};

struct ranking { /* of this home among the gateways that may carry one object */
    const struct core *core;
    struct id treaty, object;
    unsigned before;
    size_t seen_count;
    struct id seen[SEEN_MAX]; /* each home counts once */
};

struct own_objects { /* of this community, that may have to cross */
    const struct core *core;
    size_t count;
    struct {
        struct id id;
        enum object_kind kind;
    } list[CARRIES_MAX];
};

struct own_gateway { /* the newest one of ours for a treaty */
    struct id treaty;
    struct instant created;
    bool found;
};

static enum err visit_crossing(void *context, const struct store_object *row);
static enum err visit_own(void *context, const struct store_object *row);
static const struct sibling *sibling_of(const struct core *core, const struct id *community);
static enum err judge_crossed(struct core *core, const struct crossing *crossing);
static enum err take_crossed_request(struct core *core, const struct crossing *crossing,
                                     struct bytes bytes);
static enum err take_crossed_withdrawal(struct core *core, const struct crossing *crossing);
static enum err take_roll(struct core *core, const struct id *treaty, const struct roll *roll,
                          const struct id *by);
static enum err end_of_removed(struct core *core, const struct roll *roll, const struct id *author,
                               const struct id *by);
static bool is_newer(const struct far_roll *far, const struct roll *roll);
static bool keep_far(struct far_roll *far, const struct roll *roll);
static struct far_roll *newest_far(struct core *core, const struct id *treaty);
static bool is_removed_there(const struct far_roll *far, const struct id *certificate);
static bool lets_object(struct core *core, const struct agreed *agreed, const struct id *id,
                        enum object_kind kind);
static enum err visit_gateway(void *context, const struct store_object *row);
static enum err rank(struct core *core, const struct id *treaty, const struct id *object,
                     unsigned *out);
static void keep_carry(struct core *core, const struct carry *carry);
static enum err carry(struct core *core, struct carry *one);
static enum err dial(struct core *core, const struct sibling *sibling, struct carry *one);
static struct link *link_to(struct core *core, const struct id *community, bool open);
static enum err send_carry(struct core *core, struct link *link, struct carry *one);
static enum err take_carry(struct core *core, struct link *link,
                           const struct link_message *message);
static enum err say_on(struct core *core, const struct link_message *message,
                       const struct head *inner);
static bool door_between(const struct core *core, const struct sibling *sibling,
                         const struct id *community, uint32_t tag, struct transport_door_key *out);
static enum err publish_gateway(struct core *core, const struct id *treaty);
static enum err visit_own_gateway(void *context, const struct store_object *row);

/* ---- treaties ---- */

bool border_lets(const struct core *core, const struct request *request, enum member_role role) {
    const struct governance *governance = community_governance(core->community);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed =
            governance_treaty(governance, &governance->treaties[i].id, core->now.wall);
        if (agreed != NULL &&
            treaty_crosses(&agreed->treaty, &governance->community, request, role) == ERR_OK) {
            return true;
        }
    }
    return false;
}

bool border_lingers(const struct core *core, const struct agreed *agreed) {
    const struct duration lingers = {TREATY_LINGERS_MS};
    bool ended = agreed->ended_by != 0 && agreed->ended.ms < agreed->treaty.until.ms;
    struct instant over = ended ? agreed->ended : agreed->treaty.until;
    return agreed->by != 0 && !instant_reached(core->now.wall, instant_add(over, lingers));
}

static const struct sibling *sibling_of(const struct core *core, const struct id *community) {
    for (size_t i = 0; i < core->config.siblings.count; i++) {
        if (id_equal(&core->config.siblings.list[i].community, community)) {
            return &core->config.siblings.list[i];
        }
    }
    return NULL;
}

/* ---- start ---- */

enum err border_load(struct core *core) {
    enum err err = store_object_each(core->store, OBJECT_CROSSING, visit_crossing, core);
    return err == ERR_OK ? border_carry_all(core) : err;
}

enum err border_carry_all(struct core *core) {
    if (core->config.siblings.count == 0) {
        return ERR_OK;
    }
    struct own_objects *own = calloc(1, sizeof *own);
    if (own == NULL) {
        return ERR_HOST_MEMORY;
    }
    own->core = core;
    enum err err = store_object_each(core->store, OBJECT_UNKNOWN, visit_own, own);
    for (size_t i = 0; err == ERR_OK && i < own->count; i++) {
        err = border_accepted(core, &own->list[i].id, own->list[i].kind);
    }
    free(own);
    return err;
}

static enum err visit_crossing(void *context, const struct store_object *row) {
    struct core *core = context;
    struct signed_object object;
    struct signed_object inner;
    struct crossing crossing;
    struct roll roll;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK) {
        err = signed_decode(crossing.membership.roll, &inner);
    }
    if (err == ERR_OK) {
        err = roll_decode(inner.body, &roll);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    struct far_roll *far = newest_far(core, &crossing.treaty);
    if (far != NULL) {
        (void)keep_far(far, &roll);
    }
    return ERR_OK;
}

/* What may have to cross still: the far side knows what has. */
static enum err visit_own(void *context, const struct store_object *row) {
    struct own_objects *own = context;
    const struct core *core = own->core;
    bool crosses = (row->kind == OBJECT_REQUEST || row->kind == OBJECT_WITHDRAWAL) &&
                   community_find(core->community, &row->author) != NULL;
    bool roll = row->kind == OBJECT_ROLL && id_equal(&row->id, &core->border->known.roll);
    if ((crosses || roll) && own->count < COUNT_OF(own->list)) {
        own->list[own->count].id = row->id;
        own->list[own->count++].kind = row->kind;
    }
    return ERR_OK;
}

/* ---- crossings that come ---- */

enum err border_judge_gateway(struct core *core, const struct signed_object *object,
                              const struct head *head, const struct member *author) {
    struct gateway gateway;
    uint64_t live = 0;
    enum err err = gateway_decode(object->body, &gateway);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK && governance_treaty(community_governance(core->community), &gateway.treaty,
                                           core->now.wall) == NULL) {
        err = ERR_DENY_TREATY;
    }
    if (err == ERR_OK) {
        err = store_object_count(core->store, OBJECT_GATEWAY, &head->author, core->now.wall, &live);
    }
    return err == ERR_OK && live >= GATEWAYS_OF_ONE ? ERR_DENY_QUOTA : err;
}

enum err border_judge_crossing(struct core *core, const struct signed_object *object,
                               const struct head *head, const struct member *author) {
    struct crossing crossing;
    struct signed_object inner;
    struct store_object row;
    uint64_t live = 0;
    enum err err = crossing_decode(object->body, &crossing);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = signed_decode(crossing.object, &inner);
    }
    if (err == ERR_OK) {
        err = store_object_get(core->store, &inner.id, &row);
        err = err == ERR_OK ? ERR_PEER_REPEATED : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    if (err == ERR_OK && inner.kind != OBJECT_ROLL) { /* of those the newest alone crosses */
        err =
            store_object_count(core->store, OBJECT_CROSSING, &head->author, core->now.wall, &live);
    }
    if (err == ERR_OK && live >= CROSSINGS_OF_ONE) {
        err = ERR_DENY_QUOTA;
    }
    if (err == ERR_OK) {
        err = crossing_verify(community_governance(core->community), &crossing, core->now.wall,
                              &core->border->crossed);
    }
    return err == ERR_OK ? judge_crossed(core, &crossing) : err;
}

/* What only this community can say. */
static enum err judge_crossed(struct core *core, const struct crossing *crossing) {
    const struct crossed *crossed = &core->border->crossed;
    const struct roll *roll = &crossed->author.roll;
    const struct agreed *agreed =
        governance_treaty(community_governance(core->community), &crossing->treaty, core->now.wall);
    const struct far_roll *far = newest_far(core, &crossing->treaty);
    const struct instant since = {crossing->head.created.ms - DURATION_DAY_MS};
    struct asker asker;
    uint64_t today = 0;
    if (far == NULL) {
        return ERR_FULL_TABLE;
    }
    if (crossed->object.kind == OBJECT_ROLL) {
        return is_newer(far, roll) ? ERR_OK : ERR_DENY_TIME;
    }
    if (far->created.ms > 0 && !far->names) {
        return ERR_DENY_TREATY;
    }
    if (is_removed_there(far, &crossed->author.certificate)) {
        return ERR_DENY_EXPIRED;
    }
    if (crossed->object.kind == OBJECT_WITHDRAWAL) {
        bool over = false;
        enum err err = taken_back(core, &crossed->withdrawal.request, &over);
        return err != ERR_OK ? err
               : over        ? ERR_PEER_REPEATED
                             : taken_back_judge(core, &crossed->object, &crossed->author.member);
    }
    enum err err =
        store_crossed_count(core->store, &crossing->treaty, since, crossing->head.created, &today);
    if (err == ERR_OK && today >= agreed->treaty.daily) {
        err = ERR_DENY_QUOTA;
    }
    if (err != ERR_OK) {
        return err;
    }
    treaty_asker(community_governance(core->community), agreed, &crossed->author, &asker);
    return gossip_judge_rules(core, &crossed->object.id, &crossed->request, &asker);
}

enum err border_crossed(struct core *core, struct bytes bytes) {
    const struct crossed *crossed = &core->border->crossed;
    struct signed_object object;
    struct crossing crossing;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK && crossed->object.kind == OBJECT_REQUEST) {
        err = take_crossed_request(core, &crossing, bytes);
    } else if (err == ERR_OK && crossed->object.kind == OBJECT_WITHDRAWAL) {
        err = take_crossed_withdrawal(core, &crossing);
    }
    return err == ERR_OK ? take_roll(core, &crossing.treaty, &crossed->author.roll, &object.id)
                         : err;
}

/* From here on it is a request like any other; only that it is not passed on by itself. */
static enum err take_crossed_request(struct core *core, const struct crossing *crossing,
                                     struct bytes bytes) {
    const struct crossed *crossed = &core->border->crossed;
    const struct request *request = &crossed->request;
    const struct store_object row = {.id = crossed->object.id,
                                     .kind = OBJECT_REQUEST,
                                     .author = request->head.author,
                                     .created = request->head.created,
                                     .expires = request->head.expires,
                                     .object = crossing->object};
    const struct store_crossed kept = {.request = row.id,
                                       .treaty = crossing->treaty,
                                       .at = crossing->head.created,
                                       .crossing = bytes};
    uint64_t index = 0;
    enum err err = gossip_record_request(core, &row.id, request, &index);
    if (err == ERR_OK) {
        err = store_request_add(core->store, &row, index, request->terms.delete_by);
    }
    if (err == ERR_OK) {
        err = store_crossed_add(core->store, &kept);
    }
    return err == ERR_OK ? gossip_after_request(core, request, &row) : err;
}

static enum err take_crossed_withdrawal(struct core *core, const struct crossing *crossing) {
    const struct crossed *crossed = &core->border->crossed;
    const struct head *head = &crossed->withdrawal.head;
    const struct store_object row = {.id = crossed->object.id,
                                     .kind = OBJECT_WITHDRAWAL,
                                     .author = head->author,
                                     .created = head->created,
                                     .expires = head->expires,
                                     .object = crossing->object};
    enum err err = store_object_add(core->store, &row);
    return err == ERR_OK ? taken_back_withdrawn(core, &crossed->object) : err;
}

static enum err take_roll(struct core *core, const struct id *treaty, const struct roll *roll,
                          const struct id *by) {
    struct far_roll *far = newest_far(core, treaty);
    enum err err = ERR_OK;
    if (far == NULL || !keep_far(far, roll)) {
        return ERR_OK;
    }
    for (size_t i = 0; err == ERR_OK && i < roll->removed_count; i++) {
        err = end_of_removed(core, roll, &roll->removed[i], by);
    }
    return err;
}

struct few { /* requests of one author: a charter lets at most 10 live */
    size_t count;
    struct id ids[16];
};

static enum err visit_request(void *context, const struct id *id) {
    struct few *few = context;
    if (few->count < COUNT_OF(few->ids)) {
        few->ids[few->count++] = *id;
    }
    return ERR_OK;
}

/* A roll has a say about requests of its own community alone. */
static enum err end_of_removed(struct core *core, const struct roll *roll, const struct id *author,
                               const struct id *by) {
    struct few few = {.count = 0};
    struct request request;
    enum err err = requests_each_of(core->requests, author, visit_request, &few);
    for (size_t i = 0; err == ERR_OK && i < few.count; i++) {
        err = delivery_load_request(core, &few.ids[i], &request);
        if (err == ERR_OK && id_equal(&request.head.community, &roll->head.community)) {
            err = taken_back_with_author(core, &few.ids[i], by);
        }
    }
    return err;
}

/* False: it is not newer. */
static bool keep_far(struct far_roll *far, const struct roll *roll) {
    bool newer = is_newer(far, roll);
    if (newer) {
        far->created = roll->head.created;
        far->version = roll->version;
        far->names = roll_names(roll, &far->treaty);
        far->removed_count = roll->removed_count;
        memcpy(far->removed, roll->removed, sizeof far->removed);
    }
    return newer;
}

/* A clerk that was away says at first what it knew before: that takes the place of nothing newer,
 * unless it stays so, as when acts have lost. */
static bool is_newer(const struct far_roll *far, const struct roll *roll) {
    int64_t later = roll->head.created.ms - far->created.ms;
    return later > 0 &&
           (roll->version >= far->version || later > ROLL_LIFE_HOURS * (int64_t)DURATION_HOUR_MS);
}

static bool is_removed_there(const struct far_roll *far, const struct id *certificate) {
    for (size_t i = 0; i < far->removed_count; i++) {
        if (id_equal(&far->removed[i], certificate)) {
            return true;
        }
    }
    return false;
}

/* NULL: the table is full of treaties that stand. */
static struct far_roll *newest_far(struct core *core, const struct id *treaty) {
    const struct governance *governance = community_governance(core->community);
    struct border *border = core->border;
    size_t place = TREATIES_MAX;
    for (size_t i = 0; i < TREATIES_MAX; i++) {
        if (id_equal(&border->far[i].treaty, treaty)) {
            return &border->far[i];
        }
        if (governance_treaty(governance, &border->far[i].treaty, core->now.wall) == NULL) {
            place = i;
        }
    }
    if (place == TREATIES_MAX) {
        return NULL;
    }
    border->far[place] = (struct far_roll){.treaty = *treaty};
    return &border->far[place];
}

enum err border_author(struct core *core, const struct id *request, struct member *out) {
    struct store_crossed row;
    struct signed_object object;
    struct crossing crossing;
    enum err err = store_crossed_get(core->store, request, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.crossing, &object);
    }
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK) {
        err =
            signed_decode(crossing.membership.chain[crossing.membership.chain_count - 1], &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, out);
        out->invite = (struct bytes){NULL, 0};
    }
    return err;
}

/* ---- who grants to somebody elsewhere ---- */

enum err border_vouch(struct core *core, struct link *link, const struct id *request) {
    struct link_message *message = &core->message;
    struct store_crossed row;
    SCOPED(buffer_finish) struct buffer bytes = {.max = TRANSPORT_DATA_MAX};
    enum err err = store_crossed_get(core->store, request, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err; /* it is of our own community */
    }
    *message = (struct link_message){.kind = LINK_VOUCH};
    message->as.vouch.treaty = row.treaty;
    err = rolls_membership(core, &core->self, &bytes, &message->as.vouch.membership);
    return err == ERR_OK ? core_send(core, link, message) : err;
}

enum err border_take_vouch(struct core *core, struct link *link,
                           const struct link_message *message) {
    const struct governance *governance = community_governance(core->community);
    struct far_member home;
    struct request request;
    if (link->vouch.len > 0) {
        return ERR_PEER_SEQUENCE;
    }
    enum err err = delivery_load_request(core, &link->about, &request);
    const struct agreed *agreed =
        err == ERR_OK
            ? governance_treaty(governance, &message->as.vouch.treaty, request.head.created)
            : NULL; /* what crossed while it stood is answered after it too */
    if (agreed == NULL) {
        return err == ERR_OK ? ERR_DENY_TREATY : err;
    }
    err = membership_verify(treaty_far_side(&agreed->treaty, &governance->community),
                            &message->as.vouch.membership, core->now.wall, &home);
    if (err == ERR_OK) {
        err = link_encode(message, &link->vouch);
    }
    if (err == ERR_OK) {
        link->vouched = home.certificate;
    }
    return err;
}

/* ---- a gateway's part on the side that asks ---- */

enum err border_accepted(struct core *core, const struct id *id, enum object_kind kind) {
    const struct governance *governance = community_governance(core->community);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *far =
            border_lingers(core, agreed) ? treaty_far_side(&agreed->treaty, &governance->community)
                                         : NULL;
        unsigned place = 0;
        if (far == NULL || sibling_of(core, &far->community) == NULL ||
            !lets_object(core, agreed, id, kind)) {
            continue;
        }
        err = rank(core, &agreed->id, id, &place);
        const struct duration wait = {(int64_t)place * CARRY_RANK_MS};
        const struct carry one = {.used = true,
                                  .object = *id,
                                  .treaty = agreed->id,
                                  .to = far->community,
                                  .kind = kind,
                                  .ready = tick_add(core->now.mono, wait),
                                  .due = tick_add(core->now.mono, wait)};
        if (err == ERR_OK) {
            keep_carry(core, &one);
        }
    }
    return err;
}

static bool lets_object(struct core *core, const struct agreed *agreed, const struct id *id,
                        enum object_kind kind) {
    struct store_object row;
    struct signed_object object;
    struct withdrawal withdrawal;
    struct request request;
    if (kind == OBJECT_ROLL) {
        return true;
    }
    if (governance_treaty(community_governance(core->community), &agreed->id, core->now.wall) ==
            NULL ||
        store_object_get(core->store, id, &row) != ERR_OK ||
        instant_reached(core->now.wall, row.expires) ||
        signed_decode(row.object, &object) != ERR_OK) {
        return false;
    }
    if (kind == OBJECT_WITHDRAWAL) {
        return withdrawal_decode(object.body, &withdrawal) == ERR_OK &&
               lets_object(core, agreed, &withdrawal.request, OBJECT_REQUEST);
    }
    const struct member *author = community_find(core->community, &row.author);
    return object.kind == OBJECT_REQUEST && author != NULL &&
           request_decode(object.body, &request) == ERR_OK &&
           treaty_crosses(&agreed->treaty, community_id(core->community), &request, author->role) ==
               ERR_OK;
}

static void keep_carry(struct core *core, const struct carry *carry) {
    struct carry *place = NULL;
    for (size_t i = 0; i < CARRIES_MAX; i++) {
        struct carry *at = &core->border->carries[i];
        if (at->used && id_equal(&at->object, &carry->object) &&
            id_equal(&at->treaty, &carry->treaty)) {
            return;
        }
        place = at->used || place != NULL ? place : at;
    }
    if (place != NULL) { /* other gateways have room */
        *place = *carry;
    }
}

/* Among those whose word that they carry is live. */
static enum err rank(struct core *core, const struct id *treaty, const struct id *object,
                     unsigned *out) {
    struct ranking ranking = {.core = core, .treaty = *treaty, .object = *object};
    enum err err = store_object_each(core->store, OBJECT_GATEWAY, visit_gateway, &ranking);
    *out = ranking.before < RANK_MAX ? ranking.before : RANK_MAX;
    return err;
}

static enum err visit_gateway(void *context, const struct store_object *row) {
    struct ranking *ranking = context;
    const struct core *core = ranking->core;
    struct signed_object object;
    struct gateway gateway;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = gateway_decode(object.body, &gateway);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    bool counts = id_equal(&gateway.treaty, &ranking->treaty) &&
                  !instant_reached(core->now.wall, row->expires) &&
                  community_in_standing(core->community, &row->author, core->now.wall);
    for (size_t i = 0; i < ranking->seen_count; i++) {
        counts = counts && !id_equal(&ranking->seen[i], &row->author);
    }
    if (counts && ranking->seen_count < SEEN_MAX) {
        bool before = gateway_before(&ranking->treaty, &ranking->object, &row->author, &core->self);
        ranking->seen[ranking->seen_count++] = row->author;
        ranking->before += before ? 1 : 0;
    }
    return ERR_OK;
}

struct tick border_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; core->config.siblings.count > 0 && i < CARRIES_MAX; i++) {
        const struct carry *one = &core->border->carries[i];
        due = one->used ? tick_earliest(due, one->due) : due;
    }
    return due;
}

enum err border_tick(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; core->config.siblings.count > 0 && err == ERR_OK && i < CARRIES_MAX; i++) {
        struct carry *one = &core->border->carries[i];
        if (one->used && tick_reached(core->now.mono, one->due)) {
            err = carry(core, one);
        }
    }
    return err;
}

static enum err carry(struct core *core, struct carry *one) {
    const struct sibling *sibling = sibling_of(core, &one->to);
    struct store_object row;
    one->due = tick_add(core->now.mono, (struct duration){CARRY_AGAIN_MS});
    enum err err = store_object_get(core->store, &one->object, &row);
    if (err == ERR_USER_NOT_FOUND ||
        (err == ERR_OK && instant_reached(core->now.wall, row.expires))) {
        one->used = false;
        return ERR_OK;
    }
    struct link *link = err == ERR_OK ? link_to(core, &one->to, true) : NULL;
    if (err == ERR_OK && link != NULL) {
        err = send_carry(core, link, one);
    } else if (err == ERR_OK && link_to(core, &one->to, false) == NULL) {
        err = dial(core, sibling, one);
    }
    return core_is_fatal(err) ? err : ERR_OK;
}

static struct link *link_to(struct core *core, const struct id *community, bool open) {
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->purpose == PURPOSE_SIBLING &&
            (link->state == LINK_OPEN || !open) && id_equal(&link->about, community)) {
            return link;
        }
    }
    return NULL;
}

/* With longer and longer pauses: that node may be off. */
static enum err dial(struct core *core, const struct sibling *sibling, struct carry *one) {
    struct transport_door_key door;
    uint64_t link = 0;
    const size_t place = (size_t)(sibling - core->config.siblings.list);
    struct tick *again = &core->border->dial_due[place];
    unsigned *failed = &core->border->failed[place];
    if (!tick_reached(core->now.mono, *again)) { /* for what else waits for it */
        one->due = *again;
        return ERR_OK;
    }
    int64_t wait = DIAL_AGAIN_MS << (*failed < 6 ? *failed : 6);
    one->due = tick_add(core->now.mono,
                        (struct duration){wait < DIAL_AGAIN_MAX_MS ? wait : DIAL_AGAIN_MAX_MS});
    *again = one->due;
    (*failed)++;
    return door_between(core, sibling, &sibling->community, 0, &door)
               ? core_dial(core, PURPOSE_SIBLING, &sibling->community, sibling->address, &door,
                           &sibling->transport, (struct bytes){NULL, 0}, &link)
               : ERR_PEER_HANDSHAKE;
}

static enum err send_carry(struct core *core, struct link *link, struct carry *one) {
    struct link_message *message = &core->message;
    struct store_object row;
    SCOPED(buffer_finish) struct buffer object = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = TRANSPORT_DATA_MAX};
    enum err err = store_object_get(core->store, &one->object, &row);
    const struct id author = row.author;
    if (err == ERR_OK) {
        err = buffer_append(&object, row.object);
    }
    *message = (struct link_message){.kind = LINK_CARRY};
    message->as.carry.treaty = one->treaty;
    message->as.carry.object = buffer_bytes(&object);
    if (err == ERR_OK) {
        err = rolls_membership(core, &author, &bytes, &message->as.carry.membership);
    }
    if (err == ERR_OK && object.len + bytes.len > CARRIED_MAX) {
        core_journal(core, "warn border: too large to cross");
        one->used = false;
        return ERR_OK;
    }
    return err == ERR_OK ? core_send(core, link, message) : err;
}

/* ---- both nodes of a gateway ---- */

void border_doors(struct core *core) {
    for (size_t i = 0; i < core->config.siblings.count && core->door_count < TRANSPORT_DOORS_MAX;
         i++) {
        const struct sibling *sibling = &core->config.siblings.list[i];
        size_t place = core->door_count;
        if (door_between(core, sibling, community_id(core->community), (uint32_t)place,
                         &core->doors[place])) {
            core->door_refs[place].about = sibling->community;
            core->door_count++;
        }
    }
}

/* Only these two can make its secret. False: what is said to be a key is none. */
static bool door_between(const struct core *core, const struct sibling *sibling,
                         const struct id *community, uint32_t tag, struct transport_door_key *out) {
    uint8_t secret[32];
    bool good = box_agree(&core->config.keys.box, &sibling->transport, secret);
    if (good) {
        core_door(TRANSPORT_SIBLING, BYTES_OF(secret), community, tag, out);
    }
    secret_wipe(secret, sizeof secret);
    return good;
}

enum err border_established(struct core *core, struct link *link) {
    const struct sibling *sibling = sibling_of(core, &link->about);
    if (sibling == NULL || !box_public_equal(&sibling->transport, &link->peer_static)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (link->purpose == PURPOSE_SIBLING) {
        core->border->failed[sibling - core->config.siblings.list] = 0;
        for (size_t i = 0; i < CARRIES_MAX; i++) {
            struct carry *one = &core->border->carries[i];
            if (one->used && id_equal(&one->to, &link->about)) {
                one->due = tick_reached(core->now.mono, one->ready) ? core->now.mono : one->ready;
            }
        }
    }
    return ERR_OK;
}

enum err border_message(struct core *core, struct link *link, const struct link_message *message) {
    bool dialled = link->purpose == PURPOSE_SIBLING;
    switch ((int)message->kind) {
    case LINK_CARRY:
        return dialled ? ERR_PEER_SEQUENCE : take_carry(core, link, message);
    case LINK_ATTACHMENT_WANT:
        return dialled ? attachments_asked(core, link, message) : ERR_PEER_SEQUENCE;
    case LINK_ATTACHMENT_PIECE:
        return dialled ? ERR_PEER_SEQUENCE : attachments_came(core, link, message);
    case LINK_CARRIED:
        for (size_t i = 0; dialled && i < CARRIES_MAX; i++) {
            struct carry *one = &core->border->carries[i];
            one->used = one->used && !(id_equal(&one->object, &message->as.carried.object) &&
                                       id_equal(&one->treaty, &message->as.carried.treaty) &&
                                       id_equal(&one->to, &link->about));
        }
        return dialled ? ERR_OK : ERR_PEER_SEQUENCE;
    default:
        return ERR_PEER_SEQUENCE;
    }
}

/* ---- a gateway's part on the side that is asked ---- */

/* What cannot be said on now may be later, as when an act is on its way: then there is no answer.
 */
static enum err take_carry(struct core *core, struct link *link,
                           const struct link_message *message) {
    struct link_message carried = {.kind = LINK_CARRIED};
    struct signed_object inner;
    struct store_object row;
    struct head head;
    enum err err = signed_decode(message->as.carry.object, &inner);
    if (err == ERR_OK) {
        err = head_decode(inner.body, &head);
    }
    if (err != ERR_OK) {
        return err;
    }
    carried.as.carried.treaty = message->as.carry.treaty;
    carried.as.carried.object = inner.id;
    err = store_object_get(core->store, &inner.id, &row);
    if (err == ERR_USER_NOT_FOUND) {
        err = instant_reached(core->now.wall, head.expires) ? ERR_OK : say_on(core, message, &head);
    }
    if (core_is_fatal(err)) {
        return err;
    }
    core_journal(core, "info border: carried outcome=\"%s\"", err_text(err));
    bool later = err == ERR_DENY_TREATY || err == ERR_FULL_TABLE || err == ERR_DENY_QUOTA ||
                 err == ERR_DENY_CHARTER;
    return later ? ERR_OK : core_send(core, link, &carried);
}

static enum err say_on(struct core *core, const struct link_message *message,
                       const struct head *inner) {
    struct crossing crossing = {.treaty = message->as.carry.treaty,
                                .object = message->as.carry.object,
                                .membership = message->as.carry.membership};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    struct signed_object object;
    enum err verdict = ERR_OK;
    crossing.head = (struct head){.community = *community_id(core->community),
                                  .author = core->self,
                                  .created = inner->created.ms > core->now.wall.ms ? inner->created
                                                                                   : core->now.wall,
                                  .expires = inner->expires};
    enum err err = crossing_encode(&crossing, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_CROSSING, buffer_bytes(&body), &object);
        err = signed_add(&object, &core->config.keys.sign, &core->node_public);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, buffer_bytes(&bytes), (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

/* ---- upkeep ---- */

enum err border_keep_up(struct core *core) {
    const struct governance *governance = community_governance(core->community);
    enum err err = rolls_tick(core);
    for (size_t i = 0; err == ERR_OK && i < governance->treaty_count; i++) {
        const struct agreed *agreed =
            governance_treaty(governance, &governance->treaties[i].id, core->now.wall);
        const struct treaty_side *far =
            agreed == NULL ? NULL : treaty_far_side(&agreed->treaty, &governance->community);
        if (far != NULL && sibling_of(core, &far->community) != NULL &&
            community_in_standing(core->community, &core->self, core->now.wall)) {
            err = publish_gateway(core, &agreed->id);
        }
    }
    return err;
}

static enum err visit_own_gateway(void *context, const struct store_object *row) {
    struct own_gateway *newest = context;
    struct signed_object object;
    struct gateway gateway;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = gateway_decode(object.body, &gateway);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    if (id_equal(&gateway.treaty, &newest->treaty)) { /* in order of time */
        newest->found = true;
        newest->created = row->created;
    }
    return ERR_OK;
}

static enum err publish_gateway(struct core *core, const struct id *treaty) {
    struct own_gateway newest = {.treaty = *treaty};
    const struct duration life = {GATEWAY_LIFE_MS};
    SCOPED(buffer_finish) struct buffer body = {.max = 1024};
    struct gateway gateway = {.head = {.community = *community_id(core->community),
                                       .author = core->self,
                                       .created = core->now.wall,
                                       .expires = instant_add(core->now.wall, life)},
                              .treaty = *treaty};
    enum err err =
        store_object_each_of(core->store, OBJECT_GATEWAY, &core->self, visit_own_gateway, &newest);
    if (err != ERR_OK ||
        (newest.found && core->now.wall.ms - newest.created.ms < GATEWAY_RENEW_MS)) {
        return err;
    }
    err = gateway_encode(&gateway, &body);
    if (err == ERR_OK) {
        err = gossip_publish(core, OBJECT_GATEWAY, &gateway.head, &body);
    }
    return err == ERR_FULL_TABLE ? ERR_OK : err;
}
