/* One clip as the owner gets to see it, and all that is asked with it: what the node gives is
 * checked from signed bytes, against the pins in the owner's own folder. */
#include <stdlib.h>
#include <string.h>

#include "cli/review.h"

static enum err keep_reply(const struct desk *desk, const struct control_reply *reply,
                           struct opened *clip);
static enum err check_manifest(const struct desk *desk, const struct control_reply *reply,
                               struct opened *clip);
static enum err take_part(const struct control_reply *reply, struct opened *clip);
static int read_sealed(struct desk *desk, const struct opened *clip, bool left, const char *what,
                       FILE *file);
static bool is_other(const struct opened *clip, const struct id *before);
static int copy_edited(const struct opened *clip, FILE *file);

int opened_load(struct desk *desk, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = clip->clip};
    int failed = client_one(desk->client, &ask, CONTROL_GOT_CLIP, &reply);
    if (failed != 0) {
        return failed;
    }
    enum err err = keep_reply(desk, &reply, clip);
    if (err == ERR_USER_WRONG_KEY) {
        return fail("another owner of this home may have to decide",
                    "your key does not open this clip");
    }
    if (err == ERR_OK) {
        err = check_manifest(desk, &reply, clip);
    }
    if (err == ERR_OK) {
        err = take_part(&reply, clip);
    }
    if (err != ERR_OK) {
        return fail("nothing was shown or released", "the clip does not verify: %s", err_text(err));
    }
    opened_reset(clip);
    return 0;
}

void opened_finish(struct opened *clip) {
    free(clip->manifest);
    buffer_finish(&clip->signed_manifest);
    buffer_finish(&clip->header);
    buffer_finish(&clip->part);
    buffer_finish(&clip->left_header);
    FILE *const files[] = {clip->original, clip->edited};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (files[i] != NULL) {
            (void)fclose(files[i]);
        }
    }
}

static enum err keep_reply(const struct desk *desk, const struct control_reply *reply,
                           struct opened *clip) {
    enum err err = buffer_append(&clip->header, reply->as.clip.header);
    if (err == ERR_OK) {
        err = buffer_append(&clip->left_header, reply->as.clip.edited_header);
    }
    bool opens = err == ERR_OK && age_open_small(&desk->secret->box, reply->as.clip.manifest,
                                                 &clip->signed_manifest);
    return err != ERR_OK || opens ? err : ERR_USER_WRONG_KEY;
}

/* Signed by the ingest that was pinned at init, about this very request, clip and payload. */
static enum err check_manifest(const struct desk *desk, const struct control_reply *reply,
                               struct opened *clip) {
    struct signed_object object;
    enum err err = signed_decode(buffer_bytes(&clip->signed_manifest), &object);
    if (err == ERR_OK && (object.kind != OBJECT_MANIFEST || !desk->pins.has_ingest ||
                          !signed_by(&object, &desk->pins.ingest.sign))) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = manifest_decode(object.body, clip->manifest);
    }
    if (err == ERR_OK && (!id_equal(&clip->manifest->request, &clip->asked->id) ||
                          memcmp(clip->manifest->clip.b, clip->clip.b, sizeof clip->clip.b) != 0 ||
                          clip->manifest->payload_size != reply->as.clip.payload_size ||
                          !id_equal(&clip->manifest->payload_root, &reply->as.clip.payload_root) ||
                          clip->manifest->from.ms < clip->asked->request.from.ms ||
                          clip->manifest->to.ms > clip->asked->request.to.ms)) {
        err = ERR_PEER_BOUNDS;
    }
    clip->manifest_id = object.id;
    return err;
}

/* Another owner's signature is good, and what they left is part of this clip. */
static enum err take_part(const struct control_reply *reply, struct opened *clip) {
    struct signed_object object;
    struct grant grant;
    clip->part_id = (struct id){{0}};
    clip->left = false;
    buffer_clear(&clip->part);
    if (reply->as.clip.grant.len == 0) {
        return ERR_OK;
    }
    enum err err = signed_decode(reply->as.clip.grant, &object);
    if (err == ERR_OK) {
        err = grant_decode(object.body, &grant);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &grant);
        err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
    }
    if (err == ERR_OK) {
        err = grant_agrees(&grant, &clip->manifest_id, clip->manifest, &clip->asked->id,
                           &clip->asked->request);
    }
    if (err == ERR_OK) {
        err = buffer_append(&clip->part, reply->as.clip.grant);
    }
    if (err == ERR_OK) {
        clip->part_id = object.id;
        clip->left = grant.edit.present;
        clip->left_grant = grant;
    }
    return err;
}

void opened_reset(struct opened *clip) {
    const struct manifest *manifest = clip->manifest;
    const struct grant *grant = &clip->left_grant;
    if (clip->edited != NULL) {
        (void)fclose(clip->edited);
        clip->edited = NULL;
    }
    clip->wish_count = 0;
    wish_start(&clip->wish, manifest, clip->left ? grant : NULL);
    clip->goes = clip->left ? (struct outgoing){.from = grant->from,
                                                .to = grant->to,
                                                .audio = manifest->audio && !clip->wish.mute,
                                                .making = grant->edit.making,
                                                .size = grant->size,
                                                .sha256 = grant->sha256,
                                                .payload_size = grant->payload_size,
                                                .payload_root = grant->payload_root}
                            : (struct outgoing){.from = manifest->from,
                                                .to = manifest->to,
                                                .audio = manifest->audio,
                                                .making = manifest->making,
                                                .size = manifest->size,
                                                .sha256 = manifest->sha256,
                                                .payload_size = manifest->payload_size,
                                                .payload_root = manifest->payload_root};
}

bool has_signed(const struct opened *clip, const struct sign_public *key) {
    struct signed_object part;
    return clip->edited == NULL && clip->part.len > 0 &&
           signed_decode(buffer_bytes(&clip->part), &part) == ERR_OK && signed_by(&part, key);
}

int refresh_part(struct desk *desk, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = clip->clip};
    const struct id before = clip->part_id;
    int failed = meanwhile_open(desk->client, &desk->community, clip);
    if (failed == 0) {
        failed = client_one(desk->client, &ask, CONTROL_GOT_CLIP, &reply);
    }
    if (failed != 0) {
        return failed;
    }
    enum err err = take_part(&reply, clip);
    if (err != ERR_OK) {
        return fail("nothing was released", "another owner's grant does not verify: %s",
                    err_text(err));
    }
    return is_other(clip, &before) ? fail("nothing was released; review it once more",
                                          "another owner has accepted something else meanwhile")
                                   : 0;
}

/* What would leave, or what a signature would be added to, must be what was shown. A grant's id is
 * of its body, so that signatures which came to it change nothing. Where there was none, what
 * others have signed meanwhile must be the clip as it was sealed: of an edit the header is not
 * here, even when its bytes are the same. */
static bool is_other(const struct opened *clip, const struct id *before) {
    return clip->edited != NULL || !id_is_zero(before)
               ? !id_equal(&clip->part_id, before)
               : clip->part.len > 0 &&
                     (clip->left || !id_equal(&clip->left_grant.sha256, &clip->goes.sha256));
}

/* ---- reading ---- */

int read_outgoing(struct desk *desk, struct opened *clip, const char *what, FILE *file) {
    return clip->edited != NULL ? copy_edited(clip, file)
                                : read_sealed(desk, clip, clip->left, what, file);
}

int read_original(struct desk *desk, const struct opened *clip, const char *what, FILE *file) {
    return read_sealed(desk, clip, false, what, file);
}

/* So the header at hand belongs to the clip that was shown: a node that gave another clip's header
 * would otherwise be handed that clip's file key, for footage that nobody looked at (P1). */
static int read_sealed(struct desk *desk, const struct opened *clip, bool left, const char *what,
                       FILE *file) {
    const struct manifest *manifest = clip->manifest;
    const struct grant *grant = &clip->left_grant;
    const struct clip_from source = {.op = left ? CONTROL_EDITED : CONTROL_PAYLOAD,
                                     .clip = clip->clip};
    const struct clip_claim claim = {
        .payload_size = left ? grant->payload_size : manifest->payload_size,
        .payload_root = left ? grant->payload_root : manifest->payload_root,
        .size = left ? grant->size : manifest->size,
        .sha256 = left ? grant->sha256 : manifest->sha256};
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(left ? &clip->left_header : &clip->header),
                         &desk->secret->box, &key)) {
        return fail(NULL, "your key does not open this clip");
    }
    return clip_read(desk->client, &source, &claim, &key, what, file);
}

/* Nobody else can write there; what is signed is hashed all the same. */
static int copy_edited(const struct opened *clip, FILE *file) {
    static uint8_t part[64 * 1024];
    struct id digest;
    size_t got = 0;
    struct sha256_state *hash = sha256_create();
    if (hash == NULL) {
        return fail(NULL, "out of memory");
    }
    rewind(clip->edited);
    bool good = true;
    while (good && (got = fread(part, 1, sizeof part, clip->edited)) > 0) {
        sha256_update(hash, (struct bytes){part, got});
        good = file == NULL || fwrite(part, 1, got, file) == got;
    }
    sha256_final(hash, &digest);
    sha256_destroy(hash);
    if (!good || ferror(clip->edited) != 0) {
        return fail("is the disk full?", "the clip cannot be written");
    }
    return id_equal(&digest, &clip->goes.sha256)
               ? 0
               : fail("nothing was released or written", "the edited clip is not what was shown");
}

/* ---- the request ---- */

/* That the document and the court's seal are here is not the node's word: they are read, and held
 * against their hashes; and the document against its type, the seal against the document. */
int check_document(struct desk *desk, struct checked_request *asked) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    SCOPED(buffer_finish) struct buffer seal = {.max = COURT_SEAL_MAX};
    const struct document *document = &asked->request.document;
    const struct court_seal *court = &asked->request.court_seal;
    asked->document_here &= document->present;
    asked->seal_here &= court->present;
    if (!asked->document_here) {
        return 0;
    }
    int failed = fetch_attachment(desk, &document->sha256, document->size, &bytes);
    if (failed != 0) {
        return failed;
    }
    const char *type = document_type(buffer_bytes(&bytes));
    asked->document_is_other = type == NULL || strcmp(type, document->media_type) != 0;
    if (asked->seal_here) {
        failed = fetch_attachment(desk, &court->sha256, court->size, &seal);
    }
    if (failed == 0 && asked->seal_here) {
        seal_check(desk->seals, buffer_bytes(&seal), buffer_bytes(&bytes), &asked->authorities,
                   now_wall(), &asked->seal);
    }
    return failed;
}

int fetch_attachment(struct desk *desk, const struct id *named, size_t size, struct buffer *out) {
    static struct control_reply reply;
    struct id hash;
    while (out->len < size) {
        const struct control_request ask = {
            .op = CONTROL_DOCUMENT_GET, .id = *named, .offset = out->len};
        int failed = client_one(desk->client, &ask, CONTROL_GOT_DATA, &reply);
        if (failed != 0) {
            return failed;
        }
        if (reply.as.data.data.len == 0 || buffer_append(out, reply.as.data.data) != ERR_OK) {
            return fail("nothing was shown or released", "the document is not whole");
        }
    }
    sha256(buffer_bytes(out), &hash);
    return id_equal(&hash, named) ? 0
                                  : fail("nothing was shown or released",
                                         "the document is not the one that the request names");
}

/* What every node refuses at its fence is not put before a person by a node that did not. A rule
 * that depends on the time may have been kept when the request came: it is shown as failed. */
int check_rules(const struct checked_request *asked) {
    size_t rule = 0;
    enum err err = checked_verdict(asked, now_wall(), &rule);
    if (err == ERR_DENY_CHARTER) {
        return fail("nothing was shown or released",
                    "request '%s' would keep clips longer than the community's charter lets it",
                    asked->code);
    }
    return err == ERR_OK
               ? 0
               : fail("nothing was shown or released", "request '%s' breaks rule %s: it %s",
                      asked->code, legal_rule_at(rule)->id, legal_rule_at(rule)->broken);
}
