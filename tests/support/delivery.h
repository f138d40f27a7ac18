/* One delivery between two transfer engines: a wire that a test may break, tamper with or starve,
 * work that it may do in any order, and a disk that forgets at a crash what was not synced. The
 * model checks all the while that nothing but the granted bytes is ever written, and that what is
 * called durable is (PROTOCOL 7, P12). */
#ifndef TESTS_SUPPORT_DELIVERY_H
#define TESTS_SUPPORT_DELIVERY_H

#include "node/transfer/transfer.h"

enum {
    DELIVERY_WIRE_MAX = 64,
    DELIVERY_WORKS_MAX = TRANSFER_BLOCKS_MAX + TRANSFER_RECEIVES_MAX,
};

struct delivery_item {
    enum {
        ITEM_OFFER,
        ITEM_LEAVES,
        ITEM_PIECES,
        ITEM_BULK,
        ITEM_HEADER
    } kind;
    uint64_t first;
    uint64_t count;
    uint64_t offset; /* of the payload */
    uint64_t bytes;
};

struct delivery_work {
    struct transfer_block *block; /* NULL: a sync */
    uint64_t receiver;
};

struct delivery {
    struct transfer *home, *requester;
    struct now now;
    struct grant grant;
    struct id grant_id;
    uint64_t size, pieces;
    uint8_t *payload;
    uint8_t *sent;      /* what the home sends: the payload, until a test tampers with it */
    struct id *leaves;  /* likewise */
    uint8_t *written;   /* the requester's file as it would be read */
    uint8_t *on_disk;   /* and as it is after a power cut */
    uint64_t row;       /* bytes durable, by the requester's database */
    transfer_link link; /* 0: none */
    transfer_link links;
    size_t wire_count;
    struct delivery_item wire[DELIVERY_WIRE_MAX]; /* from home to requester, in order */
    size_t work_count;
    struct delivery_work works[DELIVERY_WORKS_MAX];
    enum err disk_fails; /* what writing and syncing answer; ERR_OK as a rule */
    size_t dials, offers, closes;
    uint64_t bulk_bytes; /* that the requester took */
    bool held;           /* PAYLOAD_HELD since the last crash */
    bool header_came;
    bool done; /* the home is done with it */
};

void delivery_start(struct delivery *d, uint64_t payload_size);
void delivery_finish(struct delivery *d);

/* Each is false when there was nothing to do. */
bool delivery_carry(struct delivery *d, size_t bytes_max); /* one message, or so much of a run */
bool delivery_work(struct delivery *d, size_t index);      /* of what is outstanding */
void delivery_break(struct delivery *d);                   /* the link */
void delivery_crash(struct delivery *d);                   /* the requester's power */
void delivery_pass(struct delivery *d, int64_t ms);        /* time: both engines tick */
/* Carries, works and lets time pass until the home is done; false when it is not after `steps`. */
bool delivery_run(struct delivery *d, size_t steps);

/* A step inside either engine may ask for more. */
void delivery_home_acts(struct delivery *d, const struct transfer_actions *actions);
void delivery_requester_acts(struct delivery *d, const struct transfer_actions *actions);
/* As core does with what an engine answered: not ERR_OK closes the link. */
void delivery_judge(struct delivery *d, enum err err);

/* The requester's engine, fed directly. */
enum err delivery_feed_leaves(struct delivery *d, uint64_t first, uint64_t count);
enum err delivery_feed_pieces(struct delivery *d, uint64_t first, uint64_t bytes);
enum err delivery_feed_bulk(struct delivery *d, struct bytes data);

#endif
