/* Who is a member still (PROTOCOL 4.3, 4.7, 4.9): removals by sponsors, homes that leave, those in
 * whose place others count, renewals. What administrators remove comes here by their act.
 *
 * A removal ends the links of whoever is removed, and takes all that it has said but its
 * certificate, which those whom it brought hang on: its requests end as if it had withdrawn them,
 * so nothing more is sent for them, and nothing of its footage is taken any more. */
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    RENEW_BEFORE_DAYS = 60,     /* by whoever brought it in */
    RENEW_FOR_OTHERS_DAYS = 30, /* by those above that one */
    OBJECTS_AT_ONCE = 256,
    IDLE_OF_ONE = 16,             /* removals of whom it has no say in, or nobody knows */
    END_AFTER_MS = 3 * 60 * 1000, /* of an outsider's time, with links */
};

struct search { /* for what this home said of a member before */
    const struct id *member;
    const struct id *but; /* this removal */
    bool found;
    struct sync_key key;
};

struct idling { /* removals of one author */
    const struct core *core;
    const struct id *but; /* this one; NULL: all */
    size_t count;
};

struct sayings { /* of a member that is gone */
    size_t count;
    struct sync_key keys[OBJECTS_AT_ONCE];
};

struct asked { /* its requests */
    size_t count;
    struct id ids[512];
};

static enum err judge_idle(struct core *core, const struct id *author, const struct id *known);
static enum err visit_idle(void *context, const struct store_object *row);
static enum err visit_removal(void *context, const struct store_object *row);
static enum err visit_renewal(void *context, const struct store_object *row);
static enum err visit_said(void *context, const struct store_object *row);
static enum err find_removal(struct core *core, const struct id *author, const struct id *member,
                             const struct id *but, struct search *out);
static enum err unremove(struct core *core, const struct id *id);
static enum err forget(struct core *core, const struct sync_key *key);
static enum err forget_id(struct core *core, const struct id *id);
static enum err unsay(struct core *core, const struct id *member);
static enum err shed_removals(struct core *core, const struct id *member);
static bool is_above_self(const struct core *core, const struct id *member);
static enum err part_with(struct core *core, const struct id *member, const struct id *by);
static enum err silence(struct core *core, const struct id *member, const struct id *by);
static enum err end_requests(struct core *core, const struct id *member, const struct id *by);
static enum err visit_asked(void *context, const struct id *id);
static enum err end_outsiders(struct core *core);
static enum err note_late(struct core *core);
static struct ending *ending_of(struct core *core, const struct id *member);
static struct id outsider_of(const struct core *core, const struct id *member);
static bool hears_others(const struct core *core);
static enum err asks_too_late(struct core *core, const struct id *member, bool *out);
static enum err visit_saying(void *context, const struct store_object *row);
static enum err renew(struct core *core, const struct id *member);
static bool is_to_renew(const struct core *core, const struct id *member);
static enum err is_alive(struct core *core, const struct id *member, bool *out);

enum err standing_load(struct core *core) {
    enum err err = store_object_each(core->store, OBJECT_REMOVAL, visit_removal, core);
    return err == ERR_OK ? store_object_each(core->store, OBJECT_RENEWAL, visit_renewal, core)
                         : err;
}

/* Whether it counts or not: judge_idle() has seen to it that there are places for all. */
static enum err visit_removal(void *context, const struct store_object *row) {
    struct core *core = context;
    struct signed_object object;
    struct removal removal;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = removal_decode(object.body, &removal);
    }
    if (err == ERR_OK) {
        err = community_remove(core->community, &removal.removed, &row->id, row->created,
                               &removal.head.author);
    }
    /* Of a file that has more all the same: this home must start. */
    return err == ERR_OK || err == ERR_FULL_TABLE ? ERR_OK : ERR_HOST_DATABASE;
}

static enum err visit_renewal(void *context, const struct store_object *row) {
    struct core *core = context;
    struct signed_object object;
    struct renewal renewal;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = renewal_decode(object.body, &renewal);
    }
    if (err == ERR_OK) {
        community_renew(core->community, &renewal.member, renewal.head.expires, &row->id);
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

/* ---- removals ---- */

/* Of one home about one member the smallest id counts, whatever came first: so all come to the same
 * one, and with it to the same epoch key. */
enum err standing_judge_removal(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author) {
    struct removal removal;
    struct search before;
    enum err err = removal_decode(object->body, &removal);
    if (err != ERR_OK) {
        return err;
    }
    /* Whoever takes back an officer has no part in the epoch key, and the officer had none. */
    bool partless =
        id_equal(&head->author, &removal.removed.member) || author->role == MEMBER_OUTSIDER;
    if (!signed_by_owner(object, author) || partless != id_is_zero(&removal.removed.epoch)) {
        return ERR_PEER_SIGNATURE;
    }
    /* One that is not known here may be elsewhere: whether it may say so shows when that one comes.
     * Outsiders have nobody to remove of whom their doors do not know. */
    err = community_may_remove(core->community, &head->author, &removal.removed.member);
    if (err == ERR_PEER_UNKNOWN && !community_is_outside(core->community, &head->author)) {
        err = judge_idle(core, &head->author, NULL);
    } else if (err == ERR_DENY_ROLE) {
        err = ERR_DENY_OTHERS; /* whoever passed it on may not know that one, and keep it as idle */
    }
    if (err == ERR_OK) {
        err = find_removal(core, &head->author, &removal.removed.member, &object->id, &before);
    }
    return err == ERR_OK && before.found && id_compare(&before.key.id, &object->id) < 0
               ? ERR_DENY_QUOTA
               : err;
}

/* Is there room for one of this author's, besides others than `known`, which is here already? What
 * is refused comes again, and is taken once it is known whom it removes. */
static enum err judge_idle(struct core *core, const struct id *author, const struct id *known) {
    struct idling idling = {.core = core, .but = known};
    const size_t others = community_removals(core->community) - (known == NULL ? 0 : 1);
    enum err err = store_object_each_of(core->store, OBJECT_REMOVAL, author, visit_idle, &idling);
    bool full = idling.count >= IDLE_OF_ONE || others >= COMMUNITY_REMOVALS_IDLE_MAX;
    return err == ERR_OK && full ? ERR_DENY_QUOTA : err;
}

static enum err visit_idle(void *context, const struct store_object *row) {
    struct idling *idling = context;
    bool idle = (idling->but == NULL || !id_equal(&row->id, idling->but)) &&
                !community_removal_counts(idling->core->community, &row->id);
    idling->count += idle ? 1 : 0;
    return ERR_OK;
}

enum err standing_remove(struct core *core, struct bytes bytes, struct bytes key) {
    struct signed_object object;
    struct removal removal;
    struct search before;
    const struct id none = {{0}};
    struct id id = none;
    enum err verdict = ERR_OK;
    enum err err = core->is_member ? signed_decode(bytes, &object) : ERR_USER_NO_COMMUNITY;
    if (err == ERR_OK) {
        err = removal_decode(object.body, &removal);
    }
    const size_t expected =
        err == ERR_OK && id_is_zero(&removal.removed.epoch) ? 0 : EPOCH_KEY_BYTES;
    if (err == ERR_OK && key.len != expected) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK && key.len > 0) {
        sha256(key, &id);
    }
    if (err == ERR_OK &&
        (object.kind != OBJECT_REMOVAL || !core_is_ours(core, &removal.head.author) ||
         !id_equal(&id, &removal.removed.epoch))) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = find_removal(core, &removal.head.author, &removal.removed.member, &none, &before);
        err = err == ERR_OK && before.found ? ERR_USER_EXISTS : err;
    }
    if (err == ERR_OK) {
        err = community_may_remove(core->community, &removal.head.author, &removal.removed.member);
        err = err == ERR_PEER_UNKNOWN ? ERR_OK : err; /* so far */
    }
    if (err == ERR_OK && key.len > 0) {
        err = epoch_offer(core, &object.id, key.at);
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, bytes, (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

enum err standing_removal(struct core *core, const struct signed_object *object) {
    struct removal removal;
    struct search before;
    enum err err = removal_decode(object->body, &removal);
    if (err == ERR_OK) {
        err =
            find_removal(core, &removal.head.author, &removal.removed.member, &object->id, &before);
    }
    if (err == ERR_OK && before.found) {
        err = unremove(core, &before.key.id);
    }
    if (err == ERR_OK) {
        err = community_remove(core->community, &removal.removed, &object->id, removal.head.created,
                               &removal.head.author);
    }
    if (err == ERR_OK && community_removal_counts(core->community, &object->id)) {
        err = standing_removed(core, &removal.removed, &object->id);
    }
    return err == ERR_OK ? epoch_changed(core, &object->id) : err;
}

/* What removed it before it was known counts from now on; or is dropped, if whoever said so had no
 * say in it, as by those who knew it already. */
enum err standing_admitted(struct core *core, const struct id *member) {
    struct removed removed;
    struct id by;
    size_t next = 0;
    enum err err = standing_displaced(core);
    while (err == ERR_OK && community_removal_of(core->community, member, &next, &removed, &by)) {
        if (!community_removal_counts(core->community, &by)) {
            err = unremove(core, &by);
            next--;
            continue;
        }
        err = standing_removed(core, &removed, &by);
        if (err == ERR_OK) {
            err = epoch_changed(core, &by);
        }
    }
    return err;
}

/* Those below it go too whom it takes with it, or who were brought in when it was gone by the time
 * of the removal, which may be days before that came to count. */
enum err standing_removed(struct core *core, const struct removed *removed, const struct id *by) {
    struct log_entry entry = {
        .kind = LOG_REMOVED, .at = core->now.wall, .a = removed->member, .b = *by};
    struct id chain[CHAIN_MAX];
    enum err err = record_add(core, &entry, NULL);
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id member = *community_member_id(core->community, i);
        size_t count = community_chain(core->community, &member, chain);
        bool below = false;
        for (size_t k = 0; k < count; k++) {
            below |= id_equal(&chain[k], &removed->member);
        }
        bool goes = below && community_is_removed(core->community, &member, NULL);
        err = goes ? part_with(core, &member, by) : ERR_OK;
    }
    core->doors_stale = true;
    return err;
}

enum err standing_suspended(struct core *core, const struct id *outsider, const struct id *by) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id member = *community_member_id(core->community, i);
        bool of = id_equal(&member, outsider) ||
                  id_equal(&community_find(core->community, &member)->head.author, outsider);
        err = of ? end_requests(core, &member, by) : ERR_OK;
    }
    return err;
}

static enum err part_with(struct core *core, const struct id *member, const struct id *by) {
    core_journal(core, "info community: removed member=%02x%02x%02x%02x%s", member->b[0],
                 member->b[1], member->b[2], member->b[3],
                 id_equal(member, &core->self) ? " self=yes" : "");
    if (id_equal(member, &core->self)) {
        return ERR_OK; /* the others part with us */
    }
    const struct overlay_event gone = {.kind = OVERLAY_EV_PEER_GONE,
                                       .peer = (peer_no)community_number(core->community, member)};
    enum err err = neighbours_run(core, &gone);
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        /* An outsider hears of it first: outside_act() ends its link. */
        if (link->no != 0 && link->state == LINK_OPEN && link->door != TRANSPORT_OUTSIDER &&
            id_equal(&link->about, member)) {
            err = core_close(core, link, "no member any more");
        }
    }
    return err == ERR_OK ? silence(core, member, by) : err;
}

/* All that it said, and that others still pass on. Rows of requests stay until nothing refers to
 * them. */
static enum err silence(struct core *core, const struct id *member, const struct id *by) {
    static struct sayings said; /* large */
    enum err err = end_requests(core, member, by);
    do {
        said.count = 0;
        for (int kind = OBJECT_UNKNOWN; err == ERR_OK && kind <= OBJECT_KIND_LAST; kind++) {
            bool stays = kind == OBJECT_REQUEST || standing_lasts((enum object_kind)kind);
            err = stays ? ERR_OK
                        : store_object_each_of(core->store, (enum object_kind)kind, member,
                                               visit_saying, &said);
        }
        for (size_t i = 0; err == ERR_OK && i < said.count; i++) {
            err = forget(core, &said.keys[i]);
        }
    } while (err == ERR_OK && said.count == OBJECTS_AT_ONCE);
    return err;
}

static enum err end_requests(struct core *core, const struct id *member, const struct id *by) {
    struct asked asked = {.count = 0};
    enum err err = requests_each_of(core->requests, member, visit_asked, &asked);
    for (size_t i = 0; err == ERR_OK && i < asked.count; i++) {
        struct store_object row;
        err = store_object_get(core->store, &asked.ids[i], &row);
        if (err == ERR_OK) {
            const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED,
                                                .key = {row.created, row.id}};
            err = neighbours_run(core, &event);
        }
        if (err == ERR_OK) {
            err = taken_back_with_author(core, &asked.ids[i], by);
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return err;
}

/* A requester has fewer than these within a week. */
static enum err visit_asked(void *context, const struct id *id) {
    struct asked *asked = context;
    if (asked->count < COUNT_OF(asked->ids)) {
        asked->ids[asked->count++] = *id;
    }
    return ERR_OK;
}

/* Who was let in until a day that has come may ask no more, as if it had been suspended. What ends
 * here stays ended; and an act may have prolonged it while this home was off, or asleep, which its
 * neighbours tell it in a while. */
static enum err end_outsiders(struct core *core) {
    enum err err = note_late(core);
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id member = *community_member_id(core->community, i);
        const struct ending *ending = ending_of(core, &member);
        bool late = false;
        if (ending != NULL && tick_reached(core->now.mono, ending->end)) {
            err = asks_too_late(core, &member, &late);
        }
        err = err == ERR_OK && late ? end_requests(core, &member, &member) : err;
    }
    return err;
}

static enum err note_late(struct core *core) {
    const struct tick end = tick_add(core->now.mono, (struct duration){END_AFTER_MS});
    const bool hears = hears_others(core);
    enum err err = ERR_OK;
    size_t kept = 0;
    for (size_t i = 0; i < core->ending_count; i++) {
        core->endings[i].late = false;
        core->endings[i].end = hears ? core->endings[i].end : end;
    }
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id member = *community_member_id(core->community, i);
        struct ending *ending = ending_of(core, &member);
        bool late = false;
        err = asks_too_late(core, &member, &late);
        if (late && ending == NULL && core->ending_count < COUNT_OF(core->endings)) {
            ending = &core->endings[core->ending_count++];
            *ending = (struct ending){.outsider = outsider_of(core, &member), .end = end};
        }
        if (late && ending != NULL) {
            ending->late = true;
        }
    }
    for (size_t i = 0; i < core->ending_count; i++) {
        if (core->endings[i].late) {
            core->endings[kept++] = core->endings[i];
        }
    }
    core->ending_count = err == ERR_OK ? kept : core->ending_count;
    return err;
}

static struct ending *ending_of(struct core *core, const struct id *member) {
    const struct id outsider = outsider_of(core, member);
    for (size_t i = 0; i < core->ending_count; i++) {
        if (id_equal(&core->endings[i].outsider, &outsider)) {
            return &core->endings[i];
        }
    }
    return NULL;
}

/* Itself, or whose officer it is. */
static struct id outsider_of(const struct core *core, const struct id *member) {
    const struct member *body = community_find(core->community, member);
    return body->role == MEMBER_OFFICER ? body->head.author : *member;
}

/* Or there is nobody to hear. An outsider's own doors do not open when its time is over. */
static bool hears_others(const struct core *core) {
    bool alone = true;
    for (size_t i = 0; i < community_size(core->community); i++) {
        const struct id *member = community_member_id(core->community, i);
        alone = alone &&
                (id_equal(member, &core->self) || neighbours_peer(core, member) == OVERLAY_NOBODY);
    }
    return overlay_link_count(core->overlay) > 0 || alone || core->is_outsider;
}

static enum err asks_too_late(struct core *core, const struct id *member, bool *out) {
    struct asked asked = {.count = 0};
    enum err err = ERR_OK;
    *out = false;
    if (community_is_outside(core->community, member) &&
        !community_in_standing(core->community, member, core->now.wall)) {
        err = requests_each_of(core->requests, member, visit_asked, &asked);
    }
    for (size_t i = 0; err == ERR_OK && i < asked.count; i++) {
        *out |= requests_live(core->requests, &asked.ids[i]);
    }
    return err;
}

bool standing_lasts(enum object_kind kind) {
    return kind == OBJECT_MEMBER || kind == OBJECT_ACT || kind == OBJECT_REMOVAL ||
           kind == OBJECT_RENEWAL;
}

static enum err visit_saying(void *context, const struct store_object *row) {
    struct sayings *said = context;
    if (said->count < OBJECTS_AT_ONCE) {
        said->keys[said->count++] = (struct sync_key){row->created, row->id};
    }
    return ERR_OK;
}

/* Another than this one. */
static enum err find_removal(struct core *core, const struct id *author, const struct id *member,
                             const struct id *but, struct search *out) {
    *out = (struct search){.member = member, .but = but};
    return store_object_each_of(core->store, OBJECT_REMOVAL, author, visit_said, out);
}

static enum err visit_said(void *context, const struct store_object *row) {
    struct search *search = context;
    struct signed_object object;
    struct removal removal;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = removal_decode(object.body, &removal);
    }
    if (err == ERR_OK && !search->found && !id_equal(&row->id, search->but) &&
        id_equal(&removal.removed.member, search->member)) {
        search->found = true;
        search->key = (struct sync_key){row->created, row->id};
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

static enum err forget(struct core *core, const struct sync_key *key) {
    const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED, .key = *key};
    enum err err = neighbours_run(core, &event);
    return err == ERR_OK ? store_object_remove(core->store, &key->id) : err;
}

/* One that nobody else hears of any more cannot have said anything. */
enum err standing_displaced(struct core *core) {
    struct id member;
    struct id by;
    bool any = false;
    enum err err = ERR_OK;
    while (err == ERR_OK && community_take_displaced(core->community, &member, &by)) {
        struct log_entry entry = {.kind = LOG_REMOVED, .at = core->now.wall, .a = member, .b = by};
        err = record_add(core, &entry, NULL);
        if (err == ERR_OK) {
            err = part_with(core, &member, &by);
        }
        if (err == ERR_OK && !is_above_self(core, &member) && !core_is_ours(core, &member)) {
            err = unsay(core, &member);
        }
        any = true;
    }
    return err == ERR_OK && any ? epoch_load(core) : err;
}

/* What decides who is a member, which silence() leaves: its removals with their parts of the key,
 * the renewal of its certificate, and that. Those whom it brought are displaced themselves. What
 * removed it waits for it to come again, like one of whom nobody knows. */
static enum err unsay(struct core *core, const struct id *member) {
    static struct sayings said; /* large */
    const struct id renewal = community_renewal(core->community, member, (struct instant){0});
    enum err err = ERR_OK;
    do {
        said.count = 0;
        err = store_object_each_of(core->store, OBJECT_REMOVAL, member, visit_saying, &said);
        for (size_t i = 0; err == ERR_OK && i < said.count; i++) {
            err = unremove(core, &said.keys[i].id);
        }
    } while (err == ERR_OK && said.count == OBJECTS_AT_ONCE);
    if (err == ERR_OK) {
        err = shed_removals(core, member);
    }
    if (err == ERR_OK && !id_is_zero(&renewal)) {
        err = forget_id(core, &renewal);
    }
    return err == ERR_OK ? forget_id(core, member) : err;
}

/* No more than its author's share of such as are idle, so that nobody fills the table by removing
 * and displacing its own. Those by acts stay. */
static enum err shed_removals(struct core *core, const struct id *member) {
    struct removed removed;
    struct id by;
    size_t next = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && community_removal_of(core->community, member, &next, &removed, &by)) {
        struct store_object row;
        err = store_object_get(core->store, &by, &row);
        if (err == ERR_OK && row.kind == OBJECT_REMOVAL) {
            const struct id author = row.author;
            err = judge_idle(core, &author, &by);
        }
        if (err == ERR_DENY_QUOTA) {
            err = unremove(core, &by);
            next--;
        }
    }
    return err;
}

/* A removal, as if it had never come. */
static enum err unremove(struct core *core, const struct id *id) {
    community_unremove(core->community, id);
    enum err err = store_epoch_remove(core->store, id);
    return err == ERR_OK ? forget_id(core, id) : err;
}

static enum err forget_id(struct core *core, const struct id *id) {
    struct store_object row;
    enum err err = store_object_get(core->store, id, &row);
    const struct sync_key key = {row.created, *id};
    return err == ERR_OK ? forget(core, &key) : err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* This home, or one whose certificate it shows with its own. */
static bool is_above_self(const struct core *core, const struct id *member) {
    struct id chain[CHAIN_MAX];
    size_t count = community_chain(core->community, &core->self, chain);
    bool above = false;
    for (size_t i = 0; i < count; i++) {
        above |= id_equal(&chain[i], member);
    }
    return above;
}

size_t standing_chain(const struct core *core, const struct id *certificate,
                      struct id out[CHAIN_PARTS_MAX]) {
    struct id chain[CHAIN_MAX];
    bool kept = community_counts(core->community, certificate) || is_above_self(core, certificate);
    size_t count = kept ? community_chain(core->community, certificate, chain) : 0;
    size_t parts = 0;
    for (size_t i = 0; i < count; i++) {
        struct id renewal = community_renewal(core->community, &chain[i], core->now.wall);
        out[parts++] = chain[i];
        if (!id_is_zero(&renewal)) {
            out[parts++] = renewal;
        }
    }
    return parts;
}

/* ---- renewals ---- */

/* Of one member the one that lasts longest counts; of equal ones that of the smaller id. */
enum err standing_judge_renewal(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author) {
    struct renewal renewal;
    enum err err = renewal_decode(object->body, &renewal);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = community_may_renew(core->community, &head->author, &renewal.member);
    }
    return err == ERR_OK &&
                   !community_renews(core->community, &renewal.member, head->expires, &object->id)
               ? ERR_DENY_QUOTA
               : err;
}

enum err standing_renewal(struct core *core, const struct signed_object *object) {
    struct renewal renewal;
    struct store_object row;
    enum err err = renewal_decode(object->body, &renewal);
    if (err != ERR_OK) {
        return err;
    }
    struct id before = community_renewal(core->community, &renewal.member, (struct instant){0});
    community_renew(core->community, &renewal.member, renewal.head.expires, &object->id);
    err = id_is_zero(&before) ? ERR_USER_NOT_FOUND : store_object_get(core->store, &before, &row);
    if (err == ERR_OK) {
        const struct sync_key key = {row.created, row.id};
        err = forget(core, &key);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

bool standing_is_behind(const struct core *core) {
    return !community_in_standing(core->community, &core->self, core->now.wall) &&
           !community_is_removed(core->community, &core->self, NULL);
}

/* By itself, no owner need be there: whoever brought a member in says that it lives, as long as it
 * does, and nobody has removed it. */
enum err standing_tick(struct core *core) {
    enum err err = end_outsiders(core);
    if (err != ERR_OK) {
        return err;
    }
    if (!community_in_standing(core->community, &core->self, core->now.wall) &&
        community_is_removed(core->community, &core->self, NULL)) {
        return ERR_OK;
    }
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id member = *community_member_id(core->community, i);
        bool alive = false;
        if (is_to_renew(core, &member)) {
            err = is_alive(core, &member, &alive);
            err = err == ERR_OK && alive ? renew(core, &member) : err;
        }
    }
    return err == ERR_FULL_TABLE ? ERR_OK : err; /* again at the next upkeep */
}

/* One that was removed alone is renewed too: those whom it brought hang on its certificate. */
static bool is_to_renew(const struct core *core, const struct id *member) {
    const struct member *body = community_find(core->community, member);
    bool nearest = id_equal(&body->head.author, &core->self) || id_equal(member, &core->self);
    int64_t before =
        (nearest ? RENEW_BEFORE_DAYS : RENEW_FOR_OTHERS_DAYS) * (int64_t)DURATION_DAY_MS;
    return community_ends(core->community, member).ms - core->now.wall.ms < before &&
           community_may_renew(core->community, &core->self, member) == ERR_OK;
}

/* It has published where it is, lately; or somebody below it, whom nobody has removed, has. */
static enum err is_alive(struct core *core, const struct id *member, bool *out) {
    struct id chain[CHAIN_MAX];
    enum err err = ERR_OK;
    *out = false;
    for (size_t i = 0; err == ERR_OK && !*out && i < community_size(core->community); i++) {
        const struct id *other = community_member_id(core->community, i);
        size_t count = community_chain(core->community, other, chain);
        bool hangs = false;
        for (size_t k = 0; k < count; k++) {
            hangs |= id_equal(&chain[k], member);
        }
        if (hangs && !community_is_removed(core->community, other, NULL)) {
            struct store_object row;
            err = store_object_newest(core->store, OBJECT_NODE_RECORD, other, &row);
            *out = err == ERR_OK && !instant_reached(core->now.wall, row.expires);
            err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
        }
    }
    return err;
}

static enum err renew(struct core *core, const struct id *member) {
    struct renewal renewal = {.head = {.community = *community_id(core->community),
                                       .author = core->self,
                                       .created = core->now.wall},
                              .member = *member};
    struct signed_object object;
    enum err verdict = ERR_OK;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    const struct duration life = {(int64_t)CERTIFICATE_LIFE_MAX_DAYS * DURATION_DAY_MS};
    renewal.head.expires = instant_add(renewal.head.created, life);
    enum err err = renewal_encode(&renewal, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_RENEWAL, buffer_bytes(&body), &object);
        err = signed_add(&object, &core->config.keys.sign, &core->node_public);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, buffer_bytes(&bytes), (struct way){0}, &verdict);
    }
    if (err == ERR_OK && verdict == ERR_OK) {
        core_journal(core, "info community: renewed member=%02x%02x%02x%02x", member->b[0],
                     member->b[1], member->b[2], member->b[3]);
    }
    return core_is_fatal(err) ? err : ERR_OK;
}
