/* In one process a signature is checked once, however many homes get it: the linker leads calls of
 * sign_verify() here (see CMakeLists.txt). The answer is what the real one has said of the same
 * three values; a signature that was not good is checked anew each time. */
#include <stdlib.h>
#include <string.h>

#include "crypto/keys.h"
#include "node/base/assert.h"

enum {
    PLACES = 1 << 20, /* of 16 bytes; a hash that finds its place taken takes it over */
    KEY = 16,
};

bool __real_sign_verify(const struct sign_public *pub, struct bytes message,
                        const struct signature *signature);
bool __wrap_sign_verify(const struct sign_public *pub, struct bytes message,
                        const struct signature *signature);

bool __wrap_sign_verify(const struct sign_public *pub, struct bytes message,
                        const struct signature *signature) {
    static uint8_t(*places)[KEY];
    uint8_t hash[32];
    if (places == NULL) {
        places = calloc(PLACES, sizeof *places);
        ASSERT(places != NULL);
    }
    hash_labelled("verify once", BYTES_OF(signature->b), message, hash, sizeof hash);
    hash_labelled("verify once", BYTES_OF(pub->b), BYTES_OF(hash), hash, sizeof hash);
    uint8_t *place = places[read_u32(hash + KEY) % PLACES];
    if (memcmp(place, hash, KEY) == 0) {
        return true;
    }
    bool good = __real_sign_verify(pub, message, signature);
    if (good) {
        memcpy(place, hash, KEY);
    }
    return good;
}
