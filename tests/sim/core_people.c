/* What the people of a simulation do. A person whose command was cut short looks whether it was
 * done, and if not does it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    ASK_EVERY_MS = 20000, /* the whole community, on the average */
    MATCHES_OF_ONE = 3,   /* homes with footage for a request, on the average */
    PLAIN_MAX = 150000,
    DECIDE_MS = 60000, /* at most so long, at random */
    AGAIN_MS = 4000,   /* later, when it could not be done */
};

static const int64_t lives_ms[] = {20 * MINUTE_MS, 2 * 60 * MINUTE_MS, 12 * 60 * MINUTE_MS};

static void ask(struct sim *sim);
static struct asked *add_asked(struct sim *sim);
static void look_for_clips(struct sim *sim, int home);
static void add_matched(struct sim *sim, int home, const struct world_clip *clip);
static void decide(struct sim *sim, struct matched *m);
static enum clip_state state_of(struct sim *sim, const struct matched *m);
static void grant(struct sim *sim, struct matched *m, enum clip_state state);
static void decline(struct sim *sim, struct matched *m);
static void answered(struct sim *sim, struct matched *m, enum err err, const char *what);

/* Some homes have two owners, which goes into their certificates. */
void people_start(struct sim *sim) {
    for (int i = 0; i < sim->options.nodes; i++) {
        struct world_home *home = &sim->world->homes[i];
        uint64_t share = 1000 * MATCHES_OF_ONE / (uint64_t)sim->options.nodes;
        uint64_t drawn = sim_draw(sim, 1000);
        home->owner_count = sim_draw(sim, 4) == 0 ? 2 : 1;
        home->payload_plain = 1 + sim_draw(sim, PLAIN_MAX);
        home->match_wait = 1000 + (int64_t)sim_draw(sim, 60000);
        home->footage = drawn < (share < 600 ? share : 600) ? WORLD_MATCH
                        : drawn % 2 == 0                    ? WORLD_NO_FOOTAGE
                                                            : WORLD_NO_CAMERA;
    }
}

void people_step(struct sim *sim) {
    if (!sim->calm && sim_draw(sim, ASK_EVERY_MS) < STEP_MS) {
        ask(sim);
    }
    for (int i = 0; i < sim->options.nodes; i++) {
        if (sim->world->homes[i].clip_count != sim->homes[i].clips_seen) {
            look_for_clips(sim, i);
        }
    }
    for (size_t i = 0; i < sim->matched_count; i++) {
        struct matched *m = &sim->matched[i];
        if (!m->over && m->act_at <= sim->world->now) {
            decide(sim, m);
        }
    }
}

void people_finish(struct sim *sim) {
    for (size_t i = 0; i < sim->asked_count; i++) {
        free(sim->asked[i].came);
    }
    free(sim->asked);
    free(sim->matched);
}

/* ---- requests ---- */

static void ask(struct sim *sim) {
    struct request request;
    struct world *world = sim->world;
    int home = (int)sim_draw(sim, (uint64_t)sim->options.nodes);
    int64_t life = lives_ms[sim_draw(sim, COUNT_OF(lives_ms))];
    if (!sim_honest(sim, home) || sim->homes[home].doubtful || !world_is_up(world, home)) {
        return;
    }
    struct asked *asked = add_asked(sim);
    asked->home = home;
    asked->at = world->now;
    world_voluntary(world, home, life, &request);
    enum err err = world_request(world, home, &request, &asked->id);
    asked->put = err == ERR_OK && world_is_up(world, home);
    /* Ten of one home live at a time; one that has just died may have it on record, which
     * does not matter: nobody counts on it. */
    if (err != ERR_OK && world->homes[home].core != NULL && err != ERR_DENY_CAP &&
        err != ERR_DENY_QUOTA) {
        sim_broken(sim, "requests_are_taken", "home %d: %s", home, err_text(err));
    }
}

static struct asked *add_asked(struct sim *sim) {
    if (sim->asked_count == sim->asked_room) {
        sim->asked_room = sim->asked_room * 2 + 64;
        sim->asked = realloc(sim->asked, sim->asked_room * sizeof *sim->asked);
        ASSERT(sim->asked != NULL);
    }
    struct asked *asked = &sim->asked[sim->asked_count++];
    *asked = (struct asked){.came = malloc((size_t)sim->options.nodes * sizeof *asked->came)};
    ASSERT(asked->came != NULL);
    for (int i = 0; i < sim->options.nodes; i++) {
        asked->came[i] = -1;
    }
    return asked;
}

struct asked *people_asked(const struct sim *sim, const struct id *request) {
    for (size_t i = 0; i < sim->asked_count; i++) {
        if (id_equal(&sim->asked[i].id, request)) {
            return &sim->asked[i];
        }
    }
    return NULL;
}

/* ---- clips ---- */

static void look_for_clips(struct sim *sim, int home) {
    const struct world_home *h = &sim->world->homes[home];
    sim->homes[home].clips_seen = h->clip_count;
    for (size_t i = 0; i < WORLD_CLIPS_MAX; i++) {
        if (h->clips[i] != NULL && people_matched(sim, &h->clips[i]->clip) == NULL) {
            add_matched(sim, home, h->clips[i]);
        }
    }
}

static void add_matched(struct sim *sim, int home, const struct world_clip *clip) {
    if (sim->matched_count == sim->matched_room) {
        sim->matched_room = sim->matched_room * 2 + 64;
        sim->matched = realloc(sim->matched, sim->matched_room * sizeof *sim->matched);
        ASSERT(sim->matched != NULL);
    }
    struct matched *m = &sim->matched[sim->matched_count++];
    const struct asked *asked = people_asked(sim, &clip->request);
    uint64_t drawn = sim_draw(sim, 100);
    bool two = sim->world->homes[home].owner_count == 2;
    *m = (struct matched){.home = home, .clip = *clip};
    m->clip.header.at = NULL;
    m->clip.payload.at = NULL;
    m->asked = asked == NULL ? NOBODY_ASKED : (size_t)(asked - sim->asked);
    m->means = drawn < 55          ? MEANS_TO_GRANT
               : drawn < 80        ? MEANS_TO_DECLINE
               : drawn < 90 && two ? MEANS_HALF
                                   : MEANS_NOTHING;
    if (asked == NULL && m->means != MEANS_NOTHING) {
        m->means = MEANS_TO_DECLINE; /* a hostile one's: nobody is there to take it */
    }
    m->over = m->means == MEANS_NOTHING;
    m->act_at = sim->world->now + (int64_t)sim_draw(sim, DECIDE_MS);
}

struct matched *people_matched(const struct sim *sim, const struct clip_id *clip) {
    for (size_t i = 0; i < sim->matched_count; i++) {
        if (memcmp(sim->matched[i].clip.clip.b, clip->b, sizeof clip->b) == 0) {
            return &sim->matched[i];
        }
    }
    return NULL;
}

/* ---- decisions ---- */

static void decide(struct sim *sim, struct matched *m) {
    m->act_at = sim->world->now + AGAIN_MS;
    if (!sim_honest(sim, m->home)) {
        m->over = true;
        return;
    }
    if (!world_is_up(sim->world, m->home)) {
        return;
    }
    enum clip_state state = state_of(sim, m);
    if (state == CLIP_OPEN || state == CLIP_PART_SIGNED) {
        m->known = true;
        if (m->means == MEANS_TO_DECLINE) {
            decline(sim, m);
        } else {
            grant(sim, m, state);
        }
        return;
    }
    bool none = state == (enum clip_state)0;
    m->granted = m->granted || state == CLIP_GRANTED || state == CLIP_DELIVERED;
    m->over = !none || m->known || world_clip(sim->world, m->home, &m->clip.request) == NULL;
}

/* 0: the node does not know of it, yet or any more. */
static enum clip_state state_of(struct sim *sim, const struct matched *m) {
    struct store *store = sim->world->homes[m->home].store;
    struct store_clip row;
    ASSERT(store_begin(store) == ERR_OK);
    enum err err = store_clip_get(store, &m->clip.clip, &row);
    store_roll_back(store);
    return err == ERR_OK ? row.state : (enum clip_state)0;
}

/* The owners sign one after the other, and what they sign is the same. */
static void grant(struct sim *sim, struct matched *m, enum clip_state state) {
    struct world *world = sim->world;
    size_t owners = world->homes[m->home].owner_count;
    size_t count = state == CLIP_OPEN ? 1 : owners;
    if (m->means == MEANS_HALF && state == CLIP_PART_SIGNED) {
        m->over = true;
        return;
    }
    if (m->signed_by == 0) {
        world_grant(world, m->home, &m->clip, &m->grant);
    }
    m->signed_by = count > m->signed_by ? count : m->signed_by;
    enum err err = world_grant_put(world, m->home, &m->clip, &m->grant, 0, count, &m->grant_id);
    if (err == ERR_OK && count == owners && world_is_up(world, m->home)) {
        m->granted = true;
        m->over = true;
    }
    answered(sim, m, err, "grants");
}

static void decline(struct sim *sim, struct matched *m) {
    enum err err = world_decline(sim->world, m->home, &m->clip);
    m->over = err == ERR_OK && world_is_up(sim->world, m->home);
    m->declined = m->over; /* else it was granted before, as a home has that died over it */
    answered(sim, m, err, "declines");
}

/* Of two that sign, the first may find that the second has meanwhile; a prompt may have ended, and
 * a log's queue may be full until the slot is over. Then, and when the home has died over it, it is
 * looked at again. */
static void answered(struct sim *sim, struct matched *m, enum err err, const char *what) {
    bool up = sim->world->homes[m->home].core != NULL;
    if (up && err != ERR_OK && err != ERR_USER_NO_PROMPT && err != ERR_FULL_QUEUE &&
        err != ERR_USER_EXISTS) {
        sim_broken(sim, "decisions_are_taken", "home %d %s: %s", m->home, what, err_text(err));
    }
    if (up && err == ERR_USER_NO_PROMPT) {
        m->over = true;
    }
}
