/* What people copy or type to meet: introductions, spoken codes, codes of doors, applications. The
 * first byte says which. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "node/base/assert.h"
#include "proto/meet.h"

enum {
    TEXT_MAX = APPLICATION_MAX_BYTES
};

/* It has one spelling. */
static void try_introduction(const char *text) {
    static struct introduction introduction;
    char again[CODE_MAX_BYTES];
    if (introduction_read(text, &introduction) == ERR_OK) {
        ASSERT(introduction_write(&introduction, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

/* It has many, of which one is written. */
static void try_code(const char *text) {
    struct meet_code code;
    struct meet_code same;
    const char *wrong = NULL;
    char again[MEET_CODE_BYTES];
    if (meet_code_read(text, &code, &wrong) != ERR_OK) {
        ASSERT(wrong == NULL || (wrong >= text && wrong < text + strlen(text)));
        return;
    }
    ASSERT(code.number < MEET_CODE_NUMBERS);
    meet_code_write(&code, again);
    ASSERT(meet_code_read(again, &same, &wrong) == ERR_OK);
    ASSERT(memcmp(&code, &same, sizeof code) == 0);
}

static void try_door(const char *text) {
    static struct door_code code;
    char again[CODE_MAX_BYTES];
    if (door_code_read(text, &code) == ERR_OK) {
        ASSERT(door_code_write(&code, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

static void try_application(const char *text) {
    static uint8_t room[APPLICATION_MAX_BYTES];
    static char again[APPLICATION_MAX_BYTES];
    struct application application;
    if (application_read(text, room, &application) == ERR_OK) {
        ASSERT(application_write(&application, again) == ERR_OK);
        ASSERT(strcmp(text, again) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[TEXT_MAX];
    if (size == 0 || size > sizeof text) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 4) {
    case 0:
        try_introduction(text);
        break;
    case 1:
        try_code(text);
        break;
    case 2:
        try_door(text);
        break;
    default:
        try_application(text);
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    struct introduction introduction = {.community = {{1}},
                                        .sponsor = {{2}},
                                        .transport = {{3}},
                                        .tag = {4},
                                        .expires = {INT64_C(1795555800000)},
                                        .address_count = 1 + choice / 4 % 2,
                                        .addresses = {"203.0.113.7:7878", "[2001:db8::1]:7878"}};
    struct meet_code code = {(uint8_t)(choice / 4 % MEET_CODE_NUMBERS),
                             {(uint8_t)(choice >> 8), (uint8_t)(choice >> 16), 255}};
    struct door_code door = {.community = {{1}},
                             .home = {{2}},
                             .transport = {{3}},
                             .name = "Number 12",
                             .address_count = 1 + choice / 4 % 2,
                             .addresses = {"203.0.113.7:7878", "[2001:db8::1]:7878"}};
    const struct application application = {
        .kind = (enum outsider_kind)(OUTSIDER_AGENCY + choice / 4 % 5),
        .door_count = 1 + choice / 4 % OUTSIDER_DOORS_MAX,
        .doors = {{{1}}, {{2}}, {{3}}, {{4}}},
        .member = BYTES_TEXT("a certificate")};
    static char text[APPLICATION_MAX_BYTES];
    out[0] = (uint8_t)(choice % 4);
    switch (choice % 4) {
    case 0:
        ASSERT(introduction_write(&introduction, text) == ERR_OK);
        break;
    case 1:
        meet_code_write(&code, text);
        break;
    case 2:
        ASSERT(door_code_write(&door, text) == ERR_OK);
        break;
    default:
        ASSERT(application_write(&application, text) == ERR_OK);
    }
    size_t len = strlen(text);
    ASSERT(len + 1 < room);
    memcpy(out + 1, text, len);
    return 1 + len;
}
