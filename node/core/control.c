/* What `stoop` asks (PROTOCOL 10). Reading takes access to the socket; every change carries an
 * owner's signature, which the engine concerned has checked. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/answer.h"

enum {
    PART_ROWS = 32,           /* of a list that comes in parts: each is an effect of the turn */
    PART_BYTES = 1024 * 1024, /* what a client has waiting is bounded by the shell */
};

static enum err send_reply(struct core *core, uint64_t client);
static struct control_reply *fresh(struct core *core, enum control_kind kind);
static enum err send_object(const struct answer *answer, struct bytes object, bool last);
static enum err status(struct answer *answer);
static void status_of_node(const struct core *core, struct control_reply *got);
static void status_of_community(const struct core *core, struct control_reply *got);
static size_t homes_that_belong(const struct core *core);
static void status_of_outside(struct core *core, struct control_reply *got);
static enum err found(struct answer *answer);
static enum err invite(struct answer *answer);
static enum err join(struct answer *answer);
static enum err let_meet(struct answer *answer);
static enum err meet(struct answer *answer);
static enum err commit(struct answer *answer);
static enum err reveal(struct answer *answer);
static enum err apply_from_outside(struct answer *answer);
static enum err officer(struct answer *answer);
static enum err members(struct answer *answer);
static enum err send_member(const struct answer *answer, size_t i);
static uint32_t state_of(const struct core *core, const struct id *id, peer_no number);
static enum err visit_object(void *context, const struct store_object *row);
static enum err charter(struct answer *answer);
static enum err endorse(struct answer *answer);
static enum err proposals(struct answer *answer);
static enum err visit_lost(void *context, const struct store_act *row);
static enum err remove_one(struct answer *answer);
static enum err rolls(struct answer *answer);
static enum err visit_roll(void *context, const struct id *treaty, struct bytes roll);
static enum err gateways(struct answer *answer);
static enum err peers(struct answer *answer);
static enum err overdue(struct answer *answer);
static enum err visit_keeping(void *context, const struct store_keeping *keeping);
static enum err cameras_put(struct answer *answer);
static enum err cameras_wait(struct core *core, bool *out);
static enum err cameras_get(struct answer *answer);
static enum err decide(struct answer *answer);
static enum err grant(struct answer *answer);
static enum err edit_put(struct answer *answer);
static enum err edit_keep(struct answer *answer);

/* How each question is answered. On ERR_OK a DONE follows, but where `says_last` the last word is
 * the answer's own, now or later. */
static const struct question {
    enum err (*answer)(struct answer *answer);
    bool says_last;
} QUESTIONS[] = {
    [CONTROL_STATUS] = {status, true},
    [CONTROL_FOUND] = {found, false},
    [CONTROL_INVITE] = {invite, false},
    [CONTROL_JOIN] = {join, true}, /* when the sponsor has answered */
    [CONTROL_MEMBERS] = {members, false},
    [CONTROL_CHARTER] = {charter, false},
    [CONTROL_CAMERAS_PUT] = {cameras_put, true}, /* when ingest has judged it */
    [CONTROL_CAMERAS_GET] = {cameras_get, true},
    [CONTROL_DOCUMENT_PUT] = {answer_document_put, false},
    [CONTROL_DOCUMENT_GET] = {answer_document_get, true},
    [CONTROL_REQUEST_PUT] = {answer_request_put, false},
    [CONTROL_REQUESTS] = {answer_requests, false},
    [CONTROL_CLIPS] = {answer_clips, false},
    [CONTROL_CLIP] = {answer_clip, true},
    [CONTROL_PAYLOAD] = {answer_payload, true},
    [CONTROL_DECIDE] = {decide, false},
    [CONTROL_GRANT] = {grant, false},
    [CONTROL_DELIVERED] = {answer_delivered, false},
    [CONTROL_DELIVERED_ONE] = {answer_delivered_one, true},
    [CONTROL_DELIVERED_DATA] = {answer_delivered_data, true},
    [CONTROL_COLLECTED] = {answer_collected, false},
    [CONTROL_LOG] = {answer_leaves, false},
    [CONTROL_LOG_PROOF] = {answer_proof, true},
    [CONTROL_CHECKPOINT] = {answer_checkpoint, true},
    [CONTROL_LOGS] = {answer_logs, false},
    [CONTROL_FORKS] = {answer_forks, false},
    [CONTROL_PEERS] = {peers, false},
    [CONTROL_WITHDRAW] = {answer_withdraw, false},
    [CONTROL_OVERDUE] = {overdue, false},
    [CONTROL_DELETE] = {answer_delete, false},
    [CONTROL_EDIT_PUT] = {edit_put, false},
    [CONTROL_EDIT_KEEP] = {edit_keep, true}, /* when it is durable */
    [CONTROL_EDITED] = {answer_edited, true},
    [CONTROL_CALL_BACK] = {answer_call_back, false},
    [CONTROL_ENDORSE] = {endorse, false},
    [CONTROL_PROPOSALS] = {proposals, false},
    [CONTROL_REMOVE] = {remove_one, false},
    [CONTROL_MEET_INVITE] = {let_meet, true}, /* these four, when the other home has acted */
    [CONTROL_MEET_JOIN] = {meet, true},
    [CONTROL_MEET_COMMIT] = {commit, true},
    [CONTROL_MEET_REVEAL] = {reveal, true},
    [CONTROL_OUTSIDE_APPLY] = {apply_from_outside, true},
    [CONTROL_OFFICER_PUT] = {officer, false},
    [CONTROL_ROLLS] = {rolls, false},
    [CONTROL_GATEWAYS] = {gateways, false},
};
static_assert(COUNT_OF(QUESTIONS) == CONTROL_OP_END, "each has an answer");

enum err control_frame(struct core *core, uint64_t client, struct bytes frame) {
    static struct control_request request;
    const struct question *question = NULL;
    enum err err = control_request_decode(frame, &request);
    if (err == ERR_OK) {
        struct answer answer = {.core = core,
                                .client = client,
                                .request = &request,
                                .skip = request.offset,
                                .bytes = core->bytes.len};
        question = &QUESTIONS[request.op];
        err = question->answer(&answer);
    }
    secret_wipe(request.secret, sizeof request.secret);
    secret_wipe(request.text, sizeof request.text);
    if (err == ERR_OK && question->says_last) {
        return ERR_OK;
    }
    return control_done(core, client, err, "");
}

enum err control_done(struct core *core, uint64_t client, enum err err, const char *text) {
    struct control_reply *done = fresh(core, CONTROL_DONE);
    done->last = true;
    done->err = err;
    (void)snprintf(done->text, sizeof done->text, "%s", text);
    enum err sent = send_reply(core, client);
    return err == ERR_HOST_DISK || err == ERR_HOST_DATABASE || err == ERR_HOST_MEMORY ? err : sent;
}

enum err control_begun(struct core *core, uint64_t client) {
    (void)fresh(core, CONTROL_PROGRESS);
    return send_reply(core, client);
}

enum err control_data(struct core *core, uint64_t client, struct bytes data) {
    struct control_reply *got = fresh(core, CONTROL_GOT_DATA);
    got->last = true;
    got->as.data.data = data;
    got->as.data.total = data.len;
    return send_reply(core, client);
}

struct control_reply *answer_fresh(const struct answer *answer, enum control_kind kind) {
    return fresh(answer->core, kind);
}

enum err answer_send(const struct answer *answer) {
    return send_reply(answer->core, answer->client);
}

enum err answer_object(const struct answer *answer, struct bytes object) {
    return send_object(answer, object, false);
}

enum err answer_last_object(const struct answer *answer, struct bytes object) {
    return send_object(answer, object, true);
}

enum err answer_data(const struct answer *answer, struct bytes data, uint64_t total) {
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_DATA);
    got->last = true;
    got->as.data.data = data;
    got->as.data.offset = answer->request->offset;
    got->as.data.total = total;
    return answer_send(answer);
}

enum err answer_turn(struct answer *answer, bool *had) {
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

enum err answer_row(struct answer *answer) {
    enum err err = answer_send(answer);
    answer->count += err == ERR_OK ? 1 : 0;
    return err;
}

enum err answer_part(const struct answer *answer, enum err err) {
    return err == ERR_FULL_QUEUE && answer->count > 0 ? ERR_OK : err;
}

static enum err send_reply(struct core *core, uint64_t client) {
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

static enum err send_object(const struct answer *answer, struct bytes object, bool last) {
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_OBJECT);
    got->last = last;
    got->as.object.object = object;
    return answer_send(answer);
}

static enum err status(struct answer *answer) {
    struct core *core = answer->core;
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_STATUS);
    bool waits = false;
    struct bytes previous;
    enum err err = store_clip_count_open(core->store, NULL, &got->as.status.open_clips);
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
    got->last = true;
    got->as.status.camera_list_waits = waits || !core->ingest_up || !core->camera_list_known;
    status_of_node(core, got);
    if (core->is_member) {
        status_of_community(core, got);
    }
    if (core->outside.applied) {
        status_of_outside(core, got);
    }
    return answer_send(answer);
}

static void status_of_node(const struct core *core, struct control_reply *got) {
    (void)snprintf(got->as.status.version, sizeof got->as.status.version, "%s", STOOP_VERSION);
    got->as.status.now = core->now.wall;
    got->as.status.started = core->config.now.wall;
    got->as.status.node = core->node_public;
    got->as.status.log = core->log_public;
    got->as.status.transport = core->transport_public;
    got->as.status.has_community = core->is_member;
    got->as.status.ingest_up = core->ingest_up;
    got->as.status.camera_list_version = core->camera_list_version;
    got->as.status.open_requests = (uint32_t)requests_count(core->requests);
    got->as.status.address_count = core->config.address_count;
    memcpy(got->as.status.addresses, core->config.addresses, sizeof got->as.status.addresses);
    log_origin(&core->log_public, got->as.status.log_origin);
    log_root(core->log, &got->as.status.log_root);
    got->as.status.log_size = log_size(core->log);
    got->as.status.head_size = core->head.size;
    got->as.status.cosigned = (uint32_t)core->head.cosigned;
    got->as.status.forks = (uint32_t)core->fork_count;
    got->as.status.copy_seen = core->copy.seen_at;
    got->as.status.slot_s = 60;
    got->as.status.caps = CAPS_DEFAULT;
}

static void status_of_community(const struct core *core, struct control_reply *got) {
    const struct charter *charter = community_charter(core->community);
    got->as.status.community = *community_id(core->community);
    got->as.status.certificate = core->self;
    (void)snprintf(got->as.status.community_name, NAME_MAX_BYTES, "%s", charter->name);
    got->as.status.members = (uint32_t)homes_that_belong(core);
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

/* Those that belong at present: whoever left, was removed or has expired stays known. */
static size_t homes_that_belong(const struct core *core) {
    size_t count = 0;
    for (size_t i = 0; i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        count += !community_is_outside(core->community, id) &&
                         community_in_standing(core->community, id, core->now.wall)
                     ? 1
                     : 0;
    }
    return count;
}

static void status_of_outside(struct core *core, struct control_reply *got) {
    const struct outside *outside = &core->outside;
    got->as.status.outside = outside->certificate;
    got->as.status.door_count = outside->door_count;
    for (size_t i = 0; i < outside->door_count; i++) {
        const struct link *link = links_find(core, outside->doors[i].link);
        (void)snprintf(got->as.status.doors[i].name, NAME_MAX_BYTES, "%s",
                       outside->doors[i].code.name);
        got->as.status.doors[i].linked = link != NULL && link->state == LINK_OPEN;
    }
}

static enum err found(struct answer *answer) {
    return join_found(answer->core, answer->request->blob, answer->request->blob2);
}

static enum err invite(struct answer *answer) {
    return join_invite(answer->core, answer->request->blob, answer->request->secret);
}

static enum err join(struct answer *answer) {
    return join_start(answer->core, answer->client, answer->request->text, answer->request->blob);
}

static enum err let_meet(struct answer *answer) {
    return meet_invite(answer->core, answer->client, answer->request);
}

static enum err meet(struct answer *answer) {
    return meet_join(answer->core, answer->client, answer->request);
}

static enum err commit(struct answer *answer) {
    return compare_commit(answer->core, answer->client, answer->request);
}

static enum err reveal(struct answer *answer) {
    return compare_reveal(answer->core, answer->client, answer->request);
}

static enum err apply_from_outside(struct answer *answer) {
    SCOPED(buffer_finish) struct buffer complete = {.max = SIGNED_GOSSIP_MAX};
    const struct control_request *request = answer->request;
    enum err err =
        outside_apply(answer->core, request->blob, request->blob2, request->total != 0, &complete);
    return err == ERR_OK ? answer_data(answer, buffer_bytes(&complete), complete.len) : err;
}

static enum err officer(struct answer *answer) {
    return outside_officer(answer->core, answer->request->blob);
}

/* Each certificate, and its renewal behind it; then removals that are no acts. */
static enum err members(struct answer *answer) {
    struct core *core = answer->core;
    enum err err = core->is_member ? ERR_OK : ERR_USER_NO_COMMUNITY;
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        err = send_member(answer, i);
    }
    return err == ERR_OK ? store_object_each(core->store, OBJECT_REMOVAL, visit_object, answer)
                         : err;
}

static enum err send_member(const struct answer *answer, size_t i) {
    struct core *core = answer->core;
    const struct id *id = community_member_id(core->community, i);
    struct id chain[CHAIN_MAX];
    struct store_object row;
    if (community_is_outside(core->community, id) &&
        (community_chain(core->community, id, chain) == 0 ||
         governance_outsider(community_governance(core->community), &chain[0]) == NULL)) {
        return ERR_OK; /* acts say nothing of it any more */
    }
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK) {
        struct control_reply *got = answer_fresh(answer, CONTROL_GOT_OBJECT);
        got->as.object.object = row.object;
        got->as.object.state = state_of(core, id, (peer_no)i);
        err = answer_send(answer);
    }
    const struct id renewal = community_renewal(core->community, id, core->now.wall);
    if (err == ERR_OK && !id_is_zero(&renewal)) {
        err = store_object_get(core->store, &renewal, &row);
        if (err == ERR_OK) {
            err = answer_object(answer, row.object);
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
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

static enum err visit_object(void *context, const struct store_object *row) {
    return answer_object(context, row->object);
}

/* The founding charter, then each act. */
static enum err charter(struct answer *answer) {
    struct core *core = answer->core;
    struct bytes founding;
    enum err err = store_get(core->store, STORE_CHARTER, &founding);
    if (err == ERR_OK) {
        err = answer_object(answer, founding);
    }
    for (uint32_t i = 1; err == ERR_OK && i < community_act_count(core->community); i++) {
        struct store_object row;
        err = store_object_get(core->store, community_act_id(core->community, i), &row);
        if (err == ERR_OK) {
            err = answer_object(answer, row.object);
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_USER_NO_COMMUNITY : err;
}

static enum err endorse(struct answer *answer) {
    return acts_endorse(answer->core, answer->request->blob, answer->request->blob2);
}

static enum err proposals(struct answer *answer) {
    struct store *store = answer->core->store;
    enum err err = store_object_each(store, OBJECT_ENDORSEMENT, visit_object, answer);
    return err == ERR_OK ? store_act_each(store, visit_lost, answer) : err;
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

static enum err remove_one(struct answer *answer) {
    return standing_remove(answer->core, answer->request->blob, answer->request->blob2);
}

/* The newest that came of each clerk of each treaty's other side. */
static enum err rolls(struct answer *answer) {
    return store_far_roll_each(answer->core->store, visit_roll, answer);
}

static enum err visit_roll(void *context, const struct id *treaty, struct bytes roll) {
    (void)treaty; /* who asks checks of whom it is */
    return answer_object(context, roll);
}

/* Of all homes and treaties, as they came. */
static enum err gateways(struct answer *answer) {
    return store_object_each(answer->core->store, OBJECT_GATEWAY, visit_object, answer);
}

static enum err peers(struct answer *answer) {
    if (!answer->core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    peers_tell(answer->core, answer_fresh(answer, CONTROL_GOT_PEERS));
    return answer_send(answer);
}

static enum err overdue(struct answer *answer) {
    struct core *core = answer->core;
    return core->is_member ? store_owed_each(core->store, owed_until(core), visit_keeping, answer)
                           : ERR_USER_NO_COMMUNITY;
}

static enum err visit_keeping(void *context, const struct store_keeping *keeping) {
    const struct answer *answer = context;
    const struct member *asker = community_find(answer->core->community, &keeping->author);
    struct control_reply *got = answer_fresh(answer, CONTROL_GOT_OVERDUE);
    (void)snprintf(got->as.overdue.name, sizeof got->as.overdue.name, "%s",
                   asker == NULL ? "" : asker->name);
    got->as.overdue.certificate = keeping->author;
    got->as.overdue.received = keeping->received;
    got->as.overdue.deleted = keeping->deleted;
    got->as.overdue.overdue = keeping->overdue;
    got->as.overdue.unknown = keeping->unsure;
    return answer_send(answer);
}

/* Ingest alone can open and judge it; its word comes back by clips_ingest. */
static enum err cameras_put(struct answer *answer) {
    struct core *core = answer->core;
    const struct control_request *request = answer->request;
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
        core->camera_client = answer->client;
        core->camera_list_waits = true;
        err =
            core_effect(core, &(struct core_effect){.kind = CORE_DO_INGEST}, buffer_bytes(&frame));
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

static enum err cameras_get(struct answer *answer) {
    struct bytes list;
    enum err err = store_get(answer->core->store, STORE_CAMERAS_OWNERS, &list);
    return err == ERR_OK ? answer_last_object(answer, list) : err;
}

static enum err decide(struct answer *answer) {
    return clips_decide(answer->core, answer->request->blob);
}

static enum err grant(struct answer *answer) {
    return clips_grant(answer->core, answer->client, answer->request);
}

static enum err edit_put(struct answer *answer) {
    return edited_put(answer->core, answer->client, answer->request);
}

static enum err edit_keep(struct answer *answer) {
    return edited_keep(answer->core, answer->client, answer->request);
}
