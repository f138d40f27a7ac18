/* What the community gossips: every signed object that counts here. With it, what this node alone
 * knows of requests, what crosses a border, which call-backs are the newest, the documents that
 * requests name, and requests that a court keeps secret. */
#include <assert.h>

#include "node/base/assert.h"
#include "node/store/parts.h"

/* ---- gossiped objects ---- */

#define OBJECT_COLUMNS "id, kind, author, created, expires, object"
/* Requests are many, and nobody looks for them by author: they are not in that index. */
#define NO_REQUEST "kind <> 5"
static_assert(OBJECT_REQUEST == 5, "what the schema says");

static void read_object(struct query *q, struct store_object *out) {
    column_fixed(q, 0, out->id.b, sizeof out->id.b);
    out->kind = (enum object_kind)sqlite3_column_int(q->statement, 1);
    column_fixed(q, 2, out->author.b, sizeof out->author.b);
    out->created.ms = sqlite3_column_int64(q->statement, 3);
    out->expires.ms = sqlite3_column_int64(q->statement, 4);
    out->object = column_keep(q, 5);
}

static enum err each_object(struct query *q, store_object_visit *visit, void *context) {
    enum err err = ERR_OK;
    while ((err = query_row(q)) == ERR_OK) {
        struct store_object object = {0};
        read_object(q, &object);
        err = q->err == ERR_OK ? visit(context, &object) : q->err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static void bind_object(struct query *q, const struct store_object *object) {
    bind_id(q, &object->id);
    bind_int(q, object->kind);
    bind_id(q, &object->author);
    bind_int(q, object->created.ms);
    bind_int(q, object->expires.ms);
    bind_bytes(q, object->object);
}

enum err store_object_add(struct store *store, const struct store_object *object) {
    QUERY(q, store, "INSERT OR IGNORE INTO objects(" OBJECT_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?)");
    bind_object(&q, object);
    return query_write(&q);
}

enum err store_object_get(struct store *store, const struct id *id, struct store_object *out) {
    QUERY(q, store, "SELECT " OBJECT_COLUMNS " FROM objects WHERE id = ?");
    bind_id(&q, id);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_object(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_object_remove(struct store *store, const struct id *id) {
    QUERY(q, store, "DELETE FROM objects WHERE id = ?");
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_object_expire(struct store *store, const struct id *self, struct instant now) {
    QUERY(q, store,
          "DELETE FROM objects WHERE expires <= ?1 AND kind NOT IN (?2, ?5)"
          " AND (kind <> ?3 OR (author <> ?4"
          " AND NOT EXISTS (SELECT 1 FROM own_requests WHERE own_requests.id = objects.id)"
          " AND NOT EXISTS (SELECT 1 FROM clips WHERE clips.request = objects.id)"
          " AND NOT EXISTS (SELECT 1 FROM delivered WHERE delivered.request = objects.id)))");
    bind_int(&q, now.ms);
    bind_int(&q, OBJECT_MEMBER);
    bind_int(&q, OBJECT_REQUEST);
    bind_id(&q, self);
    bind_int(&q, OBJECT_NODE_RECORD);
    return query_write(&q);
}

enum err store_object_newest(struct store *store, enum object_kind kind, const struct id *author,
                             struct store_object *out) {
    QUERY(q, store,
          "SELECT " OBJECT_COLUMNS " FROM objects WHERE kind = ? AND " NO_REQUEST
          " AND author = ? ORDER BY created DESC, id DESC LIMIT 1");
    ASSERT(kind != OBJECT_REQUEST);
    bind_int(&q, kind);
    bind_id(&q, author);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_object(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_object_count(struct store *store, enum object_kind kind, const struct id *author,
                            struct instant now, uint64_t *out) {
    QUERY(q, store,
          "SELECT count(*) FROM objects WHERE kind = ? AND " NO_REQUEST
          " AND author = ? AND expires > ?");
    ASSERT(kind != OBJECT_REQUEST);
    bind_int(&q, kind);
    bind_id(&q, author);
    bind_int(&q, now.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_object_each_of(struct store *store, enum object_kind kind, const struct id *author,
                              store_object_visit *visit, void *context) {
    QUERY(q, store,
          "SELECT " OBJECT_COLUMNS " FROM objects WHERE kind = ? AND " NO_REQUEST
          " AND author = ? ORDER BY created, id");
    ASSERT(kind != OBJECT_REQUEST);
    bind_int(&q, kind);
    bind_id(&q, author);
    return each_object(&q, visit, context);
}

enum err store_object_each(struct store *store, enum object_kind kind, store_object_visit *visit,
                           void *context) {
    if (kind == OBJECT_UNKNOWN) {
        QUERY(q, store, "SELECT " OBJECT_COLUMNS " FROM objects ORDER BY rowid");
        return each_object(&q, visit, context);
    }
    QUERY(q, store, "SELECT " OBJECT_COLUMNS " FROM objects WHERE kind = ? ORDER BY rowid");
    bind_int(&q, kind);
    return each_object(&q, visit, context);
}

/* ---- requests ---- */

enum err store_request_add(struct store *store, const struct store_object *object,
                           uint64_t log_index, struct instant delete_by, bool *again) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO objects(" OBJECT_COLUMNS ", log_index, delete_by)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    bind_object(&q, object);
    bind_int(&q, (int64_t)log_index);
    bind_int(&q, delete_by.ms);
    enum err err = query_write(&q);
    if (err == ERR_OK) {
        *again = sqlite3_changes(q.sql->db) == 0;
    }
    return err;
}

enum err store_request_own(struct store *store, const struct id *id) {
    QUERY(q, store, "INSERT OR IGNORE INTO own_requests(id) VALUES(?)");
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_get(struct store *store, const struct id *id, struct store_request *out) {
    QUERY(q, store,
          "SELECT own.id IS NOT NULL, matched, log_index, taken_back, sealed_key"
          " FROM objects LEFT JOIN own_requests AS own ON own.id = objects.id"
          " WHERE objects.id = ? AND kind = ?");
    bind_id(&q, id);
    bind_int(&q, OBJECT_REQUEST);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct store_request){.id = *id};
        out->ours = sqlite3_column_int(q.statement, 0) != 0;
        out->matched = sqlite3_column_int(q.statement, 1) != 0;
        out->log_index = (uint64_t)sqlite3_column_int64(q.statement, 2);
        if (sqlite3_column_bytes(q.statement, 3) > 0) {
            column_fixed(&q, 3, out->taken_back_by.b, sizeof out->taken_back_by.b);
        }
        out->sealed_key = column_keep(&q, 4);
        err = q.err;
    }
    return err;
}

enum err store_request_take_back(struct store *store, const struct id *id, const struct id *by) {
    QUERY(q, store, "UPDATE objects SET taken_back = ? WHERE id = ?");
    bind_id(&q, by);
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_matched(struct store *store, const struct id *id) {
    QUERY(q, store, "UPDATE objects SET matched = 1 WHERE id = ?");
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_set_key(struct store *store, const struct id *id, struct bytes sealed_key) {
    QUERY(q, store, "UPDATE own_requests SET sealed_key = ? WHERE id = ?");
    bind_bytes(&q, sealed_key);
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_deleting(struct store *store, const struct id *id) {
    QUERY(q, store, "UPDATE own_requests SET deleting = 1 WHERE id = ?");
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_each_key(struct store *store, store_request_visit *visit, void *context) {
    QUERY(q, store, "SELECT id FROM own_requests WHERE NOT deleting AND sealed_key <> x''");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct id id;
        column_fixed(&q, 0, id.b, sizeof id.b);
        err = q.err == ERR_OK ? visit(context, &id) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_request_forget_key(struct store *store, const struct id *id) {
    QUERY(q, store, "UPDATE own_requests SET sealed_key = x'' WHERE id = ?");
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_request_expire(struct store *store) {
    QUERY(q, store,
          "DELETE FROM own_requests"
          " WHERE sealed_key = x'' AND id NOT IN (SELECT id FROM objects)");
    return query_write(&q);
}

/* ---- crossed ---- */

enum err store_crossed_add(struct store *store, const struct store_crossed *crossed) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO crossed(request, treaty, at, crossing) VALUES(?, ?, ?, ?)");
    bind_id(&q, &crossed->request);
    bind_id(&q, &crossed->treaty);
    bind_int(&q, crossed->at.ms);
    bind_bytes(&q, crossed->crossing);
    return query_write(&q);
}

enum err store_crossed_get(struct store *store, const struct id *request,
                           struct store_crossed *out) {
    QUERY(q, store, "SELECT treaty, at, crossing FROM crossed WHERE request = ?");
    bind_id(&q, request);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        out->request = *request;
        column_fixed(&q, 0, out->treaty.b, sizeof out->treaty.b);
        out->at.ms = sqlite3_column_int64(q.statement, 1);
        out->crossing = column_keep(&q, 2);
        err = q.err;
    }
    return err;
}

enum err store_crossed_count(struct store *store, const struct id *treaty, struct instant since,
                             struct instant until, uint64_t *out) {
    QUERY(q, store, "SELECT count(*) FROM crossed WHERE treaty = ? AND at > ? AND at <= ?");
    bind_id(&q, treaty);
    bind_int(&q, since.ms);
    bind_int(&q, until.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_crossed_expire(struct store *store, struct instant since) {
    QUERY(q, store, "DELETE FROM crossed WHERE at < ? AND request NOT IN (SELECT id FROM objects)");
    bind_int(&q, since.ms);
    return query_write(&q);
}

enum err store_carried_put(struct store *store, const struct id *crossing, const struct id *gateway,
                           const struct id *subject) {
    QUERY(q, store, "INSERT OR REPLACE INTO carried(crossing, gateway, subject) VALUES(?, ?, ?)");
    bind_id(&q, crossing);
    bind_id(&q, gateway);
    bind_id(&q, subject);
    return query_write(&q);
}

enum err store_carried_get(struct store *store, const struct id *gateway, const struct id *subject,
                           struct id *crossing) {
    QUERY(q, store, "SELECT crossing FROM carried WHERE gateway = ? AND subject = ?");
    bind_id(&q, gateway);
    bind_id(&q, subject);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_fixed(&q, 0, crossing->b, sizeof crossing->b);
        err = q.err;
    }
    return err;
}

enum err store_far_roll_put(struct store *store, const struct id *treaty, size_t clerk,
                            struct bytes roll) {
    QUERY(q, store, "INSERT OR REPLACE INTO far_rolls(treaty, clerk, roll) VALUES(?, ?, ?)");
    bind_id(&q, treaty);
    bind_int(&q, (int64_t)clerk);
    bind_bytes(&q, roll);
    return query_write(&q);
}

enum err store_far_roll_remove(struct store *store, const struct id *treaty) {
    QUERY(q, store, "DELETE FROM far_rolls WHERE treaty = ?");
    bind_id(&q, treaty);
    return query_write(&q);
}

enum err store_far_roll_each(struct store *store, store_far_roll_visit *visit, void *context) {
    QUERY(q, store, "SELECT treaty, roll FROM far_rolls");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct id treaty;
        column_fixed(&q, 0, treaty.b, sizeof treaty.b);
        const struct bytes roll = column_keep(&q, 1);
        err = q.err == ERR_OK ? visit(context, &treaty, roll) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* ---- call-backs ---- */

enum err store_call_get(struct store *store, const struct id *request, const struct id *author,
                        struct store_call *out) {
    QUERY(q, store, "SELECT created, call FROM calls WHERE request = ? AND author = ?");
    bind_id(&q, request);
    bind_id(&q, author);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct store_call){.request = *request, .author = *author};
        out->created.ms = sqlite3_column_int64(q.statement, 0);
        column_fixed(&q, 1, out->call.b, sizeof out->call.b);
        err = q.err;
    }
    return err;
}

enum err store_call_put(struct store *store, const struct store_call *call) {
    QUERY(q, store,
          "INSERT OR REPLACE INTO calls(request, author, created, call) VALUES(?, ?, ?, ?)");
    bind_id(&q, &call->request);
    bind_id(&q, &call->author);
    bind_int(&q, call->created.ms);
    bind_id(&q, &call->call);
    return query_write(&q);
}

enum err store_call_each(struct store *store, const struct id *request, size_t most,
                         store_object_visit *visit, void *context) {
    QUERY(q, store,
          "SELECT o.id, o.kind, o.author, o.created, o.expires, o.object FROM calls"
          " JOIN objects AS o ON o.id = calls.call WHERE calls.request = ?"
          " ORDER BY calls.created DESC, calls.call DESC LIMIT ?");
    bind_id(&q, request);
    bind_int(&q, (int64_t)most);
    return each_object(&q, visit, context);
}

enum err store_call_count(struct store *store, const struct id *request, uint32_t *out) {
    QUERY(q, store,
          "SELECT count(*) FROM calls JOIN objects AS o ON o.id = calls.call"
          " WHERE calls.request = ?");
    bind_id(&q, request);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint32_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_call_expire(struct store *store) {
    QUERY(q, store, "DELETE FROM calls WHERE call NOT IN (SELECT id FROM objects)");
    return query_write(&q);
}

/* ---- attachments: the bytes live in pieces, so that a piece that comes writes only itself ---- */

#define ATTACHMENT_COLUMNS "sha256, size, have, expires, account, due, tries"

static void read_attachment(struct query *q, struct store_attachment *out) {
    column_fixed(q, 0, out->sha256.b, sizeof out->sha256.b);
    out->size = (uint32_t)sqlite3_column_int64(q->statement, 1);
    out->have = (uint32_t)sqlite3_column_int64(q->statement, 2);
    out->expires.ms = sqlite3_column_int64(q->statement, 3);
    column_fixed(q, 4, out->account.b, sizeof out->account.b);
    out->due.ms = sqlite3_column_int64(q->statement, 5);
    out->tries = (uint32_t)sqlite3_column_int64(q->statement, 6);
}

enum err store_attachment_want(struct store *store, const struct store_attachment *a) {
    QUERY(q, store,
          "INSERT INTO attachments(" ATTACHMENT_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, 0)"
          " ON CONFLICT(sha256) DO UPDATE SET expires = max(expires, excluded.expires)");
    bind_id(&q, &a->sha256);
    bind_int(&q, a->size);
    bind_int(&q, a->have);
    bind_int(&q, a->expires.ms);
    bind_id(&q, &a->account);
    bind_int(&q, a->due.ms);
    return query_write(&q);
}

enum err store_attachment_get(struct store *store, const struct id *sha256,
                              struct store_attachment *out) {
    QUERY(q, store, "SELECT " ATTACHMENT_COLUMNS " FROM attachments WHERE sha256 = ?");
    bind_id(&q, sha256);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_attachment(&q, out);
    }
    return err;
}

enum err store_attachment_append(struct store *store, const struct id *sha256, uint32_t offset,
                                 struct bytes data) {
    {
        QUERY(q, store, "INSERT INTO attachment_pieces(sha256, offset, data) VALUES(?, ?, ?)");
        bind_id(&q, sha256);
        bind_int(&q, offset);
        bind_bytes(&q, data);
        enum err err = query_write(&q);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, store, "UPDATE attachments SET have = ? WHERE sha256 = ?");
    bind_int(&q, (int64_t)(offset + data.len));
    bind_id(&q, sha256);
    return query_write(&q);
}

enum err store_attachment_reset(struct store *store, const struct id *sha256) {
    {
        QUERY(q, store, "DELETE FROM attachment_pieces WHERE sha256 = ?");
        bind_id(&q, sha256);
        enum err err = query_write(&q);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, store, "UPDATE attachments SET have = 0 WHERE sha256 = ?");
    bind_id(&q, sha256);
    return query_write(&q);
}

enum err store_attachment_resize(struct store *store, const struct id *sha256, uint32_t size) {
    enum err err = store_attachment_reset(store, sha256);
    if (err != ERR_OK) {
        return err;
    }
    QUERY(q, store, "UPDATE attachments SET size = ? WHERE sha256 = ?");
    bind_int(&q, size);
    bind_id(&q, sha256);
    return query_write(&q);
}

enum err store_attachment_read(struct store *store, const struct id *sha256, uint32_t offset,
                               uint32_t len, struct bytes *out) {
    QUERY(q, store,
          "SELECT offset, data FROM attachment_pieces"
          " WHERE sha256 = ? AND offset <= ? ORDER BY offset DESC LIMIT 1");
    bind_id(&q, sha256);
    bind_int(&q, offset);
    enum err err = query_row(&q);
    if (err != ERR_OK) {
        return err;
    }
    uint32_t start = (uint32_t)sqlite3_column_int64(q.statement, 0);
    struct bytes piece = column_keep(&q, 1);
    if (q.err != ERR_OK) {
        return q.err;
    }
    if (offset - start >= piece.len) {
        return ERR_USER_NOT_FOUND;
    }
    piece.at += offset - start;
    piece.len -= offset - start;
    *out = (struct bytes){piece.at, piece.len < len ? piece.len : len};
    return ERR_OK;
}

enum err store_attachment_next_missing(struct store *store, const struct id *after,
                                       struct store_attachment *out) {
    QUERY(q, store,
          "SELECT " ATTACHMENT_COLUMNS " FROM attachments"
          " WHERE have < size AND sha256 > ? ORDER BY sha256 LIMIT 1");
    bind_id(&q, after);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_attachment(&q, out);
    }
    return err;
}

enum err store_attachment_next_due(struct store *store, const struct id *after, struct instant now,
                                   struct store_attachment *out) {
    QUERY(q, store,
          "SELECT " ATTACHMENT_COLUMNS " FROM attachments WHERE have < size AND due <= ?"
          " ORDER BY account <= ?, account, due, sha256 LIMIT 1");
    bind_int(&q, now.ms);
    bind_id(&q, after);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_attachment(&q, out);
    }
    return err;
}

enum err store_attachment_tried(struct store *store, const struct store_attachment *a) {
    QUERY(q, store, "UPDATE attachments SET due = ?, tries = ? WHERE sha256 = ?");
    bind_int(&q, a->due.ms);
    bind_int(&q, a->tries);
    bind_id(&q, &a->sha256);
    return query_write(&q);
}

enum err store_attachment_charge(struct store *store, const struct id *sha256,
                                 const struct id *account) {
    QUERY(q, store, "UPDATE attachments SET account = ? WHERE sha256 = ?");
    bind_id(&q, account);
    bind_id(&q, sha256);
    return query_write(&q);
}

enum err store_attachment_drop(struct store *store, const struct id *sha256) {
    QUERY(q, store, "DELETE FROM attachments WHERE sha256 = ?");
    bind_id(&q, sha256);
    return query_write(&q);
}

enum err store_attachment_expire(struct store *store, struct instant now) {
    QUERY(q, store, "DELETE FROM attachments WHERE expires <= ?");
    bind_int(&q, now.ms);
    return query_write(&q);
}

enum err store_attachment_total(struct store *store, uint64_t *bytes) {
    QUERY(q, store, "SELECT coalesce(sum(size), 0) FROM attachments");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *bytes = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_attachment_used(struct store *store, const struct id *account, uint64_t *bytes) {
    QUERY(q, store, "SELECT coalesce(sum(size), 0) FROM attachments WHERE account = ?");
    bind_id(&q, account);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *bytes = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_attachment_most(struct store *store, const struct id *but, uint64_t *bytes,
                               struct store_attachment *out) {
    QUERY(q, store,
          "SELECT " ATTACHMENT_COLUMNS ", taken FROM attachments JOIN"
          " (SELECT account AS whose, sum(size) AS taken FROM attachments WHERE account <> ?"
          " GROUP BY account ORDER BY taken DESC, account LIMIT 1) ON account = whose"
          " ORDER BY have < size DESC, expires DESC, sha256 LIMIT 1");
    bind_id(&q, but);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_attachment(&q, out);
        *bytes = (uint64_t)sqlite3_column_int64(q.statement, 7);
    }
    return err;
}

/* ---- withheld ---- */

#define WITHHELD_COLUMNS "request, refused, author, until, salt, n1, n2, n3"

static void read_withheld(struct query *q, struct store_withheld *out) {
    column_fixed(q, 0, out->request.b, sizeof out->request.b);
    out->refused = sqlite3_column_int(q->statement, 1) != 0;
    column_fixed(q, 2, out->author.b, sizeof out->author.b);
    out->until.ms = sqlite3_column_int64(q->statement, 3);
    column_fixed(q, 4, out->salt.b, sizeof out->salt.b);
    for (int i = 0; i < 3; i++) {
        out->numbers[i] = (uint64_t)sqlite3_column_int64(q->statement, 5 + i);
    }
}

enum err store_withheld_add(struct store *store, const struct store_withheld *withheld) {
    QUERY(q, store, "INSERT INTO withheld(" WITHHELD_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    bind_id(&q, &withheld->request);
    bind_int(&q, withheld->refused);
    bind_id(&q, &withheld->author);
    bind_int(&q, withheld->until.ms);
    bind_id(&q, &withheld->salt);
    for (size_t i = 0; i < 3; i++) {
        bind_int(&q, (int64_t)withheld->numbers[i]);
    }
    return query_write(&q);
}

enum err store_withheld_get(struct store *store, const struct id *request, bool refused,
                            struct store_withheld *out) {
    QUERY(q, store, "SELECT " WITHHELD_COLUMNS " FROM withheld WHERE request = ? AND refused = ?");
    bind_id(&q, request);
    bind_int(&q, refused);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_withheld(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_withheld_remove(struct store *store, const struct id *request, bool refused) {
    QUERY(q, store, "DELETE FROM withheld WHERE request = ? AND refused = ?");
    bind_id(&q, request);
    bind_int(&q, refused);
    return query_write(&q);
}

enum err store_withheld_count(struct store *store, const struct id *author, uint64_t *out) {
    QUERY(q, store, "SELECT count(*) FROM withheld WHERE author = ?");
    bind_id(&q, author);
    enum err err = query_row(&q);
    *out = err == ERR_OK ? (uint64_t)sqlite3_column_int64(q.statement, 0) : 0;
    return err;
}

enum err store_withheld_due(struct store *store, struct instant now, struct store_withheld *out) {
    QUERY(q, store,
          "SELECT " WITHHELD_COLUMNS " FROM withheld WHERE until <= ? ORDER BY until, request"
          " LIMIT 1");
    bind_int(&q, now.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_withheld(&q, out);
        err = q.err;
    }
    return err;
}
