/* What the files that answer `stoop` share (PROTOCOL 10). Private to them.
 *
 *   control.c          which question it is; the node, its community, its cameras
 *   control_request.c  requests of every home, and what belongs to them: documents, call-backs
 *   control_clips.c    footage: what owners decide on, and what others granted us
 *   control_log.c      the home's log, and what is known of its neighbours'
 *
 * A question is answered in one call. Where more comes later, by an engine, that keeps the client.
 */
#ifndef NODE_CORE_ANSWER_H
#define NODE_CORE_ANSWER_H

#include "node/core/parts.h"

struct answer {
    struct core *core;
    uint64_t client;
    const struct control_request *request;
    /* Of a list that comes in parts: */
    uint64_t skip; /* rows that who asks has already */
    size_t count;  /* rows that were sent */
    size_t bytes;  /* where the part begins among the turn's bytes */
};

/* ---- control.c ---- */
/* core->reply, zeroed; what goes into it is borrowed until it is sent. */
struct control_reply *answer_fresh(const struct answer *answer, enum control_kind kind);
enum err answer_send(const struct answer *answer);
enum err answer_object(const struct answer *answer, struct bytes object);
enum err answer_last_object(const struct answer *answer, struct bytes object);
/* The last word: a part of something that lasts until `total`. */
enum err answer_data(const struct answer *answer, struct bytes data, uint64_t total);
/* Whether the next row is to be sent, or `had` already. ERR_FULL_QUEUE ends the part. */
enum err answer_turn(struct answer *answer, bool *had);
enum err answer_row(struct answer *answer);
/* What the walk over all rows came to: a part that is full is asked for again. */
enum err answer_part(const struct answer *answer, enum err err);

/* ---- control_request.c ---- */
enum err answer_request_put(struct answer *answer);
enum err answer_withdraw(struct answer *answer);
enum err answer_call_back(struct answer *answer);
enum err answer_requests(struct answer *answer);
enum err answer_document_put(struct answer *answer);
enum err answer_document_get(struct answer *answer);

/* ---- control_clips.c ---- */
enum err answer_clips(struct answer *answer);
enum err answer_clip(struct answer *answer);
enum err answer_payload(struct answer *answer);
enum err answer_edited(struct answer *answer);
enum err answer_delivered(struct answer *answer);
enum err answer_delivered_one(struct answer *answer);
enum err answer_delivered_data(struct answer *answer);
enum err answer_collected(struct answer *answer);
enum err answer_delete(struct answer *answer);

/* ---- control_log.c ---- */
enum err answer_leaves(struct answer *answer);
enum err answer_proof(struct answer *answer);
enum err answer_checkpoint(struct answer *answer);
enum err answer_logs(struct answer *answer);
enum err answer_forks(struct answer *answer);

#endif
