/* The log: its leaves and the hashes above them, entries that wait for the next slot, and of other
 * homes' logs the newest head that we witnessed and the proofs that one has forked. */
#include "node/store/parts.h"

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

enum err store_fork_remove(struct store *store, const struct sign_public *log) {
    QUERY(q, store, "DELETE FROM forks WHERE log = ?");
    bind_bytes(&q, BYTES_OF(log->b));
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
