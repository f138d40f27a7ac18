#include "crypto/dsse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool pae(const char *type, struct bytes body, struct buffer *out);

bool dsse_sign(const char *type, struct bytes body, const struct sign_secret *secret,
               struct signature *out) {
    SCOPED(buffer_finish) struct buffer message = {.max = SIZE_MAX};
    if (!pae(type, body, &message)) {
        return false;
    }
    sign_bytes(secret, buffer_bytes(&message), out);
    return true;
}

bool dsse_verify(const char *type, struct bytes body, const struct sign_public *pub,
                 const struct signature *signature) {
    SCOPED(buffer_finish) struct buffer message = {.max = SIZE_MAX};
    return pae(type, body, &message) && sign_verify(pub, buffer_bytes(&message), signature);
}

static bool pae(const char *type, struct bytes body, struct buffer *out) {
    char lead[160];
    char middle[32];
    (void)snprintf(lead, sizeof lead, "DSSEv1 %zu ", strlen(type));
    (void)snprintf(middle, sizeof middle, " %zu ", body.len);
    return buffer_append(out, BYTES_TEXT(lead)) == ERR_OK &&
           buffer_append(out, BYTES_TEXT(type)) == ERR_OK &&
           buffer_append(out, BYTES_TEXT(middle)) == ERR_OK && buffer_append(out, body) == ERR_OK;
}
