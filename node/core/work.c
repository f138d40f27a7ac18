/* Work that blocks: pieces to be checked and written, files to be synced or removed. */
#include "node/base/assert.h"
#include "node/core/parts.h"

/* There are as many places as can be begun at once. */
enum err work_begin(struct core *core, const struct core_work *work) {
    struct core_work *place = core->works;
    while (place->kind != WORK_NONE) {
        place++;
        ASSERT(place < core->works + COUNT_OF(core->works));
    }
    *place = *work;
    place->disk = &core->config.disk;
    enum err err = core_effect(core, &(struct core_effect){.kind = CORE_DO_WORK, .work = place},
                               (struct bytes){NULL, 0});
    core->work_waits = true;
    if (err != ERR_OK) {
        place->result = err;
        return work_done(core, place);
    }
    return ERR_OK;
}

/* Another thread runs this: nothing of core but the work itself and what may be shared. */
void core_work_do(struct core_work *work) {
    struct bytes name = BYTES_OF(work->name.b);
    switch (work->kind) {
    case WORK_STORE:
        work->result = transfer_block_good(work->block)
                           ? work->disk->write(work->disk->context, work->file, name,
                                               piece_offset(work->block->first),
                                               (struct bytes){work->block->data, work->block->len})
                           : ERR_PEER_TREE;
        break;
    case WORK_SYNC:
        work->result = work->disk->sync(work->disk->context, work->file, name);
        break;
    case WORK_REMOVE:
        work->result = work->disk->remove(work->disk->context, work->file, name);
        break;
    case WORK_NONE:
        ASSERT(false);
    }
}

enum err work_done(struct core *core, struct core_work *work) {
    struct core_work done = *work;
    work->kind = WORK_NONE;
    return done.file == CORE_FILE_EDITED ? edited_worked(core, &done)
                                         : received_worked(core, &done);
}

bool work_removes(const struct core *core, enum core_file file) {
    for (size_t i = 0; i < COUNT_OF(core->works); i++) {
        if (core->works[i].kind == WORK_REMOVE && core->works[i].file == file) {
            return true;
        }
    }
    return false;
}
