#include "crypto/piece_tree.h"

#include "crypto/merkle.h"
#include "node/base/assert.h"

uint64_t piece_count(uint64_t payload_size) {
    if (payload_size < PAYLOAD_MIN) {
        return 0;
    }
    return (payload_size - PIECE_NONCE + PIECE_CHUNK - 1) / PIECE_CHUNK;
}

uint64_t piece_offset(uint64_t index) {
    return index == 0 ? 0 : PIECE_NONCE + index * PIECE_CHUNK;
}

size_t piece_length(uint64_t payload_size, uint64_t index) {
    uint64_t count = piece_count(payload_size);
    ASSERT(index < count);
    uint64_t end = index + 1 == count ? payload_size : piece_offset(index + 1);
    return (size_t)(end - piece_offset(index));
}

void piece_leaf(struct bytes piece, struct id *out) {
    merkle_leaf(piece, out);
}

void piece_root(const struct id *leaves, size_t count, struct id *out) {
    struct merkle_edge edge = {0};
    for (size_t i = 0; i < count; i++) {
        merkle_append(&edge, &leaves[i]);
    }
    merkle_root(&edge, out);
}
