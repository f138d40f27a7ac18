/* The store: old files are brought forward, newer ones refused, and what is shredded is gone from
 * the files as well (PROTOCOL 1.2, P10, P12). */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/store.h"
#include "tests/support/check.h"

static char folder[64];
static char path[96];

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/stoop-store-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/stoop.db", folder);
    return crypto_start() ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

static void sql(const char *text) {
    sqlite3 *db = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

static int sql_number(const char *text) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, text, -1, &statement, NULL) == SQLITE_OK);
    CHECK(sqlite3_step(statement) == SQLITE_ROW);
    int number = sqlite3_column_int(statement, 0);
    CHECK(sqlite3_finalize(statement) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK);
    return number;
}

/* How often `needle` stands in any file of the folder. */
static size_t found_on_disk(struct bytes needle) {
    static const char *const ends[] = {"", "-wal", "-shm"};
    size_t found = 0;
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char name[128];
        struct stat info;
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        CHECK(fstat(fd, &info) == 0);
        uint8_t *all = malloc((size_t)info.st_size + 1);
        CHECK(all != NULL && read(fd, all, (size_t)info.st_size) == info.st_size);
        (void)close(fd);
        const uint8_t *end = all + info.st_size;
        for (const uint8_t *at = all;
             (at = memmem(at, (size_t)(end - at), needle.at, needle.len)) != NULL; at++) {
            found++;
        }
        free(all);
    }
    return found;
}

/* Takes the last five steps of the schema back. */
static const char requests_apart[] =
    "ALTER TABLE attachments DROP COLUMN account; ALTER TABLE attachments DROP COLUMN due;"
    "ALTER TABLE attachments DROP COLUMN tries;"
    "DROP TABLE far_rolls; DROP TRIGGER objects_carried; DROP TABLE carried; DROP TABLE "
    "crossed;"
    "ALTER TABLE delivered DROP COLUMN vouch;"
    "DROP TRIGGER objects_asked; DROP INDEX objects_author; DROP TABLE asked;"
    "DROP TABLE own_requests; ALTER TABLE objects DROP COLUMN log_index;"
    "ALTER TABLE objects DROP COLUMN delete_by; ALTER TABLE objects DROP COLUMN matched;"
    "ALTER TABLE objects DROP COLUMN taken_back;"
    "CREATE INDEX objects_order ON objects(created, id);"
    "CREATE INDEX objects_author ON objects(kind, author, created);"
    "CREATE TABLE requests(id BLOB PRIMARY KEY, ours INTEGER NOT NULL, matched INTEGER NOT NULL,"
    " log_index INTEGER NOT NULL, sealed_key BLOB NOT NULL, deleting INTEGER NOT NULL DEFAULT 0,"
    " taken_back BLOB NOT NULL DEFAULT x'') WITHOUT ROWID;"
    "CREATE TABLE asked(request BLOB PRIMARY KEY, author BLOB NOT NULL,"
    " delete_by INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX asked_author ON asked(author);"
    "CREATE INDEX asked_delete_by ON asked(delete_by);";

/* The first schema, with something in it, as the first release wrote it. */
static void test_an_old_file_is_brought_forward_and_keeps_what_it_has(void **state) {
    (void)state;
    struct store *store = NULL;
    struct bytes value;
    struct id hash;
    uint64_t count = 0;
    CHECK_ERR(ERR_OK, store_open(path, &store));
    store_close(store);
    int newest = sql_number("PRAGMA user_version");
    CHECK(newest >= 2);
    sql(requests_apart);
    sql("DROP TABLE witnessed; DROP TABLE forks; DROP INDEX clips_state; DROP INDEX "
        "objects_expires; PRAGMA user_version = 1;"
        "ALTER TABLE delivered DROP COLUMN home; ALTER TABLE delivered DROP COLUMN deletion;"
        "DROP INDEX delivered_told; ALTER TABLE delivered DROP COLUMN told;"
        "DROP TABLE acts; DROP TABLE epochs;"
        "CREATE TABLE epochs(key BLOB NOT NULL UNIQUE, since INTEGER NOT NULL);"
        "INSERT INTO epochs VALUES(randomblob(32), 1), (zeroblob(32), 2);"
        "DROP TABLE calls; DROP TABLE withheld; DROP TABLE asked; DROP TABLE owed; DROP TABLE "
        "places; ALTER TABLE "
        "delivered ADD COLUMN "
        "collected TEXT NOT NULL DEFAULT '';"
        "INSERT INTO delivered(grant_id, request, signed_grant, member, header, manifest, salt,"
        " received, payload_size, completed, delete_by, collected) VALUES(zeroblob(32),"
        " zeroblob(32), '', '', '', '', zeroblob(32), 1, 1, 9, 9, '/srv/e/stoop-4F2A-91-9c.mp4');"
        "ALTER TABLE requests DROP COLUMN deleting; ALTER TABLE requests DROP COLUMN taken_back;"
        "ALTER TABLE clips DROP COLUMN owners;"
        "ALTER TABLE clips DROP COLUMN edited_size; ALTER TABLE clips DROP COLUMN edited_root;"
        "ALTER TABLE clips DROP COLUMN edited_header;"
        "DROP TABLE objects;"
        "CREATE TABLE objects(id BLOB PRIMARY KEY, kind INTEGER NOT NULL, author BLOB NOT NULL,"
        " created INTEGER NOT NULL, expires INTEGER NOT NULL, object BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX objects_order ON objects(created, id);"
        "CREATE INDEX objects_author ON objects(kind, author, created);"
        "INSERT INTO objects(id, kind, author, created, expires, object)"
        " VALUES(zeroblob(32), 2, zeroblob(32), 7, 8, x'ccdd');"
        "INSERT INTO meta(key, value) VALUES(1, x'aabb');"
        "INSERT INTO log(idx, hash, leaf, opening) VALUES(0, zeroblob(32), 'leaf', '');");
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK(sql_number("PRAGMA user_version") == newest);
    CHECK(sql_number("SELECT count(*) FROM epochs WHERE key = zeroblob(32)") == 1);
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_get(store, STORE_COMMUNITY, &value));
    CHECK(value.len == 2 && value.at[0] == 0xaa);
    CHECK_ERR(ERR_OK, store_leaf_count(store, &count));
    CHECK_ERR(ERR_OK, store_node_get(store, 0, 0, &hash));
    CHECK(count == 1);
    struct store_object object;
    CHECK_ERR(ERR_OK, store_object_get(store, &(struct id){{0}}, &object));
    CHECK(object.kind == OBJECT_MEMBER && object.created.ms == 7 && object.expires.ms == 8);
    CHECK(bytes_equal(object.object, (struct bytes){(const uint8_t[]){0xcc, 0xdd}, 2}));
    struct store_delivered delivered;
    struct collected_place places[CONTROL_PLACES_MAX];
    size_t place_count = 0;
    CHECK_ERR(ERR_OK, store_delivered_get(store, &(struct id){{0}}, &delivered));
    CHECK(delivered.told == TOLD_RECEIVED);
    CHECK_ERR(ERR_OK, store_places(store, &(struct id){{0}}, places, &place_count));
    CHECK(place_count == 1);
    CHECK(strcmp(places[0].place, ":/srv/e/stoop-4F2A-91-9c") == 0);
    struct store_epoch epoch;
    CHECK_ERR(ERR_OK, store_epoch_get(store, &(struct id){{0}}, &epoch));
    CHECK(epoch.since.ms == 2 && epoch.key[0] == 0);
    CHECK_ERR(ERR_USER_NOT_FOUND, store_epoch_get(store, &(struct id){{1}}, &epoch));
    const struct sign_public log = {{1}};
    CHECK_ERR(ERR_USER_NOT_FOUND,
              store_witnessed_get(store, &log, &value)); /* the new table is there */
    CHECK_ERR(ERR_OK, store_commit(store));
    store_close(store);
}

#define EIGHT_OF(hex) hex hex hex hex hex hex hex hex
#define ID_OF(hex) "x'" EIGHT_OF(hex) EIGHT_OF(hex) EIGHT_OF(hex) EIGHT_OF(hex) "'"
#define OWN ID_OF("11")
#define OTHER ID_OF("22")
#define GONE ID_OF("33")
#define AUTHOR ID_OF("aa")

/* One of our own that was matched, another's that was taken back, and one that is gone. */
static void test_what_was_kept_of_requests_apart_is_kept(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store_request row;
    struct instant delete_by;
    char back[48];
    struct id own = {{0}};
    struct id other = {{0}};
    struct id gone = {{0}};
    struct id author = {{0}};
    memset(own.b, 0x11, sizeof own.b);
    memset(other.b, 0x22, sizeof other.b);
    memset(gone.b, 0x33, sizeof gone.b);
    memset(author.b, 0xaa, sizeof author.b);
    CHECK_ERR(ERR_OK, store_open(path, &store));
    store_close(store);
    (void)snprintf(back, sizeof back, "PRAGMA user_version = %d",
                   sql_number("PRAGMA user_version") - 5);
    sql(requests_apart);
    sql(back);
    sql("INSERT INTO objects(id, kind, author, created, expires, object)"
        " VALUES(" OWN ", 5, " AUTHOR ", 1, 9, x''), (" OTHER ", 5, " AUTHOR ", 1, 9, x'');"
        "INSERT INTO requests(id, ours, matched, log_index, sealed_key, taken_back)"
        " VALUES(" OWN ", 1, 1, 7, x'abcd', x''), (" OTHER ", 0, 0, 8, x'', " GONE ");"
        "INSERT INTO asked(request, author, delete_by)"
        " VALUES(" GONE ", " AUTHOR ", 70), (" OTHER ", " AUTHOR ", 80);");
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_request_get(store, &own, &row));
    CHECK(row.ours && row.matched && row.log_index == 7 && id_is_zero(&row.taken_back_by));
    CHECK(row.sealed_key.len == 2 && row.sealed_key.at[0] == 0xab);
    CHECK_ERR(ERR_OK, store_request_get(store, &other, &row));
    CHECK(!row.ours && !row.matched && row.log_index == 8 && row.sealed_key.len == 0);
    CHECK(id_equal(&row.taken_back_by, &gone));
    CHECK_ERR(ERR_OK, store_asked_get(store, &gone, &author, &delete_by));
    CHECK(delete_by.ms == 70);
    CHECK_ERR(ERR_USER_NOT_FOUND, store_asked_get(store, &other, &author, &delete_by));
    CHECK_ERR(ERR_OK, store_object_remove(store, &other));
    CHECK_ERR(ERR_OK, store_asked_get(store, &other, &author, &delete_by));
    CHECK(delete_by.ms == 80);
    CHECK_ERR(ERR_USER_NOT_FOUND, store_asked_get(store, &other, &other, &delete_by));
    store_roll_back(store);
    store_close(store);
}

static enum err count_roll(void *context, const struct id *treaty, struct bytes roll) {
    size_t *count = context;
    CHECK(roll.len == 2 && roll.at[0] == treaty->b[0]);
    (*count)++;
    return ERR_OK;
}

/* More of them than a row's values have room for. */
static void test_rolls_and_what_carried_are_kept_one_each(void **state) {
    (void)state;
    struct store *store = NULL;
    struct id id = {{0}};
    struct id found;
    size_t count = 0;
    const struct id gateway = {{7}};
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint8_t i = 1; i <= 40; i++) {
        const uint8_t roll[] = {i, 1};
        id.b[0] = i;
        CHECK_ERR(ERR_OK, store_far_roll_put(store, &id, 0, (struct bytes){roll, 1}));
        CHECK_ERR(ERR_OK, store_far_roll_put(store, &id, 0, BYTES_OF(roll)));
    }
    CHECK_ERR(ERR_OK, store_far_roll_remove(store, &id));
    CHECK_ERR(ERR_OK, store_far_roll_each(store, count_roll, &count));
    CHECK(count == 39);
    const struct store_object row = {.id = {{9}}, .kind = OBJECT_CROSSING, .author = gateway};
    CHECK_ERR(ERR_OK, store_object_add(store, &row));
    CHECK_ERR(ERR_USER_NOT_FOUND, store_carried_get(store, &gateway, &id, &found));
    CHECK_ERR(ERR_OK, store_carried_put(store, &row.id, &gateway, &id));
    CHECK_ERR(ERR_OK, store_carried_get(store, &gateway, &id, &found));
    CHECK(id_equal(&found, &row.id));
    CHECK_ERR(ERR_OK, store_object_remove(store, &row.id)); /* it goes with its crossing */
    CHECK_ERR(ERR_USER_NOT_FOUND, store_carried_get(store, &gateway, &id, &found));
    CHECK_ERR(ERR_OK, store_commit(store));
    store_close(store);
}

static void test_a_newer_file_is_refused_and_left_alone(void **state) {
    (void)state;
    struct store *store = NULL;
    CHECK_ERR(ERR_OK, store_open(path, &store));
    store_close(store);
    int newest = sql_number("PRAGMA user_version");
    char back[48];
    sql("PRAGMA user_version = 999");
    CHECK_ERR(ERR_HOST_SCHEMA, store_open(path, &store));
    CHECK(sql_number("PRAGMA user_version") == 999);
    (void)snprintf(back, sizeof back, "PRAGMA user_version = %d", newest);
    sql(back);
}

static void test_a_file_that_is_no_database_is_refused(void **state) {
    (void)state;
    char other[96];
    struct store *store = NULL;
    (void)snprintf(other, sizeof other, "%s/other.db", folder);
    FILE *file = fopen(other, "we");
    CHECK(file != NULL && fputs("this is no database, and longer than its magic", file) >= 0);
    CHECK(fclose(file) == 0);
    CHECK(store_open(other, &store) != ERR_OK);
    CHECK(unlink(other) == 0);
}

/* Shredding a clip is deleting its header: not a byte of it may stay, in database or log. */
static void test_a_shredded_header_is_gone_from_every_file(void **state) {
    (void)state;
    struct store *store = NULL;
    uint8_t header[3000];
    uint8_t keep[64];
    struct store_clip clip = {.clip = {{1}},
                              .request = {{2}},
                              .state = CLIP_OPEN,
                              .payload_size = 99,
                              .header = BYTES_OF(header),
                              .manifest = BYTES_OF(header)};
    random_bytes(header, sizeof header);
    memcpy(keep, header + 1500, sizeof keep);
    CHECK_ERR(ERR_OK, store_open(path, &store));
    for (uint8_t i = 0; i < 40; i++) { /* among others, so that pages are shared and move */
        clip.clip.b[1] = i;
        clip.header.len = 200 + (size_t)i * 70;
        CHECK_ERR(ERR_OK, store_begin(store));
        CHECK_ERR(ERR_OK, store_clip_add(store, &clip));
        CHECK_ERR(ERR_OK, store_commit(store));
    }
    CHECK(found_on_disk(BYTES_OF(keep)) > 0);
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint8_t i = 0; i < 40; i++) {
        clip.clip.b[1] = i;
        CHECK_ERR(ERR_OK, store_clip_shred(store, &clip.clip));
    }
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK_ERR(ERR_OK, store_shred_barrier(store));
    for (size_t at = 0; at + 24 <= sizeof header; at += 8) {
        CHECK(found_on_disk((struct bytes){header + at, 24}) == 0);
    }
    store_close(store);
}

/* A community's certificates are some kilobyte each, and so is what they take. */
static void test_an_object_takes_little_more_than_its_bytes(void **state) {
    (void)state;
    enum {
        COUNT = 500,
        BYTES = 1000,
    };
    struct store *store = NULL;
    uint8_t bytes[BYTES];
    struct store_object object = {.kind = OBJECT_MEMBER, .object = BYTES_OF(bytes)};
    CHECK_ERR(ERR_OK, store_open(path, &store));
    int before = sql_number("PRAGMA page_count") * sql_number("PRAGMA page_size");
    CHECK_ERR(ERR_OK, store_begin(store));
    for (int i = 0; i < COUNT; i++) {
        random_bytes(bytes, sizeof bytes);
        random_bytes(object.id.b, sizeof object.id.b);
        object.created.ms = i;
        CHECK_ERR(ERR_OK, store_object_add(store, &object));
        CHECK_ERR(ERR_OK, store_object_add(store, &object)); /* the same: nothing */
    }
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK(sql_number("SELECT count(*) FROM objects WHERE kind = 2 AND expires = 0") == COUNT);
    int after = sql_number("PRAGMA page_count") * sql_number("PRAGMA page_size");
    CHECK(after - before < COUNT * BYTES * 3 / 2);
    store_close(store);
    sql("DELETE FROM objects");
}

static void test_a_replaced_value_is_gone_too(void **state) {
    (void)state;
    struct store *store = NULL;
    uint8_t secret[32];
    random_bytes(secret, sizeof secret);
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_put(store, STORE_JOIN, BYTES_OF(secret)));
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK(found_on_disk(BYTES_OF(secret)) > 0);
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_remove(store, STORE_JOIN));
    CHECK_ERR(ERR_OK, store_commit(store));
    CHECK_ERR(ERR_OK, store_shred_barrier(store));
    CHECK(found_on_disk(BYTES_OF(secret)) == 0);
    store_close(store);
}

static void test_what_is_rolled_back_never_was(void **state) {
    (void)state;
    struct store *store = NULL;
    struct bytes value;
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_OK, store_put(store, STORE_LOG_KEY, BYTES_TEXT("x")));
    store_roll_back(store);
    CHECK_ERR(ERR_OK, store_begin(store));
    CHECK_ERR(ERR_USER_NOT_FOUND, store_get(store, STORE_LOG_KEY, &value));
    store_close(store); /* with the transaction open */
}

static void test_a_node_has_so_many_logs_witnessed_and_no_more(void **state) {
    (void)state;
    struct store *store = NULL;
    struct bytes note;
    struct sign_public log = {{1}};
    struct sign_public node = {{2}};
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    for (int i = 0; i < STORE_LOGS_OF_ONE; i++) {
        log.b[1] = (uint8_t)i;
        CHECK_ERR(ERR_OK, store_witnessed_put(store, &log, &node, BYTES_TEXT("first")));
    }
    CHECK_ERR(ERR_OK, store_witnessed_put(store, &log, &node, BYTES_TEXT("second"))); /* it grows */
    CHECK_ERR(ERR_OK, store_witnessed_get(store, &log, &note));
    CHECK(bytes_equal(note, BYTES_TEXT("second")));
    log.b[1] = STORE_LOGS_OF_ONE;
    CHECK_ERR(ERR_FULL_TABLE, store_witnessed_put(store, &log, &node, BYTES_TEXT("more")));
    node.b[0] = 3;
    CHECK_ERR(ERR_OK, store_witnessed_put(store, &log, &node, BYTES_TEXT("another's")));
    CHECK_ERR(ERR_OK, store_commit(store));
    store_close(store);
}

struct seen {
    size_t count;
    uint8_t first[16]; /* byte of each id, as they came */
};

static enum err visit_call(void *context, const struct store_object *row) {
    struct seen *seen = context;
    CHECK(seen->count < sizeof seen->first);
    seen->first[seen->count++] = row->id.b[0];
    return ERR_OK;
}

static void test_a_request_has_its_newest_calls_first_and_so_many(void **state) {
    (void)state;
    struct store *store = NULL;
    struct store_call call = {.request = {{7}}};
    struct seen seen = {0};
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint8_t i = 0; i < 12; i++) {
        call.author = call.call = (struct id){{(uint8_t)(i + 1)}};
        call.created.ms = 100 + i;
        const struct store_object object = {.id = call.call,
                                            .kind = OBJECT_CALL_BACK,
                                            .author = call.author,
                                            .created = call.created,
                                            .expires = {1000},
                                            .object = BYTES_TEXT("signed")};
        CHECK_ERR(ERR_OK, store_object_add(store, &object));
        CHECK_ERR(ERR_OK, store_call_put(store, &call));
    }
    CHECK_ERR(ERR_OK, store_object_remove(store, &call.call)); /* the newest of all */
    CHECK_ERR(ERR_OK, store_call_expire(store));
    CHECK_ERR(ERR_USER_NOT_FOUND, store_call_get(store, &call.request, &call.author, &call));
    CHECK_ERR(ERR_OK, store_call_each(store, &call.request, CALLS_SHOWN_MAX, visit_call, &seen));
    CHECK(seen.count == CALLS_SHOWN_MAX && seen.first[0] == 11 && seen.first[7] == 4);
    store_roll_back(store);
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_old_file_is_brought_forward_and_keeps_what_it_has),
        cmocka_unit_test(test_what_was_kept_of_requests_apart_is_kept),
        cmocka_unit_test(test_a_newer_file_is_refused_and_left_alone),
        cmocka_unit_test(test_rolls_and_what_carried_are_kept_one_each),
        cmocka_unit_test(test_a_file_that_is_no_database_is_refused),
        cmocka_unit_test(test_a_shredded_header_is_gone_from_every_file),
        cmocka_unit_test(test_an_object_takes_little_more_than_its_bytes),
        cmocka_unit_test(test_a_replaced_value_is_gone_too),
        cmocka_unit_test(test_what_is_rolled_back_never_was),
        cmocka_unit_test(test_a_request_has_its_newest_calls_first_and_so_many),
        cmocka_unit_test(test_a_node_has_so_many_logs_witnessed_and_no_more),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
