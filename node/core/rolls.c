/* Who belongs to this community, for those of another one (PROTOCOL 4.13): a clerk of a treaty says
 * so in a roll; every home that knows the same members can show by it that one of them is one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    ROLL_RENEW_MS = DURATION_DAY_MS,
    ROLL_AGAIN_MS = DURATION_MINUTE_MS,
    ROLL_LOOKS_BACK_DAYS = 10, /* longer than a request lives that an old roll vouches for */
};

struct removed_lately {
    struct id certificate;
    struct instant at;
};

static enum err visit_roll(void *context, const struct store_object *row);
static enum err load_roll(struct core *core, struct bytes bytes);
static enum err reload(struct core *core);
static enum err says_what_is_known(const struct core *core, const struct roll *roll,
                                   struct instant made, struct id *ids, bool *out);
static size_t members_at(const struct core *core, struct instant at, struct instant made,
                         struct id *out);
static enum err compose(struct core *core, struct id *ids, struct roll *out);
static size_t removed_clerks(const struct core *core, struct id out[ROLL_REMOVED_MAX]);
static bool was_removed(const struct core *core, const struct sign_public *node);
static size_t lately_removed(const struct core *core, size_t max, struct id out[]);
static bool says_the_same(const struct roll *a, const struct roll *b);
static enum err append(struct buffer *bytes, struct bytes part, size_t *end);

/* ---- those that come ---- */

enum err rolls_load(struct core *core) {
    return store_object_each(core->store, OBJECT_ROLL, visit_roll, core);
}

static enum err visit_roll(void *context, const struct store_object *row) {
    struct core *core = context;
    return instant_reached(core->now.wall, row->expires) ? ERR_OK : load_roll(core, row->object);
}

enum err rolls_judge(struct core *core, const struct signed_object *object, const struct head *head,
                     const struct member *author) {
    struct roll roll;
    enum err err = roll_decode(object->body, &roll);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK && !rolls_is_clerk(core, &author->node, head->created)) {
        err = ERR_DENY_TREATY; /* the act that makes it one may be on its way */
    }
    return err == ERR_OK ? gossip_judge_newest(core, object, head) : err;
}

/* One that did not say what is known here may do so by now, and the one that did may be gone. */
static enum err reload(struct core *core) {
    struct store_object row;
    const struct id before = core->border->known.roll;
    enum err err = ERR_OK;
    if (core->border->known.created.ms > 0) {
        err = store_object_get(core->store, &before, &row);
    }
    if (err == ERR_USER_NOT_FOUND) {
        core->border->known.created = (struct instant){0};
        err = ERR_OK;
    }
    if (err == ERR_OK) {
        err = rolls_load(core);
    }
    bool changed = err == ERR_OK && !id_equal(&core->border->known.roll, &before);
    return changed ? gateway_accepted(core, &core->border->known.roll, OBJECT_ROLL) : err;
}

enum err rolls_take(struct core *core, const struct signed_object *object) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = ROLL_BYTES_MAX};
    enum err err = signed_encode(object, &bytes);
    if (err == ERR_OK) {
        err = load_roll(core, buffer_bytes(&bytes));
    }
    bool known = err == ERR_OK && id_equal(&core->border->known.roll, &object->id);
    return known ? gateway_accepted(core, &object->id, OBJECT_ROLL) : err;
}

/* It serves if it says what is known here: who knows another member than those that were made since
 * waits for the next one. A clerk may know one whose clock is ahead of its own. */
static enum err load_roll(struct core *core, struct bytes bytes) {
    struct border *border = core->border;
    struct signed_object object;
    struct roll roll;
    bool serves = false;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = roll_decode(object.body, &roll);
    }
    if (err != ERR_OK || roll.head.created.ms <= border->known.created.ms) {
        return err;
    }
    struct id *ids = calloc(ROLL_MEMBERS_MAX, sizeof *ids);
    if (ids == NULL) {
        return ERR_HOST_MEMORY;
    }
    err = says_what_is_known(core, &roll, roll.head.created, ids, &serves);
    if (err == ERR_OK && !serves) {
        err = says_what_is_known(core, &roll, INSTANT_NEVER, ids, &serves);
    }
    if (err == ERR_OK && serves) {
        border->known.roll = object.id;
        border->known.created = roll.head.created;
        border->known.count = roll.member_count;
        memcpy(border->known.ids, ids, roll.member_count * sizeof *ids);
    }
    free(ids);
    return err;
}

static enum err says_what_is_known(const struct core *core, const struct roll *roll,
                                   struct instant made, struct id *ids, bool *out) {
    struct id root;
    size_t count = members_at(core, roll->head.created, made, ids);
    enum err err = count == roll->member_count ? roll_tree(ids, count, NULL, &root, NULL) : ERR_OK;
    *out = err == ERR_OK && count == roll->member_count && id_equal(&root, &roll->members);
    return err;
}

bool rolls_is_clerk(const struct core *core, const struct sign_public *node, struct instant at) {
    const struct governance *governance = community_governance(core->community);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *side = border_lingers(agreed, at)
                                             ? treaty_side(&agreed->treaty, &governance->community)
                                             : NULL;
        for (size_t k = 0; side != NULL && k < side->clerk_count; k++) {
            if (sign_public_equal(&side->clerks[k], node)) {
                return true;
            }
        }
    }
    return false;
}

/* `made`: as which certificates were made by then. */
static size_t members_at(const struct core *core, struct instant at, struct instant made,
                         struct id *out) {
    size_t count = 0;
    for (size_t i = 0; i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        if (community_find(core->community, id)->head.created.ms <= made.ms &&
            community_in_standing(core->community, id, at) &&
            !community_is_outside(core->community, id)) {
            out[count++] = *id;
        }
    }
    return count;
}

enum err rolls_membership(struct core *core, const struct id *certificate, struct buffer *bytes,
                          struct membership *out) {
    const struct border *border = core->border;
    struct id chain[CHAIN_MAX];
    size_t ends[CHAIN_MAX + 1];
    struct id root;
    struct store_object row;
    struct id *ids = NULL;
    size_t count = community_chain(core->community, certificate, chain);
    if (border->known.created.ms == 0 || count == 0) {
        return ERR_USER_NOT_FOUND;
    }
    enum err err = ERR_OK;
    *out = (struct membership){.chain_count = count};
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = gossip_append_certificate(core, &chain[i], bytes);
        ends[i] = bytes->len;
    }
    if (err == ERR_OK) {
        err = store_object_get(core->store, &border->known.roll, &row);
    }
    if (err == ERR_OK) {
        err = instant_reached(core->now.wall, row.expires)
                  ? ERR_USER_NOT_FOUND
                  : append(bytes, row.object, &ends[count]);
    }
    if (err == ERR_OK) {
        ids = malloc(border->known.count * sizeof *ids);
        err = ids == NULL ? ERR_HOST_MEMORY : ERR_OK;
    }
    if (err == ERR_OK) {
        memcpy(ids, border->known.ids, border->known.count * sizeof *ids);
        err = roll_tree(ids, border->known.count, certificate, &root, out);
    }
    free(ids);
    for (size_t i = 0, start = 0; err == ERR_OK && i <= count; start = ends[i++]) {
        const struct bytes part = {bytes->at + start, ends[i] - start};
        *(i < count ? &out->chain[i] : &out->roll) = part;
    }
    return err;
}

static enum err append(struct buffer *bytes, struct bytes part, size_t *end) {
    enum err err = buffer_append(bytes, part);
    *end = bytes->len;
    return err;
}

/* ---- our own, as a clerk ---- */

/* Once a day, and soon after what it says has changed: those elsewhere learn of a removal by it. */
enum err rolls_tick(struct core *core) {
    struct store_object row;
    struct signed_object object;
    struct roll newest = {.version = 0};
    struct roll roll;
    SCOPED(buffer_finish) struct buffer body = {.max = ROLL_BYTES_MAX};
    enum err err = reload(core);
    if (err != ERR_OK) {
        return err;
    }
    if (!rolls_is_clerk(core, &core->node_public, core->now.wall) ||
        !community_in_standing(core->community, &core->self, core->now.wall)) {
        return ERR_OK;
    }
    int64_t age = INT64_MAX;
    err = store_object_newest(core->store, OBJECT_ROLL, &core->self, &row);
    if (err == ERR_OK) {
        age = core->now.wall.ms - row.created.ms;
        err = signed_decode(row.object, &object);
    }
    if (err == ERR_OK) {
        err = roll_decode(object.body, &newest);
    }
    if (err != ERR_OK && err != ERR_USER_NOT_FOUND) {
        return err;
    }
    if (age < ROLL_AGAIN_MS) {
        return ERR_OK;
    }
    struct id *ids = calloc(ROLL_MEMBERS_MAX, sizeof *ids);
    err = ids == NULL ? ERR_HOST_MEMORY : compose(core, ids, &roll);
    free(ids);
    if (err == ERR_OK && age < ROLL_RENEW_MS && says_the_same(&roll, &newest)) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = roll_encode(&roll, &body);
    }
    if (err == ERR_OK) {
        err = gossip_publish(core, OBJECT_ROLL, &roll.head, &body);
    }
    return err == ERR_FULL_TABLE ? ERR_OK : err; /* again at the next upkeep */
}

static enum err compose(struct core *core, struct id *ids, struct roll *out) {
    const struct governance *governance = community_governance(core->community);
    const struct charter *charter = &governance->charter;
    size_t count = members_at(core, core->now.wall, INSTANT_NEVER, ids);
    *out = (struct roll){.act = governance->head,
                         .version = governance->version,
                         .caps = charter->caps,
                         .role_count = charter->role_count,
                         .member_count = (uint32_t)count};
    out->head = (struct head){
        .community = governance->community,
        .author = core->self,
        .created = core->now.wall,
        .expires = instant_add(core->now.wall,
                               (struct duration){ROLL_LIFE_HOURS * (int64_t)DURATION_HOUR_MS})};
    memcpy(out->roles, charter->roles, sizeof out->roles);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct id *id = &governance->treaties[i].id;
        if (governance_treaty(governance, id, core->now.wall) != NULL) {
            out->treaties[out->treaty_count++] = *id;
        }
    }
    out->removed_count = removed_clerks(core, out->removed);
    out->removed_count += lately_removed(core, ROLL_REMOVED_MAX - out->removed_count,
                                         out->removed + out->removed_count);
    return roll_tree(ids, count, NULL, &out->members, NULL);
}

/* However long ago, by their node keys: it is these that sign rolls, which name whom they like. */
static size_t removed_clerks(const struct core *core, struct id out[ROLL_REMOVED_MAX]) {
    const struct governance *governance = community_governance(core->community);
    size_t count = 0;
    static_assert((int)TREATIES_KEPT_MAX * (int)CLERKS_MAX <= (int)ROLL_REMOVED_MAX,
                  "all of them have places");
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        const struct treaty_side *side = border_lingers(agreed, core->now.wall)
                                             ? treaty_side(&agreed->treaty, &governance->community)
                                             : NULL;
        for (size_t k = 0; side != NULL && k < side->clerk_count; k++) {
            struct id key;
            bool listed = false;
            memcpy(key.b, side->clerks[k].b, sizeof key.b);
            for (size_t j = 0; j < count; j++) {
                listed = listed || id_equal(&out[j], &key);
            }
            if (!listed && was_removed(core, &side->clerks[k])) {
                out[count++] = key;
            }
        }
    }
    return count;
}

/* It may have come back with the same node. */
static bool was_removed(const struct core *core, const struct sign_public *node) {
    bool removed = false;
    for (size_t i = 0; i < community_size(core->community); i++) {
        const struct id *id = community_member_id(core->community, i);
        if (!sign_public_equal(&community_find(core->community, id)->node, node)) {
            continue;
        }
        if (community_in_standing(core->community, id, core->now.wall)) {
            return false;
        }
        removed = removed || community_is_removed(core->community, id, NULL);
    }
    return removed;
}

/* The newest of them. */
static size_t lately_removed(const struct core *core, size_t max, struct id out[]) {
    struct removed_lately found[ROLL_REMOVED_MAX];
    const int64_t since = core->now.wall.ms - ROLL_LOOKS_BACK_DAYS * (int64_t)DURATION_DAY_MS;
    size_t count = 0;
    for (size_t i = 0; i < community_size(core->community); i++) {
        struct removed_lately one = {.certificate = *community_member_id(core->community, i)};
        if (!community_is_removed(core->community, &one.certificate, &one.at) ||
            one.at.ms < since || community_is_outside(core->community, &one.certificate)) {
            continue;
        }
        size_t place = count;
        while (place > 0 && found[place - 1].at.ms < one.at.ms) {
            place--;
        }
        count += count < max ? 1 : 0;
        if (place < count) {
            memmove(&found[place + 1], &found[place], (count - 1 - place) * sizeof *found);
            found[place] = one;
        }
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = found[i].certificate;
    }
    return count;
}

/* By one act the treaties in force are the same, but for those whose time is over. */
static bool says_the_same(const struct roll *a, const struct roll *b) {
    bool same = id_equal(&a->act, &b->act) && id_equal(&a->members, &b->members) &&
                a->removed_count == b->removed_count && a->treaty_count == b->treaty_count;
    for (size_t i = 0; same && i < a->removed_count; i++) {
        same = id_equal(&a->removed[i], &b->removed[i]);
    }
    return same;
}
