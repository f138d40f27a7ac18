#include "cli/clip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "crypto/piece_tree.h"

struct reading {
    struct client *client;
    const struct clip_from *source;
    const struct clip_claim *claim;
    uint64_t got; /* bytes of the payload fetched so far */
    struct buffer payload;
    struct age_payload_key key;
    struct sha256_state *hash;
    struct merkle_edge tree;
    uint8_t plain[PIECE_MAX];
};

static int read_pieces(struct reading *reading, const struct age_file_key *key, const char *what,
                       FILE *file);
static int fetch(struct reading *reading, size_t len);
static int not_what_it_claims(void);

int clip_read(struct client *client, const struct clip_from *source, const struct clip_claim *claim,
              const struct age_file_key *key, const char *what, FILE *file) {
    uint64_t size = 0;
    struct id root = {{0}};
    struct id digest = {{0}};
    if (!age_plaintext_size(claim->payload_size, &size) || size != claim->size) {
        return not_what_it_claims();
    }
    struct reading *reading = calloc(1, sizeof *reading);
    struct sha256_state *hash = sha256_create();
    int failed = EXIT_FAILED;
    if (reading == NULL || hash == NULL) {
        failed = fail(NULL, "out of memory");
    } else {
        *reading = (struct reading){.client = client,
                                    .source = source,
                                    .claim = claim,
                                    .payload = {.max = PIECE_MAX + CONTROL_DATA_MAX},
                                    .hash = hash};
        failed = read_pieces(reading, key, what, file);
    }
    if (failed == 0) {
        merkle_root(&reading->tree, &root);
        sha256_final(hash, &digest);
        failed = id_equal(&root, &claim->payload_root) &&
                         (key == NULL || id_equal(&digest, &claim->sha256))
                     ? 0
                     : not_what_it_claims();
    }
    if (reading != NULL) {
        buffer_finish(&reading->payload);
        secret_wipe(reading, sizeof *reading);
    }
    free(reading);
    sha256_destroy(hash);
    return failed;
}

static int read_pieces(struct reading *reading, const struct age_file_key *key, const char *what,
                       FILE *file) {
    uint64_t size = reading->claim->payload_size;
    uint64_t count = piece_count(size);
    for (uint64_t i = 0; i < count; i++) {
        struct id leaf;
        if (term_stopped()) {
            return fail("nothing was released or written", "stopped");
        }
        size_t len = piece_length(size, i);
        size_t lead = i == 0 ? PIECE_NONCE : 0;
        int failed = fetch(reading, len);
        if (failed != 0) {
            return failed;
        }
        struct bytes piece = {reading->payload.at, len};
        if (i == 0 && key != NULL) {
            age_payload_key_derive(key, reading->payload.at, &reading->key);
        }
        struct bytes out = piece;
        if (key != NULL) {
            out = (struct bytes){reading->plain, len - lead - PIECE_TAG};
            if (!age_chunk_open(&reading->key, i, i + 1 == count,
                                (struct bytes){piece.at + lead, len - lead}, reading->plain)) {
                return not_what_it_claims();
            }
        }
        if (file != NULL && fwrite(out.at, 1, out.len, file) != out.len) {
            return fail("is the disk full?", "the clip cannot be written: %s", strerror(errno));
        }
        piece_leaf(piece, &leaf);
        merkle_append(&reading->tree, &leaf);
        sha256_update(reading->hash, out);
        buffer_drop_front(&reading->payload, len);
        term_progress(what, i + 1 == count ? size : reading->got - reading->payload.len, size);
    }
    return 0;
}

/* Until the next `len` bytes of the payload are there. */
static int fetch(struct reading *reading, size_t len) {
    static struct control_reply reply;
    while (reading->payload.len < len) {
        const struct control_request ask = {.op = reading->source->op,
                                            .clip = reading->source->clip,
                                            .id = reading->source->id,
                                            .offset = reading->got};
        int failed = client_one(reading->client, &ask, CONTROL_GOT_DATA, &reply);
        if (failed != 0) {
            return failed;
        }
        if (reply.as.data.data.len == 0 ||
            buffer_append(&reading->payload, reply.as.data.data) != ERR_OK) {
            return fail(NULL, "the sealed clip is not whole");
        }
        reading->got += reply.as.data.data.len;
    }
    return 0;
}

static int not_what_it_claims(void) {
    return fail("nothing was released or written", "the sealed clip is not what was signed");
}
