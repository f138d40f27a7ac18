/* The ordered set against a sorted array without doubles: every answer after every change, keys in
 * rising, falling, random and colliding orders, and removals that leave nodes nearly empty. */
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#include "node/overlay/set.h"

enum {
    KEYS = 3000,
    CHANGES = 16000,
};

struct model {
    size_t count;
    struct sync_item items[KEYS];
};

static struct sync_item keys[KEYS];
static struct model model;
static uint64_t seed;

static uint64_t below(uint64_t limit) { /* splitmix64 */
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static void draw_keys(uint64_t times) {
    for (size_t i = 0; i < KEYS; i++) {
        keys[i].key.created.ms = (int64_t)below(times);
        keys[i].expires.ms = (int64_t)below(1000);
        for (size_t b = 0; b < sizeof keys[i].key.id.b; b++) {
            keys[i].key.id.b[b] = below(2) == 0 ? 0xff : (uint8_t)below(256);
        }
    }
}

static size_t model_rank(const struct sync_key *key) {
    size_t rank = 0;
    while (rank < model.count && sync_key_compare(&model.items[rank].key, key) < 0) {
        rank++;
    }
    return rank;
}

static bool model_has(const struct sync_key *key) {
    size_t rank = model_rank(key);
    return rank < model.count && sync_key_compare(&model.items[rank].key, key) == 0;
}

static void model_add(const struct sync_item *item) {
    size_t rank = model_rank(&item->key);
    memmove(&model.items[rank + 1], &model.items[rank],
            (model.count - rank) * sizeof model.items[0]);
    model.items[rank] = *item;
    model.count++;
}

static void model_remove(const struct sync_key *key) {
    size_t rank = model_rank(key);
    model.count--;
    memmove(&model.items[rank], &model.items[rank + 1],
            (model.count - rank) * sizeof model.items[0]);
}

/* Byte by byte, little-endian, mod 2^256. */
static void model_sum(size_t from, size_t to, uint8_t sum[32]) {
    memset(sum, 0, 32);
    for (size_t i = from; i < to; i++) {
        unsigned carry = 0;
        for (size_t b = 0; b < 32; b++) {
            carry += (unsigned)sum[b] + model.items[i].key.id.b[b];
            sum[b] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

static void check_sum(const struct sync_set *set, size_t from, size_t to) {
    struct sync_sum got = sync_set_sum(set, from, to);
    uint8_t bytes[32];
    uint8_t wanted[32];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(got.limb[i / 8] >> (i % 8 * 8));
    }
    model_sum(from, to, wanted);
    assert_memory_equal(wanted, bytes, sizeof bytes);
}

static void check_soonest(const struct sync_set *set) {
    int64_t soonest = INT64_MAX;
    for (size_t i = 0; i < model.count; i++) {
        soonest = model.items[i].expires.ms < soonest ? model.items[i].expires.ms : soonest;
    }
    const struct sync_item *got = sync_set_soonest(set);
    CHECK((got == NULL) == (model.count == 0));
    CHECK(got == NULL || got->expires.ms == soonest);
}

static void check_some(const struct sync_set *set) {
    size_t rank = (size_t)below(model.count + 1);
    size_t other = rank + (size_t)below(model.count - rank + 1);
    const struct sync_item *item = sync_set_at(set, rank);
    const struct sync_key *any = &keys[below(KEYS)].key;
    CHECK(sync_set_count(set) == model.count);
    CHECK((item == NULL) == (rank == model.count));
    CHECK(item == NULL || sync_key_compare(&item->key, &model.items[rank].key) == 0);
    CHECK(sync_set_rank(set, any) == model_rank(any));
    CHECK((sync_set_find(set, &any->id) != NULL) == model_has(any));
    check_sum(set, rank, other);
}

static void check_all(const struct sync_set *set) {
    for (size_t i = 0; i < model.count; i++) {
        const struct sync_item *item = sync_set_at(set, i);
        CHECK(item != NULL && sync_key_compare(&item->key, &model.items[i].key) == 0);
        CHECK(sync_set_rank(set, &model.items[i].key) == i);
        CHECK(sync_set_find(set, &item->key.id) == item);
    }
    check_sum(set, 0, model.count);
    check_soonest(set);
}

static void change(struct sync_set *set, size_t which, bool add) {
    const struct sync_item *item = &keys[which];
    bool had = model_has(&item->key);
    if (add) {
        CHECK_ERR(ERR_OK, sync_set_add(set, item));
        if (!had) {
            model_add(item);
        }
    } else {
        CHECK(sync_set_remove(set, &item->key.id) == had);
        if (had) {
            model_remove(&item->key);
        }
    }
}

static void run(uint64_t with_seed, uint64_t times) {
    seed = with_seed;
    model.count = 0;
    draw_keys(times);
    struct sync_set *set = sync_set_create(KEYS, below(UINT64_MAX));
    size_t adds_of_ten = 9;
    for (size_t i = 0; i < CHANGES; i++) {
        if (i % 2000 == 0) { /* now it grows, now it shrinks */
            adds_of_ten = 1 + (size_t)below(9);
            check_all(set);
        }
        change(set, (size_t)below(KEYS), below(10) < adds_of_ten);
        if (i % 16 == 0) {
            check_some(set);
        }
        if (i % 256 == 0) {
            check_soonest(set);
        }
    }
    check_all(set);
    while (model.count > 0) { /* as it is used: what ends soonest goes */
        struct sync_item gone = *sync_set_soonest(set);
        CHECK(sync_set_remove(set, &gone.key.id));
        model_remove(&gone.key);
        if (model.count % 64 == 0) {
            check_some(set);
            check_soonest(set);
        }
    }
    check_all(set);
    CHECK(sync_set_count(set) == 0);
    sync_set_destroy(set);
}

static void test_random_changes_answer_as_the_model_does(void **state) {
    (void)state;
    run(1, UINT64_C(1) << 40); /* every moment its own */
    run(2, 20);                /* many at one moment: the ids decide */
    run(3, 1);
}

static void fill(struct sync_set *set, bool rising) {
    for (size_t i = 0; i < KEYS; i++) {
        struct sync_item *item = &keys[rising ? i : KEYS - 1 - i];
        item->key.created.ms = rising ? (int64_t)i : (int64_t)(KEYS - 1 - i);
        CHECK_ERR(ERR_OK, sync_set_add(set, item));
        model_add(item);
    }
}

static void test_rising_and_falling_orders_and_a_prefix_that_goes(void **state) {
    (void)state;
    for (int rising = 0; rising < 2; rising++) {
        seed = 7;
        model.count = 0;
        draw_keys(1);
        struct sync_set *set = sync_set_create(KEYS, 11);
        fill(set, rising == 1);
        check_all(set);
        for (size_t i = 0; i < KEYS - 100; i++) {
            struct sync_key key = sync_set_at(set, 0)->key;
            CHECK(sync_set_remove(set, &key.id));
        }
        model.count -= KEYS - 100;
        memmove(&model.items[0], &model.items[KEYS - 100], 100 * sizeof model.items[0]);
        check_all(set);
        sync_set_destroy(set);
    }
}

/* One of sixty left in each leaf: what is empty is given back, so that memory is for what is there.
 */
static void test_thinning_out_does_not_hold_memory_for_what_comes(void **state) {
    (void)state;
    seed = 5;
    model.count = 0;
    draw_keys(1);
    struct sync_set *set = sync_set_create(KEYS * 20, 3);
    size_t before = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < KEYS; i++) {
            keys[i].key.created.ms = (int64_t)(i + (size_t)round * KEYS);
            keys[i].key.id.b[0] = (uint8_t)round;
            CHECK_ERR(ERR_OK, sync_set_add(set, &keys[i]));
        }
        before = round == 0 ? sync_set_bytes(set) : before;
        for (size_t i = 0; i < KEYS; i++) {
            CHECK(i % 60 == 0 || sync_set_remove(set, &keys[i].key.id));
        }
    }
    CHECK(sync_set_count(set) == 20 * KEYS / 60);
    CHECK(sync_set_bytes(set) <= 2 * before);
    sync_set_destroy(set);
}

static void test_a_full_set_takes_no_more_and_a_double_changes_nothing(void **state) {
    (void)state;
    seed = 9;
    model.count = 0;
    draw_keys(100);
    struct sync_set *set = sync_set_create(10, 1);
    for (size_t i = 0; i < 10; i++) {
        change(set, i, true);
        CHECK_ERR(ERR_OK, sync_set_add(set, &keys[0]));
    }
    CHECK_ERR(ERR_FULL_TABLE, sync_set_add(set, &keys[10]));
    CHECK_ERR(ERR_OK, sync_set_add(set, &keys[3]));
    check_all(set);
    change(set, 3, false);
    change(set, 10, true);
    check_all(set);
    sync_set_destroy(set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes_answer_as_the_model_does),
        cmocka_unit_test(test_rising_and_falling_orders_and_a_prefix_that_goes),
        cmocka_unit_test(test_thinning_out_does_not_hold_memory_for_what_comes),
        cmocka_unit_test(test_a_full_set_takes_no_more_and_a_double_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
