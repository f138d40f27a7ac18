/* What ingest is told of the community: each act that counts, in their order, then the requests
 * that it has not answered. It checks every request by the acts that it was told before, and
 * settles for good what does not pass.
 *
 * All of it may be more than a turn can carry (P11): each takes a part, and nothing that happens
 * here waits for ingest to know. */
#include <assert.h>

#include "node/core/parts.h"

static_assert(CORE_EFFECTS_BYTES / 2 > (int)INGEST_FRAME_MAX, "one more frame fits in the rest");

static bool has_room(const struct core *core);
static bool knows_acts(const struct core *core);
static enum err tell_acts(struct core *core);
static enum err tell_open(struct core *core, const struct id *id, bool outsiders);
static enum err tell_unless_answered(struct core *core, const struct store_object *request,
                                     bool outsiders);
static enum err tell_one(struct core *core, const struct store_object *request, bool outsiders);
static enum err tell_request(struct core *core, const struct store_object *request);

static const struct id everybody = {{0}};

enum err told_anew(struct core *core) {
    core->telling = (struct telling){.open = true};
    return told_go_on(core);
}

/* Of acts that it knows it takes none again. One that lets somebody in is what that one's requests
 * may have waited for, and one that others have lost against may have been what ended somebody's
 * time. What was under way is gone through anew with it. */
enum err told_act(struct core *core, bool rewound, const struct id *admitted) {
    struct telling *telling = &core->telling;
    telling->acts = rewound ? 0 : telling->acts;
    if (rewound || admitted != NULL) {
        bool one = !rewound && !telling->open;
        telling->account = one ? *admitted : everybody;
        telling->outsiders = !telling->open || telling->outsiders;
        telling->after = (struct id){{0}};
        telling->open = true;
    }
    return told_go_on(core);
}

enum err told_request(struct core *core, const struct store_object *request, bool again) {
    struct telling *telling = &core->telling;
    bool now = has_room(core) && knows_acts(core);
    if (!now) {
        *telling = (struct telling){.acts = telling->acts, .open = true};
    }
    if (!now || !core->ingest_up) {
        return ERR_OK;
    }
    return again ? tell_unless_answered(core, request, false) : tell_one(core, request, false);
}

struct tick told_deadline(const struct core *core) {
    const struct telling *telling = &core->telling;
    bool more = core->ingest_up && core->is_member && (telling->open || !knows_acts(core));
    return more ? core->now.mono : TICK_NEVER;
}

enum err told_go_on(struct core *core) {
    struct telling *telling = &core->telling;
    if (!core->ingest_up || !core->is_member) {
        return ERR_OK; /* it is told everything when it comes up */
    }
    enum err err = tell_acts(core);
    while (err == ERR_OK && telling->open && has_room(core) && knows_acts(core)) {
        telling->open =
            requests_next(core->requests, &telling->account, &telling->after, &telling->after);
        err = telling->open ? tell_open(core, &telling->after, telling->outsiders) : ERR_OK;
    }
    return err;
}

/* And all that others say in this turn, too. */
static bool has_room(const struct core *core) {
    return core->bytes.len < CORE_EFFECTS_BYTES / 2 && core->effect_count < CORE_EFFECTS_MAX / 2;
}

static bool knows_acts(const struct core *core) {
    return core->telling.acts >= community_act_count(core->community);
}

static enum err tell_acts(struct core *core) {
    struct telling *telling = &core->telling;
    struct ingest_message message;
    enum err err = ERR_OK;
    while (err == ERR_OK && !knows_acts(core) && has_room(core)) {
        struct store_object row = {.object = buffer_bytes(&core->charter)};
        if (telling->acts > 0) {
            err = store_object_get(core->store, community_act_id(core->community, telling->acts),
                                   &row);
        }
        if (err == ERR_OK) {
            message.kind = INGEST_ACT; /* the rest of the union is large, and not looked at */
            message.as.act.object = row.object;
            err = ingest_tell(core, &message);
        }
        telling->acts += err == ERR_OK ? 1 : 0;
    }
    return err;
}

static enum err tell_open(struct core *core, const struct id *id, bool outsiders) {
    struct store_object row;
    SCOPED(buffer_finish) struct buffer object = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK) {
        err = buffer_append(&object, row.object); /* the store's, until it is asked again */
        row.object = buffer_bytes(&object);
    }
    if (err == ERR_OK) {
        err = tell_unless_answered(core, &row, outsiders);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}

/* What ingest has answered may be accepted anew: it would check it by other acts. */
static enum err tell_unless_answered(struct core *core, const struct store_object *request,
                                     bool outsiders) {
    struct store_request kept;
    enum err err = store_request_get(core->store, &request->id, &kept);
    if (err != ERR_OK || kept.ours || kept.matched) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return tell_one(core, request, outsiders);
}

/* Ingest would settle for good what an outsider asked whose time is over, while an act that
 * prolongs it may be on its way. */
static enum err tell_one(struct core *core, const struct store_object *request, bool outsiders) {
    bool outside = community_is_outside(core->community, &request->author);
    bool waits =
        outside && !community_in_standing(core->community, &request->author, core->now.wall);
    return waits || (outsiders && !outside) ? ERR_OK : tell_request(core, request);
}

/* The request with all that ingest checks it by. */
static enum err tell_request(struct core *core, const struct store_object *request) {
    struct ingest_message message;
    struct id chain[CHAIN_PARTS_MAX];
    size_t ends[CHAIN_PARTS_MAX];
    size_t count = standing_chain(core, &request->author, chain);
    enum err err = count == 0 ? ERR_USER_NOT_FOUND : ERR_OK;
    buffer_clear(&core->chain);
    if (count == 0) {
        struct store_crossed row;
        err = store_crossed_get(core->store, &request->id, &row);
        err = err == ERR_OK ? buffer_append(&core->chain, row.crossing) : err;
    }
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = gossip_append_certificate(core, &chain[i], &core->chain);
        ends[i] = core->chain.len;
    }
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    message.kind = INGEST_REQUEST; /* the rest of the union is large, and not looked at */
    message.as.request.id = request->id;
    message.as.request.request = request->object;
    message.as.request.chain_count = count;
    message.as.request.crossing = count == 0 ? buffer_bytes(&core->chain) : (struct bytes){NULL, 0};
    for (size_t i = 0, start = 0; i < count; start = ends[i++]) {
        message.as.request.chain[i] = (struct bytes){core->chain.at + start, ends[i] - start};
    }
    size_t before = core->bytes.len;
    err = ingest_encode(&message, &core->bytes); /* has_room() */
    if (err == ERR_OK) {
        core_give_effect(core, &(struct core_effect){.kind = CORE_DO_INGEST}, before);
    }
    return err;
}
