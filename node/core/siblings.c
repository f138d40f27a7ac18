/* The home's other nodes change, as when it joins a further community or takes one out again
 * (PROTOCOL 1.3): what has to do with those that are gone ends, and what may have to cross to a new
 * one is looked for. */
#include <string.h>

#include "node/core/parts.h"

static bool is_known(const struct siblings *siblings, const struct id *community,
                     const struct box_public *transport);
static enum err end_links(struct core *core);

/* A file that `stoop` is still writing in place is looked at again when it is whole. */
enum err siblings_take(struct core *core, struct bytes file) {
    struct siblings siblings;
    size_t line = 0;
    if (siblings_read(file, &siblings, &line) != ERR_OK) {
        core_journal(core, "warn siblings: not one of the home's nodes line=%zu", line);
        return ERR_OK;
    }
    core->config.siblings = siblings;
    core->doors_stale = true;
    memset(core->border->there, 0, sizeof core->border->there);
    memset(core->border->failed, 0, sizeof core->border->failed);
    memset(core->border->dial_due, 0, sizeof core->border->dial_due);
    for (size_t i = 0; i < CARRIES_MAX; i++) {
        struct carry *one = &core->border->carries[i];
        one->used = one->used && is_known(&siblings, &one->to, NULL);
    }
    core_journal(core, "info siblings: taken count=%zu", siblings.count);
    enum err err = end_links(core);
    if (err == ERR_OK && core->is_member) {
        err = gateway_carry_all(core);
        err = err == ERR_OK ? gateway_keep_up(core) : err; /* it may be a gateway from now on */
    }
    return err;
}

static enum err end_links(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        bool dialled = link->no != 0 && link->purpose == PURPOSE_SIBLING;
        bool came = link->no != 0 && link->state == LINK_OPEN && link->door == TRANSPORT_SIBLING;
        if ((dialled || came) &&
            !is_known(&core->config.siblings, &link->about, came ? &link->peer_static : NULL)) {
            err = core_close(core, link, "no node of this home any more");
        }
    }
    return err;
}

static bool is_known(const struct siblings *siblings, const struct id *community,
                     const struct box_public *transport) {
    for (size_t i = 0; i < siblings->count; i++) {
        const struct sibling *sibling = &siblings->list[i];
        if (id_equal(&sibling->community, community) &&
            (transport == NULL || box_public_equal(&sibling->transport, transport))) {
            return true;
        }
    }
    return false;
}
