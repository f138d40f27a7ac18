/* What administrators and sponsors do in a simulation. Each sees what its own home has, as `stoop`
 * would show it: proposals come to it as endorsements of others, and it signs those that follow
 * what counts at its home. Some sign two that cannot both be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    WIDTH = 3,     /* whom each home brings in */
    ALLOWANCE = 8, /* whom it might */
    ADMINISTRATORS = 5,
    JOIN_MS = 60000,
    APART_MS = DURATION_HOUR_MS, /* between joining and the trouble, more than clocks are off */
    START_MS = 10000,
    SETTLE_MS = 30000,
    PROPOSE_EVERY_MS = 8000, /* the whole community, on the average */
    SPONSOR_EVERY_MS = 60000,
    SIGN_EVERY_MS = 4000, /* one administrator, while there is something to sign */
    RENEWED_DAYS = 300,
};

struct proposal {
    struct act act;
    struct id id;
    bool *signers; /* homes whose first owner has signed it */
};

struct govern {
    size_t count, room;
    struct proposal *list;
    size_t removals; /* by sponsors, and leaves */
    uint32_t charters;
};

struct sought { /* an endorsement of this act */
    const struct id *act;
    bool found;
};

static bool is_joined(struct world *world, void *context);
static void propose(struct sim *sim);
static bool draft(struct sim *sim, int home, struct proposal *out, uint8_t key[EPOCH_KEY_BYTES],
                  bool *with_key);
static bool draft_charter(struct sim *sim, struct charter *charter);
static bool draft_removal(struct sim *sim, int home, struct act *act, uint8_t key[EPOCH_KEY_BYTES]);
static void draft_renewal(struct sim *sim, int home, struct act *act);
static bool is_viable(const struct sim *sim, const struct charter *charter);
static void toggle(struct charter *charter, const struct sign_public *key);
static int administrator(struct sim *sim);
static void sponsor(struct sim *sim);
static void sign(struct sim *sim, int home);
static bool has_seen(struct sim *sim, int home, const struct id *act);
static enum err visit_endorsement(void *context, const struct store_object *row);
static void endorse(struct sim *sim, int home, struct proposal *proposal, const uint8_t *key);
static bool is_usual(const struct sim *sim, int home, enum err err);

/* ---- the community ---- */

/* Fewer of the hostile than decide. */
void govern_found(struct sim *sim, const struct world_terms *terms) {
    struct world *world = sim->world;
    int nodes = sim->options.nodes;
    struct world_terms mine = *terms;
    mine.invite_allowance = ALLOWANCE;
    mine.administrators = nodes < ADMINISTRATORS ? (size_t)nodes : ADMINISTRATORS;
    mine.threshold = 1;
    for (size_t i = 0; i < mine.administrators; i++) {
        mine.threshold += sim->homes[i].hostile ? 1 : 0;
    }
    mine.threshold += 2 * mine.threshold < mine.administrators && sim_draw(sim, 2) == 0 ? 1 : 0;
    sim->govern = calloc(1, sizeof *sim->govern);
    ASSERT(sim->govern != NULL);
    world_found(world, 0, &mine);
    for (int i = 1; i < nodes; i++) {
        char code[CODE_MAX_BYTES];
        world_invite_to_invite(world, govern_sponsor(i), ALLOWANCE / 2, code);
        ASSERT(world_join(world, i, code) == ERR_OK);
        ASSERT(world_run_until(world, JOIN_MS, is_joined, &i));
        world_run(world, STEP_MS);
    }
    world_run(world, SETTLE_MS);
    for (int i = 0; i < nodes; i++) {
        world_kill(world, i);
    }
    world_run(world, APART_MS);
    world_start_all(world, START_MS);
    world_run(world, SETTLE_MS);
}

static bool is_joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

int govern_sponsor(int home) {
    return home == 0 ? NO_HOME : (home - 1) / WIDTH;
}

uint32_t govern_allowance(int home) {
    return home == 0 ? ALLOWANCE : ALLOWANCE / 2;
}

bool govern_is_under(int home, int of) {
    while (home != NO_HOME && home != of) {
        home = govern_sponsor(home);
    }
    return home == of;
}

bool govern_doubt(struct sim *sim, int home, bool subtree) {
    int doubtful = 0;
    for (int i = 0; i < sim->options.nodes; i++) {
        bool taken = i == home || (subtree && govern_is_under(i, home));
        doubtful += sim->homes[i].doubtful || sim->homes[i].hostile || taken ? 1 : 0;
    }
    if (2 * doubtful > sim->options.nodes) {
        return false;
    }
    for (int i = 0; i < sim->options.nodes; i++) {
        bool taken = i == home || (subtree && govern_is_under(i, home));
        sim->homes[i].doubtful = sim->homes[i].doubtful || taken;
    }
    return true;
}

bool govern_signed(const struct sim *sim, int home, const struct id *act) {
    for (size_t i = 0; i < sim->govern->count; i++) {
        if (id_equal(&sim->govern->list[i].id, act)) {
            return sim->govern->list[i].signers[home];
        }
    }
    return false;
}

void govern_step(struct sim *sim) {
    if (sim_draw(sim, PROPOSE_EVERY_MS) < STEP_MS) {
        propose(sim);
    }
    if (sim_draw(sim, SPONSOR_EVERY_MS) < STEP_MS) {
        sponsor(sim);
    }
    for (int i = 0; i < sim->options.nodes; i++) {
        if (sim_draw(sim, SIGN_EVERY_MS) < STEP_MS && sim_honest(sim, i) &&
            world_is_up(sim->world, i)) {
            sign(sim, i);
        }
    }
}

void govern_print(const struct sim *sim) {
    size_t signers = 0;
    size_t doubtful = 0;
    for (size_t i = 0; i < sim->govern->count; i++) {
        for (int k = 0; k < sim->options.nodes; k++) {
            signers += sim->govern->list[i].signers[k] ? 1 : 0;
        }
    }
    for (int i = 0; i < sim->options.nodes; i++) {
        doubtful += sim->homes[i].doubtful ? 1 : 0;
    }
    (void)printf("  %zu proposals with %zu signatures, %zu removals by sponsors, %zu homes "
                 "in doubt\n",
                 sim->govern->count, signers, sim->govern->removals, doubtful);
}

void govern_finish(struct sim *sim) {
    for (size_t i = 0; sim->govern != NULL && i < sim->govern->count; i++) {
        free(sim->govern->list[i].signers);
    }
    if (sim->govern != NULL) {
        free(sim->govern->list);
    }
    free(sim->govern);
}

/* ---- proposals ---- */

static void propose(struct sim *sim) {
    struct govern *govern = sim->govern;
    uint8_t key[EPOCH_KEY_BYTES];
    bool with_key = false;
    int home = administrator(sim);
    if (home == NO_HOME) {
        return;
    }
    if (govern->count == govern->room) {
        govern->room = govern->room * 2 + 16;
        govern->list = realloc(govern->list, govern->room * sizeof *govern->list);
        ASSERT(govern->list != NULL);
    }
    struct proposal *proposal = &govern->list[govern->count];
    if (!draft(sim, home, proposal, key, &with_key)) {
        return;
    }
    proposal->signers = calloc((size_t)sim->options.nodes, sizeof *proposal->signers);
    ASSERT(proposal->signers != NULL);
    govern->count++;
    endorse(sim, home, proposal, with_key ? key : NULL);
}

static bool draft(struct sim *sim, int home, struct proposal *out, uint8_t key[EPOCH_KEY_BYTES],
                  bool *with_key) {
    struct act *act = &out->act;
    *with_key = false;
    world_act(sim->world, home, act);
    switch (sim_draw(sim, 4)) {
    case 0:
        *with_key = draft_removal(sim, home, act, key);
        return *with_key;
    case 1:
        draft_renewal(sim, home, act);
        return true;
    default:
        act->has_charter = draft_charter(sim, &act->charter);
        return act->has_charter;
    }
}

/* A name of its own, and now and then somebody more or fewer who decides. */
static bool draft_charter(struct sim *sim, struct charter *charter) {
    int other = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    (void)snprintf(charter->name, sizeof charter->name, "Charter %u", ++sim->govern->charters);
    switch (sim_draw(sim, 4)) {
    case 0:
        if (!sim->homes[other].doubtful) {
            toggle(charter, &sim->world->homes[other].owner_publics[0].sign);
        }
        break;
    case 1:
        charter->threshold += sim_draw(sim, 2) == 0 ? 1 : -1U;
        break;
    default:
        break;
    }
    return is_viable(sim, charter);
}

/* Whoever goes decides no more. The founder goes alone. */
static bool draft_removal(struct sim *sim, int home, struct act *act,
                          uint8_t key[EPOCH_KEY_BYTES]) {
    int member = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    for (int i = 0; i < sim->options.nodes && sim_draw(sim, 2) == 0; i++) {
        member = sim->homes[i].hostile ? i : member; /* they are looked for */
    }
    const struct sign_public *owner = &sim->world->homes[member].owner_publics[0].sign;
    bool subtree = member != 0 && sim_draw(sim, 3) == 0 && !govern_is_under(home, member);
    if (charter_has_administrator(&act->charter, owner)) {
        toggle(&act->charter, owner);
        act->has_charter = true;
    }
    if (member == home || !is_viable(sim, &act->charter) || !govern_doubt(sim, member, subtree)) {
        return false;
    }
    for (size_t i = 0; i < EPOCH_KEY_BYTES; i++) {
        key[i] = (uint8_t)sim_draw(sim, 256);
    }
    act->has_removed = true;
    act->removed =
        (struct removed){.member = sim->world->homes[member].certificate, .subtree = subtree};
    sha256((struct bytes){key, EPOCH_KEY_BYTES}, &act->removed.epoch);
    return true;
}

static void draft_renewal(struct sim *sim, int home, struct act *act) {
    int member = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    int64_t days = RENEWED_DAYS + (int64_t)sim_draw(sim, RENEWED_DAYS);
    act->has_renewed = true;
    act->renewed =
        (struct renewed){.member = sim->world->homes[member].certificate,
                         .until = instant_add(world_wall(sim->world, home),
                                              (struct duration){days * (int64_t)DURATION_DAY_MS})};
}

/* The hostile alone can decide nothing, and the others can without them. */
static bool is_viable(const struct sim *sim, const struct charter *charter) {
    uint32_t hostile = 0;
    uint32_t sure = 0;
    for (int i = 0; i < sim->options.nodes; i++) {
        if (charter_has_administrator(charter, &sim->world->homes[i].owner_publics[0].sign)) {
            hostile += sim->homes[i].hostile ? 1 : 0;
            sure += sim->homes[i].hostile || sim->homes[i].doubtful ? 0 : 1;
        }
    }
    return charter->threshold > hostile && charter->threshold > 0 && charter->threshold <= sure;
}

static void toggle(struct charter *charter, const struct sign_public *key) {
    size_t at = 0;
    while (at < charter->administrator_count &&
           !sign_public_equal(&charter->administrators[at], key)) {
        at++;
    }
    if (at < charter->administrator_count) {
        charter->administrators[at] = charter->administrators[--charter->administrator_count];
    } else if (at < ADMINISTRATORS_MAX) {
        charter->administrators[charter->administrator_count++] = *key;
    }
}

/* One that is up and has a say, by what its home knows. */
static int administrator(struct sim *sim) {
    int home = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    const struct world_home *h = &sim->world->homes[home];
    return sim_honest(sim, home) && world_is_up(sim->world, home) &&
                   charter_has_administrator(community_charter(h->core->community),
                                             &h->owner_publics[0].sign)
               ? home
               : NO_HOME;
}

/* ---- sponsors ---- */

/* Removes one that it brought in, or leaves; administrators do neither. */
static void sponsor(struct sim *sim) {
    int member = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    bool leaves = sim_draw(sim, 3) == 0;
    int by = leaves ? member : govern_sponsor(member);
    bool subtree = !leaves && sim_draw(sim, 2) == 0;
    if (by == NO_HOME || !sim_honest(sim, by) || !world_is_up(sim->world, by)) {
        return;
    }
    const struct charter *charter = community_charter(sim->world->homes[by].core->community);
    bool decides =
        charter_has_administrator(charter, &sim->world->homes[member].owner_publics[0].sign);
    if (decides || !govern_doubt(sim, member, subtree)) {
        return;
    }
    enum err err = world_remove(sim->world, by, member, subtree);
    bool up = sim->world->homes[by].core != NULL;
    sim->govern->removals += err == ERR_OK ? 1 : 0;
    if (up && !is_usual(sim, by, err) && err != ERR_USER_EXISTS) {
        sim_broken(sim, "removals_are_taken", "home %d removes home %d: %s", by, member,
                   err_text(err));
    }
}

/* ---- signatures ---- */

/* The first that follows what counts at its home; a second one such now and then. */
static void sign(struct sim *sim, int home) {
    const struct id newest = world_newest_act(sim->world, home);
    bool has_signed = false;
    for (size_t i = 0; i < sim->govern->count; i++) {
        struct proposal *proposal = &sim->govern->list[i];
        if (!id_equal(&proposal->act.previous, &newest)) {
            continue;
        }
        if (proposal->signers[home]) {
            has_signed = true;
        } else if ((!has_signed || sim_draw(sim, 3) == 0) && has_seen(sim, home, &proposal->id)) {
            endorse(sim, home, proposal, NULL);
            return;
        }
    }
}

static bool has_seen(struct sim *sim, int home, const struct id *act) {
    struct store *store = sim->world->homes[home].store;
    struct sought sought = {.act = act};
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_ENDORSEMENT, visit_endorsement, &sought) == ERR_OK);
    store_roll_back(store);
    return sought.found;
}

static enum err visit_endorsement(void *context, const struct store_object *row) {
    struct sought *sought = context;
    struct signed_object object;
    struct endorsement endorsement;
    struct id id;
    ASSERT(signed_decode(row->object, &object) == ERR_OK);
    ASSERT(endorsement_decode(object.body, &endorsement) == ERR_OK);
    sha256(endorsement.act, &id);
    sought->found = sought->found || id_equal(&id, sought->act);
    return ERR_OK;
}

/* Whoever has no say finds that out. */
static void endorse(struct sim *sim, int home, struct proposal *proposal, const uint8_t *key) {
    enum err err = world_endorse(sim->world, home, &proposal->act, key, &proposal->id);
    bool up = sim->world->homes[home].core != NULL;
    proposal->signers[home] = err == ERR_OK && up;
    if (up && !is_usual(sim, home, err)) {
        sim_broken(sim, "endorsements_are_taken", "home %d: %s", home, err_text(err));
    }
}

/* No administrator or member any more; another in its place, as it knows; a clock that is far off;
 * as many live as may. */
static bool is_usual(const struct sim *sim, int home, enum err err) {
    const struct world_home *h = &sim->world->homes[home];
    bool out = h->core != NULL && !community_counts(h->core->community, &h->certificate);
    return (err == ERR_PEER_UNKNOWN && out) || err == ERR_OK || err == ERR_DENY_CHARTER ||
           err == ERR_DENY_EXPIRED || err == ERR_DENY_QUOTA || err == ERR_DENY_TIME ||
           err == ERR_PEER_REPEATED;
}
