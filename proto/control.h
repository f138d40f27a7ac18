/* What `stoop` asks of its node over the control socket, and the answers (PROTOCOL 10). Frames: u32
 * big-endian length, then protobuf. One question, then answers until one that is `last`. Reading
 * takes access to the socket; every change carries an owner's signature. */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include "proto/link.h"

enum {
    CONTROL_FRAME_MAX = 1024 * 1024,
    CONTROL_DATA_MAX = 256 * 1024, /* payload or document bytes in one message */
    CONTROL_CHAIN_MAX = CHAIN_PARTS_MAX,
    CONTROL_CERTIFICATE_BYTES = 8192, /* more than its bounds let one have */
    CONTROL_PEERS_MAX = 16,           /* links, and as many that went */
    CONTROL_FAULTS_MAX = 100,
    CONTROL_PLACES_MAX = 8, /* that one clip was collected to */
    CONTROL_CALLERS_MAX = CALLS_SHOWN_MAX * CHAIN_MAX,
    CONTROL_VOUCH_BYTES = 65516, /* as it came in a record */
    CONTROL_CALL_BYTES = 4096,   /* of a call-back, or of a certificate of who made it */
    CONTROL_PLACE_FILES = 3,     /* in each: the clip and its certificate, as text and as JSON */
};

enum control_op {
    CONTROL_STATUS = 1, /* -> status */
    CONTROL_FOUND,      /* blob: signed charter, blob2: signed founder member -> done */
    CONTROL_INVITE,     /* blob: signed invite, secret -> done */
    CONTROL_JOIN,    /* blob: joiner's signed member body (the invite comes from the sponsor), text:
                        code */
    CONTROL_MEMBERS, /* -> object* : certificates with a state, each renewal behind what it renews;
                        then removals that are no acts */
    CONTROL_CHARTER, /* -> object* : the founding charter, then each act */
    CONTROL_CAMERAS_PUT,  /* blob: sealed camera list for ingest, blob2: the same sealed to the
                             owners -> done */
    CONTROL_CAMERAS_GET,  /* -> object: the owners' sealed copy */
    CONTROL_DOCUMENT_PUT, /* id, total, offset, blob -> done */
    CONTROL_DOCUMENT_GET, /* id, offset -> data */
    CONTROL_REQUEST_PUT,  /* blob: signed request, blob2: request key sealed to its owner -> done */
    CONTROL_REQUESTS, /* offset: how many to leave out -> request*, a part of them; none: the end */
    CONTROL_CLIPS,    /* id: request or zero for all; in parts like requests -> clip* */
    CONTROL_CLIP,     /* clip -> clip with header and manifest */
    CONTROL_PAYLOAD,  /* clip, offset -> data */
    CONTROL_DECIDE,   /* clip, blob: signed decision -> done */
    CONTROL_GRANT, /* clip, blob: signed grant, blob2: age header (once all signed), blob3: manifest
                      sealed to the request key, id: the grant so far, where this one takes its
                      place -> done */
    CONTROL_DELIVERED,      /* what others granted us, in parts like requests -> delivered* */
    CONTROL_DELIVERED_ONE,  /* id: grant -> delivered with header and manifest */
    CONTROL_DELIVERED_DATA, /* id: grant, offset -> data */
    CONTROL_COLLECTED,  /* id: grant, text: place that `stoop collect` is about to write to, blob:
                           SHA-256 of its certificate's text and of its JSON -> done */
    CONTROL_LOG,        /* offset: first index -> leaf* */
    CONTROL_LOG_PROOF,  /* offset: index -> proof */
    CONTROL_CHECKPOINT, /* -> object: signed note */
    CONTROL_LOGS,       /* -> log* : of every member, its current one */
    CONTROL_FORKS,      /* -> object* : LINK_FORK bodies */
    CONTROL_PEERS,      /* -> peers* : one for each community */
    CONTROL_WITHDRAW,   /* blob: signed withdrawal of a request of this home -> done */
    CONTROL_OVERDUE,    /* -> overdue* : of every asker that has received something */
    CONTROL_DELETE,     /* id: grant, text empty: key and ciphertext go now; or text: a place, and
                                total: files there that are about to be deleted, 0: none is left -> done
                              */
    CONTROL_EDIT_PUT,   /* clip, id: root of the edited payload, total, offset, blob: whole pieces
                           -> done */
    CONTROL_EDIT_KEEP,  /* clip, id: root, blob: age header for the owners; all pieces are here ->
                           done, once they are durable */
    CONTROL_EDITED,     /* clip, offset -> data: of the payload that the grant so far names */
    CONTROL_CALL_BACK,  /* blob: signed call-back by this home about another's request -> done */
    CONTROL_ENDORSE,    /* blob: signed endorsement by an owner of this home, blob2: where the act
                           removes somebody and this home begins it, the 32 bytes that it commits to
                           -> done */
    CONTROL_PROPOSALS,  /* -> object* : endorsements that are gathered, and our own that came too
                           late; acts that lost */
    CONTROL_REMOVE, /* blob: signed removal by an owner of this home, blob2: the 32 bytes that it
                       commits to -> done */
    CONTROL_MEET_INVITE,   /* text: invite code, blob: introduction, blob2: words -> progress, done
                              once the code was used, burned or ended; it ends with the connection */
    CONTROL_MEET_JOIN,     /* text: introduction, blob: words -> data: the invite code */
    CONTROL_MEET_COMMIT,   /* id: another's certificate, blob: commitment -> data: that home's */
    CONTROL_MEET_REVEAL,   /* blob: nonce of this connection's commitment -> data: that home's */
    CONTROL_OUTSIDE_APPLY, /* blob: an outsider's signed certificate, but for the node's signature,
                              blob2: the codes of its doors, a NUL behind each, total: 1 in place of
                              what it applied with before -> data: the certificate, whole; that of
                              before, where the same applies again */
    CONTROL_OFFICER_PUT,   /* blob: signed certificate of an officer of this outsider -> done */
    CONTROL_ROLLS,         /* -> object* : the newest that came of each treaty's other side */
    CONTROL_GATEWAYS,      /* -> object* : of all homes and treaties, as they came */
    CONTROL_OP_END,        /* one past the last */
};

struct control_request {
    enum control_op op;
    struct id id;
    struct clip_id clip;
    uint64_t offset;
    uint64_t total;
    uint8_t secret[16];
    char text[CODE_MAX_BYTES];
    struct bytes blob; /* borrowed, each <= CONTROL_DATA_MAX but manifests */
    struct bytes blob2;
    struct bytes blob3;
};

enum control_kind {
    CONTROL_DONE = 1, /* err says how it went; text has the detail */
    CONTROL_GOT_STATUS,
    CONTROL_GOT_OBJECT,
    CONTROL_GOT_DATA,
    CONTROL_GOT_REQUEST,
    CONTROL_GOT_CLIP,
    CONTROL_GOT_DELIVERED,
    CONTROL_GOT_LEAF,
    CONTROL_GOT_PROOF,
    CONTROL_PROGRESS, /* a long answer is on its way: text, done, total */
    CONTROL_GOT_LOG,
    CONTROL_GOT_PEERS,
    CONTROL_GOT_OVERDUE,
};

enum control_member {
    CONTROL_MEMBER_AWAY,
    CONTROL_MEMBER_LINKED, /* now */
    CONTROL_MEMBER_SELF,
    CONTROL_MEMBER_REMOVED,
    CONTROL_MEMBER_DISPLACED, /* this home, or one above it: others count in its place */
};

enum clip_state {
    CLIP_OPEN = 1,
    CLIP_PART_SIGNED,
    CLIP_GRANTED,
    CLIP_DELIVERED,
    CLIP_DECLINED,
    CLIP_ENDED
};

struct peer_link { /* with another home of the community, open for gossip */
    char name[NAME_MAX_BYTES];
    struct id certificate;
    char address[ADDRESS_MAX_BYTES]; /* at the other end; empty: not known */
    bool dialled;                    /* by this home */
    bool anchor;                     /* kept over a restart, and never given up for others */
    bool eager;                      /* on the tree: it is sent objects, not ids */
    uint32_t faults;                 /* points; CONTROL_FAULTS_MAX of them end it */
    uint64_t bytes_in, bytes_out;
    uint64_t age_ms, quiet_ms; /* since it stands; since something was heard */
};

struct peer_gone { /* a link that went */
    char name[NAME_MAX_BYTES];
    struct id certificate;
    enum peer_end {
        PEER_END_SILENT = 1,
        PEER_END_CUT,
        PEER_END_TOLD,
        PEER_END_FULL,
        PEER_END_SWAPPED,
        PEER_END_TWICE,
        PEER_END_GROUP,
        PEER_END_FAULT,
        PEER_END_REMOVED,
    } why;
    uint64_t lasted_ms, ago_ms;
};

struct door_link { /* of an outsider's node */
    char name[NAME_MAX_BYTES];
    bool linked;
};

struct overlay_figures { /* counted since the node has started; then what it holds */
    uint64_t accepted, duplicates, pushes, grafts, prunes, announced, missed;
    uint64_t dials, dials_failed, links_up, links_lost, refused, shuffles, walks, swaps;
    uint64_t reconciliations, faults;
    uint64_t bytes; /* of memory */
    uint32_t book, passive;
};

struct collected_place {        /* where `stoop collect` wrote a clip to */
    char place[CODE_MAX_BYTES]; /* "MACHINE:STEM", of STEM.mp4, STEM.txt and STEM.json */
    struct id text, json;       /* SHA-256 of its certificate; zero: not known */
};

struct control_reply {
    enum control_kind kind;
    bool last;
    enum err err;
    char text[256];
    union {
        struct {
            char version[16];
            struct sign_public node, log;
            struct box_public transport;
            bool has_community;
            struct id community;
            struct id certificate;
            char community_name[NAME_MAX_BYTES];
            uint32_t members, links, live_objects;
            uint32_t open_requests, open_clips;
            uint64_t log_size;
            struct id log_root;
            uint32_t slot_s;
            bool ingest_up;
            uint64_t camera_list_version;
            bool camera_list_waits; /* ingest is down, has not said, or has one to judge */
            struct instant now, started;
            size_t address_count;
            char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
            struct caps caps;
            uint32_t delete_by_max_days;
            char log_origin[NAME_MAX_BYTES];
            uint64_t head_size; /* of the newest checkpoint; and how many neighbours cosigned it */
            uint32_t cosigned;
            uint32_t witnesses;              /* cosignatures that the charter wants */
            uint32_t forks;                  /* logs of the community that have forked */
            struct sign_public log_previous; /* zero unless the log key has been succeeded */
            struct overlay_figures overlay;  /* zero without a community */
            uint32_t instruments;            /* that this home or outsider may ask with */
            struct id outside;               /* the certificate that it applied with from outside */
            size_t door_count;
            struct door_link doors[OUTSIDER_DOORS_MAX];
            struct instant copy_seen; /* when another copy of this home spoke last; 1970: none has
                                         since the start */
        } status;
        struct {
            char name[NAME_MAX_BYTES]; /* of the home */
            struct id certificate;
            struct sign_public log;
        } log;
        struct asker_keeping {         /* how an asker keeps the terms, as this home could see */
            char name[NAME_MAX_BYTES]; /* empty: no member any more */
            struct id certificate;
            uint64_t received, deleted; /* clips */
            uint64_t overdue;           /* kept 48 hours beyond their day */
            uint64_t unknown; /* the same, but this home was away when a deletion may have come */
        } overdue;
        struct {
            char community_name[NAME_MAX_BYTES];
            struct id community;
            char name[NAME_MAX_BYTES]; /* of this home */
            struct id certificate;
            size_t link_count;
            struct peer_link links[CONTROL_PEERS_MAX];
            size_t gone_count;
            struct peer_gone gone[CONTROL_PEERS_MAX]; /* the last one first */
            uint32_t book, met, anchors; /* in the address book; dialled before; anchors */
            uint32_t passive;            /* named by others lately */
        } peers;
        struct {
            struct bytes object;
            uint32_t state;
        } object;
        struct {
            struct bytes data;
            uint64_t offset, total;
        } data;
        struct {
            struct bytes request; /* signed */
            size_t chain_count;   /* founder first, as chain_verify() takes it */
            struct bytes chain[CONTROL_CHAIN_MAX];
            bool ours;
            bool document_here;
            bool seal_here;
            uint32_t open_clips;        /* 0 while matching goes on, or nothing matched */
            uint64_t log_index;         /* of the entry that recorded it */
            bool taken_back;            /* by its author, before its end */
            struct bytes taken_back_by; /* signed withdrawal or request; empty: held no more */
            size_t call_count;          /* the newest call-backs about it, the newest first */
            struct bytes calls[CALLS_SHOWN_MAX]; /* signed */
            uint32_t calls_more;                 /* that are not among them */
            size_t caller_count; /* certificates of those who made them, and of their sponsors */
            struct bytes callers[CONTROL_CALLERS_MAX];
            struct bytes crossing; /* signed; in place of the chain, of one from elsewhere */
        } request;
        struct {
            struct id request;
            struct clip_id clip;
            enum clip_state state;
            uint64_t payload_size;
            struct id payload_root;
            struct bytes manifest; /* age file for the owners */
            struct bytes header;
            struct bytes grant; /* signed, while owners' signatures are being gathered or later */
            size_t owner_count; /* whose clip it is, as ingest told the node */
            struct sign_public owners[OWNERS_MAX];
            struct bytes edited_header; /* for the owners, where that grant is for an edited clip */
        } clip;
        struct {
            struct id grant;
            struct id request;
            struct bytes signed_grant;
            struct bytes member;     /* of the granting home */
            struct bytes sealed_key; /* the request key, sealed to our owner */
            struct bytes header;     /* asked for alone; empty until it has come */
            struct bytes manifest;   /* the same */
            uint64_t received;
            uint64_t payload_size;
            struct instant completed; /* 0: not yet */
            bool deleted;             /* its day has come: only this row is left */
            size_t place_count;       /* the last one written to last */
            struct collected_place places[CONTROL_PLACES_MAX];
            struct bytes vouch; /* a Vouch, of a home of another community; asked for alone */
        } delivered;
        struct {
            uint64_t index;
            struct bytes leaf;
            struct bytes opening; /* empty for public entries and for dummies */
        } leaf;
        struct {
            uint64_t index, size;
            size_t count;
            struct id hashes[64];
            struct bytes leaf;
            struct bytes checkpoint;
        } proof;
        struct {
            uint64_t done, total;
        } progress;
    } as;
};

MUST_USE enum err control_request_decode(struct bytes body, struct control_request *out);
MUST_USE enum err control_request_encode(const struct control_request *request, struct buffer *out);
MUST_USE enum err control_reply_decode(struct bytes body, struct control_reply *out);
MUST_USE enum err control_reply_encode(const struct control_reply *reply, struct buffer *out);

#endif
