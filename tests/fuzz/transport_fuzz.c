/* The answerer under hostile bytes. The first byte of an input chooses what the rest is:
 *
 *   RAW      bytes from a stranger: not one byte is sent before a valid first message
 *   LINK     bytes on an established link
 *   PAYLOAD  the plaintext payload of a message 3 by somebody who holds all secrets
 *   RECORDS  plaintexts of records by the same; each is a class byte and its bytes
 *
 * What is taken for a record must seal to the same bytes again. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "node/base/assert.h"
#include "node/transport/record.h"
#include "tests/support/check.h"
#include "tests/support/link_pair.h"

enum fuzz_mode {
    FUZZ_RAW,
    FUZZ_LINK,
    FUZZ_PAYLOAD,
    FUZZ_RECORDS,
    FUZZ_MODES,
};

enum {
    MESSAGE_1_WIRE = 2 + 48 + 8 + 16,
    MESSAGE_2_WIRE = 2 + 48 + 256,
    EVENTS_MAX = 100000,
};

static const size_t classes[] = {256, 1024, 4096, 16384, RECORD_PLAIN_MAX};

static void fuzz_raw(struct link_pair *pair, struct bytes input);
static void fuzz_link(struct link_pair *pair, struct bytes input);
static void fuzz_payload(struct link_pair *pair, struct bytes input);
static void fuzz_records(struct link_pair *pair, struct bytes input);
static bool is_established(const struct transport *transport);
static void send_plain(struct link_pair *pair, struct noise_cipher *cipher, struct bytes plain);
static enum err hear_all(struct link_pair *pair, struct bytes input);
static void check_event(const struct link_pair *pair, const struct transport_event *event);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct link_pair pair;
    if (size == 0 || !crypto_start()) {
        return 0;
    }
    struct bytes rest = {data + 1, size - 1};
    link_pair_init(&pair);
    link_pair_answer(&pair);
    switch ((enum fuzz_mode)(data[0] % FUZZ_MODES)) {
    case FUZZ_RAW:
        fuzz_raw(&pair, rest);
        break;
    case FUZZ_LINK:
        fuzz_link(&pair, rest);
        break;
    case FUZZ_PAYLOAD:
        fuzz_payload(&pair, rest);
        break;
    case FUZZ_RECORDS:
        fuzz_records(&pair, rest);
        break;
    case FUZZ_MODES:
        break;
    }
    link_pair_finish(&pair);
    return 0;
}

size_t fuzz_seed(uint64_t choice, uint8_t *out, size_t room) {
    struct link_pair pair;
    uint8_t mode = (uint8_t)(choice % FUZZ_MODES);
    size_t class = (size_t)(choice >> 8) % COUNT_OF(classes);
    uint8_t types[] = {LINK_PAIR_TYPE, TRANSPORT_TYPE_BULK, TRANSPORT_TYPE_CLOSE, 250};
    if (!crypto_start()) {
        return 0;
    }
    link_pair_init(&pair);
    size_t len = 1;
    switch ((enum fuzz_mode)mode) {
    case FUZZ_RAW:
        link_pair_dial(&pair);
        memcpy(out + 1, pair.to_answerer.at, pair.to_answerer.len);
        len += pair.to_answerer.len;
        break;
    case FUZZ_LINK:
        write_u16(out + 1, (uint16_t)(classes[class] + NOISE_TAG_BYTES));
        memset(out + 3, 0x33, 300);
        len += 302;
        break;
    case FUZZ_PAYLOAD:
        record_pad(BYTES_TEXT("a certificate"), out + 1, classes[class % 4]);
        len += classes[class % 4];
        break;
    case FUZZ_RECORDS:
        for (size_t i = 0; i < 3; i++) {
            size_t plain = classes[(class + i) % 3];
            uint8_t announced[8] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)(choice >> 24)};
            out[len] = (uint8_t)((class + i) % 3);
            out[len + 1] = types[(choice >> (16 + 2 * i)) % 4];
            record_pad(BYTES_OF(announced), out + len + 2, plain - 1);
            len += 1 + plain;
        }
        break;
    case FUZZ_MODES:
        break;
    }
    out[0] = mode;
    link_pair_finish(&pair);
    ASSERT(len <= room);
    return len;
}

/* The keys and clocks of a pair are fixed, so there is one valid first message in reach. */
static void fuzz_raw(struct link_pair *pair, struct bytes input) {
    link_pair_dial(pair);
    ASSERT(pair->to_answerer.len == MESSAGE_1_WIRE);
    struct bytes start = {input.at, MESSAGE_1_WIRE};
    bool valid =
        input.len >= MESSAGE_1_WIRE && bytes_equal(start, buffer_bytes(&pair->to_answerer));
    struct bytes only = {input.at, input.len < MESSAGE_1_WIRE ? input.len : MESSAGE_1_WIRE};
    enum err err = hear_all(pair, only);
    ASSERT(pair->to_dialler.len == (valid ? MESSAGE_2_WIRE : 0));
    ASSERT((err == ERR_OK) == (valid || input.len < MESSAGE_1_WIRE));
    if (err == ERR_OK && valid) {
        (void)hear_all(pair, (struct bytes){input.at + only.len, input.len - only.len});
        ASSERT(pair->to_dialler.len == MESSAGE_2_WIRE);
        ASSERT(!is_established(pair->answerer));
    }
}

static void fuzz_link(struct link_pair *pair, struct bytes input) {
    struct noise_cipher cipher;
    uint8_t payload[256] = {0};
    link_pair_insider(pair, BYTES_OF(payload), &cipher);
    ASSERT(hear_all(pair, buffer_bytes(&pair->to_answerer)) == ERR_OK);
    ASSERT(is_established(pair->answerer));
    (void)hear_all(pair, input);
    ASSERT(transport_end(pair->answerer) == ERR_PEER_TRUNCATED);
}

static void fuzz_payload(struct link_pair *pair, struct bytes input) {
    struct noise_cipher cipher;
    if (input.len > NOISE_MESSAGE_MAX - NOISE_OVERHEAD_3) {
        return;
    }
    link_pair_insider(pair, input, &cipher);
    (void)hear_all(pair, buffer_bytes(&pair->to_answerer));
    struct bytes unpadded;
    bool good = input.len >= 256 && input.len <= RECORD_PAYLOAD_MAX &&
                record_size_valid(input.len) && record_unpad(input, 0, &unpadded);
    ASSERT(is_established(pair->answerer) == good);
}

static void fuzz_records(struct link_pair *pair, struct bytes input) {
    static uint8_t plain[RECORD_PLAIN_MAX];
    struct noise_cipher cipher;
    uint8_t payload[256] = {0};
    link_pair_insider(pair, BYTES_OF(payload), &cipher);
    ASSERT(hear_all(pair, buffer_bytes(&pair->to_answerer)) == ERR_OK);
    while (input.len > 0) {
        size_t size = classes[input.at[0] % COUNT_OF(classes)];
        size_t len = input.len - 1 < size ? input.len - 1 : size;
        memcpy(plain, input.at + 1, len);
        memset(plain + len, 0, size - len);
        send_plain(pair, &cipher, (struct bytes){plain, size});
        input = (struct bytes){input.at + 1 + len, input.len - 1 - len};
    }
}

static bool is_established(const struct transport *transport) {
    return transport_deadline(transport).ms == TICK_NEVER.ms;
}

static void send_plain(struct link_pair *pair, struct noise_cipher *cipher, struct bytes plain) {
    static uint8_t wire[TRANSPORT_WIRE_MAX];
    static uint8_t again[TRANSPORT_WIRE_MAX];
    struct transport_event event = {.kind = TRANSPORT_EV_NONE};
    struct noise_cipher before = *cipher;
    struct bytes input = {wire, 2 + plain.len + NOISE_TAG_BYTES};
    write_u16(wire, (uint16_t)(plain.len + NOISE_TAG_BYTES));
    ASSERT(noise_seal(cipher, (struct bytes){NULL, 0}, plain, wire + 2));
    enum err err = transport_receive(pair->answerer, &input, pair->now, &event, &pair->to_dialler);
    if (err == ERR_OK && event.kind == TRANSPORT_EV_MESSAGE) {
        check_event(pair, &event);
        ASSERT(input.len == 0);
        record_seal(&before, event.type, event.data, again);
        ASSERT(memcmp(wire, again, 2 + plain.len + NOISE_TAG_BYTES) == 0);
    }
    if (err == ERR_OK) {
        (void)hear_all(pair, input);
    }
}

static enum err hear_all(struct link_pair *pair, struct bytes input) {
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        struct transport_event event = {.kind = TRANSPORT_EV_NONE};
        struct bytes before = input;
        enum err err =
            transport_receive(pair->answerer, &input, pair->now, &event, &pair->to_dialler);
        if (err != ERR_OK) {
            return err;
        }
        ASSERT(input.at + input.len == before.at + before.len);
        check_event(pair, &event);
        if (event.kind == TRANSPORT_EV_NONE) {
            ASSERT(input.len == 0);
            return ERR_OK;
        }
    }
    ASSERT(false); /* it must come to an end */
    return ERR_OK;
}

static void check_event(const struct link_pair *pair, const struct transport_event *event) {
    uint8_t sum = 0;
    for (size_t i = 0; i < event->data.len; i++) { /* all of it may be read */
        sum ^= event->data.at[i];
    }
    (void)sum;
    if (event->kind == TRANSPORT_EV_MESSAGE) {
        ASSERT(transport_types_has(&pair->door.passes, event->type));
        ASSERT(event->data.len <= TRANSPORT_DATA_MAX);
    }
}
