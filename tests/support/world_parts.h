/* What the files of the world share. Private to tests/support/world*.c.
 *
 *   world.c           homes, their turns, what comes out of them
 *   world_clock.c     events to come, ticks, time
 *   world_net.c       connections, and what goes wrong with them
 *   world_disk.c      a home's files
 *   world_ingest.c    what a home's ingest does
 *   world_insider.c   hostile members
 *   world_people.c    what owners sign, and what has come of it
 *   world_populate.c  a community without the joining */
#ifndef TESTS_SUPPORT_WORLD_PARTS_H
#define TESTS_SUPPORT_WORLD_PARTS_H

#include "tests/support/world.h"

enum happening {
    HAPPENS_CONNECT, /* a dial reaches its target */
    HAPPENS_STANDS,  /* ... and the dialler hears of it */
    HAPPENS_BYTES,
    HAPPENS_END,
    HAPPENS_DRAINED, /* what was sent has left the sender's system at once ... */
    HAPPENS_UNSTUCK, /* ... or when the receiver's has taken it at last */
    HAPPENS_INGEST,  /* a frame from ingest */
    HAPPENS_WORKED,  /* a thread has done what core gave it */
    HAPPENS_START,   /* a home that died comes back */
    HAPPENS_WAKE,    /* a home that slept goes on */
};

struct world_event {
    int64_t at;
    uint64_t number;
    enum happening what;
    int home;
    size_t life;     /* of the home: what was meant for an earlier one is lost */
    size_t line;     /* connection */
    uint64_t serial; /* of the connection: it may have been used anew */
    int side;        /* 0 dialled, 1 answered: whose event it is */
    size_t taken;    /* bytes that its system has got rid of */
    struct core_work *work;
    struct buffer data;
};

#define NO_BYTES ((struct bytes){NULL, 0})

/* ---- world.c ---- */

void world_turn(struct world *world, int number, const struct core_event *event);
/* What has come off the clock. */
void world_happen(struct world *world, struct world_event *event);
uint64_t world_draw(uint64_t *state);
/* A secret of this home, told from its others by `base`. */
void world_seed_key(int number, int base, uint8_t out[32]);
/* 32 bytes of libsodium's randomness, for whoever is not a core. */
void world_draw_secret(struct box_secret *out);

/* ---- world_clock.c ---- */

struct world_clock *world_clock_create(size_t homes);
void world_clock_destroy(struct world_clock *clock);
/* Copies the event and `data`, and numbers it. */
void world_put(struct world *world, struct world_event event, struct bytes data);
/* The home's deadline may have changed. */
void world_set_due(struct world *world, int home);

/* ---- world_net.c ---- */

struct world_net *world_net_create(size_t homes);
void world_net_destroy(struct world_net *net);
void world_net_happen(struct world *world, struct world_event *event);
void world_net_dial(struct world *world, int home, const struct core_effect *effect, int64_t at);
/* False: there is no such link. */
bool world_net_send(struct world *world, int home, uint64_t link, struct bytes data, int64_t at);
int world_net_peer(struct world *world, int home, uint64_t link); /* -1: there is no such link */
bool world_net_close(struct world *world, int home, uint64_t link, int64_t at);
void world_net_kill(struct world *world, int home); /* its system closes all that it had open */

/* ---- world_disk.c ---- */

struct core_disk world_disk(struct world_home *home);
void world_disk_crash(struct world_home *home); /* what was not synced is gone */
void world_disk_finish(struct world_home *home);
/* The payload that an owner handed back; empty: there is none of that name. */
struct bytes world_disk_edited(struct world_home *home, const struct id *root);

/* ---- world_ingest.c ---- */

void world_ingest_up(struct world *world, int number);
void world_ingest_take(struct world *world, int number, struct bytes frame);
/* What it was about to say still holds: no match is told of a clip that it has shredded since. */
bool world_ingest_means(const struct world_home *home, struct bytes frame);
void world_ingest_finish(struct world_home *home);

/* ---- world_insider.c ---- */

struct world_insider *world_insider_of(const struct world *world, int home, uint64_t link);
/* True: an insider was waiting to be dialled. */
bool world_insider_dialled(struct world *world, int home, int to, uint64_t link);
void world_insider_closed(struct world_insider *insider);
void world_insider_kill(struct world *world, int home); /* the home did not survive */

#endif
