/* Transfer: carries granted clips from the home that grants to the requester (PROTOCOL 7).
 *
 * A delivery goes OFFER, WANT, LEAVES, PIECES and bulk runs, receipt of the payload, HEADER,
 * receipt of the header. The header comes last, so a prefix is never readable. The receiver checks
 * the leaves against the granted root and every piece against its leaf before it is written; what
 * came whole over a link that broke is written and made durable too, so that a broken link costs at
 * most the piece under way.
 *
 * Two machines that know nothing of files, clocks or sockets: a sender for each clip that we
 * granted and a receiver for each clip that comes in. Core has checked grants, certificates and the
 * log before either is started.
 *
 * Pieces are independent, so a receiver gathers some in a block and hands it out to be checked and
 * written by whoever has time, another thread too (TRANSFER_ACT_STORE); order is kept where it
 * counts, in what is called durable (TRANSFER_ACT_SYNC, TRANSFER_ACT_DURABLE).
 *
 * Memory: a receiver's leaves are taken when its OFFER is accepted, 32 bytes a piece, at most
 * TRANSFER_PIECES_MAX; blocks when the first piece comes; both given back at the end. All else in
 * transfer_create().
 * Bounds: TRANSFER_SENDS_MAX and TRANSFER_RECEIVES_MAX at once; more wait (ERR_FULL_TABLE). All
 * receivers together hold TRANSFER_BLOCKS_MAX blocks: while there is none, transfer_has_room() is
 * false and the peer waits. */
#ifndef NODE_TRANSFER_TRANSFER_H
#define NODE_TRANSFER_TRANSFER_H

#include "crypto/piece_tree.h"
#include "proto/link.h"

enum {
    TRANSFER_SENDS_MAX = 8,
    TRANSFER_RECEIVES_MAX = 8,
    TRANSFER_RECEIVES_OF_ONE = 2,         /* home: it leaves places for others */
    TRANSFER_RUN_BYTES = 4 * 1024 * 1024, /* of one bulk run: other records pass between runs */
    TRANSFER_PIECES_MAX = 1024 * 1024,    /* 64 GiB of footage */
    TRANSFER_SYNC_BYTES =
        64 * 1024 * 1024,            /* at most this much is received anew after a power cut */
    TRANSFER_BLOCK_PIECES = 8,       /* half a mebibyte: checked and written at once */
    TRANSFER_BLOCKS_MAX = 24,        /* two to fill for each receiver, and eight on their way */
    TRANSFER_INPUT_MAX = 128 * 1024, /* what a link may bring once transfer_has_room() was true */
    TRANSFER_PAGE_BYTES = 4096,      /* a block lies in its page as it will in the file's */
    TRANSFER_ACTIONS_MAX = 8,
};

typedef uint64_t transfer_link; /* core's link number */

/* ---- sending: one per granted clip ---- */

struct transfer_clip {
    struct id grant;
    struct clip_id clip;
    struct id edited;    /* root of the payload that goes in its place; zero: none */
    struct id requester; /* the request, whose record says whom to dial */
    uint64_t payload_size;
    struct instant expires;
};

/* Checked pieces on their way to the disk. The engine's own; it leaves a block alone from
 * TRANSFER_ACT_STORE to transfer_stored(), so that another thread may read it meanwhile. */
struct transfer_block {
    enum {
        BLOCK_FREE,
        BLOCK_FILLING,
        BLOCK_OUT
    } state;
    uint64_t receiver; /* 0: nobody asks any more what becomes of it */
    struct id grant;
    uint64_t payload_size;
    uint64_t first; /* piece */
    size_t count;
    size_t len; /* bytes of these pieces */
    size_t filled;
    uint8_t *room; /* owned, page-aligned, BLOCK_BYTES and one page */
    uint8_t *data; /* in it */
    struct id leaves[TRANSFER_BLOCK_PIECES];
};

struct transfer_action {
    enum transfer_action_kind {
        TRANSFER_ACT_DIAL,         /* clip: to the requester of its grant */
        TRANSFER_ACT_SEND_OFFER,   /* link, grant */
        TRANSFER_ACT_SEND_LEAVES,  /* link, grant, clip, edited, first, count: core reads them */
        TRANSFER_ACT_SEND_RUN,     /* link, grant, clip, edited, first piece, offset, bytes */
        TRANSFER_ACT_SEND_HEADER,  /* link, grant */
        TRANSFER_ACT_SENT,         /* grant: header receipted, done */
        TRANSFER_ACT_SEND_WANT,    /* link, grant, first leaf, first piece */
        TRANSFER_ACT_STORE,        /* block: check, write, then transfer_stored() */
        TRANSFER_ACT_SYNC,         /* receiver, grant: sync the file, then transfer_synced() */
        TRANSFER_ACT_DURABLE,      /* grant, offset: so many bytes from the start are on the disk */
        TRANSFER_ACT_PAYLOAD_HELD, /* link, grant: all pieces durable: send a receipt */
        TRANSFER_ACT_CLOSE,        /* link */
    } kind;
    transfer_link link;
    struct id grant;
    struct clip_id clip;
    struct id edited;
    uint64_t first;
    uint64_t count;
    uint64_t offset;
    uint64_t bytes;
    uint64_t receiver;
    struct transfer_block *block;
};

struct transfer_actions {
    size_t count;
    struct transfer_action list[TRANSFER_ACTIONS_MAX];
};

struct transfer;

struct transfer *transfer_create(void); /* NULL when memory is short */
/* No thread may be at work on a block. NULL is fine. */
void transfer_destroy(struct transfer *transfer);

/* A granted clip whose disclosure is in the log: deliver it until its grant expires. Idempotent.
 * ERR_FULL_TABLE: offer it again later. */
MUST_USE enum err transfer_send(struct transfer *transfer, const struct transfer_clip *clip,
                                struct now now);

/* The request was taken back: nothing more is sent for it. */
void transfer_stop(struct transfer *transfer, const struct id *requester,
                   struct transfer_actions *out);

/* The link that TRANSFER_ACT_DIAL asked for could not be made, or it stands. */
void transfer_dial_failed(struct transfer *transfer, const struct id *grant, struct now now,
                          uint64_t random);
void transfer_link_up(struct transfer *transfer, const struct id *grant, transfer_link link,
                      struct now now, struct transfer_actions *out);
/* Any link ended; both machines take it from what they hold. */
void transfer_link_down(struct transfer *transfer, transfer_link link, struct now now,
                        uint64_t random, struct transfer_actions *out);
void transfer_drained(struct transfer *transfer, transfer_link link, struct now now,
                      struct transfer_actions *out);

/* Messages to the sender: WANT, RECEIPT (already checked by core). ERR_PEER_SEQUENCE,
 * ERR_PEER_BOUNDS. */
MUST_USE enum err transfer_take_want(struct transfer *transfer, transfer_link link,
                                     const struct link_message *message,
                                     struct transfer_actions *out);
MUST_USE enum err transfer_take_receipt(struct transfer *transfer, transfer_link link,
                                        const struct id *grant, enum receipt_kind kind,
                                        struct transfer_actions *out);

/* ---- receiving ---- */

/* An OFFER that core has accepted; `received` bytes are durable from before (whole pieces, or all).
 * A second link for the same grant takes over from the first. ERR_FULL_TABLE: also when the home
 * has its share; ERR_PEER_SEQUENCE: this link brings another already; ERR_HOST_MEMORY. */
MUST_USE enum err transfer_receive(struct transfer *transfer, transfer_link link,
                                   const struct grant *grant, const struct id *grant_id,
                                   uint64_t received, struct now now, struct transfer_actions *out);
/* What transfer_receive() would say, but for memory; nothing changes. */
MUST_USE enum err transfer_may_receive(struct transfer *transfer, transfer_link link,
                                       const struct grant *grant, const struct id *grant_id);
/* LEAVES and PIECES. ERR_PEER_SEQUENCE, ERR_PEER_BOUNDS, ERR_PEER_TREE: close the link. */
MUST_USE enum err transfer_take_leaves(struct transfer *transfer, transfer_link link,
                                       const struct link_message *message, struct now now);
MUST_USE enum err transfer_take_pieces(struct transfer *transfer, transfer_link link,
                                       const struct link_message *message);
/* Bytes of a bulk run: consumes up to the end of one block, says how many. ERR_PEER_SEQUENCE: not
 * announced. ERR_FULL_QUEUE: more than transfer_has_room() allowed. */
MUST_USE enum err transfer_take_bulk(struct transfer *transfer, transfer_link link,
                                     struct bytes data, struct now now, size_t *consumed,
                                     struct transfer_actions *out);
/* May this link bring TRANSFER_INPUT_MAX more bytes? True for every link that delivers nothing. */
bool transfer_has_room(const struct transfer *transfer, transfer_link link);
/* Is every piece of the block the one that was granted? For any thread. */
bool transfer_block_good(const struct transfer_block *block);
/* What became of TRANSFER_ACT_STORE and TRANSFER_ACT_SYNC. Not ERR_OK closes the link: the home
 * dials again and goes on from what is durable. */
void transfer_stored(struct transfer *transfer, struct transfer_block *block, enum err result,
                     struct now now, struct transfer_actions *out);
void transfer_synced(struct transfer *transfer, uint64_t receiver, enum err result, struct now now,
                     struct transfer_actions *out);
/* The header has come and is stored. */
void transfer_received(struct transfer *transfer, const struct id *grant);
/* Which grant a receiving link is about; false when none. */
bool transfer_receiving(const struct transfer *transfer, transfer_link link, struct id *grant,
                        bool *payload_held);

/* Bytes that are still to come, or not yet durable, of all that is being received but this grant.
 */
uint64_t transfer_missing(const struct transfer *transfer, const struct id *but);

/* Re-dials and expiries that are due. */
void transfer_tick(struct transfer *transfer, struct now now, uint64_t random,
                   struct transfer_actions *out);
struct tick transfer_deadline(const struct transfer *transfer);

/* Bytes sent or received of a grant, for progress; false when it is not under way. */
bool transfer_progress(const struct transfer *transfer, const struct id *grant, uint64_t *bytes);

#endif
