#include "crypto/dsse.h"

#include <stdio.h>
#include <string.h>

enum {
    LENGTHS_MAX = 64, /* all of PAE but type and body */
    MESSAGE_MAX = LENGTHS_MAX + DSSE_TYPE_MAX + DSSE_BODY_MAX,
};

static bool pae(const char *type, struct bytes body, struct buffer *out);

bool dsse_sign(const char *type, struct bytes body, const struct sign_secret *secret,
               struct signature *out) {
    SCOPED(buffer_finish) struct buffer message = {.max = MESSAGE_MAX};
    if (!pae(type, body, &message)) {
        return false;
    }
    sign_bytes(secret, buffer_bytes(&message), out);
    return true;
}

bool dsse_verify(const char *type, struct bytes body, const struct sign_public *pub,
                 const struct signature *signature) {
    SCOPED(buffer_finish) struct buffer message = {.max = MESSAGE_MAX};
    return pae(type, body, &message) && sign_verify(pub, buffer_bytes(&message), signature);
}

static bool pae(const char *type, struct bytes body, struct buffer *out) {
    char lead[LENGTHS_MAX + DSSE_TYPE_MAX];
    uint8_t *to = NULL;
    if (strlen(type) > DSSE_TYPE_MAX || body.len > DSSE_BODY_MAX) {
        return false;
    }
    int len = snprintf(lead, sizeof lead, "DSSEv1 %zu %s %zu ", strlen(type), type, body.len);
    if (buffer_extend(out, (size_t)len + body.len, &to) != ERR_OK) { /* one allocation */
        return false;
    }
    memcpy(to, lead, (size_t)len);
    if (body.len > 0) {
        memcpy(to + len, body.at, body.len);
    }
    return true;
}
