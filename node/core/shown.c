/* Who grants shows whom it grants to that it is a member, where that one knows none: its own
 * certificate and those that lead to a founder, and nothing of anybody else (PROTOCOL 7). They go
 * over the delivery link before the offer. */
#include "node/base/assert.h"
#include "node/core/parts.h"

static size_t parts_of(struct bytes shown, struct bytes out[CHAIN_PARTS_MAX]);
static enum err keep(struct core *core, struct bytes part);

enum err shown_send(struct core *core, struct link *link) {
    struct id chain[CHAIN_PARTS_MAX];
    struct link_message message = {.kind = LINK_STANDING};
    size_t count = standing_chain(core, &core->self, chain);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        struct store_object row;
        err = store_object_get(core->store, &chain[i], &row);
        message.as.standing.object = row.object;
        link->queued = 0; /* bounded by the chain's length */
        err = err == ERR_OK ? core_send(core, link, &message) : err;
    }
    return err;
}

enum err shown_take(struct core *core, struct link *link, struct bytes part) {
    uint8_t len[4];
    if (!core->is_outsider || link->shown_count == CHAIN_PARTS_MAX) {
        return ERR_PEER_SEQUENCE;
    }
    link->shown_count++;
    write_u32(len, (uint32_t)part.len);
    enum err err = buffer_append(&link->shown, BYTES_OF(len));
    return err == ERR_OK ? buffer_append(&link->shown, part) : err;
}

enum err shown_judge(struct core *core, struct link *link, const struct id *certificate) {
    struct bytes parts[CHAIN_PARTS_MAX];
    struct member leaf;
    struct id id;
    size_t count = parts_of(buffer_bytes(&link->shown), parts);
    enum err err = chain_verify(community_governance(core->community), parts, count, core->now.wall,
                                &leaf, &id);
    if (err == ERR_OK && !id_equal(&id, certificate)) {
        err = ERR_PEER_CERTIFICATE;
    }
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = keep(core, parts[i]);
    }
    buffer_clear(&link->shown);
    link->shown_count = 0;
    return err;
}

static size_t parts_of(struct bytes shown, struct bytes out[CHAIN_PARTS_MAX]) {
    size_t count = 0;
    while (shown.len >= 4 && count < CHAIN_PARTS_MAX) {
        size_t len = read_u32(shown.at);
        ASSERT(len <= shown.len - 4);
        out[count++] = (struct bytes){shown.at + 4, len};
        shown = (struct bytes){shown.at + 4 + len, shown.len - 4 - len};
    }
    return count;
}

/* Like any object, by the fence: what is known already is known. */
static enum err keep(struct core *core, struct bytes part) {
    enum err verdict = ERR_OK;
    enum err err = gossip_take(core, NULL, part, (struct way){0}, &verdict);
    return err == ERR_OK && core_is_fatal(verdict) ? verdict : err;
}
