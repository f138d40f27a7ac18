/* What the administrators decide together (PROTOCOL 4.6). Each signs by an endorsement, which
 * travels like any object; whoever holds k of them has the act, and every home finds the same one,
 * since an act's id is that of its body, whoever signed it.
 *
 * Acts are a chain. When two follow the same one, as after a partition, every home ends with the
 * one of the smaller id (community.h); the other is kept as lost, so that people can be told. */
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    ENDORSEMENTS_OF_ONE = 16, /* live ones of one home */
    STALE_AT_ONCE = 512,      /* of 16 administrators, and those before them */
    LOST_MAX = 64,            /* kept to be told */
    /* From its `created`, whoever dates it. So one that honest administrators signed is known for
     * as long again before it settles. */
    ACT_SIGNED_MS = ACT_SETTLES_DAYS / 2 * DURATION_DAY_MS,
};

struct gathering { /* of signatures for one act */
    const struct charter *charter;
    struct signed_object act;
};

struct stale { /* endorsements of what cannot follow any more */
    struct core *core;
    size_t count;
    struct sync_key keys[STALE_AT_ONCE];
    struct id authors[STALE_AT_ONCE];
};

static enum err visit_act(void *context, const struct store_act *row);
static enum err visit_lost(void *context, const struct store_act *row);
static enum err lose(struct core *core, uint32_t number, const struct id *winner);
static enum err note_lost(struct core *core, const struct signed_object *object,
                          const struct act *act, struct bytes bytes);
static enum err apply(struct core *core);
static enum err drop_stale(struct core *core);
static enum err visit_stale(void *context, const struct store_object *row);
static enum err visit_signature(void *context, const struct store_object *row);
static enum err take_admission(struct core *core, const struct signed_object *object,
                               const struct act *act, struct id *outsider);

/* ---- acts ---- */

/* The founding charter is in place; each act that counts follows, as it did when it came. */
enum err acts_load(struct core *core) {
    enum err err = store_act_each(core->store, visit_act, core);
    return err == ERR_OK ? outside_keep_certificates(core) : err;
}

static enum err visit_act(void *context, const struct store_act *row) {
    struct core *core = context;
    struct store_object stored;
    struct signed_object object;
    struct act act;
    if (!id_is_zero(&row->lost_to)) {
        return ERR_OK;
    }
    enum err err = store_object_get(core->store, &row->id, &stored);
    if (err == ERR_OK) {
        err = signed_decode(stored.object, &object);
    }
    if (err == ERR_OK) {
        err = act_decode(object.body, &act);
    }
    if (err == ERR_OK) {
        err = community_follow(core->community, &object, &act);
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

enum err acts_judge(struct core *core, const struct signed_object *object, struct bytes bytes) {
    struct act act;
    enum err err = act_decode(object->body, &act);
    if (err != ERR_OK) {
        return err;
    }
    enum act_place place = community_place(core->community, &object->id, &act, core->now.wall);
    if (place == ACT_KNOWN || place == ACT_ASTRAY) {
        return place == ACT_KNOWN ? ERR_PEER_REPEATED : ERR_PEER_UNKNOWN;
    }
    bool known = false;
    err = store_act_lost(core->store, &object->id, &known);
    if (err != ERR_OK || known) {
        return err == ERR_OK ? ERR_DENY_CHARTER : err;
    }
    err = community_judge_act(core->community, object, &act);
    if (err == ERR_OK && (place == ACT_LOSES || place == ACT_LATE)) {
        err = note_lost(core, object, &act, bytes);
        err = err == ERR_OK ? ERR_DENY_CHARTER : err;
    }
    return err;
}

static enum err visit_lost(void *context, const struct store_act *row) {
    *(size_t *)context += id_is_zero(&row->lost_to) ? 0 : 1;
    return ERR_OK;
}

/* One that loses against what counts here, or comes too late to win. Whoever were administrators
 * once can make any number. */
static enum err note_lost(struct core *core, const struct signed_object *object,
                          const struct act *act, struct bytes bytes) {
    uint32_t before = community_act_number(core->community, &act->previous);
    size_t lost_before = 0;
    enum err err = store_act_each(core->store, visit_lost, &lost_before);
    if (err != ERR_OK || lost_before >= LOST_MAX) {
        return err;
    }
    const struct store_object row = {.id = object->id,
                                     .kind = OBJECT_ACT,
                                     .created = act->head.created,
                                     .expires = act->head.expires,
                                     .object = bytes};
    const struct store_act lost = {.id = object->id,
                                   .version = before + 2,
                                   .since = core->now.wall,
                                   .lost_to = *community_act_id(core->community, before + 1)};
    struct log_entry entry = {
        .kind = LOG_ACT_LOST, .at = core->now.wall, .a = lost.id, .b = lost.lost_to};
    err = store_object_add(core->store, &row);
    if (err == ERR_OK) {
        err = store_act_put(core->store, &lost);
    }
    core_journal(core, "warn community: an act lost against another version=%u", lost.version);
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

enum err acts_take(struct core *core, const struct signed_object *object) {
    struct act act;
    struct id admitted = {{0}};
    enum err err = act_decode(object->body, &act);
    if (err != ERR_OK) {
        return err;
    }
    uint32_t before = community_act_number(core->community, &act.previous);
    bool rewound = before + 1 < community_act_count(core->community);
    if (rewound) {
        err = lose(core, before, &object->id);
    }
    if (err == ERR_OK) {
        err = community_follow(core->community, object, &act);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct governance *governance = community_governance(core->community);
    const struct store_act row = {
        .id = object->id, .version = governance->version, .since = core->now.wall};
    struct log_entry entry = {.kind = LOG_ACT,
                              .at = core->now.wall,
                              .a = object->id,
                              .b = act.previous,
                              .numbers = {row.version}};
    core_journal(core, "info community: act version=%u", row.version);
    err = store_act_put(core->store, &row);
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) {
        err = apply(core);
    }
    if (err == ERR_OK && (rewound || act.treaty.len > 0 || !id_is_zero(&act.treaty_ended))) {
        err = border_acts_changed(core);
    }
    if (err == ERR_OK && act.has_removed) {
        err = standing_removed(core, &act.removed, &object->id);
    }
    if (err == ERR_OK && act.has_admission) {
        err = take_admission(core, object, &act, &admitted);
    }
    if (err == ERR_OK) {
        err = standing_displaced(core);
    }
    if (err == ERR_OK) {
        err = epoch_changed(core, &object->id);
    }
    if (err == ERR_OK) {
        err = outside_act(core, rewound);
    }
    if (err == ERR_OK) {
        err = told_act(core, rewound, act.has_admission ? &admitted : NULL);
    }
    return err;
}

/* Who may not ask any more has asked for nothing: what is under way for it ends too. */
static enum err take_admission(struct core *core, const struct signed_object *object,
                               const struct act *act, struct id *outsider) {
    struct signed_object certificate;
    struct member member;
    enum err err =
        admission_verify(community_id(core->community), &act->admission, &certificate, &member);
    if (err == ERR_OK) {
        err = outside_keep_certificates(core);
    }
    if (err == ERR_OK && core->is_outsider) { /* our officers: others hear of them again from us */
        err = gossip_load_members(core);
    }
    core->doors_stale = true;
    if (err == ERR_OK && act->admission.suspended) {
        err = standing_suspended(core, &certificate.id, &object->id);
    }
    *outsider = certificate.id;
    return err;
}

/* Those after this one: nothing of what they did stands. They counted here, so they are told rather
 * than what lost before. */
static enum err lose(struct core *core, uint32_t number, const struct id *winner) {
    enum err err = ERR_OK;
    for (uint32_t i = number + 1; err == ERR_OK && i < community_act_count(core->community); i++) {
        const struct store_act lost = {.id = *community_act_id(core->community, i),
                                       .version = i + 1,
                                       .since = core->now.wall,
                                       .lost_to = *winner};
        struct store_object row;
        struct log_entry entry = {
            .kind = LOG_ACT_LOST, .at = core->now.wall, .a = lost.id, .b = *winner};
        err = store_object_get(core->store, &lost.id, &row);
        if (err == ERR_OK) {
            const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED,
                                                .key = {row.created, row.id}};
            err = neighbours_run(core, &event);
        }
        if (err == ERR_OK) {
            err = store_act_put(core->store, &lost);
        }
        if (err == ERR_OK) {
            err = store_epoch_remove(core->store, &lost.id);
        }
        if (err == ERR_OK) {
            err = record_add(core, &entry, NULL);
        }
        core_journal(core, "warn community: an act lost against another version=%u", lost.version);
    }
    if (err == ERR_OK) {
        err = store_act_keep_lost(core->store, LOST_MAX);
    }
    if (err == ERR_OK) {
        community_rewind(core->community, number);
    }
    return err;
}

/* What follows from the charter as it is now. */
static enum err apply(struct core *core) {
    const struct charter *charter = community_charter(core->community);
    const struct duration slot = {(int64_t)charter->slot_s * 1000};
    if (slot.ms != log_slot_length(core->log).ms) {
        log_set_slot_length(core->log, slot, core->now);
    }
    return drop_stale(core);
}

/* ---- endorsements ---- */

enum err acts_judge_endorsement(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author) {
    const struct governance *governance = community_governance(core->community);
    struct endorsement endorsement;
    struct act act;
    uint64_t live = 0;
    enum err err = endorsement_decode(object->body, &endorsement);
    if (err == ERR_OK) {
        err = act_decode(endorsement.act, &act);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (object->count != 1 || !id_equal(&act.head.community, &governance->community) ||
        !signed_by_owner(object, author) ||
        !act_signed_by(endorsement.act, &object->signatures[0].key, &endorsement.signature)) {
        return ERR_PEER_SIGNATURE;
    }
    if (!id_equal(&act.previous, &governance->head) ||
        act.head.created.ms <= governance->created.ms ||
        act.head.created.ms < core->now.wall.ms - ACT_SIGNED_MS ||
        act.head.created.ms > core->now.wall.ms + FUTURE_MAX_MS ||
        !charter_has_administrator(&governance->charter, &object->signatures[0].key)) {
        return ERR_DENY_CHARTER; /* whoever passed it on may know of other acts */
    }
    err = governance_lets(governance, governance->version, &governance->charter, &act);
    if (err != ERR_OK) {
        return err;
    }
    if (id_equal(&head->author, &core->self)) {
        return ERR_OK; /* those of ours that came too late are here still */
    }
    err = store_object_count(core->store, OBJECT_ENDORSEMENT, &head->author, core->now.wall, &live);
    return err == ERR_OK && live >= ENDORSEMENTS_OF_ONE ? ERR_DENY_QUOTA : err;
}

/* Whoever begins a removal has made what it adds to the epoch key: it lies here until the act
 * counts.
 */
enum err acts_endorse(struct core *core, struct bytes bytes, struct bytes key) {
    struct signed_object object;
    struct endorsement endorsement;
    struct act act;
    struct id id;
    enum err verdict = ERR_OK;
    enum err err = core->is_member ? signed_decode(bytes, &object) : ERR_USER_NO_COMMUNITY;
    if (err == ERR_OK) {
        err = endorsement_decode(object.body, &endorsement);
    }
    if (err == ERR_OK) {
        err = act_decode(endorsement.act, &act);
    }
    if (err == ERR_OK &&
        (object.kind != OBJECT_ENDORSEMENT || !id_equal(&endorsement.head.author, &core->self))) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK && key.len > 0) {
        sha256(key, &id);
        err = act.has_removed && key.len == EPOCH_KEY_BYTES && id_equal(&id, &act.removed.epoch)
                  ? ERR_OK
                  : ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK && key.len > 0) {
        sha256(endorsement.act, &id);
        err = epoch_offer(core, &id, key.at);
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, bytes, (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

enum err acts_endorsed(struct core *core, const struct signed_object *object) {
    struct endorsement endorsement;
    struct gathering gathering = {.charter = community_charter(core->community)};
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = endorsement_decode(object->body, &endorsement);
    if (err == ERR_OK) {
        err = buffer_append(&body, endorsement.act);
    }
    if (err == ERR_OK) {
        signed_start(OBJECT_ACT, buffer_bytes(&body), &gathering.act);
        err = store_object_each(core->store, OBJECT_ENDORSEMENT, visit_signature, &gathering);
    }
    if (err != ERR_OK || gathering.act.count < gathering.charter->threshold) {
        return err;
    }
    enum err verdict = ERR_OK;
    err = signed_encode(&gathering.act, &bytes);
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, buffer_bytes(&bytes), (struct way){0}, &verdict);
    }
    return core_is_fatal(err) ? err : ERR_OK; /* one that lost meanwhile is noted as such */
}

/* Those of the administrators as they are now, each once. */
static enum err visit_signature(void *context, const struct store_object *row) {
    struct gathering *gathering = context;
    struct signed_object *act = &gathering->act;
    struct signed_object object;
    struct endorsement endorsement;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = endorsement_decode(object.body, &endorsement);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    const struct signed_signature signature = {object.signatures[0].key, endorsement.signature};
    bool counts = bytes_equal(endorsement.act, act->body) && act->count < SIGNED_SIGNATURES_MAX &&
                  charter_has_administrator(gathering->charter, &signature.key);
    for (size_t i = 0; i < act->count; i++) {
        counts = counts && !sign_public_equal(&act->signatures[i].key, &signature.key);
    }
    if (counts) {
        act->signatures[act->count++] = signature;
    }
    return ERR_OK;
}

/* What they endorsed follows what is not the newest act any more. Our own stay on disk until they
 * expire, so that their owner can be told. */
static enum err drop_stale(struct core *core) {
    struct stale stale = {.core = core};
    enum err err = store_object_each(core->store, OBJECT_ENDORSEMENT, visit_stale, &stale);
    for (size_t i = 0; err == ERR_OK && i < stale.count; i++) {
        const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED, .key = stale.keys[i]};
        err = neighbours_run(core, &event);
        if (err == ERR_OK && !id_equal(&stale.authors[i], &core->self)) {
            err = store_object_remove(core->store, &stale.keys[i].id);
        }
    }
    return err;
}

static enum err visit_stale(void *context, const struct store_object *row) {
    struct stale *stale = context;
    bool current = false;
    enum err err = acts_is_current(stale->core, row, &current);
    if (err == ERR_OK && !current && stale->count < STALE_AT_ONCE) {
        stale->keys[stale->count] = (struct sync_key){row->created, row->id};
        stale->authors[stale->count++] = row->author;
    }
    return err;
}

enum err acts_is_current(const struct core *core, const struct store_object *row, bool *out) {
    struct signed_object object;
    struct endorsement endorsement;
    struct act act;
    if (row->kind == OBJECT_ACT) {
        *out = community_act_number(core->community, &row->id) < COMMUNITY_ACTS_MAX;
        return ERR_OK;
    }
    ASSERT(row->kind == OBJECT_ENDORSEMENT);
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = endorsement_decode(object.body, &endorsement);
    }
    if (err == ERR_OK) {
        err = act_decode(endorsement.act, &act);
    }
    *out = err == ERR_OK && id_equal(&act.previous, &community_governance(core->community)->head);
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}
