/* Text that a person writes or a program leaves in a file: config, process, pins, what was told, a
 * charter, the home's other nodes.
 * The first byte says which. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>

#include "cli/hook.h"
#include "cli/terms.h"
#include "node/base/assert.h"
#include "proto/config.h"
#include "proto/fence.h"
#include "proto/pins.h"
#include "proto/process.h"
#include "proto/siblings.h"

enum {
    FILES = 6
};

static size_t lines_of(struct bytes text) {
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++) {
        lines += text.at[i] == '\n' ? 1 : 0;
    }
    return lines;
}

/* What is printed about a file must not do what the file says. */
static void check_printable(const char *text, size_t room) {
    ASSERT(memchr(text, '\0', room) != NULL);
    ASSERT(fence_text_valid(BYTES_TEXT(text)));
}

static void try_config(struct bytes from) {
    struct config config;
    struct config same;
    struct config_error error = {0};
    char text[1024];
    if (config_read(from, &config, &error) != ERR_OK) {
        ASSERT(error.line >= 1 && error.line <= lines_of(from));
        check_printable(error.text, sizeof error.text);
        return;
    }
    ASSERT(config.match_delay_s <= CONFIG_DELAY_MAX_S && config.address_count <= ADDRESSES_MAX);
    int len = snprintf(text, sizeof text, "[node]\nlisten = %s\n", config.listen);
    for (size_t i = 0; i < config.address_count; i++) {
        len +=
            snprintf(text + len, sizeof text - (size_t)len, "address = %s\n", config.addresses[i]);
    }
    len += snprintf(text + len, sizeof text - (size_t)len, "[ingest]\nmatch_delay_s = %u\n",
                    config.match_delay_s);
    ASSERT(config_read((struct bytes){(uint8_t *)text, (size_t)len}, &same, &error) == ERR_OK);
    ASSERT(strcmp(config.listen, same.listen) == 0 && config.match_delay_s == same.match_delay_s);
    ASSERT(config.address_count == same.address_count);
    for (size_t i = 0; i < config.address_count; i++) {
        ASSERT(strcmp(config.addresses[i], same.addresses[i]) == 0);
    }
}

static void try_process(struct bytes from) {
    static struct process_reading reading;
    const struct process_errors *errors = &reading.errors;
    enum err err = process_read(from, &reading);
    ASSERT((err == ERR_OK) == (errors->count == 0));
    ASSERT(errors->count <= PROCESS_ERRORS_MAX);
    for (size_t i = 0; i < errors->count; i++) {
        ASSERT(errors->list[i].line <= lines_of(from));
        check_printable(errors->list[i].text, sizeof errors->list[i].text);
    }
    for (size_t i = 0; i < PROCESS_KEYS_MAX; i++) {
        ASSERT(reading.keys[i].line <= lines_of(from));
        ASSERT(!reading.keys[i].bad || errors->count > 0);
    }
}

static void try_pins(struct bytes from) {
    static struct pins pins;
    static struct pins same;
    SCOPED(buffer_finish) struct buffer text = {.max = PINS_FILE_MAX};
    SCOPED(buffer_finish) struct buffer again = {.max = PINS_FILE_MAX};
    size_t line = 0;
    if (pins_read(from, &pins, &line) != ERR_OK) {
        ASSERT(line >= 1 && line <= lines_of(from));
        return;
    }
    ASSERT(pins_write(&pins, &text) == ERR_OK);
    ASSERT(pins_read(buffer_bytes(&text), &same, &line) == ERR_OK);
    ASSERT(pins_write(&same, &again) == ERR_OK);
    ASSERT(bytes_equal(buffer_bytes(&text), buffer_bytes(&again)));
}

static void try_siblings(struct bytes from) {
    static struct siblings siblings;
    SCOPED(buffer_finish) struct buffer text = {.max = SIBLINGS_FILE_MAX};
    size_t line = 0;
    if (siblings_read(from, &siblings, &line) != ERR_OK) {
        ASSERT(line >= 1 && line <= lines_of(from));
        return;
    }
    ASSERT(siblings.count <= SIBLINGS_MAX);
    ASSERT(siblings_write(&siblings, &text) == ERR_OK);
    ASSERT(text.len == from.len); /* but for the case of its digits there is one spelling */
}

static void try_notified(struct bytes from) {
    static struct notified notified;
    if (notified_read(from, &notified) != ERR_OK) {
        return;
    }
    ASSERT(notified.count <= NOTIFIED_MAX && notified.count < lines_of(from));
    for (size_t i = 0; i < notified.count; i++) {
        const struct notified_line *one = &notified.list[i];
        ASSERT(notified_has(&notified, one->event, &one->request) && one->expires.ms >= 0);
    }
}

/* What is taken for a charter is within its bounds, and written again reads as the same. */
static void try_terms(struct bytes from) {
    static struct terms_file file;
    static struct terms_file same;
    static struct terms_names names;
    struct terms_error error = {0};
    SCOPED(buffer_finish) struct buffer text = {.max = 2 * TERMS_FILE_MAX};
    SCOPED(buffer_finish) struct buffer body = {.max = 2 * TERMS_FILE_MAX};
    SCOPED(buffer_finish) struct buffer again = {.max = 2 * TERMS_FILE_MAX};
    if (terms_read(from, &file, &error) != ERR_OK) {
        ASSERT(error.line >= 1 && error.line <= lines_of(from));
        check_printable(error.text, sizeof error.text);
        return;
    }
    struct charter *charter = &file.charter;
    charter->administrator_count = file.administrator_count;
    for (size_t i = 0; i < file.administrator_count; i++) {
        memset(charter->administrators[i].b, (int)i + 1, sizeof charter->administrators[i].b);
        memcpy(names.administrators[i], file.administrators[i].text, TERMS_NAMED_MAX);
    }
    charter->created.ms = 1;
    ASSERT(charter_encode(charter, &body) == ERR_OK);
    charter->authority_count = file.authority_count;
    for (size_t i = 0; i < file.authority_count; i++) {
        memcpy(names.authorities[i], file.authorities[i].text, TERMS_NAMED_MAX);
    }
    ASSERT(terms_write(charter, &names, 1, &text) == ERR_OK);
    ASSERT(terms_read(buffer_bytes(&text), &same, &error) == ERR_OK);
    charter->authority_count = 0;
    same.charter.created = charter->created;
    same.charter.administrator_count = charter->administrator_count;
    memcpy(same.charter.administrators, charter->administrators, sizeof charter->administrators);
    ASSERT(charter_encode(&same.charter, &again) == ERR_OK);
    ASSERT(bytes_equal(buffer_bytes(&again), buffer_bytes(&body)));
    ASSERT(same.administrator_count == file.administrator_count);
    ASSERT(same.authority_count == file.authority_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const struct bytes from = {data + 1, size - 1};
    switch (data[0] % FILES) {
    case 0:
        try_config(from);
        break;
    case 1:
        try_process(from);
        break;
    case 2:
        try_pins(from);
        break;
    case 3:
        try_notified(from);
        break;
    case 4:
        try_siblings(from);
        break;
    default:
        try_terms(from);
        break;
    }
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    static const char config[] =
        "# a home\n[node]\nlisten = 0.0.0.0:7878\naddress = 203.0.113.7:7878\n"
        "address = [2001:db8::1]:7878\n\n[ingest]\nmatch_delay_s = 20\n";
    static const char process[] =
        "instrument = search_warrant\njurisdiction = US-CA\ncourt = Superior Court\n"
        "case_number = 26-SW-1182\nissued_at = 2026-11-20T09:00:00-08:00\n"
        "execute_by = 2026-12-01T18:00:00-08:00\nnon_disclosure = no\ncourt_signature = none\n"
        "items = a silver hatchback\n";
    static const char notified[] =
        "stoop notified v1\nwaits "
        "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10 1790000000\nends_soon "
        "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10 1790000000\n";
    static const char terms[] =
        "# ours\nname = Elm Street\nadministrator = Elm Cottage / Ada\nadministrator = Ben\n"
        "decide = 2\ninvites = 8\nlongest = 90 min\nlargest = 0.25 sq mi\nlive_requests = 10\n"
        "delete_by = 365 days\nwitnesses = 2\nslot = 60 s\narea = 52.52,13.405 radius 800 m\n"
        "authority = court.pem\n[agency \"Riverside PD\"]\nnumber = +1 951 555 0100\n"
        "[role requester]\ninstruments = search_warrant, emergency\ninvites = no\n";
    static const char siblings[] =
        "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10 "
        "1112131415161718191a1b1c1d1e1f201112131415161718191a1b1c1d1e1f20 127.0.0.1:7879\n"
        "2102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10 "
        "3112131415161718191a1b1c1d1e1f201112131415161718191a1b1c1d1e1f20 [::1]:7880\n";
    const struct bytes texts[] = {BYTES_TEXT(config),   BYTES_TEXT(process),  {NULL, 0},
                                  BYTES_TEXT(notified), BYTES_TEXT(siblings), BYTES_TEXT(terms)};
    SCOPED(buffer_finish) struct buffer text = {.max = room};
    struct pins pins = {.owner_count = 2,
                        .owners = {{{{1}}, {{2}}}, {{{3}}, {{4}}}},
                        .owner_names = {"Ada", "Ben \xc3\xa9"},
                        .has_ingest = true,
                        .ingest = {{{5}}, {{6}}},
                        .place_count = 2,
                        .places = {{.name = SLUG_FIRST,
                                    .has_node = choice / FILES % 2 == 0,
                                    .node = {{7}},
                                    .has_community = choice / FILES / 2 % 2 == 0,
                                    .community = {{8}}},
                                   {.name = "oak-lane",
                                    .has_transport = true,
                                    .transport = {{11}},
                                    .has_community = true,
                                    .community = {{12}}}},
                        .met_count = choice / FILES / 4 % 3,
                        .met = {{{{9}}, {1}}, {{{10}}, {INT64_C(1795555800000)}}}};
    out[0] = (uint8_t)(choice % FILES);
    if (choice % FILES == 2) {
        ASSERT(pins_write(&pins, &text) == ERR_OK);
    } else {
        ASSERT(buffer_append(&text, texts[choice % FILES]) == ERR_OK);
    }
    ASSERT(text.len < room);
    memcpy(out + 1, text.at, text.len);
    return 1 + text.len;
}
