/* Headers and small age files, sealed for a key that this target holds. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "crypto/age.h"
#include "node/base/assert.h"

static struct box_secret secret = {{7, 7, 7}};
static struct box_public pub;

static void start(void) {
    ASSERT(crypto_start());
    box_public_of(&secret, &pub);
}

static void try_header(struct bytes from) {
    SCOPED(buffer_finish) struct buffer again = {.max = AGE_HEADER_MAX};
    struct age_file_key key;
    struct age_file_key same;
    size_t len = 0;
    if (!age_header_open(from, &secret, &key)) {
        return;
    }
    ASSERT(age_header_length(from, &len) && len == from.len); /* strict: nothing behind it */
    ASSERT(age_header_make(&pub, 1, &key, &again) == ERR_OK);
    ASSERT(age_header_open(buffer_bytes(&again), &secret, &same));
    ASSERT(memcmp(&key, &same, sizeof key) == 0);
}

static void try_file(struct bytes from) {
    SCOPED(buffer_finish) struct buffer plain = {.max = AGE_SMALL_MAX};
    SCOPED(buffer_finish) struct buffer again = {.max = 2 * AGE_SMALL_MAX};
    SCOPED(buffer_finish) struct buffer same = {.max = AGE_SMALL_MAX};
    if (!age_open_small(&secret, from, &plain)) {
        ASSERT(plain.len == 0); /* nothing of what is not whole */
        return;
    }
    ASSERT(age_seal_small(&pub, 1, buffer_bytes(&plain), &again) == ERR_OK);
    ASSERT(age_open_small(&secret, buffer_bytes(&again), &same));
    ASSERT(bytes_equal(buffer_bytes(&plain), buffer_bytes(&same)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bytes from = {data, size};
    start();
    try_header(from);
    try_file(from);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    SCOPED(buffer_finish) struct buffer file = {.max = room};
    const struct box_public both[] = {{{9}}, {{0}}};
    struct box_public recipients[COUNT_OF(both)];
    const struct age_file_key key = {{1, 2, 3}};
    uint8_t plain[300] = {5};
    start();
    memcpy(recipients, both, sizeof both);
    recipients[choice / 2 % 2] = pub;
    size_t count = 1 + choice / 2 % 2;
    enum err err = choice % 2 == 0 ? age_header_make(recipients, count, &key, &file)
                                   : age_seal_small(recipients, count,
                                                    (struct bytes){plain, choice % 300}, &file);
    ASSERT(err == ERR_OK);
    memcpy(out, file.at, file.len);
    return file.len;
}
