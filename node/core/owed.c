/* What every asker has received and not deleted (P10): counted by every home from what is gossiped,
 * a receipt commitment and the deletion receipt that follows it. Whose clip it was nobody learns:
 * a commitment is salted (P2). The rows outlive the objects, which live 7 days.
 *
 * What goes to every home alike is counted alike, cameras or not. A home that heard nobody for as
 * long as an object lives may have missed a deletion: what was owed then is not called overdue. */
#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    OWED_OF_ONE = 1024,            /* as many as a requester holds at a time */
    LATE_MS = 7 * DURATION_DAY_MS, /* a receipt may come so long after delete-by */
    KEEP_DELETED_DAYS = 90,
    KEEP_OWED_DAYS = 400, /* as long as a certificate lives */
    MISSED_MS = OBJECT_LIFE_MAX_MS - DURATION_DAY_MS,
};

static struct instant days_ago(const struct core *core, int64_t days);
static enum err delete_by_of(struct core *core, const struct id *request, const struct id *author,
                             struct instant *out);
static bool binds(const struct core *core, const struct id *asker, const struct id *author);
static enum err asked_of(struct core *core, const struct id *request, const struct id *author,
                         struct instant *out);
static enum err add(struct core *core, const struct head *head, const struct id *request,
                    const struct id *commitment);

enum err owed_object(struct core *core, const struct signed_object *object) {
    struct receipt_commitment commitment;
    struct deletion_receipt receipt;
    if (object->kind == OBJECT_RECEIPT_COMMITMENT) {
        enum err err = receipt_commitment_decode(object->body, &commitment);
        return err == ERR_OK
                   ? add(core, &commitment.head, &commitment.request, &commitment.commitment)
                   : err;
    }
    ASSERT(object->kind == OBJECT_DELETION_RECEIPT);
    enum err err = deletion_receipt_decode(object->body, &receipt);
    if (err == ERR_OK) { /* it may come before the commitment */
        err = add(core, &receipt.head, &receipt.request, &receipt.commitment);
    }
    return err == ERR_OK
               ? store_owed_deleted(core->store, &receipt.commitment, &receipt.head.author)
               : err;
}

/* A deletion that ends what is owed is taken beyond the quota: there are no more of these than
 * there were commitments. Both kinds are read whole here, before they are accepted: what comes to
 * light later would be blamed on whoever passed it on. */
enum err owed_is_ended_by(struct core *core, const struct signed_object *object, bool *out) {
    struct receipt_commitment commitment;
    struct deletion_receipt receipt;
    *out = false;
    if (object->kind != OBJECT_DELETION_RECEIPT) {
        return receipt_commitment_decode(object->body, &commitment);
    }
    enum err err = deletion_receipt_decode(object->body, &receipt);
    return err == ERR_OK
               ? store_owed_open(core->store, &receipt.commitment, &receipt.head.author, out)
               : err;
}

enum err owed_slot(struct core *core) {
    struct bytes kept;
    uint8_t now[8];
    enum err err = store_get(core->store, STORE_HEARD, &kept);
    bool missed = err == ERR_OK && kept.len == sizeof now &&
                  core->now.wall.ms - (int64_t)read_u64(kept.at) > MISSED_MS;
    err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    if (err == ERR_OK && missed) {
        err = store_owed_unsure(core->store);
    }
    write_u64(now, (uint64_t)core->now.wall.ms);
    if (err == ERR_OK && overlay_link_count(core->overlay) > 0) {
        err = store_put(core->store, STORE_HEARD, BYTES_OF(now));
    }
    if (err == ERR_OK) {
        err = store_asked_forget(core->store, (struct instant){core->now.wall.ms - LATE_MS});
    }
    return err == ERR_OK ? store_owed_forget(core->store, days_ago(core, KEEP_DELETED_DAYS),
                                             days_ago(core, KEEP_OWED_DAYS))
                         : err;
}

struct instant owed_until(const struct core *core) {
    return (struct instant){core->now.wall.ms - OVERDUE_GRACE_MS};
}

static struct instant days_ago(const struct core *core, int64_t days) {
    return (struct instant){core->now.wall.ms - days * DURATION_DAY_MS};
}

/* As the request says, which is its author's word, whom alone it binds. ERR_USER_NOT_FOUND: this
 * home has not seen that request, or it is another's. */
static enum err delete_by_of(struct core *core, const struct id *request, const struct id *author,
                             struct instant *out) {
    struct request whole;
    struct store_object row;
    enum err err = store_object_get(core->store, request, &row);
    if (err == ERR_USER_NOT_FOUND) {
        return asked_of(core, request, author, out);
    }
    if (err == ERR_OK) {
        err = row.kind == OBJECT_REQUEST && binds(core, &row.author, author)
                  ? delivery_load_request(core, request, &whole)
                  : ERR_USER_NOT_FOUND;
    }
    if (err == ERR_OK) {
        *out = whole.terms.delete_by;
    }
    return err;
}

/* An outsider answers for what its officers asked for. */
static bool binds(const struct core *core, const struct id *asker, const struct id *author) {
    const struct member *member = community_find(core->community, asker);
    return id_equal(asker, author) || (member != NULL && member->role == MEMBER_OFFICER &&
                                       id_equal(&member->head.author, author));
}

/* Of a request that is here no more. */
static enum err asked_of(struct core *core, const struct id *request, const struct id *author,
                         struct instant *out) {
    enum err err = store_asked_get(core->store, request, author, out);
    for (size_t i = 0; err == ERR_USER_NOT_FOUND && i < community_size(core->community); i++) {
        const struct id *other = community_member_id(core->community, i);
        if (binds(core, other, author)) {
            err = store_asked_get(core->store, request, other, out);
        }
    }
    return err;
}

static enum err add(struct core *core, const struct head *head, const struct id *request,
                    const struct id *commitment) {
    struct store_owed row = {.commitment = *commitment, .author = head->author};
    uint64_t count = 0;
    enum err err = delete_by_of(core, request, &head->author, &row.delete_by);
    if (err == ERR_OK) {
        err = store_owed_count(core->store, &head->author, &count);
    }
    if (err == ERR_OK && count >= OWED_OF_ONE) {
        err = store_owed_drop_deleted(core->store, &head->author);
    }
    if (err == ERR_OK) { /* with nothing but what is owed, that is what is shown */
        err = store_owed_count(core->store, &head->author, &count);
    }
    if (err == ERR_OK && count < OWED_OF_ONE) {
        err = store_owed_add(core->store, &row);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}
