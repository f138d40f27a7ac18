/* Outsiders (PROTOCOL 4.11): who may ask a community without belonging to it.
 *
 * At a home: the doors of those who name it as theirs. What comes through one is judged like any
 * object, and passed on as if this home had heard it from a neighbour; nothing goes out but what
 * was decided by all, so that the outsider knows the rules and how it stands. The home is a witness
 * of its log.
 *
 * At an outsider's node: it dials each of its doors, tells the community's acts from there, and
 * pushes what it says to all of them. It never opens another link but for what it is granted. */
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

struct pushing { /* all of ours that lives, in one order */
    struct core *core;
    struct link *link;
    uint64_t skip;
};

struct search { /* among an outsider's requests */
    struct core *core;
    const struct id *sha256;
    bool found;
};

static enum err keep_applied(struct core *core, const struct member *again,
                             struct buffer *certificate);
static bool same_applicant(const struct member *a, const struct member *b);
static enum err split_row(struct bytes row, struct bytes *doors, struct signed_object *object,
                          struct bytes *certificate);
static enum err read_doors(struct bytes doors, const struct id *community,
                           struct outside_door out[OUTSIDER_DOORS_MAX], size_t *count);
static enum err dial(struct core *core, struct outside_door *door);
static void try_later(struct core *core, struct outside_door *door);
static struct outside_door *door_of(struct core *core, const struct link *link);
static enum err keep_alive(struct core *core, struct outside_door *door);
static enum err push_all(struct core *core, struct link *link);
static enum err visit_push(void *context, const struct store_object *row);
static bool goes_out(const struct core *core, const struct store_object *row);
static enum err take_told(struct core *core, struct link *link, struct bytes object);
static enum err gather(struct core *core, struct link *link, struct bytes object);
static enum err all_told(struct core *core, struct link *link);
static enum err enter(struct core *core);
static enum err judge_gathered(const struct core *core, struct community *judged);
static bool next_gathered(struct bytes *left, struct bytes *out);
static enum err become(struct core *core, struct community *take_judged);
static bool serves(const struct core *core, const struct id *id);
static const uint8_t *secret_with(struct core *core, const struct box_public *transport);
static enum err answer_established(struct core *core, struct link *link);
static enum err tell_all(struct core *core, struct link *link);
static enum err take_object(struct core *core, struct link *link, struct bytes bytes);
static bool is_its_own(const struct core *core, const struct id *outsider,
                       const struct signed_object *object, const struct head *head);
static enum err keep_certificate(struct core *core, const struct outsider *outsider);
static enum err visit_paper(void *context, const struct id *id);

/* ---- an outsider's node ---- */

enum err outside_apply(struct core *core, struct bytes member, struct bytes doors, bool anew,
                       struct buffer *complete) {
    static struct outside_door checked[OUTSIDER_DOORS_MAX]; /* large */
    struct signed_object object;
    struct member body;
    size_t count = 0;
    SCOPED(buffer_finish) struct buffer row = {.max = SIGNED_GOSSIP_MAX};
    enum err err = core->is_member || core->join.active ? ERR_USER_EXISTS : ERR_OK;
    if (err == ERR_OK) {
        err = join_add_node_signature(core, member, complete);
    }
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(complete), &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, &body);
    }
    if (err == ERR_OK) {
        err = join_check_own(core, &object, &body);
    }
    if (err == ERR_OK &&
        (body.role != MEMBER_OUTSIDER || complete->len > OUTSIDER_CERTIFICATE_MAX)) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) { /* what is stored is read at every start */
        err = read_doors(doors, &body.head.community, checked, &count);
    }
    if (err == ERR_OK && !anew) {
        err = keep_applied(core, &body, complete);
    }
    if (err == ERR_OK) {
        err = buffer_append(&row, doors);
    }
    if (err == ERR_OK) {
        err = buffer_append(&row, (struct bytes){(const uint8_t *)"", 1});
    }
    if (err == ERR_OK) {
        err = buffer_append(&row, buffer_bytes(complete));
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_OUTSIDE, buffer_bytes(&row));
    }
    return err == ERR_OK ? outside_load(core) : err;
}

/* Administrators may be about to let in what it applied with, and this node would be nobody with
 * another certificate: whoever applies again as the same gets the earlier one back, and as somebody
 * else is refused. One that has ended lets nobody in. */
static enum err keep_applied(struct core *core, const struct member *again,
                             struct buffer *certificate) {
    struct bytes row;
    struct bytes doors;
    struct bytes earlier;
    struct signed_object object;
    struct member member;
    enum err err = store_get(core->store, STORE_OUTSIDE, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    err = split_row(row, &doors, &object, &earlier);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err != ERR_OK || instant_reached(core->now.wall, member.head.expires)) {
        return err;
    }
    if (!same_applicant(&member, again)) {
        return ERR_USER_EXISTS;
    }
    buffer_clear(certificate);
    return buffer_append(certificate, earlier);
}

static bool same_applicant(const struct member *a, const struct member *b) {
    bool same = id_equal(&a->head.community, &b->head.community) && strcmp(a->name, b->name) == 0 &&
                sign_public_equal(&a->node, &b->node) && sign_public_equal(&a->log, &b->log) &&
                a->owner_count == b->owner_count;
    for (size_t i = 0; same && i < a->owner_count; i++) {
        same = sign_public_equal(&a->owners[i].sign, &b->owners[i].sign) &&
               strcmp(a->owner_names[i], b->owner_names[i]) == 0;
    }
    return same;
}

/* As STORE_OUTSIDE has it. */
static enum err split_row(struct bytes row, struct bytes *doors, struct signed_object *object,
                          struct bytes *certificate) {
    size_t len = 1;
    while (len < row.len && (row.at[len - 1] != '\0' || row.at[len] != '\0')) {
        len++;
    }
    if (len + 1 >= row.len) {
        return ERR_PEER_BOUNDS;
    }
    *doors = (struct bytes){row.at, len};
    *certificate = (struct bytes){row.at + len + 1, row.len - len - 1};
    return signed_decode(*certificate, object);
}

/* What it applied with stays: the doors are dialled by it for good. */
enum err outside_load(struct core *core) {
    struct outside *outside = &core->outside;
    struct bytes row;
    struct bytes doors;
    struct bytes certificate;
    struct signed_object object;
    struct member member;
    enum err err = store_get(core->store, STORE_OUTSIDE, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
    }
    err = split_row(row, &doors, &object, &certificate);
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK) {
        err = read_doors(doors, &member.head.community, outside->doors, &outside->door_count);
    }
    for (size_t i = 0; err == ERR_OK && i < outside->door_count; i++) {
        outside->doors[i].retry = core->now.mono;
    }
    outside->applied = err == ERR_OK;
    outside->door_count = err == ERR_OK ? outside->door_count : 0;
    outside->certificate = object.id;
    return err;
}

/* Each ends in a NUL. */
static enum err read_doors(struct bytes doors, const struct id *community,
                           struct outside_door out[OUTSIDER_DOORS_MAX], size_t *count) {
    *count = 0;
    while (doors.len > 0) {
        const uint8_t *end = memchr(doors.at, '\0', doors.len);
        if (end == NULL || *count == OUTSIDER_DOORS_MAX) {
            return ERR_PEER_BOUNDS;
        }
        struct outside_door *door = &out[(*count)++];
        *door = (struct outside_door){.link = 0};
        enum err err = door_code_read((const char *)doors.at, &door->code);
        if (err == ERR_OK && !id_equal(&door->code.community, community)) {
            err = ERR_PEER_BOUNDS;
        }
        if (err != ERR_OK) {
            return err;
        }
        size_t len = (size_t)(end - doors.at) + 1;
        doors = (struct bytes){doors.at + len, doors.len - len};
    }
    return *count > 0 ? ERR_OK : ERR_PEER_BOUNDS;
}

enum err outside_officer(struct core *core, struct bytes bytes) {
    struct signed_object object;
    struct member member;
    enum err verdict = ERR_OK;
    enum err err = core->is_outsider ? signed_decode(bytes, &object) : ERR_DENY_ROLE;
    if (err == ERR_OK) {
        err = member_decode(object.body, &member);
    }
    if (err == ERR_OK &&
        (object.kind != OBJECT_MEMBER || !id_equal(&member.head.author, &core->self))) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = gossip_take(core, NULL, bytes, (struct way){0}, &verdict);
    }
    return err == ERR_OK ? verdict : err;
}

struct tick outside_deadline(const struct core *core) {
    struct tick due = TICK_NEVER;
    for (size_t i = 0; i < core->outside.door_count; i++) {
        due = tick_earliest(due, core->outside.doors[i].retry);
    }
    return due;
}

enum err outside_tick(struct core *core) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < core->outside.door_count; i++) {
        struct outside_door *door = &core->outside.doors[i];
        if (tick_reached(core->now.mono, door->retry)) {
            err = door->link == 0 ? dial(core, door) : keep_alive(core, door);
        }
    }
    return err;
}

static enum err dial(struct core *core, struct outside_door *door) {
    struct transport_door_key key;
    const struct door_code *code = &door->code;
    const uint8_t *secret = secret_with(core, &code->transport);
    size_t start = core_random(core) % code->address_count;
    try_later(core, door);
    for (size_t i = 0; secret != NULL && i < code->address_count; i++) {
        const char *address = code->addresses[(start + i) % code->address_count];
        if (core_may_dial(core, address)) {
            doors_key(TRANSPORT_OUTSIDER, (struct bytes){secret, 32}, &code->community, 0, &key);
            enum err err = core_dial(core, PURPOSE_OUTSIDE, &code->home, address, &key,
                                     &code->transport, (struct bytes){NULL, 0}, &door->link);
            return core_is_fatal(err) ? err : ERR_OK;
        }
    }
    return ERR_OK; /* no address that this node may dial */
}

/* A door opens when administrators have let us in, which may take days. */
static void try_later(struct core *core, struct outside_door *door) {
    int64_t wait = OUTSIDE_RETRY_MS;
    for (unsigned i = 0; i < door->failed && wait < OUTSIDE_RETRY_MAX_MS; i++) {
        wait *= 2;
    }
    wait = wait < OUTSIDE_RETRY_MAX_MS ? wait : OUTSIDE_RETRY_MAX_MS;
    wait = wait / 2 + (int64_t)(core_random(core) % (uint64_t)(wait / 2));
    door->retry = tick_add(core->now.mono, (struct duration){wait});
}

enum err outside_link_down(struct core *core, const struct link *link) {
    struct outside_door *door = door_of(core, link);
    if (core->outside.tells == link->no) {
        core->outside.tells = 0;
    }
    if (door == NULL) {
        return ERR_OK;
    }
    door->link = 0;
    door->failed = link->caught_up ? 0 : door->failed + 1;
    try_later(core, door);
    return ERR_OK;
}

static struct outside_door *door_of(struct core *core, const struct link *link) {
    for (size_t i = 0; i < core->outside.door_count; i++) {
        if (core->outside.doors[i].link == link->no) {
            return &core->outside.doors[i];
        }
    }
    return NULL;
}

/* A home that has gone does not answer, and the link ends for its silence. */
static enum err keep_alive(struct core *core, struct outside_door *door) {
    struct link *link = links_find(core, door->link);
    door->retry = tick_add(core->now.mono, (struct duration){OUTSIDE_PING_MS});
    if (link == NULL || link->state != LINK_OPEN) {
        return ERR_OK;
    }
    if (tick_reached(core->now.mono, tick_add(link->since, (struct duration){OUTSIDE_LIFE_MS}))) {
        return core_close(core, link, NULL); /* and dialled anew (PROTOCOL 3.5) */
    }
    const struct link_message ping = {.kind = LINK_PING, .as.ping.nonce = core_random(core) | 1};
    enum err err = core_send(core, link, &ping);
    if (err == ERR_OK && link->told_all && tick_reached(core->now.mono, door->again)) {
        door->again = tick_add(core->now.mono, (struct duration){OUTSIDE_AGAIN_MS});
        link->told_parts = 0;
        err = push_all(core, link);
    }
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

/* As much as the link takes; the rest when it has drained. */
static enum err push_all(struct core *core, struct link *link) {
    static const enum object_kind kinds[] = {OBJECT_MEMBER,
                                             OBJECT_REMOVAL,
                                             OBJECT_REQUEST,
                                             OBJECT_WITHDRAWAL,
                                             OBJECT_RECEIPT_COMMITMENT,
                                             OBJECT_DELETION_RECEIPT};
    struct pushing pushing = {.core = core, .link = link, .skip = link->told_parts};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(kinds); i++) {
        err = store_object_each(core->store, kinds[i], visit_push, &pushing);
    }
    link->told_all = err == ERR_OK;
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

static enum err visit_push(void *context, const struct store_object *row) {
    struct pushing *pushing = context;
    struct link_message message = {.kind = LINK_GOSSIP};
    if (!goes_out(pushing->core, row)) {
        return ERR_OK;
    }
    if (pushing->skip > 0) {
        pushing->skip--;
        return ERR_OK;
    }
    message.as.gossip.hops = 1;
    message.as.gossip.object = row->object;
    enum err err = core_send(pushing->core, pushing->link, &message);
    pushing->link->told_parts += err == ERR_OK ? 1 : 0;
    return err;
}

static bool goes_out(const struct core *core, const struct store_object *row) {
    bool kind = row->kind == OBJECT_MEMBER || row->kind == OBJECT_REMOVAL ||
                row->kind == OBJECT_REQUEST || row->kind == OBJECT_WITHDRAWAL ||
                row->kind == OBJECT_RECEIPT_COMMITMENT || row->kind == OBJECT_DELETION_RECEIPT;
    return kind && core_is_ours(core, &row->author) &&
           (row->kind == OBJECT_MEMBER || !instant_reached(core->now.wall, row->expires));
}

enum err outside_push(struct core *core, const struct store_object *row) {
    struct link_message message = {.kind = LINK_GOSSIP};
    enum err err = ERR_OK;
    if (!goes_out(core, row)) {
        return ERR_OK;
    }
    message.as.gossip.hops = 1;
    message.as.gossip.object = row->object;
    for (size_t i = 0; err == ERR_OK && i < core->outside.door_count; i++) {
        struct link *link = links_find(core, core->outside.doors[i].link);
        if (link == NULL || link->state != LINK_OPEN) {
            continue;
        }
        err = core_send(core, link, &message);
        if (err == ERR_FULL_QUEUE) { /* it gets all of them anew when it has drained */
            link->told_parts = 0;
            link->told_all = false;
            err = ERR_OK;
        }
    }
    return err;
}

/* What a door tells: the founding charter and each act after it. */
static enum err take_told(struct core *core, struct link *link, struct bytes object) {
    struct signed_object told;
    enum err verdict = ERR_OK;
    enum err err = signed_decode(object, &told);
    if (err != ERR_OK || (told.kind != OBJECT_CHARTER && told.kind != OBJECT_ACT)) {
        return err == ERR_OK ? ERR_PEER_SEQUENCE : err;
    }
    if (!core->is_member) {
        return gather(core, link, object);
    }
    return told.kind == OBJECT_CHARTER
               ? ERR_OK /* ours: its id is the community's, which the door's key holds */
               : gossip_take(core, link, object, (struct way){0}, &verdict);
}

/* The first time nothing is kept before all of it has come, over one link. */
static enum err gather(struct core *core, struct link *link, struct bytes object) {
    struct outside *outside = &core->outside;
    uint8_t len[4];
    if (outside->tells == 0) {
        outside->tells = link->no;
        buffer_clear(&outside->acts);
        buffer_clear(&outside->charter);
        return buffer_append(&outside->charter, object);
    }
    if (outside->tells != link->no) {
        return ERR_OK;
    }
    write_u32(len, (uint32_t)object.len);
    enum err err = buffer_append(&outside->acts, BYTES_OF(len));
    return err == ERR_OK ? buffer_append(&outside->acts, object) : err;
}

static enum err all_told(struct core *core, struct link *link) {
    struct outside_door *door = door_of(core, link);
    enum err err = ERR_OK;
    if (!core->is_member && core->outside.tells != link->no) {
        return ERR_OK; /* another link tells it */
    }
    if (!core->is_member) {
        err = enter(core);
    }
    link->caught_up = err == ERR_OK;
    if (err == ERR_OK && door != NULL) {
        door->failed = 0;
        door->again = tick_add(core->now.mono, (struct duration){OUTSIDE_AGAIN_MS});
    }
    if (err == ERR_OK) {
        err = witness_offer(core, link);
    }
    return err == ERR_OK && !link->told_all ? push_all(core, link) : err;
}

/* The other doors tell again from the start: one of them may know of a later act. */
static enum err enter(struct core *core) {
    uint64_t tells = core->outside.tells;
    struct community *judged = community_create();
    enum err err = judged == NULL ? ERR_HOST_MEMORY : judge_gathered(core, judged);
    if (err == ERR_OK) {
        err = become(core, judged);
    } else {
        community_destroy(judged);
    }
    buffer_clear(&core->outside.acts);
    buffer_clear(&core->outside.charter);
    core->outside.tells = 0;
    for (size_t i = 0; err == ERR_OK && i < core->outside.door_count; i++) {
        uint64_t no = core->outside.doors[i].link;
        struct link *link = no == tells ? NULL : links_find(core, no);
        if (link != NULL) {
            err = core_close(core, link, NULL);
            core->outside.doors[i].retry = core->now.mono;
        }
    }
    return err;
}

static enum err judge_gathered(const struct core *core, struct community *judged) {
    struct bytes left = buffer_bytes(&core->outside.acts);
    struct bytes bytes;
    struct signed_object object;
    struct charter charter;
    struct act act;
    enum err err = signed_decode(buffer_bytes(&core->outside.charter), &object);
    if (err == ERR_OK) {
        err = charter_decode(object.body, &charter);
    }
    if (err == ERR_OK) {
        err = id_equal(&object.id, &core->outside.doors[0].code.community)
                  ? community_found(judged, &object, &charter)
                  : ERR_PEER_CERTIFICATE;
    }
    while (err == ERR_OK && next_gathered(&left, &bytes)) {
        err = signed_decode(bytes, &object);
        if (err == ERR_OK) {
            err = act_decode(object.body, &act);
        }
        if (err == ERR_OK) {
            err = community_follow(judged, &object, &act);
        }
    }
    if (err == ERR_OK && community_find(judged, &core->outside.certificate) == NULL) {
        err = ERR_PEER_CERTIFICATE; /* no act lets us in */
    }
    return err;
}

static bool next_gathered(struct bytes *left, struct bytes *out) {
    if (left->len < 4) {
        return false;
    }
    size_t len = read_u32(left->at);
    ASSERT(len <= left->len - 4);
    *out = (struct bytes){left->at + 4, len};
    *left = (struct bytes){left->at + 4 + len, left->len - 4 - len};
    return true;
}

/* All of it in one transaction, then from the store, as at every start. */
static enum err become(struct core *core, struct community *take_judged) {
    struct bytes left = buffer_bytes(&core->outside.acts);
    struct bytes bytes;
    const struct id id = *community_id(take_judged);
    const struct log_entry entry = {.kind = LOG_CHARTER, .at = core->now.wall, .a = id};
    community_destroy(core->community);
    core->community = take_judged;
    enum err err = record_add(core, &entry, NULL);
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_COMMUNITY, BYTES_OF(id.b));
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CHARTER, buffer_bytes(&core->outside.charter));
    }
    if (err == ERR_OK) {
        err = store_put(core->store, STORE_CERTIFICATE, BYTES_OF(core->outside.certificate.b));
    }
    while (err == ERR_OK && next_gathered(&left, &bytes)) {
        err = join_keep_object(core, bytes);
    }
    if (err == ERR_OK) {
        community_destroy(core->community);
        core->community = community_create();
        err = core->community == NULL ? ERR_HOST_MEMORY : core_become_member(core);
    }
    if (err == ERR_OK) {
        core_journal(core, "info community: let in as an outsider");
    }
    return err;
}

/* ---- a home that is a door ---- */

void outside_doors(struct core *core) {
    const struct governance *governance = community_governance(core->community);
    for (size_t i = 0; i < governance->outsider_count; i++) {
        const struct id *id = &governance->outsiders[i].certificate;
        const struct member *outsider = community_find(core->community, id);
        const uint8_t *secret =
            outsider != NULL && serves(core, id) ? secret_with(core, &outsider->transport) : NULL;
        if (secret != NULL && core->door_count < TRANSPORT_DOORS_MAX) {
            size_t at = core->door_count++;
            doors_key(TRANSPORT_OUTSIDER, (struct bytes){secret, 32}, community_id(core->community),
                      (uint32_t)at, &core->doors[at]);
            core->door_refs[at].about = *id;
        }
    }
}

/* One that is suspended is told so, and that it may ask again. */
static bool serves(const struct core *core, const struct id *id) {
    const struct outsider *outsider =
        governance_outsider(community_governance(core->community), id);
    bool named = false;
    for (size_t i = 0; outsider != NULL && i < outsider->admission.door_count; i++) {
        named |= id_equal(&outsider->admission.doors[i], &core->self);
    }
    return named && !community_is_removed(core->community, id, NULL) &&
           !instant_reached(core->now.wall, outsider->admission.until) &&
           !instant_reached(core->now.wall, community_ends(core->community, id));
}

/* NULL: with a key that nobody can have. */
static const uint8_t *secret_with(struct core *core, const struct box_public *transport) {
    for (size_t i = 0; i < COUNT_OF(core->outsider_secrets); i++) {
        const struct outsider_secret *known = &core->outsider_secrets[i];
        if (known->good && box_public_equal(&known->transport, transport)) {
            return known->b;
        }
    }
    struct outsider_secret *made =
        &core->outsider_secrets[core->outsider_secret_next++ % COUNT_OF(core->outsider_secrets)];
    made->transport = *transport;
    made->good = box_agree(&core->config.keys.box, transport, made->b);
    return made->good ? made->b : NULL;
}

static enum err answer_established(struct core *core, struct link *link) {
    const struct id about = link->about;
    const struct member *outsider = community_find(core->community, &about);
    enum err err = ERR_OK;
    if (outsider == NULL || !serves(core, &about) ||
        !box_public_equal(&outsider->transport, &link->peer_static)) {
        return ERR_PEER_CERTIFICATE;
    }
    uint64_t no = link->no;
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *other = &core->links[i];
        if (other->no != 0 && other->no != no && other->state == LINK_OPEN &&
            other->door == TRANSPORT_OUTSIDER && other->purpose == PURPOSE_IN &&
            id_equal(&other->about, &about)) {
            err = core_close(core, other, "another instead");
        }
    }
    core_journal(core, "info link: outsider up peer=%02x%02x%02x%02x", about.b[0], about.b[1],
                 about.b[2], about.b[3]);
    return err == ERR_OK ? tell_all(core, link) : err;
}

/* As much as the link takes; the rest when it has drained. */
static enum err tell_all(struct core *core, struct link *link) {
    struct link_message message = {.kind = LINK_STANDING};
    enum err err = ERR_OK;
    while (err == ERR_OK && link->told_parts < community_act_count(core->community)) {
        struct store_object row;
        uint32_t number = (uint32_t)link->told_parts;
        message.as.standing.object = buffer_bytes(&core->charter);
        if (number > 0) {
            err = store_object_get(core->store, community_act_id(core->community, number), &row);
            message.as.standing.object = row.object;
        }
        err = err == ERR_OK ? core_send(core, link, &message) : err;
        link->told_parts += err == ERR_OK ? 1 : 0;
    }
    if (err == ERR_OK) {
        const struct link_message all = {.kind = LINK_CAUGHT_UP,
                                         .as.caught_up = {link->told_parts, core->log_public}};
        err = core_send(core, link, &all);
        link->told_all = err == ERR_OK;
    }
    if (err == ERR_OK) { /* not before it is let in: until then it has no use for it */
        err = witness_recall(core, link);
    }
    return err == ERR_FULL_QUEUE ? ERR_OK : err;
}

enum err outside_act(struct core *core, bool rewound) {
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < CORE_LINKS_MAX; i++) {
        struct link *link = &core->links[i];
        if (link->no == 0 || link->state != LINK_OPEN || link->door != TRANSPORT_OUTSIDER ||
            link->purpose != PURPOSE_IN) {
            continue;
        }
        link->told_all = false;
        link->told_parts = rewound ? 0 : link->told_parts;
        err = tell_all(core, link);
        if (err == ERR_OK && !serves(core, &link->about)) {
            err = core_close(core, link, "no door for it any more");
        }
    }
    return err;
}

static enum err take_object(struct core *core, struct link *link, struct bytes bytes) {
    struct signed_object object;
    struct head head;
    enum err verdict = ERR_OK;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = head_decode(object.body, &head);
    }
    if (err == ERR_OK && !is_its_own(core, &link->about, &object, &head)) {
        err = ERR_PEER_SEQUENCE;
    }
    return err == ERR_OK ? gossip_take(core, link, bytes, (struct way){0}, &verdict) : err;
}

/* By it or one of its officers, and of a kind that has a place here. One whose author is not known
 * is ignored by the fence. */
static bool is_its_own(const struct core *core, const struct id *outsider,
                       const struct signed_object *object, const struct head *head) {
    const struct member *author = community_find(core->community, &head->author);
    bool own = id_equal(&head->author, outsider) || author == NULL ||
               id_equal(&author->head.author, outsider);
    switch ((int)object->kind) {
    case OBJECT_MEMBER:
        return id_equal(&head->author, outsider);
    case OBJECT_REMOVAL:
    case OBJECT_REQUEST:
    case OBJECT_WITHDRAWAL:
    case OBJECT_RECEIPT_COMMITMENT:
    case OBJECT_DELETION_RECEIPT:
        return own;
    default:
        return false;
    }
}

/* ---- both ---- */

enum err outside_established(struct core *core, struct link *link) {
    if (link->purpose == PURPOSE_IN) {
        return answer_established(core, link);
    }
    struct outside_door *door = door_of(core, link);
    if (door != NULL) {
        door->retry = tick_add(core->now.mono, (struct duration){OUTSIDE_PING_MS});
        core_journal(core, "info link: door up");
    }
    return ERR_OK; /* what is ours goes when we have heard how we stand */
}

enum err outside_message(struct core *core, struct link *link, const struct link_message *message) {
    bool dialler = link->purpose == PURPOSE_OUTSIDE;
    struct link_message pong = {.kind = LINK_PONG, .as.ping.nonce = message->as.ping.nonce};
    enum err err = ERR_OK;
    switch ((int)message->kind) {
    case LINK_PING:
        err = core_send(core, link, &pong);
        return err == ERR_FULL_QUEUE ? ERR_OK : err;
    case LINK_PONG:
        return ERR_OK;
    case LINK_STANDING:
        return dialler ? take_told(core, link, message->as.standing.object) : ERR_PEER_SEQUENCE;
    case LINK_CAUGHT_UP:
        if (dialler && !link->caught_up) { /* one witness on one link */
            link->log = message->as.caught_up.log;
        }
        return dialler ? all_told(core, link) : ERR_PEER_SEQUENCE;
    case LINK_CHECKPOINT:
    case LINK_CONSISTENCY:
        return dialler ? ERR_PEER_SEQUENCE : witness_message(core, link, message);
    case LINK_WITNESSED:
    case LINK_COSIGNATURE:
        return !dialler          ? ERR_PEER_SEQUENCE
               : link->caught_up ? witness_message(core, link, message)
                                 : ERR_OK;
    case LINK_ATTACHMENT_WANT:
        return dialler ? attachments_asked(core, link, message) : ERR_PEER_SEQUENCE;
    case LINK_ATTACHMENT_PIECE:
        return dialler ? ERR_PEER_SEQUENCE : attachments_came(core, link, message);
    case LINK_GOSSIP:
        return dialler ? ERR_PEER_SEQUENCE : take_object(core, link, message->as.gossip.object);
    default:
        return ERR_PEER_SEQUENCE;
    }
}

enum err outside_drained(struct core *core, struct link *link) {
    if (link->told_all || (link->purpose == PURPOSE_OUTSIDE && !link->caught_up)) {
        return ERR_OK;
    }
    return link->purpose == PURPOSE_IN ? tell_all(core, link) : push_all(core, link);
}

enum err outside_keep_certificates(struct core *core) {
    const struct governance *governance = community_governance(core->community);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < governance->outsider_count; i++) {
        struct store_object row;
        const struct outsider *outsider = &governance->outsiders[i];
        err = store_object_get(core->store, &outsider->certificate, &row);
        err = err == ERR_USER_NOT_FOUND ? keep_certificate(core, outsider) : err;
    }
    return err;
}

static enum err keep_certificate(struct core *core, const struct outsider *outsider) {
    struct store_object stored;
    struct signed_object object;
    struct signed_object certificate;
    struct act act;
    struct member member;
    const struct id *id = community_act_id(core->community, outsider->by - 1);
    const struct log_entry entry = {
        .kind = LOG_MEMBER, .at = core->now.wall, .a = outsider->certificate};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = store_object_get(core->store, id, &stored);
    if (err == ERR_OK) {
        err = buffer_append(&bytes, stored.object);
    }
    if (err == ERR_OK) {
        err = signed_decode(buffer_bytes(&bytes), &object);
    }
    if (err == ERR_OK) {
        err = act_decode(object.body, &act);
    }
    if (err == ERR_OK) {
        err =
            admission_verify(community_id(core->community), &act.admission, &certificate, &member);
    }
    if (err != ERR_OK) {
        return ERR_HOST_DATABASE;
    }
    const struct store_object row = {.id = certificate.id,
                                     .kind = OBJECT_MEMBER,
                                     .created = member.head.created,
                                     .expires = member.head.expires,
                                     .object = act.admission.member};
    err = record_add(core, &entry, NULL);
    return err == ERR_OK ? store_object_add(core->store, &row) : err;
}

bool outside_by_act(const struct core *core, const struct store_object *row) {
    if (row->kind != OBJECT_MEMBER || !id_is_zero(&row->author)) {
        return false;
    }
    const struct member *member = community_find(core->community, &row->id);
    return member == NULL || member->role == MEMBER_OUTSIDER;
}

bool outside_may_have(struct core *core, const struct id *outsider, const struct id *sha256) {
    struct search search = {.core = core, .sha256 = sha256};
    for (size_t i = 0; !search.found && i < community_size(core->community); i++) {
        const struct id *author = community_member_id(core->community, i);
        bool its = id_equal(author, outsider) ||
                   id_equal(&community_find(core->community, author)->head.author, outsider);
        enum err err =
            its ? requests_each_of(core->requests, author, visit_paper, &search) : ERR_OK;
        if (err != ERR_OK) {
            return false;
        }
    }
    return search.found;
}

static enum err visit_paper(void *context, const struct id *id) {
    struct search *search = context;
    struct request request;
    enum err err = delivery_load_request(search->core, id, &request);
    if (err == ERR_OK) {
        search->found |=
            (request.document.present && id_equal(&request.document.sha256, search->sha256)) ||
            (request.court_seal.present && id_equal(&request.court_seal.sha256, search->sha256));
    }
    return err == ERR_USER_NOT_FOUND ? ERR_OK : err;
}
