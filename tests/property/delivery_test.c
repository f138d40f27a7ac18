/* Deliveries through every kind of trouble, at random: runs in fragments, work in any order, broken
 * links, power cuts, a disk that is full for a while, bytes that were changed on the way. The model
 * (tests/support/delivery.c) holds each write and each durable byte against the payload; in the
 * calm that follows the delivery must be done. */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/delivery.h"

enum {
    RUNS = 60,
    STEPS = 1500,
};

static uint64_t seed;

static uint64_t below(uint64_t limit) { /* splitmix64 */
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static void carry_changed(struct delivery *d) {
    struct delivery_item *item = &d->wire[0];
    bool bulk = d->wire_count > 0 && item->kind == ITEM_BULK;
    bool leaves = d->wire_count > 0 && item->kind == ITEM_LEAVES;
    uint8_t *at = bulk     ? d->sent + item->offset + below(item->bytes)
                  : leaves ? d->leaves[item->first + below(item->count)].b
                           : NULL;
    if (at == NULL) {
        return;
    }
    uint8_t before = *at;
    *at ^= (uint8_t)(1 + below(255));
    (void)delivery_carry(d, TRANSFER_INPUT_MAX);
    *at = before;
}

static void some_trouble(struct delivery *d) {
    switch (below(400)) {
    case 0:
        delivery_break(d);
        break;
    case 1:
        delivery_crash(d);
        break;
    case 2:
        d->disk_fails = d->disk_fails == ERR_OK ? ERR_FULL_DISK : ERR_OK;
        break;
    case 3:
        carry_changed(d);
        break;
    case 4: /* a message twice, or one from nowhere: whatever comes of it, nothing wrong is kept */
        if (d->link != 0) {
            delivery_judge(d, delivery_feed_pieces(d, below(d->pieces), below(200000)));
        }
        break;
    case 5:
        if (d->link != 0) {
            delivery_judge(d, delivery_feed_leaves(d, below(d->pieces), 1 + below(4)));
        }
        break;
    default:
        break;
    }
}

static void one_delivery(uint64_t number) {
    struct delivery d;
    seed = number;
    uint64_t full_pieces = below(60);
    delivery_start(&d, PAYLOAD_MIN + full_pieces * PIECE_CHUNK + below(PIECE_CHUNK));
    for (size_t i = 0; i < STEPS && !d.done; i++) {
        some_trouble(&d);
        switch (below(8)) {
        case 0:
            delivery_pass(&d, (int64_t)below(500));
            break;
        case 1:
        case 2:
            (void)delivery_work(&d, (size_t)below(4));
            break;
        default:
            (void)delivery_carry(&d, 1 + (size_t)below(TRANSFER_INPUT_MAX));
            break;
        }
    }
    d.disk_fails = ERR_OK;
    CHECK(delivery_run(&d, 200000));
    CHECK(memcmp(d.on_disk, d.payload, (size_t)d.size) == 0);
    delivery_finish(&d);
}

static void test_a_delivery_survives_any_trouble_and_keeps_only_what_was_granted(void **state) {
    (void)state;
    for (uint64_t i = 0; i < RUNS; i++) {
        one_delivery(i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_delivery_survives_any_trouble_and_keeps_only_what_was_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
