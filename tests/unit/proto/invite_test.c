/* Invite codes and addresses (PROTOCOL 4.4). */
#include <stdio.h>
#include <string.h>

#include "proto/community.h"
#include "tests/support/check.h"
#include "tests/support/samples.h"

static struct sample_community community;

static int set_up(void **state) {
    (void)state;
    sample_community_init(&community);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sample_community_finish(&community);
    return 0;
}

/* A code as `stoop invite` makes it: the founder's owner signs what the code rebuilds. */
static struct invite_code sample_code(void) {
    const struct sample_home *founder = &community.homes[SAMPLE_FOUNDER];
    struct invite_code code = {
        .community = community.id,
        .sponsor = founder->certificate,
        .transport = founder->transport_public,
        .owner = founder->owner_public.sign,
        .created = SAMPLE_NOW,
        .expires = instant_add(SAMPLE_NOW, (struct duration){7 * (int64_t)DURATION_DAY_MS}),
        .role = MEMBER_HOME,
        .invite_allowance = 3,
        .address_count = 2,
        .addresses = {"203.0.113.7:7878", "[2001:db8::1]:7878"},
    };
    struct signed_object object;
    struct buffer body;
    memset(code.secret, 0x5e, sizeof code.secret);
    buffer_init(&body, SIGNED_GOSSIP_MAX);
    CHECK_ERR(ERR_OK, invite_code_object(&code, &body, &object));
    CHECK_ERR(ERR_OK, signed_add(&object, &founder->owner.sign, &founder->owner_public.sign));
    code.signature = object.signatures[0].signature;
    buffer_finish(&body);
    return code;
}

static void test_a_code_reads_as_it_was_written_and_gives_the_signed_invite(void **state) {
    (void)state;
    struct invite_code code = sample_code();
    struct invite_code again;
    struct signed_object object;
    struct invite invite;
    struct sign_secret secret;
    struct sign_public key;
    struct buffer out;
    char text[CODE_MAX_BYTES];
    char second[CODE_MAX_BYTES];
    CHECK_ERR(ERR_OK, invite_code_write(&code, text));
    CHECK(strlen(text) < 400); /* it is typed, or shown as a QR code */
    CHECK_ERR(ERR_OK, invite_code_read(text, &again));
    CHECK_ERR(ERR_OK, invite_code_write(&again, second));
    assert_string_equal(text, second);
    CHECK(memcmp(code.secret, again.secret, sizeof code.secret) == 0);

    buffer_init(&out, 1024);
    CHECK_ERR(ERR_OK, invite_code_signed(&again, &out));
    CHECK_ERR(ERR_OK, signed_decode(buffer_bytes(&out), &object));
    CHECK_ERR(ERR_OK, invite_decode(object.body, &invite));
    invite_key(code.secret, &secret, &key);
    CHECK(object.kind == OBJECT_INVITE && signed_by(&object, &code.owner));
    CHECK(sign_public_equal(&invite.key, &key));
    CHECK(id_equal(&invite.head.author, &code.sponsor) && invite.role == MEMBER_HOME);
    buffer_finish(&out);
}

/* Four bytes of checksum: one slip of the finger in 2^32 gets through, none of these does. */
static void test_every_changed_missing_or_added_letter_is_noticed(void **state) {
    (void)state;
    static const char letters[] = "Aa0_-9zZ=+/ \n";
    struct invite_code code = sample_code();
    struct invite_code out;
    char text[CODE_MAX_BYTES];
    CHECK_ERR(ERR_OK, invite_code_write(&code, text));
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char changed[CODE_MAX_BYTES + 1];
        memcpy(changed, text, len + 1);
        changed[i] = letters[i % (sizeof letters - 1)];
        if (changed[i] != text[i]) {
            CHECK_ERR(ERR_USER_INVITE, invite_code_read(changed, &out));
        }
        memcpy(changed, text, len + 1);
        memmove(changed + i, changed + i + 1, len - i);
        CHECK_ERR(ERR_USER_INVITE, invite_code_read(changed, &out));
        memcpy(changed, text, i);
        changed[i] = text[i];
        memcpy(changed + i + 1, text + i, len - i + 1);
        CHECK_ERR(ERR_USER_INVITE, invite_code_read(changed, &out));
        if (i > 0 && text[i] != text[i - 1]) {
            memcpy(changed, text, len + 1);
            changed[i] = text[i - 1];
            changed[i - 1] = text[i];
            CHECK_ERR(ERR_USER_INVITE, invite_code_read(changed, &out));
        }
    }
    CHECK_ERR(ERR_USER_INVITE, invite_code_read("", &out));
    CHECK_ERR(ERR_USER_INVITE, invite_code_read("stoop1:", &out));
    CHECK_ERR(ERR_USER_INVITE, invite_code_read("stoop2:AAAA", &out));
}

/* Writes a code with a right checksum over whatever `raw` holds, as a forger would. */
static void write_raw(uint8_t *raw, size_t len, char *text) {
    uint8_t hash[16];
    hash_labelled("stoop invite code v1", (struct bytes){NULL, 0}, (struct bytes){raw, len}, hash,
                  sizeof hash);
    memcpy(raw + len, hash, 4);
    memcpy(text, "stoop1:", 7);
    base64url_write((struct bytes){raw, len + 4}, text + 7);
}

static void test_a_right_checksum_does_not_make_wrong_fields_right(void **state) {
    (void)state;
    enum {
        CREATED = 192,
        EXPIRES = 200,
        ROLE = 224,
        ALLOWANCE = 225,
        COUNT = 226,
        FIRST = 227
    };
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"no role", ROLE, 0},
        {"administrator", ROLE, MEMBER_ADMINISTRATOR},
        {"unknown role", ROLE, 5},
        {"allowance over 64", ALLOWANCE, 65},
        {"no address", COUNT, 0},
        {"an address is missing", COUNT, 3},
        {"an address is left over", COUNT, 1},
        {"thousands of addresses", COUNT, 255},
        {"created before 1970", CREATED, 0x80},
        {"expires after year 9999", EXPIRES, 0x01},
        {"address runs over the end", FIRST, 63},
        {"address is too long", FIRST, 64},
        {"address is empty", FIRST, 0},
        {"address with NUL", FIRST + 16, 0},
        {"address is a name", FIRST + 1, 'x'},
    };
    struct invite_code code = sample_code();
    struct invite_code out;
    char text[CODE_MAX_BYTES];
    uint8_t raw[512];
    size_t len = 0;
    CHECK_ERR(ERR_OK, invite_code_write(&code, text));
    CHECK_ERR(ERR_OK, base64url_read(BYTES_TEXT(text + 7), raw, sizeof raw, &len));
    char again[CODE_MAX_BYTES];
    write_raw(raw, len - 4, again);
    assert_string_equal(text, again); /* the forger's pen works */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t kept = raw[cases[i].at];
        raw[cases[i].at] = cases[i].value;
        write_raw(raw, len - 4, text);
        if (invite_code_read(text, &out) != ERR_USER_INVITE) {
            fail_msg("%s: should be refused", cases[i].what);
        }
        raw[cases[i].at] = kept;
    }
    memset(raw + CREATED, 0, 16); /* expires before it was created */
    raw[CREATED + 7] = 9;
    raw[EXPIRES + 7] = 9;
    write_raw(raw, len - 4, text);
    CHECK_ERR(ERR_USER_INVITE, invite_code_read(text, &out));
}

static void test_what_cannot_be_read_is_not_written(void **state) {
    (void)state;
    char text[CODE_MAX_BYTES];
    struct invite_code code = sample_code();
    code.role = MEMBER_ADMINISTRATOR;
    CHECK_ERR(ERR_USER_INVITE, invite_code_write(&code, text));
    code = sample_code();
    code.address_count = ADDRESSES_MAX + 1;
    CHECK_ERR(ERR_USER_INVITE, invite_code_write(&code, text));
    code = sample_code();
    memset(code.addresses[1], 'a', ADDRESS_MAX_BYTES);
    CHECK_ERR(ERR_USER_INVITE, invite_code_write(&code, text));
    code = sample_code();
    code.expires = code.created;
    CHECK_ERR(ERR_USER_INVITE, invite_code_write(&code, text));
    code = sample_code();
    code.address_count = ADDRESSES_MAX; /* the longest there are still fit */
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        (void)snprintf(code.addresses[i], ADDRESS_MAX_BYTES, "%s",
                       "[2001:db8:1111:2222:3333:4444:5555:666a]:65535");
        code.addresses[i][38] = (char)('a' + i);
    }
    enum err err = invite_code_write(&code, text);
    CHECK(err == ERR_FULL_BUFFER || (err == ERR_OK && strlen(text) < CODE_MAX_BYTES));
}

static void test_a_code_whose_signature_is_not_the_owners_gives_no_invite(void **state) {
    (void)state;
    struct invite_code code = sample_code();
    struct buffer out;
    buffer_init(&out, 1024);
    code.invite_allowance = 4; /* more than was signed */
    CHECK_ERR(ERR_USER_INVITE, invite_code_signed(&code, &out));
    code = sample_code();
    code.secret[0] ^= 1;
    CHECK_ERR(ERR_USER_INVITE, invite_code_signed(&code, &out));
    CHECK(out.len == 0);
    buffer_finish(&out);
}

static void test_addresses_are_literals_in_one_spelling(void **state) {
    (void)state;
    enum {
        NO = 0,
        PUBLIC,
        PRIVATE,
        LOOPBACK
    };
    static const struct {
        const char *text;
        int kind;
    } cases[] = {
        {"203.0.113.7:7878", PUBLIC},
        {"8.8.8.8:1", PUBLIC},
        {"[2001:db8::1]:65535", PUBLIC},
        {"172.15.0.1:1", PUBLIC},
        {"172.32.0.1:1", PUBLIC},
        {"100.128.0.1:1", PUBLIC},
        {"10.1.2.3:7878", PRIVATE},
        {"172.16.0.1:7878", PRIVATE},
        {"172.31.255.255:7878", PRIVATE},
        {"192.168.1.1:7878", PRIVATE},
        {"169.254.169.254:80", PRIVATE}, /* where clouds keep their secrets */
        {"100.64.0.1:7878", PRIVATE},
        {"[fd00::1]:7878", PRIVATE},
        {"[fe80::1]:7878", PRIVATE},
        {"[fec0::1]:7878", PRIVATE},
        {"127.0.0.1:7878", LOOPBACK},
        {"127.255.0.9:7878", LOOPBACK},
        {"0.0.0.0:7878", LOOPBACK},
        {"[::1]:7878", LOOPBACK},
        {"[::]:7878", LOOPBACK},
        {"[::ffff:127.0.0.1]:7878", NO}, /* a second spelling, past every check */
        {"[::ffff:10.0.0.1]:7878", NO},
        {"[::127.0.0.1]:7878", NO},
        {"[::2]:7878", NO},
        {"[2001:DB8::1]:7878", NO},
        {"[2001:db8:0::1]:7878", NO},
        {"2001:db8::1:7878", NO},
        {"[203.0.113.7]:7878", NO},
        {"[fe80::1%eth0]:7878", NO},
        {"203.0.113.07:7878", NO},
        {"203.0.113:7878", NO},
        {"0x7f.0.0.1:7878", NO},
        {"2130706433:7878", NO},
        {"example.org:7878", NO},
        {"localhost:7878", NO},
        {"203.0.113.7", NO},
        {"203.0.113.7:", NO},
        {"203.0.113.7:0", NO},
        {"203.0.113.7:07878", NO},
        {"203.0.113.7:65536", NO},
        {"203.0.113.7:18446744073709551617", NO},
        {"203.0.113.7:80 ", NO},
        {"203.0.113.7:+80", NO},
        {" 203.0.113.7:80", NO},
        {"[]:7878", NO},
        {":7878", NO},
        {"[:7878", NO},
        {"]:7878", NO},
        {"", NO},
        {"[2001:db8::1]x:7878", NO},
        {"[2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:78", NO},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *text = cases[i].text;
        int kind = !address_valid(text)        ? NO
                   : address_is_loopback(text) ? LOOPBACK
                   : address_is_private(text)  ? PRIVATE
                                               : PUBLIC;
        if (kind != cases[i].kind) {
            fail_msg("'%s': expected %d, got %d", text, cases[i].kind, kind);
        }
    }
    char longest[300];
    memset(longest, '1', sizeof longest);
    memcpy(longest + sizeof longest - 4, ":80", 4);
    CHECK(!address_valid(longest));
}

static struct door_code sample_door(void) {
    const struct sample_home *founder = &community.homes[SAMPLE_FOUNDER];
    return (struct door_code){.community = community.id,
                              .home = founder->certificate,
                              .transport = founder->transport_public,
                              .name = "Number 12",
                              .address_count = 2,
                              .addresses = {"203.0.113.7:7878", "[2001:db8::1]:7878"}};
}

/* A typing error anywhere is told from a door. */
static void test_a_doors_code_reads_as_it_was_written_and_no_other_way(void **state) {
    (void)state;
    struct door_code code = sample_door();
    struct door_code again;
    char text[CODE_MAX_BYTES];
    char same[CODE_MAX_BYTES];
    CHECK_ERR(ERR_OK, door_code_write(&code, text));
    CHECK_ERR(ERR_OK, door_code_read(text, &again));
    CHECK(id_equal(&code.community, &again.community) && id_equal(&code.home, &again.home) &&
          box_public_equal(&code.transport, &again.transport) &&
          strcmp(code.name, again.name) == 0 && code.address_count == again.address_count);
    CHECK_ERR(ERR_OK, door_code_write(&again, same));
    CHECK(strcmp(text, same) == 0);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char kept = text[i];
        text[i] = kept == 'A' ? 'B' : 'A';
        CHECK_ERR(ERR_USER_SYNTAX, door_code_read(text, &again));
        text[i] = '\0'; /* cut off */
        CHECK_ERR(ERR_USER_SYNTAX, door_code_read(text, &again));
        text[i] = kept;
    }
    code.name[0] = '\0';
    CHECK_ERR(ERR_USER_SYNTAX, door_code_write(&code, text));
    code = sample_door();
    code.address_count = 0;
    CHECK_ERR(ERR_USER_SYNTAX, door_code_write(&code, text));
}

static void test_an_application_reads_as_it_was_written(void **state) {
    (void)state;
    static uint8_t room[APPLICATION_MAX_BYTES];
    static uint8_t longest[OUTSIDER_CERTIFICATE_MAX + 1];
    static char text[APPLICATION_MAX_BYTES];
    struct application application = {.kind = OUTSIDER_PRESS,
                                      .door_count = OUTSIDER_DOORS_MAX,
                                      .doors = {{{1}}, {{2}}, {{3}}, {{4}}},
                                      .member = {longest, OUTSIDER_CERTIFICATE_MAX}};
    struct application again;
    CHECK_ERR(ERR_OK, application_write(&application, text)); /* the longest fits */
    CHECK_ERR(ERR_OK, application_read(text, room, &again));
    CHECK(again.kind == OUTSIDER_PRESS && again.door_count == OUTSIDER_DOORS_MAX);
    CHECK(memcmp(again.doors, application.doors, sizeof again.doors) == 0);
    CHECK(bytes_equal(again.member, application.member));
    text[60] = text[60] == 'A' ? 'B' : 'A';
    CHECK_ERR(ERR_USER_SYNTAX, application_read(text, room, &again));
    application.member.len++;
    CHECK_ERR(ERR_USER_SYNTAX, application_write(&application, text));
    application.member.len = 1;
    application.doors[3] = application.doors[0];
    CHECK_ERR(ERR_USER_SYNTAX, application_write(&application, text));
    application.door_count = 0;
    CHECK_ERR(ERR_USER_SYNTAX, application_write(&application, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_doors_code_reads_as_it_was_written_and_no_other_way),
        cmocka_unit_test(test_an_application_reads_as_it_was_written),
        cmocka_unit_test(test_a_code_reads_as_it_was_written_and_gives_the_signed_invite),
        cmocka_unit_test(test_every_changed_missing_or_added_letter_is_noticed),
        cmocka_unit_test(test_a_right_checksum_does_not_make_wrong_fields_right),
        cmocka_unit_test(test_what_cannot_be_read_is_not_written),
        cmocka_unit_test(test_a_code_whose_signature_is_not_the_owners_gives_no_invite),
        cmocka_unit_test(test_addresses_are_literals_in_one_spelling),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
