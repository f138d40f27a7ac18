/* Words that people say (PROTOCOL 4.10), and what an owner's pins remember of it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/meet.h"
#include "proto/pins.h"
#include "tests/support/check.h"

static void test_words_can_be_told_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < MEET_LIST_WORDS; i++) {
        const char *word = meet_word(i);
        CHECK(strlen(word) >= 3 && strlen(word) < MEET_WORD_BYTES);
        CHECK(strspn(word, "abcdefghijklmnopqrstuvwxyz") == strlen(word));
        for (size_t k = i + 1; k < MEET_LIST_WORDS; k++) {
            CHECK(strcmp(word, meet_word(k)) < 0);
            CHECK(strncmp(word, meet_word(k), 3) != 0);
        }
    }
    CHECK(meet_word(MEET_LIST_WORDS) == NULL);
}

static void test_a_code_is_read_as_people_type_it(void **state) {
    (void)state;
    static const char *const same[] = {"41 amber river pony", "  41-Amber, RIVER-pony.",
                                       "41.amber.river.pony", "41\tamber river pony  "};
    static const char *const none[] = {"",
                                       "41",
                                       "41 amber river",
                                       "41 amber river pony pony",
                                       "041 amber river pony",
                                       "04 amber river pony",
                                       "100 amber river pony",
                                       "amber 41 river pony",
                                       "amber river pony",
                                       "-1 amber river ponies",
                                       "41 amber river pon"};
    struct meet_code code;
    const char *wrong = NULL;
    char text[MEET_CODE_BYTES];
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        CHECK_ERR(ERR_OK, meet_code_read(same[i], &code, &wrong));
        meet_code_write(&code, text);
        assert_string_equal(text, same[0]);
    }
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        CHECK_ERR(ERR_USER_SYNTAX, meet_code_read(none[i], &code, &wrong));
    }
    CHECK_ERR(ERR_USER_SYNTAX, meet_code_read("41 amber rivver pony", &code, &wrong));
    CHECK(strncmp(wrong, "rivver", 6) == 0);
    for (unsigned number = 0; number < MEET_CODE_NUMBERS; number++) {
        const struct meet_code each = {(uint8_t)number, {0, 255, (uint8_t)number}};
        meet_code_write(&each, text);
        CHECK_ERR(ERR_OK, meet_code_read(text, &code, &wrong));
        CHECK(memcmp(&code, &each, sizeof code) == 0);
    }
}

/* Whoever is which gets the same words; any difference in what they bind gives others. */
static void test_both_sides_get_the_same_words(void **state) {
    (void)state;
    const struct id community = {{7}};
    const struct id another = {{8}};
    const struct meet_side a = {{{1}}, {11}};
    const struct meet_side b = {{{2}}, {22}};
    struct meet_side other = b;
    char words[MEET_WORDS_BYTES];
    char again[MEET_WORDS_BYTES];
    uint8_t commitment[32];
    uint8_t second[32];
    meet_compare_words(&community, &a, &b, words);
    meet_compare_words(&community, &b, &a, again);
    assert_string_equal(words, again);
    meet_compare_words(&another, &a, &b, again);
    assert_string_not_equal(words, again);
    other.nonce[31] = 1;
    meet_compare_words(&community, &a, &other, again);
    assert_string_not_equal(words, again);
    other = b;
    other.certificate.b[31] = 1;
    meet_compare_words(&community, &a, &other, again);
    assert_string_not_equal(words, again);
    meet_commitment(&community, &a, &b.certificate, commitment);
    meet_commitment(&community, &a, &other.certificate, second);
    CHECK(memcmp(commitment, second, sizeof commitment) != 0); /* not to be passed on to another */
}

static void test_an_introduction_reads_as_it_was_written(void **state) {
    (void)state;
    struct introduction introduction = {.community = {{1}},
                                        .sponsor = {{2}},
                                        .transport = {{3}},
                                        .tag = {4},
                                        .expires = {INT64_C(1795555800000)},
                                        .address_count = 2,
                                        .addresses = {"203.0.113.7:7878", "[2001:db8::1]:7878"}};
    struct introduction again;
    char text[CODE_MAX_BYTES];
    CHECK_ERR(ERR_OK, introduction_write(&introduction, text));
    CHECK(introduction_is(text));
    CHECK_ERR(ERR_OK, introduction_read(text, &again));
    CHECK(memcmp(&introduction, &again, sizeof again) == 0);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char broken[CODE_MAX_BYTES];
        memcpy(broken, text, sizeof broken);
        broken[i] = broken[i] == 'A' ? 'B' : 'A';
        CHECK_ERR(ERR_USER_INVITE, introduction_read(broken, &again));
        broken[i] = '\0';
        CHECK_ERR(ERR_USER_INVITE, introduction_read(broken, &again));
    }
    introduction.address_count = 0;
    CHECK_ERR(ERR_USER_INVITE, introduction_write(&introduction, text));
    introduction.address_count = 1;
    (void)snprintf(introduction.addresses[0], ADDRESS_MAX_BYTES, "elm.example:7878");
    CHECK_ERR(ERR_USER_INVITE, introduction_write(&introduction, text));
    CHECK(!introduction_is("stoop1:AAAA"));
}

static struct member member_with(uint8_t key) {
    struct member member = {.owner_count = 1};
    member.node.b[0] = key;
    member.owners[0].sign.b[0] = key;
    return member;
}

static void test_pins_remember_whom_words_were_compared_with(void **state) {
    (void)state;
    static struct pins pins;
    static struct pins again;
    struct member ben = member_with(1);
    SCOPED(buffer_finish) struct buffer file = {.max = PINS_FILE_MAX};
    size_t line = 0;
    CHECK(pins_met(&pins, &ben) == NULL);
    pins_meet(&pins, &ben, (struct instant){1000});
    pins_meet(&pins, &ben, (struct instant){2000});
    CHECK(pins.met_count == 1);
    CHECK_ERR(ERR_OK, pins_write(&pins, &file));
    CHECK_ERR(ERR_OK, pins_read(buffer_bytes(&file), &again, &line));
    CHECK(pins_met(&again, &ben)->at.ms == 2000);
    ben.head.created.ms = 77; /* renewed */
    CHECK(pins_met(&again, &ben) != NULL);
    ben.owners[1].sign.b[0] = 3;
    ben.owner_count = 2; /* somebody else besides */
    CHECK(pins_met(&again, &ben) == NULL);
    for (size_t i = 0; i < PINS_MET_MAX; i++) { /* the oldest gives way */
        struct member other = member_with((uint8_t)(10 + i));
        pins_meet(&pins, &other, (struct instant){3000});
    }
    ben = member_with(1);
    CHECK(pins.met_count == PINS_MET_MAX && pins_met(&pins, &ben) == NULL);
    for (size_t i = 0; i < OWNERS_MAX; i++) { /* and the fullest file can be read */
        pins.owner_count++;
        memset(pins.owner_names[i], 'x', NAME_MAX_BYTES - 1);
    }
    buffer_clear(&file);
    CHECK_ERR(ERR_OK, pins_write(&pins, &file));
    CHECK_ERR(ERR_OK, pins_read(buffer_bytes(&file), &again, &line));
}

static void test_pins_that_are_not_written_so_are_refused(void **state) {
    (void)state;
    static struct pins pins;
    static const char hex[] = "0102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f10";
    static const char *const ends[] = {
        "", " ", " 0", " 01", " -1", " 12x", " 1 ", " 253402300800000", " 9999999999999999"};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char text[128];
        size_t line = 0;
        (void)snprintf(text, sizeof text, "met %s%s\n", hex, ends[i]);
        CHECK_ERR(ERR_USER_SYNTAX, pins_read(BYTES_TEXT(text), &pins, &line));
        CHECK(line == 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_can_be_told_apart),
        cmocka_unit_test(test_a_code_is_read_as_people_type_it),
        cmocka_unit_test(test_both_sides_get_the_same_words),
        cmocka_unit_test(test_an_introduction_reads_as_it_was_written),
        cmocka_unit_test(test_pins_remember_whom_words_were_compared_with),
        cmocka_unit_test(test_pins_that_are_not_written_so_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
