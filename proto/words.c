#include <stdio.h>
#include <string.h>

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
