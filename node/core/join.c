/* Founding, inviting, joining (PROTOCOL 4.5). No owner need be at the sponsor's keyboard: the
 * invite was its owner's word, the sponsor's node countersigns who used it. */
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

static enum err enter(struct core *core, struct bytes charter, struct bytes member,
                      const uint8_t founding_key[EPOCH_KEY_BYTES], struct bytes others,
                      struct bytes parts);
static enum err judge_welcome(struct community *community, struct bytes charter,
                              struct bytes member, struct bytes others, struct id *own);
static enum err dial_sponsor(struct core *core);
static enum err join_failed(struct core *core, enum err err);
static enum err take_ask(struct core *core, struct link *link, struct bytes member);
static enum err complete_certificate(struct core *core, const struct link *link,
                                     const struct store_invite *invite, struct bytes bytes,
                                     struct buffer *out);
static enum err admit_joiner(struct core *core, struct link *link, struct bytes certificate);
static enum err welcome_again(struct core *core, struct link *link, struct bytes member);
static enum err welcome(struct core *core, struct link *link, struct bytes member);
static enum err visit_send(void *context, const struct store_object *object);
static enum err visit_send_part(void *context, const struct store_epoch *epoch);
static enum err visit_find_invite(void *context, const struct store_invite *invite);
static enum err take_member(struct core *core, struct bytes object);
static enum err take_welcome(struct core *core, const struct link_message *message);
static enum err admit_each(struct community *community, struct bytes objects);
static enum err admit_one(struct community *community, const struct signed_object *object,
                          const struct member *member);
static enum err judge_standing(struct community *community, const struct signed_object *object);
static enum err judge_record(const struct community *community, const struct signed_object *object,
                             const struct head *head);
static enum err keep_each(struct core *core, struct bytes objects);
static enum err keep_parts(struct core *core, struct bytes parts);
static enum err make_way(struct core *core, struct bytes bytes, bool *wanted);
static bool next_object(struct bytes *list, struct bytes *out);

struct find_invite {
    struct id id;
    bool found;
    struct store_invite invite;
    uint8_t signed_invite[1024];
    uint8_t member[SIGNED_GOSSIP_MAX];
};

struct send_to {
    struct core *core;
    struct link *link;
};

enum err join_found(struct core *core, struct bytes charter, struct bytes member_bytes) {
    struct signed_object object;
    struct member member;
    uint8_t epoch_key[EPOCH_KEY_BYTES];
    SCOPED(buffer_finish) struct buffer complete = {.max = SIGNED_GOSSIP_MAX};
    if (core->is_member || core->join.active) {
        return ERR_USER_EXISTS;
    }
    enum err err = join_add_node_signature(core, member_bytes, &complete);
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&complete), &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK) {
        err = join_check_own(core, &object, &member);
    }
    core_random_bytes(core, epoch_key, sizeof epoch_key);
    if (err == ERR_OK) {
        err = enter(core, charter, buffer_bytes(&complete), epoch_key, (struct bytes){NULL, 0},
                    (struct bytes){NULL, 0});
    }
    secret_wipe(epoch_key, sizeof epoch_key);
    return err;
}

enum err join_invite(struct core *core, struct bytes bytes, const uint8_t secret[16]) {
    struct store_invite row;
    enum err err = join_judge_invite(core, bytes, secret, &row);
    if (err == ERR_OK) {
        core->doors_stale = true;
        err = store_invite_add(core->store, &row);
    }
    return err;
}

enum err join_judge_invite(struct core *core, struct bytes bytes, const uint8_t secret[16],
                           struct store_invite *out) {
    struct signed_object object;
    struct invite invite;
    struct sign_secret secret_key;
    struct sign_public key;
    bool owner = false;
    if (!core->is_member) {
        return ERR_USER_NO_COMMUNITY;
    }
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = invite_decode(object.body, &invite);
    }
    if (err != ERR_OK) {
        return err;
    }
    const struct member *home = community_find(core->community, &core->self);
    ASSERT(home != NULL);
    for (size_t i = 0; i < home->owner_count && !owner; i++) {
        owner = signed_by(&object, &home->owners[i].sign);
    }
    invite_key(secret, &secret_key, &key);
    sign_secret_wipe(&secret_key);
    if (!owner) {
        return ERR_USER_NOT_OWNER;
    }
    if (object.kind != OBJECT_INVITE || !id_equal(&invite.head.author, &core->self) ||
        !id_equal(&invite.head.community, community_id(core->community)) ||
        !sign_public_equal(&invite.key, &key) || bytes.len > 1024 ||
        instant_reached(core->now.wall, invite.head.expires)) {
        return ERR_PEER_BOUNDS;
    }
    *out = (struct store_invite){.id = object.id, .invite = bytes, .expires = invite.head.expires};
    transport_psk0(TRANSPORT_JOIN, community_id(core->community), (struct bytes){secret, 16},
                   out->psk0);
    return ERR_OK;
}

enum err join_start(struct core *core, uint64_t client, const char *code,
                    struct bytes member_bytes) {
    struct signed_object object;
    struct member member;
    if (core->is_member) {
        return ERR_USER_EXISTS;
    }
    enum err err = invite_code_read(code, &core->join.code);
    if (err != ERR_OK) {
        return err;
    }
    if (instant_reached(core->now.wall, core->join.code.expires)) {
        return ERR_USER_INVITE;
    }
    buffer_clear(&core->join.ask);
    buffer_clear(&core->join.objects);
    buffer_clear(&core->join.parts);
    err = join_add_node_signature(core, member_bytes, &core->join.ask);
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&core->join.ask), &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK) {
        err = join_check_own(core, &object, &member);
    }
    if (err == ERR_OK) { /* kept, so that a join that was asked for goes on after a restart */
        SCOPED(buffer_finish) struct buffer row = {.max = CODE_MAX_BYTES + SIGNED_GOSSIP_MAX};
        err = buffer_append(&row, (struct bytes){(const uint8_t *)code, strlen(code) + 1});
        if (err == ERR_OK) {
            err = buffer_append(&row, buffer_bytes(&core->join.ask));
        }
        if (err == ERR_OK) {
            err = store_put(core->store, STORE_JOIN, buffer_bytes(&row));
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    core->join.active = true;
    core->join.client = client;
    core->join.next_address = 0;
    core->join.link = 0;
    core->join.give_up = tick_add(core->now.mono, (struct duration){JOIN_TIME_MS});
    core->join.retry = core->now.mono;
    return ERR_OK;
}

enum err join_load(struct core *core) {
    struct bytes row;
    enum err err = store_get(core->store, STORE_JOIN, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    const uint8_t *end = memchr(row.at, '\0', row.len);
    if (end == NULL || invite_code_read((const char *)row.at, &core->join.code) != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    size_t code = (size_t)(end - row.at) + 1;
    err = buffer_append(&core->join.ask, (struct bytes){row.at + code, row.len - code});
    core->join.active = err == ERR_OK;
    core->join.give_up = tick_add(core->now.mono, (struct duration){JOIN_TIME_MS});
    core->join.retry = core->now.mono;
    return err;
}

enum err join_established(struct core *core, struct link *link) {
    struct link_message ask = {.kind = LINK_JOIN_ASK};
    if (link->purpose != PURPOSE_JOIN) {
        return ERR_OK; /* we are the sponsor: the joiner speaks first */
    }
    buffer_clear(&core->join.objects);
    buffer_clear(&core->join.parts);
    ask.as.join_ask.member = buffer_bytes(&core->join.ask);
    return core_send(core, link, &ask);
}

enum err join_link_down(struct core *core, struct link *link) {
    if (core->join.active && core->join.link == link->no) {
        core->join.link = 0;
        core->join.retry = tick_add(core->now.mono, (struct duration){1000});
    }
    return ERR_OK;
}

enum err join_message(struct core *core, struct link *link, const struct link_message *message) {
    bool joiner = link->purpose == PURPOSE_JOIN;
    if (message->kind == LINK_JOIN_ASK && !joiner) {
        return take_ask(core, link, message->as.join_ask.member);
    }
    if (message->kind == LINK_JOIN_MEMBER && joiner && core->join.active) {
        return take_member(core, message->as.join_member.member);
    }
    if (message->kind == LINK_EPOCH && joiner && core->join.active) {
        enum err err = buffer_append(&core->join.parts, BYTES_OF(message->as.epoch.removal.b));
        return err == ERR_OK ? buffer_append(&core->join.parts, BYTES_OF(message->as.epoch.key))
                             : err;
    }
    if (message->kind == LINK_JOIN_WELCOME && joiner && core->join.active) {
        enum err err = take_welcome(core, message);
        uint64_t client = core->join.client;
        if (err != ERR_OK) {
            return join_failed(core, err);
        }
        core->join.active = false;
        core_journal(core, "info community: joined");
        err = client == 0 ? ERR_OK : control_done(core, client, ERR_OK, "");
        return err == ERR_OK ? core_close(core, link, NULL) : err;
    }
    return ERR_PEER_SEQUENCE;
}

enum err join_tick(struct core *core) {
    if (!core->join.active) {
        return ERR_OK;
    }
    if (instant_reached(core->now.wall, core->join.code.expires)) {
        return join_failed(core, ERR_USER_INVITE);
    }
    if (core->join.client != 0 && tick_reached(core->now.mono, core->join.give_up)) {
        return join_failed(core, ERR_USER_NO_ANSWER); /* a bad invite is met with silence too */
    }
    if (core->join.client == 0 && tick_reached(core->now.mono, core->join.give_up)) {
        core->join.give_up = tick_add(core->now.mono, (struct duration){JOIN_TIME_MS});
    }
    if (tick_reached(core->now.mono, core->join.retry)) {
        core->join.retry = tick_add(core->now.mono, (struct duration){DIAL_TIME_MS});
        return core->join.link == 0 ? dial_sponsor(core) : ERR_OK;
    }
    return ERR_OK;
}

/* ---- helpers ---- */

enum err join_check_own(struct core *core, const struct signed_object *object,
                        const struct member *member) {
    if (object->kind != OBJECT_MEMBER || !sign_public_equal(&member->node, &core->node_public) ||
        !sign_public_equal(&member->log, &core->log_public) ||
        !box_public_equal(&member->transport, &core->transport_public)) {
        return ERR_PEER_BOUNDS;
    }
    for (size_t i = 0; i < member->owner_count; i++) {
        if (!signed_by(object, &member->owners[i].sign)) {
            return ERR_USER_NOT_OWNER;
        }
    }
    return ERR_OK;
}

/* Everything that makes this node a member, in one transaction. All of it is judged before any of
 * it is kept: a sponsor that sends nonsense leaves nothing behind. */
static enum err enter(struct core *core, struct bytes charter, struct bytes member,
                      const uint8_t founding_key[EPOCH_KEY_BYTES], struct bytes others,
                      struct bytes parts) {
    struct store_epoch founding = {.since = core->now.wall};
    struct community *judged = community_create();
    struct id own;
    enum err err = judged == NULL ? ERR_HOST_MEMORY : ERR_OK;
    if (err == ERR_OK) {
        err = judge_welcome(judged, charter, member, others, &own);
    }
    if (err != ERR_OK) {
        community_destroy(judged);
        return err;
    }
    community_destroy(core->community);
    core->community = judged;
    struct log_entry entry = {
        .kind = LOG_CHARTER, .at = core->now.wall, .a = *community_id(judged)};
    err = record_add(core, &entry, NULL);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_COMMUNITY, BYTES_OF(community_id(judged)->b));
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CHARTER, charter);
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CERTIFICATE, BYTES_OF(own.b));
    }
    if (err == ERR_OK) {
        memcpy(founding.key, founding_key, sizeof founding.key);
        err = store_epoch_add(core->store, &founding);
        secret_wipe(founding.key, sizeof founding.key);
    }
    if (err == ERR_OK) {
        err = keep_each(core, others);
    }
    if (err == ERR_OK) {
        err = keep_parts(core, parts);
    }
    if (err == ERR_OK) {
        err = join_keep_object(core, member);
    }
    if (err == ERR_OK) {
        err = store_remove(core->store, STORE_JOIN);
    }
    if (err == ERR_OK) {
        entry = (struct log_entry){.kind = LOG_MEMBER, .at = core->now.wall, .a = own};
        err = record_add(core, &entry, NULL);
    }
    if (err == ERR_OK) { /* from the store, as at every start */
        community_destroy(core->community);
        core->community = community_create();
        err = core->community == NULL ? ERR_HOST_MEMORY : core_become_member(core);
    }
    return err;
}

static enum err judge_welcome(struct community *community, struct bytes charter,
                              struct bytes member, struct bytes others, struct id *own) {
    struct signed_object object;
    struct charter terms;
    struct member self;
    enum err err = signed_decode(charter, &object);
    if (err == ERR_OK) {
        err = charter_decode(object.body, &terms);
    }
    if (err == ERR_OK) {
        err = community_found(community, &object, &terms);
    }
    if (err == ERR_OK) {
        err = admit_each(community, others);
    }
    if (err == ERR_OK) {
        err = signed_decode(member, &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, &self);
    }
    if (err == ERR_OK) {
        err = admit_one(community, &object, &self);
    }
    if (err == ERR_OK) {
        *own = object.id;
    }
    return err;
}

enum err join_add_node_signature(struct core *core, struct bytes bytes, struct buffer *out) {
    struct signed_object object;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = signed_add(&object, &core->config.keys.sign, &core->node_public);
        err = err == ERR_USER_EXISTS ? ERR_OK : err;
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

static enum err dial_sponsor(struct core *core) {
    struct transport_door_key door;
    const struct invite_code *code = &core->join.code;
    doors_key(TRANSPORT_JOIN, BYTES_OF(code->secret), &code->community, 0, &door);
    for (size_t i = 0; i < code->address_count; i++) {
        const char *address = code->addresses[core->join.next_address++ % code->address_count];
        if (core_may_dial(core, address)) {
            enum err err = core_dial(core, PURPOSE_JOIN, &code->community, address, &door,
                                     &code->transport, (struct bytes){NULL, 0}, &core->join.link);
            return err == ERR_FULL_LINKS || err == ERR_PEER_HANDSHAKE ? ERR_OK : err;
        }
    }
    return ERR_OK;
}

static enum err join_failed(struct core *core, enum err err) {
    uint64_t client = core->join.client;
    core->join.active = false;
    core->join.client = 0;
    core_journal(core, "warn community: join failed reason=\"%s\"", err_text(err));
    enum err removed = store_remove(core->store, STORE_JOIN);
    if (removed == ERR_OK && client != 0) {
        removed = control_done(core, client, err, "");
    }
    return removed;
}

/* ---- sponsor ---- */

static enum err take_ask(struct core *core, struct link *link, struct bytes member_bytes) {
    static struct find_invite found; /* 17 KiB: not for the stack */
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    found = (struct find_invite){.id = link->about};
    enum err err = store_invite_each(core->store, visit_find_invite, &found);
    if (err != ERR_OK) {
        return err;
    }
    /* One invite, one joiner: who used it first may come again until it expires, nobody else. */
    if (!found.found || instant_reached(core->now.wall, found.invite.expires) ||
        (found.invite.bound && !box_public_equal(&found.invite.joiner, &link->peer_static))) {
        return ERR_USER_INVITE;
    }
    if (found.invite.bound) {
        return welcome_again(core, link, found.invite.member);
    }
    err = complete_certificate(core, link, &found.invite, member_bytes, &bytes);
    return err == ERR_OK ? admit_joiner(core, link, buffer_bytes(&bytes)) : err;
}

/* What the joiner says of itself, with this node's signature. */
static enum err complete_certificate(struct core *core, const struct link *link,
                                     const struct store_invite *invite, struct bytes bytes,
                                     struct buffer *out) {
    struct signed_object object;
    struct member member;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK && (!box_public_equal(&member.transport, &link->peer_static) ||
                          !bytes_equal(member.invite, invite->invite) ||
                          member.head.created.ms > core->now.wall.ms + FUTURE_MAX_MS)) {
        err = ERR_PEER_CERTIFICATE;
    }
    return err == ERR_OK ? join_add_node_signature(core, bytes, out) : err;
}

static enum err admit_joiner(struct core *core, struct link *link, struct bytes certificate) {
    struct signed_object object;
    struct member member;
    enum err err = signed_decode(certificate, &object);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK) {
        /* A home that was removed brings nobody in, and none brings in one in another's place,
         * whatever day the joiner says that it is. */
        err = !community_in_standing(core->community, &core->self, core->now.wall) ? ERR_DENY_ROLE
              : !community_lets_bring(core->community, &object.id, &member)        ? ERR_DENY_QUOTA
                                                                                   : ERR_OK;
    }
    if (err == ERR_OK) {
        err = community_admit(core->community, &object, &member);
    }
    if (err == ERR_OK) {
        err = store_invite_bind(core->store, &link->about, &link->peer_static, certificate);
    }
    if (err == ERR_OK) {
        err = gossip_accept(core, 0, (struct way){0}, &object, &member.head, certificate);
    }
    if (err == ERR_OK) {
        core_journal(core, "info community: admitted member=%02x%02x%02x%02x", object.id.b[0],
                     object.id.b[1], object.id.b[2], object.id.b[3]);
        err = welcome(core, link, certificate);
    }
    return err;
}

/* It may have been removed since, or this home: then it learns nothing of what came after. */
static enum err welcome_again(struct core *core, struct link *link, struct bytes member) {
    struct signed_object object;
    enum err err = signed_decode(member, &object);
    if (err == ERR_OK && !(community_in_standing(core->community, &object.id, core->now.wall) &&
                           community_in_standing(core->community, &core->self, core->now.wall))) {
        err = ERR_USER_INVITE;
    }
    return err == ERR_OK ? welcome(core, link, member) : err;
}

static enum err welcome(struct core *core, struct link *link, struct bytes member) {
    struct send_to to = {.core = core, .link = link};
    struct link_message message = {.kind = LINK_JOIN_WELCOME};
    link->queued = 0; /* a community's certificates may be more than a link's usual queue */
    enum err err = ERR_OK;
    for (uint32_t i = 1; err == ERR_OK && i < community_act_count(core->community); i++) {
        struct store_object row;
        err = store_object_get(core->store, community_act_id(core->community, i), &row);
        err = err == ERR_OK ? visit_send(&to, &row) : err;
    }
    for (size_t i = 0; err == ERR_OK && i < community_size(core->community); i++) {
        struct store_object row; /* in order of admission: sponsors first, whatever clocks said */
        err = store_object_get(core->store, community_member_id(core->community, i), &row);
        if (err == ERR_OK && !outside_by_act(core, &row)) {
            err = visit_send(&to, &row);
        }
        err = err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    static const enum object_kind kinds[] = {OBJECT_RENEWAL, OBJECT_REMOVAL, OBJECT_NODE_RECORD};
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(kinds); i++) {
        err = store_object_each(core->store, kinds[i], visit_send, &to);
    }
    if (err == ERR_OK) {
        err = epoch_each_part(core, visit_send_part, &to);
    }
    if (err == ERR_OK) {
        err = epoch_founding(core, message.as.join_welcome.founding_key);
    }
    if (err == ERR_OK) {
        message.as.join_welcome.member = member;
        message.as.join_welcome.charter = buffer_bytes(&core->charter);
        err = core_send(core, link, &message);
        secret_wipe(message.as.join_welcome.founding_key, EPOCH_KEY_BYTES);
    }
    return err;
}

static enum err visit_send(void *context, const struct store_object *object) {
    struct send_to *to = context;
    struct link_message message = {.kind = LINK_JOIN_MEMBER};
    message.as.join_member.member = object->object;
    to->link->queued = 0;
    return core_send(to->core, to->link, &message);
}

static enum err visit_send_part(void *context, const struct store_epoch *epoch) {
    struct send_to *to = context;
    struct link_message message = {.kind = LINK_EPOCH, .as.epoch.removal = epoch->removal};
    memcpy(message.as.epoch.key, epoch->key, sizeof message.as.epoch.key);
    to->link->queued = 0;
    enum err err = core_send(to->core, to->link, &message);
    secret_wipe(message.as.epoch.key, sizeof message.as.epoch.key);
    return err;
}

static enum err visit_find_invite(void *context, const struct store_invite *invite) {
    struct find_invite *find = context;
    if (!id_equal(&invite->id, &find->id)) {
        return ERR_OK;
    }
    if (invite->invite.len > sizeof find->signed_invite ||
        invite->member.len > sizeof find->member) {
        return ERR_HOST_DATABASE;
    }
    find->found = true;
    find->invite = *invite;
    memcpy(find->signed_invite, invite->invite.at, invite->invite.len);
    find->invite.invite.at = find->signed_invite;
    if (invite->member.len > 0) {
        memcpy(find->member, invite->member.at, invite->member.len);
    }
    find->invite.member.at = find->member;
    return ERR_OK;
}

/* ---- joiner ---- */

static enum err take_member(struct core *core, struct bytes object) {
    uint8_t len[4];
    write_u32(len, (uint32_t)object.len);
    enum err err = buffer_append(&core->join.objects, BYTES_OF(len));
    return err == ERR_OK ? buffer_append(&core->join.objects, object) : err;
}

static enum err take_welcome(struct core *core, const struct link_message *message) {
    struct signed_object charter;
    struct signed_object member;
    struct signed_object asked;
    enum err err = signed_decode(message->as.join_welcome.charter, &charter);
    if (err == ERR_OK) {
        err = signed_decode(message->as.join_welcome.member, &member);
    }
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&core->join.ask), &asked);
    }
    if (err == ERR_OK &&
        (!id_equal(&charter.id, &core->join.code.community) || !id_equal(&member.id, &asked.id))) {
        err = ERR_USER_INVITE; /* another community than the invite's, or another body than ours */
    }
    if (err == ERR_OK) {
        err = enter(core, message->as.join_welcome.charter, message->as.join_welcome.member,
                    message->as.join_welcome.founding_key, buffer_bytes(&core->join.objects),
                    buffer_bytes(&core->join.parts));
    }
    return err;
}

/* Certificates of the others, sponsors before those whom they brought, then their records. */
static enum err admit_each(struct community *community, struct bytes objects) {
    struct bytes bytes;
    enum err err = ERR_OK;
    while (err == ERR_OK && next_object(&objects, &bytes)) {
        struct signed_object object;
        struct member member;
        struct head head;
        err = signed_decode(bytes, &object);
        if (err == ERR_OK) {
            err = head_decode(object.body, &head);
        }
        if (err == ERR_OK && object.kind == OBJECT_MEMBER) {
            err = member_decode(object.body, &member);
            if (err == ERR_OK) {
                err = admit_one(community, &object, &member);
            }
        } else if (err == ERR_OK && standing_lasts(object.kind)) {
            err = judge_standing(community, &object);
        } else if (err == ERR_OK && object.kind == OBJECT_NODE_RECORD) {
            err = judge_record(community, &object, &head);
        } else if (err == ERR_OK) {
            err = ERR_PEER_SEQUENCE;
        }
    }
    return err;
}

/* What an honest sponsor has displaces nobody. */
static enum err admit_one(struct community *community, const struct signed_object *object,
                          const struct member *member) {
    struct id displaced;
    struct id by;
    enum err err = community_admit(community, object, member);
    return err == ERR_OK && community_take_displaced(community, &displaced, &by) ? ERR_DENY_QUOTA
                                                                                 : err;
}

/* Acts come first, in their order; then certificates; then what became of them. */
static enum err judge_standing(struct community *community, const struct signed_object *object) {
    struct renewal renewal;
    struct removal removal;
    struct act act;
    enum err err = ERR_OK;
    if (object->kind == OBJECT_ACT) {
        err = act_decode(object->body, &act);
        return err == ERR_OK ? community_follow(community, object, &act) : err;
    }
    const struct member *author = NULL;
    if (object->kind == OBJECT_RENEWAL) {
        err = renewal_decode(object->body, &renewal);
        author = err == ERR_OK ? community_find(community, &renewal.head.author) : NULL;
        bool good = author != NULL && signed_by(object, &author->node) &&
                    community_may_renew(community, &renewal.head.author, &renewal.member) == ERR_OK;
        if (good) {
            community_renew(community, &renewal.member, renewal.head.expires, &object->id);
        }
        return err == ERR_OK && !good ? ERR_PEER_SIGNATURE : err;
    }
    err = removal_decode(object->body, &removal);
    author = err == ERR_OK ? community_find(community, &removal.head.author) : NULL;
    if (author == NULL || !signed_by_owner(object, author)) { /* idle ones come along */
        return err == ERR_OK ? ERR_PEER_SIGNATURE : err;
    }
    return community_remove(community, &removal.removed, &object->id, removal.head.created,
                            &removal.head.author);
}

static enum err judge_record(const struct community *community, const struct signed_object *object,
                             const struct head *head) {
    struct node_record record;
    const struct member *author = community_find(community, &head->author);
    if (!id_equal(&head->community, community_id(community))) {
        return ERR_PEER_CERTIFICATE;
    }
    if (head->expires.ms - head->created.ms > OBJECT_LIFE_MAX_MS) {
        return ERR_PEER_BOUNDS;
    }
    if (author == NULL || !signed_by(object, &author->node)) {
        return ERR_PEER_SIGNATURE;
    }
    return node_record_decode(object->body, &record);
}

static enum err keep_each(struct core *core, struct bytes objects) {
    struct bytes bytes;
    enum err err = ERR_OK;
    while (err == ERR_OK && next_object(&objects, &bytes)) {
        bool wanted = false;
        err = make_way(core, bytes, &wanted);
        if (err == ERR_OK && wanted) {
            err = join_keep_object(core, bytes);
        }
    }
    return err;
}

/* Of the epoch key: what a removal does not commit to is not kept. */
static enum err keep_parts(struct core *core, struct bytes parts) {
    enum err err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at + 64 <= parts.len; at += 64) {
        struct id removal;
        memcpy(removal.b, parts.at + at, sizeof removal.b);
        err = epoch_take(core, &removal, parts.at + at + 32);
        err = err == ERR_PEER_SIGNATURE ? ERR_OK : err;
    }
    return err;
}

/* Of one author the newest record alone, and none from the future, whose author's clock may be
 * wrong: it comes by gossip in its time (PROTOCOL 5.1). */
static enum err make_way(struct core *core, struct bytes bytes, bool *wanted) {
    struct signed_object object;
    struct store_object old;
    struct head head;
    *wanted = true;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = head_decode(object.body, &head);
    }
    if (err != ERR_OK || object.kind != OBJECT_NODE_RECORD) {
        return err;
    }
    *wanted = head.created.ms <= core->now.wall.ms + FUTURE_MAX_MS;
    err = store_object_newest(core->store, OBJECT_NODE_RECORD, &head.author, &old);
    if (err != ERR_OK || !*wanted) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    const struct sync_key before = {old.created, old.id};
    const struct sync_key new = {head.created, object.id};
    *wanted = sync_key_compare(&before, &new) < 0;
    return *wanted ? store_object_remove(core->store, &old.id) : ERR_OK;
}

enum err join_keep_object(struct core *core, struct bytes bytes) {
    struct signed_object object;
    struct head head;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = head_decode(object.body, &head);
    }
    struct store_object row = {.object = bytes};
    if (err == ERR_OK) {
        row.id = object.id;
        row.kind = object.kind;
        row.author = head.author;
        row.created = head.created;
        row.expires = head.expires;
        err = store_object_add(core->store, &row);
    }
    const uint32_t act = community_act_number(core->community, &row.id);
    if (err == ERR_OK && act < COMMUNITY_ACTS_MAX) {
        err = store_act_put(core->store, &(struct store_act){row.id, act + 1, row.created, {{0}}});
    }
    return err;
}

/* Off the list that take_member() has made. */
static bool next_object(struct bytes *list, struct bytes *out) {
    if (list->len < 4) {
        return false;
    }
    out->len = read_u32(list->at);
    out->at = list->at + 4;
    list->at += 4 + out->len;
    list->len -= 4 + out->len;
    return true;
}
