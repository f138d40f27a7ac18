/* What the files of the overlay share. Private to node/overlay/. */
#ifndef NODE_OVERLAY_PARTS_H
#define NODE_OVERLAY_PARTS_H

#include "node/overlay/overlay.h"

enum {
    OVERLAY_ROUTES_MAX = 8, /* shuffles under way: seven pass in a minute, each for two seconds at
                               most; whose is pushed out by others learns nobody this time */
    OVERLAY_RECENT_MAX = 32,
    OVERLAY_SHUNNED_MAX = 1024, /* a third of a large community */
    OVERLAY_TURNED_AWAY_MAX = 32,
    OVERLAY_SOURCES_MAX = 4,  /* links that announced one missing object */
    OVERLAY_FAULTS_MAX = 100, /* points that end a link */
    OVERLAY_FAULT_BROKEN = 5, /* an object was announced, asked for, and did not come */
};

#define OVERLAY_NO_SLOT UINT8_MAX

struct window { /* what a link had us do in this one */
    struct tick since;
    uint32_t sync;
    uint16_t looks, ihave, graft, walks;
};

struct link {
    link_no no; /* 0: free */
    peer_no peer;
    uint32_t group;
    enum link_state {
        LINK_STATE_ASKED, /* we have dialled; the peer has not answered NEIGHBOUR */
        LINK_STATE_NEW,   /* it has dialled, and has not said NEIGHBOUR */
        LINK_STATE_OPEN,
    } state : 8;
    enum neighbour_wish wish : 8; /* ASKED */
    bool dialled : 1;
    bool eager : 1;
    bool pruned : 1;    /* eager until the turn ends */
    bool differs : 1;   /* found since our last round; the next one comes early */
    bool pushing : 1;   /* not drained yet */
    bool push_more : 1; /* they were too many for one round, and others than last time */
    bool brought : 1;   /* an object, over this link: one that we lacked, or a test */
    uint8_t points;     /* below OVERLAY_FAULTS_MAX */
    uint8_t share;      /* in 256ths: so much of what came lately has come over it */
    uint8_t untold;     /* sayable objects since one was pushed to it, or owed */
    uint32_t broken_s;  /* second in which it last broke its word */
    uint32_t tested_s;  /* from when on it has failed, if it has not brought `tested` */
    uint64_t tested;    /* start of an id that it announced and we asked for to see; 0: none */
    struct tick since;
    struct tick heard;
    struct tick ping_at;
    struct tick pruned_at, grafted_at; /* when it became lazy; when we last said GRAFT */
    struct tick renew_at;              /* TICK_NEVER: the peer dialled */
    struct tick useful_at;             /* when it last brought, or truly announced, an object */
    uint32_t useful_count;             /* of sayable objects by then */
    uint32_t again_ms;                 /* to the next round, after a difference */
    struct window window;

    struct tick sync_at;
    uint32_t push_at, push_count;
    uint64_t push_salt; /* of the round that they belong to */
    uint64_t push_last; /* start of the last id of a round that had too many */
    struct id *pushes;  /* owned: ids that the peer lacks, from push_at on */
};

struct known { /* in the address book */
    peer_no peer;
    uint32_t not_before : 25; /* of 2 s each, since the start: two years */
    uint32_t failures : 4;
    uint32_t met : 1, anchor : 1;
    uint32_t brought : 1; /* objects, since the start, and did not fall idle */
};

struct named { /* in the passive view */
    peer_no peer;
    uint32_t not_before;
};

struct missing { /* announced, not come */
    uint8_t id[LINK_SHORT_BYTES];
    struct tick due;
    bool late; /* all sources were asked: due is when they have broken their word */
    uint8_t count, asked;
    uint8_t slots[OVERLAY_SOURCES_MAX];
};

struct announced { /* accepted, to be said in an IHAVE */
    uint8_t id[LINK_SHORT_BYTES];
    uint8_t hops;
    uint16_t slots; /* bits: whom it is to be said to */
    uint16_t owed;  /* bits of them: be it that they have said it themselves */
};

struct overlay {
    const struct overlay_members *members;
    peer_no self;
    bool had_links;
    struct now now;    /* of the step */
    struct tick began; /* the first */
    uint64_t random;
    struct overlay_actions *out;
    struct link links[OVERLAY_SLOTS];

    uint32_t passive_count, book_count, met_count, gone_count;
    uint32_t peers_seen; /* that the driver named: each has the same chance of a place */
    struct named passive[OVERLAY_PASSIVE_MAX];
    struct known book[OVERLAY_BOOK_MAX];
    struct dial {
        peer_no peer; /* OVERLAY_NOBODY: free */
        enum neighbour_wish wish;
        uint32_t give_up; /* seconds */
    } dials[OVERLAY_DIALS_MAX];
    struct tick dial_at, shuffle_at;
    struct tick useful_at;       /* when any link last brought an object */
    struct tick look_at;         /* is there anybody who brings more than our links do? */
    int64_t look_wait;           /* ms to the next such look, while nothing comes */
    struct tick dial_not_before; /* after many dials in vain, while there is no link */
    uint8_t dialled_in_vain;     /* while there was no link */
    struct room {                /* for whom we may give up a link, and when for one more */
        uint8_t left;
        struct tick more_at;
    } room, friends_room;
    uint8_t next_route, next_gone, next_recent;
    struct route { /* of a SHUFFLE that we passed on, or sent */
        uint64_t nonce;
        link_no from; /* 0: we sent it */
    } routes[OVERLAY_ROUTES_MAX];
    struct gone {
        peer_no peer;
        enum overlay_end why;
        struct tick since, at;
    } gone[OVERLAY_GONE_MAX];
    uint8_t next_turned_away;
    bool crowded;        /* many found none, by the last look */
    uint8_t knocks;      /* who found no room, or lost it, since the last look */
    struct turned_away { /* who dialled, and found no room */
        peer_no peer;
        uint32_t until; /* seconds */
    } turned_away[OVERLAY_TURNED_AWAY_MAX];
    struct shunned {
        peer_no peer;
        uint32_t until; /* seconds */
        uint8_t times;  /* 0: free */
    } * shunned;        /* owned; NULL while nobody was */
    size_t shunned_count, shunned_room;

    struct sync_set *objects;
    struct tick sync_at;
    size_t next_ignored;
    struct ignored {
        struct id id; /* zero: unused */
        struct tick until;
    } * ignored; /* owned: OVERLAY_IGNORED_MAX of them, or NULL while nothing was */

    size_t said_count, said_room, replaced_count, replaced_room;
    struct said { /* announced a moment ago: it can still be asked for */
        uint8_t id[LINK_SHORT_BYTES];
        uint8_t hops;
        struct tick until;
    } * said;         /* owned: in the order of time; NULL while there is none */
    struct replaced { /* of them those that are not in `objects` any more */
        struct id id;
        struct tick until;
    } * replaced; /* likewise, in any order */

    struct recent {  /* accepted last: how they came */
        uint64_t id; /* its first 8 bytes */
        uint8_t slot, hops;
        uint16_t said; /* bits: links that have said since that they have it */
    } recent[OVERLAY_RECENT_MAX];
    struct tick announce_at;
    struct tick mend_at;         /* by then the tree must bring `mend_id` too; or TICK_NEVER */
    uint64_t mend_id;            /* start of the id of an object that was asked for, and came */
    uint8_t mend_slot;           /* from whom: else that link becomes eager */
    struct tick turn_ends;       /* TICK_NEVER: it is nobody's turn */
    uint64_t turn;               /* whose it is, or was: start of the id */
    struct instant turn_created; /* that object, and the one that had the turn before it */
    struct instant turn_before;
    bool turn_everywhere;
    uint8_t turn_taken; /* so many times by another object, while it lasts */
    uint32_t sayable;   /* objects since the start that came by the tree, to be announced */
    uint32_t pace;      /* fresh objects in the last while, in 256ths, as of pace_at */
    struct tick pace_at;
    struct tick laid_at;         /* when an object last went everywhere */
    struct instant laid_created; /* that object */
    struct tick old_at;          /* the tree is old then, or later: when so many more have come */
    uint32_t young_count;
    size_t missing_count, missing_room, announced_count, announced_room;
    struct missing *missing;     /* owned; NULL while there is none */
    struct announced *announced; /* likewise */
    struct overlay_counts counts;
};

/* ---- overlay.c ---- */
uint64_t overlay_draw(struct overlay *o);                      /* a random number */
struct tick overlay_after(struct overlay *o, int64_t base_ms); /* base to twice base from now */
struct link *overlay_find_link(struct overlay *o, link_no no);
struct link *overlay_link_to(struct overlay *o, peer_no peer, enum link_state state);
size_t overlay_open_links(const struct overlay *o);
struct link *overlay_random_link(struct overlay *o, const struct link *besides); /* open, or NULL */
uint32_t overlay_seconds(const struct overlay *o); /* since the start */
bool overlay_room_for(const struct overlay *o, size_t actions);
void overlay_act(struct overlay *o, enum overlay_action_kind kind, const struct link *link);
/* The caller fills it in; it goes to `link`. */
struct link_message *overlay_send(struct overlay *o, struct link *link, enum link_kind kind);
struct overlay_action *overlay_push(struct overlay *o, struct link *link, const struct id *id,
                                    uint8_t hops);
bool overlay_is_ignored(const struct overlay *o, const uint8_t short_id[LINK_SHORT_BYTES]);

/* ---- view.c ---- */
void view_start(struct overlay *o);
void view_peer(struct overlay *o, const struct overlay_event *event);
void view_peer_gone(struct overlay *o, peer_no peer);
enum err view_link_up(struct overlay *o, const struct overlay_event *event);
void view_link_down(struct overlay *o, const struct overlay_event *event);
enum err view_message(struct overlay *o, struct link *link, const struct link_message *message);
void view_tick(struct overlay *o);
struct tick view_deadline(const struct overlay *o);
struct tick view_next_ping(const struct overlay *o);
void view_close(struct overlay *o, struct link *link, enum overlay_end why);

/* Takes one of the links that we may give up for others; false when none is left. */
bool view_afford_room(struct overlay *o);
void view_dial(struct overlay *o, peer_no peer, enum neighbour_wish wish);
size_t view_dialling(const struct overlay *o);
bool view_may_dial(struct overlay *o, peer_no peer); /* neither linked, dialled nor shunned */
void view_may_have_whom_to_dial(struct overlay *o);

/* ---- book.c ---- */
void book_add(struct overlay *o, const struct overlay_event *event);
void book_remove(struct overlay *o, peer_no peer);
bool book_is_anchor(struct overlay *o, peer_no peer);
void book_name(struct overlay *o, peer_no peer);                   /* into the passive view */
void book_unname(struct overlay *o, peer_no peer);                 /* out of it */
void book_put_off(struct overlay *o, peer_no peer, uint32_t wait); /* seconds */
void book_has_failed(struct overlay *o, peer_no peer);
void book_has_met(struct overlay *o, peer_no peer);
void book_forgive(struct overlay *o); /* as if all had been reached last time */
void book_set_brought(struct overlay *o, peer_no peer, bool brought);
bool book_has_brought(struct overlay *o, peer_no peer);
void book_choose_anchors(struct overlay *o);
/* Whom to dial next; OVERLAY_NOBODY. */
peer_no book_choose(struct overlay *o);
bool book_may_dial(struct overlay *o, peer_no peer);
/* Out of the book; of those alone that have brought objects. */
peer_no book_choose_old(struct overlay *o, bool brought);
/* When there may be somebody to dial again. */
struct tick book_next_chance(struct overlay *o);

/* ---- walk.c ---- */
void walk_start(struct overlay *o, const struct link *joiner);
void walk_message(struct overlay *o, struct link *link, const struct link_message *message);
void walk_shuffle(struct overlay *o);

/* ---- tree.c ---- */
void tree_start(struct overlay *o); /* with the first step */
void tree_link_open(struct link *link, bool eager);
void tree_link_lost(struct overlay *o, const struct link *link, enum overlay_end why);
void tree_accepted(struct overlay *o, const struct overlay_event *event, struct link *from);
void tree_duplicate(struct overlay *o, struct link *link, const struct overlay_event *event);
/* It has sent what we have no use for now. */
void tree_turned_away(struct overlay *o, struct link *link, const struct id *id);
void tree_gone(struct overlay *o, const struct id *id); /* we have it not, and do not want it */
/* It leaves `objects`; the driver has its bytes still. */
void tree_keep(struct overlay *o, const struct id *id);
void tree_message(struct overlay *o, struct link *link, const struct link_message *message);
void tree_tick(struct overlay *o);
struct tick tree_deadline(const struct overlay *o);
void tree_finish(struct overlay *o);
bool tree_needs(const struct link *link); /* most of what comes, comes over it */
/* It did not bring what it said it had, to show that it does. */
bool tree_has_failed(const struct overlay *o, const struct link *link);
int64_t tree_mean_gap(const struct overlay *o); /* ms between fresh objects, of late */

/* ---- catch_up.c ---- */
void catch_up_link_open(struct overlay *o, struct link *link);
void catch_up_link_lost(struct link *link);
enum err catch_up_message(struct overlay *o, struct link *link, const struct link_message *message);
void catch_up_accepted(struct overlay *o, struct link *from);
void catch_up_drained(struct overlay *o, struct link *link);
void catch_up_tick(struct overlay *o);
struct tick catch_up_deadline(const struct overlay *o);

/* ---- score.c ---- */
/* Takes `cost` off what the window still allows; false when that is not there. */
bool score_afford(const struct overlay *o, struct link *link, uint16_t *used, size_t cost,
                  size_t most);
void score_open_window(const struct overlay *o, struct link *link);
/* It has brought or announced an object. */
void score_useful(struct overlay *o, struct link *link);
/* It has not for a while, though others have. */
bool score_is_idle(const struct overlay *o, const struct link *link);
/* May close the link. */
void score_fault(struct overlay *o, struct link *link, unsigned points);
bool score_is_shunned(const struct overlay *o, peer_no peer);
/* Seconds of this process's clock; in the past when it is not. */
uint32_t score_shunned_until(const struct overlay *o, peer_no peer);

#endif
