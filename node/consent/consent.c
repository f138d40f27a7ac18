/* Invariants:
 *  1. A prompt is in the table exactly while it is open.
 *  2. *complete is set only when every owner that the grant names has signed these very bytes, each
 * of them is an owner of this home, and the header for the request key is there. */
#include "node/consent/consent.h"

#include <stdlib.h>
#include <string.h>

struct prompt {
    struct clip_id clip;
    struct id request;
    struct instant expires;
    struct id part; /* the grant that some owner has signed; zero: none */
};

struct consent {
    size_t count;
    struct prompt prompts[CONSENT_PROMPTS_MAX];
};

static struct prompt *find_open(struct consent *consent, const struct clip_id *clip,
                                struct instant now);
static void end_prompt(struct consent *consent, struct prompt *prompt);
static bool is_owner(const struct member *home, const struct sign_public *key);

struct consent *consent_create(void) {
    return calloc(1, sizeof(struct consent));
}

void consent_destroy(struct consent *consent) {
    free(consent);
}

enum err consent_open(struct consent *consent, const struct clip_id *clip, const struct id *request,
                      struct instant expires) {
    if (find_open(consent, clip, (struct instant){INT64_MIN}) != NULL) {
        return ERR_OK;
    }
    if (consent->count == CONSENT_PROMPTS_MAX) {
        return ERR_FULL_PROMPTS;
    }
    consent->prompts[consent->count++] =
        (struct prompt){.clip = *clip, .request = *request, .expires = expires};
    return ERR_OK;
}

enum err consent_decline(struct consent *consent, const struct signed_object *object,
                         const struct decision *decision, const struct member *home,
                         struct instant now) {
    struct prompt *prompt = find_open(consent, &decision->clip, now);
    if (prompt == NULL) {
        return ERR_USER_NO_PROMPT;
    }
    if (object->kind != OBJECT_DECISION || !id_equal(&decision->request, &prompt->request)) {
        return ERR_PEER_BOUNDS;
    }
    for (size_t i = 0; i < home->owner_count; i++) {
        if (signed_by(object, &home->owners[i].sign)) {
            end_prompt(consent, prompt);
            return ERR_OK;
        }
    }
    return ERR_USER_NOT_OWNER;
}

enum err consent_grant(struct consent *consent, const struct signed_object *object,
                       const struct grant *grant, const struct id *replaces,
                       const struct id *home_id, const struct member *home, bool has_header,
                       struct instant now, bool *complete) {
    struct prompt *prompt = find_open(consent, &grant->clip, now);
    if (prompt == NULL) {
        return ERR_USER_NO_PROMPT;
    }
    if (!id_equal(&grant->request, &prompt->request) || !id_equal(&grant->home, home_id) ||
        instant_reached(now, grant->expires)) {
        return ERR_PEER_BOUNDS;
    }
    for (size_t i = 0; i < grant->owner_count; i++) {
        if (!is_owner(home, &grant->owners[i])) {
            return ERR_USER_NOT_OWNER;
        }
    }
    if (!id_is_zero(&prompt->part) && !id_equal(&prompt->part, &object->id) &&
        !id_equal(&prompt->part, replaces)) {
        return ERR_USER_EXISTS;
    }
    enum err err = grant_verify(object, grant);
    if (err == ERR_DENY_INCOMPLETE) {
        prompt->part = object->id;
        *complete = false;
        return ERR_OK;
    }
    if (err == ERR_OK && !has_header) {
        err = ERR_DENY_INCOMPLETE;
    }
    if (err == ERR_OK) {
        end_prompt(consent, prompt);
        *complete = true;
    }
    return err;
}

void consent_load_part(struct consent *consent, const struct clip_id *clip,
                       const struct id *grant) {
    struct prompt *prompt = find_open(consent, clip, (struct instant){INT64_MIN});
    if (prompt != NULL) {
        prompt->part = *grant;
    }
}

void consent_end_request(struct consent *consent, const struct id *request) {
    for (size_t i = 0; i < consent->count; i++) {
        if (id_equal(&consent->prompts[i].request, request)) {
            consent->prompts[i].expires = (struct instant){0};
        }
    }
}

bool consent_expire(struct consent *consent, struct instant now, struct clip_id *clip,
                    struct id *request) {
    for (size_t i = 0; i < consent->count; i++) {
        if (instant_reached(now, consent->prompts[i].expires)) {
            *clip = consent->prompts[i].clip;
            *request = consent->prompts[i].request;
            end_prompt(consent, &consent->prompts[i]);
            return true;
        }
    }
    return false;
}

size_t consent_count(const struct consent *consent) {
    return consent->count;
}

/* The tick may lag behind the deadline: a decision in that gap is late all the same (PROTOCOL 5.4).
 */
static struct prompt *find_open(struct consent *consent, const struct clip_id *clip,
                                struct instant now) {
    for (size_t i = 0; i < consent->count; i++) {
        struct prompt *prompt = &consent->prompts[i];
        if (memcmp(prompt->clip.b, clip->b, sizeof clip->b) == 0) {
            return instant_reached(now, prompt->expires) ? NULL : prompt;
        }
    }
    return NULL;
}

static void end_prompt(struct consent *consent, struct prompt *prompt) {
    *prompt = consent->prompts[--consent->count];
}

static bool is_owner(const struct member *home, const struct sign_public *key) {
    for (size_t i = 0; i < home->owner_count; i++) {
        if (sign_public_equal(&home->owners[i].sign, key)) {
            return true;
        }
    }
    return false;
}
