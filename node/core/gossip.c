/* Signed objects: checked, put on record, stored, forwarded, in that order (PROTOCOL 5.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

struct forgotten { /* own requests, in one slot: the next takes the rest */
    struct core *core;
    size_t count;
    struct id ids[16];
};

struct arrival {   /* an object that is to be accepted; all borrowed */
    uint64_t from; /* 0: our own, or not by gossip */
    struct way way;
    struct bytes bytes;
    const struct signed_object *object;
    const struct head *head;
    const struct request *request; /* the body of a REQUEST */
};

static enum err look_up(struct core *core, const struct link *link,
                        const struct overlay_event *offered, enum overlay_verdict *out);
static struct rate_object load_of(struct core *core, const struct link *link,
                                  const struct signed_object *object, const struct head *head,
                                  size_t size_bytes);
static struct id account_of(const struct core *core, const struct id *author);
static enum err replace_record(struct core *core, enum object_kind kind, const struct id *author);
static enum err accept_arrival(struct core *core, const struct arrival *arrival);
static enum err record_arrival(struct core *core, const struct arrival *arrival, uint64_t *index);
static enum err store_arrival(struct core *core, const struct arrival *arrival,
                              const struct store_object *row, uint64_t index, bool *again);
static enum err take_effect(struct core *core, const struct arrival *arrival,
                            const struct store_object *row, bool again);
static enum err want_papers(struct core *core, const struct request *request,
                            const struct id *account);
static enum err want_paper(struct core *core, const struct store_attachment *want);
static struct kept_certificate *kept_certificate(struct core *core, const struct id *id);
static enum err load_own(struct core *core);
static enum err load_member(void *context, const struct store_object *row);
static enum err load_object(void *context, const struct store_object *row);
static enum err is_current(const struct core *core, const struct store_object *row, bool *out);
static enum err load_taking_back(struct core *core, const struct store_object *row,
                                 struct request *request);
static enum err load_request(struct core *core, const struct store_object *row,
                             const struct request *request);
static bool is_urgent(enum object_kind kind);
static enum err visit_own_request(void *context, const struct store_object *row);
static enum err keep_up(struct core *core);
static enum err keep_wanting(struct core *core);
static enum err want_again(struct core *core, const struct id *id);
static enum err refresh_record(struct core *core);
static void note_copy(struct core *core, const struct id *record);
static bool may_answer_copy(const struct core *core);
static void answered_copy(struct core *core);
static bool is_our_record(const struct core *core, const struct store_object *newest);
static enum err other_message(struct core *core, struct link *link,
                              const struct link_message *message);
static bool ignores(enum err err);

enum err gossip_take(struct core *core, struct link *link, struct bytes bytes, struct way way,
                     enum err *verdict) {
    struct signed_object object;
    struct head head;
    struct request request; /* written by gossip_judge() when it is one */
    uint64_t from = link == NULL ? 0 : link->no;
    *verdict = ERR_OK;
    if (bytes.len > SIGNED_GOSSIP_MAX) {
        return ERR_PEER_BOUNDS;
    }
    enum err err = signed_decode(bytes, &object);
    if (err != ERR_OK) {
        return err;
    }
    struct overlay_event offered = {.kind = OVERLAY_EV_OFFERED,
                                    .link = from,
                                    .key.id = object.id,
                                    .hops = way.hops,
                                    .everywhere = way.everywhere,
                                    .reserved = link == NULL || standing_lasts(object.kind),
                                    .urgent = is_urgent(object.kind)};
    enum overlay_verdict look = OVERLAY_LATER;
    err = look_up(core, link, &offered, &look);
    if (err != ERR_OK || look != OVERLAY_WANTED) {
        *verdict = look == OVERLAY_FULL ? ERR_FULL_TABLE : ERR_PEER_REPEATED;
        return err;
    }
    err = head_decode(object.body, &head);
    if (err != ERR_OK) {
        return err;
    }
    struct rate_object load = load_of(core, link, &object, &head, bytes.len);
    *verdict = gossip_judge(core, &object, &head, &load, bytes, &request);
    if (*verdict != ERR_OK) {
        if (ignores(*verdict)) {
            struct overlay_event event = {.kind = OVERLAY_EV_IGNORED, .key.id = object.id};
            return link == NULL ? ERR_OK : neighbours_run(core, &event);
        }
        core_journal(core, "warn gossip: refused link=%llu reason=\"%s\"", (unsigned long long)from,
                     err_text(*verdict));
        return *verdict;
    }
    rate_spend(core->rate, &load, core->now.mono);
    const struct arrival arrival = {from, way, bytes, &object, &head, &request};
    return accept_arrival(core, &arrival);
}

enum err gossip_accept(struct core *core, uint64_t from, struct way way,
                       const struct signed_object *object, const struct head *head,
                       struct bytes bytes) {
    const struct arrival arrival = {from, way, bytes, object, head, NULL};
    ASSERT(object->kind != OBJECT_REQUEST); /* those are judged first */
    return accept_arrival(core, &arrival);
}

/* Rows come as they came, which may be a certificate before its sponsor's: the members are gone
 * through until nobody new is found. Those that are displaced meanwhile have left the set when that
 * was found out. */
enum err gossip_start(struct core *core) {
    struct id none;
    size_t before = 0;
    enum err err = load_own(core);
    while (err == ERR_OK && community_size(core->community) > before) {
        before = community_size(core->community);
        err = gossip_load_members(core);
    }
    while (community_take_displaced(core->community, &none, &none)) {
    }
    if (err == ERR_OK) {
        err = standing_load(core);
    }
    if (err == ERR_OK) {
        err = epoch_load(core);
    }
    if (err != ERR_OK) {
        return err;
    }
    core->rate = rate_create(COMMUNITY_MEMBERS_MAX);
    err = core->rate == NULL ? ERR_HOST_MEMORY : neighbours_start(core);
    if (err == ERR_OK) {
        err = address_book_load(core);
    }
    if (err == ERR_OK) {
        err = store_object_each(core->store, OBJECT_UNKNOWN, load_object, core);
    }
    if (err == ERR_OK) {
        err = rolls_load(core);
    }
    return err == ERR_OK ? border_load(core) : err;
}

enum err gossip_load_members(struct core *core) {
    return store_object_each(core->store, OBJECT_MEMBER, load_member, core);
}

/* The overlay is told of every message: that of an object is an offer, which says it. */
enum err gossip_message(struct core *core, struct link *link, const struct link_message *message) {
    struct overlay_event event = {.kind = OVERLAY_EV_MESSAGE, .link = link->no, .message = message};
    enum err verdict = ERR_OK;
    switch (message->kind) {
    case LINK_GOSSIP:
        return gossip_take(
            core, link, message->as.gossip.object,
            (struct way){(uint8_t)message->as.gossip.hops, message->as.gossip.everywhere},
            &verdict);
    case LINK_IHAVE:
    case LINK_GRAFT:
    case LINK_PRUNE:
    case LINK_NEIGHBOUR:
    case LINK_WALK:
    case LINK_SHUFFLE:
    case LINK_SHUFFLED:
    case LINK_SYNC:
    case LINK_SYNC_IDS:
    case LINK_SYNC_WANT:
        return neighbours_run(core, &event);
    case LINK_PING:
    case LINK_PONG:
    case LINK_CHECKPOINT:
    case LINK_WITNESSED:
    case LINK_CONSISTENCY:
    case LINK_COSIGNATURE:
    case LINK_FORK:
    case LINK_ATTACHMENT_WANT:
    case LINK_ATTACHMENT_PIECE:
    case LINK_EPOCH:
        event.kind = OVERLAY_EV_HEARD;
        break;
    case LINK_STANDING:
    case LINK_CAUGHT_UP:
    case LINK_JOIN_ASK:
    case LINK_JOIN_MEMBER:
    case LINK_JOIN_WELCOME:
    case LINK_MEET_SHARE:
    case LINK_MEET_CONFIRM:
    case LINK_MEET_CODE:
    case LINK_MEET_COMMIT:
    case LINK_MEET_REVEAL:
    case LINK_OFFER:
    case LINK_WANT:
    case LINK_LEAVES:
    case LINK_PIECES:
    case LINK_RECEIPT:
    case LINK_HEADER:
    case LINK_VOUCH:
    case LINK_CARRY:
    case LINK_CARRIED:
        return ERR_PEER_SEQUENCE;
    }
    enum err err = neighbours_run(core, &event);
    return err == ERR_OK ? other_message(core, link, message) : err;
}

enum err gossip_publish_record(struct core *core) {
    struct store_object newest;
    struct node_record record = {.head = {.community = *community_id(core->community),
                                          .author = core->self,
                                          .created = core->now.wall},
                                 .sequence = (uint64_t)core->now.wall.ms};
    enum err err = store_object_newest(core->store, OBJECT_NODE_RECORD, &core->self, &newest);
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    if (err == ERR_OK && newest.created.ms >= record.head.created.ms) {
        record.head.created.ms = newest.created.ms + 1; /* the clock was set back */
    }
    record.head.expires = instant_add(record.head.created, (struct duration){OBJECT_LIFE_MAX_MS});
    record.log = core->log_public;
    record.address_count = core->config.address_count;
    memcpy(record.addresses, core->config.addresses, sizeof record.addresses);

    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    err = node_record_encode(&record, &body);
    if (err == ERR_OK) {
        err = gossip_publish(core, OBJECT_NODE_RECORD, &record.head, &body);
    }
    if (err == ERR_OK) {
        sha256(buffer_bytes(&body), &core->copy.said); /* its id */
    }
    return err;
}

enum err gossip_publish(struct core *core, enum object_kind kind, const struct head *head,
                        const struct buffer *body) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    struct signed_object object;
    signed_start(kind, buffer_bytes(body), &object);
    enum err err = signed_add(&object, &core->config.keys.sign, &core->node_public);
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    return err == ERR_OK
               ? gossip_accept(core, 0, (struct way){0}, &object, head, buffer_bytes(&bytes))
               : err;
}

enum err gossip_tick(struct core *core) {
    struct overlay_event event = {.kind = OVERLAY_EV_TICK};
    enum err err = neighbours_run(core, &event);
    if (err == ERR_OK) {
        err = attachments_tick(core);
    }
    if (err == ERR_OK) {
        err = gateway_tick(core);
    }
    if (err == ERR_OK && tick_reached(core->now.mono, core->upkeep_due)) {
        err = keep_up(core);
    }
    return err;
}

/* Whether a request stays shows whether this home has a clip for it: so it goes with a slot, which
 * every home writes at the same times (P2). Our own stays until what came for it is to be deleted:
 * it says whom a late delivery is for. */
enum err gossip_forget(struct core *core) {
    struct forgotten found = {.core = core};
    enum err err = store_object_expire(core->store, &core->self, core->now.wall);
    if (err == ERR_OK) {
        err = store_object_each(core->store, OBJECT_REQUEST, visit_own_request, &found);
    }
    for (size_t i = 0; err == ERR_OK && i < found.count; i++) {
        struct store_request row;
        err = store_request_get(core->store, &found.ids[i], &row);
        if (err == ERR_OK && row.sealed_key.len > 0) {
            continue; /* until its key's deletion is on record */
        }
        if (err == ERR_OK || err == ERR_USER_NOT_FOUND) {
            err = store_object_remove(core->store, &found.ids[i]);
        }
    }
    if (err == ERR_OK) {
        err = store_request_expire(core->store);
    }
    if (err == ERR_OK) {
        err = store_call_expire(core->store);
    }
    if (err == ERR_OK) {
        const struct instant since = {core->now.wall.ms - DURATION_DAY_MS};
        err = store_crossed_expire(core->store, since);
    }
    return err == ERR_OK && core->is_member ? owed_slot(core) : err;
}

static enum err visit_own_request(void *context, const struct store_object *row) {
    struct forgotten *found = context;
    struct signed_object object;
    struct request request;
    if (!instant_reached(found->core->now.wall, row->expires) ||
        !core_is_ours(found->core, &row->author) || found->count == COUNT_OF(found->ids)) {
        return ERR_OK;
    }
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &request);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    if (instant_reached(found->core->now.wall, request.terms.delete_by)) {
        found->ids[found->count++] = row->id;
    }
    return ERR_OK;
}

static enum err keep_up(struct core *core) {
    neighbours_forget(core);
    enum err err = refresh_record(core);
    if (err == ERR_OK) {
        err = standing_tick(core);
    }
    if (err == ERR_OK && !core->is_outsider) {
        err = gateway_keep_up(core);
    }
    if (err == ERR_OK) {
        err = address_book_keep(core);
    }
    if (err == ERR_OK) {
        err = store_attachment_expire(core->store, core->now.wall);
    }
    if (err == ERR_OK) {
        err = keep_wanting(core);
    }
    if (err == ERR_OK && core->attachment_due.ms == TICK_NEVER.ms) {
        attachments_look(core);
    }
    if (err == ERR_OK) {
        err = store_invite_expire(core->store, core->now.wall);
        core->doors_stale = true; /* an outsider's time may be over too */
    }
    return err;
}

/* What requests name and there was no room for before: a part of them at each upkeep, all in turn,
 * since to look for room costs more than all else there. */
static enum err keep_wanting(struct core *core) {
    static const struct id any = {{0}};
    struct id *after = &core->wanting_after;
    enum err err = ERR_OK;
    for (int i = 0; err == ERR_OK && i < WANTING_AT_ONCE; i++) {
        if (!requests_next(core->requests, &any, after, after)) {
            *after = any; /* from the first on, the next time */
            break;
        }
        err = want_again(core, after);
    }
    return err;
}

static enum err want_again(struct core *core, const struct id *id) {
    struct store_object row;
    struct signed_object object;
    struct request request;
    enum err err = store_object_get(core->store, id, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    const struct id account = account_of(core, &row.author);
    err = signed_decode(row.object, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &request);
    }
    return err == ERR_OK ? want_papers(core, &request, &account) : ERR_HOST_DATABASE;
}

static enum err refresh_record(struct core *core) {
    struct store_object newest;
    const struct copy *copy = &core->copy;
    enum err err = store_object_newest(core->store, OBJECT_NODE_RECORD, &core->self, &newest);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    bool answers = !id_is_zero(&copy->said) && !id_equal(&copy->said, &newest.id);
    if (answers && !id_equal(&copy->seen, &newest.id)) {
        note_copy(core, &newest.id);
    }
    if (core->now.wall.ms - newest.created.ms > RECORD_REFRESH_MS) {
        answers = false;
    } else if (is_our_record(core, &newest) || (answers && !may_answer_copy(core))) {
        return ERR_OK;
    }
    err = gossip_publish_record(core);
    if (err == ERR_OK && answers) {
        answered_copy(core);
    }
    return err == ERR_FULL_TABLE ? ERR_OK : err; /* again at the next upkeep */
}

static void note_copy(struct core *core, const struct id *record) {
    core->copy.seen = *record;
    core->copy.seen_at = core->now.wall;
    core_journal(core, "warn home: another copy of it runs, or ran: it said where it is");
}

/* It would answer us too, and each record costs this home, as others know it, more than comes back
 * in the time: soon nobody would listen to either. */
static bool may_answer_copy(const struct core *core) {
    const struct duration wait = {core->copy.wait_ms};
    return wait.ms == 0 || tick_reached(core->now.mono, tick_add(core->copy.answered, wait));
}

static void answered_copy(struct core *core) {
    struct copy *copy = &core->copy;
    const struct duration quiet = {2 * (int64_t)COPY_ANSWER_MAX_MS};
    bool anew = copy->wait_ms == 0 || tick_reached(core->now.mono, tick_add(copy->answered, quiet));
    int64_t wait = anew ? COPY_ANSWER_MS : 2 * copy->wait_ms;
    copy->wait_ms = wait < COPY_ANSWER_MAX_MS ? wait : COPY_ANSWER_MAX_MS;
    copy->answered = core->now.mono;
}

/* Another copy of this home that ran has said where it was, and under which log key it went on:
 * until ours is the newest again neighbours cosign no head of ours. */
static bool is_our_record(const struct core *core, const struct store_object *newest) {
    struct signed_object object;
    struct node_record record;
    bool ours = signed_decode(newest->object, &object) == ERR_OK &&
                node_record_decode(object.body, &record) == ERR_OK &&
                sign_public_equal(&record.log, &core->log_public) &&
                record.address_count == core->config.address_count;
    for (size_t i = 0; ours && i < record.address_count; i++) {
        ours = strcmp(record.addresses[i], core->config.addresses[i]) == 0;
    }
    return ours;
}

/* What the overlay has no part in. */
static enum err other_message(struct core *core, struct link *link,
                              const struct link_message *message) {
    struct link_message pong = {.kind = LINK_PONG, .as.ping.nonce = message->as.ping.nonce};
    enum err err = ERR_OK;
    switch ((int)message->kind) {
    case LINK_PONG:
        return ERR_OK;
    case LINK_PING: /* without a nonce a keep-alive: our own says that we are here */
        err = pong.as.ping.nonce == 0 ? ERR_OK : core_send(core, link, &pong);
        return err == ERR_FULL_QUEUE ? ERR_OK : err;
    case LINK_EPOCH:
        return epoch_take(core, &message->as.epoch.removal, message->as.epoch.key);
    case LINK_ATTACHMENT_WANT:
        return attachments_asked(core, link, message);
    case LINK_ATTACHMENT_PIECE:
        return attachments_came(core, link, message);
    default:
        return witness_message(core, link, message);
    }
}

/* By its link's account, or, when it came another way, by what we have. */
static enum err look_up(struct core *core, const struct link *link,
                        const struct overlay_event *offered, enum overlay_verdict *out) {
    if (link == NULL || !link->in_overlay) {
        *out = overlay_look_up(core->overlay, &offered->key.id, offered->reserved, core->now);
        return ERR_OK;
    }
    enum err err = neighbours_run(core, offered);
    *out = core->overlay_actions->verdict;
    return err;
}

/* Whose tokens it costs: its author's, and those of who let that one in; a certificate, which its
 * author made for another, the latter's alone. Ours cost nothing, whoever brings them back. */
static struct rate_object load_of(struct core *core, const struct link *link,
                                  const struct signed_object *object, const struct head *head,
                                  size_t size_bytes) {
    struct rate_object load = {OVERLAY_NOBODY, OVERLAY_NOBODY, size_bytes};
    const struct member *author = community_find(core->community, &head->author);
    if (link == NULL || author == NULL || core_is_ours(core, &head->author)) {
        return load;
    }
    if (object->kind == OBJECT_MEMBER) {
        load.sponsor = neighbours_number(core, &head->author);
    } else {
        load.author = neighbours_number(core, &head->author);
        load.sponsor = neighbours_number(core, &author->head.author);
    }
    return load;
}

static struct id account_of(const struct core *core, const struct id *author) {
    const struct member *member = community_find(core->community, author);
    return member != NULL && member->role == MEMBER_OFFICER ? member->head.author : *author;
}

/* A fault of the link that brought it, or only bad luck or policy? */
static bool ignores(enum err err) {
    return err == ERR_PEER_UNKNOWN || err == ERR_PEER_REPEATED || err == ERR_DENY_TIME ||
           err == ERR_DENY_EXPIRED || err == ERR_DENY_SUSPENDED || err == ERR_DENY_QUOTA ||
           err == ERR_DENY_OTHERS || err == ERR_DENY_CHARTER || err == ERR_DENY_TREATY ||
           err == ERR_DENY_CAP || /* whoever passed it on may have another charter still */
           err == ERR_FULL_TABLE;
}

/* Few and far between, and what others say later depends on them. */
static bool is_urgent(enum object_kind kind) {
    return kind == OBJECT_MEMBER || kind == OBJECT_ACT || kind == OBJECT_REMOVAL;
}

/* ---- accepted objects ---- */

static enum err accept_arrival(struct core *core, const struct arrival *arrival) {
    const struct signed_object *object = arrival->object;
    const struct head *head = arrival->head;
    uint64_t index = 0;
    bool again = false;
    const struct store_object row = {.id = object->id,
                                     .kind = object->kind,
                                     .author = head->author,
                                     .created = head->created,
                                     .expires = head->expires,
                                     .object = arrival->bytes};
    if (!overlay_has_room(core->overlay, arrival->from == 0 || standing_lasts(object->kind))) {
        return ERR_FULL_TABLE;
    }
    enum err err = record_arrival(core, arrival, &index);
    if (err == ERR_OK && (object->kind == OBJECT_NODE_RECORD || object->kind == OBJECT_ROLL)) {
        err = replace_record(core, object->kind, &head->author);
    }
    if (err == ERR_OK && object->kind == OBJECT_CALL_BACK) {
        err = called_record(core, object);
    }
    if (err == ERR_OK) {
        err = store_arrival(core, arrival, &row, index, &again);
    }
    if (err == ERR_OK) {
        struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                      .link = arrival->from,
                                      .hops = arrival->way.hops,
                                      .everywhere = arrival->way.everywhere,
                                      .urgent = is_urgent(object->kind),
                                      .key = {head->created, object->id},
                                      .expires = object->kind == OBJECT_MEMBER ? INSTANT_FOR_GOOD
                                                                               : head->expires};
        err = neighbours_run_about(core, &event, arrival->bytes);
    }
    if (err == ERR_OK) {
        err = take_effect(core, arrival, &row, again);
    }
    return err == ERR_OK && core->is_outsider ? outside_push(core, &row) : err;
}

/* The one that a newer one of the same author takes the place of. */
static enum err replace_record(struct core *core, enum object_kind kind, const struct id *author) {
    struct store_object old;
    enum err err = store_object_newest(core->store, kind, author, &old);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    struct overlay_event event = {.kind = OVERLAY_EV_REPLACED, .key = {old.created, old.id}};
    err = neighbours_run(core, &event);
    return err == ERR_OK ? store_object_remove(core->store, &old.id) : err;
}

static enum err record_arrival(struct core *core, const struct arrival *arrival, uint64_t *index) {
    struct log_entry entry = {.at = core->now.wall, .a = arrival->object->id};
    if (arrival->object->kind == OBJECT_MEMBER) {
        entry.kind = LOG_MEMBER;
        return record_add(core, &entry, index);
    }
    return arrival->object->kind == OBJECT_REQUEST
               ? gossip_record_request(core, &arrival->object->id, arrival->request, index)
               : ERR_OK;
}

enum err gossip_record_request(struct core *core, const struct id *id,
                               const struct request *request, uint64_t *index) {
    bool ours = core_is_ours(core, &request->head.author);
    const struct log_entry entry = {
        .kind = ours ? LOG_REQUEST_MADE : LOG_REQUEST_SEEN,
        .at = core->now.wall,
        .a = *id,
        .numbers = {request->instrument.kind, (uint64_t)(request->to.ms - request->from.ms) / 1000,
                    (uint64_t)geo_place_area_m2(&request->place)}};
    return withheld_record(core, request, &entry, index);
}

static enum err store_arrival(struct core *core, const struct arrival *arrival,
                              const struct store_object *row, uint64_t index, bool *again) {
    if (row->kind != OBJECT_REQUEST) {
        return store_object_add(core->store, row);
    }
    enum err err =
        store_request_add(core->store, row, index, arrival->request->terms.delete_by, again);
    bool ours = core_is_ours(core, &row->author);
    return err == ERR_OK && ours ? store_request_own(core->store, &row->id) : err;
}

/* What follows from it, now that it counts. */
static enum err take_effect(struct core *core, const struct arrival *arrival,
                            const struct store_object *row, bool again) {
    const struct signed_object *object = arrival->object;
    enum err err = ERR_OK;
    switch ((int)row->kind) {
    case OBJECT_ACT:
        return acts_take(core, object);
    case OBJECT_MEMBER:
        return standing_admitted(core, &row->id);
    case OBJECT_ENDORSEMENT:
        return acts_endorsed(core, object);
    case OBJECT_REMOVAL:
        return standing_removal(core, object);
    case OBJECT_RENEWAL:
        return standing_renewal(core, object);
    case OBJECT_NODE_RECORD:
        return neighbours_know(core, &row->author);
    case OBJECT_REQUEST:
        err = gossip_after_request(core, arrival->request, row, again);
        return err == ERR_OK ? gateway_accepted(core, &row->id, row->kind) : err;
    case OBJECT_WITHDRAWAL:
        err = taken_back_withdrawn(core, object);
        return err == ERR_OK ? gateway_accepted(core, &row->id, row->kind) : err;
    case OBJECT_RECEIPT_COMMITMENT:
    case OBJECT_DELETION_RECEIPT:
        return owed_object(core, object);
    case OBJECT_ROLL:
        return rolls_take(core, object);
    case OBJECT_CROSSING:
        return border_crossed(core, arrival->bytes);
    default:
        return ERR_OK;
    }
}

enum err gossip_after_request(struct core *core, const struct request *request,
                              const struct store_object *row, bool again) {
    const struct id account = account_of(core, &row->author);
    enum err err = requests_admit(core->requests, &row->id, request, &account, core->now.wall);
    if (err == ERR_OK) {
        err = want_papers(core, request, &account);
        attachments_look(core);
    }
    if (err == ERR_OK) {
        err = taken_back_by_request(core, &row->id, request);
    }
    if (core_is_ours(core, &row->author)) {
        core->doors_stale = true; /* homes will dial us about it */
        return err;
    }
    return err == ERR_OK && requests_live(core->requests, &row->id) ? told_request(core, row, again)
                                                                    : err;
}

static enum err want_papers(struct core *core, const struct request *request,
                            const struct id *account) {
    struct store_attachment want = {
        .expires = request->head.expires, .account = *account, .due = core->now.wall};
    enum err err = ERR_OK;
    if (request->document.present) {
        want.sha256 = request->document.sha256;
        want.size = request->document.size;
        err = want_paper(core, &want);
    }
    if (err == ERR_OK && request->court_seal.present) {
        want.sha256 = request->court_seal.sha256;
        want.size = request->court_seal.size;
        err = want_paper(core, &want);
    }
    return err;
}

/* Its request goes on without it where there is no room, until there is. */
static enum err want_paper(struct core *core, const struct store_attachment *want) {
    enum err err = attachments_want(core, want);
    return err == ERR_FULL_TABLE ? ERR_OK : err;
}

enum err gossip_append_certificate(struct core *core, const struct id *id, struct buffer *out) {
    struct kept_certificate *kept = kept_certificate(core, id);
    if (kept->len > 0 && id_equal(&kept->id, id)) {
        return buffer_append(out, (struct bytes){kept->bytes, kept->len});
    }
    struct store_object row;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK && row.object.len <= sizeof kept->bytes) {
        kept->id = *id;
        kept->len = row.object.len;
        memcpy(kept->bytes, row.object.at, row.object.len);
    }
    return err == ERR_OK ? buffer_append(out, row.object) : err;
}

/* Where it is, or the place that it may take. */
static struct kept_certificate *kept_certificate(struct core *core, const struct id *id) {
    struct kept_certificate *place = NULL;
    for (uint64_t i = 0; i < CERTIFICATE_PLACES; i++) {
        struct kept_certificate *kept =
            &core->certificates[(read_u64(id->b) + i) % CERTIFICATES_KEPT];
        if (kept->len > 0 && id_equal(&kept->id, id)) {
            return kept;
        }
        place = place == NULL || (place->len > 0 && kept->len == 0) ? kept : place;
    }
    return place;
}

/* ---- start ---- */

/* Those on which all hangs that this home says come first: they are known whether they count or
 * not, as they are not to others. */
static enum err load_own(struct core *core) {
    struct id chain[CHAIN_MAX];
    struct store_object row = {.author = core->self};
    size_t count = 0;
    enum err err = ERR_OK;
    while (err == ERR_OK && !id_is_zero(&row.author) && count < CHAIN_MAX) {
        chain[count++] = row.author;
        err = store_object_get(core->store, &chain[count - 1], &row);
    }
    while (err == ERR_OK && count > 0) {
        err = store_object_get(core->store, &chain[--count], &row);
        err = err == ERR_OK ? load_member(core, &row) : err;
    }
    return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
}

/* It was current when it was admitted, and counts in the chains of those whom it brought; whether
 * they are in standing is judged by the time of each use. */
static enum err load_member(void *context, const struct store_object *row) {
    struct core *core = context;
    struct signed_object object;
    struct member member;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK) {
        err = community_admit(core->community, &object, &member);
        bool waits = err == ERR_PEER_UNKNOWN; /* its sponsor's row comes later */
        bool left_out = err == ERR_DENY_QUOTA || err == ERR_DENY_CHARTER || err == ERR_FULL_TABLE;
        err = waits || left_out ? ERR_OK : err; /* the rest of this home must start all the same */
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

static enum err load_object(void *context, const struct store_object *row) {
    struct core *core = context;
    struct request request;
    if (row->kind != OBJECT_MEMBER && instant_reached(core->now.wall, row->expires)) {
        /* gossip_forget() sees to it; where a member was once it may be still */
        return row->kind == OBJECT_NODE_RECORD ? neighbours_know(core, &row->author) : ERR_OK;
    }
    if (outside_by_act(core, row)) {
        return ERR_OK;
    }
    bool current = true;
    enum err err = is_current(core, row, &current);
    if (err != ERR_OK || !current) {
        return err;
    }
    err = load_taking_back(core, row, &request);
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    /* What came across a border is not passed on by itself. */
    bool foreign = (row->kind == OBJECT_REQUEST || row->kind == OBJECT_WITHDRAWAL) &&
                   community_find(core->community, &row->author) == NULL;
    bool reserved = standing_lasts(row->kind) || core_is_ours(core, &row->author);
    if (!foreign && !overlay_has_room(core->overlay, reserved)) {
        return ERR_OK; /* a neighbour has it; the rest of this home must start all the same */
    }
    if (row->kind == OBJECT_REQUEST) {
        err = load_request(core, row, &request);
        err = err == ERR_FULL_TABLE ? ERR_OK : err; /* nor for one request more than it takes */
    }
    if (err != ERR_OK || foreign) {
        return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
    }
    struct overlay_event event = {.kind = OVERLAY_EV_ACCEPTED,
                                  .key = {row->created, row->id},
                                  .expires =
                                      row->kind == OBJECT_MEMBER ? INSTANT_FOR_GOOD : row->expires};
    err = overlay_step(core->overlay, &event, core->now, 0, core->overlay_actions);
    return err == ERR_OK && row->kind == OBJECT_NODE_RECORD ? neighbours_know(core, &row->author)
                                                            : err;
}

/* What is not has been taken out of the set when that came. */
static enum err is_current(const struct core *core, const struct store_object *row, bool *out) {
    if (row->kind == OBJECT_ACT || row->kind == OBJECT_ENDORSEMENT) {
        return acts_is_current(core, row, out);
    }
    if (row->kind == OBJECT_MEMBER) {
        *out = community_counts(core->community, &row->id);
    } else {
        *out = standing_lasts(row->kind) ||
               (community_counts(core->community, &row->author) &&
                !community_is_removed(core->community, &row->author, NULL));
    }
    return ERR_OK;
}

/* What a withdrawal or an amendment ends; a request is decoded afterwards. */
static enum err load_taking_back(struct core *core, const struct store_object *row,
                                 struct request *request) {
    struct signed_object object;
    if (row->kind != OBJECT_WITHDRAWAL && row->kind != OBJECT_REQUEST) {
        return ERR_OK;
    }
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK && row->kind == OBJECT_WITHDRAWAL) {
        return taken_back_load(core, &object);
    }
    if (err == ERR_OK) {
        err = request_decode(object.body, request);
    }
    if (err == ERR_OK) {
        taken_back_load_request(core, request);
    }
    return err;
}

static enum err load_request(struct core *core, const struct store_object *row,
                             const struct request *request) {
    const struct id account = account_of(core, &row->author);
    bool over = false;
    enum err err = requests_admit(core->requests, &row->id, request, &account, core->now.wall);
    if (err == ERR_OK) {
        err = taken_back(core, &row->id, &over);
    }
    if (over) {
        requests_take_back(core->requests, &row->id);
    }
    attachments_look(core);
    return err;
}
