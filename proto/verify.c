/* Checks of what owners sign: camera lists and grants (PROTOCOL 6.5, 5.4). */
#include <string.h>

#include "proto/clip.h"

enum {
    CLOCKS_APART_MS = 15 * DURATION_MINUTE_MS, /* as far as a request may be ahead of us */
};

/* Keys whose signatures on one object verify: each is verified once, however often a list of 64
 * cameras names it. */
struct signers {
    size_t count;
    struct sign_public keys[SIGNED_SIGNATURES_MAX];
};

static bool is_whole(const struct grant *grant, const struct manifest *manifest);
static bool is_narrower(const struct grant *grant, const struct manifest *manifest);
static void find_signers(const struct signed_object *object, struct signers *out);
static bool has_signed(const struct signers *signers, const struct sign_public *key);
static bool all_signed(const struct signers *signers, const struct camera_list *list);
static bool all_pinned(const struct camera_list *list, const struct owner_public *pinned,
                       size_t pinned_count);

/* All owners, old and new: a list cannot be changed over the head of somebody whom the list before
 * gave a say, nor name an owner who has not agreed to it. That `previous` is the list which this
 * one names is for the caller to see, who has its id. */
enum err camera_list_verify(const struct signed_object *object, const struct camera_list *list,
                            const struct camera_list *previous, const struct owner_public *pinned,
                            size_t pinned_count) {
    uint64_t expected = previous == NULL ? 1 : previous->version + 1;
    struct signers signers;
    if (object->kind != OBJECT_CAMERA_LIST || list->version != expected) {
        return ERR_PEER_SEQUENCE;
    }
    if (!all_pinned(list, pinned, pinned_count)) {
        return ERR_DENY_PIN;
    }
    find_signers(object, &signers);
    bool complete =
        all_signed(&signers, list) && (previous == NULL || all_signed(&signers, previous));
    /* Where no camera names an owner every pinned one is asked, so that no stranger is enough. */
    bool all = previous == NULL || list->camera_count + previous->camera_count == 0;
    for (size_t i = 0; all && i < pinned_count; i++) {
        complete = complete && has_signed(&signers, &pinned[i].sign);
    }
    return complete && pinned_count > 0 ? ERR_OK : ERR_DENY_INCOMPLETE;
}

enum err grant_verify(const struct signed_object *object, const struct grant *grant) {
    size_t good = 0;
    if (object->kind != OBJECT_GRANT) {
        return ERR_PEER_SIGNATURE;
    }
    for (size_t i = 0; i < object->count; i++) {
        bool owner = false;
        for (size_t k = 0; k < grant->owner_count; k++) {
            owner |= sign_public_equal(&object->signatures[i].key, &grant->owners[k]);
        }
        if (!owner || !signed_by(object, &object->signatures[i].key)) {
            return ERR_PEER_SIGNATURE;
        }
        good++;
    }
    return good == grant->owner_count ? ERR_OK : ERR_DENY_INCOMPLETE;
}

enum err grant_agrees(const struct grant *grant, const struct id *manifest_id,
                      const struct manifest *manifest, const struct id *request_id,
                      const struct request *request) {
    bool same = id_equal(&grant->manifest, manifest_id) && id_equal(&grant->request, request_id) &&
                id_equal(&manifest->request, request_id) &&
                bytes_equal(BYTES_OF(grant->clip.b), BYTES_OF(manifest->clip.b)) &&
                box_public_equal(&grant->recipient, &request->key) &&
                id_equal(&grant->community, &request->head.community) &&
                grant->owner_count == manifest->owner_count;
    for (size_t i = 0; same && i < grant->owner_count; i++) {
        same = sign_public_equal(&grant->owners[i], &manifest->owners[i].sign);
    }
    bool within = grant->from.ms >= request->from.ms && grant->to.ms <= request->to.ms &&
                  grant->terms.delete_by.ms <= request->terms.delete_by.ms &&
                  grant->expires.ms <= grant->terms.delete_by.ms &&
                  grant->created.ms >= request->head.created.ms - CLOCKS_APART_MS &&
                  strcmp(grant->terms.purpose, request->terms.purpose) == 0 &&
                  strcmp(grant->terms.case_number, request->terms.case_number) == 0;
    bool clip = grant->edit.present ? is_narrower(grant, manifest) : is_whole(grant, manifest);
    return same && within && clip ? ERR_OK : ERR_PEER_BOUNDS;
}

uint64_t edit_payload_max(uint64_t payload_size) {
    uint64_t most = UINT64_MAX / 2;
    return payload_size > most / EDIT_GROWTH - EDIT_MARGIN
               ? most
               : payload_size * EDIT_GROWTH + EDIT_MARGIN;
}

static bool is_whole(const struct grant *grant, const struct manifest *manifest) {
    return id_equal(&grant->sha256, &manifest->sha256) && grant->size == manifest->size &&
           grant->payload_size == manifest->payload_size &&
           id_equal(&grant->payload_root, &manifest->payload_root) &&
           grant->from.ms == manifest->from.ms && grant->to.ms == manifest->to.ms;
}

/* An edit takes something away, and only what was there. */
static bool is_narrower(const struct grant *grant, const struct manifest *manifest) {
    const struct edit *edit = &grant->edit;
    bool within = grant->from.ms >= manifest->from.ms && grant->to.ms <= manifest->to.ms;
    bool shorter = grant->from.ms > manifest->from.ms || grant->to.ms < manifest->to.ms;
    bool pictures = shorter || edit->area_count > 0;
    bool possible = (manifest->audio || !edit->audio_removed) &&
                    (!pictures || edit->making == CLIP_REENCODED) &&
                    grant->payload_size <= edit_payload_max(manifest->payload_size);
    return within && possible && (pictures || edit->audio_removed);
}

static void find_signers(const struct signed_object *object, struct signers *out) {
    out->count = 0;
    for (size_t i = 0; i < object->count; i++) {
        if (signed_by(object, &object->signatures[i].key)) {
            out->keys[out->count++] = object->signatures[i].key;
        }
    }
}

static bool has_signed(const struct signers *signers, const struct sign_public *key) {
    for (size_t i = 0; i < signers->count; i++) {
        if (sign_public_equal(&signers->keys[i], key)) {
            return true;
        }
    }
    return false;
}

static bool all_signed(const struct signers *signers, const struct camera_list *list) {
    for (size_t i = 0; i < list->camera_count; i++) {
        for (size_t k = 0; k < list->cameras[i].owner_count; k++) {
            if (!has_signed(signers, &list->cameras[i].owners[k].sign)) {
                return false;
            }
        }
    }
    return true;
}

static bool all_pinned(const struct camera_list *list, const struct owner_public *pinned,
                       size_t pinned_count) {
    for (size_t i = 0; i < list->camera_count; i++) {
        for (size_t k = 0; k < list->cameras[i].owner_count; k++) {
            const struct owner_public *owner = &list->cameras[i].owners[k];
            bool known = false;
            for (size_t p = 0; p < pinned_count && !known; p++) {
                known = sign_public_equal(&owner->sign, &pinned[p].sign) &&
                        box_public_equal(&owner->box, &pinned[p].box);
            }
            if (!known) {
                return false;
            }
        }
    }
    return true;
}
