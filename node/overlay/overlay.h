/* Overlay: who this node is linked with in one community, and how live objects spread
 * (PROTOCOL 5.1).
 *
 * It deals in ids alone. Core decodes and checks objects and keeps their bytes; the overlay says
 * whom to dial, which id goes to which link, and finds by reconciliation what a neighbour has and
 * we lack. Nothing is forwarded before core has accepted it: core answers OVERLAY_VERDICT_WANTED
 * with OVERLAY_EV_ACCEPTED, with OVERLAY_EV_IGNORED, or by closing the link that brought it.
 *
 * Inside: a full mesh up to OVERLAY_LINKS_MAX homes, flooding, and range-based reconciliation
 * (sync.h). Membership views and the broadcast tree take the same events and actions.
 *
 * Memory: grows with the live objects, and with what waits to be pushed; all else is taken by
 * overlay_create().
 * Bounds: OVERLAY_PEERS_MAX peers, OVERLAY_LINKS_MAX links, OVERLAY_OBJECTS_MAX live objects,
 * OVERLAY_ACTIONS_MAX actions from one step, OVERLAY_IGNORED_MAX ids ignored for a while, and
 * OVERLAY_SYNC_WORK_MAX ranges and ids that one link may have us look at in
 * OVERLAY_SYNC_WORK_MS. */
#ifndef NODE_OVERLAY_OVERLAY_H
#define NODE_OVERLAY_OVERLAY_H

#include "node/overlay/sync.h"

enum {
    OVERLAY_PEERS_MAX = 256,     /* the address book */
    OVERLAY_LINKS_MAX = 9,       /* active view */
    OVERLAY_OBJECTS_MAX = 65536, /* live objects: 256 MiB of gossip at 4 KiB each */
    OVERLAY_RESERVED = 2048,     /* of them for our own, and for certificates */
    OVERLAY_IGNORED_MAX = 256,
    OVERLAY_SYNC_WORK_MAX = 4 * OVERLAY_OBJECTS_MAX, /* more than three whole reconciliations */
    OVERLAY_SYNC_WORK_MS = 10 * 1000,
    OVERLAY_PUSHES_MAX = 4096, /* ids that wait until one link has drained */
    OVERLAY_ACTIONS_MAX = 128,
};

struct overlay;

typedef uint64_t link_no; /* core's number of a link; 0 is none */

enum overlay_verdict {
    OVERLAY_VERDICT_WANTED,
    OVERLAY_VERDICT_DUPLICATE, /* we have it */
    OVERLAY_VERDICT_LATER,     /* ignored a moment ago: not worth looking at again yet */
    OVERLAY_VERDICT_FULL
};

struct overlay_event {
    enum overlay_event_kind {
        OVERLAY_EV_PEER,      /* a member's address is known, or known anew */
        OVERLAY_EV_PEER_GONE, /* its certificate ended or was removed */
        OVERLAY_EV_LINK_UP,   /* a member link is established and its certificate checked */
        OVERLAY_EV_LINK_DOWN, /* any link that had LINK_UP, or a dial that failed (link is 0) */
        OVERLAY_EV_HEARD,     /* any record came over the link */
        OVERLAY_EV_DRAINED,   /* all that it was given to send has gone: after each time that it was
                               * given some, or pushes wait until the next time */
        OVERLAY_EV_MESSAGE,   /* a SYNC, SYNC_IDS or SYNC_WANT message */
        OVERLAY_EV_ACCEPTED,  /* core has stored this object: ours, or from `link` */
        OVERLAY_EV_IGNORED,   /* core does not take it now, and nobody is to blame */
        OVERLAY_EV_REPLACED,  /* core does not keep this object any longer: a newer one came */
        OVERLAY_EV_TICK,      /* overlay_deadline() has been reached */
    } kind;
    struct id
        peer; /* member certificate: PEER, PEER_GONE, LINK_UP, LINK_DOWN after a failed dial */
    link_no
        link; /* LINK_UP, LINK_DOWN, HEARD, DRAINED, MESSAGE; ACCEPTED: where it came from, or 0 */
    bool dialled;                       /* LINK_UP: by us */
    const struct link_message *message; /* MESSAGE; borrowed */
    struct sync_key key;                /* ACCEPTED, REPLACED; of IGNORED the id alone */
    struct instant expires;             /* ACCEPTED */
};

struct overlay_actions {
    size_t count;
    struct overlay_action {
        enum overlay_action_kind {
            OVERLAY_ACT_DIAL,  /* peer */
            OVERLAY_ACT_CLOSE, /* link */
            OVERLAY_ACT_PING,  /* link */
            OVERLAY_ACT_PUSH,  /* link, id: send the object's bytes as GOSSIP */
            OVERLAY_ACT_SEND,  /* link, message */
            OVERLAY_ACT_DROP,  /* id: has expired, its bytes may go */
        } kind;
        link_no link;
        struct id id;                       /* peer of DIAL; object of PUSH and DROP */
        const struct link_message *message; /* SEND; one of those in `sync` */
    } list[OVERLAY_ACTIONS_MAX];
    struct sync_answer sync; /* where the messages are */
};

/* `self`: our member certificate; `seed`: random, unknown to others. NULL when memory is short. */
struct overlay *overlay_create(const struct id *self, uint64_t seed);
void overlay_destroy(struct overlay *overlay); /* NULL is fine */

/* Is an object that came by gossip worth decoding further? `reserved`: it may have one of the
 * places that others' objects leave free, so that nobody can fill the table against us. */
enum overlay_verdict overlay_look_up(const struct overlay *overlay, const struct id *id,
                                     bool reserved, struct now now);
bool overlay_has_room(const struct overlay *overlay, bool reserved);

/* Takes one event; `random` seeds back-off and choice for this step.
 *
 * ERR_FULL_TABLE     no room for the peer, link or object
 * ERR_HOST_MEMORY    none for the object
 * ERR_PEER_BOUNDS    a SYNC message that no correct peer sends: score it */
MUST_USE enum err overlay_step(struct overlay *overlay, const struct overlay_event *event,
                               struct now now, uint64_t random, struct overlay_actions *out);

/* When to send the next OVERLAY_EV_TICK; TICK_NEVER with no link, no peer and no object. Expiry is
 * wall time, so the answer holds for this `now` and changes when that clock is set. */
struct tick overlay_deadline(const struct overlay *overlay, struct now now);

size_t overlay_link_count(const struct overlay *overlay);
size_t overlay_object_count(const struct overlay *overlay);
bool overlay_is_linked(const struct overlay *overlay, const struct id *peer);

#endif
