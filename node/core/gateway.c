/* A home that is in both communities of a treaty carries what crosses (PROTOCOL 4.14): its node
 * here hands over what members of this community ask to its node in the other one, which says it on
 * there. Nobody has to trust it: see border.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    RANK_MAX = 4, /* whoever says that it carries cannot make others wait for ever */
    SEEN_MAX = 64,
    GATEWAY_LIFE_MS = 2 * DURATION_DAY_MS,
    GATEWAY_RENEW_MS = DURATION_DAY_MS,
    DIAL_AGAIN_MS = 5000,
    DIAL_AGAIN_MAX_MS = 300000,
    ROLL_PLACES = TREATIES_KEPT_MAX, /* the first, one for each treaty */
    CARRIED_MAX = 14 * 1024, /* object, chain and roll: with the rest they fit into gossip */
};

static_assert((int)ROLL_PLACES < (int)CARRIES_MAX, "what is asked has places too");

struct ranking { /* of this home among the gateways that may carry one object */
    const struct core *core;
    struct id treaty;
    size_t seen_count;
    struct {
        struct id home;
        struct sync_key key; /* of its newest word */
        bool carries;        /* by that */
    } seen[SEEN_MAX];        /* each home counts once */
};

struct own_objects { /* of this community, that may have to cross */
    const struct core *core;
    size_t count;
    struct {
        struct id id;
        enum object_kind kind;
    } list[CARRIES_MAX - ROLL_PLACES];
};

struct own_gateway { /* the newest one of ours for a treaty */
    struct id treaty;
    struct sync_key key;
    struct instant expires;
    bool found, ended;
};

static const struct sibling *sibling_of(const struct core *core, const struct id *community);
static enum err visit_own(void *context, const struct store_object *row);
static enum err lets_object(struct core *core, const struct agreed *agreed, struct instant since,
                            const struct id *id, bool *out);
static enum err lets_row(struct core *core, const struct agreed *agreed, struct instant since,
                         const struct store_object *row, bool *out);
static enum err keep_carry(struct core *core, const struct carry *wanted);
static struct carry *carry_place(struct core *core, const struct carry *wanted);
static enum err rank(struct core *core, const struct id *treaty, const struct id *object,
                     unsigned *out);
static enum err visit_gateway(void *context, const struct store_object *row);
static bool is_newer(const struct sync_key *key, const struct sync_key *than);
static enum err read_gateway(const struct store_object *row, struct gateway *out);
static void hasten(struct core *core, const struct id *to);
static enum err carry(struct core *core, struct carry *one);
static struct link *link_to(struct core *core, const struct id *community, bool open);
static enum err dial(struct core *core, const struct sibling *sibling, struct carry *one);
static enum err send_carry(struct core *core, struct link *link, struct carry *one);
static bool door_between(const struct core *core, const struct sibling *sibling,
                         const struct id *community, uint32_t tag, struct transport_door_key *out);
static enum err take_carried(struct core *core, const struct link *link,
                             const struct link_message *message);
static enum err take_carry(struct core *core, struct link *link,
                           const struct link_message *message);
static enum err say_on(struct core *core, const struct link_message *message,
                       const struct head *inner);
static enum err keep_words(struct core *core);
static enum err keep_word(struct core *core, const struct agreed *agreed);
static enum err publish(struct core *core, const struct own_gateway *newest, bool ended);
static enum err visit_own_gateway(void *context, const struct store_object *row);

/* ---- those who say that they are one ---- */

enum err gateway_judge(struct core *core, const struct signed_object *object,
                       const struct head *head, const struct member *author) {
    struct gateway gateway;
    uint64_t live = 0;
    enum err err = gateway_decode(object->body, &gateway);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK && governance_treaty(community_governance(core->community), &gateway.treaty,
                                           head->created) == NULL) {
        err = ERR_DENY_TREATY;
    }
    if (err == ERR_OK) {
        err = store_object_count(core->store, OBJECT_GATEWAY, &head->author, core->now.wall, &live);
    }
    return err == ERR_OK && live >= GATEWAYS_OF_ONE ? ERR_DENY_QUOTA : err;
}

/* ---- what has to cross ---- */

static const struct sibling *sibling_of(const struct core *core, const struct id *community) {
    for (size_t i = 0; i < core->config.siblings.count; i++) {
        if (id_equal(&core->config.siblings.list[i].community, community)) {
            return &core->config.siblings.list[i];
        }
    }
    return NULL;
}

enum err gateway_carry_all(struct core *core) {
    if (core->config.siblings.count == 0) {
        return ERR_OK;
    }
    struct own_objects *own = calloc(1, sizeof *own);
    if (own == NULL) {
        return ERR_HOST_MEMORY;
    }
    own->core = core;
    enum err err = core->border->known.created.ms > 0
                       ? gateway_accepted(core, &core->border->known.roll, OBJECT_ROLL)
                       : ERR_OK;
    if (err == ERR_OK) {
        err = store_object_each(core->store, OBJECT_UNKNOWN, visit_own, own);
    }
    for (size_t i = 0; err == ERR_OK && i < own->count; i++) {
        err = gateway_accepted(core, &own->list[i].id, own->list[i].kind);
    }
    free(own);
    return err;
}

/* What may have to cross still: the far side knows what has. */
static enum err visit_own(void *context, const struct store_object *row) {
    struct own_objects *own = context;
    const struct core *core = own->core;
    const struct member *author = community_find(core->community, &row->author);
    struct signed_object object;
    struct request request;
    bool crosses = row->kind == OBJECT_WITHDRAWAL;
    if (author != NULL && row->kind == OBJECT_REQUEST) {
        crosses = signed_decode(row->object, &object) == ERR_OK &&
                  request_decode(object.body, &request) == ERR_OK &&
                  border_lets(core, &request, author->role);
    }
    if (author != NULL && crosses && own->count < COUNT_OF(own->list)) {
        own->list[own->count].id = row->id;
        own->list[own->count++].kind = row->kind;
    }
    return ERR_OK;
}

enum err gateway_accepted(struct core *core, const struct id *id, enum object_kind kind) {
    const struct governance *governance = community_governance(core->community);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *far =
            border_lingers(agreed, core->now.wall)
                ? treaty_far_side(&agreed->treaty, &governance->community)
                : NULL;
        /* A roll says who is a member, and whether the treaty is in force: that crosses whatever it
         * says. */
        bool crosses = far != NULL && sibling_of(core, &far->community) != NULL;
        if (crosses && kind != OBJECT_ROLL) {
            const struct instant since = kind == OBJECT_WITHDRAWAL
                                             ? treaties_since(governance, agreed)
                                             : treaty_since(agreed);
            err = lets_object(core, agreed, since, id, &crosses);
        }
        if (err == ERR_OK && crosses) {
            const struct carry wanted = {.used = true,
                                         .object = *id,
                                         .treaty = agreed->id,
                                         .to = far->community,
                                         .kind = kind};
            err = keep_carry(core, &wanted);
        }
        if (crosses && kind == OBJECT_ROLL) {
            hasten(core, &far->community);
        }
    }
    return err;
}

static enum err keep_carry(struct core *core, const struct carry *wanted) {
    struct carry *place = carry_place(core, wanted);
    unsigned before = 0;
    if (place == NULL || (place->used && id_equal(&place->object, &wanted->object))) {
        return ERR_OK;
    }
    enum err err = rank(core, &wanted->treaty, &wanted->object, &before);
    if (err == ERR_OK) {
        const struct duration wait = {(int64_t)before * CARRY_RANK_MS};
        *place = *wanted;
        place->ready = tick_add(core->now.mono, wait);
        place->due = place->ready;
    }
    return err;
}

/* A request that was made since then, or the withdrawal of one. */
static enum err lets_object(struct core *core, const struct agreed *agreed, struct instant since,
                            const struct id *id, bool *out) {
    struct store_object row;
    *out = false;
    if (governance_treaty(community_governance(core->community), &agreed->id, core->now.wall) ==
        NULL) {
        return ERR_OK;
    }
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK && !instant_reached(core->now.wall, row.expires)) {
        return lets_row(core, agreed, since, &row, out);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static enum err lets_row(struct core *core, const struct agreed *agreed, struct instant since,
                         const struct store_object *row, bool *out) {
    struct signed_object object;
    struct withdrawal withdrawal;
    struct request request;
    const struct member *author = community_find(core->community, &row->author);
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK && row->kind == OBJECT_WITHDRAWAL) {
        err = withdrawal_decode(object.body, &withdrawal);
        return err == ERR_OK ? lets_object(core, agreed, since, &withdrawal.request, out)
                             : ERR_HOST_DATABASE;
    }
    if (err == ERR_OK && row->kind == OBJECT_REQUEST) {
        err = request_decode(object.body, &request);
        *out = err == ERR_OK && author != NULL && instant_reached(request.head.created, since) &&
               treaty_crosses(&agreed->treaty, community_id(core->community), &request,
                              author->role) == ERR_OK;
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

/* Of one treaty's rolls the newest alone, in a place of its own. NULL: the table is full, and other
 * gateways have room. */
static struct carry *carry_place(struct core *core, const struct carry *wanted) {
    const bool roll = wanted->kind == OBJECT_ROLL;
    const size_t end = roll ? ROLL_PLACES : CARRIES_MAX;
    struct carry *free = NULL;
    for (size_t i = roll ? 0 : ROLL_PLACES; i < end; i++) {
        struct carry *at = &core->border->carries[i];
        if (at->used && id_equal(&at->treaty, &wanted->treaty) &&
            (roll || id_equal(&at->object, &wanted->object))) {
            return at;
        }
        free = at->used || free != NULL ? free : at;
    }
    return free;
}

/* Among those whose word that they carry is live. */
static enum err rank(struct core *core, const struct id *treaty, const struct id *object,
                     unsigned *out) {
    struct ranking ranking = {.core = core, .treaty = *treaty};
    enum err err = store_object_each(core->store, OBJECT_GATEWAY, visit_gateway, &ranking);
    unsigned before = 0;
    for (size_t i = 0; i < ranking.seen_count; i++) {
        const struct id *home = &ranking.seen[i].home;
        bool first = ranking.seen[i].carries && gateway_before(treaty, object, home, &core->self);
        before += first ? 1 : 0;
    }
    *out = before < RANK_MAX ? before : RANK_MAX;
    return err;
}

/* Rows come as they came here. Of two words of one time all take the one with the greater id. */
static enum err visit_gateway(void *context, const struct store_object *row) {
    struct ranking *ranking = context;
    const struct core *core = ranking->core;
    const struct sync_key key = {row->created, row->id};
    struct gateway gateway;
    enum err err = read_gateway(row, &gateway);
    if (err != ERR_OK) {
        return err;
    }
    bool counts = id_equal(&gateway.treaty, &ranking->treaty) &&
                  !instant_reached(core->now.wall, row->expires) &&
                  community_in_standing(core->community, &row->author, core->now.wall);
    size_t at = 0;
    while (at < ranking->seen_count && !id_equal(&ranking->seen[at].home, &row->author)) {
        at++;
    }
    bool known = at < ranking->seen_count;
    if (counts && at < SEEN_MAX && (!known || is_newer(&key, &ranking->seen[at].key))) {
        ranking->seen_count += known ? 0 : 1;
        ranking->seen[at].home = row->author;
        ranking->seen[at].key = key;
        ranking->seen[at].carries = !gateway.ended;
    }
    return ERR_OK;
}

static bool is_newer(const struct sync_key *key, const struct sync_key *than) {
    return key->created.ms > than->created.ms ||
           (key->created.ms == than->created.ms && id_compare(&key->id, &than->id) > 0);
}

static enum err read_gateway(const struct store_object *row, struct gateway *out) {
    struct signed_object object;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = gateway_decode(object.body, out);
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

/* ---- the side that asks ---- */

struct tick gateway_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; core->config.siblings.count > 0 && i < CARRIES_MAX; i++) {
        const struct carry *one = &core->border->carries[i];
        due = one->used ? tick_earliest(due, one->due) : due;
    }
    return due;
}

enum err gateway_tick(struct core *core) {
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

/* ---- both sides ---- */

void gateway_doors(struct core *core) {
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
        doors_key(TRANSPORT_SIBLING, BYTES_OF(secret), community, tag, out);
    }
    secret_wipe(secret, sizeof secret);
    return good;
}

enum err gateway_established(struct core *core, struct link *link) {
    const struct sibling *sibling = sibling_of(core, &link->about);
    if (sibling == NULL || !box_public_equal(&sibling->transport, &link->peer_static)) {
        return ERR_PEER_CERTIFICATE;
    }
    if (link->purpose == PURPOSE_SIBLING) {
        core->border->failed[sibling - core->config.siblings.list] = 0;
        hasten(core, &link->about);
    }
    return ERR_OK;
}

/* What waits for a link, or for a roll to vouch for its author, need not wait longer. */
static void hasten(struct core *core, const struct id *to) {
    for (size_t i = 0; i < CARRIES_MAX; i++) {
        struct carry *one = &core->border->carries[i];
        if (one->used && id_equal(&one->to, to)) {
            one->due = tick_reached(core->now.mono, one->ready) ? core->now.mono : one->ready;
        }
    }
}

enum err gateway_message(struct core *core, struct link *link, const struct link_message *message) {
    bool dialled = link->purpose == PURPOSE_SIBLING;
    switch ((int)message->kind) {
    case LINK_CARRY:
        return dialled ? ERR_PEER_SEQUENCE : take_carry(core, link, message);
    case LINK_ATTACHMENT_WANT:
        return dialled ? attachments_asked(core, link, message) : ERR_PEER_SEQUENCE;
    case LINK_ATTACHMENT_PIECE:
        return dialled ? ERR_PEER_SEQUENCE : attachments_came(core, link, message);
    case LINK_CARRIED:
        return dialled ? take_carried(core, link, message) : ERR_PEER_SEQUENCE;
    default:
        return ERR_PEER_SEQUENCE;
    }
}

/* It is there, or never will be; and whether this home belongs there still. */
static enum err take_carried(struct core *core, const struct link *link,
                             const struct link_message *message) {
    const struct sibling *sibling = sibling_of(core, &link->about);
    for (size_t i = 0; i < CARRIES_MAX; i++) {
        struct carry *one = &core->border->carries[i];
        one->used = one->used && !(id_equal(&one->object, &message->as.carried.object) &&
                                   id_equal(&one->treaty, &message->as.carried.treaty) &&
                                   id_equal(&one->to, &link->about));
    }
    if (sibling == NULL) {
        return ERR_OK;
    }
    enum standing_there *there = &core->border->there[sibling - core->config.siblings.list];
    const enum standing_there before = *there;
    *there = message->as.carried.left ? THERE_LEFT : THERE_BELONGS;
    return *there == before ? ERR_OK : keep_words(core);
}

/* ---- the side that is asked ---- */

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
    carried.as.carried.left = !community_in_standing(core->community, &core->self, core->now.wall);
    err = store_object_get(core->store, &inner.id, &row);
    if (err == ERR_USER_NOT_FOUND) {
        err = instant_reached(core->now.wall, head.expires) ? ERR_OK : say_on(core, message, &head);
    }
    if (core_is_fatal(err)) {
        return err;
    }
    if (err != ERR_PEER_REPEATED) { /* a roll that only asks whether this home belongs */
        core_journal(core, "info border: carried outcome=\"%s\"", err_text(err));
    }
    bool later = err == ERR_DENY_TREATY || err == ERR_FULL_TABLE || err == ERR_DENY_QUOTA ||
                 err == ERR_DENY_CHARTER || err == ERR_DENY_TIME;
    return later && !carried.as.carried.left ? ERR_OK : core_send(core, link, &carried);
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
    enum err err = border_takes(core, &crossing); /* else nobody would */
    if (err == ERR_OK) {
        err = crossing_encode(&crossing, &body);
    }
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

/* With that the newest roll is carried over again: the answer says whether this home belongs there
 * still, as nobody else would. */
enum err gateway_keep_up(struct core *core) {
    enum err err = rolls_tick(core);
    if (err == ERR_OK) {
        err = keep_words(core);
    }
    return err == ERR_OK && core->config.siblings.count > 0 && core->border->known.created.ms > 0
               ? gateway_accepted(core, &core->border->known.roll, OBJECT_ROLL)
               : err;
}

/* Its word that it carries: where it has a node that belongs to the other side. */
static enum err keep_words(struct core *core) {
    const struct governance *governance = community_governance(core->community);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < governance->treaty_count; i++) {
        const struct agreed *agreed =
            governance_treaty(governance, &governance->treaties[i].id, core->now.wall);
        if (agreed != NULL && community_in_standing(core->community, &core->self, core->now.wall)) {
            err = keep_word(core, agreed);
        }
    }
    return err;
}

static enum err keep_word(struct core *core, const struct agreed *agreed) {
    const struct treaty_side *far = treaty_far_side(&agreed->treaty, community_id(core->community));
    const struct sibling *sibling = sibling_of(core, &far->community);
    const enum standing_there there =
        sibling == NULL ? THERE_LEFT : core->border->there[sibling - core->config.siblings.list];
    struct own_gateway newest = {.treaty = agreed->id};
    enum err err =
        store_object_each_of(core->store, OBJECT_GATEWAY, &core->self, visit_own_gateway, &newest);
    const bool carries = newest.found && !newest.ended;
    const bool is_fresh = core->now.wall.ms - newest.key.created.ms < GATEWAY_RENEW_MS;
    if (err != ERR_OK) {
        return err;
    }
    if (there == THERE_LEFT) {
        return carries ? publish(core, &newest, true) : ERR_OK;
    }
    /* Given when that node has said that it belongs, and renewed until it says that it does not: it
     * may be off for a while. Of a word that was taken back nothing is left after some days. */
    bool due = carries ? !is_fresh : there == THERE_BELONGS;
    return due ? publish(core, &newest, false) : ERR_OK;
}

static enum err visit_own_gateway(void *context, const struct store_object *row) {
    struct own_gateway *newest = context;
    struct gateway gateway;
    enum err err = read_gateway(row, &gateway);
    if (err != ERR_OK) {
        return err;
    }
    const struct sync_key key = {row->created, row->id};
    if (id_equal(&gateway.treaty, &newest->treaty) &&
        (!newest->found || is_newer(&key, &newest->key))) {
        newest->found = true;
        newest->ended = gateway.ended;
        newest->key = key;
        newest->expires = row->expires;
    }
    return ERR_OK;
}

/* Where it takes it back, that lives as long as the word before. */
static enum err publish(struct core *core, const struct own_gateway *newest, bool ended) {
    const struct duration life = {GATEWAY_LIFE_MS};
    SCOPED(buffer_finish) struct buffer body = {.max = 1024};
    struct gateway gateway = {.head = {.community = *community_id(core->community),
                                       .author = core->self,
                                       .created = core->now.wall},
                              .treaty = newest->treaty,
                              .ended = ended};
    if (newest->found && !instant_reached(gateway.head.created, newest->key.created)) {
        gateway.head.created = newest->key.created;
    }
    gateway.head.created.ms += newest->found ? 1 : 0; /* it is the newer one */
    gateway.head.expires = ended ? newest->expires : instant_add(gateway.head.created, life);
    if (instant_reached(gateway.head.created, gateway.head.expires)) {
        return ERR_OK;
    }
    enum err err = gateway_encode(&gateway, &body);
    if (err == ERR_OK) {
        err = gossip_publish(core, OBJECT_GATEWAY, &gateway.head, &body);
    }
    return err == ERR_FULL_TABLE ? ERR_OK : err;
}
