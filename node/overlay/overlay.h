/* Overlay: who this node is linked with in one community, and how live objects spread
 * (PROTOCOL 5.1).
 *
 * It deals in numbers and ids alone. The driver (core, or a simulator) numbers the members, decodes
 * and checks objects and keeps their bytes; the overlay says whom to dial, which object goes to
 * which link, and finds by reconciliation what a neighbour has and we lack. Nothing is forwarded
 * before the driver has accepted it: it answers OVERLAY_WANTED with OVERLAY_EV_ACCEPTED, with
 * OVERLAY_EV_IGNORED, or with OVERLAY_EV_FAULT.
 *
 *   view.c      links, book.c whom we know, walk.c how we get to know them: membership after
 *               HyParView (Leitao, Pereira, Rodrigues, DSN 2007)
 *   tree.c      broadcast after Plumtree (the same, SRDS 2007)
 *   catch_up.c  reconciliation with each link in turn (sync.h, set.h)
 *   score.c     whose fault it was, and what one link may cost us
 *
 * Memory: grows with the live objects, with ids that were announced and have not come, and with
 * what waits to be announced or pushed; all else is taken by overlay_create().
 * Bounds: see below; whatever one peer says, it costs a bounded amount in each OVERLAY_WINDOW_MS.
 */
#ifndef NODE_OVERLAY_OVERLAY_H
#define NODE_OVERLAY_OVERLAY_H

#include "node/overlay/sync.h"

enum {
    OVERLAY_LINKS_WANTED = 7,    /* we dial until there are so many: a full mesh up to 8 homes */
    OVERLAY_LINKS_FEW = 5,       /* fewer: dial more at a time */
    OVERLAY_LINKS_MAX = 9,       /* and accept so many */
    OVERLAY_DIALLED_FEW = 3,     /* so many of them dialled by us, lest others choose all */
    OVERLAY_DIALS_MAX = 16,      /* at a time, of which half are late ones */
    OVERLAY_SLOTS = 15,          /* links, with those that are not open for gossip yet */
    OVERLAY_GROUP_MAX = 2,       /* links into one /24 or /48, once there are OVERLAY_LINKS_FEW */
    OVERLAY_PASSIVE_MAX = 64,    /* members named lately, to dial when a link is lost */
    OVERLAY_BOOK_MAX = 256,      /* members in the address book */
    OVERLAY_BOOK_MET_MAX = 192,  /* of them such as we have dialled with success */
    OVERLAY_ANCHORS_MAX = 3,     /* kept over a restart, and never given up for others */
    OVERLAY_GONE_MAX = 8,        /* links that went, remembered for people */
    OVERLAY_OBJECTS_MAX = 65536, /* live objects: 256 MiB of gossip at 4 KiB each */
    OVERLAY_RESERVED = 2048,     /* of them for our own, and for certificates */
    OVERLAY_IGNORED_MAX = 256,
    OVERLAY_TOLD_EVERY = 16,    /* objects: each link is told, or sent, one of so many */
    OVERLAY_MISSING_MAX = 1024, /* ids announced that have not come */
    OVERLAY_PUSHES_MAX = 4096,  /* ids that wait until one link has drained */
    OVERLAY_ACTIONS_MAX = 192,
    OVERLAY_SENDS_MAX = SYNC_MESSAGES_MAX + 2 * OVERLAY_SLOTS,

    /* From when an id is announced until whoever was told has asked for it, and would have blamed
     * us for not sending it: the wait for a GRAFT, for the others that announced it and for its
     * answer. In so long we announce no more than a neighbour looks at. */
    OVERLAY_ANSWERED_MS = 10 * 1000,
    OVERLAY_SAID_MAX = 1000,

    /* What one link may have us do in a window; what goes beyond is left without an answer. */
    OVERLAY_WINDOW_MS = 10 * 1000,
    OVERLAY_WINDOW_SYNC = 4 * OVERLAY_OBJECTS_MAX, /* ranges and ids: three whole reconciliations */
    OVERLAY_WINDOW_LOOKS = 4096,                   /* objects that we did not have */
    OVERLAY_WINDOW_IHAVE = 1000,
    OVERLAY_WINDOW_GRAFT = 1000,
    OVERLAY_WINDOW_WALKS = 16, /* walks and shuffles */
};

struct overlay;

typedef uint32_t peer_no; /* the driver's number of a member */
typedef uint64_t link_no; /* the driver's number of a link; 0 is none */

#define OVERLAY_NOBODY UINT32_MAX

/* The driver's table of members. What `find` answers, `id` takes: for good. */
struct overlay_members {
    void *context;
    /* OVERLAY_NOBODY: not known, or not in standing. */
    peer_no (*find)(void *context, const struct id *id);
    struct id (*id)(void *context, peer_no peer);
};

struct overlay_config {
    const struct overlay_members *members; /* borrowed until overlay_destroy() */
    peer_no self;
    uint64_t seed; /* random, unknown to others */
};

enum overlay_verdict { /* of an object that is offered */
    OVERLAY_WANTED,
    OVERLAY_DUPLICATE, /* we have it */
    OVERLAY_LATER,     /* ignored a moment ago, or this link brings too much */
    OVERLAY_FULL
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
        OVERLAY_EV_MESSAGE,   /* one of types 11 to 29 */
        OVERLAY_EV_OFFERED,   /* an object came over the link: out->verdict says whether to look */
        OVERLAY_EV_ACCEPTED,  /* the driver has stored this object: ours, or from `link` */
        OVERLAY_EV_IGNORED,   /* it does not take it now, and nobody is to blame */
        OVERLAY_EV_FAULT,    /* the link's peer has sent what no correct one sends: it is shunned */
        OVERLAY_EV_REPLACED, /* the driver does not want this object any longer, as when a newer one
                              * came. It still has its bytes: OVERLAY_ACT_KEEP may follow */
        OVERLAY_EV_TICK,     /* overlay_deadline() has been reached */
    } kind;
    peer_no peer;    /* PEER, PEER_GONE, LINK_UP, LINK_DOWN after a failed dial */
    link_no link;    /* of all that are about a link; ACCEPTED: where it came from, or 0 */
    bool anchor;     /* PEER: it was one before the restart */
    bool met;        /* PEER: this node has dialled it before with success */
    bool dialled;    /* LINK_UP: by us */
    bool told;       /* LINK_DOWN: the peer said so; it lives */
    bool reserved;   /* OFFERED: it may have one of the places that others' objects leave free */
    bool urgent;     /* OFFERED, ACCEPTED: goes over every link */
    bool everywhere; /* OFFERED, ACCEPTED: as its GOSSIP said */
    uint8_t hops;    /* OFFERED, ACCEPTED: likewise; 0: ours */
    uint32_t group;  /* LINK_UP: of its address, OVERLAY_GROUP_MAX links to each; 0: any number */
    const struct link_message *message; /* MESSAGE; borrowed */
    struct sync_key key;    /* ACCEPTED, REPLACED; of OFFERED and IGNORED the id alone */
    struct instant expires; /* ACCEPTED */
};

struct overlay_actions {
    enum overlay_verdict verdict; /* of OFFERED */
    size_t count;
    struct overlay_action {
        enum overlay_action_kind {
            OVERLAY_ACT_DIAL,  /* peer */
            OVERLAY_ACT_CLOSE, /* link; `why` */
            OVERLAY_ACT_PING,  /* link */
            OVERLAY_ACT_PUSH,  /* link, id, hops, everywhere: send the object as GOSSIP */
            OVERLAY_ACT_SEND,  /* link, message */
            OVERLAY_ACT_KEEP,  /* id, until: it is dropped or replaced now, but PUSH may ask for it
                                * so long; OVERLAY_SAID_MAX at a time */
            OVERLAY_ACT_DROP,  /* id: has expired, its bytes may go */
        } kind;
        peer_no peer;
        link_no link;
        uint8_t hops;
        bool everywhere;
        enum overlay_end {
            OVERLAY_END_DEAD,    /* nothing was heard for 12 s */
            OVERLAY_END_CUT,     /* the connection broke */
            OVERLAY_END_TOLD,    /* the peer closed it */
            OVERLAY_END_FULL,    /* for others, one side had no room */
            OVERLAY_END_SWAPPED, /* for another, out of the book; or it had said nothing yet */
            OVERLAY_END_TWICE,   /* another link to the same home took its place */
            OVERLAY_END_GROUP,   /* too many to that part of the network */
            OVERLAY_END_FAULT,
            OVERLAY_END_REMOVED, /* it is no member any more */
        } why;
        struct id id;                       /* object of PUSH, KEEP and DROP */
        struct tick until;                  /* of KEEP */
        const struct link_message *message; /* SEND; one of those below */
    } list[OVERLAY_ACTIONS_MAX];
    size_t send_count;
    struct link_message sends[OVERLAY_SENDS_MAX]; /* large; what is not used is not touched */
    struct sync_answer sync;
};

/* NULL when memory is short. */
struct overlay *overlay_create(const struct overlay_config *config);
void overlay_destroy(struct overlay *overlay); /* NULL is fine */

/* Is an object that came in another way than by gossip worth decoding further? */
enum overlay_verdict overlay_look_up(const struct overlay *overlay, const struct id *id,
                                     bool reserved, struct now now);
/* `reserved`: for our own and for certificates. Nobody can fill the table against us. */
bool overlay_has_room(const struct overlay *overlay, bool reserved);

/* Takes one event; `random` is what this step chooses by.
 *
 * ERR_FULL_TABLE     no room for the object
 * ERR_FULL_LINKS     no room for the link
 * ERR_HOST_MEMORY    none for the object
 * ERR_PEER_BOUNDS    a message that no correct peer sends: OVERLAY_EV_FAULT is due */
MUST_USE enum err overlay_step(struct overlay *overlay, const struct overlay_event *event,
                               struct now now, uint64_t random, struct overlay_actions *out);

/* When to send the next OVERLAY_EV_TICK; TICK_NEVER with no link, no peer and no object. Expiry is
 * wall time, so the answer holds for this `now` and changes when that clock is set. */
struct tick overlay_deadline(const struct overlay *overlay, struct now now);

/* ---- what people and the disk are told ---- */

struct overlay_link { /* one that is open for gossip */
    link_no link;
    peer_no peer;
    bool dialled;
    bool anchor;
    bool eager;      /* on the tree: it is pushed objects, not ids */
    unsigned faults; /* points; OVERLAY_FAULTS_MAX of them end it */
    uint32_t group;
    struct tick since;
    struct tick heard;
};

struct overlay_gone {
    peer_no peer;
    enum overlay_end why;
    struct tick since, at;
};

struct overlay_known { /* an entry of the address book */
    peer_no peer;
    bool met, anchor;
};

struct overlay_counts { /* since the start */
    uint64_t accepted, duplicates, pushes, grafts, prunes, announced, missed;
    uint64_t dials, dials_failed, links_up, links_lost, refused, shuffles, walks, swaps;
    uint64_t reconciliations, faults;
};

size_t overlay_links(const struct overlay *overlay, struct overlay_link out[OVERLAY_LINKS_MAX]);
size_t overlay_gone(const struct overlay *overlay, struct overlay_gone out[OVERLAY_GONE_MAX]);
size_t overlay_book(const struct overlay *overlay, struct overlay_known out[OVERLAY_BOOK_MAX]);
size_t overlay_passive(const struct overlay *overlay, peer_no out[OVERLAY_PASSIVE_MAX]);
void overlay_counts(const struct overlay *overlay, struct overlay_counts *out);

size_t overlay_link_count(const struct overlay *overlay);
size_t overlay_object_count(const struct overlay *overlay);
bool overlay_is_linked(const struct overlay *overlay, peer_no peer);
size_t overlay_bytes(const struct overlay *overlay); /* of memory */

#endif
