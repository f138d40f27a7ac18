#include "tests/support/edited_clip.h"

#include <string.h>

#include "crypto/age.h"
#include "crypto/merkle.h"
#include "node/base/assert.h"
#include "tests/support/samples.h"

static void add_piece(struct edited_clip *edited, const uint8_t *piece, size_t len,
                      struct merkle_edge *tree);

void edited_clip_make(struct world *world, int number, const struct id *request, uint8_t fill,
                      struct edited_clip *out) {
    static uint8_t plain[EDITED_PLAIN];
    static uint8_t piece[PIECE_MAX];
    static struct age_writer writer;
    struct merkle_edge tree = {0};
    struct world_home *home = &world->homes[number];
    struct box_public owners[WORLD_OWNERS_MAX];
    struct bytes rest = BYTES_OF(plain);
    size_t len = 0;
    const struct world_clip *sealed = world_clip(world, number, request);
    *out =
        (struct edited_clip){.payload = {.max = 2 * EDITED_PLAIN}, .header = {.max = HEADER_MAX}};
    out->clip.clip = sealed->clip;
    memset(plain, fill, sizeof plain);
    age_file_key_generate(&out->clip.key);
    age_writer_start(&writer, &out->clip.key);
    while (rest.len > 0) {
        size_t taken = age_writer_take(&writer, rest, piece, &len);
        if (len > 0) {
            add_piece(out, piece, len, &tree);
        }
        rest.at += taken;
        rest.len -= taken;
    }
    age_writer_end(&writer, piece, &len);
    add_piece(out, piece, len, &tree);
    for (size_t i = 0; i < home->owner_count; i++) {
        owners[i] = home->owner_publics[i].box;
    }
    ASSERT(ERR_OK == age_header_make(owners, home->owner_count, &out->clip.key, &out->header));
    world_grant(world, number, sealed, &out->grant);
    merkle_root(&tree, &out->grant.payload_root);
    sha256(BYTES_OF(plain), &out->grant.sha256);
    out->clip.sha256 = out->grant.sha256;
    out->grant.size = EDITED_PLAIN;
    out->grant.payload_size = out->payload.len;
    out->grant.edit = (struct edit){.present = true, .audio_removed = true, .making = CLIP_COPIED};
}

void edited_clip_finish(struct edited_clip *edited) {
    buffer_finish(&edited->payload);
    buffer_finish(&edited->header);
}

enum err edited_clip_put(struct world *world, int number, const struct edited_clip *edited,
                         size_t first, size_t count) {
    uint64_t from = piece_offset(first);
    uint64_t to = first + count < EDITED_PIECES ? piece_offset(first + count) : edited->payload.len;
    const struct control_request ask = {.op = CONTROL_EDIT_PUT,
                                        .clip = edited->clip.clip,
                                        .id = edited->grant.payload_root,
                                        .offset = from,
                                        .total = edited->payload.len,
                                        .blob = {edited->payload.at + from, (size_t)(to - from)}};
    return world_ask(world, number, &ask);
}

enum err edited_clip_keep(struct world *world, int number, const struct edited_clip *edited) {
    const struct control_request ask = {.op = CONTROL_EDIT_KEEP,
                                        .clip = edited->clip.clip,
                                        .id = edited->grant.payload_root,
                                        .blob = buffer_bytes(&edited->header)};
    return world_ask(world, number, &ask);
}

enum err edited_clip_grant(struct world *world, int number, const struct edited_clip *edited,
                           size_t first, size_t count, const struct id *replaces, struct id *id) {
    struct world_home *home = &world->homes[number];
    const struct sign_secret *keys[WORLD_OWNERS_MAX];
    struct buffer bytes;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_BODY_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    for (size_t i = 0; i < count; i++) {
        keys[i] = &home->owners[first + i].sign;
    }
    ASSERT(ERR_OK == grant_encode(&edited->grant, &body));
    struct id signed_id = sample_sign(OBJECT_GRANT, buffer_bytes(&body), keys, count, &bytes);
    ASSERT(ERR_OK == age_header_make(&edited->grant.recipient, 1, &edited->clip.key, &header));
    struct control_request ask = {.op = CONTROL_GRANT,
                                  .clip = edited->clip.clip,
                                  .blob = buffer_bytes(&bytes),
                                  .blob2 = buffer_bytes(&header),
                                  .blob3 = BYTES_TEXT("the manifest, sealed to the request key")};
    if (replaces != NULL) {
        ask.id = *replaces;
    }
    if (id != NULL) {
        *id = signed_id;
    }
    enum err err = world_ask(world, number, &ask);
    buffer_finish(&bytes);
    return err;
}

static void add_piece(struct edited_clip *edited, const uint8_t *piece, size_t len,
                      struct merkle_edge *tree) {
    struct id leaf;
    ASSERT(ERR_OK == buffer_append(&edited->payload, (struct bytes){piece, len}));
    piece_leaf((struct bytes){piece, len}, &leaf);
    merkle_append(tree, &leaf);
}
