/* Invariants:
 *  1. A piece is written only after its hash equals a leaf of a list whose root is the granted one.
 *  2. TRANSFER_ACT_PAYLOAD_HELD comes only with the SYNC that makes the last piece durable.
 *  3. The header is sent only to a link that has receipted the whole payload. */
#include "node/transfer/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"

enum {
    RETRY_FIRST_MS = 2000,
    RETRY_LAST_MS = 600 * 1000,
    DIAL_PENDING_MS = 20 * 1000,
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
        RECEIVE_LEAVES,
        RECEIVE_PIECES,
        RECEIVE_HELD, /* the header is awaited */
    } state;
    struct id grant;
    struct id root;
    transfer_link link;
    uint64_t payload_size;
    uint64_t pieces;
    uint64_t next_leaf;
    uint64_t next_piece;
    uint64_t durable;  /* bytes */
    uint64_t run_left; /* bytes announced and not yet come */
    size_t filled;     /* of `piece` */
    struct id *leaves; /* owned, `pieces` of them */
    uint8_t *piece;    /* owned, PIECE_MAX bytes */
};

struct transfer {
    struct send sends[TRANSFER_SENDS_MAX];
    struct receive receives[TRANSFER_RECEIVES_MAX];
    struct tick now; /* of the last step that was told */
};

static struct send *find_send(struct transfer *t, const struct id *grant);
static struct send *send_on(struct transfer *t, transfer_link link);
static struct receive *find_receive(struct transfer *t, const struct id *grant);
static struct receive *receive_on(struct transfer *t, transfer_link link);
static void send_next(struct transfer *t, struct send *send, struct transfer_actions *out);
static void send_run(struct send *send, struct transfer_actions *out);
static void send_later(struct send *send, struct tick now, uint64_t random);
static enum err take_piece(struct receive *receive, struct transfer_actions *out);
static void receive_free(struct receive *receive);
static struct transfer_action *act(struct transfer_actions *actions, enum transfer_action_kind kind,
                                   transfer_link link, const struct id *grant);

struct transfer *transfer_create(void) {
    return calloc(1, sizeof(struct transfer));
}

void transfer_destroy(struct transfer *transfer) {
    for (size_t i = 0; transfer != NULL && i < TRANSFER_RECEIVES_MAX; i++) {
        receive_free(&transfer->receives[i]);
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

void transfer_forget(struct transfer *transfer, const struct id *grant) {
    struct send *send = find_send(transfer, grant);
    if (send != NULL) {
        *send = (struct send){0};
    }
}

void transfer_link_up(struct transfer *transfer, const struct id *grant, transfer_link link,
                      struct now now, struct transfer_actions *out) {
    out->count = 0;
    transfer->now = now.mono;
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
                        uint64_t random) {
    struct send *send = send_on(transfer, link);
    if (send != NULL) {
        send_later(send, now.mono, random);
    }
    struct receive *receive = receive_on(transfer, link);
    if (receive != NULL) {
        receive_free(receive); /* what is durable is on record; the home will dial again */
    }
}

void transfer_drained(struct transfer *transfer, transfer_link link, struct transfer_actions *out) {
    out->count = 0;
    struct send *send = send_on(transfer, link);
    if (send != NULL) {
        send->moved = transfer->now;
        send_next(transfer, send, out);
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
    send->back_off = (struct duration){RETRY_FIRST_MS};
    send_next(transfer, send, out);
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
                          const struct id *grant_id, uint64_t received,
                          struct transfer_actions *out) {
    out->count = 0;
    struct receive *receive = find_receive(transfer, grant_id);
    if (receive != NULL) {
        act(out, TRANSFER_ACT_CLOSE, receive->link, grant_id);
        receive_free(receive);
    }
    for (size_t i = 0; receive == NULL && i < TRANSFER_RECEIVES_MAX; i++) {
        receive = transfer->receives[i].state == RECEIVE_FREE ? &transfer->receives[i] : NULL;
    }
    uint64_t pieces = piece_count(grant->payload_size);
    ASSERT(pieces > 0); /* the fence takes no empty payload */
    if (receive == NULL || pieces > TRANSFER_PIECES_MAX) {
        return ERR_FULL_TABLE;
    }
    bool held = received == grant->payload_size;
    *receive = (struct receive){.state = held ? RECEIVE_HELD : RECEIVE_LEAVES,
                                .grant = *grant_id,
                                .root = grant->payload_root,
                                .link = link,
                                .payload_size = grant->payload_size,
                                .pieces = pieces,
                                .durable = received};
    while (receive->next_piece < pieces &&
           piece_offset(receive->next_piece) +
                   piece_length(grant->payload_size, receive->next_piece) <=
               received) {
        receive->next_piece++;
    }
    if (!held) {
        receive->leaves = calloc((size_t)pieces, sizeof *receive->leaves);
        receive->piece = malloc(PIECE_MAX);
        if (receive->leaves == NULL || receive->piece == NULL) {
            receive_free(receive);
            return ERR_HOST_MEMORY;
        }
    }
    struct transfer_action *want = act(out, TRANSFER_ACT_SEND_WANT, link, grant_id);
    want->count = held ? pieces : 0; /* leaves that need not come */
    want->first = receive->next_piece;
    if (held) {
        act(out, TRANSFER_ACT_PAYLOAD_HELD, link, grant_id);
    }
    return ERR_OK;
}

enum err transfer_take_leaves(struct transfer *transfer, transfer_link link,
                              const struct link_message *message, struct transfer_actions *out) {
    out->count = 0;
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
    if (receive->next_leaf < receive->pieces) {
        return ERR_OK;
    }
    struct id root;
    piece_root(receive->leaves, (size_t)receive->pieces, &root);
    if (!id_equal(&root, &receive->root)) {
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
        message->as.pieces.first != receive->next_piece) {
        return ERR_PEER_SEQUENCE;
    }
    uint64_t left = receive->payload_size - piece_offset(receive->next_piece);
    if (message->as.pieces.bytes == 0 || message->as.pieces.bytes > left) {
        return ERR_PEER_BOUNDS;
    }
    receive->run_left = message->as.pieces.bytes;
    return ERR_OK;
}

enum err transfer_take_bulk(struct transfer *transfer, transfer_link link, struct bytes data,
                            size_t *consumed, struct transfer_actions *out) {
    out->count = 0;
    struct receive *receive = receive_on(transfer, link);
    if (receive == NULL || receive->state != RECEIVE_PIECES || receive->run_left == 0) {
        return ERR_PEER_SEQUENCE;
    }
    size_t want = piece_length(receive->payload_size, receive->next_piece) - receive->filled;
    size_t take = data.len < want ? data.len : want;
    if (take > receive->run_left) {
        take = (size_t)receive->run_left;
    }
    memcpy(receive->piece + receive->filled, data.at, take);
    receive->filled += take;
    receive->run_left -= take;
    *consumed = take;
    return take == want ? take_piece(receive, out) : ERR_OK;
}

void transfer_received(struct transfer *transfer, const struct id *grant) {
    struct receive *receive = find_receive(transfer, grant);
    if (receive != NULL) {
        receive_free(receive);
    }
}

bool transfer_receiving(const struct transfer *transfer, transfer_link link, struct id *grant,
                        bool *payload_held) {
    for (size_t i = 0; i < TRANSFER_RECEIVES_MAX; i++) {
        const struct receive *receive = &transfer->receives[i];
        if (receive->state != RECEIVE_FREE && receive->link == link) {
            *grant = receive->grant;
            *payload_held = receive->state == RECEIVE_HELD;
            return true;
        }
    }
    return false;
}

/* ---- time ---- */

void transfer_tick(struct transfer *transfer, struct now now, uint64_t random,
                   struct transfer_actions *out) {
    out->count = 0;
    transfer->now = now.mono;
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
            if (tick_reached(now.mono, tick_add(send->moved, (struct duration){STALLED_MS}))) {
                act(out, TRANSFER_ACT_CLOSE, send->link, &send->clip.grant);
                send_later(send, now.mono, random + i);
            }
            break;
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
            *bytes = receive->next_piece == receive->pieces ? receive->payload_size
                                                            : piece_offset(receive->next_piece);
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
        if (t->receives[i].state != RECEIVE_FREE && t->receives[i].link == link) {
            return &t->receives[i];
        }
    }
    return NULL;
}

/* Leaves, then runs, one at a time: the next goes out when the link has taken the one before, so a
 * slow reader holds one run of our file open and no memory. */
static void send_next(struct transfer *t, struct send *send, struct transfer_actions *out) {
    (void)t;
    if (send->state == SEND_LEAVES) {
        if (send->next_leaf < send->pieces) {
            struct transfer_action *leaves =
                act(out, TRANSFER_ACT_SEND_LEAVES, send->link, &send->clip.grant);
            uint64_t left = send->pieces - send->next_leaf;
            leaves->clip = send->clip.clip;
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
    send->state = SEND_WAITING;
    send->link = 0;
    send->due = tick_add(now, (struct duration){wait});
    send->back_off.ms =
        send->back_off.ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : send->back_off.ms * 2;
}

static enum err take_piece(struct receive *receive, struct transfer_actions *out) {
    struct id leaf;
    struct bytes piece = {receive->piece, receive->filled};
    piece_leaf(piece, &leaf);
    if (!id_equal(&leaf, &receive->leaves[receive->next_piece])) {
        return ERR_PEER_TREE;
    }
    struct transfer_action *write = act(out, TRANSFER_ACT_WRITE, receive->link, &receive->grant);
    write->offset = piece_offset(receive->next_piece);
    write->data = piece;
    uint64_t held = write->offset + receive->filled;
    receive->filled = 0;
    receive->next_piece++;
    bool whole = receive->next_piece == receive->pieces;
    if (whole || held - receive->durable >= TRANSFER_SYNC_BYTES) {
        act(out, TRANSFER_ACT_SYNC, receive->link, &receive->grant)->offset = held;
        receive->durable = held;
    }
    if (whole) {
        receive->state = RECEIVE_HELD;
        act(out, TRANSFER_ACT_PAYLOAD_HELD, receive->link, &receive->grant);
    }
    return ERR_OK;
}

static void receive_free(struct receive *receive) {
    free(receive->leaves);
    free(receive->piece);
    *receive = (struct receive){0};
}

static struct transfer_action *act(struct transfer_actions *actions, enum transfer_action_kind kind,
                                   transfer_link link, const struct id *grant) {
    ASSERT(actions->count < TRANSFER_ACTIONS_MAX);
    struct transfer_action *action = &actions->list[actions->count++];
    *action = (struct transfer_action){.kind = kind, .link = link, .grant = *grant};
    return action;
}
