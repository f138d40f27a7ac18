/* One overlay by itself, with a driver that does nothing but remember what the overlay said.
 * Members are those of members.h; a link has its peer's number, which begin at 1. */
#ifndef TESTS_SUPPORT_OVERLAY_RIG_H
#define TESTS_SUPPORT_OVERLAY_RIG_H

#include "tests/support/members.h"

enum {
    RIG_SELF = 5000, /* every peer that a test names is smaller */
    RIG_PEERS = 5000,
};

struct rig {
    struct overlay *overlay;
    struct now now;
    uint64_t random;
    struct overlay_actions *actions; /* of the last step */
    size_t dials[RIG_PEERS];         /* since rig_create() */
    size_t closed[RIG_PEERS];        /* likewise */
    bool up[RIG_PEERS];              /* a link is */
};

void rig_create(struct rig *rig);
void rig_destroy(struct rig *rig);

enum err rig_step(struct rig *rig, struct overlay_event event);
void rig_tick(struct rig *rig);
void rig_pass(struct rig *rig, int64_t ms); /* time alone */
/* The same with ticks at each deadline on the way. `alive`: something is heard over all links all
 * the time. Dials come to nothing, after a second. */
void rig_run(struct rig *rig, int64_t ms, bool alive);

void rig_name(struct rig *rig, peer_no peer); /* its address is known */
void rig_rise(struct rig *rig, peer_no peer, bool dialled);
void rig_up(struct rig *rig, peer_no peer, bool dialled); /* and both have said NEIGHBOUR */
void rig_down(struct rig *rig, peer_no peer, bool told);
void rig_say(struct rig *rig, peer_no peer, const struct link_message *message);
void rig_neighbour(struct rig *rig, peer_no peer, enum neighbour_wish wish);

/* An object whose id begins with `number`; it changes the tree. Hops 255: by reconciliation. */
struct sync_key rig_key(uint16_t number);
enum overlay_verdict rig_offer(struct rig *rig, peer_no from, uint16_t number, uint8_t hops);
enum err rig_accept(struct rig *rig, peer_no from, uint16_t number, uint8_t hops);
/* Offered, wanted, accepted. */
void rig_bring(struct rig *rig, peer_no from, uint16_t number, uint8_t hops);
void rig_announce(struct rig *rig, peer_no from, uint16_t number);

/* Of the last step's actions. RIG_PEERS as peer: all. */
size_t rig_count(const struct rig *rig, enum overlay_action_kind kind, peer_no peer);
size_t rig_sent(const struct rig *rig, enum link_kind kind, peer_no peer);
/* The first such message; NULL. */
const struct link_message *rig_message(const struct rig *rig, enum link_kind kind, peer_no peer);

bool rig_is_eager(const struct rig *rig, peer_no peer);
bool rig_in_passive(const struct rig *rig, peer_no peer);
bool rig_in_book(const struct rig *rig, peer_no peer, struct overlay_known *out); /* out or NULL */

#endif
