/* The granting home: from a sealed match by way of its owners' consent to a delivered clip
 * (PROTOCOL 5.4, 6.4, 7). */
#include <string.h>

#include "crypto/age.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

struct held_list { /* of what ingest is told when it starts; in parts */
    struct core *core;
    struct ingest_message message;
};

struct granted { /* a grant that an owner hands in, and what it is for */
    struct signed_object object;
    struct grant grant;
    struct store_clip clip;
    struct store_edited edited; /* its payload, where that is not the vault's */
    bool complete;              /* every owner has signed */
};

static enum err visit_load(void *context, const struct store_clip *clip);
static enum err tell_clips(struct core *core);
static enum err visit_held(void *context, const struct store_clip *clip);
static bool is_held(enum ingest_kind kind);
static enum err take_ingest(struct core *core, const struct ingest_message *message);
static enum err take_list_done(struct core *core, const struct ingest_message *message);
static enum err take_shred_done(struct core *core, const struct clip_id *clip);
static enum err take_match(struct core *core, const struct ingest_message *message);
static enum err note_taken(struct core *core, const struct clip_id *clip);
static enum err tell_taken(struct core *core);
static enum err judge_grant(struct core *core, uint64_t client,
                            const struct control_request *request, struct granted *out);
static enum err granted_clip(struct core *core, const struct grant *grant, struct store_clip *out);
static enum err granted_payload(const struct core *core, uint64_t client, const struct grant *grant,
                                const struct store_clip *clip, struct store_edited *edited);
static bool names_owners(const struct grant *grant, const struct store_clip *clip);
static enum err keep_grant(struct core *core, uint64_t client,
                           const struct control_request *request, const struct granted *granted);
static enum err end_clip(struct core *core, const struct clip_id *clip, const struct id *request,
                         enum log_kind kind, enum clip_state state);
static enum err let_go(struct core *core, const struct clip_id *clip, const struct id *request,
                       enum clip_state state);
static enum err shred(struct core *core, const struct clip_id *clip);
static enum err deliver(struct core *core, const struct store_clip *clip);
static enum err visit_undelivered(void *context, const struct store_clip *clip);

/* ---- start ---- */

enum err clips_load(struct core *core) {
    return store_clip_each(core->store, NULL, visit_load, core);
}

static enum err visit_load(void *context, const struct store_clip *clip) {
    struct core *core = context;
    bool over = false;
    enum err err = taken_back(core, &clip->request, &over);
    if (err != ERR_OK) {
        return err;
    }
    switch (clip->state) {
    case CLIP_OPEN:
    case CLIP_PART_SIGNED:
        err = consent_open(core->consent, &clip->clip, &clip->request, clip->expires);
        consent_load_part(core->consent, &clip->clip, &clip->grant_id);
        if (over) {
            consent_end_request(core->consent, &clip->request);
        }
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
        core->camera_list_waits = true;
        err = ingest_tell(core, &message);
    }
    err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    if (err == ERR_OK) {
        err = tell_clips(core);
    }
    return err == ERR_OK ? told_anew(core) : err;
}

/* All of them: what the list leaves out is an orphan to ingest. */
static enum err tell_clips(struct core *core) {
    static struct held_list list; /* large; rebuilt whole by every call */
    list = (struct held_list){.core = core, .message.kind = INGEST_HELD};
    enum err err = store_clip_each(core->store, NULL, visit_held, &list);
    list.message.as.held.last = true;
    return err == ERR_OK ? ingest_tell(core, &list.message) : err;
}

static enum err visit_held(void *context, const struct store_clip *clip) {
    struct held_list *list = context;
    struct ingest_message shred = {.kind = INGEST_SHRED, .as.shred.clip = clip->clip};
    enum err err = ERR_OK;
    if (clip->shred_logged) {
        return ingest_tell(list->core, &shred);
    }
    if (list->message.as.held.count == COUNT_OF(list->message.as.held.clips)) {
        err = ingest_tell(list->core, &list->message);
        list->message.as.held.count = 0;
    }
    list->message.as.held.clips[list->message.as.held.count++] = clip->clip;
    return err;
}

enum err ingest_tell(struct core *core, const struct ingest_message *message) {
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
         err == ERR_OK && i < ENDINGS_A_SLOT && record_has_room(core, RECORD_OF_FOOTAGE, 2) &&
         consent_expire(core->consent, core->now.wall, &clip, &request);
         i++) {
        err = end_clip(core, &clip, &request, LOG_EXPIRED, CLIP_ENDED);
    }
    for (size_t i = 0;
         err == ERR_OK && i < ENDINGS_A_SLOT && record_has_room(core, RECORD_OF_FOOTAGE, 1); i++) {
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
        core->camera_list_known = true;
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
        return record_has_room(core, RECORD_OF_FOOTAGE, 1) ? record_add(core, &period, NULL)
                                                           : ERR_FULL_QUEUE;
    case INGEST_SHRED_DONE:
        return take_shred_done(core, &message->as.shred_done.clip);
    case INGEST_CAMERA_LIST:
    case INGEST_REQUEST:
    case INGEST_SHRED:
    case INGEST_HELD:
    case INGEST_ACT:
        break; /* ours to send */
    }
    return ERR_OK;
}

/* Of the list that waits, and of no other: ingest is not believed any more than that. Where it
 * could not be put on record it goes on waiting, and ingest is told it again when it comes up. */
static enum err take_list_done(struct core *core, const struct ingest_message *message) {
    enum err result = message->as.camera_list_done.err;
    uint64_t client = core->camera_client;
    struct bytes waits;
    enum err err = store_get(core->store, STORE_CAMERAS_INGEST, &waits);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    core->camera_client = 0;
    core->camera_list_waits = false;
    if (result == ERR_OK && !record_has_room(core, RECORD_OF_OWNERS, 1)) {
        return client != 0 ? control_done(core, client, ERR_FULL_QUEUE, "") : ERR_OK;
    }
    err = store_remove(core->store, STORE_CAMERAS_INGEST);
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
        return known.shred_logged ? ingest_tell(core, &gone) : note_taken(core, &id);
    }
    if (err == ERR_USER_NOT_FOUND) {
        err = store_object_get(core->store, &message->as.match.request, &row);
    }
    if (err == ERR_USER_NOT_FOUND || !requests_live(core->requests, &message->as.match.request)) {
        return ingest_tell(core, &gone); /* its request has ended meanwhile */
    }
    if (err == ERR_OK && !record_has_room(core, RECORD_OF_FOOTAGE, 1)) {
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
        err = ingest_tell(core, &core->taken);
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
    if (!record_has_room(core, RECORD_OF_OWNERS, 2)) {
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

enum err clips_grant(struct core *core, uint64_t client, const struct control_request *request) {
    struct granted granted = {.complete = false};
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    if (!record_has_room(core, RECORD_OF_OWNERS, 2)) {
        return ERR_FULL_QUEUE; /* the owner asks again after a slot */
    }
    enum err err = judge_grant(core, client, request, &granted);
    return err == ERR_OK ? keep_grant(core, client, request, &granted) : err;
}

static enum err judge_grant(struct core *core, uint64_t client,
                            const struct control_request *request, struct granted *out) {
    const struct bytes header = request->blob2;
    const struct bytes manifest = request->blob3;
    size_t header_len = 0;
    bool has_header = age_header_length(header, &header_len) && header_len == header.len &&
                      header.len <= HEADER_MAX && manifest.len > 0;
    enum err err = signed_decode(request->blob, &out->object);
    if (err == ERR_OK) {
        err = grant_decode(out->object.body, &out->grant);
    }
    if (err == ERR_OK) {
        err = granted_clip(core, &out->grant, &out->clip);
    }
    if (err == ERR_OK) {
        err = granted_payload(core, client, &out->grant, &out->clip, &out->edited);
    }
    return err == ERR_OK ? consent_grant(core->consent, &out->object, &out->grant, &request->id,
                                         &core->self, community_find(core->community, &core->self),
                                         has_header, core->now.wall, &out->complete)
                         : err;
}

/* Signed for by its owners. */
static enum err granted_clip(struct core *core, const struct grant *grant, struct store_clip *out) {
    enum err err = store_clip_get(core->store, &grant->clip, out);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_USER_NO_CLIP : err;
    }
    return names_owners(grant, out) ? ERR_OK : ERR_USER_NOT_OWNER;
}

/* The very one that lies in the vault; or, for an edit, what the grant so far names in its place,
 * or what this client has just handed over. */
static enum err granted_payload(const struct core *core, uint64_t client, const struct grant *grant,
                                const struct store_clip *clip, struct store_edited *edited) {
    const struct handing *handing = edited_kept(core, client, &grant->clip);
    *edited = (struct store_edited){.size = 0};
    if (!grant->edit.present) {
        return clip->payload_size == grant->payload_size &&
                       id_equal(&clip->payload_root, &grant->payload_root)
                   ? ERR_OK
                   : ERR_PEER_BOUNDS;
    }
    if (handing != NULL && id_equal(&handing->root, &grant->payload_root)) {
        *edited =
            (struct store_edited){handing->total, handing->root, buffer_bytes(&handing->header)};
    } else {
        *edited = (struct store_edited){clip->edited_size, clip->edited_root, clip->edited_header};
    }
    return edited->size > 0 && edited->size == grant->payload_size &&
                   id_equal(&edited->root, &grant->payload_root)
               ? ERR_OK
               : ERR_PEER_BOUNDS;
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

static enum err keep_grant(struct core *core, uint64_t client,
                           const struct control_request *request, const struct granted *granted) {
    const struct clip_id *clip = &granted->grant.clip;
    const bool complete = granted->complete;
    const struct bytes none = {NULL, 0};
    struct log_entry entry = {.kind = LOG_SIGNED, .at = core->now.wall, .a = granted->object.id};
    memcpy(entry.b.b, clip->b, sizeof clip->b);
    /* First: its header may be the row's, which lasts until the store is asked again. */
    enum err err = store_clip_set_edited(core->store, clip, &granted->edited);
    if (err == ERR_OK) {
        edited_granted(core, client, clip);
        err = store_clip_set_grant(core->store, clip, request->blob, &granted->object.id,
                                   complete ? request->blob2 : none,
                                   complete ? request->blob3 : none);
    }
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK && complete) { /* goes when this entry is in its slot: clips_recorded */
        entry.kind = LOG_DISCLOSURE;
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) {
        err = store_clip_set_state(core->store, clip, complete ? CLIP_GRANTED : CLIP_PART_SIGNED,
                                   complete ? granted->grant.expires : granted->clip.expires);
    }
    if (err == ERR_OK) {
        core_journal(core, "info consent: %s", complete ? "granted" : "signed in part");
    }
    return err;
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
    return err == ERR_OK ? ingest_tell(core, &message) : err;
}

/* ---- sending ---- */

static enum err deliver(struct core *core, const struct store_clip *clip) {
    struct transfer_clip send = {.grant = clip->grant_id,
                                 .clip = clip->clip,
                                 .requester = clip->request,
                                 .edited = clip->edited_root,
                                 .payload_size =
                                     clip->edited_size > 0 ? clip->edited_size : clip->payload_size,
                                 .expires = clip->expires};
    bool over = false;
    enum err err = taken_back(core, &send.requester, &over);
    if (err != ERR_OK || over) {
        return err; /* clips_slot lets it go */
    }
    err = transfer_send(core->transfer, &send, core->now);
    return err == ERR_FULL_TABLE ? ERR_OK : err; /* clips_tick offers it again */
}

enum err clips_tick(struct core *core) {
    struct id request;
    while (requests_expire(core->requests, core->now.wall, &request)) {
        char code[REQUEST_CODE_BYTES];
        request_code(&request, code);
        core_journal(core, "info request: ended request=%.4s", code);
    }
    return tick_reached(core->now.mono, core->upkeep_due)
               ? store_clip_each(core->store, NULL, visit_undelivered, core)
               : ERR_OK;
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

enum err clips_dial(struct core *core, const struct id *grant) {
    struct store_clip clip;
    struct request request;
    struct transport_door_key door;
    uint8_t secret[32];
    uint64_t link = 0;
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    if (err == ERR_OK) {
        err = delivery_load_request(core, &clip.request, &request);
    }
    if (err == ERR_OK) {
        request_delivery_psk(&clip.request, &request.key, secret);
        doors_key(TRANSPORT_DELIVERY, BYTES_OF(secret), &request.head.community, 0, &door);
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

enum err clips_send_offer(struct core *core, struct link *link, const struct id *grant) {
    struct store_clip clip;
    struct store_object own;
    struct request request;
    struct link_message message = {.kind = LINK_OFFER};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_clip_by_grant(core->store, grant, &clip);
    const struct id request_id = clip.request;
    if (err == ERR_OK) {
        err = buffer_append(&bytes, clip.grant);
    }
    if (err == ERR_OK) {
        err = border_vouch(core, link, &request_id); /* it is of another community */
    }
    if (err == ERR_OK) {
        err = delivery_load_request(core, &request_id, &request);
    }
    if (err == ERR_OK && community_is_outside(core->community, &request.head.author)) {
        err = shown_send(core, link); /* it knows no member */
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

/* They lie beside the payload. Nobody needs to believe it: the receiver checks them against
 * the granted root. */
enum err clips_send_leaves(struct core *core, struct link *link,
                           const struct transfer_action *action) {
    struct link_message *message = &core->message;
    *message = (struct link_message){.kind = LINK_LEAVES};
    message->as.leaves.grant = action->grant;
    message->as.leaves.first = action->first;
    message->as.leaves.count = (size_t)action->count;
    bool edited = !id_is_zero(&action->edited);
    enum err err = core->config.disk.read(
        core->config.disk.context, edited ? CORE_FILE_EDITED_LEAVES : CORE_FILE_LEAVES,
        edited ? BYTES_OF(action->edited.b) : BYTES_OF(action->clip.b),
        action->first * sizeof message->as.leaves.hashes[0], message->as.leaves.hashes[0].b,
        message->as.leaves.count * sizeof message->as.leaves.hashes[0]);
    if (err == ERR_HOST_DISK || err == ERR_USER_NOT_FOUND) { /* of the vault: tried again later */
        core_journal(core, "warn transfer: sealed clip cannot be read grant=%02x%02x",
                     action->grant.b[0], action->grant.b[1]);
        return core_close(core, link, NULL);
    }
    return err == ERR_OK ? core_send(core, link, message) : err;
}

enum err clips_send_run(struct core *core, struct link *link,
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
        core_give(core, link, before);
        core->effects[core->effect_count++] = (struct core_effect){.kind = CORE_DO_SEND_FILE,
                                                                   .link = link->no,
                                                                   .clip = action->clip,
                                                                   .edited = action->edited,
                                                                   .offset = action->offset,
                                                                   .length = action->bytes};
    }
    return err;
}

/* The manifest in parts, then the header: what opens the clip is the very last thing to go. */
enum err clips_send_header(struct core *core, struct link *link, const struct id *grant) {
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

enum err clips_take_receipt(struct core *core, struct link *link,
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
        err = delivery_load_request(core, &clip.request, &request);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct member *requester = community_find(core->community, &request.head.author);
    struct member elsewhere;
    if (requester == NULL && border_author(core, &clip.request, &elsewhere) == ERR_OK) {
        requester = &elsewhere;
    }
    if (object.kind != OBJECT_RECEIPT || !id_equal(&receipt.request, &clip.request) ||
        requester == NULL || !signed_by(&object, &requester->node)) {
        return ERR_PEER_SIGNATURE;
    }
    err = transfer_take_receipt(core->transfer, link->no, &receipt.grant, receipt.kind, &actions);
    return err == ERR_OK ? delivery_run(core, &actions) : err;
}

enum err clips_sent(struct core *core, const struct id *grant) {
    struct store_clip clip;
    if (!record_has_room(core, RECORD_OF_FOOTAGE, 1)) {
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
