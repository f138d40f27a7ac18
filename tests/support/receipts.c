#include "tests/support/receipts.h"

#include "node/core/parts.h"
#include "tests/support/check.h"

void receipts_tell(struct core *core, const struct id *author, const struct id *request, uint32_t i,
                   bool deleted) {
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    struct head head = {.community = *community_id(core->community),
                        .author = *author,
                        .created = core->now.wall,
                        .expires = {core->now.wall.ms + DURATION_HOUR_MS}};
    struct id commitment = {{1}};
    write_u32(commitment.b + 1, i);
    const struct receipt_commitment receipt = {head, *request, commitment};
    const struct deletion_receipt deletion = {head, *request, commitment, core->now.wall};
    CHECK_ERR(ERR_OK, deleted ? deletion_receipt_encode(&deletion, &body)
                              : receipt_commitment_encode(&receipt, &body));
    signed_start(deleted ? OBJECT_DELETION_RECEIPT : OBJECT_RECEIPT_COMMITMENT, buffer_bytes(&body),
                 &object);
    CHECK_ERR(ERR_OK, owed_object(core, &object));
}

bool receipts_owed(struct core *core, const struct id *author, uint32_t i) {
    struct id commitment = {{1}};
    bool open = false;
    write_u32(commitment.b + 1, i);
    CHECK_ERR(ERR_OK, store_owed_open(core->store, &commitment, author, &open));
    return open;
}
