/* What administrators and sponsors do in a world. */
#include <stdio.h>
#include <string.h>

#include "crypto/dsse.h"
#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/support/samples.h"
#include "tests/support/world_parts.h"

enum {
    CERTIFICATE_DAYS = 365,
    TREATY_DAYS = 30,
};

static void sign_invite(struct world *world, int sponsor, struct instant created,
                        const uint8_t secret[16], struct buffer *out);

void world_act(struct world *world, int home, struct act *out) {
    const struct governance *governance = community_governance(world->homes[home].core->community);
    *out = (struct act){.head = {.community = world->community,
                                 .created = world_wall(world, home),
                                 .expires = INSTANT_FOR_GOOD},
                        .previous = governance->head,
                        .charter = governance->charter};
    if (out->head.created.ms <= governance->created.ms) {
        out->head.created.ms = governance->created.ms + 1;
    }
}

enum err world_endorse(struct world *world, int home, const struct act *act, const uint8_t *key,
                       struct id *id) {
    const struct world_home *by = &world->homes[home];
    const struct sign_secret *owner = &by->owners[0].sign;
    struct endorsement endorsement = {
        .head = {.community = world->community,
                 .author = by->certificate,
                 .created = world_wall(world, home),
                 .expires = instant_add(world_wall(world, home),
                                        (struct duration){INT64_C(7) * DURATION_DAY_MS})}};
    SCOPED(buffer_finish) struct buffer act_body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(act_encode(act, &act_body) == ERR_OK);
    endorsement.act = buffer_bytes(&act_body);
    ASSERT(dsse_sign(object_type(OBJECT_ACT), endorsement.act, owner, &endorsement.signature));
    ASSERT(endorsement_encode(&endorsement, &body) == ERR_OK);
    (void)sample_sign(OBJECT_ENDORSEMENT, buffer_bytes(&body), &owner, 1, &bytes);
    if (id != NULL) {
        sha256(endorsement.act, id);
    }
    const struct control_request request = {
        .op = CONTROL_ENDORSE,
        .blob = buffer_bytes(&bytes),
        .blob2 = {key, key == NULL ? 0 : EPOCH_KEY_BYTES},
    };
    return world_ask(world, home, &request);
}

void world_treaty(const struct world *world, int home, struct treaty *out) {
    const struct instant now = world_wall(world, home);
    *out = (struct treaty){.created = now,
                           .until = {now.ms + (int64_t)TREATY_DAYS * DURATION_DAY_MS},
                           .side_count = 2,
                           .instruments = 1 << INSTRUMENT_VOLUNTARY,
                           .roles = 1 << MEMBER_HOME | 1 << MEMBER_ADMINISTRATOR,
                           .caps = CAPS_DEFAULT,
                           .daily = 4};
}

void world_treaty_side(const struct world *world, int home, struct treaty_side *out) {
    const struct governance *governance = community_governance(world->homes[home].core->community);
    const struct charter *founding = &governance->founding;
    *out = (struct treaty_side){.community = governance->community,
                                .name = "Here",
                                .founder_count = founding->administrator_count,
                                .allowance = founding->invite_allowance,
                                .clerk_count = 1,
                                .clerks = {world->homes[home].node}};
    memcpy(out->founders, founding->administrators, sizeof out->founders);
}

void world_treaty_with_nobody(const struct world *world, int home, struct treaty *out) {
    world_treaty(world, home, out);
    world_treaty_side(world, home, &out->sides[0]);
    out->sides[1] = out->sides[0];
    memset(out->sides[1].community.b, 0xff, sizeof out->sides[1].community.b);
    (void)snprintf(out->sides[1].name, sizeof out->sides[1].name, "Nowhere");
}

enum err world_treaty_make(struct world *world, int home, const struct treaty *treaty,
                           struct id *id) {
    struct act act;
    SCOPED(buffer_finish) struct buffer body = {.max = TREATY_BODY_MAX};
    ASSERT(treaty_encode(treaty, &body) == ERR_OK);
    sha256(buffer_bytes(&body), id);
    world_act(world, home, &act);
    act.treaty = buffer_bytes(&body);
    return world_endorse(world, home, &act, NULL, NULL);
}

enum err world_remove(struct world *world, int home, int member, bool subtree) {
    return world_remove_id(world, home, &world->homes[member].certificate, subtree);
}

enum err world_remove_id(struct world *world, int home, const struct id *member, bool subtree) {
    const struct world_home *by = &world->homes[home];
    const struct sign_secret *owner = &by->owners[0].sign;
    uint8_t key[EPOCH_KEY_BYTES];
    struct removal removal = {.head = {.community = world->community,
                                       .author = by->certificate,
                                       .created = world_wall(world, home),
                                       .expires = INSTANT_FOR_GOOD},
                              .removed = {.member = *member, .subtree = subtree}};
    bool leaves = id_equal(member, &by->certificate);
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    memset(key, home, sizeof key / 2);
    memcpy(key + sizeof key / 2, member->b, sizeof key / 2);
    if (!leaves) {
        sha256(BYTES_OF(key), &removal.removed.epoch);
    }
    ASSERT(removal_encode(&removal, &body) == ERR_OK);
    (void)sample_sign(OBJECT_REMOVAL, buffer_bytes(&body), &owner, 1, &bytes);
    const struct control_request request = {.op = CONTROL_REMOVE,
                                            .blob = buffer_bytes(&bytes),
                                            .blob2 = {key, leaves ? 0 : sizeof key}};
    return world_ask(world, home, &request);
}

struct id world_certify(struct world *world, int sponsor, int as, struct instant created,
                        uint64_t random, struct buffer *out) {
    const struct world_home *home = &world->homes[as];
    const struct world_home *by = &world->homes[sponsor];
    uint8_t secret[16];
    struct sign_secret invite_secret;
    struct sign_public invite_public;
    SCOPED(buffer_finish) struct buffer invite = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    struct member member = {
        .head = {.community = world->community,
                 .author = by->certificate,
                 .created = created,
                 .expires = {created.ms + (int64_t)CERTIFICATE_DAYS * DURATION_DAY_MS}},
        .name = "Nobody",
        .role = MEMBER_HOME,
        .node = home->node,
        .log = home->log,
        .transport = home->transport,
        .owner_count = 1,
        .owners = {home->owner_publics[0]},
        .owner_names = {"Nobody"}};
    write_u64(secret, world_draw(&random));
    write_u64(secret + 8, world_draw(&random));
    sign_invite(world, sponsor, created, secret, &invite);
    member.invite = buffer_bytes(&invite);
    invite_key(secret, &invite_secret, &invite_public);
    ASSERT(member_encode(&member, &body) == ERR_OK);
    const struct sign_secret *keys[] = {&home->owners[0].sign, &invite_secret, &home->keys.sign,
                                        &by->keys.sign};
    return sample_sign(OBJECT_MEMBER, buffer_bytes(&body), keys, as == sponsor ? 3 : 4, out);
}

static void sign_invite(struct world *world, int sponsor, struct instant created,
                        const uint8_t secret[16], struct buffer *out) {
    const struct world_home *by = &world->homes[sponsor];
    struct invite_code code = {.community = world->community,
                               .sponsor = by->certificate,
                               .transport = by->transport,
                               .owner = by->owner_publics[0].sign,
                               .created = created,
                               .expires = {created.ms + DURATION_DAY_MS},
                               .role = MEMBER_HOME,
                               .address_count = 1};
    struct signed_object object;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    memcpy(code.secret, secret, sizeof code.secret);
    world_address(sponsor, code.addresses[0]);
    ASSERT(invite_code_object(&code, &body, &object) == ERR_OK);
    ASSERT(signed_add(&object, &by->owners[0].sign, &code.owner) == ERR_OK);
    ASSERT(signed_encode(&object, out) == ERR_OK);
}

enum err world_take(struct world *world, int home, struct bytes object) {
    const struct world_home *at = &world->homes[home];
    enum err verdict = ERR_OK;
    ASSERT(store_begin(at->store) == ERR_OK);
    ASSERT(gossip_take(at->core, NULL, object, (struct way){0}, &verdict) == ERR_OK);
    ASSERT(store_commit(at->store) == ERR_OK);
    return verdict;
}

void world_epoch(const struct world *world, int home, uint8_t out[EPOCH_KEY_BYTES]) {
    memcpy(out, world->homes[home].core->epoch_key, EPOCH_KEY_BYTES);
}

bool world_same_epoch(const struct world *world, int a, int b) {
    uint8_t key[EPOCH_KEY_BYTES];
    uint8_t other[EPOCH_KEY_BYTES];
    world_epoch(world, a, key);
    world_epoch(world, b, other);
    return memcmp(key, other, sizeof key) == 0;
}

struct id world_newest_act(const struct world *world, int home) {
    return community_governance(world->homes[home].core->community)->head;
}
