/* Many communities in one virtual time. Each is a simulation of its own: its own members, links,
 * queue and randomness, so nothing can pass from one to another but what a gateway carries. They
 * lie in a grid of service areas that overlap a little, with a treaty between any two that share
 * an edge, and four homes with a node in both for each treaty. Requests are asked at a place: in
 * the middle of an area, where two areas overlap, or where those of three do (and of a fourth one
 * across the corner, with which there is no treaty).
 *
 *   federation.c         the grid, treaties and gateways; time
 *   federation_border.c  what crosses, what it costs, what must never happen
 *   federation_flood.c   gateways that do harm
 *   federation_run.c     what is measured
 *
 * What crosses, and which gateway carries it, is decided by the node's own rules: treaty_crosses()
 * and gateway_before() (PROTOCOL 4.14). Where a request must come to is known from where it was
 * asked, so that a fault in these rules shows.
 *
 * It is warm for so long that in nearly all communities an object has gone everywhere, and laid the
 * tree. Later one in 200 does at most, and costs about seven times as much: where it is one of
 * those that are measured, the standard deviation shows it.
 *
 * Stand-ins: a gateway's two nodes keep a link, over which a CARRY takes CARRY_MS. A crossing is
 * the request and CROSSING_BYTES: chains, rolls and proofs are not made. */
#ifndef TESTS_SIM_FEDERATION_H
#define TESTS_SIM_FEDERATION_H

#include "proto/treaty.h"
#include "tests/sim/figure.h"
#include "tests/sim/sim.h"

enum {
    GATEWAYS = 4, /* of each treaty */
    DIRECTIONS = 4,
    TOUCHED_MAX = 3,       /* communities that one request is about */
    CROSSING_BYTES = 3500, /* three certificates, a roll that names four treaties, a proof in 500 */
    CARRY_MS = 10,
    NODES_MIN = 20, /* so that no home is a gateway twice */
    FEDERATION_MIN = 3,
    FEDERATION_MAX = 10000,
};

enum spent_kind { /* on one request in one community */
    SPENT_OBJECT,
    SPENT_IHAVE,
    SPENT_TREE, /* graft, prune */
    SPENT_SYNC, /* reconciliation that went on because something differed */
    SPENT_KINDS
};

struct spent {
    uint64_t records, bytes;
};

struct came { /* a request to a community */
    uint32_t asked;
    uint32_t pact;      /* by which; SIM_NONE: it was made here */
    uint32_t taken;     /* homes that have it */
    uint32_t crossings; /* made of it by honest gateways */
    uint32_t first_at, last_at;
    struct spent spent[SPENT_KINDS];
    uint8_t *has; /* bits: homes */
    uint32_t said_count;
    struct said {
        uint32_t gateway; /* its node here */
        uint8_t *to;      /* bits: homes that took its crossing, with an effect or without */
    } said[DIRECTIONS * GATEWAYS];
};

struct community {
    struct federation *federation;
    uint32_t number;
    struct sim *sim;
    struct border border;
    struct id id;
    struct geo_place area;
    uint32_t pacts[DIRECTIONS]; /* SIM_NONE: nobody there */
    uint32_t came_count, came_room;
    struct came *came;
    struct spent stray; /* such reconciliation where no request ever came */
    struct spent flood; /* what hostile gateways pushed */
    bool watched;       /* it counts for what a flood costs */
    bool busy;          /* something may happen here that others have to hear of soon */
};

struct pact { /* a treaty */
    struct treaty treaty;
    struct id id;
    uint32_t sides[2]; /* communities */
    struct gateway_home {
        uint32_t nodes[2]; /* in each of them */
    } gateways[GATEWAYS];
};

struct asked {
    struct request request;
    struct id id;
    uint32_t at; /* ms */
    uint32_t touched_count;
    uint32_t touched[TOUCHED_MAX]; /* where it has to come to; first where it is asked */
    struct spent carried;          /* between the two nodes of gateways */
};

struct carry {
    uint32_t due, asked, pact, gateway;
    uint32_t from; /* side */
};

struct federation {
    struct params params;
    struct rng rng;
    uint32_t columns;
    uint32_t count;
    struct community *list;
    uint32_t pact_count;
    struct pact *pacts;
    uint32_t asked_count, asked_room;
    struct asked **asked;
    uint32_t carry_count, carry_room;
    struct carry *carries;
    uint32_t now;
    bool hostile; /* some gateways are */
    struct delays delays;
    struct broken broken;
    uint32_t broken_in; /* community */
};

/* ---- federation.c ---- */
struct federation *federation_create(const struct params *params);
void federation_destroy(struct federation *federation);
/* One community of it, from its start until all is quiet, with nobody who asks. */
bool federation_warm_one(struct federation *federation, uint32_t number);
bool federation_warm(struct federation *federation);
bool federation_run(struct federation *federation, uint32_t ms); /* false: a promise is broken */
/* In that direction; SIM_NONE. 0 is north, then clockwise. */
uint32_t federation_beside(const struct federation *federation, uint32_t number, int direction);
/* Asked in touched[0] about the place where all that are named overlap. */
uint32_t federation_ask(struct federation *federation, const uint32_t *touched, uint32_t count);
/* What its id will be. */
struct id federation_next_id(const struct federation *federation, uint32_t community);

/* ---- federation_border.c ---- */
void border_between(struct community *community); /* sets what its simulation calls */
void border_carry(struct federation *federation, uint32_t until);
struct came *border_came(struct community *community, uint32_t asked); /* NULL: it did not */
/* How many gateways go before this one? */
uint32_t border_rank(const struct pact *pact, uint32_t side, const struct id *object,
                     uint32_t gateway);
/* `text`: the rest of what is to be said; its place is said before it. */
void border_break(struct federation *federation, const char *name, uint32_t community,
                  uint32_t node, const char *text);

/* ---- federation_flood.c ---- */
void flood_begin(struct federation *federation); /* one gateway of each treaty turns hostile */
void flood_second(struct federation *federation);

/* ---- federation_run.c ---- */
/* Prints what it measures; what is broken is in `frame`, which has the parameters, then. */
bool federation_measure(struct sim *frame, struct figures *figures);

#endif
