#include "node/store/sql.h"

#include <string.h>

#include "node/base/assert.h"

static enum err error_of(int code);
static enum err version_of(struct sql *sql, int *out);

enum err sql_open(struct sql *sql, const char *path, const char *pragmas) {
    for (size_t i = 0; i < SQL_COLUMNS_MAX; i++) {
        buffer_init(&sql->columns[i], SQL_VALUE_MAX);
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX; /* one thread */
    enum err err = error_of(sqlite3_open_v2(path, &sql->db, flags, NULL));
    if (err == ERR_OK) {
        (void)sqlite3_extended_result_codes(sql->db, 1);
        (void)sqlite3_busy_timeout(sql->db, 5000);
        err = sql_run(sql, pragmas);
    }
    if (err != ERR_OK) {
        sql_close(sql);
    }
    return err;
}

void sql_close(struct sql *sql) {
    for (size_t i = 0; i < SQL_STATEMENTS_MAX; i++) {
        (void)sqlite3_finalize(sql->prepared[i].statement);
    }
    for (size_t i = 0; i < SQL_COLUMNS_MAX; i++) {
        buffer_finish(&sql->columns[i]);
    }
    (void)sqlite3_close(sql->db);
    *sql = (struct sql){.db = NULL};
}

enum err sql_migrate(struct sql *sql, const struct sql_schema *schema) {
    const int last = schema->first + schema->count - 1;
    int version = 0;
    enum err err = sql_run(sql, "BEGIN");
    if (err != ERR_OK) {
        return err;
    }
    err = version_of(sql, &version);
    if (err == ERR_OK && version != 0 && (version < schema->first || version > last)) {
        err = ERR_HOST_SCHEMA;
    }
    for (int step = version == 0 ? 0 : version - schema->first + 1;
         err == ERR_OK && step < schema->count; step++) {
        err = sql_run(sql, schema->steps[step]);
    }
    if (err == ERR_OK && version != last) {
        char text[48];
        (void)sqlite3_snprintf(sizeof text, text, "PRAGMA user_version = %d", last);
        err = sql_run(sql, text);
    }
    if (err == ERR_OK) {
        err = sql_run(sql, "COMMIT");
    }
    if (err != ERR_OK) {
        sql_roll_back(sql);
    }
    return err;
}

static enum err version_of(struct sql *sql, int *out) {
    SCOPED(query_finish) struct query query = query_start(sql, "PRAGMA user_version");
    enum err err = query_row(&query);
    *out = err == ERR_OK ? sqlite3_column_int(query.statement, 0) : 0;
    return err;
}

enum err sql_run(struct sql *sql, const char *text) {
    return error_of(sqlite3_exec(sql->db, text, NULL, NULL, NULL));
}

void sql_roll_back(struct sql *sql) {
    (void)sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
}

static enum err error_of(int code) {
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_NOMEM:
        return ERR_HOST_MEMORY;
    case SQLITE_FULL:
    case SQLITE_IOERR:
        return ERR_HOST_DISK;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return ERR_HOST_PERMISSION;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_HOST_LOCKED;
    default: /* an int, not an enum: whatever else SQLite says */
        return ERR_HOST_DATABASE;
    }
}

/* ---- queries ---- */

struct query query_start(struct sql *sql, const char *text) {
    struct query query = {.sql = sql, .next = 1};
    size_t i = 0;
    while (i < SQL_STATEMENTS_MAX && sql->prepared[i].text != NULL &&
           sql->prepared[i].text != text) {
        i++;
    }
    ASSERT(i < SQL_STATEMENTS_MAX);
    struct sql_prepared *prepared = &sql->prepared[i];
    if (prepared->text == NULL) {
        query.err = error_of(sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT,
                                                &prepared->statement, NULL));
        prepared->text = query.err == ERR_OK ? text : NULL;
    }
    query.statement = prepared->statement;
    return query;
}

void query_finish(struct query *query) {
    if (query->statement != NULL) {
        (void)sqlite3_reset(query->statement);
        (void)sqlite3_clear_bindings(query->statement);
    }
}

enum err query_row(struct query *query) {
    if (query->err != ERR_OK) {
        return query->err;
    }
    query->sql->columns_used = 0;
    int code = sqlite3_step(query->statement);
    return code == SQLITE_DONE ? ERR_USER_NOT_FOUND : error_of(code);
}

enum err query_write(struct query *query) {
    enum err err = query_row(query);
    ASSERT(err != ERR_OK); /* a write answers no row */
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

void bind_bytes(struct query *query, struct bytes value) {
    if (query->err == ERR_OK) { /* a NULL pointer would bind SQL's NULL */
        const void *at = value.len == 0 ? (const void *)"" : value.at;
        query->err = error_of(
            sqlite3_bind_blob(query->statement, query->next++, at, (int)value.len, SQLITE_STATIC));
    }
}

void bind_id(struct query *query, const struct id *id) {
    bind_bytes(query, BYTES_OF(id->b));
}

void bind_int(struct query *query, int64_t value) {
    if (query->err == ERR_OK) {
        query->err = error_of(sqlite3_bind_int64(query->statement, query->next++, value));
    }
}

void bind_text(struct query *query, const char *text) {
    if (query->err == ERR_OK) {
        query->err =
            error_of(sqlite3_bind_text(query->statement, query->next++, text, -1, SQLITE_STATIC));
    }
}

struct bytes column_keep(struct query *query, int column) {
    struct sql *sql = query->sql;
    ASSERT(sql->columns_used < SQL_COLUMNS_MAX);
    struct buffer *buffer = &sql->columns[sql->columns_used++];
    const void *at = sqlite3_column_blob(query->statement, column);
    size_t len = (size_t)sqlite3_column_bytes(query->statement, column);
    buffer_clear(buffer);
    enum err err = buffer_append(buffer, (struct bytes){at, len});
    if (err != ERR_OK) {
        query->err = err;
        return (struct bytes){NULL, 0};
    }
    return buffer_bytes(buffer);
}

void column_fixed(struct query *query, int column, void *out, size_t len) {
    const void *at = sqlite3_column_blob(query->statement, column);
    if (at == NULL || (size_t)sqlite3_column_bytes(query->statement, column) != len) {
        query->err = ERR_HOST_DATABASE;
        memset(out, 0, len);
        return;
    }
    memcpy(out, at, len);
}

void column_text(struct query *query, int column, char *out, size_t room) {
    const unsigned char *text = sqlite3_column_text(query->statement, column);
    (void)sqlite3_snprintf((int)room, out, "%s", text == NULL ? "" : (const char *)text);
}
