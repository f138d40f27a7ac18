/* Invariants:
 *  1  The size of a remembered head never falls.
 *  2  A head is cosigned only when it extends the remembered one. */
#include "node/log/witness.h"

#include "node/base/assert.h"

enum witness_verdict witness_judge(const struct checkpoint *known,
                                   const struct witness_shown *shown) {
    const struct checkpoint *head = shown->head;
    if (known == NULL || known->size == 0) { /* every tree extends the empty one */
        return WITNESS_COSIGN;
    }
    if (head->size == known->size) {
        return id_equal(&head->root, &known->root) ? WITNESS_COSIGN : WITNESS_FORK;
    }
    if (head->size < known->size || shown->old_size == 0) {
        return WITNESS_ASK;
    }
    if (shown->old_size != known->size) {
        return WITNESS_STALE;
    }
    ASSERT(shown->proof != NULL);
    ASSERT(shown->old_root != NULL);
    if (!merkle_verify_consistency(known->size, head->size, shown->proof, shown->old_root,
                                   &head->root)) {
        return WITNESS_REFUSE;
    }
    return id_equal(shown->old_root, &known->root) ? WITNESS_COSIGN : WITNESS_FORK;
}

bool witness_head_is_ours(const struct checkpoint *head, const struct id *own_root_at) {
    return own_root_at != NULL && id_equal(own_root_at, &head->root);
}
