/* What the files of the store share. Private to node/store/.
 *
 *   store.c          opening, turns, single values, the schema
 *   store_objects.c  what the community gossips, and what is local to it
 *   store_clips.c    footage: ours, what others granted us, what askers owe
 *   store_log.c      the log, and what neighbours sign of theirs
 *   store_members.c  who comes in, what administrators decide, keys of the member door
 *   sql.c            SQLite itself, for ingest too
 *
 * Invariants:
 *  1. Every read and write happens between store_begin and store_commit or store_roll_back.
 *  2. A prepared statement is reset as soon as its row has been handed on, except inside an *_each,
 *     whose visitor may read other tables but not write.
 *  3. Blobs handed out are kept (sql.h), one buffer per borrowed column, until the next call. */
#ifndef NODE_STORE_PARTS_H
#define NODE_STORE_PARTS_H

#include "node/store/sql.h"
#include "node/store/store.h"

struct store {
    struct sql sql;
    bool open;  /* a turn is */
    bool begun; /* and its transaction: from the first statement on, as most turns have none */
    int changes_at_begin;
};

/* A turn's transaction begins with its first statement. */
struct query store_ask(struct store *store, const char *text);

#define QUERY(name, store, text) SCOPED(query_finish) struct query name = store_ask(store, text)

#endif
