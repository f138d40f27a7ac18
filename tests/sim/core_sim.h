/* A simulation of full cores: one community from a seed, whose people ask, grant and decline while
 * faults happen; then a calm, in which everything has to come right.
 *
 *   core_sim.c         the command line
 *   core_run.c         one run
 *   core_shrink.c      runs in processes of their own, and the search for a shorter one
 *   core_scenarios.c   what can go wrong, how often
 *   core_faults.c      the plan of what does, and doing it
 *   core_people.c      requests and decisions, and the ledger of them
 *   core_hostile.c     members whose keys are in other hands
 *   core_govern.c      administrators and sponsors: charters, removals, renewals
 *   core_forgers.c     hostile administrators and sponsors, fewer than decide
 *   core_charters.c    what acts and removals must have come to, from stored bytes alone
 *   core_watch.c       invariants that hold at every moment
 *   core_calm.c        what must have come right in the end
 *   core_removal.c     a measurement: one of many is removed while a fifth is off
 *   core_years.c       a small community over three years
 *   core_verify.c      a signature is checked once in the process
 *
 * Everything is drawn from the seed: the plan minute by minute, so that a shorter run is the
 * beginning of a longer one. */
#ifndef TESTS_SIM_CORE_SIM_H
#define TESTS_SIM_CORE_SIM_H

#include "tests/support/world.h"

enum {
    STEP_MS = 1000,
    MINUTE_MS = DURATION_MINUTE_MS,
    SIM_SKEW_MS = 10 * MINUTE_MS, /* of a wall clock that is off */
    NO_HOME = -1,
};

#define NOBODY_ASKED SIZE_MAX

/* ---- scenarios ---- */

enum fault_kind {
    FAULT_CUT,    /* two homes do not reach each other */
    FAULT_HUSH,   /* one does not reach the other */
    FAULT_PART,   /* the community falls into two */
    FAULT_STALL,  /* a home reads nothing */
    FAULT_SLOW,   /* a home reads slowly */
    FAULT_SLEEP,  /* a home is suspended */
    FAULT_CRASH,  /* a home dies before a commit */
    FAULT_MUTE,   /* a home dies between a commit and the release of its effects */
    FAULT_KILL,   /* a home is killed and started again */
    FAULT_COMMIT, /* a commit fails; homes with files only */
    FAULT_DISK,   /* a home's disk fails */
    FAULT_FULL,   /* there is no room for clips */
    FAULT_CLOCK,  /* a home's wall clock is set */
    FAULT_GONE,   /* a home is lost without a word, and does not come back */
    FAULT_KINDS,
};

struct scenario {
    const char *name;
    const char *what;
    unsigned faults[FAULT_KINDS]; /* so many in a minute, for a thousand homes; PART: for one
                                     community */
    unsigned hostile;             /* per cent of the homes */
    bool wrong_clocks;            /* from the beginning */
    bool files;                   /* stores are files */
    bool governs;                 /* administrators decide, sponsors remove */
};

size_t scenario_count(void);
const struct scenario *scenario_at(size_t i);
const struct scenario *scenario_named(const char *name); /* NULL: there is none */

/* ---- what is planted, to see that it is found ---- */

enum plant {
    PLANT_NONE,
    PLANT_UNSIGNED, /* the watch sees a request with one bit changed */
    PLANT_EXPIRED,  /* ... or long after its time */
    PLANT_TWICE,    /* ... or twice */
    PLANT_LEAK,     /* a clip is taken for one that no owner has granted */
    PLANT_GLUT,     /* a link has a megabyte more on its way than it has */
    PLANT_FORGET,   /* a log's first leaf is another one */
    PLANT_FORGED,   /* a store holds what nobody has signed */
    PLANT_SPLIT,    /* one home stays cut off in the calm */
    PLANT_HOARD,    /* homes' disks stay full in the calm */
    PLANTS,
};

const char *plant_name(enum plant plant);

/* ---- the simulation ---- */

struct options {
    uint64_t seed;
    int nodes;
    const struct scenario *scenario;
    int minutes;
    enum plant plant;
    const char *faults; /* numbers of those that happen, "none", or NULL: all */
    bool quiet;         /* no summary */
};

struct fault {
    int64_t at, until;
    enum fault_kind kind;
    int home, peer;
    uint64_t value;
    bool left_out, begun, over;
};

struct asked { /* a request */
    struct id id;
    int home;
    int64_t at;
    bool put;      /* its home has it on record */
    int64_t *came; /* when it came to each home's ingest; -1: not yet */
};

enum intention {
    MEANS_TO_GRANT,
    MEANS_TO_DECLINE,
    MEANS_NOTHING, /* the prompt runs out */
    MEANS_HALF,    /* one of two owners signs */
};

struct matched { /* a clip */
    int home;
    size_t asked;           /* index of its request; NOBODY_ASKED: none of ours */
    struct world_clip clip; /* as it was sealed; its bytes are not kept */
    enum intention means;
    int64_t act_at;
    struct grant grant;
    size_t signed_by; /* owners whose signature has been given away */
    bool declined;
    struct id grant_id; /* once all have signed */
    bool granted;       /* and it is on record */
    bool disclosed;     /* a slot of its home's log says that it goes */
    bool known;         /* its node had it on record once */
    bool over;          /* nothing is to be done any more */
};

struct given { /* a request that ingest got */
    struct id request, author;
    struct instant expires;
};

struct home_state {
    bool hostile;
    bool gone;
    bool doubtful; /* somebody has signed that it is removed: whether that counts shows later */
    size_t clips_seen;
    size_t starts; /* when `given` began */
    size_t given_count, given_room;
    struct given *given; /* since it started */
    struct log_state *log;
};

struct sim {
    struct options options;
    struct world *world;
    struct world_observer observer;
    char folder[64]; /* of its stores; empty: they lie in memory */
    uint64_t random; /* of people */
    uint32_t slot_s;
    struct home_state *homes;
    struct roster *roster; /* members, by certificate */
    size_t fault_count, fault_room;
    struct fault *faults;
    size_t asked_count, asked_room;
    struct asked *asked;
    size_t matched_count, matched_room;
    struct matched *matched;
    struct crew *crew;
    struct govern *govern;     /* NULL: nobody decides anything */
    struct charters *charters; /* likewise */
    struct forgeries *forgeries;
    struct seen *seen; /* objects that were checked */
    int next_checked;  /* home */
    bool calm;
    int64_t begin_at;                    /* of the trouble */
    int64_t live_after, delivered_after; /* how much calm it took to come right */

    /* the first that was broken */
    const char *broken; /* name of the invariant; NULL: none */
    int64_t broken_at;
    char detail[256];
};

struct outcome {
    bool broken;
    char invariant[64];
    int minutes;        /* into the run when it broke, begun ones counted */
    size_t fault_count; /* that were planned */
};

/* ---- core_run.c ---- */

/* True: all held. Prints a summary. `outcome` may be NULL. */
bool sim_run(const struct options *options, struct outcome *outcome);
/* What people, the hostile and the watch do each STEP_MS. */
void sim_step(struct sim *sim);
/* Writes down the first breach; the run ends with this step. */
void sim_broken(struct sim *sim, const char *invariant, const char *format, ...) PRINTF_LIKE(3, 4);
uint64_t sim_draw(struct sim *sim, uint64_t below); /* 0 to below - 1 */
bool sim_honest(const struct sim *sim, int home);   /* neither hostile nor gone */
/* Honest, and a member by what has been decided in the end; in the calm only. */
bool sim_stands(const struct sim *sim, int home);

/* ---- core_shrink.c ---- */

/* As sim_run(); of a run that breaks an invariant it prints the shortest that it has found. */
bool shrink_run(const struct options *options);
/* With other seeds, for so many seconds of wall time; stops at the first breach, and shrinks it. */
bool shrink_swarm(const struct options *options, int seconds, bool shrinks);

/* ---- core_removal.c ---- */

/* Prints what it finds; true: as it should be. Of the options: seed and nodes. */
bool removal_run(const struct options *options);

/* ---- core_years.c ---- */

/* Prints what it finds; true: all held. Of the options: the seed. */
bool years_run(const struct options *options, bool is_long);

/* ---- core_faults.c ---- */

void faults_plan(struct sim *sim);
int64_t faults_next(const struct sim *sim); /* when one begins or ends; INT64_MAX: none */
void faults_run(struct sim *sim);           /* those that are due */
void faults_lift(struct sim *sim);          /* all of them: the calm begins */
void faults_print(const struct sim *sim);
void faults_finish(struct sim *sim);

/* ---- core_people.c ---- */

void people_start(struct sim *sim);
void people_step(struct sim *sim);
struct asked *people_asked(const struct sim *sim, const struct id *request);
struct matched *people_matched(const struct sim *sim, const struct clip_id *clip);
void people_finish(struct sim *sim);

/* ---- core_hostile.c ---- */

void hostile_start(struct sim *sim);
void hostile_step(struct sim *sim);
void hostile_stop(struct sim *sim); /* they hang up */
void hostile_finish(struct sim *sim);

/* ---- core_govern.c ---- */

/* Founds the community and lets all join, in a tree three wide; homes are up afterwards. */
void govern_found(struct sim *sim, const struct world_terms *terms);
void govern_step(struct sim *sim);
int govern_sponsor(int home); /* NO_HOME: of the founder */
uint32_t govern_allowance(int home);
/* Is it `of`, or was it brought in by that or by one below it? */
bool govern_is_under(int home, int of);
/* Could it be removed, without half of the honest being in doubt? Marks all whom that would take.
 */
bool govern_doubt(struct sim *sim, int home, bool subtree);
bool govern_signed(const struct sim *sim, int home, const struct id *act);
void govern_print(const struct sim *sim);
void govern_finish(struct sim *sim);

/* ---- core_charters.c ---- */

void charters_start(struct sim *sim); /* members are known */
/* Looks at every home's store, and at its core if it is up, as far as anything is new there. */
void charters_step(struct sim *sim);
/* When the member's certificate was made. */
struct instant charters_created(const struct sim *sim, int member);
/* Is the member removed, or another in its place, by what lies in the home's store? */
bool charters_removed(const struct sim *sim, int home, int member);
/* NULL: all that stand have come to the same; otherwise the invariant that is still broken. */
const char *charters_late(struct sim *sim, char *detail, size_t size);
/* Is this act, or what this endorsement endorses, part of what counts at the home? */
bool charters_counts(const struct sim *sim, int home, const struct store_object *row);
void charters_print(const struct sim *sim);
void charters_finish(struct sim *sim);

/* ---- core_forgers.c ---- */

struct forger { /* a hostile member at one home's link */
    int as;
    struct world_insider *insider;
};
void forgers_start(struct sim *sim);
void forgers_act(struct sim *sim, const struct forger *forger);
/* One that was made for this home, which has all its keys; empty: there is none. */
struct bytes forgers_certificate(const struct sim *sim, int as);
/* Is it one of theirs? By this sponsor, then, and made at this time. */
bool forgers_made(const struct sim *sim, const struct id *certificate, int *sponsor,
                  struct instant *created);
typedef void forgers_visit(void *context, const struct id *certificate);
void forgers_each(const struct sim *sim, forgers_visit *visit, void *context);
void forgers_print(const struct sim *sim);
void forgers_finish(struct sim *sim);

/* ---- core_watch.c ---- */

void watch_start(struct sim *sim); /* members are known: all have joined */
void watch_step(struct sim *sim);
void watch_home(struct sim *sim, int home);                            /* what is dear to check */
int watch_member(const struct sim *sim, const struct id *certificate); /* NO_HOME: unknown */
void watch_finish(struct sim *sim);

/* ---- core_calm.c ---- */

/* Lets the calm go by until all has come right, or its time is over. */
void calm_run(struct sim *sim);

#endif
