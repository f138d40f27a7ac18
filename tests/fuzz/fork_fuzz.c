/* Proofs of forks: whatever a neighbour sends as one, only two heads that a log has really signed
 * pass (PROTOCOL 8.6). */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "proto/link.h"

static struct sign_secret secret;
static struct sign_public pub;

static void start(void) {
    const uint8_t seed[32] = {4, 2};
    ASSERT(crypto_start());
    sign_from_seed(seed, &secret, &pub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct link_message message;
    struct checkpoint older;
    struct checkpoint newer;
    start();
    if (link_decode(LINK_FORK, (struct bytes){data, size}, &message) == ERR_OK &&
        log_fork_verify(&message.as.fork, &older, &newer) == ERR_OK) {
        ASSERT(older.size <= newer.size && older.size > 0);
        ASSERT(older.size < newer.size || !id_equal(&older.root, &newer.root));
        struct log_fork turned = message.as.fork; /* it proves nothing the other way round */
        turned.older = message.as.fork.newer;
        turned.newer = message.as.fork.older;
        ASSERT((log_fork_verify(&turned, &older, &newer) == ERR_OK) == (older.size == newer.size));
    }
    return 0;
}

/* Two trees of up to eight leaves that differ in the first. */
size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    SCOPED(buffer_finish) struct buffer body = {.max = room};
    struct link_message message = {.kind = LINK_FORK};
    struct merkle_edge trees[2] = {{0}};
    struct checkpoint heads[2];
    char notes[2][NOTE_MAX];
    uint64_t sizes[2] = {1 + choice % 8, 1 + choice % 8};
    start();
    for (size_t k = 0; k < 2; k++) {
        for (uint64_t i = 0; i < sizes[k]; i++) {
            struct id leaf;
            uint8_t text[2] = {(uint8_t)i, (uint8_t)(i == 0 ? k : 0)};
            merkle_leaf(BYTES_OF(text), &leaf);
            merkle_append(&trees[k], &leaf);
        }
        heads[k] = (struct checkpoint){.size = sizes[k]};
        log_origin(&pub, heads[k].origin);
        merkle_root(&trees[k], &heads[k].root);
        ASSERT(checkpoint_sign(&heads[k], heads[k].origin, &secret, notes[k]) == ERR_OK);
    }
    message.as.fork =
        (struct log_fork){.log = pub, .older = BYTES_TEXT(notes[0]), .newer = BYTES_TEXT(notes[1])};
    ASSERT(link_encode(&message, &body) == ERR_OK);
    memcpy(out, body.at, body.len);
    return body.len;
}
