/* The store's life: its file is opened and brought to this program's schema, and turns begin and
 * end. Here too are the values of which there is one of each, and how every file comes by a
 * statement. */
#include <stdlib.h>

#include "node/base/assert.h"
#include "node/store/parts.h"

static const struct sql_schema schema;

#define NO_ID "x'0000000000000000000000000000000000000000000000000000000000000000'"

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
        err = sql_migrate(&store->sql, &schema);
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

/* Never change a step that has been released: add the next. */
static const char *const schema_steps[] = {
    "CREATE TABLE meta(key INTEGER PRIMARY KEY, value BLOB NOT NULL);"

    /* A request is one row, and one that goes leaves what is asked of its author: at most 4096 of
     * each, 40 a day for a hundred days. With a rowid, as what is longer than a quarter of a page
     * would take a page of its own without. */
    "CREATE TABLE objects(id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, author BLOB NOT NULL,"
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, object BLOB NOT NULL,"
    " log_index INTEGER, delete_by INTEGER, matched INTEGER NOT NULL DEFAULT 0,"
    " taken_back BLOB NOT NULL DEFAULT x'');"
    "CREATE INDEX objects_author ON objects(kind, author, created) WHERE kind <> 5;"
    "CREATE INDEX objects_expires ON objects(expires);"
    "CREATE TABLE own_requests(id BLOB PRIMARY KEY, sealed_key BLOB NOT NULL DEFAULT x'',"
    " deleting INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE asked(author BLOB NOT NULL, request BLOB NOT NULL, delete_by INTEGER NOT NULL,"
    " PRIMARY KEY(author, request)) WITHOUT ROWID;"
    "CREATE INDEX asked_delete_by ON asked(delete_by);"
    "CREATE TRIGGER objects_asked AFTER DELETE ON objects WHEN old.delete_by IS NOT NULL"
    " AND (SELECT count(*) FROM asked WHERE author = old.author) < 4096 BEGIN"
    " INSERT OR IGNORE INTO asked VALUES(old.author, old.id, old.delete_by); END;"
    "CREATE TABLE calls(request BLOB NOT NULL, author BLOB NOT NULL, created INTEGER NOT NULL,"
    " call BLOB NOT NULL, PRIMARY KEY(request, author)) WITHOUT ROWID;"
    "CREATE TABLE attachments(sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL,"
    " have INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE attachment_pieces(sha256 BLOB NOT NULL REFERENCES attachments(sha256)"
    " ON DELETE CASCADE, offset INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(sha256, offset));"

    /* What this home sealed, granted or took. */
    "CREATE TABLE clips(clip BLOB NOT NULL UNIQUE, request BLOB NOT NULL, state INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, payload_size INTEGER NOT NULL, payload_root BLOB NOT NULL,"
    " header BLOB NOT NULL, manifest BLOB NOT NULL, signed_grant BLOB NOT NULL,"
    " granted_header BLOB NOT NULL, granted_manifest BLOB NOT NULL, grant_id BLOB NOT NULL,"
    " disclosure_logged INTEGER NOT NULL, shred_logged INTEGER NOT NULL,"
    " owners BLOB NOT NULL DEFAULT x'', edited_size INTEGER NOT NULL DEFAULT 0,"
    " edited_root BLOB NOT NULL DEFAULT " NO_ID ", edited_header BLOB NOT NULL DEFAULT x'');"
    "CREATE INDEX clips_request ON clips(request);"
    "CREATE INDEX clips_grant ON clips(grant_id);"
    "CREATE INDEX clips_state ON clips(state);"
    "CREATE TABLE delivered(grant_id BLOB NOT NULL UNIQUE, request BLOB NOT NULL,"
    " signed_grant BLOB NOT NULL, member BLOB NOT NULL, header BLOB NOT NULL,"
    " manifest BLOB NOT NULL, salt BLOB NOT NULL, received INTEGER NOT NULL,"
    " payload_size INTEGER NOT NULL, completed INTEGER NOT NULL, delete_by INTEGER NOT NULL,"
    " home BLOB NOT NULL DEFAULT " NO_ID ", deletion INTEGER NOT NULL DEFAULT 0,"
    " told INTEGER NOT NULL DEFAULT 0, vouch BLOB NOT NULL DEFAULT x'');"
    "CREATE INDEX delivered_told ON delivered(told);"
    "CREATE TABLE places(grant_id BLOB NOT NULL, place TEXT NOT NULL, text BLOB NOT NULL,"
    " json BLOB NOT NULL, UNIQUE(grant_id, place));"

    /* Logs: our own, and what we know of others'. */
    "CREATE TABLE log(idx INTEGER PRIMARY KEY, hash BLOB NOT NULL, leaf BLOB NOT NULL,"
    " opening BLOB NOT NULL);"
    "CREATE TABLE nodes(level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY(level, idx)) WITHOUT ROWID;"
    "CREATE TABLE waiting(seq INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL);"
    "CREATE TABLE withheld(request BLOB NOT NULL, refused INTEGER NOT NULL, author BLOB NOT NULL,"
    " until INTEGER NOT NULL, salt BLOB NOT NULL, n1 INTEGER NOT NULL, n2 INTEGER NOT NULL,"
    " n3 INTEGER NOT NULL, PRIMARY KEY(request, refused)) WITHOUT ROWID;"
    "CREATE INDEX withheld_author ON withheld(author);"
    "CREATE INDEX withheld_until ON withheld(until);"
    "CREATE TABLE witnessed(log BLOB PRIMARY KEY, node BLOB NOT NULL, note BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX witnessed_node ON witnessed(node);"
    "CREATE TABLE forks(log BLOB PRIMARY KEY, proof BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE owed(commitment BLOB NOT NULL, author BLOB NOT NULL, delete_by INTEGER NOT NULL,"
    " deleted INTEGER NOT NULL, unsure INTEGER NOT NULL, PRIMARY KEY(author, commitment))"
    " WITHOUT ROWID;"
    "CREATE INDEX owed_author ON owed(author, deleted, delete_by);"
    "CREATE INDEX owed_delete_by ON owed(delete_by);"

    /* Who belongs, and what crosses. */
    "CREATE TABLE invites(id BLOB NOT NULL UNIQUE, invite BLOB NOT NULL, psk0 BLOB NOT NULL,"
    " expires INTEGER NOT NULL, joiner BLOB NOT NULL, member BLOB NOT NULL);"
    "CREATE TABLE acts(id BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, since INTEGER NOT NULL,"
    " lost_to BLOB NOT NULL);"
    "CREATE TABLE epochs(removal BLOB NOT NULL UNIQUE, key BLOB NOT NULL, since INTEGER NOT NULL);"
    "CREATE TABLE crossed(request BLOB NOT NULL UNIQUE, treaty BLOB NOT NULL, at INTEGER NOT NULL,"
    " crossing BLOB NOT NULL);"
    "CREATE INDEX crossed_treaty ON crossed(treaty, at);"
    "CREATE TABLE carried(crossing BLOB PRIMARY KEY, gateway BLOB NOT NULL, subject BLOB NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE INDEX carried_subject ON carried(gateway, subject);"
    "CREATE TRIGGER objects_carried AFTER DELETE ON objects BEGIN"
    " DELETE FROM carried WHERE crossing = old.id; END;"
    "CREATE TABLE far_rolls(treaty BLOB NOT NULL, clerk INTEGER NOT NULL, roll BLOB NOT NULL,"
    " PRIMARY KEY(treaty, clerk)) WITHOUT ROWID;",
    "ALTER TABLE attachments ADD COLUMN account BLOB NOT NULL DEFAULT " NO_ID ";"
    "ALTER TABLE attachments ADD COLUMN due INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attachments ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;",
    "CREATE INDEX objects_kind ON objects(kind);", /* and so in the order of their rowids */
};
static const struct sql_schema schema = {15, schema_steps, COUNT_OF(schema_steps)};

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
