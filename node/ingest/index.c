#include "node/ingest/index.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"

enum {
    STATEMENTS_MAX = 32,
    LIST_KEY = 1
};

struct index {
    sqlite3 *db;
    struct prepared {
        const char *sql;
        sqlite3_stmt *statement;
    } prepared[STATEMENTS_MAX];
    struct buffer row; /* what was handed out last */
};

/* A statement in use, reset when it goes out of scope. */
struct query {
    struct index *index;
    sqlite3_stmt *statement;
    int next;
    enum err err;
};

static enum err run(struct index *index, const char *sql);
static enum err migrate(struct index *index);
static enum err error_of(int code);
static struct query query_start(struct index *index, const char *sql);
static void query_finish(struct query *query);
static void bind_int(struct query *query, int64_t value);
static void bind_text(struct query *query, const char *value);
static void bind_blob(struct query *query, struct bytes value);
static enum err query_row(struct query *query);
static enum err query_run(struct query *query);
static struct bytes keep(struct query *query, int column);
static void fixed(struct query *query, int column, void *out, size_t len);
static void text(struct query *query, int column, char *out, size_t room);
static void read_segment(struct query *query, struct segment *out);
static enum err put_segment(struct index *index, const struct segment *segment, bool refused);
static enum err recorded_root(struct index *index, struct id *out);
static enum err put_period(struct index *index, const struct period *period);

#define QUERY(name, index, sql) SCOPED(query_finish) struct query name = query_start(index, sql)

static const char *const migrations[] = {
    "CREATE TABLE state(key INTEGER PRIMARY KEY, value BLOB NOT NULL);"
    "CREATE TABLE segments(camera TEXT NOT NULL, path TEXT NOT NULL, start INTEGER NOT NULL,"
    " end INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " inode INTEGER NOT NULL, sha256 BLOB NOT NULL, format INTEGER NOT NULL,"
    " time_source INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    " audio INTEGER NOT NULL, tagged INTEGER NOT NULL, refused INTEGER NOT NULL,"
    " PRIMARY KEY(camera, path)) WITHOUT ROWID;"
    "CREATE INDEX segments_time ON segments(camera, refused, start);"
    "CREATE TABLE jobs(request BLOB PRIMARY KEY, due INTEGER NOT NULL, done INTEGER NOT NULL,"
    " frame BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX jobs_due ON jobs(done, due);"
    "CREATE TABLE clips(clip BLOB PRIMARY KEY, request BLOB NOT NULL, camera TEXT NOT NULL,"
    " told INTEGER NOT NULL, match BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX clips_request ON clips(request, camera);",
    "ALTER TABLE segments ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE jobs ADD COLUMN author BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE jobs ADD COLUMN until INTEGER NOT NULL DEFAULT 0;"
    "UPDATE jobs SET until = due + 604800000;" /* a request lives at most seven days */
    "CREATE INDEX jobs_author ON jobs(author, until);",
    "ALTER TABLE segments ADD COLUMN period INTEGER;"
    "CREATE INDEX segments_period ON segments(camera, start, path) WHERE period IS NULL AND "
    "refused = 0;"
    "CREATE TABLE periods(number INTEGER PRIMARY KEY, closed INTEGER NOT NULL, salt BLOB NOT NULL,"
    " commitment BLOB NOT NULL);",
    "ALTER TABLE jobs ADD COLUMN node TEXT NOT NULL DEFAULT '" SLUG_FIRST "';"
    "ALTER TABLE clips ADD COLUMN node TEXT NOT NULL DEFAULT '" SLUG_FIRST "';",
};

enum err index_open(const char *path, struct index **out) {
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL) {
        return ERR_HOST_MEMORY;
    }
    buffer_init(&index->row, 2 * 1024 * 1024);
    enum err err = error_of(
        sqlite3_open_v2(path, &index->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
    if (err == ERR_OK) {
        (void)sqlite3_busy_timeout(index->db, 5000);
        err = run(index, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                         "PRAGMA cache_size=-2048; PRAGMA trusted_schema=OFF;");
    }
    if (err == ERR_OK) {
        err = migrate(index);
    }
    if (err != ERR_OK) {
        index_close(index);
        return err;
    }
    *out = index;
    return ERR_OK;
}

void index_close(struct index *index) {
    if (index == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(index->prepared[i].statement);
    }
    buffer_finish(&index->row);
    (void)sqlite3_close(index->db);
    free(index);
}

enum err index_begin(struct index *index) {
    return run(index, "BEGIN IMMEDIATE");
}

enum err index_commit(struct index *index) {
    return run(index, "COMMIT");
}

enum err index_list_get(struct index *index, struct bytes *signed_list) {
    QUERY(q, index, "SELECT value FROM state WHERE key = ?");
    bind_int(&q, LIST_KEY);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *signed_list = keep(&q, 0);
        err = q.err;
    }
    return err;
}

enum err index_list_put(struct index *index, struct bytes signed_list) {
    QUERY(q, index,
          "INSERT INTO state(key, value) VALUES(?, ?)"
          " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    bind_int(&q, LIST_KEY);
    bind_blob(&q, signed_list);
    return query_run(&q);
}

bool index_segment_known(struct index *index, const char *camera, const char *path, uint64_t size,
                         int64_t modified_ns, uint64_t inode) {
    QUERY(q, index,
          "SELECT 1 FROM segments WHERE camera = ? AND path = ? AND size = ?"
          " AND modified = ? AND inode = ?");
    bind_text(&q, camera);
    bind_text(&q, path);
    bind_int(&q, (int64_t)size);
    bind_int(&q, modified_ns);
    bind_int(&q, (int64_t)inode);
    return query_row(&q) == ERR_OK;
}

enum err index_segment_put(struct index *index, const struct segment *segment) {
    return put_segment(index, segment, false);
}

enum err index_refused_put(struct index *index, const struct segment *segment) {
    return put_segment(index, segment, true);
}

enum err index_segments(struct index *index, const char *camera, struct instant from,
                        struct instant to, segment_visit *visit, void *context) {
    enum {
        LONGEST_MS = 24 * DURATION_HOUR_MS
    }; /* no camera file is longer: bounds the search */
    QUERY(q, index,
          "SELECT camera, path, start, end, size, modified, inode, sha256, format,"
          " time_source, width, height, audio, tagged, hidden FROM segments"
          " WHERE camera = ? AND refused = 0 AND start >= ? AND start < ? AND end > ?"
          " ORDER BY start, path");
    bind_text(&q, camera);
    bind_int(&q, from.ms - LONGEST_MS);
    bind_int(&q, to.ms);
    bind_int(&q, from.ms);
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct segment segment;
        read_segment(&q, &segment);
        err = q.err == ERR_OK ? visit(context, &segment) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err index_segment_count(struct index *index, uint64_t *out) {
    QUERY(q, index, "SELECT count(*) FROM segments WHERE refused = 0");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (uint64_t)sqlite3_column_int64(q.statement, 0);
    }
    return err;
}

/* SHA-256("stoop footage v1" || salt || root of the tree over the segments). */
enum err index_period_close(struct index *index, struct instant now, const uint8_t salt[32],
                            struct period *out) {
    static const char label[] = "stoop footage v1";
    uint8_t message[sizeof label - 1 + 64];
    struct period period = {.closed = now};
    struct id root;
    enum err err = index_begin(index);
    if (err != ERR_OK) {
        return err;
    }
    err = recorded_root(index, &root);
    if (err == ERR_OK) {
        memcpy(period.salt, salt, sizeof period.salt);
        memcpy(message, label, sizeof label - 1);
        memcpy(message + sizeof label - 1, salt, 32);
        memcpy(message + sizeof label - 1 + 32, root.b, 32);
        sha256(BYTES_OF(message), &period.commitment);
        err = put_period(index, &period);
    }
    if (err == ERR_OK) {
        err = index_commit(index);
    }
    if (err != ERR_OK) {
        (void)run(index, "ROLLBACK");
        return err;
    }
    *out = period;
    return ERR_OK;
}

enum err index_period_last(struct index *index, struct period *out) {
    QUERY(q, index, "SELECT closed, salt, commitment FROM periods ORDER BY number DESC LIMIT 1");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        out->closed.ms = sqlite3_column_int64(q.statement, 0);
        fixed(&q, 1, out->salt, sizeof out->salt);
        fixed(&q, 2, out->commitment.b, sizeof out->commitment.b);
        err = q.err;
    }
    return err;
}

enum err index_job_put(struct index *index, const struct job *job) {
    QUERY(q, index,
          "INSERT OR IGNORE INTO jobs(request, due, done, author, until, node, frame)"
          " VALUES(?, ?, 0, ?, ?, ?, ?)");
    bind_blob(&q, BYTES_OF(job->request.b));
    bind_int(&q, job->due.ms);
    bind_blob(&q, BYTES_OF(job->author.b));
    bind_int(&q, job->until.ms);
    bind_text(&q, job->node);
    bind_blob(&q, job->frame);
    return query_run(&q);
}

enum err index_job_next(struct index *index, struct job *out) {
    QUERY(q, index,
          "SELECT request, due, done, node, frame FROM jobs WHERE done = 0 ORDER BY due LIMIT 1");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct job){.done = false};
        fixed(&q, 0, out->request.b, sizeof out->request.b);
        out->due.ms = sqlite3_column_int64(q.statement, 1);
        text(&q, 3, out->node, sizeof out->node);
        out->frame = keep(&q, 4);
        err = q.err;
    }
    return err;
}

enum err index_job_done(struct index *index, const struct id *request) {
    QUERY(q, index, "UPDATE jobs SET done = 1, frame = x'' WHERE request = ?");
    bind_blob(&q, BYTES_OF(request->b));
    return query_run(&q);
}

enum err index_job_later(struct index *index, const struct id *request, struct instant due) {
    QUERY(q, index, "UPDATE jobs SET due = ? WHERE request = ?");
    bind_int(&q, due.ms);
    bind_blob(&q, BYTES_OF(request->b));
    return query_run(&q);
}

enum err index_job_get(struct index *index, const struct id *request, struct job *out) {
    QUERY(q, index, "SELECT due, done, node FROM jobs WHERE request = ?");
    bind_blob(&q, BYTES_OF(request->b));
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct job){.request = *request};
        out->due.ms = sqlite3_column_int64(q.statement, 0);
        out->done = sqlite3_column_int(q.statement, 1) != 0;
        text(&q, 2, out->node, sizeof out->node);
    }
    return err;
}

enum err index_jobs_count(struct index *index, struct jobs_of whose, struct instant now,
                          uint64_t *all, uint64_t *live) {
    {
        QUERY(over, index, "DELETE FROM jobs WHERE done = 1 AND until <= ?");
        bind_int(&over, now.ms);
        enum err err = query_run(&over);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, index,
          "SELECT (SELECT count(*) FROM jobs WHERE node = ?1),"
          " (SELECT count(*) FROM jobs WHERE node = ?1 AND author = ?2 AND until > ?3)");
    bind_text(&q, whose.node);
    bind_blob(&q, BYTES_OF(whose.author->b));
    bind_int(&q, now.ms);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *all = (uint64_t)sqlite3_column_int64(q.statement, 0);
        *live = (uint64_t)sqlite3_column_int64(q.statement, 1);
    }
    return err;
}

enum err index_clip_put(struct index *index, const struct vault_clip *clip) {
    QUERY(q, index,
          "INSERT INTO clips(clip, request, camera, node, told, match) VALUES(?, ?, ?, ?, 0, ?)"
          " ON CONFLICT(clip) DO UPDATE SET match = excluded.match");
    bind_blob(&q, BYTES_OF(clip->clip.b));
    bind_blob(&q, BYTES_OF(clip->request.b));
    bind_text(&q, clip->camera);
    bind_text(&q, clip->node);
    bind_blob(&q, clip->match);
    return query_run(&q);
}

enum err index_clip_told(struct index *index, const char *node, const struct clip_id *clip) {
    QUERY(q, index, "UPDATE clips SET told = 1, match = x'' WHERE clip = ? AND node = ?");
    bind_blob(&q, BYTES_OF(clip->b));
    bind_text(&q, node);
    return query_run(&q);
}

/* told: 0 no, 1 yes, 2 yes, but not in the list of this start. */
enum err index_clips_doubt(struct index *index) {
    return run(index, "UPDATE clips SET told = 2 WHERE told = 1");
}

enum err index_clip_orphan(struct index *index, const char *node, struct clip_id *out) {
    QUERY(q, index, "SELECT clip FROM clips WHERE told = 2 AND node = ? LIMIT 1");
    bind_text(&q, node);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        fixed(&q, 0, out->b, sizeof out->b);
        err = q.err;
    }
    return err;
}

enum err index_clip_remove(struct index *index, const char *node, const struct clip_id *clip) {
    QUERY(q, index, "DELETE FROM clips WHERE clip = ? AND node = ?");
    bind_blob(&q, BYTES_OF(clip->b));
    bind_text(&q, node);
    return query_run(&q);
}

enum err index_clip_known(struct index *index, const char *node, const struct clip_id *clip,
                          bool *out) {
    QUERY(q, index, "SELECT 1 FROM clips WHERE clip = ? AND node = ?");
    bind_blob(&q, BYTES_OF(clip->b));
    bind_text(&q, node);
    enum err err = query_row(&q);
    if (err == ERR_OK || err == ERR_USER_NOT_FOUND) {
        *out = err == ERR_OK;
        return ERR_OK;
    }
    return err;
}

/* secure_delete has overwritten the pages; the write-ahead log still holds them as they were. */
enum err index_shred(struct index *index) {
    return run(index, "PRAGMA wal_checkpoint(TRUNCATE)");
}

enum err index_clips(struct index *index, clip_visit *visit, void *context) {
    QUERY(q, index, "SELECT clip, request, camera, node, told, match FROM clips");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct vault_clip clip = {0};
        fixed(&q, 0, clip.clip.b, sizeof clip.clip.b);
        fixed(&q, 1, clip.request.b, sizeof clip.request.b);
        text(&q, 2, clip.camera, sizeof clip.camera);
        text(&q, 3, clip.node, sizeof clip.node);
        clip.told = sqlite3_column_int(q.statement, 4) != 0;
        clip.match = keep(&q, 5);
        err = q.err == ERR_OK ? visit(context, &clip) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

bool index_clip_of(struct index *index, const struct id *request, const char *camera) {
    QUERY(q, index,
          "SELECT 1 FROM clips WHERE request = ? AND camera = ? AND (told OR match <> x'')");
    bind_blob(&q, BYTES_OF(request->b));
    bind_text(&q, camera);
    return query_row(&q) == ERR_OK;
}

/* ---- statements ---- */

enum err index_nodes(struct index *index, node_visit *visit, void *context) {
    QUERY(q, index, "SELECT node FROM clips UNION SELECT node FROM jobs");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        char name[SLUG_MAX_BYTES];
        text(&q, 0, name, sizeof name);
        err = q.err == ERR_OK ? visit(context, name) : q.err;
        if (err != ERR_OK) {
            return err;
        }
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

enum err index_node_forget(struct index *index, const char *name) {
    enum err err = ERR_OK;
    {
        QUERY(clips, index, "DELETE FROM clips WHERE node = ?");
        bind_text(&clips, name);
        err = query_run(&clips);
    }
    if (err == ERR_OK) {
        QUERY(jobs, index, "DELETE FROM jobs WHERE node = ?");
        bind_text(&jobs, name);
        err = query_run(&jobs);
    }
    return err == ERR_OK ? index_shred(index) : err;
}

static enum err run(struct index *index, const char *sql) {
    return error_of(sqlite3_exec(index->db, sql, NULL, NULL, NULL));
}

static enum err migrate(struct index *index) {
    enum {
        VERSION = COUNT_OF(migrations)
    };
    int version = 0;
    enum err err = ERR_OK;
    {
        QUERY(q, index, "PRAGMA user_version");
        err = query_row(&q);
        version = err == ERR_OK ? sqlite3_column_int(q.statement, 0) : 0;
    }
    if (err == ERR_OK && version > VERSION) {
        return ERR_HOST_SCHEMA;
    }
    if (err == ERR_OK && version < VERSION) {
        char sql[48];
        err = index_begin(index);
        for (int v = version; err == ERR_OK && v < VERSION; v++) {
            err = run(index, migrations[v]);
        }
        (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", (int)VERSION);
        if (err == ERR_OK) {
            err = run(index, sql);
        }
        if (err == ERR_OK) {
            err = index_commit(index);
        }
    }
    return err;
}

static enum err error_of(int code) {
    int kind = code & 0xff;
    if (kind == SQLITE_OK || kind == SQLITE_ROW || kind == SQLITE_DONE) {
        return ERR_OK;
    }
    if (kind == SQLITE_FULL || kind == SQLITE_IOERR) {
        return ERR_HOST_DISK;
    }
    if (kind == SQLITE_READONLY || kind == SQLITE_PERM || kind == SQLITE_CANTOPEN) {
        return ERR_HOST_PERMISSION;
    }
    if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED) {
        return ERR_HOST_LOCKED;
    }
    return kind == SQLITE_NOMEM ? ERR_HOST_MEMORY : ERR_HOST_DATABASE;
}

static struct query query_start(struct index *index, const char *sql) {
    struct query query = {.index = index, .next = 1};
    size_t i = 0;
    while (i + 1 < STATEMENTS_MAX && index->prepared[i].sql != NULL &&
           index->prepared[i].sql != sql) {
        i++;
    }
    if (index->prepared[i].sql == NULL) {
        query.err = error_of(sqlite3_prepare_v3(index->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                &index->prepared[i].statement, NULL));
        index->prepared[i].sql = query.err == ERR_OK ? sql : NULL;
    }
    query.statement = index->prepared[i].statement;
    return query;
}

static void query_finish(struct query *query) {
    if (query->statement != NULL) {
        (void)sqlite3_reset(query->statement);
        (void)sqlite3_clear_bindings(query->statement);
    }
}

static void bind_int(struct query *query, int64_t value) {
    if (query->err == ERR_OK) {
        query->err = error_of(sqlite3_bind_int64(query->statement, query->next++, value));
    }
}

static void bind_text(struct query *query, const char *value) {
    if (query->err == ERR_OK) {
        query->err =
            error_of(sqlite3_bind_text(query->statement, query->next++, value, -1, SQLITE_STATIC));
    }
}

static void bind_blob(struct query *query, struct bytes value) {
    if (query->err == ERR_OK) {
        const void *at = value.len == 0 ? (const void *)"" : value.at;
        query->err = error_of(
            sqlite3_bind_blob(query->statement, query->next++, at, (int)value.len, SQLITE_STATIC));
    }
}

static enum err query_row(struct query *query) {
    if (query->err != ERR_OK) {
        return query->err;
    }
    int code = sqlite3_step(query->statement);
    return code == SQLITE_DONE ? ERR_USER_NOT_FOUND : error_of(code);
}

static enum err query_run(struct query *query) {
    enum err err = query_row(query);
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

static struct bytes keep(struct query *query, int column) {
    const void *at = sqlite3_column_blob(query->statement, column);
    size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
    buffer_clear(&query->index->row);
    query->err = buffer_append(&query->index->row, (struct bytes){at, len});
    return buffer_bytes(&query->index->row);
}

static void fixed(struct query *query, int column, void *out, size_t len) {
    const void *at = sqlite3_column_blob(query->statement, column);
    if (at == NULL || (size_t)sqlite3_column_bytes(query->statement, column) != len) {
        query->err = ERR_HOST_DATABASE;
        memset(out, 0, len);
        return;
    }
    memcpy(out, at, len);
}

static void text(struct query *query, int column, char *out, size_t room) {
    const unsigned char *value = sqlite3_column_text(query->statement, column);
    (void)snprintf(out, room, "%s", value == NULL ? "" : (const char *)value);
}

static void read_segment(struct query *query, struct segment *out) {
    sqlite3_stmt *s = query->statement;
    *out = (struct segment){0};
    text(query, 0, out->camera, sizeof out->camera);
    text(query, 1, out->path, sizeof out->path);
    out->from.ms = sqlite3_column_int64(s, 2);
    out->to.ms = sqlite3_column_int64(s, 3);
    out->size = (uint64_t)sqlite3_column_int64(s, 4);
    out->modified_ns = sqlite3_column_int64(s, 5);
    out->inode = (uint64_t)sqlite3_column_int64(s, 6);
    fixed(query, 7, out->sha256.b, sizeof out->sha256.b);
    out->format = (enum media_format)sqlite3_column_int(s, 8);
    out->time_source = (enum time_source)sqlite3_column_int(s, 9);
    out->width = (uint32_t)sqlite3_column_int64(s, 10);
    out->height = (uint32_t)sqlite3_column_int64(s, 11);
    out->audio = sqlite3_column_int(s, 12) != 0;
    out->tagged = sqlite3_column_int(s, 13) != 0;
    out->hidden = sqlite3_column_int(s, 14) != 0;
}

static enum err put_segment(struct index *index, const struct segment *segment, bool refused) {
    QUERY(q, index,
          "INSERT OR REPLACE INTO segments(camera, path, start, end, size, modified,"
          " inode, sha256, format, time_source, width, height, audio, tagged, hidden, refused)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_text(&q, segment->camera);
    bind_text(&q, segment->path);
    bind_int(&q, segment->from.ms);
    bind_int(&q, segment->to.ms);
    bind_int(&q, (int64_t)segment->size);
    bind_int(&q, segment->modified_ns);
    bind_int(&q, (int64_t)segment->inode);
    bind_blob(&q, BYTES_OF(segment->sha256.b));
    bind_int(&q, segment->format);
    bind_int(&q, segment->time_source);
    bind_int(&q, segment->width);
    bind_int(&q, segment->height);
    bind_int(&q, segment->audio);
    bind_int(&q, segment->tagged);
    bind_int(&q, segment->hidden);
    bind_int(&q, refused);
    return query_run(&q);
}

/* A leaf is a segment as a manifest names it, in order of camera and time (PROTOCOL 6.2, 6.6). */
static enum err recorded_root(struct index *index, struct id *out) {
    struct merkle_edge edge = {.size = 0};
    QUERY(q, index,
          "SELECT sha256, start, end FROM segments WHERE period IS NULL AND refused = 0"
          " ORDER BY camera, start, path");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct clip_source source;
        struct id leaf;
        fixed(&q, 0, source.sha256.b, sizeof source.sha256.b);
        source.from.ms = sqlite3_column_int64(q.statement, 1);
        source.to.ms = sqlite3_column_int64(q.statement, 2);
        if (q.err != ERR_OK) {
            return q.err;
        }
        merkle_leaf((struct bytes){(const uint8_t *)&source, sizeof source}, &leaf);
        merkle_append(&edge, &leaf);
    }
    if (err == ERR_USER_NOT_FOUND && edge.size > 0) {
        merkle_root(&edge, out);
        err = ERR_OK;
    }
    return err;
}

static enum err put_period(struct index *index, const struct period *period) {
    {
        QUERY(q, index, "INSERT INTO periods(closed, salt, commitment) VALUES(?, ?, ?)");
        bind_int(&q, period->closed.ms);
        bind_blob(&q, BYTES_OF(period->salt));
        bind_blob(&q, BYTES_OF(period->commitment.b));
        enum err err = query_run(&q);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, index,
          "UPDATE segments SET period = (SELECT max(number) FROM periods)"
          " WHERE period IS NULL AND refused = 0");
    return query_run(&q);
}
