/* Neighbours: the overlay runs, and what it says is carried out: links, and what goes over them. */
#include <stdio.h>
#include <stdlib.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

static peer_no find_member(void *context, const struct id *id);
static struct id id_of_member(void *context, peer_no peer);
static enum err act(struct core *core, const struct overlay_action *action);
static enum err close_link(struct core *core, struct link *link, enum overlay_end why);
static enum err push(struct core *core, struct link *link, const struct overlay_action *action);
static enum err encode_object(struct core *core, const struct overlay_action *action);
static enum err keep(struct core *core, const struct overlay_action *action);
static enum err drop(struct core *core, const struct id *id);

enum err neighbours_start(struct core *core) {
    core->overlay_members = (struct overlay_members){core, find_member, id_of_member};
    struct overlay_config config = {.members = &core->overlay_members,
                                    .self = neighbours_number(core, &core->self),
                                    .seed = core_random(core)};
    core->overlay_actions = calloc(1, sizeof *core->overlay_actions);
    core->overlay = overlay_create(&config);
    return core->overlay_actions == NULL || core->overlay == NULL ? ERR_HOST_MEMORY : ERR_OK;
}

enum err neighbours_run(struct core *core, const struct overlay_event *event) {
    return neighbours_run_about(core, event, (struct bytes){NULL, 0});
}

enum err neighbours_run_about(struct core *core, const struct overlay_event *event,
                              struct bytes object) {
    struct overlay_actions *actions = core->overlay_actions;
    peer_no failed[OVERLAY_DIALS_MAX];
    size_t failed_count = 0;
    core->pushed.id = event->key.id;
    core->pushed.object = object;
    buffer_clear(&core->pushed.body);
    enum err err = overlay_step(core->overlay, event, core->now, core_random(core), actions);
    for (size_t i = 0; i < actions->count; i++) {
        const struct overlay_action *action = &actions->list[i];
        enum err done = act(core, action); /* leads to no step of its own */
        if (core_is_fatal(done)) {
            return done;
        }
        if (done != ERR_OK && action->kind == OVERLAY_ACT_DIAL) {
            ASSERT(failed_count < COUNT_OF(failed));
            failed[failed_count++] = action->peer;
        }
    }
    for (size_t i = 0; i < failed_count; i++) {
        struct overlay_event down = {.kind = OVERLAY_EV_LINK_DOWN, .peer = failed[i]};
        enum err done = overlay_step(core->overlay, &down, core->now, core_random(core), actions);
        err = err == ERR_OK ? done : err;
    }
    return err;
}

enum err neighbours_fault(struct core *core, struct link *link) {
    struct overlay_event event = {.kind = OVERLAY_EV_FAULT, .link = link->no};
    return neighbours_run(core, &event);
}

enum err neighbours_know(struct core *core, const struct id *certificate) {
    struct overlay_event event = {.kind = OVERLAY_EV_PEER,
                                  .peer = neighbours_peer(core, certificate)};
    return event.peer == OVERLAY_NOBODY ? ERR_OK : neighbours_run(core, &event);
}

peer_no neighbours_peer(const struct core *core, const struct id *certificate) {
    bool may_stand = standing_is_behind(core) && community_counts(core->community, certificate) &&
                     !community_is_removed(core->community, certificate, NULL);
    bool stands = may_stand || community_in_standing(core->community, certificate, core->now.wall);
    return stands && !community_is_outside(core->community, certificate)
               ? neighbours_number(core, certificate)
               : OVERLAY_NOBODY;
}

peer_no neighbours_number(const struct core *core, const struct id *certificate) {
    size_t number = community_number(core->community, certificate);
    return number < COMMUNITY_MEMBERS_MAX ? (peer_no)number : OVERLAY_NOBODY;
}

enum err neighbours_dial(struct core *core, enum link_purpose purpose, enum transport_door door,
                         const struct id *peer, uint64_t *out) {
    struct store_object row;
    struct signed_object object;
    struct node_record record;
    struct transport_door_key key;
    const struct member *member = community_find(core->community, peer);
    SCOPED(buffer_finish) struct buffer certificate = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_object_newest(core->store, OBJECT_NODE_RECORD, peer, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    if (err == ERR_OK) {
        err = node_record_decode(object.body, &record);
    }
    if (err == ERR_OK) {
        err = core_own_certificate(core, &certificate);
    }
    if (err != ERR_OK) {
        return err;
    }
    if (door == TRANSPORT_MEMBER) {
        epoch_door_to(core, core->dials_failed[neighbours_number(core, peer)], &key);
    } else {
        doors_key(door, BYTES_OF(core->epoch_key), community_id(core->community), 0, &key);
    }
    size_t start = record.address_count == 0 ? 0 : core_random(core) % record.address_count;
    for (size_t i = 0; i < record.address_count; i++) {
        const char *address = record.addresses[(start + i) % record.address_count];
        if (core_may_dial(core, address)) {
            return core_dial(core, purpose, peer, address, &key, &member->transport,
                             buffer_bytes(&certificate), out);
        }
    }
    return ERR_USER_NOT_FOUND; /* no address that this node may dial */
}

enum err neighbours_dial_member(struct core *core, const struct id *certificate) {
    uint64_t link = 0;
    enum err err =
        neighbours_peer(core, certificate) == OVERLAY_NOBODY
            ? ERR_OK
            : neighbours_dial(core, PURPOSE_MEMBER, TRANSPORT_MEMBER, certificate, &link);
    return core_is_fatal(err) ? err : ERR_OK; /* the overlay dials again in its time */
}

void neighbours_forget(struct core *core) {
    for (size_t i = 0; i < core->kept_count;) {
        if (tick_reached(core->now.mono, core->kept[i].until)) {
            buffer_finish(&core->kept[i].object);
            core->kept[i] = core->kept[--core->kept_count];
        } else {
            i++;
        }
    }
    if (core->kept_count == 0) {
        free(core->kept);
        core->kept = NULL;
    }
}

/* ---- what the overlay says ---- */

static peer_no find_member(void *context, const struct id *id) {
    return neighbours_peer(context, id);
}

static struct id id_of_member(void *context, peer_no peer) {
    const struct core *core = context;
    return *community_member_id(core->community, peer);
}

static enum err act(struct core *core, const struct overlay_action *action) {
    static const struct link_message keep_alive = {.kind = LINK_PING};
    struct link *link = links_find(core, action->link);
    struct id peer;
    uint64_t dialled = 0;
    switch (action->kind) {
    case OVERLAY_ACT_DIAL:
        peer = id_of_member(core, action->peer);
        return neighbours_dial(core, PURPOSE_MEMBER, TRANSPORT_MEMBER, &peer, &dialled);
    case OVERLAY_ACT_CLOSE:
        return link == NULL ? ERR_OK : close_link(core, link, action->why);
    case OVERLAY_ACT_PING:
        return link == NULL ? ERR_OK : core_send(core, link, &keep_alive);
    case OVERLAY_ACT_PUSH:
        return link == NULL ? ERR_OK : push(core, link, action);
    case OVERLAY_ACT_SEND:
        return link == NULL ? ERR_OK : core_send(core, link, action->message);
    case OVERLAY_ACT_KEEP:
        return keep(core, action);
    case OVERLAY_ACT_DROP:
        return drop(core, &action->id);
    }
    return ERR_OK;
}

static enum err close_link(struct core *core, struct link *link, enum overlay_end why) {
    static const char *const reasons[] = {
        [OVERLAY_END_DEAD] = "silent",
        [OVERLAY_END_CUT] = "cut",
        [OVERLAY_END_TOLD] = "closed by the peer",
        [OVERLAY_END_FULL] = "no room",
        [OVERLAY_END_SWAPPED] = "another instead",
        [OVERLAY_END_TWICE] = "another to the same home",
        [OVERLAY_END_GROUP] = "too many to one network",
        [OVERLAY_END_FAULT] = "broke the rules",
        [OVERLAY_END_REMOVED] = "no member any more",
    };
    link->in_overlay = false; /* it knows already */
    link->purpose = PURPOSE_IN;
    return core_close(core, link, reasons[why]);
}

static enum err push(struct core *core, struct link *link, const struct overlay_action *action) {
    const struct pushed *pushed = &core->pushed;
    bool again = pushed->body.len > 0 && pushed->way.hops == action->hops &&
                 pushed->way.everywhere == action->everywhere && id_equal(&pushed->id, &action->id);
    enum err err = again ? ERR_OK : encode_object(core, action);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    return core_send_body(core, link, LINK_GOSSIP, buffer_bytes(&pushed->body));
}

static enum err encode_object(struct core *core, const struct overlay_action *action) {
    struct store_object row;
    struct pushed *pushed = &core->pushed;
    struct link_message message; /* the rest of the union is large, and not looked at */
    bool at_hand = pushed->object.len > 0 && id_equal(&pushed->id, &action->id);
    enum err err = at_hand ? ERR_OK : store_object_get(core->store, &action->id, &row);
    for (size_t i = 0; err == ERR_USER_NOT_FOUND && i < core->kept_count; i++) {
        if (id_equal(&core->kept[i].id, &action->id)) {
            row.object = buffer_bytes(&core->kept[i].object);
            err = ERR_OK;
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    message.kind = LINK_GOSSIP;
    message.as.gossip.hops = action->hops;
    message.as.gossip.everywhere = action->everywhere;
    message.as.gossip.object = at_hand ? pushed->object : row.object;
    pushed->id = action->id;
    pushed->way = (struct way){action->hops, action->everywhere};
    pushed->object = at_hand ? pushed->object : (struct bytes){NULL, 0};
    buffer_clear(&pushed->body);
    return link_encode(&message, &pushed->body);
}

/* Its row goes when the overlay has done. */
static enum err keep(struct core *core, const struct overlay_action *action) {
    struct store_object row;
    struct kept_object kept = {.id = action->id, .until = action->until};
    enum err err = store_object_get(core->store, &action->id, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    neighbours_forget(core);
    struct kept_object *grown = reallocarray(core->kept, core->kept_count + 1, sizeof *grown);
    if (grown == NULL) {
        return ERR_HOST_MEMORY;
    }
    core->kept = grown;
    buffer_init(&kept.object, SIGNED_GOSSIP_MAX);
    err = buffer_append(&kept.object, row.object);
    core->kept[core->kept_count++] = kept;
    return err;
}

/* Expired: its row goes, but for certificates, which the log's readers need, node records, by which
 * one that was away for long finds the others, and requests, which gossip_forget() sees to. */
static enum err drop(struct core *core, const struct id *id) {
    struct store_object row;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK && (row.kind == OBJECT_REQUEST || row.kind == OBJECT_MEMBER ||
                          row.kind == OBJECT_NODE_RECORD)) {
        return ERR_OK;
    }
    if (err == ERR_OK) {
        err = store_object_remove(core->store, id);
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}
