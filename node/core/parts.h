/* What the files of core share. Private to node/core/.
 *
 *   core.c          life, turns, effects: routes every event
 *   links.c, .h     the table of links: who has a place in it, and for how long
 *   doors.c         at which doors it answers, and what passes there
 *   gossip.c        signed objects: taken, stored, forwarded
 *   gossip_judge.c  whether one counts
 *   neighbours.c    links between members: what the overlay says is carried out
 *   attachments.c   the documents that requests name
 *   address_book.c  whom this home has known, over a restart
 *   join.c          founding, inviting, joining
 *   acts.c          what administrators decide together
 *   standing.c      removals, homes that leave, renewals
 *   epoch.c         the key of the member door
 *   away.c          those who were away catch up with it
 *   outside.c       outsiders: their homes' doors, and the node of one
 *   shown.c         who grants shows an outsider that it is a member
 *   meet.c          a spoken code in place of an invite's
 *   compare.c       two members' owners compare words
 *   rolls.c         who belongs to this community, for those of another
 *   border.c        what crosses into this community
 *   gateway.c       what crosses out of it, carried by a home that is in both
 *   siblings.c      the home's other nodes come and go
 *   taken_back.c    requests that their author takes back
 *   called.c        agencies that members have called back
 *   withheld.c      requests that a court keeps secret: on record, and published on the day
 *   told.c          what ingest is told of the community, a part in each turn
 *   clips.c         granting: ingest, consent, sending
 *   edited.c        what owners hand back in place of a sealed clip
 *   received.c      what others grant us: offers, receipts, deletion
 *   delivery.c      what sending and receiving have in common: a link, the transfer engine
 *   owed.c          what askers have received and not deleted, as the community knows it
 *   work.c          what blocks, on other threads
 *   record.c        the log: leaves, slots, files, proofs
 *   witness.c       heads: ours cosigned by neighbours, theirs by us; forks
 *   peers.c         what the owner is told about links
 *   control.c       what `stoop` asks, with control_*.c and answer.h */
#ifndef NODE_CORE_PARTS_H
#define NODE_CORE_PARTS_H

#include "crypto/merkle.h"
#include "node/community/community.h"
#include "node/consent/consent.h"
#include "node/core/core.h"
#include "node/core/links.h"
#include "node/log/log.h"
#include "node/overlay/overlay.h"
#include "node/overlay/rate.h"
#include "node/request/request.h"
#include "node/transfer/transfer.h"
#include "node/transport/transport.h"
#include "proto/control.h"
#include "proto/ingest.h"
#include "proto/log_head.h"
#include "proto/meet.h"
#include "proto/treaty.h"

enum {
    JOIN_TIME_MS = 60 * 1000,
    SPOKEN_MAX = 4,                           /* codes that are out at a time */
    COMPARISONS_MAX = 4,                      /* likewise */
    COMPARE_TIME_MS = 5 * DURATION_MINUTE_MS, /* for two people to come to their keyboards */
    RECORD_REFRESH_MS = DURATION_DAY_MS,
    COPY_ANSWER_MS = 30 * 1000,           /* between two node records in answer to a copy's, */
    COPY_ANSWER_MAX_MS = DURATION_DAY_MS, /* doubled each time */
    OBJECT_LIFE_MAX_MS = 7 * DURATION_DAY_MS,
    FUTURE_MAX_MS = 15 * DURATION_MINUTE_MS,
    COMMITMENTS_MAX = 64,       /* live receipt commitments of one author, and as many live deletion
                                   receipts (PROTOCOL 5.1) */
    WITHDRAWALS_MAX = 64,       /* likewise */
    CALLS_MAX = 64,             /* likewise: requests that one home called back about */
    UNKNOWNS_MAX = 16,          /* and objects of kinds that this version does not know */
    FILES_AFTER_MS = 1000,      /* what neighbours take to cosign a head */
    FILES_RETRY_MS = 60 * 1000, /* after the disk was full */
    ATTACHMENT_RETRY_MS = 3000,
    WANTING_AT_ONCE = 32,       /* requests whose documents are looked for anew, of 1024 at most */
    HANDED_TIME_MS = 10 * 1000, /* between two parts of a document that an owner hands over */
    ATTACHMENTS_MAX = 512 * 1024 * 1024,
    ENDINGS_A_SLOT = LOG_SLOT_ENTRIES_MAX / 2, /* each leaves two entries */
    HELD_MAX = 4 * INGEST_FRAME_MAX,
    CERTIFICATES_KEPT = 256,     /* those of who asks: ingest gets them with each request */
    CERTIFICATE_PLACES = 4,      /* where one may be, from its id's on: they meet */
    KEPT_CERTIFICATE_MAX = 1024, /* hardly any is longer; those are read each time */
    UPKEEP_EVERY_MS = 30 * 1000,
    CATCH_UPS_MAX = 16,     /* parts of the epoch key that open the catch-up door */
    EPOCHS_PENDING = 16,    /* parts that came before their removals */
    NAMED_PLACES = 65536,   /* many more than requests are taken back between two starts */
    OUTSIDE_RETRY_MS = 500, /* doubled each time */
    OUTSIDE_RETRY_MAX_MS = 30 * 1000,
    OUTSIDE_PING_MS = 45 * 1000,   /* of an outsider's node: less than IDLE_TIME_MS */
    OUTSIDE_AGAIN_MS = 90 * 1000,  /* a door looks again at what it ignored a minute ago */
    OUTSIDE_LIFE_MS = 3600 * 1000, /* PROTOCOL 3.5 */
    CARRIES_MAX = 1024,
    CARRY_AGAIN_MS = 60 * 1000,
    GATEWAYS_OF_ONE = 4 * TREATIES_MAX, /* live ones: each is renewed before it ends, may be taken
                                           back then, and given again */
    CROSSINGS_OF_ONE = 256,
    OVERDUE_GRACE_MS = 2 * DURATION_DAY_MS, /* for clocks, and homes that are away */
};

/* What an answered door was about, by its tag. */
struct door_ref {
    struct id about; /* invite or request */
};

struct join {
    bool active;
    uint64_t client; /* 0: nobody waits any more */
    struct invite_code code;
    size_t next_address;
    uint64_t link;
    struct tick give_up;
    struct tick retry;
    struct buffer ask;     /* signed member body */
    struct buffer objects; /* what JOIN_MEMBER brought: u32 length, bytes */
    struct buffer parts;   /* what EPOCH brought: removal, key */
};

/* A spoken code that is out. It is nowhere but here: no restart, and no backup that is put back,
 * gives it a second attempt. */
struct spoken {
    uint64_t client; /* who made it, and waits; 0: free */
    struct id tag;   /* 16 bytes, then zeros */
    struct tick expires;
    char words[MEET_CODE_BYTES];
    char code[CODE_MAX_BYTES]; /* the invite */
    uint64_t link;             /* whose attempt it is; 0: none has begun */
    struct cpace_keys keys;
};

/* The other side of one: this home was told the words. */
struct knock {
    uint64_t client; /* 0: none */
    struct introduction introduction;
    char words[MEET_CODE_BYTES];
    size_t next_address;
    uint64_t link;
    struct tick give_up, retry;
    bool begun;  /* the attempt: there is no other */
    bool proved; /* the sponsor knows the words: it may send the code */
    struct cpace_secret secret;
    struct cpace_point point;
    struct cpace_keys keys;
};

/* An owner compares words with the owner of another home. */
struct comparison {
    uint64_t client; /* 0: free */
    struct id peer;
    uint8_t commitment[MEET_NONCE_BYTES];
    uint8_t nonce[MEET_NONCE_BYTES];
    bool reveals;             /* the nonce is there, and may be sent */
    bool committed, revealed; /* by the peer */
    uint8_t peer_commitment[MEET_NONCE_BYTES];
    uint8_t peer_nonce[MEET_NONCE_BYTES];
    bool waits; /* the client, for the next of them */
    struct tick give_up, retry;
};

struct core_work {
    enum core_work_kind {
        WORK_NONE,
        WORK_STORE,
        WORK_SYNC,
        WORK_REMOVE, /* of each kind of file one at a time */
    } kind;
    const struct core_disk *disk;
    enum core_file file; /* delivered or edited */
    struct id name;
    struct transfer_block *block; /* STORE */
    uint64_t receiver;            /* SYNC */
    enum err result;
};

/* A home that serves this node as its door. */
struct outside_door {
    struct door_code code;
    uint64_t link; /* 0: none */
    unsigned failed;
    struct tick retry; /* the next dial; while a link stands, the next ping */
    struct tick again; /* when all of ours is said again */
};

/* What an outsider's node has beside what every node has (PROTOCOL 4.11). */
struct outside {
    bool applied;
    struct id certificate; /* its own */
    size_t door_count;
    struct outside_door doors[OUTSIDER_DOORS_MAX];
    uint64_t tells;        /* the link that brings the community's acts for the first time */
    struct buffer charter; /* what that has brought: the founding charter, */
    struct buffer acts;    /* then u32 length, bytes each */
};

/* The psk0's secret of an outsider's door: an agreement of keys is not cheap. */
struct outsider_secret {
    struct box_public transport;
    uint8_t b[32];
    bool good;
};

/* A certificate as it is stored: a row of one is never changed. */
struct kept_certificate {
    struct id id;
    size_t len; /* 0: none */
    uint8_t bytes[KEPT_CERTIFICATE_MAX];
};

struct way { /* of an object, as its GOSSIP said; zero: ours, or not by gossip */
    uint8_t hops;
    bool everywhere;
};

/* What is pushed: one object goes over many links, the same way over most. */
struct pushed {
    struct id id;
    struct bytes object; /* where it is at hand; borrowed while the overlay's actions are done */
    struct way way;
    struct buffer body; /* as GOSSIP carries it; empty: not made yet */
};

/* One that is gone, whose id was announced a moment ago: it may still be asked for. */
struct kept_object {
    struct id id;
    struct tick until;
    struct buffer object;
};

/* An edited clip that a client hands over: its pieces, then the header, then the grant. */
struct handing {
    enum handing_state {
        HANDING_FREE,
        HANDING_PIECES,
        HANDING_SYNC, /* all of it is here, on its way to the disk */
        HANDING_KEPT,
    } state;
    uint64_t client; /* 0: it went while this was being written */
    struct clip_id clip;
    struct id root;
    uint64_t total, have;
    uint64_t pieces; /* that are here */
    struct merkle_edge tree;
    struct buffer header; /* for the owners */
};

/* What we last signed of our log, with the cosignatures that have come. */
struct log_head {
    uint64_t size; /* 0: none yet */
    size_t cosigned;
    char note[NOTE_MAX];
};

/* Another copy of this home that runs too, as by a backup that was put to use: it says where it is,
 * by the same keys. */
struct copy {
    struct id said; /* our own newest node record; zero: none since the start */
    struct id seen; /* the newest that we have not said, */
    struct instant seen_at;
    struct tick answered; /* when we said ours again for that reason alone */
    int64_t wait_ms;      /* until we do so the next time; 0: we have not */
};

/* What ingest has still to be told: acts in their order, then requests in that of their ids. */
struct telling {
    uint32_t acts;     /* so many it was told, the founding charter the first */
    bool open;         /* requests that it has not answered come next: */
    bool outsiders;    /* those of outsiders alone, */
    struct id account; /* of this one; zero: of any */
    struct id after;   /* that follow this one */
};

/* What this home has to do with treaties. */
struct border {
    struct { /* the newest roll that says what this home knows: by it members can be shown */
        struct id roll;
        struct instant created; /* 1970: none */
        size_t count;
        struct id ids[ROLL_MEMBERS_MAX]; /* rising */
    } known;
    struct far { /* of one treaty's other side: what its clerks said last */
        struct id treaty;
        struct roll rolls[CLERKS_MAX]; /* created 1970: none came here */
    } far[TREATIES_MAX];
    struct carry { /* as a gateway: what is to cross */
        bool used;
        struct id object, treaty, to; /* community */
        enum object_kind kind;
        struct tick ready; /* when its turn has come among the gateways */
        struct tick due;
    } carries[CARRIES_MAX];
    enum standing_there { /* whether this home belongs to the community of its other node */
        THERE_UNKNOWN,    /* that one has not answered yet */
        THERE_BELONGS,
        THERE_LEFT,
    } there[SIBLINGS_MAX];
    unsigned failed[SIBLINGS_MAX]; /* dials in a row */
    struct tick dial_due[SIBLINGS_MAX];
    struct crossed crossed; /* of the crossing that was judged last */
    struct far judged;      /* what is known of its side with the roll that it brings */
    enum err effect;        /* of it here; ERR_OK: it has one */
};

struct core {
    struct core_config config;
    struct store *store;
    struct now now; /* of the event that is stepped */
    uint64_t random_count;
    uint8_t random[32]; /* drawn ahead for core_random() */
    size_t random_left; /* bytes of them */
    bool in_turn;

    struct sign_public node_public, log_public;
    struct box_public transport_public;
    struct id self;   /* own certificate; zero before there is one */
    bool is_member;   /* of a community, or its outsider */
    bool is_outsider; /* the latter: it asks, and has no part of the epoch key */
    uint8_t epoch_key[EPOCH_KEY_BYTES];
    size_t catch_up_count;
    struct store_epoch catch_ups[CATCH_UPS_MAX]; /* the newest first */
    struct store_epoch epochs_pending[EPOCHS_PENDING];
    size_t epoch_next;
    uint8_t dials_failed[COMMUNITY_MEMBERS_MAX]; /* in a row, of each member */

    struct community *community;
    struct overlay *overlay; /* NULL until is_member */
    struct rate *rate;       /* likewise */
    struct requests *requests;
    struct consent *consent;
    struct transfer *transfer;
    struct log *log;
    struct transport_replay *replay;
    struct border *border;

    struct link links[CORE_LINKS_MAX];
    uint64_t next_link; /* even */
    bool doors_stale;
    size_t door_count;
    struct transport_door_key doors[TRANSPORT_DOORS_MAX];
    struct door_ref door_refs[TRANSPORT_DOORS_MAX];

    struct join join;
    struct outside outside;
    size_t outsider_secret_next;
    struct outsider_secret outsider_secrets[OUTSIDERS_MAX];
    struct spoken spoken[SPOKEN_MAX];
    struct knock knock;
    struct comparison comparisons[COMPARISONS_MAX];
    bool ingest_up;
    struct telling telling;
    struct copy copy;
    struct buffer held;          /* frames of ingest that wait for the slot: u32 length, bytes */
    struct ingest_message taken; /* the matches of a slot, for ingest to know */
    bool camera_list_waits;      /* for ingest to judge it: its place in the log is kept */
    bool camera_list_known;      /* ingest has said which one it has, since it came up */
    uint64_t camera_list_version;
    uint64_t camera_client; /* waits for ingest's word on its camera list */
    struct log_head head;   /* the newest checkpoint */
    struct tick head_due;   /* not before, when the log has grown */
    struct tick files_due;  /* its file is to be written; TICK_NEVER: it is up to date */
    uint64_t files_size;    /* tree size that the tiles show */
    size_t fork_count;      /* logs that we have proof of a fork of */
    struct sign_public forked[STORE_FORKS_MAX];
    bool say_succeeded; /* the log key was; the journal does not know yet */
    struct tick attachment_due;
    struct id attachment_after;   /* which one is asked for */
    struct id attachment_account; /* who had the last turn of those that are due */
    uint64_t attachment_link;     /* whose turn it is; 0: nobody's yet */
    uint32_t attachment_at;       /* so much of it has come in this turn */
    struct {
        struct id sha256;
        struct tick until;
    } handed[CORE_CLIENTS_MAX]; /* documents by owners, who go on with them until then, or not */
    struct id wanting_after;    /* which request's documents were looked for anew last */
    struct tick upkeep_due;
    size_t ending_count;
    struct ending { /* an outsider with requests that live, and its time is over */
        struct id outsider;
        struct tick end; /* when those end, if no act comes */
        bool late;       /* so it was at the last upkeep */
    } endings[COMMUNITY_OUTSIDERS_MAX + 1];
    bool named[NAMED_PLACES]; /* those of the requests that something takes back */
    bool shredded;            /* in this turn, perhaps: cut the write-ahead log off after it */

    struct handing handings[CORE_CLIENTS_MAX];
    /* Blocks, receivers, handings, and a removal of each kind. */
    struct core_work works[TRANSFER_BLOCKS_MAX + TRANSFER_RECEIVES_MAX + CORE_CLIENTS_MAX + 2];
    bool work_waits; /* among this turn's effects */

    size_t effect_count;
    struct core_effect effects[CORE_EFFECTS_MAX];
    size_t effect_at[CORE_EFFECTS_MAX]; /* where its data begins in `bytes` */
    struct buffer bytes;

    struct overlay_members overlay_members;
    struct overlay_actions *overlay_actions; /* large; most of it is hardly ever touched */
    struct pushed pushed;
    size_t kept_count;
    struct kept_object *kept; /* OVERLAY_SAID_MAX at most, of 16 KiB; NULL while there is none */
    struct buffer charter;    /* signed object, once there is one */
    struct buffer chain;      /* what one request goes to ingest with */
    struct kept_certificate *certificates; /* CERTIFICATES_KEPT of them, by their ids */
    struct id book_kept;                   /* hash of the address book as it is in the store */
    struct link_message message;
    struct control_reply reply;
};

/* ---- core.c ---- */
bool core_is_fatal(enum err err); /* the node must stop: it cannot write, or remember */
uint64_t core_random(struct core *core);
void core_random_bytes(struct core *core, uint8_t *out, size_t len);
void core_journal(struct core *core, const char *format, ...) PRINTF_LIKE(2, 3);
enum err core_effect(struct core *core, const struct core_effect *effect, struct bytes data);
/* `about`: certificate, invite or grant. 0 when every link is taken. */
enum err core_dial(struct core *core, enum link_purpose purpose, const struct id *about,
                   const char *address, const struct transport_door_key *door,
                   const struct box_public *responder, struct bytes payload, uint64_t *out);
enum err core_send(struct core *core, struct link *link, const struct link_message *message);
/* The same of a message that is encoded already. */
enum err core_send_body(struct core *core, struct link *link, enum link_kind kind,
                        struct bytes body);
/* What was sealed into the turn's bytes from `before` on goes out; there is room for the effect. */
void core_give(struct core *core, struct link *link, size_t before);
void core_give_effect(struct core *core, const struct core_effect *effect, size_t before);
enum err core_close(struct core *core, struct link *link, const char *why);
bool core_may_dial(const struct core *core, const char *address);
enum err core_become_member(struct core *core); /* from what the store holds */
enum err core_own_certificate(struct core *core, struct buffer *out);
/* Made by this home; or by this outsider, or one of its officers. */
bool core_is_ours(const struct core *core, const struct id *author);
/* Who is at the other end of an established link: its certificate must lead back to the charter, be
 * current, about the very static key that the handshake has proved and, where we dialled, the one
 * that we dialled. Then link->about is its id. */
enum err core_know_member(struct core *core, struct link *link, struct bytes payload);

/* ---- doors.c ---- */
/* Where this home answers, and what each door is about: anew where core->doors_stale. */
enum err doors_fill(struct core *core);
/* A key to one, with what passes there. */
void doors_key(enum transport_door door, struct bytes secret, const struct id *community,
               uint32_t tag, struct transport_door_key *out);

/* ---- outside.c ---- */
/* This node's: `member` is its signed certificate but for the node's own signature, `doors` what
 * STORE_OUTSIDE begins with. *complete: the certificate, whole; that of an earlier application by
 * the same, which stays the one to be let in, unless it is `anew`.
 *
 * ERR_USER_EXISTS  it belongs to a community, or has applied as somebody else
 * ERR_PEER_BOUNDS, ERR_USER_SYNTAX  no outsider's, or doors that are none of its community's */
enum err outside_apply(struct core *core, struct bytes member, struct bytes doors, bool anew,
                       struct buffer *complete);
enum err outside_load(struct core *core);
enum err outside_officer(struct core *core,
                         struct bytes bytes); /* signed by an owner of this one */
void outside_doors(struct core *core); /* appends those of the outsiders whom this home serves */
enum err outside_established(struct core *core, struct link *link);
enum err outside_message(struct core *core, struct link *link, const struct link_message *message);
enum err outside_drained(struct core *core, struct link *link);
enum err outside_link_down(struct core *core, const struct link *link);
struct tick outside_deadline(const struct core *core);
enum err outside_tick(struct core *core);
/* An object of this outsider's was accepted: its doors get it. */
enum err outside_push(struct core *core, const struct store_object *row);
/* An act came to count: the outsiders whom this home serves hear of it. `rewound`: in the place of
 * others. */
enum err outside_act(struct core *core, bool rewound);
/* Certificates that acts brought have rows like all others. */
enum err outside_keep_certificates(struct core *core);
/* One that an act brings: it travels in no other way. */
bool outside_by_act(const struct core *core, const struct store_object *row);
/* It asks for a document with this hash, so it may be asked for it. */
bool outside_may_have(struct core *core, const struct id *outsider, const struct id *sha256);

/* ---- shown.c ---- */
/* Of a home that delivers: its own chain, before the offer. */
enum err shown_send(struct core *core, struct link *link);
enum err shown_take(struct core *core, struct link *link, struct bytes part);
/* What has come leads from a founder to this certificate, and all of it belongs today: from now on
 * it is known here. */
enum err shown_judge(struct core *core, struct link *link, const struct id *certificate);

/* ---- meet.c ---- */
enum err meet_invite(struct core *core, uint64_t client, const struct control_request *request);
enum err meet_join(struct core *core, uint64_t client, const struct control_request *request);
void meet_doors(struct core *core); /* appends those of the codes that are out */
enum err meet_established(struct core *core, struct link *link);
enum err meet_message(struct core *core, struct link *link, const struct link_message *message);
enum err meet_link_down(struct core *core, const struct link *link);
enum err meet_client_down(struct core *core, uint64_t client);
struct tick meet_deadline(const struct core *core);
enum err meet_tick(struct core *core);

/* ---- compare.c ---- */
enum err compare_commit(struct core *core, uint64_t client, const struct control_request *request);
enum err compare_reveal(struct core *core, uint64_t client, const struct control_request *request);
enum err compare_established(struct core *core, struct link *link, struct bytes payload);
enum err compare_message(struct core *core, struct link *link, const struct link_message *message);
enum err compare_client_down(struct core *core, uint64_t client);
struct tick compare_deadline(const struct core *core);
enum err compare_tick(struct core *core);

/* ---- gossip.c ---- */
/* link NULL: our own. ERR_OK also when it was ignored; PEER errors are the link's fault. */
enum err gossip_take(struct core *core, struct link *link, struct bytes bytes, struct way way,
                     enum err *verdict);
/* `from` 0: our own, or not by gossip. */
enum err gossip_accept(struct core *core, uint64_t from, struct way way,
                       const struct signed_object *object, const struct head *head,
                       struct bytes bytes);
/* Of all that is stored. What is still wanted is said by the overlay. */
enum err gossip_start(struct core *core);
/* Those certificates on disk that are not known yet, as far as their sponsors are. */
enum err gossip_load_members(struct core *core);
enum err gossip_message(struct core *core, struct link *link, const struct link_message *message);
enum err gossip_publish_record(struct core *core);
enum err gossip_tick(struct core *core);
enum err gossip_forget(struct core *core); /* what has ended, and nothing refers to */
enum err gossip_record_request(struct core *core, const struct id *id,
                               const struct request *request, uint64_t *index);
/* A request was accepted and is stored as this row; `again`: it was there before. */
enum err gossip_after_request(struct core *core, const struct request *request,
                              const struct store_object *row, bool again);
/* One of ours, signed by our node key: accepted as if it had come. `body` is its body. */
enum err gossip_publish(struct core *core, enum object_kind kind, const struct head *head,
                        const struct buffer *body);
enum err gossip_append_certificate(struct core *core, const struct id *id, struct buffer *out);

/* ---- gossip_judge.c ---- */
/* The rate is asked first, and spent by who calls: whoever is over it costs no verification, and
 * only what was verified counts. *request gets the body of one. */
enum err gossip_judge(struct core *core, const struct signed_object *object,
                      const struct head *head, const struct rate_object *load, struct bytes bytes,
                      struct request *request);
/* The rules of our charter and of legal process; a refusal goes on record. */
enum err gossip_judge_rules(struct core *core, const struct id *id, const struct request *request,
                            const struct asker *asker);
/* Only the newest of a kind and an author lives. ERR_DENY_QUOTA: this is not it. */
enum err gossip_judge_newest(struct core *core, const struct signed_object *object,
                             const struct head *head);
bool signed_by_owner(const struct signed_object *object, const struct member *member); /* any */

/* ---- neighbours.c ---- */
/* From now on core->overlay is there, and knows nobody yet. */
enum err neighbours_start(struct core *core);
/* Runs one event through the overlay and carries out what it says. */
enum err neighbours_run(struct core *core, const struct overlay_event *event);
/* The same where the object with the id that it is about is at hand. */
enum err neighbours_run_about(struct core *core, const struct overlay_event *event,
                              struct bytes object);
/* The peer has sent what no correct one sends: it is shunned, and its link goes. */
enum err neighbours_fault(struct core *core, struct link *link);
/* A node record of this member is there: it can be dialled. */
enum err neighbours_know(struct core *core, const struct id *certificate);
/* OVERLAY_NOBODY for who is not in standing. */
peer_no neighbours_peer(const struct core *core, const struct id *certificate);
/* In standing or not, removed or not; OVERLAY_NOBODY for who is not known. */
peer_no neighbours_number(const struct core *core, const struct id *certificate);
/* Dials a member where its node record says, by one of the doors that the epoch key opens; *out is
 * the link. ERR_USER_NOT_FOUND: no address that this node may dial. */
enum err neighbours_dial(struct core *core, enum link_purpose purpose, enum transport_door door,
                         const struct id *peer, uint64_t *out);
/* Dials this member now, whatever the overlay thinks of it. */
enum err neighbours_dial_member(struct core *core, const struct id *certificate);
void neighbours_forget(struct core *core); /* the objects that are gone, and nobody asks for now */

/* ---- acts.c ---- */
enum err acts_load(struct core *core); /* the founding charter is in place */
/* ERR_DENY_CHARTER also for one that loses against what counts here; it is noted. */
enum err acts_judge(struct core *core, const struct signed_object *object, struct bytes bytes);
enum err acts_take(struct core *core, const struct signed_object *object); /* judged, and stored */
enum err acts_judge_endorsement(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author);
/* By an owner of this home; `key`: what a removal that begins here adds to the epoch key, or empty.
 */
enum err acts_endorse(struct core *core, struct bytes bytes, struct bytes key);
enum err acts_endorsed(struct core *core, const struct signed_object *object);
/* An act counts, or an endorsement is of one that could come next. */
enum err acts_is_current(const struct core *core, const struct store_object *row, bool *out);

/* ---- standing.c ---- */
enum err standing_load(struct core *core); /* members are in place */
enum err standing_judge_removal(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author);
enum err standing_remove(struct core *core, struct bytes bytes, struct bytes key); /* by an owner */
enum err standing_removal(struct core *core, const struct signed_object *object);
/* `by`: the removal or act, which the community has taken. */
enum err standing_removed(struct core *core, const struct removed *removed, const struct id *by);
/* Those that community_take_displaced() names: as if they had been removed, and never brought in.
 */
enum err standing_displaced(struct core *core);
enum err standing_admitted(struct core *core, const struct id *member); /* and what follows */
/* The requests of an outsider and its officers end; `by`: the act. */
enum err standing_suspended(struct core *core, const struct id *outsider, const struct id *by);
enum err standing_judge_renewal(struct core *core, const struct signed_object *object,
                                const struct head *head, const struct member *author);
enum err standing_renewal(struct core *core, const struct signed_object *object);
/* What chain_verify() takes: each certificate, and the renewal that counts for it. 0: not known, or
 * displaced and not kept. */
size_t standing_chain(const struct core *core, const struct id *certificate,
                      struct id out[CHAIN_PARTS_MAX]);
/* What decides who is a member: it lives longer than other objects, and is caught up with. */
bool standing_lasts(enum object_kind kind);
enum err standing_tick(struct core *core);
/* By what this home knows its time or a sponsor's has run out, and nobody has removed it: all may
 * have been renewed while it was away. */
bool standing_is_behind(const struct core *core);

/* ---- epoch.c ---- */
enum err epoch_load(struct core *core); /* acts and removals are in place */
enum err epoch_changed(struct core *core, const struct id *removal); /* one has come to count */
/* A part of our own making, before its removal. */
enum err epoch_offer(struct core *core, const struct id *removal,
                     const uint8_t key[EPOCH_KEY_BYTES]);
/* What a peer says: ERR_PEER_SIGNATURE when the removal commits to something else. */
enum err epoch_take(struct core *core, const struct id *removal,
                    const uint8_t key[EPOCH_KEY_BYTES]);
void epoch_doors(struct core *core); /* adds the catch-up doors to the table */
/* Which door to knock at after so many dials to this home that failed. */
void epoch_door_to(struct core *core, unsigned attempt, struct transport_door_key *out);
enum err epoch_founding(struct core *core, uint8_t out[EPOCH_KEY_BYTES]);
/* What others are told: every part that counts, but for the founding key. */
enum err epoch_each_part(struct core *core, store_epoch_visit *visit, void *context);

/* ---- away.c: the catch-up door ---- */
enum err away_established(struct core *core, struct link *link);
enum err away_message(struct core *core, struct link *link, const struct link_message *message);
enum err away_drained(struct core *core, struct link *link);

/* ---- attachments.c ---- */
/* As store_attachment_want(), while all of them stay within ATTACHMENTS_MAX bytes, or can when
 * accounts that take more give way; else
 * ERR_FULL_TABLE. */
enum err attachments_want(struct core *core, const struct store_attachment *want);
/* As store_attachment_resize(), within the same bound; *attachment is as it is then. */
enum err attachments_resize(struct core *core, struct store_attachment *attachment, uint32_t size);
/* An owner hands it over from `offset` on. What a neighbour began goes at the beginning, and none
 * begins while the owner goes on. ERR_PEER_SEQUENCE: that is not where it goes on. */
enum err attachments_handed(struct core *core, struct store_attachment *attachment,
                            uint64_t offset);
enum err attachments_asked(struct core *core, struct link *link,
                           const struct link_message *message);
enum err attachments_came(struct core *core, struct link *link, const struct link_message *message);
/* All of its bytes have come: *good when they have its hash; else none of them is kept. */
enum err attachments_finish(struct core *core, const struct store_attachment *attachment,
                            bool *good);
void attachments_look(struct core *core); /* there may be one to fetch */
enum err attachments_tick(struct core *core);

/* ---- address_book.c ---- */
/* Those whom this node has dialled before come first: whoever would fill it anew has to wait for
 * them to fail. */
enum err address_book_load(struct core *core);
enum err address_book_keep(struct core *core);

/* ---- taken_back.c ---- */
enum err taken_back_judge(struct core *core, const struct signed_object *object,
                          const struct member *author);
enum err taken_back_withdrawn(struct core *core, const struct signed_object *object);
/* At start, of every withdrawal and request that lives. */
enum err taken_back_load(struct core *core, const struct signed_object *withdrawal);
void taken_back_load_request(struct core *core, const struct request *request);
/* A request was accepted and is stored: it may amend another, and be taken back already. */
enum err taken_back_by_request(struct core *core, const struct id *id,
                               const struct request *request);
enum err taken_back(struct core *core, const struct id *request, bool *out);
/* Its author is no member any more. */
enum err taken_back_with_author(struct core *core, const struct id *request, const struct id *by);

/* ---- rolls.c ---- */
enum err rolls_load(struct core *core); /* members and acts are in place */
enum err rolls_judge(struct core *core, const struct signed_object *object, const struct head *head,
                     const struct member *author);
enum err rolls_take(struct core *core, const struct signed_object *object);
enum err rolls_tick(struct core *core);
/* Is it the node key of one, by a treaty that border_lingers() at that time? */
bool rolls_is_clerk(const struct core *core, const struct sign_public *node, struct instant at);
/* What shows those of another community that this one belongs to ours: its bytes are in `bytes`.
 * ERR_USER_NOT_FOUND: not yet. */
enum err rolls_membership(struct core *core, const struct id *certificate, struct buffer *bytes,
                          struct membership *out);

/* ---- siblings.c ---- */
enum err siblings_take(struct core *core, struct bytes file);

/* ---- border.c ---- */
enum err border_load(struct core *core); /* of gateway.c too */
/* At that time it stands, or is over since so short a time that rolls have to say so still. */
bool border_lingers(const struct agreed *agreed, struct instant at);
/* Does a treaty let a member of ours ask this of another community? */
bool border_lets(const struct core *core, const struct request *request, enum member_role role);
/* ERR_OK: it is kept and passed on, with an effect here or without (core->border->effect). */
enum err border_judge_crossing(struct core *core, const struct signed_object *object,
                               const struct member *author);
/* Would it have an effect here? Its head is our own. */
enum err border_takes(struct core *core, const struct crossing *crossing);
/* The one that was judged last is accepted; `bytes`: it, signed. */
enum err border_crossed(struct core *core, struct bytes bytes);
/* Treaties may have been made, ended or undone. */
enum err border_acts_changed(struct core *core);
/* Who made a request that came from elsewhere. ERR_USER_NOT_FOUND: it did not. */
enum err border_author(struct core *core, const struct id *request, struct member *out);
/* To the asker of another community, that this home is a member of ours. */
enum err border_vouch(struct core *core, struct link *link, const struct id *request);
enum err border_take_vouch(struct core *core, struct link *link,
                           const struct link_message *message);

/* ---- gateway.c ---- */
enum err gateway_judge(struct core *core, const struct signed_object *object,
                       const struct head *head, const struct member *author);
/* All that lives of our own community and may have to cross. */
enum err gateway_carry_all(struct core *core);
/* An object of our own community was accepted, which may have to cross. */
enum err gateway_accepted(struct core *core, const struct id *id, enum object_kind kind);
void gateway_doors(struct core *core);
enum err gateway_established(struct core *core, struct link *link);
enum err gateway_message(struct core *core, struct link *link, const struct link_message *message);
struct tick gateway_deadline(const struct core *core);
enum err gateway_tick(struct core *core);
enum err gateway_keep_up(struct core *core);

/* ---- called.c ---- */
enum err called_judge(struct core *core, const struct signed_object *object,
                      const struct member *author);
/* It was judged: on the record, and in the place of its author's earlier one. */
enum err called_record(struct core *core, const struct signed_object *object);
/* Appends the newest about this request to `bytes`, and once each the certificates that lead to who
 * made them. */
struct called {
    size_t call_count, caller_count;
    uint32_t more; /* that there was no room for, or whose certificates are not all at hand */
    struct called_part {
        size_t at, len; /* in the bytes */
    } calls[CALLS_SHOWN_MAX], callers[CONTROL_CALLERS_MAX];
    struct id caller_ids[CONTROL_CALLERS_MAX];
};
enum err called_gather(struct core *core, const struct id *request, struct buffer *bytes,
                       struct called *out);

/* ---- join.c ---- */
enum err join_found(struct core *core, struct bytes charter, struct bytes member);
enum err join_invite(struct core *core, struct bytes bytes, const uint8_t secret[16]);
/* Would join_invite() take it? */
enum err join_judge_invite(struct core *core, struct bytes bytes, const uint8_t secret[16],
                           struct store_invite *out);
enum err join_start(struct core *core, uint64_t client, const char *code, struct bytes member);
enum err join_load(struct core *core);
enum err join_established(struct core *core, struct link *link);
enum err join_link_down(struct core *core, struct link *link);
enum err join_message(struct core *core, struct link *link, const struct link_message *message);
enum err join_tick(struct core *core);
/* It is about this node and no other, and its owners have signed. */
enum err join_check_own(struct core *core, const struct signed_object *object,
                        const struct member *member);
/* One that was judged: as it lies in the store, acts in their order. */
enum err join_keep_object(struct core *core, struct bytes bytes);
enum err join_add_node_signature(struct core *core, struct bytes bytes, struct buffer *out);

/* ---- clips.c: granting ---- */
enum err clips_load(struct core *core);
enum err ingest_tell(struct core *core, const struct ingest_message *message);
enum err clips_ingest_up(struct core *core);
enum err clips_ingest(struct core *core, struct bytes frame);
enum err clips_slot(struct core *core); /* one is about to close: what was held goes into it */
enum err clips_decide(struct core *core, struct bytes bytes);
enum err clips_grant(struct core *core, uint64_t client, const struct control_request *request);
enum err clips_recorded(struct core *core, const struct log_entry *entry); /* it is in a slot */
enum err clips_tick(struct core *core);
enum err clips_dial(struct core *core, const struct id *grant);
enum err clips_send_offer(struct core *core, struct link *link, const struct id *grant);
enum err clips_send_leaves(struct core *core, struct link *link,
                           const struct transfer_action *action);
enum err clips_send_run(struct core *core, struct link *link, const struct transfer_action *action);
enum err clips_send_header(struct core *core, struct link *link, const struct id *grant);
enum err clips_take_receipt(struct core *core, struct link *link,
                            const struct link_message *message);
enum err clips_sent(struct core *core, const struct id *grant);

/* ---- told.c: what ingest is told of the community ---- */
enum err told_anew(struct core *core); /* everything: ingest came up, or there is a community now */
/* An act counts from now on; `rewound`: in place of others. `admitted`: whom it is about, or NULL.
 */
enum err told_act(struct core *core, bool rewound, const struct id *admitted);
/* It was accepted just now, for the first time or again; its bytes are neither the store's nor the
 * core's own. */
enum err told_request(struct core *core, const struct store_object *request, bool again);
struct tick told_deadline(const struct core *core);
enum err told_go_on(struct core *core);

/* ---- received.c: what others grant us ---- */
enum err received_load(struct core *core);
enum err received_take_offer(struct core *core, struct link *link,
                             const struct link_message *message);
enum err received_take_header(struct core *core, struct link *link,
                              const struct link_message *message);
enum err received_send_want(struct core *core, struct link *link,
                            const struct transfer_action *action);
enum err received_send_receipt(struct core *core, struct link *link, const struct id *grant,
                               enum receipt_kind kind);
enum err received_start_work(struct core *core, const struct transfer_action *action);
enum err received_worked(struct core *core, const struct core_work *done);
enum err received_deleted(struct core *core, const struct id *what); /* it is in a slot */
enum err received_tick(struct core *core);
/* Now, because its owner says so: as on its day. */
enum err received_delete(struct core *core, const struct id *grant);

/* ---- owed.c ---- */
enum err owed_object(struct core *core, const struct signed_object *object); /* of either kind */
enum err owed_is_ended_by(struct core *core, const struct signed_object *object, bool *out);
enum err owed_slot(struct core *core); /* one is about to close */
/* What had to be deleted by then is overdue: clocks differ, homes are away. */
struct instant owed_until(const struct core *core);

/* ---- withheld.c ---- */
enum err withheld_has_room(struct core *core, const struct request *request, bool *out);
/* `entry` names this request: as it is, or withheld. *index only where it becomes a leaf. */
enum err withheld_record(struct core *core, const struct request *request,
                         const struct log_entry *entry, uint64_t *index);
/* What stands for it in public entries now. */
enum err withheld_name(struct core *core, const struct id *request, struct id *out);
enum err withheld_tick(struct core *core);

/* ---- edited.c: what owners hand back ---- */
enum err edited_load(struct core *core);
enum err edited_put(struct core *core, uint64_t client, const struct control_request *request);
/* On ERR_OK it is answered later. */
enum err edited_keep(struct core *core, uint64_t client, const struct control_request *request);
/* What this client has handed over whole, in place of this clip; NULL: nothing. */
const struct handing *edited_kept(const struct core *core, uint64_t client,
                                  const struct clip_id *clip);
/* A grant for this clip is kept: what this client has handed over for it is its, or for nothing. */
void edited_granted(struct core *core, uint64_t client, const struct clip_id *clip);
void edited_drop(struct core *core, uint64_t client); /* the client is gone */
enum err edited_worked(struct core *core, const struct core_work *done);
enum err edited_tick(struct core *core);

/* ---- work.c ---- */
/* Whatever is begun comes back by edited_worked() or received_worked(), so one that finds no room
 * among the effects has failed there and then. */
enum err work_begin(struct core *core, const struct core_work *work);
enum err work_done(struct core *core, struct core_work *work);
bool work_removes(const struct core *core, enum core_file file); /* is one at it? */

/* ---- delivery.c: both ---- */
enum err delivery_established(struct core *core, struct link *link);
enum err delivery_message(struct core *core, struct link *link, const struct link_message *message);
enum err delivery_bulk(struct core *core, struct link *link, struct bytes data);
enum err delivery_run(struct core *core, const struct transfer_actions *actions);
enum err delivery_tick(struct core *core);
enum err delivery_load_request(struct core *core, const struct id *id, struct request *out);

/* ---- record.c ---- */
enum err record_load(struct core *core);
/* Public entries are leaves at once; private ones wait for their slot. *index only for public ones.
 */
enum err record_add(struct core *core, const struct log_entry *entry, uint64_t *index);
/* LOG_WAITING_MAX private entries can wait for their slot. Each cause may fill the queue up to its
 * own share, and what lies above is kept for the causes below: nothing that others do can put off
 * an owner's decision. */
enum record_share {
    /* A home offers us a clip. Half: an offer that was taken can be followed by its receipt. */
    RECORD_OF_OFFERS = LOG_WAITING_MAX / 2,
    /* A clip that was offered has come whole, or its day has. */
    RECORD_OF_OTHERS = LOG_WAITING_MAX / 4 * 3,
    /* What comes of our own footage: matches, prompts that end, clips that were sent. */
    RECORD_OF_FOOTAGE = LOG_WAITING_MAX - 64,
    /* An owner decides. */
    RECORD_OF_OWNERS = LOG_WAITING_MAX,
};
/* So many entries can be added now. Asked before anything is changed that must be on record. */
bool record_has_room(const struct core *core, enum record_share share, size_t entries);
enum err record_tick(struct core *core);
struct tick record_deadline(const struct core *core);
/* One that holds the leaf with index `past`, as far as that is committed. */
enum err record_checkpoint(struct core *core, uint64_t past, uint64_t *size, char out[NOTE_MAX]);
enum err record_prove(struct core *core, uint64_t index, uint64_t size, struct merkle_proof *out);
/* Sizes within what is committed. */
enum err record_prove_consistency(struct core *core, uint64_t old_size, uint64_t size,
                                  struct merkle_proof *out);
enum err record_root_at(struct core *core, uint64_t size, struct id *out);
/* Our log key has signed `signed_size` leaves that are not, or not all, what we hold (PROTOCOL
 * 8.6): the log goes on under a new key. */
enum err record_succeed(struct core *core, uint64_t signed_size);

/* ---- witness.c ---- */
enum err witness_load(struct core *core);
enum err witness_offer_all(struct core *core);
enum err witness_offer(struct core *core, struct link *link); /* our newest head */
/* To the peer: what we remember of its log. */
enum err witness_recall(struct core *core, struct link *link);
enum err witness_link_up(struct core *core, struct link *link);
enum err witness_message(struct core *core, struct link *link, const struct link_message *message);
/* The log key of a member as it is now: its node record's, else its certificate's. */
enum err witness_log_key(struct core *core, const struct id *certificate, struct sign_public *out);

/* ---- peers.c: what the owner is told about links ---- */
void peers_tell(struct core *core, struct control_reply *out); /* of a member; *out is zeroed */
void peers_figures(const struct core *core, struct overlay_figures *out);

/* ---- control.c ---- */
enum err control_frame(struct core *core, uint64_t client, struct bytes frame);
enum err control_done(struct core *core, uint64_t client, enum err err, const char *text);
enum err control_begun(struct core *core, uint64_t client); /* the answer is yet to come */
enum err control_data(struct core *core, uint64_t client, struct bytes data); /* all there is */

#endif
