/* Sides of treaties and treaties as text, which come from people of another community. The first
 * byte says which. Each has one spelling. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "proto/treaty.h"

static void try_side(const char *text) {
    static struct treaty_side side;
    char again[TREATY_TEXT_MAX];
    if (treaty_side_read(text, &side) == ERR_OK) {
        ASSERT(treaty_side_write(&side, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

static void try_treaty(const char *text) {
    static struct treaty treaty;
    char again[TREATY_TEXT_MAX];
    if (treaty_read(text, &treaty) == ERR_OK) {
        ASSERT(treaty_write(&treaty, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[TREATY_TEXT_MAX];
    if (size == 0 || size > sizeof text) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 2 == 0) {
        try_side(text);
    } else {
        try_treaty(text);
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    struct treaty treaty = {.created = {INT64_C(1795555800000)},
                            .until = {INT64_C(1827091800000)},
                            .side_count = 2,
                            .instruments = 254,
                            .roles = 14,
                            .caps = CAPS_DEFAULT,
                            .daily = (uint32_t)(1 + choice / 4 % 64)};
    char text[TREATY_TEXT_MAX];
    for (uint8_t i = 0; i < 2; i++) {
        struct treaty_side *side = &treaty.sides[i];
        *side = (struct treaty_side){.community = {{(uint8_t)(1 + i)}},
                                     .founder_count = 1,
                                     .founders = {{{(uint8_t)(3 + i)}}},
                                     .allowance = 8,
                                     .clerk_count = 1,
                                     .clerks = {{{(uint8_t)(5 + i)}}},
                                     .has_area = choice / 2 % 2 == 1,
                                     .area = {800, 1, {{525200000, 134050000}}}};
        (void)snprintf(side->name, sizeof side->name, "Street %d", i);
    }
    out[0] = (uint8_t)(choice % 2);
    ASSERT((choice % 2 == 0 ? treaty_side_write(&treaty.sides[0], text)
                            : treaty_write(&treaty, text)) == ERR_OK);
    size_t len = strlen(text);
    ASSERT(len + 1 < room);
    memcpy(out + 1, text, len);
    return 1 + len;
}
