/* Two transport engines back to back, with fixed keys and clocks, so that every run writes the same
 * bytes. */
#ifndef TESTS_SUPPORT_LINK_PAIR_H
#define TESTS_SUPPORT_LINK_PAIR_H

#include "crypto/noise.h"
#include "node/transport/transport.h"

enum {
    LINK_PAIR_TYPE = 10,       /* a type that the pair's door passes, as it does bulk runs */
    LINK_PAIR_SHUT_TYPE = 200, /* one that it does not */
};

struct link_pair {
    struct now now;
    struct box_secret dialler_static, answerer_static;
    struct box_public dialler_public, answerer_public;
    struct transport_door_key door;
    struct transport_replay *replay; /* the answerer's; made an hour before now */
    struct transport *dialler, *answerer;
    struct buffer to_answerer, to_dialler; /* what was sent and not yet taken */
};

void link_pair_init(struct link_pair *pair); /* makes keys and replay table, no link */
void link_pair_finish(struct link_pair *pair);

/* Each starts its side with what the struct holds now. */
void link_pair_dial(struct link_pair *pair);
void link_pair_answer(struct link_pair *pair);
/* Both, and the whole handshake. */
void link_pair_establish(struct link_pair *pair);

/* A dialler that is not the engine but holds all secrets, and so can say anything. The answerer has
 * taken message 1 when this returns; message 3, whose payload is `payload` as it stands, waits for
 * it. *cipher is for records to follow. */
void link_pair_insider(struct link_pair *pair, struct bytes payload, struct noise_cipher *cipher);

/* Gives one side what waits for it; takes one event off it. The event's data is good until the next
 * call, but that of a bulk run not at all: for those call transport_receive(). */
MUST_USE enum err link_pair_hear_answerer(struct link_pair *pair, struct transport_event *event);
MUST_USE enum err link_pair_hear_dialler(struct link_pair *pair, struct transport_event *event);

#endif
