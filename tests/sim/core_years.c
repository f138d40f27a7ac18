/* A small community over three years: what nobody has to be there for, and what people decide now
 * and then, so long that every certificate is renewed several times.
 *
 * Time is gone through in windows: every few days those homes that are on run for some minutes,
 * with everything that a home does by itself, and are suspended in between, as a machine with its
 * lid shut: their wall clocks go on, and they are the same processes, with links that stand, until
 * the next quarter begins, when all are started anew. Homes that are off are not running at all.
 *
 * What is covered: everything that hangs on dates: certificates and their renewal along the chain,
 * removals and the key, acts, a charter's history, who was away for less than 90 days and for more,
 * a partition of ten days with decisions in one half, a join in the second year, requests and
 * clips that run out, rows that stay.
 * What is not: what hangs on hours of uptime, as the hourly change of links, timers and counters of
 * a process that is on for months, a log with a slot a minute; clips that are granted, and faults
 * of disks and networks besides the partition, which other scenarios have.
 *
 *   those_on_stay_in_standing   who is on and was never removed, for everybody who is on
 *   removed_stay_removed        the others, likewise
 *   one_charter_history, one_epoch_key, views_hang_together    after each window
 *   requests_reach_all          within the window; what lives on after the partition, after that
 *   stores_are_bounded          the third year's rows and live objects are as many as the first's,
 *                               but for certificates, acts and removals
 *   logs_verify
 * and of each home that was away for less than 90 days all of that from the third window on. Of one
 * that was away for longer it is told when it was in again; nobody promises that (PROTOCOL 4.8). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/assert.h"
#include "node/core/parts.h"
#include "tests/sim/core_sim.h"
#include "tests/support/world_parts.h"

enum {
    HOMES = 8,
    JOINER = 7,
    LATE = 3, /* is away for more than 90 days, until */
    LATE_DAY = 470,
    ADMINISTRATORS = 3,
    THRESHOLD = 2,
    ALLOWANCE = 4,
    DAYS = 3 * 365,
    QUARTER_DAYS = 91,
    STEP_DAYS = 5,
    STEP_DAYS_LONG = 1,
    WINDOW_MS = 3 * MINUTE_MS,
    JOIN_MS = 60000,
    REQUEST_DAYS = 6,
    OFF_WEEKS_MOST = 7,
    OFF_HOMES_MOST = 2, /* by chance */
    OFF_EVERY_DAYS = 20,
    SETTLE_MS = 6 * MINUTE_MS, /* lost members are dialled again after five */
    WINDOWS_TO_COME_BACK = 2,
    ROWS_MORE = 24, /* certificates, acts and removals of the later years */
    FIGURES = 2,
};

struct plan { /* what happens on a day */
    int day;
    enum {
        GOES_OFF,
        COMES_BACK,
        SPONSOR_REMOVES, /* `other` */
        ACT_NAMES,       /* a new name; `home` and `other` sign it */
        ACT_REMOVES,     /* JOINER's neighbour; likewise */
        ACT_RENEWS,
        JOINS, /* by `other` */
        PARTS,
        HEALS,
    } what;
    int home, other;
};

/* Homes 1 and 2 came by 0, 3 and 4 by 1, 5 and 6 by 2. */
static const struct plan plan[] = {
    {40, GOES_OFF, 5, 0},
    {70, SPONSOR_REMOVES, 1, 4},
    {110, COMES_BACK, 5, 0}, /* within 90 days, and with another key */
    {150, ACT_NAMES, 0, 1},
    {180, GOES_OFF, 0, 0},
    {225, COMES_BACK, 0, 0},
    {330, GOES_OFF, LATE, 0},
    {350, ACT_REMOVES, 1, 2},
    {420, JOINS, JOINER, 0},
    {LATE_DAY, COMES_BACK, LATE, 0},
    {570, GOES_OFF, 2, 0}, /* before it would renew whom it brought, and is renewed */
    {640, ACT_RENEWS, 0, 1},
    {655, COMES_BACK, 2, 0},
    {700, PARTS, 0, 0},
    {705, ACT_NAMES, 0, 2},
    {705, SPONSOR_REMOVES, LATE, LATE}, /* it leaves, as the other half does not know */
    {710, HEALS, 0, 0},
    {760, GOES_OFF, 1, 0},
    {810, COMES_BACK, 1, 0},
    {860, ACT_NAMES, 1, 2},
    {900, GOES_OFF, JOINER, 0},
    {930, COMES_BACK, JOINER, 0},
    {990, GOES_OFF, 5, 0},
    {1060, COMES_BACK, 5, 0},
};
static const bool halves[HOMES] = {false, true, false, true, false, false, false, true};

struct years {
    struct world *world;
    uint64_t random;
    int day;
    int step_days;
    size_t next; /* of the plan */
    bool off[HOMES];
    int back_on[HOMES]; /* the day when one that went off by chance comes back; 0: none */
    size_t absences;
    bool removed[HOMES];
    bool joined[HOMES];
    int windows_back[HOMES]; /* since it came back */
    bool parted;
    uint32_t names;
    struct id asked; /* the newest request, and by whom */
    int asker;
    size_t windows, requests, renewals;
    size_t most[DAYS / 365 + 1][FIGURES]; /* rows and live objects of one home, each year */
    int late_back;                        /* the day when it found the others again; 0: not yet */
    const char *broken;
    char detail[200];
};

static void broken(struct years *years, const char *invariant, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void found(struct years *years);
static bool is_joined(struct world *world, void *context);
static void join(struct years *years, int home, int sponsor, uint32_t allowance);
static void pass(struct years *years);
static void restart(struct years *years);
static void let_off(struct years *years);
static bool is_needed(const struct years *years, int home, int until);
static bool kin_is_off(const struct years *years, int home);
static int sponsor_of(int home);
static void come_back(struct years *years, int home);
static void carry_out(struct years *years, const struct plan *item);
static void decide(struct years *years, const struct plan *item);
static void window(struct years *years);
static struct id renewal_of(const struct years *years, int home);
static void ask(struct years *years);
static void check_request(struct years *years);
static bool is_on(const struct years *years, int home);
static bool belongs(const struct years *years, int home);
static bool together(const struct years *years, int a, int b);
static void check(struct years *years);
static void note_late(struct years *years, int at);
static void check_pair(struct years *years, int a, int b);
static void measure(struct years *years, int home);
static enum err count_row(void *context, const struct store_object *row);
static void finish(struct years *years);

bool years_run(const struct options *options, bool is_long) {
    struct years *years = calloc(1, sizeof *years);
    ASSERT(years != NULL);
    years->random = options->seed ^ UINT64_C(0x7965617273);
    years->step_days = is_long ? STEP_DAYS_LONG : STEP_DAYS;
    years->world = world_create(options->seed, HOMES, NULL);
    found(years);
    while (years->day < DAYS && years->broken == NULL) {
        pass(years);
        window(years);
    }
    if (years->broken == NULL) {
        finish(years);
    }
    (void)printf("years: seed %llu, %d homes, %d days in %zu windows: %s\n",
                 (unsigned long long)options->seed, HOMES, years->day, years->windows,
                 years->broken == NULL ? "all held" : "BROKEN");
    for (size_t i = 0; i < DAYS / 365; i++) {
        (void)printf("  year %zu: at most %zu rows of objects and %zu live ones at a home\n", i + 1,
                     years->most[i][0], years->most[i][1]);
    }
    (void)printf("  %zu requests, %zu renewals, %zu absences by chance; who was away for 140 "
                 "days found the others after %d\n",
                 years->requests, years->renewals, years->absences,
                 years->late_back != 0 ? years->late_back - LATE_DAY : -1);
    if (years->broken != NULL) {
        (void)printf("  broken: %s on day %d: %s\n", years->broken, years->day, years->detail);
    }
    bool good = years->broken == NULL;
    world_destroy(years->world);
    free(years);
    return good;
}

static void broken(struct years *years, const char *invariant, const char *format, ...) {
    va_list arguments;
    if (years->broken != NULL) {
        return;
    }
    years->broken = invariant;
    va_start(arguments, format);
    (void)vsnprintf(years->detail, sizeof years->detail, format, arguments);
    va_end(arguments);
}

/* ---- what happens ---- */

static void found(struct years *years) {
    const struct world_terms terms = {.slot_s = 60,
                                      .invite_allowance = ALLOWANCE,
                                      .administrators = ADMINISTRATORS,
                                      .threshold = THRESHOLD};
    world_found(years->world, 0, &terms);
    years->joined[0] = true;
    years->windows_back[0] = WINDOWS_TO_COME_BACK;
    for (int i = 1; i < JOINER; i++) {
        join(years, i, sponsor_of(i), 2);
    }
    years->world->homes[2].footage = WORLD_MATCH; /* nobody decides: it runs out */
    years->world->homes[2].match_wait = 20 * STEP_MS;
    years->world->homes[2].payload_plain = 4000;
    world_run(years->world, WINDOW_MS);
}

static bool is_joined(struct world *world, void *context) {
    return world_certificate(world, *(const int *)context);
}

static void join(struct years *years, int home, int sponsor, uint32_t allowance) {
    char code[CODE_MAX_BYTES];
    world_invite_to_invite(years->world, sponsor, allowance, code);
    ASSERT(world_join(years->world, home, code) == ERR_OK);
    ASSERT(world_run_until(years->world, JOIN_MS, is_joined, &home));
    world_run(years->world, STEP_MS);
    years->joined[home] = true;
    years->windows_back[home] = WINDOWS_TO_COME_BACK;
}

/* To the next window; who is on is suspended. */
static void pass(struct years *years) {
    int64_t ms = years->step_days * (int64_t)DURATION_DAY_MS;
    for (int i = 0; i < HOMES; i++) {
        if (world_is_up(years->world, i)) {
            world_sleep(years->world, i, ms);
        }
    }
    world_run(years->world, ms + 1);
    years->day += years->step_days;
    if (years->day / QUARTER_DAYS != (years->day - years->step_days) / QUARTER_DAYS) {
        restart(years);
    }
    let_off(years);
    while (years->next < COUNT_OF(plan) && plan[years->next].day <= years->day) {
        carry_out(years, &plan[years->next++]);
    }
}

static void restart(struct years *years) {
    for (int i = 0; i < HOMES; i++) {
        if (world_is_up(years->world, i)) {
            world_kill(years->world, i);
            ASSERT(world_start(years->world, i) == ERR_OK);
        }
    }
}

/* By chance, for weeks; those of whom the plan has something to say are back before. */
static void let_off(struct years *years) {
    size_t away = 0;
    for (int i = 0; i < HOMES; i++) {
        if (years->back_on[i] != 0 && years->back_on[i] <= years->day) {
            years->back_on[i] = 0;
            come_back(years, i);
        }
        away += years->off[i] ? 1 : 0;
    }
    int home = (int)(world_draw(&years->random) % HOMES);
    int days = 7 * (1 + (int)(world_draw(&years->random) % OFF_WEEKS_MOST));
    bool goes = world_draw(&years->random) % OFF_EVERY_DAYS < (uint64_t)years->step_days;
    if (goes && away < OFF_HOMES_MOST && is_on(years, home) && !years->parted &&
        !is_needed(years, home, years->day + days) && !kin_is_off(years, home)) {
        world_kill(years->world, home);
        years->off[home] = true;
        years->back_on[home] = years->day + days;
        years->absences++;
    }
}

/* Until that day, or so soon after it that it would not have caught up. */
static bool is_needed(const struct years *years, int home, int until) {
    bool needed = false;
    for (size_t i = years->next; i < COUNT_OF(plan); i++) {
        bool soon = plan[i].day <= until + (WINDOWS_TO_COME_BACK + 1) * years->step_days;
        needed |= soon && (plan[i].home == home || plan[i].other == home || plan[i].what == PARTS);
    }
    return needed;
}

/* Whom it brought in, or who brought it in: a home that is off when it would be renewed, while its
 * sponsor is off too and others wait for that, may find its certificate ended, and has to join anew
 * (PROTOCOL 4.9). */
static bool kin_is_off(const struct years *years, int home) {
    bool off = false;
    for (int i = 0; i < HOMES; i++) {
        off |= years->off[i] && (sponsor_of(i) == home || sponsor_of(home) == i);
    }
    return off;
}

static int sponsor_of(int home) {
    return home == 0 ? NO_HOME : home == JOINER ? 0 : (home - 1) / 2;
}

static void come_back(struct years *years, int home) {
    ASSERT(world_start(years->world, home) == ERR_OK);
    years->off[home] = false;
    years->windows_back[home] = -1;
}

static void carry_out(struct years *years, const struct plan *item) {
    struct world *world = years->world;
    switch (item->what) {
    case GOES_OFF:
        world_kill(world, item->home);
        years->off[item->home] = true;
        break;
    case COMES_BACK:
        come_back(years, item->home);
        break;
    case SPONSOR_REMOVES:
        ASSERT(world_remove(world, item->home, item->other, false) == ERR_OK);
        years->removed[item->other] = true;
        break;
    case ACT_NAMES:
    case ACT_REMOVES:
    case ACT_RENEWS:
        decide(years, item);
        break;
    case JOINS:
        join(years, item->home, item->other, 0);
        break;
    case PARTS:
        world_part(world, halves, true);
        years->parted = true;
        break;
    case HEALS:
        world_heal(world);
        world_run(world, SETTLE_MS);
        years->parted = false;
        check_request(years);
        break;
    }
}

/* Both sign, the second once it has heard of the first. */
static void decide(struct years *years, const struct plan *item) {
    const int removed = 6;
    struct act act;
    uint8_t key[EPOCH_KEY_BYTES] = {1};
    world_run(years->world, MINUTE_MS); /* they are awake, and linked */
    world_act(years->world, item->home, &act);
    act.has_charter = item->what == ACT_NAMES;
    (void)snprintf(act.charter.name, sizeof act.charter.name, "Year %u", ++years->names);
    if (item->what == ACT_REMOVES) {
        act.has_removed = true;
        act.removed.member = years->world->homes[removed].certificate;
        sha256(BYTES_OF(key), &act.removed.epoch);
        years->removed[removed] = true;
    }
    if (item->what == ACT_RENEWS) {
        act.has_renewed = true;
        act.renewed.member = years->world->homes[0].certificate;
        act.renewed.until.ms = act.head.created.ms + 500 * (int64_t)DURATION_DAY_MS;
    }
    const uint8_t *part = act.has_removed ? key : NULL;
    enum err err = world_endorse(years->world, item->home, &act, part, NULL);
    world_run(years->world, MINUTE_MS);
    err = err == ERR_OK ? world_endorse(years->world, item->other, &act, NULL, NULL) : err;
    if (err != ERR_OK) {
        broken(years, "acts_are_decided", "%s", err_text(err));
    }
}

/* ---- a window ---- */

static void window(struct years *years) {
    struct id before[HOMES];
    for (int i = 0; i < HOMES; i++) {
        before[i] = renewal_of(years, i);
    }
    ask(years);
    world_run(years->world, WINDOW_MS);
    years->windows++;
    for (int i = 0; i < HOMES; i++) {
        const struct id now = renewal_of(years, i);
        years->renewals += id_equal(&now, &before[i]) ? 0 : 1;
        years->windows_back[i]++;
    }
    check_request(years);
    check(years);
}

/* As the first that is up knows. */
static struct id renewal_of(const struct years *years, int home) {
    const struct world *world = years->world;
    for (int i = 0; i < HOMES; i++) {
        if (is_on(years, i)) {
            return community_renewal(world->homes[i].core->community,
                                     &world->homes[home].certificate, world_wall(world, i));
        }
    }
    return (struct id){{0}};
}

static void ask(struct years *years) {
    struct request request;
    int home = (int)(world_draw(&years->random) % HOMES);
    for (int i = 0; i < HOMES && !is_on(years, home); i++) {
        home = (home + 1) % HOMES;
    }
    world_run(years->world, MINUTE_MS); /* who has just come back hears of the others first */
    world_voluntary(years->world, home, REQUEST_DAYS * (int64_t)DURATION_DAY_MS, &request);
    enum err err = world_request(years->world, home, &request, &years->asked);
    if (err != ERR_OK) {
        broken(years, "requests_reach_all", "home %d may not ask: %s", home, err_text(err));
    }
    years->asker = home;
    years->requests++;
}

/* All that can hear of it have. */
static void check_request(struct years *years) {
    for (int i = 0; i < HOMES; i++) {
        if (belongs(years, years->asker) && is_on(years, i) && together(years, years->asker, i) &&
            !world_has_object(years->world, i, &years->asked)) {
            broken(years, "requests_reach_all", "home %d has not that of home %d", i, years->asker);
        }
    }
}

/* One that has been back for long enough, and was not away for so long that it may be left out. */
static bool is_on(const struct years *years, int home) {
    return belongs(years, home) && !years->off[home] &&
           years->windows_back[home] >= WINDOWS_TO_COME_BACK &&
           (home != LATE || years->day < LATE_DAY || years->late_back != 0);
}

static bool belongs(const struct years *years, int home) {
    return years->joined[home] && !years->removed[home];
}

static bool together(const struct years *years, int a, int b) {
    return !years->parted || halves[a] == halves[b];
}

static void check(struct years *years) {
    for (int a = 0; a < HOMES; a++) {
        if (!is_on(years, a)) {
            continue;
        }
        note_late(years, a);
        measure(years, a);
        for (int b = 0; b < HOMES; b++) {
            if (years->joined[b] && together(years, a, b)) {
                check_pair(years, a, b);
            }
        }
    }
}

/* It may be linked with one that was removed meanwhile: neither knows. */
static void note_late(struct years *years, int at) {
    const struct core *core = years->world->homes[at].core;
    peer_no late = neighbours_peer(core, &years->world->homes[LATE].certificate);
    if (years->late_back == 0 && years->day >= LATE_DAY && !years->removed[LATE] &&
        late != OVERLAY_NOBODY && overlay_is_linked(core->overlay, late)) {
        years->late_back = years->day;
        years->windows_back[LATE] = -1; /* it hears of the rest from now on */
    }
}

static void check_pair(struct years *years, int a, int b) {
    const struct core *core = years->world->homes[a].core;
    const struct core *other = years->world->homes[b].core;
    const struct id *certificate = &years->world->homes[b].certificate;
    bool stands = community_in_standing(core->community, certificate, world_wall(years->world, a));
    if (years->removed[b] && stands) {
        broken(years, "removed_stay_removed", "home %d, at home %d", b, a);
    }
    if (!is_on(years, b)) {
        return;
    }
    if (!stands) {
        broken(years, "those_on_stay_in_standing", "home %d, at home %d", b, a);
    }
    const struct id newest = world_newest_act(years->world, a);
    const struct id others = world_newest_act(years->world, b);
    if (!id_equal(&newest, &others)) {
        broken(years, "one_charter_history", "home %d has version %u, home %d %u", a,
               community_act_count(core->community), b, community_act_count(other->community));
    }
    if (memcmp(core->epoch_key, other->epoch_key, sizeof core->epoch_key) != 0) {
        broken(years, "one_epoch_key", "homes %d and %d", a, b);
    }
    if (a != b && !overlay_is_linked(core->overlay, neighbours_peer(core, certificate))) {
        broken(years, "views_hang_together", "home %d is not linked with home %d", a, b);
    }
}

/* ---- how much there is ---- */

static void measure(struct years *years, int home) {
    struct store *store = years->world->homes[home].store;
    size_t *most = years->most[(years->day - 1) / 365];
    size_t rows = 0;
    ASSERT(store_begin(store) == ERR_OK);
    ASSERT(store_object_each(store, OBJECT_UNKNOWN, count_row, &rows) == ERR_OK);
    store_roll_back(store);
    size_t live = overlay_object_count(years->world->homes[home].core->overlay);
    most[0] = rows > most[0] ? rows : most[0];
    most[1] = live > most[1] ? live : most[1];
}

static enum err count_row(void *context, const struct store_object *row) {
    (void)row;
    ++*(size_t *)context;
    return ERR_OK;
}

/* Everybody asks once more. */
static void finish(struct years *years) {
    const size_t *first = years->most[0];
    const size_t *last = years->most[DAYS / 365 - 1];
    for (size_t i = 0; i < FIGURES; i++) {
        if (last[i] > first[i] + ROWS_MORE) {
            broken(years, "stores_are_bounded", "%zu in the third year, %zu in the first", last[i],
                   first[i]);
        }
    }
    for (int i = 0; i < HOMES; i++) {
        struct request request;
        struct id id;
        if (!is_on(years, i)) {
            continue;
        }
        world_voluntary(years->world, i, REQUEST_DAYS * (int64_t)DURATION_DAY_MS, &request);
        enum err err = world_request(years->world, i, &request, &id);
        world_run(years->world, MINUTE_MS);
        for (int k = 0; k < HOMES; k++) {
            if (is_on(years, k) && (err != ERR_OK || !world_has_object(years->world, k, &id))) {
                broken(years, "requests_reach_all", "home %d has not that of home %d, in the end",
                       k, i);
            }
        }
        if (!world_log_verifies(years->world, i)) {
            broken(years, "logs_verify", "home %d", i);
        }
    }
}
