/* Noise_XKpsk0+psk3_25519_ChaChaPoly_BLAKE2b (Noise revision 34), this one pattern and no other
 * (PROTOCOL 3.1).
 *
 *   message 1  initiator  psk0, e, es    + payload
 *   message 2  responder  e, ee          + payload
 *   message 3  initiator  s, se, psk3    + payload
 *
 * A side calls noise_start() and then noise_write() and noise_read() in turn; after three messages
 * noise_split() hands out the two ciphers. A call out of turn is an ASSERT. After any false the
 * state is good for noise_wipe() only.
 *
 * Memory: everything lives in the caller's structs, of fixed size; nothing is allocated. Wipe both
 * kinds when done. */
#ifndef CRYPTO_NOISE_H
#define CRYPTO_NOISE_H

#include "crypto/keys.h"

enum {
    NOISE_HASH_BYTES = 64,
    NOISE_TAG_BYTES = 16,
    NOISE_PSK_BYTES = 32,
    NOISE_MESSAGES = 3,
    /* What each message adds to its payload. */
    NOISE_OVERHEAD_1 = 32 + NOISE_TAG_BYTES,
    NOISE_OVERHEAD_2 = 32 + NOISE_TAG_BYTES,
    NOISE_OVERHEAD_3 = 32 + NOISE_TAG_BYTES + NOISE_TAG_BYTES,
    NOISE_MESSAGE_MAX = 65535,
};

/* One direction: a ChaCha20-Poly1305 key and the number of the next message. */
struct noise_cipher {
    uint8_t key[32];
    uint64_t nonce;
};

/* Noise's SymmetricState. */
struct noise_symmetric {
    uint8_t chaining_key[NOISE_HASH_BYTES];
    uint8_t hash[NOISE_HASH_BYTES];
    struct noise_cipher cipher;
    bool has_key;
};

/* One side of a running handshake. */
struct noise {
    struct noise_symmetric symmetric;
    struct box_secret static_secret;
    struct box_secret ephemeral_secret;
    struct box_public static_public;
    struct box_public ephemeral_public;
    struct box_public remote_static;
    struct box_public remote_ephemeral;
    uint8_t psk0[NOISE_PSK_BYTES];
    uint8_t psk3[NOISE_PSK_BYTES];
    bool psk0_used; /* both true, but in tests against vectors of single-PSK patterns */
    bool psk3_used;
    bool initiator;
    unsigned next_message; /* 0 to NOISE_MESSAGES */
};

struct noise_setup {
    bool initiator;
    struct bytes prologue;                     /* borrowed for the call */
    const struct box_secret *static_secret;    /* ours; copied */
    const struct box_public *responder_static; /* needed by the initiator, ignored for the other */
    const struct box_secret *ephemeral_secret; /* 32 fresh random bytes; copied */
    const uint8_t *psk0;                       /* NOISE_PSK_BYTES each; copied */
    const uint8_t *psk3;
};

void noise_start(struct noise *noise, const struct noise_setup *setup);
void noise_wipe(struct noise *noise);

/* What the next message adds to its payload: NOISE_OVERHEAD_1, _2 or _3. */
size_t noise_overhead(const struct noise *noise);

/* Whose turn it is; false once all three messages have passed. */
bool noise_writes_next(const struct noise *noise);
bool noise_done(const struct noise *noise);

/* Writes payload.len + noise_overhead() bytes, at most NOISE_MESSAGE_MAX, to `out`, which does not
 * overlap the payload. False only when the peer's public key is a point of low order. */
MUST_USE bool noise_write(struct noise *noise, struct bytes payload, uint8_t *out);

/* Reads the peer's message and writes its payload, message.len - noise_overhead() bytes, to `out`:
 * elsewhere, or right where it lies, at message.at + noise_overhead() - NOISE_TAG_BYTES. False when
 * the message is too short or does not decrypt. */
MUST_USE bool noise_read(struct noise *noise, struct bytes message, uint8_t *out);

/* The initiator's static key, as the responder learns it from message 3. */
const struct box_public *noise_remote_static(const struct noise *noise);

/* After the third message. `hash` is the handshake's hash, public, the same on both sides. The
 * state is wiped. */
void noise_split(struct noise *noise, struct noise_cipher *to_send, struct noise_cipher *to_receive,
                 uint8_t hash[NOISE_HASH_BYTES]);

/* Encrypts plain.len bytes to plain.len + NOISE_TAG_BYTES; `out` may be plain.at itself. False when
 * 2^64-1 messages were sent. */
MUST_USE bool noise_seal(struct noise_cipher *cipher, struct bytes associated, struct bytes plain,
                         uint8_t *out);

/* Decrypts to sealed.len - NOISE_TAG_BYTES bytes; `out` may be sealed.at itself. False when it is
 * not the next message of the peer; the nonce stays then and `out` holds nothing of use. */
MUST_USE bool noise_open(struct noise_cipher *cipher, struct bytes associated, struct bytes sealed,
                         uint8_t *out);

/* Noise 4.2 and 11.3: key = ENCRYPT(key, 2^64-1, "", 32 zero bytes), first 32 bytes. The nonce goes
 * on. */
void noise_rekey(struct noise_cipher *cipher);
void noise_cipher_wipe(struct noise_cipher *cipher);

#endif
