/* An owner's answer, signed. Nothing comes here but by the prompt's order (P3). */
#include <stdlib.h>
#include <string.h>

#include "cli/review.h"
#include "crypto/merkle.h"

enum {
    GRANT_EXTRA_DAYS = 7
};

struct sealing { /* an edited clip, under a file key of its own */
    struct age_writer writer;
    struct merkle_edge tree;
    uint64_t size;
    struct sha256_state *hash; /* of the clip, as it was read to be sealed */
    FILE *payload;             /* in memory */
    uint8_t piece[PIECE_MAX];
    uint8_t plain[64 * 1024];
};

static int put_grant(struct desk *desk, struct opened *clip, const struct owner_secret *again,
                     const struct age_file_key *key);
static int hand_back(struct desk *desk, struct opened *clip, struct age_file_key *key);
static int seal_as_shown(struct sealing *sealing, const struct opened *clip,
                         const struct age_file_key *key);
static bool seal(struct sealing *sealing, FILE *clip, const struct age_file_key *key);
static bool keep_piece(struct sealing *sealing, size_t len);
static int send_pieces(struct desk *desk, const struct opened *clip, FILE *payload);
static int send_header(struct desk *desk, const struct opened *clip,
                       const struct age_file_key *key);
static enum err make_grant(const struct desk *desk, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete);
static enum err start_grant(const struct desk *desk, const struct opened *clip, struct buffer *body,
                            struct grant *grant);
static enum err make_header(const struct opened *clip, const struct age_file_key *key,
                            struct buffer *header, struct buffer *manifest);

int sign(struct desk *desk, struct opened *clip, const struct owner_secret *again) {
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    int failed = refresh_part(desk, clip);
    if (failed == 0 && clip->edited != NULL) {
        failed = hand_back(desk, clip, &key);
    } else if (failed == 0 &&
               !age_header_open(buffer_bytes(clip->left ? &clip->left_header : &clip->header),
                                &again->box, &key)) {
        failed = fail("nothing was released", "your key does not open this clip");
    }
    return failed == 0 ? put_grant(desk, clip, again, &key) : failed;
}

static int put_grant(struct desk *desk, struct opened *clip, const struct owner_secret *again,
                     const struct age_file_key *key) {
    bool complete = false;
    SCOPED(buffer_finish) struct buffer grant = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    SCOPED(buffer_finish) struct buffer manifest = {.max = SEALED_MANIFEST_MAX};
    enum err err = make_grant(desk, clip, again, &grant, &complete);
    if (err == ERR_OK && complete) {
        err = make_header(clip, key, &header, &manifest);
    }
    if (err != ERR_OK) {
        return fail("nothing was released", "the grant cannot be made: %s", err_text(err));
    }
    const struct control_request request = {.op = CONTROL_GRANT,
                                            .clip = clip->clip,
                                            .id = clip->edited != NULL ? clip->part_id
                                                                       : (struct id){{0}},
                                            .blob = buffer_bytes(&grant),
                                            .blob2 = buffer_bytes(&header),
                                            .blob3 = buffer_bytes(&manifest)};
    int failed =
        meanwhile_do(desk->client, &desk->community, clip, &request, "the grant was not taken");
    if (failed == 0) {
        term_text(complete ? "accepted; it goes as soon as it is on record"
                           : "signed; it goes when every owner has accepted");
    }
    return failed;
}

/* ---- an edited clip ---- */

/* To the node, which keeps it only for the grant that follows. */
static int hand_back(struct desk *desk, struct opened *clip, struct age_file_key *key) {
    struct sealing *sealing = calloc(1, sizeof *sealing);
    FILE *payload = player_file();
    struct sha256_state *hash = sha256_create();
    int failed = 0;
    if (sealing == NULL || payload == NULL || hash == NULL) {
        failed = fail("nothing was released", "out of memory");
    } else {
        age_file_key_generate(key);
        sealing->payload = payload;
        sealing->hash = hash;
        failed = seal_as_shown(sealing, clip, key);
        clip->goes.payload_size = sealing->size;
        merkle_root(&sealing->tree, &clip->goes.payload_root);
    }
    if (failed == 0) {
        failed = send_pieces(desk, clip, payload);
    }
    if (failed == 0) {
        failed = send_header(desk, clip, key);
    }
    if (payload != NULL) {
        (void)fclose(payload);
    }
    if (sealing != NULL) {
        secret_wipe(sealing, sizeof *sealing);
    }
    free(sealing);
    sha256_destroy(hash);
    return failed;
}

/* What edited it has had the file open too: it is held against its digest as it is sealed. */
static int seal_as_shown(struct sealing *sealing, const struct opened *clip,
                         const struct age_file_key *key) {
    struct id digest;
    if (!seal(sealing, clip->edited, key)) {
        return fail("nothing was released", "there is not enough memory to seal it");
    }
    sha256_final(sealing->hash, &digest);
    return id_equal(&digest, &clip->goes.sha256)
               ? 0
               : fail("nothing was released", "the edited clip is not what was shown");
}

static bool seal(struct sealing *sealing, FILE *clip, const struct age_file_key *key) {
    size_t got = 0;
    size_t len = 0;
    age_writer_start(&sealing->writer, key);
    rewind(clip);
    while ((got = fread(sealing->plain, 1, sizeof sealing->plain, clip)) > 0) {
        struct bytes rest = {sealing->plain, got};
        sha256_update(sealing->hash, rest);
        while (rest.len > 0) {
            size_t taken = age_writer_take(&sealing->writer, rest, sealing->piece, &len);
            if (len > 0 && !keep_piece(sealing, len)) {
                return false;
            }
            rest.at += taken;
            rest.len -= taken;
        }
    }
    age_writer_end(&sealing->writer, sealing->piece, &len);
    return keep_piece(sealing, len) && ferror(clip) == 0 && fflush(sealing->payload) == 0;
}

static bool keep_piece(struct sealing *sealing, size_t len) {
    struct id leaf;
    piece_leaf((struct bytes){sealing->piece, len}, &leaf);
    merkle_append(&sealing->tree, &leaf);
    sealing->size += len;
    return fwrite(sealing->piece, 1, len, sealing->payload) == len;
}

/* As many whole pieces at once as a message holds. */
static int send_pieces(struct desk *desk, const struct opened *clip, FILE *payload) {
    static uint8_t part[CONTROL_DATA_MAX];
    uint64_t size = clip->goes.payload_size;
    uint64_t sent = 0;
    rewind(payload);
    for (uint64_t piece = 0, count = piece_count(size); piece < count;) {
        struct control_request put = {.op = CONTROL_EDIT_PUT,
                                      .clip = clip->clip,
                                      .id = clip->goes.payload_root,
                                      .offset = sent,
                                      .total = size};
        size_t len = 0;
        while (piece < count && len + piece_length(size, piece) <= sizeof part) {
            len += piece_length(size, piece);
            piece++;
        }
        if (term_stopped()) {
            return fail("nothing was released", "stopped");
        }
        if (fread(part, 1, len, payload) != len) {
            return fail("nothing was released", "the sealed clip cannot be read");
        }
        put.blob = (struct bytes){part, len};
        int failed = client_do(desk->client, &put, "the edited clip was not taken");
        if (failed != 0) {
            return failed;
        }
        sent += len;
        term_progress("handing back", sent, size);
    }
    return 0;
}

static int send_header(struct desk *desk, const struct opened *clip,
                       const struct age_file_key *key) {
    struct box_public owners[OWNERS_MAX];
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    for (size_t i = 0; i < clip->manifest->owner_count; i++) {
        owners[i] = clip->manifest->owners[i].box;
    }
    if (age_header_make(owners, clip->manifest->owner_count, key, &header) != ERR_OK) {
        return fail("nothing was released", "the edited clip cannot be sealed");
    }
    const struct control_request keep = {.op = CONTROL_EDIT_KEEP,
                                         .clip = clip->clip,
                                         .id = clip->goes.payload_root,
                                         .blob = buffer_bytes(&header)};
    return client_do(desk->client, &keep, "the edited clip was not taken");
}

/* ---- the grant ---- */

/* Adds our signature to what other owners have signed, which is what was shown; or starts a grant.
 */
static enum err make_grant(const struct desk *desk, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete) {
    struct signed_object object;
    struct grant grant;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = ERR_OK;
    if (clip->part.len > 0 && clip->edited == NULL) {
        grant = clip->left_grant;
        err = signed_decode(buffer_bytes(&clip->part), &object);
    } else {
        err = start_grant(desk, clip, &body, &grant);
        if (err == ERR_OK) {
            signed_start(OBJECT_GRANT, buffer_bytes(&body), &object);
        }
    }
    if (err == ERR_OK) {
        err = grant_agrees(&grant, &clip->manifest_id, clip->manifest, &clip->asked->id,
                           &clip->asked->request);
    }
    if (err == ERR_OK && !id_equal(&grant.sha256, &clip->goes.sha256)) {
        err = ERR_PEER_BOUNDS;
    }
    if (err == ERR_OK) {
        err = signed_add(&object, &secret->sign, &desk->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &grant);
        *complete = err == ERR_OK;
        err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

static enum err start_grant(const struct desk *desk, const struct opened *clip, struct buffer *body,
                            struct grant *grant) {
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    const struct outgoing *goes = &clip->goes;
    int64_t ends = request->head.expires.ms + (int64_t)GRANT_EXTRA_DAYS * DURATION_DAY_MS;
    *grant = (struct grant){.community = request->head.community,
                            .home = desk->certificate,
                            .request = clip->asked->id,
                            .clip = clip->clip,
                            .recipient = request->key,
                            .manifest = clip->manifest_id,
                            .sha256 = goes->sha256,
                            .size = goes->size,
                            .payload_size = goes->payload_size,
                            .payload_root = goes->payload_root,
                            .from = goes->from,
                            .to = goes->to,
                            .terms = request->terms,
                            .created = now_wall(),
                            .owner_count = manifest->owner_count};
    grant->expires.ms = ends < request->terms.delete_by.ms ? ends : request->terms.delete_by.ms;
    for (size_t i = 0; i < manifest->owner_count; i++) {
        grant->owners[i] = manifest->owners[i].sign;
    }
    if (clip->edited != NULL) {
        grant->edit = (struct edit){.present = true,
                                    .audio_removed = clip->wish.mute,
                                    .making = goes->making,
                                    .area_count = clip->wish.area_count};
        memcpy(grant->edit.areas, clip->wish.areas, sizeof grant->edit.areas);
    }
    return grant_encode(grant, body);
}

/* Only the last owner comes here: before that no header for the requester exists anywhere. */
static enum err make_header(const struct opened *clip, const struct age_file_key *key,
                            struct buffer *header, struct buffer *manifest) {
    enum err err = age_header_make(&clip->asked->request.key, 1, key, header);
    return err == ERR_OK ? age_seal_small(&clip->asked->request.key, 1,
                                          buffer_bytes(&clip->signed_manifest), manifest)
                         : err;
}

int decline(struct desk *desk, const struct opened *clip) {
    struct signed_object object;
    const struct decision decision = {.request = clip->asked->id,
                                      .clip = clip->clip,
                                      .kind = DECISION_DECLINE,
                                      .created = now_wall()};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = decision_encode(&decision, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_DECISION, buffer_bytes(&body), &object);
        err = signed_add(&object, &desk->secret->sign, &desk->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the decision cannot be made: %s", err_text(err));
    }
    const struct control_request request = {
        .op = CONTROL_DECIDE, .clip = clip->clip, .blob = buffer_bytes(&bytes)};
    return meanwhile_do(desk->client, &desk->community, clip, &request,
                        "the decision was not taken");
}
