/* Footage: the sealed matches of this home and what its owners made of them, clips that others
 * granted to us and the places where those were collected, and what askers of the community have
 * received, until it is deleted. */
#include <string.h>

#include "node/base/assert.h"
#include "node/store/parts.h"

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
