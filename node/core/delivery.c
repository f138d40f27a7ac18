/* What both ends of a delivery share: what comes over its link and what the transfer engine says
 * goes to the granting side (clips.c) or to the receiving one (received.c). */
#include "node/core/parts.h"

static enum err act(struct core *core, const struct transfer_action *action);

enum err delivery_established(struct core *core, struct link *link) {
    struct transfer_actions actions;
    if (link->purpose != PURPOSE_DELIVERY) {
        return ERR_OK; /* a home has come to us: it speaks first */
    }
    transfer_link_up(core->transfer, &link->about, link->no, core->now, &actions);
    return delivery_run(core, &actions);
}

enum err delivery_message(struct core *core, struct link *link,
                          const struct link_message *message) {
    struct transfer_actions actions = {.count = 0};
    bool sender = link->purpose == PURPOSE_DELIVERY;
    enum err err = ERR_PEER_SEQUENCE;
    if (sender && message->kind == LINK_WANT) {
        err = transfer_take_want(core->transfer, link->no, message, &actions);
    } else if (sender && message->kind == LINK_RECEIPT) {
        return clips_take_receipt(core, link, message);
    } else if (!sender && message->kind == LINK_VOUCH && !core->is_outsider) {
        return border_take_vouch(core, link, message);
    } else if (!sender && message->kind == LINK_STANDING) {
        return shown_take(core, link, message->as.standing.object);
    } else if (!sender && message->kind == LINK_OFFER) {
        return received_take_offer(core, link, message);
    } else if (!sender && message->kind == LINK_LEAVES) {
        err = transfer_take_leaves(core->transfer, link->no, message, core->now);
    } else if (!sender && message->kind == LINK_PIECES) {
        err = transfer_take_pieces(core->transfer, link->no, message);
    } else if (!sender && message->kind == LINK_HEADER) {
        return received_take_header(core, link, message);
    }
    return err == ERR_OK ? delivery_run(core, &actions) : err;
}

enum err delivery_bulk(struct core *core, struct link *link, struct bytes data) {
    while (data.len > 0) {
        struct transfer_actions actions;
        size_t taken = 0;
        enum err err =
            transfer_take_bulk(core->transfer, link->no, data, core->now, &taken, &actions);
        if (err == ERR_OK) {
            err = delivery_run(core, &actions);
        }
        if (err != ERR_OK) {
            return err;
        }
        data.at += taken;
        data.len -= taken;
    }
    return ERR_OK;
}

enum err delivery_tick(struct core *core) {
    struct transfer_actions actions;
    transfer_tick(core->transfer, core->now, core_random(core), &actions);
    return delivery_run(core, &actions);
}

enum err delivery_run(struct core *core, const struct transfer_actions *actions) {
    for (size_t i = 0; i < actions->count; i++) {
        enum err err = act(core, &actions->list[i]);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err act(struct core *core, const struct transfer_action *action) {
    struct link *link = links_find(core, action->link);
    bool needs_link = action->kind != TRANSFER_ACT_DIAL && action->kind != TRANSFER_ACT_SENT &&
                      action->kind != TRANSFER_ACT_STORE && action->kind != TRANSFER_ACT_SYNC &&
                      action->kind != TRANSFER_ACT_DURABLE;
    if (link == NULL && needs_link) {
        return ERR_OK;
    }
    switch (action->kind) {
    case TRANSFER_ACT_DIAL:
        return clips_dial(core, &action->grant);
    case TRANSFER_ACT_SENT:
        return clips_sent(core, &action->grant);
    case TRANSFER_ACT_SEND_OFFER:
        return clips_send_offer(core, link, &action->grant);
    case TRANSFER_ACT_SEND_LEAVES:
        return clips_send_leaves(core, link, action);
    case TRANSFER_ACT_SEND_RUN:
        return clips_send_run(core, link, action);
    case TRANSFER_ACT_SEND_HEADER:
        return clips_send_header(core, link, &action->grant);
    case TRANSFER_ACT_SEND_WANT:
        return received_send_want(core, link, action);
    case TRANSFER_ACT_STORE:
    case TRANSFER_ACT_SYNC:
        return received_start_work(core, action);
    case TRANSFER_ACT_DURABLE:
        return store_delivered_set_received(core->store, &action->grant, action->offset);
    case TRANSFER_ACT_PAYLOAD_HELD:
        return received_send_receipt(core, link, &action->grant, RECEIPT_PAYLOAD);
    case TRANSFER_ACT_CLOSE:
        return core_close(core, link, NULL);
    }
    return ERR_OK;
}

enum err delivery_load_request(struct core *core, const struct id *id, struct request *out) {
    struct store_object row;
    struct signed_object object;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    return err == ERR_OK ? request_decode(object.body, out) : err;
}
