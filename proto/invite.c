#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/community.h"
#include "proto/fence.h"

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
    INVITE_ALLOWANCE_MAX = 64, /* of the schema */
    CODE_BYTES_MAX = CODE_FIXED + ADDRESSES_MAX * ADDRESS_MAX_BYTES + CODE_CHECK,
};
static const char code_prefix[] = "stoop1:";
static const char code_label[] = "stoop invite code v1";

/* An introduction's text is made in the same way; there is no secret in it. */
enum {
    MEET_AT_COMMUNITY = 0,
    MEET_AT_SPONSOR = 32,
    MEET_AT_TRANSPORT = 64,
    MEET_AT_TAG = 96,
    MEET_AT_EXPIRES = 112,
    MEET_AT_COUNT = 120,
    MEET_FIXED = 121,
};
static const char meet_label[] = "stoop introduction v1";

/* So is the code of a door, its name behind the count; */
enum {
    DOOR_AT_COMMUNITY = 0,
    DOOR_AT_HOME = 32,
    DOOR_AT_TRANSPORT = 64,
    DOOR_AT_COUNT = 96,
    DOOR_AT_NAME = 97, /* its length */
    DOOR_FIXED = 98,
};
static const char door_label[] = "stoop door code v1";

/* and what an outsider applies with: kind, number of doors, each of them, the certificate. */
enum {
    APPLY_AT_KIND = 0,
    APPLY_AT_COUNT = 1,
    APPLY_FIXED = 2,
};
static const char apply_label[] = "stoop application v1";
static const char *const kind_words[] = {
    [OUTSIDER_AGENCY] = "agency", [OUTSIDER_DEFENCE] = "defence", [OUTSIDER_INSURER] = "insurer",
    [OUTSIDER_PRESS] = "press",   [OUTSIDER_OTHER] = "other",
};

struct literal {
    char host[ADDRESS_MAX_BYTES]; /* without brackets */
    bool six;
    uint8_t raw[16]; /* IPv4: the first four */
};

struct raw_code { /* holds the secret */
    uint8_t b[CODE_BYTES_MAX];
};

static void raw_code_wipe(struct raw_code *raw);
static bool code_valid(const struct invite_code *code);
static bool introduction_valid(const struct introduction *introduction);
static enum err unseal(const char *text, const char *prefix, const char *label, uint8_t *raw,
                       size_t room, size_t *len);
static bool application_valid(const struct application *application);
static bool addresses_valid(size_t count, const char addresses[][ADDRESS_MAX_BYTES]);
static bool read_addresses(struct bytes from, size_t count, char out[][ADDRESS_MAX_BYTES]);
static size_t write_addresses(size_t count, const char addresses[][ADDRESS_MAX_BYTES],
                              uint8_t *out);
static void code_checksum(const char *label, struct bytes over, uint8_t out[CODE_CHECK]);
static bool read_literal(const char *address, struct literal *out);

enum err invite_code_read(const char *text, struct invite_code *out) {
    SCOPED(raw_code_wipe) struct raw_code space;
    uint8_t *raw = space.b;
    uint8_t check[CODE_CHECK];
    size_t len = 0;
    size_t prefix = sizeof code_prefix - 1;
    struct invite_code code = {0};
    if (strncmp(text, code_prefix, prefix) != 0 ||
        base64url_read(BYTES_TEXT(text + prefix), raw, sizeof space.b, &len) != ERR_OK ||
        len < CODE_FIXED + CODE_CHECK) {
        return ERR_USER_INVITE;
    }
    len -= CODE_CHECK;
    code_checksum(code_label, (struct bytes){raw, len}, check);
    if (memcmp(check, raw + len, CODE_CHECK) != 0) {
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
    bool good = read_addresses((struct bytes){raw + CODE_FIXED, len - CODE_FIXED},
                               code.address_count, code.addresses) &&
                code_valid(&code);
    if (good) {
        *out = code;
    }
    secret_wipe(code.secret, sizeof code.secret);
    return good ? ERR_OK : ERR_USER_INVITE;
}

enum err invite_code_write(const struct invite_code *code, char text[CODE_MAX_BYTES]) {
    SCOPED(raw_code_wipe) struct raw_code space;
    uint8_t *raw = space.b;
    if (!code_valid(code)) {
        return ERR_USER_INVITE;
    }
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
    size_t len =
        CODE_FIXED + write_addresses(code->address_count, code->addresses, raw + CODE_FIXED);
    code_checksum(code_label, (struct bytes){raw, len}, raw + len);
    len += CODE_CHECK;
    if (sizeof code_prefix - 1 + BASE64_ROOM(len) > CODE_MAX_BYTES) {
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

enum err introduction_read(const char *text, struct introduction *out) {
    uint8_t raw[CODE_BYTES_MAX];
    uint8_t check[CODE_CHECK];
    size_t len = 0;
    struct introduction introduction = {0};
    if (!introduction_is(text) ||
        base64url_read(BYTES_TEXT(text + sizeof INTRODUCTION_PREFIX - 1), raw, sizeof raw, &len) !=
            ERR_OK ||
        len < MEET_FIXED + CODE_CHECK) {
        return ERR_USER_INVITE;
    }
    len -= CODE_CHECK;
    code_checksum(meet_label, (struct bytes){raw, len}, check);
    if (memcmp(check, raw + len, CODE_CHECK) != 0) {
        return ERR_USER_INVITE;
    }
    memcpy(introduction.community.b, raw + MEET_AT_COMMUNITY, 32);
    memcpy(introduction.sponsor.b, raw + MEET_AT_SPONSOR, 32);
    memcpy(introduction.transport.b, raw + MEET_AT_TRANSPORT, 32);
    memcpy(introduction.tag, raw + MEET_AT_TAG, 16);
    introduction.expires.ms = (int64_t)read_u64(raw + MEET_AT_EXPIRES);
    introduction.address_count = raw[MEET_AT_COUNT];
    if (!read_addresses((struct bytes){raw + MEET_FIXED, len - MEET_FIXED},
                        introduction.address_count, introduction.addresses) ||
        !introduction_valid(&introduction)) {
        return ERR_USER_INVITE;
    }
    *out = introduction;
    return ERR_OK;
}

enum err introduction_write(const struct introduction *introduction, char text[CODE_MAX_BYTES]) {
    uint8_t raw[CODE_BYTES_MAX];
    if (!introduction_valid(introduction)) {
        return ERR_USER_INVITE;
    }
    memcpy(raw + MEET_AT_COMMUNITY, introduction->community.b, 32);
    memcpy(raw + MEET_AT_SPONSOR, introduction->sponsor.b, 32);
    memcpy(raw + MEET_AT_TRANSPORT, introduction->transport.b, 32);
    memcpy(raw + MEET_AT_TAG, introduction->tag, 16);
    write_u64(raw + MEET_AT_EXPIRES, (uint64_t)introduction->expires.ms);
    raw[MEET_AT_COUNT] = (uint8_t)introduction->address_count;
    size_t len = MEET_FIXED + write_addresses(introduction->address_count, introduction->addresses,
                                              raw + MEET_FIXED);
    code_checksum(meet_label, (struct bytes){raw, len}, raw + len);
    len += CODE_CHECK;
    if (sizeof INTRODUCTION_PREFIX - 1 + BASE64_ROOM(len) > CODE_MAX_BYTES) {
        return ERR_FULL_BUFFER;
    }
    memcpy(text, INTRODUCTION_PREFIX, sizeof INTRODUCTION_PREFIX);
    base64url_write((struct bytes){raw, len}, text + sizeof INTRODUCTION_PREFIX - 1);
    return ERR_OK;
}

enum err door_code_read(const char *text, struct door_code *out) {
    uint8_t raw[CODE_BYTES_MAX];
    size_t len = 0;
    struct door_code code = {0};
    enum err err = unseal(text, DOOR_CODE_PREFIX, door_label, raw, sizeof raw, &len);
    if (err != ERR_OK || len < DOOR_FIXED) {
        return ERR_USER_SYNTAX;
    }
    size_t name = raw[DOOR_AT_NAME];
    memcpy(code.community.b, raw + DOOR_AT_COMMUNITY, 32);
    memcpy(code.home.b, raw + DOOR_AT_HOME, 32);
    memcpy(code.transport.b, raw + DOOR_AT_TRANSPORT, 32);
    code.address_count = raw[DOOR_AT_COUNT];
    if (name == 0 || name >= NAME_MAX_BYTES || len < DOOR_FIXED + name ||
        !fence_text_valid((struct bytes){raw + DOOR_FIXED, name})) {
        return ERR_USER_SYNTAX;
    }
    memcpy(code.name, raw + DOOR_FIXED, name);
    const struct bytes rest = {raw + DOOR_FIXED + name, len - DOOR_FIXED - name};
    if (!read_addresses(rest, code.address_count, code.addresses) ||
        !addresses_valid(code.address_count, code.addresses)) {
        return ERR_USER_SYNTAX;
    }
    *out = code;
    return ERR_OK;
}

enum err door_code_write(const struct door_code *code, char text[CODE_MAX_BYTES]) {
    uint8_t raw[CODE_BYTES_MAX];
    size_t name = strnlen(code->name, NAME_MAX_BYTES);
    if (name == 0 || name == NAME_MAX_BYTES ||
        !addresses_valid(code->address_count, code->addresses)) {
        return ERR_USER_SYNTAX;
    }
    memcpy(raw + DOOR_AT_COMMUNITY, code->community.b, 32);
    memcpy(raw + DOOR_AT_HOME, code->home.b, 32);
    memcpy(raw + DOOR_AT_TRANSPORT, code->transport.b, 32);
    raw[DOOR_AT_COUNT] = (uint8_t)code->address_count;
    raw[DOOR_AT_NAME] = (uint8_t)name;
    memcpy(raw + DOOR_FIXED, code->name, name);
    size_t len = DOOR_FIXED + name;
    len += write_addresses(code->address_count, code->addresses, raw + len);
    code_checksum(door_label, (struct bytes){raw, len}, raw + len);
    len += CODE_CHECK;
    if (sizeof DOOR_CODE_PREFIX - 1 + BASE64_ROOM(len) > CODE_MAX_BYTES) {
        return ERR_FULL_BUFFER;
    }
    memcpy(text, DOOR_CODE_PREFIX, sizeof DOOR_CODE_PREFIX);
    base64url_write((struct bytes){raw, len}, text + sizeof DOOR_CODE_PREFIX - 1);
    return ERR_OK;
}

enum err application_read(const char *text, uint8_t room[APPLICATION_MAX_BYTES],
                          struct application *out) {
    size_t len = 0;
    struct application application = {0};
    enum err err = unseal(text, APPLICATION_PREFIX, apply_label, room, APPLICATION_MAX_BYTES, &len);
    if (err != ERR_OK || len < APPLY_FIXED) {
        return ERR_USER_SYNTAX;
    }
    application.kind = (enum outsider_kind)room[APPLY_AT_KIND];
    application.door_count = room[APPLY_AT_COUNT];
    size_t doors = application.door_count * sizeof application.doors[0];
    if (application.door_count > OUTSIDER_DOORS_MAX || len < APPLY_FIXED + doors) {
        return ERR_USER_SYNTAX;
    }
    memcpy(application.doors, room + APPLY_FIXED, doors);
    application.member = (struct bytes){room + APPLY_FIXED + doors, len - APPLY_FIXED - doors};
    if (!application_valid(&application)) {
        return ERR_USER_SYNTAX;
    }
    *out = application;
    return ERR_OK;
}

enum err application_write(const struct application *application,
                           char text[APPLICATION_MAX_BYTES]) {
    SCOPED(buffer_finish) struct buffer raw = {.max = APPLICATION_MAX_BYTES};
    uint8_t check[CODE_CHECK];
    if (!application_valid(application)) {
        return ERR_USER_SYNTAX;
    }
    const uint8_t lead[APPLY_FIXED] = {[APPLY_AT_KIND] = (uint8_t)application->kind,
                                       [APPLY_AT_COUNT] = (uint8_t)application->door_count};
    enum err err = buffer_append(&raw, BYTES_OF(lead));
    for (size_t i = 0; err == ERR_OK && i < application->door_count; i++) {
        err = buffer_append(&raw, BYTES_OF(application->doors[i].b));
    }
    if (err == ERR_OK) {
        err = buffer_append(&raw, application->member);
    }
    if (err == ERR_OK) {
        code_checksum(apply_label, buffer_bytes(&raw), check);
        err = buffer_append(&raw, BYTES_OF(check));
    }
    if (err == ERR_OK &&
        sizeof APPLICATION_PREFIX - 1 + BASE64_ROOM(raw.len) > APPLICATION_MAX_BYTES) {
        err = ERR_FULL_BUFFER;
    }
    if (err == ERR_OK) {
        memcpy(text, APPLICATION_PREFIX, sizeof APPLICATION_PREFIX);
        base64url_write(buffer_bytes(&raw), text + sizeof APPLICATION_PREFIX - 1);
    }
    return err;
}

const char *outsider_kind_word(enum outsider_kind kind) {
    return kind_words[kind];
}

enum err outsider_kind_from_word(const char *word, enum outsider_kind *out) {
    for (int i = OUTSIDER_AGENCY; i <= OUTSIDER_OTHER; i++) {
        if (strcmp(word, kind_words[i]) == 0) {
            *out = (enum outsider_kind)i;
            return ERR_OK;
        }
    }
    return ERR_USER_SYNTAX;
}

bool introduction_is(const char *text) {
    return strncmp(text, INTRODUCTION_PREFIX, sizeof INTRODUCTION_PREFIX - 1) == 0;
}

void invite_key(const uint8_t secret[16], struct sign_secret *secret_key, struct sign_public *key) {
    uint8_t seed[32];
    hash_labelled("stoop invite key v1", (struct bytes){secret, 16}, (struct bytes){NULL, 0}, seed,
                  sizeof seed);
    sign_from_seed(seed, secret_key, key);
    secret_wipe(seed, sizeof seed);
}

/* An IPv4 address inside an IPv6 one would be a second spelling, and would slip past the checks for
 * loopback and private ranges. */
bool address_valid(const char *address) {
    struct literal literal;
    char canonical[ADDRESS_MAX_BYTES];
    if (!read_literal(address, &literal) ||
        inet_ntop(literal.six ? AF_INET6 : AF_INET, literal.raw, canonical, sizeof canonical) ==
            NULL ||
        strcmp(literal.host, canonical) != 0) {
        return false;
    }
    static const uint8_t zero[10] = {0};
    bool low = literal.six && memcmp(literal.raw, zero, sizeof zero) == 0;
    return !low || strcmp(canonical, "::") == 0 || strcmp(canonical, "::1") == 0;
}

/* Dialling "this host" (0.0.0.0/8, ::) ends here too. */
bool address_is_loopback(const char *address) {
    struct literal literal;
    if (!read_literal(address, &literal)) {
        return false;
    }
    const uint8_t *raw = literal.raw;
    if (literal.six) {
        static const uint8_t zero[15] = {0};
        return memcmp(raw, zero, sizeof zero) == 0 && raw[15] <= 1;
    }
    return raw[0] == 127 || raw[0] == 0;
}

bool address_is_private(const char *address) {
    struct literal literal;
    if (!read_literal(address, &literal)) {
        return false;
    }
    const uint8_t *raw = literal.raw;
    if (literal.six) { /* unique-local; link-local and the site-local of old */
        return (raw[0] & 0xfe) == 0xfc || (raw[0] == 0xfe && (raw[1] & 0x80) == 0x80);
    }
    return raw[0] == 10 || (raw[0] == 172 && (raw[1] & 0xf0) == 16) ||
           (raw[0] == 192 && raw[1] == 168) || (raw[0] == 169 && raw[1] == 254) ||
           (raw[0] == 100 && (raw[1] & 0xc0) == 64);
}

uint32_t address_group(const char *address) {
    struct literal literal;
    if (!read_literal(address, &literal) || address_is_loopback(address) ||
        address_is_private(address)) {
        return 0;
    }
    uint8_t hash[32];
    hash_labelled("stoop address group v1", (struct bytes){NULL, 0},
                  (struct bytes){literal.raw, literal.six ? 6 : 3}, hash, sizeof hash);
    return (uint32_t)read_u64(hash) | 1;
}

static void raw_code_wipe(struct raw_code *raw) {
    secret_wipe(raw->b, sizeof raw->b);
}

/* What holds for a code besides its signature. No invite makes an administrator (PROTOCOL 4.3). */
static bool code_valid(const struct invite_code *code) {
    if (code->role < MEMBER_HOME || code->role > MEMBER_WITNESS ||
        code->role == MEMBER_ADMINISTRATOR || code->invite_allowance > INVITE_ALLOWANCE_MAX ||
        code->created.ms <= 0 || code->created.ms >= code->expires.ms ||
        code->expires.ms > INSTANT_MAX_MS) {
        return false;
    }
    return addresses_valid(code->address_count, code->addresses);
}

static bool introduction_valid(const struct introduction *introduction) {
    return introduction->expires.ms > 0 && introduction->expires.ms <= INSTANT_MAX_MS &&
           addresses_valid(introduction->address_count, introduction->addresses);
}

/* What stands behind the prefix, without its checksum. */
static enum err unseal(const char *text, const char *prefix, const char *label, uint8_t *raw,
                       size_t room, size_t *len) {
    uint8_t check[CODE_CHECK];
    if (strncmp(text, prefix, strlen(prefix)) != 0 ||
        base64url_read(BYTES_TEXT(text + strlen(prefix)), raw, room, len) != ERR_OK ||
        *len < CODE_CHECK) {
        return ERR_USER_SYNTAX;
    }
    *len -= CODE_CHECK;
    code_checksum(label, (struct bytes){raw, *len}, check);
    return memcmp(check, raw + *len, CODE_CHECK) == 0 ? ERR_OK : ERR_USER_SYNTAX;
}

static bool application_valid(const struct application *application) {
    bool valid = application->kind >= OUTSIDER_AGENCY && application->kind <= OUTSIDER_OTHER &&
                 application->door_count > 0 && application->door_count <= OUTSIDER_DOORS_MAX &&
                 application->member.len > 0 && application->member.len <= OUTSIDER_CERTIFICATE_MAX;
    for (size_t i = 0; valid && i < application->door_count; i++) {
        for (size_t k = 0; k < i; k++) {
            valid &= !id_equal(&application->doors[i], &application->doors[k]);
        }
    }
    return valid;
}

static bool addresses_valid(size_t count, const char addresses[][ADDRESS_MAX_BYTES]) {
    bool valid = count > 0 && count <= ADDRESSES_MAX;
    for (size_t i = 0; valid && i < count; i++) {
        valid =
            memchr(addresses[i], '\0', ADDRESS_MAX_BYTES) != NULL && address_valid(addresses[i]);
    }
    return valid;
}

/* All of `from` and nothing else: `count` times a length and so much text. */
static bool read_addresses(struct bytes from, size_t count, char out[][ADDRESS_MAX_BYTES]) {
    if (count > ADDRESSES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = from.len == 0 ? ADDRESS_MAX_BYTES : from.at[0];
        if (size >= ADDRESS_MAX_BYTES || size > from.len - 1 ||
            memchr(from.at + 1, '\0', size) != NULL) {
            return false;
        }
        memcpy(out[i], from.at + 1, size);
        from = (struct bytes){from.at + 1 + size, from.len - 1 - size};
    }
    return from.len == 0;
}

static size_t write_addresses(size_t count, const char addresses[][ADDRESS_MAX_BYTES],
                              uint8_t *out) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(addresses[i]);
        out[len++] = (uint8_t)size;
        memcpy(out + len, addresses[i], size);
        len += size;
    }
    return len;
}

static void code_checksum(const char *label, struct bytes over, uint8_t out[CODE_CHECK]) {
    uint8_t hash[16];
    hash_labelled(label, (struct bytes){NULL, 0}, over, hash, sizeof hash);
    memcpy(out, hash, CODE_CHECK);
}

/* Port 1 to 65535 in decimal without leading zeros. */
static bool read_literal(const char *address, struct literal *out) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || strlen(address) >= ADDRESS_MAX_BYTES || colon[1] < '1' || colon[1] > '9') {
        return false;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits > 5 || colon[1 + digits] != '\0' || strtoul(colon + 1, NULL, 10) > 65535) {
        return false;
    }
    *out = (struct literal){.six = address[0] == '['};
    if (out->six && (colon < address + 3 || colon[-1] != ']')) {
        return false;
    }
    size_t bracket = out->six ? 1 : 0;
    memcpy(out->host, address + bracket, (size_t)(colon - address) - 2 * bracket);
    return inet_pton(out->six ? AF_INET6 : AF_INET, out->host, out->raw) == 1;
}
