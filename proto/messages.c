/* Shapes of what programs say to each other: links, ingest, control. Each family is a tagged union,
 * so each kind has a shape over its own member. */
#include <string.h>

#include "crypto/piece_tree.h"
#include "node/base/assert.h"
#include "proto/control.h"
#include "proto/fence.h"
#include "proto/ingest.h"
#include "proto/shapes.h"

#define ROW SHAPE_ROW
#define ARRAY SHAPE_ARRAY
#define NEEDED .required = true
#define LINK struct link_message
#define INGEST struct ingest_message
#define REPLY struct control_reply

enum {
    OBJECT_BYTES_MAX = SIGNED_GOSSIP_MAX,
    NOTE_BYTES_MAX = NOTE_MAX,
    COSIGNATURE_BYTES_MAX = NOTE_LINE_MAX,
    CHARTER_BYTES_MAX = SIGNED_GOSSIP_MAX,
    LEAF_BYTES_MAX = 64 * 1024,
    OPENING_BYTES_MAX = 256 * 1024,
};

/* Error codes go over sockets of this home only, so any that this build knows may come. */
enum {
#define INDEX(code, text) INDEX_##code,
    ERR_TABLE(INDEX)
#undef INDEX
    ERR_COUNT,
    ERR_LAST = ERR_COUNT - 1,
};

static enum err union_decode(const struct shape *shape, struct bytes body, void *plain) {
    return shape == NULL ? ERR_PEER_UNKNOWN : fence_decode(shape, body, plain);
}

/* ---- links ---- */

static const struct shape_field ping_rows[] = {ROW(1, SHAPE_U64, LINK, as.ping.nonce)};
static const struct shape ping_shape = SHAPE_OF("Ping", ping_rows, NULL);

static const struct shape_field gossip_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.gossip.object, NEEDED, .max = OBJECT_BYTES_MAX),
    ROW(2, SHAPE_U32, LINK, as.gossip.hops, .max = 255),
    ROW(3, SHAPE_BOOL, LINK, as.gossip.everywhere),
};
static const struct shape gossip_shape = SHAPE_OF("Gossip", gossip_rows, NULL);

static const struct shape_field ihave_rows[] = {
    ARRAY(1, SHAPE_PACKED, LINK, as.ihave.ids, as.ihave.count, NEEDED),
};
static const struct shape ihave_shape = SHAPE_OF("IHave", ihave_rows, NULL);

static const struct shape_field graft_rows[] = {
    ARRAY(1, SHAPE_PACKED, LINK, as.graft.ids, as.graft.count),
};
static const struct shape graft_shape = SHAPE_OF("Graft", graft_rows, NULL);

static const struct shape_field prune_rows[] = {ROW(1, SHAPE_FIXED, LINK, as.prune.id)};
static const struct shape prune_shape = SHAPE_OF("Prune", prune_rows, NULL);

static const struct shape_field neighbour_rows[] = {
    ROW(1, SHAPE_U32, LINK, as.neighbour.wish, .max = NEIGHBOUR_NEW),
};
static const struct shape neighbour_shape = SHAPE_OF("Neighbour", neighbour_rows, NULL);

static const struct shape_field walk_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.walk.peer, NEEDED),
    ROW(2, SHAPE_U32, LINK, as.walk.left, .max = LINK_WALK_MAX),
};
static const struct shape walk_shape = SHAPE_OF("Walk", walk_rows, NULL);

static const struct shape_field shuffle_rows[] = {
    ROW(1, SHAPE_U64, LINK, as.shuffle.nonce),
    ROW(2, SHAPE_U32, LINK, as.shuffle.left, .max = LINK_WALK_MAX),
    ARRAY(3, SHAPE_PACKED, LINK, as.shuffle.peers, as.shuffle.count),
};
static const struct shape shuffle_shape = SHAPE_OF("Shuffle", shuffle_rows, NULL);

static bool bound_rises(const struct sync_bound *lower, const struct sync_bound *upper) {
    return memcmp(lower->b, upper->b, sizeof lower->b) < 0;
}

static bool sync_check(const void *plain) {
    const LINK *message = plain;
    const struct sync_bound *lower = &message->as.sync.lower;
    for (size_t i = 0; i < message->as.sync.count; i++) {
        if (!bound_rises(lower, &message->as.sync.prints[i].upper)) {
            return false;
        }
        lower = &message->as.sync.prints[i].upper;
    }
    return true;
}
static const struct shape_field sync_rows[] = {
    ROW(1, SHAPE_U64, LINK, as.sync.salt),
    ROW(2, SHAPE_U32, LINK, as.sync.round, .max = 64),
    ROW(3, SHAPE_FIXED, LINK, as.sync.lower),
    ARRAY(4, SHAPE_PACKED, LINK, as.sync.prints, as.sync.count, NEEDED),
};
static const struct shape sync_shape = SHAPE_OF("Sync", sync_rows, sync_check);

static bool sync_ids_check(const void *plain) {
    const LINK *message = plain;
    const struct sync_span *spans = message->as.sync_ids.spans;
    size_t ids = 0;
    for (size_t i = 0; i < message->as.sync_ids.span_count; i++) {
        bool apart = i == 0 || !bound_rises(&spans[i].lower, &spans[i - 1].upper);
        if (!apart || !bound_rises(&spans[i].lower, &spans[i].upper)) {
            return false;
        }
        ids += read_u16(spans[i].count);
    }
    return ids == message->as.sync_ids.count;
}
static const struct shape_field sync_ids_rows[] = {
    ROW(1, SHAPE_U64, LINK, as.sync_ids.salt),
    ARRAY(2, SHAPE_PACKED, LINK, as.sync_ids.spans, as.sync_ids.span_count, NEEDED),
    ARRAY(3, SHAPE_PACKED, LINK, as.sync_ids.ids, as.sync_ids.count),
};
static const struct shape sync_ids_shape = SHAPE_OF("SyncIds", sync_ids_rows, sync_ids_check);

static const struct shape_field attachment_want_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.attachment_want.sha256, NEEDED),
    ROW(2, SHAPE_U32, LINK, as.attachment_want.offset, .max = DOCUMENT_MAX),
};
static const struct shape attachment_want_shape =
    SHAPE_OF("AttachmentWant", attachment_want_rows, NULL);

static bool attachment_piece_check(const void *plain) {
    const LINK *message = plain;
    uint32_t size = message->as.attachment_piece.size;
    uint32_t offset = message->as.attachment_piece.offset;
    uint32_t left = offset < size ? size - offset : 0;
    return left > 0 &&
           message->as.attachment_piece.data.len == (left < LINK_DATA_MAX ? left : LINK_DATA_MAX);
}
static const struct shape_field attachment_piece_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.attachment_piece.sha256, NEEDED),
    ROW(2, SHAPE_U32, LINK, as.attachment_piece.size, NEEDED, .min = 1, .max = DOCUMENT_MAX),
    ROW(3, SHAPE_U32, LINK, as.attachment_piece.offset, .max = DOCUMENT_MAX),
    ROW(4, SHAPE_BYTES, LINK, as.attachment_piece.data, NEEDED, .max = LINK_DATA_MAX),
};
static const struct shape attachment_piece_shape =
    SHAPE_OF("AttachmentPiece", attachment_piece_rows, attachment_piece_check);

static const struct shape_field checkpoint_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.checkpoint.note, NEEDED, .max = NOTE_BYTES_MAX),
};
static const struct shape checkpoint_shape = SHAPE_OF("Checkpoint", checkpoint_rows, NULL);

static const struct shape_field consistency_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.consistency.note, NEEDED, .max = NOTE_BYTES_MAX),
    ROW(2, SHAPE_U64, LINK, as.consistency.old_size, NEEDED, .min = 1, .max = INT64_MAX),
    ROW(3, SHAPE_FIXED, LINK, as.consistency.old_root, NEEDED),
    ARRAY(4, SHAPE_PACKED, LINK, as.consistency.hashes, as.consistency.count),
};
static const struct shape consistency_shape = SHAPE_OF("Consistency", consistency_rows, NULL);

static const struct shape_field cosignature_rows[] = {
    ROW(1, SHAPE_U64, LINK, as.cosignature.size, NEEDED, .min = 1, .max = INT64_MAX),
    ROW(2, SHAPE_BYTES, LINK, as.cosignature.line, NEEDED, .max = COSIGNATURE_BYTES_MAX),
};
static const struct shape cosignature_shape = SHAPE_OF("Cosignature", cosignature_rows, NULL);

static const struct shape_field fork_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.fork.log, NEEDED),
    ROW(2, SHAPE_BYTES, LINK, as.fork.older, NEEDED, .max = NOTE_BYTES_MAX),
    ROW(3, SHAPE_BYTES, LINK, as.fork.newer, NEEDED, .max = NOTE_BYTES_MAX),
    ROW(4, SHAPE_FIXED, LINK, as.fork.root),
    ARRAY(5, SHAPE_PACKED, LINK, as.fork.proof.hashes, as.fork.proof.count),
};
static const struct shape fork_shape = SHAPE_OF("Fork", fork_rows, NULL);

static const struct shape_field join_ask_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.join_ask.member, NEEDED, .max = OBJECT_BYTES_MAX),
};
static const struct shape join_ask_shape = SHAPE_OF("JoinAsk", join_ask_rows, NULL);

static const struct shape_field epoch_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.epoch.removal, NEEDED),
    ROW(2, SHAPE_FIXED, LINK, as.epoch.key, NEEDED),
};
static const struct shape epoch_shape = SHAPE_OF("Epoch", epoch_rows, NULL);

static const struct shape_field standing_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.standing.object, NEEDED, .max = OBJECT_BYTES_MAX),
};
static const struct shape standing_shape = SHAPE_OF("Standing", standing_rows, NULL);

static const struct shape_field caught_up_rows[] = {
    ROW(1, SHAPE_U64, LINK, as.caught_up.sent),
    ROW(2, SHAPE_FIXED, LINK, as.caught_up.log),
};
static const struct shape caught_up_shape = SHAPE_OF("CaughtUp", caught_up_rows, NULL);

static const struct shape_field join_member_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.join_member.member, NEEDED, .max = OBJECT_BYTES_MAX),
};
static const struct shape join_member_shape = SHAPE_OF("JoinMember", join_member_rows, NULL);

static const struct shape_field join_welcome_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.join_welcome.member, NEEDED, .max = OBJECT_BYTES_MAX),
    ROW(2, SHAPE_BYTES, LINK, as.join_welcome.charter, NEEDED, .max = CHARTER_BYTES_MAX),
    ROW(3, SHAPE_FIXED, LINK, as.join_welcome.founding_key, NEEDED),
};
static const struct shape join_welcome_shape = SHAPE_OF("JoinWelcome", join_welcome_rows, NULL);

static const struct shape_field meet_share_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.meet_share.point, NEEDED),
    ROW(2, SHAPE_FIXED, LINK, as.meet_share.tag),
};
static const struct shape meet_share_shape = SHAPE_OF("MeetShare", meet_share_rows, NULL);

static const struct shape_field meet_confirm_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.meet_confirm.tag),
};
static const struct shape meet_confirm_shape = SHAPE_OF("MeetConfirm", meet_confirm_rows, NULL);

static const struct shape_field meet_code_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.meet_code.sealed, NEEDED, .max = LINK_MEET_CODE_MAX),
};
static const struct shape meet_code_shape = SHAPE_OF("MeetCode", meet_code_rows, NULL);

static const struct shape_field meet_commit_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.meet_commit.commitment, NEEDED),
};
static const struct shape meet_commit_shape = SHAPE_OF("MeetCommit", meet_commit_rows, NULL);

static const struct shape_field meet_reveal_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.meet_reveal.nonce, NEEDED),
};
static const struct shape meet_reveal_shape = SHAPE_OF("MeetReveal", meet_reveal_rows, NULL);

static const struct shape_field offer_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.offer.grant, NEEDED, .max = OBJECT_BYTES_MAX),
    ROW(2, SHAPE_BYTES, LINK, as.offer.member, NEEDED, .max = OBJECT_BYTES_MAX),
};
static const struct shape offer_shape = SHAPE_OF("Offer", offer_rows, NULL);

static const struct shape_field want_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.want.grant, NEEDED),
    ROW(2, SHAPE_U64, LINK, as.want.next_leaf),
    ROW(3, SHAPE_U64, LINK, as.want.next_piece),
};
static const struct shape want_shape = SHAPE_OF("Want", want_rows, NULL);

static const struct shape_field leaves_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.leaves.grant, NEEDED),
    ROW(2, SHAPE_U64, LINK, as.leaves.first),
    ARRAY(3, SHAPE_PACKED, LINK, as.leaves.hashes, as.leaves.count, NEEDED),
};
static const struct shape leaves_shape = SHAPE_OF("Leaves", leaves_rows, NULL);

static const struct shape_field pieces_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.pieces.grant, NEEDED),
    ROW(2, SHAPE_U64, LINK, as.pieces.first),
    ROW(3, SHAPE_U64, LINK, as.pieces.bytes, NEEDED, .min = 1),
};
static const struct shape pieces_shape = SHAPE_OF("Pieces", pieces_rows, NULL);

static const struct shape_field receipt_rows[] = {
    ROW(1, SHAPE_BYTES, LINK, as.receipt.receipt, NEEDED, .max = OBJECT_BYTES_MAX),
    ROW(2, SHAPE_FIXED, LINK, as.receipt.salt),
};
static const struct shape receipt_shape = SHAPE_OF("ReceiptMessage", receipt_rows, NULL);

static bool header_check(const void *plain) {
    const LINK *message = plain;
    return (uint64_t)message->as.header.manifest_offset + message->as.header.manifest.len <=
           message->as.header.manifest_size;
}
static const struct shape_field header_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.header.grant, NEEDED),
    ROW(2, SHAPE_BYTES, LINK, as.header.header, .max = HEADER_MAX),
    ROW(3, SHAPE_BYTES, LINK, as.header.manifest, .max = LINK_DATA_MAX),
    ROW(4, SHAPE_U32, LINK, as.header.manifest_size, .max = SEALED_MANIFEST_MAX),
    ROW(5, SHAPE_U32, LINK, as.header.manifest_offset, .max = SEALED_MANIFEST_MAX),
};
static const struct shape header_shape = SHAPE_OF("Header", header_rows, header_check);

static const struct shape_field vouch_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.vouch.treaty, NEEDED),
    ROW(2, SHAPE_MESSAGE, LINK, as.vouch.membership, NEEDED, .sub = &membership_shape),
};
static const struct shape vouch_shape = SHAPE_OF("Vouch", vouch_rows, NULL);

static const struct shape_field carry_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.carry.treaty, NEEDED),
    ROW(2, SHAPE_BYTES, LINK, as.carry.object, NEEDED, .max = CROSSING_OBJECT_MAX),
    ROW(3, SHAPE_MESSAGE, LINK, as.carry.membership, NEEDED, .sub = &membership_shape),
};
static const struct shape carry_shape = SHAPE_OF("Carry", carry_rows, NULL);

static const struct shape_field carried_rows[] = {
    ROW(1, SHAPE_FIXED, LINK, as.carried.treaty, NEEDED),
    ROW(2, SHAPE_FIXED, LINK, as.carried.object, NEEDED),
    ROW(3, SHAPE_BOOL, LINK, as.carried.left),
};
static const struct shape carried_shape = SHAPE_OF("Carried", carried_rows, NULL);

static const struct shape *link_shape(enum link_kind kind) {
    switch (kind) {
    case LINK_PING:
    case LINK_PONG:
        return &ping_shape;
    case LINK_GOSSIP:
        return &gossip_shape;
    case LINK_IHAVE:
        return &ihave_shape;
    case LINK_GRAFT:
        return &graft_shape;
    case LINK_PRUNE:
        return &prune_shape;
    case LINK_NEIGHBOUR:
        return &neighbour_shape;
    case LINK_WALK:
        return &walk_shape;
    case LINK_SHUFFLE:
    case LINK_SHUFFLED:
        return &shuffle_shape;
    case LINK_SYNC:
        return &sync_shape;
    case LINK_SYNC_IDS:
    case LINK_SYNC_WANT:
        return &sync_ids_shape;
    case LINK_ATTACHMENT_WANT:
        return &attachment_want_shape;
    case LINK_ATTACHMENT_PIECE:
        return &attachment_piece_shape;
    case LINK_CHECKPOINT:
    case LINK_WITNESSED:
        return &checkpoint_shape;
    case LINK_CONSISTENCY:
        return &consistency_shape;
    case LINK_COSIGNATURE:
        return &cosignature_shape;
    case LINK_FORK:
        return &fork_shape;
    case LINK_EPOCH:
        return &epoch_shape;
    case LINK_STANDING:
        return &standing_shape;
    case LINK_CAUGHT_UP:
        return &caught_up_shape;
    case LINK_JOIN_ASK:
        return &join_ask_shape;
    case LINK_JOIN_MEMBER:
        return &join_member_shape;
    case LINK_JOIN_WELCOME:
        return &join_welcome_shape;
    case LINK_MEET_SHARE:
        return &meet_share_shape;
    case LINK_MEET_CONFIRM:
        return &meet_confirm_shape;
    case LINK_MEET_CODE:
        return &meet_code_shape;
    case LINK_MEET_COMMIT:
        return &meet_commit_shape;
    case LINK_MEET_REVEAL:
        return &meet_reveal_shape;
    case LINK_OFFER:
        return &offer_shape;
    case LINK_WANT:
        return &want_shape;
    case LINK_LEAVES:
        return &leaves_shape;
    case LINK_PIECES:
        return &pieces_shape;
    case LINK_RECEIPT:
        return &receipt_shape;
    case LINK_HEADER:
        return &header_shape;
    case LINK_VOUCH:
        return &vouch_shape;
    case LINK_CARRY:
        return &carry_shape;
    case LINK_CARRIED:
        return &carried_shape;
    }
    return NULL;
}

/* The largest kind is 32 KiB, and most are a few bytes: only what this kind's rows reach is zeroed,
 * and read by whoever goes by the kind. */
enum err link_decode(uint8_t type, struct bytes body, struct link_message *out) {
    const struct shape *shape = link_shape((enum link_kind)type);
    enum err err = ERR_PEER_UNKNOWN;
    if (shape != NULL) {
        err = fence_decode_into(shape, body, out, fence_reach(shape));
    }
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out); /* what fails leaves nothing behind */
        return err;
    }
    out->kind = (enum link_kind)type;
    return ERR_OK;
}

enum err link_encode(const struct link_message *message, struct buffer *out) {
    const struct shape *shape = link_shape(message->kind);
    ASSERT(shape != NULL);
    return fence_encode(shape, message, out);
}

/* ---- ingest ---- */

static const struct shape_field ingest_camera_list_rows[] = {
    ROW(2, SHAPE_BYTES, INGEST, as.camera_list.sealed, NEEDED, .max = CAMERA_LIST_MAX),
};
static const struct shape ingest_camera_list_shape =
    SHAPE_OF("IngestCameraList", ingest_camera_list_rows, NULL);

#define SIGNED_ROWS_MAX OBJECT_BYTES_MAX
static const struct shape_field ingest_request_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.request.id, NEEDED),
    ROW(3, SHAPE_BYTES, INGEST, as.request.request, NEEDED, .max = SIGNED_ROWS_MAX),
    ARRAY(4, SHAPE_BYTES, INGEST, as.request.chain, as.request.chain_count, .max = SIGNED_ROWS_MAX),
    ROW(5, SHAPE_BYTES, INGEST, as.request.crossing, .max = SIGNED_ROWS_MAX),
};
static const struct shape ingest_request_shape =
    SHAPE_OF("IngestRequest", ingest_request_rows, NULL);

static const struct shape_field ingest_shred_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.shred.clip, NEEDED),
};
static const struct shape ingest_shred_shape = SHAPE_OF("IngestShred", ingest_shred_rows, NULL);

static const struct shape_field ingest_held_rows[] = {
    ROW(2, SHAPE_BOOL, INGEST, as.held.last),
    ARRAY(3, SHAPE_PACKED, INGEST, as.held.clips, as.held.count),
};
static const struct shape ingest_held_shape = SHAPE_OF("IngestHeld", ingest_held_rows, NULL);

static const struct shape_field ingest_hello_rows[] = {
    ROW(2, SHAPE_U64, INGEST, as.hello.camera_list_version),
};
static const struct shape ingest_hello_shape = SHAPE_OF("IngestHello", ingest_hello_rows, NULL);

static const struct shape_field ingest_list_done_rows[] = {
    ROW(2, SHAPE_U64, INGEST, as.camera_list_done.version),
    ROW(3, SHAPE_U32, INGEST, as.camera_list_done.err, .max = ERR_LAST),
};
static const struct shape ingest_list_done_shape =
    SHAPE_OF("IngestCameraListDone", ingest_list_done_rows, NULL);

static const struct shape_field ingest_match_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.match.request, NEEDED),
    ROW(3, SHAPE_FIXED, INGEST, as.match.clip, NEEDED),
    ROW(4, SHAPE_BYTES, INGEST, as.match.header, NEEDED, .max = HEADER_MAX),
    ROW(5, SHAPE_BYTES, INGEST, as.match.manifest, NEEDED, .max = SEALED_MANIFEST_MAX),
    ROW(6, SHAPE_U64, INGEST, as.match.payload_size, NEEDED, .min = PAYLOAD_MIN, .max = INT64_MAX),
    ROW(7, SHAPE_FIXED, INGEST, as.match.payload_root, NEEDED),
    ARRAY(8, SHAPE_PACKED, INGEST, as.match.owners, as.match.owner_count),
};
static const struct shape ingest_match_shape = SHAPE_OF("IngestMatch", ingest_match_rows, NULL);

static const struct shape_field ingest_request_done_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.request_done.request, NEEDED),
};
static const struct shape ingest_request_done_shape =
    SHAPE_OF("IngestRequestDone", ingest_request_done_rows, NULL);

static const struct shape_field ingest_period_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.period.commitment, NEEDED),
};
static const struct shape ingest_period_shape = SHAPE_OF("IngestPeriod", ingest_period_rows, NULL);

static const struct shape_field ingest_shred_done_rows[] = {
    ROW(2, SHAPE_FIXED, INGEST, as.shred_done.clip, NEEDED),
};
static const struct shape ingest_shred_done_shape =
    SHAPE_OF("IngestShredDone", ingest_shred_done_rows, NULL);

static const struct shape_field ingest_act_rows[] = {
    ROW(2, SHAPE_BYTES, INGEST, as.act.object, NEEDED, .max = OBJECT_BYTES_MAX),
};
static const struct shape ingest_act_shape = SHAPE_OF("IngestAct", ingest_act_rows, NULL);

static const struct shape *ingest_shape(enum ingest_kind kind) {
    switch (kind) {
    case INGEST_CAMERA_LIST:
        return &ingest_camera_list_shape;
    case INGEST_REQUEST:
        return &ingest_request_shape;
    case INGEST_SHRED:
        return &ingest_shred_shape;
    case INGEST_HELD:
        return &ingest_held_shape;
    case INGEST_HELLO:
        return &ingest_hello_shape;
    case INGEST_CAMERA_LIST_DONE:
        return &ingest_list_done_shape;
    case INGEST_MATCH:
        return &ingest_match_shape;
    case INGEST_REQUEST_DONE:
        return &ingest_request_done_shape;
    case INGEST_PERIOD:
        return &ingest_period_shape;
    case INGEST_ACT:
        return &ingest_act_shape;
    case INGEST_SHRED_DONE:
        return &ingest_shred_done_shape;
    }
    return NULL;
}

/* A frame is { kind = 1; body = 2 }: the body's shape follows from the kind. */
struct frame {
    uint32_t kind;
    struct bytes body;
};
static const struct shape_field frame_rows[] = {
    ROW(1, SHAPE_U32, struct frame, kind, NEEDED, .min = 1),
    ROW(2, SHAPE_BYTES, struct frame, body, .max = CONTROL_FRAME_MAX),
};
static const struct shape frame_shape = SHAPE_OF("Frame", frame_rows, NULL);

static enum err frame_encode(uint32_t kind, const struct shape *shape, const void *plain,
                             struct buffer *out) {
    struct buffer body;
    buffer_init(&body, CONTROL_FRAME_MAX - 16);
    enum err err = fence_encode(shape, plain, &body);
    if (err == ERR_OK) {
        struct frame frame = {.kind = kind, .body = buffer_bytes(&body)};
        err = fence_encode(&frame_shape, &frame, out);
    }
    buffer_finish(&body);
    return err;
}

enum err ingest_decode(struct bytes body, struct ingest_message *out) {
    struct frame frame;
    memset(out, 0, sizeof *out);
    enum err err = fence_decode_into(&frame_shape, body, &frame, sizeof frame);
    if (err == ERR_OK) {
        out->kind = (enum ingest_kind)frame.kind;
        err = union_decode(ingest_shape(out->kind), frame.body, out);
    }
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out);
    }
    return err;
}

enum err ingest_encode(const struct ingest_message *message, struct buffer *out) {
    const struct shape *shape = ingest_shape(message->kind);
    ASSERT(shape != NULL);
    return frame_encode(message->kind, shape, message, out);
}

/* ---- control ---- */

static const struct shape_field control_request_rows[] = {
    ROW(1, SHAPE_U32, struct control_request, op, NEEDED, .min = CONTROL_STATUS,
        .max = CONTROL_OP_END - 1),
    ROW(2, SHAPE_FIXED, struct control_request, id),
    ROW(3, SHAPE_FIXED, struct control_request, clip),
    ROW(4, SHAPE_U64, struct control_request, offset),
    ROW(5, SHAPE_U64, struct control_request, total),
    ROW(6, SHAPE_FIXED, struct control_request, secret),
    ROW(7, SHAPE_TEXT, struct control_request, text),
    ROW(8, SHAPE_BYTES, struct control_request, blob, .max = CONTROL_DATA_MAX + 4096),
    ROW(9, SHAPE_BYTES, struct control_request, blob2, .max = CONTROL_DATA_MAX + 4096),
    ROW(10, SHAPE_BYTES, struct control_request, blob3, .max = SEALED_MANIFEST_MAX),
};
static const struct shape control_request_shape =
    SHAPE_OF("ControlRequest", control_request_rows, NULL);

enum err control_request_decode(struct bytes body, struct control_request *out) {
    return fence_decode_into(&control_request_shape, body, out, sizeof *out);
}

enum err control_request_encode(const struct control_request *request, struct buffer *out) {
    return fence_encode(&control_request_shape, request, out);
}

/* Every answer begins with the same three fields. */
#define REPLY_ROWS                                                                                 \
    ROW(1, SHAPE_BOOL, REPLY, last), ROW(2, SHAPE_U32, REPLY, err, .max = ERR_LAST),               \
        ROW(3, SHAPE_TEXT, REPLY, text)

static const struct shape_field done_rows[] = {REPLY_ROWS};
static const struct shape done_shape = SHAPE_OF("Done", done_rows, NULL);

static const struct shape_field overlay_figures_rows[] = {
    ROW(1, SHAPE_U64, struct overlay_figures, accepted),
    ROW(2, SHAPE_U64, struct overlay_figures, duplicates),
    ROW(3, SHAPE_U64, struct overlay_figures, pushes),
    ROW(4, SHAPE_U64, struct overlay_figures, grafts),
    ROW(5, SHAPE_U64, struct overlay_figures, prunes),
    ROW(6, SHAPE_U64, struct overlay_figures, announced),
    ROW(7, SHAPE_U64, struct overlay_figures, missed),
    ROW(8, SHAPE_U64, struct overlay_figures, dials),
    ROW(9, SHAPE_U64, struct overlay_figures, dials_failed),
    ROW(10, SHAPE_U64, struct overlay_figures, links_up),
    ROW(11, SHAPE_U64, struct overlay_figures, links_lost),
    ROW(12, SHAPE_U64, struct overlay_figures, refused),
    ROW(13, SHAPE_U64, struct overlay_figures, shuffles),
    ROW(14, SHAPE_U64, struct overlay_figures, walks),
    ROW(15, SHAPE_U64, struct overlay_figures, swaps),
    ROW(16, SHAPE_U64, struct overlay_figures, reconciliations),
    ROW(17, SHAPE_U64, struct overlay_figures, faults),
    ROW(18, SHAPE_U64, struct overlay_figures, bytes),
    ROW(19, SHAPE_U32, struct overlay_figures, book),
    ROW(20, SHAPE_U32, struct overlay_figures, passive),
};
static const struct shape overlay_figures_shape =
    SHAPE_OF("OverlayFigures", overlay_figures_rows, NULL);

static const struct shape_field door_link_rows[] = {
    ROW(1, SHAPE_TEXT, struct door_link, name),
    ROW(2, SHAPE_BOOL, struct door_link, linked),
};
static const struct shape door_link_shape = SHAPE_OF("DoorLink", door_link_rows, NULL);

static bool status_check(const void *plain) {
    const REPLY *reply = plain;
    for (size_t i = 0; i < reply->as.status.address_count; i++) {
        if (!address_valid(reply->as.status.addresses[i])) {
            return false;
        }
    }
    return true;
}
static const struct shape_field status_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_TEXT, REPLY, as.status.version),
    ROW(11, SHAPE_FIXED, REPLY, as.status.node),
    ROW(12, SHAPE_FIXED, REPLY, as.status.log),
    ROW(13, SHAPE_FIXED, REPLY, as.status.transport),
    ROW(15, SHAPE_BOOL, REPLY, as.status.has_community),
    ROW(16, SHAPE_FIXED, REPLY, as.status.community),
    ROW(17, SHAPE_FIXED, REPLY, as.status.certificate),
    ROW(18, SHAPE_TEXT, REPLY, as.status.community_name),
    ROW(19, SHAPE_U32, REPLY, as.status.members),
    ROW(20, SHAPE_U32, REPLY, as.status.links),
    ROW(21, SHAPE_U32, REPLY, as.status.live_objects),
    ROW(22, SHAPE_U32, REPLY, as.status.open_requests),
    ROW(23, SHAPE_U32, REPLY, as.status.open_clips),
    ROW(26, SHAPE_U64, REPLY, as.status.log_size),
    ROW(27, SHAPE_FIXED, REPLY, as.status.log_root),
    ROW(28, SHAPE_U32, REPLY, as.status.slot_s),
    ROW(29, SHAPE_BOOL, REPLY, as.status.ingest_up),
    ROW(30, SHAPE_U64, REPLY, as.status.camera_list_version),
    ROW(31, SHAPE_TIME, REPLY, as.status.now),
    ROW(32, SHAPE_TIME, REPLY, as.status.started),
    ARRAY(33, SHAPE_TEXT, REPLY, as.status.addresses, as.status.address_count),
    ROW(34, SHAPE_U32, REPLY, as.status.caps.span_s),
    ROW(35, SHAPE_U32, REPLY, as.status.caps.area_m2),
    ROW(36, SHAPE_U32, REPLY, as.status.caps.live_requests),
    ROW(37, SHAPE_U32, REPLY, as.status.delete_by_max_days),
    ROW(38, SHAPE_TEXT, REPLY, as.status.log_origin),
    ROW(39, SHAPE_U64, REPLY, as.status.head_size),
    ROW(40, SHAPE_U32, REPLY, as.status.cosigned),
    ROW(41, SHAPE_U32, REPLY, as.status.witnesses),
    ROW(42, SHAPE_U32, REPLY, as.status.forks),
    ROW(43, SHAPE_FIXED, REPLY, as.status.log_previous),
    ROW(44, SHAPE_BOOL, REPLY, as.status.camera_list_waits),
    ROW(45, SHAPE_MESSAGE, REPLY, as.status.overlay, .sub = &overlay_figures_shape),
    ROW(46, SHAPE_U32, REPLY, as.status.instruments),
    ROW(47, SHAPE_FIXED, REPLY, as.status.outside),
    ARRAY(48, SHAPE_MESSAGE, REPLY, as.status.doors, as.status.door_count, .sub = &door_link_shape),
    ROW(49, SHAPE_TIME, REPLY, as.status.copy_seen),
};
static const struct shape status_shape = SHAPE_OF("Status", status_rows, status_check);

static const struct shape_field got_object_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_BYTES, REPLY, as.object.object, .max = CAMERA_LIST_MAX),
    ROW(11, SHAPE_U32, REPLY, as.object.state),
};
static const struct shape got_object_shape = SHAPE_OF("GotObject", got_object_rows, NULL);

static const struct shape_field got_data_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_BYTES, REPLY, as.data.data, .max = CONTROL_DATA_MAX),
    ROW(11, SHAPE_U64, REPLY, as.data.offset),
    ROW(12, SHAPE_U64, REPLY, as.data.total),
};
static const struct shape got_data_shape = SHAPE_OF("GotData", got_data_rows, NULL);

static const struct shape_field got_request_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_BYTES, REPLY, as.request.request, .max = OBJECT_BYTES_MAX),
    ARRAY(12, SHAPE_BYTES, REPLY, as.request.chain, as.request.chain_count,
          .max = CONTROL_CERTIFICATE_BYTES),
    ROW(13, SHAPE_BOOL, REPLY, as.request.ours),
    ROW(14, SHAPE_BOOL, REPLY, as.request.document_here),
    ROW(15, SHAPE_U32, REPLY, as.request.open_clips),
    ROW(16, SHAPE_U64, REPLY, as.request.log_index),
    ROW(17, SHAPE_BOOL, REPLY, as.request.seal_here),
    ROW(18, SHAPE_BOOL, REPLY, as.request.taken_back),
    ROW(19, SHAPE_BYTES, REPLY, as.request.taken_back_by, .max = OBJECT_BYTES_MAX),
    ARRAY(20, SHAPE_BYTES, REPLY, as.request.calls, as.request.call_count,
          .max = CONTROL_CALL_BYTES),
    ARRAY(21, SHAPE_BYTES, REPLY, as.request.callers, as.request.caller_count,
          .max = CONTROL_CALL_BYTES),
    ROW(22, SHAPE_U32, REPLY, as.request.calls_more),
    ROW(23, SHAPE_BYTES, REPLY, as.request.crossing, .max = OBJECT_BYTES_MAX),
};
static const struct shape got_request_shape = SHAPE_OF("GotRequest", got_request_rows, NULL);

static const struct shape_field got_clip_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_FIXED, REPLY, as.clip.request),
    ROW(11, SHAPE_FIXED, REPLY, as.clip.clip),
    ROW(12, SHAPE_U32, REPLY, as.clip.state, NEEDED, .min = CLIP_OPEN, .max = CLIP_ENDED),
    ROW(13, SHAPE_U64, REPLY, as.clip.payload_size),
    ROW(14, SHAPE_FIXED, REPLY, as.clip.payload_root),
    ROW(15, SHAPE_BYTES, REPLY, as.clip.manifest, .max = SEALED_MANIFEST_MAX),
    ROW(16, SHAPE_BYTES, REPLY, as.clip.header, .max = HEADER_MAX),
    ROW(17, SHAPE_BYTES, REPLY, as.clip.grant, .max = OBJECT_BYTES_MAX),
    ARRAY(18, SHAPE_FIXED, REPLY, as.clip.owners, as.clip.owner_count),
    ROW(19, SHAPE_BYTES, REPLY, as.clip.edited_header, .max = HEADER_MAX),
};
static const struct shape got_clip_shape = SHAPE_OF("GotClip", got_clip_rows, NULL);

static const struct shape_field collected_place_rows[] = {
    ROW(1, SHAPE_TEXT, struct collected_place, place, NEEDED),
    ROW(2, SHAPE_FIXED, struct collected_place, text),
    ROW(3, SHAPE_FIXED, struct collected_place, json),
};
static const struct shape collected_place_shape =
    SHAPE_OF("CollectedPlace", collected_place_rows, NULL);

static const struct shape_field got_delivered_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_FIXED, REPLY, as.delivered.grant),
    ROW(11, SHAPE_FIXED, REPLY, as.delivered.request),
    ROW(12, SHAPE_BYTES, REPLY, as.delivered.signed_grant, .max = OBJECT_BYTES_MAX),
    ROW(13, SHAPE_BYTES, REPLY, as.delivered.member, .max = OBJECT_BYTES_MAX),
    ROW(14, SHAPE_BYTES, REPLY, as.delivered.sealed_key, .max = HEADER_MAX),
    ROW(15, SHAPE_BYTES, REPLY, as.delivered.header, .max = HEADER_MAX),
    ROW(16, SHAPE_BYTES, REPLY, as.delivered.manifest, .max = SEALED_MANIFEST_MAX),
    ROW(17, SHAPE_U64, REPLY, as.delivered.received),
    ROW(18, SHAPE_U64, REPLY, as.delivered.payload_size),
    ROW(19, SHAPE_TIME, REPLY, as.delivered.completed),
    ROW(21, SHAPE_BOOL, REPLY, as.delivered.deleted),
    ARRAY(22, SHAPE_MESSAGE, REPLY, as.delivered.places, as.delivered.place_count,
          .sub = &collected_place_shape),
    ROW(23, SHAPE_BYTES, REPLY, as.delivered.vouch, .max = CONTROL_VOUCH_BYTES),
};
static const struct shape got_delivered_shape = SHAPE_OF("GotDelivered", got_delivered_rows, NULL);

static const struct shape_field got_leaf_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_U64, REPLY, as.leaf.index),
    ROW(11, SHAPE_BYTES, REPLY, as.leaf.leaf, .max = LEAF_BYTES_MAX),
    ROW(12, SHAPE_BYTES, REPLY, as.leaf.opening, .max = OPENING_BYTES_MAX),
};
static const struct shape got_leaf_shape = SHAPE_OF("GotLeaf", got_leaf_rows, NULL);

static const struct shape_field got_proof_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_U64, REPLY, as.proof.index),
    ROW(11, SHAPE_U64, REPLY, as.proof.size),
    ARRAY(12, SHAPE_PACKED, REPLY, as.proof.hashes, as.proof.count),
    ROW(13, SHAPE_BYTES, REPLY, as.proof.leaf, .max = LEAF_BYTES_MAX),
    ROW(14, SHAPE_BYTES, REPLY, as.proof.checkpoint, .max = NOTE_BYTES_MAX),
};
static const struct shape got_proof_shape = SHAPE_OF("GotProof", got_proof_rows, NULL);

static const struct shape_field got_log_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_TEXT, REPLY, as.log.name),
    ROW(11, SHAPE_FIXED, REPLY, as.log.certificate),
    ROW(12, SHAPE_FIXED, REPLY, as.log.log),
};
static const struct shape got_log_shape = SHAPE_OF("GotLog", got_log_rows, NULL);

static const struct shape_field got_overdue_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_TEXT, REPLY, as.overdue.name),
    ROW(11, SHAPE_FIXED, REPLY, as.overdue.certificate),
    ROW(12, SHAPE_U64, REPLY, as.overdue.received),
    ROW(13, SHAPE_U64, REPLY, as.overdue.deleted),
    ROW(14, SHAPE_U64, REPLY, as.overdue.overdue),
    ROW(15, SHAPE_U64, REPLY, as.overdue.unknown),
};
static const struct shape got_overdue_shape = SHAPE_OF("GotOverdue", got_overdue_rows, NULL);

static const struct shape_field progress_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_U64, REPLY, as.progress.done),
    ROW(11, SHAPE_U64, REPLY, as.progress.total),
};
static const struct shape progress_shape = SHAPE_OF("Progress", progress_rows, NULL);

static bool peer_link_check(const void *plain) {
    const struct peer_link *link = plain;
    return link->address[0] == '\0' || address_valid(link->address);
}
static const struct shape_field peer_link_rows[] = {
    ROW(1, SHAPE_TEXT, struct peer_link, name, NEEDED),
    ROW(2, SHAPE_FIXED, struct peer_link, certificate, NEEDED),
    ROW(3, SHAPE_TEXT, struct peer_link, address),
    ROW(4, SHAPE_BOOL, struct peer_link, dialled),
    ROW(5, SHAPE_BOOL, struct peer_link, anchor),
    ROW(6, SHAPE_BOOL, struct peer_link, eager),
    ROW(7, SHAPE_U32, struct peer_link, faults, .max = CONTROL_FAULTS_MAX),
    ROW(8, SHAPE_U64, struct peer_link, bytes_in),
    ROW(9, SHAPE_U64, struct peer_link, bytes_out),
    ROW(10, SHAPE_U64, struct peer_link, age_ms),
    ROW(11, SHAPE_U64, struct peer_link, quiet_ms),
};
static const struct shape peer_link_shape = SHAPE_OF("PeerLink", peer_link_rows, peer_link_check);

static const struct shape_field peer_gone_rows[] = {
    ROW(1, SHAPE_TEXT, struct peer_gone, name, NEEDED),
    ROW(2, SHAPE_FIXED, struct peer_gone, certificate, NEEDED),
    ROW(3, SHAPE_U32, struct peer_gone, why, NEEDED, .min = PEER_END_SILENT,
        .max = PEER_END_REMOVED),
    ROW(4, SHAPE_U64, struct peer_gone, lasted_ms),
    ROW(5, SHAPE_U64, struct peer_gone, ago_ms),
};
static const struct shape peer_gone_shape = SHAPE_OF("PeerGone", peer_gone_rows, NULL);

static const struct shape_field got_peers_rows[] = {
    REPLY_ROWS,
    ROW(10, SHAPE_TEXT, REPLY, as.peers.community_name),
    ROW(11, SHAPE_FIXED, REPLY, as.peers.community),
    ROW(12, SHAPE_TEXT, REPLY, as.peers.name),
    ROW(13, SHAPE_FIXED, REPLY, as.peers.certificate),
    ARRAY(14, SHAPE_MESSAGE, REPLY, as.peers.links, as.peers.link_count, .sub = &peer_link_shape),
    ARRAY(15, SHAPE_MESSAGE, REPLY, as.peers.gone, as.peers.gone_count, .sub = &peer_gone_shape),
    ROW(16, SHAPE_U32, REPLY, as.peers.book),
    ROW(17, SHAPE_U32, REPLY, as.peers.met),
    ROW(18, SHAPE_U32, REPLY, as.peers.anchors),
    ROW(19, SHAPE_U32, REPLY, as.peers.passive),
};
static const struct shape got_peers_shape = SHAPE_OF("GotPeers", got_peers_rows, NULL);

static const struct shape *reply_shape(enum control_kind kind) {
    switch (kind) {
    case CONTROL_DONE:
        return &done_shape;
    case CONTROL_GOT_STATUS:
        return &status_shape;
    case CONTROL_GOT_OBJECT:
        return &got_object_shape;
    case CONTROL_GOT_DATA:
        return &got_data_shape;
    case CONTROL_GOT_REQUEST:
        return &got_request_shape;
    case CONTROL_GOT_CLIP:
        return &got_clip_shape;
    case CONTROL_GOT_DELIVERED:
        return &got_delivered_shape;
    case CONTROL_GOT_LEAF:
        return &got_leaf_shape;
    case CONTROL_GOT_PROOF:
        return &got_proof_shape;
    case CONTROL_GOT_LOG:
        return &got_log_shape;
    case CONTROL_GOT_PEERS:
        return &got_peers_shape;
    case CONTROL_GOT_OVERDUE:
        return &got_overdue_shape;
    case CONTROL_PROGRESS:
        return &progress_shape;
    }
    return NULL;
}

enum err control_reply_decode(struct bytes body, struct control_reply *out) {
    struct frame frame;
    memset(out, 0, sizeof *out);
    enum err err = fence_decode_into(&frame_shape, body, &frame, sizeof frame);
    if (err == ERR_OK) {
        out->kind = (enum control_kind)frame.kind;
        err = union_decode(reply_shape(out->kind), frame.body, out);
    }
    if (err != ERR_OK) {
        memset(out, 0, sizeof *out);
    }
    return err;
}

enum err control_reply_encode(const struct control_reply *reply, struct buffer *out) {
    const struct shape *shape = reply_shape(reply->kind);
    ASSERT(shape != NULL);
    return frame_encode(reply->kind, shape, reply, out);
}

const struct shape *const message_shapes[] = {
    &ping_shape,
    &gossip_shape,
    &ihave_shape,
    &graft_shape,
    &prune_shape,
    &neighbour_shape,
    &walk_shape,
    &shuffle_shape,
    &sync_shape,
    &sync_ids_shape,
    &attachment_want_shape,
    &attachment_piece_shape,
    &checkpoint_shape,
    &consistency_shape,
    &cosignature_shape,
    &fork_shape,
    &epoch_shape,
    &standing_shape,
    &caught_up_shape,
    &join_ask_shape,
    &join_member_shape,
    &join_welcome_shape,
    &meet_share_shape,
    &meet_confirm_shape,
    &meet_code_shape,
    &meet_commit_shape,
    &meet_reveal_shape,
    &offer_shape,
    &want_shape,
    &leaves_shape,
    &pieces_shape,
    &receipt_shape,
    &header_shape,
    &vouch_shape,
    &carry_shape,
    &carried_shape,
    &ingest_camera_list_shape,
    &ingest_request_shape,
    &ingest_shred_shape,
    &ingest_held_shape,
    &ingest_hello_shape,
    &ingest_list_done_shape,
    &ingest_match_shape,
    &ingest_request_done_shape,
    &ingest_period_shape,
    &ingest_shred_done_shape,
    &ingest_act_shape,
    &frame_shape,
    &control_request_shape,
    &done_shape,
    &status_shape,
    &got_object_shape,
    &got_data_shape,
    &got_request_shape,
    &got_clip_shape,
    &got_delivered_shape,
    &got_leaf_shape,
    &got_proof_shape,
    &progress_shape,
    &got_log_shape,
    &got_peers_shape,
    &got_overdue_shape,
    NULL,
};
