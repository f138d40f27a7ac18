/* The transfer engine (PROTOCOL 7). */
#include <string.h>

#include "tests/support/check.h"
#include "tests/support/delivery.h"

enum {
    PIECES = 40, /* five blocks */
    SIZE = PIECE_NONCE + (PIECES - 1) * PIECE_CHUNK + 1000,
    STALLED_MS = 120 * 1000,
};

static void start(struct delivery *d) {
    delivery_start(d, SIZE);
    delivery_pass(d, 0); /* dials at once */
    CHECK(d->dials == 1);
}

/* Up to the first run: offered, wanted, leaves sent. */
static void reach_pieces(struct delivery *d) {
    while (d->wire_count == 0 || d->wire[0].kind != ITEM_PIECES) {
        CHECK(delivery_carry(d, TRANSFER_INPUT_MAX));
    }
}

static void test_a_clip_arrives_whole_and_its_header_last(void **state) {
    (void)state;
    struct delivery d;
    const uint64_t sizes[] = {PAYLOAD_MIN,
                              PIECE_MAX - 1,
                              PIECE_MAX,
                              PIECE_MAX + 17,
                              PIECE_NONCE + 8 * PIECE_CHUNK,
                              PIECE_NONCE + 8 * PIECE_CHUNK + 17,
                              SIZE};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        delivery_start(&d, sizes[i]);
        CHECK(delivery_run(&d, 10000));
        CHECK(d.dials == 1);
        CHECK(d.bulk_bytes == d.size);
        CHECK(memcmp(d.on_disk, d.payload, (size_t)d.size) == 0);
        delivery_finish(&d);
    }
}

static void test_the_header_is_not_sent_before_the_payload_is_receipted(void **state) {
    (void)state;
    struct delivery d;
    struct transfer_actions actions;
    struct id grant;
    bool held = true;
    start(&d);
    reach_pieces(&d);
    const enum receipt_kind early[] = {RECEIPT_PAYLOAD, RECEIPT_HEADER};
    for (size_t i = 0; i < COUNT_OF(early); i++) {
        CHECK_ERR(ERR_PEER_SEQUENCE,
                  transfer_take_receipt(d.home, d.link, &d.grant_id, early[i], &actions));
        CHECK(actions.count == 0);
    }
    /* And a header that came now would find that the payload is not held. */
    CHECK(transfer_receiving(d.requester, d.link, &grant, &held));
    CHECK(!held);
    CHECK(delivery_run(&d, 10000));
    delivery_finish(&d);
}

static void test_pieces_that_are_not_on_disk_are_not_receipted(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    while (delivery_carry(&d, TRANSFER_INPUT_MAX)) {
    }
    CHECK(d.bulk_bytes == d.size); /* all of it is here */
    CHECK(!d.held);
    while (d.work_count > 0 && d.works[0].block != NULL) {
        CHECK(delivery_work(&d, 0));
    }
    CHECK(!d.held); /* written, not synced */
    CHECK(d.work_count == 1);
    CHECK(delivery_work(&d, 0));
    CHECK(d.held);
    delivery_finish(&d);
}

static void test_leaves_of_another_tree_are_refused(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    CHECK(delivery_carry(&d, 0)); /* OFFER */
    d.leaves[3].b[0] ^= 1;
    CHECK_ERR(ERR_PEER_TREE, delivery_feed_leaves(&d, 0, PIECES));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_pieces(&d, 0, SIZE)); /* nor is any piece taken */
    d.leaves[3].b[0] ^= 1;
    delivery_break(&d);
    CHECK(delivery_run(&d, 10000));
    CHECK(d.offers == 2);
    delivery_finish(&d);
}

static void test_leaves_come_once_in_order_and_no_more_than_there_are(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    CHECK(delivery_carry(&d, 0));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_leaves(&d, 1, 1));
    CHECK_ERR(ERR_PEER_BOUNDS, delivery_feed_leaves(&d, 0, PIECES + 1));
    CHECK_ERR(ERR_PEER_BOUNDS, delivery_feed_leaves(&d, 0, 0));
    CHECK_ERR(ERR_OK, delivery_feed_leaves(&d, 0, 10));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_leaves(&d, 0, 10));
    CHECK_ERR(ERR_OK, delivery_feed_leaves(&d, 10, PIECES - 10));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_leaves(&d, 0, PIECES));
    delivery_finish(&d);
}

static void test_runs_are_announced_in_order_and_hold_whole_pieces(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    reach_pieces(&d);
    const struct {
        uint64_t first, bytes;
        enum err err;
    } runs[] = {
        {1, PIECE_CHUNK, ERR_PEER_SEQUENCE}, /* the first is missing */
        {PIECES, 1000, ERR_PEER_SEQUENCE},
        {UINT64_MAX, 1000, ERR_PEER_SEQUENCE},
        {0, 0, ERR_PEER_BOUNDS},
        {0, PIECE_CHUNK, ERR_PEER_BOUNDS}, /* 16 bytes short of a piece */
        {0, PIECE_MAX + 1, ERR_PEER_BOUNDS},
        {0, SIZE + 1, ERR_PEER_BOUNDS},
        {0, UINT64_MAX, ERR_PEER_BOUNDS},
    };
    for (size_t i = 0; i < COUNT_OF(runs); i++) {
        CHECK_ERR(runs[i].err, delivery_feed_pieces(&d, runs[i].first, runs[i].bytes));
    }
    CHECK_ERR(ERR_OK, delivery_feed_pieces(&d, 0, PIECE_MAX));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_pieces(&d, 0, PIECE_MAX)); /* the run is not over */
    CHECK_ERR(ERR_OK, delivery_feed_bulk(&d, (struct bytes){d.payload, PIECE_MAX}));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_pieces(&d, 0, PIECE_MAX)); /* repeated */
    CHECK_ERR(ERR_OK, delivery_feed_pieces(&d, 1, PIECE_CHUNK));
    delivery_finish(&d);
}

static void test_a_run_is_no_longer_than_agreed(void **state) {
    (void)state;
    struct delivery d;
    delivery_start(&d, PIECE_NONCE + 100 * PIECE_CHUNK);
    delivery_pass(&d, 0);
    reach_pieces(&d);
    CHECK_ERR(ERR_PEER_BOUNDS, delivery_feed_pieces(&d, 0, PIECE_NONCE + 64 * PIECE_CHUNK));
    CHECK_ERR(ERR_OK, delivery_feed_pieces(&d, 0, PIECE_NONCE + 63 * PIECE_CHUNK));
    delivery_finish(&d);
}

static void test_bytes_that_nobody_announced_are_refused(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    struct bytes data = {d.payload, 100};
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_bulk(&d, data)); /* no OFFER yet */
    CHECK(delivery_carry(&d, 0));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_bulk(&d, data)); /* no leaves */
    reach_pieces(&d);
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_bulk(&d, data)); /* no PIECES */
    CHECK_ERR(ERR_OK, delivery_feed_pieces(&d, 0, PIECE_MAX));
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_bulk(&d, (struct bytes){d.payload, PIECE_MAX + 1}));
    delivery_finish(&d);
}

/* One bit, in each piece in turn: not a byte of it is written, the link is closed, and the next one
 * brings the rest. */
static void test_a_tampered_piece_is_not_written(void **state) {
    (void)state;
    for (uint64_t piece = 0; piece < PIECES; piece += 3) {
        struct delivery d;
        start(&d);
        reach_pieces(&d);
        d.sent[piece_offset(piece) + 999] ^= 0x10;
        while (delivery_carry(&d, TRANSFER_INPUT_MAX)) {
        }
        size_t closes = d.closes;
        while (delivery_work(&d, 0)) {
        }
        CHECK(d.closes == closes + 1);
        CHECK(!d.held);
        CHECK(d.written[piece_offset(piece) + 999] == 0);
        d.sent[piece_offset(piece) + 999] ^= 0x10;
        CHECK(delivery_run(&d, 10000));
        delivery_finish(&d);
    }
}

/* After each half-block: what came whole is never sent again. */
static void test_a_broken_link_costs_at_most_the_piece_under_way(void **state) {
    (void)state;
    const size_t part = 200001;
    for (size_t after = 0; after < SIZE / 200001 + 6; after++) {
        struct delivery d;
        start(&d);
        for (size_t i = 0; i < after; i++) {
            (void)delivery_carry(&d, part);
        }
        delivery_break(&d);
        CHECK(delivery_run(&d, 10000));
        CHECK(d.dials == 2 || d.done);
        CHECK(d.bulk_bytes <= SIZE + PIECE_MAX);
        delivery_finish(&d);
    }
}

static void test_a_power_cut_costs_what_was_not_synced(void **state) {
    (void)state;
    struct delivery d;
    const uint64_t chunk = TRANSFER_SYNC_BYTES / PIECE_CHUNK + 2 * TRANSFER_BLOCK_PIECES;
    delivery_start(&d, PIECE_NONCE + (chunk + 40) * PIECE_CHUNK);
    while (d.row == 0) {
        CHECK(delivery_carry(&d, TRANSFER_INPUT_MAX) || delivery_work(&d, 0) || d.link == 0);
        if (d.link == 0) {
            delivery_pass(&d, 1000);
        }
    }
    uint64_t row = d.row;
    CHECK(row >= TRANSFER_SYNC_BYTES);
    CHECK(row < d.size);
    delivery_crash(&d);
    d.bulk_bytes = 0;
    CHECK(delivery_run(&d, 100000));
    CHECK(d.bulk_bytes == d.size - row);
    delivery_finish(&d);
}

static void test_a_second_link_takes_over_from_one_that_hangs(void **state) {
    (void)state;
    struct delivery d;
    struct transfer_actions actions;
    start(&d);
    reach_pieces(&d);
    CHECK(delivery_carry(&d, 0)); /* PIECES */
    for (size_t i = 0; i < 10; i++) {
        CHECK(delivery_carry(&d, TRANSFER_INPUT_MAX));
    }
    transfer_link old = d.link; /* which the home has given up without our knowing */
    d.link = 0;
    d.wire_count = 0;
    transfer_link_down(d.home, old, d.now, 5, &actions);
    while (d.offers < 2) {
        if (!delivery_carry(&d, TRANSFER_INPUT_MAX)) {
            delivery_pass(&d, 1000);
        }
    }
    CHECK(d.link != 0);
    transfer_link now = d.link;
    d.link = old; /* what still comes over it is nobody's */
    CHECK_ERR(ERR_PEER_SEQUENCE, delivery_feed_bulk(&d, (struct bytes){d.payload, 100}));
    d.link = now;
    CHECK(delivery_run(&d, 10000));
    CHECK(d.bulk_bytes <= SIZE + PIECE_MAX);
    delivery_finish(&d);
}

static void test_while_the_disk_is_slow_the_link_waits(void **state) {
    (void)state;
    struct delivery d;
    delivery_start(&d, PIECE_NONCE + 1000 * PIECE_CHUNK);
    delivery_pass(&d, 0);
    while (delivery_carry(&d, TRANSFER_INPUT_MAX)) {
    }
    const uint64_t bound =
        (uint64_t)TRANSFER_BLOCKS_MAX * TRANSFER_BLOCK_PIECES * PIECE_CHUNK + PIECE_NONCE;
    CHECK(!transfer_has_room(d.requester, d.link));
    CHECK(d.bulk_bytes <= bound);
    CHECK(d.bulk_bytes > bound / 2);
    CHECK(delivery_work(&d, 3)); /* one block, not the first */
    CHECK(transfer_has_room(d.requester, d.link));
    CHECK(delivery_run(&d, 100000));
    delivery_finish(&d);
}

static void test_a_full_disk_ends_the_delivery_until_there_is_room(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    reach_pieces(&d);
    while (delivery_carry(&d, TRANSFER_INPUT_MAX)) {
    }
    d.disk_fails = ERR_FULL_DISK;
    CHECK(delivery_work(&d, 0));
    CHECK(d.link == 0); /* closed */
    CHECK(!delivery_run(&d, 500));
    CHECK(d.row == 0);
    CHECK(d.dials > 2); /* and dialled again, in vain */
    d.disk_fails = ERR_OK;
    CHECK(delivery_run(&d, 10000));
    delivery_finish(&d);
}

static void test_a_sync_that_fails_makes_nothing_durable(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    while (delivery_carry(&d, TRANSFER_INPUT_MAX)) {
    }
    while (d.works[0].block != NULL) {
        CHECK(delivery_work(&d, 0));
    }
    d.disk_fails = ERR_HOST_DISK;
    CHECK(delivery_work(&d, 0));
    CHECK(d.row == 0);
    CHECK(!d.held);
    CHECK(d.link == 0);
    d.disk_fails = ERR_OK;
    CHECK(delivery_run(&d, 10000));
    delivery_finish(&d);
}

/* A sync that was begun for a delivery that has failed since says nothing about the next one. */
static void test_late_news_of_an_earlier_delivery_count_for_nothing(void **state) {
    (void)state;
    struct delivery d;
    const uint64_t chunk = TRANSFER_SYNC_BYTES / PIECE_CHUNK + 40 * TRANSFER_BLOCK_PIECES;
    delivery_start(&d, PIECE_NONCE + chunk * PIECE_CHUNK);
    delivery_pass(&d, 0);
    while (d.work_count == 0 || d.works[0].block != NULL) {
        CHECK(delivery_carry(&d, TRANSFER_INPUT_MAX) || delivery_work(&d, 0));
    }
    while (d.work_count < 2) {
        CHECK(delivery_carry(&d, TRANSFER_INPUT_MAX));
    }
    d.disk_fails = ERR_FULL_DISK;
    CHECK(delivery_work(&d, 1)); /* a block; the sync is still under way */
    CHECK(d.link == 0);
    d.disk_fails = ERR_OK;
    while (d.bulk_bytes < d.size || d.work_count < 2 || d.works[1].block != NULL) {
        if (!delivery_carry(&d, TRANSFER_INPUT_MAX) &&
            !(d.work_count > 1 && d.works[1].block != NULL && delivery_work(&d, 1))) {
            delivery_pass(&d, 1000);
        }
    }
    CHECK(d.works[0].block == NULL); /* the old sync, and now the new one */
    CHECK(delivery_work(&d, 0));
    CHECK(d.row == 0);
    CHECK(!d.held);
    CHECK(delivery_run(&d, 100000));
    delivery_finish(&d);
}

static void test_two_deliveries_at_once_do_not_mix(void **state) {
    (void)state;
    struct delivery a;
    struct delivery b;
    delivery_start(&a, SIZE);
    delivery_start(&b, SIZE + 70000);
    transfer_destroy(b.requester);
    b.requester = a.requester; /* two homes deliver to one requester */
    b.links = 1000;
    for (size_t i = 0; i < 20000 && !(a.done && b.done); i++) {
        struct delivery *d = i % 2 == 0 ? &a : &b;
        if (!d->done && !delivery_carry(d, 50000) && !delivery_work(d, i % 3) &&
            !delivery_work(d, 0)) {
            delivery_pass(d, 500);
        }
    }
    CHECK(a.done);
    CHECK(b.done);
    CHECK(memcmp(a.on_disk, a.payload, (size_t)a.size) == 0);
    CHECK(memcmp(b.on_disk, b.payload, (size_t)b.size) == 0);
    b.requester = NULL;
    delivery_finish(&b);
    delivery_finish(&a);
}

static void test_dials_back_off_from_two_seconds_to_ten_minutes_until_the_grant_ends(void **state) {
    (void)state;
    struct transfer *home = transfer_create();
    struct transfer_actions actions;
    struct transfer_clip clip = {.payload_size = SIZE, .expires = {DURATION_DAY_MS}};
    struct now now = {{0}, {0}};
    CHECK_ERR(ERR_OK, transfer_send(home, &clip, now));
    CHECK_ERR(ERR_OK, transfer_send(home, &clip, now)); /* the same one */
    int64_t before = 0;
    int64_t shortest = INT64_MAX;
    int64_t longest = 0;
    size_t dials = 0;
    for (;;) {
        struct tick due = transfer_deadline(home);
        if (due.ms == TICK_NEVER.ms) {
            break;
        }
        CHECK(due.ms > now.mono.ms || dials == 0); /* no tick without a reason */
        now = (struct now){{due.ms}, due};
        transfer_tick(home, now, (uint64_t)due.ms * 977, &actions);
        for (size_t i = 0; i < actions.count; i++) {
            CHECK(actions.list[i].kind == TRANSFER_ACT_DIAL);
            int64_t wait = now.mono.ms - before;
            shortest = dials > 0 && wait < shortest ? wait : shortest;
            longest = wait > longest ? wait : longest;
            before = now.mono.ms;
            dials++;
            transfer_dial_failed(home, &clip.grant, now, (uint64_t)dials * 1234577);
        }
    }
    CHECK(shortest >= 2000);
    CHECK(longest <= 600 * 1000);
    CHECK(longest > 300 * 1000);
    CHECK(dials > 24 * 6); /* a day, at least every ten minutes */
    CHECK(now.wall.ms >= clip.expires.ms);
    CHECK(now.wall.ms < clip.expires.ms + 600 * 1000);
    transfer_destroy(home);
}

/* A requester that opens links and takes nothing must not be dialled every two seconds. */
static void test_only_bytes_that_go_out_shorten_the_wait(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    for (size_t i = 0; i < 12; i++) {
        reach_pieces(&d);
        delivery_break(&d);
        size_t dials = d.dials;
        int64_t from = d.now.mono.ms;
        while (d.dials == dials) {
            delivery_pass(&d, 1000);
        }
        CHECK(i < 8 || d.now.mono.ms - from > 300 * 1000);
    }
    reach_pieces(&d);
    while (d.bulk_bytes < SIZE / 2) {
        CHECK(delivery_carry(&d, TRANSFER_INPUT_MAX));
    }
    while (delivery_carry(&d, TRANSFER_INPUT_MAX)) { /* the run is out: a sign of life */
    }
    delivery_break(&d);
    size_t dials = d.dials;
    int64_t from = d.now.mono.ms;
    while (d.dials == dials) {
        delivery_pass(&d, 1000);
    }
    CHECK(d.now.mono.ms - from <= 5000);
    delivery_finish(&d);
}

static void test_a_side_that_stalls_is_given_up(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    reach_pieces(&d);
    CHECK(delivery_carry(&d, 0)); /* PIECES, and then nothing comes */
    size_t closes = d.closes;
    delivery_pass(&d, STALLED_MS - 1000);
    CHECK(d.closes == closes);
    delivery_pass(&d, 1000);
    CHECK(d.closes > closes);
    CHECK(d.link == 0);
    CHECK(delivery_run(&d, 10000));
    delivery_finish(&d);
}

static void test_sending_stops_when_the_grant_ends(void **state) {
    (void)state;
    struct delivery d;
    start(&d);
    reach_pieces(&d);
    CHECK(delivery_carry(&d, 0));
    CHECK(delivery_carry(&d, 1000));
    d.now.wall.ms += 7 * DURATION_DAY_MS; /* the clock was set right: the link is not stale */
    delivery_pass(&d, 10);
    CHECK(d.link == 0);
    CHECK(!delivery_run(&d, 3000));
    CHECK(d.dials == 1);
    CHECK(transfer_deadline(d.home).ms == TICK_NEVER.ms);
    delivery_finish(&d);
}

static void test_tables_are_bounded(void **state) {
    (void)state;
    struct delivery d;
    struct transfer_actions actions;
    struct now now = {{0}, {0}};
    delivery_start(&d, SIZE);
    for (int i = 1; i < TRANSFER_SENDS_MAX; i++) {
        struct transfer_clip clip = {
            .grant = {{(uint8_t)i}}, .payload_size = SIZE, .expires = {DURATION_DAY_MS}};
        CHECK_ERR(ERR_OK, transfer_send(d.home, &clip, now));
    }
    struct transfer_clip one_more = {.grant = {{99}}, .payload_size = SIZE};
    CHECK_ERR(ERR_FULL_TABLE, transfer_send(d.home, &one_more, now));
    for (unsigned i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        struct id grant = {{(uint8_t)i}};
        d.grant.home.b[0] = (uint8_t)(i / TRANSFER_RECEIVES_OF_ONE);
        CHECK_ERR(ERR_OK,
                  transfer_receive(d.requester, 10 + i, &d.grant, &grant, 0, now, &actions));
        CHECK(transfer_has_room(d.requester, 10 + i)); /* there are blocks for each */
    }
    struct id grant = {{99}};
    CHECK_ERR(ERR_FULL_TABLE,
              transfer_receive(d.requester, 99, &d.grant, &grant, 0, now, &actions));
    struct grant huge = d.grant;
    huge.payload_size = PIECE_NONCE + (uint64_t)(TRANSFER_PIECES_MAX + 1) * PIECE_CHUNK;
    transfer_link_down(d.requester, 10, now, 0, &actions);
    CHECK_ERR(ERR_FULL_TABLE, transfer_receive(d.requester, 99, &huge, &grant, 0, now, &actions));
    delivery_finish(&d);
}

/* One home that stalls does not keep others out. */
static void test_one_home_and_one_link_take_no_more_than_their_places(void **state) {
    (void)state;
    struct delivery d;
    struct transfer_actions actions;
    struct now now = {{0}, {0}};
    delivery_start(&d, SIZE);
    for (unsigned i = 0; i < TRANSFER_RECEIVES_OF_ONE; i++) {
        struct id grant = {{(uint8_t)(i + 1)}};
        CHECK_ERR(ERR_OK,
                  transfer_receive(d.requester, 10 + i, &d.grant, &grant, 0, now, &actions));
    }
    struct id again = {{1}};
    struct id other = {{99}};
    CHECK_ERR(ERR_FULL_TABLE,
              transfer_receive(d.requester, 50, &d.grant, &other, 0, now, &actions));
    CHECK_ERR(ERR_OK, transfer_receive(d.requester, 50, &d.grant, &again, 0, now, &actions));
    d.grant.home.b[0] ^= 1; /* another has its own; but not on a link that brings one already */
    CHECK_ERR(ERR_PEER_SEQUENCE,
              transfer_receive(d.requester, 50, &d.grant, &other, 0, now, &actions));
    CHECK_ERR(ERR_OK, transfer_receive(d.requester, 51, &d.grant, &other, 0, now, &actions));
    delivery_finish(&d);
}

static void test_a_wish_beyond_the_clip_is_refused(void **state) {
    (void)state;
    struct delivery d;
    struct transfer_actions actions;
    struct link_message want = {.kind = LINK_WANT};
    start(&d);
    want.as.want.grant = d.grant_id;
    want.as.want.next_piece = PIECES + 1;
    CHECK_ERR(ERR_PEER_BOUNDS, transfer_take_want(d.home, d.link, &want, &actions));
    want.as.want.next_piece = 0;
    want.as.want.next_leaf = PIECES + 1;
    CHECK_ERR(ERR_PEER_BOUNDS, transfer_take_want(d.home, d.link, &want, &actions));
    want.as.want.grant.b[31] ^= 1;
    want.as.want.next_leaf = 0;
    CHECK_ERR(ERR_PEER_SEQUENCE, transfer_take_want(d.home, d.link, &want, &actions));
    CHECK(delivery_run(&d, 10000));
    delivery_finish(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clip_arrives_whole_and_its_header_last),
        cmocka_unit_test(test_the_header_is_not_sent_before_the_payload_is_receipted),
        cmocka_unit_test(test_pieces_that_are_not_on_disk_are_not_receipted),
        cmocka_unit_test(test_leaves_of_another_tree_are_refused),
        cmocka_unit_test(test_leaves_come_once_in_order_and_no_more_than_there_are),
        cmocka_unit_test(test_runs_are_announced_in_order_and_hold_whole_pieces),
        cmocka_unit_test(test_a_run_is_no_longer_than_agreed),
        cmocka_unit_test(test_bytes_that_nobody_announced_are_refused),
        cmocka_unit_test(test_a_tampered_piece_is_not_written),
        cmocka_unit_test(test_a_broken_link_costs_at_most_the_piece_under_way),
        cmocka_unit_test(test_a_power_cut_costs_what_was_not_synced),
        cmocka_unit_test(test_a_second_link_takes_over_from_one_that_hangs),
        cmocka_unit_test(test_while_the_disk_is_slow_the_link_waits),
        cmocka_unit_test(test_a_full_disk_ends_the_delivery_until_there_is_room),
        cmocka_unit_test(test_a_sync_that_fails_makes_nothing_durable),
        cmocka_unit_test(test_late_news_of_an_earlier_delivery_count_for_nothing),
        cmocka_unit_test(test_two_deliveries_at_once_do_not_mix),
        cmocka_unit_test(test_dials_back_off_from_two_seconds_to_ten_minutes_until_the_grant_ends),
        cmocka_unit_test(test_only_bytes_that_go_out_shorten_the_wait),
        cmocka_unit_test(test_a_side_that_stalls_is_given_up),
        cmocka_unit_test(test_sending_stops_when_the_grant_ends),
        cmocka_unit_test(test_tables_are_bounded),
        cmocka_unit_test(test_one_home_and_one_link_take_no_more_than_their_places),
        cmocka_unit_test(test_a_wish_beyond_the_clip_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
