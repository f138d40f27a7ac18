/* Invariants:
 *  1. Every read and write happens between store_begin and store_commit or store_roll_back.
 *  2. A prepared statement is reset as soon as its row has been handed on, except inside an *_each,
 *     whose visitor may read other tables but not write.
 *  3. Blobs handed out are kept (sql.h), one buffer per borrowed column, until the next call. */
#include "node/store/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/store/sql.h"

struct store {
    struct sql sql;
    bool open;  /* a turn is */
    bool begun; /* and its transaction: from the first statement on, as most turns have none */
    int changes_at_begin;
};

static enum err migrate(struct store *store);
static struct query ask(struct store *store, const char *text);
static void column_epoch(struct query *query, struct store_epoch *out);

#define QUERY(name, store, text) SCOPED(query_finish) struct query name = ask(store, text)

/* ---- opening, turns ---- */

enum err store_open(const char *path, struct store **out) {
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return ERR_HOST_MEMORY;
    }
    enum err err = sql_open(&store->sql, path,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;"
                            "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-1024;"
                            "PRAGMA trusted_schema=OFF;"
                            /* One and the same: what is written back, and what stays. */
                            "PRAGMA wal_autocheckpoint=2048; PRAGMA journal_size_limit=8388608;");
    if (err == ERR_OK) {
        err = migrate(store);
    }
    if (err != ERR_OK) {
        store_close(store);
        return err;
    }
    *out = store;
    return ERR_OK;
}

void store_close(struct store *store) {
    if (store == NULL) {
        return;
    }
    sql_close(&store->sql);
    free(store);
}

enum err store_begin(struct store *store) {
    ASSERT(!store->open);
    store->open = true;
    store->changes_at_begin = sqlite3_total_changes(store->sql.db);
    return ERR_OK;
}

enum err store_commit(struct store *store) {
    ASSERT(store->open);
    enum err err = store->begun ? sql_run(&store->sql, "COMMIT") : ERR_OK;
    if (err == ERR_OK) {
        store->open = false;
        store->begun = false;
    }
    return err;
}

void store_roll_back(struct store *store) {
    if (store->begun) {
        sql_roll_back(&store->sql);
    }
    store->open = false;
    store->begun = false;
}

bool store_changed(const struct store *store) {
    return sqlite3_total_changes(store->sql.db) != store->changes_at_begin;
}

enum err store_shred_barrier(struct store *store) {
    ASSERT(!store->open);
    return sql_run(&store->sql, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* ---- single values ---- */

enum err store_get(struct store *store, enum store_key key, struct bytes *out) {
    QUERY(q, store, "SELECT value FROM meta WHERE key = ?");
    bind_int(&q, key);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = column_keep(&q, 0);
        err = q.err;
    }
    return err;
}

enum err store_put(struct store *store, enum store_key key, struct bytes value) {
    QUERY(q, store,
          "INSERT INTO meta(key, value) VALUES(?, ?)"
          " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    bind_int(&q, key);
    bind_bytes(&q, value);
    return query_write(&q);
}

enum err store_remove(struct store *store, enum store_key key) {
    QUERY(q, store, "DELETE FROM meta WHERE key = ?");
    bind_int(&q, key);
    return query_write(&q);
}

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
    QUERY(q, store,
          "SELECT " OBJECT_COLUMNS " FROM objects WHERE ?1 = 0 OR kind = ?1 ORDER BY rowid");
    bind_int(&q, kind);
    return each_object(&q, visit, context);
}

/* ---- requests ---- */

enum err store_request_add(struct store *store, const struct store_object *object,
                           uint64_t log_index, struct instant delete_by) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO objects(" OBJECT_COLUMNS ", log_index, delete_by)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    bind_object(&q, object);
    bind_int(&q, (int64_t)log_index);
    bind_int(&q, delete_by.ms);
    return query_write(&q);
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

enum err store_far_roll_put(struct store *store, const struct id *treaty, struct bytes roll) {
    QUERY(q, store, "INSERT OR REPLACE INTO far_rolls(treaty, roll) VALUES(?, ?)");
    bind_id(&q, treaty);
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

#define ATTACHMENT_COLUMNS "sha256, size, have, expires"

static void read_attachment(struct query *q, struct store_attachment *out) {
    column_fixed(q, 0, out->sha256.b, sizeof out->sha256.b);
    out->size = (uint32_t)sqlite3_column_int64(q->statement, 1);
    out->have = (uint32_t)sqlite3_column_int64(q->statement, 2);
    out->expires.ms = sqlite3_column_int64(q->statement, 3);
}

enum err store_attachment_want(struct store *store, const struct store_attachment *a) {
    QUERY(q, store,
          "INSERT INTO attachments(" ATTACHMENT_COLUMNS ") VALUES(?, ?, ?, ?)"
          " ON CONFLICT(sha256) DO UPDATE SET expires = max(expires, excluded.expires)");
    bind_id(&q, &a->sha256);
    bind_int(&q, a->size);
    bind_int(&q, a->have);
    bind_int(&q, a->expires.ms);
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

/* ---- clips ---- */

#define CLIP_COLUMNS                                                                               \
    "clip, request, state, expires, payload_size, payload_root, header, manifest, signed_grant,"   \
    " granted_header, granted_manifest, grant_id, disclosure_logged, shred_logged, owners,"        \
    " edited_size, edited_root, edited_header"

static void read_clip(struct query *q, struct store_clip *out) {
    column_fixed(q, 0, out->clip.b, sizeof out->clip.b);
    column_fixed(q, 1, out->request.b, sizeof out->request.b);
    out->state = (enum clip_state)sqlite3_column_int(q->statement, 2);
    out->expires.ms = sqlite3_column_int64(q->statement, 3);
    out->payload_size = (uint64_t)sqlite3_column_int64(q->statement, 4);
    column_fixed(q, 5, out->payload_root.b, sizeof out->payload_root.b);
    out->header = column_keep(q, 6);
    out->manifest = column_keep(q, 7);
    out->grant = column_keep(q, 8);
    out->granted_header = column_keep(q, 9);
    out->granted_manifest = column_keep(q, 10);
    column_fixed(q, 11, out->grant_id.b, sizeof out->grant_id.b);
    out->disclosure_logged = sqlite3_column_int(q->statement, 12) != 0;
    out->shred_logged = sqlite3_column_int(q->statement, 13) != 0;
    size_t size = (size_t)sqlite3_column_bytes(q->statement, 14);
    out->owner_count = size / sizeof out->owners[0];
    if (size > sizeof out->owners) {
        q->err = ERR_HOST_DATABASE;
    } else if (size > 0) {
        memcpy(out->owners, sqlite3_column_blob(q->statement, 14), size);
    }
    out->edited_size = (uint64_t)sqlite3_column_int64(q->statement, 15);
    column_fixed(q, 16, out->edited_root.b, sizeof out->edited_root.b);
    out->edited_header = column_keep(q, 17);
}

enum err store_clip_add(struct store *store, const struct store_clip *clip) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO clips(" CLIP_COLUMNS ")"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?, x'', x'', x'', zeroblob(32), 0, 0, ?,"
          " 0, zeroblob(32), x'')");
    bind_bytes(&q, BYTES_OF(clip->clip.b));
    bind_id(&q, &clip->request);
    bind_int(&q, clip->state);
    bind_int(&q, clip->expires.ms);
    bind_int(&q, (int64_t)clip->payload_size);
    bind_id(&q, &clip->payload_root);
    bind_bytes(&q, clip->header);
    bind_bytes(&q, clip->manifest);
    bind_bytes(&q, (struct bytes){clip->owners[0].b, clip->owner_count * sizeof clip->owners[0]});
    return query_write(&q);
}

enum err store_clip_get(struct store *store, const struct clip_id *clip, struct store_clip *out) {
    QUERY(q, store, "SELECT " CLIP_COLUMNS " FROM clips WHERE clip = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_clip(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_clip_by_grant(struct store *store, const struct id *grant, struct store_clip *out) {
    QUERY(q, store, "SELECT " CLIP_COLUMNS " FROM clips WHERE grant_id = ?");
    bind_id(&q, grant);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_clip(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_clip_set_state(struct store *store, const struct clip_id *clip,
                              enum clip_state state, struct instant expires) {
    QUERY(q, store, "UPDATE clips SET state = ?, expires = ? WHERE clip = ?");
    bind_int(&q, state);
    bind_int(&q, expires.ms);
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_clip_set_grant(struct store *store, const struct clip_id *clip, struct bytes grant,
                              const struct id *grant_id, struct bytes header,
                              struct bytes manifest) {
    QUERY(q, store,
          "UPDATE clips SET signed_grant = ?, grant_id = ?, granted_header = ?,"
          " granted_manifest = ? WHERE clip = ?");
    bind_bytes(&q, grant);
    bind_id(&q, grant_id);
    bind_bytes(&q, header);
    bind_bytes(&q, manifest);
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_clip_set_edited(struct store *store, const struct clip_id *clip,
                               const struct store_edited *edited) {
    QUERY(q, store,
          "UPDATE clips SET edited_size = ?, edited_root = ?, edited_header = ? WHERE clip = ?");
    bind_int(&q, (int64_t)edited->size);
    bind_id(&q, &edited->root);
    bind_bytes(&q, edited->header);
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_edited_known(struct store *store, const struct id *root, bool *out) {
    QUERY(q, store, "SELECT 1 FROM clips WHERE edited_root = ? AND edited_size > 0");
    bind_id(&q, root);
    enum err err = query_row(&q);
    if (err == ERR_OK || err == ERR_USER_NOT_FOUND) {
        *out = err == ERR_OK;
        err = ERR_OK;
    }
    return err;
}

enum err store_clip_set_disclosed(struct store *store, const struct clip_id *clip) {
    QUERY(q, store, "UPDATE clips SET disclosure_logged = 1 WHERE clip = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_clip_shred(struct store *store, const struct clip_id *clip) {
    QUERY(q, store,
          "UPDATE clips SET header = x'', manifest = x'', signed_grant = x'',"
          " granted_header = x'', granted_manifest = x'', grant_id = zeroblob(32),"
          " edited_size = 0, edited_root = zeroblob(32), edited_header = x'',"
          " shred_logged = 1 WHERE clip = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_clip_remove(struct store *store, const struct clip_id *clip) {
    QUERY(q, store, "DELETE FROM clips WHERE clip = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    return query_write(&q);
}

enum err store_clip_next_over(struct store *store, struct instant now, struct clip_id *clip,
                              struct id *request) {
    QUERY(
        q, store,
        "SELECT clip, request FROM clips WHERE (state IN (?1, ?2) AND (state = ?2 OR expires <= ?3)"
        " AND NOT EXISTS (SELECT 1 FROM objects WHERE id = clips.request AND objects.expires > ?3))"
        " OR (state = ?1 AND EXISTS (SELECT 1 FROM objects WHERE id = clips.request"
        " AND taken_back <> x'')) LIMIT 1");
    bind_int(&q, CLIP_GRANTED);
    bind_int(&q, CLIP_DELIVERED);
    bind_int(&q, now.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_fixed(&q, 0, clip->b, sizeof clip->b);
        column_fixed(&q, 1, request->b, sizeof request->b);
        err = q.err;
    }
    return err;
}

enum err store_clip_each(struct store *store, const struct id *request, store_clip_visit *visit,
                         void *context) {
    static const struct id any;
    QUERY(q, store,
          "SELECT " CLIP_COLUMNS " FROM clips WHERE ?1 = zeroblob(32) OR request = ?1"
          " ORDER BY rowid");
    bind_id(&q, request == NULL ? &any : request);
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_clip clip = {0};
        read_clip(&q, &clip);
        err = q.err == ERR_OK ? visit(context, &clip) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_clip_count_open(struct store *store, const struct id *request, uint32_t *out) {
    static const struct id any;
    QUERY(q, store,
          "SELECT count(*) FROM clips WHERE state <= ?2"
          " AND (?1 = zeroblob(32) OR request = ?1)");
    bind_id(&q, request == NULL ? &any : request);
    bind_int(&q, CLIP_PART_SIGNED);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint32_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

/* ---- delivered ---- */

#define DELIVERED_COLUMNS                                                                          \
    "grant_id, request, signed_grant, member, header, manifest, salt, received, payload_size,"     \
    " completed, delete_by, home, deletion, told, vouch"

static void read_delivered(struct query *q, struct store_delivered *out) {
    column_fixed(q, 0, out->grant.b, sizeof out->grant.b);
    column_fixed(q, 1, out->request.b, sizeof out->request.b);
    out->signed_grant = column_keep(q, 2);
    out->member = column_keep(q, 3);
    out->header = column_keep(q, 4);
    out->manifest = column_keep(q, 5);
    column_fixed(q, 6, out->salt, sizeof out->salt);
    out->received = (uint64_t)sqlite3_column_int64(q->statement, 7);
    out->payload_size = (uint64_t)sqlite3_column_int64(q->statement, 8);
    out->completed.ms = sqlite3_column_int64(q->statement, 9);
    out->delete_by.ms = sqlite3_column_int64(q->statement, 10);
    column_fixed(q, 11, out->home.b, sizeof out->home.b);
    out->deletion = (enum store_deletion)sqlite3_column_int(q->statement, 12);
    out->told = (enum store_told)sqlite3_column_int(q->statement, 13);
    out->vouch = column_keep(q, 14);
}

enum err store_delivered_add(struct store *store, const struct store_delivered *d) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO delivered(" DELIVERED_COLUMNS ")"
          " VALUES(?, ?, ?, ?, x'', x'', ?, 0, ?, 0, ?, ?, 0, 0, ?)");
    bind_id(&q, &d->grant);
    bind_id(&q, &d->request);
    bind_bytes(&q, d->signed_grant);
    bind_bytes(&q, d->member);
    bind_bytes(&q, BYTES_OF(d->salt));
    bind_int(&q, (int64_t)d->payload_size);
    bind_int(&q, d->delete_by.ms);
    bind_id(&q, &d->home);
    bind_bytes(&q, d->vouch);
    return query_write(&q);
}

enum err store_delivered_get(struct store *store, const struct id *grant,
                             struct store_delivered *out) {
    QUERY(q, store, "SELECT " DELIVERED_COLUMNS " FROM delivered WHERE grant_id = ?");
    bind_id(&q, grant);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_delivered(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_delivered_set_received(struct store *store, const struct id *grant,
                                      uint64_t received) {
    QUERY(q, store,
          "UPDATE delivered SET received = ? WHERE grant_id = ? AND deletion < 2"); /* a late one */
    bind_int(&q, (int64_t)received);
    bind_id(&q, grant);
    return query_write(&q);
}

enum err store_delivered_complete(struct store *store, const struct id *grant, struct bytes header,
                                  struct bytes manifest, struct instant at) {
    QUERY(q, store,
          "UPDATE delivered SET header = ?, manifest = ?, completed = ? WHERE grant_id = ?");
    bind_bytes(&q, header);
    bind_bytes(&q, manifest);
    bind_int(&q, at.ms);
    bind_id(&q, grant);
    return query_write(&q);
}

enum err store_delivered_delete(struct store *store, const struct id *grant,
                                enum store_deletion deletion) {
    if (deletion == DELETION_DONE) {
        QUERY(drop, store, "DELETE FROM delivered WHERE grant_id = ? AND completed = 0");
        bind_id(&drop, grant);
        enum err err = query_write(&drop);
        if (err != ERR_OK) {
            return err;
        }
    }
    if (deletion == DELETION_FILE) {
        QUERY(empty, store,
              "UPDATE delivered SET header = x'', manifest = x'', received = 0"
              " WHERE grant_id = ?");
        bind_id(&empty, grant);
        enum err err = query_write(&empty);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, store, "UPDATE delivered SET deletion = ? WHERE grant_id = ?");
    bind_int(&q, deletion);
    bind_id(&q, grant);
    return query_write(&q);
}

enum err store_delivered_due(struct store *store, enum store_deletion deletion, struct instant now,
                             struct id *grant) {
    QUERY(q, store, "SELECT grant_id FROM delivered WHERE deletion = ? AND delete_by <= ? LIMIT 1");
    bind_int(&q, deletion);
    bind_int(&q, now.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_fixed(&q, 0, grant->b, sizeof grant->b);
        err = q.err;
    }
    return err;
}

enum err store_delivered_untold(struct store *store, enum store_told told,
                                struct store_delivered *out) {
    QUERY(q, store,
          "SELECT " DELIVERED_COLUMNS " FROM delivered WHERE told = ?1 AND completed > 0"
          " AND (?1 = 0 OR deletion = 3) LIMIT 1");
    ASSERT(told != TOLD_DELETED);
    bind_int(&q, told);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        read_delivered(&q, out);
        err = q.err;
    }
    return err;
}

enum err store_delivered_set_told(struct store *store, const struct id *grant,
                                  enum store_told told) {
    QUERY(q, store, "UPDATE delivered SET told = ? WHERE grant_id = ?");
    bind_int(&q, told);
    bind_id(&q, grant);
    return query_write(&q);
}

enum err store_delivered_count(struct store *store, const struct id *request, const struct id *home,
                               size_t *out) {
    if (request == NULL) {
        QUERY(all, store, "SELECT count(*) FROM delivered WHERE deletion < 3");
        enum err err = query_row(&all);
        *out = err == ERR_OK ? (size_t)sqlite3_column_int64(all.statement, 0) : 0;
        return err;
    }
    QUERY(q, store, "SELECT count(*) FROM delivered WHERE request = ? AND home = ?");
    bind_id(&q, request);
    bind_id(&q, home);
    enum err err = query_row(&q);
    *out = err == ERR_OK ? (size_t)sqlite3_column_int64(q.statement, 0) : 0;
    return err;
}

enum err store_delivered_each(struct store *store, store_delivered_visit *visit, void *context) {
    QUERY(q, store, "SELECT " DELIVERED_COLUMNS " FROM delivered ORDER BY rowid");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_delivered delivered = {0};
        read_delivered(&q, &delivered);
        err = q.err == ERR_OK ? visit(context, &delivered) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_place_put(struct store *store, const struct id *grant,
                         const struct collected_place *place) {
    {
        QUERY(count, store, "SELECT count(*) FROM places WHERE grant_id = ? AND place <> ?");
        bind_id(&count, grant);
        bind_text(&count, place->place);
        enum err err = query_row(&count);
        if (err == ERR_OK && sqlite3_column_int(count.statement, 0) >= CONTROL_PLACES_MAX) {
            err = ERR_FULL_TABLE;
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, store,
          "INSERT OR REPLACE INTO places(grant_id, place, text, json) VALUES(?, ?, ?, ?)");
    bind_id(&q, grant);
    bind_text(&q, place->place);
    bind_id(&q, &place->text);
    bind_id(&q, &place->json);
    return query_write(&q);
}

enum err store_place_remove(struct store *store, const struct id *grant, const char *place) {
    QUERY(q, store, "DELETE FROM places WHERE grant_id = ? AND place = ?");
    bind_id(&q, grant);
    bind_text(&q, place);
    return query_write(&q);
}

enum err store_places(struct store *store, const struct id *grant,
                      struct collected_place out[CONTROL_PLACES_MAX], size_t *count) {
    QUERY(q, store, "SELECT place, text, json FROM places WHERE grant_id = ? ORDER BY rowid");
    bind_id(&q, grant);
    enum err err = ERR_OK;
    *count = 0;
    while (*count < CONTROL_PLACES_MAX && (err = query_row(&q)) == ERR_OK) {
        struct collected_place *place = &out[(*count)++];
        column_text(&q, 0, place->place, sizeof place->place);
        column_fixed(&q, 1, place->text.b, sizeof place->text.b);
        column_fixed(&q, 2, place->json.b, sizeof place->json.b);
        if (q.err != ERR_OK) {
            return q.err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* ---- owed ---- */

enum err store_asked_get(struct store *store, const struct id *request, const struct id *author,
                         struct instant *delete_by) {
    QUERY(q, store, "SELECT delete_by FROM asked WHERE author = ? AND request = ?");
    bind_id(&q, author);
    bind_id(&q, request);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        delete_by->ms = sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_asked_forget(struct store *store, struct instant delete_by) {
    QUERY(q, store, "DELETE FROM asked WHERE delete_by <= ?");
    bind_int(&q, delete_by.ms);
    return query_write(&q);
}

enum err store_owed_add(struct store *store, const struct store_owed *owed) {
    QUERY(q, store,
          "INSERT INTO owed(commitment, author, delete_by, deleted, unsure) VALUES(?, ?, ?, 0, 0)"
          " ON CONFLICT DO UPDATE SET delete_by = min(delete_by, excluded.delete_by)");
    bind_id(&q, &owed->commitment);
    bind_id(&q, &owed->author);
    bind_int(&q, owed->delete_by.ms);
    return query_write(&q);
}

enum err store_owed_deleted(struct store *store, const struct id *commitment,
                            const struct id *author) {
    QUERY(q, store, "UPDATE owed SET deleted = 1, unsure = 0 WHERE commitment = ? AND author = ?");
    bind_id(&q, commitment);
    bind_id(&q, author);
    return query_write(&q);
}

enum err store_owed_open(struct store *store, const struct id *commitment, const struct id *author,
                         bool *out) {
    QUERY(q, store, "SELECT 1 FROM owed WHERE commitment = ? AND author = ? AND NOT deleted");
    bind_id(&q, commitment);
    bind_id(&q, author);
    enum err err = query_row(&q);
    *out = err == ERR_OK;
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_owed_count(struct store *store, const struct id *author, uint64_t *out) {
    QUERY(q, store, "SELECT count(*) FROM owed WHERE author = ?");
    bind_id(&q, author);
    enum err err = query_row(&q);
    *out = err == ERR_OK ? (uint64_t)sqlite3_column_int64(q.statement, 0) : 0;
    return err;
}

enum err store_owed_drop_deleted(struct store *store, const struct id *author) {
    QUERY(q, store,
          "DELETE FROM owed WHERE author = ?1 AND commitment = (SELECT commitment FROM owed"
          " WHERE author = ?1 AND deleted ORDER BY delete_by LIMIT 1)");
    bind_id(&q, author);
    return query_write(&q);
}

enum err store_owed_unsure(struct store *store) {
    QUERY(q, store, "UPDATE owed SET unsure = 1 WHERE NOT deleted AND NOT unsure");
    return query_write(&q);
}

enum err store_owed_forget(struct store *store, struct instant deleted, struct instant owed) {
    QUERY(q, store, "DELETE FROM owed WHERE delete_by <= ? AND (deleted OR delete_by <= ?)");
    bind_int(&q, deleted.ms);
    bind_int(&q, owed.ms);
    return query_write(&q);
}

enum err store_owed_each(struct store *store, struct instant until, store_owed_visit *visit,
                         void *context) {
    QUERY(q, store,
          "SELECT author, count(*), sum(deleted),"
          " sum(NOT deleted AND NOT unsure AND delete_by <= ?1) AS overdue,"
          " sum(NOT deleted AND unsure AND delete_by <= ?1)"
          " FROM owed GROUP BY author ORDER BY overdue DESC, author");
    bind_int(&q, until.ms);
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_keeping keeping = {0};
        column_fixed(&q, 0, keeping.author.b, sizeof keeping.author.b);
        keeping.received = (uint64_t)sqlite3_column_int64(q.statement, 1);
        keeping.deleted = (uint64_t)sqlite3_column_int64(q.statement, 2);
        keeping.overdue = (uint64_t)sqlite3_column_int64(q.statement, 3);
        keeping.unsure = (uint64_t)sqlite3_column_int64(q.statement, 4);
        err = q.err == ERR_OK ? visit(context, &keeping) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
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

/* ---- the log ---- */

enum err store_leaf_add(struct store *store, const struct store_leaf *leaf) {
    QUERY(q, store, "INSERT INTO log(idx, hash, leaf, opening) VALUES(?, ?, ?, ?)");
    bind_int(&q, (int64_t)leaf->index);
    bind_id(&q, &leaf->hash);
    bind_bytes(&q, leaf->leaf);
    bind_bytes(&q, leaf->opening);
    return query_write(&q);
}

enum err store_leaf_get(struct store *store, uint64_t index, struct store_leaf *out) {
    QUERY(q, store, "SELECT hash, leaf, opening FROM log WHERE idx = ?");
    bind_int(&q, (int64_t)index);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        out->index = index;
        column_fixed(&q, 0, out->hash.b, sizeof out->hash.b);
        out->leaf = column_keep(&q, 1);
        out->opening = column_keep(&q, 2);
        err = q.err;
    }
    return err;
}

enum err store_leaf_count(struct store *store, uint64_t *out) {
    QUERY(q, store, "SELECT coalesce(max(idx) + 1, 0) FROM log");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

enum err store_node_add(struct store *store, unsigned level, uint64_t index,
                        const struct id *hash) {
    QUERY(q, store, "INSERT OR IGNORE INTO nodes(level, idx, hash) VALUES(?, ?, ?)");
    bind_int(&q, level);
    bind_int(&q, (int64_t)index);
    bind_id(&q, hash);
    return query_write(&q);
}

enum err store_node_get(struct store *store, unsigned level, uint64_t index, struct id *out) {
    QUERY(q, store,
          "SELECT hash FROM log WHERE ?1 = 0 AND idx = ?2 UNION ALL"
          " SELECT hash FROM nodes WHERE level = ?1 AND idx = ?2");
    bind_int(&q, level);
    bind_int(&q, (int64_t)index);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_fixed(&q, 0, out->b, sizeof out->b);
        err = q.err;
    }
    return err;
}

enum err store_witnessed_put(struct store *store, const struct sign_public *log,
                             const struct sign_public *node, struct bytes note) {
    struct bytes before;
    enum err err = store_witnessed_get(store, log, &before);
    if (err == ERR_USER_NOT_FOUND) {
        QUERY(count, store, "SELECT count(*) FROM witnessed WHERE node = ?");
        bind_bytes(&count, BYTES_OF(node->b));
        err = query_row(&count);
        if (err == ERR_OK && sqlite3_column_int64(count.statement, 0) >= STORE_LOGS_OF_ONE) {
            err = ERR_FULL_TABLE;
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    QUERY(q, store,
          "INSERT INTO witnessed(log, node, note) VALUES(?, ?, ?)"
          " ON CONFLICT(log) DO UPDATE SET note = excluded.note");
    bind_bytes(&q, BYTES_OF(log->b));
    bind_bytes(&q, BYTES_OF(node->b));
    bind_bytes(&q, note);
    return query_write(&q);
}

enum err store_witnessed_get(struct store *store, const struct sign_public *log,
                             struct bytes *note) {
    QUERY(q, store, "SELECT note FROM witnessed WHERE log = ?");
    bind_bytes(&q, BYTES_OF(log->b));
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *note = column_keep(&q, 0);
        err = q.err;
    }
    return err;
}

enum err store_fork_add(struct store *store, const struct sign_public *log, struct bytes proof) {
    {
        QUERY(count, store, "SELECT count(*) FROM forks");
        enum err err = query_row(&count);
        if (err == ERR_OK && sqlite3_column_int64(count.statement, 0) >= STORE_FORKS_MAX) {
            err = ERR_FULL_TABLE;
        }
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, store, "INSERT INTO forks(log, proof) VALUES(?, ?)");
    bind_bytes(&q, BYTES_OF(log->b));
    bind_bytes(&q, proof);
    return query_write(&q);
}

enum err store_fork_each(struct store *store, store_fork_visit *visit, void *context) {
    QUERY(q, store, "SELECT log, proof FROM forks ORDER BY log");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct sign_public log;
        column_fixed(&q, 0, log.b, sizeof log.b);
        struct bytes proof = column_keep(&q, 1);
        err = q.err == ERR_OK ? visit(context, &log, proof) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_waiting_add(struct store *store, struct bytes entry) {
    QUERY(q, store, "INSERT INTO waiting(entry) VALUES(?)");
    bind_bytes(&q, entry);
    return query_write(&q);
}

enum err store_waiting_drop(struct store *store, size_t count) {
    QUERY(q, store,
          "DELETE FROM waiting WHERE seq IN (SELECT seq FROM waiting ORDER BY seq LIMIT ?)");
    bind_int(&q, (int64_t)count);
    return query_write(&q);
}

enum err store_waiting_each(struct store *store, store_waiting_visit *visit, void *context) {
    QUERY(q, store, "SELECT entry FROM waiting ORDER BY seq");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct bytes entry = column_keep(&q, 0);
        err = q.err == ERR_OK ? visit(context, entry) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* ---- invites, epoch keys ---- */

enum err store_invite_add(struct store *store, const struct store_invite *invite) {
    QUERY(q, store,
          "INSERT OR IGNORE INTO invites(id, invite, psk0, expires, joiner, member)"
          " VALUES(?, ?, ?, ?, x'', x'')");
    bind_id(&q, &invite->id);
    bind_bytes(&q, invite->invite);
    bind_bytes(&q, BYTES_OF(invite->psk0));
    bind_int(&q, invite->expires.ms);
    return query_write(&q);
}

enum err store_invite_bind(struct store *store, const struct id *id,
                           const struct box_public *joiner, struct bytes member) {
    QUERY(q, store, "UPDATE invites SET joiner = ?, member = ? WHERE id = ?");
    bind_bytes(&q, BYTES_OF(joiner->b));
    bind_bytes(&q, member);
    bind_id(&q, id);
    return query_write(&q);
}

enum err store_invite_expire(struct store *store, struct instant now) {
    QUERY(q, store, "DELETE FROM invites WHERE expires <= ?");
    bind_int(&q, now.ms);
    return query_write(&q);
}

enum err store_invite_each(struct store *store, store_invite_visit *visit, void *context) {
    QUERY(q, store, "SELECT id, invite, psk0, expires, joiner, member FROM invites ORDER BY rowid");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_invite invite = {0};
        column_fixed(&q, 0, invite.id.b, sizeof invite.id.b);
        invite.invite = column_keep(&q, 1);
        column_fixed(&q, 2, invite.psk0, sizeof invite.psk0);
        invite.expires.ms = sqlite3_column_int64(q.statement, 3);
        invite.bound = sqlite3_column_bytes(q.statement, 4) == sizeof invite.joiner.b;
        if (invite.bound) {
            column_fixed(&q, 4, invite.joiner.b, sizeof invite.joiner.b);
        }
        invite.member = column_keep(&q, 5);
        err = q.err == ERR_OK ? visit(context, &invite) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static void column_epoch(struct query *q, struct store_epoch *out) {
    column_fixed(q, 0, out->removal.b, sizeof out->removal.b);
    column_fixed(q, 1, out->key, sizeof out->key);
    out->since.ms = sqlite3_column_int64(q->statement, 2);
}

enum err store_epoch_add(struct store *store, const struct store_epoch *epoch) {
    QUERY(q, store, "INSERT OR IGNORE INTO epochs(removal, key, since) VALUES(?, ?, ?)");
    bind_id(&q, &epoch->removal);
    bind_bytes(&q, BYTES_OF(epoch->key));
    bind_int(&q, epoch->since.ms);
    return query_write(&q);
}

enum err store_epoch_get(struct store *store, const struct id *removal, struct store_epoch *out) {
    QUERY(q, store, "SELECT removal, key, since FROM epochs WHERE removal = ?");
    bind_id(&q, removal);
    *out = (struct store_epoch){0};
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_epoch(&q, out);
    }
    return err == ERR_OK ? q.err : err;
}

enum err store_epoch_remove(struct store *store, const struct id *removal) {
    QUERY(q, store, "DELETE FROM epochs WHERE removal = ?");
    bind_id(&q, removal);
    return query_write(&q);
}

enum err store_epoch_each(struct store *store, store_epoch_visit *visit, void *context) {
    QUERY(q, store, "SELECT removal, key, since FROM epochs ORDER BY removal");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_epoch epoch;
        column_epoch(&q, &epoch);
        err = q.err == ERR_OK ? visit(context, &epoch) : q.err;
        secret_wipe(&epoch, sizeof epoch);
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* ---- acts ---- */

enum err store_act_put(struct store *store, const struct store_act *act) {
    QUERY(q, store,
          "INSERT INTO acts(id, version, since, lost_to) VALUES(?, ?, ?, ?)"
          " ON CONFLICT(id) DO UPDATE SET lost_to = excluded.lost_to");
    bind_id(&q, &act->id);
    bind_int(&q, act->version);
    bind_int(&q, act->since.ms);
    bind_id(&q, &act->lost_to);
    return query_write(&q);
}

enum err store_act_each(struct store *store, store_act_visit *visit, void *context) {
    QUERY(q, store, "SELECT id, version, since, lost_to FROM acts ORDER BY version, lost_to, id");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct store_act act;
        column_fixed(&q, 0, act.id.b, sizeof act.id.b);
        act.version = (uint32_t)sqlite3_column_int64(q.statement, 1);
        act.since.ms = sqlite3_column_int64(q.statement, 2);
        column_fixed(&q, 3, act.lost_to.b, sizeof act.lost_to.b);
        err = q.err == ERR_OK ? visit(context, &act) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err store_act_lost(struct store *store, const struct id *id, bool *out) {
    QUERY(q, store, "SELECT 1 FROM acts WHERE id = ? AND lost_to <> zeroblob(32)");
    bind_id(&q, id);
    enum err err = query_row(&q);
    *out = err == ERR_OK;
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* ---- schema ---- */

/* Entry n leads from version n to n + 1. Never change one that has been released: add the next. */
static const char *const migrations[] = {
    "CREATE TABLE meta(key INTEGER PRIMARY KEY, value BLOB NOT NULL);"
    "CREATE TABLE objects(id BLOB PRIMARY KEY, kind INTEGER NOT NULL, author BLOB NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, object BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX objects_order ON objects(created, id);"
    "CREATE INDEX objects_author ON objects(kind, author, created);"
    "CREATE TABLE requests(id BLOB PRIMARY KEY, ours INTEGER NOT NULL, matched INTEGER NOT NULL,"
    " log_index INTEGER NOT NULL, sealed_key BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE attachments(sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL,"
    " have INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE attachment_pieces(sha256 BLOB NOT NULL REFERENCES attachments(sha256)"
    " ON DELETE CASCADE, offset INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(sha256, offset));"
    "CREATE TABLE clips(clip BLOB NOT NULL UNIQUE, request BLOB NOT NULL, state INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, payload_size INTEGER NOT NULL, payload_root BLOB NOT NULL,"
    " header BLOB NOT NULL, manifest BLOB NOT NULL, signed_grant BLOB NOT NULL,"
    " granted_header BLOB NOT NULL, granted_manifest BLOB NOT NULL, grant_id BLOB NOT NULL,"
    " disclosure_logged INTEGER NOT NULL, shred_logged INTEGER NOT NULL);"
    "CREATE INDEX clips_request ON clips(request);"
    "CREATE INDEX clips_grant ON clips(grant_id);"
    "CREATE TABLE delivered(grant_id BLOB NOT NULL UNIQUE, request BLOB NOT NULL,"
    " signed_grant BLOB NOT NULL, member BLOB NOT NULL, header BLOB NOT NULL,"
    " manifest BLOB NOT NULL, salt BLOB NOT NULL, received INTEGER NOT NULL,"
    " payload_size INTEGER NOT NULL, completed INTEGER NOT NULL, delete_by INTEGER NOT NULL,"
    " collected TEXT NOT NULL);"
    "CREATE TABLE log(idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, leaf BLOB NOT NULL,"
    " opening BLOB NOT NULL);"
    "CREATE TABLE nodes(level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY(level, idx)) WITHOUT ROWID;"
    "CREATE TABLE waiting(seq INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL);"
    "CREATE TABLE invites(id BLOB NOT NULL UNIQUE, invite BLOB NOT NULL, psk0 BLOB NOT NULL,"
    " expires INTEGER NOT NULL, joiner BLOB NOT NULL, member BLOB NOT NULL);"
    "CREATE TABLE epochs(key BLOB NOT NULL UNIQUE, since INTEGER NOT NULL);",
    "CREATE TABLE witnessed(log BLOB PRIMARY KEY, node BLOB NOT NULL, note BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX witnessed_node ON witnessed(node);"
    "CREATE TABLE forks(log BLOB PRIMARY KEY, proof BLOB NOT NULL) WITHOUT ROWID;",
    "ALTER TABLE delivered ADD COLUMN home BLOB NOT NULL"
    " DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';"
    "ALTER TABLE delivered ADD COLUMN deletion INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE requests ADD COLUMN deleting INTEGER NOT NULL DEFAULT 0;",
    ("CREATE INDEX clips_state ON clips(state);"
     "ALTER TABLE clips ADD COLUMN owners BLOB NOT NULL DEFAULT x'';"),
    "CREATE INDEX objects_expires ON objects(expires);",
    /* Without a rowid, what is longer than a quarter of a page took a page of its own: a
     * certificate cost 4 KiB. */
    "CREATE TABLE objects_by_row(id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,"
    " author BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " object BLOB NOT NULL);"
    "INSERT INTO objects_by_row SELECT id, kind, author, created, expires, object FROM objects;"
    "DROP TABLE objects;"
    "ALTER TABLE objects_by_row RENAME TO objects;"
    "CREATE INDEX objects_order ON objects(created, id);"
    "CREATE INDEX objects_author ON objects(kind, author, created);"
    "CREATE INDEX objects_expires ON objects(expires);",
    "ALTER TABLE requests ADD COLUMN taken_back BLOB NOT NULL DEFAULT x'';",
    ("ALTER TABLE delivered ADD COLUMN told INTEGER NOT NULL DEFAULT 0;"
     "UPDATE delivered SET told = CASE WHEN deletion = 3 THEN 2 ELSE 1 END WHERE completed > 0;"
     "CREATE INDEX delivered_told ON delivered(told);"
     "CREATE TABLE places(grant_id BLOB NOT NULL, place TEXT NOT NULL, text BLOB NOT NULL,"
     " json BLOB NOT NULL, UNIQUE(grant_id, place));"
     "INSERT INTO places SELECT grant_id, ':' || substr(collected, 1, length(collected) - 4),"
     " zeroblob(32), zeroblob(32) FROM delivered WHERE collected LIKE '%.mp4';"
     "ALTER TABLE delivered DROP COLUMN collected;"
     "CREATE TABLE asked(request BLOB PRIMARY KEY, author BLOB NOT NULL,"
     " delete_by INTEGER NOT NULL) WITHOUT ROWID;"
     "CREATE INDEX asked_author ON asked(author);"
     "CREATE INDEX asked_delete_by ON asked(delete_by);"
     "CREATE TABLE owed(commitment BLOB NOT NULL, author BLOB NOT NULL,"
     " delete_by INTEGER NOT NULL, deleted INTEGER NOT NULL, unsure INTEGER NOT NULL,"
     " PRIMARY KEY(author, commitment)) WITHOUT ROWID;"
     "CREATE INDEX owed_author ON owed(author, deleted, delete_by);"
     "CREATE INDEX owed_delete_by ON owed(delete_by);"
     "CREATE TABLE withheld(request BLOB NOT NULL, refused INTEGER NOT NULL, author BLOB NOT NULL,"
     " until INTEGER NOT NULL, salt BLOB NOT NULL, n1 INTEGER NOT NULL, n2 INTEGER NOT NULL,"
     " n3 INTEGER NOT NULL, PRIMARY KEY(request, refused)) WITHOUT ROWID;"
     "CREATE INDEX withheld_author ON withheld(author);"
     "CREATE INDEX withheld_until ON withheld(until);"),
    ("ALTER TABLE clips ADD COLUMN edited_size INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE clips ADD COLUMN edited_root BLOB NOT NULL"
     " DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';"
     "ALTER TABLE clips ADD COLUMN edited_header BLOB NOT NULL DEFAULT x'';"),
    "CREATE TABLE calls(request BLOB NOT NULL, author BLOB NOT NULL, created INTEGER NOT NULL,"
    " call BLOB NOT NULL, PRIMARY KEY(request, author)) WITHOUT ROWID;",
    ("CREATE TABLE acts(id BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, since INTEGER NOT NULL,"
     " lost_to BLOB NOT NULL);"
     "ALTER TABLE epochs RENAME TO epochs_before;"
     "CREATE TABLE epochs(removal BLOB NOT NULL UNIQUE, key BLOB NOT NULL,"
     " since INTEGER NOT NULL);"
     "INSERT INTO epochs SELECT zeroblob(32), key, since FROM epochs_before"
     " ORDER BY since DESC LIMIT 1;"
     "DROP TABLE epochs_before;"),
    /* A request that comes is one row, and one that goes leaves what is asked of its author: at
     * most 4096 of each, 40 a day for a hundred days. */
    ("ALTER TABLE objects ADD COLUMN log_index INTEGER;"
     "ALTER TABLE objects ADD COLUMN delete_by INTEGER;"
     "ALTER TABLE objects ADD COLUMN matched INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE objects ADD COLUMN taken_back BLOB NOT NULL DEFAULT x'';"
     "UPDATE objects SET (log_index, matched, taken_back) = (SELECT log_index, matched, taken_back"
     " FROM requests WHERE requests.id = objects.id) WHERE id IN (SELECT id FROM requests);"
     "UPDATE objects SET delete_by = (SELECT delete_by FROM asked WHERE request = objects.id)"
     " WHERE id IN (SELECT request FROM asked);"
     "CREATE TABLE own_requests(id BLOB PRIMARY KEY, sealed_key BLOB NOT NULL DEFAULT x'',"
     " deleting INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
     "INSERT INTO own_requests SELECT id, sealed_key, deleting FROM requests WHERE ours;"
     "DROP TABLE requests;"
     "CREATE TABLE asked_of(author BLOB NOT NULL, request BLOB NOT NULL,"
     " delete_by INTEGER NOT NULL, PRIMARY KEY(author, request)) WITHOUT ROWID;"
     "INSERT INTO asked_of SELECT author, request, delete_by FROM asked"
     " WHERE request NOT IN (SELECT id FROM objects);"
     "DROP TABLE asked;"
     "ALTER TABLE asked_of RENAME TO asked;"
     "CREATE INDEX asked_delete_by ON asked(delete_by);"
     "CREATE TRIGGER objects_asked AFTER DELETE ON objects WHEN old.delete_by IS NOT NULL"
     " AND (SELECT count(*) FROM asked WHERE author = old.author) < 4096 BEGIN"
     " INSERT OR IGNORE INTO asked VALUES(old.author, old.id, old.delete_by); END;"
     "DROP INDEX objects_order;"
     "DROP INDEX objects_author;"
     "CREATE INDEX objects_author ON objects(kind, author, created) WHERE kind <> 5;"
     "DELETE FROM nodes WHERE level % 4 <> 0;"),
    ("CREATE TABLE crossed(request BLOB NOT NULL UNIQUE, treaty BLOB NOT NULL,"
     " at INTEGER NOT NULL, crossing BLOB NOT NULL);"
     "CREATE INDEX crossed_treaty ON crossed(treaty, at);"
     "ALTER TABLE delivered ADD COLUMN vouch BLOB NOT NULL DEFAULT x'';"),
    ("CREATE TABLE far_rolls(treaty BLOB PRIMARY KEY, roll BLOB NOT NULL) WITHOUT ROWID;"
     "CREATE TABLE carried(crossing BLOB PRIMARY KEY, gateway BLOB NOT NULL,"
     " subject BLOB NOT NULL) WITHOUT ROWID;"
     "CREATE INDEX carried_subject ON carried(gateway, subject);"
     "CREATE TRIGGER objects_carried AFTER DELETE ON objects BEGIN"
     " DELETE FROM carried WHERE crossing = old.id; END;"),
};

static enum err migrate(struct store *store) {
    return sql_migrate(&store->sql, migrations, COUNT_OF(migrations));
}

/* ---- statements ---- */

/* A turn's transaction begins with its first statement. */
static struct query ask(struct store *store, const char *text) {
    if (store->open && !store->begun) {
        enum err err = sql_run(&store->sql, "BEGIN"); /* deferred: nobody else writes here */
        store->begun = err == ERR_OK;
        if (err != ERR_OK) {
            return (struct query){.sql = &store->sql, .err = err};
        }
    }
    return query_start(&store->sql, text);
}
