/* What acts and removals must have come to, worked out from the bytes in every home's store by
 * rules of its own (PROTOCOL 4.6 to 4.8), and compared with what the home's core makes of them.
 *
 *   acts_are_signed_by_k        no act counts without k administrators of the one before
 *   acts_are_a_chain            each follows the one before, and is later
 *   acts_have_their_effect      charter, removals and renewals are those of the chain, at once
 *   removed_are_removed         who is removed by what lies here is, and nobody else; so is who has
 *                               lost its place to a lower certificate (4.3)
 *   removed_have_no_link        no member link to one that is removed by what lies here
 *   removed_get_no_part         of the epoch key that their removal makes
 *   removed_bring_nobody_in     by certificates that they make afterwards
 *   endorsements_are_few        of one home
 * and in the calm, of all that stand:
 *   one_charter_history, one_membership, one_epoch_key, losers_are_told */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"

enum {
    ACTS_LOOKED_AT = 512,
    CERTIFICATES_LOOKED_AT = 2048,
    LOST_TOLD = 64, /* so many a home keeps */
    ENDORSEMENTS_OF_ONE = 16,
};

struct parted { /* a removal that counts, or is of nobody who does */
    struct id by;
    int member; /* NO_HOME: of nobody that was ever brought in */
    bool subtree;
    struct instant at;
    bool with_part;
};

struct renewed_by { /* a renewal by an act */
    int member;
    struct instant until;
};

struct view { /* of one home's store */
    bool known;
    size_t starts;
    uint8_t mark[32]; /* hash over what it was made of */
    struct id head;
    uint32_t version;
    struct charter charter;
    size_t lost;
    size_t renewal_count;
    struct renewed_by renewals[ACTS_LOOKED_AT];
    size_t parted_count, parted_room;
    struct parted *parted;
    bool *gone; /* members */
    size_t certificate_count;
    struct id certificates; /* one upon the other: the same set has the same */
};

struct certificate {
    struct id id, author;
    struct instant created;
};

struct counted { /* an act that counted at a home once */
    struct id id;
    bool *homes;
};

struct charters {
    struct charter founding;
    struct id community;
    struct instant created; /* of the founding charter */
    uint8_t founding_key[EPOCH_KEY_BYTES];
    struct instant *certificates; /* when each was made */
    struct view *views;
    size_t counted_count, counted_room;
    struct counted *counted;
};

struct reading { /* of one store */
    struct sim *sim;
    int home;
    struct view *view;
    size_t count;
    struct store_act acts[ACTS_LOOKED_AT];
    size_t certificate_count;
    struct certificate certificates[CERTIFICATES_LOOKED_AT];
    uint8_t mark[32];
};

struct parts { /* of the epoch key */
    struct sim *sim;
    int home;
    const struct view *view;
    struct buffer bytes;
};

struct own { /* what its owner has signed */
    const struct id *act;
    const struct id *author;
    bool found;
};

struct guests { /* of one home: members by forged certificates */
    struct sim *sim;
    int home;
};

struct endorsed { /* by whom, in one store */
    const struct sim *sim;
    int home;
    int *counts;
};

static enum err visit_founding(void *context, const struct store_epoch *epoch);
static void look_at(struct sim *sim, int home);
static enum err visit_act(void *context, const struct store_act *row);
static enum err visit_removal_id(void *context, const struct store_object *row);
static enum err visit_certificate(void *context, const struct store_object *row);
static bool has_a_place(const struct reading *reading, int member);
static void add_to_mark(uint8_t mark[32], const struct id *id, const struct id *more);
static void read_again(struct reading *reading);
static bool follow(struct reading *reading, const struct store_act *row, struct instant *created);
static size_t signatures(const struct signed_object *object, const struct charter *charter);
static void take_act(struct reading *reading, const struct id *id, const struct act *act);
static void note_counted(struct sim *sim, int home, const struct id *id);
static enum err visit_removal(void *context, const struct store_object *row);
static void add_parted(struct view *view, const struct parted *parted);
static bool takes(const struct charters *charters, const struct parted *parted, int member);
static void compare(struct sim *sim, int home);
static bool same_charter(const struct charter *a, const struct charter *b);
static void check_links(struct sim *sim, int home);
static void check_guest(void *context, const struct id *certificate);
static void check_endorsements(struct sim *sim, int home);
static enum err count_endorsement(void *context, const struct store_object *row);
static enum err visit_part(void *context, const struct store_epoch *epoch);
static int reference(const struct sim *sim);
static bool epoch_is_right(struct sim *sim, int home);
static enum err visit_counting_part(void *context, const struct store_epoch *epoch);
static const char *told_late(struct sim *sim, int home, char *detail, size_t size);
static bool is_told(struct sim *sim, int home, const struct id *act, bool counted);
static enum err visit_own(void *context, const struct store_object *row);

void charters_start(struct sim *sim) {
    size_t nodes = (size_t)sim->options.nodes;
    const struct core *core = sim->world->homes[0].core;
    struct charters *charters = calloc(1, sizeof *charters);
    ASSERT(charters != NULL);
    sim->charters = charters;
    charters->founding = community_governance(core->community)->founding;
    charters->created = charters->founding.created;
    charters->community = sim->world->community;
    ASSERT(store_begin(core->store) == ERR_OK);
    ASSERT(store_epoch_each(core->store, visit_founding, charters) == ERR_OK);
    store_roll_back(core->store);
    charters->certificates = calloc(nodes, sizeof *charters->certificates);
    charters->views = calloc(nodes, sizeof *charters->views);
    ASSERT(charters->certificates != NULL && charters->views != NULL);
    for (size_t i = 0; i < nodes; i++) {
        charters->certificates[i] =
            community_find(core->community, &sim->world->homes[i].certificate)->head.created;
        charters->views[i].gone = calloc(nodes, sizeof(bool));
        ASSERT(charters->views[i].gone != NULL);
    }
}

static enum err visit_founding(void *context, const struct store_epoch *epoch) {
    struct charters *charters = context;
    if (id_is_zero(&epoch->removal)) {
        memcpy(charters->founding_key, epoch->key, sizeof charters->founding_key);
    }
    return ERR_OK;
}

void charters_step(struct sim *sim) {
    for (int i = 0; i < sim->options.nodes && sim->broken == NULL; i++) {
        struct guests guests = {sim, i};
        look_at(sim, i);
        check_links(sim, i);
        forgers_each(sim, check_guest, &guests);
    }
    check_endorsements(sim, sim->next_checked);
}

struct instant charters_created(const struct sim *sim, int member) {
    return sim->charters->certificates[member];
}

bool charters_removed(const struct sim *sim, int home, int member) {
    return sim->charters->views[home].gone[member];
}

void charters_print(const struct sim *sim) {
    int home = reference(sim);
    const struct view *view = &sim->charters->views[home == NO_HOME ? 0 : home];
    size_t gone = 0;
    for (int i = 0; i < sim->options.nodes; i++) {
        gone += view->gone[i] ? 1 : 0;
    }
    (void)printf("  %u acts count, %zu counted somewhere; %zu removals, %zu homes gone\n",
                 view->version - 1, sim->charters->counted_count, view->parted_count, gone);
}

void charters_finish(struct sim *sim) {
    struct charters *charters = sim->charters;
    if (charters == NULL) {
        return;
    }
    for (int i = 0; i < sim->options.nodes; i++) {
        free(charters->views[i].gone);
        free(charters->views[i].parted);
    }
    for (size_t i = 0; i < charters->counted_count; i++) {
        free(charters->counted[i].homes);
    }
    free(charters->counted);
    free(charters->views);
    free(charters->certificates);
    free(charters);
}

/* ---- one store ---- */

static void look_at(struct sim *sim, int home) {
    static struct reading reading; /* large */
    const struct world_home *h = &sim->world->homes[home];
    struct parts parts = {.sim = sim, .home = home};
    reading.sim = sim;
    reading.home = home;
    reading.view = &sim->charters->views[home];
    reading.count = 0;
    reading.certificate_count = 0;
    memset(reading.mark, 0, sizeof reading.mark);
    ASSERT(store_begin(h->store) == ERR_OK);
    ASSERT(store_act_each(h->store, visit_act, &reading) == ERR_OK);
    ASSERT(store_object_each(h->store, OBJECT_REMOVAL, visit_removal_id, &reading) == ERR_OK);
    ASSERT(store_object_each(h->store, OBJECT_MEMBER, visit_certificate, &reading) == ERR_OK);
    bool is_new = !reading.view->known || memcmp(reading.mark, reading.view->mark, 32) != 0;
    if (is_new) {
        read_again(&reading);
    }
    if (is_new && sim->broken == NULL) {
        ASSERT(store_epoch_each(h->store, visit_part, &parts) == ERR_OK);
    }
    store_roll_back(h->store);
    if (h->core != NULL && h->core->is_member && sim->broken == NULL &&
        (is_new || reading.view->starts != h->starts)) {
        reading.view->starts = h->starts;
        compare(sim, home);
    }
}

static enum err visit_act(void *context, const struct store_act *row) {
    struct reading *reading = context;
    ASSERT(reading->count < ACTS_LOOKED_AT);
    reading->acts[reading->count++] = *row;
    add_to_mark(reading->mark, &row->id, &row->lost_to);
    return ERR_OK;
}

static enum err visit_removal_id(void *context, const struct store_object *row) {
    struct reading *reading = context;
    add_to_mark(reading->mark, &row->id, &row->author);
    return ERR_OK;
}

static enum err visit_certificate(void *context, const struct store_object *row) {
    struct reading *reading = context;
    ASSERT(reading->certificate_count < CERTIFICATES_LOOKED_AT);
    reading->certificates[reading->certificate_count++] =
        (struct certificate){row->id, row->author, row->created};
    add_to_mark(reading->mark, &row->id, &row->author);
    return ERR_OK;
}

static void add_to_mark(uint8_t mark[32], const struct id *id, const struct id *more) {
    uint8_t both[2 * sizeof *id];
    memcpy(both, id->b, sizeof id->b);
    memcpy(both + sizeof id->b, more->b, sizeof more->b);
    hash_labelled("what decides", (struct bytes){mark, 32}, BYTES_OF(both), mark, 32);
}

/* The whole chain from the founding charter on, and every removal. */
static void read_again(struct reading *reading) {
    struct sim *sim = reading->sim;
    const struct charters *charters = sim->charters;
    struct view *view = reading->view;
    struct instant created = charters->created;
    view->known = true;
    view->head = charters->community;
    view->version = 1;
    view->charter = charters->founding;
    view->parted_count = 0;
    view->renewal_count = 0;
    view->lost = 0;
    memcpy(view->mark, reading->mark, sizeof view->mark);
    view->certificate_count = reading->certificate_count;
    view->certificates = (struct id){{0}};
    for (size_t i = 0; i < reading->certificate_count; i++) {
        for (size_t k = 0; k < sizeof view->certificates.b; k++) {
            view->certificates.b[k] ^= reading->certificates[i].id.b[k];
        }
    }
    for (size_t i = 0; i < reading->count; i++) {
        if (!id_is_zero(&reading->acts[i].lost_to)) {
            view->lost++;
        } else if (!follow(reading, &reading->acts[i], &created)) {
            return;
        }
    }
    struct store *store = sim->world->homes[reading->home].store;
    ASSERT(store_object_each(store, OBJECT_REMOVAL, visit_removal, reading) == ERR_OK);
    for (int m = 0; m < sim->options.nodes; m++) {
        view->gone[m] = !has_a_place(reading, m);
        for (size_t i = 0; i < view->parted_count; i++) {
            view->gone[m] = view->gone[m] || takes(charters, &view->parted[i], m);
        }
    }
}

/* It lies here, and so do those above it; and fewer lower ones of its sponsor lie here than that
 * may bring in. No charter of these people is tighter than the founding one. */
static bool has_a_place(const struct reading *reading, int member) {
    bool all = true;
    for (int m = member; m != NO_HOME && all; m = govern_sponsor(m)) {
        const struct id *id = &reading->sim->world->homes[m].certificate;
        const struct certificate *own = NULL;
        uint32_t lower = 0;
        for (size_t i = 0; i < reading->certificate_count && own == NULL; i++) {
            bool found = id_equal(&reading->certificates[i].id, id);
            own = found ? &reading->certificates[i] : NULL;
        }
        for (size_t i = 0; own != NULL && i < reading->certificate_count; i++) {
            const struct certificate *other = &reading->certificates[i];
            bool before = other->created.ms == own->created.ms
                              ? id_compare(&other->id, &own->id) < 0
                              : other->created.ms < own->created.ms;
            lower += before && id_equal(&other->author, &own->author) ? 1 : 0;
        }
        int sponsor = govern_sponsor(m);
        all = own != NULL && (sponsor == NO_HOME || lower < govern_allowance(sponsor));
    }
    return all;
}

static bool follow(struct reading *reading, const struct store_act *row, struct instant *created) {
    struct sim *sim = reading->sim;
    struct view *view = reading->view;
    struct store_object stored;
    struct signed_object object;
    struct act act;
    struct id id;
    ASSERT(store_object_get(sim->world->homes[reading->home].store, &row->id, &stored) == ERR_OK);
    ASSERT(signed_decode(stored.object, &object) == ERR_OK);
    ASSERT(act_decode(object.body, &act) == ERR_OK);
    sha256(object.body, &id);
    if (object.kind != OBJECT_ACT || !id_equal(&id, &row->id) ||
        !id_equal(&act.head.community, &sim->charters->community) ||
        !id_equal(&act.previous, &view->head) || row->version != view->version + 1 ||
        act.head.created.ms <= created->ms) {
        sim_broken(sim, "acts_are_a_chain", "home %d: version %u", reading->home, row->version);
        return false;
    }
    size_t good = signatures(&object, &view->charter);
    if (good < view->charter.threshold) {
        sim_broken(sim, "acts_are_signed_by_k", "home %d: version %u by %zu of %u", reading->home,
                   row->version, good, view->charter.threshold);
        return false;
    }
    *created = act.head.created;
    take_act(reading, &id, &act);
    return true;
}

/* Of administrators, each once. */
static size_t signatures(const struct signed_object *object, const struct charter *charter) {
    size_t good = 0;
    for (size_t i = 0; i < charter->administrator_count; i++) {
        bool twice = false;
        for (size_t k = 0; k < i; k++) {
            twice = twice ||
                    sign_public_equal(&charter->administrators[k], &charter->administrators[i]);
        }
        good += !twice && signed_by(object, &charter->administrators[i]) ? 1 : 0;
    }
    return good;
}

static void take_act(struct reading *reading, const struct id *id, const struct act *act) {
    struct sim *sim = reading->sim;
    struct view *view = reading->view;
    view->head = *id;
    view->version++;
    if (act->has_charter) {
        view->charter = act->charter;
    }
    if (act->has_renewed) {
        view->renewals[view->renewal_count++] =
            (struct renewed_by){watch_member(sim, &act->renewed.member), act->renewed.until};
    }
    if (act->has_removed) {
        add_parted(view, &(struct parted){*id, watch_member(sim, &act->removed.member),
                                          act->removed.subtree, act->head.created,
                                          !id_is_zero(&act->removed.epoch)});
    }
    note_counted(sim, reading->home, id);
}

static void note_counted(struct sim *sim, int home, const struct id *id) {
    struct charters *charters = sim->charters;
    size_t i = 0;
    while (i < charters->counted_count && !id_equal(&charters->counted[i].id, id)) {
        i++;
    }
    if (i == charters->counted_room) {
        charters->counted_room = charters->counted_room * 2 + 32;
        charters->counted =
            realloc(charters->counted, charters->counted_room * sizeof *charters->counted);
        ASSERT(charters->counted != NULL);
    }
    if (i == charters->counted_count) {
        charters->counted_count++;
        charters->counted[i].id = *id;
        charters->counted[i].homes = calloc((size_t)sim->options.nodes, sizeof(bool));
        ASSERT(charters->counted[i].homes != NULL);
    }
    charters->counted[i].homes[home] = true;
}

/* By the member itself or its sponsor; any other's has no effect. */
static enum err visit_removal(void *context, const struct store_object *row) {
    struct reading *reading = context;
    struct sim *sim = reading->sim;
    struct signed_object object;
    struct removal removal;
    ASSERT(signed_decode(row->object, &object) == ERR_OK);
    ASSERT(removal_decode(object.body, &removal) == ERR_OK);
    int member = watch_member(sim, &removal.removed.member);
    int author = watch_member(sim, &removal.head.author);
    /* One of nobody, or of one in whose place another counts, waits and adds nothing to the key. */
    struct store_object certificate;
    bool known = member != NO_HOME &&
                 store_object_get(sim->world->homes[reading->home].store,
                                  &sim->world->homes[member].certificate, &certificate) == ERR_OK;
    bool may = member == NO_HOME || author == member || author == govern_sponsor(member);
    if (author == NO_HOME || (known && !may)) {
        sim_broken(sim, "removed_are_removed", "home %d: home %d removes home %d", reading->home,
                   author, member);
        return ERR_OK;
    }
    add_parted(reading->view, &(struct parted){object.id, may ? member : NO_HOME,
                                               removal.removed.subtree, removal.head.created,
                                               known && !id_is_zero(&removal.removed.epoch)});
    return ERR_OK;
}

static void add_parted(struct view *view, const struct parted *parted) {
    if (view->parted_count == view->parted_room) {
        view->parted_room = view->parted_room * 2 + 16;
        view->parted = realloc(view->parted, view->parted_room * sizeof *view->parted);
        ASSERT(view->parted != NULL);
    }
    view->parted[view->parted_count++] = *parted;
}

/* The member itself; with all below, these too; and those that were brought in after it. */
static bool takes(const struct charters *charters, const struct parted *parted, int member) {
    if (parted->member == NO_HOME || !govern_is_under(member, parted->member)) {
        return false;
    }
    int below = member; /* the one that the removed has brought in, on the way to this one */
    while (below != parted->member && govern_sponsor(below) != parted->member) {
        below = govern_sponsor(below);
    }
    return parted->subtree || member == parted->member ||
           charters->certificates[below].ms >= parted->at.ms;
}

/* ---- what the core makes of it ---- */

static void compare(struct sim *sim, int home) {
    const struct view *view = &sim->charters->views[home];
    const struct community *community = sim->world->homes[home].core->community;
    const struct governance *governance = community_governance(community);
    bool right = id_equal(&governance->head, &view->head) && governance->version == view->version &&
                 same_charter(&governance->charter, &view->charter);
    if (!right) {
        sim_broken(sim, "acts_have_their_effect", "home %d: version %u, %u by its store", home,
                   governance->version, view->version);
    }
    for (size_t i = 0; i < view->renewal_count; i++) {
        const struct renewed_by *renewed = &view->renewals[i];
        const struct id *id = /* the act may come before the certificate */
            renewed->member == NO_HOME ? NULL : &sim->world->homes[renewed->member].certificate;
        if (id != NULL && community_counts(community, id) &&
            community_ends(community, id).ms < renewed->until.ms) {
            sim_broken(sim, "acts_have_their_effect", "home %d: home %d is not renewed", home,
                       renewed->member);
        }
    }
    for (int m = 0; m < sim->options.nodes; m++) {
        const struct id *member = &sim->world->homes[m].certificate;
        if (community_find(community, member) != NULL &&
            community_is_removed(community, member, NULL) != view->gone[m]) {
            sim_broken(sim, "removed_are_removed", "home %d: home %d %s", home, m,
                       view->gone[m] ? "is not" : "is");
        }
    }
}

static bool same_charter(const struct charter *a, const struct charter *b) {
    bool same = strcmp(a->name, b->name) == 0 && a->threshold == b->threshold &&
                a->administrator_count == b->administrator_count;
    for (size_t i = 0; same && i < a->administrator_count; i++) {
        same = sign_public_equal(&a->administrators[i], &b->administrators[i]);
    }
    return same;
}

/* By the member door, whoever dialled. */
static void check_links(struct sim *sim, int home) {
    const struct core *core = sim->world->homes[home].core;
    for (size_t i = 0; core != NULL && i < CORE_LINKS_MAX; i++) {
        const struct link *link = &core->links[i];
        bool as_member = link->no != 0 && link->state == LINK_OPEN &&
                         (link->in_overlay || link->door == TRANSPORT_MEMBER ||
                          link->door == TRANSPORT_CATCH_UP);
        int member = as_member ? watch_member(sim, &link->about) : NO_HOME;
        if (member != NO_HOME && charters_removed(sim, home, member)) {
            sim_broken(sim, "removed_have_no_link", "home %d to home %d", home, member);
        }
    }
}

/* It was made after its sponsor's removal, unless another home's clock says otherwise. */
static void check_guest(void *context, const struct id *certificate) {
    const struct guests *guests = context;
    struct sim *sim = guests->sim;
    const struct core *core = sim->world->homes[guests->home].core;
    const struct view *view = &sim->charters->views[guests->home];
    int sponsor = NO_HOME;
    struct instant created;
    bool removed = false;
    ASSERT(forgers_made(sim, certificate, &sponsor, &created));
    for (size_t i = 0; i < view->parted_count; i++) {
        removed =
            removed || (view->parted[i].member == sponsor && created.ms >= view->parted[i].at.ms);
    }
    if (removed && core != NULL && core->is_member &&
        community_in_standing(core->community, certificate, world_wall(sim->world, guests->home))) {
        sim_broken(sim, "removed_bring_nobody_in", "home %d: by home %d", guests->home, sponsor);
    }
}

static void check_endorsements(struct sim *sim, int home) {
    struct store *store = sim->world->homes[home].store;
    struct endorsed endorsed = {sim, home, calloc((size_t)sim->options.nodes, sizeof(int))};
    ASSERT(endorsed.counts != NULL);
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_ENDORSEMENT, count_endorsement, &endorsed) == ERR_OK);
    store_roll_back(store);
    for (int i = 0; i < sim->options.nodes; i++) {
        if (i != home && endorsed.counts[i] > ENDORSEMENTS_OF_ONE) {
            sim_broken(sim, "endorsements_are_few", "home %d: %d of home %d", home,
                       endorsed.counts[i], i);
        }
    }
    free(endorsed.counts);
}

static enum err count_endorsement(void *context, const struct store_object *row) {
    const struct endorsed *endorsed = context;
    int author = watch_member(endorsed->sim, &row->author);
    if (author != NO_HOME) {
        endorsed->counts[author]++;
    }
    return ERR_OK;
}

/* Whoever is removed by a removal has not got what that adds to the key: nobody has proposed that
 * it be removed itself. */
static enum err visit_part(void *context, const struct store_epoch *epoch) {
    const struct parts *parts = context;
    const struct charters *charters = parts->sim->charters;
    for (int i = 0; i < parts->sim->options.nodes; i++) {
        const struct view *view = &charters->views[i];
        for (size_t k = 0; k < view->parted_count; k++) {
            if (id_equal(&view->parted[k].by, &epoch->removal) &&
                takes(charters, &view->parted[k], parts->home)) {
                sim_broken(parts->sim, "removed_get_no_part", "home %d", parts->home);
            }
        }
    }
    return ERR_OK;
}

/* ---- in the calm ---- */

/* One of whom nobody has said that it goes; of those there are always half. */
static int reference(const struct sim *sim) {
    for (int i = 0; i < sim->options.nodes; i++) {
        if (sim_honest(sim, i) && !sim->homes[i].doubtful) {
            return i;
        }
    }
    return NO_HOME;
}

bool sim_stands(const struct sim *sim, int home) {
    int by = sim->charters == NULL ? NO_HOME : reference(sim);
    return sim_honest(sim, home) && (by == NO_HOME || !charters_removed(sim, by, home));
}

bool charters_counts(const struct sim *sim, int home, const struct store_object *row) {
    struct signed_object object;
    struct endorsement endorsement;
    struct act act;
    if (row->kind == OBJECT_ACT) {
        for (size_t i = 0; i < sim->charters->counted_count; i++) {
            if (id_equal(&sim->charters->counted[i].id, &row->id)) {
                return community_act_number(sim->world->homes[home].core->community, &row->id) <
                       COMMUNITY_ACTS_MAX;
            }
        }
        return false;
    }
    ASSERT(signed_decode(row->object, &object) == ERR_OK);
    ASSERT(endorsement_decode(object.body, &endorsement) == ERR_OK);
    ASSERT(act_decode(endorsement.act, &act) == ERR_OK);
    return id_equal(&act.previous, &sim->charters->views[home].head);
}

const char *charters_late(struct sim *sim, char *detail, size_t size) {
    const int first = reference(sim);
    const struct view *one = first == NO_HOME ? NULL : &sim->charters->views[first];
    const char *late = NULL;
    for (int i = 0; first != NO_HOME && i < sim->options.nodes && late == NULL; i++) {
        const struct view *view = &sim->charters->views[i];
        if (!sim_stands(sim, i)) {
            continue;
        }
        (void)snprintf(detail, size, "home %d has version %u, home %d version %u", first,
                       one->version, i, view->version);
        if (!id_equal(&view->head, &one->head)) {
            late = "one_charter_history";
        } else if (memcmp(view->gone, one->gone, (size_t)sim->options.nodes) != 0 ||
                   view->certificate_count != one->certificate_count ||
                   !id_equal(&view->certificates, &one->certificates)) {
            (void)snprintf(detail, size, "home %d has %zu certificates, home %d %zu", first,
                           one->certificate_count, i, view->certificate_count);
            late = "one_membership";
        } else if (!epoch_is_right(sim, i) ||
                   memcmp(sim->world->homes[i].core->epoch_key,
                          sim->world->homes[first].core->epoch_key, EPOCH_KEY_BYTES) != 0) {
            (void)snprintf(detail, size, "home %d", i);
            late = "one_epoch_key";
        } else {
            late = told_late(sim, i, detail, size);
        }
    }
    return late;
}

/* Made anew of what lies in its store. */
static bool epoch_is_right(struct sim *sim, int home) {
    const struct world_home *h = &sim->world->homes[home];
    struct parts parts = {.sim = sim, .home = home, .view = &sim->charters->views[home]};
    uint8_t key[EPOCH_KEY_BYTES];
    buffer_init(&parts.bytes, 1024 * 1024);
    ASSERT(store_begin(h->store) == ERR_OK);
    ASSERT(store_epoch_each(h->store, visit_counting_part, &parts) == ERR_OK);
    store_roll_back(h->store);
    hash_labelled("stoop epoch key v1", BYTES_OF(sim->charters->founding_key),
                  buffer_bytes(&parts.bytes), key, sizeof key);
    buffer_finish(&parts.bytes);
    return memcmp(key, h->core->epoch_key, sizeof key) == 0;
}

static enum err visit_counting_part(void *context, const struct store_epoch *epoch) {
    struct parts *parts = context;
    for (size_t i = 0; i < parts->view->parted_count; i++) {
        if (id_equal(&parts->view->parted[i].by, &epoch->removal) &&
            parts->view->parted[i].with_part) {
            ASSERT(buffer_append(&parts->bytes, BYTES_OF(epoch->removal.b)) == ERR_OK);
            return buffer_append(&parts->bytes, BYTES_OF(epoch->key));
        }
    }
    return ERR_OK;
}

/* What counted at a home and does not in the end, and what its owner has signed. */
static const char *told_late(struct sim *sim, int home, char *detail, size_t size) {
    const struct charters *charters = sim->charters;
    const struct community *community = sim->world->homes[home].core->community;
    if (charters->views[home].lost >= LOST_TOLD) {
        return NULL;
    }
    for (size_t i = 0; i < charters->counted_count; i++) {
        const struct counted *counted = &charters->counted[i];
        bool concerns = counted->homes[home] || govern_signed(sim, home, &counted->id);
        if (concerns && community_act_number(community, &counted->id) == COMMUNITY_ACTS_MAX &&
            !is_told(sim, home, &counted->id, counted->homes[home])) {
            (void)snprintf(detail, size, "home %d is not told of %02x%02x", home, counted->id.b[0],
                           counted->id.b[1]);
            return "losers_are_told";
        }
    }
    return NULL;
}

/* As lost; or, where the act itself never came, by what its owner has signed, which is kept. */
static bool is_told(struct sim *sim, int home, const struct id *act, bool counted) {
    const struct world_home *h = &sim->world->homes[home];
    struct own own = {act, &h->certificate, false};
    bool lost = false;
    ASSERT(store_begin(h->store) == ERR_OK);
    ASSERT(store_act_lost(h->store, act, &lost) == ERR_OK);
    if (!lost && !counted) {
        ASSERT(store_object_each(h->store, OBJECT_ENDORSEMENT, visit_own, &own) == ERR_OK);
    }
    store_roll_back(h->store);
    return lost || own.found;
}

static enum err visit_own(void *context, const struct store_object *row) {
    struct own *own = context;
    struct signed_object object;
    struct endorsement endorsement;
    struct id id;
    if (id_equal(&row->author, own->author)) {
        ASSERT(signed_decode(row->object, &object) == ERR_OK);
        ASSERT(endorsement_decode(object.body, &endorsement) == ERR_OK);
        sha256(endorsement.act, &id);
        own->found = own->found || id_equal(&id, own->act);
    }
    return ERR_OK;
}
