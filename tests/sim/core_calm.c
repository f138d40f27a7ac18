/* What must have come right when the faults are over. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"

enum {
    LOOK_MS = 5000,
    /* Ids that were ignored come again after a minute, lost members are dialled again after five; a
     * delivery is tried again after ten, and once more. */
    VIEWS_MS = 15 * MINUTE_MS,
    LIVE_MS = 20 * MINUTE_MS,
    LIVE_WRONG_CLOCKS_MS = 35 * MINUTE_MS, /* what is more than 15 minutes ahead has to wait */
    DELIVERED_MS = 45 * MINUTE_MS,
    NEARLY_MS = MINUTE_MS, /* what begins or ends to live so soon is not looked at */
};

struct live { /* what a home holds of honest authors, that lives by every clock */
    struct sim *sim;
    int home;
    struct instant first, last; /* the wall clocks that are furthest behind and ahead */
    size_t count, room;
    struct id *ids;
};

struct late {              /* why it has not come right yet */
    const char *invariant; /* NULL: it has */
    char detail[200];
};

static bool come_right(struct sim *sim, struct late *late);
static void is_late(struct late *late, const char *invariant, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void check_views(struct sim *sim, struct late *late);
static bool linked(const struct sim *sim, int a, int b);
static int group_of(int *groups, int home);
static void check_live(struct sim *sim, struct late *late);
static void load_live(struct sim *sim, int home, struct live *live);
static enum err visit_live(void *context, const struct store_object *row);
static void tell_difference(const struct live *a, int home_a, const struct live *b, int home_b,
                            struct late *late);
static bool is_ours(const struct live *live, const struct store_object *row);
static int by_id(const void *a, const void *b);
static void check_delivered(struct sim *sim, struct late *late);
static bool counts(const struct sim *sim, const struct matched *m);
static bool is_delivered(struct sim *sim, const struct matched *m);
static void check_end(struct sim *sim);
static void check_declined(struct sim *sim, const struct matched *m);
static void check_home_in_the_end(struct sim *sim, int home);
static enum err visit_whole(void *context, const struct store_delivered *row);

void calm_run(struct sim *sim) {
    int64_t begin = sim->world->now;
    struct late late = {0};
    bool right = false;
    sim->calm = true;
    while (!right && sim->broken == NULL && sim->world->now - begin < DELIVERED_MS) {
        for (int64_t ms = 0; ms < LOOK_MS && sim->broken == NULL; ms += STEP_MS) {
            world_run(sim->world, STEP_MS);
            sim_step(sim);
        }
        right = come_right(sim, &late);
        int64_t after = sim->world->now - begin;
        bool lost =
            late.invariant != NULL && strcmp(late.invariant, "granted_are_delivered_once") != 0;
        int64_t most = !lost                                 ? DELIVERED_MS
                       : sim->options.scenario->wrong_clocks ? LIVE_WRONG_CLOCKS_MS
                                                             : LIVE_MS;
        sim->live_after = sim->live_after == 0 && !lost ? after : sim->live_after;
        sim->delivered_after = right ? after : 0;
        if (after >= most) {
            break;
        }
    }
    if (!right && sim->broken == NULL) {
        sim_broken(sim, late.invariant, "%s", late.detail);
    }
    if (sim->broken == NULL) {
        check_end(sim);
    }
}

static bool come_right(struct sim *sim, struct late *late) {
    bool were_equal = sim->live_after != 0; /* it is dear to look again: only in the end */
    late->invariant = NULL;
    if (sim->charters != NULL) {
        late->invariant = charters_late(sim, late->detail, sizeof late->detail);
    }
    if (late->invariant == NULL) {
        check_views(sim, late);
    }
    if (late->invariant == NULL && !were_equal) {
        check_live(sim, late);
    }
    if (late->invariant == NULL) {
        check_delivered(sim, late);
    }
    if (late->invariant == NULL && were_equal) {
        check_live(sim, late);
    }
    return late->invariant == NULL;
}

static void is_late(struct late *late, const char *invariant, const char *format, ...) {
    va_list arguments;
    late->invariant = invariant;
    va_start(arguments, format);
    (void)vsnprintf(late->detail, sizeof late->detail, format, arguments);
    va_end(arguments);
}

/* ---- views ---- */

/* Who is linked with whom both know, and all hang together. */
static void check_views(struct sim *sim, struct late *late) {
    int nodes = sim->options.nodes;
    int *groups = calloc((size_t)nodes, sizeof *groups);
    int first = NO_HOME;
    ASSERT(groups != NULL);
    for (int i = 0; i < nodes; i++) {
        groups[i] = i;
    }
    for (int i = 0; i < nodes && late->invariant == NULL; i++) {
        struct overlay_link links[OVERLAY_LINKS_MAX];
        const struct core *core = sim->world->homes[i].core;
        if (!sim_stands(sim, i)) {
            continue;
        }
        if (core == NULL) {
            is_late(late, "homes_are_up", "home %d is down", i);
            break;
        }
        size_t count = overlay_links(core->overlay, links);
        for (size_t k = 0; k < count; k++) {
            struct id peer = core->overlay_members.id(core->overlay_members.context, links[k].peer);
            int other = watch_member(sim, &peer);
            if (other == NO_HOME || !sim_stands(sim, other)) {
                continue;
            }
            if (!linked(sim, other, i)) {
                is_late(late, "views_are_symmetric", "home %d is linked with home %d alone", i,
                        other);
            }
            groups[group_of(groups, i)] = group_of(groups, other);
        }
    }
    for (int i = 0; i < nodes && late->invariant == NULL; i++) {
        if (sim_stands(sim, i)) {
            first = first == NO_HOME ? i : first;
            if (group_of(groups, i) != group_of(groups, first)) {
                is_late(late, "one_component", "home %d does not hang together with home %d", i,
                        first);
            }
        }
    }
    free(groups);
}

static bool linked(const struct sim *sim, int a, int b) {
    struct core *core = sim->world->homes[a].core;
    if (core == NULL || core->overlay == NULL) {
        return false;
    }
    peer_no peer = core->overlay_members.find(core->overlay_members.context,
                                              &sim->world->homes[b].certificate);
    return peer != OVERLAY_NOBODY && overlay_is_linked(core->overlay, peer);
}

static int group_of(int *groups, int home) {
    while (groups[home] != home) {
        groups[home] = groups[groups[home]];
        home = groups[home];
    }
    return home;
}

/* ---- live objects ---- */

static void check_live(struct sim *sim, struct late *late) {
    struct live first = {.sim = sim, .first = {INT64_MAX}, .last = {INT64_MIN}};
    int at_first = NO_HOME;
    for (int i = 0; i < sim->options.nodes; i++) {
        struct instant wall = world_wall(sim->world, i);
        if (sim_stands(sim, i)) {
            first.first = wall.ms < first.first.ms ? wall : first.first;
            first.last = wall.ms > first.last.ms ? wall : first.last;
        }
    }
    struct live other = first;
    for (int i = 0; i < sim->options.nodes && late->invariant == NULL; i++) {
        if (!sim_stands(sim, i)) {
            continue;
        }
        struct live *live = at_first == NO_HOME ? &first : &other;
        load_live(sim, i, live);
        if (at_first == NO_HOME) {
            at_first = i;
        } else if (first.count != other.count ||
                   (first.count > 0 &&
                    memcmp(first.ids, other.ids, first.count * sizeof *first.ids) != 0)) {
            tell_difference(&first, at_first, &other, i, late);
        }
    }
    free(first.ids);
    free(other.ids);
}

static void load_live(struct sim *sim, int home, struct live *live) {
    struct store *store = sim->world->homes[home].store;
    live->count = 0;
    live->home = home;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_UNKNOWN, visit_live, live) == ERR_OK);
    store_roll_back(store);
    if (live->count > 0) {
        qsort(live->ids, live->count, sizeof *live->ids, by_id);
    }
}

static enum err visit_live(void *context, const struct store_object *row) {
    struct live *live = context;
    if (!is_ours(live, row) || row->created.ms > live->first.ms + FUTURE_MAX_MS - NEARLY_MS ||
        row->expires.ms < live->last.ms + NEARLY_MS) {
        return ERR_OK;
    }
    if (live->count == live->room) {
        live->room = live->room * 2 + 256;
        live->ids = realloc(live->ids, live->room * sizeof *live->ids);
        ASSERT(live->ids != NULL);
    }
    live->ids[live->count++] = row->id;
    return ERR_OK;
}

/* What the hostile say, and those of whom it was doubtful for a while whether they may say
 * anything, is not everywhere the same: only who is a member is. */
static bool is_ours(const struct live *live, const struct store_object *row) {
    const struct sim *sim = live->sim;
    int author = watch_member(sim, &row->author);
    bool honest = author != NO_HOME && !sim->homes[author].hostile;
    if (row->kind == OBJECT_MEMBER || row->kind == OBJECT_REMOVAL) {
        return row->kind == OBJECT_REMOVAL ? honest : true;
    }
    if (row->kind == OBJECT_ACT || row->kind == OBJECT_ENDORSEMENT) {
        bool sure = row->kind == OBJECT_ACT || (honest && !sim->homes[author].doubtful);
        return sure && charters_counts(sim, live->home, row);
    }
    return honest && !sim->homes[author].doubtful;
}

static int by_id(const void *a, const void *b) {
    return id_compare(a, b);
}

static void tell_difference(const struct live *a, int home_a, const struct live *b, int home_b,
                            struct late *late) {
    size_t at = 0;
    while (at < a->count && at < b->count && id_equal(&a->ids[at], &b->ids[at])) {
        at++;
    }
    bool a_has = at < a->count && (at == b->count || id_compare(&a->ids[at], &b->ids[at]) < 0);
    const struct id *id = a_has ? &a->ids[at] : &b->ids[at];
    is_late(late, "live_sets_are_equal",
            "home %d has %zu, home %d %zu; %02x%02x%02x%02x is with home %d alone", home_a,
            a->count, home_b, b->count, id->b[0], id->b[1], id->b[2], id->b[3],
            a_has ? home_a : home_b);
}

/* ---- deliveries ---- */

static void check_delivered(struct sim *sim, struct late *late) {
    for (size_t i = 0; i < sim->matched_count && late->invariant == NULL; i++) {
        const struct matched *m = &sim->matched[i];
        if (!m->over && sim_honest(sim, m->home)) {
            is_late(late, "granted_are_delivered_once", "home %d has still to decide", m->home);
        } else if (counts(sim, m) && !is_delivered(sim, m)) {
            int64_t wall = world_wall(sim->world, m->home).ms;
            int64_t made = sim->world->now - (wall - m->grant.created.ms);
            is_late(late, "granted_are_delivered_once",
                    "home %d has not got grant %02x%02x of home %d, made at %lld ms",
                    sim->asked[m->asked].home, m->grant_id.b[0], m->grant_id.b[1], m->home,
                    (long long)made);
        }
    }
}

/* Of those that are still there, and whose clocks let them talk: two that are ten minutes off, one
 * each way, are refused by each other's handshake (PROTOCOL 3.4). */
static bool counts(const struct sim *sim, const struct matched *m) {
    if (!m->granted || m->asked == NOBODY_ASKED) {
        return false;
    }
    int to = sim->asked[m->asked].home;
    if (sim->homes[m->home].doubtful || sim->homes[to].doubtful) {
        return false;
    }
    int64_t apart = sim->world->homes[m->home].wall_skew - sim->world->homes[to].wall_skew;
    return sim_honest(sim, m->home) && sim_honest(sim, to) &&
           llabs(apart) < TRANSPORT_SKEW_MS - STEP_MS;
}

static bool is_delivered(struct sim *sim, const struct matched *m) {
    struct store *store = sim->world->homes[sim->asked[m->asked].home].store;
    struct store_delivered row;
    ASSERT(store_begin(store) == ERR_OK);
    enum err err = store_delivered_get(store, &m->grant_id, &row);
    store_roll_back(store);
    return err == ERR_OK && row.completed.ms != 0;
}

/* What costs turns, or is dear: once, when the last slots have closed. */
static void check_end(struct sim *sim) {
    world_run(sim->world, 2 * (int64_t)sim->slot_s * 1000 + STEP_MS);
    for (size_t i = 0; i < sim->matched_count && sim->broken == NULL; i++) {
        const struct matched *m = &sim->matched[i];
        if (counts(sim, m) &&
            !world_grant_opens(sim->world, sim->asked[m->asked].home, &m->grant_id, &m->clip)) {
            sim_broken(sim, "delivered_is_the_very_clip", "home %d: of home %d",
                       sim->asked[m->asked].home, m->home);
        }
        if (m->declined && sim_honest(sim, m->home)) {
            check_declined(sim, m);
        }
    }
    for (int i = 0; i < sim->options.nodes && sim->broken == NULL; i++) {
        if (sim_honest(sim, i)) {
            check_home_in_the_end(sim, i);
        }
    }
}

static void check_declined(struct sim *sim, const struct matched *m) {
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        const struct world_clip *held = sim->world->homes[m->home].clips[i];
        if (held != NULL && memcmp(held->clip.b, m->clip.clip.b, sizeof held->clip.b) == 0) {
            sim_broken(sim, "declined_are_shredded", "home %d", m->home);
        }
    }
}

static void check_home_in_the_end(struct sim *sim, int home) {
    struct store *store = sim->world->homes[home].store;
    size_t whole = 0;
    watch_home(sim, home);
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_delivered_each(store, visit_whole, &whole) == ERR_OK);
    store_roll_back(store);
    size_t recorded = world_log_count(sim->world, home, "received ");
    /* What a home in doubt gives or gets is not waited for: its slot may be open still. */
    bool right = recorded == whole || (sim->govern != NULL && recorded < whole);
    if (sim->broken == NULL && !right) {
        sim_broken(sim, "granted_are_delivered_once", "home %d has %zu clips and %zu on record",
                   home, whole, recorded);
    }
    if (sim->broken == NULL && !world_log_verifies(sim->world, home)) {
        sim_broken(sim, "logs_verify", "home %d", home);
    }
}

static enum err visit_whole(void *context, const struct store_delivered *row) {
    *(size_t *)context += row->completed.ms != 0 ? 1 : 0;
    return ERR_OK;
}
