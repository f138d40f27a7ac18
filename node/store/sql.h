/* SQLite, as the node's store and ingest's index use it; private to these two. Statements are
 * prepared once, under the address of their text; what a row hands out is kept.
 *
 * Memory: a database owns its statements, and the blobs that column_keep() gave: good until another
 * row is kept. Text and blobs that are bound are borrowed until the query is finished.
 * Bounds: SQL_STATEMENTS_MAX texts, SQL_COLUMNS_MAX kept blobs of one row, SQL_VALUE_MAX bytes
 * each. Errors: ERR_HOST_*. ERR_USER_NOT_FOUND where a row was asked for and there is none, or no
 * more. */
#ifndef NODE_STORE_SQL_H
#define NODE_STORE_SQL_H

#include <sqlite3.h>

#include "node/base/attr.h"
#include "node/base/bytes.h"

enum {
    SQL_STATEMENTS_MAX = 128,
    SQL_COLUMNS_MAX = 8,
    SQL_VALUE_MAX = 2 * 1024 * 1024 + 4096,
};

struct sql {
    sqlite3 *db;
    struct sql_prepared {
        const char *text; /* static: its address is the key */
        sqlite3_stmt *statement;
    } prepared[SQL_STATEMENTS_MAX];
    struct buffer columns[SQL_COLUMNS_MAX];
    size_t columns_used;
};

/* One statement in use: made ready, bound from the first parameter on, stepped; reset when it goes
 * out of scope. The first error is kept: what follows it does nothing. */
struct query {
    struct sql *sql;
    sqlite3_stmt *statement;
    int next; /* parameter to bind */
    enum err err;
};

/* Step 0 makes version `first` of an empty file, each later one the next version. */
struct sql_schema {
    int first; /* 1, 2, ...: earlier ones were never released */
    const char *const *steps;
    int count; /* of steps: 1, 2, ... */
};

/* `sql` is zeroed. On failure it is closed. */
MUST_USE enum err sql_open(struct sql *sql, const char *path, const char *pragmas);
void sql_close(struct sql *sql);
/* Brings a file to the schema's last version: all that is missing is one transaction.
 * ERR_HOST_SCHEMA: a later program wrote this file, or one from before the first version. */
MUST_USE enum err sql_migrate(struct sql *sql, const struct sql_schema *schema);
MUST_USE enum err sql_run(struct sql *sql, const char *text); /* no rows, nothing bound */
void sql_roll_back(struct sql *sql); /* where that fails, SQLite has done so itself */

struct query query_start(struct sql *sql, const char *text);
void query_finish(struct query *query);
MUST_USE enum err query_row(struct query *query);   /* the next one */
MUST_USE enum err query_write(struct query *query); /* runs to its end */

void bind_bytes(struct query *query, struct bytes value);
void bind_id(struct query *query, const struct id *id);
void bind_int(struct query *query, int64_t value);
void bind_text(struct query *query, const char *text);

struct bytes column_keep(struct query *query, int column);
/* A column of another length was not written by us: ERR_HOST_DATABASE, and zeros. */
void column_fixed(struct query *query, int column, void *out, size_t len);
void column_text(struct query *query, int column, char *out, size_t room);

#endif
