/* The store: old files are brought forward, newer ones refused, and what is shredded is gone from
 * the files as well (PROTOCOL 1.2, P10, P12). */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store/parts.h"
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

/* A file of version 7 goes through the steps that it lacks, and keeps what it has. */
static void test_an_old_file_is_brought_forward_and_keeps_what_it_has(void **state) {
    (void)state;
    static const char *const steps[] = {
        "CREATE TABLE kept(value INTEGER NOT NULL)",
        "ALTER TABLE kept ADD COLUMN more INTEGER NOT NULL DEFAULT 3",
        "UPDATE kept SET more = more + value",
    };
    char file[112];
    struct sql base = {.db = NULL};
    (void)snprintf(file, sizeof file, "%s/steps.db", folder);
    CHECK_ERR(ERR_OK, sql_open(&base, file, ""));
    CHECK_ERR(ERR_OK, sql_migrate(&base, &(struct sql_schema){7, steps, 1}));
    CHECK_ERR(ERR_OK, sql_run(&base, "INSERT INTO kept(value) VALUES(4)"));
    for (int again = 0; again < 2; again++) {
        CHECK_ERR(ERR_OK, sql_migrate(&base, &(struct sql_schema){7, steps, 3}));
        SCOPED(query_finish) struct query row = query_start(&base, "SELECT more FROM kept");
        CHECK_ERR(ERR_OK, query_row(&row));
        CHECK(sqlite3_column_int(row.statement, 0) == 7);
    }
    CHECK_ERR(ERR_HOST_SCHEMA, sql_migrate(&base, &(struct sql_schema){7, steps, 2}));
    CHECK_ERR(ERR_HOST_SCHEMA, sql_migrate(&base, &(struct sql_schema){10, steps, 3}));
    sql_close(&base);
    CHECK(unlink(file) == 0);
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

static enum err count_object(void *context, const struct store_object *row) {
    size_t *count = context;
    CHECK(read_u32(row->id.b) % 100 == *count); /* as they came */
    (*count)++;
    return ERR_OK;
}

static int count_step(void *context) {
    (*(size_t *)context)++;
    return 0;
}

/* Those of a kind are looked for at every upkeep, and are few among thousands of another. */
static void test_objects_of_one_kind_are_found_without_the_rest(void **state) {
    (void)state;
    enum {
        OTHERS = 8000
    };
    struct store *store = NULL;
    size_t count = 0;
    size_t steps = 0;
    CHECK_ERR(ERR_OK, store_open(path, &store));
    CHECK_ERR(ERR_OK, store_begin(store));
    for (uint32_t i = 0; i < OTHERS; i++) {
        struct store_object row = {.kind = i % 100 == i / 100 ? OBJECT_GATEWAY : OBJECT_ROLL};
        write_u32(row.id.b, i);
        CHECK_ERR(ERR_OK, store_object_add(store, &row));
    }
    sqlite3_progress_handler(store->sql.db, 1, count_step, &steps);
    CHECK_ERR(ERR_OK, store_object_each(store, OBJECT_GATEWAY, count_object, &count));
    CHECK(count == OTHERS / 100 && steps < OTHERS);
    sqlite3_progress_handler(store->sql.db, 0, NULL, NULL);
    store_roll_back(store);
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
    sql("PRAGMA user_version = 1"); /* nor one from before the first release */
    CHECK_ERR(ERR_HOST_SCHEMA, store_open(path, &store));
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
        cmocka_unit_test(test_objects_of_one_kind_are_found_without_the_rest),
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
