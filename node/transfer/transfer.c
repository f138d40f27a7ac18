/* Invariants:
 *  1. A piece is written only after its hash equals a leaf of a list whose root is the granted one.
 *  2. TRANSFER_ACT_DURABLE names only bytes before which everything was written when the sync that
 *     has ended began, and TRANSFER_ACT_PAYLOAD_HELD comes only when that is all of them.
 *  3. The header is sent only to a link that has receipted the whole payload. */
#include "node/transfer/transfer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    RETRY_FIRST_MS = 2000,
    RETRY_LAST_MS = 600 * 1000,
    DIAL_PENDING_MS = 20 * 1000,
    BLOCK_BYTES = TRANSFER_BLOCK_PIECES * PIECE_CHUNK + PIECE_NONCE,
    BLOCK_ROOM =
        (BLOCK_BYTES + 2 * TRANSFER_PAGE_BYTES - 1) / TRANSFER_PAGE_BYTES * TRANSFER_PAGE_BYTES,
    STALLED_MS = 120 * 1000, /* a link that takes nothing for so long is given up */
};

struct send {
    enum send_state {
        SEND_FREE,
        SEND_WAITING, /* for retry_at */
        SEND_DIALLING,
        SEND_OFFERED,
        SEND_LEAVES,
        SEND_RUNS,
        SEND_RECEIPT, /* all pieces are out */
        SEND_HEADER,
    } state;
    struct transfer_clip clip;
    transfer_link link;
    uint64_t pieces;
    uint64_t next_leaf;
    uint64_t next_piece;
    struct tick due; /* of the retry, or of giving a stalled link up */
    struct duration back_off;
    struct tick moved; /* last sign of life */
};

struct receive {
    enum receive_state {
        RECEIVE_FREE,
        RECEIVE_SETTLING, /* what an earlier link brought goes to the disk first */
        RECEIVE_LEAVES,
        RECEIVE_PIECES,
        RECEIVE_HELD, /* the header is awaited */
    } state;
    uint64_t number; /* never used twice, so that late news of an earlier one is known for it */
    struct id grant;
    struct id home;
    struct id root;
    transfer_link link; /* 0: none; only while settling */
    uint64_t payload_size;
    uint64_t pieces;
    uint64_t next_leaf;
    uint64_t next_block; /* first piece that has no block yet */
    uint64_t come;       /* bytes from the start that are durable, written or in a block */
    uint64_t durable;
    uint64_t syncing;  /* what will be durable when the sync under way has ended; 0: none is */
    uint64_t run_left; /* bytes announced and not yet come */
    struct tick moved; /* last sign of life */
    struct id *leaves; /* owned, `pieces` of them */
    struct transfer_block *filling, *spare; /* the one that fills, and the one after it */
};

struct transfer {
    struct send sends[TRANSFER_SENDS_MAX];
    struct receive receives[TRANSFER_RECEIVES_MAX];
    uint64_t receive_count; /* of all time */
    size_t served;          /* the receiver that got a block last */
    struct transfer_block blocks[TRANSFER_BLOCKS_MAX];
};

static_assert(TRANSFER_BLOCKS_MAX > 2 * TRANSFER_RECEIVES_MAX, "one is always under way or free");
static_assert((int)TRANSFER_INPUT_MAX <= (int)BLOCK_BYTES, "two blocks always take it");

static struct send *find_send(struct transfer *t, const struct id *grant);
static struct send *send_on(struct transfer *t, transfer_link link);
static struct receive *find_receive(struct transfer *t, const struct id *grant);
static struct receive *receive_on(struct transfer *t, transfer_link link);
static void send_next(struct send *send, struct transfer_actions *out);
static void send_run(struct send *send, struct transfer_actions *out);
static void send_later(struct send *send, struct tick now, uint64_t random);
static struct receive *receive_numbered(struct transfer *t, uint64_t number);
static void break_off(struct transfer *t, struct receive *receive, struct transfer_actions *out);
static void go_on(struct transfer *t, struct receive *receive, struct transfer_actions *out);
static void start(struct transfer *t, struct receive *receive, struct transfer_actions *out);
static uint64_t written(const struct transfer *t, const struct receive *receive, bool *all);
static void fail(struct transfer *t, struct receive *receive, struct transfer_actions *out);
static void reserve(struct transfer *t, struct receive *receive);
static struct transfer_block *new_block(struct transfer *t, struct receive *receive);
static void hand_out(struct receive *receive, struct transfer_block *block,
                     struct transfer_actions *out);
static void give_back(struct transfer_block **block);
static void serve_waiting(struct transfer *t);
static struct tick stalled_at(const struct receive *receive);
static void receive_free(struct transfer *t, struct receive *receive);
static void free_idle_blocks(struct transfer *t);
static uint64_t start_of(const struct receive *receive, uint64_t piece);
static struct transfer_action *act(struct transfer_actions *actions, enum transfer_action_kind kind,
                                   transfer_link link, const struct id *grant);

struct transfer *transfer_create(void) {
    return calloc(1, sizeof(struct transfer));
}

void transfer_destroy(struct transfer *transfer) {
    for (size_t i = 0; transfer != NULL && i < TRANSFER_RECEIVES_MAX; i++) {
        free(transfer->receives[i].leaves);
    }
    for (size_t i = 0; transfer != NULL && i < TRANSFER_BLOCKS_MAX; i++) {
        free(transfer->blocks[i].room);
    }
    free(transfer);
}

/* ---- sending ---- */

enum err transfer_send(struct transfer *transfer, const struct transfer_clip *clip,
                       struct now now) {
    if (find_send(transfer, &clip->grant) != NULL) {
        return ERR_OK;
    }
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        struct send *send = &transfer->sends[i];
        if (send->state == SEND_FREE) {
            *send = (struct send){.state = SEND_WAITING,
                                  .clip = *clip,
                                  .pieces = piece_count(clip->payload_size),
                                  .due = now.mono,
                                  .back_off = {RETRY_FIRST_MS}};
            return ERR_OK;
        }
    }
    return ERR_FULL_TABLE;
}

void transfer_stop(struct transfer *transfer, const struct id *requester,
                   struct transfer_actions *out) {
    static_assert(TRANSFER_SENDS_MAX <= TRANSFER_ACTIONS_MAX, "all of them can be closed at once");
    out->count = 0;
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        struct send *send = &transfer->sends[i];
        if (send->state == SEND_FREE || !id_equal(&send->clip.requester, requester)) {
            continue;
        }
        if (send->link != 0) {
            act(out, TRANSFER_ACT_CLOSE, send->link, &send->clip.grant);
        }
        *send = (struct send){0};
    }
}

void transfer_dial_failed(struct transfer *transfer, const struct id *grant, struct now now,
                          uint64_t random) {
    struct send *send = find_send(transfer, grant);
    if (send != NULL && send->state == SEND_DIALLING) {
        send_later(send, now.mono, random);
    }
}

void transfer_link_up(struct transfer *transfer, const struct id *grant, transfer_link link,
                      struct now now, struct transfer_actions *out) {
    out->count = 0;
    struct send *send = find_send(transfer, grant);
    if (send == NULL || send->state != SEND_DIALLING) {
        act(out, TRANSFER_ACT_CLOSE, link, grant);
        return;
    }
    send->state = SEND_OFFERED;
    send->link = link;
    send->moved = now.mono;
    act(out, TRANSFER_ACT_SEND_OFFER, link, grant);
}

void transfer_link_down(struct transfer *transfer, transfer_link link, struct now now,
                        uint64_t random, struct transfer_actions *out) {
    out->count = 0;
    struct send *send = send_on(transfer, link);
    if (send != NULL) {
        send_later(send, now.mono, random);
    }
    struct receive *receive = receive_on(transfer, link);
    if (receive != NULL) {
        break_off(transfer, receive, out);
        go_on(transfer, receive, out);
    }
}

void transfer_drained(struct transfer *transfer, transfer_link link, struct now now,
                      struct transfer_actions *out) {
    out->count = 0;
    struct send *send = send_on(transfer, link);
    if (send != NULL) {
        send->moved = now.mono;
        if (send->state == SEND_RUNS) { /* it takes something: not one who only keeps us dialling */
            send->back_off = (struct duration){RETRY_FIRST_MS};
        }
        send_next(send, out);
    }
}

enum err transfer_take_want(struct transfer *transfer, transfer_link link,
                            const struct link_message *message, struct transfer_actions *out) {
    out->count = 0;
    struct send *send = send_on(transfer, link);
    if (send == NULL || send->state != SEND_OFFERED ||
        !id_equal(&message->as.want.grant, &send->clip.grant)) {
        return ERR_PEER_SEQUENCE;
    }
    if (message->as.want.next_leaf > send->pieces || message->as.want.next_piece > send->pieces) {
        return ERR_PEER_BOUNDS;
    }
    send->next_leaf = message->as.want.next_leaf;
    send->next_piece = message->as.want.next_piece;
    send->state = SEND_LEAVES;
    send_next(send, out);
    return ERR_OK;
}

enum err transfer_take_receipt(struct transfer *transfer, transfer_link link,
                               const struct id *grant, enum receipt_kind kind,
                               struct transfer_actions *out) {
    out->count = 0;
    struct send *send = send_on(transfer, link);
    if (send == NULL || !id_equal(grant, &send->clip.grant)) {
        return ERR_PEER_SEQUENCE;
    }
    switch (kind) {
    case RECEIPT_PAYLOAD:
        if (send->state != SEND_RECEIPT) {
            return ERR_PEER_SEQUENCE;
        }
        send->state = SEND_HEADER;
        act(out, TRANSFER_ACT_SEND_HEADER, link, grant);
        return ERR_OK;
    case RECEIPT_HEADER:
        if (send->state != SEND_HEADER) {
            return ERR_PEER_SEQUENCE;
        }
        act(out, TRANSFER_ACT_SENT, link, grant);
        act(out, TRANSFER_ACT_CLOSE, link, grant);
        *send = (struct send){0};
        return ERR_OK;
    }
    return ERR_PEER_BOUNDS;
}

/* ---- receiving ---- */

enum err transfer_receive(struct transfer *transfer, transfer_link link, const struct grant *grant,
                          const struct id *grant_id, uint64_t received, struct now now,
                          struct transfer_actions *out) {
    out->count = 0;
    enum err err = transfer_may_receive(transfer, link, grant, grant_id);
    if (err != ERR_OK) {
        return err;
    }
    struct receive *receive = find_receive(transfer, grant_id);
    if (receive != NULL) { /* takes over, from what the link before has brought */
        if (receive->link != 0) {
            act(out, TRANSFER_ACT_CLOSE, receive->link, grant_id);
        }
        break_off(transfer, receive, out);
        receive->link = link;
        receive->moved = now.mono;
        go_on(transfer, receive, out);
        return ERR_OK;
    }
    for (size_t i = 0; receive == NULL && i < TRANSFER_RECEIVES_MAX; i++) {
        receive = transfer->receives[i].state == RECEIVE_FREE ? &transfer->receives[i] : NULL;
    }
    ASSERT(receive != NULL);
    uint64_t pieces = piece_count(grant->payload_size);
    ASSERT(pieces > 0); /* the fence takes no empty payload */
    struct id *leaves = calloc((size_t)pieces, sizeof *leaves);
    if (leaves == NULL) {
        return ERR_HOST_MEMORY;
    }
    *receive = (struct receive){.state = RECEIVE_SETTLING,
                                .number = ++transfer->receive_count,
                                .grant = *grant_id,
                                .home = grant->home,
                                .root = grant->payload_root,
                                .link = link,
                                .payload_size = grant->payload_size,
                                .pieces = pieces,
                                .come = received,
                                .durable = received,
                                .moved = now.mono,
                                .leaves = leaves};
    go_on(transfer, receive, out);
    return ERR_OK;
}

/* One home that stalls must not keep all others out. */
enum err transfer_may_receive(struct transfer *transfer, transfer_link link,
                              const struct grant *grant, const struct id *grant_id) {
    const struct receive *on_link = receive_on(transfer, link);
    size_t free_count = 0;
    size_t of_home = 0;
    if (on_link != NULL && !id_equal(&on_link->grant, grant_id)) {
        return ERR_PEER_SEQUENCE;
    }
    if (find_receive(transfer, grant_id) != NULL) {
        return ERR_OK;
    }
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        bool taken = receive->state != RECEIVE_FREE;
        free_count += !taken;
        of_home += taken && id_equal(&receive->home, &grant->home);
    }
    bool fits = free_count > 0 && of_home < TRANSFER_RECEIVES_OF_ONE &&
                piece_count(grant->payload_size) <= TRANSFER_PIECES_MAX;
    return fits ? ERR_OK : ERR_FULL_TABLE;
}

enum err transfer_take_leaves(struct transfer *transfer, transfer_link link,
                              const struct link_message *message, struct now now) {
    struct receive *receive = receive_on(transfer, link);
    if (receive == NULL || receive->state != RECEIVE_LEAVES ||
        !id_equal(&message->as.leaves.grant, &receive->grant) ||
        message->as.leaves.first != receive->next_leaf) {
        return ERR_PEER_SEQUENCE;
    }
    size_t count = message->as.leaves.count;
    if (count == 0 || count > receive->pieces - receive->next_leaf) {
        return ERR_PEER_BOUNDS;
    }
    memcpy(&receive->leaves[receive->next_leaf], message->as.leaves.hashes,
           count * sizeof receive->leaves[0]);
    receive->next_leaf += count;
    receive->moved = now.mono;
    if (receive->next_leaf < receive->pieces) {
        return ERR_OK;
    }
    struct id root;
    piece_root(receive->leaves, (size_t)receive->pieces, &root);
    if (!id_equal(&root, &receive->root)) {
        receive->next_leaf = 0; /* none of them is to be kept */
        return ERR_PEER_TREE;
    }
    receive->state = RECEIVE_PIECES;
    return ERR_OK;
}

enum err transfer_take_pieces(struct transfer *transfer, transfer_link link,
                              const struct link_message *message) {
    struct receive *receive = receive_on(transfer, link);
    if (receive == NULL || receive->state != RECEIVE_PIECES || receive->run_left != 0 ||
        !id_equal(&message->as.pieces.grant, &receive->grant) ||
        message->as.pieces.first >= receive->pieces ||
        piece_offset(message->as.pieces.first) != receive->come) {
        return ERR_PEER_SEQUENCE;
    }
    uint64_t left = receive->payload_size - receive->come;
    uint64_t bytes = message->as.pieces.bytes;
    uint64_t end = receive->come + bytes;
    if (bytes == 0 || bytes > left || bytes > TRANSFER_RUN_BYTES ||
        (bytes != left && (end - PIECE_NONCE) % PIECE_CHUNK != 0)) {
        return ERR_PEER_BOUNDS;
    }
    receive->run_left = bytes;
    return ERR_OK;
}

enum err transfer_take_bulk(struct transfer *transfer, transfer_link link, struct bytes data,
                            struct now now, size_t *consumed, struct transfer_actions *out) {
    out->count = 0;
    struct receive *receive = receive_on(transfer, link);
    if (receive == NULL || receive->state != RECEIVE_PIECES || receive->run_left == 0) {
        return ERR_PEER_SEQUENCE;
    }
    if (receive->filling == NULL) {
        return ERR_FULL_QUEUE;
    }
    struct transfer_block *block = receive->filling;
    size_t want = block->len - block->filled;
    size_t take = data.len < want ? data.len : want;
    if (take > receive->run_left) {
        take = (size_t)receive->run_left;
    }
    memcpy(block->data + block->filled, data.at, take);
    block->filled += take;
    receive->come += take;
    receive->run_left -= take;
    receive->moved = now.mono;
    *consumed = take;
    if (block->filled == block->len) {
        hand_out(receive, block, out);
        receive->filling = receive->spare;
        receive->spare = NULL;
    }
    reserve(transfer, receive);
    return ERR_OK;
}

bool transfer_has_room(const struct transfer *transfer, transfer_link link) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        if (receive->link == link &&
            (receive->state == RECEIVE_LEAVES || receive->state == RECEIVE_PIECES)) {
            size_t room = 0;
            room += receive->filling == NULL ? 0 : receive->filling->len - receive->filling->filled;
            room += receive->spare == NULL ? 0 : receive->spare->len;
            return room >= TRANSFER_INPUT_MAX || receive->next_block == receive->pieces;
        }
    }
    return true;
}

bool transfer_block_good(const struct transfer_block *block) {
    size_t at = 0;
    for (size_t i = 0; i < block->count; i++) {
        struct id leaf;
        size_t len = piece_length(block->payload_size, block->first + i);
        piece_leaf((struct bytes){block->data + at, len}, &leaf);
        if (!id_equal(&leaf, &block->leaves[i])) {
            return false;
        }
        at += len;
    }
    return true;
}

void transfer_stored(struct transfer *transfer, struct transfer_block *block, enum err result,
                     struct now now, struct transfer_actions *out) {
    out->count = 0;
    ASSERT(block->state == BLOCK_OUT);
    struct receive *receive = receive_numbered(transfer, block->receiver);
    give_back(&block);
    if (receive != NULL && result == ERR_OK) {
        receive->moved = now.mono;
        go_on(transfer, receive, out);
    } else if (receive != NULL) {
        fail(transfer, receive, out);
    }
    serve_waiting(transfer);
    free_idle_blocks(transfer);
}

void transfer_synced(struct transfer *transfer, uint64_t receiver, enum err result, struct now now,
                     struct transfer_actions *out) {
    out->count = 0;
    struct receive *receive = receive_numbered(transfer, receiver);
    if (receive == NULL) {
        return;
    }
    ASSERT(receive->syncing != 0);
    if (result != ERR_OK) {
        fail(transfer, receive, out);
        return;
    }
    receive->durable = receive->syncing;
    receive->syncing = 0;
    receive->moved = now.mono;
    act(out, TRANSFER_ACT_DURABLE, receive->link, &receive->grant)->offset = receive->durable;
    go_on(transfer, receive, out);
}

void transfer_received(struct transfer *transfer, const struct id *grant) {
    struct receive *receive = find_receive(transfer, grant);
    if (receive != NULL) {
        receive_free(transfer, receive);
    }
}

bool transfer_receiving(const struct transfer *transfer, transfer_link link, struct id *grant,
                        bool *payload_held) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        if (receive->state != RECEIVE_FREE && link != 0 && receive->link == link) {
            *grant = receive->grant;
            *payload_held = receive->state == RECEIVE_HELD;
            return true;
        }
    }
    return false;
}

uint64_t transfer_missing(const struct transfer *transfer, const struct id *but) {
    uint64_t missing = 0;
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        if (receive->state != RECEIVE_FREE && !id_equal(&receive->grant, but)) {
            missing += receive->payload_size - receive->durable;
        }
    }
    return missing;
}

/* ---- time ---- */

void transfer_tick(struct transfer *transfer, struct now now, uint64_t random,
                   struct transfer_actions *out) {
    out->count = 0;
    for (size_t i = 0; i < TRANSFER_SENDS_MAX && out->count < TRANSFER_ACTIONS_MAX; i++) {
        struct send *send = &transfer->sends[i];
        switch (send->state) {
        case SEND_FREE:
            break;
        case SEND_WAITING:
            if (instant_reached(now.wall, send->clip.expires)) {
                *send = (struct send){0};
            } else if (tick_reached(now.mono, send->due)) {
                send->state = SEND_DIALLING;
                send->due = tick_add(now.mono, (struct duration){DIAL_PENDING_MS});
                act(out, TRANSFER_ACT_DIAL, 0, &send->clip.grant);
            }
            break;
        case SEND_DIALLING:
            if (tick_reached(now.mono, send->due)) {
                send_later(send, now.mono, random + i);
            }
            break;
        case SEND_OFFERED:
        case SEND_LEAVES:
        case SEND_RUNS:
        case SEND_RECEIPT:
        case SEND_HEADER:
            if (instant_reached(now.wall, send->clip.expires) ||
                tick_reached(now.mono, tick_add(send->moved, (struct duration){STALLED_MS}))) {
                act(out, TRANSFER_ACT_CLOSE, send->link, &send->clip.grant);
                send_later(send, now.mono, random + i);
            }
            break;
        }
    }
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX && out->count + 4 <= TRANSFER_ACTIONS_MAX; i++) {
        struct receive *receive = &transfer->receives[i];
        if (tick_reached(now.mono, stalled_at(receive))) {
            act(out, TRANSFER_ACT_CLOSE, receive->link, &receive->grant);
            break_off(transfer, receive, out);
            go_on(transfer, receive, out);
        }
    }
}

struct tick transfer_deadline(const struct transfer *transfer) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        const struct send *send = &transfer->sends[i];
        if (send->state == SEND_WAITING || send->state == SEND_DIALLING) {
            due = tick_earliest(due, send->due);
        } else if (send->state != SEND_FREE) {
            due = tick_earliest(due, tick_add(send->moved, (struct duration){STALLED_MS}));
        }
    }
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        due = tick_earliest(due, stalled_at(&transfer->receives[i]));
    }
    return due;
}

bool transfer_progress(const struct transfer *transfer, const struct id *grant, uint64_t *bytes) {
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        const struct send *send = &transfer->sends[i];
        if (send->state != SEND_FREE && id_equal(&send->clip.grant, grant)) {
            *bytes = send->next_piece == send->pieces ? send->clip.payload_size
                                                      : piece_offset(send->next_piece);
            return true;
        }
    }
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        if (receive->state != RECEIVE_FREE && id_equal(&receive->grant, grant)) {
            *bytes = receive->come;
            return true;
        }
    }
    return false;
}

/* ---- helpers ---- */

static struct send *find_send(struct transfer *t, const struct id *grant) {
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        if (t->sends[i].state != SEND_FREE && id_equal(&t->sends[i].clip.grant, grant)) {
            return &t->sends[i];
        }
    }
    return NULL;
}

static struct send *send_on(struct transfer *t, transfer_link link) {
    for (size_t i = 0; i < TRANSFER_SENDS_MAX; i++) {
        if (t->sends[i].state >= SEND_OFFERED && t->sends[i].link == link) {
            return &t->sends[i];
        }
    }
    return NULL;
}

static struct receive *find_receive(struct transfer *t, const struct id *grant) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        if (t->receives[i].state != RECEIVE_FREE && id_equal(&t->receives[i].grant, grant)) {
            return &t->receives[i];
        }
    }
    return NULL;
}

static struct receive *receive_on(struct transfer *t, transfer_link link) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        if (t->receives[i].state != RECEIVE_FREE && link != 0 && t->receives[i].link == link) {
            return &t->receives[i];
        }
    }
    return NULL;
}

/* Leaves, then runs, one at a time: the next goes out when the link has taken the one before, so a
 * slow reader holds one run of our file open and no memory. */
static void send_next(struct send *send, struct transfer_actions *out) {
    if (send->state == SEND_LEAVES) {
        if (send->next_leaf < send->pieces) {
            struct transfer_action *leaves =
                act(out, TRANSFER_ACT_SEND_LEAVES, send->link, &send->clip.grant);
            uint64_t left = send->pieces - send->next_leaf;
            leaves->clip = send->clip.clip;
            leaves->edited = send->clip.edited;
            leaves->first = send->next_leaf;
            leaves->count = left < LINK_LEAVES_MAX ? left : LINK_LEAVES_MAX;
            send->next_leaf += leaves->count;
            return;
        }
        send->state = SEND_RUNS;
    }
    if (send->state == SEND_RUNS) {
        if (send->next_piece < send->pieces) {
            send_run(send, out);
            return;
        }
        send->state = SEND_RECEIPT;
    }
}

static void send_run(struct send *send, struct transfer_actions *out) {
    struct transfer_action *run = act(out, TRANSFER_ACT_SEND_RUN, send->link, &send->clip.grant);
    run->clip = send->clip.clip;
    run->edited = send->clip.edited;
    run->first = send->next_piece;
    run->offset = piece_offset(send->next_piece);
    while (send->next_piece < send->pieces) {
        size_t len = piece_length(send->clip.payload_size, send->next_piece);
        if (run->bytes + len > TRANSFER_RUN_BYTES) {
            break;
        }
        run->bytes += len;
        send->next_piece++;
    }
}

static void send_later(struct send *send, struct tick now, uint64_t random) {
    int64_t wait = send->back_off.ms + (int64_t)(random % (uint64_t)send->back_off.ms);
    wait = wait > RETRY_LAST_MS ? RETRY_LAST_MS : wait;
    send->state = SEND_WAITING;
    send->link = 0;
    send->due = tick_add(now, (struct duration){wait});
    send->back_off.ms =
        send->back_off.ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : send->back_off.ms * 2;
}

static struct receive *receive_numbered(struct transfer *t, uint64_t number) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        if (t->receives[i].state != RECEIVE_FREE && t->receives[i].number == number) {
            return &t->receives[i];
        }
    }
    return NULL;
}

/* The link is gone. What came whole is kept; what is left of a piece is not. */
static void break_off(struct transfer *t, struct receive *receive, struct transfer_actions *out) {
    struct transfer_block *block = receive->filling;
    size_t whole = 0;
    size_t count = 0;
    while (block != NULL && count < block->count) {
        size_t len = piece_length(receive->payload_size, block->first + count);
        if (whole + len > block->filled) {
            break;
        }
        whole += len;
        count++;
    }
    if (block != NULL) {
        receive->next_block = block->first + count;
    } else if (receive->spare != NULL) {
        receive->next_block = receive->spare->first;
    }
    if (count > 0) {
        block->count = count;
        block->len = whole;
        hand_out(receive, block, out);
        receive->filling = NULL;
    }
    give_back(&receive->filling);
    give_back(&receive->spare);
    receive->come = start_of(receive, receive->next_block);
    receive->link = 0;
    receive->run_left = 0;
    receive->state = RECEIVE_SETTLING;
    if (receive->next_leaf < receive->pieces) {
        receive->next_leaf = 0;
    }
    serve_waiting(t);
}

/* Something was written or synced, or a link came or went: what now? */
static void go_on(struct transfer *t, struct receive *receive, struct transfer_actions *out) {
    bool all = false;
    uint64_t held = written(t, receive, &all);
    bool settling = receive->state == RECEIVE_SETTLING;
    if (receive->syncing != 0 || receive->state == RECEIVE_HELD || (settling && !all)) {
        return;
    }
    if (held > receive->durable && (settling || held == receive->payload_size ||
                                    held - receive->durable >= TRANSFER_SYNC_BYTES)) {
        receive->syncing = held;
        act(out, TRANSFER_ACT_SYNC, receive->link, &receive->grant)->receiver = receive->number;
    } else if (settling && receive->link == 0) {
        receive_free(t, receive); /* all is on record; the home will dial again */
    } else if (settling) {
        start(t, receive, out);
    } else if (receive->durable == receive->payload_size) {
        receive->state = RECEIVE_HELD;
        act(out, TRANSFER_ACT_PAYLOAD_HELD, receive->link, &receive->grant);
    }
}

/* Asks the new link for what is missing. */
static void start(struct transfer *t, struct receive *receive, struct transfer_actions *out) {
    bool held = receive->durable == receive->payload_size;
    receive->next_block = 0;
    while (receive->next_block < receive->pieces &&
           start_of(receive, receive->next_block + 1) <= receive->durable) {
        receive->next_block++;
    }
    receive->come = start_of(receive, receive->next_block);
    receive->state = held                                    ? RECEIVE_HELD
                     : receive->next_leaf == receive->pieces ? RECEIVE_PIECES
                                                             : RECEIVE_LEAVES;
    struct transfer_action *want = act(out, TRANSFER_ACT_SEND_WANT, receive->link, &receive->grant);
    want->count = held ? receive->pieces : receive->next_leaf; /* leaves that need not come */
    want->first = receive->next_block;
    if (held) {
        act(out, TRANSFER_ACT_PAYLOAD_HELD, receive->link, &receive->grant);
    } else {
        reserve(t, receive);
    }
}

/* Bytes from the start that are on their file's pages; *all: none is under way behind them. */
static uint64_t written(const struct transfer *t, const struct receive *receive, bool *all) {
    uint64_t held =
        receive->filling == NULL ? receive->come : start_of(receive, receive->filling->first);
    *all = true;
    for (size_t i = 0; i < TRANSFER_BLOCKS_MAX; i++) {
        const struct transfer_block *block = &t->blocks[i];
        if (block->state == BLOCK_OUT && block->receiver == receive->number) {
            uint64_t begin = start_of(receive, block->first);
            held = begin < held ? begin : held;
            *all = false;
        }
    }
    return held;
}

/* A piece that was not granted, or a disk that is full: what is durable stays, the rest goes. */
static void fail(struct transfer *t, struct receive *receive, struct transfer_actions *out) {
    if (receive->link != 0) {
        act(out, TRANSFER_ACT_CLOSE, receive->link, &receive->grant);
    }
    receive_free(t, receive);
}

/* Blocks ahead of what comes, where there are any: without, transfer_has_room() is false. */
static void reserve(struct transfer *t, struct receive *receive) {
    if (receive->state != RECEIVE_LEAVES && receive->state != RECEIVE_PIECES) {
        return;
    }
    if (receive->filling == NULL) {
        receive->filling = new_block(t, receive);
    }
    if (receive->filling != NULL && receive->spare == NULL &&
        receive->filling->len - receive->filling->filled < TRANSFER_INPUT_MAX) {
        receive->spare = new_block(t, receive);
    }
}

static struct transfer_block *new_block(struct transfer *t, struct receive *receive) {
    struct transfer_block *block = NULL;
    for (size_t i = 0; block == NULL && i < TRANSFER_BLOCKS_MAX; i++) {
        block = t->blocks[i].state == BLOCK_FREE ? &t->blocks[i] : NULL;
    }
    if (block == NULL || receive->next_block == receive->pieces) {
        return NULL;
    }
    uint8_t *room =
        block->room == NULL ? aligned_alloc(TRANSFER_PAGE_BYTES, BLOCK_ROOM) : block->room;
    if (room == NULL) {
        return NULL;
    }
    uint64_t offset = start_of(receive, receive->next_block);
    uint64_t left = receive->pieces - receive->next_block;
    *block = (struct transfer_block){.state = BLOCK_FILLING,
                                     .receiver = receive->number,
                                     .grant = receive->grant,
                                     .payload_size = receive->payload_size,
                                     .first = receive->next_block,
                                     .count = left < TRANSFER_BLOCK_PIECES ? (size_t)left
                                                                           : TRANSFER_BLOCK_PIECES,
                                     .room = room,
                                     .data = room + offset % TRANSFER_PAGE_BYTES};
    receive->next_block += block->count;
    block->len = (size_t)(start_of(receive, receive->next_block) - offset);
    return block;
}

static void hand_out(struct receive *receive, struct transfer_block *block,
                     struct transfer_actions *out) {
    memcpy(block->leaves, &receive->leaves[block->first], block->count * sizeof block->leaves[0]);
    block->state = BLOCK_OUT;
    act(out, TRANSFER_ACT_STORE, receive->link, &receive->grant)->block = block;
}

static void give_back(struct transfer_block **block) {
    if (*block != NULL) {
        (*block)->state = BLOCK_FREE;
        *block = NULL;
    }
}

/* In turn, so that no receiver starves. */
static void serve_waiting(struct transfer *t) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        t->served = (t->served + 1) % TRANSFER_RECEIVES_MAX;
        reserve(t, &t->receives[t->served]);
    }
}

/* When a link that brings nothing is given up. While our own disk is what it waits for: never. */
static struct tick stalled_at(const struct receive *receive) {
    bool ours = receive->state == RECEIVE_FREE || receive->state == RECEIVE_SETTLING ||
                receive->syncing != 0;
    return ours ? TICK_NEVER : tick_add(receive->moved, (struct duration){STALLED_MS});
}

static void receive_free(struct transfer *t, struct receive *receive) {
    give_back(&receive->filling);
    give_back(&receive->spare);
    free(receive->leaves);
    *receive = (struct receive){0};
    free_idle_blocks(t);
}

/* They stay, warm, as long as anything is received. */
static void free_idle_blocks(struct transfer *t) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        if (t->receives[i].state != RECEIVE_FREE) {
            return;
        }
    }
    for (size_t i = 0; i < TRANSFER_BLOCKS_MAX; i++) {
        if (t->blocks[i].state == BLOCK_FREE) {
            free(t->blocks[i].room);
            t->blocks[i].room = NULL;
        }
    }
}

static uint64_t start_of(const struct receive *receive, uint64_t piece) {
    return piece >= receive->pieces ? receive->payload_size : piece_offset(piece);
}

static struct transfer_action *act(struct transfer_actions *actions, enum transfer_action_kind kind,
                                   transfer_link link, const struct id *grant) {
    ASSERT(actions->count < TRANSFER_ACTIONS_MAX);
    struct transfer_action *action = &actions->list[actions->count++];
    *action = (struct transfer_action){.kind = kind, .link = link, .grant = *grant};
    return action;
}
