/* A world: several homes in one process, each the real core over a real store, with real crypto, on
 * a network, clock and disk that are made of a seed. The same seed gives the same trace, byte for
 * byte, so a failing run can be looked at again.
 *
 * What a home's ingest does, and what its owners say, is the test's. Everything a test does to a
 * home (world_ask and what is built on it) happens at the world's present time; world_run() lets
 * time pass. A home's turns are numbered through the world, so that a test can let one die at any
 * of them: between its steps and its commit, or between the commit and the release of its effects.
 *
 * The environment variable WORLD_JOURNAL prints every home's journal. */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include "crypto/age.h"
#include "crypto/keyfile.h"
#include "crypto/note.h"
#include "node/core/core.h"
#include "node/transport/transport.h"
#include "proto/ingest.h"

/* Wall time at the world's second 0: 2026-11-24T21:30:00Z. */
#define WORLD_BEGIN ((struct instant){INT64_C(1795555800000)})

enum {
    WORLD_HOMES_MAX = 1000,
    WORLD_OWNERS_MAX = 3,
    WORLD_CLIPS_MAX = 64, /* that one home holds at a time */
    WORLD_OUTSIDERS_MAX = 8,
    WORLD_REPLIES_MAX = 64,
    WORLD_LEAVES_MAX = 64,     /* pieces of a clip */
    WORLD_CHECKPOINTS_MAX = 64 /* kept of each home */
};

enum world_death {
    WORLD_LIVE,
    WORLD_DIES_BEFORE_COMMIT,
    WORLD_DIES_BEFORE_RELEASE,
    WORLD_COMMIT_FAILS, /* the disk is full; needs a world on disk */
};

enum world_footage {  /* what a home's ingest does with a request */
    WORLD_NO_CAMERA,  /* done, at once */
    WORLD_NO_FOOTAGE, /* done, after a random wait */
    WORLD_MATCH,      /* after a random wait a clip is sealed; then done */
};

struct world_clip { /* sealed, and told to the node */
    bool held;      /* the node has it on record */
    struct id request;
    struct clip_id clip;
    struct instant from, to;
    struct age_file_key key; /* what an owner would find in the header */
    struct id sha256;
    struct buffer header, payload;
    struct id leaves[WORLD_LEAVES_MAX];
    struct id root;
};

struct world_file {
    struct world_file *next;
    uint8_t name[32];
    bool leaves;   /* of an edited clip, under the same name */
    size_t synced; /* bytes from the start that a crash leaves */
    struct buffer data;
};

struct world_home {
    int number;
    size_t owner_count;
    struct owner_secret owners[WORLD_OWNERS_MAX];
    struct owner_public owner_publics[WORLD_OWNERS_MAX];
    struct keyset keys;
    struct sign_public node;
    struct sign_public log;
    struct box_public transport;
    struct id certificate;    /* zero until it has joined */
    struct siblings siblings; /* nodes of the same home; taken at its next start, or when said */
    struct store *store;
    struct core *core;   /* NULL while it is down */
    enum err failed;     /* the host error that stopped it */
    int64_t wall_skew;   /* milliseconds that its wall clock is ahead; not to change in a run */
    int64_t release_lag; /* a planted leak: its effects come out so much later */
    int64_t release_lag_until;
    int64_t reads_from; /* when its system takes bytes again: world_stall() */
    int64_t read_rate;  /* bytes a second that it takes off each connection; 0: all there are */
    int64_t sleeps_until;
    int64_t slept; /* in all: its monotonic clock has missed so much */
    bool ingest_down;
    size_t outsider_count; /* as its ingest knows them by the acts that it was told */
    struct world_outsider {
        struct id id;
        struct instant until;
        bool suspended;
    } outsiders[WORLD_OUTSIDERS_MAX];
    enum world_footage footage;
    int64_t match_wait;   /* at most so long, at random */
    size_t payload_plain; /* plaintext bytes of the clips that its ingest makes */
    uint64_t random;      /* of its ingest alone: what it draws moves nothing else */
    size_t clip_count;
    struct world_clip *clips[WORLD_CLIPS_MAX]; /* NULL: none in this place */
    struct world_file *delivered;
    struct world_file *edited;
    bool removal_fails;
    bool listing_fails; /* of its folders */
    bool disk_fails;    /* every file call answers ERR_HOST_DISK */
    size_t disk_room;   /* bytes that there are for delivered clips; 0: plenty */
    struct {
        uint64_t size;
        struct id root;
    } checkpoints[WORLD_CHECKPOINTS_MAX]; /* the newest that it published in its files */
    size_t checkpoint_count;
    char note[NOTE_MAX]; /* its file `checkpoint`, which outlives it */
    uint64_t next_link;
    int64_t last_tick;
    enum world_death death; /* to come; WORLD_LIVE: none */
    size_t death_at;        /* at this one of its turns, counted from 1 */
    bool died;              /* it has come */
    size_t turns;
    size_t starts;
    size_t write_count;
    uint8_t writes[32]; /* hash over the times of all turns that wrote to the store */
    size_t end_count, end_room;
    struct world_end *ends; /* of connections, that this home has open */
};

struct world_sight { /* something that arrived at the home that is watched */
    int64_t at;
    int from;
    enum {
        WORLD_SAW_CONNECTION,
        WORLD_SAW_BYTES,
        WORLD_SAW_END,
        WORLD_SAID /* by the home itself, to `from` */
    } what;
    size_t len;
};

/* A hostile one with a member's keys: its own transport, straight to one home, without a network
 * in between and without any core behind it. It may say anything. */
struct world_insider {
    struct world *world;
    struct world_insider *next;
    int home; /* whom it talks to */
    uint64_t link;
    bool open; /* the home has not closed yet */
    bool listens;
    int as; /* in whose name it listens */
    struct transport *transport;
    struct buffer heard; /* bytes from the home, not yet taken */
    size_t heard_bytes;  /* all that ever came */
};

/* Is told what leaves a home's core for its ingest, and what of its vault goes to whom. It may look
 * at everything and change nothing. */
struct world_observer {
    void *context;
    void (*ingest)(void *context, int home, const struct ingest_message *message);
    void (*footage)(void *context, int home, const struct clip_id *clip, int to);
};

struct world {
    int64_t now; /* milliseconds since WORLD_BEGIN */
    uint64_t seed;
    int64_t latency_min, latency_max; /* one way, milliseconds */
    bool mesh;                        /* false: only links with home 0 come about */
    const char *folder;               /* NULL: stores lie in memory */
    size_t home_count;
    struct world_home *homes;
    struct id community;
    int64_t rests; /* a home that died is started again after so long */

    int watched; /* -1: nobody */
    size_t sight_count, sight_room;
    struct world_sight *sights;
    struct world_insider *insiders;        /* those that talk now */
    const struct world_observer *observer; /* NULL: nobody */
    uint8_t trace[32];                     /* hash over everything that happened */

    uint64_t client; /* that asks and goes away */
    struct world_clock *clock;
    struct world_net *net;
    size_t reply_count;
    struct buffer replies[WORLD_REPLIES_MAX]; /* frames that answered the last question */
    struct control_reply reply;               /* the last of them, decoded */
};

/* `folder` NULL: in memory. Homes are made and started; none is in a community. */
struct world *world_create(uint64_t seed, size_t homes, const char *folder);
void world_destroy(struct world *world); /* NULL is fine */

/* ---- time ---- */

void world_run(struct world *world, int64_t ms);
/* Until `reached` says so; false when it has not after `ms`. */
typedef bool world_reached(struct world *world, void *context);
bool world_run_until(struct world *world, int64_t ms, world_reached *reached, void *context);
struct instant world_wall(const struct world *world, int home);
struct now world_now(const struct world *world, int home); /* of its two clocks */

/* ---- the network ---- */

void world_address(int home, char out[ADDRESS_MAX_BYTES]);
int world_home_at(const char *address);
/* Every end of a connection that a home has open and that bytes can pass, in one order for one
 * seed. `waiting`: bytes that it has sent and that its system has not got rid of. */
typedef void world_link_visit(void *context, int home, int peer, uint64_t link, size_t waiting);
void world_links_each(struct world *world, world_link_visit *visit, void *context);

/* ---- faults ---- */

/* To come at its `turns`th turn from now, 1 being the next; it starts again by itself. */
void world_doom(struct world *world, int number, enum world_death death, size_t turns);
void world_kill(struct world *world, int number);
MUST_USE enum err world_start(struct world *world, int home);
/* Nothing passes between them, and nobody is told; connections that there were stay dead. */
void world_cut(struct world *world, int a, int b, bool cut);
/* The same between all homes of one part and all of the other; part[i]: of home i. */
void world_part(struct world *world, const bool *part, bool cut);
void world_heal(struct world *world); /* nothing is cut any more */
/* What one says does not reach the other for so long; then it does, late. */
void world_hush(struct world *world, int from, int to, int64_t ms);
/* This home takes no bytes for so long: those who send to it find that it does not drain. */
void world_stall(struct world *world, int home, int64_t ms);
/* As a machine that is suspended: its wall clock goes on, its monotonic one does not. What comes
 * waits for it. It must not be asked anything meanwhile. */
void world_sleep(struct world *world, int number, int64_t ms);
bool world_is_up(const struct world *world, int home); /* started, and awake */

/* A frame from this home's ingest, at once. */
void world_ingest_say(struct world *world, int home, const struct ingest_message *message);
void world_siblings_say(struct world *world, int home); /* as home->siblings are now */

/* ---- an insider ---- */

/* Dials `home` with the keys of member `as`, which had better be down. request NULL: by the member
 * door, with `certificate` or, when it is empty, the member's own, and says NEIGHBOUR; else by that
 * request's delivery door. False: the home closed. */
bool world_insider_dial(struct world *world, int as, int home, const struct id *request,
                        struct bytes certificate, struct world_insider *out);
/* By the member door too, and says nothing. */
bool world_insider_knock(struct world *world, int as, int home, struct world_insider *out);
/* The same with the keys of a member that compares words (PROTOCOL 4.10). */
bool world_insider_compare(struct world *world, int as, int home, struct world_insider *out);
/* By the member door, as often as one likes: a home that shuns the member is started anew,
 * which makes it forget that. */
bool world_insider_return(struct world *world, int as, int home, struct world_insider *out);
/* In the name of member `as`, which had better be down: the next dial of `home` to it is answered.
 * world_insider_answer() waits for that, as the sponsor who gave out the invite `code`; false when
 * the home does not come, or closes. */
void world_insider_listen(struct world *world, int as, int home, struct world_insider *out);
bool world_insider_answer(struct world_insider *insider, const char *code);
void world_insider_hang_up(struct world_insider *insider);
/* False: the home closed. */
bool world_insider_say(struct world_insider *insider, const struct link_message *message);
bool world_insider_say_bytes(struct world_insider *insider, uint8_t type, struct bytes body);
/* Takes the next message off what was heard; false when there is none. *out borrows. */
bool world_insider_hear(struct world_insider *insider, struct link_message *out);
/* A signed object as gossip; true when the home did not close. */
bool world_insider_gossip(struct world_insider *insider, struct bytes object);

/* ---- what people do ---- */

/* Asks as `stoop` does; the answers lie in world->replies, the last one in world->reply. Returns
 * what DONE says, ERR_OK when the answer was another or is yet to come. */
enum err world_ask(struct world *world, int home, const struct control_request *request);
void world_client_down(struct world *world, int home); /* who asked is gone */

struct world_terms { /* of the community that world_found() makes */
    uint32_t slot_s;
    uint32_t live_requests; /* 0: the default */
    uint32_t invite_allowance;
    size_t administrators; /* the first owners of so many homes from the first on; 0: of one */
    uint32_t threshold;    /* of whom so many decide; 0: one */
    bool directory;        /* with the number of the warrants' and emergencies' "Riverside PD" */
};
#define WORLD_NUMBER "+1 951 555 0100"
void world_found(struct world *world, int number, const struct world_terms *terms);
/* An invite's code; life in milliseconds. */
void world_invite(struct world *world, int sponsor, enum member_role role, int64_t life,
                  char code[CODE_MAX_BYTES]);
/* For a home, and for a day; it may invite so many in turn. */
void world_invite_to_invite(struct world *world, int sponsor, uint32_t allowance,
                            char code[CODE_MAX_BYTES]);
/* Returns at once with the first answer; the join goes on. */
enum err world_join(struct world *world, int number, const char *code);
/* Founds, invites, joins, until every home is linked with every other (or with home 0). */
void world_settle(struct world *world, const struct world_terms *terms);
/* The same for the first `count`, which may be many and are all down afterwards. The allowance is
 * its own. */
void world_populate(struct world *world, size_t count, const struct world_terms *terms);
/* All that are down start within so many milliseconds, at random, which go by. */
void world_start_all(struct world *world, int64_t within_ms);
size_t world_links(struct world *world, int home);
bool world_is_member(struct world *world, int home);
/* The same from its store, without a turn; fills in the home's certificate. */
bool world_certificate(struct world *world, int home);

/* A voluntary request of this home for a minute of footage, that no rule refuses and that lives for
 * `life` milliseconds; and a search warrant. */
void world_voluntary(struct world *world, int number, int64_t life, struct request *out);
void world_warrant(struct world *world, int number, int64_t life, struct request *out);
/* Signed by the owner of that home; returns its id. *out is initialised here. */
struct id world_sign_request(struct world *world, int number, const struct request *request,
                             struct buffer *out);
enum err world_request(struct world *world, int number, const struct request *request,
                       struct id *id);
/* The same for its withdrawal, which ends at `expires`: the request's end, if it is to count. */
struct id world_sign_withdrawal(struct world *world, int number, const struct id *request,
                                struct instant expires, struct buffer *out);
enum err world_withdraw(struct world *world, int number, const struct id *request,
                        struct instant expires);
/* A record that this home called about the request, as its owner would make it: confirmed. */
void world_call(struct world *world, int number, const struct id *id, const struct request *request,
                struct call_back *out);
struct id world_sign_call(struct world *world, int number, const struct call_back *call,
                          struct buffer *out);
enum err world_call_put(struct world *world, int number, const struct call_back *call,
                        struct id *id);
bool world_has_object(struct world *world, int home, const struct id *id);

struct world_clip *world_clip(struct world *world, int number, const struct id *request);
/* The grant that an honest owner would sign. */
void world_grant(struct world *world, int number, const struct world_clip *clip, struct grant *out);
/* Signs with the owners from `first` on, `count` of them, and gives it to the node with a header
 * for its recipient. *id when not NULL. */
enum err world_grant_put(struct world *world, int number, const struct world_clip *clip,
                         const struct grant *grant, size_t first, size_t count, struct id *id);
enum err world_decline(struct world *world, int number, const struct world_clip *clip);
/* The secret of world_voluntary()'s and world_warrant()'s request key. */
void world_request_secret(int home, struct box_secret *out);

/* ---- governing ---- */

/* An act to follow what `home` holds now; nothing is decided in it yet. */
void world_act(struct world *world, int home, struct act *out);
/* An owner of this home endorses it; the body is encoded anew each time, alike. `key`: what a
 * removal in it adds to the epoch key, NULL where somebody else begins it. *id of the act, when not
 * NULL. */
enum err world_endorse(struct world *world, int home, const struct act *act, const uint8_t *key,
                       struct id *id);
/* What lets each side ask the other for 30 days, as `home` has the time; the sides are to come. */
void world_treaty(const struct world *world, int home, struct treaty *out);
/* The side of that home's community; the home's node is its clerk. */
void world_treaty_side(const struct world *world, int home, struct treaty_side *out);
/* With a community that there is not: whoever signs for it is nobody. */
void world_treaty_with_nobody(const struct world *world, int home, struct treaty *out);
/* An owner of `home` endorses the act that makes it, now; *id of the treaty. */
enum err world_treaty_make(struct world *world, int home, const struct treaty *treaty,
                           struct id *id);
/* An owner of `home` removes a member, with a key that follows from both; itself: it leaves. */
enum err world_remove(struct world *world, int home, int member, bool subtree);
enum err world_remove_id(struct world *world, int home, const struct id *member, bool subtree);
/* A certificate that `sponsor` signs for home `as`, which need not have asked for one, as of any
 * time; `random`: of its invite. Nothing is told to anyone. *out is initialised here. */
struct id world_certify(struct world *world, int sponsor, int as, struct instant created,
                        uint64_t random, struct buffer *out);
/* An object comes to `home`, from nobody: what is said of it. */
enum err world_take(struct world *world, int home, struct bytes object);
/* The epoch key of a home, and its newest act. */
void world_epoch(const struct world *world, int home, uint8_t out[EPOCH_KEY_BYTES]);
bool world_same_epoch(const struct world *world, int a, int b);
struct id world_newest_act(const struct world *world, int home);

/* ---- what has come of it ---- */

/* How many clips this home has whole, header and all, for `request`. */
size_t world_delivered(struct world *world, int number, const struct id *request);
/* Bytes of all that has come, whole or not. */
size_t world_disk_used(const struct world_home *home);
size_t world_disk_edited_count(const struct world_home *home); /* files, leaves too */
/* The delivered clip opens and is the very plaintext. */
bool world_delivered_opens(struct world *world, int home, const struct id *request,
                           const struct world_clip *clip);
/* The same of this grant's. */
bool world_grant_opens(struct world *world, int number, const struct id *grant,
                       const struct world_clip *clip);
/* Leaves from the store give the root that the node signs; every opening is that of its leaf; every
 * checkpoint that was ever published is a prefix of it. */
bool world_log_verifies(struct world *world, int home);
/* Lines of the log, openings included, that begin with `words`. */
size_t world_log_count(struct world *world, int number, const char *words);

#endif
