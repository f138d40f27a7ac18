/* Consent: gathers the owners' answers to one prompt for each sealed clip (P1 to P3, PROTOCOL 5.4).
 *
 * A prompt ends exactly once: granted by every owner, declined by one, or expired. Silence is
 * refusal. The engine does not know cameras: which owners a clip needs stands in the manifest,
 * which only owners can open. Each owner's `stoop` puts that list into the grant that it signs,
 * bound to the manifest by its id; here every owner named must be an owner of this home, and every
 * one of them must have signed the same body. So a node that is broken into can hold a grant back,
 * and cannot make one.
 *
 * Memory: taken by consent_create(). Bounds: CONSENT_PROMPTS_MAX open prompts; a step takes one
 * event. */
#ifndef NODE_CONSENT_CONSENT_H
#define NODE_CONSENT_CONSENT_H

#include "proto/clip.h"

enum {
    CONSENT_PROMPTS_MAX = 1024 /* a bad week of a home with many cameras */
};

struct consent;

struct consent *consent_create(void); /* NULL when memory is short */
void consent_destroy(struct consent *consent);

/* Ingest sealed a clip. Idempotent. ERR_FULL_PROMPTS: it is offered again later. */
MUST_USE enum err consent_open(struct consent *consent, const struct clip_id *clip,
                               const struct id *request, struct instant expires);

/* An owner declines. `home`: this home's certificate, whose owners may.
 * ERR_USER_NO_PROMPT (none open, or too late), ERR_USER_NOT_OWNER, ERR_PEER_BOUNDS (names another
 * request). On ERR_OK the prompt has ended: shred. */
MUST_USE enum err consent_decline(struct consent *consent, const struct signed_object *object,
                                  const struct decision *decision, const struct member *home,
                                  struct instant now);

/* One or more owners have signed a grant. *complete: every owner has, the prompt has ended:
 * deliver. Otherwise keep `object`, whose signatures the next owner adds to. ERR_USER_NO_PROMPT,
 * ERR_USER_NOT_OWNER, ERR_PEER_SIGNATURE, ERR_PEER_BOUNDS (names another request or certificate,
 * expires in the past), ERR_USER_EXISTS (another owner has signed another body, and it is not the
 * one that this `replaces`: what they agreed to must not change under them; in a new body their
 * signature is missing until they give it), ERR_DENY_INCOMPLETE (all signed, but no header with
 * it). */
MUST_USE enum err consent_grant(struct consent *consent, const struct signed_object *object,
                                const struct grant *grant, const struct id *replaces,
                                const struct id *home_id, const struct member *home,
                                bool has_header, struct instant now, bool *complete);
/* After a restart: a prompt whose grant has been signed in part. */
void consent_load_part(struct consent *consent, const struct clip_id *clip, const struct id *grant);

/* The request was taken back: its prompts take no answer any more, and consent_expire() takes them
 * out. */
void consent_end_request(struct consent *consent, const struct id *request);

/* Takes one expired prompt out: shred. False when none has expired. */
bool consent_expire(struct consent *consent, struct instant now, struct clip_id *clip,
                    struct id *request);
size_t consent_count(const struct consent *consent);

#endif
