#include "node/transport/record.h"

#include <string.h>

#include "node/base/assert.h"
#include "node/transport/transport.h"

static void rekey_when_due(struct noise_cipher *cipher);

static const size_t classes[] = {256, 1024, 4096, RECORD_PAYLOAD_MAX, RECORD_PLAIN_MAX};

size_t record_padded_size(size_t len) {
    size_t i = 0;
    while (i < COUNT_OF(classes) - 1 && len > classes[i]) {
        i++;
    }
    ASSERT(len <= classes[i]);
    return classes[i];
}

bool record_size_valid(size_t size) {
    return size <= RECORD_PLAIN_MAX && record_padded_size(size) == size;
}

bool record_sealed_len_valid(size_t sealed_len) {
    return sealed_len > NOISE_TAG_BYTES && record_size_valid(sealed_len - NOISE_TAG_BYTES);
}

void record_pad(struct bytes data, uint8_t *out, size_t padded_size) {
    ASSERT(data.len <= padded_size - RECORD_LENGTH_BYTES);
    write_u16(out, (uint16_t)data.len);
    if (data.len > 0) {
        memcpy(out + RECORD_LENGTH_BYTES, data.at, data.len);
    }
    memset(out + RECORD_LENGTH_BYTES + data.len, 0, padded_size - RECORD_LENGTH_BYTES - data.len);
}

bool record_unpad(struct bytes padded, size_t header_bytes, struct bytes *out) {
    size_t len = read_u16(padded.at);
    size_t used = RECORD_LENGTH_BYTES + len;
    if (used > padded.len || record_padded_size(header_bytes + used) != header_bytes + padded.len) {
        return false;
    }
    uint8_t stray = 0;
    for (size_t i = used; i < padded.len; i++) {
        stray |= padded.at[i];
    }
    if (stray != 0) {
        return false;
    }
    *out = (struct bytes){padded.at + RECORD_LENGTH_BYTES, len};
    return true;
}

size_t record_wire_size(size_t data_len) {
    return RECORD_LENGTH_BYTES + record_padded_size(RECORD_HEADER_BYTES + data_len) +
           NOISE_TAG_BYTES;
}

void record_seal(struct noise_cipher *cipher, uint8_t type, struct bytes data, uint8_t *out) {
    size_t plain_len = record_padded_size(RECORD_HEADER_BYTES + data.len);
    write_u16(out, (uint16_t)(plain_len + NOISE_TAG_BYTES));
    uint8_t *plain = out + RECORD_LENGTH_BYTES;
    plain[0] = type;
    record_pad(data, plain + 1, plain_len - 1);
    /* A link is renewed hourly: the number of the record cannot run out. */
    bool sealed =
        noise_seal(cipher, (struct bytes){NULL, 0}, (struct bytes){plain, plain_len}, plain);
    ASSERT(sealed);
    rekey_when_due(cipher);
}

bool record_open(struct noise_cipher *cipher, struct bytes sealed, uint8_t *plain,
                 struct record *out) {
    if (!noise_open(cipher, (struct bytes){NULL, 0}, sealed, plain)) {
        return false;
    }
    rekey_when_due(cipher);
    struct bytes padded = {plain + 1, sealed.len - NOISE_TAG_BYTES - 1};
    if (!record_unpad(padded, 1, &out->data)) {
        return false;
    }
    out->type = plain[0];
    return true;
}

/* PROTOCOL 3.5. The number of the next record counts those of this direction. */
static void rekey_when_due(struct noise_cipher *cipher) {
    if (cipher->nonce % TRANSPORT_REKEY_RECORDS == 0) {
        noise_rekey(cipher);
    }
}
