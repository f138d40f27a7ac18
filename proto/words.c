#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "proto/request.h"

static const struct {
    const char *word;
    const char *label;
} instruments[] = {
    [INSTRUMENT_SEARCH_WARRANT] = {"search_warrant", "a search warrant"},
    [INSTRUMENT_COURT_ORDER] = {"court_order", "a court order"},
    [INSTRUMENT_PRODUCTION_ORDER] = {"production_order", "a production order"},
    [INSTRUMENT_SUBPOENA] = {"subpoena", "a subpoena"},
    [INSTRUMENT_PRESERVATION] = {"preservation", "a preservation letter"},
    [INSTRUMENT_EMERGENCY] = {"emergency", "an emergency"},
    [INSTRUMENT_VOLUNTARY] = {"voluntary", "no legal process: voluntary"},
};

void request_code(const struct id *request, char text[REQUEST_CODE_BYTES]) {
    (void)snprintf(text, REQUEST_CODE_BYTES, "%02X%02X-%02X", request->b[0], request->b[1],
                   request->b[2]);
}

void request_long_code(const struct id *request, size_t bytes, char text[LONG_CODE_BYTES]) {
    static_assert(LONG_CODE_BYTES == 2 * sizeof request->b + sizeof request->b / 2,
                  "a hyphen before every second byte but the first, and NUL");
    ASSERT(bytes <= sizeof request->b);
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < bytes; i++) {
        len += (size_t)snprintf(text + len, LONG_CODE_BYTES - len, "%s%02X",
                                i > 0 && i % 2 == 0 ? "-" : "", request->b[i]);
    }
}

void request_delivery_psk(const struct id *request, const struct box_public *key,
                          uint8_t psk0[32]) {
    uint8_t both[64];
    memcpy(both, request->b, 32);
    memcpy(both + 32, key->b, 32);
    hash_labelled("stoop delivery v1", (struct bytes){NULL, 0}, BYTES_OF(both), psk0, 32);
}

const char *instrument_word(enum instrument_kind kind) {
    return instruments[kind].word;
}

const char *instrument_label(enum instrument_kind kind) {
    return instruments[kind].label;
}

enum err instrument_from_word(const char *word, enum instrument_kind *out) {
    for (size_t i = INSTRUMENT_SEARCH_WARRANT; i <= INSTRUMENT_VOLUNTARY; i++) {
        if (strcmp(instruments[i].word, word) == 0) {
            *out = (enum instrument_kind)i;
            return ERR_OK;
        }
    }
    return ERR_USER_SYNTAX;
}
