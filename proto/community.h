/* Communities (PROTOCOL 4): charter, member certificate, invite, node record, and the chain that
 * leads from a certificate back to the charter. Plain structs within bounds; strings are UTF-8
 * without NUL or control characters and end in NUL. */
#ifndef PROTO_COMMUNITY_H
#define PROTO_COMMUNITY_H

#include "node/base/geo.h"
#include "proto/signed.h"

enum {
    NAME_MAX_BYTES = 65,    /* a person's, home's, camera's or community's name, NUL included */
    ADDRESS_MAX_BYTES = 64, /* "[2001:db8::1]:7878": literals only, never a name to look up */
    ADDRESSES_MAX = 4,
    OWNERS_MAX = 8, /* of a home */
    ADMINISTRATORS_MAX = 16,
    CHAIN_MAX = 16, /* certificates from the founder to a member */
    CHARTER_WITNESSES_MAX = 8,
    CODE_MAX_BYTES = 512, /* an invite as text, NUL included; so is a door's code */
    AUTHORITIES_MAX = 4,  /* pinned for court seals */
    AUTHORITY_MAX = 2048, /* bytes of one: four fit into a charter, which travels in one message */
    AGENCIES_MAX = 16,
    CALL_NUMBER_BYTES = 32, /* a telephone number as people write it, NUL included */
    ROLES_MAX = 6,
    TREATY_STANDS_DAYS = 15, /* after it is over: longer than acts may be undone */
    ACTS_MAX = 1024,         /* of a community, its founding charter counted */
    RENEWED_MAX = 32,        /* by acts */
    RENEWED_MAX_DAYS = 3660,
    CHAIN_PARTS_MAX = 2 * CHAIN_MAX,      /* each certificate, and a renewal of it */
    REMOVED_REASON_BYTES = 129,           /* why somebody was removed, NUL included */
    ACT_BODY_MAX = 14 * 1024,             /* fits into an endorsement, which travels by gossip */
    OUTSIDERS_MAX = 32,                   /* of a community */
    OUTSIDER_DOORS_MAX = 4,               /* homes that serve one as its door */
    OUTSIDER_CERTIFICATE_MAX = 4096,      /* bytes of a signed one, as an act carries it */
    APPLICATION_MAX_BYTES = 6144,         /* as text, NUL included */
    OFFICERS_MAX = 32,                    /* of one outsider, those that it took back counted */
    INSTRUMENTS_ALL = 254,                /* 1 << each instrument_kind */
    CERTIFICATE_LIFE_MAX_DAYS = 400,      /* and of a renewal */
    TREATIES_MAX = 8,                     /* of a community, that stand */
    TREATIES_KEPT_MAX = 2 * TREATIES_MAX, /* over for less than twice TREATY_STANDS_DAYS */
    TREATY_BODY_MAX = 4096,
    CLERKS_MAX = 4,
    LINK_DEFAULT_PORT = 7878,
};

struct caps {               /* a charter can only tighten the defaults (PROTOCOL 4.1) */
    uint32_t span_s;        /* longest time asked for; at most 12 h */
    uint32_t area_m2;       /* largest place; at most 0.5 square miles */
    uint32_t live_requests; /* of one requester; at most 10 */
};
#define CAPS_DEFAULT ((struct caps){.span_s = 43200, .area_m2 = 1294994, .live_requests = 10})

struct agency { /* and the number to call it back on, as the community looked it up itself */
    char name[NAME_MAX_BYTES];
    char number[CALL_NUMBER_BYTES];
};

enum member_role {
    MEMBER_HOME = 1,
    MEMBER_REQUESTER,
    MEMBER_ADMINISTRATOR,
    MEMBER_WITNESS,
    MEMBER_OUTSIDER, /* may ask, by what administrators decided, and nothing else (PROTOCOL 4.11) */
    MEMBER_OFFICER,  /* asks for an outsider */
};

struct role_rule {
    enum member_role role;
    uint32_t instruments; /* 1 << instrument_kind */
    bool may_not_invite;
};

struct charter {
    char name[NAME_MAX_BYTES];
    struct instant created;
    size_t administrator_count;
    struct sign_public administrators[ADMINISTRATORS_MAX];
    uint32_t threshold;        /* k of n, 1 to administrator_count */
    uint32_t invite_allowance; /* that each home gets, 0 to 64 */
    struct caps caps;
    bool has_area;
    struct geo_place area;       /* the service area */
    uint32_t witnesses;          /* cosignatures wanted on a checkpoint, 0 to 8 */
    uint32_t slot_s;             /* length of a log slot, 1 to 3600; 60 by default */
    uint32_t delete_by_max_days; /* 1 to 3650 */
    size_t authority_count;
    struct bytes authorities[AUTHORITIES_MAX]; /* X.509 in DER; borrowed from what was decoded */
    size_t agency_count;
    struct agency agencies[AGENCIES_MAX];
    size_t role_count; /* roles that no rule names may ask with everything, and invite */
    struct role_rule roles[ROLES_MAX];
};

/* The end of the year 9999: acts and removals are for good. */
#define INSTANT_FOR_GOOD ((struct instant){253402300799999})

struct removed {
    struct id member; /* certificate */
    bool subtree;     /* and all whom it brought, and they in turn */
    struct id epoch;  /* SHA-256 of what changes the epoch key; zero: nothing does */
    char reason[REMOVED_REASON_BYTES];
};

struct renewed { /* what nobody above it can renew: its sponsors have left, or it is a founder's */
    struct id member;
    struct instant until;
};

struct treaty_side {
    struct id community;
    char name[NAME_MAX_BYTES];
    size_t founder_count; /* with these two the chains of its members can be checked */
    struct sign_public founders[ADMINISTRATORS_MAX]; /* administrators of its founding charter */
    uint32_t allowance;                              /* and what that lets a founder invite */
    size_t clerk_count;
    struct sign_public clerks[CLERKS_MAX]; /* node keys, all different */
    bool has_area;
    struct geo_place area;
};

/* Two communities let requests of one be asked in the other (PROTOCOL 4.12). */
struct treaty {
    struct instant created, until;
    size_t side_count; /* 2 */
    struct treaty_side sides[2];
    uint32_t instruments; /* 1 << instrument_kind */
    uint32_t roles;       /* 1 << member_role, of who may ask */
    struct caps caps;     /* both charters' hold besides */
    uint32_t daily;       /* requests that cross in a day, each way */
};

enum outsider_kind { /* what it says it is, and administrators have let stand */
    OUTSIDER_AGENCY = 1,
    OUTSIDER_DEFENCE,
    OUTSIDER_INSURER,
    OUTSIDER_PRESS,
    OUTSIDER_OTHER,
};

/* Who may ask from outside, and how (PROTOCOL 4.11). The newest about a certificate counts. */
struct admission {
    struct bytes member; /* the outsider's signed certificate; borrowed from what was decoded */
    enum outsider_kind kind;
    uint32_t instruments;   /* 1 << instrument_kind */
    uint32_t live_requests; /* of it and all its officers; the charter's cap holds too */
    size_t door_count;
    struct id doors[OUTSIDER_DOORS_MAX]; /* certificates of homes, all different */
    struct instant until;
    bool suspended;
};

/* What k administrators have decided (PROTOCOL 4.6). Acts are a chain from the founding charter on;
 * each is signed by those who are administrators after the one before. */
struct act {
    struct head head;   /* author: zero; expires: INSTANT_FOR_GOOD */
    struct id previous; /* the act before, at first the community's id */
    bool has_charter;   /* these two, one or both, or one of those below */
    struct charter charter;
    bool has_removed;
    struct removed removed;
    bool has_renewed;
    struct renewed renewed;
    bool has_admission;
    struct admission admission;
    struct bytes treaty;    /* borrowed: the body of one that is made; or empty */
    struct id treaty_ended; /* or zero */
};

struct endorsement {
    struct head head;
    struct bytes act; /* borrowed: the act's body */
    struct signature signature;
};

struct removal {      /* by the member's sponsor, or by an owner of its own: it leaves */
    struct head head; /* expires: INSTANT_FOR_GOOD */
    struct removed removed;
};

struct renewal { /* by a home above it in its chain, or a founder itself: alive until head.expires
                  */
    struct head head;
    struct id member;
};

/* Body of a member certificate. A founder's is signed by an administrator's key and the home's node
 * key. A joiner's carries the sponsor's signed invite and is signed by the invite's key, the
 * joiner's owners, its node key, and the sponsor's node key, whose countersignature completes it.
 * An outsider's is signed by its owners and its node key, and is worth what an act says of it; an
 * officer's by the officer and an owner of its outsider, whose node it shares.
 */
struct member {
    struct head head; /* author: the sponsor's certificate, an officer's outsider; zero for founders
                         and outsiders; expires: of the certificate */
    char name[NAME_MAX_BYTES]; /* of the home or agency, as it calls itself */
    enum member_role role;
    struct sign_public node;     /* node identity */
    struct sign_public log;      /* log key */
    struct box_public transport; /* node static */
    size_t owner_count;
    struct owner_public owners[OWNERS_MAX];
    char owner_names[OWNERS_MAX][NAME_MAX_BYTES];
    uint32_t invite_allowance;
    struct bytes invite; /* borrowed: the sponsor's signed invite; else empty */
};

struct invite {
    struct head head;       /* author: the sponsor's certificate */
    struct sign_public key; /* of the invite's secret */
    enum member_role role;
    uint32_t invite_allowance; /* handed on, at most what the sponsor has left */
};

/* What an invite's text carries: where to knock, the secret, and everything of the signed invite
 * that does not follow from them, so that the joiner can put the sponsor's word into its own
 * certificate. `stoop1:` and base64url (PROTOCOL 4.4). */
struct invite_code {
    struct id community;
    struct id sponsor;           /* its certificate */
    struct box_public transport; /* of the sponsor's node */
    struct sign_public owner;    /* of the sponsor, who signed */
    struct signature signature;  /* over the invite that invite_code_signed() rebuilds */
    struct instant created;
    struct instant expires;
    enum member_role role;
    uint32_t invite_allowance;
    uint8_t secret[16];
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
};

#define INTRODUCTION_PREFIX "stoop-meet1:"

/* Where the sponsor of a spoken code is to be met (PROTOCOL 4.10). There is no secret in it: who
 * reads it may knock, once, and still has to know the words. */
struct introduction {
    struct id community;
    struct id sponsor;
    struct box_public transport;
    uint8_t tag[16]; /* of this code; opens the door */
    struct instant expires;
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
};

#define DOOR_CODE_PREFIX "stoop-door1:"
#define APPLICATION_PREFIX "stoop-apply1:"

/* A home that would serve outsiders as their door (PROTOCOL 4.11). There is no secret in it. */
struct door_code {
    struct id community;
    struct id home; /* its certificate */
    struct box_public transport;
    char name[NAME_MAX_BYTES];
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
};

/* What an outsider hands to an administrator, who proposes it. */
struct application {
    enum outsider_kind kind;
    size_t door_count;
    struct id doors[OUTSIDER_DOORS_MAX]; /* all different */
    struct bytes member;                 /* its signed certificate; borrowed */
};

struct node_record {
    struct head head;
    uint64_t sequence;
    uint64_t features;
    struct sign_public log; /* key that signs the node's log now */
    size_t address_count;
    char addresses[ADDRESSES_MAX][ADDRESS_MAX_BYTES];
};

/* "+1 951 555 0100": digits, and what people part them with. */
bool call_number_valid(const char *number);
/* The directory's entry for an agency of this name, its letters in either case; NULL: none. */
const struct agency *charter_agency(const struct charter *charter, const char *name);
MUST_USE enum err charter_decode(struct bytes body, struct charter *out);
MUST_USE enum err charter_encode(const struct charter *charter, struct buffer *out);
MUST_USE enum err member_decode(struct bytes body, struct member *out);
MUST_USE enum err member_encode(const struct member *member, struct buffer *out);
MUST_USE enum err invite_decode(struct bytes body, struct invite *out);
MUST_USE enum err invite_encode(const struct invite *invite, struct buffer *out);
MUST_USE enum err node_record_decode(struct bytes body, struct node_record *out);
MUST_USE enum err node_record_encode(const struct node_record *record, struct buffer *out);

MUST_USE enum err act_decode(struct bytes body, struct act *out);
MUST_USE enum err act_encode(const struct act *act, struct buffer *out);
MUST_USE enum err treaty_decode(struct bytes body, struct treaty *out);
MUST_USE enum err treaty_encode(const struct treaty *treaty, struct buffer *out);
MUST_USE enum err endorsement_decode(struct bytes body, struct endorsement *out);
MUST_USE enum err endorsement_encode(const struct endorsement *endorsement, struct buffer *out);
MUST_USE enum err removal_decode(struct bytes body, struct removal *out);
MUST_USE enum err removal_encode(const struct removal *removal, struct buffer *out);
MUST_USE enum err renewal_decode(struct bytes body, struct renewal *out);
MUST_USE enum err renewal_encode(const struct renewal *renewal, struct buffer *out);

MUST_USE enum err invite_code_read(const char *text, struct invite_code *out); /* ERR_USER_INVITE */
MUST_USE enum err invite_code_write(const struct invite_code *code, char text[CODE_MAX_BYTES]);

bool introduction_is(const char *text); /* begins as one */
MUST_USE enum err introduction_read(const char *text, struct introduction *out);
/* ERR_USER_INVITE; ERR_FULL_BUFFER: too many long addresses. Likewise for a code. */
MUST_USE enum err introduction_write(const struct introduction *introduction,
                                     char text[CODE_MAX_BYTES]);

/* ERR_USER_SYNTAX; ERR_FULL_BUFFER: too many long addresses. */
MUST_USE enum err door_code_read(const char *text, struct door_code *out);
MUST_USE enum err door_code_write(const struct door_code *code, char text[CODE_MAX_BYTES]);

/* `room` holds what `member` in *out borrows. ERR_USER_SYNTAX. Whether the certificate is one is
 * for admission_verify() to say. */
MUST_USE enum err application_read(const char *text, uint8_t room[APPLICATION_MAX_BYTES],
                                   struct application *out);
MUST_USE enum err application_write(const struct application *application,
                                    char text[APPLICATION_MAX_BYTES]);

const char *outsider_kind_word(enum outsider_kind kind); /* "agency" */
MUST_USE enum err outsider_kind_from_word(const char *word, enum outsider_kind *out);

/* The invite of a code, as an object without signatures over `body`, which the caller keeps. */
MUST_USE enum err invite_code_object(const struct invite_code *code, struct buffer *body,
                                     struct signed_object *out);
/* The same with the code's signature, encoded: what a member's body carries. */
MUST_USE enum err invite_code_signed(const struct invite_code *code, struct buffer *out);

/* The key pair that follows from the 16-byte secret (PROTOCOL 4.4); the join door's psk0 follows
 * from the secret too (PROTOCOL 3.3). */
void invite_key(const uint8_t secret[16], struct sign_secret *secret_key, struct sign_public *key);

/* An IPv4 or [IPv6] literal with a port, in its one canonical spelling. */
bool address_valid(const char *address);
bool address_is_loopback(const char *address);
bool address_is_private(
    const char *address); /* private, link-local or unique-local; not loopback */
/* Equal for addresses of one /24 (IPv4) or /48 (IPv6): who has one often has all of them. 0 for
 * loopback and private ones, which nobody outside can choose. */
uint32_t address_group(const char *address);

/* The instruments that members of this role may ask with (1 << instrument_kind); may they bring in
 * others? */
uint32_t charter_instruments(const struct charter *charter, enum member_role role);
bool charter_lets_invite(const struct charter *charter, enum member_role role);
bool charter_has_administrator(const struct charter *charter, const struct sign_public *key);
/* One of its owners is. */
bool charter_has_member(const struct charter *charter, const struct member *member);

/* An outsider as the acts have it. */
struct outsider {
    struct id certificate;
    struct admission admission; /* `member` in it is empty */
    struct instant since;       /* when the newest act about it was made */
    uint32_t signers;           /* administrators who let that act count */
    uint32_t by;                /* version */
};

/* What a community has come to by its founding charter and the acts after it. About 150 KiB. The
 * authorities of both charters stay borrowed from what was decoded. */
struct governance {
    struct id community;
    struct charter founding; /* whose administrators founders are */
    struct charter charter;  /* as it is now */
    struct id head;          /* the newest act; the community's id at first */
    struct instant created;  /* of that */
    uint32_t version;        /* 1 at first, one more with each act */
    size_t renewed_count;
    struct renewed renewed[RENEWED_MAX]; /* by acts; what ends first gives way */
    uint32_t renewed_by[RENEWED_MAX];    /* versions */
    size_t outsider_count;
    struct outsider
        outsiders[OUTSIDERS_MAX]; /* where there is no more room, what ends first goes */
    size_t removed_count;
    struct removed_by_act {
        struct id member;
        bool subtree;
        struct instant at;
        uint32_t by;     /* version */
    } removed[ACTS_MAX]; /* every one */
    size_t treaty_count;
    struct agreed {
        struct id id;
        struct treaty treaty;
        uint32_t by, ended_by;     /* versions; 0: by none, and then nothing lies here */
        struct instant began;      /* as the act has it that made it */
        struct instant ended;      /* where an act did */
    } treaties[TREATIES_KEPT_MAX]; /* longer than they stand, as acts may be undone */
};
/* The versions after this one never were. Whom the others had admitted come by governance_admit()
 * once more, in their order: the newest about each counts. */
void governance_rewind(struct governance *governance, uint32_t version, const struct id *head,
                       struct instant created, const struct charter *charter);
/* One that is in force at that time; NULL: none. What crossed while it was lives on. */
const struct agreed *governance_treaty(const struct governance *governance, const struct id *id,
                                       struct instant now);
/* When this certificate ends, as far as acts have put that off. */
struct instant governance_ends(const struct governance *governance, const struct id *certificate,
                               struct instant expires);
/* Its founding charter, signed by `threshold` of its administrators. ERR_PEER_SIGNATURE,
 * ERR_PEER_CERTIFICATE; *out is then unchanged. */
MUST_USE enum err governance_found(struct governance *out, const struct signed_object *object,
                                   const struct charter *charter);
/* The act that comes next: `act` is its body. ERR_PEER_SEQUENCE (its `previous` is not the newest),
 * ERR_PEER_SIGNATURE (not k of those who are administrators now), ERR_PEER_CERTIFICATE, and as
 * governance_lets(). */
MUST_USE enum err governance_follow(struct governance *governance,
                                    const struct signed_object *object, const struct act *act);
/* Does what stood after that version, and the charter of then, let an act that follows it make or
 * end its treaty? ERR_PEER_CERTIFICATE (not as this community was founded, looser than its charter,
 * over already), ERR_PEER_REPEATED (it stands), ERR_FULL_TABLE, ERR_DENY_TREATY (what it ends is
 * not in force). */
MUST_USE enum err governance_lets(const struct governance *governance, uint32_t version,
                                  const struct charter *charter, const struct act *act);
/* Whether it would follow, on the signatures of administrators as `charter` has them. */
MUST_USE enum err act_verify(const struct charter *charter, const struct signed_object *object);
/* The outsider's certificate in an act, checked but for who admits it: an outsider's of this
 * community, signed by its owners and its node. ERR_PEER_CERTIFICATE, ERR_PEER_SIGNATURE. */
MUST_USE enum err admission_verify(const struct id *community, const struct admission *admission,
                                   struct signed_object *object, struct member *member);
/* As acts have it, suspended or not, in time or not; NULL: admitted by none, or long ago. */
const struct outsider *governance_outsider(const struct governance *governance,
                                           const struct id *certificate);
/* Admitted, not suspended, and its time is not over; whether it was removed is not looked at. */
bool governance_lets_ask(const struct governance *governance, const struct id *certificate,
                         struct instant now);
/* One that an act admits: as governance_follow() notes it. For who goes back to an earlier act. */
void governance_admit(struct governance *governance, const struct outsider *outsider);

/* On whose account a request goes, and what it may be. */
struct asker {
    enum member_role role;
    struct id account;      /* its certificate; an officer's outsider's */
    uint32_t instruments;   /* 1 << instrument_kind: by the charter's rule and the admission */
    uint32_t live_requests; /* at a time, of the whole account */
};
void asker_of(const struct governance *governance, const struct id *certificate,
              const struct member *member, struct asker *out);

/* An administrator's signature on this act, as an endorsement carries it. */
MUST_USE bool act_signed_by(struct bytes act, const struct sign_public *key,
                            const struct signature *signature);

/* Checks one certificate. `sponsor` is the checked body of the certificate that head.author names,
 * NULL for a founder's and an outsider's. Does not look at the time (see member_in_standing) or at
 * other certificates of the same sponsor, of which only so many count (the community engine knows
 * those). ERR_PEER_CERTIFICATE, ERR_PEER_SIGNATURE, ERR_DENY_ROLE. */
MUST_USE enum err member_verify(const struct governance *governance,
                                const struct signed_object *object, const struct member *member,
                                const struct member *sponsor);

/* A whole chain, founder first, leaf last, as ingest and `stoop` get it from a node that they do
 * not trust: every link is decoded and checked, and at `now` none has expired. That each counts
 * among those of its sponsor (PROTOCOL 4.3) is the node's word. A certificate may be
 * followed by its newest renewal. ERR_DENY_REMOVED: by an act, by `now`, or brought in by who had
 * been. Writes the leaf and its id. `chain` entries are encoded signed objects, at most
 * CHAIN_PARTS_MAX. */
MUST_USE enum err chain_verify(const struct governance *governance, const struct bytes *chain,
                               size_t count, struct instant now, struct member *leaf_out,
                               struct id *leaf_id);

#endif
