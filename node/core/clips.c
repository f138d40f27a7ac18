/* From a sealed match to a delivered clip, and the other way round (PROTOCOL 5.4, 6.4, 7). */
#include <stdio.h>
#include <string.h>

#include "crypto/age.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

static enum err ingest_send(struct core *core, const struct ingest_message *message);
static enum err visit_open_request(void *context, const struct store_object *object);
static enum err tell_clips(struct core *core);
static enum err visit_held(void *context, const struct store_clip *clip);
static bool is_held(enum ingest_kind kind);
static enum err take_ingest(struct core *core, const struct ingest_message *message);
static enum err take_match(struct core *core, const struct ingest_message *message);
static enum err note_taken(struct core *core, const struct clip_id *clip);
static enum err tell_taken(struct core *core);
static enum err take_list_done(struct core *core, const struct ingest_message *message);
static enum err take_shred_done(struct core *core, const struct clip_id *clip);
static enum err visit_load(void *context, const struct store_clip *clip);
static enum err remove_orphans(struct core *core);
static enum err visit_file(void *context, const struct id *grant);
static bool names_owners(const struct grant *grant, const struct store_clip *clip);
static enum err end_clip(struct core *core, const struct clip_id *clip, const struct id *request,
                         enum log_kind kind, enum clip_state state);
static enum err let_go(struct core *core, const struct clip_id *clip, const struct id *request,
                       enum clip_state state);
static enum err shred(struct core *core, const struct clip_id *clip);
static enum err deliver(struct core *core, const struct store_clip *clip);
static enum err load_request(struct core *core, const struct id *id, struct request *out);
static enum err act(struct core *core, const struct transfer_action *action);
static enum err start_work(struct core *core, const struct transfer_action *action);
static enum err begin_work(struct core *core, enum core_work_kind kind,
                           const struct transfer_action *action);
static enum err dial_requester(struct core *core, const struct id *grant);
static enum err send_offer(struct core *core, struct link *link, const struct id *grant);
static enum err send_leaves(struct core *core, struct link *link,
                            const struct transfer_action *action);
static enum err send_run(struct core *core, struct link *link,
                         const struct transfer_action *action);
static enum err send_header(struct core *core, struct link *link, const struct id *grant);
static enum err sent(struct core *core, const struct id *grant);
static enum err take_offer(struct core *core, struct link *link,
                           const struct link_message *message);
static enum err check_offer(struct core *core, const struct link_message *message,
                            const struct id *request_id, struct id *grant_id, struct grant *grant);
static enum err take_receipt(struct core *core, struct link *link,
                             const struct link_message *message);
static enum err take_header(struct core *core, struct link *link,
                            const struct link_message *message);
static enum err send_receipt(struct core *core, struct link *link, const struct id *grant,
                             enum receipt_kind kind);
static enum err publish_commitment(struct core *core, const struct id *request,
                                   const struct id *grant, const uint8_t salt[32]);
static enum err delete_overdue(struct core *core);
static enum err visit_own_request(void *context, const struct id *id);
static enum err remove_next(struct core *core);
static enum err deleted(struct core *core, const struct id *what);
static enum err room_for_row(struct core *core, const struct grant *grant);
static enum err visit_undelivered(void *context, const struct store_clip *clip);

struct held_list { /* of what ingest is told when it starts; in parts */
    struct core *core;
    struct ingest_message message;
};

/* What visitors collect, as they may not write. */
struct found_ids {
    struct core *core;
    size_t count;
    struct id ids[64];
};

/* What others cause waits in part of the log's queue only: an owner's decision always has room. */
enum {
    OFFERED_WAITING_MAX = LOG_WAITING_MAX / 2,
    OTHERS_WAITING_MAX = LOG_WAITING_MAX / 4 * 3,
    DELIVERED_OF_HOME_MAX = 8, /* for one request: its cameras, and grants that replace others */
    DELIVERED_MAX = 1024,
};

/* ---- start ---- */

enum err clips_load(struct core *core) {
    enum err err = remove_orphans(core);
    return err == ERR_OK ? store_clip_each(core->store, NULL, visit_load, core) : err;
}

/* Files that no row knows: the node died between making one and its turn's commit, or an old
 * database was put back. Nobody can open them or ask for them; the next start takes what is left.
 */
static enum err remove_orphans(struct core *core) {
    const struct core_disk *disk = &core->config.disk;
    struct found_ids found = {.core = core};
    enum err err = disk->each(disk->context, visit_file, &found);
    for (size_t i = 0; err == ERR_OK && i < found.count; i++) {
        err = disk->remove(disk->context, BYTES_OF(found.ids[i].b));
    }
    if (err != ERR_OK && err != ERR_HOST_DATABASE) {
        core_journal(core, "warn transfer: remains not removed reason=\"%s\"", err_text(err));
        return ERR_OK;
    }
    return err;
}

static enum err visit_file(void *context, const struct id *grant) {
    struct found_ids *found = context;
    struct store_delivered row;
    enum err err = store_delivered_get(found->core->store, grant, &row);
    if (err == ERR_USER_NOT_FOUND && found->count < COUNT_OF(found->ids)) {
        found->ids[found->count++] = *grant;
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static enum err visit_load(void *context, const struct store_clip *clip) {
    struct core *core = context;
    enum err err = ERR_OK;
    switch (clip->state) {
    case CLIP_OPEN:
        return consent_open(core->consent, &clip->clip, &clip->request, clip->expires);
    case CLIP_PART_SIGNED:
        err = consent_open(core->consent, &clip->clip, &clip->request, clip->expires);
        consent_load_part(core->consent, &clip->clip, &clip->grant_id);
        return err;
    case CLIP_GRANTED:
    case CLIP_DELIVERED:
    case CLIP_DECLINED:
    case CLIP_ENDED:
        break; /* deliveries start from clips_tick, endings wait in the log's queue */
    }
    return err;
}

/* ---- ingest ---- */

/* Everything that it may have missed: idempotent, by the ids of requests and clips. */
enum err clips_ingest_up(struct core *core) {
    static struct ingest_message message;
    struct bytes sealed;
    core_journal(core, "info ingest: up");
    enum err err = store_get(core->store, STORE_CAMERAS_INGEST, &sealed);
    if (err == ERR_OK) {
        message =
            (struct ingest_message){.kind = INGEST_CAMERA_LIST, .as.camera_list.sealed = sealed};
        err = ingest_send(core, &message);
    }
    err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    if (err == ERR_OK) {
        err = tell_clips(core);
    }
    if (err == ERR_OK && core->is_member) {
        err = store_object_each(core->store, OBJECT_REQUEST, visit_open_request, core);
    }
    return err;
}

static enum err visit_open_request(void *context, const struct store_object *object) {
    struct core *core = context;
    struct store_request request;
    enum err err = store_request_get(core->store, &object->id, &request);
    if (err == ERR_OK && !request.ours && !request.matched &&
        requests_live(core->requests, &object->id)) {
        err = gossip_request_to_ingest(core, &object->id);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* All of them: what the list leaves out is an orphan to ingest. */
static enum err tell_clips(struct core *core) {
    static struct held_list list; /* large; rebuilt whole by every call */
    list = (struct held_list){.core = core, .message.kind = INGEST_HELD};
    enum err err = store_clip_each(core->store, NULL, visit_held, &list);
    list.message.as.held.last = true;
    return err == ERR_OK ? ingest_send(core, &list.message) : err;
}

static enum err visit_held(void *context, const struct store_clip *clip) {
    struct held_list *list = context;
    struct ingest_message shred = {.kind = INGEST_SHRED, .as.shred.clip = clip->clip};
    enum err err = ERR_OK;
    if (clip->shred_logged) {
        return ingest_send(list->core, &shred);
    }
    if (list->message.as.held.count == COUNT_OF(list->message.as.held.clips)) {
        err = ingest_send(list->core, &list->message);
        list->message.as.held.count = 0;
    }
    list->message.as.held.clips[list->message.as.held.count++] = clip->clip;
    return err;
}

static enum err ingest_send(struct core *core, const struct ingest_message *message) {
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    if (!core->ingest_up) {
        return ERR_OK;
    }
    enum err err = ingest_encode(message, &frame);
    if (err == ERR_OK) {
        err =
            core_effect(core, &(struct core_effect){.kind = CORE_DO_INGEST}, buffer_bytes(&frame));
    }
    return err;
}

/* Held until the slot closes; after a crash ingest tells it again. */
enum err clips_ingest(struct core *core, struct bytes frame) {
    static struct ingest_message message; /* large; rebuilt whole by every call */
    uint8_t len[4];
    enum err err = ingest_decode(frame, &message);
    if (err != ERR_OK) {
        core_journal(core, "warn ingest: bad frame reason=\"%s\"", err_text(err));
        return ERR_OK;
    }
    if (!is_held(message.kind)) {
        return take_ingest(core, &message);
    }
    if (core->held.len + sizeof len + frame.len > core->held.max) {
        err = clips_slot(core);
    }
    write_u32(len, (uint32_t)frame.len);
    if (err == ERR_OK) {
        err = buffer_append(&core->held, BYTES_OF(len));
    }
    return err == ERR_OK ? buffer_append(&core->held, frame) : err;
}

/* Matches are written, and prompts that nobody answered end, with the commit that every home makes
 * at the end of a slot. A commit of their own would hold up what the node answers meanwhile, and so
 * tell whoever asks it something all the time that there was a match (P2). A decision that comes
 * between a prompt's end and the slot's is late all the same: consent looks at the time. */
enum err clips_slot(struct core *core) {
    static struct ingest_message message;
    struct bytes rest = buffer_bytes(&core->held);
    struct clip_id clip;
    struct id request;
    enum err err = ERR_OK;
    while (err == ERR_OK && rest.len > 0) {
        size_t len = read_u32(rest.at);
        err = ingest_decode((struct bytes){rest.at + 4, len}, &message);
        ASSERT(err == ERR_OK); /* clips_ingest has decoded it once */
        err = take_ingest(core, &message);
        err = core_is_fatal(err) ? err : ERR_OK; /* ingest offers it again */
        rest.at += 4 + len;
        rest.len -= 4 + len;
    }
    buffer_finish(&core->held);
    if (err == ERR_OK) {
        err = tell_taken(core);
    }
    for (size_t i = 0;
         err == ERR_OK && i < ENDINGS_A_SLOT && record_has_room(core, 2 + RECORD_KEPT) &&
         consent_expire(core->consent, core->now.wall, &clip, &request);
         i++) {
        err = end_clip(core, &clip, &request, LOG_EXPIRED, CLIP_ENDED);
    }
    for (size_t i = 0;
         err == ERR_OK && i < ENDINGS_A_SLOT && record_has_room(core, 1 + RECORD_KEPT); i++) {
        err = store_clip_next_over(core->store, core->now.wall, &clip, &request);
        if (err == ERR_USER_NOT_FOUND) {
            return ERR_OK;
        }
        if (err == ERR_OK) {
            err = let_go(core, &clip, &request, CLIP_ENDED);
        }
    }
    return err;
}

static bool is_held(enum ingest_kind kind) {
    return kind == INGEST_MATCH || kind == INGEST_REQUEST_DONE || kind == INGEST_PERIOD ||
           kind == INGEST_SHRED_DONE;
}

static enum err take_ingest(struct core *core, const struct ingest_message *message) {
    struct log_entry period = {.kind = LOG_FOOTAGE, .at = core->now.wall};
    switch (message->kind) {
    case INGEST_HELLO:
        core->camera_list_version = message->as.hello.camera_list_version;
        return ERR_OK;
    case INGEST_CAMERA_LIST_DONE:
        return take_list_done(core, message);
    case INGEST_MATCH:
        return take_match(core, message);
    case INGEST_REQUEST_DONE:
        return store_request_matched(core->store, &message->as.request_done.request);
    case INGEST_PERIOD:
        period.a = message->as.period.commitment;
        return record_has_room(core, 1 + RECORD_KEPT) ? record_add(core, &period, NULL)
                                                      : ERR_FULL_QUEUE;
    case INGEST_SHRED_DONE:
        return take_shred_done(core, &message->as.shred_done.clip);
    case INGEST_CAMERA_LIST:
    case INGEST_REQUEST:
    case INGEST_SHRED:
    case INGEST_HELD:
        break; /* ours to send */
    }
    return ERR_OK;
}

static enum err take_list_done(struct core *core, const struct ingest_message *message) {
    enum err result = message->as.camera_list_done.err;
    uint64_t client = core->camera_client;
    enum err err = store_remove(core->store, STORE_CAMERAS_INGEST);
    core->camera_client = 0;
    if (err == ERR_OK && result == ERR_OK) {
        struct log_entry entry = {.kind = LOG_CAMERA_LIST,
                                  .at = core->now.wall,
                                  .numbers = {message->as.camera_list_done.version}};
        core->camera_list_version = message->as.camera_list_done.version;
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK && client != 0) {
        err = control_done(core, client, result, "");
    }
    return err;
}

/* Only what was shredded on record is forgotten: ingest is not believed any more than that. */
static enum err take_shred_done(struct core *core, const struct clip_id *clip) {
    struct store_clip row;
    enum err err = store_clip_get(core->store, clip, &row);
    if (err == ERR_USER_NOT_FOUND || (err == ERR_OK && !row.shred_logged)) {
        return ERR_OK;
    }
    return err == ERR_OK ? store_clip_remove(core->store, clip) : err;
}

static enum err take_match(struct core *core, const struct ingest_message *message) {
    struct store_object row;
    struct store_clip known;
    struct clip_id id = message->as.match.clip;
    struct ingest_message gone = {.kind = INGEST_SHRED, .as.shred.clip = id};
    enum err err = store_clip_get(core->store, &id, &known);
    if (err == ERR_OK) { /* sent again after a restart; a prompt that has ended stays so */
        return known.shred_logged ? ingest_send(core, &gone) : note_taken(core, &id);
    }
    if (err == ERR_USER_NOT_FOUND) {
        err = store_object_get(core->store, &message->as.match.request, &row);
    }
    if (err == ERR_USER_NOT_FOUND || !requests_live(core->requests, &message->as.match.request)) {
        return ingest_send(core, &gone); /* its request has ended meanwhile */
    }
    if (err == ERR_OK && !record_has_room(core, 1 + RECORD_KEPT)) {
        err = ERR_FULL_QUEUE; /* ingest offers it again */
    }
    if (err == ERR_OK) {
        err = consent_open(core->consent, &id, &message->as.match.request, row.expires);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct store_clip clip = {.clip = id,
                              .request = message->as.match.request,
                              .state = CLIP_OPEN,
                              .expires = row.expires,
                              .payload_size = message->as.match.payload_size,
                              .payload_root = message->as.match.payload_root,
                              .header = message->as.match.header,
                              .manifest = message->as.match.manifest,
                              .owner_count = message->as.match.owner_count};
    memcpy(clip.owners, message->as.match.owners, sizeof clip.owners);
    struct log_entry entry = {.kind = LOG_MATCH, .at = core->now.wall, .a = clip.request};
    memcpy(entry.b.b, id.b, sizeof id.b);
    err = store_clip_add(core->store, &clip);
    if (err == ERR_OK) {
        char code[REQUEST_CODE_BYTES];
        request_code(&clip.request, code);
        core_journal(core, "info consent: prompt opened request=%.4s", code);
        err = record_add(core, &entry, NULL);
    }
    return err == ERR_OK ? note_taken(core, &id) : err;
}

/* Ingest hears of it after the commit: until then it would have to tell it again. */
static enum err note_taken(struct core *core, const struct clip_id *clip) {
    enum err err = ERR_OK;
    if (core->taken.as.held.count == COUNT_OF(core->taken.as.held.clips)) {
        err = tell_taken(core);
    }
    core->taken.as.held.clips[core->taken.as.held.count++] = *clip;
    return err;
}

static enum err tell_taken(struct core *core) {
    enum err err = ERR_OK;
    core->taken.kind = INGEST_HELD;
    if (core->taken.as.held.count > 0) {
        err = ingest_send(core, &core->taken);
        core->taken.as.held.count = 0;
    }
    return err;
}

/* ---- consent ---- */

enum err clips_decide(struct core *core, struct bytes bytes) {
    struct signed_object object;
    struct decision decision;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    if (!record_has_room(core, 2)) {
        return ERR_FULL_QUEUE; /* the owner asks again after a slot */
    }
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = decision_decode(object.body, &decision);
    }
    if (err == ERR_OK) {
        err = consent_decline(core->consent, &object, &decision,
                              community_find(core->community, &core->self), core->now.wall);
    }
    return err == ERR_OK
               ? end_clip(core, &decision.clip, &decision.request, LOG_DECLINED, CLIP_DECLINED)
               : err;
}

enum err clips_grant(struct core *core, struct bytes bytes, struct bytes header,
                     struct bytes manifest) {
    struct signed_object object;
    struct grant grant;
    struct store_clip clip;
    bool complete = false;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    if (!record_has_room(core, 2)) {
        return ERR_FULL_QUEUE; /* the owner asks again after a slot */
    }
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = grant_decode(object.body, &grant);
    }
    if (err == ERR_OK) {
        err = store_clip_get(core->store, &grant.clip, &clip);
        err = err == ERR_USER_NOT_FOUND ? ERR_USER_NO_CLIP : err;
    }
    if (err == ERR_OK && (clip.payload_size != grant.payload_size ||
                          !id_equal(&clip.payload_root, &grant.payload_root))) {
        err = ERR_PEER_BOUNDS; /* not the clip that lies in the vault */
    }
    if (err == ERR_OK && !names_owners(&grant, &clip)) {
        err = ERR_USER_NOT_OWNER;
    }
    size_t header_len = 0;
    bool has_header = age_header_length(header, &header_len) && header_len == header.len &&
                      header.len <= HEADER_MAX && manifest.len > 0;
    if (err == ERR_OK) {
        err = consent_grant(core->consent, &object, &grant, &core->self,
                            community_find(core->community, &core->self), has_header,
                            core->now.wall, &complete);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct log_entry entry = {.kind = LOG_SIGNED, .at = core->now.wall, .a = object.id};
    memcpy(entry.b.b, grant.clip.b, sizeof grant.clip.b);
    struct bytes none = {NULL, 0};
    err = store_clip_set_grant(core->store, &grant.clip, bytes, &object.id,
                               complete ? header : none, complete ? manifest : none);
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK && complete) { /* goes when this entry is in its slot: clips_recorded */
        entry.kind = LOG_DISCLOSURE;
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) {
        err = store_clip_set_state(core->store, &grant.clip,
                                   complete ? CLIP_GRANTED : CLIP_PART_SIGNED,
                                   complete ? grant.expires : clip.expires);
    }
    if (err == ERR_OK) {
        core_journal(core, "info consent: %s", complete ? "granted" : "signed in part");
    }
    return err;
}

/* The camera's owners, as ingest has them from the list that they signed, and nobody else. */
static bool names_owners(const struct grant *grant, const struct store_clip *clip) {
    size_t found = 0;
    for (size_t i = 0; i < clip->owner_count; i++) {
        bool named = false;
        for (size_t k = 0; k < grant->owner_count; k++) {
            named |= sign_public_equal(&clip->owners[i], &grant->owners[k]);
        }
        found += named;
    }
    return clip->owner_count > 0 && found == clip->owner_count && found == grant->owner_count;
}

static enum err end_clip(struct core *core, const struct clip_id *clip, const struct id *request,
                         enum log_kind kind, enum clip_state state) {
    struct log_entry entry = {.kind = kind, .at = core->now.wall, .a = *request};
    memcpy(entry.b.b, clip->b, sizeof clip->b);
    enum err err = record_add(core, &entry, NULL);
    return err == ERR_OK ? let_go(core, clip, request, state) : err;
}

/* Shredded when the entry is in its slot: clips_recorded. */
static enum err let_go(struct core *core, const struct clip_id *clip, const struct id *request,
                       enum clip_state state) {
    struct log_entry entry = {.kind = LOG_SHRED, .at = core->now.wall, .a = *request};
    memcpy(entry.b.b, clip->b, sizeof clip->b);
    enum err err = store_clip_set_state(core->store, clip, state, core->now.wall);
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

/* A private entry is in its slot, in this turn: what waited for it happens now, and takes effect
 * after the turn's commit. Doing it twice is harmless. */
enum err clips_recorded(struct core *core, const struct log_entry *entry) {
    struct clip_id id;
    struct store_clip clip;
    memcpy(id.b, entry->b.b, sizeof id.b);
    if (entry->kind == LOG_DELETED) {
        return deleted(core, &entry->a);
    }
    if (entry->kind == LOG_SHRED) {
        return shred(core, &id);
    }
    if (entry->kind != LOG_DISCLOSURE) {
        return ERR_OK;
    }
    enum err err = store_clip_set_disclosed(core->store, &id);
    if (err == ERR_OK) {
        err = store_clip_get(core->store, &id, &clip);
    }
    if (err == ERR_USER_NOT_FOUND || (err == ERR_OK && clip.state != CLIP_GRANTED)) {
        return ERR_OK; /* it has ended while this waited */
    }
    return err == ERR_OK ? deliver(core, &clip) : err;
}

/* The row outlives its contents until ingest has answered. */
static enum err shred(struct core *core, const struct clip_id *clip) {
    struct ingest_message message = {.kind = INGEST_SHRED, .as.shred.clip = *clip};
    enum err err = store_clip_shred(core->store, clip);
    return err == ERR_OK ? ingest_send(core, &message) : err;
}

/* ---- sending ---- */

static enum err deliver(struct core *core, const struct store_clip *clip) {
    struct transfer_clip send = {.grant = clip->grant_id,
                                 .clip = clip->clip,
                                 .requester = clip->request,
                                 .payload_size = clip->payload_size,
                                 .expires = clip->expires};
    enum err err = transfer_send(core->transfer, &send, core->now);
    return err == ERR_FULL_TABLE ? ERR_OK : err; /* clips_tick offers it again */
}

enum err clips_run(struct core *core, const struct transfer_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        enum err err = act(core, &actions->list[i]);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err act(struct core *core, const struct transfer_action *action) {
    struct link *link = core_link(core, action->link);
    struct link_message want = {.kind = LINK_WANT};
    enum err err = ERR_OK;
    bool needs_link = action->kind != TRANSFER_ACT_DIAL && action->kind != TRANSFER_ACT_SENT &&
                      action->kind != TRANSFER_ACT_STORE && action->kind != TRANSFER_ACT_SYNC &&
                      action->kind != TRANSFER_ACT_DURABLE;
    if (link == NULL && needs_link) {
        return ERR_OK;
    }
    switch (action->kind) {
    case TRANSFER_ACT_DIAL:
        return dial_requester(core, &action->grant);
    case TRANSFER_ACT_SENT:
        return sent(core, &action->grant);
    case TRANSFER_ACT_SEND_OFFER:
        return send_offer(core, link, &action->grant);
    case TRANSFER_ACT_SEND_LEAVES:
        err = send_leaves(core, link, action);
        if (err == ERR_HOST_DISK ||
            err == ERR_USER_NOT_FOUND) { /* of the vault: tried again later */
            core_journal(core, "warn transfer: sealed clip cannot be read grant=%02x%02x",
                         action->grant.b[0], action->grant.b[1]);
            return core_close(core, link, NULL);
        }
        return err;
    case TRANSFER_ACT_SEND_RUN:
        return send_run(core, link, action);
    case TRANSFER_ACT_SEND_HEADER:
        return send_header(core, link, &action->grant);
    case TRANSFER_ACT_SEND_WANT:
        want.as.want.grant = action->grant;
        want.as.want.next_leaf = action->count;
        want.as.want.next_piece = action->first;
        return core_send(core, link, &want);
    case TRANSFER_ACT_STORE:
    case TRANSFER_ACT_SYNC:
        return start_work(core, action);
    case TRANSFER_ACT_DURABLE:
        return store_delivered_set_received(core->store, &action->grant, action->offset);
    case TRANSFER_ACT_PAYLOAD_HELD:
        return send_receipt(core, link, &action->grant, RECEIPT_PAYLOAD);
    case TRANSFER_ACT_CLOSE:
        return core_close(core, link, NULL);
    }
    return ERR_OK;
}

/* There are as many places as the engine has blocks and receivers. Whatever is started comes back
 * by clips_worked(), so an effect that finds no room has failed there and then. */
static enum err start_work(struct core *core, const struct transfer_action *action) {
    return begin_work(core, action->kind == TRANSFER_ACT_STORE ? WORK_STORE : WORK_SYNC, action);
}

static enum err begin_work(struct core *core, enum core_work_kind kind,
                           const struct transfer_action *action) {
    struct core_work *work = core->works;
    while (work->kind != WORK_NONE) {
        work++;
        ASSERT(work < core->works + COUNT_OF(core->works));
    }
    *work = (struct core_work){.kind = kind,
                               .disk = &core->config.disk,
                               .grant = action->grant,
                               .block = action->block,
                               .receiver = action->receiver};
    enum err err = core_effect(core, &(struct core_effect){.kind = CORE_DO_WORK, .work = work},
                               (struct bytes){NULL, 0});
    core->work_waits = true;
    if (err != ERR_OK) {
        work->result = err;
        return clips_worked(core, work);
    }
    return ERR_OK;
}

/* Another thread runs this: nothing of core but the work itself and what may be shared. */
void core_work_do(struct core_work *work) {
    struct bytes name = BYTES_OF(work->grant.b);
    switch (work->kind) {
    case WORK_STORE:
        work->result =
            transfer_block_good(work->block)
                ? work->disk->write(work->disk->context, name, piece_offset(work->block->first),
                                    (struct bytes){work->block->data, work->block->len})
                : ERR_PEER_TREE;
        break;
    case WORK_SYNC:
        work->result = work->disk->sync(work->disk->context, name);
        break;
    case WORK_REMOVE:
        work->result = work->disk->remove(work->disk->context, name);
        break;
    case WORK_NONE:
        ASSERT(false);
    }
}

/* A disk that cannot take someone's clip ends that delivery and nothing else. */
enum err clips_worked(struct core *core, struct core_work *work) {
    struct transfer_actions actions;
    struct core_work done = *work;
    work->kind = WORK_NONE;
    if (done.kind == WORK_REMOVE) {
        if (done.result == ERR_OK) {
            core->shredded = true;
            enum err err = store_delivered_delete(core->store, &done.grant, DELETION_DONE);
            return err == ERR_OK ? remove_next(core) : err;
        }
        core_journal(core, "warn transfer: not yet deleted grant=%02x%02x reason=\"%s\"",
                     done.grant.b[0], done.grant.b[1], err_text(done.result));
        return ERR_OK; /* upkeep tries again */
    }
    if (done.result != ERR_OK) {
        core_journal(core, "warn transfer: broken off grant=%02x%02x reason=\"%s\"",
                     done.grant.b[0], done.grant.b[1], err_text(done.result));
    }
    if (done.kind == WORK_STORE) {
        transfer_stored(core->transfer, done.block, done.result, core->now, &actions);
    } else {
        transfer_synced(core->transfer, done.receiver, done.result, core->now, &actions);
    }
    return clips_run(core, &actions);
}

static enum err load_request(struct core *core, const struct id *id, struct request *out) {
    struct store_object row;
    struct signed_object object;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    return err == ERR_OK ? request_decode(object.body, out) : err;
}

static enum err dial_requester(struct core *core, const struct id *grant) {
    struct store_clip clip;
    struct request request;
    struct transport_door_key door;
    uint8_t secret[32];
    uint64_t link = 0;
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    if (err == ERR_OK) {
        err = load_request(core, &clip.request, &request);
    }
    if (err == ERR_OK) {
        request_delivery_psk(&clip.request, &request.key, secret);
        err = core_door(core, TRANSPORT_DELIVERY, BYTES_OF(secret), &request.head.community, 0,
                        &door);
    }
    size_t start = err == ERR_OK ? core_random(core) % request.address_count : 0;
    for (size_t i = 0; err == ERR_OK && i < request.address_count; i++) {
        const char *address = request.addresses[(start + i) % request.address_count];
        if (core_may_dial(core, address)) {
            err = core_dial(core, PURPOSE_DELIVERY, grant, address, &door, &request.transport,
                            (struct bytes){NULL, 0}, &link);
            break;
        }
    }
    return err == ERR_USER_NOT_FOUND || err == ERR_FULL_LINKS || err == ERR_PEER_HANDSHAKE ? ERR_OK
                                                                                           : err;
}

enum err clips_established(struct core *core, struct link *link) {
    struct transfer_actions actions;
    if (link->purpose != PURPOSE_DELIVERY) {
        return ERR_OK; /* a home has come to us: it speaks first */
    }
    transfer_link_up(core->transfer, &link->about, link->no, core->now, &actions);
    return clips_run(core, &actions);
}

static enum err send_offer(struct core *core, struct link *link, const struct id *grant) {
    struct store_clip clip;
    struct store_object own;
    struct link_message message = {.kind = LINK_OFFER};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    if (err == ERR_OK) {
        err = buffer_append(&bytes, clip.grant);
    }
    if (err == ERR_OK) {
        err = store_object_get(core->store, &core->self, &own);
    }
    if (err == ERR_OK) {
        message.as.offer.grant = buffer_bytes(&bytes);
        message.as.offer.member = own.object;
        err = core_send(core, link, &message);
    }
    return err;
}

/* Ingest left them beside the payload. Nobody needs to believe it: the receiver checks them against
 * the granted root. */
static enum err send_leaves(struct core *core, struct link *link,
                            const struct transfer_action *action) {
    struct link_message *message = &core->message;
    *message = (struct link_message){.kind = LINK_LEAVES};
    message->as.leaves.grant = action->grant;
    message->as.leaves.first = action->first;
    message->as.leaves.count = (size_t)action->count;
    enum err err = core->config.disk.read(
        core->config.disk.context, CORE_FILE_LEAVES, BYTES_OF(action->clip.b),
        action->first * sizeof message->as.leaves.hashes[0], message->as.leaves.hashes[0].b,
        message->as.leaves.count * sizeof message->as.leaves.hashes[0]);
    return err == ERR_OK ? core_send(core, link, message) : err;
}

static enum err send_run(struct core *core, struct link *link,
                         const struct transfer_action *action) {
    struct link_message message = {.kind = LINK_PIECES};
    message.as.pieces.grant = action->grant;
    message.as.pieces.first = action->first;
    message.as.pieces.bytes = action->bytes;
    enum err err = core_send(core, link, &message);
    size_t before = core->bytes.len;
    if (err == ERR_OK && core->effect_count + 2 > CORE_EFFECTS_MAX) {
        err = ERR_FULL_QUEUE;
    }
    if (err == ERR_OK) {
        err = transport_send_bulk(link->transport, action->bytes, &core->bytes);
    }
    if (err == ERR_OK) {
        core->effect_at[core->effect_count] = before;
        core->effects[core->effect_count++] = (struct core_effect){
            .kind = CORE_DO_SEND, .link = link->no, .data = {NULL, core->bytes.len - before}};
        core->effects[core->effect_count++] = (struct core_effect){.kind = CORE_DO_SEND_FILE,
                                                                   .link = link->no,
                                                                   .clip = action->clip,
                                                                   .offset = action->offset,
                                                                   .length = action->bytes};
    }
    return err;
}

/* The manifest in parts, then the header: what opens the clip is the very last thing to go. */
static enum err send_header(struct core *core, struct link *link, const struct id *grant) {
    struct store_clip clip;
    SCOPED(buffer_finish) struct buffer manifest = {.max = SEALED_MANIFEST_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    if (err == ERR_OK) {
        err = buffer_append(&manifest, clip.granted_manifest);
    }
    if (err == ERR_OK) {
        err = buffer_append(&header, clip.granted_header);
    }
    for (size_t at = 0; err == ERR_OK && at < manifest.len; at += LINK_DATA_MAX) {
        size_t left = manifest.len - at;
        struct link_message part = {.kind = LINK_HEADER};
        part.as.header.grant = *grant;
        part.as.header.manifest =
            (struct bytes){manifest.at + at, left < LINK_DATA_MAX ? left : LINK_DATA_MAX};
        part.as.header.manifest_size = (uint32_t)manifest.len;
        part.as.header.manifest_offset = (uint32_t)at;
        link->queued = 0; /* bounded by SEALED_MANIFEST_MAX */
        err = core_send(core, link, &part);
    }
    if (err == ERR_OK) {
        struct link_message last = {.kind = LINK_HEADER};
        last.as.header.grant = *grant;
        last.as.header.header = buffer_bytes(&header);
        last.as.header.manifest_size = (uint32_t)manifest.len;
        last.as.header.manifest_offset = (uint32_t)manifest.len;
        link->queued = 0;
        err = core_send(core, link, &last);
    }
    return err;
}

static enum err sent(struct core *core, const struct id *grant) {
    struct store_clip clip;
    if (!record_has_room(core, 1 + RECORD_KEPT)) {
        return ERR_OK; /* not on record: clips_tick offers it again, and it is receipted again */
    }
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    if (err != ERR_OK || clip.state != CLIP_GRANTED) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    struct log_entry entry = {.kind = LOG_SENT, .at = core->now.wall, .a = *grant};
    struct clip_id id = clip.clip;
    memcpy(entry.b.b, id.b, sizeof id.b);
    err = store_clip_set_state(core->store, &id, CLIP_DELIVERED, clip.expires);
    core_journal(core, "info transfer: delivered grant=%02x%02x", grant->b[0], grant->b[1]);
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

static enum err take_receipt(struct core *core, struct link *link,
                             const struct link_message *message) {
    struct signed_object object;
    struct receipt receipt;
    struct store_clip clip;
    struct request request;
    struct transfer_actions actions;
    enum err err = signed_decode(message->as.receipt.receipt, &object);
    if (err == ERR_OK) {
        err = receipt_decode(object.body, &receipt);
    }
    if (err == ERR_OK) {
        err = store_clip_by_grant(core->store, &receipt.grant, &clip);
        err = err == ERR_USER_NOT_FOUND ? ERR_PEER_UNKNOWN : err;
    }
    if (err == ERR_OK) {
        err = load_request(core, &clip.request, &request);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct member *requester = community_find(core->community, &request.head.author);
    if (object.kind != OBJECT_RECEIPT || !id_equal(&receipt.request, &clip.request) ||
        requester == NULL || !signed_by(&object, &requester->node)) {
        return ERR_PEER_SIGNATURE;
    }
    err = transfer_take_receipt(core->transfer, link->no, &receipt.grant, receipt.kind, &actions);
    return err == ERR_OK ? clips_run(core, &actions) : err;
}

/* ---- receiving ---- */

enum err clips_message(struct core *core, struct link *link, const struct link_message *message) {
    struct transfer_actions actions = {.count = 0};
    bool sender = link->purpose == PURPOSE_DELIVERY;
    enum err err = ERR_PEER_SEQUENCE;
    if (sender && message->kind == LINK_WANT) {
        err = transfer_take_want(core->transfer, link->no, message, &actions);
    } else if (sender && message->kind == LINK_RECEIPT) {
        return take_receipt(core, link, message);
    } else if (!sender && message->kind == LINK_OFFER) {
        return take_offer(core, link, message);
    } else if (!sender && message->kind == LINK_LEAVES) {
        err = transfer_take_leaves(core->transfer, link->no, message, core->now);
    } else if (!sender && message->kind == LINK_PIECES) {
        err = transfer_take_pieces(core->transfer, link->no, message);
    } else if (!sender && message->kind == LINK_HEADER) {
        return take_header(core, link, message);
    }
    return err == ERR_OK ? clips_run(core, &actions) : err;
}

enum err clips_bulk(struct core *core, struct link *link, struct bytes data) {
    while (data.len > 0) {
        struct transfer_actions actions;
        size_t taken = 0;
        enum err err =
            transfer_take_bulk(core->transfer, link->no, data, core->now, &taken, &actions);
        if (err == ERR_OK) {
            err = clips_run(core, &actions);
        }
        if (err != ERR_OK) {
            return err;
        }
        data.at += taken;
        data.len -= taken;
    }
    return ERR_OK;
}

static enum err take_offer(struct core *core, struct link *link,
                           const struct link_message *message) {
    struct id grant_id;
    struct grant grant;
    struct store_delivered known;
    struct transfer_actions actions;
    uint64_t received = 0;
    enum err err = check_offer(core, message, &link->about, &grant_id, &grant);
    if (err != ERR_OK) {
        return err;
    }
    err = transfer_may_receive(core->transfer, link->no, &grant, &grant_id);
    if (err != ERR_OK) {
        return err;
    }
    err = store_delivered_get(core->store, &grant_id, &known);
    bool new_row = err == ERR_USER_NOT_FOUND;
    if (err == ERR_OK && known.deletion != DELETION_NONE) {
        err = ERR_DENY_EXPIRED; /* whatever the clock says now */
    } else if (err == ERR_OK) {
        received = known.received;
        uint8_t last = 0;
        if (received > 0) {
            err = core->config.disk.read(core->config.disk.context, CORE_FILE_DELIVERED,
                                         BYTES_OF(grant_id.b), received - 1, &last, 1);
        }
        if (err == ERR_USER_NOT_FOUND) { /* an old copy of the database, or a file that was lost */
            received = 0;
            err = store_delivered_set_received(core->store, &grant_id, 0);
        }
        err = err == ERR_HOST_DISK ? ERR_FULL_DISK : err;
    } else if (new_row) {
        err = room_for_row(core, &grant);
    }
    if (err == ERR_OK) {
        uint64_t missing = grant.payload_size - received;
        missing += missing == 0 ? 0 : transfer_missing(core->transfer, &grant_id);
        err = core->config.disk.make(core->config.disk.context, BYTES_OF(grant_id.b), missing);
        err = err == ERR_HOST_DISK ? ERR_FULL_DISK
                                   : err; /* this one cannot be had; all else goes on */
    }
    if (err == ERR_OK) {
        err = transfer_receive(core->transfer, link->no, &grant, &grant_id, received, core->now,
                               &actions);
    }
    if (err == ERR_OK && new_row) {
        struct store_delivered row = {.grant = grant_id,
                                      .request = grant.request,
                                      .home = grant.home,
                                      .signed_grant = message->as.offer.grant,
                                      .member = message->as.offer.member,
                                      .payload_size = grant.payload_size,
                                      .delete_by = grant.terms.delete_by};
        struct log_entry entry = {
            .kind = LOG_OFFERED, .at = core->now.wall, .a = grant_id, .b = grant.request};
        core_random_bytes(core, row.salt, sizeof row.salt);
        err = store_delivered_add(core->store, &row);
        if (err == ERR_OK) {
            err = record_add(core, &entry, NULL);
        }
    }
    if (err == ERR_OK) {
        core_journal(core, "info transfer: offered grant=%02x%02x held=%llu of=%llu", grant_id.b[0],
                     grant_id.b[1], (unsigned long long)received,
                     (unsigned long long)grant.payload_size);
    }
    return err == ERR_OK ? clips_run(core, &actions) : err;
}

/* Each distinct grant that a home signs costs us a row and an entry, until its delete-by. */
static enum err room_for_row(struct core *core, const struct grant *grant) {
    size_t of_home = 0;
    size_t all = 0;
    if (log_waiting(core->log) >= OFFERED_WAITING_MAX) {
        return ERR_FULL_QUEUE; /* until the next slot: the home dials again */
    }
    enum err err = store_delivered_count(core->store, &grant->request, &grant->home, &of_home);
    if (err == ERR_OK) {
        err = store_delivered_count(core->store, NULL, NULL, &all);
    }
    bool fits = of_home < DELIVERED_OF_HOME_MAX && all < DELIVERED_MAX;
    return err == ERR_OK && !fits ? ERR_FULL_TABLE : err;
}

/* Ours to have: granted for this very request and its key, by all the owners it names, who are
 * owners of a home in good standing. */
static enum err check_offer(struct core *core, const struct link_message *message,
                            const struct id *request_id, struct id *grant_id, struct grant *grant) {
    struct signed_object grant_object;
    struct signed_object member_object;
    struct member member;
    struct request request;
    enum err err = signed_decode(message->as.offer.grant, &grant_object);
    if (err == ERR_OK) {
        err = grant_decode(grant_object.body, grant);
    }
    if (err == ERR_OK) {
        err = signed_decode(message->as.offer.member, &member_object);
    }
    if (err == ERR_OK) {
        err = member_decode(member_object.body, &member);
    }
    if (err == ERR_OK) {
        err = load_request(core, request_id, &request);
    }
    if (err == ERR_OK) {
        err = grant_verify(&grant_object, grant);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (community_find(core->community, &member_object.id) == NULL) {
        err = community_admit(core->community, &member_object, &member, core->now.wall);
    }
    if (err == ERR_OK && (!id_equal(&grant->home, &member_object.id) ||
                          !community_in_standing(core->community, &grant->home, core->now.wall))) {
        err = ERR_PEER_CERTIFICATE;
    }
    for (size_t i = 0; err == ERR_OK && i < grant->owner_count; i++) {
        bool owner = false;
        for (size_t k = 0; k < member.owner_count; k++) {
            owner |= sign_public_equal(&grant->owners[i], &member.owners[k].sign);
        }
        err = owner ? ERR_OK : ERR_PEER_CERTIFICATE;
    }
    bool ours = id_equal(&grant->request, request_id) &&
                box_public_equal(&grant->recipient, &request.key) &&
                grant->from.ms >= request.from.ms && grant->to.ms <= request.to.ms &&
                grant->terms.delete_by.ms <= request.terms.delete_by.ms;
    if (err == ERR_OK && !ours) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK && (instant_reached(core->now.wall, grant->expires) ||
                          instant_reached(core->now.wall, grant->terms.delete_by))) {
        err = ERR_DENY_EXPIRED;
    }
    *grant_id = grant_object.id;
    return err;
}

static enum err take_header(struct core *core, struct link *link,
                            const struct link_message *message) {
    struct id grant;
    bool held = false;
    if (!transfer_receiving(core->transfer, link->no, &grant, &held) || !held ||
        !id_equal(&grant, &message->as.header.grant) ||
        message->as.header.manifest_offset != link->manifest.len) {
        return ERR_PEER_SEQUENCE;
    }
    enum err err = buffer_append(&link->manifest, message->as.header.manifest);
    if (err != ERR_OK || message->as.header.header.len == 0) {
        return err;
    }
    size_t len = 0;
    if (link->manifest.len == 0 || link->manifest.len != message->as.header.manifest_size ||
        !age_header_length(message->as.header.header, &len) ||
        len != message->as.header.header.len) {
        return ERR_PEER_BOUNDS;
    }
    struct store_delivered row;
    err = store_delivered_get(core->store, &grant, &row);
    if (err != ERR_OK) {
        return err;
    }
    bool first = row.completed.ms == 0;
    if (row.deletion != DELETION_NONE) {
        return ERR_DENY_EXPIRED;
    }
    if (first && log_waiting(core->log) >= OTHERS_WAITING_MAX) {
        return ERR_FULL_QUEUE; /* before anything is written: it comes again, payload held */
    }
    struct log_entry entry = {
        .kind = LOG_RECEIVED, .at = core->now.wall, .a = grant, .b = row.request};
    err = store_delivered_complete(core->store, &grant, message->as.header.header,
                                   buffer_bytes(&link->manifest), core->now.wall);
    if (err == ERR_OK && first) {
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) {
        err = send_receipt(core, link, &grant, RECEIPT_HEADER);
    }
    if (err == ERR_OK && first) {
        err = publish_commitment(core, &entry.b, &grant, row.salt);
        core_journal(core, "info transfer: received grant=%02x%02x", grant.b[0], grant.b[1]);
    }
    transfer_received(core->transfer, &grant);
    buffer_finish(&link->manifest);
    return err;
}

static enum err send_receipt(struct core *core, struct link *link, const struct id *grant,
                             enum receipt_kind kind) {
    struct store_delivered row;
    struct signed_object object;
    struct link_message message = {.kind = LINK_RECEIPT};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_delivered_get(core->store, grant, &row);
    if (err != ERR_OK) {
        return err;
    }
    struct receipt receipt = {
        .request = row.request, .grant = *grant, .kind = kind, .created = core->now.wall};
    err = receipt_encode(&receipt, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_RECEIPT, buffer_bytes(&body), &object);
        err = signed_add(&object, &core->config.keys.sign, &core->node_public);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err == ERR_OK) {
        message.as.receipt.receipt = buffer_bytes(&bytes);
        memcpy(message.as.receipt.salt, row.salt, sizeof row.salt);
        err = core_send(core, link, &message);
    }
    return err;
}

/* The granting home has the salt and can find its own disclosure counted; nobody else learns whose
 * it was. */
static enum err publish_commitment(struct core *core, const struct id *request,
                                   const struct id *grant, const uint8_t salt[32]) {
    static const char label[] = "stoop receipt v1";
    uint8_t message[sizeof label - 1 + 64];
    struct signed_object object;
    struct receipt_commitment commitment = {
        .head = {.community = *community_id(core->community),
                 .author = core->self,
                 .created = core->now.wall,
                 .expires = {core->now.wall.ms + OBJECT_LIFE_MAX_MS}},
        .request = *request};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    memcpy(message, label, sizeof label - 1);
    memcpy(message + sizeof label - 1, salt, 32);
    memcpy(message + sizeof label - 1 + 32, grant->b, 32);
    sha256(BYTES_OF(message), &commitment.commitment);
    struct log_entry entry = {.kind = LOG_RECEIPT_COMMITMENT,
                              .at = core->now.wall,
                              .a = commitment.commitment,
                              .b = *request};
    enum err err = receipt_commitment_encode(&commitment, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body), &object);
        err = signed_add(&object, &core->config.keys.sign, &core->node_public);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    return err == ERR_OK ? gossip_accept(core, 0, &object, &commitment.head, buffer_bytes(&bytes))
                         : err;
}

/* ---- time ---- */

enum err clips_tick(struct core *core) {
    struct transfer_actions actions;
    struct id request;
    enum err err = ERR_OK;
    while (err == ERR_OK && requests_expire(core->requests, core->now.wall, &request)) {
        char code[REQUEST_CODE_BYTES];
        request_code(&request, code);
        core_journal(core, "info request: ended request=%.4s", code);
    }
    if (err == ERR_OK && tick_reached(core->now.mono, core->upkeep_due)) {
        err = store_clip_each(core->store, NULL, visit_undelivered, core);
        if (err == ERR_OK) {
            err = delete_overdue(core);
        }
    }
    if (err == ERR_OK) {
        transfer_tick(core->transfer, core->now, core_random(core), &actions);
        err = clips_run(core, &actions);
    }
    return err;
}

/* Granted, on record, and not under way: after a restart, or when every place was taken. */
static enum err visit_undelivered(void *context, const struct store_clip *clip) {
    struct core *core = context;
    if (clip->state != CLIP_GRANTED || !clip->disclosure_logged ||
        instant_reached(core->now.wall, clip->expires)) {
        return ERR_OK;
    }
    return deliver(core, clip);
}

/* On its day a clip goes, and on its request's day the key (P10). Recorded first: row and key go
 * when the slot that says so is written (clips_recorded), the file after that turn's commit. */
static enum err delete_overdue(struct core *core) {
    struct found_ids found = {.core = core};
    struct id grant;
    enum err err = ERR_OK;
    while (err == ERR_OK && log_waiting(core->log) < OTHERS_WAITING_MAX) {
        err = store_delivered_due(core->store, DELETION_NONE, core->now.wall, &grant);
        if (err == ERR_OK) {
            struct log_entry entry = {.kind = LOG_DELETED, .at = core->now.wall, .a = grant};
            err = store_delivered_delete(core->store, &grant, DELETION_WAITS);
            err = err == ERR_OK ? record_add(core, &entry, NULL) : err;
        }
    }
    err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    if (err == ERR_OK) {
        err = store_request_each_key(core->store, visit_own_request, &found);
    }
    for (size_t i = 0;
         err == ERR_OK && i < found.count && log_waiting(core->log) < OTHERS_WAITING_MAX; i++) {
        struct log_entry entry = {.kind = LOG_DELETED, .at = core->now.wall, .a = found.ids[i]};
        err = store_request_deleting(core->store, &found.ids[i]);
        err = err == ERR_OK ? record_add(core, &entry, NULL) : err;
    }
    return err == ERR_OK ? remove_next(core) : err;
}

static enum err visit_own_request(void *context, const struct id *id) {
    struct found_ids *found = context;
    struct request request;
    enum err err = load_request(found->core, id, &request);
    if (err == ERR_OK && found->count < COUNT_OF(found->ids) &&
        instant_reached(found->core->now.wall, request.terms.delete_by)) {
        found->ids[found->count++] = *id;
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* A grant, or a request whose key it is: whichever bears this id. */
static enum err deleted(struct core *core, const struct id *what) {
    struct store_delivered row;
    enum err err = store_delivered_get(core->store, what, &row);
    core->shredded = true;
    if (err == ERR_USER_NOT_FOUND) {
        return store_request_forget_key(core->store, what);
    }
    if (err == ERR_OK && row.deletion == DELETION_WAITS) {
        err = store_delivered_delete(core->store, what, DELETION_FILE);
    }
    return err;
}

/* An effect, so that no file goes before the record of it is durable. What cannot be removed now is
 * in the way of nothing but the others that wait: upkeep tries again. */
static enum err remove_next(struct core *core) {
    struct transfer_action action = {.kind = TRANSFER_ACT_CLOSE};
    for (size_t i = 0; i < COUNT_OF(core->works); i++) {
        if (core->works[i].kind == WORK_REMOVE) {
            return ERR_OK;
        }
    }
    enum err err = store_delivered_due(core->store, DELETION_FILE, core->now.wall, &action.grant);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return begin_work(core, WORK_REMOVE, &action);
}
