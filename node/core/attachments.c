/* Attachments: every home fetches every one, whether it has a match or not (P2), in pieces, one at
 * a time, from one linked neighbour at a time (PROTOCOL 5.4). */
#include "node/base/assert.h"
#include "node/core/parts.h"

static enum err has_room_for(struct core *core, uint64_t more);
static enum err take_size(struct core *core, struct store_attachment *attachment, uint32_t size,
                          bool *goes_on);
static enum err take_piece(struct core *core, struct link *link,
                           struct store_attachment *attachment, struct bytes data);
static enum err finish_attachment(struct core *core, const struct store_attachment *attachment);
static enum err ask_for_next(struct core *core);
static enum err next_missing(struct core *core, struct store_attachment *out);
static struct link *any_neighbour(struct core *core, const struct id *sha256);
static enum err ask(struct core *core, struct link *link,
                    const struct store_attachment *attachment);
static void try_later(struct core *core);

enum err attachments_want(struct core *core, const struct store_attachment *want) {
    struct store_attachment known;
    enum err err = store_attachment_get(core->store, &want->sha256, &known);
    if (err == ERR_USER_NOT_FOUND) {
        err = has_room_for(core, want->size);
    }
    return err == ERR_OK ? store_attachment_want(core->store, want) : err;
}

enum err attachments_resize(struct core *core, struct store_attachment *attachment, uint32_t size) {
    enum err err = size > attachment->size ? has_room_for(core, size - attachment->size) : ERR_OK;
    if (err == ERR_OK) {
        err = store_attachment_resize(core->store, &attachment->sha256, size);
    }
    if (err == ERR_OK) {
        attachment->size = size;
    }
    return err;
}

enum err attachments_asked(struct core *core, struct link *link,
                           const struct link_message *message) {
    struct store_attachment attachment;
    struct bytes data;
    struct link_message piece = {.kind = LINK_ATTACHMENT_PIECE};
    enum err err =
        store_attachment_get(core->store, &message->as.attachment_want.sha256, &attachment);
    if (err == ERR_OK && message->as.attachment_want.offset < attachment.have) {
        err = store_attachment_read(core->store, &attachment.sha256,
                                    message->as.attachment_want.offset, LINK_DATA_MAX, &data);
        if (err == ERR_OK) {
            piece.as.attachment_piece.sha256 = attachment.sha256;
            piece.as.attachment_piece.size = attachment.size;
            piece.as.attachment_piece.offset = message->as.attachment_want.offset;
            piece.as.attachment_piece.data = data;
            err = core_send(core, link, &piece);
        }
    }
    return err == ERR_USER_NOT_FOUND || err == ERR_FULL_QUEUE ? ERR_OK : err;
}

enum err attachments_came(struct core *core, struct link *link,
                          const struct link_message *message) {
    struct store_attachment attachment;
    struct bytes data = message->as.attachment_piece.data;
    uint32_t size = message->as.attachment_piece.size;
    bool goes_on = true;
    enum err err =
        store_attachment_get(core->store, &message->as.attachment_piece.sha256, &attachment);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK; /* not asked for, or expired since */
    }
    if (err != ERR_OK) {
        return err;
    }
    if (link->no != core->attachment_link || attachment.have == attachment.size) {
        return ERR_OK; /* a neighbour asked twice answers twice */
    }
    if (size != attachment.size && size <= DOCUMENT_MAX) {
        err = take_size(core, &attachment, size, &goes_on);
        if (err != ERR_OK || !goes_on) {
            return err;
        }
    }
    if (message->as.attachment_piece.offset != attachment.have || data.len == 0 ||
        size != attachment.size || data.len > attachment.size - attachment.have) {
        return ERR_OK;
    }
    return take_piece(core, link, &attachment, data);
}

enum err attachments_tick(struct core *core) {
    return tick_reached(core->now.mono, core->attachment_due) ? ask_for_next(core) : ERR_OK;
}

static enum err has_room_for(struct core *core, uint64_t more) {
    uint64_t total = 0;
    enum err err = store_attachment_total(core->store, &total);
    return err == ERR_OK && total + more > ATTACHMENTS_MAX ? ERR_FULL_TABLE : err;
}

/* Whoever names a document first may name a wrong size, and the hash alone says which is right: so
 * it is taken from who has the document, and checked with it. What had come goes. */
static enum err take_size(struct core *core, struct store_attachment *attachment, uint32_t size,
                          bool *goes_on) {
    enum err err = attachments_resize(core, attachment, size);
    if (err == ERR_FULL_TABLE) {
        *goes_on = false; /* no room for all of it */
        return ERR_OK;
    }
    if (err == ERR_OK && attachment->have > 0) {
        try_later(core); /* from its beginning */
        *goes_on = false;
    }
    return err;
}

static enum err take_piece(struct core *core, struct link *link,
                           struct store_attachment *attachment, struct bytes data) {
    enum err err =
        store_attachment_append(core->store, &attachment->sha256, attachment->have, data);
    attachment->have += (uint32_t)data.len;
    if (err != ERR_OK) {
        return err;
    }
    if (attachment->have == attachment->size) {
        return finish_attachment(core, attachment);
    }
    try_later(core);
    return ask(core, link, attachment);
}

static enum err finish_attachment(struct core *core, const struct store_attachment *attachment) {
    struct id hash;
    struct sha256_state *state = sha256_create();
    enum err err = state == NULL ? ERR_HOST_MEMORY : ERR_OK;
    for (uint32_t at = 0; err == ERR_OK && at < attachment->size;) {
        struct bytes data;
        err = store_attachment_read(core->store, &attachment->sha256, at, attachment->size, &data);
        if (err == ERR_OK) {
            sha256_update(state, data);
            at += (uint32_t)data.len;
        }
    }
    if (err == ERR_OK) {
        sha256_final(state, &hash);
        if (!id_equal(&hash, &attachment->sha256)) {
            err = store_attachment_reset(core->store, &attachment->sha256);
            try_later(core);
        }
    }
    sha256_destroy(state);
    return err;
}

/* From a neighbour chosen anew at each try. */
static enum err ask_for_next(struct core *core) {
    struct store_attachment missing;
    core->attachment_due = TICK_NEVER;
    enum err err = next_missing(core, &missing);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    core->attachment_after = missing.sha256;
    try_later(core);
    struct link *from = any_neighbour(core, &missing.sha256);
    if (from == NULL) {
        return ERR_OK;
    }
    core->attachment_link = from->no;
    return ask(core, from, &missing);
}

/* In turn: after the last one the first. */
static enum err next_missing(struct core *core, struct store_attachment *out) {
    enum err err = store_attachment_next_missing(core->store, &core->attachment_after, out);
    if (err == ERR_USER_NOT_FOUND && !id_is_zero(&core->attachment_after)) {
        core->attachment_after = (struct id){{0}};
        err = store_attachment_next_missing(core->store, &core->attachment_after, out);
    }
    return err;
}

/* Each with the same chance; NULL: there is none. An outsider hears of no document but its own. */
static struct link *any_neighbour(struct core *core, const struct id *sha256) {
    struct link *chosen = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        /* A gateway's other node has the documents of what it carried. */
        bool carries = link->state == LINK_OPEN && link->door == TRANSPORT_SIBLING &&
                       link->purpose == PURPOSE_IN;
        bool outside = link->state == LINK_OPEN && link->door == TRANSPORT_OUTSIDER &&
                       link->purpose == PURPOSE_IN && outside_may_have(core, &link->about, sha256);
        bool may = link->in_overlay || carries || outside;
        if (link->no != 0 && may && core_random(core) % ++seen == 0) {
            chosen = link;
        }
    }
    return chosen;
}

static enum err ask(struct core *core, struct link *link,
                    const struct store_attachment *attachment) {
    struct link_message want = {.kind = LINK_ATTACHMENT_WANT};
    want.as.attachment_want.sha256 = attachment->sha256;
    want.as.attachment_want.offset = attachment->have;
    enum err err = core_send(core, link, &want);
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

static void try_later(struct core *core) {
    core->attachment_due = tick_add(core->now.mono, (struct duration){ATTACHMENT_RETRY_MS});
}
