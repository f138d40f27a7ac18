/* Agencies that members have called back about a request (PROTOCOL 5.7): who called, on which
 * number of the community's directory, what came of it. It decides nothing and ends nothing: owners
 * are shown it. Any member can call, cameras or not, so that somebody did says nothing of footage
 * (P2).
 */
#include <string.h>

#include "node/core/parts.h"

struct gathering {
    struct core *core;
    struct buffer *bytes;
    struct called *out;
};

static enum err find_request(struct core *core, const struct id *id, struct request *out);
static bool is_newer(const struct call_back *call, const struct id *id,
                     const struct store_call *than);
static enum err replace(struct core *core, const struct store_call *old);
static enum err visit_call(void *context, const struct store_object *row);
static enum err add_callers(struct gathering *gathering, const struct id *author, bool *whole);

/* Whoever passed it on had the request, or should not have; but which one it was sent about, and
 * what else its author says about that, depends on what came first: ignored, not blamed. */
enum err called_judge(struct core *core, const struct signed_object *object,
                      const struct member *author) {
    struct call_back call;
    struct request request;
    struct store_call before;
    uint64_t live = 0;
    enum err err = call_back_decode(object->body, &call);
    if (err != ERR_OK) {
        return err;
    }
    if (!signed_by_owner(object, author)) {
        return ERR_PEER_SIGNATURE;
    }
    if (!call_back_is_listed(&call, community_charter(core->community))) {
        return ERR_PEER_BOUNDS;
    }
    err = find_request(core, &call.request, &request);
    if (err != ERR_OK) {
        return err;
    }
    if (!call_back_is_about(&call, &call.request, &request)) {
        return ERR_PEER_UNKNOWN;
    }
    err = store_call_get(core->store, &call.request, &call.head.author, &before);
    if (err == ERR_OK) { /* every home comes to the same one, whatever came first */
        return is_newer(&call, &object->id, &before) ? ERR_OK : ERR_DENY_QUOTA;
    }
    if (err == ERR_USER_NOT_FOUND) {
        err = store_object_count(core->store, OBJECT_CALL_BACK, &call.head.author, core->now.wall,
                                 &live);
    }
    return err == ERR_OK && live >= CALLS_MAX ? ERR_DENY_QUOTA : err;
}

enum err called_record(struct core *core, const struct signed_object *object) {
    struct call_back call;
    struct store_call before;
    struct log_entry entry = {.kind = LOG_CALL_BACK, .at = core->now.wall, .b = object->id};
    enum err err = call_back_decode(object->body, &call);
    if (err != ERR_OK) {
        return err;
    }
    err = store_call_get(core->store, &call.request, &call.head.author, &before);
    if (err == ERR_OK) {
        err = replace(core, &before);
    }
    if (err == ERR_OK || err == ERR_USER_NOT_FOUND) {
        err = withheld_name(core, &call.request, &entry.a);
    }
    if (err == ERR_OK) {
        entry.numbers[0] = call.outcome;
        err = record_add(core, &entry, NULL);
    }
    const struct store_call row = {.request = call.request,
                                   .author = call.head.author,
                                   .created = call.head.created,
                                   .call = object->id};
    return err == ERR_OK ? store_call_put(core->store, &row) : err;
}

enum err called_gather(struct core *core, const struct id *request, struct buffer *bytes,
                       struct called *out) {
    struct gathering gathering = {core, bytes, out};
    uint32_t all = 0;
    out->call_count = out->caller_count = 0;
    enum err err = store_call_count(core->store, request, &all);
    if (err == ERR_OK) {
        err = store_call_each(core->store, request, CALLS_SHOWN_MAX, visit_call, &gathering);
    }
    out->more = all - (uint32_t)out->call_count;
    return err;
}

static enum err find_request(struct core *core, const struct id *id, struct request *out) {
    struct store_object row;
    struct signed_object object;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_USER_NOT_FOUND || (err == ERR_OK && row.kind != OBJECT_REQUEST)) {
        return ERR_PEER_UNKNOWN; /* it may be on its way */
    }
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    return err == ERR_OK ? request_decode(object.body, out) : err;
}

static bool is_newer(const struct call_back *call, const struct id *id,
                     const struct store_call *than) {
    const struct sync_key old = {than->created, than->call};
    const struct sync_key new = {call->head.created, *id};
    return sync_key_compare(&old, &new) < 0;
}

static enum err replace(struct core *core, const struct store_call *old) {
    struct overlay_event event = {.kind = OVERLAY_EV_REPLACED, .key = {old->created, old->call}};
    enum err err = neighbours_run(core, &event);
    if (err == ERR_OK) {
        err = store_object_remove(core->store, &old->call);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* One whose author's certificates are not all at hand could not be checked, and is left out. */
static enum err visit_call(void *context, const struct store_object *row) {
    struct gathering *gathering = context;
    struct called *out = gathering->out;
    struct called_part *part = &out->calls[out->call_count];
    const size_t callers = out->caller_count;
    const struct id author = row->author;
    bool whole = row->object.len <= CONTROL_CALL_BYTES;
    *part = (struct called_part){gathering->bytes->len, row->object.len};
    enum err err = whole ? buffer_append(gathering->bytes, row->object) : ERR_OK;
    if (err == ERR_OK && whole) {
        err = add_callers(gathering, &author, &whole);
    }
    out->call_count += whole ? 1 : 0;
    out->caller_count = whole ? out->caller_count : callers;
    return err;
}

static enum err add_callers(struct gathering *gathering, const struct id *author, bool *whole) {
    struct id chain[CHAIN_PARTS_MAX];
    struct called *out = gathering->out;
    size_t count = standing_chain(gathering->core, author, chain);
    enum err err = ERR_OK;
    *whole = count > 0;
    for (size_t i = count;
         err == ERR_OK && *whole && i-- > 0;) { /* renewals before what they renew */
        struct store_object row;
        bool known = false;
        for (size_t k = 0; k < out->caller_count && !known; k++) {
            known = id_equal(&out->caller_ids[k], &chain[i]);
        }
        if (known) {
            continue;
        }
        err = store_object_get(gathering->core->store, &chain[i], &row);
        *whole = err == ERR_OK && row.object.len <= CONTROL_CALL_BYTES &&
                 out->caller_count < CONTROL_CALLERS_MAX;
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
        if (err == ERR_OK && *whole) {
            out->caller_ids[out->caller_count] = chain[i];
            out->callers[out->caller_count++] =
                (struct called_part){gathering->bytes->len, row.object.len};
            err = buffer_append(gathering->bytes, row.object);
        }
    }
    return err;
}
