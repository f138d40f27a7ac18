/* What `stoop request`, `stoop requests` and `stoop call-back` ask: requests of every home of the
 * community, and what belongs to them (PROTOCOL 5, 10). */
#include <string.h>

#include "node/core/answer.h"

enum {
    DOCUMENT_WAITS_MS = DURATION_HOUR_MS, /* for the request that names it, which keeps it */
};

/* A request as it is shown. It is gathered first: what the store lends is gone when it is asked
 * again. */
struct gathered {
    struct store_request local; /* but for what it lends */
    struct buffer bytes; /* the request; the certificates to the charter; what took it back */
    size_t at[CHAIN_PARTS_MAX + 3]; /* part i lies from at[i] to at[i + 1] */
    size_t parts;
    size_t chain_count; /* 0: it came from elsewhere */
    struct id chain[CHAIN_PARTS_MAX];
    struct buffer crossing; /* by which it did */
    struct buffer calls;
    struct called called; /* where they are in `calls` */
    uint32_t open_clips;
    bool document, seal; /* are here */
    bool over;
};

static enum err open_own(const struct answer *answer, enum object_kind kind,
                         struct signed_object *out);
static enum err take_own(struct core *core, struct bytes object);
static enum err visit_request(void *context, const struct store_object *row);
static bool ended_with_us(const struct core *core, const struct store_object *row,
                          const struct gathered *gathered);
static void gathered_finish(struct gathered *gathered);
static enum err gather_asker(struct core *core, const struct store_object *row,
                             struct gathered *out);
static enum err gather_rest(struct core *core, const struct id *request, struct gathered *out);
static enum err gather_chain(struct core *core, struct gathered *out);
static enum err gather_ending(struct core *core, struct gathered *out);
static enum err add_part(struct gathered *out, struct bytes part);
static struct bytes part_of(const struct gathered *from, size_t i);
static enum err attachments_here(struct core *core, struct bytes signed_bytes, bool *document,
                                 bool *seal);
static enum err attachment_here(struct core *core, const struct id *sha256, uint32_t size,
                                bool *out);
static void put_request(const struct gathered *from, struct control_reply *got);
static void put_called(const struct called *called, const uint8_t *bytes,
                       struct control_reply *got);

enum err answer_request_put(struct answer *answer) {
    struct core *core = answer->core;
    const struct control_request *request = answer->request;
    struct signed_object object;
    struct head head;
    enum err err = open_own(answer, OBJECT_REQUEST, &object);
    if (err == ERR_OK) {
        err = head_decode(object.body, &head);
    }
    if (err == ERR_OK && (!core_is_ours(core, &head.author) || request->blob2.len == 0 ||
                          request->blob2.len > HEADER_MAX)) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = take_own(core, request->blob);
    }
    return err == ERR_OK ? store_request_set_key(core->store, &object.id, request->blob2) : err;
}

enum err answer_withdraw(struct answer *answer) {
    struct core *core = answer->core;
    struct signed_object object;
    struct withdrawal withdrawal;
    struct store_request row;
    struct store_object asked;
    enum err err = open_own(answer, OBJECT_WITHDRAWAL, &object);
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
    return err == ERR_OK ? take_own(core, answer->request->blob) : err;
}

enum err answer_call_back(struct answer *answer) {
    struct core *core = answer->core;
    struct signed_object object;
    struct call_back call;
    struct store_request row;
    enum err err = open_own(answer, OBJECT_CALL_BACK, &object);
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
    return err == ERR_OK ? take_own(core, answer->request->blob) : err;
}

enum err answer_requests(struct answer *answer) {
    return answer_part(
        answer, store_object_each(answer->core->store, OBJECT_REQUEST, visit_request, answer));
}

enum err answer_document_put(struct answer *answer) {
    struct core *core = answer->core;
    const struct control_request *request = answer->request;
    struct store_attachment attachment = {
        .sha256 = request->id,
        .size = (uint32_t)request->total,
        .expires = instant_add(core->now.wall, (struct duration){DOCUMENT_WAITS_MS}),
        .account = core->self,
        .due = core->now.wall};
    if (request->total == 0 || request->total > DOCUMENT_MAX || request->blob.len == 0 ||
        request->offset > request->total || request->blob.len > request->total - request->offset) {
        return ERR_PEER_BOUNDS;
    }
    enum err err = attachments_want(core, &attachment);
    if (err == ERR_OK) {
        err = store_attachment_get(core->store, &request->id, &attachment);
    }
    if (err == ERR_OK && attachment.size != request->total && attachment.have < attachment.size) {
        /* somebody named another size */
        err = attachments_resize(core, &attachment, (uint32_t)request->total);
    }
    if (err == ERR_OK && attachment.have == attachment.size) {
        return ERR_OK; /* held already */
    }
    if (err == ERR_OK) {
        err = attachments_handed(core, &attachment, request->offset);
    }
    if (err == ERR_OK) {
        err = store_attachment_append(core->store, &request->id, attachment.have, request->blob);
        attachment.have += (uint32_t)request->blob.len;
    }
    if (err != ERR_OK || attachment.have < attachment.size) {
        return err;
    }
    bool good = false;
    err = attachments_finish(core, &attachment, &good); /* neighbours trust what we pass on */
    return err == ERR_OK && !good ? ERR_PEER_BOUNDS : err;
}

enum err answer_document_get(struct answer *answer) {
    struct store *store = answer->core->store;
    const struct control_request *request = answer->request;
    struct store_attachment attachment;
    struct bytes data;
    enum err err = store_attachment_get(store, &request->id, &attachment);
    if (err == ERR_OK && attachment.have < attachment.size) {
        err = ERR_USER_NOT_FOUND;
    }
    if (err == ERR_OK) {
        err = store_attachment_read(store, &request->id, (uint32_t)request->offset,
                                    CONTROL_DATA_MAX, &data);
    }
    return err == ERR_OK ? answer_data(answer, data, attachment.size) : err;
}

/* What an owner of this home hands in, signed. */
static enum err open_own(const struct answer *answer, enum object_kind kind,
                         struct signed_object *out) {
    if (!answer->core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    enum err err = signed_decode(answer->request->blob, out);
    return err == ERR_OK && out->kind != kind ? ERR_PEER_BOUNDS : err;
}

/* As if it had come; but here its author is told why it is refused. */
static enum err take_own(struct core *core, struct bytes object) {
    enum err verdict = ERR_OK;
    enum err err = gossip_take(core, NULL, object, (struct way){0}, &verdict);
    return err == ERR_OK ? verdict : err;
}

static enum err visit_request(void *context, const struct store_object *row) {
    struct answer *answer = context;
    bool had = false;
    SCOPED(gathered_finish)
    struct gathered gathered = {.bytes = {.max = (CHAIN_PARTS_MAX + 2) * SIGNED_GOSSIP_MAX},
                                .crossing = {.max = SIGNED_GOSSIP_MAX},
                                .calls = {.max = CONTROL_FRAME_MAX}};
    enum err err = gather_asker(answer->core, row, &gathered);
    if (err != ERR_OK) { /* it was displaced, and who it was cannot be shown */
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    err = answer_turn(answer, &had);
    if (err != ERR_OK || had) {
        return err;
    }
    err = gather_rest(answer->core, &row->id, &gathered);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
    }
    gathered.over = gathered.over || ended_with_us(answer->core, row, &gathered);
    put_request(&gathered, answer_fresh(answer, CONTROL_GOT_REQUEST));
    return answer_row(answer);
}

/* As at every home, once this one belongs no more: nothing takes it back here, where it is read. */
static bool ended_with_us(const struct core *core, const struct store_object *row,
                          const struct gathered *gathered) {
    struct instant at = {0};
    return gathered->local.ours && community_is_removed(core->community, &core->self, &at) &&
           at.ms < row->expires.ms;
}

static void gathered_finish(struct gathered *gathered) {
    buffer_finish(&gathered->bytes);
    buffer_finish(&gathered->crossing);
    buffer_finish(&gathered->calls);
}

/* ERR_USER_NOT_FOUND: neither its certificates are here, nor what it crossed with. */
static enum err gather_asker(struct core *core, const struct store_object *row,
                             struct gathered *out) {
    struct store_crossed crossed;
    enum err err = add_part(out, row->object);
    if (err == ERR_OK) {
        err = store_request_get(core->store, &row->id, &out->local);
    }
    if (err != ERR_OK) {
        return err;
    }
    out->chain_count = standing_chain(core, &row->author, out->chain);
    if (out->chain_count > 0) {
        return ERR_OK;
    }
    err = store_crossed_get(core->store, &row->id, &crossed);
    return err == ERR_OK ? buffer_append(&out->crossing, crossed.crossing) : err;
}

static enum err gather_rest(struct core *core, const struct id *request, struct gathered *out) {
    enum err err = gather_chain(core, out);
    if (err == ERR_OK) {
        err = attachments_here(core, part_of(out, 0), &out->document, &out->seal);
    }
    if (err == ERR_OK) {
        err = store_clip_count_open(core->store, request, &out->open_clips);
    }
    if (err == ERR_OK) {
        err = gather_ending(core, out);
    }
    return err == ERR_OK ? called_gather(core, request, &out->calls, &out->called) : err;
}

static enum err gather_chain(struct core *core, struct gathered *out) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < out->chain_count; i++) {
        struct store_object certificate;
        err = store_object_get(core->store, &out->chain[i], &certificate);
        if (err == ERR_OK) {
            err = add_part(out, certificate.object);
        }
    }
    return err;
}

/* Empty where nothing has ended it, or that is held no more. */
static enum err gather_ending(struct core *core, struct gathered *out) {
    struct store_object by;
    out->over = !id_is_zero(&out->local.taken_back_by);
    bool held = out->over &&
                store_object_get(core->store, &out->local.taken_back_by, &by) == ERR_OK &&
                (by.kind == OBJECT_WITHDRAWAL || by.kind == OBJECT_REQUEST);
    return add_part(out, held ? by.object : (struct bytes){NULL, 0});
}

static enum err add_part(struct gathered *out, struct bytes part) {
    enum err err = buffer_append(&out->bytes, part);
    out->at[++out->parts] = out->bytes.len;
    return err;
}

static struct bytes part_of(const struct gathered *from, size_t i) {
    return (struct bytes){from->bytes.at + from->at[i], from->at[i + 1] - from->at[i]};
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

static void put_request(const struct gathered *from, struct control_reply *got) {
    got->as.request.request = part_of(from, 0);
    got->as.request.chain_count = from->chain_count;
    for (size_t i = 0; i < from->chain_count; i++) {
        got->as.request.chain[i] = part_of(from, i + 1);
    }
    got->as.request.crossing = buffer_bytes(&from->crossing);
    got->as.request.ours = from->local.ours;
    got->as.request.log_index = from->local.log_index;
    got->as.request.document_here = from->document;
    got->as.request.seal_here = from->seal;
    got->as.request.open_clips = from->over ? 0 : from->open_clips; /* they go with the slot */
    got->as.request.taken_back = from->over;
    got->as.request.taken_back_by = part_of(from, from->chain_count + 1);
    put_called(&from->called, from->calls.at, got);
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
