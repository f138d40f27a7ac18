/* Signed notes and tlog checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint; PROTOCOL 8.3).
 *
 * A note is text that ends in a newline, an empty line, and signature lines "— NAME BASE64".
 * Ed25519 keys only (signature type 0x01). A checkpoint is a note whose text is origin, size and
 * root. */
#ifndef CRYPTO_NOTE_H
#define CRYPTO_NOTE_H

#include "crypto/keys.h"

enum {
    NOTE_NAME_MAX = 65, /* NUL included */
    NOTE_MAX = 2048,    /* a checkpoint with its signatures, NUL included */
    NOTE_KEY_MAX = NOTE_NAME_MAX + 64,
    NOTE_LINES_MAX = 16, /* signature lines looked at */
};

struct note_key {
    char name[NOTE_NAME_MAX]; /* no spaces, no '+' */
    struct sign_public key;
};

struct checkpoint {
    char origin[NOTE_NAME_MAX];
    uint64_t size;
    struct id root;
};

/* "name+hash+base64", as other tools take it. */
void note_key_write(const struct note_key *key, char out[NOTE_KEY_MAX]);
MUST_USE enum err note_key_read(const char *text, struct note_key *out); /* ERR_USER_SYNTAX */

/* Text, empty line, one signature. ERR_FULL_BUFFER. */
MUST_USE enum err checkpoint_sign(const struct checkpoint *checkpoint, const char *name,
                                  const struct sign_secret *secret, char out[NOTE_MAX]);

/* Reads a checkpoint and checks that `key` has signed it. ERR_PEER_MALFORMED, ERR_PEER_SIGNATURE.
 */
MUST_USE enum err checkpoint_verify(struct bytes note, const struct note_key *key,
                                    struct checkpoint *out);

#endif
