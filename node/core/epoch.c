/* The epoch key, which opens the member door, and the catch-up door's keys (PROTOCOL 4.8).
 *
 * It is made of the founding key and of what each removal adds, so two removals in two halves of a
 * community that is cut apart end in one key that neither of the removed can make. What a removal
 * adds travels from neighbour to neighbour, over links between members in standing; the removal
 * commits to it by hash.
 *
 * Who comes back knows an older key. It knocks at the catch-up door, with any of the parts that
 * both have, and each side tells the other all that decides who is a member. */
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    CATCH_UP_AGE_DAYS = 90,
};

struct parts { /* of the key: those that count, in order */
    struct core *core;
    struct buffer bytes; /* 32 of the founding key, then removal and key of each */
};

struct each {
    struct core *core;
    store_epoch_visit *visit;
    void *context;
};

static enum err visit_part(void *context, const struct store_epoch *epoch);
static enum err visit_door(void *context, const struct store_epoch *epoch);
static bool known(const struct core *core, const struct id *removal);
static enum err commitment_of(struct core *core, const struct id *removal, struct id *out);
static enum err keep(struct core *core, const struct id *removal, const uint8_t *key);
static enum err spread(struct core *core, const struct store_epoch *part);
static enum err take_pending(struct core *core);
static enum err visit_each(void *context, const struct store_epoch *epoch);

/* ---- the key ---- */

enum err epoch_load(struct core *core) {
    struct parts parts = {.core = core};
    if (core->is_outsider) {
        return ERR_OK; /* no member door opens for it */
    }
    buffer_init(&parts.bytes,
                EPOCH_KEY_BYTES + COMMUNITY_REMOVALS_MAX * sizeof(struct store_epoch));
    enum err err = store_epoch_each(core->store, visit_part, &parts);
    if (err == ERR_OK && parts.bytes.len < EPOCH_KEY_BYTES) {
        err = ERR_HOST_DATABASE;
    }
    if (err == ERR_OK) {
        const struct bytes founding = {parts.bytes.at, EPOCH_KEY_BYTES};
        const struct bytes added = {parts.bytes.at + EPOCH_KEY_BYTES,
                                    parts.bytes.len - EPOCH_KEY_BYTES};
        hash_labelled("stoop epoch key v1", founding, added, core->epoch_key,
                      sizeof core->epoch_key);
        core->doors_stale = true;
        core->catch_up_count = 0;
        err = store_epoch_each(core->store, visit_door, core);
    }
    if (parts.bytes.len > 0) {
        secret_wipe(parts.bytes.at, parts.bytes.len);
    }
    buffer_finish(&parts.bytes);
    return err;
}

static enum err visit_part(void *context, const struct store_epoch *epoch) {
    struct parts *parts = context;
    bool founding = id_is_zero(&epoch->removal);
    if (!founding && !community_removal_counts(parts->core->community, &epoch->removal)) {
        return ERR_OK;
    }
    enum err err = founding ? ERR_OK : buffer_append(&parts->bytes, BYTES_OF(epoch->removal.b));
    return err == ERR_OK ? buffer_append(&parts->bytes, BYTES_OF(epoch->key)) : err;
}

/* A part may be here before the removal that it belongs to, as at the home that made it; and that
 * before whom it removes, so that it waits with its part. */
static bool known(const struct core *core, const struct id *removal) {
    return community_has_removal(core->community, removal);
}

/* A removal that counts from now on may be what a part has waited for: one of our own making, or
 * one that overtook it. */
enum err epoch_changed(struct core *core, const struct id *removal) {
    struct store_epoch part;
    enum err err = epoch_load(core);
    if (err == ERR_OK) {
        err = store_epoch_get(core->store, removal, &part);
        if (err == ERR_OK && known(core, removal)) {
            err = spread(core, &part);
        }
        secret_wipe(&part, sizeof part);
    }
    return err == ERR_OK || err == ERR_USER_NOT_FOUND ? take_pending(core) : err;
}

enum err epoch_offer(struct core *core, const struct id *removal,
                     const uint8_t key[EPOCH_KEY_BYTES]) {
    const struct store_epoch part = {.removal = *removal, .since = core->now.wall};
    struct store_epoch filled = part;
    memcpy(filled.key, key, sizeof filled.key);
    enum err err = store_epoch_add(core->store, &filled);
    secret_wipe(&filled, sizeof filled);
    return err;
}

enum err epoch_take(struct core *core, const struct id *removal,
                    const uint8_t key[EPOCH_KEY_BYTES]) {
    struct store_epoch known;
    struct id committed;
    struct id hash;
    enum err err = store_epoch_get(core->store, removal, &known);
    secret_wipe(&known, sizeof known);
    if (err != ERR_USER_NOT_FOUND) {
        return err;
    }
    err = commitment_of(core, removal, &committed);
    if (err == ERR_USER_NOT_FOUND) { /* it overtook its removal */
        struct store_epoch *pending = &core->epochs_pending[core->epoch_next++ % EPOCHS_PENDING];
        pending->removal = *removal;
        memcpy(pending->key, key, sizeof pending->key);
        return ERR_OK;
    }
    if (err != ERR_OK) {
        return err;
    }
    sha256((struct bytes){key, EPOCH_KEY_BYTES}, &hash);
    if (!id_equal(&hash, &committed)) {
        return ERR_PEER_SIGNATURE;
    }
    err = epoch_offer(core, removal, key);
    return err == ERR_OK ? keep(core, removal, key) : err;
}

/* A part that counts from now on: others need it too. */
static enum err keep(struct core *core, const struct id *removal, const uint8_t *key) {
    struct store_epoch part = {.removal = *removal};
    memcpy(part.key, key, sizeof part.key);
    enum err err = epoch_load(core);
    if (err == ERR_OK) {
        err = spread(core, &part);
    }
    secret_wipe(&part, sizeof part);
    return err;
}

/* Over every member link: who is at the other end is in standing, or the link is closed by now. */
static enum err spread(struct core *core, const struct store_epoch *part) {
    struct link_message message = {.kind = LINK_EPOCH, .as.epoch.removal = part->removal};
    enum err err = ERR_OK;
    memcpy(message.as.epoch.key, part->key, sizeof message.as.epoch.key);
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no != 0 && link->in_overlay) {
            err = core_send(core, link, &message);
            err = err == ERR_FULL_QUEUE ? ERR_OK : err; /* it catches up by itself */
        }
    }
    secret_wipe(message.as.epoch.key, sizeof message.as.epoch.key);
    return err;
}

/* Parts that came before their removal. */
static enum err take_pending(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < EPOCHS_PENDING; i++) {
        struct store_epoch pending = core->epochs_pending[i];
        if (!id_is_zero(&pending.removal) && known(core, &pending.removal)) {
            secret_wipe(&core->epochs_pending[i], sizeof core->epochs_pending[i]);
            err = epoch_take(core, &pending.removal, pending.key);
            err = err == ERR_PEER_SIGNATURE ? ERR_OK : err; /* whoever said it lied */
        }
        secret_wipe(&pending, sizeof pending);
    }
    return err;
}

static enum err commitment_of(struct core *core, const struct id *removal, struct id *out) {
    struct store_object row;
    struct signed_object object;
    enum err err =
        known(core, removal) ? store_object_get(core->store, removal, &row) : ERR_USER_NOT_FOUND;
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    if (err == ERR_OK && object.kind == OBJECT_REMOVAL) {
        struct removal body;
        err = removal_decode(object.body, &body);
        *out = body.removed.epoch;
    } else if (err == ERR_OK) {
        struct act act;
        err = act_decode(object.body, &act);
        *out = act.removed.epoch;
    }
    return err;
}

/* ---- the catch-up door ---- */

/* The newest parts first, and no more after the first that is older than 90 days: whoever was away
 * for less knows that one. */
static enum err visit_door(void *context, const struct store_epoch *epoch) {
    struct core *core = context;
    size_t at = core->catch_up_count;
    if (!id_is_zero(&epoch->removal) &&
        !community_removal_counts(core->community, &epoch->removal)) {
        return ERR_OK;
    }
    while (at > 0 && core->catch_ups[at - 1].since.ms < epoch->since.ms) {
        at--;
    }
    if (at == CATCH_UPS_MAX) {
        return ERR_OK;
    }
    size_t last = core->catch_up_count < CATCH_UPS_MAX ? core->catch_up_count : CATCH_UPS_MAX - 1;
    memmove(&core->catch_ups[at + 1], &core->catch_ups[at],
            (last - at) * sizeof core->catch_ups[0]);
    core->catch_ups[at] = *epoch;
    core->catch_up_count = last + 1;
    return ERR_OK;
}

void epoch_doors(struct core *core) {
    for (size_t i = 0; i < core->catch_up_count && core->door_count < TRANSPORT_DOORS_MAX; i++) {
        doors_key(TRANSPORT_CATCH_UP, BYTES_OF(core->catch_ups[i].key),
                  community_id(core->community), 0, &core->doors[core->door_count++]);
        if (core->now.wall.ms - core->catch_ups[i].since.ms >
            (int64_t)CATCH_UP_AGE_DAYS * DURATION_DAY_MS) {
            break;
        }
    }
}

void epoch_door_to(struct core *core, unsigned attempt, struct transport_door_key *out) {
    bool behind =
        standing_is_behind(core); /* nobody stands here that the member door could lead to */
    if ((attempt % 2 == 0 && !behind) || core->catch_up_count == 0) {
        doors_key(TRANSPORT_MEMBER, BYTES_OF(core->epoch_key), community_id(core->community), 0,
                  out);
        return;
    }
    size_t which = (behind ? attempt : attempt / 2) % core->catch_up_count;
    doors_key(TRANSPORT_CATCH_UP, BYTES_OF(core->catch_ups[which].key),
              community_id(core->community), 0, out);
}

enum err epoch_founding(struct core *core, uint8_t out[EPOCH_KEY_BYTES]) {
    const struct id none = {{0}};
    struct store_epoch founding;
    enum err err = store_epoch_get(core->store, &none, &founding);
    memcpy(out, founding.key, EPOCH_KEY_BYTES);
    secret_wipe(&founding, sizeof founding);
    return err == ERR_USER_NOT_FOUND ? ERR_HOST_DATABASE : err;
}

enum err epoch_each_part(struct core *core, store_epoch_visit *visit, void *context) {
    struct each each = {core, visit, context};
    return store_epoch_each(core->store, visit_each, &each);
}

static enum err visit_each(void *context, const struct store_epoch *epoch) {
    const struct each *each = context;
    bool said = !id_is_zero(&epoch->removal) && known(each->core, &epoch->removal);
    return said ? each->visit(each->context, epoch) : ERR_OK;
}
