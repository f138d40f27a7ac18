/* Who belongs: invites that this node has given, keys of the member door since each removal, and
 * which acts of the administrators count. */
#include "node/store/parts.h"

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

/* But so many. */
#define LOST_BEFORE                                                                                \
    "SELECT id FROM acts WHERE lost_to <> zeroblob(32)"                                            \
    " ORDER BY since DESC, version, id LIMIT -1 OFFSET ?"

enum err store_act_put(struct store *store, const struct store_act *act) {
    QUERY(q, store,
          "INSERT INTO acts(id, version, since, lost_to) VALUES(?, ?, ?, ?)"
          " ON CONFLICT(id) DO UPDATE SET since = excluded.since, lost_to = excluded.lost_to");
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

enum err store_act_keep_lost(struct store *store, unsigned most) {
    QUERY(objects, store, "DELETE FROM objects WHERE id IN (" LOST_BEFORE ")");
    QUERY(acts, store, "DELETE FROM acts WHERE id IN (" LOST_BEFORE ")");
    bind_int(&objects, most);
    bind_int(&acts, most);
    enum err err = query_write(&objects);
    return err == ERR_OK ? query_write(&acts) : err;
}

enum err store_act_lost(struct store *store, const struct id *id, bool *out) {
    QUERY(q, store, "SELECT 1 FROM acts WHERE id = ? AND lost_to <> zeroblob(32)");
    bind_id(&q, id);
    enum err err = query_row(&q);
    *out = err == ERR_OK;
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}
