/* What two nodes say to each other inside a link's records (PROTOCOL 3.4, 4.5, 5.1, 7). One record
 * carries one message; the record's type byte tells which. */
#ifndef PROTO_LINK_H
#define PROTO_LINK_H

#include "crypto/cpace.h"
#include "proto/clip.h"
#include "proto/log_head.h"
#include "proto/treaty.h"

enum {
    LINK_PRINTS_MAX = 180,  /* ranges in one SYNC: they fill a record of 4 KiB */
    LINK_SPANS_MAX = 128,   /* ranges in one SYNC_IDS or SYNC_WANT */
    LINK_SHORTS_MAX = 1536, /* ids there: with the ranges they fill a record of 16 KiB */
    SYNC_PRINT_BYTES = 8,
    LINK_SHORT_BYTES = 16,     /* of an object's id, in the tree's messages */
    LINK_IHAVE_MAX = 240,      /* ids in one IHAVE or GRAFT: a record of 4 KiB holds them */
    LINK_PEERS_MAX = 7,        /* members in one SHUFFLE: they fill a record of 256 bytes */
    LINK_WALK_MAX = 6,         /* links that a WALK or SHUFFLE may still go over */
    LINK_HOPS_CAUGHT_UP = 255, /* in place of hops: by reconciliation, so nobody is in a hurry */
    LINK_DATA_MAX = 32 * 1024, /* bytes of an attachment in one message */
    LINK_LEAVES_MAX = 1024,    /* piece hashes in one message: 64 MiB of footage */
    LINK_MEET_CODE_MAX = CODE_MAX_BYTES + 16, /* an invite code, sealed */
    EPOCH_KEY_BYTES = 32,
};

/* Values are the wire's record types. 0 and 255 belong to the transport (close, bulk run). */
enum link_kind {
    LINK_PING = 1,
    LINK_PONG = 2,
    LINK_GOSSIP = 10,    /* a signed object, pushed */
    LINK_IHAVE = 11,     /* ids that can be had */
    LINK_GRAFT = 12,     /* asks for some of them, or to be pushed what comes after */
    LINK_PRUNE = 13,     /* asks to be told of objects by IHAVE from now on */
    LINK_NEIGHBOUR = 14, /* opens a member link for gossip; answered by the same */
    LINK_WALK = 15,      /* a member that has just come, sent round */
    LINK_SHUFFLE = 16,   /* some members that the first sender knows, sent round */
    LINK_SHUFFLED = 17,  /* those of the node where it ended, back the same way */
    LINK_SYNC = 20,      /* fingerprints of ranges of live objects */
    LINK_SYNC_IDS = 21,  /* the ids in small ranges */
    LINK_SYNC_WANT = 22, /* of those, the ones to be pushed */
    LINK_ATTACHMENT_WANT = 30,
    LINK_ATTACHMENT_PIECE = 31,
    LINK_CHECKPOINT = 40,  /* the sender's own log checkpoint, to be cosigned */
    LINK_WITNESSED = 41,   /* the largest one of the receiver's log that the sender cosigned */
    LINK_CONSISTENCY = 42, /* a checkpoint of the sender's, with the proof from WITNESSED to it */
    LINK_COSIGNATURE = 43, /* for a checkpoint of the receiver's */
    LINK_FORK = 44,        /* proof that some log has forked */
    LINK_EPOCH = 45,       /* what one removal adds to the epoch key */
    LINK_STANDING = 46,    /* for whoever was away: an act, certificate, renewal or removal */
    LINK_CAUGHT_UP = 47,   /* all of those have gone */
    LINK_JOIN_ASK = 50,    /* joiner to sponsor: its signed member body */
    LINK_JOIN_MEMBER = 51, /* sponsor to joiner: one certificate of the community */
    LINK_JOIN_WELCOME =
        52,               /* the completed certificate, the charter, the epoch key; ends the join */
    LINK_MEET_SHARE = 53, /* joiner to sponsor and back: points of CPace */
    LINK_MEET_CONFIRM = 54, /* joiner to sponsor: it knows the words, or they differ */
    LINK_MEET_CODE = 55,    /* sponsor to joiner: the invite code, sealed */
    LINK_MEET_COMMIT = 56,  /* one member to another: what it will reveal, hashed */
    LINK_MEET_REVEAL = 57,  /* the same, revealed */
    LINK_OFFER = 60,        /* home to requester: a signed grant */
    LINK_WANT = 61,         /* requester to home: go on from this piece */
    LINK_LEAVES = 62,       /* home to requester: hashes of pieces */
    LINK_PIECES = 63,       /* announces the bulk run that follows: which pieces it holds */
    LINK_RECEIPT = 64,      /* requester to home: signed receipt */
    LINK_HEADER = 65,       /* home to requester: what opens the clip, last of all */
    LINK_VOUCH = 66,        /* home to requester of another community: that it is a member */
    LINK_CARRY = 70,        /* between nodes of one home: to cross into the answerer's community */
    LINK_CARRIED = 71,      /* back: it need not be carried again */
};

/* A place between keys: created in 6 bytes, big-endian, and the first 8 of the id: so many that
 * nobody can make objects that no bound tells apart. */
struct sync_bound {
    uint8_t b[14];
};

struct sync_print { /* of the range from the one before to `upper`, which is not in it */
    struct sync_bound upper;
    uint8_t print[SYNC_PRINT_BYTES]; /* all zero: not compared */
};

struct sync_span {
    struct sync_bound lower, upper;
    uint8_t count[2]; /* big-endian: how many of the ids are of this range */
};

struct sync_short { /* of an id, salted */
    uint8_t b[8];
};

struct short_id {
    uint8_t b[LINK_SHORT_BYTES]; /* the first of an object's id */
};

enum neighbour_wish {   /* of whoever dials */
    NEIGHBOUR_MORE = 0, /* it has links, and would like another */
    NEIGHBOUR_FEW = 1,  /* it has few */
    NEIGHBOUR_SWAP = 2, /* it gives one up for this one */
    NEIGHBOUR_NONE = 3, /* it has none */
    NEIGHBOUR_NEW = 4,  /* it had none since it started */
};

struct link_message {
    enum link_kind kind;
    union { /* all `bytes` are borrowed from the record */
        struct {
            uint64_t nonce;
        } ping; /* and pong */
        struct {
            struct bytes object; /* signed object, <= SIGNED_GOSSIP_MAX */
            uint32_t hops;       /* links that it came over, this one included */
            bool everywhere;     /* over every link, so that the tree is laid anew */
        } gossip;
        struct {
            size_t count;
            struct short_id ids[LINK_IHAVE_MAX];
        } ihave;
        struct {
            size_t count; /* 0: what comes from now on */
            struct short_id ids[LINK_IHAVE_MAX];
        } graft;
        struct {
            uint8_t id[LINK_SHORT_BYTES]; /* of the object that says so */
        } prune;
        struct {
            enum neighbour_wish wish;
        } neighbour;
        struct {
            struct id peer; /* its member certificate */
            uint32_t left;
        } walk;
        struct {
            uint64_t nonce;
            uint32_t left; /* 0 in SHUFFLED */
            size_t count;
            struct id peers[LINK_PEERS_MAX];
        } shuffle; /* and shuffled */
        struct {
            uint64_t salt;           /* of the fingerprints and short ids of one reconciliation */
            uint32_t round;          /* 0 opens; bounded, so two broken nodes end */
            struct sync_bound lower; /* of the first range */
            size_t count;
            struct sync_print prints[LINK_PRINTS_MAX]; /* bounds rise */
        } sync;
        struct {
            uint64_t salt;
            size_t span_count;
            struct sync_span spans[LINK_SPANS_MAX]; /* rising, apart; their counts add up */
            size_t count;
            struct sync_short ids[LINK_SHORTS_MAX];
        } sync_ids; /* and sync_want */
        struct {
            struct id sha256;
            uint32_t offset;
        } attachment_want;
        struct {
            struct id sha256;
            uint32_t size;
            uint32_t offset;
            struct bytes data; /* LINK_DATA_MAX of them, or all that are left: at least one */
        } attachment_piece;
        struct {
            struct bytes note;
        } checkpoint; /* and witnessed; <= 2 KiB */
        struct {
            struct bytes note;
            uint64_t old_size;
            struct id old_root; /* of the sender's tree at old_size */
            size_t count;
            struct id hashes[MERKLE_PROOF_MAX];
        } consistency;
        struct {
            uint64_t size;     /* of the checkpoint */
            struct bytes line; /* a signature line, <= NOTE_LINE_MAX */
        } cosignature;
        struct log_fork fork;
        struct {
            struct bytes member;
        } join_ask; /* signed object */
        struct {
            struct bytes member;
        } join_member;
        struct {
            struct id removal;
            uint8_t key[EPOCH_KEY_BYTES];
        } epoch;
        struct {
            struct bytes object; /* signed */
        } standing;
        struct {
            uint64_t sent;
            struct sign_public log; /* of who sends it; zero: not said */
        } caught_up;
        struct {
            struct bytes member;  /* the joiner's own, complete */
            struct bytes charter; /* signed object */
            uint8_t founding_key[EPOCH_KEY_BYTES];
        } join_welcome;
        struct {
            struct cpace_point point;
            struct cpace_tag tag; /* zero from the joiner */
        } meet_share;
        struct {
            struct cpace_tag tag; /* zero: the sponsor's did not fit */
        } meet_confirm;
        struct {
            struct bytes sealed; /* <= LINK_MEET_CODE_MAX */
        } meet_code;
        struct {
            uint8_t commitment[32];
        } meet_commit;
        struct {
            uint8_t nonce[32];
        } meet_reveal;
        struct {
            struct bytes grant;  /* signed object, all owners */
            struct bytes member; /* the home's certificate, signed object */
        } offer;
        struct {
            struct id grant;
            uint64_t next_leaf;  /* leaves already held */
            uint64_t next_piece; /* pieces already held and checked */
        } want;
        struct {
            struct id grant;
            uint64_t first;
            size_t count;
            struct id hashes[LINK_LEAVES_MAX];
        } leaves;
        struct {
            struct id grant;
            uint64_t first;
            uint64_t bytes; /* of the bulk run that follows */
        } pieces;
        struct {
            struct bytes receipt;
            uint8_t salt[32];
        } receipt; /* signed object; salt of the commitment */
        struct {
            struct id grant;
            struct bytes header;   /* age header, <= HEADER_MAX */
            struct bytes manifest; /* the signed manifest, as an age file for the request key: comes
                                      in parts */
            uint32_t manifest_size;
            uint32_t manifest_offset;
        } header;
        struct {
            struct id treaty;
            struct membership membership;
        } vouch;
        struct {
            struct id treaty;
            struct bytes object; /* signed, <= CROSSING_OBJECT_MAX */
            struct membership membership;
        } carry;
        struct {
            struct id treaty;
            struct id object;
            bool left; /* the home that answers belongs to that community no more */
        } carried;
    } as;
};

/* `type` is the record's. Bodies that are signed objects are checked as such later, by their own
 * decoders. ERR_PEER_MALFORMED, ERR_PEER_BOUNDS, ERR_PEER_UNKNOWN (type). */
MUST_USE enum err link_decode(uint8_t type, struct bytes body, struct link_message *out);
/* Appends the body alone; the type goes in the record. */
MUST_USE enum err link_encode(const struct link_message *message, struct buffer *out);

#endif
