/* The simulator of the overlay engine: many of them in one process, in virtual time, on a network
 * that delays, cuts, silences and lies. It is one of the engine's two drivers; the other is core,
 * whose order of doing things it follows (PROTOCOL 5.1).
 *
 *   queue.c        what happens when
 *   home.c         nodes: the engine's driver
 *   net.c          links, delays, dials, cuts
 *   object.c       objects, who has which, how long they took
 *   hostile.c      what nodes do to do harm
 *   check.c        what must hold at every step, and in the calm
 *   run.c          one run from its parameters
 *   scenario.c     what is run and measured
 *   swarm.c        runs at random, and the shortest one that fails
 *   federation*.c  many communities side by side, each a simulation of its own (federation.h)
 *
 * Stand-ins: a signature is a flag of the object's; an object travels as its number, and costs the
 * record that its bytes would have filled. All other messages are encoded and decoded. Out of
 * memory ends the process. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "node/overlay/overlay.h"
#include "tests/sim/params.h"
#include "tests/sim/queue.h"
#include "tests/sim/rand.h"
#include "tests/sim/trace.h"

#define SIM_NONE UINT32_MAX

enum {
    DELAYS_MAX = 120 * 1000, /* ms; what takes longer counts as this */
    LINKS_OF_NODE = 96,      /* that one node can have in the network, half-open ones included */
    RAW_LINKS_MAX = 40,      /* of one eclipser */
};

enum event_kind {
    EVENT_TICK,    /* node */
    EVENT_START,   /* node */
    EVENT_RESUME,  /* node */
    EVENT_ATTACK,  /* node, hostile, each second */
    EVENT_ANSWER,  /* link: the dialler's end stands, if the other is there */
    EVENT_OPEN,    /* link: and the answerer's */
    EVENT_FAIL,    /* link: nobody answered */
    EVENT_DELIVER, /* lane: its next packet arrives */
    EVENT_DRAIN,   /* lane: all has left */
};

enum wire_kind { /* what bytes are spent on */
    WIRE_PAYLOAD,
    WIRE_IHAVE,
    WIRE_TREE, /* graft, prune */
    WIRE_VIEW,
    WIRE_ALIVE,
    WIRE_SYNC,
    WIRE_KINDS
};

enum { /* packets that are no records */
    PACKET_CLOSE = 0,
    PACKET_RESET = 201, /* from a process that knows nothing of the link */
};

struct packet {
    struct packet *next;
    uint32_t object; /* GOSSIP */
    uint16_t len;
    uint8_t type; /* of the record */
    uint8_t hops; /* GOSSIP */
    bool everywhere;
    uint8_t at[];
};

struct lane { /* a link's, from end i to the other; its number is twice the link's plus i */
    struct packet *first, *last;
    uint32_t arrives; /* the last packet: none overtakes another */
    uint64_t free_us; /* when its last byte will have left */
    bool drains;
};

struct pair { /* a link. End 0 dialled */
    uint32_t node[2];
    struct lane lane[2];
    bool up[2];
    bool silent[2]; /* went down without a word */
    bool opens;     /* end 0 is up, end 1 will be */
    bool raw;       /* end 0 has no engine behind it */
    uint16_t latency;
    uint16_t events;     /* that wait; with none, and both ends down, the place is free */
    uint32_t began;      /* the dial; then the link at end 0 */
    uint32_t generation; /* of this place */
    uint32_t next_free;
};

struct net {
    uint32_t count, room, free;
    struct pair *pairs;
    uint32_t parts; /* that the network is cut into; 0: none */
    uint64_t parts_salt;
    uint32_t silent_pm; /* of a thousand pairs of nodes, one way */
    uint64_t silent_salt;
    uint64_t bytes[WIRE_KINDS], records[WIRE_KINDS];
    uint64_t left_out; /* records, for full queues */
};

struct node {
    struct overlay *overlay; /* NULL: it does not run */
    uint64_t steps;          /* in all its lives: what its randomness is drawn by */
    int64_t mono_ms;         /* its clocks less the simulation's */
    int64_t wall_ms;
    struct overlay_known *book; /* what its disk has of it, while it does not run */
    uint32_t book_count;
    uint32_t tick_at;                              /* the EVENT_TICK that counts; SIM_NONE */
    uint32_t ticked_at, ticks;                     /* the last one, and how many at that time */
    uint32_t failed_peer, failed_at, failed_times; /* the last dial that failed, again at once */
    uint32_t resume_at;                            /* 0: it is awake */
    uint32_t up_at;                                /* SIM_NONE: never */
    uint32_t checked_at;
    uint32_t clock_set_at;
    uint32_t dials, views; /* since checked_at */
    uint32_t forgeries;    /* looked at, since checked_at */
    uint8_t hostile;       /* enum hostile_kind */
    bool nat, slow, late;  /* late: starts only when things go wrong */
    bool removed;          /* it is no member any more */
    enum crash_next {
        CRASH_NOT,
        CRASH_BEFORE_COMMIT,
        CRASH_BEFORE_RELEASE
    } crash_next;
    struct kept { /* what it holds no more, and may still be asked for */
        uint32_t object;
        int64_t until; /* by its monotonic clock, ms */
    } * kept;
    uint32_t kept_count;
    uint32_t record;  /* its newest one: an object; SIM_NONE */
    uint32_t attacks; /* the EVENT_ATTACK that counts */
    uint16_t link_count;
    uint32_t links[LINKS_OF_NODE]; /* places in net.pairs */
};

struct object {
    int64_t created, expires; /* by the author's wall clock */
    uint32_t author, sent_at;
    uint32_t delivered; /* to honest nodes that were up when it was sent */
    uint32_t reach;     /* how many those are */
    uint32_t last_at;
    uint32_t replaces; /* an older record of the author's; SIM_NONE */
    uint32_t asked;    /* in a federation: the request that it is or brings, + 1; 0: none */
    uint32_t pact;     /* and the treaty by which it crossed, + 1; 0: it was made here */
    uint16_t size;
    bool urgent, forged, measured, record;
    bool replaced; /* by a newer one */
    uint8_t *has;  /* bits: the nodes that hold it; NULL: gone, or never there */
};

struct delays { /* of deliveries to honest nodes that were up */
    uint64_t count;
    uint32_t most;
    uint32_t *at; /* DELAYS_MAX + 1 of them */
};

struct totals {
    uint64_t delivered, duplicates, verified, forged;
};

struct broken {       /* a promise */
    const char *name; /* NULL: none */
    uint32_t at, node;
    uint64_t object; /* UINT64_MAX: none */
    char text[160];
};

struct border { /* what a federation adds to one community */
    void *context;
    enum border_verdict {
        BORDER_TAKE,
        BORDER_IGNORE, /* nobody is to blame */
        BORDER_REJECT,
    } (*judge)(void *context, uint32_t node, const struct object *object);
    void (*accepted)(void *context, uint32_t node, const struct object *object);
    void (*pushed)(void *context, uint32_t node, const struct object *object, uint32_t bytes);
    void (*said)(void *context, const struct link_message *message, uint32_t bytes);
};

struct sim {
    struct params params;
    const struct border *border; /* NULL: there is none; borrowed */
    struct rng rng; /* what happens; a node's own draws and a link's delay are made by number */
    struct queue *queue;
    struct trace *trace;
    struct net net;
    uint32_t node_count;
    struct node *nodes; /* params.nodes of them, and those that may join */
    uint32_t node_room;
    uint32_t object_count, object_room;
    struct object *objects;
    uint32_t first_live; /* objects before it are gone everywhere */
    struct delays delays;
    struct totals totals;
    struct broken broken;
    uint32_t removed_count;
    uint32_t talk_at; /* the next message */
    bool calm;        /* nothing goes wrong any more but what the hostile do */
    struct overlay_members members;
    struct overlay_actions *actions;
    struct link_message *message;
};

/* ---- run.c ---- */
struct sim *sim_create(const struct params *params, bool print_trace);
void sim_destroy(struct sim *sim);
/* Until that time, or until a promise is broken: then false. */
bool sim_run(struct sim *sim, uint32_t until_ms);
uint32_t sim_now(const struct sim *sim);
void sim_trace(struct sim *sim, uint8_t kind, uint32_t node, uint32_t peer, uint8_t detail,
               uint64_t ref);
/* Starts all nodes, and lets the views fill. */
bool sim_warm(struct sim *sim);
/* A message every params.every_ms from a random honest node, for so long. */
bool sim_talk(struct sim *sim, uint32_t ms);
void sim_churn(struct sim *sim); /* one dies, another joins */
/* Things go wrong as params.faults says, for params.run_s; then the calm, until all is well. */
bool sim_faults(struct sim *sim);
void sim_measure(struct sim *sim); /* from here on */

/* ---- net.c ---- */
void net_destroy(struct net *net);
void net_dial(struct sim *sim, uint32_t from, uint32_t to, bool raw);
void net_answer(struct sim *sim, uint32_t place);
void net_open(struct sim *sim, uint32_t place);
void net_fail(struct sim *sim, uint32_t place);
void net_deliver(struct sim *sim, uint32_t lane);
void net_drain(struct sim *sim, uint32_t lane);
/* One record over the lane; `size`: of its body. */
void net_send(struct sim *sim, uint32_t lane, const struct packet *head, struct bytes body,
              size_t size);
void net_close(struct sim *sim, uint32_t lane);       /* the other end is told */
void net_drop_node(struct sim *sim, uint32_t number); /* all its links, without a word */
bool net_passes(const struct sim *sim, uint32_t from, uint32_t to);
link_no net_number(const struct sim *sim, uint32_t place);
/* The lane away from `node`, if that end is up; SIM_NONE. */
uint32_t net_lane(const struct sim *sim, link_no link, uint32_t node);
uint32_t net_peer(const struct sim *sim, uint32_t lane);
uint32_t net_record_bytes(size_t size); /* of a record with such a body, on the wire */

/* ---- home.c ---- */
void home_start(struct sim *sim, uint32_t number);
void home_die(struct sim *sim, uint32_t number);
void home_suspend(struct sim *sim, uint32_t number, uint32_t ms);
void home_resume(struct sim *sim, uint32_t number);
void home_tick(struct sim *sim, uint32_t number);
bool home_step(struct sim *sim, uint32_t node, const struct overlay_event *event);
void home_record(struct sim *sim, uint32_t number, uint32_t lane, const struct packet *packet);
void home_publish(struct sim *sim, uint32_t number, bool urgent);
void home_put(struct sim *sim, uint32_t number, const struct object *object); /* its own */
bool home_keeps(const struct sim *sim, uint32_t number, uint32_t object);
void home_remove(struct sim *sim, uint32_t number);
void home_say(struct sim *sim, uint32_t lane, const struct link_message *message);
void home_push(struct sim *sim, uint32_t lane, uint32_t object, uint8_t hops, bool everywhere);
struct now home_now(const struct sim *sim, uint32_t number);
bool home_runs(const struct sim *sim, uint32_t node);      /* and is awake */
bool home_is_honest(const struct sim *sim, uint32_t node); /* and runs */
uint32_t home_random(struct sim *sim);                     /* an honest one; SIM_NONE */
uint32_t home_group(const struct sim *sim, uint32_t number);
struct id home_id(uint32_t number);

/* ---- object.c ---- */
uint32_t object_add(struct sim *sim, const struct object *object);
struct id object_id(const struct sim *sim, uint32_t object);
uint32_t object_find(const struct sim *sim, const struct id *id); /* SIM_NONE */
bool object_held(const struct sim *sim, uint32_t object, uint32_t node);
void object_hold(struct sim *sim, uint32_t number, uint32_t node);
void object_let_go(struct sim *sim, uint32_t number, uint32_t node);
void object_delivered(struct sim *sim, uint32_t number, uint32_t node);
void object_left(struct sim *sim, uint32_t node); /* it dies: nobody waits for it any more */
void object_retire(struct sim *sim);              /* what has expired everywhere */
uint32_t delays_percentile(const struct delays *delays, double of);

/* ---- hostile.c ---- */
/* May change the message; false: it is not sent. */
bool hostile_passes(struct sim *sim, uint32_t node, const struct overlay_action *action,
                    struct link_message *message);
/* It has answered that itself. */
bool hostile_hears(struct sim *sim, uint32_t lane, const struct packet *packet);
void hostile_attack(struct sim *sim, uint32_t number);

/* ---- check.c ---- */
void sim_break(struct sim *sim, const char *name, uint32_t node, uint64_t object, const char *text,
               ...) __attribute__((format(printf, 5, 6)));
void check_accept(struct sim *sim, uint32_t number, uint32_t no);
void check_action(struct sim *sim, uint32_t number, const struct overlay_action *action);
void check_retired(struct sim *sim, uint32_t no);
void check_node(struct sim *sim, uint32_t number);
void check_tick(struct sim *sim, uint32_t number);
void check_reach(struct sim *sim); /* all that was sent came to all */
/* NULL when all is well, else what is not, with where in *out. */
const char *check_calm(struct sim *sim, struct broken *out);
uint32_t check_components(struct sim *sim, uint32_t *alone); /* over links that both ends have */
bool check_sets_equal(struct sim *sim, struct broken *out);

/* ---- scenario.c ---- */
/* One that there is; exit code. */
int scenario_run(const char *name, const struct params *params, bool trace, bool json);
/* One seed after the other for so long, or until a promise is broken. */
int scenario_swarm(const char *name, const struct params *params, uint32_t seconds);
void scenario_list(void);
bool scenario_usual(const char *name, struct params *out);

/* ---- swarm.c ---- */
struct swarm {
    uint64_t seed; /* of the first run; the next has the next */
    uint32_t seconds;
    bool shrinks;
    size_t set_count;
    const char *const *sets; /* parameters that are not drawn, as params_set() takes them */
};
int swarm_run(const struct swarm *swarm); /* exit code */
int swarm_one(const struct params *params, bool print_trace, bool shrink);

#endif
