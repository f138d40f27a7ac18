/* Pieces of an age payload and the tree over them (PROTOCOL 6.3). Piece 0 is the 16-byte nonce and
 * the first chunk, every other piece one chunk (65552 bytes, the last one shorter): each can be
 * checked, and by who has the key decrypted, alone. A leaf is a piece; hashes are those of
 * crypto/merkle.h. */
#ifndef CRYPTO_PIECE_TREE_H
#define CRYPTO_PIECE_TREE_H

#include "crypto/keys.h"

enum {
    PIECE_TAG = 16, /* Poly1305, at the end of every chunk */
    PIECE_CHUNK = 65536 + PIECE_TAG,
    PIECE_NONCE = 16,
    PIECE_MAX = PIECE_CHUNK + PIECE_NONCE,
    PAYLOAD_MIN = PIECE_NONCE + 16, /* of an empty plaintext: one empty chunk */
};

/* payload_size >= PAYLOAD_MIN; index < piece_count. */
uint64_t piece_count(uint64_t payload_size);
uint64_t piece_offset(uint64_t index);
size_t piece_length(uint64_t payload_size, uint64_t index);

void piece_leaf(struct bytes piece, struct id *out);
void piece_root(const struct id *leaves, size_t count, struct id *out);

#endif
