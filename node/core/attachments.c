/* Attachments: every home fetches every one, whether it has a match or not (P2), in pieces, one at
 * a time, from one linked neighbour at a time (PROTOCOL 5.1).
 *
 * Invariants:
 *  1. What is whole in the store has its hash: nothing else is served, so whoever serves what has
 *     not lies.
 *  2. All that is kept of one that is not whole came from the neighbour whose turn it is, or from
 *     an owner of this home: the two are never mixed.
 *  3. A turn ends: each of its pieces is as long as it can be, and has its own time to come.
 *  4. Each takes room of one account's that named it, and turns of that account's. Where there is
 *     no room, who takes more gives way to who takes less; where there are many to ask for, all
 *     accounts have their turns. So whoever names many keeps nobody else's out. That hangs on what
 *     everybody is told alone, and on this home's own (P2). */
#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    TRIES_DOUBLE =
        11, /* from 3 s to 102 min: then all that may be missing take some of the turns */
};

static void note_handed(struct core *core, const struct id *sha256);
static bool is_handed(const struct core *core, const struct id *sha256);
static enum err want_again(struct core *core, const struct store_attachment *want,
                           const struct store_attachment *known);
static enum err make_room(struct core *core, const struct id *account, uint64_t more);
static enum err read_piece(struct core *core, const struct store_attachment *attachment,
                           uint32_t offset, struct buffer *out);
static enum err begin_anew(struct core *core, struct store_attachment *attachment, uint32_t size);
static enum err take_piece(struct core *core, struct link *link,
                           struct store_attachment *attachment, struct bytes data);
static enum err ask_for_next(struct core *core);
static enum err next_missing(struct core *core, struct store_attachment *out);
static enum err count_try(struct core *core, struct store_attachment *missing);
static struct link *any_neighbour(struct core *core, const struct id *sha256);
static enum err ask(struct core *core, struct link *link,
                    const struct store_attachment *attachment);
static void try_later(struct core *core);

enum err attachments_want(struct core *core, const struct store_attachment *want) {
    struct store_attachment known;
    enum err err = store_attachment_get(core->store, &want->sha256, &known);
    if (err != ERR_USER_NOT_FOUND) {
        return err == ERR_OK ? want_again(core, want, &known) : err;
    }
    err = make_room(core, &want->account, want->size);
    return err == ERR_OK ? store_attachment_want(core->store, want) : err;
}

/* Whoever names it first may have no room for all of it: it is charged to who takes less. */
static enum err want_again(struct core *core, const struct store_attachment *want,
                           const struct store_attachment *known) {
    uint64_t used = 0;
    uint64_t used_now = 0;
    enum err err = ERR_OK;
    if (known->have < known->size && !id_equal(&want->account, &known->account)) {
        err = store_attachment_used(core->store, &want->account, &used);
        if (err == ERR_OK) {
            err = store_attachment_used(core->store, &known->account, &used_now);
        }
        if (err == ERR_OK && used + known->size < used_now) {
            err = store_attachment_charge(core->store, &known->sha256, &want->account);
        }
    }
    bool longer = want->expires.ms > known->expires.ms;
    return err == ERR_OK && longer ? store_attachment_want(core->store, want) : err;
}

enum err attachments_resize(struct core *core, struct store_attachment *attachment, uint32_t size) {
    uint32_t more = size > attachment->size ? size - attachment->size : 0;
    enum err err = more > 0 ? make_room(core, &attachment->account, more) : ERR_OK;
    if (err == ERR_OK) {
        err = store_attachment_resize(core->store, &attachment->sha256, size);
    }
    if (err == ERR_OK) {
        attachment->size = size;
        attachment->have = 0;
    }
    return err;
}

enum err attachments_handed(struct core *core, struct store_attachment *attachment,
                            uint64_t offset) {
    enum err err = ERR_OK;
    if (offset == 0 && attachment->have > 0) {
        err = store_attachment_reset(core->store, &attachment->sha256);
        attachment->have = 0;
    }
    /* Who paused for too long begins anew: a neighbour may have begun it meanwhile. */
    bool goes_on =
        offset == attachment->have && (offset == 0 || is_handed(core, &attachment->sha256));
    if (err != ERR_OK || !goes_on) {
        return err == ERR_OK ? ERR_PEER_SEQUENCE : err;
    }
    if (id_equal(&attachment->sha256, &core->attachment_after)) {
        core->attachment_at = 0; /* whose turn it was had it no longer */
        core->attachment_link = 0;
    }
    note_handed(core, &attachment->sha256);
    return ERR_OK;
}

/* In the place that it has; else in that of whose time ends first, or is over. */
static void note_handed(struct core *core, const struct id *sha256) {
    size_t place = 0;
    for (size_t i = 0; i < COUNT_OF(core->handed); i++) {
        if (id_equal(&core->handed[i].sha256, sha256)) {
            place = i;
            break;
        }
        place = core->handed[i].until.ms < core->handed[place].until.ms ? i : place;
    }
    core->handed[place].sha256 = *sha256;
    core->handed[place].until = tick_add(core->now.mono, (struct duration){HANDED_TIME_MS});
}

static bool is_handed(const struct core *core, const struct id *sha256) {
    bool handed = false;
    for (size_t i = 0; i < COUNT_OF(core->handed); i++) {
        handed |= id_equal(sha256, &core->handed[i].sha256) &&
                  !tick_reached(core->now.mono, core->handed[i].until);
    }
    return handed;
}

/* A turn in which pieces have come is not cut short: whoever names many documents would keep this
 * home from all of them. */
void attachments_look(struct core *core) {
    if (core->attachment_at == 0) {
        core->attachment_due = core->now.mono;
    }
}

/* A neighbour's part of one is not passed on: the neighbour may have lied. */
enum err attachments_asked(struct core *core, struct link *link,
                           const struct link_message *message) {
    struct store_attachment attachment;
    uint32_t offset = message->as.attachment_want.offset;
    SCOPED(buffer_finish) struct buffer data = {.max = LINK_DATA_MAX};
    struct link_message piece = {.kind = LINK_ATTACHMENT_PIECE};
    enum err err =
        store_attachment_get(core->store, &message->as.attachment_want.sha256, &attachment);
    if (err == ERR_OK && (attachment.have < attachment.size || offset >= attachment.size)) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = read_piece(core, &attachment, offset, &data);
    }
    if (err == ERR_OK) {
        piece.as.attachment_piece.sha256 = attachment.sha256;
        piece.as.attachment_piece.size = attachment.size;
        piece.as.attachment_piece.offset = offset;
        piece.as.attachment_piece.data = buffer_bytes(&data);
        err = core_send(core, link, &piece);
    }
    return err == ERR_USER_NOT_FOUND || err == ERR_FULL_QUEUE ? ERR_OK : err;
}

enum err attachments_came(struct core *core, struct link *link,
                          const struct link_message *message) {
    struct store_attachment attachment;
    const struct id *sha256 = &message->as.attachment_piece.sha256;
    uint32_t offset = message->as.attachment_piece.offset;
    uint32_t size = message->as.attachment_piece.size;
    if (link->no != core->attachment_link || !id_equal(sha256, &core->attachment_after) ||
        offset != core->attachment_at || is_handed(core, sha256)) {
        return ERR_OK; /* a neighbour asked twice answers twice, and one that is slow too late */
    }
    enum err err = store_attachment_get(core->store, sha256, &attachment);
    if (err == ERR_USER_NOT_FOUND) {
        return ERR_OK; /* expired since */
    }
    if (err != ERR_OK || attachment.have == attachment.size) {
        return err;
    }
    if (offset == 0) {
        err = begin_anew(core, &attachment, size);
    }
    if (err != ERR_OK || size != attachment.size || offset != attachment.have) {
        return err; /* no room for all of it */
    }
    return take_piece(core, link, &attachment, message->as.attachment_piece.data);
}

enum err attachments_finish(struct core *core, const struct store_attachment *attachment,
                            bool *good) {
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
        *good = id_equal(&hash, &attachment->sha256);
        err = *good ? ERR_OK : store_attachment_reset(core->store, &attachment->sha256);
    }
    sha256_destroy(state);
    return err;
}

enum err attachments_tick(struct core *core) {
    return tick_reached(core->now.mono, core->attachment_due) ? ask_for_next(core) : ERR_OK;
}

/* While one takes more than this account would then, it gives way. This home's own never do: they
 * may be nowhere else yet. */
static enum err make_room(struct core *core, const struct id *account, uint64_t more) {
    struct store_attachment goes;
    uint64_t used = 0;
    uint64_t total = 0;
    enum err err = store_attachment_used(core->store, account, &used);
    if (err == ERR_OK) {
        err = store_attachment_total(core->store, &total);
    }
    while (err == ERR_OK && total + more > ATTACHMENTS_MAX) {
        uint64_t most = 0;
        err = store_attachment_most(core->store, &core->self, &most, &goes);
        if (err == ERR_USER_NOT_FOUND || (err == ERR_OK && most <= used + more)) {
            return ERR_FULL_TABLE;
        }
        if (err == ERR_OK) {
            err = store_attachment_drop(core->store, &goes.sha256);
            total -= goes.size;
        }
    }
    return err;
}

/* Across the parts in which it lies: an owner's are of other lengths. */
static enum err read_piece(struct core *core, const struct store_attachment *attachment,
                           uint32_t offset, struct buffer *out) {
    uint32_t left = attachment->size - offset;
    uint32_t len = left < LINK_DATA_MAX ? left : LINK_DATA_MAX;
    enum err err = ERR_OK;
    while (err == ERR_OK && out->len < len) {
        struct bytes data;
        uint32_t had = (uint32_t)out->len;
        err =
            store_attachment_read(core->store, &attachment->sha256, offset + had, len - had, &data);
        err = err == ERR_OK ? buffer_append(out, data) : err;
    }
    return err;
}

/* Whoever names a document first may name a wrong size, and the hash alone says which is right: so
 * it is taken from who has the document, and checked with it. What another began goes. */
static enum err begin_anew(struct core *core, struct store_attachment *attachment, uint32_t size) {
    if (size == attachment->size && attachment->have == 0) {
        return ERR_OK;
    }
    enum err err = attachments_resize(core, attachment, size);
    return err == ERR_FULL_TABLE ? ERR_OK : err;
}

static enum err take_piece(struct core *core, struct link *link,
                           struct store_attachment *attachment, struct bytes data) {
    bool good = false;
    enum err err =
        store_attachment_append(core->store, &attachment->sha256, attachment->have, data);
    if (err != ERR_OK) {
        return err;
    }
    attachment->have += (uint32_t)data.len;
    core->attachment_at = attachment->have;
    if (attachment->have < attachment->size) {
        try_later(core);
        return ask(core, link, attachment);
    }
    err = attachments_finish(core, attachment, &good);
    core->attachment_at = 0;
    core->attachment_due = core->now.mono;
    if (good) {
        core->attachment_link = 0; /* it may be asked again at once */
    }
    return err == ERR_OK && !good ? ERR_PEER_BOUNDS : err; /* all of it is this neighbour's */
}

/* From its beginning, of a neighbour chosen anew for each turn. */
static enum err ask_for_next(struct core *core) {
    struct store_attachment missing;
    core->attachment_due = TICK_NEVER;
    core->attachment_at = 0;
    enum err err = next_missing(core, &missing);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    core->attachment_after = missing.sha256;
    missing.have = 0;
    try_later(core);
    struct link *from = any_neighbour(core, &missing.sha256);
    if (from == NULL) {
        return ERR_OK;
    }
    core->attachment_link = from->no;
    err = count_try(core, &missing);
    return err == ERR_OK ? ask(core, from, &missing) : err;
}

/* Of those that are due, one of each account's in turn. When none is: all in turn, after the last
 * one the first. */
static enum err next_missing(struct core *core, struct store_attachment *out) {
    enum err err =
        store_attachment_next_due(core->store, &core->attachment_account, core->now.wall, out);
    if (err == ERR_OK) {
        core->attachment_account = out->account;
        return ERR_OK;
    }
    if (err == ERR_USER_NOT_FOUND) {
        err = store_attachment_next_missing(core->store, &core->attachment_after, out);
    }
    if (err == ERR_USER_NOT_FOUND && !id_is_zero(&core->attachment_after)) {
        core->attachment_after = (struct id){{0}};
        err = store_attachment_next_missing(core->store, &core->attachment_after, out);
    }
    return err;
}

/* One that nobody has is due later and later, so that it keeps few turns from those that come. */
static enum err count_try(struct core *core, struct store_attachment *missing) {
    if (!instant_reached(core->now.wall, missing->due)) {
        return ERR_OK;
    }
    const unsigned doubled = missing->tries < TRIES_DOUBLE ? missing->tries : TRIES_DOUBLE;
    const struct duration wait = {(int64_t)ATTACHMENT_RETRY_MS << doubled};
    missing->due = instant_add(core->now.wall, wait);
    missing->tries++;
    return store_attachment_tried(core->store, missing);
}

/* Each with the same chance, but the one whose turn it was only where there is no other; NULL:
 * there is none. An outsider hears of no document but its own. */
static struct link *any_neighbour(struct core *core, const struct id *sha256) {
    struct link *chosen = NULL;
    struct link *again = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        /* A gateway's other node has the documents of what it carried. */
        bool carries = link->state == LINK_OPEN && link->door == TRANSPORT_SIBLING &&
                       link->purpose == PURPOSE_IN;
        bool outside = link->state == LINK_OPEN && link->door == TRANSPORT_OUTSIDER &&
                       link->purpose == PURPOSE_IN && outside_may_have(core, &link->about, sha256);
        bool may = link->in_overlay || carries || outside;
        if (link->no == 0 || !may) {
            continue;
        }
        if (link->no == core->attachment_link) {
            again = link;
        } else if (core_random(core) % ++seen == 0) {
            chosen = link;
        }
    }
    return chosen == NULL ? again : chosen;
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
