/* Signed notes, tlog checkpoints and cosignatures (c2sp.org/signed-note, tlog-checkpoint,
 * tlog-cosignature; PROTOCOL 8.3).
 *
 * A note is text that ends in a newline, an empty line, and signature lines "— NAME BASE64". A
 * checkpoint is a note whose text is three lines: origin, size, root. Extension lines are refused:
 * our logs have none, and so a checkpoint has one spelling. A cosignature is a witness's signature
 * line over the checkpoint and the time at which it was the largest consistent one it had seen.
 *
 * As C2SP has it: a line whose name and key id are not those of the key looked for is passed over,
 * the first one whose are decides, and if it does not verify the whole note is refused. A line that
 * is no signature line spoils the note.
 *
 * Ed25519 only. Memory: the caller's, of fixed size. */
#ifndef CRYPTO_NOTE_H
#define CRYPTO_NOTE_H

#include "crypto/keys.h"
#include "node/base/instant.h"

enum {
    NOTE_NAME_MAX = 65, /* NUL included */
    NOTE_MAX = 2048,    /* a checkpoint, its signature and eight cosignatures, NUL included */
    NOTE_KEY_MAX = NOTE_NAME_MAX + 64,
    NOTE_LINES_MAX = 16, /* signature lines in a note; more are refused */
    NOTE_LINE_MAX =
        NOTE_NAME_MAX + 112, /* a signature line that we write, newline and NUL included */
    CHECKPOINT_TEXT_MAX = NOTE_NAME_MAX + 68, /* NUL included */
};

/* The same secret may serve as both: the key ids and the signed bytes differ. */
enum note_type {
    NOTE_LOG,     /* signature type 0x01: over the text */
    NOTE_WITNESS, /* signature type 0x04: cosignature/v1 */
};

struct note_key {
    char name[NOTE_NAME_MAX]; /* printable ASCII, no space, no '+', not empty */
    struct sign_public key;
    enum note_type type;
};

struct checkpoint {
    char origin[NOTE_NAME_MAX]; /* printable ASCII, not empty */
    uint64_t size;              /* at most 2^63 - 1 */
    struct id root;
};

/* "name+hash+base64", as other tools take it. */
void note_key_write(const struct note_key *key, char out[NOTE_KEY_MAX]);
MUST_USE enum err note_key_read(const char *text, struct note_key *out); /* ERR_USER_SYNTAX */

/* The note's text, borrowed from it, once `key` (NOTE_LOG) is found to have signed it.
 * ERR_PEER_MALFORMED, ERR_PEER_SIGNATURE. */
MUST_USE enum err note_verify(struct bytes note, const struct note_key *key, struct bytes *text);

/* Adds a signature line, its newline included. ERR_PEER_MALFORMED unless note and line are well
 * formed, ERR_PEER_REPEATED when name and key id signed already, ERR_FULL_BUFFER. */
MUST_USE enum err note_attach(char note[NOTE_MAX], struct bytes line);

/* The checkpoint's three lines. */
void checkpoint_write(const struct checkpoint *checkpoint, char out[CHECKPOINT_TEXT_MAX]);
MUST_USE enum err checkpoint_read(struct bytes text,
                                  struct checkpoint *out); /* ERR_PEER_MALFORMED */

/* Text, empty line, one signature. ERR_FULL_BUFFER. */
MUST_USE enum err checkpoint_sign(const struct checkpoint *checkpoint, const char *name,
                                  const struct sign_secret *secret, char out[NOTE_MAX]);

/* Reads a checkpoint and checks that `key` (NOTE_LOG) has signed it. ERR_PEER_MALFORMED,
 * ERR_PEER_SIGNATURE. */
MUST_USE enum err checkpoint_verify(struct bytes note, const struct note_key *key,
                                    struct checkpoint *out);

/* A witness's line for the checkpoint in `note`, for note_attach(); to the second. The caller has
 * checked the log's signature and that the checkpoint is consistent with the last one it cosigned.
 * ERR_PEER_MALFORMED. */
MUST_USE enum err checkpoint_cosign(struct bytes note, const char *name,
                                    const struct sign_secret *secret, struct instant at,
                                    char line[NOTE_LINE_MAX]);

/* Checks that `witness` (NOTE_WITNESS) cosigned the checkpoint in `note`; *at is when it says it
 * did. ERR_PEER_MALFORMED, ERR_PEER_SIGNATURE. */
MUST_USE enum err checkpoint_verify_cosigned(struct bytes note, const struct note_key *witness,
                                             struct instant *at);

#endif
