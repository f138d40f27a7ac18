/* What comes over the border from another community by treaty (PROTOCOL 4.14): a home that is asked
 * judges it all itself, and trusts no gateway. Who grants to somebody elsewhere shows that it is a
 * member here.
 *
 * Homes come to know of removals, of a treaty's end and of other crossings of the same object in
 * any order. So whether a crossing is taken and passed on hangs on nothing but itself and the
 * treaty; what is known here besides decides only whether it has an effect here. But a request
 * waits where nobody has said lately who belongs over there: it comes again. */
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"

enum {
    TREATY_LINGERS_MS = 15 * DURATION_DAY_MS, /* its rolls still cross: they say that it is over */
    SWEPT_AT_ONCE = 64,
};

struct loading {
    struct core *core;
    size_t count;
    struct id forgotten[TREATIES_MAX * CLERKS_MAX]; /* treaties that nobody speaks of any more */
};

struct swept { /* of this community, by treaties that did not stand when it was made */
    const struct core *core;
    size_t count;
    struct sync_key keys[SWEPT_AT_ONCE];
};

static enum err visit_far(void *context, const struct id *treaty, struct bytes bytes);
static enum err sweep(struct core *core, enum object_kind kind);
static enum err visit_swept(void *context, const struct store_object *row);
static bool stood(const struct core *core, const struct store_object *row);
static enum err find_place(struct core *core, const struct crossing *crossing, const struct id *id);
static enum err subject_of(const struct crossing *crossing, const struct signed_object *inner,
                           struct id *out);
static enum err wins_over(struct core *core, const struct signed_object *inner, const struct id *id,
                          const struct id *before, bool *out);
static enum err roll_created(struct core *core, const struct id *id, struct instant *out);
static enum err verify(struct core *core, const struct crossing *crossing);
static enum err effect_of(struct core *core, const struct crossing *crossing);
static enum err effect_of_request(struct core *core, const struct crossing *crossing,
                                  const struct agreed *agreed);
static enum err has_room_that_day(struct core *core, const struct id *treaty, struct instant at,
                                  uint32_t daily, bool *out);
static bool hangs_on_the_home(enum err err);
static enum err take_place(struct core *core, const struct crossing *crossing, const struct id *id);
static enum err take_crossed_request(struct core *core, const struct crossing *crossing,
                                     struct bytes bytes);
static enum err take_crossed_withdrawal(struct core *core, const struct crossing *crossing);
static enum err take_roll(struct core *core, const struct crossing *crossing, const struct id *by);
static enum err end_of_removed(struct core *core, const struct roll *roll, const struct id *author,
                               const struct id *by);
static const struct treaty_side *side_of(const struct core *core, const struct id *treaty);
static struct far *far_of(struct core *core, const struct id *treaty);

/* ---- treaties ---- */

bool border_lets(const struct core *core, const struct request *request, enum member_role role) {
    return treaties_let(community_governance(core->community), request, role, core->now.wall);
}

bool border_lingers(const struct agreed *agreed, struct instant at) {
    const struct duration lingers = {TREATY_LINGERS_MS};
    bool ended = agreed->ended_by != 0 && agreed->ended.ms < agreed->treaty.until.ms;
    struct instant over = ended ? agreed->ended : agreed->treaty.until;
    return agreed->by != 0 && !instant_reached(at, instant_add(over, lingers));
}

/* ---- start ---- */

enum err border_load(struct core *core) {
    struct loading loading = {.core = core};
    enum err err = store_far_roll_each(core->store, visit_far, &loading);
    for (size_t i = 0; err == ERR_OK && i < loading.count; i++) {
        err = store_far_roll_remove(core->store, &loading.forgotten[i]);
    }
    return err == ERR_OK ? gateway_carry_all(core) : err;
}

static enum err visit_far(void *context, const struct id *treaty, struct bytes bytes) {
    struct loading *loading = context;
    struct core *core = loading->core;
    struct signed_object object;
    struct roll roll;
    const struct treaty_side *side = side_of(core, treaty);
    if (side == NULL) {
        if (loading->count < COUNT_OF(loading->forgotten)) {
            loading->forgotten[loading->count++] = *treaty;
        }
        return ERR_OK;
    }
    struct far *far = far_of(core, treaty);
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = roll_decode(object.body, &roll);
    }
    size_t clerk = err == ERR_OK ? roll_clerk(side, &object) : side->clerk_count;
    if (far != NULL && clerk < side->clerk_count) {
        far->rolls[clerk] = roll; /* each has one row */
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

/* The other one of a treaty that an act has made; NULL: none has, as far as is known now. */
static const struct treaty_side *side_of(const struct core *core, const struct id *treaty) {
    const struct governance *governance = community_governance(core->community);
    for (size_t i = 0; i < governance->treaty_count; i++) {
        const struct agreed *agreed = &governance->treaties[i];
        if (agreed->by != 0 && id_equal(&agreed->id, treaty)) {
            return treaty_far_side(&agreed->treaty, &governance->community);
        }
    }
    return NULL;
}

/* ---- acts ---- */

enum err border_acts_changed(struct core *core) {
    static const enum object_kind kinds[] = {OBJECT_GATEWAY, OBJECT_ROLL, OBJECT_CROSSING};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < COUNT_OF(kinds); i++) {
        err = sweep(core, kinds[i]);
    }
    return err == ERR_OK ? gateway_carry_all(core) : err;
}

/* What whoever gets it now would not take, as far as that hangs on treaties. */
static enum err sweep(struct core *core, enum object_kind kind) {
    struct swept swept = {.core = core};
    enum err err = ERR_OK;
    do {
        swept.count = 0;
        err = store_object_each(core->store, kind, visit_swept, &swept);
        for (size_t i = 0; err == ERR_OK && i < swept.count; i++) {
            const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED, .key = swept.keys[i]};
            err = neighbours_run(core, &event);
            if (err == ERR_OK) {
                err = store_object_remove(core->store, &swept.keys[i].id);
            }
        }
    } while (err == ERR_OK && swept.count == SWEPT_AT_ONCE);
    return err;
}

static enum err visit_swept(void *context, const struct store_object *row) {
    struct swept *swept = context;
    if (swept->count < SWEPT_AT_ONCE && !stood(swept->core, row)) {
        swept->keys[swept->count++] = (struct sync_key){row->created, row->id};
    }
    return ERR_OK;
}

static bool stood(const struct core *core, const struct store_object *row) {
    const struct governance *governance = community_governance(core->community);
    const struct member *author = community_find(core->community, &row->author);
    struct signed_object object;
    struct gateway gateway;
    struct crossing crossing;
    enum err err = signed_decode(row->object, &object);
    if (err != ERR_OK || author == NULL) {
        return false;
    }
    switch ((int)row->kind) {
    case OBJECT_GATEWAY:
        return gateway_decode(object.body, &gateway) == ERR_OK &&
               governance_treaty(governance, &gateway.treaty, row->created) != NULL;
    case OBJECT_CROSSING:
        return crossing_decode(object.body, &crossing) == ERR_OK &&
               governance_treaty(governance, &crossing.treaty, row->created) != NULL;
    default:
        return rolls_is_clerk(core, &author->node, row->created);
    }
}

/* ---- crossings that come ---- */

enum err border_judge_crossing(struct core *core, const struct signed_object *object,
                               const struct member *author) {
    struct border *border = core->border;
    struct crossing crossing;
    enum err err = crossing_decode(object->body, &crossing);
    if (err == ERR_OK && !signed_by(object, &author->node)) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = find_place(core, &crossing, &object->id);
    }
    if (err == ERR_OK) {
        err = verify(core, &crossing);
    }
    if (err == ERR_OK) {
        border->effect = effect_of(core, &crossing);
        err = hangs_on_the_home(border->effect) ? ERR_OK : border->effect;
    }
    /* To a clock that is behind it comes too early: again, later. */
    bool early = border->effect == ERR_DENY_TIME && border->crossed.object.kind == OBJECT_REQUEST &&
                 border->crossed.request.head.created.ms > core->now.wall.ms;
    return err == ERR_OK && early ? ERR_DENY_TIME : err;
}

/* A gateway says a thing once, and of one clerk's rolls by one treaty the newest: of two crossings
 * all homes keep the same, whatever came first. */
static enum err find_place(struct core *core, const struct crossing *crossing,
                           const struct id *id) {
    struct signed_object inner;
    struct id subject;
    struct id before;
    uint64_t live = 0;
    bool wins = false;
    enum err err = signed_decode(crossing->object, &inner);
    if (err == ERR_OK) {
        err = subject_of(crossing, &inner, &subject);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = store_carried_get(core->store, &crossing->head.author, &subject, &before);
    if (err == ERR_OK) {
        err = wins_over(core, &inner, id, &before, &wins);
        return err == ERR_OK && !wins ? ERR_PEER_REPEATED : err;
    }
    if (err == ERR_USER_NOT_FOUND) {
        err = store_object_count(core->store, OBJECT_CROSSING, &crossing->head.author,
                                 core->now.wall, &live);
    }
    return err == ERR_OK && live >= CROSSINGS_OF_ONE ? ERR_DENY_QUOTA : err;
}

static enum err subject_of(const struct crossing *crossing, const struct signed_object *inner,
                           struct id *out) {
    struct head head;
    if (inner->kind != OBJECT_ROLL) {
        *out = inner->id;
        return ERR_OK;
    }
    enum err err = head_decode(inner->body, &head);
    if (err == ERR_OK) {
        uint8_t both[64];
        memcpy(both, crossing->treaty.b, sizeof crossing->treaty.b);
        memcpy(both + sizeof crossing->treaty.b, head.author.b, sizeof head.author.b);
        sha256(BYTES_OF(both), out);
    }
    return err;
}

static enum err wins_over(struct core *core, const struct signed_object *inner, const struct id *id,
                          const struct id *before, bool *out) {
    struct head head;
    struct instant other;
    *out = id_compare(id, before) < 0;
    if (inner->kind != OBJECT_ROLL) {
        return ERR_OK;
    }
    enum err err = head_decode(inner->body, &head);
    if (err == ERR_OK) {
        err = roll_created(core, before, &other);
    }
    if (err == ERR_OK && head.created.ms != other.ms) {
        *out = head.created.ms > other.ms;
    }
    return err;
}

/* Of one that is here. */
static enum err roll_created(struct core *core, const struct id *id, struct instant *out) {
    struct store_object row;
    struct signed_object object;
    struct crossing crossing;
    struct head head;
    enum err err = store_object_get(core->store, id, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.object, &object);
    }
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK) {
        err = signed_decode(crossing.object, &object);
    }
    if (err == ERR_OK) {
        err = head_decode(object.body, &head);
    }
    if (err == ERR_OK) {
        *out = head.created;
    }
    return err == ERR_OK ? ERR_OK : ERR_HOST_DATABASE;
}

enum err border_takes(struct core *core, const struct crossing *crossing) {
    enum err err = verify(core, crossing);
    return err == ERR_OK ? effect_of(core, crossing) : err;
}

static enum err verify(struct core *core, const struct crossing *crossing) {
    return crossing_verify(community_governance(core->community), crossing, core->now.wall,
                           &core->border->crossed);
}

/* A charter that lets no such thing is ignored as with any request: another one may be on its way.
 */
static bool hangs_on_the_home(enum err err) {
    return err == ERR_OK || err == ERR_PEER_REPEATED || err == ERR_PEER_UNKNOWN ||
           err == ERR_DENY_TREATY || err == ERR_DENY_REMOVED || err == ERR_DENY_TIME ||
           err == ERR_DENY_QUOTA || err == ERR_DENY_OTHERS;
}

/* What only this community can say, and what this home knows by now. */
static enum err effect_of(struct core *core, const struct crossing *crossing) {
    const struct crossed *crossed = &core->border->crossed;
    const struct agreed *agreed =
        governance_treaty(community_governance(core->community), &crossing->treaty, core->now.wall);
    const struct treaty_side *side = side_of(core, &crossing->treaty);
    const struct far *far = far_of(core, &crossing->treaty);
    struct far *judged = &core->border->judged;
    const size_t clerk = crossed->author.clerk;
    struct store_object row;
    bool over = false;
    if (far == NULL || side == NULL) {
        return ERR_FULL_TABLE;
    }
    *judged = *far;
    bool newer = roll_keep(judged->rolls, clerk, &crossed->author.roll);
    if (crossed->object.kind == OBJECT_ROLL) {
        return newer ? ERR_OK : ERR_PEER_REPEATED;
    }
    const struct roll *newest = roll_counting(judged->rolls, side, core->now.wall);
    if (agreed == NULL || newest == NULL || !roll_names(newest, &crossing->treaty) ||
        roll_disowned(judged->rolls, side, clerk, core->now.wall)) {
        return ERR_DENY_TREATY;
    }
    if (roll_removes(newest, crossed->author.certificate.b)) {
        return ERR_DENY_REMOVED;
    }
    enum err err = store_object_get(core->store, &crossed->object.id, &row);
    if (err != ERR_USER_NOT_FOUND) {
        return err == ERR_OK ? ERR_PEER_REPEATED : err;
    }
    /* By its date, which its gateway chooses, its own roll was good. A newer one that is kept from
     * us might remove its author, so it waits for one: that it is ignored lets it come again. */
    if (crossed->object.kind == OBJECT_REQUEST) {
        return instant_reached(core->now.wall, newest->head.expires)
                   ? ERR_DENY_EXPIRED
                   : effect_of_request(core, crossing, agreed);
    }
    err = taken_back(core, &crossed->withdrawal.request, &over);
    return err != ERR_OK ? err
           : over        ? ERR_PEER_REPEATED
                         : taken_back_judge(core, &crossed->object, &crossed->author.member);
}

static enum err effect_of_request(struct core *core, const struct crossing *crossing,
                                  const struct agreed *agreed) {
    const struct crossed *crossed = &core->border->crossed;
    struct asker asker;
    bool room = false;
    enum err err = has_room_that_day(core, &crossing->treaty, crossing->head.created,
                                     agreed->treaty.daily, &room);
    if (err != ERR_OK || !room) {
        return err == ERR_OK ? ERR_DENY_QUOTA : err;
    }
    treaty_asker(community_governance(core->community), agreed, &crossed->author, &asker);
    return gossip_judge_rules(core, &crossed->object.id, &crossed->request, &asker);
}

/* Its gateway says when it crossed, and a home that was away hears of the last one first: so
 * neither those before it nor those after it may fill a day. Who never lets more cross in any 24
 * hours is then never refused, and whoever dates them as he likes gets less than twice as many. */
static enum err has_room_that_day(struct core *core, const struct id *treaty, struct instant at,
                                  uint32_t daily, bool *out) {
    const struct instant day_before = {at.ms - DURATION_DAY_MS};
    const struct instant just_before = {at.ms - 1};
    const struct instant day_after = {at.ms + DURATION_DAY_MS - 1};
    uint64_t before = 0;
    uint64_t after = 0;
    enum err err = store_crossed_count(core->store, treaty, day_before, at, &before);
    if (err == ERR_OK) {
        err = store_crossed_count(core->store, treaty, just_before, day_after, &after);
    }
    *out = err == ERR_OK && before < daily && after < daily;
    return err;
}

enum err border_crossed(struct core *core, struct bytes bytes) {
    const struct crossed *crossed = &core->border->crossed;
    struct signed_object object;
    struct crossing crossing;
    enum err err = signed_decode(bytes, &object);
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK) {
        err = take_place(core, &crossing, &object.id);
    }
    if (err == ERR_OK) {
        err = take_roll(core, &crossing, &object.id);
    }
    if (err == ERR_OK && core->border->effect != ERR_OK) {
        core_journal(core, "info border: no effect reason=\"%s\"", err_text(core->border->effect));
        return ERR_OK;
    }
    if (err == ERR_OK && crossed->object.kind == OBJECT_REQUEST) {
        err = take_crossed_request(core, &crossing, bytes);
    } else if (err == ERR_OK && crossed->object.kind == OBJECT_WITHDRAWAL) {
        err = take_crossed_withdrawal(core, &crossing);
    }
    return err;
}

static enum err take_place(struct core *core, const struct crossing *crossing,
                           const struct id *id) {
    const struct id *gateway = &crossing->head.author;
    struct store_object row;
    struct id subject;
    struct id before;
    enum err err = subject_of(crossing, &core->border->crossed.object, &subject);
    if (err == ERR_OK) {
        err = store_carried_get(core->store, gateway, &subject, &before);
    }
    if (err == ERR_OK) {
        err = store_object_get(core->store, &before, &row);
    }
    if (err == ERR_OK) {
        const struct overlay_event event = {.kind = OVERLAY_EV_REPLACED,
                                            .key = {row.created, row.id}};
        err = neighbours_run(core, &event);
        err = err == ERR_OK ? store_object_remove(core->store, &before) : err;
    }
    return err == ERR_OK || err == ERR_USER_NOT_FOUND
               ? store_carried_put(core->store, id, gateway, &subject)
               : err;
}

/* From here on it is a request like any other; only that it is not passed on by itself. */
static enum err take_crossed_request(struct core *core, const struct crossing *crossing,
                                     struct bytes bytes) {
    const struct crossed *crossed = &core->border->crossed;
    const struct request *request = &crossed->request;
    const struct store_object row = {.id = crossed->object.id,
                                     .kind = OBJECT_REQUEST,
                                     .author = request->head.author,
                                     .created = request->head.created,
                                     .expires = request->head.expires,
                                     .object = crossing->object};
    const struct store_crossed kept = {.request = row.id,
                                       .treaty = crossing->treaty,
                                       .at = crossing->head.created,
                                       .crossing = bytes};
    uint64_t index = 0;
    bool again = false;
    enum err err = gossip_record_request(core, &row.id, request, &index);
    if (err == ERR_OK) {
        err = store_request_add(core->store, &row, index, request->terms.delete_by, &again);
    }
    if (err == ERR_OK) {
        err = store_crossed_add(core->store, &kept);
    }
    return err == ERR_OK ? gossip_after_request(core, request, &row, again) : err;
}

static enum err take_crossed_withdrawal(struct core *core, const struct crossing *crossing) {
    const struct crossed *crossed = &core->border->crossed;
    const struct head *head = &crossed->withdrawal.head;
    const struct store_object row = {.id = crossed->object.id,
                                     .kind = OBJECT_WITHDRAWAL,
                                     .author = head->author,
                                     .created = head->created,
                                     .expires = head->expires,
                                     .object = crossing->object};
    enum err err = store_object_add(core->store, &row);
    return err == ERR_OK ? taken_back_withdrawn(core, &crossed->object) : err;
}

/* Whatever brought it: of each clerk the newest stays, when what it came in has ended too. */
static enum err take_roll(struct core *core, const struct crossing *crossing, const struct id *by) {
    const struct far_member *author = &core->border->crossed.author;
    const struct treaty_side *side = side_of(core, &crossing->treaty);
    struct far *far = far_of(core, &crossing->treaty);
    if (far == NULL || side == NULL || !roll_keep(far->rolls, author->clerk, &author->roll)) {
        return ERR_OK;
    }
    const struct roll *newest = roll_counting(far->rolls, side, core->now.wall);
    enum err err = store_far_roll_put(core->store, &crossing->treaty, author->clerk,
                                      crossing->membership.roll);
    for (size_t i = 0; err == ERR_OK && newest != NULL && i < newest->removed_count; i++) {
        err = end_of_removed(core, &author->roll, &newest->removed[i], by);
    }
    return err;
}

struct few { /* requests of one author: a charter lets at most 10 live */
    size_t count;
    struct id ids[16];
};

static enum err visit_request(void *context, const struct id *id) {
    struct few *few = context;
    if (few->count < COUNT_OF(few->ids)) {
        few->ids[few->count++] = *id;
    }
    return ERR_OK;
}

/* A roll has a say about requests of its own community alone. */
static enum err end_of_removed(struct core *core, const struct roll *roll, const struct id *author,
                               const struct id *by) {
    struct few few = {.count = 0};
    struct request request;
    enum err err = requests_each_of(core->requests, author, visit_request, &few);
    for (size_t i = 0; err == ERR_OK && i < few.count; i++) {
        err = delivery_load_request(core, &few.ids[i], &request);
        if (err == ERR_OK && id_equal(&request.head.community, &roll->head.community)) {
            err = taken_back_with_author(core, &few.ids[i], by);
        }
    }
    return err;
}

/* NULL: the table is full of treaties that stand. */
static struct far *far_of(struct core *core, const struct id *treaty) {
    const struct governance *governance = community_governance(core->community);
    struct border *border = core->border;
    size_t place = TREATIES_MAX;
    bool found_free = false;
    for (size_t i = 0; i < TREATIES_MAX; i++) {
        if (id_equal(&border->far[i].treaty, treaty)) {
            return &border->far[i];
        }
        bool free = id_is_zero(&border->far[i].treaty);
        if (free || (!found_free && governance_treaty(governance, &border->far[i].treaty,
                                                      core->now.wall) == NULL)) {
            place = i;
            found_free = found_free || free;
        }
    }
    if (place == TREATIES_MAX) {
        return NULL;
    }
    border->far[place] = (struct far){.treaty = *treaty};
    return &border->far[place];
}

enum err border_author(struct core *core, const struct id *request, struct member *out) {
    struct store_crossed row;
    struct signed_object object;
    struct crossing crossing;
    enum err err = store_crossed_get(core->store, request, &row);
    if (err == ERR_OK) {
        err = signed_decode(row.crossing, &object);
    }
    if (err == ERR_OK) {
        err = crossing_decode(object.body, &crossing);
    }
    if (err == ERR_OK) {
        err =
            signed_decode(crossing.membership.chain[crossing.membership.chain_count - 1], &object);
    }
    if (err == ERR_OK) {
        err = member_decode(object.body, out);
        out->invite = (struct bytes){NULL, 0};
    }
    return err;
}

/* ---- who grants to somebody elsewhere ---- */

enum err border_vouch(struct core *core, struct link *link, const struct id *request) {
    struct link_message *message = &core->message;
    struct store_crossed row;
    SCOPED(buffer_finish) struct buffer bytes = {.max = TRANSPORT_DATA_MAX};
    enum err err = store_crossed_get(core->store, request, &row);
    if (err != ERR_OK) {
        return err == ERR_USER_NOT_FOUND ? ERR_OK : err; /* it is of our own community */
    }
    *message = (struct link_message){.kind = LINK_VOUCH};
    message->as.vouch.treaty = row.treaty;
    err = rolls_membership(core, &core->self, &bytes, &message->as.vouch.membership);
    return err == ERR_OK ? core_send(core, link, message) : err;
}

enum err border_take_vouch(struct core *core, struct link *link,
                           const struct link_message *message) {
    const struct governance *governance = community_governance(core->community);
    struct far_member home;
    struct request request;
    if (link->vouch.len > 0) {
        return ERR_PEER_SEQUENCE;
    }
    enum err err = delivery_load_request(core, &link->about, &request);
    const struct agreed *agreed =
        err == ERR_OK
            ? governance_treaty(governance, &message->as.vouch.treaty, request.head.created)
            : NULL; /* what crossed while it stood is answered after it too */
    if (agreed == NULL) {
        return err == ERR_OK ? ERR_DENY_TREATY : err;
    }
    const struct treaty_side *side = treaty_far_side(&agreed->treaty, &governance->community);
    const struct far *far = far_of(core, &agreed->id);
    err = membership_verify(side, &message->as.vouch.membership, core->now.wall, &home);
    if (err == ERR_OK && far != NULL &&
        roll_disowned(far->rolls, side, home.clerk, core->now.wall)) {
        err = ERR_DENY_TREATY;
    }
    if (err == ERR_OK) {
        err = link_encode(message, &link->vouch);
    }
    if (err == ERR_OK) {
        link->vouched = home.certificate;
    }
    return err;
}
