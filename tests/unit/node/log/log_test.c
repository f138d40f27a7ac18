/* The log engine (PROTOCOL 8). */
#include <stdio.h>
#include <string.h>

#include "node/log/log.h"
#include "tests/support/check.h"

enum {
    SLOT_MS = 60 * 1000,
    START_MS = 5000,
};

#define WALL_MS INT64_C(1795554600000) /* 2026-11-24T21:10:00Z */
#define LINE(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const uint8_t salt[LOG_SALT_BYTES] = {5, 4, 3};

/* `slots` slot lengths after the start, with the wall clock in step. */
static struct now after(double slots) {
    int64_t ms = (int64_t)(slots * SLOT_MS);
    return (struct now){{WALL_MS + ms}, {START_MS + ms}};
}

static struct log *create(void) {
    struct log *log = log_create(after(0));
    CHECK(log != NULL);
    CHECK(crypto_start());
    return log;
}

static struct log_entry entry(enum log_kind kind, uint64_t number) {
    return (struct log_entry){.kind = kind,
                              .at = {WALL_MS},
                              .a = {{(uint8_t)(number >> 8), (uint8_t)number, 1}},
                              .numbers = {number}};
}

static bool same(const struct log_entry *a, const struct log_entry *b) {
    return a->kind == b->kind && a->at.ms == b->at.ms && id_equal(&a->a, &b->a) &&
           id_equal(&a->b, &b->b) && memcmp(a->numbers, b->numbers, sizeof a->numbers) == 0;
}

static struct bytes opening_of(const struct log_slot *slot) {
    return (struct bytes){slot->opening, slot->opening_len};
}

static struct bytes leaf_of(const struct log_leaf *leaf) {
    return (struct bytes){(const uint8_t *)leaf->text, leaf->len};
}

static void wait_for_slot(struct log *log, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct log_entry one = entry(LOG_MATCH, i);
        CHECK_ERR(ERR_OK, log_wait(log, &one));
    }
}

static void test_each_kind_comes_back_from_its_one_line(void **state) {
    (void)state;
    size_t privates = 0;
    for (enum log_kind kind = LOG_STARTED; kind <= LOG_DISCARDED; kind++) {
        const struct log_entry cases[] = {
            {.kind = kind, .at = {0}},
            {.kind = kind, .at = {WALL_MS}, .a = {{1}}},
            {.kind = kind,
             .at = {INSTANT_MAX_MS},
             .a = {{0xff}},
             .b = {{0, 7}},
             .numbers = {UINT64_MAX, UINT64_MAX, UINT64_MAX}},
        };
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            char line[LOG_LEAF_MAX];
            struct log_entry got;
            log_entry_write(&cases[i], line);
            CHECK_ERR(ERR_OK, log_entry_read(BYTES_TEXT(line), &got));
            CHECK(same(&got, &cases[i]));
        }
        privates += log_kind_private(kind) ? 1 : 0;
    }
    CHECK(privates == 14); /* all that depends on cameras, footage or decisions */
}

static void test_no_other_line_is_an_entry(void **state) {
    (void)state;
    static const struct bytes lines[] = {
        LINE(""),
        LINE("started"),
        LINE("started 2026-11-24T21:10:00Z"),
        LINE("started 2026-11-24T21:10:00Z a=- b=-"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,0 "),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,0\n"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,0\0"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,00"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,-1"),
        LINE("started 2026-11-24T21:10:00Z a=- b=- n=0,0,18446744073709551616"),
        LINE("started 2026-11-24T21:10:00+00:00 a=- b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00.000Z a=- b=- n=0,0,0"),
        LINE("started 2026-11-24 21:10:00 a=- b=- n=0,0,0"),
        LINE("started  2026-11-24T21:10:00Z a=- b=- n=0,0,0"),
        LINE("Started 2026-11-24T21:10:00Z a=- b=- n=0,0,0"),
        LINE("slot 2026-11-24T21:10:00Z a=- b=- n=0,0,0"),
        LINE("ended 2026-11-24T21:10:00Z a=- b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z b=- a=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z a=" A64 "aa b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z a=aa b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z a=A" A64 " b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z a="
             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA b=- n=0,0,0"),
        LINE("started 2026-11-24T21:10:00Z a="
             "0000000000000000000000000000000000000000000000000000000000000000 b=- n=0,0,0"),
    };
    struct log_entry got;
    CHECK_ERR(ERR_OK,
              log_entry_read(LINE("started 2026-11-24T21:10:00Z a=" A64 " b=- n=0,0,7"), &got));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (log_entry_read(lines[i], &got) != ERR_PEER_MALFORMED) {
            fail_msg("read: %.*s", (int)lines[i].len, (const char *)lines[i].at);
        }
    }
}

/* Whoever counts or measures leaves learns nothing (P2, PROTOCOL 8.2). */
static void test_busy_and_idle_slots_look_the_same(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 3, LOG_SLOT_ENTRIES_MAX};
    struct log *log = create();
    static struct log_slot slot;
    struct log_slot_leaf read;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        wait_for_slot(log, counts[i]);
        CHECK(log_size(log) == i); /* waiting shows nowhere */
        CHECK(log_close_slot(log, after((double)i + 1), salt, &slot));
        CHECK(log_size(log) == i + 1);
        CHECK(slot.count == counts[i] && slot.leaf.index == i);
        CHECK(slot.leaf.len == LOG_SLOT_LEAF_BYTES);
        CHECK_ERR(ERR_OK, log_slot_read(leaf_of(&slot.leaf), &read));
        CHECK(read.number == i + 1 && read.at.ms == after((double)i + 1).wall.ms);
        CHECK(strstr(slot.leaf.text, "match") == NULL);
        CHECK(log_slot_verify(leaf_of(&slot.leaf), opening_of(&slot)));
    }
    log_destroy(log);
}

static void test_two_empty_slots_differ_by_their_salt_alone(void **state) {
    (void)state;
    uint8_t other[LOG_SALT_BYTES];
    struct id one;
    struct id two;
    memcpy(other, salt, sizeof other);
    other[31] ^= 1;
    log_slot_commit(BYTES_OF(salt), &one);
    log_slot_commit(BYTES_OF(other), &two);
    CHECK(!id_equal(&one, &two));
    /* "stoop slot v1" || salt || SHA-256("") */
    uint8_t message[13 + 32 + 32] = "stoop slot v1";
    struct id empty;
    struct id expected;
    sha256((struct bytes){NULL, 0}, &empty);
    memcpy(message + 13, salt, 32);
    memcpy(message + 45, empty.b, 32);
    sha256(BYTES_OF(message), &expected);
    CHECK(id_equal(&one, &expected));
}

static void test_an_opening_verifies_only_as_it_was_committed(void **state) {
    (void)state;
    struct log *log = create();
    static struct log_slot slot;
    static uint8_t changed[LOG_OPENING_MAX];
    wait_for_slot(log, 2);
    CHECK(log_close_slot(log, after(1), salt, &slot));
    struct bytes leaf = leaf_of(&slot.leaf);
    struct bytes good = opening_of(&slot);
    CHECK(log_slot_verify(leaf, good));
    for (size_t i = 0; i < good.len; i++) {
        memcpy(changed, good.at, good.len);
        changed[i] ^= 1;
        CHECK(!log_slot_verify(leaf, (struct bytes){changed, good.len}));
        CHECK(!log_slot_verify(leaf, (struct bytes){good.at, i}));
    }
    struct bytes rest = {good.at + LOG_SALT_BYTES, good.len - LOG_SALT_BYTES};
    struct log_entry got;
    for (size_t i = 0; i < slot.count; i++) {
        CHECK(log_opening_next(&rest, &got));
        CHECK(same(&got, &slot.entries[i]));
    }
    CHECK(!log_opening_next(&rest, &got) && rest.len == 0);
    log_destroy(log);
}

/* The leaf may be the forger's own: a commitment to other things is no opening either. */
static void test_an_opening_holds_private_entries_and_nothing_else(void **state) {
    (void)state;
    static const struct {
        const char *entries;
        bool good;
    } cases[] = {
        {"", true},
        {"match 2026-11-24T21:10:00Z a=- b=- n=0,0,0\n", true},
        {"match 2026-11-24T21:10:00Z a=- b=- n=0,0,0", false},
        {"match 2026-11-24T21:10:00Z a=- b=- n=0,0,0\n\n", false},
        {"started 2026-11-24T21:10:00Z a=- b=- n=0,0,0\n", false},
        {"a note to myself\n", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t opening[128] = {9};
        char hex[65];
        char leaf[LOG_LEAF_MAX];
        struct id commitment;
        size_t len = strlen(cases[i].entries);
        memcpy(opening + LOG_SALT_BYTES, cases[i].entries, len);
        struct bytes whole = {opening, LOG_SALT_BYTES + len};
        log_slot_commit(whole, &commitment);
        hex_write(BYTES_OF(commitment.b), hex);
        (void)snprintf(leaf, sizeof leaf, "slot 2026-11-24T21:10:00Z 0000000001 %s", hex);
        CHECK(log_slot_verify(BYTES_TEXT(leaf), whole) == cases[i].good);
        leaf[3] = 'T';
        CHECK(!log_slot_verify(BYTES_TEXT(leaf), whole));
        (void)snprintf(leaf, sizeof leaf, "slot 2026-11-24T21:10:00Z 000000000x %s", hex);
        CHECK(!log_slot_verify(BYTES_TEXT(leaf), whole));
        (void)snprintf(leaf, sizeof leaf, "slot 2026-11-31T21:10:00Z 0000000001 %s", hex);
        CHECK(!log_slot_verify(BYTES_TEXT(leaf), whole));
    }
}

static void test_what_does_not_fit_waits_for_the_next_slot_in_order(void **state) {
    (void)state;
    struct log *log = create();
    static struct log_slot slot;
    struct log_entry one_more = entry(LOG_SHRED, 0);
    uint64_t next = 0;
    for (int round = 0; round < 3; round++) { /* so that the ring wraps */
        next = 0;
        wait_for_slot(log, LOG_WAITING_MAX);
        CHECK_ERR(ERR_FULL_QUEUE, log_wait(log, &one_more));
        for (int i = 0; i < LOG_WAITING_MAX / LOG_SLOT_ENTRIES_MAX; i++) {
            CHECK(log_close_slot(log, after(round * 4 + i + 1), salt, &slot));
            CHECK(slot.count == LOG_SLOT_ENTRIES_MAX);
            for (size_t k = 0; k < slot.count; k++) {
                CHECK(slot.entries[k].numbers[0] == next++);
            }
        }
        CHECK(log_waiting(log) == 0);
    }
    CHECK_ERR(ERR_OK, log_wait(log, &one_more));
    log_destroy(log);
}

static void test_a_slot_closes_when_due_and_once(void **state) {
    (void)state;
    struct log *log = create();
    static struct log_slot slot;
    CHECK(log_deadline(log).ms == after(1).mono.ms);
    CHECK(!log_close_slot(log, after(0.99), salt, &slot));
    CHECK(log_close_slot(log, after(1.5), salt, &slot));
    CHECK(!log_close_slot(log, after(1.5), salt, &slot));
    CHECK(log_deadline(log).ms == after(2).mono.ms); /* lateness does not add up */
    log_set_slot_length(log, (struct duration){LOG_SLOT_LENGTH_MIN_MS}, after(1.5));
    CHECK(log_deadline(log).ms == after(1.5).mono.ms + LOG_SLOT_LENGTH_MIN_MS);
    log_destroy(log);
}

/* A computer that slept ten slots adds one leaf, not ten (PROTOCOL 8.2). */
static void test_missed_slots_stay_missing(void **state) {
    (void)state;
    struct log *log = create();
    static struct log_slot slot;
    CHECK(log_close_slot(log, after(10.5), salt, &slot));
    CHECK(slot.number == 1);
    CHECK(!log_close_slot(log, after(10.5), salt, &slot));
    CHECK(log_deadline(log).ms == after(11.5).mono.ms);
    log_destroy(log);
}

static void test_slot_numbers_rise_whatever_the_wall_clock_does(void **state) {
    (void)state;
    static const int64_t walls[] = {WALL_MS, 0, INT64_MIN, INT64_MAX, INSTANT_MAX_MS, WALL_MS};
    struct log *log = create();
    static struct log_slot slot;
    struct log_slot_leaf read;
    log_load_slot(log, 41);
    for (size_t i = 0; i < COUNT_OF(walls); i++) {
        struct now now = {{walls[i]}, after((double)i + 1).mono};
        CHECK(log_close_slot(log, now, salt, &slot));
        CHECK_ERR(ERR_OK, log_slot_read(leaf_of(&slot.leaf), &read));
        CHECK(read.number == 42 + i && slot.number == 42 + i);
    }
    log_destroy(log);
}

/* Kill the node between step and commit: what it signed before is still true (P12). */
static void test_a_checkpoint_covers_committed_leaves_only(void **state) {
    (void)state;
    const uint8_t seed[32] = {3};
    struct log *log = create();
    struct sign_secret secret;
    struct note_key key = {.name = "stoop.log/0011223344556677"};
    struct log_entry started = entry(LOG_STARTED, 0);
    struct log_leaf leaf;
    struct checkpoint got;
    struct id before;
    struct id root;
    char note[NOTE_MAX];
    sign_from_seed(seed, &secret, &key.key);
    log_append(log, &started, &leaf);
    log_committed(log);
    log_root(log, &before);
    log_append(log, &started, &leaf);
    CHECK(leaf.index == 1 && log_size(log) == 2 && log_committed_size(log) == 1);

    CHECK_ERR(ERR_OK, log_checkpoint(log, key.name, &secret, note));
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &key, &got));
    CHECK(got.size == 1 && id_equal(&got.root, &before));
    assert_string_equal(key.name, got.origin);

    log_committed(log);
    log_root(log, &root);
    CHECK_ERR(ERR_OK, log_checkpoint(log, key.name, &secret, note));
    CHECK_ERR(ERR_OK, checkpoint_verify(BYTES_TEXT(note), &key, &got));
    CHECK(got.size == 2 && id_equal(&got.root, &root));
    log_destroy(log);
}

static void test_stored_hashes_make_the_same_log_again(void **state) {
    (void)state;
    struct log *log = create();
    struct log *again = create();
    static struct log_slot slot;
    struct merkle_edge edge = {0};
    struct id roots[2];
    for (uint64_t i = 0; i < 300; i++) {
        struct log_leaf leaf;
        struct log_entry seen = entry(LOG_REQUEST_SEEN, i);
        struct id hash;
        if (i % 3 == 0) {
            CHECK(log_close_slot(log, after((double)i + 1), salt, &slot));
            leaf = slot.leaf;
        } else {
            log_append(log, &seen, &leaf);
        }
        merkle_leaf(leaf_of(&leaf), &hash);
        CHECK(leaf.index == i && id_equal(&hash, &leaf.hash));
        merkle_append(&edge, &hash);
        log_load(again, &edge);
        CHECK(log_size(again) == log_size(log) && log_committed_size(again) == log_size(log));
        log_root(log, &roots[0]);
        log_root(again, &roots[1]);
        CHECK(id_equal(&roots[0], &roots[1]));
    }
    log_destroy(log);
    log_destroy(again);
    log_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_comes_back_from_its_one_line),
        cmocka_unit_test(test_no_other_line_is_an_entry),
        cmocka_unit_test(test_busy_and_idle_slots_look_the_same),
        cmocka_unit_test(test_two_empty_slots_differ_by_their_salt_alone),
        cmocka_unit_test(test_an_opening_verifies_only_as_it_was_committed),
        cmocka_unit_test(test_an_opening_holds_private_entries_and_nothing_else),
        cmocka_unit_test(test_what_does_not_fit_waits_for_the_next_slot_in_order),
        cmocka_unit_test(test_a_slot_closes_when_due_and_once),
        cmocka_unit_test(test_missed_slots_stay_missing),
        cmocka_unit_test(test_slot_numbers_rise_whatever_the_wall_clock_does),
        cmocka_unit_test(test_a_checkpoint_covers_committed_leaves_only),
        cmocka_unit_test(test_stored_hashes_make_the_same_log_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
