#include "tests/support/away.h"

#include "node/base/assert.h"
#include "node/core/parts.h"

static struct link *any_link(struct core *core) {
    struct link *link = core->links;
    while (link->no == 0 || !link->in_overlay) {
        link++;
        ASSERT(link < core->links + CORE_LINKS_MAX);
    }
    return link;
}

uint64_t away_tell(struct world *world, int home, size_t queued, size_t *rounds) {
    struct core *core = world->homes[home].core;
    struct link *link = any_link(core);
    struct core_effects effects;
    size_t drained = 0;
    link->told_parts = 0;
    link->told_all = false;
    ASSERT(core_turn_begin(core) == ERR_OK);
    link->queued = queued;
    ASSERT(away_established(core, link) == ERR_OK);
    while (!link->told_all) {
        ASSERT(++drained < 1000);
        link->queued = queued;
        ASSERT(away_drained(core, link) == ERR_OK);
    }
    ASSERT(core_turn_end(core, &effects) == ERR_OK);
    if (rounds != NULL) {
        *rounds = drained;
    }
    return link->told_parts;
}
