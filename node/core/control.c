/* What `stoop` asks (PROTOCOL 10). Reading takes access to the socket; every change carries an
 * owner's signature, which the engine concerned has checked. */
#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    LEAVES_AT_ONCE = 512,
    DOCUMENT_WAITS_MS = DURATION_HOUR_MS, /* for the request that names it, which keeps it */
    PART_ROWS = 32,           /* of a list that comes in parts: each is an effect of the turn */
    PART_BYTES = 1024 * 1024, /* what a client has waiting is bounded by the shell */
    READ_BYTES = CONTROL_DATA_MAX
};

struct answer { /* a list under way */
    struct core *core;
    uint64_t client;
    uint64_t skip;
    size_t count;
    size_t bytes; /* where its part begins among the turn's */
};

static enum err run(struct core *core, uint64_t client, const struct control_request *request,
                    bool *answered);
static enum err reply(struct core *core, uint64_t client);
static struct control_reply *fresh(struct core *core, enum control_kind kind);
static enum err status(struct core *core, uint64_t client);
static void status_of_community(const struct core *core, struct control_reply *got);
static void status_of_outside(struct core *core, struct control_reply *got);
static enum err members(struct core *core, uint64_t client);
static size_t homes_known(const struct core *core);
static uint32_t state_of(const struct core *core, const struct id *id, peer_no number);
static enum err charter(struct core *core, uint64_t client);
static enum err object(struct core *core, uint64_t client, enum store_key key);
static enum err cameras_wait(struct core *core, bool *out);
static enum err cameras_put(struct core *core, uint64_t client,
                            const struct control_request *request);
static enum err document_put(struct core *core, const struct control_request *request);
static enum err document_get(struct core *core, uint64_t client,
                             const struct control_request *request);
static enum err request_put(struct core *core, const struct control_request *request);
static enum err withdraw(struct core *core, const struct control_request *request);
static enum err call_back(struct core *core, const struct control_request *request);
static enum err apply_from_outside(struct core *core, uint64_t client,
                                   const struct control_request *request);
static enum err visit_object(void *context, const struct store_object *row);
static enum err visit_lost(void *context, const struct store_act *row);
static enum err visit_roll(void *context, const struct id *treaty, struct bytes roll);
static enum err visit_request(void *context, const struct store_object *row);
static void put_called(const struct called *called, const uint8_t *bytes,
                       struct control_reply *got);
static enum err add_chain(struct core *core, const struct id *author, struct buffer *bytes,
                          size_t at[CHAIN_PARTS_MAX + 2], size_t *count);
static enum err append_crossing(struct core *core, const struct id *request, struct buffer *out);
static enum err attachments_here(struct core *core, struct bytes signed_bytes, bool *document,
                                 bool *seal);
static enum err attachment_here(struct core *core, const struct id *sha256, uint32_t size,
                                bool *out);
static enum err take_turn(struct answer *answer, bool *had);
static enum err reply_row(struct answer *answer);
static enum err part(const struct answer *answer, enum err err);
static enum err visit_clip(void *context, const struct store_clip *row);
static enum err clip(struct core *core, uint64_t client, const struct control_request *request);
static enum err vault_payload(struct core *core, uint64_t client,
                              const struct control_request *request);
static enum err edited_payload(struct core *core, uint64_t client,
                               const struct control_request *request);
static enum err payload(struct core *core, uint64_t client, enum core_file file, struct bytes name,
                        uint64_t total, uint64_t offset);
static enum err visit_delivered(void *context, const struct store_delivered *row);
static enum err delivered_one(struct answer *answer, const struct id *grant);
static enum err delivered(struct answer *answer, const struct store_delivered *row, bool whole);
static enum err delivered_data(struct core *core, uint64_t client,
                               const struct control_request *request);
static enum err collected(struct core *core, const struct control_request *request);
static enum err discard(struct core *core, const struct control_request *request);
static enum err leaves(struct core *core, uint64_t client, uint64_t first);
static enum err proof(struct core *core, uint64_t client, uint64_t index);
static enum err logs(struct core *core, uint64_t client);
static enum err logs_of_doors(struct core *core, uint64_t client);
static enum err visit_fork(void *context, const struct sign_public *log, struct bytes proof);
static enum err checkpoint(struct core *core, uint64_t client);
static enum err peers(struct core *core, uint64_t client);
static enum err visit_keeping(void *context, const struct store_keeping *keeping);

enum err control_frame(struct core *core, uint64_t client, struct bytes frame) {
    static struct control_request request;
    bool answered = false;
    enum err err = control_request_decode(frame, &request);
    if (err == ERR_OK) {
        err = run(core, client, &request, &answered);
    }
    secret_wipe(request.secret, sizeof request.secret);
    secret_wipe(request.text, sizeof request.text);
    if (answered && err == ERR_OK) {
        return ERR_OK;
    }
    return control_done(core, client, err, "");
}

enum err control_done(struct core *core, uint64_t client, enum err err, const char *text) {
    struct control_reply *done = fresh(core, CONTROL_DONE);
    done->last = true;
    done->err = err;
    (void)snprintf(done->text, sizeof done->text, "%s", text);
    enum err sent = reply(core, client);
    return err == ERR_HOST_DISK || err == ERR_HOST_DATABASE || err == ERR_HOST_MEMORY ? err : sent;
}

enum err control_begun(struct core *core, uint64_t client) {
    (void)fresh(core, CONTROL_PROGRESS);
    return reply(core, client);
}

enum err control_data(struct core *core, uint64_t client, struct bytes data) {
    struct control_reply *got = fresh(core, CONTROL_GOT_DATA);
    got->last = true;
    got->as.data.data = data;
    got->as.data.total = data.len;
    return reply(core, client);
}

static enum err run(struct core *core, uint64_t client, const struct control_request *request,
                    bool *answered) {
    struct answer answer = {.core = core, .client = client};
    enum err err = ERR_OK;
    answer.skip = request->offset;
    answer.bytes = core->bytes.len;
    switch (request->op) {
    case CONTROL_STATUS:
        *answered = true;
        return status(core, client);
    case CONTROL_FOUND:
        return join_found(core, request->blob, request->blob2);
    case CONTROL_INVITE:
        return join_invite(core, request->blob, request->secret);
    case CONTROL_JOIN:
        err = join_start(core, client, request->text, request->blob);
        *answered = err == ERR_OK; /* comes when the sponsor has answered */
        return err;
    case CONTROL_MEET_INVITE:
        err = meet_invite(core, client, request);
        *answered = err == ERR_OK; /* of these four, comes when the other home has acted */
        return err;
    case CONTROL_MEET_JOIN:
        err = meet_join(core, client, request);
        *answered = err == ERR_OK;
        return err;
    case CONTROL_MEET_COMMIT:
        err = compare_commit(core, client, request);
        *answered = err == ERR_OK;
        return err;
    case CONTROL_MEET_REVEAL:
        err = compare_reveal(core, client, request);
        *answered = err == ERR_OK;
        return err;
    case CONTROL_OUTSIDE_APPLY:
        *answered = true;
        return apply_from_outside(core, client, request);
    case CONTROL_OFFICER_PUT:
        return outside_officer(core, request->blob);
    case CONTROL_ROLLS:
        return store_far_roll_each(core->store, visit_roll, &answer);
    case CONTROL_GATEWAYS:
        return store_object_each(core->store, OBJECT_GATEWAY, visit_object, &answer);
    case CONTROL_MEMBERS:
        err = members(core, client);
        return err == ERR_OK ? store_object_each(core->store, OBJECT_REMOVAL, visit_object, &answer)
                             : err;
    case CONTROL_CHARTER:
        return charter(core, client);
    case CONTROL_CAMERAS_PUT:
        *answered = true;
        return cameras_put(core, client, request);
    case CONTROL_CAMERAS_GET:
        *answered = true;
        return object(core, client, STORE_CAMERAS_OWNERS);
    case CONTROL_DOCUMENT_PUT:
        return document_put(core, request);
    case CONTROL_DOCUMENT_GET:
        *answered = true;
        return document_get(core, client, request);
    case CONTROL_REQUEST_PUT:
        return request_put(core, request);
    case CONTROL_REQUESTS:
        return part(&answer,
                    store_object_each(core->store, OBJECT_REQUEST, visit_request, &answer));
    case CONTROL_CLIPS:
        return part(&answer,
                    store_clip_each(core->store, id_is_zero(&request->id) ? NULL : &request->id,
                                    visit_clip, &answer));
    case CONTROL_CLIP:
        *answered = true;
        return clip(core, client, request);
    case CONTROL_PAYLOAD:
        *answered = true;
        return vault_payload(core, client, request);
    case CONTROL_DECIDE:
        return clips_decide(core, request->blob);
    case CONTROL_GRANT:
        return clips_grant(core, client, request);
    case CONTROL_DELIVERED:
        return part(&answer, store_delivered_each(core->store, visit_delivered, &answer));
    case CONTROL_DELIVERED_ONE:
        *answered = true;
        return delivered_one(&answer, &request->id);
    case CONTROL_DELIVERED_DATA:
        *answered = true;
        return delivered_data(core, client, request);
    case CONTROL_COLLECTED:
        return collected(core, request);
    case CONTROL_DELETE:
        return request->text[0] == '\0' ? received_delete(core, &request->id)
                                        : discard(core, request);
    case CONTROL_LOG:
        return leaves(core, client, request->offset);
    case CONTROL_LOG_PROOF:
        *answered = true;
        return proof(core, client, request->offset);
    case CONTROL_CHECKPOINT:
        *answered = true;
        return checkpoint(core, client);
    case CONTROL_LOGS:
        return logs(core, client);
    case CONTROL_FORKS:
        return store_fork_each(core->store, visit_fork, &answer);
    case CONTROL_PEERS:
        return peers(core, client);
    case CONTROL_WITHDRAW:
        return withdraw(core, request);
    case CONTROL_ENDORSE:
        return acts_endorse(core, request->blob, request->blob2);
    case CONTROL_PROPOSALS:
        err = store_object_each(core->store, OBJECT_ENDORSEMENT, visit_object, &answer);
        return err == ERR_OK ? store_act_each(core->store, visit_lost, &answer) : err;
    case CONTROL_REMOVE:
        return standing_remove(core, request->blob, request->blob2);
    case CONTROL_CALL_BACK:
        return call_back(core, request);
    case CONTROL_OVERDUE:
        return core->is_member
                   ? store_owed_each(core->store, owed_until(core), visit_keeping, &answer)
                   : ERR_USER_NO_COMMUNITY;
    case CONTROL_EDIT_PUT:
        return edited_put(core, client, request);
    case CONTROL_EDIT_KEEP:
        err = edited_keep(core, client, request);
        *answered = err == ERR_OK; /* comes when it is durable */
        return err;
    case CONTROL_EDITED:
        *answered = true;
        return edited_payload(core, client, request);
    }
    return ERR_PEER_UNKNOWN;
}

static enum err reply(struct core *core, uint64_t client) {
    SCOPED(buffer_finish) struct buffer frame = {.max = CONTROL_FRAME_MAX};
    enum err err = control_reply_encode(&core->reply, &frame);
    if (err == ERR_OK) {
        err = core_effect(core, &(struct core_effect){.kind = CORE_DO_REPLY, .link = client},
                          buffer_bytes(&frame));
    }
    return err;
}

static struct control_reply *fresh(struct core *core, enum control_kind kind) {
    memset(&core->reply, 0, sizeof core->reply);
    core->reply.kind = kind;
    return &core->reply;
}

static enum err status(struct core *core, uint64_t client) {
    struct control_reply *got = fresh(core, CONTROL_GOT_STATUS);
    uint32_t open_clips = 0;
    bool waits = false;
    struct bytes previous;
    enum err err = store_clip_count_open(core->store, NULL, &open_clips);
    if (err == ERR_OK) {
        err = cameras_wait(core, &waits);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = store_get(core->store, STORE_LOG_PREVIOUS, &previous);
    if (err == ERR_OK && previous.len == sizeof got->as.status.log_previous.b) {
        memcpy(got->as.status.log_previous.b, previous.at, previous.len);
    } else if (err != ERR_USER_NOT_FOUND) {
        return err == ERR_OK ? ERR_HOST_DATABASE : err;
    }
    got->as.status.head_size = core->head.size;
    got->as.status.cosigned = (uint32_t)core->head.cosigned;
    got->as.status.forks = (uint32_t)core->fork_count;
    got->last = true;
    (void)snprintf(got->as.status.version, sizeof got->as.status.version, "%s", STOOP_VERSION);
    got->as.status.node = core->node_public;
    got->as.status.log = core->log_public;
    got->as.status.transport = core->transport_public;
    got->as.status.has_community = core->is_member;
    got->as.status.ingest_up = core->ingest_up;
    got->as.status.camera_list_version = core->camera_list_version;
    got->as.status.camera_list_waits = waits || !core->ingest_up || !core->camera_list_known;
    got->as.status.log_size = log_size(core->log);
    log_root(core->log, &got->as.status.log_root);
    got->as.status.now = core->now.wall;
    got->as.status.started = core->config.now.wall;
    got->as.status.open_clips = open_clips;
    got->as.status.open_requests = (uint32_t)requests_count(core->requests);
    got->as.status.address_count = core->config.address_count;
    memcpy(got->as.status.addresses, core->config.addresses, sizeof got->as.status.addresses);
    log_origin(&core->log_public, got->as.status.log_origin);
    got->as.status.slot_s = 60;
    got->as.status.caps = CAPS_DEFAULT;
    if (core->is_member) {
        status_of_community(core, got);
    }
    if (core->outside.applied) {
        status_of_outside(core, got);
    }
    return reply(core, client);
}

static void status_of_outside(struct core *core, struct control_reply *got) {
    const struct outside *outside = &core->outside;
    got->as.status.outside = outside->certificate;
    got->as.status.door_count = outside->door_count;
    for (size_t i = 0; i < outside->door_count; i++) {
        const struct link *link = core_link(core, outside->doors[i].link);
        (void)snprintf(got->as.status.doors[i].name, NAME_MAX_BYTES, "%s",
                       outside->doors[i].code.name);
        got->as.status.doors[i].linked = link != NULL && link->state == LINK_OPEN;
    }
}

static size_t homes_known(const struct core *core) {
    size_t count = 0;
    for (size_t i = 0; i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        count += community_is_outside(core->community, id) ? 0 : 1;
    }
    return count;
}

static void status_of_community(const struct core *core, struct control_reply *got) {
    const struct charter *charter = community_charter(core->community);
    got->as.status.community = *community_id(core->community);
    got->as.status.certificate = core->self;
    (void)snprintf(got->as.status.community_name, NAME_MAX_BYTES, "%s", charter->name);
    got->as.status.members = (uint32_t)homes_known(core);
    const struct member *self = community_find(core->community, &core->self);
    if (self != NULL) {
        struct asker asker;
        asker_of(community_governance(core->community), &core->self, self, &asker);
        got->as.status.instruments = asker.instruments;
    }
    got->as.status.links = (uint32_t)overlay_link_count(core->overlay);
    got->as.status.live_objects = (uint32_t)overlay_object_count(core->overlay);
    got->as.status.slot_s = charter->slot_s;
    got->as.status.caps = charter->caps;
    got->as.status.witnesses = charter->witnesses;
    got->as.status.delete_by_max_days = charter->delete_by_max_days;
    peers_figures(core, &got->as.status.overlay);
}

static uint32_t state_of(const struct core *core, const struct id *id, peer_no number) {
    if (community_is_removed(core->community, id, NULL)) {
        return community_counts(core->community, id) ? CONTROL_MEMBER_REMOVED
                                                     : CONTROL_MEMBER_DISPLACED;
    }
    return id_equal(id, &core->self)                  ? CONTROL_MEMBER_SELF
           : overlay_is_linked(core->overlay, number) ? CONTROL_MEMBER_LINKED
                                                      : CONTROL_MEMBER_AWAY;
}

/* Each certificate, and its renewal behind it. */
static enum err members(struct core *core, uint64_t client) {
    enum err err = core->is_member ? ERR_OK : ERR_USER_NO_COMMUNITY;
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        struct id chain[CHAIN_MAX];
        struct store_object row;
        if (community_is_outside(core->community, id) &&
            (community_chain(core->community, id, chain) == 0 ||
             governance_outsider(community_governance(core->community), &chain[0]) == NULL)) {
            continue; /* acts say nothing of it any more */
        }
        err = store_object_get(core->store, id, &row);
        if (err == ERR_OK) {
            struct control_reply *got = fresh(core, CONTROL_GOT_OBJECT);
            got->as.object.object = row.object;
            got->as.object.state = state_of(core, id, (peer_no)i);
            err = reply(core, client);
        }
        const struct id renewal = community_renewal(core->community, id, core->now.wall);
        if (err == ERR_OK && !id_is_zero(&renewal)) {
            err = store_object_get(core->store, &renewal, &row);
            if (err == ERR_OK) {
                fresh(core, CONTROL_GOT_OBJECT)->as.object.object = row.object;
                err = reply(core, client);
            }
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return err;
}

static enum err charter(struct core *core, uint64_t client) {
    struct bytes founding;
    enum err err = store_get(core->store, STORE_CHARTER, &founding);
    if (err == ERR_OK) {
        fresh(core, CONTROL_GOT_OBJECT)->as.object.object = founding;
        err = reply(core, client);
    }
    for (uint32_t i = 1; err == ERR_OK && i < community_act_count(core->community); i++) {
        struct store_object row;
        err = store_object_get(core->store, community_act_id(core->community, i), &row);
        if (err == ERR_OK) {
            fresh(core, CONTROL_GOT_OBJECT)->as.object.object = row.object;
            err = reply(core, client);
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_USER_NO_COMMUNITY : err;
}

static enum err object(struct core *core, uint64_t client, enum store_key key) {
    struct bytes value;
    enum err err = store_get(core->store, key, &value);
    if (err == ERR_OK) {
        struct control_reply *got = fresh(core, CONTROL_GOT_OBJECT);
        got->last = true;
        got->as.object.object = value;
        err = reply(core, client);
    }
    return err;
}

/* A camera list waits for ingest's word. */
static enum err cameras_wait(struct core *core, bool *out) {
    struct bytes list;
    enum err err = store_get(core->store, STORE_CAMERAS_INGEST, &list);
    *out = err == ERR_OK;
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* Ingest alone can open and judge it; its word comes back by clips_ingest. */
static enum err cameras_put(struct core *core, uint64_t client,
                            const struct control_request *request) {
    static struct ingest_message message;
    bool waits = false;
    SCOPED(buffer_finish) struct buffer frame = {.max = INGEST_FRAME_MAX};
    if (!core->ingest_up) {
        return ERR_HOST_CHILD;
    }
    enum err err = cameras_wait(core, &waits);
    if (err != ERR_OK || waits || !record_has_room(core, RECORD_OF_OWNERS, 1)) {
        return err == ERR_OK ? ERR_FULL_QUEUE : err; /* one change at a time */
    }
    message =
        (struct ingest_message){.kind = INGEST_CAMERA_LIST, .as.camera_list.sealed = request->blob};
    err = ingest_encode(&message, &frame);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CAMERAS_INGEST, request->blob);
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CAMERAS_OWNERS, request->blob2);
    }
    if (err == ERR_OK) {
        core->camera_client = client;
        core->camera_list_waits = true;
        err =
            core_effect(core, &(struct core_effect){.kind = CORE_DO_INGEST}, buffer_bytes(&frame));
    }
    return err;
}

static enum err document_put(struct core *core, const struct control_request *request) {
    struct store_attachment attachment = {
        .sha256 = request->id,
        .size = (uint32_t)request->total,
        .expires = instant_add(core->now.wall, (struct duration){DOCUMENT_WAITS_MS})};
    if (request->total == 0 || request->total > DOCUMENT_MAX || request->blob.len == 0 ||
        request->offset > request->total || request->blob.len > request->total - request->offset) {
        return ERR_PEER_BOUNDS;
    }
    enum err err = attachments_want(core, &attachment);
    if (err == ERR_OK) {
        err = store_attachment_get(core->store, &request->id, &attachment);
    }
    if (err == ERR_OK && attachment.size != request->total && attachment.have < attachment.size) {
        attachment.have = 0; /* somebody named another size */
        err = attachments_resize(core, &attachment, (uint32_t)request->total);
    }
    if (err == ERR_OK && attachment.have == attachment.size) {
        return ERR_OK; /* held already */
    }
    if (err == ERR_OK && request->offset != attachment.have) {
        return ERR_PEER_SEQUENCE;
    }
    return err == ERR_OK
               ? store_attachment_append(core->store, &request->id, attachment.have, request->blob)
               : err;
}

static enum err document_get(struct core *core, uint64_t client,
                             const struct control_request *request) {
    struct store_attachment attachment;
    struct bytes data;
    enum err err = store_attachment_get(core->store, &request->id, &attachment);
    if (err == ERR_OK && attachment.have < attachment.size) {
        err = ERR_USER_NOT_FOUND;
    }
    if (err == ERR_OK) {
        err = store_attachment_read(core->store, &request->id, (uint32_t)request->offset,
                                    READ_BYTES, &data);
    }
    if (err == ERR_OK) {
        struct control_reply *got = fresh(core, CONTROL_GOT_DATA);
        got->last = true;
        got->as.data.data = data;
        got->as.data.offset = request->offset;
        got->as.data.total = attachment.size;
        err = reply(core, client);
    }
    return err;
}

static enum err request_put(struct core *core, const struct control_request *request) {
    struct signed_object signed_request;
    enum err verdict = ERR_OK;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    if (request->blob2.len == 0 || request->blob2.len > HEADER_MAX) {
        return ERR_PEER_BOUNDS;
    }
    enum err err = signed_decode(request->blob, &signed_request);
    struct head head;
    if (err == ERR_OK) {
        err = head_decode(signed_request.body, &head);
    }
    if (err == ERR_OK &&
        (signed_request.kind != OBJECT_REQUEST || !core_is_ours(core, &head.author))) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, request->blob, (struct way){0}, &verdict);
        err = err == ERR_OK ? verdict : err;
    }
    return err == ERR_OK ? store_request_set_key(core->store, &signed_request.id, request->blob2)
                         : err;
}

static enum err withdraw(struct core *core, const struct control_request *request) {
    struct signed_object object;
    struct withdrawal withdrawal;
    struct store_request row;
    struct store_object asked;
    enum err verdict = ERR_OK;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    enum err err = signed_decode(request->blob, &object);
    if (err == ERR_OK && object.kind != OBJECT_WITHDRAWAL) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = withdrawal_decode(object.body, &withdrawal);
    }
    if (err == ERR_OK) {
        err = store_request_get(core->store, &withdrawal.request, &row);
    }
    if (err == ERR_USER_NOT_FOUND || (err == ERR_OK && !row.ours)) {
        return ERR_USER_NO_REQUEST;
    }
    if (err == ERR_OK && !id_is_zero(&row.taken_back_by)) {
        return ERR_USER_EXISTS;
    }
    if (err == ERR_OK) {
        err = store_object_get(core->store, &withdrawal.request, &asked);
    }
    if (err == ERR_OK && instant_reached(core->now.wall, asked.expires)) {
        return ERR_USER_NO_REQUEST;
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, request->blob, (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

static enum err call_back(struct core *core, const struct control_request *request) {
    struct signed_object object;
    struct call_back call;
    struct store_request row;
    enum err verdict = ERR_OK;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    enum err err = signed_decode(request->blob, &object);
    if (err == ERR_OK && object.kind != OBJECT_CALL_BACK) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = call_back_decode(object.body, &call);
    }
    if (err == ERR_OK && !id_equal(&call.head.author, &core->self)) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = store_request_get(core->store, &call.request, &row);
    }
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_USER_NO_REQUEST;
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, request->blob, (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

static enum err apply_from_outside(struct core *core, uint64_t client,
                                   const struct control_request *request) {
    SCOPED(buffer_finish) struct buffer complete = {.max = SIGNED_GOSSIP_MAX};
    enum err err = outside_apply(core, request->blob, request->blob2, &complete);
    return err == ERR_OK ? control_data(core, client, buffer_bytes(&complete))
                         : control_done(core, client, err, "");
}

static enum err visit_object(void *context, const struct store_object *row) {
    const struct answer *answer = context;
    fresh(answer->core, CONTROL_GOT_OBJECT)->as.object.object = row->object;
    return reply(answer->core, answer->client);
}

static enum err visit_lost(void *context, const struct store_act *row) {
    const struct answer *answer = context;
    struct store_object object;
    enum err err = id_is_zero(&row->lost_to)
                       ? ERR_USER_NOT_FOUND
                       : store_object_get(answer->core->store, &row->id, &object);
    return err == ERR_USER_NOT_FOUND ? ERR_OK
           : err == ERR_OK           ? visit_object(context, &object)
                                     : err;
}

static enum err visit_roll(void *context, const struct id *treaty, struct bytes roll) {
    (void)treaty; /* who asks checks of whom it is */
    const struct store_object row = {.object = roll};
    return visit_object(context, &row);
}

static enum err visit_request(void *context, const struct store_object *row) {
    struct answer *answer = context;
    struct core *core = answer->core;
    struct store_request local;
    struct store_object by;
    struct called called;
    size_t count = 0;
    size_t at[CHAIN_PARTS_MAX + 2] = {0};
    struct id chain[CHAIN_PARTS_MAX];
    uint32_t open_clips = 0;
    bool document = false;
    bool seal = false;
    bool had = false;
    SCOPED(buffer_finish) struct buffer bytes = {.max = (CHAIN_PARTS_MAX + 2) * SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer calls = {.max = CONTROL_FRAME_MAX};
    SCOPED(buffer_finish) struct buffer crossing = {.max = SIGNED_GOSSIP_MAX};
    const struct id id = row->id;
    enum err err = buffer_append(&bytes, row->object); /* good until the next row is read */
    at[1] = bytes.len;
    if (err == ERR_OK) {
        err = store_request_get(core->store, &row->id, &local);
    }
    if (err == ERR_OK && standing_chain(core, &row->author, chain) == 0) {
        err = append_crossing(core, &id, &crossing);
    }
    if (err != ERR_OK) { /* neither: it was displaced, and who it was cannot be shown */
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    err = take_turn(answer, &had);
    if (err != ERR_OK || had) {
        return err;
    }
    err = add_chain(core, &row->author, &bytes, at, &count);
    if (err == ERR_OK) {
        err = attachments_here(core, (struct bytes){bytes.at, at[1]}, &document, &seal);
    }
    if (err == ERR_OK) {
        err = store_clip_count_open(core->store, &row->id, &open_clips);
    }
    size_t end = bytes.len;
    bool over = !id_is_zero(&local.taken_back_by);
    if (err == ERR_OK && over &&
        store_object_get(core->store, &local.taken_back_by, &by) == ERR_OK &&
        (by.kind == OBJECT_WITHDRAWAL || by.kind == OBJECT_REQUEST)) {
        err = buffer_append(&bytes, by.object);
    }
    if (err == ERR_OK) {
        err = called_gather(core, &id, &calls, &called);
    }
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
    }
    struct control_reply *got = fresh(core, CONTROL_GOT_REQUEST);
    got->as.request.request = (struct bytes){bytes.at, at[1]};
    got->as.request.chain_count = count;
    for (size_t i = 0; i < count; i++) {
        got->as.request.chain[i] = (struct bytes){bytes.at + at[i + 1], at[i + 2] - at[i + 1]};
    }
    got->as.request.ours = local.ours;
    got->as.request.document_here = document;
    got->as.request.seal_here = seal;
    got->as.request.open_clips = over ? 0 : open_clips; /* they go with the slot */
    got->as.request.taken_back = over;
    got->as.request.taken_back_by = (struct bytes){bytes.at + end, bytes.len - end};
    got->as.request.log_index = local.log_index;
    got->as.request.crossing = buffer_bytes(&crossing);
    put_called(&called, calls.at, got);
    return reply_row(answer);
}

static void put_called(const struct called *called, const uint8_t *bytes,
                       struct control_reply *got) {
    got->as.request.calls_more = called->more;
    got->as.request.call_count = called->call_count;
    for (size_t i = 0; i < called->call_count; i++) {
        got->as.request.calls[i] =
            (struct bytes){bytes + called->calls[i].at, called->calls[i].len};
    }
    got->as.request.caller_count = called->caller_count;
    for (size_t i = 0; i < called->caller_count; i++) {
        got->as.request.callers[i] =
            (struct bytes){bytes + called->callers[i].at, called->callers[i].len};
    }
}

/* The certificates that lead to the charter: part i lies from at[i + 1] to at[i + 2]. */
static enum err add_chain(struct core *core, const struct id *author, struct buffer *bytes,
                          size_t at[CHAIN_PARTS_MAX + 2], size_t *count) {
    struct id chain[CHAIN_PARTS_MAX];
    enum err err = ERR_OK;
    *count = standing_chain(core, author, chain);
    for (size_t i = 0; err == ERR_OK && i < *count; i++) {
        struct store_object certificate;
        err = store_object_get(core->store, &chain[i], &certificate);
        if (err == ERR_OK) {
            err = buffer_append(bytes, certificate.object);
        }
        at[i + 2] = bytes->len;
    }
    return err;
}

static enum err append_crossing(struct core *core, const struct id *request, struct buffer *out) {
    struct store_crossed row;
    enum err err = store_crossed_get(core->store, request, &row);
    return err == ERR_OK ? buffer_append(out, row.crossing) : err;
}

static enum err attachments_here(struct core *core, struct bytes signed_bytes, bool *document,
                                 bool *seal) {
    struct signed_object object;
    struct request request;
    enum err err = signed_decode(signed_bytes, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &request);
    }
    if (err == ERR_OK && request.document.present) {
        err = attachment_here(core, &request.document.sha256, request.document.size, document);
    }
    if (err == ERR_OK && request.court_seal.present) {
        err = attachment_here(core, &request.court_seal.sha256, request.court_seal.size, seal);
    }
    return err;
}

static enum err attachment_here(struct core *core, const struct id *sha256, uint32_t size,
                                bool *out) {
    struct store_attachment attachment;
    enum err err = store_attachment_get(core->store, sha256, &attachment);
    *out = err == ERR_OK && attachment.have == attachment.size && attachment.size == size;
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* `had`: who asks has it already. ERR_FULL_QUEUE ends the part. */
static enum err take_turn(struct answer *answer, bool *had) {
    *had = answer->skip > 0;
    if (*had) {
        answer->skip--;
        return ERR_OK;
    }
    if (answer->count == PART_ROWS || answer->core->bytes.len - answer->bytes > PART_BYTES) {
        return ERR_FULL_QUEUE;
    }
    return ERR_OK;
}

static enum err reply_row(struct answer *answer) {
    enum err err = reply(answer->core, answer->client);
    answer->count += err == ERR_OK ? 1 : 0;
    return err;
}

static enum err part(const struct answer *answer, enum err err) {
    return err == ERR_FULL_QUEUE && answer->count > 0 ? ERR_OK : err; /* asked for again */
}

/* Without manifest and header: a list of all clips stays small. */
static enum err visit_clip(void *context, const struct store_clip *row) {
    struct answer *answer = context;
    bool had = false;
    enum err err = row->shred_logged ? ERR_OK : take_turn(answer, &had);
    if (err != ERR_OK || row->shred_logged || had) {
        return err;
    }
    struct control_reply *got = fresh(answer->core, CONTROL_GOT_CLIP);
    got->as.clip.request = row->request;
    got->as.clip.clip = row->clip;
    got->as.clip.state = row->state;
    got->as.clip.payload_size = row->payload_size;
    got->as.clip.payload_root = row->payload_root;
    got->as.clip.grant = row->grant;
    got->as.clip.owner_count = row->owner_count;
    memcpy(got->as.clip.owners, row->owners, sizeof row->owners);
    return reply_row(answer);
}

static enum err clip(struct core *core, uint64_t client, const struct control_request *request) {
    struct store_clip row;
    enum err err = store_clip_get(core->store, &request->clip, &row);
    if (err == ERR_OK && row.shred_logged) {
        err = ERR_USER_NOT_FOUND;
    }
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_USER_NO_CLIP : err;
    }
    struct control_reply *got = fresh(core, CONTROL_GOT_CLIP);
    got->last = true;
    got->as.clip.request = row.request;
    got->as.clip.clip = row.clip;
    got->as.clip.state = row.state;
    got->as.clip.payload_size = row.payload_size;
    got->as.clip.payload_root = row.payload_root;
    got->as.clip.manifest = row.manifest;
    got->as.clip.header = row.header;
    got->as.clip.edited_header = row.edited_header;
    got->as.clip.grant = row.grant;
    got->as.clip.owner_count = row.owner_count;
    memcpy(got->as.clip.owners, row.owners, sizeof row.owners);
    return reply(core, client);
}

static enum err vault_payload(struct core *core, uint64_t client,
                              const struct control_request *request) {
    struct store_clip row;
    enum err err = store_clip_get(core->store, &request->clip, &row);
    if (err == ERR_OK && (row.state == CLIP_DECLINED || row.state == CLIP_ENDED)) {
        err = ERR_USER_NOT_FOUND;
    }
    return err == ERR_OK ? payload(core, client, CORE_FILE_VAULT, BYTES_OF(request->clip.b),
                                   row.payload_size, request->offset)
                         : err;
}

static enum err edited_payload(struct core *core, uint64_t client,
                               const struct control_request *request) {
    struct store_clip row;
    enum err err = store_clip_get(core->store, &request->clip, &row);
    if (err == ERR_OK &&
        (row.edited_size == 0 || row.state == CLIP_DECLINED || row.state == CLIP_ENDED)) {
        err = ERR_USER_NOT_FOUND;
    }
    return err == ERR_OK ? payload(core, client, CORE_FILE_EDITED, BYTES_OF(row.edited_root.b),
                                   row.edited_size, request->offset)
                         : err;
}

static enum err payload(struct core *core, uint64_t client, enum core_file file, struct bytes name,
                        uint64_t total, uint64_t offset) {
    static uint8_t data[READ_BYTES];
    if (offset > total) {
        return ERR_USER_NOT_FOUND;
    }
    size_t len = total - offset < sizeof data ? (size_t)(total - offset) : sizeof data;
    enum err err =
        len == 0 ? ERR_OK
                 : core->config.disk.read(core->config.disk.context, file, name, offset, data, len);
    if (err == ERR_OK) {
        struct control_reply *got = fresh(core, CONTROL_GOT_DATA);
        got->last = true;
        got->as.data.data = (struct bytes){data, len};
        got->as.data.offset = offset;
        got->as.data.total = total;
        err = reply(core, client);
    }
    return err == ERR_HOST_DISK ? ERR_USER_NOT_FOUND : err;
}

static enum err visit_delivered(void *context, const struct store_delivered *row) {
    struct answer *answer = context;
    bool had = false;
    enum err err = take_turn(answer, &had);
    return err != ERR_OK || had ? err : delivered(answer, row, false);
}

static enum err delivered_one(struct answer *answer, const struct id *grant) {
    struct store_delivered row;
    enum err err = store_delivered_get(answer->core->store, grant, &row);
    return err == ERR_OK ? delivered(answer, &row, true) : err;
}

static enum err delivered(struct answer *answer, const struct store_delivered *row, bool whole) {
    struct core *core = answer->core;
    struct store_request request = {.sealed_key = {NULL, 0}};
    SCOPED(buffer_finish)
    struct buffer bytes = {.max = SEALED_MANIFEST_MAX + 8 * SIGNED_GOSSIP_MAX};
    const struct bytes parts[] = {row->signed_grant, row->member,
                                  whole ? row->header : (struct bytes){NULL, 0},
                                  whole ? row->manifest : (struct bytes){NULL, 0},
                                  whole ? row->vouch : (struct bytes){NULL, 0}};
    size_t at[COUNT_OF(parts) + 1] = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(parts); i++) {
        err = buffer_append(&bytes, parts[i]);
        at[i + 1] = bytes.len;
    }
    struct control_reply *got = fresh(core, CONTROL_GOT_DELIVERED);
    if (err == ERR_OK) {
        err = store_places(core->store, &row->grant, got->as.delivered.places,
                           &got->as.delivered.place_count);
    }
    if (err == ERR_OK) { /* last: its sealed key lasts until the store is asked again */
        err = store_request_get(core->store, &row->request, &request);
    }
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    got->last = whole;
    got->as.delivered.grant = row->grant;
    got->as.delivered.request = row->request;
    got->as.delivered.signed_grant = (struct bytes){bytes.at, at[1]};
    got->as.delivered.member = (struct bytes){bytes.at + at[1], at[2] - at[1]};
    got->as.delivered.header = (struct bytes){bytes.at + at[2], at[3] - at[2]};
    got->as.delivered.manifest = (struct bytes){bytes.at + at[3], at[4] - at[3]};
    got->as.delivered.vouch = (struct bytes){bytes.at + at[4], at[5] - at[4]};
    got->as.delivered.sealed_key = request.sealed_key;
    got->as.delivered.received = row->received;
    got->as.delivered.payload_size = row->payload_size;
    got->as.delivered.completed = row->completed;
    got->as.delivered.deleted = row->deletion != DELETION_NONE;
    (void)transfer_progress(core->transfer, &row->grant, &got->as.delivered.received);
    return reply_row(answer);
}

static enum err delivered_data(struct core *core, uint64_t client,
                               const struct control_request *request) {
    struct store_delivered row;
    enum err err = store_delivered_get(core->store, &request->id, &row);
    return err == ERR_OK ? payload(core, client, CORE_FILE_DELIVERED, BYTES_OF(request->id.b),
                                   row.received, request->offset)
                         : err;
}

/* Before the files are: none is there that no row knows. */
static enum err collected(struct core *core, const struct control_request *request) {
    struct store_delivered row;
    struct collected_place place;
    struct log_entry entry = {.kind = LOG_COLLECTED, .at = core->now.wall, .a = request->id};
    if (request->text[0] == '\0' || request->blob.len != sizeof place.text + sizeof place.json) {
        return ERR_PEER_BOUNDS;
    }
    if (!record_has_room(core, RECORD_OF_OWNERS, 1)) {
        return ERR_FULL_QUEUE;
    }
    memcpy(place.place, request->text, sizeof place.place);
    memcpy(place.text.b, request->blob.at, sizeof place.text.b);
    memcpy(place.json.b, request->blob.at + sizeof place.text.b, sizeof place.json.b);
    enum err err = store_delivered_get(core->store, &request->id, &row);
    if (err == ERR_OK && row.deletion != DELETION_NONE) {
        err = ERR_DENY_EXPIRED;
    }
    if (err == ERR_OK) {
        err = store_place_put(core->store, &request->id, &place);
    }
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

/* Files that `stoop collect` wrote: on record before they go; the place is known until none is
 * left. */
static enum err discard(struct core *core, const struct control_request *request) {
    struct collected_place places[CONTROL_PLACES_MAX];
    struct log_entry entry = {
        .kind = LOG_DISCARDED, .at = core->now.wall, .a = request->id, .numbers = {request->total}};
    size_t count = 0;
    bool known = false;
    enum err err = store_places(core->store, &request->id, places, &count);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        known |= strcmp(places[i].place, request->text) == 0;
    }
    if (err != ERR_OK || !known || request->total > CONTROL_PLACE_FILES) {
        return err == ERR_OK ? ERR_USER_NOT_FOUND : err;
    }
    if (request->total == 0) {
        return store_place_remove(core->store, &request->id, request->text);
    }
    return record_has_room(core, RECORD_OF_OWNERS, 1) ? record_add(core, &entry, NULL)
                                                      : ERR_FULL_QUEUE;
}

static enum err leaves(struct core *core, uint64_t client, uint64_t first) {
    enum err err = ERR_OK;
    for (uint64_t i = first; err == ERR_OK && i < log_size(core->log) && i - first < LEAVES_AT_ONCE;
         i++) {
        struct store_leaf leaf;
        err = store_leaf_get(core->store, i, &leaf);
        if (err == ERR_OK) {
            struct control_reply *got = fresh(core, CONTROL_GOT_LEAF);
            got->as.leaf.index = i;
            got->as.leaf.leaf = leaf.leaf;
            got->as.leaf.opening = leaf.opening;
            err = reply(core, client);
        }
    }
    return err;
}

static enum err proof(struct core *core, uint64_t client, uint64_t index) {
    char note[NOTE_MAX];
    struct merkle_proof merkle;
    struct store_leaf leaf;
    uint64_t size = 0;
    enum err err = record_checkpoint(core, index, &size, note);
    if (err == ERR_OK) {
        err = record_prove(core, index, size, &merkle);
    }
    if (err == ERR_OK) {
        err = store_leaf_get(core->store, index, &leaf);
    }
    if (err == ERR_OK) {
        struct control_reply *got = fresh(core, CONTROL_GOT_PROOF);
        got->last = true;
        got->as.proof.index = index;
        got->as.proof.size = size;
        got->as.proof.count = merkle.count;
        memcpy(got->as.proof.hashes, merkle.hashes, merkle.count * sizeof merkle.hashes[0]);
        got->as.proof.leaf = leaf.leaf;
        got->as.proof.checkpoint = BYTES_TEXT(note);
        err = reply(core, client);
    }
    return err;
}

/* Whose cosignatures count, and under which key: `stoop log verify` checks them itself. */
static enum err logs(struct core *core, uint64_t client) {
    enum err err = core->is_member ? ERR_OK : ERR_USER_NO_COMMUNITY;
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        if (community_is_outside(core->community, id) && !id_equal(id, &core->self)) {
            continue; /* it is nobody's witness */
        }
        struct control_reply *got = fresh(core, CONTROL_GOT_LOG);
        got->as.log.certificate = *id;
        (void)snprintf(got->as.log.name, sizeof got->as.log.name, "%s",
                       community_find(core->community, id)->name);
        err = witness_log_key(core, id, &got->as.log.log);
        if (err == ERR_OK) {
            err = reply(core, client);
        }
    }
    return err == ERR_OK ? logs_of_doors(core, client) : err;
}

/* To an outsider its doors are no members, until one of them grants. */
static enum err logs_of_doors(struct core *core, uint64_t client) {
    static const struct sign_public none = {{0}};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < core->outside.door_count; i++) {
        const struct outside_door *door = &core->outside.doors[i];
        const struct link *link = core_link(core, door->link);
        const struct member *known = community_find(core->community, &door->code.home);
        if (link == NULL || !link->caught_up || sign_public_equal(&link->log, &none) ||
            (known != NULL && sign_public_equal(&known->log, &link->log))) {
            continue;
        }
        struct control_reply *got = fresh(core, CONTROL_GOT_LOG);
        got->as.log.certificate = door->code.home;
        got->as.log.log = link->log;
        (void)snprintf(got->as.log.name, sizeof got->as.log.name, "%s", door->code.name);
        err = reply(core, client);
    }
    return err;
}

static enum err visit_fork(void *context, const struct sign_public *log, struct bytes proof) {
    const struct answer *answer = context;
    struct control_reply *got = fresh(answer->core, CONTROL_GOT_OBJECT);
    (void)log;
    got->as.object.object = proof;
    return reply(answer->core, answer->client);
}

static enum err checkpoint(struct core *core, uint64_t client) {
    char note[NOTE_MAX];
    uint64_t size = 0;
    enum err err = record_checkpoint(core, 0, &size, note);
    if (err == ERR_OK) {
        struct control_reply *got = fresh(core, CONTROL_GOT_OBJECT);
        got->last = true;
        got->as.object.object = BYTES_TEXT(note);
        err = reply(core, client);
    }
    return err;
}

static enum err peers(struct core *core, uint64_t client) {
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    peers_tell(core, fresh(core, CONTROL_GOT_PEERS));
    return reply(core, client);
}

static enum err visit_keeping(void *context, const struct store_keeping *keeping) {
    const struct answer *answer = context;
    struct core *core = answer->core;
    const struct member *asker = community_find(core->community, &keeping->author);
    struct control_reply *got = fresh(core, CONTROL_GOT_OVERDUE);
    (void)snprintf(got->as.overdue.name, sizeof got->as.overdue.name, "%s",
                   asker == NULL ? "" : asker->name);
    got->as.overdue.certificate = keeping->author;
    got->as.overdue.received = keeping->received;
    got->as.overdue.deleted = keeping->deleted;
    got->as.overdue.overdue = keeping->overdue;
    got->as.overdue.unknown = keeping->unsure;
    return reply(core, answer->client);
}
