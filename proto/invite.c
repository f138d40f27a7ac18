#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/community.h"

/* An invite's text is "stoop1:" and base64url of the fields below in this order, then for each
 * address its length in one byte and its text, then four bytes of BLAKE2b over all before: a typing
 * error is told from a bad invite before anything is dialled. Integers are big-endian. */
enum {
    AT_COMMUNITY = 0,
    AT_SPONSOR = 32,
    AT_TRANSPORT = 64,
    AT_OWNER = 96,
    AT_SIGNATURE = 128,
    AT_CREATED = 192,
    AT_EXPIRES = 200,
    AT_SECRET = 208,
    AT_ROLE = 224,
    AT_ALLOWANCE = 225,
    AT_COUNT = 226,
    CODE_FIXED = 227,
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
    memcpy(code.community.b, raw + AT_COMMUNITY, 32);
    memcpy(code.sponsor.b, raw + AT_SPONSOR, 32);
    memcpy(code.transport.b, raw + AT_TRANSPORT, 32);
    memcpy(code.owner.b, raw + AT_OWNER, 32);
    memcpy(code.signature.b, raw + AT_SIGNATURE, 64);
    code.created.ms = (int64_t)read_u64(raw + AT_CREATED);
    code.expires.ms = (int64_t)read_u64(raw + AT_EXPIRES);
    memcpy(code.secret, raw + AT_SECRET, 16);
    code.role = (enum member_role)raw[AT_ROLE];
    code.invite_allowance = raw[AT_ALLOWANCE];
    code.address_count = raw[AT_COUNT];
    size_t at = CODE_FIXED;
    size_t end = len - CODE_CHECK;
    if (code.address_count == 0 || code.address_count > ADDRESSES_MAX || code.created.ms < 0 ||
        code.created.ms >= code.expires.ms || code.expires.ms > INSTANT_MAX_MS) {
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
    memcpy(raw + AT_COMMUNITY, code->community.b, 32);
    memcpy(raw + AT_SPONSOR, code->sponsor.b, 32);
    memcpy(raw + AT_TRANSPORT, code->transport.b, 32);
    memcpy(raw + AT_OWNER, code->owner.b, 32);
    memcpy(raw + AT_SIGNATURE, code->signature.b, 64);
    write_u64(raw + AT_CREATED, (uint64_t)code->created.ms);
    write_u64(raw + AT_EXPIRES, (uint64_t)code->expires.ms);
    memcpy(raw + AT_SECRET, code->secret, 16);
    raw[AT_ROLE] = (uint8_t)code->role;
    raw[AT_ALLOWANCE] = (uint8_t)code->invite_allowance;
    raw[AT_COUNT] = (uint8_t)code->address_count;
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

enum err invite_code_object(const struct invite_code *code, struct buffer *body,
                            struct signed_object *out) {
    struct sign_secret secret;
    struct invite invite = {.head = {.community = code->community,
                                     .author = code->sponsor,
                                     .created = code->created,
                                     .expires = code->expires},
                            .role = code->role,
                            .invite_allowance = code->invite_allowance};
    invite_key(code->secret, &secret, &invite.key);
    sign_secret_wipe(&secret);
    enum err err = invite_encode(&invite, body);
    if (err == ERR_OK) {
        signed_start(OBJECT_INVITE, buffer_bytes(body), out);
    }
    return err;
}

enum err invite_code_signed(const struct invite_code *code, struct buffer *out) {
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    struct signed_object object;
    enum err err = invite_code_object(code, &body, &object);
    if (err == ERR_OK) {
        object.count = 1;
        object.signatures[0].key = code->owner;
        object.signatures[0].signature = code->signature;
        err = signed_by(&object, &code->owner) ? signed_encode(&object, out) : ERR_USER_INVITE;
    }
    return err;
}

void invite_key(const uint8_t secret[16], struct sign_secret *secret_key, struct sign_public *key) {
    uint8_t seed[32];
    hash_labelled("stoop invite key v1", (struct bytes){secret, 16}, (struct bytes){NULL, 0}, seed,
                  sizeof seed);
    sign_from_seed(seed, secret_key, key);
    secret_wipe(seed, sizeof seed);
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
