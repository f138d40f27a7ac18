#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/community.h"

/* An invite's text is "stoop1:" and base64url of
 *   community 32, sponsor's static key 32, expiry 8 (big-endian ms), secret 16,
 *   count 1, each address: length 1 and its text, checksum 4 (BLAKE2b over all before). */
enum {
    CODE_FIXED = 32 + 32 + 8 + 16 + 1,
    CODE_CHECK = 4,
    CODE_BYTES_MAX = CODE_FIXED + ADDRESSES_MAX * ADDRESS_MAX_BYTES + CODE_CHECK,
};
static const char code_prefix[] = "stoop1:";

static void code_checksum(struct bytes over, uint8_t out[CODE_CHECK]);
static bool split_address(const char *address, char host[ADDRESS_MAX_BYTES], bool *six);

enum err invite_code_read(const char *text, struct invite_code *out) {
    uint8_t raw[CODE_BYTES_MAX];
    uint8_t check[CODE_CHECK];
    size_t len = 0;
    size_t prefix = sizeof code_prefix - 1;
    struct invite_code code = {0};
    if (strncmp(text, code_prefix, prefix) != 0 ||
        base64url_read(BYTES_TEXT(text + prefix), raw, sizeof raw, &len) != ERR_OK ||
        len < CODE_FIXED + CODE_CHECK) {
        return ERR_USER_INVITE;
    }
    code_checksum((struct bytes){raw, len - CODE_CHECK}, check);
    if (memcmp(check, raw + len - CODE_CHECK, CODE_CHECK) != 0) {
        return ERR_USER_INVITE;
    }
    memcpy(code.community.b, raw, 32);
    memcpy(code.transport.b, raw + 32, 32);
    code.expires.ms = (int64_t)read_u64(raw + 64);
    memcpy(code.secret, raw + 72, 16);
    code.address_count = raw[88];
    size_t at = CODE_FIXED;
    size_t end = len - CODE_CHECK;
    if (code.address_count == 0 || code.address_count > ADDRESSES_MAX || code.expires.ms < 0 ||
        code.expires.ms > INSTANT_MAX_MS) {
        return ERR_USER_INVITE;
    }
    for (size_t i = 0; i < code.address_count; i++) {
        size_t size = at < end ? raw[at] : ADDRESS_MAX_BYTES;
        if (size >= ADDRESS_MAX_BYTES || size > end - at - 1) {
            return ERR_USER_INVITE;
        }
        memcpy(code.addresses[i], raw + at + 1, size);
        at += 1 + size;
        if (!address_valid(code.addresses[i])) {
            return ERR_USER_INVITE;
        }
    }
    if (at != end) {
        return ERR_USER_INVITE;
    }
    *out = code;
    return ERR_OK;
}

enum err invite_code_write(const struct invite_code *code, char text[CODE_MAX_BYTES]) {
    uint8_t raw[CODE_BYTES_MAX];
    memcpy(raw, code->community.b, 32);
    memcpy(raw + 32, code->transport.b, 32);
    write_u64(raw + 64, (uint64_t)code->expires.ms);
    memcpy(raw + 72, code->secret, 16);
    raw[88] = (uint8_t)code->address_count;
    size_t len = CODE_FIXED;
    for (size_t i = 0; i < code->address_count; i++) {
        size_t size = strlen(code->addresses[i]);
        raw[len++] = (uint8_t)size;
        memcpy(raw + len, code->addresses[i], size);
        len += size;
    }
    code_checksum((struct bytes){raw, len}, raw + len);
    len += CODE_CHECK;
    if (sizeof code_prefix + BASE64_ROOM(len) > CODE_MAX_BYTES) {
        return ERR_FULL_BUFFER;
    }
    memcpy(text, code_prefix, sizeof code_prefix);
    base64url_write((struct bytes){raw, len}, text + sizeof code_prefix - 1);
    return ERR_OK;
}

void invite_key(const uint8_t secret[16], struct sign_secret *secret_key, struct sign_public *key) {
    uint8_t seed[32];
    hash_labelled("stoop invite key v1", (struct bytes){secret, 16}, (struct bytes){NULL, 0}, seed,
                  sizeof seed);
    sign_from_seed(seed, secret_key, key);
    secret_wipe(seed, sizeof seed);
}

void invite_psk(const uint8_t secret[16], uint8_t psk0[32]) {
    hash_labelled("stoop invite psk v1", (struct bytes){secret, 16}, (struct bytes){NULL, 0}, psk0,
                  32);
}

bool address_valid(const char *address) {
    char host[ADDRESS_MAX_BYTES];
    char canonical[ADDRESS_MAX_BYTES];
    uint8_t raw[16];
    bool six = false;
    if (!split_address(address, host, &six) ||
        inet_pton(six ? AF_INET6 : AF_INET, host, raw) != 1 ||
        inet_ntop(six ? AF_INET6 : AF_INET, raw, canonical, sizeof canonical) == NULL) {
        return false;
    }
    return strcmp(host, canonical) == 0;
}

bool address_is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0;
}

bool address_is_private(const char *address) {
    char host[ADDRESS_MAX_BYTES];
    uint8_t raw[16] = {0};
    bool six = false;
    if (!split_address(address, host, &six) ||
        inet_pton(six ? AF_INET6 : AF_INET, host, raw) != 1) {
        return false;
    }
    if (six) {
        return (raw[0] & 0xfe) == 0xfc || (raw[0] == 0xfe && (raw[1] & 0xc0) == 0x80);
    }
    return raw[0] == 10 || (raw[0] == 172 && (raw[1] & 0xf0) == 16) ||
           (raw[0] == 192 && raw[1] == 168) || (raw[0] == 169 && raw[1] == 254) ||
           (raw[0] == 100 && (raw[1] & 0xc0) == 64);
}

static void code_checksum(struct bytes over, uint8_t out[CODE_CHECK]) {
    uint8_t hash[16];
    hash_labelled("stoop invite code v1", (struct bytes){NULL, 0}, over, hash, sizeof hash);
    memcpy(out, hash, CODE_CHECK);
}

/* Port 1 to 65535 without leading zeros. */
static bool split_address(const char *address, char host[ADDRESS_MAX_BYTES], bool *six) {
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    if (colon == NULL || strlen(address) >= ADDRESS_MAX_BYTES || colon[1] < '1' || colon[1] > '9') {
        return false;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port > 65535) {
        return false;
    }
    *six = address[0] == '[';
    if (*six && (colon < address + 3 || colon[-1] != ']')) {
        return false;
    }
    const char *from = address + (*six ? 1 : 0);
    (void)snprintf(host, ADDRESS_MAX_BYTES, "%.*s", (int)(colon - from) - (*six ? 1 : 0), from);
    return true;
}
