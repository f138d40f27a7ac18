#include "tests/support/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static void link_up(struct delivery *d);
static void push(struct delivery *d, struct delivery_item item);
static void pop(struct delivery *d);

void delivery_start(struct delivery *d, uint64_t payload_size) {
    CHECK(crypto_start());
    *d = (struct delivery){.size = payload_size, .pieces = piece_count(payload_size)};
    d->home = transfer_create();
    d->requester = transfer_create();
    d->payload = malloc((size_t)payload_size);
    d->sent = malloc((size_t)payload_size);
    d->written = calloc(1, (size_t)payload_size);
    d->on_disk = calloc(1, (size_t)payload_size);
    d->leaves = calloc((size_t)d->pieces, sizeof *d->leaves);
    for (size_t i = 0; i < payload_size; i++) {
        d->payload[i] = (uint8_t)(1 + (i * 2654435761U >> 13) % 255); /* never as an empty file */
    }
    memcpy(d->sent, d->payload, (size_t)payload_size);
    for (uint64_t i = 0; i < d->pieces; i++) {
        struct bytes piece = {d->payload + piece_offset(i), piece_length(payload_size, i)};
        piece_leaf(piece, &d->leaves[i]);
    }
    piece_root(d->leaves, (size_t)d->pieces, &d->grant.payload_root);
    d->grant.payload_size = payload_size;
    write_u64(d->grant_id.b, payload_size); /* so that two at once are two */
    d->now = (struct now){.wall = {1000000}, .mono = {5000}};
    struct transfer_clip clip = {.grant = d->grant_id,
                                 .payload_size = payload_size,
                                 .expires = {d->now.wall.ms + 7 * DURATION_DAY_MS}};
    CHECK_ERR(ERR_OK, transfer_send(d->home, &clip, d->now));
}

void delivery_finish(struct delivery *d) {
    d->disk_fails = ERR_FULL_DISK;
    delivery_break(d);
    while (delivery_work(d, 0)) {
    }
    transfer_destroy(d->home);
    transfer_destroy(d->requester);
    free(d->payload);
    free(d->sent);
    free(d->written);
    free(d->on_disk);
    free(d->leaves);
}

bool delivery_carry(struct delivery *d, size_t bytes_max) {
    struct transfer_actions actions = {.count = 0};
    if (d->link == 0 || d->wire_count == 0 || !transfer_has_room(d->requester, d->link)) {
        return false;
    }
    struct delivery_item *item = &d->wire[0];
    struct delivery_item first = *item;
    struct id grant;
    bool held = false;
    switch (first.kind) {
    case ITEM_OFFER:
        pop(d);
        d->offers++;
        CHECK_ERR(ERR_OK, transfer_receive(d->requester, d->link, &d->grant, &d->grant_id, d->row,
                                           d->now, &actions));
        delivery_requester_acts(d, &actions);
        break;
    case ITEM_LEAVES:
        pop(d);
        delivery_judge(d, delivery_feed_leaves(d, first.first, first.count));
        break;
    case ITEM_PIECES:
        pop(d);
        delivery_judge(d, delivery_feed_pieces(d, first.first, first.bytes));
        break;
    case ITEM_BULK:
        if (bytes_max > first.bytes) {
            bytes_max = (size_t)first.bytes;
        }
        item->offset += bytes_max;
        item->bytes -= bytes_max;
        if (item->bytes == 0) {
            pop(d);
        }
        delivery_judge(d, delivery_feed_bulk(d, (struct bytes){d->sent + first.offset, bytes_max}));
        break;
    case ITEM_HEADER:
        pop(d);
        CHECK(transfer_receiving(d->requester, d->link, &grant, &held));
        CHECK(held); /* never before the payload is durable */
        CHECK(memcmp(d->on_disk, d->payload, (size_t)d->size) == 0);
        d->header_came = true;
        transfer_received(d->requester, &d->grant_id);
        CHECK_ERR(ERR_OK,
                  transfer_take_receipt(d->home, d->link, &d->grant_id, RECEIPT_HEADER, &actions));
        delivery_home_acts(d, &actions);
        break;
    }
    if (d->link != 0 && d->wire_count == 0) { /* the system has taken it all */
        transfer_drained(d->home, d->link, d->now, &actions);
        delivery_home_acts(d, &actions);
    }
    return true;
}

enum err delivery_feed_leaves(struct delivery *d, uint64_t first, uint64_t count) {
    static struct link_message message;
    message.kind = LINK_LEAVES;
    message.as.leaves.grant = d->grant_id;
    message.as.leaves.first = first;
    message.as.leaves.count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) { /* past the end: whatever */
        message.as.leaves.hashes[i] = d->leaves[(first + i) % d->pieces];
    }
    return transfer_take_leaves(d->requester, d->link, &message, d->now);
}

enum err delivery_feed_pieces(struct delivery *d, uint64_t first, uint64_t bytes) {
    static struct link_message message;
    message.kind = LINK_PIECES;
    message.as.pieces.grant = d->grant_id;
    message.as.pieces.first = first;
    message.as.pieces.bytes = bytes;
    return transfer_take_pieces(d->requester, d->link, &message);
}

enum err delivery_feed_bulk(struct delivery *d, struct bytes data) {
    enum err err = ERR_OK;
    while (err == ERR_OK && data.len > 0) {
        struct transfer_actions actions;
        size_t taken = 0;
        err = transfer_take_bulk(d->requester, d->link, data, d->now, &taken, &actions);
        if (err == ERR_OK) {
            CHECK(taken > 0);
            d->bulk_bytes += taken;
            data = (struct bytes){data.at + taken, data.len - taken};
            delivery_requester_acts(d, &actions);
        }
    }
    return err;
}

bool delivery_work(struct delivery *d, size_t index) {
    struct transfer_actions actions;
    if (index >= d->work_count) {
        return false;
    }
    struct delivery_work work = d->works[index];
    memmove(&d->works[index], &d->works[index + 1], (--d->work_count - index) * sizeof d->works[0]);
    if (work.block == NULL) {
        if (d->disk_fails == ERR_OK) {
            memcpy(d->on_disk, d->written, (size_t)d->size);
        }
        transfer_synced(d->requester, work.receiver, d->disk_fails, d->now, &actions);
    } else {
        enum err err = transfer_block_good(work.block) ? d->disk_fails : ERR_PEER_TREE;
        uint64_t offset = piece_offset(work.block->first);
        if (err == ERR_OK) {
            CHECK(offset + work.block->len <= d->size);
            CHECK((uintptr_t)work.block->data % TRANSFER_PAGE_BYTES ==
                  offset % TRANSFER_PAGE_BYTES);
            CHECK(memcmp(work.block->data, d->payload + offset, work.block->len) == 0);
            memcpy(d->written + offset, work.block->data, work.block->len);
        }
        transfer_stored(d->requester, work.block, err, d->now, &actions);
    }
    delivery_requester_acts(d, &actions);
    return true;
}

void delivery_break(struct delivery *d) {
    struct transfer_actions actions;
    transfer_link link = d->link;
    if (link == 0) {
        return;
    }
    d->link = 0;
    d->wire_count = 0;
    transfer_link_down(d->home, link, d->now, 12345, &actions);
    delivery_home_acts(d, &actions);
    transfer_link_down(d->requester, link, d->now, 0, &actions);
    delivery_requester_acts(d, &actions);
}

/* What is outstanding is never heard of again. */
void delivery_crash(struct delivery *d) {
    struct transfer_actions actions;
    d->work_count = 0;
    transfer_destroy(d->requester);
    d->requester = transfer_create();
    memcpy(d->written, d->on_disk, (size_t)d->size);
    d->held = false;
    transfer_link link = d->link;
    d->link = 0;
    d->wire_count = 0;
    if (link != 0) {
        transfer_link_down(d->home, link, d->now, 777, &actions);
        delivery_home_acts(d, &actions);
    }
}

void delivery_pass(struct delivery *d, int64_t ms) {
    struct transfer_actions actions;
    d->now.wall.ms += ms;
    d->now.mono.ms += ms;
    transfer_tick(d->home, d->now, 99, &actions);
    delivery_home_acts(d, &actions);
    transfer_tick(d->requester, d->now, 0, &actions);
    delivery_requester_acts(d, &actions);
}

bool delivery_run(struct delivery *d, size_t steps) {
    for (size_t i = 0; i < steps && !d->done; i++) {
        if (!delivery_carry(d, TRANSFER_INPUT_MAX) && !delivery_work(d, 0)) {
            delivery_pass(d, 1000);
        }
    }
    return d->done;
}

void delivery_judge(struct delivery *d, enum err err) {
    if (err != ERR_OK) {
        d->closes++;
        delivery_break(d);
    }
}

void delivery_home_acts(struct delivery *d, const struct transfer_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        const struct transfer_action *action = &actions->list[i];
        struct delivery_item item = {.first = action->first,
                                     .count = action->count,
                                     .offset = action->offset,
                                     .bytes = action->bytes};
        switch (action->kind) {
        case TRANSFER_ACT_DIAL:
            d->dials++;
            link_up(d);
            break;
        case TRANSFER_ACT_SEND_OFFER:
            item.kind = ITEM_OFFER;
            push(d, item);
            break;
        case TRANSFER_ACT_SEND_LEAVES:
            item.kind = ITEM_LEAVES;
            push(d, item);
            break;
        case TRANSFER_ACT_SEND_RUN:
            CHECK(item.bytes <= TRANSFER_RUN_BYTES);
            CHECK(d->wire_count == 0); /* one run at a time, however slow the reader */
            item.kind = ITEM_PIECES;
            push(d, item);
            item.kind = ITEM_BULK;
            push(d, item);
            break;
        case TRANSFER_ACT_SEND_HEADER:
            item.kind = ITEM_HEADER;
            push(d, item);
            break;
        case TRANSFER_ACT_SENT:
            CHECK(d->header_came);
            d->done = true;
            break;
        case TRANSFER_ACT_CLOSE:
            if (action->link == d->link) {
                d->closes++;
                delivery_break(d);
            }
            break;
        case TRANSFER_ACT_SEND_WANT:
        case TRANSFER_ACT_STORE:
        case TRANSFER_ACT_SYNC:
        case TRANSFER_ACT_DURABLE:
        case TRANSFER_ACT_PAYLOAD_HELD:
            CHECK(false); /* not a home's */
        }
    }
}

void delivery_requester_acts(struct delivery *d, const struct transfer_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        const struct transfer_action *action = &actions->list[i];
        struct transfer_actions more = {.count = 0};
        struct link_message want = {.kind = LINK_WANT};
        switch (action->kind) {
        case TRANSFER_ACT_SEND_WANT:
            if (action->link == d->link) {
                want.as.want.grant = action->grant;
                want.as.want.next_leaf = action->count;
                want.as.want.next_piece = action->first;
                CHECK_ERR(ERR_OK, transfer_take_want(d->home, d->link, &want, &more));
                delivery_home_acts(d, &more);
            }
            break;
        case TRANSFER_ACT_STORE:
        case TRANSFER_ACT_SYNC:
            CHECK(d->work_count < DELIVERY_WORKS_MAX);
            d->works[d->work_count++] = (struct delivery_work){action->block, action->receiver};
            break;
        case TRANSFER_ACT_DURABLE:
            CHECK(memcmp(d->on_disk, d->payload, (size_t)action->offset) == 0);
            CHECK(action->offset >= d->row);
            d->row = action->offset;
            break;
        case TRANSFER_ACT_PAYLOAD_HELD:
            CHECK(d->row == d->size);
            d->held = true;
            if (action->link == d->link) {
                CHECK_ERR(ERR_OK, transfer_take_receipt(d->home, d->link, &d->grant_id,
                                                        RECEIPT_PAYLOAD, &more));
                delivery_home_acts(d, &more);
            }
            break;
        case TRANSFER_ACT_CLOSE:
            if (action->link == d->link) {
                d->closes++;
                delivery_break(d);
            }
            break;
        case TRANSFER_ACT_DIAL:
        case TRANSFER_ACT_SEND_OFFER:
        case TRANSFER_ACT_SEND_LEAVES:
        case TRANSFER_ACT_SEND_RUN:
        case TRANSFER_ACT_SEND_HEADER:
        case TRANSFER_ACT_SENT:
            CHECK(false); /* not a requester's */
        }
    }
}

static void link_up(struct delivery *d) {
    struct transfer_actions actions;
    CHECK(d->link == 0);
    d->link = ++d->links;
    transfer_link_up(d->home, &d->grant_id, d->link, d->now, &actions);
    delivery_home_acts(d, &actions);
}

static void push(struct delivery *d, struct delivery_item item) {
    CHECK(d->wire_count < DELIVERY_WIRE_MAX);
    d->wire[d->wire_count++] = item;
}

static void pop(struct delivery *d) {
    memmove(&d->wire[0], &d->wire[1], --d->wire_count * sizeof d->wire[0]);
}
