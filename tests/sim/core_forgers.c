/* Hostile administrators and sponsors: all of them together are fewer than decide, and know the
 * keys of everybody who decided once. What they may say counts, and is no help to them; the rest
 * has to be refused by every home.
 *
 *   too few       acts with one signature less than k, padded with others' and with former
 *                 administrators'
 *   two faces     endorsements of acts that cannot both be, of none that follows, of the past and
 * of the future, and more of them than a home keeps replays       acts that lost removals      of
 * certificates that nobody knows, of others' members, in others' names; of their own members too,
 * with the part of the key for one home alone certificates  by a sponsor that was removed; and more
 * than a sponsor may sign, each home being shown others of them, some from before those whom it has
 * brought in */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/dsse.h"
#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"
#include "tests/support/samples.h"
#include "tests/support/world_parts.h"

enum {
    FLOOD = 20,             /* endorsements at once; a home keeps 16 */
    REMOVALS_OF_NOBODY = 4, /* at once */
    MANY = 10,              /* certificates of one sponsor; its allowance is 4 */
    MANY_AT_ONCE = 3,
};

struct forged { /* a certificate */
    struct id id;
    int sponsor, as;
    struct instant created;
    struct buffer bytes;
};

struct forgeries {
    size_t told; /* of everything */
    size_t count;
    struct forged list[WORLD_HOMES_MAX]; /* one of each sponsor at most */
    size_t too_many;
    struct forged many[256]; /* of sponsors that sign more than they may, and are members still */
};

static const struct forged *forged_at(const struct forgeries *forgeries, size_t i);
static void act_of_too_few(struct sim *sim, const struct forger *forger);
static void draft(struct sim *sim, const struct forger *forger, struct act *out);
static void two_faces(struct sim *sim, const struct forger *forger);
static void endorse(struct sim *sim, const struct forger *forger, const struct act *act);
static void flood(struct sim *sim, const struct forger *forger);
static void replay_lost(struct sim *sim, const struct forger *forger);
static enum err visit_lost(void *context, const struct store_act *row);
static void remove_nobody(struct sim *sim, const struct forger *forger);
static void remove_others(struct sim *sim, const struct forger *forger);
static void remove_own(struct sim *sim, const struct forger *forger);
static void tell_removal(struct sim *sim, const struct forger *forger, int author,
                         const struct removed *removed, struct id *id);
static void bring_in(struct sim *sim, const struct forger *forger);
static void sign_too_many(struct sim *sim, const struct forger *forger);
static struct instant time_of_another(struct sim *sim, const struct forger *forger, size_t made);
static void certify(struct sim *sim, struct forged *forged);
static void fill_random(struct sim *sim, uint8_t *out, size_t len);

void forgers_start(struct sim *sim) {
    sim->forgeries = calloc(1, sizeof *sim->forgeries);
    ASSERT(sim->forgeries != NULL);
}

void forgers_act(struct sim *sim, const struct forger *forger) {
    sim->forgeries->told++;
    switch (sim_draw(sim, 16)) {
    case 0:
        act_of_too_few(sim, forger); /* costs the link */
        break;
    case 1:
        remove_others(sim, forger); /* likewise */
        break;
    case 2:
    case 3:
        flood(sim, forger);
        break;
    case 4:
    case 5:
        replay_lost(sim, forger);
        break;
    case 6:
    case 7:
        remove_nobody(sim, forger);
        break;
    case 8:
    case 9:
    case 10:
        remove_own(sim, forger);
        break;
    case 11:
        bring_in(sim, forger);
        break;
    case 12:
    case 13:
        for (int i = 0; i < MANY_AT_ONCE && forger->insider->open; i++) {
            sign_too_many(sim, forger);
        }
        break;
    default:
        two_faces(sim, forger);
        break;
    }
}

struct bytes forgers_certificate(const struct sim *sim, int as) {
    for (size_t i = 0; i < sim->forgeries->count; i++) {
        if (sim->forgeries->list[i].as == as) {
            return buffer_bytes(&sim->forgeries->list[i].bytes);
        }
    }
    return (struct bytes){NULL, 0};
}

bool forgers_made(const struct sim *sim, const struct id *certificate, int *sponsor,
                  struct instant *created) {
    size_t count = sim->forgeries == NULL ? 0 : sim->forgeries->count + sim->forgeries->too_many;
    for (size_t i = 0; i < count; i++) {
        const struct forged *forged = forged_at(sim->forgeries, i);
        if (id_equal(&forged->id, certificate)) {
            *sponsor = forged->sponsor;
            *created = forged->created;
            return true;
        }
    }
    return false;
}

void forgers_each(const struct sim *sim, forgers_visit *visit, void *context) {
    for (size_t i = 0; i < sim->forgeries->count + sim->forgeries->too_many; i++) {
        visit(context, &forged_at(sim->forgeries, i)->id);
    }
}

/* Of all of them. */
static const struct forged *forged_at(const struct forgeries *forgeries, size_t i) {
    return i < forgeries->count ? &forgeries->list[i] : &forgeries->many[i - forgeries->count];
}

void forgers_print(const struct sim *sim) {
    (void)printf("  forgers acted %zu times, and made %zu certificates and %zu too many\n",
                 sim->forgeries->told, sim->forgeries->count, sim->forgeries->too_many);
}

void forgers_finish(struct sim *sim) {
    for (size_t i = 0; sim->forgeries != NULL && i < sim->forgeries->count; i++) {
        buffer_finish(&sim->forgeries->list[i].bytes);
    }
    for (size_t i = 0; sim->forgeries != NULL && i < sim->forgeries->too_many; i++) {
        buffer_finish(&sim->forgeries->many[i].bytes);
    }
    free(sim->forgeries);
}

/* ---- acts ---- */

/* What the victim would take next, had it enough signatures. */
static void draft(struct sim *sim, const struct forger *forger, struct act *out) {
    world_act(sim->world, forger->insider->home, out);
    out->has_charter = true;
    (void)snprintf(out->charter.name, sizeof out->charter.name, "Forged %u",
                   (unsigned)sim_draw(sim, 1000000));
}

/* All of their own, and as many others' as the act has room for: of whom none decides now, those
 * who did first. */
static void act_of_too_few(struct sim *sim, const struct forger *forger) {
    struct act act;
    const struct sign_secret *keys[SIGNED_SIGNATURES_MAX];
    const struct sign_public *used[SIGNED_SIGNATURES_MAX];
    size_t count = 0;
    draft(sim, forger, &act);
    const struct charter now = act.charter;
    for (int i = 0; i < sim->options.nodes && count < SIGNED_SIGNATURES_MAX; i++) {
        const struct world_home *home = &sim->world->homes[i];
        bool decides = charter_has_administrator(&now, &home->owner_publics[0].sign);
        if (sim->homes[i].hostile || !decides) {
            used[count] = &home->owner_publics[0].sign;
            keys[count++] = &home->owners[0].sign;
        }
    }
    size_t good = 0;
    for (size_t i = 0; i < count; i++) {
        good += charter_has_administrator(&now, used[i]) ? 1 : 0;
    }
    if (count == 0 || good >= now.threshold) {
        return; /* never: they are fewer than decide */
    }
    SCOPED(buffer_finish) struct buffer body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(act_encode(&act, &body) == ERR_OK);
    (void)sample_sign(OBJECT_ACT, buffer_bytes(&body), keys, count, &bytes);
    (void)world_insider_gossip(forger->insider, buffer_bytes(&bytes));
}

static void two_faces(struct sim *sim, const struct forger *forger) {
    struct act act;
    for (int i = 0; i < 2 && forger->insider->open; i++) {
        draft(sim, forger, &act);
        switch (sim_draw(sim, 4)) {
        case 0:
            act.head.created.ms -= (int64_t)(1 + sim_draw(sim, 20)) * DURATION_DAY_MS;
            break;
        case 1:
            act.head.created.ms += FUTURE_MAX_MS / 2 + (int64_t)sim_draw(sim, FUTURE_MAX_MS);
            break;
        case 2:
            act.previous = sim->world->community; /* long ago, mostly */
            break;
        default:
            break;
        }
        endorse(sim, forger, &act);
    }
}

static void flood(struct sim *sim, const struct forger *forger) {
    struct act act;
    for (int i = 0; i < FLOOD && forger->insider->open; i++) {
        draft(sim, forger, &act);
        endorse(sim, forger, &act);
    }
}

static void endorse(struct sim *sim, const struct forger *forger, const struct act *act) {
    const struct world_home *by = &sim->world->homes[forger->as];
    const struct sign_secret *owner = &by->owners[0].sign;
    struct instant now = world_wall(sim->world, forger->insider->home);
    struct endorsement endorsement = {
        .head = {.community = sim->world->community,
                 .author = by->certificate,
                 .created = now,
                 .expires = instant_add(now, (struct duration){7 * (int64_t)DURATION_DAY_MS})}};
    SCOPED(buffer_finish) struct buffer act_body = {.max = ACT_BODY_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    if (!forger->insider->open) {
        return;
    }
    ASSERT(act_encode(act, &act_body) == ERR_OK);
    endorsement.act = buffer_bytes(&act_body);
    ASSERT(dsse_sign(object_type(OBJECT_ACT), endorsement.act, owner, &endorsement.signature));
    ASSERT(endorsement_encode(&endorsement, &body) == ERR_OK);
    (void)sample_sign(OBJECT_ENDORSEMENT, buffer_bytes(&body), &owner, 1, &bytes);
    (void)world_insider_gossip(forger->insider, buffer_bytes(&bytes));
}

/* One that is kept as lost somewhere. */
static void replay_lost(struct sim *sim, const struct forger *forger) {
    int home = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    struct store *store = sim->world->homes[home].store;
    struct store_object row;
    struct id lost = {{0}};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_act_each(store, visit_lost, &lost) == ERR_OK);
    if (!id_is_zero(&lost) && store_object_get(store, &lost, &row) == ERR_OK) {
        ASSERT(buffer_append(&bytes, row.object) == ERR_OK);
    }
    store_roll_back(store);
    if (bytes.len > 0) {
        (void)world_insider_gossip(forger->insider, buffer_bytes(&bytes));
    }
}

static enum err visit_lost(void *context, const struct store_act *row) {
    struct id *lost = context;
    *lost = id_is_zero(&row->lost_to) ? *lost : row->id;
    return ERR_OK;
}

/* ---- removals ---- */

static void remove_nobody(struct sim *sim, const struct forger *forger) {
    for (int i = 0; i < REMOVALS_OF_NOBODY && forger->insider->open; i++) {
        struct removed removed = {.subtree = sim_draw(sim, 2) == 0};
        fill_random(sim, removed.epoch.b, sizeof removed.epoch.b);
        fill_random(sim, removed.member.b, sizeof removed.member.b);
        tell_removal(sim, forger, forger->as, &removed, NULL);
    }
}

/* Whom another has brought in; or in that other's name. */
static void remove_others(struct sim *sim, const struct forger *forger) {
    struct removed removed = {.subtree = sim_draw(sim, 2) == 0};
    int other = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    int sponsor = govern_sponsor(other);
    if (other == forger->as || sponsor == forger->as || sponsor == NO_HOME) {
        return;
    }
    fill_random(sim, removed.epoch.b, sizeof removed.epoch.b);
    removed.member = sim->world->homes[other].certificate;
    tell_removal(sim, forger, sim_draw(sim, 2) == 0 ? forger->as : sponsor, &removed, NULL);
}

/* Which counts. Who hears of the part is to pass it on; the removed one itself is not told. */
static void remove_own(struct sim *sim, const struct forger *forger) {
    int member = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    struct link_message message = {.kind = LINK_EPOCH};
    struct removed removed = {.member = sim->world->homes[member].certificate};
    if (govern_sponsor(member) != forger->as || member == forger->insider->home ||
        !govern_doubt(sim, member, false)) {
        return;
    }
    fill_random(sim, message.as.epoch.key, sizeof message.as.epoch.key);
    sha256(BYTES_OF(message.as.epoch.key), &removed.epoch);
    tell_removal(sim, forger, forger->as, &removed, &message.as.epoch.removal);
    (void)world_insider_say(forger->insider, &message);
}

/* Signed by the forger's owner, whoever it says that it is. */
static void tell_removal(struct sim *sim, const struct forger *forger, int author,
                         const struct removed *removed, struct id *id) {
    const struct sign_secret *owner = &sim->world->homes[forger->as].owners[0].sign;
    const struct removal removal = {
        .head = {.community = sim->world->community,
                 .author = sim->world->homes[author].certificate,
                 .created = world_wall(sim->world, forger->insider->home),
                 .expires = INSTANT_FOR_GOOD},
        .removed = *removed};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    ASSERT(removal_encode(&removal, &body) == ERR_OK);
    const struct id made = sample_sign(OBJECT_REMOVAL, buffer_bytes(&body), &owner, 1, &bytes);
    if (id != NULL) {
        *id = made;
    }
    (void)world_insider_gossip(forger->insider, buffer_bytes(&bytes));
}

/* ---- certificates ---- */

/* By a hostile sponsor that the victim knows to be removed, for the forger once more. */
static void bring_in(struct sim *sim, const struct forger *forger) {
    struct forgeries *forgeries = sim->forgeries;
    int victim = forger->insider->home;
    int sponsor = NO_HOME;
    struct forged *forged = NULL;
    for (int i = 0; i < sim->options.nodes; i++) {
        sponsor = sim->homes[i].hostile && charters_removed(sim, victim, i) ? i : sponsor;
    }
    for (size_t i = 0; i < forgeries->count; i++) {
        forged = forgeries->list[i].sponsor == sponsor ? &forgeries->list[i] : forged;
    }
    if (sponsor == NO_HOME) {
        return;
    }
    if (forged == NULL) {
        forged = &forgeries->list[forgeries->count++];
        *forged = (struct forged){
            .sponsor = sponsor, .as = forger->as, .created = world_wall(sim->world, victim)};
        certify(sim, forged);
    }
    (void)world_insider_gossip(forger->insider, buffer_bytes(&forged->bytes));
}

/* In its own name, for itself once more; here one of them, there another. */
static void sign_too_many(struct sim *sim, const struct forger *forger) {
    struct forgeries *forgeries = sim->forgeries;
    const struct forged *chosen = NULL;
    size_t made = 0;
    for (size_t i = 0; i < forgeries->too_many; i++) {
        bool own = forgeries->many[i].sponsor == forger->as;
        made += own ? 1 : 0;
        chosen = own && sim_draw(sim, made) == 0 ? &forgeries->many[i] : chosen;
    }
    if (made < MANY && forgeries->too_many < COUNT_OF(forgeries->many) && sim_draw(sim, 2) == 0) {
        struct forged *forged = &forgeries->many[forgeries->too_many++];
        *forged = (struct forged){
            .sponsor = forger->as, .as = forger->as, .created = time_of_another(sim, forger, made)};
        certify(sim, forged);
        chosen = forged;
    }
    if (chosen != NULL) {
        (void)world_insider_gossip(forger->insider, buffer_bytes(&chosen->bytes));
    }
}

/* That of its victim, or, where one may lose its place, one before whom it brought in last. */
static struct instant time_of_another(struct sim *sim, const struct forger *forger, size_t made) {
    struct instant now = world_wall(sim->world, forger->insider->home);
    int last = NO_HOME;
    for (int i = 0; i < sim->options.nodes; i++) {
        last = govern_sponsor(i) == forger->as ? i : last;
    }
    if (made > 1 || last == NO_HOME || sim_draw(sim, 2) == 0 || !govern_doubt(sim, last, true)) {
        return now;
    }
    return (struct instant){charters_created(sim, last).ms - 1 - (int64_t)made};
}

static void certify(struct sim *sim, struct forged *forged) {
    forged->id = world_certify(sim->world, forged->sponsor, forged->as, forged->created,
                               world_draw(&sim->random), &forged->bytes);
}

static void fill_random(struct sim *sim, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)sim_draw(sim, 256);
    }
}
