/* Links: the table of those that this home dialled, and of those that came to it.
 *
 * A place is taken before the first byte, and given back when the link is gone. Where none is left,
 * or more have come than their share, others give way.
 *
 * Memory: the table lies in struct core; each link owns its transport and buffers. A pointer into
 * it is good until something may close that link: then links_find() says whether it is there still.
 * Bounds: CORE_LINKS_MAX links, and of those that come to this home the shares below. */
#ifndef NODE_CORE_LINKS_H
#define NODE_CORE_LINKS_H

#include "crypto/keys.h"
#include "node/base/bytes.h"
#include "node/base/instant.h"
#include "node/core/core.h"
#include "node/transport/transport.h"
#include "proto/meet.h"

enum {
    DIAL_TIME_MS = 10 * 1000,
    IDLE_TIME_MS = 2 * DURATION_MINUTE_MS, /* inbound, outside of the overlay, which has its own */
    SHORT_LIFE_MS = 10 * DURATION_MINUTE_MS, /* of who joins, catches up or meets, busy or not */
    INBOUND_MAX = CORE_LINKS_MAX - 24,       /* the rest is kept for those that this home dials */
    INBOUND_OF_ONE = 2,     /* of one static key by one door: what broke may still look alive */
    GUESTS_MAX = 16,        /* who needs no certificate, and has nothing under way yet */
    PASSING_MAX = 12,       /* members that catch up or compare words: certificates collude */
    OUTSIDE_LINKS_MAX = 16, /* of outsiders, who have other doors than this home's */
};

struct link {
    uint64_t no; /* 0: free */
    enum link_state {
        LINK_DIALLING,
        LINK_HANDSHAKE,
        LINK_OPEN
    } state;
    enum link_purpose {
        PURPOSE_IN,
        PURPOSE_MEMBER,
        PURPOSE_JOIN,
        PURPOSE_DELIVERY,
        PURPOSE_MEET,
        PURPOSE_COMPARE,
        PURPOSE_SIBLING,
        PURPOSE_OUTSIDE /* of an outsider's node, to one of its doors */
    } purpose;
    struct transport *transport; /* owned; NULL until the first byte of an inbound link */
    enum transport_door door;    /* once open */
    struct id about; /* member, compare: certificate; join: invite; delivery: grant, or request
                        inbound; meet: the code's tag, then zeros; sibling: its community */
    struct box_public peer_static;
    uint8_t session[TRANSPORT_SESSION_BYTES];
    bool in_overlay;
    bool spoken;    /* we have sent a message: who was not told a word is not told the end either */
    bool told;      /* the peer has said that it closes */
    bool compares;  /* meet: between members */
    bool committed; /* and the peer has sent its commitment */
    uint8_t commitment[MEET_NONCE_BYTES];
    bool proved;    /* inbound: its first message was good, so it knows the secret of a door */
    uint32_t group; /* of the address at the other end */
    char address[ADDRESS_MAX_BYTES]; /* that one; empty: not known. Never in the journal */
    uint64_t bytes_in, bytes_out;    /* as they travel; without what goes out from a file */
    uint64_t told_parts;             /* catch-up, outsider: so many parts of it have been sent */
    bool told_all;                   /* all of them; and */
    bool caught_up;                  /* the peer's have come */
    struct tick opened;
    struct tick heard;       /* when bytes came last */
    struct tick since;       /* when it was open */
    struct sign_public log;  /* outsider's node: by which the home at the other end is a witness */
    struct tick heads_since; /* start of the time over which messages about heads are counted */
    unsigned heads_count;
    size_t queued;          /* bytes given out since the link was last drained */
    struct buffer manifest; /* parts of a sealed manifest that comes in */
    struct id vouched;      /* delivery: a home of another community, shown to be a member there */
    struct buffer vouch;    /* by this */
    struct buffer shown;    /* delivery to an outsider: the home's chain, u32 length, bytes each */
    size_t shown_count;
};

/* NULL: it is not there. No link has the number 0. */
struct link *links_find(struct core *core, uint64_t no);
/* A place for one that comes to this home, within INBOUND_MAX and CORE_HALF_OPEN_MAX. NULL: there
 * is none, and nobody gives way. */
struct link *links_add_inbound(struct core *core, uint64_t no);
struct link *links_add(struct core *core, uint64_t no); /* that this home dials; likewise */
void links_free(struct link *link);                     /* its place, and what it owns */
/* It came to this home and is open now: of those that share with it, so many are closed that the
 * rest are within their share. What that leads to may close this one too. */
enum err links_share(struct core *core, const struct link *link);
/* When the first of them has had its time; TICK_NEVER while none has one. */
struct tick links_deadline(const struct core *core);
enum err links_expire(struct core *core); /* closes those */

#endif
