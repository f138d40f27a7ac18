/* What `stoop log` and `stoop report` ask: this home's log, and what is known of its neighbours'
 * (PROTOCOL 8, 10). */
#include <stdio.h>
#include <string.h>

#include "crypto/note.h"
#include "node/core/answer.h"

enum {
    LEAVES_AT_ONCE = 512
};

static enum err logs_of_doors(struct answer *answer);
static enum err visit_fork(void *context, const struct sign_public *log, struct bytes proof);

enum err answer_leaves(struct answer *answer) {
    struct core *core = answer->core;
    const uint64_t first = answer->request->offset;
    enum err err = ERR_OK;
    for (uint64_t i = first; err == ERR_OK && i < log_size(core->log) && i - first < LEAVES_AT_ONCE;
         i++) {
        struct store_leaf leaf;
        err = store_leaf_get(core->store, i, &leaf);
        if (err == ERR_OK) {
            struct control_reply *got = answer_fresh(answer, CONTROL_GOT_LEAF);
            got->as.leaf.index = i;
            got->as.leaf.leaf = leaf.leaf;
            got->as.leaf.opening = leaf.opening;
            err = answer_send(answer);
        }
    }
    return err;
}

enum err answer_proof(struct answer *answer) {
    struct core *core = answer->core;
    const uint64_t index = answer->request->offset;
    char note[NOTE_MAX];
    struct merkle_proof merkle;
    struct store_leaf leaf;
    uint64_t size = 0;
    enum err err = record_checkpoint(core, index, &size, note);
    if (err == ERR_OK) {
        err = record_prove(core, index, size, &merkle);
    }
    if (err == ERR_OK) {
        err = store_leaf_get(core->store, index, &leaf);
    }
    if (err == ERR_OK) {
        struct control_reply *got = answer_fresh(answer, CONTROL_GOT_PROOF);
        got->last = true;
        got->as.proof.index = index;
        got->as.proof.size = size;
        got->as.proof.count = merkle.count;
        memcpy(got->as.proof.hashes, merkle.hashes, merkle.count * sizeof merkle.hashes[0]);
        got->as.proof.leaf = leaf.leaf;
        got->as.proof.checkpoint = BYTES_TEXT(note);
        err = answer_send(answer);
    }
    return err;
}

enum err answer_checkpoint(struct answer *answer) {
    char note[NOTE_MAX];
    uint64_t size = 0;
    enum err err = record_checkpoint(answer->core, 0, &size, note);
    return err == ERR_OK ? answer_last_object(answer, BYTES_TEXT(note)) : err;
}

/* Whose cosignatures count, and under which key: `stoop log verify` checks them itself. */
enum err answer_logs(struct answer *answer) {
    struct core *core = answer->core;
    enum err err = core->is_member ? ERR_OK : ERR_USER_NO_COMMUNITY;
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        if (community_is_outside(core->community, id) && !id_equal(id, &core->self)) {
            continue; /* it is nobody's witness */
        }
        struct control_reply *got = answer_fresh(answer, CONTROL_GOT_LOG);
        got->as.log.certificate = *id;
        (void)snprintf(got->as.log.name, sizeof got->as.log.name, "%s",
                       community_find(core->community, id)->name);
        err = witness_log_key(core, id, &got->as.log.log);
        if (err == ERR_OK) {
            err = answer_send(answer);
        }
    }
    return err == ERR_OK ? logs_of_doors(answer) : err;
}

/* To an outsider its doors are no members, until one of them grants. */
static enum err logs_of_doors(struct answer *answer) {
    static const struct sign_public none = {{0}};
    struct core *core = answer->core;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < core->outside.door_count; i++) {
        const struct outside_door *door = &core->outside.doors[i];
        const struct link *link = links_find(core, door->link);
        const struct member *known = community_find(core->community, &door->code.home);
        if (link == NULL || !link->caught_up || sign_public_equal(&link->log, &none) ||
            (known != NULL && sign_public_equal(&known->log, &link->log))) {
            continue;
        }
        struct control_reply *got = answer_fresh(answer, CONTROL_GOT_LOG);
        got->as.log.certificate = door->code.home;
        got->as.log.log = link->log;
        (void)snprintf(got->as.log.name, sizeof got->as.log.name, "%s", door->code.name);
        err = answer_send(answer);
    }
    return err;
}

enum err answer_forks(struct answer *answer) {
    return store_fork_each(answer->core->store, visit_fork, answer);
}

static enum err visit_fork(void *context, const struct sign_public *log, struct bytes proof) {
    (void)log;
    return answer_object(context, proof);
}
