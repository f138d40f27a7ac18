#include "node/ingest/index.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "node/store/sql.h"

enum {
    LIST_KEY = 1
};

struct index {
    struct sql sql;
};

static void read_segment(struct query *query, struct segment *out);
static enum err put_segment(struct index *index, const struct segment *segment, bool refused);
static enum err recorded_root(struct index *index, struct id *out);
static enum err put_period(struct index *index, const struct period *period);

#define QUERY(name, index, text)                                                                   \
    SCOPED(query_finish) struct query name = query_start(&(index)->sql, text)

static const char *const schema_steps[] = {
    "CREATE TABLE state(key INTEGER PRIMARY KEY, value BLOB NOT NULL);"
    "CREATE TABLE segments(camera TEXT NOT NULL, path TEXT NOT NULL, start INTEGER NOT NULL,"
    " end INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " inode INTEGER NOT NULL, sha256 BLOB NOT NULL, format INTEGER NOT NULL,"
    " time_source INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    " audio INTEGER NOT NULL, tagged INTEGER NOT NULL, refused INTEGER NOT NULL,"
    " hidden INTEGER NOT NULL DEFAULT 0, period INTEGER, PRIMARY KEY(camera, path)) WITHOUT ROWID;"
    "CREATE INDEX segments_time ON segments(camera, refused, start);"
    "CREATE INDEX segments_period ON segments(camera, start, path) WHERE period IS NULL AND "
    "refused = 0;"
    "CREATE TABLE periods(number INTEGER PRIMARY KEY, closed INTEGER NOT NULL, salt BLOB NOT NULL,"
    " commitment BLOB NOT NULL);"
    "CREATE TABLE jobs(request BLOB PRIMARY KEY, due INTEGER NOT NULL, done INTEGER NOT NULL,"
    " frame BLOB NOT NULL, author BLOB NOT NULL DEFAULT x'', until INTEGER NOT NULL DEFAULT 0,"
    " node TEXT NOT NULL DEFAULT '" SLUG_FIRST "') WITHOUT ROWID;"
    "CREATE INDEX jobs_due ON jobs(done, due);"
    "CREATE INDEX jobs_author ON jobs(author, until);"
    "CREATE TABLE clips(clip BLOB PRIMARY KEY, request BLOB NOT NULL, camera TEXT NOT NULL,"
    " told INTEGER NOT NULL, match BLOB NOT NULL, node TEXT NOT NULL DEFAULT '" SLUG_FIRST "')"
    " WITHOUT ROWID;"
    "CREATE INDEX clips_request ON clips(request, camera);",
};
static const struct sql_schema schema = {4, schema_steps, COUNT_OF(schema_steps)};

enum err index_open(const char *path, struct index **out) {
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL) {
        return ERR_HOST_MEMORY;
    }
    enum err err = sql_open(&index->sql, path,
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                            "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                            "PRAGMA cache_size=-2048; PRAGMA trusted_schema=OFF;");
    if (err == ERR_OK) {
        err = sql_migrate(&index->sql, &schema);
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
    sql_close(&index->sql);
    free(index);
}

enum err index_list_get(struct index *index, struct bytes *signed_list) {
    QUERY(q, index, "SELECT value FROM state WHERE key = ?");
    bind_int(&q, LIST_KEY);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *signed_list = column_keep(&q, 0);
        err = q.err;
    }
    return err;
}

enum err index_list_put(struct index *index, struct bytes signed_list) {
    QUERY(q, index,
          "INSERT INTO state(key, value) VALUES(?, ?)"
          " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    bind_int(&q, LIST_KEY);
    bind_bytes(&q, signed_list);
    return query_write(&q);
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
    enum err err = sql_run(&index->sql, "BEGIN IMMEDIATE");
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
        err = sql_run(&index->sql, "COMMIT");
    }
    if (err != ERR_OK) {
        sql_roll_back(&index->sql);
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
        column_fixed(&q, 1, out->salt, sizeof out->salt);
        column_fixed(&q, 2, out->commitment.b, sizeof out->commitment.b);
        err = q.err;
    }
    return err;
}

enum err index_job_put(struct index *index, const struct job *job) {
    QUERY(q, index,
          "INSERT OR IGNORE INTO jobs(request, due, done, author, until, node, frame)"
          " VALUES(?, ?, 0, ?, ?, ?, ?)");
    bind_bytes(&q, BYTES_OF(job->request.b));
    bind_int(&q, job->due.ms);
    bind_bytes(&q, BYTES_OF(job->author.b));
    bind_int(&q, job->until.ms);
    bind_text(&q, job->node);
    bind_bytes(&q, job->frame);
    return query_write(&q);
}

enum err index_job_next(struct index *index, struct job *out) {
    QUERY(q, index,
          "SELECT request, due, done, node, frame FROM jobs WHERE done = 0 ORDER BY due LIMIT 1");
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct job){.done = false};
        column_fixed(&q, 0, out->request.b, sizeof out->request.b);
        out->due.ms = sqlite3_column_int64(q.statement, 1);
        column_text(&q, 3, out->node, sizeof out->node);
        out->frame = column_keep(&q, 4);
        err = q.err;
    }
    return err;
}

enum err index_job_done(struct index *index, const struct id *request) {
    QUERY(q, index, "UPDATE jobs SET done = 1, frame = x'' WHERE request = ?");
    bind_bytes(&q, BYTES_OF(request->b));
    return query_write(&q);
}

enum err index_job_later(struct index *index, const struct id *request, struct instant due) {
    QUERY(q, index, "UPDATE jobs SET due = ? WHERE request = ?");
    bind_int(&q, due.ms);
    bind_bytes(&q, BYTES_OF(request->b));
    return query_write(&q);
}

enum err index_job_get(struct index *index, const struct id *request, struct job *out) {
    QUERY(q, index, "SELECT due, done, node FROM jobs WHERE request = ?");
    bind_bytes(&q, BYTES_OF(request->b));
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        *out = (struct job){.request = *request};
        out->due.ms = sqlite3_column_int64(q.statement, 0);
        out->done = sqlite3_column_int(q.statement, 1) != 0;
        column_text(&q, 2, out->node, sizeof out->node);
    }
    return err;
}

enum err index_jobs_count(struct index *index, struct jobs_of whose, struct instant now,
                          uint64_t *all, uint64_t *live) {
    {
        QUERY(over, index, "DELETE FROM jobs WHERE done = 1 AND until <= ?");
        bind_int(&over, now.ms);
        enum err err = query_write(&over);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, index,
          "SELECT (SELECT count(*) FROM jobs WHERE node = ?1),"
          " (SELECT count(*) FROM jobs WHERE node = ?1 AND author = ?2 AND until > ?3)");
    bind_text(&q, whose.node);
    bind_bytes(&q, BYTES_OF(whose.author->b));
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
    bind_bytes(&q, BYTES_OF(clip->clip.b));
    bind_bytes(&q, BYTES_OF(clip->request.b));
    bind_text(&q, clip->camera);
    bind_text(&q, clip->node);
    bind_bytes(&q, clip->match);
    return query_write(&q);
}

enum err index_clip_told(struct index *index, const char *node, const struct clip_id *clip) {
    QUERY(q, index, "UPDATE clips SET told = 1, match = x'' WHERE clip = ? AND node = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    bind_text(&q, node);
    return query_write(&q);
}

/* told: 0 no, 1 yes, 2 yes, but not in the list of this start. */
enum err index_clips_doubt(struct index *index) {
    return sql_run(&index->sql, "UPDATE clips SET told = 2 WHERE told = 1");
}

enum err index_clip_orphan(struct index *index, const char *node, struct clip_id *out) {
    QUERY(q, index, "SELECT clip FROM clips WHERE told = 2 AND node = ? LIMIT 1");
    bind_text(&q, node);
    enum err err = query_row(&q);
    if (err == ERR_OK) {
        column_fixed(&q, 0, out->b, sizeof out->b);
        err = q.err;
    }
    return err;
}

enum err index_clip_remove(struct index *index, const char *node, const struct clip_id *clip) {
    QUERY(q, index, "DELETE FROM clips WHERE clip = ? AND node = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
    bind_text(&q, node);
    return query_write(&q);
}

enum err index_clip_known(struct index *index, const char *node, const struct clip_id *clip,
                          bool *out) {
    QUERY(q, index, "SELECT 1 FROM clips WHERE clip = ? AND node = ?");
    bind_bytes(&q, BYTES_OF(clip->b));
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
    return sql_run(&index->sql, "PRAGMA wal_checkpoint(TRUNCATE)");
}

enum err index_clips(struct index *index, clip_visit *visit, void *context) {
    QUERY(q, index, "SELECT clip, request, camera, node, told, match FROM clips");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        struct vault_clip clip = {0};
        column_fixed(&q, 0, clip.clip.b, sizeof clip.clip.b);
        column_fixed(&q, 1, clip.request.b, sizeof clip.request.b);
        column_text(&q, 2, clip.camera, sizeof clip.camera);
        column_text(&q, 3, clip.node, sizeof clip.node);
        clip.told = sqlite3_column_int(q.statement, 4) != 0;
        clip.match = column_keep(&q, 5);
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
    bind_bytes(&q, BYTES_OF(request->b));
    bind_text(&q, camera);
    return query_row(&q) == ERR_OK;
}

enum err index_nodes(struct index *index, node_visit *visit, void *context) {
    QUERY(q, index, "SELECT node FROM clips UNION SELECT node FROM jobs");
    enum err err = ERR_OK;
    while ((err = query_row(&q)) == ERR_OK) {
        char name[SLUG_MAX_BYTES];
        column_text(&q, 0, name, sizeof name);
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
        err = query_write(&clips);
    }
    if (err == ERR_OK) {
        QUERY(jobs, index, "DELETE FROM jobs WHERE node = ?");
        bind_text(&jobs, name);
        err = query_write(&jobs);
    }
    return err == ERR_OK ? index_shred(index) : err;
}

static void read_segment(struct query *query, struct segment *out) {
    sqlite3_stmt *s = query->statement;
    *out = (struct segment){0};
    column_text(query, 0, out->camera, sizeof out->camera);
    column_text(query, 1, out->path, sizeof out->path);
    out->from.ms = sqlite3_column_int64(s, 2);
    out->to.ms = sqlite3_column_int64(s, 3);
    out->size = (uint64_t)sqlite3_column_int64(s, 4);
    out->modified_ns = sqlite3_column_int64(s, 5);
    out->inode = (uint64_t)sqlite3_column_int64(s, 6);
    column_fixed(query, 7, out->sha256.b, sizeof out->sha256.b);
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
    bind_bytes(&q, BYTES_OF(segment->sha256.b));
    bind_int(&q, segment->format);
    bind_int(&q, segment->time_source);
    bind_int(&q, segment->width);
    bind_int(&q, segment->height);
    bind_int(&q, segment->audio);
    bind_int(&q, segment->tagged);
    bind_int(&q, segment->hidden);
    bind_int(&q, refused);
    return query_write(&q);
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
        column_fixed(&q, 0, source.sha256.b, sizeof source.sha256.b);
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
        bind_bytes(&q, BYTES_OF(period->salt));
        bind_bytes(&q, BYTES_OF(period->commitment.b));
        enum err err = query_write(&q);
        if (err != ERR_OK) {
            return err;
        }
    }
    QUERY(q, index,
          "UPDATE segments SET period = (SELECT max(number) FROM periods)"
          " WHERE period IS NULL AND refused = 0");
    return query_write(&q);
}
