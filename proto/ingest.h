/* What node and ingest say to each other over their socket pair (PROTOCOL 6.4): u32 big-endian
 * length, then a protobuf message. Neither trusts the other: both sides decode through the fence.
 */
#ifndef PROTO_INGEST_H
#define PROTO_INGEST_H

#include "proto/clip.h"

enum {
    INGEST_FRAME_MAX = 1024 * 1024,
    INGEST_CHAIN_MAX = CHAIN_PARTS_MAX,
};

enum ingest_kind {
    /* node to ingest */
    INGEST_CAMERA_LIST = 1, /* sealed to the ingest identity */
    INGEST_REQUEST,         /* to be matched, with everything that lets ingest check it itself */
    INGEST_SHRED,           /* a clip's payload may go: declined, expired or ended; said again
                               whenever ingest starts, until it answers */
    INGEST_HELD,            /* clips that the node has on record */
    /* ingest to node */
    INGEST_HELLO, /* after start: version of the camera list in force */
    INGEST_CAMERA_LIST_DONE,
    INGEST_MATCH,        /* a clip was sealed */
    INGEST_REQUEST_DONE, /* this request has been matched, with or without result */
    INGEST_PERIOD,       /* salted commitment over the hashes of new footage */
    INGEST_SHRED_DONE,   /* nothing is left of this clip: the node may forget it too */
    /* node to ingest */
    INGEST_ACT, /* of a community: its founding charter, then the acts, as they come */
};

struct ingest_message {
    enum ingest_kind kind;
    union { /* `bytes` are borrowed */
        struct {
            struct bytes sealed;
        } camera_list; /* an age file holding a signed camera list */
        struct {
            struct id id;
            struct bytes request; /* signed objects */
            size_t chain_count;   /* founder first, as chain_verify() takes it */
            struct bytes chain[INGEST_CHAIN_MAX];
            struct bytes crossing; /* signed; in place of the chain, of one from elsewhere */
        } request;
        struct {
            struct clip_id clip;
        } shred;
        struct {
            bool last; /* of the list that an ingest is told when it starts, in several messages: a
                          clip that was told before and is in none of them is an orphan */
            size_t count;
            struct clip_id clips[256];
        } held;
        struct {
            uint64_t camera_list_version;
        } hello;
        struct {
            uint64_t version;
            enum err err;
        } camera_list_done;
        struct {
            struct id request;
            struct clip_id clip;
            struct bytes header;   /* age header for the owners */
            struct bytes manifest; /* age file for the owners, holding the signed manifest */
            uint64_t payload_size;
            struct id payload_root;
            size_t owner_count; /* of the camera: a grant names them all and nobody else */
            struct sign_public owners[OWNERS_MAX];
        } match;
        struct {
            struct id request;
        } request_done;
        struct {
            struct id commitment;
        } period;
        struct {
            struct clip_id clip;
        } shred_done;
        struct {
            struct bytes object; /* signed */
        } act;
    } as;
};

MUST_USE enum err ingest_decode(struct bytes body, struct ingest_message *out);
MUST_USE enum err ingest_encode(const struct ingest_message *message, struct buffer *out);

#endif
