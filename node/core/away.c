/* The catch-up door, for those who were away while members were removed (PROTOCOL 4.8): they know
 * an older epoch key, and no longer who is a member.
 *
 * Both sides tell each other all that decides it: acts, certificates, renewals, removals, and what
 * each removal adds to the key. So do two halves of a community that was cut apart. */
#include <string.h>

#include "node/core/parts.h"

struct sending { /* all of it, in one order */
    struct core *core;
    struct link *link;
    uint64_t skip;
};

static enum err go_on(struct core *core, struct link *link);
static enum err send_all(struct core *core, struct link *link);
static enum err send_object(void *context, const struct store_object *row);
static enum err send_part(void *context, const struct store_epoch *epoch);
static enum err send_next(struct sending *sending, const struct link_message *message);

enum err away_established(struct core *core, struct link *link) {
    core_journal(core, "info link: catching up dialled=%s",
                 link->purpose == PURPOSE_MEMBER ? "yes" : "no");
    return send_all(core, link);
}

/* What comes here is judged like any object; only a removed one's word has no place here. */
enum err away_message(struct core *core, struct link *link, const struct link_message *message) {
    enum err verdict = ERR_OK;
    switch ((int)message->kind) {
    case LINK_STANDING:
        return gossip_take(core, link, message->as.standing.object, (struct way){0}, &verdict);
    case LINK_EPOCH:
        return epoch_take(core, &message->as.epoch.removal, message->as.epoch.key);
    case LINK_CAUGHT_UP:
        link->caught_up = true;
        return go_on(core, link);
    default:
        return ERR_PEER_SEQUENCE;
    }
}

enum err away_drained(struct core *core, struct link *link) {
    return link->told_all ? go_on(core, link) : send_all(core, link);
}

/* Whoever dialled ends it, and knocks at the member door at once. */
static enum err go_on(struct core *core, struct link *link) {
    if (!link->told_all || !link->caught_up || link->purpose != PURPOSE_MEMBER) {
        return ERR_OK;
    }
    size_t number = community_number(core->community, &link->about);
    if (number < COMMUNITY_MEMBERS_MAX) {
        core->dials_failed[number] = 0;
    }
    core_journal(core, "info link: caught up");
    struct id about = link->about;
    enum err err = core_close(core, link, NULL);
    return err == ERR_OK ? neighbours_dial_member(core, &about) : err;
}

/* As much as the link takes; the rest when it has drained. */
static enum err send_all(struct core *core, struct link *link) {
    static const enum object_kind kinds[] = {OBJECT_ACT, OBJECT_MEMBER, OBJECT_RENEWAL,
                                             OBJECT_REMOVAL};
    struct sending sending = {.core = core, .link = link, .skip = link->told_parts};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(kinds); i++) {
        err = store_object_each(core->store, kinds[i], send_object, &sending);
    }
    if (err == ERR_OK) {
        err = epoch_each_part(core, send_part, &sending);
    }
    if (err == ERR_OK) {
        const struct link_message message = {.kind = LINK_CAUGHT_UP,
                                             .as.caught_up.sent = link->told_parts};
        err = core_send(core, link, &message);
        link->told_all = err == ERR_OK;
    }
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

static enum err send_object(void *context, const struct store_object *row) {
    struct sending *sending = context;
    const struct link_message message = {.kind = LINK_STANDING, .as.standing.object = row->object};
    if (row->kind == OBJECT_ACT &&
        community_act_number(sending->core->community, &row->id) == COMMUNITY_ACTS_MAX) {
        return ERR_OK; /* it lost */
    }
    if (outside_by_act(sending->core, row)) {
        return ERR_OK;
    }
    return send_next(sending, &message);
}

static enum err send_part(void *context, const struct store_epoch *epoch) {
    struct sending *sending = context;
    struct link_message message = {.kind = LINK_EPOCH, .as.epoch.removal = epoch->removal};
    memcpy(message.as.epoch.key, epoch->key, sizeof message.as.epoch.key);
    enum err err = send_next(sending, &message);
    secret_wipe(message.as.epoch.key, sizeof message.as.epoch.key);
    return err;
}

static enum err send_next(struct sending *sending, const struct link_message *message) {
    if (sending->skip > 0) {
        sending->skip--;
        return ERR_OK;
    }
    enum err err = core_send(sending->core, sending->link, message);
    sending->link->told_parts += err == ERR_OK ? 1 : 0;
    return err;
}
