/* Bodies of a link's records. The first byte of an input is the record's type. */
#include "tests/fuzz/fuzz.h"

#include "proto/link.h"
#include "tests/support/fill.h"
#include "tests/support/round_trip.h"

static uint8_t type; /* of the input at hand */

static enum err decode(struct bytes from, void *plain) {
    return link_decode(type, from, plain);
}

static enum err encode(const void *plain, struct buffer *out) {
    return link_encode(plain, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct link_message first;
    static struct link_message second;
    const struct round_trip codec = {decode, encode, &first, &second};
    if (size > 0) {
        type = data[0];
        (void)round_trip_check(&codec, (struct bytes){data + 1, size - 1});
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const struct {
        uint8_t type;
        const char *shape;
    } kinds[] = {
        {LINK_PING, "Ping"},
        {LINK_GOSSIP, "Gossip"},
        {LINK_IHAVE, "IHave"},
        {LINK_GRAFT, "Graft"},
        {LINK_PRUNE, "Prune"},
        {LINK_NEIGHBOUR, "Neighbour"},
        {LINK_WALK, "Walk"},
        {LINK_SHUFFLE, "Shuffle"},
        {LINK_SHUFFLED, "Shuffle"},
        {LINK_SYNC, "Sync"},
        {LINK_SYNC_IDS, "SyncIds"},
        {LINK_SYNC_WANT, "SyncIds"},
        {LINK_ATTACHMENT_WANT, "AttachmentWant"},
        {LINK_ATTACHMENT_PIECE, "AttachmentPiece"},
        {LINK_CHECKPOINT, "Checkpoint"},
        {LINK_WITNESSED, "Checkpoint"},
        {LINK_CONSISTENCY, "Consistency"},
        {LINK_COSIGNATURE, "Cosignature"},
        {LINK_FORK, "Fork"},
        {LINK_EPOCH, "Epoch"},
        {LINK_STANDING, "Standing"},
        {LINK_CAUGHT_UP, "CaughtUp"},
        {LINK_JOIN_ASK, "JoinAsk"},
        {LINK_JOIN_MEMBER, "JoinMember"},
        {LINK_JOIN_WELCOME, "JoinWelcome"},
        {LINK_MEET_SHARE, "MeetShare"},
        {LINK_MEET_CONFIRM, "MeetConfirm"},
        {LINK_MEET_CODE, "MeetCode"},
        {LINK_MEET_COMMIT, "MeetCommit"},
        {LINK_MEET_REVEAL, "MeetReveal"},
        {LINK_OFFER, "Offer"},
        {LINK_WANT, "Want"},
        {LINK_LEAVES, "Leaves"},
        {LINK_PIECES, "Pieces"},
        {LINK_RECEIPT, "ReceiptMessage"},
        {LINK_HEADER, "Header"},
        {LINK_VOUCH, "Vouch"},
        {LINK_CARRY, "Carry"},
        {LINK_CARRIED, "Carried"},
    };
    size_t kind = (size_t)(choice % COUNT_OF(kinds));
    return round_trip_seed(fill_shape_named(kinds[kind].shape), choice >> 8,
                           (struct bytes){&kinds[kind].type, 1}, out, room);
}
