/* The store's life: its file is opened and brought to this program's schema, and turns begin and
 * end. Here too are the values of which there is one of each, and how every file comes by a
 * statement. */
#include <stdlib.h>

#include "node/base/assert.h"
#include "node/store/parts.h"

static enum err migrate(struct store *store);

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
    ("CREATE TABLE far_rolls_of(treaty BLOB NOT NULL, clerk INTEGER NOT NULL, roll BLOB NOT NULL,"
     " PRIMARY KEY(treaty, clerk)) WITHOUT ROWID;"
     "INSERT INTO far_rolls_of SELECT treaty, -1, roll FROM far_rolls;"
     "DROP TABLE far_rolls;"
     "ALTER TABLE far_rolls_of RENAME TO far_rolls;"),
    ("ALTER TABLE attachments ADD COLUMN account BLOB NOT NULL DEFAULT"
     " x'0000000000000000000000000000000000000000000000000000000000000000';"
     "ALTER TABLE attachments ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE attachments ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"),
};

static enum err migrate(struct store *store) {
    return sql_migrate(&store->sql, migrations, COUNT_OF(migrations));
}

/* ---- statements ---- */

struct query store_ask(struct store *store, const char *text) {
    if (store->open && !store->begun) {
        enum err err = sql_run(&store->sql, "BEGIN"); /* deferred: nobody else writes here */
        store->begun = err == ERR_OK;
        if (err != ERR_OK) {
            return (struct query){.sql = &store->sql, .err = err};
        }
    }
    return query_start(&store->sql, text);
}
