/* Requests that their author takes back: by a withdrawal, or by an amendment that takes their place
 * (PROTOCOL 5.6).
 *
 * It may come before the request, after it, or twice. What every home can see happens in the turn
 * that brings it: the record says so, prompts take no answer any more, nothing more is sent. What
 * only a home with footage has to do, shredding, goes with the slot (P2, P7): clips_slot(). */
#include <string.h>

#include "node/core/parts.h"

struct search { /* for what takes a request back */
    struct core *core;
    const struct id *request;
    const struct head *head;
    bool found;
    enum log_kind kind;
    struct id by;
};

static bool *named(struct core *core, const struct id *request);
static enum err find_request(struct core *core, const struct id *id, struct head *out);
static enum err visit_withdrawal(void *context, const struct store_object *row);
static enum err visit_amendment(void *context, const struct id *id);
static enum err take_back(struct core *core, const struct id *request, enum log_kind kind,
                          const struct id *by);

enum err taken_back_load(struct core *core, const struct signed_object *withdrawal) {
    struct withdrawal read;
    enum err err = withdrawal_decode(withdrawal->body, &read);
    if (err == ERR_OK) {
        *named(core, &read.request) = true;
    }
    return err;
}

/* Zero, of a request that amends none, is the id of none. */
void taken_back_load_request(struct core *core, const struct request *request) {
    *named(core, &request->amends) = true;
}

/* What it withdraws may be on its way still, so only what is here is held to it. */
enum err taken_back_judge(struct core *core, const struct signed_object *object,
                          const struct member *author) {
    struct withdrawal withdrawal;
    struct head head;
    enum err err = withdrawal_decode(object->body, &withdrawal);
    if (err != ERR_OK) {
        return err;
    }
    if (!signed_by_owner(object, author)) {
        return ERR_PEER_SIGNATURE;
    }
    err = find_request(core, &withdrawal.request, &head);
    if (err == ERR_OK && !withdrawal_ends(&withdrawal, &withdrawal.request, &head)) {
        return ERR_PEER_UNKNOWN; /* whoever passed it on may not have that request */
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err taken_back_withdrawn(struct core *core, const struct signed_object *object) {
    struct withdrawal withdrawal;
    struct head head;
    enum err err = withdrawal_decode(object->body, &withdrawal);
    if (err == ERR_OK) {
        *named(core, &withdrawal.request) = true;
        err = find_request(core, &withdrawal.request, &head);
    }
    if (err == ERR_OK) {
        err = take_back(core, &withdrawal.request, LOG_REQUEST_WITHDRAWN, &object->id);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err taken_back_by_request(struct core *core, const struct id *id,
                               const struct request *request) {
    struct search search = {.core = core, .request = id, .head = &request->head};
    struct head head;
    enum err err = ERR_OK;
    if (!id_is_zero(&request->amends)) {
        *named(core, &request->amends) = true;
        err = find_request(core, &request->amends, &head);
        if (err == ERR_OK && amendment_ends(request, &request->amends, &head)) {
            err = take_back(core, &request->amends, LOG_REQUEST_AMENDED, id);
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    if (err != ERR_OK || !*named(core, id)) {
        return err;
    }
    err = store_object_each_of(core->store, OBJECT_WITHDRAWAL, &request->head.author,
                               visit_withdrawal, &search);
    if (err == ERR_OK && !search.found) {
        err = requests_each_of(core->requests, &request->head.author, visit_amendment, &search);
    }
    return err == ERR_OK && search.found ? take_back(core, id, search.kind, &search.by) : err;
}

enum err taken_back(struct core *core, const struct id *request, bool *out) {
    struct store_request row;
    enum err err = store_request_get(core->store, request, &row);
    *out = err == ERR_OK && !id_is_zero(&row.taken_back_by);
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err taken_back_with_author(struct core *core, const struct id *request, const struct id *by) {
    return take_back(core, request, LOG_REQUEST_WITHDRAWN, by);
}

/* Hardly any request is taken back before it comes: only one that may be is looked for. */
static bool *named(struct core *core, const struct id *request) {
    return &core->named[read_u64(request->b) % NAMED_PLACES];
}

static enum err find_request(struct core *core, const struct id *id, struct head *out) {
    struct store_object row;
    enum err err = store_object_get(core->store, id, &row);
    /* One that has ended lies longer where a clip is about it: that must not show (P2). */
    if (err == ERR_OK &&
        (row.kind != OBJECT_REQUEST || instant_reached(core->now.wall, row.expires))) {
        err = ERR_USER_NOT_FOUND;
    }
    if (err == ERR_OK) {
        *out = (struct head){.author = row.author, .created = row.created, .expires = row.expires};
    }
    return err;
}

static enum err visit_withdrawal(void *context, const struct store_object *row) {
    struct search *search = context;
    struct signed_object object;
    struct withdrawal withdrawal;
    enum err err = signed_decode(row->object, &object);
    if (err == ERR_OK) {
        err = withdrawal_decode(object.body, &withdrawal);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    if (!search->found && withdrawal_ends(&withdrawal, search->request, search->head)) {
        search->found = true;
        search->kind = LOG_REQUEST_WITHDRAWN;
        search->by = row->id;
    }
    return ERR_OK;
}

static enum err visit_amendment(void *context, const struct id *id) {
    struct search *search = context;
    struct request request;
    enum err err = delivery_load_request(search->core, id, &request);
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    if (!search->found && !instant_reached(search->core->now.wall, request.head.expires) &&
        amendment_ends(&request, search->request, search->head)) {
        search->found = true;
        search->kind = LOG_REQUEST_AMENDED;
        search->by = *id;
    }
    return ERR_OK;
}

/* The first that comes counts; later ones change nothing. */
static enum err take_back(struct core *core, const struct id *request, enum log_kind kind,
                          const struct id *by) {
    struct log_entry entry = {.kind = kind, .at = core->now.wall};
    struct transfer_actions actions;
    char code[REQUEST_CODE_BYTES];
    bool already = false;
    enum err err = taken_back(core, request, &already);
    if (err == ERR_OK && already) { /* it may have come anew, after a start without room for it */
        requests_take_back(core->requests, request);
        consent_end_request(core->consent, request);
    }
    if (err != ERR_OK || already) {
        return err;
    }
    err = withheld_name(core, request, &entry.a);
    if (err == ERR_OK) {
        err = withheld_name(core, by, &entry.b);
    }
    if (err == ERR_OK) {
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) {
        err = store_request_take_back(core->store, request, by);
    }
    if (err != ERR_OK) {
        return err;
    }
    requests_take_back(core->requests, request);
    consent_end_request(core->consent, request);
    transfer_stop(core->transfer, request, &actions);
    core->doors_stale = true; /* of our own: nobody needs to dial us about it any more */
    request_code(request, code);
    core_journal(core, "info request: %s request=%.4s",
                 kind == LOG_REQUEST_AMENDED ? "amended" : "withdrawn", code);
    return delivery_run(core, &actions);
}
