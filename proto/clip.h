/* Cameras, sealed clips, and what owners and requesters sign about them (PROTOCOL 6 and 7). */
#ifndef PROTO_CLIP_H
#define PROTO_CLIP_H

#include "proto/request.h"
#include "proto/slug.h"

enum {
    CAMERAS_MAX = 64, /* of one home */
    FOLDER_MAX_BYTES = 1024,
    COVERAGE_MAX = 128,    /* runs of footage without a gap in one clip */
    SOURCES_MAX = 4500,    /* camera files behind one clip: 12 h of 10 s segments and some */
    HEADER_MAX = 8 * 1024, /* an age header for OWNERS_MAX recipients */
    SEALED_MANIFEST_MAX = SIGNED_BODY_MAX + 16 * 1024,
    CAMERA_LIST_MAX = 256 * 1024,
    EDIT_AREAS_MAX = 8,
    EDIT_SCALE = 1000, /* an area's sides are in thousandths of the picture's */
    EDIT_GROWTH = 8,   /* a recording that was packed tightly grows when it is made anew */
    EDIT_MARGIN = 16 * 1024 * 1024,
};

struct clip_id { /* random, chosen by ingest */
    uint8_t b[16];
};

enum camera_layout {
    LAYOUT_FRIGATE = 1,
    LAYOUT_MEDIAMTX,
    LAYOUT_MOTION,
    LAYOUT_PLAIN
};

struct camera {
    char name[NAME_MAX_BYTES];     /* [a-z0-9-], unique in the list */
    char folder[FOLDER_MAX_BYTES]; /* absolute */
    enum camera_layout layout;
    struct geo_view view;
    bool indoor; /* cannot be asked for unless indoor_open */
    bool indoor_open;
    int32_t clock_offset_ms; /* the camera's clock minus true time */
    size_t owner_count;
    struct owner_public owners[OWNERS_MAX]; /* all of them sign each clip's release */
    size_t community_count; /* where it may be asked for; 0: in all that the list names */
    struct id communities[COMMUNITIES_MAX];
};

/* One indoors only where it is opened. */
bool camera_may_be_asked(const struct camera *camera);
/* Does its owner let it be asked for there? Says nothing of indoors, nor of the list's own. */
bool camera_open_to(const struct camera *camera, const struct id *community);

/* Signed by every owner in it and every owner of the list before it. */
struct camera_list {
    uint64_t version;
    struct id previous; /* zero for the first */
    struct instant created;
    struct sign_public ingest; /* whose list this is */
    size_t community_count;
    struct id communities[COMMUNITIES_MAX];
    size_t camera_count;
    struct camera cameras[CAMERAS_MAX];
    size_t further_count; /* the others' node is the home's first one */
    struct further_community {
        struct id community;
        char name[SLUG_MAX_BYTES]; /* whose node alone may ask in this community's name */
    } further[COMMUNITIES_MAX];
};

/* May requests of this community be matched that the node called `name` hands over? */
bool camera_list_serves(const struct camera_list *list, const struct id *community,
                        const char *name);

struct clip_run { /* footage without a gap, [from, to) */
    struct instant from;
    struct instant to;
};

enum time_source {
    TIME_FROM_NAME = 1,
    TIME_FROM_CONTAINER,
    TIME_FROM_FILE_SYSTEM
};
enum clip_making {
    CLIP_WHOLE_FILE = 1 /* bit for bit */,
    CLIP_COPIED /* joined, not re-encoded */,
    CLIP_REENCODED
};

struct clip_source { /* one camera file, 48 bytes on the wire */
    struct id sha256;
    struct instant from;
    struct instant to;
};

/* Signed by the ingest identity. Sealed to the owners beside the clip, and to the request key when
 * it is granted. Large: allocate it. */
struct manifest {
    struct id request;
    struct clip_id clip;
    char camera[NAME_MAX_BYTES];
    struct instant from; /* first and last moment of footage in the clip */
    struct instant to;
    struct instant created;
    enum time_source time_source;
    int32_t clock_offset_ms;
    enum clip_making making;
    uint32_t width, height;
    bool audio;
    struct id sha256; /* of the plaintext MP4 */
    uint64_t size;    /* of the plaintext */
    uint64_t payload_size;
    struct id payload_root;
    size_t owner_count; /* who must all sign, from the camera list */
    struct owner_public owners[OWNERS_MAX];
    size_t run_count; /* coverage; what lies between two runs is a gap */
    struct clip_run runs[COVERAGE_MAX];
    size_t source_count;
    struct clip_source sources[SOURCES_MAX];
};

/* A part of the picture that was made black: [left, right) and [top, bottom), from its left and
 * upper side. */
struct edit_area {
    uint32_t left, top, right, bottom;
};

/* What an owner took away before the clip went. The grant's seconds, digests and sizes are then
 * those of the edited file; the manifest stays that of the clip it was made from. */
struct edit {
    bool present;
    bool audio_removed;
    enum clip_making making; /* CLIP_COPIED: its pictures are the clip's, not re-encoded */
    size_t area_count;
    struct edit_area areas[EDIT_AREAS_MAX];
};

/* What owners sign to let one clip go (P5). Every owner signs the same body. */
struct grant {
    struct id community;
    struct id home; /* member certificate of the granting home */
    struct id request;
    struct clip_id clip;
    struct box_public recipient; /* the request key */
    struct id manifest;          /* id of the signed manifest: binds camera, sources, owners */
    struct id sha256;
    uint64_t size;
    uint64_t payload_size;
    struct id payload_root;
    struct instant from;
    struct instant to;
    struct terms terms;
    struct instant created;
    struct instant expires; /* delivery is tried until then */
    size_t owner_count;     /* whose signatures this body needs, all of them */
    struct sign_public owners[OWNERS_MAX];
    struct edit edit;
};

/* An owner's answer that is not a grant. */
enum decision_kind {
    DECISION_DECLINE = 1
};
struct decision {
    struct id request;
    struct clip_id clip;
    enum decision_kind kind;
    struct instant created;
};

/* The requester's node signs what it got. A promise, not proof. */
enum receipt_kind {
    RECEIPT_PAYLOAD = 1,
    RECEIPT_HEADER
};
struct receipt {
    struct id request;
    struct id grant;
    enum receipt_kind kind;
    struct instant created;
};

struct receipt_commitment { /* gossiped: salted, so that only the granting home can find its own */
    struct head head;
    struct id request;
    struct id commitment; /* SHA-256("stoop receipt v1" || salt 32 || grant id); the salt goes with
                             the receipt */
};

struct deletion_receipt { /* gossiped by who has deleted a clip that others granted to it */
    struct head head;
    struct id request;
    struct id commitment; /* of the receipt */
    struct instant deleted;
};

MUST_USE enum err camera_list_decode(struct bytes body, struct camera_list *out);
MUST_USE enum err camera_list_encode(const struct camera_list *list, struct buffer *out);
MUST_USE enum err manifest_decode(struct bytes body, struct manifest *out);
MUST_USE enum err manifest_encode(const struct manifest *manifest, struct buffer *out);
MUST_USE enum err grant_decode(struct bytes body, struct grant *out);
MUST_USE enum err grant_encode(const struct grant *grant, struct buffer *out);
MUST_USE enum err decision_decode(struct bytes body, struct decision *out);
MUST_USE enum err decision_encode(const struct decision *decision, struct buffer *out);
MUST_USE enum err receipt_decode(struct bytes body, struct receipt *out);
MUST_USE enum err receipt_encode(const struct receipt *receipt, struct buffer *out);
MUST_USE enum err receipt_commitment_decode(struct bytes body, struct receipt_commitment *out);
MUST_USE enum err receipt_commitment_encode(const struct receipt_commitment *c, struct buffer *out);
MUST_USE enum err deletion_receipt_decode(struct bytes body, struct deletion_receipt *out);
MUST_USE enum err deletion_receipt_encode(const struct deletion_receipt *receipt,
                                          struct buffer *out);

/* Signed by all owners that it needs, old and new. `previous` NULL for the first list, where the
 * owners it names and every pinned owner must sign. ERR_DENY_INCOMPLETE, ERR_DENY_PIN,
 * ERR_PEER_SEQUENCE. */
MUST_USE enum err camera_list_verify(const struct signed_object *object,
                                     const struct camera_list *list,
                                     const struct camera_list *previous,
                                     const struct owner_public *pinned, size_t pinned_count);

/* Every owner that the grant names has signed. ERR_DENY_INCOMPLETE while some are missing and those
 * present verify, ERR_PEER_SIGNATURE when one does not or is nobody's. */
MUST_USE enum err grant_verify(const struct signed_object *object, const struct grant *grant);

/* The payload of an edited clip is at most so large. */
uint64_t edit_payload_max(uint64_t payload_size);

/* The grant says what manifest and request say, no more: same clip, owners, recipient, and within
 * the seconds asked for and the terms, which it does not outlive; the same seconds and digests
 * too, or an edit that took something away. ERR_PEER_BOUNDS. */
MUST_USE enum err grant_agrees(const struct grant *grant, const struct id *manifest_id,
                               const struct manifest *manifest, const struct id *request_id,
                               const struct request *request);

#endif
