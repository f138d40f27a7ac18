/* age v1 with X25519 recipients (age-encryption.org/v1; PROTOCOL 6.1), header and payload apart.
 *
 * The header wraps a 16-byte file key for each recipient. The payload is a nonce and chunks of 64
 * KiB under a key that follows from the file key, each chunk openable alone. Granting a clip is
 * making a new header for another recipient: the payload does not change. Header || payload is a
 * file that the stock `age` tool opens.
 *
 * Failure is a plain false: a caller that could learn why might tell an attacker. */
#ifndef CRYPTO_AGE_H
#define CRYPTO_AGE_H

#include "crypto/keys.h"
#include "crypto/piece_tree.h"

enum {
    AGE_RECIPIENTS_MAX = 16,
    AGE_HEADER_MAX = 64 * 1024,
    AGE_STANZAS_MAX = 32,
    AGE_SMALL_MAX = 1024 * 1024, /* plaintext of age_seal_small */
    AGE_TEXT_MAX = 80,           /* "AGE-SECRET-KEY-1..." and "age1...", NUL included */
};

struct age_file_key {
    uint8_t b[16];
};

struct age_payload_key {
    uint8_t b[32];
};

void age_file_key_generate(struct age_file_key *out);
void age_file_key_wipe(struct age_file_key *key);
void age_payload_key_wipe(struct age_payload_key *key);

/* ERR_FULL_BUFFER, ERR_HOST_MEMORY; count 1 to AGE_RECIPIENTS_MAX. A recipient that is no point of
 * the curve's large subgroup gives ERR_USER_WRONG_KEY. */
MUST_USE enum err age_header_make(const struct box_public *recipients, size_t count,
                                  const struct age_file_key *key, struct buffer *out);

/* Opens a whole header (no payload after it). Strict, as the age test kit demands. */
MUST_USE bool age_header_open(struct bytes header, const struct box_secret *secret,
                              struct age_file_key *out);

/* Length of the header at the start of an age file; false when there is none. */
MUST_USE bool age_header_length(struct bytes file, size_t *out);

void age_payload_key_derive(const struct age_file_key *key, const uint8_t nonce[PIECE_NONCE],
                            struct age_payload_key *out);

uint64_t age_payload_size(uint64_t plaintext_size);
/* False when no plaintext has such a payload. */
MUST_USE bool age_plaintext_size(uint64_t payload_size, uint64_t *out);

/* One chunk. `out` has room for chunk.len - 16. False: not what was sealed. */
MUST_USE bool age_chunk_open(const struct age_payload_key *key, uint64_t index, bool last,
                             struct bytes chunk, uint8_t *out);

/* Seals a stream of unknown length piece by piece. */
struct age_writer {
    struct age_payload_key key;
    uint8_t nonce[PIECE_NONCE];
    uint64_t next; /* chunk */
    size_t filled; /* of plain */
    uint8_t plain[65536];
};
void age_writer_start(struct age_writer *writer, const struct age_file_key *key);
/* Takes up to data.len bytes and says how many; when a piece is full it lies in `piece` (PIECE_MAX
 * of room), its length in *piece_len, else *piece_len is 0. Call until all of the data is taken. */
size_t age_writer_take(struct age_writer *writer, struct bytes data, uint8_t *piece,
                       size_t *piece_len);
/* The last piece; the writer is wiped. */
void age_writer_end(struct age_writer *writer, uint8_t *piece, size_t *piece_len);

/* Whole small files: manifests, camera lists, request keys. */
MUST_USE enum err age_seal_small(const struct box_public *recipients, size_t count,
                                 struct bytes plaintext, struct buffer *out);
/* False: not for this key, damaged, or too large. The plaintext is appended to `out`. */
MUST_USE bool age_open_small(const struct box_secret *secret, struct bytes file,
                             struct buffer *out);

/* Bech32 texts of the stock tool. */
void age_identity_text(const struct box_secret *secret, char out[AGE_TEXT_MAX]);
void age_recipient_text(const struct box_public *pub, char out[AGE_TEXT_MAX]);

#endif
