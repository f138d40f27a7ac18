/* Doors: where this home answers, by what secret, and what passes there (PROTOCOL 3.3). */
#include <string.h>

#include "node/core/parts.h"

enum {
    /* The rest is for members, who was away, outsiders, invites and spoken codes. */
    DOORS_FOR_REQUESTS = 39,
};

struct request_doors {
    struct core *core;
    size_t first;  /* of the places in the table */
    size_t *count; /* of our own requests that may still be answered */
};

static enum err fill_requests(struct core *core);
static enum err visit_invite(void *context, const struct store_invite *invite);
static enum err visit_request(void *context, const struct store_object *object);

/* What passes at each. */
static const uint8_t member_types[] = {
    LINK_PING,       LINK_PONG,      LINK_GOSSIP,      LINK_IHAVE,           LINK_GRAFT,
    LINK_PRUNE,      LINK_NEIGHBOUR, LINK_WALK,        LINK_SHUFFLE,         LINK_SHUFFLED,
    LINK_SYNC,       LINK_SYNC_IDS,  LINK_SYNC_WANT,   LINK_ATTACHMENT_WANT, LINK_ATTACHMENT_PIECE,
    LINK_CHECKPOINT, LINK_WITNESSED, LINK_CONSISTENCY, LINK_COSIGNATURE,     LINK_FORK,
    LINK_EPOCH};
static const uint8_t join_types[] = {LINK_JOIN_ASK, LINK_JOIN_MEMBER, LINK_EPOCH,
                                     LINK_JOIN_WELCOME};
static const uint8_t catch_up_types[] = {LINK_STANDING, LINK_EPOCH, LINK_CAUGHT_UP};
static const uint8_t outsider_types[] = {
    LINK_PING,       LINK_PONG,      LINK_GOSSIP,     LINK_ATTACHMENT_WANT, LINK_ATTACHMENT_PIECE,
    LINK_STANDING,   LINK_CAUGHT_UP, LINK_CHECKPOINT, LINK_WITNESSED,       LINK_CONSISTENCY,
    LINK_COSIGNATURE};
static const uint8_t delivery_types[] = {LINK_STANDING, LINK_OFFER,  LINK_WANT,
                                         LINK_LEAVES,   LINK_PIECES, LINK_RECEIPT,
                                         LINK_HEADER,   LINK_VOUCH,  TRANSPORT_TYPE_BULK};
static const uint8_t sibling_types[] = {LINK_CARRY, LINK_CARRIED, LINK_ATTACHMENT_WANT,
                                        LINK_ATTACHMENT_PIECE};
static const uint8_t meet_types[] = {LINK_MEET_SHARE, LINK_MEET_CONFIRM, LINK_MEET_CODE,
                                     LINK_MEET_COMMIT, LINK_MEET_REVEAL};
static const struct {
    const uint8_t *types;
    size_t count;
} passes[] = {
    [TRANSPORT_MEMBER] = {member_types, sizeof member_types},
    [TRANSPORT_JOIN] = {join_types, sizeof join_types},
    [TRANSPORT_CATCH_UP] = {catch_up_types, sizeof catch_up_types},
    [TRANSPORT_OUTSIDER] = {outsider_types, sizeof outsider_types},
    [TRANSPORT_DELIVERY] = {delivery_types, sizeof delivery_types},
    [TRANSPORT_MEET] = {meet_types, sizeof meet_types},
    [TRANSPORT_SIBLING] = {sibling_types, sizeof sibling_types},
};

/* Member first: it is the common one. Then our newest requests, whose homes may dial us, then the
 * invites that are out. */
enum err doors_fill(struct core *core) {
    if (!core->doors_stale) {
        return ERR_OK;
    }
    core->door_count = 0;
    core->doors_stale = false;
    if (!core->is_member) {
        return ERR_OK;
    }
    if (core->is_outsider) {
        return fill_requests(core);
    }
    doors_key(TRANSPORT_MEMBER, BYTES_OF(core->epoch_key), community_id(core->community), 0,
              &core->doors[core->door_count++]);
    epoch_doors(core);
    outside_doors(core);
    enum err err = fill_requests(core);
    doors_key(TRANSPORT_MEET, BYTES_OF(core->epoch_key), community_id(core->community),
              (uint32_t)core->door_count, &core->doors[core->door_count]);
    core->door_refs[core->door_count++].about = (struct id){{0}};
    gateway_doors(core);
    meet_doors(core);
    return err == ERR_OK ? store_invite_each(core->store, visit_invite, core) : err;
}

void doors_key(enum transport_door door, struct bytes secret, const struct id *community,
               uint32_t tag, struct transport_door_key *out) {
    /* Whoever asks from outside is shown no certificate before somebody grants it something. */
    *out = (struct transport_door_key){
        .door = door, .tag = tag, .bare = door == TRANSPORT_OUTSIDER, .community = *community};
    transport_psk0(door, community, secret, out->psk0);
    for (size_t i = 0; i < passes[door].count; i++) {
        transport_types_add(&out->passes, passes[door].types[i]);
    }
}

static enum err fill_requests(struct core *core) {
    size_t requests = 0;
    struct request_doors all = {core, core->door_count, &requests};
    enum err err = store_object_each(core->store, OBJECT_REQUEST, visit_request, &all);
    core->door_count += requests < DOORS_FOR_REQUESTS ? requests : DOORS_FOR_REQUESTS;
    return err;
}

static enum err visit_invite(void *context, const struct store_invite *invite) {
    struct core *core = context;
    if (core->door_count == TRANSPORT_DOORS_MAX ||
        instant_reached(core->now.wall, invite->expires)) {
        return ERR_OK;
    }
    size_t i = core->door_count++;
    doors_key(TRANSPORT_JOIN, BYTES_OF(invite->psk0), community_id(core->community), (uint32_t)i,
              &core->doors[i]);
    memcpy(core->doors[i].psk0, invite->psk0, sizeof invite->psk0);
    core->door_refs[i].about = invite->id;
    return ERR_OK;
}

/* Rows come oldest first; a late one takes the place of the earliest. A grant may outlive its
 * request, so what has expired keeps its door until it is pushed out, or is to be deleted. */
static enum err visit_request(void *context, const struct store_object *object) {
    struct request_doors *all = context;
    struct core *core = all->core;
    struct signed_object signed_request;
    struct request request;
    uint8_t secret[32];
    if (!core_is_ours(core, &object->author)) {
        return ERR_OK;
    }
    enum err err = signed_decode(object->object, &signed_request);
    if (err == ERR_OK) {
        err = request_decode(signed_request.body, &request);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    if (instant_reached(core->now.wall, request.terms.delete_by)) {
        return ERR_OK;
    }
    bool over = false;
    err = taken_back(core, &signed_request.id, &over);
    if (err != ERR_OK || over) {
        return err;
    }
    size_t i = all->first + (*all->count)++ % DOORS_FOR_REQUESTS;
    request_delivery_psk(&object->id, &request.key, secret);
    core->door_refs[i].about = object->id;
    doors_key(TRANSPORT_DELIVERY, BYTES_OF(secret), community_id(core->community), (uint32_t)i,
              &core->doors[i]);
    return ERR_OK;
}
