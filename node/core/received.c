/* The requester: what others granted us, from the offer to its deletion on the day (PROTOCOL 7,
 * P10). */
#include <string.h>

#include "crypto/age.h"
#include "node/base/assert.h"
#include "node/core/parts.h"

static enum err visit_file(void *context, const struct id *grant);
static enum err check_offer(struct core *core, struct link *link,
                            const struct link_message *message, struct id *grant_id,
                            struct grant *grant);
static bool all_owners_of(const struct grant *grant, const struct member *member);
static enum err held_of(struct core *core, const struct grant *grant, const struct id *grant_id,
                        bool *known, uint64_t *received);
static enum err room_for_row(struct core *core, const struct grant *grant);
static enum err make_file(struct core *core, const struct grant *grant, const struct id *grant_id,
                          uint64_t received);
static enum err add_row(struct core *core, const struct link *link,
                        const struct link_message *message, const struct grant *grant,
                        const struct id *grant_id);
static bool header_is_whole(const struct link *link, const struct link_message *message);
static enum err tell(struct core *core, enum store_told told);
static enum err publish_commitment(struct core *core, const struct store_delivered *row);
static enum err publish_deletion(struct core *core, const struct store_delivered *row);
static struct head head_of_ours(const struct core *core);
static void commit_to(const struct store_delivered *row, struct id *out);
static enum err publish(struct core *core, enum object_kind kind, const struct head *head,
                        const struct buffer *body, const struct log_entry *entry);
static enum err start_deletion(struct core *core, const struct id *grant);
static enum err visit_own_request(void *context, const struct id *id);
static enum err remove_next(struct core *core);

/* What visitors collect, as they may not write. */
struct found_ids {
    struct core *core;
    size_t count;
    struct id ids[64];
};

enum {
    DELIVERED_OF_HOME_MAX = 8, /* for one request: its cameras, and grants that replace others */
    DELIVERED_MAX = 1024,
};

/* Files that no row knows: the node died between making one and its turn's commit, or an old
 * database was put back. Nobody can open them or ask for them; the next start takes what is left.
 */
enum err received_load(struct core *core) {
    const struct core_disk *disk = &core->config.disk;
    struct found_ids found = {.core = core};
    enum err err = disk->each(disk->context, CORE_FILE_DELIVERED, visit_file, &found);
    for (size_t i = 0; err == ERR_OK && i < found.count; i++) {
        err = disk->remove(disk->context, CORE_FILE_DELIVERED, BYTES_OF(found.ids[i].b));
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

/* ---- offers ---- */

enum err received_take_offer(struct core *core, struct link *link,
                             const struct link_message *message) {
    struct id grant_id;
    struct grant grant;
    struct transfer_actions actions;
    bool known = false;
    uint64_t received = 0;
    enum err err = check_offer(core, link, message, &grant_id, &grant);
    if (err == ERR_OK) {
        err = transfer_may_receive(core->transfer, link->no, &grant, &grant_id);
    }
    if (err == ERR_OK) {
        err = held_of(core, &grant, &grant_id, &known, &received);
    }
    if (err == ERR_OK) {
        err = make_file(core, &grant, &grant_id, received);
    }
    if (err == ERR_OK) {
        err = transfer_receive(core->transfer, link->no, &grant, &grant_id, received, core->now,
                               &actions);
    }
    if (err == ERR_OK && !known) {
        err = add_row(core, link, message, &grant, &grant_id);
    }
    if (err == ERR_OK) {
        core_journal(core, "info transfer: offered grant=%02x%02x held=%llu of=%llu", grant_id.b[0],
                     grant_id.b[1], (unsigned long long)received,
                     (unsigned long long)grant.payload_size);
    }
    return err == ERR_OK ? delivery_run(core, &actions) : err;
}

/* Ours to have: granted for this very request and its key, by all the owners it names, who are
 * owners of a home in good standing. */
static enum err check_offer(struct core *core, struct link *link,
                            const struct link_message *message, struct id *grant_id,
                            struct grant *grant) {
    const struct id *request_id = &link->about;
    enum err verdict = ERR_OK;
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
        err = delivery_load_request(core, request_id, &request);
    }
    if (err == ERR_OK) {
        err = grant_verify(&grant_object, grant);
    }
    if (err != ERR_OK) {
        return err;
    }
    bool vouched = link->vouch.len > 0 && id_equal(&link->vouched, &member_object.id);
    if (core->is_outsider) {
        err = shown_judge(core, link, &member_object.id);
    } else if (!vouched && !community_counts(core->community, &member_object.id)) {
        err = gossip_take(core, link, message->as.offer.member, (struct way){0}, &verdict);
    }
    bool standing =
        vouched || community_in_standing(core->community, &member_object.id, core->now.wall);
    if (err == ERR_OK && (!id_equal(&grant->home, &member_object.id) || !standing)) {
        err = ERR_PEER_CERTIFICATE;
    }
    if (err == ERR_OK && !all_owners_of(grant, &member)) {
        err = ERR_PEER_CERTIFICATE;
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

static bool all_owners_of(const struct grant *grant, const struct member *member) {
    for (size_t i = 0; i < grant->owner_count; i++) {
        bool owner = false;
        for (size_t k = 0; k < member->owner_count; k++) {
            owner |= sign_public_equal(&grant->owners[i], &member->owners[k].sign);
        }
        if (!owner) {
            return false;
        }
    }
    return true;
}

/* What is durable of it from before; whether there may be a row, where none is `known`. */
static enum err held_of(struct core *core, const struct grant *grant, const struct id *grant_id,
                        bool *known, uint64_t *received) {
    struct store_delivered row;
    uint8_t last = 0;
    enum err err = store_delivered_get(core->store, grant_id, &row);
    if (err == ERR_USER_NOT_FOUND) {
        return room_for_row(core, grant);
    }
    if (err == ERR_OK && row.deletion != DELETION_NONE) {
        err = ERR_DENY_EXPIRED; /* whatever the clock says now */
    }
    if (err == ERR_OK && row.received > 0) {
        err = core->config.disk.read(core->config.disk.context, CORE_FILE_DELIVERED,
                                     BYTES_OF(grant_id->b), row.received - 1, &last, 1);
        if (err == ERR_USER_NOT_FOUND) { /* an old copy of the database, or a file that was lost */
            row.received = 0;
            err = store_delivered_set_received(core->store, grant_id, 0);
        }
    }
    if (err == ERR_OK) {
        *known = true;
        *received = row.received;
    }
    return err == ERR_HOST_DISK ? ERR_FULL_DISK : err;
}

/* Each distinct grant that a home signs costs us a row and an entry, until its delete-by. */
static enum err room_for_row(struct core *core, const struct grant *grant) {
    size_t of_home = 0;
    size_t all = 0;
    if (!record_has_room(core, RECORD_OF_OFFERS, 1)) {
        return ERR_FULL_QUEUE; /* until the next slot: the home dials again */
    }
    enum err err = store_delivered_count(core->store, &grant->request, &grant->home, &of_home);
    if (err == ERR_OK) {
        err = store_delivered_count(core->store, NULL, NULL, &all);
    }
    bool fits = of_home < DELIVERED_OF_HOME_MAX && all < DELIVERED_MAX;
    return err == ERR_OK && !fits ? ERR_FULL_TABLE : err;
}

/* A disk without room ends this delivery; all else goes on. */
static enum err make_file(struct core *core, const struct grant *grant, const struct id *grant_id,
                          uint64_t received) {
    uint64_t missing = grant->payload_size - received;
    missing += missing == 0 ? 0 : transfer_missing(core->transfer, grant_id);
    enum err err = core->config.disk.make(core->config.disk.context, CORE_FILE_DELIVERED,
                                          BYTES_OF(grant_id->b), missing);
    return err == ERR_HOST_DISK ? ERR_FULL_DISK : err;
}

static enum err add_row(struct core *core, const struct link *link,
                        const struct link_message *message, const struct grant *grant,
                        const struct id *grant_id) {
    struct store_delivered row = {.grant = *grant_id,
                                  .request = grant->request,
                                  .home = grant->home,
                                  .signed_grant = message->as.offer.grant,
                                  .member = message->as.offer.member,
                                  .vouch = buffer_bytes(&link->vouch),
                                  .payload_size = grant->payload_size,
                                  .delete_by = grant->terms.delete_by};
    struct log_entry entry = {
        .kind = LOG_OFFERED, .at = core->now.wall, .a = *grant_id, .b = grant->request};
    core_random_bytes(core, row.salt, sizeof row.salt);
    enum err err = store_delivered_add(core->store, &row);
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

enum err received_send_want(struct core *core, struct link *link,
                            const struct transfer_action *action) {
    struct link_message want = {.kind = LINK_WANT};
    want.as.want.grant = action->grant;
    want.as.want.next_leaf = action->count;
    want.as.want.next_piece = action->first;
    return core_send(core, link, &want);
}

/* ---- work ---- */

enum err received_start_work(struct core *core, const struct transfer_action *action) {
    const struct core_work work = {.kind =
                                       action->kind == TRANSFER_ACT_STORE ? WORK_STORE : WORK_SYNC,
                                   .file = CORE_FILE_DELIVERED,
                                   .name = action->grant,
                                   .block = action->block,
                                   .receiver = action->receiver};
    return work_begin(core, &work);
}

/* A disk that cannot take someone's clip ends that delivery and nothing else. */
enum err received_worked(struct core *core, const struct core_work *done) {
    struct transfer_actions actions;
    if (done->kind == WORK_REMOVE) {
        if (done->result == ERR_OK) {
            core->shredded = true;
            enum err err = store_delivered_delete(core->store, &done->name, DELETION_DONE);
            if (err == ERR_OK) {
                err = tell(core, TOLD_RECEIVED);
            }
            return err == ERR_OK ? remove_next(core) : err;
        }
        core_journal(core, "warn transfer: not yet deleted grant=%02x%02x reason=\"%s\"",
                     done->name.b[0], done->name.b[1], err_text(done->result));
        return ERR_OK; /* upkeep tries again */
    }
    if (done->result != ERR_OK) {
        core_journal(core, "warn transfer: broken off grant=%02x%02x reason=\"%s\"",
                     done->name.b[0], done->name.b[1], err_text(done->result));
    }
    if (done->kind == WORK_STORE) {
        transfer_stored(core->transfer, done->block, done->result, core->now, &actions);
    } else {
        transfer_synced(core->transfer, done->receiver, done->result, core->now, &actions);
    }
    return delivery_run(core, &actions);
}

/* ---- headers and receipts ---- */

enum err received_take_header(struct core *core, struct link *link,
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
    if (!header_is_whole(link, message)) {
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
    if (first && !record_has_room(core, RECORD_OF_OTHERS, 1)) {
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
        err = received_send_receipt(core, link, &grant, RECEIPT_HEADER);
    }
    if (err == ERR_OK && first) {
        err = tell(core, TOLD_NOTHING);
        core_journal(core, "info transfer: received grant=%02x%02x", grant.b[0], grant.b[1]);
    }
    transfer_received(core->transfer, &grant);
    buffer_finish(&link->manifest);
    return err;
}

static bool header_is_whole(const struct link *link, const struct link_message *message) {
    size_t len = 0;
    return link->manifest.len > 0 && link->manifest.len == message->as.header.manifest_size &&
           age_header_length(message->as.header.header, &len) &&
           len == message->as.header.header.len;
}

enum err received_send_receipt(struct core *core, struct link *link, const struct id *grant,
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

/* What has come, and then what has gone, is told from what is stored: where there is no room for it
 * now, in our table or in what others take of one author, upkeep tells it later. */
static enum err tell(struct core *core, enum store_told told) {
    enum object_kind kind =
        told == TOLD_NOTHING ? OBJECT_RECEIPT_COMMITMENT : OBJECT_DELETION_RECEIPT;
    enum err err = ERR_OK;
    while (err == ERR_OK && overlay_has_room(core->overlay, true)) {
        struct store_delivered row;
        uint64_t live = 0;
        err = store_object_count(core->store, kind, &core->self, core->now.wall, &live);
        if (err == ERR_OK && told == TOLD_NOTHING && live >= COMMITMENTS_MAX) {
            return ERR_OK; /* a deletion is taken all the same: it ends what is known */
        }
        if (err == ERR_OK) {
            err = store_delivered_untold(core->store, told, &row);
        }
        if (err == ERR_OK) {
            err = told == TOLD_NOTHING ? publish_commitment(core, &row)
                                       : publish_deletion(core, &row);
        }
        if (err == ERR_OK) {
            err = store_delivered_set_told(core->store, &row.grant,
                                           told == TOLD_NOTHING ? TOLD_RECEIVED : TOLD_DELETED);
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* The granting home has the salt and can find its own disclosure counted; nobody else learns whose
 * it was. */
static enum err publish_commitment(struct core *core, const struct store_delivered *row) {
    struct receipt_commitment commitment = {.head = head_of_ours(core), .request = row->request};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    commit_to(row, &commitment.commitment);
    struct log_entry entry = {
        .kind = LOG_RECEIPT_COMMITMENT, .at = core->now.wall, .a = commitment.commitment};
    enum err err = withheld_name(core, &row->request, &entry.b);
    if (err == ERR_OK) {
        err = receipt_commitment_encode(&commitment, &body);
    }
    return err == ERR_OK ? publish(core, OBJECT_RECEIPT_COMMITMENT, &commitment.head, &body, &entry)
                         : err;
}

/* Of what was never whole there is no commitment, and nobody waits to hear of its end. */
static enum err publish_deletion(struct core *core, const struct store_delivered *row) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    struct deletion_receipt receipt = {
        .head = head_of_ours(core), .request = row->request, .deleted = core->now.wall};
    commit_to(row, &receipt.commitment);
    struct log_entry entry = {
        .kind = LOG_DELETION_RECEIPT, .at = core->now.wall, .a = receipt.commitment};
    enum err err = withheld_name(core, &row->request, &entry.b);
    if (err == ERR_OK) {
        err = deletion_receipt_encode(&receipt, &body);
    }
    return err == ERR_OK ? publish(core, OBJECT_DELETION_RECEIPT, &receipt.head, &body, &entry)
                         : err;
}

static struct head head_of_ours(const struct core *core) {
    return (struct head){.community = *community_id(core->community),
                         .author = core->self,
                         .created = core->now.wall,
                         .expires = {core->now.wall.ms + OBJECT_LIFE_MAX_MS}};
}

static void commit_to(const struct store_delivered *row, struct id *out) {
    static const char label[] = "stoop receipt v1";
    uint8_t message[sizeof label - 1 + sizeof row->salt + sizeof row->grant.b];
    memcpy(message, label, sizeof label - 1);
    memcpy(message + sizeof label - 1, row->salt, sizeof row->salt);
    memcpy(message + sizeof label - 1 + sizeof row->salt, row->grant.b, sizeof row->grant.b);
    sha256(BYTES_OF(message), out);
}

/* Signed by this node, on record, and on its way. The table has room for it: what is on record here
 * travels. */
static enum err publish(struct core *core, enum object_kind kind, const struct head *head,
                        const struct buffer *body, const struct log_entry *entry) {
    enum err err = record_add(core, entry, NULL);
    return err == ERR_OK ? gossip_publish(core, kind, head, body) : err;
}

/* ---- deletion ---- */

/* On its day a clip goes, and on its request's day the key (P10). Recorded first: row and key go
 * when the slot that says so is written (received_deleted), the file after that turn's commit. */
enum err received_tick(struct core *core) {
    struct found_ids found = {.core = core};
    struct id grant;
    enum err err = ERR_OK;
    if (!tick_reached(core->now.mono, core->upkeep_due)) {
        return ERR_OK;
    }
    while (err == ERR_OK && record_has_room(core, RECORD_OF_OTHERS, 1)) {
        err = store_delivered_due(core->store, DELETION_NONE, core->now.wall, &grant);
        if (err == ERR_OK) {
            err = start_deletion(core, &grant);
        }
    }
    err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    if (err == ERR_OK) {
        err = store_request_each_key(core->store, visit_own_request, &found);
    }
    for (size_t i = 0;
         err == ERR_OK && i < found.count && record_has_room(core, RECORD_OF_OTHERS, 1); i++) {
        struct log_entry entry = {.kind = LOG_DELETED, .at = core->now.wall, .a = found.ids[i]};
        err = store_request_deleting(core->store, &found.ids[i]);
        err = err == ERR_OK ? record_add(core, &entry, NULL) : err;
    }
    if (err == ERR_OK) {
        err = tell(core, TOLD_NOTHING);
    }
    if (err == ERR_OK) {
        err = tell(core, TOLD_RECEIVED);
    }
    return err == ERR_OK ? remove_next(core) : err;
}

static enum err start_deletion(struct core *core, const struct id *grant) {
    struct log_entry entry = {.kind = LOG_DELETED, .at = core->now.wall, .a = *grant};
    enum err err = store_delivered_delete(core->store, grant, DELETION_WAITS);
    return err == ERR_OK ? record_add(core, &entry, NULL) : err;
}

/* What is not whole yet would be offered again. */
enum err received_delete(struct core *core, const struct id *grant) {
    struct store_delivered row;
    enum err err = store_delivered_get(core->store, grant, &row);
    if (err != ERR_OK || row.completed.ms == 0) {
        return err == ERR_OK ? ERR_USER_NOT_FOUND : err;
    }
    if (row.deletion != DELETION_NONE) {
        return ERR_OK;
    }
    return record_has_room(core, RECORD_OF_OWNERS, 1) ? start_deletion(core, grant)
                                                      : ERR_FULL_QUEUE;
}

static enum err visit_own_request(void *context, const struct id *id) {
    struct found_ids *found = context;
    struct request request;
    enum err err = delivery_load_request(found->core, id, &request);
    if (err == ERR_OK && found->count < COUNT_OF(found->ids) &&
        instant_reached(found->core->now.wall, request.terms.delete_by)) {
        found->ids[found->count++] = *id;
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* A grant, or a request whose key it is: whichever bears this id. */
enum err received_deleted(struct core *core, const struct id *what) {
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
    struct core_work work = {.kind = WORK_REMOVE, .file = CORE_FILE_DELIVERED};
    if (work_removes(core, CORE_FILE_DELIVERED)) {
        return ERR_OK;
    }
    enum err err = store_delivered_due(core->store, DELETION_FILE, INSTANT_NEVER, &work.name);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return work_begin(core, &work);
}
