/* Records: what passes over an established link, and the padding that handshake payloads share
 * (PROTOCOL 3.4).
 *
 *   wire       u16 length of the ciphertext || ciphertext
 *   plaintext  u8 type || u16 length of the data || data || zeros, up to the next size class
 *
 * Only five lengths exist, so a wrong one is refused before its bytes are waited for. */
#ifndef NODE_TRANSPORT_RECORD_H
#define NODE_TRANSPORT_RECORD_H

#include "crypto/noise.h"
#include "node/base/bytes.h"

enum {
    RECORD_LENGTH_BYTES = 2, /* before a ciphertext or handshake message, and before padded data */
    RECORD_HEADER_BYTES = 1 + RECORD_LENGTH_BYTES,
    RECORD_PLAIN_MAX = NOISE_MESSAGE_MAX - NOISE_TAG_BYTES,
    RECORD_PAYLOAD_MAX = 16384, /* largest class of a handshake payload */
};

struct record {
    uint8_t type;
    struct bytes data;
};

/* The class that holds `len` bytes, at most RECORD_PLAIN_MAX: 256, 1024, 4096, 16384 or all. */
size_t record_padded_size(size_t len);
/* Is `size` one of these? */
bool record_size_valid(size_t size);

/* Does `sealed_len`, as it came with a record, belong to a size class? */
bool record_sealed_len_valid(size_t sealed_len);

/* Writes RECORD_LENGTH_BYTES, the data's length, the data and zeros: `padded_size` bytes. */
void record_pad(struct bytes data, uint8_t *out, size_t padded_size);
/* The data in it. False when the length is too large, belongs to a smaller class, or the padding is
 * not zero: there is one spelling. `header_bytes` of the padded whole precede `padded`. */
MUST_USE bool record_unpad(struct bytes padded, size_t header_bytes, struct bytes *out);

/* Bytes that record_seal() writes for `data_len` bytes. */
size_t record_wire_size(size_t data_len);
void record_seal(struct noise_cipher *cipher, uint8_t type, struct bytes data, uint8_t *out);

/* Decrypts one ciphertext of valid length into `plain`, which has room for sealed.len -
 * NOISE_TAG_BYTES bytes and may be sealed.at. *out borrows from `plain`. */
MUST_USE bool record_open(struct noise_cipher *cipher, struct bytes sealed, uint8_t *plain,
                          struct record *out);

#endif
